"""Who is on duty now, for every area at once: the ladder of a case without asking the registry case by case.

The same rules as `alerts.registry.roster`, which decides; a test holds the two together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, and_, or_, select

from alerts.policy import LEAD, RUNGS
from alerts.queries.models import CaseCard
from alerts.schema import areas, consents, households, offers, residents, shifts, workers

DESK = "desk"
"""Stands for the operators where a step reaches no single person."""


class Ladder(NamedTuple):
    """Ids of the workers who are asked in turn; None: nobody stands there."""

    owner: str | None
    backup: str | None
    lead: str | None


EMPTY = Ladder(None, None, None)


@dataclass(frozen=True)
class Duty:
    """Everybody who works here, and who is on shift where."""

    names: Mapping[str, str]
    roles: Mapping[str, str]
    parents: Mapping[str, str | None]
    area_names: Mapping[str, str]
    shifts: Mapping[str, Ladder]
    """The shift that runs now, by the area it was made for; of several the one that began last."""
    leads: Mapping[str, str]
    """A lead of each area that has one."""

    def up(self, area: str | None) -> list[str]:
        """Return an area and those above it, the nearest first; a circle is not followed."""
        found: list[str] = []
        while area is not None and area not in found:
            found.append(area)
            area = self.parents.get(area)
        return found

    def ladder(self, area: str) -> Ladder:
        """Return who is asked in turn for a home of this area."""
        up = self.up(area)
        nearest = next((self.leads[one] for one in up if one in self.leads), None)
        shift = next((self.shifts[one] for one in up if one in self.shifts), EMPTY)
        return shift._replace(lead=shift.lead or nearest)

    def staffed(self, area: str) -> bool:
        """Whether somebody is on shift for this area now."""
        return any(one in self.shifts for one in self.up(area))


def duty(conn: Connection, now: datetime) -> Duty:
    """Return who is on duty at `now`."""
    people = conn.execute(select(workers.c.id, workers.c.name, workers.c.role, workers.c.area)).all()
    tree = conn.execute(select(areas.c.id, areas.c.parent, areas.c.name)).all()
    s = shifts.c
    running = conn.execute(
        select(s.area, s.owner, s.backup, s.lead).where(s.start <= now, s.end > now).order_by(s.start, s.id)
    )
    return Duty(
        names={row.id: row.name for row in people},
        roles={row.id: row.role for row in people},
        parents={row.id: row.parent for row in tree},
        area_names={row.id: row.name for row in tree},
        shifts={row.area: Ladder(row.owner, row.backup, row.lead) for row in running},
        leads={row.area: row.id for row in sorted(people, key=lambda row: row.id, reverse=True) if row.role == "lead"},
    )


def reached(conn: Connection, cards: Sequence[CaseCard], on: Duty, now: datetime) -> dict[tuple[str, str], str]:
    """Return the name of whom the next step of each case reaches; `DESK` stands for the operators.

    A case without a next step is not in it.
    """
    climbing = [card for card in cards if card.owner is None or card.next_step == "hand_back"]
    ladders = _ladders(conn, {card.home.id for card in climbing}, on, now) if climbing else {}
    asked = _asked(conn, climbing) if climbing else {}
    found = {}
    for card in cards:
        if card.next_step is None:
            continue
        ladder = ladders.get(card.home.id, EMPTY)
        who = _next(card, ladder, asked.get((card.realm, card.id), []))
        found[card.realm, card.id] = DESK if who is None else on.names.get(who, who)
    return found


def _next(card: CaseCard, ladder: Ladder, asked: list[tuple[str, str]]) -> str | None:
    """Return whom the next step reaches, None: the operators.  As in `alerts.cases`."""
    if card.owner is not None and card.next_step != "hand_back":
        return card.owner.id
    if card.next_step == "ask" and card.ask_only:
        return None
    tried = {worker for worker, state in asked if state != "withdrawn"}
    if card.next_step == "repeat":
        rungs = tuple(dict.fromkeys(who for who in ladder if who is not None))
        ever = {worker for worker, _ in asked}
        return next((who for who in rungs if who not in ever), rungs[card.loop % len(rungs)] if rungs else None)
    first = {"ask": 0, "hand_back": LEAD}.get(card.next_step or "", card.rung + 1)
    return next((who for who in ladder[first : len(RUNGS)] if who is not None and who not in tried), None)


def _ladders(conn: Connection, homes: Iterable[str], on: Duty, now: datetime) -> dict[str, Ladder]:
    """Return the ladder of each home; without consent to the community nobody stands on it."""
    c = consents.c
    agreed = and_(c.purpose == "community", c.given_at <= now, or_(c.withdrawn_at.is_(None), c.withdrawn_at > now))
    query = (
        select(households.c.id, households.c.area)
        .distinct()
        .join(residents, residents.c.household == households.c.id)
        .join(consents, and_(c.resident == residents.c.id, agreed))
        .where(households.c.id.in_(list(homes)))
    )
    return {row.id: on.ladder(row.area) for row in conn.execute(query)}


def _asked(conn: Connection, cards: Sequence[CaseCard]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    asked: dict[tuple[str, str], list[tuple[str, str]]] = {}
    o = offers.c
    rows = conn.execute(select(o.realm, o.case_id, o.worker, o.state).where(o.case_id.in_([card.id for card in cards])))
    for row in rows:
        asked.setdefault((row.realm, row.case_id), []).append((row.worker, row.state))
    return asked
