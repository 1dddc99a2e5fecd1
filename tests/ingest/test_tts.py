"""The Things Stack: whose word counts, which clock, and what a test or a copy is."""

import base64
import json
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.devices import Decoded, DeviceMemory, decode, tts
from ingest.key_map import KeyMap, KeyRule
from ingest.measures import moment
from ingest.readings import WATER_VOLUME_TOTAL
from ingest.rules import ReaderRules

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
HEARD = datetime(2026, 11, 21, 6, tzinfo=UTC)
EUI = "a840410000000001"
TOPIC = "v3/app1@ttn/devices/dev1/up"


def up(data: bytes | None = None, port: int = 1, model: str = "", **more: Any) -> dict[str, Any]:
    brand, _, name = model.partition(" ")
    uplink = {
        "received_at": "2026-11-21T06:00:00Z",
        "f_port": port,
        "version_ids": {"brand_id": brand, "model_id": name},
    }
    uplink |= {} if data is None else {"frm_payload": base64.b64encode(data).decode()}
    return {"end_device_ids": {"device_id": "dev1", "dev_eui": EUI.upper()}, "uplink_message": uplink | more}


def read(message: object, topic: str = TOPIC, retain: bool = False, **memory: Any) -> Decoded:
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    return decode(topic, payload, NOW, retain, DeviceMemory(**memory))


def said(decoded: Decoded) -> list[tuple[str, Any]]:
    assert decoded.rejected is None
    return [(reading.quantity, reading.value) for reading in decoded.readings]


# --- the network's vocabulary -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measurement", "wanted"),
    [
        ({"metering": {"water": {"total": 5342}}}, [(WATER_VOLUME_TOTAL, 5342)]),
        ({"water": {"leak": False}}, [("water_leak", False)]),
        ({"water": {"temperature": {"min": 8, "max": 9}}}, [("available", True)]),
        ({"water": {"temperature": {"current": 8.5}}}, [("temperature", 8.5)]),
        ({"action": {"motion": {"detected": True, "count": 4}}}, [("motion", True)]),
        ({"action": {"motion": {"count": 0}}}, [("motion", False)]),
        ({"action": {"contactState": "open"}}, [("contact_open", True)]),
        ({"battery": 3.64}, [("battery_voltage", 3.64)]),
        ({"battery": 3640}, [("battery_voltage", 3.64)]),
        ({"air": {"temperature": 21.5, "relativeHumidity": 44, "pressure": 1000}}, [("temperature", 21.5), ("humidity", 44)]),
        ({"air": {"temperature": 127}}, [("available", True)]),
        ({"water": {"leak": ""}, "battery": 3.6}, [("battery_voltage", 3.6)]),
        ({"position": {"latitude": 50.9, "longitude": -4.1}}, [("available", True)]),
    ],
)  # fmt: skip
def test_the_network_s_own_words_are_known(measurement: dict[str, Any], wanted: list[Any]) -> None:
    assert said(read(up(normalized_payload=[measurement]))) == wanted


def test_a_count_without_a_state_is_what_an_interval_brought() -> None:
    (reading,) = read(up(normalized_payload=[{"action": {"motion": {"count": 3}}}])).readings
    assert (reading.value, reading.flags, reading.extra) == (True, ("interval_count",), {"count": 3})


def test_a_measurement_that_was_kept_back_is_history() -> None:
    kept = {"time": "2026-11-21T03:00:00Z", "water": {"leak": True}}
    old, new = read(up(normalized_payload=[kept, {"water": {"leak": False}}])).readings
    assert (old.value, old.flags, old.time) == (True, ("history",), HEARD - timedelta(hours=3))
    assert (new.value, new.flags, new.time) == (False, (), HEARD)


def test_an_event_of_one_measurement_is_read_like_an_uplink() -> None:
    message = up()
    message["uplink_normalized"] = message.pop("uplink_message") | {"normalized_payload": {"battery": 3.6}}
    assert said(read(message, TOPIC + "/normalized")) == [("battery_voltage", 3.6)]


@pytest.mark.parametrize(
    ("measurement", "complaint"),
    [
        ("dry", "normalized_payload: want objects, got 'dry'"),
        ({"water": {"leak": "No leak"}}, "water.leak: want true or false, got 'No leak'"),
        ({"action": {"contactState": "ajar"}}, "contactState: want open or closed, got 'ajar'"),
        ({"time": "yesterday", "battery": 3}, "normalized_payload: time: want RFC 3339"),
    ],
)
def test_words_that_are_not_of_the_vocabulary_are_complained_of(measurement: object, complaint: str) -> None:
    decoded = read(up(normalized_payload=[measurement]))
    assert complaint in (decoded.rejected or "")
    assert [one.quantity for one in decoded.readings] == ["available"]


