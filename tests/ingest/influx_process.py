"""A process that copies to InfluxDB until it is killed: small batches, so that a kill falls between two."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from ingest.influx import Sink
from ingest.influx_dialects import InfluxSettings, connect
from ingest.influx_state import InfluxState
from ingest.store import SqliteStore


def main(url: str, database: str, folder: Path) -> None:
    """Copy what is stored in `folder` to `database`."""
    settings = InfluxSettings(url, database=database, batch=100)
    store = SqliteStore(folder / "readings")
    sink = Sink(settings, connect(settings), InfluxState(folder), store, folder / "readings")
    print("working", flush=True)
    while True:
        sink.work(datetime.now(UTC))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
