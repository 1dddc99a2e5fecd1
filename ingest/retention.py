"""What is old goes: readings, the journal, what was refused; while the service runs, a little at a time.

How this works.  A month of readings that is wholly old goes as a file.  In a month that is old in part, rows go device by
device, in short transactions with pauses between them, so that who stores readings never waits long; when a quarter of a
file is free, its room is given back.  What a device told since a moment that somebody still needs (an open case) stays, whatever
its age.  Rows are overwritten where they lay (``secure_delete``); a deleted file is left to the file system.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ingest import metrics
from ingest.measures import milliseconds
from ingest.sqlite_files import month_of, transaction, trouble
from ingest.store import ARRIVALS_KEPT_MS, SqliteStore

DAY_MS = 86_400_000
ROWS_AT_ONCE = 20_000
"""Rows deleted in one transaction: some tens of milliseconds. [-]"""
FREE_SHARE = 0.25
"""A file is written anew when this part of it is free."""
MOST_REWRITTEN = 256 * 1024 * 1024
"""More than this is not written anew: such a file keeps its free pages until it goes as a whole. [byte]"""
PAUSE_S = 0.05
"""Between two transactions: who waits for the file gets it. [s]"""
BUSY_S = 5.0
QUARANTINE = "unknown device"
"""How the reason of a refusal begins when nobody knows the device."""

Pause = Callable[[float], bool]
"""Waits that many seconds; True: stop now."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what arrives is kept, ``[retention]`` in the configuration. [d] 0: for ever.

    Parameters
    ----------
    readings_days : int
        By the device's own time.  Pages show four weeks, habits are learnt from up to 120 days.
    journal_days : int
        What waits to be judged; usually that is seconds.
    rejects_days : int
        Messages that could not be read or stored.
    quarantine_days : int
        Messages of devices that are not in the registry.
    conflicts_days : int
        Second values for a moment that already had one.
    """

    readings_days: int = 90
    journal_days: int = 30
    rejects_days: int = 14
    quarantine_days: int = 14
    conflicts_days: int = 90

    def faults(self) -> list[str]:
        """Return what cannot be meant, a line each."""
        wrong = [
            f"{name}: want 0 (for ever) or more days, got {days}" for name, days in asdict(self).items() if days < 0
        ]
        if 0 < self.readings_days < 8:
            wrong.append(f"readings_days: want 8 or more, got {self.readings_days}: pages show a week")
        return wrong


@dataclass(slots=True)
class Expired:
    """What went: whole months with their bytes, rows of readings, journal entries, refusals, conflicts, arrivals."""

    months: int = 0
    bytes: int = 0
    readings: int = 0
    journal: int = 0
    rejects: int = 0
    quarantine: int = 0
    conflicts: int = 0
    arrivals: int = 0

    def some(self) -> dict[str, int]:
        """Return what is not zero."""
        return {name: number for name, number in asdict(self).items() if number}


def expire(
    store: SqliteStore, settings: Retention, now: datetime, keep: Mapping[str, int], pause: Pause = lambda _s: False
) -> Expired:
    """Delete what is older than `settings` say.

    Parameters
    ----------
    store : SqliteStore
        May be written to and read by others meanwhile.
    now : datetime
        Aware.
    keep : mapping
        Device -> moment [ms] from which on its readings stay, however old they are.
    pause : callable
        Called between transactions.

    Raises
    ------
    StoreError
        A file could not be written; what was deleted before stays deleted, and the next call goes on.
    """
    done = Expired()
    if settings.readings_days:
        cutoff_ms = _before(now, settings.readings_days)
        for file in sorted(store.folder.glob("readings-????-??.sqlite")):
            month = file.stem.removeprefix("readings-")
            if month > month_of(cutoff_ms) or pause(0.0):
                break
            _month(store, file, month, cutoff_ms, keep, done, pause)
    _rest(store.folder / "ingest.sqlite", settings, now, done, pause)
    for what, number in done.some().items():
        metrics.EXPIRED.labels(what).inc(number)
    return done


def _before(now: datetime, days: int) -> int:
    return milliseconds(now - timedelta(days=days))


# --- readings --------------------------------------------------------------------------------------------------------


def _month(
    store: SqliteStore, file: Path, month: str, cutoff_ms: int, keep: Mapping[str, int], done: Expired, pause: Pause
) -> None:
    with trouble(file), closing(_open(file)) as db:
        whole = month < month_of(cutoff_ms) and not any(_has(db, device, since) for device, since in keep.items())
        if not whole:
            done.readings += _rows(db, cutoff_ms, keep, pause)
            _give_back(db)
    if whole:
        done.bytes += store.drop(month)
        done.months += 1


def _has(db: sqlite3.Connection, device: str, since_ms: int) -> bool:
    asked = "SELECT 1 FROM reading WHERE device = ? AND measured_at >= ? LIMIT 1"
    return db.execute(asked, (device, since_ms)).fetchone() is not None


def _rows(db: sqlite3.Connection, cutoff_ms: int, keep: Mapping[str, int], pause: Pause) -> int:
    """Delete the old rows of each device in turn: along the key, never through the whole table."""
    gone, key = 0, ("", "")
    while True:
        with transaction(db):
            turn = 0
            while turn < ROWS_AT_ONCE and (found := _next(db, key)) is not None:
                key = found
                limit_ms = min(cutoff_ms, keep.get(key[0], cutoff_ms))
                where = "device = ? AND quantity = ? AND measured_at < ?"
                turn += db.execute(f"DELETE FROM reading WHERE {where}", (*key, limit_ms)).rowcount
        gone += turn
        if turn < ROWS_AT_ONCE or pause(PAUSE_S):
            return gone


def _next(db: sqlite3.Connection, key: tuple[str, str]) -> tuple[str, str] | None:
    asked = "SELECT device, quantity FROM reading WHERE (device, quantity) > (?, ?) ORDER BY device, quantity LIMIT 1"
    found: tuple[str, str] | None = db.execute(asked, key).fetchone()
    return found


# --- everything else -------------------------------------------------------------------------------------------------


def _rest(file: Path, settings: Retention, now: datetime, done: Expired, pause: Pause) -> None:
    """Delete what is old in the journal's file: at most some ten thousand rows, but for a journal nobody reads."""
    with trouble(file), closing(_open(file)) as db:
        for name, table, days, where in (
            ("quarantine", "rejects", settings.quarantine_days, f"AND reason LIKE '{QUARANTINE}%'"),
            ("rejects", "rejects", settings.rejects_days, f"AND reason NOT LIKE '{QUARANTINE}%'"),
            ("conflicts", "conflicts", settings.conflicts_days, ""),
        ):
            if days:
                asked = f"DELETE FROM {table} WHERE received_at < ? {where}"
                setattr(done, name, db.execute(asked, (_before(now, days),)).rowcount)
        old_ms = milliseconds(now) - ARRIVALS_KEPT_MS
        done.arrivals = db.execute("DELETE FROM arrivals WHERE measured_at < ?", (old_ms,)).rowcount
        if settings.journal_days:
            done.journal = _journal(db, _before(now, settings.journal_days), pause)
        _give_back(db)


