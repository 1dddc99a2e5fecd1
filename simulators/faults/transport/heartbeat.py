"""A meter's counter is not read any more, while its radio goes on.

At the broker: messages come in time and hold a status, but no register.
The service must: know that the device is alive and the person unknown: say that the home is not watched, and raise nothing
about the person.  Today it says so as of a silent meter.
"""

from collections.abc import Sequence

import numpy as np

from simulators.faults import Fault
from simulators.faults.transport import a_meter
from simulators.reports import Report

LASTS_S = (6 * 3600.0, 7 * 86_400.0)
"""How long, until somebody restarts the device. [s] [A]"""


def heartbeats(reports: Sequence[Report], device: str, at: float, until: float = np.inf) -> list[Report]:
    """Return the reports without a register of `device` from `at` until `until` (seconds since 1970).

    Raises
    ------
    ValueError
        `until` is not after `at`.
    """
    if not until > at:
        raise ValueError(f"want an end after {at}, got {until}")
    return [
        one._replace(said=None, earlier=()) if one.device == device and at <= one.at < until else one for one in reports
    ]


def strike(reports: Sequence[Report], at: float, rng: np.random.Generator) -> list[Report]:
    """Let the home's meter say no register for hours or days."""
    return heartbeats(reports, a_meter(reports, rng), at, at + float(rng.uniform(*LASTS_S)))


FAULT = Fault("M18", "transport", strike, finds=("meter_silent",), never=("quiet", "surge", "leak"))
