"""An absence declared on a page: by whom, from when until when, and how long it counts.

Whoever saw or spoke to the resident for us (a worker, an operator) is believed at once, for at most 30 days; then it is
asked again.  A relative is believed for a day; what he or she asked for beyond that waits, visibly, until a worker or an
operator confirms it, and asking once more does not make it longer.  While a home is away its silence raises nothing;
water that runs there still does.  A declaration never ends a case that is open because of a relative's word alone.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from alerts import audit
from alerts.errors import BadAbsence
from alerts.policy import Policy
from alerts.registry.changes import bump
from alerts.schema import absences, households

STAFF = ("worker", "operator")
FAMILY = "contact"
MOST = timedelta(days=30)
"""The longest absence that can be declared at once; then it is asked again."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a declaration came to."""

    id: int
    start: datetime
    end: datetime
    """Until when it counts."""
    asked_until: datetime | None
    """What was asked for beyond that and waits for a confirmation; None: nothing does."""


def declare(
    conn: Connection, household: str, by: str, start: datetime, until: datetime, now: datetime, policy: Policy
) -> Declared:
    """Write down that a household is away, in the caller's transaction.

    Parameters
    ----------
    by : str
        ``worker:ID``, ``operator:NAME`` or ``contact:ID``; whether he or she may speak for this home, the caller knows.
    start, until : datetime
        An absence never begins before it was declared; what is longer than `MOST` is cut.

    Raises
    ------
    BadAbsence
        It ends before it begins, nobody of ours says so, or there is no such household.
    """
    kind = by.partition(":")[0]
    if kind not in (*STAFF, FAMILY):
        raise BadAbsence(f"want worker:ID, operator:NAME or contact:ID, got {by!r}")
    if conn.execute(select(households.c.id).where(households.c.id == household)).first() is None:
        raise BadAbsence(f"no household {household!r}")
    start = max(start, now)
    if until <= start:
        raise BadAbsence(f"want an end after {start.isoformat()}, got {until.isoformat()}")
    until = min(until, start + MOST)
    waiting = _waiting(conn, household, now) if kind == FAMILY else None
    if waiting is not None:
        return _asked_again(conn, waiting, by, until, now)
    held = min(until, start + timedelta(seconds=policy.family_absence_s)) if kind == FAMILY else until
    values = {"start": start, "end": held, "asked_until": until if until > held else None, "declared_at": now}
    made = conn.execute(insert(absences).values(household=household, by=by, **values)).inserted_primary_key
    assert made is not None
    _changed(conn, now, by, household, "declared", made[0], held)
    return Declared(made[0], start, held, values["asked_until"])


def _waiting(conn: Connection, household: str, now: datetime) -> RowMapping | None:
    """Return what a relative of this home asked for and nobody has confirmed or ended yet."""
    a = absences.c
    mine = a.household == household, a.by.like(f"{FAMILY}:%"), a.asked_until > now
    return conn.execute(select(absences).where(*mine).order_by(a.start.desc()).limit(1)).mappings().first()


def _asked_again(conn: Connection, row: RowMapping, by: str, until: datetime, now: datetime) -> Declared:
    if until <= row["end"]:
        return Declared(row["id"], row["start"], row["end"], row["asked_until"])
    conn.execute(update(absences).where(absences.c.id == row["id"]).values(asked_until=until))
    _changed(conn, now, by, row["household"], "asked", row["id"], until)
    return Declared(row["id"], row["start"], row["end"], until)


def confirm(conn: Connection, absence: int, by: str, now: datetime) -> bool:
    """Let a relative's absence count until the end that was asked for; `by` vouches for it from now on.

    False: nothing waits for a confirmation there (any more).

    Raises
    ------
    BadAbsence
        `by` is neither a worker nor an operator.
    """
    if by.partition(":")[0] not in STAFF:
        raise BadAbsence(f"want worker:ID or operator:NAME to confirm, got {by!r}")
    waiting = absences.c.id == absence, absences.c.asked_until > now
    values: dict[str, Any] = {"end": absences.c.asked_until, "asked_until": None, "by": by}
    home = _home_of(conn, absence)
    if not conn.execute(update(absences).where(*waiting).values(**values)).rowcount:
        return False
    _changed(conn, now, by, home, "confirmed", absence)
    return True


def end(conn: Connection, absence: int, by: str, now: datetime) -> bool:
    """Let an absence be over, and what was asked for beyond it: somebody is home.  False: it was over already.

    Raises
    ------
    BadAbsence
        Nobody of ours says so.
    """
    if by.partition(":")[0] not in (*STAFF, FAMILY):
        raise BadAbsence(f"want worker:ID, operator:NAME or contact:ID, got {by!r}")
    a, home = absences.c, _home_of(conn, absence)
    planned = conn.execute(delete(absences).where(a.id == absence, a.start >= now)).rowcount
    running = update(absences).where(a.id == absence, a.end > now).values(end=now, asked_until=None)
    asked = update(absences).where(a.id == absence, a.asked_until > now).values(asked_until=None)
    if not (planned or conn.execute(running).rowcount or conn.execute(asked).rowcount):
        return False
    _changed(conn, now, by, home, "ended", absence)
    return True


def _home_of(conn: Connection, absence: int) -> str:
    return conn.scalar(select(absences.c.household).where(absences.c.id == absence)) or ""


def _changed(
    conn: Connection, now: datetime, by: str, household: str, what: str, number: int, until: datetime | None = None
) -> None:
    """Let the detectors hear of it, and write down who said so."""
    bump(conn)
    ends = {} if until is None else {"until": until.isoformat()}
    audit.append(conn, now, "absence", by, f"household:{household}", what=what, absence=number, **ends)
