"""The case of a household: who has it, who is asked next, and why it may end.

`step` is the whole machine: case, event, now → case, effects.  No I/O, no clock; effects are data, carried out by
`alerts.store` in the transaction that saves the case.

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
                  ON_SITE ──────┘
                     │ outcome (from any open state, by a human)
                     ▼
                  CLOSED

A red case ends by a human fact only: water that runs again proves that someone used it, not that someone is well.  A
closed case is never opened again; only the tap that closed it can be taken back, for a few seconds, by who made it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from alerts.casefile import OWNED, UNOWNED, Case, Offer, State, Undo
from alerts.effects import FAMILY, STAFF, CancelHeld, Effect, Explain, Notify, SetLabel, TellTold
from alerts.events import (
    Accepted,
    Arrived,
    Declined,
    Event,
    FindingCleared,
    FindingRaised,
    OutcomeRecorded,
    SetOff,
    Tap,
    Timer,
    TimerDue,
    Undeliverable,
    Undone,
)
from alerts.outcomes import outcome
from alerts.policy import LEAD, RUNGS, Policy, Roster

__all__ = [
    "Accepted", "Arrived", "Case", "Declined", "Event", "FindingCleared", "FindingRaised", "OutcomeRecorded", "SetOff",
    "State", "Tap", "Timer", "TimerDue", "Undeliverable", "Undone", "step",
]  # fmt: skip

Step = tuple[Case, tuple[Effect, ...]]


class Tonight(NamedTuple):
    """What a step may look at besides the case and the event."""

    now: datetime
    policy: Policy
    roster: Roster

    def after(self, wait_s: float) -> datetime:
        """Return the moment `wait_s` from now."""
        return self.now + timedelta(seconds=wait_s)


def step(case: Case, event: Event, now: datetime, policy: Policy, roster: Roster) -> Step:
    """Return the case after `event`, and what the world is owed.

    A row that does not apply returns the very same case: stale taps, early ticks and late answers are normal.

    Raises
    ------
    UnknownOutcome
        The event is an outcome that is not in the table of `alerts.outcomes`.
    """
    at = Tonight(now, policy, roster)
    match case.state, event:
        # the first finding
        case State.NEW, FindingRaised(severity="blue"):
            return _noted(case, at)
        case State.NEW, FindingRaised(severity="red"):
            return _called_out(case, at)
        case State.NEW, FindingRaised():
            return _asked_first(case, at)
        # a tap taken back; after that, an ended case stays as it is
        case _, Undone(by) if case.undo and case.undo.by == by and now < case.undo.until:
            return _undone(case, case.undo, at)
        case State.EXPLAINED | State.CLOSED, _:
            return case, ()
        # devices
        case State.NOTED, FindingCleared(remaining=0):
            return _ended(case, State.CLOSED, now), (SetLabel("device"),)
        case State.NOTED, OutcomeRecorded(by) if by.startswith("operator:"):
            return _outcome(case, event, at)
        case State.NOTED, FindingRaised() | FindingCleared():
            return _next(case), ()
        case State.NOTED, _:
            return case, ()
        # further findings join; severity never falls
        case _, FindingRaised(severity="red") if case.severity != "red":
            return _upgraded(replace(case, severity="red"), at)
        case State.ACCEPTED | State.EN_ROUTE | State.ON_SITE, FindingRaised(new_kind=True):
            return _next(case), (Notify(f"worker:{case.owner}", "more_signs"),)
        case _, FindingRaised():
            return _next(case), ()
        # water again
        case State.SUSPECTED | State.AWAITING | State.UNATTENDED, FindingCleared(remaining=0) if case.severity != "red":
            return _explained(case, event.away, now)
        case _, FindingCleared(remaining=0, away=False):
            return _next(case), (TellTold("likely_well", STAFF), TellTold("family_likely_well", FAMILY))
        case _, FindingCleared():
            return _next(case), ()
        # people
        case State.SUSPECTED | State.AWAITING | State.UNATTENDED, Accepted(by):
            return _accepted(case, by, at)
        case State.SUSPECTED | State.AWAITING | State.UNATTENDED, Declined(by):
            return _refused(case, by, "declined", at)
        case State.ACCEPTED | State.EN_ROUTE | State.ON_SITE, Declined(by) if _has_it(case, by):
            return _handed_back(case, "declined", at)
        case State.ACCEPTED, SetOff(by) if _has_it(case, by):
            return _tapped(case, by, State.EN_ROUTE, {Timer.PROGRESS: policy.progress_s}, at), ()
        case State.ACCEPTED | State.EN_ROUTE, Arrived(by) if _has_it(case, by):
            there = _tapped(case, by, State.ON_SITE, {Timer.OUTCOME: policy.outcome_s}, at)
            return there, (TellTold("family_arrived", FAMILY, held=True),)
        case _, OutcomeRecorded(by) if _may_record(case, by, roster):
            return _outcome(case, event, at)
        # clocks
        case _, TimerDue(kind) if kind not in case.timers or now < case.timers[kind]:
            return case, ()
        case State.SUSPECTED, TimerDue(Timer.ASK):
            return _called_out(case, at)
        case State.AWAITING, TimerDue(Timer.NEXT_RUNG):
            return _climbed(case, case.rung + 1, at)
        case State.UNATTENDED, TimerDue(Timer.REPEAT):
            return _called_again(case, at)
        case State.ACCEPTED, TimerDue(Timer.SET_OFF):
            return _clocked(case, {}, at, Timer.SET_OFF), (Notify(f"worker:{case.owner}", "ask_set_off"),)
        case State.ACCEPTED | State.EN_ROUTE, TimerDue(Timer.PROGRESS):
            asked = _clocked(case, {Timer.HAND_BACK: policy.hand_back_s}, at, Timer.PROGRESS)
            return asked, (Notify(f"worker:{case.owner}", "ask_progress"),)
        case State.ACCEPTED | State.EN_ROUTE, TimerDue(Timer.HAND_BACK):
            return _handed_back(case, "lapsed", at)
        case State.ON_SITE, TimerDue(Timer.OUTCOME):
            again = _clocked(case, {Timer.OUTCOME: policy.outcome_repeat_s}, at)
            return again, (Notify(f"worker:{case.owner}", "ask_outcome"), *_operators(roster, "operator_overdue"))
        case _, TimerDue(kind):  # a clock this state has no use for: put it away, or it would ring for ever
            return _clocked(case, {}, at, kind), ()
        # messages that cannot arrive
        case State.SUSPECTED, Undeliverable(alone=True):
            return _called_out(case, at)
        case State.AWAITING | State.UNATTENDED, Undeliverable(recipient):
            return _refused(case, recipient, "lapsed", at)
        case _:
            return case, ()  # a second acceptance, a step by someone else, an answer that came too late


# --- the rows of the table, in its order ---------------------------------------------------------------------------


def _next(case: Case) -> Case:
    return replace(case, version=case.version + 1)


def _clocked(case: Case, waits_s: Mapping[Timer, float], at: Tonight, *stopped: Timer) -> Case:
    """Return the case with some clocks (re)started and some stopped."""
    timers = {kind: due for kind, due in case.timers.items() if kind not in stopped}
    return replace(_next(case), timers=timers | {kind: at.after(wait_s) for kind, wait_s in waits_s.items()})


def _ended(case: Case, state: State, now: datetime) -> Case:
    offers = tuple(replace(o, state="withdrawn", ended_at=now) if o.state == "offered" else o for o in case.offers)
    return replace(_next(case), state=state, closed_at=now, timers={}, offers=offers)


def _operators(roster: Roster, template: str) -> tuple[Effect, ...]:
    return tuple(Notify(f"operator:{who}", template) for who in roster.operators)


def _family(roster: Roster, template: str) -> tuple[Effect, ...]:
    return tuple(Notify(f"contact:{who}", template) for who in roster.family)


def _noted(case: Case, at: Tonight) -> Step:
    """Blue: on the operator's page at once; a message only if it lasts, because most meters come back by themselves."""
    told = tuple(
        Notify(f"operator:{who}", "operator_technical", wait_s=at.policy.technical_wait_s)
        for who in at.roster.operators
    )
    return replace(_next(case), state=State.NOTED), told


