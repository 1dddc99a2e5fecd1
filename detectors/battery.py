"""A battery that is nearly empty, or will be within a month: told as a trouble of the device while there is time to change it.

How this works.  What a device says of its battery is brought to one value a day, the median: a cold night, a radio that
draws hard and a single wrong word move it little.  Per cent are believed as they are; volts only beside the device's own
best (a cell of 3.6 V and two of 1.5 V are full at different ones); a device's own word ("battery low") counts for a day on
which it was said with every register.  *Low* takes two days one after the other.  *Falling* takes a fall of an eighth over
some days, straight on, that reaches the edge within `WARN_S`.

A jump up is a battery that was changed: what was before it says nothing of the new one.  A charge that has always been 0
is none (a device on mains), and who says nothing of a battery is unknown, which is never low.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bins import DAY_S, Floats

LOW = 20.0
"""Per cent that the charge must be below to be low, and above to be well; told already, it must reach `WELL` to be over. [%]"""
WELL = 30.0
EMPTY = 10.0
"""Devices stop reporting well above 0. [%]"""
CHANGED = 30.0
"""A rise by so much from one day to the next is a new battery. [%]"""
FALLEN, LEAST_DAYS = 12.0, 4
"""A fall of less, or over fewer days, is noise. [%]"""
LOOKS_DAYS = 30.0
"""How far back a fall is looked for: a lithium cell is flat for years and then falls. [days]"""
WARN_S = 30 * DAY_S
"""How long before it is empty a battery is told of. [s]"""
FLAT_SHARE = 0.85
"""Share of its own best voltage at which a cell is empty: 3.06 V of 3.6 V, 2.55 V of 3 V. [A]"""
MOST_V = 4.5
"""What is above is a supply and no cell. [V]"""
LEAST_V_DAYS = 7
"""Days after which the best voltage that a device has shown is taken for that of a full cell."""


class Told(NamedTuple):
    """What a device said of its battery in order of time: when [s since 1970] and what."""

    at: Floats
    value: Floats


NOTHING = Told(np.empty(0), np.empty(0))


class Verdict(NamedTuple):
    """What is to be thought of a battery: `state` is low, falling or well."""

    state: str
    at: float
    """The newest word that it rests on. [s since 1970]"""
    percent: float | None = None
    empty_s: float | None = None
    """How long it lasts, going on like this. [s]"""


def verdict(percent: Told, volts: Told, words: Told, *, told: bool = False) -> Verdict | None:
    """Return what is to be thought of a battery, None: nobody knows.

    Parameters
    ----------
    percent, volts : Told
        Charge [%] and voltage [V], of some weeks.
    words : Told
        1 where the device called its battery low, 0 where it said something else and not that.
    told : bool
        It was told already: it is over only when the battery is clearly better.
    """
    found = [
        one
        for one in (_judged(_percent(percent), told), _words(words), _judged(_of_best(volts), told))
        if one is not None
    ]
    order = ("low", "falling", "well")
    worst = min(found, key=lambda one: order.index(one.state), default=None)
    if worst is None or worst.percent is not None or not len(percent.at) or found[0].percent is None:
        return worst
    return worst._replace(percent=found[0].percent)


def daily(said: Told) -> Told:
    """Return the median of each day (UTC) that has a value, at the time of its last word."""
    if not len(said.at):
        return said
    day = np.floor(said.at / DAY_S)
    firsts = np.flatnonzero(np.diff(day, prepend=-np.inf))
    lasts = np.append(firsts[1:], len(day)) - 1
    values = [float(np.median(said.value[a : b + 1])) for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True)]
    return Told(said.at[lasts], np.array(values))


def _percent(said: Told) -> tuple[Told, bool]:
    """Return a charge day by day [%]; a charge that has always been 0 is none."""
    return (daily(said), True) if np.any(said.value > 0) else (NOTHING, True)


def _of_best(said: Told) -> tuple[Told, bool]:
    """Return a voltage day by day in per cent of what a cell has left above its end, by the device's own best day."""
    days = daily(Told(said.at[said.value > 0], said.value[said.value > 0]))
    best = float(days.value.max(initial=0.0))
    if not 0 < best <= MOST_V or len(days.at) < LEAST_V_DAYS:
        return NOTHING, False
    left = (days.value / best - FLAT_SHARE) / (1 - FLAT_SHARE) * 100
    return Told(days.at, np.clip(left, 0.0, 100.0)), False


def _judged(charge: tuple[Told, bool], told: bool) -> Verdict | None:
    """Judge a charge of one value a day, since the battery was changed last."""
    days, is_percent = charge
    begin = int(np.flatnonzero(np.diff(days.value, prepend=np.inf) >= CHANGED).max(initial=0))
    at, value = days.at[begin:], days.value[begin:]
    if len(at) < 2:
        return Verdict("well", float(at[-1])) if begin and len(at) else None  # changed, and full again
    now = float(value[-2:].max())
    shown = float(value[-1]) if is_percent else None
    if now < (WELL if told else LOW):
        return Verdict("low", float(at[-1]), shown)
    left_s = _left_s(at, value)
    if left_s is not None and left_s <= WARN_S * (1.5 if told else 1.0):
        return Verdict("falling", float(at[-1]), shown, left_s)
    return Verdict("well", float(at[-1]), shown)


def _left_s(at: Floats, value: Floats) -> float | None:
    """Return when a charge that falls will be at its edge [s from its newest day], None: it does not fall."""
    late = at >= at[-1] - LOOKS_DAYS * DAY_S
    at, value = at[late], value[late]
    if len(at) < LEAST_DAYS or at[-1] - at[0] < (LEAST_DAYS - 1) * DAY_S:
        return None
    third = max(len(at) // 3, 1)
    if (
        value[:third].min() - value[-third:].max() < 0
        or np.median(value[:third]) - np.median(value[-third:]) < FALLEN / 2
    ):
        return None
    slope = _slope(at, value)
    fallen = -slope * (at[-1] - at[0])
    if fallen < FALLEN:
        return None
    return max((float(np.median(value[-third:])) - EMPTY) / -slope, 0.0)


def _slope(at: Floats, value: Floats) -> float:
    """Return the median of the slopes [1/s] between all pairs of days (Theil and Sen): a wrong day does not turn it."""
    first, second = np.triu_indices(len(at), 1)
    slopes: NDArray[np.float64] = (value[second] - value[first]) / (at[second] - at[first])
    return float(np.median(slopes))


def _words(said: Told) -> Verdict | None:
    """Judge a device's own word: low after two days on which it said so each time, well after two on which it did not.

    A device that never said it has not said either that all is well: most have no such word.
    """
    day = np.floor(said.at / DAY_S)
    days = np.unique(day)[-2:]
    if len(days) < 2 or not np.any(said.value > 0):
        return None
    newest = said.value[np.isin(day, days)]
    if newest.min() > 0:
        return Verdict("low", float(said.at[-1]))
    return Verdict("well", float(said.at[-1])) if newest.max() == 0 else None
