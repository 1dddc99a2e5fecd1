"""Shelly: what changed, whose message it is, and what stays a number."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.devices import Decoded, DeviceMemory, decode, shelly
from ingest.key_map import KeyMap, KeyRule
from ingest.rules import ReaderRules

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
DEVICE = "shellyplusht-c049ef8b3a44"


def read(topic: str, message: object, memory: DeviceMemory | None = None, retain: bool = False) -> Decoded:
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    return decode(topic, payload, NOW, retain, memory)


def notify(device: str = DEVICE, method: str = "NotifyStatus", **params: Any) -> Decoded:
    message = {"src": device, "method": method, "params": {"ts": 1793253600.12, **params}}
    return read(f"{device}/events/rpc", message)


def said(decoded: Decoded) -> list[tuple[str, Any, tuple[str, ...]]]:
    assert decoded.rejected is None
    return [(one.quantity, one.value, one.flags) for one in decoded.readings]


def test_a_sensor_that_woke_says_everything_at_once() -> None:
    decoded = notify(
        **{
            "devicepower:0": {"battery": {"V": 5.56, "percent": 81}},
            "humidity:0": {"rh": 54.2},
            "sys": {"mac": "C049EF8B3A44", "uptime": 1, "wakeup_reason": {"boot": "deepsleep_wake"}},
            "temperature:0": {"tC": 21.6, "tF": 70.9},
            "wifi": {"ssid": "at home", "sta_ip": "192.168.1.2"},
        }
    )
    assert said(decoded) == [("battery", 81, ()), ("battery_voltage", 5.56, ()), ("humidity", 54.2, ()), ("temperature", 21.6, ())]  # fmt: skip
    assert {one.time for one in decoded.readings} == {datetime(2026, 10, 29, 6, 0, 0, 120_000, tzinfo=UTC)}
    assert "at home" not in repr(decoded)


@pytest.mark.parametrize(
    ("name", "component", "wanted"),
    [
        ("flood:0", {"alarm": False}, [("water_leak", False, ())]),
        ("flood:0", {"alarm": True, "errors": ["cable_unplugged"]}, [("water_leak", True, ("sensor_fault",))]),
        ("flood:0", {"errors": ["cable_unplugged"]}, [("available", True, ("no_reading", "sensor_fault"))]),
        ("flood:0", {"mute": True}, [("available", True, ("no_reading",))]),
        ("flood:0", {"alarm": None}, [("available", True, ("no_reading",))]),
        ("smoke:0", {"alarm": True}, [("smoke", True, ())]),
        ("presencezone:200", {"value": True, "num_objects": 1}, [("presence", True, ())]),
        ("switch:0", {"output": True, "apower": 8.9}, [("switch", True, ())]),
        ("input:0", {"state": None}, [("available", True, ("no_reading",))]),
        ("input:2", {"counts": {"total": 54}}, [("pulse_count_total", 54, ("pulse_factor_unknown",))]),
        ("temperature:0", {"tC": None, "tF": None}, [("available", True, ("no_reading",))]),
        ("temperature:100", {"tF": 212}, [("temperature", 100, ())]),
        ("sys", {"uptime": 3}, [("available", True, ("no_reading", "device_restart"))]),
        ("sys", {"uptime": 3000}, [("available", True, ("no_reading",))]),
        ("number:200", {"value": 0.01}, [("available", True, ("no_reading",))]),
        ("boolean:200", {"value": True}, [("switch", True, ("meaning_unknown",))]),
        ("bthomesensor:200", {"value": True}, [("switch", True, ("meaning_unknown",))]),
        ("cloud", {"connected": False}, [("available", True, ("no_reading",))]),
    ],
)
def test_a_component_says_what_its_keys_say(name: str, component: dict[str, Any], wanted: list[Any]) -> None:
    assert said(notify(**{name: component})) == wanted


def test_the_water_valve_that_is_known_has_a_flow_a_state_and_a_register() -> None:
    decoded = notify(
        "neowatervalve-1234567890ab",
        **{
            "number:200": {"value": 0.01},
            "number:202": {"value": 12.5},
            "boolean:200": {"value": False},
            "object:200": {"value": {"counter": {"total": 1.234}}},
        },
    )
    assert [(one.quantity, one.value) for one in decoded.readings] == [
        ("water_flow", 600),
        ("temperature", 12.5),
        ("valve_open", False),
        ("water_volume_total", 1234),
    ]


def test_virtual_components_of_others_mean_what_the_configuration_says() -> None:
    memory = DeviceMemory(
        rules=ReaderRules(
            keys=KeyMap(
                [KeyRule(("shelly*",), {"number:200": "water_flow L/h", "sensor/temperature": "temperature degF"})]
            )
        )
    )
    decoded = read(f"{DEVICE}/status/number:200", {"value": 7, "last_update_ts": 1793253600}, memory)
    assert said(decoded) == [("water_flow", 7, ())]
    assert said(read("shellies/shellyht-AABBCC/sensor/temperature", b"212", memory)) == [
        ("temperature", 100, ("time_missing",))
    ]


@pytest.mark.parametrize(
    ("device", "event", "wanted"),
    [
        (DEVICE, "single_push", ("button", "single_push", ())),
        ("shelly-sos-c049ef8b3a44", "long_push", ("sos", True, ())),
        (DEVICE, "btn_down", ("available", True, ("no_reading",))),
        (DEVICE, "config_changed", ("available", True, ("no_reading",))),
    ],
)
def test_a_push_is_an_event(device: str, event: str, wanted: tuple[Any, ...]) -> None:
    assert said(
        notify(device, "NotifyEvent", events=[{"component": "input:0", "event": event, "ts": 1793253600.1}])
    ) == [wanted]


def test_a_renamed_device_keeps_its_id_in_all_its_topics() -> None:
    memory = DeviceMemory()
    message = {"src": DEVICE, "method": "NotifyStatus", "params": {"ts": 1793253600, "switch:0": {"output": True}}}
    topics = ["home/hall/events/rpc", "home/hall/online", "home/hall/status/switch:0"]
    payloads = [json.dumps(message).encode(), b"false", b'{"output":false}']
    devices = [read(topic, payload, memory).device for topic, payload in zip(topics, payloads, strict=True)]
    assert devices == [DEVICE] * 3
    assert read("home/hall/status/switch:0", b'{"output":false}').device == "home/hall"


@pytest.mark.parametrize(
    ("ts", "flag"), [(None, "time_missing"), (5.5, "implausible_time"), ("now", "implausible_time"), (4e9, "implausible_time")]
)  # fmt: skip
def test_a_clock_that_is_not_set_is_no_time(ts: object, flag: str) -> None:
    message = {"src": DEVICE, "method": "NotifyStatus", "params": {"ts": ts, "flood:0": {"alarm": True}}}
    (reading,) = read(f"{DEVICE}/events/rpc", message).readings
    assert (reading.time, reading.flags) == (None, (flag,))


def test_answers_to_commands_and_announcements_are_left_out() -> None:
    answer = {"id": 1, "src": DEVICE, "dst": "user", "result": {"flood:0": {"alarm": True}}}
    for topic, message in ((f"{DEVICE}/events/rpc", answer), ("shellies/announce", {"ip": "192.168.1.2"})):
        decoded = read(topic, message)
        assert (decoded.format, decoded.readings, decoded.rejected) == ("shelly", (), None)


@pytest.mark.parametrize(
    ("part", "payload", "wanted"),
    [
        ("sensor/flood", b"true", [("water_leak", True, ("time_missing",))]),
        ("sensor/state", b"close", [("contact_open", False, ("time_missing",))]),
        ("sensor/vibration", b"-1", []),
        ("sensor/smoke", b"false", [("smoke", False, ("time_missing",))]),
        ("sensor/battery", b"15", [("battery", 15, ("battery_low", "time_missing"))]),
        ("sensor/humidity", b"55.3", [("humidity", 55.3, ("time_missing",))]),
        ("sensor/temperature", b"72.5", [("temperature", None, ("unit_unknown", "time_missing"))]),
        ("sensor/temperature", b"999.00", []),
        ("sensor/error", b"0", []),
        ("sensor/error", b"1", [("available", True, ("no_reading", "sensor_fault", "time_missing"))]),
        ("sensor/lux", b"120", []),
        ("relay/0", b"on", [("switch", True, ("time_missing",))]),
        ("relay/0/command", b"off", []),
        ("input/0", b"1", [("switch", True, ("meaning_unknown", "time_missing"))]),
        ("input_event/0", b'{"event":"SS","event_cnt":3}', [("button", "double", ("time_missing",))]),
        ("input_event/0", b'{"event":"","event_cnt":3}', []),
        ("info", b'{"tmp":{"value":72.5,"units":"F","tC":22.5,"is_valid":true},"wifi_sta":{"ssid":"x"}}', [("temperature", 22.5, ("time_missing",))]),
        ("status", b'{"motion":true,"timestamp":1793253600,"bat":98}', [("motion", True, ()), ("battery", 98, ("time_missing",))]),
        ("online", b"true", [("available", True, ("time_missing",))]),
        ("announce", b"not looked at", []),
    ],
)  # fmt: skip
def test_the_first_generation_says_one_thing_a_topic(part: str, payload: bytes, wanted: list[Any]) -> None:
    assert said(read(f"shellies/shellyflood-AABBCC/{part}", payload)) == wanted


@pytest.mark.parametrize(
    ("topic", "payload", "complaint"),
    [
        (f"{DEVICE}/online", b"yes", "online: want true or false, got 'yes'"),
        (f"{DEVICE}/events/rpc", b'{"src":"x","method":"NotifyStatus","params":7}', "params: want an object, got 7"),
        (f"{DEVICE}/events/rpc", b'{"src":7,"method":"NotifyStatus","params":{}}', "device: want a name"),
        ("shellies/d/sensor/flood", b"wet?", "sensor/flood: want a state"),
        ("shellies/d/sensor/battery", b"nan", "sensor/battery: want a number, got 'nan'"),
        ("shellies/d/status", b"nan", "payload: want JSON"),
    ],
)
def test_words_that_were_not_wanted_are_refused(topic: str, payload: bytes, complaint: str) -> None:
    assert complaint in (read(topic, payload).rejected or "")


def test_what_the_simulators_write_is_read_again() -> None:
    topic, payload = shelly.encode("neowatervalve-1234567890ab", NOW, flow_l_h=90)
    (reading,) = decode(topic, payload, NOW).readings
    assert (reading.quantity, reading.value, reading.time) == ("water_flow", 90, NOW)
    with pytest.raises(ValueError, match="want a leak, a flow or a register"):
        shelly.encode(DEVICE, NOW)
