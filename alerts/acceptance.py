"""What a community says for itself before it goes live, in the audit chain: who accepted, who sat at the table, and when."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, select

from alerts import audit
from alerts.go_live import Checklist
from alerts.go_live_facts import Entry
from alerts.schema import audit as chain

KIND = "go_live"
Did = Literal["accepted", "signed"]


def accept(conn: Connection, checklist: Checklist, by: str, now: datetime) -> None:
    """Note that the community accepts what it will use: who said so, and what of the list was proved then."""
    proved = [item.key for item in checklist.items if item.state == "green"]
    said = {"proved": proved, "homes": len(checklist.homes)}
    audit.append(conn, now, KIND, by, _about(checklist.area), did="accepted", **said)


def sign(conn: Connection, area: str, workers: Iterable[str], by: str, now: datetime) -> None:
    """Note that these workers sat at a table at which a rehearsal was played through, step by step."""
    audit.append(conn, now, KIND, by, _about(area), did="signed", workers=sorted(workers))


def entries(conn: Connection, of: Collection[str]) -> dict[str, tuple[Entry, ...]]:
    """Return what was written down for communities, by area, in order."""
    found: dict[str, list[Entry]] = {}
    mine = chain.c.kind == KIND, chain.c.about.in_([_about(area) for area in of])
    for row in conn.execute(select(chain).where(*mine).order_by(chain.c.n)):
        said = json.loads(row.data)
        one = Entry(said["did"], row.at, row.actor, frozenset(said.get("workers", ())))
        found.setdefault(row.about.removeprefix("area:"), []).append(one)
    return {area: tuple(some) for area, some in found.items()}


def _about(area: str) -> str:
    return f"area:{area}"
