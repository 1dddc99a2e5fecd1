"""Drills that operators start from the pages: each played in a thread of its own, over the service's own interface.

What plays here is `shuian.drill.play`, as it does for a program, with two differences.  It asks the application in this
process instead of one behind an address, with a token that is made for this one drill, reaches one drill area and nothing
beside it, and ends with the drill.  And what it does is written down under the name of the operator who started it.

Nothing of it survives the process, on purpose.  A service that ends, ends its drills; one that is killed leaves a row that ends
by itself, and a cast that the next drill takes out.
"""

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from starlette.types import ASGIApp

from alerts import drill_runs, tokens
from alerts.store import Store
from alerts.web.ports import CannotPlay, Script, Started
from shuian import drill, drill_technical
from shuian.drill_api import Api
from shuian.errors import BadInput, Trouble
from simulators.drills import DRILLS, Drill, Kind

log = logging.getLogger(__name__)

SCOPES = ("registry:write", "drills:run")
LONGER = timedelta(minutes=10)
"""How long a token outlives the time that its drill may take."""
MOST_PLAYED = 8
"""Drills that are played at the same time."""
MOST_SIMULATED = 12
"""Homes of a technical drill that is played in the service's own process: simulating takes computing time from it."""
BEGINS_S = 3.0
"""How long the pages wait for a drill to begin; after that it is shown as being prepared. [s]"""
ENDS_S = 5.0
"""How long the service waits at its end for its players. [s]"""
SHOWN = timedelta(hours=1)
"""How long it stands on the pages that a drill could not be begun."""
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
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app)) as client:
            answer = await client.request(request.method, request.url, headers=request.headers, content=request.read())
        headers = {k: v for k, v in answer.headers.items() if k not in ("content-encoding", "content-length")}
        return httpx.Response(answer.status_code, headers=headers, content=answer.content)


class _Listening(Api):
    """The service as a player sees it; says when the drill has begun."""

    def __init__(self, client: httpx.Client, begun: Callable[[str], None]) -> None:
        super().__init__(client)
        self._begun = begun

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, may: int = 0) -> Any:
        """Ask, as any player does."""
        answer = super().__call__(method, path, body, may=may)
        if (method, path) == ("POST", "/drills"):
            self._begun(answer["id"])
        return answer


@dataclass(eq=False)
class _Play:
    """A drill that somebody started."""

    script: str
    kind: Kind
    area: str
    by: str
    at: datetime
    run: str = ""
    """Its id, once it has begun."""
    refused: str = ""
    known: threading.Event = field(default_factory=threading.Event)
    """It has begun, or could not."""
    thread: threading.Thread | None = None
    token: str = field(default_factory=lambda: f"drill-{secrets.token_hex(8)}")
    """The name of the token with which it is played."""


