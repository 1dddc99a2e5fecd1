"""Surge: more water than this home ever draws, or water that does not stop, while it runs.

Three ways to be too much:

- a *limit* that no person reaches, whatever is usual here: a burst pipe's flow, or so many litres in an hour, three
  hours, a day;
- much more than *usual* in this home: peaks over threshold (`detectors.peaks`);
- water that *runs* without a stop (`detectors.running`) for longer than this home's water ever did.

A surge is told while water runs, once for each run and severity, and is over when no water runs any more.  What ran until
then is not counted into the windows of the next.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.bins import HOUR_S, QUARTER_S, Bools, Floats, Rows
from detectors.findings import Evidence
from detectors.flow import Flow
from detectors.peaks import RUN, WINDOWS_S, Peaks
from detectors.running import Running, leaked_l_h

RUN_LEARNT_S = 6 * HOUR_S
"""A longer run teaches no more than this."""
LITRES_OFF = 1e-6


@dataclass(frozen=True, slots=True)
class SurgeSettings:
    """Limits and levels; what they cost in false alarms is measured by ``python -m benchmarks.flow``."""

    flow_l_s: float = 0.4
    """Over an interval, a quarter of an hour at least: a burst inside the home is 0.2-1 L/s, a bath 0.2."""
    hour_l: float = 250.0
    three_hours_l: float = 400.0
    day_l: float = 1000.0
    """Limits, red, in whatever home: open taps run with 0.1 L/s, 360 litres an hour; a frail person's day is 60-200 litres."""
    limit_score: float = 1.8
    most_times: float = 2.0
    """A home that is known to draw so much, with a garden or five people, has its own limits: where the score of
    `detectors.peaks` reaches `limit_score`, but never less than those above, nor more than `most_times` as much."""
    amber: float = 2.5
    red: float = 2.7
    """Levels of the score of `detectors.peaks`."""
    least_l: tuple[float, float, float, float] = (60.0, 80.0, 120.0, 240.0)
    """No less in half an hour, an hour, three hours, a day is called unusual, however little a home draws: a shower and a
    washing machine together are no surge."""
    learning_days: int = 14
    """Ordinary days before anything is called unusual; limits hold from the first reading."""
    run_s: float = 2.5 * HOUR_S
    """Water running for this long, and `run_times` as long as it ever did here, is asked about (amber)."""
    run_times: float = 1.5
    run_red_s: float = 6 * HOUR_S
    """And for this long it is red."""

    @property
    def limits_l(self) -> tuple[float, float, float, float]:
        """Limits of the four windows of `detectors.peaks`."""
        return float("inf"), self.hour_l, self.three_hours_l, self.day_l


class Last(NamedTuple):
    """The latest interval of some rows; all (M,) but `sums`."""

    rows: Rows
    length_s: Floats
    litres: Floats
    flow_l_h: Floats
    """The flow of the last look (`detectors.running`)."""
    sums: Floats
    """(M, 4) litres in the windows of `detectors.peaks` up to its end."""

    def take(self, pick: Bools) -> "Last":
        """Return the picked rows."""
        return Last(self.rows[pick], self.length_s[pick], self.litres[pick], self.flow_l_h[pick], self.sums[pick])


class Verdict(NamedTuple):
    """What is said of the rows in which water runs; all (M,)."""

    rows: Rows
    sums: Floats
    """(M, 5) litres that count in the windows and in the latest interval (a quarter of an hour at least)."""
    limit: Floats
    """(M, 5) litres beyond which they are too much for anybody."""
    score: Floats
    """(M, 4) how unusual the windows are for this home."""
    long: Bools
    very_long: Bools
    """The run is longer than any of this home: amber, red."""
    flow_l_h: Floats

    def red(self, settings: SurgeSettings) -> Bools:
        """Return (M,) which rows are to be told red."""
        return _any(self.score >= settings.red) | self.beyond() | self.very_long

    def amber(self, settings: SurgeSettings) -> Bools:
        """Return (M,) which rows are to be told amber, unless they are red."""
        return _any(self.score >= settings.amber) | self.long

    def beyond(self) -> Bools:
        """Return (M,) which rows are beyond a limit."""
        return _any(self.sums > self.limit + LITRES_OFF)


def _any(table: Bools) -> Bools:
    """Return which lines hold anything."""
    some: Bools = np.any(table, axis=1)
    return some


