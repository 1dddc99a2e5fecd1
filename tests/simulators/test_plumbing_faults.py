"""Faults of the plumbing: what flows through the meter."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.doings import doings, draw, merged
from simulators.faults.meter.coarse import coarse
from simulators.faults.person.fall import fall
from simulators.faults.person.trip import trip
from simulators.faults.plumbing import air, backflow, burst, crossed, cut, draw_off, drip, leak, pressure
from simulators.faults.plumbing.pieces import after, before
from simulators.households import Draws, Rhythm
from simulators.meters import read, register

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2025, 3, 3, tzinfo=SHANGHAI)
DID = doings(4, START, 6, SHANGHAI, trips=False)
NEIGHBOUR = doings(5, START, 6, SHANGHAI, trips=False)
BEGIN = START.timestamp()
AT = (START + timedelta(days=3, hours=9, minutes=20)).timestamp()
END = (START + timedelta(days=6)).timestamp()
HOUR, DAY = 3600.0, 86_400.0
NONE = Draws(*(np.empty(0) for _ in range(3)))
FINE_L = 0.001
FAULTS = {one.FAULT.code: one.FAULT for one in (leak, drip, burst, cut, pressure, air, backflow, crossed, draw_off)}


def litres(draws, begin, end):
    """What a fine register counts in [begin, end]."""
    return float(np.diff(register(draws, [begin, end], FINE_L))[0])


def same(some, other):
    return all(
        np.array_equal(getattr(some, name), getattr(other, name)) for name in ("start_s", "litres", "duration_s")
    )


def struck(code, seed, draws=NONE):
    """What is left of the draws of a home that this fault befalls; of the first home, if it befalls several."""
    fault, rng = FAULTS[code], np.random.default_rng([int(code[1:]), seed])
    return fault.strike([draws, NONE], AT, rng)[0] if fault.group else fault.strike(draws, AT, rng)


# --- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", FAULTS)
def test_nothing_changes_before_the_fault(code):
    grid = np.arange(BEGIN, AT + 1, 300.0)
    for seed in range(20):
        left = struck(code, seed, DID.draws)
        np.testing.assert_array_equal(register(left, grid, 0.1), register(DID.draws, grid, 0.1))
        assert (np.diff(left.start_s) >= 0).all()
        assert (left.duration_s > 0).all()


@pytest.mark.parametrize("code", [code for code in FAULTS if code != "W5"])
def test_afterwards_the_meter_shows_something_else(code):
    # a drip may go unfelt and a hose may come late in the day: one home in several is enough
    grid = np.arange(AT, END, 900.0)
    own = register(DID.draws, grid)
    assert any(not np.array_equal(register(struck(code, seed, DID.draws), grid), own) for seed in range(5))


@settings(max_examples=30, deadline=None)
@given(st.floats(BEGIN - DAY, END + DAY))
def test_what_runs_before_and_after_a_moment_is_all_that_runs(at):
    left, right = before(DID.draws, at), after(DID.draws, at)
    assert left.litres.sum() + right.litres.sum() == pytest.approx(DID.draws.litres.sum())
    assert (left.start_s + left.duration_s <= at + 1e-6).all()
    assert (right.start_s >= at).all()


# --- leaks and drips -------------------------------------------------------------------------------------------------


def test_a_cistern_tops_up_like_a_clock_and_stands_still_between():
    topped = leak.top_up(NONE, AT, 1.5, 1200.0, AT + 24 * HOUR)
    assert litres(topped, AT - HOUR, AT) == 0
    assert litres(topped, AT, AT + 24 * HOUR) == pytest.approx(72 * 1.5, abs=0.01)
    shown = register(topped, AT + np.arange(0, 6 * HOUR + 1, 60.0), FINE_L)
    ticks = np.flatnonzero(np.diff(shown) > 0)
    assert ticks.tolist() == (np.arange(18) * 20).tolist(), "in the first minute of every twentieth"
    assert litres(topped, AT + 24 * HOUR, END) == 0


@pytest.mark.parametrize(("quantity", "every_s"), [(0.0, 600.0), (-1.0, 600.0), (2.0, 20.0)])
def test_a_top_up_that_cannot_be_is_refused(quantity, every_s):
    with pytest.raises(ValueError, match="want litres above 0"):
        leak.top_up(NONE, AT, quantity, every_s)


@pytest.mark.parametrize(
    "leaks", [lambda until: leak.leak(NONE, AT, 5.0, until), lambda until: leak.top_up(NONE, AT, 1.0, 600.0, until)]
)
def test_a_leak_that_ends_before_it_begins_is_refused(leaks):
    with pytest.raises(ValueError, match="want a leak that ends after it began"):
        leaks(AT)


def test_leaks_have_the_flows_that_cisterns_have():
    hourly, continuous = [], 0
    for seed in range(300):
        leaks = struck("W1", seed)
        hourly.append(litres(leaks, AT, AT + 2 * DAY) / 48)
        if len(leaks) == 1:
            continuous += 1
            assert 2 <= hourly[-1] <= 120
        else:
            every_s = np.diff(leaks.start_s)
            assert 0.5 <= leaks.litres[0] <= 2
            assert 300 <= every_s[0] <= 3600.01
            np.testing.assert_allclose(every_s, every_s[0], atol=1e-3)
            assert hourly[-1] >= 0.95 * leak.LEAST_TOLD_L_H  # two days need not hold a whole number of top-ups
    assert 0.4 < continuous / 300 < 0.6  # 3.5 standard deviations
    assert np.quantile(hourly, 0.1) < 4
    assert np.quantile(hourly, 0.9) > 20


def test_a_drip_slower_than_the_start_flow_is_not_there():
    assert same(drip.drip(DID.draws, AT, 0.9, start_flow_l_h=1.0), DID.draws)


def test_a_drip_that_the_meter_feels_is_a_litre_every_few_hours():
    felt = register(drip.drip(NONE, AT, 0.25, start_flow_l_h=0.25), AT + np.arange(0, 41) * HOUR)
    assert felt.tolist() == [n // 4 for n in range(41)]


@pytest.mark.parametrize(
    "wrong", [{"litres_per_h": 0.0, "start_flow_l_h": 1.0}, {"litres_per_h": 0.5, "start_flow_l_h": -1.0}]
)
def test_a_drip_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="want a"):
        drip.drip(NONE, AT, **wrong)


def test_half_of_the_meters_feel_the_drip_and_the_others_show_nothing():
    daily = np.array([litres(struck("W2", seed), AT, AT + DAY) for seed in range(300)])
    felt = daily[daily > 0]
    assert 0.4 < len(felt) / 300 < 0.6
    assert ((felt >= 24 * 0.1 - 0.01) & (felt <= 24 * 1.0 + 0.01)).all()


# --- too much --------------------------------------------------------------------------------------------------------


def test_a_burst_runs_until_it_is_shut_off_on_top_of_what_is_drawn():
    wet = burst.burst(DID.draws, AT, 0.5, 2 * HOUR)
    grid = AT + np.array([0, 900.0, 1800.0, 2 * HOUR, 5 * HOUR])
    more = register(wet, grid, FINE_L) - register(DID.draws, grid, FINE_L)
    np.testing.assert_allclose(more, [0, 450, 900, 3600, 3600], atol=0.01)


@pytest.mark.parametrize(("flow", "shut_s"), [(0.0, 60.0), (0.5, 0.0), (float("nan"), 60.0)])
def test_a_burst_without_water_is_refused(flow, shut_s):
    with pytest.raises(ValueError, match="above 0"):
        burst.burst(NONE, AT, flow, shut_s)


def test_bursts_bring_180_to_900_litres_in_a_quarter_of_an_hour():
    quarter = np.array([litres(struck("W3", seed), AT, AT + 900) for seed in range(300)])
    hours = np.array([struck("W3", seed).duration_s[0] / 3600 for seed in range(300)])
    assert ((quarter >= 180) & (quarter <= 900)).all()
    assert np.mean(quarter) == pytest.approx(540, abs=45)  # 3.5 standard errors
    assert ((hours >= 1) & (hours <= 12)).all()


def test_a_hose_on_a_timer_draws_the_same_at_the_same_time_until_it_is_found():
    hosed = draw_off.draw_off(NONE, AT, 40.0, DAY, AT + 2.5 * DAY)
    np.testing.assert_array_equal(hosed.start_s, AT + DAY * np.arange(3))
    assert litres(hosed, AT, AT + 200) == pytest.approx(40, abs=0.01)
    assert litres(hosed, AT + 200, AT + DAY) == 0
    for wrong in ({"litres": 0.0}, {"every_s": 100.0}, {"until": AT}):
        with pytest.raises(ValueError, match="want litres above 0"):
            draw_off.draw_off(NONE, AT, **({"litres": 40.0, "every_s": DAY} | wrong))


def test_draw_offs_are_regular_and_of_5_to_200_litres():
    first, every = [], set()
    for seed in range(300):
        hosed = struck("W9", seed)
        first.append(hosed.start_s[0] - AT)
        every.add(round(hosed.start_s[1] - hosed.start_s[0]))
        assert 5 <= hosed.litres[0] <= 200
        assert np.ptp(hosed.litres) == 0
    assert 0 <= min(first) < max(first) <= DAY
    assert every == {round(one) for one in draw_off.EVERY_S}


# --- no water, weak water, water the wrong way -----------------------------------------------------------------------


def test_a_cut_takes_the_water_of_all_homes_at_the_same_time():
    often = Draws(np.arange(AT - DAY, AT + DAY, 600.0), np.full(288, 1.0), np.full(288, 10.0))
    hours, told = [], 0
    for seed in range(40):
        dry = cut.strike([often, often, NONE], AT, np.random.default_rng(seed))
        bucket = litres(dry[2], AT, AT + 900)
        off = AT + 900 * (bucket > 0)
        back = [one.start_s[one.start_s > off].min() for one in dry[:2]]
        told += bucket > 0
        hours.append((back[0] - off) / HOUR)
        assert bucket == pytest.approx(9.0 * (bucket > 0), abs=0.01)
        assert back[0] == back[1], "water is back for all at once"
        assert [litres(one, off, back[0]) for one in dry] == [0, 0, 0]
        assert litres(dry[0], back[0], back[0] + 60) >= cut.CISTERN_L + cut.AIR_L - 0.01
    assert 0.25 < told / 40 < 0.75  # three standard deviations
    assert 3 <= min(hours) < 5
    assert 10 < max(hours) <= 12


def test_when_the_pressure_drops_a_vessel_takes_longer_to_fill():
    weak = pressure.pressure(draw(AT - 60, 12.0, 120.0), AT, AT + HOUR, 0.5)
    grid = AT + np.array([-60.0, 0, 60, 120, 180])
    np.testing.assert_allclose(register(weak, grid, FINE_L), [0, 6, 9, 12, 12], atol=0.001)


def test_when_the_pressure_is_back_the_rest_comes_at_full_flow():
    weak = pressure.pressure(draw(AT, 12.0, 120.0), AT - HOUR, AT + 60, 0.5)
    grid = AT + np.array([0.0, 60, 90, 150, 200])
    np.testing.assert_allclose(register(weak, grid, FINE_L), [0, 3, 6, 12, 12], atol=0.001)


def test_when_the_pressure_drops_a_leak_is_weaker_and_no_longer():
    leaking = leak.leak(NONE, AT, 36.0, AT + 5 * HOUR)
    weak = pressure.pressure(leaking, AT + HOUR, AT + 3 * HOUR, 0.5)
    hourly = np.diff(register(weak, AT + HOUR * np.arange(7), FINE_L))
    np.testing.assert_allclose(hourly, [36, 18, 18, 36, 36, 0], atol=0.01)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 5 * DAY), st.floats(1, DAY), st.floats(0.05, 1))
def test_a_weak_pressure_leaves_nobody_with_less_and_nothing_comes_early(after_s, length_s, factor):
    begin = BEGIN + after_s
    weak = pressure.pressure(DID.draws, begin, begin + length_s, factor)
    assert weak.litres.sum() == pytest.approx(DID.draws.litres.sum())
    assert (np.diff(weak.start_s) >= 0).all()
    grid = np.arange(BEGIN, END, 1800.0)
    assert (
        register(weak, grid, FINE_L) <= register(DID.draws, grid, FINE_L) + 0.1
    ).all()  # 1 s is a register's shortest


@pytest.mark.parametrize(("factor", "lasts_s"), [(0.0, 60.0), (1.2, 60.0), (0.5, 0.0)])
def test_a_pressure_that_cannot_be_is_refused(factor, lasts_s):
    with pytest.raises(ValueError, match="want a factor"):
        pressure.pressure(NONE, AT, AT + lasts_s, factor)


def test_pressures_drop_to_30_to_70_percent_for_hours():
    running = draw(AT - DAY, 3600.0 * 72, 3 * DAY)  # one litre a second: what is missing is (1 - factor) x seconds
    hourly = [np.diff(register(struck("W5", seed, running), AT + HOUR * np.arange(15), FINE_L)) for seed in range(100)]
    factors = np.array([one[0] / 3600 for one in hourly])
    weak_h = np.array([(one < 3599).sum() for one in hourly])
    assert 0.3 <= factors.min() < 0.35
    assert 0.65 < factors.max() <= 0.7
    assert weak_h.min() >= 1
    assert weak_h.max() == 12


def test_air_turns_the_wheel_in_the_first_ten_minutes_and_nobody_drew_anything():
    blown = air.air(NONE, AT, 9.0, [400.0, 0.0, 30.0])
    grid = AT + np.array([0, 10.0, 20, 60, 399, 410, 600, DAY])
    np.testing.assert_allclose(register(blown, grid, FINE_L), [0, 3, 3, 6, 6, 9, 9, 9], atol=0.001)
    for wrong in ((0.0, [1.0]), (5.0, []), (5.0, [-1.0])):
        with pytest.raises(ValueError, match="want litres above 0"):
            air.air(NONE, AT, *wrong)


def test_air_counts_as_1_to_20_litres_mostly_few():
    counted = np.array([litres(struck("W6", seed), AT, AT + 600) for seed in range(300)])
    assert ((counted >= 0.99) & (counted <= 20)).all()
    assert np.median(counted) == pytest.approx(20**0.5, rel=0.25)
    assert all(litres(struck("W6", seed), AT + 600, END) == 0 for seed in range(20))


def test_what_flows_back_is_missing_from_then_on():
    back = backflow.backflow(DID.draws, AT, 12.5, 300.0)
    grid = AT + np.array([-HOUR, 0, 300.0, HOUR, 2 * DAY])
    more = register(back, grid, FINE_L, 100.0) - register(DID.draws, grid, FINE_L, 100.0)
    np.testing.assert_allclose(more, [0, 0, -12.5, -12.5, -12.5], atol=0.0011)


def test_a_register_of_whole_litres_falls_by_whole_litres():
    grid = AT + np.arange(0, 301, 60.0)
    assert register(backflow.backflow(NONE, AT, 2.5, 300.0), grid, 1.0, 100.0).tolist() == [100, 99, 99, 98, 98, 97]
    with pytest.raises(ValueError, match="want litres and a time above 0"):
        backflow.backflow(NONE, AT, -1.0, 300.0)


def test_backflows_are_small_as_a_rule():
    back = np.array([-struck("W7", seed).litres[0] for seed in range(300)])
    assert ((back >= 0.1) & (back <= 50)).all()
    assert np.median(back) == pytest.approx(5**0.5, rel=0.4)


def test_crossed_meters_show_the_life_of_the_neighbour_from_then_on():
    one, other = crossed.crossed(DID.draws, NEIGHBOUR.draws, AT)
    grid = np.arange(BEGIN, END, HOUR)
    own, next_door = (np.diff(register(draws, grid, FINE_L)) for draws in (DID.draws, NEIGHBOUR.draws))
    then = grid[1:] > AT + HOUR
    for shown, first, second in ((one, own, next_door), (other, next_door, own)):
        hourly = np.diff(register(shown, grid, FINE_L))
        np.testing.assert_allclose(hourly[~then][:-1], first[~then][:-1], atol=0.0011)
        np.testing.assert_allclose(hourly[then], second[then], atol=0.0011)


def test_a_draw_that_runs_while_meters_are_crossed_goes_on_through_the_other():
    one, other = crossed.crossed(draw(AT - 30, 6.0, 60.0), NONE, AT)
    assert litres(one, AT - HOUR, END) == pytest.approx(3, abs=0.002)
    assert litres(other, AT, AT + 30) == pytest.approx(3, abs=0.002)
    whole, nothing = crossed.crossed(draw(AT - 30, 6.0, 60.0), NONE)
    assert (len(whole), len(nothing)) == (0, 1), "crossed from the start"


def test_two_homes_of_a_group_are_crossed_and_the_others_are_not():
    homes = [draw(AT + n, 1.0, 1.0) for n in range(5)]
    pairs = set()
    for seed in range(60):
        through = crossed.strike(homes, AT, np.random.default_rng(seed))
        moved = [n for n in range(5) if not same(through[n], homes[n])]
        assert len(moved) == 2
        assert same(through[moved[0]], homes[moved[1]])
        assert same(through[moved[1]], homes[moved[0]])
        pairs.add(tuple(moved))
    assert len(pairs) == 10
    with pytest.raises(ValueError, match="two homes at least"):
        crossed.strike(homes[:1], AT, np.random.default_rng(0))


# --- together --------------------------------------------------------------------------------------------------------


def test_after_a_fall_in_a_home_that_leaks_only_the_floor_is_left():
    both = leak.leak(fall(DID, AT).draws, AT - DAY, 6.0)
    hourly = np.diff(register(both, AT + HOUR * np.arange(40), FINE_L))
    np.testing.assert_allclose(hourly, 6.0, atol=0.0011)
    used = litres(DID.draws, AT - DAY, AT - HOUR)
    assert litres(both, AT - DAY, AT - HOUR) == pytest.approx(used + 23 * 6.0, abs=0.1)


def test_air_after_a_cut_is_all_that_a_home_shows_in_which_nobody_stirs():
    fell = fall(DID, AT - HOUR).draws
    back = AT + 4 * HOUR
    blown = air.air(cut.cut(fell, AT, back), back, 8.0, [10.0, 200.0])
    assert litres(blown, AT - HOUR, back) == 0
    assert litres(blown, back, back + 600) == pytest.approx(8, abs=0.002)
    assert litres(blown, back + 600, END) == 0


@pytest.mark.parametrize(
    ("wanted", "up", "out", "comes"),
    [
        pytest.param(1.0, (-9.0, 9.0), (5.0, 6.0), True, id="up and at home"),
        pytest.param(-1.0, (-9.0, 9.0), (5.0, 6.0), False, id="wanted nothing meanwhile"),
        pytest.param(1.0, (-9.0, 4.0), (5.0, 6.0), False, id="asleep"),
        pytest.param(1.0, (-9.0, 9.0), (2.0, 6.0), False, id="out"),
    ],
)
def test_who_wanted_water_in_a_cut_and_is_there_comes_for_it_when_it_is_noticed(wanted, up, out, comes):
    rhythm = Rhythm(AT + HOUR * np.array([up]), AT + HOUR * np.array([out]))
    one = cut.fetched(draw(AT + wanted * HOUR, 6.0, 30.0), rhythm, AT, AT + 4 * HOUR, 900.0)
    assert one.start_s.tolist() == ([AT + 4.25 * HOUR] if comes else [])
    assert one.litres.tolist() == ([cut.FETCH_L] if comes else [])


def test_a_cut_and_air_in_any_order_leave_the_air_if_it_comes_after_the_cut():
    back = AT + 4 * HOUR
    some = air.air(cut.cut(DID.draws, AT, back), back, 8.0, [10.0])
    other = cut.cut(air.air(DID.draws, back, 8.0, [10.0]), AT, back)
    assert litres(some, AT, END) == pytest.approx(litres(other, AT, END), abs=0.01)


def test_a_leak_in_steps_of_ten_litres_ticks_once_in_ten_litres():
    grid = AT + np.arange(0, DAY, 300.0)
    fine = read("home", leak.leak(NONE, AT, 12.0), grid)
    ticks = np.flatnonzero(np.diff(coarse(fine, AT - 1).litres) > 0)
    assert coarse(fine, AT - 1).litres[-1] == 280
    np.testing.assert_array_equal(np.diff(ticks), 10)  # 50 minutes: ten readings


def test_a_hose_runs_on_while_its_people_are_away():
    gone = draw_off.draw_off(trip(DID, AT, AT + 40 * HOUR).draws, AT + HOUR, 60.0, DAY)
    assert litres(gone, AT, AT + 40 * HOUR) == pytest.approx(120, abs=0.01)


def test_what_flows_back_into_a_leaking_home_is_on_top_of_the_leak():
    both = merged(leak.leak(NONE, AT, 6.0), draw(AT + HOUR, -2.0, 600.0))
    assert same(both, backflow.backflow(leak.leak(NONE, AT, 6.0), AT + HOUR, 2.0, 600.0))
    assert litres(both, AT, AT + 2 * HOUR) == pytest.approx(10, abs=0.002)
