"""From the inbox into the store: batches that are judged, committed and then acknowledged.

A batch is what came while the one before was stored, and what comes within 10 ms of that; a pause of 2 ms ends it, because
brokers stop sending after 20 (Mosquitto's default) to 200 messages without acknowledgement.  MQTT knows no "not acknowledged": a batch that cannot be stored is tried again, with a growing
pause, until it can.
"""

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime, tzinfo
from threading import Event
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from ingest import metrics
from ingest.bindings import Binding, Bindings
from ingest.device_memory import DeviceMemory
from ingest.devices import Decoded, decode
from ingest.errors import BindingsUnavailable, StoreError
from ingest.flags import counted
from ingest.inbox import Inbox, Received
from ingest.lately import Lately
from ingest.limits import Limits
from ingest.measures import milliseconds
from ingest.quality import Judged, Memory, Message, judge, reason_class, reject
from ingest.readings import Reject
from ingest.rules import NO_RULES, ReaderRules
from ingest.store import Committed, SqliteStore

log = logging.getLogger(__name__)

MOST_IN_BATCH = 500
"""Larger ones cost no less a message, and keep others waiting longer."""
MOST_WAIT_S, PAUSE_S = 0.010, 0.002
TOO_MANY = "too many: want no more readings of one device in a minute than [limits] device_a_minute allows, got more"
_NOTHING = Judged()


def _called(reason: str) -> str:
    """Return the reason without "unreadable", which a message of a flood is not; a missing consent stays what it is."""
    return TOO_MANY if reason.endswith(TOO_MANY) else reason


