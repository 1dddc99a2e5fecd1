"""A demo to play drills on: the one that runs, or one begun for them and ended after them.

The demo's folder says where its service is, and holds a token that lets in.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from shuian.demo import LETS_IN
from shuian.drill_cast import WHO, Reach
from shuian.errors import Trouble
from simulators.drills import Drill

READY_S = 300.0
"""A demo tells eight weeks of history first; after so long without an answer it is given up. [s]"""
LOOK_S = 0.5
END_S = 30.0
PHONE = "13900000000"


@dataclass(frozen=True)
class Way:
    """Where a service is, what lets in, and where meters speak (empty: not known)."""

    url: str
    token: str
    broker: str = ""
    reach: Callable[[Drill], Reach | None] = lambda _: None
    """How the people of a script are reached; None: as whoever works in the drill area."""


def reach(drill: Drill) -> Reach:
    """Return how the people of a script are reached in a demo: by mail, everybody by a mailbox of their own.

    Where the script takes text messages down these come first, or nobody would miss them.  All share a number: nothing is
    sent to it while they are down.
    """
    mail = f"{WHO}@demo.invalid"
    if any(one.channel == "sms" for one in drill.down):
        return Reach("sms;email", f"{PHONE};{mail}")
    return Reach("email", mail)


def runs_in(data: Path) -> Way:
    """Return the way to the demo of folder `data`.

    Raises
    ------
    Trouble
        It does not run.
    """
    if (there := _answers(data)) is None:
        raise Trouble(
            f"no demo runs in {data}, or it is still telling its history", "begin it and wait for its links: make demo"
        )
    return there


@contextmanager
def running(data: Path, say: Callable[[str], None] = print) -> Iterator[Way]:
    """Yield the way to the demo of folder `data` if it runs; else to one of its own folder, which ends with the block.

    Raises
    ------
    Trouble
        The demo does not begin.
    """
    if (there := _answers(data)) is not None:
        say(f"on the demo that runs: {there.url}")
        yield there
        return
    own, port = data.with_name(f"{data.name}-drills"), _three_free_ports()
    own.mkdir(parents=True, exist_ok=True)
    log = own.with_name(f"{own.name}.log")
    command = [sys.executable, "-m", "shuian", "demo", "--data", str(own), "--port", str(port), "--fresh"]
    say(f"no demo runs: beginning one of its own on http://127.0.0.1:{port} (its links: {log}) …")
    with log.open("wb") as out:
        # A group of its own: Ctrl-C stops the drills first, and they need the service to end.
        demo = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)  # noqa: S603
    try:
        yield _ready(own, demo, log)
    finally:
        demo.send_signal(signal.SIGINT)
        try:
            demo.wait(END_S)
        except subprocess.TimeoutExpired:
            demo.kill()
            demo.wait()


def _ready(own: Path, demo: subprocess.Popen[bytes], log: Path) -> Way:
    """Return the way to a demo that begins, when it has told its history."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        if demo.poll() is not None:
            raise Trouble(f"the demo ended with code {demo.returncode}", f"read {log}")
        if (there := _answers(own)) is not None:
            return there
        time.sleep(LOOK_S)
    raise Trouble(f"the demo is not ready after {READY_S:.0f} s", f"read {log}")


def _answers(data: Path) -> Way | None:
    """Return the way to the demo of a folder; None: it does not run, or not yet."""
    state, token = data / "demo.json", data / LETS_IN
    if not (state.exists() and token.exists()):
        return None
    said = json.loads(state.read_text("utf-8"))
    url = f"http://127.0.0.1:{said['port']}"
    there = Way(url, token.read_text("utf-8").strip(), said.get("broker", ""), reach)
    try:
        asked = httpx.get(
            f"{url}/api/v1/drills", headers={"Authorization": f"Bearer {there.token}"}, timeout=10.0, trust_env=False
        )
    except httpx.HTTPError:
        return None
    return there if asked.is_success else None


def _three_free_ports() -> int:
    """Return the first of three neighbouring free ports."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                for more in (port + 1, port + 2):
                    with socket.socket() as other:
                        other.bind(("127.0.0.1", more))
            except (OSError, OverflowError):
                continue
        return port
