"""Rows of the registry for programs: within an area, a page at a time, written by the rules of the sheets."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, delete, insert, or_, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql import ColumnElement

from alerts import audit, consent, queries
from alerts.api.fields import BY_FORMAT, NAMED
from alerts.api.problems import Problem, Wrong
from alerts.errors import BadConsent
from alerts.policy import Policy
from alerts.registry import moving
from alerts.registry.changes import bump
from alerts.registry.lookups import OUTCOME
from alerts.registry.sheets import REFERENCES
from alerts.registry.ways import faults, plain
from alerts.schema import absences, areas, cases, consents, devices, households, metadata, residents
from alerts.tokens import Token

PERSONAL = frozenset({"residents", "contacts"})
"""Resources that name people: who read them is written down."""


def number_of(sheet: str) -> Any:
    """Return the column by which rows without an id of their own are counted."""
    table = metadata.tables[sheet]
    return table.c.n if sheet == "devices" else table.c.id


def within(sheet: str, token: Token) -> ColumnElement[bool]:
    """Return the condition under which a row of a sheet lies within the token's areas."""
    if token.areas is None:
        return true()
    table = metadata.tables[sheet]
    homes = select(households.c.id).where(households.c.area.in_(token.areas))
    people = select(residents.c.id).where(residents.c.household.in_(homes))
    if sheet == "areas":
        return areas.c.id.in_(token.areas) | areas.c.parent.in_(token.areas)  # one that this token has just added
    if sheet == "households":
        return households.c.id.in_(homes)
    if "area" in table.c:
        return table.c.area.in_(token.areas)
    return table.c.household.in_(homes) if "household" in table.c else table.c.resident.in_(people)


def _listed(sheet: str) -> ColumnElement[bool]:
    """Return the condition under which a row is of the sheets at all: not what an outcome made, not who has left."""
    if sheet == "absences":
        return absences.c.by.not_like(f"{OUTCOME}%")
    return metadata.tables[sheet].c.role != "former" if sheet == "workers" else true()


def _is(sheet: str, name: str) -> ColumnElement[bool]:
    table = metadata.tables[sheet]
    if sheet in NAMED:
        return table.c.id == name
    number = name.removeprefix("n-")
    if name.startswith("n-"):
        known = number.isascii() and number.isdigit() and len(number) < 18
        return and_(number_of(sheet) == (int(number) if known else -1), table.c.key.is_(None))
    return table.c.key == name


def one(conn: Connection, sheet: str, name: str, token: Token) -> RowMapping | None:
    """Return a row, None when there is none within the token's areas."""
    asked = select(metadata.tables[sheet]).where(_is(sheet, name), within(sheet, token), _listed(sheet))
    return conn.execute(asked).mappings().first()


def page(
    conn: Connection, sheet: str, token: Token, after: str | None, limit: int, only: Mapping[str, str]
) -> list[RowMapping]:
    """Return up to `limit` rows after the one with that cursor, in an order that does not change.

    `only` narrows down: column of the sheet to the id it must hold.
    """
    table, number = metadata.tables[sheet], number_of(sheet)
    where = [within(sheet, token), _listed(sheet), *(table.c[name] == value for name, value in only.items())]
    order = table.c.id if sheet in NAMED else number
    if after is not None:
        known = after.isascii() and after.isdigit() and len(after) < 18
        if sheet not in NAMED and not known:
            raise Problem(
                422, "invalid", "after is no cursor of ours", [("after", "what an earlier page named in next")]
            )
        where.append(order > (after if sheet in NAMED else int(after)))
    return list(conn.execute(select(table).where(*where).order_by(order).limit(limit)).mappings())


def seen(conn: Connection, sheet: str, rows: Sequence[RowMapping], token: Token, now: datetime) -> None:
    """Write down that a program read who people are."""
    if sheet not in PERSONAL or not rows:
        return
    if len(rows) > 1:
        audit.append(conn, now, "view", token.actor, sheet=sheet, rows=len(rows))
        return
    home = rows[0].get("household") or conn.scalar(
        select(residents.c.household).where(residents.c.id == rows[0].get("resident"))
    )
    if home:
        queries.view_seen(conn, token.actor, home, "api", now)


# --- writing -------------------------------------------------------------------------------------------------------


