"""What the rest of the service asks of the registry: devices, consent, absence, and who is to be told tonight."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from alerts.policy import Roster
from alerts.schema import (
    absences,
    areas,
    consents,
    contacts,
    devices,
    households,
    registry_version,
    residents,
    shifts,
    workers,
)

OUTCOME = "outcome:"
"""How `absences.by` begins when the outcome of a case made it; the case's id follows."""
KINDS = {"worker": workers, "operator": workers, "contact": contacts}


@dataclass(frozen=True, slots=True)
class Bound:
    """A device in a household, from `valid_from` until `valid_to` (None: open)."""

    device: str
    format: str
    household: str
    tz: str
    """The household's zone."""
    valid_from: datetime
    valid_to: datetime | None
    unit: str | None
    litres_per_pulse: float | None
    resolution_l: float | None
    """The water register's smallest step; None: it has no register, it is a sensor."""
    modulus_l: float | None
    period_s: int
    zone: str
    """The device's own zone."""
    consented: bool
    """Some resident of that household agreed to be monitored and has not withdrawn it."""
    gateway: str | None
    """Through which its messages come, as far as the registry knows."""
    area: str
    building: str
    riser: str | None
    """Where the home is: with whom it shares its pipes."""


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who can be told: kind is worker, operator or contact."""

    kind: str
    id: str
    name: str
    channel: str
    address: str

    @property
    def actor(self) -> str:
        """Return the name under which events are logged."""
        return f"{self.kind}:{self.id}"


def version(conn: Connection) -> int:
    """Return a number that rises with every change of the registry."""
    return conn.scalar(select(registry_version.c.version)) or 0


def bindings(conn: Connection, now: datetime | None = None) -> list[Bound]:
    """Return every device binding, by device and time; consent as of `now` (default: this moment)."""
    agreed = set(
        conn.scalars(
            select(residents.c.household)
            .join(consents, consents.c.resident == residents.c.id)
            .where(_given("monitor", now or datetime.now(UTC)))
        )
    )
    d = devices.c
    home = households.c.tz, households.c.area, households.c.building, households.c.riser
    found = conn.execute(
        select(devices, *home).join(households, households.c.id == d.household).order_by(d.id, d.valid_from)
    )
    return [
        Bound(
            device=row.id, format=row.format, household=row.household, tz=row.tz, valid_from=row.valid_from,
            valid_to=row.valid_to, unit=row.unit, litres_per_pulse=row.litres_per_pulse, resolution_l=row.resolution_l,
            modulus_l=row.modulus_l, period_s=row.period_s, zone=row.zone, consented=row.household in agreed,
            gateway=row.gateway, area=row.area, building=row.building, riser=row.riser,
        )
        for row in found
    ]  # fmt: skip


def _given(purpose: str, now: datetime) -> ColumnElement[bool]:
    c = consents.c
    return and_(c.purpose == purpose, c.given_at <= now, or_(c.withdrawn_at.is_(None), c.withdrawn_at > now))


def consented(conn: Connection, household: str, purpose: str, now: datetime) -> bool:
    """Whether some resident of `household` agreed to `purpose` and has not withdrawn it by `now`."""
    wanted = (
        select(consents.c.id)
        .join(residents, residents.c.id == consents.c.resident)
        .where(residents.c.household == household, _given(purpose, now))
    )
    return conn.execute(wanted.limit(1)).first() is not None


def absent(conn: Connection, household: str, at: datetime, *, vouched: bool = False, declared: bool = False) -> bool:
    """Whether the household declared to be away at that moment (until its end, exclusive).

    `vouched`: by more than a relative's word on a page.  `declared`: by a person, not by the outcome of a case, which
    nobody gave an end.
    """
    a = absences.c
    wanted = select(a.id).where(a.household == household, a.start <= at, a.end > at)
    if vouched:
        wanted = wanted.where(or_(a.declared_at.is_(None), a.by.not_like("contact:%")))
    if declared:
        wanted = wanted.where(a.by.not_like(f"{OUTCOME}%"))
    return conn.execute(wanted.limit(1)).first() is not None


def household_zone(conn: Connection, household: str) -> ZoneInfo:
    """Return the zone in which the household's day is told."""
    return ZoneInfo(conn.execute(select(households.c.tz).where(households.c.id == household)).scalar_one())


