"""Scripts played side by side on one service, each with its own homes and people, and seen together while they are played.

Each is played in a thread of its own, as if it were alone; all share one pace, so that the service gets at most two events a
second however many there are.  What the service answers about a drill is what is shown: nothing is counted here.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

import httpx

from shuian import drill
from shuian.drill_api import Api
from shuian.drill_demo import Way
from shuian.errors import BadInput, ShuianError
from simulators.drills import Kind

EVENT_S = 0.5
"""Between two events of all drills together: a rehearsal is no test of load. [s]"""
SHOWN_S = 1.0
"""How often the table on a terminal is renewed. [s]"""
Score = Mapping[str, Any]
Play = Callable[[str, Api, threading.Event], Score]
"""Plays a script of that name to its end, or until the event is set, and returns its score."""


class Pace:
    """Lets events pass one by one, `every_s` seconds apart, in the order in which they come."""

    def __init__(self, every_s: float = EVENT_S) -> None:
        self._every_s, self._next, self._lock = every_s, 0.0, threading.Lock()

    def wait(self) -> None:
        """Return when it is this one's turn."""
        with self._lock:
            at = max(self._next, time.monotonic())
            self._next = at + self._every_s
        time.sleep(max(0.0, at - time.monotonic()))


@dataclass
class Played:
    """One script among the others."""

    name: str
    score: Score = field(default_factory=dict)
    """What the service said last; empty: it has not begun."""
    wrong: str = ""
    """Why it could not be played, or not to its end."""
    over: bool = False

    @property
    def state(self) -> str:
        """Return where it stands, in a word."""
        if self.wrong:
            return "failed"
        return str(self.score["state"]) if self.score else "waits"

    @property
    def good(self) -> int:
        """Return how many lines are as they had to be."""
        return drill.count(self.score.get("lines", ()), *drill.GOOD)

    @property
    def bad(self) -> int:
        """Return how many are not, and cannot be any more."""
        return drill.count(self.score.get("lines", ()), *drill.BAD)

    @property
    def stopped(self) -> int:
        """Return of how many nothing can be said, because the drill was stopped before."""
        return drill.count(self.score.get("lines", ()), "stopped")

    @property
    def of(self) -> int:
        """Return how many lines there are."""
        return len(self.score.get("lines", ()))

    @property
    def passed(self) -> bool:
        """Whether everything was as it had to be, to the end."""
        return not self.wrong and self.score.get("state") == "ended" and self.of > 0 and self.good == self.of


class Watched(Api):
    """The service as one of several scripts sees it: at the common pace, and what it says of the drill is kept."""

    def __init__(self, client: httpx.Client, played: Played, pace: Pace) -> None:
        super().__init__(client)
        self._played, self._pace = played, pace

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, may: int = 0) -> Any:
        """Return what the service answers; rows of the registry are no events, and wait for nobody."""
        if method == "POST":
            self._pace.wait()
        answer = super().__call__(method, path, body, may=may)
        if isinstance(answer, dict) and "lines" in answer:
            self._played.score = answer
        return answer


def kind_of(name: str, way: Way, wanted: str) -> Kind | None:
    """Return how a script is played on a service, None if it cannot be.

    `wanted`: ``tabletop`` or ``technical``; empty: technical if it can be and it is known where meters speak.
    """
    there: tuple[Kind, ...] = ("technical", "tabletop") if way.broker else ("tabletop",)
    return next((kind for kind in there if kind in drill.script(name).kinds and wanted in ("", kind)), None)


def each_on(way: Way, wanted: str) -> Play:
    """Return how scripts are played on a service, each with a cast of its own; `wanted` as for `kind_of`."""

    def play(name: str, api: Api, stop: threading.Event) -> Score:
        kind = kind_of(name, way, wanted)
        if kind is None:
            raise BadInput(f"{name} cannot be played like this", "see: shuian drill list")
        how = way.reach(drill.script(name))
        return drill.play(name, kind, api, way.broker, _unsaid, how=how, stop=stop)

    return play


def _unsaid(_: str) -> None:
    """Say nothing: the table says where all stand."""


def together(
    names: Sequence[str], play: Play, client: Callable[[], httpx.Client], shown: "Shown", pace: Pace | None = None
) -> list[Played]:
    """Play scripts side by side and return what became of each; Ctrl-C stops all, and each drill is ended.

    Parameters
    ----------
    names : sequence of str
        Of the scripts.
    play : callable
        How one is played.
    client : callable
        Returns a way to the service.
    shown : Shown
        Where the progress is seen.
    pace : Pace, optional
        Two events a second if none is given.
    """
    every, stop = [Played(name) for name in names], threading.Event()
    pace = pace or Pace()

    def run(one: Played) -> None:
        with client() as way:
            _one(one, play, Watched(way, one, pace), stop)

    threads = [threading.Thread(target=run, args=(one,), daemon=True) for one in every]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        try:
            shown.progress(every)
            time.sleep(SHOWN_S)
        except KeyboardInterrupt:
            if stop.is_set():
                raise
            stop.set()
    shown.progress(every)
    return every


def _one(played: Played, play: Play, api: Watched, stop: threading.Event) -> None:
    """Play one script, whatever becomes of it."""
    try:
        played.score = play(played.name, api, stop)
    except ShuianError as wrong:
        played.wrong = f"{wrong.what}; {wrong.do}"
    except KeyboardInterrupt:
        played.wrong = "stopped before it began"
    except Exception as error:
        played.wrong = f"{type(error).__name__}: {error}"
        raise
    finally:
        played.over = True


class Shown:
    """The progress of all: a table that renews itself on a terminal, else a line when something has changed."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._terminal, self._began = out, out.isatty(), time.monotonic()
        self._lines, self._before = 0, dict[str, tuple[str, int, int]]()

    def progress(self, every: Sequence[Played]) -> None:
        """Show where all stand."""
        if self._terminal:
            up = f"\x1b[{self._lines}A" if self._lines else ""
            rows = [f"{self._clock()}  {sum(one.over for one in every)} of {len(every)} over", *map(_row, every)]
            self._out.write(up + "".join(f"\x1b[2K{row}\n" for row in rows))
            self._lines = len(rows)
        else:
            for one in every:
                now = one.state, one.good, one.bad
                if now != self._before.get(one.name):
                    self._before[one.name] = now
                    self._out.write(f"{self._clock()}  {_row(one)}\n")
        self._out.flush()

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        return f"{minutes:02d}:{seconds:02d}"


def _row(one: Played) -> str:
    steps = f"{one.good:>3} of {one.of:<3}" if one.score else " " * 10
    bad = f"  {one.bad} missed" if one.bad else ""
    stopped = f"  {one.stopped} stopped before" if one.stopped else ""
    return f"{one.name:<22} {one.state:<8} {steps}{bad}{stopped}"
