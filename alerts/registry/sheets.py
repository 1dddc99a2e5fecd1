"""The sheets of the registry: their columns, what each cell must be, and how a bad one is reported.

Times are ISO 8601.  A time without offset is taken as local time where exactly one zone can be meant: the household's
for residents, consents, devices and absences, and for shifts the one zone of all households below that area.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts.errors import AlertsError


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where it stands, what was wanted, what came.  `row` counts as a spreadsheet does.

    `file` is the .csv file, or the sheet of a workbook; there `letter` is the column's: ``devices!F7, column unit``.
    """

    file: str
    row: int | None
    column: str | None
    wanted: str
    got: str
    letter: str | None = None

    def __str__(self) -> str:
        if self.letter is not None:
            place = f"{self.file}!{self.letter}{self.row or 1}"
        else:
            place = self.file + (f" row {self.row}" if self.row is not None else "")
        place += f", column {self.column}" if self.column is not None else ""
        return f"{place}: want {self.wanted}; got {self.got}"


class RegistryError(AlertsError):
    """A registry that may not be imported; `faults` names every bad cell."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class Wanted(ValueError):
    """Raised by a cell's parser: what was wanted."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its name in the sheet and in the table, how a cell is read, and what an empty one means."""

    name: str
    parse: Callable[[str], Any]
    to: str = ""
    required: bool = True
    empty: Any = None
    optional: bool = False
    """The column may be absent from the sheet altogether."""

    @property
    def key(self) -> str:
        """Return the column's name in the table."""
        return self.to or self.name


def text(cell: str) -> str:
    """Read words: one line, at most 200 characters."""
    if len(cell) > 200 or not cell.isprintable():
        raise Wanted("one line of at most 200 printable characters")
    return cell


def listed(cell: str) -> str:
    """Read one or several addresses: one line, at most 600 characters."""
    if len(cell) > 600 or not cell.isprintable():
        raise Wanted("one line of at most 600 printable characters")
    return cell


def name_of(most: int) -> Callable[[str], str]:
    """Return a reader of ids of at most `most` characters."""

    def ident(cell: str) -> str:
        if len(cell) > most or not cell.isprintable() or " " in cell:
            raise Wanted(f"an id of at most {most} printable characters without blanks")
        return cell

    return ident


def device_name(cell: str) -> str:
    """Read what a device or a gateway is called in its messages: blanks and slashes occur (Zigbee2MQTT)."""
    if len(cell) > 128 or not cell.isprintable():
        raise Wanted("the device's name in its messages, at most 128 printable characters")
    return cell


@dataclass(frozen=True, slots=True)
class OneOf:
    """Reads one of some words."""

    words: tuple[str, ...]

    def __call__(self, cell: str) -> str:
        """Return the word."""
        if cell not in self.words:
            raise Wanted(f"one of {', '.join(self.words)}")
        return cell


def one_of(*words: str) -> OneOf:
    """Return a reader of one of `words`."""
    return OneOf(words)


def phone(cell: str) -> str:
    """Read a telephone number; a spreadsheet that made ``1.38E+10`` of it is caught here."""
    if not re.fullmatch(r"\+?[0-9][0-9 ()#*-]{1,24}", cell):
        raise Wanted("a telephone number (digits; format the column as text)")
    return cell


def zone(cell: str) -> str:
    """Read an IANA time zone."""
    try:
        ZoneInfo(cell)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Wanted("an IANA time zone such as Asia/Shanghai") from error
    return cell


def moment(cell: str) -> datetime:
    """Read an ISO 8601 time, with an offset or local."""
    if not re.match(r"\d{4}-\d{2}-\d{2}", cell):
        raise Wanted("a time such as 2026-11-21T08:00+08:00 or 2026-11-21 08:00 (local)")
    try:
        return datetime.fromisoformat(cell)
    except ValueError as error:
        raise Wanted("a time such as 2026-11-21T08:00+08:00 or 2026-11-21 08:00 (local)") from error


BY_FORMAT = "by format"
"""An empty resolution: 1 L for a meter, no register for devices of a format that are mostly sensors."""
NO_REGISTER = "none"


def resolution(cell: str) -> float | None:
    """Read the step of a register, or the word for a device without one."""
    return None if cell == NO_REGISTER else above_zero(cell, "a number above 0, or none (no water register)")


def above_zero(cell: str, wanted: str = "a number above 0") -> float:
    """Read a finite number above 0."""
    try:
        number = float(cell)
    except ValueError as error:
        raise Wanted(wanted) from error
    if not 0 < number < 1e12:
        raise Wanted(wanted)
    return number


def position(cell: str) -> int:
    """Read a place in an order, counted from 1."""
    if not re.fullmatch(r"[1-9][0-9]{0,2}", cell):
        raise Wanted("a place in the order: 1, 2, 3, …")
    return int(cell)


