"""kill -9, again and again: what the broker has acknowledged to its sender is stored once."""

import random
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.devices import native
from ingest.store import SqliteStore
from tests.brokers import mosquitto, publisher, until

ROOT = Path(__file__).parents[2]
MESSAGES = 2_000
KILLS = 5
START = datetime(2026, 10, 25, tzinfo=UTC)


def start(port: int, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.ingest.ingest_process", str(port), str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate(timeout=10)


def send(sender: object, number: int) -> None:
    """Every tenth message has no time of its own; the others cross the end of a month."""
    if number % 10 == 0:
        payload = b'{"id":"m-%d","measurements":[{"quantity":"battery","value":50,"unit":"%%"}]}' % number
        sender.send(f"t/v1/north/no-clock-{number}/up", payload)  # type: ignore[attr-defined]
    else:
        at = START + timedelta(minutes=10 * number)
        sender.send(*native.encode("t", "north", f"wm-{number % 7}", f"m-{number}", [(at, float(number))]))  # type: ignore[attr-defined]


@pytest.mark.slow
def test_killed_again_and_again_every_message_is_stored_once(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    dice = random.Random(20261121)
    with mosquitto(tmp_path) as broker:
        process = start(broker.port(5), folder)
        assert process.stdout is not None
        assert process.stdout.readline() == b"connected\n"  # what comes before the first session is nobody's

        def publish() -> None:
            with publisher(broker) as sender:
                for number in range(MESSAGES):
                    send(sender, number)
                    time.sleep(0.003)

        publishing = threading.Thread(target=publish)
        publishing.start()
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.5, 1.5))
            kill(process)
            process = start(broker.port(5), folder)
        publishing.join(30)
        store = SqliteStore(folder)
        with suppress(AssertionError):  # what is missing is told below, by number
            until(lambda: store.counts()["stored"] >= MESSAGES, 15)
        time.sleep(0.3)
        kill(process)
    rows = [row for _, rows in store.after(0, 10**6) for row in rows]
    numbers = sorted(row.value // 1000 for row in rows if row.quantity == "water_volume_total")
    timeless = sorted(int(row.device.rpartition("-")[2]) for row in rows if row.quantity == "battery")
    kept = sum(len(store.history(f"wm-{n}", "water_volume_total", 0, 2**42)) for n in range(7))
    store.close()
    assert numbers == [number for number in range(MESSAGES) if number % 10]
    assert timeless == list(range(0, MESSAGES, 10))
    assert kept == len(numbers)
