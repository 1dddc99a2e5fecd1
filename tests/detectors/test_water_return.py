"""After a water cut: the home that does not draw though its neighbours do, and all those of whom that says nothing."""

import numpy as np
import pytest

from detectors.bins import News
from detectors.groups import AreaFinding
from detectors.outage import Outages, OutageSettings
from detectors.partition import Partition, Settings
from detectors.quiet_columns import HOURS
from detectors.signs import SignNews
from detectors.water_return import Return, ReturnSettings
from simulators.doings import NO_DRAWS
from simulators.faults import faults
from tests.detectors.street import ALL, HOMES, SLOT_S, Street

HOUR = 3600.0
FALLEN = 2
OTHERS = np.delete(ALL, FALLEN)


def cut(from_h=9, to_h=13, fallen=FALLEN, comes=OTHERS, **street):
    """Return a street without water for some hours, in which one falls; the others come for water in half an hour."""
    s = Street(**street).dry(ALL, from_h, to_h).dry(fallen, from_h + 1)
    for n, home in enumerate(comes):
        s.draws(home, to_h + 0.25 * (n % 3))
    return s


def told(street):
    return {(one.row, one.severity) for one in street.missed}


def test_a_fall_in_a_cut_is_red_within_two_hours_of_the_return_and_nobody_else_is():
    s = cut().until(15)
    assert told(s) == {(FALLEN, "amber"), (FALLEN, "red")}
    red = next(one for one in s.missed if one.severity == "red")
    assert (red.kind, red.reason) == ("quiet", "quiet_after_cut")
    assert 13.5 <= s.hour(red.raised_at) <= 15
    assert s.hour(red.onset) <= 10
    e = red.evidence
    assert 13 <= s.hour(e["water_back_at"]) <= 13.5
    assert 15 <= e["homes_back"] < e["of_homes"] <= HOMES
    assert e["chance"] <= ReturnSettings().red


def test_it_is_told_once_and_ends_with_the_next_use():
    s = cut().draws(FALLEN, 15.5).until(16)
    assert len(s.missed) == 2
    assert not [one for one in s.partition.open() if one.row == FALLEN and one.kind == "quiet"]


def test_it_can_be_turned_off():
    s = cut()
    s.outages.settings = OutageSettings(back=ReturnSettings(amber=0.0, red=0.0))
    assert s.until(16).missed == []


def test_at_night_nobody_is_missed_because_nobody_comes():
    s = cut(from_h=20, to_h=25, comes=())
    s.until(28)
    assert [one.group for one in s.raised] == ["house"]
    assert s.missed == []


def test_who_drew_from_a_tank_in_the_cut_is_not_missed():
    assert cut().draws(FALLEN, 11).until(16).missed == []


def test_who_was_declared_away_while_the_water_was_off_is_not_missed():
    s = cut().until(12)
    s.partition.away(FALLEN, s.midnight + 12 * HOUR, s.midnight + 40 * HOUR)
    assert s.until(16).missed == []


def test_who_was_seen_to_move_since_the_cut_was_told_is_not_missed():
    s = cut().until(12)
    at = np.array([s.midnight + 12 * HOUR])
    s.partition.hear_signs(SignNews(np.array([FALLEN]), np.array(["motion"]), at, at, np.array([np.nan])))
    assert s.until(16).missed == []


def test_a_home_that_is_not_watched_any_more_is_not_missed():
    s = cut().until(13)
    s.active[FALLEN] = False
    assert s.until(16).missed == []


def test_a_home_that_can_only_be_asked_is_asked():
    s = cut()
    s.partition._state.alarms.irregular[FALLEN] = True
    assert told(s.until(15)) == {(FALLEN, "amber")}


def test_a_meter_that_died_in_the_cut_is_not_missed_and_no_neighbour_either():
    assert cut().unheard(FALLEN, 11).until(16).missed == []
    all_heard, one_not = (street.until(15).missed[-1].evidence for street in (cut(), cut().unheard(5, 11)))
    assert one_not["of_homes"] == all_heard["of_homes"] - 1


def test_a_quiet_that_was_told_in_the_cut_is_told_once_more_because_the_cut_explains_it_no_longer():
    s = cut(from_h=9, to_h=19).until(22)
    before = next(one for one in s.personal if one.row == FALLEN and one.severity == "amber")
    again = next(one for one in s.missed if one.row == FALLEN and one.severity == "amber")
    assert (again.onset, again.reason) == (before.onset, "quiet_after_cut")
    assert len([one for one in s.missed if one.row == FALLEN]) <= 2


@pytest.mark.parametrize("at_h", [11, 13, 13.75])
def test_a_restart_at_any_moment_changes_nothing(at_h):
    plain, other = cut().until(16), cut().until(at_h)
    groups = [*other.outages._all.groups]
    other.outages = Outages.restore(other.outages.snapshot())
    other.outages.set_groups(groups)
    other.partition = Partition.restore(Settings(), other.partition.snapshot())
    assert other.until(16).missed == plain.missed


def test_the_order_of_the_rows_does_not_matter():
    shuffled = np.random.default_rng(3).permutation(HOMES)
    plain, other = (cut(order=order).until(16).missed for order in (ALL, shuffled))
    assert [(int(shuffled[one.row]), one.severity, one.raised_at) for one in plain] == [
        (one.row, one.severity, one.raised_at) for one in other
    ]


