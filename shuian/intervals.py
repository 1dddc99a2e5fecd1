"""Registers of meters → intervals of homes: what was drawn between two readings, and whose it was."""

from collections.abc import MutableMapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from detectors.bins import News, between
from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from shuian.rows import Rows

AHEAD_S = 900.0
"""Meters may be ten minutes ahead of us (`ingest.quality`); what is further ahead was stamped by a wrong clock. [s]"""
RESET_FLAGS = frozenset({"counter_reset_possible", "counter_rollover_possible", "implausible_value"})
"""Doubts about the register.  A doubted clock is none: the time of arrival stands in for it."""

Last = tuple[int, int, int]
"""Newest register of a device: measured [ms since 1970], value [thousandths], row of the household it fed."""


def in_order(readings: Sequence[StoredReading]) -> list[StoredReading]:
    """Return readings by measured time: a message may name its newest measurement first."""
    return sorted(readings, key=lambda reading: reading.measured_ms)


def intervals(
    readings: Sequence[StoredReading], last: MutableMapping[str, Last], rows: Rows, now: float
) -> News | None:
    """Turn registers into intervals; a first, late or reset register says nothing of use.

    Parameters
    ----------
    readings : in the order in which the detectors shall have them
    last : the newest register of each device so far; moved on
    rows : which home a device feeds
    now : our clock, seconds since 1970

    Returns
    -------
    News or None
        None: nothing for the detectors.
    """
    row, start, end, volume, period, reset, offset, received = ([] for _ in range(8))
    for r in readings:
        if r.quantity != WATER_VOLUME_TOTAL or r.measured_ms / 1000 > now + AHEAD_S:
            continue
        found = rows.at(r.device, r.measured_ms)
        if found is None or found[1].resolution_l is None:
            continue
        before = last.get(r.device)
        if before is not None and before[2] != found[0]:
            before = None  # it hung in another home
        if before is not None and r.measured_ms <= before[0]:
            continue  # late: the clock has gone past it; the store keeps it for the charts
        last[r.device] = (r.measured_ms, r.value, found[0])
        at = r.measured_ms / 1000
        row.append(found[0])
        start.append(before[0] / 1000 if before else at)
        end.append(at)
        volume.append((r.value - before[1]) / 1000 if before else np.nan)
        period.append(float(found[1].period_s))
        reset.append(before is None or bool(RESET_FLAGS.intersection(r.flags)))
        local = datetime.fromtimestamp(at, rows.zones[found[0]])
        offset.append((local.utcoffset() or timedelta(0)).total_seconds())
        received.append(min(r.received_ms / 1000, now))
    if not row:
        return None
    starts, ends, litres, doubted = np.array(start), np.array(end), np.array(volume), np.array(reset)
    known = between(starts, ends, litres, np.array(period), doubted)
    moved = np.isnan(known) & ~doubted & (litres > 0)  # somebody used water in there; nobody knows when
    return News(np.array(row), starts, ends, known, np.array(offset), np.array(received), moved)
