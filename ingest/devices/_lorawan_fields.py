"""What an operator's codec made of an uplink: keys that say what they mean, in which unit.

Source: Milesight-IoT/SensorDecoders, dragino/dragino-end-node-decoder, quandify/cubicmeter-1.1 and
TheThingsNetwork/lorawan-devices ``vendor/{axioma,netvox}`` (the codecs that these makers hand out).

How this works.  Codecs are free to name things, so only whole keys are matched ("water_SOIL" is moisture), small letters
and capitals alike.  A volume needs its unit in the key or in the maker's own table; the key ``water`` has neither.
Numbers may be text with a unit behind them ("3.384 V").  Dragino's litres (``Water_flow_value``) depend on a sensor model
that its decoders disagree about, so the pulses are taken and the registry says the litres per pulse.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace

from ingest.devices._lorawan import Found, Uplink, alive, battery, unknown_unit
from ingest.devices._units import unit
from ingest.measures import EPOCH, FACTORS, convert, plain, plausible
from ingest.readings import WATER_VOLUME_TOTAL
from ingest.strict_json import show
from ingest.texts import number, state

_TOTALS = {
    "current_volume_m3": "m3",
    "currentvolume": "m3",
    "current_volume": "m3",
    "total_volume_m3": "m3",
    "total_m3": "m3",
    "volume_m3": "m3",
    "water_volume_m3": "m3",
    "water_total_m3": "m3",
    "cumulative_volume_m3": "m3",
    "total_volume_l": "L",
    "total_l": "L",
    "total_liters": "L",
    "total_litres": "L",
    "totalliters": "L",
    "water_total_l": "L",
    "totalvolume": "L",
    "water_volume_total_l": "L",
}
"""Axioma's codecs write m³, Quandify's litres."""
_NO_UNIT = frozenset({"water", "water_total", "total_water", "water_consumption"})
_PULSES = frozenset(
    ["pulse", "pulses", "pulse_count", "pulse_counter", "pulse_total", "pulsecounter", "total_pulse", "total_pulses"]
)
_VOLTS = {
    "bat": 1,
    "batv": 1,
    "bat_v": 1,
    "volt": 1,
    "battery_voltage": 1,
    "batteryvoltage": 1,
    "battery_v": 1,
    "vbat": 1,
    "battery_mv": 1000,
    "batteryrecovered": 1000,
    "battery_recovered": 1000,
    "vdd": 1000,
}
"""Key -> how many of its unit make a volt."""
_LEAST_MV = 1_000
"""A plain ``battery`` from here on is in millivolts."""
_PERCENT = frozenset({"battery_percent", "battery_percentage", "battery_level", "batterylevel"})
_NUMBERS = {
    "temperature": ("temperature", "Cel", -60, 100),
    "ambienttemperature": ("temperature", "Cel", -60, 100),
    "ambient_temperature": ("temperature", "Cel", -60, 100),
    "ambient_temp": ("temperature", "Cel", -60, 100),
    "temp": ("temperature", "Cel", -60, 100),
    "tempc_sht": ("temperature", "Cel", -60, 100),
    "humidity": ("humidity", "%RH", 0, 100),
    "relative_humidity": ("humidity", "%RH", 0, 100),
    "hum": ("humidity", "%RH", 0, 100),
    "humi": ("humidity", "%RH", 0, 100),
    "hum_sht": ("humidity", "%RH", 0, 100),
}
_SWITCHES = {
    "leakage_status": "water_leak",
    "leak_status": "water_leak",
    "water_leak": "water_leak",
    "water_leak_status": "water_leak",
    "waterleak": "water_leak",
    "waterleak_1": "water_leak",
    "waterleak_2": "water_leak",
    "leak": "water_leak",
    "leak_detected": "water_leak",
    "water_detected": "water_leak",
    "flood": "water_leak",
    "presence": "presence",
    "pir": "motion",
    "motion": "motion",
    "motion_detected": "motion",
    "occupancy": "occupancy",
    "occupied": "occupancy",
    "magnet_status": "contact_open",
    "door": "contact_open",
    "door_open": "contact_open",
    "door_state": "contact_open",
    "window_open": "contact_open",
    "door_status": "contact_open",
    "door_open_status": "contact_open",
    "door1_open_status": "contact_open",
    "door2_open_status": "contact_open",
}
_CALLS = frozenset({"sos", "panic", "emergency"})
_LPP = {
    "temperatureSensor": "temperature",
    "humiditySensor": "relative_humidity",
    "presenceSensor": "presence",
}
"""What ChirpStack's own codec for the Cayenne format writes: an object of channel -> value."""
_CAYENNE = re.compile(r"(temperature|relative_humidity|presence)_\d{1,3}", re.ASCII)
"""Keys of the Cayenne format, which both servers decode by themselves: a name and a channel."""
_FIRST = "1"
_WRAPPERS = ("decoded", "data")
"""Under which some codecs put what they decoded, beside port and length."""
_FLOWS_ON = ("meter_alarm:continuous_flow",)
_MOST_RECORDS, _MOST_CHANNELS = 500, 20
_BARE_VOLUMES = frozenset({"volume", "total", "totalvolume", "total_volume", "water_volume", "volume_total", *_NO_UNIT})
"""Keys of a register whose unit stands beside the value."""


