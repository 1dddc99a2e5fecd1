"""Zigbee2MQTT: what is an event, what is only remembered, and in which unit water is counted."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.devices import Decoded, DeviceMemory, decode, zigbee2mqtt

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)


class Home:
    """A gateway's messages one after the other, read with one memory, a minute apart unless said."""

    def __init__(self, **memory: Any) -> None:
        self.memory, self.now = DeviceMemory(**memory), NOW

    def says(
        self, payload: object, topic: str = "zigbee2mqtt/hall", retain: bool = False, after_s: float = 60
    ) -> Decoded:
        self.now += timedelta(seconds=after_s)
        text = payload if isinstance(payload, str) else json.dumps(payload)
        return decode(topic, text.encode(), self.now, retain, self.memory)

    def events(self, *payloads: object, **more: Any) -> list[str]:
        """Return the quantities that were news, over all messages."""
        found = []
        for payload in payloads:
            decoded = self.says(payload, **more)
            assert decoded.rejected is None
            found += [r.quantity for r in decoded.readings if not {"cached_state", "duplicate_of_json"} & set(r.flags)]
        return found


def flags(decoded: Decoded) -> dict[str, set[str]]:
    return {reading.quantity: set(reading.flags) for reading in decoded.readings}


@pytest.mark.parametrize(
    ("series", "times"),
    [
        pytest.param([{"occupancy": True}] * 3, 3, id="a gateway that remembers nothing"),
        pytest.param([{"occupancy": True, "linkquality": n} for n in (1, 2)], 2, id="link quality is no cause"),
        pytest.param([{"occupancy": True, "battery": n} for n in (80, 79, 79)], 1, id="battery reports repeat it"),
        pytest.param([{"occupancy": True, "illuminance": n} for n in (5, 6, 7)], 0, id="light repeats it"),
        pytest.param(
            [{"occupancy": on, "illuminance": 5} for on in (False, True, True, False, True)],
            2,
            id="on is new after off",
        ),
        pytest.param([{"occupancy": None}, {"occupancy": ""}], 0, id="nothing is no motion"),
        pytest.param([{"occupancy": True, "keep_time": "60", "sensitivity": "high", "battery": 100}], 1, id="settings"),
    ],
)
def test_motion_is_news_once_and_then_only_remembered(series: list[object], times: int) -> None:
    home = Home()
    motions = [
        reading
        for message in series
        for reading in home.says(message).readings
        if reading.quantity == "occupancy" and reading.value and "cached_state" not in reading.flags
    ]
    assert len(motions) == times


def test_motion_that_the_gateway_forgot_to_take_back_is_no_sign_of_life_after_our_restart() -> None:
    home = Home(past=lambda device, quantity: True)
    assert home.events({"occupancy": True, "battery": 79}) == ["battery"]
    assert home.events({"occupancy": True}) == ["occupancy"], "a message of nothing else is plainly an event"


@pytest.mark.parametrize(
    ("key", "quantity"), [("water_leak", "water_leak"), ("contact", "contact_open"), ("smoke", "smoke")]
)
def test_a_lasting_state_is_news_when_it_changes(key: str, quantity: str) -> None:
    home = Home()
    series = [{key: on, "battery": 90} for on in (True, True, False, False, True)]
    assert home.events(*series).count(quantity) == 3


def test_a_leak_that_was_stored_before_our_restart_is_not_raised_again() -> None:
    home = Home(past=lambda device, quantity: quantity == "water_leak" or None)
    assert home.events({"water_leak": True}) == []
    assert home.events({"water_leak": False}) == ["water_leak"]


def test_contact_false_is_an_open_door() -> None:
    assert [(r.quantity, r.value) for r in Home().says({"contact": False}).readings] == [("contact_open", True)]


@pytest.mark.parametrize("word", ["emergency", "sos", "panic"])
def test_every_press_is_a_call_for_help(word: str) -> None:
    home = Home()
    press = {"action": word, "battery": 0, "linkquality": 156}
    assert home.events(press, {"action": ""}, press, {"action": None}, press, after_s=0.3).count("sos") == 3


@pytest.mark.parametrize("word", ["single", "rotate_right", "emergency light", "SOS?"])
def test_other_buttons_ask_for_no_help(word: str) -> None:
    (reading,) = Home().says({"action": word}).readings
    assert (reading.quantity, reading.value, reading.unit) == ("button", word, "event")


