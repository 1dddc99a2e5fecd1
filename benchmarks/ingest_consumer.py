"""A process that takes messages from a broker, by one of several ways, until it has them all.

    python -m benchmarks.ingest_consumer WAY PORT FOLDER FORMAT DEVICES MESSAGES

`plain`: paho as documented, manual acknowledgement in batches, nothing read, nothing kept.  `shuian`: the ingest edge with
its store.  Says ``connected`` when it has subscribed, and ``done SECONDS`` (of the monotonic clock) when all are there.
"""

import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks.ingest_messages import TOPICS, bindings
from ingest.mqtt import BrokerSettings, Source
from ingest.store import SqliteStore

CLIENT_ID = "consumer"
PLAIN_BATCH = 500


def say(word: str) -> None:
    print(word, f"{time.monotonic():.6f}", flush=True)


def shuian(port: int, folder: Path, format_name: str, devices: int, messages: int) -> None:
    """Run the ingest edge; end when so many readings are committed."""
    store = SqliteStore(folder / "readings")
    settings = BrokerSettings("b", "127.0.0.1", port, TOPICS, CLIENT_ID, retry_s=(0.05, 0.2))
    registry = bindings(format_name, devices)
    progress, said = threading.Event(), False
    source = Source(settings, store, registry, lambda: datetime.now(UTC), progress.set)
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
    way, port, folder, format_name, devices, messages = sys.argv[1:]
    if way == "plain":
        plain(int(port), int(messages))
    else:
        shuian(int(port), Path(folder), format_name, int(devices), int(messages))


if __name__ == "__main__":
    main()
