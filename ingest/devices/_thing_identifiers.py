"""Identifiers of thing models: what they mean where their makers agree.

Source: Alibaba Cloud IoT Platform help (document 89301) and public firmware for it and for OneNET; a public script of a 4G
water meter (``WaterCFV`` in m³ with two decimals); Huawei Cloud IoTDA's example of a device; Tuya's table of a water meter
behind its edge gateway (``smart_water_meter``) and its standard instruction sets; CTWing messages in public projects.

How this works.  A product is free to call its properties anything: ``WF`` is a working current in one document and a water
flow in another.  So only whole identifiers that say what they are get read, whatever their capitals and underscores, and a
platform that sends the property's Chinese name along (``"name": "水流量"``) is believed.  A volume or a flow whose unit
nobody said stays a raw number, unless the identifier ends in it or the registry gives the ``unit``.  What this module leaves open
the configuration says (`ingest.key_map`), and is believed.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache

import msgspec

from ingest.measures import FACTORS, convert, plain
from ingest.readings import WATER_VOLUME_TOTAL, Value
from ingest.strict_json import Number

_SWITCH, _LEAK, _SMOKE, _MOTION, _CALL, _VALVE = "switch", "water_leak", "smoke", "motion", "sos", "valve_open"
_STATES = {
    "power": _SWITCH,
    "powerstate": _SWITCH,
    "powerswitch": _SWITCH,
    "lightswitch": _SWITCH,
    "ledswitch": _SWITCH,
    "switch": _SWITCH,
    "switchstate": _SWITCH,
    "switch1": _SWITCH,
    "switchled": _SWITCH,
    "switchled1": _SWITCH,
    "watersensorstate": _LEAK,
    "waterleakstate": _LEAK,
    "waterimmersionstate": _LEAK,
    "waterleak": _LEAK,
    "smokesensorstate": _SMOKE,
    "smokesensorstatus": _SMOKE,
    "motionalarmstate": _MOTION,
    "motiondetectstate": _MOTION,
    "infrareddetectstate": _MOTION,
    "pir": _MOTION,
    "pirstate": _MOTION,
    "presencestate": "presence",
    "sos": _CALL,
    "sosalarm": _CALL,
    "sosstate": _CALL,
    "emergencyalarm": _CALL,
    "contactstate": "contact_open",
    "doorstate": "contact_open",
    "doorcontactstate": "contact_open",
    "valve": _VALVE,
    "valvestate": _VALVE,
    "valvestatus": _VALVE,
}
_TOTALS_IN = {"watercfv": "m3", "waterusedata": "L"}
"""Registers whose unit is their product's own."""
_TOTALS = frozenset(
    [
        "waterconsumption",
        "totalwaterconsumption",
        "waterconsumptiontotal",
        "totalwater",
        "watertotal",
        "totalflow",
        "flowtotal",
        "cumulativeflow",
        "accumulatedflow",
        "accumulateflow",
        "cumulativewater",
        "watervolumetotal",
        "totalvolume",
        "watermeterreading",
    ]
)
_FLOWS = frozenset({"waterflow", "flowrate", "waterflowrate", "currentflow", "instantflow", "instantaneousflow"})
_WARMTH, _DAMP = ("temperature", "Cel", -60, 100), ("humidity", "%RH", 0, 100)
"""-100 and 127 °C are what sensors say that have none."""
_CHARGE, _VOLTS = ("battery", "%", 0, 100), ("battery_voltage", "V", 0, 20)
_NUMBERS = {
    "temperature": _WARMTH,
    "temp": _WARMTH,
    "currenttemperature": _WARMTH,
    "indoortemperature": _WARMTH,
    "roomtemperature": _WARMTH,
    "roomtemp": _WARMTH,
    "envtemperature": _WARMTH,
    "envtemp": _WARMTH,
    "airtemperature": _WARMTH,
    "airtemp": _WARMTH,
    "humidity": _DAMP,
    "hum": _DAMP,
    "humi": _DAMP,
    "currenthumidity": _DAMP,
    "relativehumidity": _DAMP,
    "indoorhumidity": _DAMP,
    "roomhumidity": _DAMP,
    "envhumidity": _DAMP,
    "airhumidity": _DAMP,
    "battery": _CHARGE,
    "batterylevel": _CHARGE,
    "batterypercentage": _CHARGE,
    "batterypercent": _CHARGE,
    "batteryvalue": _CHARGE,
    "batteryvoltage": _VOLTS,
}
_NAMES = {
    "开关": "switch",
    "水流量": "flowrate",
    "瞬时流量": "flowrate",
    "累计流量": "totalflow",
    "累积流量": "totalflow",
    "累计用水量": "totalflow",
    "总用水量": "totalflow",
    "温度": "temperature",
    "湿度": "humidity",
    "电池电量": "batterylevel",
    "电池电压": "batteryvoltage",
    "水浸状态": "watersensorstate",
    "阀门状态": "valvestate",
}
"""Names of properties -> an identifier above: switch, flow, cumulative flow or use, temperature, humidity, battery, leak."""
_UNITS_AT_END = {"m3": "m3", "liters": "L", "litres": "L", "m3h": "m3/h", "lh": "L/h", "l": "L"}
_WITH_UNIT = _TOTALS | _FLOWS
_ENDS = tuple(_UNITS_AT_END)
_MOST_REMEMBERED = 128
"""Letters of an identifier that is remembered; longer ones are none."""
_ON, _OFF = frozenset({"1", "on", "true"}), frozenset({"0", "off", "false"})
_OPEN, _CLOSED = frozenset({"open", "opened"}), frozenset({"close", "closed"})
_WORDS = {
    _LEAK: ("alarm", "normal"),
    _SMOKE: ("alarm", "normal"),
    _MOTION: ("pir", "none"),
    "presence": ("presence", "none"),
}
"""Quantity -> Tuya's words for on and off."""
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,9})?", re.ASCII)
_MOST = 10**10

