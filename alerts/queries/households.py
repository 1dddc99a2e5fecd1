"""Households for the operator: a list to search in, and everything that is written down about one."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from alerts.queries.absences import Absence, absences_of, absences_past
from alerts.queries.areas import AreaEvent, areas_of, open_areas
from alerts.queries.cases import HOME, cards, dialable, home_of, names_of, place, residents_of
from alerts.queries.models import CaseCard, Home, Resident, Sign
from alerts.queries.points import BadPoint, bad_contacts
from alerts.queries.schematic import in_order
from alerts.queries.slow import Drift, drifts_of
from alerts.queries.states import STATES, HomeState, home_states
from alerts.registry import realms
from alerts.registry.agreed import holds
from alerts.registry.ways import BETWEEN
from alerts.schema import areas, cases, consents, contacts, devices, findings, households, residents, view_log

HISTORY = timedelta(days=90)
"""How far back the page of one household tells of cases and findings."""
MOST = 100
LOOKS = 10
"""How many of the last looks are shown."""
SORTS = ("state", "address")
_NUMBER = re.compile(r"[0-9]+")
_PARTS = re.compile(r"[0-9]+|[^0-9]+")


@dataclass(frozen=True, slots=True)
class HouseholdRow:
    """One row of the list."""

    home: Home
    state: str
    case: str | None
    names: tuple[str, ...]
    """Who lives there."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What was found: the first rows, how many there are, and what one can choose from."""

    rows: tuple[HouseholdRow, ...]
    found: int
    states: tuple[HomeState, ...]
    """All homes of the chosen building, whatever their state: for its schematic; empty without a choice."""
    buildings: tuple[str, ...]


def household_list(
    conn: Connection, now: datetime, building: str = "", state: str = "", text: str = "", sort: str = "state",
    most: int = 200, set_up: frozenset[str] = frozenset(),
) -> Listed:  # fmt: skip
    """Return the households of a building, in a state, with `text` in their address or a resident's name.

    `set_up`: the homes that are being set up.
    """
    lived = realms.lived_in(households.c.area)
    names = list(conn.scalars(select(households.c.building).where(lived).distinct()))
    where = (lived, households.c.building == building) if building else (lived,)
    found = home_states(conn, now, open_areas(conn), *where, set_up=set_up)
    who = _names(conn)
    rows = [
        HouseholdRow(one.home, one.state, one.case, tuple(who.get(one.home.id, ())))
        for one in found
        if (not state or one.state == state) and _has(one.home, who.get(one.home.id, ()), text)
    ]
    rows.sort(key=_order(sort))
    chosen = tuple(found) if building else ()
    return Listed(tuple(rows[:most]), len(rows), chosen, tuple(sorted(names, key=in_order)))


def homes(conn: Connection, names: Sequence[str]) -> tuple[Home, ...]:
    """Return the homes of these ids, in the order of their addresses."""
    asked = select(*HOME).join(areas, areas.c.id == households.c.area).where(households.c.id.in_(names))
    found = [home_of(row) for row in conn.execute(asked)] if names else []
    return tuple(sorted(found, key=lambda one: (in_order(one.building), in_order(one.riser or ""), in_order(one.door))))


def homes_in(conn: Connection, names: Collection[str], within: Collection[str]) -> int:
    """Return how many of the homes of these ids lie in some areas."""
    if not names:
        return 0
    there = conn.execute(select(households.c.id).where(households.c.area.in_(within)))
    return sum(row.id in names for row in there)


def _names(conn: Connection) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for row in conn.execute(select(residents.c.household, residents.c.name).order_by(residents.c.id)):
        names.setdefault(row.household, []).append(row.name)
    return names


def _has(home: Home, names: Sequence[str], text: str) -> bool:
    """Whether every word of `text` stands in the address or the names; a number is one of it, not a part of another."""
    place = " ".join(part for part in (home.building, home.riser, home.floor, home.door, *names) if part).casefold()
    numbers = set(_NUMBER.findall(place))
    wanted = (part for word in text.casefold().split() for part in _PARTS.findall(word))
    return all(part in numbers if _NUMBER.fullmatch(part) else part in place for part in wanted)


def _order(sort: str) -> Callable[[HouseholdRow], tuple[Any, ...]]:
    def by_address(row: HouseholdRow) -> tuple[Any, ...]:
        return in_order(row.home.building), in_order(row.home.riser or ""), in_order(row.home.door)

    def by_state(row: HouseholdRow) -> tuple[Any, ...]:
        return STATES.index(row.state), *by_address(row)

    return by_address if sort == "address" else by_state


