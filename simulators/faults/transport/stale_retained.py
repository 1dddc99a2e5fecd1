"""A broker hands out old retained messages at a reconnect.

At the broker: one old message of each device, marked as retained, in between the fresh ones.
The service must: take it for a state of the past, never for a sign of life, nor for water that was drawn since.

Through a real broker only a subscriber that connects later sees the mark: to one that is connected it hands the old message
out like a fresh one.  A fleet takes its retained messages back after a while (`simulators.fleet`).
"""

from collections.abc import Sequence

import numpy as np

from simulators.faults import Fault
from simulators.faults.transport import arriving, in_order
from simulators.reports import Report

AGE_S = (3600.0, 7 * 86_400.0)
"""How old the retained messages are; hours are as likely as days. [s]"""


def reconnected(reports: Sequence[Report], at: float, age_s: float) -> list[Report]:
    """Return the reports with the newest of each device that is `age_s` old at `at` (seconds since 1970) once more.

    Raises
    ------
    ValueError
        `age_s` is not above 0.
    """
    if not age_s > 0:
        raise ValueError(f"want an age above 0 s, got {age_s}")
    kept = {one.device: one for one in in_order(reports) if one.at <= at - age_s}
    return in_order([*reports, *(arriving(one, at)._replace(retained=True) for one in kept.values())])


def strike(reports: Sequence[Report], at: float, rng: np.random.Generator) -> list[Report]:
    """Let the broker hand out old messages of every device at `at`."""
    return reconnected(reports, at, float(np.exp(rng.uniform(*np.log(AGE_S)))))


FAULT = Fault("M16", "transport", strike, never=("quiet", "surge", "leak", "meter_silent"), group=True)
