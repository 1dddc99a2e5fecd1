"""What is wrong with many homes of a drill at once: begun and ended through the interface.

A program says what the homes have and since when.  The rest (the place, its people, the counts that the words tell) comes
from the registry, so that the notices read as those of life do.
"""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import Connection, select

from alerts.areas import NewArea
from alerts.explained import WATER
from alerts.schema import households

GATEWAY = "drill"
"""What a gateway is called that the program gives no name."""


class Event(BaseModel):
    """A trouble of many homes, as if detectors had seen it now."""

    model_config = ConfigDict(extra="forbid")
    id: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^/\s]+$")]
    kind: Literal["water_outage", "radio_outage"]
    homes: Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(min_length=2, max_length=200)]
    """As the script calls them."""
    onset: AwareDatetime
    zone: Annotated[str, Field(max_length=64)] = ""
    """What people call the gateway; of a water cut the building is told."""


def named(drill: str, event: str) -> str:
    """Return the id of an area event of a drill."""
    return f"{drill}-{event}"


def event(conn: Connection, drill: str, said: Event, homes: Collection[str], now: datetime) -> NewArea:
    """Return the event that a program asked for, over `homes` (ids)."""
    h = households.c
    rows = conn.execute(select(h.area, h.building).where(h.id.in_(homes)).order_by(h.id)).all()
    buildings = {row.building for row in rows}
    building = buildings.pop() if len(buildings) == 1 else None
    water = said.kind == WATER
    counted = "homes" if water else "meters"
    return NewArea(
        id=named(drill, said.id), realm="drill", kind=said.kind, zone_kind="building" if water else "gateway",
        zone=(building or rows[0].building) if water else said.zone or GATEWAY, building=building,
        area=Counter(row.area for row in rows).most_common(1)[0][0], onset=said.onset, raised_at=now, reason=said.kind,
        evidence={f"silent_{counted}": len(rows), f"of_{counted}": len(rows), "since_at": said.onset.timestamp()},
        households=sorted(homes),
    )  # fmt: skip
