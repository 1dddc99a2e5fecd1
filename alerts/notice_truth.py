"""Whether a notice still says what is so, and whether its reader may still be told: asked each time before it leaves."""

from datetime import datetime

from sqlalchemy import Connection, RowMapping, bindparam, select

from alerts import case_rows, duty_notices, registry
from alerts.casefile import Case
from alerts.notices import STAND_DOWNS, TEMPLATES
from alerts.schema import area_events, offers, turns

_OFFER = select(offers.c.state).where(offers.c.realm == bindparam("realm"), offers.c.id == bindparam("offer"))


def about(conn: Connection, notice: RowMapping) -> Case | RowMapping | None:
    """Return the case, or the row of the area event or of the turn of duty, that a notice is about."""
    if notice["case_id"] is not None:
        return case_rows.load(conn, notice["realm"], notice["case_id"])
    if notice["turn"] is not None:
        return conn.execute(select(turns).where(turns.c.id == notice["turn"])).mappings().first()
    e = area_events.c
    asked = select(area_events).where(e.realm == notice["realm"], e.id == notice["area_event"])
    return conn.execute(asked).mappings().first()


def holds(conn: Connection, notice: RowMapping, of: Case | RowMapping, now: datetime) -> bool:
    """Whether a notice is true of what it is about, and may be told.

    The family hear nothing more once the resident does not agree, but the end of what they were told of they hear.
    """
    if notice["turn"] is not None and not isinstance(of, Case):
        return duty_notices.holds(conn, notice, of, now)
    if not _true_of(conn, notice, of):
        return False
    if notice["recipient_kind"] != "contact" or notice["template"] in STAND_DOWNS:
        return True
    return registry.still_agreed(conn, notice["recipient"], now)


def _true_of(conn: Connection, notice: RowMapping, of: Case | RowMapping) -> bool:
    template = TEMPLATES[notice["template"]]
    if not isinstance(of, Case):
        return bool((of["ended_at"] is None) == (template.area == "begun"))
    if not template.offer or of.state not in template.states:
        return of.state in template.states
    asked = {"realm": notice["realm"], "offer": notice["params"]["offer"]}
    return bool(conn.scalar(_OFFER, asked) == "offered")
