"""What ran through each row's meter in the last day: the litres of any trailing window, in about 800 bytes a row.

How this works.  Each row's litres are added up for ever, and at every full quarter of an hour (UTC) the sum is noted in a
ring of `PLACES`.  What a window held is a difference of two sums; between two quarters the flow is taken as even.  The
seconds in which it is *not* known when water ran are summed in the same way, so that unknown is never taken for none.
Sums are noted in millilitres and seconds modulo 2^32: differences within a day come out right all the same.  While
nothing changes nothing is noted; it is made up for at the next change, and until then the newest sums stand in.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.bins import LEAST_USE_L, QUARTER_S, Bools, Floats, Rows

PLACES = 97
"""Quarters of an hour in a day, and one: the oldest edge of a day that ends between two quarters."""
COARSE_S = 1.5 * 3600.0
"""Water in a longer interval counts as litres, but nobody knows when it ran. [s]"""
ML = 1000.0
Sums = NDArray[np.uint32]
Quarters = NDArray[np.int64]


def steps(resolution_l: Floats) -> Floats:
    """Return `Flow.step_l` of registers of these resolutions."""
    return np.maximum(resolution_l, LEAST_USE_L)


@dataclass
class Flow:
    """State of all rows."""

    step_l: Floats
    """(H,) smallest step of each register that says something: a finer one shows the drip and the noise. [L]"""
    first: Floats
    until: Floats
    """(H,) start and end of what was added, seconds since 1970; NaN: nothing yet."""
    litres: Floats
    """(H,) litres since `first`, unknown counted as none. [L]"""
    blind_s: Floats
    """(H,) seconds since `first` of which it is not known when water ran, or whether. [s]"""
    noted: Quarters
    """(H,) up to which quarter of an hour since 1970 the ring is written; -1: not at all."""
    ring_ml: Sums
    ring_s: Sums
    """(H, PLACES) both sums at full quarters of an hour; a quarter has its number modulo `PLACES` for its place."""

    @classmethod
    def fresh(cls, resolution_l: Floats) -> "Flow":
        """Return rows that were never heard, with registers of these resolutions."""
        rows = len(resolution_l)
        nan, zero = np.full((2, rows), np.nan), np.zeros((2, rows))
        sums = [np.zeros((rows, PLACES), np.uint32) for _ in range(2)]
        noted = np.full(rows, -1, np.int64)
        return cls(steps(resolution_l), nan[0], nan[1], zero[0], zero[1], noted, sums[0], sums[1])

    def add(self, rows: Rows, start: Floats, end: Floats, litres: Floats, hole: Bools) -> None:
        """Append one interval to each of `rows`; `litres` NaN: not known; `hole`: nothing is known up to `start`."""
        change = (litres != 0) | hole  # True for NaN
        if change.any():
            self._add(rows[change], start[change], end[change], litres[change])
        self.until[rows] = end

    def _add(self, rows: Rows, start: Floats, end: Floats, litres: Floats) -> None:
        new = np.isnan(self.first[rows])
        self.first[rows[new]], self.until[rows[new]] = start[new], start[new]
        self.noted[rows[new]] = _quarter(start[new])
        hole_s = np.maximum(start - self.until[rows], 0.0)
        length, volume = end - start, np.nan_to_num(litres)
        blind_s = np.where(np.isnan(litres) | ((length > COARSE_S) & (volume > 0)), length, 0.0)
        last = _quarter(end)
        oldest = np.maximum(self.noted[rows] + 1, last - PLACES + 1)
        count = np.maximum(last - oldest + 1, 0)
        n = np.repeat(np.arange(len(rows)), count)
        quarter = oldest[n] + np.arange(len(n)) - np.repeat(np.cumsum(count) - count, count)
        share = np.clip((quarter * QUARTER_S - start[n]) / np.maximum(length[n], 1e-9), 0.0, 1.0)
        before = np.clip(quarter * QUARTER_S - self.until[rows[n]], 0.0, hole_s[n])
        at, place = rows[n], quarter % PLACES
        self.ring_ml[at, place] = _noted((self.litres[at] + share * volume[n]) * ML)
        self.ring_s[at, place] = _noted(self.blind_s[at] + before + share * blind_s[n])
        self.noted[rows] = np.maximum(last, self.noted[rows])
        self.litres[rows] += volume
        self.blind_s[rows] += hole_s + blind_s

    def placed_s(self, rows: Rows) -> Floats:
        """Return (M,) seconds since `first` of which it is known when water ran."""
        return self.until[rows] - self.first[rows] - self.blind_s[rows]

    def sums(self, rows: Rows, seconds: Floats) -> Floats:
        """Return (M, W) litres of the last `seconds` (W,), each a quarter of an hour to a day."""
        if not len(rows):
            return np.empty((0, len(seconds)))
        litres, _ = self._windows(rows, seconds, blind=False)
        return litres

    def window(self, rows: Rows, seconds: Floats) -> tuple[Floats, Floats]:
        """Return (M,) litres of the last `seconds` (M,), and how many of these it is known when water ran."""
        if not len(rows):
            return np.empty(0), np.empty(0)
        litres, blind_s = self._windows(rows, seconds[:, None], blind=True)
        before_s = np.maximum(self.first[rows] - (self.until[rows] - seconds), 0.0)
        return litres[:, 0], seconds - blind_s[:, 0] - before_s

    def _windows(self, rows: Rows, seconds: Floats, blind: bool) -> tuple[Floats, Floats]:
        """Return (M, W) litres, and with `blind` seconds not known, of the last `seconds` (W,) or (M, W)."""
        since = (self.until[rows][:, None] - seconds) / QUARTER_S
        older = np.floor(since)
        quarter = older.astype(np.int64)
        edges = np.concatenate([quarter, quarter + 1], axis=1)  # between them the window begins
        inside, half = since - older, since.shape[1]
        grown = self._since(self.ring_ml, self.litres[rows] * ML, rows, edges) / ML
        litres = grown[:, :half] - inside * (grown[:, :half] - grown[:, half:])
        if not blind:
            return litres, litres
        grown = self._since(self.ring_s, self.blind_s[rows], rows, edges)
        return litres, grown[:, :half] - inside * (grown[:, :half] - grown[:, half:])

    def _since(self, ring: Sums, total: Floats, rows: Rows, quarter: Quarters) -> Floats:
        """Return (M, Q) by how much a sum has grown since these quarters (M, Q)."""
        grown = _noted(total)[:, None] - ring[rows[:, None], quarter % PLACES]
        return np.where(quarter > self.noted[rows][:, None], 0.0, grown)

    def quarters(self, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """Return the last day, each (M, PLACES): times of its quarters, litres and placed seconds up to them."""
        quarter = _quarter(self.until[rows])[:, None] + np.arange(-PLACES + 1, 1)
        edges = quarter.astype(np.float64) * QUARTER_S
        litres = -self._since(self.ring_ml, self.litres[rows] * ML, rows, quarter)
        litres /= ML
        blind_s = self._since(self.ring_s, self.blind_s[rows], rows, quarter)
        return edges, litres, np.maximum(edges, self.first[rows][:, None]) + blind_s


def _quarter(time: Floats) -> Quarters:
    return np.floor(time / QUARTER_S).astype(np.int64)


def _noted(total: Floats) -> Sums:
    """Return sums as they are kept in the ring: rounded, modulo 2^32."""
    return np.rint(total).astype(np.int64).astype(np.uint32)
