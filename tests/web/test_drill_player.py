"""A script is played on a running service through its interface, and the score is read."""

from datetime import timedelta

import httpx
import pytest
from typer.testing import CliRunner

from alerts import schema, tokens
from shuian import cli, cli_drill
from shuian.drill import Api, Player, script, told
from shuian.errors import BadInput, Trouble
from shuian.rehearsals import Inside
from tests.alerts.neighbourhood import delivered
from tests.web.conftest import BASE

S = timedelta(seconds=1)


@pytest.fixture
def api(played):
    """The service, as a program with a token sees it."""
    with played.engine.begin() as conn:
        token = tokens.add(conn, "d", ["registry:read", "drills:run"], None, timedelta(days=1), "cli", played.now)
    headers = {"Authorization": f"Bearer {token}"}
    return Api(httpx.Client(transport=Inside(played.app), base_url=BASE, headers=headers))


def play(community, player, most=200, say=lambda _: None):
    """Play, turning the clock by hand; everything that is owed arrives."""

    def sleep(_):
        nonlocal most
        most -= 1
        assert most, "it does not end"
        community.now += 10 * S
        community.store.fire_due(community.now)
        delivered(community.engine, community.now)
        n = schema.notices
        with community.engine.begin() as conn:
            conn.execute(n.update().where(n.c.state == "accepted", n.c.done_at.is_(None)).values(done_at=community.now))

    return player.run(say=say, sleep=sleep)


def test_a_fall_at_night_is_played_to_its_end(played, api):
    score = play(played, Player("fall_at_night", script("fall_at_night"), api, lambda: played.now))
    assert score["state"] == "ended"
    assert {(line["step"], line["who"]): line["verdict"] for line in score["lines"]} == {
        ("case", ""): "met",
        ("told", "owner"): "met",
        ("told", "family"): "missed",
        ("accepted", "owner"): "met",
        ("on_site", "owner"): "met",
        ("outcome", ""): "met",
        ("unattended", ""): "kept",
    }  # fmt: skip  (that home has no relative)
    words = told(score)
    assert words[-1] == "6 of 7 as they had to be"
    assert any("missed  fallen: told family, within 30 s after case: –" in line for line in words)


def test_what_happens_is_said_when_it_does_once(played, api):
    said = []
    play(played, Player("fall_at_night", script("fall_at_night"), api, lambda: played.now), say=said.append)
    assert said[1].startswith(f"its page: {BASE}/c/drills/")
    happened = [line.split("  ", 1)[1] for line in said[2:]]
    assert happened[0] == "met: case"
    assert sorted(happened) == sorted(set(happened))
    assert {"met: told owner", "met: accepted owner", "met: outcome"} <= set(happened)


def test_too_few_homes_and_a_script_that_there_is_not_are_told(played, api):
    with pytest.raises(BadInput, match=r"want 40 homes .* for which somebody is on shift now; the registry has 1"):
        Player("forty_at_once", script("forty_at_once"), api, lambda: played.now).begin()
    with pytest.raises(BadInput, match="for which nobody is on shift now; the registry has 0"):
        Player("empty_shift", script("empty_shift"), api, lambda: played.now).begin()
    with pytest.raises(BadInput, match="meter_swap cannot be played as tabletop"):
        Player("meter_swap", script("meter_swap"), api, lambda: played.now).begin()
    with pytest.raises(BadInput, match="there is no drill 'flood'"):
        script("flood")
    with pytest.raises(Trouble, match=r"refuses \(404\): there is no such drill"):
        api("GET", "/drills/nothing")


def test_the_command_lists_the_scripts_and_wants_a_token():
    listed = CliRunner().invoke(cli_drill.app, ["list"])
    what = "1 home  at most 60 min  tabletop, technical, live  Somebody falls at two in the morning"
    assert f"fall_at_night  {what}" in listed.stdout
    assert "drill" in [group.name for group in cli.app.registered_groups]
    asked = CliRunner().invoke(cli_drill.app, ["report", "x"], env={"SHUIAN_TOKEN": ""})
    assert isinstance(asked.exception, BadInput)


def test_a_demo_that_does_not_run_is_told(tmp_path):
    asked = CliRunner().invoke(cli_drill.app, ["run", "fall_at_night", "--demo", str(tmp_path)])
    assert isinstance(asked.exception, Trouble)
    assert "no demo runs in" in str(asked.exception)
