"""What outcomes teach: levels move by plain numbers, each word counts once, and a true incident never trains."""

from functools import cache

import numpy as np
import pytest

from detectors.alarms import KEPT, Alarms
from detectors.bins import News
from detectors.partition import Partition, Settings
from detectors.promise import promise
from detectors.quiet import QuietSettings
from detectors.quiet_past import UNKNOWN
from detectors.signs import SignNews

HOUR, DAY = 3600.0, 86_400.0
START = 1_750_032_000.0  # a Monday, 00:00 UTC
SETTINGS = Settings()
STEP, RED_STEP = QuietSettings().outcome_step, QuietSettings().red_step


def home(days, quiet=(), part=None, rows=1, settings=SETTINGS, waking=range(7, 22), first=0):
    """Return a partition after so many days of hourly readings: water in each waking hour, none in `quiet` hours."""
    part = part or Partition(settings, np.full(rows, HOUR), np.ones(rows))
    for hour in range(first, round(days * 24)):
        end = np.full(rows, START + (hour + 1) * HOUR)
        litres = np.full(rows, 0.0 if hour in quiet or hour % 24 not in waking else 8.0)
        part.step(News(np.arange(rows), end - HOUR, end, litres, np.zeros(rows), end))
    return part


@cache
def thirty_days():
    return home(30).snapshot()


def known(days=30.0, quiet=()):
    """Return a home known for thirty days and more."""
    return home(days, quiet, Partition.restore(SETTINGS, thirty_days()), first=30 * 24)


def fallen():
    """Return a home in which nobody has used water since 22:00 of the 31st day, and when that was."""
    return known(31.75, range(30 * 24 + 22, 40 * 24)), START + (30 * 24 + 22) * HOUR


def level(part):
    return float(part.own_level()[0])


def red(part):
    return float(part._state.spells.own_red[0])


def test_an_alarm_at_which_all_was_well_raises_the_level_by_a_step_and_counts_once():
    part, onset = fallen()
    before = level(part)
    for _ in range(3):
        part.label(0, "quiet", "amber", onset, onset + 12 * HOUR, "well")
    assert level(part) == pytest.approx(before + STEP)
    assert red(part) == 0.0
    assert part.outcomes(0, "well", START) == 1
    part.label(0, "quiet", "red", onset, onset + 14 * HOUR, "well")
    assert level(part) == pytest.approx(before + STEP)
    assert red(part) == pytest.approx(RED_STEP)


def test_what_was_said_survives_a_restart_and_can_be_taken_back():
    part, onset = fallen()
    before = level(part)
    part.label(0, "quiet", "red", onset, onset + 12 * HOUR, "well")
    again = Partition.restore(SETTINGS, part.snapshot())
    again.label(0, "quiet", "red", onset, onset + 12 * HOUR, "well")
    assert level(again) == pytest.approx(before + STEP)
    again.label(0, "quiet", "red", onset, onset + 12 * HOUR, None)
    assert level(again) == pytest.approx(before)
    assert red(again) == 0.0
    assert again.outcomes(0, "well", START) == 0


def test_the_levels_are_bounded():
    part = known()
    for n in range(KEPT):
        part.label(0, "quiet", "red", START + n * DAY, START + n * DAY + HOUR, "well")
    assert level(part) == pytest.approx(1.2)
    assert red(part) == pytest.approx(0.3)


def test_a_quiet_that_passed_by_itself_and_was_called_about_counts_as_one():
    part, onset = fallen()
    home(32.5, range(30 * 24 + 22, 31 * 24 + 18), part, first=round(31.75 * 24))  # water again at 18:00
    passed = level(part)
    part.label(0, "quiet", "amber", onset, onset + 21 * HOUR, "well")
    assert level(part) == pytest.approx(passed + STEP - SETTINGS.quiet.own_step)


@pytest.mark.parametrize("outcome", ["incident", "away", "fault"])
def test_what_was_no_false_alarm_never_raises_a_level(outcome):
    part, onset = fallen()
    home(32.5, range(30 * 24 + 22, 31 * 24 + 18), part, first=round(31.75 * 24))
    passed = level(part)
    part.label(0, "quiet", "red", onset, onset + 21 * HOUR, outcome)
    assert level(part) == pytest.approx(passed - SETTINGS.quiet.own_step)
    assert red(part) == 0.0


