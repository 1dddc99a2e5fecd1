"""What is usual for a row: in which hours of the day water is drawn, and when the day begins.

How this works.  Intervals fill the current local hour; a full hour joins the current day; a day of at least
`VALID_DAY_L` is held until the next use and then counts.  Holding it back keeps two promises: the habit never changes
during a quiet (so the deadline of a quiet is fixed at its start), and a quiet longer than `TRIP_S` teaches nothing: it
was an absence that nobody declared, and the days on which it began and ended are dropped.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.bins import DAY_S, HOUR_S, Bools, Floats, Rows
from detectors.clock import Moment

VALID_DAY_L = 5.0
"""A day on which less was drawn is no day of a person at home. [L]"""
TRIP_S = 36 * HOUR_S
"""A longer quiet was an absence. [s]"""
LONGEST_TAUGHT_S = 1.5 * HOUR_S
"""A use inside a longer interval cannot be placed in an hour. [s]"""
FULL_HOUR_S = 0.9 * HOUR_S
YEAR_DAYS = 365.0
"""Older days fade, so that about this many count."""
FIRST_USE_FROM_S = 4 * HOUR_S
"""A visit to the bathroom at two is not getting up. [s after local midnight]"""
FIRST_USES_KEPT = 28
FIRST_USES_NEEDED = 5
Singles = NDArray[np.float32]


@dataclass
class Habit:
    """State of all rows.  Hours are local; `*_hits` are hours in which water was drawn, `*_known` hours known."""

    hits: Singles
    known: Singles
    """(H, 24) what counts."""
    days: Floats
    """(H,) days in `hits` and `known`."""
    held_hits: Singles
    held_known: Singles
    held_days: Floats
    """The same for whole days that wait for the next use."""
    day_hits: Singles
    day_known: Singles
    day_l: Floats
    """The same for the current day, and its litres."""
    hour: NDArray[np.int64]
    """(H,) current local hour since 1970; -1: none yet."""
    seen_s: Floats
    hit: Floats
    """(H,) known seconds of it, and how much of a use fell into it (0 to 1 and more)."""
    first_use_s: Singles
    """(H, 28) first uses after 04:00, a ring. [s after local midnight]"""
    first_uses: NDArray[np.int64]
    first_use_day: NDArray[np.int64]
    """(H,) how many were seen, and the last local day looked at."""

    @classmethod
    def fresh(cls, rows: int) -> "Habit":
        """Return the habits of rows of which nothing is known."""
        h = [np.zeros((rows, 24), np.float32) for _ in range(6)]
        z = [np.zeros(rows) for _ in range(5)]
        i = [np.full(rows, -1, np.int64), np.zeros(rows, np.int64), np.full(rows, -1, np.int64)]
        ring = np.full((rows, FIRST_USES_KEPT), np.nan, np.float32)
        return cls(h[0], h[1], z[0], h[2], h[3], z[1], h[4], h[5], z[2], i[0], z[3], z[4], ring, i[1], i[2])

    def step(self, m: Moment) -> Rows:
        """Take in one interval of each row of `m`; return the rows whose habit changed."""
        changed = self._settle(m)
        taught = ~(m.unknown | m.away) & (~m.used | (m.end - m.start <= LONGEST_TAUGHT_S)) & (m.end > m.start)
        # Of a quiet beyond a trip nothing is learnt, so its hours need not be counted out one by one.
        taught &= m.used | (m.end - m.start <= TRIP_S)
        lost = ~taught | m.hole
        if lost.any():
            self._forget_hour(m.rows[lost], m.start[lost] + m.offset_s[lost])
        self._fill(m, taught)
        skipped = ~taught
        if skipped.any():
            self._forget_hour(m.rows[skipped], (m.end + m.offset_s)[skipped])
        self._note_first_use(m)
        return changed

    def _settle(self, m: Moment) -> Rows:
        """At a use, count the days that were held; drop them if the quiet before was a trip."""
        ends = m.used
        gap_s = m.start - m.origin
        trip = m.rows[ends & ((gap_s > TRIP_S) | m.struck)]
        for array in (self.held_hits, self.held_known, self.day_hits, self.day_known):
            array[trip] = 0.0
        for vector in (self.held_days, self.day_l, self.seen_s, self.hit):
            vector[trip] = 0.0
        rows: Rows = m.rows[ends & (self.held_days[m.rows] > 0)]
        if len(rows):
            fade = np.minimum(1.0, YEAR_DAYS / (self.days[rows] + self.held_days[rows]))
            self.hits[rows] = (self.hits[rows] + self.held_hits[rows]) * fade[:, None]
            self.known[rows] = (self.known[rows] + self.held_known[rows]) * fade[:, None]
            self.days[rows] = (self.days[rows] + self.held_days[rows]) * fade
            self.held_hits[rows], self.held_known[rows], self.held_days[rows] = 0.0, 0.0, 0.0
        return rows

    def strike(self, row: int, hours: NDArray[np.int64], until_local_s: float) -> None:
        """Take back what known local hours (since 1970) of a row taught, up to a local time."""
        today = int(self.hour[row]) // 24
        held_from = today - round(float(self.held_days[row]))
        if (hours // 24 >= held_from).any():  # as after a trip: what waits for the next use goes
            for array in (self.held_hits, self.held_known, self.day_hits, self.day_known):
                array[row] = 0.0
            for vector in (self.held_days, self.day_l, self.seen_s, self.hit):
                vector[row] = 0.0
        settled = np.bincount(hours[hours // 24 < held_from] % 24, minlength=24)
        self.known[row] = np.maximum(self.known[row] - settled, self.hits[row])
        place = (int(self.first_uses[row]) - 1) % FIRST_USES_KEPT
        noted = float(self.first_use_day[row]) * DAY_S + self.first_use_s[row, place]
        if len(hours) and float(hours[0]) * HOUR_S <= noted <= until_local_s:  # False for NaN
            self.first_use_s[row, place] = np.nan
            self.first_uses[row] -= 1

    def _fill(self, m: Moment, pick: Bools) -> None:
        """Spread intervals over the local hours that they touch."""
        rows, local, until = m.rows[pick], (m.start + m.offset_s)[pick], (m.end + m.offset_s)[pick]
        length, used, litres = until - local, m.used[pick], m.litres[pick]
        while len(rows):
            hour = np.floor(local / HOUR_S).astype(np.int64)
            self._enter(rows, hour)
            edge = np.minimum(until, (hour + 1) * HOUR_S)
            share = (edge - local) / length
            self.seen_s[rows] += edge - local
            self.hit[rows] += used * share
            self.day_l[rows] += litres * share
            more = until > edge
            if not more.any():
                break
            rows, local, until, length, used, litres = (
                a[more] for a in (rows, edge, until, length, used, litres)
            )  # fmt: skip

    def _forget_hour(self, rows: Rows, local: Floats) -> None:
        self._enter(rows, np.floor(local / HOUR_S).astype(np.int64))
        self.seen_s[rows] = 0.0

    def _enter(self, rows: Rows, hour: NDArray[np.int64]) -> None:
        """Close the current hour of rows that are in another one now, and the day with it."""
        other = hour != self.hour[rows]
        if not other.any():
            return
        rows, hour = rows[other], hour[other]
        before = self.hour[rows]
        full = (self.seen_s[rows] >= FULL_HOUR_S) & (before >= 0)
        done, of_day = rows[full], before[full] % 24
        self.day_known[done, of_day] += 1.0
        self.day_hits[done, of_day] += np.minimum(self.hit[done], 1.0)
        self.seen_s[rows], self.hit[rows], self.hour[rows] = 0.0, 0.0, hour
        self._end_day(rows[(before >= 0) & (before // 24 != hour // 24)])

    def _end_day(self, rows: Rows) -> None:
        valid = rows[self.day_l[rows] >= VALID_DAY_L]
        self.held_hits[valid] += self.day_hits[valid]
        self.held_known[valid] += self.day_known[valid]
        self.held_days[valid] += 1.0
        self.day_hits[rows], self.day_known[rows], self.day_l[rows] = 0.0, 0.0, 0.0

    def _note_first_use(self, m: Moment) -> None:
        day = np.floor(m.middle / DAY_S).astype(np.int64)
        of_day = m.middle - day * DAY_S
        new = m.used & (of_day >= FIRST_USE_FROM_S) & (day != self.first_use_day[m.rows])
        seen = new & ~m.hole & (m.blind_until + m.offset_s <= day * DAY_S + FIRST_USE_FROM_S)
        seen &= m.end - m.start <= LONGEST_TAUGHT_S
        rows = m.rows[seen]
        self.first_use_s[rows, self.first_uses[rows] % FIRST_USES_KEPT] = of_day[seen]
        self.first_uses[rows] += 1
        self.first_use_day[m.rows[new]] = day[new]

    def usual_first_use(self) -> Floats:
        """Return (H, 2): 10 % and 90 % points of the first use of a day, seconds after local midnight; NaN: too few."""
        usual = np.full((len(self.days), 2), np.nan)
        enough = self.first_uses >= FIRST_USES_NEEDED
        if enough.any():
            usual[enough] = np.nanquantile(self.first_use_s[enough], [0.1, 0.9], axis=1).T
        return usual
