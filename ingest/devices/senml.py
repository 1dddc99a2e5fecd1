"""SenML: sensor measurement lists in JSON, of whatever device that writes them.

Source: RFC 8428 (the format and its units) and RFC 8798 (secondary units).

The topic is free: below ``senml`` it is taken for it, and elsewhere a list of records is known by its shape.  A
record's name is base name and name together; the device is the base name, or the whole name where there is no base.  Which
quantity it is follows from the unit, and for switches from the name; the rest is kept out, positions and labels above all.

How this works.  Base values hold until the next one.  A time below 2^28 is relative to now: to the arrival, which also stands
in where no time is given.  ``v`` in ``m3`` is a register and ``s`` (the sum over time) of a flow in ``m3/s`` is one too;
``v`` in ``m3/s`` is a flow.  Of several times in one message the newest is now and the others are history.  A record with a
field ending in ``_`` must be understood or left alone, and is left alone.  A device of which nothing is known lives.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._lorawan import Found, battery
from ingest.key_map import Meaning
from ingest.measures import EPOCH, plain, plausible
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import parse, show

MOST_RECORDS = 5_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._/-]{0,127}", re.ASCII)
_BASES = {"bn": "n", "bt": "t", "bu": "u", "bv": "v", "bs": "s"}
_RELATIVE = 2**28
_MOST_VERSION = 10
_LAST = 2**32

_UNITS: Mapping[str, tuple[str, str, Decimal]] = {
    "m3": (WATER_VOLUME_TOTAL, "L", Decimal(1000)),
    "l": (WATER_VOLUME_TOTAL, "L", Decimal(1)),
    "L": (WATER_VOLUME_TOTAL, "L", Decimal(1)),
    "m3/s": ("water_flow", "L/h", Decimal(3_600_000)),
    "l/s": ("water_flow", "L/h", Decimal(3_600)),
    "m3/h": ("water_flow", "L/h", Decimal(1000)),
    "Cel": ("temperature", "Cel", Decimal(1)),
    "K": ("temperature", "Cel", Decimal(1)),
    "%RH": ("humidity", "%RH", Decimal(1)),
    "%EL": ("battery", "%", Decimal(1)),
}
"""Unit -> quantity, our unit, factor.  ``l``, ``l/s`` and ``%EL`` are not recommended any more and still sent."""
_KELVIN = Decimal("273.15")
_SUMS = {"m3/s": Decimal(1000), "l/s": Decimal(1)}
"""Unit of a flow -> litres in its sum over seconds."""
_BOUNDS = {"Cel": (-60, 100), "%RH": (0, 100), "%": (0, 100), "L": (0, 10**10), "L/h": (-(10**6), 10**6)}
_STATES = {
    "motion": "motion",
    "occupancy": "occupancy",
    "occupied": "occupancy",
    "presence": "presence",
    "open": "contact_open",
    "door_open": "contact_open",
    "contact_open": "contact_open",
    "leak": "water_leak",
    "water_leak": "water_leak",
    "flood": "water_leak",
    "smoke": "smoke",
    "vibration": "vibration",
    "valve_open": "valve_open",
}
_DOUBTFUL = {"door": "contact_open", "contact": "contact_open", "window": "contact_open"}
"""Whether true is open or closed is not said."""
_CALLS = frozenset({"sos", "panic", "emergency"})
_PULSES = frozenset({"pulses", "pulse_count", "counter"})


@dataclass(frozen=True, slots=True)
class _Record:
    """One resolved record; `time` None: now."""

    device: str
    name: str
    unit: str
    fields: Mapping[str, object]
    time: datetime | None
    flags: tuple[str, ...]


def matches(topic: str) -> bool:
    """Tell whether the first level of `topic` is ``senml``."""
    return topic.lower().partition("/")[0] == "senml"


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Tell whether `payload` is a list of records."""
    head = re.sub(rb"\s", b"", payload[:64])
    named = b'"n"' in payload or b'"bn"' in payload
    valued = any(key in payload for key in (b'"v"', b'"vb"', b'"vs"', b'"s"', b'"bv"'))
    return head.startswith(b'[{"') and named and valued


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read one list of records.

    Raises
    ------
    Unreadable
        Not a list, or records that break the format, with what could be read of the others.
    """
    records = parse(payload)
    if not isinstance(records, list) or len(records) > MOST_RECORDS:
        raise Unreadable(f"payload: want a list of at most {MOST_RECORDS} records, got {show(records)}")
    complaints: list[str] = []
    resolved = list(_resolved(records, received_at, complaints))
    readings: list[Reading] = []
    for device in dict.fromkeys(record.device for record in resolved):
        own = [record for record in resolved if record.device == device]
        readings += _of_device(device, own, topic, memory, complaints, retain=retain)
    if complaints:
        raise Unreadable("; ".join(complaints[:20]), readings=readings)
    return readings


def _resolved(records: Sequence[object], received_at: datetime, complaints: list[str]) -> Iterator[_Record]:
    bases: dict[str, object] = {}
    for place, record in enumerate(records):
        try:
            if not isinstance(record, dict):
                raise Unreadable(f"want an object, got {show(record)}")
            bases |= _bases(record)
            if any(key.endswith("_") for key in record):
                raise Unreadable("want fields of RFC 8428, got one that must be understood")
            if set(record) - set(_BASES) - {"bver"}:
                yield _one(record, bases, received_at)
        except Unreadable as error:
            complaints.append(f"records[{place}]: {error}")


def _bases(record: Mapping[str, object]) -> dict[str, object]:
    version = record.get("bver", _MOST_VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or not 0 < version <= _MOST_VERSION:
        raise Unreadable(f"bver: want a version up to {_MOST_VERSION}, got {show(version)}")
    for key in ("bt", "bv", "bs"):
        _number(record, key)
    return {key: record[key] for key in _BASES if key in record}


def _number(record: Mapping[str, object], key: str) -> Decimal | None:
    value = record.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unreadable(f"{key}: want a number, got {show(value)}")
    return Decimal(value)


def _one(record: Mapping[str, object], bases: Mapping[str, object], received_at: datetime) -> _Record:
    base, name, unit = bases.get("bn", ""), record.get("n", ""), record.get("u", bases.get("bu", ""))
    if not isinstance(base, str) or not isinstance(name, str) or not isinstance(unit, str):
        raise Unreadable(f"name: want texts for bn, n and u, got {show(base)}, {show(name)} and {show(unit)}")
    if not _NAME.fullmatch(base + name):
        raise Unreadable(f"name: want letters, digits and - : . / _, got {show(base + name)}")
    fields = dict(record)
    for key in ("v", "s"):
        own, common = _number(record, key), _number(bases, f"b{key}")
        if common is not None and (own is not None or not record.keys() & {"v", "vb", "vs", "vd", "s"}):
            fields[key] = (own or 0) + common
    seconds = (_number(bases, "bt") or Decimal(0)) + (_number(record, "t") or Decimal(0))
    time, flags = _time(seconds, received_at)
    return _Record(base or name, name or base, unit, fields, time, flags)


def _time(seconds: Decimal, received_at: datetime) -> tuple[datetime | None, tuple[str, ...]]:
    if seconds == 0:
        return None, ("time_missing",)
    if abs(seconds) >= _LAST:
        return None, ("implausible_time",)
    since = received_at if seconds < _RELATIVE else EPOCH
    time = since + timedelta(microseconds=int(seconds * 1_000_000))
    return (time, ()) if plausible(time, received_at) else (None, ("implausible_time",))


def _of_device(
    device: str, records: list[_Record], topic: str, memory: DeviceMemory, complaints: list[str], *, retain: bool
) -> list[Reading]:
    """Return what a device says: the newest is now, the rest is history; if nothing is known, that it lives."""
    batch = ("batch",) if len({record.time for record in records}) > 1 else ()
    kept = ("retained",) if retain else ()
    meanings = memory.keys.of(device, topic)
    said = [(record, one) for record in records for one in _meant(record, meanings, complaints)]
    newest: dict[str, datetime] = {}
    for record, one in said:
        if record.time is not None:
            newest[one.quantity] = max(record.time, newest.get(one.quantity, record.time))
    readings = []
    for record, one in said:
        past = ("history",) if batch and record.time is not None and record.time < newest[one.quantity] else ()
        flags = (*kept, *batch, *past, *one.flags, *record.flags)
        readings.append(Reading(device, one.quantity, one.value, one.unit, record.time, flags, one.extra))
    if readings:
        return readings
    last = max(records, key=lambda record: record.time or EPOCH)
    flags = (*kept, *batch, "meaning_unknown", *last.flags)
    return [Reading(device, "available", True, "bool", last.time, flags)]


def _meant(record: _Record, meanings: Mapping[str, Meaning], complaints: list[str]) -> list[Found]:
    """Return what a record says, by the configuration if that names it."""
    if record.name not in meanings:
        return list(_values(record))
    value = next((record.fields[key] for key in ("v", "vb", "vs") if key in record.fields), None)
    try:
        named = meanings[record.name].of(value)
    except ValueError as error:
        complaints.append(f"{record.name[:40]}: {error}")
        return []
    return [Found(*named)] if named else []


def _values(record: _Record) -> Iterator[Found]:
    name = re.split(r"[:./]", record.name)[-1].lower().replace("-", "_")
    value = record.fields.get("vb")
    if isinstance(value, bool):
        yield from _state(name, value)
        return
    amount, total = _number(record.fields, "v"), _number(record.fields, "s")
    if amount is not None:
        yield from _amount(name, record.unit, amount)
    if total is not None and record.unit in _SUMS:
        yield from _bounded(WATER_VOLUME_TOTAL, "L", total * _SUMS[record.unit])


def _state(name: str, value: bool) -> Iterator[Found]:
    if name in _CALLS:
        yield from [Found("sos", True, "event")] if value else []
    elif name in _STATES:
        yield Found(_STATES[name], value, "bool")
    elif name in _DOUBTFUL:
        yield Found(_DOUBTFUL[name], value, "bool", ("polarity_unknown",))


def _amount(name: str, unit: str, amount: Decimal) -> Iterator[Found]:
    if unit in _UNITS:
        quantity, ours, factor = _UNITS[unit]
        yield from _bounded(quantity, ours, amount * factor - (_KELVIN if unit == "K" else 0))
    elif unit == "V" and "batt" in name and 0 < amount <= 20:
        yield Found("battery_voltage", plain(amount), "V")
    elif unit in ("", "count") and name in _PULSES and amount == int(amount) and 0 <= amount < 10**12:
        yield Found("pulse_count_total", int(amount), "count", ("pulse_factor_unknown",))
    elif unit == "/" and amount in (0, 1):  # a ratio: how switches without a unit of their own are written
        yield from _state(name, amount == 1)


def _bounded(quantity: str, unit: str, amount: Decimal) -> Iterator[Found]:
    least, most = _BOUNDS[unit]
    if quantity == "battery" and 0 <= amount <= 100:
        yield from battery(plain(amount))
    elif least <= amount <= most:
        yield Found(quantity, plain(amount), unit)


def encode(device: str, readings: Sequence[tuple[datetime, float]], *, prefix: str = "senml") -> tuple[str, bytes]:
    """Write registers of one meter as a list of records.

    Parameters
    ----------
    device : str
        Base name: letters, digits and - : . / _.
    readings : sequence of (datetime, float)
        Time (aware) and register [L]; at least one.
    prefix : str, optional
        First level of the topic.

    Returns
    -------
    topic, payload

    Raises
    ------
    ValueError
        No readings, or a name that the format does not allow.
    """
    if not readings or len(readings) > MOST_RECORDS or not _NAME.fullmatch(device):
        raise ValueError(f"want a name of the format and 1 to {MOST_RECORDS} readings, got {device!r}, {len(readings)}")
    start = readings[0][0]
    records: list[dict[str, object]] = [
        {"t": (time - start).total_seconds(), "v": float(Decimal(str(litres)) / 1000)} for time, litres in readings
    ]
    records[0] = {"bn": device, "bt": start.timestamp(), "bu": "m3", **records[0]}
    return f"{prefix}/{device}", json.dumps(records, separators=(",", ":")).encode()


def _write(device: str, said: Sequence[tuple[datetime, float]], _: float) -> list[tuple[str, bytes]]:
    return [encode(device, said)]


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    record = {"bn": device, "bt": at.timestamp(), "n": "/status", "vs": "ok"}
    return f"senml/{device}", json.dumps([record], separators=(",", ":")).encode()


def _charge(device: str, at: datetime, percent: float) -> tuple[str, bytes]:
    record = {"bn": device, "bt": at.timestamp(), "n": "/battery", "u": "%EL", "v": round(percent, 1)}
    return f"senml/{device}", json.dumps([record], separators=(",", ":")).encode()


_HUMIDITY = b"""[{"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},
{"u":"lon","v":24.30621},{"u":"lat","v":60.07965},{"t":60,"v":20.3}]"""
_PERCENT = Reading(
    "urn:dev:ow:10e2073a01080063", "humidity", 20.3, "%RH", datetime(2011, 10, 31, 13, 25, 24, tzinfo=UTC), ("batch",)
)

FORMAT = Format(
    name="senml",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    gateway=("senml/#",),
    played=Played(alive=_alive, charge=_charge, write=_write),
    samples=(
        Sample(
            source="RFC 8428, section 5.1.1: the smallest form, without a time",
            topic="senml/gateway1",
            payload=b'[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]',
            readings=(Reading("urn:dev:ow:10e2073a01080063", "temperature", 23.1, "Cel", None, ("time_missing",)),),
        ),
        Sample(
            source="RFC 8428, section 5.1.3: humidity on the move; where it was is never read",
            topic="gateway1/up",
            payload=_HUMIDITY,
            readings=(
                replace(_PERCENT, value=20, time=_PERCENT.time - timedelta(minutes=1), flags=("batch", "history"))
                if _PERCENT.time
                else _PERCENT,
                _PERCENT,
            ),
        ),
        Sample(
            source="RFC 8428, section 4.1: the sum of a flow is a volume",
            topic="senml/gateway1",
            payload=b'[{"bn":"urn:dev:mac:0024befffe804ff1","u":"m3/s","s":82.184,"t":1790000000}]',
            readings=(
                Reading(
                    "urn:dev:mac:0024befffe804ff1",
                    WATER_VOLUME_TOTAL,
                    82184,
                    "L",
                    EPOCH + timedelta(seconds=1790000000),
                ),
            ),
        ),
        Sample(
            source="broken: a number as text, and a field that must be understood",
            topic="senml/gateway1",
            payload=b'[{"bn":"m1","u":"m3","v":"82"},{"u":"m3","v":82,"max_":1},{"u":"m3","v":82}]',
            readings=(Reading("m1", WATER_VOLUME_TOTAL, 82000, "L", None, ("time_missing",)),),
            rejected="records[0]: v: want a number, got '82'",
        ),
    ),
)
