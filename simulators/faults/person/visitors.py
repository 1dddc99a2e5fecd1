"""Visitors stay for some days.

At the meter: 1.6 to 2.2 times as many draws, and in the evening later ones; the door opens for them, and they move too.
The service must: raise no alarm, and keep looking for quiet: visitors hide a fall only while they are awake.
Who stays for a week may be told as a slow change.

Visitors live as the resident used to.  Whatever befalls the resident, they go on, except while nobody is at home.
"""

from zoneinfo import ZoneInfo

import numpy as np

from simulators.doings import NO_DRAWS, NOTHING, TO_DOOR_S, Doings, inside, steps
from simulators.end_uses import DAY_S, SHANGHAI, local, whole
from simulators.faults import Fault
from simulators.households import Draws

TIMES, DAYS = (1.6, 2.2), (1.0, 10.0)
APART_S = 3600.0
"""A visitor's draw comes so long before or after one of the resident's at most. [s] [A]"""
EVENING_H, LATER_S = 19.0, 2 * 3600.0
"""From this hour on visitors draw so much later at most: they go to bed later. [h], [s] [A]"""


def visitors(
    doings: Doings,
    at: float,
    rng: np.random.Generator,
    *,
    days: float,
    times: float,
    zone: ZoneInfo = SHANGHAI,
    usual: Doings | None = None,
) -> Doings:
    """Return the doings of a home with visitors from `at` (seconds since 1970) for `days`: `times` as many draws.

    Visitors draw near the draws that are `usual` (those of `doings` if nothing else is known), and go out with the resident.

    Raises
    ------
    ValueError
        `days` is not above 0, `times` below 1.
    """
    if not (days > 0 and times >= 1):
        raise ValueError(f"want days above 0 and times from 1 up, got {days}, {times}")
    end = at + days * DAY_S
    usual = doings if usual is None else usual
    d = usual.draws
    more = whole(np.where((d.start_s >= at) & (d.start_s < end), times - 1, 0.0), rng)
    _, hour = local(np.repeat(d.start_s, more), zone)
    apart = rng.uniform(-APART_S, APART_S, len(hour))
    by_s = np.where(hour >= EVENING_H, rng.uniform(0, LATER_S, len(hour)), apart)
    come_and_go = np.array([at, end])
    passes = np.array([at + TO_DOOR_S, end - TO_DOOR_S])
    return company(doings, usual.copies(more, by_s, since=at)).also(NO_DRAWS, passes, come_and_go)


def company(doings: Doings, draws: Draws) -> Doings:
    """Return the doings with the draws of others, and their steps, but those at times when nobody is at home now."""
    theirs = draws.where(~inside(draws.start_s, doings.out))
    return doings.also(theirs, steps(theirs), NOTHING)


def strike(
    doings: Doings,
    at: float,
    rng: np.random.Generator,
    *,
    zone: ZoneInfo = SHANGHAI,
    usual: Doings | None = None,
) -> Doings:
    """Come at `at`, or when somebody is at home."""
    days, times = float(rng.uniform(*DAYS)), float(rng.uniform(*TIMES))
    return visitors(doings, doings.home_from(at), rng, days=days, times=times, zone=zone, usual=usual)


FAULT = Fault("P12", "person", strike, never=("leak",), wants=("zone", "usual"))
