"""What a lost state is made of again: the stored readings of a season, as far as they are still there."""

from collections.abc import Iterator, Sequence

import numpy as np

from ingest.bindings import Binding
from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from ingest.store import SqliteStore
from shuian.intervals import AHEAD_S

DAY_S = 86_400.0
HISTORY_S = 120 * DAY_S
"""How much of the stored readings makes a lost state anew: the habits of a season. [s]"""
READINGS_AT_ONCE = 400_000


def slices(store: SqliteStore, sources: Sequence[Binding], now: float) -> Iterator[list[StoredReading]]:
    """Yield the registers of `sources` within `HISTORY_S` before `now` [s], slice of time by slice of time.

    What a device told before or after its time in a home is not among them.
    """
    a_day = sum(DAY_S / one.period_s for one in sources)
    slice_s = DAY_S * min(max(READINGS_AT_ONCE / max(a_day, 1.0), 0.25), 4.0)
    for begin in np.arange(now - HISTORY_S, now + AHEAD_S, slice_s).tolist():
        readings: list[StoredReading] = []
        for one in sources:
            since = max(begin, one.valid_from.timestamp())
            until = min(begin + slice_s, one.valid_to.timestamp() if one.valid_to else np.inf)
            if since < until:
                readings += store.history(one.device, WATER_VOLUME_TOTAL, int(since * 1000), int(until * 1000))
        yield readings


def told(first: float, now: float) -> str:
    """Return from how much of the past a state was learnt, for people: `first` is the oldest reading there was [s]."""
    days = max(0, round((now - first) / DAY_S))
    return f"habits were learnt anew from readings of {min(days, round(HISTORY_S / DAY_S))} of the last {HISTORY_S / DAY_S:.0f} days"
