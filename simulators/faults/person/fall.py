"""Somebody falls with the water off.

At the meter: a last use, then zero, while messages go on; a motion sensor sees nobody from then on.
The service must: find the quiet and send somebody; the longer and the more unusual, the more urgent.
"""

import numpy as np

from simulators.doings import Doings, draw

FLUSH_S = 60.0
"""The last visit to the bathroom began this long before: four of ten falls happen on the way from one. [s]"""
FLUSH_L = 6.0


def fall(doings: Doings, at: float) -> Doings:
    """Return the doings of somebody who falls at `at` (seconds since 1970), just after a visit to the bathroom."""
    before = doings.until(at - FLUSH_S)
    walk = np.array([at - FLUSH_S, at - 10.0])
    return before.also(draw(at - FLUSH_S, FLUSH_L, FLUSH_S - 1), walk, np.empty(0))