def flat(homes, back, silent, cut_h=4.0, known_h=1.5, a_h=0.5):
    """Return homes with the same hazard an hour, of which so many are silent some hours after the return."""
    first = np.where(np.arange(homes) < silent, np.nan, back)
    hazard = np.tile(a_h * np.arange(HOURS + 1.0), (homes, 1)).astype(np.float32)
    event = AreaFinding("house", "water_outage", back - cut_h * HOUR, 0.0, (), "", {}, cleared_at=back)
    since, known = np.full(homes, event.onset), np.full(homes, back + known_h * HOUR)
    return Return(event, np.arange(homes), since, hazard, first, known, first.copy())


@pytest.mark.parametrize("silent", [4, 10, 20])
def test_as_many_well_homes_are_expected_to_be_silent_as_are_silent(silent):
    one = flat(50, 1e9, silent)
    chance = one._chance(1e9, np.isnan(one.first), np.ones(50, bool), ReturnSettings())
    assert chance.sum() == pytest.approx(silent, abs=1e-3)


def test_where_nobody_makes_up_for_the_cut_only_the_hours_after_it_count():
    one = flat(50, 1e9, 40)
    chance = one._chance(1e9, np.isnan(one.first), np.ones(50, bool), ReturnSettings())
    assert chance == pytest.approx(np.exp(-0.5 * 1.5), abs=1e-3)


# --- W6: air -------------------------------------------------------------------------------------------------------------


def blown(litres, at_h=13.0, from_h=9, to_h=13, fallen_at_h=10):
    """Return a street whose meters are turned by air when the water is back; its people go on, but for one who fell."""
    s = Street().dry(ALL, from_h, to_h).dry(FALLEN, fallen_at_h)
    for n, home in enumerate(OTHERS):
        s.draws(home, to_h + 0.25 + 0.25 * (n % 2), 25.0)
    for home in ALL:
        s.draws(home, at_h, litres)
    return s


@pytest.mark.parametrize("litres", [1.0, 6.0, 20.0])
def test_w6_air_does_not_hide_who_lies_on_the_floor(litres):
    s = blown(litres).until(15.5)
    assert (FALLEN, "amber") in told(s)
    assert {row for row, _ in told(s)} == {FALLEN}


@pytest.mark.parametrize("seed", range(4))
def test_w6_the_air_of_the_simulator_hides_nobody_and_makes_nothing(seed):
    s, rng, fault = blown(0.0), np.random.default_rng(seed), faults()["W6"]
    for home in ALL:
        came = fault.strike(NO_DRAWS, s.midnight + 13 * HOUR, rng)
        for at, litres in zip(came.start_s, came.litres, strict=True):
            s.draws(home, (at - s.midnight) // SLOT_S / 4, litres)
    s.until(15.5)
    assert {row for row, _ in told(s)} == {FALLEN}
    assert not [one for one in s.personal if one.kind in fault.never]


def test_w6_air_ends_no_quiet_and_a_draw_does():
    s = Street().dry(FALLEN, 5)
    s.until(9)
    s.dry(ALL, 9, 19)
    for home in OTHERS:
        s.draws(home, 19.25, 30.0)
    s.draws(FALLEN, 19, 4.0).until(19.75)
    assert [one.row for one in s.partition.open() if one.kind == "quiet" and one.row == FALLEN]
    s.draws(FALLEN, 20, 4.0).until(20.5)
    assert not [one for one in s.partition.open() if one.kind == "quiet" and one.row == FALLEN]


def test_w6_the_cut_is_over_by_air_too_and_no_home_makes_a_surge_or_a_leak_of_it():
    s = blown(20.0).until(16)
    assert [one.group for one in s.cleared] == ["house"]
    assert not [one for one in s.personal if one.kind in {"surge", "leak"}]


@pytest.mark.parametrize(
    ("litres", "length_s", "start_s", "air"),
    [
        (1.0, 900, 0, True),
        (20.0, 900, 0, True),
        (21.0, 900, 0, False),  # somebody is there
        (5.0, 3600, 0, False),  # an hour: nobody knows the minute
        (5.0, 900, 500, True),
        (5.0, 900, 700, False),  # air comes within ten minutes
        (0.0, 900, 0, False),
    ],
)
def test_w6_only_little_water_soon_after_the_return_may_be_air(litres, length_s, start_s, air):
    back = 1_790_000_000.0
    one = flat(3, back, 3)
    start = np.array([back + start_s])
    news = News(np.array([1]), start, start + length_s, np.array([litres]), np.zeros(1), start + length_s)
    assert one.blown(news).tolist() == [air]


def test_w6_only_the_first_water_of_a_home_is_air_whatever_comes_together():
    back, one = 1_790_000_000.0, flat(3, 1_790_000_000.0, 3)
    start = back + np.array([0.0, 900.0, 0.0]) - 300.0
    litres = np.array([3.0, 4.0, 0.0])
    news = News(np.array([1, 1, 2]), start, start + 900, litres, np.zeros(3), start + 900)
    assert one.blown(news).tolist() == [True, False, False]
