"""Area events in the tables: one trouble of many homes begins, holds them together, and lets them go; each in one transaction.

A case that the event explains is folded into it, whatever the order in which both are heard of; when the event ends it
is let go only if no other one goes on that explains it as well.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, insert, select, update

from alerts import area_notices, case_rows, claims, explained
from alerts.casefile import OWNED, UNOWNED, Case
from alerts.events import AreaBegan, AreaEnded, Timer
from alerts.policy import Policy
from alerts.schema import area_events, area_members, areas, cases, findings, households
from alerts.steps import advance

log = logging.getLogger(__name__)
STREAMS = {explained.WATER: "care", explained.RADIO: "technical"}


@dataclass(frozen=True, slots=True)
class NewArea:
    """What many homes have at once; the same readings give the same `id`."""

    id: str
    realm: str
    kind: Literal["water_outage", "radio_outage"]
    zone_kind: Literal["building", "riser", "gateway"]
    zone: str
    """What a person calls it: a building's name, a riser, a gateway."""
    building: str | None
    area: str | None
    """Whose people are told."""
    onset: datetime
    raised_at: datetime
    reason: str
    evidence: Mapping[str, Any]
    households: Sequence[str]


def begin(conn: Connection, new: NewArea, now: datetime, policy: Policy) -> frozenset[str]:
    """Store an event, fold what it explains, owe its notices; return its homes, none if nothing changed."""
    before = _event(conn, new.realm, new.id)
    if before is not None and (before["ended_at"] is None or new.raised_at <= before["ended_at"]):
        return frozenset()
    _write(conn, new, again=before is not None)
    event = _event(conn, new.realm, new.id)
    assert event is not None
    members = _members(conn, event)
    for case in _cases(conn, event, members):
        covers = explained.covers(event, explained.signs_of(conn, case), policy)
        began = AreaBegan(new.id, covers)
        advance(conn, policy, case, began, now, "system", {"area": new.id, "covers": covers})
    area_notices.begun(conn, event, now, policy)
    log.warning("an area event began", extra={"area_event": new.id, "kind": new.kind, "homes": len(members)})
    return members


def _write(conn: Connection, new: NewArea, *, again: bool) -> None:
    """Write the event and its homes; one that comes back under its old id goes on."""
    mine = {"realm": new.realm, "id": new.id}
    known = conn.execute(select(areas.c.id).where(areas.c.id == new.area)).scalar()
    values = {
        "kind": new.kind, "zone_kind": new.zone_kind, "zone": new.zone, "building": new.building, "area": known,
        "onset": new.onset, "raised_at": new.raised_at, "ended_at": None, "ended_by": None, "reason": new.reason,
        "evidence": {name: claims.plain(value) for name, value in new.evidence.items()},
    }  # fmt: skip
    e, m = area_events.c, area_members.c
    if again:
        conn.execute(update(area_events).where(e.realm == new.realm, e.id == new.id).values(**values))
    else:
        conn.execute(insert(area_events).values(**mine, **values))
    there = set(conn.scalars(select(m.household).where(m.realm == new.realm, m.event == new.id)))
    homes = set(conn.scalars(select(households.c.id).where(households.c.id.in_(set(new.households) - there))))
    if homes:
        rows = [{"realm": new.realm, "event": new.id, "household": home} for home in sorted(homes)]
        conn.execute(insert(area_members), rows)


def end(conn: Connection, realm: str, name: str, ended_at: datetime, now: datetime, policy: Policy) -> frozenset[str]:
    """End an event, let its cases go, owe its end; return its homes, none if it did not hold."""
    event = _event(conn, realm, name)
    if event is None or event["ended_at"] is not None:
        return frozenset()
    members = _members(conn, event)
    values = {"ended_at": max(ended_at, event["onset"]), "ended_by": _taken_over_by(conn, event, members) or "system"}
    e = area_events.c
    conn.execute(update(area_events).where(e.realm == realm, e.id == name).values(**values))
    for case in _cases(conn, event, members):
        if case.area_event == name:
            _let_go(conn, case, now, policy)
    if event["kind"] == explained.RADIO:
        _tell_silent(conn, realm, members, now, policy)
    ended = _event(conn, realm, name)
    assert ended is not None
    area_notices.over(conn, ended, now, policy)
    log.info("an area event ended", extra={"area_event": name, "kind": event["kind"], "homes": len(members)})
    return members


def settle(conn: Connection, case: Case, now: datetime, policy: Policy) -> Case:
    """Return the case after what began or ended meanwhile: a tap taken back may have made it as it was long ago."""
    e = area_events.c
    mine = select(e.id).where(e.realm == case.realm, e.id == case.area_event, e.ended_at.is_(None))
    if case.area_event is not None and conn.execute(mine).first() is None and Timer.RELEASE not in case.timers:
        return _let_go(conn, case, now, policy)
    if case.state in UNOWNED or Timer.RELEASE in case.timers:
        name = explained.of_case(conn, case, policy)
        if name is not None:
            return advance(conn, policy, case, AreaBegan(name, True), now, "system", {"area": name, "covers": True})
    return case


def _let_go(conn: Connection, case: Case, now: datetime, policy: Policy) -> Case:
    assert case.area_event is not None
    after = None if case.state in OWNED else explained.of_case(conn, case, policy)
    said = {"area": case.area_event, "next": after}
    return advance(conn, policy, case, AreaEnded(case.area_event, after), now, "system", said)


def _tell_silent(conn: Connection, realm: str, members: frozenset[str], now: datetime, policy: Policy) -> None:
    """Meters that are still not heard after the gateway is: each is a trouble of its own now."""
    f = findings.c
    waiting = f.realm == realm, f.household.in_(members), f.suppressed == "outage", f.cleared_at.is_(None)
    for row in conn.execute(select(findings).where(*waiting).order_by(f.raised_at, f.id)).mappings().all():
        names = claims.NewFinding.__dataclass_fields__
        finding = claims.NewFinding(**{name: row[name] for name in names})
        if explained.of_finding(
            conn, realm, finding.household, finding.kind, finding.onset, finding.evidence, now, policy
        ):
            continue
        case = claims.into_case(conn, finding, now, policy)
        mine = f.realm == realm, f.id == finding.id
        conn.execute(update(findings).where(*mine).values(case_id=case, suppressed=None))


def _event(conn: Connection, realm: str, name: str) -> RowMapping | None:
    e = area_events.c
    return conn.execute(select(area_events).where(e.realm == realm, e.id == name)).mappings().first()


def _members(conn: Connection, event: RowMapping) -> frozenset[str]:
    m = area_members.c
    return frozenset(conn.scalars(select(m.household).where(m.realm == event["realm"], m.event == event["id"])))


def _cases(conn: Connection, event: RowMapping, members: frozenset[str]) -> list[Case]:
    """Return the open cases of the stream that an event of this kind touches."""
    mine = cases.c.realm == event["realm"], cases.c.stream == STREAMS[event["kind"]], cases.c.household.in_(members)
    return case_rows.load_open(conn, *mine)


def _taken_over_by(conn: Connection, event: RowMapping, members: frozenset[str]) -> str | None:
    """Return the event of the same kind that goes on for all of these homes, as `ended_by` says it."""
    e = area_events.c
    others = e.realm == event["realm"], e.kind == event["kind"], e.ended_at.is_(None), e.id != event["id"]
    for other in conn.execute(select(area_events).where(*others).order_by(e.onset, e.id)).mappings().all():
        if members <= _members(conn, other):
            return f"area:{other['id']}"
    return None
