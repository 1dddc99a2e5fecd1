"""What quiets teach when they are over, and what outcomes teach when they are told: the levels of a home, and its past.

A quiet that reached amber and passed by itself raises the home's amber level a little; one at which somebody went, or
called, and all was well raises it more, and if it was told as red the red level too.  A true incident never does, and never
trains: its hours are made unknown, as those of a trip are, and so are those of an absence or a fault that came out later.
What was learnt from a day that somebody speaks of weeks later stays in the usual litres of a day: one day of many.
"""

import numpy as np

from detectors import quiet
from detectors.alarms import ALIVE, AMBER, NO_LIFE, RED, SAID, TRIP, USED, Outcome
from detectors.bins import DAY_S, HOUR_S, Floats, Rows
from detectors.clock import Moment
from detectors.daybook import Days
from detectors.habit import TRIP_S
from detectors.quiet import QuietSettings
from detectors.quiet_past import hour_of
from detectors.quiet_spells import MONTH_S, MOST_OWN, Ended
from detectors.states import State

MOST_RED = 0.3
"""No home's red level is further above the common one."""


def learn(settings: QuietSettings, state: State, m: Moment) -> Ended:
    """Learn from the quiets that these intervals end, write down the alarms among them, and return them."""
    moved = state.signs.motion_at[m.rows]
    origin = np.fmax(m.origin, np.where(moved <= m.quiet_until, moved, np.nan))
    ended = state.spells.learn(m, origin)
    if len(ended.rows):
        _note(settings, state, ended)
    return ended


def present(state: State, rows: Rows) -> Rows:
    """Return those of `rows` whose present quiet has been looked at."""
    clock = state.clock
    origin = np.fmax(clock.origin(rows, clock.known_until[rows]), state.signs.motion_at[rows])
    looked: Rows = rows[state.spells.begin[rows] == origin]
    return looked


def moved(settings: QuietSettings, state: State, rows: Rows) -> Ended:
    """Learn from the quiets of rows (`present`, before the movement was heard) that somebody's movement has ended since."""
    at, begin = state.signs.motion_at[rows], state.spells.begin[rows]
    rows, at = rows[at > begin], at[at > begin]
    ended = state.spells.moved(rows, at, state.clock.known_until[rows])
    if len(rows):
        _note(settings, state, ended)
    return ended


def _note(settings: QuietSettings, state: State, ended: Ended) -> None:
    spells, alarms, rows = state.spells, state.alarms, ended.rows
    amber, red = quiet.levels(settings, state.habit, rows)
    own, trip = spells.own[rows], ended.end - ended.begin > TRIP_S
    usual = ~trip & ~ended.struck
    spent_s = np.where(usual, np.nan_to_num(np.clip(ended.end - spells.told_at[rows], 0.0, TRIP_S)), 0.0)
    spells.told_at[rows] = np.where(usual, ended.end, spells.told_at[rows])
    kept = (ended.level >= amber + np.minimum(own, 0.0)) | alarms.place(rows, ended.begin)[1]
    some, told = np.flatnonzero(kept), ended.level >= amber + own
    flags = (
        AMBER * told
        + RED * (ended.level >= red + spells.own_red[rows])
        + USED * ended.used
        + TRIP * trip
        + ALIVE * ended.alive
    )
    moved = np.zeros((2, len(rows)))
    if len(some):
        mine, place = rows[some], alarms.enter(rows[some], ended.begin[some])
        before = _moves(settings, state, mine, place)
        alarms.end[mine, place] = np.rint(ended.end[some]).astype(np.uint32)
        alarms.peak[mine, place] = ended.level[some]
        alarms.flags[mine, place] |= flags[some].astype(np.uint8)
        moved[:, some] = _moves(settings, state, mine, place) - before
    sunk = spent_s / MONTH_S
    _move(state, rows, moved[0] - settings.own_step * settings.budget * sunk, moved[1] - _red_sinks(settings) * sunk)


def _red_sinks(settings: QuietSettings) -> float:
    return settings.red_step * settings.red_budget


def _moves(settings: QuietSettings, state: State, rows: Rows, place: Rows) -> Floats:
    """Return (2, M) what alarms add to the amber and red levels; nothing where all homes have one level."""
    on = float(settings.own_step > 0)
    steps = settings.own_step, on * settings.outcome_step, on * settings.red_step
    return np.stack(state.alarms.moves(rows, place, *steps))


def _move(state: State, rows: Rows, amber: Floats, red: Floats) -> None:
    spells = state.spells
    spells.own[rows] = np.clip(spells.own[rows] + amber, -MOST_OWN, MOST_OWN)
    spells.own_red[rows] = np.clip(spells.own_red[rows] + red, 0.0, MOST_RED)


def told(
    settings: QuietSettings, state: State, row: int, onset: float, until: float, flags: int, outcome: Outcome | None
) -> None:
    """Take in what a quiet since `onset` turned out to be at `until`; None: that is taken back.  Told twice, it counts once.

    `flags`: whether the quiet itself was told, as `AMBER` or as `RED`, and not a rule.
    """
    alarms, one, at = state.alarms, np.array([row]), np.array([onset])
    places, there = alarms.place(one, at)
    n, code = int(places[0]), SAID.index(outcome)
    if not there[0] and (outcome is None or onset < alarms.begin[row, n]):
        return  # nothing is known of it, or it is older than all that is kept
    places = alarms.enter(one, at)
    before, so_far = _moves(settings, state, one, places), int(alarms.said[row, n])
    alarms.said[row, n] = code
    alarms.flags[row, n] |= flags
    amber, red = _moves(settings, state, one, places) - before
    _move(state, one, amber, red)
    alarms.strikes[row] = NO_LIFE[alarms.said[row]].any()
    if NO_LIFE[code] and not NO_LIFE[so_far]:
        _strike(state, row, n, onset, until)


def _strike(state: State, row: int, n: int, onset: float, until: float) -> None:
    """Take back what the hours of an alarm taught."""
    clock, past, alarms = state.clock, state.past, state.alarms
    until = min(until, float(clock.known_until[row]))
    if not until > onset:  # nothing is known of these hours yet
        return
    offset_s = float(clock.offset_s[row])
    begin, end = onset + offset_s, until + offset_s
    known = past.strike(row, int(hour_of(np.array([begin]))[0]) + 1, int(np.ceil(end / HOUR_S)) - 1)
    state.habit.strike(row, known, end)
    state.daybook.strike(row, int(begin // DAY_S), int(end // DAY_S))
    over, flags = float(alarms.end[row, n]), int(alarms.flags[row, n])
    if over > 0 and not flags & TRIP:
        past.uncount(row, begin, over - onset, bool(flags & USED))
        state.spells.unlearn(row, onset, over - onset, bool(flags & USED))


def look(settings: QuietSettings, state: State, rows: Rows, day: Days) -> None:
    """Decide anew, once a month, which of `rows`, whose `day` (M,) is over, can only be asked."""
    if len(rows):
        amber = quiet.levels(settings, state.habit, rows)[0] + state.spells.own[rows]
        state.alarms.look(rows, day, amber, state.clock.known_until[rows], state.daybook)
