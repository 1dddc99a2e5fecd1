"""Registers that begin to count in other steps than agreed."""

import numpy as np
import pytest

from detectors.bins import News
from detectors.meter_steps import KIND, MANY, SOME, Steps


def heard(steps, litres, resolution_l=1.0):
    """Take in volumes one after the other; return (reasons told, the litres believed)."""
    told, believed = [], []
    for n, volume in enumerate(litres):
        at = np.array([3600.0 * (n + 1)])
        news = News(np.array([0]), at - 3600, at, np.array([volume]), np.zeros(1), at)
        one = steps.hear(news, np.array([resolution_l]))
        told += [(n, f.reason, f.kind, f.severity) for f in one.raised]
        believed.append(one.news.litres[0])
    return told, believed


def test_six_volumes_of_whole_tens_are_a_coarser_register_and_told_once():
    steps = Steps.fresh(np.ones(1))
    told, believed = heard(steps, [10, 0, 20, 10, np.nan, 0, 10, 30, 10, 10, 20])
    assert told == [(8, "meter_steps", KIND, "blue")]
    assert np.nansum(believed) == 120
    assert steps.coarse(np.array([0]))[0]
    heard(steps, [7])
    assert not steps.coarse(np.array([0]))[0]


def test_from_the_third_on_a_quiet_is_doubted():
    steps = Steps.fresh(np.ones(1))
    doubted = []
    for volume in (10, 20, 10, 10, 30, 10):
        heard(steps, [0, volume])
        doubted.append(bool(steps.doubted(np.array([0]))[0]))
    assert doubted == [n + 1 >= SOME for n in range(MANY - 1)] + [False]


@pytest.mark.parametrize(("litres", "resolution_l"), [
    pytest.param([10.0] * 30, 1.0, id="a leak of ten litres an hour"),
    pytest.param([10, 10, 30, 10, 20, 10, 10, 40, 10], 1.0, id="uses of tens on top of such a leak"),
    pytest.param([10, 20, 10, 20, 10, 3, 10, 20, 10, 20, 10], 1.0, id="one volume between"),
    pytest.param([10, 20, 30, 10, 20, 10, 40], 10.0, id="a register that always showed tens"),
    pytest.param([1, 2, 1, 1, 3, 1, 2], 0.1, id="tenths that nobody misses"),
])  # fmt: skip
def test_what_is_no_change_of_steps_is_not_told(litres, resolution_l):
    assert heard(Steps.fresh(np.array([resolution_l])), litres, resolution_l)[0] == []


def test_a_steady_leak_of_which_a_report_was_lost_is_no_change_of_steps():
    steps, told = Steps.fresh(np.ones(1)), []
    end = np.cumsum([3600.0, 3600.0, 3580.0, 10_800.0, *[3600.0] * 6])
    for begun, at in zip(np.append(0.0, end), end, strict=False):
        volume = np.array([20.0 * round((at - begun) / 3600)])
        told += steps.hear(
            News(np.array([0]), *np.array([[begun], [at]]), volume, np.zeros(1), np.array([at])), np.ones(1)
        ).raised
    assert told == []


def test_whole_thousands_are_not_believed_and_somebody_drew_water():
    steps = Steps.fresh(np.ones(1))
    at = np.array([3600.0])
    news = News(np.array([0]), at - 3600, at, np.array([2000.0]), np.zeros(1), at)
    one = steps.hear(news, np.ones(1))
    assert [f.reason for f in one.raised] == ["meter_unit"]
    assert np.isnan(one.news.litres[0])
    assert one.news.moved[0]
    assert news.litres[0] == 2000


def test_a_meter_that_is_set_up_anew_is_counted_anew():
    steps = Steps.fresh(np.ones(1))
    heard(steps, [10, 20, 10, 20, 10])
    assert heard(steps, [20, 10], resolution_l=10.0)[0] == []
    assert not steps.doubted(np.array([0]))[0]
