"""A real Mosquitto behind TLS with the files that `shuian broker-config` writes, and certificates of a test's own."""

import csv
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ingest.mqtt import BrokerSettings
from shuian import broker_config
from shuian.broker_accounts import Fitted, ServerSettings, access
from shuian.config import Config
from tests.brokers import Mosquitto, free_port, until

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
DEVICES = (
    Fitted("wm-1", "native"),
    Fitted("wm-2", "native"),
    Fitted("nobody-7", "native"),
    Fitted("shy-8", "native"),
    Fitted("00:11:22", "native"),
    Fitted("behind", "native", "gw-7"),
    Fitted("0101010101010101", "chirpstack"),
)
TOPICS = ("shuian/v1/+/+/up", "shuian/v1/+/+/status", "application/#")


def openssl(*words: str, cwd: Path) -> None:
    subprocess.run(["openssl", *words], cwd=cwd, capture_output=True, check=True)


def authority(folder: Path, name: str) -> None:
    """Make an authority: `name`.crt and `name`.key."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt",
            cwd=folder)  # fmt: skip


def certificate(folder: Path, name: str, *, by: str = "ca", host: str = "IP:127.0.0.1", days: int = 2) -> None:
    """Make `name`.crt and `name`.key, signed by the authority `by`; below zero days it has expired."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr", cwd=folder)
    (folder / "names").write_text(f"subjectAltName={host}")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.crt", "-CAkey", f"{by}.key", "-CAcreateserial",
            "-days", str(days), "-extfile", "names", "-out", f"{name}.crt", cwd=folder)  # fmt: skip


@dataclass
class Door:
    """A folder of broker files with certificates; `write` is the command, `open` starts the broker."""

    folder: Path
    server: ServerSettings = field(default_factory=ServerSettings)
    devices: tuple[Fitted, ...] = DEVICES
    secrets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        certs = self.folder / "certs"
        certs.mkdir()
        authority(certs, "ca")
        certificate(certs, "server")
        self.server = replace(
            self.server, port=free_port(), bind="127.0.0.1", folder=str(self.folder), state=str(self.folder)
        )

    @property
    def config(self) -> Config:
        service = BrokerSettings("city", "127.0.0.1", self.server.port, TOPICS, "shuian-ingest")
        return Config(mqtt=(service,), broker=self.server)

    def write(self, *, rotate: tuple[str, ...] = ()) -> broker_config.Written:
        config = self.config
        wanted = access(self.devices, self.server, config.mqtt[0])
        written = broker_config.write(wanted, config, self.folder, NOW, rotate=rotate)
        if written.secrets is not None:
            with written.secrets.open() as file:
                self.secrets |= {row["account"]: row["password"] for row in csv.DictReader(file)}
        env = dict(line.split("=", 1) for line in (self.folder / "service.env").read_text().splitlines())
        self.secrets[env["SHUIAN_MQTT__0__USERNAME"]] = env["SHUIAN_MQTT__0__PASSWORD"]
        return written

    @contextmanager
    def open(self) -> Iterator[Mosquitto]:
        """Run Mosquitto with the written files; only the user under which it runs is the test's."""
        broker = Mosquitto.on(self.folder / "mosquitto.conf", self.server.port)
        broker.start()
        try:
            yield broker
        finally:
            broker.kill()

    def settings(self, **more: object) -> BrokerSettings:
        """Return how the service goes there, with short pauses."""
        known = {
            "username": "shuian",
            "password": self.secrets["shuian"],
            "tls": True,
            "ca_file": str(self.folder / "certs" / "ca.crt"),
            "retry_s": (0.05, 0.2),
        }
        return replace(self.config.mqtt[0], **(known | more))


class Client:
    """A device or a stranger at the door: connects, publishes with QoS 1, and says what the broker answered."""

    def __init__(self, door: Door, name: str | None, secret: str | None = None) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.tls_set(str(door.folder / "certs" / "ca.crt"))
        if name is not None:
            self._client.username_pw_set(name, door.secrets[name] if secret is None else secret)
        self.connected: str | None = None
        self.answers: dict[int, str] = {}
        self._client.on_connect = lambda _c, _d, _f, reason, _p: setattr(self, "connected", str(reason))
        self._client.on_publish = lambda _c, _d, mid, reason, _p: self.answers.update({mid: str(reason)})
        self._client.connect("127.0.0.1", door.server.port)
        self._until(lambda: self.connected is not None)

    def _until(self, true: Callable[[], bool]) -> None:
        until(
            lambda: self._client.loop(0.02) is None or true(), what="an answer"
        )  # no thread of paho's: with TLS it dozes

    def publish(self, topic: str, payload: bytes = b"x") -> str:
        """Publish one message and return the broker's answer."""
        mid = self._client.publish(topic, payload, 1).mid
        self._until(lambda: mid in self.answers)
        return self.answers[mid]

    def end(self) -> None:
        self._client.disconnect()


@contextmanager
def client(door: Door, name: str | None, secret: str | None = None) -> Iterator[Client]:
    """Connect for the time of the block."""
    one = Client(door, name, secret)
    try:
        yield one
    finally:
        one.end()
