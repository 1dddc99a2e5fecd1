"""A pipe or a hose bursts inside the home.

At the meter: 0.2 to 1 L/s without a stop, 180 to 900 L in a quarter of an hour, until somebody shuts the valve.
The service must: raise a surge at the first report, and say where the water is shut off.  Water that runs is no sign of
life.
"""

import numpy as np

from simulators.doings import draw, merged
from simulators.faults import Fault
from simulators.households import Draws

FLOWS_L_S = (0.2, 1.0)
SHUT_AFTER_S = (3600.0, 12 * 3600.0)
"""Somebody shuts the valve in an hour to half a day: the neighbour below is quicker than the one who lies. [s] [A]"""


def burst(draws: Draws, at: float, flow_l_s: float, shut_after_s: float) -> Draws:
    """Return the draws with a pipe that bursts at `at` (seconds since 1970) and is shut off `shut_after_s` later.

    What is drawn meanwhile is drawn all the same: in most homes a burst hose leaves the taps their pressure.

    Raises
    ------
    ValueError
        Flow or time is not above 0.
    """
    if not (flow_l_s > 0 and shut_after_s > 0):
        raise ValueError(f"want a flow and a time above 0, got {flow_l_s} L/s for {shut_after_s} s")
    return merged(draws, draw(at, flow_l_s * shut_after_s, shut_after_s))


def strike(draws: Draws, at: float, rng: np.random.Generator) -> Draws:
    """Return the draws with a burst at `at`."""
    return burst(draws, at, float(rng.uniform(*FLOWS_L_S)), float(rng.uniform(*SHUT_AFTER_S)))


FAULT = Fault("W3", "plumbing", strike, finds=("surge",))
