"""Whether a notice still says what is so, and whether its reader may still be told: asked each time before it leaves."""

from collections.abc import Container, Iterable
from datetime import datetime

from sqlalchemy import Connection, RowMapping, bindparam, select

from alerts import case_rows, duty_notices, registry
from alerts.casefile import Case
from alerts.notices import STAND_DOWNS, TEMPLATES
from alerts.schema import area_events, turns

_TURNS = select(turns).where(turns.c.id.in_(bindparam("turns", expanding=True)))
_EVENTS = select(area_events).where(
    area_events.c.realm == bindparam("realm"), area_events.c.id.in_(bindparam("events", expanding=True))
)


Subject = Case | RowMapping
"""What a notice is about: a case, or the row of an area event or of a turn of duty."""
SubjectKey = tuple[str, str | None, str | None, str | None]


def about(conn: Connection, notice: RowMapping) -> Subject | None:
    """Return the case, or the row of the area event or of the turn of duty, that a notice is about."""
    return abouts(conn, [notice]).get(subject_key(notice))


def subject_key(notice: RowMapping) -> SubjectKey:
    """Return by what `abouts` knows the subject of a notice: its realm, and the case, the area event or the turn."""
    return notice["realm"], notice["case_id"], notice["area_event"], notice["turn"]


def abouts(conn: Connection, owed: Iterable[RowMapping]) -> dict[SubjectKey, Subject]:
    """Return what many notices are about, by `subject_key`."""
    found: dict[SubjectKey, Subject] = {}
    keys = {subject_key(notice) for notice in owed}
    for realm in {key[0] for key in keys}:
        named = [case for of, case, *_ in keys if of == realm and case is not None]
        for name, case in (case_rows.load_all(conn, realm, named) if named else {}).items():
            found[realm, name, None, None] = case
        events = [event for of, _, event, _ in keys if of == realm and event is not None]
        for row in conn.execute(_EVENTS, {"realm": realm, "events": events}).mappings() if events else ():
            found[realm, None, row["id"], None] = row
        on_duty = [turn for of, *_, turn in keys if of == realm and turn is not None]
        for row in conn.execute(_TURNS, {"turns": on_duty}).mappings() if on_duty else ():
            found[realm, None, None, row["id"]] = row
    return found


def reading(conn: Connection, owed: Iterable[RowMapping], now: datetime) -> set[str]:
    """Return the relatives among the readers of these notices who may still be told."""
    told = {notice["recipient"] for notice in owed if notice["recipient_kind"] == "contact"}
    return registry.still_agreeing(conn, told, now) if told else set()


def holds(conn: Connection, notice: RowMapping, of: Subject, now: datetime) -> bool:
    """Whether a notice is true of what it is about, and may be told."""
    return holds_for(conn, notice, of, reading(conn, [notice], now), now)


def holds_for(conn: Connection, notice: RowMapping, of: Subject, may_read: Container[str], now: datetime) -> bool:
    """Whether a notice is true of what it is about, and may be told; `may_read`: from `reading`.

    The family hear nothing more once the resident does not agree, but the end of what they were told of they hear.
    """
    if notice["turn"] is not None and not isinstance(of, Case):
        return duty_notices.holds(conn, notice, of, now)
    if not _true_of(notice, of):
        return False
    staff = notice["recipient_kind"] != "contact"
    return staff or notice["template"] in STAND_DOWNS or notice["recipient"] in may_read


def _true_of(notice: RowMapping, of: Subject) -> bool:
    template = TEMPLATES[notice["template"]]
    if not isinstance(of, Case):
        return bool((of["ended_at"] is None) == (template.area == "begun"))
    if not template.offer or of.state not in template.states:
        return of.state in template.states
    n = int(notice["params"]["offer"].rpartition("-")[2])
    return n < len(of.offers) and of.offers[n].state == "offered"
