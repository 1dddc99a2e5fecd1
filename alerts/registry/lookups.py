"""What the rest of the service asks of the registry: devices, consent, absence, and who is to be told tonight."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, and_, bindparam, func, or_, select

from alerts.policy import Load, Roster
from alerts.registry import realms
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
_HOMES: BindParameter[str] = bindparam("homes", expanding=True)
_PLACES = select(households.c.id, households.c.area, households.c.tz).where(households.c.id.in_(_HOMES))
_LIVE_THERE = select(residents.c.id, residents.c.household).where(residents.c.household.in_(_HOMES))
_RESIDENTS = select(contacts.c.resident).where(contacts.c.id.in_(_PEOPLE)).distinct()
_AGREED = select(consents.c.resident, consents.c.recipient).where(
    consents.c.resident.in_(_PEOPLE), holds(_NOW, "relative")
)
_LISTED = (
    select(contacts.c.id, contacts.c.resident)
    .where(contacts.c.resident.in_(_PEOPLE))
    .order_by(contacts.c.position, contacts.c.id)
)
_PARENTS = select(areas.c.id, areas.c.parent).where(areas.c.id.in_(_UP))
_RUNNING = (
    select(shifts.c.area, shifts.c.owner, shifts.c.backup, shifts.c.lead, turns.c.id.label("absent"))
    .outerjoin(turns, missing())
    .where(shifts.c.area.in_(_UP), shifts.c.start <= _NOW, shifts.c.end > _NOW)
    .order_by(shifts.c.start.desc(), shifts.c.id.desc())
)
_OF_ROLE = select(workers.c.id, workers.c.area, workers.c.role).where(
    workers.c.area.in_(_UP), workers.c.role.in_(("operator", "lead", "duty"))
)
_OPERATORS = (
    select(workers.c.id).where(workers.c.role == "operator", realms.lived_in(workers.c.area)).order_by(workers.c.id)
)
_OWNED = (
    select(cases.c.owner, cases.c.severity == "red", func.count())
    .where(cases.c.owner.in_(_PEOPLE), cases.c.closed_at.is_(None), cases.c.realm == "live")
    .group_by(cases.c.owner, cases.c.severity == "red")
)
_LATELY = (
    select(offers.c.worker, func.count())
    .where(
        offers.c.worker.in_(_PEOPLE), offers.c.offered_at > bindparam("since", type_=Utc()), offers.c.realm == "live"
    )
    .group_by(offers.c.worker)
)
_ZONE = select(households.c.tz).where(households.c.id == bindparam("home"))
_NAMED = {
    kind: select(t.c.id, t.c.name, t.c.channel, t.c.address).where(t.c.id.in_(_PEOPLE)) for kind, t in KINDS.items()
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
    return household in consenting(conn, [household], purpose, now)


def consenting(conn: Connection, homes: Collection[str], purpose: str, now: datetime) -> set[str]:
    """Return those of `homes` of which `consented` is true."""
    return set(conn.scalars(_consented(purpose), {"homes": list(homes), "now": now}))


@cache
def _consented(purpose: str) -> Select[tuple[str]]:
    agreed = select(residents.c.household).join(consents, residents.c.id == consents.c.resident)
    return agreed.where(residents.c.household.in_(_HOMES), holds(_NOW, purpose)).distinct()


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
    return persons(conn, [actor]).get(actor)


def persons(conn: Connection, actors: Collection[str]) -> dict[str, Person]:
    """Return who stands behind each of `actors`; whom the registry does not know is left out."""
    by_kind: defaultdict[str, list[str]] = defaultdict(list)
    for actor in actors:
        kind, _, who = actor.partition(":")
        by_kind[kind].append(who)
    return {
        f"{kind}:{row.id}": Person(kind, row.id, row.name, ways(row.channel, row.address))
        for kind, ids in by_kind.items()
        if kind in KINDS
        for row in conn.execute(_NAMED[kind], {"people": ids})
    }


def still_agreed(conn: Connection, contact: str, now: datetime) -> bool:
    """Whether the resident's consent to tell this contact still stands."""
    return contact in still_agreeing(conn, [contact], now)


def still_agreeing(conn: Connection, told: Collection[str], now: datetime) -> set[str]:
    """Return those of the contacts `told` of which `still_agreed` is true."""
    people = list(conn.scalars(_RESIDENTS, {"people": list(told)}))
    return {who for who, _ in _family_of(conn, people, now)} & set(told) if people else set()


def roster(conn: Connection, household: str, now: datetime) -> Roster:
    """Return who stands on the ladder of `household` at `now`.

    The shift is the one of the nearest area up the tree that has one now (of several, the one that began last); its
    lead, or the nearest lead of those areas; an owner who did not check in stands behind the backup.  Without consent to
    the community nobody of it is on the ladder, and of the family only contacts whom their resident agreed to.
    Operators are those of these areas, or else all.
    """
    return rosters(conn, [household], now)[household]


def rosters(conn: Connection, homes: Collection[str], now: datetime) -> dict[str, Roster]:
    """Return the `roster` of each home, with as many queries as for one."""
    places = conn.execute(_PLACES, {"homes": list(homes)}).all()
    ladders = area_rosters(conn, {place.area for place in places}, now)
    agreed = consenting(conn, homes, "community", now)
    on_hand = loads(conn, {who for p in places if p.id in agreed for who in _asked(ladders[p.area])}, now)
    family = _families(conn, homes, now)
    found = {}
    for home, area, tz in places:
        zone, ladder = ZoneInfo(tz), ladders[area]
        local = now.astimezone(zone)
        if home not in agreed:
            ladder = Roster(operators=ladder.operators, areas=ladder.areas)
        loaded = {who: on_hand[who] for who in _asked(ladder)}
        minute = local.hour * 60 + local.minute
        found[home] = replace(ladder, family=tuple(family[home]), minute=minute, zone=zone, loads=loaded)
    return found


