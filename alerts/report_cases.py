"""What one case says: how far it came and when, what it was promised, and what the alarm turned out to be.  Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from alerts.casefile import State
from alerts.outcomes import OUTCOMES
from alerts.report_rows import CaseRow, StepRow

WELL = ("SAFE_AT_HOME", "illness")
"""Somebody ill in bed is at home and safe, but that is what the watch is for: no false alarm."""
TAPS = frozenset({
    "accepted", "declined", "set_off", "arrived", "no_answer", "entered", "emergency_called", "outcome_recorded",
    "review_closed",
})  # fmt: skip
UNSAID = frozenset({State.EXPLAINED, State.CANCELLED_CONSENT})
"""Ends for which nobody says what it was."""


def standing(steps: Sequence[StepRow]) -> list[StepRow]:
    """Return the steps without those that were taken back, and without the taking back."""
    left: list[StepRow] = []
    for step in steps:
        if step.kind != "undone":
            left.append(step)
            continue
        taps = (n for n in reversed(range(len(left))) if left[n].actor == step.actor and left[n].kind in TAPS)
        if (last := next(taps, None)) is not None:
            del left[last]
    return left


def first(case: CaseRow, kind: str) -> datetime | None:
    """Return when something was done first that was not taken back; None: never."""
    return next((step.at for step in standing(case.steps) if step.kind == kind), None)


def proved_at(case: CaseRow) -> datetime | None:
    """Return when it was first proved that somebody knew: a message arrived or was opened, or a person did something."""
    taps = [step.at for step in case.steps if step.kind in TAPS]  # one that was taken back proves it as well
    return min((at for at in (case.proved_at, *taps) if at is not None), default=None)


def ending(case: CaseRow) -> str:
    """Return the code of the outcome, or how it ended without one: ``OPEN``, or a state of `alerts.casefile`."""
    if case.closed_at is None:
        return "OPEN"
    return case.outcome or case.state


def judged(case: CaseRow) -> str:
    """Return what an alarm was: ``true``, ``false``, ``other`` (device, outage), ``passed``, ``open`` or ``unknown``.

    passed: water ran again before anybody went, and nobody said what it was.
    """
    if case.closed_at is None:
        return "open"
    if case.outcome is None:
        return "passed" if case.state == State.EXPLAINED else "unknown"
    if (case.outcome, case.reason) == WELL:
        return "true"
    found = OUTCOMES.get(case.outcome)
    if found is None:
        return "unknown"
    return found.label if found.label in ("true", "false", "unknown") else "other"


def reached(case: CaseRow) -> Iterable[tuple[str, datetime | None, float | None]]:
    """Return how far a case should have come, when it did, and what was promised.

    told: somebody was to be told.  accepted: somebody was asked to go.  door: somebody accepted.  outcome: somebody was
    asked to go or said what it was, and it did not end by itself.
    """
    accepted, said = first(case, "accepted"), case.closed_at if case.outcome is not None else None
    if case.owed:
        yield "told", proved_at(case), case.limits.told
    if case.rungs or accepted:
        yield "accepted", accepted, case.limits.accepted
    if accepted:
        yield "door", first(case, "arrived"), case.limits.door
    if said is not None or (case.rungs and case.state not in UNSAID):
        yield "outcome", said, case.limits.outcome
