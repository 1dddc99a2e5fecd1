"""What the detectors claim, on its way to the alert service: kept until it is taken, red before amber, nothing lost."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from detectors.findings import Finding
from shuian.outcomes import Told

URGENCY = {"red": 1, "amber": 2, "blue": 3}


class Open(NamedTuple):
    """A finding that the alert store holds open."""

    id: str
    household: str
    finding: Finding
    """Its `row` means nothing."""


class Alerts(Protocol):
    """Where findings go; `shuian.service` fits the alert store to it."""

    def raised(self, household: str, finding: Finding, finding_id: str) -> None:
        """Store a finding and what it owes the world; a second call with the same id changes nothing."""
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
        cannot take never holds up another home's.
        """
        due = [(self._refused[name], 0, name) for name in self.over]
        # Red first: it is offered in the transaction of its own finding, not as the upgrade of an amber one.
        due += [(self._refused[name], URGENCY[one.severity], name) for name, one in self.held.items() if may(one)]
        for _, urgency, name in sorted(due):
            try:
                if urgency == 0:
                    alerts.cleared(name, datetime.fromtimestamp(self.over[name], UTC))
                    del self.over[name]
                else:
                    alerts.raised(households[self.held[name].row], self.held[name], name)
                    del self.held[name]
            except Exception:
                self._refused[name] += 1
                raise
        self._refused.clear()
