"""Registers to litres, and sums over trailing windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bins import News, Trail, between, rounds

NAN = float("nan")


@pytest.mark.parametrize(("length_s", "volume_l", "reset", "litres"), [
    pytest.param(3600, 12, False, 12, id="an ordinary hour"),
    pytest.param(3600, 0, False, 0, id="an hour without a drop"),
    pytest.param(5400, 3, False, 3, id="one and a half periods is no hole"),
    pytest.param(5401, 3, False, NAN, id="a hole with use: nobody knows when"),
    pytest.param(90_000, 0, False, 0, id="a hole without use is known: none"),
    pytest.param(3600, -1, False, NAN, id="a register that fell"),
    pytest.param(90_000, -1, False, NAN, id="a register that fell in a hole"),
    pytest.param(3600, 0, True, NAN, id="a reset register"),
    pytest.param(3600, 3960, False, 3960, id="1.1 litres a second"),
    pytest.param(3600, 3961, False, NAN, id="more than a house connection carries"),
    pytest.param(3600, NAN, False, NAN, id="no register"),
    pytest.param(0, 0, False, 0, id="the same moment"),
    pytest.param(0, 1, False, NAN, id="a litre in no time"),
])  # fmt: skip
def test_what_is_known_between_two_registers(length_s, volume_l, reset, litres):
    found = between(np.zeros(1), np.array([length_s]), np.array([volume_l]), np.array([3600]), np.array([reset]))
    np.testing.assert_array_equal(found, [litres])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([900.0, 1800.0, 3600.0, 9000.0]))
def test_a_trailing_window_is_the_exact_sum_of_what_lies_inside(seed, period_s):
    rng = np.random.default_rng(seed)
    trail, now = Trail.fresh(3), np.array([0.0, 1e9, 77.0])
    said = [[], [], []]
    for _ in range(90):
        rows = np.flatnonzero(rng.random(3) < 0.8)
        start = now[rows] + np.where(rng.random(len(rows)) < 0.05, rng.integers(1, 30_000, len(rows)), 0.0)
        end = start + period_s * rng.uniform(1.0, 1.02, len(rows))
        litres = np.where(rng.random(len(rows)) < 0.1, np.nan, rng.integers(0, 9, len(rows)))
        trail.add(rows, start, end, litres)
        now[rows] = end
        for row, *interval in zip(rows, start, end, litres, strict=True):
            said[row].append(interval)
    for hours in (1, 12, 24, 48):
        for row, litres, unknown_s in zip(range(3), *trail.window(np.arange(3), hours * 3600.0), strict=True):
            begin = now[row] - hours * 3600.0
            inside = [(min(b, now[row]) - max(a, begin), a, b, v) for a, b, v in said[row]]
            known = [(s, v * s / (b - a)) for s, a, b, v in inside if s > 0 and not np.isnan(v)]
            assert litres == pytest.approx(sum(v for _, v in known), abs=1e-6)
            assert unknown_s == pytest.approx(hours * 3600.0 - sum(s for s, _ in known), abs=1e-3)


def test_a_trail_forgets_nothing_within_two_days_of_minutes():
    trail = Trail.fresh(1)
    for minute in range(4000):
        trail.add(np.array([0]), np.array([minute * 60.0]), np.array([minute * 60.0 + 60]), np.ones(1))
    litres, unknown_s = trail.window(np.array([0]), 48 * 3600.0)
    assert litres[0] == pytest.approx(48 * 60)
    assert unknown_s[0] == 0


def news(rows, received):
    n = len(rows)
    at = np.arange(n, dtype=float)
    return News(np.array(rows), at, at + 1, np.zeros(n), np.zeros(n), np.array(received, float))


def test_a_round_holds_one_interval_of_a_row_and_marks_the_last_of_what_came_together():
    found = [
        (part.row.tolist(), part.start.tolist(), judged.tolist())
        for part, judged in rounds(news([2, 0, 2, 2], [5, 5, 5, 6]), np.array([False, False, False, False]))
    ]
    assert found == [([0, 2], [1, 0], [True, False]), ([2], [2], [True]), ([2], [3], [True])]


def test_a_late_copy_at_the_end_of_an_upload_does_not_hide_it():
    parts = list(rounds(news([1, 1], [5, 5]), np.array([False, True])))
    assert [judged.tolist() for _, judged in parts] == [[True], [False]]


def test_no_news_makes_no_round():
    assert list(rounds(news([], []), np.empty(0, bool))) == []
