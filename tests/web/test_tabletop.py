"""Every script that says it can be played at a tabletop meets its own times there, over the interface, by a turned clock."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import insert, select

from alerts import access, schema, tokens
from alerts.channels import Result, sms, wecom
from alerts.outbox import Dispatcher
from shuian.drill import Api, Player, told
from shuian.rehearsals import Inside
from simulators.drills import DRILLS
from simulators.gateways import Gateways
from tests.web.conftest import BASE

STEP = timedelta(seconds=60)
HOMES = 40


class Provider:
    """Takes every message."""

    def __init__(self):
        self.took = []

    async def send(self, outgoing):
        self.took.append(outgoing)
        return Result("accepted")

    async def close(self):
        """Close nothing."""


def texting(gateways, **more):
    """Return the channel of text messages to the provider among `gateways`."""
    words = {"drill_worker": "SMS_2", "drill_family": "SMS_3", "drill_operator": "SMS_4"}
    at = f"http://127.0.0.1:{gateways.http_port}"
    return sms.Channel(sms.Settings(at, "id", "drills", "水安", words, loopback_only=True, **more))


def person(name, role, area):
    """Return somebody who is reached by text message, and else by mail."""
    addresses = f"139{sum(map(ord, name)):08d};{name}@example.org"
    return {"id": name, "name": name, "role": role, "area": area, "channel": "sms;email", "address": addresses}


@pytest.fixture
def stage(community):
    """The community with an area for drills: forty homes for which three are on shift, and one for which nobody is."""
    s, now = schema, community.now
    homes = {f"v{n:02d}": "dg" for n in range(HOMES)} | {"e1": "de"}
    mail = {"channel": "sms;email"}
    given = {"version": "1", "given_at": now - timedelta(days=1), "given_by": "resident", "recipient": ""}
    with community.engine.begin() as conn:
        conn.execute(insert(s.areas).values(id="dr", kind="drill", name="演练区"))
        conn.execute(
            insert(s.areas), [{"id": i, "kind": "grid", "name": "演练网格", "parent": "dr"} for i in ("dg", "de")]
        )
        rows = [
            {"id": home, "area": a, "building": "演练楼", "door": home, "tz": "Asia/Shanghai"}
            for home, a in homes.items()
        ]
        conn.execute(insert(s.households), rows)
        conn.execute(insert(s.residents), [{"id": f"r{home}", "household": home, "name": "演练"} for home in homes])
        purposes = ("monitor", "community", "relative")
        conn.execute(
            insert(s.consents), [{"resident": f"r{h}", "purpose": p, **given} for h in homes for p in purposes]
        )
        rows = [
            mail
            | {
                "id": f"f{h}",
                "resident": f"r{h}",
                "name": "女儿",
                "position": 1,
                "address": f"1380000{n:04d};{h}@example.org",
            }
            for n, h in enumerate(homes)
        ]
        conn.execute(insert(s.contacts), rows)
        staff = [("vw", "worker", "dg"), ("vb", "worker", "dg"), ("vl", "lead", "dr"), ("vo", "operator", "dr")]
        conn.execute(insert(s.workers), [person(*who) for who in staff])
        on = {
            "start": now - timedelta(hours=1),
            "end": now + timedelta(hours=12),
            "owner": "vw",
            "backup": "vb",
            "lead": "vl",
        }
        conn.execute(insert(s.shifts).values(area="dg", **on))
        token = tokens.add(conn, "d", ["registry:read", "drills:run"], None, timedelta(days=1), "cli", now)
    headers = {"Authorization": f"Bearer {token}"}
    community.api = Api(httpx.Client(transport=Inside(community.app), base_url=BASE, headers=headers))
    return community


def send(stage, catalogues, line):
    """Send whatever is due by the channels `line`."""

    async def all_of_it():
        sending = Dispatcher(
            stage.engine,
            line,
            catalogues,
            BASE,
            lambda: stage.now,
            make_links=access.new_links,
            policy=stage.store.policy,
        )
        while await sending.step():
            pass

    asyncio.run(all_of_it())


def perform(stage, catalogues, name, **how):
    """Play a script to its end with a dispatcher that sends; return its score and what each provider took."""
    line = {"sms": Provider(), "email": Provider()}

    def sleep(_):
        send(stage, catalogues, line)
        stage.now += STEP
        stage.store.fire_due(stage.now)
        send(stage, catalogues, line)

    player = Player(name, DRILLS[name], stage.api, lambda: stage.now, **how)
    return player.run(say=lambda _: None, sleep=sleep), {channel: one.took for channel, one in line.items()}


def addresses(stage):
    """Return the addresses of the people who do not exist."""
    with stage.engine.connect() as conn:
        tables = schema.workers.c, schema.contacts.c
        rows = [row for t in tables for row in conn.execute(select(t.address).where(t.channel == "sms;email"))]
    return {one for row in rows for one in row.address.split(";")}


SLOW = {"forty_at_once"}
TABLETOP = [
    pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
    for name, drill in DRILLS.items()
    if "tabletop" in drill.kinds
]


@pytest.mark.parametrize("name", TABLETOP)
def test_a_script_meets_its_own_times(stage, catalogues, name):
    score, took = perform(stage, catalogues, name)
    wrong = [line for line in score["lines"] if line["verdict"] not in ("met", "kept")]
    assert wrong == []
    assert score["lines"]
    assert score["why"] == "finished", "and it did not wait for its hard end"
    drills = [one for some in took.values() for one in some if one.realm == "drill"]
    assert {one.address for one in drills} <= addresses(stage)
    assert all(one.text.startswith("【演练】") and one.subject.startswith("【演练】") for one in drills)


def test_all_scripts_but_one_can_be_played_at_a_tabletop():
    assert [name for name, drill in DRILLS.items() if "tabletop" not in drill.kinds] == ["meter_swap"]


def test_while_its_provider_is_down_a_drill_goes_by_the_next_channel_and_life_by_the_first(stage, catalogues):
    with stage.engine.begin() as conn:
        who = schema.workers.c.id == "w1"
        conn.execute(schema.workers.update().where(who).values(channel="sms", address="13700000001"))
    stage.red("h1")
    score, took = perform(stage, catalogues, "phone_company_down")
    during = [one for one in took["sms"] if one.realm == "drill" and "drill_over" not in one.template]
    assert during == [], "nothing of the drill was handed to that provider"
    assert {one.role for one in took["email"] if one.realm == "drill"} == {"worker", "family"}
    assert {one.address for one in took["sms"] if one.realm == "live"} == {"13700000001"}
    lost = {(one["who"], one["channel"], one["notice"]) for one in score["unsent"]}
    assert {("worker:vw", "sms", "offer"), ("contact:fv00", "sms", "family_called_out")} <= lost
    assert {one["why"] for one in score["unsent"]} == {"no connection: the drill plays it"}
    assert any(line.startswith("not sent to worker:vw by sms (offer): no connection") for line in told(score))


def test_a_provider_that_comes_back_carries_what_still_waits(stage, catalogues):
    api = stage.api
    with stage.engine.begin() as conn:
        conn.execute(
            schema.workers.update().where(schema.workers.c.id == "vw").values(channel="sms", address="13700000002")
        )
    down = [{"channel": "sms", "begins_s": 0, "ends_s": 30}]
    run = api(
        "POST", "/drills", {"drill": "x", "kind": "tabletop", "homes": {"a": "v00"}, "lasts_s": 600, "down": down}
    )
    fall = {"id": "1", "home": "a", "onset": "2026-11-17T18:00:00Z"}
    api("POST", f"/drills/{run['id']}/findings", fall)
    line = {"sms": Provider(), "email": Provider()}
    for seconds in (0, 6, 40):
        stage.now += timedelta(seconds=seconds)
        send(stage, catalogues, line)
        assert bool(line["sms"].took) is (seconds == 40)
    assert api("GET", f"/drills/{run['id']}")["unsent"] == []


@pytest.mark.slow
@pytest.mark.parametrize("channel", ["sms", "wecom"])
def test_a_drill_that_would_use_what_is_kept_for_real_messages_stops_itself_and_says_so(
    stage, catalogues, tmp_path, channel
):
    async def scenario():
        async with Gateways(tmp_path, secret="drills") as gateways:
            robot = f"http://127.0.0.1:{gateways.http_port}/cgi-bin/webhook/send?key=k"
            line = {"email": Provider(), "sms": texting(gateways, quota_per_hour=5, live_reserve=4)}
            line |= {
                "wecom": wecom.Channel(wecom.Settings(per_minute=6, at_once=4, live_reserve=4, loopback_only=True))
            }
            address = {"sms": "13900000009", "wecom": robot}[channel]
            with stage.engine.begin() as conn:
                everybody = {"channel": channel, "address": address}
                conn.execute(schema.workers.update().where(schema.workers.c.id == "vw").values(**everybody))
            run = await asyncio.to_thread(six_fall)
            sending = Dispatcher(
                stage.engine, line, catalogues, BASE, lambda: stage.now, make_links=access.new_links,
                policy=stage.store.policy,
            )  # fmt: skip
            for _ in range(3):
                await sending.step()
                stage.now += timedelta(seconds=1)
                await asyncio.to_thread(stage.store.fire_due, stage.now)
            for one in line.values():
                await one.close()
            return run

    def six_fall():
        homes = {f"many-{n}": f"v{n:02d}" for n in range(6)}
        run = stage.api("POST", "/drills", {"drill": "x", "kind": "tabletop", "homes": homes, "lasts_s": 600})
        for n, home in enumerate(homes):
            said = {"id": f"{n}", "home": home, "onset": "2026-11-17T18:00:00Z"}
            stage.api("POST", f"/drills/{run['id']}/findings", said)
        return run

    run = asyncio.run(scenario())
    score = stage.api("GET", f"/drills/{run['id']}")
    assert (score["state"], score["why"]) == ("aborted", "reserve")
    assert "the reserve for real messages" in {one["why"] for one in score["unsent"]}
    words = told(score)
    assert "it stopped itself: a message would have used what is kept for real ones" in words[0]
    assert any(f"not sent to worker:vw by {channel} (offer): the reserve for real messages" in line for line in words)


def states(stage, run):
    """Return the state of each home's care case in a drill, by what the script calls it."""
    h, c = schema.drill_homes.c, schema.cases.c
    with stage.engine.connect() as conn:
        rows = conn.execute(
            select(h.part, c.state).join(schema.cases, c.household == h.household).where(h.drill == run)
        )
        return dict(tuple(row) for row in rows)


