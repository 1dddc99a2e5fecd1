"""Messages sent at their moments, faster than life if wanted, and how late they were.

How this works.  The moment of each message is worked out from one origin, the instant at which the first messages were
ready, so that nothing adds up however long a run is.  A message is never left out: if the broker takes them more slowly than
they are due, sending falls behind, says so, and catches up.  Lateness is counted in steps of a tenth, so that a week of it
takes no more room than a minute.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulators.encoding import Message
from simulators.publisher import Publisher, PublishError

TOLD_EVERY_S = 1.0
LOOK_S = 0.5
"""How often somebody who waits for the broker looks whether to stop. [s]"""
SETTLE_S = 30.0
"""How long confirmations may take at the end, counted from the last one that came. [s]"""
STOPPED_S = 5.0
"""The same when told to stop. [s]"""
LEAST_S, GROWTH, BINS = 1e-4, 1.1, 180
"""Lateness is told apart from a tenth of a millisecond on, in steps of a tenth, up to 2,600 s."""


class Lateness:
    """How late messages were handed to the broker: a histogram."""

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros(BINS, np.int64)
        self.most_s = 0.0

    def note(self, late_s: float) -> None:
        """Count one message."""
        place = int(math.log(late_s / LEAST_S, GROWTH)) + 1 if late_s > LEAST_S else 0
        self.counts[min(place, BINS - 1)] += 1
        self.most_s = max(self.most_s, late_s)

    def quantile(self, share: float) -> float:
        """Return what a `share` of the messages stayed below [s], to a tenth; NaN: there were none."""
        return quantile(self.counts, share)


def quantile(counts: NDArray[np.int64], share: float) -> float:
    """Return the quantile of a histogram of `Lateness` [s]."""
    total = int(counts.sum())
    if not total:
        return float("nan")
    place = int(np.searchsorted(np.cumsum(counts), share * total))
    return float(LEAST_S * GROWTH ** (place - 0.5))


@dataclass
class Sent:
    """How a run goes, and went."""

    messages: int = 0
    """Handed over."""
    confirmed: int = 0
    refused: int = 0
    at: float = float("nan")
    """Simulated time of the newest message [s since 1970]."""
    ready_s: float = 0.0
    """How long the first messages took to be ready."""
    took_s: float = 0.0
    """Since the origin; in the end, until the last message was handed over."""
    behind_s: float = 0.0
    """How late the newest message is."""
    connected: bool = True
    lateness: Lateness = field(default_factory=Lateness)

    @property
    def rate(self) -> float:
        """Messages a second since the origin."""
        return self.messages / self.took_s if self.took_s > 0 else 0.0


class Sending:
    """One run: `speed` simulated seconds a second, 0: as fast as the broker takes them."""

    def __init__(
        self, out: Publisher, start_s: float, speed: float, stop: threading.Event, told: Callable[[Sent], None]
    ) -> None:
        self.sent = Sent()
        self._out, self._start_s, self._speed = out, start_s, speed
        self._stop, self._told = stop, told
        self._begun, self._origin, self._next_told = False, time.monotonic(), time.monotonic() + TOLD_EVERY_S

    def run(self, chunks: Iterable[list[Message]]) -> Sent:
        """Send everything, or until `stop` is set; return how it went once the broker has answered all.

        An empty chunk means that the next is not ready yet.
        """
        for chunk in chunks:
            now = time.monotonic()
            if chunk and not self._begun:
                self._begun, self.sent.ready_s, self._origin = True, now - self._origin, now
            if now >= self._next_told:
                self._tell(now)
            if self._stop.is_set() or not all(map(self._send, chunk)):
                break
        ended = time.monotonic()
        self._settle()
        self._tell(ended)
        return self.sent

    def _send(self, message: Message) -> bool:
        """Hand over one message at its moment; False: told to stop before."""
        due = self._origin + ((message.at - self._start_s) / self._speed if self._speed else 0.0)
        if self._speed and not self._wait(due):
            return False
        while True:
            try:
                self._out.publish(message.topic, message.payload, LOOK_S, retain=message.retain)
                break
            except PublishError:  # the window is full: the broker is slow, or gone for now
                self.sent.behind_s = time.monotonic() - due if self._speed else 0.0
                self._tell(time.monotonic())
                if self._stop.is_set():
                    return False
        now, self.sent.at = time.monotonic(), message.at
        self.sent.messages += 1
        if self._speed:
            self.sent.behind_s = now - due
            self.sent.lateness.note(now - due)
        if now >= self._next_told:
            self._tell(now)
        return not self._stop.is_set()

    def _wait(self, due: float) -> bool:
        """Wait until `due`, telling now and then; False: told to stop."""
        while (left := due - time.monotonic()) > 0:
            if self._stop.wait(min(left, TOLD_EVERY_S)):
                return False
            if left > TOLD_EVERY_S:
                self._tell(time.monotonic())
        return True

    def _tell(self, now: float) -> None:
        self.sent.took_s = now - self._origin
        self.sent.confirmed, self.sent.refused = self._out.confirmed, self._out.refused
        self.sent.connected = self._out.connected
        self._next_told = now + TOLD_EVERY_S
        self._told(self.sent)

    def _settle(self) -> None:
        """Wait for the broker's answers; told to stop, then or before, not longer than it takes a broker that is there."""
        answered, since = -1, time.monotonic()
        while (known := self._out.confirmed + self._out.refused) < self.sent.messages:
            if known > answered:
                answered, since = known, time.monotonic()
            elif time.monotonic() - since > (STOPPED_S if self._stop.is_set() else SETTLE_S):
                return
            time.sleep(0.02)
