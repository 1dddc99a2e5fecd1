"""A second person moves in for good.

At the meter: 1.7 times as many draws from one day on, at much the same hours; two people are seen to move.
The service must: raise nothing urgent, and tell the slow change upwards, within some weeks, to ask who moved in.

The second person lives as the first used to, and goes on when something befalls the first, except while nobody is at home.
"""

import numpy as np

from simulators.doings import Doings
from simulators.end_uses import whole
from simulators.faults import Fault
from simulators.faults.person.visitors import company

TIMES = 1.7
APART_S = 2 * 3600.0
"""The other's draw comes so long before or after one of the resident's at most. [s] [A]"""


def second_resident(
    doings: Doings, at: float, rng: np.random.Generator, times: float = TIMES, usual: Doings | None = None
) -> Doings:
    """Return the doings of a home with `times` as many draws from `at` (seconds since 1970) on.

    The others are near those that are `usual` (those of `doings` if nothing else is known).

    Raises
    ------
    ValueError
        `times` is below 1.
    """
    if not times >= 1:
        raise ValueError(f"want times from 1 up, got {times}")
    usual = doings if usual is None else usual
    more = whole(np.where(usual.draws.start_s >= at, times - 1, 0.0), rng)
    return company(doings, usual.copies(more, rng.uniform(-APART_S, APART_S, more.sum()), since=at))


def strike(doings: Doings, at: float, rng: np.random.Generator, *, usual: Doings | None = None) -> Doings:
    """Move in at `at`."""
    return second_resident(doings, at, rng, usual=usual)


FAULT = Fault("P14", "person", strike, finds=("drift",), never=("leak",), wants=("usual",))
