"""The water of a building is cut off, and comes back.

At the meter: every home shows zero from the same moment on, messages go on.  When the water is back, cisterns that were
flushed empty fill up within a minute, and air in the pipe turns the wheel a little more.
The service must: see the improbable common silence, tell it once, open no case about what it explains, keep a case that
began before, and end it when the homes draw again.
"""

import numpy as np

from simulators.doings import merged
from simulators.households import Draws, Floats

CISTERN_L = 6.0
AIR_L = 2.0
"""What the meter counts of the air that a tap lets out; 1 to 20 L were seen. [L]"""
REFILL_S = 60.0
FLOW_L_S = 0.1
BUCKET_L = 9.0
BUCKET_BEFORE_S = 900.0


def cut(draws: Draws, begin: float, end: float) -> Draws:
    """Return the draws of a home without water in [begin, end) (seconds since 1970).

    What would have begun meanwhile is not drawn; what runs on (a leak, an open tap) stops and starts again.  Whoever
    wanted water meanwhile emptied the cistern and opened a tap: both show at `end`.
    """
    stop = draws.start_s + draws.duration_s
    wanted = (draws.start_s >= begin) & (draws.start_s < end)
    before = _clipped(draws, draws.start_s, np.minimum(stop, begin))
    after = _clipped(draws, np.maximum(draws.start_s, end), stop, ~wanted)
    back = (CISTERN_L + AIR_L) * bool(wanted.any())
    refill = Draws(np.array([end]), np.array([back]), np.array([REFILL_S]))
    whole = merged(before, after)
    return merged(whole, refill) if back else whole


def announced(draws: Draws, begin: float, after_s: float) -> Draws:
    """Return the draws of a home that was told of a cut at `begin`: a bucket is filled in the quarter of an hour before.

    `after_s` says when in that quarter: neighbours do not all open the tap in the same second.
    """
    at = begin - BUCKET_BEFORE_S + after_s % (BUCKET_BEFORE_S - BUCKET_L / FLOW_L_S)
    return merged(draws, Draws(np.array([at]), np.array([BUCKET_L]), np.array([BUCKET_L / FLOW_L_S])))


def _clipped(draws: Draws, start: Floats, stop: Floats, of: np.ndarray | None = None) -> Draws:
    """Return the part of each draw between `start` and `stop`, at its own flow."""
    keep = stop > start if of is None else of & (stop > start)
    share = (stop - start)[keep] / draws.duration_s[keep]
    return Draws(start[keep], draws.litres[keep] * share, (stop - start)[keep])
