"""The homes that are compared: recorded ones of ``benchmarks/data`` and simulated seniors behind the same meters."""

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from benchmarks.quiet import DATA, masked, recorded
from detectors.bins import LEAST_USE_L
from shuian.backtest_input import Record, offsets
from simulators.households import Draws, home_seeds, lives
from simulators.meters import register

Floats = NDArray[np.float64]
DAY_S = 86_400.0
LONGEST_INTERVAL_S = 5400.0
"""Some recorded meters told only every few hours, for weeks; such an interval says nothing about hours. [s]"""
SEED = 2024


@dataclass(frozen=True)
class Cohort:
    """Simulated people of one country: 40 % frugal, 40 % average, 20 % generous, as in the other benchmarks."""

    zone: ZoneInfo
    profiles: tuple[str, ...]


COHORTS = {
    "cn": Cohort(ZoneInfo("Asia/Shanghai"), ("frugal", "frugal", "average", "average", "generous")),
    "nl": Cohort(ZoneInfo("Europe/Amsterdam"), ("nl-frugal", "nl-frugal", "nl-average", "nl-average", "nl-generous")),
}


@dataclass(frozen=True)
class Lived:
    """One simulated home: a person and what they drew in the first `days` days."""

    seed: int
    profile: str
    zone: ZoneInfo
    days: int
    draws: Draws

    @property
    def name(self) -> str:
        """Return what the home is called."""
        return f"sim-{self.seed}"

    def grid(self, step_s: float) -> Floats:
        """Return the moments at which a meter is read."""
        steps = np.arange(round(self.days * DAY_S / step_s) + 1, dtype=np.float64)
        moments: Floats = start_in(self.zone).timestamp() + steps * step_s
        return moments


def start_in(zone: ZoneInfo) -> datetime:
    """Return the moment from which everybody is simulated: a Monday in March."""
    return datetime(2025, 3, 3, tzinfo=zone)


def cohort_homes(cohort: Cohort, count: int, days: int) -> list[Lived]:
    """Return the first `count` homes of a cohort."""
    seeds, lived = home_seeds(SEED, range(count)), []
    for profile in dict.fromkeys(cohort.profiles):
        own = [n for n in range(count) if cohort.profiles[n % len(cohort.profiles)] == profile]
        lived += homes_of(profile, cohort.zone, seeds[own], days) if own else []
    return lived


def homes_of(profile: str, zone: ZoneInfo, seeds: NDArray[np.uint64], days: int) -> list[Lived]:
    """Return homes of one profile."""
    drawn = lives(seeds, start_in(zone), days, zone, profile)
    return [Lived(int(seed), profile, zone, days, drawn.of(n)) for n, seed in enumerate(seeds)]


# --- by the hour ----------------------------------------------------------------------------------------------------


def recorded_hours() -> list[Record]:
    """Return the lived-in homes of DAIAD trial A, intervals that are no hour turned unknown."""
    return [hourly(record) for record in recorded()]


def hourly(record: Record) -> Record:
    """Return a record in which intervals that are too long, or lie in an absence, are not known."""
    unknown = record.end - record.start > LONGEST_INTERVAL_S
    for left, back in record.absences:
        unknown |= (record.start < back) & (record.end > left)
    return replace(record, litres=np.where(unknown, np.nan, record.litres))


def simulated_hours(home: Lived) -> Record:
    """Return a simulated home behind an hourly meter of one litre, treated like the recorded homes."""
    grid = home.grid(3600.0)
    phase_l = np.random.default_rng(home.seed).uniform(0, 1)
    litres = np.diff(register(home.draws, grid, 1.0, phase_l))
    none, start, end = np.zeros(len(litres), np.bool_), grid[:-1], grid[1:]
    shift_s = offsets(home.zone, end)
    return hourly(masked(Record(home.name, home.zone, 1, 3600.0, 1.0, start, end, litres, none, end, shift_s, ())))


# --- by the draw ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Watched:
    """Draws of one home, all of those within `spans` (S, 2) of seconds since 1970."""

    household: str
    zone: ZoneInfo
    draws: Draws
    spans: Floats


@dataclass(frozen=True)
class Meter:
    """How finely a record looks at water; steps with water that are at most `join_s` apart are one draw."""

    step_s: float
    resolution_l: float
    join_s: float


MINUTE = Meter(60.0, 0.5, 0.0)
"""AMPds2 from July 2012 on."""
FOUR_SECONDS = Meter(4.0, 0.041619 * 3.785412, 12.0)
"""CIWS, a pulse is 0.041619 US gallons; a thin stream moves this register only every few seconds. [join: A]"""


