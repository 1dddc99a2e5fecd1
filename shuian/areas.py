"""Homes that share a pipe or a gateway, and what is wrong with all of them at once, on its way to the alert service.

The detectors' `Outages` is what holds; the alert store is told of the difference: what began and is not known there, what
is known there and no longer holds.  So a crash between the two costs nothing, and nothing is told twice.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

from detectors.groups import AreaFinding, Group, GroupKind
from shuian.rows import Place, Rows


@dataclass(frozen=True, slots=True)
class Zone:
    """What homes have in common: a building, a riser of it, a gateway."""

    kind: GroupKind
    name: str
    """What a person calls it."""
    building: str | None
    area: str
    """The area most of its homes lie in: whose people are told."""


class AreaAlerts(Protocol):
    """Where area findings go; `shuian.service` fits the alert store to it."""

    def area_began(self, event: str, zone: Zone, finding: AreaFinding, households: Sequence[str]) -> None:
        """Store an area event and what it owes; a second call with the same id changes nothing."""
        ...

    def area_over(self, event: str, ended_at: datetime) -> None:
        """Note that an area event has ended; an id that is not open is no error."""
        ...

    def areas_open(self) -> set[str]:
        """Return the ids of the area events that the alert store holds open."""
        ...


def zones(rows: Rows) -> tuple[list[Group], dict[str, Zone]]:
    """Return the groups of metered homes, and what each is called: buildings, their risers, gateways."""
    members: dict[tuple[GroupKind, tuple[str, ...]], list[int]] = {}
    places: dict[tuple[GroupKind, tuple[str, ...]], list[Place]] = {}
    for row, place in enumerate(rows.places):
        if not (rows.active[row] and rows.metered[row]):
            continue
        keys: list[tuple[GroupKind, tuple[str, ...]]] = []
        if place.building:
            keys.append(("building", (place.area, place.building)))
            if place.riser:
                keys.append(("riser", (place.area, place.building, place.riser)))
        if place.gateway:
            # A gateway that hears homes of drills too is two: what is played to one part says nothing of the other.
            keys.append(("gateway", ("drill", place.gateway) if place.drill else (place.gateway,)))
        for key in keys:
            members.setdefault(key, []).append(row)
            places.setdefault(key, []).append(place)
    groups, named = [], {}
    for key, found in members.items():
        kind, path = key
        name = "|".join((kind, *path))
        buildings = {place.building for place in places[key] if place.building}
        area = Counter(place.area for place in places[key]).most_common(1)[0][0]
        named[name] = Zone(kind, path[-1], buildings.pop() if len(buildings) == 1 else None, area)
        groups.append(Group(name, kind, np.array(found, np.intp)))
    return groups, named


def area_id(finding: AreaFinding) -> str:
    """Return the id of an area event: the same readings give the same id."""
    return hashlib.sha256(f"{finding.group}|{finding.kind}|{round(finding.onset)}".encode()).hexdigest()[:20]


class AreaDesk:
    """Keeps the alert store's area events those that hold."""

    def __init__(self, alerts: AreaAlerts) -> None:
        self._alerts = alerts
        self._known: set[str] | None = None

    def settle(self, holding: Sequence[AreaFinding], named: Mapping[str, Zone], rows: Rows, now: float) -> None:
        """Tell what began, then what ended: homes that pass from one event to another are never out of both.

        Raises
        ------
        Exception
            What the alert store raised; told again at the next call.
        """
        if self._known is None:
            self._known = self._alerts.areas_open()
        ids = {area_id(one): one for one in holding if one.group in named}
        for name, one in ids.items():
            if name not in self._known:
                homes = [rows.households[row] for row in one.rows]
                self._alerts.area_began(name, named[one.group], one, homes)
                self._known.add(name)
        for name in sorted(self._known - set(ids)):
            self._alerts.area_over(name, datetime.fromtimestamp(now, UTC))
            self._known.discard(name)
