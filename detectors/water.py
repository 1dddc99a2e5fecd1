"""Everything about water that runs, held together: what ran, since when, what of it is a leak, what is much here."""

from typing import NamedTuple

import numpy as np

from detectors.bins import DAY_S, HOUR_S, LEAST_USE_L, Bools, Floats, Rows
from detectors.clock import Clock, Moment
from detectors.findings import Evidence, Severity
from detectors.flow import Flow, steps
from detectors.leak import Leak, LeakSettings, Verdict
from detectors.peaks import Peaks
from detectors.running import Interval, Look, Running
from detectors.surge import RUN_LEARNT_S, Last, Surge, SurgeSettings, claim


class Claim(NamedTuple):
    """What is to be told of a row, unless it has been told."""

    row: int
    kind: str
    severity: Severity
    onset: float
    reason: str
    evidence: Evidence


class Water(NamedTuple):
    """State of all rows."""

    flow: Flow
    running: Running
    leak: Leak
    peaks: Peaks
    surge: Surge

    @classmethod
    def fresh(cls, resolution_l: Floats) -> "Water":
        """Return rows that were never heard."""
        rows = len(resolution_l)
        return cls(
            Flow.fresh(resolution_l), Running.fresh(rows), Leak.fresh(rows), Peaks.fresh(rows), Surge.fresh(rows)
        )

    def set_steps(self, rows: Rows, resolution_l: Floats) -> None:
        """Take new resolutions of some rows' registers."""
        self.flow.step_l[rows] = steps(resolution_l)

    def hear(self, i: Interval, hole: Bools, clock: Clock) -> tuple[Bools, Floats]:
        """Add up one timely interval of each of some rows; return (M,) in which a person used water, and how many litres.

        `hole` is where nothing is known up to its start; `clock` has not been moved on yet.
        """
        ends = hole | ~(i.litres < LEAST_USE_L)  # True for NaN
        self.leak.note(self.flow, i.rows[ends], i.start[ends], clock.ran)
        self.flow.add(i.rows, i.start, i.end, i.litres, hole)
        return self.running.used(self.flow, self.leak, i)

    def step(self, m: Moment, clock: Clock) -> tuple[Look, Last]:
        """Take in what was heard; return what it says of runs, and the sums of the rows in which water runs.

        A run that was told as a surge restarts the clock of quiet once more at its end: until then nobody could say
        "no water", and while it ran people were asked to look.
        """
        i = Interval(m.rows, m.start, m.end, m.litres)
        owned = self.running.owned(i.rows)
        look = self.running.step(self.flow, self.leak, i)
        ended = i.rows[owned & ~self.running.owned(i.rows)]
        clock.since[ended] = np.fmax(clock.since[ended], self.running.known_until[ended])
        length_s, drew = i.end - i.start, np.flatnonzero(m.drew)
        sums = self.peaks.sums(self.flow, i.rows[drew], length_s[drew])
        self.peaks.learn(m, drew, sums, np.minimum(self.running.strong_s[i.rows[drew]], RUN_LEARNT_S))
        on = look.running[drew]
        now = drew[on]
        return look, Last(i.rows[now], length_s[now], i.litres[now], look.flow_l_h[now], sums[on])

    def floors(self, leak: LeakSettings, rows: Rows, clock: Clock) -> None:
        """Bring the leak floors of rows up to date without telling anything; `claims` does so on its way."""
        self.leak.judge(leak, self.flow, rows, clock.ran)

    def claims(self, surge: SurgeSettings, leak: LeakSettings, last: Last, m: Moment, clock: Clock) -> list[Claim]:
        """Return what is to be told of the rows of `m`; `last` is what `step` returned."""
        flow, running = self.flow, self.running
        if len(last.rows):
            last = self.surge.suspects(surge, running, last)
        made = self._leaks(leak, m.rows, clock.ran)
        strong = m.rows[self.running.known_s[m.rows] >= leak.soon_s]
        if len(strong):
            sooner = self._told(self.leak.soon(leak, flow, strong, clock.ran))
            made += [one for one in sooner if one.row not in {other.row for other in made}]
        if not len(last.rows):
            return made
        said = self.surge.judge(surge, flow, running, self.leak, self.peaks, last)
        red, amber = said.red(surge), said.amber(surge)
        for n in np.flatnonzero(red | amber).tolist():
            reason, evidence = claim(surge, said, n, flow, running, self.peaks, bool(red[n]))
            began = evidence["running_since_at"]
            onset = float(flow.until[said.rows[n]] if began is None else began)
            made.append(Claim(int(said.rows[n]), "surge", "red" if red[n] else "amber", onset, reason, evidence))
        return made

    def _leaks(self, settings: LeakSettings, rows: Rows, ran: Floats) -> list[Claim]:
        return self._told(self.leak.judge(settings, self.flow, rows, ran))

    def _told(self, found: Verdict) -> list[Claim]:
        made = []
        for n in np.flatnonzero(found.blue).tolist():
            row, onset = int(found.rows[n]), float(found.onset[n])
            evidence: Evidence = {
                "leak_l_h": round(float(found.rate_l_h[n]), 1),
                "per_day_l": round(float(found.rate_l_h[n]) * DAY_S / HOUR_S),
                "leak_since_at": onset,
                "running_s": round(float(self.flow.until[row]) - onset),
            }
            made.append(Claim(row, "leak", "amber" if found.amber[n] else "blue", onset, "leak", evidence))
        return made
