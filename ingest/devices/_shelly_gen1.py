"""Shelly of the first generation: one plain value a topic below ``shellies/{device}``.

Source: Shelly's API reference for the first generation (Flood, Door/Window, Motion, Smoke, Button, H&T, relays);
ioBroker.shelly ``lib/devices``.

Topics: ``sensor/{flood,state,motion,vibration,smoke,battery,temperature,humidity,error}``, ``relay/{n}``, ``input/{n}``,
``input_event/{n}``, ``online``; Motion writes JSON on ``status``, and devices on a battery say everything once more as JSON
on ``info``.  Temperatures are in °C or °F as set on the device, and only ``info`` says in which: it is taken from there.
``sensor/temperature`` stays a number without a unit unless the configuration explains it (`ingest.key_map`).  ``announce``
and the rest of ``info`` hold addresses of the network and are never read.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal

from ingest import key_map
from ingest.devices._lorawan import Found, alive, battery, unknown_unit
from ingest.errors import Unreadable
from ingest.key_map import Meaning
from ingest.measures import EPOCH, plain
from ingest.strict_json import parse_object, show
from ingest.texts import number, state

_STATES = {
    "sensor/flood": "water_leak",
    "sensor/state": "contact_open",
    "sensor/motion": "motion",
    "sensor/smoke": "smoke",
    "sensor/vibration": "vibration",
}
_PRESSES = {"S": "single", "SS": "double", "SSS": "triple", "L": "long", "SL": "short_long", "LS": "long_short"}
_RELAY = re.compile(r"relay/(\d{1,2})", re.ASCII)
_INPUT = re.compile(r"input/(\d{1,2})", re.ASCII)
_EVENT = re.compile(r"input_event/(\d{1,2})", re.ASCII)


def read(part: str, payload: bytes, named: str, meanings: Mapping[str, Meaning]) -> list[Found]:
    """Return what the topic below the device says.

    Parameters
    ----------
    part : str
        The topic behind ``shellies/{device}/``.
    payload : bytes
    named : str
        The device's name in small letters; "sos" in it makes a press a call for help.
    meanings : mapping
        What the configuration says of its topics.

    Raises
    ------
    Unreadable
        A word or a number was wanted.
    """
    if part in ("info", "status"):
        return list(_whole(parse_object(payload), part))
    if _EVENT.fullmatch(part):
        return list(_press(parse_object(payload), part, named))
    text = payload.decode("utf-8", "replace").strip()
    if part in meanings:
        mapped = key_map.read({part: meanings[part]}, {part: text})
        if mapped.complaints:
            raise Unreadable(mapped.complaints[0])
        return [Found(*one) for one in mapped.values]
    return list(_plain(part, text))


def _plain(part: str, text: str) -> Iterator[Found]:
    if part in _STATES:
        if text not in ("-1", "", "unknown"):  # not measured yet
            yield Found(_STATES[part], _state(part, text), "bool")
    elif _RELAY.fullmatch(part):
        if text != "overpower":
            yield Found("switch", _state(part, text), "bool", (), {"channel": part.replace("/", ":")})
    elif _INPUT.fullmatch(part):
        yield Found("switch", _state(part, text), "bool", ("meaning_unknown",), {"channel": part.replace("/", ":")})
    elif part == "sensor/battery":
        yield from battery(plain(_number(part, text)))
    elif part == "sensor/humidity":
        humidity = _number(part, text)
        if 0 <= humidity <= 100:
            yield Found("humidity", plain(humidity), "%RH")
    elif part == "sensor/temperature":
        degrees = _number(part, text)
        if -60 <= degrees <= 212:  # 999: not measured
            yield unknown_unit("temperature", "Cel", plain(degrees))
    elif part == "sensor/error" and text not in ("0", ""):
        yield alive("sensor_fault")


def _state(part: str, text: str) -> bool:
    on = state(text)
    if on is None:
        raise Unreadable(f"{part}: want a state such as true, open or on, got {show(text)}")
    return on


def _number(part: str, text: str) -> Decimal:
    amount = number(text)
    if amount is None:
        raise Unreadable(f"{part}: want a number, got {show(text)}")
    return amount


def _whole(fields: Mapping[str, object], part: str) -> Iterator[Found]:
    """Read Motion's ``status``, or of ``info`` what the plain topics do not say: degrees with their unit."""
    if part == "info":
        degrees = fields.get("tmp")
        celsius = (
            number(degrees.get("tC")) if isinstance(degrees, dict) and degrees.get("is_valid") is not False else None
        )
        if celsius is not None and -60 <= celsius <= 100:
            yield Found("temperature", plain(celsius), "Cel")
        return
    seconds = number(fields.get("timestamp"))
    since = EPOCH + timedelta(seconds=int(seconds)) if seconds is not None and 0 < seconds < 2**32 else None
    for key, quantity in (("motion", "motion"), ("vibration", "vibration")):
        value = fields.get(key)
        if isinstance(value, bool):  # the time is that of the last motion
            yield Found(quantity, value, "bool", time=since if value and quantity == "motion" else None)
    degrees = fields.get("tmp")
    units = degrees.get("units") if isinstance(degrees, dict) else None
    measured = number(degrees.get("value")) if isinstance(degrees, dict) and units in ("C", "F") else None
    if measured is not None:
        celsius = measured if units == "C" else (measured - 32) * 5 / 9
        yield from [Found("temperature", plain(celsius), "Cel")] if -60 <= celsius <= 100 else []
    percent = number(fields.get("bat"))
    yield from battery(plain(percent)) if percent is not None and 0 <= percent <= 100 else ()


def _press(fields: Mapping[str, object], part: str, named: str) -> Iterator[Found]:
    event = fields.get("event")
    if isinstance(event, str) and event in _PRESSES:
        channel = part.replace("/", ":").replace("input_event", "input")
        call = "sos" in named
        yield (
            Found("sos", True, "event") if call else Found("button", _PRESSES[event], "event", (), {"channel": channel})
        )
