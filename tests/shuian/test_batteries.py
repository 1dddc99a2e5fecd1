"""Batteries of meters and sensors, from the message to what the technicians are told."""

from datetime import timedelta

import pytest

from ingest.devices import FORMATS, DeviceMemory, chirpstack, decode
from ingest.quality import Memory, Message, judge
from shuian.battery_check import BatteryCheck
from shuian.rows import NOWHERE
from simulators import encoding
from simulators.reports import Report
from tests.shuian.street import T0, Street, bound

DAY = timedelta(days=1)


class Watched:
    """A street whose devices speak their own formats, and the check of its batteries."""

    def __init__(self, folder, *devices):
        self.street = Street(folder, [bound(place=NOWHERE, **one) for one in devices], rules=())
        self.check = BatteryCheck(self.street.store, lambda: self.street.pipeline.rows, lambda: self.street.now)
        self.memory, self.litres = DeviceMemory(), 82_184.0

    def hear(self, *messages):
        """Let messages (topic, payload) be read, judged and stored."""
        street = self.street
        bindings, memory = street.pipeline.rows.bindings, Memory(street.store)
        for topic, payload in messages:
            decoded = decode(topic, payload, street.now, memory=self.memory)
            assert decoded.rejected is None
            done = judge(Message(topic, payload, street.now), decoded, bindings, memory)
            assert not done.rejects
            street.store.commit(list(done.readings), [])
        street.work()

    def day(self, device, fmt, percent=None, *messages):
        """Let a day pass in which a device reports twice, and the check looks."""
        for _ in range(2):
            self.street.now += DAY / 2
            self.litres += 40
            if percent is not None:
                one = Report(self.street.now.timestamp(), device, "", self.litres, charge=percent)
                self.hear(*encoding.report(one, fmt))
            self.hear(*messages)
        self.street.pipeline.doubt(self.check.look(self.street.pipeline.told_of))
        self.street.work()

    def told(self):
        return [one.finding.reason for one in self.street.inbox.findings.values() if one.finding.kind == "battery"]

    def holds(self):
        return ("h1", "battery") in self.street.inbox.holding()


@pytest.mark.parametrize("fmt", [name for name in encoding.METERS if encoding.played(name).charge])
def test_m6_a_meter_of_every_format_that_tells_its_charge_is_told_of_once_until_it_was_changed(tmp_path, fmt):
    device = encoding.meter(fmt, 7)
    watched = Watched(tmp_path, {"device": device, "format": fmt, "unit": encoding.played(fmt).unit or None})
    for percent in (80, 80, 60, 40, 30, 22, 15, 12, 11, 10, 10):
        watched.day(device, fmt, percent)
    assert watched.told() in (["meter_battery_falling"], ["meter_battery_low"])
    assert watched.holds()
    watched.street.pipeline.save()
    watched.street.restart()
    for percent in (9, 100, 100, 100):
        watched.day(device, fmt, percent)
    assert len(watched.told()) == 1
    assert not watched.holds()
    watched.street.store.close()


def test_m6_a_months_warning_says_how_long_the_battery_lasts(tmp_path):
    watched = Watched(tmp_path, {"device": "wm-000007"})
    for n in range(30):
        watched.day("wm-000007", "native", 70 - 1.2 * n)
    (finding,) = [one.finding for one in watched.street.inbox.findings.values() if one.finding.kind == "battery"]
    assert finding.severity == "blue"
    assert 20 < finding.evidence["empty_s"] / 86_400 <= 30
    assert finding.evidence["battery_percent"] < 70
    watched.street.store.close()


def test_a_sensor_is_told_as_one_and_its_meter_is_well(tmp_path):
    sensor = {"device": "door-1", "format": "zigbee2mqtt", "resolution_l": None}
    watched = Watched(tmp_path, {"device": "wm-000007"}, sensor)
    low = ("zigbee2mqtt/door-1", b'{"contact":true,"battery":14,"linkquality":80}')
    for _ in range(4):
        watched.day("wm-000007", "native", 90, low)
    assert watched.told() == ["sensor_battery_low"]
    watched.street.store.close()


def test_the_meters_own_word_is_believed_after_two_days_of_it(tmp_path):
    device = encoding.meter("chirpstack", 7)
    watched = Watched(tmp_path, {"device": device, "format": "chirpstack"})
    for n in range(7):
        for _ in range(2):
            watched.street.now += DAY / 2
            watched.litres += 40
            status = 0x04 if n >= 3 or n == 1 else 0  # once by mistake, then for good
            watched.hear(chirpstack.encode(device, watched.street.now, watched.litres, status=status))
        watched.street.pipeline.doubt(watched.check.look(watched.street.pipeline.told_of))
        watched.street.work()
        assert n >= 4 or not watched.told()
    assert watched.told() == ["meter_battery_low"]
    watched.street.store.close()


def test_who_says_nothing_of_a_battery_is_not_told_and_a_charge_of_zero_from_the_start_is_none(tmp_path):
    watched = Watched(tmp_path, {"device": "wm-000007"}, {"household": "h2", "device": "wm-000008"})
    for _ in range(6):
        watched.day("wm-000007", "native")
        watched.day("wm-000008", "native", 0.0)
    assert watched.told() == []
    watched.street.store.close()


def test_what_was_said_before_a_device_came_to_this_home_says_nothing_of_it(tmp_path):
    watched = Watched(tmp_path, {"device": "wm-000007"})
    for _ in range(3):
        watched.day("wm-000007", "native", 12.0)
    assert watched.told() == ["meter_battery_low"]
    swap = watched.street.now + DAY / 4
    watched.street.town.homes = [
        bound(device="wm-000007", valid_to=swap),
        bound(device="wm-000009", valid_from=swap),
    ]
    watched.street.town.moved()
    for _ in range(2):
        watched.day("wm-000009", "native")
    assert not watched.holds()
    watched.street.store.close()


def test_the_charge_of_a_fleet_falls_with_its_fault_and_is_written_where_a_format_has_a_place_for_it():
    assert {"native", "chirpstack", "tts", "zigbee2mqtt", "wmbusmeters"} <= {
        name for name in FORMATS if encoding.played(name).charge
    }
    one = Report(T0.timestamp(), "water", "", 82_184.0, charge=33.0)
    assert len(encoding.report(one, "tasmota")) == 1, "no place for it"
