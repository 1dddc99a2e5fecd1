"""What one person does in a day that a device can notice: water drawn, steps past a motion sensor, the door.

All three come from the same day of the same person (`simulators.households`), so that they never contradict each other:
somebody who draws water is seen to move, nobody moves while out, and the door opens when somebody leaves or comes back.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from simulators.chance import Chance
from simulators.households import Draws, Floats, Profile, Rhythm, life, rhythm

WALKS_PER_DAY = 18.0
"""Times a day that somebody passes a sensor of the living room without having drawn water: about once an hour. [A]"""
MOST_WALKS = 40
TO_DOOR_S = 5.0
"""Somebody who leaves was in the hall this long before the door opens; who comes back, this long after. [s]"""
_SLOT = 3600
"""Where the numbers of walks begin among the slots of a day's chance (`simulators.households` ends below)."""


@dataclass(frozen=True, slots=True)
class Doings:
    """What somebody does; all times in seconds since 1970, rising."""

    draws: Draws
    moves: Floats
    """(N,) moments at which a motion sensor would see somebody."""
    doors: Floats
    """(M,) moments at which the door of the flat opens."""

    def until(self, at: float) -> "Doings":
        """Return the same with nothing that begins at `at` or later."""
        return self.without(at, np.inf)

    def without(self, begin: float, end: float) -> "Doings":
        """Return the same with nothing in [begin, end); what runs at `begin` is turned off."""
        d, keep = self.draws, _outside(self.draws.start_s, begin, end)
        start, litres, duration = d.start_s[keep], d.litres[keep], d.duration_s[keep]
        most = np.where(start < begin, np.minimum(duration, begin - start), duration)
        left = Draws(start, litres * most / duration, most)
        moves, doors = (times[_outside(times, begin, end)] for times in (self.moves, self.doors))
        return Doings(left, moves, doors)

    def also(self, draws: Draws, moves: Floats, doors: Floats) -> "Doings":
        """Return the same with more of each."""
        return Doings(
            merged(self.draws, draws),
            np.sort(np.concatenate([self.moves, moves])),
            np.sort(np.concatenate([self.doors, doors])),
        )


def doings(
    seed: int, start: datetime, days: int, zone: ZoneInfo, profile: Profile = "frugal", *, trips: bool = True
) -> Doings:
    """Return what the person of this seed does in the `days` x 24 h from `start`.

    Parameters and errors are those of `simulators.households.life`; any window of a life is the same life.
    """
    draws = life(seed, start, days, zone, profile, trips=trips)
    when = rhythm(seed, start, days, zone, profile)
    walks = _walks(seed, start, days, zone, when)
    passes = np.concatenate([when.out[:, 0] - TO_DOOR_S, when.out[:, 1] + TO_DOOR_S])
    moves = np.sort(np.concatenate([draws.start_s, draws.start_s + draws.duration_s, walks, passes]))
    return Doings(draws, moves, np.sort(when.out.ravel()))


def draw(start_s: float, litres: float, duration_s: float) -> Draws:
    """Return a single use of water."""
    return Draws(np.array([start_s]), np.array([litres]), np.array([duration_s]))


def merged(some: Draws, more: Draws) -> Draws:
    """Return both, in order of start."""
    start, litres, duration = (
        np.concatenate([getattr(some, name), getattr(more, name)]) for name in ("start_s", "litres", "duration_s")
    )
    order = np.argsort(start, kind="stable")
    return Draws(start[order], litres[order], duration[order])


def _walks(seed: int, start: datetime, days: int, zone: ZoneInfo, when: Rhythm) -> Floats:
    """Return walks past a sensor: evenly over the waking hours of each day, none while out."""
    rise, bed = when.awake[:, 0], when.awake[:, 1]
    ordinal = np.array([datetime.fromtimestamp(at, zone).toordinal() for at in (rise + bed) / 2], np.int64)
    chance = Chance(seed)
    count = chance.poisson(ordinal, _SLOT, np.full(len(ordinal), WALKS_PER_DAY), MOST_WALKS)
    day, nth = chance.expand(count)
    at = rise[day] + chance.pick(ordinal[day], _SLOT + 1 + nth) * (bed - rise)[day]
    out = ((at[:, None] >= when.out[:, 0]) & (at[:, None] < when.out[:, 1])).any(axis=1)
    inside = ~out & (at >= start.timestamp()) & (at < start.timestamp() + days * 86_400.0)
    return at[inside]


def _outside(times: Floats, begin: float, end: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    keep: np.ndarray[tuple[int], np.dtype[np.bool_]] = (times < begin) | (times >= end)
    return keep
