"""What a water meter shows of the draws that run through it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.households import Drawn, Draws

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
        Litres, whole steps, falling only while water flows back (draws of less than 0 L).

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


def volumes(drawn: Drawn, homes: int, begin_s: ArrayLike, step_s: float, steps: int) -> Floats:
    """Return what each home draws in each interval; a draw over an edge is shared out by time.

    Parameters
    ----------
    drawn : Drawn
        The draws of homes 0 to `homes` - 1; what lies outside the intervals is left out.
    begin_s : float or (homes,) float
        Begin of the first interval, seconds since 1970: of all homes, or of each.
    step_s : float
        Length of an interval [s].
    steps : int
        Number of intervals.

    Returns
    -------
    (homes, steps) float
        Litres.

    Raises
    ------
    ValueError
        `step_s` is not above 0 or `steps` is below 1.
    """
    if not (step_s > 0 and steps >= 1):
        raise ValueError(f"want intervals above 0 s and at least one, got {steps} of {step_s} s")
    begin = np.asarray(begin_s, np.float64)
    start = (drawn.start_s - (begin if begin.ndim == 0 else begin[drawn.home])) / step_s
    home, first, litres = drawn.home, np.floor(start), drawn.litres
    over = start + drawn.duration_s / step_s - first - 1.0  # so many intervals are touched after the first
    late = np.flatnonzero(over > 0)
    rate = litres[late] * (step_s / drawn.duration_s[late])
    within = litres.copy()
    within[late] -= over[late] * rate
    total = _binned(home, first, within, homes, steps)
    home, first, over = home[late], first[late], over[late]
    while len(home):  # one interval further each time; hardly a draw is longer than two
        first = first + 1
        total += _binned(home, first, np.minimum(over, 1.0) * rate, homes, steps)
        on = np.flatnonzero((over > 1.0) & (first < steps))
        home, first, over, rate = home[on], first[on], over[on] - 1.0, rate[on]
    return total[:, 1:-1]


def _binned(home: NDArray[np.int32], interval: Floats, litres: Floats, homes: int, steps: int) -> Floats:
    """Return (homes, steps + 2) sums; the first and the last column take what lies outside."""
    column = np.clip(interval, -1, steps).astype(np.int64) + 1
    summed = np.bincount(home * np.int64(steps + 2) + column, litres, homes * (steps + 2))
    return summed.astype(np.float64, copy=False).reshape(homes, steps + 2)


def registers(litres: Floats, resolution_l: float, start_l: ArrayLike = 0.0) -> Floats:
    """Return what each home's register shows at the end of each interval.

    Parameters
    ----------
    litres : (homes, steps) float
        Drawn in each interval.
    resolution_l : float
        Step of the register. [L]
    start_l : float or (homes,) float
        True volume at the begin of the first interval; its fraction of a step is the phase of the register. [L]

    Returns
    -------
    (homes, steps) float
        Litres, whole steps.

    Raises
    ------
    ValueError
        `resolution_l` is not above 0.
    """
    if not resolution_l > 0:
        raise ValueError(f"want a resolution above 0 L, got {resolution_l}")
    shown: Floats = np.cumsum(litres, axis=1)
    shown += np.atleast_1d(np.asarray(start_l, np.float64))[:, None]
    shown *= 1.0 / resolution_l
    shown += 1e-9  # a full step less a rounding error is a full step
    np.floor(shown, out=shown)
    shown *= resolution_l
    return shown