# --- one household -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Contact:
    """A relative; `agreed` says whether their resident agreed that they are told."""

    name: str
    resident: str
    channels: tuple[str, ...]
    """By which they are told, in the order in which they are tried."""
    phone: str | None
    agreed: bool
    bad: tuple[BadPoint, ...]
    """Those by which nobody is reached."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device as the registry has it; `valid_to` None: still fitted."""

    id: str
    format: str
    valid_from: datetime
    valid_to: datetime | None
    period_s: int
    resolution_l: float | None
    gateway: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """A finding of the household; `suppressed` says why it made no case."""

    sign: Sign
    suppressed: str | None
    label: str | None
    case: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody looked."""

    who: str
    what: str
    at: datetime


@dataclass(frozen=True, slots=True)
class HouseholdView:
    """All that the page of one household shows, besides its water."""

    home: Home
    place: tuple[str, ...]
    state: str
    residents: tuple[Resident, ...]
    contacts: tuple[Contact, ...]
    consents: frozenset[str]
    """Purposes to which somebody of the household agrees now."""
    devices: tuple[Device, ...]
    areas: tuple[AreaEvent, ...]
    open: tuple[CaseCard, ...]
    ended: tuple[CaseCard, ...]
    drifts: tuple[Drift, ...]
    """What changes slowly here."""
    findings: tuple[Found, ...]
    absences: tuple[Absence, ...]
    past: tuple[Absence, ...]
    """Absences that are over."""
    seen: tuple[Seen, ...]
    """Who looked at this household last."""


def household(conn: Connection, name: str, now: datetime, set_up: frozenset[str] = frozenset()) -> HouseholdView | None:
    """Return one household, None when there is none of that id; `set_up`: the homes that are being set up."""
    events = areas_of(conn, name)
    found = home_states(conn, now, events, households.c.id == name, set_up=set_up)
    if not found:
        return None
    mine = cases.c.realm == "live", cases.c.household == name
    since = now - HISTORY
    return HouseholdView(
        home=found[0].home,
        place=place(conn, name),
        state=found[0].state,
        residents=residents_of(conn, name, now),
        contacts=_contacts(conn, name, now),
        consents=_consents(conn, name, now),
        devices=_devices(conn, name),
        areas=events,
        open=tuple(cards(conn, *mine, cases.c.closed_at.is_(None))),
        ended=tuple(cards(conn, *mine, cases.c.closed_at > since, newest_first=True)),
        drifts=drifts_of(conn, name),
        findings=_findings(conn, name, since),
        absences=absences_of(conn, name, now),
        past=absences_past(conn, name, since, now),
        seen=_seen(conn, name),
    )


def _contacts(conn: Connection, name: str, now: datetime) -> tuple[Contact, ...]:
    given = _given(conn, name, now)
    query = (
        select(contacts, residents.c.name.label("resident_name"))
        .join(residents, residents.c.id == contacts.c.resident)
        .where(residents.c.household == name)
        .order_by(contacts.c.position, contacts.c.id)
    )
    bad = bad_contacts(conn, [resident.id for resident in residents_of(conn, name, now)])
    return tuple(
        Contact(
            name=row.name,
            resident=row.resident_name,
            channels=tuple(row.channel.split(BETWEEN)),
            phone=dialable(row.address),
            bad=bad.get(row.id, ()),
            agreed=bool({(row.resident, "relative", ""), (row.resident, "relative", row.id)} & given),
        )
        for row in conn.execute(query)
    )


def _consents(conn: Connection, name: str, now: datetime) -> frozenset[str]:
    return frozenset(purpose for _, purpose, _ in _given(conn, name, now))


def _given(conn: Connection, name: str, now: datetime) -> set[tuple[str, str, str]]:
    """Return (resident, purpose, recipient) of the consents that hold now."""
    c = consents.c
    query = (
        select(c.resident, c.purpose, c.recipient)
        .join(residents, residents.c.id == c.resident)
        .where(residents.c.household == name, holds(now))
    )
    return {(row.resident, row.purpose, row.recipient) for row in conn.execute(query)}


def _devices(conn: Connection, name: str) -> tuple[Device, ...]:
    d = devices.c
    rows = conn.execute(select(devices).where(d.household == name).order_by(d.valid_to.is_not(None), d.n))
    return tuple(
        Device(row.id, row.format, row.valid_from, row.valid_to, row.period_s, row.resolution_l, row.gateway)
        for row in rows
    )


def _findings(conn: Connection, name: str, since: datetime) -> tuple[Found, ...]:
    f = findings.c
    query = (
        select(findings)
        .where(f.realm == "live", f.household == name, f.raised_at > since)
        .order_by(f.raised_at.desc(), f.id)
        .limit(MOST)
    )
    return tuple(
        Found(
            Sign(row.id, row.kind, row.severity, row.reason, row.evidence, row.onset, row.raised_at, row.cleared_at),
            row.suppressed,
            row.label,
            row.case_id,
        )
        for row in conn.execute(query)
    )


def _seen(conn: Connection, name: str) -> tuple[Seen, ...]:
    rows = conn.execute(
        select(view_log).where(view_log.c.household == name).order_by(view_log.c.id.desc()).limit(LOOKS)
    ).all()
    names = names_of(conn, {row.viewer for row in rows})
    return tuple(Seen(names.get(row.viewer, row.viewer.partition(":")[2]), row.what, row.at) for row in rows)
