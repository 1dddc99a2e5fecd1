"""The pulses behind a register: by how many steps it went up from one reading to the next.  No fault, but what several
are made of.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulators.meters import Register

Counts = NDArray[np.int64]


def step_l(register: Register) -> float:
    """Return the step of a register: the largest that all its readings are multiples of. [L]  1 if it never changed.

    A register that was read from 0 on and rose by the same each time looks coarser than it is: name the step then.
    """
    shown_ml = np.rint(register.litres * 1000).astype(np.int64)
    return int(np.gcd.reduce(shown_ml)) / 1000 if np.diff(shown_ml).any() else 1.0


def pulses(register: Register, pulse_l: float) -> Counts:
    """Return (N,) pulses of `pulse_l` from the reading before to each, below 0 where the register fell; the first is 0."""
    return np.rint(np.diff(register.litres, prepend=register.litres[:1]) / pulse_l).astype(np.int64)


def later(register: Register, at: float) -> NDArray[np.bool_]:
    """Return (N,) which readings were taken after `at` (seconds since 1970)."""
    taken: NDArray[np.bool_] = register.at_s > at
    return taken


def base_l(register: Register, at: float) -> float:
    """Return the last reading up to `at` [L], the first of all if there is none, 0 of a register that was never read."""
    last = max(int(np.searchsorted(register.at_s, at, side="right")) - 1, 0)
    return float(register.litres[last]) if len(register.litres) else 0.0


def recounted(register: Register, at: float, counts: Counts, pulse_l: float) -> Register:
    """Return the register when its readings after `at` went up by `counts` (N,) pulses of `pulse_l`, not by their own."""
    changed = later(register, at)
    grown = base_l(register, at) + np.cumsum(np.where(changed, counts, 0)) * pulse_l
    return replace(register, litres=np.where(changed, grown, register.litres))