def test_the_old_sub_topic_doubles_a_press_and_is_marked() -> None:
    home, topic = Home(), "zigbee2mqtt/hall/action"
    for _ in range(2):
        assert home.events({"action": "emergency"}) == ["sos"]
        assert flags(home.says("emergency", topic, after_s=0.2)) == {"sos": {"duplicate_of_json", "time_missing"}}
        assert home.says("", topic).readings == ()


def test_without_json_the_sub_topic_is_the_press() -> None:
    home = Home()
    assert home.events("emergency", "", "emergency", topic="zigbee2mqtt/hall/action", after_s=0.3) == ["sos", "sos"]
    assert home.events({"action": "emergency"}, after_s=6) == ["sos"], "much later it is another press"


def test_a_press_that_came_by_its_sub_topic_first_is_counted_once() -> None:
    home = Home()
    assert home.events("emergency", topic="zigbee2mqtt/hall/action") == ["sos"]
    assert home.events({"action": "emergency", "battery": 90}, after_s=0.2) == ["battery"]


def test_a_call_that_is_a_state_is_called_again_unless_something_else_changed() -> None:
    home = Home()
    assert home.events({"sos": True, "battery": 90}) == ["sos", "battery"]
    assert home.events({"sos": True, "battery": 89}) == ["battery"]
    assert home.events({"sos": True, "battery": 89}) == ["sos", "battery"]
    assert home.events({"sos": False, "battery": 89}, {"sos": True, "battery": 88}) == ["battery", "sos", "battery"]


def test_retained_copies_are_marked_and_do_not_undo_what_is_known() -> None:
    home = Home()
    copy = home.says({"action": "emergency", "occupancy": True, "battery": 9}, retain=True)
    assert all("retained" in marks for marks in flags(copy).values())
    assert home.events({"occupancy": True, "battery": 9}) == ["battery"], "the copy was the newest state"
    assert home.events({"occupancy": False, "battery": 9}) == ["occupancy", "battery"]
    home.says({"occupancy": True}, retain=True)
    assert home.events({"occupancy": True, "battery": 9}) == ["occupancy", "battery"], "an old copy after a reconnect"


def test_each_key_on_its_own_topic_is_read_and_remembered() -> None:
    home = Home()
    assert home.events("true", "true", topic="zigbee2mqtt/hall/door/occupancy") == ["occupancy"]
    (reading,) = home.says("21.50", "zigbee2mqtt/hall/door/temperature").readings
    assert (reading.device, reading.value, reading.unit) == ("hall/door", 21.5, "Cel")
    assert home.events("15", "null", "", topic="zigbee2mqtt/hall/door/linkquality") == []


@pytest.mark.parametrize(
    "topic",
    [
        "bridge/info",
        "bridge/logging",
        "bridge/event",
        "bridge/response/permit_join",
        "hall/set",
        "hall/get",
        "hall/set/state",
    ],
)
def test_the_gateway_s_own_affairs_are_passed_over(topic: str) -> None:
    decoded = Home().says("Zigbee2MQTT:info  2019-11-09T13:04:01: online", f"zigbee2mqtt/{topic}")
    assert (decoded.format, decoded.readings, decoded.rejected) == ("zigbee2mqtt", (), None)


@pytest.mark.parametrize("payload", ['"offline"', "offline", '{"state":"offline"}'])
@pytest.mark.parametrize(("topic", "device"), [("bridge/state", "bridge"), ("客厅 门/availability", "客厅 门")])
def test_who_can_be_reached_is_a_word_or_an_object(payload: str, topic: str, device: str) -> None:
    (reading,) = Home().says(payload, f"zigbee2mqtt/{topic}").readings
    assert (reading.device, reading.quantity, reading.value, reading.flags) == (
        device,
        "available",
        False,
        ("time_missing",),
    )


@pytest.mark.parametrize("name", ["Aqara Vibration Front Door", "living room/门/1", "0x00158d0006000000"])
@pytest.mark.parametrize("base", ["zigbee2mqtt", "zigbee2mqtt-2", "building/7/zigbee2mqtt"])
def test_names_are_kept_as_they_are_below_any_base_topic(base: str, name: str) -> None:
    (reading,) = Home().says({"contact": True}, f"{base}/{name}").readings
    assert reading.device == name


def test_another_base_topic_is_known_by_the_payload() -> None:
    (reading,) = Home().says({"contact": True, "linkquality": 3}, "z2m/hall/door").readings
    assert reading.device == "hall/door"