def read(uplink: Uplink) -> list[Found]:
    """Return what the decoded fields say; what has no known key is left out."""
    found = list(_values(uplink, uplink.fields))
    for inner in (uplink.fields.get(name) for name in _WRAPPERS):
        found += _values(uplink, inner) if isinstance(inner, dict) else ()
    if any(key.lower() == "water_flow_value" for key in uplink.fields) and state(uplink.fields.get("Alarm")):
        found = [*map(_alarmed, found)] or [alive(*_FLOWS_ON)]
    records = uplink.fields.get("history")
    for record in records[:_MOST_RECORDS] if isinstance(records, list) else []:
        found += _past(uplink, record)
    return found


def _alarmed(one: Found) -> Found:
    """Return a flow counter's pulses with its alarm: water has not stopped for too long."""
    return replace(one, flags=(*one.flags, *_FLOWS_ON)) if one.quantity == "pulse_count_total" else one


def _past(uplink: Uplink, record: object) -> Iterator[Found]:
    seconds = number(record.get("timestamp")) if isinstance(record, dict) else None
    if not isinstance(record, dict) or seconds is None or not 0 <= seconds < 2**32:
        return
    time = EPOCH + timedelta(seconds=int(seconds))
    if plausible(time, uplink.received_at):
        for one in _values(uplink, record):
            yield replace(one, flags=("history", *one.flags), time=time)


def _values(uplink: Uplink, fields: Mapping[str, object]) -> Iterator[Found]:
    tampered = state(fields.get("tamper_status")) is True or fields.get("tamper_status") == "uninstalled"
    for key, value in _plain_keys(uplink, fields):
        name = key.lower()
        name, channel = name.rsplit("_", 1) if _CAYENNE.fullmatch(name) else (name, "")
        if name in uplink.meanings or key in uplink.meanings:
            continue  # the operator said what it is
        if name in _CALLS:
            yield from [Found("sos", True, "event")] if state(value) is True else []
        elif name in _SWITCHES:
            yield from _state(uplink, _SWITCHES[name], key, value, tampered=tampered)
        elif name in ("button_event", "press") and not uplink.data:
            yield from _press(uplink, value)
        else:
            amount = number(value)
            for one in _amount(uplink, name, amount) if amount is not None else ():
                yield replace(one, extra={"channel": channel}) if channel not in ("", _FIRST) else one


