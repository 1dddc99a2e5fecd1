"""TuyaLink: thing models of Tuya's platform for devices with a network of their own.

Source: Tuya developer documentation: "Properties, Actions, and Events", "MQTT topics"; "Smart water meter access", the table of
a meter behind Tuya's edge gateway (``smart_water_meter``); standard status set of smart water meters (``znsb``).

Topics ``tylink/{deviceId}/thing/property/report``, ``…/thing/data/batch_report`` (gateways for their sub-devices too) and
``…/thing/event/trigger``.  The device is the id of the topic or of the sub-device.

How this works.  The shape is that of `_thing_model` with ``data`` in place of ``params``; times have 10 digits (s) or 13 (ms).
Tuya's table of a water meter gives all volumes in m³: ``water_flow`` is the register in spite of its name, and
``d_begin_water_total`` is what it was when the day began, at ``d_begin_time``: history with its own time.  Amounts of a running
day or month say nothing that the register does not say.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._thing_model import (
    CALLS,
    Message,
    Point,
    calls,
    cubic_metres,
    moment_of,
    named,
    points,
    readings,
    taken,
    want_device,
)
from ingest.measures import milliseconds, moment
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import parse_object, show

_NAME = "tuyalink"
_TOPIC = re.compile(r"(?:.*/)?tylink/([^/]+)/(.+)", re.DOTALL)
_REPORT = re.compile(r"thing/(property/report|data/batch_report|data/history_report|event/trigger)")
_REGISTER = "totalvolume_m3"
_PAST = {f"{span}_{edge}_water_total": f"{span}_{edge}_time" for span in "dm" for edge in ("begin", "end")}
"""Registers of an earlier time -> the property that holds this time, Unix text."""
_OWN: Mapping[str, str] = {"water_flow": _REGISTER, **dict.fromkeys(_PAST, _REGISTER)}


def matches(topic: str) -> bool:
    """Tell whether `topic` is one of TuyaLink's."""
    return _TOPIC.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Return False: elsewhere nobody knows whose message it is."""
    return False


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read one report.

    Raises
    ------
    Unreadable
        With the device: no JSON, no data, or no device.
    """
    found = _TOPIC.fullmatch(topic)
    device, rest = (found[1], found[2]) if found else ("", "")
    report = _REPORT.fullmatch(rest)
    if report is None:
        return []  # models, settings, actions, answers: what the platform and the device say to each other
    try:
        fields = parse_object(payload)
    except Unreadable as error:
        raise Unreadable(str(error), device=device) from None
    data = fields.get("data")
    if not isinstance(data, dict):
        raise Unreadable(f"data: want an object, got {show(data)}", device=device)
    message = Message(_NAME, received_at, retain, memory, fields.get("time"), fields.get("msgId"), _OWN)
    if report[1] == "event/trigger":
        return _event(named(device), data, message)
    told = taken(points(named(device), data))
    told, past = _apart(told)
    now = readings(told, device, message, calls(device, data)) if told or not past else []
    if report[1] == "data/history_report":
        now = [replace(one, flags=("history", *(flag for flag in one.flags if flag != "batch"))) for one in now]
    return now + (readings(past, device, message._replace(past=True)) if past else [])


def _apart(told: Sequence[Point]) -> tuple[list[Point], list[Point]]:
    """Return the present values, and the registers of an earlier time with their times."""
    stamps = {(point.device, point.identifier.lower()): point.value for point in told}
    present = [point for point in told if point.identifier.lower() not in _PAST]
    past = []
    for point in told:
        stamp = stamps.get((point.device, _PAST.get(point.identifier.lower(), "")))
        if moment_of(stamp) is not None:
            past.append(point._replace(time=stamp))
    return present, past


def _event(device: str, data: Mapping[str, object], message: Message) -> list[Reading]:
    stamp = data.get("eventTime")
    message = message if stamp is None else message._replace(clock=stamp)
    code = data.get("eventCode")
    sos = [(device, None)] if isinstance(code, str) and code.lower() in CALLS else []
    return readings([], device, message, sos)


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
    at_ms = milliseconds(at)
    value = {"value": cubic_metres(litres), "time": at_ms}
    report = {"msgId": str(at_ms), "time": at_ms, "data": {"water_flow": value}}
    return f"tylink/{device}/thing/property/report", json.dumps(report, separators=(",", ":")).encode()


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    at_ms = milliseconds(at)
    report = {"msgId": str(at_ms), "time": at_ms, "data": {"rssi": {"value": -71, "time": at_ms}}}
    return f"tylink/{device}/thing/property/report", json.dumps(report, separators=(",", ":")).encode()


def _charge(device: str, at: datetime, percent: float) -> tuple[str, bytes]:
    at_ms = milliseconds(at)
    data = {"battery_percentage": {"value": round(percent, 1), "time": at_ms}}
    return f"tylink/{device}/thing/property/report", json.dumps(
        {"msgId": str(at_ms), "time": at_ms, "data": data}
    ).encode()


_TABLE = "Tuya, table of the smart water meter: the identifiers in the shape of a property report"

FORMAT = Format(
    name=_NAME,
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    writes=("tylink/{device}/thing/#",),
    played=Played(step_l=1.0, message_id="msgId", alive=_alive, charge=_charge),
    samples=(
        Sample(
            source="Tuya developer documentation, Properties, Actions, and Events: a lamp",
            topic="tylink/6c828cba434ff40c0000/thing/property/report",
            payload=b'{"msgId":"45lkj3551234***","time":1626197189638,"data":{"color":{"value":"red",'
            b'"time":1626197189638},"brightness":{"value":80,"time":1626197189638}}}',
            readings=(
                Reading("6c828cba434ff40c0000", "available", True, "bool", moment(1626197189638), ("meaning_unknown",)),
            ),
        ),
        Sample(
            source=_TABLE,
            topic="tylink/6c828cba434ff40c0000/thing/property/report",
            payload=b'{"msgId":"1","time":1795240800,"data":{"water_flow":{"value":82.184,"time":1795240800},'
            b'"daily_water_total":{"value":0.2},"valve_state":{"value":"opened"},'
            b'"d_begin_water_total":{"value":81.984},"d_begin_time":{"value":"1795190400"}}}',
            readings=(
                Reading("6c828cba434ff40c0000", WATER_VOLUME_TOTAL, 82184, "L", moment(1795240800000)),
                Reading("6c828cba434ff40c0000", "valve_open", True, "bool", moment(1795240800000)),
                Reading("6c828cba434ff40c0000", WATER_VOLUME_TOTAL, 81984, "L", moment(1795190400000), ("history",)),
            ),
        ),
        Sample(
            source="broken: data that are a list",
            topic="tylink/6c828cba434ff40c0000/thing/property/report",
            payload=b'{"msgId":"1","time":1626197189638,"data":[]}',
            rejected="data: want an object, got a list of 0",
        ),
    ),
)
