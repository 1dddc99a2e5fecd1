"""Judging: what of a message may be stored, under which time, with which doubts."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace as changed

from ingest.bindings import Binding, FixedBindings
from ingest.devices import Decoded, DeviceMemory, decode
from ingest.errors import BindingsUnavailable
from ingest.measures import milliseconds
from ingest.quality import Judged, Memory, Message, judge, reason_class
from ingest.readings import Reading, StoredReading

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
SIX = datetime(2026, 11, 21, 6, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
BOUND = Binding("wm-1", "native", LONG_AGO)


def message(
    *measurements: dict[str, object], time: str | None = "2026-11-21T06:00:00Z", now: datetime = NOW, **more: object
) -> Message:
    payload = json.dumps({"time": time, "measurements": measurements, **more}).encode()
    return Message("t/v1/north/wm-1/up", payload, now)


def judged(came: Message, binding: Binding | None = BOUND, memory: Memory | None = None) -> Judged:
    decoded = decode(came.topic, came.payload, came.received_at, came.retain)
    return judge(came, decoded, FixedBindings([binding] if binding else []), memory or Memory())


def total(litres: float, **more: object) -> dict[str, object]:
    return {"quantity": "water_volume_total", "value": litres, "unit": "L", **more}


def only(rows: Sequence[StoredReading]) -> StoredReading:
    (row,) = rows
    return row


def test_a_register_is_stored_in_millilitres_under_the_device_s_time() -> None:
    row = only(judged(message(total(82184.125))).readings)
    assert row == StoredReading("wm-1", "water_volume_total", milliseconds(SIX), 82_184_125, milliseconds(NOW), ())


def test_an_unknown_device_goes_to_quarantine_with_its_payload() -> None:
    came = message(total(1))
    result = judged(came, None)
    assert result.readings == ()
    (entry,) = result.rejects
    assert reason_class(entry.reason) == "unknown_device"
    assert entry.payload == came.payload


@pytest.mark.parametrize(
    "measurement",
    [total(1), {"quantity": "water_flow", "value": "secret", "unit": "L/h"}],
    ids=["readable", "unreadable"],
)
def test_without_consent_only_size_and_digest_are_kept(measurement: dict[str, object]) -> None:
    came = message(measurement)
    result = judged(came, replace(BOUND, consented=False))
    assert result.readings == ()
    (entry,) = result.rejects
    assert (entry.payload, entry.size) == (b"", len(came.payload))
    assert entry.digest == hashlib.sha256(came.payload).hexdigest()[:16]
    assert reason_class(entry.reason) == "no_consent"
    assert "secret" not in entry.reason


def test_broken_json_of_a_household_without_consent_is_not_kept_either() -> None:
    result = judged(Message("t/v1/north/wm-1/up", b'{"secret', NOW), replace(BOUND, consented=False))
    assert all(b"secret" not in entry.payload and "secret" not in entry.reason for entry in result.rejects)
    assert len(result.rejects) == 1


def test_a_binding_counts_at_the_time_of_the_reading() -> None:
    ended = replace(BOUND, valid_to=SIX)
    assert judged(message(total(1)), ended).readings == ()
    assert len(judged(message(total(1), time="2026-11-21T05:59:59Z"), ended).readings) == 1


def test_another_format_than_the_registry_says_is_refused() -> None:
    (entry,) = judged(message(total(1)), replace(BOUND, format="wmbusmeters")).rejects
    assert reason_class(entry.reason) == "other_format"


def test_a_bad_measurement_is_filed_and_the_good_ones_are_stored() -> None:
    result = judged(message(total(1), {"quantity": "motion", "value": "?"}))
    assert only(result.readings).value == 1000
    assert [reason_class(entry.reason) for entry in result.rejects] == ["unreadable"]


@pytest.mark.parametrize(
    ("time", "flags"),
    [
        (None, ("time_missing",)),
        ("1970-01-01T00:00:00Z", ("implausible_time",)),
        ("2026-11-21T06:10:06Z", ("implausible_time",)),
    ],
)
def test_without_a_time_to_trust_the_arrival_stands_in(time: str | None, flags: tuple[str, ...]) -> None:
    row = only(judged(message(total(1), time=time)).readings)
    assert (row.measured_ms, row.flags) == (milliseconds(NOW), flags)


@pytest.mark.parametrize("time", ["2026-11-21T06:10:05Z", "2026-08-21T06:00:00Z"])
def test_late_and_slightly_early_readings_keep_their_own_time(time: str) -> None:
    row = only(judged(message(total(1), time=time)).readings)
    assert row.measured_ms == milliseconds(datetime.fromisoformat(time))
    assert row.flags == ()


def test_a_second_delivery_takes_the_time_of_the_first() -> None:
    memory = Memory()
    came = message(total(1), time=None, id="m-1")
    first = judged(came, memory=memory)
    later = changed(came, received_at=NOW + timedelta(minutes=3))
    again = judged(changed(later, redelivered=True), memory=memory)
    assert only(again.readings).measured_ms == only(first.readings).measured_ms
    new = judged(later, memory=memory)
    assert only(new.readings).measured_ms == milliseconds(later.received_at)


def test_without_an_id_the_payload_tells_two_messages_apart() -> None:
    memory = Memory()
    judged(message(total(1), time=None), memory=memory)
    other = changed(message(total(2), time=None, now=NOW + timedelta(minutes=3)), redelivered=True)
    assert only(judged(other, memory=memory).readings).measured_ms == milliseconds(other.received_at)


def test_a_retained_state_is_no_event() -> None:
    will = Message("t/v1/north/wm-1/status", b'"online"', NOW, retain=True)
    result = judged(will)
    assert (result.readings, result.rejects, result.states) == ((), (), 1)
    assert only(judged(changed(will, retain=False)).readings).quantity == "available"


def test_a_retained_reading_with_its_own_time_is_kept_and_marked() -> None:
    came = changed(message(total(1)), retain=True)
    row = only(judged(came).readings)
    assert (row.measured_ms, row.flags) == (milliseconds(SIX), ("retained",))


def test_two_temperatures_of_one_moment_are_two_quantities() -> None:
    warm = {"quantity": "temperature", "value": 21.5, "unit": "Cel", "channel": "ambient"}
    cold = {"quantity": "temperature", "value": 8, "unit": "Cel", "channel": "water"}
    rows = judged(message(warm, cold)).readings
    assert {(row.quantity, row.value) for row in rows} == {("temperature:ambient", 21500), ("temperature:water", 8000)}


def test_a_delta_is_stored_with_its_interval_in_its_name() -> None:
    delta = {"quantity": "water_volume_delta", "value": 14, "unit": "L", "interval": "PT1H"}
    assert only(judged(message(delta)).readings).quantity == "water_volume_delta:PT1H"


def test_yes_and_no_are_one_and_nothing() -> None:
    rows = judged(message({"quantity": "motion", "value": True}, {"quantity": "contact", "value": "closed"})).readings
    assert [(row.quantity, row.value) for row in rows] == [("motion", 1000), ("contact_open", 0)]


def test_words_are_not_stored() -> None:
    assert judged(message({"quantity": "lid", "value": "closed"})) == Judged()


@pytest.mark.parametrize(
    "measurement",
    [
        total(-0.5),
        total(2e10),
        {"quantity": "water_flow", "value": 2e6, "unit": "L/h"},
        {"quantity": "temperature", "value": 900, "unit": "Cel"},
        {"quantity": "humidity", "value": 101, "unit": "%RH"},
    ],
)
def test_what_no_home_can_show_is_refused(measurement: dict[str, object]) -> None:
    result = judged(message(measurement))
    assert result.readings == ()
    assert [reason_class(entry.reason) for entry in result.rejects] == ["value"]


def test_pulses_become_litres_only_with_the_registry_s_factor() -> None:
    came = message({"quantity": "pulse_count_total", "value": 1234, "unit": "count"})
    raw = only(judged(came).readings)
    assert (raw.quantity, raw.value, raw.flags) == ("pulse_count_total", 1_234_000, ("pulse_factor_unknown",))
    known = only(judged(came, replace(BOUND, litres_per_pulse=0.25)).readings)
    assert (known.quantity, known.value, known.flags) == ("water_volume_total", 308_500, ())
    whole = only(judged(came, replace(BOUND, litres_per_pulse=1.0)).readings)
    assert (whole.quantity, whole.value, whole.flags) == ("water_volume_total", 1_234_000, ())


@pytest.mark.parametrize(("unit", "value"), [("L", 12_500), ("m3", 12_500_000), (None, None), ("count", None)])
def test_a_register_without_a_unit_needs_the_registry_s(unit: str | None, value: int | None) -> None:
    reading = Reading("wm-1", "water_volume_total", 12.5, "", SIX, ("unit_unknown",))
    came = Message("t", b"12.5", NOW)
    bindings = FixedBindings([replace(BOUND, unit=unit)])
    result = judge(came, Decoded("native", (reading,), None), bindings, Memory())
    assert [(row.value, row.flags) for row in result.readings] == ([] if value is None else [(value, ())])
    assert len(result.rejects) == (1 if value is None else 0)


def test_a_register_that_falls_within_one_batch_is_doubted() -> None:
    rows = judged(message(total(90_000, time="2026-11-21T05:00:00Z"), total(3))).readings
    assert [row.flags for row in rows] == [(), ("counter_reset_possible",)]


def test_a_registry_that_cannot_be_asked_decides_nothing() -> None:
    class Down:
        def at(self, device: str, time: datetime) -> Binding | None:
            raise OSError

    came = message(total(1))
    with pytest.raises(BindingsUnavailable):
        judge(came, decode(came.topic, came.payload, NOW), Down(), Memory())


def test_a_long_payload_is_cut_for_inspection() -> None:
    came = Message("t/v1/north/wm-1/up", b"x" * 300_000, NOW)
    (entry,) = judged(came).rejects
    assert (len(entry.payload), entry.size) == (4096, 300_000)


# --- sensors -------------------------------------------------------------------------------------------------------

SENSOR = Binding("sos-1", "zigbee2mqtt", LONG_AGO, resolution_l=None)


def said(payload: str, now: datetime = NOW, **more: bool) -> Message:
    return Message("zigbee2mqtt/sos-1", payload.encode(), now, **more)


@pytest.mark.parametrize(
    "measurement",
    [
        total(1),
        {"quantity": "pulse_count_total", "value": 5, "unit": "count"},
        {"quantity": "water_volume_delta", "value": 14, "unit": "L", "interval": "PT1H"},
    ],
)
def test_a_sensor_has_no_water_register(measurement: dict[str, object]) -> None:
    motion = {"quantity": "motion", "value": True}
    result = judged(message(measurement, motion), replace(BOUND, resolution_l=None))
    assert [row.quantity for row in result.readings] == ["motion"]
    (entry,) = result.rejects
    assert reason_class(entry.reason) == "no_register"
    assert "resolution_l" in entry.reason


@pytest.mark.parametrize("seen", ['"2026-11-21T06:00:05Z"', "null"], ids=["a gateway's whole second", "no time"])
def test_two_presses_within_a_second_are_two_and_a_redelivered_one_is_one(seen: str) -> None:
    memory = Memory()
    press = said(f'{{"action":"emergency","last_seen":{seen}}}')
    soon = changed(press, received_at=NOW + timedelta(milliseconds=400))
    first, second = (only(judged(came, SENSOR, memory).readings) for came in (press, soon))
    assert 0 < second.measured_ms - first.measured_ms < 1000
    again = only(
        judged(changed(soon, received_at=NOW + timedelta(minutes=1), redelivered=True), SENSOR, memory).readings
    )
    assert again.measured_ms == second.measured_ms


def test_a_press_like_one_of_yesterday_is_a_new_one_even_just_after_a_reconnect() -> None:
    memory = Memory()
    press = said('{"action":"emergency"}')
    judged(press, SENSOR, memory)
    later = changed(press, received_at=NOW + timedelta(days=1), redelivered=True)
    assert only(judged(later, SENSOR, memory).readings).measured_ms == milliseconds(later.received_at)


def test_a_retained_press_is_the_old_one_once_more() -> None:
    memory = Memory()
    press = said('{"action":"emergency","last_seen":"2026-11-21T05:00:00Z"}')
    first = only(judged(press, SENSOR, memory).readings)
    copy = only(judged(changed(press, retain=True), SENSOR, memory).readings)
    assert (copy.measured_ms, copy.value) == (first.measured_ms, first.value)
    assert (first.flags, copy.flags) == ((), ("retained",))


def test_what_a_gateway_says_twice_is_stored_once() -> None:
    known, memory = DeviceMemory(), Memory()
    results = []
    for topic, payload in (("zigbee2mqtt/sos-1", '{"action":"sos"}'), ("zigbee2mqtt/sos-1/action", "sos")):
        came = Message(topic, payload.encode(), NOW)
        results.append(judge(came, decode(topic, came.payload, NOW, False, known), FixedBindings([SENSOR]), memory))
    assert [(len(one.readings), one.states, one.rejects) for one in results] == [(1, 0, ()), (0, 1, ())]


def test_a_state_that_is_only_repeated_is_stored_again_after_an_hour() -> None:
    known, memory = DeviceMemory(), Memory()
    stored = []
    for minutes in (0, 1, 59, 60, 61):
        came = said('{"presence":true}', NOW + timedelta(minutes=minutes))
        decoded = decode(came.topic, came.payload, came.received_at, False, known)
        stored += [(minutes, row.flags) for row in judge(came, decoded, FixedBindings([SENSOR]), memory).readings]
    assert stored == [(0, ("time_missing",)), (60, ("cached_state", "time_missing"))]
