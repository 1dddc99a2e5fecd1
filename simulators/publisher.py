"""A sender of MQTT messages that knows when each has arrived: what virtual meters speak through."""

import threading
from types import TracebackType
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

ANSWERS_WITHIN_S = 10.0
"""How long a broker may take to answer a connection. [s]"""
MOST_BETWEEN_CALLS_S = 5
"""A broker that went away is called again after 1, 2, 4 and then every 5 s. [s]"""


PORTS = {"mqtt": 1883, "mqtts": 8883}
"""Scheme -> the port where none is named."""


class PublishError(Exception):
    """The broker cannot be reached or does not take a message."""


class Address(NamedTuple):
    """Where a broker is, and who calls it."""

    host: str
    port: int
    encrypted: bool
    user: str | None
    password: str | None


def address(url: str) -> Address:
    """Read ``mqtt[s]://[user:password@]host[:port]``; user and password may be percent-encoded.

    Raises
    ------
    ValueError
        It is no such address.  The message shows neither user nor password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        host.encode("idna")  # as the resolver will: a part of a name may be too long
        if not host or parts.port == 0:
            raise ValueError
    except (ValueError, KeyError):
        raise ValueError(f"want a broker as mqtt://host:port, got {_without_user(url)!r}") from None
    user, password = (None if one is None else unquote(one) for one in (parts.username, parts.password))
    return Address(host, port, parts.scheme == "mqtts", user or None, password)


def _without_user(url: str) -> str:
    scheme = next((f"{one}://" for one in PORTS if url.startswith(f"{one}://")), "")
    return scheme + url.removeprefix(scheme).rpartition("@")[2]


class Publisher:
    """Publish at QoS 1; at most `window` messages are on their way at a time.

    `url` is read by `address`.  A broker that goes away is called again every few seconds; what it has not confirmed until
    then is sent once more.
    """

    def __init__(self, url: str, client_id: str = "", window: int = 200, version: int = 5) -> None:
        at = address(url)
        self._host, self._port = at.host, at.port
        protocol = mqtt.MQTTv5 if version == 5 else mqtt.MQTTv311
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=protocol)
        if at.user is not None:
            self._client.username_pw_set(at.user, at.password)
        if at.encrypted:
            self._client.tls_set()
        self._client.max_inflight_messages_set(window)
        self._client.reconnect_delay_set(1, MOST_BETWEEN_CALLS_S)
        self._free = threading.BoundedSemaphore(window)
        self._client.on_publish = self._answered
        self._client.on_connect = self._called
        self._first_call = threading.Event()
        self._turned_away = ""
        self.confirmed, self.refused = 0, 0
        """Messages that the broker has taken, and those that it did not want (MQTT 5 says so)."""

    def __enter__(self) -> "Publisher":
        try:
            self._client.connect(self._host, self._port)
        except OSError as trouble:
            raise PublishError(
                f"no broker at {self._host}:{self._port} ({trouble}): start it, or name another"
            ) from None
        self._client.loop_start()
        if not self._first_call.wait(ANSWERS_WITHIN_S) or self._turned_away:
            self.__exit__(None, None, None)
            why = self._turned_away or f"no answer within {ANSWERS_WITHIN_S:g} s"
            raise PublishError(
                f"the broker at {self._host}:{self._port} does not let us in ({why}): check user and password"
            )
        return self

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._client.is_connected()

    def _called(self, _: mqtt.Client, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
        self._turned_away = str(reason) if reason.is_failure else ""
        self._first_call.set()

    def _answered(self, _: mqtt.Client, __: object, ___: int, reason: ReasonCode, ____: object) -> None:
        if reason.is_failure:
            self.refused += 1
        else:
            self.confirmed += 1
        self._free.release()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(
        self, topic: str, payload: bytes, timeout_s: float = 30.0, *, retain: bool = False
    ) -> mqtt.MQTTMessageInfo:
        """Send one message; waits while the window is full.

        Raises
        ------
        PublishError
            Nothing moved for `timeout_s`.
        """
        if not self._free.acquire(timeout=timeout_s):
            raise PublishError(f"the broker at {self._host}:{self._port} took no message for {timeout_s:g} s")
        return self._client.publish(topic, payload, qos=1, retain=retain)

    def publish_and_wait(self, topic: str, payload: bytes, timeout_s: float = 30.0) -> None:
        """Send one message and return when the broker has it."""
        info = self.publish(topic, payload, timeout_s)
        info.wait_for_publish(timeout_s)
        if not info.is_published():
            raise PublishError(f"the broker at {self._host}:{self._port} did not confirm within {timeout_s:g} s")
