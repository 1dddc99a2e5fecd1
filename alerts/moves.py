"""What a case becomes by each row of the table of `alerts.cases`, and what the world is owed for it.  Pure."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from alerts.casefile import OWNED, UNOWNED, Case, Offer, State, Undo
from alerts.effects import FAMILY, STAFF, CallBack, CancelHeld, Effect, Explain, Notify, SetLabel, TellTold
from alerts.events import FindingCleared, FindingRaised, OutcomeRecorded, Timer
from alerts.outcomes import outcome
from alerts.policy import FOR_GOOD_S, Roster
from alerts.tonight import Tonight

Step = tuple[Case, tuple[Effect, ...]]


def newer(case: Case) -> Case:
    """Return the case with the next version: something about it was written down."""
    return replace(case, version=case.version + 1)


def weighed(case: Case, event: FindingRaised) -> Case:
    """Return the case with what a further finding, or its first one, says about whether it is only to be asked about."""
    only = event.ask_only and (case.ask_only or case.state == State.NEW)
    return case if only == case.ask_only else replace(case, ask_only=only)


def clocked(case: Case, waits_s: Mapping[Timer, float], at: Tonight, *stopped: Timer) -> Case:
    """Return the case with some clocks (re)started and some stopped."""
    timers = {kind: due for kind, due in case.timers.items() if kind not in stopped}
    return replace(newer(case), timers=timers | {kind: at.after(wait_s) for kind, wait_s in waits_s.items()})


def ended(case: Case, state: State, now: datetime) -> Case:
    """Return the case at its end: no clocks, no offers."""
    offers = tuple(replace(o, state="withdrawn", ended_at=now) if o.state == "offered" else o for o in case.offers)
    return replace(newer(case), state=state, closed_at=now, timers={}, offers=offers)


def to_operators(roster: Roster, template: str) -> tuple[Effect, ...]:
    """Return what tells each operator."""
    return tuple(Notify(f"operator:{who}", template) for who in roster.operators)


def _family(roster: Roster, template: str) -> tuple[Effect, ...]:
    return tuple(Notify(f"contact:{who}", template) for who in roster.family)


def noted(case: Case, at: Tonight) -> Step:
    """Blue: on the operator's page at once; a message only if it lasts, because most meters come back by themselves."""
    wait_s = (at.awake("blue", at.policy.technical_wait_s) - at.now).total_seconds()
    told = tuple(Notify(f"operator:{who}", "operator_technical", wait_s=wait_s) for who in at.roster.operators)
    return replace(newer(case), state=State.NOTED), told


def over(case: Case, event: FindingCleared, now: datetime) -> Step:
    """The meter is heard again, or nothing leaks any more: nobody has to say what it was."""
    return ended(case, State.CLOSED, now), (SetLabel("device" if event.kind == "meter_silent" else "unknown"),)


def asked_first(case: Case, at: Tonight) -> Step:
    """Amber: the family are asked before anybody is sent; nobody to ask: on at once."""
    if not at.roster.family:
        return unanswered(case, at)
    due = {Timer.ASK: at.awake(case.severity, at.policy.ask_first_s)}
    asked = replace(newer(case), state=State.SUSPECTED, timers={**case.timers, **due})
    return asked, _family(at.roster, "family_ask")


def family_first(case: Case, at: Tonight) -> Step:
    """Red where the programme telephones relatives before it calls anybody out; nobody to call: on at once."""
    if not at.roster.family:
        return called_out(case, at)
    asked = replace(clocked(case, {Timer.ASK: at.ladder.head_start_s}, at), state=State.SUSPECTED)
    return asked, _family(at.roster, "family_ask")


def recurred(case: Case, owner: str, at: Tonight) -> Step:
    """Again so soon: nobody is asked first; who had the last case and the lead are asked together with the ladder."""
    called, effects = called_out(case, at)
    if called.state != State.AWAITING:
        return called, effects
    for who in dict.fromkeys((owner, at.roster.lead)):
        if who is not None and called.live(who) is None:
            offers = (*called.offers, Offer(who, at.lead, "offered", at.now))
            called, effects = (
                replace(called, offers=offers),
                (*effects, Notify(f"worker:{who}", "offer", offer=len(offers) - 1)),
            )
    return called, effects


