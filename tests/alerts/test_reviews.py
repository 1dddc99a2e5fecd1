"""Consent that ends while a case is open, whatever the case has been through: every case that can come about."""

from functools import cache

from alerts import diagram
from alerts.casefile import ENDED, OWNED, State
from alerts.cases import step
from alerts.diagram import POLICIES, ROSTER, T0
from alerts.effects import Notify, TellTold
from alerts.events import Accepted, ConsentGiven, ConsentWithdrawn, ReviewClosed

POLICY = POLICIES[0]


@cache
def every_open_case():
    """Return every case that can come about without consent ending, up to names and clock times; takes seconds, once."""
    new = [diagram._new(severity) for severity in ("red", "amber", "blue")]
    found = {diagram._alike(case): case for case in new}
    while new:
        case = new.pop()
        for _, event in diagram.events(case):
            if isinstance(event, ConsentWithdrawn):
                continue
            for now in (T0, diagram._late(case)):
                after, _ = step(case, event, now, POLICY, ROSTER)
                if after is not case and (like := diagram._alike(after)) not in found:
                    found[like] = after
                    new.append(after)
    return [case for case in found.values() if case.state not in ENDED | {State.NEW}]


def ended(case):
    return step(case, ConsentWithdrawn("monitor"), diagram._late(case), POLICY, ROSTER)


def test_there_are_cases_in_every_open_state():
    assert {case.state for case in every_open_case()} == set(State) - ENDED - {State.NEW, State.CONSENT_REVIEW}


def test_nobody_new_is_asked_to_go_and_no_relative_is_told():
    for case in every_open_case():
        after, effects = ended(case)
        for effect in effects:
            if isinstance(effect, Notify):
                assert (effect.to.partition(":")[0], effect.template) in {
                    ("operator", "operator_consent"), ("worker", "owner_consent"),
                }, case  # fmt: skip
            if isinstance(effect, TellTold):
                assert (effect.template, effect.kinds) == ("stand_down", ("worker",)), case
        if case.state not in OWNED:
            assert not [offer for offer in after.offers if offer.state == "offered"], case


def test_a_visit_may_finish_a_device_is_let_go_and_all_else_asks_the_operator():
    for case in every_open_case():
        after, _ = ended(case)
        if case.stream == "technical":
            assert after.state == State.CANCELLED_CONSENT
        elif case.state in OWNED:
            assert (after.state, after.owner) == (case.state, case.owner)
        else:
            assert after.state == State.CONSENT_REVIEW
            assert after.timers


def test_only_an_operator_ends_it_no_worker_takes_it_and_consent_given_again_calls_somebody():
    for case in every_open_case():
        review, _ = ended(case)
        if review.state != State.CONSENT_REVIEW:
            continue
        for event in (Accepted("worker:owner"), ReviewClosed("worker:owner"), ReviewClosed("contact:relative")):
            assert step(review, event, T0, POLICY, ROSTER)[0] is review
        over, _ = step(review, ReviewClosed("operator:operator"), T0, POLICY, ROSTER)
        assert (over.state, over.closed_at, over.undo) == (State.CANCELLED_CONSENT, T0, None)
        again, _ = step(review, ConsentGiven(), T0, POLICY, ROSTER)
        assert again.state == State.SUSPECTED if case.ask_only else again.state in {State.AWAITING, State.UNATTENDED}
