"""Runs of water: since when it runs without a stop, how long, and how much at least.

How this works.  A meter shows steps, not a flow: a tap of a hundred litres an hour leaves many 15-second readings of a
litre register unmoved.  So a run is judged by a *look* at what came lately: in a quarter of an hour, longer for a coarse
register (a flow of `RUNNING_L_H` must show in it), and in the interval itself if that is longer.  A run goes on while each
look shows more than a leak explains; a *strong* run while each shows `RUNNING_L_H`.  Time that is not known neither ends a
run nor counts towards it; after an hour of it the next water begins another run.

A run that goes on for two hours (`SURE_S`, and six looks) is no sign of life any more: nobody can tell it from a tap that
was left open.  From then on only what comes on top of its least flow is a use by a person.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.bins import HOUR_S, LEAST_USE_L, QUARTER_S, Bools, Floats, Rows
from detectors.clock import JITTER_S
from detectors.flow import COARSE_S, Flow
from detectors.leak import STILL, SWING, shows

RUNNING_L_H = 20.0
"""Less than this is a leak's affair, not an open tap's. [L/h]"""
SURE_S, SURE_LOOKS = 2 * HOUR_S, 6
STEADY_L_H = 4.0
"""A flow that is less sure than a litre a quarter of an hour is left to the leak floor. [L/h]"""
TAP_L_H = 150.0
"""A flow that never stopped for a day is a leak from then on, and no open tap; but cisterns leak 2-120 L/h, not more. [L/h]"""
ROUNDED_L = 0.1
"""Sums count whole millilitres, floors follow from them: what is so close to a limit is at it. [L]"""
HIDDEN_L = 8.0
"""A leak's swing that hides more than this leaves too little to see a person by: the run stays a surge, and no quiet. [L]"""
FINE_S = 0.5 * HOUR_S
"""In longer looks the uses of a busy hour run into each other; only a strong run is sure then. [s]"""
BLIND_S = HOUR_S
EVEN = 0.6
"""In an even run the smallest flow is at least this share of the mean."""
LATE = 1.05
"""An interval this much longer than asked is still taken for punctual."""


class Look(NamedTuple):
    """What the latest interval of each of some rows says of its run; all (M,)."""

    running: Bools
    """Water came in it, and lately more than a leak explains, or nobody knows when."""
    stopped: Bools
    """It is known that no water runs but a leak."""
    flow_l_h: Floats
    """The flow of the look. [L/h]"""


class Interval(NamedTuple):
    """One interval of each of some rows, all (M,); `litres` NaN: not known."""

    rows: Rows
    start: Floats
    end: Floats
    litres: Floats


