"""A sender of MQTT messages that knows when each has arrived: what virtual meters speak through."""

import threading
from types import TracebackType
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

ANSWERS_WITHIN_S = 10.0
"""How long a broker may take to answer a connection. [s]"""
MOST_BETWEEN_CALLS_S = 5
"""A broker that went away is called again after 1, 2, 4 and then every 5 s. [s]"""


class PublishError(Exception):
    """The broker cannot be reached or does not take a message."""


class Publisher:
    """Publish at QoS 1; at most `window` messages are on their way at a time.

    `url` is ``mqtt://[user:password@]host[:port]``.  A broker that goes away is called again every few seconds; what it has
    not confirmed until then is sent once more.
    """

    def __init__(self, url: str, client_id: str = "", window: int = 200, version: int = 5) -> None:
        parts = urlsplit(url if "//" in url else f"mqtt://{url}")
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise PublishError(f"want a broker as mqtt://host:port, got {url!r}")
        self._host, self._port = parts.hostname, parts.port or (8883 if parts.scheme == "mqtts" else 1883)
        protocol = mqtt.MQTTv5 if version == 5 else mqtt.MQTTv311
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=protocol)
        if parts.username:
            self._client.username_pw_set(parts.username, parts.password)
        if parts.scheme == "mqtts":
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
