"""Our own format: strict, but one bad measurement does not cost the others."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.devices import Decoded, decode, native

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
TOPIC = "home/v1/north/wm-1/up"
TIME = "2026-11-21T06:00:00Z"


def up(*measurements: object, **fields: object) -> Decoded:
    return decode(TOPIC, json.dumps({"time": TIME, "measurements": list(measurements), **fields}).encode(), NOW)


def total(value: object = 12.5, unit: object = "m3", **more: object) -> dict[str, object]:
    return {"quantity": "water_volume_total", "value": value, "unit": unit, **more}


def test_a_day_batch_comes_back_as_it_was_written() -> None:
    readings = [(NOW - timedelta(hours=24 - hour), 82184.5 + hour) for hour in range(24)]
    topic, payload = native.encode("city/a", "north", "wm-1", "m1", readings, battery_percent=15, alarms=["leak"])
    decoded = decode(topic, payload, NOW)
    assert decoded.rejected is None
    *registers, battery = decoded.readings
    assert [(reading.time, reading.value) for reading in registers] == readings
    assert (battery.value, battery.flags) == (15, ("battery_low",))
    assert [reading.flags for reading in registers] == [()] * 23 + [("meter_alarm:leak",)]


@given(st.integers(0, 10**11), st.integers(0, 10**6))
def test_every_register_in_millilitres_survives_encode_and_decode(ml: int, minutes: int) -> None:
    at = NOW - timedelta(minutes=minutes)
    (reading,) = decode(*native.encode("p", "s", "wm-1", "m", [(at, ml / 1000)]), NOW).readings
    assert round(float(reading.value) * 1000) == ml
    assert reading.time == at


@pytest.mark.parametrize(
    ("measurement", "complaint"),
    [
        (total("12.5"), "value: want a finite number, got '12.5'"),
        (total(True), "value: want a finite number, got true"),
        (total(None), "value: want a finite number, got nothing"),
        (total(1e13), "value: want a number below 10^12"),
        (total(unit="litres"), "unit: want L or m3 or gal_us or ft3 for water_volume_total, got 'litres'"),
        (total(unit=None), "got nothing"),
        (total(unit="L/h"), "got 'L/h'"),
        (total(unit={}), "got an object of 0"),
        (total(time="2026-11-21T06:00:00"), "time: want RFC 3339"),
        (total(time=1763704800), "time: want RFC 3339"),
        ({"quantity": "water_volume_delta", "value": 1, "unit": "L"}, "interval: want an ISO 8601 duration"),
        ({"quantity": "water_volume_delta", "value": 1, "unit": "L", "interval": "PT"}, "interval: want"),
        ({"quantity": "contact", "value": True}, "value: want open or closed for contact, got true"),
        ({"quantity": "motion", "value": "yes"}, "value: want true or false for motion, got 'yes'"),
        ({"quantity": "Temperatur", "value": 1}, "quantity: want a name"),
        ({"quantity": ["x"], "value": 1}, "quantity: want a name"),
        ({"quantity": "ph", "value": {"a": 1}}, "value: want a finite number, got an object"),
        ({"quantity": "ph", "value": 7, "unit": "pH"}, "unit: want one of L"),
        (7, "want an object, got 7"),
    ],
)
def test_a_bad_measurement_is_named_and_the_good_ones_are_kept(measurement: object, complaint: str) -> None:
    decoded = up(total(), measurement, total(13, time="2026-11-21T05:00:00Z"))
    assert [reading.value for reading in decoded.readings] == [12500, 13000]
    assert decoded.rejected is not None
    assert decoded.rejected.startswith("measurements[1]: ")
    assert complaint in decoded.rejected
    assert decoded.device == "wm-1"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"device": "wm-2"}, "device: want the device of the topic, got 'wm-2'"),
        ({"schema": "shuian/v2"}, "schema: want a text that ends in /v1"),
        ({"id": 7}, "id: want a text"),
        ({"id": "\ud800"}, "payload: want whole characters"),
        ({"time": "yesterday"}, "time: want RFC 3339"),
        ({"measurements": {}}, "measurements: want a list, got an object"),
        ({"measurements": [total()] * 1501}, "measurements: want at most 1500, got 1501: send them in parts"),
    ],
)
def test_a_message_that_breaks_the_rules_as_a_whole_is_refused(fields: dict[str, object], complaint: str) -> None:
    decoded = up(total(), **fields)
    assert decoded.readings == ()
    assert complaint in (decoded.rejected or "")
    assert decoded.device == "wm-1"


def test_a_day_of_minutes_is_read() -> None:
    day = [(NOW - timedelta(minutes=n), 12345.678 + n) for n in reversed(range(1440))]
    readings = decode(*native.encode("home", "north", "wm-1", "m-1", day), NOW).readings
    assert [(reading.time, reading.value) for reading in readings] == [
        (at, pytest.approx(litres)) for at, litres in day
    ]


def test_encode_refuses_a_batch_that_no_reader_would_take() -> None:
    with pytest.raises(ValueError, match="want at most 262144 bytes"):
        native.encode("p", "s", "d", "m" * 262_144, [(NOW, 1.0)])


def test_pulses_are_counted_and_not_guessed_into_litres() -> None:
    (reading,) = up(total(1234, "count")).readings
    assert (reading.quantity, reading.value, reading.unit) == ("pulse_count_total", 1234, "count")
    assert reading.flags == ("pulse_factor_unknown",)


@pytest.mark.parametrize(
    ("measurement", "value", "unit"),
    [
        ({"quantity": "ph", "value": 7.25}, 7.25, ""),
        ({"quantity": "pressure_drop", "value": 2, "unit": "V"}, 2, "V"),
        ({"quantity": "lid", "value": "closed"}, "closed", ""),
        ({"quantity": "lid", "value": False}, False, ""),
    ],
)
def test_an_unknown_quantity_is_kept_but_means_nothing(measurement: object, value: object, unit: str) -> None:
    (reading,) = up(measurement).readings
    assert (reading.value, reading.unit, reading.flags) == (value, unit, ("meaning_unknown",))


def test_alarms_stand_on_the_newest_register_and_unknown_words_are_trouble_too() -> None:
    older, newer = total(time="2026-11-20T06:00:00Z"), total(13, time="2026-11-21T06:00:00Z")
    readings = up(newer, older, alarms=["dry", "tamper", "gremlins"]).readings
    assert [reading.flags for reading in readings] == [("meter_alarm:dry", "tamper", "meter_alarm:unknown"), ()]


def test_a_message_without_measurements_is_a_sign_of_life() -> None:
    (reading,) = up().readings
    assert (reading.quantity, reading.value, reading.flags) == ("available", True, ("no_reading",))


@pytest.mark.parametrize("time", ["1970-01-01T00:05:00Z", "2000-01-01T00:05:00Z", "2027-11-21T06:00:00Z"])
def test_a_clock_that_cannot_be_right_is_not_believed(time: str) -> None:
    (reading,) = up(total(), time=time).readings
    assert reading.time is None
    assert reading.flags == ("implausible_time",)


def test_a_clock_that_says_it_is_not_set_is_not_believed() -> None:
    (reading,) = up(total(), time_quality="unsynchronized").readings
    assert (reading.time, reading.flags) == (None, ("implausible_time",))


def test_without_a_time_the_message_id_tells_two_messages_apart() -> None:
    (reading,) = up(total(), time=None, id="m-1").readings
    assert (reading.time, reading.flags, reading.extra["message_id"]) == (None, ("time_missing",), "m-1")


@pytest.mark.parametrize(
    ("payload", "value"),
    [(b"online", True), (b'"offline"', False), (b'{"status":"online"}', True), (b'{"status":"offline"}', False)],
)
def test_status_says_whether_the_device_is_there(payload: bytes, value: bool) -> None:
    (reading,) = decode("home/v1/north/wm-1/status", payload, NOW).readings
    assert (reading.quantity, reading.value, reading.unit, reading.flags) == (
        "available",
        value,
        "bool",
        ("time_missing",),
    )


@pytest.mark.parametrize("payload", [b"", b"yes", b'{"status":1}', b'{"status":["online"]}', b"[]"])
def test_other_words_of_status_are_refused(payload: bytes) -> None:
    decoded = decode("home/v1/north/wm-1/status", payload, NOW)
    assert decoded.readings == ()
    assert decoded.rejected


@pytest.mark.parametrize(
    ("topic", "ours"),
    [
        ("v1/north/wm-1/up", True),
        ("a/b/c/v1/north/wm-1/status", True),
        ("home/v1/north/wm-1/down", False),
        ("home/v2/north/wm-1/up", False),
        ("home/v1/wm-1/up", False),
    ],
)
def test_the_topic_says_whether_a_message_is_ours(topic: str, ours: bool) -> None:
    assert native.matches(topic) is ours


def test_a_device_with_odd_letters_is_refused() -> None:
    assert "topic: want a device" in (decode("home/v1/north/王阿姨/up", b"{}", NOW).rejected or "")


@pytest.mark.parametrize("number", [0, 1501])
def test_encode_refuses_an_empty_and_an_endless_batch(number: int) -> None:
    with pytest.raises(ValueError, match="want 1 to 1500 readings"):
        native.encode("p", "s", "d", "m", [(NOW, 1.0)] * number)
