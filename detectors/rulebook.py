"""What fixed rules say of every row: one small function for each kind of rule, over arrays.

Each function moves its rule's own arrays on by one interval a row and returns a `Verdict`: where the rule holds now,
where it is disproved, since when, and what was measured.  Between the two an episode stays as it is: time that is not
known neither opens nor closes one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bins import DAY_S, HOUR_S, Bools, Floats, Trail
from detectors.clock import Clock, Moment
from detectors.episodes import Episodes
from detectors.findings import Changes, Evidence, Finding
from detectors.rules import Rule

Arrays = dict[str, NDArray[Any]]
LITRES_OFF = 1e-6
SECONDS_OFF = 1.0
"""Rounding of sums of floats; of registers stamped in whole seconds."""
HALF_HOUR_S, HALF_HOURS = 1800.0, 48
WINDOWS_H = ((5, 9), (17, 21))
LATE = 1.05
"""An interval this much longer than asked is still taken for punctual."""


class Verdict(NamedTuple):
    """What a rule says after an interval; all (M,)."""

    holds: Bools
    broken: Bools
    onset: Floats
    measured: Floats
    """Litres, or seconds for rules without litres."""


class Scene(NamedTuple):
    """What a rule looks at: itself, its own arrays, the interval of each row, and what else is known of the rows."""

    rule: Rule
    own: Arrays
    m: Moment
    clock: Clock
    origin: Floats
    """(M,) since when no water ran, after the interval: to a rule a leak is use, as to the programme that runs it."""
    trail: Trail


def _no_use(s: Scene) -> Verdict:
    quiet_s = s.m.end - s.origin
    return Verdict(quiet_s >= s.rule.hours * HOUR_S, s.m.moved | s.m.drew | s.m.away, s.origin, quiet_s)


def _little(s: Scene) -> Verdict:
    litres, unknown_s = s.trail.window(s.m.rows, s.rule.hours * HOUR_S)
    begin = s.m.end - s.rule.hours * HOUR_S
    enough = litres >= s.rule.litres - LITRES_OFF
    proved = (unknown_s <= SECONDS_OFF) & ~s.clock.touches_absence(s.m.rows, begin, s.m.end)
    return Verdict(proved & ~enough, enough | s.m.away, begin, litres)


def _much(s: Scene) -> Verdict:
    litres, unknown_s = s.trail.window(s.m.rows, s.rule.hours * HOUR_S)
    over = litres > s.rule.litres + LITRES_OFF
    return Verdict(over, ~over & (unknown_s <= SECONDS_OFF), s.m.end - s.rule.hours * HOUR_S, litres)


def _much_day(s: Scene) -> Verdict:
    local = s.m.end + s.m.offset_s
    day = np.ceil(local / DAY_S) - 1  # an interval that ends at midnight belongs to the day before
    midnight = day * DAY_S - s.m.offset_s
    share = np.clip((s.m.end - midnight) / np.maximum(s.m.end - s.m.start, 1e-9), 0.0, 1.0)
    other = s.own["day"][s.m.rows] != day
    before = np.where(other, 0.0, s.own["litres"][s.m.rows])
    litres = before + np.where(s.m.unknown, 0.0, s.m.litres * np.where(s.m.start < midnight, share, 1.0))
    s.own["day"][s.m.rows], s.own["litres"][s.m.rows] = day, litres
    return Verdict(litres > s.rule.litres + LITRES_OFF, other, midnight, litres)


def _continuous(s: Scene) -> Verdict:
    fine = s.m.end - s.m.start <= LATE * s.rule.hours * HOUR_S / 4
    before = s.own["since"][s.m.rows]
    since = np.where(s.m.drew & fine, np.where(s.m.hole | np.isnan(before), s.m.start, before), np.nan)
    s.own["since"][s.m.rows] = since
    flow_s = s.m.end - since
    return Verdict(flow_s >= s.rule.hours * HOUR_S, ~s.m.drew & ~s.m.unknown, since, flow_s)


def _half_hours(s: Scene) -> Verdict:
    slot = np.ceil(s.m.end / HALF_HOUR_S) - 1  # an interval across the edge counts for the later half hour
    last, run = s.own["slot"][s.m.rows], s.own["run"][s.m.rows]
    used = s.m.drew & (s.m.end - s.m.start <= LATE * HALF_HOUR_S)
    run = np.where(used, np.where(slot == last, run, np.where(slot == last + 1, run + 1, 1.0)), run)
    last = np.where(used, slot, last)
    s.own["slot"][s.m.rows], s.own["run"][s.m.rows] = last, run
    empty = s.m.end >= (last + 2) * HALF_HOUR_S  # a whole half hour has passed since the last one in use
    seen = ~(s.clock.blind_until[s.m.rows] > (last + 1) * HALF_HOUR_S)
    in_use_s = run * HALF_HOUR_S
    return Verdict((run >= HALF_HOURS) & used, empty & seen, s.m.end - s.rule.hours * HOUR_S, in_use_s)


def _windows(s: Scene) -> Verdict:
    begin, end = s.m.start + s.m.offset_s, s.m.end + s.m.offset_s
    holds = np.zeros(len(s.m.rows), np.bool_)
    onset = np.full(len(s.m.rows), np.nan)
    first, last = np.floor(begin / DAY_S), np.ceil(end / DAY_S) - 1
    for day, looks in ((first, first != last), (last, np.ones(len(s.m.rows), np.bool_))):
        rows = s.m.rows[looks]
        new = rows[s.own["day"][rows] != day[looks]]
        s.own["day"][rows], s.own["known_s"][new], s.own["used"][new] = day[looks], 0.0, 0.0
        for from_h, to_h in WINDOWS_H:
            left, right = day * DAY_S + from_h * HOUR_S, day * DAY_S + to_h * HOUR_S
            inside_s = np.maximum(np.minimum(end, right) - np.maximum(begin, left), 0.0)
            s.own["known_s"][rows] += np.where(s.m.unknown | s.m.away, 0.0, inside_s)[looks]
            s.own["used"][rows] += (s.m.drew & (inside_s > 0))[looks]
        closes = day * DAY_S + WINDOWS_H[-1][1] * HOUR_S
        over = (end >= closes) & (s.origin + s.m.offset_s <= closes)  # and nothing was drawn since
        wanted_s = sum(to_h - from_h for from_h, to_h in WINDOWS_H) * HOUR_S - SECONDS_OFF
        empty = (s.own["known_s"][s.m.rows] >= wanted_s) & (s.own["used"][s.m.rows] == 0) & looks & over
        holds |= empty
        onset = np.where(empty, day * DAY_S + WINDOWS_H[0][0] * HOUR_S - s.m.offset_s, onset)
    return Verdict(holds & ~s.m.drew, s.m.moved | s.m.drew | s.m.away, onset, s.m.end - onset)


_JUDGES: Mapping[str, Callable[[Scene], Verdict]] = {
    "no_use": _no_use, "little": _little, "much": _much, "much_day": _much_day,
    "continuous": _continuous, "half_hours": _half_hours, "windows": _windows,
}  # fmt: skip
_OWN: Mapping[str, Mapping[str, float]] = {
    "much_day": {"day": -1.0, "litres": 0.0},
    "continuous": {"since": np.nan},
    "half_hours": {"slot": -2.0, "run": 0.0},
    "windows": {"day": -1.0, "known_s": 0.0, "used": 0.0},
}
"""Arrays that a kind keeps, with their value before the first reading."""


@dataclass
class Rulebook:
    """The rules in force and their arrays; litres are summed only if a rule asks for them."""

    rules: tuple[Rule, ...]
    own: dict[str, Arrays]
    """Rule name -> its arrays, each (H,)."""
    trail: Trail

    @classmethod
    def fresh(cls, rules: Sequence[Rule], rows: int) -> "Rulebook":
        """Return the rules over rows that were never heard."""
        own = {r.name: {n: np.full(rows, v) for n, v in _OWN.get(r.kind, {}).items()} for r in rules}
        sums = any(rule.kind in {"little", "much"} for rule in rules)
        return cls(tuple(rules), own, Trail.fresh(rows if sums else 0))

    def step(self, m: Moment, clock: Clock, origin: Floats) -> list[tuple[Rule, Verdict]]:
        """Move on by one interval a row; return what each rule says."""
        if not self.rules:
            return []
        if len(self.trail.head):
            self.trail.add(m.rows, m.start, m.end, m.litres)
        return [
            (rule, _JUDGES[rule.kind](Scene(rule, self.own[rule.name], m, clock, origin, self.trail)))
            for rule in self.rules
        ]


def judge(book: Rulebook, clock: Clock, episodes: Episodes, m: Moment, judged: Bools, changes: Changes) -> None:
    """Let every rule take in one interval of each of some rows; begin and end its episodes."""
    if not book.rules:
        return
    origin = clock.origin(m.rows, m.end, ran=True)
    for rule, verdict in book.step(m, clock, origin):
        kind = f"rule:{rule.name}"
        for n in episodes.places(kind, m.rows):
            if verdict.broken[n]:
                row = int(m.rows[n])
                episodes.end((row, kind, rule.severity), float(clock.heard[row]), changes)
        for n in np.flatnonzero(verdict.holds & judged).tolist():
            row = int(m.rows[n])
            if (row, kind, rule.severity) not in episodes:
                evidence = _evidence(clock, rule, row, verdict, n, float(m.end[n]))
                at, onset = float(clock.heard[row]), float(verdict.onset[n])
                episodes.start(Finding(row, kind, rule.severity, onset, at, f"rule_{rule.kind}", evidence), changes)


def _evidence(clock: Clock, rule: Rule, row: int, verdict: Verdict, n: int, until: float) -> Evidence:
    litres = rule.kind in {"little", "much", "much_day"}
    return {
        "rule": rule.name,
        "limit_s": rule.hours * HOUR_S,
        "limit_l": rule.litres,
        "measured_l": round(float(verdict.measured[n]), 1) if litres else None,
        "measured_s": None if litres else round(float(verdict.measured[n])),
        "last_use_at": float(clock.ran[row]),
        "heard_at": float(clock.heard[row]),
        "known_until_at": until,
        "place": rule.place,
    }
