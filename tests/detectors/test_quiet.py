"""The mathematics of quiet: rescaled time, survival, deadlines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.cohort import GROUPS, Cohort, group, shipped
from detectors.quiet import Quiet, added_up, hazard, rescaled

times = st.floats(0, 40 * 86_400.0)


def some(seed=0, homes=3):
    rng = np.random.default_rng(seed)
    state = Quiet.fresh(shipped(), np.full(homes, 3600.0), np.ones(homes))
    state.done = added_up(rng.uniform(0.01, 3.0, (homes, 24)))
    state.count = rng.integers(5, 300, (homes, GROUPS)).astype(float)
    state.beyond = np.floor(state.count * rng.uniform(0.01, 0.5, (homes, GROUPS)))
    state.excess = state.beyond * rng.uniform(0.2, 3, (homes, GROUPS))
    return state


def test_a_home_without_history_is_the_cohort():
    rate = shipped().rate[:1]
    none = np.zeros((1, 24))
    np.testing.assert_allclose(1 - np.exp(-hazard(none, none, np.zeros(1), rate)), rate)


def test_a_home_with_a_long_history_is_itself():
    rate, days = shipped().rate[:1], 3000.0
    own = np.roll(rate, 5, axis=1) * 0.5
    found = 1 - np.exp(-hazard(own * days, np.full((1, 24), days), np.array([days]), rate))
    assert np.abs(found - own).max() < 0.15  # but for the smoothing over the clock
    assert found.sum() == pytest.approx(own.sum(), rel=0.02)


@given(times, times, times)
def test_rescaled_time_adds_up_over_hours_and_days(a, b, c):
    done = added_up(np.linspace(0.1, 2.0, 24)[None])
    a, b, c = sorted((a, b, c))
    at = [np.array([x]) for x in (a, b, c)]
    rows = np.zeros(1, int)
    whole = rescaled(done, rows, at[0], at[2])
    assert whole == pytest.approx(rescaled(done, rows, at[0], at[1]) + rescaled(done, rows, at[1], at[2]), abs=1e-6)
    assert rescaled(done, rows, at[0], at[0] + 86_400) == pytest.approx(done[:, 24])


@given(st.integers(0, 200), times, st.floats(0.5, 6))
def test_a_deadline_is_the_moment_at_which_the_score_reaches_its_level(seed, begin, level):
    state, rows = some(seed), np.arange(3)
    start = np.full(3, begin)
    due = state.deadline(shipped(), rows, start, np.full(3, level))
    np.testing.assert_allclose(state.score(shipped(), rows, start, due), level, atol=1e-6)
    assert (state.score(shipped(), rows, start, due - 60) <= level).all()


@given(st.integers(0, 200), times)
def test_nine_of_ten_quiets_are_shorter_than_the_usual_one(seed, begin):
    state, rows = some(seed), np.arange(3)
    start = np.full(3, begin)
    usual = state.usual(shipped(), rows, start)
    np.testing.assert_allclose(state.surprise(shipped(), rows, start, start + usual), 1.0, atol=1e-6)


@given(st.integers(0, 200), times, st.floats(0, 40 * 3600.0), st.floats(0, 40 * 3600.0))
def test_the_score_never_falls_while_a_quiet_lasts(seed, begin, first, second):
    state, rows = some(seed), np.arange(3)
    start, (first, second) = np.full(3, begin), sorted((first, second))
    assert (
        state.score(shipped(), rows, start, start + first) <= state.score(shipped(), rows, start, start + second) + 1e-9
    ).all()


def test_the_groups_of_the_day():
    assert group(np.array([0.0, 4, 5, 8, 9, 22, 23])).tolist() == [0, 0, 1, 2, 3, 9, 10]


def test_the_shipped_cohort_is_whole_and_a_meter_finds_its_class():
    table = shipped()
    assert all(np.isfinite(getattr(table, name)).all() for name in Cohort.__dataclass_fields__)
    assert ((table.rate > 0) & (table.rate < 1)).all()
    assert (table.tail_from > 0).all()
    assert (table.scale > 0).all()
    kinds = table.kind(np.array([900.0, 3600, 86_400, 60, 3600]), np.array([1.0, 1, 0.1, 10, 10]))
    classes = [(table.period_s[k], table.resolution_l[k]) for k in kinds]
    assert classes == [(900, 1), (3600, 1), (3600, 1), (900, 10), (3600, 10)]
