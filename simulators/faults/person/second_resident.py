"""A second person moves in for good.

At the meter: 1.7 times as many draws from one day on, at much the same hours; two people are seen to move.
The service must: raise nothing urgent, and ask whether somebody moved in; no detector looks for slow change yet.
"""

import numpy as np

from simulators.doings import Doings
from simulators.end_uses import whole
from simulators.faults import Fault

TIMES = 1.7
APART_S = 2 * 3600.0
"""The other's draw comes so long before or after one of the resident's at most. [s] [A]"""


def second_resident(doings: Doings, at: float, rng: np.random.Generator, times: float = TIMES) -> Doings:
    """Return the doings of a home with `times` as many draws from `at` (seconds since 1970) on.

    Raises
    ------
    ValueError
        `times` is below 1.
    """
    if not times >= 1:
        raise ValueError(f"want times from 1 up, got {times}")
    more = whole(np.where(doings.draws.start_s >= at, times - 1, 0.0), rng)
    return doings.repeated(more, rng.uniform(-APART_S, APART_S, more.sum()), since=at)


def strike(doings: Doings, at: float, rng: np.random.Generator) -> Doings:
    """Move in at `at`."""
    return second_resident(doings, at, rng)


FAULT = Fault("P14", "person", strike, never=("leak",))
