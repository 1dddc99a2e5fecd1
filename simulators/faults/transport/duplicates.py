"""Messages come twice: a gateway that saw no acknowledgement sends them again.

At the broker: 1 to 5 % of the messages are repeated within minutes, under the same message id or, by a gateway that
numbers its attempts, under another.
The service must: store each register once, and raise nothing.
"""

from collections.abc import Sequence

import numpy as np

from simulators.faults import Fault
from simulators.faults.transport import a_meter, arriving, in_order
from simulators.reports import Report

SHARE = (0.01, 0.05)
"""Messages that come twice."""
AFTER_S = (1.0, 300.0)
"""A second attempt follows so long after the first; later ones are rare. [s] [A]"""


def duplicated(
    reports: Sequence[Report], device: str, at: float, share: float, rng: np.random.Generator, *, same_id: bool
) -> list[Report]:
    """Return the reports with repetitions of those of `device` from `at` (seconds since 1970) on.

    Parameters
    ----------
    share : float
        Of its messages, sent twice.
    same_id : bool
        The repetition carries the id of the first message; False: a new one, over the same measurement.

    Raises
    ------
    ValueError
        `share` is no share.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"want a share of messages from 0 to 1, got {share}")
    again = []
    for one in reports:
        if one.device == device and one.at >= at and rng.random() < share:
            second = arriving(one, one.at + float(rng.uniform(*AFTER_S)))
            same, new = second._replace(copy=one.copy + 1), second._replace(attempt=one.attempt + 1)
            again.append(same if same_id else new)
    return in_order([*reports, *again])


def strike(reports: Sequence[Report], at: float, rng: np.random.Generator) -> list[Report]:
    """Let messages of the home's meter come twice from `at` on."""
    share, same_id = float(rng.uniform(*SHARE)), bool(rng.random() < 0.5)
    return duplicated(reports, a_meter(reports, rng), at, share, rng, same_id=same_id)


FAULT = Fault("M10", "transport", strike, never=("quiet", "surge", "leak", "meter_silent"))
