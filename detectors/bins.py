"""From registers to litres per interval, and from intervals to exact sums over the last hours.

How this works.  A meter says *register R at time t*.  Two registers make an interval with a volume, and `between` says
whether that volume is known, is known to be zero, or is **not known** (NaN), which is never zero.  `News` carries
intervals of many rows to the detectors; `rounds` hands them on so that each round holds at most one interval of a row.
`Trail` keeps, for each row, the running totals of the last two days at points about a quarter of an hour apart or more; the
difference of two (interpolated) points is the volume of any window, without a loop over households.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.errors import NewsError

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Bools = NDArray[np.bool_]

HOLE_PERIODS = 1.5
"""An interval longer than this many report periods has a hole in it."""
FLOW_LIMIT_L_S = 1.1
"""More than a household's DN15/DN20 connection can carry: Q4 of a Q3 = 2.5 m3/h meter is 0.87 L/s (ISO 4064-1). [L/s]"""
LEAST_USE_L = 0.05
"""Less than this in one interval is no use: the drip and the noise of registers finer than a litre. [L]"""
HOUR_S, DAY_S = 3600.0, 86_400.0
MONTH_DAYS = 30.4
"""A month of which false alarms are counted: a twelfth of a year. [days]"""
QUARTER_S = 900.0
AT_ONCE = 16_384
"""Rows that are judged at a time, so that what they need in between stays in the processor's cache."""


def between(
    start: ArrayLike, end: ArrayLike, volume_l: ArrayLike, period_s: ArrayLike, reset: ArrayLike = False
) -> Floats:
    """Judge what is known of the water drawn between two registers.

    Parameters
    ----------
    start, end : (N,) float
        Times of the two registers, seconds since 1970.
    volume_l : (N,) float
        Second register minus first. [L] NaN: not known.
    period_s : (N,) float
        How often the meter reports. [s]
    reset : (N,) bool
        The register was reset, replaced, or is doubted.

    Returns
    -------
    (N,) float
        Litres drawn; NaN where not known: a hole in which something was drawn (nobody knows when), a register that
        fell, a doubted one, or more than `FLOW_LIMIT_L_S`.  A hole in which nothing was drawn is known: zero.
    """
    begin, stop, volume = (np.asarray(a, np.float64) for a in (start, end, volume_l))
    length = stop - begin
    hole = length > HOLE_PERIODS * np.asarray(period_s, np.float64)
    with np.errstate(invalid="ignore"):
        known = (volume >= 0) & ~np.asarray(reset, np.bool_) & (volume <= FLOW_LIMIT_L_S * length)
    return np.where(known & ~(hole & (volume > 0)), volume, np.nan)


@dataclass(frozen=True, slots=True)
class News:
    """Intervals of many rows; per row in order of time, rows in any order.  All arrays are (N,).

    `litres` NaN: not known.  `offset_s` is local time minus UTC at `end`.  `received` is our own clock.  `moved`
    (optional) marks intervals whose litres are not known but whose register moved: somebody used water some time in
    there, which ends a quiet, while an interval that is merely unknown never ends one.
    """

    row: Rows
    start: Floats
    end: Floats
    litres: Floats
    offset_s: Floats
    received: Floats
    moved: Bools | None = None

    def __len__(self) -> int:
        return len(self.row)

    def take(self, pick: NDArray[np.intp] | Bools) -> "News":
        """Return the picked intervals."""
        moved = None if self.moved is None else self.moved[pick]
        return News(
            self.row[pick], self.start[pick], self.end[pick],
            self.litres[pick], self.offset_s[pick], self.received[pick], moved,
        )  # fmt: skip

    def checked(self, rows: int) -> "News":
        """Return the same news with plain types.

        Raises
        ------
        NewsError
            Lengths differ, a row does not exist, an interval runs backwards, a time is not finite, litres are below 0.
        """
        row = np.asarray(self.row, np.intp)
        start, end, litres, offset, received = (
            np.asarray(a, np.float64) for a in (self.start, self.end, self.litres, self.offset_s, self.received)
        )
        moved = np.zeros(len(row), np.bool_) if self.moved is None else np.asarray(self.moved, np.bool_)
        if any(a.shape != row.shape for a in (start, end, litres, offset, received, moved)):
            raise NewsError("want one value a row in every array of News; the lengths differ")
        if len(row) and (row.min() < 0 or row.max() >= rows):
            raise NewsError(f"want rows from 0 to {rows - 1}, got {row.min()} to {row.max()}: grow the partition first")
        if not (np.isfinite(start) & np.isfinite(end) & np.isfinite(offset) & np.isfinite(received)).all():
            raise NewsError("want finite times; only litres may be NaN")
        if (end < start).any() or (litres < 0).any() or np.isinf(litres).any():
            raise NewsError("want intervals that end after they start, and litres from 0 up or NaN")
        return News(row, start, end, litres, offset, received, moved)


