"""A leak: water that never stops, not even at night, and what of a volume it explains.

How this works.  The least that ran in any three hours of the last day is the *floor* of the flow.  It counts only after a
day in which the register was never seen standing still for three hours, and if some hours, as a rule of the night, showed
little but it; it falls at once.  What the floor alone can show in an interval is no use by a person: so a quiet is still
seen in a home that leaks.

A leak is told when there is a floor, a day after the flow began; a strong one sooner, when it ran through every single
hour of `soon_s`: nobody draws so much in each of eighteen hours.  When that was follows from the present rate r, the
floor of the last twelve hours: at the latest moment at which the register stood still for longer than r allows, or three
hours brought less than half of it.  Time that is not known neither brings that day nearer nor ends it.

That the least flow of the night tells a leak is the practice of network operators (minimum night flow); toilets that leak
draw 2-120 L/h.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.bins import DAY_S, HOUR_S, LEAST_USE_L, QUARTER_S, Bools, Floats, Rows
from detectors.clock import JITTER_S
from detectors.findings import Severity
from detectors.flow import PLACES, Flow

PER_HOUR = 4
WINDOW_H, STEPS = 3, 12
"""The moving window, in hours and in quarters of an hour."""
RECENT = (PLACES - 1) // 2
"""The present rate is that of the windows in the newer half of the day."""
KNOWN_WINDOWS = 8
"""With fewer windows known, nothing is said. [quarters of an hour]"""
STOOD_STILL_S = 840.0
"""A shorter stand-still of the register is what a litre of a small leak takes. [s]"""
STEADY_WINDOWS = 12
"""So many windows must show hardly more than the least: a leak does at night, a busy home has one such moment."""
SWING = 1.25
"""The pressure of the mains, and so the flow, swings by a tenth over a day; a quarter is on the safe side."""
SPREAD_HOURS = 48
"""Hours of the day before, one from each quarter on, that must be known to say how steady a flow is."""
UNSTEADY = 5.0
"""The least third of the hours of a day spreads by a fourth of what a flow that swings once a day does in all."""
STILL = 1.5
"""A register that stands still for t shows a flow of at most this times its step over t, as its flow swings."""
NEARLY = 0.9
"""A flow that swings by a tenth shows no less than this share of what it is."""
OVER = 0.75
"""A leak is over when less than this share of what is told ran in three hours: one near the limit is told once."""


@dataclass(frozen=True, slots=True)
class LeakSettings:
    """When a constant flow is told."""

    blue_l_h: float = 1.0
    """A plumber should look: 24 litres a day. [L/h]"""
    amber_l_h: float = 20.0
    """Half a cubic metre a day: soon. [L/h]"""
    after_s: float = DAY_S
    soon_s: float = 18 * HOUR_S
    """An amber leak is told so long after it began, if no hour of them was without it."""

    @property
    def limits(self) -> Mapping[Severity, float]:
        """The least flow of each severity."""
        return {"blue": self.blue_l_h, "amber": self.amber_l_h}


class Verdict(NamedTuple):
    """What is said of some rows; all (M,)."""

    rows: Rows
    blue: Bools
    amber: Bools
    onset: Floats
    """When the flow began; NaN: there is none, or too little is known."""
    rate_l_h: Floats


def _nothing(rows: Rows) -> Verdict:
    """Return what is said of no rows."""
    none = np.empty(0)
    return Verdict(rows, none > 0, none > 0, none, none)


def shows(floor_l_h: Floats, swing_l_h: Floats, step_l: Floats, seconds: Floats) -> Floats:
    """Return the most litres that a flow of `floor_l_h` alone makes a register of `step_l` show in `seconds`; 0: none.

    `swing_l_h` is how much more than its least the flow may be, as far as that is known (inf: it is not).
    """
    least = floor_l_h + step_l / WINDOW_H
    most = (least + np.minimum((SWING - 1.0) * least, swing_l_h)) * seconds / HOUR_S
    return np.where(floor_l_h > 0, step_l * np.ceil(np.round(most / step_l, 6)), 0.0)


@dataclass
class Leak:
    """State of all rows, each array (H,)."""

    floor_l_h: Floats
    """The least flow of a day; 0: it stopped within the day, or too little is known."""
    swing_l_h: Floats
    """How much more than its least that flow may be, by how alike the least hours of the day were; inf: not known."""
    still_from: Floats
    still_until: Floats
    """The latest stretch, over by now, in which the register stood still for longer than `STOOD_STILL_S`."""
    slack_at: Floats
    slack_s: Floats
    """End of the latest that lasted three hours (at first: when it was first heard), and `Flow.placed_s` then."""
    over_at: Floats
    """When the last leak that was told was over; a flow told after it began after it. -inf: none was."""

    @classmethod
    def fresh(cls, rows: int) -> "Leak":
        """Return rows that were never heard."""
        nan = np.full((3, rows), np.nan)
        inf = np.full(rows, np.inf)
        return cls(np.zeros(rows), inf, nan[0], nan[1], nan[2], np.zeros(rows), np.full(rows, -np.inf))

    def note(self, flow: Flow, rows: Rows, start: Floats, ran: Floats) -> None:
        """Take note that the registers of `rows` stand still no longer; called before `flow` takes in what came.

        `start` (M,) is when the interval begins that ends the stand-still, `ran` (H,) the end of the latest water, or of
        the latest time that is not known.
        """
        if not len(rows):
            return
        new = np.isnan(self.slack_at[rows])
        self.slack_at[rows[new]] = start[new]
        length = flow.until[rows] - ran[rows]  # NaN if new
        long, slack = rows[length >= STOOD_STILL_S], rows[length >= WINDOW_H * HOUR_S]
        self.still_from[long], self.still_until[long] = ran[long], flow.until[long]
        self.slack_at[slack], self.slack_s[slack], self.floor_l_h[slack] = flow.until[slack], flow.placed_s(slack), 0.0

    def judge(self, settings: LeakSettings, flow: Flow, rows: Rows, ran: Floats) -> Verdict:
        """Bring the floor of `rows` up to date; return which of them leak.  `ran` as for `note`."""
        rows = rows[(flow.until[rows] - self.slack_at[rows] >= DAY_S - JITTER_S) | (self.floor_l_h[rows] > 0)]
        if not len(rows):
            return _nothing(rows)
        still_s = flow.until[rows] - ran[rows]
        self.floor_l_h[rows[still_s >= WINDOW_H * HOUR_S]] = 0.0
        day = flow.placed_s(rows) - self.slack_s[rows] >= DAY_S - JITTER_S
        rows = rows[day & (still_s < WINDOW_H * HOUR_S)]
        if not len(rows):
            return _nothing(rows)
        onset, rate, least, flat = self.began(flow, rows, ran)
        # A register that stands still for t shows a flow of at most its step over t: repairs are seen within the hour.
        most = STILL * flow.step_l[rows] / np.maximum(flow.until[rows] - ran[rows], 1.0) * HOUR_S
        known = ~np.isnan(least)
        self.floor_l_h[rows[known]] = np.where(flat, np.minimum(least, most), 0.0)[known]
        leaking = rows[known & flat]
        self.swing_l_h[leaking] = _swing_l_h(flow, leaking)
        blind_s = DAY_S - flow.window(rows, np.full(len(rows), DAY_S))[1]
        over = flow.until[rows] - onset >= settings.after_s + blind_s - JITTER_S
        blue = over & flat & (rate >= settings.blue_l_h)
        amber = blue & (WINDOW_H * least + flow.step_l[rows] > WINDOW_H * settings.amber_l_h)
        return Verdict(rows, blue, amber, onset, rate)

    def soon(self, settings: LeakSettings, flow: Flow, rows: Rows, ran: Floats) -> Verdict:
        """Return which of `rows`, in which water runs for `soon_s`, are to be told already; `ran` as for `note`."""
        _, litres, placed = flow.quarters(rows)
        back = round(settings.soon_s / QUARTER_S) + 1
        held, known_s = (x[:, -back + PER_HOUR :] - x[:, -back:-PER_HOUR] for x in (litres, placed))
        known = (known_s >= HOUR_S - 2.0).all(axis=1)
        every = known & (held.min(axis=1, initial=np.inf) + flow.step_l[rows] > NEARLY * settings.amber_l_h)
        rows = rows[every]
        onset, rate, *_ = self.began(flow, rows, ran)
        told = rate > 0  # False for NaN
        return Verdict(rows, told, told, onset, rate)

    def began(self, flow: Flow, rows: Rows, ran: Floats) -> tuple[Floats, Floats, Floats, Bools]:
        """Return (when the present flow began, its rate, the least of the day, was that steady), each (M,).

        Rates are in L/h, NaN: not known.
        """
        times, litres, placed = flow.quarters(rows)
        held = litres[:, STEPS:] - litres[:, :-STEPS]
        known = placed[:, STEPS:] - placed[:, :-STEPS] >= WINDOW_H * HOUR_S - 2.0  # two edges, each rounded to a second
        least = _least(held, known) / WINDOW_H
        rate = _least(held[:, RECENT:], known[:, RECENT:]) / WINDOW_H
        with np.errstate(divide="ignore", invalid="ignore"):
            most_s = STILL * flow.step_l[rows] / rate * HOUR_S
            low = known & (held < WINDOW_H * rate[:, None] / 2 - flow.step_l[rows, None])
            newest = low.shape[1] - 1 - low[:, ::-1].argmax(axis=1)
            n = np.arange(len(rows))
            # What ran in a window that is too small ran at its end: that is when the flow had begun already.
            begun = times[n, newest + STEPS] - held[n, newest] / rate * HOUR_S
        onset = np.fmax(self.slack_at[rows], self.over_at[rows])
        onset = np.fmax(onset, np.where(low.any(axis=1), begun, -np.inf))
        onset = np.fmax(onset, _dry_until(times, litres, placed, most_s))
        onset = np.fmax(onset, self._stood_still_until(flow, rows, ran, most_s))
        near = known & (held <= SWING * WINDOW_H * least[:, None] + flow.step_l[rows, None])
        return np.where(rate > 0, onset, np.nan), rate, least, near.sum(axis=1) >= STEADY_WINDOWS

    def _stood_still_until(self, flow: Flow, rows: Rows, ran: Floats, most_s: Floats) -> Floats:
        """Return (M,) when each register last stood still for longer than `most_s`; -inf: not that we know."""
        now = flow.until[rows]
        before = self.still_until[rows] - self.still_from[rows] > most_s  # False for NaN
        since = np.where(before, self.still_until[rows], -np.inf)
        return np.where(now - ran[rows] > np.maximum(most_s, STOOD_STILL_S), now, since)

    def due(self, settings: LeakSettings, flow: Flow, ran: Floats) -> Floats:
        """Return (H,) when the present flow is told, if it goes on; NaN: none, or it runs for less than half a day."""
        due = np.full(len(self.slack_at), np.nan)
        rows = np.flatnonzero(flow.until - self.slack_at >= DAY_S / 2)
        onset, rate, *_ = self.began(flow, rows, ran)
        there = (rate >= settings.blue_l_h) & (flow.until[rows] - onset >= DAY_S / 2)
        strong = rate > settings.amber_l_h
        due[rows] = np.where(there, onset + np.where(strong, settings.soon_s, settings.after_s), np.nan)
        return due

    def stopped(self, flow: Flow, rows: Rows, limit_l_h: float) -> Bools:
        """Return (M,) whether clearly less than `limit_l_h` ran in the last three hours, all of them known."""
        litres, placed = flow.window(rows, np.full(len(rows), WINDOW_H * HOUR_S))
        stopped: Bools = (placed >= WINDOW_H * HOUR_S - 2.0) & (litres < OVER * WINDOW_H * limit_l_h)
        return stopped


def _dry_until(times: Floats, litres: Floats, placed: Floats, most_s: Floats) -> Floats:
    """Return (M,) the end of the latest known quarters of an hour, more than `most_s` of them, without water; -inf: none."""
    dry = (np.diff(litres, axis=1) < LEAST_USE_L) & (np.diff(placed, axis=1) >= QUARTER_S - 2.0)
    place = np.arange(dry.shape[1])
    begun = np.maximum.accumulate(np.where(dry, -1, place), axis=1)  # the latest quarter with water
    long = dry & ((place - begun) * QUARTER_S > most_s[:, None])
    ends: Floats = np.where(long, times[:, 1:], -np.inf).max(axis=1)
    return ends


def _swing_l_h(flow: Flow, rows: Rows) -> Floats:
    """Return (M,) how much more than its least [L/h] each flow may be, by the least third of the hours of the day.

    Somebody who sleeps or is out leaves as many hours to the leak alone, and if it is steady they are alike.
    """
    _, litres, placed = flow.quarters(rows)
    known = placed[:, PER_HOUR:] - placed[:, :-PER_HOUR] >= HOUR_S - 2.0
    held = np.sort(np.where(known, litres[:, PER_HOUR:] - litres[:, :-PER_HOUR], np.inf), axis=1)
    count = known.sum(axis=1)
    enough = count >= SPREAD_HOURS
    spread = held[np.arange(len(rows)), count // 3] - np.where(enough, held[:, 0], 0.0)
    swing = np.maximum(UNSTEADY * (spread - flow.step_l[rows]), spread)  # a register's steps are no swing
    return np.where(enough, swing, np.inf)


def _least(held: Floats, known: Bools) -> Floats:
    """Return (M,) the least known value of each line; NaN with fewer than `KNOWN_WINDOWS` known."""
    least = np.where(known, held, np.inf).min(axis=1, initial=np.inf)
    return np.where(known.sum(axis=1) >= KNOWN_WINDOWS, least, np.nan)
