"""Alibaba Cloud IoT: the thing model (物模型, TSL) that many Chinese devices and platforms speak, the clones included.

Source: Alibaba Cloud IoT Platform help, document 89301 (topics and Alink JSON) and its page on data parsing; RT-Thread
package documentation; the AIoT platform API of chn-das (document 2541041).

Topics ``/sys/{productKey}/{deviceName}/thing/event/property/post`` and its neighbours (batch, pack, history, events); a
device may also send the same JSON on a topic of its own.  The device is ``deviceName``.

How this works.  ``params`` maps identifiers to values, bare or wrapped (``{"value", "time"}``), or to lists of wrapped ones;
packs name sub-devices in ``identity``.  A structure that holds no ``value`` is a structure and no wrapper.  What an
identifier means stands in `_aliyun_identifiers`.  ``time`` is milliseconds in UTC and may be missing; one push form has local
times without a zone.  Bytes on ``model/up_raw`` need the product's own script and are refused; so is JSON without quotes,
which real firmware sends, since a lenient reader would guess.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Sample, Unreadable
from ingest.devices._aliyun_identifiers import meant
from ingest.measures import EPOCH, milliseconds, moment, plain, plausible, rfc3339
from ingest.readings import WATER_VOLUME_TOTAL, Reading, Value
from ingest.strict_json import parse_object, show

_TOPIC = re.compile(r"(?:.*/)?sys/([^/]+)/([^/]+)/(thing/.+|rrpc/.+|_thing/.+)", re.DOTALL)
_REPORT = re.compile(r"thing/(?:event/(?:([^/]+)/)?(?:post|batch/post|pack/post|history/post)|properties/up)")
_JETLINKS = re.compile(r"/([^/]+)/([^/]+)/properties/report")
_CUSTOM = re.compile(r"/?[^/]+/([^/]+)/.+", re.DOTALL)
_METHOD = re.compile(rb'"method"\s*:\s*"thing\.event\.')
_PUSH = re.compile(rb'"event_type"\s*:\s*"device_property_report"')
_LOCAL_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)", re.ASCII)
_DEVICE = re.compile(r"[0-9A-Za-z_.:@-]{1,64}", re.ASCII)
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,64}", re.ASCII)
_PRODUCT = "a1shuiansim"
"""The product under which simulated devices report."""
_MOST_POINTS = 2_000
_CALLS = frozenset({"sos", "sosalarm", "emergencyalarm", "helpalarm"})
"""Events that call for help, in small letters."""


class Point(NamedTuple):
    """One value of one property of one device, as the message has it; `time` is whatever stood there."""

    device: str
    identifier: str
    value: object
    time: object
    name: object = None
    listed: bool = False


def matches(topic: str) -> bool:
    """Tell whether `topic` is one of a thing model."""
    return _TOPIC.fullmatch(topic) is not None or _JETLINKS.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:
    """Tell whether `payload` is a report of a thing model on a device's own topic, or a platform's push of one."""
    if payload.lstrip()[:1] != b"{":
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
    found = _TOPIC.fullmatch(topic) or _JETLINKS.fullmatch(topic)
    device, rest = (found[2], found[3] if found.re is _TOPIC else "") if found else _elsewhere(topic)
    if rest.startswith("thing/model/up_raw"):
        raise Unreadable("payload: want JSON, got raw bytes, which need the product's own script", device=device)
    report = _REPORT.fullmatch(rest)
    if rest and report is None:
        return []  # settings, services, replies: what the platform and the device say to each other
    try:
        fields = parse_object(payload)
    except Unreadable as error:
        raise Unreadable(str(error), device=device or None) from None
    body = fields.get("body")
    if not found and isinstance(body, dict):
        return _pushed(body, received_at, retain, memory)
    if not _DEVICE.fullmatch(device):
        raise Unreadable(f"topic: want a device name of 1 to 64 letters and digits, got {show(device)}")
    event = report[1] if report and report[1] not in (None, "property", "measurepoint") else None
    if event:
        return _event(event, device, fields, received_at, retain)
    return _readings(device, fields, received_at, retain, memory)


def _elsewhere(topic: str) -> tuple[str, str]:
    found = _CUSTOM.fullmatch(topic)
    return (found[1], "") if found else ("", "")


def _readings(
    device: str, fields: Mapping[str, object], received_at: datetime, retain: bool, memory: DeviceMemory
) -> list[Reading]:
    params = fields.get("params", fields.get("properties"))
    if not isinstance(params, dict | list):
        raise Unreadable(f"params: want an object, got {show(params)}", device=device)
    points = list(_points(device, params))
    if len(points) > _MOST_POINTS:
        raise Unreadable(f"params: want at most {_MOST_POINTS} values, got {len(points)}", device=device)
    clock = _clock(points, fields)
    kept = ("retained",) if retain else ()
    ident = fields.get("id")
    named = {"message_id": ident} if isinstance(ident, str) and _MESSAGE_ID.fullmatch(ident) else {}
    readings = []
    for point in points:
        time, flags = _time(clock if point.time is None else point.time, received_at)
        for one in meant(point.identifier, point.name, point.value, memory.unit(point.device, received_at)):
            marks = (*kept, *(("batch",) if point.listed else ()), *one.flags, *flags)
            extra = {**one.extra, **(named if time is None else {})}
            readings.append(Reading(point.device, one.quantity, one.value, one.unit, time, marks, extra))
    if readings:
        return readings
    time, flags = _time(next((p.time for p in points if p.time is not None), clock), received_at)
    return [
        Reading(device, "available", True, "bool", time, (*kept, "meaning_unknown", *flags), named if not time else {})
    ]


def _points(device: str, params: object, depth: int = 0) -> Iterator[Point]:
    """Yield every value: of an object of properties, of a list of them, of packs with sub-devices."""
    if isinstance(params, list):
        for part in params:
            yield from _points(device, part, depth + 1) if depth < 3 else ()
        return
    if not isinstance(params, dict):
        return
    identity = params.get("identity")
    inner = identity.get("deviceName") if isinstance(identity, dict) else None
    if isinstance(inner, str) and _DEVICE.fullmatch(inner):
        device = inner
    nested = [
        params[key] for key in ("properties", "subDevices", "measurepoints") if isinstance(params.get(key), dict | list)
    ]
    if nested and depth < 3:
        common = params.get("time")
        for part in nested:
            for point in _points(device, part, depth + 1):
                yield point._replace(time=common) if point.time is None else point
        return
    for identifier, value in params.items():
        yield from _values(device, identifier, value)


def _values(device: str, identifier: str, value: object) -> Iterator[Point]:
    if isinstance(value, dict) and "value" in value:
        yield Point(device, identifier, value["value"], value.get("time"), value.get("name"))
    elif isinstance(value, list):
        for one in value:
            if isinstance(one, dict) and "value" in one:
                yield Point(device, identifier, one["value"], one.get("time"), one.get("name"), listed=True)
    elif not isinstance(value, dict):
        yield Point(device, identifier, value, None)


def _clock(points: list[Point], fields: Mapping[str, object]) -> object:
    """Return the time of the whole message: the meter's own clock where it is a property (``Time``), or a field."""
    own = (p.value for p in points if p.identifier.lower() in ("time", "timestamp") and _epoch(p.value) is not None)
    return next(own, fields.get("timestamp", fields.get("time")))


