"""The water of a building is cut off, and comes back.

At the meter: every home shows zero from the same moment on, messages go on.  When the water is back, cisterns that were
flushed empty fill up within a minute, and air in the pipe turns the wheel a little more.
The service must: see the improbable common silence, tell it once, open no case about what it explains, keep a case that
began before, and end it when the homes draw again.
"""

from collections.abc import Sequence

import numpy as np

from simulators.doings import merged
from simulators.faults import Fault
from simulators.faults.plumbing.pieces import after, before
from simulators.households import Draws, Rhythm

CISTERN_L = 6.0
AIR_L = 2.0
"""What the meter counts of the air that a tap lets out; 1 to 20 L were seen. [L]"""
REFILL_S = 60.0
FLOW_L_S = 0.1
BUCKET_L = 9.0
BUCKET_BEFORE_S = 900.0
LASTS_S = (3 * 3600.0, 12 * 3600.0)
"""Cuts last 1 to 12 hours; `strike` leaves out those that are over before the silence of a dozen homes with hourly meters
cannot be chance any more (2.6 h, measured at half past nine in the morning; at night no silence says anything). [s]"""
FETCH_L, FETCH_S = 4.0, 60.0
"""What somebody draws who finds the water back: hands, a kettle, a pail. [A]"""
NOTICED_S = 1200.0
"""Half of those who wanted water meanwhile, and are up and at home, have noticed by then that it is back: they try the tap or
hear the cistern.  Nobody has published how soon; the delay is taken as exponential. [A] [s]"""
PLANNED = 0.5
"""Share of cuts that people are told of. [A]"""


def cut(draws: Draws, begin: float, end: float) -> Draws:
    """Return the draws of a home without water in [begin, end) (seconds since 1970).

    What would have begun meanwhile is not drawn; what runs on (a leak, an open tap) stops and starts again.  Whoever
    wanted water meanwhile emptied the cistern and opened a tap: both show at `end`.
    """
    wanted = (draws.start_s >= begin) & (draws.start_s < end)
    later = draws.where(~wanted)
    back = (CISTERN_L + AIR_L) * bool(wanted.any())
    refill = Draws(np.array([end]), np.array([back]), np.array([REFILL_S]))
    whole = merged(before(draws, begin), after(later, end))
    return merged(whole, refill) if back else whole


def fetched(draws: Draws, rhythm: Rhythm, begin: float, end: float, noticed_s: float) -> Draws:
    """Return what a home draws because it had no water in [begin, end): its person comes for it `noticed_s` after `end`.

    Only who wanted water meanwhile does, and is up and at home by then; who is not goes on as on any day.  What the empty
    cistern takes, `cut` says: it fills without anybody.
    """
    at = end + noticed_s
    wanted = ((draws.start_s >= begin) & (draws.start_s < end)).any()
    up, out = (bool(((spans[:, 0] <= at) & (at < spans[:, 1])).any()) for spans in (rhythm.awake, rhythm.out))
    comes = np.array([at]) if wanted and up and not out else np.empty(0)
    return Draws(comes, np.full(len(comes), FETCH_L), np.full(len(comes), FETCH_S))


def announced(draws: Draws, begin: float, after_s: float) -> Draws:
    """Return the draws of a home that was told of a cut at `begin`: a bucket is filled in the quarter of an hour before.

    `after_s` says when in that quarter: neighbours do not all open the tap in the same second.
    """
    at = begin - BUCKET_BEFORE_S + after_s % (BUCKET_BEFORE_S - BUCKET_L / FLOW_L_S)
    return merged(draws, Draws(np.array([at]), np.array([BUCKET_L]), np.array([BUCKET_L / FLOW_L_S])))


def strike(homes: Sequence[Draws], at: float, rng: np.random.Generator) -> list[Draws]:
    """Return the draws of homes behind one pipe whose water is cut off at `at` or, if they were told, a quarter after it."""
    planned, lasts_s = bool(rng.random() < PLANNED), float(rng.uniform(*LASTS_S))
    if not planned:
        return [cut(draws, at, at + lasts_s) for draws in homes]
    begin = at + BUCKET_BEFORE_S
    opens_s = rng.uniform(0, BUCKET_BEFORE_S, len(homes)).tolist()
    told = [announced(draws, begin, after_s) for draws, after_s in zip(homes, opens_s, strict=True)]
    return [cut(draws, begin, begin + lasts_s) for draws in told]


FAULT = Fault("W4", "plumbing", strike, finds=("water_outage",), group=True)
