"""CJ/T 188: the frame that nearly every wired Chinese water meter speaks, and what it says.

Source: CJ/T 188-2004 and CJ/T 188-2018, "Data transmission technical conditions of household metering devices"; frames
captured in paobo/M-CB-780 (``AMICO_YOMTEY/DC``, ``BA_SHANDONGLY``) and printed in public readers of such meters.

How this works.  ``68 | type | address, 7 bytes, low one first | control | length | data | check sum | 16``.  On the line
``FE`` wakes the meter up, any number of them, and lines echo the request; so the bytes are searched for frames and nothing
is cut out of them: ``FE`` may well be a check sum.  An answer to "read" holds identifier (``901F``, both orders are met),
serial number, present total, settled total, clock and status; short answers leave out unit, settled total and clock.
Numbers are BCD, low byte first, m³ with two decimals; with the unit litre they are whole litres.  A nibble above 9 is a
meter that could not read itself.  The settled total is the register of the last bill: history, and no second meter.
"""

import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from ingest.devices._thing_identifiers import Meant
from ingest.measures import FACTORS, convert, plain, plausible, rfc3339
from ingest.readings import WATER_VOLUME_TOTAL, Value

WATER = range(0x10, 0x20)
"""Types of water meters: 10 cold, 11 hot, 12 drinking, 13 reclaimed.  20 to 2F measure heat, 30 to 3F gas."""
_TYPES = range(0x10, 0x50)
_START, _END, _HEAD = 0x68, 0x16, 11
_ANSWER, _ABNORMAL, _COMMAND = 0x80, 0x40, 0x1F
_READ, _WRITE = 0x01, 0x04
_METERED, _VALVE = {b"\x90\x1f", b"\x1f\x90"}, {b"\xa0\x17", b"\x17\xa0"}
_MONTHS = frozenset(bytes([month, 0xD1]) for month in range(0x20, 0x2C))
_UNITS = {0x2C: ("m3", Decimal("0.01")), 0x29: ("L", Decimal(1))}
"""Code -> unit, and what one is worth in it; the number has two decimals only in cubic metres."""
_AFTER_TOTAL = {0: "", 2: "s", 5: "t", 7: "ts", 9: "cs", 12: "tc", 14: "tcs"}
"""Bytes behind the total -> what they are: t settled total, c clock, s status."""
_SIZES = {"t": 5, "c": 7, "s": 2}
_MOST_BYTES = 4096
_HEX = re.compile(rb"(?:0[xX])?[0-9A-Fa-f]{2}(?:[\s,:-]*(?:0[xX])?[0-9A-Fa-f]{2})*")
_BASE64 = re.compile(rb"[0-9A-Za-z+/\r\n]+={0,2}")


class Frame(NamedTuple):
    """One frame whose check sum fits: type, address as printed on the meter, control byte, data."""

    kind: int
    address: str
    control: int
    data: bytes


class Content(NamedTuple):
    """The parts of an answer to "read"; `unit` None: not sent."""

    total: bytes
    unit: int | None
    clock: bytes
    status: bytes


def octets(payload: bytes) -> bytes:
    """Return the bytes of a payload that is raw, hexadecimal text or base64, as gateways send frames."""
    text = payload.strip()
    if len(payload) > _MOST_BYTES:
        return b""
    if _HEX.fullmatch(text):
        return bytes.fromhex(re.sub(rb"0[xX]|[\s,:-]", b"", text).decode())
    if _BASE64.fullmatch(text) and len(re.sub(rb"[\r\n]", b"", text)) % 4 == 0:
        try:
            return b64decode(text)
        except ValueError:
            return b""
    return payload


