"""The call-back after an outcome: owed with it, dropped with it, made once, counted when it is late."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from alerts import call_backs, schema
from alerts.cases import Accepted, OutcomeRecorded, Undone
from tests.alerts.neighbourhood import T0, finding

DAY = timedelta(days=1)


@pytest.fixture
def ended(store):
    case = store.raise_finding(finding(), T0)
    store.act("live", case, Accepted("worker:wang"), T0, "tap-1")
    store.act("live", case, OutcomeRecorded("worker:wang", "SAFE_AT_HOME"), T0, "tap-2")
    return case


def owed(conn):
    c = schema.call_backs.c
    return conn.execute(select(c.case_id, c.due_at, c.done_at, c.answer)).all()


def due(engine):
    with engine.connect() as conn:
        return [(one.case, one.household, one.outcome, one.due_at) for one in call_backs.due(conn)]


def test_an_outcome_owes_a_call_within_a_day_and_the_home_may_have_its_next_case_meanwhile(engine, store, ended):
    assert due(engine) == [(ended, "h1", "SAFE_AT_HOME", T0 + DAY)]
    again = store.raise_finding(finding("f-2", at=T0 + DAY), T0 + DAY)
    assert again not in (None, ended)


def test_an_outcome_taken_back_owes_none(engine, store, ended):
    store.act("live", ended, Undone("worker:wang"), T0 + timedelta(seconds=5), "tap-3")
    assert due(engine) == []


def test_a_call_is_made_once_and_counted_as_it_was(engine, ended):
    with engine.begin() as conn:
        assert call_backs.made(conn, "live", ended, "operator:ops", "well", T0 + DAY)
        assert not call_backs.made(conn, "live", ended, "operator:ops", "wrong", T0 + DAY)
        assert not call_backs.made(conn, "live", "no such case", "operator:ops", "well", T0)
        assert owed(conn) == [(ended, T0 + DAY, T0 + DAY, "well")]
    assert due(engine) == []


def test_a_late_call_and_one_never_made_are_told_apart(engine, ended):
    with engine.begin() as conn:
        assert owed(conn) == [(ended, T0 + DAY, None, None)]
        call_backs.made(conn, "live", ended, "operator:ops", "wrong", T0 + 2 * DAY)
        assert owed(conn) == [(ended, T0 + DAY, T0 + 2 * DAY, "wrong")]


def test_what_ended_by_itself_owes_no_call(engine, store):
    store.raise_finding(finding(severity="amber"), T0)
    store.clear_finding("f-1", T0 + timedelta(minutes=1), T0 + timedelta(minutes=1))
    assert store.open_cases() == []
    assert due(engine) == []
