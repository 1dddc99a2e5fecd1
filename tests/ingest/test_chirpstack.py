"""ChirpStack: whose bytes they are, what the hours before say, and when a number stays a number."""

import base64
import json
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.devices import Decoded, DeviceMemory, chirpstack, decode
from ingest.measures import moment
from ingest.readings import WATER_VOLUME_TOTAL, Reading

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
MOMENTS = st.integers(1_010_000_000_000, 1_795_000_000_000).map(moment)
"""From 2002 to 2026, to the millisecond."""
EUI = "0101010101010101"
TOPIC = f"application/17c82e96-be03-4f38-aef3-f83d48582d97/device/{EUI}/event/up"
VENDOR = bytes.fromhex("0ea0355d302935000030b6345de7290000b800b900b800b800b800b900b800b800b800b800b800b800b900b900b900")
"""The W1's frame in Axioma's payload description, as tago-io/decoders and aws-samples/aws-iot-core-lorawan test it."""
VENDOR_NOW = datetime(2019, 7, 22, 11, 37, 50, tzinfo=UTC)


def up(
    data: bytes | None = None, port: int = 100, heard: str = "2026-11-21T06:00:00+00:00", named: str = "", **more: Any
) -> dict[str, Any]:
    head = {"time": heard, "deviceInfo": {"deviceProfileName": named, "devEui": EUI}, "fPort": port}
    return head | ({} if data is None else {"data": base64.b64encode(data).decode()}) | more


def read(message: object, topic: str = TOPIC, retain: bool = False, **memory: Any) -> Decoded:
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    return decode(topic, payload, NOW, retain, DeviceMemory(**memory))


def said(decoded: Decoded) -> list[tuple[str, Any]]:
    assert decoded.rejected is None
    return [(reading.quantity, reading.value) for reading in decoded.readings]


# --- Axioma W1 -----------------------------------------------------------------------------------------------------


def vendor(**heard: Any) -> tuple[Reading, ...]:
    moment = (VENDOR_NOW + timedelta(**heard)).isoformat()
    decoded = read(up(VENDOR, heard=moment))
    assert decoded.rejected is None
    return decoded.readings


def test_an_uplink_of_a_w1_brings_the_present_and_sixteen_hours() -> None:
    present, *past = vendor(seconds=4)
    assert (present.value, present.time) == (13609, VENDOR_NOW)
    assert set(present.flags) == {"batch", "meter_alarm:leak", "meter_alarm:temporary_error"}
    assert [one.value for one in past][:3] == [10727, 10911, 11096]
    assert past[-1].value == 13492
    assert [one.time for one in past] == [datetime(2019, 7, 21, 19, tzinfo=UTC) + timedelta(hours=n) for n in range(16)]
    assert {one.flags for one in past} == {("batch", "history")}, "a leak of now is none of then"


@pytest.mark.parametrize("hours", [1, 2, 8, -5, 5.5])
def test_a_meter_that_keeps_local_time_is_put_right(hours: float) -> None:
    """Its clock runs `hours` ahead of the network that hears it."""
    readings = vendor(hours=-hours, seconds=6)
    assert readings[0].time == VENDOR_NOW - timedelta(hours=hours)
    assert readings[1].time == datetime(2019, 7, 21, 19, tzinfo=UTC) - timedelta(hours=hours)
    assert all("time_zone_missing" in one.flags for one in readings)


def test_a_meter_with_a_wrong_clock_still_knows_how_long_ago_an_hour_was() -> None:
    readings = vendor(days=2000)
    assert readings[0].time == VENDOR_NOW + timedelta(days=2000)
    assert readings[0].time - readings[1].time == timedelta(hours=16, minutes=37, seconds=50)  # type: ignore[operator]
    assert all("implausible_time" in one.flags for one in readings)


