"""Which findings hold: one open episode a row, kind and severity, and quick answers to "which rows have one?"."""

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np

from detectors.bins import Bools, Rows
from detectors.findings import Changes, Finding, Severity

Key = tuple[int, str, Severity]
SEVERITIES: tuple[Severity, ...] = ("amber", "red", "blue")


class Episodes:
    """The open findings of rows."""

    def __init__(self, findings: Iterable[Finding] = (), rows: int = 0) -> None:
        self._rows = rows
        self._open: dict[Key, Finding] = {}
        self._held: dict[str, Bools] = {}  # kind -> (H,) has an open episode
        for finding in findings:
            self.hold(finding)

    def __contains__(self, key: Key) -> bool:
        return key in self._open

    def __getitem__(self, key: Key) -> Finding:
        return self._open[key]

    def grow(self, rows: int) -> None:
        """Make room for more rows at the end."""
        self._rows += rows
        self._held = {kind: np.append(held, np.zeros(rows, np.bool_)) for kind, held in self._held.items()}

    def all(self) -> list[Finding]:
        """Return the findings that hold, in order of time."""
        return sorted(self._open.values(), key=_when)

    def keys(self, row: int, kind: str) -> list[Key]:
        """Return the keys of a row's open episodes of a kind."""
        return [(row, kind, severity) for severity in SEVERITIES if (row, kind, severity) in self._open]

    def rows(self, kind: str) -> Rows:
        """Return the rows that have an open episode of this kind."""
        held = self._held.get(kind)
        return np.empty(0, np.intp) if held is None else np.flatnonzero(held)

    def places(self, kind: str, rows: Rows) -> list[int]:
        """Return the places in `rows` that have an open episode of this kind."""
        held = self._held.get(kind)
        return [] if held is None else np.flatnonzero(held[rows]).tolist()

    def hold(self, finding: Finding) -> None:
        """Count a finding as open, in place of one under the same key."""
        self._open[finding.row, finding.kind, finding.severity] = finding
        self._note(finding.row, finding.kind)

    def start(self, finding: Finding, changes: Changes) -> None:
        """Open an episode, and say so."""
        self.hold(finding)
        changes.raised.append(finding)

    def end(self, key: Key, at: float, changes: Changes) -> None:
        """End an open episode, and say so."""
        changes.cleared.append(replace(self._open.pop(key), cleared_at=at))
        self._note(key[0], key[1])

    def drop(self, rows: Collection[int]) -> list[Finding]:
        """End the episodes of rows without a word; return them."""
        dropped = [finding for key, finding in self._open.items() if key[0] in rows]
        for finding in dropped:
            del self._open[finding.row, finding.kind, finding.severity]
            self._note(finding.row, finding.kind)
        return dropped

    def _note(self, row: int, kind: str) -> None:
        if kind not in self._held:
            self._held[kind] = np.zeros(self._rows, np.bool_)
        self._held[kind][row] = bool(self.keys(row, kind))


def _when(finding: Finding) -> tuple[float, int, str, str]:
    return finding.raised_at, finding.row, finding.kind, finding.severity


def in_order(changes: Changes) -> Changes:
    """Return the same changes, in order of time."""
    changes.raised.sort(key=_when)
    changes.cleared.sort(key=lambda f: (f.cleared_at or 0.0, *_when(f)))
    return changes
