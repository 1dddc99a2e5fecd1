"""The meter is replaced by another one.

At the meter: the register jumps, down as a rule, to the 0 to 2 m³ of the new one, and goes on from there.
The service must: have a work order, take the jump neither for use nor for a rollover, and start the clock of a quiet at the
swap: whoever changes a meter runs the tap and meets the person.  Without a work order the interval is not known, and nobody
was there.

The new serial number is not in the register: it belongs to the message and to the registry, where the old device ends and
the new one begins.  Under the old name, as here, it is a replacement that nobody entered.
"""

from dataclasses import replace

import numpy as np

from simulators.faults import Fault
from simulators.faults.meter.pulses import base_l, later, step_l
from simulators.meters import Register

NEW_L = (0.0, 2000.0)
"""What a new meter has counted on the test bench, or a used one before. [L]"""


def replaced(register: Register, at: float, new_l: float) -> Register:
    """Return the register of a home whose meter is replaced at `at` (seconds since 1970) by one that stands at `new_l`.

    The last reading up to `at` is the last of the old meter; what was drawn since then is counted by the new one.

    Raises
    ------
    ValueError
        `new_l` is below 0.
    """
    if not new_l >= 0:
        raise ValueError(f"want a new meter that stands at 0 L or more, got {new_l}")
    moved = register.litres - base_l(register, at) + new_l
    return replace(register, litres=np.where(later(register, at), moved, register.litres))


def strike(register: Register, at: float, rng: np.random.Generator) -> Register:
    """Return the register of a home whose meter is replaced at `at` by another of the same step."""
    step = step_l(register)
    return replaced(register, at, float(np.floor(rng.uniform(*NEW_L) / step) * step))


FAULT = Fault("M3", "meter", strike, never=("surge", "leak"))
