"""What the people database knows about meters: where they hang, and since when they are not heard."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from alerts.queries.areas import AreaEvent, open_areas
from alerts.queries.cases import HOME, home_of
from alerts.queries.models import Home
from alerts.schema import area_events, areas, findings, households


@dataclass(frozen=True, slots=True)
class MeterFacts:
    """Homes by id, since when the meters of which of them are found silent, and radio outages that hold now."""

    homes: Mapping[str, Home]
    silent: Mapping[str, datetime]
    outages: tuple[AreaEvent, ...]


def meter_facts(conn: Connection) -> MeterFacts:
    """Return what a list of meters needs besides the meters themselves."""
    homes = conn.execute(select(*HOME).join(areas, areas.c.id == households.c.area))
    f = findings.c
    silent = conn.execute(
        select(f.household, func.min(f.onset).label("since"))
        .where(f.realm == "live", f.kind == "meter_silent", f.cleared_at.is_(None))
        .group_by(f.household)
    )
    return MeterFacts(
        homes={row.home_id: home_of(row) for row in homes},
        silent={row.household: row.since for row in silent},
        outages=open_areas(conn, area_events.c.kind == "radio_outage"),
    )
