"""What a detector claims about one row, with the evidence for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["red", "amber", "blue"]
"""red: a person must go now; amber: ask first, then go; blue: technical, next working day."""

Evidence = Mapping[str, float | str | bool | None]
"""Plain numbers and words from which one sentence is rendered; units end the key (`quiet_s`, `volume_l`)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One claim: `kind` about `row` since `onset`.

    Times are seconds since 1970-01-01 UTC.  `raised_at` is the first moment at which the service could have known;
    `cleared_at` is None while the claim holds.  (kind, severity, onset) names an episode of a row: the same readings
    give the same episodes, so ids made from them survive a restart.  `reason` is the code from which `alerts.texts`
    renders the sentence.
    """

    row: int
    kind: str
    severity: Severity
    onset: float
    raised_at: float
    reason: str
    evidence: Evidence
    cleared_at: float | None = None


class Changes(NamedTuple):
    """What one step or tick changed, in order of time."""

    raised: list[Finding]
    cleared: list[Finding]
