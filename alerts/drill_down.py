"""Providers of messages that a drill plays to be down: whom that concerns, and what could not be sent.

A drill that rehearses a telephone company that fails must not take the company from life.  So nothing is switched off:
an attempt of a notice of that drill, over that channel, finds nobody there, while the same channel serves everything else.
What follows is what follows a provider's failure in life: the person's next channel at once, and the same one later again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, or_, select

from alerts.channels import Result
from alerts.schema import area_members, attempts, cases, drill_homes, drills, notices

PLAYED = Result("failed", detail="no connection: the drill plays it")
"""What such an attempt comes to, in the words of a provider that cannot be reached."""
SENT = ("accepted", "delivered", "seen")


@dataclass(frozen=True, slots=True)
class Unsent:
    """A notice of a drill that no provider has taken, though it was tried."""

    who: str
    """``worker:ID``, ``contact:ID``, ``operator:ID``."""
    channel: str
    notice: str
    """The name of its text."""
    why: str
    at: datetime
    """When it was tried last."""


def down(conn: Connection, going: Sequence[RowMapping], now: datetime) -> frozenset[str]:
    """Return the ids of those notices whose provider is down at `now`, for their drill; of life never any."""
    played = [notice for notice in going if notice["realm"] == "drill"]
    if not played:
        return frozenset()
    d, found = drills.c, set()
    for run in conn.execute(select(d.id, d.started_at, d.down).where(d.state == "running", d.down != "[]")):
        silent = {one["channel"] for one in json.loads(run.down) if _holds(one, now - run.started_at)}
        mine = [notice["id"] for notice in played if notice["channel"] in silent]
        if mine:
            found |= set(conn.scalars(of(run.id, notices.c.id).where(notices.c.id.in_(mine))))
    return frozenset(found)


def _holds(one: dict[str, float | None], since: timedelta) -> bool:
    begins_s, ends_s, now_s = one["begins_s"] or 0.0, one["ends_s"], since.total_seconds()
    return begins_s <= now_s and (ends_s is None or now_s < ends_s)


def of(drill: str, *columns: Any) -> Select[Any]:
    """Return the query for columns of the notices about the homes of a drill: of a case there, or of many homes."""
    n, c, m, h = notices.c, cases.c, area_members.c, drill_homes.c
    homes = select(h.household).where(h.drill == drill)
    about = select(c.id).where(c.realm == "drill", c.household.in_(homes))
    events = select(m.event).where(m.realm == "drill", m.household.in_(homes))
    query: Select[Any] = select(*columns)
    return query.where(n.realm == "drill", or_(n.case_id.in_(about), n.area_event.in_(events)))


def unsent(conn: Connection, run: RowMapping) -> tuple[Unsent, ...]:
    """Return what could not be sent of a drill (a row of `drills`), in order of time."""
    n, a = notices.c, attempts.c
    rows = conn.execute(
        of(run["id"], n.id, n.recipient_kind, n.recipient, n.channel, n.template, a.detail, a.started_at)
        .join(attempts, (a.realm == n.realm) & (a.notice == n.id))
        .where(n.created_at >= run["started_at"], n.state.not_in(SENT), a.result == "failed")
        .order_by(a.started_at, a.id)
    )
    last = {
        row["id"]: Unsent(
            f"{row['recipient_kind']}:{row['recipient']}", row["channel"], row["template"], row["detail"] or "",
            row["started_at"],
        )
        for row in rows.mappings()
    }  # fmt: skip
    return tuple(last.values())
