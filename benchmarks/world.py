"""A whole installation as separate processes, for what can only be shown from outside: crashes, latency, recovery.

Mosquitto, the gateways and the service each run by themselves on loopback and free ports; each can be killed.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks import mosquitto
from shuian.neighbourhood.sheets import Sheets, write_sheets

PERIOD_S = 900


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def until(done: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return `done()` as soon as it is true; fail with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, urllib.error.URLError, ValueError):
            found = done()
            if found:
                return found
        time.sleep(0.05)
    raise TimeoutError(f"waited {seconds:g} s for: {what}")


def get_json(url: str) -> Any:
    """Return the JSON at `url`, also of an error page."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        return json.load(refused)


def listens(port: int) -> bool:
    """Return True; fails as long as nobody listens on `port`."""
    with socket.create_connection(("127.0.0.1", port), 1):
        return True


@dataclass
class Process:
    """One process of the installation."""

    command: Sequence[str]
    log: Path
    env: dict[str, str] = field(default_factory=dict)
    popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, its output going to a file."""
        with self.log.open("ab") as out:
            self.popen = subprocess.Popen(
                self.command, stdout=out, stderr=out, env=os.environ | self.env, start_new_session=True
            )

    def kill(self) -> None:
        """End it as the kernel would: kill -9, no chance to tidy up."""
        if self.popen is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait(10)
            self.popen = None

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        if self.popen is None:
            return 0
        self.popen.send_signal(signal.SIGINT)
        try:
            code = self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9
        self.popen = None
        return code


def home(n: int) -> str:
    """Return the id of home `n`."""
    return f"h-{n:04d}"


def device(n: int) -> str:
    """Return the id of the meter of home `n`."""
    return f"wm-{n:04d}"


class World:
    """Mosquitto, gateways and service with `homes` homes, one worker, one backup and a family contact for each home."""

    def __init__(self, folder: Path, homes: int, rules: Sequence[str] = ("250l-1h",), policy: str = "") -> None:
        self.folder, self.homes = folder, homes
        self.mqtt_port, self.web_port = free_port(), free_port()
        self.http_port, self.smtp_port = free_port(), free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self.config = folder / "shuian.toml"
        quoted = ", ".join(f'"{rule}"' for rule in rules)
        self.config.write_text(
            f'[service]\ndata = "{self.data}"\n[[mqtt]]\nname = "city"\nhost = "127.0.0.1"\nport = {self.mqtt_port}\n'
            f"[detect]\nrules = [{quoted}]\n[web]\nport = {self.web_port}\n"
            f'[channels.email]\nhost = "127.0.0.1"\nport = {self.smtp_port}\nsender = "shuian@test.invalid"\n'
            f'[channels.webhook]\nsecret = "test"\n[policy]\n{policy}\n',
            "utf-8",
        )
        self.mosquitto = Process(mosquitto.command(folder / "mosquitto", self.mqtt_port), folder / "mosquitto.log")
        here = [sys.executable, "-m"]
        self.gateways = Process(
            [*here, "simulators.gateways", "--folder", str(folder / "gateways"), "--http-port", str(self.http_port),
             "--smtp-port", str(self.smtp_port), "--secret", "test"],
            folder / "gateways.log",
        )  # fmt: skip
        self.service = Process([*here, "shuian", "serve", "--config", str(self.config)], folder / "service.log")

    def __enter__(self) -> "World":
        try:
            self.start_mosquitto()
            self.gateways.start()
            until(lambda: get_json(f"http://127.0.0.1:{self.http_port}/messages") is not None, 20, "the gateways")
            self.import_registry()
            self.start_service()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (self.service, self.gateways, self.mosquitto):
            process.kill()

    def start_mosquitto(self) -> None:
        """Start the broker and wait until it listens."""
        self.mosquitto.start()
        until(lambda: listens(self.mqtt_port), 10, "Mosquitto")

    def start_service(self, wait: bool = True) -> None:
        """Start the service; with `wait` until it is connected to the broker and judges."""
        self.service.start()
        if wait:
            until(lambda: self.health()["ok"], 40, "the service")

    def health(self) -> dict[str, Any]:
        """Return what /healthz says."""
        return dict(get_json(f"http://127.0.0.1:{self.web_port}/healthz"))

    def messages(self) -> list[dict[str, Any]]:
        """Return what the gateways received."""
        return list(get_json(f"http://127.0.0.1:{self.http_port}/messages"))

    def registry(self, folder: Path) -> None:
        """Write the registry's sheets."""
        since = (datetime.now(UTC) - timedelta(days=100)).isoformat()
        soon = (datetime.now(UTC) + timedelta(days=100)).isoformat()
        hook = f"http://127.0.0.1:{self.http_port}/hook"
        n = range(self.homes)
        sheets: Sheets = {
            "areas": ("id,parent,kind,name", [("g1", "", "grid", "第一网格")]),
            "households": (
                "id,area,building,riser,floor,door,tz",
                [(home(k), "g1", "1 栋", "", "1", f"{k:04d}", "Asia/Shanghai") for k in n],
            ),
            "residents": (
                "id,household,name,phone,risk,risk_until",
                [(f"r-{k:04d}", home(k), f"住户{k}", "", "", "") for k in n],
            ),
            "consents": (
                "resident,purpose,recipient,version,given_at,given_by,evidence,withdrawn_at",
                [
                    (f"r-{k:04d}", p, "", "1", since, "resident", "", "")
                    for k in n
                    for p in ("monitor", "community", "relative")
                ],
            ),
            "contacts": (
                "id,resident,name,order,channel,address",
                [(f"f-{k:04d}", f"r-{k:04d}", "家属", 1, "email", f"f-{k:04d}@test.invalid") for k in n],
            ),
            "workers": (
                "id,name,role,area,channel,address",
                [
                    ("w1", "甲", "worker", "g1", "webhook", f"{hook}/w1"),
                    ("w2", "乙", "worker", "g1", "webhook", f"{hook}/w2"),
                    ("op", "值班", "operator", "g1", "email", "op@test.invalid"),
                ],
            ),
            "shifts": ("area,start,end,owner,backup,lead", [("g1", since, soon, "w1", "w2", "")]),
            "devices": (
                "id,format,household,from,to,unit,litres_per_pulse,resolution_l,modulus,period,zone",
                [(device(k), "native", home(k), since, "", "", "", 1, "", PERIOD_S, "UTC") for k in n],
            ),
            "absences": ("household,start,end,by", []),
        }
        write_sheets(folder, sheets)

    def import_registry(self) -> None:
        """Import the registry by the command that operators use."""
        self.registry(self.folder / "registry")
        command = [
            sys.executable,
            "-m",
            "shuian",
            "import",
            str(self.folder / "registry"),
            "--apply",
            "--config",
            str(self.config),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)

    def caught_up(self) -> bool:
        """Whether everything stored has been judged."""
        health = self.health()
        return bool(health["ok"]) and health["counts"]["behind"] == 0


@contextlib.contextmanager
def world(folder: Path, homes: int, **options: Any) -> Iterator[World]:
    """Return a running `World`; on trouble its logs are shown."""
    made = World(folder, homes, **options)
    try:
        with made:
            yield made
    except BaseException:
        for log in sorted(folder.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text('utf-8', 'replace')[-4000:]}", file=sys.stderr)
        raise
