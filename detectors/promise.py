"""What can be promised: how soon a home would be asked if its water stopped for good, and whether the budget is kept.

The delay is that of this home, with this meter: an incident is put at the end of each of its last known hours, the quiet it
would become part of is judged as the service judges it, and what counts is the report that shows the level reached.
"""

from typing import NamedTuple

import numpy as np

from detectors import quiet, quiet_judge
from detectors.alarms import AMBER, RED
from detectors.bins import HOUR_S, MONTH_DAYS, Floats, Rows
from detectors.cohort import Cohort
from detectors.quiet import QuietSettings
from detectors.quiet_past import RING, UNKNOWN, USED
from detectors.states import State

LEAST_DAYS = 14.0
"""A home known for less is promised nothing. [days]"""
ONSETS_H = 48
"""An incident is put into each of so many hours. [h]"""
LONGEST_H = 14
"""Not into a quiet that has lasted longer: nobody may be at home. [h]"""
LEAST_ONSETS = 12
MONTH_H = round(MONTH_DAYS * 24)
"""Hours of a month (30.4 days). [h]"""
BLOCK = 4096


class Promise(NamedTuple):
    """How long after the incident the service asks, in seconds."""

    median_s: float
    late_s: float
    """Nine times in ten it is no later."""


class Kept(NamedTuple):
    """The false alarms of a month, as far as anybody knows."""

    asked: int
    """Quiets that were told and were for nothing."""
    gone: int
    """Those of them that were told as red."""
    months: float
    """Household-months that were known."""


def promise(settings: QuietSettings, cohort: Cohort, state: State, row: int, period_s: float) -> Promise | None:
    """Return what can be promised for a row; None: its history is too short, or too little of it is known."""
    if not state.habit.days[row] >= LEAST_DAYS:
        return None
    last, before = _onsets(state, row)
    if len(last) < LEAST_ONSETS:
        return None
    starts, which = np.unique(last, return_inverse=True)
    rows = np.full(len(starts), row)
    offset_s = state.clock.offset_s[rows]
    begin = (starts + 1) * HOUR_S - offset_s
    amber, _ = quiet.levels(settings, state.habit, rows)
    if settings.model == "index":
        amber += state.spells.own[rows]
    by_use = np.ones(len(rows), np.bool_)
    due = (quiet_judge.deadline(settings, cohort, state, rows, begin, amber, by_use) - begin) / HOUR_S
    waits_h = np.maximum(np.maximum(due, settings.least_s / HOUR_S)[which] - before, 0.0)
    reports = np.ceil(waits_h * HOUR_S / period_s - 1e-6) * period_s
    return Promise(*(float(x) for x in np.quantile(reports, [0.5, 0.9])))


def _onsets(state: State, row: int) -> tuple[Rows, Floats]:
    """Return, for each of the last known hours of a row, the hour of the use before its end, and hours since then."""
    past = state.past
    newest = int(past.hour[row])
    hours = newest - 1 - np.arange(ONSETS_H + LONGEST_H + 1)
    said = past.said(np.array([row]), hours[None])[0]
    uses = np.flatnonzero(said == USED)
    lost = np.flatnonzero(said == UNKNOWN)
    n = np.arange(ONSETS_H)
    back, gap = (
        np.append(found, len(hours) + 1)[np.searchsorted(found, n)] for found in (uses, lost)
    )  # fmt: skip
    fine = (back < gap) & (back - n <= LONGEST_H)  # the first use going back, and nothing unknown in between
    return hours[back[fine]], (back - n)[fine].astype(np.float64)


def kept(state: State, rows: Rows, now: float) -> Kept:
    """Return the false alarms of the last 30.4 days over some rows, and how long these were known."""
    asked = gone = hours = 0
    for first in range(0, len(rows), BLOCK):
        some = rows[first : first + BLOCK]
        false = state.alarms.false(some, np.full(len(some), now - MONTH_H * HOUR_S))
        flags = state.alarms.flags[some]
        asked += int((false & ((flags & AMBER) != 0)).sum())
        gone += int((false & ((flags & RED) != 0)).sum())
        hours += _known_hours(state, some, now)
    return Kept(asked, gone, hours / MONTH_H)


def _known_hours(state: State, rows: Rows, now: float) -> int:
    past = state.past
    local = np.floor((now + state.clock.offset_s[rows]) / HOUR_S).astype(np.int64)
    hours = local[:, None] - np.arange(1, MONTH_H + 1)
    there = (hours < past.hour[rows, None]) & (hours > past.hour[rows, None] - RING)
    return int((there & (past.said(rows, hours) != UNKNOWN)).sum())
