"""Reading a folder of .csv sheets: every bad cell is found before a single one is believed."""

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from alerts import channels
from alerts.registry.sheets import KEYS, REFERENCES, SHEETS, Fault, Field, RegistryError, Wanted, columns


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry without faults: the rows of each table, all times aware UTC."""

    rows: Mapping[str, tuple[Mapping[str, Any], ...]]


@dataclass(slots=True)
class _Row:
    """One row while it is being read; a cell that could not be read is None."""

    number: int
    cells: dict[str, Any]


Sheets = dict[str, list[_Row]]


def read(folder: Path, formats: Collection[str] | None = None) -> Registry:
    """Read and check every sheet of `folder`.

    Parameters
    ----------
    folder : Path
        Holds ``areas.csv``, ``households.csv`` and so on: UTF-8 (with or without byte order mark), comma-separated.
    formats : collection of str, optional
        Device formats that exist; None: not checked here.

    Raises
    ------
    RegistryError
        Every fault of every sheet.
    """
    faults: list[Fault] = []
    sheets = {sheet: list(_rows(folder / f"{sheet}.csv", sheet, faults)) for sheet in SHEETS}
    _check_keys(sheets, faults)
    _check_references(sheets, faults)
    _check_areas(sheets, faults)
    _set_times(sheets, faults)
    _check_spans(sheets, faults)
    _check_devices(sheets, formats, faults)
    _check_people(sheets, faults)
    if faults:
        order = list(SHEETS)
        raise RegistryError(sorted(faults, key=lambda f: (order.index(f.file.removesuffix(".csv")), f.row or 0)))
    return Registry({sheet: tuple(row.cells for row in rows) for sheet, rows in sheets.items()})


# --- cells ---------------------------------------------------------------------------------------------------------


def _rows(file: Path, sheet: str, faults: list[Fault]) -> Iterator[_Row]:
    try:
        content = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        faults.append(Fault(file.name, None, None, f"this sheet with columns {', '.join(columns(sheet))}", "no file"))
        return
    except UnicodeDecodeError as error:
        wanted = "UTF-8 (save as: CSV UTF-8, comma delimited)"
        faults.append(Fault(file.name, None, None, wanted, f"another encoding (byte {error.start})"))
        return
    try:
        lines = list(csv.reader(StringIO(content, newline=""), strict=True))
    except csv.Error as error:
        faults.append(Fault(file.name, None, None, "comma-separated cells", str(error)))
        return
    header = [name.strip() for name in lines[0]] if lines else []
    if not _header_fits(header, file.name, sheet, faults):
        return
    for number, line in enumerate(lines[1:], start=2):
        if len(line) > len(header):
            faults.append(Fault(file.name, number, None, f"{len(header)} cells", f"{len(line)}"))
        if any(cell.strip() for cell in line):
            raw = dict(zip(header, (cell.strip() for cell in line), strict=False))
            yield _Row(number, {f.key: _cell(f, raw.get(f.name, ""), file.name, number, faults) for f in SHEETS[sheet]})


def _header_fits(header: list[str], file: str, sheet: str, faults: list[Fault]) -> bool:
    """Check the first row; a column that is misspelt would otherwise be silently empty."""
    before = len(faults)
    known = columns(sheet)
    for name in known:
        if header.count(name) != 1:
            got = "no such column" if name not in header else f"{header.count(name)} of them"
            faults.append(Fault(file, 1, name, "this column, once", got))
    wanted = f"one of {', '.join(known)}"
    faults += [Fault(file, 1, n or "(no name)", wanted, "an unknown column") for n in header if n not in known]
    return len(faults) == before


def _cell(field: Field, cell: str, file: str, number: int, faults: list[Fault]) -> Any:
    """Return what one cell means; None and a fault if it means nothing."""
    if not cell and not field.required:
        return field.empty
    try:
        if not cell:
            raise Wanted("a value")
        return field.parse(cell)
    except Wanted as wanted:
        faults.append(Fault(file, number, field.name, str(wanted), repr(cell) if cell else "an empty cell"))
        return None


# --- between the sheets --------------------------------------------------------------------------------------------


def _by_id(sheets: Sheets, sheet: str) -> dict[str, dict[str, Any]]:
    return {row.cells["id"]: row.cells for row in sheets[sheet] if row.cells["id"] is not None}


def _check_keys(sheets: Sheets, faults: list[Fault]) -> None:
    for sheet, rows in sheets.items():
        first: dict[tuple[Any, ...], int] = {}
        for row in rows:
            key = tuple(row.cells[column] for column in KEYS[sheet])
            if None in key:
                continue
            if key in first:
                got = f"{key[0]!r} as in row {first[key]}"
                faults.append(Fault(f"{sheet}.csv", row.number, KEYS[sheet][0], "each row once", got))
            first.setdefault(key, row.number)


def _check_references(sheets: Sheets, faults: list[Fault]) -> None:
    for sheet, references in REFERENCES.items():
        for column, target in references.items():
            known = _by_id(sheets, target)
            for row in sheets[sheet]:
                value = row.cells[column]
                if value is not None and value not in known:
                    faults.append(Fault(f"{sheet}.csv", row.number, column, f"an id of {target}.csv", repr(value)))


def _check_areas(sheets: Sheets, faults: list[Fault]) -> None:
    """An area may not lie within itself."""
    parents = {name: cells["parent"] for name, cells in _by_id(sheets, "areas").items()}
    for row in sheets["areas"]:
        seen, area = set(), row.cells["id"]
        while area is not None and area not in seen:
            seen.add(area)
            area = parents.get(area)
        if area is not None and area == row.cells["id"]:
            wanted = "a tree: no area above itself"
            faults.append(Fault("areas.csv", row.number, "parent", wanted, repr(row.cells["parent"])))


# --- times ---------------------------------------------------------------------------------------------------------


def _set_times(sheets: Sheets, faults: list[Fault]) -> None:
    """Turn every time into UTC; local ones by the one zone that can be meant."""
    homes, residents = _by_id(sheets, "households"), _by_id(sheets, "residents")
    zones = _area_zones(sheets)
    for sheet, fields in SHEETS.items():
        for row in sheets[sheet]:
            for field in fields:
                local = row.cells[field.key]
                if not isinstance(local, datetime):
                    continue
                home = row.cells.get("household") or residents.get(row.cells.get("resident", ""), {}).get("household")
                where = homes.get(home, {}).get("tz") if home else zones.get(row.cells.get("area", ""))
                row.cells[field.key] = at = _utc(local, where)
                if at is None:
                    wanted = "a time with offset, e.g. 2026-11-21T08:00+08:00 (as local time it could mean several)"
                    faults.append(Fault(f"{sheet}.csv", row.number, field.name, wanted, repr(str(local))))


def _area_zones(sheets: Sheets) -> dict[str, str]:
    """Return the zone of each area whose households, also those further down, all have the same."""
    parents = {name: cells["parent"] for name, cells in _by_id(sheets, "areas").items()}
    found: dict[str, set[str]] = {}
    for cells in _by_id(sheets, "households").values():
        area, seen = cells["area"], set()
        while area is not None and area not in seen and cells["tz"] is not None:
            found.setdefault(area, set()).add(cells["tz"])
            seen.add(area)
            area = parents.get(area)
    return {area: zones.pop() for area, zones in found.items() if len(zones) == 1}


def _utc(at: datetime, zone: str | None) -> datetime | None:
    """Return `at` in UTC; None: local, and no zone is known or the clock was being changed just then."""
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)  # the database keeps milliseconds
    if at.tzinfo is not None:
        return at.astimezone(UTC)
    if zone is None:
        return None
    early, late = (at.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    return early.astimezone(UTC) if early.utcoffset() == late.utcoffset() else None


def _check_spans(sheets: Sheets, faults: list[Fault]) -> None:
    spans = {
        "shifts": ("start", "end", "end"),
        "absences": ("start", "end", "end"),
        "devices": ("valid_from", "valid_to", "to"),
        "consents": ("given_at", "withdrawn_at", "withdrawn_at"),
    }
    for sheet, (start, end, column) in spans.items():
        for row in sheets[sheet]:
            first, last = row.cells[start], row.cells[end]
            if first is not None and last is not None and last <= first:
                wanted = f"a time after {first.isoformat()}"
                faults.append(Fault(f"{sheet}.csv", row.number, column, wanted, repr(last.isoformat())))


# --- single sheets -------------------------------------------------------------------------------------------------


def _check_devices(sheets: Sheets, formats: Collection[str] | None, faults: list[Fault]) -> None:
    """A device belongs to one household at a time; its zone defaults to the household's."""
    homes = _by_id(sheets, "households")
    spans: dict[str, list[_Row]] = {}
    registers: dict[str, list[_Row]] = {}
    for row in sheets["devices"]:
        cells = row.cells
        cells["zone"] = cells["zone"] or homes.get(cells["household"], {}).get("tz")
        if formats is not None and cells["format"] is not None and cells["format"] not in formats:
            wanted = f"one of {', '.join(sorted(formats))}"
            faults.append(Fault("devices.csv", row.number, "format", wanted, repr(cells["format"])))
        if cells["id"] is not None and cells["valid_from"] is not None:
            spans.setdefault(cells["id"], []).append(row)
            if cells["household"] is not None:
                registers.setdefault(cells["household"], []).append(row)
    faulty = _overlaps(spans.values(), "one household at a time", faults)
    # Every format read so far carries a water register, and two of them in one home cannot be added up yet.
    _overlaps(registers.values(), "one water register a household at a time", faults, but=faulty)


