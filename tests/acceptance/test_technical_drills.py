"""A technical drill on a real service behind a real Mosquitto: what befalls the homes of a drill is found by itself."""

import asyncio
import threading
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from alerts import schema, tokens
from ingest.readings import WATER_VOLUME_TOTAL
from shuian import config as configuration
from shuian import drill_stage, drill_technical
from shuian.drill import Api, Reach
from shuian.drill_meters import Meters
from shuian.drill_technical import Technical
from shuian.errors import Trouble
from shuian.neighbourhood import ZONE
from shuian.service import Service, free_port, wall_clock
from simulators.doings import NO_DRAWS, NOTHING, Doings
from simulators.drills import DUE, PLATFORM_S, Does, Drill, Expect, Homes, Strikes
from simulators.drills._homes import Meter, reports
from simulators.gateways import Gateways
from tests.brokers import mosquitto

HOW = Reach("email", "{who}@example.org")
WITHIN_S = 30.0
LIVING, SPAN = Doings(NO_DRAWS, NOTHING, NOTHING), (1.79e9, 1.79e9 + 86_400.0, 1.79e9 + 86_400.0)
"""Nobody's day, long ago."""
STORY = Drill(
    homes={"fallen": Homes(), "new meter": Homes()},
    people=("owner", "backup", "lead", "operator", "family"),
    strikes=(Strikes("P1", "fallen", DUE), Strikes("M3", "new meter", 2.0)),
    does=(
        Does("owner", "accept", 1.0),
        Does("owner", "arrive", 2.0),
        Does("owner", "outcome", 3.0, code="HELPED"),
    ),
    must=(
        Expect("case", PLATFORM_S, "fallen"),
        Expect("told", 30.0, "fallen", "owner", after="case"),
        Expect("told", 30.0, "fallen", "family", after="case"),
        Expect("on_site", 60.0, "fallen", "owner", after="accepted"),
        Expect("outcome", 60.0, "fallen", after="case"),
        Expect("case", 0.0, "new meter", never=True),
        Expect("meter_case", 0.0, "new meter", never=True),
    ),
    kinds=("technical",),
    watched_s=18.0,
    ends_s=600.0,
    history_days=14,
    module=__name__,
)
"""Somebody fell, next door a meter is changed; people who live faster than those of the scripts."""


@contextmanager
def serving(folder, broker):
    """Run a service with an area for drills and nothing else, in a thread; gives it, and a token for drills."""
    smtp, up, stop, found = free_port(), threading.Event(), threading.Event(), []
    table = {
        "service": {"data": str(folder / "data")},
        "web": {"port": free_port(), "duty_phone": "0755-0000-0000"},
        "mqtt": [{"name": "m", "host": "127.0.0.1", "port": broker.port(5)}],
        "channels": {"email": {"host": "127.0.0.1", "port": smtp, "sender": "s@example.org", "loopback_only": True}},
    }

    async def live():
        gateways = Gateways(folder / "mail", smtp_port=smtp, http_port=0, secret="demo", zone=ZONE)
        async with gateways, Service(configuration.build(table, "a test")).running() as service:
            with service.engine.begin() as conn:
                scopes = ["registry:write", "drills:run"]
                token = tokens.add(conn, "d", scopes, None, timedelta(days=1), "cli", wall_clock())
            found.extend([service, token])
            up.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(live()), daemon=True)
    thread.start()
    assert up.wait(WITHIN_S)
    try:
        yield found
    finally:
        stop.set()
        thread.join(WITHIN_S)


def hasty(began):
    """Return a clock that goes twenty times as fast as life."""
    return lambda: began + 20 * (wall_clock() - began)


@contextmanager
def program(service, token):
    """Give the service as a program with a token sees it, with an area for drills."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=service.config.base_url, headers=headers, timeout=WITHIN_S, trust_env=False) as client:
        api = Api(client)
        api("PUT", "/areas/dr", {"kind": "drill", "name": "演练区"})
        yield api


@pytest.mark.slow
def test_what_befalls_the_homes_of_a_drill_is_found_by_the_service_from_what_their_meters_say(tmp_path):
    said, waits = [], threading.Event()
    with (
        mosquitto(tmp_path) as broker,
        serving(tmp_path, broker) as (service, token),
        program(service, token) as api,
        drill_technical.publisher(f"mqtt://127.0.0.1:{broker.port(5)}") as out,
    ):
        cast = drill_stage.cast(api, "story", STORY, wall_clock(), how=HOW, lead_s=600.0)
        stranger = reports({"x": Meter("nobody-s", "", "", 3600, 0.0)}, {"x": LIVING}, [], SPAN, ZONE)
        with pytest.raises(Trouble, match="the service has stored 0 of 24 readings that the broker took"):
            Meters(out, api, stranger, hasty(wall_clock()), lambda _: waits.wait(0.1)).tell([SPAN[1]])
        drill_stage.enter(api, cast)
        score = Technical(cast, api, out, said.append, wall_clock, waits.wait).play()
        drill_stage.leave(api, cast.tag)
        assert {line["verdict"] for line in score["lines"]} == {"met", "kept"}, score["lines"]
        assert any("history: 100 %" in line for line in said)
        fallen, changed = cast.homes
        c, f = schema.consents.c, schema.findings.c
        with service.engine.connect() as conn:
            assert conn.scalars(select(c.id).where(c.withdrawn_at.is_(None))).all() == [], "nobody is left in it"
            assert set(conn.execute(select(f.household, f.realm)).all()) == {(fallen.id, "drill")}
        old, new = (service.readings.last(one, WATER_VOLUME_TOTAL) for one in (changed.meter, changed.next_meter))
        assert new.measured_ms > old.measured_ms
        assert new.value < old.value
