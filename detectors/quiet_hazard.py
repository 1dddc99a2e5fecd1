"""The chance that water comes in the next hour of a quiet that has lasted so long: one model for a population of homes.

Log odds are a straight line of the columns of `detectors.quiet_columns`, and what a layer of a few dozen bends (tanh) adds
to it.  The weights were fitted once (``python -m benchmarks.hazard``) and need no labels: every quiet of an ordinary life tells
when it ended.

There are two populations of homes: those recorded, mostly of working people, and simulated older ones.  No single set of weights
serves both as well as their own.  Which population a home takes after shows in its own quiets: the log likelihoods of what came
are summed up, and log odds are mixed accordingly; a home without a past is judged by the mean of both.  What the weights get
wrong for a home is then corrected by an offset of its own for each band of hours, drawn towards none.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bins import Floats
from detectors.quiet_columns import HOURS, Singles, shipped_arrays

LEAST, MOST = 1e-4, 0.97
"""No hour is surer than this."""
BAND_FROM = np.array([4, 7, 11, 16, 24])
"""First hours of the bands that have an offset: shorter quiets are never scored."""
BANDS = len(BAND_FROM)
OFFSET_PRIOR = 40.0
BAND = np.searchsorted(BAND_FROM, np.arange(1, HOURS + 1), side="right") - 1
"""(HOURS,) the band of each hour; -1: none."""
BLOCK = 32
"""Quiets worked out at a time, so that what they need stays in the cache."""
FARTHEST = 6.0
"""Columns further than this from their mean say no more. [standard deviations]"""
IN_BAND = (BAND[:, None] == np.arange(BANDS)).astype(np.float64)


POPULATIONS = 2
"""Recorded homes, simulated seniors."""
LIKENESS = 0.1
"""Weight of a log likelihood: the hours of a quiet tell much the same."""
MOST_LIKE = 60.0
"""No home is surer of its population, so that one whose life changes can change sides."""


class Bends(NamedTuple):
    """What a straight line misses: K bends of the columns."""

    mean: Floats
    spread: Floats
    """(33,), (33,) by which the columns are made comparable."""
    inner: Floats
    bias: Floats
    outer: Floats
    """(33, K), (K,), (K,)"""


class Weights(NamedTuple):
    """A logistic model, straight or bent."""

    intercept: float
    slopes: Floats
    """(33,)"""
    bends: Bends | None = None


@cache
def shipped() -> tuple[tuple[Weights, ...], ...]:
    """Return the weights in the package: for each class of register (`quiet_columns.Priors.of`) those of each population."""
    a = {name: array.astype(np.float64) for name, array in shipped_arrays().items()}
    return tuple(
        tuple(
            Weights(float(line[0]), line[1:], Bends(*(a[name][kind, n] for name in Bends._fields)))
            for n, line in enumerate(lines)
        )
        for kind, lines in enumerate(a["weights"])
    )


def log_odds(weights: Weights, columns: Singles) -> Floats:
    """Return (..., G) log odds that water comes in each hour, given (..., G, 33) columns."""
    quiets = columns.reshape(-1, *columns.shape[-2:])
    odds = np.empty(quiets.shape[:2])
    for first in range(0, len(odds), BLOCK):
        some = slice(first, first + BLOCK)
        odds[some] = _log_odds(weights, quiets[some].transpose(0, 2, 1))
    return odds.reshape(columns.shape[:-1])


def _log_odds(weights: Weights, lines: Singles) -> Floats:
    """Return (M, G) log odds, given (M, 33, G) columns.

    Each quiet is multiplied by itself: what it comes to does not depend on the others, and no product is so large that it
    would be shared out among threads, which costs more than it brings.
    """
    straight: Singles = weights.slopes.astype(np.float32) @ lines
    odds: Floats = straight.astype(np.float64) + weights.intercept
    if weights.bends is None:
        return odds
    mean, spread, inner, bias, outer = (array.astype(np.float32) for array in weights.bends)
    alike = lines - mean[:, None]
    alike /= spread[:, None]
    np.clip(alike, -FARTHEST, FARTHEST, out=alike)
    bent = inner.T @ alike
    bent += bias[:, None]
    np.tanh(bent, out=bent)
    odds += outer @ bent
    return odds


def population_odds(weights: Sequence[Weights], columns: Singles) -> Floats:
    """Return (M, POPULATIONS, G) log odds by the weights of each population, given (M, G, 33) columns."""
    return np.stack([log_odds(one, columns) for one in weights], axis=1)


def mixed(odds: NDArray[np.floating[Any]], like: Floats) -> Floats:
    """Return (M, HOURS) log odds, given (M, POPULATIONS, HOURS) those of the populations and (M,) the sum of `likeness`."""
    first = 1.0 / (1.0 + np.exp(-LIKENESS * like))[:, None]
    made: Floats = first * odds[:, 0] + (1.0 - first) * odds[:, 1]
    return made


def likeness(odds: NDArray[np.floating[Any]], lasted: NDArray[np.int64], ended: NDArray[np.bool_]) -> Floats:
    """Return (M,) how much likelier quiets that lasted so many hours are in the first population than in the second.

    The difference of log likelihoods over the hours in bands, given (M, POPULATIONS, HOURS) log odds; `ended` by a use.
    """
    g = np.arange(1, HOURS + 1)
    came = ended[:, None] & (g == lasted[:, None] + 1)
    seen = ((g <= lasted[:, None]) | came) & (g >= BAND_FROM[0])
    told = came[:, None] * odds - np.logaddexp(0.0, odds)
    made: Floats = ((told[:, 0] - told[:, 1]) * seen).sum(axis=1)
    return made


def chances(odds: Floats, offsets: Floats) -> Floats:
    """Return (M, HOURS) the chance of water in each hour, given (M, HOURS) log odds and (M, BANDS) own offsets."""
    made: Floats = np.clip(1.0 / (1.0 + np.exp(-(odds + offsets @ IN_BAND.T))), LEAST, MOST)
    return made


def survival(chance: Floats) -> Floats:
    """Return (M, HOURS) the chance that a quiet lasts g hours, given that it lasts one."""
    stays = 1.0 - chance
    stays[:, 0] = 1.0
    made: Floats = np.cumprod(stays, axis=1, dtype=np.float64)
    return made


def offsets(sums: Floats) -> Floats:
    """Return (M, BANDS) own offsets, given (M, BANDS, 2) sums of y - p and of p (1 - p) over past hours of each band."""
    made: Floats = sums[:, :, 0] / (sums[:, :, 1] + OFFSET_PRIOR)
    return made


def residuals(chance: Floats, lasted: NDArray[np.int64], ended: NDArray[np.bool_]) -> Floats:
    """Return (M, BANDS, 2) what quiets that lasted so many hours add to the sums of `offsets`.

    `chance` (M, HOURS) as it was without an offset; `ended` by a use, which came in hour `lasted` + 1.
    """
    g = np.arange(1, HOURS + 1)
    came = ended[:, None] & (g == lasted[:, None] + 1)
    seen = (g <= lasted[:, None]) | came
    miss, spread = np.where(seen, came - chance, 0.0), np.where(seen, chance * (1.0 - chance), 0.0)
    return np.stack([miss @ IN_BAND, spread @ IN_BAND], axis=2)
