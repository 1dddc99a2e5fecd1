"""What the pages of drills show: which runs an operator may see, one of them with its reasons and times, where one can be played.

A drill is within an operator's sight when all of its homes are: in the area of the operator's post, or in a drill area that
lies below no other area, which is nobody's in particular.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from sqlalchemy import Connection, RowMapping, func, select

from alerts import access, drill_facts, drill_score, drill_times, tokens
from alerts.drill_facts import RunFacts
from alerts.drill_score import Score
from alerts.drill_times import Mark, Row, Told
from alerts.queries.cases import HOME, home_of, names_of
from alerts.queries.models import Home
from alerts.registry.realms import KIND
from alerts.schema import areas, drill_homes, drills, households, workers

LISTED = 40
"""Past drills of a list."""
KEPT = 400
"""Past drills of which it is remembered what they came to."""


@dataclass(frozen=True, slots=True)
class Run:
    """One drill as a row of a list."""

    id: str
    drill: str
    kind: str
    state: str
    why: str | None
    started_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    by: str
    by_name: str
    ended_by: str | None
    ended_by_name: str
    homes: int

    @property
    def runs(self) -> bool:
        """Whether it is not over yet."""
        return self.state == "running"


@dataclass(frozen=True, slots=True)
class Seen:
    """One drill with everything that its page says."""

    run: Run
    score: Score
    facts: RunFacts
    lines: tuple[Told, ...]
    people: tuple[Row, ...]
    homes: Mapping[str, Home]
    """By what the script calls them."""
    names: Mapping[str, str]
    """Of people, by ``worker:ID``."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A drill area in which a script can be played."""

    area: str
    name: str
    staffed: bool
    """Somebody works there: it is known by which channel the people of a drill are told."""


# --- who may ----------------------------------------------------------------------------------------------------------


def in_sight(conn: Connection, operator: str) -> frozenset[str] | None:
    """Return the areas whose drills an operator may see and play; None: all."""
    own = access.areas_of_operator(conn, operator)
    if own is None:
        return None
    shared = conn.scalars(select(areas.c.id).where(areas.c.kind == KIND, areas.c.parent.is_(None))).all()
    return own.union(*(tokens.below(conn, area) for area in shared))


def may_see(conn: Connection, drill: str, operator: str) -> bool:
    """Whether all homes of a drill are within an operator's sight; False as well if there is no such drill."""
    sight, h = in_sight(conn, operator), drill_homes.c
    found = conn.scalars(
        select(households.c.area).join(drill_homes, h.household == households.c.id).where(h.drill == drill)
    ).all()
    return bool(found) and (sight is None or sight.issuperset(found))


def stages(conn: Connection, operator: str) -> list[Stage]:
    """Return the topmost drill areas within an operator's sight, those in which somebody works first."""
    sight = in_sight(conn, operator)
    above = areas.alias("above")
    tops = (
        select(areas.c.id, areas.c.name)
        .outerjoin(above, above.c.id == areas.c.parent)
        .where(areas.c.kind == KIND, (above.c.kind != KIND) | areas.c.parent.is_(None))
    )
    rows = conn.execute(tops.order_by(areas.c.id)).all()
    staffed = set(conn.scalars(select(workers.c.area).where(workers.c.area.in_([row.id for row in rows]))))
    found = [Stage(row.id, row.name, row.id in staffed) for row in rows if sight is None or row.id in sight]
    return sorted(found, key=lambda one: not one.staffed)


# --- lists ------------------------------------------------------------------------------------------------------------


def runs(conn: Connection, operator: str) -> list[Run]:
    """Return the drills within an operator's sight: those that run, then the newest of the past."""
    sight, d, h = in_sight(conn, operator), drills.c, drill_homes.c
    homes = select(h.drill, func.count().label("homes")).group_by(h.drill).subquery()
    query = select(drills, homes.c.homes).join(homes, homes.c.drill == d.id)
    if sight is not None:
        outside = (
            select(h.drill).join(households, households.c.id == h.household).where(households.c.area.not_in(sight))
        )
        query = query.where(d.id.not_in(outside))
    rows = conn.execute(query.order_by(d.state != "running", d.started_at.desc(), d.id).limit(LISTED)).mappings().all()
    return _runs(conn, rows)


def _runs(conn: Connection, rows: Sequence[RowMapping]) -> list[Run]:
    names = names_of(conn, {who for row in rows for who in (row["by"], row["ended_by"] or "")})
    kept = ("id", "drill", "kind", "state", "why", "started_at", "ends_at", "ended_at", "by", "ended_by", "homes")
    return [
        Run(
            **{name: row[name] for name in kept},
            by_name=names.get(row["by"], row["by"].partition(":")[2]),
            ended_by_name=names.get(row["ended_by"] or "", (row["ended_by"] or "").partition(":")[2]),
        )
        for row in rows
    ]


@dataclass
class Marks:
    """What past drills came to; their rows do not change any more, so each is worked out once."""

    _kept: OrderedDict[str, Mark] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, conn: Connection, past: Sequence[Run], now: datetime) -> list[Mark]:
        """Return what some drills came to, the oldest first."""
        found = []
        for run in sorted(past, key=lambda one: (one.started_at, one.id)):
            with self._lock:
                mark = self._kept.get(run.id)
            if mark is None:
                mark = drill_times.mark(*_told(conn, run.id, now))
            with self._lock:
                if not run.runs:
                    self._kept[run.id] = mark
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            found.append(mark)
        return found


# --- one ---------------------------------------------------------------------------------------------------------------


def _told(conn: Connection, drill: str, now: datetime) -> tuple[Score, RunFacts]:
    row = conn.execute(select(drills).where(drills.c.id == drill)).mappings().one()
    return drill_score.score(conn, drill, now), drill_facts.of(conn, row)


def seen(conn: Connection, drill: str, now: datetime) -> Seen:
    """Return a drill, which is there, with everything that its page says."""
    score, facts = _told(conn, drill, now)
    number = select(func.count()).where(drill_homes.c.drill == drill).scalar_subquery()
    row = conn.execute(select(drills, number.label("homes")).where(drills.c.id == drill)).mappings().one()
    lines, people = drill_times.lines(score, facts), drill_times.people(facts)
    named = {who for one in people for who in one.people} | {
        who for one in lines if one.reason for who in one.reason.who
    }
    ids = {home.household: home.part for home in facts.homes}
    found = conn.execute(
        select(*HOME).join(areas, areas.c.id == households.c.area).where(households.c.id.in_(ids))
    ).all()
    return Seen(
        run=_runs(conn, [row])[0], score=score, facts=facts, lines=lines, people=people,
        homes={ids[home.home_id]: home_of(home) for home in found}, names=names_of(conn, named),
    )  # fmt: skip
