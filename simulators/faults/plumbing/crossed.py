"""The meters of two homes are crossed: each shows the life of the neighbour.

At the meter: nothing unusual in itself; two registers that grow as people live, each under the wrong name.
The service must: have it found when the meters are put in and at each drill: a visitor opens a tap and watches whose
message comes.  Until then a fall next door calls help to the wrong home.  No detector can see it in one home's water.
"""

from collections.abc import Sequence

import numpy as np

from simulators.doings import merged
from simulators.faults import Fault
from simulators.faults.plumbing.pieces import after, before
from simulators.households import Draws


def crossed(one: Draws, other: Draws, at: float = -np.inf) -> tuple[Draws, Draws]:
    """Return what flows through the meter of each home when they are crossed at `at` (seconds since 1970; from the start).

    A draw that runs just then goes on through the other meter.
    """
    return merged(before(one, at), after(other, at)), merged(before(other, at), after(one, at))


def strike(homes: Sequence[Draws], at: float, rng: np.random.Generator) -> list[Draws]:
    """Return the draws through the meters of these homes; two of them are crossed at `at`.

    Raises
    ------
    ValueError
        There are fewer than two homes.
    """
    if len(homes) < 2:
        raise ValueError(f"want two homes at least, got {len(homes)}")
    first, second = rng.choice(len(homes), 2, replace=False)
    through = list(homes)
    through[first], through[second] = crossed(homes[first], homes[second], at)
    return through


FAULT = Fault("W8", "plumbing", strike, group=True)
