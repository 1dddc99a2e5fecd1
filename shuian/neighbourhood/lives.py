"""What the devices of one home say, at any time from 56 days before the start until 20 days after now."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from shuian.neighbourhood import HISTORY, HORIZON, SENSOR_HISTORY, ZONE
from shuian.neighbourhood.homes import Home, told
from shuian.neighbourhood.incidents import Incidents, midnight, person, plumbing
from shuian.neighbourhood.sheets import LITRE
from simulators import doings, encoding, meters, recorded, sensors
from simulators.faults.person import fall as falls
from simulators.faults.person import trip as trips
from simulators.faults.transport.dead_gateway import dead_gateway
from simulators.faults.transport.dead_meter import dead_meter
from simulators.reports import Report

Floats = NDArray[np.float64]
Say = Callable[[float, float], list[tuple[float, sensors.State]]]


class Life:
    """One home: its person, its water, its devices; without any story until it is `struck`."""

    def __init__(self, home: Home, start: datetime, now: datetime) -> None:
        self.home = home
        self._recorded = _recorded(start) if home.story == "recorded" else None
        begin = midnight(start - HISTORY)
        self.did = doings.doings(home.seed, begin, (now + HORIZON - begin).days, ZONE, "average", trips=False)
        self.draws = self.did.draws
        self._besides = np.empty(0)
        self._presses: list[float] = []
        self._signs_from = max(begin.timestamp(), (start - SENSOR_HISTORY).timestamp())

    def struck(self, incidents: Incidents) -> "Life":
        """Return the same life with what the stories do to it."""
        life = copy.copy(self)
        life.did = person(self.home, self.did, incidents)
        life.draws = plumbing(self.home, life.did.draws, incidents)
        life._besides = read_besides(self.home, incidents)
        life._presses = [incidents.sos_s] if self.home.story == "sos" else []
        return life

    def due(self, since: float, until: float) -> Floats:
        """Return when the meter reports in (since, until]."""
        if self._recorded is not None:
            at = self._recorded.at_s
            return at[(at > since) & (at <= until)]
        grid = reading_times(since, until, self.home.period_s, phase(self.home))
        return np.union1d(grid, self._besides[(self._besides > since) & (self._besides <= until)])

    def water(self, times: Floats) -> list[Report]:
        """Return what the meter reports at `times`."""
        values = (
            meters.register(self.draws, times, LITRE)
            if self._recorded is None
            else self._recorded.litres[np.searchsorted(self._recorded.at_s, times)]
        )
        home = self.home
        return [
            Report(at, home.device, home.gateway, litres)
            for at, litres in zip(times.tolist(), values.tolist(), strict=True)
        ]

    def signs(self, kind: str, since: float, until: float) -> list[Report]:
        """Return what the home's sensor of this kind reports in (since, until]."""
        says: dict[str, Say] = {
            "motion": lambda a, b: sensors.motion(self.did.moves, a, b),
            "door": lambda a, b: sensors.door(self.did.doors.tolist(), a, b),
            "sos": lambda a, b: sensors.pressed(self._presses, a, b),
        }
        after = np.nextafter(np.array([max(since, self._signs_from), until]), np.inf).tolist()
        said = says[kind](after[0], after[1])
        return [Report(at, self.home.sensor(kind), self.home.gateway, state) for at, state in said]


def arriving(reports: Sequence[Report], incidents: Incidents) -> list[Report]:
    """Return the reports that arrive, given the stories, in order of time: the last layer of faults."""
    meter, behind = told("dead_meter"), told("dead_gateway")
    left = dead_meter(reports, meter.device, incidents.meter_s)
    left = dead_gateway(left, behind.gateway, incidents.gateway_s)
    return sorted(left, key=lambda one: one.at)


def messages(reports: Iterable[Report], formats: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Write reports as (topic, payload); a batch of our own format is one message. `formats`: those of the meters."""
    batches: dict[str, list[tuple[datetime, float]]] = {}
    written: list[tuple[str, bytes]] = []
    for one in reports:
        fmt = formats.get(one.device, "zigbee2mqtt")
        if fmt == "native" and isinstance(one.said, float):
            batches.setdefault(one.device, []).append((encoding.measured(one), one.said))
        else:
            written += encoding.report(one, fmt)
    for device, batch in batches.items():
        written += encoding.readings("native", device, batch)
    return written


def reading_times(since: float, until: float, period_s: float, phase_s: float) -> Floats:
    """Return the full periods, shifted by `phase_s`, in (since, until]."""
    first, last = np.floor((since - phase_s) / period_s) + 1, np.floor((until - phase_s) / period_s)
    times: Floats = np.arange(first, last + 1) * period_s + phase_s
    return times


class Timed(Protocol):
    """A home whose meter reports every so often."""

    @property
    def period_s(self) -> int:
        """Return how often [s]."""
        ...

    @property
    def seed(self) -> int:
        """Return what shifts it within the period."""
        ...


def phase(home: Timed) -> float:
    """Return how long after the full period a home's meter reports [s]: quarter hours are sharp, hours are not."""
    return 0.0 if home.period_s < 3600 else home.seed * 131.0 % home.period_s


def read_besides(home: Home, incidents: Incidents) -> Floats:
    """Return when the meter happened to be read besides: around the last use of a story, and before it died."""
    match home.story:
        case "fall" | "cut_fall":
            at = incidents.fall_s if home.story == "fall" else incidents.cut_fall_s
            return np.array([at - falls.FLUSH_S, at])
        case "out":
            return incidents.out_s - np.array([trips.LAST_USE_S, trips.LAST_USE_S - 60.0])
        case "running":
            return np.array([incidents.running_s])
        case "tap":
            return np.array([incidents.tap_s])
        case "leak":
            return np.array([incidents.leak_s])
        case "dead_meter":
            return np.array([incidents.meter_s])
        case "dead_gateway":
            return np.array([incidents.gateway_s])
        case _:
            return np.empty(0)


def _recorded(start: datetime) -> meters.Register:
    """Shift the recorded home by whole weeks of local time, so that a well observed spell of it is the present."""
    home = recorded.weusedto()
    there = ZoneInfo("Europe/Rome")
    anchor = datetime(2019, 6, 11, tzinfo=there)  # from three days before it until ten after it, no hole of three hours
    weeks = round((start - anchor) / timedelta(weeks=1))
    wall = datetime(2019, 6, 11, 12, tzinfo=there)
    clocks = (wall.utcoffset() or timedelta(0)) - (start.astimezone(ZONE).utcoffset() or timedelta(0))
    shifted = home.shifted((timedelta(weeks=weeks) + clocks).total_seconds())
    whole: Floats = np.floor(shifted.litres).astype(np.float64)  # the register of the demo's meter has 1 L steps
    return meters.Register(shifted.household, shifted.at_s, whole)
