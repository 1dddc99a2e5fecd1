"""Netvox sensors: leak ropes, contacts, emergency buttons, occupancy, temperature.

Source: thingsboard/data-converters ``VENDORS/Netvox`` and TheThingsNetwork/lorawan-devices ``vendor/netvox/payload``.

A report on port 6 has 11 bytes: version 1 (1), device type (1), report 1 (1), battery in tenths of a volt with the top bit
for "low" (1), seven bytes by device type.  Report 0 names software and date of production.  Port 7 answers settings.  The
contact of R311A, R718F and R730F says "on"; whether that is open depends on the way it was mounted, so the polarity stays
in doubt.
"""

from collections.abc import Callable
from decimal import Decimal

from ingest.devices._lorawan import Found, Uplink, alive
from ingest.measures import plain

_PORT = 6
_BYTES = 11
_VERSION = 1


def read(uplink: Uplink) -> list[Found] | None:
    """Return what a Netvox sensor says, None when the frame is none of theirs."""
    data = uplink.data
    if uplink.port != _PORT or len(data) != _BYTES or data[0] != _VERSION or data[1] not in _TYPES or data[2] > 1:
        return None
    if data[2] == 0:
        return [alive()]
    found = _TYPES[data[1]](data[4:])
    if found is None:
        return None
    low = ("battery_low",) if data[3] & 0x80 else ()
    volts = Found("battery_voltage", plain(Decimal(data[3] & 0x7F) / 10), "V", low)
    return [*found, volts] if data[3] & 0x7F else found


def _leaks(body: bytes) -> list[Found] | None:
    return [Found("water_leak", 1 in body[:2], "bool")] if max(body[:2]) <= 1 else None


def _contact(body: bytes) -> list[Found] | None:
    return [Found("contact_open", body[0] == 1, "bool", ("polarity_unknown",))] if body[0] <= 1 else None


def _call(body: bytes) -> list[Found] | None:
    """Read an emergency button: 0 is its daily report."""
    return ([Found("sos", True, "event")] if body[0] else [alive()]) if body[0] <= 1 else None


def _bell(body: bytes) -> list[Found] | None:
    return ([Found("button", "press", "event")] if body[0] else [alive()]) if body[0] <= 1 else None


def _vibration(body: bytes) -> list[Found] | None:
    return [Found("vibration", body[0] == 1, "bool")] if body[0] <= 1 else None


def _climate(body: bytes) -> list[Found] | None:
    humidity = int.from_bytes(body[2:4], "big")
    more = [Found("humidity", plain(Decimal(humidity) / 100), "%RH")] if humidity <= 10_000 else []
    return [*_temperature(body), *more]


def _occupancy(body: bytes) -> list[Found] | None:
    tamper = ("tamper",) if body[5] == 1 else ()
    return [Found("occupancy", body[4] == 1, "bool", tamper), *_temperature(body)] if body[4] <= 1 else None


def _temperature(body: bytes) -> list[Found]:
    hundredths = int.from_bytes(body[:2], "big", signed=True)
    if not -6_000 <= hundredths <= 15_000:
        return []
    return [Found("temperature", plain(Decimal(hundredths) / 100), "Cel")]


_TYPES: dict[int, Callable[[bytes], list[Found] | None]] = {
    0x01: _climate,  # R711, R712
    0x02: _contact,  # R311A
    0x03: _occupancy,  # RB11E
    0x06: _leaks,  # R311W, two ropes
    0x0B: _climate,  # R718A
    0x10: _call,  # RB02I
    0x12: _leaks,  # R718WB
    0x13: _climate,  # R718AB
    0x1A: _vibration,  # R718DA
    0x1B: _vibration,  # R718DB
    0x1D: _contact,  # R718F
    0x31: _call,  # R718T
    0x32: _leaks,  # R718WA
    0x4D: _call,  # R312A
    0x55: _bell,  # R312
    0x6E: _climate,  # R720A
    0x7D: _contact,  # R730F
}
"""Device type -> what its seven bytes say, None when they cannot be such a device's."""
