"""Random lives of cases, and what may never happen in them: ``python -m benchmarks.lives [--lives 100000]``.

A plain walker over the pure machine of `alerts.cases`: findings, taps by the right and the wrong people, clocks early and
late, dead channels, outages, shifts that change hands, quiet hours, ladders with and without cover, people with too much on hand.  After
each step a list of laws is held against the case; the first life that breaks one is printed, with its number, so that it
can be lived again.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from alerts import events as e
from alerts.casefile import ENDED, OWNED, UNOWNED, Case, State
from alerts.cases import step
from alerts.effects import Effect, Notify
from alerts.outcomes import OUTCOMES
from alerts.policy import Load, Policy, Roster

T0 = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
STEPS = 50
PEOPLE = (
    "worker:wang",
    "worker:li",
    "worker:zhao",
    "worker:chen",
    "contact:f1",
    "contact:f2",
    "operator:ops",
    "system",
)
POLICIES = (
    Policy(),
    Policy.load({"ladders": [{"family": "first"}]}),
    Policy.load({"ladders": [{"hours": "08:00-20:00"}, {"hours": "20:00-08:00", "cover": False}]}),
    Policy.load({"ladders": [{"rungs": ["owner", "lead", "duty"]}], "most_red": 1, "most_offers": 2}),
    Policy.load({"amber_quiet_hours": "22:00-07:00"}),
)
NEXT = ("li", "chen", None)
"""Who may come next at a change of shifts."""
WAITS_S = (0.0, 1.0, 9.0, 10.0, 59.0, 300.0, 600.0, 900.0, 1200.0, 7200.0, 86400.0)


@dataclass
class Life:
    """One life so far."""

    case: Case
    now: datetime
    policy: Policy
    human: bool = False
    """Somebody said what it was, and has not taken that back."""
    folded: bool = False
    someone: bool = True
    """A lead or an operator could be told of this step."""
    quiet: bool = False
    """This step lies in the quiet hours of amber."""


def roster(rng: random.Random) -> Roster:
    """Return who may be asked at some moment: often somebody is missing, or busy."""
    owner, backup, lead = (who if rng.random() < 0.8 else None for who in ("wang", "li", "zhao"))
    busy = {
        who: Load(rng.randrange(3), rng.randrange(6), rng.randrange(8))
        for who in (owner, backup, lead)
        if who and rng.random() < 0.3
    }
    return Roster(
        owner,
        backup,
        lead,
        family=tuple(f for f in ("f1", "f2") if rng.random() < 0.7),
        operators=("ops",) if rng.random() < 0.95 else (),
        duty=tuple(d for d in ("d1", "d2") if rng.random() < 0.5),
        areas=("g1", "c1"),
        minute=rng.randrange(24 * 60),
        loads=busy,
    )


def born(rng: random.Random) -> tuple[Life, e.FindingRaised]:
    """Return a case before its first finding, and that finding."""
    severity = rng.choice(("red", "red", "amber", "amber", "blue"))
    stream = "technical" if severity == "blue" else "care"
    case = Case("live", "c", "h", stream, severity, T0, T0)  # type: ignore[arg-type]
    area = "cut-1" if rng.random() < 0.15 else None
    last = "chen" if rng.random() < 0.15 and area is None else None
    kind = "meter_silent" if severity == "blue" else rng.choice(("quiet", "surge", "sos"))
    only = (kind, severity) == ("quiet", "amber") and rng.random() < 0.3
    first = e.FindingRaised(kind, severity, T0, area=area, last_owner=last, ask_only=only)  # type: ignore[arg-type]
    return Life(case, T0, rng.choice(POLICIES)), first


def happening(life: Life, rng: random.Random) -> e.Event:
    """Return what happens next: anything, by anybody."""
    by = f"worker:{life.case.owner}" if life.case.owner and rng.random() < 0.6 else rng.choice(PEOPLE)
    outage = rng.choice(("cut-1", "cut-2"))
    timers = list(life.case.timers)
    care = life.case.stream == "care"
    severity = rng.choice(("red", "amber")) if care else "blue"
    choices: tuple[Callable[[], e.Event], ...] = (
        lambda: e.FindingRaised(rng.choice(("quiet", "surge", "sos")), severity, life.now, rng.random() < 0.5),  # type: ignore[arg-type]
        lambda: e.FindingRaised("quiet", "amber" if care else "blue", life.now, False, ask_only=care),
        lambda: e.FindingCleared("quiet", rng.choice((0, 0, 1)), rng.random() < 0.2, rng.random() < 0.7),
        lambda: e.AreaBegan(outage, rng.random() < 0.6),
        lambda: e.AreaEnded(outage, rng.choice((None, None, "cut-2"))),
        lambda: e.Accepted(by),
        lambda: e.Accepted(by),
        lambda: e.Declined(by, "busy"),
        lambda: e.SetOff(by),
        lambda: e.Arrived(by),
        lambda: e.NoAnswer(by),
        lambda: e.Entered(by),
        lambda: e.EmergencyCalled(by),
        lambda: e.OutcomeRecorded(by, rng.choice(tuple(OUTCOMES))),
        lambda: e.ShiftEnds("t", life.now + timedelta(seconds=rng.choice((-3600, 0, 1800))), rng.choice(NEXT)),
        lambda: e.TakenOver(by),
        lambda: e.TakenOver(f"worker:{life.case.next_owner}"),
        lambda: e.Undone(by),
        lambda: e.TimerDue(rng.choice(timers) if timers and rng.random() < 0.8 else rng.choice(tuple(e.Timer))),
        lambda: e.TimerDue(rng.choice(timers) if timers else e.Timer.ASK),
        lambda: e.TimerDue(rng.choice(timers) if timers else e.Timer.REPEAT),
        lambda: e.Undeliverable(rng.choice(PEOPLE), rng.random() < 0.5),
    )
    return rng.choice(choices)()


def laws(life: Life, before: Case, event: e.Event, after: Case, effects: tuple[Effect, ...]) -> Iterator[str]:
    """Yield what the step broke."""
    gravity = ("blue", "amber", "red")
    if after is before:
        if effects:
            yield "nothing changed, and yet something is owed"
        return
    if after.version != before.version + 1:
        yield "a change is not exactly one version"
    if gravity.index(after.severity) < gravity.index(before.severity):
        yield "the severity fell"
    if before.state in ENDED and not isinstance(event, e.Undone):
        yield "an ended case moved"
    if (after.state in ENDED) != (after.closed_at is not None):
        yield "ended and closed are not the same"
    if after.state in ENDED and (after.timers or any(o.state == "offered" for o in after.offers)):
        yield "an ended case still waits for something"
    if after.stream == "care" and after.state not in ENDED and not after.timers:
        yield "an open case has no clock: it could be forgotten"
    if (after.owner is None) == (after.state in OWNED) and after.state not in ENDED:
        yield "who has it and where it stands do not agree"
    if after.state in UNOWNED and sum(o.state == "accepted" for o in after.offers):
        yield "nobody has it, and yet an offer counts as accepted"
    if after.state in ENDED and before.state not in ENDED and before.severity == "red" and not life.human:
        was_folded = before.state == State.FOLDED
        if after.stream == "care" and not was_folded:
            yield "a red case ended without a human fact"
    if after.state == State.AWAITING and before.state != State.AWAITING and not isinstance(event, e.Undone):
        told = {one.to for one in effects if isinstance(one, Notify) and one.template == "offer"}
        if not told:
            yield "a case waits for an answer that nobody was asked for"
    yield from _laws_of_shifts(before, event, after, effects, life)
    if after.state == State.UNATTENDED and e.Timer.REPEAT not in after.timers:
        yield "a case that nobody accepted has stopped calling"
    if after.ask_only and any(isinstance(one, Notify) and one.template == "offer" for one in effects):
        yield "somebody is sent to a home that is only asked"
    if before.emergency and not after.emergency and not isinstance(event, e.Undone):
        yield "an emergency was forgotten"


def _laws_of_shifts(
    before: Case, event: e.Event, after: Case, effects: tuple[Effect, ...], life: Life
) -> Iterator[str]:
    """Yield what a step broke of the change of shifts and of the quiet hours."""
    changing = e.Timer.HAND_OVER in after.timers
    if changing and after.state not in OWNED:
        yield "what nobody has is handed over"
    if after.next_owner is not None and after.state not in ENDED and not changing:
        yield "somebody was asked to take it over and nobody would notice that they did not"
    if after.next_owner is not None and after.next_owner == after.owner:
        yield "a worker is to take over from themselves"
    if isinstance(event, e.ShiftEnds) and (after.owner, after.state) != (before.owner, before.state):
        yield "the end of a shift took a case off somebody's hands"
    kept = e.Timer.HAND_OVER in before.timers and after.state in OWNED and after.owner == before.owner
    if kept and not changing:
        yield "a hand-over was forgotten while the owner of before still has the case"
    if isinstance(event, e.TimerDue) and event.kind == e.Timer.HAND_OVER and not effects and life.someone:
        yield "nobody took it over, and nobody hears of that"
    asked = [one for one in effects if isinstance(one, Notify) and one.template == "offer"]
    if asked and after.severity == "amber" and life.quiet:
        yield "a worker was disturbed in quiet hours"
    if after.severity == "red" and after.state == State.SUSPECTED and before.severity != "red":
        yield "a case that turned red waits"


def lived(number: int) -> tuple[Counter[str], str | None]:
    """Live one life; return where it ended, and what it broke."""
    rng = random.Random(number)
    life, event = born(rng)
    path = Counter[str]()
    told: e.Event = event
    for _ in range(STEPS):
        before = life.case
        people = roster(rng)
        life.someone = bool(people.operators) or people.lead not in (None, before.owner)
        life.quiet = life.policy.quiet_until("amber", people, life.now) is not None
        after, effects = step(before, told, life.now, life.policy, people)
        if after is not before:
            life.human = isinstance(told, e.OutcomeRecorded)
            path[after.state] += 1
        for broken in laws(life, before, told, after, effects):
            return path, f"life {number}: {broken}\n  before {before}\n  event  {told}\n  after  {after}"
        life.case = after
        life.now += timedelta(seconds=rng.choice(WAITS_S))
        told = happening(life, rng)
    return path, None


def many(numbers: range) -> tuple[Counter[str], list[str]]:
    """Live some lives; return how often each state was entered, and what was broken."""
    states, broken = Counter[str](), []
    for number in numbers:
        path, wrong = lived(number)
        states += path
        if wrong:
            broken.append(wrong)
    return states, broken


def main() -> int:
    """Live them all, and say so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--lives", type=int, default=100_000)
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first life: a printed number lives it again"
    )
    asked = parser.parse_args()
    began, states, done = time.perf_counter(), Counter[str](), 0
    broken: list[str] = []
    chunk = 2_000
    parts = [
        range(n, min(n + chunk, asked.first + asked.lives))
        for n in range(asked.first, asked.first + asked.lives, chunk)
    ]
    with ProcessPoolExecutor(2) as pool:
        for part, (some, wrong) in zip(parts, pool.map(many, parts), strict=True):
            states, broken, done = states + some, broken + wrong, done + len(part)
            print(f"\r{done:,} lives, {len(broken)} broken", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    took = time.perf_counter() - began
    print(f"{asked.lives:,} lives of {STEPS} steps in {took:.0f} s; laws broken: {len(broken)}")
    for state, count in states.most_common():
        print(f"  {state:13} entered {count:,} times")
    for one in broken[:3]:
        print(one)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
