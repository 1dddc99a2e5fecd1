"""The clock of a meter keeps another zone: summer time by an hour, or local time that is sent as UTC.

At the broker: the right register under a time that is wrong by whole hours, -1, +1 or +8.
The service must: let the time of arrival stand in where the clock is ahead, and compare the habits of the hours with
their own past each month: by a clock that is an hour behind, a person changes every habit on one day.  No detector does
the second yet; an hour behind is judged as it is told.
"""

from collections.abc import Sequence

import numpy as np

from simulators.faults import Fault
from simulators.faults.transport import a_meter
from simulators.faults.transport.wrong_clock import skewed
from simulators.reports import Report

HOURS = (-1.0, 1.0, 8.0)
"""Summer time taken for winter time, the reverse, and Chinese local time sent as UTC. [h]"""


def zone_shifted(reports: Sequence[Report], device: str, at: float, hours: float) -> list[Report]:
    """Return the reports under a clock of `device` that is `hours` ahead from `at` (seconds since 1970) on.

    Raises
    ------
    ValueError
        `hours` is no offset that a zone can have: more than 14, or not a number.
    """
    if not abs(hours) <= 14:
        raise ValueError(f"want an offset of at most 14 h, got {hours}")
    return skewed(reports, device, at, hours * 3600.0)


def strike(reports: Sequence[Report], at: float, rng: np.random.Generator) -> list[Report]:
    """Put the clock of the home's meter into another zone at `at`."""
    return zone_shifted(reports, a_meter(reports, rng), at, float(rng.choice(HOURS)))


FAULT = Fault("M13", "transport", strike, never=("quiet", "surge", "leak", "meter_silent"))
