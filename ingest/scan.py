"""The whole fleet's readings as arrays, for training: a month after the other, a part of the devices at a time.

How this works.  A month's file lies in the order of (device, quantity, measured time) already.  SQLite gathers each series
into two lists of numbers, which become arrays: no object a reading, twice as fast as fetching rows.  There is no second
copy on disk, so that late readings are in it, and erased ones are not.  A month is one question and so sees one state of the
file, while the service goes on writing.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.sqlite_files import trouble

MOST_ROWS = 1_000_000
"""Readings held at once, or one series if that is longer: 80 MB while they are gathered."""

_SERIES = """
SELECT device, json_group_array(measured_at), json_group_array(value) FROM reading
WHERE quantity = ? GROUP BY device ORDER BY device
"""
_NUMBERS = msgspec.json.Decoder(list[int])


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
    part = _Part()
    with trouble(file), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        for device, times, values in db.execute(_SERIES, (quantity,)):
            one = _NUMBERS.decode(times)
            if part.devices and len(part.times) + len(one) > most_rows:
                yield part.series()
                part = _Part()
            part.devices.append(device)
            part.times += one
            part.values += _NUMBERS.decode(values)
            part.ends.append(len(part.times))
    if part.devices:
        yield part.series()


class _Part:
    """Series as they are gathered."""

    def __init__(self) -> None:
        self.devices: list[str] = []
        self.ends: list[int] = [0]
        self.times: list[int] = []
        self.values: list[int] = []

    def series(self) -> Series:
        starts, times, values = (np.array(one, np.int64) for one in (self.ends, self.times, self.values))
        whose = np.repeat(np.arange(len(self.devices)), np.diff(starts))
        if np.any((np.diff(times) <= 0) & (np.diff(whose) == 0)):  # SQLite promises no order within a group
            order = np.lexsort((times, whose))
            times, values = times[order], values[order]
        return Series(self.devices, starts, times, values)
