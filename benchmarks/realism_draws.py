"""What single draws say of a home: how many, how large, how long, and how they come in clusters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.realism_homes import Watched
from detectors.habit import TRIP_S
from shuian.backtest_input import offsets
from shuian.backtest_summary import EMPTY_DAY_L

Floats = NDArray[np.float64]
DAY_S = 86_400.0
WHOLE_DAY_S = 23.0 * 3600.0
"""A day counts when so much of it was watched. [s]"""


@dataclass(frozen=True)
class DrawsOfHome:
    """One home; only days that were watched and on which somebody was there (5 L)."""

    household: str
    days: int
    per_day: Floats
    day_l: Floats
    """(D,) draws and litres of each day."""
    litres: Floats
    seconds: Floats
    flow_l_min: Floats
    """(N,) of each draw."""
    gap_min: Floats
    """(N',) minutes from the begin of a draw to that of the next, where the time between was watched; no absence."""
    quarters: float
    hours: float
    """How clustered draws are by 15 minutes and by the hour; see `fano`."""

    def soon(self, minutes: float) -> float:
        """Return the share of draws after which the next begins within `minutes`."""
        return float((self.gap_min < minutes).mean()) if len(self.gap_min) else float("nan")


def draws_of(home: Watched) -> DrawsOfHome:
    """Measure one home."""
    start = home.draws.start_s
    offset = offsets(home.zone, start) if len(start) else start
    place = np.floor((start + offset) / DAY_S).astype(np.int64)
    known_s, first = _watched_s(home)
    inside = (place >= first) & (place < first + len(known_s))
    litres = np.bincount(place[inside] - first, home.draws.litres[inside], len(known_s))
    lived = (known_s >= WHOLE_DAY_S) & (litres >= EMPTY_DAY_L)
    kept = inside & lived[np.clip(place - first, 0, len(known_s) - 1)]
    counted = np.bincount(place[kept] - first, minlength=len(known_s))[lived]
    volume, seconds = home.draws.litres[kept], np.maximum(home.draws.duration_s[kept], 1.0)
    second = (start + offset)[kept] % DAY_S
    row = (np.cumsum(lived) - 1)[place[kept] - first]
    return DrawsOfHome(
        home.household,
        int(lived.sum()),
        counted.astype(np.float64),
        litres[lived].astype(np.float64),
        volume,
        seconds,
        volume / seconds * 60.0,
        _gaps(start, home.spans) / 60.0,
        fano(row, second, int(lived.sum()), 900.0),
        fano(row, second, int(lived.sum()), 3600.0),
    )


def _watched_s(home: Watched) -> tuple[Floats, int]:
    """Return watched seconds of each local day, and the number of the first day."""
    begin = home.spans[:, 0] + offsets(home.zone, home.spans[:, 0])
    end = home.spans[:, 1] + offsets(home.zone, home.spans[:, 1])
    first, last = int(begin.min() // DAY_S), int(end.max() // DAY_S)
    opens = np.arange(first, last + 1) * DAY_S
    shared = np.minimum(end[:, None], opens + DAY_S) - np.maximum(begin[:, None], opens)
    return np.maximum(shared, 0.0).sum(axis=0), first


def _gaps(start: Floats, spans: Floats) -> Floats:
    """Return seconds between successive begins within one span."""
    span = np.searchsorted(spans[:, 0], start, side="right")
    gaps: Floats = np.maximum(np.diff(start)[np.diff(span) == 0], 1.0)  # two fixtures may begin in one second
    return gaps[gaps <= TRIP_S]


def fano(row: NDArray[np.int64], second: Floats, days: int, window_s: float) -> float:
    """Return how clustered draws are: 1 as if each came on its own, more if they come together.

    The Fano factor (variance over mean of the counts in windows; Fano 1947), with windows at the same time of day compared
    among themselves, so that mornings do not count as clusters.

    Parameters
    ----------
    row, second : (N,)
        Day (0 to days - 1) and second of the day of each draw.
    days : int
    window_s : float
        Length of a window. [s]
    """
    if days < 3 or not len(row):
        return float("nan")
    windows = round(DAY_S / window_s)
    slot = np.minimum((second // window_s).astype(np.int64), windows - 1)
    counts = np.bincount(row * windows + slot, minlength=days * windows).reshape(days, windows)
    return float(counts.var(axis=0, ddof=1).sum() / counts.mean(axis=0).sum())
