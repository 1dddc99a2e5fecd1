"""One value, as text or at a place in a JSON payload, made into one reading: the mapper behind all plain-value formats.

AI-on-the-edge-device, ESPHome, everblu, Home Assistant statestream, libmbus2mqtt and the rules of ``shuian.toml`` differ in
their topics and in what they call things; what a value then becomes is decided here.

How this works.  A format says what a value is (`Kind`); its unit comes from the registry, else from a discovery message
(`_discovery`), else from the kind.  A volume or flow whose unit nobody says keeps its number (``raw``) and becomes no litres.
Numbers are text: empty, ``nan``, ``unavailable``, an ``N`` where a digit could not be read mean that there is none.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

from ingest.device_memory import DeviceMemory
from ingest.devices import Unreadable
from ingest.devices._clock import NONE, Stamp
from ingest.devices._discovery import meaning
from ingest.devices._units import Unit, convert, unit
from ingest.measures import plain
from ingest.readings import WATER_VOLUME_TOTAL, Reading, Value
from ingest.strict_json import show

MOST_NAME = 128
_MOST_TEXT = 256
_MOST = 10**15
"""No device counts as far as this, in whatever unit."""
_NUMBER = re.compile(r"[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})(?:[eE][+-]?\d{1,2})?", re.ASCII)
_UNREAD_DIGITS = re.compile(r"[\d.N]*N[\d.N]*", re.ASCII)
_NONE = frozenset(
    {"", "nan", "-nan", "inf", "-inf", "+inf", "none", "null", "unknown", "unavailable", "n/a", "na", "-"}
)
_ON = frozenset({"on", "true", "1", "yes", "open", "opened", "opening", "detected", "online", "wet"})
_OFF = frozenset({"off", "false", "0", "no", "closed", "close", "clear", "offline", "dry"})
_UNITS = {
    WATER_VOLUME_TOTAL: "L",
    "water_volume_delta": "L",
    "month_end_history": "L",
    "water_flow": "L/h",
    "pulse_count_total": "count",
    "temperature": "Cel",
    "humidity": "%RH",
    "battery": "%",
    "battery_voltage": "V",
}
"""What a number becomes; quantities that are not here are switches."""
_RANGES = {"Cel": (-60, 120), "%RH": (0, 100), "%": (0, 100), "V": (0, 60)}
"""What lies outside says that a sensor is not there (-127 °C, 255 %)."""
_LOW_BATTERY = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is: its quantity, its unit where the format knows one, and flags that go with believing it."""

    quantity: str
    unit: str = ""
    flags: tuple[str, ...] = ()
    interval: str = ""


class Message(msgspec.Struct, frozen=True):
    """What `decode` was handed."""

    topic: str
    payload: bytes
    received_at: datetime
    retain: bool
    memory: DeviceMemory

    @property
    def kept(self) -> tuple[str, ...]:
        """The flag of a retained copy."""
        return ("retained",) if self.retain else ()


def name(device: str) -> str:
    """Return `device` if a device may be called so.

    Raises
    ------
    Unreadable
        Empty, too long or not printable.
    """
    if not 1 <= len(device) <= MOST_NAME or not device.isprintable():
        raise Unreadable(f"topic: want a name of 1 to {MOST_NAME} printable characters, got {show(device)}")
    return device


def text(payload: bytes, device: str) -> str:
    """Return a payload that is a word or a number.

    Raises
    ------
    Unreadable
        Not UTF-8, with a NUL character, or too long to be either.
    """
    if b"\0" in payload:
        raise Unreadable("payload: want text, got a NUL character", device=device)
    try:
        said = payload.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise Unreadable(f"payload: want UTF-8 text, got other bytes at {error.start}", device=device) from None
    if len(said) > _MOST_TEXT:
        raise Unreadable(f"payload: want at most {_MOST_TEXT} characters, got {len(said)}", device=device)
    return said


def number(said: object) -> Decimal | None:
    """Return a number, written as one or as text; None: it says that there is none.

    Raises
    ------
    ValueError
        Something else.
    """
    if said is None:
        return None
    found: Decimal | None = None
    if isinstance(said, str) and len(said) <= _MOST_TEXT:
        word = said.strip()
        if word.lower() in _NONE or _UNREAD_DIGITS.fullmatch(word):
            return None
        found = Decimal(word) if _NUMBER.fullmatch(word) else None
    elif isinstance(said, int | Decimal) and not isinstance(said, bool):
        found = Decimal(said)
    if found is not None and abs(found) < _MOST:
        return found
    raise ValueError(f"want a number, got {show(said)}")


