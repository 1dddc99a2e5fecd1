"""kill -9 of the service again and again while meters talk: nothing is lost, nothing is stored or owed twice.

    python -m benchmarks.crash --kills 20

Mosquitto and the gateways are outside the service and live on.  Afterwards every reading that the broker confirmed must
be in the store exactly once, each home whose water ran must have one open case, and each notice that its case owes must
have arrived, repeats under the same notice id.
"""

import argparse
import itertools
import queue
import random
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Sent, Talk
from benchmarks.world import World, home, until, world
from simulators.publisher import Publisher


@dataclass(frozen=True)
class Verdict:
    """What was found after the last crash."""

    kills: int
    confirmed: int
    missing: int
    cases: int
    owed: int
    arrived: int
    repeats: int
    strangers: int

    def lines(self) -> list[str]:
        """Return the verdict in words."""
        return [
            f"{self.kills} kills -9 of the service",
            f"readings confirmed by the broker: {self.confirmed}; missing in the store: {self.missing}",
            f"open cases of homes whose water ran: {self.cases}",
            f"notices owed: {self.owed}; arrived: {self.arrived}; arrivals under an unknown id: {self.strangers}",
            f"repeats, each under its first id: {self.repeats}",
        ]


def stored(data: Path) -> Counter[tuple[str, int]]:
    """Return how often each (device, milliseconds) register stands in the store's month files."""
    found: Counter[tuple[str, int]] = Counter()
    for file in sorted((data / "readings").glob("readings-*.sqlite")):
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as conn:
            found.update(
                conn.execute("SELECT device, measured_at FROM reading WHERE quantity = 'water_volume_total'").fetchall()
            )
        conn.close()
    return found


def owed(data: Path) -> list[tuple[str, str, str]]:
    """Return (id, household, state) of the red cases' offers to the worker and news to the family."""
    conn = sqlite3.connect(f"file:{data / 'people.sqlite'}?mode=ro", uri=True)
    try:
        return conn.execute(
            "SELECT n.id, c.household, n.state FROM notices n JOIN cases c ON c.realm = n.realm AND c.id = n.case_id "
            "WHERE n.recipient_kind IN ('worker', 'contact') AND n.state NOT IN ('cancelled')"
        ).fetchall()
    finally:
        conn.close()


def ordeal(at: World, kills: int, seed: int = 1) -> Sent:
    """Let all homes talk and surge while the service is killed `kills` times; return what the broker confirmed.

    Half of the surges come just before a kill, half while nobody listens.
    """
    chance = random.Random(seed)
    talk = Talk(at)
    surging: queue.Queue[int] = queue.Queue()
    over = threading.Event()

    def speak() -> None:
        with Publisher(f"mqtt://127.0.0.1:{at.mqtt_port}", client_id="crash-load") as out:
            for n in itertools.cycle(range(at.homes)):
                talk.say(out, n, chance.random() * 3)
                while not surging.empty():
                    talk.surge(out, surging.get())
                if over.is_set():
                    return
                time.sleep(0.005)

    speaker = threading.Thread(target=speak)
    speaker.start()
    homes = list(range(at.homes))
    for kill in range(kills):
        now = homes[kill * at.homes // kills : (kill + 1) * at.homes // kills]
        time.sleep(chance.uniform(0.2, 1.0))
        for n in now[::2]:
            surging.put(n)
        time.sleep(chance.uniform(0.0, 0.12))
        at.service.kill()
        for n in now[1::2]:
            surging.put(n)
        at.start_service(wait=chance.random() < 0.7)
    over.set()
    speaker.join(60)
    return talk.sent


def judge(at: World, sent: Sent, kills: int) -> Verdict:
    """Wait until the service has caught up and everything owed has arrived, then compare."""
    until(at.caught_up, 60, "the service to catch up")

    def settled() -> bool:
        notices = owed(at.data)
        homes = {household for _, household, _ in notices}
        return {home(n) for n in sent.surged} <= homes and all(
            state in {"accepted", "delivered"} for *_, state in notices
        )

    until(settled, 90, "all owed notices to be handed over")
    found = stored(at.data)
    notices = {one for one, _, _ in owed(at.data)}
    arrivals = {str(one["notice"]): int(one["repeats"]) for one in at.messages()}
    conn = sqlite3.connect(f"file:{at.data / 'people.sqlite'}?mode=ro", uri=True)
    open_cases = conn.execute(
        "SELECT count(DISTINCT household) FROM cases WHERE closed_at IS NULL AND stream = 'care'"
    ).fetchone()
    conn.close()
    return Verdict(
        kills=kills,
        confirmed=len(sent.confirmed),
        missing=sum(found[one] != 1 for one in sent.confirmed),
        cases=int(open_cases[0]),
        owed=len(notices),
        arrived=len(notices & set(arrivals)),
        repeats=sum(arrivals.values()),
        strangers=len(set(arrivals) - notices),
    )


def main() -> None:
    """Run the ordeal and print the verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--homes", type=int, default=40)
    asked = parser.parse_args()
    # One worker gets all these offers: without an answer nobody else is asked while the ordeal lasts.
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), asked.homes) as at:
        sent = ordeal(at, asked.kills)
        print("\n".join(judge(at, sent, asked.kills).lines()))


if __name__ == "__main__":
    main()
