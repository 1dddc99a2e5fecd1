"""The report of a month: sums over plain rows, for every grid and in total.  Pure: no clock, no database, no words.

How this works.  A case belongs to the month in which it was opened by the clocks of its home, whenever it ended; a visit, a
call-back and an application to the month in which it happened (a call-back: in which its case ended).  Every grid is summed
from its own rows and the total from all rows, by the same function.  Counts are always given.  A median, a percentile or a
rate is given only where it rests on at least `FEW` homes; where it does not, and where nothing is known, stands None,
never zero.
"""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from alerts.casefile import State
from alerts.report_cases import ending, first, judged, reached, standing
from alerts.report_rows import ApplicationRow, CallRow, CaseRow, HomeRow, Month, Rows, SpellRow
from alerts.spans import Span, common, hours, joined, without

FEW = 5
"""Fewer homes than this: counts only.  (Statistical offices commonly withhold what rests on fewer than three to five.)"""
MONTH_H = 30.4 * 24
"""Hours of a household-month, as the budget of false alarms counts it. [h]"""
UNHEARD_S = 1800.0
"""A case that nobody has accepted for so long after its finding is counted apart. [s]"""
LOW_BATTERY_PERCENT = 20.0
Row = TypeVar("Row")
LEVELS = ("red", "amber")
REASONS = ("down", "paused", "away", "radio_outage", "silent", "water_outage")
"""Why a home was not watched for an hour; of several reasons the first counts."""
STEPS = ("told", "accepted", "door", "outcome")
"""How far a case has come."""
NOT_ADDED = frozenset({"workers"})
"""Counts that grids do not add up to: one worker may have gone to homes of two."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took in several cases; `median_s` and `p90_s` None: too few homes, or none."""

    n: int = 0
    """Cases in which it happened."""
    missing: int = 0
    """Cases in which it has not."""
    within: int = 0
    """Cases in which it happened in time,"""
    of: int = 0
    """of those for which a time was promised, and is over or was kept."""
    median_s: float | None = None
    p90_s: float | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """Everything counted over some homes; a count that is not listed is zero, one that is None not known."""

    counts: Mapping[str, float | None]
    spreads: Mapping[str, Spread]

    def count(self, key: str) -> float | None:
        """Return a count."""
        return self.counts.get(key, 0)

    def spread(self, key: str) -> Spread:
        """Return how long something took."""
        return self.spreads.get(key, Spread())

    @property
    def months(self) -> float:
        """How many household-months were watched."""
        return (self.counts.get("hours.watched") or 0.0) / MONTH_H

    def a_month(self, key: str) -> float | None:
        """Return a count for each household and month that was watched; None: too few homes, or nothing was watched."""
        count, homes = self.count(key), self.counts.get("homes.covered") or 0
        return count / self.months if count is not None and homes >= FEW and self.months > 0 else None


@dataclass(frozen=True, slots=True)
class Intended:
    """The budget: how many false alarms a household and month are intended, in all and as urgent."""

    a_month: float
    red_a_month: float


@dataclass(frozen=True, slots=True)
class Column:
    """One grid; `area` None: what belongs to no area that is known."""

    area: str | None
    name: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class Report:
    """The report of a month as it was known at `made_at`."""

    month: str
    made_at: datetime
    over: bool
    """The month was over everywhere; else it is only counted so far."""
    area: str | None
    """Only of this area and all below it; None: of everything."""
    columns: Sequence[Column]
    total: Sums
    intended: Intended | None = None


def report(
    rows: Rows, month: Month, now: datetime, area: str | None = None, intended: Intended | None = None
) -> Report:
    """Return the report of `month`, as far as it is over at `now`."""
    ends = [month.span(home.zone)[1] for home in rows.homes]
    parts = _by_area(rows)
    columns = tuple(Column(one, rows.areas.get(one or "", ""), sums(part, month, now)) for one, part in parts.items())
    over = max(ends, default=month.span(rows.zone)[1]) <= now
    return Report(str(month), now, over, area, columns, sums(rows, month, now), intended)


