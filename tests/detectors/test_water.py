"""Running water: the arrays find what the plain twin finds, and neither rows nor restarts matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bins import News
from detectors.partition import Partition
from tests.detectors.homes import Case, partition, played
from tests.detectors.plain_home import DAY, HOUR, MIDNIGHT, NAN
from tests.detectors.test_partition import EAGER, EVERYTHING, play_twin, twin

seeds = st.integers(0, 2**32 - 1)


def wet_case(seed: int, rows: int = 3) -> Case:
    """Return homes with leaks, open taps, holes and unknown stretches that follow from the seed."""
    rng = np.random.default_rng(seed)
    periods = rng.choice([900.0, 3600.0, 3600.0, 28_800.0], rows)
    columns = []
    for row, period in enumerate(periods.tolist()):
        count = round({900.0: 3.0, 3600.0: 22.0, 28_800.0: 30.0}[period] * DAY / period)
        length = period * np.where(rng.random(count) < 0.02, 3.0, 1.0)
        hole = np.where(rng.random(count) < 0.01, rng.integers(10, 20_000, count), 0.0)
        end = MIDNIGHT + rng.integers(0, 3600) + np.cumsum(length + hole)
        hour = (end / HOUR) % 24
        used = rng.random(count) < np.where((hour > 6) & (hour < 22), 0.35, 0.04)
        litres = np.where(used, rng.integers(1, 30, count), 0).astype(float)
        for l_h, hours in (
            (rng.uniform(1, 40), rng.uniform(6, 70)),
            (rng.uniform(1, 40), 50),
            (rng.uniform(60, 900), 8),
        ):
            begin = rng.uniform(end[0], end[-1])
            flow = np.floor((np.clip(end - begin, 0, hours * HOUR)) * l_h / HOUR)
            litres += np.diff(flow, prepend=0.0)
        litres[rng.random(count) < 0.01] = NAN
        received = end + 5.0 if rng.random() < 0.7 else np.ceil(end / DAY) * DAY
        moved = np.isnan(litres) & (rng.random(count) < 0.5)
        columns.append(np.column_stack([np.full(count, row), end - length, end, litres, received, moved]))
    table = np.concatenate(columns)
    table = table[np.lexsort((table[:, 2], table[:, 4]))]
    row, start, end, litres, received, moved = table.T
    news = News(row.astype(np.intp), start, end, litres, np.full(len(row), 7200.0), received, moved > 0)
    return Case(rows, periods, news)


@settings(max_examples=3, deadline=None)
@given(seeds)
@pytest.mark.slow
def test_surges_and_leaks_are_those_of_the_plain_twin(seed):
    home = wet_case(seed, rows=4)
    part = partition(home, EAGER)
    happened = played(part, home.news)
    for row in range(home.rows):
        one = play_twin(twin(home, row), home.news, row)
        ours = sorted((at, what, kind, severity, onset) for what, r, kind, severity, onset, at in happened if r == row)
        theirs = sorted((at, what, kind, severity, onset) for what, kind, severity, onset, at in one.log)
        assert [told[:4] for told in ours] == [told[:4] for told in theirs]
        # The arrays count whole millilitres: the onset of a leak, found by its rate, may differ by tenths of a second.
        np.testing.assert_allclose([told[4] for told in ours], [told[4] for told in theirs], rtol=0, atol=1.0)
        assert part.leak_l_h()[row] == pytest.approx(one.water.floor, abs=1e-3)
        np.testing.assert_allclose(part.running_since()[row], one.water.began() or NAN)
        assert part.last_use()[row] == one.since


@settings(max_examples=2, deadline=None)
@given(seeds, st.integers(1, 60))
@pytest.mark.slow
def test_a_restart_in_running_water_changes_nothing(seed, cut_at):
    home = wet_case(seed)
    chunk = np.floor(home.news.received / (6 * HOUR))
    chunks = np.unique(chunk)
    before = chunk <= chunks[min(cut_at, len(chunks) - 1)]
    whole, first = partition(home, EVERYTHING), partition(home, EVERYTHING)
    expected = played(whole, home.news)
    happened = played(first, home.news.take(before))
    second = Partition.restore(EVERYTHING, first.snapshot())
    assert happened + played(second, home.news.take(~before)) == expected
    for name, array in whole.snapshot().items():
        np.testing.assert_array_equal(second.snapshot()[name], array, err_msg=name)


@settings(max_examples=2, deadline=None)
@given(seeds)
@pytest.mark.slow
def test_rows_with_running_water_do_not_know_each_other(seed):
    home = wet_case(seed)
    together = sorted(played(partition(home, EVERYTHING), home.news))
    alone = []
    for row in range(home.rows):
        news = home.news.take(home.news.row == row)
        news = News(
            np.zeros(len(news), np.intp), *(getattr(news, name) for name in list(News.__dataclass_fields__)[1:])
        )
        found = played(partition(home, EVERYTHING, np.array([row])), news, step_s=1e9)
        alone += [(what, row, *rest) for what, _, *rest in found]
    assert sorted(alone) == together


def test_arrays_of_running_water_that_came_in_stay_as_they_were():
    home = wet_case(3)
    kept = {name: getattr(home.news, name).copy() for name in News.__dataclass_fields__}
    partition(home, EVERYTHING).step(home.news)
    for name, array in kept.items():
        np.testing.assert_array_equal(getattr(home.news, name), array)
