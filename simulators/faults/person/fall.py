"""Somebody falls with the water off.

At the meter: a last use, then zero, while messages go on; a motion sensor sees nobody from then on.
The service must: find the quiet and send somebody; the longer and the more unusual, the more urgent.
"""

import numpy as np

from simulators.doings import Doings, draw
from simulators.faults import Fault

FLUSH_S = 60.0
"""The last visit to the bathroom began this long before: four of ten falls happen on the way from one. [s]"""
FLUSH_L = 6.0
FLUSH_FLOW_S = 59.0
"""A cistern fills in this time, or until the fall. [s]"""
FROM_BATHROOM = 0.4
"""Share of falls within `AFTER_VISIT_S` of a visit to the bathroom; the others come at any time at home. [A]"""
AFTER_VISIT_S = 600.0


def fall(doings: Doings, at: float, visit_s: float = FLUSH_S) -> Doings:
    """Return the doings of somebody who falls at `at` (seconds since 1970), `visit_s` after a visit to the bathroom began.

    Raises
    ------
    ValueError
        `visit_s` is not above 1.
    """
    if not visit_s > 1:
        raise ValueError(f"want a visit that began more than 1 s before the fall, got {visit_s}")
    before = doings.until(at - visit_s)
    walk = np.array([at - visit_s, at - min(10.0, visit_s / 2)])
    return before.also(draw(at - visit_s, FLUSH_L, min(FLUSH_FLOW_S, visit_s - 1)), walk, np.empty(0))


def fall_anywhere(doings: Doings, at: float) -> Doings:
    """Return the doings of somebody who falls at `at`, or at the door if out then, and moves no more."""
    return doings.until(doings.home_from(at))


def strike(doings: Doings, at: float, rng: np.random.Generator) -> Doings:
    """Fall on the way from a bathroom visit that begins at `at`, or just there."""
    home = doings.home_from(at)
    visit_s = float(rng.uniform(FLUSH_S, AFTER_VISIT_S))
    return fall(doings, home + visit_s, visit_s) if rng.random() < FROM_BATHROOM else fall_anywhere(doings, home)


FAULT = Fault("P1", "person", strike, finds=("quiet",), never=("surge", "leak"))
