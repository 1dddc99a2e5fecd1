"""Chinese 4G units that read a wired meter and send JSON of their own.

Source: paobo/M-CB-780 (``AMICO_YOMTEY``, ``BA_SHANDONGLY``, ``BA_ZJ_HENGTONG``, ``DC_SZYAOYU``); mujiyun.com, "MQTT interface";
hongjiaqiyuan.com, HW-230 4G collector, its table of keys; a public script for 4G meters that write ``HDWB:`` frames.

Topics: ``yomtey/prod/s/{IMEI}`` and ``pushinfo/{IMEI}`` (and other customers' with the same JSON), ``/iotinfo/{IMEI}``.

How this works.  ``DEVTYPE`` decides what a message of the first kind means: M0 state of the unit, M1 register (``METERSUM``, litres),
M2 trouble (4: the broker's last will, 3: the meter does not answer), M3 answers to commands.  The device is the unit's ``SN``.
Nothing has a time, and the register is the one of the request before.  Mujiyun writes JSON as a text inside JSON, keyed by the
address of the meter, or a meter's own frame.  HW-230 names the address in ``id``; of its keys only those its page explains are
read, others as the configuration says.  Position, SIM and cell never come out.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._cjt188 import clock, frames, octets, said
from ingest.devices._thing_identifiers import Meant
from ingest.devices._thing_model import DEVICE, Message, Point, points, readings, taken, want_device
from ingest.measures import FACTORS, convert, plain
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import parse, parse_object, show

_NAME = "china_4g_dtu"
_UNIT_TOPIC = re.compile(r"(?:yomtey/[^/]+/s|hengtong/meter/s|kh\d+/s|pushinfo)/([^/]+)")
_MUJIYUN = re.compile(r"/?iotinfo/([^/]+)")
_UNIT = re.compile(rb'"DEVTYPE"\s*:\s*"M\d"')
_HW230 = re.compile(rb'"cm"\s*:\s*[12]\s*[,}]')
_HDWB = re.compile(rb"HDWB:L[0-9]{4}M[0-9A-F]{4}([0-9A-F]{8})[0-9A-Z]+", re.IGNORECASE)
_VALVE = {11: True, 22: False, 33: False}
"""Open, closed, closed because of debt; 44 is stuck."""
_STUCK = 44
_MOST = 10**10
_FIRST_UNIT = 860_000_000_000_000
"""Serial numbers of simulated units: fifteen digits, as an IMEI."""
_OWN: Mapping[str, str] = {"ev": "batteryvoltage"}
_HW230_HEAD = frozenset({"cm", "ec", "pk", "im", "id", "ss"})
_NUMERAL = re.compile(r"\d{1,12}(?:\.\d{1,3})?", re.ASCII)


def matches(topic: str) -> bool:
    """Tell whether `topic` is one of these units'."""
    return _UNIT_TOPIC.fullmatch(topic) is not None or _MUJIYUN.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Tell whether `payload` is of such a unit on another topic."""
    start = payload.lstrip()[:5]
    if start[:1] == b"{":
        hw230 = _HW230.search(payload) is not None and b'"im"' in payload and b'"pk"' in payload
        return hw230 or _UNIT.search(payload) is not None
    return start.upper() == b"HDWB:"


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read one message.

    Raises
    ------
    Unreadable
        With the device, if it is legible: neither JSON nor a frame, no device, or no type that is known.
    """
    message = Message(_NAME, received_at, retain, memory)
    mujiyun = _MUJIYUN.fullmatch(topic)
    found = mujiyun or _UNIT_TOPIC.fullmatch(topic)
    device = found[1] if found and DEVICE.fullmatch(found[1]) else None
    text = payload.strip()
    if text[:5].upper() == b"HDWB:":
        return [_reading(_hdwb(text), Meant("available", True, "bool", ("raw_payload",)), message)]
    if text[:1] != b"{" and (framed := _framed(payload, message)):
        return framed
    try:
        fields = parse_object(payload)
    except Unreadable as error:
        raise Unreadable(str(error), device=device) from None
    if mujiyun:
        return _mujiyun(device, fields, message)
    if "cm" in fields and "DEVTYPE" not in fields:
        return _hw230(fields, message)
    return _unit(device, fields, message)


def _reading(device: str, one: Meant, message: Message) -> Reading:
    flags = (*message.kept, *one.flags, "time_missing")
    return Reading(device, one.quantity, one.value, one.unit, None, flags, one.extra)


