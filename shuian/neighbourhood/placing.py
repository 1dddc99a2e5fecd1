"""When each story has to begin, so that it falls due within five minutes of the first start, at any hour of the day.

A dead meter and a dead gateway are due a fixed time after they began.  For the others the detectors themselves
are asked (`shuian.neighbourhood.rehearsal`): the beginning is moved until the finding comes at the right moment.  At some
hours no quiet of a person turns red, whenever it began (early afternoon: she may be out); then the latest one before is
taken, and the service knows of it as soon as it has heard the history.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray

from detectors.findings import Severity
from detectors.outage import Group, Outages
from detectors.partition import Settings
from detectors.silence import limit
from shuian.neighbourhood.homes import HOMES, told
from shuian.neighbourhood.incidents import LEAK_L_H, TAP_L_S, Incidents, left_declared
from shuian.neighbourhood.lives import Life
from shuian.neighbourhood.rehearsal import Home, Rehearsal, first_of, joined, last_signs, sign_news
from simulators.doings import Doings
from simulators.faults.person import fall as falls
from simulators.faults.person.fall import fall
from simulators.faults.person.fall_running import FLOW_L_S, fall_running
from simulators.faults.person.trip import LAST_USE_S, trip
from simulators.faults.plumbing.cut import announced, cut
from simulators.faults.plumbing.leak import leak
from simulators.faults.plumbing.tap import tap
from simulators.households import Draws

Floats = NDArray[np.float64]
Change = Callable[[Doings, float], Doings]
DUE_S = {
    "running": 50.0, "tap": 70.0, "gateway": 85.0, "fall": 100.0, "leak": 115.0, "sos": 125.0, "meter": 140.0,
    "out": 155.0, "cut": 170.0, "cut_fall": 190.0,
}  # fmt: skip
"""How long after the first start each story falls due: after the history has been heard, one after the other. [s]"""
BACK_S = 13 * 60.0
"""The water of the cut building is back this long after the start. [s]"""
GATEWAY_PERIODS = 3.0
SEARCH_H = 40.0
"""No level of quiet lies further ahead of a last use than this. [h]"""
MOST_HOURS = 4
CLOSE_S = 120.0
"""A level that comes due so near to what is wanted is what is wanted. [s]"""
CUT_SEARCH_S = 14 * 3600.0
CUT_CLOSE_S = 10.0
BEFORE_CUT_S = 3600.0
"""The fall in the cut building happens at least this long before the cut. [s]"""
TRIES = 64
"""Beginnings that are tried side by side."""
LIVE_S = 15.0
LOOK_UNTIL_S = 300.0


@dataclass(frozen=True)
class QuietStory:
    """A story that is found by the quiet after it."""

    home: Home
    severity: Severity
    change: Change
    reads: tuple[float, ...]
    """When the meter happens to be read besides, relative to its beginning. [s]"""


def place(at: Rehearsal, lives: Sequence[Life], start: datetime) -> Incidents:
    """Return when each story begins for a demo that started at `start` and has heard the history that `at` knows."""
    did = {life.home.id: life.did for life in lives}
    quiet = {
        "fall": QuietStory(told("fall"), "red", fall, (-falls.FLUSH_S, 0.0)),
        "out": QuietStory(told("out"), "amber", trip, (-LAST_USE_S, 60.0 - LAST_USE_S)),
        "cut_fall": QuietStory(told("cut_fall"), "red", fall, (-falls.FLUSH_S, 0.0)),
    }
    due = {name: at.now_s + after for name, after in DUE_S.items()}
    dry = {home: partial(_dry, did[home.id].draws, home, at.now_s + BACK_S) for home in HOMES if home.story == "cut"}
    cut_s = cut_begins(at, list(dry), {home.id: one for home, one in dry.items()}, due["cut"])
    latest = {"cut_fall": cut_s - BEFORE_CUT_S}
    flow = {
        "running": FlowStory(told("running"), "surge", "red", _running, (0.0, 2.0)),
        "tap": FlowStory(told("tap"), "surge", "amber", _tap, (2.0, 8.0)),
        "leak": FlowStory(told("leak"), "leak", "blue", _leak, (23.0, 25.0)),
    }
    begun = {
        name: quiet_begins(at, story, did[story.home.id], due[name], latest.get(name, np.inf))
        for name, story in quiet.items()
    } | {name: flow_begins(at, story, did[story.home.id], due[name]) for name, story in flow.items()}
    return Incidents(
        placed_s=at.now_s,
        fall_s=begun["fall"],
        running_s=begun["running"],
        tap_s=begun["tap"],
        leak_s=begun["leak"],
        declared_s=left_declared(start).timestamp(),
        out_s=begun["out"],
        sos_s=due["sos"],
        meter_s=due["meter"] - _silent_after_s(at.settings, told("dead_meter")),
        gateway_s=due["gateway"] - GATEWAY_PERIODS * told("dead_gateway").period_s,
        cut_s=cut_s,
        cut_end_s=at.now_s + BACK_S,
        cut_fall_s=begun["cut_fall"],
    )


def _silent_after_s(settings: Settings, home: Home) -> float:
    return float(limit(settings.silence, np.array([float(home.period_s)]))[0])


# --- quiet -------------------------------------------------------------------------------------------------------------


def quiet_begins(at: Rehearsal, story: QuietStory, did: Doings, wanted: float, latest: float = np.inf) -> float:
    """Return when the story has to begin for its level to come due at `wanted`, or as soon before as possible.

    Within an hour of the clock the level mostly moves steadily with the minute of the last use; between hours it jumps.
    """
    newest = min(at.now_s - 3600.0, latest)
    hours = np.arange(np.floor(newest / 3600) * 3600 - 3600, newest - SEARCH_H * 3600, -3600.0)
    low, high = hours + 1, hours + 3599
    ends = _dues(at, story, did, np.concatenate([low, high])).reshape(2, -1)
    for n in np.flatnonzero((ends.min(axis=0) <= wanted) & (wanted <= ends.max(axis=0)))[:MOST_HOURS].tolist():
        tries = np.linspace(low[n], high[n], TRIES)
        misses = np.abs(_dues(at, story, did, tries) - wanted)
        if misses.min() <= CLOSE_S:
            return float(tries[np.argmin(misses)])
    before = np.where(ends <= wanted, ends, -np.inf)
    return float(np.stack([low, high]).ravel()[np.argmax(before)])


def _dues(at: Rehearsal, story: QuietStory, did: Doings, begins: Floats) -> Floats:
    """Return when the level comes due for each beginning; inf: never."""
    return _all_dues(at, [(story, did, begin) for begin in begins.tolist()])


def _all_dues(at: Rehearsal, told: Sequence[tuple[QuietStory, Doings, float]]) -> Floats:
    """Return when the level of each story comes due, given what somebody does and when it begins; inf: never."""
    partition = at.fresh([story.home for story, _, _ in told])
    parts, signs = [], []
    for row, (story, did, begin) in enumerate(told):
        home, changed = story.home, story.change(did, begin)
        until = begin + 1.5 * home.period_s
        times = at.times(home, until, [begin + more for more in story.reads])
        parts.append(at.news(row, changed.draws, times, home.period_s, at.zone))
        signs += last_signs(row, home, changed, until)
    partition.step(joined(parts))
    if signs:
        partition.hear_signs(sign_news(signs))
    due = np.empty(len(told))
    for severity in {story.severity for story, _, _ in told}:
        mine = np.array([story.severity == severity for story, _, _ in told])
        due[mine] = np.nan_to_num(partition.deadline(severity), nan=np.inf)[mine]
    return due


def quiets_begin(
    at: Rehearsal, stories: Sequence[QuietStory], did: Sequence[Doings], latest: Sequence[float]
) -> list[float]:
    """Return when each of many stories has to begin for its level to have come due by now, to the hour.

    `latest`: when each may begin at the latest.  Where no quiet comes due at all, the one that is due first is taken.
    """
    newest = np.minimum(at.now_s - 3600.0, np.asarray(latest, np.float64))
    begins = newest[:, None] - np.arange(0, SEARCH_H * 3600, 3600.0)
    told = [(*one, begin) for *one, tries in zip(stories, did, begins.tolist(), strict=True) for begin in tries]
    dues = _all_dues(at, told).reshape(begins.shape)
    past = dues <= at.now_s
    chosen = np.where(past.any(axis=1), past.argmax(axis=1), dues.argmin(axis=1))
    found: list[float] = begins[np.arange(len(begins)), chosen].tolist()
    return found


# --- flow --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FlowStory:
    """A story that is found by the water that runs."""

    home: Home
    kind: str
    severity: Severity
    change: Callable[[Doings, float], Draws]
    between_h: tuple[float, float]
    """It begins so many hours before it is told."""


def _running(did: Doings, begin: float) -> Draws:
    return fall_running(did, begin, FLOW_L_S).draws


def _tap(did: Doings, begin: float) -> Draws:
    return tap(did.draws, begin, TAP_L_S)


def _leak(did: Doings, begin: float) -> Draws:
    return leak(did.draws, begin, LEAK_L_H)


def flow_begins(at: Rehearsal, story: FlowStory, did: Doings, wanted: float) -> float:
    """Return when water has to begin to run for the first finding of its level to be raised as near to `wanted` as can be."""
    tries = wanted - np.linspace(*story.between_h, TRIES) * 3600
    for _ in range(2):
        misses = np.abs(_told(at, story, did, tries) - wanted)
        best, apart = float(tries[np.argmin(misses)]), float(abs(tries[1] - tries[0]))
        tries = np.linspace(best - apart, best + apart, TRIES)
    return best


def _told(at: Rehearsal, story: FlowStory, did: Doings, begins: Floats) -> Floats:
    """Return when the finding is raised for each beginning; inf: not within `LOOK_UNTIL_S` of the present."""
    home, live = story.home, np.arange(at.now_s, at.now_s + LOOK_UNTIL_S, LIVE_S).tolist()
    parts = [
        at.news(row, story.change(did, begin), at.times(home, live[-1], [begin, *live]), home.period_s, at.zone)
        for row, begin in enumerate(begins.tolist())
    ]
    # Each reading arrives by itself: what came together would be judged together, at its end.
    raised = at.fresh([home] * len(begins)).step(joined(parts)).raised
    return first_of(raised, story.kind, story.severity, begins)


# --- water cut ---------------------------------------------------------------------------------------------------------


def cut_begins(
    at: Rehearsal,
    homes: Sequence[Home],
    dry: Mapping[str, Callable[[float], Draws]],
    wanted: float,
    close_s: float = CUT_CLOSE_S,
) -> float:
    """Return when the water has to be cut for the outage to be told at `wanted`: the longer it lasts, the likelier.

    `dry` says what a home draws whose water is cut at a moment; `close_s`, how near to the latest such moment is near enough.
    """
    low, high = at.now_s - CUT_SEARCH_S, at.now_s
    while high - low > close_s:
        middle = (low + high) / 2
        low, high = (middle, high) if _is_told(at, homes, dry, middle, wanted) else (low, middle)
    return low


def _dry(draws: Draws, home: Home, back_s: float, cut_s: float) -> Draws:
    return cut(announced(draws, cut_s, 97.0 * home.seed), cut_s, back_s)


def _is_told(
    at: Rehearsal, homes: Sequence[Home], dry: Mapping[str, Callable[[float], Draws]], cut_s: float, now: float
) -> bool:
    """Return whether an outage of these homes is told at `now` when their water was cut at `cut_s`."""
    partition, outages = at.fresh(homes), Outages()
    outages.set_groups([Group("building", "building", np.arange(len(homes)))])
    parts = []
    for row, home in enumerate(homes):
        parts.append(at.news(row, dry[home.id](cut_s), at.times(home, now, [now]), home.period_s, at.zone))
    partition.step(joined(parts))
    return bool(outages.look(partition, np.ones(len(homes), np.bool_), now).raised)
