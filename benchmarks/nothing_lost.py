"""What the broker has acknowledged is stored once, whatever breaks: kill -9, restarts, a full disk, a clock that jumps.

    python -m benchmarks.nothing_lost
    python -m benchmarks.nothing_lost --minutes 1 --kills 5 --restarts 2

A fleet sends at a steady rate to a real Mosquitto with the settings that the service asks for.  Meanwhile, in random order:
the ingester is killed with -9; the broker is restarted (asked to end, and started on its folder again); the ingester's
disk is full for a while (no file may grow); its clock goes two days forward, two days back, and to 1970.  Afterwards
every message that the broker acknowledged must be stored once: none lost, none doubled.

Then, for the record, broker and ingester are killed together with -9, several times: what that costs is printed.
"""

import argparse
import random
import resource
import sqlite3
import tempfile
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from benchmarks import mosquitto
from benchmarks.processes import Child
from benchmarks.world import free_port, listens, until

DEVICES = 100
JUMPS_S = (2 * 86_400, -2 * 86_400, -1_770_000_000)
"""Two days forward, two back, to the year 1970. [s]"""


class Stage:
    """Broker, ingester and fleet, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.port = free_port()
        self.start_broker()
        self.start_ingester()
        self.ingester.heard("connected")

    def start_broker(self) -> None:
        """Start Mosquitto on its folder."""
        self.broker = Child.silent(*mosquitto.command(self.folder / "mosquitto", self.port))
        until(lambda: listens(self.port), 10, "Mosquitto")

    def start_ingester(self) -> None:
        """Start the ingester; it connects when it can."""
        self.ingester = Child.module(
            "benchmarks.ingest_consumer", "shuian", self.port, self.folder, "native", DEVICES, 0
        )

    def kill_ingester(self) -> None:
        """Kill it with -9, and start it again."""
        self.ingester.kill()
        self.start_ingester()

    def restart_broker(self) -> None:
        """Ask the broker to end, and start it again: it keeps what it has."""
        self.broker.stop()
        self.start_broker()

    def fill_disk(self, for_s: float) -> None:
        """Let no file of the ingester grow for a while."""
        sizes = [file.stat().st_size for file in (self.folder / "readings").iterdir()]
        everything = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self.ingester.pid, resource.RLIMIT_FSIZE, (max(sizes), everything[1]))
        time.sleep(for_s)
        resource.prlimit(self.ingester.pid, resource.RLIMIT_FSIZE, everything)

    def jump(self, seconds: float, for_s: float) -> None:
        """Put the ingester's clock off for a while."""
        (self.folder / "clock").write_text(str(seconds), "ascii")
        time.sleep(for_s)
        (self.folder / "clock").write_text("0", "ascii")

    def kill_both(self) -> None:
        """Kill broker and ingester with -9 at once."""
        self.broker.popen.kill()
        self.ingester.popen.kill()
        self.broker.kill()
        self.ingester.kill()
        self.start_broker()
        self.start_ingester()

    def stored(self) -> int:
        """Return how many rows the ingester says it stored."""
        with closing(sqlite3.connect(f"file:{self.folder / 'readings' / 'ingest.sqlite'}?mode=ro", uri=True)) as db:
            row = db.execute("SELECT value FROM counts WHERE name = 'stored'").fetchone()
            return int(row[0]) if row else 0

    def settle(self, expected: int) -> None:
        """Wait until as many are stored as expected, or nothing has moved for ten seconds."""
        seen, since = -1, time.monotonic()
        while seen < expected and time.monotonic() < since + 10:
            time.sleep(0.2)
            if (now := self.stored()) != seen:
                seen, since = now, time.monotonic()
        time.sleep(1)  # and what should not come after that

    def end(self) -> None:
        """End everything."""
        for child in (self.ingester, self.broker):
            child.kill()


def found(folder: Path) -> tuple[Counter[int], Counter[int]]:
    """Return how often each message stands in the month files, and how often it was handed on by the journal."""
    kept, handed = Counter[int](), Counter[int]()
    for file in sorted(folder.glob("readings-*.sqlite")):
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            kept.update(value for (value,) in db.execute("SELECT value FROM reading"))
    with closing(sqlite3.connect(f"file:{folder / 'ingest.sqlite'}?mode=ro", uri=True)) as db:
        for (rows,) in db.execute("SELECT rows FROM journal"):
            handed.update(row[3] for row in msgspec.msgpack.decode(rows))
    return kept, handed


def perform(stage: Stage, rate: float, seconds: float, deeds: list[tuple[str, Callable[[], None]]]) -> str:
    """Let the fleet send while the deeds are done one after the other; return what was found in one line."""
    acked_file = stage.folder / "acked"
    fleet = Child.module("benchmarks.nothing_lost_producer", stage.port, DEVICES, rate, seconds, acked_file)
    over = threading.Event()

    def act() -> None:
        began = time.monotonic()
        for number, (_, deed) in enumerate(deeds):
            over.wait(max(0.0, began + (number + 0.5) * seconds / len(deeds) - time.monotonic()))
            deed()

    acting = threading.Thread(target=act)
    acting.start()
    acked, reconnects = fleet.heard("sent")
    acting.join()
    stage.settle(int(acked))
    stage.end()
    confirmed = array("q", acked_file.read_bytes())
    kept, handed = found(stage.folder / "readings")
    lost = [n for n in confirmed if n not in kept]
    doubled = [n for n, times in kept.items() if times > 1]
    twice = [n for n, times in handed.items() if times > 1]
    return (
        f"{len(confirmed)} messages acknowledged by the broker ({int(reconnects)} reconnections of the fleet): "
        f"lost {len(lost)}{_some(lost)}, doubled {len(doubled)}{_some(doubled)}, handed on twice {len(twice)}{_some(twice)}"
    )


def _some(numbers: list[int]) -> str:
    return f" (such as {sorted(numbers)[:5]})" if numbers else ""


def main() -> None:
    """Do it all and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=2000.0, help="messages a second")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument(
        "--crashes", type=int, default=4, help="broker and ingester killed together, in a run of its own"
    )
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder) / "ordeal")
        deeds: list[tuple[str, Callable[[], None]]] = [("kill", stage.kill_ingester)] * asked.kills
        deeds += [("restart", stage.restart_broker)] * asked.restarts
        deeds += [("full disk", lambda: stage.fill_disk(3)), ("full disk", lambda: stage.fill_disk(3))]
        deeds += [("clock", lambda by=by: stage.jump(by, 2)) for by in JUMPS_S]  # type: ignore[misc]
        random.Random(asked.seed).shuffle(deeds)
        line = perform(stage, asked.rate, 60 * asked.minutes, deeds)
        print(f"{asked.kills} kills -9 of the ingester, {asked.restarts} restarts of the broker, 2 full disks, clock "
              f"{len(JUMPS_S)} times off and back, {asked.rate:g} messages/s:\n  {line}", flush=True)  # fmt: skip
        if asked.crashes:
            stage = Stage(Path(folder) / "crashes")
            line = perform(stage, asked.rate, 8.0 * asked.crashes, [("crash", stage.kill_both)] * asked.crashes)
            print(f"{asked.crashes} kills -9 of broker and ingester together:\n  {line}")


if __name__ == "__main__":
    main()
