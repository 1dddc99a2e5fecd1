"""Somebody is away and told nobody: at the daughter's, or taken to hospital.

At the meter: as after a fall: a last use, then zero for days, messages go on.  The door opens; at a transport to hospital
the crew is seen moving for some minutes before it opens again.
The service must: find the quiet, ask, and learn the outcome; these days must not teach what is usual here.
"""

import numpy as np

from simulators.doings import NO_DRAWS, TO_DOOR_S, Doings
from simulators.end_uses import DAY_S
from simulators.faults import Fault
from simulators.faults.person.trip import LAST_USE_S, trip

NIGHTS = 4.0
"""Mean stay at the daughter's, at least one night. [days]"""
HOSPITAL_DAYS = (3.0, 14.0)
HOSPITAL = 0.5
"""Share of such absences that are stays in hospital. [A]"""
CREW_S = 1200.0
"""An ambulance crew is in the flat for this long. [s] [A]"""


def hospital(doings: Doings, at: float, days: float) -> Doings:
    """Return the doings of a home to which an ambulance comes at `at` and which is empty for `days` then.

    Raises
    ------
    ValueError
        `days` is not above 0.
    """
    if not days > 0:
        raise ValueError(f"want days above 0, got {days}")
    left = at + CREW_S
    lies = doings.indoors(at, left).without(at, left).away(left, left + days * DAY_S)
    return lies.also(NO_DRAWS, np.arange(at + TO_DOOR_S, left - TO_DOOR_S, 30.0), np.array([at]))


def strike(doings: Doings, at: float, rng: np.random.Generator) -> Doings:
    """Be taken away, or leave some minutes after `at`, for days."""
    home = doings.home_from(at)
    nights = float(rng.geometric(1 / NIGHTS))
    if rng.random() < HOSPITAL:
        return hospital(doings, home, float(rng.uniform(*HOSPITAL_DAYS)))
    left = home + LAST_USE_S + TO_DOOR_S
    return trip(doings, left, left + nights * DAY_S)


FAULT = Fault("P10", "person", strike, finds=("quiet",), never=("surge", "leak"))
