"""Declared absences: who said so, until when, and what still waits for a confirmation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, not_, or_, select
from sqlalchemy.sql import ColumnElement

from alerts.outcomes import OUTCOMES
from alerts.queries.cases import HOME, home_of, names_of
from alerts.queries.models import Home
from alerts.registry.lookups import OUTCOME
from alerts.schema import absences as table
from alerts.schema import areas, cases, households

MOST = 200


@dataclass(frozen=True, slots=True)
class Absence:
    """A time in which no use of water is expected in a home."""

    id: int
    home: Home
    start: datetime
    end: datetime
    by: str
    """As it is written down: ``worker:ID``, ``contact:ID``, ``operator:NAME``, words of a sheet, or an outcome."""
    name: str | None
    """The name of who declared it; None: the outcome of a case says so."""
    asked_until: datetime | None
    """Until when a relative asked for it beyond `end`; None: nothing waits for a confirmation."""
    outcome: str | None
    """What the case turned out to be that made it; None: somebody declared it."""

    @property
    def in_care(self) -> bool:
        """Whether the person is not on a journey but in a hospital, or gone for good."""
        return self.outcome is not None and OUTCOMES[self.outcome].in_care


def not_over(now: datetime) -> ColumnElement[bool]:
    """Return the condition that an absence holds, is to come, or still waits for a confirmation."""
    return or_(table.c.end > now, table.c.asked_until > now)


def absences_of(conn: Connection, household: str, now: datetime) -> tuple[Absence, ...]:
    """Return the absences of a household that hold now, are to come, or still wait for a confirmation."""
    return absence_list(conn, table.c.household == household, not_over(now))


def absences_past(conn: Connection, household: str, since: datetime, now: datetime) -> tuple[Absence, ...]:
    """Return the absences of a household that ended between `since` and `now`."""
    return absence_list(conn, table.c.household == household, table.c.end > since, not_(not_over(now)))


def absences_now(conn: Connection, now: datetime) -> tuple[Absence, ...]:
    """Return the absences that have begun and are not over, in any home; what waits for a confirmation comes first."""
    found = absence_list(conn, table.c.start <= now, not_over(now))
    return tuple(sorted(found, key=lambda row: (row.asked_until is None, row.end)))


def absence_list(conn: Connection, *where: ColumnElement[bool]) -> tuple[Absence, ...]:
    """Return at most `MOST` absences that meet every condition, what ends first at the top."""
    query = (
        select(table.c.id, table.c.start, table.c.end, table.c.by, table.c.asked_until, *HOME)
        .join(households, households.c.id == table.c.household)
        .join(areas, areas.c.id == households.c.area)
        .where(*where)
        .order_by(table.c.end, table.c.id)
        .limit(MOST)
    )
    rows = conn.execute(query).all()
    names = names_of(conn, {row.by for row in rows})
    made_by = [row.by.removeprefix(OUTCOME) for row in rows if row.by.startswith(OUTCOME)]
    c = cases.c
    known = conn.execute(select(c.id, c.outcome).where(c.realm == "live", c.id.in_(made_by))).all()
    outcomes = {row.id: row.outcome for row in known}
    return tuple(_absence(row, names, outcomes) for row in rows)


def _absence(row: Any, names: Mapping[str, str], outcomes: Mapping[str, str | None]) -> Absence:
    case = row.by.removeprefix(OUTCOME) if row.by.startswith(OUTCOME) else None
    name = names.get(row.by, row.by) if case is None else None
    outcome = None if case is None else outcomes.get(case)
    return Absence(row.id, home_of(row), row.start, row.end, row.by, name, row.asked_until, outcome)
