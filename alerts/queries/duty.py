"""Who is on duty now, for every area at once: the ladder of a case without asking the registry case by case.

The same rules as `alerts.registry.roster`, which decides; a test holds the two together.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple, cast
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, select

from alerts import frozen, registry
from alerts.ladders import Ladder, uncovered
from alerts.moves import next_up
from alerts.policy import Roster
from alerts.queries.models import CaseCard
from alerts.registry import realms
from alerts.registry.agreed import holds
from alerts.schema import areas, consents, households, offers, residents, shifts, turns, workers
from alerts.tonight import Tonight
from detectors.findings import Severity

DESK = "desk"
"""Stands for the operators where a step reaches no single person."""


class Shift(NamedTuple):
    """Ids of the workers of a shift; None: nobody stands there."""

    owner: str | None
    backup: str | None
    lead: str | None


EMPTY = Shift(None, None, None)


@dataclass(frozen=True)
class Duty:
    """Everybody who works here, and who is on shift where."""

    names: Mapping[str, str]
    roles: Mapping[str, str]
    parents: Mapping[str, str | None]
    area_names: Mapping[str, str]
    shifts: Mapping[str, Shift]
    """The shift that runs now, by the area it was made for; of several the one that began last."""
    leads: Mapping[str, str]
    """A lead of each area that has one."""
    telephones: Mapping[str, tuple[str, ...]]
    """The duty telephones of each area that has any."""

    def up(self, area: str | None) -> list[str]:
        """Return an area and those above it, the nearest first; a circle is not followed."""
        return list(registry.above(self.parents.get, area))

    def roster(self, area: str, minute: int = 0, zone: tzinfo = UTC) -> Roster:
        """Return who may be asked for a home of this area whose clock shows that minute of the day; no family."""
        up = self.up(area)
        nearest = next((self.leads[one] for one in up if one in self.leads), None)
        shift = next((self.shifts[one] for one in up if one in self.shifts), EMPTY)
        duty = tuple(who for one in up for who in self.telephones.get(one, ()))
        return Roster(
            shift.owner, shift.backup, shift.lead or nearest, duty=duty, areas=tuple(up), minute=minute, zone=zone
        )

    def staffed(self, area: str) -> bool:
        """Whether somebody is on shift for this area now."""
        return any(one in self.shifts for one in self.up(area))


def duty(conn: Connection, now: datetime) -> Duty:
    """Return who is on duty at `now`."""
    people = conn.execute(select(workers.c.id, workers.c.name, workers.c.role, workers.c.area)).all()
    tree = conn.execute(select(areas.c.id, areas.c.parent, areas.c.name)).all()
    s = shifts.c
    running = conn.execute(
        select(s.area, s.owner, s.backup, s.lead, turns.c.id.label("absent"))
        .outerjoin(turns, registry.missing())
        .where(s.start <= now, s.end > now)
        .order_by(s.start, s.id)
    )
    return Duty(
        names={row.id: row.name for row in people},
        roles={row.id: row.role for row in people},
        parents={row.id: row.parent for row in tree},
        area_names={row.id: row.name for row in tree},
        shifts={
            row.area: Shift(*registry.in_order(row.owner, row.backup, absent=row.absent is not None), row.lead)
            for row in running
        },
        telephones={
            row.area: tuple(sorted(one.id for one in people if (one.role, one.area) == ("duty", row.area)))
            for row in people
            if row.role == "duty"
        },
        leads={row.area: row.id for row in sorted(people, key=lambda row: row.id, reverse=True) if row.role == "lead"},
    )


def unpromised(
    conn: Connection, ladders: Sequence[Ladder], now: datetime, within: Collection[str] | None = None
) -> tuple[tuple[str, str], ...]:
    """Return the areas with homes to which no worker is promised at some hours: their names, and these hours.

    `within`: ids of the areas that are meant; None: all.
    """
    if all(ladder.cover for ladder in ladders):
        return ()
    on, found = duty(conn, now), []
    lived = select(households.c.area).where(realms.lived_in(households.c.area)).distinct()
    for area in sorted(conn.scalars(lived)):
        parts = uncovered(ladders, on.up(area)) if within is None or area in within else []
        if parts:
            found.append((on.area_names[area], ", ".join(map(str, parts))))
    return tuple(found)


def unpromised_at(conn: Connection, ladders: Sequence[Ladder], household: str) -> str:
    """Return the hours, by a home's own clock, at which no worker is promised to it; empty: day and night one is."""
    if all(ladder.cover for ladder in ladders):
        return ""
    up = registry.areas_of_home(conn, household)
    return ", ".join(map(str, uncovered(ladders, up)))


