"""Somebody is out for a day: the market town, the grandchildren, the clinic.

At the meter: no use for five to ten hours from the morning on, then the use of an evening; the door opens at both ends.
A quarter of people go on the same weekday every week, most weeks.
The service must: know the hour and the weekday before it calls the quiet unusual.
"""

from zoneinfo import ZoneInfo

import numpy as np

from simulators.doings import Doings
from simulators.end_uses import DAY_S, SHANGHAI, local
from simulators.faults import Fault

LEAVES_H, OUT_H = (8.0, 11.0), (5.0, 10.0)
WEEKLY = 0.25
"""Share of people with a fixed weekday. [A]"""
KEPT = 0.65
"""Share of weeks in which they go. [A]"""


def day_trip(doings: Doings, left: float, hours: float) -> Doings:
    """Return the doings of somebody who is out for `hours` from `left` (seconds since 1970).

    Raises
    ------
    ValueError
        `hours` is not above 0.
    """
    if not hours > 0:
        raise ValueError(f"want hours above 0, got {hours}")
    return doings.away(left, left + hours * 3600)


def weekly(doings: Doings, at: float, rng: np.random.Generator, weeks: int, zone: ZoneInfo = SHANGHAI) -> Doings:
    """Return the doings of somebody who goes out for a day on the weekday of `at`, in most of `weeks` from then on.

    Raises
    ------
    ValueError
        `weeks` is below 1.
    """
    if weeks < 1:
        raise ValueError(f"want at least one week, got {weeks}")
    first = next_morning(at, zone)
    for week in range(weeks):
        if week == 0 or rng.random() < KEPT:
            doings = _some_day(doings, first + week * 7 * DAY_S, rng)
    return doings


def next_morning(at: float, zone: ZoneInfo = SHANGHAI) -> float:
    """Return the first time from `at` on at which it is `LEAVES_H[0]` by the clock on the wall."""
    _, hour = local(np.array([at]), zone)
    return at + float((LEAVES_H[0] - hour[0]) % 24) * 3600


def _some_day(doings: Doings, morning: float, rng: np.random.Generator) -> Doings:
    later_h, hours = rng.uniform(0, LEAVES_H[1] - LEAVES_H[0]), rng.uniform(*OUT_H)
    left = doings.home_from(morning + float(later_h) * 3600)
    return day_trip(doings, left, float(hours))


def strike(doings: Doings, at: float, rng: np.random.Generator, *, zone: ZoneInfo = SHANGHAI) -> Doings:
    """Go out on the first morning after `at`, and perhaps every week from then on."""
    last = max(float(doings.draws.start_s.max(initial=at)), at)
    weeks = 1 + int((last - at) / (7 * DAY_S)) if rng.random() < WEEKLY else 1
    return weekly(doings, at, rng, weeks, zone)


FAULT = Fault("P11", "person", strike, never=("surge", "leak"), wants=("zone",))
