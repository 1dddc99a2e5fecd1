"""Homes that a fault befalls, and the service as it is: reports are decoded, judged, stored and followed by the pipeline.

Every fault has homes of its own in one service.  They live eight weeks undisturbed, then it strikes; beside them the same
people live on without it, so that what a fault raises is what those do not raise.  The eight weeks are told to the detectors
at once, once for each person; from there the service goes on from a snapshot, as after a restart.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from detectors.bins import News, between
from detectors.outage import Outages
from detectors.partition import Partition, Settings
from ingest.device_memory import DeviceMemory
from ingest.devices import decode
from ingest.quality import Memory, Message, judge
from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from shuian import snapshots
from shuian.battery_check import BatteryCheck
from shuian.rows import Place
from simulators import encoding, meters
from simulators.doings import Doings, doings
from simulators.faults import LAYERS, Fault
from simulators.reports import Report
from tests.shuian.street import Street, bound

ZONE = ZoneInfo("Asia/Shanghai")
DAY_S, HOUR_S = 86_400.0, 3600.0
LEARNS_DAYS, WATCHED_DAYS = 56, 8
BEGIN_S = datetime(2026, 11, 2, tzinfo=ZONE).timestamp()
LEARNT_S = BEGIN_S + LEARNS_DAYS * DAY_S
AT_S = LEARNT_S + 9.4 * HOUR_S
"""Faults strike in the middle of a morning."""
KEPT_DAYS = 8
"""So much of the past lies in the store: as old as a late or retained message can be."""


@dataclass(frozen=True)
class Case:
    """Some homes and the faults that befall them, none or several.  Homes of a group share a building and a gateway."""

    name: str
    seeds: tuple[int, ...]
    faults: tuple[Fault, ...] = ()
    days: int = WATCHED_DAYS
    """How long these homes are watched."""

    @property
    def until_s(self) -> float:
        """The end of that time: their meters say nothing after it."""
        return LEARNT_S + self.days * DAY_S

    @property
    def homes(self) -> list[str]:
        """Their names; each meter is called like its home."""
        return [f"{self.name.replace(' ', '-')}-{n}" for n in range(len(self.seeds))]

    @property
    def gateway(self) -> str:
        return f"gateway of {self.name}"

    def place(self) -> Place:
        """Return where they live."""
        return Place("grid", self.name, "", self.gateway) if len(self.seeds) > 1 else Place("grid")

    def reports(self) -> list[Report]:
        """Return all that their meters report, in order of arrival."""
        codes = " ".join(fault.code for fault in self.faults)
        rng = np.random.default_rng([zlib.crc32(codes.encode()), *self.seeds])
        did = self._struck("person", [lived(seed) for seed in self.seeds], rng)
        draws = self._struck("plumbing", [one.draws for one in did], rng)
        read = [
            meters.read(home, one, times(seed), start_l=started_l(seed))
            for home, seed, one in zip(self.homes, self.seeds, draws, strict=True)
        ]
        said = [
            Report(at, register.household, self.gateway, litres)
            for register in self._struck("meter", read, rng)
            for at, litres in zip(register.at_s.tolist(), register.litres.tolist(), strict=True)
        ]
        (came,) = self._struck("transport", [sorted(said, key=lambda one: one.at)], rng)
        return sorted((one for one in came if one.at < self.until_s), key=lambda one: one.at)

    def _struck(self, layer: str, subjects: list, rng: np.random.Generator) -> list:
        for fault in self.faults:
            if fault.layer == layer:
                together = fault.group and layer != "transport"
                subjects = (
                    list(fault.strike(subjects, AT_S, rng))
                    if together
                    else [fault.strike(one, AT_S, rng) for one in subjects]
                )
        assert {fault.layer for fault in self.faults} <= set(LAYERS)
        return subjects


@cache
def lived(seed: int) -> Doings:
    """Return an undisturbed life, without nights away."""
    start = datetime.fromtimestamp(BEGIN_S, ZONE)
    return doings(seed, start, LEARNS_DAYS + WATCHED_DAYS, ZONE, "average", trips=False)


def times(seed: int) -> np.ndarray:
    """Return when the home's meter reports: each hour, some time after the full one."""
    return BEGIN_S + np.arange(24 * (LEARNS_DAYS + WATCHED_DAYS)) * HOUR_S + seed * 131.0 % HOUR_S


def started_l(seed: int) -> float:
    """Return where the home's register stands at the beginning. [L]"""
    return 1000.37 * (seed + 1)


