"""What the rest of the service asks of the registry: devices, consent, absence, and who is to be told tonight."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, and_, bindparam, or_, select

from alerts.policy import Load, Roster
from alerts.registry.agreed import holds
from alerts.registry.ways import BETWEEN, Way, ways
from alerts.schema import (
    Utc,
    absences,
    areas,
    cases,
    consents,
    contacts,
    devices,
    households,
    offers,
    registry_version,
    residents,
    shifts,
    turns,
    workers,
)

OUTCOME = "outcome:"
"""How `absences.by` begins when the outcome of a case made it; the case's id follows."""
KINDS = {"worker": workers, "operator": workers, "contact": contacts}


def missing() -> ColumnElement[bool]:
    """Return the condition that joins to a shift what says that its owner was asked, did not check in, and has not since."""
    s, t = shifts.c, turns.c
    same = and_(t.area == s.area, t.start == s.start, t.owner == s.owner)
    return and_(same, t.missed_at.is_not(None), t.owner_at.is_(None))


# Built once: building a statement costs more than carrying it out.
_NOW = bindparam("now", type_=Utc())
_UP: BindParameter[str] = bindparam("up", expanding=True)
_PEOPLE: BindParameter[str] = bindparam("people", expanding=True)
_PLACE = select(households.c.area, households.c.tz).where(households.c.id == bindparam("home"))
_LIVE_THERE = select(residents.c.id).where(residents.c.household == bindparam("home"))
_RESIDENT = select(contacts.c.resident).where(contacts.c.id == bindparam("contact"))
_AGREED = select(consents.c.resident, consents.c.recipient).where(
    consents.c.resident.in_(_PEOPLE), holds(_NOW, "relative")
)
_LISTED = (
    select(contacts.c.id, contacts.c.resident)
    .where(contacts.c.resident.in_(_PEOPLE))
    .order_by(contacts.c.position, contacts.c.id)
)
_PARENT = select(areas.c.parent).where(areas.c.id == bindparam("area"))
_RUNNING = (
    select(shifts.c.area, shifts.c.owner, shifts.c.backup, shifts.c.lead, turns.c.id.label("absent"))
    .outerjoin(turns, missing())
    .where(shifts.c.area.in_(_UP), shifts.c.start <= _NOW, shifts.c.end > _NOW)
    .order_by(shifts.c.start.desc(), shifts.c.id.desc())
)
_OF_ROLE = select(workers.c.id, workers.c.area).where(workers.c.area.in_(_UP), workers.c.role == bindparam("role"))
_OWNED = select(cases.c.owner, cases.c.severity).where(
    cases.c.owner.in_(_PEOPLE), cases.c.closed_at.is_(None), cases.c.realm == "live"
)
_LATELY = select(offers.c.worker).where(
    offers.c.worker.in_(_PEOPLE), offers.c.offered_at > bindparam("since", type_=Utc()), offers.c.realm == "live"
)
_ZONE = select(households.c.tz).where(households.c.id == bindparam("home"))
_PERSON = {
    kind: select(t.c.id, t.c.name, t.c.channel, t.c.address).where(t.c.id == bindparam("who"))
    for kind, t in KINDS.items()
}


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
    ways: tuple[Way, ...]
    """How to reach them: the channels in the order in which they are tried, at least one."""

    @property
    def channel(self) -> str:
        """Return the channel that is tried first."""
        return self.ways[0].channel

    @property
    def address(self) -> str:
        """Return where that one reaches them."""
        return self.ways[0].address

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
            .where(holds(now or datetime.now(UTC), "monitor"))
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


def consented(conn: Connection, household: str, purpose: str, now: datetime) -> bool:
    """Whether some resident of `household` agreed to `purpose` and has not withdrawn it by `now`."""
    return conn.execute(_consented(purpose), {"home": household, "now": now}).first() is not None


@cache
def _consented(purpose: str) -> Select[tuple[int]]:
    of_home = residents.c.household == bindparam("home")
    wanted = select(consents.c.id).join(residents, residents.c.id == consents.c.resident)
    return wanted.where(of_home, holds(_NOW, purpose)).limit(1)


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
    return ZoneInfo(conn.execute(_ZONE, {"home": household}).scalar_one())


def person(conn: Connection, actor: str) -> Person | None:
    """Return who stands behind ``worker:ID``, ``operator:ID`` or ``contact:ID``; None: not in the registry."""
    kind, _, who = actor.partition(":")
    if kind not in KINDS:
        return None
    row = conn.execute(_PERSON[kind], {"who": who}).first()
    return None if row is None else Person(kind, row.id, row.name, ways(row.channel, row.address))


def still_agreed(conn: Connection, contact: str, now: datetime) -> bool:
    """Whether the resident's consent to tell this contact still stands."""
    resident = conn.scalar(_RESIDENT, {"contact": contact})
    return resident is not None and contact in _family_of(conn, [resident], now)


