"""Leaks, and what running water leaves of a quiet."""

import numpy as np
import pytest

from detectors.partition import Settings
from tests.detectors.plain_home import DAY, HOUR, lived


@pytest.mark.parametrize(("period_s", "step_l"), [(900.0, 1.0), (3600.0, 1.0), (900.0, 10.0), (900.0, 0.1)])
def test_a_leak_is_told_a_day_after_it_began(period_s, step_l):
    home = lived(10, period_s, step_l)
    at = home.flow(12, 5.25)
    home.live(5.25 + 22.5)
    assert home.told("leak") == []
    home.live(3 if step_l < 10 else 7)
    blue = home.first("leak")
    assert (blue.severity, blue.reason) == ("blue", "leak")
    late_s = blue.raised_at - at - DAY
    assert -period_s <= late_s <= (2 * period_s if step_l < 10 else 6 * HOUR)
    assert abs(blue.onset - at) <= (2 * period_s if step_l < 10 else 6 * HOUR)
    assert blue.evidence["leak_l_h"] == pytest.approx(12, rel=0.2)
    assert blue.evidence["per_day_l"] == pytest.approx(288, rel=0.2)
    assert blue.evidence["leak_since_at"] == blue.onset
    assert home.part.leak_l_h()[0] == pytest.approx(12, rel=0.2)


@pytest.mark.parametrize("period_s", [900.0, 3600.0])
def test_a_leak_is_no_surge(period_s):
    home = lived(20, period_s)
    home.flow(12)
    home.live(60)
    assert home.told("surge") == []
    assert home.told("leak") == [("blue", "leak")]


def test_when_a_leak_will_be_told_is_known_before():
    home = lived(10)
    at = home.flow(12, 5.25)
    home.live(5.25 + 20)
    assert home.part.leak_due()[0] == pytest.approx(at + DAY, abs=900)
    assert np.isnan(lived(2).part.leak_due()[0])


@pytest.mark.parametrize(("l_h", "told"), [(0.5, []), (1.5, ["blue"]), (25, ["amber"])])
def test_how_much_a_leak_must_be(l_h, told):
    home = lived(5)
    home.flow(l_h)
    home.live(40)
    assert [severity for severity, _ in home.told("leak")] == told


def test_a_leak_that_grows_is_told_once_more():
    home = lived(5)
    home.flow(3)
    home.live(40)
    home.flow(30)
    home.live(40)
    assert [severity for severity, _ in home.told("leak")] == ["blue", "amber"]


def test_a_leak_that_was_repaired_is_over_and_leaves_no_floor():
    home = lived(5)
    home.flow(12, 0, 40)
    home.live(41)
    assert home.part.leak_l_h()[0] < 6
    home.live(31)
    assert [(f.kind, f.severity) for f in home.cleared] == [("leak", "blue")]
    assert home.part.leak_l_h()[0] == 0
    home.live(48)
    assert len(home.told("leak")) == 1


def test_time_that_is_not_known_neither_ends_a_leak_nor_brings_its_day_nearer():
    home = lived(5)
    at = home.flow(12)
    home.live(10)
    home.live(6, unknown=True)
    home.live(13.5)
    assert home.told("leak") == []
    home.live(2)
    assert [severity for severity, _ in home.told("leak")] == ["blue"]
    assert home.first("leak").raised_at == pytest.approx(at + 30 * HOUR, abs=HOUR)
    home.live(30, unknown=True)
    assert home.cleared == []


def test_a_leak_reported_once_a_day_is_told_with_the_upload_that_proves_it():
    home = lived(5, period_s=3600.0)
    home.flow(12, 4)
    assert home.live(24, together=True).raised == []
    found = home.live(24, together=True).raised
    assert [(f.kind, f.severity, f.raised_at) for f in found] == [("leak", "blue", home.at)]


def quiet(home):
    return [f for f in home.raised if f.kind == "quiet"]


