"""One visit to a broker, for `shuian check`: a connection that its caller runs, without a thread of its own."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest import tls
from ingest.errors import TlsError
from ingest.mqtt import BrokerSettings

PATIENCE_S = 5.0
STEP_S = 0.02
MOST_RECEIVE = 65_535


class NoVisit(Exception):
    """The broker cannot be reached, is not believed, or refuses us; the message says which."""


@dataclass(frozen=True, slots=True)
class Came:
    """A message that came: its number for the acknowledgement, topic and payload."""

    mid: int
    qos: int
    topic: str
    payload: bytes


class Visit:
    """A connection for the time of a `with` block; messages are kept in `came` and acknowledged by `acknowledge`.

    Parameters
    ----------
    settings : BrokerSettings
        Where, and as whom.
    client_id : str
        Not that of the service, whose session it would take over.
    keep_s : int
        How long the broker is asked to keep the session afterwards; 0: begin clean and leave nothing. [s]
    nobody : bool
        Show no user and no password.

    Raises
    ------
    NoVisit
        From the beginning of the block.
    """

    def __init__(self, settings: BrokerSettings, client_id: str, *, keep_s: int = 0, nobody: bool = False) -> None:
        self._settings, self._keep_s = settings, keep_s
        self.came: list[Came] = []
        self.answers: dict[int, int] = {}
        self.told: dict[str, Any] = {}
        self._refusal: str | None = None
        self._connected = self._over = False
        self._client = self._make(client_id, nobody)

    @property
    def five(self) -> bool:
        """True with MQTT 5, in which a broker tells what it can do."""
        return self._settings.version == 5

    def _make(self, client_id: str, nobody: bool) -> paho.Client:
        kept = {} if self.five else {"clean_session": self._keep_s == 0}
        protocol = paho.MQTTv5 if self.five else paho.MQTTv311
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=protocol, manual_ack=True, **kept)  # type: ignore[arg-type]
        if self._settings.username and not nobody:
            client.username_pw_set(self._settings.username, self._settings.password)
        if self._settings.tls:
            try:
                client.tls_set_context(tls.context(self._settings))
            except TlsError as wrong:
                raise NoVisit(str(wrong)) from None
        client.connect_timeout = PATIENCE_S
        client.max_inflight_messages_set(200)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = lambda _c, _d, m: self.came.append(Came(m.mid, m.qos, m.topic, bytes(m.payload)))
        client.on_publish = lambda _c, _d, mid, reason, _p: self.answers.update({mid: reason.value})
        return client

    def __enter__(self) -> "Visit":
        more: dict[str, Any] = {}
        if self.five:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = self._keep_s
            properties.ReceiveMaximum = MOST_RECEIVE
            more = {"clean_start": self._keep_s == 0, "properties": properties}
        try:
            self._client.connect(self._settings.host, self._settings.port, 30, **more)
        except OSError as trouble:
            raise NoVisit((self._settings.tls and tls.trouble(trouble)) or str(trouble)) from None
        if not self.until(lambda: self._connected or self._refusal is not None):
            raise NoVisit(f"it does not answer within {PATIENCE_S:.0f} s: is this an MQTT port?")
        if self._refusal is not None:
            raise NoVisit(self._refusal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._client.disconnect()
            self.until(lambda: self._over, 0.5)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._refusal = f"refused: {reason}"
            return
        self._connected = True
        self.told = dict(properties.json()) if properties is not None else {}

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._over = True
        if not self._connected and self._refusal is None:
            asked = ", or does it want a certificate of ours?" if self._settings.tls else "?"
            self._refusal = f"it hangs up before it answers ({reason}): wrong user, password or MQTT version{asked}"

    def until(self, true: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
        """Run the connection until something is true; return whether it became so in time."""
        deadline = time.monotonic() + patience_s
        while not true():
            self._client.loop(STEP_S)
            if time.monotonic() > deadline or (self._over and not true()):
                return true()
        return True

    def silent(self, for_s: float) -> None:
        """Run the connection until no message came for so long."""
        while True:
            before = len(self.came)
            self.until(lambda before=before: len(self.came) > before, for_s)  # type: ignore[misc]
            if len(self.came) == before:
                return

    def subscribe(self, topics: Sequence[str]) -> dict[str, int]:
        """Ask for `topics` at QoS 1, without what is retained; return the QoS granted each, 128 and above: refused."""
        fresh = SubscribeOptions(1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        answers: list[Any] = []
        self._client.on_subscribe = lambda _c, _d, _m, reasons, _p: answers.extend(reasons)
        asked: list[Any] = [(topic, fresh if self.five else 1) for topic in topics]
        self._client.subscribe(asked)
        self.until(lambda: len(answers) >= len(topics))
        return dict(zip(topics, (int(one.value) for one in answers), strict=False))

    def retained(self, topic: str, patience_s: float = 0.5) -> str | None:
        """Return what is retained under `topic`, None if nothing comes."""
        self._client.subscribe(topic, 0)
        self.until(lambda: any(one.topic == topic for one in self.came), patience_s)
        return next((one.payload.decode("utf-8", "replace") for one in self.came if one.topic == topic), None)

    def publish(self, topic: str, number: int) -> int:
        """Publish so many messages at QoS 1; return how many the broker took (MQTT 3.1.1 cannot say that it did not)."""
        mids = [self._client.publish(topic, str(n), 1).mid for n in range(number)]
        self.until(lambda: len(self.answers) >= number)
        return sum(self.answers.get(mid, 128) < 128 for mid in mids)

    def acknowledge(self, came: Sequence[Came]) -> None:
        """Acknowledge messages."""
        for one in came:
            if one.qos:
                self._client.ack(one.mid, one.qos)
