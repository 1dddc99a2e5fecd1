"""What the monthly report reads: live rows only, ids and codes, never a name but that of an area.

Rows of a little more than the month are read, because it begins and ends at another moment in each zone; which of them
belong to it `alerts.report` decides.
"""

import json
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, or_, select

from alerts import frozen
from alerts.policy import Roster
from alerts.queries.duty import Duty, duty
from alerts.registry import realms
from alerts.registry.lookups import OUTCOME
from alerts.report_rows import (
    ApplicationRow,
    CallRow,
    CaseRow,
    HomeRow,
    Limits,
    Month,
    Rows,
    SpellKind,
    SpellRow,
    StepRow,
    limits,
)
from alerts.schema import (
    absences,
    applications,
    area_events,
    area_members,
    areas,
    audit,
    call_backs,
    case_events,
    cases,
    consent_texts,
    consents,
    devices,
    findings,
    households,
    notices,
    offers,
    residents,
)
from alerts.spans import Span

LIVE = "live"
MARGIN = timedelta(days=1)
"""How much earlier or later than in UTC a month may begin or end anywhere."""


class _Sign(Protocol):
    """The first finding of a case."""

    kind: str
    raised_at: datetime


def month_rows(conn: Connection, month: Month, now: datetime, zone: ZoneInfo, area: str | None = None) -> Rows:
    """Return what the report of `month` rests on as it is known at `now`; `area`: only of that one and all below it.

    `zone`: of the installation, for what belongs to no home.  When the service ran, and how batteries are, stands elsewhere.
    """
    on = duty(conn, now)
    played = realms.areas_of_drills(conn)
    wanted = [one for one in on.parents if one not in played and (area is None or area in on.up(one))]
    h = households.c
    homes = [
        HomeRow(row.id, row.area, ZoneInfo(row.tz))
        for row in conn.execute(select(h.id, h.area, h.tz).order_by(h.id))
        if row.area in wanted
    ]
    start, end = month.span(ZoneInfo("UTC"))
    wide = start - MARGIN, min(end + MARGIN, now)
    mine = frozenset(home.id for home in homes)
    return Rows(
        areas={one: on.area_names[one] for one in wanted},
        zone=zone,
        homes=homes,
        cases=list(_cases(conn, wide, on, {home.id: home for home in homes})),
        calls=[row for row in _calls(conn, wide) if row.household in mine],
        spells=[row for row in _spells(conn, wide) if row.household in mine],
        applications=[row for row in _applications(conn, wide, wanted) if row.area is not None or area is None],
    )


# --- cases -----------------------------------------------------------------------------------------------------------


def _cases(conn: Connection, wide: Span, on: Duty, homes: Mapping[str, HomeRow]) -> Iterator[CaseRow]:
    """Return the cases that were open at any time of the span, each with its first finding, offers, proofs and steps."""
    c = cases.c
    meant = c.realm == LIVE, c.opened_at < wide[1], or_(c.closed_at.is_(None), c.closed_at >= wide[0])
    ids = select(c.id).where(*meant)
    signs, rungs, steps = _signs(conn, ids), _rungs(conn, ids), _steps(conn, ids)
    n = notices.c
    arrived = func.min(func.coalesce(n.delivered_at, n.seen_at)).label("arrived")
    told = conn.execute(select(n.case_id, arrived).where(n.realm == LIVE, n.case_id.in_(ids)).group_by(n.case_id))
    proofs = {row.case_id: row.arrived for row in told}
    for row in conn.execute(select(cases).where(*meant).order_by(c.opened_at, c.id)).all():
        if row.household not in homes:
            continue
        first = signs.get(row.id)
        yield CaseRow(
            household=row.household, stream=row.stream, severity=row.severity, state=row.state,
            kind=None if first is None else first.kind, onset=row.onset,
            raised_at=row.opened_at if first is None else first.raised_at, opened_at=row.opened_at,
            closed_at=row.closed_at, outcome=row.outcome, reason=row.outcome_reason, emergency=row.emergency,
            rungs=tuple(rungs.get(row.id, ())), owed=row.id in proofs, proved_at=proofs.get(row.id),
            steps=tuple(steps.get(row.id, ())), limits=_limits(conn, row, on, homes[row.household]),
        )  # fmt: skip


