"""A tap is left open.

At the meter: 0.02 to 0.15 L/s for half an hour to half a day, on top of what else is drawn.  Where the basin runs
over, a leak sensor on the floor says so.
The service must: raise a surge, and have somebody ask the resident.
"""

import numpy as np

from simulators.doings import draw, merged
from simulators.faults import Fault
from simulators.households import Draws

OPEN_S = 12 * 3600.0
FLOWS_L_S, OPENS_S = (0.02, 0.15), (1800.0, OPEN_S)


def tap(draws: Draws, at: float, flow_l_s: float, open_s: float = OPEN_S) -> Draws:
    """Return the draws with a tap that runs from `at` (seconds since 1970) with `flow_l_s` for `open_s`.

    Raises
    ------
    ValueError
        Flow or time is not above 0.
    """
    if not (flow_l_s > 0 and open_s > 0):
        raise ValueError(f"want a flow and a time above 0, got {flow_l_s} L/s for {open_s} s")
    return merged(draws, draw(at, flow_l_s * open_s, open_s))


def strike(draws: Draws, at: float, rng: np.random.Generator) -> Draws:
    """Open a tap at `at`."""
    return tap(draws, at, float(rng.uniform(*FLOWS_L_S)), float(rng.uniform(*OPENS_S)))


FAULT = Fault("P3", "plumbing", strike, finds=("surge",))