@dataclass
class Running:
    """State of all rows, each array (H,)."""

    since: Floats
    """Start of the present run, seconds since 1970; NaN: no water runs."""
    known_s: Floats
    """How long it has been seen running. [s]"""
    looks: Floats
    """The same in looks."""
    least_l_h: Floats
    """The smallest flow seen in it; inf: not seen for long enough."""
    known_until: Floats
    strong_since: Floats
    strong_s: Floats
    begun_l: Floats
    """Start and length of the present strong run, and `Flow.litres` when it began; NaN, 0: there is none."""
    strong_least_l_h: Floats
    """The smallest flow seen in it; inf: not seen for long enough."""

    @classmethod
    def fresh(cls, rows: int) -> "Running":
        """Return rows in which no water runs."""
        nan, zero = np.full((2, rows), np.nan), np.zeros((5, rows))
        inf = np.full((2, rows), np.inf)
        return cls(nan[0], zero[0], zero[1], inf[0], zero[2], nan[1], zero[3], zero[4], inf[1])

    def used(self, flow: Flow, leak_l_h: Floats, i: Interval) -> Bools:
        """Return (M,) whether a person used water in each interval: more came than leaks and long runs explain.

        `flow` has taken in the intervals already, this state has not.  `leak_l_h` is (H,).
        """
        used: Bools = i.litres >= LEAST_USE_L  # False for NaN
        n = np.flatnonzero(used)
        floor = np.maximum(leak_l_h[i.rows[n]], self.steady_l_h(i.rows[n]))
        n, floor = n[floor > 0], floor[floor > 0]
        if len(n):
            rows, length_s, volume = i.rows[n], (i.end - i.start)[n], i.litres[n]
            short = length_s < QUARTER_S
            volume[short] = flow.window(rows[short], np.full(int(short.sum()), QUARTER_S))[0]
            used[n] = volume > shows(floor, flow.step_l[rows], np.maximum(length_s, QUARTER_S))
        return used

    def steady_l_h(self, rows: Rows) -> Floats:
        """Return (M,) the least flow of runs that are too long to be a sign of life; 0: there is none."""
        sure = (self.known_s[rows] >= SURE_S) & (self.looks[rows] >= SURE_LOOKS)
        least, look_s = self.least_l_h[rows], self.known_s[rows] / np.maximum(self.looks[rows], 1.0)
        steady = least >= np.where(look_s > FINE_S, RUNNING_L_H, STEADY_L_H)
        return np.where(sure & steady & np.isfinite(least), least, 0.0)

    def trickled_l(self, leak_l_h: Floats, rows: Rows, windows_s: Floats) -> Floats:
        """Return (M, W) litres that leaks and runs too weak for an open tap brought in the last `windows_s` (W,)."""
        least = self.least_l_h[rows]
        by_leak = leaked_l_h(leak_l_h[rows])[:, None] * windows_s
        by_run = np.where(least < RUNNING_L_H, least, 0.0)[:, None] * np.minimum(self.known_s[rows][:, None], windows_s)
        litres: Floats = np.maximum(by_leak, by_run) / HOUR_S
        return litres

    def owned(self, rows: Rows) -> Bools:
        """Return (M,) whether a run is so long and strong that it is told as a surge: quiet has nothing to say then."""
        owned: Bools = self.strong_s[rows] >= SURE_S
        return owned

    def even(self, flow: Flow, rows: Rows, length_s: Floats) -> Bools:
        """Return (M,) whether a strong run is one flow rather than many uses, given the length of the latest interval.

        Uses run into each other in long intervals, but the hours of somebody busy differ: an open tap's do not.
        """
        mean_l_h = (flow.litres - self.begun_l)[rows] / np.maximum(self.strong_s[rows], 1.0) * HOUR_S
        even: Bools = self.strong_least_l_h[rows] >= EVEN * mean_l_h
        return (length_s <= FINE_S) | (even & (self.strong_s[rows] >= SURE_LOOKS * length_s))

    def began(self, rows: Rows) -> Floats:
        """Return (M,) since when water runs, the strong run if there is one; NaN: none runs."""
        return np.where(np.isnan(self.strong_since[rows]), self.since[rows], self.strong_since[rows])

    def step(self, flow: Flow, leak_l_h: Floats, i: Interval) -> Look:
        """Take in one interval of each of some rows, after `flow` did; `leak_l_h` is (H,)."""
        n = np.flatnonzero((i.litres > 0) | ~np.isnan(self.since[i.rows]) | (self.strong_s[i.rows] > 0))
        part = self._step(flow, leak_l_h, Interval(i.rows[n], i.start[n], i.end[n], i.litres[n]))
        look = Look(np.zeros(len(i.rows), np.bool_), ~np.isnan(i.litres), np.zeros(len(i.rows)))
        for whole, some in zip(look, part, strict=True):
            whole[n] = some
        return look

    def _step(self, flow: Flow, leak_l_h: Floats, i: Interval) -> Look:
        look_s, volume, seen = self._look(flow, i)
        step_l, leak = flow.step_l[i.rows], leak_l_h[i.rows]
        # A long run stands in for the floor until that is there.
        leak = np.where(self.steady_l_h(i.rows) > SWING * leak, 0.0, leak)
        placed = i.end - i.start <= COARSE_S
        more = placed & (volume > np.maximum(shows(leak, step_l, look_s), LEAST_USE_L))  # False for NaN
        # What a leak of a day shows is no tap's; unless so much that a flush would not be seen on top of it.
        alone = shows(leaked_l_h(leak), step_l, look_s)
        alone = np.where(alone - leak * look_s / HOUR_S <= HIDDEN_L + ROUNDED_L, alone, 0.0)
        much = (volume + step_l > RUNNING_L_H * look_s / HOUR_S) & (volume > alone)
        strong = placed & much
        came = i.litres >= LEAST_USE_L
        self._forget(i.rows[came & (i.start - self.known_until[i.rows] > BLIND_S)])
        self._go_on(i, look_s, volume, more & (came | ~np.isnan(self.since[i.rows])), seen)
        self._go_on_strongly(flow, i, look_s, volume, strong & (came | (self.strong_s[i.rows] > 0)))
        stopped = ~np.isnan(i.litres) & (seen | ~placed)
        self._stop(i.rows[stopped & ~more])
        self._stop_strongly(i.rows[stopped & ~strong])
        return Look(came & (more | ~placed), stopped & ~more & ~much, volume / look_s * HOUR_S)

    def _look(self, flow: Flow, i: Interval) -> tuple[Floats, Floats, Bools]:
        """Return (seconds, litres, are all seconds known) of the look at each row; litres NaN: the interval is unknown."""
        length, volume, seen = i.end - i.start, i.litres.copy(), ~np.isnan(i.litres)
        least_s = _least_look_s(flow.step_l[i.rows])
        look_s = np.where(length * LATE < least_s, least_s, length)
        short = np.flatnonzero(seen & (length < look_s))
        volume[short], placed_s = flow.window(i.rows[short], look_s[short])
        seen[short] = placed_s >= look_s[short] - 2.0  # two edges, each rounded to a second
        return np.maximum(look_s, 1.0), volume, seen

    def _go_on(self, i: Interval, look_s: Floats, volume: Floats, on: Bools, seen: Bools) -> None:
        new = on & np.isnan(self.since[i.rows])
        self.since[i.rows[new]] = i.start[new]
        rows = i.rows[on]
        self.known_s[rows] += (i.end - i.start)[on]
        self.known_until[rows] = i.end[on]
        self.looks[rows] = self.known_s[rows] / look_s[on]
        inside = on & seen & (i.end - look_s > self.since[i.rows] + JITTER_S)
        rows = i.rows[inside]
        self.least_l_h[rows] = np.minimum(self.least_l_h[rows], (volume / look_s * HOUR_S)[inside])

    def _go_on_strongly(self, flow: Flow, i: Interval, look_s: Floats, volume: Floats, on: Bools) -> None:
        length = i.end - i.start
        new = on & np.isnan(self.strong_since[i.rows])
        rows = i.rows[new]
        self.strong_since[rows] = np.fmax((i.end - look_s)[new], self.since[rows])
        self.begun_l[rows] = flow.litres[rows] - volume[new]
        length[new] = i.end[new] - self.strong_since[rows]
        self.strong_s[i.rows[on]] += length[on]
        inside = on & ~new & (i.end - look_s > self.strong_since[i.rows] + JITTER_S)
        rows, flow_l_h = i.rows[inside], (volume / look_s * HOUR_S)[inside]
        self.strong_least_l_h[rows] = np.minimum(self.strong_least_l_h[rows], flow_l_h)
        self.known_until[i.rows[on]] = i.end[on]

    def _forget(self, rows: Rows) -> None:
        self._stop(rows)
        self._stop_strongly(rows)

    def _stop(self, rows: Rows) -> None:
        self.since[rows], self.known_s[rows], self.looks[rows], self.least_l_h[rows] = np.nan, 0.0, 0.0, np.inf

    def _stop_strongly(self, rows: Rows) -> None:
        self.strong_since[rows], self.strong_s[rows], self.strong_least_l_h[rows] = np.nan, 0.0, np.inf


def leaked_l_h(leak_l_h: Floats) -> Floats:
    """Return the part of floors (`detectors.leak`) that is a leak's: a stronger flow is an open tap's, however long it runs."""
    return np.where(leak_l_h <= TAP_L_H, leak_l_h, 0.0)


def _least_look_s(step_l: Floats) -> Floats:
    """Return the shortest whole quarters of an hour in which a flow of `RUNNING_L_H` shows on registers of these steps."""
    shown: Floats = np.ceil(STILL * step_l / RUNNING_L_H * HOUR_S / QUARTER_S) * QUARTER_S
    return shown
