"""Huawei Cloud IoTDA: devices report properties by service.

Source: Huawei Cloud IoTDA, API reference: "Device reporting properties" (iot_06_v5_3010), "Gateway reporting device properties
in batches" (3006), events of sub-devices; developer guide, forwarding of ``device.property``.

Topics ``$oc/devices/{device_id}/sys/properties/report`` and, for the sub-devices of a gateway,
``…/sys/gateway/sub_devices/properties/report``.  The device is the id of the topic or of the sub-device.  A subscription to ``#``
does not match topics that begin with ``$``.

How this works.  What a property means is said by its service *and* its name: ``value`` alone says nothing, and ``level2`` is no
``level``.  So each property becomes the identifier ``service.property`` of `_thing_model`; a name that says what it is
(``batteryVoltage``) is enough in any service.  ``event_time`` is UTC, compact or extended, and optional.  An id that the
platform made begins with the product: ``{product}_{node}``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._thing_model import (
    DEVICE,
    MOST_POINTS,
    Message,
    Point,
    available,
    cubic_metres,
    named,
    readings,
    taken,
    want_device,
)
from ingest.measures import moment
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import parse_object, show

MOST_REPORT = 64 * 1024
"""What the platform takes of properties in one message (user guide, "Data reporting"). [byte]"""
_NAME = "huawei_iotda"
_TOPIC = re.compile(r"(?:.*/)?\$oc/devices/([^/]+)/(?:sys|user)/(.+)", re.DOTALL)
_REPORT = re.compile(r"(gateway/sub_devices/)?properties/report(?:\?request_id=.*)?")
_PUSH = re.compile(rb'"resource"\s*:\s*"device\.property"')
_EVENTS = "events/up"
_OWN: Mapping[str, str] = {
    "temperature.value": "temperature",
    "humidity.value": "humidity",
    "battery.level": "batterylevel",
    "battery.voltage": "batteryvoltage",
}
"""``service.property`` in small letters -> the identifier that says what Huawei's own examples mean by it."""


def matches(topic: str) -> bool:
    """Tell whether `topic` is one of the platform's."""
    return _TOPIC.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Tell whether `payload` is what the platform forwards of a device's properties."""
    return payload.lstrip()[:1] == b"{" and _PUSH.search(payload) is not None


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read one report.

    Raises
    ------
    Unreadable
        With the device: no JSON, no services, no device, or a report longer than the platform takes.
    """
    found = _TOPIC.fullmatch(topic)
    device, rest = (found[1], found[2]) if found else ("", "")
    report = _REPORT.fullmatch(rest)
    if found and report is None and rest != _EVENTS:
        return []  # commands, shadows, messages, replies: what the platform and the device say to each other
    if report is not None and len(payload) > MOST_REPORT:
        raise Unreadable(f"payload: want at most {MOST_REPORT} bytes, got {len(payload)}", device=device or None)
    try:
        fields = parse_object(payload)
    except Unreadable as error:
        raise Unreadable(str(error), device=device or None) from None
    message = Message(_NAME, received_at, retain, memory, own=_OWN)
    if not found:
        return _forwarded(fields, message)
    if report is None:
        return _came_or_went(fields, message)
    if report[1]:
        return _of_gateway(named(device), fields, message)
    return readings(taken(_services(named(device), fields.get("services"))), device, message)


def _of_gateway(gateway: str, fields: Mapping[str, object], message: Message) -> list[Reading]:
    devices = fields.get("devices")
    if not isinstance(devices, list):
        raise Unreadable(f"devices: want a list, got {show(devices)}", device=gateway)
    found: list[Point] = []
    for entry in devices:
        device = entry.get("device_id") if isinstance(entry, dict) else None
        if isinstance(entry, dict) and isinstance(device, str) and DEVICE.fullmatch(device):
            found += taken(_services(device, entry.get("services")))
            if len(found) > MOST_POINTS:
                break  # `readings` says so
    if not found:
        raise Unreadable("devices: want device_id and services, got none", device=gateway)
    return readings(found, gateway, message)


def _services(device: str, services: object) -> Iterator[Point]:
    """Yield the properties of each service of one device.

    Raises
    ------
    Unreadable
        With the device: there are none.
    """
    if not isinstance(services, list):
        raise Unreadable(f"services: want a list, got {show(services)}", device=device)
    product = device.partition("_")[0]
    for service in services:
        told = service.get("properties") if isinstance(service, dict) else None
        for name, value in told.items() if isinstance(told, dict) else ():
            if not isinstance(value, dict | list):
                identifier = f"{service.get('service_id', '')}.{name}"
                stamp = service.get("event_time", service.get("eventTime"))  # the older spelling of its interfaces
                yield Point(device, identifier, value, stamp, product=product)


def _forwarded(fields: Mapping[str, object], message: Message) -> list[Reading]:
    """Read what the platform forwards: the device in a header, its services in a body."""
    told = fields.get("notify_data")
    header, body = (told.get("header"), told.get("body")) if isinstance(told, dict) else (None, None)
    device = named(header.get("device_id") if isinstance(header, dict) else None)
    services = body.get("services") if isinstance(body, dict) else None
    return readings(taken(_services(device, services)), device, message._replace(clock=fields.get("event_time")))


def _came_or_went(fields: Mapping[str, object], message: Message) -> list[Reading]:
    """Read a gateway's word that its sub-devices are online or offline."""
    services = fields.get("services")
    said = []
    for service in services if isinstance(services, list) else []:
        paras = service.get("paras") if isinstance(service, dict) else None
        statuses = paras.get("device_statuses") if isinstance(paras, dict) else None
        for one in statuses if isinstance(statuses, list) else []:
            device, word = (one.get("device_id"), one.get("status")) if isinstance(one, dict) else (None, None)
            if word in ("ONLINE", "OFFLINE") and isinstance(device, str) and DEVICE.fullmatch(device):
                said.append(available(device, word == "ONLINE", service.get("event_time"), message))
    return said


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:
    """Write the report of a water meter `device` whose register showed `litres` at `at`.

    Parameters
    ----------
    device : str
        Device id, up to 128 letters and digits.
    at : datetime
        The meter's clock (aware), to the millisecond.
    litres : float
        Register [L]; sent in m³ with three decimals, so whole litres, those that are full.

    Returns
    -------
    topic, payload

    Raises
    ------
    ValueError
        No device id.
    """
    want_device(device, "device id")
    utc = at.astimezone(UTC)
    time = f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
    properties = {"totalVolume_m3": cubic_metres(litres)}
    report = {"services": [{"service_id": "WaterMeter", "properties": properties, "event_time": time}]}
    return f"$oc/devices/{device}/sys/properties/report", json.dumps(report, separators=(",", ":")).encode()


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    service = {"service_id": "Connectivity", "properties": {"rssi": -71}, "event_time": f"{at:%Y%m%dT%H%M%S}Z"}
    return f"$oc/devices/{device}/sys/properties/report", json.dumps({"services": [service]}).encode()


