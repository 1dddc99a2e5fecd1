"""A whole drill with homes and people of its own: brought, played to its end, and taken out again.

`play` is what a program calls, as often and as many side by side as it likes: runs share nothing.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any

from shuian import drill_stage, drill_technical
from shuian.drill_api import Api
from shuian.drill_cast import Reach
from shuian.drill_player import Player, script, wall_clock
from shuian.drill_technical import Technical
from shuian.errors import BadInput, Trouble
from simulators.drills import Drill, Kind
from simulators.publisher import Publisher, PublishError

__all__ = ["Api", "Player", "Reach", "play", "script", "told"]

KINDS: tuple[Kind, ...] = ("tabletop", "technical")
"""Kinds for which a cast is brought."""
SENT_S = 2.0
"""The last word of a drill goes out within this; then relatives are deleted. [s]"""
Say = Callable[[str], None]


def play(
    name: str, kind: Kind, api: Api, broker: str = "", say: Say = print, *,
    area: str = "", how: Reach | None = None, tz: str = "", stop: threading.Event | None = None,
    clock: Callable[[], datetime] = wall_clock, sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:  # fmt: skip
    """Play a script with a cast of its own, to its end, and return its score.

    Parameters
    ----------
    name : str
        Of the script (`simulators.drills.DRILLS`).
    kind : {"tabletop", "technical"}
    api : Api
        The service; its token has the scopes ``registry:write`` and ``drills:run``.
    broker : str
        ``mqtt[s]://[user:password@]host[:port]``: where the meters of a technical drill speak.
    say : callable
        Told in a line what goes on.
    area : str
        Below which the cast is put; empty: the first area of the kind ``drill``.
    how : Reach, optional
        How its people are reached; None: as whoever works in that area.
    tz : str
        IANA zone of its homes; empty: that of the service's first home.
    stop : threading.Event, optional
        Set it to stop the drill: what Ctrl-C does for a program that plays one alone.
    clock, sleep : callable
        The time, aware UTC, and waiting for seconds of it.

    Returns
    -------
    dict
        What ``GET /drills/ID`` answers (`alerts.drill_score`); `shuian.drill.told` puts it into words.

    Raises
    ------
    BadInput
        There is no such script or kind, or no area for drills.
    Trouble
        The service or the broker cannot be reached, or refuses.  The cast is taken out all the same.
    """
    drill = _playable(name, kind)

    def rest(seconds: float) -> None:
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        sleep(seconds)

    with ExitStack() as held:
        out = held.enter_context(_connected(broker)) if kind == "technical" else None
        drill_stage.clean(api, clock())
        cast = drill_stage.cast(api, name, drill, clock(), area=area, how=how, tz=tz, lead_s=drill_technical.LEAD_S)
        held.callback(drill_stage.leave, api, cast.tag)
        drill_stage.enter(api, cast)
        if out is not None:
            score = Technical(cast, api, out, say, clock, rest).play()
        else:
            score = Player(name, drill, api, clock, kind, cast.by_name).run(say, rest)
        sleep(SENT_S)
        return score


def _playable(name: str, kind: Kind) -> Drill:
    """Return a script that brings its own cast, and can be played as asked."""
    drill = script(name)
    can = [one for one in drill.kinds if one in KINDS]
    if kind not in KINDS:
        raise BadInput(
            f"want a kind of {', '.join(KINDS)}; got {kind!r}", "real people play themselves: docs/drills.md"
        )
    if kind not in can:
        raise BadInput(f"{name} cannot be played as {kind}", f"play it as {' or '.join(can)}")
    return drill


@contextmanager
def _connected(broker: str) -> Iterator[Publisher]:
    if not broker:
        raise BadInput("a technical drill speaks over MQTT", "name the broker: --broker mqtt://127.0.0.1:1883")
    try:
        with drill_technical.publisher(broker) as out:
            yield out
    except PublishError as trouble:
        raise Trouble(str(trouble), "name the broker that the service hears, with --broker") from None


WHY = {
    "finished": "it is through",
    "time": "its time is up",
    "asked": "somebody stopped it",
    "reserve": "it stopped itself: a message would have used what is kept for real ones",
    "real": "something real came",
}
"""Why a drill is over, in words."""


GOOD = ("met", "kept")
"""Verdicts of lines that are as they had to be."""
BAD = ("late", "missed", "broken")
"""Verdicts of lines that are not, and cannot be any more."""


def count(lines: Iterable[Mapping[str, Any]], *verdicts: str) -> int:
    """Return how many lines of a score have one of these verdicts."""
    return sum(line["verdict"] in verdicts for line in lines)


def stopped_before(lines: int) -> str:
    """Return how the words about a score go on if nothing can be said of some lines, because the drill was stopped."""
    return f", {lines} stopped before" if lines else ""


def told(score: Mapping[str, Any]) -> list[str]:
    """Return the score in lines to be read."""
    why = f" ({WHY.get(score['why'], score['why'])})" if score["why"] else ""
    began = datetime.fromisoformat(score["started_at"]).astimezone()
    lines = [f"{score['drill']}  {score['kind']}  {score['state']}{why}  since {began:%Y-%m-%d %H:%M}"]
    for line in score["lines"]:
        took = "–" if line["took_s"] is None else f"{line['took_s']:.0f} s"
        after = "" if line["after"] == "start" else f" after {line['after']}"
        wanted = "never" if line["never"] else f"within {line['within_s']:.0f} s{after}"
        who = f" {line['who']}" if line["who"] else ""
        lines.append(f"{line['verdict']:>7}  {line['home']}: {line['step']}{who}, {wanted}: {took}")
    good, stopped = count(score["lines"], *GOOD), count(score["lines"], "stopped")
    lines.append(f"{good} of {len(score['lines'])} as they had to be{stopped_before(stopped)}")
    lines += [f"out of it, needed for something real: {who}" for who in score["out"]]
    lines += [
        f"not sent to {one['who']} by {one['channel']} ({one['notice']}): {one['why']}" for one in score["unsent"]
    ]
    return lines