def unanswered(case: Case, at: Tonight) -> Step:
    """The family did not answer, or there is none: somebody must go, unless this home is only asked."""
    return asked_on(case, at) if case.ask_only else called_out(case, at)


def asked_on(case: Case, at: Tonight) -> Step:
    """Nobody answered, and for this alone no worker is sent: the operators call, and hear of it again while it lasts."""
    waits = {Timer.ASK: at.policy.ask_again_s}
    asked = replace(clocked(case, waits, at), state=State.SUSPECTED, loop=case.loop + 1)
    return asked, to_operators(at.roster, "operator_ask")


def called_out(case: Case, at: Tonight) -> Step:
    """A person must go: the first rung and the family are told in parallel."""
    awaiting, effects = climbed(case, 0, at)
    if awaiting.state == State.AWAITING:
        effects += _family(at.roster, "family_called_out")
    return awaiting, effects


def climbed(case: Case, rung: int, at: Tonight) -> Step:
    """Offer the case to the next person on the ladder who was not asked yet; none left: UNATTENDED, never silence.

    Who has too much on hand is passed over while somebody further up is free; the lead hears of that.
    """
    if (until := at.quiet(case)) is not None:
        return rested(case, until)
    asked = {offer.worker for offer in case.offers if offer.state != "withdrawn"}
    found = next_up(at.rungs, rung, asked, lambda who: at.full(who, case.severity))
    if found is None:
        timers = {Timer.REPEAT: at.after(at.policy.unattended_repeat_s)}
        top = len(at.ladder.rungs)
        alone = replace(newer(case), state=State.UNATTENDED, rung=top, loop=case.loop + 1, timers=timers)
        return alone, (*to_operators(at.roster, "operator_unattended"), *_family(at.roster, "family_unattended"))
    n, worker, passed_over = found
    offers = (*case.offers, Offer(worker, n, "offered", at.now))
    timers = {Timer.NEXT_RUNG: at.patience(case, n)}
    offered = replace(newer(case), state=State.AWAITING, rung=n, offers=offers, timers=timers)
    effects: tuple[Effect, ...] = (Notify(f"worker:{worker}", "offer", offer=len(offers) - 1),)
    lead = at.roster.lead
    if passed_over is not None and lead is not None and lead != worker:
        effects += (Notify(f"worker:{lead}", "overload", {"by": passed_over}),)
    return offered, effects


def rested(case: Case, until: datetime) -> Step:
    """Quiet hours: nobody else is asked before they end; an offer that was made before stays open."""
    if case.state == State.AWAITING:
        return replace(newer(case), timers={Timer.NEXT_RUNG: until}), ()
    return replace(newer(case), state=State.SUSPECTED, timers={Timer.ASK: until}), ()


def next_up(
    rungs: Sequence[str | None], rung: int, asked: Container[str], full: Callable[[str], bool]
) -> tuple[int, str, str | None] | None:
    """Return the rung and the person to be asked next, and who was passed over for having too much; None: nobody is left.

    Above `rung` first, then whoever below was passed over or came on shift since.  If everybody has too much, nobody is
    passed over: no case waits for it.
    """
    free_to_ask = [(n, who) for n, who in enumerate(rungs) if who is not None and who not in asked]
    left = [one for one in free_to_ask if one[0] >= rung] or free_to_ask
    if not left:
        return None
    free = next(((n, who) for n, who in left if not full(who)), left[0])
    return *free, (left[0][1] if full(left[0][1]) else None)


def called_again(case: Case, at: Tonight) -> Step:
    """Nobody accepted: call the operator and, in rotation, the people on the ladder; who came on shift goes first.

    In quiet hours the operator alone.
    """
    again = replace(clocked(case, {Timer.REPEAT: at.policy.unattended_repeat_s}, at), loop=case.loop + 1)
    effects = to_operators(at.roster, "operator_unattended")
    rungs = {who: n for n, who in reversed(list(enumerate((*at.rungs, *at.roster.duty)))) if who is not None}
    ladder = sorted(rungs, key=lambda who: rungs[who])
    if not ladder or at.quiet(case) is not None:
        return again, effects
    asked = {offer.worker for offer in case.offers}
    worker = next((who for who in ladder if who not in asked), ladder[case.loop % len(ladder)])
    offer = case.live(worker)
    if offer is None:
        fresh = Offer(worker, rungs[worker], "offered", at.now)
        offer, again = len(case.offers), replace(again, offers=(*case.offers, fresh))
    return again, (Notify(f"worker:{worker}", "offer", offer=offer), *effects)


