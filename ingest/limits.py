"""How much one device may say, and how much of what is refused is kept: a flood costs itself, not the others.

A meter says something every few seconds at most, and a month at once after an outage; a thousand readings a second for a
minute are a fault or a forgery.  What exceeds is refused and counted, its first messages are kept for inspection.  What
the broker may have kept for us while we were away is exempt: a week of a lively sensor comes within a minute then.

How this works: plain counts, begun anew each minute of arrival.  A batch counts in a draft first, so that one that is
tried again for an hour because the disk is full does not look like a flood.
"""

from dataclasses import dataclass

MOST_A_MINUTE = 60_000
"""Readings of one device: a tenth of what this edge takes, and far above any meter."""
LEAST_A_MINUTE, LARGEST_A_MINUTE = 6_000, 10_000_000
"""Less would refuse a month of quarter-hours that comes twice in one minute; more is more than this edge takes."""
MOST_KEPT_TOPIC, MOST_KEPT = 100, 1_000
"""Refusals kept a minute, of one topic and of all: the table of refusals has room for ten thousand."""
SAMPLES = 3
"""Messages of a flooding device that are kept, a minute."""
_MOST_NAMES = 200_000
"""Devices and topics counted at a time; beyond that somebody makes names up, and counting begins anew."""
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """``[limits]`` of the configuration.

    Parameters
    ----------
    device_a_minute : int
        Readings that one device may say in a minute.
    """

    device_a_minute: int = MOST_A_MINUTE

    def faults(self) -> list[str]:
        """Return what cannot be meant, a line each."""
        if LEAST_A_MINUTE <= self.device_a_minute <= LARGEST_A_MINUTE:
            return []
        return [f"device_a_minute: want {LEAST_A_MINUTE} to {LARGEST_A_MINUTE} readings, got {self.device_a_minute}"]


NO_WISHES = LimitSettings()
"""What holds where the configuration says nothing."""


class _Counts:
    """Counts by name, of this minute; what a batch adds is a draft until `settle`."""

    def __init__(self) -> None:
        self._settled: dict[str, int] = {}
        self._draft: dict[str, int] = {}

    def begin(self, anew: bool) -> None:
        self._draft.clear()
        if anew or len(self._settled) > _MOST_NAMES:
            self._settled.clear()

    def add(self, name: str, amount: int) -> int:
        """Return how many there are with these."""
        found = self._draft[name] = self._draft.get(name, self._settled.get(name, 0)) + amount
        return found

    def settle(self) -> None:
        self._settled.update(self._draft)
        self._draft.clear()


class Limits:
    """Counts of one reader of messages; used on its thread only.

    Parameters
    ----------
    most : int
        Readings of one device in a minute.
    """

    def __init__(self, most: int = MOST_A_MINUTE) -> None:
        self._most = most
        self._minute = 0
        self._readings, self._kept = _Counts(), _Counts()
        self._counts = (self._readings, self._kept)
        self._flooded: set[str] = set()

    def begin(self, received_ms: int) -> None:
        """Begin a batch, or the same one again; its first message came at `received_ms`."""
        minute = received_ms // _MINUTE_MS
        anew, self._minute = minute != self._minute, minute  # also when the clock was put back
        for counts in self._counts:
            counts.begin(anew)
        if anew or len(self._flooded) > _MOST_NAMES:
            self._flooded.clear()

    def settle(self) -> None:
        """The batch is stored: what it counted holds."""
        for counts in self._counts:
            counts.settle()

    def flooded(self, topic: str) -> bool:
        """Whether all that comes on `topic` is of one device that has said too much: no need to read it."""
        return topic in self._flooded

    def admit(self, device: str, readings: int) -> bool:
        """Whether `device` may say so many readings more in this minute."""
        return self._readings.add(device, readings) <= self._most

    def sample(self, device: str, topic: str) -> bool:
        """Whether this refused message of a flooding device is one to keep."""
        if self._kept.add(f"device {device}", 1) <= SAMPLES:
            return True
        if device.lower() in topic.lower():  # a gateway's topic carries others too
            self._flooded.add(topic)
        return False

    def keep(self, topic: str) -> bool:
        """Whether a refusal on `topic` may be kept, and not only counted."""
        return self._kept.add(f"topic {topic}", 1) <= MOST_KEPT_TOPIC and self._kept.add("", 1) <= MOST_KEPT
