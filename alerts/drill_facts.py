"""What the rows of a drill say happened at each of its homes, as plain values: the ground of reasons and times.

The score (`alerts.drill_score`) says of everything that had to happen whether it did.  Here stands everything that did:
what was found, who was told by which channel and how that went, who was asked and what they did.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, select

from alerts.channels import RESERVE
from alerts.drill_score import STATES, is_word_of_drills, roles_at
from alerts.schema import (
    area_events,
    area_members,
    case_events,
    cases,
    contacts,
    drill_homes,
    drill_people,
    findings,
    notices,
    offers,
    residents,
)

ROLES = ("owner", "backup", "lead", "operator", "family")


@dataclass(frozen=True, slots=True)
class Sent:
    """One notice that was owed to somebody, by one channel."""

    who: str
    """``worker:ID``, ``contact:ID``, ``operator:ID``."""
    notice: str
    """The name of its text."""
    channel: str
    state: str
    tries: int
    created_at: datetime
    taken_at: datetime | None
    """When a provider took it."""
    delivered_at: datetime | None
    seen_at: datetime | None
    held: bool = False
    """It was not sent because it would have used what is kept for real messages."""

    @property
    def told_at(self) -> datetime | None:
        """When it reached its reader as far as is known; None: it did not, or that is not known."""
        if self.state not in ("accepted", "delivered", "seen"):
            return None
        proofs = (self.taken_at, self.delivered_at, self.seen_at)
        return min((at for at in proofs if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody did, or that befell the case.

    `step` is one of the score's (``accepted``, ``on_site``, ``outcome``, ``unattended``, ``folded``), or ``declined``.
    """

    step: str
    who: str
    at: datetime
    code: str = ""
    """Of an outcome."""


