"""Which field of a message means what, where only the operator can know: a table that the configuration fills.

Codecs, thing models and plain-value topics are free to name things.  Whoever installed the codec knows that ``ctr2`` is
the register in cubic metres; the service must not guess it.  A rule says for which devices (a profile, a model, a product,
a device or a topic, as shell patterns) which field is which quantity in which unit::

    [[keys]]
    match = ["elvaco*", "0102030405060708"]
    fields = { "meter.total" = "water_volume_total m3", door = "contact_open", shut = "valve_open inverted" }

How this works.  A reader asks `KeyMap.of` with every name that it knows of a message and gets its fields; `read` turns
them into values.  The table is handed to readers in their `ingest.device_memory.DeviceMemory`: it is data of one reader
and no global.  The first rule that names a field wins.  A mapped field whose value is no such thing is a complaint, since
somebody said that it is one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from types import MappingProxyType

from ingest.measures import FACTORS, plain
from ingest.readings import Value
from ingest.strict_json import show
from ingest.texts import number, state

_NUMBERS = {
    "water_volume_total": "L",
    "water_volume_delta": "L",
    "water_flow": "L/h",
    "pulse_count_total": "count",
    "temperature": "Cel",
    "humidity": "%RH",
    "battery": "%",
    "battery_voltage": "V",
}
_STATES = frozenset(
    [
        *("motion", "occupancy", "presence", "contact_open", "water_leak", "smoke"),
        *("vibration", "valve_open", "switch", "available"),
    ]
)
_EVENTS = frozenset({"sos", "button"})
_MORE_UNITS: Mapping[str, tuple[str, Decimal]] = {
    "mL": ("L", Decimal("0.001")),
    "L/min": ("L/h", Decimal(60)),
    "L/s": ("L/h", Decimal(3_600)),
    "m3/min": ("L/h", Decimal(60_000)),
    "m3/s": ("L/h", Decimal(3_600_000)),
    "gal_us/min": ("L/h", Decimal("227.12470704")),
    "mV": ("V", Decimal("0.001")),
    "degF": ("Cel", Decimal(1)),
}
"""Units that only a rule may name; degrees Fahrenheit have an offset besides."""
_INVERTED = "inverted"
_INTERVAL = re.compile(r"P(?=.)(?:\d{1,4}D)?(?:T(?=.)(?:\d{1,4}H)?(?:\d{1,4}M)?(?:\d{1,5}S)?)?", re.ASCII)
_MOST = Decimal(10) ** 12
_MOST_LEVELS = 6

Named = tuple[str, Value, str, tuple[str, ...], Mapping[str, Value]]
"""Quantity, value, unit, flags, extra: a reading without its device and time."""


@dataclass(frozen=True, slots=True)
class KeyRule:
    """For devices of which a name matches, what their fields mean.

    Parameters
    ----------
    match : tuple of str
        Shell patterns (``*``, ``?``), small letters and capitals alike, of a profile, model, product, device or topic.
    fields : mapping
        Field (dots lead into objects and lists) -> ``quantity unit``; a state may be ``quantity inverted``, a
        ``water_volume_delta`` needs its interval: ``water_volume_delta L PT1H``.

    Raises
    ------
    ValueError
        A quantity or unit that does not exist.
    """

    match: tuple[str, ...]
    fields: Mapping[str, str]

    def __post_init__(self) -> None:
        if not self.match or not self.fields:
            raise ValueError("want at least one pattern in match and one field in fields")
        for name, said in self.fields.items():
            _meaning(name, said)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one field is: `unit` as it comes, `interval` of a delta, `inverted`: true means no."""

    quantity: str
    unit: str = ""
    interval: str = ""
    inverted: bool = False

    def of(self, value: object) -> Named | None:
        """Return the value in our unit, None: the field says nothing (null, empty, no event).

        Raises
        ------
        ValueError
            What was wanted and what came.
        """
        if value is None or value == "":
            return None
        if self.quantity in _EVENTS:
            return self._event(value)
        if self.quantity in _STATES:
            on = state(value)
            if on is None:
                raise ValueError(f"want a state such as true, open or 1, got {show(value)}")
            return self.quantity, on is not self.inverted, "bool", (), {}
        return self._number(value)

    def _number(self, value: object) -> Named:
        amount = number(value)
        if amount is None or abs(amount) >= _MOST:
            raise ValueError(f"want a number below 10^12, got {show(value)}")
        ours, factor = _units(self.quantity)[self.unit]
        if self.unit == "degF":
            amount = (amount - 32) * 5 / 9
        flags = ("pulse_factor_unknown",) if self.quantity == "pulse_count_total" else ()
        if self.quantity == "battery" and amount < 20:
            flags = ("battery_low",)
        extra = {"interval": self.interval} if self.interval else {}
        return self.quantity, plain(amount * factor), ours, flags, extra

    def _event(self, value: object) -> Named | None:
        if state(value) is False:
            return None
        if self.quantity == "sos":
            return "sos", True, "event", (), {}
        word = value.strip().replace(" ", "_")[:64] if isinstance(value, str) else "press"
        return ("button", word, "event", (), {}) if word.isprintable() and word else None