def _asked(ladder: Roster) -> list[str]:
    return [who for who in (ladder.owner, ladder.backup, ladder.lead, *ladder.duty) if who is not None]


def areas_of_home(conn: Connection, household: str) -> list[str]:
    """Return the areas of a home, its own first, then upwards."""
    area = conn.execute(_PLACES, {"homes": [household]}).one().area
    return list(above(_parents(conn, [area]).get, area))


def area_roster(conn: Connection, area: str | None, now: datetime) -> Roster:
    """Return who stands on the ladder of an area at `now`, as for `roster`; no family."""
    return area_rosters(conn, [area], now)[area]


def area_rosters(conn: Connection, of: Collection[str | None], now: datetime) -> dict[str | None, Roster]:
    """Return the `area_roster` of each area, with as many queries as for one."""
    parents = _parents(conn, [area for area in of if area is not None])
    running = conn.execute(_RUNNING, {"up": list(parents), "now": now}).all()
    working = conn.execute(_OF_ROLE, {"up": list(parents)}).all()
    found, everybody = {}, None
    for area in of:
        up = list(above(parents.get, area))
        operators = _workers(working, up, "operator")
        if not operators:  # whom nobody of one's own area can tell, an operator of another hears: one installation
            operators = everybody = list(conn.scalars(_OPERATORS)) if everybody is None else everybody
        leads = _workers(working, up, "lead")
        owner, backup, lead = _shift(running, up) or (None, None, None)
        found[area] = Roster(
            owner, backup, lead or (leads[0] if leads else None), operators=tuple(operators),
            duty=tuple(_workers(working, up, "duty")), areas=tuple(up),
        )  # fmt: skip
    return found


def loads(conn: Connection, people: Collection[str], now: datetime) -> dict[str, Load]:
    """Return what workers have on hand: live cases that are theirs, and how often they were asked lately."""
    red, amber = Counter[str](), Counter[str]()
    for owner, is_red, times in conn.execute(_OWNED, {"people": list(people)}):
        (red if is_red else amber)[owner] = times
    lately = conn.execute(_LATELY, {"people": list(people), "since": now - timedelta(hours=1)})
    asked = {who: times for who, times in lately}  # noqa: C416 - a row is no pair to the type checker
    return {who: Load(red[who], amber[who], asked.get(who, 0)) for who in people}


def relatives(conn: Connection, household: str, now: datetime) -> list[str]:
    """Return the contacts of a household who may be told, in the order the residents chose."""
    return _families(conn, [household], now)[household]


def _families(conn: Connection, homes: Collection[str], now: datetime) -> Mapping[str, list[str]]:
    """Return the `relatives` of each home."""
    home_of = {row.id: row.household for row in conn.execute(_LIVE_THERE, {"homes": list(homes)})}
    found: defaultdict[str, list[str]] = defaultdict(list)
    for who, resident in _family_of(conn, list(home_of), now):
        found[home_of[resident]].append(who)
    return found


def channels_used(conn: Connection) -> set[str]:
    """Return the channels by which people of the registry want to be told."""
    told = select(workers.c.channel).where(workers.c.role != "former").union(select(contacts.c.channel))
    return {one for listed in conn.scalars(told) for one in listed.split(BETWEEN)}


def _family_of(conn: Connection, people: list[str], now: datetime) -> list[tuple[str, str]]:
    """Return (contact, resident) in the order the residents chose; a consent without recipient is for all of them."""
    agreed = conn.execute(_AGREED, {"people": people, "now": now}).all()
    allowed = {(row.resident, row.recipient) for row in agreed}
    listed = conn.execute(_LISTED, {"people": people})
    return [
        (row.id, row.resident) for row in listed if (row.resident, row.id) in allowed or (row.resident, "") in allowed
    ]


def above(parent_of: Callable[[str], str | None], area: str | None) -> Iterator[str]:
    """Yield an area and those above it, the nearest first; the import refuses circles, this does not follow one."""
    seen = set()
    while area is not None and area not in seen:
        yield area
        seen.add(area)
        area = parent_of(area)


def _parents(conn: Connection, of: Collection[str]) -> dict[str, str | None]:
    """Return the parent of each area and of everything above it."""
    parents: dict[str, str | None] = {}
    level = set(of)
    while level:
        parents |= dict.fromkeys(level)
        parents |= {row.id: row.parent for row in conn.execute(_PARENTS, {"up": sorted(level)})}
        level = {above for area in level if (above := parents[area]) is not None} - parents.keys()
    return parents


def _shift(running: Collection[Any], up: list[str]) -> tuple[str, str | None, str | None] | None:
    mine = [row for row in running if row.area in up]
    if not mine:
        return None
    near = min(mine, key=lambda row: up.index(row.area))  # the first of equals: the one that began last
    owner, backup = in_order(near.owner, near.backup, absent=near.absent is not None)
    return owner, backup, near.lead


def in_order(owner: str, backup: str | None, *, absent: bool) -> tuple[str, str | None]:
    """Return who is asked first and second; an owner who did not check in stands behind the backup."""
    return (backup, owner) if absent and backup is not None else (owner, backup)


def _workers(working: Collection[Any], up: list[str], role: str) -> list[str]:
    """Return the workers of that role, nearest area first."""
    mine = [row for row in working if row.role == role and row.area in up]
    return [row.id for row in sorted(mine, key=lambda row: (up.index(row.area), row.id))]
