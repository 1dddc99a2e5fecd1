"""Which buttons a case shows to whom, and what a tap means.  Pure: no I/O, no clock."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from alerts.errors import UnknownOutcome
from alerts.events import (
    Accepted,
    Arrived,
    Declined,
    EmergencyCalled,
    Entered,
    NoAnswer,
    OutcomeRecorded,
    ReviewClosed,
    SetOff,
    TakenOver,
    Tap,
    Undone,
)
from alerts.outcomes import OUTCOMES, outcome
from alerts.queries import CaseView

DECLINE_REASONS = ("off_shift", "too_far", "busy", "unsafe")
FALSE_REASONS = OUTCOMES["SAFE_AT_HOME"].reasons
MORE_OUTCOMES = ("LEAK_FIXED", "TAP_LEFT_OPEN", "DEVICE_FAULT", "OUTAGE", "NO_ENTRY_HANDED_TO_110", "TAKEN_TO_CARE")
"""Outcomes behind "more"; the frequent ones have a button, and a death is asked for twice."""
FLOW_OUTCOMES = ("TAP_LEFT_OPEN", "LEAK_FIXED")
"""Those of them that have a button as well where water runs."""
AWAY_DAYS = {"today": 0, "3d": 3, "7d": 7}
"""How many days after today somebody who is away comes back, by the name of the button."""
FLOW = frozenset((
    "surge_limit", "surge_usual", "water_running", "leak", "leak_sensor",
    "rule_much", "rule_much_day", "rule_continuous", "rule_half_hours",
))  # fmt: skip
"""Reasons which say that water runs, not that none is used."""

Next = Literal["accept", "take_over", "set_off", "arrived", "entered", "outcome"]
_NEXT_OF_OWNER: dict[str, Next] = {
    "ACCEPTED": "set_off", "EN_ROUTE": "arrived", "ON_SITE": "outcome", "NEEDS_ACCESS": "entered",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar at the bottom of a case: at most one filled button.

    `next` is that button; `hand_back` offers the reasons for not going; `outcomes` the panel of outcomes.
    """

    next: Next | None
    hand_back: bool = False
    outcomes: bool = False
    no_answer: bool = False
    """Nobody opens: among the outcomes, though it ends nothing."""


def bar(view: CaseView, actor: str) -> Bar:
    """Return what `actor` can do with the case now: a worker goes, an operator may record what is known by phone."""
    card = view.card
    if not card.is_open:
        return Bar(None)
    if actor.startswith("operator:"):
        return Bar(None, outcomes=True)
    if card.stream != "care" or card.state == "FOLDED":
        return Bar(None)
    if card.owner is None:
        return Bar("accept", hand_back=actor.partition(":")[2] in view.offered_to)
    if actor != f"worker:{card.owner.id}":
        return Bar("take_over" if actor.partition(":")[2] in view.may_take else None)
    return Bar(
        _NEXT_OF_OWNER.get(card.state),
        hand_back=card.state != "ON_SITE",
        outcomes=True,
        no_answer=card.state == "ON_SITE",
    )


def end_of_day(now: datetime, zone: ZoneInfo, days: int) -> datetime:
    """Return the end of the local day in so many days."""
    day = now.astimezone(zone).date() + timedelta(days=days + 1)
    return datetime.combine(day, time(), zone)


def parse(do: str, by: str, now: datetime, zone: ZoneInfo) -> Tap | None:
    """Return what a button's value means, None when no button of ours has it.

    ``accept``, ``take_over``, ``set_off``, ``arrived``, ``no_answer``, ``entered``, ``emergency``, ``undo``, ``decline:REASON``, ``outcome:CODE``, ``outcome:CODE:REASON`` or
    ``outcome:SAFE_AWAY:today`` (``3d``, ``7d``): away until the end of that day in the home's `zone`.
    """
    verb, *rest = do.split(":")
    match verb, rest:
        case "accept", []:
            return Accepted(by)
        case "take_over", []:
            return TakenOver(by)
        case "set_off", []:
            return SetOff(by)
        case "arrived", []:
            return Arrived(by)
        case "no_answer", []:
            return NoAnswer(by)
        case "entered", []:
            return Entered(by)
        case "emergency", []:
            return EmergencyCalled(by)
        case "close_consent", []:
            return ReviewClosed(by)
        case "undo", []:
            return Undone(by)
        case "decline", [reason] if reason in DECLINE_REASONS:
            return Declined(by, reason)
        case "outcome", ["SAFE_AWAY", days] if days in AWAY_DAYS:
            away_s = (end_of_day(now, zone, AWAY_DAYS[days]) - now).total_seconds()
            return OutcomeRecorded(by, "SAFE_AWAY", away_s=away_s)
        case "outcome", [code] | [code, _]:
            return _outcome(by, code, rest[1] if len(rest) == 2 else None)
        case _:
            return None


def _outcome(by: str, code: str, reason: str | None) -> Tap | None:
    try:
        outcome(code, reason)
    except UnknownOutcome:
        return None
    return OutcomeRecorded(by, code, reason)
