"""From the commit of an alarm to the last open page that shows it: 500 clients, twenty people.

    python -m benchmarks.live

Mosquitto, gateways and the service run as processes of their own.  Every client holds a stream of its own and does what
the script of the pages does: it waits the script's delay, then fetches the page's block again.  Half are workers with
their list, half operators with the overview, so every alarm concerns everybody.  All of them share this machine with the
service they ask.
"""

import argparse
import asyncio
import gzip
import json
import os
import random
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from alerts import access, database
from benchmarks.load import Talk
from benchmarks.world import World, until
from shuian.neighbourhood.sheets import write_sheets
from simulators.publisher import Publisher

DEBOUNCE_S, JITTER_S = 0.150, 0.500
"""The script's delay between an event and asking: `shuian.js`."""
PAGES = {"worker": ("/w?part=1", "w", "shuian-w"), "operator": ("/c?part=1", "c", "shuian-c")}
LATEST_S = 30.0


class Crowd(World):
    """A world with `people` who may all see every case."""

    people = 20

    def registry(self, folder: Path) -> None:
        """Write the registry's sheets, with more workers and operators."""
        super().registry(folder)
        hook = f"http://127.0.0.1:{self.http_port}/hook"
        rows = [
            ("w1", "甲", "worker", "g1", "webhook", f"{hook}/w1"),
            ("w2", "乙", "worker", "g1", "webhook", f"{hook}/w2"),
        ]
        rows += [
            (f"p{n}", f"人{n}", "operator" if n % 2 else "worker", "g1", "email", f"p{n}@test.invalid")
            for n in range(self.people)
        ]
        write_sheets(folder, {"workers": ("id,name,role,area,channel,address", rows)})


@dataclass
class Client:
    """One open page: a stream, and the block it shows."""

    port: int
    cookie: str
    path: str
    of: str
    shown: str = ""
    at: dict[str, float] = field(default_factory=dict)
    """Mark of a change -> when this page first showed it."""
    waiting_for: str = ""
    events: int = 0
    asked: int = 0
    failed: int = 0

    async def live(self, ready: Callable[[], None]) -> None:
        """Listen until cancelled; at each event fetch the block once, after the script's delay."""
        reader, writer = await _ask(self.port, f"/events?of={self.of}", self.cookie)
        await reader.readuntil(b"\r\n\r\n")
        ready()
        fetching: asyncio.Task[None] | None = None
        try:
            async for _ in _events(reader):
                self.events += 1
                if fetching is None or fetching.done():
                    fetching = asyncio.create_task(self._soon())
        finally:
            writer.close()

    async def _soon(self) -> None:
        await asyncio.sleep(DEBOUNCE_S + random.random() * JITTER_S)
        self.asked += 1
        try:
            html = await self.fetch()
        except (OSError, asyncio.IncompleteReadError):
            self.failed += 1
            return
        if self.waiting_for and self.waiting_for in html:
            self.at.setdefault(self.waiting_for, time.time())

    async def fetch(self) -> str:
        """Return the block as it is now."""
        reader, writer = await _ask(self.port, self.path, self.cookie)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = re.search(r"content-length: (\d+)", head)
            body = await reader.readexactly(int(length[1])) if length else await reader.read()
        finally:
            writer.close()
        if not head.startswith("http/1.1 200"):
            raise OSError(head.partition("\r\n")[0])
        return (gzip.decompress(body) if "content-encoding: gzip" in head else body).decode()


async def _ask(port: int, path: str, cookie: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Cookie: {cookie}; lang=en", "Accept-Encoding: gzip",
             "Connection: close", "", "")  # fmt: skip
    writer.write("\r\n".join(lines).encode())
    await writer.drain()
    return reader, writer


async def _events(reader: asyncio.StreamReader) -> AsyncIterator[int]:
    """Yield the number of each event but the first, which says where the stream starts."""
    first = True
    while line := await reader.readline():
        if line.startswith(b"data: {"):
            if not first:
                yield int(json.loads(line[6:])["v"])
            first = False


def sessions(at: Crowd, number: int) -> list[Client]:
    """Return clients with sessions of their own, in turn for each of the people."""
    engine = database.open(at.data / "people.sqlite")
    made = []
    with engine.begin() as conn:
        for n in range(number):
            person = n % at.people
            role: access.Role = "operator" if person % 2 else "worker"
            path, of, name = PAGES[role]
            token = access.new_session(conn, role, f"p{person}", datetime.now(UTC)).token
            made.append(Client(at.web_port, f"{name}={token}", path, of))
    engine.dispose()
    return made


