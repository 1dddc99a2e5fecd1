"""Every quiet of some homes with what was known of it at its beginning, and what-if copies: one pass over the records.

Because nothing after the last use changes what a quiet is judged by, a quiet is its columns and how it ended; detectors are
then fitted and compared without going through the records again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.quiet import HISTORY_S, HORIZON_H, moments, months
from detectors.bins import HOUR_S, Bools, Floats, News, Rows
from detectors.clock import Clock, Moment
from detectors.cohort import shipped
from detectors.habit import TRIP_S, Habit
from detectors.leak import LeakSettings
from detectors.quiet import Quiet
from detectors.quiet_columns import COLUMNS, HOURS, Prior, Singles, columns
from detectors.quiet_past import SLACK_H, QuietPast, hour_of
from detectors.running import Interval
from detectors.water import Water
from shuian.backtest_input import Record
from shuian.backtest_summary import MONTH_S

TAUGHT_AFTER_S = 14 * 86_400.0
LEAST_H = 3.0


@dataclass(frozen=True)
class Quiets:
    """Some quiets; arrays are (Q,), in order of time within each home."""

    row: Rows
    begin: Floats
    """Seconds since 1970."""
    hour: NDArray[np.int64]
    """Local hour since 1970 before the first quiet one."""
    hours: Floats
    """How long it is seen to have lasted. [h]"""
    ended: Bools
    """By a use."""
    survival: Floats
    """(Q, HORIZON_H + 1) the survival score at the end of each hour from 0 on."""
    columns: Singles
    """(Q, HOURS, 33)"""

    def take(self, pick: Bools | Rows) -> "Quiets":
        """Return some of them."""
        return Quiets(*(getattr(self, name)[pick] for name in Quiets.__dataclass_fields__))


@dataclass(frozen=True)
class Walk:
    """What one pass gave."""

    months: Floats
    """(H,) household-months after the history."""
    start: Floats
    """(H,) first reading."""
    long: Quiets
    """Quiets of three hours and more, from the first day on."""
    copies: Quiets
    """Quiets of what-if copies: `hours` is how long they had lasted at the copy's last reading."""
    jitter_h: Floats
    """(C,) the incident lies this much after that reading."""
    x: Singles
    y: NDArray[np.float32]
    x_row: Rows
    """(N, 33), (N,), (N,) hours of all quiets that may teach: their columns, whether water came, their home."""


@dataclass
class _Heap:
    rows: list[int] = field(default_factory=list)
    begin: list[float] = field(default_factory=list)
    hour: list[int] = field(default_factory=list)
    hours: list[float] = field(default_factory=list)
    ended: list[bool] = field(default_factory=list)
    survival: list[Floats] = field(default_factory=list)
    columns: list[Singles] = field(default_factory=list)

    def quiets(self) -> Quiets:
        none = np.empty((0, HOURS, len(COLUMNS)), np.float32)
        return Quiets(
            np.array(self.rows, np.intp),
            np.array(self.begin),
            np.array(self.hour, np.int64),
            np.array(self.hours),
            np.array(self.ended, np.bool_),
            np.array(self.survival) if self.survival else np.empty((0, HORIZON_H + 1)),
            np.array(self.columns) if self.columns else none,
        )


LEAK = LeakSettings()


class _Walker:
    """The parts of a partition that quiet rests on, without findings."""

    moment: Moment

    def __init__(self, records: Sequence[Record]) -> None:
        period, step = np.array([r.period_s for r in records]), np.array([r.resolution_l for r in records])
        self.cohort = shipped()
        self.clock, self.habit, self.water = Clock.fresh(len(records)), Habit.fresh(len(records)), Water.fresh(step)
        self.quiet, self.past = Quiet.fresh(self.cohort, period, step), QuietPast.fresh(len(records))
        self.clock.set_absences((row, *span) for row, record in enumerate(records) for span in record.absences)

    def step(self, news: News) -> None:
        """Take in one interval of each of some rows."""
        timely, hole = self.clock.timely(news)
        used = self.water.hear(Interval(timely.row, timely.start, timely.end, timely.litres), hole, self.clock)
        self.moment = m = self.clock.step(timely, hole, used)
        self.quiet.learn(m, self.cohort)
        self.quiet.refit(self.habit.step(m), self.habit, self.cohort)
        self.past.step(m)
        self.water.step(m, self.clock)
        self.water.floors(LEAK, m.rows, self.clock)

    def began(self, rows: Rows) -> tuple[Floats, Bools]:
        """Return (M,) when the present quiets began (NaN: away), and whether by a use."""
        clock = self.clock
        origin = clock.origin(rows, clock.known_until[rows])
        there = origin <= clock.known_until[rows]
        return np.where(there, origin, np.nan), clock.by_use[rows] & (origin == clock.since[rows])

    def survivals(self, rows: Rows, begin: Floats) -> Floats:
        """Return (M, HORIZON_H + 1) the survival score of quiets at the end of each hour."""
        local = begin + self.clock.offset_s[rows]
        hours = np.arange(HORIZON_H + 1, dtype=np.float64)
        each = np.repeat(rows, len(hours))
        begins = np.repeat(local, len(hours))
        ends = begins + np.tile(hours, len(rows)) * HOUR_S
        return self.quiet.score(self.cohort, each, begins, ends).reshape(len(rows), -1)


def priors(records: Sequence[Record]) -> QuietPast:
    """Return what the hours and quiets of each home were like in the end: what `prior_of` sums up."""
    walker = _Walker(records)
    for _, news in _rounds(records):
        walker.step(news)
    return walker.past


