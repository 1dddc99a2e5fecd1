"""The case machine drawn from the machine itself: ``python -m alerts.diagram > docs/case-machine.md``.

Every case that can come about is looked at once, up to names and clock times: from a new case on, each kind of event is
tried, by the owner and by others, with every clock run out.  What leads from one state to another is an arrow.  A test
makes the page anew and compares, so the picture cannot grow old.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from alerts.casefile import ENDED, Case, State
from alerts.cases import step
from alerts.events import (
    Accepted,
    AreaBegan,
    AreaEnded,
    Arrived,
    ConsentGiven,
    ConsentWithdrawn,
    Declined,
    EmergencyCalled,
    Entered,
    Event,
    FindingCleared,
    FindingRaised,
    NoAnswer,
    OutcomeRecorded,
    ReviewClosed,
    SetOff,
    ShiftEnds,
    TakenOver,
    TimerDue,
    Undeliverable,
    Undone,
)
from alerts.policy import Policy, Roster

T0 = datetime(2026, 1, 1, tzinfo=UTC)
ROSTER = Roster("owner", None, "lead", ("relative",), ("operator",))
NIGHT = replace(ROSTER, minute=0)
POLICIES = (
    Policy(),
    Policy.load({"ladders": [{"family": "first"}]}),
)
QUIET = Policy.load({"amber_quiet_hours": "22:00-07:00"})
STAFF = ("worker:owner", "worker:lead", "operator:operator", "contact:relative")
Arrows = dict[tuple[State, State], set[str]]


def events(case: Case) -> Iterator[tuple[str, Event]]:
    """Yield everything that may happen to a case, each with the word on its arrow."""
    if case.state == State.NEW:
        yield from _first(case)
        return
    for severity in ("red", "amber") if case.stream == "care" else ("blue",):
        yield f"{severity} finding", FindingRaised("quiet", severity, T0)
    if case.stream == "care":
        yield "press for help", FindingRaised("sos", "red", T0)
    yield "nothing holds any more", FindingCleared("quiet", 0)
    yield "declared away", FindingCleared("quiet", 0, away=True)
    yield "many homes at once", AreaBegan("event", covers=True)
    yield "that is over", AreaEnded("event")
    yield "consent ends", ConsentWithdrawn("monitor")
    yield "consent given again", ConsentGiven()
    yield "shift ends", ShiftEnds("turn", T0, None)
    for by in STAFF:
        yield "taken over", TakenOver(by)
        yield "accepted", Accepted(by)
        yield "cannot go, handed back", Declined(by, "busy")
        yield "set off", SetOff(by)
        yield "arrived", Arrived(by)
        yield "nobody opens", NoAnswer(by)
        yield "the door is open", Entered(by)
        yield "120 called", EmergencyCalled(by)
        yield "outcome", OutcomeRecorded(by, "SAFE_AT_HOME")
        yield "ended by the desk", ReviewClosed(by)
        yield "taken back", Undone(by)
        yield "cannot be reached", Undeliverable(by, alone=True)
    for kind in case.timers:
        yield f"clock {kind.value}", TimerDue(kind)


def _first(case: Case) -> Iterator[tuple[str, Event]]:
    kind = "quiet" if case.stream == "care" else "meter_silent"
    yield f"{case.severity}", FindingRaised(kind, case.severity, T0)
    if case.severity == "amber":
        yield "amber that is only asked about", FindingRaised(kind, "amber", T0, ask_only=True)
    if case.stream == "care":
        yield f"{case.severity}, many homes at once", FindingRaised(kind, case.severity, T0, area="event")
        yield f"{case.severity}, soon after the last", FindingRaised(kind, case.severity, T0, last_owner="owner")


@cache
def arrows() -> Arrows:
    """Return what leads from state to state in any life of a case; of quiet hours the first step, the rest is as by day."""
    found: Arrows = defaultdict(set)
    for policy, roster in ((POLICIES[0], ROSTER), (POLICIES[1], ROSTER), (QUIET, NIGHT)):
        new = [_new("amber")] if policy is QUIET else [_new("red"), _new("amber"), _new("blue")]
        seen = {_alike(case) for case in new}
        while new:
            case = new.pop()
            for word, event, now in ((w, e, t) for w, e in events(case) for t in (T0, _late(case))):
                after, _ = step(case, event, now, policy, roster)
                if after is case:
                    continue
                if after.state != case.state:
                    found[case.state, after.state].add(word)
                if policy is not QUIET and (like := _alike(after)) not in seen:
                    seen.add(like)
                    new.append(after)
    return found


def _late(case: Case) -> datetime:
    """Return a moment at which every clock of the case has run out and no tap can be taken back."""
    return max([T0, *case.timers.values()]) + timedelta(minutes=1)


def _new(severity: str) -> Case:
    stream = "technical" if severity == "blue" else "care"
    return Case("live", "case", "home", stream, severity, T0, T0)  # type: ignore[arg-type]


def _alike(case: Case) -> tuple[object, ...]:
    """Return what tells cases apart, up to how long ago things were and how often they were said."""
    undo = case.undo and (case.undo.by, case.undo.state)
    asked = frozenset(offer.worker for offer in case.offers if offer.state == "offered")
    return case.state, case.severity, case.owner, frozenset(case.timers), asked, undo, case.area_event, case.ask_only


def mermaid(found: Arrows) -> str:
    """Return the picture as GitHub and most editors draw it; what can be taken back is not drawn."""
    lines = ["stateDiagram-v2"]
    for (start, end), words in sorted(found.items()):
        shown = sorted(words - {"taken back"})
        if not shown:
            continue
        if start == State.NEW:
            lines.append(f"    [*] --> {end}: {', '.join(shown)}")
        else:
            lines.append(f"    {start} --> {end}: {', '.join(shown)}")
    lines += [f"    {state} --> [*]" for state in sorted(ENDED)]
    return "\n".join(lines)


def table(found: Arrows) -> str:
    """Return every arrow as a line of a table, those of a tap taken back as well."""
    rows = ["| from | to | by |", "|---|---|---|"]
    rows += [f"| {start} | {end} | {', '.join(sorted(words))} |" for (start, end), words in sorted(found.items())]
    return "\n".join(rows)


def page() -> str:
    """Return the documentation's page."""
    found = arrows()
    return (
        "# The case machine\n\n"
        "Made by `python -m alerts.diagram` from the machine itself ([alerts/cases.py](../alerts/cases.py)): every case\n"
        "that can come about was looked at once.  Words are those of the code; clocks are named as in\n"
        "[alerts/events.py](../alerts/events.py).  A red case leaves AWAITING, UNATTENDED, ACCEPTED, EN_ROUTE, ON_SITE and\n"
        "NEEDS_ACCESS for an end by an outcome only, that is, by what a human says.\n\n"
        f"```mermaid\n{mermaid(found)}\n```\n\n"
        f"{table(found)}\n"
    )


def main(lines: Iterable[str]) -> None:
    """Print the page."""
    sys.stdout.writelines(lines)


if __name__ == "__main__":
    main([page()])
