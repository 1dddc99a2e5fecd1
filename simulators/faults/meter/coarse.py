"""A device begins to report in coarser steps: tens of litres instead of litres.

At the meter: the register stands still and jumps by 10 (by 100 if it showed tens before); small draws vanish into the next
large one, and quiets look longer.
The service must: learn the home anew, and wait longer until it has: the last 10 L may have been drawn at any time since the
last step.  No alarm for a register that cannot show a hand-wash.  It is known after six volumes of whole tens, about a day;
a quiet has to be more unusual from the third on.
"""

from dataclasses import replace

import numpy as np

from simulators.faults import Fault
from simulators.faults.meter.pulses import later, step_l
from simulators.meters import Register

STEP_L, COARSEST_L = 10.0, 100.0


def coarse(register: Register, at: float, to_l: float = STEP_L) -> Register:
    """Return the register in whole steps of `to_l` from `at` (seconds since 1970) on, rounded down as registers are.

    The first coarse reading may so lie below the last fine one, by less than a step.

    Raises
    ------
    ValueError
        `to_l` is not above 0.
    """
    if not to_l > 0:
        raise ValueError(f"want a step above 0 L, got {to_l}")
    whole = np.floor(register.litres / to_l + 1e-9) * to_l
    return replace(register, litres=np.where(later(register, at), whole, register.litres))


def strike(register: Register, at: float, rng: np.random.Generator) -> Register:
    """Return the register that shows only tens of litres from `at` on, hundreds if it showed tens; nothing is drawn."""
    del rng
    return coarse(register, at, STEP_L if step_l(register) < STEP_L else COARSEST_L)


FAULT = Fault("M19", "meter", strike, finds=("meter_steps",), never=("meter_silent",))