def prior_of(past: QuietPast, rows: Rows) -> Prior:
    """Return one line: what is usual among some homes."""
    used, known = past.used[rows].sum(axis=(0, 1)), past.known[rows].sum(axis=(0, 1))
    rate = np.clip((used + 2.0) / (known + 4.0), 0.02, 0.95)
    ended, broken = (a[rows].sum(axis=(0, 1), dtype=np.int64) for a in (past.ended, past.broken))
    reached = np.cumsum((ended + broken)[::-1])[::-1]
    ends = np.full(HOURS, 0.1)
    ends[: len(ended)] = (ended + 0.05) / (reached + 0.5)
    litres = past.day_litres[rows].sum(axis=0) / past.days[rows].sum()
    return Prior(rate, ends, litres.astype(np.float64))


def _rounds(records: Sequence[Record]) -> list[tuple[Rows, News]]:
    made = []
    for k in range(max(len(r.end) for r in records)):
        rows = np.array([row for row, r in enumerate(records) if k < len(r.end)], np.intp)
        cells = [
            np.array([getattr(records[row], name)[k] for row in rows])
            for name in ("start", "end", "litres", "offset_s", "received")
        ]
        made.append((rows, News(rows, *cells)))
    return made


class _Taker:
    """Follows a walker and takes note of its quiets."""

    def __init__(self, walker: _Walker, first: Floats, prior: Prior, least_h: float) -> None:
        self.walker, self.first, self.prior, self.least_h = walker, first, prior, least_h
        count = len(first)
        self.begun = np.full(count, np.nan)
        self.hour = np.zeros(count, np.int64)
        self.held = np.zeros((count, HOURS, len(COLUMNS)), np.float32)
        self.curves = np.zeros((count, HORIZON_H + 1))
        self.long, self.copied = _Heap(), _Heap()
        self.x: list[Singles] = [np.empty((0, len(COLUMNS)), np.float32)]
        self.y: list[Singles] = [np.empty(0, np.float32)]
        self.x_row: list[Rows] = [np.empty(0, np.intp)]

    def look(self, rows: Rows) -> None:
        """Work out what is known of the present quiets of rows."""
        origin, by_use = self.walker.began(rows)
        self.hour[rows] = hour_of(origin + self.walker.clock.offset_s[rows])
        self.held[rows] = columns(self.walker.past, rows, self.hour[rows], by_use, self.prior.take(rows))
        self.curves[rows] = self.walker.survivals(rows, origin)
        self.begun[rows] = origin

    def look_at_new(self, rows: Rows) -> None:
        """Do so where a quiet has lasted long enough."""
        lasted_h = (self.walker.clock.known_until[rows] - self.walker.began(rows)[0]) / HOUR_S
        due = (lasted_h >= self.least_h - SLACK_H) & (self.begun[rows] != self.walker.began(rows)[0])
        if due.any():
            self.look(rows[due])

    def end(self, m: Moment) -> None:
        """Take note of the quiets that an interval ended, unless they were trips."""
        over = (m.used | m.unknown | m.hole | m.away) & (self.begun[m.rows] == m.origin)
        for n in np.flatnonzero(over).tolist():
            row, used = int(m.rows[n]), bool(m.used[n] and not m.hole[n])
            gap_h = float(m.quiet_until[n] - m.origin[n]) / HOUR_S
            if gap_h * HOUR_S <= TRIP_S:
                if gap_h + 1e-3 >= LEAST_H:
                    self._note(self.long, row, gap_h, used)
                if self.begun[row] >= self.first[row] + TAUGHT_AFTER_S:
                    self._teach(row, int(gap_h + SLACK_H), used)
            self.begun[row] = np.nan

    def copy(self, row: int) -> None:
        """Take a copy of a home in which nothing more is drawn."""
        one = np.array([row])
        origin = float(self.walker.began(one)[0][0])
        if self.begun[row] != origin:
            self.look(one)
        self._note(self.copied, row, (float(self.walker.clock.known_until[row]) - origin) / HOUR_S, ended=False)

    def _teach(self, row: int, lasted: int, used: bool) -> None:
        hours = self.held[row, 1 : lasted + used].copy()
        came = np.zeros(len(hours), np.float32)
        came[lasted - 1 :] = 1.0  # no such hour if it did not end by a use
        self.x.append(hours)
        self.y.append(came)
        self.x_row.append(np.full(len(hours), row, np.intp))

    def _note(self, heap: _Heap, row: int, hours: float, ended: bool) -> None:
        heap.rows.append(row)
        heap.begin.append(float(self.begun[row]))
        heap.hour.append(int(self.hour[row]))
        heap.hours.append(hours)
        heap.ended.append(ended)
        heap.survival.append(self.curves[row].copy())
        heap.columns.append(self.held[row].copy())


def walk(records: Sequence[Record], prior: Prior, copies: int, seed: int = 5, teach: bool = True) -> Walk:
    """Return the quiets of `records` and of `copies` what-if copies of each; `prior` (H, ...) is that of each home."""
    rng, walker = np.random.default_rng(seed), _Walker(records)
    chosen = [moments(r, copies, rng) for r in records]
    first = np.array([r.end[0] for r in records])
    taker = _Taker(walker, first, prior, 1.0 if teach else LEAST_H - 1)
    for k, (rows, news) in enumerate(_rounds(records)):
        walker.step(news)
        taker.end(walker.moment)
        taker.look_at_new(rows)
        for row in (row for row in rows.tolist() if k in chosen[row]):
            taker.copy(row)
    taken = taker.copied.quiets()
    return Walk(
        np.array([months(r) for r in records]),
        first,
        taker.long.quiets(),
        taken,
        rng.uniform(-0.5, 0.5, len(taken.row)),
        np.concatenate(taker.x),
        np.concatenate(taker.y),
        np.concatenate(taker.x_row),
    )


__all__ = ["HISTORY_S", "MONTH_S", "Quiets", "Walk", "prior_of", "priors", "walk"]
