"""Real brokers on loopback for tests: Debian's Mosquitto and the embedded iotcore."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from shuian.broker import EmbeddedBroker


class Broker(Protocol):
    """What a test needs of a broker."""

    kind: str

    def port(self, version: int) -> int:
        """Return the port for MQTT `version` 5 or 3."""
        ...


def until(true: Callable[[], object], timeout_s: float = 15.0, what: str = "it") -> None:
    """Wait until `true` is, or fail."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.02)


def free_port() -> int:
    """Return a loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A Mosquitto process with the settings that keep messages, and its folder; survives `kill` and `start`."""

    kind = "mosquitto"

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self._port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            f"persistence true\npersistence_location {folder}/\nautosave_interval 1\n"
            "max_queued_messages 0\nmax_inflight_messages 1000\nlog_type none\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def on(cls, config: Path, port: int) -> "Mosquitto":
        """Return a process on a configuration that is there already; it runs as the user of the test."""
        made = cls.__new__(cls)
        made._port, made._config, made._process = port, config.with_suffix(".run"), None
        made._config.write_text(config.read_text() + "user root\nlog_type none\n")
        return made

    def port(self, version: int) -> int:
        """Return the one port for every version."""
        return self._port

    def start(self) -> None:
        """Start and wait until it answers."""
        mosquitto = next(path for path in ("/usr/sbin/mosquitto", "/usr/bin/mosquitto") if Path(path).exists())
        self._process = subprocess.Popen([mosquitto, "-c", str(self._config)], stderr=subprocess.DEVNULL)
        until(self._answers, 5, "Mosquitto answering")

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), 0.2).close()
        except OSError:
            return False
        return True

    def signal(self, number: int) -> None:
        """Send the process a signal."""
        if self._process is not None:
            os.kill(self._process.pid, number)

    def end(self, number: int) -> None:
        """End the process with a signal and wait for it."""
        if self._process is not None:
            os.kill(self._process.pid, number)
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.end(signal.SIGKILL)


@contextmanager
def mosquitto(folder: Path, *, started: bool = True) -> Iterator[Mosquitto]:
    """Run Mosquitto for the time of the block."""
    broker = Mosquitto(folder)
    if started:
        broker.start()
    try:
        yield broker
    finally:
        broker.end(signal.SIGTERM)


class _Iotcore:
    kind = "iotcore"

    def __init__(self, broker: EmbeddedBroker) -> None:
        self._broker = broker

    def port(self, version: int) -> int:
        return self._broker.port if version == 5 else self._broker.port_v3


@contextmanager
def iotcore() -> Iterator[_Iotcore]:
    """Run the embedded broker for the time of the block."""
    with EmbeddedBroker() as broker:
        yield _Iotcore(broker)


class Heard:
    """A subscriber that keeps its session, and what came to it."""

    def __init__(self, port: int) -> None:
        self.payloads: list[tuple[str, bytes]] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "heard", clean_session=False, protocol=paho.MQTTv311)
        self._client.reconnect_delay_set(1, 1)
        ready = threading.Event()
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_message = lambda _, __, message: self.payloads.append((message.topic, bytes(message.payload)))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert ready.wait(10)

    def __enter__(self) -> "Heard":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Publisher:
    """A client that publishes and waits for the broker's acknowledgements."""

    def __init__(self, client: paho.Client) -> None:
        self._client = client
        self._infos: list[paho.MQTTMessageInfo] = []

    def send(self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False) -> None:
        """Publish one message."""
        self._infos.append(self._client.publish(topic, payload, qos, retain))

    def settle(self, timeout_s: float = 15.0) -> None:
        """Wait until the broker has acknowledged all that was sent."""
        for info in self._infos:
            info.wait_for_publish(timeout_s)
            assert info.is_published()
        self._infos.clear()


@contextmanager
def publisher(broker: Broker) -> Iterator[Publisher]:
    """Connect a publisher to `broker` (MQTT 3.1.1) for the time of the block; what it sent is settled at the end."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
    client.max_inflight_messages_set(200)
    client.connect("127.0.0.1", broker.port(3))
    client.loop_start()
    try:
        sender = Publisher(client)
        yield sender
        sender.settle()
    finally:
        client.disconnect()
        client.loop_stop()
