"""What the detectors cost, in time and memory, beside ``np.add`` of as many numbers: ``python -m benchmarks.engine``.

Homes are simulated seniors behind hourly meters of a litre.  A few thousand of them live for some weeks; their state is
then laid side by side until a partition is full, so that a large fleet is lived in without years of waiting.  A fleet of a
million homes is served as several partitions one after the other: times of one are scaled to it, and the table says so.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.bins import News
from detectors.partition import Partition, Settings
from detectors.quiet_spells import Spells
from shuian.backtest import episodes
from shuian.backtest_input import Record, offsets
from simulators.cohorts import SENIORS_1
from simulators.meters import registers, volumes

Floats = NDArray[np.float64]
HOUR_S, DAY_H = 3600.0, 24
FLEET = 1_000_000
RULES = ("12h-10l", "24h-10l")
TIMES = 5
PROCESSES = 2
"""Homes of a back-test are shared out among so many, as ``shuian backtest`` does."""


@dataclass(frozen=True)
class Lives:
    """Hourly meters of some homes, a litre a step."""

    begin_s: float
    litres: Floats
    """(homes, hours)"""
    offset_s: Floats
    """(hours,) local time minus UTC at the end of each hour."""

    def end_s(self, hour: int) -> float:
        """Return when an hour ends, seconds since 1970."""
        return self.begin_s + (hour + 1) * HOUR_S

    def news(self, hour: int, row: NDArray[np.intp]) -> News:
        """Return what the meters of `row` (M,) tell of an hour; rows beyond the homes live the same lives once more."""
        end = np.full(len(row), self.end_s(hour))
        litres = self.litres[row % len(self.litres), hour]
        return News(row, end - HOUR_S, end, litres, np.full(len(row), self.offset_s[hour]), end + 5.0)


def lives(homes: int, days: int) -> Lives:
    """Return the first homes of the frozen cohort, for as many days as asked."""
    cohort = replace(SENIORS_1, days=days)
    begin, parts = cohort.start.timestamp(), []
    for first in range(0, homes, 100):
        some = range(first, min(first + 100, homes))
        drawn = volumes(cohort.drawn(some), len(some), begin, HOUR_S, days * DAY_H)
        phase_l = np.random.default_rng(first).random(len(some))
        parts.append(np.diff(registers(drawn, 1.0, phase_l), axis=1, prepend=np.floor(phase_l)[:, None]))
    ends = begin + np.arange(1, days * DAY_H + 1) * HOUR_S
    return Lives(begin, np.concatenate(parts), offsets(cohort.zone, ends.astype(np.float64)))


def settled(lived: Lives, days: int, rows: int, rules: tuple[str, ...]) -> Partition:
    """Return a partition of many rows that have lived for some days."""
    homes = len(lived.litres)
    settings = Settings(rules=rules)
    one, every = Partition(settings, np.full(homes, HOUR_S), np.ones(homes)), np.arange(homes)
    for hour in range(days * DAY_H):
        one.step(lived.news(hour, every))
    arrays = one.snapshot()
    alike = np.arange(rows) % homes
    several = {
        name: a[alike] if a.ndim and len(a) == homes and name not in {"version", "findings"} else a
        for name, a in arrays.items()
    }
    return Partition.restore(settings, several)


def seconds(work: Callable[[], object]) -> float:
    """Return for how many seconds something keeps one core busy."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def state_bytes(part: Partition) -> float:
    """Return the bytes of all arrays for each row: what a snapshot holds, and a flag for each kind of open finding."""
    kept = (array.nbytes for name, array in part.snapshot().items() if name not in {"version", "findings"})
    return sum(kept) / len(part)


def addition(rows: int) -> float:
    """Return seconds for ``np.add`` of two arrays of so many eight-byte numbers: the measure beside all others."""
    a, b, out = np.ones(rows), np.ones(rows), np.empty(rows)
    return float(np.median([seconds(lambda: [np.add(a, b, out=out) for _ in range(10)]) / 10 for _ in range(TIMES)]))


def a_day(part: Partition, lived: Lives, first: int) -> Floats:
    """Return (24, 2) seconds of each step of a day in which every home tells every hour, and quiets worked out in it."""
    rows, made = np.arange(len(part)), []
    for hour in range(first, first + DAY_H):
        news, before = lived.news(hour, rows), part.snapshot()["spells.begin"]
        spent = seconds(lambda news=news: part.step(news))  # type: ignore[misc]
        after = part.snapshot()["spells.begin"]
        made.append((spent, np.count_nonzero(np.isfinite(after) & (after != before))))
    return np.array(made)


