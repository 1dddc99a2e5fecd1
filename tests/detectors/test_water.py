"""Water that runs: surges, leaks, and what they leave of a quiet."""

import copy
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bins import News
from detectors.partition import Partition, Settings
from detectors.quiet import QuietSettings
from tests.detectors.homes import Case, partition, played
from tests.detectors.test_partition import EAGER, EVERYTHING, play_twin, twin

MIDNIGHT = 1_750_032_000.0
HOUR, DAY = 3600.0, 86_400.0
NAN = float("nan")
MUTE = Settings(quiet=QuietSettings(amber=1e9, red=1e9))
seeds = st.integers(0, 2**32 - 1)
WEEKDAY = {6: 8, 7: 14, 9: 3, 11: 9, 12: 6, 15: 4, 17: 8, 18: 12, 20: 5, 21: 9}
"""Litres in the first quarter of these hours: a plain day of 78 litres."""


# --- what arrays must equal -------------------------------------------------------------------------------------------


def wet_case(seed: int, rows: int = 3) -> Case:
    """Return homes with leaks, open taps, holes and unknown stretches that follow from the seed."""
    rng = np.random.default_rng(seed)
    periods = rng.choice([900.0, 3600.0, 3600.0, 28_800.0], rows)
    columns = []
    for row, period in enumerate(periods.tolist()):
        count = round({900.0: 3.0, 3600.0: 22.0, 28_800.0: 30.0}[period] * DAY / period)
        length = period * np.where(rng.random(count) < 0.02, 3.0, 1.0)
        hole = np.where(rng.random(count) < 0.01, rng.integers(10, 20_000, count), 0.0)
        end = MIDNIGHT + rng.integers(0, 3600) + np.cumsum(length + hole)
        hour = (end / HOUR) % 24
        used = rng.random(count) < np.where((hour > 6) & (hour < 22), 0.35, 0.04)
        litres = np.where(used, rng.integers(1, 30, count), 0).astype(float)
        for l_h, hours in (
            (rng.uniform(1, 40), rng.uniform(6, 70)),
            (rng.uniform(1, 40), 50),
            (rng.uniform(60, 900), 8),
        ):
            begin = rng.uniform(end[0], end[-1])
            flow = np.floor((np.clip(end - begin, 0, hours * HOUR)) * l_h / HOUR)
            litres += np.diff(flow, prepend=0.0)
        litres[rng.random(count) < 0.01] = NAN
        received = end + 5.0 if rng.random() < 0.7 else np.ceil(end / DAY) * DAY
        moved = np.isnan(litres) & (rng.random(count) < 0.5)
        columns.append(np.column_stack([np.full(count, row), end - length, end, litres, received, moved]))
    table = np.concatenate(columns)
    table = table[np.lexsort((table[:, 2], table[:, 4]))]
    row, start, end, litres, received, moved = table.T
    news = News(row.astype(np.intp), start, end, litres, np.full(len(row), 7200.0), received, moved > 0)
    return Case(rows, periods, news)


@settings(max_examples=4, deadline=None)
@given(seeds)
@pytest.mark.slow
def test_surges_and_leaks_are_those_of_the_plain_twin(seed):
    home = wet_case(seed)
    part = partition(home, EAGER)
    happened = played(part, home.news)
    for row in range(home.rows):
        one = play_twin(twin(home, row), home.news, row)
        ours = sorted(
            (what, kind, severity, round(onset, 1), at) for what, r, kind, severity, onset, at in happened if r == row
        )
        assert ours == sorted(
            (what, kind, severity, round(onset, 1), at) for what, kind, severity, onset, at in one.log
        )
        assert part.leak_l_h()[row] == pytest.approx(one.water.floor, abs=1e-3)
        np.testing.assert_allclose(part.running_since()[row], one.water.began() or NAN)
        assert part.last_use()[row] == one.since


