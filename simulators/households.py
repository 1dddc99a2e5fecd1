"""Older people who live alone, as draws of water: one home or a hundred thousand, any window of their lives.

How this works.  A *person* (`people`) is drawn once from the home's seed: when they rise and go to bed, whether they nap,
how often they go out, how much each use takes.  Their *days* (`days`) bring moods, outings, trips, guests and festivals,
and each day its *uses* of water (`uses`).  Every number is a hash of (home, day, what it is for), never from a running
generator: a day is the same however long the simulation runs, wherever it starts, and whoever is simulated beside it.
The settings and their sources are in `profiles`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.calendars import Calendar, calendar
from simulators.chance import Floats, keys, numbers
from simulators.days import BACK_H, BED, LEFT_H, LONGEST_TRIP_DAYS, days_of, journeys
from simulators.people import People, people
from simulators.profiles import Profile, profile_of
from simulators.uses import uses

DAY_S = 86_400.0
AT_ONCE = 16_384
"""Days of people that are worked out together: what fits into a processor's cache."""
LivedDays = Callable[[NDArray[np.uint64], datetime, ZoneInfo], Iterator["Drawn"]]
"""(seeds, start, zone) -> the draws of each 24 h from the start, for ever."""


@dataclass(frozen=True, slots=True)
class Draws:
    """Uses of water of one home, each array (N,), in order of start: seconds since 1970, litres, seconds."""

    start_s: Floats
    litres: Floats
    duration_s: Floats

    def __len__(self) -> int:
        return len(self.start_s)

    def where(self, picked: NDArray[Any]) -> "Draws":
        """Return those that `picked`, an index or (N,) bool, chooses."""
        return Draws(self.start_s[picked], self.litres[picked], self.duration_s[picked])


class Drawn(NamedTuple):
    """Uses of water of many homes, each array (N,), in no particular order."""

    home: NDArray[np.int32]
    """Index of the home."""
    start_s: Floats
    """Seconds since 1970."""
    litres: Floats
    duration_s: Floats

    def of(self, home: int) -> Draws:
        """Return what one of the homes draws, in order of start."""
        mine = np.flatnonzero(self.home == home)
        mine = mine[np.argsort(self.start_s[mine], kind="stable")]
        return Draws(self.start_s[mine], self.litres[mine], self.duration_s[mine])


def joined(*parts: Drawn) -> Drawn:
    """Return the draws of all, one or more."""
    return Drawn(*(np.concatenate(column) for column in zip(*parts, strict=True)))


class Window:
    """The days that touch the `days` x 24 h from an aware `start`: with the one before, whose night reaches into it."""

    def __init__(self, start: datetime, days: int, zone: ZoneInfo) -> None:
        if start.tzinfo is None or days < 1:
            raise ValueError(f"want an aware start and at least one day, got {start!r}, {days}")
        first = start.astimezone(zone).date() - timedelta(days=1)
        self.dates = [first + timedelta(days=n) for n in range(days + 2)]
        self.ordinal = np.array([day.toordinal() for day in self.dates], np.int64)
        self.midnight = np.array([_moment(day, 0, zone) for day in self.dates])
        self.begin = start.timestamp()
        self.end = self.begin + days * DAY_S

    def feasts(self, p: Profile) -> Calendar:
        """Return the holidays of these days."""
        return p.feasts or calendar(p.country, p.festival, self.dates[0].year, self.dates[-1].year)


def home_seeds(seed: int, homes: range) -> NDArray[np.uint64]:
    """Return the seeds of these homes of a cohort: `life(int(seeds[3]), ...)` is its home number `homes[3]`."""
    return numbers(keys(seed), np.array(homes, np.int64))