def _alive(*flags: str) -> Meant:
    return Meant("available", True, "bool", flags)


def _framed(payload: bytes, message: Message) -> list[Reading]:
    """Read a meter's own frames, which a unit passes on."""
    told = []
    for frame in frames(octets(payload))[0]:
        flags, extra = clock(frame, message.received_at)
        for one in said(frame, message.memory.unit(frame.address, message.received_at)):
            marks = (*message.kept, *one.flags, *flags)
            told.append(Reading(frame.address, one.quantity, one.value, one.unit, None, marks, {**one.extra, **extra}))
    return told


def _unit(device: str | None, fields: Mapping[str, object], message: Message) -> list[Reading]:
    serial = fields.get("SN")
    device = serial if isinstance(serial, str) and DEVICE.fullmatch(serial) else device
    if device is None:
        raise Unreadable(f"SN: want 1 to 128 letters and digits, got {show(serial)}")
    kind, info = fields.get("DEVTYPE"), _number(fields.get("INFO"))
    if kind == "M2":
        told = [Meant("available", False, "bool")] if info == 4 else []
        told = told or [_alive("read_error" if info == 3 else "meaning_unknown")]
    elif kind in ("M0", "M1", "M3"):
        told = list(_state(fields, message.memory.unit(device, message.received_at))) or [_alive("no_reading")]
    else:
        raise Unreadable(f"DEVTYPE: want M0, M1, M2 or M3, got {show(kind)}", device=device)
    return [_reading(device, one, message) for one in told]


def _state(fields: Mapping[str, object], unit: str | None) -> Iterator[Meant]:
    """Yield what a unit says of its meter: register, valve, battery; `unit` is the register's by the registry."""
    total = _number(fields.get("METERSUM"))
    if total is not None:
        known = unit if unit in FACTORS and FACTORS[unit][0] == "L" else None
        yield Meant(WATER_VOLUME_TOTAL, convert(total, known or "L"), "L", () if known else ("unit_assumed_l",))
    answered = fields.get("DEVTYPE") == "M3" and fields.get("FUNCCODE") == "C5"
    place = _number(fields.get("UPDATA") if answered else fields.get("VALSTATE"))
    if place is not None and int(place) in _VALVE:
        yield Meant("valve_open", _VALVE[int(place)], "bool")
    elif place == _STUCK:
        yield _alive("sensor_fault")
    millivolts = _number(fields.get("BATT"))
    if millivolts is not None and 500 <= millivolts <= 20_000:
        yield Meant("battery_voltage", plain(millivolts / 1000), "V")


def _number(value: object) -> Decimal | None:
    """Return a number, also as text; None: there is none."""
    if isinstance(value, str) and _NUMERAL.fullmatch(value):
        return Decimal(value)
    number = Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
    return number if number is not None and 0 <= number < _MOST else None


def _mujiyun(unit: str | None, fields: Mapping[str, object], message: Message) -> list[Reading]:
    """Read the text in ``d``: the unit's first words (o 0), meters by address (o 5), a frame passed through (o 2)."""
    if unit is None:
        raise Unreadable("topic: want an IMEI of digits behind iotinfo, got none")
    data, kind = fields.get("d"), fields.get("o")
    if kind == 2 and isinstance(data, str):
        return _framed(data.encode(errors="replace"), message) or [_reading(unit, _alive("raw_payload"), message)]
    if kind != 5:
        return [_reading(unit, _alive("no_reading"), message)]
    if isinstance(data, str):
        try:
            data = parse(data.encode(errors="replace"))
        except Unreadable as error:
            raise Unreadable(f"d: {error}", device=unit) from None
    if not isinstance(data, dict):
        raise Unreadable(f"d: want an object of meters, got {show(data)}", device=unit)
    told = [one for address, values in data.items() for one in _meter(address, values, message)]
    return told or [_reading(unit, _alive("no_reading"), message)]


def _meter(address: str, values: object, message: Message) -> list[Reading]:
    """Read what a unit says of one meter; empty values are no reading."""
    if not DEVICE.fullmatch(address):
        return []
    said_something = {
        key: value for key, value in (values.items() if isinstance(values, dict) else ()) if value not in ("", None)
    }
    if not said_something:
        return [_reading(address, _alive("no_reading"), message)]
    return readings(taken(points(address, said_something)), address, message)


