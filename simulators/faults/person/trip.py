"""Somebody goes away over night, declared or not.

At the meter: zero from the last use before leaving until the return, messages go on; the door opens, then nobody moves.
The service must: keep still if the trip was declared.  If not, ask first, and say that the door opened after the last
use and nobody was seen since: somebody may simply be out.
"""

import numpy as np

from simulators.doings import TO_DOOR_S, Doings, draw

LAST_USE_S = 180.0
"""A last visit to the bathroom begins this long before the door opens. [s]"""
LAST_USE_L = 6.0


def trip(doings: Doings, left: float, back: float = np.inf) -> Doings:
    """Return the doings of somebody who leaves at `left` and is back at `back` (seconds since 1970)."""
    packed = doings.without(left - LAST_USE_S, back)
    walk = np.array([left - LAST_USE_S, left - TO_DOOR_S, back + TO_DOOR_S])
    doors = np.array([left, back])
    return packed.also(draw(left - LAST_USE_S, LAST_USE_L, 60.0), walk[np.isfinite(walk)], doors[np.isfinite(doors)])
