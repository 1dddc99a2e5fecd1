"""A source in a process of its own, and what becomes of it when nobody takes its chunks any more."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulators.ahead import ahead
from tests.brokers import until

ROOT = Path(__file__).parents[2]
HOLD = "from tests.simulators.test_ahead import hold; hold()"


def endless():
    while True:
        yield [bytes(1_000_000)]


def hold():
    """Take one chunk, say so, and take no more; the pipe and the queue are full then."""
    with ahead(endless, chunks=3) as chunks:
        next(one for one in chunks if one)
        print("full", flush=True)
        time.sleep(60)


def children(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_a_source_ends_when_whoever_takes_its_chunks_is_killed():
    with subprocess.Popen([sys.executable, "-c", HOLD], cwd=ROOT, stdout=subprocess.PIPE, text=True) as taker:
        assert taker.stdout.readline() == "full\n"
        made = children(taker.pid)
        assert made
        assert all(map(lives, made))
        taker.send_signal(signal.SIGKILL)
        taker.wait(10)
    until(lambda: not any(map(lives, made)), 10, "the end of the source")
