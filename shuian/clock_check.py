"""Once a month: do all habits of a home lie some hours later than they did?  Then its meter's clock is doubted.

How this works.  Each day a twenty-eighth of the meters is looked at, a few at a time: their stored registers of the last four weeks against
the eight weeks before (`detectors.clock_shift`).  Nothing is kept of it but the finding, which the next look confirms or ends.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from zlib import crc32
from zoneinfo import ZoneInfo

import numpy as np

from detectors.bins import DAY_S, HOUR_S, Floats, between
from detectors.clock_shift import HOURS, shift
from detectors.meter_doubt import ZONE, Doubt
from ingest.bindings import Binding
from ingest.readings import WATER_VOLUME_TOTAL
from ingest.store import SqliteStore
from shuian.intervals import known_of
from shuian.rows import Rows

EVERY_DAYS, NOW_DAYS, PAST_DAYS = 28, 28, 56
AT_ONCE = 5
"""Devices looked at between two steps of the detectors: some 10 ms each, and nobody waits for it."""
LONGEST_PERIOD_S = 1.5 * HOUR_S
"""Of a meter that reports less often nobody knows the hour in which water was used. [s]"""


class ClockCheck:
    """Looks at some homes a day; on the thread of whoever calls `look`."""

    def __init__(self, store: SqliteStore, rows: Callable[[], Rows], clock: Callable[[], datetime]) -> None:
        self._store, self._rows, self._clock = store, rows, clock
        self._day = int(clock().timestamp() // DAY_S)
        self._turn: list[str] = []

    def look(self, most: int = AT_ONCE) -> list[Doubt]:
        """Return what is to be told of up to `most` devices whose turn it is today."""
        now = self._clock().timestamp()
        day = int(now // DAY_S)
        if day > self._day:
            self._day = day
            meters = {one.device for one in self._rows().sources() if one.resolution_l is not None}
            self._turn = sorted(one for one in meters if crc32(one.encode()) % EVERY_DAYS == day % EVERY_DAYS)
        some, self._turn = self._turn[:most], self._turn[most:]
        return self.doubts(some, now)

    def doubts(self, devices: Sequence[str], now: float) -> list[Doubt]:
        """Return what the stored registers say of the clocks of these devices; only where it can be said.

        Parameters
        ----------
        devices : names
        now : seconds since 1970
        """
        told, rows = list[Doubt](), self._rows()
        for device in devices:
            found = rows.at(device, int(now * 1000))
            hours = float("nan") if found is None else self._shift(found[1], rows.zones[found[0]], now)
            if found is not None and not np.isnan(hours):
                told.append(Doubt(found[0], ZONE, "meter_zone" if hours else "", now, now, abs(hours) * HOUR_S))
        return told

    def _shift(self, binding: Binding, zone: ZoneInfo, now: float) -> float:
        if binding.period_s > LONGEST_PERIOD_S:
            return float("nan")
        edge = now - NOW_DAYS * DAY_S
        past, past_days = self._profile(binding, zone, edge - PAST_DAYS * DAY_S, edge)
        new, new_days = self._profile(binding, zone, edge, now)
        return float(shift(past[None], new[None], np.array([past_days]), np.array([new_days]))[0])

    def _profile(self, binding: Binding, zone: ZoneInfo, begin: float, end: float) -> tuple[Floats, float]:
        """Return the share of the known days on which water was used in each local hour, and how many they are."""
        first = max(begin, binding.valid_from.timestamp())
        said = self._store.history(binding.device, WATER_VOLUME_TOTAL, int(first * 1000), int(end * 1000))
        if len(said) < HOURS:
            return np.full(HOURS, np.nan), 0.0
        at = np.array([one.measured_ms for one in said]) / 1000
        found = [known_of(new, old.value, old.measured_ms, binding) for old, new in pairwise(said)]
        volume, doubted = np.array([one[0] for one in found]), np.array([one[1] for one in found])
        litres = between(at[:-1], at[1:], volume, np.full(len(volume), float(binding.period_s)), doubted)
        middle = (at[:-1] + at[1:]) / 2
        hour = np.floor((middle + _offsets(middle, zone)) / HOUR_S).astype(np.int64)
        known = ~np.isnan(litres)
        hours, place = np.unique(hour[known], return_inverse=True)
        used = np.bincount(place, litres[known] > 0, minlength=len(hours)) > 0
        times = np.bincount(hours % HOURS, minlength=HOURS)
        hits = np.bincount(hours % HOURS, used, minlength=HOURS)
        return np.where(times > 0, hits / np.maximum(times, 1), np.nan), len(hours) / HOURS


def _offsets(at: Floats, zone: ZoneInfo) -> Floats:
    """Return (N,) local time minus UTC: people follow summer time, and so must the hours [s]."""
    days, place = np.unique(np.floor(at / DAY_S), return_inverse=True)
    noons = (datetime.fromtimestamp(day * DAY_S + DAY_S / 2, zone) for day in days.tolist())
    offset: Floats = np.array([(noon.utcoffset() or timedelta(0)).total_seconds() for noon in noons])[place]
    return offset