OURS = frozenset([*_STATES, *_TOTALS, *_TOTALS_IN, *_FLOWS, *_NUMBERS])


class Meant(msgspec.Struct, frozen=True, gc=False):
    """A reading without its device and time."""

    quantity: str
    value: Value | None
    unit: str
    flags: tuple[str, ...] = ()
    extra: Mapping[str, Value] = msgspec.field(default_factory=dict)


def word(identifier: str) -> str:
    """Return `identifier` as it is compared: small letters and digits, without the module or service it stands in."""
    return _word(identifier) if len(identifier) <= _MOST_REMEMBERED else _word.__wrapped__(identifier)


@lru_cache(4096)
def _word(identifier: str) -> str:
    return re.sub(r"[\s_-]", "", re.split(r"[:.]", identifier)[-1]).lower()


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
    key = word(identifier)
    key = key if key in OURS and not isinstance(name, str) else _NAMES.get(str(name).strip(), key)
    if key in _STATES:
        yield from _state(_STATES[key], value)
        return
    number = _number(value)
    if number is None:
        return
    bare, at_end = (key, None) if key in OURS or not key.endswith(_ENDS) else _split(key)
    if bare in _TOTALS_IN and 0 <= number < _MOST:
        yield Meant(WATER_VOLUME_TOTAL, convert(number, _TOTALS_IN[bare]), "L")
    elif bare in _TOTALS and 0 <= number < _MOST:
        yield _measured(WATER_VOLUME_TOTAL, "L", number, at_end or unit)
    elif bare in _FLOWS and abs(number) < _MOST:
        yield _measured("water_flow", "L/h", number, at_end)
    elif key in _NUMBERS:
        yield from _within(*_NUMBERS[key], number)


def _split(key: str) -> tuple[str, str | None]:
    """Return an identifier without the unit at its end, and the unit."""
    for end, unit in _UNITS_AT_END.items():
        if key.endswith(end) and key.removesuffix(end) in _WITH_UNIT:
            return key.removesuffix(end), unit
    return key, None


def _within(quantity: str, ours: str, least: int, most: int, number: Decimal) -> Iterator[Meant]:
    low = ("battery_low",) if quantity == "battery" and number < 20 else ()
    if least <= number <= most:
        yield Meant(quantity, plain(number), ours, low)


def _state(quantity: str, value: object) -> Iterator[Meant]:
    text = str(value).strip().lower() if isinstance(value, str | int | Decimal) else ""
    moves, words = quantity in (_VALVE, "contact_open"), _WORDS.get(quantity, ("on", "off"))
    on = True if text in _ON or text == words[0] or (moves and text in _OPEN) else None
    on = False if text in _OFF or text == words[1] or (moves and text in _CLOSED) else on
    if on is None or (quantity == _CALL and not on):
        return
    if quantity == _VALVE and text in ("0", "1"):
        return  # one product's 1 is open, another's is closed
    unsure = ("polarity_unknown",) if quantity == "contact_open" else ()
    yield Meant(quantity, on, "event" if quantity == _CALL else "bool", unsure)


def _measured(quantity: str, ours: str, number: Number, unit: str | None) -> Meant:
    if unit in FACTORS and FACTORS[unit][0] == ours:
        return Meant(quantity, convert(number, unit), ours)
    return Meant(quantity, None, ours, ("unit_unknown",), {"raw": plain(Decimal(number))})


def _number(value: object) -> Decimal | None:
    if type(value) is Decimal:
        return value
    if type(value) is int:  # a bool is no number here
        return Decimal(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    return None