def sums(rows: Rows, month: Month, now: datetime) -> Sums:
    """Return the sums over all of `rows`, whatever area they are of."""
    homes = {home.id: home for home in rows.homes}
    spans = {home.id: month.span(home.zone) for home in rows.homes}

    def here(home: str, at: datetime) -> bool:
        """Whether `at` lies in the month by the clocks of `home`."""
        return home in spans and spans[home][0] <= at < spans[home][1]

    mine = [case for case in rows.cases if here(case.household, case.opened_at)]
    care = [case for case in mine if case.stream == "care"]
    counts: Counter[str] = Counter()
    counts.update(_of_cases(mine, care))
    counts.update(_alarms(care))
    counts.update(_work(rows.cases, here))
    counts.update(_climbed(care, now))
    counts.update(_calls((call for call in rows.calls if here(call.household, call.ended_at)), now))
    counts.update(_applied(rows.applications, month.span(rows.zone)))
    counts.update(_devices(rows, homes, spans, now))
    coverage = _coverage(rows, spans, now) | ({"hours.down": None} if rows.down is None else {})
    return Sums({**counts, **coverage, **_batteries(rows.batteries, homes)}, _spreads(care, now))


def _by_area(rows: Rows) -> dict[str | None, Rows]:
    """Return the rows of each area that has homes or applications, by name; what belongs to none known comes last."""
    area = {home.id: home.area for home in rows.homes}
    homes = _split(rows.homes, lambda row: row.area)
    cases = _split(rows.cases, lambda row: area.get(row.household))
    calls = _split(rows.calls, lambda row: area.get(row.household))
    spells = _split(rows.spells, lambda row: area.get(row.household))
    applications = _split(rows.applications, lambda row: row.area)
    batteries = None if rows.batteries is None else _split(rows.batteries, lambda row: area.get(row[0]))
    found = {}
    for one in sorted({*homes, *applications}, key=lambda key: (key is None, rows.areas.get(key or "", ""), key or "")):
        found[one] = replace(
            rows, homes=homes[one], cases=cases[one], calls=calls[one], spells=spells[one],
            applications=applications[one], batteries=None if batteries is None else batteries[one],
        )  # fmt: skip
    return found


def _split(some: Iterable[Row], key: Callable[[Row], str | None]) -> Mapping[str | None, list[Row]]:
    found: dict[str | None, list[Row]] = defaultdict(list)
    for row in some:
        found[key(row)].append(row)
    return found


# --- cases -----------------------------------------------------------------------------------------------------------


def _of_cases(mine: Iterable[CaseRow], care: Iterable[CaseRow]) -> Counter[str]:
    """Count cases by kind and severity, and those about people by how they ended."""
    counts = Counter(f"cases.{case.kind or ''}.{case.severity}" for case in mine)
    counts.update(f"outcome.{ending(case)}" for case in care)
    counts["emergency"] = sum(case.emergency for case in care)
    return counts


def _alarms(care: Iterable[CaseRow]) -> Counter[str]:
    """Count alarms by what they turned out to be; those about missing use that were for nothing once more, for the budget."""
    counts: Counter[str] = Counter()
    for case in care:
        what = judged(case)
        counts[f"alarm.{what}.{case.severity}"] += 1
        if what == "false":
            counts[f"false.{case.severity}"] += 1
        if what in ("false", "passed") and case.kind == "quiet":
            counts["nothing.all"] += 1
            counts["nothing.red"] += case.severity == "red"
    return counts


def _work(all_cases: Iterable[CaseRow], here: Callable[[str, datetime], bool]) -> Counter[str]:
    """Count visits of the month and who made them; a case of the month before may be visited in this one."""
    visits = [
        step.actor
        for case in all_cases
        if case.stream == "care"
        for step in standing(case.steps)
        if step.kind == "arrived" and here(case.household, step.at)
    ]
    return Counter({"visits": len(visits), "workers": len(set(visits))})


def _climbed(care: Iterable[CaseRow], now: datetime) -> Counter[str]:
    """Count cases that went past the first person, that everybody was asked about in vain, and that waited for long."""
    counts: Counter[str] = Counter()
    for case in care:
        counts["escalated"] += any(rung > case.rungs[0] for rung in case.rungs)
        counts["in_vain"] += any(step.state == State.UNATTENDED for step in case.steps)
        if case.rungs:
            waited = (first(case, "accepted") or case.closed_at or now) - case.raised_at
            counts["called_out"] += 1
            counts["unheard"] += waited.total_seconds() > UNHEARD_S
    return counts


def _calls(calls: Iterable[CallRow], now: datetime) -> Counter[str]:
    counts: Counter[str] = Counter()
    for call in calls:
        counts["calls.owed"] += 1
        counts["calls.made"] += call.done_at is not None
        counts["calls.in_time"] += call.done_at is not None and call.done_at <= call.due_at
        counts["calls.without"] += call.done_at is None and call.due_at < now
        counts["calls.wrong"] += call.answer == "wrong"
    return counts


# --- how long it took ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Took:
    """One case: how long it took, None so far; how long it has had; what was promised [s]."""

    household: str
    s: float | None
    had_s: float
    limit_s: float | None


