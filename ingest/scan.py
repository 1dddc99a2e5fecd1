"""The whole fleet's readings as arrays, for training: a month after the other, a part of the devices at a time.

How this works.  A month's file lies in the order of (device, quantity, measured time) already.  One question counts the
rows of each series, a second brings the bare numbers of many series, one after the other, straight into an array: no
object a reading.  There is no second copy on disk, so that late readings are in it, and erased ones are not.  Both
questions see the same state of the file, while the service goes on writing.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.sqlite_files import trouble

MOST_ROWS = 1_000_000
"""Readings held at once, or one series if that is longer: 16 MB."""

_COUNTS = "SELECT device, count(*) FROM reading WHERE quantity = ? GROUP BY device ORDER BY device"
_ROWS = (
    "SELECT measured_at, value FROM reading WHERE device BETWEEN ? AND ? AND quantity = ? ORDER BY device, measured_at"
)


class Series(NamedTuple):
    """Readings of some devices, one device after the other, each in order of time.

    Attributes
    ----------
    devices : list of str
        (D,)
    starts : (D + 1,) int
        Where each device's readings begin; the last is their number N.
    measured_ms : (N,) int
        Milliseconds since 1970-01-01 UTC.
    values : (N,) int
        Thousandths of the quantity's unit.
    """

    devices: list[str]
    starts: NDArray[np.int64]
    measured_ms: NDArray[np.int64]
    values: NDArray[np.int64]


def months(folder: Path) -> list[str]:
    """Return the months (``YYYY-MM``) of which `folder` has readings, oldest first."""
    return sorted(file.stem.removeprefix("readings-") for file in folder.glob("readings-????-??.sqlite"))


def scan(folder: Path, month: str, quantity: str, most_rows: int = MOST_ROWS) -> Iterator[Series]:
    """Return all readings of `quantity` that were measured in `month`, in parts; changes nothing.

    Raises
    ------
    StoreError
        The file is damaged, or not there.
    """
    file = folder / f"readings-{month}.sqlite"
    with trouble(file), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)) as db:
        db.execute("BEGIN")  # one state for all that follows
        for part in _parts(db.execute(_COUNTS, (quantity,)).fetchall(), most_rows):
            devices, counts = [device for device, _ in part], [count for _, count in part]
            starts = np.concatenate(([0], np.cumsum(counts)))
            rows = db.execute(_ROWS, (devices[0], devices[-1], quantity))
            numbers = np.fromiter(chain.from_iterable(rows), np.int64, 2 * int(starts[-1])).reshape(-1, 2)
            yield Series(devices, starts, numbers[:, 0], numbers[:, 1])


def _parts(counts: list[tuple[str, int]], most_rows: int) -> Iterator[list[tuple[str, int]]]:
    """Return devices with their counts, so many together that they have at most `most_rows`."""
    part: list[tuple[str, int]] = []
    rows = 0
    for device, count in counts:
        if part and rows + count > most_rows:
            yield part
            part, rows = [], 0
        part.append((device, count))
        rows += count
    if part:
        yield part
