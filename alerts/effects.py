"""What the world is owed after a step of a case: data, carried out by `alerts.store` in the transaction that saves it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alerts.outcomes import Label

STAFF = ("worker", "operator")
FAMILY = ("contact",)


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell one person (an actor such as ``worker:ID``).

    `held`: not before the undo window has passed.  `wait_s`: not before so many seconds, and only if it is still true then.
    """

    to: str
    template: str
    params: Mapping[str, Any] = field(default_factory=dict)
    offer: int | None = None
    held: bool = False
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TellTold:
    """Tell everyone of these kinds (worker, contact, operator) whom an earlier notice of this case may have reached."""

    template: str
    kinds: tuple[str, ...]
    but: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    held: bool = False


@dataclass(frozen=True, slots=True)
class SetLabel:
    """Give every finding of the case what it turned out to be; None takes it back."""

    label: Label | None


@dataclass(frozen=True, slots=True)
class Explain:
    """Count the home's silence up to then as explained (None: take that back): a person was there, or was told why."""

    by: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class CancelHeld:
    """The tap with this version was undone: what it held back is never sent."""

    version: int


@dataclass(frozen=True, slots=True)
class CallBack:
    """Somebody is to call the home and ask whether it was as told; not `owed`: the outcome was taken back."""

    owed: bool = True


@dataclass(frozen=True, slots=True)
class CallRound:
    """Ask the operator to call round the homes of the case's area event; once for all of them."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """Show who comes next the list of what the shift leaves open; once for all of it."""

    turn: str
    to: str


Effect = HandOver | Notify | TellTold | SetLabel | Explain | CancelHeld | CallBack | CallRound
