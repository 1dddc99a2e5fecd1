"""Each fault: what the meter and the sensors show of it."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.doings import Doings, doings, draw
from simulators.faults.person.fall import FLUSH_L, FLUSH_S, fall
from simulators.faults.person.fall_running import fall_running
from simulators.faults.person.trip import LAST_USE_S, trip
from simulators.faults.plumbing.cut import AIR_L, BUCKET_BEFORE_S, BUCKET_L, CISTERN_L, announced, cut
from simulators.faults.plumbing.leak import leak
from simulators.faults.plumbing.tap import tap
from simulators.faults.transport.dead_gateway import dead_gateway
from simulators.faults.transport.dead_meter import dead_meter
from simulators.households import Draws
from simulators.meters import register
from simulators.reports import Report

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2025, 3, 3, tzinfo=SHANGHAI)
DID = doings(4, START, 6, SHANGHAI, trips=False)
AT = (START + timedelta(days=3, hours=9, minutes=20)).timestamp()
END = (START + timedelta(days=6)).timestamp()
HOUR = 3600.0


def litres(draws, begin, end, resolution_l=0.001):
    """What a fine register counts in [begin, end]."""
    return float(np.diff(register(draws, [begin, end], resolution_l))[0])


def test_after_a_fall_the_last_flush_is_the_last_sign():
    fell = fall(DID, AT)
    assert litres(fell.draws, AT - FLUSH_S, AT) == pytest.approx(FLUSH_L, abs=0.01)
    assert litres(fell.draws, AT, END) == 0
    assert AT - FLUSH_S <= fell.moves.max() < AT
    assert fell.doors.max(initial=0) < AT
    before = DID.until(AT - FLUSH_S)
    assert np.array_equal(fell.draws.start_s[:-1], before.draws.start_s)


def test_a_fall_under_running_water_leaves_only_that_water():
    fell = fall_running(DID, AT, 0.11, 12 * HOUR)
    assert litres(fell.draws, AT + HOUR, AT + 2 * HOUR) == pytest.approx(0.11 * 3600, abs=0.01)
    assert litres(fell.draws, AT + 13 * HOUR, END) == 0
    assert fell.moves.max() == AT


def test_a_trip_begins_at_the_door_and_ends_there():
    back = AT + 30 * HOUR
    away = trip(DID, AT, back)
    assert litres(away.draws, AT, back) == 0
    assert litres(away.draws, AT - LAST_USE_S, AT) == pytest.approx(6, abs=0.01)
    assert not ((away.moves > AT) & (away.moves < back)).any()
    assert {AT, back} <= set(away.doors.tolist())
    assert litres(away.draws, back, END) == pytest.approx(litres(DID.draws, back, END), abs=0.1)
    gone = trip(DID, AT)
    assert gone.doors.max() == AT
    assert gone.moves.max() < AT


def test_a_leak_runs_day_and_night_on_top_of_what_is_used():
    leaking = leak(DID.draws, AT, 12.0, AT + 24 * HOUR)
    more = litres(leaking, AT, AT + 24 * HOUR) - litres(DID.draws, AT, AT + 24 * HOUR)
    assert more == pytest.approx(24 * 12, abs=0.1)
    assert litres(leaking, AT + 24 * HOUR, END) == pytest.approx(litres(DID.draws, AT + 24 * HOUR, END), abs=0.1)
    quarters = register(leak(DID.draws, AT, 12.0), np.arange(AT, AT + 24 * HOUR, 900.0))
    assert (np.diff(quarters) > 0).all(), "no quarter of an hour without a tick"
    with pytest.raises(ValueError, match="above 0 L/h"):
        leak(DID.draws, AT, 0.0)


def test_a_tap_left_open_runs_on():
    opened = tap(DID.draws, AT, 0.1, HOUR)
    grid = np.array([AT, AT + 1800, AT + 3600, AT + 7200])
    more = register(opened, grid, 0.001) - register(DID.draws, grid, 0.001)
    np.testing.assert_allclose(more, [0, 180, 360, 360], atol=0.01)
    assert (np.diff(opened.start_s) >= 0).all()
    with pytest.raises(ValueError, match="above 0"):
        tap(DID.draws, AT, 0.1, 0.0)


def test_in_a_cut_nothing_comes_and_afterwards_the_cisterns_fill():
    back = AT + 5 * HOUR
    dry = cut(DID.draws, AT, back)
    assert litres(DID.draws, AT, back) > 10
    assert litres(dry, AT, back) == 0
    assert litres(dry, back, back + 60) >= CISTERN_L + AIR_L - 0.01
    assert litres(dry, AT - 24 * HOUR, AT) == pytest.approx(litres(DID.draws, AT - 24 * HOUR, AT), abs=0.01)


def test_who_wanted_no_water_during_the_cut_shows_none_when_it_is_back():
    fell = fall(DID, AT - HOUR)
    assert litres(cut(fell.draws, AT, AT + 2 * HOUR), AT - HOUR, END) == 0


def test_what_runs_on_stops_with_the_cut_and_starts_again():
    leaking = leak(Draws(*(np.empty(0) for _ in range(3))), AT - HOUR, 36.0, AT + 3 * HOUR)
    dry = cut(leaking, AT, AT + HOUR)
    assert litres(dry, AT - HOUR, AT) == pytest.approx(36, abs=0.01)
    assert litres(dry, AT, AT + HOUR) == 0
    assert litres(dry, AT + HOUR, AT + 3 * HOUR) == pytest.approx(72, abs=0.01)


@given(st.floats(0, 1e5))
def test_who_was_told_of_a_cut_fills_a_bucket_before_it(after_s):
    told = announced(Draws(*(np.empty(0) for _ in range(3))), AT, after_s)
    assert litres(told, AT - BUCKET_BEFORE_S, AT) == pytest.approx(BUCKET_L, abs=0.01)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 5 * 86_400), st.floats(1, 86_400))
def test_a_cut_never_adds_water_but_what_fills_the_cistern(after_s, length_s):
    begin = START.timestamp() + after_s
    dry = cut(DID.draws, begin, begin + length_s)
    total = litres(dry, START.timestamp() - 1, END + 2 * 86_400)
    whole = litres(DID.draws, START.timestamp() - 1, END + 2 * 86_400)
    assert total <= whole + CISTERN_L + AIR_L + 0.01
    assert (np.diff(dry.start_s) >= 0).all()
    assert (dry.duration_s > 0).all()


def test_faults_of_different_layers_combine():
    both = leak(fall(DID, AT).draws, AT - HOUR, 12.0)
    assert litres(both, AT, AT + 2 * HOUR) == pytest.approx(24, abs=0.01)


REPORTS = [Report(float(at), f"meter-{n}", f"gateway-{n % 2}", 1.0) for at in range(5) for n in range(4)]


def test_a_dead_meter_is_silent_and_nobody_else():
    left = dead_meter(REPORTS, "meter-1", 2.0)
    assert [one.at for one in left if one.device == "meter-1"] == [0, 1, 2]
    assert [one for one in left if one.device != "meter-1"] == [one for one in REPORTS if one.device != "meter-1"]


def test_a_dead_gateway_takes_its_devices_along_and_no_others():
    left = dead_gateway(REPORTS, "gateway-0", 2.0)
    assert {one.device for one in left if one.at > 2} == {"meter-1", "meter-3"}
    assert len([one for one in left if one.at <= 2]) == 12


def test_doings_keep_what_lies_outside_and_merge_in_order():
    cleared = DID.without(AT, AT + HOUR)
    for times in (cleared.draws.start_s, cleared.moves, cleared.doors):
        assert not ((times >= AT) & (times < AT + HOUR)).any()
    more = cleared.also(draw(AT, 2.0, 10.0), np.array([AT]), np.array([AT]))
    for times in (more.draws.start_s, more.moves, more.doors):
        assert (np.diff(times) >= 0).all()
        assert AT in times
    assert isinstance(more, Doings)
