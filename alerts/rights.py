"""What a person may ask for: a copy of everything about them, and to be forgotten, with a proof of both.

How this works
--------------
Everything hangs on the household and on the contacts of its residents.  A copy takes every row that does.  To be forgotten,
rows that say who somebody is, or how they live, are deleted; rows that only say what the service did (a case, when, by
whom, with what outcome) stay, because they are what anybody may later be asked to account for, but under an id that leads
to nobody any more: names, addresses, telephone numbers, evidence and texts in them are emptied.  The audit chain keeps ids
only and stays whole.  While another resident of the household remains, what belongs to the household stays with them.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, false, or_, select, update

from alerts import audit, consent, schema
from alerts.channels import sms
from alerts.errors import BadConsent
from alerts.policy import Policy
from alerts.registry.agreed import PURPOSES
from alerts.registry.changes import bump
from alerts.registry.ways import ways
from alerts.schema import metadata

DELETED = (
    "sessions", "links", "contact_points", "replies", "reply_codes", "applications", "absences", "view_log", "devices", "consents", "contacts", "residents",
)  # fmt: skip
"""Tables whose rows about somebody go, children first."""
EMPTIED: Mapping[str, Mapping[str, Any]] = {
    "attempts": {"detail": None},
    "findings": {"evidence": {}},
    "notices": {"address": "", "params": {}, "last_error": None},
    "households": {"building": "–", "riser": None, "floor": None, "door": "–"},
}
"""Tables whose rows stay, and what is emptied in them."""
WHY_KEPT = "accounting: what was done, when, with what outcome; the id leads to nobody any more"
WHY_SHARED = "it belongs to the household, in which somebody else lives"


@dataclass(frozen=True, slots=True)
class Somebody:
    """A resident, and all ids under which things are written down about them."""

    resident: str
    household: str
    contacts: tuple[str, ...]
    alone: bool
    """Nobody else lives in that household."""
    addresses: tuple[str, ...]
    """Telephone numbers and other addresses that lead to nobody but the resident and the contacts: what is known of one
    that a worker or somebody else's relative has too is about them as well, and stays."""


def somebody(conn: Connection, resident: str) -> Somebody:
    """Return who is meant.

    Raises
    ------
    BadConsent
        There is no such resident.
    """
    r, c = schema.residents.c, schema.contacts.c
    found = conn.execute(select(r.household, r.phone).where(r.id == resident)).first()
    if found is None:
        raise BadConsent(f"want the id of a resident, got {resident!r}")
    household = found.household
    listed = conn.execute(select(c.id, c.channel, c.address).where(c.resident == resident).order_by(c.id)).all()
    alone = conn.execute(select(r.id).where(r.household == household, r.id != resident)).first() is None
    own = _reached_at(listed) | ({found.phone, sms.number(found.phone)} if found.phone else set())
    addresses = tuple(sorted(own - _others_addresses(conn, resident)))
    return Somebody(resident, household, tuple(row.id for row in listed), alone, addresses)


def _others_addresses(conn: Connection, resident: str) -> set[str]:
    """Return the addresses of everybody but a resident and the resident's contacts."""
    r, c, w = schema.residents.c, schema.contacts.c, schema.workers.c
    rows = conn.execute(select(c.channel, c.address).where(c.resident != resident)).all()
    phones = conn.scalars(select(r.phone).where(r.id != resident, r.phone.is_not(None))).all()
    staff = conn.execute(select(w.channel, w.address)).all()
    return _reached_at([*rows, *staff]) | {form for phone in phones for form in (phone, sms.number(phone))}


def _reached_at(rows: Iterable[Any]) -> set[str]:
    """Return every address in some rows' cells, as it is written and as providers' calls are read."""
    listed = [way.address for row in rows for way in ways(row.channel, row.address)]
    return {form for address in listed for form in (address, sms.number(address))}


# --- a copy --------------------------------------------------------------------------------------------------------