def put(
    conn: Connection,
    sheet: str,
    name: str,
    values: dict[str, Any],
    token: Token,
    now: datetime,
    sensors: Mapping[str, bool],
) -> bool:
    """Write a row under an id; True: it is new.

    Raises
    ------
    Problem
        409 or 422: it names what is not there, lies outside the token's areas, or contradicts another row.
    """
    table, old = metadata.tables[sheet], one(conn, sheet, name, token)
    if old is None and conn.execute(select(table).where(_is(sheet, name))).first() is not None:
        raise Problem(409, "conflict", "this id is taken")
    if old is None and sheet not in NAMED and name.startswith("n-"):
        raise Problem(404, "not-found", "ids that begin with n- are given by the service")
    _complete(conn, sheet, values, sensors)
    if wrong := [*_references(conn, sheet, values, token), *_rules(conn, sheet, name, values, old)]:
        raise Problem(422, "invalid", "the body does not fit the rest of the registry", wrong)
    try:
        if old is None:
            key = "id" if sheet in NAMED else "key"
            more = {"declared_at": now} if sheet == "absences" else {}
            conn.execute(insert(table).values(**values, **{key: name}, **more))
        else:
            conn.execute(update(table).where(_is(sheet, name)).values(**values))
    except IntegrityError:
        raise Problem(409, "conflict", "another row of the registry contradicts it") from None
    if one(conn, sheet, name, token) is None:
        raise Problem(422, "invalid", "the row would lie outside of what this token may see")
    _write_down(conn, sheet, name, "added" if old is None else "changed", token, now)
    return old is None


def remove(conn: Connection, sheet: str, name: str, token: Token, now: datetime) -> None:
    """Delete a row.

    Raises
    ------
    Problem
        404: there is none; 409: something else refers to it.
    """
    if one(conn, sheet, name, token) is None:
        raise Problem(404, "not-found", "there is no such row")
    try:
        with conn.begin_nested():
            conn.execute(delete(metadata.tables[sheet]).where(_is(sheet, name)))
    except IntegrityError:
        raise Problem(409, "in-use", "something else refers to this row: delete that first") from None
    if sheet == "areas" and conn.execute(select(areas.c.id).where(areas.c.parent == name)).first() is not None:
        raise Problem(409, "in-use", "other areas lie within this one")
    _write_down(conn, sheet, name, "removed", token, now)


def agree(conn: Connection, name: str, values: Mapping[str, Any], token: Token, now: datetime, policy: Policy) -> bool:
    """Write down a consent under an id; the same id again changes nothing.  True: it is new.

    Raises
    ------
    Problem
        It is of nobody, to nobody, or stands there differently.
    """
    old = one(conn, "consents", name, token)
    if old is not None:
        same = all(old[key] == values[key] for key in ("resident", "purpose", "recipient"))
        if not same or values["withdrawn_at"] != old["withdrawn_at"]:
            raise Problem(409, "conflict", "a consent is never changed: DELETE withdraws it, a new id gives it anew")
        return False
    if conn.execute(select(consents.c.id).where(_is("consents", name))).first() or name.startswith("n-"):
        raise Problem(409, "conflict", "this id is taken")
    if wrong := _references(conn, "consents", values, token):
        raise Problem(422, "invalid", "the body does not fit the rest of the registry", wrong)
    if values["withdrawn_at"] is not None or values["given_at"] > now:
        raise Problem(
            422, "invalid", "a consent is given, then withdrawn", [("withdrawn_at", "nothing: DELETE withdraws")]
        )
    try:
        consent.give(
            conn, values["resident"], values["purpose"], values["recipient"], now, policy, by=token.actor,
            given_by=values["given_by"], evidence=values["evidence"], version=values["version"], key=name,
        )  # fmt: skip
    except BadConsent as error:
        raise Problem(422, "invalid", str(error)) from None
    return True


def withdraw(conn: Connection, name: str, token: Token, now: datetime, policy: Policy) -> None:
    """Withdraw a consent; it stays as a row that says so.

    Raises
    ------
    Problem
        404: there is none.
    """
    row = one(conn, "consents", name, token)
    if row is None:
        raise Problem(404, "not-found", "there is no such row")
    consent.withdraw(conn, row["resident"], row["purpose"], row["recipient"], now, policy, by=token.actor)


def _write_down(conn: Connection, sheet: str, name: str, what: str, token: Token, now: datetime) -> None:
    bump(conn)
    audit.append(conn, now, "registry", token.actor, f"{sheet}:{name}", sheet=sheet, what=what)


# --- what must fit -------------------------------------------------------------------------------------------------


def _complete(conn: Connection, sheet: str, values: dict[str, Any], sensors: Mapping[str, bool]) -> None:
    """Fill in what an empty field of a sheet means."""
    if sheet in ("contacts", "workers"):
        values["channel"], values["address"] = plain(values["channel"], values["address"])
    if sheet != "devices":
        return
    if values["resolution_l"] == BY_FORMAT:
        values["resolution_l"] = None if sensors.get(values["format"]) else 1.0
    home = select(households.c.tz).where(households.c.id == values["household"])
    values["zone"] = values["zone"] or conn.scalar(home) or "UTC"


