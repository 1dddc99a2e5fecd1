"""A home does not pass between drills and life: neither does a simulated fall become a real one, nor a real one unheard.

Which of the two a home is stands in its area, and in the areas above.  A row that would change that is refused for a home that
has meters, or a past (`kept`): what its meters send tomorrow would count for something else than yesterday, and nobody would
have said so.  A home without either may be moved, so that a slip in a first import can be mended.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from alerts.registry.realms import KIND
from alerts.schema import area_members, areas, cases, devices, drill_homes, findings, households

AT_ONCE = 5000
"""Homes that one query names at most."""


class Above(NamedTuple):
    """What an area's row says of where it belongs."""

    parent: str | None
    kind: str


def stored_areas(conn: Connection) -> dict[str, Above]:
    """Return the areas as they stand."""
    return {
        row.id: Above(row.parent, row.kind) for row in conn.execute(select(areas.c.id, areas.c.parent, areas.c.kind))
    }


def stored_homes(conn: Connection) -> dict[str, str]:
    """Return the area of each home as it stands."""
    return {row.id: row.area for row in conn.execute(select(households.c.id, households.c.area))}


def of_drills(known: Mapping[str, Above]) -> set[str]:
    """Return the areas of the kind ``drill``, and all below them."""
    found = {name for name, area in known.items() if area.kind == KIND}
    while more := {name for name, area in known.items() if area.parent in found} - found:
        found |= more
    return found


def moved(
    conn: Connection, after_areas: Mapping[str, Above], after_homes: Mapping[str, str], homes: Mapping[str, str]
) -> dict[str, str]:
    """Return the homes that would pass from drills to life or back though they must not, each with what is wanted.

    Parameters
    ----------
    after_areas, after_homes : mapping
        As they would be: all areas; the area of each of some homes.
    homes : mapping
        The area of each home as it stands.
    """
    before, after = of_drills(stored_areas(conn)), of_drills(after_areas)
    turned = {
        home: area in after
        for home, area in after_homes.items()
        if home in homes and (homes[home] in before) != (area in after)
    }
    return {home: _wanted(played=turned[home]) for home in sorted(kept(conn, turned))}


def kept(conn: Connection, homes: Collection[str]) -> set[str]:
    """Return those of `homes` that have a meter or a past: findings, cases, drills, outages."""
    tables, found = (devices.c, findings.c, cases.c, drill_homes.c, area_members.c), set()
    for some in batched(sorted(homes), AT_ONCE):
        for t in tables:
            found |= set(conn.scalars(select(t.household).where(t.household.in_(some)).distinct()))
    return found


def batched(homes: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield `homes` in parts that fit into a query."""
    return (homes[begin : begin + size] for begin in range(0, len(homes), size))


def _wanted(*, played: bool) -> str:
    if played:
        return "an area in which somebody lives: this home has meters or a past, and a drill needs homes with ids of their own"
    return "an area of drills: this home has meters or a past of drills, and a real home needs an id of its own"
