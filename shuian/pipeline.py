"""Stored readings → intervals → detectors → findings for the alert service.

How this works.  The ingest room commits readings and keeps a journal of them in order of arrival.  This module follows
the journal with its own cursor: it turns consecutive registers of a meter into intervals, steps the detectors, and
hands what is still true to the alert store.  Cursor, last registers and detector states are written to one file
together, now and then (`shuian.snapshots`); after a crash, or a step that failed half way, the journal since that file is
read again, which raises the same findings with the same ids, which the alert store already has.  If the file is lost, or
the journal no longer reaches back to it, the stored readings of the last months stand in (`_fill_in`), and what the
alert store still holds open is taken over (`_adopt`).  Nothing here is ever the only copy of anything.

Raised is not the same as passed on.  A quiet that began and ended inside a late batch is history and wakes nobody; one
that is still open is passed on as soon as the data reach the present, or no newer ones are on their way (`_present`).
"""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.bins import Bools
from detectors.findings import Changes, Finding
from detectors.meter_doubt import Doubt
from detectors.outage import Outages
from detectors.partition import Partition
from detectors.partition import Settings as DetectSettings
from ingest.measures import PLAUSIBLE_FROM
from ingest.readings import StoredReading
from ingest.store import SqliteStore
from shuian import metrics, relearning, served, snapshots
from shuian.areas import AreaAlerts, AreaDesk, Zone, zones
from shuian.doubts import doubts
from shuian.handover import Alerts, HandOver, finding_id
from shuian.intervals import in_order, intervals
from shuian.outcomes import Lessons
from shuian.relearning import HISTORY_S
from shuian.rows import Bound, Registry, Rows
from shuian.signs import last_signs, signs
from shuian.snapshots import Snapshot

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

FRESH_AT_LEAST_S = 900.0
"""Data up to this old still speak of the present, however often the meter reports. [s]"""
PAUSE_S = 300.0
"""A meter that sent old data and then nothing for this long (or half its period) has told all it has. [s]"""
DEAF_S = 300.0
"""A connection lost for longer than this is time in which no meter could be heard. [s]"""
LOOK_AGAIN_S = 60.0
"""Consents and meters begin and end by the clock, without a change of the registry. [s]"""
AT_ONCE = frozenset({"meter_silent", "sos", "leak_sensor"})
"""Kinds that are about the moment they happened, however old the water readings of the home are."""
NO_USE = ("quiet", "rule:")
"""Kinds about missing use: they wait while neighbours are still sending what would show a water cut."""
FUTURE_S = 4200.0
"""A state this far ahead of our clock was made while that was wrong; an hour more or less passes by itself. [s]"""


class Desk(Alerts, AreaAlerts, Protocol):
    """Where everything goes that people should know."""


