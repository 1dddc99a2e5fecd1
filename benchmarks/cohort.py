"""Make the cohort table that `detectors` ships: ``python -m benchmarks.cohort --seed 1``.

Simulated seniors (profiles frugal, average, generous 40/40/20; nobody away over night) live for some weeks behind four
classes of meter; what is usual among them starts every real home's own model.
"""

import argparse
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from detectors.bins import LEAST_USE_L
from detectors.cohort import GROUPS, QUANTILE, XI, group
from detectors.quiet import COUNTED_FROM_S, added_up, hazard, rescaled
from simulators.households import life
from simulators.meters import register

Floats = NDArray[np.float64]
CLASSES = ((900.0, 1.0), (900.0, 10.0), (3600.0, 1.0), (3600.0, 10.0))
"""(report period in seconds, resolution in litres)."""
PROFILES: tuple[str, ...] = ("frugal", "frugal", "average", "average", "generous")
ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2025, 1, 6, tzinfo=ZONE)
DAYS = 84


def used(seed: int, period_s: float, resolution_l: float, days: int) -> NDArray[np.bool_]:
    """Return (bins,) whether the meter of home `seed` moved in each report period, from local midnight on."""
    draws = life(seed, START, days, ZONE, PROFILES[seed % len(PROFILES)], trips=False)
    times = START.timestamp() + np.arange(round(days * 86_400 / period_s) + 1) * period_s
    phase_l = np.random.default_rng(seed).uniform(0, resolution_l)
    moved: NDArray[np.bool_] = np.diff(register(draws, times, resolution_l, phase_l)) >= LEAST_USE_L
    return moved


def quiets(moved: NDArray[np.bool_], period_s: float) -> tuple[Floats, Floats]:
    """Return local (begin, end) in seconds of the runs without use between two uses."""
    at = np.flatnonzero(moved).astype(np.float64)
    begin, end = (at[:-1] + 1) * period_s, at[1:] * period_s
    counted = end - begin >= COUNTED_FROM_S
    return begin[counted], end[counted]


def scale_of(excess: Floats) -> float:
    """Return the scale of the generalised Pareto tail (shape fixed) with the greatest likelihood."""
    candidates = excess.mean() * np.exp(np.linspace(-3, 2, 400))
    ratio = np.log1p(XI * excess / candidates[:, None]).sum(axis=1)
    return float(candidates[np.argmin(len(excess) * np.log(candidates) + (1 + 1 / XI) * ratio)])


def table(seed: int, homes: int, days: int) -> dict[str, Floats]:
    """Return the arrays of `detectors.cohort.Cohort`."""
    lines: dict[str, list[Floats]] = {"rate": [], "tail_from": [], "scale": [], "excess": []}
    for period_s, resolution_l in CLASSES:
        moved = np.stack([used(seed * 100_000 + n, period_s, resolution_l, days) for n in range(homes)])
        hits = moved.reshape(homes, days, 24, -1).any(axis=3).sum(axis=1).astype(np.float64)
        rate = np.repeat((hits.sum(axis=0) / (homes * days))[None, :], homes, axis=0)
        known = np.full((homes, 24), float(days))
        done = added_up(hazard(hits, known, known[:, 0], rate))
        length, of_group = [], []
        for home in range(homes):
            begin, end = quiets(moved[home], period_s)
            length.append(rescaled(done, np.full(len(begin), home), begin, end))
            of_group.append(group(begin % 86_400 // 3600))
        pooled, groups = np.concatenate(length), np.concatenate(of_group)
        parts = [pooled[groups == g] for g in range(GROUPS)]
        tail_from = [float(np.quantile(part, QUANTILE)) for part in parts]
        beyond = [part[part > u] - u for part, u in zip(parts, tail_from, strict=True)]
        lines["rate"].append(rate[0])
        lines["tail_from"].append(np.array(tail_from))
        lines["scale"].append(np.array([scale_of(excess) for excess in beyond]))
        lines["excess"].append(np.array([excess.mean() for excess in beyond]))
    classes = np.array(CLASSES)
    return {"period_s": classes[:, 0], "resolution_l": classes[:, 1]} | {k: np.stack(v) for k, v in lines.items()}


def main() -> None:
    """Make the cohort and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--homes", type=int, default=300)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--out", type=Path, default=Path("detectors/data/cohort.npz"))
    asked = parser.parse_args()
    arrays = table(asked.seed, asked.homes, asked.days)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    with asked.out.open("wb") as f:
        np.savez_compressed(f, allow_pickle=False, **arrays)
    print(f"{asked.out}: {len(CLASSES)} classes of meter from {asked.homes} homes x {asked.days} days")
    for line, (period_s, resolution_l) in enumerate(CLASSES):
        print(f"  {period_s:4.0f} s, {resolution_l:2.0f} L: {arrays['rate'][line].sum():.1f} hours of a day in use")


if __name__ == "__main__":
    main()
