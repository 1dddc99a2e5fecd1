"""Drills that operators start from the pages: each played in a thread of its own, over the service's own interface.

A player here is the same program as `shuian drill run`, with two differences.  It asks the application in this process
instead of one behind an address, with a token that is made for this one drill, holds for one drill area, and ends with it.
And what it does is written down under the name of the operator who started it.

Nothing of it survives a restart, on purpose: what a drill may do stands in its row, which ends by itself.
"""

import asyncio
import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from sqlalchemy import Engine
from starlette.types import ASGIApp

from alerts import tokens
from alerts.web.ports import CannotPlay, Script, Started
from shuian import drill
from shuian.errors import BadInput, Trouble
from simulators.drills import DRILLS

log = logging.getLogger(__name__)

SCOPES = ("registry:read", "drills:run")
LONGER = timedelta(minutes=10)
"""How long a token outlives the hard end of its drill."""
MOST_TROUBLES = 30
"""After so many steps in a row that failed a player gives up; its drill then ends by itself."""
MOST_PLAYED = 8
"""Drills that are played at the same time."""
BASE = "http://drills.invalid"
"""Names no host: the application is asked in this process."""


class Inside(httpx.BaseTransport):
    """The way to an application in this process, for a client that waits; each request has a loop of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask the application."""
        return asyncio.run(self._ask(request))

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        way = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=way) as client:
            answer = await client.request(request.method, request.url, headers=request.headers, content=request.read())
        headers = {k: v for k, v in answer.headers.items() if k not in ("content-encoding", "content-length")}
        return httpx.Response(answer.status_code, headers=headers, content=answer.content)


@dataclass(slots=True)
class _Play:
    """A drill while it is played."""

    player: drill.Player
    token: str
    by: str


class Rehearsals:
    """Plays drills for the pages (`alerts.web.ports.Player`).

    Parameters
    ----------
    engine : Engine
        The database of people and cases, for the tokens.
    clock : callable
        Returns now, aware UTC.
    wait : callable, optional
        Waits between two looks of a player: given the event that ends them all, and seconds; True ends this one.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], datetime],
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._engine, self._clock, self._wait = engine, clock, wait
        self._app: ASGIApp | None = None
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._playing: dict[str, threading.Thread] = {}

    def serve(self, app: ASGIApp) -> None:
        """Take the application that is asked; it is made after the pages were told of this player."""
        self._app = app

    def scripts(self) -> Sequence[Script]:
        """Return every script, by name."""
        return [
            Script(
                name=name,
                happens=one.happens,
                homes=one.number_of_homes,
                takes=one.number_of_homes,
                lasts_s=one.ends_s,
                kinds=("tabletop",),
                must=tuple(wanted.data() for wanted in one.must),
            )
            for name, one in DRILLS.items()
        ]

    def start(self, script: str, kind: str, area: str, by: str) -> str | None:
        """Begin to play a script; see `alerts.web.ports.Player`."""
        if self._app is None or self._ending.is_set():
            raise CannotPlay("the service is ending, or has not begun")
        if kind != "tabletop":
            raise CannotPlay(f"from here it is played as tabletop, not as {kind}")
        with self._lock:
            if len(self._playing) >= MOST_PLAYED:
                raise CannotPlay(f"{MOST_PLAYED} drills are played already: wait for one to end")
        try:
            one = drill.script(script)
            name, secret = self._token(one.ends_s, area, by)
            api = drill.Api(self._client(secret))
            play = _Play(drill.Player(script, one, api, self._clock), name, by)
            run = self._begun(play)
        except BadInput as wrong:
            raise CannotPlay(str(wrong)) from None
        thread = threading.Thread(target=self._play, args=(run, play), name=f"drill-{run}", daemon=True)
        with self._lock:
            self._playing[run] = thread
        thread.start()
        return run

    def _begun(self, play: _Play) -> str:
        try:
            return play.player.begin()
        except Trouble as refused:
            self._give_back(play)
            if play.player.id:  # it was begun, and then something could not be played in
                log.exception(
                    "a drill was begun and cannot be played; it ends by itself", extra={"drill": play.player.id}
                )
                return play.player.id
            raise CannotPlay(str(refused)) from None
        except BadInput:
            self._give_back(play)
            raise

    def plays(self, run: str) -> bool:
        """Whether a drill is played here."""
        with self._lock:
            return run in self._playing

    def started(self) -> Sequence[Started]:
        """Return nothing: what is played at a tabletop begins at once, or is refused at once."""
        return ()

    def close(self) -> None:
        """End all players; their drills end by themselves."""
        self._ending.set()
        with self._lock:
            threads = list(self._playing.values())
        for thread in threads:
            thread.join(timeout=5.0)

    # --- one drill -----------------------------------------------------------------------------------------------------

    def _token(self, lasts_s: float, area: str, by: str) -> tuple[str, str]:
        """Return the name of a new token for one drill in one area, and its secret."""
        name, now = f"drill-{secrets.token_hex(8)}", self._clock()
        with self._engine.begin() as conn:
            secret = tokens.add(conn, name, SCOPES, area, timedelta(seconds=lasts_s) + LONGER, by, now, acts_for=by)
        return name, secret

    def _client(self, secret: str) -> httpx.Client:
        assert self._app is not None
        headers = {"Authorization": f"Bearer {secret}"}
        return httpx.Client(transport=Inside(self._app), base_url=BASE, headers=headers)

    def _give_back(self, play: _Play) -> None:
        with self._engine.begin() as conn:
            tokens.revoke(conn, play.token, play.by, self._clock())

    def _play(self, run: str, play: _Play) -> None:
        try:
            self._steps(run, play.player)
        finally:
            with self._lock:
                self._playing.pop(run, None)
            self._give_back(play)

    def _steps(self, run: str, player: drill.Player) -> None:
        """Take steps until the drill is over; one that fails is tried again."""
        troubles = 0
        while troubles < MOST_TROUBLES:
            try:
                if not player.step():
                    return
                troubles = 0
            except Trouble:
                troubles += 1
                log.exception("a step of a drill failed; it is tried again", extra={"drill": run})
            if self._wait(self._ending, drill.LOOK_S):
                return
        log.error("a drill is not played any further; it ends by itself", extra={"drill": run})