def test_a_real_meter_in_an_empty_pipe_is_read() -> None:
    frame = base64.b64decode("eoFaXxADAAAAwKRZXwMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    decoded = read(up(frame, heard="2020-09-10T19:41:50Z"))
    assert decoded.readings[0].flags == ("batch", "meter_alarm:temporary_error")
    assert {one.value for one in decoded.readings} == {3}
    assert decoded.readings[-1].time == datetime(2020, 9, 10, 19, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "flags"),
    [
        (0x00, set()),
        (0x04, {"battery_low"}),
        (0x08, {"not_measuring"}),
        (0x20, {"leak"}),
        (0x60, {"backflow"}),
        (0xA4, {"burst", "battery_low"}),
        (0x80, {"unknown"}),
    ],
)
def test_the_upper_bits_of_the_status_are_one_word(status: int, flags: set[str]) -> None:
    topic, payload = chirpstack.encode(EUI, NOW, 12, status=status)
    (reading,) = decode(topic, payload, NOW).readings
    assert set(reading.flags) == {f"meter_alarm:{flag}" for flag in flags}


def test_tampering_is_a_flag_of_its_own() -> None:
    topic, payload = chirpstack.encode(EUI, NOW, 12, status=0xD0)
    assert decode(topic, payload, NOW).readings[0].flags == ("tamper", "meter_alarm:temporary_error")


def test_an_alarm_says_that_the_meter_lives_and_what_troubles_it() -> None:
    decoded = read(up(bytes.fromhex("43b1315d30"), 103, "2019-07-19T12:03:20Z"))
    (reading,) = decoded.readings
    assert (reading.quantity, reading.time) == ("available", datetime(2019, 7, 19, 12, 2, 11, tzinfo=UTC))
    assert set(reading.flags) == {"no_reading", "meter_alarm:leak", "meter_alarm:temporary_error"}


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(VENDOR[:5] + struct.pack("<I", 100) + VENDOR[9:], id="more in the hours than in all"),
        pytest.param(bytes.fromhex("01aeac986a0032170000") + b"\0" * 40 + b"\x04", id="a multiplier"),
    ],
)
def test_a_history_that_cannot_be_is_refused_and_the_rest_kept(frame: bytes) -> None:
    decoded = read(up(frame, heard="2019-07-22T11:37:55Z"))
    assert decoded.rejected
    assert len(decoded.readings) == 1


def test_the_last_byte_of_padding_is_no_volume() -> None:
    assert read(up(VENDOR + b"\x2f", heard="2019-07-22T11:37:55Z")).readings == vendor(seconds=5)


@pytest.mark.parametrize(
    ("frame", "port", "value"), [("43b1315d30", 103, True), ("0ea0355d30293500000000", 100, 13609)]
)
def test_a_short_frame_of_a_meter_with_a_wrong_clock_is_read_by_the_network_s(
    frame: str, port: int, value: object
) -> None:
    (reading,) = read(up(bytes.fromhex(frame), port)).readings
    assert (reading.value, reading.time) == (value, NOW - timedelta(seconds=5))
    assert {"implausible_time", "meter_alarm:leak"} <= set(reading.flags)


@pytest.mark.parametrize("size", [5, 9, 11])
def test_litres_are_not_made_of_any_few_bytes_on_the_same_port(size: int) -> None:
    decoded = read(up(bytes(range(size))))
    assert [one.flags for one in decoded.readings] == [("no_reading", "raw_payload")]


HOURS = st.lists(st.integers(0, 0xFFFF), min_size=3, max_size=15)


@settings(max_examples=50)
@given(
    st.integers(0, 4_000_000_000),
    HOURS,
    st.integers(0, 900),
    MOMENTS,
    st.sampled_from([3600, 900, 7200]),
)
def test_what_the_simulators_write_is_read_again_with_its_hours(
    base: int, deltas: list[int], rest: int, first: datetime, step: int
) -> None:
    first = first.replace(microsecond=0)
    totals = [base + sum(deltas[:n]) for n in range(len(deltas) + 1)]
    batch = [(first + timedelta(seconds=n * step), total) for n, total in enumerate(totals)]
    at = batch[-1][0] + timedelta(seconds=step * 0.9, milliseconds=250)
    topic, payload = chirpstack.encode(EUI, at, totals[-1] + rest + 0.9, batch=batch, decoded=True)
    present, *past = decode(topic, payload, NOW).readings
    assert (present.value, present.time) == (totals[-1] + rest, at.replace(microsecond=0))
    assert [(one.time, one.value) for one in past] == batch


