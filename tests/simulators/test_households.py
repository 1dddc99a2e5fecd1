"""Simulated people and their meters."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.households import Draws, life, rhythm, trips
from simulators.meters import register

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2025, 3, 3, tzinfo=SHANGHAI)


def same(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("start_s", "litres", "duration_s"))


def between(draws, begin, end):
    keep = (draws.start_s >= begin) & (draws.start_s < end)
    return draws.where(keep)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 20 * 24), st.integers(1, 9))
def test_any_window_of_a_life_is_the_same_life(seed, hours, days):
    whole = life(seed, START, 30, SHANGHAI)
    begin = START + timedelta(hours=hours)
    part = life(seed, begin, days, SHANGHAI)
    end = min(begin.timestamp() + days * 86_400, START.timestamp() + 30 * 86_400)
    assert same(between(part, 0, end), between(whole, begin.timestamp(), end))


def test_a_life_depends_on_its_seed():
    assert same(life(1, START, 5, SHANGHAI), life(1, START, 5, SHANGHAI))
    assert not same(life(1, START, 5, SHANGHAI), life(2, START, 5, SHANGHAI))


@pytest.mark.parametrize(
    ("profile", "least", "most"), [("frugal", 60, 95), ("average", 85, 130), ("generous", 115, 200)]
)
@pytest.mark.slow
def test_people_use_what_their_profile_says(profile, least, most):
    litres, draws, used = [], [], []
    for seed in range(60):
        one = life(seed, START, 60, SHANGHAI, profile, trips=False)
        litres.append(one.litres.sum() / 60)
        draws.append(len(one) / 60)
        used.append(len(np.unique(one.start_s // 3600)) / 60)
    assert least < np.mean(litres) < most
    assert 22 < np.mean(draws) < 36
    assert 9 < np.mean(used) < 12.5  # hours of a day
    assert np.std(litres) / np.mean(litres) > 0.15  # people differ


def test_people_sleep_at_night():
    starts = np.concatenate([life(seed, START, 30, SHANGHAI, trips=False).start_s for seed in range(20)])
    hour = (starts - START.timestamp()) % 86_400 // 3600
    assert (hour < 4).mean() < 0.08
    assert ((hour >= 6) & (hour < 21)).mean() > 0.75


def test_nobody_draws_water_on_a_trip():
    away = [(seed, span) for seed in range(60) for span in trips(seed, START, 60, SHANGHAI)]
    assert len(away) > 10
    for seed, (left, back) in away:
        assert len(between(life(seed, START, 60, SHANGHAI), left, back)) == 0


@pytest.mark.parametrize("wrong", [{"start": datetime(2025, 1, 1)}, {"days": 0}])  # noqa: DTZ001
def test_a_life_without_zone_or_days_is_refused(wrong):
    with pytest.raises(ValueError, match="want an aware start"):
        life(**({"seed": 1, "start": START, "days": 1, "zone": SHANGHAI} | wrong))


def test_any_window_of_a_rhythm_is_the_same_rhythm_and_nobody_draws_water_while_out():
    whole = rhythm(8, START, 30, SHANGHAI)
    begin = START + timedelta(days=9)
    part = rhythm(8, begin, 5, SHANGHAI)
    inside = (whole.out[:, 1] > begin.timestamp()) & (whole.out[:, 0] < begin.timestamp() + 5 * 86_400)
    assert np.array_equal(part.out, whole.out[inside])
    assert len(whole.out) > 10
    assert len(whole.awake) == 30
    draws = life(8, START, 30, SHANGHAI, trips=False)
    for left, back in whole.out[whole.out[:, 1] - whole.out[:, 0] < 3600]:
        assert len(between(draws, left, back)) == 0


def test_a_register_counts_whole_steps_and_all_of_the_water():
    draws = Draws(np.array([100.0, 200.0]), np.array([6.0, 1.5]), np.array([60.0, 10.0]))
    shown = register(draws, [0, 100, 130, 160, 199, 205, 210, 9e9], 1.0)
    assert shown.tolist() == [0, 0, 3, 6, 6, 6, 7, 7]
    assert register(draws, [9e9], 10.0).tolist() == [0]
    assert register(draws, [9e9], 10.0, start_l=4.0).tolist() == [10]
    assert register(Draws(*(np.empty(0) for _ in range(3))), [1.0, 2.0]).tolist() == [0, 0]
    with pytest.raises(ValueError, match="resolution"):
        register(draws, [1.0], 0.0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.1, 1.0, 10.0]))
def test_a_register_never_falls_and_does_not_depend_on_who_looks(seed, resolution_l):
    draws = life(seed, START, 3, SHANGHAI)
    grid = START.timestamp() + np.arange(0, 4 * 86_400, 900.0)
    shown = register(draws, grid, resolution_l)
    assert (np.diff(shown) >= 0).all()
    assert np.array_equal(register(draws, grid[::4], resolution_l), shown[::4])
    assert abs(shown[-1] - draws.litres.sum()) <= resolution_l + 1e-6
