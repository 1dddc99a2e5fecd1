"""Open pages hear that something changed, and fetch their block again.

How this works
--------------
``/events`` is a stream of server-sent events.  An event says only ``{"v": n}``: something within sight of this session
changed.  What it was is asked for over the same address, template and permission check as the page itself.  Each open
stream has one flag, not a queue: a slow client finds the flag raised once, however much happened, so nothing piles up.

The store calls `Hub.changed` in whatever thread committed.  The hub gathers what changed, asks the database once whom it
concerns, and raises the flags; when that cannot be told, everybody is told.  At each beat the stream looks again whether
its session still stands and what it may see, so a withdrawn consent or a new shift counts within `BEAT_S`.
"""

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from alerts import access, queries
from alerts.database import reading
from alerts.web.site import ROLES, SESSION_COOKIES

if TYPE_CHECKING:
    from alerts.queries import Touched

log = logging.getLogger(__name__)

BEAT_S = 15.0
"""How often a stream without news says that it lives, and asks whether its session still does. [s]"""
GAP_S = 0.5
"""Changes closer together than this make one event. [s]"""
SEND_S = 10.0
"""How long a client may take no bytes at all before its stream is given up. [s]"""
MOST_STREAMS = 6
"""Streams of one session; a browser allows six connections a host, and hidden pages hold none."""
MOST_ASKED = 500
"""Beyond so many households at once everybody is told: cheaper than finding out."""

RETRY = b"retry: 3000\n\n"
BEAT = b":\n\n"
BYE = b"event: bye\ndata: {}\n\n"
"""Do not come back: the session has ended, or has too many streams."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What one session may see, by the rules of its pages: everything, one home, or the homes of some areas."""

    role: access.Role
    person: str
    home: str | None = None
    areas: frozenset[str] = frozenset()

    def holds(self, touched: "Touched") -> bool:
        """Whether a change is within sight."""
        match self.role:
            case "operator":
                return True
            case "family":
                return self.home in touched.households
            case _:
                return not self.areas.isdisjoint(touched.areas) or self.person in touched.workers


@dataclass(eq=False, slots=True)
class Stream:
    """One open page: whose it is, what it may see, and the flag that there is news."""

    token: str
    sight: Sight
    looked_at: float
    """When that was asked last, by the loop's clock."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    changed: bool = False
    gone: bool = False
    """The client went away, or the service ends."""
    dismissed: bool = False
    """The session opened a newer stream beyond its number."""


class Hub:
    """Knows who is looking, and tells them.

    Parameters
    ----------
    engine : Engine
        The database of people and cases.
    clock : callable
        Returns now, aware UTC.
    beat_s, gap_s : float
        As `BEAT_S` and `GAP_S`; tests take shorter ones.
    """

    def __init__(
        self, engine: Engine, clock: Callable[[], datetime], beat_s: float = BEAT_S, gap_s: float = GAP_S
    ) -> None:
        self._engine, self._clock, self.beat_s, self.gap_s = engine, clock, beat_s, gap_s
        self._lock = threading.Lock()
        self._version = int(clock().timestamp())  # seldom one that a page from before a restart has
        self._waiting: set[str] = set()
        self._everybody = False
        self._streams: dict[Stream, None] = {}  # in the order in which they were opened
        self._loop: asyncio.AbstractEventLoop | None = None
        self._spreading: asyncio.Task[None] | None = None
        self.closed = False

    @property
    def version(self) -> int:
        """A number that grows with every change; read it before the database, so that a change in between is seen."""
        return self._version

    @property
    def open(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def changed(self, households: Collection[str] = ()) -> None:
        """Tell every session that may see one of these households; none named: everybody.  From any thread."""
        with self._lock:
            self._version += 1
            self._waiting.update(households)
            self._everybody |= not households
            loop = self._loop if self._streams else None
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop ended between the two lines: so did its streams
                loop.call_soon_threadsafe(self._spread_soon)

    # --- streams, in their loop --------------------------------------------------------------------------------------

    def enter(self, stream: Stream) -> None:
        """Count a stream in; the oldest of a session with too many is dismissed."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._streams[stream] = None
            mine = [one for one in self._streams if one.token == stream.token and not one.dismissed]
        for old in mine[:-MOST_STREAMS]:
            old.dismissed = True
            old.news.set()

    def leave(self, stream: Stream) -> None:
        """Count a stream out."""
        with self._lock:
            self._streams.pop(stream, None)

    def close(self) -> None:
        """End every stream, so that a server that waits for its answers can end.  From any thread."""
        with self._lock:
            self.closed = True
            loop = self._loop if self._streams else None
        if loop is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._end_all)

    def _end_all(self) -> None:
        for stream in tuple(self._streams):
            stream.gone = True
            stream.news.set()

    def look(self, token: str, role: access.Role) -> Sight | None:
        """Return what the session of a cookie may see now; None: no such session (any more), or one of another role."""
        now = self._clock()
        with reading(self._engine).connect() as conn:
            session = access.session(conn, token, now)
            if session is None or session.role != role:
                return None
            home, areas = None, frozenset[str]()
            if role == "family":
                home = access.home_of_relative(conn, session.person, now)
            elif role == "worker":
                areas = access.areas_of_worker(conn, session.person, now)
            return Sight(role, session.person, home, areas)

    # --- spreading the news ------------------------------------------------------------------------------------------

    def _spread_soon(self) -> None:
        if self._spreading is None or self._spreading.done():
            self._spreading = asyncio.get_running_loop().create_task(self._spread())

    async def _spread(self) -> None:
        """Raise flags until nothing is waiting; what changes meanwhile makes one more round."""
        while True:
            with self._lock:
                households, everybody = frozenset(self._waiting), self._everybody
                self._waiting.clear()
                self._everybody = False
            if not households and not everybody:
                return
            touched = None if everybody else await asyncio.to_thread(self._touched, households)
            for stream in tuple(self._streams):
                if touched is None or stream.sight.holds(touched):
                    stream.changed = True
                    stream.news.set()
            await asyncio.sleep(self.gap_s)

    def _touched(self, households: frozenset[str]) -> "Touched | None":
        """Return whom it concerns; None, everybody, when there are too many to ask or the database does not answer."""
        if len(households) > MOST_ASKED:
            return None
        try:
            with reading(self._engine).connect() as conn:
                return queries.touched(conn, households, self._clock())
        except Exception:
            log.exception("whom a change concerns cannot be told: everybody is told")
            return None


