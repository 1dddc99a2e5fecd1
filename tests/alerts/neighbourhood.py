"""A small registry for tests: one community, two homes, a ladder of three, and what it looks like as sheets."""

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select

from alerts import drill_runs, registry, schema
from alerts.drill_runs import Plan
from alerts.store import NewArea, NewFinding

T0 = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
"""When tests begin: 09:00 in Shanghai."""

SHEETS: Mapping[str, Sequence[str]] = {
    "areas": ["id,parent,kind,name", "s1,,street,安和街道", "c1,s1,community,安和社区", "g1,c1,grid,第三网格"],
    "households": [
        "id,area,building,riser,floor,door,tz",
        "h1,g1,安和里 2 栋,1,3,301,Asia/Shanghai",
        "h2,g1,安和里 2 栋,1,4,402,Asia/Shanghai",
    ],
    "residents": [
        "id,household,name,phone,risk,risk_until",
        "r1,h1,李秀英,0755-0000-0001,,",
        "r2,h2,王建国,,fall,2027-01-01",
    ],
    "consents": [
        "resident,purpose,recipient,version,given_at,given_by,evidence,withdrawn_at",
        *(
            f"{r},{purpose},,1,2026-01-01T08:00+08:00,resident,form,"
            for r in ("r1", "r2")
            for purpose in ("monitor", "community", "relative")
        ),
    ],
    "contacts": [
        "id,resident,name,order,channel,address",
        "f1,r1,女儿,1,email,daughter@example.org",
        "f2,r1,儿子,2,email,son@example.org",
        "f3,r2,女儿,1,email,other@example.org",
    ],
    "workers": [
        "id,name,role,area,channel,address",
        "wang,王芳,worker,g1,email,wang@example.org",
        "li,李强,worker,g1,email,li@example.org",
        "zhao,赵敏,lead,c1,email,zhao@example.org",
        "ops,值班台,operator,s1,email,ops@example.org",
    ],
    "shifts": [
        "area,start,end,owner,backup,lead",
        "g1,2026-11-01 08:00,2026-12-01 08:00,wang,li,zhao",
    ],
    "devices": [
        "id,format,household,from,to,unit,litres_per_pulse,resolution_l,modulus,period,zone",
        "m1,native,h1,2026-01-01 00:00,2026-06-01T00:00Z,,,1,,PT15M,",
        "m2,wmbusmeters,h2,2026-01-01T00:00Z,2026-06-01T00:00Z,m3,,0.1,99999999,3600,UTC",
        "m2,wmbusmeters,h1,2026-06-01T00:00Z,,m3,,0.1,99999999,3600,UTC",
    ],
    "absences": ["household,start,end,by"],
}


def write(folder: Path, **changed: Sequence[str]) -> Path:
    """Write the sheets, some of them replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in {**SHEETS, **changed}.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def fill(engine: Engine, folder: Path, **changed: Sequence[str]) -> None:
    """Import the sheets."""
    sheets = registry.read(write(folder, **changed))
    with engine.begin() as conn:
        registry.apply(sheets, conn, T0)


def cells(line: str) -> list[str]:
    """Return one line's cells."""
    return next(csv.reader([line]))


def finding(
    name: str = "f-1",
    severity: str = "red",
    *,
    household: str = "h1",
    kind: str = "quiet",
    at: datetime = T0,
    **other: Any,
) -> NewFinding:
    """Return a finding raised at `at`, begun 14 hours before."""
    values: dict[str, Any] = {"realm": "live", "reason": "quiet", "evidence": {"quiet_s": 50400.0}} | other
    return NewFinding(
        id=name,
        household=household,
        kind=kind,
        severity=severity,
        onset=at - timedelta(hours=14),
        raised_at=at,
        **values,
    )


def cut(
    name: str = "cut",
    *,
    at: datetime = T0,
    kind: str = "water_outage",
    homes: Sequence[str] = ("h1", "h2"),
    **other: Any,
) -> NewArea:
    """Return an area event that began an hour before it was noticed `at`."""
    counted = "homes" if kind == "water_outage" else "meters"
    values: dict[str, Any] = {
        "realm": "live", "zone_kind": "building" if kind == "water_outage" else "gateway", "zone": "安和里 2 栋",
        "building": "安和里 2 栋", "area": "g1", "onset": at - timedelta(hours=1), "raised_at": at, "reason": kind,
        "evidence": {f"silent_{counted}": 9, f"of_{counted}": 10, "since_at": at.timestamp() - 3600},
    } | other  # fmt: skip
    return NewArea(id=name, kind=kind, households=homes, **values)


def notices(engine: Engine) -> list[Any]:
    """Return every owed notice as rows, in order of writing."""
    n = schema.notices.c
    with engine.connect() as conn:
        return list(
            conn.execute(select(schema.notices).order_by(n.created_at, n.recipient_kind, n.recipient, n.template))
        )


EVERYBODY = (
    "worker:wang", "worker:li", "worker:zhao", "operator:ops", "contact:f1", "contact:f2", "contact:f3",
)  # fmt: skip


def rehearse(
    engine: Engine,
    homes: Sequence[str] = ("h1", "h2"),
    people: Sequence[str] = EVERYBODY,
    now: datetime = T0,
    **other: Any,
) -> str:
    """Begin a live rehearsal with real homes and people, an hour long; return its id."""
    values: dict[str, Any] = {"drill": "fall_at_night", "kind": "live", "lasts": timedelta(hours=1)} | other
    plan = Plan(homes={f"home {home}": home for home in homes}, people=people, **values)
    with engine.begin() as conn:
        return drill_runs.start(conn, plan, now, "operator:ops")


def delivered(engine: Engine, now: datetime) -> None:
    """Count every pending notice as handed to a provider: its recipient has been told."""
    n = schema.notices
    with engine.begin() as conn:
        for row in conn.execute(select(n).where(n.c.state == "pending", n.c.due_at <= now)).all():
            conn.execute(
                n.update().where(n.c.realm == row.realm, n.c.id == row.id).values(state="accepted", attempts=1)
            )
            conn.execute(
                insert(schema.attempts).values(realm=row.realm, notice=row.id, started_at=now, result="accepted")
            )
