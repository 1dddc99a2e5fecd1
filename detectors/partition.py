"""All detectors over a block of rows: what the service, the back-test and the benchmarks run.

One `Partition` holds the state of H rows as arrays.  `step` takes news of any rows; absence of news comes as `tick`, with
the time as an argument.  A snapshot at any moment, restored anywhere, goes on with the same findings.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import away_use, meter_steps, quiet_judge, quiet_reasons, rulebook, silence, states, taught, water_return
from detectors.alarms import AMBER, RED, Alarms, Outcome
from detectors.away_use import AwayUse
from detectors.bins import Bools, Floats, News, Rows, rounds
from detectors.clock import Clock, Moment
from detectors.cohort import Cohort, shipped
from detectors.daybook import Daybook
from detectors.drift import NONE, Drift
from detectors.episodes import Episodes, in_order
from detectors.findings import Changes, Evidence, Finding, Severity
from detectors.habit import Habit
from detectors.meter_doubt import KINDS as DOUBTS
from detectors.meter_doubt import Doubt
from detectors.meter_doubt import tell as tell_doubts
from detectors.meter_steps import Steps
from detectors.present import Present
from detectors.quiet import Quiet
from detectors.quiet_past import QuietPast
from detectors.quiet_spells import Ended, Spells
from detectors.rulebook import Rulebook
from detectors.rules import parse
from detectors.running import Interval
from detectors.settings import Settings
from detectors.signs import SignNews, Signs
from detectors.water import Water

__all__ = ["Partition", "Settings"]

WORSE: Mapping[Severity, tuple[Severity, ...]] = {"blue": ("amber", "red"), "amber": ("red",), "red": ()}
"""Running water that is told as one of these is not told once more as something milder."""
OWN_KINDS = ("quiet", "meter_silent", "sos", "leak_sensor", "surge", "leak", "drift")


class Partition(Present):
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
        self._episodes = Episodes()
        self._state = self._fresh(self._period_s, self._resolution_l, 0)
        self.grow(period_s, resolution_l)

    def __len__(self) -> int:
        return len(self._period_s)

    def _fresh(self, period_s: Floats, resolution_l: Floats, absences: int) -> states.State:
        rows = len(period_s)
        kinds = Quiet.fresh(self._cohort, period_s, resolution_l)
        return states.State(
            Clock.fresh(rows, absences),
            Habit.fresh(rows),
            kinds,
            Rulebook.fresh(self._rules, rows),
            Signs.fresh(rows),
            Water.fresh(resolution_l),
            Daybook.fresh(rows),
            Drift.fresh(rows),
            QuietPast.fresh(rows),
            Spells.fresh(resolution_l),
            Alarms.fresh(rows),
            Steps.fresh(resolution_l),
            AwayUse.fresh(rows),
        )

    def grow(self, period_s: Floats, resolution_l: Floats) -> None:
        """Add rows at the end; `period_s` and `resolution_l` are those of the new rows."""
        period, resolution = np.asarray(period_s, np.float64), np.asarray(resolution_l, np.float64)
        if period.shape != resolution.shape or not ((period > 0) & (resolution > 0)).all():
            raise ValueError("want one report period and one resolution a row, all above 0")
        new = self._fresh(period, resolution, self._state.clock.absences.shape[1])
        self._state = states.joined(self._state, new)
        self._period_s = np.concatenate([self._period_s, period])
        self._resolution_l = np.concatenate([self._resolution_l, resolution])
        self._episodes.grow(len(period))

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
        self._take_steps(changed)

    def _take_steps(self, rows: Rows) -> None:
        period, resolution = self._period_s[rows], self._resolution_l[rows]
        self._state.water.set_steps(rows, resolution)
        self._state.spells.set_steps(rows, resolution)
        self._state.quiet.kind[rows] = self._cohort.kind(period, resolution)
        self._state.quiet.refit(rows, self._state.habit, self._cohort)

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
            timely, hole = self._state.clock.timely(part)
            timely = self._mind_steps(timely, changes)
            judged = last if len(timely) == len(part) else last[np.isin(part.row, timely.row)]
            i = Interval(timely.row, timely.start, timely.end, timely.litres)
            used, person_l = self._state.water.hear(i, hole, self._state.clock)
            moment = self._state.clock.step(timely, hole, used, person_l)
            moment = moment._replace(struck=self._state.alarms.struck(moment.rows, moment.origin))
            self._state.quiet.learn(moment, self._cohort)
            self.quiets_over(taught.learn(self.settings.quiet, self._state, moment))
            self._state.past.step(moment)
            changed = self._state.habit.step(moment)
            self._state.quiet.refit(changed, self._state.habit, self._cohort)
            self._judge_water(moment, judged, changes)
            self._judge_quiet(moment, judged, changes)
            rulebook.judge(self._state.rulebook, self._state.clock, self._episodes, moment, judged, changes)
            self._judge_drift(moment, judged, changes)
            away_use.judge(self._state.away_use, self._state.clock, self._episodes, moment, judged, changes)
        return in_order(changes)

    def _mind_steps(self, news: News, changes: Changes) -> News:
        """Tell of registers that count in other steps than agreed; return the news without what is not believed."""
        steps = self._state.steps
        heard = steps.hear(news, self._resolution_l)
        meter_steps.tell(steps, self._episodes, news, heard, changes)
        if len(heard.coarse):
            period, shown = self._period_s[heard.coarse], meter_steps.TENS * self._resolution_l[heard.coarse]
            absences = self._state.clock.absences.shape[1]
            states.learn_anew(self._state, heard.coarse, self._fresh(period, shown, absences))
            self._state.water.set_steps(heard.coarse, shown)
        if len(heard.usual):
            self._take_steps(heard.usual)
        return heard.news

    def _hear(self, news: News, changes: Changes) -> None:
        for n in self._episodes.places("meter_silent", news.row):
            self._episodes.end((int(news.row[n]), "meter_silent", "blue"), float(news.received[n]), changes)

    def quiets_over(self, ended: Ended) -> None:
        """Hear which quiets are over; for those who replay a history."""

    def _judge_water(self, m: Moment, judged: Bools, changes: Changes) -> None:
        water, heard = self._state.water, self._state.clock.heard
        look, last = water.step(m, self._state.clock)
        for n in self._episodes.places("surge", m.rows):
            if look.stopped[n]:
                for key in self._episodes.keys(int(m.rows[n]), "surge"):
                    self._episodes.end(key, float(heard[key[0]]), changes)
                water.surge.over(water.flow, int(m.rows[n]))
        leaking = m.rows[self._episodes.places("leak", m.rows)]
        for severity, limit_l_h in self.settings.leak.limits.items():
            for row in leaking[water.leak.stopped(water.flow, leaking, limit_l_h)].tolist():
                if (row, "leak", severity) in self._episodes:
                    self._episodes.end((row, "leak", severity), float(heard[row]), changes)
                    water.leak.over_at[row] = water.flow.until[row]
        told = np.zeros(len(self), np.bool_)
        told[m.rows[judged]] = True
        for one in water.claims(self.settings.surge, self.settings.leak, last, m, self._state.clock):
            worse = any((one.row, one.kind, severity) in self._episodes for severity in WORSE[one.severity])
            if told[one.row] and not worse and (one.row, one.kind, one.severity) not in self._episodes:
                at = float(heard[one.row])
                dated = {"heard_at": at, "known_until_at": float(water.flow.until[one.row])}
                evidence = {**one.evidence, **dated}
                found = Finding(one.row, one.kind, one.severity, one.onset, at, one.reason, evidence)
                self._episodes.start(found, changes)

    def _judge_quiet(self, m: Moment, judged: Bools, changes: Changes) -> None:
        clock, signs = self._state.clock, self._state.signs
        since, back = clock.since[m.rows], clock.back_at(m.rows, m.end)
        for n in self._episodes.places("quiet", m.rows):
            for key in self._episodes.keys(int(m.rows[n]), "quiet"):
                if m.moved[n] or (back[n] > since[n] and back[n] > self._episodes[key].onset):
                    self._episodes.end(key, float(clock.heard[m.rows[n]]), changes)
        origin, moved = np.fmax(since, back), signs.motion_at[m.rows]
        # A movement that was heard before its water ends no quiet of which water is known so far: that one still teaches.
        lasting = np.fmax(origin, np.where(moved <= m.end, moved, np.nan))
        looked = m.end - lasting >= self.settings.quiet.least_s
        quiet_judge.keep(self.settings.quiet, self._state, m.rows[looked], lasting[looked])
        origin = np.fmax(origin, moved)
        long = m.end - origin >= self.settings.quiet.least_s
        # Water that runs without a stop is no quiet; it is told as a surge.
        look = np.flatnonzero(judged & long & ~self._state.water.running.owned(m.rows))
        if not len(look):
            return
        rows = m.rows[look]
        score = quiet_judge.score(self.settings.quiet, self._cohort, self._state, rows, origin[look], m.end[look])
        amber, red = quiet_reasons.levels(self.settings.quiet, self._state, rows, origin[look])
        for n in np.flatnonzero(score >= np.minimum(amber, red)).tolist():
            row = int(rows[n])
            both: tuple[tuple[Severity, float], ...] = (("amber", amber[n]), ("red", red[n]))
            for severity, level in both:
                if score[n] >= level and (row, "quiet", severity) not in self._episodes:
                    at = float(origin[look[n]])
                    reason, evidence = self._claim(row, at, float(m.end[look[n]]), float(score[n]))
                    raised_at = float(clock.heard[row])
                    self._episodes.start(Finding(row, "quiet", severity, at, raised_at, reason, evidence), changes)

    def _claim(self, row: int, origin: float, until: float, score: float) -> tuple[str, Evidence]:
        settings = self.settings.quiet
        reason, sign = quiet_reasons.reason(settings, self._state, row, origin, until)
        found = quiet_reasons.evidence(settings, self._cohort, self._state, row, origin, until, score)
        return reason, {**found, **sign}

    def _judge_drift(self, m: Moment, judged: Bools, changes: Changes) -> None:
        book, drift, clock = self._state.daybook, self._state.drift, self._state.clock
        rows, days = book.step(m)
        taught.look(self.settings.quiet, self._state, rows, days)
        drift.step(self.settings.drift, book, rows, days, clock.offset_s)
        self._spoil_days(m)
        for n in self._episodes.places("drift", rows):
            for key in self._episodes.keys(int(rows[n]), "drift"):
                if not drift.holds(key[0], self._episodes[key].onset):
                    self._episodes.end(key, float(clock.heard[key[0]]), changes)
        new = judged & (drift.told[m.rows] != NONE)
        new[self._episodes.places("drift", m.rows)] = False
        for one in drift.claims(m.rows[new]):
            at = float(clock.heard[one.row])
            dated = {"heard_at": at, "known_until_at": float(clock.known_until[one.row])}
            found = Finding(one.row, one.kind, one.severity, one.onset, at, one.reason, {**one.evidence, **dated})
            self._episodes.start(found, changes)

    def _spoil_days(self, m: Moment) -> None:
        """Leave days with an incident out of what is usual; an amber quiet is a question, no incident."""
        for kind, night in (("leak", False), ("surge", True), ("quiet", True)):
            rows = (int(m.rows[n]) for n in self._episodes.places(kind, m.rows))
            hit = [row for row in rows if kind != "quiet" or (row, kind, "red") in self._episodes]
            if hit:
                self._state.daybook.spoil(np.array(hit, np.intp), night=night)

    def hear_signs(self, news: SignNews) -> Changes:
        """Take in movement, doors, presses for help and water on the floor; return what they raised and cleared.

        Raises
        ------
        NewsError
            Signs contradict themselves.
        """
        changes, signs, checked = Changes([], []), self._state.signs, news.checked(len(self))
        quiet_rows = taught.present(self._state, np.unique(checked.row[checked.kind == "motion"]))
        heard = signs.hear(checked)
        self.quiets_over(taught.moved(self.settings.quiet, self._state, quiet_rows))
        for finding in heard.raised:
            if finding.kind == "sos" or (finding.row, finding.kind, finding.severity) not in self._episodes:
                self._episodes.start(finding, changes)
        for row, received in heard.dried:
            for key in self._episodes.keys(row, "leak_sensor"):
                self._episodes.end(key, received, changes)
        for n in self._episodes.places("quiet", heard.moved):
            for key in self._episodes.keys(int(heard.moved[n]), "quiet"):
                if signs.motion_at[key[0]] > self._episodes[key].onset:
                    self._episodes.end(key, float(heard.received[n]), changes)
        return in_order(changes)

    def miss(self, missed: Sequence[water_return.Missed], now: float) -> Changes:
        """Raise the quiets of homes that draw nothing though the water of their building is back (`Outages.look`)."""
        return water_return.tell(self.settings.quiet, self._cohort, self._state, self._episodes, missed, now)

    def label(
        self, row: int, kind: str, severity: Severity, onset: float, until: float, outcome: Outcome | None
    ) -> None:
        """Learn what a finding turned out to be, at `until`; None: nobody says so any more.  Told twice, it counts once.

        Only findings about missing use teach something: what moves and what is struck out, `detectors.taught` says.
        """
        if kind == "quiet" or kind.startswith("rule:"):
            flags = (AMBER | (RED if severity == "red" else 0)) if kind == "quiet" else 0
            taught.told(self.settings.quiet, self._state, row, onset, until, flags, outcome)

    def doubt(self, doubts: Sequence[Doubt]) -> Changes:
        """Take in what messages say of the meters themselves; return what that raised and cleared."""
        return in_order(tell_doubts(self._episodes, doubts))

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
        silent = np.flatnonzero(at >= due)
        for row in np.delete(silent, self._episodes.places("meter_silent", silent)).tolist():
            heard, most, period = (float(x[row]) for x in (clock.heard, limit_s, self._period_s))
            self._episodes.start(silence.finding(row, heard, float(since[row]), float(at[row]), most, period), changes)
        quiet = self._episodes.rows("quiet")
        back = clock.back_at(quiet, at[quiet])
        gone = (at[quiet] > clock.known_until[quiet]) & (back > clock.since[quiet])
        for row, end in zip(quiet[gone].tolist(), back[gone].tolist(), strict=True):
            for key in self._episodes.keys(row, "quiet"):
                if end > self._episodes[key].onset:
                    self._episodes.end(key, float(at[row]), changes)
        return in_order(changes)

    def drop(self, rows: Collection[int]) -> list[Finding]:
        """End the open episodes of rows that are not watched any more; return them: nobody looks whether they hold."""
        self._state.signs.forget(np.array(sorted(rows), np.intp))
        return self._episodes.drop(rows)

    def adopt(self, finding: Finding) -> bool:
        """Count a finding as open that others know of, so that it is cleared when it no longer holds.

        False: another episode of this row, kind and severity is open.  A kind that is not looked for is never cleared.
        Calls for help are all taken: only people end them.
        """
        if (finding.row, finding.kind, finding.severity) in self._episodes:
            return finding.kind == "sos"
        self._episodes.hold(finding)
        return True

    def heard_when_known(self, until: float) -> None:
        """Take meters whose newest data lie before `until` as heard when those were measured: for staged histories."""
        clock = self._state.clock
        clock.heard = np.where(clock.known_until < until, clock.known_until, clock.heard)

    def open(self) -> list[Finding]:
        """Return the findings that hold, in order of time."""
        return self._episodes.all()

    # --- state that survives -------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Return everything as named arrays (no objects in them): copies, safe to keep."""
        arrays = {"period_s": self._period_s.copy(), "resolution_l": self._resolution_l.copy()}
        return arrays | states.packed(self._state) | states.packed_findings(self._episodes.all())

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
        kinds = {*OWN_KINDS, *DOUBTS, away_use.KIND, meter_steps.KIND}
        kinds |= {f"rule:{rule.name}" for rule in partition._rules}
        found: Iterable[Finding] = states.unpacked_findings(arrays)
        partition._episodes = Episodes((f for f in found if f.kind in kinds), len(partition))
        return partition
