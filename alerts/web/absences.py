"""What the buttons of the absence forms mean, and carrying them out: for family, worker and operator alike.

``away:today``, ``away:3d`` and ``away:7d`` declare the home away until the end of that local day, ``away:date`` until the
end of a chosen one; ``back:ID`` ends an absence, ``confirm:ID`` confirms what a relative asked for.  How long a
declaration counts, and for whom, is decided in `alerts.absence`.
"""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from alerts import absence, access, queries, registry
from alerts.web.actions import AWAY_DAYS, end_of_day
from alerts.web.site import Refused, Visit
from alerts.web.taps import TAP, tap_id

MOST_DAYS = 30
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def is_about_absence(do: str) -> bool:
    """Whether a button's value belongs to these forms."""
    return do.partition(":")[0] in ("away", "back", "confirm")


def span(do: str, start: str, until: str, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """Return from when until when a button declares a home away, None for what the form cannot have sent.

    Parameters
    ----------
    do : str
        ``away:today``, ``away:3d``, ``away:7d`` or ``away:date``.
    start, until : str
        Dates of the form; empty: from now; used with ``away:date`` (and `start` with none of the others).
    now : datetime
        An absence never begins before it was declared.
    zone : ZoneInfo
        The home's.
    """
    name = do.partition(":")[2]
    if name in AWAY_DAYS:
        return now, end_of_day(now, zone, AWAY_DAYS[name])
    first, last = _date(start) if start else now.astimezone(zone).date(), _date(until)
    if name != "date" or first is None or last is None:
        return None
    begins, ends = max(now, _midnight_after(first - timedelta(days=1), zone)), _midnight_after(last, zone)
    latest = end_of_day(now, zone, MOST_DAYS)
    return (begins, ends) if begins < ends <= latest else None


def carry_out(
    visit: Visit, session: access.Session, household: str, do: str, tap: str, start: str = "", until: str = ""
) -> bool:
    """Do what a button of the absence forms says; False when it came too late: there is no such absence (any more).

    Raises
    ------
    Refused
        400: not one of our buttons, or not a date that the form offers.
    """
    if not TAP.fullmatch(tap):
        raise Refused(400, "cannot")
    name = tap_id(session.actor, household, tap, do)
    if name in visit.site.taps:
        return True
    with visit.site.engine.begin() as conn:
        done = (
            _declared(conn, visit, session, household, do, start, until)
            if do.startswith("away:")
            else (_ended(conn, visit, session, household, do))
        )
    if done:
        visit.site.taps.add(name)
        visit.site.store.on_commit(frozenset({household}))
    return done


def _declared(
    conn: Connection, visit: Visit, session: access.Session, household: str, do: str, start: str, until: str
) -> bool:

    asked = span(do, start, until, visit.now, registry.household_zone(conn, household))
    if asked is None:
        raise Refused(400, "cannot")
    absence.declare(conn, household, session.actor, *asked, visit.now, visit.site.store.policy)
    return True


def _ended(conn: Connection, visit: Visit, session: access.Session, household: str, do: str) -> bool:
    """End or confirm an absence of this household; a relative does not confirm what a relative declared."""
    verb, _, name = do.partition(":")
    if verb not in ("back", "confirm") or (verb == "confirm" and session.role == "family"):
        raise Refused(400, "cannot")
    for row in queries.journeys_of(conn, household, visit.now):
        if str(row.id) == name:
            act = absence.end if verb == "back" else absence.confirm
            return act(conn, row.id, session.actor, visit.now)
    return False


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def _midnight_after(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), zone)
