"""Somebody is ill and stays in bed for some days.

At the meter: long quiets by day and few litres, and as many flushes as before or more; the door stays shut, little moves.
The service must: let somebody ask softly; the quiets may be long enough to be found.  As a slow change it is mostly too short.
"""

from dataclasses import replace

import numpy as np

from simulators.doings import Doings
from simulators.end_uses import DAY_S, flushes, whole
from simulators.faults import Fault

USE, TOILET, DAYS = (0.2, 0.5), (1.0, 2.0), (2.0, 10.0)
"""Least and most of what is left of other uses and of walking, how much more often the toilet is used, and for how long."""
APART_S = 2 * 3600.0
"""A further visit comes so long before or after another at most. [s] [A]"""


def illness(
    doings: Doings, at: float, rng: np.random.Generator, *, days: float, use: float, toilet: float = 1.0
) -> Doings:
    """Return the doings of somebody who lies ill for `days` from `at` (seconds since 1970).

    Parameters
    ----------
    use : float
        Share of draws that are left besides flushes, and of walks.
    toilet : float
        How many times as often a cistern is flushed.

    Raises
    ------
    ValueError
        `days` is not above 0, `use` not in [0, 1], `toilet` below 1.
    """
    if not (days > 0 and 0 <= use <= 1 and toilet >= 1):
        raise ValueError(f"want days above 0, use in [0, 1], toilet from 1 up, got {days}, {use}, {toilet}")
    end = at + days * DAY_S
    ill = doings.indoors(at, end)
    d = ill.draws
    left_out = (d.start_s >= at) & (d.start_s < end) & ~flushes(d) & (rng.random(len(d)) >= use)
    ill = ill.thinned(~left_out)
    d = ill.draws
    sick = (d.start_s >= at) & (d.start_s < end) & flushes(d)
    times = whole(np.where(sick, toilet - 1, 0.0), rng)
    lying = ill.walking() & (ill.moves >= at) & (ill.moves < end) & (rng.random(len(ill.moves)) >= use)
    ill = replace(ill, moves=ill.moves[~lying])
    return ill.repeated(times, rng.uniform(-APART_S, APART_S, times.sum()), since=at)


def strike(doings: Doings, at: float, rng: np.random.Generator) -> Doings:
    """Fall ill at `at`, or when back home."""
    days, use, toilet = (float(rng.uniform(*span)) for span in (DAYS, USE, TOILET))
    return illness(doings, doings.home_from(at), rng, days=days, use=use, toilet=toilet)


FAULT = Fault("P4", "person", strike, never=("leak",))