def _journal(db: sqlite3.Connection, cutoff_ms: int, pause: Pause) -> int:
    """Delete old entries from the beginning on, as far as their rows are in the months."""
    gone = 0
    while True:
        head = "SELECT seq FROM journal WHERE seq <= (SELECT value FROM mark WHERE name = 'applied')"
        asked = f"DELETE FROM journal WHERE received_at < ? AND seq IN ({head} ORDER BY seq LIMIT 1000)"
        turn = db.execute(asked, (cutoff_ms,)).rowcount
        gone += turn
        if turn < 1000 or pause(PAUSE_S):
            return gone


def _open(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, timeout=BUSY_S, isolation_level=None)
    db.execute("PRAGMA secure_delete = ON")
    return db


def _give_back(db: sqlite3.Connection) -> None:
    """Write a file anew without its free pages, if they are many and what is left is little: who writes waits for it.

    Pages in the middle of a file could be given back piece by piece (``incremental_vacuum``), but SQLite searches its list
    of free pages for each of them: measured, 20 s for 25 MB that a rewrite does in a fraction of a second.
    """
    size, pages, free = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_size", "page_count", "freelist_count")
    )
    if free >= FREE_SHARE * pages and size * (pages - free) <= MOST_REWRITTEN:
        db.execute("VACUUM")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
