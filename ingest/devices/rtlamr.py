"""rtlamr and rtlamr2mqtt: radio water meters of North America, heard with a television stick.

Source: bemasher/rtlamr ``parse/parse.go`` and issues #129, #251, #285 (JSON and plain text); allangood/rtlamr2mqtt
``rtlamr2mqtt-addon/app/{mqtt_publisher.py,helpers/ha_messages.py}``, ``README.md`` (May 2026), issue #73 (its first release).

Topics ``rtlamr/<id>/{state,attributes}``, ``rtlamr/status``; rtlamr's own lines, JSON or plain text, on any topic.

How this works.  ``reading`` of a state is text with leading zeros, scaled by the bridge's own ``format``; its unit stands in the
discovery message of the device, or in the registry; without either it is kept raw.  Of ``attributes`` only alarms are read.
A line of rtlamr's is of whatever meter was near: electricity and gas are left out by their type, and of water meters only
those in the registry are stored.  A line that is no JSON because a number has leading zeros is refused.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._clock import NONE, Stamp, stamp
from ingest.devices._discovery import meaning
from ingest.devices._plain import Kind, Message, name, number, reachable, read, text
from ingest.devices._radio_meters import counts, is_water, r900, r900_alarms
from ingest.measures import plain, zulu
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import parse, show

_TOPIC = re.compile(r"((?:.*/)?rtlamr[^/]*)(?:/([^/]+))?/([^/]+)", re.DOTALL)
_LINE = re.compile(rb'\s*\{(?:"Time"\s*:.*"Type"\s*:.*"Message"\s*:|Time:\S+\s.*\w\+?:\{)', re.DOTALL)
_PLAIN = re.compile(r"\{Time:(\S+)\s(?:Offset:\s*\d+\s+Length:\s*\d+\s+)?([A-Za-z0-9]+\+?):\{(.*)\}\s*\}", re.DOTALL)
_MOST_LINE = 4_000
_FIRST_METER = 50_000_000
"""Numbers of simulated meters: eight digits."""
_FIELD = re.compile(r"(\w+):\s*(0x[0-9A-Fa-f]+|-?\d+)(?![\w.])", re.ASCII)
_IDS = {
    "SCM": "ID",
    "SCM+": "EndpointID",
    "IDM": "ERTSerialNumber",
    "NetIDM": "ERTSerialNumber",
    "R900": "ID",
    "R900BCD": "ID",
}
_TYPES = {"SCM": "Type", "SCM+": "EndpointType", "IDM": "ERTType", "NetIDM": "ERTType"}
_COUNTS = {"IDM": "LastConsumptionCount", "NetIDM": "LastConsumptionCount"}
_STATE_KEYS = ("/reading", "/Message/Consumption", "/consumption")


def matches(topic: str) -> bool:
    """Tell whether `topic` lies below the bridge's usual base topic."""
    return _TOPIC.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Tell whether `payload` is a line of rtlamr's."""
    return _LINE.match(payload[:_MOST_LINE]) is not None


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read a state of the bridge or a line of rtlamr.

    Raises
    ------
    Unreadable
        Neither, or a number was wanted.
    """
    message = Message(topic, payload, received_at, retain, memory)
    found = _TOPIC.fullmatch(topic)
    base, meter, leaf = found.groups() if found else ("", None, "")
    if not payload.strip() or leaf in ("config", "availability") or meter == "discovery":
        return []  # `discovery` lists whatever is near, so that an owner finds his meter
    if leaf == "attributes" and meter:
        return _attributes(name(meter), message)
    if leaf == "status" and not meter:
        return reachable(name(base), message)
    if leaf == "state" and meter:
        return _state(name(meter), message)
    return _line(message)


# --- the bridge ----------------------------------------------------------------------------------------------------


def _state(device: str, message: Message) -> list[Reading]:
    if message.payload.lstrip()[:1] != b"{":
        said: object = text(message.payload, device)
        return _scaled(device, said, "", NONE, message)
    try:
        fields = parse(message.payload)
    except Unreadable as error:
        raise Unreadable(str(error), device=device) from None
    fields = fields if isinstance(fields, dict) else {}
    inner = fields.get("Message")
    if isinstance(inner, dict):  # before its second release the bridge sent rtlamr's line with a scaled count
        protocol = str(fields.get("Type"))
        if protocol in _TYPES and not is_water(inner.get(_TYPES[protocol])):
            return []
        when = stamp(fields.get("Time"), message.received_at)
        return _scaled(device, inner.get(_COUNTS.get(protocol, "Consumption")), "/Message/Consumption", when, message)
    when = stamp(fields.get("lastseen"), message.received_at)
    return _scaled(device, fields.get("reading"), "/reading", when, message)


def _attributes(device: str, message: Message) -> list[Reading]:
    """Read the alarms of an R900: they stand beside its state and nowhere else; without any this is no news."""
    try:
        fields = parse(message.payload)
    except Unreadable as error:
        raise Unreadable(str(error), device=device) from None
    if not isinstance(fields, dict) or str(fields.get("protocol")).lower() not in ("r900", "r900bcd"):
        return []
    alarms = r900_alarms(fields.get("Leak"), fields.get("LeakNow"), fields.get("BackFlow"))
    flags = ("no_reading", *alarms, *message.kept, *NONE.flags)
    return [Reading(device, "available", True, "bool", None, flags)] if alarms else []


def _scaled(device: str, said: object, pointer: str, when: Stamp, message: Message) -> list[Reading]:
    """Read a number that the bridge scaled; a discovery message of gas or electricity says that it is not ours."""
    learnt = meaning(message.memory, message.topic, pointer)
    if learnt.device_class and learnt.device_class not in ("water", "volume", "volume_storage"):
        return []
    reading = read(Kind(WATER_VOLUME_TOTAL), device, said, message, when=when, pointer=pointer)
    return [reading] if reading else []


# --- rtlamr's own lines --------------------------------------------------------------------------------------------


def _line(message: Message) -> list[Reading]:
    if message.payload.lstrip().startswith(b"{Time:"):
        protocol, time, fields = _plain_text(message)
    else:
        line = parse(message.payload)
        inner = line.get("Message") if isinstance(line, dict) else None
        if not isinstance(line, dict) or not isinstance(inner, dict):
            raise Unreadable(f"payload: want a line of rtlamr with Type and Message, got {show(line)}")
        protocol, time, fields = str(line.get("Type")), line.get("Time"), inner
    if protocol not in _IDS or (protocol in _TYPES and not is_water(fields.get(_TYPES[protocol]))):
        return []
    return _meter(protocol, fields, stamp(time, message.received_at), message)


def _plain_text(message: Message) -> tuple[str, object, Mapping[str, object]]:
    """Read the plain text form, whose times are local and whose numbers are padded with blanks."""
    found = _PLAIN.fullmatch(message.payload[:_MOST_LINE].decode("utf-8", "replace").strip())
    if found is None:
        raise Unreadable("payload: want a line of rtlamr such as {Time:… R900:{ID:… Consumption:…}}, got another text")
    return (
        found[2],
        found[1],
        {key: int(said, 0) if said[:2] == "0x" else int(said) for key, said in _FIELD.findall(found[3])},
    )


def _meter(protocol: str, fields: Mapping[str, object], when: Stamp, message: Message) -> list[Reading]:
    ident = fields.get(_IDS[protocol])
    if not isinstance(ident, int) or isinstance(ident, bool):
        raise Unreadable(f"{_IDS[protocol]}: want a meter's number, got {show(ident)}")
    if not ident:
        return []  # noise of zeros passes the check sum
    device = name(f"{protocol}:{ident}")
    key = _COUNTS.get(protocol, "Consumption")
    try:
        count = number(fields.get(key))
    except ValueError as error:
        raise Unreadable(f"{key}: {error}", device=device) from None
    if count is None or count < 0:
        return []
    if protocol.startswith("R900"):
        alarms = r900_alarms(fields.get("Leak"), fields.get("LeakNow"), fields.get("BackFlow"))
        reading = r900(device, count, message, when, alarms)
        return [reading] if reading else []
    return [counts(device, count, message, when)]


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:
    """Write the state of meter `device` at `at` (aware, whole seconds): litres as text, which the registry must say.

    Returns
    -------
    topic, payload
    """
    fields = {"reading": f"{float(plain(Decimal(str(litres)))):010.3f}"}
    fields["lastseen"] = zulu(at.astimezone(UTC).replace(microsecond=0))
    return f"rtlamr/{device}/state", json.dumps(fields, separators=(",", ":")).encode()


def _write(device: str, said: Sequence[tuple[datetime, float]], _: float) -> list[tuple[str, bytes]]:
    return [encode(device, at, max(litres, 0.0)) for at, litres in said]


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    fields = {"reading": "", "lastseen": zulu(at.astimezone(UTC).replace(microsecond=0))}
    return f"rtlamr/{device}/state", json.dumps(fields, separators=(",", ":")).encode()


FORMAT = Format(
    name="rtlamr",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    gateway=("rtlamr/#", "homeassistant/+/+/config"),
    played=Played(named=lambda home: str(_FIRST_METER + home), only_so=True, unit="L", alive=_alive, write=_write),
    samples=(
        Sample(
            source="allangood/rtlamr2mqtt: README.md, before its discovery message",
            topic="rtlamr/12345678/state",
            payload=b'{"reading": "001234.567", "lastseen": "2025-01-15T10:30:00-05:00"}',
            readings=(
                Reading(
                    "12345678",
                    WATER_VOLUME_TOTAL,
                    None,
                    "L",
                    datetime(2025, 1, 15, 15, 30, tzinfo=UTC),
                    ("unit_unknown",),
                    {"raw": 1234.567},
                ),
            ),
        ),
        Sample(
            source="bemasher/rtlamr issue #129 (masked): plain text, local time, a leak now",
            topic="radio/raw",
            payload=b"{Time:2019-11-06T20:58:17.427 R900:{ID:1500000000 Unkn1:0xA3 NoUse:32 BackFlow:0 "
            b"Consumption:    9931 Unkn3:0x00 Leak: 5 LeakNow:2}}",
            readings=(
                Reading(
                    "R900:1500000000",
                    WATER_VOLUME_TOTAL,
                    3759.292,
                    "L",
                    None,
                    ("unit_assumed_gal_tenth", "meter_alarm:leak", "meter_alarm_past:leak", "time_zone_missing"),
                    {"time_local": "2019-11-06T20:58:17.427", "raw": 9931},
                ),
            ),
        ),
        Sample(
            source="broken: allangood/rtlamr2mqtt, mock/rtlamr: a number with leading zeros",
            topic="rtlamr/raw",
            payload=b'{"Time":"2025-05-05T21:25:08.660603188Z","Offset":0,"Length":0,"Type":"SCM","Message":'
            b'{"ID":00000000,"Type":7,"TamperPhy":3,"TamperEnc":1,"Consumption":206082,"ChecksumVal":20730}}',
            rejected="want JSON",
        ),
    ),
)
