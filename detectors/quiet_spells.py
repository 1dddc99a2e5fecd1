"""The present quiet of each row: how it is likely to go on, worked out once, and what past ones taught about the home.

A quiet is looked at when it has lasted `QuietSettings.least_s`; from then on its level at any hour, and the hour of any
level, are read off a curve of sixty numbers.  When it ends, what came is held against what was expected; and the amber
level of the home rises a little if it was reached for nothing, and sinks as time goes by without that, so that no home is
asked much more often than the others.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bins import DAY_S, HOUR_S, MONTH_DAYS, Bools, Floats, Rows
from detectors.clock import Moment
from detectors.habit import TRIP_S
from detectors.quiet_columns import HOURS, Singles, columns, shipped_priors
from detectors.quiet_hazard import (
    BANDS,
    MOST_LIKE,
    POPULATIONS,
    chances,
    likeness,
    mixed,
    offsets,
    population_odds,
    residuals,
    shipped,
    survival,
)
from detectors.quiet_index import level_at, levels, night_costs
from detectors.quiet_past import SLACK_H, QuietPast, hour_of

MOST_SPREAD = 400.0
"""Older hours of a band fade, so that about this much of p (1 - p) counts: some years."""
NINE_OF_TEN = 0.1
MOST_OWN = 1.2
"""No home's own level is further from the common one."""
MONTH_S = MONTH_DAYS * DAY_S


class Pace(NamedTuple):
    """How fast a home's own amber level moves."""

    step: float
    """By how much a false alarm raises it."""
    a_month: float
    """So many false alarms a month keep it where it is."""


class Ended(NamedTuple):
    """Quiets that were looked at and are over; all arrays are (M,), times in seconds since 1970."""

    rows: Rows
    begin: Floats
    end: Floats
    level: Floats
    """What its level was at its end."""
    used: Bools
    """It ended by a use."""
    alive: Bools
    """It ended by a use, a movement, or water at some moment that is not known: somebody is up."""
    struck: Bools
    """It is known to be no usual life."""


