"""What an installer is told of a device, from messages that went through the reader."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.texts import load
from ingest.bindings import Binding, FixedBindings
from ingest.devices import decode
from ingest.lately import Lately
from ingest.quality import Memory, Message, judge
from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from shuian.commissioning import drawn, lacks

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
TASMOTA = b'{"Time":"2026-11-21T06:00:00+00:00","COUNTER":{"C1":82184}}'


class Nothing:
    def last(self, device, quantity):
        return None

    def arrival(self, device, quantity, ident):
        return None


def binding(device="water", fmt="tasmota", **other):
    return Binding(device, fmt, NOW - timedelta(days=100), **other)


def heard(bound, *messages):
    """Return what was understood of messages (topic, payload, minutes ago, retain), the last one the newest."""
    lately = Lately()
    bindings = FixedBindings([] if bound is None else [bound])
    for topic, payload, ago, retain in messages:
        message = Message(topic, payload, NOW - timedelta(minutes=ago), retain)
        decoded = decode(topic, payload, message.received_at, retain)
        lately.note([(message, decoded, judge(message, decoded, bindings, Memory(Nothing())))])
    return lately.of("water")


def codes(bound, *messages, last_ms=None):
    return [one.code for one in lacks(heard(bound, *messages), bound, last_ms, NOW)]


def sensor(payload=TASMOTA, ago=0, retain=False):
    return "tele/water/SENSOR", payload, ago, retain


def test_a_device_that_wants_nothing_is_told_so():
    assert codes(binding(litres_per_pulse=1.0), sensor()) == []


@pytest.mark.parametrize(
    ("bound", "message", "code"),
    [
        (None, sensor(), "unknown"),
        (binding(consented=False), sensor(), "no_consent"),
        (binding(), sensor(), "litres_per_pulse"),
        (binding(fmt="native"), sensor(), "format"),
        (binding(litres_per_pulse=1.0), sensor(retain=True), "retained"),
        (binding(resolution_l=None), sensor(), "no_resolution"),
        (binding(litres_per_pulse=1.0), sensor(b'{"Time":"2026-11-21T06:00:00+00:00","COUNTER":'), "refused"),
        (binding(), sensor(b'{"Time":"2026-11-21T06:00:00+00:00","ANALOG":{"Temperature":21.5}}'), "no_register"),
    ],
)
def test_what_stops_a_device_stands_first(bound, message, code):
    found = lacks(heard(bound, message), bound, None, NOW)
    assert found[0].code == code
    assert found[0].stops


def test_a_counter_beside_the_first_is_no_register_of_the_home():
    second = sensor(b'{"Time":"2026-11-21T06:00:00+00:00","COUNTER":{"C2":82184}}')
    assert codes(binding(litres_per_pulse=1.0), second) == ["no_register"]
    both = sensor(b'{"Time":"2026-11-21T06:00:00+00:00","COUNTER":{"C1":82184,"C2":7}}')
    assert codes(binding(litres_per_pulse=1.0), both) == []


def test_a_flow_without_a_unit_does_not_stop_a_register_that_has_one():
    bound = binding(fmt="aliyun_tsl")
    params = b'{"WaterCFV":{"value":82.184,"time":1795240800000},"flowRate":{"value":3,"time":1795240800000}}'
    posted = b'{"method":"thing.event.property.post","params":' + params + b"}"
    assert codes(bound, ("/sys/p/water/thing/event/property/post", posted, 0, False)) == []


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b'{"Time":"2026-11-21T14:00:00","COUNTER":{"C1":82184}}', "zone"),
        (b'{"Time":"1970-01-01T00:00:09","COUNTER":{"C1":82184}}', "clock"),
        (b'{"COUNTER":{"C1":82184}}', "time"),
    ],
)
def test_a_clock_that_does_not_help_is_a_hint(payload, code):
    (one,) = lacks(heard(binding(litres_per_pulse=1.0), sensor(payload)), binding(litres_per_pulse=1.0), None, NOW)
    assert (one.code, one.stops) == (code, False)


def test_another_pace_than_registered_is_told_with_both():
    bound = binding(litres_per_pulse=1.0, period_s=3600)
    assert codes(bound, sensor(ago=120), sensor(ago=60), sensor()) == []
    (one,) = lacks(heard(bound, sensor(ago=10), sensor(ago=5), sensor()), bound, None, NOW)
    assert (one.code, dict(one.slots)) == ("period", {"want": "60", "got": "5"})


def test_silence_is_never_or_long_and_not_a_restart_of_the_service():
    assert codes(binding()) == ["never_heard"]
    ms = int(NOW.timestamp() * 1000)
    assert codes(binding(), last_ms=ms - 2 * 3_600_000) == []
    assert codes(binding(), last_ms=ms - 4 * 3_600_000) == ["not_heard"]


def test_coarse_steps_are_a_hint():
    assert codes(binding(litres_per_pulse=10.0, resolution_l=10.0), sensor()) == ["coarse"]


def test_every_lack_has_its_words_in_both_languages():
    words = load()
    for code in ("unknown", "no_consent", "never_heard", "not_heard", "format", "retained", "refused", "unit",
                 "litres_per_pulse", "modulus", "no_resolution", "no_register", "zone", "clock", "time", "period",
                 "coarse"):  # fmt: skip
        slots = {"device": "d", "want": "1", "got": "2", "reason": "r", "litres": "10", "format": "native"}
        said = {
            words(lang, f"page.c.device.{part}.{code}", **slots) for part in ("lack", "how") for lang in ("zh_CN", "en")
        }
        assert len(said) == 4


def row(minutes, litres):
    ms = int((NOW + timedelta(minutes=minutes)).timestamp() * 1000)
    return StoredReading("water", WATER_VOLUME_TOTAL, ms, int(litres * 1000), ms)


def test_a_tap_is_seen_between_the_report_before_and_the_newest_after():
    told = drawn([row(-60, 90.0), row(-10, 100.0), row(50, 112.0), row(110, 113.0)], NOW)
    assert told is not None
    assert told.litres == 13.0
    assert (told.since_at, told.until_at) == (NOW - timedelta(minutes=10), NOW + timedelta(minutes=110))


def test_without_a_report_on_both_sides_nothing_is_known():
    assert drawn([row(-10, 100.0)], NOW) is None
    assert drawn([row(10, 100.0)], NOW) is None
    assert drawn([], NOW) is None


@pytest.mark.parametrize(
    ("hours", "codes_"), [((8, 8), ["zone"]), ((-5.5, -5.5), ["zone"]), ((8, 3), []), ((0, 0), []), ((40, 40), [])]
)
def test_a_clock_that_is_off_by_the_same_whole_hours_keeps_another_zone(hours, codes_):
    bound = binding(litres_per_pulse=1.0)
    said = [
        sensor(
            f'{{"Time":"{NOW - timedelta(minutes=ago) - timedelta(hours=late):%Y-%m-%dT%H:%M:%S}+00:00",'
            f'"COUNTER":{{"C1":{82_184 - ago}}}}}'.encode(),
            ago,
        )
        for ago, late in zip((60, 0), hours, strict=True)
    ]
    assert codes(bound, *said) == codes_