@settings(max_examples=2, deadline=None)
@given(seeds, st.integers(1, 60))
@pytest.mark.slow
def test_a_restart_in_running_water_changes_nothing(seed, cut_at):
    home = wet_case(seed)
    chunk = np.floor(home.news.received / (6 * HOUR))
    chunks = np.unique(chunk)
    before = chunk <= chunks[min(cut_at, len(chunks) - 1)]
    whole, first = partition(home, EVERYTHING), partition(home, EVERYTHING)
    expected = played(whole, home.news)
    happened = played(first, home.news.take(before))
    second = Partition.restore(EVERYTHING, first.snapshot())
    assert happened + played(second, home.news.take(~before)) == expected
    for name, array in whole.snapshot().items():
        np.testing.assert_array_equal(second.snapshot()[name], array, err_msg=name)


@settings(max_examples=2, deadline=None)
@given(seeds)
@pytest.mark.slow
def test_rows_with_running_water_do_not_know_each_other(seed):
    home = wet_case(seed)
    together = sorted(played(partition(home, EVERYTHING), home.news))
    alone = []
    for row in range(home.rows):
        news = home.news.take(home.news.row == row)
        news = News(
            np.zeros(len(news), np.intp), *(getattr(news, name) for name in list(News.__dataclass_fields__)[1:])
        )
        found = played(partition(home, EVERYTHING, np.array([row])), news, step_s=1e9)
        alone += [(what, row, *rest) for what, _, *rest in found]
    assert sorted(alone) == together


def test_arrays_of_running_water_that_came_in_stay_as_they_were():
    home = wet_case(3)
    kept = {name: getattr(home.news, name).copy() for name in News.__dataclass_fields__}
    partition(home, EVERYTHING).step(home.news)
    for name, array in kept.items():
        np.testing.assert_array_equal(getattr(home.news, name), array)


# --- one home, told by its day ----------------------------------------------------------------------------------------


