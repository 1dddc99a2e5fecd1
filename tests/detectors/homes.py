"""Random homes for the detector tests: intervals with holes, unknown stretches, batches and late copies."""

from dataclasses import dataclass

import numpy as np

from detectors.bins import News
from detectors.partition import Partition
from simulators.households import life
from simulators.meters import register

START = 1_750_000_000 // 86_400 * 86_400.0


@dataclass
class Case:
    """Intervals of some homes as columns; `batch` says which arrive in one step."""

    rows: int
    period_s: np.ndarray
    news: News

    def part(self, pick):
        return self.news.take(pick)


def case(seed: int, rows: int = 3, days: int = 12) -> Case:
    """Return homes whose water, holes, trips and batches follow from the seed."""
    rng = np.random.default_rng(seed)
    periods = rng.choice([1800.0, 3600.0, 7200.0], rows)
    columns = []
    for row in range(rows):
        count = round(days * 86_400 / periods[row])
        length = periods[row] * rng.choice([1.0, 1.0, 1.0, 3.0, 9.0], count, p=[0.4, 0.3, 0.26, 0.03, 0.01])
        hole = np.where(rng.random(count) < 0.01, rng.integers(10, 40_000, count), 0.0)
        end = START + rng.integers(0, 3600) + np.cumsum(length + hole)
        hour = (end / 3600.0) % 24
        often = np.where((hour > 6) & (hour < 22), 0.7, 0.06) * (rng.random() + 0.5)
        litres = np.where(rng.random(count) < often, rng.integers(1, 30, count), 0.0).astype(float)
        for _ in range(2):  # somebody is away, or lies on the floor
            at = rng.integers(0, count)
            litres[at : at + int(rng.integers(4, 60) * 3600 / periods[row])] = 0.0
        litres[rng.random(count) < 0.01] = np.nan
        received = end + 5.0
        if rng.random() < 0.4:  # one upload every so often
            every = 8 * 3600.0
            received = np.ceil(end / every) * every
        moved = np.isnan(litres) & (rng.random(count) < 0.5)
        columns.append(
            np.column_stack([np.full(count, row), end - length, end, litres, np.full(count, 7200.0), received, moved])
        )
    table = np.concatenate(columns)
    late = table[rng.random(len(table)) < 0.01].copy()
    late[:, 5] += rng.integers(60, 7200, len(late))
    table = np.concatenate([table, late])
    table = table[np.lexsort((table[:, 2], table[:, 5]))]  # as they arrive; of one upload the oldest first
    news = News(
        table[:, 0].astype(np.intp), table[:, 1], table[:, 2], table[:, 3], table[:, 4], table[:, 5], table[:, 6] > 0
    )
    return Case(rows, periods, news)


def partition(home: Case, settings, rows=None) -> Partition:
    """Return the detectors of a case; the plain twins do not know of homes that are only asked, so none is looked at for it."""
    pick = np.arange(home.rows) if rows is None else rows
    part = Partition(settings, home.period_s[pick], np.ones(len(pick)))
    part._state.alarms.looked[:] = np.iinfo(np.int32).max
    return part


def played(part: Partition, news: News, step_s: float = 6 * 3600.0):
    """Feed news in steps of arrival time; return (what happened, as plain tuples, in order)."""
    happened = []
    chunk = np.floor(news.received / step_s)
    for one in np.unique(chunk):
        happened += told(part.step(news.take(chunk == one)))
    return happened


def told(changes):
    made = [("raised", f.row, f.kind, f.severity, f.onset, f.raised_at) for f in changes.raised]
    return made + [("cleared", f.row, f.kind, f.severity, f.onset, f.cleared_at) for f in changes.cleared]


def senior(seed: int, start, days: int, zone, period_s: float = 3600.0, resolution_l: float = 1.0):
    """Return (start, end, litres) of a simulated senior's intervals."""
    grid = start.timestamp() + np.arange(round(days * 86_400 / period_s) + 1) * period_s
    litres = np.diff(register(life(seed, start, days, zone, trips=False), grid, resolution_l))
    return grid[:-1], grid[1:], litres
