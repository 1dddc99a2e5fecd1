"""The service's own anchors: every hour the head of the audit chain, into a file of the data folder and into the log.

The log usually leaves the machine, and a backup copies the file: both are places that whoever owns the database does not
own for long.
"""

import logging
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from alerts import audit, database

log = logging.getLogger(__name__)
EVERY = timedelta(hours=1)


class Anchors:
    """Keeps the head of the chain at most once an hour.

    Parameters
    ----------
    engine : Engine
        Of the people's database.
    file : Path
        Where anchors are added, a line each.
    """

    def __init__(self, engine: Engine, file: Path) -> None:
        self._engine, self._file = engine, file
        self._next: datetime | None = None

    def keep_if_due(self, now: datetime) -> bool:
        """Keep an anchor if an hour has passed since the last one of this process; whether it did."""
        if self._next is not None and now < self._next:
            return False
        with database.reading(self._engine).connect() as conn:
            anchor = audit.head(conn, now)
        audit.keep(self._file, anchor)
        log.info("audit anchor", extra={"n": anchor.n, "hash": anchor.hash})
        self._next = now + EVERY
        return True
