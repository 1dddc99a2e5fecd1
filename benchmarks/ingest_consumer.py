"""A process that takes messages from a broker, by one of several ways, until it has them all.

    python -m benchmarks.ingest_consumer WAY PORT FOLDER FORMAT DEVICES MESSAGES [READINGS-A-SECOND]

`plain`: paho as documented, manual acknowledgement in batches, nothing read, nothing kept.  `shuian`: the ingest edge with
its store; without a number of messages it goes on until killed, and goes by a clock that is off by as many seconds as the
file ``clock`` in its folder says; with a number of readings a second its store is as slow as such a disk.  Says ``connected`` when it has subscribed, and ``done SECONDS`` (of the monotonic clock) when all are there.
"""

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks.ingest_messages import TOPICS, bindings
from ingest.mqtt import BrokerSettings, Source
from ingest.quality import Arrival
from ingest.readings import Reject, StoredReading
from ingest.store import Committed, SqliteStore

CLIENT_ID = "consumer"
PLAIN_BATCH = 500


def say(word: str) -> None:
    """Tell the benchmark that something happened now."""
    print(word, f"{time.monotonic():.6f}", flush=True)


class Clock:
    """A clock that a file puts forward and back."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._off = timedelta()
        self._look()
        threading.Thread(target=self._watch, daemon=True).start()

    def __call__(self) -> datetime:
        """Return the time by this clock."""
        return datetime.now(UTC) + self._off

    def _watch(self) -> None:
        while True:
            time.sleep(0.1)
            self._look()

    def _look(self) -> None:
        with suppress(OSError, ValueError):
            self._off = timedelta(seconds=float(self._file.read_text("ascii")))


class SlowStore(SqliteStore):
    """The store, on a disk that takes so many readings a second and no more."""

    def __init__(self, folder: Path, most_per_s: float) -> None:
        super().__init__(folder)
        self._most_per_s = most_per_s

    def commit(
        self,
        readings: Sequence[StoredReading],
        rejects: Sequence[Reject],
        arrivals: Sequence[Arrival] = (),
        *,
        more_rejected: int = 0,
    ) -> Committed:
        """Store a batch as the store does, in the time that such a disk takes for it."""
        until = time.monotonic() + len(readings) / self._most_per_s
        done = super().commit(readings, rejects, arrivals, more_rejected=more_rejected)
        time.sleep(max(0.0, until - time.monotonic()))
        return done


def shuian(port: int, folder: Path, format_name: str, devices: int, messages: int, most_per_s: float) -> None:
    """Run the ingest edge; end when so many readings are committed."""
    store = SlowStore(folder / "readings", most_per_s) if most_per_s else SqliteStore(folder / "readings")
    settings = BrokerSettings("b", "127.0.0.1", port, TOPICS, CLIENT_ID, retry_s=(0.05, 0.2))
    registry = bindings(format_name, devices)
    progress, said = threading.Event(), False
    clock = (lambda: datetime.now(UTC)) if messages else Clock(folder / "clock")
    source = Source(settings, store, registry, clock, progress.set)
    source.start()
    while True:
        if source.connected and not said:
            said = True
            say("connected")
        progress.wait(0.01)
        progress.clear()
        if messages and store.counts()["stored"] >= messages:
            break
        time.sleep(0.01)
    say("done")
    source.stop()


def plain(port: int, messages: int) -> None:
    """Run paho: acknowledge in batches of `PLAIN_BATCH` and at the end, do nothing else."""
    client = paho.Client(CallbackAPIVersion.VERSION2, CLIENT_ID, protocol=paho.MQTTv5, manual_ack=True)
    waiting: list[tuple[int, int]] = []
    got, over = 0, threading.Event()

    def on_message(_: paho.Client, __: object, message: paho.MQTTMessage) -> None:
        nonlocal got
        waiting.append((message.mid, message.qos))
        got += 1
        if len(waiting) >= PLAIN_BATCH or got >= messages:
            for mid, qos in waiting:
                client.ack(mid, qos)
            waiting.clear()
        if got >= messages:
            over.set()

    client.on_message = on_message
    client.on_connect = lambda c, *_: c.subscribe([(topic, 1) for topic in TOPICS])
    client.on_subscribe = lambda *_: say("connected")
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval, properties.ReceiveMaximum = 3600, 2 * PLAIN_BATCH
    client.connect("127.0.0.1", port, 60, clean_start=False, properties=properties)
    client.loop_start()
    over.wait()
    say("done")
    time.sleep(0.2)
    client.disconnect()
    client.loop_stop()


def main() -> None:
    """Take messages."""
    way, port, folder, format_name, devices, messages, *slow = sys.argv[1:]
    if way == "plain":
        plain(int(port), int(messages))
    else:
        shuian(int(port), Path(folder), format_name, int(devices), int(messages), float(slow[0]) if slow else 0.0)


if __name__ == "__main__":
    main()
