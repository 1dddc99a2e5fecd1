"""A case as a value: where it stands, its clocks, whom it was offered to, and what the last tap changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from alerts.events import Timer
from detectors.findings import Severity

Stream = Literal["care", "technical"]


class State(StrEnum):
    """Where a case stands; the names are what the database and the pages say."""

    NEW = "NEW"
    """Not stored yet: the first finding turns it into one of the others, in the same transaction."""
    SUSPECTED = "SUSPECTED"
    AWAITING = "AWAITING"
    UNATTENDED = "UNATTENDED"
    ACCEPTED = "ACCEPTED"
    EN_ROUTE = "EN_ROUTE"
    ON_SITE = "ON_SITE"
    NEEDS_ACCESS = "NEEDS_ACCESS"
    """At the door, and nobody opens: keys, the property office, the police, never alone."""
    FOLDED = "FOLDED"
    """The water is off, or the gateway silent, for many homes at once: one event stands for all of them."""
    NOTED = "NOTED"
    CONSENT_REVIEW = "CONSENT_REVIEW"
    """The consent it rests on ended before anybody went: the operator decides."""
    CANCELLED_CONSENT = "CANCELLED_CONSENT"
    EXPLAINED = "EXPLAINED"
    CLOSED = "CLOSED"


ENDED = frozenset({State.EXPLAINED, State.CLOSED, State.CANCELLED_CONSENT})
UNOWNED = frozenset({State.SUSPECTED, State.AWAITING, State.UNATTENDED})
OWNED = frozenset({State.ACCEPTED, State.EN_ROUTE, State.ON_SITE, State.NEEDS_ACCESS})


@dataclass(frozen=True, slots=True)
class Offer:
    """One person was asked; state: offered, accepted, declined, lapsed, withdrawn, transferred."""

    worker: str
    rung: int
    state: str
    offered_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    """What the last tap changed, as it was before; `version` names the tap: notices it holds back carry it."""

    version: int
    by: str
    until: datetime
    state: State
    severity: Severity
    owner: str | None
    rung: int
    loop: int
    timers: Mapping[Timer, datetime]
    offers: tuple[Offer, ...]
    area_event: str | None = None
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One case with its clocks and offers, as it is saved: each change is a new value with the next version."""

    realm: str
    id: str
    household: str
    stream: Stream
    severity: Severity
    onset: datetime
    opened_at: datetime
    state: State = State.NEW
    version: int = 0
    rung: int = 0
    loop: int = 0
    owner: str | None = None
    closed_at: datetime | None = None
    outcome: str | None = None
    outcome_reason: str | None = None
    timers: Mapping[Timer, datetime] = field(default_factory=dict)
    offers: tuple[Offer, ...] = ()
    undo: Undo | None = None
    area_event: str | None = None
    """The area event it is folded into, or that its owner was told of."""
    emergency: bool = False
    """A human called 120 (or 110): nothing that follows takes that back but the one who tapped, within seconds."""
    ask_only: bool = False
    """It rests on nothing but the quiet of a home that is only asked: no worker is sent for that alone."""
    recurs: str | None = None
    """The case that ended a short while before it in the same home."""
    next_owner: str | None = None
    """Who was asked to take it over at the change of shifts; the owner has it until they do."""
    policy: str | None = None
    """The settings under which it was opened (`alerts.policy.Policy.id`); None: those in force."""

    @property
    def accepted_at(self) -> datetime | None:
        """Return since when the owner has it."""
        return next((o.ended_at for o in self.offers if o.state == "accepted"), None)

    def live(self, worker: str) -> int | None:
        """Return which offer (its place in `offers`) still waits for this worker's answer."""
        return next((n for n, o in enumerate(self.offers) if o.worker == worker and o.state == "offered"), None)
