"""CTWing (天翼物联, AEP), China Telecom's platform: what it pushes of NB-IoT devices, brought to a broker by a bridge.

Source: CTWing help, "Subscription and push: message format"; messages in public projects (smoke alarms, fire hydrants, water
meters of Hubei Junxiang).

The body says it all: ``messageType``, ``deviceId``, ``timestamp`` (ms, of the platform) and ``payload``; its ``topic`` is a path
inside the platform and no MQTT topic.  ``ctwing/…`` and ``aep/…`` are subscribed to by default.  The device is ``deviceId``.

How this works.  ``payload`` holds named fields (of a platform codec, perhaps under ``serviceData``), or ``APPdata``: base64 of
JSON, of a CJ/T 188 frame, or of a maker's own frame, which nobody can read without the maker's table.  Fields are looked up as
properties of a thing model (`_thing_model`) under the product's number.  ``dataReportTupUnion`` repeats what came before and
responses to commands are between the platform and the device: neither is read.  IMEI, IMSI, ICCID, cell and position are
personal data and never come out; only where a message names no device, a digest of the IMEI stands in for it.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._cjt188 import answer, fitting, frames, octets
from ingest.devices._thing_model import (
    CALLS,
    DEVICE,
    Message,
    Point,
    alive,
    available,
    readings,
    taken,
    want_device,
)
from ingest.measures import milliseconds, moment
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import parse_object, show

_NAME = "ctwing_aep"
_TOPIC = re.compile(r"/?(?:ctwing|aep)(?:/.*)?", re.DOTALL | re.IGNORECASE)
_TYPE = re.compile(
    rb'"messageType"\s*:\s*"(?:dataReport|dataReportTupUnion|eventReport|deviceOnlineOfflineReport|commandResponse)"'
)
_FILLERS = frozenset({"", "undefined", "null", "-1"})
_OWN: Mapping[str, str] = {"servicedata.tdata": "temperature"}
"""Names of a smoke alarm's codec, in small letters -> an identifier that says what it is."""
_MOST_LEVELS = 3
_ADDRESS = 10_000_000
"""Address of a simulated meter whose name has no digits."""


def matches(topic: str) -> bool:
    """Tell whether `topic` is named after the platform."""
    return _TOPIC.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Tell whether `payload` is one of the platform's messages."""
    return payload.lstrip()[:1] == b"{" and _TYPE.search(payload) is not None


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:  # noqa: ARG001  every format has the same signature
    """Read one message.

    Raises
    ------
    Unreadable
        No JSON, no device, or a report without a payload.
    """
    fields = parse_object(payload)
    device = _device(fields)
    message = Message(_NAME, received_at, retain, memory, fields.get("timestamp"), own=_OWN)
    product = str(fields.get("productId", ""))
    match fields.get("messageType"):
        case "dataReport":
            return _report(device, product, fields.get("payload"), message)
        case "eventReport":
            return _event(device, product, fields, message)
        case "deviceOnlineOfflineReport" if (event := str(fields.get("eventType"))) in ("0", "1"):
            return [available(device, event == "1", message.clock, message)]
        case _:
            return []


def _device(fields: Mapping[str, object]) -> str:
    """Return the platform's id of the device, or a digest of its IMEI.

    Raises
    ------
    Unreadable
        Neither is there.
    """
    device = fields.get("deviceId")
    device = str(device) if isinstance(device, int) and not isinstance(device, bool) else device
    if isinstance(device, str) and device not in _FILLERS and DEVICE.fullmatch(device):
        return device
    imei = fields.get("IMEI")
    if device in (None, *_FILLERS) and isinstance(imei, str) and imei not in _FILLERS:
        return f"imei-{sha256(imei.encode(errors='replace')).hexdigest()[:16]}"
    raise Unreadable(f"deviceId: want 1 to 128 letters and digits, got {show(device)}")


def _report(device: str, product: str, payload: object, message: Message) -> list[Reading]:
    fields = _decoded(payload)
    if fields is None:
        raise Unreadable(f"payload: want an object, got {show(payload)}", device=device)
    data = next((part["APPdata"] for part in fields if "APPdata" in part), None)
    if isinstance(data, str):
        return _app_data(device, product, data, message)
    return readings(taken(_points(device, product, fields)), device, message)


def _decoded(payload: object) -> list[dict[str, object]] | None:
    """Return the objects of a payload: itself, those of a list, or the one a text holds."""
    if isinstance(payload, str):
        try:
            payload = parse_object(payload.encode(errors="replace"))
        except Unreadable:
            return None
    parts = payload if isinstance(payload, list) else [payload]
    return [part for part in parts if isinstance(part, dict)] or None


def _app_data(device: str, product: str, data: str, message: Message) -> list[Reading]:
    """Read what a device sent without a codec: JSON, a CJ/T 188 frame, or bytes that only its maker can read."""
    try:
        raw = b64decode(data, validate=True)
    except ValueError:
        raw = octets(data.encode(errors="replace"))  # some bridges write hexadecimal digits
    if raw.lstrip()[:1] == b"{":
        try:
            return readings(taken(_points(device, product, [parse_object(raw)])), device, message)
        except Unreadable:
            return [alive(device, message, flags=("raw_payload",))]
    for form in (raw, octets(raw), octets(data.encode(errors="replace"))):
        if frames(form)[0]:
            told = readings([Point(device, "", form.hex(), None)], device, message)
            return [one for one in told if "meaning_unknown" not in one.flags]
    return [alive(device, message, flags=("raw_payload",))]


