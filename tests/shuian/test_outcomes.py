"""Outcomes on their way back: from the case to the detectors, once, and taken back when they are undone."""

from datetime import timedelta

import pytest

from alerts import database
from alerts.events import Accepted, OutcomeRecorded, Undone
from alerts.policy import Policy
from alerts.store import Store
from shuian.outcomes import Told, means
from shuian.people import CaseDesk
from tests.alerts.neighbourhood import T0, fill, finding
from tests.shuian.street import Street

MINUTE = timedelta(minutes=1)


@pytest.fixture
def desk(tmp_path):
    engine = database.open(tmp_path / "people.sqlite")
    fill(engine, tmp_path / "sheets")
    store = Store(engine, Policy())
    yield store, CaseDesk(store, lambda: T0, lambda: None)
    engine.dispose()


def test_an_outcome_names_its_findings_and_an_undone_one_does_not(desk):
    store, cases = desk
    store.raise_finding(finding("f-1", "amber"), T0)
    case = store.raise_finding(finding("f-2", "red"), T0 + MINUTE)
    store.act("live", case, Accepted("worker:wang"), T0 + 2 * MINUTE, "a")
    assert cases.outcomes(T0 - timedelta(days=1)) == []
    store.act("live", case, OutcomeRecorded("worker:wang", "SAFE_AT_HOME"), T0 + 9 * MINUTE, "b")
    onset, until = (T0 - timedelta(hours=14)).timestamp(), (T0 + 9 * MINUTE).timestamp()
    assert sorted(cases.outcomes(T0 - timedelta(days=1))) == [
        Told("h1", "quiet", "amber", onset, until, "well"), Told("h1", "quiet", "red", onset, until, "well")
    ]  # fmt: skip
    assert cases.outcomes(T0 + timedelta(days=1)) == []
    store.act("live", case, Undone("worker:wang"), T0 + 9 * MINUTE + timedelta(seconds=3), "c")
    assert cases.outcomes(T0 - timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("code", "reason", "meant"),
    [
        ("SAFE_AT_HOME", None, "well"),
        ("SAFE_AT_HOME", "guest", "well"),
        ("SAFE_AT_HOME", "illness", "incident"),
        ("SAFE_AWAY", None, "away"),
        ("HELPED", None, "incident"),
        ("TAKEN_TO_CARE", None, "incident"),
        ("OUTAGE", None, "fault"),
        ("LEAK_FIXED", None, None),
        ("NO_ENTRY_HANDED_TO_110", None, None),
    ],
)
def test_an_outcome_says_what_the_missing_use_was(code, reason, meant):
    assert means(code, reason) == meant


def level(street):
    return float(street.pipeline.partition.own_level()[0])


def test_the_pipeline_teaches_once_over_restarts_and_takes_back_what_is_undone(tmp_path):
    street = Street(tmp_path)
    street.hours(30, drawn=5.0)
    street.hours(12)
    street.pipeline.save()
    before, onset = level(street), street.now.timestamp() - 12 * 3600
    street.inbox.said = [Told("h1", "quiet", "amber", onset, street.now.timestamp(), "well")]
    street.hours(2)
    assert level(street) == pytest.approx(before + 0.08, abs=1e-3)
    street.restart()  # the snapshot is older than the outcome
    street.work()
    assert level(street) == pytest.approx(before + 0.08, abs=1e-3)
    street.pipeline.save()
    street.restart()
    street.work()
    assert level(street) == pytest.approx(before + 0.08, abs=1e-3)
    street.inbox.said = []  # it was undone
    street.hours(1)
    assert level(street) == pytest.approx(before, abs=1e-3)
    assert street.pipeline.partition.outcomes(0, "well", 0.0) == 0
    street.inbox.said = [Told("h1", "quiet", "amber", onset, street.now.timestamp(), "incident")]
    street.hours(1)
    assert level(street) == pytest.approx(before, abs=1e-3)
    assert street.pipeline.partition.outcomes(0, "incident", 0.0) == 1
