"""A fleet faster than life: does every message arrive, and does sending keep its time?  ``python -m benchmarks.fleet``.

20,000 homes that report every 15 simulated minutes, at sixty times life's speed: 1,333 messages a second.  Mosquitto, the
process that works the messages out, and a subscriber that counts run by themselves on this machine, and share it.  The
subscriber names each message by device and moment, so that a missing one cannot hide behind a repeated one.

Drift: the moment of each message is known before it is sent, and lateness is how much later it was handed over.  If it is
the same in the last tenth of the run as in the first, the run keeps its time.
"""

import argparse
import hashlib
import multiprocessing
import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import mosquitto
from benchmarks.world import Process, free_port, listens, until
from simulators import fleet
from simulators.ahead import ahead
from simulators.pacing import Sending, Sent, quantile
from simulators.plan import Plan
from simulators.publisher import Publisher

PARTS = 10
"""Lateness is told for the first and the last part of the run."""
START = datetime(2026, 3, 2, tzinfo=UTC)


@contextmanager
def broker(folder: Path) -> Iterator[tuple[int, int]]:
    """Run Mosquitto; yield its port and the id of its process."""
    port = free_port()
    process = Process(mosquitto.command(folder, port), folder / "mosquitto.log")
    process.start()
    try:
        until(lambda: listens(port), 10, "Mosquitto")
        yield port, process.popen.pid if process.popen else 0
    finally:
        process.stop()


def count(port: int, way: Connection) -> None:
    """Subscribe to everything; say when ready, and on being asked how many messages came, each once, and CPU seconds."""
    seen: set[bytes] = set()
    came = 0

    def arrived(_: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        nonlocal came
        came += 1
        seen.add(hashlib.blake2b(message.topic.encode() + message.payload, digest_size=8).digest())

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="counts", protocol=mqtt.MQTTv5)
    client.on_message = arrived
    client.on_subscribe = lambda *_: way.send("ready")
    client.connect("127.0.0.1", port)
    client.subscribe("#", qos=1)
    client.loop_start()
    while way.recv() == "how many":
        way.send((came, len(seen), time.process_time()))
    client.loop_stop()


class Watched:
    """What a run told of itself, second by second."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.counts: list[np.ndarray] = []
        self.next = 0.0

    def told(self, sent: Sent) -> None:
        """Keep the histogram of lateness so far; say how it goes, every ten seconds."""
        self.at.append(sent.took_s)
        self.counts.append(sent.lateness.counts.copy())
        if sent.took_s >= self.next:
            self.next = sent.took_s + 10
            print(
                f"  {sent.took_s:5.0f} s  {sent.messages} messages  {sent.rate:.0f}/s  late {sent.behind_s * 1e3:.1f} ms"
            )

    def part(self, number: int) -> np.ndarray:
        """Return the histogram of one of the parts of the run."""
        edges = np.searchsorted(self.at, np.array([number, number + 1]) / PARTS * self.at[-1])
        first, last = (min(int(edge), len(self.at) - 1) for edge in edges)
        before = self.counts[first] if number else np.zeros_like(self.counts[0])
        return np.asarray(self.counts[last] - before)


def told(name: str, counts: np.ndarray) -> str:
    """Return median, p99 and largest lateness of a histogram in words."""
    median, far = (quantile(counts, share) * 1e3 for share in (0.5, 0.99))
    most = quantile(counts, 1.0) * 1e3
    return f"lateness {name}: median {median:.1f} ms, p99 {far:.1f} ms, most {most:.1f} ms"


def measure(plan: Plan, speed: float) -> list[str]:
    """Run the plan and return what was found, in words."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, broker(Path(folder)) as (port, pid):
        ours, theirs = context.Pipe()
        counter = context.Process(target=count, args=(port, theirs), daemon=True)
        counter.start()
        if ours.recv() != "ready":
            raise RuntimeError("no subscriber")
        watched, used = Watched(), time.process_time()
        with Publisher(f"mqtt://127.0.0.1:{port}", "fleet") as out, ahead(fleet.messages, plan) as chunks:
            sent = Sending(out, plan.start_s, speed, threading.Event(), watched.told).run(chunks)
        sending = time.process_time() - used
        came, seen, counting = _settled(ours, sent.confirmed)
        ours.send("enough")
        broker_s = _cpu_s(pid)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)  # of all children only the maker has ended by now

    def share(cpu_s: float) -> str:
        return f"{cpu_s / sent.took_s:.0%}"

    return [
        f"{plan.homes} homes, {sent.took_s / 60:.1f} min at {speed:g} times life's speed, {sent.rate:.0f} messages/s",
        f"sent {sent.messages}, confirmed {sent.confirmed}, received {came}; missing {sent.messages - seen}",
        told(f"in the first {PARTS}th", watched.part(0)),
        told(f"in the last {PARTS}th", watched.part(PARTS - 1)),
        f"largest lateness of the run: {sent.lateness.most_s * 1e3:.1f} ms; first messages after {sent.ready_s:.1f} s",
        f"share of one core: sending {share(sending)}, broker {share(broker_s)}, subscriber {share(counting)}",
        f"working the messages out: {ended.ru_utime + ended.ru_stime:.0f} s of CPU, {ended.ru_maxrss / 1024:.0f} MB",
    ]


def _settled(way: Connection, wanted: int) -> tuple[int, int, float]:
    """Return what the subscriber has once it has all, or nothing more comes for five seconds."""
    before, since = -1, time.monotonic()
    while True:
        way.send("how many")
        came, seen, cpu_s = way.recv()
        if came > before:
            before, since = came, time.monotonic()
        if seen >= wanted or time.monotonic() - since > 5:
            return came, seen, cpu_s
        time.sleep(0.1)


def _cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run it and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", type=int, default=20_000)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--hours", type=float, default=1.0, help="simulated; an hour takes a minute at 60")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    plan = Plan(asked.homes, START, ZoneInfo("Asia/Shanghai"), seed=asked.seed, lasts_s=asked.hours * 3600.0)
    print("\n".join(measure(plan, asked.speed)))


if __name__ == "__main__":
    main()
