"""Registers of meters → intervals of homes: what was drawn between two readings, and whose it was.

How this works.  Each register is held against the one before it of the same device under the same binding.  What its flags
leave of that (`known_of`) is the volume, that water was drawn without saying how much, or nothing; docs/quality.md has the
table.  The first register of a meter that was fitted in place of another says that somebody was there: whoever changes a
meter runs the tap and meets the person.
"""

from collections.abc import MutableMapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from detectors.bins import News, between
from ingest.bindings import Binding
from ingest.measures import milliseconds
from ingest.quarantine import TWO_REGISTERS, UNIT_CHANGE
from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from ingest.register import wrapped_l
from shuian.rows import Rows

AHEAD_S = 900.0
"""Meters may be ten minutes ahead of us (`ingest.quality`); what is further ahead was stamped by a wrong clock. [s]"""
DOUBTED = frozenset({"counter_reset_possible", "implausible_value", TWO_REGISTERS})
"""Doubts about the register.  A doubted clock is none: the time of arrival stands in for it."""

Last = tuple[int, int, int]
"""Newest register of a device: measured [ms since 1970], value [thousandths], row of the household it fed."""


def in_order(readings: Sequence[StoredReading]) -> list[StoredReading]:
    """Return readings by measured time: a message may name its newest measurement first."""
    return sorted(readings, key=lambda reading: reading.measured_ms)


def known_of(reading: StoredReading, before_ml: int, before_ms: int, binding: Binding) -> tuple[float, bool]:
    """Return what a register says of the water since the one before.

    Parameters
    ----------
    reading : StoredReading
    before_ml, before_ms : int
        The register before it, and when that was measured.
    binding : Binding
        Of the device; it has a resolution.

    Returns
    -------
    litres : float
        What was drawn; below 0: the register fell. [L] NaN: nobody knows.
    doubted : bool
        Not even whether anything was drawn.
    """
    litres = (reading.value - before_ml) / 1000
    if DOUBTED.intersection(reading.flags):
        return litres, True
    if litres < 0 and "counter_rollover_possible" in reading.flags:
        seconds = (reading.measured_ms - before_ms) / 1000
        drawn = wrapped_l(
            reading.value / 1000, before_ml / 1000, seconds, binding.modulus_l, binding.resolution_l or 1.0
        )
        return (litres, True) if drawn is None else (drawn, False)
    if any(flag.startswith(UNIT_CHANGE) for flag in reading.flags) and abs(litres) > 0:
        return np.nan, False
    return litres, False


def intervals(
    readings: Sequence[StoredReading], last: MutableMapping[str, Last], rows: Rows, now: float
) -> News | None:
    """Turn registers into intervals; a late or reset register says nothing of use, the first of a new meter no litres.

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
    row, start, end, volume, period, reset, offset, received, swapped = ([] for _ in range(9))
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
        new = before is None or before[0] < milliseconds(found[1].valid_from)
        last[r.device] = (r.measured_ms, r.value, found[0])
        at = r.measured_ms / 1000
        litres, doubted = (np.nan, True) if before is None or new else known_of(r, before[1], before[0], found[1])
        row.append(found[0])
        start.append(before[0] / 1000 if before else at)
        end.append(at)
        volume.append(litres)
        period.append(float(found[1].period_s))
        reset.append(doubted)
        swapped.append(new and rows.replaces(*found))
        local = datetime.fromtimestamp(at, rows.zones[found[0]])
        offset.append((local.utcoffset() or timedelta(0)).total_seconds())
        heard_ms = min(r.received_ms, r.measured_ms) if "retained" in r.flags else r.received_ms
        received.append(min(heard_ms / 1000, now))
    if not row:
        return None
    starts, ends, litres_of, doubts = np.array(start), np.array(end), np.array(volume), np.array(reset)
    known = between(starts, ends, litres_of, np.array(period), doubts)
    # Somebody used water in there; nobody knows when, or how much.
    moved = np.isnan(known) & ~doubts & ((litres_of > 0) | np.isnan(litres_of))
    return News(np.array(row), starts, ends, known, np.array(offset), np.array(received), moved | np.array(swapped))
