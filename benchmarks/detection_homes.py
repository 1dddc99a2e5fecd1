"""The homes of the detection benchmark: intervals of equal length, quiets, and the moments at which incidents are put.

All homes of a block stand side by side as arrays (homes, intervals).  An interval is *in use*, known to be without use, or
neither: not known, or within a declared absence.  A *quiet* begins at the end of an interval that is anything but known to be
without use, and lasts until the next such one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.quiet import LONGEST_NATURAL_S, recorded
from detectors.bins import HOLE_PERIODS, LEAST_USE_L, News
from detectors.clock import Clock
from detectors.habit import TRIP_S
from detectors.leak import LeakSettings
from detectors.running import Interval
from detectors.water import Water
from shuian.backtest_input import Record, offsets
from shuian.backtest_summary import MONTH_S
from simulators.cohorts import Cohort
from simulators.meters import registers, volumes

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]
Places = NDArray[np.intp]

HOUR_S, DAY_S = 3600.0, 86_400.0
HISTORY_DAYS = 112
HORIZON_H = 60
"""Scores are worked out for quiets of up to this length; what is not told by then is taken for not told at all."""
LEAST_H = 3.0
"""No detector of quiet may tell of a shorter one."""


@dataclass(frozen=True)
class Homes:
    """A block of H homes and N intervals each."""

    names: tuple[str, ...]
    occupants: tuple[int | None, ...]
    step_s: float
    resolution_l: float
    begin_s: Floats
    """(H,) begin of the first interval, seconds since 1970."""
    offset_s: Singles
    """(H, N) local time minus UTC."""
    litres: Singles
    """(H, N) NaN: not known, or before or after the record."""
    used: Bools
    """(H, N) a person used water: more came than a leak explains."""
    away: Bools
    """(H, N) touches a declared absence."""
    history_days: int = HISTORY_DAYS
    """The first days of a record teach and are not judged."""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def in_hour(self) -> int:
        """Intervals in an hour."""
        return round(HOUR_S / self.step_s)

    @property
    def tested_from(self) -> int:
        """The first interval that is judged."""
        return round(self.history_days * DAY_S / self.step_s)

    def reset(self) -> Bools:
        """Return (H, N) where a quiet ends and another one begins: in use, not known, away."""
        return self.used | np.isnan(self.litres) | self.away

    def counted(self) -> Bools:
        """Return (H, N) which intervals are judged: after the history, known, nobody declared away."""
        known = ~np.isnan(self.litres) & ~self.away
        known[:, : self.tested_from] = False
        return known

    def months(self) -> Floats:
        """Return (H,) household-months that are judged."""
        months: Floats = self.counted().sum(axis=1) * (self.step_s / MONTH_S)
        return months

    def end_s(self, row: Places, interval: Places) -> Floats:
        """Return (M,) the local time at which intervals end, in seconds since 1970."""
        end: Floats = self.begin_s[row] + (interval + 1) * self.step_s + self.offset_s[row, interval]
        return end

    def hourly(self) -> "Homes":
        """Return the same homes behind a meter that reports once an hour.

        Raises
        ------
        ValueError
            The intervals do not fill hours.
        """
        n = self.in_hour
        if self.litres.shape[1] % n:
            raise ValueError(f"want whole hours, got {self.litres.shape[1]} intervals, {n} to an hour")
        hours = (len(self), self.litres.shape[1] // n, n)
        return replace(
            self,
            step_s=HOUR_S,
            litres=self.litres.reshape(hours).sum(axis=2),
            used=self.used.reshape(hours).max(axis=2),
            away=self.away.reshape(hours).max(axis=2),
            offset_s=self.offset_s[:, n - 1 :: n],
        )


@dataclass(frozen=True)
class Quiets:
    """Q quiets: each begins at the end of interval `last` of home `row`.  What lies after `last` is not to be looked at."""

    row: Places
    last: Places

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True)
class Copies:
    """C what-if copies: from a moment on nobody draws water; readings go on."""

    row: Places
    place: Places
    """Interval at whose end (give or take half of one) the incident happens."""
    last: Places
    """Interval at whose end the copy's quiet begins: the last one up to `place` that is not known to be without use."""
    late_h: Floats
    """Hours from the end of `place` to the incident; below 0: before."""

    def __len__(self) -> int:
        return len(self.row)


