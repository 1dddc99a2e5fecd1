"""Surges: more than a home ever draws, and water that does not stop."""

import numpy as np
import pytest

from tests.detectors.plain_home import DAY, HOUR, lived


def test_plain_days_raise_nothing():
    home = lived(30)
    assert home.raised == []
    assert np.isnan(home.part.running_since()[0])
    assert home.part.leak_l_h()[0] == 0


def test_a_washing_machine_and_a_shower_on_one_morning_are_no_surge():
    home = lived(30)
    for begin_h, litres in ((8.0, 14), (8.35, 14), (8.6, 14), (8.7, 35), (9.0, 6)):
        home.flow(litres * 12, begin_h, 1 / 12)  # each within five minutes
    home.live(24)
    assert home.told("surge") == []


def test_a_fall_with_the_water_running_is_a_red_surge_within_two_reports():
    home = lived(20)
    home.live(9)
    at = home.flow(0.11 * 3600)
    home.live(2, quiet=True)
    red = home.first("surge", "red")
    assert red.raised_at - at <= 2 * 900
    assert red.onset == at
    assert red.evidence["running_since_at"] == at
    assert red.evidence["flow_l_h"] == pytest.approx(396, abs=4)
    assert (red.evidence["heard_at"], red.evidence["known_until_at"]) == (red.raised_at, red.raised_at)


def test_in_a_home_that_is_not_known_yet_only_limits_are_told():
    home = lived(3)
    at = home.flow(0.11 * 3600, 9)
    home.live(11)
    assert home.told("surge") == [("red", "surge_limit")]
    red = home.first("surge")
    assert red.raised_at - at == 3 * 900  # 297 litres
    assert (red.evidence["window_s"], red.evidence["limit_l"], red.evidence["usual_l"]) == (HOUR, 250, None)
    assert red.evidence["volume_l"] > 290


@pytest.mark.parametrize(("l_h", "hours", "window_s", "limit_l"), [
    pytest.param(1600, 0.25, 900, 360, id="a burst"),
    pytest.param(270, 1, HOUR, 250, id="an hour"),
    pytest.param(150, 3, 3 * HOUR, 400, id="three hours"),
])  # fmt: skip
def test_limits_hold_from_the_first_day(l_h, hours, window_s, limit_l):
    home = lived(1, day={})
    home.flow(l_h)
    home.live(hours)
    assert home.told("surge")[-1] == ("red", "surge_limit")
    evidence = home.first("surge", "red").evidence
    assert (evidence["window_s"], evidence["limit_l"]) == (window_s, limit_l)


def test_a_thousand_litres_in_a_day_are_told_to_a_meter_that_tells_once_a_day():
    home = lived(3, period_s=DAY)
    home.flow(50)
    home.live(24)
    assert home.told("surge") == [("red", "surge_limit")]
    home.live(24)
    assert home.cleared == []
    home.flows.clear()
    home.live(24)
    assert [f.severity for f in home.cleared] == ["red"]


def test_a_tap_left_open_is_asked_about_when_it_has_run_for_two_and_a_half_hours():
    home = lived(5)
    at = home.flow(0.03 * 3600, 13)
    home.live(13 + 2.25)
    assert home.told("surge") == []
    home.live(0.5)
    assert home.told("surge") == [("amber", "water_running")]
    amber = home.first("surge")
    assert amber.onset == at
    assert amber.raised_at == at + 2.5 * HOUR
    assert amber.evidence["volume_l"] == pytest.approx(270, abs=6)
    assert amber.evidence["running_s"] == 2.5 * HOUR
    assert home.part.running_since()[0] == at


def test_much_more_than_usual_is_told_before_any_limit_is_reached():
    home = lived(30)
    at = home.flow(0.03 * 3600, 13)
    home.live(16)
    first = home.first("surge")
    assert first.reason == "surge_usual"
    assert first.raised_at - at < 2 * HOUR
    assert first.evidence["score"] >= 2.2
    assert first.evidence["volume_l"] > 2 * first.evidence["usual_l"]


def test_water_that_runs_for_six_hours_is_red_and_over_when_it_stops():
    home = lived(2, day={})
    at = home.flow(25, 1, 8)
    home.live(12)
    assert home.told("surge") == [("amber", "water_running"), ("red", "water_running")]
    assert home.first("surge", "red").raised_at == at + 6 * HOUR
    assert {(f.severity, f.cleared_at) for f in home.cleared} == {
        ("amber", at + 8.25 * HOUR), ("red", at + 8.25 * HOUR)
    }  # fmt: skip


def test_one_run_is_told_once_and_the_next_does_not_count_its_litres():
    home = lived(3, day={})
    home.flow(300, 0, 3)
    home.flow(60, 4, 0.5)
    home.live(8)
    assert home.told("surge") == [("red", "surge_limit")]
    home.flow(300, 0, 1)
    home.live(2)
    assert home.told("surge") == [("red", "surge_limit")] * 2


def test_a_home_with_long_evenings_is_asked_later():
    busy = dict.fromkeys(range(16, 21), 30)
    home = lived(30, period_s=3600.0, day=busy)
    assert home.told("surge") == []
    home.flow(60)
    home.live(9)
    assert home.told("surge") != []


def test_time_that_is_not_known_neither_ends_nor_lengthens_a_run():
    home = lived(3, day={})
    at = home.flow(60)
    home.live(2)
    home.live(0.75, unknown=True)
    assert home.told("surge") == []
    assert home.part.running_since()[0] == at
    home.live(0.5)
    assert home.told("surge") == [("amber", "water_running")]
    home.live(0.75, unknown=True)
    assert home.cleared == []
    home.live(5, unknown=True)
    assert home.cleared == []


def test_what_ran_and_stopped_within_one_upload_wakes_nobody():
    home = lived(3, day={})
    home.flow(300, 2, 2)
    assert home.live(6, together=True).raised == []
    home.flow(300, 2)
    found = home.live(6, together=True).raised
    assert [(f.kind, f.severity) for f in found] == [("surge", "red")]
    assert found[0].raised_at == home.at
