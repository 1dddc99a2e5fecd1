"""A technical drill: meters of its own speak over MQTT, and the service has to find out by itself what befell their homes.

The order matters.  The history up to two days before goes out first; nothing of it can be told of, because no drill runs yet.
Then the drill begins, and only then the service hears the last two days, in which the faults of the script have struck: what
they come to has just fallen due, and is told within seconds.  From there on the meters live at life's speed.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from shuian import drill_lives, drill_placing
from shuian.drill_api import Api
from shuian.drill_cast import Cast, CastHome, Row
from shuian.drill_lives import Lives
from shuian.drill_meters import Meters
from shuian.drill_player import Player
from shuian.errors import BadInput
from simulators.drills._homes import SWAP, Meter, Struck, reports, slices
from simulators.publisher import Publisher, address

HISTORY_S, READING_S = 5.0, 0.0003
"""What sending and hearing a history takes: about so long, and so much for each reading. [s]"""
PLACING_S, HOME_S = 2.0, 0.5
"""What placing what goes wrong takes, and more for each home. [s]"""
LEAD_S = 900.0
"""So long it may take until the drill begins. [s]"""
MOST_FIRST_L = 400_000
KNOWN_S = 3.0
"""A service knows new meters so soon. [s]"""


def publisher(broker: str) -> Publisher:
    """Return a sender to a broker, not yet connected.

    Raises
    ------
    BadInput
        It is no address of one.
    """
    try:
        address(broker)
    except ValueError as wrong:
        raise BadInput(str(wrong), "such as --broker mqtt://127.0.0.1:1883") from None
    return Publisher(broker)


@dataclass
class Technical:
    """A technical drill of a cast that stands in the registry.

    Parameters
    ----------
    cast : Cast
    api : Api
        The service.
    out : Publisher
        Open: where its meters speak.
    say : callable
        Told in a line what goes on.
    clock, rest : callable
        The time, aware UTC, and waiting for seconds of it.
    """

    cast: Cast
    api: Api
    out: Publisher
    say: Callable[[str], None]
    clock: Callable[[], datetime]
    rest: Callable[[float], None]

    def play(self) -> dict[str, Any]:
        """Play it to its end and return its score.

        Raises
        ------
        BadInput
            A fault of the script has no moment at which it falls due.
        Trouble
            The broker or the service cannot be reached, or does not hear.
        """
        cast = self.cast
        self.say(f"{len(cast.homes)} homes, {cast.drill.history_days} days of history each: choosing who lives there")
        lives = drill_lives.choose(cast, self.clock().timestamp() + _ahead_s(cast))
        self.rest(KNOWN_S)
        period_s = max(home.period_s for home in cast.homes)
        ends = slices(lives.since_s, lives.at.now_s, lives.at.until_s, 2.0 * period_s)
        old = [end for end in ends if end <= lives.at.until_s]
        self._meters(lives, [], lives.since_s).tell(old, self.say)
        self.say("placing what goes wrong")
        struck = drill_placing.place(cast, lives)
        if early := [one for one in struck if one.at < lives.at.until_s]:
            raise BadInput(f"fault {early[0].fault} strikes more than two days before the drill", "let it begin later")
        self.rest(max(0.0, lives.at.now_s - self.clock().timestamp()))
        return self._live(self._meters(lives, struck, lives.at.until_s), struck, ends[len(old) : -1])

    def _meters(self, lives: Lives, struck: list[Struck], since_s: float) -> Meters:
        """Return the meters of the cast with all that they say after `since_s`."""
        cast = self.cast
        meters = {home.name: _meter(cast, home) for home in cast.homes}
        did = {home.name: lives.did[home.id] for home in cast.homes}
        span = lives.since_s, lives.at.now_s, lives.at.now_s + cast.drill.ends_s
        said = reports(meters, did, struck, span, ZoneInfo(cast.zone))
        later = [one for one in said if one.at > since_s]
        return Meters(self.out, self.api, later, self.clock, self.rest)

    def _live(self, meters: Meters, struck: list[Struck], ends: list[float]) -> dict[str, Any]:
        """Begin the drill, let the service hear the last days, and play on until it is over."""
        cast = self.cast
        swaps = _swaps(cast, struck)

        def besides(_: float) -> None:
            while swaps and swaps[0][0] <= self.clock().timestamp():
                for row in swaps.pop(0)[1]:
                    self.api("PUT", f"/{row.sheet}/{row.id}", row.body)

        player = Player(cast.name, cast.drill, self.api, self.clock, "technical", cast.by_name, besides=besides)

        def begun() -> None:
            meters.hurry([*ends, self.clock().timestamp()])
            meters.live()
            self.say("the history is told up to now; from here on all happens at life's speed")

        try:
            return player.run(self.say, self.rest, begun)
        finally:
            meters.end()


def _meter(cast: Cast, home: CastHome) -> Meter:
    first_l = float(zlib.crc32(home.id.encode()) % MOST_FIRST_L)
    return Meter(home.meter, home.next_meter, cast.gateway(home), home.period_s, first_l)


def _swaps(cast: Cast, struck: Sequence[Struck]) -> list[tuple[float, tuple[Row, Row]]]:
    """Return the work orders of meters that are replaced, in order of time."""
    by_name = {home.name: home for home in cast.homes}
    orders = [
        (one.at, cast.swapped(by_name[name], datetime.fromtimestamp(one.at, UTC)))
        for one in struck
        if one.fault == SWAP
        for name in one.homes
    ]
    return sorted(orders, key=lambda one: one[0])


def _ahead_s(cast: Cast) -> float:
    """Return in how many seconds the drill is to begin, about."""
    homes = cast.homes
    readings = sum(cast.drill.history_days * 86_400.0 / home.period_s for home in homes)
    return HISTORY_S + READING_S * readings + PLACING_S + HOME_S * len(homes)
