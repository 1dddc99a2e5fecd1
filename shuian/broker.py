"""The embedded broker: iotcore (rumqttd in a wheel) in a child process, on loopback only, for demos and first steps.

It keeps everything in memory and serves one machine; in service one uses Mosquitto or EMQX.  We write its configuration
ourselves because its defaults listen on every address and let the log of messages grow to 1 GB.
"""

import json
import socket
import tempfile
from pathlib import Path
from types import TracebackType

from iotcore.broker import Broker

MOST_PAYLOAD = 1024 * 1024
"""Larger than what ingest reads, so that a message that is too long is refused with a reason and counted. [byte]"""

_SERVER = """
[{version}.1]
name = "{version}"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[{version}.1.connections]
connection_timeout_ms = 60000
max_payload_size = {most_payload}
max_inflight_count = 100
dynamic_filters = true
"""
_ROUTER = """
id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10
"""


class BrokerError(Exception):
    """The embedded broker cannot start; the message says why and what to do."""


class EmbeddedBroker:
    """A broker for the time of a `with` block, or between `start` and `stop`.

    Parameters
    ----------
    port_v5, port_v3 : int
        Loopback ports for MQTT 5 and 3.1.1; 0: any free one.
    username, password : str, optional
        Asked of every client when both are given.

    Raises
    ------
    BrokerError
        From `start`: a port is in use, or the child did not come up.
    """

    def __init__(
        self, port_v5: int = 0, port_v3: int = 0, *, username: str | None = None, password: str | None = None
    ) -> None:
        self._wanted = (port_v5, port_v3)
        self._credentials = (username, password) if username and password else None
        self._child: Broker | None = None
        self.port = port_v5
        self.port_v3 = port_v3

    @property
    def running(self) -> bool:
        """True while the child process lives."""
        return self._child is not None and bool(self._child.is_running)

    def start(self) -> "EmbeddedBroker":
        """Start the child and wait until both ports answer."""
        if self.running:
            return self
        for wanted in self._wanted:
            if wanted and _in_use(wanted):
                raise BrokerError(
                    f"port {wanted} on 127.0.0.1 is in use: stop what listens there,"
                    f" or choose another, for instance {_free_ports(1)[0]}"
                )
        free = _free_ports(2)
        self.port, self.port_v3 = (wanted or other for wanted, other in zip(self._wanted, free, strict=True))
        with tempfile.TemporaryDirectory(prefix="shuian-broker-") as folder:  # readable by this user only
            path = Path(folder) / "broker.toml"
            path.write_text(self._configuration(), encoding="utf-8")
            child = Broker(config_path=str(path))
            try:
                child.start()
            except (OSError, RuntimeError) as error:
                raise BrokerError(f"the embedded broker did not start: {error}: try again, or name a broker") from error
        self._child = child
        return self

    def stop(self) -> None:
        """End the child and release the ports; safe to call twice."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def __enter__(self) -> "EmbeddedBroker":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _configuration(self) -> str:
        text = _ROUTER
        for version, port in (("v4", self.port_v3), ("v5", self.port)):
            text += _SERVER.format(version=version, port=port, most_payload=MOST_PAYLOAD)
            if self._credentials:
                name, password = (json.dumps(word) for word in self._credentials)  # JSON text is TOML text
                text += f"[{version}.1.connections.auth]\n{name} = {password}\n"
        return text


def _in_use(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection just closed is no listener
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def _free_ports(number: int) -> list[int]:
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
