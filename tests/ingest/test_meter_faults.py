"""Every fault of a meter that can be seen on its messages: which flag it gets, line by line (docs/quality.md has the table)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.bindings import Binding, Bindings, FixedBindings
from ingest.devices import decode, native
from ingest.flags import FLAGS, OTHER, counted
from ingest.measures import milliseconds
from ingest.quality import Memory, Message, judge
from ingest.quarantine import unit_change
from ingest.readings import StoredReading
from ingest.store import SqliteStore

T0 = datetime(2026, 11, 2, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
BOUND = Binding("wm-1", "native", LONG_AGO)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
Told = tuple[float, ...]
"""Register [L], and hours after `T0` at which it was measured and at which it came, if later."""


def heard(told: Iterable[Told], binding: Binding = BOUND, memory: Memory | None = None) -> list[StoredReading]:
    """Return what is stored of these registers, one message each."""
    return bound_heard(told, FixedBindings([binding]), memory)


def bound_heard(told: Iterable[Told], bindings: Bindings, memory: Memory | None = None) -> list[StoredReading]:
    memory = memory or Memory()
    rows: list[StoredReading] = []
    for litres, *hours in told:
        measured, came = T0 + hours[0] * HOUR, T0 + hours[-1] * HOUR + SECOND
        topic, payload = native.encode("t", "north", "wm-1", "id", [(measured, litres)])
        judged = judge(Message(topic, payload, came), decode(topic, payload, came), bindings, memory)
        assert judged.rejects == ()
        rows += judged.readings
    return rows


def flags(told: Iterable[Told], **about: object) -> list[str]:
    return [" ".join(row.flags) for row in heard(told, replace(BOUND, **about))]  # type: ignore[arg-type]


def hourly(*litres: float) -> list[Told]:
    return [(one, hour) for hour, one in enumerate(litres)]


# --- the register ------------------------------------------------------------------------------------------------------


def test_m2_pulses_nearer_than_a_pipe_allows_are_a_bounce() -> None:
    bouncing = [(100.0, 0.0), (101.0, 20 / 3600), (102.0, 20.05 / 3600), (103.0, 40 / 3600)]
    assert flags(bouncing) == ["", "", "pulse_bounce_possible", ""]


def test_m2_a_register_that_is_read_twice_in_a_second_does_not_bounce() -> None:
    assert flags([(100.0, 0.0), (100.0, 1.0), (101.0, 1.0001)]) == ["", "", ""]


def test_m2_more_than_a_pipe_carries_is_not_believed() -> None:
    assert flags(hourly(1000, 1020, 6000)) == ["", "", "implausible_value"]


def test_m3_a_new_meter_without_a_work_order_is_a_reset() -> None:
    assert flags(hourly(54_000, 54_010, 250, 260)) == ["", "", "counter_reset_possible", ""]


def test_m3_a_new_meter_with_a_work_order_is_no_fault() -> None:
    swap = T0 + 1.5 * HOUR
    bindings = FixedBindings([replace(BOUND, valid_to=swap), replace(BOUND, valid_from=swap)])
    assert [row.flags for row in bound_heard(hourly(54_000, 54_010, 250, 260), bindings)] == [(), (), (), ()]


@pytest.mark.parametrize(
    ("before", "after", "modulus", "flag"),
    [
        pytest.param(9_999_995, 12, None, "counter_rollover_possible", id="the usual register"),
        pytest.param(65_530, 4, 65_536.0, "counter_rollover_possible", id="a counter of 16 bits"),
        pytest.param(9_890_000, 12, None, "counter_reset_possible", id="two percent below the end"),
        pytest.param(9_990_000, 90, None, "counter_rollover_possible implausible_value", id="ten cubic metres an hour"),
    ],
)
def test_m4_a_register_wraps_from_its_last_percent_and_by_a_plausible_use(
    before: float, after: float, modulus: float | None, flag: str
) -> None:
    assert flags(hourly(before, after), modulus_l=modulus) == ["", flag]


UNITS = [
    pytest.param(1000.0, "unit_change:x1000", id="litres where cubic metres were agreed"),
    pytest.param(10.0, "unit_change:x10", id="ten times the pulse weight"),
    pytest.param(0.1, "unit_change:/10", id="a tenth of it"),
    pytest.param(0.001, "unit_change:/1000", id="cubic metres where litres were agreed"),
]


@pytest.mark.parametrize(("factor", "flag"), UNITS)
def test_m5_another_unit_puts_the_meter_in_quarantine_until_it_is_set_right(factor: float, flag: str) -> None:
    right = [54_321.0, 54_330, 54_335, 54_335, 54_350, 54_351]
    told = [one * factor if 2 <= n < 5 else one for n, one in enumerate(right)]
    found = flags(hourly(*told))
    assert found[:2] == ["", ""]
    assert all(flag in one.split() for one in found[2:5])
    assert "implausible_value" not in " ".join(found[3:5])
    assert "unit_change" not in found[5]


def test_m5_a_work_order_ends_the_quarantine() -> None:
    swap = T0 + 2.5 * HOUR
    bindings = FixedBindings([replace(BOUND, valid_to=swap), replace(BOUND, valid_from=swap)])
    rows = bound_heard(hourly(54_321, 54_330, 543_350, 543_360, 543_370), bindings)
    assert [row.flags[-1:] for row in rows] == [(), (), ("unit_change:x10",), (), ()]


@given(st.integers(20_000, 900_000), st.integers(0, 2000), st.integers(1, 48))
def test_m5_a_new_meter_is_hardly_ever_taken_for_another_unit(before: int, new: int, hours: int) -> None:
    rows = heard([(float(before), 0.0), (float(new), float(hours))])
    times_l = [new * factor - before for factor in (10, 100, 1000)]
    implied = any(-1000 < one <= 500 + 2000 * hours / 24 for one in times_l)
    assert implied or rows[1].flags == ("counter_reset_possible",)


def test_m5_a_ratio_needs_a_later_register() -> None:
    row = heard([(100.0, 0.0)])[0]
    with pytest.raises(ValueError, match="want a later register"):
        unit_change(row, row, 1.0)


@pytest.mark.parametrize("fall", [0.1, 1.0, 49.0])
def test_w7_a_few_litres_backwards_are_backflow_and_no_new_meter(fall: float) -> None:
    found = flags(hourly(54_000, 54_000 - fall, 54_010))
    assert found == ["", "out_of_order_possible backflow_possible", ""]


def test_m15_m20_two_registers_under_one_number_are_found_at_the_third_change_and_end_when_one_falls_silent() -> None:
    mine, other = [54_000.0 + 3 * n for n in range(5)], [812_000.0 + 5 * n for n in range(5)]
    told = [one for pair in zip(mine, other, strict=True) for one in pair]
    quiet = [other[-1] + n for n in range(1, 10)]
    found = ["two_registers_possible" in one.split() for one in flags(hourly(*told, *quiet))]
    assert found[:3] == [False] * 3
    assert found[3:10] == [True] * 7
    assert found[-1] is False


def test_m20_two_registers_that_a_pipe_could_join_are_found_too() -> None:
    told = [54_000.0, 54_900, 54_003, 54_905, 54_004, 54_911]
    assert "two_registers_possible" in flags(hourly(*told))[-1]


def test_m14_stray_values_make_no_second_meter() -> None:
    told = [54_000.0, 1e9, 54_003, 1e9, 54_005, 1e9, 54_009, 77, 54_010]
    assert not [one for one in flags(hourly(*told)) if "two_registers" in one]


# --- the message -------------------------------------------------------------------------------------------------------


def test_m9_a_late_batch_keeps_its_own_times_in_whatever_order_it_tells_them() -> None:
    week = [(T0 + hour * HOUR, 54_000.0 + hour) for hour in range(7 * 24)]
    came = T0 + 7 * 24 * HOUR
    results = []
    for batch in (week, week[::-1]):
        topic, payload = native.encode("t", "north", "wm-1", "id", batch)
        judged = judge(Message(topic, payload, came), decode(topic, payload, came), FixedBindings([BOUND]), Memory())
        results.append(judged.readings)
    assert results[0] == results[1]
    assert [(row.measured_ms, row.flags) for row in results[0]] == [(milliseconds(at), ()) for at, _ in week]


def test_m9_m17_what_was_kept_back_and_comes_in_a_burst_keeps_its_own_times() -> None:
    told = [(54_000.0 + hour, float(hour), 48.0) for hour in range(48)]
    assert {row.flags for row in heard(told)} == {()}


def test_m10_a_register_told_twice_has_one_key() -> None:
    rows = heard([(54_000.0, 0.0), (54_000.0, 0.0, 0.1)])
    assert len({(row.device, row.quantity, row.measured_ms, row.value) for row in rows}) == 1


def test_m11_a_message_that_was_overtaken_is_late_and_no_fall() -> None:
    found = flags([(54_000.0, 0.0), (54_020.0, 2.0), (54_010.0, 1.0, 2.1), (54_025.0, 3.0)])
    assert found == ["", "", "late", ""]


def test_m12_a_clock_that_is_ahead_or_was_never_set_gives_way_to_arrival() -> None:
    ahead, unset = heard([(54_000.0, 1.0, 0.0)]), heard([(54_000.0, -400_000.0, 0.0)])
    for (row,) in (ahead, unset):
        assert (row.measured_ms, row.flags) == (milliseconds(T0 + SECOND), ("implausible_time",))


@pytest.mark.parametrize("hours", [2.0, 7.9])
def test_m12_a_clock_that_is_always_behind_by_the_same_gives_way_to_arrival(hours: float) -> None:
    told = [(54_000.0 + n, n - hours, float(n)) for n in range(8)]
    rows = heard(told)
    assert [row.flags for row in rows] == [()] * 3 + [("clock_skew",)] * 5
    assert rows[-1].measured_ms == milliseconds(T0 + 7 * HOUR + SECOND)
    assert heard([(54_008.0, 8.0)], memory=Memory(_past(rows)))[0].flags == ()


@pytest.mark.parametrize(
    ("late", "period"),
    [
        pytest.param([0.5] * 8, 3600, id="frozen on the hour, sent at the half hour"),
        pytest.param([2, 5, 2, 5, 2, 5, 2, 5], 3600, id="now more, now less"),
        pytest.param([30.0] * 8, 3600, id="history"),
        pytest.param([6.0] * 8, 86_400, id="once a day, what the register showed at midnight"),
    ],
)
def test_m12_lateness_is_no_wrong_clock(late: Sequence[float], period: int) -> None:
    every = period / 3600
    told = [(54_000.0 + n, n * every - one, n * every) for n, one in enumerate(late)]
    assert "clock_skew" not in " ".join(flags(told, period_s=period))


def test_m12_a_clock_that_drifts_by_seconds_is_believed() -> None:
    assert {row.flags for row in heard([(54_000.0 + n, n * 1.00002, float(n)) for n in range(300)])} == {()}


def test_m16_a_retained_copy_is_marked() -> None:
    topic, payload = native.encode("t", "north", "wm-1", "id", [(T0, 54_000.0)])
    came = Message(topic, payload, T0 + 30 * HOUR, retain=True)
    judged = judge(came, decode(topic, payload, came.received_at, True), FixedBindings([BOUND]), Memory())
    assert [row.flags for row in judged.readings] == [("retained",)]


def test_m18_a_heartbeat_tells_of_the_device_and_of_no_register() -> None:
    topic, payload = "t/v1/north/wm-1/up", b'{"measurements":[]}'
    (row,) = judge(Message(topic, payload, T0), decode(topic, payload, T0), FixedBindings([BOUND]), Memory()).readings
    assert (row.quantity, row.flags) == ("available", ("time_missing", "no_reading"))


# --- what survives, and what is counted ----------------------------------------------------------------------------------


class _past:  # noqa: N801  a past in a test
    """A past of these rows."""

    def __init__(self, rows: Sequence[StoredReading]) -> None:
        self._rows = rows

    def last(self, device: str, quantity: str) -> StoredReading | None:
        return self._rows[-1]

    def recent(self, device: str, quantity: str, before_ms: int, most: int) -> list[StoredReading]:
        return [row for row in reversed(self._rows) if row.measured_ms < before_ms][:most]

    def arrival(self, device: str, quantity: str, ident: str) -> int | None:
        return None


@pytest.mark.parametrize("batch", [1, 3])
def test_a_quarantine_survives_a_restart(tmp_path: Path, batch: int) -> None:
    told = hourly(*(one for n in range(6) for one in (54_000.0 + 3 * n, 812_000.0 + 5 * n)))
    found = []
    for first in range(0, len(told), batch):
        store = SqliteStore(tmp_path)
        rows = heard(told[first : first + batch], memory=Memory(store))
        store.commit(rows, [])
        store.close()
        found += rows
    assert [row.flags for row in found] == [row.flags for row in heard(told)]
    assert "two_registers_possible" in found[-1].flags


def test_only_known_words_are_counted_by_name() -> None:
    assert counted(["late", "meter_alarm:leak", "Frau Meier"]) == ["late", "meter_alarm:leak", OTHER]


def test_every_flag_is_explained_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "quality.md").read_text("utf-8")
    families = {flag.partition(":")[0] for flag in FLAGS}
    assert [flag for flag in sorted(families) if f"`{flag}" not in page] == []


def test_the_page_has_every_fault_of_a_meter_and_names_tests_that_are_there() -> None:
    tests = Path(__file__).parents[1]
    page = (tests.parent / "docs" / "quality.md").read_text("utf-8")
    assert {f"M{n}" for n in range(1, 21)} | {"W6", "W7"} == set(re.findall(r"\*\*([MW]\d+)\*\*", page))
    named = set(re.findall(r"`((?:ingest|shuian|detectors|alerts)/test_\w+\.py)`", page))
    assert [name for name in sorted(named) if not (tests / name).exists()] == []
