"""One LoRaWAN uplink, whatever server brought it: which maker's bytes it holds, and what they say.

How this works.  Each maker's module looks at port and shape of the bytes and returns what it finds, or None when the frame
is not of its kind; `_lorawan_uplink` says in which order bytes and decoded fields are believed.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from ingest.key_map import Meaning
from ingest.readings import Value


class Uplink(msgspec.Struct, frozen=True):
    """What a device sent, and what the server says about it.

    `port` is 0 when the server left it out; `fields` is what the operator's codec made of `data`, empty without one;
    `named` holds the names of profile and device in small letters: free text, in which the model may stand; `heard_at`
    is the network's time (aware), None: not said; `unit` is the register's unit by the registry, None: not said;
    `meanings` is what the configuration says of its fields.  `complaints` collects what could not be read.
    """

    port: int
    data: bytes
    fields: Mapping[str, object]
    named: str
    heard_at: datetime | None
    received_at: datetime
    unit: str | None = None
    complaints: list[str] = msgspec.field(default_factory=list)
    meanings: Mapping[str, Meaning] = msgspec.field(default_factory=dict)

    @property
    def network_time(self) -> datetime:
        """When the network heard it, as well as is known."""
        return self.heard_at or self.received_at


class Found(msgspec.Struct, frozen=True, gc=False):
    """A reading without its device; `time` is the device's own, None: the network's stands in."""

    quantity: str
    value: Value | None
    unit: str
    flags: tuple[str, ...] = ()
    extra: Mapping[str, Value] = msgspec.field(default_factory=dict)
    time: datetime | None = None


def alive(*flags: str) -> Found:
    """Return a sign of life that says nothing of the person."""
    return Found("available", True, "bool", ("no_reading", *flags))


def battery(percent: int | float) -> list[Found]:
    """Return the charge of a battery; nothing when it is no percentage (255: not measured)."""
    low = ("battery_low",) if percent < 20 else ()
    return [Found("battery", percent, "%", low)] if 0 <= percent <= 100 else []


def unknown_unit(quantity: str, unit: str, raw: int | float) -> Found:
    """Return a value whose unit nobody said: kept as it came, never as litres."""
    return Found(quantity, None, unit, ("unit_unknown",), {"raw": raw})