@dataclass
class Surge:
    """State of all rows."""

    told_l: Floats
    """(H,) `Flow.litres` at the end of the last surge: what ran before counts for no other. [L]"""

    @classmethod
    def fresh(cls, rows: int) -> "Surge":
        """Return rows without a surge."""
        return cls(np.zeros(rows))

    def suspects(self, settings: SurgeSettings, running: Running, last: Last) -> Last:
        """Return the few rows of which anything could be said."""
        much = (last.sums >= np.minimum(settings.least_l, settings.limits_l)).any(axis=1)
        burst = last.litres >= settings.flow_l_s * last.length_s
        return last.take(much | burst | (running.strong_s[last.rows] >= settings.run_s))

    def judge(
        self, settings: SurgeSettings, flow: Flow, running: Running, leak_l_h: Floats, peaks: Peaks, last: Last
    ) -> Verdict:
        """Return what is to be said of rows in which water runs, after everything took in their `last` intervals.

        `leak_l_h` is (H,).  Limits are about all water but a leak's; what is unusual is what a person draws: a leak has a
        finding of its own.
        """
        rows = last.rows
        counted = np.minimum(
            np.column_stack([last.sums, _burst_l(flow, last)]), (flow.litres - self.told_l)[rows, None]
        )
        burst = settings.flow_l_s * np.maximum(last.length_s, QUARTER_S)
        new = peaks.days[rows] < settings.learning_days
        leaked = leaked_l_h(leak_l_h[rows])[:, None] * WINDOWS_S / HOUR_S
        limit = np.column_stack([self._limits(settings, peaks, rows, new) + leaked, burst])
        drawn = counted[:, :RUN] - running.trickled_l(leak_l_h, rows, WINDOWS_S)
        enough = (drawn >= settings.least_l) & ~new[:, None]
        score = np.where(enough, peaks.score(rows, drawn), 0.0)
        usual_s = settings.run_times * peaks.run_s[rows]
        ran_s = np.where(running.even(flow, rows, last.length_s), running.strong_s[rows], 0.0)
        long: Bools = ran_s >= np.maximum(settings.run_s, usual_s)
        very_long: Bools = ran_s >= np.maximum(settings.run_red_s, usual_s)
        return Verdict(rows, counted, limit, score, long, very_long, last.flow_l_h)

    @staticmethod
    def _limits(settings: SurgeSettings, peaks: Peaks, rows: Rows, new: Bools) -> Floats:
        """Return (M, 4) limits: higher where a known home passes them on ordinary days, but never beyond `most_times`."""
        fixed = np.tile(settings.limits_l, (len(rows), 1))
        own = np.clip(peaks.litres_at(rows, settings.limit_score), fixed, settings.most_times * fixed)
        return np.where(new[:, None] | np.isinf(peaks.usual_l[rows]), fixed, own)

    def over(self, flow: Flow, row: int) -> None:
        """Note that a surge of a row has ended: what ran until now counts for no other."""
        self.told_l[row] = flow.litres[row]


def _burst_l(flow: Flow, last: Last) -> Floats:
    """Return (M,) litres of the latest interval, or of the last quarter of an hour if that is longer."""
    short = last.length_s < QUARTER_S
    burst_l = last.litres.copy()
    burst_l[short] = flow.window(last.rows[short], np.full(int(short.sum()), QUARTER_S))[0]
    return burst_l


def claim(
    settings: SurgeSettings, verdict: Verdict, n: int, flow: Flow, running: Running, peaks: Peaks, red: bool
) -> tuple[str, Evidence]:
    """Return the code of the sentence that is true of place `n` of a verdict, and its evidence.

    The plainest cause that suffices for the severity comes first: a limit, then a run that does not stop, then the unusual.
    """
    row = int(verdict.rows[n])
    since = float(running.began(verdict.rows[n : n + 1])[0])
    ran_s = float(running.known_s[row] if np.isnan(running.strong_since[row]) else running.strong_s[row])
    evidence: dict[str, float | str | bool | None] = {
        "flow_l_h": round(float(verdict.flow_l_h[n]), 1),
        "running_since_at": None if np.isnan(since) else since,
        "running_s": round(ran_s),
    }
    known = peaks.days[row] >= settings.learning_days
    usual_l = [x if known and np.isfinite(x) else None for x in peaks.usual_l[row].tolist()]
    over = verdict.sums[n] / verdict.limit[n]
    if red and over.max() > 1:
        w = next(w for w in (RUN, *range(RUN)) if over[w] > 1)  # a burst, or the shortest window
        window_s = float(WINDOWS_S[w]) if w < RUN else round(float(verdict.limit[n, w]) / settings.flow_l_s)
        evidence |= {"volume_l": round(float(verdict.sums[n, w])), "window_s": window_s}
        limit = {"limit_l": round(float(verdict.limit[n, w])), "usual_l": _rounded(usual_l[w] if w < RUN else None)}
        return "surge_limit", {**evidence, **limit}
    if (verdict.very_long if red else verdict.long)[n]:
        usual_s = float(peaks.run_s[row])
        ran_l = float(flow.litres[row] - running.begun_l[row])
        return "water_running", {
            **evidence,
            "volume_l": round(ran_l),
            "usual_run_s": round(usual_s) if usual_s else None,
        }
    w = int(verdict.score[n].argmax())
    score = round(float(verdict.score[n, w]), 2)
    evidence |= {"volume_l": round(float(verdict.sums[n, w])), "window_s": float(WINDOWS_S[w])}
    return "surge_usual", {**evidence, "usual_l": _rounded(usual_l[w]), "score": score}


def _rounded(litres: float | None) -> int | None:
    return None if litres is None else round(litres)