@given(st.integers(0, 4_294_967_294), MOMENTS)
def test_every_register_in_litres_survives_encode_and_decode(litres: int, at: datetime) -> None:
    topic, payload = chirpstack.encode("A1B2C3D4E5F60718", at, litres)
    (reading,) = decode(topic, payload, NOW).readings
    assert reading == Reading("a1b2c3d4e5f60718", WATER_VOLUME_TOTAL, litres, "L", at.replace(microsecond=0))


@pytest.mark.parametrize(
    ("device", "litres", "batch"),
    [
        ("wm-1", 1, []),
        (EUI, -1, []),
        (EUI, 2**32, []),
        (EUI, 9, [(NOW - timedelta(hours=1), 10)]),
        (EUI, 9, [(NOW - timedelta(hours=2), 8), (NOW - timedelta(hours=1), 7)]),
        (EUI, 9, [(NOW - timedelta(hours=2.5), 7), (NOW - timedelta(hours=1), 8)]),
        (EUI, 9, [(NOW - timedelta(hours=n), 7) for n in range(17, 0, -1)]),
    ],
)
def test_what_the_frame_cannot_carry_is_not_written(device: str, litres: float, batch: list[Any]) -> None:
    with pytest.raises(ValueError, match="want"):
        chirpstack.encode(device, NOW, litres, batch=batch)


# --- other makers --------------------------------------------------------------------------------------------------


def milesight(text: str, **more: Any) -> list[tuple[str, Any]]:
    return said(read(up(bytes.fromhex(text), 85, **more)))


@pytest.mark.parametrize(
    ("text", "more", "state"),
    [
        ("017564 030001 040001", {"named": "WS301"}, ("contact_open", True)),
        ("017564 030000 040000", {"named": "hall WS301-868M"}, ("contact_open", False)),
        ("017564 030001 040001", {"object": {"magnet_status": "closed"}}, ("contact_open", True)),
        ("017510 030001 040000", {"named": "WS202"}, ("motion", True)),
        ("017510 030001 040000", {"object": {"pir": "trigger", "daylight": "dark"}}, ("motion", True)),
        ("01755C 03673401 046865 050001", {"named": "EM300-SLD"}, ("water_leak", True)),
        ("017564 03673401 046865 050001", {"object": {"occupancy": "occupied"}}, ("occupancy", True)),
        ("01755C 03673401 046865 060001", {}, ("contact_open", True)),
        ("01755C 060001", {}, ("battery", 92)),
        ("01755C 060001", {"named": "EM300-MLD"}, ("water_leak", True)),
        ("017564 030001", {"named": "WS303"}, ("water_leak", True)),
        ("017564 030001", {"named": "VS370"}, ("occupancy", True)),
        ("017564 02828A02 038E01", {}, ("occupancy", True)),
    ],
)
def test_a_channel_means_what_its_model_means(text: str, more: dict[str, Any], state: tuple[str, Any]) -> None:
    assert state in milesight(text, **more)


@pytest.mark.parametrize("text", ["017564 030001 040001", "01755C 050001", "01755C 050001 05C800010000"])
def test_a_channel_of_an_unknown_model_is_neither_door_nor_leak(text: str) -> None:
    assert {quantity for quantity, _ in milesight(text)} <= {"battery", "pulse_count_total"}


def test_the_length_of_the_history_tells_the_models_apart() -> None:
    leak = milesight("01755C 050001 20CE9E74466310015D01")
    assert leak == [
        ("battery", 92),
        ("water_leak", True),
        ("temperature", 27.2),
        ("humidity", 46.5),
        ("water_leak", True),
    ]
    room = milesight("20CEAE5BA6640400240165 20CE5C5CA6640301340165")
    assert [value for quantity, value in room if quantity == "occupancy"] == [False, True]


def test_a_leak_of_months_ago_is_history() -> None:
    decoded = read(up(bytes.fromhex("050000 20CE9E74466310015D01"), 85))
    now, *past = decoded.readings
    assert (now.value, now.flags) == (False, ())
    assert {one.flags for one in past} == {("history",)}
    assert {one.time for one in past} == {datetime(2022, 10, 12, 8, 2, 38, tzinfo=UTC)}


def test_a_press_is_a_call_only_where_the_button_is_there_for_it() -> None:
    assert milesight("017564 FF2E02") == [("battery", 100), ("button", "long_press")]
    assert milesight("017564 FF2E02", named="WS101 SOS") == [("battery", 100), ("sos", True)]