_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
MOST_PERIOD_S = 31 * 86400


def period(cell: str) -> int:
    """Read how often a device reports, in seconds or as an ISO 8601 duration (``PT15M``, ``P1D``); return seconds."""
    wanted = "seconds, or a duration such as PT15M, PT1H or P1D, at most 31 days"
    if cell.isascii() and cell.isdigit():
        seconds = int(cell)
    elif (found := _DURATION.fullmatch(cell)) and any(found.groups()):
        days, hours, minutes, rest = (int(part or 0) for part in found.groups())
        seconds = ((days * 24 + hours) * 60 + minutes) * 60 + rest
    else:
        raise Wanted(wanted)
    if not 0 < seconds <= MOST_PERIOD_S:
        raise Wanted(wanted)
    return seconds


_ID = name_of(64)

SHEETS: dict[str, tuple[Field, ...]] = {
    "areas": (
        Field("id", _ID),
        Field("parent", _ID, required=False),
        Field("kind", one_of("district", "street", "community", "grid", "drill")),
        Field("name", text),
    ),
    "households": (
        Field("id", _ID),
        Field("area", _ID),
        Field("building", text),
        Field("riser", text, required=False),
        Field("floor", text, required=False),
        Field("door", text),
        Field("tz", zone),
    ),
    "residents": (
        Field("id", _ID),
        Field("household", _ID),
        Field("name", text),
        Field("phone", phone, required=False),
        Field("risk", text, required=False),
        Field("risk_until", moment, required=False),
    ),
    "consents": (
        Field("resident", _ID),
        Field("purpose", one_of("monitor", "community", "relative", "research")),
        Field("recipient", _ID, required=False, empty=""),
        Field("version", text),
        Field("given_at", moment),
        Field("given_by", text),
        Field("evidence", text, required=False),
        Field("withdrawn_at", moment, required=False),
    ),
    "contacts": (
        Field("id", _ID),
        Field("resident", _ID),
        Field("name", text),
        Field("order", position, to="position"),
        Field("channel", text),
        Field("address", listed),
    ),
    "workers": (
        Field("id", _ID),
        Field("name", text),
        Field("role", one_of("worker", "lead", "duty", "operator")),
        Field("area", _ID),
        Field("channel", text),
        Field("address", listed),
    ),
    "shifts": (
        Field("area", _ID),
        Field("start", moment),
        Field("end", moment),
        Field("owner", _ID),
        Field("backup", _ID, required=False),
        Field("lead", _ID, required=False),
    ),
    "devices": (
        Field("id", device_name),
        Field("format", name_of(32)),
        Field("household", _ID),
        Field("from", moment, to="valid_from"),
        Field("to", moment, to="valid_to", required=False),
        Field("unit", one_of("L", "m3", "gal_us", "ft3"), required=False),
        Field("litres_per_pulse", above_zero, required=False),
        Field("resolution_l", resolution, required=False, empty=BY_FORMAT),
        Field("modulus", above_zero, to="modulus_l", required=False),
        Field("period", period, to="period_s", required=False, empty=3600),
        Field("zone", zone, required=False),
        Field("gateway", device_name, required=False, optional=True),
    ),
    "absences": (
        Field("household", _ID),
        Field("start", moment),
        Field("end", moment),
        Field("by", text),
    ),
}
"""Sheet (``NAME`` in a workbook, file ``NAME.csv``) to its columns; the order is one in which rows may be inserted."""

REFERENCES: dict[str, dict[str, str]] = {
    "areas": {"parent": "areas"},
    "households": {"area": "areas"},
    "residents": {"household": "households"},
    "consents": {"resident": "residents"},
    "contacts": {"resident": "residents"},
    "workers": {"area": "areas"},
    "shifts": {"area": "areas", "owner": "workers", "backup": "workers", "lead": "workers"},
    "devices": {"household": "households"},
    "absences": {"household": "households"},
}
"""Columns that must name a row of another sheet."""

KEYS: dict[str, tuple[str, ...]] = {
    "areas": ("id",),
    "households": ("id",),
    "residents": ("id",),
    "consents": ("resident", "purpose", "recipient", "version", "given_at"),
    "contacts": ("id",),
    "workers": ("id",),
    "shifts": ("area", "start", "end", "owner"),
    "devices": ("id", "valid_from"),
    "absences": ("household", "start", "end", "by"),
}
"""What makes a row the same row in the next import (table columns)."""


def choices(field: Field) -> tuple[str, ...]:
    """Return the words that a column takes, none if it takes others."""
    return field.parse.words if isinstance(field.parse, OneOf) else ()


def columns(sheet: str) -> Collection[str]:
    """Return the names of a sheet's columns."""
    return [field.name for field in SHEETS[sheet]]