def _hw230(fields: Mapping[str, object], message: Message) -> list[Reading]:
    address, imei = fields.get("id"), fields.get("im")
    device = next((one for one in (address, imei) if isinstance(one, str) and DEVICE.fullmatch(one)), None)
    if device is None:
        raise Unreadable(f"id: want the meter's address, got {show(address)}")
    told = [
        Point(device, key, value, None)
        for key, value in fields.items()
        if key not in _HW230_HEAD and not isinstance(value, dict | list) and not (key == "ev" and value == 0)
    ]
    if not told:
        return [_reading(device, _alive("no_reading"), message)]
    return readings(told, device, message._replace(own=_OWN, past=fields.get("cm") == 2))


def _hdwb(text: bytes) -> str:
    """Return the number of a meter that writes ``HDWB:`` frames; the rest of the frame is its maker's own."""
    found = _HDWB.match(text)
    if found is None:
        raise Unreadable("payload: want HDWB: and a frame with the meter's number, got another text")
    digits = found[1].decode()
    high, low = (int(digits[at + 2 : at + 4] + digits[at : at + 2], 16) for at in (4, 0))
    return f"{high:06d}{low:06d}"


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:  # noqa: ARG001  these units send no time
    """Write the register of a unit `device`, in the JSON of paobo/M-CB-780.

    Parameters
    ----------
    device : str
        IMEI: the unit's serial number.
    at : datetime
        Not sent: these units have no time.
    litres : float
        Register [L]; sent in steps of 10 L, those that are full.

    Returns
    -------
    topic, payload

    Raises
    ------
    ValueError
        No serial number.
    """
    want_device(device, "serial number")
    report = {"DEVTYPE": "M1", "SN": device, "METERSUM": int(litres // 10) * 10, "PAYMODE": 1}
    return f"yomtey/prod/s/{device}", json.dumps(report, separators=(",", ":")).encode()


def _lives(device: str, at: datetime) -> tuple[str, bytes]:  # noqa: ARG001  these units send no time
    report = {"DEVTYPE": "M0", "SN": device, "UPTIME": 60, "BATT": 3650}
    return f"yomtey/prod/s/{device}", json.dumps(report, separators=(",", ":")).encode()


_IMEI = "867713070000000"
_MISSING = ("time_missing",)

FORMAT = Format(
    name=_NAME,
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    writes=("yomtey/+/s/{device}", "pushinfo/{device}", "/iotinfo/{device}"),
    played=Played(named=lambda home: f"{_FIRST_UNIT + home:015d}", unit="L", step_l=10.0, timed=False, alive=_lives),
    samples=(
        Sample(
            source="paobo/M-CB-780, AMICO_YOMTEY/DC/mqtt_DC_SW.lua: a register",
            topic="yomtey/prod/s/867713070000000",
            payload=b'{"DEVTYPE":"M1","SN":"867713070000000","METERSUM":3000,"PAYMODE":1}',
            readings=(Reading(_IMEI, WATER_VOLUME_TOTAL, 3000, "L", None, ("unit_assumed_l", *_MISSING)),),
        ),
        Sample(
            source="paobo/M-CB-780, BA_ZJ_HENGTONG/mqtt_BA_HT.lua: the state of a unit, the register among it",
            topic="hengtong/meter/s/867713070000000",
            payload=b'{"DEVTYPE":"M0","SN":"867713070000000","ICCID":"89860000000000000000","METERNO":"00000024170567",'
            b'"UPTIME":60,"VALSTATE":22,"BATT":3650,"LAT":30.1,"LNG":120.2,"METERSUM":3000,"RSRP":-92}',
            readings=(
                Reading(_IMEI, WATER_VOLUME_TOTAL, 3000, "L", None, ("unit_assumed_l", *_MISSING)),
                Reading(_IMEI, "valve_open", False, "bool", None, _MISSING),
                Reading(_IMEI, "battery_voltage", 3.65, "V", None, _MISSING),
            ),
        ),
        Sample(
            source="mujiyun.com, MQTT interface: a meter by its address, without a value",
            topic="/iotinfo/861551050000000",
            payload=b'{"d":"{\\"111111111112\\":{\\"testKey\\":\\"\\"}}","o":5}',
            readings=(Reading("111111111112", "available", True, "bool", None, ("no_reading", *_MISSING)),),
        ),
        Sample(
            source="broken: a type that nobody knows",
            topic="yomtey/prod/s/867713070000000",
            payload=b'{"DEVTYPE":"M9","SN":"867713070000000"}',
            rejected="DEVTYPE: want M0, M1, M2 or M3, got 'M9'",
        ),
    ),
)
