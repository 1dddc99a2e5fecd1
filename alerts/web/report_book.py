"""The monthly report as a workbook: one sheet of numbers, one row a number, one column a grid."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.worksheet import Worksheet

from alerts.report import Report
from alerts.web.report_lines import Line, Section, facts, heads
from alerts.web.words import Words

FORMATS = {"p": "0.0%", "median": "#,##0", "p90": "#,##0", "rate": "0.00", "h": "#,##0.0", "intended": "0.00"}
FIRST_WIDTH, WIDTH = 52, 18


def workbook(report: Report, found: Iterable[Section], words: Words, zone: ZoneInfo) -> bytes:
    """Return the bytes of an .xlsx workbook.

    Parameters
    ----------
    report : Report
    found : iterable of Section
        What it says, in words.
    words : Words
        In which language.
    zone : ZoneInfo
        By whose clocks the file says when it was made: a workbook's own times have no zone.
    """
    book = Workbook()
    book.properties.creator = words.t("page.name")
    book.properties.created = book.properties.modified = report.made_at.astimezone(zone).replace(tzinfo=None)
    page = book.active
    page.title = report.month
    _append(page, words.t("page.month.title", month=report.month))
    page.cell(1, 1).font = Font(bold=True, size=14)
    for said in (*facts(report, words, zone), words.t("page.month.cells")):
        _append(page, said)
    page.append([])
    names = heads(report, words)
    _append(page, words.t("page.month.number"), *names)
    _head(page, page.max_row)
    page.freeze_panes = page.cell(page.max_row + 1, 2)
    for section in found:
        _section(page, section, words)
    page.column_dimensions["A"].width = FIRST_WIDTH
    for place in range(2, len(names) + 2):
        page.column_dimensions[page.cell(1, place).column_letter].width = WIDTH
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _head(page: Worksheet, number: int) -> None:
    for cell in page[number]:
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", fgColor="E6F1F5")
        cell.alignment = Alignment(wrap_text=True, vertical="top")


def _section(page: Worksheet, section: Section, words: Words) -> None:
    page.append([])
    _append(page, section.title)
    page.cell(page.max_row, 1).font = Font(bold=True)
    _append(page, section.note)
    for line in section.lines:
        for label, name, numbers in _rows(line, words):
            _append(page, label, *numbers)
            for cell in page[page.max_row][1:]:
                cell.number_format = FORMATS.get(name, "#,##0.##")
                cell.alignment = Alignment(horizontal="right")


def _rows(line: Line, words: Words) -> Iterator[tuple[str, str, list[float | str]]]:
    """Return a row for each number of a line: its label, the number's name, and the numbers; what is not known is a word."""
    unknown = words.t("page.month.cell.unknown")
    for n, (name, _) in enumerate(line.values[0].numbers):
        label = f"{line.label} · {words.t(f'page.month.part.{name}')}" if name else line.label
        numbers = (value.numbers[n][1] for value in line.values)
        yield label, name, [unknown if number is None else number for number in numbers]


def _append(page: Worksheet, *values: float | str) -> None:
    """Append a row in which a text is a text even if it begins with =."""
    page.append(list(values))
    for cell, value in zip(page[page.max_row], values, strict=False):
        if isinstance(value, str):
            cell.data_type = "s"