def upgraded(case: Case, at: Tonight) -> Step:
    """An open amber case (its severity already set) turned red: offered again, louder, by the red clocks."""
    if case.state == State.SUSPECTED:
        return called_out(case, at)
    if case.state in OWNED:
        return newer(case), (Notify(f"worker:{case.owner}", "now_urgent"),)
    again, effects = _offered_again(case, at)
    if case.state == State.UNATTENDED:
        return again, effects
    due = at.patience(case, case.rung)
    return replace(again, timers={Timer.NEXT_RUNG: min(due, case.timers.get(Timer.NEXT_RUNG, due))}), effects


def _offered_again(case: Case, at: Tonight) -> Step:
    """Everybody who was asked and has not answered is asked again; no clock moves."""
    effects: tuple[Effect, ...] = tuple(
        Notify(f"worker:{o.worker}", "offer", offer=n) for n, o in enumerate(case.offers) if o.state == "offered"
    )
    if case.state == State.UNATTENDED:
        effects += to_operators(at.roster, "operator_unattended")
    return newer(case), effects


def pressed(case: Case, at: Tonight) -> Step:
    """Somebody pressed for help: whoever has the case, or was asked to take it, hears of every press."""
    red = replace(case, severity="red")
    family = (TellTold("family_pressed", FAMILY),)
    if case.state in OWNED:
        return newer(red), (Notify(f"worker:{case.owner}", "pressed"), *family)
    if case.state == State.SUSPECTED:
        return called_out(red, at)
    after, effects = upgraded(red, at) if case.severity != "red" else _offered_again(red, at)
    return after, effects + family


def explained(case: Case, away: bool, now: datetime) -> Step:
    """Water again, or an absence declared, before anybody went: stand down everyone who was told."""
    told = (TellTold("stand_down", STAFF), TellTold("family_declared_away" if away else "family_stand_down", FAMILY))
    return ended(case, State.EXPLAINED, now), (*told, SetLabel("unknown"))


def tapped(case: Case, by: str, state: State, waits_s: Mapping[Timer, float], at: Tonight) -> Case:
    """Return the case in `state` with new clocks only, remembering how it was; a change of shifts is not put off by it."""
    stopped = (kind for kind in case.timers if kind != Timer.HAND_OVER)
    return replace(clocked(case, waits_s, at, *stopped), state=state, undo=remembered(case, by, at))


def remembered(case: Case, by: str, at: Tonight) -> Undo:
    """Return how the case was before somebody tapped."""
    return Undo(
        version=case.version + 1, by=by, until=at.after(at.policy.undo_s), state=case.state, severity=case.severity,
        owner=case.owner, rung=case.rung, loop=case.loop, timers=case.timers, offers=case.offers,
        area_event=case.area_event, emergency=case.emergency,
    )  # fmt: skip


def accepted(case: Case, by: str, at: Tonight) -> Step:
    """One winner; the others' offers are withdrawn, and they and the family are told once the undo window has passed."""
    worker = _worker(by)
    if worker is None:
        return case, ()
    waits = {Timer.SET_OFF: at.policy.set_off_s, Timer.PROGRESS: at.policy.progress_s}
    taken = tapped(case, by, State.ACCEPTED, waits, at)
    mine = case.live(worker)
    offers = [replace(o, state="withdrawn", ended_at=at.now) if o.state == "offered" else o for o in case.offers]
    if mine is None:
        offers.append(Offer(worker, min(case.rung, at.lead), "accepted", at.now, at.now))
    else:
        offers[mine] = replace(case.offers[mine], state="accepted", ended_at=at.now)
    told = (
        TellTold("taken", STAFF, but=by, params={"by": worker}, held=True),
        TellTold("family_accepted", FAMILY, held=True),
    )
    return replace(taken, owner=worker, offers=tuple(offers)), told


def refused(case: Case, by: str, state: str, at: Tonight) -> Step:
    """An offer was declined or cannot be delivered: the next person is asked now, not when the clock says so."""
    worker = _worker(by)
    mine = case.live(worker) if worker else None
    if mine is None:
        return case, ()
    offer = replace(case.offers[mine], state=state, ended_at=at.now)
    without = replace(newer(case), offers=(*case.offers[:mine], offer, *case.offers[mine + 1 :]))
    if case.state == State.AWAITING and offer.rung == case.rung:
        after, effects = climbed(without, case.rung + 1, at)
        return replace(after, version=without.version), effects
    return without, ()


