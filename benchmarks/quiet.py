"""False alarms and delay of the survival score of quiet and of the rules in public service: ``python -m benchmarks.quiet``.

What the service runs by default, the index, is measured beside them by ``python -m benchmarks.quiet_index``.

Homes: the recorded hourly homes of ``benchmarks/data`` (DAIAD trial A, CC BY-SA 4.0; nobody there is known to be old), and
simulated seniors.  Quiets beyond 36 h are taken for declared absences.  The first 112 days are history only.

False alarms are counted on the untouched record.  Delay comes from what-if copies: from a random moment on nothing is
drawn, readings go on, and the delay ends at the first reading that raises the finding.  A copy's past is the record up to
that moment, so the state of the running detectors there is the state of the copy.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from detectors.bins import LEAST_USE_L, News
from detectors.habit import TRIP_S
from detectors.partition import Partition, Settings
from detectors.quiet import MODEL_LEVELS, QuietSettings
from shuian.backtest import episodes
from shuian.backtest_input import Record, load, offsets
from shuian.backtest_summary import EMPTY_DAY_L, MONTH_S
from simulators.households import life, trips
from simulators.meters import register

Floats = NDArray[np.float64]
DATA = Path(__file__).parent / "data"
HISTORY_S = 112 * 86_400.0
LONGEST_NATURAL_S = 14 * 3600.0
"""Incidents are put only where the record's own quiet is no longer: the person is not on a trip."""
HORIZON_H = 60
RULES = ("12h-10l", "24h-10l", "no-draw-12h")
ZONE = ZoneInfo("Asia/Shanghai")
SURVIVAL = Settings(quiet=QuietSettings("survival"))


def masked(record: Record) -> Record:
    """Return the record with every quiet beyond 36 h declared as an absence."""
    at = np.flatnonzero(~(record.litres < LEAST_USE_L))  # NaN counts as use: what is not known ends a quiet
    begin, end = record.end[at[:-1]], record.start[at[1:]]
    long = end - begin > TRIP_S
    return replace(record, absences=tuple(zip(begin[long].tolist(), end[long].tolist(), strict=True)))


def lived_in(record: Record) -> bool:
    """Whether fewer than one day in ten is empty, over at least 120 days after the history."""
    day = np.floor((record.end + record.offset_s) / 86_400.0 - 1e-9).astype(np.int64)
    litres = np.bincount(day - day[0], np.nan_to_num(record.litres))
    tested = record.end[-1] - record.end[0] - HISTORY_S
    return bool((litres < EMPTY_DAY_L).mean() < 0.10 and tested >= 120 * 86_400.0)


def recorded() -> list[Record]:
    """Return the recorded homes that are lived in, their nights away taken for declared."""
    records, _ = load(DATA / "pulses_daiad_dev.csv.gz", DATA / "households_dev.csv", None, None)
    return [masked(record) for record in records if lived_in(record)]


def seniors(count: int, days: int) -> list[Record]:
    """Return simulated one-person homes, hourly, 1 L, their nights away declared."""
    start = datetime(2025, 3, 3, tzinfo=ZONE)
    grid: Floats = start.timestamp() + np.arange(days * 24 + 1, dtype=np.float64) * 3600.0
    profiles: tuple[str, ...] = ("frugal", "frugal", "average", "average", "generous")
    homes = []
    for n in range(count):
        seed, profile = 7_000_000 + n, profiles[n % len(profiles)]
        litres = np.diff(register(life(seed, start, days, ZONE, profile), grid, 1.0))
        none = np.zeros(len(litres), np.bool_)
        away = tuple(trips(seed, start, days, ZONE, profile))
        end = grid[1:]
        homes.append(
            Record(f"sim-{n}", ZONE, 1, 3600.0, 1.0, grid[:-1], end, litres, none, end, offsets(ZONE, end), away)
        )
    return homes