def _references(conn: Connection, sheet: str, values: Mapping[str, Any], token: Token) -> list[Wrong]:
    """Return the columns that name a row which is not there, or not within the token's areas."""
    wrong = []
    for column, target in REFERENCES.get(sheet, {}).items():
        value = values.get(column)
        # A shift may be held by somebody of an area above, as in the sheets; every other reference stays inside.
        free = Token(token.name, token.scopes, None) if sheet == "shifts" and target == "workers" else token
        top = sheet == "areas" and value is None and token.areas is not None
        if top or (value is not None and one(conn, target, value, free) is None):
            wrong.append((column, f"the id of one of {target}"))
    return wrong


def _rules(conn: Connection, sheet: str, name: str, values: Mapping[str, Any], old: RowMapping | None) -> list[Wrong]:
    """Return what contradicts the rules between cells and rows."""
    match sheet:
        case "areas":
            if _circle(conn, name, values["parent"]):
                return [("parent", "an area that does not lie within this one")]
            return _area_stays(conn, name, values) if old is not None else []
        case "households":
            after = moving.stored_areas(conn)
            homes = {} if old is None else {name: old["area"]}
            wrong = moving.moved(conn, after, {name: values["area"]}, homes)
            return [("area", wanted) for wanted in wrong.values()]
        case "contacts" | "workers":
            return [(column, wanted) for column, wanted, _ in faults(values["channel"], values["address"])]
        case "shifts" | "absences":
            return [("end", "a time after start")] if values["end"] <= values["start"] else []
        case "devices":
            return _device_rules(conn, values, old)
        case _:
            return []


def _area_stays(conn: Connection, name: str, values: Mapping[str, Any]) -> list[Wrong]:
    """Return what is wrong with an area that would take homes from drills into life, or back."""
    before, homes = moving.stored_areas(conn), moving.stored_homes(conn)
    after = before | {name: moving.Above(values["parent"], values["kind"])}
    column = "kind" if before[name].kind != values["kind"] else "parent"
    wrong = moving.moved(conn, after, homes, homes)
    return [(column, f"for home {home}, {wanted}") for home, wanted in list(wrong.items())[:1]]


def _circle(conn: Connection, name: str, parent: str | None) -> bool:
    seen: set[str] = set()
    while parent is not None and parent not in seen:
        if parent == name:
            return True
        seen.add(parent)
        parent = conn.scalar(select(areas.c.parent).where(areas.c.id == parent))
    return False


def _device_rules(conn: Connection, values: Mapping[str, Any], old: RowMapping | None) -> list[Wrong]:
    """One household at a time, and one water register a household."""
    d, start, end = devices.c, values["valid_from"], values["valid_to"]
    if end is not None and end <= start:
        return [("to", "a time after from")]
    others = [d.n != old["n"]] if old is not None else []
    overlap = [or_(d.valid_to.is_(None), d.valid_to > start), *([d.valid_from < end] if end is not None else [])]
    wrong = []
    if conn.execute(select(d.n).where(d.id == values["id"], *overlap, *others)).first() is not None:
        wrong.append(("from", "a time at which the device belongs to no household"))
    register = values["resolution_l"] is not None
    same = d.household == values["household"], d.resolution_l.is_not(None)
    if register and conn.execute(select(d.n).where(*same, *overlap, *others)).first() is not None:
        wrong.append(("household", "one without another water register at that time"))
    return wrong


# --- cases ---------------------------------------------------------------------------------------------------------

CASE = (
    "id", "household", "stream", "severity", "state", "onset", "opened_at", "closed_at", "owner", "outcome", "outcome_reason",
)  # fmt: skip


def case_page(
    conn: Connection, token: Token, after: str | None, limit: int, open_only: bool | None
) -> list[RowMapping]:
    """Return up to `limit` live cases within the token's areas after that id."""
    where = [_case_within(token), *([cases.c.id > after] if after is not None else [])]
    if open_only is not None:
        where.append(cases.c.closed_at.is_(None) if open_only else cases.c.closed_at.is_not(None))
    columns = [cases.c[name] for name in CASE]
    return list(conn.execute(select(*columns).where(*where).order_by(cases.c.id).limit(limit)).mappings())


def one_case(conn: Connection, name: str, token: Token) -> RowMapping | None:
    """Return a live case within the token's areas."""
    return (
        conn.execute(select(*(cases.c[n] for n in CASE)).where(cases.c.id == name, _case_within(token)))
        .mappings()
        .first()
    )


def _case_within(token: Token) -> ColumnElement[bool]:
    live = cases.c.realm == "live"
    if token.areas is None:
        return live
    return and_(live, cases.c.household.in_(select(households.c.id).where(households.c.area.in_(token.areas))))