def _overlaps(
    groups: Iterable[list[_Row]], rule: str, faults: list[Fault], but: Collection[int] = frozenset()
) -> set[int]:
    """Name each row that begins before the one before it has ended; return their numbers."""
    found = set()
    for rows in groups:
        rows.sort(key=lambda row: row.cells["valid_from"])
        for before, after in pairwise(rows):
            end = before.cells["valid_to"]
            if after.number not in but and (end is None or end > after.cells["valid_from"]):
                wanted = f"a time at or after the end ('to') of row {before.number}: {rule}"
                got = repr(after.cells["valid_from"].isoformat())
                faults.append(Fault("devices.csv", after.number, "from", wanted, got))
                found.add(after.number)
    return found


def _check_people(sheets: Sheets, faults: list[Fault]) -> None:
    """Addresses fit their channel; a consent to tell one relative names a contact of that resident."""
    for sheet in ("contacts", "workers"):
        for row in sheets[sheet]:
            channel, address = row.cells["channel"], row.cells["address"]
            if channel is not None and channel not in channels.CHANNELS:
                wanted = f"one of {', '.join(sorted(channels.CHANNELS))}"
                faults.append(Fault(f"{sheet}.csv", row.number, "channel", wanted, repr(channel)))
            elif channel is not None and address is not None:
                fault = channels.CHANNELS[channel].address_fault(address)
                if fault is not None:
                    faults.append(Fault(f"{sheet}.csv", row.number, "address", fault, repr(address)))
    contacts = _by_id(sheets, "contacts")
    for row in sheets["consents"]:
        purpose, recipient = row.cells["purpose"], row.cells["recipient"]
        known = contacts.get(recipient, {}).get("resident") == row.cells["resident"]
        if purpose == "relative" and recipient and not known:
            wanted = "an id of contacts.csv that belongs to this resident, or nothing (all of them)"
            faults.append(Fault("consents.csv", row.number, "recipient", wanted, repr(recipient)))
