"""Thing models (物模型): what the JSON of Alibaba Cloud, OneNET, Huawei IoTDA, TuyaLink and their kin has in common.

Source: Alibaba Cloud IoT Platform help, document 89301; OneNET, OneJSON protocol; Huawei Cloud IoTDA, API reference; Tuya,
"Properties, Actions, and Events".

How this works.  Properties are identifiers with values, bare or wrapped (``{"value", "time"}``), or lists of wrapped ones; a
structure that holds no ``value`` is a structure and no wrapper.  Packs name sub-devices in ``identity`` (or by an id beside
their properties); an empty name means the device of the topic.  Each property becomes a `Point`; what points say is looked up
in `_thing_identifiers`, and whoever said something that nobody understands has at least shown that it lives.  Times are
milliseconds, seconds or ISO 8601, in UTC; they may be missing, and some platforms write local ones without a zone.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from ingest.device_memory import DeviceMemory
from ingest.devices._cjt188 import inside
from ingest.devices._thing_identifiers import Meant, meant
from ingest.errors import Unreadable
from ingest.key_map import Meaning
from ingest.measures import EPOCH, plain, plausible, rfc3339
from ingest.readings import Reading, Value
from ingest.strict_json import show

DEVICE = re.compile(r"[0-9A-Za-z_.:@*-]{1,128}", re.ASCII)
"""What platforms let devices be called; their documents mask names with stars."""
MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,64}", re.ASCII)
MOST_POINTS = 1_500
"""Values in one message: a meter's day of minutes has 1,440. [-]"""
MOST_COMPLAINTS = 20
CALLS = frozenset({"sos", "sosalarm", "emergencyalarm", "helpalarm"})
"""Events that call for help, in small letters."""
SHORTEST_FRAME = 18
"""Letters of a meter's frame as text: the shortest has 13 bytes, which are 20 letters of base64 and 26 digits."""
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_LOCAL = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d{1,9})?", re.ASCII)
_NO_TIME = frozenset({"", "null", "none", "undefined"})
_DIGITS = re.compile(r"\d{10}|\d{13}", re.ASCII)
_PARTS = ("properties", "subDevices", "measurepoints")
_BESIDE = frozenset((*_PARTS, "events"))
_NAMES = ("deviceName", "deviceId", "deviceKey", "device_id")
_PRODUCTS = ("productKey", "productID", "productId", "product_id")
_DEPTH = 4


class Point(NamedTuple):
    """One value of one property of one device, as the message has it; `time` is whatever stood there."""

    device: str
    identifier: str
    value: object
    time: object
    name: object = None
    listed: bool = False
    product: str = ""


class Time(NamedTuple):
    """When, as far as a message says it: `time` None stands for its arrival."""

    time: datetime | None
    flags: tuple[str, ...] = ()
    extra: Mapping[str, Value] = {}


class Message(NamedTuple):
    """What holds for all points of a message.

    `format` stands in for a product that the message does not name; `own` names the identifiers (in small letters) that a
    format's own documents explain by ones that everybody knows; `clock` is the time of points that have none; `past` says that all values are history.
    """

    format: str
    received_at: datetime
    retain: bool
    memory: DeviceMemory
    clock: object = None
    message_id: object = None
    own: Mapping[str, str] = {}
    past: bool = False

    @property
    def kept(self) -> tuple[str, ...]:
        """The flag of a retained copy."""
        return ("retained",) if self.retain else ()


def points(device: str, params: object, product: str = "", depth: int = 0) -> list[Point]:
    """Return every value, as long as a message may hold it: of an object of properties, of a list of them, of packs."""
    found: list[Point] = []
    if isinstance(params, list) and depth <= _DEPTH:
        for part in params:
            found += points(device, part, product, depth + 1)
            if len(found) > MOST_POINTS:
                break  # `readings` says so
    elif isinstance(params, dict) and depth <= _DEPTH:
        device, product = _identity(params, device, product)
        nested = [] if _BESIDE.isdisjoint(params) else [one for key in _PARTS if _holds(one := params.get(key))]
        stamp = params.get("time")
        for part in nested:
            inner = points(device, part, product, depth + 1)
            found += inner if stamp is None else [p._replace(time=stamp) if p.time is None else p for p in inner]
        for identifier, value in () if nested else params.items():
            _add(found, device, product, identifier, value)
    return found


def taken(found: Iterable[Point]) -> list[Point]:
    """Return what was found, up to one more than `readings` takes: the rest need not be looked at."""
    return list(islice(found, MOST_POINTS + 1))


