"""What the detectors claim, on its way to the alert service: kept until it is taken, red before amber, nothing lost."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple, Protocol

from detectors.findings import Finding
from shuian.outcomes import Told

log = logging.getLogger(__name__)

URGENCY = {"red": 1, "amber": 2, "blue": 3}
TOGETHER = 64
"""Findings handed over in one transaction at most: others wait for the database meanwhile."""


class Open(NamedTuple):
    """A finding that the alert store holds open."""

    id: str
    household: str
    finding: Finding
    """Its `row` means nothing."""


class Raised(NamedTuple):
    """A finding to be told, of which home and under which id."""

    household: str
    finding: Finding
    id: str


class Alerts(Protocol):
    """Where findings go; `shuian.service` fits the alert store to it."""

    def raised(self, household: str, finding: Finding, finding_id: str) -> None:
        """Store a finding and what it owes the world; a second call with the same id changes nothing."""
        ...

    def raised_all(self, found: Sequence[Raised]) -> None:
        """Store many findings as `raised` does each of them, in this order: all of them, or none."""
        ...

    def cleared(self, finding_id: str, cleared_at: datetime) -> None:
        """Note that a finding no longer holds; an id never raised is no error."""
        ...

    def open(self) -> list[Open]:
        """Return the findings that were raised and not cleared."""
        ...

    def outcomes(self, since: datetime) -> list[Told]:
        """Return what findings raised since then turned out to be, as far as people have said so."""
        ...


def finding_id(household: str, finding: Finding) -> str:
    """Return the id of an episode: the same readings give the same id."""
    name = f"{household}|{finding.kind}|{finding.severity}|{round(finding.onset)}"
    return hashlib.sha256(name.encode()).hexdigest()[:20]


class HandOver:
    """Findings that were raised or cleared and not yet taken.

    Parameters
    ----------
    held : finding id -> finding, raised
    over : finding id -> when it was cleared, seconds since 1970
    """

    def __init__(self, held: Mapping[str, Finding], over: Mapping[str, float]) -> None:
        self.held, self.over = dict(held), dict(over)
        self._refused: Counter[str] = Counter()

    def raised(self, name: str, finding: Finding) -> None:
        """Keep a finding until it may be told."""
        self.held[name] = finding

    def cleared(self, name: str, at: float) -> None:
        """Keep the end of a finding, even of one never told as far as we know: a crash may have forgotten that."""
        self.held.pop(name, None)
        self.over[name] = at

    def forget(self, name: str) -> None:
        """Let a finding go that is not to be told any more."""
        self.held.pop(name, None)

    def offer(self, alerts: Alerts, households: list[str], may: Callable[[Finding], bool]) -> None:
        """Hand over what is due: ends, then what `may` be told, red first.

        What `alerts` refuses (its error is raised) stays, and is offered again behind all others: one finding that it
        cannot take never holds up another home's.  Findings go together, and one by one where that fails.
        """
        due = [(self._refused[name], 0, name) for name in self.over]
        # Red first: it is offered in the transaction of its own finding, not as the upgrade of an amber one.
        due += [(self._refused[name], URGENCY[one.severity], name) for name, one in self.held.items() if may(one)]
        for (refused, ended), group in groupby(sorted(due), key=lambda one: (one[0] > 0, one[1] == 0)):
            names = [name for _, _, name in group]
            if not refused and not ended:
                names = self._together(alerts, households, names)
            for name in names:
                self._one(alerts, households, name)
        self._refused.clear()

    def _together(self, alerts: Alerts, households: list[str], names: list[str]) -> list[str]:
        """Hand over findings in few transactions; return what is to be tried one by one."""
        for start in range(0, len(names), TOGETHER):
            some = names[start : start + TOGETHER]
            try:
                alerts.raised_all([Raised(households[self.held[name].row], self.held[name], name) for name in some])
            except Exception:
                log.exception("findings could not be handed over together; each is tried by itself")
                return names[start:]
            for name in some:
                del self.held[name]
        return []

    def _one(self, alerts: Alerts, households: list[str], name: str) -> None:
        try:
            if name in self.over:
                alerts.cleared(name, datetime.fromtimestamp(self.over[name], UTC))
                del self.over[name]
            else:
                alerts.raised(households[self.held[name].row], self.held[name], name)
                del self.held[name]
        except Exception:
            self._refused[name] += 1
            raise
