"""A cistern or a joint leaks: without a stop, or in top-ups.

At the meter: no interval without flow any more; on a register of whole litres a steady tick.  A float valve that opens
only when the level has sunk tops up instead: 0.5 to 2 L every 5 to 60 minutes, day and night, nothing between.
The service must: raise a leak after a day, for the next working day, and still see when nobody *uses* water.  What comes
to less than a litre an hour is told to nobody, but is no use by a person either.
"""

import numpy as np

from simulators.doings import draw, merged
from simulators.faults import Fault
from simulators.households import Draws

LONGEST_S = 120 * 86_400.0
FLOWS_L_H = (2.0, 120.0)
"""Flow of a flapper that does not close. [L/h]"""
TOP_UPS_L = (0.5, 2.0)
TOP_UP_EVERY_S = (300.0, 3600.0)
REFILL_L_S = 0.08
"""The float valve of a cistern. [L/s] [A]"""
LEAST_TOLD_L_H = 1.5
"""`strike` leaves out slower top-ups: near one litre an hour it is a matter of luck whether the leak is told. [L/h] [A]"""


def leak(draws: Draws, since: float, litres_per_h: float, until: float = np.inf) -> Draws:
    """Return the draws with `litres_per_h` running away from `since` until `until` (seconds since 1970).

    Raises
    ------
    ValueError
        `litres_per_h` is not above 0, or `until` not after `since`.
    """
    if not litres_per_h > 0:
        raise ValueError(f"want a leak above 0 L/h, got {litres_per_h}")
    seconds = _seconds(since, until)
    return merged(draws, draw(since, litres_per_h * seconds / 3600, seconds))


def top_up(draws: Draws, since: float, litres: float, every_s: float, until: float = np.inf) -> Draws:
    """Return the draws with a cistern that takes `litres` every `every_s`, from `since` until `until`.

    Raises
    ------
    ValueError
        `litres` is not above 0, or takes longer to run in than `every_s`, or `until` is not after `since`.
    """
    if not (litres > 0 and every_s > litres / REFILL_L_S):
        raise ValueError(f"want litres above 0 that run in within the interval, got {litres} L every {every_s} s")
    start = since + np.arange(0.0, _seconds(since, until), every_s)
    return merged(draws, Draws(start, np.full(len(start), litres), np.full(len(start), litres / REFILL_L_S)))


def _seconds(since: float, until: float) -> float:
    if not until > since:
        raise ValueError(f"want a leak that ends after it began at {since}, got {until}")
    return min(until - since, LONGEST_S)


def strike(draws: Draws, at: float, rng: np.random.Generator) -> Draws:
    """Return the draws with a leak from `at` on: half of them run without a stop, half top up."""
    topped, u, v = rng.random(3)
    if topped < 0.5:
        least, most = FLOWS_L_H
        return leak(draws, at, float(least * (most / least) ** u))
    litres = float(TOP_UPS_L[0] + (TOP_UPS_L[1] - TOP_UPS_L[0]) * u)
    least, most = TOP_UP_EVERY_S[0], min(TOP_UP_EVERY_S[1], litres / LEAST_TOLD_L_H * 3600)
    return top_up(draws, at, litres, float(least * (most / least) ** v))


FAULT = Fault("W1", "plumbing", strike, finds=("leak",))
