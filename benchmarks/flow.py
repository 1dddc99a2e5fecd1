"""False alarms and delay of surge and leak, beside the rules in public service: ``python -m benchmarks.flow``.

Homes: the recorded hourly homes of ``benchmarks/data`` that are lived in (DAIAD trial A, CC BY-SA 4.0), and simulated
seniors behind 15-minute and hourly meters of one litre.  The first four weeks are history only.

False alarms are counted on the untouched record, amber and red each for itself.  That is unfair to the detectors on
recorded homes: a leak or a tap that was really left open there counts as false, because nobody wrote it down.  Delay comes
from copies of the six weeks before a random moment, at which a flow begins that does not end for a day and a half.

``--cohort`` prints the constants of `detectors.peaks`: what is usual among simulated seniors and recorded homes.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from benchmarks.cohort import scale_of
from benchmarks.quiet import ZONE, recorded
from detectors.bins import News
from detectors.partition import Partition, Settings
from detectors.peaks import MOST_EXCESS, QUANTILE, RUN, WINDOWS_S
from shuian.backtest import episodes
from shuian.backtest_input import Record, offsets
from shuian.backtest_summary import MONTH_S
from simulators.households import life, trips
from simulators.meters import register

Floats = NDArray[np.float64]
HISTORY_S = 28 * 86_400.0
COPY_S, HORIZON_S = 42 * 86_400.0, 36 * 3600.0
RULES = ("day-2000l", "day-1000l", "250l-1h", "2h-continuous", "half-hours")
FIRST_SENIOR = 8_000_000
SENIORS_FROM = datetime(2025, 3, 3, tzinfo=ZONE)
PROFILES: tuple[str, ...] = ("frugal", "frugal", "average", "average", "generous")
FLOWS_L_S = {"tap 0.1 L/s": 0.1, "tap 0.03 L/s": 0.03, "leak 20 L/h": 20 / 3600, "leak 12 L/h": 12 / 3600}
TAP, LEAK = "tap 0.1 L/s", "leak 20 L/h"
TAP_GRACE_H, LEAK_H = 0.5, 24.0
"""In time: an open tap within one report interval and this; a leak of a toilet within so much."""
KINDS = ("surge", "leak", *(f"rule:{rule}" for rule in RULES))


def seniors(count: int, days: int, period_s: float) -> list[Record]:
    """Return simulated one-person homes behind meters of one litre, their nights away declared."""
    start = SENIORS_FROM
    grid: Floats = start.timestamp() + np.arange(round(days * 86_400 / period_s) + 1, dtype=np.float64) * period_s
    homes = []
    for n in range(count):
        seed, profile = FIRST_SENIOR + n, PROFILES[n % len(PROFILES)]
        litres = np.diff(register(life(seed, start, days, ZONE, profile), grid, 1.0))
        none, end = np.zeros(len(litres), np.bool_), grid[1:]
        away = tuple(trips(seed, start, days, ZONE, profile))
        homes.append(
            Record(f"sim-{n}", ZONE, 1, period_s, 1.0, grid[:-1], end, litres, none, end, offsets(ZONE, end), away)
        )
    return homes


@dataclass(frozen=True)
class Tested:
    """A copy of a home in which a flow begins."""

    record: Record
    at: float
    flow: str


def copies(homes: Sequence[Record], each: int, rng: np.random.Generator) -> list[Tested]:
    """Return copies of homes, each with one flow that begins at a random known moment."""
    made = []
    for home in homes:
        first, last = home.end[0] + COPY_S, home.end[-1] - HORIZON_S
        there = np.flatnonzero((home.start >= first) & (home.end <= last) & ~np.isnan(home.litres) & ~_away(home))
        for n in rng.choice(there, min(each, len(there)), replace=False).tolist():
            at = float(rng.uniform(home.start[n], home.end[n]))
            inside = (home.end > at - COPY_S) & (home.start < at + HORIZON_S)
            made += [Tested(flowing(home, inside, at, l_s), at, flow) for flow, l_s in FLOWS_L_S.items()]
    return made


def _away(home: Record) -> NDArray[np.bool_]:
    away = np.zeros(len(home.end), np.bool_)
    for begin, end in home.absences:
        away |= (home.start < end) & (home.end > begin - HORIZON_S)
    return away


def flowing(home: Record, inside: NDArray[np.bool_], at: float, l_s: float) -> Record:
    """Return the part `inside` of a home, with a flow from `at` on as its register shows it."""
    start, end = home.start[inside], home.end[inside]
    more = np.floor(np.maximum(end - at, 0.0) * l_s) - np.floor(np.maximum(start - at, 0.0) * l_s)
    columns = {name: getattr(home, name)[inside] for name in ("moved", "received", "offset_s")}
    return replace(home, start=start, end=end, litres=home.litres[inside] + more, **columns)


def false_alarms(homes: Sequence[Record]) -> tuple[float, Counter[tuple[str, str]]]:
    """Return (household-months, findings by kind and severity) of untouched homes after their history."""
    found = episodes(homes, Settings(rules=RULES))
    counted = [f for f in found if f.kind in KINDS and f.raised_at >= homes[f.row].end[0] + HISTORY_S]
    months = sum(_known_s(home) for home in homes) / MONTH_S
    return months, Counter((f.kind, f.severity) for f in counted)


def _known_s(home: Record) -> float:
    known = ~np.isnan(home.litres) & (home.start >= home.end[0] + HISTORY_S) & ~_away(home)
    return float((home.end - home.start)[known].sum())


def delays(tested: Sequence[Tested]) -> dict[tuple[str, str, str], Floats]:
    """Return (flow, kind, severity) -> hours from the begin of the flow to the finding of each copy; inf: none."""
    found = episodes([one.record for one in tested], Settings(rules=RULES))
    first: dict[tuple[int, str, str], float] = {}
    for f in found:
        if f.raised_at >= tested[f.row].at:
            first.setdefault((f.row, f.kind, f.severity), f.raised_at)
    table: dict[tuple[str, str, str], list[float]] = {}
    for row, one in enumerate(tested):
        for kind, severity in _asked():
            at = first.get((row, kind, severity), np.inf)
            table.setdefault((one.flow, kind, severity), []).append((at - one.at) / 3600.0)
    return {key: np.array(hours) for key, hours in table.items()}


def in_time(hours: dict[tuple[str, str, str], Floats], period_s: float) -> dict[str, float]:
    """Return the share of open taps and of leaking toilets that anything of ours found in time."""
    own = {key: h for key, h in hours.items() if key[1] in {"surge", "leak"}}
    taps = [h for (flow, kind, _), h in own.items() if flow == TAP and kind == "surge"]
    leaks = [h for (flow, _, _), h in own.items() if flow == LEAK]
    tap_h = np.min(taps, axis=0) <= period_s / 3600.0 + TAP_GRACE_H
    return {TAP: float(tap_h.mean()), LEAK: float((np.min(leaks, axis=0) <= LEAK_H).mean())}


def _asked() -> list[tuple[str, str]]:
    own = [("surge", "amber"), ("surge", "red"), ("leak", "blue"), ("leak", "amber")]
    return own + [
        (f"rule:{rule}", "red" if rule[-1] != "s" and "continuous" not in rule else "amber") for rule in RULES
    ]


def report(name: str, homes: Sequence[Record], each: int) -> None:
    """Print the table of one set of homes."""
    months, false = false_alarms(homes)
    hours = delays(copies(homes, each, np.random.default_rng(11)))
    print(
        f"\n{name}: {len(homes)} homes, {months:.0f} household-months; hours to the finding, median / 90 %, share found"
    )
    for flow, share in in_time(hours, homes[0].period_s).items():
        print(f"  {flow} found in time: {share:.1%}")
    print(f"  {'':<22}{'FA/month':>9}" + "".join(f"{flow:>24}" for flow in FLOWS_L_S))
    for kind, severity in _asked():
        cells = [_cell(hours[flow, kind, severity]) for flow in FLOWS_L_S]
        print(
            f"  {kind + ' ' + severity:<22}{false[kind, severity] / months:>9.3f}" + "".join(f"{c:>24}" for c in cells)
        )


def _cell(hours: Floats) -> str:
    p50, p90 = np.quantile(hours, [0.5, 0.9], method="higher")
    shown = ["-" if np.isinf(h) else f"{h:.1f}" for h in (p50, p90)]
    return f"{shown[0]} / {shown[1]}, {np.isfinite(hours).mean():.0%}"


def cohort(homes: Sequence[Record]) -> None:
    """Print what is usual among homes: the constants of `detectors.peaks`."""
    partition = Partition(Settings(), np.array([h.period_s for h in homes]), np.array([h.resolution_l for h in homes]))
    for row, home in enumerate(homes):
        for begin, end in home.absences:
            partition.away(row, begin, end)
    for k in range(max(len(h.end) for h in homes)):
        rows = np.array([row for row, h in enumerate(homes) if k < len(h.end)])
        names = ("start", "end", "litres", "offset_s", "received")
        partition.step(News(rows, *(np.array([getattr(homes[row], name)[k] for row in rows]) for name in names)))
    peaks = partition._state.water.peaks
    full = peaks.days >= peaks.kept.shape[2]
    most = peaks.kept[full, :RUN].astype(np.float64)
    usual = np.maximum(np.quantile(most, QUANTILE, axis=2, method="higher"), 1.0)
    print(f"{full.sum()} homes; windows of {(WINDOWS_S / 3600).tolist()} h")
    print("  usual  ", np.round(np.quantile(usual, [0.1, 0.5, 0.9], axis=0), 0).tolist(), "(10, 50, 90 % of homes)")
    for w in range(RUN):
        if (usual[:, w] <= 1.0).all():
            continue  # the meters tell too seldom for it
        excess = most[:, w] / usual[:, w : w + 1] - 1.0
        beyond = np.minimum(excess[excess > 0], MOST_EXCESS)
        print(f"  {WINDOWS_S[w] / 3600:4.1f} h: scale {scale_of(beyond):.3f}, mean excess {beyond.mean():.3f}")
    print("  longest run [h]", np.round(np.quantile(peaks.run_s[full] / 3600, [0.1, 0.5, 0.9, 1.0]), 1).tolist())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--homes", type=int, default=120, help="simulated homes")
    parser.add_argument("--days", type=int, default=70, help="days each of them lives")
    parser.add_argument("--copies", type=int, default=1, help="copies of each home, for each flow")
    parser.add_argument("--cohort", action="store_true", help="print the constants of detectors.peaks instead")
    asked = parser.parse_args()
    sets = {
        "recorded homes, hourly": recorded(),
        "simulated seniors, 15 minutes": seniors(asked.homes, asked.days, 900.0),
        "simulated seniors, hourly": seniors(asked.homes, asked.days, 3600.0),
    }
    for name, homes in sets.items():
        if asked.cohort:
            print(name)
            cohort(homes)
        else:
            report(name, homes, asked.copies)


if __name__ == "__main__":
    main()
