"""What the engine promises whatever its speed: blocks of rows, bits of hours and small numbers change nothing."""

import numpy as np
import pytest

from benchmarks.engine import lives, settled, state_bytes
from detectors import bins
from detectors.bins import News, Trail
from detectors.clock import Clock
from detectors.partition import Partition, Settings
from detectors.quiet_index import STAGES, TINY, levels
from detectors.quiet_past import MOST_ALIKE, NONE, RING, UNKNOWN, USED, QuietPast
from tests.detectors.homes import case, partition, played

SETTINGS = Settings(rules=("12h-10l", "half-hours"))


@pytest.mark.slow
def test_rows_judged_a_few_at_a_time_are_judged_alike(monkeypatch):
    home = case(7, rows=3, days=2)
    at_once = played(partition(home, SETTINGS), home.news)
    monkeypatch.setattr(bins, "AT_ONCE", 2)
    assert played(partition(home, SETTINGS), home.news) == at_once
    assert at_once


def test_two_bits_an_hour_hold_what_was_written_and_nothing_else():
    rng, past, rows = np.random.default_rng(3), QuietPast.fresh(4), np.arange(4)
    newest = 480_000
    said = rng.choice([USED, NONE, UNKNOWN], (4, RING)).astype(np.uint8)
    for n in range(RING):
        past._write(rows, np.full(4, newest - RING + 1 + n), said[:, n])
    hours = np.broadcast_to(np.arange(newest - RING + 1, newest + 1), (4, RING))
    np.testing.assert_array_equal(past.said(rows, hours), said)
    past._lose(2, np.arange(newest - 9, newest - 2))
    said[2, -10:-3] = UNKNOWN
    np.testing.assert_array_equal(past.said(rows, hours), said)
    days = newest // 24 - np.arange(1, 4)
    expected = past.said(rows[:2], np.broadcast_to(days[:, None] * 24 + np.arange(24), (2, 3, 24)).reshape(2, -1))
    np.testing.assert_array_equal(past.told(rows[:2], np.tile(days, (2, 1))).reshape(2, -1), expected)


def test_counts_of_quiets_that_are_all_alike_are_halved_before_they_overflow():
    clock, past, row = Clock.fresh(1), QuietPast.fresh(1), np.zeros(1, int)
    past.ended[0, 11, 1], past.broken[0, 11, 4] = MOST_ALIKE - 1, 255
    for hour, litres in enumerate([5.0, 0.0, 0.0, 5.0], start=480_010):
        end = np.array([(hour + 1) * 3600.0])
        news = News(row, end - 3600.0, end, np.array([litres]), np.zeros(1), end)
        timely, hole = clock.timely(news)
        past.step(clock.step(timely, hole, timely.litres >= 1.0))
    assert past.ended[0, 11, 1] == MOST_ALIKE // 2
    assert past.broken[0, 11, 4] == 128


@pytest.mark.parametrize("at_night", [False, True])
def test_the_first_stage_is_the_cheapest_of_all_waits(at_night):
    stages = STAGES[:1]
    rng = np.random.default_rng(5)
    survival = np.cumprod(rng.uniform(0.5, 0.999, (3, 12)), axis=1)
    night = np.where(rng.random((3, 12)) < 0.4, 2.0, 1.0) if at_night else None
    costs = survival if night is None else survival * night
    for row, found in enumerate(levels(survival, night, stages)):
        spent = [sum(survival[row, x] * (d - x + 1) for x in range(d + 1)) for d in range(12)]
        best, plain = -np.inf, []
        for g in range(12):
            now = min(g, 10)  # after the last hour nothing more is known
            lowest = min(
                (spent[d] - spent[now]) / max(costs[row, now] - costs[row, d], TINY) for d in range(now + 1, 12)
            )
            best = max(best, np.log10(lowest) if lowest < 1 / TINY**0.5 else 0.0)
            plain.append(best)
        np.testing.assert_allclose(found, plain, rtol=1e-9)


def test_points_of_a_trail_are_counted_as_one_by_one():
    rng, trail, rows = np.random.default_rng(1), Trail.fresh(3), np.arange(3)
    at = np.zeros(3)
    for _ in range(450):
        begin = at + rng.choice([0.0, 0.0, 0.0, 4000.0], 3)
        at = begin + rng.choice([300.0, 900.0, 3600.0], 3)
        trail.add(rows, begin, at, rng.choice([0.0, 2.0, np.nan], 3))
        since = at - rng.choice([900.0, 43_200.0, 172_800.0, 1e9], 3)
        expected = np.count_nonzero(trail.at >= since[:, None], axis=1)
        np.testing.assert_array_equal(trail._points_from(rows, since), expected)


def test_a_home_needs_less_than_eight_kilobytes():
    assert state_bytes(Partition(Settings(), np.full(50, 3600.0), np.ones(50))) < 8000


def test_a_full_partition_of_the_benchmark_lives_the_lives_of_its_few_homes():
    lived = lives(3, 2)
    part = settled(lived, 1, 7, ())
    assert len(part) == 7
    np.testing.assert_array_equal(part.last_use(), part.last_use()[np.arange(7) % 3])
    assert not part.step(lived.news(24, np.arange(7))).cleared
    assert (part.known_until() == lived.end_s(24)).all()
