"""A meter that says itself that it cannot be believed, or a weak battery: what was noticed on messages, told as a trouble of the device.

The rooms that read messages notice another unit, two meters under one number, or a clock that is wrong; the rows get no
litres from such a register (or the right ones, at the right time), and here the operator is told, once, until it is over.
It is never a finding about the person.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import NamedTuple

from detectors.episodes import Episodes, Key
from detectors.findings import Changes, Evidence, Finding

QUARANTINED, CLOCK, ZONE, BATTERY = "meter_quarantined", "meter_clock", "meter_zone", "battery"
KINDS = (QUARANTINED, CLOCK, ZONE, BATTERY)


class Doubt(NamedTuple):
    """What a message of a row's meter says of the meter itself."""

    row: int
    kind: str
    """One of `KINDS`."""
    reason: str
    """The code of the sentence; empty: there is nothing to doubt any more."""
    at: float
    received: float
    """When it was measured, and when we heard it, seconds since 1970."""
    shift_s: float | None = None
    """By how much the habits of the home have moved, of `ZONE` only. [s]"""
    more: Evidence = MappingProxyType({})
    """What else the sentence says, of `BATTERY` only."""


def tell(episodes: Episodes, doubts: Sequence[Doubt]) -> Changes:
    """Begin and end the episodes of meters; what is told already is not told again.

    Parameters
    ----------
    episodes : Episodes
        Of the rows; changed.
    doubts : sequence of Doubt
        In order of time.
    """
    changes = Changes([], [])
    for one in doubts:
        key: Key = (one.row, one.kind, "blue")
        if one.reason and key not in episodes:
            evidence: Evidence = {"heard_at": one.received, "known_until_at": one.at, **one.more}
            evidence = evidence if one.shift_s is None else {**evidence, "shift_s": one.shift_s}
            found = Finding(one.row, one.kind, "blue", one.at, one.received, one.reason, evidence)
            episodes.start(found, changes)
        elif not one.reason and key in episodes:
            episodes.end(key, one.received, changes)
    return changes
