"""Flags of stored registers → what is to be told of a meter itself: quarantines, and clocks that are wrong."""

from collections.abc import Callable, Collection, Sequence

from detectors.meter_doubt import CLOCK, QUARANTINED, Doubt
from ingest.clocks import CLOCK_SKEW
from ingest.quarantine import TWO_REGISTERS, UNIT_CHANGE
from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from shuian.rows import Rows

OLD = frozenset({"late", "history", "retained"})
"""Flags of what was told afterwards: it says nothing of the meter now."""


def doubts(
    readings: Sequence[StoredReading], rows: Rows, open_in: Callable[[str], Collection[int]], now: float
) -> list[Doubt]:
    """Return what registers say of their meters; only what begins or may end something.

    Parameters
    ----------
    readings : in order of measured time
    rows : which home a device feeds
    open_in : kind -> rows of which it has been told and is not over
    now : our clock, seconds since 1970
    """
    held = {kind: set(open_in(kind)) for kind in (QUARANTINED, CLOCK)}
    found: list[Doubt] = []
    for r in readings:
        if r.quantity != WATER_VOLUME_TOTAL or not (r.flags or any(held.values())) or OLD.intersection(r.flags):
            continue
        fed = rows.at(r.device, r.measured_ms)
        if fed is None:
            continue
        for kind, reason in ((QUARANTINED, _quarantine(r.flags)), (CLOCK, _clock(r.flags))):
            if reason or fed[0] in held[kind]:
                found.append(Doubt(fed[0], kind, reason, r.measured_ms / 1000, min(r.received_ms / 1000, now)))
                held[kind].add(fed[0])
    return found


def _quarantine(flags: Sequence[str]) -> str:
    if TWO_REGISTERS in flags:
        return "meter_two_registers"
    return "meter_unit_changed" if any(flag.startswith(UNIT_CHANGE) for flag in flags) else ""


def _clock(flags: Sequence[str]) -> str:
    return "meter_clock_behind" if CLOCK_SKEW in flags else ""
