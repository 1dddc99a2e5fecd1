"""The composition root: every room made, wired and ended here.

Threads: one for each broker's network and one that commits (both inside `ingest.mqtt.Source`), one that judges
(`Pipeline.work`).  Tasks: the dispatcher, the timers, the pages.  All belong to `Service.run`, which ends them in the
order in which data flow, so that what was acknowledged has been stored and what was stored can be judged again.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import uvicorn
from fastapi import FastAPI

from alerts import channels, database, texts
from alerts.access import new_links
from alerts.errors import DatabaseError
from alerts.outbox import Dispatcher
from alerts.store import Store
from alerts.web import app as web
from alerts.web.live import Hub
from alerts.web.ports import Check, Health
from alerts.web.settings import Settings as PageSettings
from ingest.devices import FORMATS
from ingest.errors import StoreError, TlsError
from ingest.lately import Lately
from ingest.measures import PLAUSIBLE_FROM
from ingest.mqtt import BrokerSettings, Source
from ingest.store import SqliteStore
from shuian import mirror, reports
from shuian.anchors import Anchors
from shuian.battery_check import BatteryCheck
from shuian.broker import BrokerError, EmbeddedBroker
from shuian.clock_check import ClockCheck
from shuian.commissioning import Commissioning
from shuian.config import TOPICS, Config, broker_defaults
from shuian.errors import BadInput, Trouble
from shuian.history import History
from shuian.judge import Judge, said
from shuian.live_bindings import LiveBindings
from shuian.people import CaseDesk, PeopleRegistry
from shuian.pipeline import Pipeline
from shuian.played import Played
from shuian.rehearsals import Rehearsals
from shuian.retention import Keeper

log = logging.getLogger(__name__)

ANCHORS = "audit-anchors.jsonl"
"""The file of the data folder that holds the anchors of the audit chain."""
DEMO_MARK = "DEMO"
"""A data folder that holds this file belongs to `shuian demo`; `serve` refuses it."""
BEHIND = 1000
"""Batches not yet judged from which on the service is not well."""
LAST_ANSWERS_S = 5
"""How long the pages may take for their last answers when the service ends. [s]"""
MOST_SKEW_S = 60.0
"""A jump of this machine's clock beyond which what it dates and when it calls are not to be trusted. [s]"""


def wall_clock() -> datetime:
    """Return the time by this machine's clock, UTC."""
    return datetime.now(UTC)


def since_boot_s() -> float:
    """Return seconds by a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as s:
        s.bind((host, 0))
        return int(s.getsockname()[1])


def want_port(host: str, port: int, setting: str) -> None:
    """Raise `Trouble` naming the port and a free one if `port` cannot be listened on."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
        except OSError as trouble:
            raise Trouble(
                f"port {port} on {host} cannot be used: {os.strerror(trouble.errno or 0).lower()}",
                f"end what uses it, or take another: {setting} {free_port(host)} is free",
            ) from None


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the data folder: two services on one SQLite folder would both believe they are the only writer."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a")
    except OSError as trouble:
        what = f"{folder} cannot be written to: {(trouble.strerror or str(trouble)).lower()}"
        raise Trouble(what, "free some space, or give this user the right to write there") from None
    with lock as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble(f"another service runs on {folder}", "end it first, or use another data folder") from None
        yield