@pytest.mark.parametrize("name", ["x" * 129, "a\nb", "a\x07"])
def test_a_name_that_no_registry_could_hold_is_refused(name: str) -> None:
    decoded = Home().says({"contact": True}, f"zigbee2mqtt/{name}")
    assert "topic: want a name" in (decoded.rejected or "")


@pytest.mark.parametrize(
    ("seen", "time", "flag"),
    [
        ("2026-11-21T05:00:00.250Z", "2026-11-21T05:00:00.250Z", None),
        ("2026-11-21T13:00:00+08:00", "2026-11-21T05:00:00Z", None),
        (1795237200250, "2026-11-21T05:00:00.250Z", None),
        ("1795237200250", "2026-11-21T05:00:00.250Z", None),
        ("2026-11-21T13:00:00", None, "time_zone_missing"),
        ("1970-01-01T00:00:00Z", None, "implausible_time"),
        ("2029-01-01T00:00:00Z", None, "implausible_time"),
        ("yesterday", None, "implausible_time"),
        (True, None, "implausible_time"),
        (10**30, None, "implausible_time"),
        ({}, None, "implausible_time"),
        (None, None, "time_missing"),
        ("", None, "time_missing"),
    ],
)
def test_last_seen_is_the_time_if_it_can_be_one(seen: object, time: str | None, flag: str | None) -> None:
    (reading,) = Home().says({"contact": True, "last_seen": seen}).readings
    assert reading.time == (None if time is None else datetime.fromisoformat(time))
    assert reading.flags == (() if flag is None else (flag,))


def test_a_nul_character_in_what_is_not_kept_costs_nothing() -> None:
    assert Home().says('{"contact":true,"device":{"dateCode":"20180130\\u0000"}}').rejected is None


@pytest.mark.parametrize(
    ("fields", "quantity", "value"),
    [
        ({"voltage": 3015}, "battery_voltage", 3.015),
        ({"voltage": "2900"}, "battery_voltage", 2.9),
        ({"voltage": 230.4}, None, None),
        ({"voltage": 0}, None, None),
        ({"battery": "80.00"}, "battery", 80),
        ({"device_temperature": 23}, None, None),
        ({"humidity": 41.27}, "humidity", 41.27),
        ({"state": "ON", "power": 7}, "switch", True),
        ({"state": "ON", "timer_state": "active"}, "valve_open", True),
        ({"state": "OPEN"}, None, None),
    ],
)
def test_numbers_and_switches_come_in_our_units(fields: dict[str, object], quantity: str | None, value: object) -> None:
    decoded = Home().says(fields)
    assert decoded.rejected is None
    assert [(r.quantity, r.value) for r in decoded.readings] == ([] if quantity is None else [(quantity, value)])


@pytest.mark.parametrize(
    "bad", [{"battery": 101}, {"battery": "full"}, {"contact": 3}, {"temperature": []}, {"sos": "x"}]
)
def test_a_bad_value_is_named_and_the_good_ones_are_kept(bad: dict[str, object]) -> None:
    decoded = Home().says({"humidity": 40, **bad})
    assert [reading.quantity for reading in decoded.readings] == ["humidity"]
    assert (decoded.rejected or "").startswith(f"{next(iter(bad))}: want")
    assert decoded.device == "hall"


def test_a_weak_battery_and_an_opened_case_are_marked() -> None:
    assert flags(Home().says({"battery": 12, "contact": True, "tamper": True})) == {
        "contact_open": {"tamper", "time_missing"},
        "battery": {"battery_low", "time_missing"},
    }
    assert flags(Home().says({"battery_low": True, "water_leak": False})) == {
        "water_leak": {"battery_low", "time_missing"}
    }


# --- water ---------------------------------------------------------------------------------------------------------


def devices(unit: str | None, said: str, about: str = "") -> list[dict[str, object]]:
    expose = {"type": "numeric", "property": "water_consumed", "unit": unit, "description": about}
    flow = {"type": "composite", "features": [{"type": "numeric", "property": "flow_rate", "unit": "m³/h"}]}
    definition = {"model": "TS0601", "description": said, "exposes": [expose, flow, {"type": "switch", "features": []}]}
    return [{"friendly_name": "Coordinator", "definition": None}, {"friendly_name": "meter", "definition": definition}]


