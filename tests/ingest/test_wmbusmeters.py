"""wmbusmeters' JSON: the traps that the recorded messages do not show."""

import json
from datetime import UTC, datetime

import pytest

from ingest.devices import Decoded, decode, wmbusmeters
from ingest.readings import Reading

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
GOOD: dict[str, object] = {
    "media": "cold water",
    "meter": "iperl",
    "name": "n",
    "id": "33225544",
    "total_m3": 123.529,
    "timestamp": "2026-11-21T06:00:00Z",
}


def read(*, retain: bool = False, topic: str = "wmbusmeters/n", **fields: object) -> Decoded:
    return decode(topic, json.dumps({**GOOD, **fields}).encode(), NOW, retain)


def first(**fields: object) -> Reading:
    return read(**fields).readings[0]  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [80000, -0.001, -32.768, -2147483.648, None])
def test_numbers_that_mean_not_available_are_no_register(value: object) -> None:
    reading = first(total_m3=value)
    assert (reading.quantity, reading.value, reading.flags) == ("available", True, ("no_reading",))


@pytest.mark.parametrize("value", [-5, 1e9, "12", True, {}])
def test_a_register_that_is_none_is_complained_of(value: object) -> None:
    decoded = read(total_m3=value)
    assert decoded.rejected is not None
    assert "total_m3: want" in decoded.rejected
    assert [reading.quantity for reading in decoded.readings] == ["available"]


@pytest.mark.parametrize("celsius", [127, -100, -32.768, 2000, "8", None, True])
def test_temperatures_that_were_not_measured_are_left_out(celsius: object) -> None:
    assert [reading.quantity for reading in read(flow_temperature_c=celsius).readings] == ["water_volume_total"]


def test_temperatures_name_place_extreme_and_period() -> None:
    fields = {
        "flow_temperature_c": 8,
        "external_temperature": -3.5,
        "max_flow_temperature_last_day_c": 21,
        "min_external_temperature_last_year_c": -9,
        "t1_temperature_c": 60,
    }
    channels = {reading.extra["channel"]: reading.value for reading in read(**fields).readings[1:]}  # type: ignore[arg-type]
    assert channels == {"water": 8, "ambient": -3.5, "water_max_day": 21, "ambient_min_year": -9}


@pytest.mark.parametrize(
    "media", ["heat", "cooling load volume at outlet", "gas", "electricity", "room sensor", "other"]
)
def test_other_media_are_none_of_our_business(media: str) -> None:
    decoded = read(media=media)
    assert (decoded.readings, decoded.rejected) == ((), None)


def test_a_heat_meter_under_a_faulty_header_is_none_of_our_business() -> None:
    said = read(
        media="radio converter (meter side)", meter="qheatv2", total_m3=None, total_kwh=1153, target_year_kwh=1080
    )
    assert (said.readings, said.rejected) == ((), None)


@pytest.mark.parametrize("media", ["water", "warm water", "radio converter (meter side)", "bus/system component"])
def test_household_water_is_read_also_under_a_faulty_header(media: str) -> None:
    assert first(media=media).value == 123529


@pytest.mark.parametrize("fields", [{"media": None}, {"id": None}, {"id": 7}, {"id": "../x"}, {"id": ""}])
def test_without_medium_or_id_nothing_is_guessed(fields: dict[str, object]) -> None:
    decoded = read(**fields)  # type: ignore[arg-type]
    assert decoded.readings == ()
    assert decoded.rejected


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ({"status": "OK"}, ()),
        ({"current_alarms": "no_alarm", "previous_alarms": "no_alarm"}, ()),
        ({"status": None, "current_status": ""}, ()),
        ({"status": "DRY REVERSED LEAK BURST"}, ("dry", "backflow", "leak", "burst")),
        ({"current_status": "DRY", "status": "DRY LOW_BATTERY"}, ("dry", "battery_low")),
        ({"current_alarms": "meter_blocked,underflow"}, ("blocked", "underflow")),
        ({"status": "LEAKAGE_OR_NO_USAGE POWER_LOW"}, ("unknown", "battery_low")),
        ({"status": "ERROR_FLAGS_8000 TEMPORARY_ERROR"}, ("unknown", "temporary_error")),
        ({"status": "ALARM LEAK_FLOW_HIGH LEAK_FLOW_LOW"}, ("unknown", "leak")),
    ],
)
def test_what_the_meter_complains_of_becomes_flags(fields: dict[str, object], flags: tuple[str, ...]) -> None:
    assert first(**fields).flags == tuple(f"meter_alarm:{flag}" for flag in flags)


