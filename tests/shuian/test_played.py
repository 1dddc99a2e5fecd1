"""Readings of drills are told from those of life, and do not reach dashboards."""

from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from alerts import database, schema
from alerts.registry import changes
from ingest.influx import Sink
from ingest.influx_dialects import connect
from ingest.influx_state import InfluxState
from ingest.measures import milliseconds
from ingest.metrics import COPIED
from ingest.store import SqliteStore
from shuian.people import PeopleRegistry
from shuian.played import Played
from tests.alerts.neighbourhood import T0, fill
from tests.alerts.test_drills import DRILL_SHEETS
from tests.influx_servers import Influx, running
from tests.ingest.influx_sinks import readings, stored, work


@pytest.fixture
def played(tmp_path):
    """A registry in which a meter stands in a home of drills, and another one in a home where somebody lives."""
    engine = database.open(tmp_path / "people.sqlite")
    fill(engine, tmp_path / "in", **DRILL_SHEETS)
    row = {"format": "native", "period_s": 900, "zone": "UTC", "resolution_l": 1.0}
    with engine.begin() as conn:
        conn.execute(
            insert(schema.devices),
            [
                row | {"id": "dm", "household": "v1", "valid_from": T0 - timedelta(days=9), "valid_to": None},
                row | {"id": "wm", "household": "h1", "valid_from": T0 - timedelta(days=9), "valid_to": None},
                row | {"id": "both", "household": "v1", "valid_from": T0 - timedelta(days=9), "valid_to": T0},
                row | {"id": "both", "household": "h1", "valid_from": T0, "valid_to": None},
            ],
        )
        changes.bump(conn)
    yield engine, Played(PeopleRegistry(engine), lambda: T0)
    engine.dispose()


def row(device, at):
    return readings(1, device, since=milliseconds(at))[0]


def test_readings_of_a_meter_are_of_drills_while_it_stands_in_a_home_of_drills(played):
    _, told = played
    before, after = T0 - timedelta(days=1), T0 + timedelta(days=1)
    rows = [row(device, at) for device in ("dm", "wm", "both", "stranger") for at in (before, after)]
    assert [(one.device, one.measured_ms > milliseconds(T0)) for one in told.without(rows)] == [
        ("wm", False), ("wm", True), ("both", True), ("stranger", False), ("stranger", True),
    ]  # fmt: skip


def test_a_change_of_the_registry_is_heard(played):
    engine, told = played
    assert told.without([row("wm", T0)])
    with engine.begin() as conn:
        conn.execute(update(schema.households).where(schema.households.c.id == "h1").values(area="dg"))
        assert told.without([row("wm", T0)]), "nobody said yet that it changed"
        changes.bump(conn)
    assert told.without([row("wm", T0)]) == []


@pytest.mark.slow
def test_dashboards_get_no_reading_of_a_drill_from_the_journal_or_the_months(played, tmp_path):
    _, told = played
    old = readings(5, "dm", since=milliseconds(T0) - 5 * 86_400_000) + readings(5, "wm", since=milliseconds(T0))
    before = COPIED.labels("left_out")._value.get()
    with (
        running(Influx, tmp_path / "server") as server,
        closing(SqliteStore(tmp_path / "readings")) as store,
        closing(InfluxState(tmp_path)) as state,
    ):
        stored(store, old)
        store.forget(store.newest_seq())
        settings = server.settings("out", retention_days=0)
        sink = Sink(settings, connect(settings), state, store, tmp_path / "readings", told.without)
        stored(store, readings(5, "dm", since=milliseconds(T0)), readings(3, "wm", since=milliseconds(T0) + 9_000_000))
        work(sink)
        assert {key[0] for key in server.points("out")} == {"wm"}
        assert len(server.points("out")) == 8
        sink.close()
    assert COPIED.labels("left_out")._value.get() - before >= 10
