"""Opening the database of people and cases: SQLite by default, PostgreSQL by URL; always at the newest version.

SQLite runs in WAL mode with a sync at every commit, and every transaction begins with the write lock, so that what was
read is still true when it is written.  Whoever only reads asks for `reading(engine)` and never waits for a writer.
Writers of one process take turns in the order in which they came: SQLite itself lets whoever happens to ask first have the
lock, and a thread that writes without a pause keeps the others waiting until they give up.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from alerts.errors import DatabaseError

BUSY_MS = 10_000
"""How long a writer waits for another one. [ms]"""


class Turns:
    """Whose turn it is to write, in the order of asking; who waits too long goes on and meets the database's own lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writes: object | None = None
        self._waiting: deque[tuple[object, threading.Event]] = deque()

    def take(self, who: object) -> None:
        """Wait for the turn of `who`, which may have it already."""
        with self._lock:
            if self._writes is who:
                return
            if self._writes is None:
                self._writes = who
                return
            mine = (who, threading.Event())
            self._waiting.append(mine)
        if not mine[1].wait(BUSY_MS / 1000):
            with self._lock:
                if mine in self._waiting:
                    self._waiting.remove(mine)

    def end(self, who: object) -> None:
        """Give the turn on, if `who` has it."""
        with self._lock:
            if self._writes is not who:
                return
            self._writes = None
            if self._waiting:
                self._writes, called = self._waiting.popleft()
                called.set()


def open(path_or_url: Path | str) -> Engine:  # noqa: A001 - read as `database.open`
    """Return an engine on a database that exists and is up to date; creates and migrates it as needed.

    Parameters
    ----------
    path_or_url : Path or str
        A file (SQLite), or a URL such as ``postgresql+psycopg://…``.

    Raises
    ------
    DatabaseError
        The file is no database, cannot be reached, or was written by a newer version of this program.
    """
    engine = connect(path_or_url)
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def connect(path_or_url: Path | str) -> Engine:
    """Return an engine on a database that is known to be up to date: one that was opened a moment ago."""
    where = str(path_or_url)
    if "://" not in where:
        where = f"sqlite+pysqlite:///{Path(where).absolute()}"
    engine = create_engine(where, hide_parameters=True)  # an error goes to the log: without names and addresses
    if engine.dialect.name == "sqlite":
        turns = Turns()
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", partial(_begin, turns=turns))
        event.listen(engine, "checkin", partial(_over, turns=turns))
    return engine


def reading(engine: Engine) -> Engine:
    """Return the same engine for transactions that only read: on SQLite they take no write lock."""
    return engine.execution_options(shuian_reading=True)


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the tables up (or, asked for an older revision, back) to a revision: all of it in one transaction.

    Raises
    ------
    DatabaseError
        As for `open`; or rows would be left that refer to nothing.
    """
    name = engine.url.render_as_string(hide_password=True)
    try:
        with engine.connect() as conn, _tables_may_be_made_anew(conn), conn.begin():
            before = MigrationContext.configure(conn).get_current_revision()
            _to(conn, revision, up=revision == "head" or before is None)
            if MigrationContext.configure(conn).get_current_revision() != before:
                _check_keys(conn, name)
    except CommandError as error:
        raise DatabaseError(f"{name}: want a database of this version or an older one, got: {error}") from error
    except DBAPIError as error:
        raise DatabaseError(f"{name}: cannot be opened: {error.orig}") from error


def _to(conn: Connection, revision: str, *, up: bool) -> None:
    config = Config()
    config.set_main_option("script_location", "alerts:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    (command.upgrade if up else command.downgrade)(config, revision)


@contextmanager
def _tables_may_be_made_anew(conn: Connection) -> Iterator[None]:
    """Let a migration of SQLite copy a table and drop the old one, though others refer to it.

    The setting is ignored inside a transaction, so it is made before it begins; `_check_keys` looks afterwards.
    """
    if conn.dialect.name != "sqlite":
        yield
        return
    driver: Any = conn.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def _check_keys(conn: Connection, name: str) -> None:
    if conn.dialect.name == "sqlite" and (lost := conn.exec_driver_sql("PRAGMA foreign_key_check").all()):
        raise DatabaseError(f"{name}: a migration would leave rows of {lost[0][0]} that refer to nothing: not done")


def _configure(connection: Any, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own: `_begin` does
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", f"busy_timeout = {BUSY_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(conn: Connection, *, turns: Turns) -> None:
    if conn.get_execution_options().get("shuian_reading", False):
        conn.exec_driver_sql("BEGIN")
        return
    turns.take(conn.connection.dbapi_connection)
    conn.exec_driver_sql("BEGIN IMMEDIATE")


def _over(connection: Any, _: ConnectionPoolEntry, *, turns: Turns) -> None:
    """End the turn of a connection that was given back: its transaction is committed or rolled back by then."""
    turns.end(connection)