class KeyMap:
    """The rules of one installation."""

    def __init__(self, rules: Iterable[KeyRule] = ()) -> None:
        self._rules = [
            (
                tuple(pattern.lower() for pattern in rule.match),
                {name: _meaning(name, said) for name, said in rule.fields.items()},
            )
            for rule in rules
        ]

    def of(self, *names: str | None) -> Mapping[str, Meaning]:
        """Return the fields of a message whose profile, model, product, device or topic are called `names`."""
        if not self._rules:
            return NOTHING_SAID
        lowered = [name.lower() for name in names if name]
        found: dict[str, Meaning] = {}
        for patterns, fields in self._rules:
            if any(fnmatchcase(name, pattern) for pattern in patterns for name in lowered):
                found = fields | found
        return found


NOTHING_SAID: Mapping[str, Meaning] = MappingProxyType({})
NO_KEYS = KeyMap()


@dataclass(frozen=True, slots=True)
class Mapped:
    """What `read` makes of the fields of a message."""

    values: tuple[Named, ...] = ()
    complaints: tuple[str, ...] = field(default_factory=tuple)


def read(meanings: Mapping[str, Meaning], fields: Mapping[str, object]) -> Mapped:
    """Return the values of the fields that `meanings` names, and what was wrong with them."""
    values, complaints = [], []
    for name, meaning in meanings.items():
        try:
            value = meaning.of(_at(fields, name))
        except ValueError as error:
            complaints.append(f"{name[:40]}: {error}")
            continue
        if value is not None:
            values.append(value)
    return Mapped(tuple(values), tuple(complaints))


def _at(fields: object, name: str) -> object:
    """Return the field: by its whole name, else by the parts between its dots."""
    if isinstance(fields, Mapping) and name in fields:
        return fields[name]
    for part in name.split(".", _MOST_LEVELS):
        if isinstance(fields, Mapping):
            fields = fields.get(part)
        elif isinstance(fields, list) and part.isascii() and part.isdigit() and int(part) < len(fields):
            fields = fields[int(part)]
        else:
            return None
    return fields


def _units(quantity: str) -> dict[str, tuple[str, Decimal]]:
    ours = _NUMBERS[quantity]
    return {name: one for name, one in {**FACTORS, **_MORE_UNITS}.items() if one[0] == ours}


def _meaning(name: str, said: str) -> Meaning:
    """Read the right side of a rule."""
    quantity, *rest = said.split() or [""]
    if quantity in _EVENTS and not rest:
        return Meaning(quantity)
    if quantity in _STATES and rest in ([], [_INVERTED]):
        return Meaning(quantity, inverted=bool(rest))
    if quantity not in _NUMBERS:
        known = ", ".join([*_NUMBERS, *sorted(_STATES | _EVENTS)])
        raise ValueError(f"{name}: want one of {known}, got {said!r}")
    units = _units(quantity)
    delta = quantity == "water_volume_delta"
    if rest and rest[0] in units and len(rest) == 1 + delta and (not delta or _INTERVAL.fullmatch(rest[1])):
        return Meaning(quantity, rest[0], rest[1] if delta else "")
    more = " and an interval such as PT1H" if delta else ""
    raise ValueError(f"{name}: want {quantity} with one of {', '.join(units)}{more}, got {said!r}")