@pytest.mark.parametrize("period_s", [900.0, 3600.0])
def test_a_fall_is_found_in_a_home_that_leaks(period_s):
    home = lived(20, period_s=period_s, settings=Settings())
    home.flow(12)
    home.live(72)
    assert quiet(home) == []
    last = home.at
    home.live(24, quiet=True)
    red = next(f for f in quiet(home) if f.severity == "red")
    assert last - 3 * HOUR <= red.onset <= last
    sound = lived(23, period_s=period_s, settings=Settings())
    sound.live(24, quiet=True)
    assert abs(next(f for f in quiet(sound) if f.severity == "red").raised_at - red.raised_at) <= 2 * HOUR


def test_a_toilet_that_runs_on_after_the_fall_hides_it_for_two_hours_at_most():
    home = lived(20, settings=Settings())
    home.live(9)
    at = home.flow(10)
    home.live(30, quiet=True)
    red = next(f for f in quiet(home) if f.severity == "red")
    assert red.onset <= at + 2.5 * HOUR
    assert not any(f.kind == "quiet" for f in home.cleared)


def test_while_water_runs_without_a_stop_nobody_is_told_that_there_is_none():
    home = lived(20, settings=Settings())
    home.live(9)
    at = home.flow(100, 0, 20)
    home.live(19, quiet=True)
    assert quiet(home) == []
    assert np.isnan(home.part.deadline("red")[0])
    assert ("red", "water_running") in [*home.told("surge")] or "red" in dict(home.told("surge"))
    assert home.part.last_use()[0] <= at + 2.25 * HOUR
    home.live(1.5, quiet=True)
    assert home.part.last_use()[0] == at + 20 * HOUR
    home.live(22, quiet=True)
    assert quiet(home)[0].onset == at + 20 * HOUR


def test_readings_of_seconds_do_not_break_a_run_or_a_leak():
    home = lived(10)
    at = home.flow(12)
    home.live(23)
    home.flow(60, 0.5)
    home.live(2, period_s=15.0)
    blue = home.first("leak")
    assert abs(blue.raised_at - at - DAY) <= 900
    home.live(1.25, period_s=15.0)
    assert home.told("surge") != []
    assert home.cleared == []
    home.flows.clear()
    home.live(0.5, period_s=15.0, quiet=True)
    assert {f.kind for f in home.cleared} == {"surge"}


def test_a_use_is_still_a_use_in_a_leaking_home_that_is_read_every_few_seconds():
    home = lived(10)
    home.flow(12)
    home.live(48)
    home.live(1, period_s=15.0, quiet=True)
    before = home.part.last_use()[0]
    assert before <= home.at - HOUR
    home.flow(300, 0, 0.02)
    home.live(0.25, period_s=15.0, quiet=True)
    assert home.part.last_use()[0] > before


@pytest.mark.parametrize("period_s", [900.0, 3600.0])
def test_a_strong_leak_is_told_after_eighteen_hours_and_not_once_more(period_s):
    home = lived(10, period_s)
    at = home.flow(20, 9.25)
    home.live(60)
    assert home.told("leak") == [("amber", "leak")]
    assert 17.5 * HOUR <= home.first("leak").raised_at - at <= 20 * HOUR
    assert home.first("leak").onset == pytest.approx(at, abs=2 * period_s)


def test_a_busy_day_is_no_strong_leak():
    home = lived(10, 3600.0, day=dict.fromkeys(range(6, 23), 25))
    home.live(48)
    assert home.told("leak") == []


def test_a_fall_is_found_beside_a_leak_as_strong_as_a_tap_a_little_open():
    home = lived(20, settings=Settings())
    home.flow(60)
    home.live(72)
    last = home.at
    home.live(24, quiet=True)
    red = next(f for f in quiet(home) if f.severity == "red" and f.raised_at > last)
    assert last - 4 * HOUR <= red.onset <= last
    assert red.raised_at - last <= 16 * HOUR
    assert home.told("leak") == [("amber", "leak")]


def test_water_that_runs_faster_than_any_leak_stays_a_surge_for_days():
    home = lived(20, settings=Settings())
    home.flow(300)
    home.live(60, quiet=True)
    assert home.told("surge")[-1][0] == "red"
    assert [f for f in home.cleared if f.kind == "surge"] == []