def runs(end_s: Floats, litres: Floats, meter: Meter) -> Draws:
    """Return the draws of a record that has a row for each step with water.

    Parameters
    ----------
    end_s, litres : (N,) float
        End of each step (seconds since 1970, rising), and the water within it. [L]

    Returns
    -------
    Draws
        Steps without a pause longer than `meter.join_s` between them, taken together; litres in whole steps of the
        register, which a table has rounded.
    """
    if not len(end_s):
        return Draws(end_s, litres, litres)
    begins = np.append(True, np.diff(end_s) - meter.step_s > meter.join_s + 0.5)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(end_s)) - 1
    start = end_s[first] - meter.step_s
    pulses = np.round(np.add.reduceat(litres, first) / meter.resolution_l)
    return Draws(start, np.maximum(pulses, 1.0) * meter.resolution_l, end_s[last] - start)


def through(home: Lived, meter: Meter) -> Watched:
    """Return the draws of a simulated home as a meter shows them."""
    grid = home.grid(meter.step_s)
    litres = np.diff(register(home.draws, grid, meter.resolution_l))
    moved = litres > 0
    return Watched(home.name, home.zone, runs(grid[1:][moved], litres[moved], meter), grid[[0, -1]][None, :])


def each_use(home: Lived) -> Watched:
    """Return the draws of a simulated home as they are: what a meter at every tap would show."""
    return Watched(home.name, home.zone, home.draws, home.grid(DAY_S)[[0, -1]][None, :])


def weusedto() -> Watched:
    """Return the flat in Naples: one resident, every fixture metered."""
    spans = _spans("weusedto-1")
    rows = [(float(r["ts"]), float(r["value"]), float(r["duration_s"])) for r in _rows("events_weusedto_dev.csv.gz")]
    start, litres, seconds = np.array(sorted(rows)).T
    seen = _inside(start, spans) & (litres >= LEAST_USE_L)  # less is a drop: it moves the sensor, and no register
    return Watched("weusedto-1", ZoneInfo("Europe/Rome"), Draws(start[seen], litres[seen], seconds[seen]), spans)


def ampds2() -> Watched:
    """Return the family house in British Columbia, from the month on in which its meter became fine."""
    fine = datetime(2012, 7, 15, tzinfo=ZoneInfo("America/Vancouver")).timestamp()
    return _pulses("pulses_ampds2_dev.csv.gz", "ampds2-1", ZoneInfo("America/Vancouver"), MINUTE, fine)


def ciws() -> Watched:
    """Return the house in Utah: five days."""
    return _pulses("pulses_ciws_dev.csv.gz", "ciws-019", ZoneInfo("America/Denver"), FOUR_SECONDS, 0.0)


def _pulses(name: str, home: str, zone: ZoneInfo, meter: Meter, since: float) -> Watched:
    rows = [(float(r["ts"]), float(r["volume_l"])) for r in _rows(name)]
    end, litres = np.array(rows).T
    spans = np.maximum(_spans(home), since)
    seen = (litres > 0) & _inside(end - meter.step_s, spans)
    return Watched(home, zone, runs(end[seen], litres[seen], meter), spans)


def _inside(at: Floats, spans: Floats) -> NDArray[np.bool_]:
    later = at[:, None]
    return np.asarray(((later >= spans[:, 0]) & (later < spans[:, 1])).any(axis=1), np.bool_)


def _spans(home: str) -> Floats:
    rows = (r for r in _rows("coverage_dev.csv.gz") if r["household_id"] == home and r["part"] == "home")
    return np.array(sorted((float(r["start_ts"]), float(r["end_ts"])) for r in rows))


def _rows(name: str, folder: Path = DATA) -> Iterator[dict[str, str]]:
    with gzip.open(folder / name, "rt", encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def halves(home: Watched) -> Sequence[Watched]:
    """Return the first and the second half of a record's time: how much one home differs from itself."""
    middle = float(home.spans.mean())
    cut = []
    for begin, end in ((-np.inf, middle), (middle, np.inf)):
        spans = np.clip(home.spans, begin, end)
        spans = spans[spans[:, 1] > spans[:, 0]]
        keep = (home.draws.start_s >= begin) & (home.draws.start_s < end)
        draws = Draws(home.draws.start_s[keep], home.draws.litres[keep], home.draws.duration_s[keep])
        cut.append(replace(home, spans=spans, draws=draws))
    return cut
