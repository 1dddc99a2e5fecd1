"""Putting a registry into the database: what would change, and the change, in one transaction.

The sheets are the whole truth: what they no longer name is deleted, except rows that a case refers to.  Such a worker
stays as ``former`` (never told of anything again), such a household without residents, devices and consent.  Absences
that the outcome of a case made, or somebody on a page, are not of the sheets and stay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update

from alerts import audit
from alerts.registry import moving
from alerts.registry.lookups import OUTCOME, version
from alerts.registry.reading import Registry
from alerts.registry.sheets import KEYS, SHEETS, Fault, RegistryError
from alerts.schema import (
    area_events,
    area_members,
    cases,
    drill_homes,
    findings,
    metadata,
    notices,
    offers,
    registry_version,
    turns,
)

Key = tuple[Any, ...]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What an import does to one table, by key."""

    added: Mapping[Key, Row]
    changed: Mapping[Key, Row]
    removed: tuple[Key, ...]
    kept: tuple[Key, ...]
    """No longer in the sheets, but a case refers to them."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What an import does to every table."""

    tables: Mapping[str, Change]

    def __bool__(self) -> bool:
        return any(c.added or c.changed or c.removed for c in self.tables.values())

    def lines(self) -> list[str]:
        """Return one line for each table that changes; no names of people, only counts and ids of what stays."""
        said = []
        for table, c in self.tables.items():
            if c.added or c.changed or c.removed or c.kept:
                line = f"{table}: {len(c.added)} new, {len(c.changed)} changed, {len(c.removed)} removed"
                if c.kept:
                    line += f", {len(c.kept)} kept because cases refer to them ({', '.join(str(k[0]) for k in c.kept)})"
                said.append(line)
        return said or ["nothing: the database already says this"]


def plan(registry: Registry, conn: Connection) -> Changes:
    """Return what `apply` would change now; changes nothing.

    Raises
    ------
    RegistryError
        A home would pass from drills to life, or back (`alerts.registry.moving`).
    """
    in_use = _in_use(conn)
    tables = {sheet: _change(registry, conn, sheet, in_use.get(sheet, set())) for sheet in SHEETS}
    _realms_stay(conn, tables)
    return Changes(tables)


def _realms_stay(conn: Connection, tables: Mapping[str, Change]) -> None:
    new_areas = {**tables["areas"].added, **tables["areas"].changed}
    new_homes = tables["households"].changed
    if not new_areas and not new_homes:
        return
    homes = moving.stored_homes(conn)
    after = moving.stored_areas(conn) | {
        str(key[0]): moving.Above(row["parent"], row["kind"]) for key, row in new_areas.items()
    }
    placed = homes | {str(key[0]): row["area"] for key, row in new_homes.items()}
    if wrong := moving.moved(conn, after, placed, homes):
        raise RegistryError([Fault("households", None, "area", wanted, home) for home, wanted in wrong.items()])


def apply(registry: Registry, conn: Connection, now: datetime, by: str = "cli") -> Changes:
    """Make the database say what `registry` says, in the caller's transaction; return what changed."""
    changes = plan(registry, conn)
    for sheet in SHEETS:  # parents first
        table, change = metadata.tables[sheet], changes.tables[sheet]
        if change.added:
            conn.execute(insert(table), [dict(row) for row in change.added.values()])
        for key, row in change.changed.items():
            conn.execute(update(table).where(*_is(table, sheet, key)).values(**row))
        if sheet == "workers":
            for key in change.kept:
                conn.execute(update(table).where(*_is(table, sheet, key)).values(role="former"))
    for sheet in reversed(SHEETS):  # children first
        table = metadata.tables[sheet]
        for key in changes.tables[sheet].removed:
            conn.execute(delete(table).where(*_is(table, sheet, key)))
    if changes:
        bump(conn)
        _write_down(conn, changes, now, by)
    return changes


MOST_NAMED = 200
"""Ids that one entry of the audit chain names; of more their number stands there."""


def _write_down(conn: Connection, changes: Changes, now: datetime, by: str) -> None:
    """Append to the audit chain: each consent for itself, of the other sheets which ids changed."""
    for sheet, change in changes.tables.items():
        done = (("added", change.added), ("changed", change.changed), ("removed", change.removed))
        if sheet == "consents":
            for what, keys in done:
                said = [(f"resident:{key[0]}", {"what": what, "purpose": key[1], "to": key[2]}) for key in keys]
                audit.append_all(conn, now, "consent", by, said)
            continue
        data: dict[str, Any] = {what: len(keys) for what, keys in done if keys}
        if not data:
            continue
        if KEYS[sheet] == ("id",):  # other keys are times and the devices' serial numbers
            data["ids"] = sorted(str(key[0]) for _, keys in done for key in keys)[:MOST_NAMED]
        audit.append(conn, now, "registry", by, sheet=sheet, **data)


