"""What an installation says of messages that no format can know by itself: the tables of ``shuian.toml`` that readers get.

A topic that two formats could mean is given to one of them; a value on a topic of somebody's own is described by a rule.
Readers stay pure: the rules reach them inside what `ingest.devices.decode` is handed (`DeviceMemory.rules`).

How this works.  A topic is written as an MQTT filter (``+`` one level, ``#`` the rest) in which ``{device}`` stands for the
level or levels that name the device.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from ingest.key_map import NO_KEYS, KeyMap

QUANTITIES = (
    "water_volume_total",
    "water_volume_delta",
    "water_flow",
    "pulse_count_total",
    "motion",
    "occupancy",
    "presence",
    "contact_open",
    "water_leak",
    "vibration",
    "smoke",
    "valve_open",
    "switch",
    "available",
    "sos",
    "battery",
    "battery_voltage",
    "temperature",
    "humidity",
)
"""What a rule may say that a value is."""
_POINTER = re.compile(r"(?:/[^/]{1,100}){0,8}")
_INTERVAL = re.compile(r"P(?:\d{1,3}D|T\d{1,4}[HM])")
_NAME = re.compile(r"[^/+#\s][^/+#]{0,127}")


@dataclass(frozen=True, slots=True)
class PlainRule:
    """Where a value stands and what it is.

    Parameters
    ----------
    topic : str
        Filter with ``{device}`` for the device's name, such as ``cellar/{device}/water``; or without, and `device` is given.
    quantity : str
        One of `QUANTITIES`.
    pointer : str
        Place in a JSON payload (RFC 6901), such as ``/meter/total``; empty: the payload is the value.
    unit : str
        As people write it: m³, L, gal, ft³, L/min, °F; empty: the registry or a discovery message says it.
    time : str
        Place of the moment in a JSON payload; empty: there is none.
    interval : str
        ISO 8601 length of what a ``water_volume_delta`` was used in, such as ``PT1H``.
    device : str
        Name of the device where the topic does not hold it.

    Raises
    ------
    ValueError
        What was wanted and what came.
    """

    topic: str
    quantity: str
    pointer: str = ""
    unit: str = ""
    time: str = ""
    interval: str = ""
    device: str = ""

    def __post_init__(self) -> None:
        pattern(self.topic)
        if self.quantity not in QUANTITIES:
            raise ValueError(f"quantity: want one of {', '.join(QUANTITIES)}, got {self.quantity!r}")
        for name in ("pointer", "time"):
            if not _POINTER.fullmatch(getattr(self, name)):
                raise ValueError(f"{name}: want a JSON pointer such as /meter/total, got {getattr(self, name)!r}")
        if bool(self.interval) != (self.quantity == "water_volume_delta") or (
            self.interval and not _INTERVAL.fullmatch(self.interval)
        ):
            raise ValueError(f"interval: want one such as PT1H with water_volume_delta only, got {self.interval!r}")
        if ("{device}" in self.topic) == bool(self.device) or (self.device and not _NAME.fullmatch(self.device)):
            raise ValueError("device: want {device} in the topic, or a name of 1 to 128 characters without / + #")

    def names(self, topic: str) -> str | None:
        """Return the device that `topic` speaks of, None when this rule is not about it."""
        found = pattern(self.topic).fullmatch(topic)
        return None if found is None else self.device or found["device"]


@dataclass(frozen=True, slots=True)
class ReaderRules:
    """All that an installation says to readers.

    `formats` are pairs of filter and format name; the first that fits a topic counts, before all formats.
    """

    plain: tuple[PlainRule, ...] = ()
    formats: tuple[tuple[str, str], ...] = field(default=())
    keys: KeyMap = NO_KEYS
    """What the fields of codecs and products mean, where messages do not say."""

    def format_of(self, topic: str) -> str | None:
        """Return the format to read `topic` as, None: nothing is said of it."""
        for filter_, name in self.formats:
            if pattern(filter_).fullmatch(topic):
                return name
        return "plain" if self.plain and any(rule.names(topic) is not None for rule in self.plain) else None


NO_RULES = ReaderRules()
"""An installation that says nothing."""


@lru_cache(maxsize=4096)
def pattern(filter_: str) -> re.Pattern[str]:
    """Return what topics `filter_` means; the group ``device`` is the name, if there is a place for it.

    Raises
    ------
    ValueError
        No filter: want levels, ``+``, a last ``#``, and ``{device}`` once at most.
    """
    levels = filter_.split("/")
    wild = any(("#" in level and level != "#") or ("+" in level and level != "+") for level in levels)
    if not filter_ or wild or "#" in levels[:-1] or filter_.count("{device}") > 1:
        raise ValueError(f"topic: want a filter such as cellar/{{device}}/water, got {filter_!r}")
    parts = [
        r"[^/]*"
        if level == "+"
        else r".*"
        if level == "#"
        else re.escape(level).replace(r"\{device\}", "(?P<device>[^/]+)")
        for level in levels
    ]
    return re.compile("/".join(parts), re.DOTALL)
