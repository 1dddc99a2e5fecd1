"""What a copy at InfluxDB costs the store that is copied: ``python -m benchmarks.influx``.

One thread commits readings of many meters, 50 at a time, as ingest does.  Beside it there is nothing, a sink that writes to a
real InfluxDB (Debian's ``influxd``, on loopback), a sink whose server is away, and one whose server takes connections and
never answers.  Told are committed readings a second, the processor time of this process for each, and how far behind the
copy was when the last was committed.  Then a new sink copies everything at once, which is as fast as one can.
"""

import argparse
import asyncio
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time

from ingest.influx import Sink
from ingest.influx_dialects import InfluxSettings, connect
from ingest.influx_state import InfluxState
from ingest.measures import milliseconds
from ingest.readings import StoredReading
from ingest.store import SqliteStore
from shuian.mirror import Mirror
from tests.influx_servers import Influx, running

BATCH = 50
METERS = 2_000


def batches(readings: int) -> Iterator[list[StoredReading]]:
    """Return batches of readings of many meters, a quarter of an hour apart, the newest about now."""
    begin = milliseconds(datetime.now(UTC)) - readings // METERS * 900_000
    for first in range(0, readings, BATCH):
        rows = range(first, first + BATCH)
        at = [begin + n // METERS * 900_000 + n % METERS * 400 for n in rows]
        yield [
            StoredReading(f"wm-{n % METERS:05d}", "water_volume_total", ms, n * 10, ms + 4000)
            for n, ms in zip(rows, at, strict=True)
        ]


@contextmanager
def copying(settings: InfluxSettings | None, folder: Path, store: SqliteStore) -> Iterator[Sink | None]:
    """Run a sink on a thread of its own, as the service does on one of its pool."""
    if settings is None:
        yield None
        return
    sink = Sink(settings, connect(settings), InfluxState(folder), store, folder / "readings")
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(
        target=loop.run_until_complete, args=(Mirror(sink).keep(lambda: datetime.now(UTC), stop),)
    )
    thread.start()
    try:
        yield sink
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
        sink.close()


def measure(what: str, settings: InfluxSettings | None, readings: int) -> None:
    """Commit `readings` beside a sink, and say what that cost."""
    made = list(batches(readings))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = SqliteStore(folder / "readings")
        with copying(settings, folder, store) as sink:
            began, used = perf_counter(), process_time()
            for rows in made:
                store.commit(rows, [])
            took_s, used_s = perf_counter() - began, process_time() - used
            behind = sink.status().behind if sink else 0
        print(
            f"{what:32} {readings / took_s:10,.0f} readings/s {used_s / readings * 1e6:8.1f} µs each"
            f" {behind:8,} batches behind"
        )
        store.close()


def catch_up(settings: InfluxSettings, readings: int) -> None:
    """Copy what is in the journal at once, and say how fast."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = SqliteStore(folder / "readings")
        for rows in batches(readings):
            store.commit(rows, [])
        sink = Sink(settings, connect(settings), InfluxState(folder), store, folder / "readings")
        began, used = perf_counter(), process_time()
        while sink.status().behind or sink.status().trouble:
            sink.work(datetime.now(UTC))
        took_s, used_s = perf_counter() - began, process_time() - used
        print(f"{'catching up':32} {readings / took_s:10,.0f} points/s   {used_s / readings * 1e6:8.1f} µs each")
        sink.close()
        store.close()


@contextmanager
def mute() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def main() -> None:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, default=100_000)
    number = parser.parse_args().readings
    with tempfile.TemporaryDirectory() as name, running(Influx, Path(name)) as server, mute() as address:
        for _ in range(2):
            measure("no copy", None, number)
            measure("InfluxDB 1.6.7", server.settings("b", backfill=False), number)
            measure("away", InfluxSettings("http://127.0.0.1:9", backfill=False), number)
            measure("never answers", InfluxSettings(address, backfill=False), number)
        catch_up(server.settings("c", backfill=False), number)


if __name__ == "__main__":
    main()