def frames(data: bytes) -> tuple[list[Frame], list[str]]:
    """Return the frames in `data`, and what is wrong with what looks like one and is none."""
    found, complaints, place = [], list[str](), 0
    while 0 <= (place := data.find(_START, place)) < len(data) - 10:
        end = place + _HEAD + data[place + 10] + 1
        if data[place + 1] not in _TYPES or (end < len(data) and data[end] != _END):
            place += 1
        elif end >= len(data):
            complaints.append(f"frame: want {end + 1 - place} bytes, got {len(data) - place}")
            place += 1
        elif (total := sum(data[place : end - 1]) & 0xFF) != data[end - 1]:
            complaints.append(f"frame: want the check sum {total:02X}, got {data[end - 1]:02X}")
            place += 1
        else:
            address = data[place + 2 : place + 9][::-1].hex().upper()
            found.append(Frame(data[place + 1], address, data[place + 9], data[place + _HEAD : end - 1]))
            place = end + 1
    return found, complaints


def said(frame: Frame, unit: str | None) -> list[Meant]:
    """Return what an answer says; nothing for requests, heat and gas.

    Parameters
    ----------
    frame : Frame
    unit : str or None
        Unit of the register by the registry, for answers that do not send one.
    """
    if frame.kind not in WATER or not frame.control & _ANSWER:
        return []
    if frame.control & _ABNORMAL:
        return [Meant("available", True, "bool", ("read_error",))]
    what = frame.data[:2]
    content = _content(frame)
    if content is not None:
        return _metered(content, unit)
    if frame.control & _COMMAND == _WRITE and what in _VALVE and len(frame.data) >= 4:
        valve, flags = _status(frame.data[3:5])
        return [*valve] or [Meant("available", True, "bool", flags or ("no_reading",))]
    if what in _MONTHS and len(frame.data) >= 8:
        past = _total(frame.data[3:7], frame.data[7], unit)
        return [replace(past, quantity="month_end_history", flags=("history", *past.flags))] if past else _faulty()
    return [Meant("available", True, "bool", ("no_reading",))]


def inside(
    payload: bytes, received_at: datetime, unit: str | None
) -> list[tuple[Meant, tuple[str, ...], dict[str, Value]]]:
    """Return what the frames in a platform's envelope say, each with what is to be said of the meter's clock.

    The envelope names the device, so the address in the frame does not count; what is no frame says nothing.
    """
    found, _ = frames(octets(payload))
    return [(one, *clock(frame, received_at)) for frame in found for one in said(frame, unit)]


def clock(frame: Frame, received_at: datetime) -> tuple[tuple[str, ...], dict[str, Value]]:
    """Return what is to be said of the meter's clock, which has no zone: flags, and the local time it shows."""
    content = _content(frame)
    shown = content.clock if content else b""
    if not shown or shown in (bytes(7), b"\xff" * 7):
        return ("time_missing",), {}
    for digits in (shown[::-1].hex(), shown.hex()):  # low byte first; some meters send the century first
        written = "{}-{}-{}T{}:{}:{}".format(digits[:4], *(digits[at : at + 2] for at in range(4, 14, 2)))
        try:
            if plausible(rfc3339(f"{written}Z"), received_at):
                return ("time_zone_missing",), {"time_local": written}
        except ValueError:
            continue
    return ("implausible_time",), {}


def _content(frame: Frame) -> Content | None:
    """Return the parts of an answer to "read", None when it is another answer."""
    data = frame.data[3:]
    if frame.control & _COMMAND != _READ or frame.data[:2] not in _METERED or len(data) < 4:
        return None
    has_unit = len(data) > 4 and len(data) != 6
    rest, parts = data[5 if has_unit else 4 :], {"t": b"", "c": b"", "s": b""}
    for part in _AFTER_TOTAL.get(len(rest), ""):
        parts[part], rest = rest[: _SIZES[part]], rest[_SIZES[part] :]
    return Content(data[:4], data[4] if has_unit else None, parts["c"], parts["s"])


def _metered(content: Content, unit: str | None) -> list[Meant]:
    total = _total(content.total, content.unit, unit)
    valve, flags = _status(content.status)
    first = [replace(total, flags=(*total.flags, *flags))] if total else _faulty(flags)
    return [*first, *valve]


