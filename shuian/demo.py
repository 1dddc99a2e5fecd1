"""`shuian demo`: broker, store, service, pages, gateways and six homes, all on this machine and at life's speed.

Backfills 56 days of history over MQTT as day batches, then lives on.  Two incidents begin in the backfill and fall due
within five minutes: somebody fell, somebody left a tap open.  Kill it and start it again: it goes on where it was.
"""

import asyncio
import contextlib
import dataclasses
import json
import shutil
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

import numpy as np

from alerts import registry
from alerts.access import Role, new_link
from alerts.policy import Policy
from ingest.devices import native, wmbusmeters
from ingest.readings import WATER_VOLUME_TOTAL
from ingest.store import SqliteStore
from shuian import config as configuration
from shuian import logs, neighbourhood
from shuian.errors import BadInput
from shuian.neighbourhood import HOMES, REPORT_S, Home, Incidents, Life
from shuian.service import DEMO_MARK, Service, only_one, wall_clock, want_port
from simulators.gateways import Gateways
from simulators.publisher import Publisher, PublishError

LIVE_EVERY_S = 15
"""Simulated meters are read this often once they live; the service is told to expect a reading every 15 minutes. [s]"""
FORMAT = 1
HINTS_FIRST = (
    "Within five minutes: 301 has gone quiet (a fall), 402 left a tap open.",
    "五分钟内：301 久无用水（跌倒），402 忘关水龙头。",
)
HINTS_AGAIN = (
    "What happened before goes on, and no new incident is staged: begin anew with --fresh.",
    "从上次的地方继续，不会再出新事件；要从头看，请加 --fresh。",
)
HINTS = (
    "Each link works once, and opens all pages of that person. Ctrl-C ends it.",
    "每个链接只能打开一次；Ctrl-C 结束。",
)
LINK_LIFE = timedelta(days=1)


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
        "channels": {
            "email": {"host": "127.0.0.1", "port": port + 2, "sender": "shuian@demo.invalid", "loopback_only": True},
            "webhook": {"secret": "demo", "loopback_only": True},
        },
    }
    return dataclasses.replace(
        configuration.build(table, "the demo's own configuration"), policy=Policy.load(Policy.demo_table())
    )


class Fleet(threading.Thread):
    """All meters of the demo: history first, then life."""

    def __init__(self, lives: list[Life], readings: SqliteStore, url: str, start: datetime) -> None:
        super().__init__(name="fleet", daemon=True)
        self._lives, self._readings, self._url, self._start = lives, readings, url, start
        self._end = threading.Event()
        self.backfilled = threading.Event()
        self.sent = 0

    def run(self) -> None:
        """Send what the store has not yet, then a reading a quarter of a minute until the end."""
        while not self._end.is_set():
            try:
                with Publisher(self._url, client_id="demo-fleet") as out:
                    self._backfill(out)
                    self.backfilled.set()
                    self._live(out)
            except PublishError:
                self._end.wait(1.0)

    def end(self) -> None:
        """Stop soon."""
        self._end.set()
        self.join(5)

    def _backfill(self, out: Publisher) -> None:
        now = time.time()
        infos = []
        for life in self._lives:
            last = self._readings.last(life.home.device, WATER_VOLUME_TOTAL)
            since = last.measured_ms / 1000 if last else (self._start - neighbourhood.HISTORY).timestamp()
            grid = np.append(np.arange(since // REPORT_S + 1, now // REPORT_S + 1) * REPORT_S, now)
            for day in np.array_split(grid, max(1, len(grid) // 96)):
                for topic, payload in _messages(life.home, life.registers(day)):
                    infos.append(out.publish(topic, payload))
                    self.sent += 1
                if self._end.is_set():
                    return
        for info in infos[-400:]:
            info.wait_for_publish(30)

    def _live(self, out: Publisher) -> None:
        before = time.time()
        while not self._end.wait(LIVE_EVERY_S - time.time() % LIVE_EVERY_S):
            now = time.time()
            for life in self._lives:
                for topic, payload in _messages(life.home, life.registers(np.array([before + 0.001, now]))[-1:]):
                    out.publish_and_wait(topic, payload)
                    self.sent += 1
            before = now


def _messages(home: Home, registers: list[tuple[float, float]]) -> list[tuple[str, bytes]]:
    if not registers:
        return []
    readings = [(neighbourhood.stamp(round(at, 3)), litres) for at, litres in registers]
    if home.format == "native":
        return [native.encode("shuian", "demo", home.device, f"{home.device}-{registers[-1][0]:.3f}", readings)]
    return [wmbusmeters.encode(home.device, at, litres) for at, litres in readings]


async def run(data: Path, stop: asyncio.Event) -> None:
    """Run the demo until `stop` is set; what happened in it stays in `data`."""
    logs.start("WARNING")
    state = _state(data)
    port = int(state["port"])
    config = settings(data, port)
    first = "start" not in state
    if first:
        _say("placing the incidents …")
        start = wall_clock()
        placed = await asyncio.to_thread(neighbourhood.place_incidents, start, config.detect)
        state |= {"start": start.timestamp(), "fall_s": placed.fall_s, "tap_s": placed.tap_s}
        _write(data, state)
    start = datetime.fromtimestamp(state["start"], UTC)
    incidents = Incidents(state["fall_s"], state["tap_s"])
    sheets = data / "registry"
    neighbourhood.registry(sheets, start, port + 1)
    async with (
        Gateways(data / "gateways", smtp_port=port + 2, http_port=port + 1, secret="demo", zone=neighbourhood.ZONE),  # noqa: S106  (loopback only)
        Service(config, demo=True).running() as service,
    ):
        with service.engine.begin() as conn:
            registry.apply(registry.read(sheets), conn, wall_clock())
        service.pipeline.refresh()
        lives = [Life(home, start, wall_clock(), incidents) for home in HOMES]
        fleet = Fleet(lives, service.readings, service.broker_url, start)
        fleet.start()
        _say("sending 56 days of history over MQTT …" if first else "going on where the demo was …")
        while not (fleet.backfilled.is_set() and service.pipeline.caught_up()) and not stop.is_set():
            await asyncio.sleep(0.1)
        _links(service, config.base_url, port, first)
        await stop.wait()
        _say("\nstopping; run it again and it goes on where it was")
        await asyncio.to_thread(fleet.end)


def _links(service: Service, base: str, port: int, first: bool) -> None:
    people: tuple[tuple[str, Role, str, str], ...] = (
        ("网格员 grid worker 王芳", "worker", "wang", "/w"),
        ("后备 backup 李强", "worker", "li", "/w"),
        ("家属 family of 301", "family", "f-301", "/f"),
        ("家属 family of 402", "family", "f-402", "/f"),
        ("值班 operator 孙丽", "operator", "ops", "/c"),
    )
    with service.engine.begin() as conn:
        now = wall_clock()
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
