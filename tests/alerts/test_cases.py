"""The machine as a table: where a case stands, what happens, where it stands then, and what the world is owed."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.casefile import ENDED, Case
from alerts.cases import (
    Accepted,
    AreaBegan,
    AreaEnded,
    Arrived,
    Declined,
    FindingCleared,
    FindingRaised,
    OutcomeRecorded,
    SetOff,
    Timer,
    TimerDue,
    Undeliverable,
    Undone,
    step,
)
from alerts.effects import CallRound, CancelHeld, Explain, Notify, SetLabel, TellTold
from alerts.errors import UnknownOutcome
from alerts.outcomes import OUTCOMES
from alerts.policy import Policy, Roster

T0 = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = Policy()
ROSTER = Roster("wang", "li", "zhao", ("f1", "f2"), ("ops",))
RED = FindingRaised("quiet", "red", T0)
AMBER = FindingRaised("quiet", "amber", T0)
BLUE = FindingRaised("meter_silent", "blue", T0)
CLEARED, HEARD = FindingCleared("quiet", 0), FindingCleared("meter_silent", 0)
ACCEPT, SET_OFF, ARRIVE = Accepted("worker:wang"), SetOff("worker:wang"), Arrived("worker:wang")
SAFE = OutcomeRecorded("worker:wang", "SAFE_AT_HOME", "guest")


def fresh(severity="red"):
    """Return a case before its first finding."""
    stream = "technical" if severity == "blue" else "care"
    return Case("live", "c", "h1", stream, severity, T0, T0)


def run(*events, roster=ROSTER, policy=POLICY):
    """Fold `events` over a new case; a number moves the clock by so many minutes."""
    case, now, effects = fresh(events[0].severity), T0, ()
    for event in events:
        if isinstance(event, int | float):
            now += event * MINUTE
        else:
            case, effects = step(case, event, now, policy, roster)
    return case, effects


def said(effects):
    """Return effects as short words: who gets what."""
    words = []
    for effect in effects:
        match effect:
            case Notify(to, template):
                words.append(f"{to.partition(':')[2]} {template}")
            case TellTold(template, kinds):
                words.append(f"told {'+'.join(kinds)} {template}")
            case SetLabel(label):
                words.append(f"label {label}")
            case Explain(_, until):
                words.append(f"explained for {(until - T0).total_seconds() / 3600:.0f} h" if until else "not explained")
            case CancelHeld():
                words.append("cancel")
            case CallRound():
                words.append("call round")
    return words


UNANSWERED = (10, TimerDue(Timer.NEXT_RUNG)) * 3
CUT, CUT_ENDS = AreaBegan("cut", True), AreaEnded("cut")
CUT_LATER = AreaBegan("cut", False)
RED_IN_CUT, AMBER_IN_CUT = (
    FindingRaised("quiet", "red", T0, area="cut"),
    FindingRaised("quiet", "amber", T0, area="cut"),
)
PRESSED = FindingRaised("sos", "red", T0)
WET = FindingRaised("leak_sensor", "amber", T0)
CALLED_OUT = ["wang offer", "f1 family_called_out", "f2 family_called_out"]
PHONED = OutcomeRecorded("operator:ops", "SAFE_AT_HOME")
TO_ALL_STAFF, TO_FAMILY = "told worker+operator", "told contact"


@pytest.mark.parametrize(
    ("events", "state", "effects"),
    [
        pytest.param([RED], "AWAITING", ["wang offer", "f1 family_called_out", "f2 family_called_out"], id="red: at once"),
        pytest.param([AMBER], "SUSPECTED", ["f1 family_ask", "f2 family_ask"], id="amber: family first"),
        pytest.param([BLUE], "NOTED", ["ops operator_technical"], id="blue: the operator, nobody is sent"),
        pytest.param(
            [AMBER, 10, TimerDue(Timer.ASK)], "AWAITING",
            ["wang offer", "f1 family_called_out", "f2 family_called_out"], id="family did not answer",
        ),
        pytest.param([AMBER, 9, TimerDue(Timer.ASK)], "SUSPECTED", None, id="early tick"),
        pytest.param(
            [AMBER, Undeliverable("contact:f2", alone=True)], "AWAITING",
            ["wang offer", "f1 family_called_out", "f2 family_called_out"], id="family cannot be reached",
        ),
        pytest.param([AMBER, Undeliverable("contact:f1", alone=False)], "SUSPECTED", None, id="one of the family can"),
        pytest.param([RED, 10, TimerDue(Timer.NEXT_RUNG)], "AWAITING", ["li offer"], id="owner did not answer"),
        pytest.param([RED, 10, TimerDue(Timer.NEXT_RUNG), 10, TimerDue(Timer.NEXT_RUNG)], "AWAITING", ["zhao offer"], id="nor the backup"),
        pytest.param(
            [RED, *UNANSWERED], "UNATTENDED", ["ops operator_unattended", "f1 family_unattended", "f2 family_unattended"],
            id="nor the lead: never silence",
        ),
        pytest.param(
            [RED, *UNANSWERED, 5, TimerDue(Timer.REPEAT)], "UNATTENDED", ["li offer", "ops operator_unattended"],
            id="and it calls again",
        ),
        pytest.param([RED, *UNANSWERED, Accepted("worker:li")], "ACCEPTED", [f"{TO_ALL_STAFF} taken", f"{TO_FAMILY} family_accepted"], id="until somebody has it"),
        pytest.param([RED, Declined("worker:wang", "too_far")], "AWAITING", ["li offer"], id="cannot go: the next one now"),
        pytest.param([RED, Declined("worker:li", "too_far")], "AWAITING", None, id="who was not asked cannot refuse"),
        pytest.param([RED, Undeliverable("worker:wang", alone=True)], "AWAITING", ["li offer"], id="cannot be reached: the next one now"),
        pytest.param([RED, ACCEPT], "ACCEPTED", [f"{TO_ALL_STAFF} taken", f"{TO_FAMILY} family_accepted"], id="accepted"),
        pytest.param([AMBER, ACCEPT], "ACCEPTED", [f"{TO_ALL_STAFF} taken", f"{TO_FAMILY} family_accepted"], id="accepted before being asked"),
        pytest.param([RED, ACCEPT, Accepted("worker:li")], "ACCEPTED", None, id="a second acceptance"),
        pytest.param([RED, Accepted("contact:f1")], "AWAITING", None, id="only workers accept"),
        pytest.param([RED, ACCEPT, SET_OFF], "EN_ROUTE", [], id="set off"),
        pytest.param([RED, ACCEPT, SetOff("worker:li")], "ACCEPTED", None, id="somebody else's step"),
        pytest.param([RED, SET_OFF], "AWAITING", None, id="a step before accepting"),
        pytest.param([RED, ACCEPT, ARRIVE], "ON_SITE", [f"{TO_FAMILY} family_arrived"], id="arrived without having set off"),
        pytest.param([RED, ACCEPT, 10, TimerDue(Timer.SET_OFF)], "ACCEPTED", ["wang ask_set_off"], id="not yet on the way: asked"),
        pytest.param([RED, ACCEPT, 20, TimerDue(Timer.PROGRESS)], "ACCEPTED", ["wang ask_progress"], id="no progress: asked"),
        pytest.param(
            [RED, ACCEPT, 20, TimerDue(Timer.PROGRESS), 10, TimerDue(Timer.HAND_BACK)], "AWAITING",
            ["zhao offer", "wang handed_back"], id="still none: to the lead",
        ),
        pytest.param([RED, ACCEPT, 20, TimerDue(Timer.PROGRESS), SET_OFF, 10, TimerDue(Timer.HAND_BACK)], "EN_ROUTE", None, id="progress in time"),
        pytest.param([RED, ACCEPT, Declined("worker:wang", "unsafe")], "AWAITING", ["li offer", "wang handed_back"], id="handed back"),
        pytest.param([RED, ACCEPT, ARRIVE, 120, TimerDue(Timer.OUTCOME)], "ON_SITE", ["wang ask_outcome", "ops operator_overdue"], id="long at the door"),
        pytest.param([AMBER, RED], "AWAITING", ["wang offer", "f1 family_called_out", "f2 family_called_out"], id="amber turns red while family are asked"),
        pytest.param([AMBER, 10, TimerDue(Timer.ASK), RED], "AWAITING", ["wang offer"], id="amber turns red: offered again"),
        pytest.param([AMBER, ACCEPT, RED], "ACCEPTED", ["wang now_urgent"], id="amber turns red on its owner"),
        pytest.param([RED, AMBER], "AWAITING", [], id="severity never falls"),
        pytest.param([RED, ACCEPT, FindingRaised("rule:x", "amber", T0)], "ACCEPTED", ["wang more_signs"], id="one more sign"),
        pytest.param([RED, ACCEPT, FindingRaised("quiet", "amber", T0, new_kind=False)], "ACCEPTED", [], id="the same sign again"),
        pytest.param(
            [AMBER, CLEARED], "EXPLAINED", [f"{TO_ALL_STAFF} stand_down", f"{TO_FAMILY} family_stand_down", "label unknown"],
            id="water again: stand down",
        ),
        pytest.param([AMBER, FindingCleared("quiet", 1)], "SUSPECTED", [], id="one of two signs is over"),
        pytest.param([RED, CLEARED], "AWAITING", [f"{TO_ALL_STAFF} likely_well", f"{TO_FAMILY} family_likely_well"], id="water again: red stays"),
        pytest.param([AMBER, ACCEPT, CLEARED], "ACCEPTED", [f"{TO_ALL_STAFF} likely_well", f"{TO_FAMILY} family_likely_well"], id="water again on the way"),
        pytest.param([BLUE, HEARD], "CLOSED", ["label device"], id="the meter is back"),
        pytest.param([FindingRaised("leak", "blue", T0), FindingCleared("leak", 0)], "CLOSED", ["label unknown"], id="the leak is gone"),
        pytest.param([BLUE, ACCEPT], "NOTED", None, id="nobody is sent for a meter"),
        pytest.param([RED, ACCEPT, SAFE], "CLOSED", ["label false", "told operator finished", f"{TO_FAMILY} family_outcome.SAFE_AT_HOME", "explained for 0 h"], id="all well"),
        pytest.param(
            [RED, OutcomeRecorded("operator:ops", "SAFE_AT_HOME")], "CLOSED",
            ["label false", f"{TO_ALL_STAFF} stand_down", f"{TO_FAMILY} family_outcome.SAFE_AT_HOME", "explained for 0 h"], id="the operator phoned",
        ),
        pytest.param([RED, OutcomeRecorded("contact:f1", "SAFE_AT_HOME")], "AWAITING", None, id="family cannot end a red case"),
        pytest.param([AMBER, OutcomeRecorded("contact:f1", "SAFE_AT_HOME")], "CLOSED", ["label false", f"{TO_ALL_STAFF} stand_down", f"{TO_FAMILY} family_outcome.SAFE_AT_HOME", "explained for 0 h"], id="but an amber one"),
        pytest.param([AMBER, OutcomeRecorded("contact:f9", "SAFE_AT_HOME")], "SUSPECTED", None, id="other people's family cannot"),
        pytest.param([RED, ACCEPT, OutcomeRecorded("worker:li", "SAFE_AT_HOME")], "ACCEPTED", None, id="nor another worker"),
        pytest.param([RED, ACCEPT, OutcomeRecorded("worker:wang", "DECEASED")], "CLOSED", ["label true", "told operator finished", "explained for 87600 h"], id="never by text"),
        pytest.param(
            [RED, ACCEPT, OutcomeRecorded("worker:wang", "SAFE_AWAY")], "CLOSED",
            ["label false", "told operator finished", f"{TO_FAMILY} family_outcome.SAFE_AWAY", "explained for 24 h"], id="away: counts as absence",
        ),
        pytest.param([RED, ACCEPT, Undone("worker:wang")], "AWAITING", ["cancel"], id="taken back"),
        pytest.param([RED, ACCEPT, SAFE, Undone("worker:wang")], "ACCEPTED", ["cancel", "label None", "not explained"], id="an outcome taken back"),
        pytest.param([AMBER, ACCEPT, RED, Undone("worker:wang")], "AWAITING", ["cancel", "wang offer", "f1 family_called_out", "f2 family_called_out"], id="it turned red before that"),
        pytest.param([RED, ACCEPT, SAFE, 1, Undone("worker:wang")], "CLOSED", None, id="too late to take back"),
        pytest.param([RED, ACCEPT, SAFE, 1, RED], "CLOSED", None, id="a closed case is never opened again"),
        pytest.param([RED, ACCEPT, SAFE, 1, ACCEPT], "CLOSED", None, id="a stale button"),
        pytest.param([RED, Undone("worker:wang")], "AWAITING", None, id="nothing to take back"),
        pytest.param([RED, TimerDue(Timer.ASK)], "AWAITING", None, id="a clock that does not run"),
    ],
)  # fmt: skip
def test_each_row_of_the_machine(events, state, effects):
    case, owed = run(*events)
    assert case.state == state
    if effects is None:
        before, _ = run(*events[:-1])
        assert case == before, "nothing may have changed"
    assert said(owed) == (effects or [])


@pytest.mark.parametrize(
    ("events", "state", "effects"),
    [
        pytest.param([RED_IN_CUT], "FOLDED", [], id="red, explained: nobody is told of this home alone"),
        pytest.param([AMBER_IN_CUT], "FOLDED", [], id="amber, explained"),
        pytest.param([AMBER, CUT], "FOLDED", [f"{TO_ALL_STAFF} folded"], id="the water went off while family are asked"),
        pytest.param([RED, CUT], "FOLDED", [f"{TO_ALL_STAFF} folded"], id="while nobody has accepted"),
        pytest.param([RED, *UNANSWERED, CUT], "FOLDED", [f"{TO_ALL_STAFF} folded"], id="after everybody was asked"),
        pytest.param([RED, CUT_LATER], "AWAITING", None, id="a home that was overdue before stays its own"),
        pytest.param([RED, ACCEPT, CUT], "ACCEPTED", ["wang owner_outage"], id="the owner stays, and is told"),
        pytest.param([RED, ACCEPT, CUT_LATER], "ACCEPTED", ["wang owner_outage_before"], id="that it does not explain it"),
        pytest.param([RED, ACCEPT, CUT, AreaBegan("wider", True)], "ACCEPTED", None, id="once"),
        pytest.param([RED, ACCEPT, CUT, CUT_ENDS], "ACCEPTED", [], id="the end needs no message"),
        pytest.param([RED_IN_CUT, CUT], "FOLDED", None, id="the beginning told twice"),
        pytest.param([RED_IN_CUT, AreaEnded("other")], "FOLDED", None, id="another event's end"),
        pytest.param([AMBER_IN_CUT, RED_IN_CUT], "FOLDED", [], id="one more sign, explained as well"),
        pytest.param([RED_IN_CUT, AMBER], "AWAITING", CALLED_OUT, id="one that is not: the folded red goes with it"),
        pytest.param([AMBER_IN_CUT, WET], "SUSPECTED", ["f1 family_ask", "f2 family_ask"], id="amber not explained: asked first"),
        pytest.param([AMBER_IN_CUT, PRESSED], "AWAITING", CALLED_OUT, id="a press for help is never folded"),
        pytest.param([AMBER_IN_CUT, FindingCleared("quiet", 1)], "FOLDED", [], id="one of two signs is over"),
        pytest.param([RED_IN_CUT, CLEARED], "EXPLAINED", ["label outage"], id="water again: it was the cut"),
        pytest.param([AMBER_IN_CUT, FindingCleared("quiet", 0, away=True)], "EXPLAINED", ["label unknown"], id="declared away"),
        pytest.param([RED_IN_CUT, FindingCleared("quiet", 0, away=True)], "FOLDED", [], id="that does not end a red one"),
        pytest.param([RED_IN_CUT, CUT_ENDS], "FOLDED", [], id="the water is back: the home has its time"),
        pytest.param([RED_IN_CUT, CUT_ENDS, CUT_ENDS], "FOLDED", None, id="the end told twice"),
        pytest.param([RED_IN_CUT, CUT_ENDS, 119, TimerDue(Timer.RELEASE)], "FOLDED", None, id="not yet"),
        pytest.param([RED_IN_CUT, CUT_ENDS, 120, TimerDue(Timer.RELEASE)], "AWAITING", CALLED_OUT, id="still silent: a person must go"),
        pytest.param(
            [AMBER_IN_CUT, CUT_ENDS, 120, TimerDue(Timer.RELEASE)], "SUSPECTED", ["f1 family_ask", "f2 family_ask"],
            id="still silent, amber: asked first",
        ),
        pytest.param([RED_IN_CUT, CUT_ENDS, 60, CLEARED], "EXPLAINED", ["label outage"], id="water in that time"),
        pytest.param([RED_IN_CUT, CUT_ENDS, CUT], "FOLDED", [], id="the water went off again"),
        pytest.param([RED_IN_CUT, CUT_ENDS, CUT, 120, TimerDue(Timer.RELEASE)], "FOLDED", None, id="then its time begins anew"),
        pytest.param([RED_IN_CUT, AreaEnded("cut", "wider")], "FOLDED", [], id="a wider event goes on"),
        pytest.param([RED_IN_CUT, AreaEnded("cut", "wider"), CUT_ENDS], "FOLDED", None, id="and is what holds it now"),
        pytest.param([RED_IN_CUT, 360, TimerDue(Timer.CALL_ROUND)], "FOLDED", ["call round"], id="for long: somebody should call"),
        pytest.param([RED_IN_CUT, 359, TimerDue(Timer.CALL_ROUND)], "FOLDED", None, id="not before"),
        pytest.param([RED_IN_CUT, PHONED], "CLOSED", ["label false", f"{TO_FAMILY} family_outcome.SAFE_AT_HOME", "explained for 0 h"], id="the operator phoned"),
        pytest.param([RED_IN_CUT, OutcomeRecorded("worker:zhao", "OUTAGE")], "CLOSED", ["label outage", f"{TO_FAMILY} family_outcome.OUTAGE", "explained for 0 h"], id="the lead knows"),
        pytest.param([AMBER_IN_CUT, OutcomeRecorded("contact:f1", "SAFE_AT_HOME")], "FOLDED", None, id="nobody else was asked"),
        pytest.param([RED_IN_CUT, ACCEPT], "FOLDED", None, id="a stale button"),
        pytest.param([RED_IN_CUT, PHONED, Undone("operator:ops")], "FOLDED", ["cancel", "label None", "not explained"], id="an outcome taken back"),
        pytest.param([BLUE, CUT], "FOLDED", [], id="a meter that is silent with its gateway"),
        pytest.param([BLUE, CUT, HEARD], "CLOSED", ["label device"], id="is heard again"),
        pytest.param([BLUE, CUT, CUT_ENDS], "NOTED", ["ops operator_technical"], id="or is silent by itself"),
        pytest.param([BLUE, CUT, FindingRaised("leak", "blue", T0)], "NOTED", ["ops operator_technical"], id="a leak is its own"),
    ],
)  # fmt: skip
def test_each_row_of_a_trouble_of_many_homes(events, state, effects):
    case, owed = run(*events)
    assert case.state == state
    if effects is None:
        before, _ = run(*events[:-1])
        assert case == before, "nothing may have changed"
    assert said(owed) == (effects or [])


@pytest.mark.parametrize(
    ("events", "state", "effects"),
    [
        pytest.param([PRESSED], "AWAITING", CALLED_OUT, id="a press is red at once"),
        pytest.param([AMBER, PRESSED], "AWAITING", CALLED_OUT, id="while family are asked"),
        pytest.param([AMBER, 10, TimerDue(Timer.ASK), PRESSED], "AWAITING", ["wang offer", f"{TO_FAMILY} family_pressed"], id="in an amber case"),
        pytest.param(
            [RED, 10, TimerDue(Timer.NEXT_RUNG), PRESSED], "AWAITING",
            ["wang offer", "li offer", f"{TO_FAMILY} family_pressed"], id="everybody who was asked is asked again",
        ),
        pytest.param(
            [RED, *UNANSWERED, PRESSED], "UNATTENDED",
            ["wang offer", "li offer", "zhao offer", "ops operator_unattended", f"{TO_FAMILY} family_pressed"],
            id="and the operator, when nobody accepted",
        ),
        pytest.param([RED, ACCEPT, PRESSED], "ACCEPTED", ["wang pressed", f"{TO_FAMILY} family_pressed"], id="the owner hears it"),
        pytest.param(
            [PRESSED, ACCEPT, SET_OFF, FindingRaised("sos", "red", T0, new_kind=False)], "EN_ROUTE",
            ["wang pressed", f"{TO_FAMILY} family_pressed"], id="of every press",
        ),
        pytest.param([RED, ACCEPT, SAFE, PRESSED], "CLOSED", None, id="a new case is made of a press after the end"),
    ],
)  # fmt: skip
def test_each_row_of_a_press_for_help(events, state, effects):
    case, owed = run(*events)
    assert case.state == state
    assert effects is None or case.severity == "red"
    assert said(owed) == (effects or [])


def test_a_press_moves_no_clock_of_a_red_case():
    before, _ = run(RED, 5)
    after, _ = run(RED, 5, PRESSED)
    assert after.timers == before.timers


def test_a_case_that_comes_out_of_an_outage_keeps_its_onset_and_asks_everybody_anew():
    case, _ = run(RED, 10, TimerDue(Timer.NEXT_RUNG), CUT, CUT_ENDS, 120, TimerDue(Timer.RELEASE))
    assert (case.onset, case.area_event, set(case.timers)) == (T0, None, {Timer.NEXT_RUNG})
    assert [(o.worker, o.state) for o in case.offers] == [
        ("wang", "withdrawn"),
        ("li", "withdrawn"),
        ("wang", "offered"),
    ]


def test_a_finding_raised_after_the_water_is_back_has_the_rest_of_the_grace():
    late = FindingRaised("quiet", "amber", T0, area="cut", release_at=T0 + 70 * MINUTE)
    case, owed = run(late)
    assert (case.state, case.timers, owed) == ("FOLDED", {Timer.RELEASE: T0 + 70 * MINUTE}, ())


def test_a_folded_case_always_has_a_clock_and_a_folded_meter_needs_none():
    for events in ([RED_IN_CUT], [RED, CUT], [RED_IN_CUT, CUT_ENDS], [RED_IN_CUT, CUT_ENDS, CUT]):
        assert run(*events)[0].timers
    assert run(BLUE, CUT)[0].timers == {}


def test_a_relatives_word_alone_ends_no_case():
    assert run(AMBER, FindingCleared("quiet", 0, away=True, vouched=False))[0].state == "SUSPECTED"
    assert run(AMBER_IN_CUT, FindingCleared("quiet", 0, away=True, vouched=False))[0].state == "FOLDED"


def test_an_absence_lasts_as_long_as_whoever_found_out_says():
    _, owed = run(RED, ACCEPT, OutcomeRecorded("worker:wang", "SAFE_AWAY", away_s=3 * 86400.0))
    assert "explained for 72 h" in said(owed)


@pytest.mark.parametrize(
    ("roster", "state", "first"),
    [
        pytest.param(Roster(None, "li", "zhao"), "AWAITING", "li offer", id="nobody on shift: the backup at once"),
        pytest.param(Roster(None, None, "zhao"), "AWAITING", "zhao offer", id="no shift: the lead at once"),
        pytest.param(
            Roster(operators=("ops",)), "UNATTENDED", "ops operator_unattended", id="nobody at all: the operator"
        ),
    ],
)
def test_an_empty_rung_never_costs_time(roster, state, first):
    case, owed = run(RED, roster=roster)
    assert (case.state, said(owed)[0]) == (state, first)


def test_one_person_on_two_rungs_is_not_waited_for_twice():
    case, owed = run(RED, 10, TimerDue(Timer.NEXT_RUNG), roster=Roster("wang", "wang", "zhao"))
    assert (case.rung, said(owed)) == (2, ["zhao offer"])


def test_who_comes_on_shift_is_asked_first_when_nobody_accepted():
    case, _ = run(RED, *UNANSWERED)
    night = Roster("chen", "li", "zhao", (), ("ops",))
    _, owed = step(case, TimerDue(Timer.REPEAT), T0 + 35 * MINUTE, POLICY, night)
    assert said(owed)[0] == "chen offer"


def test_the_losers_of_an_acceptance_get_their_offers_back_when_it_is_undone():
    taken, _ = run(RED, 10, TimerDue(Timer.NEXT_RUNG), ACCEPT)
    assert [(o.worker, o.state) for o in taken.offers] == [("wang", "accepted"), ("li", "withdrawn")]
    back, _ = run(RED, 10, TimerDue(Timer.NEXT_RUNG), ACCEPT, Undone("worker:wang"))
    assert [(o.worker, o.state) for o in back.offers] == [("wang", "offered"), ("li", "offered")]
    assert back.timers == {Timer.NEXT_RUNG: T0 + 20 * MINUTE}


def test_an_amber_case_that_turns_red_goes_by_the_red_clocks():
    amber, _ = run(AMBER, 10, TimerDue(Timer.ASK))
    assert amber.timers[Timer.NEXT_RUNG] == T0 + 40 * MINUTE
    red, _ = run(AMBER, 10, TimerDue(Timer.ASK), 5, RED)
    assert red.timers[Timer.NEXT_RUNG] == T0 + 25 * MINUTE


def test_no_clock_of_a_case_is_ever_without_use():
    case, _ = run(RED, ACCEPT)
    stray = Case(**{n: getattr(case, n) for n in Case.__slots__} | {"timers": {Timer.REPEAT: T0}})
    after, owed = step(stray, TimerDue(Timer.REPEAT), T0, POLICY, ROSTER)
    assert (after.timers, owed) == ({}, ())


@pytest.mark.parametrize("code", OUTCOMES)
def test_every_outcome_ends_the_case_with_its_label(code):
    case, owed = run(RED, ACCEPT, ARRIVE, OutcomeRecorded("worker:wang", code))
    assert case.state in ENDED
    assert (case.outcome, case.closed_at, case.timers) == (code, T0, {})
    assert SetLabel(OUTCOMES[code].label) in owed


@pytest.mark.parametrize(("code", "reason"), [("FINE", None), ("HELPED", "guest"), ("SAFE_AT_HOME", "tired")])
def test_an_outcome_outside_the_table_is_an_error(code, reason):
    with pytest.raises(UnknownOutcome, match="want"):
        run(RED, ACCEPT, OutcomeRecorded("worker:wang", code, reason))


def test_each_change_is_exactly_one_version():
    events = [RED, ACCEPT, SET_OFF, ARRIVE, SAFE, Undone("worker:wang"), SAFE]
    for n in range(len(events)):
        assert run(*events[: n + 1])[0].version == n + 1
    assert run(AMBER, 10, TimerDue(Timer.ASK), Declined("worker:wang", "busy"), RED)[0].version == 4
    folding = [RED, CUT, AMBER_IN_CUT, CUT_ENDS, CUT, WET, CUT, CUT_ENDS, 120, TimerDue(Timer.RELEASE)]
    steps = [n for n, event in enumerate(folding) if not isinstance(event, int)]
    versions = [run(*folding[: n + 1])[0].version for n in steps]
    assert versions == list(range(1, len(steps) + 1))
