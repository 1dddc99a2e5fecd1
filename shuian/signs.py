"""Stored readings of sensors → signs of life and calls for help: motion, doors, SOS, water on the floor."""

from collections.abc import Sequence

import numpy as np

from detectors.signs import SignNews
from ingest.bindings import Binding
from ingest.readings import StoredReading
from ingest.store import SqliteStore
from shuian.rows import Rows

KINDS = {
    ("occupancy", True): "motion",
    ("motion", True): "motion",
    ("presence", True): "motion",
    ("contact_open", True): "door",
    ("contact_open", False): "door",
    ("sos", True): "sos",
    ("water_leak", True): "wet",
    ("water_leak", False): "dry",
}
"""(quantity, value) -> what it is a sign of.  `occupancy: false` is a timer of the gateway, not a sign."""
QUANTITIES = frozenset(quantity for quantity, _ in KINDS)
REMEMBERED_S = 86_400.0
"""Older signs tell nothing any more. [s]"""
NO_EVENTS = frozenset({"cached_state", "retained", "history", "test"})
"""Flags of what was repeated or told afterwards, not seen: a leak in a record of last month is none of today."""


def signs(readings: Sequence[StoredReading], rows: Rows, batteries: dict[str, float], now: float) -> SignNews | None:
    """Return what sensors of homes say; None: nothing for the detectors.

    Parameters
    ----------
    readings : in order of measured time
    rows : which home a device belongs to
    batteries : device -> its last charge [%]; moved on
    now : our clock, seconds since 1970
    """
    batteries.update((r.device, r.value / 1000) for r in readings if r.quantity == "battery")
    row, kind, at, received, percent, sensor = ([] for _ in range(6))
    for r in readings:
        if r.quantity not in QUANTITIES or NO_EVENTS.intersection(r.flags):
            continue
        what = KINDS.get((r.quantity, r.value != 0))
        found = rows.at(r.device, r.measured_ms)
        if what is None or found is None:
            continue
        row.append(found[0])
        kind.append(what)
        at.append(min(r.measured_ms / 1000, now))
        received.append(min(r.received_ms / 1000, now))
        percent.append(batteries.get(r.device, np.nan))
        sensor.append(rows.place_of(r.device))
    if not row:
        return None
    return SignNews(
        np.array(row, np.intp), np.array(kind), np.array(at), np.array(received), np.array(percent), np.array(sensor)
    )


def last_signs(store: SqliteStore, sources: Sequence[Binding], now: float) -> list[StoredReading]:
    """Return what each sensor said last, of the last day."""
    found = (store.last(one.device, quantity) for one in sources for quantity in sorted(QUANTITIES))
    return [one for one in found if one is not None and now - one.measured_ms / 1000 < REMEMBERED_S]
