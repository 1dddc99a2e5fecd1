"""The registry as one workbook: read like the folder, each cell named, and nothing that a spreadsheet program changed."""

import zipfile
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO

import pytest
from openpyxl import Workbook, load_workbook

from alerts import registry, texts
from alerts.registry import writing
from alerts.registry.sheets import SHEETS as FIELDS
from alerts.registry.tables import letters
from tests.alerts.neighbourhood import SHEETS, T0, cells, fill, write


def book():
    """Return the test sheets as a workbook, every cell text."""
    made = Workbook()
    made.remove(made.active)
    for name, lines in SHEETS.items():
        page = made.create_sheet(name)
        for line in lines:
            page.append([cell or None for cell in cells(line)])
    return made


def saved(made, folder):
    folder.mkdir(parents=True, exist_ok=True)
    made.save(folder / "registry.xlsx")
    return folder / "registry.xlsx"


def faults(path):
    with pytest.raises(registry.RegistryError) as raised:
        registry.read(path, {"native": False, "wmbusmeters": False})
    return [str(fault) for fault in raised.value.faults]


def test_a_workbook_is_read_like_the_folder(tmp_path):
    assert registry.read(saved(book(), tmp_path)) == registry.read(write(tmp_path / "csv"))


@pytest.mark.parametrize(
    ("cell", "value", "said"),
    [
        ("devices!F3", "litre", "devices!F3, column unit: want one of L, m3, gal_us, ft3; got 'litre'"),
        ("devices!C2", "h9", "devices!C2, column household: want an id of households; got 'h9'"),
        ("households!F2", None, "households!F2, column door: want a value; got an empty cell"),
        ("absences!A1", "home", "absences!A1, column home: want the column household; got 'home'"),
        ("absences!F1", "note", "absences!E1, column (no name): want one of household, start, end, by; got an unknown column"),
        ("areas!F2", "more", "areas!F2: want 4 cells; got 6"),
        ("residents!D2", 571_0000_0301, "residents!D2, column phone: want a telephone number as text"),
        ("residents!D2", 1.38e10, "residents!D2, column phone: want a telephone number as text"),
        ("households!D2", date(2026, 3, 2), "households!D2, column riser: want text (it was taken for a date"),
        ("households!F2", 30.10, "households!F2, column door: want text (a number of this kind may have lost digits"),
        ("areas!A2", 1_234_567_890_123_456_789, "areas!A2, column id: want text (a number of this kind may have lost digits"),
        ("devices!J2", time(0, 15), "devices!J2, column period: want a duration such as PT15M, as text"),
        ("devices!J2", timedelta(minutes=15), "devices!J2, column period: want a duration such as PT15M, as text"),
        ("devices!D2", 46_023.5, "devices!D2, column from: want a time such as 2026-11-21 08:00 (it stands there as a bare"),
        ("devices!H2", -1, "devices!H2, column resolution_l: want a number above 0, or none (no water register); got '-1'"),
        ("devices!H2", True, "devices!H2, column resolution_l: want a number above 0, or none (no water register); got 'TRUE'"),
        ("contacts!D2", 1.5, "contacts!D2, column order: want a place in the order"),
        ("workers!B2", "=A2&A3", "workers!B2, column name: want a value (this one could not be computed: type what you mean)"),
        ("workers!B2", "#N/A", "workers!B2, column name: want a value (this one could not be computed"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named_by_sheet_and_cell(tmp_path, cell, value, said):
    made = book()
    sheet, _, place = cell.partition("!")
    made[sheet][place] = value
    found = faults(saved(made, tmp_path))
    assert any(text.startswith(said) for text in found), found


def test_numbers_and_dates_that_are_certain_are_taken(tmp_path):
    made = book()
    made["households"]["E2"], made["households"]["F2"], made["households"]["D2"] = 3, 301.0, 7
    made["households"]["D2"].number_format = "000"
    made["devices"]["A2"] = 1_234_567_890_123.0
    made["devices"]["D2"] = datetime(2026, 1, 1, 8, 0)  # noqa: DTZ001  a date cell has no zone
    made["devices"]["H3"], made["devices"]["J3"], made["devices"]["I3"] = 0.1, 900, 99_999_999
    made["contacts"]["D2"] = 1
    rows = registry.read(saved(made, tmp_path)).rows
    assert [rows["households"][0][name] for name in ("riser", "floor", "door")] == ["007", "3", "301"]
    first, second = rows["devices"][:2]
    assert (first["id"], first["valid_from"]) == ("1234567890123", datetime(2026, 1, 1, tzinfo=UTC))
    assert (second["resolution_l"], second["period_s"], second["modulus_l"]) == (0.1, 900, 99_999_999.0)


def test_a_formula_that_was_computed_counts_as_its_value(tmp_path):
    made = book()
    made["workers"]["B2"] = '="王"&"芳"'
    path = saved(made, tmp_path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = next(n for n, xml in parts.items() if b"&amp;" in xml and b"<f>" in xml)
    parts[name] = (
        parts[name].replace(b"<v></v>", b"<v>X</v>").replace(b"<v />", b"<v>X</v>").replace(b"<v/>", b"<v>X</v>")
    )
    parts[name] = parts[name].replace(b'r="B2"', b'r="B2" t="str"')
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert registry.read(path).rows["workers"][0]["name"] == "X"


def test_merged_cells_are_refused_because_only_the_first_has_a_value(tmp_path):
    made = book()
    made["households"].merge_cells("D2:D3")
    assert faults(saved(made, tmp_path)) == [
        "households!D2: want no merged cells: only the first has a value; got D2:D3"
    ]


def test_hidden_rows_and_empty_ones_are_read_as_what_they_are(tmp_path):
    made = book()
    made["residents"].row_dimensions[3].hidden = True
    made["contacts"]["A9"].number_format = "0"
    made["shifts"]["A7"] = "  "
    read = registry.read(saved(made, tmp_path))
    assert len(read.rows["residents"]) == 2
    assert read.notes == ("sheet residents: 1 hidden rows are read like the others",)


def test_sheets_that_are_not_of_the_registry_are_told_of_and_one_that_is_missing_is_a_fault(tmp_path):
    made = book()
    made.create_sheet("Sheet1")["A1"] = "shopping"
    made["absences"].title = " Absences "
    assert registry.read(saved(made, tmp_path / "a")).notes == (
        "sheet 'Sheet1' is not of the registry and was not read",
    )
    del made["households"]
    assert faults(saved(made, tmp_path / "b")) == [
        "households: want this sheet with columns id, area, building, riser, floor, door, tz; got no sheet"
    ]


def test_rows_without_end_are_refused(tmp_path):
    made = book()
    made["absences"]["A1048576"] = "h1"
    (said,) = faults(saved(made, tmp_path))
    assert said.startswith("absences: want at most 100000 rows; got 1048576")


def zipped(**parts):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/") + ".xml", content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"", "cannot be unpacked (BadZipFile)"),
        (b"id,name\n", "cannot be unpacked (BadZipFile)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "one with a password, or an older .xls"),
        (zipped(letter="dear"), "another kind of file"),
        (zipped(xl__workbook="<workbook/>"), "one that cannot be read"),
        (zipped(xl__workbook="<workbook/>", bomb=b"0" * 70_000_000), "70000011 bytes unpacked"),
        (
            zipped(xl__workbook='<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><workbook>&b;</workbook>'),
            "entities",
        ),
        (zipped(xl__workbook="<workbook/>")[:-30], "cannot be unpacked"),
    ],
    ids=["empty", "text", "password", "another zip", "half a workbook", "bomb", "entities", "cut off"],
)
def test_what_is_no_workbook_gets_one_clear_line(tmp_path, content, got):
    (tmp_path / "registry.xlsx").write_bytes(content)
    (said,) = faults(tmp_path / "registry.xlsx")
    assert said.startswith("registry.xlsx: want ")
    assert got in said


def test_columns_are_lettered_as_spreadsheets_do():
    assert [letters(n) for n in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


# --- written -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["registry.xlsx", "folder"])
def test_what_is_written_is_read_back_without_a_change(engine, tmp_path, kind):
    odd = ['h1,2026-11-20 08:00:00.125,2026-11-21T00:00-05:00,"=1+1, ""said"" 女儿"', "h2,2026-10-01,2026-10-02,007"]
    risky = [row.replace("李秀英", "=李秀英").replace("fall", "+1") for row in SHEETS["residents"]]
    fill(engine, tmp_path / "in", absences=[*SHEETS["absences"], *odd], residents=risky)
    with engine.connect() as conn:
        lines, path = writing.lines(conn), tmp_path / kind
        if kind == "folder":
            writing.write_folder(path, lines)
        else:
            writing.write_workbook(path, lines, texts.load(), ("native", "wmbusmeters"))
        read = registry.read(path, {"native": False, "wmbusmeters": False})
        assert registry.plan(read, conn).lines() == ["nothing: the database already says this"]
    assert [row["by"] for row in read.rows["absences"]] == ['=1+1, "said" 女儿', "007"]


def test_what_pages_and_outcomes_added_is_not_of_the_sheets(engine, store, tmp_path):
    from alerts.cases import OutcomeRecorded
    from tests.alerts.neighbourhood import finding

    case = store.raise_finding(finding(), T0)
    store.act("live", case, OutcomeRecorded("worker:wang", "SAFE_AWAY"), T0, "tap-1")
    with engine.connect() as conn:
        assert registry.absent(conn, "h1", T0)
        assert writing.lines(conn)["absences"] == []


def test_times_are_written_as_the_home_s_clock_shows_them(engine):
    with engine.connect() as conn:
        lines = writing.lines(conn)
    assert lines["shifts"] == [["g1", "2026-11-01T08:00:00+08:00", "2026-12-01T08:00:00+08:00", "wang", "li", "zhao"]]
    assert [row[9] for row in lines["devices"]] == ["PT15M", "PT1H", "PT1H"]


def test_an_empty_workbook_explains_each_column_in_both_languages_and_is_itself_no_fault(tmp_path):
    path = tmp_path / "registry.xlsx"
    writing.write_workbook(path, dict.fromkeys(FIELDS, ()), texts.load(), ("native",))
    assert all(rows == () for rows in registry.read(path).rows.values())
    made = load_workbook(path)
    assert made.sheetnames == list(FIELDS)
    for sheet, fields in FIELDS.items():
        for place, field in enumerate(fields, start=1):
            head = made[sheet].cell(1, place)
            assert head.value == field.name
            zh, en = head.comment.text.splitlines()
            assert ("必填" in zh, "required" in en) == (field.required, field.required)
            assert made[sheet].column_dimensions[letters(place - 1)].number_format == "@"
    listed = {one.formula1 for one in made["devices"].data_validations.dataValidation}
    assert listed == {'"native"', '"L,m3,gal_us,ft3"'}
