"""The arithmetic of the detection benchmark: from scores to false alarms, delays and what a worker gets to do.

A score never falls while a quiet lasts, so a level has a deadline in each quiet, known at its beginning.  On untouched
records each quiet that lasts until the deadline is one false alarm: it is counted from the *rises* of the score, one for
each quiet.  In the copies the deadline, or the first reading after the incident if that is later, is the alarm.

Scores that move in whole hours leap over most budgets: no limit in whole hours gives exactly one false alarm a month.
Between two limits such a detector is mixed at random, quiet by quiet: `detection_run` adds to its score a part of a step that
is drawn once for each quiet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.detection_homes import DAY_S, HORIZON_H, HOUR_S, Bools, Floats, Places, Singles

TARGETS = (0.1, 0.3, 1.0, 3.0)
"""False alarms a household-month at which detectors are compared."""
WITHIN_H = (2.0, 6.0, 12.0, 24.0)
ONSETS_H = {"23-06": (23, 6), "06-12": (6, 12), "12-18": (12, 18), "18-23": (18, 23)}
NIGHT_H = (22, 6)
HALF_LIFE_H = 6.0
COSTS = (0.02, 0.05, 0.1)
"""What a false alarm a household-month costs, in the same coin as finding an incident at once, which is worth 1."""
WORKER_HOMES = 200
HALVINGS = 60


@dataclass(frozen=True)
class Scored:
    """What a detector made of H homes: R rises of its score on the untouched records, and C copies."""

    name: str
    step_s: float
    months: Floats
    """(H,) household-months."""
    home: Places
    low: Singles
    high: Singles
    """(R,) the home of each rise, and from where to where the score rose."""
    begin_s: Floats
    """(R,) local time at which the rise began, seconds since 1970."""
    path: Singles
    """(R, P) score after 0, 1, ... intervals; what is beyond the end of the rise stands there all the same."""
    copy_home: Places
    waited: Places
    """(C,) intervals for which a copy's quiet had lasted at the last reading that it shares with the record."""
    late_h: Floats
    """(C,) hours from that reading to the incident."""
    onset_h: Floats
    """(C,) local hour of the incident."""
    curve: Singles
    """(C, P) score after 0, 1, ... intervals of the copy's quiet."""

    def false_alarms(self, level: float, homes: Places | None = None) -> float:
        """Return false alarms a household-month of some homes (all) at a level."""
        crossed = (self.low < level) & (self.high >= level)
        if homes is None:
            return float(crossed.sum() / self.months.sum())
        times = np.bincount(homes, minlength=len(self.months))  # a home may be drawn more than once
        return float((crossed * times[self.home]).sum() / (self.months * times).sum())

    def by_home(self, level: float) -> Floats:
        """Return (H,) false alarms a household-month of each home; NaN: nothing of it is judged."""
        crossed = (self.low < level) & (self.high >= level)
        count = np.bincount(self.home[crossed], minlength=len(self.months))
        return np.where(self.months > 0, count / np.where(self.months > 0, self.months, 1.0), np.nan)

    def level(self, target: float, homes: Places | None = None) -> float:
        """Return the lowest level that gives at most so many false alarms a household-month, by bisection."""
        finite = self.high[np.isfinite(self.high)]
        below, above = float(finite.min()) - 1.0, float(np.nextafter(finite.max(), np.float32(np.inf)))
        for _ in range(HALVINGS):
            middle = (below + above) / 2
            if self.false_alarms(middle, homes) <= target:
                above = middle
            else:
                below = middle
        return above

    def delays(self, level: float) -> Floats:
        """Return (C,) hours from each incident to the alarm; inf: none within the horizon."""
        return hours_after(due(self.curve, level), self.waited, self.late_h, self.step_s)

    def alarms_s(self, level: float) -> tuple[Places, Floats]:
        """Return the home and the local time (seconds since 1970) of each false alarm."""
        crossed = np.flatnonzero((self.low < level) & (self.high >= level))
        return self.home[crossed], self.begin_s[crossed] + due(self.path[crossed], level) * self.step_s

    def of(self, homes: Places) -> "Scored":
        """Return the same of some homes only, numbered as before."""
        rises, copies = np.isin(self.home, homes), np.isin(self.copy_home, homes)
        months = np.zeros_like(self.months)
        months[homes] = self.months[homes]
        return replace(
            self, months=months, home=self.home[rises], low=self.low[rises], high=self.high[rises],
            begin_s=self.begin_s[rises], path=self.path[rises], copy_home=self.copy_home[copies],
            waited=self.waited[copies], late_h=self.late_h[copies], onset_h=self.onset_h[copies],
            curve=self.curve[copies],
        )  # fmt: skip


