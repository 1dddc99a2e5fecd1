"""Devices behind a Tasmota bridge: Zigbee (``ZbReceived``) and LoRaWAN (``LwReceived``), nested in the bridge's message.

Source: tasmota/docs ``docs/Zigbee.md``; arendst/Tasmota ``xdrv_23_zigbee_*`` and ``xdrv_73_lorawan*``; zigpy/zha-device-
handlers issue #3298.

How this works.  Under the key stands one object a device: its short address or, by SetOption83, its name; ``Device`` is
the address all the same and so names the device.  Only what changed is sent, so each key is news.  Alarms of doors say
whether the first alarm bit is set: open on most, but not on all, so the polarity stays in doubt.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from ingest.measures import plain
from ingest.readings import Reading, Value

RECEIVED = ("ZbReceived", "LwReceived")
_MOST_NAME = 64

_SWITCHES = {
    "Occupancy": ("occupancy", "bool", ()),
    "PIR": ("motion", "bool", ()),
    "Motion": ("motion", "bool", ()),
    "Movement": ("vibration", "bool", ()),
    "Contact": ("contact_open", "bool", ("polarity_unknown",)),
    "DoorOpen": ("contact_open", "bool", ()),
    "Water": ("water_leak", "bool", ()),
    "Leak": ("water_leak", "bool", ()),
    "Fire": ("smoke", "bool", ()),
    "Smoke": ("smoke", "bool", ()),
    "Power": ("switch", "bool", ()),
}
_CALLS = frozenset({"Panic", "Personal", "SOS"})
_NUMBERS = {
    "BatteryPercentage": ("battery", "%", 0, 100),
    "BatteryVoltage": ("battery_voltage", "V", 0, 20),
    "Temperature": ("temperature", "Cel", -60, 150),
    "Humidity": ("humidity", "%RH", 0, 100),
}

Stamp = tuple[tuple[str, ...], Mapping[str, Value]]


def read(fields: Mapping[str, object], blank: Reading) -> list[Reading]:
    """Return what the nested devices say.

    Parameters
    ----------
    fields
        The whole message, or the part under `RECEIVED` when the topic names it.
    blank : Reading
        The bridge's heartbeat, of which time and flags are taken.

    Returns
    -------
    list of Reading
        Empty when nothing is nested; a device of which nothing is known is `available`.
    """
    found = []
    for name, inner in _devices(fields):
        device = inner.get("Device")
        device = device if isinstance(device, str) else name
        if not 1 <= len(device) <= _MOST_NAME or not device.isprintable():
            continue
        values = list(_values(inner)) or [("available", True, "bool", ("no_reading",))]
        found += [
            Reading(device, quantity, value, unit, blank.time, (*flags, *blank.flags), blank.extra)
            for quantity, value, unit, flags in values
        ]
    return found


def _devices(fields: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
    for key in RECEIVED:
        nested = fields.get(key)
        if isinstance(nested, dict):
            yield from _devices_below(nested, all_of_them=True)
    yield from _devices_below(fields, all_of_them=False)


def _devices_below(fields: Mapping[str, object], *, all_of_them: bool) -> Iterator[tuple[str, Mapping[str, object]]]:
    for name, inner in fields.items():
        # SetOption100 leaves the wrapper out: an object with an address and a link quality is a device all the same
        if isinstance(inner, dict) and (all_of_them or {"Device", "LinkQuality"} <= inner.keys()):
            yield name, inner


def _values(inner: Mapping[str, object]) -> Iterator[tuple[str, Value, str, tuple[str, ...]]]:
    for key, value in inner.items():
        if key in _SWITCHES and value in (0, 1):
            quantity, unit, flags = _SWITCHES[key]
            yield quantity, value == 1, unit, flags
        elif key in _CALLS and value == 1:
            yield "sos", True, "event", ()
        elif key == "Click" and isinstance(value, str) and value:
            yield "button", value[:64], "event", ()
        elif key in _NUMBERS and isinstance(value, int | Decimal) and not isinstance(value, bool):
            quantity, unit, least, most = _NUMBERS[key]
            low = ("battery_low",) if quantity == "battery" and value < 20 else ()
            if least <= value <= most:
                yield quantity, plain(Decimal(value)), unit, low