def resets(reset: Bools) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return (H, N) the last reset up to each interval (-1: none) and the next one after it (N: none)."""
    count = reset.shape[1]
    places = np.arange(count, dtype=np.int32)
    last = np.maximum.accumulate(np.where(reset, places, np.int32(-1)), axis=1)
    at = np.where(reset, places, np.int32(count))
    after = np.minimum.accumulate(at[:, ::-1], axis=1)[:, ::-1]
    following = np.concatenate([after[:, 1:], np.full((len(reset), 1), count, np.int32)], axis=1)
    return last, following


def natural(homes: Homes) -> tuple[Quiets, Places]:
    """Return the quiets of at least `LEAST_H` that begin in the judged time, and their lengths in intervals."""
    reset = homes.reset()
    _, following = resets(reset)
    row, last = np.nonzero(reset)
    length = following[row, last] - last - 1
    some = (last >= homes.tested_from) & (length >= LEAST_H * homes.in_hour)
    return Quiets(row[some], last[some]), length[some].astype(np.intp)


def copies(homes: Homes, each: int, rng: np.random.Generator) -> Copies:
    """Return `each` copies of every home, at random moments of the judged time at which nobody is on a trip."""
    last, following = resets(homes.reset())
    there = homes.counted() & (last >= 0) & ((following - last - 1) * homes.step_s <= LONGEST_NATURAL_S)
    rows, places = [], []
    for home in range(len(homes)):
        possible = np.flatnonzero(there[home])
        chosen = rng.choice(possible, min(each, len(possible)), replace=False) if len(possible) else possible
        rows.append(np.full(len(chosen), home))
        places.append(np.sort(chosen))
    row = np.concatenate(rows).astype(np.intp)
    place = np.concatenate(places).astype(np.intp)
    half_h = homes.step_s / HOUR_S / 2
    return Copies(row, place, last[row, place].astype(np.intp), rng.uniform(-half_h, half_h, len(row)))


def senior_homes(cohort: Cohort, some: range, step_s: float, declared: bool = True) -> Homes:
    """Return homes of a frozen cohort behind meters of one litre; `declared`: all of their nights away are known."""
    steps = round(cohort.days * DAY_S / step_s)
    begin = cohort.start.timestamp()
    drawn = volumes(cohort.drawn(some), len(some), begin, step_s, steps)
    phase_l = np.random.default_rng(some.start).random(len(some))
    shown = registers(drawn, 1.0, phase_l)
    litres = np.diff(shown, axis=1, prepend=np.floor(phase_l)[:, None]).astype(np.float32)
    offset = offsets(cohort.zone, begin + np.arange(1, steps + 1, dtype=np.float64) * step_s).astype(np.float32)
    away = np.zeros(litres.shape, np.bool_)
    for n, home in enumerate(some):
        for left, back in cohort.absences(home) if declared else []:
            away[n, max(int((left - begin) // step_s), 0) : max(int(-(-(back - begin) // step_s)), 0)] = True
    return Homes(
        names=tuple(f"{cohort.name}-{home}" for home in some),
        occupants=(1,) * len(some),
        step_s=step_s,
        resolution_l=1.0,
        begin_s=np.full(len(some), begin),
        offset_s=np.broadcast_to(offset, litres.shape),
        litres=litres,
        used=litres >= LEAST_USE_L,
        away=away,
    )


def recorded_homes() -> Homes:
    """Return the lived-in recorded homes (DAIAD) by the hour; quiets beyond 36 h are taken for declared absences."""
    return by_the_hour(recorded())


def by_the_hour(records: Sequence[Record]) -> Homes:
    """Return records as full hours.

    What a reading brought belongs to the hour in which it was read.  An interval over several hours in which nothing was
    drawn is known; one in which something was drawn is not, unless it is barely longer than one.
    """
    hours = [(int(np.floor(r.start[0] / HOUR_S)), int(np.ceil(r.end[-1] / HOUR_S))) for r in records]
    most = max(last - first for first, last in hours)
    litres = np.full((len(records), most), np.nan, np.float32)
    offset = np.zeros((len(records), most), np.float32)
    away = np.zeros((len(records), most), np.bool_)
    for n, (record, (first, _)) in enumerate(zip(records, hours, strict=True)):
        _fill(record, first, litres[n], offset[n])
        for left, back in record.absences:
            away[n, int(-(-left // HOUR_S)) - first : int(-(-back // HOUR_S)) - 1 - first] = True
    homes = Homes(
        names=tuple(r.household for r in records),
        occupants=tuple(r.occupants for r in records),
        step_s=HOUR_S,
        resolution_l=records[0].resolution_l,
        begin_s=np.array([first * HOUR_S for first, _ in hours]),
        offset_s=offset,
        litres=litres,
        used=litres >= LEAST_USE_L,
        away=away,
    )
    homes = replace(homes, used=used_by_people(homes))
    return replace(homes, away=homes.away | long_quiets(homes))


def long_quiets(homes: Homes) -> Bools:
    """Return (H, N) the quiets beyond 36 h: trips, on which only a leak drew water."""
    reset = homes.reset()
    last, following = resets(reset)
    trips: Bools = ~reset & (last >= 0) & ((following - last - 1) * homes.step_s > TRIP_S)
    return trips


def _fill(record: Record, first: int, litres: Singles, offset_s: Singles) -> None:
    """Write one record into its hours."""
    begin = np.floor(record.start / HOUR_S).astype(np.intp) - first
    end = np.ceil(record.end / HOUR_S).astype(np.intp) - 1 - first
    long = record.end - record.start > HOLE_PERIODS * HOUR_S
    told = (record.litres == 0) | ((record.litres > 0) & ~long)
    for a, b, volume in zip(begin[told].tolist(), end[told].tolist(), record.litres[told].tolist(), strict=True):
        fresh = litres[a : b + 1]
        fresh[np.isnan(fresh)] = 0.0
        litres[b] += volume
    for a, b in zip(begin[~told].tolist(), end[~told].tolist(), strict=True):
        litres[a : b + 1] = np.nan
    at = np.clip(np.searchsorted(end, np.arange(len(offset_s))), 0, len(end) - 1)
    offset_s[:] = record.offset_s[at]


LEAK = LeakSettings()


def used_by_people(homes: Homes) -> Bools:
    """Return (H, N) in which intervals more ran than leaks explain, as the service judges it."""
    rows = np.arange(len(homes))
    clock, water = Clock.fresh(len(rows)), Water.fresh(np.full(len(rows), homes.resolution_l))
    used = np.zeros(homes.litres.shape, np.bool_)
    for n in range(homes.litres.shape[1]):
        end = homes.begin_s + (n + 1) * homes.step_s
        litres, offset = homes.litres[:, n].astype(np.float64), homes.offset_s[:, n].astype(np.float64)
        news, hole = clock.timely(News(rows, end - homes.step_s, end, litres, offset, end))
        used[:, n] = water.hear(Interval(rows, news.start, news.end, news.litres), hole, clock)
        water.step(clock.step(news, hole, used[:, n]), clock)
        water.floors(LEAK, rows, clock)
    return used
