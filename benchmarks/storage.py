"""A day, and sixty, of ten thousand homes: bytes a reading, one home's history, the whole fleet for training.

    python -m benchmarks.storage
    python -m benchmarks.storage --homes 1000

Readings arrive in random order within each report, in batches as the ingest edge commits them; the journal is forgotten
as the pipeline does.  Rates are given by the clock and by processor time: on a machine with other work the second tells
more.  The sixty days are of fewer homes (`--history-homes`): what one home costs does not depend on how many there are.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from ingest.scan import months, scan
from ingest.store import SqliteStore

START_MS = 1_793_491_200_000
"""2026-11-01 00:00 UTC."""
DAY_MS = 86_400_000
BATCH = 500


def fill(store: SqliteStore, homes: int, period_s: int, days: int, seed: int = 1) -> int:
    """Store `days` of a register of each home every `period_s`; return the number of readings."""
    chance = np.random.default_rng(seed)
    registers = chance.integers(10**6, 10**9, homes) // 1000 * 1000
    number = 0
    for turn in range(days * 86_400 // period_s):
        drew = chance.random(homes) < 0.3
        registers = registers + drew * chance.integers(0, 40, homes) * 1000
        at = START_MS + turn * period_s * 1000
        order = chance.permutation(homes)
        for first in range(0, homes, BATCH):
            rows = [
                StoredReading(f"wm-{n:06d}", WATER_VOLUME_TOTAL, at, int(registers[n]), at + 5000)
                for n in order[first : first + BATCH]
            ]
            store.commit(rows, [])
            number += len(rows)
        store.forget(store.newest_seq())
    return number


def sizes(folder: Path) -> tuple[int, int]:
    """Return the bytes of the month files, and of the rest."""
    all_files = {file: file.stat().st_size for file in folder.iterdir()}
    kept = sum(size for file, size in all_files.items() if file.name.startswith("readings-"))
    return kept, sum(all_files.values()) - kept


def one_day(homes: int, period_s: int, folder: Path) -> None:
    """Store a day of all homes, and read it as training does."""
    store = SqliteStore(folder)
    begun, spent = time.monotonic(), time.process_time()
    number = fill(store, homes, period_s, 1)
    took_s, cpu_s = time.monotonic() - begun, time.process_time() - spent
    store.close()
    kept, rest = sizes(folder)
    print(f"one day of {homes} homes every {period_s // 60} min: {number} readings, stored at {number / took_s:.0f}/s "
          f"({1e6 * cpu_s / number:.1f} µs of processor each)\n"
          f"  {kept / 1e6:.1f} MB, {kept / number:.1f} bytes a reading; journal and the rest {rest / 1e6:.1f} MB")  # fmt: skip
    by_clock, by_cpu = [], []
    for _ in range(5):
        begun, spent, seen, total = time.monotonic(), time.process_time(), 0, 0
        for month in months(folder):
            for part in scan(folder, month, WATER_VOLUME_TOTAL):
                seen += len(part.values)
                total += int(part.values.sum())
        by_clock.append(seen / (time.monotonic() - begun))
        by_cpu.append(seen / (time.process_time() - spent))
        assert seen == number
    print(f"  the fleet scanned into arrays: {statistics.median(by_clock) / 1e6:.2f} million readings/s by the clock (best "
          f"{max(by_clock) / 1e6:.2f}), {statistics.median(by_cpu) / 1e6:.2f} million a second of processor", flush=True)  # fmt: skip


def one_home(homes: int, period_s: int, days: int, folder: Path) -> None:
    """Read single homes' histories."""
    store = SqliteStore(folder)
    fill(store, homes, period_s, days)
    took, spent_ms = [], []
    for n in range(0, homes, max(1, homes // 50)):
        begun, spent = time.monotonic(), time.process_time()
        rows = store.history(f"wm-{n:06d}", WATER_VOLUME_TOTAL, START_MS, START_MS + days * DAY_MS)
        took.append(1000 * (time.monotonic() - begun))
        spent_ms.append(1000 * (time.process_time() - spent))
        assert len(rows) == days * 86_400 // period_s
    store.close()
    print(f"one home's {days} days every {period_s // 60} min ({len(rows)} readings): median {statistics.median(took):.1f} ms, "
          f"worst of {len(took)} {max(took):.1f} ms; {statistics.median(spent_ms):.1f} ms of processor", flush=True)  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", type=int, default=10_000)
    parser.add_argument("--history-homes", type=int, default=50)
    parser.add_argument("--days", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for period_s in (3600, 900):
            one_day(asked.homes, period_s, Path(folder) / f"day-{period_s}")
            one_home(asked.history_homes, period_s, asked.days, Path(folder) / f"home-{period_s}")


if __name__ == "__main__":
    main()
