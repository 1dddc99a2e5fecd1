"""What becomes of an open case when the consent it rests on ends.  Pure, as `alerts.moves`.

::

    unowned care case ──consent ends──► CONSENT_REVIEW ──the operator: what it was──► CLOSED
                                          │  ▲  │  └──the operator: end it──────────► CANCELLED_CONSENT
                                          │  └──┘ asked again every hour
                                          └──consent given again──► by its severity, as before
    owned case    ──consent ends──► stays: who is on the way or at the door may finish, and is told
    device's case ──consent ends──► CANCELLED_CONSENT

Nobody new is asked to go.  Whoever had been asked is stood down: that message is never held back.
"""

from dataclasses import replace

from alerts.casefile import OWNED, Case, State
from alerts.doors import emergency, may_call_emergency
from alerts.effects import Notify, SetLabel, TellTold
from alerts.events import (
    ConsentGiven,
    EmergencyCalled,
    Event,
    FindingCleared,
    FindingRaised,
    OutcomeRecorded,
    ReviewClosed,
    Timer,
    TimerDue,
)
from alerts.moves import (
    Step,
    asked_first,
    called_out,
    clocked,
    closed_with,
    ended,
    newer,
    to_operators,
)
from alerts.tonight import Tonight

ASKED_AGAIN_S = 3600.0
"""How often the operator is asked what is to become of the case. [s]"""


def withdrawn(case: Case, at: Tonight) -> Step:
    """Return the step of any open case whose consent ends."""
    if case.stream == "technical":
        return _cancelled(case, at)
    if case.state in OWNED:
        return replace(newer(case), undo=None), (Notify(f"worker:{case.owner}", "owner_consent"),)
    offers = tuple(replace(o, state="withdrawn", ended_at=at.now) if o.state == "offered" else o for o in case.offers)
    asked = clocked(case, {Timer.REVIEW: ASKED_AGAIN_S}, at, *case.timers)
    review = replace(asked, state=State.CONSENT_REVIEW, offers=offers, undo=None, area_event=None)
    return review, (TellTold("stand_down", ("worker",)), *to_operators(at.roster, "operator_consent"))


def step(case: Case, event: Event, at: Tonight) -> Step:
    """Return the step of a case in CONSENT_REVIEW: the rows that begin with it."""
    match event:
        case OutcomeRecorded(by) if by.startswith("operator:"):
            return closed_with(case, event, at)
        case ReviewClosed(by) if by.startswith("operator:"):
            return _cancelled(case, at)
        case EmergencyCalled(by) if not case.emergency and may_call_emergency(case, by, at.roster):
            return emergency(case, by, at)
        case ConsentGiven():
            again = replace(case, timers={}, undo=None)
            return asked_first(again, at) if case.ask_only else called_out(again, at)
        case FindingRaised(kind=kind, severity=severity):
            louder = replace(newer(case), severity="red" if severity == "red" else case.severity)
            return louder, to_operators(at.roster, "operator_consent") if kind == "sos" else ()
        case FindingCleared(remaining=0, vouched=True) if case.severity != "red":
            return _cancelled(case, at)
        case FindingCleared():
            return newer(case), ()
        case TimerDue(kind) if kind in case.timers and at.now >= case.timers[kind]:
            if kind != Timer.REVIEW:
                return clocked(case, {}, at, kind), ()
            again = clocked(case, {Timer.REVIEW: ASKED_AGAIN_S}, at)
            return again, to_operators(at.roster, "operator_consent")
        case _:
            return case, ()


def _cancelled(case: Case, at: Tonight) -> Step:
    """End a case without an outcome; no tap of before brings it back."""
    return replace(ended(case, State.CANCELLED_CONSENT, at.now), undo=None), (SetLabel("unknown"),)
