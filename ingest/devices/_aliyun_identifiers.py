"""Identifiers of thing models: what they mean where their makers agree.

Source: Alibaba Cloud IoT Platform help (document 89301) and public firmware for it; a public script of a 4G water meter
(``WaterCFV`` in m³ with two decimals).

How this works.  A product is free to call its properties anything: ``WF`` is a working current in one document and a water
flow in another.  So only whole identifiers that say what they are get read, small letters and capitals alike, and a
platform that sends the property's Chinese name along (``"name": "水流量"``) is believed.  A volume or a flow whose unit
nobody said stays a raw number, unless the registry gives the ``unit``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from ingest.measures import FACTORS, convert, plain
from ingest.readings import WATER_VOLUME_TOTAL, Value
from ingest.strict_json import Number

_SWITCH, _LEAK, _SMOKE, _MOTION, _CALL = "switch", "water_leak", "smoke", "motion", "sos"
_STATES = {
    "power": _SWITCH,
    "powerswitch": _SWITCH,
    "lightswitch": _SWITCH,
    "ledswitch": _SWITCH,
    "switch": _SWITCH,
    "watersensorstate": _LEAK,
    "waterleakstate": _LEAK,
    "waterimmersionstate": _LEAK,
    "water_leak": _LEAK,
    "smokesensorstate": _SMOKE,
    "motionalarmstate": _MOTION,
    "motiondetectstate": _MOTION,
    "infrareddetectstate": _MOTION,
    "pir": _MOTION,
    "sos": _CALL,
    "sosalarm": _CALL,
    "sosstate": _CALL,
    "emergencyalarm": _CALL,
    "contactstate": "contact_open",
    "doorstate": "contact_open",
    "doorcontactstate": "contact_open",
}
_TOTALS_M3 = frozenset({"watercfv"})
_TOTALS = frozenset(
    [
        "waterconsumption",
        "totalwaterconsumption",
        "waterconsumptiontotal",
        "totalwater",
        "watertotal",
        "totalflow",
        "cumulativeflow",
        "accumulatedflow",
        "cumulativewater",
        "water_volume_total",
    ]
)
_FLOWS = frozenset({"waterflow", "flowrate", "waterflowrate", "currentflow", "instantflow", "instantaneousflow"})
_TEXT_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?", re.ASCII)
"""`Decimal` would read digits of every script, and ``1_000``."""
_NUMBERS = {
    "temperature": ("temperature", "Cel", -60, 150),
    "currenttemperature": ("temperature", "Cel", -60, 150),
    "indoortemperature": ("temperature", "Cel", -60, 150),
    "envtemperature": ("temperature", "Cel", -60, 150),
    "temp": ("temperature", "Cel", -60, 150),
    "humidity": ("humidity", "%RH", 0, 100),
    "currenthumidity": ("humidity", "%RH", 0, 100),
    "relativehumidity": ("humidity", "%RH", 0, 100),
    "envhumidity": ("humidity", "%RH", 0, 100),
    "hum": ("humidity", "%RH", 0, 100),
    "battery": ("battery", "%", 0, 100),
    "batterylevel": ("battery", "%", 0, 100),
    "batterypercentage": ("battery", "%", 0, 100),
    "batteryvoltage": ("battery_voltage", "V", 0, 20),
}
_NAMES = {
    "开关": "switch",
    "水流量": "flowrate",
    "瞬时流量": "flowrate",
    "累计流量": "totalflow",
    "累计用水量": "totalflow",
    "总用水量": "totalflow",
    "温度": "temperature",
    "湿度": "humidity",
    "电池电量": "batterylevel",
    "水浸状态": "watersensorstate",
}
"""Names of properties -> an identifier above: switch, flow, cumulative flow or use, temperature, humidity, battery, leak."""
_MOST = 10**10

OURS = frozenset([*_STATES, *_TOTALS, *_TOTALS_M3, *_FLOWS, *_NUMBERS])


@dataclass(frozen=True, slots=True)
class Meant:
    """A reading without its device and time."""

    quantity: str
    value: Value | None
    unit: str
    flags: tuple[str, ...] = ()
    extra: dict[str, Value] = field(default_factory=dict)


def meant(identifier: str, name: object, value: object, unit: str | None) -> Iterator[Meant]:
    """Yield what a property means, nothing when nobody can know.

    Parameters
    ----------
    identifier : str
        As the product's model has it.
    name : object
        Its name for people, where the platform sends one.
    value : object
        Number, truth value or word.
    unit : str or None
        Unit of the device's register by the registry.
    """
    word = identifier.lower()
    word = word if word in OURS and not isinstance(name, str) else _NAMES.get(str(name).strip(), word)
    if word in _STATES:
        yield from _state(_STATES[word], value)
        return
    number = _number(value)
    if number is None:
        return
    if word in _TOTALS_M3 and 0 <= number < _MOST:
        yield Meant(WATER_VOLUME_TOTAL, convert(number, "m3"), "L")
    elif word in _TOTALS and 0 <= number < _MOST:
        yield _measured(WATER_VOLUME_TOTAL, "L", number, unit)
    elif word in _FLOWS and abs(number) < _MOST:
        yield _measured("water_flow", "L/h", number, None)
    elif word in _NUMBERS:
        quantity, ours, least, most = _NUMBERS[word]
        low = ("battery_low",) if quantity == "battery" and number < 20 else ()
        if least <= number <= most:
            yield Meant(quantity, plain(Decimal(number)), ours, low)


def _state(quantity: str, value: object) -> Iterator[Meant]:
    word = value.strip().lower() if isinstance(value, str) else value
    on = True if word in (1, "1", "on", "true") else False if word in (0, "0", "off", "false") else None
    if on is None or (quantity == _CALL and not on):
        return
    unsure = ("polarity_unknown",) if quantity == "contact_open" else ()
    yield Meant(quantity, on, "event" if quantity == _CALL else "bool", unsure)


def _measured(quantity: str, ours: str, number: Number, unit: str | None) -> Meant:
    if unit in FACTORS and FACTORS[unit][0] == ours:
        return Meant(quantity, convert(number, unit), ours)
    return Meant(quantity, None, ours, ("unit_unknown",), {"raw": plain(Decimal(number))})


def _number(value: object) -> Decimal | None:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and len(value) <= 20 and _TEXT_NUMBER.fullmatch(value.strip()):
        number = Decimal(value.strip())
        return number if abs(number) < _MOST else None
    return None
