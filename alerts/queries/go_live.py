"""What the checklists of going live rest on, read at one moment for the whole installation."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, func, or_, select

from alerts import acceptance, drill_score, fittings, frozen
from alerts.go_live_facts import Facts, Home, Meter, Person, Played, Relative, Settings, Shift
from alerts.policy import Roster
from alerts.registry import realms
from alerts.registry.agreed import holds
from alerts.registry.ways import ways
from alerts.schema import (
    applications,
    areas,
    cases,
    consents,
    contact_points,
    contacts,
    devices,
    drill_homes,
    drills,
    households,
    notices,
    offers,
    replies,
    residents,
    served_before,
    shifts,
    turns,
    workers,
)

DAY = timedelta(days=1)
VERIFIED = ("verified", "covered")
TOOK = ("accepted", "transferred")
"""States of an offer that somebody took."""


class _Reached(NamedTuple):
    """When somebody was last proved to be reached at some address."""

    delivered_at: datetime | None
    seen_at: datetime | None

    @property
    def at(self) -> datetime | None:
        return max((at for at in self if at is not None), default=None)


class _Post(NamedTuple):
    """What is known of the addresses of one person."""

    delivered_at: datetime | None
    seen_at: datetime | None
    bad: bool
    channels: frozenset[str]


def facts(conn: Connection, settings: Settings, now: datetime, duty_phone: bool) -> Facts:
    """Return what is known at `now`; `duty_phone`: the pages name one."""
    tree = conn.execute(select(areas.c.id, areas.c.parent, areas.c.kind)).all()
    known = Facts({row.id: row.parent for row in tree}, {row.id: row.kind for row in tree})
    post = _Posts(conn)
    homes, relatives = _homes(conn, post, now)
    lived = {known.community(home.area) for home in homes}
    played = realms.areas_of_drills(conn)
    staff = [row for row in conn.execute(select(workers).order_by(workers.c.id)) if row.area not in played]
    people = _people(conn, known, [row._mapping for row in staff if row.role != "former"], post)
    return Facts(
        known.parents,
        known.kinds,
        homes=homes,
        people=people,
        shifts=_shifts(conn, now, settings),
        played=tuple(_played(conn, known, lived, settings, now)),
        channels=post.channels(),
        used=_used(known, homes, people, relatives, {row.id: post.of(*_named("worker", row)) for row in staff}),
        entries=acceptance.entries(conn, lived),
        duty_phone=duty_phone,
    )


def _used(
    known: Facts, homes: tuple[Home, ...], people: tuple[Person, ...], relatives: Mapping[str, "_Post"],
    staff: Mapping[str, "_Post"],
) -> dict[str, frozenset[str]]:  # fmt: skip
    """Return by which channels the people and the relatives of each community are told."""
    found: dict[str, set[str]] = {}
    for home in homes:
        mine = found.setdefault(known.community(home.area), set())
        for relative in home.relatives:
            mine |= relatives[relative.id].channels
    for person in people:
        for area, mine in found.items():
            below = area in known.up(person.area)
            if below or person.area in known.up(area):
                mine |= staff[person.id].channels
    return {area: frozenset(channels) for area, channels in found.items()}


# --- who was reached -----------------------------------------------------------------------------------------------


class _Posts:
    """Whom messages reached at which address, read once."""

    def __init__(self, conn: Connection) -> None:
        n, p, r = notices.c, contact_points.c, replies.c
        proved = (
            select(
                n.recipient_kind,
                n.recipient,
                n.channel,
                n.address,
                func.max(n.delivered_at).label("delivered_at"),
                func.max(n.seen_at).label("seen_at"),
            )
            .where(or_(n.delivered_at.is_not(None), n.seen_at.is_not(None)))
            .group_by(n.recipient_kind, n.recipient, n.channel, n.address)
        )
        self._reached: dict[tuple[str, str, str, str], _Reached] = {}
        for row in conn.execute(proved):
            kind = "contact" if row.recipient_kind == "contact" else "worker"  # an operator is one of the workers
            key = kind, row.recipient, row.channel, row.address
            before = self._reached.get(key, _Reached(None, None))
            self._reached[key] = _Reached(
                _later(before.delivered_at, row.delivered_at), _later(before.seen_at, row.seen_at)
            )
        answered = select(r.channel, r.address, func.max(r.at).label("at")).where(r.result == "done")
        self._answered = {
            (row.channel, row.address): row.at for row in conn.execute(answered.group_by(r.channel, r.address))
        }
        bad = select(p.channel, p.address).where(p.bad_at.is_not(None))
        self._bad = {(row.channel, row.address) for row in conn.execute(bad)}

    def of(self, kind: str, who: str, channel: str, address: str) -> _Post:
        """Return what is known of the addresses that somebody has now: proof of an earlier one counts no more."""
        listed = ways(channel, address)
        found = [self._reached.get((kind, who, *way), _Reached(None, None)) for way in listed]
        answered = max((self._answered[way] for way in listed if way in self._answered), default=None)
        return _Post(
            max((one.delivered_at for one in found if one.delivered_at), default=None),
            _later(max((one.seen_at for one in found if one.seen_at), default=None), answered),
            bool(listed) and all(tuple(way) in self._bad for way in listed),
            frozenset(way.channel for way in listed),
        )

    def channels(self) -> dict[str, datetime]:
        """Return when something was last proved to arrive by each channel, whoever it went to."""
        found: dict[str, datetime] = {}
        for (_, _, channel, _), reached in self._reached.items():
            if reached.at is not None:
                found[channel] = max(reached.at, found.get(channel, reached.at))
        for (channel, _), at in self._answered.items():
            found[channel] = max(at, found.get(channel, at))
        return found


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _named(kind: str, row: RowMapping | object) -> tuple[str, str, str, str]:
    return kind, row.id, row.channel, row.address  # type: ignore[union-attr]


# --- homes ---------------------------------------------------------------------------------------------------------


def _homes(conn: Connection, post: _Posts, now: datetime) -> tuple[tuple[Home, ...], dict[str, _Post]]:
    """Return the homes in which somebody lives, and what is known of the addresses of their relatives."""
    agreed, ended = _consents(conn, now)
    meters, relatives = _meters(conn, now), _relatives(conn, post, now)
    before = {row.household: row.until for row in conn.execute(select(served_before))}
    h = households.c
    there = conn.execute(select(h.id, h.area, h.tz).where(realms.lived_in(h.area)).order_by(h.id)).all()
    homes = tuple(
        Home(
            row.id, row.area, ZoneInfo(row.tz), agreed.get(row.id, {}),
            frozenset(ended.get(row.id, set()) - set(agreed.get(row.id, {}))), tuple(meters.get(row.id, ())),
            tuple(Relative(who, one.seen_at or one.delivered_at, one.bad) for who, one in relatives.get(row.id, ())),
            before.get(row.id),
        )
        for row in there
    )  # fmt: skip
    return homes, {who: one for mine in relatives.values() for who, one in mine}


def _consents(conn: Connection, now: datetime) -> tuple[dict[str, dict[str, datetime]], dict[str, set[str]]]:
    """Return by home when each purpose was agreed to that holds now, and those that were agreed to once."""
    c, r = consents.c, residents.c
    asked = select(r.household, c.purpose, c.given_at).join(residents, r.id == c.resident).where(c.given_at <= now)
    agreed: dict[str, dict[str, datetime]] = {}
    for row in conn.execute(asked.where(holds(now)).order_by(c.given_at)):
        agreed.setdefault(row.household, {})[row.purpose] = row.given_at
    ever: dict[str, set[str]] = {}
    for row in conn.execute(asked):
        ever.setdefault(row.household, set()).add(row.purpose)
    return agreed, ever


def _meters(conn: Connection, now: datetime) -> dict[str, list[Meter]]:
    """Return by home the water meters that are fitted, with the newest proof since they were."""
    d, a = devices.c, applications.c
    fitted = d.valid_from <= now, or_(d.valid_to.is_(None), d.valid_to > now), d.resolution_l.is_not(None)
    verified = select(a.household, a.test_at).where(a.state.in_(VERIFIED), a.test_at.is_not(None))
    tested = {row.household: row.test_at for row in conn.execute(verified)}
    there = conn.execute(select(d.id, d.household, d.valid_from).where(*fitted).order_by(d.id)).all()
    taps = fittings.proofs(conn, [row.id for row in there])
    found: dict[str, list[Meter]] = {}
    for row in there:
        proofs = (taps.get((row.id, row.household)), tested.get(row.household))
        at = max((one for one in proofs if one is not None and one >= row.valid_from), default=None)
        found.setdefault(row.household, []).append(Meter(row.id, at))
    return found


def _relatives(conn: Connection, post: _Posts, now: datetime) -> dict[str, list[tuple[str, _Post]]]:
    """Return by home the relatives whom their resident agreed to be told."""
    c, k = consents.c, contacts.c
    agreed = select(c.resident, c.recipient).where(holds(now, "relative"))
    given = {(row.resident, row.recipient) for row in conn.execute(agreed)}
    listed = (
        select(k.id, k.resident, k.channel, k.address, residents.c.household)
        .join(residents, residents.c.id == k.resident)
        .order_by(k.position, k.id)
    )
    found: dict[str, list[tuple[str, _Post]]] = {}
    for row in conn.execute(listed):
        if {(row.resident, ""), (row.resident, row.id)} & given:
            found.setdefault(row.household, []).append((row.id, post.of(*_named("contact", row))))
    return found


# --- people --------------------------------------------------------------------------------------------------------


def _people(conn: Connection, known: Facts, staff: list[RowMapping], post: _Posts) -> tuple[Person, ...]:
    t = turns.c
    checked: dict[str, datetime] = {}
    for who, at in ((t.owner, t.owner_at), (t.backup, t.backup_at)):
        rows = conn.execute(select(who, func.max(at)).where(t.asked_at.is_not(None), at.is_not(None)).group_by(who))
        checked |= {name: max(last, checked.get(name, last)) for name, last in rows}
    in_time, late = _rehearsed(conn, known)
    found = []
    for row in staff:
        its = post.of("worker", row["id"], row["channel"], row["address"])
        tapped = _later(its.seen_at, checked.get(row["id"]))
        who = row["id"]
        found.append(Person(who, row["role"], row["area"], tapped, its.bad, in_time.get(who), late.get(who)))
    return tuple(found)


def _rehearsed(conn: Connection, known: Facts) -> tuple[dict[str, datetime], dict[str, datetime]]:
    """Return when each worker last took a case of a live rehearsal in time, and when too late."""
    o, c, h, d = offers.c, cases.c, drill_homes.c, drills.c
    taken = (
        select(o.worker, o.rung, o.offered_at, o.ended_at, c.severity, c.policy, c.opened_at)
        .add_columns(households.c.tz, households.c.area)
        .join(cases, (c.realm == o.realm) & (c.id == o.case_id))
        .join(households, households.c.id == c.household)
        .join(drill_homes, h.household == c.household)
        .join(drills, d.id == h.drill)
        .where(o.realm == "drill", o.state.in_(TOOK), o.ended_at.is_not(None), d.kind == "live")
        .where(o.offered_at >= d.started_at, o.offered_at <= d.ends_at)
    )
    in_time: dict[str, datetime] = {}
    late: dict[str, datetime] = {}
    for row in conn.execute(taken.order_by(o.ended_at)):
        policy = frozen.of(conn, row.policy)
        local = row.opened_at.astimezone(ZoneInfo(row.tz))
        ladder = policy.ladder(Roster(areas=known.up(row.area), minute=local.hour * 60 + local.minute))
        waits = ladder.rung_wait_s if row.severity == "red" else ladder.amber_rung_wait_s
        promised = timedelta(seconds=waits[min(row.rung, len(waits) - 1)] if waits else 0.0)
        (in_time if row.ended_at - row.offered_at <= promised else late)[row.worker] = row.ended_at
    return in_time, late


def _shifts(conn: Connection, now: datetime, settings: Settings) -> tuple[Shift, ...]:
    s = shifts.c
    ahead = s.end > now, s.start < now + settings.ahead_days * DAY
    return tuple(
        Shift(row.area, row.start, row.end, tuple(who for who in (row.owner, row.backup, row.lead) if who))
        for row in conn.execute(select(shifts).where(*ahead).order_by(s.start, s.id))
    )


# --- rehearsals ----------------------------------------------------------------------------------------------------


def _played(conn: Connection, known: Facts, lived: set[str], settings: Settings, now: datetime) -> Iterator[Played]:
    """Yield the newest run of each wanted script that came to its end, by whom it stands for; live ones are of people."""
    d, h = drills.c, drill_homes.c
    ended = d.state == "ended", d.kind != "live", d.drill.in_(settings.drills)
    runs = conn.execute(select(d.id, d.drill, d.ended_at).where(*ended).order_by(d.ended_at.desc(), d.id)).all()
    told: set[tuple[str, str | None]] = set()
    for run in runs:
        where = select(households.c.area).join(drill_homes, h.household == households.c.id).where(h.drill == run.id)
        of = {known.community(area) for area in conn.scalars(where)}
        area = next(iter(of)) if len(of) == 1 and of <= lived else None
        if (run.drill, area) not in told:
            told.add((run.drill, area))
            score = drill_score.score(conn, run.id, now)
            yield Played(run.drill, run.ended_at, score.good, len(score.lines), area)


# --- names ---------------------------------------------------------------------------------------------------------


class Names(NamedTuple):
    """What people call areas and workers, by id."""

    areas: Mapping[str, str]
    workers: Mapping[str, str]


def names(conn: Connection) -> Names:
    """Return what people call areas and workers."""
    return Names(
        {row.id: row.name for row in conn.execute(select(areas.c.id, areas.c.name))},
        {row.id: row.name for row in conn.execute(select(workers.c.id, workers.c.name))},
    )