def test_more_measurements_than_an_uplink_has_bytes_are_complained_of() -> None:
    decoded = read(up(normalized_payload=[{"water": {"leak": True}}] * 251))
    assert [one.quantity for one in decoded.readings] == ["water_leak"]
    assert "normalized_payload: want at most 250 measurements, got 251" in (decoded.rejected or "")


def test_what_the_network_does_not_say_is_taken_from_the_fields() -> None:
    fields = {"temperature": 99, "battery": 80}
    decoded = read(up(decoded_payload=fields, normalized_payload=[{"air": {"temperature": 21}}]))
    assert said(decoded) == [("temperature", 21), ("battery", 80)]


def test_bytes_that_say_dry_are_believed_before_a_normalizer_that_says_leak() -> None:
    dry = bytes(7) + struct.pack(">I", int(HEARD.timestamp()))
    message = up(dry, 2, "dragino lwl03a", normalized_payload=[{"water": {"leak": True}}])
    assert said(read(message)) == [("water_leak", False)]


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"temperature_1": 20, "temperature_2": 21, "presence_3": 1}, [("temperature", 20, None), ("temperature", 21, "2"), ("presence", True, None)]),
        ({"WaterLeak_1": "NoLeak", "WaterLeak_2": "Leak", "Volt": 3.6}, [("water_leak", True, None), ("battery_voltage", 3.6, None)]),
        ({"type": "statusReport", "decoded": {"totalVolume": 12}}, [(WATER_VOLUME_TOTAL, 12, None)]),
        ({"sos": False, "battery": 3250}, [("battery_voltage", 3.25, None)]),
        ({"sos": True}, [("sos", True, None)]),
        ({"motion": 4, "vdd": 3653}, [("motion", True, None), ("battery_voltage", 3.653, None)]),
        ({"temperature": "unavailable", "humidity": None, "battery": "nan"}, [("available", True, None)]),
        ({"temperature": 127, "humidity": 255}, [("available", True, None)]),
    ],
)  # fmt: skip
def test_fields_of_common_codecs_are_read(fields: dict[str, Any], wanted: list[Any]) -> None:
    decoded = read(up(b"\1", 9, decoded_payload=fields))
    assert decoded.rejected is None
    assert [(one.quantity, one.value, one.extra.get("channel")) for one in decoded.readings] == wanted


# --- Dragino ----------------------------------------------------------------------------------------------------------


def flow(mode: int = 0, alarm: int = 0, at: datetime = HEARD) -> bytes:
    return bytes([alarm]) + struct.pack(">IBBI", 4500, mode, 0, int(at.timestamp()))


def test_a_flow_counter_is_known_by_name_or_by_the_keys_of_its_codec_and_else_left_alone() -> None:
    for message in (
        up(flow(), 2, "dragino sw3l"),
        up(flow(), 2, decoded_payload={"Water_flow_value": 10.0}),
        up(flow(), 2, decoded_payload={"Node_type": "SW3L-LB"}),
    ):
        (reading,) = read(message).readings
        assert (reading.quantity, reading.value, reading.time) == ("pulse_count_total", 4500, HEARD)
        assert reading.flags == ("pulse_factor_unknown",)
    assert read(up(flow(), 2)).readings[0].flags == ("no_reading", "raw_payload")


def test_a_flow_counter_that_counts_from_report_to_report_has_no_register() -> None:
    decoded = read(up(flow(mode=1, alarm=2), 2, "dragino sw3l-lb"))
    assert [one.flags for one in decoded.readings] == [("no_reading", "meter_alarm:continuous_flow")]
    fields = {"Last_pulse": 12, "Water_flow_value": 0.1, "Alarm": "TRUE"}
    assert [one.flags for one in read(up(decoded_payload=fields)).readings] == [
        ("no_reading", "meter_alarm:continuous_flow")
    ]


def test_a_flow_counter_without_a_clock_is_read_by_the_network_s() -> None:
    (reading,) = read(up(flow(at=datetime(1970, 1, 2, tzinfo=UTC)), 2, "dragino sw3l")).readings
    assert (reading.time, reading.flags) == (HEARD, ("pulse_factor_unknown", "implausible_time"))


