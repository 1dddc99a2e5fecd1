import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, insert, select

from alerts import access, schema, texts
from alerts.events import Accepted, Tap
from alerts.policy import Policy
from alerts.store import Store
from alerts.web import Settings
from alerts.web.app import create
from alerts.web.live import Hub
from alerts.web.ports import Check, Health
from alerts.web.site import SESSION_COOKIES
from tests.web import buildings, neighbourhood

BASE = "http://pages.test"
WELL = Health((Check("broker", True), Check("store", True)), {"stored": 12, "rejected": 1})


@pytest.fixture(scope="session")
def catalogues() -> texts.Texts:
    return texts.load()


@dataclass
class Visitor:
    """A browser without a browser: keeps cookies, sends posts as a page of ours does."""

    app: FastAPI
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._ask("GET", path, headers)

    def post(self, path: str, headers: dict[str, str] | None = None, **form: str) -> httpx.Response:
        return self._ask("POST", path, {"origin": BASE} if headers is None else headers, form)

    def _ask(
        self, method: str, path: str, headers: dict[str, str], form: dict[str, str] | None = None
    ) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=BASE, cookies=self.cookies) as client:
                answer = await client.request(method, path, headers=headers, data=form)
                self.cookies.update(answer.cookies)
                return answer

        return asyncio.run(ask())


@dataclass
class Community:
    """The neighbourhood with its pages and a clock that tests turn by hand."""

    engine: Engine
    store: Store
    readings: neighbourhood.HandMade
    app: FastAPI
    hub: Hub
    fitting: neighbourhood.HandFitted
    now: datetime = neighbourhood.NOW
    health: Health = WELL

    def visitor(self, role: access.Role | None = None, person: str = "", lang: str = "zh_CN") -> Visitor:
        cookies = {"lang": lang}
        if role is not None:
            with self.engine.begin() as conn:
                cookies[SESSION_COOKIES[role]] = access.new_session(conn, role, person, self.now).token
        return Visitor(self.app, cookies)

    def link(self, role: access.Role, person: str, goto: str, life: timedelta = timedelta(minutes=30)) -> str:
        with self.engine.begin() as conn:
            return access.new_link(conn, role, person, goto, self.now, life)

    def red(self, household: str) -> str:
        case = self.store.raise_finding(neighbourhood.quiet(household, "red", self.now), self.now)
        assert case is not None
        return case

    def amber(self, household: str) -> str:
        case = self.store.raise_finding(neighbourhood.quiet(household, "amber", self.now), self.now)
        assert case is not None
        return case

    def tap(self, case: str, event: Tap) -> None:
        assert self.store.act("live", case, event, self.now, f"{event}{self.now}").done

    def accepted(self, household: str, worker: str = "w1") -> str:
        case = self.red(household)
        self.tap(case, Accepted(f"worker:{worker}"))
        return case

    def state(self, case: str) -> str:
        with self.engine.connect() as conn:
            return conn.scalars(select(schema.cases.c.state).where(schema.cases.c.id == case)).one()

    def later(self, **step: float) -> None:
        self.now += timedelta(**step)


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database with the neighbourhood in it, to be copied by each test."""
    folder = tmp_path_factory.mktemp("people")
    with neighbourhood.registered(folder):
        pass
    return folder / "people.sqlite"


@contextmanager
def settled(folder: Path, catalogues: texts.Texts) -> Iterator[Community]:
    """Open the pages on the database in `folder`."""
    with neighbourhood.opened(folder) as engine:
        made: list[Community] = []
        hub = Hub(engine, lambda: made[0].now if made else neighbourhood.NOW)
        store, readings = Store(engine, Policy(), hub.changed), neighbourhood.HandMade()
        fitting = neighbourhood.HandFitted()
        app = create(
            store,
            engine,
            readings,
            catalogues,
            Settings(base_url=BASE, duty_phone="021 5550 0000"),
            lambda: made[0].now,
            lambda: made[0].health,
            hub,
            fitting=fitting,
        )
        made.append(Community(engine, store, readings, app, hub, fitting))
        yield made[0]
        hub.close()


@pytest.fixture
def community(tmp_path: Path, people: Path, catalogues: texts.Texts) -> Iterator[Community]:
    shutil.copy(people, tmp_path / "people.sqlite")
    with settled(tmp_path, catalogues) as community:
        yield community


@pytest.fixture(scope="session")
def busy(
    tmp_path_factory: pytest.TempPathFactory, people: Path, catalogues: texts.Texts
) -> tuple[Path, dict[str, str]]:
    """The database of three buildings with everything going on, to be copied, and the cases by home."""
    folder = tmp_path_factory.mktemp("busy")
    shutil.copy(people, folder / "people.sqlite")
    with settled(folder, catalogues) as community:
        cases = buildings.everything(community)
    return folder / "people.sqlite", cases


@pytest.fixture
def quarter(
    tmp_path: Path, busy: tuple[Path, dict[str, str]], catalogues: texts.Texts
) -> Iterator[tuple[Community, dict[str, str]]]:
    """The neighbourhood with three buildings more, in which everything goes on at once, and its cases by home."""
    file, cases = busy
    shutil.copy(file, tmp_path / "people.sqlite")
    with settled(tmp_path, catalogues) as community:
        community.readings.fitted = list(buildings.meters(community.now))
        vars(community.fitting).update(vars(buildings.fitting(community.now)))
        yield community, cases


@pytest.fixture
def played(community):
    """The community with an area for drills: a home, its relative, and one who is on shift there."""
    now, s = community.now, schema
    with community.engine.begin() as conn:
        conn.execute(insert(s.areas).values(id="dr", kind="drill", name="演练区"))
        home = {"id": "v1", "area": "dr", "building": "演练楼", "door": "101", "tz": "Asia/Shanghai"}
        conn.execute(insert(s.households).values(**home))
        conn.execute(insert(s.residents).values(id="rv", household="v1", name="演练一"))
        for purpose in ("monitor", "community", "relative"):
            given = {"purpose": purpose, "version": "1", "given_at": now - timedelta(days=1), "given_by": "resident"}
            conn.execute(insert(s.consents).values(resident="rv", recipient="", **given))
        who = {
            "id": "vw",
            "name": "演练员",
            "role": "worker",
            "area": "dr",
            "channel": "email",
            "address": "vw@example.org",
        }
        conn.execute(insert(s.workers).values(**who))
        shift = {"area": "dr", "start": now - timedelta(hours=1), "end": now + timedelta(hours=8), "owner": "vw"}
        conn.execute(insert(s.shifts).values(**shift))
    return community
