"""paho's client, made to read a fleet: many packets a read, messages by the handful, acknowledgements by the batch.

How this works.  paho asks the system three times for each packet, and builds objects of which we use a tenth: 60 µs a
message where 8 are enough (measured with 2.2).  So reading is ours: what a socket has is taken at once and cut into packets
here.  PUBLISH is read here too; all other packets, and everything else about a connection, stay paho's.  Written for
paho 2.2, of which it uses `_sock_recv`, `_in_packet`, `_packet_handle`, `_packet_queue` and `_loop_rc_handle`; one test
compares what both understand of the same bytes.

Source of the layout: MQTT 3.1.1 and 5.0 (OASIS), 2.2 and 3.3.
"""

import logging
import struct
from collections.abc import Callable, Iterable
from time import monotonic, sleep
from typing import NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.exception import MalformedPacket

log = logging.getLogger(__name__)

MOST_READ = 64 * 1024
"""Bytes taken from the socket at once: some 300 messages. [byte]"""
_PUBLISH = 0x30
_PUBACK = struct.Struct("!BBH")
_TWO_BYTES = struct.Struct("!H")
_NOT_UTF8 = "(topic is not UTF-8)"


class Publication(NamedTuple):
    """A message as it stands in its packet; `mid` is 0 with QoS 0."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    mid: int


class MalformedError(Exception):
    """A packet breaks the protocol: want one of MQTT, got other bytes."""


def publication(first: int, body: bytes, *, properties: bool) -> Publication:
    """Read a PUBLISH packet.

    Parameters
    ----------
    first : int
        The packet's first byte, with its flags.
    body : bytes
        What follows the length.
    properties : bool
        MQTT 5: properties stand before the payload; they are skipped.

    Raises
    ------
    MalformedError
        It ends too soon, or has a QoS that was not subscribed to.
    """
    qos = first >> 1 & 3
    try:
        at = 2 + _TWO_BYTES.unpack_from(body)[0]
        raw, mid = body[2:at], 0
        if qos == 1:
            (mid,) = _TWO_BYTES.unpack_from(body, at)
            at += 2
        elif qos:
            raise MalformedError(f"want QoS 0 or 1, got {qos}")
        if properties:
            size, at = _length(body, at)
            at += size
    except (struct.error, IndexError) as error:
        raise MalformedError(f"want a PUBLISH packet, got one that ends after {len(body)} bytes") from error
    if at > len(body):
        raise MalformedError(f"want a PUBLISH packet, got one that ends after {len(body)} bytes")
    try:
        topic = raw.decode()
    except UnicodeDecodeError:  # MQTT 3.1.1, 1.5.3 forbids it; some brokers let it pass
        topic = _NOT_UTF8
    return Publication(topic, body[at:], qos, first & 1 == 1, first & 8 == 8, mid)


def _length(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """Return the variable byte integer at `at`, and where it ends; IndexError when its end is not there yet."""
    found = shift = 0
    while shift < 28:
        byte = data[at]
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found, at
        shift += 7
    raise MalformedError("want a length of at most four bytes, got a longer one")


class Client(paho.Client):
    """A client for one who listens.

    `on_publications` is called with all messages of one read, on the network thread; `on_fault` when something broke that
    nobody foresaw, a malformed packet for instance: that costs the connection, not the thread.
    """

    on_publications: Callable[[list[Publication]], None]
    on_fault: Callable[[], None]
    _unread = bytearray()
    _wanted = 0
    """Bytes that the packet needs of which only a part is there: before that, looking again is in vain."""

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """Run the network until `loop_stop`; an unexpected exception costs the connection, not the thread."""
        while True:
            try:
                return super().loop_forever(timeout, retry_first_connection)
            except Exception:
                log.exception("the MQTT connection failed in an unexpected way")
                self.on_fault()
                sleep(1.0)  # whatever it was, it may come again at once
                try:
                    self.reconnect()
                except OSError:
                    continue  # loop_forever goes on trying, with its pauses

    def reconnect(self) -> MQTTErrorCode:
        """Connect anew; half a packet of the old connection is nothing in the new one."""
        self._unread, self._wanted = bytearray(), 0
        return super().reconnect()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:  # noqa: ARG002  paho's signature; a read brings what it brings
        """Take what the socket has, and hand on all packets that are complete."""
        if self._sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        try:
            got = self._sock_recv(MOST_READ)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            got = b""
        if not got:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        self._last_bytes_received = monotonic()
        self._unread += got
        try:
            return self._packets() if len(self._unread) >= self._wanted else MQTTErrorCode.MQTT_ERR_SUCCESS
        except MalformedError:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_PROTOCOL)

    def _packets(self) -> MQTTErrorCode:
        unread, start, found = self._unread, 0, list[Publication]()
        view, version_5 = bytes(unread), self._protocol == paho.MQTTv5
        self._wanted = 0
        while start < len(view):
            try:
                size, at = _length(view, start + 1)
            except IndexError:
                break
            if at + size > len(view):
                self._wanted = at + size - start
                break
            first, start = view[start], at + size
            if first & 0xF0 == _PUBLISH:
                found.append(publication(first, view[at:start], properties=version_5))
                continue
            self._hand_on(found)
            found = []
            rc = self._by_paho(first, view[at:start])
            if rc or self._sock is None:
                return self._loop_rc_handle(rc) if rc else rc
        del unread[:start]
        self._hand_on(found)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _hand_on(self, found: list[Publication]) -> None:
        if found:
            self.on_publications(found)

    def _by_paho(self, first: int, body: bytes) -> MQTTErrorCode:
        """Let paho handle a packet that is no PUBLISH."""
        packet = self._in_packet
        packet["command"], packet["packet"], packet["remaining_length"] = first, bytearray(body), len(body)
        packet["pos"] = 0
        try:
            return self._packet_handle()
        except (MalformedPacket, struct.error, IndexError) as error:
            raise MalformedError(str(error)) from error

    def ack_all(self, mids: Iterable[int]) -> None:
        """Acknowledge messages of QoS 1, in this order, in one write; from any thread."""
        packets = b"".join([_PUBACK.pack(paho.PUBACK, 2, mid) for mid in mids])
        if packets:
            self._packet_queue(paho.PUBACK, packets, 0, 1)
