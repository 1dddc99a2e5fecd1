"""Which messages a provider is to be asked about: soon after they were handed over, then ever more slowly, for a day."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, select, update

from alerts.schema import attempts, notices

FIRST_S, SLOWEST_S, LAST_S = 5.0, 900.0, 86400.0
"""When a provider is asked first, how slowly at last, and for how long."""
OPEN = ("accepted", "unknown", "leased")
"""States in which its word would change something."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask of which provider; `next_at`: when it is asked again if it does not know; None: not any more."""

    realm: str
    notice: str
    channel: str
    address: str
    provider_id: str
    sent_at: datetime
    next_at: datetime | None


def questions(
    conn: Connection, channels: Collection[str], now: datetime, most: int, first_s: float = FIRST_S
) -> Sequence[Question]:
    """Return what is to be asked now; `first_s`: the shortest pause between two questions about one message."""
    if not channels:
        return ()
    n = notices.c
    due = select(notices).where(n.poll_at <= now, n.channel.in_(channels)).order_by(n.poll_at).limit(most)
    return [_question(conn, row, now, first_s) for row in conn.execute(due).mappings().all()]


def _question(conn: Connection, row: RowMapping, now: datetime, first_s: float) -> Question:
    a = attempts.c
    mine = select(a.provider_id, a.started_at).where(a.realm == row["realm"], a.notice == row["id"])
    last = conn.execute(mine.order_by(a.id.desc()).limit(1)).one()
    age_s = (now - last.started_at).total_seconds()
    pause_s = min(max(age_s, first_s), SLOWEST_S)
    again = row["state"] in OPEN and age_s < LAST_S
    return Question(
        row["realm"], row["id"], row["channel"], row["address"], last.provider_id or "", last.started_at,
        now + timedelta(seconds=pause_s) if again else None,
    )  # fmt: skip


def booked(conn: Connection, asked: Sequence[Question]) -> None:
    """Book when each is asked again, before it is asked now."""
    for one in asked:
        key = notices.c.realm == one.realm, notices.c.id == one.notice
        conn.execute(update(notices).where(*key).values(poll_at=one.next_at))
