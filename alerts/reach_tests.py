"""Test messages: whether somebody is reached is found out before it matters, by one message and one tap on its link.

Where a text message may carry no link, its short answer counts as the tap.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, insert, select

from alerts import audit, duty_notices, registry
from alerts.policy import Policy
from alerts.schema import turns

LASTS = timedelta(days=2)
"""How long a test message may wait to be sent."""
TURN = "test-"
"""How the id of what test messages are about begins; that of a shift is a digest."""


def send(conn: Connection, area: str, people: Collection[str], by: str, now: datetime, policy: Policy) -> int:
    """Owe a test message to each of `people` (``worker:ID``, ``operator:ID``, ``contact:ID``); return to how many.

    One an hour at most to each, and none to whom the registry does not know.  Relatives whose resident does not agree (any
    more) hear nothing: that is asked again when the message leaves.
    """
    known = registry.persons(conn, people)
    if not known:
        return 0
    name = f"{TURN}{sha256(area.encode()).hexdigest()[:16]}-{now:%Y%m%d}"
    if conn.execute(select(turns.c.id).where(turns.c.id == name)).first() is None:
        conn.execute(insert(turns).values(id=name, area=area, start=now, end=now + LASTS))
    for actor in sorted(known):
        template = "family_reach_test" if actor.startswith("contact:") else "reach_test"
        duty_notices.owe(conn, name, actor, template, now, policy, key=f"{now:%H}")
    audit.append(conn, now, "reach_test", by, f"area:{area}", people=len(known))
    return len(known)


def is_one(turn: str) -> bool:
    """Whether a turn of duty is none, but what test messages of a day are about."""
    return turn.startswith(TURN)
