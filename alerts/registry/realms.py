"""Which homes and workers exist only for drills: those of an area of the kind ``drill``, or below one.

The realm of a home stands in the registry and never changes with what runs: a home of a drill area that is heard of
while no drill runs raises nothing at all, instead of something real.
"""

from collections.abc import Collection
from functools import cache

from sqlalchemy import ColumnElement, Connection, Select, bindparam, select

from alerts.schema import areas, contacts, households, residents, workers

KIND = "drill"
"""The kind of an area for drills; a list of such areas stands in the sheet like any other."""


@cache
def drill_areas() -> Select[tuple[str]]:
    """Return the query for the areas of drills: each of the kind, and all below it."""
    below = select(areas.c.id).where(areas.c.kind == KIND).cte("drill_areas", recursive=True)
    below = below.union(select(areas.c.id).where(areas.c.parent == below.c.id))
    return select(below.c.id)


def areas_of_drills(conn: Connection) -> set[str]:
    """Return the ids of the areas of drills."""
    return {row.id for row in conn.execute(drill_areas())}


def lived_in(area: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that an area's id is that of a real one: for whatever counts, reports or promises."""
    return area.not_in(drill_areas())


@cache
def _rehearsed() -> Select[tuple[str]]:
    named = households.c.id.in_(bindparam("homes", expanding=True))
    return select(households.c.id).where(named, households.c.area.in_(drill_areas()))


def rehearsed(conn: Connection, homes: Collection[str]) -> set[str]:
    """Return those of `homes` that exist only for drills."""
    return set(conn.scalars(_rehearsed(), {"homes": list(homes)})) if homes else set()


def played(conn: Connection, people: Collection[str]) -> set[str]:
    """Return those of `people` (``worker:ID``, ``operator:ID``, ``contact:ID``) who exist only for drills."""
    staff = conn.scalars(select(workers.c.id).where(workers.c.area.in_(drill_areas())))
    family = (
        select(contacts.c.id)
        .join(residents, residents.c.id == contacts.c.resident)
        .join(households, households.c.id == residents.c.household)
        .where(households.c.area.in_(drill_areas()))
    )
    virtual = {f"{kind}:{who}" for who in staff for kind in ("worker", "operator")}
    return (virtual | {f"contact:{who}" for who in conn.scalars(family)}) & set(people)
