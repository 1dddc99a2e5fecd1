"""Messages overtake each other: a network keeps some of them back for minutes or hours.

At the broker: registers in the wrong order; by arrival the register falls and rises again.
The service must: put them in the order of the device's clock, never see use below zero, and raise nothing.
"""

from collections.abc import Sequence

import numpy as np

from simulators.faults import Fault
from simulators.faults.transport import a_meter, arriving, in_order
from simulators.reports import Report

SHARE = (0.05, 0.30)
"""Messages that are kept back. [A]"""
LONGEST_S = (300.0, 4 * 3600.0)
"""None is kept back longer than a time between these. [s]"""


def jumbled(
    reports: Sequence[Report], device: str, at: float, share: float, longest_s: float, rng: np.random.Generator
) -> list[Report]:
    """Return the reports as they arrive when some of `device` are kept back from `at` (seconds since 1970) on.

    Parameters
    ----------
    share : float
        Of its messages, kept back.
    longest_s : float
        Each of them for an even time up to this.

    Raises
    ------
    ValueError
        `share` is no share, or `longest_s` is not above 0.
    """
    if not (0 <= share <= 1 and longest_s > 0):
        raise ValueError(f"want a share from 0 to 1 and a delay above 0 s, got {share}, {longest_s}")
    came = []
    for one in reports:
        kept_back = one.device == device and one.at >= at and rng.random() < share
        came.append(arriving(one, one.at + float(rng.uniform(0, longest_s))) if kept_back else one)
    return in_order(came)


def strike(reports: Sequence[Report], at: float, rng: np.random.Generator) -> list[Report]:
    """Let messages of the home's meter overtake each other from `at` on."""
    share, longest_s = float(rng.uniform(*SHARE)), float(rng.uniform(*LONGEST_S))
    return jumbled(reports, a_meter(reports, rng), at, share, longest_s, rng)


FAULT = Fault("M11", "transport", strike, never=("quiet", "surge", "leak"))
