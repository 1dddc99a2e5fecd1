"""What is usual among many homes: the start of every home's own model, and the shape of its rare long quiets.

The shipped table (``data/cohort.npz``) is made by ``python -m benchmarks.cohort --seed N`` from simulated homes, once for
each class of meter: what counts as a quiet hour depends on how often and how finely the meter tells.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np

from detectors.bins import Floats, Rows

GROUP_EDGES_H = np.array([0, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23])
"""First hours of the groups by local hour at which a quiet begins."""
GROUPS = len(GROUP_EDGES_H)
XI = 0.3
"""Shape of the generalised Pareto tail: fixed, heavier than fitted, so that the score errs on the calm side."""
QUANTILE = 0.8
"""The tail begins at this quantile of quiets."""


@dataclass(frozen=True)
class Cohort:
    """One line for each of T classes of meter."""

    period_s: Floats
    resolution_l: Floats
    """(T,) what stands for the class."""
    rate: Floats
    """(T, 24) share of local hours in which water is drawn."""
    tail_from: Floats
    """(T, GROUPS) where the tail begins, in rescaled time."""
    scale: Floats
    """(T, GROUPS) scale of the tail."""
    excess: Floats
    """(T, GROUPS) mean excess over `tail_from`."""

    def kind(self, period_s: Floats, resolution_l: Floats) -> Rows:
        """Return (H,) the class nearest to each meter; both differences count as ratios."""
        far = np.abs(np.log(np.clip(period_s, 60, 3600)[:, None] / self.period_s))
        far = far + np.abs(np.log(np.clip(resolution_l, 0.1, 100)[:, None] / self.resolution_l))
        nearest: Rows = far.argmin(axis=1)
        return nearest


@cache
def shipped() -> Cohort:
    """Return the table in the package."""
    raw = (files("detectors") / "data" / "cohort.npz").read_bytes()
    with np.load(BytesIO(raw), allow_pickle=False) as saved:
        return Cohort(**{name: saved[name] for name in Cohort.__dataclass_fields__})


def group(hour: Floats) -> Rows:
    """Return the group of each local hour of the day."""
    place: Rows = np.searchsorted(GROUP_EDGES_H, hour, side="right") - 1
    return place
