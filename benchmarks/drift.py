"""Slow change beside a rule of thumb: how often for nothing, how many found, how late: ``python -m benchmarks.drift``.

Homes: simulated seniors behind hourly meters of one litre, their nights away declared, and the recorded hourly homes of
``benchmarks/data`` that are lived in (DAIAD trial A, CC BY-SA 4.0; families, nobody known to be old).  What is told on the
untouched record counts as false, although people there did change and nobody wrote it down.

Changes are the faults of `simulators.faults.person`, which strike other simulated people after 200 days, at four times of the
year; of whom something is told already then is left out.  The rule of thumb: the mean of the last seven known days over that of the 28 before.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from benchmarks.flow import PROFILES
from benchmarks.quiet import ZONE, recorded
from detectors.bins import LEAST_USE_L, Bools, Floats, News, rounds
from detectors.clock import Clock
from detectors.daybook import KEPT, LITRES, NIGHT, Daybook
from detectors.drift import CHANGES, LAG, NEEDED, NONE, Drift, DriftSettings
from detectors.partition import Settings
from shuian.backtest import episodes
from shuian.backtest_input import Record, offsets
from simulators.doings import Doings, doings
from simulators.faults import faults
from simulators.faults.person.decline import decline
from simulators.faults.person.nocturia import nocturia
from simulators.faults.person.season import season
from simulators.households import Draws, life, trips
from simulators.meters import register

STARTS = tuple(datetime(2024, month, 3, tzinfo=ZONE) for month in (3, 6, 9, 12))
HOUR_S, DAY_S, YEAR_DAYS = 3600.0, 86_400.0, 365.25
STRUCK_DAY, WATCHED_DAYS = 200, 100
WITHIN = (28, 60, 90)
RECENT, BEFORE = 7, 28
Strike = Callable[[Doings, float, np.random.Generator], Doings]


def strikes() -> Mapping[str, Strike]:
    """Return what befalls people, by what the table calls it."""
    listed = faults()
    made: dict[str, Strike] = {
        "nothing changes": lambda did, _at, _rng: did,
        "visits at night x 2.5 within 14 days": lambda did, at, rng: nocturia(did, at, rng, days=14, times=2.5),
        "40 % less within 60 days": lambda did, at, rng: decline(did, at, rng, days=60, left=0.6),
        "showers x 2.4, or x 0.4, within 91 days: more than a season": lambda did, at, rng: season(
            did, at, rng, float(rng.choice([0.41, 2.43]))
        ),
    }
    return made | {f"{code}: {listed[code].name}": listed[code].strike for code in CODES}


CODES = ("P4", "P5", "P6", "P7", "P8", "P12", "P14", "P16", "P17")


def metered(name: str, draws: Draws, start: datetime, days: int, phase_l: float) -> Record:
    """Return what an hourly meter of one litre shows."""
    grid = start.timestamp() + HOUR_S * np.arange(24 * days + 1, dtype=np.float64)
    litres, end = np.diff(register(draws, grid, 1.0, phase_l)), grid[1:]
    none = np.zeros(len(litres), np.bool_)
    return Record(name, ZONE, 1, HOUR_S, 1.0, grid[:-1], end, litres, none, end, offsets(ZONE, end), ())


def seniors(count: int, days: int) -> list[Record]:
    """Return simulated one-person homes that nothing befalls, their nights away declared."""
    homes = []
    for n in range(count):
        seed, profile, start = 9_300_000 + n, PROFILES[n % len(PROFILES)], STARTS[n % len(STARTS)]
        record = metered(f"sim-{n}", life(seed, start, days, ZONE, profile), start, days, n * 0.37 % 1)
        homes.append(replace(record, absences=tuple(trips(seed, start, days, ZONE, profile))))
    return homes


def undisturbed(count: int) -> list[Doings]:
    """Return the lives of people before anything befalls them; nobody stays away over night."""
    days = STRUCK_DAY + WATCHED_DAYS
    return [
        doings(9_500_000 + n, STARTS[n % len(STARTS)], days, ZONE, PROFILES[n % len(PROFILES)], trips=False)
        for n in range(count)
    ]


def struck(strike: Strike, lived: Sequence[Doings], name: str) -> list[Record]:
    """Return homes that something befalls some time on day `STRUCK_DAY`."""
    homes = []
    for n, one in enumerate(lived):
        rng, start = np.random.default_rng([n, *name.encode()]), STARTS[n % len(STARTS)]
        did = strike(one, start.timestamp() + (STRUCK_DAY + rng.uniform()) * DAY_S, rng)
        homes.append(metered(name, did.draws, start, STRUCK_DAY + WATCHED_DAYS, n * 0.37 % 1))
    return homes


@dataclass(frozen=True)
class Played:
    """What the days of some homes held, and what was told of them."""

    values: Floats
    """(H, D, 2) hours of each night with water, litres of each day; NaN: not known."""
    told: NDArray[np.int64]
    """(H, D) the change that is told after each day; `NONE`."""

    def begun(self) -> Bools:
        """Return (H, D) where something begins to be told."""
        before = np.concatenate([np.full((len(self.told), 1), NONE), self.told[:, :-1]], axis=1)
        begun: Bools = (self.told != NONE) & (before == NONE)
        return begun

    def years(self) -> float:
        """Return the household-years in which something could have been told."""
        known = ~np.isnan(self.values[:, :, LITRES])
        armed = np.cumsum(known, axis=1)[:, :-LAG] >= NEEDED
        free = self.told[:, LAG:] == NONE  # nothing further is told while one change is
        return float((known[:, LAG:] & armed & free).sum()) / YEAR_DAYS


def played(records: Sequence[Record], settings: DriftSettings) -> Played:
    """Run days and drift, and nothing else, over hourly records of one length."""
    homes = len(records)
    first = np.array([(r.start[0] + r.offset_s[0]) // DAY_S for r in records]).astype(np.int64)
    clock, book, drift = Clock.fresh(homes), Daybook.fresh(homes), Drift.fresh(homes)
    for row, record in enumerate(records):
        for begin, end in record.absences:
            clock.away(row, begin, end)
    days = len(records[0].end) // 24
    values, told = np.full((homes, days, 2), np.nan), np.full((homes, days), NONE)
    columns = [np.stack([getattr(r, name) for r in records], axis=1) for name in ("start", "end", "litres", "offset_s")]
    rows = np.arange(homes)
    for start, end, litres, offset_s in zip(*columns, strict=True):
        for news, _ in rounds(News(rows, start, end, litres, offset_s, end), np.zeros(homes, np.bool_)):
            timely, hole = clock.timely(news)
            over, day = book.step(clock.step(timely, hole, timely.litres >= LEAST_USE_L))
            drift.step(settings, book, over, day, clock.offset_s)
            if len(over):
                found, known = book.last(over, day, 0, 1)
                values[over, day - first[over]] = np.where(known, found, np.nan)[:, 0]
                told[over, day - first[over]] = drift.told[over]
    return Played(values, told)


def ratio(values: Floats, column: int) -> Floats:
    """Return (H, D) the mean of the last known days over that of those before; NaN: too few."""
    made = np.full(values.shape[:2], np.nan)
    for home in range(len(values)):
        at = np.flatnonzero(~np.isnan(values[home, :, column]))
        if len(at) < RECENT + BEFORE:
            continue
        total = np.concatenate([[0.0], np.cumsum(values[home, at, column])])
        n = np.arange(RECENT + BEFORE, len(at) + 1)
        lately, usual = total[n] - total[n - RECENT], total[n - RECENT] - total[n - RECENT - BEFORE]
        made[home, at[n - 1]] = (lately / RECENT) / np.maximum(usual / BEFORE, 0.1)
    return made


def beyond(share: Floats, limit: float, column: int) -> Bools:
    """Return (H, D) where a ratio begins to be beyond 1 + `limit`; litres also below 1 / (1 + `limit`)."""
    out = share > 1 + limit
    if column == LITRES:
        out |= share < 1 / (1 + limit)
    begun: Bools = out & ~np.concatenate([np.zeros((len(out), 1), np.bool_), out[:, :-1]], axis=1)
    return begun


def limit_for(share: Floats, column: int, years: float, rate: float) -> float:
    """Return the limit at which a ratio signals so often a year."""
    low, high = 0.05, 20.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(share, middle, column).sum() > rate * years else (low, middle)
    return high


def found(begun: Bools, told_at_onset: Bools) -> tuple[str, str]:
    """Return (shares found within `WITHIN`, median delay) of changes on day `STRUCK_DAY`, as the table shows them."""
    after = begun[~told_at_onset, STRUCK_DAY:]
    delay = np.where(after.any(axis=1), after.argmax(axis=1) + 1.0, np.inf)
    shares = "/".join(f"{(delay <= days).mean():.0%}".rstrip("%") for days in WITHIN)
    median = float(np.median(delay))
    return shares, f"{median:.0f}" if median <= WITHIN[-1] else "–"


def rates(name: str, begun: Bools, kinds: NDArray[np.int64], years: float) -> None:
    """Print how often something was told a household-year, and what."""
    count = np.bincount(kinds[begun], minlength=len(CHANGES)) / years
    parts = ", ".join(f"{change.reason} {rate:.2f}" for change, rate in zip(CHANGES, count, strict=True))
    by_home = begun.sum(axis=1)
    print(
        f"{name}: {begun.sum() / years:.2f} a household-year in {years:.0f} ({parts}); most in one home {by_home.max()}"
    )


def untouched(settings: DriftSettings, homes: int, days: int) -> tuple[float, float, float]:
    """Print what is told where nothing changes; return the limits of the ratios that cost as much."""
    ordinary = played(seniors(homes, days), settings)
    begun, years = ordinary.begun(), ordinary.years()
    rates("simulated seniors", begun, ordinary.told, years)
    share = [ratio(ordinary.values, column) for column in (LITRES, NIGHT)]
    print(f"  7 days / 28 days of litres, +- 30 %: {beyond(share[0], 0.3, LITRES).sum() / years:.1f} a household-year")
    rate = float(begun.sum()) / years
    limits = [limit_for(one, column, years, rate) for one, column in zip(share, (LITRES, NIGHT), strict=True)]
    print(f"  the same cost with limits of +{limits[0]:.0%} (litres), +{limits[1]:.0%} (hours of the night)")
    return rate, limits[0], limits[1]


def families(settings: DriftSettings) -> None:
    """Print what the whole service tells of recorded homes."""
    homes = recorded()
    said = [f for f in episodes(homes, Settings(drift=settings)) if f.kind == "drift"]
    for name, some in (
        ("recorded homes", range(len(homes))),
        ("of those with one or two residents", [n for n, home in enumerate(homes) if home.occupants in {1, 2}]),
    ):
        mine = [f for f in said if f.row in some]
        held_s = sum(min(f.cleared_at or homes[f.row].end[-1], homes[f.row].end[-1]) - f.raised_at for f in mine)
        years = sum(_years(homes[n]) for n in some) - held_s / DAY_S / YEAR_DAYS
        count = {change.reason: sum(f.reason == change.reason for f in mine) / years for change in CHANGES}
        parts = ", ".join(f"{reason} {rate:.2f}" for reason, rate in count.items())
        print(f"{name}: {len(mine) / years:.2f} a household-year in {years:.0f} ({parts})")


def _years(record: Record) -> float:
    """Return the years of a record after the first weeks."""
    length_s = float((record.end - record.start)[~np.isnan(record.litres)].sum())
    return max(length_s / DAY_S - LAG - NEEDED, 0.0) / YEAR_DAYS


def changes(settings: DriftSettings, homes: int, limits: tuple[float, float]) -> None:
    """Print the table of what is found."""
    lived = undisturbed(homes)
    print(f"\nfound within {'/'.join(map(str, WITHIN))} days [%], median delay [days]; {homes} people each")
    print("| change | drift | told as | 7/28 days of litres | 7/28 nights |\n|---|---|---|---|---|")
    for name, strike in strikes().items():
        result = played(struck(strike, lived, name), settings)
        held = result.told[:, STRUCK_DAY - 1] != NONE
        begun = result.begun()
        soon = begun[~held, STRUCK_DAY:] & (np.arange(WATCHED_DAYS) < WITHIN[1])
        kinds = np.bincount(result.told[~held, STRUCK_DAY:][soon], minlength=len(CHANGES))
        words = ", ".join(f"{c.reason.removeprefix('drift_')} {n}" for c, n in zip(CHANGES, kinds, strict=True) if n)
        cells = [" · ".join(found(begun, held))]
        for column, limit in zip((LITRES, NIGHT), limits, strict=True):
            cells.append(" · ".join(found(beyond(ratio(result.values, column), limit, column), held)))
        print(f"| {name} | {cells[0]} | {words or '–'} | {cells[1]} | {cells[2]} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--homes", type=int, default=150, help="simulated homes that nothing befalls")
    parser.add_argument("--days", type=int, default=600, help="days each of them lives")
    parser.add_argument("--struck", type=int, default=60, help="people whom each change befalls")
    parser.add_argument("--levels", type=float, nargs=3, help="levels instead of those in service")
    asked = parser.parse_args()
    settings = DriftSettings(*asked.levels) if asked.levels else DriftSettings()
    print(f"{KEPT - LAG} days are what is usual, {NEEDED} needed; {settings}")
    _, litres, nights = untouched(settings, asked.homes, asked.days)
    families(settings)
    changes(settings, asked.struck, (litres, nights))


if __name__ == "__main__":
    main()