def _limits(conn: Connection, row: Any, on: Duty, home: HomeRow) -> Limits:
    """Return what was promised this case by the settings under which it was opened."""
    policy = frozen.of(conn, row.policy)
    local = row.opened_at.astimezone(home.zone)
    at = Roster(areas=tuple(on.up(home.area)), minute=local.hour * 60 + local.minute)
    return limits(policy, policy.ladder(at), row.severity, ask_only=row.ask_only)


def _signs(conn: Connection, ids: Any) -> Mapping[str, _Sign]:
    """Return the first finding of each case."""
    f = findings.c
    query = select(f.case_id, f.kind, f.raised_at).where(f.realm == LIVE, f.case_id.in_(ids))
    found: dict[str, Any] = {}
    for row in conn.execute(query.order_by(f.raised_at, f.id)):
        found.setdefault(row.case_id, row)
    return found


def _rungs(conn: Connection, ids: Any) -> Mapping[str, list[int]]:
    o, found = offers.c, defaultdict[str, list[int]](list)
    for row in conn.execute(
        select(o.case_id, o.rung).where(o.realm == LIVE, o.case_id.in_(ids)).order_by(o.offered_at)
    ):
        found[row.case_id].append(row.rung)
    return found


def _steps(conn: Connection, ids: Any) -> Mapping[str, list[StepRow]]:
    e, found = case_events.c, defaultdict[str, list[StepRow]](list)
    query = select(e.case_id, e.at, e.kind, e.actor, e.data).where(e.realm == LIVE, e.case_id.in_(ids))
    for row in conn.execute(query.order_by(e.case_id, e.n)):
        found[row.case_id].append(StepRow(row.at, row.kind, row.actor, row.data.get("state")))
    return found


def _calls(conn: Connection, wide: Span) -> Iterator[CallRow]:
    b, c = call_backs.c, cases.c
    query = (
        select(c.household, c.closed_at, b.due_at, b.done_at, b.answer)
        .join(cases, (c.realm == b.realm) & (c.id == b.case_id))
        .where(b.realm == LIVE, c.closed_at >= wide[0], c.closed_at < wide[1])
    )
    for row in conn.execute(query):
        yield CallRow(row.household, row.closed_at, row.due_at, row.done_at, row.answer)


def _applications(conn: Connection, wide: Span, known: Container[str]) -> Iterator[ApplicationRow]:
    """Return the applications of the span; the area of one that was emptied is not known."""
    a, h = applications.c, households.c
    query = select(a.said, a.state, a.created_at, h.area).outerjoin(households, h.id == a.household)
    for row in conn.execute(query.where(a.created_at >= wide[0], a.created_at < wide[1])):
        area = row.area or row.said.get("area")
        yield ApplicationRow(area if area in known else None, row.state, row.created_at)


# --- how long something was so ---------------------------------------------------------------------------------------


def _spells(conn: Connection, wide: Span) -> Iterator[SpellRow]:
    for read in (_agreed, _paused, _metered, _away, _outages, _silent):
        for row in read(conn, wide):
            if row.end is None or row.start < row.end:
                yield row


def _agreed(conn: Connection, wide: Span) -> Iterator[SpellRow]:
    """Return since when and until when somebody agreed to be watched; a newer text parks what was said to an older one."""
    c = consents.c
    texts = conn.execute(
        select(consent_texts.c.version, consent_texts.c.from_at).where(consent_texts.c.purpose == "monitor")
    ).all()
    since = {row.version: row.from_at for row in texts}
    query = select(residents.c.household, c.version, c.given_at, c.withdrawn_at)
    for row in conn.execute(
        query.join(residents, residents.c.id == c.resident).where(c.purpose == "monitor", c.given_at < wide[1])
    ):
        agreed = since.get(row.version)
        newer = [at for version, at in since.items() if version != row.version and (agreed is None or agreed < at)]
        ends = [at for at in (row.withdrawn_at, *(max(at, row.given_at) for at in newer)) if at is not None]
        yield SpellRow(row.household, "agreed", row.given_at, min(ends, default=None))


