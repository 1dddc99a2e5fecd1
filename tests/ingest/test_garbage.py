"""One message in a hundred is garbage: through the edge and into the store, the rest is as if it had never come."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace as changed

from benchmarks.fuzz_messages import known, mutated
from ingest.bindings import Binding, FixedBindings
from ingest.devices import decode, native
from ingest.mqtt import Source
from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from ingest.store import SqliteStore
from tests.brokers import mosquitto, publisher, until
from tests.ingest.ingester import LONG_AGO, settings

pytestmark = pytest.mark.slow

START = datetime(2026, 11, 1, tzinfo=UTC)
DEVICES, HOURS, SHARE = 20, 60, 0.01
Sent = tuple[str, bytes]


def stream() -> list[Sent]:
    """Return what meters say, hour by hour."""
    return [
        native.encode("t", "north", f"wm-{n}", f"{n}-{hour}", [(START + timedelta(hours=hour), 1000.0 * n + 3 * hour)])
        for hour in range(HOURS)
        for n in range(DEVICES)
    ]


def garbage(count: int, rng: Random) -> list[Sent]:
    """Return messages nobody can read: cut off under the meters' own names, and damaged ones of every format."""
    found: list[Sent] = []
    everything, mine = known(), stream()
    while len(found) < count:
        topic, payload = rng.choice(mine)
        payload = payload[: rng.randrange(len(payload))]
        if rng.random() < 0.5:
            topic, payload = mutated(rng, rng.choice(everything), everything)
        sendable = topic and topic.isprintable() and len(topic) < 200 and not set(topic) & set("+#$")
        if sendable and decode(topic, payload, START).rejected is not None:
            found.append((topic, payload))
    return found


def kept(folder: Path, sent: list[Sent]) -> tuple[list[StoredReading], dict[str, int]]:
    """Return what is stored of these messages, without when it came, and what was counted."""
    bindings = FixedBindings([Binding(f"wm-{n}", "native", LONG_AGO) for n in range(DEVICES)])
    store = SqliteStore(folder / "store")
    with mosquitto(folder) as broker:
        about = replace(settings(broker.port(5)), topics=("#",))
        source = Source(about, store, bindings, lambda: datetime.now(UTC), lambda: None)
        source.start()
        until(lambda: source.connected, what="connection")
        with publisher(broker) as sender:
            for topic, payload in sent:
                sender.send(topic, payload)
            sender.send("the/end", b"?")
        until(lambda: any(one.topic == "the/end" for one in store.rejects(1)), what="the end")
        source.stop()
    rows = [row for n in range(DEVICES) for row in store.history(f"wm-{n}", WATER_VOLUME_TOTAL, 0, 2**42)]
    counts = store.counts()
    store.close()
    return [changed(row, received_ms=0) for row in rows], counts


def test_one_percent_of_garbage_changes_nothing_for_the_rest(tmp_path: Path) -> None:
    rng, clean = Random(14), stream()
    spoiled = list(clean)
    junk = garbage(round(SHARE * len(clean)), rng)
    for one in junk:
        spoiled.insert(rng.randrange(len(spoiled) + 1), one)
    for name in ("clean", "spoiled"):
        (tmp_path / name).mkdir()
    right, _ = kept(tmp_path / "clean", clean)
    rows, counts = kept(tmp_path / "spoiled", spoiled)
    assert rows == right
    assert len(right) == len(clean)
    assert counts["rejected"] >= len(junk) + 1
    assert (counts["stored"], counts["conflicts"]) == (len(clean), 0)
