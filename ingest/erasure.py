"""What is stored of a device during some time: copied out, or erased from every file; with the service stopped.

Erased means gone from the files: rows are overwritten where they lay (``secure_delete``), and the files are written anew
without the room they took.  Refused messages go as well if they name the device, in whatever letters: those that nobody
could read, and those that came before it stood in the registry (quarantine).  Copies and backups made before are not
touched.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ingest.sqlite_files import month_of, trouble
from ingest.store import SqliteStore

Row = tuple[str, str, int, int, int, str]
"""Device, quantity, measured at [ms], value, received at [ms], flags."""
FOR_EVER_MS = 253_402_300_799_000


@dataclass(frozen=True, slots=True)
class Span:
    """A device from `start_ms` until before `end_ms` of its own clock."""

    device: str
    start_ms: int
    end_ms: int = FOR_EVER_MS


def readings(folder: Path, spans: Sequence[Span]) -> Iterator[Row]:
    """Return what was read of these devices in these times, month by month; changes nothing."""
    for file in sorted(folder.glob("readings-????-??.sqlite")):
        with trouble(file), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            for span in spans:
                if month_of(span.start_ms) <= file.stem.removeprefix("readings-") <= month_of(span.end_ms):
                    yield from db.execute(
                        "SELECT device, quantity, measured_at, value, received_at, flags FROM reading"
                        " WHERE device = ? AND measured_at >= ? AND measured_at < ? ORDER BY quantity, measured_at",
                        (span.device, span.start_ms, span.end_ms),
                    )


def erase(folder: Path, spans: Sequence[Span]) -> dict[str, int]:
    """Erase what is stored of these devices in these times; return how many rows of what.

    Raises
    ------
    StoreError
        A file is damaged, or in use.
    """
    if not (folder / "ingest.sqlite").exists():
        return {}
    SqliteStore(folder).close()  # what only the journal holds goes to its month first
    counts = {"readings": 0, "journal": 0, "conflicts": 0, "rejects": 0, "arrivals": 0}
    for file in sorted(folder.glob("readings-????-??.sqlite")):
        with trouble(file), closing(_open(file)) as db:
            gone = sum(_deleted(db, "reading", span) for span in spans)
            counts["readings"] += gone
            if gone:
                _rewrite(db)
    file = folder / "ingest.sqlite"
    with trouble(file), closing(_open(file)) as db:
        counts["conflicts"] = sum(_deleted(db, "conflicts", span) for span in spans)
        counts["arrivals"] = sum(_deleted(db, "arrivals", span) for span in spans)
        counts["rejects"] = sum(_rejects(db, span) for span in spans)
        counts["journal"] = _journal(db, spans)
        _rewrite(db)
    return counts


def _open(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("PRAGMA secure_delete = ON")
    return db


def _rewrite(db: sqlite3.Connection) -> None:
    db.execute("VACUUM")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _deleted(db: sqlite3.Connection, table: str, span: Span) -> int:
    where = "device = ? AND measured_at >= ? AND measured_at < ?"
    return db.execute(f"DELETE FROM {table} WHERE {where}", (span.device, span.start_ms, span.end_ms)).rowcount


def _rejects(db: sqlite3.Connection, span: Span) -> int:
    """Delete what was refused on a topic, or with words, that name the device; gateways write names in other letters."""
    names = _names(span.device)
    asked = "SELECT id, topic, payload FROM rejects WHERE received_at >= ? AND received_at < ?"
    rows = db.execute(asked, (span.start_ms, span.end_ms)).fetchall()
    named = [
        (number,)
        for number, topic, said in rows
        if any(name in topic.casefold() or name in _words(said) for name in names)
    ]
    db.executemany("DELETE FROM rejects WHERE id = ?", named)
    return len(named)


def _names(device: str) -> set[str]:
    """Return how a device may be called in a message: raw wM-Bus telegrams have its eight digits from behind, in pairs."""
    turned = (
        bytes.fromhex(device)[::-1].hex() if len(device) == 8 and device.isdecimal() and device.isascii() else device
    )
    return {device.casefold(), turned.casefold()}


def _words(payload: bytes) -> str:
    """Return what a payload says, in small letters, escapes of JSON read."""
    text = payload.decode("utf-8", "replace")
    with suppress(ValueError):
        text += json.dumps(json.loads(text), ensure_ascii=False)
    return text.casefold()


def _journal(db: sqlite3.Connection, spans: Sequence[Span]) -> int:
    gone = 0
    for seq, blob in db.execute("SELECT seq, rows FROM journal").fetchall():
        rows = msgspec.msgpack.decode(blob, type=list[Row])
        kept = [row for row in rows if not any(_in(row, span) for span in spans)]
        if len(kept) < len(rows):
            gone += len(rows) - len(kept)
            db.execute("UPDATE journal SET rows = ? WHERE seq = ?", (msgspec.msgpack.encode(kept), seq))
    return gone


def _in(row: Row, span: Span) -> bool:
    return row[0] == span.device and span.start_ms <= row[2] < span.end_ms