class Events:
    """Answers ``/events``; everything else goes on to the pages.

    A plain class around the application: a stream passes through no compression, no router and no task per event.
    """

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app, self._hub = app, hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] != "/events":
            await self._app(scope, receive, send)
        elif scope["method"] != "GET":
            await PlainTextResponse("GET only\n", 405)(scope, receive, send)
        elif self._hub.closed:
            await PlainTextResponse("ending\n", 503)(scope, receive, send)
        elif (stream := await self._opened(scope)) is None:
            await PlainTextResponse("no session\n", 401)(scope, receive, send)
        else:
            await self._serve(stream, receive, send)

    async def _opened(self, scope: Scope) -> Stream | None:
        asking = HTTPConnection(scope)
        role = ROLES.get(asking.query_params.get("of", ""))
        token = asking.cookies.get(SESSION_COOKIES[role]) if role else None
        if role is None or token is None:
            return None
        sight = await asyncio.to_thread(self._hub.look, token, role)
        return Stream(token, sight, asyncio.get_running_loop().time()) if sight is not None else None

    async def _serve(self, stream: Stream, receive: Receive, send: Send) -> None:
        watching = asyncio.create_task(_until_gone(receive, stream))
        self._hub.enter(stream)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await self._say(send, RETRY + _event(self._hub.version))
            while await self._heard(stream, send):
                pass
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (TimeoutError, OSError):
            log.debug("a stream was given up: its client takes nothing")
        finally:
            self._hub.leave(stream)
            watching.cancel()

    async def _heard(self, stream: Stream, send: Send) -> bool:
        """Wait for news or the next beat and pass it on; False: that was the last of it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(stream.looked_at + self._hub.beat_s):
                await stream.news.wait()
        stream.news.clear()
        if stream.gone or self._hub.closed:
            return False
        if stream.dismissed or not await self._still_may(stream):
            await self._say(send, BYE)
            return False
        says = _event(self._hub.version) if stream.changed else BEAT
        stream.changed = False
        await self._say(send, says)
        return True

    async def _still_may(self, stream: Stream) -> bool:
        """Look at the session again when a beat has passed, also where there is news all the time."""
        now = asyncio.get_running_loop().time()
        if now < stream.looked_at + self._hub.beat_s:
            return True
        sight = await asyncio.to_thread(self._hub.look, stream.token, stream.sight.role)
        if sight is None:
            return False
        stream.sight, stream.looked_at = sight, now
        return True

    async def _say(self, send: Send, words: bytes) -> None:
        async with asyncio.timeout(SEND_S):
            await send({"type": "http.response.body", "body": words, "more_body": True})


HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


def _event(version: int) -> bytes:
    return f"data: {json.dumps({'v': version})}\n\n".encode()


async def _until_gone(receive: Receive, stream: Stream) -> None:
    """Wait until the client closes its end."""
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.gone = True
    stream.news.set()
