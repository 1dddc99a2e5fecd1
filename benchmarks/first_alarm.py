"""From the reading that proves an alarm to the notice in the gateway's hands, stage by stage.

    python -m benchmarks.first_alarm

Mosquitto, gateways and the service run as processes of their own. Every home's water runs once; each owes a notice to the
worker (signed webhook) and to the family (e-mail). The clock of all stages is this machine's.
"""

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.load import Talk
from benchmarks.world import World, until, world
from simulators.publisher import Publisher

STAGES = (
    "published → received from the broker",
    "received → finding, case and notices committed",
    "committed → attempt committed, call begins",
    "call begins → gateway has answered",
    "received → handed to the gateway",
    "published → gateway has answered",
)


def run(at: World, every_s: float) -> None:
    """Let each home surge, one every `every_s` seconds, while the others go on talking."""
    talk = Talk(at)
    with Publisher(f"mqtt://127.0.0.1:{at.mqtt_port}", client_id="first-alarm") as out:
        for n in range(at.homes):
            talk.say(out, n)
        for n in range(at.homes):
            begun = time.monotonic()
            talk.surge(out, n)
            time.sleep(max(0.0, every_s - (time.monotonic() - begun)))
    until(lambda: len(stages(at, talk.sent.surged)) >= 2 * at.homes, 60, "all notices")
    _print(stages(at, talk.sent.surged), at.homes, every_s)


def stages(at: World, surged: dict[int, float]) -> NDArray[np.float64]:
    """Return (notices, 6) milliseconds of each stage, for worker and family notices that were handed over."""
    people = sqlite3.connect(f"file:{at.data / 'people.sqlite'}?mode=ro", uri=True)
    readings: dict[str, int] = {}
    for file in (at.data / "readings").glob("readings-*.sqlite"):
        conn = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        readings.update(conn.execute("SELECT device, max(received_at) FROM reading GROUP BY device").fetchall())
        conn.close()
    rows = people.execute(
        "SELECT c.household, n.created_at, min(a.started_at), min(a.finished_at) FROM notices n "
        "JOIN cases c ON c.realm = n.realm AND c.id = n.case_id JOIN attempts a ON a.realm = n.realm AND a.notice = n.id "
        "WHERE n.recipient_kind IN ('worker', 'contact') AND a.result = 'accepted' GROUP BY n.realm, n.id"
    ).fetchall()
    people.close()
    table = []
    for household, created, started, finished in rows:
        n = int(household.removeprefix("h-"))
        published, received = surged[n] * 1000, readings[f"wm-{n:04d}"]
        table.append(
            (
                received - published,
                created - received,
                started - created,
                finished - started,
                started - received,
                finished - published,
            )
        )
    return np.array(table, float).reshape(-1, len(STAGES))


def _print(table: NDArray[np.float64], homes: int, every_s: float) -> None:
    print(f"{homes} alarms, one every {every_s:g} s, {len(table)} notices (webhook and e-mail)\n")
    print(f"{'stage':<52}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    for name, column in zip(STAGES, table.T, strict=True):
        p50, p99 = np.percentile(column, [50, 99])
        print(f"{name:<52}{p50:>9.0f}{p99:>9.0f}{column.max():>9.0f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--homes", type=int, default=150)
    parser.add_argument("--every", type=float, default=0.2, help="seconds between two alarms")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), asked.homes) as at:
        run(at, asked.every)


if __name__ == "__main__":
    main()