def _total(digits: bytes, code: int | None, unit: str | None) -> Meant | None:
    """Return a register, None when the meter could not read itself."""
    written = digits[::-1].hex()
    if not written.isdecimal():
        return None
    number = Decimal(written)
    if code in _UNITS:
        name, worth = _UNITS[code]
        return Meant(WATER_VOLUME_TOTAL, convert(number * worth, name), "L")
    if code is not None:
        return Meant(WATER_VOLUME_TOTAL, None, "L", ("unit_unknown",), {"raw": plain(number)})
    known = unit in FACTORS and FACTORS[unit][0] == "L"
    name = str(unit) if known else "m3"
    litres = convert(number * _UNITS[0x2C][1], name)
    return Meant(WATER_VOLUME_TOTAL, litres, "L", () if known else ("unit_assumed_m3",))


def _faulty(flags: Sequence[str] = ()) -> list[Meant]:
    return [Meant("available", True, "bool", tuple(dict.fromkeys(("sensor_fault", *flags))))]


def _status(status: bytes) -> tuple[list[Meant], tuple[str, ...]]:
    """Return the valve, and doubts: bits 0 and 1 are the valve (00 open, 01 closed, 11 faulty), bit 2 a weak battery."""
    if not status:
        return [], ()
    position = status[0] & 0b11
    flags = (*(("battery_low",) if status[0] & 0b100 else ()), *(("sensor_fault",) if position == 0b11 else ()))
    return [Meant("valve_open", position == 0, "bool")] if position < 0b10 else [], flags


def answer(address: str, litres: float, at: datetime | None = None, *, status: int = 0) -> bytes:
    """Return the answer of a cold-water meter to "read", with two wake-up bytes.

    Parameters
    ----------
    address : str
        14 digits.
    litres : float
        Register [L]; sent in steps of 10 L, those that are full.
    at : datetime, optional
        What the meter's clock shows, in the zone of `at`; None: it has none.
    status : int
        First status byte.

    Raises
    ------
    ValueError
        The address is no 14 digits, or the register does not fit into eight.
    """
    steps = int(litres // 10)
    if not re.fullmatch(r"\d{14}", address, re.ASCII) or not 0 <= steps < 10**8:
        raise ValueError(f"want an address of 14 digits and 0 to 999999999 L, got {address!r} and {litres}")
    total = bytes.fromhex(f"{steps:08d}")[::-1] + b"\x2c"
    shown = bytes(7) if at is None else bytes.fromhex(f"{at:%Y%m%d%H%M%S}")[::-1]
    return _framed(address, _ANSWER | _READ, b"\x90\x1f\x01" + total + total + shown + bytes([status, 0]))


def unable(address: str) -> bytes:
    """Return the answer of a meter, called by 14 digits, that lives and cannot read its register."""
    return _framed(address, _ANSWER | _ABNORMAL | _READ, b"\x90\x1f\x01")


def _framed(address: str, control: int, data: bytes) -> bytes:
    body = bytes([_START, 0x10]) + bytes.fromhex(address)[::-1] + bytes([control, len(data)]) + data
    return b"\xfe\xfe" + body + bytes([sum(body) & 0xFF, _END])


def fitting(litres: float) -> float:
    """Return a register [L] as near as eight digits of ten litres come to it."""
    return min(max(litres, 0.0), 999_999_990.0)


def texts(fields: object, depth: int = 0) -> Iterator[bytes]:
    """Yield the texts in a decoded JSON value that may hold a frame, as transparent gateways wrap them."""
    if isinstance(fields, str):
        yield fields.encode("utf-8", "surrogatepass")
    elif isinstance(fields, dict | list) and depth < 3:
        for part in fields.values() if isinstance(fields, dict) else fields:
            yield from texts(part, depth + 1)
