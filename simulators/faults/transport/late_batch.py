"""A meter cannot be reached for days, keeps what it measured, and then sends all of it at once.

At the broker: nothing, then up to seven days of registers in one message, in order, each with its own time.
The service must: put every interval where it belongs, wake nobody for a quiet that began and ended in the past, and send
somebody for one that is still going on.
"""

from collections.abc import Sequence

import numpy as np

from simulators.faults import Fault
from simulators.faults.transport import a_meter, arriving, in_order
from simulators.reports import Report

LATE_S = (0.5 * 86_400, 7 * 86_400.0)
"""How long nothing comes. [s]"""


def late(reports: Sequence[Report], device: str, at: float, until: float) -> list[Report]:
    """Return the reports as they arrive when `device` cannot be reached from `at` until `until` (seconds since 1970).

    Raises
    ------
    ValueError
        `until` is not after `at`.
    """
    if not until > at:
        raise ValueError(f"want a meter that is reached again after {at}, got {until}")
    return in_order(arriving(one, until) if one.device == device and at <= one.at < until else one for one in reports)


def strike(reports: Sequence[Report], at: float, rng: np.random.Generator) -> list[Report]:
    """Let the home's meter be out of reach for up to a week."""
    return late(reports, a_meter(reports, rng), at, at + rng.uniform(*LATE_S))


FAULT = Fault("M9", "transport", strike, finds=("meter_silent",), never=("quiet", "surge", "leak"))
