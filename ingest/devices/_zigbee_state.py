"""The state of one Zigbee device as its gateway publishes it: which keys are events and which are only remembered.

Source: Koenkk/zigbee2mqtt.io ``docs/guide/usage/mqtt_topics_and_messages.md``; Koenkk/zigbee2mqtt issues #270 (cached
motion), #663 (numbers as text), #21432 (vibration), #31727 and #31821 (SOS, true and false).

How this works.  The gateway adds all it remembers of a device to each message, whatever caused it, so a key that is there
need not be news.  A *lasting* state (door, leak, smoke, presence) is news when it differs from what was heard before, or
was never heard.  A *momentary* one (motion, vibration) is news when it differs too; repeated, it is news only in a message
of nothing else, because a gateway that forgot to take it back repeats it with each battery report, for days, for somebody
who no longer moves.  Never heard before, it is news unless the message holds another measurement that may have caused it.
An ``action`` is never remembered by the gateway, so each one is an event.  What is no news carries `cached_state`.
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from ingest.device_memory import DeviceMemory
from ingest.measures import FACTORS, convert, milliseconds, plain
from ingest.readings import WATER_VOLUME_TOTAL, Value
from ingest.strict_json import show

_LASTING = {"contact": "contact_open", "water_leak": "water_leak", "smoke": "smoke", "presence": "presence"}
_MOMENTARY = {"occupancy": "occupancy", "motion": "motion", "vibration": "vibration"}
_CALLS = frozenset({"emergency", "sos", "panic"})
"""Actions that ask for help; ``single``, ``rotate_right`` and all others are buttons."""
_VALVE = re.compile(r"valve|irrigation|water_consumed|timer_state")
"""Keys by which a device with ON and OFF is a valve and no socket."""
_MESSAGE_KEYS = frozenset(["linkquality", "last_seen", "device", "elapsed", "update", "update_available"])
"""What the gateway says of the message itself."""
_SETTINGS = re.compile(
    r"battery|voltage|device_temperature|sensitivity|(.+_)?(count|timeout|time|delay|interval|sensitivity|range|threshold"
    r"|duration|calibration|precision|timer)"
)
"""Numbers that the device is set to, or says of itself: they cause no message between two events of a person."""
_TWIN_MS = 5_000
"""How far apart a press and its copy on the old sub-topic ``…/action`` may come. [ms]"""
LEAST_MV, MOST_MV = 1_000, 20_000
"""A battery's voltage in millivolts; what lies outside is a socket's mains in volts."""
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)

KEYS = frozenset(
    [*_LASTING, *_MOMENTARY, "action", "sos", "state", "battery", "voltage", "temperature", "humidity"]
) | {
    "water_consumed",
    "flow",
    "flow_rate",
}
"""What is read here: with ``output: attribute`` each is a topic of its own."""


@dataclass(slots=True)
class Found:
    """A reading without its device and time."""

    quantity: str
    value: Value
    unit: str
    flags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class State:
    """One message about one device.

    `whole`: all that the gateway knows of it; False: one key on a topic of its own.
    """

    device: str
    fields: Mapping[str, Any]
    received_at: datetime
    memory: DeviceMemory
    retain: bool
    whole: bool


def read(state: State) -> tuple[list[Found], list[str]]:
    """Return what `state` says, and what in it could not be read; the memory is told."""
    complaints: list[str] = []
    found = [*_switches(state, complaints), *_action(state), *_call(state, complaints)]
    found += [*_outlet(state), *_water(state, complaints), *_numbers(state.fields, complaints)]
    _mark(state.fields, found)
    return found, complaints


# --- states and events ---------------------------------------------------------------------------------------------


def _switches(state: State, complaints: list[str]) -> list[Found]:
    found = []
    for key, quantity in {**_MOMENTARY, **_LASTING}.items():
        on = _switch(state.fields, key, complaints)
        if on is not None:
            on = not on if key == "contact" else on  # `contact` is true while the door is closed
            found.append(_news(state, quantity, on, momentary=key in _MOMENTARY))
    return found


def _news(state: State, quantity: str, on: bool, *, momentary: bool = False) -> Found:
    before = state.memory.state(state.device, quantity)
    cached = before == on
    if momentary:
        alone = on and state.whole and not set(state.fields) - _MESSAGE_KEYS - set(_MOMENTARY)
        cached = _other_cause(state.fields) if before is None else cached and not alone
    # A retained copy is the newest state after a start, and may be an old one after a reconnect.
    if not state.retain or state.memory.fact(state.device, quantity) is None:
        state.memory.note(state.device, quantity, on)
    return Found(quantity, on, "bool", ["cached_state"] if cached else [])


def _other_cause(fields: Mapping[str, Any]) -> bool:
    """Whether something was measured that may have caused the message."""
    return any(
        _number(value) is not None and key not in _MESSAGE_KEYS and not _SETTINGS.fullmatch(key)
        for key, value in fields.items()
    )


def _action(state: State) -> list[Found]:
    """Read a pressed button; null and "" come after each press and mean nothing."""
    word = state.fields.get("action")
    if not isinstance(word, str) or not word.strip():
        return []
    word = word.strip()[:64]
    twin = ["duplicate_of_json"] if not state.retain and _is_twin(state, word) else []
    if word in _CALLS:
        return [Found("sos", True, "event", twin)]
    if word == "vibration":
        return [] if "vibration" in state.fields else [Found("vibration", True, "event", twin)]
    return [Found("button", word, "event", twin)]


def _is_twin(state: State, word: str) -> bool:
    """Whether this press came just now the other way too: as JSON and on the sub-topic.  One swallows one."""
    mine, other = ("json", "topic") if state.whole else ("topic", "json")
    now_ms = milliseconds(state.received_at)
    before = state.memory.fact(state.device, "action")
    twin = isinstance(before, tuple) and before[0] == f"{other}:{word}" and 0 <= now_ms - before[1] <= _TWIN_MS
    state.memory.note(state.device, "action", ("", now_ms) if twin else (f"{mine}:{word}", now_ms))
    return twin


def _call(state: State, complaints: list[str]) -> list[Found]:
    """Read a call for help that is a state: some buttons take it back, others never do.

    So while it stands, a message in which something else changed is no new call; one in which nothing did may be, and a
    missed call is worse than a doubled one.
    """
    on = _switch(state.fields, "sos", complaints)
    if on is None:
        return []
    rest = sorted((k, str(v)) for k, v in state.fields.items() if k not in _MESSAGE_KEYS and k != "sos")
    digest = zlib.crc32(repr(rest).encode("utf-8", "replace"))
    stands, before = state.memory.state(state.device, "sos"), state.memory.fact(state.device, "rest")
    if not state.retain:
        state.memory.note(state.device, "sos", on)
        state.memory.note(state.device, "rest", digest)
    cached = stands is True and (not state.whole or before not in (None, digest))
    return [Found("sos", True, "event", ["cached_state"] if cached else [])] if on else []


def _outlet(state: State) -> list[Found]:
    word = state.fields.get("state")
    if word not in ("ON", "OFF"):
        return []  # a blind, a lock
    valve = any(_VALVE.search(key) for key in state.fields)
    return [_news(state, "valve_open" if valve else "switch", word == "ON")]


# --- numbers -------------------------------------------------------------------------------------------------------


def _numbers(fields: Mapping[str, Any], complaints: list[str]) -> list[Found]:
    found = []
    for key, quantity, unit, least, most in (
        ("battery", "battery", "%", 0, 100),
        ("temperature", "temperature", "Cel", -60, 150),
        ("humidity", "humidity", "%RH", 0, 100),
    ):
        number = _wanted_number(fields, key, complaints)
        if number is not None and least <= number <= most:
            found.append(Found(quantity, plain(number), unit))
        elif number is not None:
            complaints.append(f"{key}: want {least} to {most}, got {show(number)}")
    voltage = _number(fields.get("voltage"))
    if voltage is not None and LEAST_MV <= voltage <= MOST_MV:
        found.append(Found("battery_voltage", plain(voltage / 1000), "V"))
    return found


def _water(state: State, complaints: list[str]) -> list[Found]:
    """Read a register and a flow whose unit somebody gave: the gateway's list of devices, or the registry."""
    found = []
    fields, memory = state.fields, state.memory
    if "water_consumed" in fields:
        said = memory.fact(state.device, "unit:water_consumed") or memory.unit(state.device, state.received_at)
        unit = _unit_of("L", said)
        litres = _wanted_number(fields, "water_consumed", complaints) if unit else None
        found += [Found(WATER_VOLUME_TOTAL, convert(litres, unit), "L")] if unit and litres is not None else []
    for key in ("flow", "flow_rate"):
        unit, flow = _unit_of("L/h", memory.fact(state.device, f"unit:{key}")), _number(fields.get(key))
        if unit and flow is not None:
            return [*found, Found("water_flow", convert(flow, unit), "L/h")]
    return found