WATER = bytes.fromhex("05E10A000A00") + struct.pack("<f", 12.345)


def test_water_without_a_unit_stays_a_number_until_the_registry_says_it() -> None:
    (reading,) = read(up(WATER, 85)).readings
    assert (reading.value, reading.flags, reading.extra) == (None, ("unit_unknown",), {"raw": 12.345})
    (litres,) = read(up(WATER, 85), unit=lambda device, time: "m3").readings
    assert (litres.value, litres.unit, litres.flags) == (12345, "L", ())


def test_a_leak_rope_of_netvox_is_read_on_its_port_only() -> None:
    frame = base64.b64decode("ARIBJAEAAAAAAAA=")
    assert said(read(up(frame, 6))) == [("water_leak", True), ("battery_voltage", 3.6)]
    assert read(up(base64.b64decode("ghIAPAA8AQAAAAA="), 7)).readings[0].flags == ("no_reading", "raw_payload")


CUBIC = bytes.fromhex("49FBDF010000DE1400000000000046EDDF0106FC8B0702E2E6535455")


def test_a_cubicmeter_is_known_by_its_name() -> None:
    decoded = read(up(CUBIC, 1, named="CubicMeter 1.1 Copper"))
    assert said(decoded)[:2] == [(WATER_VOLUME_TOTAL, 5342), ("battery_voltage", 3.64)]
    assert [(one.value, one.extra["channel"]) for one in decoded.readings[2:]] == [
        (22.5, "ambient"),
        (21.5, "water_min"),
        (22, "water_max"),
    ]
    assert decoded.readings[0].flags == ("meter_alarm:leak",)
    assert [one.flags for one in read(up(CUBIC, 1)).readings] == [("no_reading", "raw_payload")]
    by_its_codec = read(up(CUBIC, 1, object={"decoded": {"totalVolume": 5342, "leakState": 4}}))
    assert said(by_its_codec) == said(decoded)
    assert by_its_codec.readings[0].flags == ("meter_alarm:leak",)


@pytest.mark.parametrize(
    ("frame", "litres", "flags"),
    [
        ("+k2/AQAA6RUPAAbMGQCT5Y4BmAEAAAPo7GZmVw==", 988649, ("meter_alarm:leak",)),
        ("Ao4JAAAA6QEAAAAAAADUjAkAhhcAAATo6D8/Xg==", 489, ("meter_alarm:leak",)),
        ("PBvkAQCAlSACABA5LwAAAAAAAAAAAADk6YbEYQ==", 139413, ("meter_alarm:not_measuring",)),
    ],
)
def test_each_leak_of_a_cubicmeter_is_a_leak_whatever_its_size(frame: str, litres: int, flags: tuple[str, ...]) -> None:
    first = read(up(base64.b64decode(frame), 1, named="CubicMeter")).readings[0]
    assert (first.value, first.flags) == (litres, flags)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"Bat": "3.384 V", "TempC_DS18B20": "0.00 °C", "water_SOIL": "0.00 %"}, [("battery_voltage", 3.384)]),
        ({"Total_pulse": 4500, "Water_flow_value": 10.0, "Alarm": "FALSE"}, [("pulse_count_total", 4500)]),
        ({"Last_pulse": 12}, [("available", True)]),
        ({"totalVolume": 5342, "leakState": 2, "batteryRecovered": 3640}, [(WATER_VOLUME_TOTAL, 5342), ("battery_voltage", 3.64)]),
        ({"current_volume_m3": 6.054, "log_volume_m3": 5.938}, [(WATER_VOLUME_TOTAL, 6054)]),
        ({"battery": 92, "leakage_status": "leak"}, [("battery", 92), ("water_leak", True)]),
        ({"battery": 3.6}, [("battery_voltage", 3.6)]),
        ({"battery": 3}, [("available", True)]),
        ({"DOOR_OPEN_STATUS": 1}, [("contact_open", True)]),
        ({"button_event": {"status": "short press"}}, [("button", "short_press")]),
        ({"flow": 1, "volume": 12.5}, [("available", True)]),
    ],
)  # fmt: skip
def test_fields_of_a_codec_are_read_by_whole_keys_with_a_unit(fields: dict[str, Any], wanted: list[Any]) -> None:
    assert said(read(up(None, 2, object=fields))) == wanted


