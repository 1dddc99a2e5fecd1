"""How soon after a finding the first attempt is made, and how many cases a second one process carries.

    python -m benchmarks.delivery

A flood: so many red cases open within a minute; each owes a notice to its worker (signed webhook) and one to the family
(e-mail); from the finding until the attempt is on record and the call begins, and until the gateway has answered.  Then as
many cases as the process can take one after another, through the machine, the store and the outbox, with a webhook to the
worker and another to the family.  The gateways (there a bare receiver that checks signatures and counts copies) are a process
of their own on this machine.
"""

import argparse
import asyncio
import cProfile
import pstats
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, func, select

from alerts import access, texts
from alerts.channels import Sender, email, webhook
from alerts.database import reading
from alerts.outbox import Dispatcher, Settings
from alerts.policy import Policy
from alerts.schema import attempts, notices
from alerts.store import Store
from benchmarks.people import filled, finding
from benchmarks.world import free_port, listens, until

SECRET = "test"
TARGET_S, RATE = 5.0, 200


def now() -> datetime:
    """Return now."""
    return datetime.now(UTC)


@contextmanager
def gateways(folder: Path) -> Iterator[tuple[int, int]]:
    """Run the gateways meanwhile; yields their ports for HTTP and mail."""
    http, smtp = free_port(), free_port()
    command = [sys.executable, "-m", "simulators.gateways", "--folder", str(folder), "--http-port", str(http)]
    process = subprocess.Popen([*command, "--smtp-port", str(smtp), "--secret", SECRET], stdout=subprocess.DEVNULL)
    try:
        until(lambda: listens(http), 30, "the gateways")
        yield http, smtp
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def receiver() -> Iterator[int]:
    """Run `benchmarks.receiver` meanwhile; yields its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.receiver", str(port), SECRET])
    try:
        until(lambda: listens(port), 30, "the receiver")
        yield port
    finally:
        process.terminate()
        process.wait(10)


class Desk:
    """A store and a dispatcher, which runs on a thread with a loop of its own as the service's does."""

    def __init__(self, engine: Engine, channels: dict[str, Sender]) -> None:
        self.engine = engine
        self.dispatcher = Dispatcher(
            engine, channels, texts.load(), "https://shuian.example", now, make_links=access.new_links, policy=Policy(),
            settings=Settings(),
        )  # fmt: skip
        self.store = Store(engine, Policy(), on_commit=lambda _: self.dispatcher.wake())
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    async def _run(self) -> None:
        self._stop, self._loop = asyncio.Event(), asyncio.get_running_loop()
        self._ready.set()
        await self.dispatcher.run(self._stop)

    def __enter__(self) -> "Desk":
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self.dispatcher.wake()
        self._thread.join()

    def open_together(self, count: int, most: int) -> None:
        """Open cases as fast as it goes, so many in one transaction: as the pipeline hands over what one step found."""
        for start in range(0, count, most):
            some = range(start, min(start + most, count))
            self.store.raise_findings([finding(n, f"f-{n}", now()) for n in some], now())

    def open_cases(self, count: int, every_s: float) -> None:
        """Open cases, one every so many seconds (0: as fast as it goes)."""
        begun = time.monotonic()
        for n in range(count):
            self.store.raise_finding(finding(n, f"f-{n}", now()), now())
            wait_s = begun + (n + 1) * every_s - time.monotonic()
            if wait_s > 0:
                time.sleep(wait_s)

    def waiting(self) -> int:
        """Return how many notices no provider has taken yet."""
        with reading(self.engine).connect() as conn:
            left = select(func.count()).select_from(notices).where(notices.c.state.in_(("pending", "leased")))
            return conn.scalar(left) or 0

    def times(self) -> NDArray[np.float64]:
        """Return (notices, 2) seconds from the finding to the first attempt, and to the provider's answer."""
        a, n = attempts.c, notices.c
        first = (
            select(n.created_at, func.min(a.started_at), func.min(a.finished_at))
            .join(attempts, (a.realm == n.realm) & (a.notice == n.id))
            .group_by(n.realm, n.id, n.created_at)
        )
        with reading(self.engine).connect() as conn:
            rows = conn.execute(first).all()
        return np.array(
            [[(began - owed).total_seconds(), (ended - owed).total_seconds()] for owed, began, ended in rows]
        )


