"""A worker: post, shift now, and who stands in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from alerts.queries.points import BadPoint, bad_points
from alerts.registry.ways import BETWEEN
from alerts.schema import areas, shifts, workers


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift that a worker is part of; `part` is owner, backup or lead."""

    area: str
    part: str
    start: datetime
    end: datetime
    owner: str
    backup: str | None
    lead: str | None


@dataclass(frozen=True, slots=True)
class WorkerView:
    """Who the worker is, and the shifts that run now or start within a day."""

    id: str
    name: str
    role: str
    area: str
    shifts: tuple[Shift, ...]
    channels: tuple[str, ...]
    """By which they are told, in the order in which they are tried."""
    bad: tuple[BadPoint, ...]
    """Those by which nobody is reached."""


def worker(conn: Connection, worker_id: str, now: datetime, until: datetime) -> WorkerView | None:
    """Return the worker with the shifts between `now` and `until`, None when there is no such worker."""
    me = conn.execute(
        select(workers, areas.c.name.label("area_name"))
        .join(areas, areas.c.id == workers.c.area)
        .where(workers.c.id == worker_id)
    ).one_or_none()
    if me is None:
        return None
    channels, bad = tuple(me.channel.split(BETWEEN)), bad_points(conn, "worker", worker_id)
    return WorkerView(me.id, me.name, me.role, me.area_name, tuple(_shifts(conn, worker_id, now, until)), channels, bad)


def _shifts(conn: Connection, worker_id: str, now: datetime, until: datetime) -> list[Shift]:
    owner, backup, lead = workers.alias(), workers.alias(), workers.alias()
    query = (
        select(
            shifts,
            areas.c.name.label("area_name"),
            owner.c.name.label("owner_name"),
            backup.c.name.label("backup_name"),
            lead.c.name.label("lead_name"),
        )
        .join(areas, areas.c.id == shifts.c.area)
        .join(owner, owner.c.id == shifts.c.owner)
        .outerjoin(backup, backup.c.id == shifts.c.backup)
        .outerjoin(lead, lead.c.id == shifts.c.lead)
        .where(
            or_(shifts.c.owner == worker_id, shifts.c.backup == worker_id, shifts.c.lead == worker_id),
            shifts.c.end > now,
            shifts.c.start < until,
        )
        .order_by(shifts.c.start)
        .limit(20)
    )
    return [
        Shift(
            area=row.area_name,
            part="owner" if row.owner == worker_id else "backup" if row.backup == worker_id else "lead",
            start=row.start,
            end=row.end,
            owner=row.owner_name,
            backup=row.backup_name,
            lead=row.lead_name,
        )
        for row in conn.execute(query)
    ]
