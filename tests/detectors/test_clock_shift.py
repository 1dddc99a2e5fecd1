"""M13: a meter's clock that keeps another zone is seen in the habits of the home, and other habits are not."""

from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detectors.clock_shift import shift
from simulators import meters
from simulators.doings import doings

ZONE = ZoneInfo("Asia/Shanghai")
HOMES, PAST, NOW = 16, 56, 28


@cache
def used():
    """Return (homes, days, 24) in which hours simulated people drew water."""
    start = datetime(2026, 6, 1, tzinfo=ZONE)
    at = start.timestamp() + np.arange(24 * (PAST + NOW) + 1) * 3600.0
    drawn = [
        meters.register(doings(seed, start, PAST + NOW, ZONE, "average", trips=False).draws, at)
        for seed in range(HOMES)
    ]
    return (np.diff(np.array(drawn), axis=1) > 0).reshape(HOMES, PAST + NOW, 24)


def moved(hours, days=NOW):
    """Return what is said of people whose meters' clocks are so many hours ahead for the last four weeks."""
    now = np.roll(used()[:, PAST:].reshape(HOMES, -1), hours, axis=1).reshape(HOMES, NOW, 24)
    return shift(used()[:, :PAST].mean(1), now.mean(1), np.full(HOMES, 56.0), np.full(HOMES, float(days)))


@pytest.mark.parametrize("hours", [-1, 1, 8])
def test_m13_a_clock_of_another_zone_is_found_by_the_month(hours):
    assert (moved(hours) == hours).mean() >= 0.9


def test_m13_people_who_live_on_as_before_are_not_doubted():
    assert (moved(0) == 0).all()


def test_m13_too_few_days_and_unknown_hours_say_nothing():
    assert np.isnan(moved(1, days=13)).all()
    profile = used()[:1].mean(1)
    hole = np.where(np.arange(24) == 3, np.nan, profile)
    assert np.isnan(shift(profile, hole, np.array([56.0]), np.array([28.0]))[0])
    flat = np.full((1, 24), 0.5)
    assert np.isnan(shift(flat, flat, np.array([56.0]), np.array([28.0]))[0])


def test_m13_profiles_of_other_than_a_day_are_refused():
    with pytest.raises(ValueError, match="two profiles of 24 hours"):
        shift(np.zeros((1, 24)), np.zeros((1, 23)), np.ones(1), np.ones(1))
