"""The committing thread beside what gateways repeat: a batch tried again, and a start after a kill."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

from ingest.bindings import Binding, FixedBindings
from ingest.committer import Committer
from ingest.inbox import Inbox, Received
from ingest.quality import Message
from ingest.rules import PlainRule, ReaderRules
from ingest.store import SqliteStore
from tests.brokers import until

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
BINDINGS = FixedBindings(
    [
        Binding("hall", "zigbee2mqtt", datetime(2020, 1, 1, tzinfo=UTC), resolution_l=None),
        Binding("meter", "zigbee2mqtt", datetime(2020, 1, 1, tzinfo=UTC), unit="m3", resolution_l=0.1),
        Binding("water/total", "esphome", datetime(2020, 1, 1, tzinfo=UTC), resolution_l=0.1),
        Binding("R900:7", "rtlamr", datetime(2020, 1, 1, tzinfo=UTC), litres_per_pulse=10.0, resolution_l=10.0),
        Binding("m-12", "plain", datetime(2020, 1, 1, tzinfo=UTC), resolution_l=0.1),
    ]
)
RULES = ReaderRules(plain=(PlainRule("cellar/{device}/water", "water_volume_total", unit="gal"),))


@contextmanager
def committing(store: SqliteStore) -> Iterator[tuple[Committer, Inbox]]:
    """Run a committer on its own thread for the time of the block."""
    inbox = Inbox(100)
    stopping = Event()
    committer = Committer(
        "test", inbox, store, BINDINGS,
        on_commit=lambda: None, acknowledge=lambda items: None, stopping=stopping, retry_s=(0.02, 0.05), rules=RULES,
    )  # fmt: skip
    thread = Thread(target=committer.run)
    thread.start()
    try:
        yield committer, inbox
    finally:
        stopping.set()
        thread.join(5)


def said(payload: bytes, minutes: int, device: str = "hall") -> Received:
    return Received(Message(f"zigbee2mqtt/{device}", payload, NOW + timedelta(minutes=minutes)), 0, 0, 1)


def motions(store: SqliteStore) -> list[tuple[int, tuple[str, ...]]]:
    return [(row.value, row.flags) for row in store.history("hall", "occupancy", 0, 2**42)]


def test_motion_in_a_batch_that_is_tried_again_is_still_an_event(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, busy_timeout_s=0.02)
    lock = sqlite3.connect(tmp_path / "ingest.sqlite", isolation_level=None)
    with committing(store) as (committer, inbox):
        lock.execute("BEGIN IMMEDIATE")
        inbox.put([said(b'{"occupancy":true,"battery":80}', 0)])
        until(lambda: committer.trouble is not None, what="trouble")
        lock.close()
        until(lambda: len(motions(store)) == 1, what="storing")
    assert motions(store) == [(1000, ("time_missing",))]
    store.close()


def test_after_a_kill_what_was_stored_is_what_was_said(tmp_path: Path) -> None:
    for minutes, payload in ((0, b'{"occupancy":true,"battery":80}'), (90, b'{"occupancy":true,"battery":79}')):
        store = SqliteStore(tmp_path)
        with committing(store) as (_, inbox):
            inbox.put([said(payload, minutes)])
            until(lambda store=store, n=minutes: len(motions(store)) == (2 if n else 1), what="storing")
        found = motions(store)
        store.close()
    assert found == [(1000, ("time_missing",)), (1000, ("cached_state", "time_missing"))]


def test_the_registry_s_unit_makes_a_register_of_a_number(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    with committing(store) as (_, inbox):
        inbox.put([said(b'{"water_consumed":1.5}', 0, "meter")])
        inbox.put([said(b'{"water_consumed":1.5,"humidity":40}', 1)])
        until(lambda: store.counts()["stored"] == 2, what="storing")
    assert [row.value for row in store.history("meter", "water_volume_total", 0, 2**42)] == [1_500_000]
    assert store.history("hall", "water_volume_total", 0, 2**42) == []
    store.close()


def test_what_discovery_messages_registry_and_rules_say_reaches_the_readers(tmp_path: Path) -> None:
    config = b'{"stat_t":"water/sensor/total/state","unit_of_meas":"L","dev_cla":"water"}'
    line = b'{"Time":"2026-11-21T06:00:00Z","Type":"R900","Message":{"ID":7,"Consumption":1000}}'
    store = SqliteStore(tmp_path)
    with committing(store) as (_, inbox):
        for topic, payload, retain in (
            ("homeassistant/sensor/water/total/config", config, True),
            ("water/sensor/total/state", b"700.5", True),  # of a reconnect: state, and no sign of life
            ("water/sensor/total/state", b"712.5", False),
            ("radio/raw", line, False),
            ("cellar/m-12/water", b"100", False),
        ):
            inbox.put([Received(Message(topic, payload, NOW, retain), 0, 0, 1)])
        until(lambda: store.counts()["stored"] == 3, what="storing")
    found = {device: store.last(device, "water_volume_total") for device in ("water/total", "R900:7", "m-12")}
    assert {device: row and row.value for device, row in found.items()} == {
        "water/total": 712_500,
        "R900:7": 10_000_000,
        "m-12": 378_541,
    }
    store.close()
