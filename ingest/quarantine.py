"""Registers that nobody may believe until somebody has looked: another unit, or two meters under one name.  Pure.

How this works.  What a device is in quarantine for stands in the flags of its newest register, so that a restart
forgets nothing and nothing else has to be kept.  Everything goes on being stored; what the detectors make of it stands in
docs/quality.md.

*Another unit*: from one report to the next everything is 10, 100 or 1000 times as much, or as little, and the use that
this factor implies is an ordinary one.  It ends when the register is back on its old scale.

*Two meters under one name* (a second one from the stock with the same number, or somebody who forges messages): the
register jumps to and fro between two rows that each grow by themselves.  One stray value makes no row; three changes
from one to the other among the newest registers do.  It ends when they have become one row again.

A work order ends both: a binding that begins later than the quarantine is another meter, or one that was set right.
"""

from collections.abc import Callable, Sequence

from ingest.readings import StoredReading
from ingest.register import BACKFLOW_L, MOST_FLOW_L_S, carried

UNIT_CHANGE = "unit_change"
"""Flag, with the factor behind a colon: ``unit_change:x1000`` if the device states a thousand times as much."""
TWO_REGISTERS = "two_registers_possible"
RECENT = 8
"""So many registers before this one are looked at for a second row."""

_FACTORS = (1000, 100, 10)
_LEAST_STEPS = 10
"""A register that shows fewer steps than this may have any ratio to another by chance."""
_USE_L, _USE_L_DAY = 500, 2000
"""What a home may have drawn between two readings that differ by a factor: half a cubic metre, and two a day."""
_MOST_REGISTER_L = 1e8
"""The largest usual register. [L]  What lies above it is garbage, no second meter."""
_CHANGES = 3


def quarantine(
    row: StoredReading,
    last: StoredReading | None,
    past: Callable[[], Sequence[StoredReading]],
    odd: bool,
    resolution_l: float,
) -> tuple[str, ...]:
    """Return the flags of a quarantine that `row` begins or is in.

    Parameters
    ----------
    row, last : StoredReading
        Registers of one device under one binding; `last` has the newest measured time so far, None: nothing yet.
    past : callable
        Returns up to `RECENT` registers before `row`, newest first; asked only when there is something to look at.
    odd : bool
        The register fell or jumped.
    resolution_l : float
        Smallest step of the register. [L]
    """
    if last is None or row.measured_ms <= last.measured_ms:
        return ()
    held = next((flag for flag in last.flags if flag.startswith(UNIT_CHANGE)), None)
    if held is not None:
        return () if _is_back(row, last, held, resolution_l) else (held,)
    if odd and (changed := unit_change(row, last, resolution_l)) is not None:
        return (changed,)
    if (odd or TWO_REGISTERS in last.flags) and two_registers([*reversed(past()), row], resolution_l):
        return (TWO_REGISTERS,)
    return ()


def unit_change(row: StoredReading, last: StoredReading, resolution_l: float) -> str | None:
    """Return the flag that says by which factor the register is suddenly stated, None: by none.

    Raises
    ------
    ValueError
        `row` is not later than `last`.
    """
    most_l = _most_l(row, last, resolution_l)
    before_l, after_l = last.value / 1000, row.value / 1000
    least_l = _LEAST_STEPS * resolution_l
    for factor in _FACTORS:
        if before_l >= least_l and 0 <= after_l / factor - before_l <= most_l and after_l - before_l > most_l:
            return f"{UNIT_CHANGE}:x{factor}"
        if after_l >= least_l and -factor * resolution_l < after_l * factor - before_l <= most_l and after_l < before_l:
            return f"{UNIT_CHANGE}:/{factor}"
    return None


def two_registers(rows: Sequence[StoredReading], resolution_l: float) -> bool:
    """Tell whether registers, oldest first, are two rows that each grow by themselves, told in turn."""
    ends: list[StoredReading] = []
    changes, before = 0, -1
    for row in rows:
        if row.value > _MOST_REGISTER_L * 1000:
            continue
        goes_on = [n for n, end in enumerate(ends) if _goes_on(end, row, resolution_l)]
        if goes_on:
            place = min(goes_on, key=lambda n: row.value - ends[n].value)
            ends[place] = row
        elif len(ends) < 2:
            place = len(ends)
            ends.append(row)
        else:
            return False  # a third row: not two meters
        changes += before not in (-1, place)
        before = place
    return changes >= _CHANGES and abs(ends[0].value - ends[1].value) > BACKFLOW_L * 1000


def _goes_on(end: StoredReading, row: StoredReading, resolution_l: float) -> bool:
    litres, seconds = (row.value - end.value) / 1000, (row.measured_ms - end.measured_ms) / 1000
    return litres >= 0 and carried(litres, seconds, resolution_l)


def _is_back(row: StoredReading, last: StoredReading, held: str, resolution_l: float) -> bool:
    """Tell whether the register is on its old scale again, after a quarantine under the flag `held`."""
    more, factor = held.partition(":")[2][0] == "x", int(held.partition(":")[2][1:])
    right_l = last.value / 1000 / factor if more else last.value / 1000 * factor
    drawn_l = row.value / 1000 - right_l
    return -factor * resolution_l < drawn_l <= _most_l(row, last, resolution_l) and row.value != last.value


def _most_l(row: StoredReading, last: StoredReading, resolution_l: float) -> float:
    """Return what a home may have drawn between two registers.  [L]."""
    seconds = (row.measured_ms - last.measured_ms) / 1000
    if seconds <= 0:
        raise ValueError(f"want a later register, got one {seconds} s later")
    return min(_USE_L + _USE_L_DAY * seconds / 86_400, MOST_FLOW_L_S * seconds + resolution_l)
