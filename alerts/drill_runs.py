"""Runs of drills: begun, and ended by themselves, by somebody, or by life; each in one transaction.

How a drill stays apart is in `alerts.drill_scope` (what may be of it at all) and in the keys of the tables.  Here is how it
begins and how it stops: its open cases are closed, what it still owes is never sent, and whoever was told hears that it is
over.  No line of this module runs in a transaction of a live case.
"""

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import Connection, insert, select, update

from alerts import area_notices, audit, case_rows, drill_scope, owed, registry
from alerts.casefile import Case, State
from alerts.effects import FAMILY, STAFF, Notify, TellTold
from alerts.errors import DrillError
from alerts.events import Declined
from alerts.policy import Policy
from alerts.registry import realms
from alerts.schema import (
    area_events,
    area_members,
    cases,
    contacts,
    drill_homes,
    drill_people,
    drills,
    households,
    notices,
    residents,
    workers,
)
from alerts.steps import advance

Kind = Literal["tabletop", "technical", "live"]
"""tabletop: people who do not exist; technical: the same, through the providers' test numbers; live: real workers."""
KINDS = get_args(Kind)
Why = Literal["finished", "time", "asked", "reserve", "real"]
"""Its script is through; its hard end came; somebody stopped it; a number's reserve would have been used; life came."""
LONGEST = timedelta(hours=4)
"""No drill lasts longer: one that was forgotten is over by the end of the shift."""
MOST_HOMES = 200


@dataclass(frozen=True, slots=True)
class Down:
    """A provider of messages that is played to be down for a while, for this drill only."""

    channel: str
    begins_s: float = 0.0
    """After the beginning of the drill. [s]"""
    ends_s: float | None = None
    """None: until its end. [s]"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be begun."""

    drill: str
    """The name of the script."""
    kind: str
    homes: Mapping[str, str]
    """The homes it may touch: what the script calls each, and its id."""
    people: Sequence[str]
    """Who takes part besides the people of the drill areas: ``worker:ID``, ``contact:ID``, ``operator:ID``."""
    lasts: timedelta
    wanted: Sequence[Mapping[str, Any]] = ()
    """What must happen (`alerts.drill_score`)."""
    down: Sequence[Down] = ()


def start(conn: Connection, plan: Plan, now: datetime, by: str) -> str:
    """Begin a drill and return its id.

    Raises
    ------
    DrillError
        It may not be begun: says what was wanted.
    """
    homes = sorted(set(plan.homes.values()))
    _may_begin(conn, plan, homes)
    people = sorted(set(plan.people) | _virtual(conn, homes))
    _may_take_part(conn, plan, homes, people)
    name = secrets.token_hex(8)
    conn.execute(
        insert(drills).values(
            id=name, drill=plan.drill, kind=plan.kind, started_at=now, ends_at=now + plan.lasts, by=by, state="running",
            wanted=json.dumps(list(plan.wanted), ensure_ascii=False), down=json.dumps([asdict(one) for one in plan.down]),
        )
    )  # fmt: skip
    rows = [{"drill": name, "household": home, "part": part} for part, home in plan.homes.items()]
    conn.execute(insert(drill_homes), rows)
    if people:
        conn.execute(insert(drill_people), [{"drill": name, "person": person} for person in people])
    said = {"what": "began", "kind": plan.kind, "script": plan.drill, "homes": len(homes), "people": len(people)}
    audit.append(conn, now, "drill", by, f"drill:{name}", **said)
    return name


def _may_begin(conn: Connection, plan: Plan, homes: Sequence[str]) -> None:
    if plan.kind not in KINDS:
        raise DrillError(f"want a kind of {', '.join(KINDS)}; got {plan.kind!r}")
    if not timedelta(0) < plan.lasts <= LONGEST:
        raise DrillError(f"want a hard end within {LONGEST}; got {plan.lasts}")
    if not 0 < len(homes) <= MOST_HOMES or len(homes) != len(plan.homes):
        raise DrillError(f"want 1 to {MOST_HOMES} homes, each named once; got {len(homes)} in {len(plan.homes)} parts")
    if wrong := [
        one for one in plan.down if one.begins_s < 0 or (one.ends_s is not None and one.ends_s <= one.begins_s)
    ]:
        raise DrillError(
            f"want a provider down from 0 s on and until later; got {wrong[0].begins_s} to {wrong[0].ends_s}"
        )
    known = set(conn.scalars(select(households.c.id).where(households.c.id.in_(homes))))
    if missing := [home for home in homes if home not in known]:
        raise DrillError(f"want homes of the registry; it has no {', '.join(missing)}")
    if taken := drill_scope.homes_in(conn, homes):
        raise DrillError(f"want homes in no other drill that runs; {', '.join(sorted(taken))} are: end that first")


