"""The commands about people's rights, on a data folder with readings: chain, consents, a copy, being forgotten, tokens."""

import csv
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from alerts import audit, database
from ingest.readings import StoredReading
from ingest.store import SqliteStore
from shuian import cli
from shuian.anchors import Anchors
from shuian.service import only_one
from tests.alerts import neighbourhood

pytestmark = pytest.mark.slow
AT = round(datetime(2026, 11, 20, 8, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in a folder with a registry and some readings; returns (exit code, output, complaint)."""
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "shuian-data"
    store = SqliteStore(data / "readings")
    store.commit([StoredReading(meter, "water_volume_total", AT, 7, AT, ()) for meter in ("m2", "m9")], [])
    store.close()
    engine = database.open(data / "people.sqlite")
    neighbourhood.fill(engine, tmp_path / "sheets")
    engine.dispose()

    def command(*words):
        code = 0
        try:
            cli.main([*words])
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return code, said.out, said.err

    command("init", "shuian.toml")
    return command


def test_the_chain_is_anchored_verified_and_a_break_is_told(run, tmp_path):
    code, said, _ = run("audit", "anchor", "--to", "office.jsonl")
    assert code == 0
    assert json.loads(said)["n"] == audit.kept(tmp_path / "office.jsonl")[0].n > 0
    assert run("audit", "verify", "--anchors", "office.jsonl")[0] == 0
    with closing(sqlite3.connect(tmp_path / "shuian-data" / "people.sqlite")) as db:
        db.executescript("DROP TRIGGER audit_no_update; UPDATE audit SET actor = 'x' WHERE n = 3;")
    code, said, complaint = run("audit", "verify")
    assert code == 1
    assert "BROKEN  the database no longer refuses changes" in said
    assert "BROKEN  entry 3" in said
    assert "2 fault(s)" in complaint
    assert run("audit", "verify", "--anchors", "nowhere.jsonl")[0] == 2


def test_the_service_keeps_an_anchor_an_hour_outside_the_database(run, tmp_path):
    engine = database.open(tmp_path / "shuian-data" / "people.sqlite")
    anchors, now = Anchors(engine, tmp_path / "shuian-data" / "audit-anchors.jsonl"), datetime(2026, 11, 21, tzinfo=UTC)
    assert [anchors.keep_if_due(now + timedelta(minutes=m)) for m in (0, 59, 60)] == [True, False, True]
    with engine.begin() as conn:
        audit.append(conn, now, "login", "worker:li")
    assert anchors.keep_if_due(now + timedelta(hours=2))
    assert len(audit.kept(tmp_path / "shuian-data" / "audit-anchors.jsonl")) == 2
    engine.dispose()
    assert "2 anchors" in run("audit", "verify")[1]


def test_a_consent_is_shown_given_paused_withdrawn_and_asked_for_anew(run, tmp_path):
    assert "given      relative to f1" in run("consent", "show", "r1")[1]
    assert run("consent", "withdraw", "r1", "relative", "--to", "f1")[0] == 0
    assert run("consent", "pause", "r1", "community", "--until", "2099-01-01T00:00:00")[0] == 0
    shown = run("consent", "show", "r1")[1]
    assert "withdrawn  relative to f1" in shown
    assert "paused     community" in shown
    assert run("consent", "give", "r1", "relative", "--to", "f1", "--evidence", "form-17")[0] == 0
    for name in ("zh.txt", "en.txt"):
        (tmp_path / name).write_text("text", "utf-8")
    assert run("consent", "publish", "monitor", "2", "--zh", "zh.txt", "--en", "en.txt")[0] == 0
    assert "parked     monitor" in run("consent", "show", "r1")[1]
    assert run("consent", "show", "nobody")[0] == 2
    assert run("consent", "give", "r1", "curiosity")[0] == 2


def test_a_copy_of_everything_holds_the_readings_of_their_time_at_the_home(run, tmp_path):
    code, said, _ = run("export", "copy", "--resident", "r1")
    assert code == 0
    assert "1 readings" in said
    with (tmp_path / "copy" / "readings.csv").open(encoding="utf-8-sig") as file:
        assert [row["device"] for row in csv.DictReader(file)] == ["m2"]
    whole = json.loads((tmp_path / "copy" / "everything.json").read_text("utf-8"))
    assert whole["tables"]["residents"][0]["name"] == "李秀英"
    assert (tmp_path / "copy" / "contacts.csv").exists()
    assert run("export", "copy", "--resident", "r1")[0] == 2
    assert run("export", "other", "--resident", "nobody")[0] == 2


def test_forgetting_first_says_what_it_would_do_and_leaves_no_byte(run, tmp_path):
    data = tmp_path / "shuian-data"
    assert "nothing was changed" in run("forget", "r1")[1]
    for name in ("detect.npz", "detect.damaged.npz"):
        (data / name).write_bytes(b"habits")
    code, said, _ = run("forget", "r1", "--sure", "--out", "proof.json")
    assert code == 0
    proof = json.loads(said)
    assert proof == json.loads((tmp_path / "proof.json").read_text("utf-8"))
    assert proof["deleted"]["residents"] == 1
    assert proof["files"]["readings"] == 1
    assert not list(data.glob("*.npz"))
    for file in data.rglob("*"):
        if file.is_file():
            assert "李秀英".encode() not in file.read_bytes(), file
            assert b"daughter@example.org" not in file.read_bytes(), file
    assert "ok " in run("audit", "verify")[1]
    assert run("forget", "r1", "--sure")[0] == 2


def test_nobody_is_forgotten_under_a_running_service(run, tmp_path):
    with only_one(tmp_path / "shuian-data"):
        code, _, complaint = run("forget", "r1", "--sure")
    assert code == 1
    assert "another service runs" in complaint


def test_a_token_is_shown_once_listed_and_revoked(run):
    code, said, _ = run("token", "add", "billing", "--scope", "registry:write,cases:read", "--area", "c1")
    assert code == 0
    assert said.startswith("shuian_")
    assert "billing  cases:read,registry:write  c1  until" in run("token", "list")[1]
    assert said.strip() not in run("token", "list")[1]
    assert run("token", "revoke", "billing")[0] == 0
    assert "revoked" in run("token", "list")[1]
    for words in (
        ("add", "x", "--scope", "all"),
        ("add", "y", "--scope", "cases:read", "--area", "none"),
        ("revoke", "z"),
    ):
        assert run("token", *words)[0] == 2
