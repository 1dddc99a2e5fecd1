"""The chance that water comes in the next hour of a quiet that has lasted so long: one model for all homes.

Log odds are a straight line of the columns of `detectors.quiet_columns`, and what a layer of a few dozen bends (tanh) adds
to it.  The weights were fitted once, on recorded homes (``python -m benchmarks.hazard``), and need no labels: every quiet of
an ordinary life tells when it ended.  What the shared weights get wrong for a home is corrected by an offset of its own for
each band of hours, drawn towards none.
"""

from functools import cache
from typing import NamedTuple

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
FARTHEST = 6.0
"""Columns further than this from their mean say no more. [standard deviations]"""
IN_BAND = (BAND[:, None] == np.arange(BANDS)).astype(np.float64)


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
def shipped() -> tuple[Weights, ...]:
    """Return the weights in the package, one for each class of register (`quiet_columns.Priors.of`)."""
    a = shipped_arrays()
    return tuple(
        Weights(
            float(line[0]),
            line[1:].astype(np.float64),
            Bends(*(a[name][n].astype(np.float64) for name in Bends._fields)),
        )
        for n, line in enumerate(a["weights"])
    )


def log_odds(weights: Weights, columns: Singles) -> Floats:
    """Return (..., G) log odds that water comes in each hour, given (..., G, 33) columns."""
    straight: Singles = columns @ weights.slopes.astype(np.float32)
    odds: Floats = straight.astype(np.float64) + weights.intercept
    if weights.bends is None:
        return odds
    mean, spread, inner, bias, outer = (array.astype(np.float32) for array in weights.bends)
    alike: Singles = np.clip((columns - mean) / spread, -FARTHEST, FARTHEST)
    bent: Singles = np.tanh(alike @ inner + bias) @ outer
    return odds + bent


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
