"""Every script that says it can be played at a tabletop meets its own times there, over the interface, by a turned clock."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import insert, select

from alerts import access, schema, tokens
from alerts.channels import Result
from alerts.outbox import Dispatcher
from shuian.drill import Api, Player
from simulators.drills import DRILLS
from tests.web.conftest import BASE
from tests.web.test_drill_player import Through

STEP = timedelta(seconds=20)
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
        conn.execute(insert(s.areas), [{"id": i, "kind": "grid", "name": "演练网格", "parent": "dr"} for i in ("dg", "de")])
        rows = [{"id": home, "area": a, "building": "演练楼", "door": home, "tz": "Asia/Shanghai"} for home, a in homes.items()]
        conn.execute(insert(s.households), rows)
        conn.execute(insert(s.residents), [{"id": f"r{home}", "household": home, "name": "演练"} for home in homes])
        purposes = ("monitor", "community", "relative")
        conn.execute(insert(s.consents), [{"resident": f"r{h}", "purpose": p, **given} for h in homes for p in purposes])
        rows = [
            mail | {"id": f"f{h}", "resident": f"r{h}", "name": "女儿", "position": 1, "address": f"1380000{n:04d};{h}@example.org"}
            for n, h in enumerate(homes)
        ]
        conn.execute(insert(s.contacts), rows)
        staff = [("vw", "worker", "dg"), ("vb", "worker", "dg"), ("vl", "lead", "dr"), ("vo", "operator", "dr")]
        conn.execute(insert(s.workers), [person(*who) for who in staff])
        on = {"start": now - timedelta(hours=1), "end": now + timedelta(hours=12), "owner": "vw", "backup": "vb", "lead": "vl"}
        conn.execute(insert(s.shifts).values(area="dg", **on))
        token = tokens.add(conn, "d", ["registry:read", "drills:run"], None, timedelta(days=1), "cli", now)
    headers = {"Authorization": f"Bearer {token}"}
    community.api = Api(httpx.Client(transport=Through(community.app), base_url=BASE, headers=headers))
    return community


def perform(stage, catalogues, name, **how):
    """Play a script to its end with a dispatcher that sends; return its score and what each provider took."""
    line = {"sms": Provider(), "email": Provider()}
    sending = Dispatcher(
        stage.engine, line, catalogues, BASE, lambda: stage.now, make_links=access.new_links, policy=stage.store.policy
    )

    async def all_of_it():
        while await sending.step():
            pass

    def sleep(_):
        asyncio.run(all_of_it())
        stage.now += STEP
        stage.store.fire_due(stage.now)
        asyncio.run(all_of_it())

    player = Player(name, DRILLS[name], stage.api, lambda: stage.now, **how)
    return player.run(say=lambda _: None, sleep=sleep), {channel: one.took for channel, one in line.items()}


@pytest.mark.parametrize("name", [name for name, drill in DRILLS.items() if "tabletop" in drill.kinds])
def test_a_script_meets_its_own_times(stage, catalogues, name):
    score, took = perform(stage, catalogues, name)
    wrong = [line for line in score["lines"] if line["verdict"] not in ("met", "kept")]
    assert wrong == []
    assert score["lines"]
    assert {one.realm for some in took.values() for one in some} == {"drill"}
    assert all(one.text.startswith("【演练】") and one.subject.startswith("【演练】") for some in took.values() for one in some)