def person(conn: Connection, actor: str) -> Person | None:
    """Return who stands behind ``worker:ID``, ``operator:ID`` or ``contact:ID``; None: not in the registry."""
    kind, _, who = actor.partition(":")
    if kind not in KINDS:
        return None
    t = KINDS[kind].c
    row = conn.execute(select(t.id, t.name, t.channel, t.address).where(t.id == who)).first()
    return None if row is None else Person(kind, row.id, row.name, row.channel, row.address)


def still_agreed(conn: Connection, contact: str, now: datetime) -> bool:
    """Whether the resident's consent to tell this contact still stands."""
    resident = conn.execute(select(contacts.c.resident).where(contacts.c.id == contact)).scalar()
    return resident is not None and contact in _family_of(conn, [resident], now)


def roster(conn: Connection, household: str, now: datetime) -> Roster:
    """Return who stands on the ladder of `household` at `now`.

    The shift is the one of the nearest area up the tree that has one now (of several, the one that began last); its
    lead, or the nearest lead of those areas.  Without consent to the community nobody of it is on the ladder, and of
    the family only contacts whom their resident agreed to.  Operators are those of these areas, or else all.
    """
    family = tuple(relatives(conn, household, now))
    area = conn.execute(select(households.c.area).where(households.c.id == household)).scalar()
    ladder = area_roster(conn, area, now)
    if not consented(conn, household, "community", now):
        return Roster(family=family, operators=ladder.operators)
    return replace(ladder, family=family)


def area_roster(conn: Connection, area: str | None, now: datetime) -> Roster:
    """Return who stands on the ladder of an area at `now`, as for `roster`; no family."""
    up = list(_areas_up(conn, area))
    # Whom nobody of one's own area can tell, an operator of another hears: one installation, one house.
    operators = tuple(_workers(conn, up, "operator") or _every_operator(conn))
    shift = _shift(conn, up, now)
    leads = _workers(conn, up, "lead")
    nearest = leads[0] if leads else None
    if shift is None:
        return Roster(lead=nearest, operators=operators)
    owner, backup, lead = shift
    return Roster(owner, backup, lead or nearest, operators=operators)


def relatives(conn: Connection, household: str, now: datetime) -> list[str]:
    """Return the contacts of a household who may be told, in the order the residents chose."""
    people = list(conn.scalars(select(residents.c.id).where(residents.c.household == household)))
    return _family_of(conn, people, now)


def channels_used(conn: Connection) -> set[str]:
    """Return the channels by which people of the registry want to be told."""
    told = select(workers.c.channel).where(workers.c.role != "former").union(select(contacts.c.channel))
    return set(conn.scalars(told))


def _family_of(conn: Connection, people: list[str], now: datetime) -> list[str]:
    """Return contacts in the order the residents chose; a consent without recipient is for all of them."""
    agreed = conn.execute(
        select(consents.c.resident, consents.c.recipient).where(
            consents.c.resident.in_(people), _given("relative", now)
        )
    ).all()
    allowed = {(row.resident, row.recipient) for row in agreed}
    c = contacts.c
    listed = conn.execute(select(c.id, c.resident).where(c.resident.in_(people)).order_by(c.position, c.id))
    return [row.id for row in listed if (row.resident, row.id) in allowed or (row.resident, "") in allowed]


def _areas_up(conn: Connection, area: str | None) -> Iterator[str]:
    """Yield the area, its parent and so on; the import refuses circles, this does not follow one."""
    seen = set()
    while area is not None and area not in seen:
        yield area
        seen.add(area)
        area = conn.execute(select(areas.c.parent).where(areas.c.id == area)).scalar()


def _shift(conn: Connection, up: list[str], now: datetime) -> tuple[str, str | None, str | None] | None:
    s = shifts.c
    running = conn.execute(
        select(s.area, s.owner, s.backup, s.lead)
        .where(s.area.in_(up), s.start <= now, s.end > now)
        .order_by(s.start.desc(), s.id.desc())
    ).all()
    if not running:
        return None
    near = min(running, key=lambda row: up.index(row.area))  # the first of equals: the one that began last
    return near.owner, near.backup, near.lead


def _every_operator(conn: Connection) -> list[str]:
    return list(conn.scalars(select(workers.c.id).where(workers.c.role == "operator").order_by(workers.c.id)))


def _workers(conn: Connection, up: list[str], role: str) -> list[str]:
    """Return the workers of that role, nearest area first."""
    w = workers.c
    found = conn.execute(select(w.id, w.area).where(w.area.in_(up), w.role == role)).all()
    return [row.id for row in sorted(found, key=lambda row: (up.index(row.area), row.id))]
