"""Whom and what a drill that runs may touch; asked wherever a row of the realm ``drill`` would be written.

This is the fence.  A finding gets its realm here, from the registry and from the drills that run, whatever its bearer
says; a notice of a drill is written only to somebody who takes part in one.  Nothing here writes, and nothing here reads a
case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeVar, get_args

from sqlalchemy import ColumnElement, Connection, exists, or_, select

from alerts.registry import realms
from alerts.schema import drill_homes, drill_people, drills

Realm = Literal["live", "drill"]
REALMS: tuple[Realm, ...] = get_args(Realm)


class Placed(Protocol):
    """What says of which home it is."""

    @property
    def realm(self) -> str:
        """Return the realm that its bearer believes it to be of."""
        ...

    @property
    def household(self) -> str:
        """Return the home."""
        ...


P = TypeVar("P", bound=Placed)


def any_runs(conn: Connection) -> bool:
    """Whether any drill runs."""
    return conn.execute(select(drills.c.id).where(drills.c.state == "running").limit(1)).first() is not None


def homes_in(conn: Connection, homes: Sequence[str] | None = None) -> dict[str, str]:
    """Return the homes in the scope of a drill that runs, each with that drill; `homes`: only of these."""
    d, h = drills.c, drill_homes.c
    asked = select(h.household, h.drill).join(drills, d.id == h.drill).where(d.state == "running", h.out_at.is_(None))
    rows = conn.execute(asked if homes is None else asked.where(h.household.in_(homes)))
    return {row.household: row.drill for row in rows}


def people_in(conn: Connection, drill: str | None = None) -> dict[str, list[str]]:
    """Return who takes part in drills that run and is not out, each with those drills; `drill`: only of this one."""
    d, p = drills.c, drill_people.c
    asked = select(p.person, p.drill).join(drills, d.id == p.drill).where(d.state == "running", p.out_at.is_(None))
    found: dict[str, list[str]] = {}
    for row in conn.execute(asked if drill is None else asked.where(d.id == drill)):
        found.setdefault(row.person, []).append(row.drill)
    return found


def takes_part(conn: Connection, person: str) -> bool:
    """Whether a notice of a drill may be written to this person (``worker:ID``, …)."""
    d, p = drills.c, drill_people.c
    mine = p.person == person, p.out_at.is_(None), d.state == "running"
    return conn.execute(select(d.id).join(drill_people, p.drill == d.id).where(*mine).limit(1)).first() is not None


def rehearses(conn: Connection, person: str, now: datetime) -> bool:
    """Whether somebody takes part in a drill that runs, or would if nothing real had come."""
    d, p = drills.c, drill_people.c
    mine = p.person == person, d.ends_at > now, or_(d.state == "running", d.why == "real")
    return conn.execute(select(d.id).join(drill_people, p.drill == d.id).where(*mine).limit(1)).first() is not None


def run_at(conn: Connection, person: str, household: str) -> datetime | None:
    """Return the beginning of the drill that runs at a home and in which this person takes part; None: none does."""
    d, p, h = drills.c, drill_people.c, drill_homes.c
    at_home = exists().where(h.drill == d.id, h.household == household, h.out_at.is_(None))
    mine = p.person == person, p.out_at.is_(None), d.state == "running", at_home
    return conn.scalar(select(d.started_at).join(drill_people, p.drill == d.id).where(*mine).limit(1))


def shown_to(person: str, household: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that what is played at a home may be seen by somebody: they took part in a drill there."""
    h, p = drill_homes.c, drill_people.c
    return exists().where(h.household == household, p.drill == h.drill, p.person == person)


def realm_of(conn: Connection, about: Sequence[P]) -> list[Realm | None]:
    """Return of which realm each of these is: decided by its home, not by what it says of itself.

    None: of none, nothing may come of it: its home exists only for drills and none of them runs, or it says that it is of
    a drill in whose scope its home is not.
    """
    homes = sorted({one.household for one in about})
    virtual = realms.rehearsed(conn, homes)
    said = {one.household for one in about if one.realm == "drill"}
    inside = homes_in(conn, sorted(virtual | said)) if virtual or said else {}

    def of(one: P) -> Realm | None:
        if one.household not in virtual and one.realm == "live":
            return "live"
        return "drill" if one.household in inside else None

    return [of(one) for one in about]


@dataclass(frozen=True, slots=True)
class _Member:
    realm: str
    household: str


def shares(conn: Connection, realm: str, homes: Sequence[str]) -> list[tuple[Realm, tuple[str, ...]]]:
    """Return of which realm an event of many homes is, with its homes there; nothing: of none.

    Homes of drills never make an event of life larger, and an event of life stays one without them.
    """
    if not homes:
        return [("live", ())] if realm == "live" else []
    of = realm_of(conn, [_Member(realm, home) for home in homes])
    parts: dict[Realm, tuple[str, ...]] = {
        one: tuple(home for home, its in zip(homes, of, strict=True) if its == one) for one in REALMS
    }
    return [(one, mine) for one, mine in parts.items() if mine][:1]


def ends_by(conn: Connection, drill: str) -> datetime | None:
    """Return when a drill that runs ends at the latest; None: it does not run."""
    return conn.scalar(select(drills.c.ends_at).where(drills.c.id == drill, drills.c.state == "running"))
