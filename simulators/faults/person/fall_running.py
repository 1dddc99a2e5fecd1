"""Somebody falls in the shower or at the tap, and the water runs on.

At the meter: 0.08 to 0.13 L/s without a stop, 290 to 470 L an hour, until somebody comes; no sensor sees anybody.
The service must: raise a surge within two reports.  Running water is no sign of life.
"""

import numpy as np

from simulators.doings import Doings, draw
from simulators.faults import Fault

FLOW_L_S = 0.11
"""A shower. [L/s]"""
FOUND_AFTER_S = 12 * 3600.0
"""Nobody is left lying longer in a simulation. [s]"""
FLOWS_L_S = (0.08, 0.13)
LEAST_S = 2 * 3600.0
"""Nobody is found sooner than this. [s] [A]"""


def fall_running(doings: Doings, at: float, flow_l_s: float = FLOW_L_S, found_after_s: float = FOUND_AFTER_S) -> Doings:
    """Return the doings of somebody who falls at `at` (seconds since 1970) under running water.

    Raises
    ------
    ValueError
        Flow or time is not above 0.
    """
    if not (flow_l_s > 0 and found_after_s > 0):
        raise ValueError(f"want a flow and a time above 0, got {flow_l_s} L/s for {found_after_s} s")
    running = draw(at, flow_l_s * found_after_s, found_after_s)
    return doings.until(at).also(running, np.array([at]), np.empty(0))


def strike(doings: Doings, at: float, rng: np.random.Generator) -> Doings:
    """Fall at `at`, or when back home; the water runs until somebody comes."""
    flow_l_s, found_after_s = rng.uniform(*FLOWS_L_S), rng.uniform(LEAST_S, FOUND_AFTER_S)
    return fall_running(doings, doings.home_from(at), float(flow_l_s), float(found_after_s))


FAULT = Fault("P2", "person", strike, finds=("surge",))
