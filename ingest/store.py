"""The embedded store: every reading once, on disk before it is acknowledged.

How this works.  A folder holds ``ingest.sqlite`` (journal of new rows in order of arrival, refusals, conflicts, counts,
arrivals of readings without a device time) and one ``readings-YYYY-MM.sqlite`` a month, keyed by (device, quantity,
measured time).  `commit` first sorts out which rows are new, then writes them to the journal with everything else in
one synced transaction, then copies them into the months.  Killed before the journal: nothing happened, the broker sends
again.  Killed after it: the rows are safe, and opening the folder copies again what the months may lack, which is
harmless because of the key.  So a row is stored once and handed on by `after` once.

One process writes, on one thread at a time; reading beside it from other threads is safe (own connections).
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from threading import RLock

import msgspec

from ingest.errors import StoreError
from ingest.newest import Newest, Row, as_reading
from ingest.quality import Arrival
from ingest.readings import Reject, StoredReading
from ingest.sqlite_files import Months, month_of, open_file, transaction, trouble

MOST_REJECTS = 10_000
MOST_CONFLICTS = 100_000
ARRIVALS_KEPT_MS = 8 * 86_400_000
"""How long a message without a device time is recognised: longer than a broker keeps our session."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, rows BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
INSERT OR IGNORE INTO mark VALUES ('applied', 0);
CREATE TABLE IF NOT EXISTS rejects (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, reason TEXT NOT NULL,
  received_at INTEGER NOT NULL, payload BLOB NOT NULL, size INTEGER NOT NULL, digest TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS conflicts (id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, quantity TEXT NOT NULL,
  measured_at INTEGER NOT NULL, kept INTEGER NOT NULL, value INTEGER NOT NULL, received_at INTEGER NOT NULL,
  flags TEXT NOT NULL, UNIQUE (device, quantity, measured_at, value)) STRICT;
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE IF NOT EXISTS arrivals (device TEXT NOT NULL, quantity TEXT NOT NULL, ident TEXT NOT NULL,
  measured_at INTEGER NOT NULL, PRIMARY KEY (device, quantity, ident)) WITHOUT ROWID, STRICT;
CREATE INDEX IF NOT EXISTS arrivals_by_age ON arrivals (measured_at);
"""

_Key = tuple[str, str, int]
_ROWS = msgspec.msgpack.Decoder(list[Row])


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did: number of the newest journal entry, rows that were new, known already, and contradicted."""

    seq: int
    stored: int
    duplicates: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """A second value for a key that already has one: the first is kept, this one is filed.

    `kept` and `value` are in thousandths of the unit, times in milliseconds since 1970.
    """

    device: str
    quantity: str
    measured_ms: int
    kept: int
    value: int
    received_ms: int


class SqliteStore:
    """Readings in a folder of SQLite files.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    busy_timeout_s : float
        How long to wait for another program's lock. [s]

    Raises
    ------
    StoreError
        The folder cannot be used; the message says why and what to do.
    """

    def __init__(self, folder: Path | str, *, busy_timeout_s: float = 5.0) -> None:
        self.folder = Path(folder)
        self._path = self.folder / "ingest.sqlite"
        with trouble(Path(folder)):
            Path(folder).mkdir(parents=True, exist_ok=True)
        self._writing, self._reading = RLock(), RLock()
        self._db = open_file(self._path, _SCHEMA, busy_timeout_s)
        self._reader = open_file(self._path, _SCHEMA, busy_timeout_s)
        opening = RLock()  # shared: SQLite cannot make one new file on two connections at once
        self._months = Months(Path(folder), busy_timeout_s, opening)
        self._reader_months = Months(Path(folder), busy_timeout_s, opening)
        self._newest_of = Newest(self._reader_months, self._reading)
        self._unapplied: list[tuple[int, list[Row]]] = []
        self._held_after: int | None = None
        try:
            with trouble(self._path):
                self._recover()
        except BaseException:
            self.close()
            raise

    # ---------------------------------------------------------------- writing

    def commit(
        self,
        readings: Sequence[StoredReading],
        rejects: Sequence[Reject],
        arrivals: Sequence[Arrival] = (),
        *,
        more_rejected: int = 0,
    ) -> Committed:
        """Store a batch, durably, once; `more_rejected` were refused besides, and are only counted.

        Raises
        ------
        StoreError
            Nothing, or only the journal, was written; calling again with the same batch is right in both cases.
        """
        with self._writing:
            self._apply()
            fresh, duplicates, conflicts = self._sort_out(readings)
            with trouble(self._path), transaction(self._db):
                seq = self._journal(fresh)
                filed = self._file(conflicts, rejects, arrivals)
                self._count(
                    stored=len(fresh),
                    duplicates=duplicates,
                    conflicts=filed,
                    rejected=len(rejects) + more_rejected,
                )
                self._db.execute("UPDATE mark SET value = ? WHERE name = 'applied'", (self._applied,))
            if fresh:
                self._unapplied.append((seq, fresh))
                self._newest = seq
                self._apply()
            return Committed(self._newest, len(fresh), duplicates, len(conflicts))

    def forget(self, through_seq: int) -> None:
        """Drop journal entries up to `through_seq`, which whoever reads them has taken over; readings stay."""
        with self._writing, trouble(self._path), transaction(self._db):
            held = through_seq if self._held_after is None else self._held_after
            self._db.execute("DELETE FROM journal WHERE seq <= ?", (min(through_seq, held, self._applied),))

    def hold(self, after_seq: int | None) -> None:
        """Keep the entries after `after_seq` for a second reader, until it says another number; None: not any more."""
        self._held_after = after_seq

    def drop(self, month: str) -> int:
        """Delete a month (``YYYY-MM``) with all its readings; return how many bytes that gives back."""
        with self._writing, self._reading, trouble(self._months.path(month)):
            self._apply()
            self._reader_months.close_one(month)
            self._newest_of.clear()
            return self._months.delete(month)

    def _recover(self) -> None:
        """Copy into the months what a kill may have left in the journal only."""
        (self._applied,) = self._db.execute("SELECT value FROM mark WHERE name = 'applied'").fetchone()
        self._newest = self.newest_seq()
        self._db.execute(
            "DELETE FROM arrivals WHERE measured_at < (SELECT max(measured_at) FROM arrivals) - ?", (ARRIVALS_KEPT_MS,)
        )
        while entries := self._entries(self._db, self._applied, 100):
            self._unapplied = entries
            self._apply()

    def _apply(self) -> None:
        """Copy journalled rows into the months; what fails stays in line for the next call."""
        while self._unapplied:
            seq, rows = self._unapplied[0]
            for month, group in groupby(sorted(rows, key=_month), key=_month):
                with trouble(self._months.path(month)):
                    db = self._months.get(month)
                    with transaction(db):
                        db.executemany("INSERT OR IGNORE INTO reading VALUES (?, ?, ?, ?, ?, ?)", list(group))
            self._applied = seq
            del self._unapplied[0]
            self._newest_of.remember(rows)

    def _sort_out(self, readings: Sequence[StoredReading]) -> tuple[list[Row], int, list[tuple[StoredReading, int]]]:
        """Return the new rows, the number of known ones, and the contradictions with the value kept before."""
        old = [r for r in readings if not self._newest_of.before(r)]
        stored = self._stored([(r.device, r.quantity, r.measured_ms) for r in old])
        fresh: dict[_Key, Row] = {}
        duplicates, conflicts = 0, []
        for reading in readings:
            key = (reading.device, reading.quantity, reading.measured_ms)
            kept = fresh[key][3] if key in fresh else stored.get(key)
            if kept is None:
                fresh[key] = (*key, reading.value, reading.received_ms, " ".join(reading.flags))
            elif kept == reading.value:
                duplicates += 1
            else:
                conflicts.append((reading, kept))
        return list(fresh.values()), duplicates, conflicts

    def _stored(self, keys: Sequence[_Key]) -> dict[_Key, int]:
        """Return the values kept under any of `keys`; one question for what a device says of a month, not one a reading."""
        spans: dict[tuple[str, str, str], list[int]] = {}
        for device, quantity, measured_ms in keys:
            spans.setdefault((month_of(measured_ms), device, quantity), []).append(measured_ms)
        found: dict[_Key, int] = {}
        for (month, device, quantity), times in spans.items():
            with trouble(self._months.path(month)):
                rows = self._months.get(month).execute(
                    "SELECT measured_at, value FROM reading"
                    " WHERE device = ? AND quantity = ? AND measured_at BETWEEN ? AND ?",
                    (device, quantity, min(times), max(times)),
                )
                asked = set(times)
                found |= {(device, quantity, int(at)): int(value) for at, value in rows if at in asked}
        return found

    def _journal(self, fresh: list[Row]) -> int:
        if not fresh:
            return self._newest
        entry = (max(row[4] for row in fresh), msgspec.msgpack.encode(fresh))
        return int(self._db.execute("INSERT INTO journal (received_at, rows) VALUES (?, ?)", entry).lastrowid or 0)

    def _file(
        self, conflicts: list[tuple[StoredReading, int]], rejects: Sequence[Reject], arrivals: Sequence[Arrival]
    ) -> int:
        before = self._db.total_changes
        self._db.executemany(
            "INSERT OR IGNORE INTO conflicts (device, quantity, measured_at, kept, value, received_at, flags)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (r.device, r.quantity, r.measured_ms, kept, r.value, r.received_ms, " ".join(r.flags))
                for r, kept in conflicts
            ],
        )
        filed = self._db.total_changes - before
        self._db.executemany(
            "INSERT INTO rejects (topic, reason, received_at, payload, size, digest) VALUES (?, ?, ?, ?, ?, ?)",
            [(_text(r.topic), _text(r.reason), r.received_ms, r.payload, r.size, r.digest) for r in rejects],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO arrivals VALUES (?, ?, ?, ?)",
            [(a.device, a.quantity, a.ident, a.measured_ms) for a in arrivals],
        )
        for table, most, new in (("rejects", MOST_REJECTS, rejects), ("conflicts", MOST_CONFLICTS, conflicts)):
            if new:
                self._db.execute(f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?", (most,))
        return filed

    def _count(self, **more: int) -> None:
        self._db.executemany(
            "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            [(name, number) for name, number in more.items() if number],
        )

    # ---------------------------------------------------------------- reading

    def after(self, seq: int, limit: int) -> list[tuple[int, list[StoredReading]]]:
        """Return up to `limit` journal entries after `seq`: number and rows that were new, in order of arrival."""
        with self._reading, trouble(self._path):
            return [(n, [as_reading(row) for row in rows]) for n, rows in self._entries(self._reader, seq, limit)]

    def newest_seq(self) -> int:
        """Return the number of the newest journal entry ever made, 0 when there was none."""
        with self._reading, trouble(self._path):
            row = self._reader.execute("SELECT seq FROM sqlite_sequence WHERE name = 'journal'").fetchone()
            return 0 if row is None else int(row[0])

    def history(self, device: str, quantity: str, start_ms: int, end_ms: int) -> list[StoredReading]:
        """Return the readings measured in [`start_ms`, `end_ms`), oldest first."""
        found: list[Row] = []
        with self._reading:
            for month in self._reader_months.existing():
                if month_of(start_ms) <= month <= month_of(end_ms):
                    found += self._select(
                        month,
                        "AND measured_at >= ? AND measured_at < ? ORDER BY measured_at",
                        device,
                        quantity,
                        start_ms,
                        end_ms,
                    )
        return [as_reading(row) for row in found]

    def received(self, devices: Collection[str], quantity: str, start_ms: int, end_ms: int) -> dict[str, int]:
        """Return how many readings of each device were measured in [`start_ms`, `end_ms`); none: not named."""
        found: dict[str, int] = {}
        with self._reading:
            for month in self._reader_months.existing():
                if not month_of(start_ms) <= month <= month_of(end_ms):
                    continue
                with trouble(self._reader_months.path(month)):
                    db = self._reader_months.get(month)
                    for device in devices:
                        (number,) = db.execute(
                            "SELECT count(*) FROM reading"
                            " WHERE device = ? AND quantity = ? AND measured_at >= ? AND measured_at < ?",
                            (device, quantity, start_ms, end_ms),
                        ).fetchone()
                        if number:
                            found[device] = found.get(device, 0) + int(number)
        return found

    def last(self, device: str, quantity: str) -> StoredReading | None:
        """Return the reading with the newest measured time, None when there is none; for the process that writes."""
        return self._newest_of.last((device, quantity))

    def warm(self, keys: Iterable[tuple[str, str]]) -> None:
        """Look up the newest readings of many (device, quantity) at once, so that `last` need not ask for each."""
        self._newest_of.warm(keys)

    def recent(self, device: str, quantity: str, before_ms: int, most: int) -> list[StoredReading]:
        """Return up to `most` readings measured before `before_ms`, newest first."""
        found: list[Row] = []
        rest = "AND measured_at < ? ORDER BY measured_at DESC LIMIT ?"
        with self._reading:
            for month in reversed(self._reader_months.existing()):
                if month <= month_of(before_ms) and len(found) < most:
                    found += self._select(month, rest, device, quantity, before_ms, most - len(found))
        return [as_reading(row) for row in found]

    def arrival(self, device: str, quantity: str, ident: str) -> int | None:
        """Return when a reading without a device time came first [ms], None when it is new or long ago."""
        with self._reading, trouble(self._path):
            row = self._reader.execute(
                "SELECT measured_at FROM arrivals WHERE device = ? AND quantity = ? AND ident = ?",
                (device, quantity, ident),
            ).fetchone()
            return None if row is None else int(row[0])

    def counts(self) -> dict[str, int]:
        """Return how many rows were ever stored, duplicates, conflicts and rejected, by those names."""
        with self._reading, trouble(self._path):
            found = dict(self._reader.execute("SELECT name, value FROM counts"))
            return {name: int(found.get(name, 0)) for name in ("stored", "duplicates", "conflicts", "rejected")}

    def rejects(self, limit: int) -> list[Reject]:
        """Return the newest refusals, newest first."""
        with self._reading, trouble(self._path):
            rows = self._reader.execute(
                "SELECT topic, reason, received_at, payload, size, digest FROM rejects ORDER BY id DESC LIMIT ?",
                (limit,),
            )
            return [Reject(*row) for row in rows]

    def conflicts(self, limit: int) -> list[Conflict]:
        """Return the newest contradictions, newest first."""
        with self._reading, trouble(self._path):
            rows = self._reader.execute(
                "SELECT device, quantity, measured_at, kept, value, received_at FROM conflicts ORDER BY id DESC LIMIT ?",
                (limit,),
            )
            return [Conflict(*row) for row in rows]

    def close(self) -> None:
        """Close all files; safe to call twice."""
        with self._writing, self._reading:
            for months in (self._months, self._reader_months):
                months.close()
            for db in (self._reader, self._db):
                db.close()

    def _entries(self, db: sqlite3.Connection, seq: int, limit: int) -> list[tuple[int, list[Row]]]:
        found = db.execute("SELECT seq, rows FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit))
        try:
            return [(n, _ROWS.decode(blob)) for n, blob in found]
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"{self._path.name}: an entry of the journal is damaged: restore it", permanent=True
            ) from error

    def _select(self, month: str, rest: str, *values: object) -> list[Row]:
        with trouble(self._reader_months.path(month)):
            return (
                self._reader_months.get(month)
                .execute(
                    f"SELECT device, quantity, measured_at, value, received_at, flags FROM reading"
                    f" WHERE device = ? AND quantity = ? {rest}",
                    values,
                )
                .fetchall()
            )


def _month(row: Row) -> str:
    return month_of(row[2])


def _text(text: str) -> str:
    """Return `text` with what SQLite cannot keep (lone surrogates of a topic that is not UTF-8) written out."""
    return text.encode("utf-8", "backslashreplace").decode()