@dataclass(frozen=True, slots=True)
class HomeFacts:
    """One home of a drill, all in order of time."""

    part: str
    """What the script calls it."""
    household: str
    out_at: datetime | None
    """Since when it takes no part any more, because something real happened there."""
    case_at: datetime | None
    """When its first care case was opened."""
    technical_at: datetime | None
    found: tuple[str, ...]
    """Of each finding why no case was touched (``away``, ``outage``, ``listed``); empty: one was."""
    sent: tuple[Sent, ...]
    acts: tuple[Act, ...]
    areas: tuple[tuple[datetime, datetime | None], ...]
    """When an event of many homes began and ended that it was in."""
    roles: Mapping[str, tuple[str, ...]]
    """The parts that people played when the case was opened; of relatives only this home's."""

    def first(self, step: str, role: str = "") -> Act | None:
        """Return the first act of a kind; `role`: by somebody who plays it."""
        return next((a for a in self.acts if a.step == step and (not role or role in self.roles.get(a.who, ()))), None)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A drill with its homes."""

    id: str
    started_at: datetime
    over_at: datetime | None
    """None: it runs."""
    why: str | None
    homes: tuple[HomeFacts, ...]
    people: tuple[str, ...]
    """All who take part, or did."""
    out: Mapping[str, datetime]
    """Those who were needed for something real, and since when."""
    closed: int
    """Cases that the end of the drill closed."""
    unsent: int
    """Messages that its end kept from being sent."""


def of(conn: Connection, run: RowMapping) -> RunFacts:
    """Return the facts of a drill, a row of `drills`."""
    h, p = drill_homes.c, drill_people.c
    homes = conn.execute(select(h.part, h.household, h.out_at).where(h.drill == run["id"])).all()
    people = conn.execute(select(p.person, p.out_at).where(p.drill == run["id"]).order_by(p.person)).all()
    names = [home.household for home in homes]
    rows = _Rows(conn, run, names, [row.person for row in people])
    at_end = [row for row in rows.events if row["kind"] == "drill_over" and row["at"] == run["ended_at"]]
    off = [row for row in rows.notices if row["state"] == "cancelled" and row["done_at"] == run["ended_at"]]
    return RunFacts(
        id=run["id"],
        started_at=run["started_at"],
        over_at=run["ended_at"],
        why=run["why"],
        homes=tuple(sorted((rows.home(*home) for home in homes), key=lambda one: _in_order(one.part))),
        people=tuple(row.person for row in people),
        out={row.person: row.out_at for row in people if row.out_at is not None},
        closed=len(at_end),
        unsent=len([row for row in off if run["ended_at"] is not None and not is_word_of_drills(row["template"])]),
    )


def _in_order(part: str) -> tuple[str, int]:
    """Return where a home stands: ``many-2`` before ``many-10``."""
    name, _, number = part.rpartition("-")
    return (name, int(number)) if name and number.isdigit() else (part, 0)


class _Rows:
    """The rows of a drill, each table read once, to be told by home."""

    def __init__(self, conn: Connection, run: RowMapping, homes: Sequence[str], people: Sequence[str]) -> None:
        self._conn, self._run, self._people = conn, run, people
        self._roles: dict[datetime, dict[str, tuple[str, ...]]] = {}
        c, m, e, f = cases.c, area_members.c, area_events.c, findings.c
        mine = c.realm == "drill", c.household.in_(homes), self._during(c.opened_at)
        self.cases = _by(conn.execute(select(cases).where(*mine).order_by(c.opened_at)).mappings().all(), "household")
        ids = [case["id"] for some in self.cases.values() for case in some]
        joined = select(m.household, e.id, e.raised_at, e.ended_at).join(
            area_members, (m.realm == e.realm) & (m.event == e.id)
        )
        shared = m.realm == "drill", m.household.in_(homes), self._during(e.raised_at)
        self.areas = _by(conn.execute(joined.where(*shared).order_by(e.raised_at)).mappings().all(), "household")
        found = f.realm == "drill", f.household.in_(homes), self._during(f.raised_at)
        self.found = _by(conn.execute(select(findings).where(*found)).mappings().all(), "household")
        self.events = self._of_cases(case_events, ids, case_events.c.n)
        self.offers = self._of_cases(offers, ids, offers.c.ended_at)
        events = sorted({row["id"] for some in self.areas.values() for row in some})
        n = notices.c
        about = n.realm == "drill", n.case_id.in_(ids) | n.area_event.in_(events), n.created_at >= run["started_at"]
        r, k = residents.c, contacts.c
        family = select(r.household, k.id).join(residents, r.id == k.resident).where(r.household.in_(homes))
        self.family = _by(conn.execute(family).mappings().all(), "household")
        self._known = {f"contact:{row['id']}" for some in self.family.values() for row in some}
        self.notices = conn.execute(select(notices).where(*about).order_by(n.created_at, n.id)).mappings().all()

    def _during(self, column: Any) -> ColumnElement[bool]:
        run = self._run
        during: ColumnElement[bool] = column.between(run["started_at"], run["ended_at"] or run["ends_at"])
        return during

    def _of_cases(self, table: Table, ids: Sequence[str], order: Any) -> Sequence[RowMapping]:
        mine = table.c.realm == "drill", table.c.case_id.in_(ids)
        return self._conn.execute(select(table).where(*mine).order_by(order)).mappings().all()

    def _roles_at(self, at: datetime) -> dict[str, tuple[str, ...]]:
        if at not in self._roles:
            self._roles[at] = roles_at(self._conn, at)
        return self._roles[at]

    def home(self, part: str, household: str, out_at: datetime | None) -> HomeFacts:
        """Return what happened at one home."""
        mine = self.cases.get(household, [])
        care = [case for case in mine if case["stream"] == "care"]
        technical = [case for case in mine if case["stream"] != "care"]
        ids = {case["id"] for case in care}
        areas = self.areas.get(household, [])
        events = {row["id"] for row in areas}
        case_at = care[0]["opened_at"] if care else None
        sent = [_sent(r) for r in self.notices if r["case_id"] in ids or r["area_event"] in events]
        roles = dict(self._roles_at(case_at or self._run["started_at"]))
        family = dict.fromkeys(self._relatives(household), ("family",))
        return HomeFacts(
            part=part,
            household=household,
            out_at=out_at,
            case_at=case_at,
            technical_at=technical[0]["opened_at"] if technical else None,
            found=tuple(row["suppressed"] or "" for row in self.found.get(household, [])),
            sent=tuple(one for one in sent if not is_word_of_drills(one.notice)),
            acts=tuple(sorted(self._acts(ids), key=lambda act: act.at)),
            areas=tuple((row["raised_at"], row["ended_at"]) for row in areas),
            roles=roles | family,
        )

    def _relatives(self, household: str) -> list[str]:
        """Return the relatives of a home; one who stands in no registry any more may have been of any."""
        mine = [f"contact:{row['id']}" for row in self.family.get(household, [])]
        return mine + [who for who in self._people if who.startswith("contact:") and who not in self._known]

    def _acts(self, ids: set[str]) -> list[Act]:
        done = [
            Act(row["state"], f"worker:{row['worker']}", row["ended_at"])
            for row in self.offers
            if row["case_id"] in ids and row["state"] in ("accepted", "declined") and row["ended_at"] is not None
        ]
        last: dict[str, str] = {}
        for row in self.events:
            case, state = row["case_id"], row["data"].get("state", "")
            if case not in ids or row["kind"] == "drill_over":
                continue
            if state != last.get(case) and (step := STATES.get(state)):
                done.append(Act(step, row["actor"], row["at"]))
            if row["kind"] == "outcome_recorded":
                done.append(Act("outcome", row["actor"], row["at"], row["data"].get("code", "")))
            last[case] = state
        return done


def _by(rows: Sequence[RowMapping], column: str) -> dict[str, list[RowMapping]]:
    found = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return found


def _sent(row: RowMapping) -> Sent:
    return Sent(
        who=f"{row['recipient_kind']}:{row['recipient']}",
        notice=row["template"],
        channel=row["channel"],
        state=row["state"],
        tries=row["attempts"],
        created_at=row["created_at"],
        taken_at=row["done_at"] if row["state"] in ("accepted", "delivered", "seen") else None,
        delivered_at=row["delivered_at"],
        seen_at=row["seen_at"],
        held=row["last_error"] == RESERVE,
    )