@dataclass(frozen=True)
class Replay:
    """What one pass over the homes gave."""

    months: Floats
    """(H,) household-months after the history."""
    peak: Floats
    peak_row: NDArray[np.intp]
    """(G,) highest score of each natural quiet, and its home."""
    curve: Floats
    """(C, HORIZON_H + 1) score of each copy at each hourly reading after its last one; below the least quiet: -inf."""
    copy_row: NDArray[np.intp]
    jitter_h: Floats
    """(C,) the incident lies this much after the copy's last natural reading."""
    rule_delay: dict[str, Floats]
    rule_false: dict[str, Floats]
    """Rule -> (C,) delay in hours (NaN: a hole in its window), (H,) false alarms."""

    def false_alarms(self, level: float, homes: Sequence[int]) -> float:
        """Return false alarms a household-month of these homes at a level."""
        return float((self.peak[np.isin(self.peak_row, homes)] >= level).sum() / self.months[list(homes)].sum())

    def level(self, target: float, homes: Sequence[int]) -> float:
        """Return the level that gives this many false alarms."""
        own = np.sort(self.peak[np.isin(self.peak_row, homes)])[::-1]
        nth = round(target * self.months[list(homes)].sum())
        return float(own[min(nth, len(own) - 1)])

    def delay(self, level: float, homes: Sequence[int]) -> Floats:
        """Return (C',) delays of the copies of these homes in hours."""
        mine = np.isin(self.copy_row, homes)
        reached = self.curve[mine] >= level
        hours = np.where(reached.any(axis=1), reached.argmax(axis=1), np.nan)
        return np.maximum(hours - self.jitter_h[mine], 0.0)


def replay(records: Sequence[Record], copies: int, seed: int = 5) -> Replay:
    """Run the detectors once over `records`, taking copies on the way."""
    rng = np.random.default_rng(seed)
    settings = SURVIVAL
    partition = Partition(
        settings, np.array([r.period_s for r in records]), np.array([r.resolution_l for r in records])
    )
    for row, r in enumerate(records):
        for begin, end in r.absences:
            partition.away(row, begin, end)
    chosen = [moments(r, copies, rng) for r in records]
    scores = np.full(len(records), np.nan)
    since = np.full(len(records), np.nan)
    peak, peak_row, curve, copy_row = [], [], [], []
    for k in range(max(len(r.end) for r in records)):
        rows = np.array([row for row, r in enumerate(records) if k < len(r.end)])
        columns = [
            np.array([getattr(records[row], name)[k] for row in rows])
            for name in ("start", "end", "litres", "offset_s", "received")
        ]
        partition.step(News(rows, *columns))
        now, last = partition.score(), partition.last_use()
        for row in np.flatnonzero((last != since) & ~np.isnan(scores)).tolist():
            if _tested(records[row], since[row]):
                peak.append(scores[row])
                peak_row.append(row)
        quiet_s = partition.known_until() - last
        scores, since = np.where(quiet_s >= settings.quiet.least_s, now, np.nan), last
        for row in (row for row in rows.tolist() if k in chosen[row]):
            curve.append(_curve(partition, row, settings.quiet.least_s))
            copy_row.append((row, k))
    jitter = rng.uniform(-0.5, 0.5, len(curve))
    found = episodes(records, Settings(rules=RULES))
    false = {rule: np.zeros(len(records)) for rule in RULES}
    for f in found:
        if f.kind.startswith("rule:") and f.onset >= records[f.row].end[0] + HISTORY_S:
            false[f.kind.removeprefix("rule:")][f.row] += 1
    delays = {rule: np.array([_rule_delay(rule, records[row], k) for row, k in copy_row]) - jitter for rule in RULES}
    months = np.array([months(r) for r in records])
    return Replay(
        months,
        np.array(peak),
        np.array(peak_row),
        np.array(curve),
        np.array([row for row, _ in copy_row]),
        jitter,
        delays,
        false,
    )


def _tested(record: Record, at: float) -> bool:
    return bool(at >= record.end[0] + HISTORY_S)


def months(record: Record) -> float:
    """Return the household-months of a record that are judged: known, after the history, not away."""
    known = ~np.isnan(record.litres) & (record.start >= record.end[0] + HISTORY_S)
    for begin, end in record.absences:
        known &= ~((record.start < end) & (record.end > begin))
    return float((record.end - record.start)[known].sum()) / MONTH_S


def moments(record: Record, copies: int, rng: np.random.Generator) -> set[int]:
    """Return places in the record after which a copy draws nothing more."""
    at = np.flatnonzero(~(record.litres < LEAST_USE_L))
    last = np.searchsorted(at, np.arange(len(record.end)), side="right") - 1
    begin = record.end[at[np.maximum(last, 0)]]
    end = record.start[at[np.minimum(last + 1, len(at) - 1)]]
    there = (record.start >= record.end[0] + HISTORY_S) & (end - begin <= LONGEST_NATURAL_S) & ~np.isnan(record.litres)
    for left, back in record.absences:
        there &= ~((record.start < back) & (record.end > left))
    places = np.flatnonzero(there)
    return set(rng.choice(places, min(copies, len(places)), replace=False).tolist()) if len(places) else set()


