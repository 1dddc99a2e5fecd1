"""Motion, door, emergency button and leak sensor as Zigbee2MQTT tells of them: a device's state, again and again.

How this works.  A gateway publishes a device's whole state whenever any part of it changes.  A motion sensor says
`occupancy: true` at a movement, is then blind for a minute, and says it again at the next; the gateway says `false` 90 s
after the last: that is a timer, nobody measured a departure.  A contact is `false` while the door is open; contact and
leak sensors speak at once when they change, and once only.  A button sends its action and at once an empty one, and else
hardly speaks.  About once an hour each of the first three checks in: battery, and all that the gateway remembers of it.

Sources: zigbee2mqtt.io, "MQTT topics and messages" and the pages of RTCGQ11LM (blind for 60 s, `occupancy_timeout` 90 s),
MCCGQ11LM, SJCGQ11LM and TS0215A_sos; issues 270 (cached occupancy) and 31727 (emergency) of Koenkk/zigbee2mqtt, 2687 of
dresden-elektronik/deconz-rest-plugin (contact and leak sensors update about every 60 minutes), 2064 of domoticz/domoticz
(a leak is told once).  Each function returns (moment in seconds since 1970, state), in order of time.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from simulators.chance import Floats
from simulators.doings import inside

State = dict[str, object]
BLIND_S = 60.0
"""After a movement the sensor ignores the next ones for so long. [s]"""
OCCUPIED_S = 90.0
"""`occupancy_timeout` of the common sensors. [s]"""
OPEN_S = 8.0
"""How long a door stands open when somebody walks through. [s]"""
HOUR_S, DAY_S = 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Duty:
    """How one device checks in, and how its battery runs down."""

    every_s: float = 55 * 60.0
    """Between two check-ins: 50 to 60 minutes at the common sensors. [s]"""
    phase_s: float = 0.0
    """So much later than the full period: devices do not check in together. [s]"""
    battery_since_s: float = 0.0
    """When one of its batteries was new; any of them will do. [s since 1970]"""
    battery_s: float = 2 * 365 * DAY_S
    """A battery lasts two years, as makers state, and is replaced by its last fifth. [s] [A]"""

    def checks_in(self, since: float, until: float) -> list[float]:
        """Return when it checks in in [since, until)."""
        first, end = (np.ceil((at - self.phase_s) / self.every_s) for at in (since, until))
        times: list[float] = (np.arange(first, end) * self.every_s + self.phase_s).tolist()
        return times

    def battery(self, at: float) -> int:
        """Return the charge at a time [%]: it falls evenly from 100 to 21."""
        return int(100 - np.floor((at - self.battery_since_s) / self.battery_s % 1.0 * 80))


SENSOR = Duty()
BUTTON = Duty(every_s=12 * HOUR_S)
"""A button sends its battery, but may take up to 24 h to do so. [A]"""


def motion(moves: Floats, since: float, until: float, duty: Duty = SENSOR) -> list[tuple[float, State]]:
    """Return what a motion sensor says in [since, until) of somebody who moves at `moves`."""
    seen = _seen(moves, since, until)
    spans = _runs(seen, OCCUPIED_S)
    said: list[tuple[float, State]] = [(at, {"occupancy": True}) for at in seen]
    said += [(end, {"occupancy": False}) for _, end in spans]
    said += [(at, {"illuminance": 120, "occupancy": on}) for at, on in _cached(spans, duty.checks_in(since, until))]
    return _told(said, since, until, duty)


def door(opened: Iterable[float], since: float, until: float, duty: Duty = SENSOR) -> list[tuple[float, State]]:
    """Return what a door sensor says in [since, until) of a door that is opened, walked through and closed."""
    near = sorted(at for at in opened if since - HOUR_S <= at < until)
    spans = _runs(near, OPEN_S)
    said: list[tuple[float, State]] = [(at, {"contact": False}) for at, _ in spans]
    said += [(at, {"contact": True}) for _, at in spans]
    said += [(at, {"contact": not on}) for at, on in _cached(spans, duty.checks_in(since, until))]
    return _told(said, since, until, duty)


def wet(
    spans: Iterable[tuple[float, float]], since: float, until: float, duty: Duty = SENSOR
) -> list[tuple[float, State]]:
    """Return what a leak sensor says in [since, until) of a floor that is wet in `spans` (begin, end), apart."""
    whole = list(spans)
    said: list[tuple[float, State]] = [(begin, {"water_leak": True}) for begin, _ in whole]
    said += [(end, {"water_leak": False}) for _, end in whole]
    said += [(at, {"water_leak": on}) for at, on in _cached(whole, duty.checks_in(since, until))]
    return _told(said, since, until, duty)


def pressed(presses: Iterable[float], since: float, until: float, duty: Duty = BUTTON) -> list[tuple[float, State]]:
    """Return what an emergency button says in [since, until) of its presses."""
    said: list[tuple[float, State]] = [(at, {"action": "emergency"}) for at in presses]
    said += [(at + 1.0, {"action": ""}) for at, _ in said]
    said += [(at, {"action": None}) for at in duty.checks_in(since, until)]
    return _told(said, since, until, duty)


def _seen(moves: Floats, since: float, until: float) -> list[float]:
    """Return the movements that the sensor is not blind for, from so early on that [since, until) can be told."""
    first = int(np.searchsorted(moves, since - OCCUPIED_S - BLIND_S))
    while 0 < first < len(moves) and moves[first] - moves[first - 1] < BLIND_S:
        first -= 1  # only after a pause is it sure what the sensor sees
    seen: list[float] = []
    for at in moves[first : np.searchsorted(moves, until)].tolist():
        if not seen or at - seen[-1] >= BLIND_S:
            seen.append(at)
    return seen


def _runs(times: list[float], last_s: float) -> list[tuple[float, float]]:
    """Return spans from each time until `last_s` later, those that touch as one."""
    spans: list[tuple[float, float]] = []
    for at in times:
        begin = spans.pop()[0] if spans and at <= spans[-1][1] else at
        spans.append((begin, at + last_s))
    return spans


def _cached(spans: list[tuple[float, float]], times: list[float]) -> list[tuple[float, bool]]:
    """Return whether each time lies in one of `spans`: what the gateway remembers then."""
    on = inside(np.array(times), np.array(spans).reshape(-1, 2))
    return list(zip(times, on.tolist(), strict=True))


def _told(said: list[tuple[float, State]], since: float, until: float, duty: Duty) -> list[tuple[float, State]]:
    inside = [(at, {**state, "battery": duty.battery(at)}) for at, state in said if since <= at < until]
    return sorted(inside, key=lambda one: one[0])
