"""Which household sits in which row of the detectors' arrays, and which device feeds it.

Rows are given once and never moved, so that a snapshot stays valid when homes are added.  A household that left, paused
or withdrew keeps its row; it is only no longer *active*: nothing is fed to it and nothing it raises is passed on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ingest.bindings import Binding, FixedBindings


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device hangs: what it shares its water pipe, and its way to us, with.  Empty: not known."""

    area: str = ""
    building: str = ""
    riser: str = ""
    gateway: str = ""
    drill: bool = False
    """It exists only for drills: it shares nothing with anybody who lives, and is counted nowhere."""


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Bound:
    """A device in a household, as the registry has it."""

    household: str
    tz: str
    binding: Binding
    place: Place = NOWHERE


class Registry(Protocol):
    """What the pipeline asks of the registry."""

    def version(self) -> int:
        """Return a number that moves with every change."""
        ...

    def bound(self, now: datetime) -> list[Bound]:
        """Return every device binding with its household; consent as of `now`."""
        ...

    def absences(self) -> list[tuple[str, datetime, datetime]]:
        """Return (household, start, end) of declared absences."""
        ...


class Rows:
    """Household <-> row, and device -> household at a time."""

    def __init__(self, households: Sequence[str] = ()) -> None:
        self.households: list[str] = list(households)
        self._row = {household: row for row, household in enumerate(self.households)}
        self.active: list[bool] = [False] * len(self.households)
        self.metered: list[bool] = [False] * len(self.households)
        """Whether a water meter belongs to it now: without one its silence means nothing."""
        self.places: list[Place] = [NOWHERE] * len(self.households)
        self.active_since: list[float] = [0.0] * len(self.households)
        """When this process first found the row active, seconds since 1970; 0: it is not active."""
        self.zones: list[ZoneInfo] = [ZoneInfo("UTC")] * len(self.households)
        self.period_s: list[int] = [3600] * len(self.households)
        self.resolution_l: list[float] = [1.0] * len(self.households)
        self._by_device: dict[str, list[Bound]] = {}
        self._nth: dict[str, int] = {}
        self._first_fitted: dict[str, datetime] = {}
        self.bindings = FixedBindings(())

    def refresh(self, bound: Sequence[Bound], now: datetime) -> None:
        """Take the registry's devices as they are `now`; households that are new get the next rows."""
        by_device: dict[str, list[Bound]] = {}
        for one in bound:
            by_device.setdefault(one.binding.device, []).append(one)
            if one.household not in self._row:
                self._add(one)
        active, metered = ([False] * len(self.households) for _ in range(2))
        for one in bound:
            row, b = self._row[one.household], one.binding
            self.zones[row] = ZoneInfo(one.tz)
            if not (b.consented and b.valid_from <= now and (b.valid_to is None or now < b.valid_to)):
                continue
            active[row] = True
            self.places[row] = replace(self.places[row], drill=one.place.drill)
            if b.resolution_l is not None:  # a device without a resolution has no water register: a sensor
                metered[row], self.places[row] = True, one.place
                self.period_s[row], self.resolution_l[row] = b.period_s, b.resolution_l
        self.active_since = [
            (since or now.timestamp()) if on else 0.0 for since, on in zip(self.active_since, active, strict=True)
        ]
        self._first_fitted = {}
        for one in bound:
            if one.binding.resolution_l is not None:
                first = self._first_fitted.get(one.household, one.binding.valid_from)
                self._first_fitted[one.household] = min(first, one.binding.valid_from)
        of_home: dict[str, list[str]] = {}
        for device in sorted(by_device):
            of_home.setdefault(by_device[device][-1].household, []).append(device)
        self._nth = {device: n for devices in of_home.values() for n, device in enumerate(devices)}
        self._by_device, self.active, self.metered = by_device, active, metered
        self.bindings = FixedBindings([one.binding for one in bound])

    def _add(self, one: Bound) -> None:
        self._row[one.household] = len(self.households)
        self.households.append(one.household)
        self.active.append(False)
        self.metered.append(False)
        self.places.append(one.place)
        self.active_since.append(0.0)
        self.zones.append(ZoneInfo(one.tz))
        meter = one.binding.resolution_l is not None
        self.period_s.append(one.binding.period_s if meter else 3600)
        self.resolution_l.append(one.binding.resolution_l or 1.0)

    def lived_in(self) -> NDArray[np.bool_]:
        """Return (H,) whether a row is of a home in which somebody lives, and not one of drills."""
        return np.array([not place.drill for place in self.places], np.bool_)

    def of(self, household: str) -> int | None:
        """Return the household's row, None if it has none."""
        return self._row.get(household)

    def at(self, device: str, measured_ms: int) -> tuple[int, Binding] | None:
        """Return (row, binding) of the device at that time; None: it fed no household then, or that one did not agree."""
        time = datetime.fromtimestamp(measured_ms / 1000, UTC)
        for one in self._by_device.get(device, ()):
            b = one.binding
            if b.consented and b.valid_from <= time and (b.valid_to is None or time < b.valid_to):
                return self._row[one.household], b
        return None

    def replaces(self, household_row: int, binding: Binding) -> bool:
        """Return whether a meter was fitted where there was one before: the home's binding is not its first."""
        first = self._first_fitted.get(self.households[household_row])
        return first is not None and first < binding.valid_from

    def place_of(self, device: str) -> int:
        """Return the device's place among those of its household, from 0 up: what tells two leak sensors apart."""
        return self._nth.get(device, 0)

    def devices(self, household: str) -> list[Binding]:
        """Return the household's bindings, past ones too."""
        return [one.binding for found in self._by_device.values() for one in found if one.household == household]

    def unwatched(self) -> set[str]:
        """Return the devices that belong to no active household now."""
        fed = {d for d, found in self._by_device.items() if any(self.active[self._row[one.household]] for one in found)}
        return set(self._by_device) - fed

    def bound(self) -> list[Bound]:
        """Return every device with its household, past ones too."""
        return [one for found in self._by_device.values() for one in found]

    def sources(self) -> list[Binding]:
        """Return the bindings, past ones too, of households that are active."""
        return [
            one.binding for found in self._by_device.values() for one in found if self.active[self._row[one.household]]
        ]
