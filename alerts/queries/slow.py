"""What is slow: nobody has to go now, but who knows the homes should know it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, select
from sqlalchemy.sql import ColumnElement

from alerts.queries.absences import Absence, absence_list, not_over
from alerts.queries.cases import HOME, home_of
from alerts.queries.models import Home, Sign
from alerts.registry.agreed import holds
from alerts.schema import absences, areas, consents, findings, households, residents

FOR_GOOD = timedelta(days=366)
"""An absence that ends later than that is nobody's journey: a death explains the silence, and no page speaks of it."""
DRIFT = "drift"
MOST = 200


@dataclass(frozen=True, slots=True)
class Drift:
    """A home in which something changes slowly, and what."""

    home: Home
    sign: Sign


def journeys_in(conn: Connection, its_areas: Collection[str], now: datetime) -> tuple[Absence, ...]:
    """Return the absences that hold now in homes of these areas."""
    there = absences.c.household.in_(select(households.c.id).where(households.c.area.in_(its_areas)))
    return absence_list(conn, there, absences.c.start <= now, absences.c.end > now, absences.c.end < now + FOR_GOOD)


def journeys_of(conn: Connection, household: str, now: datetime) -> tuple[Absence, ...]:
    """Return the absences of one household that hold now, are to come, or still wait for a confirmation."""
    return absence_list(conn, absences.c.household == household, not_over(now), absences.c.end < now + FOR_GOOD)


def drifts_in(conn: Connection, its_areas: Collection[str], now: datetime) -> tuple[Drift, ...]:
    """Return the slow changes that hold in homes of these areas, the newest first.

    Only of homes where somebody agreed that the community is told: nights are nobody's business otherwise.
    """
    c = consents.c
    given = holds(now, "community")
    agreed = select(residents.c.household).join(consents, and_(c.resident == residents.c.id, given))
    return _drifts(conn, households.c.area.in_(its_areas), households.c.id.in_(agreed))


def drifts_of(conn: Connection, household: str) -> tuple[Drift, ...]:
    """Return the slow changes that hold in one household."""
    return _drifts(conn, households.c.id == household)


def _drifts(conn: Connection, *where: ColumnElement[bool]) -> tuple[Drift, ...]:
    f = findings.c
    query = (
        select(*HOME, findings)
        .join(areas, areas.c.id == households.c.area)
        .join(findings, f.household == households.c.id)
        .where(f.realm == "live", f.kind == DRIFT, f.cleared_at.is_(None), *where)
        .order_by(f.raised_at.desc(), f.id)
        .limit(MOST)
    )
    return tuple(
        Drift(
            home_of(row),
            Sign(row.id, row.kind, row.severity, row.reason, row.evidence, row.onset, row.raised_at, row.cleared_at),
        )
        for row in conn.execute(query)
    )