def roster(conn: Connection, household: str, now: datetime) -> Roster:
    """Return who stands on the ladder of `household` at `now`.

    The shift is the one of the nearest area up the tree that has one now (of several, the one that began last); its
    lead, or the nearest lead of those areas; an owner who did not check in stands behind the backup.  Without consent to
    the community nobody of it is on the ladder, and of the family only contacts whom their resident agreed to.
    Operators are those of these areas, or else all.
    """
    family = tuple(relatives(conn, household, now))
    home = conn.execute(_PLACE, {"home": household}).one()
    zone = ZoneInfo(home.tz)
    local = now.astimezone(zone)
    ladder = area_roster(conn, home.area, now)
    minute = local.hour * 60 + local.minute
    if not consented(conn, household, "community", now):
        return Roster(family=family, operators=ladder.operators, areas=ladder.areas, minute=minute, zone=zone)
    people = [who for who in (ladder.owner, ladder.backup, ladder.lead, *ladder.duty) if who is not None]
    return replace(ladder, family=family, minute=minute, zone=zone, loads=loads(conn, people, now))


def areas_of_home(conn: Connection, household: str) -> list[str]:
    """Return the areas of a home, its own first, then upwards."""
    return list(_areas_up(conn, conn.execute(_PLACE, {"home": household}).one().area))


def area_roster(conn: Connection, area: str | None, now: datetime) -> Roster:
    """Return who stands on the ladder of an area at `now`, as for `roster`; no family."""
    up = list(_areas_up(conn, area))
    # Whom nobody of one's own area can tell, an operator of another hears: one installation, one house.
    operators = tuple(_workers(conn, up, "operator") or _every_operator(conn))
    shift = _shift(conn, up, now)
    leads = _workers(conn, up, "lead")
    nearest = leads[0] if leads else None
    owner, backup, lead = shift or (None, None, None)
    duty = tuple(_workers(conn, up, "duty"))
    return Roster(owner, backup, lead or nearest, operators=operators, duty=duty, areas=tuple(up))


def loads(conn: Connection, people: Collection[str], now: datetime) -> dict[str, Load]:
    """Return what workers have on hand: live cases that are theirs, and how often they were asked lately."""
    red, amber = Counter[str](), Counter[str]()
    for owner, severity in conn.execute(_OWNED, {"people": list(people)}):
        (red if severity == "red" else amber)[owner] += 1
    asked = Counter(conn.scalars(_LATELY, {"people": list(people), "since": now - timedelta(hours=1)}))
    return {who: Load(red[who], amber[who], asked[who]) for who in people}


def relatives(conn: Connection, household: str, now: datetime) -> list[str]:
    """Return the contacts of a household who may be told, in the order the residents chose."""
    people = list(conn.scalars(_LIVE_THERE, {"home": household}))
    return _family_of(conn, people, now)


def channels_used(conn: Connection) -> set[str]:
    """Return the channels by which people of the registry want to be told."""
    told = select(workers.c.channel).where(workers.c.role != "former").union(select(contacts.c.channel))
    return {one for listed in conn.scalars(told) for one in listed.split(BETWEEN)}


def _family_of(conn: Connection, people: list[str], now: datetime) -> list[str]:
    """Return contacts in the order the residents chose; a consent without recipient is for all of them."""
    agreed = conn.execute(_AGREED, {"people": people, "now": now}).all()
    allowed = {(row.resident, row.recipient) for row in agreed}
    listed = conn.execute(_LISTED, {"people": people})
    return [row.id for row in listed if (row.resident, row.id) in allowed or (row.resident, "") in allowed]


def above(parent_of: Callable[[str], str | None], area: str | None) -> Iterator[str]:
    """Yield an area and those above it, the nearest first; the import refuses circles, this does not follow one."""
    seen = set()
    while area is not None and area not in seen:
        yield area
        seen.add(area)
        area = parent_of(area)


def _areas_up(conn: Connection, area: str | None) -> Iterator[str]:
    return above(lambda below: conn.scalar(_PARENT, {"area": below}), area)


def _shift(conn: Connection, up: list[str], now: datetime) -> tuple[str, str | None, str | None] | None:
    running = conn.execute(_RUNNING, {"up": up, "now": now}).all()
    if not running:
        return None
    near = min(running, key=lambda row: up.index(row.area))  # the first of equals: the one that began last
    owner, backup = in_order(near.owner, near.backup, absent=near.absent is not None)
    return owner, backup, near.lead


def in_order(owner: str, backup: str | None, *, absent: bool) -> tuple[str, str | None]:
    """Return who is asked first and second; an owner who did not check in stands behind the backup."""
    return (backup, owner) if absent and backup is not None else (owner, backup)


def _every_operator(conn: Connection) -> list[str]:
    return list(conn.scalars(select(workers.c.id).where(workers.c.role == "operator").order_by(workers.c.id)))


def _workers(conn: Connection, up: list[str], role: str) -> list[str]:
    """Return the workers of that role, nearest area first."""
    found = conn.execute(_OF_ROLE, {"up": up, "role": role}).all()
    return [row.id for row in sorted(found, key=lambda row: (up.index(row.area), row.id))]
