"""rtl_433 and rtlamr: codes that mean something and codes that mean nothing, other people's meters, lines that are no JSON."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.devices import Decoded, DeviceMemory, decode
from ingest.devices._radio_meters import is_water
from ingest.measures import zulu

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
GOLDEN = Path(__file__).parent / "golden"
ASSUMED = "unit_assumed_gal_tenth"


def heard(**fields: Any) -> Decoded:
    return decode("rtl_433/pi/events", json.dumps({"time": "2026-11-21T06:00:00Z", **fields}).encode(), NOW)


def line(kind: str, memory: DeviceMemory | None = None, **fields: Any) -> Decoded:
    message = {"Time": "2026-11-21T06:00:00Z", "Offset": 0, "Length": 0, "Type": kind, "Message": fields}
    return decode("radio/raw", json.dumps(message).encode(), NOW, memory=memory)


@pytest.mark.parametrize("name", ["rtl_433", "rtlamr"])
def test_counts_and_resolutions_of_recorded_messages_come_out_too(name: str) -> None:
    for item in json.loads((GOLDEN / f"{name}.json").read_text("utf-8")):
        payload = item["payload"] if isinstance(item["payload"], str) else json.dumps(item["payload"])
        readings = decode(item["topic"], payload.encode(), NOW).readings
        for got, wanted in zip(readings, item["expected"], strict=True):
            assert got.extra.get("raw") == wanted.get("raw")
            assert got.extra.get("resolution_l") == wanted.get("resolution_l")
            assert wanted["time"] == (None if got.time is None else zulu(got.time))


@pytest.mark.parametrize(
    ("codes", "flags"),
    [
        ({"leak": 0, "leaknow": 0, "backflow": 0}, set()),
        ({"leak": 3, "leaknow": 0, "backflow": 0}, {"meter_alarm_past:leak"}),
        ({"leak": 0, "leaknow": 1, "backflow": 0}, {"meter_alarm:leak"}),
        ({"leak": 6, "leaknow": 2, "backflow": 2}, {"meter_alarm_past:leak", "meter_alarm:leak", "meter_alarm:backflow"}),
        ({"leak": 15, "leaknow": 3, "backflow": 3}, set()),
        ({"leak": "3", "leaknow": None}, set()),
    ],
)  # fmt: skip
def test_codes_of_an_r900_are_alarms_where_they_mean_one(codes: dict[str, Any], flags: set[str]) -> None:
    (reading,) = heard(model="Neptune-R900", id=1, consumption=1054604, **codes).readings
    assert set(reading.flags) == flags | {ASSUMED}
    spelled = {{"leaknow": "LeakNow", "leak": "Leak", "backflow": "BackFlow"}[key]: code for key, code in codes.items()}
    (reading,) = line("R900", ID=1, Consumption=1054604, NoUse=32, **spelled).readings
    assert set(reading.flags) == flags | {ASSUMED}


def test_a_register_that_was_not_read_is_no_reading_and_no_alarm() -> None:
    assert heard(model="Neptune-R900", id=1, consumption=11184810, leak=15, leaknow=3).readings == ()
    assert line("R900", ID=1, Consumption=11184810, Leak=15, LeakNow=3).readings == ()
    assert line("R900", ID=1, Consumption=11184809).readings != ()


def test_the_end_of_a_register_of_24_bits_is_marked() -> None:
    (reading,) = line("R900", ID=1, Consumption=2**24 - 1).readings
    assert "counter_rollover_possible" in reading.flags


@pytest.mark.parametrize(
    ("unit", "worth", "litres"),
    [
        ("gal_us", None, 378.541),
        ("ft3", None, 283.168),
        ("m3", None, 1000),
        ("L", None, 1000),
        (None, 0.5, 500),
        ("gal_us", 10.0, 10000),
    ],
)
def test_the_registry_says_what_a_count_is(unit: str | None, worth: float | None, litres: float) -> None:
    memory = DeviceMemory(unit=lambda *_: unit, worth=lambda *_: worth)
    (reading,) = line("R900", memory, ID=1, Consumption=1000).readings
    assert (reading.value, reading.flags, reading.extra["raw"]) == (litres, (), 1000)


def test_counts_without_a_unit_stay_counts_until_the_registry_says_one() -> None:
    (reading,) = line("SCM", ID=1, Type=13, Consumption=256460).readings
    assert (reading.value, reading.flags, reading.extra) == (None, ("unit_unknown",), {"raw": 256460})
    (reading,) = line("SCM", DeviceMemory(unit=lambda *_: "ft3"), ID=1, Type=13, Consumption=100).readings
    assert (reading.value, reading.flags) == (2831.685, ())


@pytest.mark.parametrize("endpoint", range(16))
def test_only_three_of_sixteen_types_of_endpoint_count_water(endpoint: int) -> None:
    assert is_water(endpoint) is is_water(endpoint + 160) is is_water(f"0x{endpoint:02X}") is (endpoint in (3, 11, 13))
    assert bool(line("SCM", ID=1, Type=endpoint, Consumption=5).readings) is (endpoint in (3, 11, 13))
    assert bool(heard(model="ERT-SCM", id=1, ert_type=endpoint, consumption_data=5).readings) is (
        endpoint in (3, 11, 13)
    )


@pytest.mark.parametrize("endpoint", [None, True, "water", "", [], 3.0])
def test_a_type_that_is_none_is_not_water(endpoint: object) -> None:
    assert not is_water(endpoint)


@pytest.mark.parametrize(
    ("kind", "key", "fields"),
    [
        ("SCM+", "EndpointID", {"EndpointType": 171, "Consumption": 6883}),
        ("IDM", "ERTSerialNumber", {"ERTType": 11, "LastConsumptionCount": 6883}),
    ],
)
def test_each_kind_of_line_names_its_meter_in_its_own_way(kind: str, key: str, fields: dict[str, Any]) -> None:
    (reading,) = line(kind, **{key: 68211547, **fields}).readings
    assert (reading.device, reading.extra["raw"]) == (f"{kind}:68211547", 6883)


@pytest.mark.parametrize(
    ("said", "raw"),
    [
        ("{Time:2022-04-28T15:52:44.566 R900:{ID:15 Unkn1:0xA3 NoUse: 1 BackFlow:0 Consumption:  637004 Unkn3:0x00 Leak: 1 LeakNow:0}}", 637004),
        ("{Time:2020-06-20T09:58:19.074 Offset:49152 Length:49152 SCM+:{ProtocolID:0x1E EndpointType:0xAB EndpointID:  68211547 Consumption:  6883 Tamper:0x4900 PacketCRC:0x39BE}}", 6883),
        ("{Time:2022-04-28T15:52:43.622 SCM:{ID:48952096 Type: 3 Tamper:{Phy:00 Enc:00} Consumption:  718768 CRC:0x26B0}}", 718768),
        ("{Time:2022-04-28T15:52:43.622 SCM:{ID:48952096 Type:12 Tamper:{Phy:00 Enc:00} Consumption:  718768 CRC:0x26B0}}", None),
    ],
)  # fmt: skip
def test_the_plain_text_form_is_read_with_its_local_time(said: str, raw: int | None) -> None:
    decoded = decode("radio/raw", said.encode(), NOW)
    assert (decoded.format, decoded.rejected) == ("rtlamr", None)
    assert [one.extra["raw"] for one in decoded.readings] == ([] if raw is None else [raw])
    assert all("time_zone_missing" in one.flags and one.time is None for one in decoded.readings)


@pytest.mark.parametrize(
    "said",
    [
        "{Time:2022-04-28T15:52:44.566 R900:{ID:15 Consumption:",
        '{"Time":"x","Type":"SCM","Message":{"ID":00000000}}',
        '{"Time":"x","Type":"R900","Message":{"Consumption":5}}',
        '{"Time":"x","Type":"R900","Message":{"ID":1,"Consumption":"five"}}',
        '{"Time":"x","Type":"R900","Message":[]}',
    ],
)
def test_a_line_that_nobody_can_read_is_refused_with_a_reason(said: str) -> None:
    decoded = decode("rtlamr/raw", said.encode(), NOW)
    assert (decoded.readings, bool(decoded.rejected)) == ((), True)
    assert "our reader failed" not in str(decoded.rejected)


def test_the_first_release_of_the_bridge_sent_scaled_lines() -> None:
    state = {"Time": "2026-11-21T06:00:00Z", "Type": "R900", "Message": {"ID": 7, "Consumption": "3035.54"}}
    memory = DeviceMemory(unit=lambda *_: "gal_us")
    (reading,) = decode("rtlamr/7/state", json.dumps(state).encode(), NOW, memory=memory).readings
    assert (reading.device, reading.value) == ("7", 11490.769)
    state = {"Time": "2026-11-21T06:00:00Z", "Type": "SCM", "Message": {"ID": 7, "Type": 12, "Consumption": "3035.54"}}
    assert decode("rtlamr/7/state", json.dumps(state).encode(), NOW).readings == ()


def test_a_leak_is_told_whoever_says_the_unit() -> None:
    event = json.dumps({"model": "Simulated-Water", "id": 1, "volume_m3": 1.5, "leaking": 1, "mic": "CRC"}).encode()
    for unit in (None, "ft3"):
        memory = DeviceMemory(unit=lambda *_, unit=unit: unit)
        (reading,) = decode("rtl_433/pi/events", event, NOW, memory=memory).readings
        assert "meter_alarm:leak" in reading.flags


def test_the_alarms_beside_a_state_are_read_and_nothing_else_is() -> None:
    fields = {"Unkn1": 163, "NoUse": 0, "BackFlow": 0, "Unkn3": 0, "Leak": 0, "LeakNow": 0, "protocol": "r900"}
    assert decode("rtlamr/1572885000/attributes", json.dumps(fields).encode(), NOW).readings == ()
    alarm = json.dumps({**fields, "Leak": 2, "LeakNow": 1}).encode()
    (reading,) = decode("rtlamr/1572885000/attributes", alarm, NOW).readings
    assert (reading.device, reading.quantity) == ("1572885000", "available")
    assert set(reading.flags) == {"no_reading", "meter_alarm:leak", "meter_alarm_past:leak", "time_missing"}


def test_what_says_it_again_is_not_read() -> None:
    attributes = json.dumps({"ID": 7, "Type": 13, "Consumption": 5, "protocol": "scm"}).encode()
    assert decode("rtlamr/7/attributes", attributes, NOW) == Decoded("rtlamr", (), None)
    assert decode("rtl_433/pi/devices/Neptune-R900/7/consumption", b"5", NOW) == Decoded("rtl_433", (), None)


@pytest.mark.parametrize(
    ("fields", "value", "flags"),
    [
        ({"id": "13461653-27", "volume": 362.0, "unit": "gal", "gear": 0.1}, 1370.319, set()),
        ({"id": "09444602-73", "volume": 159.4, "unit": "m3", "gear": 0.1}, 159400, set()),
        ({"id": "03077959-00", "volume": 94.24, "unit": "m3", "gear": 0.01}, 94240, set()),
        ({"id": "14507293-70", "volume": 48904.902, "unit": "m3", "gear": 0.1}, 48904902, {"unit_assumed_m3"}),
        ({"id": "1-27", "volume": 1.0, "unit": "gal", "gear": 0.1, "leaking": 1}, 3.785, {"meter_alarm:leak"}),
        ({"id": "09444602S", "volume_m3": 170.4}, 170400, set()),
    ],
)
def test_an_arad_s_unit_is_in_doubt_where_it_is_the_program_s_default(
    fields: dict[str, Any], value: float, flags: set[str]
) -> None:
    (reading,) = heard(model="AradMsMeter-Dialog3G", **fields).readings
    assert (reading.value, set(reading.flags)) == (value, flags)


@pytest.mark.parametrize(
    ("fields", "readings"),
    [
        ({"model": "Badger-ORION", "id": 1, "volume_gal": 15000}, [("water_volume_total", 56781.177)]),
        ({"model": "Mueller-HotRod", "id": "00bc", "volume_gal": 1}, [("water_volume_total", 3.785)]),
        ({"model": "Orion-Endpoint", "id": 1, "reading": 12345}, [("water_volume_total", None)]),
        ({"model": "SCMplus", "id": 1, "MeterType": "Gas", "Consumption": 5}, []),
        ({"model": "SCMplus", "id": 1, "MeterType": "Water", "Consumption": 5}, [("water_volume_total", None)]),
        ({"model": "Oil-Standard", "id": 1, "volume_gal": 100}, []),
        ({"model": "Acurite-Tower", "id": 1, "temperature_F": 68, "humidity": 44}, [("temperature", 20), ("humidity", 44)]),
        ({"model": "Honeywell-Security", "id": 1, "contact_open": 1}, [("contact_open", True)]),
        ({"model": "DSC-Security", "id": 1, "closed": 1}, [("contact_open", False)]),
        ({"model": "Govee-Water", "id": 1, "event": "Water Leak", "battery_ok": 1}, [("water_leak", True)]),
        ({"model": "Nobody"}, []),
        ({"stats": {}}, []),
    ],
)  # fmt: skip
def test_other_devices_say_what_their_keys_say(fields: dict[str, Any], readings: list[Any]) -> None:
    decoded = heard(**fields)
    assert decoded.rejected is None
    assert [(one.quantity, one.value) for one in decoded.readings] == readings


NAMES = st.sampled_from(
    ["time", "model", "id", "consumption", "volume", "volume_m3", "unit", "gear", "leaking", "leak", "ert_type", "Consumption",
     "consumption_data", "MeterType", "Time", "Type", "Message", "ID", "reading", "lastseen", "temperature_C", "humidity"]
)  # fmt: skip
LEAVES = st.sampled_from(
    [0, 1, 13, -1, 0.1, 1e300, 10**39, 11184810, True, None, "", "m3", "R900", "SCM", "Neptune-R900", "AradMsMeter-Dialog3G",
     "2023-09-07 14:48:59", "@0.1s", "nan", "0x0B", []]
)  # fmt: skip
OBJECTS = st.dictionaries(NAMES, LEAVES | st.dictionaries(NAMES, LEAVES, max_size=5), max_size=8)


@given(OBJECTS, st.sampled_from(["rtl_433/pi/events", "rtlamr/raw", "rtlamr/7/state", "radio"]))
def test_no_object_makes_a_reader_fail(message: dict[str, Any], topic: str) -> None:
    decoded = decode(topic, json.dumps(message).encode(), NOW)
    assert "our reader failed" not in (decoded.rejected or "")


def test_noise_of_zeros_and_the_list_of_what_is_near_are_no_readings() -> None:
    zeros = "{Time:2016-04-17T21:20:31.520 R900:{ID:         0 Unkn1:0x00 NoUse: 0 BackFlow:0 Consumption:       0 "
    zeros += "Unkn3:0x00 Leak: 0 LeakNow:0}}"
    near = '{"meter_id":"26332170","consumption":9010082,"protocol":"IDM","raw":{"ERTType":7}}'
    for topic, said in (("radio/raw", zeros), ("rtlamr/discovery/26332170", near)):
        decoded = decode(topic, said.encode(), NOW)
        assert (decoded.format, decoded.readings, decoded.rejected) == ("rtlamr", (), None)
    arad = heard(
        model="AradMsMeter-Dialog3G", id="00000000", leaking=0, gear=0.1, volume=0.0, unit="m3", mic="CHECKSUM"
    )
    assert (arad.readings, arad.rejected) == ((), None)


def test_a_leak_sensor_says_its_battery_and_who_pressed_it() -> None:
    report = heard(model="Govee-Water", id=6845, battery_ok=0.95, battery_mV=2940, event="Battery Report", mic="PARITY")
    pressed = heard(model="Govee-Water", id=6845, event="Button Press", mic="PARITY")
    assert [(one.quantity, one.value) for one in report.readings] == [("battery_voltage", 2.94)]
    assert [(one.quantity, one.value, one.unit) for one in pressed.readings] == [("button", "press", "event")]