def calls(device: str, params: object, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Yield (device, time) of each call for help among the events of packs."""
    if depth > _DEPTH:
        return
    for part in params if isinstance(params, list) else [params]:
        if not isinstance(part, dict) or not ("events" in part or "subDevices" in part):
            continue
        whose, _ = _identity(part, device, "")
        events = part.get("events")
        for name, event in events.items() if isinstance(events, dict) else ():
            if name.lower() in CALLS:
                for one in event if isinstance(event, list) else [event]:
                    yield whose, one.get("time", one.get("eventTime")) if isinstance(one, dict) else None
        yield from calls(whose, part.get("subDevices"), depth + 1)


def _identity(params: Mapping[str, object], device: str, product: str) -> tuple[str, str]:
    """Return device and product of a part of a pack: those of the topic where it names none."""
    inner = params.get("identity")
    if not isinstance(inner, dict):
        if _BESIDE.isdisjoint(params):
            return device, product
        inner = params
    own = _first(inner, _NAMES)
    return own if DEVICE.fullmatch(own) else device, _first(inner, _PRODUCTS) or product


def _first(fields: Mapping[str, object], names: Iterable[str]) -> str:
    """Return the first of these fields that is a text, empty: none is."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str):
            return value
    return ""


def _holds(value: object) -> bool:
    return isinstance(value, dict | list)


def _add(found: list[Point], device: str, product: str, identifier: str, value: object) -> None:
    """Add the value, or the values, of one property."""
    if isinstance(value, dict):
        if "value" in value:
            stamp, name = value.get("time"), value.get("name")
            found.append(Point(device, identifier, value["value"], stamp, name, False, product))
    elif isinstance(value, list):
        found += [
            Point(device, identifier, one["value"], one.get("time"), one.get("name"), True, product)
            for one in value
            if isinstance(one, dict) and "value" in one
        ]
    else:
        found.append(Point(device, identifier, value, None, None, False, product))


def own_clock(found: Iterable[Point], fields: Mapping[str, object]) -> object:
    """Return the time of a whole message: the meter's own clock where it is a property (``Time``), or a field."""
    own = (p.value for p in found if p.identifier.lower() in ("time", "timestamp") and moment_of(p.value) is not None)
    return next(own, fields.get("timestamp", fields.get("time")))


def readings(
    found: Sequence[Point], device: str, message: Message, sos: Iterable[tuple[str, object]] = ()
) -> list[Reading]:
    """Return what points say, and a sign of life of each device that said nothing that is known.

    Raises
    ------
    Unreadable
        With the device: more values than a message may hold; with what could be read too, a value that is not what the
        configuration says.
    """
    if len(found) > MOST_POINTS:
        raise Unreadable(f"params: want at most {MOST_POINTS} values, got more: send them in parts", device=device)
    said, complaints = [], []
    named = {(point.product, point.device) for point in found}
    meanings = {one: message.memory.keys.of(*one, message.format) for one in named}
    units = {one: message.memory.unit(one, message.received_at) for _, one in named}
    times, ident = _Times(message), message.message_id is not None
    alone = (*message.kept, "history") if message.past else message.kept
    among = alone if message.past else (*alone, "batch")
    for point in found:
        try:
            for one, when in _said(point, message, meanings[point.product, point.device], units[point.device], times):
                flags = among if point.listed else alone
                if one.flags or when.flags:
                    flags = (*flags, *one.flags, *when.flags)
                extra = _extra(one.extra, when, message) if ident or when.extra else one.extra
                said.append(Reading(point.device, one.quantity, one.value, one.unit, when.time, flags, extra))
        except ValueError as error:
            complaints.append(f"{show(point.identifier)}: {error}")
    for whose, stamp in sos:
        when = time_of(message.clock if stamp is None else stamp, message.received_at)
        flags = (*message.kept, *when.flags)
        said.append(Reading(whose, "sos", True, "event", when.time, flags, _extra({}, when, message)))
    heard = {one.device for one in said}
    silent: dict[str, object] = {} if said or found else {device: None}
    for point in found:
        if point.device not in heard and silent.get(point.device) is None:
            silent[point.device] = point.time
    said += [alive(one, message, stamp) for one, stamp in silent.items()]
    if complaints:
        raise Unreadable("; ".join(complaints[:MOST_COMPLAINTS]), device=device, readings=said)
    return said


class _Times:
    """The moments of one message, each read once: what a device says together mostly has the same."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._known: dict[tuple[type, object], Time] = {}

    def of(self, stamp: object) -> Time:
        """Return when, by the clock of the message where a value has no time of its own."""
        stamp = self._message.clock if stamp is None else stamp
        key = type(stamp), stamp
        try:
            found = self._known.get(key)
        except TypeError:  # a list or an object is no key, and no time
            return time_of(stamp, self._message.received_at)
        if found is None:
            found = self._known[key] = time_of(stamp, self._message.received_at)
        return found


def _said(
    point: Point, message: Message, meanings: Mapping[str, Meaning], unit: str | None, times: _Times
) -> list[tuple[Meant, Time]]:
    """Return what a property means, and when; a text may hold a meter's own frame, with a clock of its own.

    Raises
    ------
    ValueError
        The configuration says what it means, and the value is no such thing.
    """
    when = times.of(point.time)
    if meanings and (told := _told(point, meanings)) is not None:
        named = told.of(point.value)
        return [] if named is None else [(Meant(*named), when)]
    known = message.own.get(point.identifier.lower(), point.identifier) if message.own else point.identifier
    found = [(one, when) for one in meant(known, point.name, point.value, unit)]
    if not found and isinstance(point.value, str) and len(point.value) >= SHORTEST_FRAME:
        for one, flags, extra in inside(point.value.encode(errors="replace"), message.received_at, unit):
            found.append((one, when if when.time is not None else Time(None, flags, extra)))
    return found


def alive(
    device: str, message: Message, stamp: object = None, flags: tuple[str, ...] = ("meaning_unknown",)
) -> Reading:
    """Return the sign of life of a device that said something; `stamp` is the time of what it said."""
    when = time_of(message.clock if stamp is None else stamp, message.received_at)
    flags = (*message.kept, *flags, *when.flags)
    return Reading(device, "available", True, "bool", when.time, flags, _extra({}, when, message))


def available(device: str, on: bool, stamp: object, message: Message) -> Reading:
    """Return that a platform says of a device that it is, or is not, online."""
    when = time_of(stamp, message.received_at)
    return Reading(device, "available", on, "bool", when.time, (*message.kept, *when.flags), _extra({}, when, message))


def moment_of(value: object) -> datetime | None:
    """Return the UTC moment that 13 digits (ms), 10 digits (s) or ISO 8601, also its compact form, name."""
    if isinstance(value, Decimal) and value == value.to_integral_value() and 0 < value < 10**13:
        value = int(value)
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if _DIGITS.fullmatch(text):
        return EPOCH + (timedelta(seconds=int(text)) if len(text) == 10 else timedelta(milliseconds=int(text)))
    if compact := _COMPACT.fullmatch(text):
        year, month, day, hour, minute, second, fraction = compact.groups()
        text = f"{year}-{month}-{day}T{hour}:{minute}:{second}{(fraction and '.') or ''}{fraction or ''}Z"
    try:
        return rfc3339(text)
    except ValueError:
        return None


def time_of(value: object, received_at: datetime) -> Time:
    """Return when, with the flags that say what is missing or impossible."""
    if value is None or (isinstance(value, str) and value.strip().lower() in _NO_TIME):
        return Time(None, ("time_missing",))
    time = moment_of(value)
    if time is not None:
        return Time(time) if plausible(time, received_at) else Time(None, ("implausible_time",))
    local = _LOCAL.fullmatch(value) if isinstance(value, str) else None
    written = f"{local[1]}T{local[2]}" if local else ""
    shown = moment_of(f"{written}Z")
    if shown is None or not plausible(shown, received_at):
        return Time(None, ("implausible_time",))
    return Time(None, ("time_zone_missing",), {"time_local": written})


def named(device: object) -> str:
    """Return a device's name.

    Raises
    ------
    Unreadable
        It is none.
    """
    if not isinstance(device, str) or not DEVICE.fullmatch(device):
        raise Unreadable(f"device: want a name of 1 to 128 letters and digits, got {show(device)}")
    return device


def _told(point: Point, meanings: Mapping[str, Meaning]) -> Meaning | None:
    """Return what the configuration says of an identifier: by its whole path, else by its last part."""
    return meanings.get(point.identifier) or meanings.get(point.identifier.rpartition(".")[2])


def _extra(extra: Mapping[str, Value], when: Time, message: Message) -> dict[str, Value]:
    """Return `extra` with the message's id where that tells two messages apart: without a device time."""
    ident = message.message_id
    told = when.time is None and isinstance(ident, str) and MESSAGE_ID.fullmatch(ident) is not None
    return {**extra, **when.extra, **({"message_id": str(ident)} if told else {})}


def want_device(device: str, what: str) -> None:
    """See that a name can be one of these platforms' devices; `what` they call it.

    Raises
    ------
    ValueError
        It is none.
    """
    if not DEVICE.fullmatch(device):
        raise ValueError(f"want a {what} of 1 to 128 letters and digits, got {device!r}")


def cubic_metres(litres: float) -> int | float:
    """Return the whole litres of a register as the m³ that a report says."""
    return plain(Decimal(int(litres)) / 1000)
