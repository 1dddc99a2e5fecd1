"""The edge on real brokers: acknowledged only after the commit, and nothing stops the reader."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from ingest.bindings import Binding, FixedBindings
from ingest.devices import native
from ingest.store import SqliteStore
from shuian.broker import EmbeddedBroker
from tests.brokers import Broker, mosquitto, publisher, until
from tests.ingest.ingester import EveryDevice, ingester

pytestmark = pytest.mark.slow

START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store", busy_timeout_s=0.1)
    yield opened
    opened.close()


def message(number: int, device: str = "wm-1", hours: int | None = None) -> tuple[str, bytes]:
    at = START + timedelta(hours=number if hours is None else hours)
    return native.encode("t", "north", device, f"m-{number}", [(at, float(number))])


def stored(store: SqliteStore) -> int:
    return store.counts()["stored"]


def values(store: SqliteStore, device: str = "wm-1") -> list[int]:
    return [row.value // 1000 for row in store.history(device, "water_volume_total", 0, 2**42)]


def counter(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"broker": "test", **labels}) or 0.0


@pytest.mark.parametrize("version", [5, 3])
def test_what_is_published_is_stored_once_in_order(broker: Broker, store: SqliteStore, version: int) -> None:
    with ingester(broker, store, version=version), publisher(broker) as sender:
        for number in range(300):
            sender.send(*message(number))
        until(lambda: stored(store) == 300, what="storing")
    assert [row.value // 1000 for _, rows in store.after(0, 1000) for row in rows] == list(range(300))


@pytest.mark.parametrize("version", [5, 3])
def test_what_came_while_nobody_listened_comes_afterwards(broker: Broker, store: SqliteStore, version: int) -> None:
    with ingester(broker, store, version=version):
        pass
    with publisher(broker) as sender:
        for number in range(150):
            sender.send(*message(number))
    with ingester(broker, store, version=version):
        until(lambda: stored(store) == 150, what="storing")
    assert values(store) == list(range(150))


def test_a_message_that_was_not_committed_comes_again(broker: Broker, store: SqliteStore, tmp_path: Path) -> None:
    lock = sqlite3.connect(tmp_path / "store" / "ingest.sqlite", isolation_level=None)
    with ingester(broker, store) as first:
        lock.execute("BEGIN IMMEDIATE")
        with publisher(broker) as sender:
            sender.send(*message(7))
        until(lambda: "cannot store: ingest.sqlite: another program holds it locked" in first.status, what="trouble")
    lock.close()
    assert stored(store) == 0
    with ingester(broker, store):
        until(lambda: stored(store) == 1, what="storing")
    assert values(store) == [7]


def test_a_store_that_fails_and_recovers_loses_nothing(broker: Broker, store: SqliteStore, tmp_path: Path) -> None:
    lock = sqlite3.connect(tmp_path / "store" / "ingest.sqlite", isolation_level=None)
    with ingester(broker, store) as source, publisher(broker) as sender:
        lock.execute("BEGIN IMMEDIATE")
        for number in range(400):
            sender.send(*message(number))
        until(lambda: "cannot store" in source.status, what="trouble")
        assert source.connected
        assert source.trouble is not None  # a connection that nothing comes of is not health
        lock.close()
        until(lambda: stored(store) == 400, what="storing")
        assert source.status.startswith("connected to")
    assert values(store) == list(range(400))


def test_a_message_without_a_time_that_is_delivered_twice_is_stored_once(
    broker: Broker, store: SqliteStore, tmp_path: Path
) -> None:
    payload = b'{"id":"m-1","measurements":[{"quantity":"battery","value":90,"unit":"%"}]}'
    with ingester(broker, store), publisher(broker) as sender:
        sender.send("t/v1/north/wm-1/up", payload)
        until(lambda: stored(store) == 1, what="storing")
    with publisher(broker) as sender:  # in the first minute of a resumed session the same id may be the same message
        sender.send("t/v1/north/wm-1/up", payload)
    with ingester(broker, store):
        until(lambda: store.counts()["duplicates"] == 1, what="recognising")
    assert stored(store) == 1


def test_a_backlog_of_a_device_without_a_clock_is_stored_value_by_value(broker: Broker, store: SqliteStore) -> None:
    body = b'{"id":"m-%d","measurements":[{"quantity":"temperature","value":%d,"unit":"Cel"}]}'
    with ingester(broker, store):
        pass
    with publisher(broker) as sender:
        for number in range(50):
            sender.send("t/v1/north/wm-1/up", body % (number, number))
    with ingester(broker, store):  # one read brings them all, and one millisecond
        until(lambda: stored(store) == 50, what="storing")
    assert [row.value // 1000 for row in store.history("wm-1", "temperature", 0, 2**42)] == list(range(50))
    assert store.counts()["conflicts"] == 0


def test_two_presses_with_qos_0_are_two_even_in_a_resumed_session(store: SqliteStore, tmp_path: Path) -> None:
    button = FixedBindings([Binding("sos-1", "zigbee2mqtt", datetime(2020, 1, 1, tzinfo=UTC), resolution_l=None)])
    with mosquitto(tmp_path) as broker:  # the embedded broker delivers QoS 0 as 1: there only the second minute tells
        for presses in (1, 2):
            with ingester(broker, store, bindings=button), publisher(broker) as sender:
                sender.send("t/zigbee2mqtt/sos-1", b'{"action":"emergency"}', qos=0)
                until(lambda presses=presses: stored(store) == presses, what="storing")
    assert [row.value for row in store.history("sos-1", "sos", 0, 2**42)] == [1000, 1000]


def test_bad_messages_between_good_ones_cost_nothing_else(broker: Broker, store: SqliteStore) -> None:
    bad = [
        b"\x00\xff\xfe" * 50,
        b'{"measurements":[{"quantity":"water_volume_total","value":NaN,"unit":"L"}]}',
        b'{"measurements":[{"quantity":"water_volume_total","value":"12","unit":"L"}]}',
        b"[" * 50_000,
        b'{"device":"wm-1","device":"wm-2"}',
        b"",
        b"x" * 600_000,
    ]
    before = counter("shuian_ingest_rejected_total", reason="unreadable")
    with ingester(broker, store), publisher(broker) as sender:
        for number, payload in enumerate(bad):
            sender.send(*message(number))
            sender.send("t/v1/north/wm-1/up", payload)
        sender.send("t/somewhere/else", b"?")
        sender.send(*message(len(bad)))
        until(lambda: stored(store) == len(bad) + 1, what="storing")
        until(lambda: store.counts()["rejected"] == len(bad) + 1, what="refusing")
    assert values(store) == list(range(len(bad) + 1))
    assert counter("shuian_ingest_rejected_total", reason="unreadable") - before == len(bad) + 1
    sizes = {entry.size: len(entry.payload) for entry in store.rejects(20)}
    assert sizes[600_000] == 4096


def test_without_consent_and_for_unknown_devices_nothing_is_stored(broker: Broker, store: SqliteStore) -> None:
    with ingester(broker, store), publisher(broker) as sender:
        sender.send(*message(1, "shy-1"))
        sender.send(*message(2, "nobody-1"))
        sender.send(*message(3))
        until(lambda: stored(store) == 1 and store.counts()["rejected"] == 2, what="judging")
    kept = {entry.reason.partition(":")[0]: entry.payload for entry in store.rejects(10)}
    assert kept == {"no consent": b"", "unknown device": message(2, "nobody-1")[1]}


def test_retained_states_are_no_events_and_retained_readings_are_kept_once(broker: Broker, store: SqliteStore) -> None:
    with publisher(broker) as sender:
        sender.send("t/v1/north/wm-1/status", b'"online"', retain=True)
        sender.send(*message(5), retain=True)
    with ingester(broker, store):
        until(lambda: stored(store) == 1, what="storing")
    with ingester(broker, store), publisher(broker) as sender:
        sender.send(*message(6))
        until(lambda: stored(store) == 2, what="storing")
    rows = [row for _, rows in store.after(0, 10) for row in rows]
    assert [(row.value // 1000, row.flags) for row in rows] == [(5, ("retained",)), (6, ())]


def test_a_late_day_batch_keeps_its_own_times(broker: Broker, store: SqliteStore) -> None:
    day = [(START + timedelta(hours=hour), 100.0 + hour) for hour in range(24)]
    with ingester(broker, store), publisher(broker) as sender:
        sender.send(*message(1000, hours=48))
        sender.send(*native.encode("t", "north", "wm-1", "day", day))
        until(lambda: stored(store) == 25, what="storing")
    assert values(store) == [*range(100, 124), 1000]


def test_a_contradicting_value_is_filed(broker: Broker, store: SqliteStore) -> None:
    with ingester(broker, store), publisher(broker) as sender:
        sender.send(*message(1, hours=0))
        sender.send(*message(2, hours=0))
        until(lambda: store.counts()["conflicts"] == 1, what="filing")
    assert values(store) == [1]


def test_a_registry_that_is_down_makes_messages_wait(broker: Broker, store: SqliteStore) -> None:
    class Registry(EveryDevice):
        down = True

        def at(self, device: str, time: datetime) -> Binding | None:
            if self.down:
                raise OSError
            return super().at(device, time)

    registry = Registry()
    with ingester(broker, store, bindings=registry) as source, publisher(broker) as sender:
        sender.send(*message(1))
        until(lambda: "the registry could not be asked" in source.status, what="trouble")
        registry.down = False
        until(lambda: stored(store) == 1, what="storing")


def test_a_listener_that_fails_does_not_stop_the_reader(
    broker: Broker, store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise OSError

    with ingester(broker, store, on_commit=fail), publisher(broker) as sender:
        sender.send(*message(1))
        until(lambda: stored(store) == 1, what="storing")
        sender.send(*message(2))
        until(lambda: stored(store) == 2, what="storing")
    assert "telling of a commit failed" in caplog.text


def test_a_broker_that_is_down_at_the_start_is_waited_for_and_said_once(
    tmp_path: Path, store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ingest.mqtt")
    with mosquitto(tmp_path, started=False) as broker, ingester(broker, store, connected=False) as source:
        until(lambda: source.status == f"waiting for 127.0.0.1:{broker.port(5)}", what="waiting")
        assert not source.connected
        broker.start()
        until(lambda: source.connected, what="connection")
        with publisher(broker) as sender:
            sender.send(*message(1))
        until(lambda: stored(store) == 1, what="storing")
    assert len([record for record in caplog.records if "waiting for" in record.getMessage()]) == 1


def test_a_broker_that_restarts_is_found_again_with_all_it_kept(tmp_path: Path, store: SqliteStore) -> None:
    with mosquitto(tmp_path) as broker, ingester(broker, store) as source:
        with publisher(broker) as sender:
            sender.send(*message(1))
        until(lambda: stored(store) == 1, what="storing")
        broker.kill()
        until(lambda: not source.connected, what="noticing")
        broker.start()
        until(lambda: source.connected, what="connection")
        with publisher(broker) as sender:
            sender.send(*message(2))
        until(lambda: stored(store) == 2, what="storing")


def test_a_wrong_password_is_said_and_does_not_stop_the_reader(store: SqliteStore) -> None:
    class Locked:
        kind = "iotcore"

        def __init__(self, broker: EmbeddedBroker) -> None:
            self.port = lambda version: broker.port

    with (
        EmbeddedBroker(username="u", password="p") as broker,
        ingester(Locked(broker), store, connected=False) as source,
    ):
        until(lambda: "wrong user, password" in source.status, what="refusal")
        assert not source.connected


def test_a_source_can_be_stopped_while_its_broker_is_down(store: SqliteStore, tmp_path: Path) -> None:
    with mosquitto(tmp_path, started=False) as broker, ingester(broker, store, connected=False) as source:
        pass
    assert source.status == "stopped"


def test_with_a_clock_that_was_not_set_messages_wait_at_the_broker(broker: Broker, store: SqliteStore) -> None:
    since_1970 = datetime(1970, 1, 1, tzinfo=UTC)
    clock = [since_1970]
    with ingester(broker, store, clock=lambda: clock[0]) as source, publisher(broker) as sender:
        sender.send(*message(1))
        until(lambda: "the clock of this machine says 1970-01-01" in source.status, what="trouble")
        assert stored(store) == 0
        clock[0] = START + timedelta(days=3)
        until(lambda: stored(store) == 1, what="storing")
        assert source.trouble is None
    assert store.counts()["rejected"] == 0
