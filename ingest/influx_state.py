"""What the copy to InfluxDB has done and still owes: a small SQLite file of its own, so that ingest never waits for it.

Everything is on disk before anything depends on it: the cursor after the server's answer, a deletion before the readings
are erased here.  The file may be lost: then everything stored is copied again, and only deletions that were owed are gone.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from ingest.sqlite_files import open_file, transaction, trouble

FILE = "influx.sqlite"
MOST_REFUSED = 10_000
"""Refused points kept for inspection, the newest."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE IF NOT EXISTS walk (id INTEGER PRIMARY KEY CHECK (id = 1), since INTEGER NOT NULL, month TEXT NOT NULL,
  device TEXT NOT NULL, quantity TEXT NOT NULL, measured_at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS refused (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, device TEXT NOT NULL,
  reason TEXT NOT NULL, line TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS owed (id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, start_at INTEGER NOT NULL,
  end_at INTEGER NOT NULL, since INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS days (start_at INTEGER PRIMARY KEY, since INTEGER NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Walk:
    """How far the stored months have been copied again: all that was received from `since_ms` on, newest month first."""

    since_ms: int
    month: str
    device: str = ""
    quantity: str = ""
    measured_ms: int = -1


@dataclass(frozen=True, slots=True)
class Owed:
    """A deletion that the server has not confirmed."""

    id: int
    device: str
    start_ms: int
    end_ms: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class RefusedPoint:
    """A point that the server does not want, and what it said."""

    at_ms: int
    device: str
    reason: str
    line: str


class InfluxState:
    """The file; safe to use from several threads.

    Raises
    ------
    StoreError
        It is damaged, or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = RLock()
        self._db = open_file(self._path, _SCHEMA, 5.0)
        self._db.execute("PRAGMA secure_delete = ON")

    # --- how far ---------------------------------------------------------------------------------------------------------

    def mark(self, name: str) -> int | None:
        """Return a number that `save` kept; None: never."""
        with self._lock, trouble(self._path):
            row = self._db.execute("SELECT value FROM mark WHERE name = ?", (name,)).fetchone()
            return None if row is None else int(row[0])

    def save(self, *, add: Sequence[tuple[str, int]] = (), **marks: int) -> None:
        """Keep marks, and add to counts, in one transaction."""
        upsert = "INSERT INTO mark VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = "
        with self._changing() as db:
            db.executemany(upsert + "excluded.value", list(marks.items()))
            db.executemany(upsert + "value + excluded.value", [one for one in add if one[1]])

    def walk(self) -> Walk | None:
        """Return how far the months have been copied again; None: nothing is to be."""
        with self._lock, trouble(self._path):
            row = self._db.execute("SELECT since, month, device, quantity, measured_at FROM walk").fetchone()
            return None if row is None else Walk(*row)

    def save_walk(self, walk: Walk | None) -> None:
        """Keep how far the months have been copied; None: to their end."""
        with self._changing() as db:
            db.execute("DELETE FROM walk")
            if walk is not None:
                db.execute(
                    "INSERT INTO walk VALUES (1, ?, ?, ?, ?, ?)",
                    (walk.since_ms, walk.month, walk.device, walk.quantity, walk.measured_ms),
                )

    # --- refused points --------------------------------------------------------------------------------------------------

    def refuse(self, points: Sequence[RefusedPoint]) -> int:
        """Keep refused points, once each; return how many are new."""
        with self._changing() as db:
            before = db.total_changes
            db.executemany(
                "INSERT OR IGNORE INTO refused (at, device, reason, line) VALUES (?, ?, ?, ?)",
                [(one.at_ms, one.device, one.reason, one.line) for one in points],
            )
            new = db.total_changes - before
            db.execute("DELETE FROM refused WHERE id <= (SELECT max(id) FROM refused) - ?", (MOST_REFUSED,))
        self.save(add=[("refused", new)])
        return new

    def refused(self, limit: int) -> list[RefusedPoint]:
        """Return the newest refused points, newest first."""
        with self._lock, trouble(self._path):
            rows = self._db.execute("SELECT at, device, reason, line FROM refused ORDER BY id DESC LIMIT ?", (limit,))
            return [RefusedPoint(*row) for row in rows]

    # --- deletions -------------------------------------------------------------------------------------------------------

    def owe(self, deletions: Iterable[tuple[str, int, int]], now_ms: int) -> None:
        """Keep (device, start, end) to be erased at the server, and forget what is kept of those devices here."""
        with self._changing() as db:
            for device, start_ms, end_ms in deletions:
                db.execute("DELETE FROM refused WHERE device = ?", (device,))
                db.execute(
                    "INSERT INTO owed (device, start_at, end_at, since) VALUES (?, ?, ?, ?)",
                    (device, start_ms, end_ms, now_ms),
                )
            db.execute("UPDATE walk SET device = '', quantity = '', measured_at = -1")  # it may name one of them

    def owed(self) -> list[Owed]:
        """Return the deletions that are owed, oldest first."""
        with self._lock, trouble(self._path):
            rows = self._db.execute("SELECT id, device, start_at, end_at, since FROM owed ORDER BY id")
            return [Owed(*row) for row in rows]

    def settle(self, owed: Owed) -> None:
        """Note that the server has erased it; nothing of the device stays in this file."""
        with self._changing() as db:
            db.execute("DELETE FROM owed WHERE id = ?", (owed.id,))
        with self._lock, trouble(self._path):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # --- days whose hourly values are to be made anew --------------------------------------------------------------------

    def add_days(self, starts_ms: Iterable[int], now_ms: int) -> None:
        """Keep that readings of these days came so late that the server does not look at them by itself."""
        with self._changing() as db:
            db.executemany("INSERT OR IGNORE INTO days VALUES (?, ?)", [(day, now_ms) for day in starts_ms])

    def day(self, before_ms: int) -> int | None:
        """Return one such day, the newest, of those kept before `before_ms`; None: there is none."""
        with self._lock, trouble(self._path):
            row = self._db.execute("SELECT max(start_at) FROM days WHERE since <= ?", (before_ms,)).fetchone()
            return None if row[0] is None else int(row[0])

    def done_day(self, start_ms: int) -> None:
        """Note that a day's hourly values have been made anew."""
        with self._changing() as db:
            db.execute("DELETE FROM days WHERE start_at = ?", (start_ms,))

    # ---------------------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, trouble(self._path), transaction(self._db):
            yield self._db
