"""Milesight sensors (EM300, WS, VS and AM series): pairs of channel and type, each with its own number of bytes.

Source: Milesight-IoT/SensorDecoders, the README tables of ``em-series``, ``ws-series``, ``vs-series`` and ``am-series`` (the
tables, not the examples: that of the WS301 contradicts its own); thingsboard/data-converters ``VENDORS/Milesight``.

How this works.  The frame does not say which model sent it, and some channels mean different things: 03 00 is a door
(WS301), a motion (WS202), a leak (WS303) or somebody in the room (VS340, VS370), 04 00 a tampering or daylight, 05 00 a
leak (EM300-SLD), somebody in the room (WS203), a motion (AM308) or an input (EM300-DI), 06 00 a door (EM300-MCS) or a leak
(EM300-MLD, which measures no climate).  What they mean must come from elsewhere: the name of the device profile or device,
the keys of the operator's codec, or the length of the history records; else those bytes are left out, because a lit room
is no door.  The length of a history record (20 CE) differs by model too: it is the one with which the whole frame can be
read.  The consumption of an EM300-DI stands on channel 05 or, in newer firmware, 06.
"""

import math
import struct
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace

from ingest.devices._lorawan import Found, Uplink, battery, unknown_unit
from ingest.measures import EPOCH, FACTORS, convert, plain, plausible
from ingest.readings import WATER_VOLUME_TOTAL

PORT = 85
PRESSES = {1: "short_press", 2: "long_press", 3: "double_press"}
_HISTORY, _HISTORY_2 = (0x20, 0xCE), (0x21, 0xCE)
_RECORDS = (13, 8, 9, 7)
"""Bytes of a history record: EM300-DI, EM300-SLD and MCS, WS203, EM300-TH."""
_BYTES = {
    (0x01, 0x75): 1,
    (0x03, 0x67): 2,
    (0x83, 0x67): 3,
    (0x04, 0x68): 1,
    (0x03, 0x00): 1,
    (0x04, 0x00): 1,
    (0x05, 0x00): 1,
    (0x06, 0x00): 1,
    (0x85, 0x00): 2,
    (0x05, 0xC8): 4,
    (0x05, 0xE1): 8,
    (0x85, 0xE1): 9,
    (0x06, 0xE1): 8,
    (0x86, 0xE1): 9,
    (0x02, 0x82): 2,
    (0x03, 0x8E): 1,
    (0x04, 0x8E): 1,
    (0x03, 0xED): 1,
    (0x83, 0xED): 2,
    (0x04, 0xEE): 1,
    (0x05, 0x5B): 7,
    (0x05, 0x6A): 2,
    (0x06, 0x65): 6,
    (0x06, 0xCB): 1,
    **{(channel, 0x7D): 2 for channel in range(0x07, 0x0E)},
    (0x09, 0x73): 2,
    (0x0E, 0x01): 1,
    _HISTORY_2: 18,
    (0xFF, 0x01): 1,
    (0xFF, 0x08): 6,
    (0xFF, 0x09): 2,
    (0xFF, 0x0A): 2,
    (0xFF, 0x0B): 1,
    (0xFF, 0x0F): 1,
    (0xFF, 0x16): 8,
    (0xFF, 0x2E): 1,
    (0xFF, 0xFE): 1,
    (0xFF, 0xFF): 2,
}
"""(channel, type) -> bytes that follow."""
_MEANINGS = (
    (("ws301", "em300-mcs"), ("magnet_status", "door"), "door"),
    (("ws202", "am307", "am308", "am319"), ("pir",), "motion"),
    (
        ("em300-sld", "em300-zld", "em300-mld", "ws303"),
        ("leakage_status", "leak_status", "water_leak"),
        "leak",
    ),
    (("ws203", "vs340", "vs341", "vs370"), ("occupancy",), "occupancy"),
    (("em300-di",), ("gpio", "pulse", "water"), "input"),
)
"""Models in a name, or keys of a codec -> what the channels without a meaning of their own mean."""
_QUANTITIES = {"door": "contact_open", "motion": "motion", "leak": "water_leak", "occupancy": "occupancy"}
_CLIMATE = frozenset({(0x03, 0x67), (0x04, 0x68)})
_FLOWS_ON = 3
"""Alarm byte behind a consumption: water has not stopped for too long."""

Part = tuple[tuple[int, int], bytes]


def read(uplink: Uplink) -> list[Found] | None:
    """Return what a Milesight sensor says, None when the frame is none of theirs."""
    if uplink.port != PORT or not uplink.data:
        return None
    parts = next(filter(None, (_parts(uplink.data, record) for record in _RECORDS)), None)
    if parts is None:
        return None
    keys = {key for key, _ in parts}
    meaning = _named(uplink) or _shown(parts)
    tamper = ("tamper",) if meaning == "door" and ((0x04, 0x00), b"\1") in parts else ()
    found = [one for part in parts for one in _present(uplink, part, meaning, tamper)]
    found += [one for part in parts for one in _past(uplink, part, meaning)]
    if not found and keys & {(0xFF, 0x0B), (0xFF, 0xFE)}:
        return [Found("available", True, "bool", ("no_reading", "device_restart"))]
    return found


