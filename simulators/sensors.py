"""Motion, door and emergency button as Zigbee2MQTT tells of them: the state of a device, published again and again.

How this works.  A gateway publishes a device's whole state whenever any part of it changes.  A motion sensor says
`occupancy: true` at the first movement and `false` 90 s after the last: that is a timer, nobody measured a departure.
Between those, light and battery are reported about once an hour, and the cached occupancy goes along: no new movement.
A contact is `false` while the door is open.  A button sends its action, and at once an empty one.

Sources: zigbee2mqtt.io, "MQTT topics and messages", and issues 270 (cached occupancy) and 31727 (emergency) of
Koenkk/zigbee2mqtt.  Each function returns (moment in seconds since 1970, state), in order of time.
"""

from collections.abc import Iterable

import numpy as np

from simulators.households import Floats

State = dict[str, object]
OCCUPIED_S = 90.0
"""`occupancy_timeout` of the common sensors. [s]"""
REPORT_S = 3600.0
"""How often light and battery are reported. [s]"""
OPEN_S = 8.0
"""How long a door stands open when somebody walks through. [s]"""
BATTERY_PERCENT = 88


def motion(moves: Floats, since: float, until: float) -> list[tuple[float, State]]:
    """Return what a motion sensor says in [since, until) of somebody who moves at `moves`."""
    near = moves[(moves >= since - OCCUPIED_S) & (moves < until)]
    if not len(near):
        return _inside(_reports(np.empty((0, 2)), since, until), since, until)
    apart = np.flatnonzero(np.diff(near) > OCCUPIED_S)
    first = near[np.concatenate([[0], apart + 1])]
    last = near[np.concatenate([apart, [len(near) - 1]])] + OCCUPIED_S
    said = [(float(at), _whole(occupancy=True)) for at in first]
    said += [(float(at), _whole(occupancy=False)) for at in last]
    return _inside([*said, *_reports(np.stack([first, last], axis=1), since, until)], since, until)


def door(opened: Iterable[float], since: float, until: float) -> list[tuple[float, State]]:
    """Return what a door sensor says in [since, until) of a door that is opened, walked through and closed."""
    said = [(at, _whole(contact=False)) for at in opened]
    said += [(at + OPEN_S, _whole(contact=True)) for at, _ in said]
    return _inside(said, since, until)


def pressed(presses: Iterable[float], since: float, until: float) -> list[tuple[float, State]]:
    """Return what an emergency button says in [since, until) of its presses."""
    said = [(at, _whole(action="emergency")) for at in presses]
    said += [(at + 1.0, _whole(action="")) for at, _ in said]
    return _inside(said, since, until)


def _reports(spans: Floats, since: float, until: float) -> list[tuple[float, State]]:
    """Return the hourly reports of light and battery, which repeat the cached occupancy."""
    hours = np.arange(np.ceil(since / REPORT_S), np.ceil(until / REPORT_S)) * REPORT_S
    busy = np.any((hours[:, None] >= spans[:, 0]) & (hours[:, None] < spans[:, 1]), axis=1).tolist()
    return [(at, _whole(illuminance=120, occupancy=on)) for at, on in zip(hours.tolist(), busy, strict=True)]


def _whole(**state: object) -> State:
    return {**state, "battery": BATTERY_PERCENT}


def _inside(said: list[tuple[float, State]], since: float, until: float) -> list[tuple[float, State]]:
    return sorted(((at, state) for at, state in said if since <= at < until), key=lambda one: one[0])
