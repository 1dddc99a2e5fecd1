"""What a draw probably was.  Draws carry no end use, as at a real meter: it is guessed by volume, duration and clock.

The guesses are rough, and a fault that speaks of flushes means draws of a cistern's size.  In the lives of the average
profile nine of ten flushes have it, and of ten draws that have it six or seven are flushes: the rest are pots, foot baths
and fills of laundry.  At night nearly all are.
"""

from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulators.chance import Floats
from simulators.doings import Bools
from simulators.households import Draws
from simulators.wall_clock import local_s

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""Where people live, unless a call says otherwise: the profiles of China are the default."""
DAY_S = 86_400.0
FLUSH_L = (2.5, 9.0)
"""A half flush of 3 L to a full one of 6 to 7.5 L, with what cisterns differ; published: 3 to 9 L. [L]"""
SHOWER_L, SHOWER_S = 12.0, 120.0
"""The least of a shower.  A washing machine fills as much, but within 2 minutes. [L], [s] [A]"""
NIGHT_H = (23.0, 5.0)
"""Local hours of the night, by which visits to the toilet are counted as nocturnal. [A]"""


def flushes(draws: Draws) -> Bools:
    """Return (N,) which draws are of a cistern's size."""
    sized: Bools = (draws.litres >= FLUSH_L[0]) & (draws.litres <= FLUSH_L[1])
    return sized


def showers(draws: Draws) -> Bools:
    """Return (N,) which draws are as large and as long as a shower."""
    large: Bools = (draws.litres > SHOWER_L) & (draws.duration_s >= SHOWER_S)
    return large


def at_night(times: Floats, zone: ZoneInfo, night_h: tuple[float, float] = NIGHT_H) -> Bools:
    """Return (N,) which times lie in the night, from one local hour of `night_h` over midnight to the other."""
    _, hour = local(times, zone)
    night: Bools = (hour >= night_h[0]) | (hour < night_h[1])
    return night


def local(times: Floats, zone: ZoneInfo) -> tuple[NDArray[np.int64], Floats]:
    """Return (day, hour) of each time by the clock on the wall; days count from 1970-01-01."""
    wall = local_s(times, zone)
    return (wall // DAY_S).astype(np.int64), wall % DAY_S / 3600


def whole(mean: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return (N,) whole numbers with these means: each is one of the two next to it."""
    return np.floor(mean + rng.random(len(mean))).astype(np.int64)