def _paused(conn: Connection, wide: Span) -> Iterator[SpellRow]:
    """Return the pauses that the audit chain tells of; agreeing again, or ending it, ends a pause early.

    One resident's pause counts for the home: it is better to say that a home was not watched for some hours than the contrary.
    """
    home = {row.id: row.household for row in conn.execute(select(residents.c.id, residents.c.household))}
    a, last = audit.c, dict[str, tuple[datetime, datetime]]()
    query = select(a.at, a.about, a.data).where(a.kind == "consent", a.at < wide[1]).order_by(a.n)
    for row in conn.execute(query):
        who, said = row.about.partition(":")[2], json.loads(row.data)
        if said.get("purpose") != "monitor" or who not in home:
            continue
        if who in last:
            start, end = last.pop(who)
            yield SpellRow(home[who], "paused", start, min(end, row.at))
        if said["what"] == "paused":
            last[who] = row.at, datetime.fromisoformat(said["until"])
    for who, (start, end) in last.items():
        yield SpellRow(home[who], "paused", start, end)


def _metered(conn: Connection, wide: Span) -> Iterator[SpellRow]:
    d = devices.c
    query = select(d.household, d.valid_from, d.valid_to).where(d.resolution_l.is_not(None), d.valid_from < wide[1])
    for row in conn.execute(query):
        yield SpellRow(row.household, "metered", row.valid_from, row.valid_to)


def _away(conn: Connection, wide: Span) -> Iterator[SpellRow]:
    """Return declared absences.  One that the outcome of a case made counts from its end on: until then the home was watched."""
    a, c = absences.c, cases.c
    of_case = (a.by == OUTCOME + c.id) & (c.realm == LIVE)
    query = select(a.household, a.start, a.end, a.by, c.closed_at).outerjoin(cases, of_case)
    for row in conn.execute(query.where(a.start < wide[1], a.end > wide[0])):
        if not row.by.startswith(OUTCOME):
            yield SpellRow(row.household, "away", row.start, row.end)
        elif row.closed_at is not None:  # of a live case
            yield SpellRow(row.household, "away", max(row.start, row.closed_at), row.end)


def _outages(conn: Connection, wide: Span) -> Iterator[SpellRow]:
    e, m = area_events.c, area_members.c
    query = select(m.household, e.kind, e.onset, e.ended_at).join(area_events, (e.realm == m.realm) & (e.id == m.event))
    for row in conn.execute(
        query.where(e.realm == LIVE, e.onset < wide[1], or_(e.ended_at.is_(None), e.ended_at > wide[0]))
    ):
        kind: SpellKind = "water_outage" if row.kind == "water_outage" else "radio_outage"
        yield SpellRow(row.household, kind, row.onset, row.ended_at)


def _silent(conn: Connection, wide: Span) -> Iterator[SpellRow]:
    f = findings.c
    query = select(f.household, f.onset, f.cleared_at).where(
        f.realm == LIVE,
        f.kind == "meter_silent",
        f.onset < wide[1],
        or_(f.cleared_at.is_(None), f.cleared_at > wide[0]),
    )
    for row in conn.execute(query):
        yield SpellRow(row.household, "silent", row.onset, row.cleared_at)


def zones(conn: Connection) -> Sequence[ZoneInfo]:
    """Return the zones in which homes lie."""
    return [
        ZoneInfo(name)
        for name in conn.scalars(
            select(households.c.tz).where(realms.lived_in(households.c.area)).distinct().order_by(households.c.tz)
        )
    ]


def area_name(conn: Connection, area: str) -> str | None:
    """Return the name of an area; None: there is none of that id."""
    return conn.scalar(select(areas.c.name).where(areas.c.id == area))