def _may_take_part(conn: Connection, plan: Plan, homes: Sequence[str], people: Sequence[str]) -> None:
    """Refuse real homes and people in anything but a live rehearsal, and anybody who is in the middle of something real."""
    known = registry.persons(conn, people)
    if missing := [one for one in people if one not in known]:
        raise DrillError(f"want people of the registry; it has no {', '.join(missing)}")
    real = sorted({*homes} - realms.rehearsed(conn, homes)) + sorted({*people} - realms.played(conn, people))
    if real and plan.kind != "live":
        raise DrillError(f"a {plan.kind} drill is for homes and people of a drill area; {', '.join(real)} are real")
    if plan.kind == "live" and not {*plan.people} - realms.played(conn, plan.people):
        raise DrillError(
            "a live rehearsal is for real people who are named beforehand, each as worker:ID, operator:ID or contact:ID; nobody is"
        )
    homes_at, people_at = real_reds(conn, homes, people)
    if busy := sorted(homes_at | people_at):
        raise DrillError(f"no drill now: something real and red is open for {', '.join(busy)}")


def _virtual(conn: Connection, homes: Sequence[str]) -> set[str]:
    """Return the people of the drill areas in which some of `homes` lie: who works there, and the relatives of these homes."""
    inside = realms.rehearsed(conn, homes)
    up = {area for home in inside for area in registry.areas_of_home(conn, home)}
    w, c = workers.c, contacts.c
    staff = conn.execute(select(w.id, w.role).where(w.area.in_(up), w.area.in_(realms.drill_areas())))
    family = select(c.id).join(residents, residents.c.id == c.resident).where(residents.c.household.in_(inside))
    working = {f"{'operator' if row.role == 'operator' else 'worker'}:{row.id}" for row in staff}
    return working | {f"contact:{who}" for who in conn.scalars(family)}


# --- ending ------------------------------------------------------------------------------------------------------------


def end(conn: Connection, drill: str, now: datetime, by: str, why: Why, policy: Policy) -> frozenset[str]:
    """End a drill; return the homes whose cases were closed.  One that does not run any more is left as it is."""
    row = conn.execute(select(drills).where(drills.c.id == drill, drills.c.state == "running")).mappings().first()
    if row is None:
        return frozenset()
    homes = homes_of(conn, drill)
    for case in _open(conn, homes):
        _close(conn, case, now, policy, by)
    _end_areas(conn, homes, now, policy)
    state = "ended" if why in ("finished", "time") else "aborted"
    values = {"state": state, "ended_at": now, "ended_by": by, "why": why}
    conn.execute(update(drills).where(drills.c.id == drill).values(**values))
    audit.append(conn, now, "drill", by, f"drill:{drill}", what=state, why=why)
    return frozenset(homes)


def homes_of(conn: Connection, drill: str) -> list[str]:
    """Return the homes in a drill's scope, out of it meanwhile or not."""
    h = drill_homes.c
    return list(conn.scalars(select(h.household).where(h.drill == drill).order_by(h.household)))


def _open(conn: Connection, homes: Collection[str]) -> list[Case]:
    return case_rows.load_open(conn, cases.c.realm == "drill", cases.c.household.in_(homes))


def _close(conn: Connection, case: Case, now: datetime, policy: Policy, by: str) -> None:
    """Close a case of a drill: nothing is owed for it any more but the word that it is over."""
    n = notices.c
    unsaid = n.state.in_(("pending", "unknown")), n.template != "drill_real"
    waiting = n.realm == "drill", n.case_id == case.id, *unsaid
    conn.execute(update(notices).where(*waiting).values(state="cancelled", done_at=now, next_at=None, poll_at=None))
    offers = tuple(replace(o, state="withdrawn", ended_at=now) if o.state == "offered" else o for o in case.offers)
    after = replace(
        case, state=State.CLOSED, version=case.version + 1, closed_at=now, timers={}, offers=offers, undo=None,
        next_owner=None,
    )  # fmt: skip
    case_rows.save(conn, case, after)
    case_rows.log(conn, after, now, "drill_over", by, {"state": after.state.value, "severity": after.severity})
    told = TellTold("drill_over", STAFF), TellTold("family_drill_over", FAMILY)
    owed.apply(conn, after, told, now, policy, registry.roster(conn, case.household, now))


