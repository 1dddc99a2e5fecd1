"""Chance without a running generator: every number is a hash of (home, day, what it is for).

So a day is the same however long a simulation runs, wherever it starts and however many homes are simulated beside it.
Tables stand for the inverse distribution functions; they are rounded, and what is drawn a million times is only added,
multiplied and looked up: so the same seed gives the same bytes on every machine.
"""

from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bits = NDArray[np.uint64]
Rows = NDArray[np.intp]
Counts = NDArray[np.int64]

LEVELS = 4096
"""Entries of a table: 12 bits choose one."""
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MID = (np.arange(LEVELS) + 0.5) / LEVELS


def mixed(x: Bits) -> Bits:
    """Return the finaliser of SplitMix64 (Steele, Lea & Flood 2014, OOPSLA) of each value; `x` is used up."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x ^= x >> np.uint64(shift)
        x *= np.uint64(factor)
    x ^= x >> np.uint64(31)
    return x


def keys(seeds: ArrayLike) -> Bits:
    """Return one key a seed; seeds are whole numbers, of any sign."""
    whole = [int(seed) % 2**64 for seed in np.atleast_1d(np.asarray(seeds, object))]
    return mixed(np.array(whole, np.uint64) + _GOLDEN)


def numbers(key: Bits, slot: ArrayLike) -> Bits:
    """Return the hash of each key for the purpose `slot` (whole numbers from 0 up); shapes broadcast."""
    step = np.atleast_1d(np.asarray(slot, np.int64)).view(np.uint64) + np.uint64(1)
    step *= _GOLDEN
    return mixed(key + step)


def unit(bits: Bits) -> Floats:
    """Return uniform numbers inside (0, 1), of 52 bits."""
    inside = (bits >> np.uint64(12)).astype(np.float64)
    inside += 0.5
    inside *= 2.0**-52
    return inside


def field(bits: Bits, low: int, width: int) -> Rows:
    """Return `width` bits from bit `low` on, as indices."""
    some = bits >> np.uint64(low)
    some &= np.uint64(2**width - 1)
    return some.view(np.int64)


def part(bits: Bits, low: int, width: int) -> Floats:
    """Return uniform numbers inside (0, 1) of `width` bits from bit `low` on."""
    inside = field(bits, low, width).astype(np.float64)
    inside += 0.5
    inside *= 1.0 / (1 << width)
    return inside


def level(bits: Bits, low: int = 0) -> Rows:
    """Return an index into a table."""
    return field(bits, low, 12)


def counts(mean: Floats, u: Floats, most: int) -> Counts:
    """Return the Poisson numbers of these means at these points of their distribution, none above `most`."""
    count = np.zeros(mean.shape, np.int64)
    term = np.exp(-mean)
    below, alive = term, np.arange(len(mean))
    for k in range(1, most + 1):
        more = np.flatnonzero(u > below)
        alive, mean, u, term = alive[more], mean[more], u[more], term[more]
        if not len(alive):
            break
        count[alive] = k
        term = term * (mean / k)
        below = below[more] + term
    return count


def expand(count: Counts) -> tuple[Rows, Counts]:
    """Return (row, which one of that row) for `count` (R,) things a row."""
    row = np.repeat(np.arange(len(count)), count)
    first = np.cumsum(count) - count
    return row, np.arange(len(row)) - first[row]


@cache
def bell() -> Floats:
    """Return the table of the standard normal distribution."""
    normal = NormalDist()
    return _fixed(np.array([normal.inv_cdf(float(u)) for u in _MID]))


@cache
def lognormal(spread: float) -> Floats:
    """Return the table of exp(N(0, spread)): median 1."""
    return _fixed(np.exp(spread * bell()))


@cache
def gamma(shape: float) -> Floats:
    """Return the table of a gamma distribution of mean 1."""
    power = min(shape, 1.0)  # below shape 1 the density has a pole at 0; in y = x**shape it has none
    y = np.linspace(0.0, (shape + 12.0 * np.sqrt(shape) + 20.0) ** power, 200_001)
    x = y ** (1 / power)
    return _fixed(np.interp(_MID, _integral(x ** (shape - power) * np.exp(-x)), x) / shape)


@cache
def beta(a: float, b: float) -> Floats:
    """Return the table of a beta distribution."""
    p = 1.0 / min(a, b, 1.0)  # both poles, at 0 and at 1, are flattened by x = y**p / (y**p + (1 - y)**p)
    y = np.linspace(0.0, 1.0, 200_001)[1:-1]
    whole = y**p + (1 - y) ** p
    x, rest = y**p / whole, (1 - y) ** p / whole
    slope = x * rest * p / (y * (1 - y))
    return _fixed(np.interp(_MID, _integral(x ** (a - 1) * rest ** (b - 1) * slope), x))


def _integral(density: Floats) -> Floats:
    """Return the integral of a density over an even grid up to each point, 1 at its end."""
    total = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    done: Floats = total / total[-1]
    return done


def _fixed(table: Floats) -> Floats:
    """Round: the last bits of exp and log differ between machines."""
    return np.round(table, 9)


class Chance:
    """The numbers of one home by day: `slot` says what a number is for; one slot of one day is one number."""

    def __init__(self, seed: int) -> None:
        self._key = keys(seed)

    def pick(self, day: NDArray[np.int64], slot: ArrayLike) -> Floats:
        """Return (N,) uniform numbers inside (0, 1), one for each (day, slot)."""
        return unit(numbers(numbers(self._key, day), np.broadcast_to(np.asarray(slot), day.shape)))
