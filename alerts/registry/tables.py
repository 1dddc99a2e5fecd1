"""A registry as it lies in its file, before anybody believes a cell: a folder of .csv sheets, or one workbook.

Both become the same `Table`s, so that the checks in `alerts.registry.reading` are the same.  A header is found by its
name, whatever its case and the blanks around it.  A column that is misspelt is reported once; what else hangs on it is not
complained of, since one mended cell would mend all of it.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Protocol

from alerts.registry.sheets import SHEETS, Fault, Field, Wanted, columns

MOST_ROWS = 1_000_000
"""Rows of one sheet."""


class Cell(Protocol):
    """What stands in one cell."""

    @property
    def shown(self) -> str:
        """Return the cell as a person sees it, for a complaint; empty: nothing stands there."""
        ...

    def text_for(self, field: Field) -> str:
        """Return the text that `field` reads.

        Raises
        ------
        Wanted
            The program that wrote the cell may have changed what was typed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A cell that is what was typed."""

    shown: str

    def text_for(self, field: Field) -> str:  # noqa: ARG002  the same for every column
        """Return the text."""
        return self.shown


EMPTY = Text("")


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet: where each known column stands (counted from 0), and its rows with their numbers.

    `lost` names the columns that are missing: their cells are unknown, not empty.
    """

    columns: Mapping[str, int]
    rows: Sequence[tuple[int, Sequence[Cell]]]
    lost: frozenset[str] = frozenset()


LOST: Mapping[str, Table] = {sheet: Table({}, (), frozenset(columns(sheet))) for sheet in SHEETS}
"""What stands in for a sheet that cannot be read at all."""


@dataclass(slots=True)
class Findings:
    """What is wrong with a registry, and what is worth a line without being wrong."""

    workbook: bool = False
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    places: dict[str, Mapping[str, int]] = field(default_factory=dict)

    def name(self, sheet: str) -> str:
        """Return what the sheet is called where it lies."""
        return sheet if self.workbook else f"{sheet}.csv"

    def add(self, sheet: str, row: int | None, column: str | None, wanted: str, got: str) -> None:
        """Note a fault in a column known by its name."""
        place = self.places.get(sheet, {}).get(column or "")
        letter = letters(place) if self.workbook and place is not None else None
        self.faults.append(Fault(self.name(sheet), row, column, wanted, got, letter))

    def add_at(self, sheet: str, row: int, place: int, wanted: str, got: str, column: str | None = None) -> None:
        """Note a fault in the column that stands at `place`, counted from 0, whatever its name."""
        letter = letters(place) if self.workbook else None
        self.faults.append(Fault(self.name(sheet), row, column, wanted, got, letter))

    def in_order(self) -> list[Fault]:
        """Return the faults by sheet and row."""
        order = {self.name(sheet): n for n, sheet in enumerate(SHEETS)}
        return sorted(self.faults, key=lambda fault: (order.get(fault.file, -1), fault.row or 0))


def letters(place: int) -> str:
    """Return the letters of the column at `place`, counted from 0: A to Z, AA and so on."""
    found, place = "", place + 1
    while place:
        place, digit = divmod(place - 1, 26)
        found = chr(ord("A") + digit) + found
    return found


def table(sheet: str, lines: Sequence[tuple[int, Sequence[Cell]]], findings: Findings) -> Table:
    """Return the sheet whose numbered `lines` are given, the first of them the names of its columns."""
    names = ["_".join(cell.shown.split()).casefold() for cell in lines[0][1]] if lines else []
    while names and not names[-1]:
        names.pop()
    found = {name: names.index(name) for name in columns(sheet) if name in names}
    findings.places[sheet] = found
    lost = _check_header(sheet, names, findings)
    rows = [line for line in lines[1:] if any(cell.shown for cell in line[1])]
    for number, cells in rows:
        beyond = [place for place, cell in enumerate(cells) if cell.shown and place >= len(names)]
        if beyond and names:
            findings.add_at(sheet, number, beyond[0], f"{len(names)} cells", f"{len(cells)}")
    return Table(found, rows, lost)


def _check_header(sheet: str, names: list[str], findings: Findings) -> frozenset[str]:
    """Report columns that are missing, unknown or there twice; return those whose cells cannot be known."""
    wanted = [field for field in SHEETS[sheet] if field.name not in names]
    missing = [field.name for field in wanted if not field.optional]
    unknown = [name for name in names if name not in columns(sheet)]
    lost = set(missing)
    for name in unknown:
        place = names.index(name)
        meant = get_close_matches(name, [field.name for field in wanted], 1)
        if not meant and len(unknown) == len(missing) == 1 and name:
            meant = missing
        if meant:
            findings.add_at(sheet, 1, place, f"the column {meant[0]}", repr(name), name)
            lost.add(meant[0])
            wanted = [field for field in wanted if field.name != meant[0]]
            missing = [one for one in missing if one != meant[0]]
        else:
            said = f"one of {', '.join(columns(sheet))}"
            findings.add_at(sheet, 1, place, said, "an unknown column", name or "(no name)")
    for name in missing:
        findings.add(sheet, 1, name, "this column, once", "no such column")
    for name in columns(sheet):
        if names.count(name) > 1:
            findings.add(sheet, 1, name, "this column, once", f"{names.count(name)} of them")
            lost.add(name)
    return frozenset(lost)


def folder(path: Path, findings: Findings) -> dict[str, Table]:
    """Return the sheets of a folder of .csv files: UTF-8, comma-separated."""
    known = {f"{sheet}.csv" for sheet in SHEETS}
    findings.notes += [f"{file.name} is no sheet and was not read" for file in sorted(path.glob("*.csv"))
                       if file.name not in known]  # fmt: skip
    return {sheet: _csv(path / f"{sheet}.csv", sheet, findings) for sheet in SHEETS}


def _csv(file: Path, sheet: str, findings: Findings) -> Table:
    try:
        content = file.read_bytes().decode("utf-8-sig")
        lines = list(csv.reader(StringIO(content, newline=""), strict=True))
    except FileNotFoundError:
        findings.add(sheet, None, None, f"this sheet with columns {', '.join(columns(sheet))}", "no file")
        return LOST[sheet]
    except UnicodeDecodeError as error:
        wanted = "UTF-8 (save as: CSV UTF-8, comma delimited)"
        findings.add(sheet, None, None, wanted, f"another encoding (byte {error.start})")
        return LOST[sheet]
    except csv.Error as error:
        findings.add(sheet, None, None, "comma-separated cells", str(error))
        return LOST[sheet]
    if len(lines) > MOST_ROWS:
        findings.add(sheet, None, None, f"at most {MOST_ROWS} rows", str(len(lines)))
        return LOST[sheet]
    texts = (([Text(cell.strip()) if cell.strip() else EMPTY for cell in line]) for line in lines)
    return table(sheet, list(enumerate(texts, start=1)), findings)


def cell(row: Sequence[Cell], at: int | None) -> Cell:
    """Return the cell of a row in the column at `at`; beyond the row's end it is empty."""
    return row[at] if at is not None and at < len(row) else EMPTY


def read_cell(field: Field, found: Cell) -> object:
    """Return what one cell means.

    Raises
    ------
    Wanted
        Nothing that the column can hold.
    """
    said = found.text_for(field)
    if said:
        return field.parse(said)
    if field.required:
        raise Wanted("a value")
    return field.empty
