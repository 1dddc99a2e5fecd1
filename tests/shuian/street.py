"""A street for pipeline tests: a real store and real detectors, a registry and an inbox that are lists, a turned clock."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from detectors.findings import Finding
from detectors.partition import Settings
from ingest.bindings import Binding
from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from ingest.store import SqliteStore
from shuian.handover import Open
from shuian.outcomes import Told
from shuian.pipeline import Pipeline
from shuian.rows import NOWHERE, Bound

T0 = datetime(2026, 11, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = ("12h-zero",)


def bound(household="h1", device="m1", *, tz="Asia/Shanghai", place=NOWHERE, **more) -> Bound:
    binding = Binding(device, "native", T0 - timedelta(days=200))
    return Bound(household, tz, replace(binding, **more), place)


class Town:
    """A registry: change the lists, then `moved`."""

    def __init__(self, homes: Sequence[Bound]) -> None:
        self.homes, self.away, self.number = list(homes), [], 1

    def moved(self) -> None:
        self.number += 1

    def version(self):
        return self.number

    def bound(self, now=None):
        return list(self.homes)

    def absences(self):
        return list(self.away)


class Inbox:
    """An alert store that remembers what it was told; `refuses` names households it cannot take."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []
        self.findings: dict[str, Open] = {}
        self.ended: list[str] = []
        self.areas: dict[str, tuple[str, str, tuple[str, ...]]] = {}
        self.areas_ended: list[str] = []
        self.refuses: set[str] = set()
        self.said: list[Told] = []
        self.down = False

    def raised(self, household, finding: Finding, finding_id):
        if self.down or household in self.refuses:
            raise OSError("database is locked")
        if finding_id not in self.findings:
            self.told.append((household, finding.kind, finding.severity))
            self.findings[finding_id] = Open(finding_id, household, finding)

    def raised_all(self, found):
        if self.down or any(one.household in self.refuses for one in found):
            raise OSError("database is locked")
        for household, finding, name in found:
            self.raised(household, finding, name)

    def cleared(self, finding_id, cleared_at):
        if self.down:
            raise OSError("database is locked")
        if finding_id in self.findings and finding_id not in self.ended:
            self.ended.append(finding_id)

    def area_began(self, event, zone, finding, households):
        if self.down:
            raise OSError("database is locked")
        if event not in self.areas:
            self.told.append((zone.name, finding.kind, "area"))
            self.areas[event] = (zone.kind, zone.name, tuple(households))

    def area_over(self, event, ended_at):
        if self.down:
            raise OSError("database is locked")
        self.areas_ended.append(event)

    def areas_open(self):
        return set(self.areas) - set(self.areas_ended)

    def outcomes(self, since):
        return list(self.said)

    def open(self):
        return [one for name, one in self.findings.items() if name not in self.ended]

    def holding(self):
        return sorted((one.household, one.finding.kind) for one in self.open())


class Street:
    """Everything around one pipeline; `restart` kills it and starts another on the same folder."""

    def __init__(self, folder: Path, homes: Sequence[Bound] = (), rules: Sequence[str] = RULES) -> None:
        self.folder, self.now, self.listening = folder, T0, True
        self.settings = Settings(rules=tuple(rules))
        self.town, self.inbox = Town(homes or [bound()]), Inbox()
        self.store = SqliteStore(folder / "readings")
        self.litres = {}
        self.start()

    def start(self) -> None:
        file = self.folder / "detect.npz"
        clock, hears = (lambda: self.now), (lambda: self.listening)
        self.pipeline = Pipeline(self.store, self.town, self.inbox, self.settings, file, clock, hears)

    def restart(self) -> None:
        self.start()
        self.work()

    def work(self) -> None:
        while self.pipeline.work():
            pass

    def say(self, device="m1", drawn=0.0, at=None, received=None, flags=()):
        """Commit one register of a meter, measured `at` and received then, or now."""
        at = at or self.now
        self.litres[device] = self.litres.get(device, 1000.0) + drawn
        self.store.commit([self.reading(device, at, received or self.now, flags)], [])

    def sense(self, device, quantity, value=True, at=None, flags=()):
        """Commit one message of a sensor."""
        at = at or self.now
        row = StoredReading(device, quantity, ms(at), 1000 * int(value), ms(self.now), tuple(flags))
        self.store.commit([row], [])

    def reading(self, device, at, received, flags=()):
        value = round(self.litres[device] * 1000)
        return StoredReading(device, WATER_VOLUME_TOTAL, ms(at), value, ms(received), tuple(flags))

    def hours(self, count, drawn=0.0, devices=("m1",), period=HOUR) -> None:
        """Let time pass, with a register of each meter at the end of every period."""
        for _ in range(count):
            self.now += period
            for device in devices:
                self.say(device, drawn)
            self.work()

    def quiet_red(self):
        return [one for one in self.inbox.told if one[1] == "rule:12h-zero"]


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
