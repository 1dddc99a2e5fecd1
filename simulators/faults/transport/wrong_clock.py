"""The clock of a meter is wrong: ahead or behind by minutes or hours, never set since a restart, or drifting.

At the broker: the right register under a wrong time; after a restart without a time source the days count from
1970-01-01; a good quartz drifts by up to 20 millionths, two seconds a day.
The service must: let the time of arrival stand in for a clock that cannot be right, say so on the reading, and not call a
home quiet because its meter's clock is behind.  A clock that is always behind by the same, for longer than one and a half
reports, is noticed at the fourth reading and told; by less it is believed.
"""

from collections.abc import Sequence

import numpy as np

from simulators.faults import Fault
from simulators.faults.transport import a_meter, measured_at
from simulators.reports import Report

OFFSET_S = (60.0, 6 * 3600.0)
"""A clock that is set wrongly is off by so much, either way; small errors are as likely as large ones. [s]"""
DRIFT_PPM = 20.0
"""Of a quartz without compensation. [millionths]"""


def skewed(
    reports: Sequence[Report], device: str, at: float, offset_s: float = 0.0, drift_ppm: float = 0.0
) -> list[Report]:
    """Return the reports under a clock of `device` that is wrong from `at` (seconds since 1970) on.

    Parameters
    ----------
    offset_s : float
        How far ahead it is at `at`; below 0: behind. [s]
    drift_ppm : float
        How much it gains since `at`. [millionths]

    Raises
    ------
    ValueError
        A number is not finite.
    """
    if not np.isfinite([at, offset_s, drift_ppm]).all():
        raise ValueError(f"want finite times, got {at}, {offset_s}, {drift_ppm}")

    def shown(one: Report) -> float:
        true = measured_at(one)
        return true + offset_s + drift_ppm * 1e-6 * (true - at)

    return [one._replace(measured=shown(one)) if one.device == device and one.at >= at else one for one in reports]


def unset(reports: Sequence[Report], device: str, at: float) -> list[Report]:
    """Return the reports of a `device` that restarted at `at` (seconds since 1970) and counts from 1970-01-01."""
    return skewed(reports, device, at, offset_s=-at)


def strike(reports: Sequence[Report], at: float, rng: np.random.Generator) -> list[Report]:
    """Let the clock of the home's meter be ahead, behind, never set, or drift: each as likely."""
    device, way = a_meter(reports, rng), int(rng.integers(4))
    offset_s = float(np.exp(rng.uniform(*np.log(OFFSET_S))))
    drift_ppm = float(rng.uniform(-DRIFT_PPM, DRIFT_PPM))
    if way == 2:
        return unset(reports, device, at)
    return skewed(reports, device, at, (offset_s, -offset_s, 0.0, 0.0)[way], drift_ppm)


FAULT = Fault("M12", "transport", strike, never=("quiet", "surge", "leak", "meter_silent"))
