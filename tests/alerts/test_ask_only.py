"""A home that can only be asked: family first, then the operators by telephone, and nobody is sent for missing use alone."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from alerts import schema
from alerts.cases import Accepted, OutcomeRecorded, State
from alerts.policy import Policy
from tests.alerts.neighbourhood import T0, delivered, finding, notices

MINUTE = timedelta(minutes=1)
ONLY = {"quiet_s": 50400.0, "ask_only": True}


def asked(store, now=T0):
    """Open a case of a home that is only asked and return its id."""
    case = store.raise_finding(finding(severity="amber", evidence=ONLY), now)
    assert case is not None
    return case


def owed(engine):
    return [(n.template, n.recipient) for n in notices(engine)]


def state(store, case):
    return store.case("live", case).state


def test_nobody_answering_reaches_the_operators_again_and_again_and_no_worker(store, engine):
    case = asked(store)
    assert owed(engine) == [("family_ask", "f1"), ("family_ask", "f2")]
    store.fire_due(T0 + 10 * MINUTE)
    assert owed(engine)[2:] == [("operator_ask", "ops")]
    store.fire_due(T0 + 69 * MINUTE)
    assert len(owed(engine)) == 3
    store.fire_due(T0 + 10 * MINUTE + timedelta(seconds=Policy().ask_again_s))
    assert owed(engine)[3:] == [("operator_ask", "ops")]
    assert state(store, case) == State.SUSPECTED


def test_without_family_the_operators_are_asked_at_once(store, engine):
    with engine.begin() as conn:
        c = schema.consents.c
        conn.execute(update(schema.consents).where(c.purpose == "relative").values(withdrawn_at=T0))
    asked(store)
    assert owed(engine) == [("operator_ask", "ops")]


def test_family_who_cannot_be_reached_are_as_good_as_none(store, engine):
    case = asked(store)
    delivered(engine, T0)
    row = next(n for n in notices(engine) if n.recipient == "f1")
    with engine.begin() as conn:
        n = schema.notices.c
        conn.execute(update(schema.notices).where(n.recipient.in_(("f1", "f2"))).values(state="failed"))
        store.undeliverable(conn, row._mapping, T0 + MINUTE)
    assert owed(engine)[2:] == [("operator_ask", "ops")]
    assert state(store, case) == State.SUSPECTED


@pytest.mark.parametrize("more", ["sos", "surge"])
def test_anything_else_sends_somebody(store, engine, more):
    case = asked(store)
    store.raise_finding(finding("f-2", "red", kind=more, reason=more, evidence={}), T0 + MINUTE)
    assert ("offer", "wang") in owed(engine)
    assert state(store, case) == State.AWAITING


def test_an_amber_sign_of_another_kind_sends_somebody_when_nobody_answers(store, engine):
    case = asked(store)
    store.raise_finding(finding("f-2", "amber", kind="leak", reason="leak", evidence={}), T0 + MINUTE)
    store.fire_due(T0 + 10 * MINUTE)
    assert ("offer", "wang") in owed(engine)
    assert state(store, case) == State.AWAITING


def test_a_worker_may_go_all_the_same_and_an_answer_ends_it(store):
    case = asked(store)
    assert store.act("live", case, Accepted("worker:wang"), T0 + MINUTE, "t1").done
    assert store.act("live", case, OutcomeRecorded("worker:wang", "SAFE_AT_HOME"), T0 + 9 * MINUTE, "t2").done
    assert state(store, case) == State.CLOSED
