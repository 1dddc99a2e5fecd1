"""Faults of the meter: what its register shows is not what flowed."""

from datetime import datetime, timedelta
from importlib import import_module
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from ingest.register import doubts
from simulators.doings import doings
from simulators.faults.meter.bounce import bounce
from simulators.faults.meter.coarse import coarse
from simulators.faults.meter.pulses import pulses, step_l
from simulators.faults.meter.replaced import replaced
from simulators.faults.meter.rollover import COUNTS, LITRES, rollover
from simulators.faults.meter.stuck import lossy, stuck
from simulators.faults.meter.unit import unit, weight
from simulators.faults.person.fall import fall
from simulators.faults.plumbing.backflow import backflow
from simulators.households import Draws
from simulators.meters import Register, read

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2025, 3, 3, tzinfo=SHANGHAI)
DID = doings(4, START, 6, SHANGHAI, trips=False)
AT = (START + timedelta(days=3, hours=9, minutes=20)).timestamp()
GRID = START.timestamp() + np.arange(0, 6 * 86_400, 900.0)
HOME = read("home", DID.draws, GRID, start_l=54_321.4)
LAST = int(np.flatnonzero(GRID <= AT)[-1])
"""The last reading before the fault."""
FILES = ("stuck", "bounce", "replaced", "rollover", "unit", "coarse")
FAULTS = {one.code: one for one in (import_module(f"simulators.faults.meter.{file}").FAULT for file in FILES)}


def row(litres):
    """A register that was read once a minute from minute 0 on; faults of these tests strike at minute 2."""
    return Register("home", 60.0 * np.arange(len(litres)), np.array(litres, float))


def struck(code, seed, home=HOME, at=AT):
    return FAULTS[code].strike(home, at, np.random.default_rng([int(code[1:]), seed]))


def busy(pulses_per_reading=4, readings=2500):
    """A register with ten thousand pulses."""
    return row(1.0 + np.arange(readings) * float(pulses_per_reading))


# --- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", FAULTS)
def test_nothing_changes_before_the_fault_and_times_and_names_never_do(code):
    for seed in range(10):
        wrong = struck(code, seed)
        assert wrong.household == HOME.household
        np.testing.assert_array_equal(wrong.at_s, HOME.at_s)
        np.testing.assert_array_equal(np.diff(wrong.litres[: LAST + 1]), np.diff(HOME.litres[: LAST + 1]))
        if code != "M4":  # a full register was never new: it stood elsewhere all the time
            np.testing.assert_array_equal(wrong.litres[: LAST + 1], HOME.litres[: LAST + 1])
        assert not np.array_equal(wrong.litres[LAST:], HOME.litres[LAST:])


@pytest.mark.parametrize("code", FAULTS)
@pytest.mark.parametrize("home", [row([]), row([7.0]), row([7.0] * 5)])
def test_a_register_that_says_little_can_fail_as_well(code, home):
    for at in (-1.0, 120.0, 1e9):
        assert len(struck(code, 0, home, at).litres) == len(home.litres)


@pytest.mark.parametrize(
    ("litres", "step"),
    [
        pytest.param([0, 10, 10, 40], 10, id="tens of litres"),
        pytest.param([1003, 1013, 1033], 1, id="litres, ten at a time"),
        pytest.param([0, 0.5, 2.0], 0.5, id="two pulses a litre"),
        pytest.param([0.001, 0.003, 0.006], 0.001, id="millilitres"),
        pytest.param([54_321.0, 54_324.0, 54_323.0], 1, id="flowed back by one"),
        pytest.param([5, 5, 5], 1, id="never moved"),
        pytest.param([], 1, id="never read"),
    ],
)
def test_the_step_of_a_register_is_seen_from_its_changes(litres, step):
    assert step_l(row(litres)) == step


def test_pulses_are_the_steps_between_readings():
    assert pulses(row([20, 20, 50, 40]), 10.0).tolist() == [0, 0, 3, -1]


