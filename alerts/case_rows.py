"""A case in its tables and back: one row, its clocks and offers, and the log of what happened to it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, delete, insert, select, update

from alerts import audit
from alerts.casefile import Case, Offer, State, Undo
from alerts.errors import Conflict
from alerts.events import Timer
from alerts.schema import case_events, cases, offers, timers

KEPT_IN_ROW = (
    "severity", "version", "owner", "rung", "loop", "closed_at", "outcome", "outcome_reason", "area_event", "emergency",
    "ask_only", "recurs", "policy", "next_owner",
)  # fmt: skip

# Built once: building a statement costs more than carrying it out.
_CASE = select(cases).where(cases.c.realm == bindparam("realm"), cases.c.id == bindparam("case"))
_CLOCKS = select(timers.c.kind, timers.c.due_at).where(
    timers.c.realm == bindparam("realm"), timers.c.case_id == bindparam("case")
)
_ASKED = select(offers).where(offers.c.realm == bindparam("realm"), offers.c.case_id == bindparam("case"))


def offer_id(case: str, n: int) -> str:
    """Return the id of the n-th offer of a case."""
    return f"{case}-{n}"


def load(conn: Connection, realm: str, case: str) -> Case | None:
    """Return a case with its clocks and offers; None: there is none of that id in that realm."""
    found = conn.execute(_CASE, {"realm": realm, "case": case}).mappings().first()
    return None if found is None else _case(conn, found)


def load_open(conn: Connection, *where: ColumnElement[bool]) -> list[Case]:
    """Return the cases that have not ended, oldest first."""
    query = select(cases).where(cases.c.closed_at.is_(None), *where).order_by(cases.c.opened_at, cases.c.id)
    return [_case(conn, row) for row in conn.execute(query).mappings().all()]


def _case(conn: Connection, row: RowMapping) -> Case:
    mine = {"realm": row["realm"], "case": row["id"]}
    clocks = {Timer(t.kind): t.due_at for t in conn.execute(_CLOCKS, mine)}
    asked = conn.execute(_ASKED, mine).all()
    in_order = sorted(asked, key=lambda o: int(o.id.rpartition("-")[2]))
    return Case(
        realm=row["realm"], id=row["id"], household=row["household"], stream=row["stream"], onset=row["onset"],
        opened_at=row["opened_at"], state=State(row["state"]), timers=clocks,
        offers=tuple(Offer(o.worker, o.rung, o.state, o.offered_at, o.ended_at) for o in in_order),
        undo=None if row["undo"] is None else _undo(row["undo"]), **{name: row[name] for name in KEPT_IN_ROW},
    )  # fmt: skip


def save(conn: Connection, before: Case, after: Case) -> None:
    """Write `after`; the first save of a new case inserts it.

    Raises
    ------
    Conflict
        Somebody else changed the case since `before` was read.
    sqlalchemy.exc.IntegrityError
        The household has another open case of that stream.
    """
    mine = cases.c.realm == after.realm, cases.c.id == after.id
    values = {name: getattr(after, name) for name in KEPT_IN_ROW}
    values |= {"state": after.state.value, "undo": None if after.undo is None else _undo_row(after.undo)}
    if before.state == State.NEW:
        names = ("realm", "id", "household", "stream", "onset", "opened_at")
        conn.execute(insert(cases), values | {name: getattr(after, name) for name in names})
    elif conn.execute(update(cases).where(*mine, cases.c.version == before.version).values(**values)).rowcount != 1:
        raise Conflict(f"case {after.id} is no longer at version {before.version}: read it again")
    _save_timers(conn, before, after)
    _save_offers(conn, before, after)


def _save_timers(conn: Connection, before: Case, after: Case) -> None:
    if before.timers == after.timers:
        return
    conn.execute(delete(timers).where(timers.c.realm == after.realm, timers.c.case_id == after.id))
    if after.timers:
        rows = [
            {"realm": after.realm, "case_id": after.id, "kind": k.value, "due_at": d} for k, d in after.timers.items()
        ]
        conn.execute(insert(timers), rows)


def _save_offers(conn: Connection, before: Case, after: Case) -> None:
    for n, offer in enumerate(after.offers):
        name = offer_id(after.id, n)
        values: dict[str, Any] = {"state": offer.state, "ended_at": offer.ended_at}
        if n >= len(before.offers):
            key = {"realm": after.realm, "id": name, "case_id": after.id}
            values |= {"worker": offer.worker, "rung": offer.rung, "offered_at": offer.offered_at}
            conn.execute(insert(offers), key | values)
        elif before.offers[n] != offer:
            conn.execute(update(offers).where(offers.c.realm == after.realm, offers.c.id == name).values(**values))
    for n in range(len(after.offers), len(before.offers)):  # an undone tap had made these
        conn.execute(delete(offers).where(offers.c.realm == after.realm, offers.c.id == offer_id(after.id, n)))


def log(conn: Connection, case: Case, now: datetime, kind: str, actor: str, data: Mapping[str, Any]) -> None:
    """Append to the log of the case, and to the audit chain; its number there is the version it led to."""
    row = {"realm": case.realm, "case_id": case.id, "n": case.version, "at": now, "kind": kind, "actor": actor}
    conn.execute(insert(case_events), row | {"data": dict(data)})
    audit.append(
        conn, now, "case", actor, f"case:{case.id}", realm=case.realm, n=case.version, event=kind, data=dict(data)
    )


# --- what can be undone, as JSON -----------------------------------------------------------------------------------


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def _undo_row(undo: Undo) -> dict[str, Any]:
    offered = [[o.worker, o.rung, o.state, _ms(o.offered_at), _ms(o.ended_at)] for o in undo.offers]
    return {
        "version": undo.version, "by": undo.by, "until": _ms(undo.until), "state": undo.state.value,
        "severity": undo.severity, "owner": undo.owner, "rung": undo.rung, "loop": undo.loop,
        "timers": {kind.value: _ms(due) for kind, due in undo.timers.items()}, "offers": offered,
        "area_event": undo.area_event, "emergency": undo.emergency,
    }  # fmt: skip


def _undo(row: Mapping[str, Any]) -> Undo:
    def at(ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, UTC)

    return Undo(
        version=row["version"], by=row["by"], until=at(row["until"]), state=State(row["state"]),
        severity=row["severity"], owner=row["owner"], rung=row["rung"], loop=row["loop"],
        timers={Timer(kind): at(due) for kind, due in row["timers"].items()},
        offers=tuple(Offer(who, rung, state, at(since), _at(end)) for who, rung, state, since, end in row["offers"]),
        area_event=row.get("area_event"), emergency=row.get("emergency", False),
    )  # fmt: skip
