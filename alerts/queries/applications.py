"""Applications on pages: which areas can be applied in, and what waits for the operator."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, or_, select

from alerts import applications as steps
from alerts.schema import applications, areas, devices, residents

DONE = timedelta(days=30)
"""How long an application that is done stands in the list."""
MOST = 200
_ORDER = ("applied", "consented", "fitted", "verified", "covered", "declined")


@dataclass(frozen=True, slots=True)
class Application:
    """One application: what was filled in, where it stands, and what it lacks for the last step."""

    id: str
    state: str
    by: str
    created_at: datetime
    changed_at: datetime
    said: Mapping[str, Any]
    reason: str | None
    household: str | None
    resident: str | None
    name: str
    test_at: datetime | None
    device: str | None
    lacking: tuple[str, ...]


def areas_to_apply(conn: Connection) -> list[tuple[str, str]]:
    """Return (id, name) of the areas that people know: communities, or what there is besides."""
    a = areas.c
    rows = conn.execute(select(a.id, a.kind, a.name).order_by(a.name, a.id)).all()
    known = [row for row in rows if row.kind == "community"] or [
        row for row in rows if row.kind not in ("district", "drill")
    ]
    return [(row.id, row.name) for row in known]


def areas_within(conn: Connection) -> dict[str, list[tuple[str, str]]]:
    """Return, for each area, the areas in which a home of it may lie: those below it without others below, or itself."""
    rows = conn.execute(select(areas.c.id, areas.c.parent, areas.c.name).order_by(areas.c.id)).all()
    below: dict[str | None, list[str]] = {}
    for row in rows:
        below.setdefault(row.parent, []).append(row.id)
    names = {row.id: row.name for row in rows}

    def leaves(area: str, seen: frozenset[str] = frozenset()) -> list[str]:
        under = [one for one in below.get(area, ()) if one not in seen]
        return [leaf for one in under for leaf in leaves(one, seen | {area})] if under else [area]

    return {area: [(leaf, names[leaf]) for leaf in leaves(area)] for area in names}


def application_list(conn: Connection, now: datetime) -> list[Application]:
    """Return the applications that are not done, and those done of late; what waits longest first."""
    a, d = applications.c, devices.c
    shown = or_(a.state.not_in(("covered", "declined")), a.changed_at > now - DONE)
    query = select(applications, residents.c.name.label("resident_name"))
    rows = conn.execute(
        query.outerjoin(residents, residents.c.id == a.resident).where(shown).order_by(a.created_at).limit(MOST)
    ).mappings()
    found = []
    for row in rows.all():
        mine = d.household == row["household"], or_(d.valid_to.is_(None), d.valid_to > now)
        device = conn.scalar(select(d.id).where(*mine).order_by(d.n.desc())) if row["household"] else None
        lacks = steps.lacking(conn, row["household"], now) if row["state"] == "verified" else ()
        found.append(
            Application(
                row["id"], row["state"], row["by"], row["created_at"], row["changed_at"], row["said"], row["reason"],
                row["household"], row["resident"], row["resident_name"] or row["said"].get("name", ""), row["test_at"],
                device, lacks,
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: _ORDER.index(one.state))
