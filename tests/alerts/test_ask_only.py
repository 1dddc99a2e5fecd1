"""A home that can only be asked: family first, then the operators by telephone, and nobody is sent for missing use alone."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from alerts import consent, database, schema
from alerts.cases import Accepted, Declined, OutcomeRecorded, State
from alerts.policy import Policy
from tests.alerts.neighbourhood import T0, cut, delivered, finding, notices

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


def without_family(engine):
    with engine.begin() as conn:
        c = schema.consents.c
        conn.execute(update(schema.consents).where(c.purpose == "relative").values(withdrawn_at=T0))


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
    without_family(engine)
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


def test_soon_after_the_last_case_it_is_only_asked_all_the_same(store, engine):
    first = asked(store)
    store.act("live", first, Accepted("worker:wang"), T0, "t1")
    store.act("live", first, OutcomeRecorded("worker:wang", "SAFE_AT_HOME"), T0, "t2")
    hour = T0 + 60 * MINUTE
    again = store.raise_finding(finding("f-2", severity="amber", evidence=ONLY), hour)
    assert store.case("live", again).recurs == first
    assert state(store, again) == State.SUSPECTED
    assert not [name for name, _ in owed(engine) if name == "offer"]


def test_a_worker_who_went_unasked_and_gives_it_back_leaves_it_with_the_operators(store, engine):
    case = asked(store)
    store.act("live", case, Accepted("worker:wang"), T0 + MINUTE, "t1")
    store.act("live", case, Declined("worker:wang", "busy"), T0 + 5 * MINUTE, "t2")
    assert state(store, case) == State.SUSPECTED
    assert store.case("live", case).owner is None
    assert ("operator_ask", "ops") in owed(engine)
    assert not [name for name, _ in owed(engine) if name == "offer"]


def test_after_an_outage_nobody_is_sent_either(store, engine):
    without_family(engine)
    case = asked(store)
    store.begin_area(cut(onset=T0 - timedelta(hours=15)), T0 + MINUTE)
    assert state(store, case) == State.FOLDED
    over = T0 + timedelta(hours=1)
    store.end_area("cut", over, over)
    store.fire_due(over + timedelta(seconds=Policy().fold_grace_s))
    assert state(store, case) == State.SUSPECTED
    assert not [name for name, _ in owed(engine) if name == "offer"]


def test_nor_when_a_consent_is_given_again(store, engine):
    case = asked(store)
    with engine.begin() as conn:
        consent.withdraw(conn, "r1", "community", "", T0 + MINUTE, Policy(), by="cli")
    assert state(store, case) == State.CONSENT_REVIEW
    with engine.begin() as conn:
        consent.give(conn, "r1", "community", "", T0 + 2 * MINUTE, Policy(), by="cli", given_by="resident")
    assert state(store, case) == State.SUSPECTED
    assert not [name for name, _ in owed(engine) if name == "offer"]


def test_a_case_of_before_is_known_for_what_it_is_after_a_migration(store, engine):
    case = asked(store)
    other = store.raise_finding(finding("f-9", "amber", household="h2"), T0)
    database.migrate(engine, "0005")
    database.migrate(engine)
    assert store.case("live", case).ask_only
    assert not store.case("live", other).ask_only
