"""Notices and what became of them, about one home or about many."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, distinct, exists, func, select
from sqlalchemy.sql import ColumnElement

from alerts.queries.cases import told
from alerts.queries.models import Told
from alerts.schema import notices

NOTICE_STATES = (
    "pending", "leased", "unknown", "accepted", "delivered", "seen", "failed", "expired", "cancelled",
)  # fmt: skip
LATE = timedelta(minutes=1)
DAY = timedelta(days=1)


def undelivered(conn: Connection, now: datetime) -> int:
    """Return how many messages of the last day nobody can have read: failed, expired, or waiting for over a minute.

    What arrived by another channel of the same person is not lost, and who was tried in vain by two counts once.
    """
    return conn.scalar(select(func.count(distinct(notices.c.root))).where(_lost(now))) or 0


def lost(conn: Connection, now: datetime, most: int) -> tuple[Told, ...]:
    """Return the newest of those."""
    return tuple(told(conn, _lost(now), newest_first=True, most=most))


def delivery_log(conn: Connection, state: str, now: datetime, most: int = 200) -> tuple[Told, ...]:
    """Return the newest notices in a state; ``lost`` stands for those that nobody can have read, empty for all."""
    if state == "lost":
        return lost(conn, now, most)
    where = (notices.c.state == state,) if state else ()
    return tuple(told(conn, *where, newest_first=True, most=most))


def delivery_counts(conn: Connection, now: datetime) -> Mapping[str, int]:
    """Return how many notices of the last day are in which state."""
    count = func.count().label("count_")
    lately = notices.c.realm == "live", notices.c.created_at > now - DAY
    query = select(notices.c.state, count).where(*lately).group_by(notices.c.state)
    return {row.state: row.count_ for row in conn.execute(query)}


def _lost(now: datetime) -> ColumnElement[bool]:
    late = notices.c.state.in_(("pending", "leased")) & (notices.c.due_at < now - LATE)
    other = notices.alias("by_another_channel")
    hopeful = other.c.state.in_(("accepted", "unknown", "delivered", "seen")) | (
        other.c.state.in_(("pending", "leased")) & (other.c.due_at >= now - LATE)
    )
    same = (other.c.realm == notices.c.realm) & (other.c.root == notices.c.root) & (other.c.id != notices.c.id)
    lost_here = notices.c.state.in_(("failed", "expired")) | late
    lately = (notices.c.realm == "live") & (notices.c.created_at > now - DAY)
    return lately & lost_here & ~exists().where(same, hopeful)