@pytest.mark.parametrize("when", ["before water came back", "after"])
def test_the_hours_of_an_incident_do_not_train(when):
    part, onset = fallen()
    back = range(30 * 24 + 22, 31 * 24 + 18)
    if when == "after":
        home(33, back, part, first=round(31.75 * 24))
        part.label(0, "quiet", "red", onset, START + (31 * 24 + 18) * HOUR, "incident")
    else:
        part.label(0, "quiet", "red", onset, START + 31.75 * DAY, "incident")
        home(33, back, part, first=round(31.75 * 24))
    state, usual = part._state, known(33)._state
    hours = np.arange(30 * 24 + 22, 31 * 24 + 18) + round(START / HOUR)
    assert (state.past.said(np.zeros(1, int), hours[None]) == UNKNOWN).all()
    assert state.past.ended[0].sum() == usual.past.ended[0].sum() - 1  # the quiet of that night is not among them
    assert state.past.used[0].sum() < usual.past.used[0].sum()
    share = state.past.used[0].sum() / state.past.known[0].sum()
    assert share == pytest.approx(usual.past.used[0].sum() / usual.past.known[0].sum(), abs=0.01)
    assert state.daybook.litres[0, (round(START / DAY) + 31) % 99] == 65_535
    assert state.habit.known[0].sum() <= usual.habit.known[0].sum() - 20
    assert (state.habit.hits[0] <= state.habit.known[0]).all()


def test_a_struck_night_leaves_the_next_quiet_judged_nearly_as_if_it_had_never_been():
    back = range(30 * 24 + 22, 31 * 24 + 18)
    struck, onset = fallen()
    struck.label(0, "quiet", "red", onset, START + 31.75 * DAY, "incident")
    home(33 + 4 / 24, back, struck, first=round(31.75 * 24))
    plain, taught = known(33 + 4 / 24), known(33 + 4 / 24, back)
    at = [float(part._state.spells.curve[0, 13]) for part in (struck, plain, taught)]
    assert abs(at[0] - at[1]) < abs(at[2] - at[1])


def test_only_missing_use_teaches_and_an_unknown_alarm_cannot_be_taken_back():
    part, onset = fallen()
    before = level(part)
    part.label(0, "surge", "red", onset, onset + HOUR, "well")
    part.label(0, "quiet", "red", onset, onset + HOUR, None)
    assert level(part) == before
    assert part.outcomes(0, "well", START) == 0
    part.label(0, "rule:12h-10l", "red", onset, onset + HOUR, "well")  # the rule was wrong, not the level
    assert level(part) == before


def test_rows_do_not_know_each_other():
    both, alone = home(2, rows=2), home(2)
    both.label(1, "quiet", "red", START + 30 * HOUR, START + 40 * HOUR, "incident")
    mine = alone.snapshot()
    for name, array in both.snapshot().items():
        if array.shape[:1] == (2,) and mine[name].shape[:1] == (1,):
            assert np.array_equal(array[:1], mine[name], equal_nan=array.dtype.kind == "f"), name


# --- irregular homes ---------------------------------------------------------------------------------------------------


def alarms(part, count, every_days, until_day, peak=9.0):
    """Let a home have been asked for nothing so often, and be looked at anew today."""
    kept: Alarms = part._state.alarms
    for n in range(count):
        begin = START + (until_day - n * every_days) * DAY - 10 * HOUR
        place = kept.enter(np.array([0]), np.array([begin]))
        kept.end[0, place], kept.flags[0, place], kept.peak[0, place] = begin + 9 * HOUR, 1 | 4 | 16, peak
    kept.looked[0] = 0


def test_a_home_asked_for_nothing_every_week_is_only_asked_and_may_come_back():
    part = known(31)
    assert not part.irregular()[0]
    alarms(part, 6, 5, 30)
    assert part.asked_a_month()[0] > 3
    home(32, part=part, first=31 * 24)
    assert part.irregular()[0]
    raised = []
    for hour in range(32 * 24, 34 * 24):
        end = np.array([START + (hour + 1) * HOUR])
        raised += part.step(News(np.array([0]), end - HOUR, end, np.zeros(1), np.zeros(1), end)).raised
    quiet = [one for one in raised if one.kind == "quiet"]
    assert [one.severity for one in quiet] == ["amber"]
    assert quiet[0].evidence["ask_only"] is True
    assert np.isnan(part.deadline("red")[0])
    kept = part._state.alarms
    kept.begin[0], kept.looked[0] = 0, 0  # three months later
    part._state.daybook.empty[0] = 0.0
    home(36, part=part, first=34 * 24)
    assert not part.irregular()[0]


