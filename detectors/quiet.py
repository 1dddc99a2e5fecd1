"""Quiet: how unusual it is for *this* person that no water is drawn for so long, at this time of day.

How this works.  Own hits over known hours, smoothed over the clock and drawn towards the cohort (8 pseudo-days for the
shape, 20 for the level), give the rate at which water is usually used in each local hour.  Adding up that rate over a
quiet rescales its length: a night counts little, a morning much.  How often a quiet that began at this time of day grows
so long in rescaled time is the survival S; beyond the 80 % quantile it is a generalised Pareto tail, whose height and
scale are the home's own counts drawn towards the cohort's.

    score = -log10 S + 0.1 * (hours of quiet beyond 10)

The second term bounds the wait where the model has no opinion.  A score is fixed by the time at which the quiet began,
so every level has a *deadline*, known at the last use; a finding is raised by the reading that shows the deadline
passed, never by our clock alone: what is not known is not quiet.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from detectors.bins import DAY_S, HOUR_S, Bools, Floats, Rows
from detectors.clock import Moment
from detectors.cohort import GROUPS, QUANTILE, XI, Cohort, group
from detectors.habit import TRIP_S, Habit, Singles

SHAPE_DAYS, LEVEL_DAYS = 8.0, 20.0
"""Weight of the cohort against the home's own days."""
TAIL_PRIOR, EXCESS_PRIOR = 100.0, 80.0
"""Weight of the cohort against the home's own quiets of a group."""
TAILS_KEPT = 365.0
"""Older quiets of a group fade, so that about this many count."""
COUNTED_FROM_S = HOUR_S
"""Shorter quiets are the pauses between the draws of one errand; an hourly meter would not see them. [s]"""
SURE_H, SURE_PER_H = 10.0, 0.1
LEAST_RATE, MOST_RATE = 0.001, 0.98
SMOOTHING_H = 0.75
STEPS = 40
"""Halvings of the search for a deadline: 36 h in 40 halvings is far below a microsecond."""

_hours = np.arange(24)
_apart = np.minimum(np.abs(_hours[:, None] - _hours), 24 - np.abs(_hours[:, None] - _hours))
_weights = np.exp(-0.5 * (_apart / SMOOTHING_H) ** 2)
SMOOTH = _weights / _weights.sum(axis=0)
"""(24, 24) circular Gaussian over the hours of the day."""


MODEL_LEVELS = {"index": (2.95, 3.75), "survival": (2.35, 3.2)}
"""Amber and red of each model; what they cost in false alarms is measured by ``python -m benchmarks.quiet_index``."""


@dataclass(frozen=True, slots=True)
class QuietSettings:
    """What judges quiets, and from which level on they are told."""

    model: Literal["index", "survival"] = "index"
    """What judges a quiet (`detectors.quiet_judge`); levels are on its scale."""
    amber: float | None = None
    """Ask first; None: the level of the model.  Budget: one false alarm a household-month."""
    red: float | None = None
    """A person must go now.  Budget: 0.3 false alarms a household-month."""
    night_cost: float = 1.0
    """What a false alarm at night (22 to 7) costs, in day alarms; only the index knows of it."""
    budget: float = 1.0
    own_step: float = 0.03
    """A false amber raises the home's own amber level by a step, and this many false alarms a month keep it where it is;
    step 0: one level for all.  Only the index knows of it."""
    outcome_step: float = 0.08
    """An alarm at which all was well at home raises the home's own amber level by so much: somebody was disturbed."""
    red_step: float = 0.03
    """A false red does so to its red level; `red_budget` of them a month keep that where it is."""
    red_budget: float = 0.3
    new_home_extra: float = 0.5
    """Added to both levels while the home is new."""
    new_home_days: float = 7.0
    maybe_out_extra: float = 1.0
    """Added to red while the door was the last sign of anybody: amber asks first whether they are out."""
    least_s: float = 3 * HOUR_S
    """No quiet shorter than this is told, however unusual it is."""


