"""A `Source` with a real store for the time of a block, and what it is told about devices."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from ingest.bindings import Binding, Bindings
from ingest.mqtt import BrokerSettings, Source
from ingest.store import SqliteStore
from tests.brokers import Broker, until

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


class EveryDevice:
    """Bindings for tests: every device is known; the first letters of its name say how."""

    def at(self, device: str, time: datetime) -> Binding | None:
        """Return the binding for `device`: ``nobody-…`` is unknown, ``shy-…`` did not consent."""
        if device.startswith("nobody"):
            return None
        return Binding(device, "native", LONG_AGO, consented=not device.startswith("shy"))


def settings(port: int, *, version: int = 5, client_id: str = "ingest-test", **more: object) -> BrokerSettings:
    """Return settings for a broker on loopback, with short pauses."""
    return BrokerSettings(
        "test",
        "127.0.0.1",
        port,
        ("t/#",),
        client_id,
        version=version,
        retry_s=(0.05, 0.2),
        **more,  # type: ignore[arg-type]
    )


@contextmanager
def ingester(
    broker: Broker,
    store: SqliteStore,
    *,
    version: int = 5,
    connected: bool = True,
    bindings: Bindings | None = None,
    on_commit: Callable[[], None] = lambda: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Source]:
    """Run a source on `broker` for the time of the block."""
    source = Source(
        settings(broker.port(version), version=version),
        store,
        bindings or EveryDevice(),
        clock,
        on_commit,
    )
    source.start()
    try:
        if connected:
            until(lambda: source.connected, what="connection")
        yield source
    finally:
        source.stop()
