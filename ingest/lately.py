"""What was understood of the last messages: for whoever stands before a meter and wants to know whether it is heard.

How this works.  The committing thread notes each message after its batch is stored; a page asks from another thread.  Held
are the last few messages of the devices that spoke last, and the last messages that belong to no format at all.  A device
that nobody agreed to, or that nobody registered, leaves its format and the names of its quantities here, no value.  Nothing
is written down: after a start this is empty, and the store still knows what it stored.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from datetime import datetime
from threading import Lock

import msgspec
from msgspec.structs import replace

from ingest.devices import Decoded
from ingest.quality import Judged, Message
from ingest.readings import Reading

MOST_DEVICES, MOST_MESSAGES, MOST_READINGS, MOST_STRAYS = 5_000, 3, 12, 30
"""Devices held, messages of each, readings of one, and messages that no reader knows."""
NOT_OURS = ("unknown device", "no consent")
"""Refusals after which no value may be kept."""


class Understood(msgspec.Struct, frozen=True, gc=False):
    """One message of one device: what it said, and why it, or a part of it, was not stored."""

    topic: str
    format: str | None
    received_at: datetime
    retain: bool
    stored: int
    """Readings of this device that were stored from it."""
    readings: tuple[Reading, ...]
    """At most so many; their values None where nobody agreed to them."""
    refused: tuple[str, ...]
    """Reasons."""

    @property
    def ours(self) -> bool:
        """Whether the device is registered and agreed to."""
        return not any(reason.startswith(NOT_OURS) for reason in self.refused)


class Lately:
    """The last messages of the devices that spoke last; from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._of: OrderedDict[str, deque[Understood]] = OrderedDict()
        self._strays: deque[Understood] = deque(maxlen=MOST_STRAYS)

    def note(self, judged: Sequence[tuple[Message, Decoded, Judged]]) -> None:
        """Remember messages that were judged and stored, in their order."""
        found = [(device, said) for one in judged for device, said in _said(*one)]
        with self._lock:
            for device, said in found:
                if device is None:
                    self._strays.appendleft(said)
                    continue
                if (known := self._of.get(device)) is None:
                    known = self._of[device] = deque(maxlen=MOST_MESSAGES)
                    if len(self._of) > MOST_DEVICES:
                        self._of.popitem(last=False)
                else:
                    self._of.move_to_end(device)
                known.appendleft(said)

    def of(self, device: str) -> tuple[Understood, ...]:
        """Return the last messages of a device, the newest first."""
        with self._lock:
            return tuple(self._of.get(device, ()))

    def strangers(self, most: int = 50) -> list[tuple[str, Understood]]:
        """Return devices that are not registered, with their last message, the one heard last first."""
        with self._lock:
            newest = [(device, said[0]) for device, said in reversed(self._of.items())]
        return [one for one in newest if any(reason.startswith(NOT_OURS[0]) for reason in one[1].refused)][:most]

    def strays(self) -> tuple[Understood, ...]:
        """Return the last messages that no reader knows, or that do not say whose they are; the newest first."""
        with self._lock:
            return tuple(self._strays)


def _said(message: Message, decoded: Decoded, judged: Judged) -> list[tuple[str | None, Understood]]:
    """Return what each device of a message said; None: whose it is cannot be told."""
    readings, rows = decoded.readings, judged.readings
    if not readings and decoded.rejected is None:
        return []  # none of our business
    refused = tuple(entry.reason for entry in judged.rejects) if judged.rejects else ()
    ours = not any(reason.startswith(NOT_OURS) for reason in refused)
    of: dict[str | None, list[Reading]] = {} if readings else {decoded.device: []}
    for reading in readings:
        of.setdefault(reading.device, []).append(reading)
    stored: dict[str | None, int] = dict.fromkeys(of, len(rows))
    if len(of) > 1:
        stored = Counter(row.device for row in rows)
    found: list[tuple[str | None, Understood]] = []
    for device, said in of.items():
        mine = tuple(said[:MOST_READINGS])
        if not ours:
            mine = tuple(replace(reading, value=None, extra={}) for reading in mine)
        number = stored.get(device, 0)
        what = Understood(message.topic, decoded.format, message.received_at, message.retain, number, mine, refused)
        found.append((device, what))
    return found
