"""A case at the change of shifts: offered to who comes next, the owner's until they take it, the lead's trouble if nobody does.

Pure, as `alerts.moves`.  A case is never without an owner because a clock struck: the outgoing worker keeps it, with all
its clocks, until somebody says "I have it now", or the outgoing gives it back, or ends it.
"""

from dataclasses import replace

from alerts.casefile import Case, Offer, State
from alerts.effects import Effect, HandOver, Notify
from alerts.events import ShiftEnds, Timer
from alerts.moves import Step, clocked, to_operators
from alerts.tonight import Tonight


def offered(case: Case, event: ShiftEnds, at: Tonight) -> Step:
    """Who comes next is asked to take it over; nobody comes: the lead hears of it now, not when it is too late.

    A clock that runs already goes on: who is asked may change, how long nobody took it over may not begin anew.
    """
    asked_already = Timer.HAND_OVER in case.timers and event.to == case.next_owner
    if asked_already or event.to == case.owner:
        return case, ()
    late = max(at.now, event.ends_at) - at.now
    running = Timer.HAND_OVER in case.timers
    waits = {} if running else {Timer.HAND_OVER: late.total_seconds() + at.policy.hand_over_s}
    asked = replace(clocked(case, waits, at), next_owner=event.to)
    return asked, _to_lead(case, at) if event.to is None else (HandOver(event.turn, event.to),)


def taken_over(case: Case, by: str, at: Tonight) -> Step:
    """Who was asked, is on shift, or leads has it now; nothing to take back, but it can be handed back.

    Who was on the way was the one before: the new owner sets off.  Whoever is at the door stays there in words until the
    new owner says otherwise.
    """
    kind, _, worker = by.partition(":")
    may = {case.next_owner, at.roster.owner, at.roster.backup, at.roster.lead} - {None, case.owner}
    if kind != "worker" or Timer.HAND_OVER not in case.timers or worker not in may:
        return case, ()
    state, waits = case.state, dict[Timer, float]()
    stopped = [Timer.HAND_OVER]
    if case.state in (State.ACCEPTED, State.EN_ROUTE):
        state, waits = State.ACCEPTED, {Timer.SET_OFF: at.policy.set_off_s, Timer.PROGRESS: at.policy.progress_s}
        stopped = list(case.timers)
    offers = [replace(o, state="transferred", ended_at=at.now) if o.state == "accepted" else o for o in case.offers]
    offers.append(Offer(worker, min(case.rung, at.lead), "accepted", at.now, at.now))
    taken = replace(
        clocked(case, waits, at, *stopped), state=state, owner=worker, next_owner=None, undo=None, offers=tuple(offers)
    )
    return taken, (Notify(f"worker:{case.owner}", "taken_over", {"by": worker}),)


def not_taken(case: Case, at: Tonight) -> Step:
    """The shift is over and nobody took it: the lead is told, and again while that lasts."""
    again = {Timer.HAND_OVER: at.policy.hand_over_repeat_s}
    return clocked(case, again, at), _to_lead(case, at)


def _to_lead(case: Case, at: Tonight) -> tuple[Effect, ...]:
    """Return what tells the lead; where there is none, or it is the lead's own case, the operators."""
    lead = at.roster.lead
    if lead is None or lead == case.owner:
        return to_operators(at.roster, "hand_over_missed")
    return (Notify(f"worker:{lead}", "hand_over_missed"),)
