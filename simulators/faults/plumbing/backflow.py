"""Water flows back into the mains, through a meter without a check valve.

At the meter: the register falls by 0.1 to 50 L within minutes, then goes on from there.
The service must: flag the fall, take it neither for use nor for a rollover, and count what is drawn afterwards.  What was
drawn in the same interval is lost in the fall: not known, so no quiet ends and none begins there.
"""

import numpy as np

from simulators.doings import draw, merged
from simulators.faults import Fault
from simulators.households import Draws

BACK_L = (0.1, 50.0)
LASTS_S = (60.0, 1800.0)
"""A heater or a tank on the roof empties itself for so long when the mains lose their pressure. [s] [A]"""


def backflow(draws: Draws, at: float, litres: float, lasts_s: float) -> Draws:
    """Return the draws with `litres` (above 0) flowing back from `at` (seconds since 1970) on, evenly for `lasts_s`.

    It is a draw of less than nothing; a register that is read later shows less by so much, below zero if it was that new.

    Raises
    ------
    ValueError
        Litres or time is not above 0.
    """
    if not (litres > 0 and lasts_s > 0):
        raise ValueError(f"want litres and a time above 0, got {litres} L for {lasts_s} s")
    return merged(draws, draw(at, -litres, lasts_s))


def strike(draws: Draws, at: float, rng: np.random.Generator) -> Draws:
    """Return the draws with one backflow at `at`; small ones are the usual ones."""
    least, most = BACK_L
    return backflow(draws, at, float(least * (most / least) ** rng.random()), float(rng.uniform(*LASTS_S)))


FAULT = Fault("W7", "plumbing", strike, never=("surge", "leak"))
