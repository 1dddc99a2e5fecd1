"""The case of a household: who has it, who is asked next, and why it may end.

`step` is the whole machine: case, event, now → case, effects.  No I/O, no clock; effects are data, carried out by
`alerts.store` in the transaction that saves the case.  What a row does is in `alerts.moves`, `alerts.doors` and `alerts.folding`.

::

    amber            red                          blue
      │               │                             │
      ▼               ▼                             ▼
    SUSPECTED ──► AWAITING ──ladder empty──►      NOTED (technical stream: the operator is told, nobody is sent)
      │ ask first    │  ▲ │                         │ cleared, or the operator says what it was
      │              │  │ └──► UNATTENDED ─┐         ▼
      │              │  │     repeats for  │       CLOSED
      │ water again  │  │     ever         │
      │ (amber only) │  │ handed back,     │ accept
      ▼              │  │ no progress      │
    EXPLAINED ◄──────┤  └───────┐          │
                     │ accept   │          │
                     ▼          │          │
                  ACCEPTED ─────┤ ◄────────┘
                     ▼          │
                  EN_ROUTE ─────┤
                     ▼          │
                  ON_SITE ──────┤
                   ▲ ▼          │
                NEEDS_ACCESS ───┘
                     │ outcome (from any open state, by a human)
                     ▼
                  CLOSED

Many homes at once, because their water or their gateway is off::

    NEW, SUSPECTED, AWAITING, UNATTENDED (NOTED) ──the event explains all of it──► FOLDED ──water again──► EXPLAINED
                                                                                  │    │ (the meter is heard: CLOSED)
        by its severity, since its own onset ◄── a finding it does not explain ───┤    └─ operator or lead: CLOSED
                                             ◄── event over, and 2 h later still ─┘
    ACCEPTED, EN_ROUTE, ON_SITE stay with their owner, who is told once that the water is off.

A red case ends by a human fact only: water that runs again proves that someone used it, not that someone is well; only
while it is folded, when nothing but the missing water spoke against the person, water is enough.  A closed case is never
opened again; only the tap that closed it can be taken back, for a few seconds, by who made it.  The quiet of a home whose
use is too irregular is only asked about: SUSPECTED until somebody answers, and the operator is told, again and again; who
goes all the same and gives it back leaves it there.  An emergency call (120, 110) is a mark on a case, not a state: whatever
goes on goes on.  At a change of shifts the owner keeps the case until somebody has taken it over.  The call-back after an outcome is no state either, or it would hold the home's one open case against
whatever happens next (`alerts.call_backs`).
"""

from dataclasses import replace
from datetime import datetime

from alerts import doors, folding, hand_over, moves, reviews
from alerts.casefile import ENDED, Case, State
from alerts.effects import FAMILY, STAFF, Notify, TellTold
from alerts.events import (
    Accepted,
    AreaBegan,
    AreaEnded,
    Arrived,
    ConsentWithdrawn,
    Declined,
    EmergencyCalled,
    Entered,
    Event,
    FindingCleared,
    FindingRaised,
    NoAnswer,
    OutcomeRecorded,
    SetOff,
    ShiftEnds,
    TakenOver,
    Tap,
    Timer,
    TimerDue,
    Undeliverable,
    Undone,
)
from alerts.moves import Step
from alerts.policy import Policy, Roster
from alerts.tonight import Tonight

__all__ = [
    "Accepted", "AreaBegan", "AreaEnded", "Arrived", "Case", "Declined", "EmergencyCalled", "Entered", "Event",
    "FindingCleared", "FindingRaised", "NoAnswer", "OutcomeRecorded", "SetOff", "ShiftEnds", "State", "TakenOver", "Tap", "Timer", "TimerDue", "Undeliverable", "Undone", "step",
]  # fmt: skip


