"""The script of hundreds of pages asks again in the same second: answered in the loop, from what was rendered once.

Every asking is checked as any other: is the session live, is its person still in the registry?  But all that ask at the
same time are looked up together, in one thread and one transaction.  Whose block was rendered a moment ago gets it at
once; of several who want one that was not, the first goes to the pages and the others wait for what it brings.
"""

import asyncio
import gzip
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from alerts import access, registry
from alerts.web.fragments import Page
from alerts.web.site import ROLES, SESSION_COOKIES, Site

LEVEL = 4
"""Of compression: a third of the time of the usual one, a tenth more bytes."""
LEAST = 600
"""Shorter blocks are not worth compressing. [B]"""


@dataclass(frozen=True, slots=True)
class Door:
    """Who came in at one moment, and the version of the registry that said so."""

    sessions: dict[str, access.Session]
    register: int


class Doorkeeper:
    """Looks up the sessions of all who ask at the same time, together.

    Parameters
    ----------
    looking : callable
        Gives a connection that only reads.
    clock : callable
        Returns now, aware UTC.
    """

    def __init__(
        self, looking: Callable[[], AbstractContextManager[Connection]], clock: Callable[[], datetime]
    ) -> None:
        self._looking, self._clock = looking, clock
        self._waiting: dict[str, list[asyncio.Future[Door]]] = {}
        self._looking_up: asyncio.Task[None] | None = None

    async def door(self, token: str) -> Door:
        """Return what is known once this token was looked up; raises what the database raised."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Door] = loop.create_future()
        self._waiting.setdefault(token, []).append(answer)
        if self._looking_up is None or self._looking_up.done():
            self._looking_up = loop.create_task(self._look_up())
        return await answer

    async def _look_up(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            answers = [answer for answers in asked.values() for answer in answers]
            try:
                door = await asyncio.to_thread(self._look, list(asked))
            except Exception as trouble:  # noqa: BLE001  (each of those who asked raises it)
                for answer in answers:
                    _settle(answer, trouble)
            else:
                for answer in answers:
                    _settle(answer, door)

    def _look(self, tokens: list[str]) -> Door:
        with self._looking() as conn:
            return Door(access.live_sessions(conn, tokens, self._clock()), registry.version(conn))


def _settle(answer: "asyncio.Future[Door]", result: Door | Exception) -> None:
    if answer.done():  # whoever asked has gone meanwhile
        return
    if isinstance(result, Exception):
        answer.set_exception(result)
    else:
        answer.set_result(result)


class Renewals:
    """Answers ``?part=1`` from what is kept; everything else goes on to the pages."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app, self._site = app, site
        self._doorkeeper = Doorkeeper(site.looking, site.clock)
        self._rendering: dict[Hashable, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        asking = HTTPConnection(scope) if _renews(scope) else None
        token = _token(asking) if asking is not None else None
        if asking is None or token is None:
            await self._app(scope, receive, send)
            return
        version = self._site.hub.version  # from before anything was read
        door = await self._doorkeeper.door(token)
        session = door.sessions.get(token)
        if session is None:
            await self._app(scope, receive, send)
            return
        for _ in range(2):
            key = self._site.block_key(asking, session, (version, door.register), self._site.clock())
            if (kept := self._site.fragments.kept(key)) is not None:
                await _answer(Page(kept, 200, access.form_token(session)), asking, send)
                return
            if (rendering := self._rendering.get(key)) is None:
                break
            await rendering.wait()
            version = self._site.hub.version
        await self._first(key, scope, receive, send)

    async def _first(self, key: Hashable, scope: Scope, receive: Receive, send: Send) -> None:
        rendering = self._rendering.setdefault(key, asyncio.Event())
        try:
            await self._app(scope, receive, send)
        finally:
            rendering.set()
            self._rendering.pop(key, None)


def _renews(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] == "GET" and b"part=1" in scope["query_string"]


def _token(asking: HTTPConnection) -> str | None:
    """Return the session of the page's own role, None when this is not such a page or there is none."""
    role = ROLES.get(asking.scope["path"].split("/")[1])
    if role is None or asking.query_params.get("part") != "1":
        return None
    return asking.cookies.get(SESSION_COOKIES[role])


async def _answer(page: Page, asking: HTTPConnection, send: Send) -> None:
    body, headers = bytes(page.body), [(b"content-type", b"text/html; charset=utf-8"), (b"vary", b"Accept-Encoding")]
    if len(body) >= LEAST and "gzip" in asking.headers.get("accept-encoding", ""):
        body = gzip.compress(body, LEVEL, mtime=0)
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
