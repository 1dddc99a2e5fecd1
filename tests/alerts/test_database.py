"""Opening the database: at the newest version, durable, and clear about what is wrong."""

import sqlite3
import threading
import time
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from alerts import case_rows, database, schema
from alerts.cases import Accepted, OutcomeRecorded
from alerts.errors import DatabaseError
from alerts.schema import metadata
from tests.alerts.neighbourhood import SHEETS, T0, cut, delivered, fill, finding


def test_the_migrated_database_is_what_the_tables_say(engine):
    with engine.connect() as conn:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(conn, opts=options), metadata) == []


def test_every_revision_can_be_taken_back(engine):
    database.migrate(engine, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]


def everything(engine, columns):
    """Return all rows of the named columns, by table."""
    with engine.connect() as conn:
        return {
            table: sorted(map(repr, conn.execute(select(*(metadata.tables[table].c[n] for n in names))).all()))
            for table, names in columns.items()
        }


def test_a_database_of_the_first_version_keeps_every_row(engine, store):
    taken = store.raise_finding(finding("f-1"), T0)
    delivered(engine, T0)
    store.act("live", taken, Accepted("worker:wang"), T0, "tap-1")
    store.raise_finding(finding("f-2", "amber", household="h2"), T0)
    store.act("live", taken, OutcomeRecorded("worker:wang", "HELPED"), T0, "tap-2")
    database.migrate(engine, "0001")
    assert "area_events" not in inspect(engine).get_table_names()
    old = {t: [c["name"] for c in inspect(engine).get_columns(t)] for t in inspect(engine).get_table_names()}
    del old["alembic_version"]
    before = everything(engine, old)
    assert all(before[t] for t in ("cases", "notices", "attempts", "offers", "timers", "taps", "absences", "devices"))
    database.migrate(engine)
    assert everything(engine, old) == before
    test_the_migrated_database_is_what_the_tables_say(engine)
    with engine.connect() as conn:
        assert conn.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert case_rows.load(conn, "live", taken).outcome == "HELPED"
    store.begin_area(cut(onset=T0 - timedelta(hours=15)), T0)
    assert [case.state for case in store.open_cases()] == ["FOLDED"]


def test_the_way_back_leaves_out_what_the_first_version_cannot_say(engine, store):
    store.raise_finding(finding(), T0)
    store.begin_area(cut(onset=T0 - timedelta(hours=15)), T0)
    delivered(engine, T0)
    with engine.begin() as conn:
        sensor = {"id": "door-1", "format": "zigbee2mqtt", "household": "h1", "valid_from": T0, "zone": "UTC"}
        conn.execute(insert(schema.devices).values(**sensor, period_s=3600))
    database.migrate(engine, "0001")
    with engine.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM notices WHERE case_id IS NULL")).scalar() == 0
        assert conn.execute(text("SELECT count(*) FROM devices WHERE id = 'door-1'")).scalar() == 0
        assert conn.execute(text("PRAGMA foreign_key_check")).all() == []
        assert conn.execute(text("SELECT state, kind FROM cases JOIN timers ON id = case_id")).all() == [
            ("AWAITING", "next_rung")
        ]


def test_a_migration_that_would_lose_what_rows_refer_to_is_not_done(engine):
    database.migrate(engine, "0001")
    broken = sqlite3.connect(engine.url.database)  # another program's connection: it keeps no keys
    broken.execute("INSERT INTO taps(realm, id, case_id, at) VALUES ('live', 't', 'nothing', 0)")
    broken.commit()
    broken.close()
    with pytest.raises(DatabaseError, match="would leave rows of taps that refer to nothing"):
        database.migrate(engine)
    assert "area_events" not in inspect(engine).get_table_names()


@pytest.mark.parametrize("about", [{}, {"case_id": "c", "area_event": "a"}], ids=["nothing", "two things"])
def test_a_notice_is_about_one_case_or_one_event_of_many_homes(engine, about):
    row = {
        "realm": "live", "id": "n", "recipient_kind": "worker", "recipient": "wang", "channel": "email", "address": "x",
        "template": "offer", "params": {}, "lang": "en", "created_at": T0, "due_at": T0, "state": "pending",
    }  # fmt: skip
    with engine.begin() as conn, pytest.raises(IntegrityError, match="about_one_thing"):
        conn.execute(insert(schema.notices).values(**row, **about))


def test_a_commit_is_durable_and_keys_are_kept(engine):
    with engine.connect() as conn:
        asked = {name: conn.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_second_writer_waits_and_a_reader_does_not(engine):
    with engine.begin() as writing:
        writing.execute(text("INSERT INTO users(name, password, disabled) VALUES ('a', 'b', 0)"))
        with database.reading(engine).connect() as conn:
            assert conn.scalar(text("SELECT count(*) FROM users")) == 0
        other = sqlite3.connect(engine.url.database, timeout=0.05)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "people.sqlite").write_text("name,phone\n" * 200)
    with pytest.raises(DatabaseError, match=r"people\.sqlite: cannot be opened: file is not a database"):
        database.open(tmp_path / "people.sqlite")


def test_a_database_of_a_newer_version_is_not_touched(engine):
    with engine.begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="want a database of this version or an older one"):
        database.open(engine.url.database)


def test_an_error_that_goes_to_the_log_carries_no_names(engine):
    with engine.begin() as conn, pytest.raises(IntegrityError) as error:
        conn.execute(insert(metadata.tables["residents"]).values(id="r9", household="nowhere", name="李秀英"))
    assert "李秀英" not in str(error.value)


def test_writers_take_turns_in_the_order_of_asking():
    turns, order = database.Turns(), []
    turns.take("first")
    turns.take("first")

    def write(name):
        turns.take(name)
        order.append(name)
        turns.end(name)

    waiting = []
    for name in ("second", "third", "fourth"):
        waiting.append(threading.Thread(target=write, args=(name,)))
        waiting[-1].start()
        while len(turns._waiting) < len(waiting):
            time.sleep(0.001)
    turns.end("a stranger")
    assert order == []
    turns.end("first")
    for thread in waiting:
        thread.join(5)
    assert order == ["second", "third", "fourth"]


def test_the_way_back_keeps_the_first_of_several_channels(engine, tmp_path):
    wang = "wang,王芳,worker,g1,sms;email,13900000001;wang@example.org"
    fill(engine, tmp_path / "two", workers=[wang if w.startswith("wang,") else w for w in SHEETS["workers"]])
    database.migrate(engine, "0003")
    with engine.connect() as conn:
        kept = conn.execute(text("SELECT channel, address FROM workers WHERE id IN ('wang', 'li') ORDER BY id")).all()
    assert kept == [("email", "li@example.org"), ("sms", "13900000001")]