def lives(
    seeds: ArrayLike,
    start: datetime,
    days: int,
    zone: ZoneInfo,
    profile: str | Profile = "frugal",
    *,
    trips: bool = True,
) -> Drawn:
    """Return every draw of the homes with these seeds (H,) that begins in the `days` x 24 h from `start`.

    Parameters
    ----------
    seeds : (H,) whole numbers
        The people; the same seed gives the same draws at the same times, whatever window is asked for.
    start : datetime
        Aware.
    zone : ZoneInfo
        Where the people live.
    profile : str or Profile
        What they have in common.
    trips : bool
        False: nobody stays away over night.

    Raises
    ------
    ValueError
        `start` is naive, `days` is below 1, or there is no such profile.
    """
    p, window = profile_of(profile), Window(start, days, zone)
    who, feasts = people(keys(seeds), p), window.feasts(p)
    step = max(1, AT_ONCE // len(window.dates))
    parts = [_drawn(who, first, step, window, p, feasts, trips) for first in range(0, len(who), step)]
    if not parts:
        return Drawn(np.empty(0, np.int32), np.empty(0), np.empty(0), np.empty(0))
    return joined(*parts)


def _drawn(who: People, first: int, step: int, window: Window, p: Profile, feasts: Calendar, trips: bool) -> Drawn:
    some = days_of(who.rows(slice(first, first + step)), window.ordinal, p, feasts, trips=trips)
    row, hour, litres, duration, done = uses(some, p)
    start = np.tile(window.midnight, len(some.who))[row]
    start += hour * 3600.0
    keep = np.flatnonzero(done & (start >= window.begin) & (start < window.end))
    home = (some.person + first).astype(np.int32)
    return Drawn(home[row[keep]], start[keep], litres[keep], duration[keep])


def seniors(profile: str | Profile = "frugal", *, trips: bool = True) -> LivedDays:
    """Return the lives of people of a profile, day by day."""

    def lived(seeds: NDArray[np.uint64], start: datetime, zone: ZoneInfo) -> Iterator[Drawn]:
        at = start.astimezone(UTC)  # a day of 24 h, whatever the local clock does
        while True:
            yield lives(seeds, at, 1, zone, profile, trips=trips)
            at += timedelta(days=1)

    return lived


def life(
    seed: int, start: datetime, days: int, zone: ZoneInfo, profile: str | Profile = "frugal", *, trips: bool = True
) -> Draws:
    """Return every draw of one home; parameters and errors are those of `lives`."""
    return lives([seed], start, days, zone, profile, trips=trips).of(0)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When somebody is up, and when out of the home: spans (N, 2) of seconds since 1970, in order of time."""

    awake: Floats
    out: Floats


def rhythm(seed: int, start: datetime, days: int, zone: ZoneInfo, profile: str | Profile = "frugal") -> Rhythm:
    """Return when the person of `life` is up and out in the `days` x 24 h from `start`; trips over night left out."""
    p, window = profile_of(profile), Window(start, days, zone)
    lived = days_of(people(keys(seed), p), window.ordinal, p, window.feasts(p), trips=False)
    spans = np.stack([lived.leaves, lived.returns], axis=2) * 3600.0 + window.midnight[:, None, None]
    awake = lived.anchors[:, [0, BED]] * 3600.0 + window.midnight[:, None]
    out = spans.reshape(-1, 2)
    return Rhythm(_within(awake, window), _within(out[np.isfinite(out[:, 0])], window))


def _within(spans: Floats, window: Window) -> Floats:
    kept = spans[(spans[:, 0] < window.end) & (spans[:, 1] > window.begin)]
    return kept[np.argsort(kept[:, 0], kind="stable")]


def trips(
    seed: int, start: datetime, days: int, zone: ZoneInfo, profile: str | Profile = "frugal"
) -> list[tuple[float, float]]:
    """Return (left, back) in seconds since 1970 of the nights away that touch the window: what a family may declare.

    They may overlap: somebody on a trip may go on to the children's.
    """
    p, window = profile_of(profile), Window(start, days, zone)
    first = window.dates[0] - timedelta(days=LONGEST_TRIP_DAYS)
    dates = [first + timedelta(days=n) for n in range(LONGEST_TRIP_DAYS + days + 1)]
    ordinal = np.array([day.toordinal() for day in dates], np.int64)
    nights = journeys(people(keys(seed), p), ordinal, p, window.feasts(p))[0]
    spans = [
        (_moment(dates[n], LEFT_H, zone), _moment(dates[n] + timedelta(days=int(nights[n])), BACK_H, zone))
        for n in np.flatnonzero(nights).tolist()
    ]
    return [(left, back) for left, back in spans if left < window.end and back > window.begin]


def _moment(day: date, hour: float, zone: ZoneInfo) -> float:
    """Return the moment at which the local clock shows a full hour."""
    return datetime.combine(day, time(int(hour)), zone).timestamp()
