"""The pressure of the mains drops for hours.

At the meter: draws are weaker and last longer; what runs on anyway, a leak or an open tap, runs weaker.
The service must: do nothing.  Nobody lives differently, and a tap that takes longer is no surge.
"""

from functools import reduce

import numpy as np

from simulators.chance import Floats
from simulators.doings import merged
from simulators.faults import Fault
from simulators.households import Draws

FACTORS = (0.3, 0.7)
LASTS_S = (3600.0, 12 * 3600.0)
"""How long; reports say "hours". [s] [A]"""
RUNS_S = 3600.0
"""What runs for longer than this is no vessel that gets full: less comes of it, not later. [s] [A]"""


def pressure(draws: Draws, begin: float, end: float, factor: float) -> Draws:
    """Return the draws when every flow is `factor` of its own in [begin, end) (seconds since 1970).

    Whoever fills a cistern, a kettle or a basin waits until it is full: a draw keeps its litres and lasts longer, at its own
    flow again as soon as the pressure is back.  Draws do not say what they are for, so a shower does the same. [A]

    Raises
    ------
    ValueError
        `factor` is not above 0 and up to 1, or `end` is not after `begin`.
    """
    if not (0 < factor <= 1 and end > begin):
        raise ValueError(f"want a factor above 0 and up to 1 for a time above 0, got {factor} for {end - begin} s")
    touched = (draws.start_s < end) & (draws.start_s + draws.duration_s > begin) & (draws.duration_s > 0)
    parts = [draws.where(~touched)]
    weak = draws.where(touched)
    flow = weak.litres / weak.duration_s
    filled = np.where(weak.duration_s <= RUNS_S, _full(weak, begin, end, factor), weak.start_s + weak.duration_s)
    for since, until, share in ((-np.inf, begin, 1.0), (begin, end, factor), (end, np.inf, 1.0)):
        start, stop = np.maximum(weak.start_s, since), np.minimum(filled, until)
        there = stop > start
        length = (stop - start)[there]
        parts.append(Draws(start[there], (flow * share)[there] * length, length))
    return reduce(merged, parts)


def _full(draws: Draws, begin: float, end: float, factor: float) -> Floats:
    """Return (N,) when each draw has all of its litres."""
    normal_s = np.clip(begin - draws.start_s, 0, draws.duration_s)  # of what it takes at its own flow: before the drop
    weak_s = np.minimum(draws.duration_s - normal_s, factor * (end - np.maximum(draws.start_s, begin)))
    full: Floats = draws.start_s + draws.duration_s + weak_s * (1 / factor - 1)
    return full


def strike(draws: Draws, at: float, rng: np.random.Generator) -> Draws:
    """Return the draws with a drop of the pressure from `at` on."""
    return pressure(draws, at, at + float(rng.uniform(*LASTS_S)), float(rng.uniform(*FACTORS)))


FAULT = Fault("W5", "plumbing", strike, never=("quiet", "surge", "leak"))
