"""The radio of one meter is weak: messages are lost, one here, several in a row there.

At the broker: 2 to 20 % of its messages are missing, in bursts; the register goes on.
The service must: take a gap for unknown, never for zero; what was drawn in it ends a quiet, at its end.  A meter that is
silent for three periods (26 h with one upload a day) is told as silent, a shorter gap is nobody's business.

The bursts are those of Gilbert and Elliott (`simulators.radio`).
"""

from collections.abc import Sequence

import numpy as np

from simulators import radio
from simulators.faults import Fault
from simulators.faults.transport import a_meter
from simulators.reports import Report

SHARE = (0.02, 0.20)
"""Messages that are lost, in the long run."""
BURST = (1.0, 8.0)
"""Messages lost in a row, on average: with hourly reports up to a working day; pure chance at least. [A]"""


def lossy(
    reports: Sequence[Report], device: str, at: float, share: float, burst: float, rng: np.random.Generator
) -> list[Report]:
    """Return the reports that still arrive when `device` is badly heard from `at` (seconds since 1970) on.

    Parameters
    ----------
    share : float
        Of its messages, lost in the long run; above 0, below 1.
    burst : float
        How many are lost in a row, on average; from 1 up.

    Raises
    ------
    ValueError
        Share or burst is not possible, or both are not together.
    """
    if not (0 < share < 1 and burst >= 1 and share / (1 - share) <= burst):
        raise ValueError(f"want a share inside (0, 1) and bursts long enough for it, got {share}, {burst}")
    weak = [one.device == device and one.at >= at for one in reports]
    bad = rng.random(1) < share
    lost = iter(radio.bursts(rng.random((1, sum(weak))), share, burst, bad)[0].tolist())
    return [one for one, here in zip(reports, weak, strict=True) if not (here and next(lost))]


def strike(reports: Sequence[Report], at: float, rng: np.random.Generator) -> list[Report]:
    """Let the home's meter be badly heard from `at` on."""
    share, burst = float(rng.uniform(*SHARE)), float(rng.uniform(*BURST))
    return lossy(reports, a_meter(reports, rng), at, share, burst, rng)


FAULT = Fault("M8", "transport", strike, never=("quiet", "surge", "leak"))
