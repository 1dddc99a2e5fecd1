"""Somebody falls in the shower or at the tap, and the water runs on.

At the meter: 0.08 to 0.13 L/s without a stop, 290 to 470 L an hour, until somebody comes.
The service must: raise a surge within two reports.  Running water is no sign of life.
"""

import numpy as np

from simulators.doings import Doings, draw

FLOW_L_S = 0.11
"""A shower. [L/s]"""
FOUND_AFTER_S = 12 * 3600.0
"""Nobody is left lying longer in a simulation. [s]"""


def fall_running(doings: Doings, at: float, flow_l_s: float = FLOW_L_S, found_after_s: float = FOUND_AFTER_S) -> Doings:
    """Return the doings of somebody who falls at `at` (seconds since 1970) under running water."""
    running = draw(at, flow_l_s * found_after_s, found_after_s)
    return doings.until(at).also(running, np.array([at]), np.empty(0))