class Committer:
    """Stores what is in `inbox`, then acknowledges it; runs on a thread of its caller.

    `trouble` says why nothing can be stored at the moment, None when all is well.
    """

    def __init__(
        self,
        name: str,
        inbox: Inbox,
        store: SqliteStore,
        bindings: Bindings,
        *,
        on_commit: Callable[[], None],
        acknowledge: Callable[[list[Received]], None],
        stopping: Event,
        retry_s: tuple[float, float],
        lately: Lately | None = None,
        rules: ReaderRules = NO_RULES,
        limits: Limits | None = None,
    ) -> None:
        self._name = name
        self._inbox = inbox
        self._store = store
        self._bindings = bindings
        self._on_commit = on_commit
        self._acknowledge = acknowledge
        self._stopping = stopping
        self._retry_s = retry_s
        self._lately = Lately() if lately is None else lately
        self._memory = DeviceMemory(self._said_before, self._unit, worth=self._worth, zone=self._zone, rules=rules)
        self._limits = limits or Limits()
        self._commit_seconds = metrics.COMMIT_SECONDS.labels(name)
        self.trouble: str | None = None

    def run(self) -> None:
        """Work until stopped; never raises."""
        while not self._stopping.is_set():
            batch = self._inbox.take(MOST_IN_BATCH, 0.2, MOST_WAIT_S, PAUSE_S)
            if batch and self._keep(batch):
                self._acknowledge(batch)

    def _keep(self, batch: list[Received]) -> bool:
        """Commit `batch`, trying again until it works; False: stopped before that."""
        pause, longest = self._retry_s
        while not self._stopping.is_set():
            try:
                self._commit(batch)
            except Exception as error:  # noqa: BLE001  _failed logs it; the loop must survive anything
                self._failed(error)
                self._stopping.wait(pause)
                pause = min(2 * pause, longest)
            else:
                if self.trouble is not None:
                    log.info("store: working again", extra={"broker": self._name})
                self.trouble = None
                return True
        return False

    def _commit(self, batch: list[Received]) -> None:
        memory, said = Memory(self._store), self._memory.draft()
        self._limits.begin(milliseconds(batch[0].message.received_at))
        messages = [item.message for item in batch]
        understood = [self._read(message, said) for message in messages]
        self._store.warm({(one.device, one.quantity) for what in understood if what for one in what.readings})
        judged = [self._judge(message, what, memory) for message, what in zip(messages, understood, strict=True)]
        rejects = [entry for one in judged for entry in one.rejects]
        kept = [entry for entry in rejects if entry.reason == TOO_MANY or self._limits.keep(entry.topic)]
        unkept = len(rejects) - len(kept) + sum(what is None for what in understood)
        with self._commit_seconds.time():
            done = self._store.commit(
                [row for one in judged for row in one.readings],
                kept,
                [arrival for one in judged for arrival in one.arrivals],
                more_rejected=unkept,
            )
        said.settle()
        self._lately.note(
            [one for one in zip(messages, understood, judged, strict=True) if one[1] is not None]  # type: ignore[misc]
        )
        self._limits.settle()
        self._count(done, judged, rejects, sum(what is None for what in understood))
        self._tell()

    def _count(self, done: Committed, judged: list[Judged], rejects: list[Reject], unread: int) -> None:
        name = self._name
        metrics.STORED.labels(name).inc(done.stored)
        metrics.DUPLICATES.labels(name).inc(done.duplicates)
        metrics.CONFLICTS.labels(name).inc(done.conflicts)
        metrics.RETAINED.labels(name).inc(sum(one.states for one in judged))
        for flag, times in Counter(f for one in judged for row in one.readings for f in counted(row.flags)).items():
            metrics.FLAGGED.labels(name, flag).inc(times)
        for entry in rejects:
            metrics.REJECTED.labels(name, reason_class(entry.reason)).inc()
        metrics.REJECTED.labels(name, reason_class(TOO_MANY)).inc(unread)

    def _read(self, message: Message, said: DeviceMemory) -> Decoded | None:
        """Read one message; None: its device has said too much in this minute, and enough of that is kept."""
        topic, limits = message.topic, self._limits
        if limits.flooded(topic) and not message.redelivered:
            return None
        decoded = decode(topic, message.payload, message.received_at, message.retain, said)
        device = decoded.device
        if device is None or message.redelivered or limits.admit(device, len(decoded.readings) or 1):
            return decoded
        return Decoded(decoded.format, (), TOO_MANY, device) if limits.sample(device, topic) else None

    def _said_before(self, device: str, quantity: str) -> bool | None:
        """Return a state as it was last stored: what a process that was killed had remembered."""
        last = self._store.last(device, quantity)
        return None if last is None else last.value != 0

    def _unit(self, device: str, time: datetime) -> str | None:
        """Return the unit of the device's register by the registry, None: it says none, or the device has none."""
        binding = self._binding(device, time)
        return None if binding is None or binding.resolution_l is None else binding.unit

    def _worth(self, device: str, time: datetime) -> float | None:
        """Return the litres of one count by the registry, None: it says nothing of that."""
        binding = self._binding(device, time)
        return None if binding is None else binding.litres_per_pulse

    def _zone(self, device: str, time: datetime) -> tzinfo | None:
        """Return the zone of the device's clock by the registry, None: it says none."""
        binding = self._binding(device, time)
        return None if binding is None or binding.zone is None else ZoneInfo(binding.zone)

    def _binding(self, device: str, time: datetime) -> Binding | None:
        try:
            return self._bindings.at(device, time)
        except Exception as error:
            raise BindingsUnavailable(f"the registry could not be asked: {type(error).__name__}") from error

    def _judge(self, message: Message, decoded: Decoded | None, memory: Memory) -> Judged:
        """Judge one message; a fault of ours in it costs this message (refused, counted), not those behind it."""
        if decoded is None:
            return _NOTHING
        try:
            judged = judge(message, decoded, self._bindings, memory)
        except (BindingsUnavailable, StoreError):
            raise
        except Exception as error:
            log.exception("a message could not be judged", extra={"broker": self._name})
            reason = f"our fault: {type(error).__name__}"
            return Judged(rejects=(reject(message, reason, keep_payload=False),))
        if decoded.rejected != TOO_MANY:
            return judged
        return replace(judged, rejects=tuple(replace(entry, reason=_called(entry.reason)) for entry in judged.rejects))

    def _tell(self) -> None:
        try:
            self._on_commit()
        except Exception:  # whoever listens must not stop the reader; the rows are in the journal
            log.exception("telling of a commit failed", extra={"broker": self._name})

    def _failed(self, error: Exception) -> None:
        """Note that a batch could not be stored; log it once per change, with traceback if nobody foresaw it."""
        metrics.FAULTS.labels(self._name, "store").inc()
        foreseen = isinstance(error, StoreError | BindingsUnavailable)
        trouble = f"cannot store: {error if foreseen else type(error).__name__}"
        if trouble != self.trouble:
            self.trouble = trouble
            log.error("%s", trouble, exc_info=None if foreseen else error, extra={"broker": self._name})
