"""Alibaba Cloud IoT: the thing model (物模型, TSL) that many Chinese devices and platforms speak, the clones included.

Source: Alibaba Cloud IoT Platform help, document 89301 (topics and Alink JSON), its pages on data parsing and on the formats
of forwarded data; RT-Thread package documentation; JetLinks, official and demonstration protocol; EnOS, device connection
2.3; the AIoT platform of chn-das (documents 2540927, 2541041, 3333090).

Topics ``/sys/{productKey}/{deviceName}/thing/event/property/post`` and its neighbours (batch, pack, history, events); a
device may also send the same JSON on a topic of its own.  The device is ``deviceName``.

How this works.  What a report holds is read in `_thing_model`; this module knows the topics and wrappings of the platforms
that share its shape.  JetLinks writes ``{"properties"}`` on ``/{product}/{device}/properties/report``, forwarded data stand in
``items``, chn-das pushes one object or a list of devices, with local times in the former.  Bytes on ``model/up_raw`` need the
product's own script and are refused; so is JSON without quotes, which real firmware sends, since a lenient reader would guess.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._thing_model import (
    CALLS,
    DEVICE,
    Message,
    Point,
    available,
    calls,
    cubic_metres,
    named,
    own_clock,
    points,
    readings,
    taken,
    want_device,
)
from ingest.measures import milliseconds, moment
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import parse, parse_object, show

_NAME = "aliyun_tsl"
_TOPIC = re.compile(r"(?:.*/)?sys/([^/]+)/([^/]+)/(thing/.+|rrpc/.+|_thing/.+)", re.DOTALL)
_FORWARDED = re.compile(r"/([^/]+)/([^/]+)/(thing/event/.+/post)", re.DOTALL)
_REPORT = re.compile(
    r"thing/(?:event/(?:([^/]+)/)?(?:post|batch/post|pack/post|history/post)"
    r"|measurepoint/(?:batch/)?post|properties/(?:gateway/)?up)"
)
_JETLINKS = re.compile(
    r"/([^/]+)/([^/]+)(?:/child/([^/]+))?/"
    r"(properties/(?:report|read/reply)|event/[^/]+|online|offline|connected|disconnect)"
)
_STATUS = re.compile(r"/as/mqtt/status/([^/]+)/([^/]+)")
_DEMO = "/report-property"
_CUSTOM = re.compile(r"/?[^/]+/([^/]+)/.+", re.DOTALL)
_METHOD = re.compile(rb'"method"\s*:\s*"thing\.event\.')
_PUSH = re.compile(rb'"event_type"\s*:\s*"device_property_report"')
_LISTED = re.compile(rb'"deviceId"\s*:[^\[\]]{0,400}"properties"\s*:\s*\[\s*\{\s*"key"\s*:')
_PRODUCT = "a1shuiansim"
"""The product under which simulated devices report."""


def matches(topic: str) -> bool:
    """Tell whether `topic` is one of a thing model."""
    return topic == _DEMO or any(one.fullmatch(topic) for one in (_TOPIC, _JETLINKS, _FORWARDED, _STATUS))


def sniff(topic: str, payload: bytes) -> bool:
    """Tell whether `payload` is a report of a thing model on a device's own topic, or a platform's push of one."""
    start = payload.lstrip()[:1]
    if start == b"[":
        return _LISTED.search(payload) is not None
    if start != b"{":
        return False
    return _PUSH.search(payload) is not None or (
        _METHOD.search(payload) is not None and _CUSTOM.fullmatch(topic) is not None
    )


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read one report.

    Raises
    ------
    Unreadable
        With the device: bytes that need the product's script, no JSON, or no device.
    """
    message = Message(_NAME, received_at, retain, memory)
    if found := _TOPIC.fullmatch(topic) or _FORWARDED.fullmatch(topic):
        return _posted(found[1], found[2], found[3], payload, message)
    if found := _STATUS.fullmatch(topic):
        return _online(named(found[2]), payload, message)
    if found := _JETLINKS.fullmatch(topic):
        return _jetlinks(found[1], named(found[3] or found[2]), found[4], payload, message)
    if payload.lstrip()[:1] == b"[":
        return _listed(payload, message)
    return _elsewhere(topic, payload, message)


