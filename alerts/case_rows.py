"""A case in its tables and back: one row, its clocks and offers, and the log of what happened to it."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    RowMapping,
    bindparam,
    delete,
    insert,
    select,
    update,
)

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
_REALM: BindParameter[str] = bindparam("realm")
_NAMES: BindParameter[str] = bindparam("cases", expanding=True)
_CASES = select(cases).where(cases.c.realm == _REALM, cases.c.id.in_(_NAMES))
_CLOCKS = select(timers.c.case_id, timers.c.kind, timers.c.due_at).where(
    timers.c.realm == _REALM, timers.c.case_id.in_(_NAMES)
)
_ASKED = select(offers).where(offers.c.realm == _REALM, offers.c.case_id.in_(_NAMES))
AT_A_TIME = 500
"""Cases whose clocks and offers are read by one query."""
_INSERT, _INSERT_CLOCK, _INSERT_OFFER, _INSERT_EVENT = map(insert, (cases, timers, offers, case_events))
_FROM_THE_FIRST = ("realm", "id", "household", "stream", "onset", "opened_at")


def offer_id(case: str, n: int) -> str:
    """Return the id of the n-th offer of a case."""
    return f"{case}-{n}"


def load(conn: Connection, realm: str, case: str) -> Case | None:
    """Return a case with its clocks and offers; None: there is none of that id in that realm."""
    return load_all(conn, realm, [case]).get(case)


def load_all(conn: Connection, realm: str, names: Collection[str]) -> dict[str, Case]:
    """Return those of the cases that there are, by id."""
    return {case.id: case for case in _cases(conn, realm, conn.execute(_CASES, _of(realm, names)).mappings().all())}


def _of(realm: str, names: Collection[str]) -> dict[str, Any]:
    return {"realm": realm, "cases": list(names)}


def load_open(conn: Connection, *where: ColumnElement[bool]) -> list[Case]:
    """Return the cases that have not ended, oldest first."""
    query = select(cases).where(cases.c.closed_at.is_(None), *where).order_by(cases.c.opened_at, cases.c.id)
    rows = conn.execute(query).mappings().all()
    by_realm = {realm: [row for row in rows if row["realm"] == realm] for realm in {row["realm"] for row in rows}}
    loaded = {realm: {case.id: case for case in _cases(conn, realm, mine)} for realm, mine in by_realm.items()}
    return [loaded[row["realm"]][row["id"]] for row in rows]


def _cases(conn: Connection, realm: str, rows: Sequence[RowMapping]) -> Iterator[Case]:
    """Yield cases of one realm from their rows."""
    if not rows:
        return
    clocks: defaultdict[str, dict[Timer, datetime]] = defaultdict(dict)
    asked: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for start in range(0, len(rows), AT_A_TIME):
        mine = _of(realm, [row["id"] for row in rows[start : start + AT_A_TIME]])
        for clock in conn.execute(_CLOCKS, mine):
            clocks[clock.case_id][Timer(clock.kind)] = clock.due_at
        for offer in conn.execute(_ASKED, mine):
            asked[offer.case_id].append(offer)
    for row in rows:
        yield _case(row, clocks[row["id"]], asked[row["id"]])


def _case(row: RowMapping, clocks: Mapping[Timer, datetime], asked: Sequence[Row[Any]]) -> Case:
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
    if before.state == State.NEW:
        insert_all(conn, [after])
        return
    mine = cases.c.realm == after.realm, cases.c.id == after.id, cases.c.version == before.version
    if conn.execute(update(cases).where(*mine).values(**_values(after))).rowcount != 1:
        raise Conflict(f"case {after.id} is no longer at version {before.version}: read it again")
    _save_timers(conn, before, after)
    _save_offers(conn, before, after)


def insert_all(conn: Connection, new: Sequence[Case]) -> None:
    """Write cases that are not there yet, with their clocks and offers."""
    conn.execute(_INSERT, [_values(case) | {name: getattr(case, name) for name in _FROM_THE_FIRST} for case in new])
    if clocks := [row for case in new for row in _clock_rows(case)]:
        conn.execute(_INSERT_CLOCK, clocks)
    if asked := [_offer_row(case, n) for case in new for n in range(len(case.offers))]:
        conn.execute(_INSERT_OFFER, asked)


def _values(case: Case) -> dict[str, Any]:
    kept = {name: getattr(case, name) for name in KEPT_IN_ROW}
    return kept | {"state": case.state.value, "undo": None if case.undo is None else _undo_row(case.undo)}


def _clock_rows(case: Case) -> list[dict[str, Any]]:
    return [{"realm": case.realm, "case_id": case.id, "kind": k.value, "due_at": d} for k, d in case.timers.items()]


def _offer_row(case: Case, n: int) -> dict[str, Any]:
    offer = case.offers[n]
    return {
        "realm": case.realm, "id": offer_id(case.id, n), "case_id": case.id, "worker": offer.worker, "rung": offer.rung,
        "state": offer.state, "offered_at": offer.offered_at, "ended_at": offer.ended_at,
    }  # fmt: skip


def _save_timers(conn: Connection, before: Case, after: Case) -> None:
    if before.timers == after.timers:
        return
    conn.execute(delete(timers).where(timers.c.realm == after.realm, timers.c.case_id == after.id))
    if after.timers:
        conn.execute(_INSERT_CLOCK, _clock_rows(after))


def _save_offers(conn: Connection, before: Case, after: Case) -> None:
    for n, offer in enumerate(after.offers):
        if n >= len(before.offers):
            conn.execute(_INSERT_OFFER, _offer_row(after, n))
        elif before.offers[n] != offer:
            mine = offers.c.realm == after.realm, offers.c.id == offer_id(after.id, n)
            conn.execute(update(offers).where(*mine).values(state=offer.state, ended_at=offer.ended_at))
    for n in range(len(after.offers), len(before.offers)):  # an undone tap had made these
        conn.execute(delete(offers).where(offers.c.realm == after.realm, offers.c.id == offer_id(after.id, n)))


def log(conn: Connection, case: Case, now: datetime, kind: str, actor: str, data: Mapping[str, Any]) -> None:
    """Append to the log of the case, and to the audit chain; its number there is the version it led to."""
    log_all(conn, [case], now, kind, actor, [data])


def log_all(
    conn: Connection, moved: Sequence[Case], now: datetime, kind: str, actor: str, data: Sequence[Mapping[str, Any]]
) -> None:
    """Append one entry each to the logs of different cases, and to the audit chain."""
    same = {"at": now, "kind": kind, "actor": actor}
    both = list(zip(moved, data, strict=True))
    rows = [same | {"realm": case.realm, "case_id": case.id, "n": case.version, "data": dict(d)} for case, d in both]
    conn.execute(_INSERT_EVENT, rows)
    said = [
        (f"case:{case.id}", {"realm": case.realm, "n": case.version, "event": kind, "data": dict(d)})
        for case, d in both
    ]
    audit.append_all(conn, now, "case", actor, said)


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