@pytest.mark.parametrize(
    ("unit", "said", "about", "litres"),
    [
        ("m³", "Ultrasonic water meter valve", "Total water consumption", 12_345),
        ("L", "Water meter", "", 12.345),
        ("L", "Valve", "Total water consumed", 12.345),
        ("L", "Zigbee smart water valve", "Water consumed", None),
        ("L", "Water valve with flow meter", "Single water consumption (Last irrigation)", None),
        ("m³", "Garden water meter", "Total", None),
        ("dL", "Water meter", "Total", None),
        (None, "Water meter", "Total", None),
    ],
)
def test_a_register_is_believed_only_where_the_gateway_calls_it_one(
    unit: str | None, said: str, about: str, litres: float | None
) -> None:
    home = Home()
    assert home.says(devices(unit, said, about), "zigbee2mqtt/bridge/devices", retain=True) == Decoded(
        "zigbee2mqtt", (), None
    )
    decoded = home.says({"water_consumed": "12.345"}, "zigbee2mqtt/meter")
    assert [(r.quantity, r.value) for r in decoded.readings] == ([("water_volume_total", litres)] if litres else [])


def test_the_unit_may_come_from_the_registry_and_the_gateway_s_own_word_wins() -> None:
    home = Home(unit=lambda device, time: "m3" if device == "meter" else None)
    meter, other = "zigbee2mqtt/meter", "zigbee2mqtt/other"
    assert [r.value for r in home.says({"water_consumed": 1.5}, meter).readings] == [1500]
    assert home.says({"water_consumed": 1.5}, other).readings == ()
    home.says(devices("L", "Water meter"), "zigbee2mqtt/bridge/devices")
    assert [r.value for r in home.says({"water_consumed": 1.5}, meter).readings] == [1.5]


def test_flow_is_read_where_its_unit_is_known() -> None:
    home = Home()
    assert home.says({"flow_rate": 0.3}, "zigbee2mqtt/meter").readings == ()
    home.says(devices("m³", "Water meter"), "zigbee2mqtt/bridge/devices")
    (reading,) = home.says({"flow_rate": 0.3}, "zigbee2mqtt/meter").readings
    assert (reading.quantity, reading.value, reading.unit) == ("water_flow", 300, "L/h")


@pytest.mark.parametrize("payload", ["{}", "[1]", '[{"friendly_name": 3}]', "[", '[{"definition": {"exposes": 1}}]'])
def test_a_list_of_devices_that_is_none_is_refused(payload: str) -> None:
    assert "bridge/devices: want a list" in (Home().says(payload, "zigbee2mqtt/bridge/devices").rejected or "")


def test_a_list_as_long_as_a_network_s_is_read_and_one_without_end_is_not() -> None:
    long = devices("L", "Water meter") + [{"friendly_name": f"d{n}", "filler": "x" * 10_000} for n in range(100)]
    home = Home()
    assert home.says(long, "zigbee2mqtt/bridge/devices").rejected is None
    assert home.events({"water_consumed": 1}, topic="zigbee2mqtt/meter") == ["water_volume_total"]
    deep = '[{"friendly_name":"d","definition":{"exposes":' + '[{"features":' * 60_000
    for endless in ("[" + " " * 9_000_000 + "]", json.dumps([{"friendly_name": str(n)} for n in range(2_001)]), deep):
        assert home.says(endless, "zigbee2mqtt/bridge/devices").rejected


# --- written by simulators -----------------------------------------------------------------------------------------


@given(st.integers(0, 10**10), st.datetimes(datetime(2020, 1, 1), datetime(2026, 11, 21), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_register_in_millilitres_survives_encode_and_decode(ml: int, at: datetime) -> None:
    memory = DeviceMemory(unit=lambda device, time: "L")
    (reading,) = decode(*zigbee2mqtt.encode("meter 1", at, ml / 1000), NOW, False, memory).readings
    assert (reading.device, reading.quantity, reading.value) == ("meter 1", "water_volume_total", ml / 1000)
    assert reading.time == at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_a_state_is_written_as_a_gateway_writes_it() -> None:
    topic, payload = zigbee2mqtt.encode_state("door-701", NOW, contact=False, battery=90)
    assert (topic, json.loads(payload)) == (
        "zigbee2mqtt/door-701",
        {"contact": False, "battery": 90, "last_seen": "2026-11-21T06:00:05Z", "linkquality": 120},
    )
    assert [(r.quantity, r.value, r.time) for r in decode(topic, payload, NOW).readings] == [
        ("contact_open", True, NOW),
        ("battery", 90, NOW),
    ]
