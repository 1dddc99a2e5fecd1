"""Declared away on a page: who is believed for how long, what waits for a confirmation, and what it never does."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from alerts import absence, registry, schema
from alerts.errors import BadAbsence
from alerts.policy import Policy
from tests.alerts.neighbourhood import T0, delivered, fill, finding, notices

DAY = timedelta(days=1)
WEEK = T0 + 7 * DAY
POLICY = Policy()


def declare(engine, by="worker:wang", until=WEEK, *, start=T0, now=T0, household="h1"):
    """Declare a home away and return what came of it."""
    with engine.begin() as conn:
        return absence.declare(conn, household, by, start, until, now, POLICY)


def away(engine, at, household="h1"):
    """Return whether the home counts as away at that moment."""
    with engine.connect() as conn:
        return registry.absent(conn, household, at)


@pytest.mark.parametrize("by", ["worker:wang", "operator:ops"])
def test_who_speaks_for_us_is_believed_at_once(engine, by):
    said = declare(engine, by)
    assert (said.start, said.end, said.asked_until) == (T0, WEEK, None)
    assert away(engine, WEEK - timedelta(minutes=1))
    assert not away(engine, WEEK)


def test_a_relative_is_believed_for_a_day_and_the_rest_waits(engine):
    said = declare(engine, "contact:f1")
    assert (said.end, said.asked_until) == (T0 + DAY, WEEK)
    assert away(engine, T0 + timedelta(hours=23))
    assert not away(engine, T0 + DAY)


def test_what_a_relative_asks_for_within_a_day_waits_for_nothing(engine):
    assert declare(engine, "contact:f1", T0 + timedelta(hours=10)).asked_until is None


def test_a_day_begins_with_the_journey_and_not_with_the_form(engine):
    said = declare(engine, "contact:f1", start=T0 + 3 * DAY)
    assert (said.start, said.end) == (T0 + 3 * DAY, T0 + 4 * DAY)


@pytest.mark.parametrize("by", ["worker:wang", "operator:ops"])
def test_a_confirmation_gives_the_relative_the_rest(engine, by):
    said = declare(engine, "contact:f1")
    with engine.begin() as conn:
        assert absence.confirm(conn, said.id, by, T0 + timedelta(hours=2))
        assert not absence.confirm(conn, said.id, by, T0 + timedelta(hours=3)), "once"
        assert conn.execute(select(schema.absences.c.by, schema.absences.c.asked_until)).one() == (by, None)
    assert away(engine, WEEK - timedelta(minutes=1))


def test_a_relative_does_not_confirm_what_a_relative_said(engine):
    said = declare(engine, "contact:f1")
    with engine.begin() as conn, pytest.raises(BadAbsence, match="to confirm"):
        absence.confirm(conn, said.id, "contact:f2", T0)


def test_asking_again_and_again_does_not_make_the_day_longer(engine):
    first = declare(engine, "contact:f1")
    for hours in (1, 20, 30, 60):
        again = declare(engine, "contact:f2", WEEK + DAY, now=T0 + timedelta(hours=hours))
        assert (again.id, again.end, again.asked_until) == (first.id, T0 + DAY, WEEK + DAY)
    assert not away(engine, T0 + timedelta(hours=61))


def test_an_old_wish_can_still_be_confirmed(engine):
    said = declare(engine, "contact:f1")
    with engine.begin() as conn:
        assert absence.confirm(conn, said.id, "worker:wang", T0 + 2 * DAY)
    assert away(engine, T0 + 3 * DAY)


def test_a_wish_whose_time_is_over_cannot(engine):
    said = declare(engine, "contact:f1")
    with engine.begin() as conn:
        assert not absence.confirm(conn, said.id, "worker:wang", WEEK)


def test_no_absence_is_longer_than_thirty_days_or_begins_before_it_was_declared(engine):
    said = declare(engine, start=T0 - 3 * DAY, until=T0 + 400 * DAY)
    assert (said.start, said.end) == (T0, T0 + 30 * DAY)


def test_home_again_ends_it_now_and_what_waited_with_it(engine):
    said = declare(engine, "contact:f1")
    with engine.begin() as conn:
        assert absence.end(conn, said.id, "contact:f2", T0 + timedelta(hours=5))
        assert not absence.end(conn, said.id, "contact:f2", T0 + timedelta(hours=6))
        assert not absence.confirm(conn, said.id, "worker:wang", T0 + timedelta(hours=6))
    assert away(engine, T0 + timedelta(hours=4))
    assert not away(engine, T0 + timedelta(hours=5))


def test_a_journey_that_was_only_planned_is_gone(engine):
    said = declare(engine, start=T0 + 2 * DAY)
    with engine.begin() as conn:
        assert absence.end(conn, said.id, "worker:wang", T0)
        assert conn.execute(select(schema.absences)).all() == []


def test_each_change_is_heard_by_who_keeps_a_copy_of_the_registry(engine):
    def version():
        with engine.connect() as conn:
            return registry.version(conn)

    seen = [version()]
    said = declare(engine, "contact:f1")
    seen.append(version())
    with engine.begin() as conn:
        absence.confirm(conn, said.id, "worker:wang", T0)
    seen.append(version())
    with engine.begin() as conn:
        absence.end(conn, said.id, "worker:wang", T0 + DAY)
    seen.append(version())
    assert seen == sorted(set(seen))


@pytest.mark.parametrize(
    ("by", "household", "until", "wanted"),
    [
        ("worker:wang", "h1", T0, "want an end after"),
        ("worker:wang", "h1", T0 - DAY, "want an end after"),
        ("worker:wang", "h9", WEEK, "no household"),
        ("system", "h1", WEEK, "want worker:ID"),
        ("stranger:x", "h1", WEEK, "want worker:ID"),
    ],
)
def test_what_cannot_be_is_refused(engine, by, household, until, wanted):
    with pytest.raises(BadAbsence, match=wanted):
        declare(engine, by, until, household=household)
    with engine.connect() as conn:
        assert conn.execute(select(schema.absences)).all() == []


def test_an_import_of_the_sheets_leaves_it_alone(engine, tmp_path):
    declare(engine, "contact:f1")
    fill(engine, tmp_path / "again")
    assert away(engine, T0 + timedelta(hours=1))


@pytest.mark.parametrize("severity", ["amber", "red"])
def test_a_relatives_word_ends_no_case_that_is_open(store, engine, severity):
    case = store.raise_finding(finding(severity=severity), T0)
    delivered(engine, T0)
    declare(engine, "contact:f1")
    store.clear_finding("f-1", T0 + timedelta(minutes=1), T0 + timedelta(minutes=1))  # the detectors hear of it
    assert [c.id for c in store.open_cases()] == [case]
    assert not [n for n in notices(engine) if n.template in ("stand_down", "likely_well", "family_declared_away")]


def test_a_worker_who_says_so_ends_an_amber_one_that_nobody_accepted(store, engine):
    store.raise_finding(finding(severity="amber"), T0)
    declare(engine, "worker:wang")
    store.clear_finding("f-1", T0 + timedelta(minutes=1), T0 + timedelta(minutes=1))
    assert store.open_cases() == []


def test_while_a_home_is_away_its_silence_opens_nothing_and_its_flow_does(store, engine):
    declare(engine, "contact:f1")
    assert store.raise_finding(finding(at=T0 + timedelta(hours=1)), T0 + timedelta(hours=1)) is None
    flow = finding("f-2", kind="surge", at=T0 + timedelta(hours=1))
    assert store.raise_finding(flow, T0 + timedelta(hours=1)) is not None


@pytest.mark.parametrize(("by", "asked"), [("worker:wang", True), ("sheet", True), ("outcome:c-1", False)])
def test_use_while_away_is_asked_about_if_a_person_said_until_when(store, engine, by, asked):
    span = {"start": T0 - timedelta(days=1), "end": T0 + timedelta(days=1)}
    with engine.begin() as conn:
        conn.execute(insert(schema.absences).values(household="h1", by=by, **span))
    case = store.raise_finding(finding("f-1", "amber", kind="away_use", at=T0, reason="away_use"), T0)
    assert (case is not None) == asked
