"""Netvox R718WB: a wireless leak sensor with a rope.

Source: thingsboard/data-converters ``VENDORS/Netvox/R718WB``.  Port 6: version 1 (1), type 0x12 (1), report 1 (1), battery
in tenths of a volt with the top bit for "low" (1), leak (1), six bytes of zeros.  Port 7 answers settings: no reading.
"""

from decimal import Decimal

from ingest.devices._lorawan import Found, Uplink
from ingest.measures import plain

_PORT = 6
_HEAD = b"\x01\x12\x01"
_BYTES = 11


def read(uplink: Uplink) -> list[Found] | None:
    """Return what the leak sensor says, None when the frame is none of its."""
    data = uplink.data
    if uplink.port != _PORT or len(data) != _BYTES or not data.startswith(_HEAD) or data[4] > 1:
        return None
    low = ("battery_low",) if data[3] & 0x80 else ()
    return [
        Found("water_leak", data[4] == 1, "bool"),
        Found("battery_voltage", plain(Decimal(data[3] & 0x7F) / 10), "V", low),
    ]
