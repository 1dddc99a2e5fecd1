"""Quandify CubicMeter 1.1: a clamp-on meter that knows leaks.

Source: quandify/cubicmeter-1.1 ``src/uplink.js`` and ``src/examples.json``.  A status report has 28 bytes, little-endian:
error (2 at 4, its top bit: the sensor sees no water), all-time litres (4 at 6), leak state (22), battery under load and
recovered (23, 24: 1.8 V + 8 mV a step), water temperature least and most, ambient temperature (25-27: -20 °C + 0.5 °C a
step).  It comes on port 1, or behind three bytes of an answer on port 6; both ports are anybody's, so the name of the
device profile or the keys of its codec must say that it is a CubicMeter.  Leak states are 2 and 3 there; its own
tests have a frame of the greatest leak with 4, and copies of it count from 3: all three are leaks.
"""

from decimal import Decimal

from ingest.devices._lorawan import Found, Uplink
from ingest.measures import plain
from ingest.readings import WATER_VOLUME_TOTAL

_NAMES = ("cubicmeter", "quandify", "cm1.1")
_KEYS = frozenset({"leakstate", "leakstatus", "batteryrecovered"})
"""Keys of its codecs, without underscores, in small letters."""
_BYTES = 28
_STATUS_REPORT = 1
_REVERSE = 384
_LEAKS = (2, 3, 4)
_LOW_MV = 3100


def read(uplink: Uplink) -> list[Found] | None:
    """Return what a CubicMeter says, None when the frame is none of its."""
    data = uplink.data
    if uplink.port == 6 and len(data) == _BYTES + 3 and data[2] == _STATUS_REPORT:
        data = data[3:]
    elif uplink.port != 1:
        return None
    if len(data) != _BYTES or not _is_one(uplink):
        return None
    total = Found(WATER_VOLUME_TOTAL, int.from_bytes(data[6:10], "little"), "L", _troubles(data))
    if total.value == 0xFFFFFFFF:
        total = Found("available", True, "bool", ("no_reading", *_troubles(data)))
    millivolts = 1800 + 8 * data[24]
    low = ("battery_low",) if millivolts <= _LOW_MV else ()
    return [
        total,
        Found("battery_voltage", plain(Decimal(millivolts) / 1000), "V", low),
        Found("temperature", _celsius(data[27]), "Cel", (), {"channel": "ambient"}),
        Found("temperature", _celsius(data[25]), "Cel", (), {"channel": "water_min"}),
        Found("temperature", _celsius(data[26]), "Cel", (), {"channel": "water_max"}),
    ]


def _is_one(uplink: Uplink) -> bool:
    """Tell whether a name or what its codec wrote says that it is a CubicMeter."""
    inner = uplink.fields.get("decoded")
    keys = {key.lower().replace("_", "") for key in (*uplink.fields, *(inner if isinstance(inner, dict) else ()))}
    return any(name in uplink.named for name in _NAMES) or not keys.isdisjoint(_KEYS)


def _troubles(data: bytes) -> tuple[str, ...]:
    error = int.from_bytes(data[4:6], "little")
    dry = ("meter_alarm:not_measuring",) if error & 0x8000 else ()
    code = error & 0x7FFF
    known = ("meter_alarm:backflow",) if code == _REVERSE else ("meter_alarm:unknown",) if code else ()
    return (*(("meter_alarm:leak",) if data[22] in _LEAKS else ()), *dry, *known)


def _celsius(byte: int) -> int | float:
    return plain(Decimal(byte) / 2 - 20)
