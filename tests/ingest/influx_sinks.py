"""A `Sink` with real store and server for the time of a block, and what it should have written."""

from contextlib import contextmanager
from datetime import UTC, datetime

from ingest.influx import Sink
from ingest.influx_dialects import connect
from ingest.influx_state import InfluxState
from ingest.line_protocol import safe
from ingest.measures import milliseconds
from ingest.readings import StoredReading
from tests.influx_servers import Influx

NOW = datetime.now(UTC).replace(microsecond=0)
NOW_MS = milliseconds(NOW)
MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def readings(
    number, device="wm-1", quantity="water_volume_total", since=NOW_MS - 3 * HOUR_MS, step=MINUTE_MS, flags=()
):
    return [
        StoredReading(device, quantity, since + n * step, 1000 * n + 500, since + n * step + 4000, flags)
        for n in range(number)
    ]


def stored(store, *batches):
    for rows in batches:
        store.commit(rows, [])


@contextmanager
def sinking(settings, folder, store):
    """A sink of its own file and connection for the time of the block."""
    sink = Sink(settings, connect(settings), InfluxState(folder), store, folder / "readings")
    try:
        yield sink
    finally:
        sink.close()


def work(sink, now=NOW, most=200):
    """Let the sink work until there is nothing to do."""
    for _ in range(most):
        if sink.work(now) >= 1.0 and sink.status().trouble is None:
            return sink.status()
    raise AssertionError(f"not done after {most} rounds: {sink.status()}")


def expected(rows):
    return {(safe(r.device), r.quantity, r.measured_ms): r.value / 1000 for r in rows}


def values(server, database):
    found = server.points(database)
    return {key: one["value"] for key, one in found.items()} if isinstance(server, Influx) else found