@dataclass
class Spells:
    """State of all rows."""

    kind: Rows
    """(H,) class of the register."""
    begin: Floats
    """(H,) begin of the quiet that the curves are those of, seconds since 1970; NaN: none yet."""
    odds: Singles
    """(H, POPULATIONS, HOURS) log odds of water in each of its hours, without the home's own offsets."""
    curve: Singles
    """(H, HOURS) its level at the end of each hour (`quiet_index.levels`)."""
    like: Floats
    """(H,) how much more the home takes after the first population than after the second (`quiet_hazard.likeness`)."""
    sums: NDArray[np.float32]
    """(H, BANDS, 2) what past quiets taught (`quiet_hazard.offsets`)."""
    own: Floats
    """(H,) what this home's amber level lies above the common one."""
    own_red: Floats
    """(H,) the same of its red level."""
    told_at: Floats
    """(H,) when that was last looked at; NaN: never."""

    @classmethod
    def fresh(cls, resolution_l: Floats) -> "Spells":
        """Return rows that were never quiet, with registers of these resolutions."""
        rows = len(resolution_l)
        return cls(
            shipped_priors().of(resolution_l),
            np.full(rows, np.nan),
            np.zeros((rows, POPULATIONS, HOURS), np.float32),
            np.zeros((rows, HOURS), np.float32),
            np.zeros(rows),
            np.zeros((rows, BANDS, 2), np.float32),
            np.zeros(rows),
            np.zeros(rows),
            np.full(rows, np.nan),
        )

    def set_steps(self, rows: Rows, resolution_l: Floats) -> None:
        """Take new resolutions of some rows' registers."""
        kind = shipped_priors().of(resolution_l)
        other = rows[kind != self.kind[rows]]
        self.kind[rows], self.begin[other] = kind, np.nan

    def learn(self, m: Moment, origin: Floats) -> Ended:
        """Hold the quiets that these intervals end against what was expected; called before anything else moves on.

        `origin` (M,) is since when they count: since the last use, or a movement after it.  Returns those that were looked
        at; what was no usual life, or a trip, teaches nothing.
        """
        over = (m.used | m.unknown | m.hole | m.away) & (self.begin[m.rows] == origin)
        struck = np.broadcast_to(m.struck, over.shape)
        used, alive = m.used & ~m.hole, m.used | m.moved
        return self._over(*(a[over] for a in (m.rows, origin, m.quiet_until, used, alive, struck)))

    def moved(self, rows: Rows, at: Floats, known_until: Floats) -> Ended:
        """Learn from the present quiets of rows that a movement ended at `at` (M,), of which water is known until then."""
        until, ends = np.fmin(at, known_until), np.zeros(len(rows), np.bool_)
        ended = self._over(rows, self.begin[rows], until, ends, ~ends, ends)
        self.begin[rows] = np.nan
        return ended

    def _over(self, rows: Rows, begin: Floats, end: Floats, used: Bools, alive: Bools, struck: Bools) -> Ended:
        if not len(rows):
            return Ended(rows, begin, end, np.empty(0), used, alive, struck)
        gap_s = np.maximum(end - begin, 0.0)
        level = level_at(self.curve[rows].astype(np.float64), gap_s / HOUR_S)
        usual = (gap_s <= TRIP_S) & ~struck
        if usual.any():
            mine = rows[usual]
            sums = self.sums[mine] + self._residuals(mine, gap_s[usual], used[usual])
            self._liken(mine, gap_s[usual], used[usual], 1.0)
            fade = np.minimum(1.0, MOST_SPREAD / np.maximum(sums[:, :, 1:], 1e-9))
            self.sums[mine] = sums * fade
        return Ended(rows, begin, end, level, used, alive, struck)

    def _residuals(self, rows: Rows, gap_s: Floats, used: Bools) -> Floats:
        """Return (M, BANDS, 2) what the present quiets of rows add to `sums` if they last so long."""
        expected = chances(mixed(self.odds[rows], self.like[rows]), np.zeros((len(rows), BANDS)))
        return residuals(expected, _full_hours(gap_s), used)

    def _liken(self, rows: Rows, gap_s: Floats, used: Bools, sign: float) -> None:
        """Learn from the present quiets of rows which population they take after; `sign` -1: unlearn it."""
        told = likeness(self.odds[rows].astype(np.float64), _full_hours(gap_s), used)
        self.like[rows] = np.clip(self.like[rows] + sign * told, -MOST_LIKE, MOST_LIKE)

    def unlearn(self, row: int, begin: float, length_s: float, used: bool) -> None:
        """Take back what a quiet taught, if no other was looked at since."""
        if self.begin[row] == begin:
            one = np.array([row])
            self._liken(one, np.array([length_s]), np.array([used]), -1.0)
            taught = self._residuals(one, np.array([length_s]), np.array([used]))[0]
            self.sums[row] -= taught
            self.sums[row, :, 1] = np.maximum(self.sums[row, :, 1], 0.0)

    def look(
        self, past: QuietPast, rows: Rows, begin: Floats, offset_s: Floats, by_use: Bools, night: float
    ) -> tuple[Singles, Singles]:
        """Return (M, POPULATIONS, HOURS) odds and (M, HOURS) curve of quiets begun then, as they are kept or worked out now.

        Parameters
        ----------
        past : QuietPast
        rows, begin : (M,)
            Begin in seconds since 1970.
        offset_s : (M,) float
            Local time minus UTC. [s]
        by_use : (M,) bool
            It began when somebody used water or moved, not after what is not known.
        night : float
            What a false alarm at night costs, in day alarms.
        """
        odds, curve = self.odds[rows], self.curve[rows]
        new = np.flatnonzero(self.begin[rows] != begin)
        for kind in np.unique(self.kind[rows[new]]).tolist():
            some = new[self.kind[rows[new]] == kind]
            one, last = rows[some], hour_of((begin + offset_s)[some])
            prior = shipped_priors().lines.take(np.full(len(one), kind, np.intp))
            odds[some] = population_odds(shipped()[kind], columns(past, one, last, by_use[some], prior))
            lasting = self.lasting(one, odds[some])
            curve[some] = levels(
                lasting, None if night == 1.0 else night_costs((begin + offset_s)[some] / HOUR_S % 24, HOURS, night)
            )
        return odds, curve

    def keep(self, past: QuietPast, rows: Rows, begin: Floats, offset_s: Floats, by_use: Bools, night: float) -> None:
        """Do so, and keep it: these quiets are the present ones."""
        new = self.begin[rows] != begin
        rows, begin = rows[new], begin[new]
        if len(rows):
            self.odds[rows], self.curve[rows] = self.look(past, rows, begin, offset_s[new], by_use[new], night)
            self.begin[rows] = begin

    def lasting(self, rows: Rows, odds: Singles) -> Floats:
        """Return (M, HOURS) the chance that a quiet of each row lasts so many hours, given the populations' log odds."""
        return survival(chances(mixed(odds, self.like[rows]), offsets(self.sums[rows].astype(np.float64))))

    def usual_h(self, rows: Rows, odds: Singles) -> Floats:
        """Return (M,) hours that nine of ten such quiets do not exceed."""
        lasting = self.lasting(rows, odds)
        over = lasting <= NINE_OF_TEN
        n, first = np.arange(len(rows)), over.argmax(axis=1)
        above, below = lasting[n, np.maximum(first - 1, 0)], lasting[n, first]
        inside = (above - NINE_OF_TEN) / np.maximum(above - below, 1e-12)
        hours: Floats = np.where(over.any(axis=1), first + np.clip(inside, 0.0, 1.0), float(HOURS))
        return hours


def _full_hours(gap_s: Floats) -> NDArray[np.int64]:
    """Return (M,) how many full hours quiets lasted."""
    return np.floor(gap_s / HOUR_S + SLACK_H).astype(np.int64)
