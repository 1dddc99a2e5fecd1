"""What is much for a row: the most it draws in half an hour, an hour, three hours and a day, and how long at a stretch.

How this works.  The highest sum of each window on each of the last `DAYS` ordinary days is kept.  Four of five days stay
below the *usual* most u of a home (drawn towards the cohort's by ten days); how far the others go beyond it gives the
scale of a generalised Pareto tail (drawn by twenty).  With R litres in a window and y = R/u - 1,

    score = -log10(share of days beyond u) + log10(1 + XI * y / scale) / XI

so that a score of 2 comes about once in a hundred days and window, if days were alike.  Peaks over threshold as in
Coles, *An introduction to statistical modeling of extreme values*, 2001, chapter 4.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.bins import DAY_S, HOUR_S, Bools, Floats, Rows
from detectors.clock import Moment
from detectors.flow import Flow
from detectors.habit import VALID_DAY_L

WINDOWS_S = np.array([0.5, 1.0, 3.0, 24.0]) * HOUR_S
RUN = len(WINDOWS_S)
"""Column of the longest run, beside those of the windows."""
DAYS = 42
"""Ordinary days kept: six weeks."""
GONE_S = 4 * HOUR_S
"""A day of which more is not known is no ordinary day. [s]"""
QUANTILE, BEYOND = 0.8, 0.2
USUAL_PRIOR, EXCESS_PRIOR = 10.0, 20.0
"""Weight of the cohort, in days, and in days beyond the usual."""
XI = 0.3
MOST_EXCESS = 5.0
"""A day far beyond, such as one on which a tap was left open, teaches no more than this."""
REFIT_DAYS = 7
SLACK = 1.05
"""A window is judged by intervals up to this much longer."""
COHORT_USUAL_L = np.array([42.0, 50.0, 66.0, 180.0])
COHORT_SCALE = np.array([0.30, 0.25, 0.21, 0.15])
COHORT_EXCESS = np.array([0.36, 0.31, 0.30, 0.22])
"""The usual most, scale and mean excess of a home of which nothing is known: medians of 40 simulated seniors, and the
larger tail of theirs and of 29 recorded homes, as ``python -m benchmarks.flow --cohort`` prints them."""
MINUTE_S = 60.0


@dataclass
class Peaks:
    """State of all rows."""

    kept: NDArray[np.uint16]
    """(H, 5, DAYS) highest sums of the windows [L] and longest run [minutes] of ordinary days, a ring."""
    days: NDArray[np.int64]
    """(H,) how many ordinary days were seen."""
    day: NDArray[np.int64]
    """(H,) current local day since 1970; -1: none yet."""
    day_most: Floats
    """(H, 5) the same of the current day, in litres and seconds."""
    day_l: Floats
    day_gone_s: Floats
    """(H,) litres of the current day; how much of it is not known, or was spent elsewhere; inf: it began unseen."""
    usual_l: Floats
    scale: Floats
    often: Floats
    """(H, 4) what a home usually stays below (inf: not known), scale of what goes beyond, share of days that do."""
    run_s: Floats
    """(H,) the longest run of the days kept. [s]"""

    @classmethod
    def fresh(cls, rows: int) -> "Peaks":
        """Return rows that know only the cohort."""
        kept = np.zeros((rows, RUN + 1, DAYS), np.uint16)
        zero = np.zeros((3, rows))
        usual, scale, often = (np.tile(x, (rows, 1)) for x in (COHORT_USUAL_L, COHORT_SCALE, np.full(RUN, BEYOND)))
        none, most = np.full(rows, -1, np.int64), np.zeros((rows, RUN + 1))
        return cls(kept, np.zeros(rows, np.int64), none, most, zero[0], zero[1], usual, scale, often, zero[2])

    def sums(self, flow: Flow, rows: Rows, length_s: Floats) -> Floats:
        """Return (M, 4) litres of the windows up to now; 0: the interval is longer than the window."""
        return np.where(length_s[:, None] <= SLACK * WINDOWS_S, flow.sums(rows, WINDOWS_S), 0.0)

    def learn(self, m: Moment, drew: Rows, sums: Floats, run_s: Floats) -> None:
        """Take in one interval of each of some rows.

        Parameters
        ----------
        m : Moment
        drew : (D,) int
            Places in `m.rows` at which water came.
        sums : (D, 4) float
            What `sums` returned of them.
        run_s : (D,) float
            Length of their present strong run. [s]
        """
        day = np.floor(((m.start + m.end) / 2 + m.offset_s) / DAY_S).astype(np.int64)
        other, gone = day != self.day[m.rows], m.gone_s != 0  # True for NaN: the first interval of a row
        self.day_gone_s[m.rows[gone]] += np.where(np.isnan(m.gone_s[gone]), np.inf, m.gone_s[gone])
        rows = m.rows[other]
        if len(rows):
            self._end_day(rows)
            # A hole over midnight counts for both days.
            self.day[rows], self.day_gone_s[rows] = day[other], np.nan_to_num(m.gone_s[other], nan=np.inf)
        at = m.rows[drew]
        self.day_l[at] += m.litres[drew]
        self.day_most[at, :RUN] = np.maximum(self.day_most[at, :RUN], sums)
        self.day_most[at, RUN] = np.maximum(self.day_most[at, RUN], run_s)

    def _end_day(self, rows: Rows) -> None:
        full = rows[(self.day_gone_s[rows] <= GONE_S) & (self.day_l[rows] >= VALID_DAY_L)]
        most = self.day_most[full]
        most[:, RUN] /= MINUTE_S
        self.kept[full, :, self.days[full] % DAYS] = np.minimum(np.rint(most), np.iinfo(np.uint16).max)
        self.days[full] += 1
        self._fit(full[self.days[full] % REFIT_DAYS == 0])
        self.day_most[rows], self.day_l[rows] = 0.0, 0.0

    def _fit(self, rows: Rows) -> None:
        """Work out anew what is usual for `rows`, all of which have days."""
        if not len(rows):
            return
        kept, n = self.kept[rows], np.minimum(self.days[rows], DAYS)[:, None].astype(np.float64)
        self.run_s[rows] = kept[:, RUN].max(axis=1) * MINUTE_S
        most = kept[:, :RUN].astype(np.float64)
        most[np.broadcast_to(np.arange(DAYS) >= n[:, :, None], most.shape)] = np.nan  # places that were never written
        place = np.ceil(QUANTILE * n).astype(np.intp)[:, :, None] - 1
        own = np.take_along_axis(np.sort(most, axis=2), np.broadcast_to(place, (len(rows), RUN, 1)), axis=2)[:, :, 0]
        usual = np.maximum((n * own + USUAL_PRIOR * COHORT_USUAL_L) / (n + USUAL_PRIOR), 1.0)
        usual[own == 0] = np.inf  # the meter tells too seldom for this window
        excess = np.minimum(most / usual[:, :, None] - 1.0, MOST_EXCESS)
        beyond = np.where(excess > 0, excess, 0.0)  # False for NaN
        k = (excess > 0).sum(axis=2)
        total = beyond.sum(axis=2)
        self.usual_l[rows] = usual
        mean = (total + EXCESS_PRIOR * COHORT_EXCESS) / (k + EXCESS_PRIOR)
        self.scale[rows] = COHORT_SCALE * mean / COHORT_EXCESS
        self.often[rows] = (k + BEYOND * EXCESS_PRIOR) / (n + EXCESS_PRIOR)

    def score(self, rows: Rows, sums: Floats) -> Floats:
        """Return (M, 4) how unusual these sums of the windows are; 0: not beyond the usual."""
        beyond = sums / self.usual_l[rows] - 1.0
        tail = np.log10(1.0 + XI * np.maximum(beyond, 0.0) / self.scale[rows]) / XI
        return np.where(beyond > 0, tail - np.log10(self.often[rows]), 0.0)

    def litres_at(self, rows: Rows, score: float) -> Floats:
        """Return (M, 4) litres in the windows at which `score` is reached; inf: what is usual is not known."""
        tail = np.maximum(10.0 ** (XI * (score + np.log10(self.often[rows]))), 1.0) - 1.0
        litres: Floats = self.usual_l[rows] * (1.0 + self.scale[rows] / XI * tail)
        return litres

    def known(self, rows: Rows, least_days: float) -> Bools:
        """Return (M,) whether a row has at least so many ordinary days."""
        known: Bools = self.days[rows] >= least_days
        return known
