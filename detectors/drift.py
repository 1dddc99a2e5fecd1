"""Drift: what changes over days and weeks, and is no matter for tonight: nights, and how much water is used.

How this works.  Each day of a home is compared with its own days 15 to 98 days before (`detectors.daybook`): the lag keeps
a change from becoming its own measure, the trailing window follows the seasons.  For a *change* by a ratio r, a day with
the value x, usually m, is evidence

    l = (x ln r - m (r - 1)) / dispersion,   at most 1.5 either way,

the likelihood ratio of Poisson counts, made blunter by how much more than such counts this home's days differ; m is drawn
a little towards the cohort.  Evidence is added up, never below zero (CUSUM: Page, *Biometrika* 41, 1954); at a level the
change is told, since the day on which its sum last rose from zero.  Days that are not known bring no evidence.

A change is told once.  From then on what is usual is learnt anew from its first day, so nothing is told for some weeks; it
is over when that is done, or earlier if two weeks look like before.  Then all days since are forgotten: an illness teaches
nothing.

A drift is a reason to talk to somebody, never to send anybody.  Levels are set by ``python -m benchmarks.drift``.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bins import DAY_S, Bools, Floats, Rows
from detectors.daybook import KEPT, LITRES, NIGHT, Daybook, Days
from detectors.findings import Evidence
from detectors.water import Claim

LAG = 15
"""What is usual: `KEPT` - `LAG` days, the newest of them `LAG` days ago."""
NEEDED = 28
"""With fewer of them known, nothing is said."""
CLIP = 1.5
HELD_DAYS = LAG + NEEDED
"""So long a change is told: by then the days since it began are what is usual."""
BACK_DAYS = 14
BACK_SHARE = 1 / 3
"""So many known days end it earlier if hardly more than this share of the change is left in them: what was seen while it
was told is rather too much, for that is why it was told."""
BLOCK = 8192
NONE = -1


class Change(NamedTuple):
    """One kind of change, and how it is looked for."""

    reason: str
    column: int
    ratio: float
    unit: float
    """What is counted: hours, or tens of litres."""
    prior: float
    prior_days: float
    """The cohort's usual day, in units, and how many of the home's own days it weighs."""
    least_dispersion: float


CHANGES = (
    Change("drift_night_up", NIGHT, 2.0, 1.0, 0.8, 5.0, 1.0),
    Change("drift_litres_up", LITRES, 2.0, 10.0, 10.5, 2.0, 0.3),
    Change("drift_litres_down", LITRES, 0.6, 10.0, 10.5, 2.0, 0.3),
)
"""Nights and litres of 200 simulated seniors (hourly meters of a litre) are the cohort's.  Fewer hours by day and other
hours of getting up were tried and found less, later (docs/backtest.md)."""


@dataclass(frozen=True, slots=True)
class DriftSettings:
    """Levels of the sums; what they cost in false signals is measured by ``python -m benchmarks.drift``."""

    night_up: float = 4.0
    litres_up: float = 4.5
    litres_down: float = 7.0

    @property
    def levels(self) -> Floats:
        """One level for each of `CHANGES`."""
        return np.array([self.night_up, self.litres_up, self.litres_down])


class Usual(NamedTuple):
    """What is usual for some rows, in hours and litres; all (M, 2)."""

    mean: Floats
    variance: Floats
    days: Floats
    """How many days are known."""


@dataclass
class Drift:
    """State of all rows."""

    score: Floats
    """(H, CHANGES) sums of evidence."""
    rising: Days
    """(H, CHANGES) the day on which each last rose from zero."""
    learnt_from: Days
    """(H,) no day before this one counts as usual."""
    told: NDArray[np.int64]
    """(H,) which change is told at present; `NONE`."""
    told_on: Days
    began: Days
    """(H,) the day that told it, and the day since when."""
    onset: Floats
    """(H,) the midnight of that, seconds since 1970."""
    before: Floats
    now: Floats
    """(H, 2) hours of a night with water and litres of a day, then and in the days since; NaN: not known."""
    told_score: Floats

    @classmethod
    def fresh(cls, rows: int) -> "Drift":
        """Return rows of which nothing is known."""
        none, day = np.full((2, rows, 2), np.nan), np.zeros((3, rows), np.int64)
        shape = rows, len(CHANGES)
        told = np.full(rows, NONE, np.int64)
        return cls(
            np.zeros(shape), np.zeros(shape, np.int64), day[0], told, day[1], day[2], np.zeros(rows),
            none[0], none[1], np.zeros(rows),
        )  # fmt: skip

    def step(self, settings: DriftSettings, book: Daybook, rows: Rows, day: Days, offset_s: Floats) -> None:
        """Judge the days that are over, `day` (M,) of `rows`, at most one a row; `offset_s` (H,) is local time minus UTC."""
        for first in range(0, len(rows), BLOCK):
            some, days = rows[first : first + BLOCK], day[first : first + BLOCK]
            held = self.told[some] != NONE
            self._end(book, some[held], days[held])
            told = self._add(settings, book, some[~held], days[~held])
            self.onset[told] = self.began[told] * DAY_S - offset_s[told]

    def _add(self, settings: DriftSettings, book: Daybook, rows: Rows, day: Days) -> Rows:
        """Add up the evidence of a day; return the rows of which something is to be told now."""
        if not len(rows):
            return rows
        values, known = book.last(rows, day, 0, 1)
        usual = self._usual(book, rows, day)
        for n, change in enumerate(CHANGES):
            c = change.column
            weight = evidence(change, values[:, 0, c], usual.mean[:, c], usual.variance[:, c], usual.days[:, c])
            enough = usual.days[:, c] >= NEEDED
            weight = np.where(known[:, 0, c] & enough, weight, 0.0)
            self.score[rows[~enough], n] = 0.0  # what spoke for a change before a long hole says nothing any more
            rises = (self.score[rows, n] <= 0) & (weight > 0)
            self.rising[rows[rises], n] = day[rises]
            self.score[rows, n] = np.maximum(self.score[rows, n] + weight, 0.0)
        reached = self.score[rows] / settings.levels
        told: Bools = reached.max(axis=1) >= 1.0
        if told.any():
            self._tell(book, rows[told], day[told], reached[told].argmax(axis=1), usual.mean[told], usual.days[told])
        new: Rows = rows[told]
        return new

    def _tell(self, book: Daybook, rows: Rows, day: Days, which: Rows, mean: Floats, days: Floats) -> None:
        since = np.maximum(self.rising[rows, which], day - KEPT + 1)
        self.told[rows], self.told_on[rows], self.began[rows] = which, day, since
        self.told_score[rows] = self.score[rows, which]
        self.before[rows] = np.where(days >= NEEDED, mean, np.nan)
        values, known = book.last(rows, day, 0, KEPT)
        lately = known & (np.arange(KEPT) <= (day - since)[:, None])[:, :, None]
        self.now[rows] = _mean(values, lately)
        self.score[rows] = 0.0
        self.learnt_from[rows] = since

    def _end(self, book: Daybook, rows: Rows, day: Days) -> None:
        """Let changes go that are what is usual by now, and those of which nothing is left."""
        if not len(rows):
            return
        values, known = book.last(rows, day, 0, HELD_DAYS)
        column = np.array([change.column for change in CHANGES])[self.told[rows]]
        n = np.arange(len(rows))
        mine, seen = values[n, :, column], known[n, :, column]
        seen &= (np.cumsum(seen, axis=1) <= BACK_DAYS) & (np.arange(HELD_DAYS) < (day - self.told_on[rows])[:, None])
        before, now = self.before[rows, column], self.now[rows, column]
        enough = seen.sum(axis=1) >= BACK_DAYS
        lately = _mean(mine[:, :, None], seen[:, :, None])[:, 0]
        back = enough & ((lately - before - BACK_SHARE * (now - before)) * (now - before) < 0)
        gone = rows[back]
        book.forget(gone, np.maximum(self.began[gone], day[back] - KEPT + 1), day[back])
        self.learnt_from[gone] = 0
        self.told[rows[back | (day - self.told_on[rows] >= HELD_DAYS)]] = NONE

    def _usual(self, book: Daybook, rows: Rows, day: Days) -> Usual:
        count, total, squares = book.sums(rows, day, LAG, self.learnt_from[rows])
        mean = np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
        apart = squares - total**2 / np.maximum(count, 1.0)
        return Usual(mean, np.maximum(apart, 0.0) / np.maximum(count - 1.0, 1.0), count)

    def holds(self, row: int, onset: float) -> bool:
        """Whether the change of a row that began at `onset` is still told."""
        return bool(self.told[row] != NONE and self.onset[row] == onset)

    def claims(self, rows: Rows) -> list[Claim]:
        """Return what is to be told of `rows`."""
        return [
            Claim(row, "drift", "blue", float(self.onset[row]), CHANGES[self.told[row]].reason, self._evidence(row))
            for row in rows[self.told[rows] != NONE].tolist()
        ]

    def _evidence(self, row: int) -> Evidence:
        before, now = self.before[row].tolist(), self.now[row].tolist()
        return {
            "before_times": _rounded(before[NIGHT], 1),
            "now_times": _rounded(now[NIGHT], 1),
            "before_l": _rounded(before[LITRES], 0),
            "now_l": _rounded(now[LITRES], 0),
            "since_day": float(self.onset[row]) + DAY_S / 2,  # its noon: that day by any clock change since
            "days": int(self.told_on[row] - self.began[row]) + 1,
            "score": round(float(self.told_score[row]), 1),
        }


def evidence(change: Change, value: Floats, mean: Floats, variance: Floats, days: Floats) -> Floats:
    """Return (M,) by how much days with this `value` speak for a change, if `mean` is usual over `days` known days."""
    value, spread = value / change.unit, variance / change.unit**2
    own = np.nan_to_num(mean) / change.unit
    m = (days * own + change.prior_days * change.prior) / (days + change.prior_days)
    dispersion = np.maximum(spread / m, change.least_dispersion)
    ratio = (value * np.log(change.ratio) - m * (change.ratio - 1.0)) / dispersion
    weight: Floats = np.clip(ratio, -CLIP, CLIP)
    return weight


def _mean(values: Floats, known: Bools) -> Floats:
    """Return (M, C) means over the known days of (M, D, C); NaN: none is known."""
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _rounded(value: float, digits: int) -> float | None:
    return None if np.isnan(value) else round(value, digits)
