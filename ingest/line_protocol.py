"""Stored readings as lines of InfluxDB's line protocol.  Pure: no I/O, no clock.

One reading is one line::

    water_volume_total,device=wm-7 value=82184.5,delay_s=4.2,flags="time_missing" 1763705100000

Measurement: the quantity.  Tag ``device``: the device's id, never a household or a person.  Fields: ``value`` in the unit
of the quantity, ``delay_s`` from measured to received [s], ``flags`` only if there are any, with spaces between.  Time: when
it was measured [ms].  The same reading gives the same line, and the same measurement, tag and time is the same point, so a
line that is written again changes nothing.

How names are written.  Commas, spaces and equal signs get a backslash.  Parsers disagree about a backslash in a name
itself (InfluxDB keeps two of them, VictoriaMetrics makes one of them; before a comma or at the end no line can say it), and
a line break ends the line.  Such characters, and ``%`` so that nothing is said twice, are written as ``%`` and two hex
digits of each byte; `name_of` takes that back.

Source: InfluxData, "InfluxDB line protocol tutorial", 1.8 and 2.7, "Special characters".
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import unquote

from ingest.readings import StoredReading

EMPTY = "%"
"""How an empty name is written: a line must not have one, and nothing else becomes a lone per cent sign."""
MOST_HEADS = 65_536
"""Devices whose beginning of a line is kept ready: about 15 MB."""

_UNSAFE = re.compile(r"[\x00-\x1f\x7f%\\]")
_SPECIAL = re.compile(r"[,= ]")


def safe(name: str) -> str:
    """Return `name` without what lines cannot say: a measurement, tag or flag as a server gives it back."""
    if not name:
        return EMPTY
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", name)


def name_of(written: str) -> str:
    """Return the name that `safe` made `written` of."""
    return "" if written == EMPTY else unquote(written)


def safe_measurement(quantity: str) -> str:
    """Return `quantity` as measurements are called; a line that begins with ``#`` would be a comment."""
    name = safe(quantity)
    return f"%23{name[1:]}" if name.startswith("#") else name


def thousandths(value: int) -> str:
    """Return `value` thousandths as a decimal number, exactly."""
    whole, rest = divmod(abs(value), 1000)
    digits = f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)
    return f"-{digits}" if value < 0 else digits


def line(reading: StoredReading) -> str:
    """Return one line, without its end."""
    flags = f',flags="{_quoted(reading.flags)}"' if reading.flags else ""
    delay = thousandths(reading.received_ms - reading.measured_ms)
    head = _head(reading.quantity, reading.device)
    return f"{head}{thousandths(reading.value)},delay_s={delay}{flags} {reading.measured_ms}"


def lines(readings: Iterable[StoredReading]) -> bytes:
    """Return what a server takes in one request."""
    return "\n".join(map(line, readings)).encode()


@lru_cache(MOST_HEADS)
def _head(quantity: str, device: str) -> str:
    return f"{_escaped(safe_measurement(quantity))},device={_escaped(safe(device))} value="


def _escaped(name: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", name)


def _quoted(flags: Sequence[str]) -> str:
    return safe(" ".join(flags)).replace('"', '\\"')
