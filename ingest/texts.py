"""Numbers and states as devices write them: text with a unit behind it, words for open and dry, 0 and 1."""

import re
from decimal import Decimal

_NUMBER = re.compile(r"(-?\d{1,12}(?:\.\d{1,6})?)(?: ?(?:V|mV|%|°C|C|L|m3|m³))?", re.ASCII)
_LARGEST = 10**15
_ON = frozenset(
    [
        *("leak", "leaking", "trigger", "triggered", "occupied", "detected", "motion"),
        *("open", "opened", "opening", "true", "on", "yes", "1"),
    ]
)
_OFF = frozenset(
    [
        *("normal", "no leak", "noleak", "no_leak", "dry", "vacant", "unoccupied", "idle", "clear"),
        *("close", "closed", "closing", "false", "off", "no", "0"),
    ]
)


def number(value: object) -> Decimal | None:
    """Return a number, also as text and with its unit behind it; None: it is none."""
    if isinstance(value, str):
        found = _NUMBER.fullmatch(value.strip())
        return Decimal(found[1]) if found else None
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        return None
    return Decimal(value) if abs(Decimal(value)) < _LARGEST else None


def state(value: object) -> bool | None:
    """Return whether something is on, open, wet or occupied; None: `value` does not say."""
    if isinstance(value, int | Decimal):
        value = str(int(value)).lower() if value in (0, 1) else ""
    word = value.strip().lower() if isinstance(value, str) else ""
    return True if word in _ON else False if word in _OFF else None
