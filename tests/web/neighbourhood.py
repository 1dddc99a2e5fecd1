"""A small neighbourhood for the pages: registry rows, hand-made readings, cases raised through the real store."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, insert

from alerts import database, schema
from alerts.store import NewFinding
from alerts.web.ports import Budget, Day, Drawn, Fitted, Heard, Lack, Meter, Served, Water
from detectors.findings import Severity

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 18, 10, 40, tzinfo=ZONE).astimezone(UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

# household: (area, building, riser, floor, door, resident, phone, risk)
HOMES = {
    "h1": ("grid-1", "幸福里 3 号楼", "2", "5", "502", "陈秀英", "021 5550 0101", "耳背，请用力敲门"),
    "h2": ("grid-1", "幸福里 3 号楼", "1 单元", "2", "201", "周国强", "021 5550 0102", None),
    "h3": ("grid-1", "幸福里 5 号楼", None, "1", "101", "吴桂兰", None, None),
    "h4": ("grid-1", "幸福里 5 号楼", None, "6", "603", "郑德明", "021 5550 0104", None),
    "h5": ("grid-2", "滨河路 18 弄 7 号", None, "4", "402", "孙玉珍", "021 5550 0105", None),
}
WORKERS = {
    "w1": ("王丽", "worker", "grid-1"),
    "w2": ("李敏", "worker", "grid-2"),
    "w3": ("赵刚", "lead", "community"),
    "w9": ("值班室", "operator", "community"),
}


def register(conn: Connection) -> None:
    """Write homes, people, shifts, devices and consents."""
    conn.execute(
        insert(schema.areas),
        [
            {"id": "community", "parent": None, "kind": "community", "name": "幸福里社区"},
            {"id": "grid-1", "parent": "community", "kind": "grid", "name": "第一网格"},
            {"id": "grid-2", "parent": "community", "kind": "grid", "name": "第二网格"},
            {"id": "elsewhere", "parent": None, "kind": "community", "name": "东风社区"},
        ],
    )
    conn.execute(
        insert(schema.workers),
        [
            {"id": key, "name": name, "role": role, "area": area, "channel": "email", "address": f"{key}@example.org"}
            for key, (name, role, area) in WORKERS.items()
        ],
    )
    conn.execute(
        insert(schema.workers).values(
            id="w5", name="何远", role="worker", area="elsewhere", channel="email", address="w5@example.org"
        )
    )
    for n, (home, row) in enumerate(HOMES.items(), 1):
        _home(conn, n, home, *row)
    conn.execute(
        insert(schema.shifts).values(
            area="grid-1",
            start=NOW - timedelta(hours=3),
            end=NOW + timedelta(hours=6),
            owner="w1",
            backup="w2",
            lead="w3",
        )
    )


def _home(conn, n, home, area, building, riser, floor, door, name, phone, risk):
    conn.execute(
        insert(schema.households).values(
            id=home, area=area, building=building, riser=riser, floor=floor, door=door, tz="Asia/Shanghai"
        )
    )
    conn.execute(insert(schema.residents).values(id=f"r{n}", household=home, name=name, phone=phone, risk=risk))
    conn.execute(
        insert(schema.contacts).values(
            id=f"c{n}", resident=f"r{n}", name=f"家属{n}", position=1, channel="email", address=f"c{n}@example.org"
        )
    )
    for purpose in ("monitor", "community", "relative"):
        conn.execute(
            insert(schema.consents).values(
                resident=f"r{n}", purpose=purpose, recipient="", version="1", given_at=LONG_AGO, given_by=name
            )
        )
    conn.execute(
        insert(schema.devices).values(
            id=f"m{n}", format="native", household=home, valid_from=LONG_AGO, resolution_l=1.0, period_s=3600,
            zone="Asia/Shanghai",
        )
    )  # fmt: skip


def morning_person(today: date, until: datetime, quiet_today: bool, gap: bool = False) -> list[Day]:
    """Seven days of somebody who rises at seven; today nothing, or the same; one night unknown if `gap`."""
    rows = []
    for back in range(6, -1, -1):
        day = today - timedelta(days=back)
        litres: list[float | None] = [0.0] * 96
        shift = (back * 7) % 3
        for quarter, drawn in (
            (28 + shift, 9.0),
            (30, 4.0),
            (47, 12.0),
            (49, 3.0),
            (71, 18.0),
            (73, 6.0),
            (84, 38.0),
            (87, 5.0),
        ):
            litres[quarter] = drawn
        litres[11 + shift] = 4.0
        if gap and back == 2:
            litres[52:76] = [None] * 24
        if back == 0:
            if quiet_today:
                litres = [0.0] * 96
            known = int((until.astimezone(ZONE) - datetime.combine(today, time(), ZONE)).total_seconds() // 900)
            litres[known:] = [None] * (96 - known)
        rows.append(Day(day, tuple(litres)))
    return rows


SERVED = Served(
    median_s=8 * 3600.0, late_s=13 * 3600.0, own_level=0.0, well=0, irregular=False, asked_a_month=0.8, empty_p=0.0
)


@dataclass
class HandMade:
    """Readings that a test sets by hand."""

    waters: Mapping[str, Water] = field(default_factory=dict)
    weeks: Mapping[str, list[Day]] = field(default_factory=dict)
    fitted: list[Meter] = field(default_factory=list)
    serving: dict[str, Served] = field(default_factory=dict)
    kept: Budget | None = None

    def days(self, household: str, now: datetime, count: int = 7) -> list[Day]:
        today = now.astimezone(ZONE).date()
        week = self.weeks.get(household) or morning_person(today, now - timedelta(minutes=25), quiet_today=False)
        earlier = [Day(week[0].date - timedelta(days=back), week[0].litres) for back in range(count - len(week), 0, -1)]
        return [*earlier, *week][-count:]

    def water(self, household: str, now: datetime) -> Water:
        return self.waters.get(household) or water(now, used=now - timedelta(hours=1))

    def served(self, household: str, now: datetime) -> Served | None:
        return self.serving.get(household, SERVED)

    def irregular(self) -> tuple[str, ...]:
        return tuple(home for home, one in self.serving.items() if one.irregular)

    def budget(self, now: datetime) -> Budget | None:
        return self.kept

    def meters(self, now: datetime) -> list[Meter]:
        return self.fitted or [meter(home, f"m{n}", now) for n, home in enumerate(HOMES, 1)]


@dataclass
class HandFitted:
    """What is known of devices, set by hand."""

    known: dict[str, Fitted] = field(default_factory=dict)
    told: dict[str, Drawn] = field(default_factory=dict)
    heard: list[tuple[str, Heard]] = field(default_factory=list)

    def device(self, device: str, now: datetime) -> Fitted:
        nobody = Fitted(device, None, None, (), (), (Lack("unknown", True, {"format": "?"}),), None)
        return self.known.get(device, nobody)

    def drawn(self, device: str, since: datetime) -> Drawn | None:
        return self.told.get(device)

    def others(self, device: str, since: datetime) -> list[str]:
        return [other for other, told in self.told.items() if other != device and told.litres > 0]

    def strangers(self) -> list[tuple[str, Heard]]:
        return self.heard


def meter(home: str, device: str, now: datetime, **other: Any) -> Meter:
    """Return how well a meter is heard: ten minutes ago, and nearly everything, unless said otherwise."""
    usual = {
        "format": "native", "gateway": None, "period_s": 3600.0, "resolution_l": 1.0,
        "heard_at": now - timedelta(minutes=10), "battery_percent": 90.0, "share_24h": 1.0, "share_7d": 0.98,
    }  # fmt: skip
    return Meter(home, device, **usual | other)


def water(now: datetime, used: datetime | None, known_until: datetime | None = None) -> Water:
    """Return what the meter lets us know, heard ten minutes ago."""
    return Water(
        last_use_at=used,
        heard_at=now - timedelta(minutes=10),
        known_until=known_until or now - timedelta(minutes=25),
        usual_first_use_s=(6.5 * 3600, 7 * 3600 + 40 * 60),
        first_uses=(),
    )


def quiet(household: str, severity: Severity = "red", at: datetime = NOW, name: str = "") -> NewFinding:
    """Return what the detector says of a home that used no water this morning."""
    last = at - timedelta(hours=13, minutes=20)
    evidence = {
        "quiet_s": 48000.0, "last_use_at": last.timestamp(), "usual_s": 39600.0, "score": 2.7, "history_days": 56,
        "usual_return_at": (last + timedelta(hours=11)).timestamp(), "heard_at": (at - timedelta(minutes=10)).timestamp(),
        "known_until_at": (at - timedelta(minutes=25)).timestamp(),
    }  # fmt: skip
    key = name or f"{household}-quiet-{severity}"
    return NewFinding(key, "live", household, "quiet", severity, last, at, "quiet", evidence)


def meter_silent(household: str, at: datetime = NOW) -> NewFinding:
    """Return what the detector says of a meter that is not heard."""
    since = at - timedelta(hours=5)
    evidence = {"silent_s": 18000.0, "heard_at": since.timestamp(), "limit_s": 10800.0, "period_s": 3600.0}
    return NewFinding(
        f"{household}-silent", "live", household, "meter_silent", "blue", since, at, "meter_silent", evidence
    )


@contextmanager
def opened(folder: Path) -> Iterator[Engine]:
    """Open the database in `folder`, which is up to date."""
    engine = database.connect(folder / "people.sqlite")
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def registered(folder: Path) -> Iterator[Engine]:
    """Open a new database with the neighbourhood in it."""
    database.open(folder / "people.sqlite").dispose()
    with opened(folder) as engine:
        with engine.begin() as conn:
            register(conn)
        yield engine
