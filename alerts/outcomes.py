"""What a case turned out to be: outcome codes, the labels they give to findings, and what the family may be told."""

from dataclasses import dataclass
from typing import Literal

from alerts.errors import UnknownOutcome

Explains = Literal["until_now", "away", "care", "for_good"]
Label = Literal["true", "false", "device", "outage", "unknown"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One code of the table."""

    code: str
    label: Label
    """What the detectors learn."""
    tell_family: bool = True
    """False: never by text; a person calls or visits."""
    explains: Explains | None = "until_now"
    """For how long the silence of the home is explained by it: until a person was there, for a day away, for some days in
    care, for good; None: not at all.  What is explained neither trains the detectors nor calls anybody again."""
    reasons: tuple[str, ...] = ()
    """Reasons that may be given with it; empty: none."""

    @property
    def in_care(self) -> bool:
        """Whether the silence it explains is that of somebody who is no longer at home, and not on a journey."""
        return self.explains in ("care", "for_good")


OUTCOMES = {
    outcome.code: outcome
    for outcome in (
        Outcome("SAFE_AT_HOME", "false", reasons=("low_use", "guest", "illness", "other")),
        Outcome("SAFE_AWAY", "false", explains="away"),
        Outcome("HELPED", "true"),
        Outcome("TAKEN_TO_CARE", "true", explains="care"),
        Outcome("LEAK_FIXED", "true"),
        Outcome("TAP_LEFT_OPEN", "true"),
        Outcome("DEVICE_FAULT", "device"),
        Outcome("OUTAGE", "outage"),
        Outcome("NO_ENTRY_HANDED_TO_110", "unknown", explains=None),
        Outcome("DECEASED", "true", tell_family=False, explains="for_good"),
    )
}


def outcome(code: str, reason: str | None = None) -> Outcome:
    """Return the table's entry.

    Raises
    ------
    UnknownOutcome
        The code is not in the table, or the reason does not belong to it.
    """
    found = OUTCOMES.get(code)
    if found is None:
        raise UnknownOutcome(f"want one of {', '.join(OUTCOMES)}; got {code!r}")
    if reason is not None and reason not in found.reasons:
        raise UnknownOutcome(f"{code}: want {' or '.join(found.reasons) or 'no reason'}; got {reason!r}")
    return found
