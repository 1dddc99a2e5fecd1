"""Cases as rows of a list and as one page."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select
from sqlalchemy.engine import Row
from sqlalchemy.sql import ColumnElement

from alerts import audit, drill_scope, registry
from alerts.events import Timer
from alerts.queries.models import (
    SEVERITIES,
    CaseCard,
    CaseEvent,
    CaseView,
    Home,
    Person,
    Resident,
    Sign,
    Told,
    Undo,
)
from alerts.registry.agreed import holds
from alerts.registry.ways import BETWEEN
from alerts.schema import (
    area_events,
    areas,
    case_events,
    cases,
    consents,
    contacts,
    findings,
    households,
    notices,
    offers,
    residents,
    timers,
    view_log,
    workers,
)
from alerts.texts import Place

PAGE = 200
"""Most rows of a list; a page with more is not read by anybody."""
_PHONE = re.compile(r"\+?[\d\s()-]{3,20}")


def dialable(text: str | None) -> str | None:
    """Return the first telephone number of a list; None: it has none (an address may be a mailbox or a URL)."""
    parts = (part.strip() for part in (text or "").split(BETWEEN))
    return next((part for part in parts if _PHONE.fullmatch(part)), None)


def home_of(row: Any) -> Home:
    """Return the home in a row that selected `HOME`."""
    return Home(row.home_id, row.area, row.building, row.riser, row.floor, row.door, row.tz)


HOME = (
    households.c.id.label("home_id"),
    areas.c.name.label("area"),
    households.c.building,
    households.c.riser,
    households.c.floor,
    households.c.door,
    households.c.tz,
)
ZONE = (
    area_events.c.zone_kind,
    area_events.c.zone.label("zone_name"),
    area_events.c.building.label("zone_building"),
)


def by_urgency(card: CaseCard) -> tuple[int, datetime]:
    """Order of lists: the most severe first and then the longest waiting."""
    return SEVERITIES.index(card.severity), card.opened_at


def open_cards(conn: Connection, *where: ColumnElement[bool], stream: str = "care") -> list[CaseCard]:
    """Return open cases, the most severe first and then the longest waiting."""
    found = cards(conn, cases.c.closed_at.is_(None), cases.c.stream == stream, *where)
    return sorted(found, key=by_urgency)


def cards(conn: Connection, *where: ColumnElement[bool], newest_first: bool = False) -> list[CaseCard]:
    """Return at most `PAGE` cases that meet every condition, by the time they were opened (or closed, newest first)."""
    owner, follows = workers.alias("owner"), workers.alias("follows")
    query = (
        select(cases, *HOME, owner.c.name.label("owner_name"), follows.c.name.label("next_name"))
        .join(households, households.c.id == cases.c.household)
        .join(areas, areas.c.id == households.c.area)
        .outerjoin(owner, owner.c.id == cases.c.owner)
        .outerjoin(follows, follows.c.id == cases.c.next_owner)
        .where(*where)
        .order_by(cases.c.closed_at.desc() if newest_first else cases.c.opened_at)
        .limit(PAGE)
    )
    rows = conn.execute(query).all()
    ids = [(row.realm, row.id) for row in rows]
    signs, since, due, asked = _signs(conn, ids), _owned_since(conn, ids), _next_due(conn, ids), _asked(conn, ids)
    return [
        CaseCard(
            realm=row.realm,
            id=row.id,
            stream=row.stream,
            severity=row.severity,
            state=row.state,
            home=home_of(row),
            onset=row.onset,
            opened_at=row.opened_at,
            closed_at=row.closed_at,
            owner=Person(row.owner, row.owner_name) if row.owner else None,
            owner_since=since.get((row.realm, row.id, row.owner)),
            outcome=row.outcome,
            outcome_reason=row.outcome_reason,
            signs=tuple(signs[row.realm, row.id]),
            next_due=due[row.realm, row.id][0],
            next_step=due[row.realm, row.id][1],
            asked=tuple(asked[row.realm, row.id]),
            rung=row.rung,
            loop=row.loop,
            area_event=row.area_event,
            emergency=row.emergency,
            recurs=row.recurs,
            ask_only=row.ask_only,
            policy=row.policy,
            next_owner=Person(row.next_owner, row.next_name) if row.next_owner else None,
        )
        for row in rows
    ]


def _of(realm: ColumnElement[str], case_id: ColumnElement[str], ids: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    """Return the condition that a row belongs to one of the cases; one IN list a realm keeps it portable."""
    by_realm: dict[str, list[str]] = defaultdict(list)
    for one_realm, one_id in ids:
        by_realm[one_realm].append(one_id)
    return or_(False, *(and_(realm == name, case_id.in_(members)) for name, members in by_realm.items()))


def _signs(conn: Connection, ids: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[Sign]]:
    of_cases = _of(findings.c.realm, findings.c.case_id, ids)
    signs: dict[tuple[str, str], list[Sign]] = defaultdict(list)
    for row in conn.execute(select(findings).where(of_cases).order_by(findings.c.raised_at.desc())):
        sign = Sign(row.id, row.kind, row.severity, row.reason, row.evidence, row.onset, row.raised_at, row.cleared_at)
        signs[row.realm, row.case_id].append(sign)
    for found in signs.values():
        found.sort(key=lambda sign: SEVERITIES.index(sign.severity))  # stable: the newest first among equals
    return signs


def _owned_since(conn: Connection, ids: Sequence[tuple[str, str]]) -> dict[tuple[str, str, str], datetime]:
    accepted = select(offers.c.realm, offers.c.case_id, offers.c.worker, func.max(offers.c.ended_at)).where(
        _of(offers.c.realm, offers.c.case_id, ids), offers.c.state == "accepted"
    )
    rows = conn.execute(accepted.group_by(offers.c.realm, offers.c.case_id, offers.c.worker))
    return {(realm, case_id, worker): at for realm, case_id, worker, at in rows if at is not None}


def _next_due(
    conn: Connection, ids: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[datetime | None, str | None]]:
    """Return when the first timer of each case is due, and which one that is."""
    first: dict[tuple[str, str], tuple[datetime | None, str | None]] = defaultdict(lambda: (None, None))
    of_cases = _of(timers.c.realm, timers.c.case_id, ids)
    for row in conn.execute(select(timers).where(of_cases).order_by(timers.c.due_at.desc(), timers.c.kind.desc())):
        first[row.realm, row.case_id] = (row.due_at, row.kind)
    return first


def _asked(conn: Connection, ids: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    """Return the names of who was offered each case; an offer that was withdrawn again counts: it was sent."""
    rows = conn.execute(
        select(offers.c.realm, offers.c.case_id, workers.c.name)
        .join(workers, workers.c.id == offers.c.worker)
        .where(_of(offers.c.realm, offers.c.case_id, ids))
        .order_by(offers.c.offered_at, offers.c.id)
    )
    asked: dict[tuple[str, str], list[str]] = defaultdict(list)
    for realm, case_id, name in rows:
        if name not in asked[realm, case_id]:
            asked[realm, case_id].append(name)
    return asked


def case(conn: Connection, case_id: str, now: datetime, *where: ColumnElement[bool]) -> CaseView | None:
    """Return one case with all that its page shows, None when there is none that meets `where`.

    A live case wins over a drill of the same id.
    """
    found = sorted(cards(conn, cases.c.id == case_id, *where), key=lambda card: card.realm != "live")
    if not found:
        return None
    card = found[0]
    live_offer = select(offers.c.worker).where(
        offers.c.realm == card.realm, offers.c.case_id == card.id, offers.c.state == "offered"
    )
    return CaseView(
        card=card,
        residents=residents_of(conn, card.home.id, now),
        family=_family(conn, card, now),
        told=tuple(told(conn, notices.c.realm == card.realm, notices.c.case_id == card.id)),
        events=_events(conn, card),
        offered_to=frozenset(conn.scalars(live_offer)),
        undo=undo_of(conn, card),
        may_take=may_take(conn, card, now) if _handed(conn, card) else frozenset(),
    )


def may_take(conn: Connection, card: CaseCard, now: datetime) -> frozenset[str]:
    """Return who may take over a case whose hand-over runs: as `alerts.hand_over`."""
    on = registry.roster(conn, card.home.id, now)
    mine = card.owner.id if card.owner else None
    asked = card.next_owner.id if card.next_owner else None
    return frozenset(who for who in (asked, on.owner, on.backup, on.lead) if who is not None and who != mine)


def place(conn: Connection, household: str) -> tuple[str, ...]:
    """Return the names of the areas a household lies in, the widest first, without our own grids: as on an envelope."""
    above: list[Row[Any]] = []
    area = conn.scalar(select(households.c.area).where(households.c.id == household))
    while area is not None and area not in {row.id for row in above}:
        above.append(conn.execute(select(areas).where(areas.c.id == area)).one())
        area = above[-1].parent
    return tuple(row.name for row in reversed(above) if row.kind != "grid")


def _handed(conn: Connection, card: CaseCard) -> bool:
    """Whether the hand-over of a case runs."""
    t = timers.c
    mine = t.realm == card.realm, t.case_id == card.id, t.kind == Timer.HAND_OVER.value
    return conn.execute(select(t.kind).where(*mine)).first() is not None


def undo_of(conn: Connection, card: CaseCard) -> Undo | None:
    """Return the last tap of a case that could be taken back, if one is remembered."""
    undo = conn.scalar(select(cases.c.undo).where(cases.c.realm == card.realm, cases.c.id == card.id))
    return Undo(undo["by"], datetime.fromtimestamp(undo["until"] / 1000, UTC)) if undo else None


def residents_of(conn: Connection, household: str, now: datetime) -> tuple[Resident, ...]:
    """Return who lives in a household."""
    rows = conn.execute(select(residents).where(residents.c.household == household).order_by(residents.c.id))
    return tuple(
        Resident(
            row.id,
            row.name,
            dialable(row.phone),
            row.risk if row.risk_until is None or row.risk_until > now else None,
        )
        for row in rows
    )


def _family(conn: Connection, card: CaseCard, now: datetime) -> tuple[Person, ...]:
    """Return the relatives who may be called about a case: about one of a drill only those who take part in it."""
    agreed = and_(
        consents.c.resident == contacts.c.resident,
        consents.c.recipient.in_(("", contacts.c.id)),
        holds(now, "relative"),
    )
    query = (
        select(contacts.c.id, contacts.c.name, contacts.c.address)
        .distinct()
        .join(residents, residents.c.id == contacts.c.resident)
        .join(consents, agreed)
        .where(residents.c.household == card.home.id)
        .order_by(contacts.c.position, contacts.c.id)
        .add_columns(contacts.c.position)
    )
    known = [Person(row.id, row.name, dialable(row.address)) for row in conn.execute(query)]
    return tuple(one for one in known if card.realm == "live" or drill_scope.takes_part(conn, f"contact:{one.id}"))


def told(conn: Connection, *where: ColumnElement[bool], newest_first: bool = False, most: int = PAGE) -> list[Told]:
    """Return notices with the names of their recipients and what is known of their delivery."""
    query = (
        select(
            notices,
            func.coalesce(workers.c.name, contacts.c.name, notices.c.recipient).label("name"),
            func.coalesce(workers.c.role, notices.c.recipient_kind).label("role"),
            *ZONE,
            *HOME,
        )
        .outerjoin(cases, and_(cases.c.realm == notices.c.realm, cases.c.id == notices.c.case_id))
        .outerjoin(households, households.c.id == cases.c.household)
        .outerjoin(areas, areas.c.id == households.c.area)
        .outerjoin(area_events, and_(area_events.c.realm == notices.c.realm, area_events.c.id == notices.c.area_event))
        .outerjoin(workers, and_(notices.c.recipient_kind != "contact", workers.c.id == notices.c.recipient))
        .outerjoin(contacts, and_(notices.c.recipient_kind == "contact", contacts.c.id == notices.c.recipient))
        .where(*where)
        .order_by(notices.c.created_at.desc() if newest_first else notices.c.created_at, notices.c.id)
        .limit(most)
    )
    return [_told(row) for row in conn.execute(query)]


def _told(row: Row[Any]) -> Told:
    return Told(
        realm=row.realm,
        case_id=row.case_id,
        home=home_of(row) if row.home_id else None,
        zone=Place(row.zone_kind, row.zone_name, row.zone_building) if row.zone_kind else None,
        role=row.role,
        name=row.name,
        channel=row.channel,
        template=row.template,
        state=row.state,
        created_at=row.created_at,
        done_at=row.seen_at or row.delivered_at or row.done_at,
        number=row.root[:8],
        attempts=row.attempts,
        error=row.last_error,
    )


def _events(conn: Connection, card: CaseCard) -> tuple[CaseEvent, ...]:
    of_case = and_(case_events.c.realm == card.realm, case_events.c.case_id == card.id)
    rows = conn.execute(select(case_events).where(of_case).order_by(case_events.c.n)).all()
    names = names_of(conn, {row.actor for row in rows} | {row.data.get("recipient", "") for row in rows})
    return tuple(
        CaseEvent(row.n, row.at, row.kind, names.get(row.actor), row.data, names.get(row.data.get("recipient", "")))
        for row in rows
    )


def names_of(conn: Connection, actors: Iterable[str]) -> dict[str, str]:
    """Return the names behind ``worker:ID``, ``contact:ID`` and ``operator:NAME``; the service itself has none."""
    ids: dict[str, list[str]] = defaultdict(list)
    for actor in actors:
        kind, _, person = actor.partition(":")
        ids[kind].append(person)
    names = {f"operator:{name}": name for name in ids["operator"]}  # an account, unless it is a worker's id
    for kind, table in (("worker", workers), ("operator", workers), ("contact", contacts), ("resident", residents)):
        if ids[kind]:
            rows = conn.execute(select(table.c.id, table.c.name).where(table.c.id.in_(ids[kind])))
            names |= {f"{kind}:{person}": name for person, name in rows}
    return names


def name_of(conn: Connection, actor: str) -> str:
    """Return the name of whoever acts as ``worker:ID``, ``contact:ID`` or ``operator:NAME``."""
    return names_of(conn, [actor]).get(actor, actor.partition(":")[2])


def view_seen(conn: Connection, viewer: str, household: str, what: str, now: datetime) -> None:
    """Write down that somebody looked at a household; a second look within ten minutes adds no line."""
    recent = select(func.count()).where(
        view_log.c.viewer == viewer,
        view_log.c.household == household,
        view_log.c.what == what,
        view_log.c.at > now - timedelta(minutes=10),
    )
    if not conn.scalar(recent):
        conn.execute(insert(view_log).values(at=now, viewer=viewer, household=household, what=what))
        audit.append(conn, now, "view", viewer, f"household:{household}", page=what)
