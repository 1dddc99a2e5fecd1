"""Addresses at which nobody is reached, as providers say, by whose they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from alerts import registry
from alerts.registry.ways import ways
from alerts.schema import contact_points, contacts, workers


@dataclass(frozen=True, slots=True)
class BadPoint:
    """One way to reach a person that does not work: since when, and what the provider said.  The address is not shown."""

    channel: str
    since: datetime
    why: str


def bad_points(conn: Connection, kind: str, who: str) -> tuple[BadPoint, ...]:
    """Return the ways of a person (``worker`` or ``contact``) that reach nobody, in the order in which they are tried."""
    person = registry.person(conn, f"{kind}:{who}")
    known = _known(conn) if person is not None else {}
    return tuple(known[way.channel, way.address] for way in (person.ways if person else ()) if tuple(way) in known)


def bad_workers(conn: Connection) -> Mapping[str, tuple[BadPoint, ...]]:
    """Return the workers of whom some way reaches nobody."""
    known = _known(conn)
    if not known:
        return {}
    rows = conn.execute(select(workers.c.id, workers.c.channel, workers.c.address)).all()
    return {row.id: bad for row in rows if (bad := of_ways(known, row.channel, row.address))}


def bad_contacts(conn: Connection, residents: list[str]) -> Mapping[str, tuple[BadPoint, ...]]:
    """Return the relatives of some residents of whom some way reaches nobody."""
    known = _known(conn)
    if not known:
        return {}
    c = contacts.c
    rows = conn.execute(select(c.id, c.channel, c.address).where(c.resident.in_(residents))).all()
    return {row.id: bad for row in rows if (bad := of_ways(known, row.channel, row.address))}


def of_ways(known: Mapping[tuple[str, str], BadPoint], channel: str, address: str) -> tuple[BadPoint, ...]:
    """Return those of the ways in two cells of the registry that are known to reach nobody."""
    listed = ((way.channel, way.address) for way in ways(channel, address))
    return tuple(known[way] for way in listed if way in known)


def _known(conn: Connection) -> Mapping[tuple[str, str], BadPoint]:
    bad = select(contact_points).where(contact_points.c.bad_at.is_not(None))
    return {
        (row.channel, row.address): BadPoint(row.channel, row.bad_at, row.bad_why or "") for row in conn.execute(bad)
    }