@dataclass
class Cost:
    """What the service has used so far."""

    rss_kb: float
    cpu_s: float

    @classmethod
    def of(cls, pid: int) -> "Cost":
        """Return it, from the kernel's books."""
        status = Path(f"/proc/{pid}/status").read_text("ascii")
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return cls(float(re.search(r"VmRSS:\s+(\d+)", status)[1]), (int(fields[11]) + int(fields[12])) / ticks)  # type: ignore[index]


def committed_at(at: Crowd, home: str) -> float | None:
    """Return when the case of a home was committed, epoch seconds by the service's clock (taken just before)."""
    people = sqlite3.connect(f"file:{at.data / 'people.sqlite'}?mode=ro", uri=True)
    row = people.execute("SELECT opened_at FROM cases WHERE household = ?", (home,)).fetchone()
    people.close()
    return row[0] / 1000 if row else None


@asynccontextmanager
async def listening(clients: list[Client]) -> AsyncIterator[None]:
    """Let all clients listen for the while."""
    open_now = 0

    def ready() -> None:
        nonlocal open_now
        open_now += 1

    tasks = [asyncio.create_task(client.live(ready)) for client in clients]
    try:
        while open_now < len(clients):
            if broken := [task for task in tasks if task.done()]:
                broken[0].result()
            await asyncio.sleep(0.05)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run(at: Crowd, number: int, changes: int) -> None:
    """Open the pages, let homes surge one after the other, and see when each page shows it."""
    pid = at.service.popen.pid if at.service.popen else 0
    clients = await asyncio.to_thread(sessions, at, number)
    for client in clients[: at.people]:
        await client.fetch()
    before = Cost.of(pid)
    talk = Talk(at)
    async with listening(clients):
        opened = Cost.of(pid)
        print(f"{number} streams open: {(opened.rss_kb - before.rss_kb) / number:.0f} KB of memory each")
        delays, cpu, whole = [], [], []
        with Publisher(f"mqtt://127.0.0.1:{at.mqtt_port}", client_id="live") as out:
            for n in range(at.homes):
                await asyncio.to_thread(talk.say, out, n)
            for n in range(changes):
                took, used = await change(at, pid, clients, lambda n=n: talk.surge(out, n), n)  # type: ignore[misc]
                delays.append(took)
                cpu.append(used)
                whole += took
                print(f"change {n + 1}: last page after {max(took):.2f} s, median {statistics.median(took):.2f} s, "
                      f"{used:.2f} s CPU")  # fmt: skip
    last = sorted(max(took) for took in delays)
    print(f"\n{number} clients of {at.people} people, {changes} changes")
    print(f"commit to the last page: median {statistics.median(last):.2f} s, max {last[-1]:.2f} s")
    cuts = statistics.quantiles(whole, n=100)
    print(f"commit to a page: median {cuts[49]:.2f} s, p95 {cuts[94]:.2f} s, p99 {cuts[98]:.2f} s")
    print(f"CPU of the service a change: median {statistics.median(cpu):.2f} s")
    after = Cost.of(pid)
    print(f"memory at the end: {(after.rss_kb - before.rss_kb) / number:.0f} KB a client above the start")
    heard, asked = (sum(getattr(client, name) for client in clients) for name in ("events", "asked"))
    per = number * changes
    print(f"events a client and change: {heard / per:.1f}; fetches: {asked / per:.1f}")
    print(f"fetches that failed: {sum(client.failed for client in clients)}")


async def change(
    at: Crowd, pid: int, clients: list[Client], surge: Callable[[], None], n: int
) -> tuple[list[float], float]:
    """Let one home surge; return the delay of each page and the CPU time of the service."""
    mark = f"{n:04d}"
    for client in clients:
        client.waiting_for = mark
    start = Cost.of(pid)
    await asyncio.to_thread(surge)
    end = time.monotonic() + LATEST_S
    while any(mark not in client.at for client in clients):
        if time.monotonic() > end:
            missing = sum(mark not in client.at for client in clients)
            sys.exit(f"{missing} pages did not show change {n + 1} within {LATEST_S:g} s")
        await asyncio.sleep(0.05)
    used = Cost.of(pid).cpu_s - start.cpu_s
    begun = await asyncio.to_thread(until, lambda: committed_at(at, f"h-{n:04d}"), 5, "the case in the database")
    await asyncio.sleep(3)  # what follows a case (notices, timers) is over before the next
    return [client.at[mark] - begun for client in clients], used


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--changes", type=int, default=6)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        at = Crowd(Path(folder), asked.changes + 2)
        with at:
            asyncio.run(run(at, asked.clients, asked.changes))


if __name__ == "__main__":
    main()
