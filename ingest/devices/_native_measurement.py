"""One measurement of our own format: which quantities there are, in which units, with which values."""

import re
from collections.abc import Mapping
from decimal import Decimal

from ingest.errors import Unreadable
from ingest.measures import FACTORS, convert
from ingest.readings import Value
from ingest.strict_json import show

_UNITS = {
    "water_volume_total": "L",
    "water_volume_delta": "L",
    "water_flow": "L/h",
    "pulse_count_total": "count",
    "temperature": "Cel",
    "humidity": "%RH",
    "battery": "%",
    "battery_voltage": "V",
}
"""Quantity -> the unit in which it comes out; any unit that converts to it may come in."""
_POSSIBLE = {
    quantity: frozenset(name for name, (ours, _) in FACTORS.items() if ours == wanted)
    for quantity, wanted in _UNITS.items()
}
"""Quantity -> units that it may come in."""
_SWITCHES = frozenset(
    [
        "motion",
        "occupancy",
        "presence",
        "water_leak",
        "smoke",
        "tamper",
        "vibration",
        "valve_open",
        "switch",
        "available",
        "sos",
    ]
)
_EVENTS = frozenset({"sos"})
_WORDS = frozenset(["open", "closed", "on", "off"])
"""Words an unknown quantity may have for a value."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_CHANNEL = re.compile(r"[0-9A-Za-z_-]{1,32}", re.ASCII)
_INTERVAL = re.compile(r"P(?=.)(?:\d{1,4}D)?(?:T(?=.)(?:\d{1,4}H)?(?:\d{1,4}M)?(?:\d{1,5}S)?)?", re.ASCII)
_MOST = 10**12
"""No register in litres comes near."""

Measured = tuple[str, Value, str, tuple[str, ...], dict[str, Value]]
"""Quantity, value, unit, flags, extra: a reading without its device and time."""


def measurement(item: object) -> Measured:
    """Read one entry of ``measurements``.

    Raises
    ------
    Unreadable
        What was wanted and what came.
    """
    if not isinstance(item, dict):
        raise Unreadable(f"want an object, got {show(item)}")
    quantity, value, unit = item.get("quantity"), item.get("value"), item.get("unit")
    if not isinstance(quantity, str):
        raise Unreadable(f"quantity: want a name of small letters, digits and _, got {show(quantity)}")
    if quantity in _UNITS:
        return _measured(quantity, value, unit, item)
    if quantity == "contact":
        return _contact(value)
    if quantity in _SWITCHES:
        if not isinstance(value, bool):
            raise Unreadable(f"value: want true or false for {quantity}, got {show(value)}")
        return quantity, value, "event" if quantity in _EVENTS else "bool", (), {}
    if not _NAME.fullmatch(quantity):
        raise Unreadable(f"quantity: want a name of small letters, digits and _, got {show(quantity)}")
    return _unknown(quantity, value, unit)


def _contact(value: object) -> Measured:
    if value not in ("open", "closed"):
        raise Unreadable(f"value: want open or closed for contact, got {show(value)}")
    return "contact_open", value == "open", "bool", (), {}


def _measured(quantity: str, value: object, unit: object, item: Mapping[str, object]) -> Measured:
    if not isinstance(unit, str) or unit not in _POSSIBLE[quantity]:
        if unit == "count" and quantity == "water_volume_total":
            return "pulse_count_total", convert(_number(value), "count"), "count", ("pulse_factor_unknown",), {}
        possible = [name for name in FACTORS if name in _POSSIBLE[quantity]]
        raise Unreadable(f"unit: want {' or '.join(possible)} for {quantity}, got {show(unit)}")
    number, wanted = convert(_number(value), unit), _UNITS[quantity]
    if quantity == "pulse_count_total":
        return quantity, number, wanted, ("pulse_factor_unknown",), {}
    return quantity, number, wanted, (), _extra(quantity, item)


def _extra(quantity: str, item: Mapping[str, object]) -> dict[str, Value]:
    if quantity == "water_volume_delta":
        interval = item.get("interval")
        if not isinstance(interval, str) or not _INTERVAL.fullmatch(interval):
            raise Unreadable(f"interval: want an ISO 8601 duration such as PT1H, got {show(interval)}")
        return {"interval": interval}
    channel = item.get("channel")
    if channel is None:
        return {}
    if not isinstance(channel, str) or not _CHANNEL.fullmatch(channel):
        raise Unreadable(f"channel: want 1 to 32 letters and digits, got {show(channel)}")
    return {"channel": channel}


def _unknown(quantity: str, value: object, unit: object) -> Measured:
    """Keep what nobody judges: a bool or a listed word has no unit, a number may have one of the list."""
    if isinstance(value, bool) or (isinstance(value, str) and value in _WORDS):
        return quantity, value, "", ("meaning_unknown",), {}
    if unit is None:
        return quantity, convert(_number(value), "count"), "", ("meaning_unknown",), {}
    if not isinstance(unit, str) or unit not in FACTORS:
        raise Unreadable(f"unit: want one of {', '.join(FACTORS)}, got {show(unit)}")
    return quantity, convert(_number(value), unit), FACTORS[unit][0], ("meaning_unknown",), {}


def _number(value: object) -> int | Decimal:
    if type(value) is not int and type(value) is not Decimal:  # what parsed JSON has for numbers, and True is not
        raise Unreadable(f"value: want a finite number, got {show(value)}")
    if not -_MOST <= value <= _MOST:
        raise Unreadable(f"value: want a number below 10^12, got {show(value)}")
    return value
