"""rtl_433: what a radio receiver hears around it, among it water meters.

Source: merbanan/rtl_433 ``docs/{OPERATION,DATA_FORMAT}.md`` and ``src/devices/`` (August 2026): ``neptune_r900.c``,
``arad_ms_meter.c``, ``badger_water.c``, ``mueller_hotrod.c``, ``orion_endpoint.c``, ``ert_*.c``, ``scmplus.c``;
merbanan/rtl_433_tests ``tests/{arad_ms_meter,r900}``; bemasher/rtlamr issue #285.

Topics ``rtl_433/<host>/{events,states,devices/…,availability}``; the same JSON on any topic.

How this works.  Model and id name a device.  A unit stands in a key's name (``volume_m3``, ``volume_gal``), in ``unit``, or
nowhere (`_radio_meters`).  Of an Arad Dialog3G both unit and resolution (``gear``) are the program's defaults unless it knows the
meter's suffix, and its numbers carry single-precision noise: a difference below the resolution is none.  ``time`` is local
without a zone unless ``-M time:tz`` is set, or a place in a file (``@0.03s``).  ``devices/…`` says again, key by key, what
``events`` says.  Everything that is near is heard: only what stands in the registry is stored.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from msgspec.structs import replace

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._clock import Stamp, stamp
from ingest.devices._plain import Kind, Message, name, number, reachable, read
from ingest.devices._radio_meters import counts, is_water, r900, r900_alarms
from ingest.devices._units import convert, unit
from ingest.measures import plain, zulu
from ingest.readings import WATER_VOLUME_TOTAL, Reading, Value
from ingest.strict_json import parse_object, show

_TOPIC = re.compile(r"((?:.+/)?rtl_?433[^/]*(?:/[^/]+)??)(?:/(events|states|availability|devices/.+))?", re.DOTALL)
_EVENT = re.compile(rb'"model"\s*:\s*"[^"]+".*(?:"mic"|"protocol"|"freq"|"consumption|"volume)', re.DOTALL)
_MOST_LOOKED_AT = 2_000
_VOLUMES = {"volume_m3": "m³", "volume_gal": "gal", "volume_ft3": "ft³", "volume_l": "L", "volume_L": "L"}
_COUNTED = ("consumption_data", "Consumption", "LastConsumptionCount", "reading")
_TYPES = ("ert_type", "EndpointType", "ERTType", "MeterType")
_WATER_MODELS = re.compile(r"orion|water|flowis|hotrod|arad|r900|badger", re.IGNORECASE)
_ARAD_KNOWN = frozenset({"73"})
"""Suffixes of Arad meters that the program knows to be in its default unit."""
_ARAD_DEFAULT = ("m3", Decimal("0.1"))
_MOST_HOME_L = 100_000_000
"""The register of a home has five digits of cubic metres at most. [L]"""
_CLIMATE = (
    ("temperature_C", Kind("temperature", "°C")),
    ("temperature_F", Kind("temperature", "°F")),
    ("humidity", Kind("humidity", "%")),
)
_BATTERY = (("battery_mV", Kind("battery_voltage", "mV")), ("battery_V", Kind("battery_voltage", "V")))
_SWITCHES = {
    "contact_open": ("contact_open", True),
    "opened": ("contact_open", True),
    "closed": ("contact_open", False),
    "motion": ("motion", True),
    "detect_wet": ("water_leak", True),
    "water_leak": ("water_leak", True),
    "smoke": ("smoke", True),
}
"""Key -> quantity, and whether 1 means yes."""


def matches(topic: str) -> bool:
    """Tell whether `topic` is below the program's usual base topic."""
    return _TOPIC.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Tell whether `payload` is an event of the program's."""
    return payload.lstrip()[:1] == b"{" and _EVENT.search(payload[:_MOST_LOOKED_AT]) is not None


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read one event.

    Raises
    ------
    Unreadable
        Not JSON, no model or id, or a number was wanted.
    """
    message = Message(topic, payload, received_at, retain, memory)
    found = _TOPIC.fullmatch(topic)
    base, leaf = found.groups() if found else ("", None)
    if not payload.strip() or (leaf or "").startswith("devices/"):
        return []
    if leaf == "availability":
        return reachable(name(base), message)
    fields = parse_object(payload)
    model = fields.get("model")
    if not isinstance(model, str):
        return []  # statistics and settings of the receiver
    ident = fields.get("id", fields.get("ERTSerialNumber", fields.get("EndpointID")))
    if not isinstance(ident, int | str) or isinstance(ident, bool) or ident == "":
        return []  # a device without a name of its own: nobody can be said to own it
    when = stamp(fields.get("time"), received_at)
    return _readings(name(f"{model}:{ident}"), model, fields, when, message)


def _readings(device: str, model: str, fields: Mapping[str, object], when: Stamp, message: Message) -> list[Reading]:
    readings: list[Reading] = []
    try:
        readings += _register(device, model, fields, when, message)
        readings += _rest(device, fields, when, message)
    except Unreadable as error:
        raise Unreadable(str(error), device=device, readings=readings) from None
    return readings


def _register(
    device: str, model: str, fields: Mapping[str, object], when: Stamp, message: Message
) -> Iterator[Reading]:
    """Return the register of a water meter, nothing of other meters."""
    if not str(fields.get("id", "none")).strip("0"):
        return  # noise of zeros passes some check sums
    if model.startswith("Neptune-R900"):
        count = _number(fields, "consumption", device)
        alarms = r900_alarms(fields.get("leak"), fields.get("leaknow"), fields.get("backflow"))
        reading = None if count is None else r900(device, count, message, when, alarms)
        if reading:
            yield reading
        return
    if model.startswith("AradMsMeter"):
        yield from _arad(device, fields, when, message)
        return
    leaking = ("meter_alarm:leak",) if fields.get("leaking") == 1 else ()
    for key, said in _VOLUMES.items():
        if key in fields and not re.search(r"gas|oil|tank|propane", model, re.IGNORECASE):
            reading = read(Kind(WATER_VOLUME_TOTAL, said), device, fields[key], message, when=when)
            if reading:
                yield replace(reading, flags=(*reading.flags, *leaking))
            return
    counter = next((one for one in _COUNTED if one in fields), None)
    if counter and (_is_water(fields) or _WATER_MODELS.search(model)):
        count = _number(fields, counter, device)
        if count is not None and count >= 0:
            yield counts(device, count, message, when, leaking)


def _is_water(fields: Mapping[str, object]) -> bool:
    said = fields.get("MeterType")
    if isinstance(said, str):
        return said.lower() == "water"
    return any(is_water(fields[key]) for key in _TYPES if key in fields)


def _arad(device: str, fields: Mapping[str, object], when: Stamp, message: Message) -> Iterator[Reading]:
    old = "volume_m3" in fields
    volume = _number(fields, "volume_m3" if old else "volume", device)
    said = "m3" if old else str(fields.get("unit", ""))
    known = unit(said)
    if volume is None:
        return
    if known is None or known.ours != "L" or volume < 0:
        raise Unreadable(f"volume: want 0 or more in m3 or gal, got {show(volume)} in {show(said)}", device=device)
    gear = _number(fields, "gear", device)
    registered = message.memory.unit(device, message.received_at)
    suffix = str(fields.get("id", "")).rpartition("-")[2]
    in_doubt = not old and (said, gear) == _ARAD_DEFAULT and suffix not in _ARAD_KNOWN
    own = unit(registered) if registered else None
    known, assumed = (own, ()) if own and own.ours == "L" else (known, ("unit_assumed_m3",) if in_doubt else ())
    litres = convert(volume, known)
    flags = (
        *assumed,
        *(("meter_alarm:leak",) if fields.get("leaking") == 1 else ()),
        *(("implausible_value",) if litres >= _MOST_HOME_L else ()),
    )
    step: Mapping[str, Value] = {"resolution_l": convert(gear, known)} if gear else {}
    all_flags = (*flags, *message.kept, *when.flags)
    yield Reading(device, WATER_VOLUME_TOTAL, litres, "L", when.time, all_flags, {**when.extra, **step})


def _rest(device: str, fields: Mapping[str, object], when: Stamp, message: Message) -> list[Reading]:
    """Return what other sensors say: climate, doors, motion, water on the floor."""
    found: list[Reading] = []
    for key, kind in _CLIMATE:
        if key in fields and all(one.quantity != kind.quantity for one in found):
            reading = read(kind, device, fields[key], message, when=when)
            found += [reading] if reading else []
    for key, (quantity, yes) in _SWITCHES.items():
        said = fields.get(key)
        if said in (0, 1) and all(one.quantity != quantity for one in found):
            flags = (*message.kept, *when.flags)
            found.append(Reading(device, quantity, (said == 1) is yes, "bool", when.time, flags, when.extra))
    event = fields.get("event")
    wet = isinstance(event, str) and re.search(r"water leak|flood|wet", event, re.IGNORECASE)
    if wet and all(one.quantity != "water_leak" for one in found):
        found.append(Reading(device, "water_leak", True, "bool", when.time, (*message.kept, *when.flags), when.extra))
    elif isinstance(event, str) and event.lower() == "button press" and not message.retain:
        found.append(Reading(device, "button", "press", "event", when.time, when.flags, when.extra))
    for key, kind in _BATTERY:
        reading = read(kind, device, fields.get(key), message, when=when)
        found += [reading] if reading else []
    if found:
        marks = (
            *(("battery_low",) if fields.get("battery_ok") == 0 else ()),
            *(("tamper",) if fields.get("tamper") == 1 else ()),
        )
        found[0] = replace(found[0], flags=(*found[0].flags, *marks))
    return found


def _number(fields: Mapping[str, object], key: str, device: str) -> Decimal | None:
    try:
        return number(fields.get(key))
    except ValueError as error:
        raise Unreadable(f"{key}: {error}", device=device) from None


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:
    """Write an event of a meter whose register is in m³ with decimals, heard at `at` (aware).

    Parameters
    ----------
    device : str
        ``<model>:<id>``, such as ``Simulated-Water:12``.
    at : datetime
        When it was heard, to the microsecond, with a zone.
    litres : float
        Register [L].

    Returns
    -------
    topic, payload
    """
    model, _, ident = device.partition(":")
    volume = f"{Decimal(str(plain(Decimal(str(litres))))) / 1000:f}"
    head = json.dumps({"time": zulu(at.astimezone(UTC)), "model": model, "id": ident}, separators=(",", ":"))
    return "rtl_433/simulated/events", f'{head[:-1]},"volume_m3":{volume},"mic":"CRC"}}'.encode()


def _write(device: str, said: Sequence[tuple[datetime, float]], _: float) -> list[tuple[str, bytes]]:
    return [encode(device, at, max(litres, 0.0)) for at, litres in said]


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    model, _, ident = device.partition(":")
    event = {"time": zulu(at.astimezone(UTC)), "model": model, "id": ident, "battery_ok": 1, "mic": "CRC"}
    return "rtl_433/simulated/events", json.dumps(event, separators=(",", ":")).encode()


FORMAT = Format(
    name="rtl_433",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    gateway=("rtl_433/#",),
    played=Played(named=lambda home: f"Simulated-Water:{home + 1}", only_so=True, alive=_alive, write=_write),
    samples=(
        Sample(
            source="merbanan/rtl_433_tests: tests/r900/01/g018_912.6M_1000k.json (id masked)",
            topic="rtl_433/raspberrypi/events",
            payload=b'{"time": "@0.032084s", "model": "Neptune-R900", "id": 1545910000, "unkn1": 10, "metertype": 3,'
            b'"unkn2": 4, "nouse": 1, "backflow": 0, "consumption": 404986, "leak": 0, "leaknow": 0, "extra": "35b96e"}',
            readings=(
                Reading(
                    "Neptune-R900:1545910000",
                    WATER_VOLUME_TOTAL,
                    153303.878,
                    "L",
                    None,
                    ("unit_assumed_gal_tenth", "time_missing"),
                    {"raw": 404986},
                ),
            ),
        ),
        Sample(
            source="merbanan/rtl_433_tests: tests/arad_ms_meter/codes_test.json, a resolution of 10 L",
            topic="rtl_433/raspberrypi/events",
            payload=b'{"model" : "AradMsMeter-Dialog3G", "id" : "03077959-00", "uid" : "3e690aec7ac8", "leaking" : 0,'
            b'"flags1" : 64, "gear" : 0.010, "volume" : 94.240, "unit" : "m3", "flags2" : 12, "mic" : "CHECKSUM"}',
            readings=(
                Reading(
                    "AradMsMeter-Dialog3G:03077959-00",
                    WATER_VOLUME_TOTAL,
                    94240,
                    "L",
                    None,
                    ("time_missing",),
                    {"resolution_l": 10},
                ),
            ),
        ),
        Sample(
            source="broken: a volume in a unit that is none",
            topic="rtl_433/raspberrypi/events",
            payload=b'{"model":"AradMsMeter-Dialog3G","id":"1-27","volume":1.5,"unit":"bushel"}',
            rejected="want 0 or more in m3 or gal, got 1.5 in 'bushel'",
        ),
    ),
)
