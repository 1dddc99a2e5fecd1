"""The season turns, or the great festival comes: everybody changes a little, or many are away at once.

At the meter: showers become fewer towards winter (from 0.85 to 0.35 a day) or more towards summer, over a quarter of a
year.  In the two weeks around the Spring Festival a home is empty, or full of visitors.
The service must: follow the season without a finding, and not take a thousand homes that are away for a thousand falls:
who is away at the festival should be declared, and the cohort be looked at as a whole; no detector does that yet.
"""

from zoneinfo import ZoneInfo

import numpy as np

from simulators.doings import TO_DOOR_S, Doings
from simulators.end_uses import DAY_S, SHANGHAI, showers, whole
from simulators.faults import Fault
from simulators.faults.person.trip import LAST_USE_S, trip
from simulators.faults.person.visitors import TIMES, visitors

WINTER, SUMMER = 0.35, 0.85
"""Showers a day."""
TURN_DAYS = 91.0
FESTIVAL_DAYS = (7.0, 14.0)
"""A festival is kept for so long: up to seven days before it and up to seven after."""
APART_S = 3 * 3600.0
"""A further shower comes so long before or after another at most. [s] [A]"""


def season(doings: Doings, at: float, rng: np.random.Generator, times: float, days: float = TURN_DAYS) -> Doings:
    """Return the doings of somebody whose showers become `times` as many, evenly, within `days` from `at`.

    Raises
    ------
    ValueError
        `times` is below 0 or `days` not above 0.
    """
    if not (times >= 0 and days > 0):
        raise ValueError(f"want times from 0 up and days above 0, got {times}, {days}")
    d = doings.draws
    now = 1 + (times - 1) * np.clip((d.start_s - at) / (days * DAY_S), 0.0, 1.0)
    count = whole(np.where(showers(d), now, 1.0), rng)
    more = np.maximum(count - 1, 0)
    turned = doings.repeated(more, rng.uniform(-APART_S, APART_S, more.sum()), since=at)
    return turned.thinned(~np.isin(turned.draws.start_s, d.start_s[count == 0]))


def strike(
    doings: Doings,
    at: float,
    rng: np.random.Generator,
    *,
    zone: ZoneInfo = SHANGHAI,
    usual: Doings | None = None,
) -> Doings:
    """Let the season turn from `at` on, or keep a festival: away or with visitors."""
    kind = int(rng.integers(4))
    days = float(rng.uniform(*FESTIVAL_DAYS))
    home = doings.home_from(at)
    if kind < 2 and home == np.inf:
        return doings  # nobody lives here any more
    if kind == 0:
        left = home + LAST_USE_S + TO_DOOR_S
        return trip(doings, left, left + days * DAY_S)
    if kind == 1:
        return visitors(doings, home, rng, days=days, times=float(rng.uniform(*TIMES)), zone=zone, usual=usual)
    return season(doings, at, rng, WINTER / SUMMER if kind == 2 else SUMMER / WINTER)


FAULT = Fault("P16", "person", strike, never=("leak",), wants=("zone", "usual"))