def _asked_first(case: Case, at: Tonight) -> Step:
    """Amber: the family are asked before anybody is sent; nobody to ask: on at once."""
    if not at.roster.family:
        return _called_out(case, at)
    asked = replace(_clocked(case, {Timer.ASK: at.policy.ask_first_s}, at), state=State.SUSPECTED)
    return asked, _family(at.roster, "family_ask")


def _called_out(case: Case, at: Tonight) -> Step:
    """A person must go: the first rung and the family are told in parallel."""
    awaiting, effects = _climbed(case, 0, at)
    if awaiting.state == State.AWAITING:
        effects += _family(at.roster, "family_called_out")
    return awaiting, effects


def _climbed(case: Case, rung: int, at: Tonight) -> Step:
    """Offer the case to the next person on the ladder who was not asked yet; none left: UNATTENDED, never silence."""
    asked = {offer.worker for offer in case.offers if offer.state != "withdrawn"}
    for n in range(rung, len(RUNGS)):
        worker = at.roster.rungs[n]
        if worker is not None and worker not in asked:
            offers = (*case.offers, Offer(worker, n, "offered", at.now))
            timers = {Timer.NEXT_RUNG: at.now + at.policy.wait(case.severity, n)}
            offered = replace(_next(case), state=State.AWAITING, rung=n, offers=offers, timers=timers)
            return offered, (Notify(f"worker:{worker}", "offer", offer=len(offers) - 1),)
    timers = {Timer.REPEAT: at.after(at.policy.unattended_repeat_s)}
    alone = replace(_next(case), state=State.UNATTENDED, rung=len(RUNGS), loop=case.loop + 1, timers=timers)
    return alone, (*_operators(at.roster, "operator_unattended"), *_family(at.roster, "family_unattended"))