def rounds(news: News, late: Bools) -> Iterator[tuple[News, Bools]]:
    """Yield (at most one interval a row, is it to be judged?), in each row's order; rows do not know each other.

    What arrived together (same `received`) is judged together, at its last interval that is not `late`: a quiet that
    began and ended inside one batch is history, and nobody is told of it.
    """
    order = np.argsort(news.row, kind="stable")
    row, received = news.row[order], news.received[order]
    first = np.diff(row, prepend=-1) != 0
    begin = np.maximum.accumulate(np.where(first, np.arange(len(row)), 0))
    nth = np.arange(len(row)) - begin
    judged = np.zeros(len(row), np.bool_)
    timely = np.flatnonzero(~late[order])
    together = (row[timely][1:] == row[timely][:-1]) & (received[timely][1:] == received[timely][:-1])
    judged[timely] = np.append(~together, [True] * bool(len(timely)))
    by_round = np.argsort(nth, kind="stable")
    edges = np.flatnonzero(np.diff(nth[by_round], prepend=-1, append=-1))
    for begin_at, end_at in pairwise(edges):
        for first_at in range(begin_at, end_at, AT_ONCE):
            pick = by_round[first_at : min(first_at + AT_ONCE, end_at)]
            yield news.take(order[pick]), judged[pick]


@dataclass
class Trail:
    """Running totals of the last two days of each row: what any trailing window held, and how much of it is known.

    Intervals are joined while they stay within a quarter of an hour, so any two steps together are longer than that and
    `POINTS` of them reach back 48 h and more; within a step the flow is taken as even, so the oldest part of a window
    counts by the share that lies inside.
    """

    at: Floats
    """(H, POINTS) times of the points, -inf before the first."""
    litres: Floats
    """(H, POINTS) litres since the beginning, unknown counted as none. [L]"""
    unknown_s: Floats
    """(H, POINTS) unknown seconds since the beginning. [s]"""
    head: Rows
    """(H,) place of the newest point in the ring."""

    POINTS = 388

    @classmethod
    def fresh(cls, rows: int) -> "Trail":
        """Return the trail of rows that were never heard."""
        shape = (rows, cls.POINTS)
        return cls(np.full(shape, -np.inf), np.zeros(shape), np.zeros(shape), np.zeros(rows, np.intp))

    def add(self, rows: Rows, start: Floats, end: Floats, litres: Floats) -> None:
        """Append one interval to each of `rows`; what lies between the newest point and `start` is not known."""
        newest = self.at[rows, self.head[rows]]
        with np.errstate(invalid="ignore"):
            hole_s = np.where(np.isneginf(newest), 0.0, start - newest)
        # A hole gets a point of its own at its end, so that it is not smeared over what is known.
        edge = np.isneginf(newest) | (hole_s > 0)
        self._push(rows[edge], start[edge], np.zeros(int(edge.sum())), hole_s[edge], forced=True)
        unknown = np.isnan(litres)
        self._push(rows, end, np.where(unknown, 0.0, litres), np.where(unknown, end - start, 0.0), forced=False)

    def _push(self, rows: Rows, at: Floats, litres: Floats, unknown_s: Floats, *, forced: bool) -> None:
        head = self.head[rows]
        total, blind = self.litres[rows, head] + litres, self.unknown_s[rows, head] + unknown_s
        before = self.at[rows, head - 1]  # -1 is the last place of the ring, as it should be
        with np.errstate(invalid="ignore"):
            apart = ~(at - before <= QUARTER_S)  # the newest point moves on while its step stays within a quarter
        place = (head + (apart | forced)) % self.POINTS
        self.at[rows, place], self.head[rows] = at, place
        self.litres[rows, place], self.unknown_s[rows, place] = total, blind

    def window(self, rows: Rows, seconds: float) -> tuple[Floats, Floats]:
        """Return (litres known, seconds not known) of the last `seconds` (up to 48 h) before each row's newest point."""
        head = self.head[rows]
        until = self.at[rows, head]
        since = until - seconds
        after = (head + 1 - self._points_from(rows, since)) % self.POINTS  # the oldest point inside the window
        before = np.where(after != (head + 1) % self.POINTS, (after - 1) % self.POINTS, after)
        end = self.at[rows, after]
        length = end - self.at[rows, before]
        inside = np.zeros(len(rows))
        np.divide(end - since, length, out=inside, where=np.isfinite(length) & (length > 0))
        litres, unknown_s = (
            total[rows, head] - total[rows, after] + inside * (total[rows, after] - total[rows, before])
            for total in (self.litres, self.unknown_s)
        )
        never = ~(np.isfinite(length) & (length > 0)) & (end > since)  # the window reaches back before the first point
        return litres, unknown_s + np.where(never, end - since, 0.0)

    def _points_from(self, rows: Rows, since: Floats) -> Rows:
        """Return (M,) how many points lie at `since` or later: back from the newest they only grow older."""
        newest, last = self.at[rows, self.head[rows]], self.at[rows, self.head[rows] - 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            even = np.floor((newest - since) / (newest - last)) + 1.0  # if all steps are like the newest
        sure = np.clip(np.nan_to_num(even, nan=0.0), 0, self.POINTS).astype(np.intp)
        wrong = np.flatnonzero(~self._reach(rows, sure, since) | self._reach(rows, sure + 1, since))
        rows, since = rows[wrong], since[wrong]
        low, beyond = np.zeros(len(rows), np.intp), np.full(len(rows), self.POINTS + 1, np.intp)
        for _ in range(self.POINTS.bit_length() if len(rows) else 0):
            some = (low + beyond) // 2
            inside = self._reach(rows, some, since)
            low, beyond = np.where(inside, some, low), np.where(inside, beyond, some)
        sure[wrong] = low
        return sure

    def _reach(self, rows: Rows, points: Rows, since: Floats) -> Bools:
        """Return (M,) whether so many of the newest points all lie at `since` or later; 0 always do, more than all never."""
        oldest = self.at[rows, (self.head[rows] + 1 - points) % self.POINTS]
        reach: Bools = (points == 0) | ((points <= self.POINTS) & (oldest >= since))
        return reach