def everything(conn: Connection, who: Somebody) -> dict[str, list[dict[str, Any]]]:
    """Return every row about somebody by table, with times as ISO 8601; without the hashes that open doors."""
    found = {}
    for table in metadata.sorted_tables:
        where = _about(table, who, whole=True)
        if where is not None and (rows := conn.execute(select(table).where(where)).mappings().all()):
            found[table.name] = [{k: _plain(v) for k, v in row.items() if k != "token_hash"} for row in rows]
    return found


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _about(table: Table, who: Somebody, *, whole: bool) -> ColumnElement[bool] | None:
    """Return the condition under which a row of a table is about somebody; None: no row of it is about anybody.

    `whole`: what belongs to the household counts as well.
    """
    c, names = table.c, [f"contact:{one}" for one in who.contacts]
    home = who.household if whole else None
    match table.name:
        case "residents":
            return c.id == who.resident
        case "households":
            return c.id == home
        case "consents" | "contacts":
            return c.resident == who.resident
        case "applications":
            return or_(c.resident == who.resident, c.household == home)
        case "links" | "sessions":
            family = (c.role == "family") & c.person.in_(who.contacts)
            return or_(family, (c.role == "resident") & (c.person == who.resident))
        case "drill_people":
            return c.person.in_(names)
        case "contact_points" | "replies" | "reply_codes":
            return c.address.in_(who.addresses)
        case "notices":
            own = (c.recipient_kind == "contact") & c.recipient.in_(who.contacts)
            return or_(own, _of_cases(c, home))
        case "attempts":
            notices = schema.notices
            its = _about(notices, who, whole=whole)
            return c.notice.in_(select(notices.c.id).where(its if its is not None else false()))
        case "audit":
            subjects = [f"resident:{who.resident}", *([f"household:{home}"] if home else [])]
            return or_(c.about.in_(subjects), c.actor.in_([*names, f"resident:{who.resident}"]))
        case _ if "household" in c:
            return c.household == home
        case _ if "case_id" in c:
            return _of_cases(c, home)
        case _:
            return None


def _of_cases(c: Any, home: str | None) -> ColumnElement[bool]:
    return c.case_id.in_(select(schema.cases.c.id).where(schema.cases.c.household == home))  # type: ignore[no-any-return]


# --- being forgotten -----------------------------------------------------------------------------------------------


def forget(conn: Connection, who: Somebody, now: datetime, policy: Policy, by: str) -> dict[str, Any]:
    """Forget somebody in the caller's transaction; return the proof, as plain values.

    Raises
    ------
    BadConsent
        A case of the household is open: it is settled first.
    """
    c = schema.cases.c
    if who.alone and conn.execute(select(c.id).where(c.household == who.household, c.closed_at.is_(None))).first():
        raise BadConsent("a case of this household is open: settle it first (withdrawing stops all else at once)")
    for purpose in PURPOSES:
        consent.withdraw(conn, who.resident, purpose, "", now, policy, by=by)
    emptied = {name: _emptied(conn, name, who) for name in EMPTIED}
    deleted = {name: _deleted(conn, name, who) for name in DELETED}
    kept = _kept(conn, who)
    bump(conn)
    counts = {"deleted": _some(deleted), "emptied": _some(emptied)}
    audit.append(conn, now, "forgotten", by, f"resident:{who.resident}", **counts)
    return {
        "resident": who.resident,
        "household": who.household,
        "at": now.isoformat(),
        "by": by,
        **counts,
        "kept": kept,
    }


def _emptied(conn: Connection, name: str, who: Somebody) -> int:
    table = metadata.tables[name]
    where = _about(table, who, whole=who.alone)
    return conn.execute(update(table).where(where).values(**EMPTIED[name])).rowcount if where is not None else 0


def _deleted(conn: Connection, name: str, who: Somebody) -> int:
    table = metadata.tables[name]
    where = _about(table, who, whole=who.alone)
    return conn.execute(delete(table).where(where)).rowcount if where is not None else 0


def _kept(conn: Connection, who: Somebody) -> dict[str, dict[str, Any]]:
    """Return what stays about the household, and why."""
    why, kept = WHY_KEPT if who.alone else WHY_SHARED, {}
    for table in metadata.sorted_tables:
        where = _about(table, who, whole=True)
        if where is not None and (rows := len(conn.execute(select(*table.primary_key.columns).where(where)).all())):
            kept[table.name] = {
                "rows": rows,
                "why": "it holds ids only, and would break" if table.name == "audit" else why,
            }
    return kept


def _some(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if number}


def sealed(proof: Mapping[str, Any], head: audit.Anchor) -> dict[str, Any]:
    """Return the proof with the head of the audit chain and its own SHA-256 (of the rest as canonical JSON)."""
    whole = {**proof, "audit": {"n": head.n, "hash": head.hash}}
    said = json.dumps(whole, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return whole | {"sha256": sha256(said.encode()).hexdigest()}


def unnamed(tables: Collection[str]) -> set[str]:
    """Return which tables have rows about nobody: configuration, areas, staff, tokens, versions."""
    nobody = Somebody("", "", (), True, ())
    return {name for name in tables if _about(metadata.tables[name], nobody, whole=True) is None}
