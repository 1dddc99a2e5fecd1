"""When was it?  A device's own time, or that of arrival where its clock cannot be right.  Pure.

A clock ahead of ours is wrong at once.  One that is behind looks like a message that comes late, as it does after a
night without radio; but lateness changes from message to message, and a clock that is behind stays so.  A register that
is always late by the same, for longer than one and a half report periods, was stamped by a wrong clock.  By less than
that it may be frozen at the full hour and sent later on purpose, which is right and does no harm.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from ingest.measures import PLAUSIBLE_FROM
from ingest.readings import Reading, StoredReading

CLOCK_SKEW = "clock_skew"
"""Flag: the device's clock is behind, always by the same; the time of arrival stands in."""
MOST_AHEAD = timedelta(minutes=10)
"""A clock further ahead of ours is wrong; radio meters without synchronisation drift by seconds a day."""
LEAST_BEHIND, MOST_BEHIND = timedelta(minutes=10), timedelta(hours=14)
"""Clocks are behind by some minutes up to the largest offset of a zone; what is older than that is history."""
PERIODS_BEHIND = 1.5
LEAST_BEHIND_MS, _MOST_MS = LEAST_BEHIND // timedelta(milliseconds=1), MOST_BEHIND // timedelta(milliseconds=1)
STEADY_MS = 120_000
"""Arrivals of one device stray by no more than this. [ms]"""
BEHIND_TIMES = 3
"""So many readings before this one were late by the same."""


def trusted_time(reading: Reading, received_at: datetime) -> datetime | None:
    """Return the device's own time, None when arrival must stand in."""
    if reading.time is None or not PLAUSIBLE_FROM <= reading.time <= received_at + MOST_AHEAD:
        return None
    return reading.time


def behind(
    measured_ms: int,
    received_ms: int,
    last: StoredReading | None,
    past: Callable[[], Sequence[StoredReading]],
    period_s: int,
) -> bool:
    """Tell whether the clock that stamped a register is behind.

    Parameters
    ----------
    measured_ms, received_ms : int
        The device's time and ours, milliseconds since 1970.
    last : StoredReading or None
        The newest register so far.
    past : callable
        Returns the newest registers so far, newest first; asked only when the last was late by the same.
    period_s : int
        How often the device reports. [s]
    """
    late_ms = received_ms - measured_ms
    if last is None or not max(LEAST_BEHIND_MS, PERIODS_BEHIND * 1000 * period_s) <= late_ms <= _MOST_MS:
        return False
    if CLOCK_SKEW in last.flags:
        return True
    if abs(last.received_ms - last.measured_ms - late_ms) > STEADY_MS:
        return False
    before = past()[:BEHIND_TIMES]
    arrivals = [received_ms, *(one.received_ms for one in before)]
    steady = all(abs(one.received_ms - one.measured_ms - late_ms) <= STEADY_MS for one in before)
    apart = all(new - old >= period_s * 500 for new, old in pairwise(arrivals))
    return len(before) == BEHIND_TIMES and steady and apart
