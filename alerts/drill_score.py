"""What became of a drill: of everything that had to happen, whether it did and when, for each home and person.

The score is read from the same rows as the reports of life, at any time while the drill runs and for ever after it; nothing
is counted on the way.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, select

from alerts.drill_down import Unsent, unsent
from alerts.errors import DrillError
from alerts.schema import (
    area_events,
    area_members,
    case_events,
    cases,
    drill_homes,
    drill_people,
    drills,
    notices,
    offers,
    shifts,
    workers,
)

Verdict = Literal["met", "late", "missed", "waits", "broken", "kept", "stopped"]
"""In time; too late; not at all; not yet, and there is time; it had to stay away and did not; it stayed away; the drill was
stopped before that could be known."""
ARRIVED = ("accepted", "delivered", "seen")
"""States in which a notice counts as told to somebody of a drill."""
GOOD: frozenset[Verdict] = frozenset({"met", "kept"})


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that had to happen, at one home."""

    step: str
    home: str
    """What the script calls it."""
    who: str
    within_s: float
    after: str
    never: bool
    """It had to stay away."""
    took_s: float | None
    """From what it counts from until it happened; None: it has not."""
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Score:
    """A drill with its lines."""

    id: str
    drill: str
    kind: str
    state: str
    why: str | None
    started_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    lines: tuple[Line, ...]
    out: tuple[str, ...]
    """People for whom it ended early, because they were needed for something real."""
    unsent: tuple[Unsent, ...] = ()
    """What no provider took."""

    @property
    def good(self) -> int:
        """How many lines are as they had to be."""
        return sum(line.verdict in GOOD for line in self.lines)

    @property
    def stopped(self) -> int:
        """How many lines are neither good nor bad, because the drill was stopped before."""
        return sum(line.verdict == "stopped" for line in self.lines)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What happened at one home of a drill: (step, role or empty) to when first."""

    first: Mapping[tuple[str, str], datetime]

    def at(self, step: str, who: str = "") -> datetime | None:
        return self.first.get((step, who))


def score(conn: Connection, drill: str, now: datetime) -> Score:
    """Return the score of a drill as it stands at `now`.

    Raises
    ------
    DrillError
        There is no such drill.
    """
    row = conn.execute(select(drills).where(drills.c.id == drill)).mappings().first()
    if row is None:
        raise DrillError(f"want the id of a drill, got {drill!r}")
    h, p = drill_homes.c, drill_people.c
    homes = conn.execute(select(h.part, h.household).where(h.drill == drill).order_by(h.part)).all()
    until = row["ended_at"] or min(now, row["ends_at"])
    seen = {home.household: _seen(conn, row, home.household, until) for home in homes}
    lines = [
        _line(wanted, home.part, seen[home.household], row, until)
        for wanted in json.loads(row["wanted"])
        for home in homes
        if _is_of(home.part, wanted["part"])
    ]
    out = tuple(conn.scalars(select(p.person).where(p.drill == drill, p.out_at.is_not(None)).order_by(p.person)))
    kept = ("id", "drill", "kind", "state", "why", "started_at", "ends_at", "ended_at")
    return Score(**{name: row[name] for name in kept}, lines=tuple(lines), out=out, unsent=unsent(conn, row))


def _is_of(home: str, part: str) -> bool:
    """Whether a home belongs to a part: ``dry-3`` to ``dry``."""
    return not part or home == part or (home.startswith(f"{part}-") and home.removeprefix(f"{part}-").isdigit())


def _line(wanted: Mapping[str, Any], home: str, seen: _Seen, run: RowMapping, until: datetime) -> Line:
    """Judge one thing at one home."""
    since = run["started_at"] if wanted["after"] == "start" else seen.at(wanted["after"])
    at = seen.at(wanted["step"], wanted["who"])
    took_s = None if at is None or since is None else (at - since).total_seconds()
    said = {name: wanted[name] for name in ("step", "who", "within_s", "after", "never")}
    return Line(**said, home=home, took_s=took_s, verdict=_verdict(wanted, since, at, run, until))


def _verdict(
    wanted: Mapping[str, Any], since: datetime | None, at: datetime | None, run: RowMapping, until: datetime
) -> Verdict:
    never: bool = wanted["never"]
    if never and at is not None:
        return "broken"
    if not never and since is not None:
        by = since + timedelta(seconds=wanted["within_s"])
        if at is not None:
            return "met" if at <= by else "late"
        if until > by:
            return "missed"
    # Nothing is decided yet, and only a drill that was watched to its end decides it.
    if run["state"] == "running":
        return "waits"
    if run["state"] == "aborted":
        return "stopped"
    return "kept" if never else "missed"


# --- what its people hear ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heard:
    """A notice of a drill that reached somebody; `home` as the script calls it, `roles` the parts that the reader plays."""

    id: str
    who: str
    roles: tuple[str, ...]
    home: str
    notice: str
    at: datetime


def heard(conn: Connection, drill: str) -> list[Heard]:
    """Return what reached the people of a drill about cases at its homes, in order of time."""
    h, c, n, d = drill_homes.c, cases.c, notices.c, drills.c
    query = (
        select(n.id, n.recipient_kind, n.recipient, n.template, n.done_at, n.delivered_at, h.part, c.opened_at)
        .join(cases, (c.realm == n.realm) & (c.id == n.case_id))
        .join(drill_homes, h.household == c.household)
        .join(drills, d.id == h.drill)
        .where(n.realm == "drill", d.id == drill, n.created_at >= d.started_at, n.state.in_(ARRIVED))
    )
    found = []
    for row in conn.execute(query.order_by(n.created_at, n.id)):
        who, at = f"{row.recipient_kind}:{row.recipient}", row.delivered_at or row.done_at
        roles = ("family",) if row.recipient_kind == "contact" else roles_at(conn, row.opened_at).get(who, ())
        if at is not None:
            found.append(Heard(row.id, who, roles, row.part, row.template, at))
    return found


# --- what happened -----------------------------------------------------------------------------------------------------


def _seen(conn: Connection, run: RowMapping, home: str, until: datetime) -> _Seen:
    """Return what happened at a home between the beginning of a drill and `until`."""
    first: dict[tuple[str, str], datetime] = {}

    def note(step: str, at: datetime | None, *roles: str) -> None:
        if at is None or not run["started_at"] <= at <= until:
            return
        for role in ("", *roles):
            first[step, role] = min(at, first.get((step, role), at))

    c = cases.c
    mine = c.realm == "drill", c.household == home, c.opened_at >= run["started_at"], c.opened_at <= until
    for case in conn.execute(select(cases).where(*mine)).mappings().all():
        note("case" if case["stream"] == "care" else "meter_case", case["opened_at"])
        if case["stream"] == "care":
            _of_case(conn, case, note)
    _of_areas(conn, home, note)
    return _Seen(first)


Note = Callable[..., None]
STATES = {"ON_SITE": "on_site", "UNATTENDED": "unattended", "FOLDED": "folded"}


def _of_case(conn: Connection, case: RowMapping, note: Note) -> None:
    """Note the steps of a case, and who was told of it."""
    e, n, o = case_events.c, notices.c, offers.c
    roles = roles_at(conn, case["opened_at"])
    accepted = select(o.worker, o.ended_at).where(o.realm == "drill", o.case_id == case["id"], o.state == "accepted")
    for offer in conn.execute(accepted):
        note("accepted", offer.ended_at, *roles.get(f"worker:{offer.worker}", ()))
    log = select(e.at, e.kind, e.actor, e.data).where(e.realm == "drill", e.case_id == case["id"]).order_by(e.n)
    for row in conn.execute(log):
        if step := STATES.get(row.data.get("state", "")):
            note(step, row.at, *roles.get(row.actor, ()))
        if row.kind == "outcome_recorded":
            note("outcome", row.at, *roles.get(row.actor, ()))
    sent = select(notices).where(n.realm == "drill", n.case_id == case["id"], n.attempts > 0)
    for notice in conn.execute(sent).mappings():
        _of_notice(notice, roles, note)


def _of_notice(row: RowMapping, roles: Mapping[str, Sequence[str]], note: Note) -> None:
    """Note that somebody was told: what a provider took is told, and better is seen; what failed is neither."""
    who = f"{row['recipient_kind']}:{row['recipient']}"
    mine = ("family",) if row["recipient_kind"] == "contact" else roles.get(who, ())
    if is_word_of_drills(row["template"]):
        return  # the word that it is over tells nobody of what was played
    if row["state"] in ARRIVED:
        # The first of these: who opens a message an hour later was told an hour before.
        proofs = (row["done_at"], row["delivered_at"], row["seen_at"])
        note("told", min((at for at in proofs if at is not None), default=None), *mine)
    note("seen", row["seen_at"], *mine)


def is_word_of_drills(notice: str) -> bool:
    """Whether a notice is about the drill itself: that it is over, or that something else is real."""
    return notice.removeprefix("family_").startswith("drill_")


def _of_areas(conn: Connection, home: str, note: Note) -> None:
    a, m, n = area_events.c, area_members.c, notices.c
    joined = select(area_events).join(area_members, (m.realm == a.realm) & (m.event == a.id))
    for event in conn.execute(joined.where(a.realm == "drill", m.household == home)).mappings().all():
        told = select(n.recipient_kind).where(n.realm == "drill", n.area_event == event["id"], n.attempts > 0)
        kinds = {"contact": "family", "operator": "operator"}
        note("area", event["raised_at"], *{kinds[kind] for kind in conn.scalars(told) if kind in kinds})
        note("area_over", event["ended_at"])


def roles_at(conn: Connection, at: datetime) -> dict[str, tuple[str, ...]]:
    """Return the parts that workers played at that time: those of any shift then, or of the registry."""
    s, w = shifts.c, workers.c
    found: dict[str, set[str]] = {}
    for row in conn.execute(select(s.owner, s.backup, s.lead).where(s.start <= at, s.end > at)):
        for role, worker in row._mapping.items():
            if worker is not None:
                found.setdefault(f"worker:{worker}", set()).add(str(role))
    for who in conn.execute(select(w.id, w.role).where(w.role.in_(("lead", "operator")))):
        kind = "operator" if who.role == "operator" else "worker"
        found.setdefault(f"{kind}:{who.id}", set()).add(who.role)
    return {who: tuple(sorted(parts)) for who, parts in found.items()}