def stored(conn: Connection, sheet: str) -> list[dict[str, Any]]:
    """Return the rows of a table that are of the sheets, by what makes each one itself."""
    table = metadata.tables[sheet]
    query = select(*(table.c[field.key] for field in SHEETS[sheet]))
    if sheet == "absences":
        query = query.where(table.c["by"].not_like(f"{OUTCOME}%"), table.c["declared_at"].is_(None))
    if sheet == "workers":
        query = query.where(table.c["role"] != "former")
    return [dict(row) for row in conn.execute(query.order_by(*(table.c[key] for key in KEYS[sheet]))).mappings()]


def bump(conn: Connection) -> None:
    """Let everyone who keeps a copy of the registry know that it changed."""
    number = version(conn)
    if number:
        conn.execute(update(registry_version).values(version=number + 1))
    else:
        conn.execute(insert(registry_version).values(one=1, version=1))


def _is(table: Table, sheet: str, key: Key) -> list[Any]:
    return [table.c[column] == value for column, value in zip(KEYS[sheet], key, strict=True)]


def _change(registry: Registry, conn: Connection, sheet: str, in_use: set[str]) -> Change:
    new = {tuple(row[k] for k in KEYS[sheet]): row for row in registry.rows[sheet]}
    old = {tuple(row[k] for k in KEYS[sheet]): row for row in stored(conn, sheet)}
    if sheet == "consents":
        new = {key: _still_withdrawn(row, old.get(key)) for key, row in new.items()}
    former = _former(conn, new) if sheet == "workers" else set()
    gone = [key for key in old if key not in new]
    return Change(
        added={key: row for key, row in new.items() if key not in old and key not in former},
        changed={key: row for key, row in new.items() if key in former or (key in old and old[key] != row)},
        removed=tuple(key for key in gone if key[0] not in in_use),
        kept=tuple(key for key in gone if key[0] in in_use),
    )


def _still_withdrawn(new: Row, old: Row | None) -> Row:
    """Return a consent of the sheets with the withdrawal that was made since: no import takes one back."""
    before = None if old is None else old["withdrawn_at"]
    return new if before is None or new["withdrawn_at"] is not None else {**new, "withdrawn_at": before}


def _former(conn: Connection, new: Mapping[Key, Row]) -> set[Key]:
    """Return workers of the sheets who had left and are back."""
    workers = metadata.tables["workers"].c
    return {(who,) for who in conn.scalars(select(workers.id).where(workers.role == "former")) if (who,) in new}


def _in_use(conn: Connection) -> dict[str, set[str]]:
    """Return ids that cases, findings, area events, drills, offers or notices refer to, and the areas those rows lie in."""
    others = select(findings.c.household), select(area_members.c.household), select(drill_homes.c.household)
    named = select(cases.c.household).union(*others)
    homes = set(conn.scalars(named))
    people = set(conn.scalars(select(offers.c.worker).union(select(cases.c.owner).where(cases.c.owner.is_not(None)))))
    for part in (turns.c.owner, turns.c.backup, turns.c.lead, cases.c.next_owner):
        people |= set(conn.scalars(select(part).where(part.is_not(None)).distinct()))
    people |= set(conn.scalars(select(notices.c.recipient).where(notices.c.recipient_kind != "contact").distinct()))
    areas, households, workers = (metadata.tables[name].c for name in ("areas", "households", "workers"))
    needed = set(conn.scalars(select(households.area).where(households.id.in_(homes))))
    needed |= set(conn.scalars(select(workers.area).where(workers.id.in_(people))))
    needed |= set(conn.scalars(select(workers.area).where(workers.role == "former")))
    for told in (area_events.c.area, turns.c.area):
        needed |= set(conn.scalars(select(told).where(told.is_not(None))))
    parents = {row.id: row.parent for row in conn.execute(select(areas.id, areas.parent))}
    for area in list(needed):
        above = parents.get(area)
        while above is not None and above not in needed:
            needed.add(above)
            above = parents.get(above)
    return {"households": homes, "workers": people, "areas": needed}
