"""Batteries that run down, and batteries that only seem to."""

import numpy as np
import pytest

from detectors.battery import NOTHING, WARN_S, Told, verdict
from detectors.bins import DAY_S, HOUR_S

T0 = 1_790_000_000.0 // DAY_S * DAY_S


def said(*daily, every_h=6.0, noise=0.0, seed=1):
    """Return a battery that says these values, one a day, every some hours."""
    rng, each = np.random.default_rng(seed), int(24 / every_h)
    at = T0 + np.arange(len(daily) * each) * every_h * HOUR_S + 1800
    return Told(at, np.repeat(np.array(daily, float), each) + rng.normal(0, noise, len(at)))


def states(percent=NOTHING, volts=NOTHING, words=NOTHING, told=False):
    found = verdict(percent, volts, words, told=told)
    return None if found is None else found.state


def test_nobody_knows_of_a_battery_of_which_nothing_is_said():
    assert verdict(NOTHING, NOTHING, NOTHING) is None
    assert states(said(12)) is None, "one day is no proof"
    assert states(said(*[0] * 30)) is None, "a device on mains"


@pytest.mark.parametrize(("daily", "state"), [([25, 19, 18], "low"), ([25, 22, 19], "well"), ([80] * 30, "well")])
def test_a_charge_is_low_on_the_second_day(daily, state):
    assert states(said(*daily)) == state


def test_a_single_wrong_word_is_none():
    daily = said(*[80] * 20)
    daily.value[-3] = 0.0
    assert states(daily) == "well"
    assert states(said(*[80] * 10, 0, *[80] * 10)) == "well", "a day of zeros, and it is as before"


def test_a_fall_is_told_a_month_before_the_battery_is_empty():
    falls = np.linspace(95, 12, 84)  # one point a day
    first = next(n for n in range(84) if states(said(*falls[:n])) == "falling")
    assert 25 <= falls[first - 1] - 10 <= 31, "days that are left"
    found = verdict(said(*falls[:first]), NOTHING, NOTHING)
    assert found.empty_s == pytest.approx(WARN_S, abs=6 * DAY_S)
    assert found.percent == pytest.approx(falls[first - 1])


@pytest.mark.parametrize("seed", range(20))
def test_noise_of_a_full_battery_and_a_cold_week_are_no_fall(seed):
    assert states(said(*[88] * 30, noise=4.0, seed=seed)) == "well"
    assert states(said(*[90] * 20, *[78] * 7, *[90] * 5, noise=2.0, seed=seed)) == "well"
    assert states(said(*np.linspace(100, 93, 60), noise=1.0, seed=seed)) == "well", "years to go"


def test_a_battery_that_was_changed_is_well_again_at_once():
    assert states(said(30, 19, 15, 12), told=True) == "low"
    assert states(said(30, 19, 15, 12, 100), told=True) == "well"
    assert states(said(30, 19, 15, 12, 100, 99), told=True) == "well"


def test_what_was_told_is_not_taken_back_for_a_point_more_or_less():
    wavers = said(40, 19, 18, 21, 22)
    assert states(wavers) == "well"
    assert states(wavers, told=True) == "low"


@pytest.mark.parametrize("full", [3.6, 3.0, 3.2])
def test_volts_are_held_against_the_devices_own_best(full):
    flat = np.full(40, full)
    assert states(volts=said(*flat, noise=0.01)) == "well"
    assert states(volts=said(*flat, *np.linspace(full, 0.87 * full, 12), 0.86 * full, 0.86 * full)) == "low"
    assert states(volts=said(*[0.8 * full] * 40)) == "well", "nobody knows what such a cell is full at"
    assert states(volts=said(full, 0.8 * full)) is None


def test_a_supply_is_no_battery():
    assert states(volts=said(*[5.0] * 20, *[4.0] * 5)) is None


def test_the_devices_own_word_counts_after_two_days():
    assert states(words=said(*[0] * 10)) is None, "most have no such word"
    assert states(words=said(0, 0, 0, 1)) is None
    assert states(words=said(0, 0, 0, 1, 1)) == "low"
    assert states(words=said(0, 1, 1, 0, 0)) == "well"


def test_the_worst_of_what_is_said_counts():
    assert states(said(*[80] * 10), words=said(*[0] * 8, 1, 1)) == "low"
    found = verdict(said(*[80] * 10), NOTHING, said(*[0] * 8, 1, 1))
    assert found.percent == 80
