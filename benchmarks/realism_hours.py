"""What hourly readings say of a home: its days, its clock, how long nothing is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.realism_distances import sample
from detectors.bins import LEAST_USE_L
from detectors.habit import TRIP_S
from shuian.backtest_input import Record
from shuian.backtest_summary import EMPTY_DAY_L

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
DAY_S, HOUR_S = 86_400.0, 3600.0
KNOWN_DAY_S = 22.5 * HOUR_S
"""A day counts when so much of it is known: readings do not come at midnight sharp. [s]"""
NIGHT_S = (-1 * HOUR_S, 10 * HOUR_S)
"""From 23 h of the day before until 10 h. [s after midnight]"""
LEAST_SPELLS = 30
LEAST_BEYOND = 2
"""A quantile is told of at least 30 quiets, and only if it leaves at least two beyond it."""


@dataclass(frozen=True)
class Hours:
    """One home.  A day counts when it is known and somebody was there (5 L); an hour is an interval of about one hour."""

    household: str
    day: NDArray[np.int64]
    """(D,) local days since 1970, rising."""
    litres: Floats
    """(D,) litres of each day."""
    used: Floats
    """(D,) intervals with water of each day."""
    in_hour: Floats
    """(N,) litres of each interval with water."""
    clock: Floats
    """(24,) share of the known intervals with water, by local hour."""
    quiet_from: NDArray[np.int64]
    quiet_h: Floats
    """(Q,) local hour in which each quiet began, and its length; none that touches a gap, none beyond 36 h.

    All lengths are whole hours: meters read at 07:37 would differ by seconds from those read at 08:00.
    """
    night_h: Floats
    """Longest quiet between 23 and 10 h of each known night, cut at both ends."""
    longest_h: Floats
    """(D',) longest of the quiets that ended on a day, for each day on which one did."""

    @property
    def relative(self) -> Floats:
        """Return (D,) each day's litres as a share of the home's mean."""
        return self.litres / self.litres.mean() if len(self.litres) else self.litres

    @property
    def spread(self) -> float:
        """Return the coefficient of variation of the days."""
        return float(self.litres.std(ddof=1) / self.litres.mean()) if len(self.litres) > 1 else float("nan")

    @property
    def next_day(self) -> float:
        """Return the correlation of a day's litres with the next day's."""
        follows = np.diff(self.day) == 1
        if follows.sum() < 20:
            return float("nan")
        return float(np.corrcoef(self.litres[:-1][follows], self.litres[1:][follows])[0, 1])

    @property
    def weekday(self) -> float:
        """Return the share of the days' variance that the day of the week explains, less what chance explains.

        Omega squared of a one-way analysis of variance (Hays 1963); it may fall below 0.
        """
        which = (self.day + 3) % 7  # 1 January 1970 was a Thursday; 0 is Monday
        count = np.bincount(which, minlength=7)
        if (count < 4).any():
            return float("nan")
        mean = np.bincount(which, self.litres, minlength=7) / count
        between = float((count * (mean - self.litres.mean()) ** 2).sum())
        within = float(((self.litres - mean[which]) ** 2).sum())
        error = within / (len(self.litres) - 7)
        return (between - 6 * error) / (between + within + error) if between + within > 0 else float("nan")

    @property
    def weekend(self) -> float:
        """Return the litres of a day at the weekend over those of a working day."""
        late = (self.day + 3) % 7 >= 5
        return float(self.litres[late].mean() / self.litres[~late].mean()) if late.any() and not late.all() else np.nan


def hours(record: Record) -> Hours:
    """Measure one home.

    Parameters
    ----------
    record : Record
        Hourly; what is not known is NaN.

    Returns
    -------
    Hours
    """
    local_end = record.end + record.offset_s
    length = record.end - record.start
    middle = local_end - length / 2
    known = ~np.isnan(record.litres)
    litres = np.where(known, record.litres, 0.0)
    with_water = known & (litres >= LEAST_USE_L)
    day = np.floor(middle / DAY_S).astype(np.int64)
    first, place = int(day[0]), day - int(day[0])
    whole = np.bincount(place, np.where(known, length, 0.0)) >= KNOWN_DAY_S
    per_day, used = np.bincount(place, litres), np.bincount(place, with_water).astype(np.float64)
    lived = whole & (per_day >= EMPTY_DAY_L)
    of_day = np.floor(middle % DAY_S / HOUR_S).astype(np.int64)
    counts = lived[place] & known
    clock = np.bincount(of_day[counts], with_water[counts], 24) / np.maximum(np.bincount(of_day[counts], None, 24), 1)
    begin, end, sure = _quiets(local_end - length, local_end, with_water, known)
    short = end - begin <= TRIP_S
    kept = sure & short
    return Hours(
        record.household,
        np.flatnonzero(lived) + first,
        per_day[lived].astype(np.float64),
        used[lived],
        litres[with_water & lived[place]],
        clock,
        (begin[kept] % DAY_S // HOUR_S).astype(np.int64),
        np.round((end - begin)[kept] / HOUR_S),
        _nights(begin, end, local_end[known] - length[known], local_end[known]),
        _longest(begin[kept], end[kept]),
    )


def _quiets(start: Floats, end: Floats, with_water: Flags, known: Flags) -> tuple[Floats, Floats, Flags]:
    """Return begin and end of each run without water, and whether there is a use right before and right after it."""
    at = np.concatenate([[-1], np.flatnonzero(with_water | ~known), [len(end)]])
    runs = np.diff(at) > 1
    left, right = at[:-1][runs], at[1:][runs]
    used = np.append(with_water, False)  # what lies before the record and after it is not known
    return start[left + 1], end[right - 1], used[left] & used[right]


def _nights(begin: Floats, end: Floats, known_from: Floats, known_until: Floats) -> Floats:
    """Return the longest quiet [h] within each night that is known throughout."""
    if not len(known_from):
        return np.empty(0)
    first = int(known_from[0] // DAY_S)
    nights = int(known_until[-1] // DAY_S) - first + 3
    longest, known = np.zeros(nights), np.zeros(nights)
    for span_begin, span_end, into in ((begin, end, longest), (known_from, known_until, known)):
        night = np.floor((span_begin - NIGHT_S[0]) / DAY_S).astype(np.int64)
        for later in range(2 + int((span_end - span_begin).max(initial=0.0) // DAY_S)):
            opens = (night + later) * DAY_S
            shared = np.minimum(span_end, opens + NIGHT_S[1]) - np.maximum(span_begin, opens + NIGHT_S[0])
            there = shared > 0
            fold = np.maximum if into is longest else np.add
            fold.at(into, night[there] + later - first, shared[there])
    return np.round(longest[known >= NIGHT_S[1] - NIGHT_S[0] - 60.0] / HOUR_S)


def _longest(begin: Floats, end: Floats) -> Floats:
    """Return the longest quiet [h] among those that ended on the same day."""
    if not len(begin):
        return np.empty(0)
    _, day = np.unique(np.floor(end / DAY_S), return_inverse=True)
    longest = np.zeros(int(day.max()) + 1)
    np.maximum.at(longest, day, (end - begin) / HOUR_S)
    return np.round(longest)


def clock(homes: Sequence[Hours]) -> Floats:
    """Return (24,) the chance that an hour sees water, each home counting the same."""
    mean: Floats = np.mean([home.clock for home in homes], axis=0)
    return mean


def by_start(homes: Sequence[Hours], share: float) -> Floats:
    """Return (24,) the quantile of quiets [h] that begin in each local hour; NaN where too few begin."""
    found = np.full(24, np.nan)
    for hour in range(24):
        parts = [home.quiet_h[home.quiet_from == hour] for home in homes]
        count = sum(len(part) for part in parts)
        if count >= LEAST_SPELLS and count * (1 - share) >= LEAST_BEYOND:
            # Pooled over homes, each quiet counting once: a home that draws often has many short ones.
            found[hour] = sample([np.concatenate(parts)]).quantile(share)
    return found
