"""Going live from outside: the command, its settings, and the demo's community, which has been through all of it."""

import re
import shutil
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts import audit, database, go_live, registry
from alerts.go_live_facts import Settings
from alerts.policy import Policy
from alerts.queries import go_live as rows
from shuian import cli, config, demo, registry_import
from shuian.errors import BadInput
from shuian.neighbourhood import accepted
from shuian.neighbourhood.homes import HOMES
from shuian.neighbourhood.sheets import write_registry

START = datetime(2026, 11, 20, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Return a database with the demo's people in it, to be copied."""
    folder = tmp_path_factory.mktemp("demo")
    write_registry(folder / "registry", START, 8481)
    engine = database.open(folder / "people.sqlite")
    with engine.begin() as conn:
        registry.apply(registry.read(folder / "registry", registry_import.formats()), conn, START)
    engine.dispose()
    return folder / "people.sqlite"


@pytest.fixture
def data(filled, tmp_path):
    """Return the folder of an installation with the demo's people in it."""
    shutil.copy(filled, tmp_path / "people.sqlite")
    return tmp_path


def test_the_demo_s_community_has_been_through_the_whole_list(data):
    settings = demo.settings(data, 8480)
    engine = database.connect(data / "people.sqlite")
    with engine.begin() as conn:
        assert accepted.accept(conn, settings.go_live, settings.policy, START)
        assert not accepted.accept(conn, settings.go_live, settings.policy, START + timedelta(hours=1))
        assert audit.verify(conn).ok
        facts = rows.facts(conn, settings.go_live, START, bool(settings.web.duty_phone))
    engine.dispose()
    found = go_live.checklists(facts, settings.go_live, Policy().ladders, START)
    assert list(found) == ["c1"]
    assert [item.key for item in found["c1"].items if item.state != "green"] == []
    assert found["c1"].covered == len(HOMES)
    assert settings.go_live.required


def run(data, capsys, *words, go_live=""):
    file = data / "shuian.toml"
    file.write_text(f'[service]\ndata = "{data}"\n[go_live]\n{go_live}\n', "utf-8")
    code = 0
    try:
        cli.main(["golive", *words, "--config", str(file)])
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_says_a_line_each_or_all_of_one_community_and_names_nobody(data, capsys):
    code, said, _ = run(data, capsys, "--lang", "en")
    assert (code, said.splitlines()) == (0, ["c1: 2 of 10 items are green; 0 of 60 homes covered"])
    code, said, _ = run(data, capsys, "c1", "--lang", "en")
    assert code == 0
    assert "…     Every meter is proved by an opened tap (0 of 60)" in said
    assert "wang: has tapped no message yet (g1, g2)" in said or "wang: has tapped no message yet (g1)" in said
    assert "→ Send the test message and ask for one tap" in said
    assert not any(name in said for name in ("王芳", "demo.invalid", HOMES[0].resident))
    assert run(data, capsys, "c1", go_live="required = false")[1].startswith("这个系统没有要求先做完清单")


def test_a_community_that_there_is_not_is_said_with_those_that_there_are(data, capsys):
    code, _, said = run(data, capsys, "c9")
    assert code == 2
    assert "no home lives in a community c9" in said
    assert "c1" in said


@pytest.mark.parametrize(("line", "fault"), [
    ("drill_days = 0", "drill_days: want 1 day or more, got 0"),
    ("drill_months = 3", "go_live.drill_months: no such setting"),
    ('drills = "fall_at_night"', "go_live.drills: input should be a valid tuple"),
])  # fmt: skip
def test_a_wrong_setting_is_said(line, fault, tmp_path):
    (tmp_path / "shuian.toml").write_text(f"[go_live]\n{line}\n", "utf-8")
    with pytest.raises(BadInput, match=fault):
        config.load(tmp_path / "shuian.toml", {})


def test_every_age_of_a_proof_is_listed_with_its_default():
    page = (Path(__file__).parents[2] / "docs" / "go-live.md").read_text("utf-8")
    listed = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \| \S", page, re.MULTILINE))
    said = {"required": "true", "drills": '["fall_at_night", "worker_does_not_answer", "gateway_down"]'}
    assert listed == said | {one.name: str(one.default) for one in fields(Settings) if one.name.endswith("_days")}
