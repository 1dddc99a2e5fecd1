"""Somebody wanders at night and sleeps into the day: dementia turns day and night round.

At the meter: on some nights 30 to 60 % of what would have been drawn on the day before is drawn between 0 and 5 o'clock,
of all kinds, and the first use of the morning after comes later.  The litres stay the same.
The service must: raise nothing urgent, and tell the change of the nights, within some weeks.
"""

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np

from simulators.chance import Floats
from simulators.doings import Bools, Doings
from simulators.end_uses import SHANGHAI, local
from simulators.faults import Fault

SHARE, NIGHTS = (0.3, 0.6), (0.3, 0.7)
"""Least and most of what moves into a night, and of nights on which it does; the second [A]."""
LATE_S = (3600.0, 3 * 3600.0)
"""So much later is the morning after. [s] [A]"""
_DAY_H, _MORNING_H, _NIGHT_H = (9.0, 21.0), (5.0, 9.0), (0.0, 5.0)


def wandering(
    doings: Doings,
    at: float,
    rng: np.random.Generator,
    *,
    nights: float,
    share: float,
    late_s: float = LATE_S[0],
    zone: ZoneInfo = SHANGHAI,
) -> Doings:
    """Return the doings of somebody who wanders on a share of `nights` from `at` (seconds since 1970) on.

    `share` of the draws and walks of the day before, from 9 to 21 o'clock, move into such a night; those of the morning
    after, from 5 to 9, come `late_s` later.

    Raises
    ------
    ValueError
        `nights` or `share` is not in [0, 1], or `late_s` is below 0.
    """
    if not (0 <= nights <= 1 and 0 <= share <= 1 and late_s >= 0):
        raise ValueError(f"want nights and share in [0, 1], late from 0 s up, got {nights}, {share}, {late_s}")
    days, _ = local(np.concatenate([doings.draws.start_s, doings.moves, [at]]), zone)
    bad = days.min() + np.flatnonzero(rng.random(days.max() - days.min() + 1) < nights)
    moves = doings.moves[doings.walking()]
    draws_by = _by(doings.draws.start_s, at, rng, bad, share, late_s, zone)
    moves_by = _by(moves, at, rng, bad, share, late_s, zone)
    wanders = replace(doings, moves=doings.moves[~doings.walking()]).shifted(draws_by)
    return replace(wanders, moves=np.sort(np.concatenate([wanders.moves, moves + moves_by])))


def _by(
    times: Floats, at: float, rng: np.random.Generator, bad: np.ndarray, share: float, late_s: float, zone: ZoneInfo
) -> Floats:
    """Return how much later each of `times` happens [s]; `bad` are the days whose following night is a bad one."""
    day, hour = local(times, zone)
    later: Bools = times >= at
    goes = later & _in(hour, _DAY_H) & np.isin(day, bad) & (rng.random(len(times)) < share)
    night = (24 - hour + rng.uniform(*_NIGHT_H, len(times))) * 3600
    lies_in = later & _in(hour, _MORNING_H) & np.isin(day - 1, bad)
    by: Floats = np.where(goes, night, np.where(lies_in, late_s, 0.0))
    return by


def _in(hour: Floats, span: tuple[float, float]) -> Bools:
    within: Bools = (hour >= span[0]) & (hour < span[1])
    return within


def strike(doings: Doings, at: float, rng: np.random.Generator, *, zone: ZoneInfo = SHANGHAI) -> Doings:
    """Begin at `at`."""
    nights, share, late_s = (float(rng.uniform(*span)) for span in (NIGHTS, SHARE, LATE_S))
    return wandering(doings, at, rng, nights=nights, share=share, late_s=late_s, zone=zone)


FAULT = Fault("P7", "person", strike, finds=("drift",), never=("leak",), wants=("zone",))