def handed_back(case: Case, state: str, at: Tonight) -> Step:
    """The owner gave it back: on to the next rung; or made no progress: on to the lead.  Only asked about: nobody is next."""
    rung = next((o.rung for o in case.offers if o.state == "accepted"), case.rung)
    offers = tuple(replace(o, state=state, ended_at=at.now) if o.state == "accepted" else o for o in case.offers)
    unowned = replace(case, owner=None, next_owner=None, offers=offers, undo=None, area_event=None)
    if case.ask_only:
        back, effects = asked_on(replace(unowned, timers={}), at)
    else:
        back, effects = climbed(unowned, at.lead if state == "lapsed" else rung + 1, at)
    return back, (*effects, Notify(f"worker:{case.owner}", "handed_back"))


def closed_with(case: Case, event: OutcomeRecorded, at: Tonight) -> Step:
    """A human says what it was: the case ends, findings get their label, the family one sentence."""
    found = outcome(event.code, event.reason)
    closed = ended(tapped(case, event.by, State.CLOSED, {}, at), State.CLOSED, at.now)
    closed = replace(
        closed, version=case.version + 1, outcome=event.code, outcome_reason=event.reason,
        owner=case.owner or _worker(event.by),
    )  # fmt: skip
    effects: tuple[Effect, ...] = (SetLabel(found.label),)
    if case.state in UNOWNED:
        effects += (TellTold("stand_down", STAFF, but=event.by, held=True),)
    elif case.state in OWNED:
        effects += (TellTold("finished", ("operator",), held=True),)
    if found.tell_family and case.stream == "care":
        effects += (TellTold(f"family_outcome.{event.code}", FAMILY, but=event.by, held=True),)
    if case.stream == "care" and event.code != "DECEASED":  # nobody is asked whether that was so
        effects += (CallBack(),)
    if found.explains is not None and case.stream == "care":
        known_s = event.away_s if found.explains == "away" else None
        wait_s = at.policy.explained_s(found.explains) if known_s is None else known_s
        effects += (Explain(event.by, at.after(min(wait_s, FOR_GOOD_S))),)
    return closed, effects


def undone(case: Case, undo: Undo, at: Tonight) -> Step:
    """Everything is as it was before the tap; clocks that ran out meanwhile ring at once."""
    same = undo.owner == case.owner
    changing: dict[Timer, datetime] = {k: due for k, due in case.timers.items() if k == Timer.HAND_OVER and same}
    back = replace(
        newer(case), state=undo.state, owner=undo.owner, rung=undo.rung, loop=undo.loop,
        timers={**undo.timers, **changing}, next_owner=case.next_owner if same else None, offers=undo.offers, closed_at=None, outcome=None, outcome_reason=None, undo=None, area_event=undo.area_event,
        emergency=undo.emergency,
    )  # fmt: skip
    effects: tuple[Effect, ...] = (CancelHeld(undo.version),)
    if case.outcome is not None:
        effects += (SetLabel(None), Explain(undo.by, None), CallBack(owed=False))
    if case.severity == "red" and undo.severity != "red":  # it turned red while it looked taken
        louder, more = upgraded(back, at)
        return replace(louder, version=back.version), effects + more
    return back, effects


def _worker(actor: str) -> str | None:
    kind, _, name = actor.partition(":")
    return name if kind == "worker" else None


def has_it(case: Case, by: str) -> bool:
    """Whether `by` is the owner of the case."""
    return case.owner is not None and by == f"worker:{case.owner}"


def may_record(case: Case, by: str, roster: Roster) -> bool:
    """Whether `by` may say what it was.

    The owner, the operator, the lead; a worker at the door of a case nobody took; family for an amber one.  A folded case
    was taken off everybody else's hands: the operator or the lead.
    """
    kind, _, name = by.partition(":")
    match kind:
        case "worker" | "contact" if case.state == State.FOLDED:
            return name == roster.lead
        case "operator":
            return True
        case "worker":
            return case.owner in (None, name) or name == roster.lead
        case "contact":
            return case.owner is None and case.severity == "amber" and name in roster.family
        case _:
            return False