def spread(took: Sequence[Took]) -> Spread:
    """Return the spread of some cases.  A promise counts once it is kept or its time is over; p90: the nearest rank."""
    done = sorted(one.s for one in took if one.s is not None)
    decided = [one for one in took if one.limit_s is not None and (one.s is not None or one.had_s > one.limit_s)]
    kept = sum(one.s is not None and one.limit_s is not None and one.s <= one.limit_s for one in decided)
    enough = len({one.household for one in took if one.s is not None}) >= FEW
    return Spread(
        n=len(done),
        missing=len(took) - len(done),
        within=kept,
        of=len(decided),
        median_s=statistics.median(done) if enough else None,
        p90_s=done[math.ceil(0.9 * len(done)) - 1] if enough else None,
    )


def _spreads(care: Sequence[CaseRow], now: datetime) -> dict[str, Spread]:
    found: dict[str, list[Took]] = defaultdict(list)
    for case in care:
        for name, at, limit_s in reached(case):
            found[f"{name}.{case.severity}"].append(_took(case, at, limit_s, now))
        if case.kind == "quiet":
            s = max(0.0, (case.raised_at - case.onset).total_seconds())
            found[f"delay.{case.severity}"].append(Took(case.household, s, s, None))
            if judged(case) == "true":
                found["delay.true"].append(Took(case.household, s, s, None))
    return {name: spread(took) for name, took in found.items()}


def _took(case: CaseRow, at: datetime | None, limit_s: float | None, now: datetime) -> Took:
    had_s = ((case.closed_at or now) - case.raised_at).total_seconds()
    s = None if at is None else max(0.0, (at - case.raised_at).total_seconds())
    return Took(case.household, s, had_s, limit_s)


# --- homes, hours, devices, applications -----------------------------------------------------------------------------


def _spells(spells: Iterable[SpellRow], month: Mapping[str, Span], now: datetime) -> dict[str, dict[str, list[Span]]]:
    """Return for each home and kind what it covers of the month so far."""
    raw: dict[str, dict[str, list[Span]]] = defaultdict(lambda: defaultdict(list))
    for one in spells:
        if one.household in month:
            start, end = month[one.household]
            until = min(end, now)
            raw[one.household][one.kind].append((max(one.start, start), min(one.end or until, until)))
    return {home: {kind: joined(spans) for kind, spans in kinds.items()} for home, kinds in raw.items()}


def _coverage(rows: Rows, month: Mapping[str, Span], now: datetime) -> dict[str, float | None]:
    """Count homes that were covered at any time, and their hours by how they were watched, or why not."""
    found: dict[str, float] = defaultdict(float, {"homes": len(month)})
    down = joined(rows.down or ())
    for kinds in _spells(rows.spells, month, now).values():
        left = common(kinds.get("agreed", []), kinds.get("metered", []))
        found["homes.covered"] += bool(left)
        for reason in REASONS:
            taken = down if reason == "down" else kinds.get(reason, [])
            if taken:
                found[f"hours.{reason}"] += hours(common(left, taken))
                left = without(left, taken)
        found["hours.watched"] += hours(left)
    return {**found}


def _devices(rows: Rows, homes: Mapping[str, HomeRow], month: Mapping[str, Span], now: datetime) -> Counter[str]:
    """Count the meters fitted at the end of the month (or now), the silences that began, and homes still silent then."""
    counts: Counter[str] = Counter()
    silent = set()
    for one in rows.spells:
        if one.household not in homes:
            continue
        start, end = month[one.household]
        until = min(end, now)
        holds = one.start < until and (one.end is None or one.end >= until)
        counts["meters"] += one.kind == "metered" and holds
        counts["silences"] += one.kind == "silent" and start <= one.start < until
        if one.kind == "silent" and holds:
            silent.add(one.household)
    return counts + Counter({"silent": len(silent)})


def _batteries(
    batteries: Sequence[tuple[str, float | None]] | None, homes: Mapping[str, HomeRow]
) -> dict[str, float | None]:
    if batteries is None:
        return {"batteries.known": None, "batteries.unknown": None, "batteries.low": None}
    mine = [percent for home, percent in batteries if home in homes]
    known = [percent for percent in mine if percent is not None]
    low = sum(percent < LOW_BATTERY_PERCENT for percent in known)
    return {"batteries.known": len(known), "batteries.unknown": len(mine) - len(known), "batteries.low": low}


def _applied(applications: Iterable[ApplicationRow], month: Span) -> Counter[str]:
    """Count applications by where they stand now."""
    states = [one.state for one in applications if month[0] <= one.created_at < month[1]]
    return Counter([*(f"applied.{state}" for state in states), *("applied" for _ in states)])
