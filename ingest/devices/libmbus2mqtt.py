"""libmbus2mqtt: wired M-Bus meters, as in the risers of apartment blocks, polled by a program on a serial line.

Source: nilvanis/libmbus2mqtt ``src/libmbus2mqtt/{mqtt/homeassistant,models/mbus}.py``, ``templates/*.json`` and
``tests/fixtures/*.xml`` (March 2026); rscada/libmbus, whose units carry a power ("Volume (m m^3)" is litres).

Topics ``libmbus2mqtt/device/<id>/{state,availability}`` (retained, QoS 1) and ``libmbus2mqtt/bridge/…``.

How this works.  With a template the state is flat, values are text, and the unit stands in the discovery message, often with
a division (``{{ value_json.volume_forward | float / 1000 }}``).  Without one the state lists the meter's records, each with
its unit, its storage number (0 is now, others are month ends) and the time of the poll.  A state with an energy is a heat
meter's and is left out.  What ran backwards and what stood at a month's start is no second register.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._clock import NONE, Stamp, stamp
from ingest.devices._plain import Kind, Message, name, reachable, read
from ingest.measures import zulu
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import parse_object

_TOPIC = re.compile(r"(?:.*/)?libmbus2mqtt/(?:device/([^/]+)/(state|availability)|bridge/(\w+)|command/.+)", re.DOTALL)
_TOTALS = ("volume_forward", "volume_total", "total_volume", "volume", "water_volume")
_FLOWS = ("volume_flow", "flow")
_HEAT = re.compile(r"energy|heat|power|return_temperature|cooling", re.IGNORECASE)
_HEAT_UNIT = re.compile(r"\b(?:energy|power|Wh|J|J/h|W|return temperature)\b", re.IGNORECASE)
_MOST_RECORDS = 200
_FIRST_ADDRESS = 20_000_000
"""Secondary addresses of simulated meters: eight digits."""


class Place(NamedTuple):
    """A value of the state: what it is, what stands there, where, and when it was polled."""

    kind: Kind
    said: object
    pointer: str
    when: Stamp = NONE


def matches(topic: str) -> bool:
    """Tell whether `topic` is one of libmbus2mqtt's."""
    return _TOPIC.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Return False: without its topic nobody knows whose message it is."""
    return False


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read a meter's state, or whether it answers.

    Raises
    ------
    Unreadable
        With the device and what could be read.
    """
    message = Message(topic, payload, received_at, retain, memory)
    found = _TOPIC.fullmatch(topic)
    if found is None or not payload.strip():
        return []
    if found[3]:
        return reachable("bridge", message) if found[3] == "state" else []
    if not found[1]:
        return []
    device = name(found[1])
    if found[2] == "availability":
        return reachable(device, message) if payload.strip() != b"unknown" else []
    try:
        fields = parse_object(payload)
    except Unreadable as error:
        raise Unreadable(str(error), device=device) from None
    return _readings(fields, device, message)


def _readings(fields: Mapping[str, object], device: str, message: Message) -> list[Reading]:
    records = fields.get("records", fields.get("data_records"))
    places = list(_records(records, message) if isinstance(records, dict) else _flat(fields))
    readings: list[Reading] = []
    complaints: list[str] = []
    for place in places:
        if any(place.kind.quantity == one.quantity for one in readings):
            continue
        try:
            reading = read(place.kind, device, place.said, message, when=place.when, pointer=place.pointer)
        except Unreadable as error:
            complaints.append(str(error))
            continue
        readings += [reading] if reading else []
    if complaints:
        raise Unreadable("; ".join(complaints), device=device, readings=readings)
    return readings


def _flat(fields: Mapping[str, object]) -> Iterator[Place]:
    if any(_HEAT.search(key) for key in fields):
        return
    for quantity, keys in ((WATER_VOLUME_TOTAL, _TOTALS), ("water_flow", _FLOWS)):
        for key in keys:
            if key in fields:
                yield Place(Kind(quantity), fields[key], f"/{key}")


def _records(records: Mapping[str, object], message: Message) -> Iterator[Place]:
    listed = [(key, one) for key, one in list(records.items())[:_MOST_RECORDS] if isinstance(one, dict)]
    if any(_HEAT_UNIT.search(str(one.get("unit"))) for _, one in listed):
        return
    for key, one in listed:
        unit = str(one.get("unit") or "")
        now = str(one.get("storage_number") or "0") == "0" and str(one.get("function") or "Inst").startswith("Inst")
        if now and unit.startswith("Volume"):
            quantity = "water_flow" if "/" in unit else WATER_VOLUME_TOTAL
            when = stamp(one.get("timestamp"), message.received_at)
            yield Place(Kind(quantity, unit), one.get("value"), f"/records/{key}/value", when)


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:
    """Write the state of a meter without a template, `device` being its number: whole litres, polled at `at` (aware).

    Returns
    -------
    topic, payload
    """
    whole = at.astimezone(UTC).replace(microsecond=0)
    record = {"function": "Instantaneous value", "storage_number": "0", "unit": "Volume (m m^3)"}
    record |= {"value": str(int(Decimal(str(litres)))), "timestamp": zulu(whole)}
    return f"libmbus2mqtt/device/{device}/state", json.dumps({"records": {"0": record}}, separators=(",", ":")).encode()


def _alive(device: str, at: datetime) -> tuple[str, bytes]:  # noqa: ARG001  nothing says when
    return f"libmbus2mqtt/device/{device}/availability", b"online"


FORMAT = Format(
    name="libmbus2mqtt",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    gateway=("libmbus2mqtt/#", "homeassistant/+/+/+/config"),
    played=Played(named=lambda home: str(_FIRST_ADDRESS + home), step_l=1.0, alive=_alive),
    samples=(
        Sample(
            source="nilvanis/libmbus2mqtt: tests/fixtures/itron_cyble.xml (records 4 to 6), as a state without a template",
            topic="libmbus2mqtt/device/22003200/state",
            payload=b'{"records":{'
            b'"4":{"function":"Instantaneous value","storage_number":"0","unit":"Volume (m m^3)","value":"364920",'
            b'"timestamp":"2026-01-18T20:38:25Z"},'
            b'"5":{"function":"Instantaneous value","storage_number":"0","unit":"Volume (m m^3)","value":"0"},'
            b'"6":{"function":"Instantaneous value","storage_number":"1","unit":"Volume (m m^3)","value":"361204"}}}',
            readings=(
                Reading("22003200", WATER_VOLUME_TOTAL, 364920, "L", datetime(2026, 1, 18, 20, 38, 25, tzinfo=UTC), ()),
            ),
        ),
        Sample(
            source="nilvanis/libmbus2mqtt: templates/itron_cyble_1_4-dr8.json, whose unit only the discovery message says",
            topic="libmbus2mqtt/device/22003200/state",
            payload=b'{"fabrication_number":"65432100","volume_forward":"364920","volume_month_start":"361204"}',
            readings=(
                Reading(
                    "22003200", WATER_VOLUME_TOTAL, None, "L", None, ("unit_unknown", "time_missing"), {"raw": 364920}
                ),
            ),
        ),
        Sample(
            source="broken: a state that is a list",
            topic="libmbus2mqtt/device/22003200/state",
            payload=b"[1]",
            rejected="want a JSON object",
        ),
    ),
)
