"""One .xlsx workbook as the registry's sheets, and what a spreadsheet program may have made of what was typed.

A cell typed as ``0571…``, ``1-2`` or a long id comes back as a number without its first zero, a date, a rounded number.
Each such cell is either turned back for certain or named, never guessed at.  Hidden rows are read like others: the sheets
are the whole truth, and a filter that somebody left on must not delete people.

The file comes from outside: it is refused when it is too large unpacked, and its XML may not define entities.
"""

import datetime as dt
import re
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell as Found
from openpyxl.worksheet.worksheet import Worksheet

from alerts.registry.sheets import (
    SHEETS,
    Fault,
    Field,
    RegistryError,
    Wanted,
    above_zero,
    columns,
    moment,
    period,
    phone,
    position,
    resolution,
)
from alerts.registry.tables import EMPTY, LOST, Cell, Findings, Table, Text, table

MOST_BYTES = 64 * 1024 * 1024
"""Largest workbook, unpacked: what openpyxl makes of it in memory is some fifteen times that. [byte]"""
MOST_PARTS = 1_000
MOST_ROWS = 100_000
"""Rows of one sheet: three consents each for thirty thousand people; more come as .csv, from a program."""
MOST_COLUMNS = 20
"""Columns that are looked at; the widest sheet has 12."""
SURE_BELOW = 10**15
"""Spreadsheet programs keep 15 digits of a number."""
_AS_TEXT = "format the column as text and type it again"
_ZEROS = re.compile("0+")


@dataclass(frozen=True, slots=True)
class Typed:
    """A cell that the spreadsheet program took for something else than text."""

    value: Any
    shown: str
    zeros: int = 0
    """Digits that its number format fills up with zeros."""

    def text_for(self, field: Field) -> str:
        """Return the text that was certainly meant; raises `Wanted` when that cannot be known."""
        match self.value:
            case bool():
                return self.shown
            case int() | float():
                return self._number(field)
            case dt.datetime() | dt.date() if field.parse is moment:
                return _moment(self.value)
            case dt.datetime() | dt.date() | dt.time() | dt.timedelta():
                what = "a duration such as PT15M, as text" if field.parse is period else "text"
                raise Wanted(f"{what} (it was taken for a date or a time of day: {_AS_TEXT})")
            case _:
                raise Wanted("a value (this one could not be computed: type what you mean)")

    def _number(self, field: Field) -> str:
        number = float(self.value)
        if field.parse is moment:
            raise Wanted(
                "a time such as 2026-11-21 08:00 (it stands there as a bare number: format the column as text)"
            )
        if field.parse is phone:
            raise Wanted(f"a telephone number as text (as a number it loses its first 0: {_AS_TEXT})")
        if field.parse in (above_zero, position, period, resolution):
            return f"{number:.0f}" if number.is_integer() else repr(number)
        if not number.is_integer() or abs(number) >= SURE_BELOW:
            raise Wanted(f"text (a number of this kind may have lost digits: {_AS_TEXT})")
        return f"{number:.0f}".zfill(self.zeros)


def _moment(value: dt.date) -> str:
    """Return a date cell as ISO 8601, local; its fraction of a day is a binary one, so seconds are rounded."""
    if isinstance(value, dt.datetime):
        return (value + dt.timedelta(microseconds=500_000)).replace(microsecond=0).isoformat(" ")
    return value.isoformat()


def sheets(path: Path, findings: Findings) -> dict[str, Table]:
    """Return the sheets of a workbook.

    Raises
    ------
    RegistryError
        It is none, it is locked, or too large.
    """
    findings.workbook = True
    _check_archive(path)
    book = _open(path, computed=False)
    formulas = _formulas(book)
    values = _open(path, computed=True) if formulas else book
    try:
        by_name = {_known(name): values[name] for name in reversed(values.sheetnames)}
        read = {id(by_name[sheet]) for sheet in SHEETS if sheet in by_name}
        findings.notes += [
            f"sheet {name!r} is not of the registry and was not read"
            for name in values.sheetnames if id(values[name]) not in read
        ]  # fmt: skip
        return {sheet: _sheet(sheet, by_name.get(sheet), formulas, findings) for sheet in SHEETS}
    finally:
        values.close()
        book.close()


def _refuse(path: Path, got: str, wanted: str = "an .xlsx workbook") -> RegistryError:
    return RegistryError([Fault(path.name, None, None, wanted, got)])