def hazard(hits: Floats, known: Floats, days: Floats, rate: Floats) -> Floats:
    """Return (M, 24) uses per hour of each local hour.

    Parameters
    ----------
    hits, known : (M, 24) float
        Hours in which the home drew water, hours known.
    days : (M,) float
        Days that count.
    rate : (M, 24) float
        The cohort's share of hours in use.
    """
    own, seen = hits @ SMOOTH, known @ SMOOTH
    total = rate.sum(axis=1)
    expected = np.where(days > 0, (seen * rate).sum(axis=1), 0.0)
    level = (own.sum(axis=1) + LEVEL_DAYS * total) / (expected + LEVEL_DAYS * total)
    share = (own + SHAPE_DAYS * level[:, None] * rate) / (seen + SHAPE_DAYS)
    uses: Floats = -np.log1p(-np.clip(share, LEAST_RATE, MOST_RATE))
    return uses


def added_up(uses: Floats) -> Floats:
    """Return (M, 25) usual uses from local midnight to each full hour."""
    return np.concatenate([np.zeros((len(uses), 1)), np.cumsum(uses, axis=1)], axis=1)


def rescaled(done: Floats, rows: Rows, begin_s: Floats, end_s: Floats) -> Floats:
    """Return (M,) the usual number of uses of `rows` between two local times (seconds), given (H, 25) `added_up`."""
    return _until(done, rows, end_s) - _until(done, rows, begin_s)


def _until(done: Floats, rows: Rows, local_s: Floats) -> Floats:
    day = np.floor(local_s / DAY_S)
    hours = (local_s - day * DAY_S) / HOUR_S
    hour = np.minimum(hours.astype(np.intp), 23)
    full = done[rows, hour]
    total: Floats = day * done[rows, 24] + full + (hours - hour) * (done[rows, hour + 1] - full)
    return total


def _when(done: Floats, rows: Rows, uses: Floats) -> Floats:
    """Return (M,) the local time at which `_until` is `uses`."""
    day = np.floor(uses / done[rows, 24])
    rest = uses - day * done[rows, 24]
    hour = np.minimum((done[rows, 1:] <= rest[:, None]).sum(axis=1), 23)
    full = done[rows, hour]
    time: Floats = day * DAY_S + (hour + (rest - full) / (done[rows, hour + 1] - full)) * HOUR_S
    return time


