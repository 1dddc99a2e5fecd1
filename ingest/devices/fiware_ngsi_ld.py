"""FIWARE: entities of type ``WaterConsumptionObserved`` in NGSI-LD (and the older NGSI v2), as city platforms send them.

Source: smart-data-models/dataModel.WaterConsumption ``WaterConsumptionObserved`` (schema and examples, December 2024); ETSI GS
CIM 009 (NGSI-LD: notifications, also over MQTT, where they stand in ``body``).

The topic is whatever the subscription says; the entity's ``type`` is looked at.  The device is the entity's ``id``.
Attributes come bare (key-values) or as objects with ``value``, ``unitCode`` (UN/CEFACT) and ``observedAt``.

How this works.  ``waterConsumption`` is the register.  Its schema says cubic metres and its own example says litres, so
without a ``unitCode`` the registry's unit counts, and without that litres are assumed and flagged: a home with a hundred
thousand cubic metres there is not.  ``maxFlow`` and ``minFlow`` are those of the last week and are left out.  Alarms are 0 or
1; a flow that persists is a text.  Place, owner and all other fields are never read.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.measures import FACTORS, convert, plausible, rfc3339, zulu
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import parse, show
from ingest.texts import number, state

_TYPE = "WaterConsumptionObserved"
_FIRST_LEVELS = frozenset({"fiware", "ngsi", "ngsi-ld", "ngsild", "ngsiv2"})
_ID = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_UNITS = {
    "LTR": "L",
    "MTQ": "m3",
    "GLL": "gal_us",
    "FTQ": "ft3",
}
"""Codes of UN/CEFACT recommendation 20 -> our names."""
_ALARMS = {
    "alarmStopsLeaks": "meter_alarm:leak",
    "alarmWaterQuality": "meter_alarm:backflow",
    "alarmTamper": "tamper",
    "moduleTampered": "tamper",
    "acquisitionStageFailure": "read_error",
}
_PERSISTS = "in progress"
"""How the texts of a flow that does not stop begin; the others are "Nothing to report", "No persistence" and "Past …"."""
_MOST_ENTITIES = 1_000


def matches(topic: str) -> bool:
    """Tell whether the first level of `topic` names the platform."""
    return topic.lower().partition("/")[0] in _FIRST_LEVELS


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Tell whether `payload` holds such an entity."""
    return _TYPE.encode() in payload and payload.lstrip()[:1] in (b"{", b"[")


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:  # noqa: ARG001
    """Read one entity, a list of them, or a notification that holds them.

    Raises
    ------
    Unreadable
        Not JSON, an entity without an id, or a consumption that is no number; with what could be read.
    """
    readings: list[Reading] = []
    complaints: list[str] = []
    for entity in _entities(parse(payload)):
        try:
            readings += _read(entity, received_at, retain, memory)
        except Unreadable as error:
            complaints.append(str(error))
            readings += error.readings
    if complaints:
        raise Unreadable("; ".join(complaints[:20]), readings=readings)
    return readings


def _entities(value: object) -> list[Mapping[str, object]]:
    """Return the entities of our type, wherever a broker put them."""
    for inner in ("body", "data"):
        if isinstance(value, dict) and _TYPE not in str(value.get("type")) and inner in value:
            value = value[inner]
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) for item in items):
        raise Unreadable(f"payload: want an entity or a notification, got {show(value)}")
    return [item for item in items[:_MOST_ENTITIES] if isinstance(item, dict) and _ours(item.get("type"))]


def _ours(kind: object) -> bool:
    kinds = kind if isinstance(kind, list) else [kind]
    return any(isinstance(one, str) and re.split(r"[/#:]", one)[-1] == _TYPE for one in kinds)


