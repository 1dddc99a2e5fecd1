"""Somebody becomes frail and does less and less.

At the meter: over two to six months the draws become fewer, down to 0.5 to 0.7 of what they were, showers twice as fast
as the rest; each draw stays as large as it was.  A motion sensor sees fewer walks.
The service must: raise nothing urgent, and tell the slow change downwards: half are told within three months.
"""

from dataclasses import replace

import numpy as np

from simulators.doings import Doings
from simulators.end_uses import DAY_S, showers
from simulators.faults import Fault

LEFT, DAYS = (0.5, 0.7), (60.0, 180.0)
SHOWERS = 2.0
"""Showers are given up so many times as fast: they are what costs the most strength. [A]"""


def decline(doings: Doings, at: float, rng: np.random.Generator, *, days: float, left: float) -> Doings:
    """Return the doings of somebody who does evenly less from `at` (seconds since 1970), down to `left` after `days`.

    Raises
    ------
    ValueError
        `days` is not above 0, `left` not in [0, 1].
    """
    if not (days > 0 and 0 <= left <= 1):
        raise ValueError(f"want days above 0 and a share in [0, 1], got {days}, {left}")
    d, moves = doings.draws, doings.moves
    lost = (1 - left) * np.clip((d.start_s - at) / (days * DAY_S), 0.0, 1.0)
    keep = rng.random(len(d)) >= lost * np.where(showers(d), SHOWERS, 1.0)
    rests = rng.random(len(moves)) < (1 - left) * np.clip((moves - at) / (days * DAY_S), 0.0, 1.0)
    return replace(doings, moves=moves[~(rests & doings.walking())]).thinned(keep)


def strike(doings: Doings, at: float, rng: np.random.Generator) -> Doings:
    """Begin at `at`."""
    return decline(doings, at, rng, days=float(rng.uniform(*DAYS)), left=float(rng.uniform(*LEFT)))


FAULT = Fault("P8", "person", strike, never=("surge", "leak"))
