"""Real servers on loopback for tests: Debian's InfluxDB 1.6.7 and its VictoriaMetrics."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ingest.influx_dialects import InfluxSettings
from tests.brokers import free_port, until

_INFLUX = """reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/meta"
logging-enabled = false
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
auth-enabled = {auth}
max-body-size = {most_bytes}
[logging]
level = "error"
"""


class Server:
    """A server process with its folder; survives `end` and `start`."""

    def __init__(self, command: list[str], port: int, alive: str) -> None:
        self.url, self._command, self._alive = f"http://127.0.0.1:{port}", command, alive
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._answers, 20, f"{Path(self._command[0]).name} answering")

    def _answers(self) -> bool:
        try:
            return httpx.get(self.url + self._alive, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def end(self, number: int = signal.SIGTERM) -> None:
        """End the process with a signal and wait for it."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(20)
            self._process = None


class Influx(Server):
    """InfluxDB 1.6.7."""

    def __init__(self, folder: Path, *, auth: bool = False, most_bytes: int = 25_000_000) -> None:
        port, config = free_port(), folder / "influxdb.conf"
        rpc = free_port()
        said = {"port": port, "rpc": rpc, "auth": str(auth).lower(), "most_bytes": most_bytes}
        config.write_text(_INFLUX.format(folder=folder, **said))
        super().__init__(["influxd", "-config", str(config)], port, "/ping")

    def settings(self, database: str, **more: Any) -> InfluxSettings:
        """Return settings for a database on it, with short pauses."""
        return InfluxSettings(self.url, database=database, **({"retry_s": (0.05, 0.2)} | more))

    def query(self, statement: str, database: str, **signed: Any) -> list[dict[str, Any]]:
        """Return the series of a query."""
        asked = {"q": statement, "epoch": "ms", "db": database}
        results = httpx.post(self.url + "/query", data=asked, trust_env=False, **signed).json()["results"]
        assert not [one["error"] for one in results if "error" in one], results
        return [series for one in results for series in one.get("series", ())]

    def _holds(self, shown: str, database: str, name: str) -> bool:
        return any(name == row[0] for series in self.query(shown, database) for row in series.get("values", ()))

    def points(self, database: str, policy: str = "shuian") -> dict[tuple[str, str, int], dict[str, Any]]:
        """Return everything: (device, measurement, time) -> its fields; of a policy that is not there yet nothing."""
        found: dict[tuple[str, str, int], dict[str, Any]] = {}
        if not self._holds("SHOW DATABASES", "", database) or not self._holds(
            "SHOW RETENTION POLICIES", database, policy
        ):
            return found
        for series in self.query(f'SELECT * FROM "{policy}"./.*/', database):
            for values in series["values"]:
                fields = dict(zip(series["columns"], values, strict=True))
                key = (fields.pop("device"), series["name"], fields.pop("time"))
                found[key] = {name: value for name, value in fields.items() if value is not None}
        return found


class Victoria(Server):
    """VictoriaMetrics, which keeps a point that is written twice once."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        options = {
            "httpListenAddr": f"127.0.0.1:{port}",
            "storageDataPath": folder,
            "retentionPeriod": "100y",
            "dedup.minScrapeInterval": "1ms",
        }
        super().__init__(["victoria-metrics", *(f"-{key}={value}" for key, value in options.items())], port, "/health")

    def settings(self, database: str, **more: Any) -> InfluxSettings:
        """Return settings for a label on it, with short pauses."""
        return InfluxSettings(self.url, "victoriametrics", database, **({"retry_s": (0.05, 0.2)} | more))

    def points(self, database: str, field: str = "value") -> dict[tuple[str, str, int], float]:
        """Return everything that a search finds now: (device, measurement, time) -> one field."""
        httpx.get(self.url + "/internal/force_flush", trust_env=False).raise_for_status()
        asked = {"match[]": json.dumps({"db": database}).replace('"db": ', "db=")}
        text = httpx.get(self.url + "/api/v1/export", params=asked, trust_env=False).text
        found = {}
        for one in map(json.loads, filter(None, text.split("\n"))):
            name, tags = one["metric"]["__name__"], one["metric"]
            if name.endswith(f"_{field}"):
                quantity = name.removesuffix(f"_{field}")
                for at, value in zip(one["timestamps"], one["values"], strict=True):
                    found[tags["device"], quantity, at] = value
        return found


@contextmanager
def running(make: Callable[[Path], Server], folder: Path) -> Iterator[Any]:
    """Run a server for the time of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    server = make(folder)
    server.start()
    try:
        yield server
    finally:
        server.end()
