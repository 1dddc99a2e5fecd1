"""A process that only ingests, for tests that kill it: ``python -m tests.ingest.ingest_process PORT FOLDER``."""

import sys
import threading
from datetime import UTC, datetime

from ingest.mqtt import Source
from ingest.store import SqliteStore
from tests.brokers import until
from tests.ingest.ingester import EveryDevice, settings


def main() -> None:
    """Ingest until killed; says ``connected`` when it has subscribed."""
    store = SqliteStore(sys.argv[2])
    source = Source(settings(int(sys.argv[1])), store, EveryDevice(), lambda: datetime.now(UTC), lambda: None)
    source.start()
    until(lambda: source.connected, 30, "connection")
    print("connected", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
