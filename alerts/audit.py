"""The audit chain: what happened, in an order that nobody can change unseen.

How this works
--------------
Every entry carries the SHA-256 of the entry before it and of itself, ``h_n = SHA-256(h_(n-1) || canonical JSON)``, and is
written in the transaction of what it records: neither exists without the other.  The database refuses to change or delete
an entry.  Whoever is above the database can still rewrite everything since the last *anchor*: the number and hash of the
newest entry, written down outside of it.  Entries hold ids, codes and numbers, never a name, a telephone number or a word
that somebody typed, so that forgetting a person leaves the chain whole and says nobody's name.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, text

from alerts.schema import audit

LOCK = 0x5348_5541  # "SHUA": the advisory lock under which PostgreSQL appends
AT_A_TIME = 5_000
"""Entries read at once."""
TRIGGERS = frozenset({"audit_no_update", "audit_no_delete"})
GENESIS = "0" * 64
"""The hash before the first entry."""


class Anchor(NamedTuple):
    """The head of the chain at some moment, to be kept where the database cannot reach it."""

    n: int
    hash: str
    at: datetime


class Entry(NamedTuple):
    """One entry as it is hashed; `at` in milliseconds since 1970, `data` canonical JSON."""

    n: int
    at: int
    kind: str
    actor: str
    about: str
    data: str

    def hashed(self, before: str) -> str:
        """Return the hash of this entry after one with the hash `before`."""
        said = json.dumps(self, ensure_ascii=False, separators=(",", ":"))
        return sha256(before.encode() + said.encode("utf-8", "backslashreplace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found: how many entries hold, the head, and where the chain breaks (empty: nowhere)."""

    entries: int
    head: str
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was changed, as far as the anchors reach."""
        return not self.faults


_HEAD = select(audit.c.n, audit.c.hash).order_by(audit.c.n.desc()).limit(1)
_ENTRIES = select(audit).order_by(audit.c.n)
_APPEND = insert(audit)


# --- writing -------------------------------------------------------------------------------------------------------


def append(conn: Connection, now: datetime, kind: str, actor: str, about: str = "", /, **data: Any) -> None:
    """Append one entry in the caller's transaction, which is one that writes.

    Parameters
    ----------
    kind : str
        What happened, such as ``case``, ``consent``, ``login``.
    actor : str
        ``worker:ID``, ``operator:NAME``, ``contact:ID``, ``resident:ID``, ``token:ID``, ``cli`` or ``system``.
    about : str, optional
        Whom or what it is about, such as ``household:ID``.
    **data
        Ids, codes and numbers; JSON must be able to hold them.
    """
    append_all(conn, now, kind, actor, [(about, data)])


def append_all(
    conn: Connection, now: datetime, kind: str, actor: str, said: Iterable[tuple[str, Mapping[str, Any]]]
) -> None:
    """Append many entries of one kind and actor, each about something of its own, as `append` does."""
    if conn.dialect.name == "postgresql":  # on SQLite the transaction holds the write lock already
        conn.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    newest = conn.execute(_HEAD).first()
    n, before = (newest.n, newest.hash) if newest else (0, GENESIS)
    at, rows = round(now.timestamp() * 1000), []
    for number, (subject, data) in enumerate(said, start=n + 1):
        words = json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        entry = Entry(number, at, kind, actor[:80], subject[:96], words)
        before = entry.hashed(before)
        rows.append(entry._asdict() | {"at": now, "hash": before})
    if rows:
        conn.execute(_APPEND, rows)


# --- anchors -------------------------------------------------------------------------------------------------------


def head(conn: Connection, now: datetime) -> Anchor:
    """Return the anchor of the chain as it is; of an empty one its beginning."""
    newest = conn.execute(_HEAD).first()
    return Anchor(newest.n, newest.hash, now) if newest else Anchor(0, GENESIS, now)


def keep(file: Path, anchor: Anchor) -> None:
    """Add an anchor to a file, one JSON object a line; the same head twice in a row is one line."""
    known = kept(file) if file.exists() else []
    if known and known[-1].n == anchor.n and known[-1].hash == anchor.hash:
        return
    with file.open("a", encoding="utf-8") as lines:
        lines.write(line(anchor) + "\n")


def line(anchor: Anchor) -> str:
    """Return an anchor as one line of JSON, to be kept in a file, sent or printed."""
    return json.dumps({"n": anchor.n, "hash": anchor.hash, "at": anchor.at.astimezone(UTC).isoformat()})


def kept(file: Path) -> list[Anchor]:
    """Return the anchors of a file, as they were written.

    Raises
    ------
    ValueError
        A line is no anchor.
    """
    found = []
    for number, said in enumerate(file.read_text("utf-8").splitlines(), start=1):
        if not said.strip():
            continue
        try:
            row = json.loads(said)
            found.append(Anchor(int(row["n"]), str(row["hash"]), datetime.fromisoformat(row["at"])))
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{file} line {number}: want an anchor such as {line(_EXAMPLE)}") from error
    return found


_EXAMPLE = Anchor(1, GENESIS, datetime(2027, 1, 1, tzinfo=UTC))

# --- verifying -----------------------------------------------------------------------------------------------------


def verify(conn: Connection, anchors: Iterable[Anchor] = ()) -> Verdict:
    """Follow the whole chain and hold it beside the anchors.

    The first break is named and told apart as far as the rows that are left allow: an entry that is missing, one that was
    edited, one that stands in another's place.  What comes after a break is not judged.
    """
    faults = [] if _guarded(conn) else ["the database no longer refuses changes: the triggers of the chain are gone"]
    wanted = sorted(set(anchors))
    found: dict[int, str] = {0: GENESIS}
    at_anchor = {anchor.n for anchor in wanted}
    n, before, fault = 0, GENESIS, None
    for entry, stored in _entries(conn):
        fault = _fault(conn, entry, stored, n + 1, before)
        if fault:
            break
        n, before = entry.n, stored
        if n in at_anchor:
            found[n] = stored
    if fault:
        faults.append(fault)
    faults += _beside(wanted, found, n, fault is None)
    return Verdict(n, before, tuple(faults))


def _fault(conn: Connection, entry: Entry, stored: str, n: int, before: str) -> str | None:
    """Return what is wrong with the entry that stands where number `n` should."""
    if entry.n > n:
        missing = f"entry {n} is" if entry.n == n + 1 else f"entries {n} to {entry.n - 1} are"
        return f"{missing} missing: deleted after {_when(entry)} or before"
    if entry.hashed(before) == stored:
        return None
    for other, its in _entries(conn):
        if other.n != n and other._replace(n=n).hashed(before) == its:
            return f"entry {n} was moved to place {other.n}: entries stand in another order"
    return f"entry {n} ({entry.kind}, {_when(entry)}) or its hash was edited"


def _beside(wanted: Sequence[Anchor], found: Mapping[int, str], reached: int, whole: bool) -> list[str]:
    """Return in what the chain differs from the anchors: the first one only, since all later ones follow from it."""
    for anchor in wanted:
        if anchor.n > reached:
            if not whole:
                return []  # it lies beyond the break
            end = f"the chain ends at entry {reached}, but an anchor of {anchor.at.isoformat()} names entry {anchor.n}"
            return [f"{end}: {anchor.n - reached} or more entries were cut off"]
        if found[anchor.n] != anchor.hash:
            return [
                f"the chain was rewritten at or before entry {anchor.n}, after the anchor of {anchor.at.isoformat()}"
            ]
    return []


def _entries(conn: Connection) -> Iterator[tuple[Entry, str]]:
    rows = conn.execution_options(yield_per=AT_A_TIME).execute(_ENTRIES)
    for row in rows:
        yield Entry(row.n, round(row.at.timestamp() * 1000), row.kind, row.actor, row.about, row.data), row.hash


def _when(entry: Entry) -> str:
    return datetime.fromtimestamp(entry.at / 1000, UTC).isoformat(timespec="seconds")


def _guarded(conn: Connection) -> bool:
    """Whether the triggers are there that refuse changes."""
    asked = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = 'audit'::regclass AND tgenabled <> 'D'",
    }
    return set(conn.scalars(text(asked[conn.dialect.name]))) >= TRIGGERS


# --- reading -------------------------------------------------------------------------------------------------------


def about(conn: Connection, named: Sequence[str]) -> list[dict[str, Any]]:
    """Return the entries about any of `named` (such as ``household:h1``), in order."""
    rows = conn.execute(select(audit).where(audit.c.about.in_(named)).order_by(audit.c.n)).mappings()
    return [dict(row) | {"data": json.loads(row["data"])} for row in rows]
