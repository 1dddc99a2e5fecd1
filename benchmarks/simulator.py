"""How fast and how large: simulated people, their quarter hours, their registers, on one core.

``python -m benchmarks.simulator`` prints household-days a second of (1) draws, (2) draws + 15-minute volumes + 1-L register,
beside a reference that has the same amount of chance to produce and to sort in: numpy's SFC64 generator and `bincount`, so
that a noisy machine shows; the peak of memory for 100,000 homes x 60 days; that the same seed gives the same bytes;
and with ``--cohort`` that those of the frozen cohort are what they were.
"""

import argparse
import hashlib
import resource
import statistics
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

import numpy as np

from simulators.cohorts import SENIORS_1
from simulators.households import Drawn, home_seeds, lives
from simulators.memory import keep_freed
from simulators.meters import registers, volumes

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2025, 3, 3, tzinfo=ZONE)
DAYS = 60
AT_A_TIME = 500
"""Homes that are held in memory at a time."""
DRAWS_A_DAY = 30
NUMBERS_A_DRAW = 3
REPEATS = 5


def events(seeds: np.ndarray) -> Drawn:
    """Return all draws of some homes."""
    return lives(seeds, START, DAYS, ZONE, "average")


def whole(seeds: np.ndarray) -> np.ndarray:
    """Return the registers of some homes at the end of each quarter of an hour, (homes, 96 x days)."""
    litres = volumes(events(seeds), len(seeds), START.timestamp(), 900.0, DAYS * 96)
    return registers(litres, 1.0, np.arange(len(seeds)) % 10 / 10)


def reference(homes: int) -> np.ndarray:
    """Return as much chance as the draws of some homes take, summed up by quarter hours."""
    rng = np.random.Generator(np.random.SFC64(1))
    some = rng.random((homes * DAYS * DRAWS_A_DAY, NUMBERS_A_DRAW))
    return np.bincount((some[:, 0] * homes * DAYS * 96).astype(np.int64), some[:, 1] * some[:, 2], homes * DAYS * 96)


def seconds(work: Callable[[], object]) -> float:
    """Return the median processor seconds of a piece of work."""
    taken = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def main() -> None:
    """Print all figures."""
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--homes", type=int, default=100_000, help="homes of the last, long run")
    ask.add_argument("--cohort", action="store_true", help="check the bytes of the frozen cohort as well")
    asked = ask.parse_args()
    homes = asked.homes
    if homes < 1:
        ask.error(f"want at least one home, got {homes}")
    keep_freed()
    seeds = home_seeds(7, range(AT_A_TIME))
    whole(seeds)
    amount = AT_A_TIME * DAYS
    beside = seconds(lambda: reference(AT_A_TIME))
    for name, work in (("draws", events), ("draws + 15-minute volumes + 1-L register", whole)):
        taken = seconds(partial(work, seeds))
        print(f"{name}: {amount / taken:,.0f} household-days/s, {taken / beside:.2f} x as long as the reference")
    began, digests, drawn = time.process_time(), [], 0.0
    for first in range(0, homes, AT_A_TIME):
        shown = whole(home_seeds(7, range(first, min(first + AT_A_TIME, homes))))
        drawn += float(shown[:, -1].sum())
        digests.append(hashlib.blake2b(shown.tobytes(), digest_size=8).hexdigest())
        if first % 20_000 == 0:
            print(f"  {first:,} of {homes:,} homes", flush=True)
    taken = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{homes:,} homes x {DAYS} days: {taken:.0f} s, {homes * DAYS / taken:,.0f} household-days/s, peak {peak:.0f} MB"
    )
    print(f"  {drawn / homes / DAYS:.1f} L a household-day")
    again = hashlib.blake2b(whole(seeds[:homes]).tobytes(), digest_size=8).hexdigest()
    print(f"the same seed gives the same bytes: {again == digests[0]} ({again})")
    if asked.cohort:
        digest = SENIORS_1.digest()
        print(f"{SENIORS_1.name}: {digest} as frozen: {digest == SENIORS_1.frozen}")


if __name__ == "__main__":
    main()
