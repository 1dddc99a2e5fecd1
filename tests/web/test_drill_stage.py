"""A drill that brings its own homes and people is played through the interface, and takes them out again."""

import threading
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from alerts import schema, tokens
from shuian import cli_drill, drill_stage
from shuian.drill import Api, Reach, play
from shuian.errors import BadInput, Trouble
from shuian.rehearsals import Inside
from simulators.drills import DRILLS
from tests.alerts.neighbourhood import delivered
from tests.web.conftest import BASE

S = timedelta(seconds=1)
HOW = Reach("email", "{who}@example.org")


@pytest.fixture
def api(played):
    """The service, as a program with a token that may write sees it."""
    return having(played, ["registry:write", "drills:run"])


def having(played, scopes):
    with played.engine.begin() as conn:
        token = tokens.add(conn, "d", scopes, None, timedelta(days=1), "cli", played.now)
    headers = {"Authorization": f"Bearer {token}"}
    return Api(httpx.Client(transport=Inside(played.app), base_url=BASE, headers=headers))


def run(community, api, name="fall_at_night", **more):
    """Play, turning the clock by hand; everything that is owed arrives."""

    def sleep(_):
        community.now += 20 * S
        community.store.fire_due(community.now)
        delivered(community.engine, community.now)
        n = schema.notices
        with community.engine.begin() as conn:
            conn.execute(n.update().where(n.c.state == "accepted", n.c.done_at.is_(None)).values(done_at=community.now))

    return play(name, "tabletop", api, say=lambda _: None, how=HOW, clock=lambda: community.now, sleep=sleep, **more)


def left(community, tag="dr-%"):
    """Return what is still there of casts: homes that may be watched, and addresses of relatives."""
    c, f = schema.consents.c, schema.contacts.c
    with community.engine.connect() as conn:
        agreed = conn.scalars(select(c.resident).where(c.resident.like(tag), c.withdrawn_at.is_(None))).all()
        return [*agreed, *conn.scalars(select(f.id).where(f.resident.like(tag)))]


def test_a_drill_brings_its_people_is_played_and_takes_them_out(played, api):
    score = run(played, api)
    assert {line["verdict"] for line in score["lines"]} == {"met", "kept"}
    assert left(played) == []
    again = api("GET", f"/drills/{score['id']}")
    assert again["lines"] == score["lines"], "the report needs nobody who was taken out"


def test_a_drill_can_be_repeated_at_once_and_shares_no_home_with_the_one_before(played, api):
    run(played, api)
    run(played, api)
    with played.engine.connect() as conn:
        found = conn.execute(select(schema.drill_homes.c.drill, schema.drill_homes.c.household)).all()
    assert len({drill for drill, _ in found}) == len({home for _, home in found}) == 2


def test_nobody_is_on_shift_where_the_script_wants_nobody(played, api):
    score = run(played, api, "empty_shift")
    took = {(line["step"], line["who"]): line["took_s"] for line in score["lines"]}
    assert took["case", ""] is not None
    assert took["accepted", "lead"] is not None, "nobody stands before the lead"


def test_whoever_stops_a_drill_leaves_nothing_behind(played, api):
    stop = threading.Event()
    stop.set()
    score = run(played, api, stop=stop)
    assert (score["state"], score["why"]) == ("aborted", "asked")
    assert left(played) == []


def test_what_a_killed_player_left_is_taken_out_once_its_time_is_over(played, api):
    made = drill_stage.cast(api, "fall_at_night", DRILLS["fall_at_night"], played.now, how=HOW)
    drill_stage.enter(api, made)
    assert drill_stage.clean(api, played.now) == [], "somebody may be playing it"
    assert len(left(played)) == 4
    played.now += timedelta(hours=2)
    assert drill_stage.clean(api, played.now) == [made.tag]
    assert left(played) == []
    assert drill_stage.clean(api, played.now) == []


def test_a_cast_that_is_half_there_is_taken_out_too(played, api):
    made = drill_stage.cast(api, "fall_at_night", DRILLS["fall_at_night"], played.now, how=HOW)
    rows = [row for row in made.rows() if row.sheet in ("areas", "households", "residents")]
    for row in rows:
        api("PUT", f"/{row.sheet}/{row.id}", row.body)
    drill_stage.leave(api, made.tag)
    drill_stage.leave(api, "dr-ffffffff")
    assert left(played) == []


def test_people_are_reached_as_whoever_works_in_the_area_of_drills(played, api):
    assert drill_stage.room(api) == "dr"
    assert drill_stage.reach(api, "dr") == Reach("email", "vw@example.org")
    assert drill_stage.zone(api) == "Asia/Shanghai"


def test_a_drill_that_takes_a_provider_down_wants_people_who_are_reached_by_it(played, api):
    down = DRILLS["phone_company_down"]
    with pytest.raises(
        BadInput, match="takes sms down, and its people are reached by email: nothing would be rehearsed"
    ):
        drill_stage.cast(api, "phone_company_down", down, played.now)
    both = Reach("sms;email", "13900000000;vx@example.org")
    texted = {"name": "演练", "role": "worker", "area": "dr", "channel": both.channel, "address": both.address}
    api("PUT", "/workers/vx", texted)
    assert drill_stage.cast(api, "phone_company_down", down, played.now).reach == both
    assert drill_stage.reach(api, "dr") == Reach("email", "vw@example.org"), "nobody misses anything: the first"


def test_what_is_missing_is_told(played, api):
    with pytest.raises(BadInput, match="'g1' is no area of drills of this service"):
        drill_stage.room(api, "g1")
    with pytest.raises(BadInput, match="a technical drill speaks over MQTT"):
        play("fall_at_night", "technical", api, how=HOW)
    with pytest.raises(BadInput, match=r"want a broker as mqtt://host:port, got 'nowhere'"):
        play("fall_at_night", "technical", api, "nowhere", how=HOW)
    with pytest.raises(BadInput, match="meter_swap cannot be played as tabletop"):
        play("meter_swap", "tabletop", api, how=HOW)
    with pytest.raises(BadInput, match="want a kind of tabletop, technical; got 'live'"):
        play("fall_at_night", "live", api, how=HOW)
    assert left(played) == []


def test_a_token_that_may_not_write_is_refused_in_words(played):
    reader = having(played, ["registry:read", "drills:run"])
    with pytest.raises(Trouble, match=r"refuses \(403\): this token lacks the scope registry:write"):
        run(played, reader)


def test_the_command_takes_out_what_is_left_and_wants_address_and_channel_together():
    run_it = CliRunner().invoke
    half = run_it(cli_drill.app, ["run", "fall_at_night", "--token", "x", "--channel", "email"])
    assert "want --channel and --address together" in str(half.exception)
    gone = run_it(cli_drill.app, ["clean", "--url", "http://127.0.0.1:9", "--token", "x"])
    assert "the service cannot be reached: ConnectError" in str(gone.exception)
