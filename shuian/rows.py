"""Which household sits in which row of the detectors' arrays, and which device feeds it.

Rows are given once and never moved, so that a snapshot stays valid when homes are added.  A household that left, paused
or withdrew keeps its row; it is only no longer *active*: nothing is fed to it and nothing it raises is passed on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ingest.bindings import Binding, FixedBindings


@dataclass(frozen=True, slots=True)
class Bound:
    """A device in a household, as the registry has it."""

    household: str
    tz: str
    binding: Binding


class Rows:
    """Household <-> row, and device -> household at a time."""

    def __init__(self, households: Sequence[str] = ()) -> None:
        self.households: list[str] = list(households)
        self._row = {household: row for row, household in enumerate(self.households)}
        self.active: list[bool] = [False] * len(self.households)
        self.zones: list[ZoneInfo] = [ZoneInfo("UTC")] * len(self.households)
        self.period_s: list[int] = [3600] * len(self.households)
        self._by_device: dict[str, list[Bound]] = {}
        self.bindings = FixedBindings(())

    def refresh(self, bound: Sequence[Bound], now: datetime) -> list[Bound]:
        """Take the registry's devices; return one `Bound` for each household that got a new row, in row order."""
        self._by_device = {}
        new = []
        for one in bound:
            self._by_device.setdefault(one.binding.device, []).append(one)
            if one.household not in self._row:
                self._row[one.household] = len(self.households)
                self.households.append(one.household)
                self.active.append(False)
                self.zones.append(ZoneInfo(one.tz))
                self.period_s.append(one.binding.period_s)
                new.append(one)
        self.active = [False] * len(self.households)
        for one in bound:
            row = self._row[one.household]
            self.zones[row] = ZoneInfo(one.tz)
            if one.binding.consented and (one.binding.valid_to is None or now < one.binding.valid_to):
                self.active[row] = True
                self.period_s[row] = one.binding.period_s
        self.bindings = FixedBindings([one.binding for one in bound])
        return new

    def of(self, household: str) -> int | None:
        """Return the household's row, None if it has none."""
        return self._row.get(household)

    def at(self, device: str, measured_ms: int) -> tuple[int, Binding] | None:
        """Return (row, binding) of the device at that time, None if it fed no household then."""
        time = datetime.fromtimestamp(measured_ms / 1000, UTC)
        for one in self._by_device.get(device, ()):
            b = one.binding
            if b.valid_from <= time and (b.valid_to is None or time < b.valid_to):
                return self._row[one.household], b
        return None

    def devices(self, household: str) -> list[Binding]:
        """Return the household's bindings, past ones too."""
        return [one.binding for found in self._by_device.values() for one in found if one.household == household]
