"""Taps that belong to no case: each carries an id, so that one sent twice acts once.

Taps of cases are remembered in the database.  These only declare or end an absence, which twice is much the same as once;
the last of them are remembered here so that whoever repeats one is not told that it came too late.
"""

import hashlib
import re
import threading
from collections import OrderedDict

TAP = re.compile(r"[A-Za-z0-9_-]{8,64}")
MOST = 2000
"""Taps that are remembered."""


def tap_id(actor: str, about: str, tap: str, do: str) -> str:
    """Return the name of a tap: the same button of the same page, by the same person, about the same thing."""
    return hashlib.sha256(f"{actor} {about} {tap} {do}".encode()).hexdigest()[:32]


class Done:
    """The last taps that were carried out; any thread may ask."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, name: str) -> bool:
        return name in self._ids

    def add(self, name: str) -> None:
        """Remember a tap; the oldest makes room."""
        with self._lock:
            self._ids[name] = None
            while len(self._ids) > self._most:
                self._ids.popitem(last=False)