def test_a_pulse_may_be_worth_less_than_the_register_seems_to_show():
    home = row(np.arange(1000) * 10.0)
    assert step_l(home) == 10
    worn = lossy(home, 0.0, 0.5, np.random.default_rng(0), pulse_l=1.0)
    more = bounce(home, 0.0, 0.5, np.random.default_rng(0), pulse_l=1.0)
    assert step_l(worn) == step_l(more) == 1


# --- lost and doubled pulses -----------------------------------------------------------------------------------------


def test_a_stuck_wheel_stands_still_where_it_stood():
    assert stuck(row([5, 6, 8, 9, 12]), 120.0).litres.tolist() == [5, 6, 8, 8, 8]
    assert stuck(row([5, 6, 8, 9, 12]), 119.0).litres.tolist() == [5, 6, 6, 6, 6]
    assert stuck(row([5, 6, 8]), -1.0).litres.tolist() == [5, 5, 5]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_worn_reed_loses_its_share_of_pulses_and_no_more(share):
    home = busy()
    worn = lossy(home, 0.0, share, np.random.default_rng(3))
    left = np.diff(worn.litres)
    assert ((left >= 0) & (left <= 4)).all()
    lost = 1 - (worn.litres[-1] - 1) / (home.litres[-1] - 1)
    assert lost == pytest.approx(share, abs=4 * (share * (1 - share) / 9996) ** 0.5)
    assert {1, 2, 3} <= set(left.tolist()), "one pulse at a time, not all of a reading"


def test_all_pulses_lost_are_a_stuck_wheel_and_none_are_a_sound_one():
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(lossy(HOME, AT, 1.0, rng).litres, stuck(HOME, AT).litres)
    np.testing.assert_array_equal(lossy(HOME, AT, 0.0, rng).litres, HOME.litres)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-1, 9), min_size=2, max_size=40),
    st.sampled_from([0.001, 0.5, 1.0, 10.0]),
    st.floats(0, 1),
    st.integers(0, 99),
)
def test_lost_and_doubled_pulses_come_in_whole_steps_and_only_where_water_ran(counts, step, share, seed):
    home = row(100.0 + step * np.cumsum(counts))
    for wrong, most in (
        (lossy(home, 0.0, share, np.random.default_rng(seed)), 1),
        (bounce(home, 0.0, share, np.random.default_rng(seed)), 2),
    ):
        had, has = np.diff(home.litres), np.diff(wrong.litres)
        np.testing.assert_allclose(has / step, np.rint(has / step), atol=1e-6)
        np.testing.assert_allclose(has[had <= 0], had[had <= 0], atol=1e-6)
        ran = had > 0
        assert (has[ran] <= most * had[ran] + 1e-6).all()
        assert (has[ran] >= (0 if most == 1 else had[ran] - 1e-6)).all()


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_a_bouncing_contact_counts_its_share_twice(share):
    home = busy()
    more = (bounce(home, 0.0, share, np.random.default_rng(3)).litres[-1] - 1) / (home.litres[-1] - 1) - 1
    assert more == pytest.approx(share, abs=4 * (share * (1 - share) / 9996) ** 0.5)


@pytest.mark.parametrize("fault", [lossy, bounce])
@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_of_pulses_that_cannot_be_is_refused(fault, share):
    with pytest.raises(ValueError, match="want a share of pulses"):
        fault(HOME, AT, share, np.random.default_rng(0))


def test_reeds_break_at_once_or_within_two_days_of_losing_pulses():
    home, at = busy(60, 5000), 60_000.0  # 60 litres a minute for three days and a half
    at_once, lost = 0, []
    for seed in range(200):
        litres = struck("M1", seed, home, at).litres
        broke_s = home.at_s[int(np.flatnonzero(np.diff(litres) > 0)[-1]) + 1]
        at_once += broke_s == at
        if broke_s > at:
            assert 6 * 3600 - 60 <= broke_s - at <= 48 * 3600
            lost.append(1 - (litres[-1] - 60_001.0) / (broke_s - at))
    assert 0.37 < at_once / 200 < 0.63  # 3.7 standard deviations
    assert 0.08 < min(lost) < 0.25
    assert 0.75 < max(lost) < 0.92