def _charge(device: str, at: datetime, percent: float) -> tuple[str, bytes]:
    properties = {"level": round(percent, 1)}
    service = {"service_id": "Battery", "properties": properties, "event_time": f"{at:%Y%m%dT%H%M%S}Z"}
    return f"$oc/devices/{device}/sys/properties/report", json.dumps({"services": [service]}).encode()


FORMAT = Format(
    name=_NAME,
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    writes=("$oc/devices/{device}/sys/#",),
    played=Played(step_l=1.0, alive=_alive, charge=_charge),
    samples=(
        Sample(
            source="Huawei Cloud IoTDA, API reference, device reporting properties: value2 and level2 say nothing",
            topic="$oc/devices/5fa0_meter01/sys/properties/report",
            payload=b'{"services":[{"service_id":"Temperature","properties":{"value":57,"value2":60},'
            b'"event_time":"20151212T121212Z"},{"service_id":"Battery","properties":{"level":80,"level2":90},'
            b'"event_time":"20151212T121212Z"}]}',
            readings=(
                Reading("5fa0_meter01", "temperature", 57, "Cel", moment(1449922332000)),
                Reading("5fa0_meter01", "battery", 80, "%", moment(1449922332000)),
            ),
        ),
        Sample(
            source="Huawei Cloud IoTDA, API reference, gateway reporting in batches: phase voltages of two electricity meters",
            topic="$oc/devices/5fa0_gateway/sys/gateway/sub_devices/properties/report",
            payload=b'{"devices":[{"device_id":"bf40f0c4-4022-41c6-a201-c5133122054a","services":[{"service_id":"analog",'
            b'"properties":{"PhV_phsA":"1","PhV_phsB":"2"},"event_time":"20190606T121212Z"}]}]}',
            readings=(
                Reading(
                    "bf40f0c4-4022-41c6-a201-c5133122054a",
                    "available",
                    True,
                    "bool",
                    moment(1559823132000),
                    ("meaning_unknown",),
                ),
            ),
        ),
        Sample(
            source="this format: a register whose name holds its unit",
            topic="$oc/devices/5fa0_meter01/sys/properties/report",
            payload=b'{"services":[{"service_id":"WaterMeter","properties":{"totalVolume_m3":82.184},"event_time":null}]}',
            readings=(Reading("5fa0_meter01", WATER_VOLUME_TOTAL, 82184, "L", None, ("time_missing",)),),
        ),
        Sample(
            source="broken: services without their list",
            topic="$oc/devices/5fa0_meter01/sys/properties/report",
            payload=b'{"services":{"service_id":"Battery"}}',
            rejected="services: want a list, got an object of 1",
        ),
    ),
)