def due(path: Singles, level: float) -> Floats:
    """Return (M,) after how many intervals scores (M, P) that never fall reach a level; inf: not within P."""
    reached = path >= level
    return np.where(reached.any(axis=1), reached.argmax(axis=1), np.inf)


def hours_after(deadline: Floats, waited: Places, late_h: Floats, step_s: float) -> Floats:
    """Return (C,) hours from an incident to the alarm.

    Parameters
    ----------
    deadline : (C,) float
        Intervals from the beginning of the quiet to the reading at which its score reaches the level; inf: never.
    waited : (C,) int
        Intervals from there to the last reading that the copy shares with the record.
    late_h : (C,) float
        Hours from that reading to the incident; below 0: the incident came first.
    step_s : float
        Length of an interval. [s]

    Notes
    -----
    An alarm that was raised before the incident is a false one.  Who lies on the floor afterwards is found by the next
    reading after the incident at the earliest.
    """
    first = waited + (late_h > 0)
    hours: Floats = (np.maximum(deadline, first) - waited) * (step_s / HOUR_S) - late_h
    return hours


@dataclass(frozen=True)
class Point:
    """A detector at one level."""

    level: float
    false_alarms: float
    delays: Floats

    @property
    def median(self) -> float:
        """Median delay in hours."""
        return quantile(self.delays, 0.5)

    @property
    def p90(self) -> float:
        """90 % point of the delay in hours."""
        return quantile(self.delays, 0.9)

    def within(self, hours: float) -> float:
        """Return the share of incidents told within some hours."""
        return float((self.delays <= hours).mean())

    def utility(self, cost: float) -> float:
        """Return the mean of 2^(-delay / 6 h), less `cost` for each false alarm a household-month."""
        return float(np.exp2(-self.delays / HALF_LIFE_H).mean()) - cost * self.false_alarms


def quantile(values: Floats, share: float) -> float:
    """Return a quantile of values of which some may be infinite; NaN of none."""
    if not len(values):
        return float("nan")
    ordered = np.sort(values)
    place = share * (len(ordered) - 1)
    below, above = float(ordered[int(np.floor(place))]), float(ordered[int(np.ceil(place))])
    return below if below == above else below + (place - np.floor(place)) * (above - below)


def point(scored: Scored, level: float) -> Point:
    """Return a detector at a level."""
    return Point(level, scored.false_alarms(level), scored.delays(level))


def at(scored: Scored, target: float) -> Point:
    """Return a detector at the level that gives so many false alarms a household-month."""
    return point(scored, scored.level(target))


def whole_hours(scored: Scored, target: float) -> Point:
    """Return a rule whose score is in hours at the shortest limit in whole hours that stays within a budget.

    This is what a programme can set; `at` mixes two such limits to spend the budget exactly.
    """
    limits = range(1, HORIZON_H + 1)
    return point(scored, float(next((n for n in limits if scored.false_alarms(float(n)) <= target), HORIZON_H)))


def during(hour: Floats, span: tuple[int, int]) -> Bools:
    """Return (M,) which local hours lie in a span of the clock that may go over midnight."""
    begin, end = span
    late, early = hour >= begin, hour < end
    return late & early if begin < end else late | early


