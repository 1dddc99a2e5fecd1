"""What happens to a person: the meter and the sensors show what each file states, and nothing else."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.doings import NO_DRAWS, TO_DOOR_S, Doings, doings, draw, inside, merged, steps
from simulators.end_uses import DAY_S, at_night, flushes, local, showers, whole
from simulators.faults import faults
from simulators.faults.person import carer as carers
from simulators.faults.person.carer import carer, visited
from simulators.faults.person.day_trip import KEPT, LEAVES_H, OUT_H, day_trip, next_morning, weekly
from simulators.faults.person.decline import decline
from simulators.faults.person.diarrhoea import diarrhoea
from simulators.faults.person.fall import AFTER_VISIT_S, FLUSH_L, FROM_BATHROOM, fall, fall_anywhere
from simulators.faults.person.fall_running import fall_running
from simulators.faults.person.habit import USES, habit
from simulators.faults.person.illness import illness
from simulators.faults.person.moved_out import died, moved_out
from simulators.faults.person.nocturia import nocturia
from simulators.faults.person.season import season
from simulators.faults.person.second_resident import second_resident
from simulators.faults.person.trip import LAST_USE_S, trip
from simulators.faults.person.unannounced import CREW_S, HOSPITAL_DAYS, hospital
from simulators.faults.person.visitors import visitors
from simulators.faults.person.wandering import wandering
from simulators.households import Draws
from simulators.meters import register
from simulators.sensors import door, motion

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2025, 3, 3, tzinfo=SHANGHAI)
BEGIN, END = START.timestamp(), (START + timedelta(days=120)).timestamp()
PEOPLE = [doings(seed, START, 120, SHANGHAI, trips=False) for seed in range(1, 7)]
DID = PEOPLE[0]
AT = (START + timedelta(days=20, hours=14, minutes=20)).timestamp()
HOUR = 3600.0
SEEDS = range(200)


def rng(seed=0):
    return np.random.default_rng(seed)


def litres(did, begin, end):
    """What a meter of a millilitre counts in [begin, end]."""
    draws = did.draws if isinstance(did, Doings) else did
    return float(np.diff(register(draws, [begin, end], 0.001))[0])


def within(draws, begin, end):
    """Which draws begin in [begin, end)."""
    return (draws.start_s >= begin) & (draws.start_s < end)


def share(faulted, which, begin, end, people=PEOPLE):
    """How many times as many draws of a kind there are in [begin, end), over all people."""
    after = sum(int((which(did.draws) & within(did.draws, begin, end)).sum()) for did in faulted)
    before = sum(int((which(did.draws) & within(did.draws, begin, end)).sum()) for did in people)
    return after / before


def rest(draws):
    return ~flushes(draws) & ~showers(draws)


def same(some, other):
    return all(
        np.array_equal(getattr(some, name), getattr(other, name)) for name in ("start_s", "litres", "duration_s")
    )


def before(did, at=AT):
    """The draws that were over at `at`, the steps and the door until then."""
    d = did.draws
    over = d.start_s + d.duration_s < at - 0.001  # what ran on may have been turned off at that moment
    return (
        d.where(over),
        did.moves[did.moves < at],
        did.doors[did.doors < at],
    )


PERSON = {code: fault for code, fault in faults().items() if fault.layer == "person"}


def test_every_life_event_has_a_file():
    assert {f"P{n}" for n in range(1, 18)} - set(PERSON) == {"P3"}
    assert faults()["P3"].layer == "plumbing"
    for fault in [*PERSON.values(), faults()["P3"]]:
        assert fault.happens.endswith(".")
        assert fault.shows
        assert fault.must


@pytest.mark.parametrize("code", PERSON)
def test_the_past_stays_as_it_was_and_the_same_chance_gives_the_same_life(code):
    changed = 0
    for seed, did in enumerate(PEOPLE):
        struck, again = (PERSON[code].strike(did, AT, rng(seed)) for _ in range(2))
        past, moves, doors = before(struck)
        was, had_moved, had_opened = before(did)
        assert same(past, was)
        assert np.array_equal(moves, had_moved)
        assert np.array_equal(doors, had_opened)
        assert same(struck.draws, again.draws)
        assert np.array_equal(struck.moves, again.moves)
        changed += not same(struck.draws, did.draws)
        for times in (struck.draws.start_s, struck.moves, struck.doors, struck.out[:, 0]):
            assert (np.diff(times) >= 0).all()
        assert (struck.draws.duration_s > 0).all()
    assert changed >= 5


# --- falls -----------------------------------------------------------------------------------------------------------


def test_four_of_ten_falls_follow_a_visit_to_the_bathroom_and_then_nothing_is_drawn_or_seen():
    fell = [PERSON["P1"].strike(DID, AT, rng(seed)) for seed in SEEDS]
    assert DID.home_from(AT) == AT
    visits = [one for one in fell if one.draws.start_s[-1] == AT]
    assert np.mean([len(visits) / len(fell)]) == pytest.approx(FROM_BATHROOM, abs=0.1)
    for one in fell:
        assert litres(one, AT + AFTER_VISIT_S, END) == 0
        assert one.moves.max() < AT + AFTER_VISIT_S
        assert one.doors.max(initial=0) < AT
    assert all(litres(one, AT, AT + 60) == pytest.approx(FLUSH_L, abs=0.01) for one in visits)
    lie = np.array([one.moves.max() - AT for one in visits])
    assert 60 - 10 <= lie.min() < 120
    assert 500 < lie.max() <= AFTER_VISIT_S - 10


def test_who_is_out_falls_when_back():
    left, back = DID.out[np.searchsorted(DID.out[:, 0], AT)]
    fell = fall_anywhere(DID, (left + back) / 2)
    assert fell.doors[-1] == back
    assert litres(fell, back + TO_DOOR_S, END) == 0
    assert fell.moves.max() <= back + TO_DOOR_S


def test_a_fall_turns_off_what_runs():
    did = DID.until(AT - 100).also(draw(AT - 10, 8.0, 80.0), np.array([AT - 10, AT + 70]), np.empty(0))
    assert litres(fall_anywhere(did, AT), AT - 100, END) == pytest.approx(1.0, abs=0.01)


def test_a_fall_under_running_water_draws_300_to_470_litres_an_hour_until_somebody_comes():
    per_hour = []
    for seed in range(50):
        fell = PERSON["P2"].strike(DID, AT, rng(seed))
        per_hour.append(litres(fell, AT + 60, AT + 60 + HOUR))
        assert litres(fell, AT + 12 * HOUR + 1, END) == 0
        assert fell.moves.max() == AT
        assert not motion(fell.moves, AT + 200, AT + 900), "no sensor sees anybody, though water runs"
    assert 280 < min(per_hour) < 310
    assert 450 < max(per_hour) < 475


def test_an_open_tap_runs_between_a_trickle_and_a_shower():
    flows, hours = [], []
    for seed in range(60):
        opened = faults()["P3"].strike(NO_DRAWS, AT, rng(seed))
        flows.append(litres(opened, AT, AT + 1800) / 1800)
        hours.append(litres(opened, AT, END) / flows[-1] / HOUR)
    assert 0.0199 < min(flows) < 0.03
    assert 0.14 < max(flows) < 0.1501
    assert 0.49 < min(hours) < 2
    assert 11 < max(hours) < 12.01


# --- illness and age -------------------------------------------------------------------------------------------------


def test_who_is_ill_uses_little_but_the_toilet_stays_in_and_recovers():
    ill = [illness(did, AT, rng(n), days=10, use=0.3, toilet=1.5) for n, did in enumerate(PEOPLE)]
    end = AT + 10 * DAY_S
    assert share(ill, lambda d: ~flushes(d), AT, end) == pytest.approx(0.3, abs=0.06)
    assert share(ill, flushes, AT, end) == pytest.approx(1.5, abs=0.1)
    for lies, did in zip(ill, PEOPLE, strict=True):
        assert not within(Draws(lies.out[:, 0], *lies.out.T), AT, end).any(), "nobody ill goes out"
        walks = [np.sum(one.walking() & (one.moves > AT) & (one.moves < end)) for one in (lies, did)]
        assert walks[0] < 0.45 * walks[1]
        assert litres(lies, end + 3 * HOUR, END) == pytest.approx(litres(did, end + 3 * HOUR, END), abs=0.1)
        assert np.isin(steps(lies.draws)[: len(lies.draws)], lies.moves).all(), "who draws is seen"


def test_diarrhoea_multiplies_flushes_for_its_days_and_nothing_else():
    sick = [diarrhoea(did, AT, rng(n), days=14, toilet=3.0) for n, did in enumerate(PEOPLE)]
    end = AT + 14 * DAY_S
    assert share(sick, flushes, AT, end) == pytest.approx(3.0, abs=0.15)
    for one, did in zip(sick, PEOPLE, strict=True):
        others = one.thinned(~flushes(one.draws)).draws
        assert same(others, did.thinned(~flushes(did.draws)).draws)
        assert not inside(one.draws.start_s[flushes(one.draws) & within(one.draws, AT, end)], one.out).any()


def test_nocturia_grows_evenly_stays_and_leaves_the_day_alone():
    up = [nocturia(did, BEGIN, rng(n), days=30, times=3.0) for n, did in enumerate(PEOPLE)]

    def nights(draws):
        return flushes(draws) & at_night(draws.start_s, SHANGHAI)

    assert share(up, nights, BEGIN + 10 * DAY_S, BEGIN + 20 * DAY_S) == pytest.approx(2.0, rel=0.25)
    assert share(up, nights, BEGIN + 40 * DAY_S, END) == pytest.approx(3.0, rel=0.05)
    for one, did in zip(up, PEOPLE, strict=True):
        day, was = ~at_night(one.draws.start_s, SHANGHAI), ~at_night(did.draws.start_s, SHANGHAI)
        assert abs(int(day.sum()) - int(was.sum())) <= 0.01 * was.sum(), "but where a night visit would be on a trip"
    slept = doings(1, START, 30, SHANGHAI, trips=False)
    slept = slept.thinned(~at_night(slept.draws.start_s, SHANGHAI))
    assert same(nocturia(slept, BEGIN, rng(), days=1, times=3.0).draws, slept.draws), (
        "who never got up does not begin to"
    )


def test_wandering_moves_draws_into_the_night_and_makes_the_morning_late():
    turned = [wandering(did, AT, rng(n), nights=0.5, share=0.6, late_s=2 * HOUR) for n, did in enumerate(PEOPLE)]

    def small_hours(draws):
        return local(draws.start_s, SHANGHAI)[1] < 5

    def daytime(draws):
        hour = local(draws.start_s, SHANGHAI)[1]
        return (hour >= 11) & (hour < 21)

    assert share(turned, small_hours, AT + DAY_S, END) > 3
    assert share(turned, daytime, AT + DAY_S, END) == pytest.approx(1 - 0.5 * 0.6, abs=0.03)
    for one, did in zip(turned, PEOPLE, strict=True):
        assert len(one.draws) == len(did.draws)
        assert one.draws.litres.sum() == pytest.approx(did.draws.litres.sum())
        assert len(one.moves) == len(did.moves)
        moved = np.sort(one.moves[local(one.moves, SHANGHAI)[1] < 5])
        assert len(moved) > 2 * np.sum(local(did.moves, SHANGHAI)[1] < 5), "a sensor sees the nights too"
    firsts = [first_use(did) for did in (turned[0], DID)]
    assert 0.5 < np.median(firsts[0]) - np.median(firsts[1]) < 2.5


def first_use(did):
    """Hour of the first use after five, on each day from `AT` on."""
    day, hour = local(did.draws.start_s, SHANGHAI)
    after = (did.draws.start_s > AT + DAY_S) & (hour >= 5)
    return np.array([hour[after & (day == n)].min() for n in np.unique(day[after])])


def test_decline_is_even_showers_go_first_and_each_draw_keeps_its_size():
    frail = [decline(did, BEGIN, rng(n), days=80, left=0.6) for n, did in enumerate(PEOPLE)]
    half, done = (BEGIN + 36 * DAY_S, BEGIN + 44 * DAY_S), (BEGIN + 80 * DAY_S, END)
    assert share(frail, rest, *half) == pytest.approx(0.8, abs=0.06)
    assert share(frail, rest, *done) == pytest.approx(0.6, abs=0.04)
    assert share(frail, showers, *done) == pytest.approx(0.2, abs=0.1)
    for one, did in zip(frail, PEOPLE, strict=True):
        kept = np.isin(did.draws.start_s, one.draws.start_s)
        assert same(one.draws, did.thinned(kept).draws)
        walks = [np.sum(who.walking() & (who.moves > done[0])) for who in (one, did)]
        assert walks[0] / walks[1] == pytest.approx(0.6, abs=0.08)


# --- away ------------------------------------------------------------------------------------------------------------


def test_a_trip_swallows_outings_whole_and_the_sensors_tell_it():
    left = DID.out[np.searchsorted(DID.out[:, 0], AT), 0] - 120.0  # an outing began between the last use and the door
    back = left + 3 * DAY_S
    away = trip(DID, left, back)
    assert [one for one in away.doors.tolist() if left - LAST_USE_S <= one <= back] == [left, back]
    assert litres(away, left, back) == 0
    said = door(away.doors.tolist(), left - 60, back + 60)
    assert [at for at, state in said if state["contact"] is False] == [left, back]
    assert not [at for at, state in motion(away.moves, left + 90, back) if state["occupancy"]]
    assert inside(np.array([left + 1, back - 1]), away.out).all()
    assert away.home_from(left + DAY_S) == back + TO_DOOR_S
    with pytest.raises(ValueError, match="want a return after leaving"):
        trip(DID, left, left)


def test_at_a_stay_in_hospital_the_crew_is_seen_and_then_nobody():
    taken = hospital(DID, AT, 5.0)
    left = AT + CREW_S
    assert litres(taken, AT, left + 5 * DAY_S) == 0
    assert np.sum((taken.moves >= AT) & (taken.moves < left)) > 30
    assert not ((taken.moves > left) & (taken.moves < left + 5 * DAY_S)).any()
    assert [one for one in taken.doors.tolist() if AT <= one <= left + 5 * DAY_S] == [AT, left, left + 5 * DAY_S]


def test_absences_that_nobody_declared_last_days():
    days = []
    for seed in SEEDS:
        gone = PERSON["P10"].strike(DID, AT, rng(seed))
        left, back = next(span for span in gone.out.tolist() if span[0] >= AT)
        days.append((back - left) / DAY_S)
        assert litres(gone, left, back) == 0
        assert left - AT <= CREW_S
    assert min(days) >= 1
    assert np.mean(days) == pytest.approx((4 + np.mean(HOSPITAL_DAYS)) / 2, abs=1.0)


def test_a_day_trip_leaves_the_evening_and_the_door_opens_twice():
    out = day_trip(DID, AT, 7)
    assert litres(out, AT, AT + 7 * HOUR) == 0
    assert litres(out, AT + 8 * HOUR, END) == pytest.approx(litres(DID, AT + 8 * HOUR, END), abs=30)
    assert {AT, AT + 7 * HOUR} <= set(out.doors.tolist())
    assert not [at for at, state in motion(out.moves, AT + 90, AT + 7 * HOUR) if state["occupancy"]]


def test_a_weekly_day_out_falls_on_one_weekday_and_on_most_weeks():
    out = weekly(DID, AT, rng(3), weeks=14)
    spans = np.array([span for span in out.out if not np.isin(span[0], DID.out[:, 0])])
    day, hour = local(spans[:, 0], SHANGHAI)
    assert len(set(day % 7)) == 1
    assert ((hour >= LEAVES_H[0]) & (hour < LEAVES_H[1] + 3)).all(), "three hours for who is out when wanting to leave"
    hours = (spans[:, 1] - spans[:, 0]) / HOUR
    assert ((hours >= OUT_H[0]) & (hours <= OUT_H[1])).all()
    weeks = [len(weekly(DID, AT, rng(seed), weeks=14).out) for seed in range(20)]
    assert len(DID.out) < np.mean(weeks) < len(DID.out) + 1 + 13 * KEPT + 1
    assert local(np.array([next_morning(AT)]), SHANGHAI)[1][0] == LEAVES_H[0]
    assert next_morning(AT) > AT
    assert weekly(DID, AT, rng(), weeks=1).out.shape[0] <= len(DID.out) + 1


def test_who_moves_out_closes_the_door_and_who_dies_is_not_seen_again():
    gone = moved_out(DID, AT)
    assert gone.doors[-1] == AT
    dead = died(DID, AT)
    for one in (gone, dead):
        assert litres(one, AT, END) == 0
        assert one.moves.max() < AT
    moved = [len(PERSON["P15"].strike(DID, AT, rng(seed)).doors) - len(dead.doors) for seed in SEEDS]
    assert set(moved) == {0, 1}
    assert np.mean(moved) == pytest.approx(0.5, abs=0.1)


# --- others in the home ----------------------------------------------------------------------------------------------


def test_visitors_double_the_draws_later_in_the_evening_and_move_about():
    full = [visitors(did, AT, rng(n), days=10, times=2.0) for n, did in enumerate(PEOPLE)]
    end = AT + 10 * DAY_S
    everything = lambda draws: np.ones(len(draws), bool)  # noqa: E731 - a kind of draw, as the others
    assert share(full, everything, AT, end) == pytest.approx(2.0, abs=0.05)
    for one, did in zip(full, PEOPLE, strict=True):
        assert {AT, end} <= set(one.doors.tolist())
        assert np.isin(did.draws.start_s, one.draws.start_s).all()
        theirs = one.draws.start_s[~np.isin(one.draws.start_s, did.draws.start_s)]
        assert np.isin(theirs, one.moves).all()
        assert litres(one, end + 3 * HOUR, END) == pytest.approx(litres(did, end + 3 * HOUR, END), abs=0.1)
    late = [
        np.mean(local(who.draws.start_s[within(who.draws, AT, end)], SHANGHAI)[1] >= 21) for who in (*full, *PEOPLE)
    ]
    assert np.mean(late[:6]) > np.mean(late[6:])


def test_visitors_of_somebody_who_fell_draw_as_if_nothing_had_happened():
    fell = fall(DID, AT)
    full, usually = (visitors(did, AT, rng(), days=3, times=2.0, usual=DID).draws for did in (fell, DID))
    theirs = usually.where(~np.isin(usually.start_s, DID.draws.start_s))
    assert len(theirs) > 50
    assert same(full, merged(fell.draws, theirs))
    assert same(visitors(fell, AT, rng(), days=3, times=2.0).draws, fell.draws), "of a home of which nothing is known"


def test_others_in_the_home_draw_nothing_while_nobody_is_there():
    away = trip(DID, DID.home_from(AT), AT + 5 * DAY_S)
    for one in (
        second_resident(away, AT, rng(), usual=DID),
        visitors(away, AT, rng(), days=5, times=2.0, usual=DID),
    ):
        assert not inside(one.draws.start_s, away.out[away.out[:, 0] >= AT]).any()


def test_a_second_resident_draws_for_good_but_never_in_an_empty_home():
    two = [second_resident(did, AT, rng(n)) for n, did in enumerate(PEOPLE)]
    assert share(two, lambda draws: draws.litres > 0, AT, END - DAY_S) == pytest.approx(1.7, abs=0.03)
    for one, did in zip(two, PEOPLE, strict=True):
        new = ~np.isin(one.draws.start_s, did.draws.start_s)
        assert inside(one.draws.start_s[new], one.out).mean() < 0.002


def test_a_carer_comes_at_fixed_hours_draws_within_the_visit_and_is_returned():
    lies = fall(DID, AT)
    cared, visits = carer(lies, AT, END, rng(), weekdays=(0, 2, 4), hour=9.5, stay_s=1800.0)
    day, hour = local(visits[:, 0], SHANGHAI)
    assert set((day + 3) % 7) == {0, 2, 4}
    assert ((hour >= 9.5) & (hour <= 9.5 + carers.LATE_S / HOUR)).all()
    assert len(visits) == pytest.approx((END - AT) / DAY_S * 3 / 7, abs=2)
    for begin, end in visits.tolist():
        assert 5 - 0.01 <= litres(cared, begin, end) <= 40 + 0.01
        assert {begin, end} <= set(cared.doors.tolist())
        assert np.sum((cared.moves > begin) & (cared.moves < end)) >= 10
    assert litres(cared, AT, END) == pytest.approx(sum(litres(cared, *one) for one in visits.tolist()), abs=0.1)
    assert inside(cared.moves[cared.moves > AT], visits).all(), "nobody else moves"


def test_carers_come_three_to_seven_times_a_week_for_twenty_to_sixty_minutes():
    some = [visited(DID, AT, rng(seed)).visits for seed in range(60)]
    per_week = [len(visits) / (carers.LASTS_S / (7 * DAY_S)) for visits in some]
    stays = [(visits[0, 1] - visits[0, 0]) / 60 for visits in some]
    assert 2.5 < min(per_week) < 3.5
    assert 6.5 < max(per_week) < 7.2
    assert 20 <= min(stays) < 25
    assert 55 < max(stays) <= 60
    cared = visited(DID, AT, rng(5))
    assert same(cared.doings.draws, PERSON["P13"].strike(DID, AT, rng(5)).draws)


# --- habits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("times", "left"), [(0.4, 0.4), (2.4, 2.4), (1.0, 1.0)])
def test_a_season_changes_showers_and_only_showers(times, left):
    turned = [season(did, BEGIN, rng(n), times, days=60) for n, did in enumerate(PEOPLE)]
    assert share(turned, showers, BEGIN + 60 * DAY_S, END) == pytest.approx(left, rel=0.12)
    for one, did in zip(turned, PEOPLE, strict=True):
        assert same(one.thinned(~showers(one.draws)).draws, did.thinned(~showers(did.draws)).draws)


def test_a_festival_empties_a_home_fills_it_or_is_only_a_season():
    struck = [PERSON["P16"].strike(DID, AT, rng(seed)) for seed in range(80)]
    week = [litres(one, AT + HOUR, AT + 7 * DAY_S) / litres(DID, AT + HOUR, AT + 7 * DAY_S) for one in struck]
    empty, full = np.mean(np.array(week) == 0), np.mean(np.array(week) > 1.3)
    assert empty == pytest.approx(0.25, abs=0.12)
    assert full == pytest.approx(0.25, abs=0.12)


@pytest.mark.parametrize("use", USES)
def test_a_new_habit_leaves_a_share_of_one_use_and_all_the_steps(use):
    new = [habit(did, AT, rng(n), use=use, left=0.2) for n, did in enumerate(PEOPLE)]
    assert share(new, lambda draws: USES[use](draws, SHANGHAI), AT, END) == pytest.approx(0.2, abs=0.06)
    for one, did in zip(new, PEOPLE, strict=True):
        assert np.array_equal(one.moves, did.moves)
        others, were = (who.thinned(~USES[use](who.draws, SHANGHAI)).draws for who in (one, did))
        assert same(others, were)


# --- nonsense, and what the faults are made of -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param(lambda: fall(DID, AT, 0.5), id="no time for a visit"),
        pytest.param(lambda: fall_running(DID, AT, 0.0), id="no flow"),
        pytest.param(lambda: illness(DID, AT, rng(), days=0, use=0.5), id="ill for no day"),
        pytest.param(lambda: illness(DID, AT, rng(), days=3, use=1.5), id="ill and using more"),
        pytest.param(lambda: diarrhoea(DID, AT, rng(), days=3, toilet=0.5), id="fewer visits"),
        pytest.param(lambda: nocturia(DID, AT, rng(), days=3, times=float("nan")), id="not a number"),
        pytest.param(lambda: wandering(DID, AT, rng(), nights=2, share=0.5), id="more nights than there are"),
        pytest.param(lambda: decline(DID, AT, rng(), days=60, left=-0.1), id="less than nothing"),
        pytest.param(lambda: hospital(DID, AT, 0), id="no day in hospital"),
        pytest.param(lambda: day_trip(DID, AT, 0), id="out for no hour"),
        pytest.param(lambda: weekly(DID, AT, rng(), 0), id="no week"),
        pytest.param(lambda: visitors(DID, AT, rng(), days=1, times=0.9), id="visitors who draw less than none"),
        pytest.param(lambda: carer(DID, AT, END, rng(), weekdays=(7,), hour=9, stay_s=1800), id="no such weekday"),
        pytest.param(lambda: carer(DID, AT, END, rng(), weekdays=(0,), hour=9, stay_s=60), id="too short a stay"),
        pytest.param(lambda: second_resident(DID, AT, rng(), 0.5), id="half a resident"),
        pytest.param(lambda: season(DID, AT, rng(), -1.0), id="fewer showers than none"),
        pytest.param(lambda: habit(DID, AT, rng(), use="tea", left=0.1), id="no such use"),
    ],
)
def test_nonsense_is_refused(nonsense):
    with pytest.raises(ValueError, match="want "):
        nonsense()


def test_local_hours_follow_the_clock_on_the_wall():
    zone = ZoneInfo("Europe/Amsterdam")
    times = np.array([datetime(2025, 3, day, 8, 30, tzinfo=zone).timestamp() for day in (29, 30, 31)])
    day, hour = local(times, zone)
    assert hour.tolist() == [8.5, 8.5, 8.5]
    assert np.diff(day).tolist() == [1, 1]


def test_repeated_draws_stay_after_their_beginning_and_out_of_an_empty_home():
    did = Doings(
        merged(draw(1000.0, 3.0, 30.0), draw(5000.0, 4.0, 40.0)), np.empty(0), np.empty(0), np.array([[2e3, 4e3]])
    )
    more = did.repeated(np.array([2, 1]), np.array([2000.0, -500.0, 100.0]), since=900.0)
    assert more.draws.start_s.tolist() == [1000.0, 1030.0, 1030.0, 5000.0, 5100.0]
    assert more.draws.litres.sum() == 3 * 3 + 2 * 4
    assert np.isin([1030.0, 1060.0, 5100.0, 5140.0], more.moves).all()


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 5), st.integers(0, 2**32))
def test_whole_numbers_have_the_wanted_mean(mean, seed):
    drawn = whole(np.full(4000, mean), rng(seed))
    assert set(drawn.tolist()) <= {int(np.floor(mean)), int(np.floor(mean)) + 1}
    assert drawn.mean() == pytest.approx(mean, abs=0.04)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 110 * DAY_S), st.floats(60, 10 * DAY_S))
def test_nothing_happens_in_a_home_that_is_away(after_s, length_s):
    left, back = DID.home_from(BEGIN + after_s), DID.home_from(BEGIN + after_s) + length_s
    away = DID.away(left, back)
    assert litres(away, left, back) == 0
    assert not ((away.moves > left) & (away.moves < back)).any()
    assert [one for one in away.doors.tolist() if left <= one <= back] == [left, back]
    assert (np.diff(away.out.ravel()) >= 0).all()