def flood(folder: Path, count: int, within_s: float) -> None:
    """Open `count` cases within so many seconds and print how soon people were told."""
    with gateways(folder / "gateways") as (http, smtp):
        hook = ("webhook", f"http://127.0.0.1:{http}/hook/w{{n}}")
        engine = filled(folder / "flood.sqlite", count, max(1, count // 50), now(), hook, ("email", "f{n}@example.org"))
        mail = email.Channel(email.Settings(port=smtp, loopback_only=True))
        with Desk(engine, {"webhook": webhook.Channel(webhook.Settings(SECRET)), "email": mail}) as desk:
            begun = time.monotonic()
            desk.open_cases(count, within_s / count)
            opened_s = time.monotonic() - begun
            until(lambda: desk.waiting() == 0, 300, "all notices")
            times = desk.times()
    print(f"{count} red cases opened within {opened_s:.0f} s, {len(times)} notices (webhook and e-mail)")
    for name, column in zip(("finding → attempt on record", "finding → gateway has answered"), times.T, strict=True):
        p50, p99 = np.percentile(column, [50, 99])
        print(f"  {name:<34} p50 {p50:7.3f} s   p99 {p99:7.3f} s   max {column.max():7.3f} s")
    verdict = "met" if np.percentile(times[:, 0], 99) <= TARGET_S else "missed"
    print(f"  first attempt within {TARGET_S:g} s at p99: {verdict}")


def commits(folder: Path, for_s: float = 2.0) -> float:
    """Return how many bare transactions of one row SQLite commits a second here now, with a sync each: the reference."""
    with closing(sqlite3.connect(folder / "bare.sqlite", isolation_level=None)) as db:
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS t(a)")
        begun, n = time.monotonic(), 0
        while time.monotonic() - begun < for_s:
            db.execute("INSERT INTO t VALUES (1)")
            n += 1
        return n / (time.monotonic() - begun)


def rate(folder: Path, count: int, together: int, profiled: bool) -> None:
    """Open `count` cases as fast as it goes, deliver everything, and print the rates."""
    bare = commits(folder)
    with receiver() as http:
        hook = f"http://127.0.0.1:{http}/hook/"
        engine = filled(
            folder / f"rate-{together}.sqlite",
            count,
            max(1, count // 50),
            now(),
            ("webhook", hook + "w{n}"),
            ("webhook", hook + "f{n}"),
        )
        profile = cProfile.Profile()
        with Desk(engine, {"webhook": webhook.Channel(webhook.Settings(SECRET))}) as desk:
            begun, spent = time.monotonic(), time.process_time()
            if profiled:
                profile.runcall(desk.open_together, count, together)
            else:
                desk.open_together(count, together)
            opened_s = time.monotonic() - begun
            until(lambda: desk.waiting() == 0, 600, "all notices")
            all_s, spent_s = time.monotonic() - begun, time.process_time() - spent
        came = urlopen(f"http://127.0.0.1:{http}/").read().decode().split()
    assert came == [str(2 * count)] * 2, f"want {2 * count} notices once each, got {came}"
    print(f"{count} cases as fast as it goes, {together} in a transaction: opened {count / opened_s:.0f}/s, "
          f"with every notice delivered {count / all_s:.0f}/s ({2 * count / all_s:.0f} notices/s); "
          f"{1000 * spent_s / count:.1f} ms of processor a case")  # fmt: skip
    bare = (bare + commits(folder)) / 2
    print(f"  bare SQLite commits {bare:.0f} a second here: {count / all_s / bare:.2f} cases a commit; "
          f"{RATE} cases a second: {'met' if count / all_s >= RATE else 'missed'}")  # fmt: skip
    if profiled:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--within", type=float, default=60.0, help="seconds in which they open")
    parser.add_argument("--only", choices=["flood", "rate"])
    parser.add_argument("--together", type=int, nargs="*", default=[64, 1], help="cases opened in one transaction")
    parser.add_argument("--profile", action="store_true", help="also print where opening cases spends its time")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.only != "rate":
            flood(Path(folder), asked.cases, asked.within)
        if asked.only != "flood":
            for together in asked.together:
                rate(Path(folder), asked.cases, together, asked.profile)


if __name__ == "__main__":
    main()
