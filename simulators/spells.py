"""Busy and quiet spells of a water meter: what its readings say about when somebody draws water, and what they do not.

How this works.  Readings cut time into intervals.  In a *busy* one the register rose, in a *quiet* one it stood still, and
an interval longer than one and a half steps is a *gap*.  A spell is a stretch of intervals of one kind; it belongs to the
local hour in which it begins.

What is not known, and why it does not bias.  A gap is a gap even if the register stood still across it: to take such
gaps for quiet and the others for unknown would keep long spells and lose short ones.  A spell that begins in or after a
gap is left out: whether it is depends on the gap, not on how long the spell is going to be.  A spell that runs into a
gap lasted at least so long; to leave it out would keep short spells and lose long ones, so it is *censored*, and its
share is spread over the longer ones (Kaplan & Meier 1958, J. Am. Stat. Assoc. 53).
"""

from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulators.meters import Register
from simulators.wall_clock import local_s

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

STEPS_S = (60.0, 120.0, 180.0, 240.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0, 7200.0)
"""Steps that a likeness knows; a record's own interval counts as the nearest. [s]"""
GAP_STEPS = 1.5
NONE_L = 1e-6
"""Less is the rounding of a register that was added up from rows. [L]"""
HOURS = 24
DAY_S = 86_400.0
ABSENCE_H = 36.0
"""A longer quiet is no habit of an hour: somebody was away. [h]"""


class LikenessError(Exception):
    """A record, or a saved likeness, cannot be used: says what was wanted and what came."""


class Spells(NamedTuple):
    """Spells of one kind, each array (N,)."""

    hour: NDArray[np.intp]
    """Local hour of the day in which it begins."""
    weekend: NDArray[np.intp]
    """1: it begins on a Saturday or Sunday, local time; else 0."""
    day: Ints
    """Local day on which it begins, counted from 1970."""
    second: Floats
    """Local second of the day at which it ends, as far as it was seen."""
    steps: Ints
    """How long it lasts, at least 1."""
    complete: Flags
    """False: it lasted at least so long."""


class Seen(NamedTuple):
    """What the readings of one home show."""

    quiet: Spells
    busy: Spells
    hour: NDArray[np.intp]
    litres: Floats
    """(M,) litres of each busy interval, and the local hour in which it begins."""
    days: float
    """How many days were observed."""
    away: tuple[float, int]
    """Days seen of quiets over 36 h, also of those whose begin nobody saw, and how many of these quiets were seen to end."""


def step_of(registers: Sequence[Register]) -> float:
    """Return the step of a record [s]: the usual interval between readings, of the usual home.

    Raises
    ------
    LikenessError
        No home has two readings, or they come less often than every two hours.
    """
    usual = [float(np.median(np.diff(one.at_s))) for one in registers if len(one.at_s) > 1]
    if not usual:
        raise LikenessError(f"want at least one home with two readings, got {len(registers)} homes without")
    own = float(np.median(usual))
    if own > STEPS_S[-1] * GAP_STEPS:
        raise LikenessError(f"want readings at least every two hours, got one every {own / 3600:.3g} h")
    return min(STEPS_S, key=lambda step: abs(step - own))


def observed(registers: Sequence[Register], step_s: float, zone: ZoneInfo) -> list[Seen]:
    """Return what the readings of each home show; homes with fewer than two show nothing."""
    return [seen(one, step_s, zone) for one in registers if len(one.at_s) > 1]


