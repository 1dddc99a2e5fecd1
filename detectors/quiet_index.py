"""When waiting any longer is not worth its cost: the level of a quiet, hour by hour, from how it is likely to go on.

Let S(g) be the chance that this quiet lasts g hours in an ordinary life, an incident as likely in any hour of it as in any
other, and h(k) what k hours of delay cost.  To be told after d hours costs K(d) = sum(S(x) h(d - x + 1), x = 1..d).  To wait
from hour g until hour d costs K(d) - K(g); it spares a call for nothing with the chance S(g) - S(d).  Waiting is worthwhile
while some d makes the hours for each call spared fewer than one is ready to pay:

    I(g) = log10 min over d > g of (K(d) - K(g)) / (S(g) - S(d))

So it waits through the last hours before a usual return, and does not wait through hours that can bring no news.  The level
of a quiet is the highest I so far, and a little more for each hour beyond twelve: where the model is too sure, time tells.
At level theta one false call is worth 10 ** theta hours of delay, summed over all quiets.

What an hour costs depends on the level (`STAGES`).  Low levels, for those who rather call too often, count every hour alike.
Where one asks about once a month, most of the delay is counted around the eighth hour, by which half of all incidents can be
known, and between the 13th and the 14th, by which nine in ten can; where one goes every third month, around the
10th, 14th, 18th and 24th.  An hour saved where it makes a promise kept is worth more than one saved where none can be.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from detectors.bins import Floats, Rows

SURE_H, SURE_PER_H = 12.0, 0.03
"""From here on every hour counts by itself. [h], [1/h]"""
BEYOND_PER_H = 0.1
"""After the last hour that is looked at. [1/h]"""
BLOCK, FEW = 64, 8
"""Quiets worked out at a time; up to so many all waits of theirs at once."""
NIGHT_H = (22, 7)
"""When an alarm is one at night: hours of the day, from and until."""
ALIKE_H = 20
"""All stages agree on what so many hours of delay cost: so many hours."""
TINY = 1e-200


class Stage(NamedTuple):
    """What delay costs from a level on: every hour a little, and much around some hours."""

    level: float
    each: float
    """Weight of every hour."""
    around: tuple[tuple[float, float], ...] = ()
    """(hour, weight): the cost rises by the weight, half of it before that hour."""
    width_h: float = 1.0

    def costs(self, hours: int) -> Floats:
        """Return (hours + 1,) what a delay of 0, 1, ... hours costs, in hours."""
        delay = np.arange(max(hours, ALIKE_H) + 1.0)
        steps = [weight / (1.0 + np.exp(-(delay - at) / self.width_h)) for at, weight in self.around]
        cost = self.each * delay + sum(steps, np.zeros(len(delay)))
        cost -= cost[0]
        made: Floats = (cost * (ALIKE_H / cost[ALIKE_H]))[: hours + 1]
        return made


STAGES = (
    Stage(-np.inf, 1.0),
    Stage(2.45, 0.1, ((8.0, 10.0), (13.5, 10.0))),
    Stage(3.2, 0.3, ((10.0, 10.0), (14.0, 5.0), (18.0, 10.0), (24.0, 10.0))),
)
"""Chosen on the recorded homes, where the hours are those that about half and nine in ten can be known by."""


def levels(survival: Floats, night: Floats | None = None, stages: Sequence[Stage] = STAGES) -> Floats:
    """Return (M, G) the level of a quiet at the end of each of its hours 1...G; never falls.

    Parameters
    ----------
    survival : (M, G) float
        Chance that it lasts g hours.
    night : (M, G) float, optional
        What a false alarm at the end of each hour costs, in day alarms.
    stages : sequence of Stage
        What delay costs, from low levels to high ones.
    """
    made = np.empty(survival.shape)
    spare = survival if night is None else survival * night
    waits = [_waits(stage, survival.shape[1]) for stage in stages]
    for first in range(0, len(survival), BLOCK):
        some = slice(first, first + BLOCK)
        indices = _indices(np.stack([(survival[some] @ each).T for each in waits]), spare[some].T.copy())
        made[some] = indices[0].T
        for stage, index in zip(stages[1:], indices[1:], strict=True):
            above = np.maximum(index.T, stage.level)
            made[some] = np.where(made[some] < stage.level, made[some], above)
    return made


@cache
def _waits(stage: Stage, hours: int) -> Floats:
    """Return (G, G) what being told at the end of hour d costs if the incident happens in hour x."""
    later = np.arange(hours) - np.arange(hours)[:, None] + 1
    waits: Floats = np.where(later > 0, stage.costs(hours)[np.maximum(later, 0)], 0.0)
    return waits


def _indices(spent: Floats, spare: Floats) -> Floats:
    """Return (S, G, M) the highest index so far, given (S, G, M) K of each stage and (G, M) the share of calls to come."""
    hours = spent.shape[1]
    lowest = _few(spent, spare) if spent.shape[2] <= FEW else _many(spent, spare)
    lowest[:, -1] = lowest[:, -2]
    sure = SURE_PER_H * np.maximum(np.arange(1, hours + 1) - SURE_H, 0.0)
    index = np.log10(lowest) + sure[:, None]
    so_far: Floats = np.maximum.accumulate(np.where(lowest < 1.0 / TINY**0.5, index, 0.0), axis=1)
    return so_far


def _many(spent: Floats, spare: Floats) -> Floats:
    """Return (S, G, M) the least cost of a spared call: one wait after the other by its length, all quiets at once."""
    lowest, hours = np.full(spent.shape, np.inf), spent.shape[1]
    each_of, spared_of = np.empty(spent.shape), np.empty(spare.shape)
    for length in range(1, hours):
        each, spared, low = each_of[:, length:], spared_of[length:], lowest[:, :-length]
        np.subtract(spare[:-length], spare[length:], out=spared)
        np.maximum(spared, TINY, out=spared)  # next to nothing where waiting spares none
        np.subtract(spent[:, length:], spent[:, :-length], out=each)
        np.divide(each, spared, out=each)
        np.minimum(low, each, out=low)
    return lowest


def _few(spent: Floats, spare: Floats) -> Floats:
    """Return the same of few quiets, for which so many short operations would cost more than some that are not needed."""
    begun, told, first = _pairs(spent.shape[1])
    spared = np.maximum(spare[begun] - spare[told], TINY)
    each = (spent[:, told] - spent[:, begun]) / spared
    lowest = np.full(spent.shape, np.inf)
    lowest[:, :-1] = np.minimum.reduceat(each, first, axis=1)
    return lowest


@cache
def _pairs(hours: int) -> tuple[Rows, Rows, Rows]:
    """Return every g and every d > g, and where each g begins among them."""
    begun, told = np.triu_indices(hours, 1)
    return begun, told, np.flatnonzero(np.diff(begun, prepend=-1))


def level_at(curve: Floats, hours: Floats, stepped: bool = False) -> Floats:
    """Return (M,) the level of each quiet after so many hours, given (M, G) `levels`.

    Between two whole hours it rises evenly; `stepped`: it is that of the last whole hour, because the price of an alarm
    jumps with the night and half of a day's price is none.
    """
    if not len(curve):
        return np.empty(0)
    most = curve.shape[1]
    padded = np.concatenate([np.minimum(curve[:, :1], 0.0), curve], axis=1)  # [:, g]: the end of hour g
    full = np.clip(np.floor(hours), 0, most - 1).astype(np.intp)
    n, inside = np.arange(len(curve)), np.clip(hours - full, 0.0, 1.0)
    if stepped:
        inside = np.floor(inside)
    level = padded[n, full] + inside * (padded[n, full + 1] - padded[n, full])
    made: Floats = level + BEYOND_PER_H * np.maximum(hours - most, 0.0)
    return made


def hours_to(curve: Floats, level: Floats, stepped: bool = False) -> Floats:
    """Return (M,) hours after which each quiet reaches its level, given (M, G) `levels`; `stepped` as for `level_at`."""
    most = curve.shape[1]
    padded = np.concatenate([np.minimum(curve[:, :1], 0.0), curve], axis=1)
    reached = padded[:, 1:] >= level[:, None]
    first = reached.argmax(axis=1)
    n = np.arange(len(curve))
    low, high = padded[n, first], padded[n, first + 1]
    rise = np.where(high > low, high - low, 1.0)
    inside = np.ones(len(curve)) if stepped else np.clip((level - low) / rise, 0.0, 1.0)
    beyond = most + (level - padded[:, -1]) / BEYOND_PER_H
    made: Floats = np.where(reached.any(axis=1), first + inside, beyond)
    return made


def night_costs(begin_h: Floats, hours: int, cost: float) -> Floats:
    """Return (M, hours) what an alarm at the end of each hour costs, given (M,) when quiets begin: hours since midnight."""
    at = (begin_h[:, None] + np.arange(1, hours + 1)) % 24
    return np.where((at >= NIGHT_H[0]) | (at < NIGHT_H[1]), cost, 1.0)
