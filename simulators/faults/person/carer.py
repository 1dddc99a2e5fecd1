"""A carer comes at fixed hours.

At the meter: 5 to 40 L within the same half hour or so, three to seven times a week, whether the resident uses water or
not; the door opens at both ends and somebody moves.
The service must: know the carer's hours.  A draw inside them restarts the clock, for a carer would notice a fall, but
that there was use in these hours only must be said; no detector knows the hours yet.
"""

from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from simulators.chance import Floats
from simulators.doings import TO_DOOR_S, Doings
from simulators.end_uses import DAY_S, SHANGHAI, local
from simulators.faults import Fault
from simulators.households import Draws

PER_WEEK, STAY_S, LITRES = (3, 7), (1200.0, 3600.0), (5.0, 40.0)
LASTS_S = 120 * DAY_S
"""A carer comes for so long, whatever becomes of the resident: as long as a leak runs. [s] [A]"""
HOURS = (7.0, 19.0)
"""A visit begins at one fixed time between these hours of the day [A], and is as punctual as this:"""
LATE_S = 300.0
DRAWS = 4
"""So many draws share the litres of a visit. [A]"""
FLOW_L_S = 0.1
STEP_S = 120.0
"""A carer passes the sensor this often. [s] [A]"""


class Cared(NamedTuple):
    """A home with a carer, and when the carer was there."""

    doings: Doings
    visits: Floats
    """(V, 2) begin and end, seconds since 1970."""


def carer(
    doings: Doings,
    at: float,
    until: float,
    rng: np.random.Generator,
    *,
    weekdays: tuple[int, ...],
    hour: float,
    stay_s: float,
    zone: ZoneInfo = SHANGHAI,
) -> Cared:
    """Return the doings with a carer who comes on `weekdays` (0 is Monday) at `hour` from `at` until `until`.

    Raises
    ------
    ValueError
        A weekday or the hour does not exist, or the stay is shorter than the longest use of water takes.
    """
    least_s = LITRES[1] / FLOW_L_S + 2 * TO_DOOR_S
    if not (weekdays and set(weekdays) <= set(range(7)) and 0 <= hour < 24 and stay_s >= least_s):
        raise ValueError(f"want weekdays 0-6, an hour and {least_s:g} s or more, got {weekdays}, {hour}, {stay_s}")
    begin = _fixed_hours(at, until, weekdays, hour, zone)
    begin = begin + rng.uniform(0, LATE_S, len(begin))
    visits = np.stack([begin, begin + stay_s], axis=1)
    inside = [np.arange(a + TO_DOOR_S, b - TO_DOOR_S, STEP_S) for a, b in visits.tolist()]
    moves = np.concatenate([*inside, visits[:, 1] - TO_DOOR_S])
    return Cared(doings.also(_used(visits, rng), moves, visits.ravel()), visits)


def _fixed_hours(at: float, until: float, weekdays: tuple[int, ...], hour: float, zone: ZoneInfo) -> Floats:
    """Return when it is `hour` on these weekdays in [at, until); a night with a change of the clock is off by an hour."""
    day, wall = local(np.arange(at, until, DAY_S), zone)
    times = np.arange(at, until, DAY_S) + (hour - wall) * 3600
    due: Floats = times[np.isin((day + 3) % 7, weekdays) & (times >= at) & (times < until)]  # 1970-01-01: Thursday
    return due


def _used(visits: Floats, rng: np.random.Generator) -> Draws:
    """Return the draws of visits: some litres each, all within the stay."""
    litres = rng.uniform(*LITRES, len(visits))[:, None] * rng.dirichlet(np.ones(DRAWS), len(visits))
    duration = litres / FLOW_L_S
    free = visits[:, 1, None] - visits[:, 0, None] - duration - 2 * TO_DOOR_S
    start = visits[:, 0, None] + TO_DOOR_S + rng.random(litres.shape) * free
    order = np.argsort(start.ravel(), kind="stable")
    return Draws(start.ravel()[order], litres.ravel()[order], duration.ravel()[order])


def visited(doings: Doings, at: float, rng: np.random.Generator, zone: ZoneInfo = SHANGHAI) -> Cared:
    """Return the doings with some carer from `at` on, and the carer's times."""
    days = rng.permutation(7)[: rng.integers(PER_WEEK[0], PER_WEEK[1] + 1)]
    hour, stay_s = float(rng.uniform(*HOURS)), float(rng.uniform(*STAY_S))
    weekdays = tuple(sorted(days.tolist()))
    return carer(doings, at, at + LASTS_S, rng, weekdays=weekdays, hour=hour, stay_s=stay_s, zone=zone)


def strike(doings: Doings, at: float, rng: np.random.Generator, *, zone: ZoneInfo = SHANGHAI) -> Doings:
    """Begin to come at `at`; `visited` also returns the carer's times."""
    return visited(doings, at, rng, zone).doings


FAULT = Fault("P13", "person", strike, never=("leak",), wants=("zone",))