def _called_again(case: Case, at: Tonight) -> Step:
    """Nobody accepted: call the operator and, in rotation, the people on the ladder; who came on shift goes first."""
    again = replace(_clocked(case, {Timer.REPEAT: at.policy.unattended_repeat_s}, at), loop=case.loop + 1)
    effects = _operators(at.roster, "operator_unattended")
    ladder = tuple(dict.fromkeys(who for who in at.roster.rungs if who is not None))
    if not ladder:
        return again, effects
    asked = {offer.worker for offer in case.offers}
    worker = next((who for who in ladder if who not in asked), ladder[case.loop % len(ladder)])
    offer = case.live(worker)
    if offer is None:
        fresh = Offer(worker, at.roster.rungs.index(worker), "offered", at.now)
        offer, again = len(case.offers), replace(again, offers=(*case.offers, fresh))
    return again, (Notify(f"worker:{worker}", "offer", offer=offer), *effects)


def _upgraded(case: Case, at: Tonight) -> Step:
    """An open amber case (its severity already set) turned red: offered again, louder, by the red clocks."""
    if case.state == State.SUSPECTED:
        return _called_out(case, at)
    if case.state in OWNED:
        return _next(case), (Notify(f"worker:{case.owner}", "now_urgent"),)
    effects: tuple[Effect, ...] = tuple(
        Notify(f"worker:{o.worker}", "offer", offer=n) for n, o in enumerate(case.offers) if o.state == "offered"
    )
    if case.state == State.UNATTENDED:
        return _next(case), (*effects, *_operators(at.roster, "operator_unattended"))
    due = at.now + at.policy.wait("red", case.rung)
    return replace(_next(case), timers={Timer.NEXT_RUNG: min(due, case.timers.get(Timer.NEXT_RUNG, due))}), effects


def _explained(case: Case, away: bool, now: datetime) -> Step:
    """Water again, or an absence declared, before anybody went: stand down everyone who was told."""
    told = (TellTold("stand_down", STAFF), TellTold("family_declared_away" if away else "family_stand_down", FAMILY))
    return _ended(case, State.EXPLAINED, now), (*told, SetLabel("unknown"))


def _tapped(case: Case, by: str, state: State, waits_s: Mapping[Timer, float], at: Tonight) -> Case:
    """Return the case in `state` with new clocks only, remembering how it was."""
    undo = Undo(
        version=case.version + 1, by=by, until=at.after(at.policy.undo_s), state=case.state, severity=case.severity,
        owner=case.owner, rung=case.rung, loop=case.loop, timers=case.timers, offers=case.offers,
    )  # fmt: skip
    return replace(_clocked(case, waits_s, at, *case.timers), state=state, undo=undo)


