"""What devices said last, for formats whose messages repeat it.

Some gateways put everything they know of a device into each of its messages: a lamp's light level brings the motion of an
hour ago along.  Such a message can only be read beside the one before.  The memory holds small facts under (device, name)
and is bounded; it belongs to one reader (a source, a run of `shuian decode`) and is used on its thread only.

How this works.  It is never the truth: killed, it is empty, and then asks the store what the device said last (`past`).
What a batch adds lies in a draft until the batch is committed, so that a batch that is tried again is read as the first
time.  Facts of devices without consent are held here like others, a word each, and nowhere else.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, tzinfo

from ingest.key_map import KeyMap
from ingest.rules import NO_RULES, ReaderRules

MOST_FACTS = 200_000
"""Facts held, the least recently told go first: some 40 MB, more devices than one broker serves."""

Fact = bool | int | str | tuple[str, int]
Past = Callable[[str, str], bool | None]
"""(device, quantity) -> what it was when last stored, None: never heard."""
Unit = Callable[[str, datetime], str | None]
"""(device, time) -> the unit of its register by the registry, None: not said."""
Worth = Callable[[str, datetime], float | None]
"""(device, time) -> litres of one count by the registry, None: not said."""
Zone = Callable[[str, datetime], tzinfo | None]
"""(device, time) -> the zone of its clock by the registry, None: not said."""


def _never_heard(device: str, quantity: str) -> bool | None:  # noqa: ARG001  what is asked without a store
    return None


def _not_said(device: str, time: datetime) -> None:  # noqa: ARG001  what is asked without a registry
    return None


class DeviceMemory:
    """Facts about devices, by device and name.

    Parameters
    ----------
    past : callable, optional
        Asked for a state that was not told since the start.
    unit : callable, optional
        Asked for the unit of a register that the wire does not say.
    most : int
        Facts to hold.
    worth : callable, optional
        Asked for the litres of one count of a register that counts in steps of its own.
    zone : callable, optional
        Asked for the zone of a clock that says no offset.
    rules : ReaderRules
        What the installation's configuration says to readers; never changes.
    """

    def __init__(
        self,
        past: Past = _never_heard,
        unit: Unit = _not_said,
        most: int = MOST_FACTS,
        *,
        worth: Worth = _not_said,
        zone: Zone = _not_said,
        rules: ReaderRules = NO_RULES,
    ) -> None:
        self._past, self._unit, self._most, self._worth, self._zone = past, unit, most, worth, zone
        self.rules = rules
        self._facts: OrderedDict[tuple[str, str], Fact] = OrderedDict()
        self._below: DeviceMemory | None = None

    def __len__(self) -> int:
        return len(self._facts)

    def draft(self) -> "DeviceMemory":
        """Return a memory that knows what this one knows and keeps what it is told to itself until `settle`."""
        above = DeviceMemory(self._past, self._unit, self._most, worth=self._worth, zone=self._zone, rules=self.rules)
        above._below = self
        return above

    def settle(self) -> None:
        """Tell the memory this one was drafted from all that was told to the draft."""
        if self._below is not None:
            for (device, name), fact in self._facts.items():
                self._below.note(device, name, fact)
            self._facts.clear()

    def note(self, device: str, name: str, fact: Fact) -> None:
        """Remember `fact` in place of what was held under this name."""
        self._facts[device, name] = fact
        self._facts.move_to_end((device, name))
        if len(self._facts) > self._most:
            self._facts.popitem(last=False)

    def fact(self, device: str, name: str) -> Fact | None:
        """Return what was told under this name, None: nothing, or too long ago."""
        found = self._facts.get((device, name))
        return self._below.fact(device, name) if found is None and self._below is not None else found

    def state(self, device: str, quantity: str) -> bool | None:
        """Return whether `quantity` was on when last heard of, before the start if need be; None: never heard."""
        found = self.fact(device, quantity)
        return found if isinstance(found, bool) else self._past(device, quantity)

    def unit(self, device: str, time: datetime) -> str | None:
        """Return the unit of the device's register by the registry, None: not said."""
        return self._unit(device, time)

    def litres_per_count(self, device: str, time: datetime) -> float | None:
        """Return the litres of one count of the device's register by the registry, None: not said."""
        return self._worth(device, time)

    def zone(self, device: str, time: datetime) -> tzinfo | None:
        """Return the zone of the device's clock by the registry, None: not said."""
        return self._zone(device, time)

    @property
    def keys(self) -> KeyMap:
        """What the fields of codecs and products mean by the configuration."""
        return self.rules.keys
