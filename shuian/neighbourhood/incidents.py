"""When each story begins, and what that does to a home."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shuian.neighbourhood import ZONE
from shuian.neighbourhood.homes import Home
from simulators.doings import Doings
from simulators.faults.person.fall import fall
from simulators.faults.person.fall_running import fall_running
from simulators.faults.person.trip import trip
from simulators.faults.plumbing.cut import announced, cut
from simulators.faults.plumbing.leak import leak
from simulators.faults.plumbing.tap import tap
from simulators.households import Draws

TAP_L_S = 0.012
"""A thin stream, 43 L an hour: less than a home draws in a busy hour, but it does not stop. [L/s]"""
LEAK_L_H = 4.0
"""A cistern that does not close: a litre each quarter of an hour. [L/h]"""


@dataclass(frozen=True)
class Incidents:
    """When the stories begin: seconds since 1970."""

    placed_s: float
    """The present for which they were placed; what was measured before is history."""
    fall_s: float
    running_s: float
    """A fall with the water running."""
    tap_s: float
    leak_s: float
    declared_s: float
    """Left for a declared trip (`left_declared`)."""
    out_s: float
    """Left without a word."""
    sos_s: float
    meter_s: float
    """Last message of the meter that dies."""
    gateway_s: float
    """Last messages through the gateway that dies."""
    cut_s: float
    cut_end_s: float
    cut_fall_s: float
    """A fall in the building whose water is cut later."""


def person(home: Home, doings: Doings, at: Incidents) -> Doings:
    """Return what the person of `home` does, given the stories: the first layer of faults."""
    match home.story:
        case "fall":
            return fall(doings, at.fall_s)
        case "cut_fall":
            return fall(doings, at.cut_fall_s)
        case "running":
            return fall_running(doings, at.running_s)
        case "out":
            return trip(doings, at.out_s)
        case "declared":
            return trip(doings, at.declared_s)
        case _:
            return doings


def plumbing(home: Home, draws: Draws, at: Incidents) -> Draws:
    """Return the water that flows in `home`, given the stories: the second layer of faults."""
    match home.story:
        case "tap":
            return tap(draws, at.tap_s, TAP_L_S)
        case "leak":
            return leak(draws, at.leak_s, LEAK_L_H)
        case "cut":
            return cut(announced(draws, at.cut_s, 97.0 * home.seed), at.cut_s, at.cut_end_s)
        case "cut_fall":
            return cut(draws, at.cut_s, at.cut_end_s)
        case _:
            return draws


def left_declared(start: datetime) -> datetime:
    """Return when somebody left for the declared trip: at ten in the morning of the day before the start."""
    return midnight(start) - timedelta(hours=14)


def midnight(moment: datetime) -> datetime:
    """Return the last local midnight before `moment`."""
    return moment.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)


def stamp(seconds: float) -> datetime:
    """Return seconds since 1970 as an aware time."""
    return datetime.fromtimestamp(seconds, UTC)