def _parts(data: bytes, record: int) -> list[Part] | None:
    """Cut the frame into its channels; None when it cannot be cut to the end with history records of that length."""
    parts, at = [], 0
    while at < len(data):
        key = (data[at], data[at + 1]) if at + 1 < len(data) else (0, 0)
        size = record if key == _HISTORY else _BYTES.get(key, 0)
        if not size or at + 2 + size > len(data):
            return None
        parts.append((key, data[at + 2 : at + 2 + size]))
        at += 2 + size
    return parts


def _named(uplink: Uplink) -> str:
    for models, keys, meaning in _MEANINGS:
        if any(model in uplink.named for model in models) or any(key in uplink.fields for key in keys):
            return meaning
    return ""


def _shown(parts: list[Part]) -> str:
    """Return what only one model's frames hold: a history record of its length, or a counter."""
    sizes = {len(data) for key, data in parts if key == _HISTORY}
    keys = {key for key, _ in parts}
    if 13 in sizes or keys & {(0x05, 0xC8), (0x05, 0xE1), (0x06, 0xE1), _HISTORY_2}:
        return "input"
    if 8 in sizes and (0x05, 0x00) in keys:
        return "leak"
    if (0x06, 0x00) in keys and keys & _CLIMATE:
        return "door"
    return "occupancy" if 9 in sizes else ""


def _present(uplink: Uplink, part: Part, meaning: str, tamper: tuple[str, ...]) -> Iterator[Found]:
    key, data = part
    match key:
        case (0x01, 0x75):
            yield from battery(data[0])
        case (0x03 | 0x83, 0x67):
            yield from _temperature(data[:2])
        case (0x04, 0x68):
            yield from _humidity(data[0])
        case (0x03 | 0x05 | 0x06, 0x00):
            yield from _state(meaning, data[0], tamper)
        case (0x03, 0x8E):
            yield from _state("occupancy", data[0])
        case (0x05, 0xC8):
            yield Found("pulse_count_total", int.from_bytes(data, "little"), "count", ("pulse_factor_unknown",))
        case (0x05 | 0x06 | 0x85 | 0x86, 0xE1):
            yield from _water(uplink, data[4:8], alarm=data[8:] == bytes([_FLOWS_ON]))
        case (0xFF, 0x2E):
            yield _press(uplink, PRESSES.get(data[0], "unknown"))


def _press(uplink: Uplink, word: str) -> Found:
    """Return a press: a call for help where the name of the button says that it is there for that."""
    return Found("sos", True, "event") if "sos" in uplink.named else Found("button", word, "event")


def _state(meaning: str, byte: int, flags: tuple[str, ...] = ()) -> Iterator[Found]:
    if meaning in _QUANTITIES and byte in (0, 1):
        yield Found(_QUANTITIES[meaning], byte == 1, "bool", flags)


def _temperature(data: bytes) -> Iterator[Found]:
    tenths = int.from_bytes(data, "little", signed=True)
    if -600 <= tenths <= 1500:
        yield Found("temperature", plain(Decimal(tenths) / 10), "Cel")


def _humidity(byte: int) -> Iterator[Found]:
    if byte <= 200:
        yield Found("humidity", plain(Decimal(byte) / 2), "%RH")


def _water(uplink: Uplink, data: bytes, *, alarm: bool = False) -> Iterator[Found]:
    """Read a consumption, whose unit is chosen on the device and not sent."""
    (number,) = struct.unpack("<f", data)
    if not math.isfinite(number) or not 0 <= number <= 1e9:
        return
    # a float of four bytes has seven digits: what stands behind them is noise
    exact = Decimal(f"{number:.7g}")
    flags = ("meter_alarm:continuous_flow",) if alarm else ()
    if uplink.unit in FACTORS and FACTORS[uplink.unit][0] == "L":
        yield Found(WATER_VOLUME_TOTAL, convert(exact, uplink.unit), "L", flags)
    else:
        raw = unknown_unit(WATER_VOLUME_TOTAL, "L", plain(exact))
        yield replace(raw, flags=(*raw.flags, *flags))


def _past(uplink: Uplink, part: Part, meaning: str) -> Iterator[Found]:
    """Read a record of the past: no alarm of it is an alarm of now."""
    key, data = part
    if key not in (_HISTORY, _HISTORY_2):
        return
    time = EPOCH + timedelta(seconds=int.from_bytes(data[:4], "little"))
    if not plausible(time, uplink.received_at):
        return  # a record of no known moment says nothing
    body = data[4:]
    if len(data) == 9:  # WS203: kind of report and state come first
        body = data[6:9] + data[5:6]
    hall = not any(body[:3])  # a counter without a thermometer: 0.0 °C at 0 % is no weather
    found = [] if hall else [*_temperature(body[:2]), *_humidity(body[2])]
    if key == _HISTORY and len(data) == 13 and body[3] == 2:
        count = int.from_bytes(body[5:9], "little")
        found.insert(0, Found("pulse_count_total", count, "count", ("pulse_factor_unknown",)))
    elif key == _HISTORY_2 and body[4] == 2:
        found[:0] = _water(uplink, body[10:14])
    elif len(data) in (8, 9):
        found += _state(meaning, body[3])
    for one in found:
        yield replace(one, flags=("history", *one.flags), time=time)
