"""The change of shifts as a worker sees it: what to take over, and who has said that they are there."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, or_, select

from alerts import turns
from alerts.events import Timer
from alerts.queries.cases import by_urgency, cards, may_take
from alerts.queries.models import CaseCard
from alerts.schema import areas, cases, shifts, timers, workers
from alerts.schema import turns as table


@dataclass(frozen=True, slots=True)
class Post:
    """A shift that runs or is about to, in which a worker has a part (owner, backup, lead)."""

    id: str
    area: str
    part: str
    start: datetime
    end: datetime
    owner: str
    """The owner's name."""
    owner_at: datetime | None
    missed_at: datetime | None
    backup_at: datetime | None

    @property
    def waits(self) -> bool:
        """Whether a tap of this worker would say something new."""
        if self.part == "owner":
            return self.owner_at is None
        return self.part == "backup" and self.missed_at is not None and (self.owner_at or self.backup_at) is None


def posts(conn: Connection, worker: str, now: datetime) -> list[Post]:
    """Return the shifts of a worker that run now or begin within `turns.LATELY`, by their beginning."""
    s, t = shifts.c, table.c
    query = (
        select(shifts, areas.c.name.label("area_name"), workers.c.name.label("owner_name"))
        .add_columns(t.owner_at, t.missed_at, t.backup_at)
        .join(areas, areas.c.id == s.area)
        .join(workers, workers.c.id == s.owner)
        .outerjoin(table, (t.area == s.area) & (t.start == s.start) & (t.owner == s.owner))
        .where(or_(s.owner == worker, s.backup == worker, s.lead == worker))
        .where(s.start <= now + turns.LATELY, s.end > now)
        .order_by(s.start, s.id)
    )
    return [_post(row, worker) for row in conn.execute(query)]


def _post(row: Row[Any], worker: str) -> Post:
    part = "owner" if row.owner == worker else "backup" if row.backup == worker else "lead"
    name = turns.name(row.area, row.start, row.owner)
    moments = row.owner_at, row.missed_at, row.backup_at
    return Post(name, row.area_name, part, row.start, row.end, row.owner_name, *moments)


def shift_of(conn: Connection, worker: str, turn: str, now: datetime) -> Row[Any] | None:
    """Return the shift of that turn if the worker is its owner or backup and it runs or is about to."""
    s = shifts.c
    mine = or_(s.owner == worker, s.backup == worker), s.start <= now + turns.LATELY, s.end > now
    rows = conn.execute(select(shifts).where(*mine)).all()
    return next((row for row in rows if turns.name(row.area, row.start, row.owner) == turn), None)


def to_take(conn: Connection, worker: str, now: datetime) -> list[CaseCard]:
    """Return the cases of a shift that ends that a worker may take over, the most severe and longest open first."""
    t = timers.c
    handed = exists().where(t.realm == cases.c.realm, t.case_id == cases.c.id, t.kind == Timer.HAND_OVER.value)
    open_ones = cases.c.realm == "live", cases.c.closed_at.is_(None), cases.c.owner != worker
    found = cards(conn, *open_ones, handed)
    return sorted((card for card in found if worker in may_take(conn, card, now)), key=by_urgency)
