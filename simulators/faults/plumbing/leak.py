"""A cistern or a joint leaks, without a stop.

At the meter: no interval without flow any more; on a register of whole litres a steady tick.
The service must: raise a leak after a day, for the next working day, and still see when nobody *uses* water.
"""

import numpy as np

from simulators.doings import draw, merged
from simulators.households import Draws

LONGEST_S = 120 * 86_400.0


def leak(draws: Draws, since: float, litres_per_h: float, until: float = np.inf) -> Draws:
    """Return the draws with `litres_per_h` running away from `since` until `until` (seconds since 1970).

    Raises
    ------
    ValueError
        `litres_per_h` is not above 0.
    """
    if not litres_per_h > 0:
        raise ValueError(f"want a leak above 0 L/h, got {litres_per_h}")
    seconds = min(until - since, LONGEST_S)
    return merged(draws, draw(since, litres_per_h * seconds / 3600, seconds))
