"""`shuian demo`: broker, store, service, pages, gateways and sixty homes, all on this machine and at life's speed.

Backfills 56 days of history over MQTT, day by day, then lives on.  Eleven stories begin in it or soon after and fall due
within five minutes.  Kill it and start it again: it goes on where it was.
"""

import asyncio
import contextlib
import dataclasses
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from sqlalchemy import Connection

from alerts import registry, tokens
from alerts.access import Role, new_link
from alerts.policy import Policy
from shuian import config as configuration
from shuian import logs, registry_import
from shuian.errors import BadInput
from shuian.fleet import Fleet
from shuian.neighbourhood import HISTORY, ZONE, accepted
from shuian.neighbourhood.drill_area import AREA
from shuian.neighbourhood.homes import HOMES, told
from shuian.neighbourhood.incidents import Incidents
from shuian.neighbourhood.lives import Life
from shuian.neighbourhood.placing import place
from shuian.neighbourhood.rehearsal import BEFORE_S, Rehearsal
from shuian.neighbourhood.sheets import write_registry
from shuian.service import DEMO_MARK, Service, only_one, wall_clock, want_port
from simulators.gateways import Gateways

FORMAT = 2
HINTS_FIRST = (
    "Within five minutes · 五分钟内：",
    "  1-301  a fall: no water, nobody moves          跌倒：久无用水，屋里没有动静",
    "  1-402  a fall with the water running           跌倒，水一直在流",
    "  1-501  a tap left open                         忘关水龙头",
    "  1-602  a leak, a day old                       漏水满一天",
    "  1-701  gone out without a word                 没打招呼出了门",
    "  1-802  away, declared by the daughter: calm    女儿登记了外出：不打扰",
    "  1-901  presses SOS                             按求助键",
    "  1-1002 a meter dies: not watched, no alarm     水表坏了：看不到，不报警",
    "  2 B    a gateway dies, ten homes with it       网关断线，带走十户",
    "  3      no water in the building: one notice    整栋停水：只有一条通知",
    "  3-502  fell before that: still called out      停水前跌倒：照样叫人",
    "  Nobody answers but you: after a minute each 李强, 赵敏, then the desk · 除了您没有人接单：每分钟请下一位，最后报值班台",
)
HINTS_AGAIN = (
    "What happened before goes on, and no new incident is staged: begin anew with --fresh.",
    "从上次的地方继续，不会再出新事件；要从头看，请加 --fresh。",
)
HINTS = (
    "Rehearse all that apart from life, twelve drills at once: make drill · 与真实分开的演练，十二场同时：make drill",
    "Each link works once, and opens all pages of that person. Ctrl-C ends it.",
    "每个链接只能打开一次；Ctrl-C 结束。",
)
LINK_LIFE = timedelta(days=1)
LETS_IN = "drills.token"
"""The file in the demo's folder that lets `shuian drill` in."""
TOKEN_LIFE = timedelta(days=400)
STAGING_S = 12.0
"""What placing the stories and sending the last two days takes: then the present begins. [s]"""


def prepare(data: Path, port: int, fresh: bool) -> None:
    """Make the demo's folder, or take the one that is there."""
    if data.exists() and not data.is_dir():
        raise BadInput(f"{data} is a file; nothing was changed", "name a folder with --data; it need not exist yet")
    mine = (data / DEMO_MARK).exists()
    if data.exists() and any(data.iterdir()) and not mine:
        raise BadInput(f"{data} is not a demo's folder; nothing was changed", "name another one with --data")
    for number in (port, port + 1, port + 2):
        want_port("127.0.0.1", number, "--port")
    with only_one(data):  # never change the folder of a demo that runs
        if fresh and mine:
            shutil.rmtree(data)
            data.mkdir()
        (data / DEMO_MARK).touch()
        _write(data, _state(data) | {"port": port})


def _state(data: Path) -> dict[str, Any]:
    file = data / "demo.json"
    state: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {"format": FORMAT}
    if state["format"] != FORMAT:
        raise BadInput(f"{data} is a demo of another version", "begin anew: --fresh")
    return state


def _write(data: Path, state: dict[str, Any]) -> None:
    new = data / "demo.json.new"
    new.write_text(json.dumps(state), "utf-8")
    new.replace(data / "demo.json")


def settings(data: Path, port: int) -> configuration.Config:
    """Return the demo's configuration: loopback only, a ladder that climbs in a minute."""
    table: dict[str, Any] = {
        "service": {"data": str(data.absolute())},
        "web": {"port": port, "duty_phone": "0755-0000-0000"},
        "go_live": {"drills": []},  # what is played here is played by who looks at it
        "channels": {
            "email": {"host": "127.0.0.1", "port": port + 2, "sender": "shuian@demo.invalid", "loopback_only": True},
            "webhook": {"secret": "demo", "loopback_only": True},
            "sms": {  # drills only: nobody else of the demo has a telephone number
                "endpoint": f"http://127.0.0.1:{port + 1}",
                "key_id": "demo",
                "secret": "demo",
                "sign_name": "水安",
                "templates": {
                    "drill_offer": "SMS_9",
                    "drill_worker": "SMS_10",
                    "drill_family": "SMS_11",
                    "drill_operator": "SMS_12",
                },
                "loopback_only": True,
            },
        },
    }
    return dataclasses.replace(
        configuration.build(table, "the demo's own configuration"), policy=Policy.load(Policy.demo_table())
    )


