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
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._lorawan import Found, battery
from ingest.devices._senml_records import NAME, Record, resolved_records
from ingest.key_map import Meaning
from ingest.measures import EPOCH, plain
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import Number, parse, show

MOST_RECORDS = 1_500
"""Records in one message: a meter's day of minutes has 1,440. [-]"""

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
_VOLTS = {"V": Decimal(1), "mV": Decimal("0.001")}
"""A secondary unit of RFC 8798 among them."""
_SUMS = {"m3/s": Decimal(1000), "l/s": Decimal(1)}
"""Unit of a flow -> litres in its sum over seconds."""
_WHAT_CAN_BE = {"Cel": (-60, 100), "%RH": (0, 100), "%": (0, 100), "L": (0, 10**10), "L/h": (-(10**6), 10**6)}
_BOUNDS = {unit: (Decimal(least), Decimal(most)) for unit, (least, most) in _WHAT_CAN_BE.items()}
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
    if payload.count(b"{") > MOST_RECORDS:  # before the work of reading them
        raise Unreadable(
            f"payload: want a list of at most {MOST_RECORDS} records, got {payload.count(b'{')}: send them in parts"
        )
    records = parse(payload)
    if not isinstance(records, list):
        raise Unreadable(f"payload: want a list of at most {MOST_RECORDS} records, got {show(records)}")
    complaints: list[str] = []
    of: dict[str, list[Record]] = {}
    for record in resolved_records(records, received_at, complaints):
        of.setdefault(record.named.device, []).append(record)
    readings: list[Reading] = []
    for device, own in of.items():
        readings += _of_device(device, own, topic, memory, complaints, retain=retain)
    if complaints:
        raise Unreadable("; ".join(complaints[:20]), readings=readings)
    return readings


def _of_device(
    device: str, records: list[Record], topic: str, memory: DeviceMemory, complaints: list[str], *, retain: bool
) -> list[Reading]:
    """Return what a device says: the newest is now, the rest is history; if nothing is known, that it lives."""
    kept = ("retained",) if retain else ()
    now = (*kept, "batch") if len({record.time for record in records}) > 1 else kept
    meanings = memory.keys.of(device, topic)
    said = [(record, one) for record in records for one in _meant(record, meanings, complaints)]
    newest: dict[str, datetime] = {}
    for record, one in said:
        if record.time is not None and record.time > newest.get(one.quantity, EPOCH):
            newest[one.quantity] = record.time
    past, readings = (*now, "history"), list[Reading]()
    for record, one in said:
        time = record.time
        flags = now if time is None or time == newest[one.quantity] else past
        if one.flags or record.flags:
            flags = (*flags, *one.flags, *record.flags)
        readings.append(Reading(device, one.quantity, one.value, one.unit, time, flags, one.extra))
    if readings:
        return readings
    last = max(records, key=lambda record: record.time or EPOCH)
    flags = (*now, "meaning_unknown", *last.flags)
    return [Reading(device, "available", True, "bool", last.time, flags)]


def _meant(record: Record, meanings: Mapping[str, Meaning], complaints: list[str]) -> Iterable[Found]:
    """Return what a record says, by the configuration if that names it."""
    name = record.named.name
    if name not in meanings:
        return _values(record)
    fields = record.fields if record.amount is None else {"v": record.amount}
    value = next((fields[key] for key in ("v", "vb", "vs") if key in fields), None)
    try:
        named = meanings[name].of(value)
    except ValueError as error:
        complaints.append(f"{name[:40]}: {error}")
        return ()
    return (Found(*named),) if named else ()


def _values(record: Record) -> Iterable[Found]:
    (_, _, word, unit), value = record.named, record.fields.get("vb")
    if isinstance(value, bool):
        return _state(word, value)
    amount, total = record.amount, record.total
    found = () if amount is None else _amount(word, unit, amount)
    if total is None or unit not in _SUMS:
        return found
    return (*found, *_bounded(WATER_VOLUME_TOTAL, "L", total * _SUMS[unit]))


def _state(word: str, value: bool) -> tuple[Found, ...]:
    if word in _CALLS:
        return (Found("sos", True, "event"),) if value else ()
    if word in _STATES:
        return (Found(_STATES[word], value, "bool"),)
    return (Found(_DOUBTFUL[word], value, "bool", ("polarity_unknown",)),) if word in _DOUBTFUL else ()


def _amount(word: str, unit: str, amount: Number) -> tuple[Found, ...]:
    if unit in _UNITS:
        quantity, ours, factor = _UNITS[unit]
        return _bounded(quantity, ours, amount * factor - (_KELVIN if unit == "K" else 0))
    if unit in _VOLTS and "batt" in word and 0 < (amount := amount * _VOLTS[unit]) <= 20:
        return (Found("battery_voltage", plain(Decimal(amount)), "V"),)
    if unit in ("", "count") and word in _PULSES and amount == int(amount) and 0 <= amount < 10**12:
        return (Found("pulse_count_total", int(amount), "count", ("pulse_factor_unknown",)),)
    if unit == "/" and amount in (0, 1):  # a ratio: how switches without a unit of their own are written
        return _state(word, amount == 1)
    return ()


def _bounded(quantity: str, unit: str, amount: Decimal) -> tuple[Found, ...]:
    least, most = _BOUNDS[unit]
    if quantity == "battery" and 0 <= amount <= 100:
        return tuple(battery(plain(amount)))
    return (Found(quantity, plain(amount), unit),) if least <= amount <= most else ()


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
    if not readings or len(readings) > MOST_RECORDS or not NAME.fullmatch(device):
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
