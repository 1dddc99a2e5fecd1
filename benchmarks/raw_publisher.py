"""A sender that is faster than any consumer: MQTT 3.1.1 on a bare socket, many packets a write.

Client libraries cost their sender more than a broker costs to take the message, and so would measure themselves.  This
one knows CONNECT, PUBLISH (QoS 1) and PUBACK, and which of its messages the broker has acknowledged: what a connection
lost on its way is sent again on the next one, marked as a duplicate.
"""

import contextlib
import select
import socket
import struct
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator

Numbered = tuple[int, str, bytes]
"""A message: its number, topic and payload."""

_CONNECT, _CONNACK, _PUBLISH, _PUBACK = 0x10, 0x20, 0x32, 0x40
_DUP = 0x08
_MOST_MID = 65_000


def packet(kind: int, body: bytes) -> bytes:
    """Return an MQTT packet with its length in front."""
    head, left = bytearray([kind]), len(body)
    while True:
        left, byte = left >> 7, left & 0x7F
        head.append(byte | 0x80 if left else byte)
        if not left:
            return bytes(head) + body


def text(value: str) -> bytes:
    """Return a text with its length in front, as MQTT writes it."""
    raw = value.encode()
    return struct.pack("!H", len(raw)) + raw


class RawPublisher:
    """Send messages at QoS 1, `window` at most without acknowledgement; `acked` has the numbers that arrived."""

    def __init__(self, port: int, window: int = 2000, client_id: str = "raw") -> None:
        self._port, self._window, self._client_id = port, window, client_id
        self._socket: socket.socket | None = None
        self._under_way: OrderedDict[int, Numbered] = OrderedDict()  # packet id -> message
        self._again: deque[tuple[Numbered, int]] = deque()  # with what marks it as sent before, or not
        self._mid = 0
        self._read = b""
        self.acked: list[int] = []
        self.reconnects = -1

    @property
    def waiting(self) -> int:
        """Messages that were sent and not acknowledged."""
        return len(self._under_way) + len(self._again)

    def connect(self, within_s: float = 30.0) -> None:
        """Connect, trying again for a while; what was under way is to be sent again."""
        self.close()
        until = time.monotonic() + within_s
        while self._socket is None:
            try:
                self._socket = socket.create_connection(("127.0.0.1", self._port), 2)
                self._socket.sendall(
                    packet(_CONNECT, text("MQTT") + struct.pack("!BBH", 4, 2, 600) + text(self._client_id))
                )
                answer = self._socket.recv(4)
                if answer[:1] != bytes([_CONNACK]) or answer[3:] != b"\0":
                    raise ConnectionError(f"want CONNACK with 0, got {answer!r}")
            except OSError:
                self.close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._again.extendleft((message, _DUP) for message in reversed(self._under_way.values()))
        self._under_way.clear()
        self.reconnects += 1

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._read = None, b""

    def send(self, messages: Iterable[Numbered], rate: float = 0.0) -> None:
        """Send all messages, `rate` a second (0: as fast as the broker takes them), and wait for their acknowledgements.

        A connection that breaks is made anew.
        """
        for chunk in _chunks(messages, rate):
            self._again.extend((message, 0) for message in chunk)
            self._push(leave=0 if rate == 0 else self._window)
        self._push(leave=0)

    def _push(self, leave: int) -> None:
        """Send what waits; return when no more than `leave` messages are without acknowledgement."""
        while self._again or len(self._under_way) > leave:
            try:
                if self._socket is None:
                    self.connect()
                self._exchange()
            except OSError:
                self.close()

    def _exchange(self) -> None:
        room = self._window - len(self._under_way)
        out = bytearray()
        while self._again and room > 0 and len(out) < 65_536:
            message, repeated = self._again.popleft()
            self._mid = self._mid % _MOST_MID + 1
            while self._mid in self._under_way:
                self._mid = self._mid % _MOST_MID + 1
            self._under_way[self._mid] = message
            out += packet(_PUBLISH | repeated, text(message[1]) + struct.pack("!H", self._mid) + message[2])
            room -= 1
        assert self._socket is not None
        view = memoryview(out)
        while view:
            _, writable, _ = select.select([], [self._socket], [], 5)
            if not writable:
                raise ConnectionError("the broker reads nothing")
            view = view[self._socket.send(view) :]
            self._take_acks(0)
        self._take_acks(0 if self._again and room > 0 else 0.05)

    def _take_acks(self, wait_s: float) -> None:
        assert self._socket is not None
        if not select.select([self._socket], [], [], wait_s)[0]:
            return
        with contextlib.suppress(BlockingIOError):
            got = self._socket.recv(65_536)
            if not got:
                raise ConnectionError("the broker hung up")
            self._read += got
        whole = len(self._read) // 4 * 4
        for kind, _, mid in struct.iter_unpack("!BBH", self._read[:whole]):
            if kind == _PUBACK and mid in self._under_way:
                self.acked.append(self._under_way.pop(mid)[0])
        self._read = self._read[whole:]


def _chunks(messages: Iterable[Numbered], rate: float) -> Iterator[list[Numbered]]:
    """Return messages in chunks: of 20 ms at `rate`, or of 1,000."""
    begun, sent, chunk = time.monotonic(), 0, []
    most = 1000 if rate == 0 else max(1, int(rate * 0.02))
    for message in messages:
        chunk.append(message)
        if len(chunk) >= most:
            yield chunk
            sent += len(chunk)
            chunk = []
            if rate:
                time.sleep(max(0.0, begun + sent / rate - time.monotonic()))
    yield chunk
