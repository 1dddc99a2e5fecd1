"""The operator's overview: what waits, what was delivered, what is not watched."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, func, or_, select
from sqlalchemy.sql import ColumnElement

from alerts.queries.cases import HOME, home_of, open_cards, told
from alerts.queries.models import SEVERITIES, CaseCard, Home, Told
from alerts.schema import absences, areas, consents, devices, findings, households, notices, residents

NoticeRow = Told


@dataclass(frozen=True, slots=True)
class Absence:
    """A home in which no use of water is expected for a while: who said so, and until when."""

    home: Home
    start: datetime
    end: datetime
    by: str


@dataclass(frozen=True, slots=True)
class SilentMeter:
    """A home that is not watched because its meter is not heard."""

    home: Home
    since: datetime


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding of the last day that made no case, and why."""

    home: Home
    kind: str
    severity: str
    raised_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Overview:
    """One look at everything."""

    homes: int
    """Homes with a meter and with consent to be watched."""
    queue: tuple[CaseCard, ...]
    technical: tuple[CaseCard, ...]
    notices: tuple[NoticeRow, ...]
    undelivered: int
    """Notices of the last day that nobody can have read: failed, expired, or waiting longer than a minute."""
    away: tuple[Absence, ...]
    silent: tuple[SilentMeter, ...]
    suppressed: tuple[Suppressed, ...]

    @property
    def unowned(self) -> int:
        """Open care cases that nobody has accepted."""
        return sum(card.owner is None for card in self.queue)

    @property
    def watched(self) -> int:
        """Homes about which silence would mean something now: away and silent ones are not."""
        blind = {row.home.id for row in self.away} | {row.home.id for row in self.silent}
        return self.homes - len(blind)


def overview(conn: Connection, now: datetime, notices_shown: int = 20) -> Overview:
    """Return what the console shows."""
    day = now - timedelta(days=1)
    return Overview(
        homes=_homes(conn, now),
        queue=tuple(sorted(open_cards(conn), key=by_breach)),
        technical=tuple(open_cards(conn, stream="technical")),
        notices=tuple(told(conn, newest_first=True, most=notices_shown)),
        undelivered=conn.scalar(select(func.count()).select_from(notices).where(_undelivered(day, now))) or 0,
        away=_away(conn, now),
        silent=_silent(conn),
        suppressed=_suppressed(conn, day),
    )


def by_breach(card: CaseCard) -> tuple[bool, int, float]:
    """Order of the queue: nobody has it, then severity, then what falls due next."""
    due = card.next_due.timestamp() if card.next_due else float("inf")
    return card.owner is not None, SEVERITIES.index(card.severity), due


def _consented(now: datetime) -> ColumnElement[bool]:
    return exists().where(
        residents.c.household == households.c.id,
        consents.c.resident == residents.c.id,
        consents.c.purpose == "monitor",
        consents.c.given_at <= now,
        or_(consents.c.withdrawn_at.is_(None), consents.c.withdrawn_at > now),
    )


def _homes(conn: Connection, now: datetime) -> int:
    bound = exists().where(
        devices.c.household == households.c.id,
        devices.c.valid_from <= now,
        or_(devices.c.valid_to.is_(None), devices.c.valid_to > now),
    )
    return conn.scalar(select(func.count()).select_from(households).where(bound, _consented(now))) or 0


def _undelivered(since: datetime, now: datetime) -> ColumnElement[bool]:
    late = notices.c.state.in_(("pending", "leased")) & (notices.c.due_at < now - timedelta(minutes=1))
    return (notices.c.created_at > since) & (notices.c.state.in_(("failed", "expired")) | late)


def _away(conn: Connection, now: datetime) -> tuple[Absence, ...]:
    query = (
        select(*HOME, absences.c.start, absences.c.end, absences.c.by)
        .join(areas, areas.c.id == households.c.area)
        .join(absences, absences.c.household == households.c.id)
        .where(absences.c.start <= now, absences.c.end > now)
        .order_by(absences.c.end)
    )
    return tuple(Absence(home_of(row), row.start, row.end, row.by) for row in conn.execute(query))


def _silent(conn: Connection) -> tuple[SilentMeter, ...]:
    query = (
        select(*HOME, func.min(findings.c.onset).label("since"))
        .join(areas, areas.c.id == households.c.area)
        .join(findings, findings.c.household == households.c.id)
        .where(findings.c.realm == "live", findings.c.kind == "meter_silent", findings.c.cleared_at.is_(None))
        .group_by(*HOME)
        .order_by(func.min(findings.c.onset))
    )
    return tuple(SilentMeter(home_of(row), row.since) for row in conn.execute(query))


def _suppressed(conn: Connection, since: datetime) -> tuple[Suppressed, ...]:
    query = (
        select(*HOME, findings.c.kind, findings.c.severity, findings.c.raised_at, findings.c.suppressed)
        .join(areas, areas.c.id == households.c.area)
        .join(findings, findings.c.household == households.c.id)
        .where(findings.c.suppressed.is_not(None), findings.c.raised_at > since)
        .order_by(findings.c.raised_at.desc())
        .limit(50)
    )
    return tuple(
        Suppressed(home_of(row), row.kind, row.severity, row.raised_at, row.suppressed) for row in conn.execute(query)
    )
