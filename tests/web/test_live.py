"""The stream of changes: who hears what, and that no stream outlives its session, its client or the service."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, update

from alerts import access, schema
from alerts.events import Accepted
from alerts.web.live import MOST_STREAMS
from alerts.web.site import SESSION_COOKIES
from tests.web.neighbourhood import NOW

PAGES = {"worker": "w", "family": "f", "operator": "c"}


class Listener:
    """A client of ``/events`` that speaks ASGI; `gate` shut: it takes no bytes."""

    def __init__(self, community, token: str, role: str, page: str | None = None) -> None:
        self.app, self.status, self.headers, self.body = community.app, 0, {}, b""
        self.gate, self.done, self._left = asyncio.Event(), False, asyncio.Event()
        self.gate.set()
        cookie = f"{SESSION_COOKIES[role]}={token}" if token else ""
        self.scope = {
            "type": "http", "method": "GET", "path": "/events", "raw_path": b"/events", "root_path": "",
            "query_string": f"of={page or PAGES[role]}".encode(), "scheme": "http", "http_version": "1.1",
            "headers": [(b"host", b"pages.test"), (b"cookie", cookie.encode())], "server": ("pages.test", 80),
            "client": ("127.0.0.1", 1),
        }  # fmt: skip

    async def run(self) -> None:
        await self.app(self.scope, self._receive, self._send)
        self.done = True

    async def _receive(self):
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message) -> None:
        await self.gate.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        self.body += message.get("body", b"")

    def leave(self) -> None:
        self._left.set()

    @property
    def events(self) -> list[int]:
        """The numbers of the events, without the first, which every stream begins with."""
        return [int(v) for v in re.findall(rb'^data: \{"v": (\d+)\}$', self.body, re.MULTILINE)][1:]

    @property
    def dismissed(self) -> bool:
        return b"event: bye" in self.body


async def soon(done: Callable[[], object]) -> None:
    """Wait until `done`; fail after three seconds."""
    async with asyncio.timeout(3):
        while not done():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def listening(*listeners: Listener) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        for one in listeners:
            group.create_task(one.run())
            await soon(lambda one=one: one.body or one.done)
        yield
        for one in listeners:
            one.gate.set()
            one.leave()


def session(community, role: str, person: str) -> str:
    with community.engine.begin() as conn:
        return access.new_session(conn, role, person, community.now).token


def client(community, role: str, person: str) -> Listener:
    return Listener(community, session(community, role, person), role)


def run(test: Awaitable[None]) -> None:
    asyncio.run(test)


@pytest.fixture
def quick(community):
    """The neighbourhood with a stream that beats fast."""
    community.hub.beat_s, community.hub.gap_s = 0.1, 0.01
    return community


def test_each_session_hears_of_what_its_pages_may_show(community):
    community.hub.gap_s = 0.01

    async def test():
        own, other, elsewhere = (client(community, "worker", who) for who in ("w1", "w2", "w5"))
        family, neighbours = client(community, "family", "c5"), client(community, "family", "c1")
        operator = client(community, "operator", "w9")
        async with listening(own, other, elsewhere, family, neighbours, operator):
            await asyncio.to_thread(community.red, "h5")  # grid 2: w2 is posted there, w1 is not
            await soon(lambda: other.events and family.events and operator.events)
            assert [one.events for one in (own, elsewhere, neighbours)] == [[], [], []]
            community.hub.changed()
            await soon(lambda: own.events and elsewhere.events and neighbours.events)

    run(test())


def test_an_offer_is_heard_in_another_area(community):
    community.hub.gap_s = 0.01
    case = community.red("h5")
    with community.engine.begin() as conn:
        conn.execute(
            insert(schema.offers).values(
                realm="live", id=f"{case}-1", case_id=case, worker="w5", rung=3, state="offered", offered_at=NOW
            )
        )

    async def test():
        asked, not_asked = client(community, "worker", "w5"), client(community, "worker", "w1")
        async with listening(asked, not_asked):
            await asyncio.to_thread(community.tap, case, Accepted("worker:w2"))
            await soon(lambda: asked.events)
            assert not_asked.events == []

    run(test())


def test_an_event_says_only_that_something_changed(community):
    async def test():
        operator = client(community, "operator", "w9")
        async with listening(operator):
            await asyncio.to_thread(community.red, "h1")
            await soon(lambda: operator.events)
        assert re.fullmatch(rb'retry: 3000\n\n(data: \{"v": \d+\}\n\n|:\n\n)+', operator.body)
        assert operator.status == 200
        assert operator.headers["content-type"].startswith("text/event-stream")
        assert operator.headers["cache-control"] == "no-store"
        assert operator.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in operator.headers
        assert "content-security-policy" in operator.headers

    run(test())


def test_a_slow_client_gets_one_event_and_never_a_backlog(community):
    community.hub.gap_s = 0.0

    async def test():
        slow, quick = client(community, "operator", "w9"), client(community, "operator", "w9")
        async with listening(slow, quick):
            slow.gate.clear()
            for _ in range(60):
                community.hub.changed({"h1"})
                await asyncio.sleep(0.003)
            await soon(lambda: quick.events and quick.events[-1] == community.hub.version)
            slow.gate.set()
            await soon(lambda: slow.events and slow.events[-1] == community.hub.version)
            assert len(slow.events) <= 3  # on its way when it stopped reading, the newest, and at most once more
            assert len(quick.events) > 5

    run(test())


def test_changes_from_many_threads_are_all_told(community):
    community.hub.gap_s = 0.01

    async def test():
        family = client(community, "family", "c1")
        async with listening(family):
            start = community.hub.version
            threads = [threading.Thread(target=community.hub.changed, args=({f"h{1 + n % 2}"},)) for n in range(40)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert community.hub.version == start + 40
            await soon(lambda: family.events and family.events[-1] == community.hub.version)

    run(test())


def test_a_session_that_was_ended_ends_its_stream_at_the_next_beat(quick):
    async def test():
        token = session(quick, "worker", "w1")
        worker = Listener(quick, token, "worker")
        async with listening(worker):
            await soon(lambda: b":\n\n" in worker.body)  # a beat
            with quick.engine.begin() as conn:
                access.end_session(conn, token)
            await soon(lambda: worker.done)
        assert worker.dismissed
        assert quick.hub.open == 0

    run(test())


def test_news_without_a_pause_do_not_keep_an_ended_session_alive(quick):
    async def test():
        operator = client(quick, "operator", "w9")
        async with listening(operator):
            quick.now += timedelta(hours=13)  # the session has run out
            async with asyncio.timeout(3):
                while not operator.done:
                    quick.hub.changed()
                    await asyncio.sleep(0.005)
        assert operator.dismissed

    run(test())


def test_a_withdrawn_consent_is_silence_from_the_next_beat_on(quick):
    async def test():
        family = client(quick, "family", "c1")
        async with listening(family):
            with quick.engine.begin() as conn:
                gone = schema.consents.c.resident == "r1", schema.consents.c.purpose == "relative"
                conn.execute(update(schema.consents).where(*gone).values(withdrawn_at=NOW - timedelta(minutes=1)))
            beats = family.body.count(b":\n\n")
            await soon(lambda: family.body.count(b":\n\n") >= beats + 2)
            quick.hub.changed({"h1"})
            await asyncio.sleep(0.05)
            assert family.events == []

    run(test())


def test_a_shift_that_begins_is_in_sight_from_the_next_beat_on(quick):
    async def test():
        worker = client(quick, "worker", "w5")
        async with listening(worker):
            with quick.engine.begin() as conn:
                conn.execute(
                    insert(schema.shifts).values(area="grid-1", start=NOW, end=NOW + timedelta(hours=8), owner="w5")
                )
            beats = worker.body.count(b":\n\n")
            await soon(lambda: worker.body.count(b":\n\n") >= beats + 2)
            quick.hub.changed({"h1"})
            await soon(lambda: worker.events)

    run(test())


def test_the_oldest_of_too_many_streams_is_dismissed_for_good(community):
    async def test():
        token = session(community, "worker", "w1")
        streams = [Listener(community, token, "worker") for _ in range(MOST_STREAMS + 2)]
        async with listening(*streams):
            await soon(lambda: all(one.done for one in streams[:2]))
            assert [one.dismissed for one in streams] == [True, True] + [False] * MOST_STREAMS
            assert community.hub.open == MOST_STREAMS

    run(test())


def test_a_client_that_leaves_is_forgotten(community):
    async def test():
        worker = client(community, "worker", "w1")
        async with listening(worker):
            assert community.hub.open == 1
            worker.leave()
            await soon(lambda: worker.done)
            assert community.hub.open == 0
            community.hub.changed()

    run(test())


def test_closing_ends_every_stream_and_lets_nobody_in(community):
    async def test():
        streams = [client(community, "operator", "w9"), client(community, "family", "c1")]
        async with listening(*streams):
            await asyncio.to_thread(community.hub.close)
            await soon(lambda: all(one.done for one in streams))
            assert not any(one.dismissed for one in streams)  # they come back when the service does
            late = client(community, "operator", "w9")
            await late.run()
            assert late.status == 503

    run(test())


@pytest.mark.parametrize(
    ("role", "person", "page"),
    [("worker", "w1", "f"), ("worker", "w1", "c"), ("family", "c1", "x"), ("worker", "", "w")],
)
def test_a_stream_needs_a_session_of_its_own_pages(community, role, person, page):
    async def test():
        token = session(community, role, person) if person else "made-up"
        stranger = Listener(community, token, role, page)
        await stranger.run()
        assert stranger.status == 401
        assert community.hub.open == 0

    run(test())


def test_nothing_is_posted_to_the_stream(community):
    assert community.visitor("worker", "w1").post("/events").status_code == 405


def test_when_it_cannot_be_told_whom_a_change_concerns_everybody_is_told(community):
    community.hub.gap_s = 0.01

    async def test():
        family = client(community, "family", "c1")
        async with listening(family):
            with community.engine.begin() as conn:
                conn.exec_driver_sql("PRAGMA foreign_keys = OFF")
                conn.exec_driver_sql("ALTER TABLE offers RENAME TO lost")
            community.hub.changed({"h5"})
            await soon(lambda: family.events)

    run(test())


def test_a_person_who_left_the_registry_loses_the_stream(quick):
    async def test():
        worker = client(quick, "worker", "w5")
        async with listening(worker):
            with quick.engine.begin() as conn:
                conn.execute(delete(schema.workers).where(schema.workers.c.id == "w5"))
            await soon(lambda: worker.done)
        assert worker.dismissed

    run(test())
