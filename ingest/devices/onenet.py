"""OneNET, China Mobile's platform: thing models in OneJSON, and data points.

Source: OneNET documentation, "OneJSON: device properties and events" (in warrlon/warrlon, ``iotgz-docs``) and "MQTT: upload of
data points"; public firmware.

Topics ``$sys/{product}/{device}/thing/{property|event|pack|history}/post`` and ``…/dp/post/json``.  The device is the one of the
topic, or the sub-device that ``identity`` names.  A subscription to ``#`` does not match topics that begin with ``$``.

How this works.  The shape is that of `_thing_model`.  In ``history`` each property is a list of past values; data points are
lists of ``{"v", "t"}`` with seconds.  Events are calls for help by their name, and signs of life otherwise.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._thing_model import (
    CALLS,
    Message,
    Point,
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
from ingest.strict_json import parse_object, show

_NAME = "onenet"
_TOPIC = re.compile(r"(?:.*/)?\$sys/([^/]+)/([^/]+)/(thing/.+|dp/.+|cmd/.+|image/.+|ota/.+|ntp/.+)", re.DOTALL)
_REPORT = re.compile(r"thing/(property|event|pack|history)/post")
_PRODUCT = "shuiansim1"
"""The product under which simulated devices report."""


def matches(topic: str) -> bool:
    """Tell whether `topic` is one of the platform's."""
    return _TOPIC.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Return False: elsewhere the shape is that of other platforms too."""
    return False


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read one report.

    Raises
    ------
    Unreadable
        With the device: no JSON, no parameters, or no device.
    """
    found = _TOPIC.fullmatch(topic)
    product, device, rest = (found[1], found[2], found[3]) if found else ("", "", "")
    report = _REPORT.fullmatch(rest)
    if report is None and rest != "dp/post/json":
        return []  # settings, services, replies: what the platform and the device say to each other
    try:
        fields = parse_object(payload)
    except Unreadable as error:
        raise Unreadable(str(error), device=device) from None
    message = Message(_NAME, received_at, retain, memory, message_id=fields.get("id"))
    if report is None:
        return _data_points(named(device), product, fields, message)
    params = fields.get("params")
    if not isinstance(params, dict | list):
        raise Unreadable(f"params: want an object, got {show(params)}", device=device)
    if report[1] == "event":
        return _events(named(device), params, message)
    told = taken(points(named(device), params, product))
    message = message._replace(clock=own_clock(told, fields), past=report[1] == "history")
    return readings(told, device, message, calls(device, params))


def _events(device: str, params: object, message: Message) -> list[Reading]:
    """Read events: an object of them, each with ``value`` and ``time``."""
    told = params.items() if isinstance(params, dict) else ()
    stamps = [(name, one.get("time") if isinstance(one, dict) else None) for name, one in told]
    sos = [(device, stamp) for name, stamp in stamps if name.lower() in CALLS]
    first = next((stamp for _, stamp in stamps), None)
    return readings([], device, message._replace(clock=first), sos)


def _data_points(device: str, product: str, fields: Mapping[str, object], message: Message) -> list[Reading]:
    streams = fields.get("dp")
    if not isinstance(streams, dict):
        raise Unreadable(f"dp: want an object, got {show(streams)}", device=device)
    return readings(taken(_streams(device, product, streams)), device, message)


def _streams(device: str, product: str, streams: Mapping[str, object]) -> Iterator[Point]:
    for identifier, values in streams.items():
        listed = [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []
        for one in listed:
            yield Point(device, identifier, one.get("v"), one.get("t"), listed=len(listed) > 1, product=product)


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

    Raises
    ------
    ValueError
        No device name.
    """
    want_device(device, "device name")
    at_ms = milliseconds(at)
    value = {"value": cubic_metres(litres), "time": at_ms}
    report = {"id": str(at_ms), "version": "1.0", "params": {"totalVolume_m3": value}}
    return f"$sys/{_PRODUCT}/{device}/thing/property/post", json.dumps(report, separators=(",", ":")).encode()


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    report = {"id": str(milliseconds(at)), "version": "1.0", "params": {}}
    return f"$sys/{_PRODUCT}/{device}/thing/property/post", json.dumps(report, separators=(",", ":")).encode()


def _charge(device: str, at: datetime, percent: float) -> tuple[str, bytes]:
    topic, payload = _alive(device, at)
    params = {"batteryPercentage": {"value": round(percent, 1), "time": milliseconds(at)}}
    return topic, json.dumps({**json.loads(payload), "params": params}, separators=(",", ":")).encode()


FORMAT = Format(
    name=_NAME,
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    writes=("$sys/+/{device}/#",),
    played=Played(step_l=1.0, message_id="id", alive=_alive, charge=_charge),
    samples=(
        Sample(
            source="OneNET documentation, OneJSON, property post: WF says too little",
            topic="$sys/product1/meter01/thing/property/post",
            payload=b'{"id":"123","version":"1.0","params":{"Power":{"value":"on","time":1524448722123},'
            b'"WF":{"value":23.6,"time":1524448722123}}}',
            readings=(Reading("meter01", "switch", True, "bool", moment(1524448722123)),),
        ),
        Sample(
            source="OneNET documentation, OneJSON, history post: the second of the two values of Power",
            topic="$sys/product1/gateway01/thing/history/post",
            payload=b'{"id":"123","version":"1.0","params":[{"identity":{"productID":"p2","deviceName":"tap-7"},'
            b'"properties":{"Power":[{"value":"off","time":1524448723000}],"WF":[{"value":"3","time":1524448724000}]}}]}',
            readings=(Reading("tap-7", "switch", False, "bool", moment(1524448723000), ("history",)),),
        ),
        Sample(
            source="this format: a register whose identifier names its unit",
            topic="$sys/product1/meter01/thing/property/post",
            payload=b'{"id":"123","params":{"totalVolume_m3":{"value":"82.184","time":1795240800000}}}',
            readings=(Reading("meter01", WATER_VOLUME_TOTAL, 82184, "L", moment(1795240800000)),),
        ),
        Sample(
            source="broken: no parameters",
            topic="$sys/product1/meter01/thing/property/post",
            payload=b'{"id":"123","version":"1.0"}',
            rejected="params: want an object, got nothing",
        ),
    ),
)
