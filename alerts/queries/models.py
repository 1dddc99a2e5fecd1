"""The values that several pages share.  Times are aware UTC; a home's zone turns them into local ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from alerts.texts import Place

SEVERITIES = ("red", "amber", "blue")
"""The most urgent first: the order of every list."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where a household lives."""

    id: str
    area: str
    building: str
    riser: str | None
    floor: str | None
    door: str
    tz: str

    @property
    def zone(self) -> ZoneInfo:
        """The home's time zone."""
        return ZoneInfo(self.tz)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of ours or of the family; `phone` only when it can be dialled."""

    id: str
    name: str
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Resident:
    """Who lives there; `risk` is what matters at the door, already dropped when it has run out."""

    id: str
    name: str
    phone: str | None
    risk: str | None


@dataclass(frozen=True, slots=True)
class Sign:
    """A finding of the case; `reason` and `evidence` become one sentence."""

    id: str
    kind: str
    severity: str
    reason: str
    evidence: Mapping[str, Any]
    onset: datetime
    raised_at: datetime
    cleared_at: datetime | None


@dataclass(frozen=True, slots=True)
class CaseCard:
    """A case as one row of a list; `signs` has the most severe and newest first."""

    realm: str
    id: str
    stream: str
    severity: str
    state: str
    home: Home
    onset: datetime
    opened_at: datetime
    closed_at: datetime | None
    owner: Person | None
    owner_since: datetime | None
    outcome: str | None
    outcome_reason: str | None
    signs: tuple[Sign, ...]
    next_due: datetime | None
    """When the next step falls due by itself, such as telling the next person."""
    next_step: str | None
    """Which step that is: the name of a timer of `alerts.casefile`."""
    asked: tuple[str, ...]
    """Names of the workers who were asked to take the case, in that order."""
    rung: int = 0
    """Which person of the ladder was asked last, from 0; past the end: everybody was."""
    loop: int = 0
    """How often everybody was asked in vain."""
    area_event: str | None = None
    """The area event that explains it, or that its owner was told of."""
    emergency: bool = False
    """A human called 120."""
    recurs: str | None = None
    """The case that ended a short while before it in the same home."""
    ask_only: bool = False
    """It rests on nothing but the quiet of a home that is only asked: nobody is sent for that."""
    policy: str | None = None
    """The settings under which it was opened (`alerts.frozen`)."""
    next_owner: Person | None = None
    """Who was asked to take it over at the change of shifts."""

    @property
    def asks_only_next(self) -> bool:
        """Whether the next step reaches the operators because nobody is sent to this home for that alone."""
        return self.ask_only and self.next_step in ("ask", "hand_back")

    @property
    def other_signs(self) -> tuple[Sign, ...]:
        """One sign of each further kind: amber and red of one kind say the same."""
        by_kind = {sign.kind: sign for sign in reversed(self.signs)}
        return tuple(sign for kind, sign in by_kind.items() if kind != self.signs[0].kind)

    @property
    def is_open(self) -> bool:
        """Whether the case still waits for an end."""
        return self.closed_at is None


@dataclass(frozen=True, slots=True)
class Told:
    """One notice: who was told what over which channel, and what is known of its delivery.

    It is about a case (`case_id`, `home`) or about an area event (`zone`).
    """

    realm: str
    case_id: str | None
    home: Home | None
    zone: Place | None
    role: str  # worker, lead, operator, contact
    name: str
    channel: str
    template: str
    state: str
    created_at: datetime
    done_at: datetime | None
    attempts: int
    error: str | None
    """What the channel said when it last failed."""
    number: str
    """Under which its reader knows it; the same by every channel."""


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One line of the case's history; `actor` is a name, or None for the service itself."""

    n: int
    at: datetime
    kind: str
    actor: str | None
    data: Mapping[str, Any]
    whom: str | None
    """The name of who was to be told, when the line is about a notice."""


@dataclass(frozen=True, slots=True)
class Undo:
    """Who (``worker:ID``, …) tapped last, and until when that can be taken back."""

    by: str
    until: datetime

    def seconds_left(self, actor: str, now: datetime) -> int:
        """Return for how many whole seconds `actor` can take it back; 0: not (any more)."""
        return max(0, int((self.until - now).total_seconds())) if self.by == actor else 0


@dataclass(frozen=True, slots=True)
class CaseView:
    """All that the page of one case shows."""

    card: CaseCard
    residents: tuple[Resident, ...]
    family: tuple[Person, ...]
    told: tuple[Told, ...]
    events: tuple[CaseEvent, ...]
    offered_to: frozenset[str]
    """Ids of workers with a live offer."""
    undo: Undo | None
    """The last tap, as long as it can be taken back."""
    may_take: frozenset[str] = frozenset()
    """Ids of workers who may take it over at the change of shifts."""

    def undoable_for(self, actor: str, now: datetime) -> int:
        """Return for how many whole seconds `actor` can still take back the last tap; 0: not (any more)."""
        return self.undo.seconds_left(actor, now) if self.undo else 0
