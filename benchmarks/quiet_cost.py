"""What judging quiets by the index costs, in time and memory: ``python -m benchmarks.quiet_cost``."""

import argparse
import time

import numpy as np

from detectors.bins import LEAST_USE_L, News
from detectors.clock import Clock
from detectors.quiet_columns import HOURS, columns, shipped_priors
from detectors.quiet_hazard import BANDS, chances, mixed, offsets, population_odds, shipped, survival
from detectors.quiet_index import levels
from detectors.quiet_past import QuietPast, hour_of
from detectors.quiet_spells import Spells

START = 1_750_032_000.0
HOUR_S = 3600.0


def lived(homes: int, days: int) -> tuple[Clock, QuietPast, float]:
    """Return clocks and pasts of homes that drew water at random hours of the day, and seconds for one interval of all."""
    rng, rows = np.random.default_rng(1), np.arange(homes)
    clock, past, spent = Clock.fresh(homes), QuietPast.fresh(homes), 0.0
    often = np.where((np.arange(24) > 6) & (np.arange(24) < 22), 0.5, 0.03)
    for hour in range(days * 24 + 4):
        end = np.full(homes, START + (hour + 1) * HOUR_S)
        used = (rng.random(homes) < often[hour % 24]) & (hour < days * 24)  # at last nobody draws any more
        litres = np.where(used, rng.integers(1, 20, homes), 0.0)
        timely, hole = clock.timely(News(rows, end - HOUR_S, end, litres, np.zeros(homes), end))
        moment = clock.step(timely, hole, timely.litres >= LEAST_USE_L)
        begun = time.process_time()
        past.step(moment)
        spent += time.process_time() - begun
    return clock, past, spent / (days * 24 + 4)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--homes", type=int, default=2000)
    parser.add_argument("--days", type=int, default=100)
    asked = parser.parse_args()
    clock, past, step_s = lived(asked.homes, asked.days)
    rows, last = np.arange(asked.homes), hour_of(clock.since)
    prior = shipped_priors().lines.take(np.zeros(asked.homes, np.intp))
    best = np.full(3, np.inf)
    for _ in range(5):
        at = [time.process_time()]
        made = columns(past, rows, last, np.ones(asked.homes, np.bool_), prior)
        at.append(time.process_time())
        odds = mixed(population_odds(shipped()[0], made), np.zeros(asked.homes))
        lasting = survival(chances(odds, offsets(np.zeros((asked.homes, BANDS, 2)))))
        at.append(time.process_time())
        levels(lasting)
        at.append(time.process_time())
        best = np.minimum(best, np.diff(at))
    each = best / asked.homes * 1e6
    size = sum(array.nbytes for part in (past, Spells.fresh(np.ones(asked.homes))) for array in vars(part).values())
    print(
        f"one quiet: columns {each[0]:.0f}, hazard {each[1]:.0f}, index {each[2]:.0f} µs; together {each.sum():.0f} µs"
    )
    print(f"one interval of one home into its past: {step_s / asked.homes * 1e6:.2f} µs ({asked.homes} at once)")
    print(f"state: {size / asked.homes:.0f} bytes a home; {HOURS} hours looked at")


if __name__ == "__main__":
    main()
