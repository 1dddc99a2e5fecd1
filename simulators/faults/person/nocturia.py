"""Somebody has to get up at night more and more often.

At the meter: over some weeks the flushes between 23 and 5 o'clock become one and a half to three times as many, and stay
so; the day does not change.  Somebody who never got up at night does not begin to.
The service must: raise nothing urgent, and tell the change of the nights: two of three are told within two months.
"""

from zoneinfo import ZoneInfo

import numpy as np

from simulators.doings import Doings
from simulators.end_uses import DAY_S, NIGHT_H, SHANGHAI, at_night, flushes, local, whole
from simulators.faults import Fault

TIMES, DAYS = (1.5, 3.0), (14.0, 56.0)
_NIGHT_S = (24 + NIGHT_H[1] - NIGHT_H[0]) * 3600


def nocturia(
    doings: Doings, at: float, rng: np.random.Generator, *, days: float, times: float, zone: ZoneInfo = SHANGHAI
) -> Doings:
    """Return the doings of somebody whose flushes at night grow evenly to `times` as many within `days` from `at`.

    Each further visit comes at any time of the same night.

    Raises
    ------
    ValueError
        `days` is not above 0, `times` below 1.
    """
    if not (days > 0 and times >= 1):
        raise ValueError(f"want days above 0 and times from 1 up, got {days}, {times}")
    d = doings.draws
    grown = np.clip((d.start_s - at) / (days * DAY_S), 0.0, 1.0)
    more = whole(np.where(flushes(d) & at_night(d.start_s, zone), (times - 1) * grown, 0.0), rng)
    _, hour = local(d.start_s, zone)
    since_bed = (hour - NIGHT_H[0]) % 24 * 3600
    put = rng.uniform(0, _NIGHT_S, more.sum()) - np.repeat(since_bed, more)
    return doings.repeated(more, put, since=at)


def strike(doings: Doings, at: float, rng: np.random.Generator, *, zone: ZoneInfo = SHANGHAI) -> Doings:
    """Begin at `at`."""
    return nocturia(doings, at, rng, days=float(rng.uniform(*DAYS)), times=float(rng.uniform(*TIMES)), zone=zone)


FAULT = Fault("P6", "person", strike, never=("leak",), wants=("zone",))
