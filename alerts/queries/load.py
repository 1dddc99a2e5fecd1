"""How much each worker has on their hands now: what they hold, what waits for their answer, what came this hour."""

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, select

from alerts.queries.duty import Duty
from alerts.queries.models import SEVERITIES
from alerts.queries.points import BadPoint, bad_workers
from alerts.registry import realms
from alerts.schema import cases, offers

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Load:
    """One worker; counts are (red, amber)."""

    id: str
    name: str
    role: str
    parts: tuple[tuple[str, str], ...]
    """What they are on shift for now: (owner, backup or lead; name of the area)."""
    held: tuple[int, int]
    """Open cases that they accepted."""
    offered: tuple[int, int]
    """Open cases that wait for their answer."""
    last_hour: int
    """Offers they got within the last hour, whatever became of them."""
    bad: tuple[BadPoint, ...] = ()
    """Ways to tell them by which nobody is reached."""

    @property
    def busy(self) -> int:
        """How much there is to do, for the order of the list."""
        return sum(self.held) + sum(self.offered)


def loads(conn: Connection, on: Duty, now: datetime) -> tuple[Load, ...]:
    """Return everybody who is on shift now or has something open, who has most first."""
    held = _counts(
        conn.execute(
            select(cases.c.owner, cases.c.severity, func.count())
            .where(cases.c.realm == "live", cases.c.closed_at.is_(None), cases.c.owner.is_not(None))
            .group_by(cases.c.owner, cases.c.severity)
        )
    )
    offered = _counts(
        conn.execute(
            select(offers.c.worker, cases.c.severity, func.count())
            .join(cases, and_(cases.c.realm == offers.c.realm, cases.c.id == offers.c.case_id))
            .where(offers.c.realm == "live", offers.c.state == "offered", cases.c.closed_at.is_(None))
            .group_by(offers.c.worker, cases.c.severity)
        )
    )
    recent: Counter[str] = Counter()
    lately = select(offers.c.worker, func.count()).where(offers.c.realm == "live", offers.c.offered_at > now - HOUR)
    for worker, count in conn.execute(lately.group_by(offers.c.worker)):
        recent[worker] = count
    parts, bad = _parts(on, realms.areas_of_drills(conn)), bad_workers(conn)
    shown = parts.keys() | {worker for worker, _ in held} | {worker for worker, _ in offered}
    rows = [
        Load(
            who, on.names.get(who, who), on.roles.get(who, "worker"), tuple(parts.get(who, ())),
            _pair(held, who), _pair(offered, who), recent[who], bad.get(who, ()),
        )
        for who in shown
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda load: (-load.busy, -load.last_hour, load.id)))


def _counts(rows: Iterable[tuple[str, str, int]]) -> Counter[tuple[str, str]]:
    return Counter({(worker, severity): count for worker, severity, count in rows})


def _pair(counts: Counter[tuple[str, str]], worker: str) -> tuple[int, int]:
    red, amber, _ = (counts[worker, severity] for severity in SEVERITIES)
    return red, amber


def _parts(on: Duty, played: Container[str]) -> dict[str, list[tuple[str, str]]]:
    parts: dict[str, list[tuple[str, str]]] = {}
    for area, ladder in on.shifts.items():
        if area in played:
            continue
        for part, worker in ladder._asdict().items():
            if worker is not None:
                parts.setdefault(worker, []).append((part, on.area_names.get(area, area)))
    return parts
