"""A case that shares its reason with its neighbours: folded into an area event, released from it, never lost in it.

While the water of a building is off, no use of water says nothing about a person.  What the event explains is folded into
it; what it does not explain (a press for help, water that runs, a home that was overdue before) stands for itself, and
takes the folded rest out with it.  When the event is over a home has some time to use water; then its silence is its own
again, since when it began.
"""

from dataclasses import replace

from alerts.casefile import Case, State
from alerts.effects import STAFF, CallRound, SetLabel, TellTold
from alerts.events import AreaBegan, AreaEnded, FindingCleared, FindingRaised, Timer
from alerts.moves import Step, asked_first, called_out, clocked, ended, newer, noted, over
from alerts.tonight import Tonight


def opened(case: Case, event: FindingRaised, at: Tonight) -> Step:
    """The first finding, explained: nobody is told of this home alone, the event's notices are for all of them."""
    folded = _into(case, event.area, at)
    if event.release_at is None:
        return folded, ()
    return replace(folded, timers={Timer.RELEASE: event.release_at}), ()


def stood_down(case: Case, event: AreaBegan, at: Tonight) -> Step:
    """Nobody has accepted yet: who was asked need not go.  The family hear from the event itself."""
    return _into(case, event.event, at), (TellTold("folded", STAFF),)


def _into(case: Case, event: str | None, at: Tonight) -> Case:
    offers = tuple(replace(o, state="withdrawn", ended_at=at.now) if o.state == "offered" else o for o in case.offers)
    timers = {} if case.stream == "technical" else {Timer.CALL_ROUND: at.after(at.policy.fold_long_s)}
    return replace(newer(case), state=State.FOLDED, area_event=event, offers=offers, timers=timers, undo=None)


def technical(case: Case, event: AreaBegan, at: Tonight) -> Step:
    """A meter is silent with all others of its gateway: one trouble, not one a meter."""
    return _into(case, event.event, at), ()


def joined(case: Case, event: FindingRaised) -> Step:
    """One more finding that the event explains."""
    red = "red" in (case.severity, event.severity)
    return replace(newer(case), severity="red" if red else case.severity), ()


def stands_out(case: Case, event: FindingRaised, at: Tonight) -> Step:
    """A finding that the event does not explain."""
    return released(joined(case, event)[0], at, version=case.version)


def released(case: Case, at: Tonight, version: int | None = None) -> Step:
    """The case stands for itself: what was folded goes the way of its severity, since its own onset."""
    alone = replace(case, area_event=None, timers={}, version=case.version if version is None else version)
    way = {"red": called_out, "amber": asked_first, "blue": noted}[case.severity]
    return way(alone, at)


def cleared(case: Case, event: FindingCleared, at: Tonight) -> Step:
    """Nothing holds any more: water was seen, or the meter is heard; it was the event."""
    if case.stream == "technical":
        return over(case, event, at.now)
    return ended(case, State.EXPLAINED, at.now), (SetLabel("unknown" if event.away else "outage"),)


def begun_again(case: Case, event: AreaBegan, at: Tonight) -> Step:
    """The water went off once more before the home had its time."""
    waits = {Timer.CALL_ROUND: at.policy.fold_long_s}
    return replace(clocked(case, waits, at, Timer.RELEASE), area_event=event.event), ()


def event_over(case: Case, event: AreaEnded, at: Tonight) -> Step:
    """The event has ended: another one that goes on takes over, or the home gets its time."""
    if event.next is not None:
        return replace(newer(case), area_event=event.next), ()
    if case.stream == "technical":
        return released(case, at)
    return clocked(case, {Timer.RELEASE: at.policy.fold_grace_s}, at, Timer.CALL_ROUND), ()


def folded_long(case: Case, at: Tonight) -> Step:
    """Nothing is known of these homes for hours: somebody should call them."""
    return clocked(case, {Timer.CALL_ROUND: at.policy.fold_long_s}, at), (CallRound(),)