def test_a_log_brings_its_own_times_and_no_alarm_of_now() -> None:
    log = b"".join(
        bytes([2, 0, 0]) + struct.pack(">II", 4400 + n, int(HEARD.timestamp()) - 3600 * (2 - n)) for n in range(2)
    )
    readings = read(up(log, 3, "dragino sw3l")).readings
    assert [(one.value, one.time) for one in readings] == [
        (4400, HEARD - timedelta(hours=2)),
        (4401, HEARD - timedelta(hours=1)),
    ]
    assert {one.flags for one in readings} == {("history", "pulse_factor_unknown")}


@pytest.mark.parametrize(
    ("text", "port", "model", "wanted"),
    [
        ("8BF4 01 000003 000000 00", 10, "", [("contact_open", True), ("battery_voltage", 3.06)]),
        ("4BF4 02 000003 000000 00", 10, "", [("water_leak", True), ("battery_voltage", 3.06)]),
        ("CBF4 03 000003 000000 00", 10, "", [("contact_open", True), ("water_leak", True), ("battery_voltage", 3.06)]),
        ("4BF4 07 000003 000000 00", 10, "", [("available", True)]),
        ("11 0120 01 FF 0CE4", 5, "", [("battery_voltage", 3.3)]),
        ("CBB1 0B6D 0236 01 0B48 7FFF", 2, "dragino lht65", [("temperature", 29.25), ("humidity", 56.6), ("battery_voltage", 2.993)]),
        ("00 00000C 000000 00000000", 2, "dragino cpl01", [("pulse_count_total", 12)]),
        ("08 00000C 00000D 00000E 00", 2, "dragino cpl03-lb", [("pulse_count_total", 12), ("pulse_count_total", 13), ("pulse_count_total", 14)]),
        ("01 000001 000000 00000000", 2, "dragino ds03a-lb", [("contact_open", True)]),
    ],
)  # fmt: skip
def test_other_devices_of_dragino_are_read(text: str, port: int, model: str, wanted: list[Any]) -> None:
    assert said(read(up(bytes.fromhex(text), port, model))) == wanted


# --- Netvox -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("010601 24 0001 0000000000", [("water_leak", True), ("battery_voltage", 3.6)]),
        ("010201 1C 01 000000000000", [("contact_open", True), ("battery_voltage", 2.8)]),
        ("014D01 1C 01 000000000000", [("sos", True), ("battery_voltage", 2.8)]),
        ("014D01 1C 00 000000000000", [("available", True), ("battery_voltage", 2.8)]),
        ("010301 9C 0A28 0064 01 01 00", [("occupancy", True), ("temperature", 26), ("battery_voltage", 2.8)]),
        ("010B01 24 0670 1A9E 000000", [("temperature", 16.48), ("humidity", 68.14), ("battery_voltage", 3.6)]),
        ("011200 0A 03 20190317 0000", [("available", True)]),
        ("01FE01 24 01 000000000000", [("available", True)]),
    ],
)
def test_netvox_sensors_are_known_by_their_type(text: str, wanted: list[Any]) -> None:
    assert said(read(up(bytes.fromhex(text), 6))) == wanted


# --- the configuration ------------------------------------------------------------------------------------------------


def test_fields_that_only_the_operator_knows_are_read_as_configured() -> None:
    keys = KeyMap([KeyRule(("acme meter-9",), {"ctr.2": "water_volume_total m3", "temperature": "humidity %RH"})])
    fields = {"ctr": [1, 2, 12.5], "temperature": 40}
    assert said(read(up(b"\1", 9, "acme meter-9", decoded_payload=fields), rules=ReaderRules(keys=keys))) == [
        (WATER_VOLUME_TOTAL, 12500),
        ("humidity", 40),
    ]
    decoded = read(up(b"\1", 9, "acme meter-9", decoded_payload={"ctr": [0, 0, "much"]}), rules=ReaderRules(keys=keys))
    assert decoded.rejected == "ctr.2: want a number below 10^12, got 'much'"


# --- the envelope -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["down/queued", "down/ack", "down/failed", "location/solved", "service/data"])
def test_the_server_s_own_affairs_are_no_sign_of_life(event: str) -> None:
    decoded = read(up(b"\1"), f"v3/app1@ttn/devices/dev1/{event}")
    assert (decoded.readings, decoded.rejected) == ((), None)


def test_an_uplink_made_by_hand_is_refused() -> None:
    decoded = read(up(normalized_payload=[{"water": {"leak": True}}]) | {"simulated": True})
    assert decoded.readings == ()
    assert (decoded.rejected or "").startswith("simulated: want what a device sent")
    assert decoded.device == EUI


def test_a_copy_of_the_console_and_a_bridge_s_message_are_read_alike() -> None:
    message = up(normalized_payload=[{"battery": 3.6}])
    assert read({"name": "as.up.data.forward", "data": message}).readings == read(message).readings
    assert read(message, "city/lorawan").readings == read(message).readings