def step(case: Case, event: Event, now: datetime, policy: Policy, roster: Roster) -> Step:
    """Return the case after `event`, and what the world is owed.

    A row that does not apply returns the very same case: stale taps, early ticks and late answers are normal.

    Raises
    ------
    UnknownOutcome
        The event is an outcome that is not in the table of `alerts.outcomes`.
    """
    at = Tonight(now, policy, roster)
    if isinstance(event, FindingRaised) and case.state not in ENDED:
        case = moves.weighed(case, event)
    match case.state, event:
        # the first finding
        case State.NEW, FindingRaised(severity="blue"):
            return moves.noted(case, at)
        case State.NEW, FindingRaised(area=str()):
            return folding.opened(case, event, at)
        case State.NEW, FindingRaised(last_owner=str(owner), ask_only=False):
            return moves.recurred(case, owner, at)
        case State.NEW, FindingRaised(kind="sos"):
            return moves.called_out(case, at)
        case State.NEW, FindingRaised(severity="red") if at.ladder.family == "first":
            return moves.family_first(case, at)
        case State.NEW, FindingRaised(severity="red"):
            return moves.called_out(case, at)
        case State.NEW, FindingRaised():
            return moves.asked_first(case, at)
        # a tap taken back; after that, an ended case stays as it is
        case _, Undone(by) if case.undo and case.undo.by == by and now < case.undo.until:
            return moves.undone(case, case.undo, at)
        case State.EXPLAINED | State.CLOSED | State.CANCELLED_CONSENT, _:
            return case, ()
        # the consent it rests on ends
        case State.CONSENT_REVIEW, _:
            return reviews.step(case, event, at)
        case _, ConsentWithdrawn() if case.state != State.NEW:
            return reviews.withdrawn(case, at)
        # devices
        case State.NOTED, FindingCleared(remaining=0):
            return moves.over(case, event, now)
        case State.NOTED, OutcomeRecorded(by) if by.startswith("operator:"):
            return moves.closed_with(case, event, at)
        case State.NOTED, FindingRaised() | FindingCleared():
            return moves.newer(case), ()
        case State.NOTED, AreaBegan(covers=True):
            return folding.technical(case, event, at)
        case State.NOTED, _:
            return case, ()
        # many homes at once
        case State.FOLDED, _:
            return _folded(case, event, at)
        case State.SUSPECTED | State.AWAITING | State.UNATTENDED, AreaBegan(covers=True):
            return folding.stood_down(case, event, at)
        case State.ACCEPTED | State.EN_ROUTE | State.ON_SITE | State.NEEDS_ACCESS, AreaBegan(name, covers) if (
            case.area_event is None
        ):
            told = Notify(f"worker:{case.owner}", "owner_outage" if covers else "owner_outage_before")
            return replace(moves.newer(case), area_event=name), (told,)
        case State.ACCEPTED | State.EN_ROUTE | State.ON_SITE | State.NEEDS_ACCESS, AreaEnded(name, after) if (
            name == case.area_event
        ):
            return replace(moves.newer(case), area_event=after), ()
        # a press for help
        case _, FindingRaised(kind="sos"):
            return moves.pressed(case, at)
        # further findings join; severity never falls
        case _, FindingRaised(severity="red") if case.severity != "red":
            return moves.upgraded(replace(case, severity="red"), at)
        case State.ACCEPTED | State.EN_ROUTE | State.ON_SITE | State.NEEDS_ACCESS, FindingRaised(new_kind=True):
            return moves.newer(case), (Notify(f"worker:{case.owner}", "more_signs"),)
        case _, FindingRaised():
            return moves.newer(case), ()
        # water again
        case (
            State.SUSPECTED | State.AWAITING | State.UNATTENDED, FindingCleared(remaining=0, vouched=True)
        ) if case.severity != "red":  # fmt: skip
            return moves.explained(case, event.away, now)
        case _, FindingCleared(remaining=0, away=False):
            return moves.newer(case), (TellTold("likely_well", STAFF), TellTold("family_likely_well", FAMILY))
        case _, FindingCleared():
            return moves.newer(case), ()
        # people
        case State.SUSPECTED | State.AWAITING | State.UNATTENDED, Accepted(by):
            return moves.accepted(case, by, at)
        case State.SUSPECTED | State.AWAITING | State.UNATTENDED, Declined(by):
            return moves.refused(case, by, "declined", at)
        case State.ACCEPTED | State.EN_ROUTE | State.ON_SITE | State.NEEDS_ACCESS, Declined(by) if moves.has_it(
            case, by
        ):
            return moves.handed_back(case, "declined", at)
        case State.ACCEPTED, SetOff(by) if moves.has_it(case, by):
            return moves.tapped(case, by, State.EN_ROUTE, {Timer.PROGRESS: policy.progress_s}, at), ()
        case State.ACCEPTED | State.EN_ROUTE, Arrived(by) if moves.has_it(case, by):
            there = moves.tapped(case, by, State.ON_SITE, {Timer.OUTCOME: policy.outcome_s}, at)
            return there, (TellTold("family_arrived", FAMILY, held=True),)
        case State.ON_SITE, NoAnswer(by) if moves.has_it(case, by):
            return doors.locked_out(case, by, at)
        case State.NEEDS_ACCESS, Entered(by) if moves.has_it(case, by):
            return moves.tapped(case, by, State.ON_SITE, {Timer.OUTCOME: policy.outcome_s}, at), ()
        case State.ACCEPTED | State.EN_ROUTE | State.ON_SITE | State.NEEDS_ACCESS, ShiftEnds():
            return hand_over.offered(case, event, at)
        case State.ACCEPTED | State.EN_ROUTE | State.ON_SITE | State.NEEDS_ACCESS, TakenOver(by):
            return hand_over.taken_over(case, by, at)
        case _, EmergencyCalled(by) if not case.emergency and doors.may_call_emergency(case, by, roster):
            return doors.emergency(case, by, at)
        case _, OutcomeRecorded(by) if moves.may_record(case, by, roster):
            return moves.closed_with(case, event, at)
        case _, TimerDue(kind):
            return _rung(case, kind, at)
        # messages that cannot arrive
        case State.SUSPECTED, Undeliverable(alone=True):
            return moves.unanswered(case, at)
        case State.AWAITING | State.UNATTENDED, Undeliverable(recipient):
            return moves.refused(case, recipient, "lapsed", at)
        case _:
            return case, ()  # a second acceptance, a step by someone else, an answer that came too late


