"""A tap drips, more slowly than most meters can feel.

At the meter: nothing at all below its start flow; above it a litre every one to ten hours.
The service must: not take that litre for a person.  A drip must not restart the clock of a quiet, and is no surge.

The start flow is the meter's, and yet the drip is left out here and not in the layer of the meter: a register is rounded
to steps and read now and then, so a flow of less than a step in an interval is no longer in it to be taken out.  A wheel
that somebody's tap keeps turning feels the drip as well; that comes to less than half a litre a day and is left out.
"""

import numpy as np

from simulators.faults import Fault
from simulators.faults.plumbing.leak import leak
from simulators.households import Draws

DRIPS_L_H = (0.1, 1.0)
START_FLOWS_L_H = {"sensitive": (0.0, 0.1), "ultrasonic": (1.0, 2.0), "mechanical": (4.0, 8.0), "worn": (10.0, 15.0)}
"""Below these flows a meter stands still: new ultrasonic and mechanical ones, and old ones. [L/h] [A]  `sensitive` feels
every drip: no usual meter does, but it is the worst case for the service."""


def drip(draws: Draws, since: float, litres_per_h: float, start_flow_l_h: float, until: float = np.inf) -> Draws:
    """Return the draws as a meter with this start flow feels them when something drips from `since` until `until`.

    Parameters
    ----------
    draws : Draws
        Of the home.
    since, until : float
        Seconds since 1970.
    litres_per_h : float
        Flow of the drip. [L/h]
    start_flow_l_h : float
        Flow from which on the meter turns; a slower drip leaves the draws as they are. [L/h]

    Raises
    ------
    ValueError
        `litres_per_h` is not above 0, `start_flow_l_h` is below 0, or `until` is not after `since`.
    """
    if not start_flow_l_h >= 0:
        raise ValueError(f"want a start flow from 0 L/h up, got {start_flow_l_h}")
    felt = leak(draws, since, litres_per_h, until)
    return felt if litres_per_h >= start_flow_l_h else draws


def strike(draws: Draws, at: float, rng: np.random.Generator) -> Draws:
    """Return the draws with a drip from `at` on; half of the meters feel it."""
    kinds = list(START_FLOWS_L_H)
    kind = kinds[0] if rng.random() < 0.5 else kinds[int(rng.integers(1, len(kinds)))]
    start_flow = float(rng.uniform(*START_FLOWS_L_H[kind]))
    least, most = DRIPS_L_H
    return drip(draws, at, float(least * (most / least) ** rng.random()), start_flow)


FAULT = Fault("W2", "plumbing", strike, never=("surge",))
