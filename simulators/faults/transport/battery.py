"""The battery of a meter runs down.

At the broker: the charge of which it tells falls day by day, where its format has a place for that; the gaps between its
messages grow, in the cold hours of the night first; after a brown-out it says the register of its last message once more,
under a new time; in the end nothing comes.
The service must: give the device to the technicians while it still reports, a month before if the charge falls slowly enough,
take no repeated register among growing gaps for a quiet home, and say that the meter is silent when nothing comes any more.
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np

from simulators.end_uses import DAY_S, SHANGHAI, at_night
from simulators.faults import Fault
from simulators.faults.transport import a_meter
from simulators.reports import Report

COLD_H = (23.0, 7.0)
"""The cold hours: the voltage of a lithium cell falls with the temperature. [local h]"""
NIGHT_FACTOR = 2.0
"""How much likelier a message of the night is lost. [A]"""
FULL = 60.0
"""What it says of its charge when it begins to weaken. [%]"""
REPEATS = 0.2
"""At the end, the share of messages that repeat the register before. [A]"""
FADES_DAYS = (5.0, 30.0)
"""From the first lost message to the last that arrives. [A]"""


def fading(
    reports: Sequence[Report],
    device: str,
    at: float,
    flat_at: float,
    rng: np.random.Generator,
    repeats: float = REPEATS,
    zone: ZoneInfo = SHANGHAI,
) -> list[Report]:
    """Return the reports that still arrive of a battery that weakens from `at` on and is flat at `flat_at`.

    Parameters
    ----------
    reports : in order of time
    at, flat_at : float
        Seconds since 1970.  The share that is lost grows evenly from 0 to 1 between them, twice as fast at night.
    rng : Generator
        Says which are lost, and which say the register before.
    repeats : float
        Share of repeated registers, growing from 0 to this.

    Raises
    ------
    ValueError
        `flat_at` is not after `at`, or `repeats` no share.
    """
    if not (flat_at > at and 0 <= repeats <= 1):
        raise ValueError(f"want a flat battery after {at} and a share of repeats, got {flat_at}, {repeats}")
    left: list[Report] = []
    before: Report | None = None
    cold = at_night(np.array([one.at for one in reports]), zone, COLD_H).tolist()
    for one, in_cold in zip(reports, cold, strict=True):
        if one.device != device or one.at <= at:
            left.append(one)
            before = one if one.device == device else before
            continue
        age = min((one.at - at) / (flat_at - at), 1.0)
        lost, again = rng.random(2)
        if lost < age * (NIGHT_FACTOR if in_cold else 1.0):
            continue
        content = before if before is not None and again < age * repeats else one
        before = one._replace(said=content.said, earlier=content.earlier, charge=FULL * (1 - age))
        left.append(before)
    return left


def strike(
    reports: Sequence[Report], at: float, rng: np.random.Generator, *, zone: ZoneInfo = SHANGHAI
) -> list[Report]:
    """Let the battery of the home's meter run down from `at` on."""
    flat_at = at + rng.uniform(*FADES_DAYS) * DAY_S
    return fading(reports, a_meter(reports, rng), at, flat_at, rng, zone=zone)


FAULT = Fault("M6", "transport", strike, finds=("battery", "meter_silent"), never=("surge", "leak"), wants=("zone",))