def _check_archive(path: Path) -> None:
    """Look at the file from outside before anything in it is unpacked."""
    with path.open("rb") as file:
        head = file.read(8)
    if head == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":  # a compound file: .xls, or encrypted .xlsx ([MS-OFFCRYPTO] 1.3)
        got = "one with a password, or an older .xls: save it as .xlsx without a password"
        raise _refuse(path, got)
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if "xl/workbook.xml" not in archive.namelist():
                raise _refuse(path, "another kind of file")
            size = sum(part.file_size for part in parts)  # zipfile unpacks no more of a part than this says
            if size > MOST_BYTES or len(parts) > MOST_PARTS:
                raise _refuse(
                    path, f"{size} bytes unpacked: use a folder of .csv sheets", f"at most {MOST_BYTES} bytes"
                )
            for part in parts:
                if part.filename.endswith((".xml", ".rels")) and b"<!DOCTYPE" in archive.read(part)[:4096]:
                    raise _refuse(path, "one that defines entities of its own")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, zlib.error) as error:
        raise _refuse(path, f"a file that cannot be unpacked ({type(error).__name__})") from None


def _open(path: Path, *, computed: bool) -> Workbook:
    try:
        with warnings.catch_warnings():  # of styles and extensions that are not read here
            warnings.simplefilter("ignore")
            return load_workbook(path, data_only=computed, keep_links=False)
    except Exception as error:  # noqa: BLE001  openpyxl raises whatever a strange file makes it stumble over
        raise _refuse(path, f"one that cannot be read ({type(error).__name__})") from None


def _formulas(book: Workbook) -> dict[str, dict[tuple[int, int], str]]:
    """Return where formulas stand, by sheet, row and column, and what they say."""
    found: dict[str, dict[tuple[int, int], str]] = {}
    for sheet in book.worksheets:
        for line in _lines(sheet) if _known(sheet.title) in SHEETS else ():
            for one in line:
                if one.data_type == "f":
                    said = one.value if isinstance(one.value, str) else "a formula"
                    found.setdefault(sheet.title, {})[one.row, one.column] = said
    return found


def _known(title: str) -> str:
    """Return a sheet's title as it is compared: without blanks around it and capitals."""
    return " ".join(title.split()).casefold()


def _lines(sheet: Worksheet) -> Sequence[Sequence[Found]]:
    if sheet.max_row > MOST_ROWS:
        return []
    return list(sheet.iter_rows(max_row=sheet.max_row, max_col=min(sheet.max_column, MOST_COLUMNS)))


def _sheet(
    sheet: str, found: Worksheet | None, formulas: dict[str, dict[tuple[int, int], str]], findings: Findings
) -> Table:
    if not isinstance(found, Worksheet):  # a chart may have a sheet's name
        findings.add(sheet, None, None, f"this sheet with columns {', '.join(columns(sheet))}", "no sheet")
        return LOST[sheet]
    if found.max_row > MOST_ROWS:
        got = f"{found.max_row} (delete the empty rows below the last one)"
        findings.add(sheet, None, None, f"at most {MOST_ROWS} rows", got)
        return LOST[sheet]
    for merged in found.merged_cells.ranges:
        findings.add_at(
            sheet, merged.min_row, merged.min_col - 1, "no merged cells: only the first has a value", str(merged)
        )
    hidden = sum(1 for number, row in found.row_dimensions.items() if row.hidden and 1 < number <= found.max_row)
    if hidden:
        findings.notes.append(f"sheet {sheet}: {hidden} hidden rows are read like the others")
    said = formulas.get(found.title, {})
    lines = [(n, [_cell(one, said) for one in line]) for n, line in enumerate(_lines(found), start=1)]
    return table(sheet, lines, findings)


def _cell(found: Found, formulas: dict[tuple[int, int], str]) -> Cell:
    value = found.value
    if value is None:
        formula = formulas.get((found.row, found.column))
        return EMPTY if formula is None else Typed(None, formula)
    if found.data_type == "e":
        return Typed(None, str(value))
    if isinstance(value, str):
        return Text(value.strip()) if value.strip() else EMPTY
    if isinstance(value, bool):
        return Typed(value, str(value).upper())
    plain = isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) < SURE_BELOW)
    zeros = len(found.number_format) if _ZEROS.fullmatch(found.number_format) else 0
    return Typed(value, str(int(value)) if plain else str(value), zeros)
