"""The round that the service makes of shifts, second by second: who must be asked, what must be handed over, what is empty.

What is due is read first; each piece is one transaction that looks again, decides purely (`alerts.turns`, `alerts.cases`,
`alerts.gaps`) and stores what follows together with what it owes.  A service that was down makes its round when it is back:
nothing is kept in memory that the tables do not say.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, exists, insert, or_, select, update

from alerts import audit, case_rows, duty_notices, metrics, registry, turns
from alerts.casefile import OWNED
from alerts.effects import Notify
from alerts.events import ShiftEnds, Timer
from alerts.gaps import STEP_MIN, Gap, floored, gaps
from alerts.policy import Policy
from alerts.registry import realms
from alerts.registry.agreed import holds
from alerts.schema import areas, case_events, cases, consents, households, notices, offers, residents, shifts, timers
from alerts.schema import turns as table
from alerts.steps import advance
from alerts.turns import ASKED_LATE, LATELY, Began, Late, Turn, TurnEvent

Work = Callable[[Connection], Collection[str]]
"""One piece of a round, in a transaction; returns the households whose cases moved."""
WEEK = timedelta(days=7)
SOON = timedelta(hours=1)


class Rounds:
    """Knows what is due; when it looked ahead last is the only thing it remembers."""

    def __init__(self) -> None:
        self._looked: datetime | None = None

    def due(self, conn: Connection, policy: Policy, now: datetime) -> list[Work]:
        """Return the pieces of work that are due; a quiet second costs three small queries."""
        work: list[Work] = [*_check_ins(conn, policy, now), *_hand_overs(conn, policy, now)]
        if policy.look_ahead and self._looked != floored(now):
            self._looked = floored(now)
            work += _holes(conn, policy, now)
        return work


# --- check-in ------------------------------------------------------------------------------------------------------


def _check_ins(conn: Connection, policy: Policy, now: datetime) -> Iterator[Work]:
    """Yield the shifts that have just begun and were not asked, and the questions that nobody answered in time."""
    if not policy.check_in:
        return
    s, t = shifts.c, table.c
    known = exists().where(t.area == s.area, t.start == s.start, t.owner == s.owner, _decided())
    mine = ~known, realms.lived_in(s.area)
    begun = select(shifts).where(s.start <= now, s.start > now - ASKED_LATE, s.end > now, *mine)
    for shift in conn.execute(begun).all():
        yield partial(_began, shift=shift, policy=policy, now=now)
    due = now - timedelta(seconds=policy.check_in_s)
    late = t.asked_at <= due, t.owner_at.is_(None), t.missed_at.is_(None), t.end > now
    for turn in conn.scalars(select(t.id).where(*late)).all():
        yield partial(_late, turn=turn, policy=policy, now=now)


def _decided() -> Any:
    t = table.c
    return or_(t.asked_at.is_not(None), t.owner_at.is_not(None), t.missed_at.is_not(None))


def _began(conn: Connection, shift: Row[Any], policy: Policy, now: datetime) -> Collection[str]:
    turn = of_shift(conn, shift)
    seen = _sign_of_life(conn, turn.owner, turn.start - LATELY)
    if said(conn, policy, turn.id, Began(seen), now):
        metrics.CHECK_INS.labels("spared" if seen else "asked").inc()
    return ()


def _late(conn: Connection, turn: str, policy: Policy, now: datetime) -> Collection[str]:
    if said(conn, policy, turn, Late(), now):
        metrics.CHECK_INS.labels("missed").inc()
    return ()


def _sign_of_life(conn: Connection, worker: str, since: datetime) -> bool:
    """Whether a worker tapped something of a case, or opened a message, since then: such a one is not asked for a tap.

    What was tapped in a drill does not count: the same questions are asked with drills as without.
    """
    e, n = case_events.c, notices.c
    tapped = select(e.n).where(e.realm == "live", e.actor == f"worker:{worker}", e.at >= since)
    mine = n.realm == "live", n.recipient == worker, n.recipient_kind == "worker"
    opened = select(n.id).where(*mine, n.seen_at >= since)
    return any(conn.execute(query.limit(1)).first() is not None for query in (tapped, opened))


def of_shift(conn: Connection, shift: Row[Any]) -> Turn:
    """Return the turn of a row of the sheet of shifts, as the sheet says it now; the first time it is written down."""
    name = turns.name(shift.area, shift.start, shift.owner)
    turn = load(conn, name)
    said_now = {"end": shift.end, "backup": shift.backup, "lead": shift.lead}
    if turn is None:
        key = {"id": name, "area": shift.area, "start": shift.start, "owner": shift.owner}
        conn.execute(insert(table), key | said_now)
        return Turn(**key, **said_now)
    if (turn.end, turn.backup, turn.lead) != tuple(said_now.values()):
        conn.execute(update(table).where(table.c.id == name).values(**said_now))
    return replace(turn, **said_now)


def load(conn: Connection, name: str) -> Turn | None:
    """Return a turn of duty; None: there is none of that id, or it is a hole."""
    row = conn.execute(select(table).where(table.c.id == name).with_for_update()).mappings().first()
    return None if row is None or row["owner"] is None else Turn(**row)


def said(conn: Connection, policy: Policy, name: str, event: TurnEvent, now: datetime) -> bool:
    """Carry out what happened to a turn of duty, with what it owes; False: it does not apply (any more)."""
    turn = load(conn, name)
    if turn is None:
        return False
    operators = registry.area_roster(conn, turn.area, now).operators
    after, owed = turns.step(turn, event, now, policy, operators)
    if after is turn:
        return False
    known = {column: getattr(after, column) for column in ("asked_at", "owner_at", "missed_at", "backup_at")}
    conn.execute(update(table).where(table.c.id == name).values(**known))
    for one in owed:
        _owe(conn, name, one, now, policy)
    by = getattr(event, "by", "system")
    audit.append(conn, now, "turn", by, f"turn:{name}", event=type(event).__name__)
    if by != "system":
        metrics.CHECK_INS.labels("cannot" if isinstance(event, turns.CannotCome) else "tapped").inc()
    return True


def _owe(conn: Connection, turn: str, one: Notify, now: datetime, policy: Policy) -> None:
    duty_notices.owe(conn, turn, one.to, one.template, now, policy, key=f"{now.timestamp():.0f}")


# --- change of shifts ----------------------------------------------------------------------------------------------


class _Held(NamedTuple):
    """An open case that somebody has."""

    case: str
    household: str
    owner: str
    next_owner: str | None
    asked: bool
    """Its hand-over is running."""
    since: datetime


def _hand_overs(conn: Connection, policy: Policy, now: datetime) -> Iterator[Work]:
    """Yield the cases whose owner's shift ends soon, or has ended, and whom to ask is not what was asked."""
    held = _held(conn)
    if not held:
        return
    ahead = now + timedelta(seconds=policy.hand_over_before_s)
    last = _last_shifts(conn, {one.owner for one in held}, ahead)
    for one in held:
        shift = last.get(one.owner)
        if shift is None or shift.end > ahead or shift.end <= one.since:
            continue
        to = _next(conn, one, max(now, shift.end))
        if not one.asked or to != one.next_owner:
            yield partial(_ends, held=one, shift=shift, to=to, policy=policy, now=now)