@dataclass
class Quiet:
    """State of all rows."""

    kind: Rows
    """(H,) class of the meter in the cohort."""
    done: Floats
    """(H, 25) usual uses from local midnight to each full hour."""
    count: Singles
    beyond: Singles
    excess: Singles
    """(H, GROUPS) quiets seen, how many reached into the tail, and the sum of their excesses."""

    @classmethod
    def fresh(cls, cohort: Cohort, period_s: Floats, resolution_l: Floats) -> "Quiet":
        """Return rows that know only the cohort."""
        kind = cohort.kind(period_s, resolution_l)
        none = np.zeros((len(kind), 24))
        tails = np.zeros((3, len(kind), GROUPS), np.float32)
        uses = hazard(none, none, np.zeros(len(kind)), cohort.rate[kind])
        return cls(kind, added_up(uses), tails[0], tails[1], tails[2])

    def refit(self, rows: Rows, habit: Habit, cohort: Cohort) -> None:
        """Take over the habits of `rows`; called at a use, so no quiet changes its deadline while it lasts."""
        if len(rows):
            rate = cohort.rate[self.kind[rows]]
            hits, known = (array[rows].astype(np.float64) for array in (habit.hits, habit.known))
            self.done[rows] = added_up(hazard(hits, known, habit.days[rows], rate))

    def learn(self, m: Moment, cohort: Cohort) -> None:
        """Count the quiets that ended by a use: those that also began by one, were no trip and touched no absence."""
        gap_s = m.start - m.origin
        ended = m.used & m.by_use & ~m.away & ~m.struck & (gap_s >= COUNTED_FROM_S) & (gap_s <= TRIP_S)
        if not ended.any():
            return
        rows, begin, end = m.rows[ended], (m.origin + m.offset_s)[ended], (m.start + m.offset_s)[ended]
        of_group = group(begin % DAY_S // HOUR_S)
        over = rescaled(self.done, rows, begin, end) - cohort.tail_from[self.kind[rows], of_group]
        fade = np.minimum(1.0, TAILS_KEPT / (self.count[rows, of_group] + 1.0))
        for array, new in ((self.count, 1.0), (self.beyond, over > 0), (self.excess, np.maximum(over, 0.0))):
            array[rows, of_group] = (array[rows, of_group] + new) * fade

    def _tail(self, cohort: Cohort, rows: Rows, begin_s: Floats) -> tuple[Floats, Floats, Floats]:
        """Return (M,) where the tail of quiets begun at local `begin_s` starts, the share that reaches it, its scale."""
        kind, of_group = self.kind[rows], group(begin_s % DAY_S // HOUR_S)
        mean = cohort.excess[kind, of_group]
        reached = (self.beyond[rows, of_group] + (1 - QUANTILE) * TAIL_PRIOR) / (
            self.count[rows, of_group] + TAIL_PRIOR
        )
        own = (self.excess[rows, of_group] + EXCESS_PRIOR * mean) / (self.beyond[rows, of_group] + EXCESS_PRIOR)
        return cohort.tail_from[kind, of_group], reached, cohort.scale[kind, of_group] * own / mean

    def surprise(self, cohort: Cohort, rows: Rows, begin_s: Floats, end_s: Floats) -> Floats:
        """Return (M,) -log10 of the share of quiets begun at local `begin_s` that last beyond local `end_s`."""
        start, reached, scale = self._tail(cohort, rows, begin_s)
        length = rescaled(self.done, rows, begin_s, end_s)
        tail = np.log10(1.0 + XI * np.maximum(length - start, 0.0) / scale) / XI
        surprise: Floats = -np.log10(reached) * np.minimum(length / start, 1.0) + tail
        return surprise

    def score(self, cohort: Cohort, rows: Rows, begin_s: Floats, end_s: Floats) -> Floats:
        """Return (M,) how unusual a quiet from local `begin_s` until local `end_s` is; never falls with `end_s`."""
        beyond_h = np.maximum((end_s - begin_s) / HOUR_S - SURE_H, 0.0)
        return self.surprise(cohort, rows, begin_s, end_s) + SURE_PER_H * beyond_h

    def deadline(self, cohort: Cohort, rows: Rows, begin_s: Floats, level: Floats) -> Floats:
        """Return (M,) the local time at which the score of a quiet begun at local `begin_s` reaches `level`."""
        low, high = begin_s.copy(), begin_s + (SURE_H + np.maximum(level, 0.0) / SURE_PER_H) * HOUR_S
        for _ in range(STEPS):
            middle = (low + high) / 2
            reached = self.score(cohort, rows, begin_s, middle) >= level
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
        return high

    def usual(self, cohort: Cohort, rows: Rows, begin_s: Floats) -> Floats:
        """Return (M,) seconds that nine of ten quiets begun at local `begin_s` do not exceed."""
        start, reached, scale = self._tail(cohort, rows, begin_s)
        beyond = start + scale / XI * (np.maximum(reached * 10.0, 1.0) ** XI - 1.0)
        length = np.where(reached > 0.1, beyond, start / np.minimum(np.log10(reached), -1.0) * -1.0)
        return _when(self.done, rows, _until(self.done, rows, begin_s) + length) - begin_s


def levels(settings: QuietSettings, habit: Habit, rows: Rows) -> tuple[Floats, Floats]:
    """Return (amber, red) levels of each row: higher while the home is new."""
    extra = np.where(new_homes(settings, habit, rows), settings.new_home_extra, 0.0)
    usual = MODEL_LEVELS[settings.model]
    amber, red = (
        own if own is not None else level for own, level in zip((settings.amber, settings.red), usual, strict=True)
    )
    return amber + extra, red + extra


def new_homes(settings: QuietSettings, habit: Habit, rows: Rows) -> Bools:
    """Return which rows have less history than a home needs to be known."""
    new: Bools = habit.days[rows] < settings.new_home_days
    return new
