"""`shuian export --resident` and `shuian forget`: everything about one person, in a folder of files, or gone."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from alerts import audit, database, rights
from alerts.errors import BadConsent
from alerts.policy import Policy
from alerts.schema import devices
from ingest import erasure
from ingest.influx_dialects import InfluxSettings
from shuian import mirror
from shuian.errors import BadInput
from shuian.service import only_one

READING_COLUMNS = ("device", "quantity", "measured_at", "value", "received_at", "flags")
SNAPSHOTS = "detect*.npz"
NOT_REACHED = [
    "backups, and copies exported before",
    "messages that wait or are retained at the broker, and the device's account there: shuian broker-config, then reload it",
    "what other programs took from here: InfluxDB, mailboxes, logs of gateways",
    "blocks that the disk keeps after a file was deleted (snapshots of the file system, worn cells of an SSD)",
]
"""What `forget` cannot delete, and says so in its proof."""
"""The detectors' habits, and a copy that was put aside because it could not be read."""


def copy(engine: Engine, folder: Path, resident: str, to: Path) -> str:
    """Write everything about a resident to the new folder `to`; return what was written, in one line.

    Raises
    ------
    BadInput
        There is no such resident, or `to` is there already.
    """
    if to.exists():
        raise BadInput(f"{to} is there already", "name a new folder")
    now = datetime.now(UTC)
    with engine.begin() as conn:
        who = _who(conn, resident)
        tables = rights.everything(conn, who)
        spans = _spans(conn, who.household)
        audit.append(conn, now, "copied", "cli", f"resident:{resident}", tables=len(tables))
    to.mkdir(mode=0o700, parents=True)
    whole = {"resident": resident, "household": who.household, "at": now.isoformat(), "tables": tables}
    (to / "everything.json").write_text(json.dumps(whole, ensure_ascii=False, indent=1), "utf-8")
    for name, rows in tables.items():
        _csv(to / f"{name}.csv", list(rows[0]), ([_cell(row[k]) for k in rows[0]] for row in rows))
    number = _csv(to / "readings.csv", READING_COLUMNS, map(_reading, erasure.readings(folder / "readings", spans)))
    return f"{sum(map(len, tables.values()))} rows of {len(tables)} tables and {number} readings"


def forget(
    engine: Engine, folder: Path, resident: str, policy: Policy, influx: InfluxSettings | None = None
) -> dict[str, Any]:
    """Forget a resident, with the service stopped; return the sealed proof.

    Raises
    ------
    BadInput
        There is no such resident, or a case of the household is open.
    Trouble
        The service runs on this folder.
    """
    now = datetime.now(UTC)
    with only_one(folder):
        with engine.connect() as conn:
            if conn.dialect.name == "sqlite":
                conn.execute(text("PRAGMA secure_delete = ON"))
                conn.commit()
            who, spans = _who(conn, resident), []
            if who.alone:
                spans = _spans(conn, who.household)
            conn.rollback()
            try:
                with conn.begin():
                    proof = rights.forget(conn, who, now, policy, "cli")
                    mirror.forget(influx, folder, spans, now)  # owed before it is done here
            except BadConsent as wrong:
                raise BadInput(str(wrong), "see the operator's page of consents, then try again") from None
        proof["files"] = erasure.erase(folder / "readings", spans) if spans else {}
        proof["influx"] = mirror.settle(influx, folder)
        habits = list(folder.glob(SNAPSHOTS)) if who.alone else []
        for file in habits:  # of every home, this one's among them
            file.unlink()
        if habits:
            proof["files"]["habits"] = "learnt anew from the stored readings of all others at the next start"
        proof["not reached"] = NOT_REACHED
        _rewrite(engine)
        with database.reading(engine).connect() as conn:
            return rights.sealed(proof, audit.head(conn, now))


def _who(conn: Connection, resident: str) -> rights.Somebody:
    try:
        return rights.somebody(conn, resident)
    except BadConsent as wrong:
        raise BadInput(str(wrong), "residents and their ids: shuian export registry.xlsx") from None


def _spans(conn: Connection, household: str) -> list[erasure.Span]:
    """Return which devices told of a household, and when.

    A device that was never anybody else's is this household's from its first message on: what it said before it stood in
    the registry lies in quarantine, what it says after it was taken out too.
    """
    d = devices.c
    rows = conn.execute(select(d.id, d.household, d.valid_from, d.valid_to).order_by(d.id, d.valid_from)).all()
    spans = []
    for before, row, after in zip([None, *rows[:-1]], rows, [*rows[1:], None], strict=True):
        if row.household != household:
            continue
        start = _ms(before.valid_to) if before is not None and before.id == row.id and before.valid_to else 0
        end = _ms(after.valid_from) if after is not None and after.id == row.id else erasure.FOR_EVER_MS
        spans.append(erasure.Span(row.id, start, end))
    return spans


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _reading(row: erasure.Row) -> Sequence[Any]:
    at = (datetime.fromtimestamp(ms / 1000, UTC).isoformat() for ms in (row[2], row[4]))
    return row[0], row[1], next(at), row[3], next(at), row[5]


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping | list) else value


def _csv(file: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write one table; return how many rows it has."""
    number = 0
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow(row)
            number += 1
    return number


def _rewrite(engine: Engine) -> None:
    """Write the file anew, so that nothing is left where rows were."""
    if engine.dialect.name != "sqlite":
        return
    raw = engine.raw_connection()
    try:
        driver: Any = raw.driver_connection
        driver.execute("VACUUM")
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()
