"""The calibration: what a replay prices agrees with plain counting, and the page says when too little is known."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from alerts import texts
from benchmarks.quiet import seniors
from detectors.partition import Settings
from shuian import calibration
from shuian.backtest_summary import summarise
from shuian.calibration import Measured
from shuian.calibration_page import Page
from shuian.calibration_points import GRID, groups, outstanding, points, unsure

HOUR = 3600.0


def measured(**changed):
    """Return three homes of two months each, by hand: 8, 2 and 2 quiets, and a copy that reaches level n after n hours."""
    hours = np.arange(1.0, 61.0)
    usual = {
        "names": ("a", "b", "c"), "kinds": ((3600.0, 1.0), (3600.0, 1.0), (900.0, 10.0)), "months": np.array([2.0, 2.0, 2.0]),
        "peak": np.array([3, 3.2, 3.4, 3.6, 3.8, 4, 4.2, 9.0, 2.5, 3.1, 2.6, 3.3]), "peak_home": np.repeat([0, 1, 2], [8, 2, 2]),
        "trip": np.arange(12) == 7, "curve": np.tile(hours, (6, 1)), "before_h": np.array([0.0, 1.0, 2.0, 0.0, 1.0, 2.0]),
        "copy_home": np.array([0, 0, 1, 1, 2, 2]), "jitter": np.zeros(6), "rule_h": np.full(6, 12.0),
        "rule_false": np.array([10.0, 20.0, 30.0]), "empty_p": np.array([0.0, 0.2, 0.0]),
    }  # fmt: skip
    return Measured(**usual | changed)


def test_a_level_gives_the_false_alarms_it_was_chosen_for():
    of = measured()
    assert of.level(1.0) == pytest.approx(3.3, abs=1e-3)
    assert of.false(of.level(1.0)) == 6
    assert of.rates(of.level(1.0)).tolist() == [3.0, 0.0, 0.0]
    assert of.level(0.01) > 9.0


def test_a_delay_ends_at_the_report_that_shows_it_and_never_before_three_hours():
    of = measured()
    assert of.delay(5.5).tolist() == [6.0, 5.0, 4.0, 6.0, 4.5, 3.5]  # the last home reports every quarter of an hour
    assert of.delay(1.0).tolist() == [3.0, 2.0, 1.0, 3.0, 2.0, 1.0]


def test_homes_that_stand_out_or_are_empty_are_named():
    of = measured()
    level = of.level(1.0)
    assert outstanding(of, level) == []  # 3 a month is three times the mean, not more
    assert outstanding(replace(of, months=np.array([1.0, 2.0, 3.0])), level) == [("a", 6.0)]
    assert outstanding(replace(of, months=np.array([0.8, 2.0, 3.0])), level) == []  # too short to be more than chance
    assert of.irregular(level) == [1]


def test_kinds_of_meters_are_told_apart():
    of = measured()
    found = groups(of, points(of))
    assert [(one.period_s, one.resolution_l, one.homes) for one in found] == [(3600.0, 1.0, 2), (900.0, 10.0, 1)]
    at = GRID.index(1.0)
    assert found[0].points[at].obtained == pytest.approx(6 / 4)
    assert found[1].points[at].obtained == 0.0


def test_how_unsure_it_is_is_said_of_five_homes_and_more():
    few = measured()
    assert unsure(few, 3.3) is None
    five = measured(
        names=tuple("abcde"), kinds=((3600.0, 1.0),) * 5, months=np.full(5, 2.0), copy_home=np.array([0, 1, 2, 3, 4, 4]),
        rule_false=np.zeros(5), empty_p=np.zeros(5),
    )  # fmt: skip
    found = unsure(five, 3.3)
    assert found.obtained[0] < five.false(3.3) / 10 < found.obtained[1]
    assert found.median_h[0] <= np.median(five.delay(3.3)) <= found.median_h[1]


@pytest.fixture(scope="module")
def street():
    return seniors(5, 28)


@pytest.fixture(scope="module")
def replayed(street):
    return calibration.measure(street, Settings())


@pytest.mark.slow
def test_four_weeks_of_five_homes_are_measured_and_said_to_be_few(street, replayed):
    assert replayed.months.sum() == pytest.approx(5 * 14 / 30.4, rel=0.15)
    assert len(replayed.copy_home) > 500
    assert (np.diff(replayed.curve, axis=1) >= -1e-6).all()
    delay = replayed.delay(2.85)
    assert 4.0 < np.median(delay) < 14.0
    assert np.median(replayed.delay(3.68)) > np.median(delay)
    page = Page(summarise(street, [], [], []), replayed, texts.load(), "en").html()
    assert "Very little data" in page
    assert "Too little data" in page


def test_the_rule_takes_twelve_hours_from_the_last_ten_litres():
    record = seniors(1, 3)[0]
    litres = np.zeros(len(record.litres))
    litres[5], litres[8] = 6.0, 5.0
    assert calibration._by_rule(replace(record, litres=litres), 9) == 8.0
    assert calibration._by_rule(replace(record, litres=litres), 30) == 0.0


@pytest.mark.slow
def test_records_that_are_too_short_are_left_out_with_a_word():
    short = seniors(2, 15)
    of = calibration.measure(short, Settings())
    assert of.months.sum() == 0.0
    for lang, said in (("zh_CN", "这些记录太短"), ("en", "These records are too short")):
        page = Page(summarise(short, [], [], []), of, texts.load(), lang).html()
        assert said in page
        assert "<script" not in page


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["zh_CN", "en"])
def test_the_page_asks_nobody_and_holds_what_its_slider_needs(street, replayed, lang):
    page = Page(summarise(street, [], [], []), replayed, texts.load(), lang).html()
    assert not re.search(r"<script[^>]*src|https?://|<link|@import|url\(", page)
    assert "report." not in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page).group(1))
    assert [point[0] for point in data["points"]] == list(GRID)
    levels = [point[1] for point in data["points"]]
    assert levels == sorted(levels, reverse=True)
    assert f"amber = {replayed.level(1.0):.2f}" in page
    assert all(math.isfinite(level) for level in levels)


@pytest.mark.slow
def test_nothing_in_a_name_can_end_the_page(street, replayed):
    months, empty = replayed.months * 3, np.array([0.5, 0, 0, 0, 0])
    evil = replace(replayed, names=("</script><b>", *replayed.names[1:]), empty_p=empty, months=months)
    page = Page(summarise(street, [], [], []), evil, texts.load(), "en").html()
    assert "</script><b>" not in page
    assert "&lt;/script&gt;&lt;b&gt;" in page


@pytest.mark.slow
def test_an_absence_that_was_declared_costs_nothing_and_one_that_was_not_is_told():
    record = seniors(1, 28)[0]
    litres = record.litres.copy()
    litres[20 * 24 : 23 * 24] = 0.0
    plain = replace(record, litres=litres, absences=())
    declared = replace(plain, absences=((float(record.start[20 * 24]), float(record.end[23 * 24 - 1])),))
    of = calibration.measure([plain, declared], Settings())
    assert of.peak_home[of.trip].tolist() == [0]
    alarms = np.bincount(of.peak_home[of.peak >= 3.68], minlength=2)
    assert alarms[0] == alarms[1] + 1
