"""The wheel sticks, the reed breaks, or the pulse wire is cut: water flows and is not counted.

At the meter: the register stands still while messages go on; a reed that is about to break loses one to nine pulses in
ten, and the litres shrink by so much.
The service must: take it for what it looks like, a person who uses no water, and send somebody; the visit finds the meter,
and the outcome makes it a matter of the device.  A second meter or a pressure logger would tell at once.

All of it acts from the last reading up to the given moment on: what flowed between the two is not counted either.
"""

from dataclasses import replace

import numpy as np

from simulators.faults import Fault
from simulators.faults.meter.pulses import base_l, later, pulses, recounted, step_l
from simulators.meters import Register

SHARES = (0.1, 0.9)
WORN_S = (6 * 3600.0, 48 * 3600.0)
"""For so long a reed loses pulses before it breaks. [s] [A]"""


def stuck(register: Register, at: float) -> Register:
    """Return the register that stands still from `at` (seconds since 1970) on."""
    return replace(register, litres=np.where(later(register, at), base_l(register, at), register.litres))


def lossy(
    register: Register, at: float, share: float, rng: np.random.Generator, pulse_l: float | None = None
) -> Register:
    """Return the register that loses each pulse after `at` with probability `share`, independently.

    A pulse is worth `pulse_l`, or one step of the register.  What flows back is not lost.

    Raises
    ------
    ValueError
        `share` is not inside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"want a share of pulses from 0 to 1, got {share}")
    pulse_l = step_l(register) if pulse_l is None else pulse_l
    counts = pulses(register, pulse_l)
    return recounted(register, at, counts - rng.binomial(np.maximum(counts, 0), share), pulse_l)


def strike(register: Register, at: float, rng: np.random.Generator) -> Register:
    """Return the register that is stuck from `at` on, or (half of them) loses pulses from `at` and is stuck within days."""
    share, worn_s = float(rng.uniform(*SHARES)), float(rng.uniform(*WORN_S))
    if rng.random() < 0.5:
        return stuck(register, at)
    return stuck(lossy(register, at, share, rng), at + worn_s)


FAULT = Fault("M1", "meter", strike, finds=("quiet",))
