"""At the door: nobody opens, somebody needs an ambulance.  Pure, as `alerts.moves`."""

from dataclasses import replace

from alerts.casefile import Case, State
from alerts.effects import STAFF, Effect, Notify, TellTold
from alerts.events import Timer
from alerts.moves import Step, clocked, newer, remembered, tapped, to_operators
from alerts.policy import Roster
from alerts.tonight import Tonight


def locked_out(case: Case, by: str, at: Tonight) -> Step:
    """Nobody opens: the lead and the operators hear of it, because nobody goes in alone or without saying who allowed it."""
    there = tapped(case, by, State.NEEDS_ACCESS, {Timer.ACCESS: at.policy.access_s}, at)
    lead = at.roster.lead
    told: tuple[Effect, ...] = (
        () if lead in (None, case.owner) else (Notify(f"worker:{lead}", "needs_access", held=True),)
    )
    operators = (replace(one, held=True) for one in to_operators(at.roster, "needs_access") if isinstance(one, Notify))
    return there, (*told, *operators)


def asked_about_access(case: Case, at: Tonight) -> Step:
    """Still nobody inside: the owner is asked how it goes, and the lead and the operators hear that it lasts."""
    again = clocked(case, {Timer.ACCESS: at.policy.access_s}, at)
    lead = at.roster.lead
    told: tuple[Effect, ...] = () if lead in (None, case.owner) else (Notify(f"worker:{lead}", "needs_access"),)
    return again, (Notify(f"worker:{case.owner}", "ask_access"), *told, *to_operators(at.roster, "needs_access"))


def emergency(case: Case, by: str, at: Tonight) -> Step:
    """Somebody called 120: the family and everybody who was asked hear of it at once; the case stays open."""
    called = replace(newer(case), emergency=True, undo=remembered(case, by, at))
    return called, (
        TellTold("emergency", STAFF, but=by, held=True),
        *(Notify(f"contact:{who}", "family_emergency", held=True) for who in at.roster.family),
    )


def may_call_emergency(case: Case, by: str, roster: Roster) -> bool:
    """Whether `by` may say that 120 was called: whoever has the case or was asked, the lead, the operator; no relative."""
    kind, _, name = by.partition(":")
    if kind == "operator":
        return True
    return kind == "worker" and (name in (case.owner, roster.lead) or any(o.worker == name for o in case.offers))
