"""Everything stored, page by page, for whoever copies it: on connections of its own, so that writers never wait.

A page is a bounded number of rows of one month in the order of its key; the key of the last row says where the next one
begins.  Rows that are added behind that place while somebody walks are in the journal as well.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from ingest.erasure import Row, Span, readings
from ingest.readings import StoredReading
from ingest.sqlite_files import trouble

Key = tuple[str, str, int]
"""Device, quantity, measured at [ms]."""


def months(folder: Path) -> list[str]:
    """Return the months that have a file, ``YYYY-MM``, oldest first."""
    names = (path.name for path in folder.glob("readings-????-??.sqlite"))
    return sorted(name.removeprefix("readings-").removesuffix(".sqlite") for name in names)


def page(folder: Path, month: str, after: Key, limit: int) -> list[StoredReading]:
    """Return at most `limit` readings of `month` whose key is beyond `after`; changes nothing.

    Raises
    ------
    StoreError
        The file is damaged, or cannot be read.
    """
    file = folder / f"readings-{month}.sqlite"
    with trouble(file), closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as db:
        rows = db.execute(
            "SELECT device, quantity, measured_at, value, received_at, flags FROM reading"
            " WHERE (device, quantity, measured_at) > (?, ?, ?) ORDER BY device, quantity, measured_at LIMIT ?",
            (*after, limit),
        )
        return [_reading(row) for row in rows]


def of_device(folder: Path, device: str, limit: int) -> Iterator[list[StoredReading]]:
    """Return all that is stored of a device, at most `limit` readings at once."""
    rows = readings(folder, [Span(device, 0)])
    while part := [_reading(row) for row in islice(rows, limit)]:
        yield part


def _reading(row: Row) -> StoredReading:
    device, quantity, measured_ms, value, received_ms, flags = row
    return StoredReading(device, quantity, measured_ms, value, received_ms, tuple(flags.split()))