@pytest.mark.parametrize(
    ("ids", "device"),
    [
        ({"device_id": "dev1", "dev_eui": "A840410000000001"}, "a840410000000001"),
        ({"device_id": "eui-a840410000000001"}, "a840410000000001"),
        ({"device_id": "kitchen-meter"}, "kitchen-meter"),
        ({}, "dev1"),
    ],
)
def test_a_device_is_its_eui_or_else_its_id(ids: dict[str, str], device: str) -> None:
    message = up() | {"end_device_ids": ids}
    assert read(message).readings[0].device == device


@pytest.mark.parametrize(
    ("times", "outer", "wanted", "flags"),
    [
        ({"received_at": "2026-11-21T06:00:00.123456789Z"}, None, HEARD + timedelta(microseconds=123456), ()),
        ({"received_at": None}, "2026-11-21T06:00:01Z", HEARD + timedelta(seconds=1), ()),
        ({"received_at": None, "settings": {"time": "2026-11-21T05:59:00Z"}}, None, HEARD - timedelta(minutes=1), ()),
        (
            {"received_at": None, "settings": {"time": "1970-01-01T00:00:00Z"}, "rx_metadata": [{"time": "2026-11-21T06:00:00Z"}]},
            None,
            HEARD,
            (),
        ),
        ({"received_at": "2120-01-01T00:00:00Z"}, None, None, ("implausible_time",)),
        ({"received_at": None}, None, None, ("time_missing",)),
    ],
)  # fmt: skip
def test_the_network_s_clock_is_taken_and_else_the_next_best(
    times: dict[str, Any], outer: str | None, wanted: datetime | None, flags: tuple[str, ...]
) -> None:
    message = up(normalized_payload=[{"battery": 3.6}], **times) | {
        "received_at": outer,
        "correlation_ids": ["as:up:1"],
    }
    (reading,) = read(message).readings
    assert (reading.time, reading.flags) == (wanted, flags)
    assert reading.extra == ({} if wanted else {"message_id": "as:up:1"})


def test_the_battery_that_the_network_asked_for_is_as_old_as_it_says() -> None:
    charge = {"f_cnt": 1495, "received_at": "2026-11-20T17:51:24Z", "value": 12.5}
    *_, reading = read(up(last_battery_percentage=charge)).readings
    assert (reading.quantity, reading.value, reading.flags) == ("battery", 12.5, ("battery_low",))
    assert reading.time == datetime(2026, 11, 20, 17, 51, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("message", "complaint", "device"),
    [
        (b"\x0a\x10", "payload: want JSON", "dev1"),
        (up() | {"end_device_ids": {"dev_eui": "12"}}, "end_device_ids: want a dev_eui of 16 hex digits", None),
        (up() | {"uplink_message": 7}, "uplink_message: want an object, got 7", EUI),
        (up(frm_payload=7), "frm_payload: want base64, got 7", EUI),
        (up(f_port="x"), "f_port: want a whole number, got 'x'", EUI),
    ],
)
def test_a_message_of_another_shape_is_refused_with_its_device(
    message: object, complaint: str, device: str | None
) -> None:
    decoded = read(message)
    assert complaint in (decoded.rejected or "")
    assert decoded.device == device


def test_retained_copies_are_marked() -> None:
    assert read(up(normalized_payload=[{"battery": 3.6}]), retain=True).readings[0].flags == ("retained",)


@settings(max_examples=50)
@given(
    st.integers(0, 4_000_000_000),
    st.integers(1_010_000_000_000, 1_795_000_000_000).map(moment),
    st.booleans(),
    st.booleans(),
)
def test_what_the_simulators_write_is_read_again(litres: int, at: datetime, normalized: bool, leak: bool) -> None:
    at = at.replace(microsecond=0)
    topic, payload = tts.encode(EUI, at, litres, normalized=normalized, leak=leak)
    first, *_ = decode(topic, payload, at + timedelta(seconds=3)).readings
    assert (first.device, first.quantity, first.value, first.time) == (EUI, WATER_VOLUME_TOTAL, litres, at)


@given(
    st.integers(0, 12), st.binary(max_size=60), st.sampled_from(["", "dragino sw3l", "dragino lht65", "dragino cpl03"])
)
def test_no_bytes_of_any_device_make_a_reader_fail(port: int, frame: bytes, model: str) -> None:
    decoded = read(up(frame, port, model))
    assert "our reader failed" not in (decoded.rejected or "")
    assert decoded.readings