async def run(data: Path, stop: asyncio.Event) -> None:
    """Run the demo until `stop` is set; what happened in it stays in `data`."""
    logs.start("WARNING", data / "log.jsonl")
    state = _state(data)
    port, first = int(state["port"]), "incidents" not in state
    if "start" not in state:
        state["start"] = wall_clock().timestamp()
        _write(data, state)
    start, config = datetime.fromtimestamp(state["start"], UTC), settings(data, port)
    write_registry(data / "registry", start, port + 1)
    async with (
        Gateways(data / "gateways", smtp_port=port + 2, http_port=port + 1, secret="demo", zone=ZONE),  # noqa: S106  (loopback only)
        Service(config, demo=True).running() as service,
    ):
        with service.engine.begin() as conn:
            registry.apply(registry.read(data / "registry", registry_import.formats()), conn, wall_clock())
            accepted.accept(conn, config.go_live, config.policy, start)
        service.pipeline.refresh()
        lives = await asyncio.to_thread(lambda: [Life(home, start, wall_clock()) for home in HOMES])
        if first:
            _say("sending 56 days of history over MQTT …")
            placed = await _stage(service, lives, start, stop)
            if placed is None:
                return
            state |= {"incidents": dataclasses.asdict(placed)}
            _write(data, state)
        fleet = await _live(service, lives, Incidents(**state["incidents"]), start, stop)
        if not stop.is_set():
            _write(data, state | {"broker": service.broker_url})
            _links(service, config.base_url, port, first)
        await stop.wait()
        _say("\n正在停止；再运行一次，就从这里继续。Stopping; run it again and it goes on where it was.")
        await asyncio.to_thread(fleet.end)


def drill_token(conn: Connection, data: Path, now: datetime) -> None:
    """See that the demo's folder holds a token with which a program can bring the homes of a drill, and play it."""
    file = data / LETS_IN
    if file.exists() and tokens.of(conn, file.read_text("utf-8").strip(), now) is not None:
        return
    name = f"drills-{now:%Y%m%d-%H%M%S}"
    token = tokens.add(conn, name, ("registry:write", "drills:run"), AREA, TOKEN_LIFE, "demo", now)
    new = data / f"{LETS_IN}.new"
    new.unlink(missing_ok=True)
    new.touch(0o600)
    new.write_text(token, "utf-8")
    new.replace(file)


async def _stage(service: Service, lives: list[Life], start: datetime, stop: asyncio.Event) -> Incidents | None:
    """Send the history up to two days before now, and place the stories by what the detectors learnt; None: stopped."""
    until = wall_clock().timestamp() - BEFORE_S
    fleet = Fleet(lives, None, service.readings, service.broker_url, start.timestamp(), until)
    fleet.start()
    await _heard(service, fleet, stop)
    if stop.is_set():
        await asyncio.to_thread(fleet.end)
        return None
    _say("placing eleven stories …")
    homes, learnt = service.pipeline.learnt()
    now_s = wall_clock().timestamp() + STAGING_S
    at = Rehearsal(service.config.detect, learnt, homes, until, now_s)
    return await asyncio.to_thread(place, at, lives, start)


async def _live(
    service: Service, lives: list[Life], incidents: Incidents, start: datetime, stop: asyncio.Event
) -> Fleet:
    """Let everybody live with what the stories do to them; return when the present is reached."""
    struck = [life.struck(incidents) for life in lives]
    fleet = Fleet(struck, incidents, service.readings, service.broker_url, start.timestamp())
    fleet.start()
    await _heard(service, fleet, stop)
    service.pipeline.lived_through((start - HISTORY).timestamp(), incidents.placed_s)
    return fleet


async def _heard(service: Service, fleet: Fleet, stop: asyncio.Event) -> None:
    while not (fleet.heard() and service.pipeline.caught_up()) and not stop.is_set():
        await asyncio.sleep(0.1)


def _links(service: Service, base: str, port: int, first: bool) -> None:
    people: tuple[tuple[str, Role, str, str], ...] = (
        ("网格员 worker 王芳 (1 栋)", "worker", "wang", "/w"),
        ("后备 backup 李强 (2 栋)", "worker", "li", "/w"),
        ("网格员 worker 陈伟 (3 栋)", "worker", "chen", "/w"),
        ("组长 lead 赵敏", "worker", "zhao", "/w"),
        ("家属 family of 1-301 跌倒", "family", f"f-{told('fall').place}", "/f"),
        ("家属 family of 1-701 外出", "family", f"f-{told('out').place}", "/f"),
        ("家属 family of 3-301 停水", "family", "f-3-301", "/f"),
        ("值班 operator 孙丽", "operator", "ops", "/c"),
    )
    with service.engine.begin() as conn:
        now = wall_clock()
        drill_token(conn, service.config.service.data, now)
        rows = [
            (label, f"{base}/link/{new_link(conn, role, who, goto, now, LINK_LIFE)}")
            for label, role, who, goto in people
        ]
    lines = ["", "水安 Shuian demo · nobody here exists · 演示，人物均为虚构", ""]
    rows.append(("手机与邮箱 phones and mail", f"http://127.0.0.1:{port + 1}/"))
    lines += [f"  {label}{' ' * (28 - _columns(label))} {link}" for label, link in rows]
    lines += ["", *(HINTS_FIRST if first else HINTS_AGAIN), *HINTS, ""]
    _say("\n".join(lines))


def _columns(text: str) -> int:
    """Return how many columns of a terminal `text` takes: Chinese characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _say(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)
