"""Old readings go every night: the detectors notice nothing, open cases keep theirs, a state made anew says of what."""

import asyncio
import re
import shutil
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import insert, select

from alerts import audit, database, schema
from ingest import retention as ageing
from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from ingest.retention import Retention
from ingest.store import SqliteStore
from shuian import retention
from shuian.retention import Keeper, needed
from tests.alerts import neighbourhood
from tests.shuian.street import HOUR, T0, Street, ms

DAY = timedelta(days=1)


def lived(street, days):
    """Let a meter have told of an ordinary life until now, all of it in one batch."""
    rows, litres = [], 0
    for hour in range(24 * days):
        at = street.now - timedelta(hours=24 * days - hour - 1)
        litres += 7 if at.hour in (23, 0, 4, 10, 13) else 0
        rows.append(StoredReading("m1", WATER_VOLUME_TOTAL, ms(at), 1000 * litres, ms(at), ()))
    street.store.commit(rows, [])
    street.litres["m1"] = litres
    street.work()


def state(street):
    return street.pipeline.partition.snapshot()


@pytest.mark.slow
def test_the_detectors_notice_nothing_and_a_state_made_anew_says_what_it_is_made_of(tmp_path):
    first = Street(tmp_path / "kept")
    lived(first, 12)
    first.pipeline.save()
    first.store.close()
    shutil.copytree(tmp_path / "kept", tmp_path / "aged")
    kept, aged = Street(tmp_path / "kept"), Street(tmp_path / "aged")
    for street in (kept, aged):
        street.litres |= first.litres
        street.work()
    gone = ageing.expire(aged.store, Retention(readings_days=8), aged.now, {})
    assert gone.readings + gone.months > 0
    for street in (kept, aged):
        street.hours(20)  # long enough to be missed
        street.restart()
    assert aged.inbox.told == kept.inbox.told != []
    for name, one in state(aged).items():
        np.testing.assert_array_equal(one, state(kept)[name], name)
    for street, said in ((kept, "13 of the last 120 days"), (aged, "9 of the last 120 days")):
        assert street.pipeline.learnt_from is None
        (street.folder / "detect.npz").unlink()
        street.restart()
        assert said in street.pipeline.learnt_from
        street.store.close()


@pytest.fixture
def engine(tmp_path):
    made = database.open(tmp_path / "people.sqlite")
    neighbourhood.fill(made, tmp_path / "sheets")
    yield made
    made.dispose()


@pytest.fixture
def store(tmp_path):
    made = SqliteStore(tmp_path / "readings")
    made.commit([StoredReading("m2", WATER_VOLUME_TOTAL, ms(T0 - age * DAY), 7, ms(T0), ()) for age in range(200)], [])
    yield made
    made.close()


def open_case(conn, household, onset, closed_at=None):
    row = {
        "realm": "live", "id": f"c-{household}-{onset:%j}", "household": household, "stream": "technical",
        "severity": "blue", "state": "OPEN", "version": 1, "onset": onset, "opened_at": onset, "closed_at": closed_at,
        "rung": 0, "loop": 0,
    }  # fmt: skip
    conn.execute(insert(schema.cases).values(row))


@pytest.mark.slow
def test_an_open_case_keeps_what_its_devices_told_since_a_week_before_it(engine, store):
    onset = T0 - 150 * DAY
    with engine.begin() as conn:
        open_case(conn, "h1", onset)
        open_case(conn, "h2", T0 - 180 * DAY, closed_at=T0)
        assert needed(conn) == {"m1": ms(onset - 8 * DAY), "m2": ms(onset - 8 * DAY)}
    keeper = Keeper(store, engine, Retention(), ZoneInfo("Asia/Shanghai"))
    keeper.work_if_due(T0)
    assert store.history("m2", WATER_VOLUME_TOTAL, 0, ms(T0))[0].measured_ms == ms(onset - 8 * DAY)


@pytest.mark.slow
def test_it_is_done_once_a_night_and_stands_in_the_chain(engine, store):
    keeper = Keeper(store, engine, Retention(), ZoneInfo("Asia/Shanghai"))
    begun = datetime(2026, 11, 2, 9, tzinfo=UTC)  # five in the afternoon
    done = [keeper.work_if_due(begun + hours * HOUR) is not None for hours in (0, 1, 9, 10, 11, 34)]
    assert done == [True, False, False, True, False, True]
    with engine.connect() as conn:
        entries = [row.data for row in conn.execute(select(schema.audit)) if row.kind == "expired"]
        assert audit.verify(conn, []).ok
    assert len(entries) == 2  # in the night between them nothing had become old
    assert "m2" not in str(entries)


def test_a_clock_that_jumped_deletes_nothing(monkeypatch):
    monkeypatch.setattr(retention, "EVERY_S", 0.01)
    keeper = Keeper(None, None, Retention(), ZoneInfo("UTC"))
    asked = []

    async def run():
        stop = asyncio.Event()

        def trusted():
            asked.append(1)
            if len(asked) == 3:
                stop.set()
            return False

        await keeper.keep(lambda: T0, stop, trusted)

    asyncio.run(run())
    assert len(asked) == 3
    assert keeper.trouble is None


def test_every_age_is_listed_with_its_default():
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    listed = {name: int(days) for name, days in re.findall(r"^\| .*\(`(\w+_days)`\) \| (\d+) \|", page, re.MULTILINE)}
    assert listed == asdict(Retention())