def _posted(product: str, device: str, rest: str, payload: bytes, message: Message) -> list[Reading]:
    """Read what came on one of the platform's own topics."""
    if rest == "thing/model/up_raw":
        return _raw(device, payload, message)
    report = _REPORT.fullmatch(rest)
    if report is None:
        return []  # settings, services, replies: what the platform and the device say to each other
    fields = _fields(payload, device)
    event = report[1] if report[1] not in (None, "property", "measurepoint") else None
    if event:
        return _event(event, named(device), fields, message)
    return _report(named(device), product, fields, message._replace(past="history" in rest))


def _raw(device: str, payload: bytes, message: Message) -> list[Reading]:
    """Read a meter's own frame, the only bytes that do not need the product's script."""
    frame = Point(named(device), "", payload.decode("latin-1") if payload.isascii() else payload.hex(), None)
    told = readings([frame], device, message)
    if all(one.quantity == "available" and "meaning_unknown" in one.flags for one in told):
        raise Unreadable("payload: want JSON, got raw bytes, which need the product's own script", device=device)
    return told


def _elsewhere(topic: str, payload: bytes, message: Message) -> list[Reading]:
    """Read a report on a device's own topic, or a push that names the device inside."""
    custom = _CUSTOM.fullmatch(topic)
    device = custom[1] if custom else ""
    fields = _fields(payload, device)
    body = fields.get("body")
    if isinstance(body, dict):
        whose, data = body.get("device_id"), body.get("data")
        if not isinstance(whose, str) or not DEVICE.fullmatch(whose) or not isinstance(data, dict):
            raise Unreadable(f"body: want a device_id and data, got {show(whose)} and {show(data)}")
        return readings(taken(points(whose, data)), whose, message._replace(clock=body.get("time")))
    if topic == _DEMO:
        return _report(named(fields.get("deviceId")), "", fields, message)
    return _report(named(device), "", fields, message)


def _fields(payload: bytes, device: str) -> dict[str, object]:
    try:
        fields = parse_object(payload)
    except Unreadable as error:
        raise Unreadable(str(error), device=device or None) from None
    content = fields.get("content")  # some platforms wrap what they forward
    return content if isinstance(content, dict) and "params" not in fields else fields


def _report(device: str, product: str, fields: Mapping[str, object], message: Message) -> list[Reading]:
    params = next((fields[key] for key in ("params", "properties", "items") if key in fields), None)
    if not isinstance(params, dict | list):
        raise Unreadable(f"params: want an object, got {show(params)}", device=device)
    found = taken(points(device, params, product))
    message = message._replace(clock=own_clock(found, fields), message_id=fields.get("id", fields.get("messageId")))
    return readings(found, device, message, calls(device, params))


def _event(name: str, device: str, fields: Mapping[str, object], message: Message) -> list[Reading]:
    """Read an event of the product: a call for help by its name, else a sign that the device lives."""
    params = fields.get("params", fields)
    stamp = params.get("time", params.get("timestamp")) if isinstance(params, dict) else None
    message = message._replace(clock=stamp, message_id=fields.get("id", fields.get("messageId")))
    sos = [(device, stamp)] if name.lower() in CALLS else []
    return readings([], device, message, sos)


def _jetlinks(product: str, device: str, rest: str, payload: bytes, message: Message) -> list[Reading]:
    """Read what a device says to JetLinks; a gateway says it for its children."""
    if rest in ("online", "connected", "offline", "disconnect"):
        return [available(device, rest in ("online", "connected"), None, message)]
    fields = _fields(payload, device)
    if rest.startswith("event/"):
        return _event(rest.removeprefix("event/"), device, fields, message)
    if "properties" not in fields and fields.get("success") is False:
        return []
    return _report(device, product, fields, message)


def _online(device: str, payload: bytes, message: Message) -> list[Reading]:
    """Read the platform's word that a device came or went."""
    fields = _fields(payload, device)
    word = fields.get("status")
    if word not in ("online", "offline"):
        raise Unreadable(f"status: want online or offline, got {show(word)}", device=device)
    return [available(device, word == "online", fields.get("utcTime", fields.get("time")), message)]


