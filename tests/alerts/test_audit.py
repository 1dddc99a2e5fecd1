"""The audit chain: written with what it records, and every way of changing it afterwards is found and named."""

import re
import sqlite3
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from alerts import absence, access, audit, database, queries, schema
from alerts.events import Accepted, OutcomeRecorded
from alerts.policy import Policy
from tests.alerts.neighbourhood import T0, finding

NO_GUARD = "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete;"
GUARD = """
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'x'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'x'); END;
"""


@pytest.fixture
def chain(engine, store):
    """A chain of some length: a case that was accepted and closed, a login, an absence, a look."""
    case = store.raise_finding(finding(), T0)
    store.act("live", case, Accepted("worker:wang"), T0, "tap-1")
    store.act("live", case, OutcomeRecorded("worker:wang", "HELPED"), T0, "tap-2")
    with engine.begin() as conn:
        access.new_session(conn, "operator", "ops", T0)
        absence.declare(conn, "h2", "worker:li", T0, T0 + timedelta(days=2), T0, Policy())
        queries.view_seen(conn, "worker:wang", "h1", "case", T0)
    return engine


def entries(engine):
    with engine.connect() as conn:
        return conn.execute(select(schema.audit).order_by(schema.audit.c.n)).all()


def verdict(engine, *anchors):
    with database.reading(engine).connect() as conn:
        return audit.verify(conn, anchors)


def anchored(engine):
    with engine.connect() as conn:
        return audit.head(conn, T0)


def tamper(engine, script):
    """Change rows as somebody would who owns the file: the guard taken off and put back."""
    other = sqlite3.connect(engine.url.database)
    other.executescript(NO_GUARD + script + GUARD)
    other.close()


def test_what_happens_is_in_the_chain_and_the_chain_holds(chain):
    kinds = [row.kind for row in entries(chain)]
    assert {"registry", "consent", "case", "tap", "login", "absence", "view"} <= set(kinds)
    found = verdict(chain, anchored(chain))
    assert (found.ok, found.entries) == (True, len(kinds))
    assert [row.n for row in entries(chain)] == list(range(1, len(kinds) + 1))


def test_the_chain_names_nobody(chain):
    written = "".join(map(repr, entries(chain)))
    for told in ("李秀英", "王建国", "女儿", "王芳", "0755", "example.org", "安和里"):
        assert told not in written


def test_an_entry_is_written_with_what_it_records_or_not_at_all(engine):
    before = len(entries(engine))
    with pytest.raises(RuntimeError), engine.begin() as conn:  # noqa: PT012
        absence.declare(conn, "h1", "worker:li", T0, T0 + timedelta(days=2), T0, Policy())
        raise RuntimeError
    assert len(entries(engine)) == before


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x' WHERE n = 2", "DELETE FROM audit WHERE n = 2"])
def test_the_database_itself_refuses_to_change_an_entry(chain, statement):
    with pytest.raises((IntegrityError, OperationalError), match="append-only"), chain.begin() as conn:
        conn.execute(text(statement))
    assert verdict(chain).ok


@pytest.mark.parametrize(
    ("script", "found"),
    [
        pytest.param("UPDATE audit SET data = '{}' WHERE n = 6", r"^entry 6 \(.*\) or its hash was edited$", id="edit"),
        pytest.param("UPDATE audit SET at = at + 1000 WHERE n = 6", r"^entry 6 .* edited$", id="an edited time"),
        pytest.param("DELETE FROM audit WHERE n = 6", r"^entry 6 is missing", id="delete"),
        pytest.param("DELETE FROM audit WHERE n IN (5, 6)", r"^entries 5 to 6 are missing", id="delete two"),
        pytest.param(
            "DELETE FROM audit WHERE n = 6; UPDATE audit SET n = n - 1 WHERE n = 7", r"^entry 6 .* edited", id="close up"
        ),
        pytest.param(
            "UPDATE audit SET n = -1 WHERE n = 6; UPDATE audit SET n = 6 WHERE n = 9; UPDATE audit SET n = 9 WHERE n = -1",
            r"^entry 6 was moved to place 9: entries stand in another order$", id="reorder",
        ),
    ],
)  # fmt: skip
def test_a_change_is_found_and_told_what_it_was(chain, script, found):
    tamper(chain, script + ";")
    (fault,) = verdict(chain).faults
    assert re.search(found, fault), fault


def test_entries_cut_off_at_the_end_are_seen_by_an_anchor_only(chain):
    anchor, length = anchored(chain), len(entries(chain))
    tamper(chain, f"DELETE FROM audit WHERE n > {length - 3};")
    assert verdict(chain).ok
    (fault,) = verdict(chain, anchor).faults
    assert fault.startswith(f"the chain ends at entry {length - 3}, but an anchor of 2026-11-21T01:00:00+00:00 names")


def test_a_chain_written_anew_is_seen_by_an_anchor_only(chain):
    anchor = anchored(chain)
    rows = [row._asdict() for row in entries(chain)]
    other = sqlite3.connect(chain.url.database)
    other.executescript(NO_GUARD)
    before = audit.GENESIS
    for row in rows:
        actor = "worker:li" if row["kind"] == "login" else row["actor"]
        at = round(row["at"].timestamp() * 1000)
        entry = audit.Entry(row["n"], at, row["kind"], actor, row["about"], row["data"])
        before = entry.hashed(before)
        other.execute("UPDATE audit SET actor = ?, hash = ? WHERE n = ?", (actor, before, row["n"]))
    other.commit()
    other.executescript(GUARD)
    other.close()
    assert verdict(chain).ok
    (fault,) = verdict(chain, anchor).faults
    assert fault.startswith("the chain was rewritten at or before entry")


def test_a_guard_that_was_taken_off_is_told(chain):
    other = sqlite3.connect(chain.url.database)
    other.executescript(NO_GUARD)
    other.close()
    assert verdict(chain).faults == ("the database no longer refuses changes: the triggers of the chain are gone",)


def test_anchors_are_kept_outside_and_a_head_is_kept_once(chain, tmp_path):
    file = tmp_path / "anchors.jsonl"
    for _ in range(2):
        audit.keep(file, anchored(chain))
    assert audit.kept(file) == [anchored(chain)]
    with chain.begin() as conn:
        access.new_session(conn, "worker", "li", T0)
    audit.keep(file, anchored(chain))
    assert len(audit.kept(file)) == 2
    assert verdict(chain, *audit.kept(file)).ok
    file.write_text('{"n": "many"}\n')
    with pytest.raises(ValueError, match="line 1: want an anchor"):
        audit.kept(file)