def test_contacts_bounce_by_5_to_50_percent():
    home = busy()
    more = [struck("M2", seed, home, 0.0).litres[-1] / home.litres[-1] - 1 for seed in range(200)]
    assert 0.03 < min(more) < 0.1
    assert 0.45 < max(more) < 0.53
    assert np.mean(more) == pytest.approx(0.275, abs=0.035)


# --- jumps -----------------------------------------------------------------------------------------------------------


def test_a_new_meter_begins_where_it_stands_and_counts_what_is_drawn():
    assert replaced(row([90_000, 90_001, 90_003, 90_004, 90_010]), 120.0, 12.0).litres.tolist() == [
        90_000,
        90_001,
        90_003,
        13,
        19,
    ]
    with pytest.raises(ValueError, match="want a new meter"):
        replaced(HOME, AT, -1.0)


def test_new_meters_have_counted_up_to_two_cubic_metres_in_steps_of_their_own():
    home = row([90_000, 90_010, 90_020, 90_020, 90_050])
    stood = np.array([struck("M3", seed, home, 120.0).litres[3] for seed in range(300)])
    assert ((stood >= 0) & (stood <= 2000) & (stood % 10 == 0)).all()
    assert stood.min() < 100
    assert stood.max() > 1900


@pytest.mark.parametrize("modulus_l", [*COUNTS, *LITRES])
def test_a_full_register_begins_again_with_the_first_litre(modulus_l):
    full = rollover(row([500, 501, 503, 503, 504, 510]), 120.0, modulus_l)
    assert full.litres.tolist() == [modulus_l - 4, modulus_l - 3, modulus_l - 1, modulus_l - 1, 0, 6]


def test_a_counter_of_pulses_wraps_at_its_counts_whatever_a_pulse_is_worth():
    fine = read("home", DID.draws, GRID, 0.1)
    sizes = {round(struck("M4", seed, fine).litres.max() / 0.1) for seed in range(60)}
    assert sizes == {round(one) - 1 for one in COUNTS} | {round(one / 0.1) - 1 for one in LITRES}
    coarse_home = read("home", DID.draws, GRID, 10.0, 40.0)
    assert {struck("M4", seed, coarse_home).litres.max() for seed in range(60)} == {10 * one - 10 for one in COUNTS} | {
        one - 10 for one in LITRES
    }


def test_a_register_that_wraps_loses_no_water():
    for seed in range(20):
        full = struck("M4", seed)
        modulus = full.litres.max() + 1
        np.testing.assert_allclose(np.mod(np.diff(full.litres), modulus), np.diff(HOME.litres), atol=1e-3)


def test_the_service_knows_a_wrap_from_a_new_meter():
    def flags(wrong, modulus_l=None):
        """What the reader says of the first fall of a register."""
        n = int(np.flatnonzero(np.diff(wrong.litres) < 0)[0])
        rows = [
            StoredReading("meter", WATER_VOLUME_TOTAL, round(wrong.at_s[k] * 1000), round(wrong.litres[k] * 1000), 0)
            for k in (n, n + 1)
        ]
        return doubts(rows[1], rows[0], modulus_l, 1.0)

    assert flags(rollover(HOME, AT, 2.0**16), 2.0**16) == ("counter_rollover_possible",)
    assert flags(rollover(HOME, AT, 1e7)) == ("counter_rollover_possible",)
    assert flags(replaced(HOME, AT, 100.0)) == ("counter_reset_possible",)
    back = backflow(Draws(*(np.empty(0) for _ in range(3))), AT, 30.0, 600.0)
    assert flags(read("home", back, GRID, start_l=54_321.0)) == ("out_of_order_possible", "backflow_possible")
    with pytest.raises(ValueError, match="want a modulus"):
        rollover(HOME, AT, 1.0)


