"""What a row's hours were like: what the hazard of its present quiet is worked out from, in about four kilobytes a row.

How this works.  Intervals fill the current local hour; a use counts in the hour in which the middle of its interval lies,
so that a meter that reports once an hour gives one hour a report, whatever the minute.  A full hour is written to a ring
of ninety days and more as two bits: water was drawn, none was, or it is not known.  Whole days join the counts by weekday, and
quiets the counts by length, only when the *next* use (or time that is not known) begins a new quiet: so nothing that a
quiet is judged by changes while it lasts, and a quiet longer than `TRIP_S` is struck out of the ring before it could teach
anything.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.bins import HOUR_S, Bools, Floats, Rows
from detectors.clock import Moment
from detectors.habit import FULL_HOUR_S, LONGEST_TAUGHT_S, TRIP_S, VALID_DAY_L, YEAR_DAYS

Hours = NDArray[np.int64]
Bytes = NDArray[np.uint8]

DAYS_USED = 90
"""Days that are compared with the present quiet."""
RING = (DAYS_USED + 4) * 24
"""Hours kept: four days more, because a quiet may be scored some time after it began."""
USED, NONE, UNKNOWN = 0, 1, 3
A_BYTE = 4
"""Hours in a byte of the ring."""
_SAID = (np.arange(256, dtype=np.uint8)[:, None] >> np.arange(0, 8, 2, dtype=np.uint8) & np.uint8(UNKNOWN)).view(
    np.uint32
)[:, 0]
"""(256,) what a byte of the ring says of its hours, a byte each: four at once."""
LENGTHS = 36
"""Hours of the longest quiet that teaches (`TRIP_S`)."""
LITRES_KEPT = 72
"""Hours of litres kept: a whole day, and the longest quiet after it."""
MOST_L = 300.0
"""More in an hour says no more about a person. [L]"""
SLACK_H = 0.25
"""Registers are not read to the minute: so much less than an hour is an hour. [h]"""
MOST_DAYS = 104
"""When so many of a weekday were counted they are halved: one to two years count."""
MOST_QUIETS, MOST_ALIKE = 730, 250
"""When so many quiets began at an hour of the day, or so many of these lasted the same number of hours, they are halved."""


def hour_of(end_local_s: Floats) -> Hours:
    """Return the hour since 1970 that stands for the 60 minutes before a local time: that in which most of them lie."""
    hour: Hours = np.floor((end_local_s - HOUR_S / 2) / HOUR_S).astype(np.int64)
    return hour


@dataclass
class QuietPast:
    """State of all rows.  Hours and days are local, counted from 1970."""

    ring: Bytes
    """(H, RING / A_BYTE) the ring of hours, two bits each; an hour has its number modulo `RING` for its place."""
    hour: Hours
    """(H,) the open hour; -1: none yet."""
    seen_s: Floats
    hit: Bools
    """(H,) known seconds of the open hour, and whether water was drawn in it."""
    litres: NDArray[np.float32]
    """(H, LITRES_KEPT) litres of the last hours, each at most `MOST_L`."""
    counted: Hours
    """(H,) the last day in the counts below."""
    used: Bytes
    known: Bytes
    """(H, 7, 24) hours in which water was drawn, and hours known, by weekday (Monday first)."""
    day_uses: NDArray[np.float32]
    day_litres: NDArray[np.float32]
    days: NDArray[np.float32]
    """(H, 24), (H, 24), (H,) used hours and litres by hour of complete days on which somebody was at home; their number."""
    ended: Bytes
    broken: Bytes
    """(H, 24, LENGTHS) quiets by their first hour and length in hours: ended by a use, or by what is not known."""

    @classmethod
    def fresh(cls, rows: int) -> "QuietPast":
        """Return rows that were never heard."""
        return cls(
            np.full((rows, RING // A_BYTE), 255, np.uint8),
            np.full(rows, -1, np.int64),
            np.zeros(rows),
            np.zeros(rows, np.bool_),
            np.zeros((rows, LITRES_KEPT), np.float32),
            np.full(rows, -1, np.int64),
            np.zeros((rows, 7, 24), np.uint8),
            np.zeros((rows, 7, 24), np.uint8),
            np.zeros((rows, 24), np.float32),
            np.zeros((rows, 24), np.float32),
            np.zeros(rows, np.float32),
            np.zeros((rows, 24, LENGTHS), np.uint8),
            np.zeros((rows, 24, LENGTHS), np.uint8),
        )

    def step(self, m: Moment) -> None:
        """Take in one interval of each of some rows; `m.origin` is where the clock of quiet stood before."""
        resets = m.used | m.unknown | m.hole | m.away
        gap_s = m.quiet_until - m.origin
        self._strike(m, resets & ((gap_s > TRIP_S) | m.struck))
        self._count_quiets(m, resets & (gap_s <= TRIP_S) & ~m.struck, gap_s)
        self._fill(m)
        if resets.any():
            self._count_days(m.rows[resets], hour_of((m.end + m.offset_s)[resets]) // 24)

    # --- hours ---------------------------------------------------------------------------------------------------------

    def _fill(self, m: Moment) -> None:
        """Put intervals into the hours that they touch."""
        long = m.used & (m.end - m.start > LONGEST_TAUGHT_S)  # nobody knows in which hour
        told = ~(m.unknown | m.away | long) & (m.end > m.start) & (m.end - m.start <= RING / 2 * HOUR_S)
        self._enter(m.rows, np.floor((m.start + m.offset_s) / HOUR_S).astype(np.int64))
        rows, local, until = m.rows[told], (m.start + m.offset_s)[told], (m.end + m.offset_s)[told]
        used, middle = m.used[told], np.floor(m.middle[told] / HOUR_S).astype(np.int64)
        litres = np.where(used, m.person_l[told], 0.0)
        while len(rows):
            hour = np.floor(local / HOUR_S).astype(np.int64)
            self._enter(rows, hour)
            edge = np.minimum(until, (hour + 1) * HOUR_S)
            self.seen_s[rows] += edge - local
            here = used & (hour == middle)
            self.hit[rows[here]] = True
            place = self.hour[rows[here]] % LITRES_KEPT
            self.litres[rows[here], place] = np.minimum(self.litres[rows[here], place] + litres[here], MOST_L)
            more = until > edge
            if not more.any():
                break
            rows, local, until, used, middle, litres = (
                a[more] for a in (rows, edge, until, used, middle, litres)
            )  # fmt: skip
        lost = ~told
        if not lost.any():
            return
        # The end of what is not known may lie on an edge: the hour that begins there is known from its beginning.
        self._enter(m.rows[lost], np.floor((m.end + m.offset_s)[lost] / HOUR_S).astype(np.int64))

    def _enter(self, rows: Rows, hour: Hours) -> None:
        """Close the open hour of rows that are in a later one now.

        A clock put back gives an hour twice: both count as one.
        """
        later = hour > self.hour[rows]
        if not later.any():
            return
        rows, hour = rows[later], hour[later]
        before = self.hour[rows]
        first = before < 0
        self.counted[rows[first]] = hour[first] // 24 - 1
        done, at = rows[~first], before[~first]
        said = np.where(self.hit[done], np.uint8(USED), np.uint8(NONE))
        self._write(done, at, np.where(self.seen_s[done] >= FULL_HOUR_S, said, np.uint8(UNKNOWN)))
        skip, step = np.minimum(hour - before - 1, RING), 1
        self.litres[rows, hour % LITRES_KEPT] = 0.0
        some = np.flatnonzero(~first & (skip > 0))
        while len(some):
            at = hour[some] - step
            self._write(rows[some], at, np.uint8(UNKNOWN))
            self.litres[rows[some], at % LITRES_KEPT] = 0.0
            step += 1
            some = some[skip[some] >= step]
        self.seen_s[rows], self.hit[rows], self.hour[rows] = 0.0, False, hour

    def _write(self, rows: Rows, hour: Hours, said: Bytes | np.uint8) -> None:
        """Write one hour of each of some rows into the ring."""
        place, first = np.divmod(hour % RING, A_BYTE)
        bit = (2 * first).astype(np.uint8)
        others = self.ring[rows, place] & ~np.left_shift(np.uint8(UNKNOWN), bit)
        self.ring[rows, place] = others | np.left_shift(said, bit)

    def _lose(self, row: int, hours: Hours) -> None:
        """Make hours of a row unknown: both bits are set, so several in a byte do not disturb each other."""
        place, nth = np.divmod(hours % RING, A_BYTE)
        np.bitwise_or.at(self.ring[row], place, np.left_shift(np.uint8(UNKNOWN), (2 * nth).astype(np.uint8)))

    def said(self, rows: Rows, hours: Hours) -> Bytes:
        """Return (M, N) what the ring says of hours (M, N): `USED`, `NONE` or `UNKNOWN`."""
        place, nth = np.divmod(hours % RING, A_BYTE)
        bits: Bytes = np.right_shift(self.ring[rows[:, None], place], (2 * nth).astype(np.uint8)) & np.uint8(UNKNOWN)
        return bits

    def told(self, rows: Rows, day: Hours) -> Bytes:
        """Return (M, D, 24) what the ring says of the hours of days (M, D); those that it does not hold are others'."""
        of_day = self.ring.reshape(-1, RING // 24, 24 // A_BYTE)[rows[:, None], day % (RING // 24)]
        return _SAID.take(of_day).view(np.uint8)

    def _strike(self, m: Moment, trip: Bools) -> None:
        """Make the hours of quiets that were trips unknown."""
        for n in np.flatnonzero(trip).tolist():  # a few in a year
            row = int(m.rows[n])
            first = int((m.origin[n] + m.offset_s[n] - HOUR_S / 2) // HOUR_S) + 1
            hours = np.arange(max(first, int(self.hour[row]) - RING + 1), int(self.hour[row]))
            self._lose(row, hours)
            self.seen_s[row] = 0.0

    def strike(self, row: int, first: int, last: int) -> Hours:
        """Make the hours from `first` to `last` of a row unknown and take back what they taught; return those known."""
        hours = np.arange(max(first, int(self.hour[row]) - RING + 1), min(last, int(self.hour[row]) - 1) + 1)
        said = self.said(np.array([row]), hours[None])[0]
        if last >= self.hour[row]:
            self.seen_s[row], self.hit[row] = 0.0, False
        known: Hours = hours[said != UNKNOWN]
        for counts, some in ((self.known, known), (self.used, hours[said == USED])):
            some = some[some // 24 <= self.counted[row]]
            taken = np.zeros((7, 24), np.int64)
            np.add.at(taken, (weekdays(some // 24), some % 24), 1)
            counts[row] = np.maximum(counts[row].astype(np.int64) - taken, 0)
        self._lose(row, hours)
        return known

    def uncount(self, row: int, begin_local_s: float, length_s: float, used: bool) -> None:
        """Take back a quiet that was counted when it ended."""
        place = min(int(length_s / HOUR_S + SLACK_H), LENGTHS) - 1
        first = (int(hour_of(np.array([begin_local_s]))[0]) + 1) % 24
        counts = self.ended if used else self.broken
        if place >= 0 and counts[row, first, place]:
            counts[row, first, place] -= 1

    # --- counts --------------------------------------------------------------------------------------------------------

    def _count_quiets(self, m: Moment, ends: Bools, gap_s: Floats) -> None:
        if not ends.any():
            return
        length = np.floor(np.where(ends, gap_s, 0.0) / HOUR_S + SLACK_H).astype(np.int64)
        some = np.flatnonzero(ends & (length >= 1))
        if not len(some):
            return
        rows, place = m.rows[some], np.minimum(length[some], LENGTHS) - 1
        first = (hour_of((m.origin + m.offset_s)[some]) + 1) % 24
        used = (m.used & ~m.hole)[some]  # nobody knows what ended a quiet that a hole follows
        self.ended[rows[used], first[used], place[used]] += 1
        broken = ~used
        at = rows[broken], first[broken], place[broken]
        self.broken[at] = np.minimum(self.broken[at], 254) + 1
        counted = self.ended[rows, first]
        full = (counted.sum(axis=1) >= MOST_QUIETS) | (counted.max(axis=1) >= MOST_ALIKE)
        for array in (self.ended, self.broken):  # a single long quiet stays one
            array[rows[full], first[full]] -= array[rows[full], first[full]] // 2

    def _count_days(self, rows: Rows, until: Hours) -> None:
        """Count the days before `until` (M,) that are not counted yet."""
        self.counted[rows] = np.maximum(self.counted[rows], np.minimum(until, self.hour[rows] // 24) - RING // 24 + 2)
        while True:
            day = self.counted[rows] + 1
            due = day < np.minimum(until, self.hour[rows] // 24)
            if not due.any():
                return
            rows, until, day = rows[due], until[due], day[due]
            hours = day[:, None] * 24 + np.arange(24)
            said = self.told(rows, day[:, None])[:, 0]
            used, known, weekday = said == USED, said != UNKNOWN, weekdays(day)
            self.used[rows, weekday] += used
            self.known[rows, weekday] += known
            full = self.known[rows, weekday].max(axis=1) >= MOST_DAYS
            for array in (self.used, self.known):
                array[rows[full], weekday[full]] //= 2
            self._count_usual(rows, hours, used, known)
            self.counted[rows] = day

    def _count_usual(self, rows: Rows, hours: Hours, used: Bools, known: Bools) -> None:
        litres = self.litres[rows[:, None], hours % LITRES_KEPT]
        kept = self.hour[rows] - hours[:, 0] < LITRES_KEPT
        home = known.all(axis=1) & kept & (litres.sum(axis=1) >= VALID_DAY_L)
        rows = rows[home]
        fade = np.minimum(1.0, YEAR_DAYS / (self.days[rows] + 1.0)).astype(np.float32)
        self.day_uses[rows] = (self.day_uses[rows] + used[home]) * fade[:, None]
        self.day_litres[rows] = (self.day_litres[rows] + litres[home]) * fade[:, None]
        self.days[rows] = (self.days[rows] + 1.0) * fade


def weekdays(day: Hours) -> Hours:
    """Return the weekday of each day since 1970, Monday 0: 1970-01-01 was a Thursday."""
    return (day + 3) % 7
