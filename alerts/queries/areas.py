"""Area events: a water outage or a radio outage that many homes share, and which homes those are."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, or_, select
from sqlalchemy.sql import ColumnElement

from alerts.schema import area_events, area_members, areas
from alerts.texts import Place

MOST = 100
"""Most area events of one page."""


@dataclass(frozen=True, slots=True)
class AreaEvent:
    """One event of many homes; `reason` and `evidence` become one sentence, as with a finding."""

    realm: str
    id: str
    kind: str
    """water_outage or radio_outage"""
    zone_kind: str
    """building, riser or gateway"""
    zone: str
    """What a person calls it."""
    building: str | None
    area_id: str | None
    area: str | None
    """Whose people are told."""
    onset: datetime
    raised_at: datetime
    ended_at: datetime | None
    reason: str
    evidence: Mapping[str, Any]
    households: frozenset[str]

    @property
    def place(self) -> Place:
        """What its homes share."""
        return Place(self.zone_kind, self.zone, self.building)

    @property
    def is_open(self) -> bool:
        """Whether it still holds."""
        return self.ended_at is None


def open_areas(conn: Connection, *where: ColumnElement[bool], realm: str | None = "live") -> tuple[AreaEvent, ...]:
    """Return the area events that hold now, the longest first; `realm` None: of life and of drills."""
    mine = () if realm is None else (area_events.c.realm == realm,)
    return area_list(conn, *mine, area_events.c.ended_at.is_(None), *where)


def areas_of(conn: Connection, household: str, realm: str = "live") -> tuple[AreaEvent, ...]:
    """Return the area events that hold now and of which this household is part."""
    mine = select(area_members.c.event).where(area_members.c.realm == realm, area_members.c.household == household)
    return open_areas(conn, area_events.c.id.in_(mine), realm=realm)


def area_list(conn: Connection, *where: ColumnElement[bool]) -> tuple[AreaEvent, ...]:
    """Return at most `MOST` area events that meet every condition, by their onset."""
    query = (
        select(area_events, areas.c.name.label("area_name"))
        .outerjoin(areas, areas.c.id == area_events.c.area)
        .where(*where)
        .order_by(area_events.c.onset, area_events.c.id)
        .limit(MOST)
    )
    rows = conn.execute(query).all()
    members = _members(conn, [(row.realm, row.id) for row in rows])
    return tuple(
        AreaEvent(
            realm=row.realm,
            id=row.id,
            kind=row.kind,
            zone_kind=row.zone_kind,
            zone=row.zone,
            building=row.building,
            area_id=row.area,
            area=row.area_name,
            onset=row.onset,
            raised_at=row.raised_at,
            ended_at=row.ended_at,
            reason=row.reason,
            evidence=row.evidence,
            households=frozenset(members[row.realm, row.id]),
        )
        for row in rows
    )


def _members(conn: Connection, ids: list[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    m = area_members.c
    of_events = or_(False, *(and_(m.realm == realm, m.event == event) for realm, event in ids))
    for row in conn.execute(select(m.realm, m.event, m.household).where(of_events)):
        found[row.realm, row.event].append(row.household)
    return found
