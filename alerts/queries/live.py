"""Whom a change concerns: what the stream of changes asks of the database."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select

from alerts.schema import cases, households, offers

RECENT = timedelta(days=7)
"""For how long after its end a case still stands on the pages of those who were asked."""


@dataclass(frozen=True, slots=True)
class Touched:
    """Some households changed: the areas they lie in, and the workers who were asked to go there or went."""

    households: frozenset[str]
    areas: frozenset[str]
    workers: frozenset[str]


def touched(conn: Connection, changed: Collection[str], now: datetime) -> Touched:
    """Return whom a change of these households concerns (by the rule of `access.cases_of_worker`)."""
    areas = conn.scalars(select(households.c.area).where(households.c.id.in_(changed)).distinct())
    shown = cases.c.household.in_(changed) & or_(cases.c.closed_at.is_(None), cases.c.closed_at > now - RECENT)
    asked = (
        select(offers.c.worker)
        .join(cases, (cases.c.realm == offers.c.realm) & (cases.c.id == offers.c.case_id))
        .where(shown)
        .union(select(cases.c.owner).where(shown, cases.c.owner.is_not(None)))
    )
    return Touched(frozenset(changed), frozenset(areas), frozenset(conn.scalars(asked)))
