"""What people said of findings, on its way back to the detectors: each told once, and taken back when it is undone."""

from collections.abc import Iterable
from typing import NamedTuple

from detectors.alarms import Outcome
from detectors.findings import Severity
from detectors.partition import Partition
from shuian.rows import Rows

MEANS: dict[str, Outcome] = {
    "SAFE_AT_HOME": "well",
    "SAFE_AWAY": "away",
    "HELPED": "incident",
    "TAKEN_TO_CARE": "incident",
    "DECEASED": "incident",
    "DEVICE_FAULT": "fault",
    "OUTAGE": "fault",
}
"""What a case's outcome says of the missing use; others say nothing about it."""


class Told(NamedTuple):
    """What a finding turned out to be; times in seconds since 1970."""

    household: str
    kind: str
    severity: Severity
    onset: float
    until: float
    """When somebody said so."""
    outcome: Outcome


def means(code: str, reason: str | None) -> Outcome | None:
    """Return what an outcome of a case teaches; None: nothing.

    Somebody ill in bed is at home and safe, but that is what the watch is for: such an alarm was not for nothing.
    """
    return "incident" if (code, reason) == ("SAFE_AT_HOME", "illness") else MEANS.get(code)


class Lessons:
    """What the detectors of one pipeline have been told so far."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str, str, float], Told] = {}
        self._taught: dict[tuple[str, str, str, float], Told] = {}

    def take(self, told: Iterable[Told]) -> None:
        """Take all that holds now, in place of what held before."""
        self._all = {(one.household, one.kind, one.severity, one.onset): one for one in told}

    def forget(self) -> None:
        """Count nothing as taught: the detectors went back to an earlier state; what they know already changes nothing."""
        self._taught = {}

    def teach(self, partition: Partition, rows: Rows) -> None:
        """Tell the detectors what is new, and what is no longer said."""
        gone = [one for key, one in self._taught.items() if key not in self._all]
        new = [one for key, one in self._all.items() if self._taught.get(key) != one]
        for one, outcome in (*((one, None) for one in gone), *((one, one.outcome) for one in new)):
            row = rows.of(one.household)
            if row is not None:
                partition.label(row, one.kind, one.severity, one.onset, one.until, outcome)
        self._taught = dict(self._all)