def reached(conn: Connection, cards: Sequence[CaseCard], on: Duty, now: datetime) -> dict[tuple[str, str], str]:
    """Return the name of whom the next step of each case reaches; `DESK` stands for the operators.

    A case without a next step is not in it.
    """
    climbing = [card for card in cards if card.owner is None or card.next_step in ("hand_back", "hand_over")]
    rosters = _rosters(conn, {card.home.id for card in climbing}, on, now) if climbing else {}
    asked = _asked(conn, climbing) if climbing else {}
    policies = {name: frozen.of(conn, name) for name in {card.policy for card in climbing}}
    found = {}
    for card in cards:
        if card.next_step is None:
            continue
        who = card.owner.id if card.owner is not None and card.next_step != "hand_back" else None
        if card.next_step == "hand_over":
            lead = rosters.get(card.home.id, Roster()).lead
            who = None if lead == who else lead
        elif who is None:
            tonight = Tonight(now, policies[card.policy], rosters.get(card.home.id, Roster()))
            who = _next(card, tonight, asked.get((card.realm, card.id), []))
        found[card.realm, card.id] = DESK if who is None else on.names.get(who, who)
    return found


def _next(card: CaseCard, at: Tonight, asked: list[tuple[str, str]]) -> str | None:
    """Return whom the next step reaches, None: the operators.  As in `alerts.cases`."""
    if card.asks_only_next:
        return None
    tried = {worker for worker, state in asked if state != "withdrawn"}
    if card.next_step == "repeat":
        rungs = tuple(dict.fromkeys(who for who in (*at.rungs, *at.roster.duty) if who is not None))
        ever = {worker for worker, _ in asked}
        return next((who for who in rungs if who not in ever), rungs[card.loop % len(rungs)] if rungs else None)
    first = {"ask": 0, "hand_back": at.lead}.get(card.next_step or "", card.rung + 1)
    found = next_up(at.rungs, first, tried, lambda who: at.full(who, cast(Severity, card.severity)))
    return None if found is None else found[1]


def _rosters(conn: Connection, homes: Iterable[str], on: Duty, now: datetime) -> dict[str, Roster]:
    """Return who may be asked for each home; without consent to the community nobody."""
    c = consents.c
    agreed = holds(now, "community")
    query = (
        select(households.c.id, households.c.area, households.c.tz)
        .distinct()
        .join(residents, residents.c.household == households.c.id)
        .join(consents, and_(c.resident == residents.c.id, agreed))
        .where(households.c.id.in_(list(homes)))
    )
    found = {}
    for row in conn.execute(query).all():
        zone = ZoneInfo(row.tz)
        local = now.astimezone(zone)
        found[row.id] = on.roster(row.area, local.hour * 60 + local.minute, zone)
    people = {who for one in found.values() for who in (one.owner, one.backup, one.lead, *one.duty) if who is not None}
    have = registry.loads(conn, people, now)
    return {home: replace(one, loads=have) for home, one in found.items()}


def _asked(conn: Connection, cards: Sequence[CaseCard]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    asked: dict[tuple[str, str], list[tuple[str, str]]] = {}
    o = offers.c
    rows = conn.execute(select(o.realm, o.case_id, o.worker, o.state).where(o.case_id.in_([card.id for card in cards])))
    for row in rows:
        asked.setdefault((row.realm, row.case_id), []).append((row.worker, row.state))
    return asked
