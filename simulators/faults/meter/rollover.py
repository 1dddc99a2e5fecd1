"""The register is full and begins again at zero.

At the meter: a jump down by almost the whole scale: 10,000 or 100,000 m³, or 2^16, 2^24 or 2^32 counts.
The service must: add the scale only if the register stood within a percent of it and the use that follows is plausible;
otherwise say that it does not know.  It is no new meter.  Sizes other than 10,000 and 100,000 m³ stand in the registry.
"""

from dataclasses import replace

import numpy as np

from simulators.faults import Fault
from simulators.faults.meter.pulses import base_l, step_l
from simulators.meters import Register

COUNTS = (2.0**16, 2.0**24, 2.0**32)
"""Sizes of counters of pulses, in steps of the register."""
LITRES = (1e7, 1e8)
"""Registers of four and of five digits of cubic metres. [L]"""


def rollover(register: Register, at: float, modulus_l: float) -> Register:
    """Return the register of a meter that is full at `at` (seconds since 1970).

    Such a meter was never new: all readings are moved by a constant, so that the last one up to `at` is the highest that the
    register can show, and the first step after it is zero again.  What is drawn stays the same.

    Raises
    ------
    ValueError
        `modulus_l` is not above the step of the register.
    """
    step = step_l(register)
    if not modulus_l > step:
        raise ValueError(f"want a modulus above the step of {step:g} L, got {modulus_l}")
    counted = np.mod(register.litres - base_l(register, at) + modulus_l - step, modulus_l)
    return replace(register, litres=np.rint(counted * 1000) / 1000)  # subtracting large numbers left crumbs


def strike(register: Register, at: float, rng: np.random.Generator) -> Register:
    """Return the register of a meter of one of the usual sizes that is full at `at`."""
    sizes = [counts * step_l(register) for counts in COUNTS] + list(LITRES)
    return rollover(register, at, sizes[int(rng.integers(len(sizes)))])


FAULT = Fault("M4", "meter", strike, never=("surge", "leak"))