class _Server(uvicorn.Server):
    """Signals belong to the process that started us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


class Service:
    """One installation: broker, ingest, detectors, cases, pages."""

    def __init__(self, config: Config, clock: Callable[[], datetime] = wall_clock, demo: bool = False) -> None:
        self.config, self.clock, self.demo = config, clock, demo
        self.broker_url = ""
        self.started = since_boot_s()
        self._skew_at_start_s = self._skew_s()
        self.sources: dict[str, Source] = {}
        self.lately = Lately()
        self._timer_trouble: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Service"]:
        """Start everything; on leaving, end everything in the order in which data flow."""
        self._may_start()
        self._loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as held:
            self._make(held)
            async with asyncio.TaskGroup() as group:
                stop = asyncio.Event()
                server = self._server()
                self.judge.start()
                for source in self.sources.values():
                    source.start()
                tasks = [
                    group.create_task(self.dispatcher.run(stop)),
                    group.create_task(self._timers(stop)),
                    group.create_task(reports.keep(self.reports, self.history, self.clock, stop)),
                    group.create_task(self.mirror.keep(self.clock, stop)),
                    group.create_task(self.keeper.keep(self.clock, stop, self._clock_holds)),
                    group.create_task(server.serve()),
                ]
                try:
                    while not server.started and not tasks[-1].done():
                        await asyncio.sleep(0.02)
                    yield self
                finally:
                    for source in self.sources.values():
                        await asyncio.to_thread(source.stop)
                    await asyncio.to_thread(self.judge.end)
                    await asyncio.to_thread(self.rehearsals.close)
                    self.hub.close()  # the server waits for its answers, and a stream has no end of its own
                    server.should_exit = True
                    stop.set()
                    self.dispatcher.wake()

    def _may_start(self) -> None:
        folder, at = self.config.service.data, self.config.web
        if (folder / DEMO_MARK).exists() and not self.demo:
            raise BadInput(f"{folder} belongs to a demo", "give a service of its own a data folder of its own")
        if self.clock() < PLAUSIBLE_FROM:
            raise Trouble(f"the clock of this machine says {self.clock():%Y-%m-%d}", "set it (NTP), then start again")
        want_port(at.host, at.port, "--port" if self.demo else "web.port =")

    def _make(self, held: contextlib.ExitStack) -> None:
        """Open what is stored and make the rooms around it; `held` gives everything back."""
        folder = self.config.service.data
        held.enter_context(only_one(folder))
        try:
            self.readings = SqliteStore(folder / "readings")
            held.callback(self.readings.close)
            self.engine = database.open(folder / "people.sqlite")
            held.callback(self.engine.dispose)
        except (StoreError, DatabaseError) as trouble:
            raise Trouble(f"{folder}: {trouble}", "mend that, or restore the folder from a backup") from None
        self.words = texts.load()
        self.anchors = Anchors(self.engine, folder / ANCHORS)
        self.reports = reports.of(self.config, self.engine, self.demo)
        self.keeper = Keeper(self.readings, self.engine, self.config.retention, ZoneInfo(self.config.service.zone))
        self.hub = Hub(self.engine, self.clock)
        self.store = Store(self.engine, self.config.policy, self._committed)
        self.dispatcher = self._dispatcher()
        self.desk = CaseDesk(self.store, self.clock, self.wake)
        self.registry = PeopleRegistry(self.engine)
        self.pipeline = Pipeline(
            self.readings,
            self.registry,
            self.desk,
            self.config.detect,
            folder / "detect.npz",
            self.clock,
            self._listening,
        )
        of_now = (self.readings, lambda: self.pipeline.rows, self.clock)
        self.judge = Judge(self.pipeline, ClockCheck(*of_now), BatteryCheck(*of_now))
        self.history = History(self.readings, self.pipeline)
        self.rehearsals = Rehearsals(self.store, self.clock, self._open_broker, self.config.service.zone)
        self._played = Played(self.registry, self.clock)
        self.mirror = held.enter_context(
            mirror.running(self.config.influx, folder, self.readings, self._played.without)
        )
        self.sources = {one.name: self._source(one) for one in self._brokers(held)}

    def _committed(self, households: Collection[str] = ()) -> None:
        """Cases changed: open pages are told, and the dispatcher looks what is owed."""
        self.hub.changed(households)
        self.wake()

    def wake(self) -> None:
        """Tell the dispatcher that something is owed; callable from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.dispatcher.wake)

    # --- the parts -----------------------------------------------------------------------------------------------------

    def _dispatcher(self) -> Dispatcher:
        made = {name: channels.CHANNELS[name].Channel(settings) for name, settings in self.config.channels.items()}
        return Dispatcher(
            self.engine,
            made,
            self.words,
            self.config.base_url,
            self.clock,
            make_links=new_links,
            policy=self.config.policy,
            on_commit=self.hub.changed,
        )

    def _brokers(self, held: contextlib.ExitStack) -> list[BrokerSettings]:
        if self.config.mqtt:
            first = self.config.mqtt[0]
            self.broker_url = f"mqtt://{first.host}:{first.port}"
            return list(self.config.mqtt)
        try:
            broker = held.enter_context(EmbeddedBroker())
        except BrokerError as trouble:
            raise Trouble(str(trouble), "or name a broker of your own in [[mqtt]]") from None
        self.broker_url = f"mqtt://127.0.0.1:{broker.port}"
        # It hangs up on whoever subscribes to a topic that begins with $ (the platforms of OneNET and Huawei).
        heard = tuple(topic for topic in TOPICS if not topic.startswith("$"))
        entry = {"name": "embedded", "host": "127.0.0.1", "port": broker.port, "topics": heard}
        return [BrokerSettings(**broker_defaults(self.config.service.site, entry))]

    def _open_broker(self) -> str:
        """Return the address of the broker if anybody may speak there; empty: it wants a password or TLS, which we lack."""
        first = next(iter(self.config.mqtt), None)
        closed = first is not None and (first.username is not None or first.tls)
        return "" if closed else self.broker_url

    def _listening(self) -> bool:
        return all(source.connected and source.trouble is None for source in self.sources.values())

    def _skew_s(self) -> float:
        return self.clock().timestamp() - since_boot_s()

    def _clock_holds(self) -> bool:
        return abs(self._skew_s() - self._skew_at_start_s) <= MOST_SKEW_S

    def _source(self, settings: BrokerSettings) -> Source:
        try:
            return Source(
                settings, self.readings, LiveBindings(self.pipeline), self.clock, self.judge.news.set,
                lately=self.lately, rules=self.config.rules, limits=self.config.limits,
            )  # fmt: skip
        except TlsError as wrong:
            raise BadInput(f"broker {settings.name}: {wrong}", "correct [[mqtt]], then: shuian check") from None

    def _server(self) -> uvicorn.Server:
        at = self.config.web
        options = uvicorn.Config(
            self._app(),
            at.host,
            at.port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=LAST_ANSWERS_S,
        )
        return _Server(options)

    def _app(self) -> FastAPI:
        settings = PageSettings(
            base_url=self.config.base_url,
            duty_phone=self.config.web.duty_phone or None,
            zone=self.config.service.zone,
            demo=self.demo,
            formats={name: one.sensors for name, one in FORMATS.items()},
            go_live=self.config.go_live,
        )
        app = web.create(
            self.store, self.engine, self.history, self.words, settings, self.clock, self.health, self.hub,
            self.dispatcher, self.reports, Commissioning(self.lately, self.readings, self.pipeline),
            self.rehearsals,
        )  # fmt: skip
        self.rehearsals.serve(app)
        return app

    async def _timers(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                if await asyncio.to_thread(self.store.fire_due, self.clock()):
                    self.dispatcher.wake()
                await asyncio.to_thread(self.anchors.keep_if_due, self.clock())
                self._timer_trouble = self.store.trouble
            except Exception as trouble:
                log.exception("timers failed; they are tried again")
                self._timer_trouble = f"clocks of cases cannot be read: {said(trouble)}"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)

    def health(self) -> Health:
        """Return what `/healthz` and the operator's page say of the service itself."""
        behind = self.readings.newest_seq() - self.pipeline.cursor
        checks = [
            *(
                Check("broker", one.connected and one.trouble is None, f"{n}: {one.status}")
                for n, one in self.sources.items()
            ),
            *self.mirror.checks(),
        ]
        not_judged = self.judge.trouble or self._not_judged(behind)
        checks.append(Check("pipeline", not_judged is None, not_judged or self.pipeline.learnt_from or "ok"))
        checks.append(_check("dispatcher", self.dispatcher.trouble))
        checks.append(_check("timers", self._timer_trouble))
        checks.append(_check("retention", self.keeper.trouble))
        jumped_s = self._skew_s() - self._skew_at_start_s
        jumped = f"the clock of this machine jumped by {jumped_s:+.0f} s: set it right, then start the service again"
        checks.append(_check("clock", None if self._clock_holds() else jumped))
        counts = self.readings.counts() | {"behind": behind, "up_s": round(since_boot_s() - self.started)}
        return Health(tuple(checks), counts | self.mirror.counts())

    def _not_judged(self, behind: int) -> str | None:
        if self.pipeline.missing is not None:
            return f"detectors learn anew from the stored readings: {self.pipeline.missing}"
        if behind >= BEHIND:
            return f"{behind} batches wait to be judged"
        number = len(self.pipeline.left_out)
        return f"{number} batches could not be judged and were left out: see the log" if number else None


def _check(name: str, trouble: str | None) -> Check:
    return Check(name, trouble is None, trouble or "ok")


async def serve(config: Config, stop: asyncio.Event) -> None:
    """Run until `stop` is set."""
    async with Service(config).running() as service:
        log.info("serving", extra={"pages": config.base_url, "broker": service.broker_url})
        await stop.wait()