def learnt(seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """Return what the detectors know of these people after the eight weeks: the rows of a snapshot."""
    at = [times(seed)[times(seed) <= LEARNT_S] for seed in seeds]
    shown = [
        meters.register(lived(seed).draws, when, 1.0, started_l(seed)) for seed, when in zip(seeds, at, strict=True)
    ]
    row = np.concatenate([np.full(len(when) - 1, n, np.intp) for n, when in enumerate(at)])
    start, end = (np.concatenate([when[part] for when in at]) for part in (slice(None, -1), slice(1, None)))
    litres = between(start, end, np.concatenate([np.diff(one) for one in shown]), HOUR_S)
    days = BEGIN_S + np.ceil((end - BEGIN_S) / DAY_S) * DAY_S  # as if each day had come as one message
    partition = Partition(Settings(rules=()), np.full(len(seeds), HOUR_S), np.ones(len(seeds)))
    partition.step(News(row, start, end, litres, np.full(len(row), 8 * HOUR_S), days))
    partition.drop(range(len(seeds)))  # what was raised in the past is told
    return partition.snapshot()


def messages(reports: Sequence[Report]) -> Iterator[Message]:
    """Yield reports as they come over the wire in our own format; what one device says at one moment is one message."""
    devices = {one.device: "native" for one in reports}
    for copy, some in groupby(reports, key=lambda one: one.copy):
        for one in encoding.messages(some, devices):
            yield Message(one.topic, one.payload, _stamp(one.at), one.retain, redelivered=copy > 0)


def _stamp(at: float) -> datetime:
    return datetime.fromtimestamp(round(at, 3), UTC)


class _Later(Street):
    """A street that starts when the eight weeks are over."""

    def start(self) -> None:
        self.now = _stamp(LEARNT_S)
        super().start()


class FaultedStreet:
    """All cases in one service: `live`, then ask what was `raised`."""

    def __init__(self, folder: Path, cases: Sequence[Case]) -> None:
        self.cases = cases
        self.reports = sorted((one for case in cases for one in case.reports()), key=lambda one: one.at)
        self._write_snapshot(folder / "detect.npz")
        homes = [bound(home, home, place=case.place(), valid_from=_stamp(0)) for case in cases for home in case.homes]
        self.street = _Later(folder, homes, rules=())
        self.memory = DeviceMemory()
        self.batteries = BatteryCheck(self.street.store, lambda: self.street.pipeline.rows, lambda: self.street.now)
        self.refused: list[str] = []
        """Devices of the messages that could not be used."""
        self.told: list[tuple[float, str, str]] = []
        """When somebody was told of which kind of finding, and about whom."""
        self._keep([one for one in self.reports if LEARNT_S - KEPT_DAYS * DAY_S < one.at <= LEARNT_S])

    def _write_snapshot(self, file: Path) -> None:
        people = sorted({seed for case in self.cases for seed in case.seeds})
        place = np.array([people.index(seed) for case in self.cases for seed in case.seeds], np.intp)
        arrays = {name: array[place] if len(array) == len(people) else array for name, array in learnt(people).items()}
        homes = [home for case in self.cases for home in case.homes]
        row = {home: n for n, home in enumerate(homes)}
        last = {
            one.device: (round(one.at * 1000), round(one.said * 1000), row[one.device])
            for one in self.reports
            if one.at <= LEARNT_S
        }
        partition = Partition.restore(Settings(rules=()), arrays)
        snapshots.write(file, snapshots.Snapshot(0, homes, last, [], {}, partition, Outages(), {}))

    def _keep(self, reports: Sequence[Report]) -> None:
        """Put the last days before the snapshot into the store."""
        received = round(LEARNT_S * 1000)
        rows = [
            StoredReading(one.device, WATER_VOLUME_TOTAL, round(one.at * 1000), round(one.said * 1000), received)
            for one in reports
        ]
        self.street.store.commit(rows, [])
        self.street.work()

    def live(self, deaf: tuple[float, float] = (np.inf, np.inf)) -> None:
        """Let everybody live through the days that are watched, an hour at a time; nobody listens from deaf[0] until deaf[1]."""
        arrived = np.array([one.at for one in self.reports])
        edges = LEARNT_S + np.arange(24 * WATCHED_DAYS + 1) * HOUR_S
        places = np.searchsorted(arrived, edges, "right").tolist()
        for now, first, end in zip(edges[1:].tolist(), places, places[1:], strict=False):
            self.street.now, self.street.listening = _stamp(now), not deaf[0] <= now < deaf[1]
            self._hear(self.reports[first:end])
            self.street.pipeline.doubt(self.batteries.look(self.street.pipeline.told_of, len(self.cases) * 100))
            self.told += [(now, who, kind) for who, kind, _ in self.street.inbox.told[len(self.told) :]]

    def _hear(self, reports: Sequence[Report]) -> None:
        street = self.street
        memory, bindings, judged = Memory(street.store), street.pipeline.rows.bindings, []
        for one in messages(reports):
            said = decode(one.topic, one.payload, one.received_at, one.retain, self.memory)
            judged.append(judge(one, said, bindings, memory))
        refused = [entry for one in judged for entry in one.rejects]
        self.refused += [entry.topic.split("/")[3] for entry in refused]
        street.store.commit(
            [row for one in judged for row in one.readings], refused, [a for one in judged for a in one.arrivals]
        )
        street.work()

    def raised(self, case: Case) -> set[tuple[int, str, str, float]]:
        """Return (home, kind, severity, onset) of what a case's homes raised since the fault; an area's is (-1, kind, "", 0)."""
        names = {home: n for n, home in enumerate(case.homes)}
        own = {
            (names[one.household], one.finding.kind, one.finding.severity, one.finding.onset)
            for one in self.street.inbox.findings.values()
            if one.household in names and AT_S < one.finding.raised_at <= case.until_s
        }
        zones = {case.name, case.gateway}
        return own | {(-1, kind, "", 0.0) for at, name, kind in self.told if name in zones and at <= case.until_s}
