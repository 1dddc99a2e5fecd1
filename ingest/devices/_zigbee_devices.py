"""The gateway's own list of its devices (``bridge/devices``, retained): in which unit each one counts water.

Source: Koenkk/zigbee2mqtt.io ``docs/guide/usage/mqtt_topics_and_messages.md`` and ``docs/guide/usage/exposes.md``.  The key
``water_consumed`` means three things: a meter's register in m³ or in L, and the litres of the last watering of a garden
valve (RTX ZVG1 against TS0601_water_valve in Koenkk/zigbee-herdsman-converters ``src/devices/tuya.ts``; Koenkk/zigbee2mqtt
issue #12184 on wrong litres of garden valves).  The unit alone does not tell them apart, so a register is believed only
where the description calls it a total, or the device a meter, and nothing there speaks of watering.  Anything else needs
the unit in the registry.
"""

import re
from collections.abc import Iterator

import msgspec

from ingest.device_memory import DeviceMemory
from ingest.errors import Unreadable

MOST_BYTES = 8 * 1024 * 1024
"""A device's entry is 5 to 30 kB; a Zigbee network has at most a few hundred. [byte]"""
MOST_DEVICES = 2_000
_UNITS = {"m³": "m3", "m3": "m3", "L": "L", "l": "L", "m³/h": "m3/h", "m3/h": "m3/h", "L/h": "L/h", "l/h": "L/h"}
_METER = re.compile(r"\btotal|meter\b|metering", re.IGNORECASE)
_WATERING = re.compile(r"irrigation|watering|garden|sprinkler|\blast\b|\bsingle\b", re.IGNORECASE)
WATER_KEYS = ("water_consumed", "flow", "flow_rate")


class _Expose(msgspec.Struct):
    property: str | None = None
    unit: str | None = None
    description: str | None = None
    features: list["_Expose"] = msgspec.field(default_factory=list)


class _Definition(msgspec.Struct):
    description: str | None = None
    exposes: list[_Expose] = msgspec.field(default_factory=list)


class _Device(msgspec.Struct):
    friendly_name: str | None = None
    definition: _Definition | None = None


_DEVICES = msgspec.json.Decoder(list[_Device])


def learn(payload: bytes, memory: DeviceMemory) -> None:
    """Tell `memory` the units of every device in the list, an empty one where none is to be believed.

    Raises
    ------
    Unreadable
        Not such a list.
    """
    try:
        devices = _DEVICES.decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Unreadable(f"bridge/devices: want a list of devices, got another ({type(error).__name__})") from None
    if len(devices) > MOST_DEVICES:
        raise Unreadable(f"bridge/devices: want at most {MOST_DEVICES} devices, got {len(devices)}")
    for device in devices:
        if device.friendly_name:
            units = dict(_units(device.definition)) if device.definition else {}
            for key in WATER_KEYS:
                memory.note(device.friendly_name, f"unit:{key}", units.get(key, ""))


def _units(definition: _Definition) -> Iterator[tuple[str, str]]:
    for expose in _flat(definition.exposes):
        unit = _UNITS.get(expose.unit or "")
        if expose.property not in WATER_KEYS or unit is None:
            continue
        said = f"{definition.description or ''} {expose.description or ''}"
        if expose.property != "water_consumed" or (_METER.search(said) and not _WATERING.search(said)):
            yield expose.property, unit


def _flat(exposes: list[_Expose]) -> Iterator[_Expose]:
    for expose in exposes:
        yield expose
        yield from _flat(expose.features)
