"""Water comes back after an outage and pushes air through the meter.

At the meter: 1 to 20 L in a few gusts within ten minutes of the return, though nobody may have drawn anything.
The service must: not take these gusts for a person: in the first ten minutes after an outage of a group they end no quiet.
They are no surge either.
"""

import numpy as np
from numpy.typing import ArrayLike

from simulators.doings import merged
from simulators.faults import Fault
from simulators.households import Draws

AIR_L = (1.0, 20.0)
WITHIN_S = 600.0
GUST_S = 5.0
MOST_GUSTS = 5
"""How many gusts, and for how long the wheel spins in each. [A]"""


def air(draws: Draws, back: float, litres: float, gusts_s: ArrayLike) -> Draws:
    """Return the draws with air that counts as `litres` when water is back at `back` (seconds since 1970).

    Parameters
    ----------
    draws : Draws
        Of one home, with the outage already taken out (`simulators.faults.plumbing.cut`).
    back : float
        When the water is back.
    litres : float
        What the meter counts of the air, in equal parts. [L]
    gusts_s : (N,) float
        When each gust comes, after `back`. [s]

    Raises
    ------
    ValueError
        `litres` is not above 0, or there is no gust, or one comes before `back`.
    """
    start = back + np.sort(np.atleast_1d(np.asarray(gusts_s, np.float64)))
    if not (litres > 0 and len(start) and start[0] >= back):
        raise ValueError(f"want litres above 0 in gusts from 0 s up, got {litres} L at {gusts_s!r}")
    n = len(start)
    return merged(draws, Draws(start, np.full(n, litres / n), np.full(n, GUST_S)))


def strike(draws: Draws, at: float, rng: np.random.Generator) -> Draws:
    """Return the draws with air in the pipe when the water is back at `at`; small amounts are the usual ones."""
    least, most = AIR_L
    gusts = rng.uniform(0, WITHIN_S - GUST_S, int(rng.integers(1, MOST_GUSTS + 1)))
    return air(draws, at, float(least * (most / least) ** rng.random()), gusts)


FAULT = Fault("W6", "plumbing", strike, never=("surge", "leak"))
