"""A registry of any size for what is measured of cases and notices alone: homes, one relative each, workers, an operator."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, insert

from alerts import database, schema
from alerts.store import NewFinding


def filled(
    file: Path, homes: int, grids: int, now: datetime, staff: tuple[str, str], family: tuple[str, str]
) -> Engine:
    """Return an engine on a new database; `staff` and `family` are channel and address, with ``{n}`` for the person."""
    engine = database.open(file)
    start, end = now - timedelta(days=30), now + timedelta(days=30)
    workers = [_worker(n, staff) for n in range(2 * grids)]
    workers.append(_worker(2 * grids, staff) | {"id": "ops", "role": "operator", "area": "s"})
    contacts = [
        {"id": f"f{n}", "resident": f"r{n}", "name": f"亲属{n}", "position": 1} | _way(family, n) for n in range(homes)
    ]
    given = {"version": "1", "given_at": start, "given_by": "resident", "recipient": ""}
    rows: Sequence[tuple[Table, list[dict[str, Any]]]] = (
        (schema.areas, [{"id": "s", "kind": "street", "name": "街道", "parent": None}]),
        (schema.areas, [{"id": f"g{n}", "kind": "grid", "name": f"网格{n}", "parent": "s"} for n in range(grids)]),
        (schema.households, [
            {"id": f"h{n}", "area": f"g{n % grids}", "building": f"{n // 40} 栋", "floor": "1", "door": str(n),
             "tz": "Asia/Shanghai"} for n in range(homes)
        ]),
        (schema.residents, [{"id": f"r{n}", "household": f"h{n}", "name": f"老人{n}"} for n in range(homes)]),
        (schema.consents, [
            given | {"resident": f"r{n}", "purpose": purpose}
            for n in range(homes) for purpose in ("monitor", "community", "relative")
        ]),
        (schema.contacts, contacts),
        (schema.workers, workers),
        (schema.shifts, [
            {"area": f"g{n}", "start": start, "end": end, "owner": f"w{2 * n}", "backup": f"w{2 * n + 1}"}
            for n in range(grids)
        ]),
    )  # fmt: skip
    with engine.begin() as conn:
        for table, lines in rows:
            conn.execute(insert(table), lines)
    return engine


def _worker(n: int, staff: tuple[str, str]) -> dict[str, Any]:
    return {"id": f"w{n}", "name": f"网格员{n}", "role": "worker", "area": f"g{n // 2}"} | _way(staff, n)


def _way(way: tuple[str, str], n: int) -> dict[str, str]:
    return {"channel": way[0], "address": way[1].format(n=n)}


def finding(home: int, name: str, at: datetime) -> NewFinding:
    """Return a red finding of a home."""
    evidence = {"quiet_s": 50400.0, "last_use_at": at.timestamp() - 50400, "since_at": at.timestamp() - 50400}
    return NewFinding(
        id=name, household=f"h{home}", kind="quiet", severity="red", onset=at - timedelta(hours=14), raised_at=at,
        realm="live", reason="quiet", evidence=evidence | {"usual_s": 28800.0},
    )  # fmt: skip
