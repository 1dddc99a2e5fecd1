"""What can happen to a case.

`by` is always an actor as the log writes it: ``worker:ID``, ``contact:ID``, ``operator:NAME`` or ``system``.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from detectors.findings import Severity

ASK_ONLY = "ask_only"
"""In a finding's evidence: the use of this home is too irregular for more than a question (`detectors.alarms`)."""


class Timer(StrEnum):
    """The clocks of a case; each is a row with a due time."""

    ASK = "ask"
    """Family were asked first; now a worker is."""
    NEXT_RUNG = "next_rung"
    """Nobody accepted: the next person is asked."""
    REPEAT = "repeat"
    """Nobody at all accepted: call again."""
    SET_OFF = "set_off"
    """Accepted, not on the way yet: ask."""
    PROGRESS = "progress"
    """No progress: ask."""
    HAND_BACK = "hand_back"
    """Asked, still no progress: the case goes to the lead."""
    OUTCOME = "outcome"
    """At the door for long: ask for the outcome."""
    RELEASE = "release"
    """The water has been back for a while: a folded case stands for itself again."""
    CALL_ROUND = "call_round"
    """Folded for long: the operator is asked to call these homes."""
    REVIEW = "review"
    """Consent ended: the operator is asked again what is to become of the case."""
    ACCESS = "access"
    """Nobody opens: the owner and the lead are asked how it goes."""
    HAND_OVER = "hand_over"
    """The owner's shift is over, and nobody has taken the case over: the lead is told."""


@dataclass(frozen=True, slots=True)
class FindingRaised:
    """A detector's claim about this household, the first of a case or a further one."""

    kind: str
    severity: Severity
    onset: datetime
    new_kind: bool = True
    """No finding of this kind belongs to the case yet."""
    area: str | None = None
    """The area event that explains it; None: it stands for itself."""
    release_at: datetime | None = None
    """That event has ended: until when it still explains; None: it holds."""
    last_owner: str | None = None
    """The worker who had this home's last case, if that ended a short while ago; for the first finding of a case."""
    ask_only: bool = False
    """It is nothing but the quiet of a home that is only asked: no worker is sent for that alone."""


@dataclass(frozen=True, slots=True)
class FindingCleared:
    """A claim no longer holds; `remaining` others of the case still do."""

    kind: str
    remaining: int
    away: bool = False
    """Not because water was used, but because the home has been declared away."""
    vouched: bool = True
    """Somebody of ours says so; a relative's word alone ends no case."""


@dataclass(frozen=True, slots=True)
class AreaBegan:
    """The home is part of an area event."""

    event: str
    covers: bool
    """It explains everything the case rests on."""


@dataclass(frozen=True, slots=True)
class AreaEnded:
    """An area event of the home has ended; `next` is another one that goes on and explains the case as well."""

    event: str
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A worker says: I have it."""

    by: str


@dataclass(frozen=True, slots=True)
class Declined:
    """A worker cannot go (or gives an accepted case back).  Reasons: off_shift, too_far, busy, unsafe."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class SetOff:
    """The owner is on the way."""

    by: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """The owner is at the door."""

    by: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The owner is at the door and nobody opens."""

    by: str


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody got in."""

    by: str


@dataclass(frozen=True, slots=True)
class EmergencyCalled:
    """A human called 120 or 110."""

    by: str


@dataclass(frozen=True, slots=True)
class OutcomeRecorded:
    """A human says what it was; `code` and `reason` as in `alerts.outcomes`."""

    by: str
    code: str
    reason: str | None = None
    away_s: float | None = None
    """With SAFE_AWAY: for how long, as far as anybody knows; None: as long as the policy says."""


@dataclass(frozen=True, slots=True)
class Undone:
    """Whoever tapped last takes it back, within the undo window."""

    by: str


@dataclass(frozen=True, slots=True)
class ShiftEnds:
    """The owner's shift ends, or has ended; `to` comes next, None: nobody does.  `turn`: the shift, as `alerts.turns` names it."""

    turn: str
    ends_at: datetime
    to: str | None


@dataclass(frozen=True, slots=True)
class TakenOver:
    """Somebody of the next shift, or the lead, says: I have it now."""

    by: str


@dataclass(frozen=True, slots=True)
class ConsentWithdrawn:
    """The consent on which the case rests ended or was paused; `purpose` is monitor or community."""

    purpose: str


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """All that was missing has been agreed to again."""


@dataclass(frozen=True, slots=True)
class ReviewClosed:
    """An operator ends a case whose consent ended, without a visit."""

    by: str


@dataclass(frozen=True, slots=True)
class TimerDue:
    """A clock of the case has run out; late, early and repeated calls are harmless."""

    kind: Timer


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """A notice that needs an answer cannot reach its recipient.

    `alone`: nobody else was, or may yet be, reached with the same question.
    """

    recipient: str
    alone: bool


Tap = (
    Accepted
    | Declined
    | SetOff
    | Arrived
    | NoAnswer
    | Entered
    | EmergencyCalled
    | OutcomeRecorded
    | ReviewClosed
    | TakenOver
    | Undone
)
"""What people do."""

Event = (
    FindingRaised
    | FindingCleared
    | AreaBegan
    | AreaEnded
    | ConsentWithdrawn
    | ConsentGiven
    | ShiftEnds
    | Tap
    | TimerDue
    | Undeliverable
)