def _held(conn: Connection) -> list[_Held]:
    c, o, t = cases.c, offers.c, timers.c
    taken = and_(o.realm == c.realm, o.case_id == c.id, o.worker == c.owner, o.state == "accepted")
    asked = and_(t.realm == c.realm, t.case_id == c.id, t.kind == Timer.HAND_OVER.value)
    query = (
        select(c.id, c.household, c.owner, c.next_owner, t.kind, o.ended_at)
        .join(offers, taken)
        .outerjoin(timers, asked)
        .where(c.realm == "live", c.closed_at.is_(None), c.stream == "care", c.state.in_([s.value for s in OWNED]))
        .order_by(c.opened_at, c.id)
    )
    return [
        _Held(r.id, r.household, r.owner, r.next_owner, r.kind is not None, r.ended_at) for r in conn.execute(query)
    ]


def _last_shifts(conn: Connection, people: Iterable[str], ahead: datetime) -> dict[str, Row[Any]]:
    """Return the shift of each that ends last, of those that begin before `ahead`: who goes on is not at an end."""
    s, who = shifts.c, list(people)
    parts = or_(s.owner.in_(who), s.backup.in_(who), s.lead.in_(who))
    found: dict[str, Row[Any]] = {}
    for row in conn.execute(select(shifts).where(parts, s.start <= ahead).order_by(s.end, s.start, s.id)):
        found |= {person: row for person in (row.owner, row.backup, row.lead) if person is not None}
    return found


