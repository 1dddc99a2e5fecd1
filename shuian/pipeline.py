"""Stored readings → intervals → detectors → findings for the alert service.

How this works.  The ingest room commits readings and keeps a journal of them in order of arrival.  This module follows
the journal with its own cursor: it turns consecutive registers of a meter into intervals, steps the detectors, and
hands what is still true and still fresh to the alert store.  Cursor, last registers and detector states are written to
one file together, now and then; after a crash the journal since that file is read again, which raises the same findings
with the same ids, which the alert store already has.  Nothing here is ever the only copy of anything.

Raised is not the same as passed on.  A quiet that began and ended inside a late batch is history and wakes nobody; one
that is still open when the data reach the present is passed on at once (`_fresh`).
"""

import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from detectors.bins import News, between
from detectors.findings import Changes, Finding
from detectors.partition import Partition
from detectors.partition import Settings as DetectSettings
from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from ingest.store import SqliteStore
from shuian.rows import Bound, Rows

log = logging.getLogger(__name__)

FRESH_AT_LEAST_S = 900.0
"""Data up to this old still speak of the present, however often the meter reports. [s]"""
RESET_FLAGS = frozenset(
    {"counter_reset_possible", "counter_rollover_possible", "implausible_value", "implausible_time"}
)
FORMAT_OF_SNAPSHOT = 1

URGENCY = {"red": 0, "amber": 1, "blue": 2}


class Alerts(Protocol):
    """Where findings go; `shuian.service` fits the alert store to it."""

    def raised(self, household: str, finding: Finding, finding_id: str) -> None:
        """Store a finding and what it owes the world; a second call with the same id changes nothing."""
        ...

    def cleared(self, finding_id: str, cleared_at: datetime) -> None:
        """Note that a finding no longer holds; an id never raised is no error."""
        ...


class Registry(Protocol):
    """What the pipeline asks of the registry."""

    def version(self) -> int:
        """Return a number that moves with every change."""
        ...

    def bound(self) -> list[Bound]:
        """Return every device binding with its household."""
        ...

    def absences(self) -> list[tuple[str, datetime, datetime]]:
        """Return (household, start, end) of declared absences."""
        ...


def finding_id(household: str, finding: Finding) -> str:
    """Return the id of an episode: the same readings give the same id."""
    name = f"{household}|{finding.kind}|{finding.severity}|{round(finding.onset)}"
    return hashlib.sha256(name.encode()).hexdigest()[:20]


