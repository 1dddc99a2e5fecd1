"""Somebody moves to a care home, or dies.

At the meter: zero for good; the register stays where it is for days and weeks, messages go on.  Who moves out closes the
door behind; after a death nothing moves.
The service must: find the quiet and, once somebody was there, close the case and watch this home no longer; what is
usual here must not be learnt from it.
"""

import numpy as np

from simulators.doings import TO_DOOR_S, Doings
from simulators.faults import Fault
from simulators.faults.person.trip import LAST_USE_S, trip

CARE_HOME = 0.5
"""Share of those who move. [A]"""


def moved_out(doings: Doings, at: float) -> Doings:
    """Return the doings of somebody who leaves at `at` (seconds since 1970) and never comes back."""
    return trip(doings, at)


def died(doings: Doings, at: float) -> Doings:
    """Return the doings of somebody who dies at home at `at` (seconds since 1970)."""
    return doings.until(at)


def strike(doings: Doings, at: float, rng: np.random.Generator) -> Doings:
    """Move out some minutes after `at`, or die there."""
    home = doings.home_from(at)
    return moved_out(doings, home + LAST_USE_S + TO_DOOR_S) if rng.random() < CARE_HOME else died(doings, home)


FAULT = Fault("P15", "person", strike, finds=("quiet",), never=("surge", "leak"))