def _plain_keys(uplink: Uplink, fields: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield fields as keys with bare values: some codecs nest them by channel, or wrap them with their unit."""
    for key, value in fields.items():
        inner = value if isinstance(value, dict) else {}
        if key in _LPP and inner:
            yield from ((f"{_LPP[key]}_{channel}", one) for channel, one in list(inner.items())[:_MOST_CHANNELS])
        elif "value" in inner:
            yield from _unwrapped(uplink, key, inner)
        else:
            yield key, value


def _unwrapped(uplink: Uplink, key: str, inner: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield a value that is wrapped with its unit, under a key that says the unit."""
    said = inner.get("unit")
    if not isinstance(said, str):
        yield key, inner["value"]
        return
    known = unit(said)
    if known is None or key in uplink.meanings or key.lower() in uplink.meanings:
        return  # in a unit that nobody knows a number says nothing
    amount = number(inner["value"])
    if known.ours == "L" and key.lower() in _BARE_VOLUMES and amount is not None:
        yield "total_l", amount * known.factor
    elif known.ours == "V" and "bat" in key.lower() and amount is not None:
        yield "battery_v", amount * known.factor
    elif known.ours == "Cel" and key.lower() in _NUMBERS and amount is not None:
        yield key, amount * known.factor + known.offset
    elif known.ours == "%":
        yield ("battery_percent" if key.lower() == "battery" else key), inner["value"]


def _state(uplink: Uplink, quantity: str, key: str, value: object, *, tampered: bool) -> Iterator[Found]:
    on, count = state(value), number(value)
    if on is not None:
        yield Found(quantity, on, "bool", ("tamper",) if tampered and quantity == "contact_open" else ())
    elif quantity == "motion" and count is not None and 1 < count < 10**6:
        yield Found(quantity, True, "bool", ("interval_count",), {"count": int(count)})
    elif value is not None:
        uplink.complaints.append(f"{key[:40]}: want a state such as normal or open, got {show(value)}")


def _press(uplink: Uplink, value: object) -> Iterator[Found]:
    word = value.get("status") if isinstance(value, dict) else value
    if isinstance(word, str) and word and word.isprintable():
        call = "sos" in uplink.named
        yield Found("sos", True, "event") if call else Found("button", word.replace(" ", "_")[:64], "event")


def _amount(uplink: Uplink, name: str, amount: Decimal) -> Iterator[Found]:
    if name in _TOTALS and 0 <= amount < 10**10:
        yield Found(WATER_VOLUME_TOTAL, convert(amount, _TOTALS[name]), "L")
    elif name in _NO_UNIT and 0 <= amount < 10**10:
        yield volume(uplink, amount)
    elif name in _PULSES and 0 <= amount < 10**12 and amount == int(amount):
        yield Found("pulse_count_total", int(amount), "count", ("pulse_factor_unknown",))
    elif name in _VOLTS and 0.5 <= amount / _VOLTS[name] <= 20:
        yield Found("battery_voltage", plain(amount / _VOLTS[name]), "V")
    elif name in _NUMBERS:
        quantity, unit, least, most = _NUMBERS[name]
        if least <= amount <= most:
            yield Found(quantity, plain(amount), unit)
    elif name in _PERCENT or name == "battery":
        yield from _charge(amount, percent=name in _PERCENT)


def _charge(amount: Decimal, *, percent: bool) -> Iterator[Found]:
    """Read a plain ``battery``: per cent, millivolts from 1000 on, volts with decimals (a whole 3 may be either)."""
    if percent or 5 < amount <= 100:
        yield from battery(plain(amount))
    elif _LEAST_MV <= amount <= 20 * _LEAST_MV:
        yield Found("battery_voltage", plain(amount / 1000), "V")
    elif 0 < amount <= 5 and amount != int(amount):
        yield Found("battery_voltage", plain(amount), "V")


def volume(uplink: Uplink, amount: Decimal) -> Found:
    """Return a register whose unit the device was set to and does not send."""
    if uplink.unit in FACTORS and FACTORS[uplink.unit][0] == "L":
        return Found(WATER_VOLUME_TOTAL, convert(amount, uplink.unit), "L")
    return unknown_unit(WATER_VOLUME_TOTAL, "L", plain(amount))