def _points(device: str, product: str, parts: object, path: str = "", depth: int = 0) -> Iterator[Point]:
    """Yield the fields of a payload, those of the objects in it too, with their path: codecs nest them at will."""
    for part in parts if isinstance(parts, list) else [parts]:
        for name, value in part.items() if isinstance(part, dict) and depth <= _MOST_LEVELS else ():
            if isinstance(value, dict):
                yield from _points(device, product, value, f"{path}{name}.", depth + 1)
            elif not isinstance(value, list):
                yield Point(device, f"{path}{name}", value, None, product=product)


def _event(device: str, product: str, fields: Mapping[str, object], message: Message) -> list[Reading]:
    """Read an event: what its content says, a call for help by the name of its service."""
    service = fields.get("serviceId")
    sos = [(device, None)] if isinstance(service, str) and service.lower() in CALLS else []
    content = _decoded(fields.get("eventContent")) or []
    return readings(taken(_points(device, product, content)), device, message, sos)


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:
    """Write the push of a water meter `device` whose register showed `litres` at `at`: a CJ/T 188 frame in ``APPdata``.

    Parameters
    ----------
    device : str
        The platform's id, up to 128 letters and digits.
    at : datetime
        The platform's time (aware), to the millisecond.
    litres : float
        Register [L]; sent in steps of 10 L, those that are full.

    Returns
    -------
    topic, payload

    Raises
    ------
    ValueError
        No device id, or the register does not fit.
    """
    want_device(device, "device id")
    digits = re.sub(r"\D", "", device, flags=re.ASCII)[-14:]
    frame = answer(f"{int(digits or _ADDRESS):014d}", litres, at)
    report = {
        "upPacketSN": -1,
        "topic": "v1/up/ad",
        "timestamp": milliseconds(at),
        "protocol": "lwm2m",
        "productId": "15000000",
        "payload": {"APPdata": b64encode(frame).decode()},
        "messageType": "dataReport",
        "deviceId": device,
        "IMSI": "undefined",
    }
    return "ctwing/push", json.dumps(report, separators=(",", ":")).encode()


def _write(device: str, said: Sequence[tuple[datetime, float]], _: float) -> list[tuple[str, bytes]]:
    return [encode(device, at, fitting(litres)) for at, litres in said]


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    report = {"timestamp": milliseconds(at), "messageType": "deviceOnlineOfflineReport", "eventType": 1}
    return "ctwing/push", json.dumps({**report, "deviceId": device}, separators=(",", ":")).encode()


_ALARM = "acf7baaee65e431eadfb8f5f00000000"

FORMAT = Format(
    name=_NAME,
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    gateway=("ctwing/#",),
    played=Played(step_l=10.0, alive=_alive, write=_write),
    samples=(
        Sample(
            source="a public project: a smoke alarm with a platform codec; its cell and numbers stay out",
            topic="ctwing/push",
            payload=b'{"upPacketSN":-1,"topic":"v1/up/ad","timestamp":1606982320277,"productId":"15014772","payload":{'
            b'"serviceId":"notification","serviceData":{"TData":30,"RSRP":114,"IMEI":"860374050000000",'
            b'"Cell_ID":"38848339","CSQ":5,"Battery_Level":100,"Alarm_Status":2}},"messageType":"dataReport",'
            b'"deviceId":"acf7baaee65e431eadfb8f5f00000000","IMSI":"undefined","IMEI":"860374050000000"}',
            readings=(
                Reading(_ALARM, "temperature", 30, "Cel", moment(1606982320277)),
                Reading(_ALARM, "battery", 100, "%", moment(1606982320277)),
            ),
        ),
        Sample(
            source="a captured CJ/T 188 frame (paobo/M-CB-780) in this envelope",
            topic="bridge/nb",
            payload=b'{"timestamp":1795240800000,"payload":{"APPdata":"aBBnBRckAAAAgRaQHwEAAwAALAADAAAsAAAAAAAAAAD/wxY="},'
            b'"messageType":"dataReport","deviceId":"40edca19b012","IMEI":""}',
            readings=(
                Reading("40edca19b012", WATER_VOLUME_TOTAL, 3000, "L", moment(1795240800000)),
                Reading("40edca19b012", "valve_open", True, "bool", moment(1795240800000)),
            ),
        ),
        Sample(
            source="a public project: a device came online",
            topic="ctwing/push",
            payload=b'{"timestamp":1589444231825,"tenantId":"10461180","protocol":"lwm2m","productId":"10053421",'
            b'"messageType":"deviceOnlineOfflineReport","iccid":"undefined","eventType":1,"deviceId":"44d0b9e4"}',
            readings=(Reading("44d0b9e4", "available", True, "bool", moment(1589444231825)),),
        ),
        Sample(
            source="broken: fillers where the device should be",
            topic="ctwing/push",
            payload=b'{"timestamp":1589444231825,"payload":{"APPdata":"AA=="},"messageType":"dataReport","deviceId":"",'
            b'"IMEI":"undefined"}',
            rejected="deviceId: want 1 to 128 letters and digits, got ''",
        ),
    ),
)
