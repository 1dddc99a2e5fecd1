"""Many findings in one transaction: nothing differs from one after the other but the number of transactions."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from alerts import audit, claims, database, schema
from alerts.policy import Policy
from alerts.store import Store
from tests.alerts.neighbourhood import T0, fill, finding

TABLES = ("cases", "timers", "offers", "case_events", "findings", "notices", "policies")


def rows(engine, name):
    table = getattr(schema, name)
    with engine.connect() as conn:
        return conn.execute(select(table).order_by(*table.primary_key.columns)).all()


def at_home(home, name, severity="red", **changed):
    return replace(finding(name, severity), household=home, **changed)


MIXED = [
    at_home("h1", "f-1"),
    at_home("h2", "f-2", "amber"),
    at_home("h1", "f-3", "amber", kind="rule:12h-10l"),
    at_home("h1", "f-1"),
    at_home("h2", "f-4", "blue", kind="drift", reason="drift_night_up", evidence={"now_times": 2.4}),
    at_home("h2", "f-5", "blue", kind="meter_silent", reason="meter_silent", evidence={"silent_s": 9e4}),
    at_home("h2", "f-6"),
]


@pytest.fixture
def pair(tmp_path):
    """Two databases with the same people."""
    engines = [database.open(tmp_path / f"{name}.sqlite") for name in ("together", "in-turn")]
    for n, engine in enumerate(engines):
        fill(engine, tmp_path / f"sheets-{n}")
    yield engines
    for engine in engines:
        engine.dispose()


@pytest.mark.parametrize("policy", [Policy(), Policy(most_offers=1)], ids=["usual", "one offer is enough"])
@pytest.mark.parametrize("kept_families", [True, False], ids=["family asked first", "nobody to ask"])
def test_together_leaves_the_rows_that_one_after_the_other_leaves(pair, policy, kept_families):
    together, in_turn = pair
    for engine in pair:
        if not kept_families:
            with engine.begin() as conn:
                conn.execute(schema.contacts.delete())
    names = Store(together, policy).raise_findings(MIXED, T0)
    with in_turn.begin() as conn:
        assert [claims.raised(conn, one, T0, policy) for one in MIXED] == names
    for table in TABLES:
        assert rows(together, table) == rows(in_turn, table), table
    for engine in pair:
        with engine.connect() as conn:
            assert audit.verify(conn).ok
    assert [row.about for row in rows(together, "audit")] == [row.about for row in rows(in_turn, "audit")]


def test_many_findings_are_all_stored_or_none(store, engine):
    broken = at_home("h2", "f-2", onset=T0.replace(tzinfo=None))
    with pytest.raises((ValueError, TypeError)):
        store.raise_findings([at_home("h1", "f-1"), broken], T0)
    assert rows(engine, "cases") == rows(engine, "findings") == rows(engine, "notices") == []
    store.raise_findings([at_home("h1", "f-1")], T0)
    assert len(store.open_cases()) == 1


def test_an_absent_home_and_one_without_consent_open_nothing_among_others(store, engine):
    with engine.begin() as conn:
        conn.execute(
            schema.absences.insert().values(
                household="h1", start=T0 - timedelta(days=2), end=T0 + timedelta(days=2), by="resident:r1"
            )
        )
    kept = store.raise_findings([at_home("h1", "f-1"), at_home("h2", "f-2")], T0)
    assert [name is None for name in kept] == [True, False]
    assert [(row.id, row.suppressed) for row in rows(engine, "findings")] == [("f-1", "away"), ("f-2", None)]
    with engine.begin() as conn:
        conn.execute(schema.consents.update().values(withdrawn_at=T0))
    assert store.raise_findings([at_home("h2", "f-9", "blue")], T0 + timedelta(minutes=1)) == [None]


def test_many_homes_cost_hardly_more_queries_than_one(store, engine):
    asked = []
    event.listen(engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    store.raise_findings([at_home("h1", "f-1")], T0)
    alone = len(asked)
    asked.clear()
    with engine.begin() as conn:
        conn.execute(schema.findings.delete())
        for table in ("case_events", "offers", "timers", "notices", "cases"):
            conn.execute(getattr(schema, table).delete())
    asked.clear()
    store.raise_findings([at_home("h1", "f-1"), at_home("h2", "f-2")], T0)
    assert len(asked) == alone - 1  # the settings are kept already
    with engine.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(schema.cases)) == 2


def test_a_list_without_findings_is_no_transaction(store):
    assert store.raise_findings([], T0) == []
