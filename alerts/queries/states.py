"""How each home stands now, as one word: what a cell of the schematic and a row of the list of households show.

A home may have several troubles; the cell shows the one that asks most of people.  A person in need comes before a
pipe, not knowing before being away, and being away before calm.  A home that is being set up is never shown as calm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select
from sqlalchemy.sql import ColumnElement, Select

from alerts.casefile import State
from alerts.queries.areas import AreaEvent
from alerts.queries.cases import HOME, home_of
from alerts.queries.models import Home
from alerts.registry.agreed import holds
from alerts.schema import absences, areas, cases, consents, devices, findings, households, residents

STATES = ("red", "amber", "taken", "outage", "silent", "slow", "unwatched", "away", "setting_up", "usual")
"""Every state of a home, the one that wins first."""


@dataclass(frozen=True, slots=True)
class HomeState:
    """One home and how it stands."""

    home: Home
    area_id: str
    state: str
    case: str | None = None
    """The open case about a person, if any."""
    blind: str | None = None
    """Why nothing can be known about it at all: ``no_meter``, ``no_consent``."""
    silent_since: datetime | None = None
    """Since when its meter was found silent."""


def home_states(
    conn: Connection,
    now: datetime,
    outages: Sequence[AreaEvent],
    *where: ColumnElement[bool],
    set_up: frozenset[str] = frozenset(),
) -> list[HomeState]:
    """Return the homes that meet every condition, in no order.

    Parameters
    ----------
    conn, now, where
        Where and when it is asked, and of which homes.
    outages : sequence of AreaEvent
        The area events that hold now.
    set_up : frozenset of str
        The homes that are being set up: they may not be shown as covered yet.
    """
    care, slow = _open_cases(conn)
    dry, deaf, silent = _members(outages, "water_outage"), _members(outages, "radio_outage"), _silent(conn)
    away = frozenset(conn.scalars(select(absences.c.household).where(absences.c.start <= now, absences.c.end > now)))
    query = select(
        *HOME, households.c.area.label("area_id"), has_device(now).label("metered"), has_consent(now).label("consented")
    )
    found = []
    for row in conn.execute(query.join(areas, areas.c.id == households.c.area).where(*where)):
        name = row.home_id
        state, case = care.get(name, ("usual", None))
        blind = "no_consent" if not row.consented else None if row.metered else "no_meter"
        also = {
            "outage": name in dry or state == "outage",
            "silent": name in deaf or name in silent,
            "slow": name in slow,
            "unwatched": blind is not None,
            "away": name in away,
            "setting_up": name in set_up,
        }
        if state not in ("red", "amber", "taken"):
            state = next((one for one in STATES if also.get(one)), "usual")
        found.append(HomeState(home_of(row), row.area_id, state, case, blind, silent.get(name)))
    return found


def _open_cases(conn: Connection) -> tuple[Mapping[str, tuple[str, str | None]], frozenset[str]]:
    """Return (state, case) of homes with an open case about a person, and the homes with one about a device."""
    c = cases.c
    rows = conn.execute(
        select(c.household, c.id, c.stream, c.severity, c.state, c.owner).where(
            c.realm == "live", c.closed_at.is_(None)
        )
    ).all()
    care = {row.household: (_of_case(row), row.id) for row in rows if row.stream == "care"}
    return care, frozenset(row.household for row in rows if row.stream != "care")


def _of_case(row: Any) -> str:
    if row.state == State.FOLDED:
        return "outage"
    if row.owner is not None:
        return "taken"
    return "red" if row.severity == "red" else "amber"


def _members(events: Sequence[AreaEvent], kind: str) -> frozenset[str]:
    return frozenset[str]().union(*(event.households for event in events if event.kind == kind))


def _silent(conn: Connection) -> Mapping[str, datetime]:
    """Return since when the meters of which homes are found silent."""
    f = findings.c
    query = select(f.household, func.min(f.onset).label("since")).where(
        f.realm == "live", f.kind == "meter_silent", f.cleared_at.is_(None)
    )
    return {row.household: row.since for row in conn.execute(query.group_by(f.household))}


# --- which homes are watched at all --------------------------------------------------------------------------------


def has_consent(now: datetime) -> ColumnElement[bool]:
    """Return the condition that somebody of the household agreed to be monitored."""
    given = and_(consents.c.resident == residents.c.id, holds(now, "monitor"))
    agreed: Select[str] = select(residents.c.household).join(consents, given)
    return households.c.id.in_(agreed)


def has_device(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a device with a water register is fitted in the household now."""
    d = devices.c
    fitted: Select[str] = select(d.household).where(
        d.valid_from <= now, or_(d.valid_to.is_(None), d.valid_to > now), d.resolution_l.is_not(None)
    )
    return households.c.id.in_(fitted)
