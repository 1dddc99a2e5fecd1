"""The operator's overview: what waits, what was delivered, what is not watched."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, exists, func, not_, or_, select
from sqlalchemy.sql import ColumnElement

from alerts.queries.cases import HOME, PAGE, home_of, open_cards, told
from alerts.queries.models import SEVERITIES, CaseCard, Home, Told
from alerts.schema import absences, areas, consents, devices, findings, households, notices, residents, shifts

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
class Unwatched:
    """A registered home about which nothing can be known; `why` is ``no_consent`` or ``no_meter``."""

    home: Home
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
    lost: tuple[NoticeRow, ...]
    """The newest of those."""
    away: tuple[Absence, ...]
    silent: tuple[SilentMeter, ...]
    unwatched: tuple[Unwatched, ...]
    unstaffed: tuple[str, ...]
    """Areas with homes to watch for which nobody is on shift now."""
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
    lost = _undelivered(now - timedelta(days=1), now)
    return Overview(
        homes=_homes(conn, now),
        queue=tuple(sorted(open_cards(conn), key=by_breach)),
        technical=tuple(open_cards(conn, stream="technical")),
        notices=tuple(told(conn, newest_first=True, most=notices_shown)),
        undelivered=conn.scalar(select(func.count()).select_from(notices).where(lost)) or 0,
        lost=tuple(told(conn, lost, newest_first=True, most=notices_shown)),
        away=_away(conn, now),
        silent=_silent(conn),
        unwatched=_unwatched(conn, now),
        unstaffed=_unstaffed(conn, now),
        suppressed=_suppressed(conn, now - timedelta(days=1)),
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


def _metered(now: datetime) -> ColumnElement[bool]:
    return exists().where(
        devices.c.household == households.c.id,
        devices.c.valid_from <= now,
        or_(devices.c.valid_to.is_(None), devices.c.valid_to > now),
    )


def _homes(conn: Connection, now: datetime) -> int:
    watched = select(func.count()).select_from(households).where(_metered(now), _consented(now))
    return conn.scalar(watched) or 0


def _unwatched(conn: Connection, now: datetime) -> tuple[Unwatched, ...]:
    query = (
        select(*HOME, _consented(now).label("consented"))
        .join(areas, areas.c.id == households.c.area)
        .where(not_(and_(_metered(now), _consented(now))))
        .order_by(households.c.id)
        .limit(PAGE)
    )
    return tuple(Unwatched(home_of(row), "no_meter" if row.consented else "no_consent") for row in conn.execute(query))


def _unstaffed(conn: Connection, now: datetime) -> tuple[str, ...]:
    """Return the names of areas whose homes are watched while neither they nor an area above them has a shift."""
    parents: dict[str, str | None] = {row.id: row.parent for row in conn.execute(select(areas.c.id, areas.c.parent))}
    on_shift = set(conn.scalars(select(shifts.c.area).where(shifts.c.start <= now, shifts.c.end > now)))
    watched = conn.execute(
        select(areas.c.id, areas.c.name)
        .distinct()
        .join(households, households.c.area == areas.c.id)
        .where(_metered(now), _consented(now))
        .order_by(areas.c.id)
    )
    return tuple(name for area, name in watched if not on_shift & _upwards(area, parents))


def _upwards(area: str | None, parents: Mapping[str, str | None]) -> set[str]:
    up: set[str] = set()
    while area is not None and area not in up:
        up.add(area)
        area = parents.get(area)
    return up


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
