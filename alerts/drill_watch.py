"""The round that is made of drills that run: over by the clock, too much for a telephone number, or overtaken by life.

What is due is read first; each piece is a transaction of its own, after and apart from those of life.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, select

from alerts import drill_down, drill_runs, drill_scope
from alerts.channels import RESERVE
from alerts.policy import Policy
from alerts.schema import drills, notices

Work = Callable[[Connection], Collection[str]]
"""One piece of a round, in a transaction; returns the households whose cases moved."""


def due(conn: Connection, policy: Policy, now: datetime) -> list[Work]:
    """Return the pieces of work that are due; while no drill runs that is one small query."""
    running = conn.execute(select(drills.c.id, drills.c.ends_at).where(drills.c.state == "running")).all()
    if not running:
        return []
    over = {row.id: "time" for row in running if row.ends_at <= now} | dict.fromkeys(_spent(conn), "reserve")
    work: list[Work] = [
        partial(drill_runs.end, drill=drill, now=now, by="system", why=why, policy=policy)  # type: ignore[arg-type]
        for drill, why in over.items()
    ]
    homes, people = drill_scope.homes_in(conn), drill_scope.people_in(conn)
    homes_at, people_at = drill_runs.real_reds(conn, list(homes), list(people))
    work += [
        partial(drill_runs.take_out, drill=drill, person=person, now=now, policy=policy)
        for person in sorted(people_at)
        for drill in people[person]
    ]
    work += [
        partial(drill_runs.leave, drill=homes[home], home=home, now=now, policy=policy) for home in sorted(homes_at)
    ]
    return work


def _spent(conn: Connection) -> set[str]:
    """Return the drills of which a message was held back, because it would have used what is kept for real ones."""
    n, d = notices.c, drills.c
    return {
        run.id
        for run in conn.execute(select(d.id, d.started_at).where(d.state == "running")).all()
        if conn.execute(
            drill_down.of(run.id, n.id).where(n.last_error == RESERVE, n.created_at >= run.started_at).limit(1)
        ).first()
    }
