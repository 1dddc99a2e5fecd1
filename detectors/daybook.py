"""What each of the last days of a row held: in how many hours of the night water was drawn, and how many litres in all.

How this works.  Intervals fill the current local day; the first interval of another day closes it and writes two numbers
into a ring.  Hours in which water was drawn are counted, not draws: a meter that tells every quarter of an hour and one
that tells every hour then say the same of the same night.  A number that is not known is `UNKNOWN_H` or `UNKNOWN_L`, never
zero: of a night with a hole, of a day with more than an hour of holes, of a declared absence, of a day with an incident,
and of a day on which hardly anything was drawn.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.bins import DAY_S, HOUR_S, Bools, Floats, Rows
from detectors.clock import Moment
from detectors.habit import LONGEST_TAUGHT_S, VALID_DAY_L

KEPT = 99
"""Days kept: today's, and those on which `detectors.drift` rests."""
NIGHT_H = 5
"""The night is from midnight to this hour: later in the evening and in the morning people are up anyway."""
WINDOWS_S = np.array([NIGHT_H * HOUR_S, DAY_S])
"""Ends of the two windows of a day, both from local midnight: the night, the whole day. [s]"""
LOST_S = np.array([900.0, HOUR_S])
"""More than this not known, and the window is not. [s]"""
LOOKED_BACK = 90.0
UNKNOWN_H, UNKNOWN_L = 255, 65_535
MOST_L = 65_534
NIGHT, LITRES = 0, 1
Days = NDArray[np.int64]


