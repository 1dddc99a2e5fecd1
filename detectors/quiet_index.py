"""When waiting any longer is not worth its cost: the level of a quiet, hour by hour, from how it is likely to go on.

Let S(g) be the chance that this quiet lasts g hours in an ordinary life, and an incident as likely in any hour of it as in
any other.  To wait from hour g until hour d costs sum(C(x), x = g..d-1) hours during which somebody may lie there, with
C(x) = S(1) + ... + S(x); it spares a call for nothing with the chance S(g) - S(d).  Waiting is worthwhile while some d
makes the hours for each call spared fewer than one is ready to pay:

    I(g) = log10 min over d > g of sum(C(x), x = g..d-1) / (S(g) - S(d))

So it waits through the last hours before a usual return, and does not wait through hours that can bring no news.  The level
of a quiet is the highest I so far, and a little more for each hour beyond twelve: where the model is too sure, time tells.
At level theta one false call is worth 10 ** theta hours of delay, summed over all quiets.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.bins import Floats

SURE_H, SURE_PER_H = 12.0, 0.03
"""From here on every hour counts by itself. [h], [1/h]"""
BEYOND_PER_H = 0.1
"""After the last hour that is looked at. [1/h]"""
BLOCK = 32
"""Quiets worked out at a time."""
NIGHT_H = (22, 7)
"""When an alarm is one at night: hours of the day, from and until."""


def levels(survival: Floats, night: Floats | None = None) -> Floats:
    """Return (M, G) the level of a quiet at the end of each of its hours 1...G; never falls.

    Parameters
    ----------
    survival : (M, G) float
        Chance that it lasts g hours.
    night : (M, G) float, optional
        What a false alarm at the end of each hour costs, in day alarms.
    """
    waited = np.cumsum(np.cumsum(survival, axis=1), axis=1)  # [:, x]: C(1) + ... + C(x + 1)
    before = np.concatenate([np.zeros((len(survival), 1)), waited[:, :-1]], axis=1)
    costs = survival if night is None else survival * night
    hours = survival.shape[1]
    later = np.arange(hours)[:, None] < np.arange(hours)
    lowest = np.empty(survival.shape)
    for first in range(0, len(survival), BLOCK):
        some = slice(first, first + BLOCK)
        spared = costs[some, :, None] - costs[some, None, :]
        spent = before[some, None, :] - before[some, :, None]
        useful = later & (spared > 0)
        lowest[some] = np.divide(spent, spared, out=np.full(spared.shape, np.inf), where=useful).min(axis=2)
    lowest[:, -1] = lowest[:, -2]
    index = np.log10(lowest) + SURE_PER_H * np.maximum(np.arange(1, hours + 1) - SURE_H, 0.0)
    return np.maximum.accumulate(np.where(np.isfinite(index), index, 0.0), axis=1)


def level_at(curve: Floats, hours: Floats) -> Floats:
    """Return (M,) the level of each quiet after so many hours, given (M, G) `levels`; even between two whole hours."""
    most = curve.shape[1]
    padded = np.concatenate([np.minimum(curve[:, :1], 0.0), curve], axis=1)  # [:, g]: the end of hour g
    full = np.clip(np.floor(hours), 0, most - 1).astype(np.intp)
    n, inside = np.arange(len(curve)), np.clip(hours - full, 0.0, 1.0)
    level = padded[n, full] + inside * (padded[n, full + 1] - padded[n, full])
    made: Floats = level + BEYOND_PER_H * np.maximum(hours - most, 0.0)
    return made


def hours_to(curve: Floats, level: Floats) -> Floats:
    """Return (M,) hours after which each quiet reaches its level, given (M, G) `levels`."""
    most = curve.shape[1]
    padded = np.concatenate([np.minimum(curve[:, :1], 0.0), curve], axis=1)
    reached = padded[:, 1:] >= level[:, None]
    first = reached.argmax(axis=1)
    n = np.arange(len(curve))
    low, high = padded[n, first], padded[n, first + 1]
    rise = np.where(high > low, high - low, 1.0)
    inside = np.clip((level - low) / rise, 0.0, 1.0)
    beyond = most + (level - padded[:, -1]) / BEYOND_PER_H
    made: Floats = np.where(reached.any(axis=1), first + inside, beyond)
    return made


def night_costs(begin_hour: NDArray[np.int64], hours: int, cost: float) -> Floats:
    """Return (M, hours) what an alarm at the end of each hour costs, given (M,) the clock hour in which a quiet begins."""
    at = (begin_hour[:, None] + np.arange(1, hours + 1)) % 24
    return np.where((at >= NIGHT_H[0]) | (at < NIGHT_H[1]), cost, 1.0)
