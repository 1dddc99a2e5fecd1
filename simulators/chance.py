"""Chance without a running generator: every number is a hash of (seed, day, what it is for)."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Days = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the finaliser of SplitMix64 (Steele, Lea & Flood 2014, OOPSLA) of each value."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class Chance:
    """The numbers of one seed.  `slot` says what a number is for; two uses of one slot on one day get the same number."""

    def __init__(self, seed: int) -> None:
        self._seed = _mixed(np.array([seed % 2**64], np.uint64) + _GOLDEN)

    def pick(self, day: Days, slot: NDArray[np.int64] | NDArray[np.intp] | int) -> Floats:
        """Return (N,) uniform numbers inside (0, 1), one for each (day, slot)."""
        where = np.broadcast_to(np.asarray(slot, np.int64), day.shape)
        key = _mixed(self._seed + day.astype(np.uint64) * _GOLDEN)
        bits = _mixed(key + (where.astype(np.uint64) + np.uint64(1)) * _GOLDEN)
        return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) / 2.0**52

    def uniform(self, day: Days, slot: int, count: int = 1) -> Floats:
        """Return (days, count) uniform numbers from `slot` on."""
        return np.stack([self.pick(day, slot + k) for k in range(count)], axis=1)

    @staticmethod
    def bell(u: Floats, v: Floats) -> Floats:
        """Return standard normal numbers of two uniform ones (Box & Muller 1958)."""
        normal: Floats = np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * np.pi * v)
        return normal

    def normal(self, day: Days, slot: int, count: int) -> Floats:
        """Return (days, count) standard normal numbers; uses twice as many slots."""
        u = self.uniform(day, slot, 2 * count)
        return self.bell(u[:, :count], u[:, count:])

    def poisson(self, day: Days, slot: int, mean: Floats, most: int) -> NDArray[np.int64]:
        """Return (days,) Poisson numbers of these means, none above `most`."""
        u = self.pick(day, slot)
        term = np.exp(-mean)
        below, count = term.copy(), np.zeros(len(day), np.int64)
        for k in range(1, most + 1):
            count += u > below
            term = term * mean / k
            below = below + term
        return count

    @staticmethod
    def expand(count: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Return (index of the day, which one of that day) for `count` things a day."""
        day = np.repeat(np.arange(len(count)), count)
        first = np.cumsum(count) - count
        return day, np.arange(len(day)) - first[day]