def switch(said: object) -> bool | None:
    """Return whether a word says yes; None: it says that nobody knows.

    Raises
    ------
    ValueError
        Something else.
    """
    word = str(said).strip().lower() if isinstance(said, str | bool | int) else ""
    if said is None or (isinstance(said, str) and word in _NONE):
        return None
    if word in _ON or word in _OFF:
        return word in _ON
    raise ValueError(f"want on or off, got {show(said)}")


def at(document: object, pointer: str) -> object:
    """Return what stands at `pointer` (RFC 6901), None when nothing does."""
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping):
            document = document.get(step)
        elif isinstance(document, Sequence) and not isinstance(document, str) and step.isdecimal():
            document = document[int(step)] if int(step) < len(document) else None
        else:
            return None
    return document


def read(
    kind: Kind, device: str, said: object, message: Message, *, when: Stamp = NONE, pointer: str = ""
) -> Reading | None:
    """Make a reading of one value, None when it says that there is none.

    Parameters
    ----------
    kind : Kind
    device : str
    said : object
        The value, as text or as JSON has it.
    message : Message
        Where it came in.
    when : Stamp
        The device's moment.
    pointer : str
        Where the value stands in the payload: what a discovery message said of that place counts.

    Raises
    ------
    Unreadable
        With the device: a number or a switch was wanted.
    """
    try:
        if kind.quantity not in _UNITS:
            return _switched(kind, device, said, message, when)
        counted = number(said)
    except ValueError as error:
        raise Unreadable(f"{pointer or kind.quantity}: {error}", device=device) from None
    return None if counted is None else _measured(kind, device, counted, message, when=when, pointer=pointer)


def _switched(kind: Kind, device: str, said: object, message: Message, when: Stamp) -> Reading | None:
    on = switch(said)
    if on is None or (kind.quantity == "sos" and not on):
        return None
    unit_ = "event" if kind.quantity == "sos" else "bool"
    return Reading(device, kind.quantity, on, unit_, when.time, (*kind.flags, *message.kept, *when.flags), when.extra)


def _measured(
    kind: Kind, device: str, counted: Decimal, message: Message, *, when: Stamp, pointer: str
) -> Reading | None:
    ours = _UNITS[kind.quantity]
    flags = (*message.kept, *when.flags)
    extra: dict[str, Value] = {**when.extra, **({"interval": kind.interval} if kind.interval else {})}
    if ours == "count":
        return Reading(device, kind.quantity, plain(counted), ours, when.time, ("pulse_factor_unknown", *flags), extra)
    known, more = _unit(kind, device, message, pointer)
    if known is None:
        unknown = ("unit_unknown", *flags)
        return Reading(device, kind.quantity, None, ours, when.time, unknown, {**extra, "raw": plain(counted)})
    value = convert(counted, known)
    least, most = _RANGES.get(ours, (None, None))
    if least is not None and most is not None and not least <= value <= most:
        return None
    if ours == "L" and value < 0:
        raise Unreadable(f"{pointer or kind.quantity}: want 0 or more, got {show(counted)}", device=device)
    low = ("battery_low",) if kind.quantity == "battery" and value < _LOW_BATTERY else ()
    return Reading(device, kind.quantity, value, ours, when.time, (*more, *low, *flags), extra)


def _unit(kind: Kind, device: str, message: Message, pointer: str) -> tuple[Unit | None, tuple[str, ...]]:
    """Return the unit of a value, and flags that go with it: the registry's word, then discovery's, then the format's."""
    ours = _UNITS[kind.quantity]
    registered = message.memory.unit(device, message.received_at) if ours == "L" else None
    known = unit(registered) if registered else None
    if known is not None and known.ours == ours:
        return known, ()
    learnt = meaning(message.memory, message.topic, pointer)
    for said, factor, flags in ((learnt.unit, learnt.factor, ()), (kind.unit, Decimal(1), kind.flags)):
        known = unit(said) if said else None
        if known is not None and known.ours == ("%" if ours == "%RH" else ours):
            return Unit(ours, known.factor * factor, known.offset), flags
    return None, ()


def reachable(device: str, message: Message, *, yes: str = "online", no: str = "offline") -> list[Reading]:
    """Read a birth message or a last will.

    Raises
    ------
    Unreadable
        Neither of the two words.
    """
    word = text(message.payload, device).lower()
    if not word:
        return []
    if word not in (yes, no):
        raise Unreadable(f"payload: want {yes} or {no}, got {show(word)}", device=device)
    return [Reading(device, "available", word == yes, "bool", None, (*message.kept, "time_missing"))]