@dataclass
class Daybook:
    """State of all rows."""

    night_h: NDArray[np.uint8]
    """(H, KEPT) hours of the night in which water was drawn, a ring: a day has its number since 1970 modulo `KEPT`."""
    litres: NDArray[np.uint16]
    """(H, KEPT) litres of the day, rounded."""
    day: Days
    """(H,) current local day since 1970; -1: none yet."""
    hours: NDArray[np.uint8]
    """(H,) bit n: water was drawn in hour n of its night."""
    day_l: Floats
    """(H,) its litres so far."""
    lost_s: Floats
    """(H, 2) how much of its night and of the whole day is not known, or not this home's life. [s]"""
    whole: NDArray[np.float32]
    empty: NDArray[np.float32]
    """(H,) days known in full, and those of them on which hardly anything was drawn; about `LOOKED_BACK` count. [days]"""
    lost_until: Floats
    """(H, 2) local end of the latest such stretch; it may reach into the day to come. [s]"""

    @classmethod
    def fresh(cls, rows: int) -> "Daybook":
        """Return rows that were never heard."""
        return cls(
            np.full((rows, KEPT), UNKNOWN_H, np.uint8),
            np.full((rows, KEPT), UNKNOWN_L, np.uint16),
            np.full(rows, -1, np.int64),
            np.zeros(rows, np.uint8),
            np.zeros(rows),
            np.zeros((rows, 2)),
            np.zeros(rows, np.float32),
            np.zeros(rows, np.float32),
            np.full((rows, 2), -np.inf),
        )

    def step(self, m: Moment) -> tuple[Rows, Days]:
        """Take in one interval of each of some rows; return the rows whose day is over, and those days.

        An interval belongs to the day and hour of its middle.
        """
        day = np.floor(m.middle / DAY_S).astype(np.int64)
        begin, end = self._lost(m)
        self._lose(m.rows, begin, end)
        other = day != self.day[m.rows]
        over = m.rows[other & (self.day[m.rows] >= 0)]
        ended = self.day[over].copy()
        if len(over):
            self._close(over)
        if other.any():
            self._open(m.rows[other], day[other], begin[other], end[other])
        self.lost_until[m.rows] = np.fmax(self.lost_until[m.rows], end)
        self.day_l[m.rows] += np.nan_to_num(m.litres)
        hour = ((m.middle - day * DAY_S) // HOUR_S).astype(np.int64)
        at_night = m.used & (hour < NIGHT_H)
        self.hours[m.rows[at_night]] |= np.left_shift(1, hour[at_night]).astype(np.uint8)
        return over, ended

    @staticmethod
    def _lost(m: Moment) -> tuple[Floats, Floats]:
        """Return (M, 2) local begin and end of what each interval leaves unknown, for the night and for the whole day.

        End before begin: nothing.  A use in a long interval cannot be placed in an hour, but its litres are known.
        """
        gone = m.unknown | m.away
        coarse = m.used & (m.end - m.start > LONGEST_TAUGHT_S)
        hole_s = np.where(np.isnan(m.gone_s), np.inf, m.gone_s - np.where(gone, m.end - m.start, 0.0))
        begin = np.where(m.hole, m.start - hole_s, m.start) + m.offset_s
        both = np.stack([gone | coarse, gone], axis=1)
        upto = np.where(both, m.end[:, None], np.where(m.hole, m.start, -np.inf)[:, None])
        return np.broadcast_to(begin[:, None], upto.shape), upto + m.offset_s[:, None]

    def _lose(self, rows: Rows, begin: Floats, end: Floats) -> None:
        """Note what the current days of `rows` lost of stretches (M, 2)."""
        some = np.flatnonzero((end > begin).any(axis=1) & (self.day[rows] >= 0))
        if len(some):
            self.lost_s[rows[some]] += _inside(self.day[rows[some]], begin[some], end[some])

    def _close(self, rows: Rows) -> None:
        """Write the current days of `rows` into the ring."""
        known = (self.lost_s[rows] <= LOST_S) & (self.day_l[rows] >= VALID_DAY_L)[:, None]
        night = np.where(known[:, NIGHT], np.bitwise_count(self.hours[rows]), UNKNOWN_H)
        litres = np.where(known[:, LITRES], np.minimum(np.rint(self.day_l[rows]), MOST_L), UNKNOWN_L)
        self.write(rows, self.day[rows], night, litres)
        lost_s = self.lost_s[rows, LITRES]
        whole = rows[(lost_s <= LOST_S[LITRES]) | np.isinf(lost_s)]  # a day with an incident was known all the same
        fade = np.minimum(1.0, LOOKED_BACK / (self.whole[whole] + 1.0)).astype(np.float32)
        self.empty[whole] = (self.empty[whole] + (self.day_l[whole] < VALID_DAY_L)) * fade
        self.whole[whole] = (self.whole[whole] + 1.0) * fade

    def empty_share(self, rows: Rows) -> Floats:
        """Return (M,) the share of the known days on which hardly anything was drawn; NaN: no day is known."""
        none = self.whole[rows] == 0
        share: Floats = np.where(none, np.nan, self.empty[rows] / np.where(none, 1.0, self.whole[rows]))
        return share

    def strike(self, row: int, first: int, last: int) -> None:
        """Leave the local days from `first` to `last` of a row out of what is usual."""
        one, today = np.array([row]), int(self.day[row])
        if last >= today:
            self.spoil(one, night=True)
        begin, end = max(first, today - KEPT + 1), min(last, today - 1)
        if begin <= end:
            self.forget(one, np.array([begin]), np.array([end]))

    def write(self, rows: Rows, day: Days, night_h: ArrayLike, litres: ArrayLike) -> None:
        """Write one day of each of some rows: `day` (M,), and its two numbers (M,) or one for all."""
        self.night_h[rows, day % KEPT], self.litres[rows, day % KEPT] = night_h, litres

    def _open(self, rows: Rows, day: Days, begin: Floats, end: Floats) -> None:
        """Begin `day` for rows; days between, of which nothing is known, become unknown."""
        before = np.where(self.day[rows] < 0, day - KEPT, self.day[rows])
        skipped = np.minimum(day - before - 1, KEPT)
        for n in range(1, int(skipped.max(initial=0)) + 1):
            some = skipped >= n
            self.write(rows[some], day[some] - n, UNKNOWN_H, UNKNOWN_L)
        self.day[rows], self.hours[rows], self.day_l[rows] = day, 0, 0.0
        carried = self.lost_until[rows]
        self.lost_s[rows] = _inside(day, np.full_like(carried, -np.inf), carried)
        self._lose(rows, np.maximum(begin, carried), end)

    def spoil(self, rows: Rows, *, night: bool) -> None:
        """Leave the litres of the current day of `rows` out of what is usual, with `night` its night as well."""
        self.lost_s[rows, LITRES] = np.inf
        if night:
            self.lost_s[rows, NIGHT] = np.inf

    def forget(self, rows: Rows, first: Days, last: Days) -> None:
        """Make the days from `first` to `last` (M,), all of which are kept, unknown: they were not this home's usual life."""
        for n in range(int((last - first).max(initial=-1)) + 1):
            some = last - first >= n
            self.write(rows[some], last[some] - n, UNKNOWN_H, UNKNOWN_L)

    def sums(self, rows: Rows, day: Days, lag: int, since: Days) -> tuple[Floats, Floats, Floats]:
        """Return (M, 2) how many days are known, their sum, and the sum of their squares.

        Of the days kept up to `lag` days before `day` (M,), and not before `since` (M,).
        """
        age = (day[:, None] - np.arange(KEPT)) % KEPT
        meant = (age >= lag) & (age <= (day - since)[:, None])
        found = []
        for ring, unknown in ((self.night_h, UNKNOWN_H), (self.litres, UNKNOWN_L)):
            values = ring[rows]
            known = meant & (values != unknown)
            x = np.where(known, values, 0).astype(np.float64)
            found.append((known.sum(axis=1).astype(np.float64), x.sum(axis=1), np.einsum("md,md->m", x, x)))
        count, total, squares = (np.stack(column, axis=1) for column in zip(*found, strict=True))
        return count, total, squares

    def last(self, rows: Rows, day: Days, first: int, count: int) -> tuple[Floats, Bools]:
        """Return ((M, count, 2) values, known) of `count` days, the newest of them `first` days before `day` (M,)."""
        place = (day[:, None] - np.arange(first, first + count)) % KEPT
        night, litres = self.night_h[rows[:, None], place], self.litres[rows[:, None], place]
        values = np.stack([night, litres], axis=2).astype(np.float64)
        return values, np.stack([night != UNKNOWN_H, litres != UNKNOWN_L], axis=2)


def _inside(day: Days, begin: Floats, end: Floats) -> Floats:
    """Return (M, 2) seconds of the stretches (M, 2) from `begin` to `end` that lie in each window of `day` (M,)."""
    midnight = (day * DAY_S)[:, None]
    inside: Floats = np.maximum(np.minimum(end, midnight + WINDOWS_S) - np.maximum(begin, midnight), 0.0)
    return inside
