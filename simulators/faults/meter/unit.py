"""A device changes its unit: new firmware sends litres instead of cubic metres, or another weight of a pulse.

At the meter: from one report to the next everything is 1000 or 10 times as much, or a tenth, and stays so.
The service must: quarantine the device and tell that something is wrong with it, not with the person: no surge for a unit.
A register that is all at once 10, 100 or 1000 times what it was, or as little, is in quarantine until it is back or entered
anew; that it stands still, or moves, is believed all the same.  Where only the weight of a pulse changes, whole thousands
are not believed, ten times as much is told as other steps after some readings and may be a surge before, and a tenth is
believed.
"""

from dataclasses import replace

import numpy as np

from simulators.faults import Fault
from simulators.faults.meter.pulses import base_l, later
from simulators.meters import Register

FACTORS = (1000.0, 10.0, 0.1)


def unit(register: Register, at: float, factor: float) -> Register:
    """Return the register that a device states `factor` times as high from `at` (seconds since 1970) on.

    Raises
    ------
    ValueError
        `factor` is not above 0.
    """
    return _stated(register, at, factor, 0.0)


def weight(register: Register, at: float, factor: float) -> Register:
    """Return the register of a device that adds `factor` times as much for each pulse after `at` (seconds since 1970).

    It adds up by itself, so its register goes on from where it stood; only what comes is wrong.

    Raises
    ------
    ValueError
        `factor` is not above 0.
    """
    return _stated(register, at, factor, base_l(register, at))


def _stated(register: Register, at: float, factor: float, pivot_l: float) -> Register:
    if not factor > 0:
        raise ValueError(f"want a factor above 0, got {factor}")
    stated = np.round(pivot_l + (register.litres - pivot_l) * factor, 6)
    return replace(register, litres=np.where(later(register, at), stated, register.litres))


def strike(register: Register, at: float, rng: np.random.Generator) -> Register:
    """Return the register of a device whose unit, or (for 10 and 0.1, half of them) pulse weight, is wrong from `at` on."""
    factor = FACTORS[int(rng.integers(len(FACTORS)))]
    adds_up = factor != FACTORS[0] and rng.random() < 0.5
    return weight(register, at, factor) if adds_up else unit(register, at, factor)


FAULT = Fault("M5", "meter", strike)
