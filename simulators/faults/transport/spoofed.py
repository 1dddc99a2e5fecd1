"""Somebody else's device publishes under the names of meters: use where nobody lives, or a still register for many.

At the broker: besides the true messages others of valid form come, from another client; the register zig-zags.
The service must: let each device publish under its own name only (credentials and rules of the broker), notice twice as
many messages as there should be, and quarantine the meter.  The detectors cannot tell: they doubt a register that falls
and believe one that rises.  So a forged still register makes surges of what is drawn, and forged use hides that somebody
lies on the floor.
"""

from collections.abc import Collection, Sequence

import numpy as np

from simulators.faults import Fault
from simulators.faults.transport import a_meter, in_order, measured_at, meters
from simulators.reports import Report

ELSEWHERE = ""
"""The gateway of a device that is none of ours: not known."""
AFTER_S = 20.0
"""A forged message follows the true one so closely. [s] [A]"""
USE_L, EVERY_S = 6.0, 2 * 3600.0
"""Forged use: a flush every two hours. [A]"""


def forged_use(
    reports: Sequence[Report], device: str, at: float, litres: float = USE_L, every_s: float = EVERY_S
) -> list[Report]:
    """Return the reports with forged ones of `device`, which grow by `litres` each `every_s` from `at` on.

    They start at the last true register before `at` (seconds since 1970) and go on until the last report.

    Raises
    ------
    ValueError
        `litres` or `every_s` is not above 0.
    """
    if not (litres > 0 and every_s > 0):
        raise ValueError(f"want litres and a time above 0, got {litres} L every {every_s} s")
    start, end = _shown(reports, device, at), max((one.at for one in reports), default=at)
    if start is None:
        return list(reports)
    moments = np.arange(at, end, every_s).tolist()
    forged = [Report(when, device, ELSEWHERE, start + litres * (n + 1)) for n, when in enumerate(moments)]
    return in_order([*reports, *forged])


def forged_still(
    reports: Sequence[Report], devices: Collection[str], at: float, after_s: float = AFTER_S
) -> list[Report]:
    """Return the reports with a forged one after each of `devices` from `at` on, which says that nothing was drawn.

    Raises
    ------
    ValueError
        `after_s` is below 0.
    """
    if not after_s >= 0:
        raise ValueError(f"want forged reports after the true ones, got {after_s} s")
    still = {device: _shown(reports, device, at) for device in devices}
    forged = [
        Report(one.at + after_s, one.device, ELSEWHERE, still[one.device], measured_at(one) + after_s)
        for one in reports
        if one.at >= at and still.get(one.device) is not None
    ]
    return in_order([*reports, *forged])


def _shown(reports: Sequence[Report], device: str, at: float) -> float | None:
    """Return the last register of `device` before `at`; None: it said none."""
    said = [one.said for one in reports if one.device == device and one.at < at and isinstance(one.said, int | float)]
    return float(said[-1]) if said else None


def strike(reports: Sequence[Report], at: float, rng: np.random.Generator) -> list[Report]:
    """Forge use of one home, or a still register of all, each as likely."""
    if rng.random() < 0.5:
        return forged_use(reports, a_meter(reports, rng), at)
    return forged_still(reports, meters(reports), at)


FAULT = Fault("M15", "transport", strike, never=("meter_silent", "radio_outage"), group=True)