class Rehearsals:
    """Plays drills for the pages (`alerts.web.ports.Player`).

    Parameters
    ----------
    store : Store
        Where tokens are made, and what is played is ended with the service.
    clock : callable
        Returns now, aware UTC.
    broker : callable
        Returns the address at which simulated meters can speak to this service; empty: technical drills are not offered.
    zone : str
        IANA zone of the homes of a drill; empty: that of the homes that are there.
    wait : callable, optional
        Waits between two looks of a player: given the event that ends them all, and seconds.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        broker: Callable[[], str] = str,
        zone: str = "",
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        self._store, self._clock, self._broker, self._zone, self._wait = store, clock, broker, zone, wait
        self._app: ASGIApp | None = None
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._plays: list[_Play] = []

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
                lasts_s=one.ends_s,
                kinds=self._kinds(one),
                must=tuple(wanted.data() for wanted in one.must),
            )
            for name, one in DRILLS.items()
        ]

    def _kinds(self, one: Drill) -> tuple[Kind, ...]:
        speaks = bool(self._broker()) and one.number_of_homes <= MOST_SIMULATED
        return tuple(kind for kind in drill.KINDS if kind in one.kinds and (kind == "tabletop" or speaks))

    def start(self, script: str, kind: str, area: str, by: str) -> str | None:
        """Begin to play a script; see `alerts.web.ports.Player`."""
        one = DRILLS.get(script)
        named = next((known for known in self._kinds(one) if known == kind), None) if one else None
        if one is None or named is None:
            raise CannotPlay(f"there is no {kind} drill {script!r} here")
        play = self._taken_on(_Play(script, named, area, by, self._clock()))
        api = self._way(play, one)
        play.thread = threading.Thread(target=self._play, args=(play, api), name=f"drill-{script}", daemon=True)
        play.thread.start()
        play.known.wait(BEGINS_S)
        if play.refused:
            with self._lock:
                self._plays.remove(play)
            raise CannotPlay(play.refused)
        return play.run or None

    def _taken_on(self, play: _Play) -> _Play:
        with self._lock:
            if self._app is None or self._ending.is_set():
                raise CannotPlay("the service is ending, or has not begun")
            going = [one for one in self._plays if not one.refused]
            if len(going) >= MOST_PLAYED:
                raise CannotPlay(f"{MOST_PLAYED} drills are played already: wait for one to end")
            if play.kind == "technical" and any(one.kind == "technical" for one in going):
                raise CannotPlay("a technical drill is played already: wait for its end")
            self._plays.append(play)
        return play

    def plays(self, run: str) -> bool:
        """Whether a drill is played here."""
        with self._lock:
            return any(play.run == run for play in self._plays)

    def started(self) -> Sequence[Started]:
        """Return what was started of late and has not begun."""
        with self._lock:
            self._plays = [one for one in self._plays if not one.refused or one.at > self._clock() - SHOWN]
            waits = [play for play in self._plays if not play.run]
        return [Started(one.script, one.kind, one.by, one.at, one.area, one.refused) for one in waits]

    def close(self) -> None:
        """End all drills that are played here, and their players; a large cast that is still there the next drill takes out."""
        self._ending.set()
        with self._lock:
            plays = list(self._plays)
        for play in plays:
            if play.run:
                self._end(play.run)
        until = time.monotonic() + ENDS_S
        for play in plays:
            if play.thread is not None:
                play.thread.join(max(0.0, until - time.monotonic()))
        for play in plays:
            self._give_back(play)

    def _end(self, run: str) -> None:
        with self._store.engine.begin() as conn:
            homes = drill_runs.end(conn, run, self._clock(), "system", "asked", self._store.policy)
        self._store.on_commit(homes)

    # --- one drill -----------------------------------------------------------------------------------------------------

    def _way(self, play: _Play, one: Drill) -> Api:
        """Return the service as a new token opens it, which is for one drill in one area."""
        assert self._app is not None
        life = timedelta(seconds=one.ends_s + drill_technical.LEAD_S) + LONGER
        with self._store.engine.begin() as conn:
            secret = tokens.add(conn, play.token, SCOPES, play.area, life, play.by, self._clock(), acts_for=play.by)

        def begun(run: str) -> None:
            play.run = run
            play.known.set()
            self._store.on_commit(frozenset())

        headers = {"Authorization": f"Bearer {secret}"}
        client = httpx.Client(transport=Inside(self._app), base_url=BASE, headers=headers)
        return _Listening(client, begun)

    def _play(self, play: _Play, api: Api) -> None:
        """Play it to its end; what keeps it from being begun stands on the pages, what befalls it later in the log."""
        about = {"script": play.script, "drill": play.run}
        try:
            drill.play(
                play.script, play.kind, api, self._broker(), lambda said: log.info("drill", extra=about | {"says": said}),
                area=play.area, tz=self._zone, stop=self._ending, clock=self._clock, sleep=self._sleep,
            )  # fmt: skip
        except (BadInput, Trouble) as wrong:
            log.warning("a drill was not played to its end", extra=about | {"why": str(wrong)})
            play.refused = "" if play.run else str(wrong)
        except KeyboardInterrupt:  # the service ended before it had begun
            play.refused = "" if play.run else "the service ended"
        except Exception:
            log.exception("a drill was not played to its end", extra=about)
            play.refused = "" if play.run else "it failed: the log of the service says how"
        finally:
            self._over(play)

    def _over(self, play: _Play) -> None:
        with self._lock:
            if not play.refused and play in self._plays:
                self._plays.remove(play)
        play.known.set()
        self._give_back(play)
        self._store.on_commit(frozenset())

    def _give_back(self, play: _Play) -> None:
        """Let the token of a drill open nothing any more."""
        with contextlib.suppress(tokens.BadToken), self._store.engine.begin() as conn:  # it was given back before
            tokens.revoke(conn, play.token, play.by, self._clock())

    def _sleep(self, seconds: float) -> None:
        self._wait(self._ending, seconds)
