"""From a real Mosquitto at QoS 1 to committed rows: messages a second, processor time and memory, beside plain clients.

    python -m benchmarks.ingest
    python -m benchmarks.ingest --devices 1000 --messages 30000 --runs 1

Three ways take the same messages: `file` (``mosquitto_sub`` into a file), `plain` (paho, acknowledging by hand in batches,
keeping nothing) and `shuian` (decoded, judged, committed, then acknowledged).  `drain`: the messages wait in the session of a
consumer that was away; `live`: a sender that is faster than any of them writes at the same time.  The ways take turns
within each run, and what is compared is their relation within a run: rates alone say what else the machine was doing.

Afterwards the sender goes three times as fast as the consumer, for a while: the memory of the ingester must not grow.  So that
it can, whatever the machine, the consumer has a slow disk then: its store lets only ``--pressed`` readings a second through.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import mosquitto
from benchmarks.ingest_consumer import CLIENT_ID
from benchmarks.ingest_messages import TOPICS
from benchmarks.processes import Child, Used, used
from benchmarks.world import free_port, listens, until

WAYS = ("file", "plain", "shuian")


@dataclass(frozen=True)
class Task:
    """What is sent."""

    format_name: str
    devices: int
    messages: int


@dataclass(frozen=True)
class Outcome:
    """What one way made of it."""

    per_s: float
    cpu_us: float
    most_mb: float


@contextmanager
def broker(folder: Path) -> Iterator[tuple[int, Child]]:
    """Run Mosquitto for the time of the block."""
    port = free_port()
    process = Child.silent(*mosquitto.command(folder / "mosquitto", port))
    try:
        until(lambda: listens(port), 10, "Mosquitto")
        yield port, process
    finally:
        process.kill()


def consumer(way: str, port: int, folder: Path, task: Task, most_per_s: float = 0) -> Child:
    """Start a consumer of one `way`, whose store takes at most so many readings a second (0: as many as it can)."""
    if way != "file":
        return Child.module(
            "benchmarks.ingest_consumer", way, port, folder, task.format_name, task.devices, task.messages, most_per_s
        )
    command = [shutil.which("mosquitto_sub") or "mosquitto_sub", "-p", str(port), "-V", "5", "-i", CLIENT_ID, "-c"]
    command += ["-x", "3600", "-q", "1"] + [word for topic in TOPICS for word in ("-t", topic)]
    return Child("sh", "-c", f"exec {' '.join(repr(word) for word in command)} > {folder / 'lines'}")


def _await(way: str, child: Child, folder: Path, task: Task, what: str) -> float:
    """Return when the consumer was connected, or done (monotonic clock)."""
    if way != "file":
        return child.heard(what)[0]
    if what == "connected":
        time.sleep(0.5)
        return time.monotonic()
    lines = folder / "lines"
    seen = 0
    with lines.open("rb") as file:
        while seen < task.messages and child.popen.poll() is None:
            time.sleep(0.01)
            seen += file.read().count(b"\n")
    return time.monotonic()


def measure(way: str, task: Task, folder: Path, *, live: bool) -> Outcome:
    """Let one way take all messages, while they are sent or afterwards."""
    folder.mkdir(parents=True)
    with broker(folder) as (port, _):
        sender = Child.module("benchmarks.ingest_producer", port, task.format_name, task.devices, task.messages, 0)
        child = consumer(way, port, folder, task)
        try:
            begun = _await(way, child, folder, task, "connected")
            if not live:
                child.kill()
            sender.heard("ready")
            sender.tell()
            if not live:
                sender.heard("sent")
                begun, child = time.monotonic(), consumer(way, port, folder, task)
                begun = _await(way, child, folder, task, "connected") if way != "file" else begun
            before = used(child.pid)
            if live:
                begun = time.monotonic()
            done = _await(way, child, folder, task, "done")
            after = used(child.pid)
        finally:
            child.kill()
            sender.kill()
    shutil.rmtree(folder)
    return Outcome(task.messages / (done - begun), (after.cpu_s - before.cpu_s) / task.messages * 1e6, after.most_mb)


def compare(task: Task, runs: int, folder: Path, *, live: bool, ways: tuple[str, ...] = WAYS) -> None:
    """Let the ways take turns and print the medians."""
    found: dict[str, list[Outcome]] = {way: [] for way in ways}
    for run in range(runs):
        for way in ways:
            found[way].append(measure(way, task, folder / f"{way}-{run}", live=live))
    kind = "live" if live else "drain"
    print(f"\n{task.format_name}, {task.devices} devices, {task.messages} messages, {kind}, medians of {runs}")
    for way in ways:
        middle = [
            statistics.median(getattr(one, name) for one in found[way]) for name in ("per_s", "cpu_us", "most_mb")
        ]
        beside = ""
        if way != "plain" and "plain" in ways:
            shares = [one.per_s / plain.per_s for one, plain in zip(found[way], found["plain"], strict=True)]
            beside = f"   {statistics.median(shares):5.2f} of plain ({min(shares):.2f} to {max(shares):.2f})"
        print(f"  {way:<7} {middle[0]:9.0f} messages/s   {middle[1]:6.1f} µs of processor each   {middle[2]:5.0f} MB{beside}",
              flush=True)  # fmt: skip


def pressed(task: Task, per_s: float, folder: Path) -> None:
    """Send three times as fast as the ingester may store, and print what its memory and the broker's do."""
    folder.mkdir(parents=True)
    with broker(folder) as (port, mosquitto_process):
        child = consumer("shuian", port, folder, task, per_s)
        sender = Child.module(
            "benchmarks.ingest_producer", port, task.format_name, task.devices, task.messages, 3 * per_s
        )
        try:
            child.heard("connected")
            sender.heard("ready")
            sender.tell()
            begun, sizes = time.monotonic(), list[tuple[float, Used, Used]]()
            for _ in range(10):
                time.sleep(task.messages / (3 * per_s) / 5)  # twice as long as the sender needs
                sizes.append((time.monotonic() - begun, used(child.pid), used(mosquitto_process.pid)))
            first, last = sender.heard("sent")
            done = child.heard("done")[0]
        finally:
            child.kill()
            sender.kill()
    shutil.rmtree(folder)
    sent, stored = task.messages / (last - first), task.messages / (done - begun)
    print(f"\nback-pressure: {task.messages} messages at {sent:.0f}/s, stored at {stored:.0f}/s by a disk that takes "
          f"{per_s:.0f}/s: {sent / stored:.1f} times as fast as they were stored")  # fmt: skip
    print(
        "  after s, ingester MB, broker MB: "
        + "  ".join(f"{at:.1f} {a.rss_mb:.0f} {b.rss_mb:.0f}" for at, a, b in sizes)
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--formats", nargs="*", default=["native", "wmbusmeters", "chirpstack"])
    parser.add_argument("--kinds", nargs="*", default=["drain", "live"])
    parser.add_argument("--ways", nargs="*", default=list(WAYS))
    parser.add_argument(
        "--pressed", type=float, default=3000.0, help="stored a second, a third of what is sent; 0: leave out"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(asked.formats):
            for devices in asked.devices if number == 0 else asked.devices[:1]:
                for kind in asked.kinds:
                    task = Task(name, devices, asked.messages)
                    compare(task, asked.runs, Path(folder) / "run", live=kind == "live", ways=tuple(asked.ways))
        if asked.pressed:
            pressed(Task(asked.formats[0], asked.devices[0], asked.messages), asked.pressed, Path(folder) / "pressed")


if __name__ == "__main__":
    main()