def _accepted(case: Case, by: str, at: Tonight) -> Step:
    """One winner; the others' offers are withdrawn, and they and the family are told once the undo window has passed."""
    worker = _worker(by)
    if worker is None:
        return case, ()
    waits = {Timer.SET_OFF: at.policy.set_off_s, Timer.PROGRESS: at.policy.progress_s}
    taken = _tapped(case, by, State.ACCEPTED, waits, at)
    mine = case.live(worker)
    offers = [replace(o, state="withdrawn", ended_at=at.now) if o.state == "offered" else o for o in case.offers]
    if mine is None:
        offers.append(Offer(worker, min(case.rung, LEAD), "accepted", at.now, at.now))
    else:
        offers[mine] = replace(case.offers[mine], state="accepted", ended_at=at.now)
    told = (
        TellTold("taken", STAFF, but=by, params={"by": worker}, held=True),
        TellTold("family_accepted", FAMILY, held=True),
    )
    return replace(taken, owner=worker, offers=tuple(offers)), told


def _refused(case: Case, by: str, state: str, at: Tonight) -> Step:
    """An offer was declined or cannot be delivered: the next person is asked now, not when the clock says so."""
    worker = _worker(by)
    mine = case.live(worker) if worker else None
    if mine is None:
        return case, ()
    offer = replace(case.offers[mine], state=state, ended_at=at.now)
    without = replace(_next(case), offers=(*case.offers[:mine], offer, *case.offers[mine + 1 :]))
    if case.state == State.AWAITING and offer.rung == case.rung:
        climbed, effects = _climbed(without, case.rung + 1, at)
        return replace(climbed, version=without.version), effects
    return without, ()


def _handed_back(case: Case, state: str, at: Tonight) -> Step:
    """The owner gave it back: on to the next rung; or made no progress: on to the lead."""
    rung = next((o.rung for o in case.offers if o.state == "accepted"), case.rung)
    offers = tuple(replace(o, state=state, ended_at=at.now) if o.state == "accepted" else o for o in case.offers)
    unowned = replace(case, owner=None, offers=offers, undo=None)
    back, effects = _climbed(unowned, LEAD if state == "lapsed" else rung + 1, at)
    return back, (*effects, Notify(f"worker:{case.owner}", "handed_back"))


def _outcome(case: Case, event: OutcomeRecorded, at: Tonight) -> Step:
    """A human says what it was: the case ends, findings get their label, the family one sentence."""
    found = outcome(event.code, event.reason)
    closed = _ended(_tapped(case, event.by, State.CLOSED, {}, at), State.CLOSED, at.now)
    closed = replace(
        closed, version=case.version + 1, outcome=event.code, outcome_reason=event.reason,
        owner=case.owner or _worker(event.by),
    )  # fmt: skip
    effects: tuple[Effect, ...] = (SetLabel(found.label),)
    if case.state in UNOWNED:
        effects += (TellTold("stand_down", STAFF, but=event.by, held=True),)
    elif case.state in OWNED:
        effects += (TellTold("finished", ("operator",), held=True),)
    if found.tell_family and case.state != State.NOTED:
        effects += (TellTold(f"family_outcome.{event.code}", FAMILY, but=event.by, held=True),)
    if found.explains is not None and case.state != State.NOTED:
        effects += (Explain(event.by, at.after(at.policy.explained_s(found.explains))),)
    return closed, effects


def _undone(case: Case, undo: Undo, at: Tonight) -> Step:
    """Everything is as it was before the tap; clocks that ran out meanwhile ring at once."""
    back = replace(
        _next(case), state=undo.state, owner=undo.owner, rung=undo.rung, loop=undo.loop, timers=undo.timers,
        offers=undo.offers, closed_at=None, outcome=None, outcome_reason=None, undo=None,
    )  # fmt: skip
    effects: tuple[Effect, ...] = (CancelHeld(undo.version),)
    if case.outcome is not None:
        effects += (SetLabel(None), Explain(undo.by, None))
    if case.severity == "red" and undo.severity != "red":  # it turned red while it looked taken
        louder, more = _upgraded(back, at)
        return replace(louder, version=back.version), effects + more
    return back, effects


def _worker(actor: str) -> str | None:
    kind, _, name = actor.partition(":")
    return name if kind == "worker" else None


def _has_it(case: Case, by: str) -> bool:
    return case.owner is not None and by == f"worker:{case.owner}"


def _may_record(case: Case, by: str, roster: Roster) -> bool:
    """The owner, the operator, the lead; a worker at the door of a case nobody took; family for an amber one."""
    kind, _, name = by.partition(":")
    match kind:
        case "operator":
            return True
        case "worker":
            return case.owner in (None, name) or name == roster.lead
        case "contact":
            return case.owner is None and case.severity == "amber" and name in roster.family
        case _:
            return False
