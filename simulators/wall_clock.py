"""What the clock on the wall shows: moments as local seconds, many at a time."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAY_S = 86_400.0
QUARTER_S = 900.0


def local_s(at: Floats, zone: ZoneInfo) -> Floats:
    """Return local seconds since the local 1970 of these moments (seconds since 1970)."""
    quarter = np.floor(at / QUARTER_S)  # no zone changes its clock inside one
    days, where = np.unique(np.floor(at / DAY_S), return_inverse=True)
    early, late = ([_offset(zone, one * DAY_S) for one in (days + n).tolist()] for n in (0, 1))
    found: Floats = np.array(early, np.float64)[where]
    for n in np.flatnonzero(found != np.array(late, np.float64)[where]).tolist():  # the clock changes on that day
        found[n] = _offset(zone, float(quarter[n] * QUARTER_S))
    return at + found


@cache
def _offset(zone: ZoneInfo, at: float) -> float:
    """Return local time minus UTC [s] at `at`."""
    return (datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset() or timedelta()).total_seconds()
