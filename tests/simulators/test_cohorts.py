"""Frozen cohorts give the same bytes for ever."""

import json
from dataclasses import replace

import numpy as np
import pytest

from simulators.cohorts import FIRST, SENIORS_1, read, written
from simulators.households import home_seeds, life


def test_the_frozen_cohort_is_what_it_was():
    """If this fails, a change moved `seniors-1`: undo it, or make a cohort of a new name and leave this one alone."""
    assert SENIORS_1.digest(FIRST) == SENIORS_1.frozen_first


def test_nobody_has_frozen_it_anew():
    assert SENIORS_1.frozen.startswith("ece9dd80c19302b8")
    assert SENIORS_1.frozen_first.startswith("edb46caa86348e40")


def test_a_home_of_a_cohort_can_be_had_alone():
    some = SENIORS_1.drawn(range(37, 43))
    seeds = home_seeds(SENIORS_1.seed, range(37, 43)).tolist()
    for n in (0, 3, 5):
        kind = SENIORS_1.kind(37 + n)
        args = (SENIORS_1.start, SENIORS_1.days, SENIORS_1.zone, kind.profile)
        alone = life(seeds[n], *args, trips=kind.trips)
        assert np.array_equal(some.of(n).start_s, alone.start_s)
        assert np.array_equal(some.of(n).litres, alone.litres)


def test_kinds_are_mixed_as_the_cohort_says():
    homes = range(SENIORS_1.homes)
    volume = np.array([SENIORS_1.kind(n).profile.volume for n in homes])
    assert [(volume == v).mean() for v in (1.0, 1.18, 1.55)] == [0.4, 0.4, 0.2]
    assert np.mean([SENIORS_1.kind(n).trips for n in homes]) == 0.75
    assert np.mean([SENIORS_1.kind(n).declared for n in homes]) == 0.5
    away = [SENIORS_1.absences(n) for n in range(200)]
    assert all(not spans for n, spans in enumerate(away) if not SENIORS_1.kind(n).trips)
    assert sum(map(len, away)) > 100


def test_a_cohort_does_not_follow_later_settings():
    """Its file has all settings: only those of a younger date, which it cannot know, come from the defaults."""
    told = json.loads(written(replace(SENIORS_1, homes=20)))
    assert set(told["settings"]) == {one.name for one in SENIORS_1.kinds[0].profile.settings()}
    assert told["settings"]["feasts"]["festivals"]
    assert read("seniors-1") == SENIORS_1


def test_there_is_no_cohort_of_another_name():
    with pytest.raises(FileNotFoundError):
        read("seniors-0")