def _curve(partition: Partition, row: int, least_s: float) -> Floats:
    """Return the scores at this and the next hourly readings of a home in which nothing more is drawn."""
    state = partition._state
    rows = np.full(HORIZON_H + 1, row)
    origin, until = float(state.clock.since[row]), float(state.clock.known_until[row])
    offset = float(state.clock.offset_s[row])
    end: Floats = until + 3600.0 * np.arange(HORIZON_H + 1, dtype=np.float64)
    begin = np.full(len(end), origin + offset)
    score = state.quiet.score(partition._cohort, rows, begin, end + offset)
    return np.where(end - origin >= least_s, score, -np.inf)


def _rule_delay(rule: str, record: Record, k: int) -> float:
    """Return hours from reading `k` until a rule fires if nothing more is drawn; NaN: its window holds a hole."""
    readings = record.end[k] + 3600.0 * np.arange(HORIZON_H + 1)
    first = max(k - 60, 0)
    litres = record.litres[first : k + 1]
    if rule.startswith("no-draw"):
        used = np.flatnonzero(~(litres < LEAST_USE_L))
        fires = (
            readings - record.end[first + used[-1]] >= 12 * 3600.0 if len(used) else np.ones(len(readings), np.bool_)
        )
    else:
        hours = float(rule.split("h", maxsplit=1)[0])
        if np.isnan(litres[record.start[first : k + 1] >= record.end[k] - hours * 3600.0]).any():
            return float("nan")
        total = np.append(0.0, np.cumsum(np.nan_to_num(litres)))
        at = np.append(record.start[first], record.end[first : k + 1])
        fires = total[-1] - np.interp(readings - hours * 3600.0, at, total) < 10.0 - 1e-6
    return float(fires.argmax()) if fires.any() else float("nan")


def report(name: str, result: Replay, groups: dict[str, list[int]]) -> None:
    """Print the operating points of each group."""
    for group, homes in groups.items():
        print(f"\n{name}, {group}: {len(homes)} homes, {result.months[homes].sum():.0f} household-months, "
              f"{int(np.isin(result.copy_row, homes).sum())} copies")  # fmt: skip
        print(f"  {'':<28}{'FA/month':>9}{'median h':>10}{'p90 h':>8}{'<= 12 h':>9}")
        for rule in RULES:
            rate = result.rule_false[rule][homes].sum() / result.months[homes].sum()
            _line(rule, rate, result.rule_delay[rule][np.isin(result.copy_row, homes)])
        for severity, level in zip(("amber", "red"), MODEL_LEVELS["survival"], strict=True):
            _line(f"quiet {severity} (level {level:g})", result.false_alarms(level, homes), result.delay(level, homes))
        for target in (3.0, 1.0, 0.3):
            level = result.level(target, homes)
            _line(
                f"quiet at {target:g} (level {level:.2f})",
                result.false_alarms(level, homes),
                result.delay(level, homes),
            )


def _line(name: str, rate: float, delay: Floats) -> None:
    known = delay[~np.isnan(delay)]
    p50, p90 = np.quantile(known, [0.5, 0.9])
    print(f"  {name:<28}{rate:>9.2f}{p50:>10.1f}{p90:>8.1f}{(known <= 12).sum() / len(delay):>9.0%}")


def main() -> None:
    """Measure all detectors and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=40, help="what-if copies of each home")
    parser.add_argument("--seniors", type=int, default=60, help="simulated homes")
    asked = parser.parse_args()
    homes = recorded()
    groups = {
        "lived-in": list(range(len(homes))),
        "1-2 residents": [n for n, home in enumerate(homes) if home.occupants in {1, 2}],
        "1 resident": [n for n, home in enumerate(homes) if home.occupants == 1],
    }
    report("recorded", replay(homes, asked.copies), groups)
    old = seniors(asked.seniors, 220)
    report("simulated seniors", replay(old, asked.copies), {"all": list(range(len(old)))})


if __name__ == "__main__":
    main()
