"""Reading the registry's sheets: every bad cell is found before a single one is believed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from alerts.registry import tables, ways
from alerts.registry.sheets import BY_FORMAT, KEYS, REFERENCES, SHEETS, Field, RegistryError, Wanted
from alerts.registry.tables import Cell, Findings, Table


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry without faults: the rows of each table, all times aware UTC.

    `notes` say what is not wrong and yet worth knowing before it is applied.
    """

    rows: Mapping[str, tuple[Mapping[str, Any], ...]]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Row:
    """One row while it is being read; a cell that could not be read is None."""

    number: int
    cells: dict[str, Any]


Sheets = dict[str, list[_Row]]
Lost = Mapping[str, Collection[str]]
"""Sheet -> columns that are missing: what hangs on them is not complained of."""


def read(path: Path, formats: Mapping[str, bool] | None = None) -> Registry:
    """Read and check every sheet of the registry at `path`.

    Parameters
    ----------
    path : Path
        An .xlsx workbook, or a folder that holds ``areas.csv``, ``households.csv`` and so on: UTF-8 (with or without
        byte order mark), comma-separated.
    formats : mapping of str to bool, optional
        Device formats that exist; true: its devices are mostly sensors, so that an empty resolution means no water
        register and not 1 L.  None: not checked here.

    Raises
    ------
    RegistryError
        Every fault of every sheet.
    """
    findings = Findings()
    found = tables.folder(path, findings) if path.is_dir() else _workbook(path, findings)
    sheets = {sheet: _rows(sheet, found[sheet], findings) for sheet in SHEETS}
    lost = {sheet: table.lost for sheet, table in found.items() if table.lost}
    _check_keys(sheets, findings)
    _check_references(sheets, lost, findings)
    _check_areas(sheets, findings)
    _set_times(sheets, lost, findings)
    _check_spans(sheets, findings)
    _check_devices(sheets, formats, findings)
    _check_people(sheets, lost, findings)
    if findings.faults:
        raise RegistryError(findings.in_order())
    return Registry({sheet: tuple(row.cells for row in rows) for sheet, rows in sheets.items()}, tuple(findings.notes))


def _workbook(path: Path, findings: Findings) -> dict[str, Table]:
    from alerts.registry import workbook  # noqa: PLC0415  openpyxl takes a third of a second that the service saves

    return workbook.sheets(path, findings)


# --- cells ---------------------------------------------------------------------------------------------------------


def _rows(sheet: str, table: Table, findings: Findings) -> list[_Row]:
    return [
        _Row(number, {field.key: _cell(field, sheet, table, number, line, findings) for field in SHEETS[sheet]})
        for number, line in table.rows
    ]


def _cell(field: Field, sheet: str, table: Table, number: int, line: Sequence[Cell], findings: Findings) -> Any:
    """Return what one cell means; None and a fault if it means nothing; None if its column is missing."""
    if field.name in table.lost:
        return None
    cell = tables.cell(line, table.columns.get(field.name))
    try:
        return tables.read_cell(field, cell)
    except Wanted as wanted:
        findings.add(sheet, number, field.name, str(wanted), repr(cell.shown) if cell.shown else "an empty cell")
        return None


# --- between the sheets --------------------------------------------------------------------------------------------


def _by_id(sheets: Sheets, sheet: str) -> dict[str, dict[str, Any]]:
    return {row.cells["id"]: row.cells for row in sheets[sheet] if row.cells["id"] is not None}


def _check_keys(sheets: Sheets, findings: Findings) -> None:
    for sheet, rows in sheets.items():
        first: dict[tuple[Any, ...], int] = {}
        for row in rows:
            key = tuple(row.cells[column] for column in KEYS[sheet])
            if None in key:
                continue
            if key in first:
                got = f"{key[0]!r} as in row {first[key]}"
                findings.add(sheet, row.number, KEYS[sheet][0], "each row once", got)
            first.setdefault(key, row.number)


def _check_references(sheets: Sheets, lost: Lost, findings: Findings) -> None:
    for sheet, references in REFERENCES.items():
        for column, target in references.items():
            if "id" in lost.get(target, ()):
                continue
            known = _by_id(sheets, target)
            for row in sheets[sheet]:
                value = row.cells[column]
                if value is not None and value not in known:
                    findings.add(sheet, row.number, column, f"an id of {findings.name(target)}", repr(value))


def _check_areas(sheets: Sheets, findings: Findings) -> None:
    """An area may not lie within itself."""
    parents = {name: cells["parent"] for name, cells in _by_id(sheets, "areas").items()}
    for row in sheets["areas"]:
        seen, area = set(), row.cells["id"]
        while area is not None and area not in seen:
            seen.add(area)
            area = parents.get(area)
        if area is not None and area == row.cells["id"]:
            wanted = "a tree: no area above itself"
            findings.add("areas", row.number, "parent", wanted, repr(row.cells["parent"]))


