"""All detectors over a block of rows: what the service, the back-test and the benchmarks run.

One `Partition` holds the state of H rows as arrays.  `step` takes news of any rows; absence of news comes as `tick`, with
the time as an argument.  A snapshot at any moment, restored anywhere, goes on with the same findings.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import quiet, silence, states
from detectors.bins import Bools, Floats, News, Rows, rounds
from detectors.clock import Clock, Moment
from detectors.cohort import Cohort, shipped
from detectors.findings import Changes, Evidence, Finding, Severity
from detectors.habit import HOUR_S, Habit
from detectors.quiet import Quiet, QuietSettings
from detectors.rulebook import Rulebook, Verdict
from detectors.rules import Rule, parse
from detectors.silence import SilenceSettings

Key = tuple[int, str, Severity]
DAYS_SHOWN = 365


@dataclass(frozen=True, slots=True)
class Settings:
    """What detectors of a service run with."""

    quiet: QuietSettings = field(default_factory=QuietSettings)
    silence: SilenceSettings = field(default_factory=SilenceSettings)
    rules: tuple[str, ...] = ()
    """Names of rules in force beside the personal model (`detectors.rules`)."""


class Partition:
    """The detectors of H rows.

    Parameters
    ----------
    settings : Settings
    period_s : (H,) float
        How often each row's meter reports. [s]
    resolution_l : (H,) float
        Smallest step of each row's register. [L]
    cohort : Cohort, optional
        Another start than the shipped one.

    Raises
    ------
    RuleError
        A rule in the settings does not exist.
    """

    def __init__(
        self, settings: Settings, period_s: Floats, resolution_l: Floats, cohort: Cohort | None = None
    ) -> None:
        self.settings = settings
        self._cohort = shipped() if cohort is None else cohort
        self._rules = tuple({rule.name: rule for rule in map(parse, settings.rules)}.values())
        self._period_s, self._resolution_l = np.empty(0), np.empty(0)
        self._open: dict[Key, Finding] = {}
        self._held: dict[str, Bools] = {}  # kind -> (H,) has an open episode
        self._state = self._fresh(self._period_s, self._resolution_l, 0)
        self.grow(period_s, resolution_l)

    def __len__(self) -> int:
        return len(self._period_s)

    def _fresh(self, period_s: Floats, resolution_l: Floats, absences: int) -> states.State:
        rows = len(period_s)
        kinds = Quiet.fresh(self._cohort, period_s, resolution_l)
        return states.State(Clock.fresh(rows, absences), Habit.fresh(rows), kinds, Rulebook.fresh(self._rules, rows))

    def grow(self, period_s: Floats, resolution_l: Floats) -> None:
        """Add rows at the end; `period_s` and `resolution_l` are those of the new rows."""
        period, resolution = np.asarray(period_s, np.float64), np.asarray(resolution_l, np.float64)
        if period.shape != resolution.shape or not ((period > 0) & (resolution > 0)).all():
            raise ValueError("want one report period and one resolution a row, all above 0")
        new = self._fresh(period, resolution, self._state.clock.absences.shape[1])
        self._state = states.joined(self._state, new)
        self._period_s = np.concatenate([self._period_s, period])
        self._resolution_l = np.concatenate([self._resolution_l, resolution])
        self._held = {kind: np.append(held, np.zeros(len(period), np.bool_)) for kind, held in self._held.items()}

    def away(self, row: int, start: float, end: float) -> None:
        """Declare an absence of a row, in the past or the future.

        The same start again replaces its end; an end that is not after the start withdraws it.  Within an absence no
        quiet is raised, and its clock starts at the end.
        """
        self._state.clock.away(row, start, end)

    def set_absences(self, absences: Iterable[tuple[int, float, float]]) -> None:
        """Take (row, start, end) of every declared absence in place of those known so far: what is gone is withdrawn."""
        self._state.clock.set_absences(absences)

    def set_meters(self, period_s: Floats, resolution_l: Floats) -> None:
        """Take the report period and the resolution of every row's meter: a meter may be replaced or set up anew."""
        period, resolution = np.asarray(period_s, np.float64), np.asarray(resolution_l, np.float64)
        changed = np.flatnonzero((period != self._period_s) | (resolution != self._resolution_l))
        if not len(changed):
            return
        self._period_s, self._resolution_l = period.copy(), resolution.copy()
        self._state.quiet.kind[changed] = self._cohort.kind(period[changed], resolution[changed])
        self._state.quiet.refit(changed, self._state.habit, self._cohort)

    # --- news ----------------------------------------------------------------------------------------------------------

    def step(self, news: News) -> Changes:
        """Take in intervals; return what they raised and cleared.

        What arrived together for a row is judged together, at its end.  Late intervals change nothing but `heard`.

        Raises
        ------
        NewsError
            Intervals contradict themselves.
        """
        changes = Changes([], [])
        news = news.checked(len(self))
        late = news.end <= self._state.clock.known_until[news.row]
        for part, last in rounds(news, late):
            self._hear(part, changes)
            moment = self._state.clock.step(part)
            judged = last[np.isin(part.row, moment.rows)]
            self._state.quiet.learn(moment, self._cohort)
            changed = self._state.habit.step(moment)
            self._state.quiet.refit(changed, self._state.habit, self._cohort)
            self._judge_quiet(moment, judged, changes)
            self._judge_rules(moment, judged, changes)
        return _sorted(changes)

    def _hear(self, news: News, changes: Changes) -> None:
        for n in self._opened("meter_silent", news.row):
            self._clear((int(news.row[n]), "meter_silent", "blue"), float(news.received[n]), changes)

    def _judge_quiet(self, m: Moment, judged: Bools, changes: Changes) -> None:
        clock = self._state.clock
        since, back = clock.since[m.rows], clock.back_at(m.rows, m.end)
        for n in self._opened("quiet", m.rows):
            for key in self._keys(int(m.rows[n]), "quiet"):
                if m.moved[n] or (back[n] > since[n] and back[n] > self._open[key].onset):
                    self._clear(key, float(clock.heard[m.rows[n]]), changes)
        origin = np.fmax(since, back)
        look = np.flatnonzero(judged & (m.end - origin >= self.settings.quiet.least_s))
        rows, begin, end = m.rows[look], (origin + m.offset_s)[look], (m.end + m.offset_s)[look]
        score = self._state.quiet.score(self._cohort, rows, begin, end)
        amber, red = quiet.levels(self.settings.quiet, self._state.habit, rows)
        for n in np.flatnonzero(score >= np.minimum(amber, red)).tolist():
            row = int(rows[n])
            both: tuple[tuple[Severity, float], ...] = (("amber", amber[n]), ("red", red[n]))
            for severity, level in both:
                if score[n] >= level and (row, "quiet", severity) not in self._open:
                    at = float(origin[look[n]])
                    reason, evidence = self._quiet_evidence(row, at, float(m.end[look[n]]), float(score[n]))
                    raised_at = float(clock.heard[row])
                    self._raise(Finding(row, "quiet", severity, at, raised_at, reason, evidence), changes)

    def _quiet_evidence(self, row: int, origin: float, until: float, score: float) -> tuple[str, Evidence]:
        clock, habit, one = self._state.clock, self._state.habit, np.array([row])
        usual_s = float(self._state.quiet.usual(self._cohort, one, np.array([origin + clock.offset_s[row]]))[0])
        if origin > clock.since[row]:
            reason = "quiet_after_absence"
        elif not clock.by_use[row]:
            reason = "quiet_after_gap"
        else:
            new = bool(quiet.new_homes(self.settings.quiet, habit, one)[0])
            reason = "quiet_new_home" if new else "quiet"
        return reason, {
            "quiet_s": round(until - origin),
            "last_use_at": float(clock.since[row]),
            "since_at": origin,
            "usual_s": round(usual_s),
            "usual_return_at": round(origin + usual_s),
            "heard_at": float(clock.heard[row]),
            "known_until_at": until,
            "score": round(score, 2),
            "history_days": min(round(float(habit.days[row])), DAYS_SHOWN),
        }

    def _judge_rules(self, m: Moment, judged: Bools, changes: Changes) -> None:
        clock = self._state.clock
        origin = clock.origin(m.rows, m.end)
        for rule, verdict in self._state.rulebook.step(m, clock, origin):
            kind = f"rule:{rule.name}"
            for n in self._opened(kind, m.rows):
                if verdict.broken[n]:
                    row = int(m.rows[n])
                    self._clear((row, kind, rule.severity), float(clock.heard[row]), changes)
            for n in np.flatnonzero(verdict.holds & judged).tolist():
                row = int(m.rows[n])
                if (row, kind, rule.severity) not in self._open:
                    evidence = self._rule_evidence(rule, row, verdict, n, float(m.end[n]))
                    at, onset = float(clock.heard[row]), float(verdict.onset[n])
                    reason = f"rule_{rule.kind}"
                    self._raise(Finding(row, kind, rule.severity, onset, at, reason, evidence), changes)

    def _rule_evidence(self, rule: Rule, row: int, verdict: Verdict, n: int, until: float) -> Evidence:
        clock = self._state.clock
        litres = rule.kind in {"little", "much", "much_day"}
        return {
            "rule": rule.name,
            "limit_s": rule.hours * HOUR_S,
            "limit_l": rule.litres,
            "measured_l": round(float(verdict.measured[n]), 1) if litres else None,
            "measured_s": None if litres else round(float(verdict.measured[n])),
            "last_use_at": float(clock.since[row]),
            "heard_at": float(clock.heard[row]),
            "known_until_at": until,
            "place": rule.place,
        }

    # --- no news -------------------------------------------------------------------------------------------------------

    def tick(self, now: float | Floats, listening_since: float | Floats) -> Changes:
        """Look at the clock: meters that are silent for too long; quiets of people now declared away.

        `now` is one time, or (H,) times of one's own for each row (NaN: not this row).  Time before `listening_since`
        (one time, or one a row), in which the service did not listen, is not held against a meter.
        """
        changes, clock = Changes([], []), self._state.clock
        at, since = (np.broadcast_to(np.asarray(a, np.float64), self._period_s.shape) for a in (now, listening_since))
        limit_s = silence.limit(self.settings.silence, self._period_s)
        due = silence.overdue_at(clock.heard, limit_s, since)
        for row in np.flatnonzero(at >= due).tolist():
            if (row, "meter_silent", "blue") not in self._open:
                heard, most, period = (float(x[row]) for x in (clock.heard, limit_s, self._period_s))
                self._raise(silence.finding(row, heard, float(since[row]), float(at[row]), most, period), changes)
        for key, finding in list(self._open.items()):
            if key[1] == "quiet" and at[key[0]] > clock.known_until[key[0]]:
                back = float(clock.back_at(np.array(key[:1]), at[key[0] : key[0] + 1])[0])
                if back > max(finding.onset, float(clock.since[key[0]])):
                    self._clear(key, float(at[key[0]]), changes)
        return _sorted(changes)

    def drop(self, rows: Collection[int]) -> list[Finding]:
        """End the open episodes of rows that are not watched any more; return them: nobody looks whether they hold."""
        dropped = [finding for key, finding in self._open.items() if key[0] in rows]
        for finding in dropped:
            del self._open[finding.row, finding.kind, finding.severity]
            self._hold(finding.row, finding.kind)
        return dropped

    def adopt(self, finding: Finding) -> bool:
        """Count a finding as open that others know of, so that it is cleared when it no longer holds.

        False: another episode of this row, kind and severity is open.  A kind that is not looked for is never cleared.
        """
        if (finding.row, finding.kind, finding.severity) in self._open:
            return False
        self._open[finding.row, finding.kind, finding.severity] = finding
        self._hold(finding.row, finding.kind)
        return True

    # --- what is known -------------------------------------------------------------------------------------------------

    def open(self) -> list[Finding]:
        """Return the findings that hold, in order of time."""
        return sorted(self._open.values(), key=_when)

    def deadline(self, severity: Severity, rows: Rows | None = None) -> Floats:
        """Return (M,) when a quiet of each row (all, or those asked) becomes this severe if no more water is drawn.

        NaN: never heard, away, or no such level of quiet.
        """
        pick = np.arange(len(self)) if rows is None else rows
        if severity == "blue":
            return np.full(len(pick), np.nan)
        clock, offset = self._state.clock, self._state.clock.offset_s[pick]
        origin = clock.origin(pick, clock.known_until[pick])
        there = origin <= clock.known_until[pick]
        level = quiet.levels(self.settings.quiet, self._state.habit, pick)[severity == "red"]
        begin = np.where(there, origin + offset, 0.0)
        due = self._state.quiet.deadline(self._cohort, pick, begin, level)
        return np.where(there, np.maximum(due, begin + self.settings.quiet.least_s) - offset, np.nan)

    def score(self) -> Floats:
        """Return (H,) the score of each row's present quiet at `known_until`; NaN: never heard or away."""
        clock, pick = self._state.clock, np.arange(len(self))
        origin = clock.origin(pick, clock.known_until)
        there = origin <= clock.known_until
        begin = np.where(there, origin + clock.offset_s, 0.0)
        end = np.where(there, clock.known_until + clock.offset_s, 0.0)
        return np.where(there, self._state.quiet.score(self._cohort, pick, begin, end), np.nan)

    def known_until(self) -> Floats:
        """Return (H,) until when the use of water is known, or known to be unknown; NaN: never heard."""
        return self._state.clock.known_until.copy()

    def last_use(self) -> Floats:
        """Return (H,) the latest moment at which water may have been drawn; NaN: never heard."""
        return self._state.clock.since.copy()

    def heard(self) -> Floats:
        """Return (H,) when the meter was last heard (our clock); NaN: never."""
        return self._state.clock.heard.copy()

    def usual_first_use(self) -> Floats:
        """Return (H, 2) 10 % and 90 % points of the first use of a day after 04:00, seconds after local midnight."""
        return self._state.habit.usual_first_use()

    def history_days(self) -> Floats:
        """Return (H,) how many days the habit of each row rests on."""
        return self._state.habit.days.copy()

    # --- state that survives -------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Return everything as named arrays (no objects in them): copies, safe to keep."""
        arrays = {"period_s": self._period_s.copy(), "resolution_l": self._resolution_l.copy()}
        return arrays | states.packed(self._state) | states.packed_findings(self._open.values())

    @classmethod
    def restore(
        cls, settings: Settings, arrays: Mapping[str, NDArray[Any]], cohort: Cohort | None = None
    ) -> "Partition":
        """Return the partition of a snapshot; rules that are new in the settings start afresh.

        Raises
        ------
        SnapshotError
            The arrays are of another version, or incomplete.
        """
        states.check(arrays)
        partition = cls(settings, arrays["period_s"], arrays["resolution_l"], cohort)
        partition._state = states.unpacked(partition._state, arrays)
        kinds = {"quiet", "meter_silent", *(f"rule:{rule.name}" for rule in partition._rules)}
        found: Iterable[Finding] = states.unpacked_findings(arrays)
        partition._open = {(f.row, f.kind, f.severity): f for f in found if f.kind in kinds}
        for row, kind, _ in partition._open:
            partition._hold(row, kind)
        return partition

    # --- episodes ------------------------------------------------------------------------------------------------------

    def _keys(self, row: int, kind: str) -> list[Key]:
        severities: tuple[Severity, ...] = ("amber", "red", "blue")
        return [(row, kind, severity) for severity in severities if (row, kind, severity) in self._open]

    def _opened(self, kind: str, rows: Rows) -> list[int]:
        """Return the places in `rows` that have an open episode of this kind."""
        held = self._held.get(kind)
        return [] if held is None else np.flatnonzero(held[rows]).tolist()

    def _hold(self, row: int, kind: str) -> None:
        """Note whether a row has an open episode of this kind."""
        if kind not in self._held:
            self._held[kind] = np.zeros(len(self), np.bool_)
        self._held[kind][row] = bool(self._keys(row, kind))

    def _raise(self, finding: Finding, changes: Changes) -> None:
        self._open[finding.row, finding.kind, finding.severity] = finding
        self._hold(finding.row, finding.kind)
        changes.raised.append(finding)

    def _clear(self, key: Key, at: float, changes: Changes) -> None:
        changes.cleared.append(replace(self._open.pop(key), cleared_at=at))
        self._hold(key[0], key[1])


def _when(finding: Finding) -> tuple[float, int, str, str]:
    return finding.raised_at, finding.row, finding.kind, finding.severity


def _sorted(changes: Changes) -> Changes:
    changes.raised.sort(key=_when)
    changes.cleared.sort(key=lambda f: (f.cleared_at or 0.0, *_when(f)))
    return changes
