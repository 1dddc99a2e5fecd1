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
from detectors.leak import STILL, SWING, Leak, shows

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

    def used(self, flow: Flow, leak: Leak, i: Interval) -> tuple[Bools, Floats]:
        """Return (M,) whether a person used water in each interval, and how many litres.

        A person did where more came than leaks and long runs explain; the litres are what came beyond these flows, NaN
        where nothing is known.  `flow` has taken in the intervals already, `leak` and this state have not.
        """
        used: Bools = i.litres >= LEAST_USE_L  # False for NaN
        person_l = i.litres.copy()
        n = np.flatnonzero(used)
        floor, swing = self._floor(leak, i.rows[n])
        n, floor, swing = n[floor > 0], floor[floor > 0], swing[floor > 0]
        if len(n):
            rows, length_s, volume = i.rows[n], (i.end - i.start)[n], i.litres[n]
            short = length_s < QUARTER_S
            volume[short] = flow.window(rows[short], np.full(int(short.sum()), QUARTER_S))[0]
            used[n] = volume > shows(floor, swing, flow.step_l[rows], np.maximum(length_s, QUARTER_S))
            person_l[n] = np.maximum(i.litres[n] - floor * length_s / HOUR_S, 0.0)
        return used, person_l

    def _floor(self, leak: Leak, rows: Rows) -> tuple[Floats, Floats]:
        """Return (M,) the flow that is no sign of life, and how much more it may be: a leak's, or that of a longer run."""
        floor, steady = leak.floor_l_h[rows], self.steady_l_h(rows)
        by_run = steady > SWING * floor
        return np.where(by_run, steady, floor), np.where(by_run, np.inf, leak.swing_l_h[rows])

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

    def even(self, flow: Flow, leak: Leak, rows: Rows, length_s: Floats) -> Bools:
        """Return (M,) whether a strong run is one flow rather than many uses, given the length of the latest interval.

        Uses run into each other in long intervals, but the hours of somebody busy differ: an open tap's do not.  What a
        leak brings is alike in all of them and says nothing.
        """
        mean_l_h = (flow.litres - self.begun_l)[rows] / np.maximum(self.strong_s[rows], 1.0) * HOUR_S
        _, leaks_l_h = _by_leak(leak.floor_l_h[rows], leak.swing_l_h[rows], flow.step_l[rows], length_s)
        even: Bools = self.strong_least_l_h[rows] - leaks_l_h >= EVEN * (mean_l_h - leaks_l_h)
        return (length_s <= FINE_S) | (even & (self.strong_s[rows] >= SURE_LOOKS * length_s))

    def began(self, rows: Rows) -> Floats:
        """Return (M,) since when water runs, the strong run if there is one; NaN: none runs."""
        return np.where(np.isnan(self.strong_since[rows]), self.since[rows], self.strong_since[rows])

    def step(self, flow: Flow, leak: Leak, i: Interval) -> Look:
        """Take in one interval of each of some rows, after `flow` did."""
        n = np.flatnonzero((i.litres > 0) | ~np.isnan(self.since[i.rows]) | (self.strong_s[i.rows] > 0))
        look = Look(np.zeros(len(i.rows), np.bool_), ~np.isnan(i.litres), np.zeros(len(i.rows)))
        if not len(n):
            return look
        part = self._step(flow, leak, Interval(i.rows[n], i.start[n], i.end[n], i.litres[n]))
        for whole, some in zip(look, part, strict=True):
            whole[n] = some
        return look

    def _step(self, flow: Flow, leak: Leak, i: Interval) -> Look:
        look_s, volume, seen = self._look(flow, i)
        step_l, floor, swing = flow.step_l[i.rows], leak.floor_l_h[i.rows], leak.swing_l_h[i.rows]
        # A long run stands in for the floor until that is there.
        floor = np.where(self.steady_l_h(i.rows) > SWING * floor, 0.0, floor)
        placed = i.end - i.start <= COARSE_S
        more = placed & (volume > np.maximum(shows(floor, swing, step_l, look_s), LEAST_USE_L))  # False for NaN
        alone, leaks_l_h = _by_leak(floor, swing, step_l, look_s)
        much = (volume + step_l > (RUNNING_L_H + leaks_l_h) * look_s / HOUR_S) & (volume > alone)
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


def _by_leak(floor_l_h: Floats, swing_l_h: Floats, step_l: Floats, look_s: Floats) -> tuple[Floats, Floats]:
    """Return (M,) litres of a look that a leak of a day explains, and its flow: what it shows is no tap's.

    Both are 0 where it may hide so much that a flush would not be seen on top of it.
    """
    leaks_l_h = leaked_l_h(floor_l_h)
    alone = shows(leaks_l_h, swing_l_h, step_l, look_s)
    seen = alone - floor_l_h * look_s / HOUR_S <= HIDDEN_L + ROUNDED_L
    return np.where(seen, alone, 0.0), np.where(seen, leaks_l_h, 0.0)


def _least_look_s(step_l: Floats) -> Floats:
    """Return the shortest whole quarters of an hour in which a flow of `RUNNING_L_H` shows on registers of these steps."""
    shown: Floats = np.ceil(STILL * step_l / RUNNING_L_H * HOUR_S / QUARTER_S) * QUARTER_S
    return shown
