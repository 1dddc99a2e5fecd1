"""Bad input: each kind has a stated behaviour (docs/backtest.md), none raises an exception, none passes silently for zero."""

import numpy as np
import pytest

from tests.detectors.bad_homes import AT, DAY, HOMES, TURN, everything

pytestmark = pytest.mark.slow

FROM = AT[0] + TURN * DAY


@pytest.fixture(scope="module")
def told():
    part, found = everything()
    return part, {name: [f for who, f in found if who == name] for name in HOMES}


def kinds(found, since=FROM):
    return [(f.kind, f.severity) for f in found if f.raised_at >= since]


def row(name):
    return list(HOMES).index(name)


@pytest.mark.parametrize("name", [
    "three_days", "hole_of_weeks", "clock_back", "summer_time", "two_residents", "reverse_flow",
])  # fmt: skip
def test_what_is_odd_and_harmless_raises_nothing(told, name):
    assert kinds(told[1][name], AT[0]) == []


def test_a_hole_of_weeks_is_unknown_and_not_learnt(told):
    part, _ = told
    assert part.history_days()[row("hole_of_weeks")] < 12
    assert part.history_days()[row("three_days")] < 4


@pytest.mark.parametrize("name", ["ten_litres", "daily_uploads", "clock_forward", "runs_backwards"])
def test_what_is_coarse_late_or_wrong_wakes_nobody_at_once(told, name):
    assert [kind for kind in kinds(told[1][name], AT[0]) if kind[1] == "red"] == []


def test_a_home_that_never_draws_is_asked_about_as_a_new_home_and_once(told):
    found = told[1]["never_draws"]
    assert [(f.kind, f.severity) for f in found] == [("quiet", "amber"), ("quiet", "red")]
    assert {f.reason for f in found} == {"quiet_after_gap"}


def test_the_same_litres_each_hour_are_a_leak_and_no_life(told):
    found = told[1]["same_each_hour"]
    assert ("leak", "blue") in kinds(found, AT[0])
    assert ("quiet", "red") in kinds(found, AT[0])
    assert "meter_steps" not in {f.kind for f in found}


def test_a_leak_from_the_first_day_is_told_and_does_not_pass_for_life(told):
    part, found = told
    assert kinds(found["leaks_from_day_one"], AT[0])[0] == ("leak", "blue")
    assert part.leak_l_h()[row("leaks_from_day_one")] == pytest.approx(5, abs=0.5)
    assert part.history_days()[row("leaks_from_day_one")] > 15


def test_a_register_that_begins_to_show_tens_is_told_and_learnt_anew(told):
    part, found = told
    steps = [f for f in found["ten_litre_steps_without_notice"] if f.kind == "meter_steps"]
    assert [(f.severity, f.reason) for f in steps] == [("blue", "meter_steps")]
    assert steps[0].raised_at - FROM < 3 * DAY
    assert steps[0].evidence["shown_l"] == 10
    assert part.history_days()[row("ten_litre_steps_without_notice")] < DAY * 8
    assert ("quiet", "red") not in kinds(found["ten_litre_steps_without_notice"])


def test_a_unit_that_changes_by_a_thousand_is_a_fault_of_the_meter_and_no_surge(told):
    found = told[1]["thousand_times_as_much"]
    assert kinds(found) == [("meter_steps", "blue")]
    assert [f.reason for f in found if f.raised_at >= FROM] == ["meter_unit"]


def test_what_a_register_running_backwards_shows_is_not_known_and_no_use(told):
    part, _ = told
    turned = AT[0] + TURN * DAY + 10 * 3600
    assert part.known_until()[row("runs_backwards")] == AT[-1]
    assert part.history_days()[row("runs_backwards")] <= (turned - AT[0]) / DAY + 1


def test_nothing_is_ever_taken_for_zero_litres(told):
    part, _ = told
    assert np.isfinite(part.last_use()[[n for n, name in enumerate(HOMES) if name != "never_draws"]]).all()
    assert np.isfinite(part.heard()).all()
