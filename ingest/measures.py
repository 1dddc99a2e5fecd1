"""Units and times as they come over the wire, turned into ours without losing a digit.

Stored units are litres, litres per hour, degrees Celsius, per cent and volts (SenML names, RFC 8428).  Factors are
exact by definition: a US gallon is 3.785411784 L (NIST Special Publication 811, B.8), a cubic foot 28.316846592 L.
"""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from ingest.strict_json import Number, show

_ONE, _THOUSAND, _MILLI = Decimal(1), Decimal(1000), Decimal("0.001")

FACTORS: dict[str, tuple[str, Decimal]] = {
    "L": ("L", _ONE),
    "m3": ("L", _THOUSAND),
    "gal_us": ("L", Decimal("3.785411784")),
    "ft3": ("L", Decimal("28.316846592")),
    "L/h": ("L/h", _ONE),
    "m3/h": ("L/h", _THOUSAND),
    "count": ("count", _ONE),
    "Cel": ("Cel", _ONE),
    "%RH": ("%RH", _ONE),
    "%": ("%", _ONE),
    "V": ("V", _ONE),
}
"""Unit on the wire -> our unit and what to multiply with."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLAUSIBLE_FROM = datetime(2001, 1, 1, tzinfo=UTC)
"""Earlier times come from clocks that were never set: 1111, 1970-01-01 and 2000-01-01 are their usual first day."""
MOST_AHEAD = timedelta(days=1)
"""A reader drops a device time further ahead of its arrival than this; `ingest.quality` is stricter."""

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)


def convert(number: Number, unit: str) -> int | float:
    """Return `number`, given in `unit`, in our unit.

    Returns
    -------
    int or float
        Whole values as int, others rounded to three decimals (half to even).

    Raises
    ------
    KeyError
        `unit` is not one of `FACTORS`.
    """
    factor = FACTORS[unit][1]
    if factor is _ONE:
        return number if type(number) is int else plain(Decimal(number))
    return plain(number * factor)


def plain(number: Decimal) -> int | float:
    """Return `number` as int when it is whole, else as float with three decimals."""
    whole, rest = divmod(int(number.quantize(_MILLI, ROUND_HALF_EVEN) * _THOUSAND), 1000)
    return (whole * 1000 + rest) / 1000 if rest else whole  # dividing whole numbers rounds once, as reading digits does


def thousandths(value: float) -> int:
    """Return `value` in thousandths of its unit, the whole number that the store keeps."""
    return int(value) * 1000 if isinstance(value, int) else round(value * 1000)


def milliseconds(time: datetime) -> int:
    """Return aware `time` in milliseconds since 1970-01-01 UTC, rounded down."""
    since = time - EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def moment(ms: int) -> datetime:
    """Return the aware UTC time of `ms` milliseconds since 1970-01-01."""
    return EPOCH + timedelta(milliseconds=ms)


def rfc3339(text: object) -> datetime:
    """Return the UTC time that `text` names.

    Raises
    ------
    ValueError
        Not RFC 3339 with ``Z`` or an offset; the message says what was wanted and what came.
    """
    if isinstance(text, str) and len(text) == 20 and text[4::3] == "--T::Z" and text[11:13] < "24" and text.isascii():
        try:  # what nearly all send, ten times faster; Python's reader is laxer, so only where the shape leaves it no choice
            return datetime.fromisoformat(text)
        except ValueError:
            pass  # a leap second, or a reason to be given below
    found = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if found is not None and found[8] == "Z" and found[6] < "60" and found[4] < "24":
        with suppress(ValueError):  # a day that is none, said below
            return datetime.fromisoformat(found[0])  # more than six decimals are cut there too
    if found is None:
        raise ValueError(f"want RFC 3339 with Z or an offset such as 2026-11-21T06:00:00Z, got {show(text)}")
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    fraction, zulu, sign, off_hours, off_minutes = found.groups()[6:]
    offset = timedelta() if zulu else timedelta(hours=int(off_hours), minutes=int(off_minutes))
    if offset >= timedelta(days=1):
        raise ValueError(f"want an offset below 24 h, got {show(text)}")
    leap = second == 60  # a leap second is the same instant as the next minute's second 0
    try:
        local = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
        local += timedelta(seconds=int(leap), microseconds=int((fraction or "0").ljust(6, "0")[:6]))
        return local - offset if sign != "-" else local + offset
    except (ValueError, OverflowError):
        raise ValueError(f"want a day and time that exist, got {show(text)}") from None


def plausible(time: datetime, received_at: datetime) -> bool:
    """Tell whether a device may mean `time` in a message that came at `received_at`."""
    return PLAUSIBLE_FROM <= time <= received_at + MOST_AHEAD


def zulu(time: datetime) -> str:
    """Return aware `time` as RFC 3339 in UTC, with as many decimals as it needs (0, 3 or 6)."""
    spec = "seconds" if not time.microsecond else "milliseconds" if time.microsecond % 1000 == 0 else "microseconds"
    return time.astimezone(UTC).isoformat(timespec=spec).replace("+00:00", "Z")
