"""Every other day: batteries of meters and sensors that are nearly empty, or will be within a month.

How this works.  Each day half of the homes are looked at, a few at a time: what each of their devices has said of its
battery in the last two months, as it is stored (`detectors.battery` judges it).  Nothing is kept of it but the finding,
which a later look ends when the battery was changed.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from zlib import crc32

import numpy as np

from detectors.battery import Told, Verdict, verdict
from detectors.bins import DAY_S
from detectors.findings import Evidence
from detectors.meter_doubt import BATTERY, Doubt
from ingest.bindings import Binding
from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from ingest.store import SqliteStore
from shuian.rows import Rows

EVERY_DAYS, LOOK_BACK_DAYS, WORDS_DAYS = 2, 60, 4
AT_ONCE = 5
"""Homes looked at between two steps of the detectors: some milliseconds each."""
LOW_WORDS = frozenset({"battery_low", "meter_alarm:battery_low"})
"""Flags by which a device calls its battery low."""
READER_SAYS_BELOW = 20_000
"""Below so many thousandths of a per cent it is the reader, not the device, that calls a battery low."""
OLD = frozenset({"history", "late", "retained"})


class BatteryCheck:
    """Looks at some homes a day; on the thread of whoever calls `look`."""

    def __init__(self, store: SqliteStore, rows: Callable[[], Rows], clock: Callable[[], datetime]) -> None:
        self._store, self._rows, self._clock = store, rows, clock
        self._day = int(clock().timestamp() // DAY_S) - 1
        self._turn: list[str] = []

    def look(self, told: Callable[[str], Sequence[int]], most: int = AT_ONCE) -> list[Doubt]:
        """Return what is to be told of up to `most` homes whose turn it is today.

        Parameters
        ----------
        told : callable
            Kind -> rows of which it has been told and is not over.
        """
        now = self._clock().timestamp()
        day = int(now // DAY_S)
        if day > self._day:
            self._day, rows = day, self._rows()
            homes = (home for home, active in zip(rows.households, rows.active, strict=True) if active)
            waiting = set(self._turn)  # of yesterday: they come first
            mine = (one for one in homes if crc32(one.encode()) % EVERY_DAYS == day % EVERY_DAYS)
            self._turn += [one for one in mine if one not in waiting]
        some, self._turn = self._turn[:most], self._turn[most:]
        return self.doubts(some, told, now) if some else []

    def doubts(self, homes: Sequence[str], told: Callable[[str], Sequence[int]], now: float) -> list[Doubt]:
        """Return what the batteries of these homes want to have told, or ended; now: seconds since 1970."""
        rows, open_in, found = self._rows(), {int(row) for row in told(BATTERY)}, list[Doubt]()
        for home in homes:
            row = rows.of(home)
            if row is None:
                continue
            judged = [(one, self._verdict(one, now, told=row in open_in)) for one in _fitted(rows.devices(home), now)]
            bad = [(one, how) for one, how in judged if how is not None and how.state != "well"]
            if bad:
                found.append(_doubt(row, *min(bad, key=lambda one: one[1].state != "low"), rows, now))
            elif row in open_in:
                found.append(Doubt(row, BATTERY, "", now, now))
        return found

    def _verdict(self, binding: Binding, now: float, *, told: bool) -> Verdict | None:
        def since(days: float) -> float:
            return max(now - days * DAY_S, binding.valid_from.timestamp())

        def history(quantity: str, days: float) -> list[StoredReading]:
            rows = self._store.history(binding.device, quantity, int(since(days) * 1000), int(now * 1000) + 1)
            return [one for one in rows if not OLD.intersection(one.flags)]

        charge = history("battery", LOOK_BACK_DAYS)
        words = history(WATER_VOLUME_TOTAL, WORDS_DAYS) if binding.resolution_l is not None else charge
        return verdict(
            _told([(one.measured_ms, one.value / 1000) for one in charge]),
            _told([(one.measured_ms, one.value / 1000) for one in history("battery_voltage", LOOK_BACK_DAYS)]),
            _told([(one.measured_ms, float(_called_low(one))) for one in words]),
            told=told,
        )


def _fitted(bindings: Sequence[Binding], now: float) -> list[Binding]:
    """Return the bindings that hold now."""
    return [
        one
        for one in bindings
        if one.consented
        and one.valid_from.timestamp() <= now
        and (one.valid_to is None or now < one.valid_to.timestamp())
    ]


def _called_low(reading: StoredReading) -> bool:
    ours = reading.quantity == "battery" and reading.value < READER_SAYS_BELOW
    return not ours and not LOW_WORDS.isdisjoint(reading.flags)


def _told(rows: Sequence[tuple[int, float]]) -> Told:
    return Told(np.array([ms / 1000 for ms, _ in rows], np.float64), np.array([value for _, value in rows], np.float64))


def _doubt(row: int, binding: Binding, how: Verdict, rows: Rows, now: float) -> Doubt:
    whose = "meter" if binding.resolution_l is not None else "sensor"
    more: Evidence = {
        "battery_percent": how.percent,
        "empty_s": how.empty_s,
        "device": float(rows.place_of(binding.device)),
    }
    return Doubt(row, BATTERY, f"{whose}_battery_{how.state}", min(how.at, now), now, more=more)
