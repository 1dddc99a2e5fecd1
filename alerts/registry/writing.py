"""The registry as a file again, and an empty one to fill in.

What `export` writes, `import` reads back without a change.  Every cell is text, so that a spreadsheet program neither eats
the first 0 of a telephone number nor takes a name that begins with = for a formula.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet
from sqlalchemy import Connection

from alerts import channels
from alerts.registry.changes import stored
from alerts.registry.sheets import NO_REGISTER, SHEETS, Field, choices, columns, period, resolution
from alerts.registry.tables import letters
from alerts.texts import DEFAULT, LANGUAGES, Texts

Lines = Mapping[str, Sequence[Sequence[str]]]
TEXT = "@"
ROWS_WITH_CHOICES = 10_000
_WIDE = frozenset(["name", "address", "building", "from", "to", "start", "end", "given_at"])


def lines(conn: Connection) -> Lines:
    """Return the cells of every sheet as the database has them, without the first row; times in the home's zone."""
    rows = {sheet: stored(conn, sheet) for sheet in SHEETS}
    homes = {row["id"]: row["tz"] for row in rows["households"]}
    residents = {row["id"]: homes[row["household"]] for row in rows["residents"]}
    zones = set(homes.values())
    common = zones.pop() if len(zones) == 1 else "UTC"
    found: dict[str, list[list[str]]] = {}
    for sheet, fields in SHEETS.items():
        found[sheet] = []
        for row in rows[sheet]:
            zone = homes.get(row.get("household", "")) or residents.get(row.get("resident", ""), common)
            found[sheet].append([_cell(field, row[field.key], zone) for field in fields])
    return found


def _cell(field: Field, value: Any, zone: str) -> str:
    match value:
        case None:
            return NO_REGISTER if field.parse is resolution else ""
        case datetime():
            return value.astimezone(ZoneInfo(zone)).isoformat()
        case int() if field.parse is period:
            return _duration(value)
        case float() if value.is_integer():
            return f"{value:.0f}"
        case _:
            return str(value)


def _duration(seconds: int) -> str:
    """Return whole minutes or hours as ISO 8601 says them, other spans in seconds."""
    if seconds % 3600 == 0:
        return f"PT{seconds // 3600}H"
    return f"PT{seconds // 60}M" if seconds % 60 == 0 else str(seconds)


def write_folder(path: Path, sheets: Lines) -> None:
    """Write each sheet as a .csv file into a folder, which is made if it is not there."""
    path.mkdir(parents=True, exist_ok=True)
    for sheet in SHEETS:
        # The byte order mark lets spreadsheet programs see that this is UTF-8.
        with (path / f"{sheet}.csv").open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([list(columns(sheet)), *sheets[sheet]])


def write_workbook(path: Path, sheets: Lines, texts: Texts, formats: Iterable[str] = ()) -> None:
    """Write all sheets as one .xlsx workbook.

    Parameters
    ----------
    path : Path
    sheets : mapping
        Sheet to the cells of its rows; empty rows make a form to fill in.
    texts : Texts
        Explains each column in a note at its head, in every language.
    formats : iterable of str, optional
        Device formats to choose from.
    """
    book = Workbook()
    book.remove(book.active)
    for sheet, fields in SHEETS.items():
        page = book.create_sheet(sheet)
        _head(page, sheet, fields, texts)
        for number, line in enumerate(sheets[sheet], start=2):
            for place, text in enumerate(line, start=1):
                if text:  # an empty cell takes the format of its column
                    cell = page.cell(number, place)
                    cell.number_format = TEXT
                    cell.value, cell.data_type = text, "s"  # a text even if it begins with =
        _choices(page, fields, {"format": sorted(formats), "channel": sorted(channels.CHANNELS)})
    book.save(path)


def _head(page: Worksheet, sheet: str, fields: Sequence[Field], texts: Texts) -> None:
    page.freeze_panes = "A2"
    for place, field in enumerate(fields, start=1):
        cell = page.cell(1, place, field.name)
        cell.font = Font(bold=True)
        cell.alignment = Alignment(vertical="center")
        cell.fill = PatternFill("solid", fgColor="FFE9C7" if field.required else "EEEEEE")
        cell.comment = Comment("\n".join(_note(sheet, field, texts)), "Shuian", height=120, width=320)
        column = page.column_dimensions[letters(place - 1)]
        column.width = 28 if field.name in _WIDE else 12
        column.number_format = TEXT  # also for rows that are typed later


def _note(sheet: str, field: Field, texts: Texts) -> Iterator[str]:
    for lang in (DEFAULT, *(lang for lang in LANGUAGES if lang != DEFAULT)):
        need = texts(lang, "sheet.required" if field.required else "sheet.optional")
        yield texts(lang, "sheet.note", said=texts(lang, f"sheet.{sheet}.{field.name}"), need=need)


def _choices(page: Worksheet, fields: Sequence[Field], more: Mapping[str, Sequence[str]]) -> None:
    """Offer the words of a column that takes only some."""
    for place, field in enumerate(fields):
        words = choices(field) or more.get(field.name, ())
        if words:
            listed = DataValidation("list", formula1=f'"{",".join(words)}"', allow_blank=not field.required)
            page.add_data_validation(listed)
            letter = letters(place)
            listed.add(f"{letter}2:{letter}{ROWS_WITH_CHOICES}")
