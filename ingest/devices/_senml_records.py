"""Records of SenML with their base values in them (RFC 8428, section 4.6: resolved records).

How this works.  Base values hold until the next one.  Most records of a long message repeat a name, or leave it to the base,
so names are joined and checked once.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from ingest.errors import Unreadable
from ingest.measures import EPOCH, MOST_AHEAD, PLAUSIBLE_FROM
from ingest.strict_json import Number, show

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._/-]{0,127}", re.ASCII)
_NUMBERS = frozenset({"bt", "bv", "bs", "bver"})
_BASES = _NUMBERS | {"bn", "bu"}
_VALUES = frozenset({"v", "vb", "vs", "vd", "s"})
_USUAL = frozenset({"n", "u", "t", "ut"}) | _VALUES
"""Fields of a record that leaves the base values as they are."""
_KNOWN = _USUAL | _BASES
_MILLION = Decimal(1_000_000)
_RELATIVE, _LAST = 2**28 * 1_000_000, 2**32 * 1_000_000
"""What is below is relative to now, and what is beyond is no time. [µs]"""
_MOST_VERSION = 10
_MISSING: tuple[None, tuple[str, ...]] = (None, ("time_missing",))
_IMPLAUSIBLE: tuple[None, tuple[str, ...]] = (None, ("implausible_time",))


class Named(NamedTuple):
    """Whose value a record holds and what it is called, all but its unit in the shape in which it is compared."""

    device: str
    name: str
    word: str
    unit: str


class Record(NamedTuple):
    """One resolved record; `amount` is its ``v`` and `total` its ``s``, with their bases; `time` None: now."""

    named: Named
    fields: Mapping[str, object]
    amount: Number | None
    total: Number | None
    time: datetime | None
    flags: tuple[str, ...]


class _Bases:
    """The base values that hold, and the names they were joined with so far."""

    def __init__(self, received_at: datetime) -> None:
        self._base: object = ""
        self._unit: object = ""
        self._named: dict[tuple[object, object], Named] = {}
        self._received_at, self._latest = received_at, received_at + MOST_AHEAD
        self._start: Number = 0
        self._values: dict[str, Number] = {}

    def take(self, record: Mapping[str, object]) -> None:
        """Let the base values of `record` hold from now on.

        Raises
        ------
        Unreadable
            A newer version of the format, or a base that is no number.
        """
        if not _NUMBERS.isdisjoint(record):
            self._take_numbers(record)
        if "bn" in record or "bu" in record:
            base, self._unit = record.get("bn", self._base), record.get("bu", self._unit)
            if base != self._base:
                self._named.clear()
            self._base = base

    def _take_numbers(self, record: Mapping[str, object]) -> None:
        version = record.get("bver", _MOST_VERSION)
        if type(version) is not int or not 0 < version <= _MOST_VERSION:
            raise Unreadable(f"bver: want a version up to {_MOST_VERSION}, got {show(version)}")
        start, value, total = number(record, "bt"), number(record, "bv"), number(record, "bs")
        if "bt" in record:
            self._start = start or 0
        for key, base in (("v", value), ("s", total)):
            if base is not None:
                self._values[key] = base
            elif f"b{key}" in record:
                self._values.pop(key, None)

    def resolved(self, record: Mapping[str, object]) -> Record:
        """Return `record` with the base values in it.

        Raises
        ------
        Unreadable
            What was wanted and what came.
        """
        name, unit = record.get("n", ""), record.get("u", self._unit)
        try:
            named = self._named.get((name, unit)) or self._name(name, unit)
        except TypeError:  # a list is no key
            named = self._name(name, unit)
        amount = number(record, "v") if "v" in record else None
        total = number(record, "s") if "s" in record else None
        if self._values:
            bare = not record.keys() & _VALUES
            amount, total = self._joined("v", amount, bare), self._joined("s", total, bare)
        own = number(record, "t") if "t" in record else None
        time, flags = self._time(self._start if own is None else self._start + own)
        return Record(named, record, amount, total, time, flags)

    def _name(self, name: object, unit: object) -> Named:
        base = self._base
        if not isinstance(base, str) or not isinstance(name, str) or not isinstance(unit, str):
            raise Unreadable(f"name: want texts for bn, n and u, got {show(base)}, {show(name)} and {show(unit)}")
        if not NAME.fullmatch(base + name):
            raise Unreadable(f"name: want letters, digits and - : . / _, got {show(base + name)}")
        own = name or base
        found = Named(base or name, own, re.split(r"[:./]", own)[-1].lower().replace("-", "_"), unit)
        self._named[name, unit] = found
        return found

    def _joined(self, key: str, own: Number | None, bare: bool) -> Number | None:
        """Return a value with its base; a record without any value has the base's."""
        if key not in self._values or (own is None and not bare):
            return own
        return self._values[key] + (own or 0)

    def _time(self, seconds: Number) -> tuple[datetime | None, tuple[str, ...]]:
        if not seconds:
            return _MISSING
        micros = int(seconds * _MILLION)
        if not -_LAST < micros < _LAST:
            return _IMPLAUSIBLE
        time = (self._received_at if micros < _RELATIVE else EPOCH) + timedelta(microseconds=micros)
        return (time, ()) if PLAUSIBLE_FROM <= time <= self._latest else _IMPLAUSIBLE


def resolved_records(records: Sequence[object], received_at: datetime, complaints: list[str]) -> Iterator[Record]:
    """Yield the records that hold a value; what is wrong with the others goes to `complaints`, by their place."""
    bases = _Bases(received_at)
    for place, record in enumerate(records):
        try:
            if not isinstance(record, dict):
                raise Unreadable(f"want an object, got {show(record)}")
            if record and record.keys() <= _USUAL:
                yield bases.resolved(record)
                continue
            bases.take(record)
            if not record.keys() <= _KNOWN and any(key.endswith("_") for key in record):
                raise Unreadable("want fields of RFC 8428, got one that must be understood")
            if not record.keys() <= _BASES:
                yield bases.resolved(record)
        except Unreadable as error:
            complaints.append(f"records[{place}]: {error}")


def number(record: Mapping[str, object], key: str) -> Number | None:
    """Return the number of a field, None: there is none.

    Raises
    ------
    Unreadable
        It is something else.
    """
    value = record.get(key)
    if value is None or type(value) is int or type(value) is Decimal:  # what JSON was parsed to; a bool is no int here
        return value
    raise Unreadable(f"{key}: want a number, got {show(value)}")
