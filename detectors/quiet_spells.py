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

from detectors.bins import Bools, Floats, Rows
from detectors.clock import Moment
from detectors.habit import DAY_S, HOUR_S, TRIP_S
from detectors.quiet_columns import HOURS, Singles, columns, shipped_priors
from detectors.quiet_hazard import BANDS, chances, log_odds, offsets, residuals, shipped, survival
from detectors.quiet_index import level_at, levels, night_costs
from detectors.quiet_past import SLACK_H, QuietPast, hour_of

MOST_SPREAD = 400.0
"""Older hours of a band fade, so that about this much of p (1 - p) counts: some years."""
NINE_OF_TEN = 0.1
MOST_OWN = 1.2
"""No home's own level is further from the common one."""
MONTH_S = 30.4 * DAY_S


class Pace(NamedTuple):
    """How fast a home's own amber level moves."""

    step: float
    """By how much a false alarm raises it."""
    a_month: float
    """So many false alarms a month keep it where it is."""


@dataclass
class Spells:
    """State of all rows."""

    kind: Rows
    """(H,) class of the register."""
    begin: Floats
    """(H,) begin of the quiet that the curves are those of, seconds since 1970; NaN: none yet."""
    odds: Singles
    """(H, HOURS) log odds of water in each of its hours, without the home's own offsets."""
    curve: Singles
    """(H, HOURS) its level at the end of each hour (`quiet_index.levels`)."""
    sums: NDArray[np.float32]
    """(H, BANDS, 2) what past quiets taught (`quiet_hazard.offsets`)."""
    own: Floats
    """(H,) what this home's amber level lies above the common one."""
    told_at: Floats
    """(H,) when that was last looked at; NaN: never."""

    @classmethod
    def fresh(cls, resolution_l: Floats) -> "Spells":
        """Return rows that were never quiet, with registers of these resolutions."""
        rows = len(resolution_l)
        curves = np.zeros((2, rows, HOURS), np.float32)
        return cls(
            shipped_priors().of(resolution_l),
            np.full(rows, np.nan),
            curves[0],
            curves[1],
            np.zeros((rows, BANDS, 2), np.float32),
            np.zeros(rows),
            np.full(rows, np.nan),
        )

    def set_steps(self, rows: Rows, resolution_l: Floats) -> None:
        """Take new resolutions of some rows' registers."""
        self.kind[rows] = shipped_priors().of(resolution_l)
        self.begin[rows] = np.nan

    def learn(self, m: Moment, amber: Floats, pace: Pace) -> None:
        """Hold the quiets that these intervals end against what was expected; called before anything else moves on.

        Parameters
        ----------
        m : Moment
        amber : (M,) float
            The amber level of each row, without what is its own.
        pace : Pace
            How fast a home's own level moves.
        """
        gap_s = m.start - m.origin
        over = (m.used | m.unknown | m.hole | m.away) & (self.begin[m.rows] == m.origin) & (gap_s <= TRIP_S)
        rows = m.rows[over]
        if not len(rows):
            return
        level = level_at(self.curve[rows].astype(np.float64), gap_s[over] / HOUR_S)
        reached = m.used[over] & (level >= amber[over] + self.own[rows])
        spent_s = np.nan_to_num(np.clip(m.start[over] - self.told_at[rows], 0.0, TRIP_S))
        moved = self.own[rows] + pace.step * (reached - pace.a_month * spent_s / MONTH_S)
        self.own[rows], self.told_at[rows] = np.clip(moved, -MOST_OWN, MOST_OWN), m.start[over]
        lasted = np.floor(gap_s[over] / HOUR_S + SLACK_H).astype(np.int64)
        expected = chances(self.odds[rows].astype(np.float64), np.zeros((len(rows), BANDS)))
        sums = self.sums[rows] + residuals(expected, lasted, m.used[over])
        fade = np.minimum(1.0, MOST_SPREAD / np.maximum(sums[:, :, 1:], 1e-9))
        self.sums[rows] = sums * fade

    def look(
        self, past: QuietPast, rows: Rows, begin: Floats, offset_s: Floats, by_use: Bools, night: float
    ) -> tuple[Singles, Singles]:
        """Return (M, HOURS) odds and (M, HOURS) curve of quiets that began then, as they are kept or worked out now.

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
            odds[some] = log_odds(shipped()[kind], columns(past, one, last, by_use[some], prior))
            lasting = self.lasting(one, odds[some])
            curve[some] = levels(lasting, None if night == 1.0 else night_costs(last + 1, HOURS, night))
        return odds, curve

    def keep(self, past: QuietPast, rows: Rows, begin: Floats, offset_s: Floats, by_use: Bools, night: float) -> None:
        """Do so, and keep it: these quiets are the present ones."""
        new = self.begin[rows] != begin
        rows, begin = rows[new], begin[new]
        if len(rows):
            self.odds[rows], self.curve[rows] = self.look(past, rows, begin, offset_s[new], by_use[new], night)
            self.begin[rows] = begin

    def lasting(self, rows: Rows, odds: Singles) -> Floats:
        """Return (M, HOURS) the chance that a quiet of each row lasts so many hours, given the log odds of water."""
        return survival(chances(odds.astype(np.float64), offsets(self.sums[rows].astype(np.float64))))

    def usual_h(self, rows: Rows, odds: Singles) -> Floats:
        """Return (M,) hours that nine of ten such quiets do not exceed."""
        lasting = self.lasting(rows, odds)
        over = lasting <= NINE_OF_TEN
        n, first = np.arange(len(rows)), over.argmax(axis=1)
        above, below = lasting[n, np.maximum(first - 1, 0)], lasting[n, first]
        inside = (above - NINE_OF_TEN) / np.maximum(above - below, 1e-12)
        hours: Floats = np.where(over.any(axis=1), first + np.clip(inside, 0.0, 1.0), float(HOURS))
        return hours