def by_onset(scored: Scored, level: float) -> dict[str, float]:
    """Return the median delay of incidents by part of the day."""
    hours = scored.delays(level)
    return {name: quantile(hours[during(scored.onset_h, span)], 0.5) for name, span in ONSETS_H.items()}


@dataclass(frozen=True)
class Load:
    """False alarms as those who must look after them see them."""

    a_day: float
    """False alarms a day of a worker with 200 homes, mean."""
    p95_a_day: float
    at_night: float
    """Share raised from 22 to 6 o'clock."""


def load(scored: Scored, level: float) -> Load:
    """Return what false alarms mean for workers; homes of a block must share their days, 200 of them belong to a worker."""
    home, at_s = scored.alarms_s(level)
    mean = scored.false_alarms(level) * WORKER_HOMES / 30.4
    night = float(during(at_s % DAY_S / HOUR_S, NIGHT_H).mean()) if len(at_s) else float("nan")
    workers = len(scored.months) // WORKER_HOMES
    if not workers or not len(at_s):
        return Load(mean, float("nan"), night)
    day = np.floor(at_s / DAY_S).astype(np.int64)
    days = int(day.max() - day.min()) + 1
    mine = home < workers * WORKER_HOMES
    counts = np.bincount((home[mine] // WORKER_HOMES) * days + day[mine] - day.min(), minlength=workers * days)
    return Load(mean, float(np.quantile(counts, 0.95)), night)


@dataclass(frozen=True)
class Spread:
    """False alarms a household-month over homes."""

    p50: float
    p90: float
    most: float


def spread(scored: Scored, level: float) -> Spread:
    """Return how false alarms are spread over the homes that are judged."""
    rate = scored.by_home(level)[scored.months > 0]
    return Spread(float(np.quantile(rate, 0.5)), float(np.quantile(rate, 0.9)), float(rate.max()))


def moved(scored: Scored, target: float, splits: int, rng: np.random.Generator) -> Point:
    """Return a detector whose level comes from one half of the homes and is used on the other, both ways, many times."""
    judged = np.flatnonzero(scored.months > 0)
    false, months, hours = 0.0, 0.0, []
    for _ in range(splits):
        order = rng.permutation(judged)
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        for learn, use in (halves, halves[::-1]):
            level = scored.level(target, learn)
            false += scored.false_alarms(level, use) * scored.months[use].sum()
            months += scored.months[use].sum()
            hours.append(scored.delays(level)[np.isin(scored.copy_home, use)])
    return Point(float("nan"), false / months, np.concatenate(hours))


def bootstrap(
    one: Scored, other: Scored, target: float, measure: Callable[[Floats], float], times: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % interval of how much later `one` is than `other`, over homes drawn again, each at its own level.

    What is not told within the horizon counts as told at its end.
    """
    judged, found = np.flatnonzero(one.months > 0), []
    copies = [np.flatnonzero(one.copy_home == home) for home in range(len(one.months))]
    for _ in range(times):
        homes = rng.choice(judged, len(judged))
        again = np.concatenate([copies[home] for home in homes])
        levels = [scored.level(target, homes) for scored in (one, other)]
        delays = [scored.delays(level)[again] for scored, level in zip((one, other), levels, strict=True)]
        values = [measure(np.minimum(hours, HORIZON_H)) for hours in delays]
        found.append(values[0] - values[1])
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def joined(parts: Sequence[Scored]) -> Scored:
    """Return blocks of homes as one."""
    first = np.cumsum([0, *(len(part.months) for part in parts)])
    shifted = [
        replace(p, home=p.home + n, copy_home=p.copy_home + n) for p, n in zip(parts, first[:-1].tolist(), strict=True)
    ]
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(p, name) for p in shifted])
        for name, value in vars(parts[0]).items()
        if isinstance(value, np.ndarray)
    }
    return replace(parts[0], **arrays)