class Pipeline:
    """Follows the journal; owns the detectors.  One thread calls `work`; pages read through `partition_of`."""

    def __init__(
        self,
        store: SqliteStore,
        registry: Registry,
        alerts: Alerts,
        settings: DetectSettings,
        file: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self.rows = Rows()
        self.cursor = 0
        self._store, self._registry, self._alerts = store, registry, alerts
        self._settings, self._file, self._clock = settings, file, clock
        self._last: dict[str, tuple[int, int]] = {}  # device -> (measured_ms, register in thousandths)
        self._held: dict[str, Finding] = {}  # by id; raised, not yet passed on: the data are old
        self._over: dict[str, float] = {}  # finding id -> cleared_at, not yet passed on
        self._lock = threading.Lock()
        self._listening_since = clock().timestamp()
        self._version = -1
        self._saved_at = clock()
        self.partition = Partition(settings, np.empty(0), np.empty(0))
        self._restore()
        self.refresh()

    # --- the registry ------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Take over the registry if its version moved."""
        version = self._registry.version()
        if version == self._version:
            return
        now = self._clock()
        with self._lock:
            new = self.rows.refresh(self._registry.bound(), now)
            if new:
                self.partition.grow(
                    np.array([float(one.binding.period_s) for one in new]),
                    np.array([one.binding.resolution_l for one in new]),
                )
            for household, start, end in self._registry.absences():
                row = self.rows.of(household)
                if row is not None and end > now - timedelta(days=1):
                    self.partition.away(row, start.timestamp(), end.timestamp())
        self._version = version

    # --- work --------------------------------------------------------------------------------------------------------

    def work(self, most: int = 500) -> int:
        """Process what the journal holds beyond the cursor, then look at the clock; return batches processed."""
        self.refresh()
        done = 0
        while batches := self._store.after(self.cursor, most):
            with self._lock:
                self._step([reading for _, readings in batches for reading in readings])
                self.cursor = batches[-1][0]
            done += len(batches)
            if done >= most:
                break
        with self._lock:
            self._note(self.partition.tick(self._clock().timestamp(), self._listening_since))
            self._pass_on()
        return done

    def caught_up(self) -> bool:
        """Whether everything committed so far has been judged."""
        return self.cursor >= self._store.newest_seq()

    def _step(self, readings: Sequence[StoredReading]) -> None:
        news = self._news(readings)
        if news is None:
            return
        self._note(self.partition.step(news))
        self._pass_on()

    def _news(self, readings: Sequence[StoredReading]) -> News | None:
        """Turn registers into intervals; a first, late or reset register says nothing of use."""
        row, start, end, volume, period, reset, offset, received = ([] for _ in range(8))
        for r in readings:
            if r.quantity != WATER_VOLUME_TOTAL:
                continue
            found = self.rows.at(r.device, r.measured_ms)
            if found is None:
                continue
            before = self._last.get(r.device)
            if before is not None and r.measured_ms <= before[0]:
                continue  # late: the clock has gone past it; the store keeps it for the charts
            self._last[r.device] = (r.measured_ms, r.value)
            at = r.measured_ms / 1000
            row.append(found[0])
            start.append(before[0] / 1000 if before else at)
            end.append(at)
            volume.append((r.value - before[1]) / 1000 if before else np.nan)
            period.append(float(found[1].period_s))
            reset.append(before is None or bool(RESET_FLAGS.intersection(r.flags)))
            local = datetime.fromtimestamp(at, self.rows.zones[found[0]])
            offset.append((local.utcoffset() or timedelta(0)).total_seconds())
            received.append(r.received_ms / 1000)
        if not row:
            return None
        starts, ends, litres, doubted = np.array(start), np.array(end), np.array(volume), np.array(reset)
        known = between(starts, ends, litres, np.array(period), doubted)
        moved = np.isnan(known) & ~doubted & (litres > 0)  # somebody used water in there; nobody knows when
        return News(np.array(row), starts, ends, known, np.array(offset), np.array(received), moved)

    # --- passing on ----------------------------------------------------------------------------------------------------

    def _note(self, changes: Changes) -> None:
        for finding in changes.raised:
            self._held[self._id(finding)] = finding
        for finding in changes.cleared:
            never_told = self._held.pop(self._id(finding), None)
            if never_told is None and finding.cleared_at is not None:
                self._over[self._id(finding)] = finding.cleared_at

    def _id(self, finding: Finding) -> str:
        return finding_id(self.rows.households[finding.row], finding)

    def _pass_on(self) -> None:
        """Hand over what is due; whatever the alert store refuses stays here and is offered again."""
        for name, cleared_at in list(self._over.items()):
            self._alerts.cleared(name, datetime.fromtimestamp(cleared_at, UTC))
            del self._over[name]
        # Red first: it is offered in the transaction of its own finding, not as the upgrade of an amber one.
        for name, finding in sorted(self._held.items(), key=lambda item: URGENCY[item[1].severity]):
            if self.rows.active[finding.row] and self._fresh(finding):
                self._alerts.raised(self.rows.households[finding.row], finding, name)
                del self._held[name]

    def _fresh(self, finding: Finding) -> bool:
        """Whether what the data say is still about now; a silent meter is judged by our own clock and always is."""
        if finding.kind == "meter_silent":
            return True
        age = self._clock().timestamp() - float(self.partition.known_until()[finding.row])
        return age <= max(FRESH_AT_LEAST_S, 1.5 * self.rows.period_s[finding.row])

    # --- state that survives -------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write cursor, registers and detector states as one file, then let the journal go up to there."""
        with self._lock:
            state: dict[str, Any] = {f"detect.{name}": array for name, array in self.partition.snapshot().items()}
            head = {
                "format": FORMAT_OF_SNAPSHOT,
                "cursor": self.cursor,
                "households": self.rows.households,
                "last": self._last,
                "held": [_plain(finding) for finding in self._held.values()],
                "over": self._over,
            }
            cursor = self.cursor
        state["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
        fresh = self._file.with_suffix(".new.npz")
        with fresh.open("wb") as f:
            np.savez(f, **state)
            f.flush()
            os.fsync(f.fileno())
        fresh.replace(self._file)
        self._store.forget(cursor)
        self._saved_at = self._clock()

    def save_if_due(self, every: timedelta = timedelta(seconds=30)) -> None:
        """Call `save` when the last one is older than `every`."""
        if self._clock() - self._saved_at >= every:
            self.save()

    def _restore(self) -> None:
        if not self._file.exists():
            return
        with np.load(self._file, allow_pickle=False) as saved:
            head = json.loads(saved["head"].tobytes())
            if head["format"] != FORMAT_OF_SNAPSHOT:
                log.warning("detector snapshot is of another format; starting afresh from the journal")
                return
            arrays = {name.removeprefix("detect."): saved[name] for name in saved.files if name.startswith("detect.")}
        self.rows = Rows(head["households"])
        self.cursor = head["cursor"]
        self._last = {device: (at, value) for device, (at, value) in head["last"].items()}
        held = [Finding(**finding) for finding in head["held"]]
        self._held = {self._id(finding): finding for finding in held}
        self._over = head["over"]
        self.partition = Partition.restore(self._settings, arrays)

    # --- for the pages -------------------------------------------------------------------------------------------------

    def present(self, household: str) -> dict[str, Any] | None:
        """Return what is known of a home now (times in seconds since 1970, NaN: not known); None: no such home."""
        with self._lock:
            row = self.rows.of(household)
            if row is None:
                return None
            return {
                "last_use": float(self.partition.last_use()[row]),
                "heard": float(self.partition.heard()[row]),
                "known_until": float(self.partition.known_until()[row]),
                "usual_first_use": tuple(float(x) for x in self.partition.usual_first_use()[row]),
                "zone": self.rows.zones[row],
                "bindings": self.rows.devices(household),
            }


def _plain(finding: Finding) -> dict[str, Any]:
    fields = ("row", "kind", "severity", "onset", "raised_at", "reason", "cleared_at")
    return {name: getattr(finding, name) for name in fields} | {"evidence": dict(finding.evidence)}
