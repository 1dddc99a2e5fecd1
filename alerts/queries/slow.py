"""What is slow: nobody has to go now, but who knows the homes should know it."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from alerts.queries.absences import Absence, absence_list, not_over
from alerts.schema import absences, households

FOR_GOOD = timedelta(days=366)
"""An absence that ends later than that is nobody's journey: a death explains the silence, and no page speaks of it."""


def journeys_in(conn: Connection, its_areas: Collection[str], now: datetime) -> tuple[Absence, ...]:
    """Return the absences that hold now in homes of these areas."""
    there = absences.c.household.in_(select(households.c.id).where(households.c.area.in_(its_areas)))
    return absence_list(conn, there, absences.c.start <= now, absences.c.end > now, absences.c.end < now + FOR_GOOD)


def journeys_of(conn: Connection, household: str, now: datetime) -> tuple[Absence, ...]:
    """Return the absences of one household that hold now, are to come, or still wait for a confirmation."""
    return absence_list(conn, absences.c.household == household, not_over(now), absences.c.end < now + FOR_GOOD)