# --- times ---------------------------------------------------------------------------------------------------------


def _set_times(sheets: Sheets, lost: Lost, findings: Findings) -> None:
    """Turn every time into UTC; local ones by the one zone that can be meant."""
    homes, residents = _by_id(sheets, "households"), _by_id(sheets, "residents")
    zones, areas = _area_zones(sheets), _by_id(sheets, "areas")
    unsure = any(sheet in lost for sheet in ("areas", "households", "residents"))
    for sheet, fields in SHEETS.items():
        for row in sheets[sheet]:
            home = row.cells.get("household") or residents.get(row.cells.get("resident", ""), {}).get("household")
            where = homes.get(home, {}).get("tz") if home else zones.get(row.cells.get("area", ""))
            # Without a zone because another cell is wrong: that cell has been named.
            silent = where is None and (
                unsure or lost.get(sheet) or not (home is None and row.cells.get("area") in areas)
            )
            for field in fields:
                local = row.cells[field.key]
                if not isinstance(local, datetime):
                    continue
                row.cells[field.key] = at = _utc(local, where)
                if at is None and not silent:
                    wanted = "a time with offset, e.g. 2026-11-21T08:00+08:00 (as local time it could mean several)"
                    findings.add(sheet, row.number, field.name, wanted, repr(str(local)))


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


def _check_spans(sheets: Sheets, findings: Findings) -> None:
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
                findings.add(sheet, row.number, column, wanted, repr(last.isoformat()))


# --- single sheets -------------------------------------------------------------------------------------------------


def _check_devices(sheets: Sheets, formats: Mapping[str, bool] | None, findings: Findings) -> None:
    """A device belongs to one household at a time; its zone defaults to the household's."""
    homes = _by_id(sheets, "households")
    for row in sheets["devices"]:
        if row.cells["resolution_l"] == BY_FORMAT:
            row.cells["resolution_l"] = None if (formats or {}).get(row.cells["format"]) else 1.0
    sensors = sum(1 for row in sheets["devices"] if row.cells["resolution_l"] is None)
    if sensors:
        findings.notes.append(
            f"{sensors} devices have no water register: they are sensors, and water from them is refused"
        )
    spans: dict[str, list[_Row]] = {}
    registers: dict[str, list[_Row]] = {}
    for row in sheets["devices"]:
        cells = row.cells
        cells["zone"] = cells["zone"] or homes.get(cells["household"], {}).get("tz")
        if formats is not None and cells["format"] is not None and cells["format"] not in formats:
            wanted = f"one of {', '.join(sorted(formats))}"
            findings.add("devices", row.number, "format", wanted, repr(cells["format"]))
        if cells["id"] is not None and cells["valid_from"] is not None:
            spans.setdefault(cells["id"], []).append(row)
            if cells["household"] is not None and cells["resolution_l"] is not None:
                registers.setdefault(cells["household"], []).append(row)
    faulty = _overlaps(spans.values(), "one household at a time", findings)
    # A device with a resolution has a water register, and two of them in one home cannot be added up yet.
    _overlaps(registers.values(), "one water register a household at a time", findings, but=faulty)


def _overlaps(
    groups: Iterable[list[_Row]], rule: str, findings: Findings, but: Collection[int] = frozenset()
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
                findings.add("devices", after.number, "from", wanted, got)
                found.add(after.number)
    return found


def _check_people(sheets: Sheets, lost: Lost, findings: Findings) -> None:
    """Addresses fit their channels; a consent to tell one relative names a contact of that resident."""
    for sheet in ("contacts", "workers"):
        for row in sheets[sheet]:
            channel, address = row.cells["channel"], row.cells["address"]
            if channel is None or address is None:
                continue
            row.cells["channel"], row.cells["address"] = channel, address = ways.plain(channel, address)
            for column, wanted, got in ways.faults(channel, address):
                findings.add(sheet, row.number, column, wanted, got)
    contacts = _by_id(sheets, "contacts")
    for row in sheets["consents"] if not {"id", "resident"} & set(lost.get("contacts", ())) else ():
        purpose, recipient = row.cells["purpose"], row.cells["recipient"]
        known = contacts.get(recipient, {}).get("resident") == row.cells["resident"]
        if purpose == "relative" and recipient and not known and row.cells["resident"] is not None:
            wanted = f"an id of {findings.name('contacts')} that belongs to this resident, or nothing (all of them)"
            findings.add("consents", row.number, "recipient", wanted, repr(recipient))
