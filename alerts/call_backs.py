"""The call-back after an outcome: somebody asks the home, a day later at most, whether it was as it was told.

It is owed together with the outcome, in the same transaction, and is no state of the case: a case that waited for it would
hold the home's one open case against whatever happens next.  One that nobody made in time is not forgotten either: it
stays on the list, and is counted.  (Hot-line practice: receive, dispatch, handle, call back, archive.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from sqlalchemy import Connection, delete, insert, select, update

from alerts.casefile import Case
from alerts.policy import Policy
from alerts.schema import call_backs, cases

Answer = Literal["well", "wrong", "unreached"]
"""It was as told; it was not; nobody could be reached (it may be tried again, and counts as made)."""
ANSWERS = get_args(Answer)


@dataclass(frozen=True, slots=True)
class Due:
    """A call-back that nobody has made yet."""

    realm: str
    case: str
    household: str
    outcome: str
    due_at: datetime


def owe(conn: Connection, case: Case, now: datetime, policy: Policy) -> None:
    """Owe the call-back of a case that has just ended with an outcome; a second call changes nothing."""
    key = call_backs.c.realm == case.realm, call_backs.c.case_id == case.id
    if conn.execute(select(call_backs.c.case_id).where(*key)).first() is None:
        due = now + timedelta(seconds=policy.call_back_s)
        conn.execute(insert(call_backs).values(realm=case.realm, case_id=case.id, due_at=due))


def drop(conn: Connection, case: Case) -> None:
    """The outcome was taken back: nothing is owed for it."""
    conn.execute(delete(call_backs).where(call_backs.c.realm == case.realm, call_backs.c.case_id == case.id))


def made(conn: Connection, realm: str, case: str, by: str, answer: Answer, now: datetime) -> bool:
    """Note that somebody called; False: it is not owed, or somebody had called before."""
    c = call_backs.c
    mine = c.realm == realm, c.case_id == case, c.done_at.is_(None)
    return conn.execute(update(call_backs).where(*mine).values(done_at=now, by=by, answer=answer)).rowcount == 1


def due(conn: Connection, realm: str = "live", most: int | None = None) -> Sequence[Due]:
    """Return the call-backs that nobody has made yet, at most so many, the one that is due first in front."""
    c = call_backs.c
    query = (
        select(c.case_id, c.due_at, cases.c.household, cases.c.outcome)
        .join(cases, (cases.c.realm == c.realm) & (cases.c.id == c.case_id))
        .where(c.realm == realm, c.done_at.is_(None))
        .order_by(c.due_at, c.case_id)
        .limit(most)
    )
    return [Due(realm, row.case_id, row.household, row.outcome, row.due_at) for row in conn.execute(query)]
