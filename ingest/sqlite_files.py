"""SQLite files as this room wants them: marked as ours, in WAL mode, synced at every commit, errors with a remedy."""

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from threading import RLock

from ingest.errors import StoreError
from ingest.measures import moment

APPLICATION_ID = 0x53_68_75_61
"""``Shua`` in the header of every file of ours, so that a foreign file is told from an empty one."""
VERSION = 1
_LAST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999."""

_SCHEMA_MONTH = """
CREATE TABLE IF NOT EXISTS reading (
  device TEXT NOT NULL, quantity TEXT NOT NULL, measured_at INTEGER NOT NULL, value INTEGER NOT NULL,
  received_at INTEGER NOT NULL, flags TEXT NOT NULL, PRIMARY KEY (device, quantity, measured_at)
) WITHOUT ROWID, STRICT;
"""


@contextmanager
def trouble(path: Path) -> Iterator[None]:
    """Turn what SQLite and the disk complain of, over `path`, into a `StoreError` that says what to do."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        code = getattr(error, "sqlite_errorname", type(error).__name__).replace("SQLITE_", "")
        if code in ("NOTADB", "CORRUPT"):
            what = (
                f"{path.name}: want a database of readings, got a damaged or foreign file: move it away or restore it"
            )
            raise StoreError(what, permanent=True) from error
        remedy = {
            "FULL": "the disk is full: free some space",
            "BUSY": "another program holds it locked",
            "CANTOPEN": "it cannot be opened: give this user the right to write into its folder",
            "READONLY": "it is read-only: give this user the right to write",
        }.get(code, f"{error} ({code})")
        raise StoreError(f"{path.name}: {remedy}") from error


def open_file(path: Path, schema: str, busy_timeout_s: float) -> sqlite3.Connection:
    """Open or make the database at `path` with `schema`.

    Raises
    ------
    StoreError
        Damaged, of another program, of a newer release, locked, or not to be written.
    """
    with trouble(path):
        db = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
        try:
            _prepare(db, path, schema)
        except BaseException:
            db.close()
            raise
        return db


def _prepare(db: sqlite3.Connection, path: Path, schema: str) -> None:
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and application != APPLICATION_ID:
        raise StoreError(f"{path.name}: want a file of this program, got another's: move it away", permanent=True)
    if version > VERSION:
        raise StoreError(f"{path.name}: made by a newer release ({version}): update this one", permanent=True)
    if not tables:
        db.execute(
            "PRAGMA auto_vacuum = INCREMENTAL"
        )  # room of what retention deletes can be given back piece by piece
    db.execute("PRAGMA secure_delete = ON")  # the default of some builds of SQLite only: what is deleted is overwritten
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if not tables or version < VERSION:
        db.executescript(
            f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; {schema} COMMIT;"
        )


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Commit the body as one, or nothing of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite has rolled back by itself after a full disk
            db.execute("ROLLBACK")
        raise


class Months:
    """The files of readings, one a month of measured time (UTC); some kept open, the longest unused is closed first."""

    def __init__(self, folder: Path, busy_timeout_s: float, opening: RLock, most_open: int = 6) -> None:
        self._folder = folder
        self._busy_timeout_s = busy_timeout_s
        self._most_open = most_open
        self._open: OrderedDict[str, sqlite3.Connection] = OrderedDict()
        self._opening = opening

    def path(self, month: str) -> Path:
        """Return the file of `month` (``YYYY-MM``)."""
        return self._folder / f"readings-{month}.sqlite"

    def get(self, month: str) -> sqlite3.Connection:
        """Return the open file of `month`, made if need be."""
        with self._opening:
            if month not in self._open:
                self._open[month] = open_file(self.path(month), _SCHEMA_MONTH, self._busy_timeout_s)
                if len(self._open) > self._most_open:
                    self._open.popitem(last=False)[1].close()
            self._open.move_to_end(month)
            return self._open[month]

    def existing(self) -> list[str]:
        """Return the months that have a file, oldest first."""
        names = (path.name for path in self._folder.glob("readings-????-??.sqlite"))
        return sorted(name.removeprefix("readings-").removesuffix(".sqlite") for name in names)

    def close_one(self, month: str) -> None:
        """Close the file of `month`, if it is open."""
        with self._opening:
            if month in self._open:
                self._open.pop(month).close()

    def delete(self, month: str) -> int:
        """Delete the file of `month`, which nobody else may have open; return its size in bytes."""
        self.close_one(month)
        path, size = self.path(month), 0
        for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            if file.exists():
                size += file.stat().st_size
                file.unlink()
        return size

    def close(self) -> None:
        """Close all files."""
        with self._opening:
            while self._open:
                self._open.popitem()[1].close()


def month_of(ms: int) -> str:
    """Return the month, ``YYYY-MM`` in UTC, of a time in milliseconds since 1970, at most 9999-12."""
    return _month_of_day(min(max(ms, 0), _LAST_MS) // 86_400_000)


@lru_cache(1_000)
def _month_of_day(day: int) -> str:
    return moment(day * 86_400_000).strftime("%Y-%m")
