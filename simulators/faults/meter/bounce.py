"""The contact bounces: some pulses count twice.

At the meter: 5 to 50 percent more litres; the two pulses of a pair lie within 50 ms, which a register does not show.
The service must: doubt a flow that no pipe of 15 mm carries (above 1.1 L/s), and believe the rest: a few litres more say
as well as a few less that somebody is up.
"""

import numpy as np

from simulators.faults import Fault
from simulators.faults.meter.pulses import pulses, recounted, step_l
from simulators.meters import Register

SHARES = (0.05, 0.5)


def bounce(
    register: Register, at: float, share: float, rng: np.random.Generator, pulse_l: float | None = None
) -> Register:
    """Return the register that counts each pulse after `at` (seconds since 1970) twice with probability `share`.

    Pulses, each worth `pulse_l` or one step of the register, bounce independently; what flows back does not.

    Raises
    ------
    ValueError
        `share` is not inside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"want a share of pulses from 0 to 1, got {share}")
    pulse_l = step_l(register) if pulse_l is None else pulse_l
    counts = pulses(register, pulse_l)
    return recounted(register, at, counts + rng.binomial(np.maximum(counts, 0), share), pulse_l)


def strike(register: Register, at: float, rng: np.random.Generator) -> Register:
    """Return the register of a contact that bounces from `at` on."""
    return bounce(register, at, float(rng.uniform(*SHARES)), rng)


FAULT = Fault("M2", "meter", strike, never=("quiet", "meter_silent"))