def _next(conn: Connection, held: _Held, at: datetime) -> str | None:
    """Return who is on shift then, other than the owner; without consent to the community nobody new is asked."""
    roster = registry.roster(conn, held.household, at)
    return next((who for who in (roster.owner, roster.backup) if who is not None and who != held.owner), None)


def _ends(
    conn: Connection, held: _Held, shift: Row[Any], to: str | None, policy: Policy, now: datetime
) -> Collection[str]:
    case = case_rows.load(conn, "live", held.case)
    if case is None or case.owner != held.owner:
        return ()  # it went on since it was read
    event = ShiftEnds(of_shift(conn, shift).id, shift.end, to)
    told = {"turn": event.turn, "to": to, "ends_at": shift.end.isoformat()}
    moved = advance(conn, policy, case, event, now, "system", told) is not case
    return (case.household,) if moved else ()


# --- holes ahead ---------------------------------------------------------------------------------------------------


def _holes(conn: Connection, policy: Policy, now: datetime) -> Iterator[Work]:
    """Yield what leads and operators are to hear of: once a day of a week of holes, and an hour before each begins.

    A week of a city is looked at here, where nobody who writes has to wait for it.
    """
    local = now.astimezone(duty_notices.zone_of(conn, None))
    today, step = f"week-{local:%Y-%m-%d}", timedelta(minutes=STEP_MIN)
    if f"{local:%H:%M}" >= policy.look_ahead and not _told(conn, today):
        found = _gaps(conn, policy, now, now + WEEK)
        yield partial(_tell, name=today, template="gaps", found=found, start=now, now=now, policy=policy)
    near = {gap.start for gap in _gaps(conn, policy, now - step, now + SOON + step) if now < gap.start <= now + SOON}
    for start in sorted(near):
        name = f"gap-{start.timestamp():.0f}"
        if not _told(conn, name):
            whole = [gap for gap in _gaps(conn, policy, start - step, now + WEEK) if gap.start == start]
            yield partial(_tell, name=name, template="gap_soon", found=whole, start=start, now=now, policy=policy)


def _told(conn: Connection, name: str) -> bool:
    return conn.execute(select(table.c.id).where(table.c.id == name)).first() is not None


def _tell(
    conn: Connection, name: str, template: str, found: Iterable[Gap], start: datetime, now: datetime, policy: Policy
) -> Collection[str]:
    """Owe each reader one notice with the holes of the areas that are theirs; told once, however often it is tried."""
    if _told(conn, name):
        return ()
    conn.execute(insert(table).values(id=name, start=start, end=start + WEEK))
    mine: dict[str, list[tuple[str, float, float]]] = {}
    for gap in found:
        roster = registry.area_roster(conn, gap.area, gap.start)
        readers = [f"worker:{roster.lead}"] if roster.lead is not None else []
        for reader in (*readers, *(f"operator:{who}" for who in roster.operators)):
            mine.setdefault(reader, []).append((gap.area, gap.start.timestamp(), gap.end.timestamp()))
    for reader, told in mine.items():
        duty_notices.owe(conn, name, reader, template, now, policy, params={"gaps": told})
    return ()


def _gaps(conn: Connection, policy: Policy, since: datetime, until: datetime) -> list[Gap]:
    """Return the holes of every area in which somebody agreed that the community may come."""
    agreed = (
        select(households.c.area, households.c.tz)
        .distinct()
        .join(residents, residents.c.household == households.c.id)
        .join(consents, and_(consents.c.resident == residents.c.id, holds(since, "community")))
        .where(realms.lived_in(households.c.area))
        .order_by(households.c.area)
    )
    parents = {row.id: row.parent for row in conn.execute(select(areas.c.id, areas.c.parent))}
    running = conn.execute(select(shifts).where(shifts.c.end > since, shifts.c.start < until)).all()
    found: list[Gap] = []
    for area in dict.fromkeys(conn.scalars(agreed)):
        up = list(registry.above(parents.get, area))
        theirs = [(row.start, row.end) for row in running if row.area in up]
        found += gaps(area, theirs, policy.ladders, up, duty_notices.zone_of(conn, area), since, until)
    return found