def _listed(payload: bytes, message: Message) -> list[Reading]:
    """Read a push of several devices: each property an object with ``key``, ``value`` and ``time``."""
    devices = parse(payload)
    found = [
        Point(entry["deviceId"], one["key"], one.get("value"), one.get("time"), product=str(entry.get("productId", "")))
        for entry in (devices if isinstance(devices, list) else [])
        if isinstance(entry, dict) and isinstance(entry.get("deviceId"), str) and DEVICE.fullmatch(entry["deviceId"])
        for one in (entry["properties"] if isinstance(entry.get("properties"), list) else [])
        if isinstance(one, dict) and isinstance(one.get("key"), str)
    ]
    if not found:
        raise Unreadable("payload: want a list of devices with properties, got none")
    return readings(found, found[0].device, message)


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:
    """Write the report of a water meter `device` whose register showed `litres` at `at`.

    Parameters
    ----------
    device : str
        Device name, up to 128 letters and digits.
    at : datetime
        The meter's clock (aware), to the millisecond.
    litres : float
        Register [L]; sent in m³ with three decimals, so whole litres, those that are full.

    Returns
    -------
    topic, payload
        As a device of Alibaba Cloud IoT publishes them.

    Raises
    ------
    ValueError
        No device name.
    """
    want_device(device, "device name")
    at_ms = milliseconds(at)
    report = {
        "id": str(at_ms),
        "version": "1.0",
        "params": {"WaterCFV": {"value": cubic_metres(litres), "time": at_ms}},
        "method": "thing.event.property.post",
    }
    return f"/sys/{_PRODUCT}/{device}/thing/event/property/post", json.dumps(report, separators=(",", ":")).encode()


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    report = {"id": str(milliseconds(at)), "version": "1.0", "params": {}, "method": "thing.event.property.post"}
    return f"/sys/{_PRODUCT}/{device}/thing/event/property/post", json.dumps(report, separators=(",", ":")).encode()


def _charge(device: str, at: datetime, percent: float) -> tuple[str, bytes]:
    topic, payload = _alive(device, at)
    params = {"batteryPercentage": {"value": round(percent, 1), "time": milliseconds(at)}}
    return topic, json.dumps({**json.loads(payload), "params": params}, separators=(",", ":")).encode()


FORMAT = Format(
    name="aliyun_tsl",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    writes=("/sys/+/{device}/thing/#",),
    reads=("/sys/+/{device}/thing/#",),  # answers to its reports, and settings
    played=Played(unit="m3", step_l=1.0, message_id="id", alive=_alive, charge=_charge),
    samples=(
        Sample(
            source="Alibaba Cloud IoT Platform help, document 89301: WF is no water flow here",
            topic="/sys/a1XXXXXXXXX/device1/thing/event/property/post",
            payload=b'{"id":"123","version":"1.0","sys":{"ack":0},"params":{"Power":{"value":"on","time":1524448722000},'
            b'"WF":{"value":23.6,"time":1524448722000}},"method":"thing.event.property.post"}',
            readings=(Reading("device1", "switch", True, "bool", moment(1524448722000)),),
        ),
        Sample(
            source="a public script of a 4G water meter: its values in the shape of document 89301",
            topic="/sys/a1XXXXXXXXX/000060009140/thing/event/property/post",
            payload=b'{"id":"1","params":{"Temp":20.19,"Time":"1734948228000","Version":"22960132","WaterCFV":105.66},'
            b'"method":"thing.event.property.post"}',
            readings=(
                Reading("000060009140", "temperature", 20.19, "Cel", moment(1734948228000)),
                Reading("000060009140", WATER_VOLUME_TOTAL, 105660, "L", moment(1734948228000)),
            ),
        ),
        Sample(
            source="broken: a public valve manager's firmware, names without quotes",
            topic="/sys/a1w01lP5lmB/valve_manager1/thing/event/property/post",
            payload=b"{params:{Press_In:256,Press_Out:34}}",
            rejected="payload: want JSON",
        ),
        Sample(
            source="Alibaba Cloud IoT Platform help, data parsing: bytes that only the product's script can read",
            topic="/sys/a1XXXXXXXXX/device1/thing/model/up_raw",
            payload=b"00002233441232013fa00000",
            rejected="need the product's own script",
        ),
    ),
)
