"""What a water meter shows of the draws that run through it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.households import Draws

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Register:
    """What a meter's register showed: `litres[i]` at `at_s[i]` (seconds since 1970), both (N,), times strictly rising."""

    household: str
    at_s: Floats
    litres: Floats

    def shifted(self, seconds: float) -> "Register":
        """Return the same register at other times."""
        return Register(self.household, self.at_s + seconds, self.litres)


def register(draws: Draws, times: ArrayLike, resolution_l: float = 1.0, start_l: float = 0.0) -> Floats:
    """Return what a cumulative register shows at `times`.

    Parameters
    ----------
    draws : Draws
        Each runs evenly from its start for its duration.
    times : (N,) float
        Seconds since 1970.
    resolution_l : float
        Step of the register. [L]
    start_l : float
        True volume before the first draw; its fraction of a step is the phase of the register. [L]

    Returns
    -------
    (N,) float
        Litres, whole steps, never falling with time.

    Raises
    ------
    ValueError
        `resolution_l` is not above 0.
    """
    if not resolution_l > 0:
        raise ValueError(f"want a resolution above 0 L, got {resolution_l}")
    at = np.asarray(times, np.float64)
    done = start_l + _drawn(draws, at)
    steps = np.floor(done / resolution_l + 1e-9)  # a full step less a rounding error is a full step
    shown: Floats = steps * resolution_l
    return shown


def _drawn(draws: Draws, at: Floats) -> Floats:
    """Return the litres drawn until each time: the integral of the flow, straight between its breaks."""
    if not len(draws):
        return np.zeros_like(at)
    length = np.maximum(draws.duration_s, 1.0)
    flow = draws.litres / length
    breaks = np.concatenate([draws.start_s, draws.start_s + length])
    change = np.concatenate([flow, -flow])
    order = np.argsort(breaks, kind="stable")
    breaks, level = breaks[order], np.cumsum(change[order])
    total = np.concatenate([[0.0], np.cumsum(level[:-1] * np.diff(breaks))])
    drawn: Floats = np.interp(at, breaks, total, left=0.0)
    return drawn


def read(household: str, draws: Draws, times: ArrayLike, resolution_l: float = 1.0, start_l: float = 0.0) -> Register:
    """Return the register of one home as it is read at `times`; parameters and errors are those of `register`."""
    at = np.asarray(times, np.float64)
    return Register(household, at, register(draws, at, resolution_l, start_l))
