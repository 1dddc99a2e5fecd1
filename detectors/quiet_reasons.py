"""What is told of a quiet: since when it counts, how unusual it must be, which sentence is true of it, and the evidence."""

import numpy as np

from detectors import quiet, quiet_judge
from detectors.bins import Bools, Floats, Rows
from detectors.cohort import Cohort
from detectors.findings import Evidence
from detectors.quiet import QuietSettings
from detectors.states import State

DAYS_SHOWN = 365


def origin(state: State, rows: Rows) -> Floats:
    """Return (M,) since when a quiet of each row counts: its last water, the end of an absence, or a movement."""
    clock = state.clock
    water = clock.origin(rows, clock.known_until[rows])
    return np.where(np.isnan(water), water, np.fmax(water, state.signs.motion_at[rows]))


def maybe_out(state: State, rows: Rows, since: Floats) -> Bools:
    """Return (M,) whether the door opened after everything that speaks of somebody inside; the quiets count from `since`.

    Not after a declared absence: who comes home opens the door too.
    """
    inside = np.fmax(state.clock.since[rows], state.signs.motion_at[rows])
    out: Bools = (state.signs.door_at[rows] > inside) & (since == inside)
    return out


def levels(settings: QuietSettings, state: State, rows: Rows, since: Floats) -> tuple[Floats, Floats]:
    """Return (M,) amber and (M,) red levels of the score of quiets that count from `since`; inf: a home that is only asked."""
    amber, red = quiet.levels(settings, state.habit, rows)
    doubted = settings.new_home_extra * state.steps.doubted(rows)
    amber, red = amber + doubted, red + doubted
    if settings.model == "index":
        red = red + state.spells.own_red[rows]
        amber = np.minimum(amber + state.spells.own[rows], red)
    red = red + settings.maybe_out_extra * maybe_out(state, rows, since)
    return amber, np.where(state.alarms.irregular[rows], np.inf, red)


def reason(settings: QuietSettings, state: State, row: int, since: float, until: float) -> tuple[str, Evidence]:
    """Return the code of the sentence that is true of a quiet, and what it says of signs other than water."""
    clock, signs, one = state.clock, state.signs, np.array([row])
    moved = bool(since == signs.motion_at[row])
    if since > clock.since[row] and not moved:
        return "quiet_after_absence", {}
    if maybe_out(state, one, np.array([since]))[0]:
        return "quiet_maybe_out", {"door_at": float(signs.door_at[row])}
    if not (moved or clock.by_use[row]):
        return "quiet_after_gap", {}
    if signs.watched(one, np.array([until]))[0]:
        return "quiet_no_motion", {"motion_at": float(signs.motion_at[row])}
    return "quiet_new_home" if quiet.new_homes(settings, state.habit, one)[0] else "quiet", {}


def evidence(
    settings: QuietSettings, cohort: Cohort, state: State, row: int, since: float, until: float, score: float
) -> Evidence:
    """Return the evidence for a quiet from `since` until `until`."""
    clock = state.clock
    usual_s = float(quiet_judge.usual_s(settings, cohort, state, np.array([row]), np.array([since]))[0])
    asked = {"ask_only": True} if state.alarms.irregular[row] else {}
    return asked | {
        "quiet_s": round(until - since),
        "last_use_at": float(clock.since[row]),
        "since_at": since,
        "usual_s": round(usual_s),
        "usual_return_at": round(since + usual_s),
        "heard_at": float(clock.heard[row]),
        "known_until_at": until,
        "score": round(score, 2),
        "history_days": min(round(float(state.habit.days[row])), DAYS_SHOWN),
    }
