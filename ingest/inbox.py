"""Between the network and the store: messages in order of arrival, bounded in number and bytes.

Messages come by the handful (whatever one read of the socket brought) and leave by the batch, so that two threads meet
once a handful and not once a message.
"""

from collections import deque
from threading import Condition
from time import monotonic
from typing import NamedTuple

from ingest.quality import Message


class Received(NamedTuple):
    """One message in the inbox, and what its acknowledgement needs: number, QoS, and the connection it came on."""

    message: Message
    mid: int
    qos: int
    connection: int


class Inbox:
    """A queue for one thread that puts and one that takes.

    Parameters
    ----------
    most : int
        Messages it holds; a handful that is put while there is room still goes in as a whole.
    most_bytes : int
        Payload it holds, counted likewise. [byte]
    """

    def __init__(self, most: int, most_bytes: int = 64 * 2**20) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._waiting: deque[Received] = deque()
        self._bytes = 0
        self._changed = Condition()

    def __len__(self) -> int:
        return len(self._waiting)

    def full(self) -> bool:
        """Whether there is no room now."""
        return len(self._waiting) >= self._most or self._bytes >= self._most_bytes

    def put(self, items: list[Received], wait_s: float = 0.0) -> bool:
        """Put `items` in; False: there was no room within `wait_s`, and nothing was put."""
        with self._changed:
            if self.full() and not self._changed.wait_for(lambda: not self.full(), wait_s):
                return False
            self._waiting.extend(items)
            self._bytes += sum(len(item.message.payload) for item in items)
            self._changed.notify_all()
        return True

    def take(self, most: int, first_s: float, more_s: float, pause_s: float) -> list[Received]:
        """Return the next batch, at most `most`, empty when nothing came within `first_s`.

        Once something is there, more is waited for until it fills the batch, `more_s` have passed, or nothing came for
        `pause_s`: whoever sends has paused, perhaps because it waits for our acknowledgements.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, first_s):
                return []
            until = monotonic() + more_s
            while (there := len(self._waiting)) < most and (left := until - monotonic()) > 0:
                self._changed.wait(min(left, pause_s))
                if len(self._waiting) == there:
                    break
            batch = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._bytes -= sum(len(item.message.payload) for item in batch)
            self._changed.notify_all()
        return batch
