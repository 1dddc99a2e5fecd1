"""What one person does in a day that a device can notice: water drawn, steps past a motion sensor, the door.

All three come from the same day of the same person (`simulators.households`), so that they never contradict each other:
somebody who draws water is seen to move, nobody moves while out, and the door opens when somebody leaves or comes back.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulators.chance import Chance, Floats, counts, expand
from simulators.households import Draws, Rhythm, life, rhythm
from simulators.households import trips as nights_away
from simulators.profiles import Profile

WALKS_PER_DAY = 18.0
"""Times a day that somebody passes a sensor of the living room without having drawn water: about once an hour. [A]"""
MOST_WALKS = 40
TO_DOOR_S = 5.0
"""Somebody who leaves was in the hall so long before the door opens; who comes back, so long after. [s]"""
_SLOT = 3600
"""Where the numbers of walks begin among the slots of a day's chance: `simulators.uses` leaves these free."""
Bools = NDArray[np.bool_]
NOTHING = np.empty(0)
NO_DRAWS = Draws(NOTHING, NOTHING, NOTHING)


def _nowhere() -> Floats:
    return np.empty((0, 2))


@dataclass(frozen=True, slots=True)
class Doings:
    """What somebody does; all times in seconds since 1970, rising."""

    draws: Draws
    moves: Floats
    """(N,) moments at which a motion sensor would see somebody."""
    doors: Floats
    """(M,) moments at which the door of the flat opens."""
    out: Floats = field(default_factory=_nowhere)
    """(K, 2) spans during which nobody is at home, apart from each other; the door opens at both ends of each."""

    def home_from(self, at: float) -> float:
        """Return `at`, or when somebody is back who is out then."""
        for left, back in self.out:
            if left <= at < back:
                at = float(back) + TO_DOOR_S
        return at

    def until(self, at: float) -> "Doings":
        """Return the same with nothing that begins at `at` or later."""
        return self.without(at, np.inf)

    def without(self, begin: float, end: float) -> "Doings":
        """Return the same with nothing in [begin, end); what runs at `begin` is turned off."""
        d, keep = self.draws, _outside(self.draws.start_s, begin, end)
        start, litres, duration = d.start_s[keep], d.litres[keep], d.duration_s[keep]
        most = np.where(start < begin, np.minimum(duration, begin - start), duration)
        left = Draws(start, litres * (most / duration), most)
        moves, doors = (times[_outside(times, begin, end)] for times in (self.moves, self.doors))
        return Doings(left, moves, doors, self.out[_outside(self.out[:, 0], begin, end)])

    def also(self, draws: Draws, moves: Floats, doors: Floats, out: Floats | None = None) -> "Doings":
        """Return the same with more of each."""
        spans = self.out if out is None else np.concatenate([self.out, out])
        return Doings(
            merged(self.draws, draws),
            np.sort(np.concatenate([self.moves, moves])),
            np.sort(np.concatenate([self.doors, doors])),
            spans[np.argsort(spans[:, 0], kind="stable")],
        )

    def away(self, left: float, back: float = np.inf) -> "Doings":
        """Return the same with nobody at home in [left, back): the door opens, then nothing until it opens again."""
        doors = np.array([left, back])
        passes = np.array([left - TO_DOOR_S, back + TO_DOOR_S])
        empty = self.indoors(left, back).without(left, back)
        return empty.also(NO_DRAWS, passes[np.isfinite(passes)], doors[np.isfinite(doors)], np.array([[left, back]]))

    def indoors(self, begin: float, end: float) -> "Doings":
        """Return the same without going out in [begin, end): neither the door nor the steps to it."""
        stays = ~_outside(self.out[:, 0], begin, end)
        doors = self.out[stays].ravel()
        passes = np.concatenate([self.out[stays, 0] - TO_DOOR_S, self.out[stays, 1] + TO_DOOR_S])
        return replace(
            self,
            moves=self.moves[~np.isin(self.moves, passes)],
            doors=self.doors[~np.isin(self.doors, doors)],
            out=self.out[~stays],
        )

    def walking(self) -> Bools:
        """Return (N,) which of `moves` belong neither to a draw nor to the door: walks past a sensor."""
        passes = np.concatenate([self.doors - TO_DOOR_S, self.doors + TO_DOOR_S])
        walks: Bools = ~np.isin(self.moves, np.concatenate([steps(self.draws), passes]))
        return walks

    def thinned(self, keep: Bools) -> "Doings":
        """Return the same without the draws that are not in `keep` (one each), and without the steps to them."""
        gone = steps(self.draws.where(~keep))
        return replace(self, draws=self.draws.where(keep), moves=self.moves[~np.isin(self.moves, gone)])

    def shifted(self, by_s: Floats) -> "Doings":
        """Return the same with each draw, and the steps to it, `by_s` seconds (one each) later."""
        goes = by_s != 0
        put = self.draws.where(goes)
        put = replace(put, start_s=put.start_s + by_s[goes])
        return self.thinned(~goes).also(put, steps(put), NOTHING)

    def repeated(self, times: NDArray[np.int64], by_s: Floats, since: float = -np.inf) -> "Doings":
        """Return the same with each draw, and the steps to it, so many `times` (one each) more.

        `by_s` has one value a repetition: how much later than its draw it is [s].  What would fall before `since`, or
        into a time when nobody is at home, follows its draw at once.
        """
        more = self.copies(times, by_s, since)
        return self.also(more, steps(more), NOTHING)

    def copies(self, times: NDArray[np.int64], by_s: Floats, since: float = -np.inf) -> Draws:
        """Return the repetitions of `repeated` alone, in the order of their draws."""
        own = self.draws.where(np.repeat(np.arange(len(times)), times))
        put = own.start_s + by_s
        astray = (put < since) | inside(put, self.out)
        return replace(own, start_s=np.where(astray, own.start_s + own.duration_s, put))


