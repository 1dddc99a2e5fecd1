"""The sensors of a fleet's homes: motion, door, emergency button and leak, each with the person who lives there."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from simulators import chance, doings, encoding, sensors
from simulators.doings import Doings
from simulators.households import Draws
from simulators.plan import DAY_S, Plan, Strike, gateway
from simulators.reports import Report

FLOODS = ("P3", "W3")
"""Faults with water on the floor: a basin that runs over, a burst."""
REACHES_S = 300.0
"""How long after it begins to run the water reaches the sensor. [s] [A]"""
DRIES_S = 6 * 3600.0
"""How long after it has stopped the floor is dry. [s] [A]"""
AT_ONCE = 7
"""Days of one person that are worked out together: a week takes hardly longer than a day. [d]"""
REMEMBERED = timedelta(days=1)
"""What sensors and gateways remember at most."""
_DUTY = (1 << 41) + (1 << 35)
"""What the hashes are for."""


def devices(plan: Plan, home: int) -> list[str]:
    """Return the names of a home's devices, the meter first."""
    kinds = encoding.SENSORS if plan.sensors else ()
    return [plan.meter(home), *(encoding.sensor(kind, home) for kind in kinds)]


def reports(
    plan: Plan, home: int, did: Doings, since: float, until: float, wet: Sequence[tuple[float, float]] = ()
) -> list[Report]:
    """Return what the sensors of a home say in [since, until) of somebody who does `did`, on a floor `wet` in some spans.

    Nobody presses the button: no fault of the catalogue does.
    """
    duty = _duties(plan, home)
    says = {
        "motion": sensors.motion(did.moves, since, until, duty["motion"]),
        "door": sensors.door(did.doors.tolist(), since, until, duty["door"]),
        "sos": sensors.pressed([], since, until, duty["sos"]),
        "leak": sensors.wet(wet, since, until, duty["leak"]),
    }
    through = gateway(home)
    return [
        Report(at, encoding.sensor(kind, home), through, state) for kind, said in says.items() for at, state in said
    ]


class Sensed:
    """The sensors of homes without faults, day after day."""

    def __init__(self, plan: Plan, homes: Sequence[int]) -> None:
        self._plan, self._homes = plan, homes
        self._did: dict[int, Doings] = {}
        self._until = plan.start_s

    def day(self, since: float) -> list[Report]:
        """Return what they say in the 24 h from `since`, in order of time; days are asked for one after the other."""
        if since >= self._until:
            start = self._plan.start.astimezone(UTC) + timedelta(seconds=self._until - self._plan.start_s) - REMEMBERED
            self._did = {home: self._lived(home, start) for home in self._homes}
            self._until += AT_ONCE * DAY_S
        said = [one for home, did in self._did.items() for one in reports(self._plan, home, did, since, since + DAY_S)]
        return sorted(said, key=lambda one: one.at)

    def _lived(self, home: int, start: datetime) -> Doings:
        plan = self._plan
        did = doings.doings(int(plan.seeds[home]), start, AT_ONCE + REMEMBERED.days, plan.zone, plan.profile)
        return Doings(doings.NO_DRAWS, did.moves, did.doors)  # sensors do not notice water


def _duties(plan: Plan, home: int) -> dict[str, sensors.Duty]:
    """Return how each of a home's sensors checks in: at its own minute, with a battery of its own age."""
    usual = {kind: sensors.BUTTON if kind == "sos" else sensors.SENSOR for kind in encoding.SENSORS}
    share = chance.unit(chance.numbers(chance.keys(plan.seeds[home]), _DUTY + np.arange(2 * len(usual)))).tolist()
    return {
        kind: replace(one, phase_s=share[2 * n] * one.every_s, battery_since_s=share[2 * n + 1] * one.battery_s)
        for n, (kind, one) in enumerate(usual.items())
    }


def wet(strikes: Sequence[Strike], draws: Draws) -> list[tuple[float, float]]:
    """Return when the floor of a home with these faults is wet: from soon after a flood begins until long after its end."""
    spans = []
    for one in strikes:
        flood = (draws.start_s >= one.at) & (draws.start_s < one.at + 1.0)
        if one.code in FLOODS and flood.any():
            end = float((draws.start_s + draws.duration_s)[flood].max())
            spans.append((one.at + REACHES_S, max(end, one.at + REACHES_S) + DRIES_S))
    return spans