class Home:
    """One home whose register is read at a period; water is added by its flow."""

    def __init__(self, days=20, period_s=900.0, step_l=1.0, day=WEEKDAY):
        self.period_s, self.step_l, self.day = period_s, step_l, day
        self.part = Partition(MUTE, np.array([period_s]), np.array([step_l]))
        self.at, self.true_l, self.shown_l, self.flows = MIDNIGHT, 0.0, 0.0, []
        self.raised, self.cleared = [], []
        self.live(days * 24)

    def flow(self, l_h, begin_h=0.0, hours=1e6):
        """Let water run from `begin_h` from now on; return when that is."""
        begin = self.at + begin_h * HOUR
        self.flows.append((l_h, begin, begin + hours * HOUR))
        return begin

    def drawn(self, start, end):
        quarters = np.arange(start // 900 * 900, end, 900.0)
        usual = sum(
            self.day.get(int(q % DAY // HOUR), 0) * (min(q + 900, end) - max(q, start)) / 900
            for q in quarters if q % HOUR == 0
        )  # fmt: skip
        return usual + sum(l_h * max(min(end, b) - max(start, a), 0.0) / HOUR for l_h, a, b in self.flows)

    def live(self, hours, quiet=False, unknown=False, period_s=None, together=False):
        """Let hours pass; `quiet`: nobody draws water; `together`: all of it arrives at the end."""
        day, self.day = self.day, {} if quiet else self.day
        period, until = period_s or self.period_s, self.at + hours * HOUR
        columns = []
        while self.at < until - 1:
            end = self.at + period
            self.true_l += self.drawn(self.at, end)
            shown = np.floor(self.true_l / self.step_l + 1e-9) * self.step_l
            columns.append((self.at, end, NAN if unknown else shown - self.shown_l))
            self.at, self.shown_l = end, shown
        start, end, litres = np.array(columns).T
        received = np.full(len(end), until) if together else end
        zero = np.zeros(len(end))
        found = self.part.step(News(zero.astype(int), start, end, litres, zero, received))
        self.raised += found.raised
        self.cleared += found.cleared
        self.day = day
        return found

    def told(self, kind):
        return [(f.severity, f.reason) for f in self.raised if f.kind == kind]

    def first(self, kind, severity=None):
        return next(f for f in self.raised if f.kind == kind and severity in {None, f.severity})


@cache
def history(days, period_s, step_l, day):
    return Home(days, period_s, step_l, dict(day))


def lived(days=20, period_s=900.0, step_l=1.0, settings=MUTE, day=WEEKDAY):
    """Return a home after plain days; each history is lived once and copied."""
    home = copy.copy(history(days, period_s, step_l, tuple(day.items())))
    home.part = Partition.restore(settings, home.part.snapshot())
    home.flows, home.raised, home.cleared = [], list(home.raised), list(home.cleared)
    return home


def test_plain_days_raise_nothing():
    home = lived(30)
    assert home.raised == []
    assert np.isnan(home.part.running_since()[0])
    assert home.part.leak_l_h()[0] == 0


def test_a_washing_machine_and_a_shower_on_one_morning_are_no_surge():
    home = lived(30)
    for begin_h, litres in ((8.0, 14), (8.35, 14), (8.6, 14), (8.7, 35), (9.0, 6)):
        home.flow(litres * 12, begin_h, 1 / 12)  # each within five minutes
    home.live(24)
    assert home.told("surge") == []


def test_a_fall_with_the_water_running_is_a_red_surge_within_two_reports():
    home = lived(20)
    home.live(9)
    at = home.flow(0.11 * 3600)
    home.live(2, quiet=True)
    red = home.first("surge", "red")
    assert red.raised_at - at <= 2 * 900
    assert red.onset == at
    assert red.evidence["running_since_at"] == at
    assert red.evidence["flow_l_h"] == pytest.approx(396, abs=4)
    assert (red.evidence["heard_at"], red.evidence["known_until_at"]) == (red.raised_at, red.raised_at)


def test_in_a_home_that_is_not_known_yet_only_limits_are_told():
    home = lived(3)
    at = home.flow(0.11 * 3600, 9)
    home.live(11)
    assert home.told("surge") == [("red", "surge_limit")]
    red = home.first("surge")
    assert red.raised_at - at == 3 * 900  # 297 litres
    assert (red.evidence["window_s"], red.evidence["limit_l"], red.evidence["usual_l"]) == (HOUR, 250, None)
    assert red.evidence["volume_l"] > 290


@pytest.mark.parametrize(("l_h", "hours", "window_s", "limit_l"), [
    pytest.param(1600, 0.25, 900, 360, id="a burst"),
    pytest.param(270, 1, HOUR, 250, id="an hour"),
    pytest.param(150, 3, 3 * HOUR, 400, id="three hours"),
])  # fmt: skip
def test_limits_hold_from_the_first_day(l_h, hours, window_s, limit_l):
    home = lived(1, day={})
    home.flow(l_h)
    home.live(hours)
    assert home.told("surge")[-1] == ("red", "surge_limit")
    evidence = home.first("surge", "red").evidence
    assert (evidence["window_s"], evidence["limit_l"]) == (window_s, limit_l)


def test_a_thousand_litres_in_a_day_are_told_to_a_meter_that_tells_once_a_day():
    home = lived(3, period_s=DAY)
    home.flow(50)
    home.live(24)
    assert home.told("surge") == [("red", "surge_limit")]
    home.live(24)
    assert home.cleared == []
    home.flows.clear()
    home.live(24)
    assert [f.severity for f in home.cleared] == ["red"]


def test_a_tap_left_open_is_asked_about_when_it_has_run_for_two_and_a_half_hours():
    home = lived(5)
    at = home.flow(0.03 * 3600, 13)
    home.live(13 + 2.25)
    assert home.told("surge") == []
    home.live(0.5)
    assert home.told("surge") == [("amber", "water_running")]
    amber = home.first("surge")
    assert amber.onset == at
    assert amber.raised_at == at + 2.5 * HOUR
    assert amber.evidence["volume_l"] == pytest.approx(270, abs=6)
    assert amber.evidence["running_s"] == 2.5 * HOUR
    assert home.part.running_since()[0] == at


def test_much_more_than_usual_is_told_before_any_limit_is_reached():
    home = lived(30)
    at = home.flow(0.03 * 3600, 13)
    home.live(16)
    first = home.first("surge")
    assert first.reason == "surge_usual"
    assert first.raised_at - at < 2 * HOUR
    assert first.evidence["score"] >= 2.2
    assert first.evidence["volume_l"] > 2 * first.evidence["usual_l"]


def test_water_that_runs_for_six_hours_is_red_and_over_when_it_stops():
    home = lived(2, day={})
    at = home.flow(25, 1, 8)
    home.live(12)
    assert home.told("surge") == [("amber", "water_running"), ("red", "water_running")]
    assert home.first("surge", "red").raised_at == at + 6 * HOUR
    assert {(f.severity, f.cleared_at) for f in home.cleared} == {
        ("amber", at + 8.25 * HOUR), ("red", at + 8.25 * HOUR)
    }  # fmt: skip


def test_one_run_is_told_once_and_the_next_does_not_count_its_litres():
    home = lived(3, day={})
    home.flow(300, 0, 3)
    home.flow(60, 4, 0.5)
    home.live(8)
    assert home.told("surge") == [("red", "surge_limit")]
    home.flow(300, 0, 1)
    home.live(2)
    assert home.told("surge") == [("red", "surge_limit")] * 2


def test_a_home_with_long_evenings_is_asked_later():
    busy = dict.fromkeys(range(16, 21), 30)
    home = lived(30, period_s=3600.0, day=busy)
    assert home.told("surge") == []
    home.flow(60)
    home.live(9)
    assert home.told("surge") != []


def test_time_that_is_not_known_neither_ends_nor_lengthens_a_run():
    home = lived(3, day={})
    at = home.flow(60)
    home.live(2)
    home.live(0.75, unknown=True)
    assert home.told("surge") == []
    assert home.part.running_since()[0] == at
    home.live(0.5)
    assert home.told("surge") == [("amber", "water_running")]
    home.live(0.75, unknown=True)
    assert home.cleared == []
    home.live(5, unknown=True)
    assert home.cleared == []


def test_what_ran_and_stopped_within_one_upload_wakes_nobody():
    home = lived(3, day={})
    home.flow(300, 2, 2)
    assert home.live(6, together=True).raised == []
    home.flow(300, 2)
    found = home.live(6, together=True).raised
    assert [(f.kind, f.severity) for f in found] == [("surge", "red")]
    assert found[0].raised_at == home.at


# --- leaks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("period_s", "step_l"), [(900.0, 1.0), (3600.0, 1.0), (900.0, 10.0), (900.0, 0.1)])
def test_a_leak_is_told_a_day_after_it_began(period_s, step_l):
    home = lived(10, period_s, step_l)
    at = home.flow(12, 5.25)
    home.live(5.25 + 22.5)
    assert home.told("leak") == []
    home.live(3 if step_l < 10 else 7)
    blue = home.first("leak")
    assert (blue.severity, blue.reason) == ("blue", "leak")
    late_s = blue.raised_at - at - DAY
    assert -period_s <= late_s <= (2 * period_s if step_l < 10 else 6 * HOUR)
    assert abs(blue.onset - at) <= (2 * period_s if step_l < 10 else 6 * HOUR)
    assert blue.evidence["leak_l_h"] == pytest.approx(12, rel=0.2)
    assert blue.evidence["per_day_l"] == pytest.approx(288, rel=0.2)
    assert blue.evidence["leak_since_at"] == blue.onset
    assert home.part.leak_l_h()[0] == pytest.approx(12, rel=0.2)


@pytest.mark.parametrize("period_s", [900.0, 3600.0])
def test_a_leak_is_no_surge(period_s):
    home = lived(20, period_s)
    home.flow(12)
    home.live(60)
    assert home.told("surge") == []
    assert home.told("leak") == [("blue", "leak")]


def test_when_a_leak_will_be_told_is_known_before():
    home = lived(10)
    at = home.flow(12, 5.25)
    home.live(5.25 + 20)
    assert home.part.leak_due()[0] == pytest.approx(at + DAY, abs=900)
    assert np.isnan(lived(2).part.leak_due()[0])


@pytest.mark.parametrize(("l_h", "told"), [(0.5, []), (1.5, ["blue"]), (25, ["amber"])])
def test_how_much_a_leak_must_be(l_h, told):
    home = lived(5)
    home.flow(l_h)
    home.live(40)
    assert [severity for severity, _ in home.told("leak")] == told


def test_a_leak_that_grows_is_told_once_more():
    home = lived(5)
    home.flow(3)
    home.live(40)
    home.flow(30)
    home.live(40)
    assert [severity for severity, _ in home.told("leak")] == ["blue", "amber"]


def test_a_leak_that_was_repaired_is_over_and_leaves_no_floor():
    home = lived(5)
    home.flow(12, 0, 40)
    home.live(41)
    assert home.part.leak_l_h()[0] < 6
    home.live(31)
    assert [(f.kind, f.severity) for f in home.cleared] == [("leak", "blue")]
    assert home.part.leak_l_h()[0] == 0
    home.live(48)
    assert len(home.told("leak")) == 1


def test_time_that_is_not_known_neither_ends_a_leak_nor_brings_its_day_nearer():
    home = lived(5)
    at = home.flow(12)
    home.live(10)
    home.live(6, unknown=True)
    home.live(13.5)
    assert home.told("leak") == []
    home.live(2)
    assert [severity for severity, _ in home.told("leak")] == ["blue"]
    assert home.first("leak").raised_at == pytest.approx(at + 30 * HOUR, abs=HOUR)
    home.live(30, unknown=True)
    assert home.cleared == []


def test_a_leak_reported_once_a_day_is_told_with_the_upload_that_proves_it():
    home = lived(5, period_s=3600.0)
    home.flow(12, 4)
    assert home.live(24, together=True).raised == []
    found = home.live(24, together=True).raised
    assert [(f.kind, f.severity, f.raised_at) for f in found] == [("leak", "blue", home.at)]


# --- and quiet --------------------------------------------------------------------------------------------------------


def quiet(home):
    return [f for f in home.raised if f.kind == "quiet"]


@pytest.mark.parametrize("period_s", [900.0, 3600.0])
def test_a_fall_is_found_in_a_home_that_leaks(period_s):
    home = lived(20, period_s=period_s, settings=Settings())
    home.flow(12)
    home.live(72)
    assert quiet(home) == []
    last = home.at
    home.live(24, quiet=True)
    red = next(f for f in quiet(home) if f.severity == "red")
    assert last - 3 * HOUR <= red.onset <= last
    sound = lived(23, period_s=period_s, settings=Settings())
    sound.live(24, quiet=True)
    assert abs(next(f for f in quiet(sound) if f.severity == "red").raised_at - red.raised_at) <= 2 * HOUR


def test_a_toilet_that_runs_on_after_the_fall_hides_it_for_two_hours_at_most():
    home = lived(20, settings=Settings())
    home.live(9)
    at = home.flow(10)
    home.live(30, quiet=True)
    red = next(f for f in quiet(home) if f.severity == "red")
    assert red.onset <= at + 2.5 * HOUR
    assert not any(f.kind == "quiet" for f in home.cleared)


def test_while_water_runs_without_a_stop_nobody_is_told_that_there_is_none():
    home = lived(20, settings=Settings())
    home.live(9)
    at = home.flow(100, 0, 20)
    home.live(19, quiet=True)
    assert quiet(home) == []
    assert np.isnan(home.part.deadline("red")[0])
    assert ("red", "water_running") in [*home.told("surge")] or "red" in dict(home.told("surge"))
    assert home.part.last_use()[0] <= at + 2.25 * HOUR
    home.live(1.5, quiet=True)
    assert home.part.last_use()[0] == at + 20 * HOUR
    home.live(22, quiet=True)
    assert quiet(home)[0].onset == at + 20 * HOUR


def test_readings_of_seconds_do_not_break_a_run_or_a_leak():
    home = lived(10)
    at = home.flow(12)
    home.live(23)
    home.flow(60, 0.5)
    home.live(2, period_s=15.0)
    blue = home.first("leak")
    assert abs(blue.raised_at - at - DAY) <= 900
    home.live(1.25, period_s=15.0)
    assert home.told("surge") != []
    assert home.cleared == []
    home.flows.clear()
    home.live(0.5, period_s=15.0, quiet=True)
    assert {f.kind for f in home.cleared} == {"surge"}


def test_a_use_is_still_a_use_in_a_leaking_home_that_is_read_every_few_seconds():
    home = lived(10)
    home.flow(12)
    home.live(48)
    home.live(1, period_s=15.0, quiet=True)
    before = home.part.last_use()[0]
    assert before <= home.at - HOUR
    home.flow(300, 0, 0.02)
    home.live(0.25, period_s=15.0, quiet=True)
    assert home.part.last_use()[0] > before