@pytest.mark.parametrize("fields", [{"status": "PREV_LEAKAGE"}, {"previous_alarms": "leakage,sensor_fraud"}])
def test_a_leak_that_is_over_is_no_present_alarm(fields: dict[str, object]) -> None:
    assert first(**fields).flags == ("meter_alarm_past:leak",)


@pytest.mark.parametrize("word", ["SENSOR_FRAUD", "MANIPULATION", "SABOTAGE_ENCLOSURE", "MAGNETIC_FIELD"])
def test_tampering_is_a_flag_of_its_own(word: str) -> None:
    assert first(status=word).flags == ("tamper",)


@pytest.mark.parametrize(
    ("stamp", "flag"),
    [
        ("1111-11-11T11:11:11Z", "implausible_time"),
        ("1970-01-06T16:29:20Z", "implausible_time"),
        ("2031-01-01T00:00:00Z", "implausible_time"),
        ("2000-00-00T00:00:00Z", "implausible_time"),
        ("2026-11-21 06:00:00", "time_zone_missing"),
        (None, "time_missing"),
    ],
)
def test_without_a_time_to_trust_the_register_is_kept_and_flagged(stamp: object, flag: str) -> None:
    reading = first(timestamp=stamp)
    assert (reading.value, reading.time, reading.flags) == (123529, None, (flag,))
    assert first(timestamp=stamp, retain=True).flags == (flag, "retained")


def test_a_retained_copy_with_its_own_time_is_the_same_reading_once_more() -> None:
    assert read(retain=True) == read(retain=False)


@pytest.mark.parametrize(
    ("cubic_metres", "near"), [(99999.999, True), (99000, True), (98999.9, False), (100000, False)]
)
def test_a_register_near_its_end_may_roll_over(cubic_metres: float, near: bool) -> None:
    assert ("counter_rollover_possible" in first(total_m3=cubic_metres).flags) is near


def test_the_largest_flow_of_an_earlier_period_is_not_the_present_flow() -> None:
    assert [reading.quantity for reading in read(max_flow_m3h=1.5).readings] == ["water_volume_total"]
    flows = [reading.value for reading in read(volume_flow_m3h=0.25, max_flow_m3h=1.5).readings[1:]]
    assert flows == [250]


def test_the_shape_is_recognised_on_any_topic() -> None:
    assert read(topic="some/gateway").readings == read().readings
    by_driver = {("driver" if key == "meter" else key): value for key, value in GOOD.items()}
    assert decode("some/gateway", json.dumps(by_driver).encode(), NOW).readings == read().readings


@pytest.mark.parametrize("topic", ["wmbusmeters/x", "gateway/raw"])
@pytest.mark.parametrize(
    "hexadecimal", ["2A442D2C998734761B168D2091D37CAC21E1D68CDAFF", "|1944304C72242421D401A2_013D4013|"]
)
def test_a_raw_telegram_is_refused_with_advice(topic: str, hexadecimal: str) -> None:
    decoded = decode(topic, hexadecimal.encode(), NOW)
    assert decoded.format == "wmbusmeters"
    assert "let wmbusmeters decode it first" in (decoded.rejected or "")


@pytest.mark.parametrize("litres", [0, 1, 82184, 99_999_999])
def test_what_the_simulators_write_is_read_again(litres: int) -> None:
    topic, payload = wmbusmeters.encode("00000042", NOW, litres)
    (reading,) = decode(topic, payload, NOW).readings
    assert (reading.device, reading.value, reading.time) == ("00000042", litres, NOW)