def _read(entity: Mapping[str, object], received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    device = entity.get("id")
    if not isinstance(device, str) or not _ID.fullmatch(device):
        raise Unreadable(f"id: want a URI of 1 to 128 printable characters, got {show(device)}")
    kept = ("retained",) if retain else ()
    alarms = _alarms(entity)
    attribute = entity.get("waterConsumption")
    time, flags = _time(entity, attribute, received_at)
    alive = Reading(device, "available", True, "bool", time, (*kept, "no_reading", *flags, *alarms))
    if _value(attribute) is None:
        return [alive]
    amount = number(_value(attribute))
    if amount is None or not 0 <= amount < 10**10:
        complaint = f"waterConsumption: want a number of at least 0, got {show(_value(attribute))}"
        raise Unreadable(complaint, device=device, readings=[alive])
    code = _unit_code(attribute)
    if code is not None and not (isinstance(code, str) and code in _UNITS):
        complaint = f"unitCode: want one of {', '.join(_UNITS)}, got {show(code)}"
        raw = Reading(
            device, WATER_VOLUME_TOTAL, None, "L", time, (*kept, *flags, "unit_unknown", *alarms), _raw(amount)
        )
        raise Unreadable(complaint, device=device, readings=[raw])
    told = memory.unit(device, received_at)
    told = told if told in FACTORS and FACTORS[told][0] == "L" else None
    assumed = () if isinstance(code, str) or told else ("unit_assumed_l",)
    unit = _UNITS[code] if isinstance(code, str) else told or "L"
    litres = convert(amount, unit)
    return [Reading(device, WATER_VOLUME_TOTAL, litres, "L", time, (*kept, *flags, *assumed, *alarms))]


def _unit_code(attribute: object) -> object:
    """Return the unit of an attribute: its own key, or in NGSI v2 one of its metadata."""
    if not isinstance(attribute, dict):
        return None
    metadata = attribute.get("metadata")
    told = metadata.get("unitCode") if isinstance(metadata, dict) else None
    return attribute.get("unitCode", _value(told))


def _raw(amount: Decimal) -> dict[str, float]:
    return {"raw": float(amount)}


def _value(attribute: object) -> object:
    """Return the value of an attribute, bare or wrapped; a date may be wrapped twice."""
    for name in ("value", "@value"):
        attribute = attribute[name] if isinstance(attribute, dict) and name in attribute else attribute
    return None if isinstance(attribute, dict | list) else attribute


def _alarms(entity: Mapping[str, object]) -> tuple[str, ...]:
    found = [flag for name, flag in _ALARMS.items() if state(_value(entity.get(name))) is True]
    persists = _value(entity.get("alarmFlowPersistence"))
    if isinstance(persists, str) and persists.strip().lower().startswith(_PERSISTS):
        found.append("meter_alarm:continuous_flow")
    return tuple(dict.fromkeys(found))


def _time(
    entity: Mapping[str, object], attribute: object, received_at: datetime
) -> tuple[datetime | None, tuple[str, ...]]:
    told = False
    for text in _times(entity, attribute):
        told = True
        try:
            time = rfc3339(text)
        except ValueError:
            continue
        if plausible(time, received_at):
            return time, ()
    return None, ("implausible_time",) if told else ("time_missing",)


def _times(entity: Mapping[str, object], attribute: object) -> Iterator[object]:
    """Yield when it was observed, the attribute's own time first; when it was sent on is no such time."""
    if isinstance(attribute, dict):
        metadata = attribute.get("metadata")
        inner = metadata if isinstance(metadata, dict) else {}
        said = [attribute.get("observedAt"), inner.get("TimeInstant"), inner.get("timestamp")]
        yield from (_value(one) for one in said if _value(one) is not None)
    for name in ("observedAt", "dateObserved", "TimeInstant"):
        value = _value(entity.get(name))
        if value is not None:
            yield value


def encode(
    device: str, at: datetime, litres: float, *, leak: bool = False, topic: str = "fiware/notify"
) -> tuple[str, bytes]:
    """Write the notification of a meter `device` whose register showed `litres` at `at` (aware).

    Returns
    -------
    topic, payload

    Raises
    ------
    ValueError
        An id that is no URI.
    """
    if not _ID.fullmatch(device):
        raise ValueError(f"want a URI of 1 to 128 printable characters, got {device!r}")
    time = zulu(at)
    register = {"type": "Property", "value": litres, "unitCode": "LTR", "observedAt": time}
    entity = {
        "id": device,
        "type": _TYPE,
        "waterConsumption": register,
        "alarmStopsLeaks": {"type": "Property", "value": int(leak), "observedAt": time},
    }
    notification = {"id": "urn:ngsi-ld:Notification:1", "type": "Notification", "notifiedAt": time, "data": [entity]}
    return topic, json.dumps({"metadata": {}, "body": notification}, separators=(",", ":")).encode()


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    entity = {"id": device, "type": _TYPE, "dateObserved": zulu(at)}
    return "fiware/notify", json.dumps(entity, separators=(",", ":")).encode()


FORMAT = Format(
    name="fiware_ngsi_ld",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    gateway=("fiware/#",),
    played=Played(named=lambda home: f"urn:ngsi-ld:{_TYPE}:wm-{home:06d}", alive=_alive),
    samples=(
        Sample(
            source="smart-data-models/dataModel.WaterConsumption: example-normalized, the register with its unit and time",
            topic="city/water",
            payload=b'{"id":"urn:ngsi-ld:Consumer:Consumer01","type":"WaterConsumptionObserved","waterConsumption":'
            b'{"type":"Property","value":191051,"unitCode":"LTR","observedAt":"2021-05-23T23:14:16.000Z"},'
            b'"maxFlow":{"type":"Property","value":620,"unitCode":"E32"},'
            b'"alarmStopsLeaks":{"type":"Property","value":1}}',
            readings=(
                Reading(
                    "urn:ngsi-ld:Consumer:Consumer01",
                    WATER_VOLUME_TOTAL,
                    191051,
                    "L",
                    datetime(2021, 5, 23, 23, 14, 16, tzinfo=UTC),
                    ("meter_alarm:leak",),
                ),
            ),
        ),
        Sample(
            source="broken: a consumption that is a word",
            topic="fiware/notify",
            payload=b'{"id":"urn:ngsi-ld:Consumer:Consumer01","type":"WaterConsumptionObserved","waterConsumption":"much"}',
            readings=(
                Reading(
                    "urn:ngsi-ld:Consumer:Consumer01", "available", True, "bool", None, ("no_reading", "time_missing")
                ),
            ),
            rejected="waterConsumption: want a number of at least 0, got 'much'",
        ),
    ),
)