def test_a_home_that_is_often_empty_is_only_asked():
    part = known(36, [hour for day in (31, 33, 35) for hour in range(day * 24, day * 24 + 24)])
    assert part.empty_share()[0] == pytest.approx(2 / 35, abs=0.005)  # today is not over
    part._state.daybook.empty[0], part._state.alarms.looked[0] = 5.0, 0
    home(37.5, part=part, first=36 * 24)
    assert part.irregular()[0]


def test_a_home_is_not_called_irregular_before_four_weeks():
    part = home(15)
    alarms(part, 10, 1, 14)
    home(17, part=part, first=15 * 24)
    assert not part.irregular()[0]
    assert np.isnan(part.asked_a_month()[0])


# --- the promise and the budget ----------------------------------------------------------------------------------------


def test_nothing_is_promised_before_two_weeks():
    assert home(13).promise(0) is None
    found = known().promise(0)
    assert found is not None
    assert 3 * HOUR <= found.median_s <= found.late_s <= 20 * HOUR
    assert found.median_s % HOUR == 0.0


def test_a_meter_that_reports_once_a_day_promises_no_more_than_that():
    part = known()
    daily = promise(SETTINGS.quiet, part._cohort, part._state, 0, DAY)
    assert daily.median_s == DAY


def test_what_is_promised_is_what_happens():
    part = known()
    found, due = part.promise(0), []
    for onset in range(8, 32, 2):
        copy = known(30 + onset / 24)
        for hour in range(30 * 24 + onset, 33 * 24):
            end = np.array([START + (hour + 1) * HOUR])
            raised = copy.step(News(np.array([0]), end - HOUR, end, np.zeros(1), np.zeros(1), end)).raised
            if any(one.kind == "quiet" for one in raised):
                due.append((hour + 1 - 30 * 24 - onset) * HOUR)
                break
    assert found.median_s == pytest.approx(np.median(due), abs=1.5 * HOUR)
    assert found.late_s == pytest.approx(np.quantile(due, 0.9), abs=2 * HOUR)


def test_the_budget_counts_what_was_told_for_nothing_and_the_months_known():
    part = known()
    alarms(part, 3, 3, 29)
    part.label(0, "quiet", "red", START + 28 * DAY, START + 28.5 * DAY, "well")
    part.label(0, "quiet", "amber", START + 27 * DAY, START + 27.5 * DAY, "incident")
    found = part.kept(np.array([0]), START + 30 * DAY)
    assert (found.asked, found.gone) == (4, 1)
    assert found.months == pytest.approx(
        (30 - 0.5) / 30.4, abs=0.005
    )  # the hours of the incident are not this person's life
    assert home(10).kept(np.array([0]), START + 10 * DAY).months == pytest.approx(10 / 30.4, abs=0.01)


def moved(part, at):
    one = np.array([at])
    part.hear_signs(SignNews(np.array([0]), np.array(["motion"]), one, one, np.array([np.nan])))


def test_a_quiet_that_reached_amber_and_was_ended_by_a_movement_or_by_unseen_water_raises_the_level():
    part, onset = fallen()
    assert part.deadline("amber")[0] < part._state.clock.known_until[0]
    unseen = Partition.restore(SETTINGS, part.snapshot())
    before = level(part)
    moved(part, onset + 20.5 * HOUR)
    assert level(part) > before
    moved(part, onset + 20.6 * HOUR)
    after = level(part)
    home(33, part=part, first=round(31.75 * 24))
    assert level(part) <= after, "one quiet is one false alarm"
    end = unseen._state.clock.known_until[:1] + HOUR
    unseen.step(News(np.array([0]), end - HOUR, end, np.full(1, np.nan), np.zeros(1), end, np.array([True])))
    assert level(unseen) > before


def test_a_quiet_that_counts_from_a_movement_teaches_when_water_ends_it():
    part, _ = fallen()
    at = float(part._state.clock.known_until[0])
    moved(part, at - 6 * HOUR)
    home(31.75 + 1 / 24, part=part, waking=(), first=round(31.75 * 24))
    sums = part._state.spells.sums.copy()
    assert part._state.spells.begin[0] == at - 6 * HOUR
    home(31.75 + 2 / 24, part=part, waking=range(24), first=round(31.75 * 24) + 1)
    assert (part._state.spells.sums != sums).any()


def test_movements_told_ahead_of_weeks_of_water_do_not_keep_its_quiets_from_teaching():
    plain, told_ahead = home(0), home(0)
    moved(told_ahead, START + 30 * DAY)
    for part in (plain, told_ahead):
        home(20, part=part)
    np.testing.assert_array_equal(plain._state.spells.sums, told_ahead._state.spells.sums)
    assert plain._state.spells.sums.any()