def test_a_state_of_unknown_words_is_complained_of() -> None:
    decoded = read(up(None, 2, object={"door": "ajar", "battery": 80}))
    assert decoded.rejected == "door: want a state such as normal or open, got 'ajar'"
    assert [one.quantity for one in decoded.readings] == ["battery"]


# --- the envelope --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["log", "ack", "txack", "location", "integration"])
def test_the_server_s_own_affairs_are_no_sign_of_life(event: str) -> None:
    decoded = read(up(VENDOR), TOPIC.replace("/up", f"/{event}"))
    assert (decoded.readings, decoded.rejected) == ((), None)
    assert read(up(VENDOR), TOPIC.replace("event/up", "command/down")).readings == ()


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"batteryLevel": 12.5, "margin": 3}, [("battery", 12.5, ("battery_low",))]),
        ({"batteryLevel": -1}, [("available", True, ("no_reading",))]),
        ({"externalPowerSource": True, "batteryLevel": 0}, [("available", True, ("no_reading",))]),
        ({"batteryLevelUnavailable": True}, [("available", True, ("no_reading",))]),
    ],
)
def test_a_status_brings_the_battery_where_there_is_one(fields: dict[str, Any], wanted: list[Any]) -> None:
    decoded = read(up() | fields, TOPIC.replace("/up", "/status"))
    assert [(one.quantity, one.value, one.flags) for one in decoded.readings] == wanted


def test_a_join_is_a_restart() -> None:
    decoded = read(up(devAddr="00189440"), TOPIC.replace("/up", "/join"))
    assert [one.flags for one in decoded.readings] == [("no_reading", "device_restart")]


def test_a_bridge_may_carry_events_on_topics_of_its_own() -> None:
    message = up(VENDOR, heard="2019-07-22T11:37:55Z")
    assert read(message, "city/lorawan").readings == vendor(seconds=5)
    assert read(message, f"eu868/{TOPIC}").readings == vendor(seconds=5)


def test_an_uplink_without_bytes_says_that_the_device_lives() -> None:
    assert [one.flags for one in read(up()).readings] == [("no_reading",)]


@pytest.mark.parametrize(
    ("heard", "flag"), [("", "time_missing"), ("yesterday", "implausible_time"), ("1970-01-01T00:00:00Z", "implausible_time")]
)  # fmt: skip
def test_without_the_network_s_time_arrival_stands_in_and_the_frame_s_id_tells_copies(heard: str, flag: str) -> None:
    (reading,) = read(up(b"\1\x75\x40", 85, heard, deduplicationId="3ac7e3c4")).readings
    assert (reading.time, reading.flags, reading.extra) == (None, (flag,), {"message_id": "3ac7e3c4"})


def test_retained_copies_are_marked() -> None:
    assert read(up(b"\1\x75\x40", 85), retain=True).readings[0].flags == ("retained",)


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (b"\n\x10\x08", "ChirpStack must send JSON, not Protobuf"),
        ({"deviceInfo": {"devEui": "12"}}, "devEui: want 16 hex digits, got '12'"),
        (up(data=None) | {"data": 7}, "data: want base64, got 7"),
        (up(data=None) | {"fPort": "100"}, "fPort: want a whole number, got '100'"),
    ],
)
def test_a_message_of_another_shape_is_refused_with_its_device(message: object, complaint: str) -> None:
    decoded = read(message)
    assert complaint in (decoded.rejected or "")
    assert decoded.device == EUI


FRAMES = [VENDOR, CUBIC, WATER, bytes.fromhex("01755C03673401046865 20CE9E74466310015D020000010000")]


@given(st.integers(0, 110), st.sampled_from(FRAMES) | st.binary(max_size=60), st.integers(0, 60), st.binary(max_size=4))
def test_no_bytes_of_any_device_make_a_reader_fail(port: int, frame: bytes, cut: int, tail: bytes) -> None:
    for named in ("", "CubicMeter WS301 SOS"):
        decoded = read(up(frame[:cut] + tail, port, named=named))
        assert "our reader failed" not in (decoded.rejected or "")
        assert decoded.readings
