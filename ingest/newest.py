"""The newest reading of each device and quantity: what judging asks for every reading, held in memory and bounded."""

from collections import OrderedDict
from collections.abc import Iterable
from threading import RLock

import msgspec

from ingest.readings import StoredReading
from ingest.sqlite_files import Months, trouble

MOST_REMEMBERED = 250_000
"""Readings held (least recently used go first): about 100 MB, more devices than one broker session."""

Key = tuple[str, str]
"""Device and quantity."""
Row = tuple[str, str, int, int, int, str]
"""Device, quantity, measured at [ms], value, received at [ms], flags: a row of a month's file."""

_NEWEST = """
SELECT device, quantity, measured_at, reading.value, received_at, flags FROM json_each(?) AS asked CROSS JOIN reading
WHERE device = asked.value ->> 0 AND quantity = asked.value ->> 1 AND measured_at =
  (SELECT max(measured_at) FROM reading WHERE device = asked.value ->> 0 AND quantity = asked.value ->> 1)
"""


def as_reading(row: Row) -> StoredReading:
    """Return the reading that a row holds."""
    device, quantity, measured_ms, value, received_ms, flags = row
    return StoredReading(device, quantity, measured_ms, value, received_ms, tuple(flags.split()) if flags else ())


class Newest:
    """What was asked for lately, kept right by `remember`.

    Parameters
    ----------
    months : Months
        Files to look into.
    lock : RLock
        Held while looking: `remember` comes after rows were written, so that nothing older is held after it.
    """

    def __init__(self, months: Months, lock: RLock, most: int = MOST_REMEMBERED) -> None:
        self._months, self._lock, self._most = months, lock, most
        self._held: OrderedDict[Key, StoredReading | None] = OrderedDict()

    def last(self, key: Key) -> StoredReading | None:
        """Return the reading with the newest measured time, None when there is none."""
        with self._lock:
            if key not in self._held:
                self.warm((key,))
            self._held.move_to_end(key)
            return self._held[key]

    def warm(self, keys: Iterable[Key]) -> None:
        """Look up many at once: after a start every device is new to us, and a question each would cost the most of all."""
        with self._lock:
            missing = {key for key in keys if key not in self._held}
            if not missing:
                return
            found: dict[Key, StoredReading | None] = dict.fromkeys(missing)
            for month in reversed(self._months.existing()):
                asked = msgspec.json.encode(sorted(missing)).decode()
                with trouble(self._months.path(month)):
                    rows = self._months.get(month).execute(_NEWEST, (asked,)).fetchall()
                found |= {row[:2]: as_reading(row) for row in rows}
                missing.difference_update(row[:2] for row in rows)
                if not missing:
                    break
            self._held.update(found)
            while len(self._held) > self._most:
                self._held.popitem(last=False)

    def remember(self, rows: Iterable[Row]) -> None:
        """Take in rows that were just written."""
        with self._lock:
            for row in rows:
                newest = self._held.get(row[:2])
                if row[2] > newest.measured_ms if newest is not None else row[:2] in self._held:
                    self._held[row[:2]] = as_reading(row)

    def clear(self) -> None:
        """Forget all: something was taken out of the files."""
        with self._lock:
            self._held.clear()

    def before(self, one: StoredReading) -> bool:
        """Whether all that is stored of its kind is known to be older than `one`: then its key cannot be taken."""
        key = (one.device, one.quantity)
        newest = self._held.get(key)
        return one.measured_ms > newest.measured_ms if newest is not None else key in self._held