def doings(
    seed: int, start: datetime, days: int, zone: ZoneInfo, profile: str | Profile = "frugal", *, trips: bool = True
) -> Doings:
    """Return what the person of this seed does in the `days` x 24 h from `start`.

    Parameters and errors are those of `simulators.households.life`; any window of a life is the same life.
    """
    draws = life(seed, start, days, zone, profile, trips=trips)
    when = rhythm(seed, start, days, zone, profile)
    spans = np.array(nights_away(seed, start, days, zone, profile) if trips else []).reshape(-1, 2)
    out = _united(np.concatenate([when.out, spans]))
    passes = np.concatenate([out[:, 0] - TO_DOOR_S, out[:, 1] + TO_DOOR_S])
    walks = _walks(seed, start, days, zone, when, out)
    moves = np.sort(np.concatenate([steps(draws), walks, passes]))
    return Doings(draws, moves, out.ravel(), out)


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


def steps(draws: Draws) -> Floats:
    """Return (2N,) moments at which somebody steps to a draw and away from it."""
    return np.concatenate([draws.start_s, draws.start_s + draws.duration_s])


def inside(times: Floats, spans: Floats) -> Bools:
    """Return (N,) which times lie in one of `spans` (K, 2), which are in order and apart."""
    nth = np.searchsorted(spans[:, 0], times, side="right") - 1
    ends = np.concatenate([spans[:, 1], [-np.inf]])  # the last one is for times before all spans
    within: Bools = times < ends[nth]
    return within


def _united(spans: Floats) -> Floats:
    """Return spans as ones that are apart: who goes on from one place to another has been out once."""
    ordered = spans[np.argsort(spans[:, 0], kind="stable")]
    ends = np.maximum.accumulate(ordered[:, 1]) if len(ordered) else NOTHING
    first = np.concatenate([[True], ordered[1:, 0] > ends[:-1]])[: len(ordered)]
    last = np.concatenate([first[1:], [True]])[: len(ordered)]
    return np.stack([ordered[first, 0], ends[last]], axis=1)


def _walks(seed: int, start: datetime, days: int, zone: ZoneInfo, when: Rhythm, out: Floats) -> Floats:
    """Return walks past a sensor: evenly over the waking hours of each day, none while out."""
    rise, bed = when.awake[:, 0], when.awake[:, 1]
    ordinal = np.array([datetime.fromtimestamp(at, zone).toordinal() for at in (rise + bed) / 2], np.int64)
    chance = Chance(seed)
    count = counts(np.full(len(ordinal), WALKS_PER_DAY), chance.pick(ordinal, _SLOT), MOST_WALKS)
    day, nth = expand(count)
    at = rise[day] + chance.pick(ordinal[day], _SLOT + 1 + nth) * (bed - rise)[day]
    window = (at >= start.timestamp()) & (at < start.timestamp() + days * 86_400.0)
    return at[window & ~inside(at, out)]


def _outside(times: Floats, begin: float, end: float) -> Bools:
    keep: Bools = (times < begin) | (times >= end)
    return keep