class Pipeline:
    """Follows the journal; owns the detectors.  One thread calls `work`; pages read through `present`.

    `listening` says whether meters can be heard at all: time in which they cannot is not held against them.
    """

    def __init__(
        self,
        store: SqliteStore,
        registry: Registry,
        alerts: Desk,
        settings: DetectSettings,
        file: Path,
        clock: Callable[[], datetime],
        listening: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store, self._registry, self._alerts = store, registry, alerts
        self._settings, self._file, self._clock, self._listening = settings, file, clock, listening
        self._lock = threading.Lock()
        self._listening_since, self._deaf_since = clock().timestamp(), np.inf
        self._lived_until = -np.inf
        self._version, self._looked_at = -1, 0.0
        self._away: list[tuple[str, float, float]] = []
        self._zones: dict[str, Zone] = {}
        self._areas, self._lessons = AreaDesk(alerts), Lessons()
        self._saved_at = clock()
        self.cursor, self._careful_until = 0, 0
        self.missing: str | None = None
        """Why the state has to be completed from the stored readings before anything is judged; None: it is whole."""
        self.learnt_from: str | None = None
        """From how much of the past the state was made anew since this process began; None: it was whole."""
        self.left_out: set[int] = set()
        """Journal entries that could not be judged: a fault of ours in one of them does not cost those behind it."""
        self.rows = Rows()
        self._load()
        self.refresh()

    # --- the registry ------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Take over the registry if its version moved, or a minute has passed."""
        version, now = self._registry.version(), self._clock()
        if version == self._version and abs(now.timestamp() - self._looked_at) < LOOK_AGAIN_S:
            return
        bound = self._registry.bound(now)
        since = now.timestamp() - HISTORY_S
        away = [(home, start.timestamp(), end.timestamp()) for home, start, end in self._registry.absences()]
        said = self._alerts.outcomes(now - timedelta(seconds=HISTORY_S))
        with self._lock:
            self._lessons.take(said)
            self._away = [one for one in away if one[2] > since]
            self.rows.refresh(bound, now)
            self._fit(now.timestamp())
            metrics.look(self.partition, self._metered(), self.rows.lived_in())
        self._version, self._looked_at = version, now.timestamp()

    def _fit(self, now: float) -> None:
        """Make the detectors' rows those of the registry; what is not watched any more is forgotten."""
        rows, new = self.rows, slice(len(self.partition), None)
        self.partition.grow(np.array(rows.period_s[new], float), np.array(rows.resolution_l[new], float))
        self.partition.set_meters(np.array(rows.period_s, float), np.array(rows.resolution_l, float))
        placed = ((rows.of(household), start, end) for household, start, end in self._away)
        self.partition.set_absences((row, start, end) for row, start, end in placed if row is not None)
        self._lessons.teach(self.partition, rows)
        groups, self._zones = zones(rows)
        self._outages.set_groups(groups)
        for finding in self.partition.drop({row for row, active in enumerate(rows.active) if not active}):
            if finding.severity == "blue":
                self._owed.cleared(self._id(finding), now)
            else:  # a case about a person stays with the people who have it
                self._owed.forget(self._id(finding))
        for device in rows.unwatched():
            self._last.pop(device, None)  # whatever is drawn meanwhile is none of our business later

    # --- work --------------------------------------------------------------------------------------------------------

    def work(self, most: int = 500) -> int:
        """Process up to `most` journal entries beyond the cursor, then look at the clock; return how many it were.

        Whatever fails is raised, and may be tried again at once: nothing is lost by it and nothing done twice.
        """
        if self._clock() < PLAUSIBLE_FROM:
            return 0  # a clock that was not set: no consent and no meter is valid yet; ingest says so and waits
        self.refresh()
        if self.missing is not None:
            self._fill_in(self.missing)
        done = self._advance(most)
        now = self._clock().timestamp()
        self._mind_the_connection(now)
        with self._lock:
            metered, since = self._metered(), np.array(self.rows.active_since)
            self._note(self.partition.tick(np.where(metered, now, np.nan), np.maximum(since, self._listening_since)))
            areas = self._outages.look(self.partition, metered, now, self._listening_since)
            self._note(self.partition.miss(areas.missed, now))
        self._pass_on(now)
        if not self._adopted and self.caught_up():
            self._adopt(now)
        return done

    def caught_up(self) -> bool:
        """Whether everything committed so far has been judged."""
        return self.cursor >= self._store.newest_seq()

    def _advance(self, most: int) -> int:
        batches = self._store.after(self.cursor, 1 if self.cursor < self._careful_until else most)
        if not batches:
            return 0
        by_time = (in_order(rows) for seq, rows in batches if seq not in self.left_out)
        try:
            with self._lock:
                self._step([reading for rows in by_time for reading in rows])
        except Exception:
            # The step is half done.  The last snapshot knows nothing of it, and the journal holds all since then.
            if len(batches) == 1:
                self.left_out.add(batches[0][0])
                log.exception("a journal entry cannot be judged and is left out", extra={"entry": batches[0][0]})
            self._careful_until = max(self._careful_until, batches[-1][0])
            self._load()
            raise
        self.cursor = batches[-1][0]
        return len(batches)

    def _mind_the_connection(self, now: float) -> None:
        self._deaf_since = np.inf if self._listening() else min(self._deaf_since, now)
        if now - self._deaf_since >= DEAF_S:
            self._listening_since = now

    def _step(self, readings: Sequence[StoredReading]) -> None:
        now = self._clock().timestamp()
        others = signs(readings, self.rows, self._batteries, now)
        if others is not None:  # first: a door that opened before hours without water explains them
            self._note(self.partition.hear_signs(others))
        self._note(self.partition.doubt(doubts(readings, self.rows, self.partition.rows_with, now)))
        news = intervals(readings, self._last, self.rows, now)
        if news is not None:
            self._note(self.partition.step(self._outages.without_air(news)))

    def doubt(self, doubts: Sequence[Doubt]) -> None:
        """Take in what was found out about meters elsewhere."""
        with self._lock:
            self._note(self.partition.doubt(doubts))

    def told_of(self, kind: str) -> list[int]:
        """Return the rows of which a kind has been told and is not over."""
        with self._lock:
            return [int(row) for row in self.partition.rows_with(kind)]

    def learnt(self) -> tuple[list[str], dict[str, NDArray[Any]]]:
        """Return the household of each row, and a copy of all that the detectors know."""
        with self._lock:
            return list(self.rows.households), self.partition.snapshot()

    def lived_through(self, since: float, until: float) -> None:
        """Take what was measured in [since, until) as heard when it was: a demonstration's history comes all at once.

        Without this no meter that fell silent before the start could be called so until hours of listening have passed.
        """
        with self._lock:
            self._listening_since = min(self._listening_since, since)
            self.rows.active_since = [min(at, since) for at in self.rows.active_since]
            self.partition.heard_when_known(until)
            self._lived_until = until

    def heard_ms(self, reading: StoredReading) -> int:
        """Return when a reading was heard, milliseconds since 1970: of a staged history, when it was measured."""
        return reading.measured_ms if reading.measured_ms / 1000 < self._lived_until else reading.received_ms

    # --- passing on ----------------------------------------------------------------------------------------------------

    def _note(self, changes: Changes) -> None:
        if changes.raised:
            metrics.count(changes, self.rows.lived_in())
        for finding in changes.raised:
            self._owed.raised(self._id(finding), finding)
        for finding in changes.cleared:
            if finding.cleared_at is not None:
                self._owed.cleared(self._id(finding), finding.cleared_at)

    def _id(self, finding: Finding) -> str:
        return finding_id(self.rows.households[finding.row], finding)

    def _pass_on(self, now: float) -> None:
        active = np.array(self.rows.active, bool)
        present = active & self._present(now)
        alone = present & ~self._outages.catching_up(self.partition, now)

        def may(finding: Finding) -> bool:
            if finding.kind in AT_ONCE:
                return bool(active[finding.row])
            return bool((alone if finding.kind.startswith(NO_USE) else present)[finding.row])

        # A water cut is told before what it explains, so that no case of a neighbour's is opened by it.
        self._areas.settle(self._outages.open(), self._zones, self.rows, now)
        self._owed.offer(self._alerts, self.rows.households, may)

    def _metered(self) -> Bools:
        metered: Bools = np.array(self.rows.active, bool) & np.array(self.rows.metered, bool)
        return metered

    def _present(self, now: float) -> Bools:
        """Return (H,) whether what the data of each row say last is still about now.

        They are young, or nothing newer is on its way: a meter whose clock is behind, or that sends late, or that broke
        off in the middle of a quiet, is heard all the same.
        """
        period = np.array(self.rows.period_s, float)
        young = now - self.partition.known_until() <= np.maximum(FRESH_AT_LEAST_S, 1.5 * period)
        waited_s = now - np.fmax(self.partition.heard(), self._listening_since)
        return young | (self.caught_up() & (waited_s >= np.minimum(PAUSE_S, period / 2)))

    # --- state that survives -------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write cursor, registers and detector states as one file, then let the journal go up to there."""
        self._saved_at = self._clock()
        if self.missing is not None:
            return  # not whole yet
        owed = self._owed
        held = list(owed.held.values())
        state = Snapshot(
            self.cursor,
            self.rows.households,
            self._last,
            held,
            owed.over,
            self.partition,
            self._outages,
            self._batteries,
        )
        snapshots.write(self._file, state)
        self._store.forget(self.cursor)

    def save_if_due(self, every: timedelta = timedelta(seconds=30)) -> bool:
        """Call `save` when the last attempt is older than `every`; return whether it was called."""
        due = abs(self._clock() - self._saved_at) >= every
        if due:
            self.save()
        return due

    def _load(self) -> None:
        """Go back to the last snapshot; what it lacks comes from the journal, or else from the stored readings."""
        saved, why = self._read()
        now = self._clock().timestamp()
        if saved is not None and saved.partition.newest() > now + FUTURE_S:
            saved, why = None, "the snapshot is ahead of the clock of this machine"
        if saved is None:
            empty = Partition(self._settings, np.empty(0), np.empty(0))
            saved = Snapshot(0, [], {}, [], {}, empty, Outages(), {})
        first, newest = self._store.after(0, 1), self._store.newest_seq()
        kept_after = first[0][0] - 1 if first else newest
        if not self.rows.households:
            self.rows = Rows(saved.households)
        with self._lock:
            self.cursor = saved.cursor if kept_after <= saved.cursor <= newest else kept_after
            self.missing = (why or "the journal is younger than the snapshot") if saved.cursor < kept_after else None
            self._adopted = False
            self._lessons.forget()
            self._last, self._batteries = saved.last, saved.batteries
            self.partition, self._outages = saved.partition, saved.outages
            self._owed = HandOver({self._id(one): one for one in saved.held}, saved.over)
            if self._version >= 0:  # before the registry was read nobody is watched, and all that holds would end
                self._fit(now)

    def _read(self) -> tuple[Snapshot | None, str | None]:
        try:
            return snapshots.read(self._file, self._settings), None
        except snapshots.DamagedSnapshot as damaged:
            log.error("the detector snapshot cannot be used; it is put aside", extra={"why": str(damaged)})  # noqa: TRY400
            with suppress(OSError):
                self._file.replace(self._file.with_suffix(".damaged.npz"))
            return None, str(damaged)

    def _fill_in(self, why: str) -> None:
        """Take what the snapshot lacks from the stored readings: slower than the journal, and as good."""
        now = self._clock().timestamp()
        log.error(
            "detectors learn anew from the stored readings", extra={"why": why, "homes": len(self.rows.households)}
        )
        sources, first = self.rows.sources(), now
        try:
            for readings in relearning.slices(self._store, sources, now):
                first = min([first, *(one.measured_ms / 1000 for one in readings)])
                with self._lock:
                    self._step(in_order(readings))
            with self._lock:
                self._step(in_order(last_signs(self._store, sources, now)))
        except Exception:
            self._load()
            raise
        self.missing, self.learnt_from = None, relearning.told(first, now)
        log.info("detectors have learnt anew", extra={"homes": len(self.rows.households), "from": self.learnt_from})

    def _adopt(self, now: float) -> None:
        """Take over what the alert store holds open and a lost state knew of, so that it ends when it no longer holds."""
        known = {self._id(finding) for finding in self.partition.open()}
        for name, household, finding in self._alerts.open():
            row = self.rows.of(household)
            if name in known or name in self._owed.over or row is None or not self.rows.active[row]:
                continue
            mine = replace(finding, row=row)
            if self._id(mine) != name or self.partition.adopt(mine):
                continue
            newer = (one for one in self.partition.open() if (one.row, one.kind, one.severity) == _key(mine))
            if any(one.onset > mine.onset for one in newer):
                self._owed.cleared(name, now)
        self._adopted = True

    # --- for the pages -------------------------------------------------------------------------------------------------

    def bound(self) -> list[Bound]:
        """Return every device with its household, past ones too."""
        with self._lock:
            return self.rows.bound()

    def present(self, household: str) -> dict[str, Any] | None:
        """Return what is known of a home now (times in seconds since 1970, NaN: not known); None: no such home."""
        with self._lock:
            return served.present(self.partition, self.rows, household)

    def ask(self, question: Callable[..., Answer], *about: Any) -> Answer:
        """Return what a question of `shuian.served` finds; the detectors stand still meanwhile."""
        with self._lock:
            return question(self.partition, self.rows, *about)


def _key(finding: Finding) -> tuple[int, str, str]:
    return finding.row, finding.kind, finding.severity
