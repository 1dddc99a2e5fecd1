"""A drill told in few lines: homes at which the same happened as one, and of each person how long every step took.

Pure functions over a score and its facts.  Times are in seconds; those of people count from the moment in which their
home's case was opened.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from alerts.drill_facts import ROLES, HomeFacts, RunFacts
from alerts.drill_reasons import Reason, why
from alerts.drill_score import Line, Score, Verdict

STEPS = ("told", "seen", "accepted", "on_site", "outcome")
"""What is asked of a person, in order."""
MOST_PEOPLE = 6
"""More people of one role than this are told as one row: forty relatives, each of one home."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took at several homes; of one home all three are the same, in seconds."""

    number: int
    median_s: float
    least_s: float
    most_s: float


def spread(values: Iterable[float | None]) -> Spread | None:
    """Return the spread of what is known; None: nothing is."""
    known = sorted(value for value in values if value is not None)
    return Spread(len(known), median(known), known[0], known[-1]) if known else None


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that had to happen, at all homes at which the same became of it."""

    step: str
    who: str
    within_s: float
    after: str
    never: bool
    verdict: Verdict
    reason: Reason | None
    homes: tuple[str, ...]
    took: Spread | None


def lines(score: Score, facts: RunFacts) -> tuple[Told, ...]:
    """Return the lines of a score in their order, those of equal homes folded into one."""
    homes = {home.part: home for home in facts.homes}
    found: dict[tuple[object, ...], list[Line]] = defaultdict(list)
    for line in score.lines:
        reason = why(line, homes[line.home], facts)
        found[_part(line.home), line.step, line.who, line.within_s, line.after, line.never, line.verdict, reason] += [
            line
        ]
    order = {line: n for n, line in enumerate(dict.fromkeys(_asked(line) for line in score.lines))}
    rows = [
        Told(
            step=some[0].step, who=some[0].who, within_s=some[0].within_s, after=some[0].after, never=some[0].never,
            verdict=some[0].verdict, reason=_with_time(some, homes, facts), homes=tuple(one.home for one in some),
            took=spread(one.took_s for one in some),
        )
        for some in found.values()
    ]  # fmt: skip
    in_order = {"broken": 0, "missed": 1, "late": 2}
    first = {row: order[_part(row.homes[0]), row.step, row.who, row.within_s, row.after, row.never] for row in rows}
    return tuple(sorted(rows, key=lambda row: (first[row], in_order.get(row.verdict, 3), row.homes)))


def _asked(line: Line) -> tuple[object, ...]:
    return _part(line.home), line.step, line.who, line.within_s, line.after, line.never


def _with_time(some: Sequence[Line], homes: Mapping[str, HomeFacts], facts: RunFacts) -> Reason | None:
    """Return the reason of equal lines, with the longest of their times."""
    reasons = [reason for line in some if (reason := why(line, homes[line.home], facts))]
    return max(reasons, key=lambda one: one.seconds or 0.0, default=None)


def _part(home: str) -> str:
    """Return the part that a home belongs to: ``dry`` of ``dry-3``."""
    name, _, number = home.rpartition("-")
    return name if name and number.isdigit() else home


# --- people ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One person, or several who play the same role at different homes."""

    people: tuple[str, ...]
    role: str
    """The first that they play; empty: none of the script's."""
    homes: int
    """At how many homes something was owed to them, or done by them."""
    steps: Mapping[str, Spread]
    """What they got and did; a step that is not here did not happen."""
    unproved: bool
    """Of some message it is only known that a provider took it."""
    out: bool
    """They were needed for something real."""


def people(facts: RunFacts) -> tuple[Row, ...]:
    """Return who takes part, by role; who neither got nor did anything stands there too."""
    found = [_Person(who, facts) for who in facts.people]
    rows: list[Row] = []
    for role in (*ROLES, ""):
        mine = [one for one in found if one.role == role]
        if len(mine) > MOST_PEOPLE:
            rows.append(_row(mine, role, facts))
        else:
            rows += [_row([one], role, facts) for one in mine]
    return tuple(rows)


class _Person:
    """What one person got and did, at each home."""

    def __init__(self, who: str, facts: RunFacts) -> None:
        self.who = who
        played = {role for home in facts.homes for role in home.roles.get(who, ())}
        self.role = next((role for role in ROLES if role in played), "")
        self.took: dict[str, list[float]] = defaultdict(list)
        self.homes, self.unproved = 0, False
        for home in facts.homes:
            self._at(home, facts)

    def _at(self, home: HomeFacts, facts: RunFacts) -> None:
        sent = [one for one in home.sent if one.who == self.who]
        acts = [act for act in home.acts if act.who == self.who]
        self.homes += bool(sent or acts)
        since = home.case_at or (home.areas[0][0] if home.areas else facts.started_at)
        told = min((one for one in sent if one.told_at), key=lambda one: one.told_at or one.created_at, default=None)
        if told is not None:
            self._note("told", told.told_at, since)
            self.unproved |= told.delivered_at is None and told.seen_at is None
        self._note("seen", min((one.seen_at for one in sent if one.seen_at), default=None), since)
        for step in ("accepted", "on_site", "outcome"):
            self._note(step, next((act.at for act in acts if act.step == step), None), since)

    def _note(self, step: str, at: datetime | None, since: datetime) -> None:
        if at is not None:
            self.took[step].append((at - since).total_seconds())


def _row(some: Sequence[_Person], role: str, facts: RunFacts) -> Row:
    took = {step: spread(value for one in some for value in one.took[step]) for step in STEPS}
    return Row(
        people=tuple(one.who for one in some),
        role=role,
        homes=sum(one.homes for one in some),
        steps={step: found for step, found in took.items() if found is not None},
        unproved=any(one.unproved for one in some),
        out=any(one.who in facts.out for one in some),
    )


# --- over many drills --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mark:
    """What one drill came to, to be put beside others of its script."""

    id: str
    drill: str
    kind: str
    started_at: datetime
    whole: bool
    """It was not stopped before its end: only such ones can be compared."""
    good: int
    of: int
    stopped: int
    """Lines of which nothing can be said, because it was stopped before."""
    accepted_s: float | None
    """From the case to its acceptance, the median of the homes. [s]"""
    arrived_s: float | None
    """From the case to the arrival, the same. [s]"""

    @property
    def share(self) -> float | None:
        """The share of lines that were as they had to be; None: it was stopped, or nothing had to happen."""
        return self.good / self.of if self.whole and self.of else None


def mark(score: Score, facts: RunFacts) -> Mark:
    """Return what a drill came to."""
    accepted = spread(_from_case("accepted", home) for home in facts.homes)
    arrived = spread(_from_case("on_site", home) for home in facts.homes)
    return Mark(
        id=score.id, drill=score.drill, kind=score.kind, started_at=score.started_at, whole=score.state == "ended",
        good=score.good, of=len(score.lines), stopped=score.stopped,
        accepted_s=accepted.median_s if accepted else None, arrived_s=arrived.median_s if arrived else None,
    )  # fmt: skip


def _from_case(step: str, home: HomeFacts) -> float | None:
    act = home.first(step)
    return None if act is None or home.case_at is None else (act.at - home.case_at).total_seconds()
