"""Two meters have one serial number: a replacement from the stock went out under a number that is in use.

At the broker: under one name the registers of two homes, in turn; the other home says nothing.
The service must: quarantine both, since nobody knows whose register is whose.  The name is in quarantine from the third jump
on; until then each is doubted by itself, and one that a pipe could have brought may be a surge.  The home that says nothing
is told as a silent meter.
"""

from collections.abc import Sequence

import numpy as np

from simulators.faults import Fault
from simulators.faults.transport import meters
from simulators.reports import Report


def same_serial(reports: Sequence[Report], device: str, other: str, at: float) -> list[Report]:
    """Return the reports in which `other` speaks under the name of `device` from `at` (seconds since 1970) on.

    Raises
    ------
    ValueError
        It is the same device.
    """
    if device == other:
        raise ValueError(f"want two devices, got {device} twice")
    return [one._replace(device=device) if one.device == other and one.at >= at else one for one in reports]


def strike(reports: Sequence[Report], at: float, rng: np.random.Generator) -> list[Report]:
    """Give one of the meters the name of another."""
    some = meters(reports)
    if len(some) < 2:
        return list(reports)
    device, other = rng.choice(some, 2, replace=False).tolist()
    return same_serial(reports, device, other, at)


FAULT = Fault(
    "M20", "transport", strike, finds=("meter_silent", "meter_quarantined"), never=("leak", "radio_outage"), group=True
)
