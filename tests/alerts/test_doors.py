"""Nobody opens, and somebody called 120: what a case becomes, and who hears of it."""

from datetime import timedelta

import pytest

from alerts.cases import (
    Accepted,
    AreaBegan,
    Arrived,
    Declined,
    EmergencyCalled,
    Entered,
    NoAnswer,
    OutcomeRecorded,
    Timer,
    TimerDue,
    Undone,
)
from tests.alerts.test_cases import (
    ACCEPT,
    ARRIVE,
    CUT,
    MINUTE,
    RED,
    SAFE,
    T0,
    TO_ALL_STAFF,
    UNANSWERED,
    run,
    said,
)

LOCKED = [RED, ACCEPT, ARRIVE, NoAnswer("worker:wang")]
CALLED = EmergencyCalled("worker:wang")
EMERGENCY = [f"{TO_ALL_STAFF} emergency", "f1 family_emergency", "f2 family_emergency"]


@pytest.mark.parametrize(
    ("events", "state", "effects"),
    [
        pytest.param(LOCKED, "NEEDS_ACCESS", ["zhao needs_access", "ops needs_access"], id="nobody opens: lead and desk"),
        pytest.param([RED, ACCEPT, NoAnswer("worker:wang")], "ACCEPTED", None, id="who is not at the door cannot say so"),
        pytest.param([RED, ACCEPT, ARRIVE, NoAnswer("worker:li")], "ON_SITE", None, id="nor somebody else"),
        pytest.param([*LOCKED, 15, TimerDue(Timer.ACCESS)], "NEEDS_ACCESS", ["wang ask_access", "zhao needs_access", "ops needs_access"], id="still locked: asked again"),
        pytest.param([*LOCKED, 14, TimerDue(Timer.ACCESS)], "NEEDS_ACCESS", None, id="early tick"),
        pytest.param([*LOCKED, Entered("worker:wang")], "ON_SITE", [], id="the door is open"),
        pytest.param([*LOCKED, Declined("worker:wang", "unsafe")], "AWAITING", ["li offer", "wang handed_back"], id="handed back"),
        pytest.param([*LOCKED, Undone("worker:wang")], "ON_SITE", ["cancel"], id="taken back"),
        pytest.param([*LOCKED, AreaBegan("cut", False)], "NEEDS_ACCESS", ["wang owner_outage_before"], id="the owner hears of an outage"),
        pytest.param([*LOCKED, Accepted("worker:li")], "NEEDS_ACCESS", None, id="it has an owner"),
        pytest.param([*LOCKED, Arrived("worker:wang")], "NEEDS_ACCESS", None, id="arriving again is no entry"),
    ],
)  # fmt: skip
def test_each_row_of_a_locked_door(events, state, effects):
    case, owed = run(*events)
    assert case.state == state
    assert said(owed) == (effects or [])


def test_a_locked_door_can_end_with_any_outcome_and_never_by_itself():
    case, _ = run(*LOCKED, OutcomeRecorded("worker:wang", "NO_ENTRY_HANDED_TO_110"))
    assert (case.state, case.outcome) == ("CLOSED", "NO_ENTRY_HANDED_TO_110")
    locked, _ = run(*LOCKED)
    for hours in (1, 24, 24 * 30):
        assert locked.timers[Timer.ACCESS] < T0 + timedelta(hours=hours)
        assert run(*LOCKED, hours * 60, TimerDue(Timer.ACCESS))[0].state == "NEEDS_ACCESS"


@pytest.mark.parametrize(
    ("before", "state"),
    [([RED], "AWAITING"), ([RED, ACCEPT], "ACCEPTED"), (LOCKED, "NEEDS_ACCESS"), ([RED, CUT], "FOLDED"),
     ([RED, *UNANSWERED], "UNATTENDED")],
)  # fmt: skip
def test_an_emergency_call_marks_the_case_tells_everybody_at_once_and_moves_nothing_else(before, state):
    quiet, _ = run(*before)
    called, owed = run(*before, CALLED)
    assert (called.state, called.emergency, called.timers) == (state, True, quiet.timers)
    assert said(owed) == EMERGENCY


def test_a_second_call_says_nothing_new_and_a_relative_or_a_stranger_cannot_make_one():
    assert said(run(RED, ACCEPT, CALLED, CALLED)[1]) == []
    for who in ("contact:f1", "worker:chen"):
        assert run(RED, EmergencyCalled(who))[0].emergency is False
    for who in ("operator:ops", "worker:zhao"):
        assert run(RED, EmergencyCalled(who))[0].emergency is True


def test_an_emergency_can_be_taken_back_by_who_tapped_for_some_seconds_only():
    back, owed = run(RED, ACCEPT, CALLED, Undone("worker:wang"))
    assert (back.emergency, said(owed)) == (False, ["cancel"])
    assert run(RED, ACCEPT, CALLED, Undone("operator:ops"))[0].emergency is True
    assert run(RED, ACCEPT, CALLED, 1, Undone("worker:wang"))[0].emergency is True


def test_an_emergency_ends_by_an_outcome_and_stays_on_the_closed_case():
    case, _ = run(RED, ACCEPT, CALLED, 1, SAFE)
    assert (case.state, case.emergency) == ("CLOSED", True)
    assert case.closed_at == T0 + MINUTE
