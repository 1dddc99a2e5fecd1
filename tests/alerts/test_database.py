"""Opening the database: at the newest version, durable, and clear about what is wrong."""

import sqlite3

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import insert, inspect, text
from sqlalchemy.exc import IntegrityError

from alerts import database
from alerts.errors import DatabaseError
from alerts.schema import metadata


def test_the_migrated_database_is_what_the_tables_say(engine):
    with engine.connect() as conn:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(conn, opts=options), metadata) == []


def test_every_revision_can_be_taken_back(engine):
    config = Config()
    config.set_main_option("script_location", "alerts:migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]


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
