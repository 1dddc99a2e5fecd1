"""Somebody takes up a new habit that needs no tap: rainwater, bottled water, the public bath, a chamber pot.

At the meter: one end use nearly stops, 0 to 0.3 of it is left: flushes, showers, small draws, or all draws of the night.
The person moves about as before.
The service must: raise nothing urgent, and tell the slow change, to ask about it: half are told within two months.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from simulators.doings import Bools, Doings
from simulators.end_uses import FLUSH_L, SHANGHAI, at_night, flushes, showers
from simulators.faults import Fault
from simulators.households import Draws

Use = Literal["flush", "shower", "small", "night"]
USES: dict[Use, Callable[[Draws, ZoneInfo], Bools]] = {
    "flush": lambda draws, _: flushes(draws),
    "shower": lambda draws, _: showers(draws),
    "small": lambda draws, _: draws.litres < FLUSH_L[0],
    "night": lambda draws, zone: at_night(draws.start_s, zone),
}
"""Rainwater for the cistern, the public bath, bottled water in the kitchen, a chamber pot."""
LEFT = (0.0, 0.3)


def habit(
    doings: Doings, at: float, rng: np.random.Generator, *, use: Use, left: float, zone: ZoneInfo = SHANGHAI
) -> Doings:
    """Return the doings of somebody who does `use` without the tap from `at` (seconds since 1970) on, but for `left` of it.

    Raises
    ------
    ValueError
        There is no such use, or `left` is not in [0, 1].
    """
    if use not in USES or not 0 <= left <= 1:
        raise ValueError(f"want one of {', '.join(USES)} and a share in [0, 1], got {use!r}, {left}")
    d = doings.draws
    keep = (d.start_s < at) | ~USES[use](d, zone) | (rng.random(len(d)) < left)
    return replace(doings, draws=doings.thinned(keep).draws)  # all steps stay


def strike(doings: Doings, at: float, rng: np.random.Generator, *, zone: ZoneInfo = SHANGHAI) -> Doings:
    """Begin at `at`."""
    use = tuple(USES)[int(rng.integers(len(USES)))]
    return habit(doings, at, rng, use=use, left=float(rng.uniform(*LEFT)), zone=zone)


FAULT = Fault("P17", "person", strike, never=("surge", "leak"), wants=("zone",))
