"""The battery of a meter runs down.

At the broker: the gaps between its messages grow, in the cold hours of the night first; after a brown-out it says the
register of its last message once more, under a new time; in the end nothing comes.
The service must: give the device to the technicians a month before, take no repeated register among growing gaps for a
quiet home, and say that the meter is silent when nothing comes any more.  Today it says the last only.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from simulators.faults import Fault
from simulators.faults.transport import a_meter
from simulators.reports import Report

ZONE = ZoneInfo("Asia/Shanghai")
"""Where the nights are."""
NIGHT_H = (23, 7)
"""The cold hours: the voltage of a lithium cell falls with the temperature. [local h]"""
NIGHT_FACTOR = 2.0
"""How much likelier a message of the night is lost. [A]"""
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
    zone: ZoneInfo = ZONE,
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
    for one in reports:
        if one.device != device or one.at <= at:
            left.append(one)
            before = one if one.device == device else before
            continue
        age = min((one.at - at) / (flat_at - at), 1.0)
        lost, again = rng.random(2)
        if lost < age * (NIGHT_FACTOR if _at_night(one.at, zone) else 1.0):
            continue
        said = before.said if before is not None and again < age * repeats else one.said
        before = one._replace(said=said)
        left.append(before)
    return left


def _at_night(at: float, zone: ZoneInfo) -> bool:
    hour = datetime.fromtimestamp(at, zone).hour
    return hour >= NIGHT_H[0] or hour < NIGHT_H[1]


def strike(reports: Sequence[Report], at: float, rng: np.random.Generator) -> list[Report]:
    """Let the battery of the home's meter run down from `at` on."""
    flat_at = at + rng.uniform(*FADES_DAYS) * 86_400
    return fading(reports, a_meter(reports, rng), at, flat_at, rng)


FAULT = Fault("M6", "transport", strike, finds=("meter_silent",), never=("surge", "leak"))
