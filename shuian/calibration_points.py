"""Operating points of a replay: what each budget of false alarms buys, how unsure that is, and where data are too few."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shuian.calibration import Floats, Measured

BUDGETS = (0.1, 0.3, 1.0, 3.0)
"""False alarms a household-month that are shown in a table."""
GRID = tuple(sorted({*BUDGETS, *(float(f"{x:.2g}") for x in np.geomspace(0.05, 15.0, 60))}))
"""Those that a slider can choose."""
FEW_ALARMS, FEW_HOMES = 5, 5
"""Fewer false alarms or homes than this are chance."""
RESAMPLES = 200
TIMES_MEAN, LEAST_COUNT = 3.0, 3
"""A home stands out with more than so many times the mean, and at least so many alarms."""


@dataclass(frozen=True)
class Point:
    """One budget of a group of homes; delays in hours, NaN: no copy could be taken."""

    a_month: float
    level: float
    obtained: float
    """False alarms a household-month in this group; NaN: nothing is known."""
    median_h: float
    late_h: float
    few: bool
    """Too little is known to rest on it."""


@dataclass(frozen=True)
class Unsure:
    """Where nineteen of twenty lie when the homes are drawn again."""

    obtained: tuple[float, float]
    median_h: tuple[float, float]
    late_h: tuple[float, float]


@dataclass(frozen=True)
class Group:
    """Homes with the same kind of meter."""

    period_s: float
    resolution_l: float
    homes: int
    months: float
    points: tuple[Point, ...]
    """In the order of `GRID`, at the levels of the whole programme."""


def points(measured: Measured) -> tuple[Point, ...]:
    """Return the whole programme's points, in the order of `GRID`."""
    return tuple(point(measured, a_month, measured.level(a_month)) for a_month in GRID)


def point(some: Measured, a_month: float, level: float) -> Point:
    """Return what a level costs and gives in some homes."""
    months, false, delay = float(some.months.sum()), some.false(level), some.delay(level)
    median, late = np.quantile(delay, [0.5, 0.9]) if len(delay) else (np.nan, np.nan)
    few = a_month * months < FEW_ALARMS or int((some.months > 0).sum()) < FEW_HOMES
    return Point(a_month, level, false / months if months else np.nan, float(median), float(late), few)


def groups(measured: Measured, levels: Sequence[Point]) -> tuple[Group, ...]:
    """Return the kinds of meters, the most frequent first."""
    found: dict[tuple[float, float], list[int]] = {}
    for home, (period_s, resolution_l) in enumerate(measured.kinds):
        if measured.months[home] > 0:
            found.setdefault((period_s, _class(resolution_l)), []).append(home)
    made = []
    for (period_s, resolution_l), homes in found.items():
        mine = measured.of(homes)
        at = tuple(point(mine, one.a_month, one.level) for one in levels)
        made.append(Group(period_s, resolution_l, len(homes), float(mine.months.sum()), at))
    return tuple(sorted(made, key=lambda one: (-one.homes, one.period_s, one.resolution_l)))


def _class(resolution_l: float) -> float:
    """Return the nearest of 0.1, 1, 10 and 100 L."""
    return float(10.0 ** np.clip(np.rint(np.log10(resolution_l)), -1, 2))


def unsure(measured: Measured, level: float) -> Unsure | None:
    """Return how unsure a level's cost and delay are; None: too few homes to say."""
    homes = np.flatnonzero(measured.months > 0)
    if len(homes) < FEW_HOMES:
        return None
    rng, delay = np.random.default_rng(8), measured.delay(level)
    own = [delay[measured.copy_home == home] for home in homes]
    false = np.nan_to_num(measured.rates(level)[homes]) * measured.months[homes]
    drawn = []
    for _ in range(RESAMPLES):
        pick = rng.integers(0, len(homes), len(homes))
        hours = np.concatenate([own[n] for n in pick])
        rate = false[pick].sum() / measured.months[homes][pick].sum()
        drawn.append((rate, *(np.quantile(hours, [0.5, 0.9]) if len(hours) else (np.nan, np.nan))))
    low, high = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)
    spans = tuple((float(a), float(b)) for a, b in zip(low, high, strict=True))
    return Unsure(*spans)


def outstanding(measured: Measured, level: float) -> list[tuple[str, float]]:
    """Return the homes with more than three times the mean, and their false alarms a month, most first."""
    rates: Floats = measured.rates(level)
    months = float(measured.months.sum())
    mean = measured.false(level) / months if months else np.inf
    stands = (rates > TIMES_MEAN * mean) & (rates * measured.months >= LEAST_COUNT) & measured.long()
    found = [(measured.names[home], float(rates[home])) for home in np.flatnonzero(stands).tolist()]
    return sorted(found, key=lambda one: (-one[1], one[0]))