def _rung(case: Case, kind: Timer, at: Tonight) -> Step:
    """Return the step of a clock that is said to have run out."""
    policy = at.policy
    if kind not in case.timers or at.now < case.timers[kind]:
        return case, ()
    match case.state, kind:
        case State.SUSPECTED, Timer.ASK:
            return moves.unanswered(case, at)
        case State.AWAITING, Timer.NEXT_RUNG:
            return moves.climbed(case, case.rung + 1, at)
        case State.UNATTENDED, Timer.REPEAT:
            return moves.called_again(case, at)
        case State.ACCEPTED, Timer.SET_OFF:
            return moves.clocked(case, {}, at, Timer.SET_OFF), (Notify(f"worker:{case.owner}", "ask_set_off"),)
        case State.ACCEPTED | State.EN_ROUTE, Timer.PROGRESS:
            asked = moves.clocked(case, {Timer.HAND_BACK: policy.hand_back_s}, at, Timer.PROGRESS)
            return asked, (Notify(f"worker:{case.owner}", "ask_progress"),)
        case State.ACCEPTED | State.EN_ROUTE, Timer.HAND_BACK:
            return moves.handed_back(case, "lapsed", at)
        case State.ON_SITE, Timer.OUTCOME:
            again = moves.clocked(case, {Timer.OUTCOME: policy.outcome_repeat_s}, at)
            told = Notify(f"worker:{case.owner}", "ask_outcome")
            return again, (told, *moves.to_operators(at.roster, "operator_overdue"))
        case State.ACCEPTED | State.EN_ROUTE | State.ON_SITE | State.NEEDS_ACCESS, Timer.HAND_OVER:
            return hand_over.not_taken(case, at)
        case State.NEEDS_ACCESS, Timer.ACCESS:
            return doors.asked_about_access(case, at)
        case _:  # a clock this state has no use for: put it away, or it would ring for ever
            return moves.clocked(case, {}, at, kind), ()


def _folded(case: Case, event: Event, at: Tonight) -> Step:
    """Return the step of a folded case: the rows that begin with FOLDED."""
    match event:
        case FindingRaised(area=None):
            return folding.stands_out(case, event, at)
        case FindingRaised():
            return folding.joined(case, event)
        case FindingCleared(remaining=0, vouched=True) if not (event.away and case.severity == "red"):
            return folding.cleared(case, event, at)
        case FindingCleared():
            return moves.newer(case), ()
        case AreaBegan(covers=True) if Timer.RELEASE in case.timers:
            return folding.begun_again(case, event, at)
        case AreaEnded(name) if name == case.area_event and Timer.RELEASE not in case.timers:
            return folding.event_over(case, event, at)
        case OutcomeRecorded(by) if moves.may_record(case, by, at.roster):
            return moves.closed_with(case, event, at)
        case EmergencyCalled(by) if not case.emergency and doors.may_call_emergency(case, by, at.roster):
            return doors.emergency(case, by, at)
        case TimerDue(kind) if kind not in case.timers or at.now < case.timers[kind]:
            return case, ()
        case TimerDue(Timer.RELEASE):
            return folding.released(case, at)
        case TimerDue(Timer.CALL_ROUND):
            return folding.folded_long(case, at)
        case TimerDue(kind):
            return moves.clocked(case, {}, at, kind), ()
        case _:
            return case, ()
