"""False and missed water cuts: ``python -m benchmarks.outage``.

Buildings of 20 homes and risers of 5, drawn at random (they overlap) from simulated seniors (15-minute meters, trips not
declared) and from the recorded hourly homes of ``benchmarks/data`` (DAIAD trial A, CC BY-SA 4.0: lived-in and empty ones,
weekends and holidays as they were, nothing declared).  The first weeks are history only.

False events are counted on the untouched records.  Cuts are what-if copies: from a random moment on nothing is drawn in
any home of a group for 2 to 12 hours, then the record goes on.  Delay runs from the cut to the look that raises it, over
cuts that were found before they ended; the end's delay from the return of the water to the look that clears it.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.quiet import DATA, ZONE
from detectors.bins import News
from detectors.groups import AreaFinding, Group
from detectors.outage import Outages
from detectors.partition import Partition, Settings
from shuian.backtest_input import Record, load, offsets
from shuian.backtest_summary import MONTH_S
from simulators.households import life
from simulators.meters import register

Floats = NDArray[np.float64]
SHORTEST_H, LONGEST_H = 2.0, 12.0
AFTER_H = 12.0
"""A copy is followed for so long after its water is back."""
DAY_H = (8.0, 20.0)


@dataclass(frozen=True)
class Town:
    """Homes whose meters all report in step, as News by slot of one report period."""

    period_s: float
    resolution_l: float
    homes: int
    slots: list[News]

    def partition(self) -> Partition:
        """Return detectors that have heard nothing yet."""
        return Partition(Settings(), np.full(self.homes, self.period_s), np.full(self.homes, self.resolution_l))


@dataclass(frozen=True)
class Trial:
    """One cut."""

    local_h: float
    delay_s: float
    """NaN: not found before it ended."""
    end_delay_s: float


@dataclass(frozen=True)
class Tally:
    """What one pass over a town gave for groups of one size."""

    months: float
    false: int
    trials: list[Trial]


def town(records: Sequence[Record]) -> Town:
    """Return records as one stream of news, cut into report periods."""
    period_s = records[0].period_s
    names = ("start", "end", "litres", "offset_s", "received", "moved")
    column = {name: np.concatenate([getattr(record, name) for record in records]) for name in names}
    row = np.repeat(np.arange(len(records)), [len(record.end) for record in records])
    slot = np.ceil(column["received"] / period_s)
    order = np.argsort(slot, kind="stable")
    edges = np.flatnonzero(np.diff(slot[order], prepend=-1, append=-1))
    slots = []
    for begin, end in pairwise(edges.tolist()):
        pick = order[begin:end]
        slots.append(News(row[pick], *(column[name][pick] for name in names)))
    return Town(period_s, records[0].resolution_l, len(records), slots)


def seniors(count: int, days: int, period_s: float = 900.0) -> list[Record]:
    """Return simulated one-person homes, 1-litre meters, nothing declared."""
    start = datetime(2025, 3, 3, tzinfo=ZONE)
    grid: Floats = start.timestamp() + np.arange(round(days * 86_400 / period_s) + 1, dtype=np.float64) * period_s
    profiles: tuple[str, ...] = ("frugal", "frugal", "average", "average", "generous")
    homes = []
    for n in range(count):
        litres = np.diff(register(life(8_000_000 + n, start, days, ZONE, profiles[n % len(profiles)]), grid, 1.0))
        end, none = grid[1:], np.zeros(len(litres), np.bool_)
        homes.append(
            Record(f"sim-{n}", ZONE, 1, period_s, 1.0, grid[:-1], end, litres, none, end, offsets(ZONE, end), ())
        )
    return homes


def drawn(rng: np.random.Generator, homes: int, size: int, count: int) -> list[Group]:
    """Return groups of homes drawn at random, without repetition inside a group."""
    return [
        Group(f"{size}-{n}", "building", np.sort(rng.choice(homes, size, replace=False)).astype(np.intp))
        for n in range(count)
    ]


def measure(of: Town, groups: Sequence[Group], history: int, cuts: int, rng: np.random.Generator) -> Tally:
    """Play a town once; count events of its groups, and try cuts at random moments."""
    partition, outages, active = of.partition(), Outages(), np.ones(of.homes, np.bool_)
    outages.set_groups(groups)
    last = len(of.slots) - round((LONGEST_H + AFTER_H) * 3600 / of.period_s)
    chosen: dict[int, list[Group]] = {}
    for slot in rng.integers(history, last, cuts).tolist():
        chosen.setdefault(slot, []).append(groups[int(rng.integers(len(groups)))])
    false, trials = 0, list[Trial]()
    for n, news in enumerate(of.slots):
        partition.step(news)
        if n < history:
            continue
        false += len(_water(outages.look(partition, active, _now(of, n)).raised))
        trials += [
            _trial(of, partition.snapshot(), group, n, rng.uniform(SHORTEST_H, LONGEST_H))
            for group in chosen.get(n, [])
        ]
    return Tally(len(groups) * (len(of.slots) - history) * of.period_s / MONTH_S, false, trials)


def _water(findings: Sequence[AreaFinding]) -> list[AreaFinding]:
    """Leave out what the records lack altogether: there the recorder was down, which is no mistake of ours."""
    return [one for one in findings if one.kind == "water_outage"]


def _now(of: Town, slot: int) -> float:
    return float(np.ceil(of.slots[slot].received.max() / of.period_s) * of.period_s)


def _trial(of: Town, state: dict[str, NDArray[np.float64]], group: Group, slot: int, hours: float) -> Trial:
    """Cut the water of a group after `slot` for some hours; return when it was raised and cleared."""
    partition, outages = Partition.restore(Settings(), state), Outages()
    outages.set_groups([group])
    active, begin = np.ones(of.homes, np.bool_), _now(of, slot)
    back = begin + hours * 3600
    raised = cleared = np.nan
    for now, news in _following(of, group, slot, back):
        partition.step(news)
        changes = outages.look(partition, active, now)
        if _water(changes.raised) and now <= back and np.isnan(raised):
            raised = now
        if _water(changes.cleared) and now > back and np.isnan(cleared):
            cleared = now
        if now > back and (np.isnan(raised) or not np.isnan(cleared)):
            break
    local_h = (begin + float(of.slots[slot].offset_s[0])) % 86_400 / 3600
    return Trial(local_h, raised - begin, cleared - back)


def _following(of: Town, group: Group, slot: int, back: float) -> Iterator[tuple[float, News]]:
    """Yield (now, news) after `slot`, without the water that the group would have drawn until `back`."""
    for n in range(slot + 1, min(slot + 1 + round((LONGEST_H + AFTER_H) * 3600 / of.period_s), len(of.slots))):
        now, news = _now(of, n), of.slots[n]
        dry = np.isin(news.row, group.rows) & (news.end <= back) & ~np.isnan(news.litres)
        litres = np.where(dry, 0.0, news.litres)
        yield now, News(news.row, news.start, news.end, litres, news.offset_s, news.received, news.moved)


def line(name: str, found: Tally) -> str:
    """Return one row of the table."""
    hour, delay, end = (np.array([getattr(t, f) for t in found.trials]) for f in ("local_h", "delay_s", "end_delay_s"))
    light = (hour >= DAY_H[0]) & (hour < DAY_H[1])
    cells = [f"{name:<34}{found.months:>7.0f}{found.false:>7}"]
    for pick in (light, ~light):
        known = delay[pick & ~np.isnan(delay)] / 3600
        p50, p90 = np.quantile(known, [0.5, 0.9]) if len(known) else (np.nan, np.nan)
        cells.append(f"{pick.sum():>6}{len(known) / max(pick.sum(), 1):>8.0%}{p50:>7.2f}{p90:>7.2f}")
    after = end[~np.isnan(end)] / 3600
    cells.append(f"{np.median(after) if len(after) else np.nan:>8.2f}")
    return "".join(cells)


def main() -> None:
    """Measure both towns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=100, help="what-if cuts for each line")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    recorded, _ = load(DATA / "pulses_daiad_dev.csv.gz", DATA / "households_dev.csv", None, None)
    day, night = "cut 08-20 h", "cut 20-08 h"
    print(f"{'':<34}{'group-':>7}{'false':>7}{day:>28}{night:>28}{'end':>8}")
    columns = f"{'cuts':>6}{'found':>8}{'p50 h':>7}{'p90 h':>7}"
    print(f"{'':<34}{'months':>7}{'events':>7}{columns}{columns}{'p50 h':>8}")
    towns = {"seniors, 15 min": (town(seniors(60, 88)), 28 * 96), "recorded, hourly": (town(recorded), 56 * 24)}
    for name, (of, history) in towns.items():
        for size, months in ((20, 100), (5, 100)):
            span = (len(of.slots) - history) * of.period_s / MONTH_S
            groups = drawn(rng, of.homes, size, int(np.ceil(months / span)))
            print(line(f"{name}, {size} homes", measure(of, groups, history, asked.cuts, rng)), flush=True)


if __name__ == "__main__":
    main()