@pytest.mark.parametrize("ends", ["by itself", "with the drill"])
def test_an_outage_folds_what_it_explains_spares_what_was_before_and_its_end_is_told(stage, catalogues, ends):
    homes = {"a": "v00", "b": "v01", "before": "v02"}
    run = stage.api("POST", "/drills", {"drill": "x", "kind": "tabletop", "homes": homes, "lasts_s": 6000})["id"]
    at, hour, line = f"/drills/{run}", timedelta(hours=1), {"sms": Provider(), "email": Provider()}
    cut = {"id": "cut", "kind": "water_outage", "homes": list(homes), "onset": (stage.now - 3 * hour).isoformat()}
    for name, hours in (("a", 2), ("before", 12)):
        finding = {"id": name, "home": name, "onset": (stage.now - hours * hour).isoformat()}
        stage.api("POST", f"{at}/findings", finding)
    assert stage.api("POST", f"{at}/areas", cut) == {"homes": 3}
    late = {"id": "b", "home": "b", "onset": (stage.now - hour).isoformat()}
    stage.api("POST", f"{at}/findings", late)
    assert states(stage, run) == {"a": "FOLDED", "b": "FOLDED", "before": "AWAITING"}
    send(stage, catalogues, line)
    begun = [one for one in line["sms"].took if one.template == "area_outage"]
    assert {one.role for one in begun} == {"operator", "worker"}
    assert all("演练楼" in one.text and "3" in one.text for one in begun)
    assert {one.address for one in line["sms"].took if one.template == "family_outage"} <= addresses(stage)
    stage.now += timedelta(seconds=60)
    stage.api("POST", f"{at}/areas/cut/end" if ends == "by itself" else f"{at}/end", {})
    send(stage, catalogues, line)
    over = [one.address for one in line["sms"].took if one.template == "area_over"]
    assert sorted(over) == sorted(one.address for one in begun), "whoever heard of it hears of its end, once"
    assert all(one.text.startswith("【演练】") for one in line["sms"].took if one.realm == "drill")


def test_meters_that_are_silent_with_their_gateway_are_nobodys_case_until_it_is_back(stage):
    homes = {"a": "v00", "b": "v01"}
    run = stage.api("POST", "/drills", {"drill": "x", "kind": "tabletop", "homes": homes, "lasts_s": 6000})["id"]
    at, onset = f"/drills/{run}", (stage.now - timedelta(hours=2)).isoformat()
    stage.api(
        "POST",
        f"{at}/areas",
        {"id": "gw", "kind": "radio_outage", "homes": list(homes), "onset": onset, "zone": "网关一"},
    )
    for name in homes:
        silent = {"id": name, "home": name, "kind": "meter_silent", "severity": "blue", "onset": onset}
        assert stage.api("POST", f"{at}/findings", silent) == {"case": None}
    stage.api("POST", f"{at}/findings/a/clear", {})
    stage.api("POST", f"{at}/areas/gw/end", {})
    with stage.engine.connect() as conn:
        c = schema.cases.c
        assert [tuple(row) for row in conn.execute(select(c.household, c.stream, c.realm))] == [
            ("v01", "technical", "drill")
        ]