def _end_areas(conn: Connection, homes: Collection[str], now: datetime, policy: Policy) -> None:
    """End what many homes of a drill have at once; whoever was told of it hears that it is over."""
    e, m, n = area_events.c, area_members.c, notices.c
    theirs = select(m.event).where(m.realm == "drill", m.household.in_(homes))
    held = list(conn.scalars(select(e.id).where(e.realm == "drill", e.id.in_(theirs), e.ended_at.is_(None))))
    waiting = n.realm == "drill", n.area_event.in_(theirs), n.state.in_(("pending", "unknown"))
    conn.execute(update(notices).where(*waiting).values(state="cancelled", done_at=now, next_at=None, poll_at=None))
    mine = e.realm == "drill", e.id.in_(held)
    conn.execute(update(area_events).where(*mine).values(ended_at=now, ended_by="system"))
    for event in conn.execute(select(area_events).where(*mine)).mappings().all():
        area_notices.over(conn, event, now, policy)


# --- life comes --------------------------------------------------------------------------------------------------------


def real_reds(conn: Connection, homes: Collection[str], people: Collection[str]) -> tuple[set[str], set[str]]:
    """Return those of `homes` with a live red case that is open, and those of `people` who have to do with one."""
    open_ones = case_rows.load_open(conn, cases.c.realm == "live", cases.c.severity == "red")
    ids = [case.id for case in open_ones]
    involved = {f"worker:{o.worker}" for case in open_ones for o in case.offers if o.state == "offered"}
    involved |= {f"worker:{case.owner}" for case in open_ones if case.owner is not None}
    n = notices.c
    told = select(n.recipient_kind, n.recipient).where(n.realm == "live", n.case_id.in_(ids), n.state != "cancelled")
    involved |= {f"{row.recipient_kind}:{row.recipient}" for row in conn.execute(told.distinct())}
    return {case.household for case in open_ones} & {*homes}, involved & {*people}


def take_out(conn: Connection, drill: str, person: str, now: datetime, policy: Policy) -> frozenset[str]:
    """Let a drill go on without somebody who is needed for something real, and say so; return the homes touched."""
    p = drill_people.c
    mine = p.drill == drill, p.person == person, p.out_at.is_(None)
    if conn.execute(select(p.person).where(*mine)).first() is None:
        return frozenset()
    kind, _, who = person.partition(":")
    touched = []
    for case in _open(conn, homes_of(conn, drill)):
        n = notices.c
        told = n.realm == "drill", n.case_id == case.id, n.recipient_kind == kind, n.recipient == who
        if conn.execute(select(n.id).where(*told, n.state != "cancelled").limit(1)).first() is not None:
            _tell_real(conn, case, person, now, policy)
            touched.append(case.household)
        if kind == "worker" and (case.owner == who or case.live(who) is not None):
            advance(conn, policy, case, Declined(person, "busy"), now, "system", {"why": "real"})
    conn.execute(update(drill_people).where(*mine).values(out_at=now, why="real"))
    audit.append(conn, now, "drill", "system", f"drill:{drill}", what="out", who=person, why="real")
    if not any(one.startswith("worker:") for one in drill_scope.people_in(conn, drill)):
        return frozenset(touched) | end(conn, drill, now, "system", "real", policy)
    return frozenset(touched)


def leave(conn: Connection, drill: str, home: str, now: datetime, policy: Policy) -> frozenset[str]:
    """Let a drill go on without a home in which something real happens; return the homes touched."""
    h = drill_homes.c
    mine = h.drill == drill, h.household == home, h.out_at.is_(None)
    if conn.execute(select(h.household).where(*mine)).first() is None:
        return frozenset()
    for case in _open(conn, [home]):
        n = notices.c
        told = select(n.recipient_kind, n.recipient).where(n.realm == "drill", n.case_id == case.id, n.attempts > 0)
        for row in conn.execute(told.distinct()).all():
            if row.recipient_kind == "worker":
                _tell_real(conn, case, f"worker:{row.recipient}", now, policy)
        _close(conn, case, now, policy, "system")
    conn.execute(update(drill_homes).where(*mine).values(out_at=now))
    audit.append(conn, now, "drill", "system", f"drill:{drill}", what="out", who=f"household:{home}", why="real")
    left = conn.execute(select(h.household).where(h.drill == drill, h.out_at.is_(None)).limit(1)).first()
    return frozenset({home}) if left else frozenset({home}) | end(conn, drill, now, "system", "real", policy)


def _tell_real(conn: Connection, case: Case, person: str, now: datetime, policy: Policy) -> None:
    roster = registry.roster(conn, case.household, now)
    owed.apply(conn, case, (Notify(person, "drill_real"),), now, policy, roster)
