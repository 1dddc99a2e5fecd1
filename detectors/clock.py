"""The clock of each row: up to when its water is known, and since when none was drawn.

What is not known restarts the clock, because water may have been drawn until the last moment of it; a declared absence
restarts it at its end.  Intervals that lie before what is already known come late and change nothing here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bins import HOUR_S, LEAST_USE_L, Bools, Floats, News, Rows

JITTER_S = 1.0
"""Registers are stamped in whole seconds: a step of one second between two intervals is no hole. [s]"""
START, END = 0, 1
STEADY_S, NEAR_S = 0.1 * HOUR_S, 0.15 * HOUR_S
"""An interval so close to an hour continues an hourly meter's row; that far its middle may stray over a full hour. [s]"""


class Moment(NamedTuple):
    """What one interval of each of some rows did to their clocks; all arrays are (M,)."""

    rows: Rows
    start: Floats
    """Start of the part that is new."""
    end: Floats
    litres: Floats
    offset_s: Floats
    used: Bools
    """Somebody drew water in a known interval."""
    drew: Bools
    """Water ran in a known interval, if only a leak's."""
    unknown: Bools
    """What was drawn is not known."""
    moved: Bools
    """Somebody drew water, if only somewhere in an interval that is not known."""
    hole: Bools
    """Nothing is known from the clock's end to `start`."""
    origin: Floats
    """Since when no water was drawn, as the clock stood before this interval (NaN: never heard)."""
    by_use: Bools
    """That stood still since a known use, not since a hole or an absence."""
    away: Bools
    """The interval touches a declared absence."""
    blind_until: Floats
    """End of the last stretch that was not known, as the clock stood before this interval."""
    gone_s: Floats
    """Seconds, up to the end of this interval, that are not known or not the life of this home: holes, absences. [s]"""
    quiet_until: Floats
    """Until when the quiet since `origin` is known to have lasted: `start`, or the beginning of a hole before it."""
    middle: Floats
    """Local time that stands for the interval: its hour and its day are those of its middle. [s]"""
    struck: Bools = np.zeros(1, np.bool_)
    """The quiet since `origin` is known to be no usual life (`detectors.alarms`); (1,) False: nobody said so."""


