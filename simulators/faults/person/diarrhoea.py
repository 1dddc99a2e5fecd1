"""Somebody has to go to the toilet much more often: diarrhoea, a bladder infection, a new diuretic.

At the meter: two to four times as many flushes for some days, day and night; nothing else changes.
The service must: raise nothing urgent, and tell the slow change upwards if it lasts: two of three are told, after a week.
"""

import numpy as np

from simulators.doings import Doings
from simulators.end_uses import DAY_S, flushes, whole
from simulators.faults import Fault

TOILET, DAYS = (2.0, 4.0), (2.0, 14.0)
APART_S = 3600.0
"""A further visit comes so long before or after another at most. [s] [A]"""


def diarrhoea(doings: Doings, at: float, rng: np.random.Generator, *, days: float, toilet: float) -> Doings:
    """Return the doings of somebody who flushes `toilet` times as often for `days` from `at` (seconds since 1970).

    Raises
    ------
    ValueError
        `days` is not above 0, `toilet` below 1.
    """
    if not (days > 0 and toilet >= 1):
        raise ValueError(f"want days above 0 and toilet from 1 up, got {days}, {toilet}")
    d = doings.draws
    during = (d.start_s >= at) & (d.start_s < at + days * DAY_S) & flushes(d)
    times = whole(np.where(during, toilet - 1, 0.0), rng)
    return doings.repeated(times, rng.uniform(-APART_S, APART_S, times.sum()), since=at)


def strike(doings: Doings, at: float, rng: np.random.Generator) -> Doings:
    """Begin at `at`."""
    return diarrhoea(doings, at, rng, days=float(rng.uniform(*DAYS)), toilet=float(rng.uniform(*TOILET)))


FAULT = Fault("P5", "person", strike, never=("leak",))
