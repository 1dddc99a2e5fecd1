"""The registry: every bad cell named, local times only where they can mean one thing, and one transaction for the rest."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from alerts import registry, schema
from alerts.cases import Accepted
from alerts.policy import Load, Roster
from tests.alerts.neighbourhood import SHEETS, T0, fill, finding, write

FORMATS = {"native": False, "wmbusmeters": False}


def faults(folder, **changed):
    """Return the faults of the test sheets, some of them replaced, as text."""
    with pytest.raises(registry.RegistryError) as raised:
        registry.read(write(folder, **changed), formats=FORMATS)
    return [str(fault) for fault in raised.value.faults]


def line(sheet, n, *swaps):
    """Return a sheet with words of its n-th line swapped."""
    lines = list(SHEETS[sheet])
    for old, new in swaps:
        assert old in lines[n]
        lines[n] = lines[n].replace(old, new, 1)
    return lines


@pytest.mark.parametrize(
    ("sheet", "n", "swap", "place", "wanted"),
    [
        ("areas", 3, ("grid", "village"), "areas.csv row 4, column kind", "one of district, street, community, grid"),
        ("areas", 1, ("s1,,", "s1,g1,"), "areas.csv row 2, column parent", "no area above itself"),
        ("areas", 2, ("s1", "s9"), "areas.csv row 3, column parent", "an id of areas.csv"),
        ("households", 1, ("Asia/Shanghai", "Beijing"), "households.csv row 2, column tz", "IANA time zone"),
        ("households", 1, ("301", ""), "households.csv row 2, column door", "a value; got an empty cell"),
        ("households", 2, ("h2", "h1"), "households.csv row 3, column id", "each row once; got 'h1' as in row 2"),
        ("residents", 1, ("0755-0000-0001", "1.38E+10"), "residents.csv row 2, column phone", "a telephone number"),
        ("residents", 2, ("2027-01-01", "next year"), "residents.csv row 3, column risk_until", "a time such as"),
        ("consents", 1, ("monitor", "watch"), "consents.csv row 2, column purpose", "one of monitor, community"),
        ("consents", 3, ("relative,", "relative,f3"), "consents.csv row 4, column recipient", "belongs to this resident"),
        ("consents", 1, ("form,", "form,2025-01-01"), "consents.csv row 2, column withdrawn_at", "a time after"),
        ("contacts", 1, ("email", "pigeon"), "contacts.csv row 2, column channel", "one of email, sms, webhook, wecom"),
        ("contacts", 1, ("email", "email;pigeon"), "contacts.csv row 2, column channel", "got 'pigeon'"),
        ("contacts", 1, ("email", "email;sms"), "contacts.csv row 2, column address", "2 addresses separated by semicolons"),
        ("workers", 1, ("email,wang@example.org", "email；email,a@b.c；a@b.c"), "workers.csv row 2, column address", "once"),
        ("workers", 1, ("email,wang@example.org", "email;sms,a@b.c;12"), "workers.csv row 2, column address", "got '12'"),
        ("contacts", 1, ("daughter@example.org", "daughter"), "contacts.csv row 2, column address", "a mail address"),
        ("contacts", 1, (",1,", ",first,"), "contacts.csv row 2, column order", "a place in the order"),
        ("workers", 1, ("worker,", "boss,"), "workers.csv row 2, column role", "one of worker, lead, duty, operator"),
        ("workers", 1, ("email,wang@example.org", "webhook,ftp://x"), "workers.csv row 2, column address", "https://"),
        ("shifts", 1, ("wang", ""), "shifts.csv row 2, column owner", "a value"),
        ("shifts", 1, ("2026-12-01", "2026-10-01"), "shifts.csv row 2, column end", "a time after"),
        ("devices", 1, ("native", "smoke"), "devices.csv row 2, column format", "one of native, wmbusmeters"),
        ("devices", 1, ("PT15M", "hourly"), "devices.csv row 2, column period", "PT15M, PT1H or P1D"),
        ("devices", 2, ("m3", "litre"), "devices.csv row 3, column unit", "one of L, m3, gal_us, ft3"),
        ("devices", 2, ("0.1", "-1"), "devices.csv row 3, column resolution_l", "a number above 0"),
        ("devices", 2, (",2026-06-01T00:00Z", ",2026-07-01T00:00Z"), "devices.csv row 4, column from", "one household at a time"),
        ("devices", 1, ("2026-06-01T00:00Z", ""), "devices.csv row 4, column from", "one water register a household"),
        ("devices", 2, (",2026-06-01T00:00Z", ","), "devices.csv row 4, column from", "the end ('to') of row 3"),
        ("devices", 1, ("h1", "h9"), "devices.csv row 2, column household", "an id of households.csv; got 'h9'"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named_with_what_was_wanted_and_what_came(tmp_path, sheet, n, swap, place, wanted):
    found = [text for text in faults(tmp_path, **{sheet: line(sheet, n, swap)}) if text.startswith(place)]
    assert len(found) == 1
    assert wanted in found[0]


def test_every_fault_of_every_sheet_is_reported_at_once(tmp_path):
    found = faults(
        tmp_path, areas=line("areas", 3, ("grid", "x")), shifts=line("shifts", 1, ("wang", "nobody")),
        devices=line("devices", 1, ("PT15M", "0")),
    )  # fmt: skip
    assert [text.partition(":")[0] for text in found] == [
        "areas.csv row 4, column kind", "shifts.csv row 2, column owner", "devices.csv row 2, column period",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("household,start,end", "column by: want this column, once; got no such column"),
        ("household,start,end,by,by", "column by: want this column, once; got 2 of them"),
        ("household,start,end,by,note", "column note: want one of household, start, end, by; got an unknown column"),
        ("household;start;end;by", "column household: want this column, once"),
        ("", "column household: want this column, once"),
    ],
)
def test_a_sheet_with_wrong_columns_is_not_guessed_at(tmp_path, header, said):
    assert any(said in text for text in faults(tmp_path, absences=[header]))


@pytest.mark.parametrize(
    ("sheet", "swap", "said"),
    [
        ("households", ("id,", "nr,"), "households.csv row 1, column nr: want the column id; got 'nr'"),
        ("households", ("tz", "timezone"), "households.csv row 1, column timezone: want the column tz; got 'timezone'"),
        ("residents", ("household", "houshold"), "residents.csv row 1, column houshold: want the column household; got 'houshold'"),
        ("areas", ("parent", "parrent"), "areas.csv row 1, column parrent: want the column parent; got 'parrent'"),
        ("workers", ("area", "arae"), "workers.csv row 1, column arae: want the column area; got 'arae'"),
        ("contacts", ("resident,", ""), "contacts.csv row 1, column resident: want this column, once; got no such column"),
    ],
)  # fmt: skip
def test_one_wrong_column_is_one_fault_and_drags_no_other_sheet_along(tmp_path, sheet, swap, said):
    changed = line(sheet, 0, swap)
    if sheet == "contacts":
        changed = [row.replace(",r1,", ",").replace(",r2,", ",") for row in changed]
    assert faults(tmp_path, **{sheet: changed}) == [said]


def test_a_sheet_that_is_not_there_drags_no_other_sheet_along(tmp_path):
    folder = write(tmp_path)
    (folder / "households.csv").unlink()
    with pytest.raises(registry.RegistryError) as raised:
        registry.read(folder)
    assert [fault.file for fault in raised.value.faults] == ["households.csv"]


def test_names_of_columns_may_stand_in_capitals_and_blanks(tmp_path):
    head = " Household ,START,End , by"
    (row,) = registry.read(write(tmp_path, absences=[head, "h1,2026-11-20,2026-11-21,x"])).rows["absences"]
    assert row["household"] == "h1"


def test_a_meter_without_a_resolution_has_steps_of_a_litre(tmp_path):
    read = registry.read(write(tmp_path, devices=line("devices", 2, (",0.1,", ",,"))), FORMATS)
    assert [row["resolution_l"] for row in read.rows["devices"]] == [1.0, 1.0, 0.1]
    assert read.notes == ()


def test_a_device_without_a_register_is_a_sensor_of_which_a_home_may_have_any_number(tmp_path):
    sensors = ["门磁 1,native,h1,2026-01-01 00:00,,,,none,,PT1H,", "门磁 2,zigbee2mqtt,h1,2026-01-01 00:00,,,,,,PT1H,"]
    read = registry.read(write(tmp_path, devices=[*SHEETS["devices"], *sensors]), {**FORMATS, "zigbee2mqtt": True})
    assert [row["resolution_l"] for row in read.rows["devices"]] == [1.0, 0.1, 0.1, None, None]
    assert read.notes == ("2 devices have no water register: they are sensors, and water from them is refused",)


def test_the_gateway_is_kept_and_its_column_may_be_absent(engine, tmp_path):
    with engine.connect() as conn:
        assert {one.gateway for one in registry.bindings(conn, T0)} == {None}
    fill(
        engine,
        tmp_path,
        devices=[f"{row},{'gateway' if n == 0 else 'gw-1'}" for n, row in enumerate(SHEETS["devices"])],
    )
    with engine.connect() as conn:
        assert {one.gateway for one in registry.bindings(conn, T0)} == {"gw-1"}


def test_a_file_that_is_no_sheet_is_told_of_and_not_read(tmp_path):
    folder = write(tmp_path)
    (folder / "device.csv").write_text("id\n", "utf-8")
    assert registry.read(folder).notes == ("device.csv is no sheet and was not read",)


def test_a_missing_sheet_a_foreign_encoding_and_a_surplus_cell_are_faults(tmp_path):
    folder = write(tmp_path)
    (folder / "absences.csv").unlink()
    (folder / "areas.csv").write_bytes((folder / "areas.csv").read_text("utf-8").encode("gbk"))
    (folder / "workers.csv").write_text(
        "\n".join([*SHEETS["workers"], "x,张三,worker,g1,email,x@example.org,more"]), "utf-8"
    )
    with pytest.raises(registry.RegistryError) as raised:
        registry.read(folder)
    said = "\n".join(str(fault) for fault in raised.value.faults)
    assert "absences.csv: want this sheet with columns household, start, end, by; got no file" in said
    assert "areas.csv: want UTF-8 (save as: CSV UTF-8, comma delimited); got another encoding" in said
    assert "workers.csv row 6: want 6 cells; got 7" in said


def test_a_byte_order_mark_blank_lines_and_quotes_are_no_fault(tmp_path):
    folder = write(tmp_path, absences=["household,start,end,by", "", ",,,", '"h1",2026-11-20,2026-11-21,"女儿, 电话"'])
    for file in folder.glob("*.csv"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    (row,) = registry.read(folder).rows["absences"]
    assert row["by"] == "女儿, 电话"


def test_a_local_time_means_the_homes_zone_and_else_it_is_a_fault(tmp_path):
    rows = registry.read(write(tmp_path / "a")).rows
    assert rows["shifts"][0]["start"] == datetime(2026, 11, 1, tzinfo=UTC), "08:00 in Shanghai"
    assert rows["devices"][0]["valid_from"] == datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert rows["devices"][0]["zone"] == "Asia/Shanghai", "the household's, when the sheet does not say"
    two = line("households", 2, ("Asia/Shanghai", "Europe/Madrid"))
    assert any(
        "shifts.csv row 2, column start: want a time with offset" in t for t in faults(tmp_path / "b", households=two)
    )
    spain = [text.replace("Asia/Shanghai", "Europe/Madrid") for text in SHEETS["households"]]
    twice = ["household,start,end,by", "h1,2026-10-25 02:30,2026-10-26 12:00,x"]
    said = faults(tmp_path / "c", households=spain, absences=twice)
    assert any("absences.csv row 2, column start: want a time with offset" in text for text in said)


def test_importing_twice_changes_nothing_and_moves_no_version(engine, tmp_path):
    sheets = registry.read(write(tmp_path))
    with engine.begin() as conn:
        before = registry.version(conn)
        changes = registry.apply(sheets, conn, T0)
        assert not changes
        assert changes.lines() == ["nothing: the database already says this"]
        assert registry.version(conn) == before


def test_a_dry_run_says_what_would_change_and_changes_nothing(engine, tmp_path):
    sheets = registry.read(
        write(tmp_path, contacts=SHEETS["contacts"][:-1], workers=line("workers", 1, ("王芳", "王芬")))
    )
    with engine.connect() as conn:
        assert registry.plan(sheets, conn).lines() == [
            "contacts: 0 new, 0 changed, 1 removed",
            "workers: 0 new, 1 changed, 0 removed",
        ]
        assert conn.scalar(select(func.count()).select_from(schema.contacts)) == 3


def test_a_removed_person_whom_a_case_names_stays_but_is_never_told_again(engine, store, tmp_path):
    case = store.raise_finding(finding(), T0)
    store.act("live", case, Accepted("worker:wang"), T0, "tap-1")
    fill(engine, tmp_path / "a", workers=[w for w in SHEETS["workers"] if not w.startswith("wang,")],
         shifts=line("shifts", 1, ("wang", "li"), (",li,zhao", ",,zhao")))  # fmt: skip
    with engine.connect() as conn:
        assert conn.scalar(select(schema.workers.c.role).where(schema.workers.c.id == "wang")) == "former"
        assert people(conn) == Roster("li", None, "zhao", ("f1", "f2"), ("ops",))
    fill(engine, tmp_path / "b")
    with engine.connect() as conn:
        assert conn.scalar(select(schema.workers.c.role).where(schema.workers.c.id == "wang")) == "worker", "back again"


def test_a_removed_home_with_a_case_keeps_only_what_the_case_needs(engine, store, tmp_path):
    store.raise_finding(finding(), T0)
    kept = {
        name: [row for row in rows if not any(c in ("h1", "r1") for c in row.split(","))]
        for name, rows in SHEETS.items()
    }
    fill(engine, tmp_path, **kept)
    with engine.connect() as conn:
        assert conn.scalars(select(schema.households.c.id)).all() == ["h1", "h2"]
        assert conn.scalars(select(schema.residents.c.id)).all() == ["r2"]
        assert not registry.consented(conn, "h1", "monitor", T0)


def test_an_absence_that_an_outcome_made_survives_an_import(engine, store, tmp_path):
    from alerts.cases import OutcomeRecorded

    case = store.raise_finding(finding(), T0)
    store.act("live", case, OutcomeRecorded("worker:wang", "SAFE_AWAY"), T0, "tap-1")
    fill(engine, tmp_path)
    with engine.connect() as conn:
        assert registry.absent(conn, "h1", T0 + timedelta(hours=23))
        assert not registry.absent(conn, "h1", T0 + timedelta(hours=25))


def test_bindings_say_what_the_wire_does_not_and_whether_anybody_agreed(engine, tmp_path):
    with engine.connect() as conn:
        by_start = {(b.device, b.household): b for b in registry.bindings(conn, T0)}
    assert set(by_start) == {("m1", "h1"), ("m2", "h2"), ("m2", "h1")}
    m2 = by_start["m2", "h2"]
    assert (m2.unit, m2.resolution_l, m2.modulus_l, m2.period_s, m2.zone) == ("m3", 0.1, 99999999.0, 3600, "UTC")
    assert (by_start["m1", "h1"].resolution_l, by_start["m1", "h1"].period_s) == (1.0, 900)
    assert all(b.consented for b in by_start.values())
    fill(engine, tmp_path, consents=line("consents", 1, ("form,", "form,2026-11-01")))
    with engine.connect() as conn:
        assert {b.household: b.consented for b in registry.bindings(conn, T0)} == {"h1": False, "h2": True}
        assert {b.household: b.consented for b in registry.bindings(conn, T0 - timedelta(days=60))} == {
            "h1": True,
            "h2": True,
        }


@pytest.mark.parametrize(
    ("changed", "roster"),
    [
        ({}, Roster("wang", "li", "zhao", ("f1", "f2"), ("ops",))),
        ({"shifts": SHEETS["shifts"][:1]}, Roster(None, None, "zhao", ("f1", "f2"), ("ops",))),
        ({"shifts": [*SHEETS["shifts"], "g1,2026-11-21 07:00,2026-11-21 19:00,li,,"]}, Roster("li", None, "zhao", ("f1", "f2"), ("ops",))),
        ({"shifts": ["area,start,end,owner,backup,lead", "s1,2026-11-21 00:00,2026-11-22 00:00,zhao,,"]}, Roster("zhao", None, "zhao", ("f1", "f2"), ("ops",))),
        ({"consents": [c for c in SHEETS["consents"] if "r1,relative" not in c]}, Roster("wang", "li", "zhao", (), ("ops",))),
        ({"consents": line("consents", 3, ("relative,,", "relative,f2,"))}, Roster("wang", "li", "zhao", ("f2",), ("ops",))),
        ({"consents": [c for c in SHEETS["consents"] if "r1,community" not in c]}, Roster(family=("f1", "f2"), operators=("ops",))),
        ({"contacts": line("contacts", 1, (",1,", ",3,"))}, Roster("wang", "li", "zhao", ("f2", "f1"), ("ops",))),
    ],
    ids=["on shift", "nobody on shift", "the shift that began last", "a shift further up", "family not agreed to",
         "one of the family agreed to", "community not agreed to", "the order the resident chose"],
)  # fmt: skip
def test_the_roster_is_who_stands_there_now_and_may_be_told(engine, tmp_path, changed, roster):
    fill(engine, tmp_path, **changed)
    with engine.connect() as conn:
        assert people(conn) == roster


def people(conn):
    """Return who stands on the ladder of the first home, without where and when that is."""
    found = registry.roster(conn, "h1", T0)
    assert (found.areas, found.minute, str(found.zone)) == (("g1", "c1", "s1"), 9 * 60, "Asia/Shanghai")
    return replace(found, areas=(), minute=720, zone=UTC, loads={})


def test_duty_telephones_stand_on_the_ladder_of_all_homes_below_their_area(engine, tmp_path):
    fill(engine, tmp_path, workers=[*SHEETS["workers"], "d1,街道值班电话,duty,s1,email,duty@example.org"])
    with engine.connect() as conn:
        assert registry.roster(conn, "h1", T0).duty == ("d1",)


def test_what_people_have_on_hand_is_counted(engine, store, tmp_path):
    first, second = (store.raise_finding(finding(f"f-{home}", "red", household=home), T0) for home in ("h1", "h2"))
    store.act("live", first, Accepted("worker:wang"), T0, "tap-1")
    with engine.connect() as conn:
        soon = registry.roster(conn, "h2", T0 + timedelta(minutes=59)).loads["wang"]
        later = registry.roster(conn, "h2", T0 + timedelta(minutes=61)).loads["wang"]
    assert (soon, later) == (Load(1, 0, 2), Load(1, 0, 0))
    assert second is not None