@dataclass
class Clock:
    """State of all rows, each array (H,); times in seconds since 1970, NaN: never."""

    known_until: Floats
    since: Floats
    """End of the last interval in which somebody drew water, or may have; also the start of all knowledge."""
    ran: Floats
    """The same of any water, a leak's too."""
    by_use: Bools
    heard: Floats
    """When we last received anything from the meter (our clock)."""
    blind_until: Floats
    """End of the last stretch that is not known."""
    offset_s: Floats
    """Local time minus UTC at `known_until`. [s]"""
    since_offset_s: Floats
    """The same at `since`: a quiet keeps the clock under which it began. [s]"""
    hour: NDArray[np.int64]
    """Local hour of the last interval's middle; -1: never."""
    absences: Floats = field(default_factory=lambda: np.empty((0, 0, 2)))
    """(H, K, 2) start and end of declared absences; NaN: none."""

    @classmethod
    def fresh(cls, rows: int, absences: int = 0) -> "Clock":
        """Return the clocks of rows that were never heard, with room for some absences."""
        nan = np.full((5, rows), np.nan)
        return cls(
            nan[0],
            nan[1],
            nan[2],
            np.zeros(rows, np.bool_),
            nan[3],
            nan[4],
            np.zeros(rows),
            np.zeros(rows),
            np.full(rows, -1, np.int64),
            np.full((rows, absences, 2), np.nan),
        )

    def away(self, row: int, start: float, end: float) -> None:
        """Declare an absence; the same start again replaces its end, an end not after its start withdraws it."""
        slots = self.absences[row]
        same = np.flatnonzero(slots[:, START] == start)
        free = same if len(same) else np.flatnonzero(np.isnan(slots[:, START]))
        if not len(free):
            more = np.full((len(self.absences), max(2, slots.shape[0]), 2), np.nan)
            self.absences = np.concatenate([self.absences, more], axis=1)
            free = np.array([slots.shape[0]])
        self.absences[row, free[0]] = (start, end) if end > start else (np.nan, np.nan)

    def set_absences(self, absences: Iterable[tuple[int, float, float]]) -> None:
        """Take (row, start, end) of every declared absence in place of those known so far."""
        by_row: dict[int, list[tuple[float, float]]] = {}
        for row, start, end in absences:
            if end > start:
                by_row.setdefault(row, []).append((start, end))
        most = max(map(len, by_row.values()), default=0)
        self.absences = np.full((len(self.since), most, 2), np.nan)
        for row, spans in by_row.items():
            self.absences[row, : len(spans)] = spans

    def origin(self, rows: Rows, until: Floats, ran: bool = False) -> Floats:
        """Return (M,) since when a quiet counts as seen at `until`: later than `until` during an absence.

        With `ran`: a quiet in which not even a leak ran.
        """
        since = (self.ran if ran else self.since)[rows]
        back = self.back_at(rows, until)
        return np.where(np.isnan(since), since, np.fmax(since, back))

    def back_at(self, rows: Rows, until: Floats) -> Floats:
        """Return (M,) the latest end of the absences that began before `until`; -inf: none did."""
        if not self.absences.shape[1]:
            return np.full(len(rows), -np.inf)
        left = self.absences[rows]
        begun = left[:, :, START] < until[:, None]
        ends: Floats = np.where(begun, left[:, :, END], -np.inf).max(axis=1)
        return ends

    def touches_absence(self, rows: Rows, start: Floats, end: Floats) -> Bools:
        """Return (M,) whether [start, end] touches a declared absence."""
        if not self.absences.shape[1]:
            return np.zeros(len(rows), np.bool_)
        left = self.absences[rows]
        touched = (left[:, :, START] < end[:, None]) & (left[:, :, END] > start[:, None])
        some: Bools = np.any(touched, axis=1)
        return some

    def timely(self, news: News) -> tuple[News, Bools]:
        """Leave out intervals that come late and cut off what is known already; return the rest, and what follows a hole."""
        self.heard[news.row] = np.fmax(self.heard[news.row], news.received)
        known = self.known_until[news.row]
        late = ~(np.isnan(known) | (news.end > known))
        if late.any():
            news, known = news.take(~late), known[~late]
        hole = np.logical_not(news.start <= known + JITTER_S)  # True as well where nothing was known yet
        return replace(news, start=np.where(hole, news.start, known)), hole

    def step(self, news: News, hole: Bools, used: Bools) -> Moment:
        """Move the clocks on by at most one timely interval a row.

        Parameters
        ----------
        news : News
        hole : (N,) bool
            As `timely` returned them.
        used : (N,) bool
            Somebody drew water in the interval, which is known.
        """
        rows, start, end = news.row, news.start, news.end
        unknown = np.isnan(news.litres)
        drew = news.litres >= LEAST_USE_L  # False for NaN
        moved = used if news.moved is None else used | (unknown & news.moved)
        origin = self.origin(rows, start)
        by_use = self.by_use[rows] & (origin == self.since[rows]) & ~hole
        away = self.touches_absence(rows, start, end)
        for clock, seen in ((self.since, used), (self.ran, drew)):
            clock[rows] = np.where(seen | unknown, end, np.where(hole, start, clock[rows]))
        self.since_offset_s[rows] = np.where(used | unknown | hole, news.offset_s, self.since_offset_s[rows])
        quiet_until = np.where(hole, self.known_until[rows], start)
        middle = self._middle(rows, start, end, news.offset_s, hole)
        self.by_use[rows] = used | (self.by_use[rows] & ~unknown & ~hole)
        before = self.blind_until[rows]
        blind = np.where(unknown, end, np.where(hole, start, np.nan))
        self.blind_until[rows] = np.where(np.isnan(blind), before, blind)
        gone_s = np.where(unknown | away, end - start, 0.0) + np.where(hole, start - self.known_until[rows], 0.0)
        self.known_until[rows], self.offset_s[rows] = end, news.offset_s
        return Moment(
            rows, start, end, news.litres, news.offset_s,
            used, drew, unknown, moved, hole, origin, by_use, away, before, gone_s, quiet_until, middle,
        )  # fmt: skip

    def _middle(self, rows: Rows, start: Floats, end: Floats, offset_s: Floats, hole: Bools) -> Floats:
        """Return (M,) the local time that stands for each interval.

        An hourly meter that reports near the half hour, now a little before it and now a little after, gives one hour a
        report all the same: the hour after that of the report before.
        """
        middle = (start + end) / 2 + offset_s
        first = (self.hour[rows] + 1) * HOUR_S
        steady = ~hole & (np.abs(end - start - HOUR_S) <= STEADY_S)
        near = steady & (middle > first - NEAR_S) & (middle < first + HOUR_S + NEAR_S)
        middle = np.where(near, np.clip(middle, first + 1.0, first + HOUR_S - 1.0), middle)
        self.hour[rows] = np.floor(middle / HOUR_S).astype(np.int64)
        return middle
