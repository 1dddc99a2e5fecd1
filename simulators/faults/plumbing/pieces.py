"""Parts of draws: what runs before a moment, and what after it.  No fault, but what several are made of."""

import numpy as np

from simulators.chance import Floats
from simulators.households import Draws


def clipped(draws: Draws, start: Floats, stop: Floats) -> Draws:
    """Return the part of each draw between its `start` and `stop`, at its own flow; draws without one are left out.

    Parameters
    ----------
    draws : Draws
        Of N draws.
    start, stop : (N,) float
        Seconds since 1970, rising starts.  A draw that lies between them is returned as it is, to the last digit.
    """
    whole = (start <= draws.start_s) & (stop >= draws.start_s + draws.duration_s)
    length = np.where(whole, draws.duration_s, stop - start)
    keep = whole | (length > 0)
    length, own = length[keep], draws.duration_s[keep]
    share = np.divide(length, own, out=np.ones_like(length), where=own > 0)
    return Draws(np.where(whole, draws.start_s, start)[keep], draws.litres[keep] * share, length)


def before(draws: Draws, at: float) -> Draws:
    """Return what runs before `at` (seconds since 1970)."""
    return clipped(draws, draws.start_s, np.minimum(draws.start_s + draws.duration_s, at))


def after(draws: Draws, at: float) -> Draws:
    """Return what runs from `at` (seconds since 1970) on."""
    return clipped(draws, np.maximum(draws.start_s, at), draws.start_s + draws.duration_s)