# --- another scale ---------------------------------------------------------------------------------------------------


def test_another_unit_multiplies_all_and_another_weight_only_what_comes():
    home = row([100, 110, 120, 130, 150])
    assert unit(home, 120.0, 1000.0).litres.tolist() == [100, 110, 120, 130_000, 150_000]
    assert unit(home, 120.0, 0.1).litres.tolist() == [100, 110, 120, 13, 15]
    assert weight(home, 120.0, 10.0).litres.tolist() == [100, 110, 120, 220, 420]
    assert weight(home, 120.0, 0.1).litres.tolist() == [100, 110, 120, 121, 123]
    for fault in (unit, weight):
        with pytest.raises(ValueError, match="want a factor above 0"):
            fault(home, 120.0, 0.0)


def test_units_change_by_the_factors_of_units_and_only_pulse_weights_add_up():
    home = row([100, 110, 120, 130, 150])
    seen = {tuple(struck("M5", seed, home, 120.0).litres[3:].tolist()) for seed in range(80)}
    assert seen == {(130_000, 150_000), (1300, 1500), (13, 15), (220, 420), (121, 123)}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=4, max_size=40), st.sampled_from([10.0, 100.0]))
def test_a_coarser_register_shows_whole_steps_and_all_of_the_water_in_the_end(counts, step):
    home = row(1000.0 + np.cumsum(counts))
    rough = coarse(home, 120.0, step)
    then = rough.litres[3:]
    assert (then % step == 0).all()
    assert ((then <= home.litres[3:]) & (then > home.litres[3:] - step)).all()
    assert rough.litres[:3].tolist() == home.litres[:3].tolist()


@pytest.mark.parametrize(("step", "wanted"), [(0.1, 10), (1, 10), (10, 100)])
def test_every_register_becomes_coarser(step, wanted):
    home = read("home", DID.draws, GRID, step, 54_321.4)
    then = struck("M19", 0, home).litres[LAST + 1 :]
    assert np.gcd.reduce(np.rint(then).astype(int)) == wanted
    assert not np.array_equal(then, home.litres[LAST + 1 :])


def test_a_step_of_nothing_is_refused():
    with pytest.raises(ValueError, match="want a step above 0"):
        coarse(HOME, AT, 0.0)


# --- together --------------------------------------------------------------------------------------------------------


def test_a_fall_behind_a_stuck_meter_shows_not_even_the_last_flush():
    fell = read("home", fall(DID, AT).draws, GRID, start_l=54_321.4)
    both = stuck(fell, AT)
    assert fell.litres[LAST + 1] - fell.litres[LAST] >= 6, "the flush lies between two readings"
    assert np.ptp(both.litres[LAST:]) == 0
    np.testing.assert_array_equal(both.litres[: LAST + 1], fell.litres[: LAST + 1])


def test_a_stuck_wheel_does_not_turn_back():
    back = read("home", backflow(DID.draws, AT + 3600, 20.0, 600.0), GRID, start_l=54_321.4)
    assert (np.diff(back.litres) < 0).any()
    assert (np.diff(stuck(back, AT).litres) >= 0).all()


def test_faults_of_the_meter_follow_each_other():
    worn = lossy(HOME, AT, 0.5, np.random.default_rng(1))
    new = replaced(worn, AT + 86_400, 7.0)
    then = new.at_s > AT + 86_400
    np.testing.assert_array_equal(np.diff(new.litres[then]), np.diff(worn.litres[then]))
    assert new.litres[then].min() >= 7
    again = coarse(new, AT + 2 * 86_400)
    assert (again.litres[again.at_s > AT + 2 * 86_400] % 10 == 0).all()
