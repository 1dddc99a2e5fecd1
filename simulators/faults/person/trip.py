"""Somebody goes away over night, declared or not.

At the meter: zero from the last use before leaving until the return, messages go on; the door opens, then nobody moves.
The service must: keep still if the trip was declared.  If not, ask first, and say that the door opened after the last
use and nobody was seen since: somebody may simply be out.
"""

import numpy as np

from simulators.doings import TO_DOOR_S, Doings, draw
from simulators.end_uses import DAY_S
from simulators.faults import Fault

LAST_USE_S = 180.0
"""A last visit to the bathroom begins this long before the door opens. [s]"""
LAST_USE_L = 6.0
DAYS = (1.0, 30.0)


def trip(doings: Doings, left: float, back: float = np.inf) -> Doings:
    """Return the doings of somebody who leaves at `left` and is back at `back` (seconds since 1970).

    Raises
    ------
    ValueError
        `back` is not after `left`.
    """
    if not back > left:
        raise ValueError(f"want a return after leaving, got {left} and {back}")
    packs = doings.indoors(left - LAST_USE_S, left).without(left - LAST_USE_S, left)
    last_use = draw(left - LAST_USE_S, LAST_USE_L, 60.0)
    return packs.away(left, back).also(last_use, np.array([left - LAST_USE_S]), np.empty(0))


def strike(doings: Doings, at: float, rng: np.random.Generator) -> Doings:
    """Leave some minutes after `at`, for a month at most; whoever plays this declares the absence, or does not."""
    left = doings.home_from(at) + LAST_USE_S + TO_DOOR_S
    return trip(doings, left, left + float(rng.uniform(*DAYS)) * DAY_S)


FAULT = Fault("P9", "person", strike, never=("surge", "leak"))
