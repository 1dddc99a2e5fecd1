"""Words for trouble that wmbusmeters' drivers print, and our flags for them.

Source: the lookups of wmbusmeters/wmbusmeters, ``drivers/src`` (kamwater, izarv2, hydrus, itron, kadenwater, apatorna1) and
``src/driver_{izar,waterstarm,qwater}.cc``, and the status byte of EN 13757-7, 7.5.6.  Drivers separate words by blanks
or commas.  A word we do not know is a trouble all the same: `meter_alarm:unknown`.
"""

import re
from collections.abc import Mapping

_FIELDS = ("current_alarms", "current_status", "status")
"""All three are read: ``current_status`` is deprecated and shows fewer bits than ``status``; old releases lack it."""

_CALM = frozenset({"", "OK", "NO_ALARM", "NO_ALARMS", "NO_ERROR", "NONE", "NULL"})
_ALARMS = {
    "LEAK": "leak",
    "LEAKAGE": "leak",
    "LEAKING": "leak",
    "LEAK_FLOW_LOW": "leak",
    "LEAK_FLOW_HIGH": "leak",
    "BURST": "burst",
    "BURSTING": "burst",
    "PIPE_BURST": "burst",
    "DRY": "dry",
    "AIR_IN_PIPE": "dry",
    "EMPTY_PIPE": "dry",
    "REVERSE": "backflow",
    "REVERSED": "backflow",
    "REVERSE_FLOW": "backflow",
    "BACKFLOW": "backflow",
    "BACK_FLOW": "backflow",
    "BLOCKED": "blocked",
    "METER_BLOCKED": "blocked",
    "UNDERFLOW": "underflow",
    "CONTINUOUS_FLOW": "continuous_flow",
    "POWER_LOW": "battery_low",
    "LOW_POWER": "battery_low",
    "LOW_BATTERY": "battery_low",
    "BATTERY_LOW": "battery_low",
    "BATTERY_VOLTAGE_ERROR": "battery_low",
    "TEMPORARY_ERROR": "temporary_error",
    "SENSOR_ERROR": "not_measuring",
    "MEASUREMENT_ERROR": "not_measuring",
}
_TAMPERED = frozenset(
    {"TAMPER", "MANIPULATION", "SENSOR_FRAUD", "MECHANICAL_FRAUD", "SABOTAGE", "SABOTAGE_ENCLOSURE", "MAGNETIC_FIELD"}
)


def alarm_flags(fields: Mapping[str, object]) -> tuple[str, ...]:
    """Return the flags for all that the meter complains of, each once, in the order of the message."""
    flags: dict[str, None] = {}
    for name in _FIELDS:
        for word in _words(fields.get(name)):
            flags.setdefault(_flag(word))
    past = {word.removeprefix("PREV_") for word in _words(fields.get("previous_alarms"))}
    past |= {word.removeprefix("PREV_") for word in _words(fields.get("status")) if word.startswith("PREV_")}
    if any(_ALARMS.get(word) == "leak" for word in past):
        flags.setdefault("meter_alarm_past:leak")
    flags.pop("", None)
    return tuple(flags)


def _words(text: object) -> list[str]:
    if not isinstance(text, str):
        return []
    return [word for word in re.split(r"[\s,;]+", text.upper()) if word not in _CALM]


def _flag(word: str) -> str:
    if word.startswith("PREV_"):
        return ""  # over; only a past leak is passed on
    if word in _TAMPERED:
        return "tamper"
    return f"meter_alarm:{_ALARMS.get(word, 'unknown')}"
