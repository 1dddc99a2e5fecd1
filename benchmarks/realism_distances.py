"""How far two sets of numbers lie apart, every home counting the same whatever the length of its record."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """Numbers in rising order and how much each counts; both (N,), the weights add up to 1."""

    values: Floats
    weights: Floats

    def quantile(self, share: float) -> float:
        """Return the least number with at least this share at or below it; NaN of an empty sample."""
        if not len(self.values):
            return float("nan")
        place = np.searchsorted(np.cumsum(self.weights), share - 1e-9)
        return float(self.values[min(int(place), len(self.values) - 1)])

    def below(self, at: Floats) -> Floats:
        """Return the share at or below each number."""
        total = np.append(0.0, np.cumsum(self.weights))
        return total[np.searchsorted(self.values, at, side="right")]


def sample(homes: Sequence[Floats]) -> Sample:
    """Return the numbers of several homes as one sample; each home with any number in it counts the same."""
    parts = [part[~np.isnan(part)] for part in homes]
    parts = [part for part in parts if len(part)]
    if not parts:
        return Sample(np.empty(0), np.empty(0))
    values = np.concatenate(parts)
    weights = np.concatenate([np.full(len(part), 1.0 / len(part) / len(parts)) for part in parts])
    order = np.argsort(values, kind="stable")
    return Sample(values[order], weights[order])


def kolmogorov_smirnov(a: Sample, b: Sample) -> float:
    """Return the greatest difference of the shares at or below any number: 0 the same, 1 nothing in common."""
    if not (len(a.values) and len(b.values)):
        return float("nan")
    at = np.concatenate([a.values, b.values])
    return float(np.abs(a.below(at) - b.below(at)).max())


def wasserstein(a: Sample, b: Sample) -> float:
    """Return how far the numbers of `b` would have to be moved, on average, to become those of `a`; in their unit."""
    if not (len(a.values) and len(b.values)):
        return float("nan")
    at = np.unique(np.concatenate([a.values, b.values]))
    return float((np.abs(a.below(at) - b.below(at))[:-1] * np.diff(at)).sum())


def factor(a: Sample, b: Sample) -> float:
    """Return by which factor, on average, the numbers of `b` would have to change to become those of `a`; at least 1."""
    return float(np.exp(wasserstein(*(Sample(np.log(one.values), one.weights) for one in (a, b)))))


def moved(a: Floats, b: Floats) -> float:
    """Return the share of a clock's use that would have to happen at another hour to turn `b` (24,) into `a` (24,)."""
    return float(np.abs(a / a.sum() - b / b.sum()).sum() / 2)


def best_shift(a: Floats, b: Floats) -> tuple[int, float]:
    """Return by how many hours `b` has to be late to be most like `a`, and what then remains of `moved`."""
    left = {hours: moved(a, np.roll(b, hours)) for hours in range(-6, 7)}
    hours = min(left, key=lambda h: (left[h], abs(h)))
    return hours, left[hours]


def apart(homes: Sequence[Floats], share: float = 0.5) -> float:
    """Return how far a home lies from the other homes together (Kolmogorov-Smirnov), as a quantile over the homes."""
    there = [home for home in homes if (~np.isnan(home)).any()]
    if len(there) < 2:
        return float("nan")
    # The others are what is left of all when a home is taken out, so its distance from them is its distance from all,
    # stretched: F_home - F_others = (F_home - F_all) x H / (H - 1).
    whole, stretch = sample(there), len(there) / (len(there) - 1)
    each = [kolmogorov_smirnov(sample([home]), whole) * stretch for home in there]
    return sample([np.array(each)]).quantile(share)


def clocks_apart(clocks: Sequence[Floats]) -> float:
    """Return `moved` between a home's clock and the mean of the others, median over the homes."""
    total = np.sum(clocks, axis=0)
    return float(np.median([moved(clock, total - clock) for clock in clocks]))
