"""How unusual a quiet is, when it will be too unusual, and how long such ones last: by the model that the settings name.

`index` (`detectors.quiet_index`) weighs waiting against calling, with a hazard shared by all homes; `survival`
(`detectors.quiet`) is the simpler score it is measured against.  Their levels are on different scales.
"""

import numpy as np

from detectors import quiet_index
from detectors.bins import HOUR_S, Bools, Floats, Rows
from detectors.cohort import Cohort
from detectors.quiet import QuietSettings
from detectors.quiet_columns import Singles
from detectors.states import State


def keep(settings: QuietSettings, state: State, rows: Rows, begin: Floats) -> None:
    """Work out the quiets of rows that began at `begin`, and keep what was found; called as soon as they may be told."""
    if len(rows) and settings.model == "index":
        state.spells.keep(
            state.past, rows, begin, _offset_s(state, rows, begin), by_use(state, rows, begin), settings.night_cost
        )


def _offset_s(state: State, rows: Rows, begin: Floats) -> Floats:
    """Return (M,) local time minus UTC when these quiets began."""
    clock = state.clock
    return np.where(begin == clock.since[rows], clock.since_offset_s[rows], clock.offset_s[rows])


def by_use(state: State, rows: Rows, begin: Floats) -> Bools:
    """Return (M,) whether quiets began when somebody used water or moved."""
    clock = state.clock
    moved = begin == state.signs.motion_at[rows]
    known: Bools = moved | (clock.by_use[rows] & (begin == clock.since[rows]))
    return known


def score(settings: QuietSettings, cohort: Cohort, state: State, rows: Rows, begin: Floats, end: Floats) -> Floats:
    """Return (M,) how unusual quiets from `begin` until `end` (seconds since 1970) are; never falls with `end`."""
    offset_s = state.clock.offset_s[rows]
    if settings.model == "survival":
        return state.quiet.score(cohort, rows, begin + offset_s, end + offset_s)
    _, curve = look(settings, state, rows, begin)
    return quiet_index.level_at(curve.astype(np.float64), (end - begin) / HOUR_S, stepped(settings))


def deadline(
    settings: QuietSettings,
    cohort: Cohort,
    state: State,
    rows: Rows,
    begin: Floats,
    level: Floats,
    known: Bools | None = None,
) -> Floats:
    """Return (M,) when the score of quiets that began at `begin` reaches `level` (seconds since 1970).

    `known` (M,): whether each began by a use; None: they are the present ones, of which that is known.
    """
    if settings.model == "survival":
        offset_s = state.clock.offset_s[rows]
        return state.quiet.deadline(cohort, rows, begin + offset_s, level) - offset_s
    _, curve = look(settings, state, rows, begin, known)
    hours = quiet_index.hours_to(curve.astype(np.float64), level, stepped(settings))
    due: Floats = begin + hours * HOUR_S
    return due


def usual_s(settings: QuietSettings, cohort: Cohort, state: State, rows: Rows, begin: Floats) -> Floats:
    """Return (M,) seconds that nine of ten quiets begun at `begin` do not exceed."""
    if settings.model == "survival":
        return state.quiet.usual(cohort, rows, begin + state.clock.offset_s[rows])
    odds, _ = look(settings, state, rows, begin)
    return state.spells.usual_h(rows, odds) * HOUR_S


def look(
    settings: QuietSettings, state: State, rows: Rows, begin: Floats, known: Bools | None = None
) -> tuple[Singles, Singles]:
    """Return the index's (M, POPULATIONS, HOURS) odds and (M, HOURS) curve of quiets; `known` as for `deadline`."""
    at = np.where(np.isnan(begin), 0.0, begin)
    known = by_use(state, rows, at) if known is None else known
    return state.spells.look(state.past, rows, at, _offset_s(state, rows, at), known, settings.night_cost)


def stepped(settings: QuietSettings) -> bool:
    """Whether a quiet's level jumps at full hours, because an alarm at night has another price."""
    return settings.night_cost != 1.0
