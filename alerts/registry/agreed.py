"""Which consents hold: the one condition by which every part of the service decides what it may do.

A consent holds from when it was given until it is withdrawn, but not while it is paused, and not while it is *parked*: a
newer text of its purpose is in force, and its resident has not answered that one.
"""

from datetime import datetime
from typing import Literal

from sqlalchemy import BindParameter, ColumnElement, and_, or_, select

from alerts.schema import consent_texts, consents

Purpose = Literal["monitor", "community", "relative", "research"]
PURPOSES: tuple[Purpose, ...] = ("monitor", "community", "relative", "research")


Moment = datetime | BindParameter[datetime]
"""A time, or the place of one in a statement that is built once."""


def holds(now: Moment, *purposes: str) -> ColumnElement[bool]:
    """Return the condition on `consents` under which one holds at `now`, for any of `purposes` (none: for all)."""
    c = consents.c
    wanted = [c.purpose.in_(purposes)] if purposes else []
    given = c.given_at <= now, or_(c.withdrawn_at.is_(None), c.withdrawn_at > now)
    return and_(*wanted, *given, or_(c.paused_until.is_(None), c.paused_until <= now), ~parked(now))


def parked(now: Moment) -> ColumnElement[bool]:
    """Return the condition on `consents` under which a text other than the agreed one is in force, and no older."""
    newer, agreed = consent_texts.alias("newer"), consent_texts.alias("agreed")
    same = agreed.c.purpose == consents.c.purpose, agreed.c.version == consents.c.version
    as_new = select(agreed.c.version).where(*same, agreed.c.from_at >= newer.c.from_at).correlate(consents, newer)
    other = newer.c.purpose == consents.c.purpose, newer.c.version != consents.c.version, newer.c.from_at <= now
    return select(newer.c.version).where(*other, ~as_new.exists()).correlate(consents).exists()