def _unit_of(ours: str, said: object) -> str | None:
    """Return `said` if it is a unit that converts to `ours`."""
    return said if isinstance(said, str) and said in FACTORS and FACTORS[said][0] == ours else None


def _mark(fields: Mapping[str, Any], found: list[Found]) -> None:
    """Put a weak battery and an opened case where they are looked for: at the battery, at the door, else in front."""
    places = {one.quantity: one for one in found}
    battery = places.get("battery")
    low = battery is not None and isinstance(battery.value, int | float) and battery.value < 20
    weak = low or fields.get("battery_low") is True
    for flag, on, where in (("battery_low", weak, "battery"), ("tamper", fields.get("tamper") is True, "contact_open")):
        if on and found:
            places.get(where, found[0]).flags.append(flag)


# --- cells ---------------------------------------------------------------------------------------------------------


def _switch(fields: Mapping[str, Any], key: str, complaints: list[str]) -> bool | None:
    """Return a yes or no, None when there is none; as text on topics of their own, and in old releases."""
    value = fields.get(key)
    if isinstance(value, bool) or value is None or value == "":
        return value if isinstance(value, bool) else None
    if value in ("true", "false"):
        return bool(value == "true")
    complaints.append(f"{key}: want true or false, got {show(value)}")
    return None


def _number(value: object) -> Decimal | None:
    """Return a number, written as one or as text (old releases, and some models still); None: it is none."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        return number if abs(number) < 10**15 else None
    return None


def _wanted_number(fields: Mapping[str, Any], key: str, complaints: list[str]) -> Decimal | None:
    value = fields.get(key)
    number = _number(value)
    if number is None and value is not None and value != "":
        complaints.append(f"{key}: want a number, got {show(value)}")
    return number