def _epoch(value: object) -> datetime | None:
    """Return the moment of 13 digits of milliseconds, or 10 of seconds, as number or text."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"\d{10}|\d{13}", text, re.ASCII):
        return None
    return EPOCH + (timedelta(seconds=int(text)) if len(text) == 10 else timedelta(milliseconds=int(text)))


def _time(value: object, received_at: datetime) -> tuple[datetime | None, tuple[str, ...]]:
    if value is None or value == "":
        return None, ("time_missing",)
    time = _epoch(value)
    return (time, ()) if time is not None and plausible(time, received_at) else (None, ("implausible_time",))


def _event(name: str, device: str, fields: Mapping[str, object], received_at: datetime, retain: bool) -> list[Reading]:
    """Read an event of the product: a call for help by its name, else a sign that the device lives."""
    params = fields.get("params")
    time, flags = _time(params.get("time") if isinstance(params, dict) else None, received_at)
    flags = (*(("retained",) if retain else ()), *flags)
    if name.lower() in _CALLS:
        return [Reading(device, "sos", True, "event", time, flags)]
    return [Reading(device, "available", True, "bool", time, ("meaning_unknown", *flags))]


def _pushed(body: Mapping[str, object], received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read a platform's push: the device in the body, local times without a zone, names beside the values."""
    device, data, text = body.get("device_id"), body.get("data"), body.get("time")
    if not isinstance(device, str) or not _DEVICE.fullmatch(device) or not isinstance(data, dict):
        raise Unreadable(f"body: want a device_id and data, got {show(device)} and {show(data)}")
    time, flags, extra = _local(text, received_at)
    flags = (*(("retained",) if retain else ()), *flags)
    readings = [
        Reading(device, one.quantity, one.value, one.unit, time, (*one.flags, *flags), {**one.extra, **extra})
        for point in _points(device, data)
        for one in meant(point.identifier, point.name, point.value, memory.unit(device, received_at))
    ]
    return readings or [Reading(device, "available", True, "bool", time, ("meaning_unknown", *flags), extra)]


def _local(text: object, received_at: datetime) -> tuple[datetime | None, tuple[str, ...], dict[str, Value]]:
    found = _LOCAL_TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return *_time(text, received_at), {}
    written = f"{found[1]}T{found[2]}"
    try:
        right = plausible(rfc3339(f"{written}Z"), received_at)
    except ValueError:
        right = False
    return (None, ("time_zone_missing",), {"time_local": written}) if right else (None, ("implausible_time",), {})


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:
    """Write the report of a water meter `device` whose register showed `litres` at `at`.

    Parameters
    ----------
    device : str
        Device name, up to 64 letters and digits.
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
    if not _DEVICE.fullmatch(device):
        raise ValueError(f"want a device name of 1 to 64 letters and digits, got {device!r}")
    at_ms = milliseconds(at)
    report = {
        "id": str(at_ms),
        "version": "1.0",
        "params": {"WaterCFV": {"value": plain(Decimal(int(litres)) / 1000), "time": at_ms}},
        "method": "thing.event.property.post",
    }
    return f"/sys/{_PRODUCT}/{device}/thing/event/property/post", json.dumps(report, separators=(",", ":")).encode()


FORMAT = Format(
    name="aliyun_tsl",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    writes=("/sys/+/{device}/thing/#",),
    reads=("/sys/+/{device}/thing/#",),  # answers to its reports, and settings
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