def seen(register: Register, step_s: float, zone: ZoneInfo) -> Seen:
    """Return what the readings of one home, two at least, show at steps of `step_s`.

    Parameters
    ----------
    register : Register
    step_s : float
        Readings that come more often are thinned to the last of each step. [s]
    zone : ZoneInfo
        Where the home is.
    """
    at, total = _thinned(register, step_s)
    length, litres = np.diff(at), np.diff(total)
    unknown = (length > GAP_STEPS * step_s) | (litres < -NONE_L)
    kind = np.where(unknown, _UNKNOWN, np.where(litres > NONE_L, _BUSY, _QUIET))
    busy = kind == _BUSY
    return Seen(
        _spells(kind, _QUIET, at, step_s, zone),
        _spells(kind, _BUSY, at, step_s, zone),
        (local_s(at[:-1][busy], zone) % DAY_S // 3600).astype(np.intp),
        litres[busy],
        float(length[~unknown].sum() / DAY_S),
        _away(kind, at),
    )


_QUIET, _BUSY, _UNKNOWN = 0, 1, 2


def _thinned(register: Register, step_s: float) -> tuple[Floats, Floats]:
    at, litres = register.at_s, register.litres
    if len(at) < 2 or np.median(np.diff(at)) > 0.6 * step_s:
        return at, litres
    last = np.flatnonzero(np.diff(np.floor(at / step_s), append=np.inf) > 0)
    return at[last], litres[last]


def _spells(kind: NDArray[np.int64], wanted: int, at: Floats, step_s: float, zone: ZoneInfo) -> Spells:
    edge = np.flatnonzero(np.diff(kind, prepend=-1))
    after = np.append(edge[1:], len(kind))
    before = np.append(_UNKNOWN, kind[edge[1:] - 1])
    mine = (kind[edge] == wanted) & (before != _UNKNOWN)
    following = np.append(kind, _UNKNOWN)[after[mine]]
    begin, end = at[edge[mine]], at[after[mine]]
    local = local_s(begin, zone)
    day = np.floor(local / DAY_S).astype(np.int64)
    return Spells(
        hour=(local % DAY_S // 3600).astype(np.intp),
        weekend=((day + 3) % 7 >= 5).astype(np.intp),  # 1970 began on a Thursday
        day=day,
        second=local_s(end, zone) % DAY_S,
        steps=np.maximum(np.round((end - begin) / step_s), 1).astype(np.int64),
        complete=following != _UNKNOWN,
    )


def _away(kind: NDArray[np.int64], at: Floats) -> tuple[float, int]:
    edge = np.flatnonzero(np.diff(kind, prepend=-1))
    after = np.append(edge[1:], len(kind))
    lasts = at[after] - at[edge]
    long = (kind[edge] == _QUIET) & (lasts > ABSENCE_H * 3600)
    ended = long & (np.append(kind, _UNKNOWN)[after] == _BUSY)
    return float(lasts[long].sum() / DAY_S), int(ended.sum())


def counts(spells: Spells, longest: int) -> tuple[Floats, Floats]:
    """Return how many spells ended, and how many were lost from sight, after each number of steps.

    Returns
    -------
    ended, lost : (2, 24, longest + 2) float
        By weekend, hour and steps; all above `longest` count as `longest + 1`.
    """
    shape = (2, HOURS, longest + 2)
    cell = np.ravel_multi_index((spells.weekend, spells.hour, np.minimum(spells.steps, longest + 1)), shape)
    size = int(np.prod(shape))
    ended = np.bincount(cell[spells.complete], minlength=size).astype(np.float64)
    lost = np.bincount(cell[~spells.complete], minlength=size).astype(np.float64)
    return ended.reshape(shape), lost.reshape(shape)


def shares(ended: Floats, lost: Floats) -> Floats:
    """Return the share of spells of each length after Kaplan & Meier.

    Parameters
    ----------
    ended, lost : (R, K) float
        How many spells ended, and how many were lost from sight, after k steps.  One lost after k lasts k or more.

    Returns
    -------
    (R, K) float
        Each row sums to 1, or to 0 where nothing was seen.
    """
    after = np.cumsum((ended + lost)[:, ::-1], axis=1)[:, ::-1] - lost  # known to last k, and seen at k
    ends = np.divide(ended, after, out=np.zeros_like(ended), where=after > 0)
    left = np.cumprod(1.0 - ends, axis=1)
    found: Floats = np.hstack([np.ones((len(ended), 1)), left[:, :-1]]) * ends
    # if the longest of all was lost from sight, nobody knows how it went on: it counts as it was seen
    last = (ended + lost).shape[1] - 1 - np.argmax((ended + lost)[:, ::-1] > 0, axis=1)
    some = (ended + lost).any(axis=1)
    found[np.flatnonzero(some), last[some]] += left[some, -1]
    return found


def quantile(share: Floats, at: float) -> Floats:
    """Return the length [steps] that a share `at` of the spells do not exceed, for each row of `shares`; NaN: none."""
    total = np.cumsum(share, axis=1)
    reached = total >= at * total[:, -1:] - 1e-9
    return np.where(total[:, -1] > 0, reached.argmax(axis=1), np.nan)
