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
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from alerts import channels, database, texts
from alerts.access import new_link
from alerts.outbox import Dispatcher
from alerts.store import Store
from alerts.web import app as web
from alerts.web.ports import Check, Health
from alerts.web.settings import Settings as PageSettings
from ingest.bindings import Binding
from ingest.mqtt import BrokerSettings, Source
from ingest.store import SqliteStore
from shuian.broker import BrokerError, EmbeddedBroker
from shuian.config import Config, broker_defaults
from shuian.errors import BadInput, Trouble
from shuian.history import History
from shuian.people import CaseDesk, PeopleRegistry
from shuian.pipeline import Pipeline

log = logging.getLogger(__name__)

DEMO_MARK = "DEMO"
"""A data folder that holds this file belongs to `shuian demo`; `serve` refuses it."""


BEHIND = 1000
"""Batches not yet judged from which on the service is not well."""


def wall_clock() -> datetime:
    """Return the time by this machine's clock, UTC."""
    return datetime.now(UTC)


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
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as held:
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


class Judge(threading.Thread):
    """The thread that runs the pipeline; it survives anything and says what went wrong last."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(name="judge", daemon=True)
        self._pipeline = pipeline
        self.news = threading.Event()
        self._end = threading.Event()
        self.trouble: str | None = None
        self.failures = 0

    def run(self) -> None:
        """Work when there is news, and once a second for the clock."""
        while not self._end.is_set():
            try:
                self.news.wait(1.0)
                self.news.clear()
                while self._pipeline.work():
                    if self._end.is_set():
                        break
                self._pipeline.save_if_due()
                self.trouble = None
            except Exception as trouble:
                self.failures += 1
                self.trouble = f"{type(trouble).__name__}: {trouble}"
                log.exception("judging failed; it is tried again")
                self._end.wait(min(30.0, 0.5 * 2 ** min(self.failures, 6)))

    def end(self) -> None:
        """Stop after the present step and write the state."""
        self._end.set()
        self.news.set()
        self.join(30)
        with contextlib.suppress(OSError):
            self._pipeline.save()


class LiveBindings:
    """What ingest may store, always as the registry has it now."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def at(self, device: str, time: datetime) -> Binding | None:
        """Return the binding of `device` at `time`."""
        return self._pipeline.rows.bindings.at(device, time)


class Service:
    """One installation: broker, ingest, detectors, cases, pages."""

    def __init__(self, config: Config, clock: Callable[[], datetime] = wall_clock, demo: bool = False) -> None:
        self.config, self.clock, self.demo = config, clock, demo
        self.broker_url = ""
        self.started = time.monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Service"]:
        """Start everything; on leaving, end everything in the order in which data flow."""
        folder = self.config.service.data
        if (folder / DEMO_MARK).exists() and not self.demo:
            raise BadInput(f"{folder} belongs to a demo", "give a service of its own a data folder of its own")
        web_at = self.config.web
        want_port(web_at.host, web_at.port, "--port" if self.demo else "web.port =")
        self._loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as held:
            held.enter_context(only_one(folder))
            self.readings = SqliteStore(folder / "readings")
            held.callback(self.readings.close)
            self.engine = database.open(folder / "people.sqlite")
            held.callback(self.engine.dispose)
            self.words = texts.load()
            self.store = Store(self.engine, self.config.policy)
            self.dispatcher = self._dispatcher()
            self.desk = CaseDesk(self.store, self.clock, self.wake)
            self.registry = PeopleRegistry(self.engine)
            self.pipeline = Pipeline(
                self.readings, self.registry, self.desk, self.config.detect, folder / "detect.npz", self.clock
            )
            self.judge = Judge(self.pipeline)
            self.sources = {one.name: self._source(one) for one in self._brokers(held)}
            async with asyncio.TaskGroup() as group:
                stop = asyncio.Event()
                server = self._server()
                self.judge.start()
                for source in self.sources.values():
                    source.start()
                tasks = [
                    group.create_task(self.dispatcher.run(stop)),
                    group.create_task(self._timers(stop)),
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
                    server.should_exit = True
                    stop.set()
                    self.dispatcher.wake()

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
            make_link=new_link,
            policy=self.config.policy,
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
        entry = {"name": "embedded", "host": "127.0.0.1", "port": broker.port}
        return [BrokerSettings(**broker_defaults(self.config.service.site, entry))]

    def _source(self, settings: BrokerSettings) -> Source:
        return Source(settings, self.readings, LiveBindings(self.pipeline), self.clock, self.judge.news.set)

    def _server(self) -> uvicorn.Server:
        at = self.config.web
        options = uvicorn.Config(self._app(), at.host, at.port, log_config=None, access_log=False, lifespan="off")
        return _Server(options)

    def _app(self) -> FastAPI:
        settings = PageSettings(
            base_url=self.config.base_url,
            duty_phone=self.config.web.duty_phone or None,
            zone=self.config.service.zone,
            demo=self.demo,
            undo=timedelta(seconds=self.config.policy.undo_s),
        )
        history = History(self.readings, self.pipeline)
        return web.create(self.store, self.engine, history, self.words, settings, self.clock, self.health)

    async def _timers(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                if await asyncio.to_thread(self.store.fire_due, self.clock()):
                    self.dispatcher.wake()
            except Exception:
                log.exception("timers failed; they are tried again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)

    def health(self) -> Health:
        """Return what `/healthz` and the operator's page say of the service itself."""
        behind = self.readings.newest_seq() - self.pipeline.cursor
        checks = [
            Check("broker", source.connected, f"{name}: {source.status}") for name, source in self.sources.items()
        ]
        checks.append(Check("pipeline", self.judge.trouble is None and behind < BEHIND, self.judge.trouble or "ok"))
        counts = self.readings.counts() | {"behind": behind, "up_s": round(time.monotonic() - self.started)}
        return Health(tuple(checks), counts)


async def serve(config: Config, stop: asyncio.Event) -> None:
    """Run until `stop` is set."""
    async with Service(config).running() as service:
        log.info("serving", extra={"pages": config.base_url, "broker": service.broker_url})
        await stop.wait()
