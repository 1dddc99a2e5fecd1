"""From the inbox into the store: batches that are judged, committed and then acknowledged.

A batch is what came while the one before was stored, and what comes within 10 ms of that; a pause of 2 ms ends it, because
brokers stop sending after 20 (Mosquitto's default) to 200 messages without acknowledgement.  MQTT knows no "not acknowledged": a batch that cannot be stored is tried again, with a growing
pause, until it can.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from threading import Event

from ingest import metrics
from ingest.bindings import Bindings
from ingest.device_memory import DeviceMemory
from ingest.devices import decode
from ingest.errors import BindingsUnavailable, StoreError
from ingest.inbox import Inbox, Received
from ingest.quality import Judged, Memory, Message, judge, reason_class, reject
from ingest.store import SqliteStore

log = logging.getLogger(__name__)

MOST_IN_BATCH = 500
"""Larger ones cost no less a message, and keep others waiting longer."""
MOST_WAIT_S, PAUSE_S = 0.010, 0.002


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
    ) -> None:
        self._name = name
        self._inbox = inbox
        self._store = store
        self._bindings = bindings
        self._on_commit = on_commit
        self._acknowledge = acknowledge
        self._stopping = stopping
        self._retry_s = retry_s
        self._memory = DeviceMemory(self._said_before, self._unit)
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
        name = self._name
        memory, said = Memory(self._store), self._memory.draft()
        judged = [self._judge(item.message, memory, said) for item in batch]
        rejects = [entry for one in judged for entry in one.rejects]
        with metrics.COMMIT_SECONDS.labels(name).time():
            done = self._store.commit(
                [row for one in judged for row in one.readings], rejects, [a for one in judged for a in one.arrivals]
            )
        said.settle()
        metrics.STORED.labels(name).inc(done.stored)
        metrics.DUPLICATES.labels(name).inc(done.duplicates)
        metrics.CONFLICTS.labels(name).inc(done.conflicts)
        metrics.RETAINED.labels(name).inc(sum(one.states for one in judged))
        for entry in rejects:
            metrics.REJECTED.labels(name, reason_class(entry.reason)).inc()
        self._tell()

    def _said_before(self, device: str, quantity: str) -> bool | None:
        """Return a state as it was last stored: what a process that was killed had remembered."""
        last = self._store.last(device, quantity)
        return None if last is None else last.value != 0

    def _unit(self, device: str, time: datetime) -> str | None:
        """Return the unit of the device's register by the registry, None: it says none, or the device has none."""
        try:
            binding = self._bindings.at(device, time)
        except Exception as error:
            raise BindingsUnavailable(f"the registry could not be asked: {type(error).__name__}") from error
        return None if binding is None or binding.resolution_l is None else binding.unit

    def _judge(self, message: Message, memory: Memory, said: DeviceMemory) -> Judged:
        """Judge one message; a fault of ours in it costs this message (refused, counted), not those behind it."""
        decoded = decode(message.topic, message.payload, message.received_at, message.retain, said)
        try:
            return judge(message, decoded, self._bindings, memory)
        except (BindingsUnavailable, StoreError):
            raise
        except Exception as error:
            log.exception("a message could not be judged", extra={"broker": self._name})
            reason = f"our fault: {type(error).__name__}"
            return Judged(rejects=(reject(message, reason, keep_payload=False),))

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
