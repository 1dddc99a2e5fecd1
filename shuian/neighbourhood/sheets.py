"""The demo's registry, as the .csv sheets that `shuian import` reads."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from shuian.neighbourhood import ZONE
from shuian.neighbourhood.drill_area import drill_homes, drill_people
from shuian.neighbourhood.homes import BUILDINGS, HOMES, Home, building_name, told
from shuian.neighbourhood.incidents import left_declared

Sheet = tuple[str, Sequence[Sequence[object]]]
Sheets = Mapping[str, Sheet]
LITRE = 1.0
MODULUS_L = 99_999_999
TRIP = timedelta(days=5)
SHIFTS = {1: ("wang", "li"), 2: ("li", "wang"), 3: ("chen", "li")}
"""Grid -> owner and backup; the lead is one of the community."""


def write_registry(folder: Path, start: datetime, http_port: int) -> None:
    """Write the demo's registry; messages to people go to the gateways on `http_port`."""
    since = (start - timedelta(days=90)).isoformat()
    sheets = _people(start, f"http://127.0.0.1:{http_port}/hook") | _homes(since) | _away(start)
    for name, rows in (drill_people(*_shift(start)) | drill_homes(since)).items():
        columns, lived_in = sheets[name]
        sheets[name] = columns, [*lived_in, *rows]
    write_sheets(folder, sheets)


def write_sheets(folder: Path, sheets: Sheets) -> None:
    """Write a registry, a file a sheet: name -> (columns, rows)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (columns, rows) in sheets.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as f:
            writer = csv.writer(f)
            writer.writerow(columns.split(","))
            writer.writerows(rows)


def _people(start: datetime, hook: str) -> dict[str, Sheet]:
    first, last = _shift(start)
    grids = [(f"g{n}", "c1", "grid", f"安和第{'一二三'[n - 1]}网格") for n in BUILDINGS]
    return {
        "areas": (
            "id,parent,kind,name",
            [
                ("d1", "", "district", "演示区"),
                ("s1", "d1", "street", "安和街道"),
                ("c1", "s1", "community", "安和社区"),
                *grids,
            ],
        ),
        "workers": (
            "id,name,role,area,channel,address",
            [
                ("wang", "王芳", "worker", "g1", "webhook", f"{hook}/wang"),
                ("li", "李强", "worker", "g2", "email", "li@demo.invalid"),
                ("chen", "陈伟", "worker", "g3", "webhook", f"{hook}/chen"),
                ("zhao", "赵敏", "lead", "c1", "email", "zhao@demo.invalid"),
                ("ops", "孙丽", "operator", "s1", "email", "ops@demo.invalid"),
            ],
        ),
        "shifts": (
            "area,start,end,owner,backup,lead",
            [(f"g{n}", first, last, owner, backup, "zhao") for n, (owner, backup) in SHIFTS.items()],
        ),
    }


def _shift(start: datetime) -> tuple[str, str]:
    """Return when the one shift of the demo begins and ends."""
    return (start - timedelta(days=1)).isoformat(), (start + timedelta(days=400)).isoformat()


def _homes(since: str) -> dict[str, Sheet]:
    consents = [
        (f"r-{h.place}", purpose, "", "1", since, "resident", "demo", "")
        for h in HOMES
        for purpose in ("monitor", "community", "relative")
    ]
    contacts = [
        (f"f-{h.place}", f"r-{h.place}", f"{h.resident[0]}家女儿", 1, "email", f"family-{h.place}@demo.invalid")
        for h in HOMES
    ]
    return {
        "households": (
            "id,area,building,riser,floor,door,tz",
            [(h.id, f"g{h.building}", building_name(h.building), h.riser, h.floor, h.door, ZONE.key) for h in HOMES],
        ),
        "residents": (
            "id,household,name,phone,risk,risk_until",
            [(f"r-{h.place}", h.id, h.resident, f"0755-000{h.building}-{int(h.door):04d}", "", "") for h in HOMES],
        ),
        "consents": ("resident,purpose,recipient,version,given_at,given_by,evidence,withdrawn_at", consents),
        "contacts": ("id,resident,name,order,channel,address", contacts),
        "devices": (
            "id,format,household,from,to,unit,litres_per_pulse,resolution_l,modulus,period,zone,gateway",
            [row for home in HOMES for row in _devices(home, since)],
        ),
    }


def _devices(home: Home, since: str) -> Iterable[tuple[object, ...]]:
    unit = "L" if home.format == "zigbee2mqtt" else ""
    yield (
        home.device, home.format, home.id, since, "", unit, "", LITRE, MODULUS_L, home.period_s, "UTC", home.gateway,
    )  # fmt: skip
    for kind in home.sensors:  # no register: no resolution
        yield home.sensor(kind), "zigbee2mqtt", home.id, since, "", "", "", "", "", 3600, "", home.gateway


def _away(start: datetime) -> dict[str, Sheet]:
    home, left = told("declared"), left_declared(start)
    row = (home.id, left.isoformat(), (left + TRIP).isoformat(), f"contact:f-{home.place}")
    return {"absences": ("household,start,end,by", [row])}
