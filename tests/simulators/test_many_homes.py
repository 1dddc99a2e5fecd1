"""Many simulated homes at once: the same people as one by one, and what they have in common."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.calendars import calendar
from simulators.households import Drawn, home_seeds, life, lives, rhythm, seniors, trips
from simulators.meters import register, registers, volumes
from simulators.profiles import FRUGAL, PROFILES, UnknownProfile, page, profile_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2025, 3, 3, tzinfo=SHANGHAI)
SEEDS = home_seeds(11, range(40))


def hour_of(drawn, start=START):
    return (drawn.start_s - start.timestamp()) % 86_400 / 3600


def whole(drawn):
    """Return the draws in one order, to compare."""
    order = np.lexsort((drawn.litres, drawn.start_s, drawn.home))
    return np.stack([values[order] for values in drawn])


@pytest.mark.parametrize("profile", PROFILES)
def test_a_home_of_many_is_the_same_home_alone(profile):
    together = lives(SEEDS[:6], START, 9, SHANGHAI, profile)
    for n, seed in enumerate(SEEDS[:6].tolist()):
        alone, one = life(seed, START, 9, SHANGHAI, profile), together.of(n)
        assert all(
            np.array_equal(getattr(alone, name), getattr(one, name)) for name in ("start_s", "litres", "duration_s")
        )


def test_a_home_is_the_same_in_a_cohort_of_any_size():
    few, many = lives(SEEDS[:3], START, 200, SHANGHAI), lives(SEEDS, START, 200, SHANGHAI)
    first = Drawn(*(values[many.home < 3] for values in many))
    assert np.array_equal(whole(few), whole(first))
    assert np.array_equal(home_seeds(11, range(5, 9)), SEEDS[5:9])
    assert len(set(home_seeds(1, range(50)).tolist()) | set(home_seeds(2, range(50)).tolist())) == 100


def test_days_one_after_the_other_are_the_same_as_all_at_once():
    lived = seniors("frugal")(SEEDS[:5], START, SHANGHAI)
    parts = [next(lived) for _ in range(4)]
    joined = Drawn(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    assert np.array_equal(whole(joined), whole(lives(SEEDS[:5], START, 4, SHANGHAI, "frugal")))


def test_days_one_after_the_other_lose_nothing_when_the_clocks_change():
    amsterdam = ZoneInfo("Europe/Amsterdam")
    for start in (datetime(2026, 3, 27, 13, tzinfo=amsterdam), datetime(2026, 10, 23, tzinfo=amsterdam)):
        lived = seniors("nl-average")(SEEDS[:5], start, amsterdam)
        joined = Drawn(*(np.concatenate(column) for column in zip(*(next(lived) for _ in range(5)), strict=True)))
        assert np.array_equal(whole(joined), whole(lives(SEEDS[:5], start, 5, amsterdam, "nl-average")))


@pytest.mark.slow
def test_a_cohort_looks_as_its_sources_say():
    drawn = lives(home_seeds(3, range(300)), START, 120, SHANGHAI, "frugal", trips=False)
    day = ((drawn.start_s - START.timestamp()) // 86_400).astype(int)
    litres = np.bincount(drawn.home * 120 + day, drawn.litres, 300 * 120).reshape(300, 120)
    count = np.bincount(drawn.home * 120 + day, minlength=300 * 120).reshape(300, 120)
    mean = litres.mean(axis=1)
    assert 80 < mean.mean() < 92
    assert 17 < mean.std() < 26
    assert 0.36 < (litres.std(axis=1) / mean).mean() < 0.48
    assert 26 < count.mean() < 30
    assert 5.5 < count.mean(axis=1).std() < 8.5
    hours = np.zeros((300, 120 * 24), np.bool_)
    hours[drawn.home, ((drawn.start_s - START.timestamp()) // 3600).astype(int)] = True
    assert 9.5 < hours.mean() * 24 < 11
    night = (hour_of(drawn) < 4.5).sum() / (300 * 120)
    assert 0.6 < night < 1.2


def test_draws_come_in_clusters():
    """A visit to the bathroom brings a draw at the basin: far more pairs within three minutes than chance would have."""
    drawn = lives(SEEDS, START, 60, SHANGHAI, "frugal", trips=False)
    close = total = 0
    for home in range(len(SEEDS)):
        gaps = np.diff(drawn.of(home).start_s)
        close, total = close + int((gaps < 180).sum()), total + len(gaps)
    by_chance = 1 - np.exp(-total / len(SEEDS) / 60 * 180 / (16 * 3600))  # as many draws, evenly over the waking hours
    assert close / total > 3 * by_chance


def test_after_a_visit_to_the_toilet_the_next_is_not_due_at_once():
    drawn = lives(
        SEEDS, START, 60, SHANGHAI, replace(FRUGAL, cistern_l=(6.0, 6.0), volume_between=0.0, hands=(1.0, 60.0))
    )
    gaps = []
    for home in range(len(SEEDS)):
        one = drawn.of(home)
        flush = one.start_s[np.isclose(one.litres, 6.0)]
        gaps.append(np.diff(flush))
    gap = np.concatenate(gaps)
    assert (gap < 900).mean() < 0.5 * (1 - np.exp(-900 / np.median(gap)))


def test_people_have_their_own_hours():
    drawn = lives(SEEDS, START, 40, SHANGHAI, trips=False)
    first = [np.median([t for t in hour_of(drawn.of(n)) if 4 < t < 11]) for n in range(len(SEEDS))]
    assert np.std(first) > 0.4


def test_a_weekly_visit_empties_its_weekday():
    always = replace(
        FRUGAL, weekly_visitors=1.0, weekly_visit=1.0, visit_per_day=0.0, morning_out=(1, 60), afternoon_out=(1, 60)
    )
    drawn = lives(SEEDS[:1], START, 70, SHANGHAI, always, trips=False)
    midday = drawn.start_s[(hour_of(drawn) > 11.5) & (hour_of(drawn) < 14)]
    weekday = ((midday - START.timestamp()) // 86_400 % 7).astype(int)
    count = np.bincount(weekday, minlength=7)
    assert count.min() == 0
    assert np.sort(count)[1] > 3


def test_showers_follow_the_season():
    def showers(month):
        drawn = lives(SEEDS, datetime(2025, month, 1, tzinfo=SHANGHAI), 28, SHANGHAI, "frugal", trips=False)
        return int(((drawn.litres > 15) & (drawn.duration_s > 170)).sum())

    assert showers(7) > 1.7 * showers(1)


def test_many_are_away_or_have_guests_at_spring_festival():
    lunar_new_year = datetime(2025, 1, 29, tzinfo=SHANGHAI)
    seeds = home_seeds(4, range(300))
    drawn = lives(seeds, lunar_new_year - timedelta(days=21), 24, SHANGHAI, "frugal")
    day = ((drawn.start_s - lunar_new_year.timestamp()) // 86_400).astype(int)
    litres = np.bincount(drawn.home * 24 + day + 21, drawn.litres, 300 * 24).reshape(300, 24)
    empty = (litres < 1).mean(axis=0)
    assert empty[:19].mean() < 0.08
    assert 0.2 < empty[21] < 0.45
    at_home = litres[:, 21] > 1
    assert litres[at_home, 21].mean() > 1.15 * litres[at_home, :19].mean()


def test_the_calendar_knows_the_moon():
    feasts = calendar("CN", FRUGAL.festival, 2024, 2026)
    days = [date.fromordinal(day).isoformat() for day in feasts.festivals]
    assert days == ["2023-01-22", "2024-02-10", "2025-01-29", "2026-02-17", "2027-02-06"]
    nearest, since = feasts.since_festival(np.array([feasts.festivals[1] - 3, feasts.festivals[1] + 2]))
    assert nearest.tolist() == [feasts.festivals[1]] * 2
    assert since.tolist() == [-3, 2]
    days = np.array([date(2025, 10, 1).toordinal(), date(2025, 7, 7).toordinal()])
    assert feasts.is_other(days).tolist() == [True, False]
    with pytest.raises(ValueError, match="want a festival of CN, got 'Nonesuch'"):
        calendar("CN", "Nonesuch", 2025, 2025)


def test_nobody_of_many_draws_water_on_a_trip():
    far = replace(FRUGAL, trip_per_day=0.05)
    drawn, seen = lives(SEEDS, START, 60, SHANGHAI, far), 0
    for n, seed in enumerate(SEEDS.tolist()):
        for left, back in trips(seed, START, 60, SHANGHAI, far):
            seen += 1
            mine = drawn.of(n).start_s
            assert not ((mine >= left) & (mine < back)).any()
    assert seen > 40
    assert len(lives(SEEDS, START, 60, SHANGHAI, far, trips=False).home) > 1.1 * len(drawn.home)


def test_summer_time_moves_a_dutch_morning_with_the_clock():
    amsterdam = ZoneInfo("Europe/Amsterdam")
    start = datetime(2025, 3, 24, tzinfo=amsterdam)
    risen = rhythm(5, start, 12, amsterdam, "nl-average").awake[:, 0]
    local = [datetime.fromtimestamp(at, amsterdam) for at in risen]
    hours = np.array([at.hour + at.minute / 60 for at in local])
    assert np.ptp(hours) < 3
    assert {at.utcoffset() for at in local} == {timedelta(hours=1), timedelta(hours=2)}


def test_an_unknown_profile_is_refused_with_the_names_there_are():
    with pytest.raises(UnknownProfile, match=r"want one of frugal, average, generous, nl-frugal.*got 'rich'"):
        profile_of("rich")


def test_every_setting_has_a_grade_and_says_what_it_is():
    told = FRUGAL.settings()
    assert len(told) > 80
    assert all(one.grade in {"M", "P", "A"} and len(one.about) > 3 for one in told)


# --- meters of many homes ----------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.floats(-5_000, 20_000), st.floats(0.01, 500), st.floats(0.5, 9_000)),
        max_size=30,
    ),
    st.sampled_from([60.0, 900.0, 3600.0]),
    st.sampled_from([0.1, 1.0, 10.0]),
)
def test_volumes_and_registers_of_many_agree_with_the_register_of_one(some, step_s, resolution_l):
    columns = list(zip(*some, strict=True)) or [()] * 4
    drawn = Drawn(np.array(columns[0], np.int32), *(np.array(column, float) for column in columns[1:]))
    steps = int(12_000 / step_s) + 1
    begin = np.array([0.0, 100.0, 200.0])
    litres = volumes(drawn, 3, begin, step_s, steps)
    for home in range(3):
        one = drawn.of(home)
        before = register(one, [begin[home]], 1e-6)[0]
        fine = register(one, begin[home] + step_s * np.arange(steps + 1), 1e-6)
        assert np.allclose(np.diff(fine), litres[home], atol=1e-3)
        shown = registers(litres, resolution_l, before + 0.25 * resolution_l)[home]
        exact = (before + 0.25 * resolution_l + np.cumsum(litres[home])) / resolution_l
        clear = np.abs(exact - np.round(exact)) > 1e-6
        assert np.allclose(shown[clear], np.floor(exact[clear]) * resolution_l)


def test_water_outside_the_intervals_is_left_out():
    drawn = Drawn(
        np.zeros(3, np.int32), np.array([-100.0, 850.0, 5000.0]), np.array([10.0, 10.0, 10.0]), np.full(3, 100.0)
    )
    assert volumes(drawn, 1, 0.0, 900.0, 2).tolist() == [[pytest.approx(5.0), pytest.approx(5.0)]]
    long = Drawn(np.zeros(1, np.int32), np.array([-900.0]), np.array([50.0]), np.array([4500.0]))
    assert volumes(long, 1, 0.0, 900.0, 3).tolist() == [[pytest.approx(10.0)] * 3]


@pytest.mark.parametrize(("step_s", "steps"), [(0.0, 4), (900.0, 0), (-1.0, 4)])
def test_intervals_without_length_are_refused(step_s, steps):
    with pytest.raises(ValueError, match="want intervals above 0 s"):
        volumes(Drawn(*(np.empty(0) for _ in range(4))), 1, 0.0, step_s, steps)
    with pytest.raises(ValueError, match="want a resolution above 0 L"):
        registers(np.zeros((1, 4)), 0.0)


def test_the_page_of_settings_is_what_the_settings_are():
    """If this fails: ``python -m simulators.profiles > docs/people.md``."""
    assert (Path(__file__).parents[2] / "docs" / "people.md").read_text("utf-8") == page()