def each_quiet(part: Partition) -> float:
    """Return seconds to work out one quiet: what speaks for water in each of its hours, the hazard, the index."""
    state, rows = part._state, np.arange(min(2000, len(part)))
    clock, fresh = state.clock, Spells.fresh(np.ones(len(part)))
    work = (state.past, rows, clock.since[rows], clock.offset_s[rows], clock.by_use[rows], 1.0)
    return float(np.median([seconds(lambda: fresh.look(*work)) for _ in range(TIMES)])) / len(rows)


def second_of_the_hour(part: Partition, lived: Lives, hour: int) -> float:
    """Return seconds for the step of those homes that report within one second, if all report once an hour."""
    every = round(FLEET / HOUR_S)
    rows = np.random.default_rng(hour).permutation(len(part))
    batches = [np.sort(rows[n * every : (n + 1) * every]) for n in range(min(100, len(part) // every))]
    return float(np.median([seconds(lambda one=one: part.step(lived.news(hour, one))) for one in batches]))  # type: ignore[misc]


def look(part: Partition, now: float) -> float:
    """Return seconds for a look at the clock: who is overdue."""
    return float(np.median([seconds(lambda: part.tick(now, now - 7200.0)) for _ in range(TIMES)]))


def records(lived: Lives) -> list[Record]:
    """Return the homes as a back-test reads them."""
    ends = lived.begin_s + np.arange(1, lived.litres.shape[1] + 1) * HOUR_S
    none = np.zeros(len(ends), np.bool_)
    return [
        Record(f"home-{n}", SENIORS_1.zone, 1, HOUR_S, 1.0, ends - HOUR_S, ends, litres, none, ends, lived.offset_s, ())
        for n, litres in enumerate(lived.litres)
    ]


def backtest(homes: int, days: int) -> float:
    """Return seconds for the back-test of so many homes, with every detector and two rules in force."""
    made = records(lives(homes, days))
    began = time.perf_counter()
    episodes(made, Settings(rules=RULES), processes=PROCESSES)
    return time.perf_counter() - began


def table(asked: argparse.Namespace) -> list[tuple[str, float, str]]:
    """Measure; return (what, how much, of what unit)."""
    scale = FLEET / asked.rows
    print(f"{asked.homes} homes live for {asked.days} days; then {asked.rows:,} rows", flush=True)
    lived = lives(asked.homes, asked.days + 2)
    bare = settled(lived, asked.days, asked.rows, ())
    made = [("np.add of 1,000,000 numbers", 1e3 * addition(FLEET), "ms")]
    made.append(("state of a home", state_bytes(bare), "bytes"))
    ruled = state_bytes(settled(lives(10, 1), 1, 10, RULES))
    made.append((f"the same with {' and '.join(RULES)} in force", ruled, "bytes"))
    print("a day of steps", flush=True)
    quiet_s, steps = each_quiet(bare), a_day(bare, lived, asked.days * DAY_H)
    rest = steps[:, 0] - quiet_s * steps[:, 1]
    made += [
        ("(a) step of 1,000,000 homes with an hour each, median of a day", 1e3 * scale * np.median(steps[:, 0]), "ms"),
        ("    the slowest of the day", 1e3 * scale * steps[:, 0].max(), "ms"),
        ("    median without the quiets that became 3 h long", 1e3 * scale * np.median(rest), "ms"),
        ("    such quiets a home and day", steps[:, 1].sum() / asked.rows, ""),
        (
            "(b) step of the 278 homes of a second",
            1e3 * second_of_the_hour(bare, lived, (asked.days + 1) * DAY_H),
            "ms",
        ),
        (
            "(c) look for overdue meters, 1,000,000 rows",
            1e3 * scale * look(bare, lived.end_s(asked.days * 24 + 25)),
            "ms",
        ),
        ("working out one quiet", 1e3 * quiet_s, "ms"),
    ]
    print(f"back-test of {asked.backtest_homes} homes, {asked.backtest_days} days", flush=True)
    year = backtest(asked.backtest_homes, asked.backtest_days) * 365 / asked.backtest_days
    made.append(
        (
            f"back-test of 1,000 homes and 365 days, {PROCESSES} processes, by the wall clock",
            year * 1000 / asked.backtest_homes,
            "s",
        )
    )
    return made


def main() -> None:
    """Measure and print; times are those of one core, scaled to the fleet where fewer rows were measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--homes", type=int, default=500, help="homes that live before their state is laid side by side"
    )
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--backtest-homes", type=int, default=1000)
    parser.add_argument("--backtest-days", type=int, default=365)
    for what, much, unit in table(parser.parse_args()):
        print(f"{what:66s} {much:12,.2f} {unit}")


if __name__ == "__main__":
    main()
