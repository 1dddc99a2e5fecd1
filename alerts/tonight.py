"""What a step of a case may look at besides the case and the event: the moment, the settings, and who is there."""

from datetime import datetime, timedelta
from typing import NamedTuple

from alerts.casefile import Case
from alerts.ladders import Ladder
from alerts.policy import Load, Policy, Roster
from detectors.findings import Severity


class Tonight(NamedTuple):
    """What a step may look at besides the case and the event."""

    now: datetime
    policy: Policy
    roster: Roster

    def after(self, wait_s: float) -> datetime:
        """Return the moment `wait_s` from now."""
        return self.now + timedelta(seconds=wait_s)

    @property
    def ladder(self) -> Ladder:
        """Return the ladder that is meant for this home at this hour."""
        return self.policy.ladder(self.roster)

    @property
    def rungs(self) -> tuple[str | None, ...]:
        """Return who stands on it, rung by rung."""
        return tuple(self.roster.on(rung) for rung in self.ladder.rungs)

    @property
    def lead(self) -> int:
        """Return the rung of the lead: the last one where no lead stands on it."""
        rungs = self.ladder.rungs
        return rungs.index("lead") if "lead" in rungs else max(len(rungs) - 1, 0)

    def full(self, worker: str, severity: Severity) -> bool:
        """Whether a worker has too much on hand for a case of that severity."""
        return self.policy.full(self.roster.loads.get(worker, Load()), severity)

    def patience(self, case: Case, rung: int) -> datetime:
        """Return until when a rung has the offer to itself."""
        red = case.severity == "red"
        waits = self.ladder.rung_wait_s if red else self.ladder.amber_rung_wait_s
        return self.awake(case.severity, waits[min(rung, len(waits) - 1)] if waits else 0.0)

    def quiet(self, case: Case) -> datetime | None:
        """Return until when no worker is to be disturbed for the case; None: somebody may be asked now."""
        return self.policy.quiet_until(case.severity, self.roster, self.now)

    def awake(self, severity: Severity, wait_s: float) -> datetime:
        """Return the moment `wait_s` from now, or the end of the quiet hours in which it lies."""
        due = self.after(wait_s)
        return self.policy.quiet_until(severity, self.roster.later(self.now, due), due) or due
