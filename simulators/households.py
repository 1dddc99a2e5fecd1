"""One older person living alone, as draws of water: who never lived, but could have.

How this works.  A *person* is drawn once from the seed: when they rise and go to bed, whether they nap, how often they go
out, how much each use takes.  Every number of a *day* comes from a hash of (seed, day, what it is for), never from a
running generator, so that a day is the same however long the simulation runs and wherever it starts: a demonstration
that is stopped goes on with the same person.  A day has eight phases between rising and bed; each use has a rate and a
weight for each phase.  Outings move or swallow draws, trips swallow days.

Parameters: Blokker, Vreeburg & van Dijk 2010 (SIMDEUM, J. Water Resour. Plan. Manage.) where published; prevalence of
nocturia: KLoSHA 2012 and NHANES; otherwise assumptions that make the published totals come out (frugal Chinese senior
about 85 L a day).  Assumptions carry the mark [A].
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulators.chance import Chance

Floats = NDArray[np.float64]
Profile = Literal["frugal", "average", "generous"]

RATE_AND_VOLUME: dict[Profile, tuple[float, float]] = {
    "frugal": (1.0, 1.0),
    "average": (1.08, 1.18),
    "generous": (1.2, 1.55),
}
"""How much more often, and how much more at a time, than the frugal senior: 60-90, 90-130, 130-200 L a day. [A]"""
LONGEST_TRIP_DAYS = 30


@dataclass(frozen=True, slots=True)
class Draws:
    """Uses of water, each array (N,), in order of start: seconds since 1970, litres, seconds."""

    start_s: Floats
    litres: Floats
    duration_s: Floats

    def __len__(self) -> int:
        return len(self.start_s)


@dataclass(frozen=True, slots=True)
class Use:
    """A kind of use: how often, when, how much at a time."""

    name: str
    per_day: float
    between: float
    """Spread of the rate between people, standard deviation of its logarithm."""
    most: int
    phases: tuple[float, ...]
    """Weights of: wake hour, morning, lunch, noon rest, afternoon, dinner, evening, bed routine."""
    litres: float
    """Median volume. [L]"""
    spread: float
    flow_l_s: float


USES = (
    Use("toilet", 5.0, 0.37, 14, (0.16, 0.18, 0.08, 0.08, 0.18, 0.08, 0.16, 0.08), 4.6, 0.28, 0.08),
    Use("face", 2.6, 0.30, 8, (0.45, 0.03, 0.02, 0.02, 0.03, 0.02, 0.03, 0.40), 1.1, 0.65, 0.065),
    Use("kettle", 2.3, 0.30, 8, (0.25, 0.20, 0.10, 0.10, 0.15, 0.10, 0.10, 0.00), 1.1, 0.35, 0.08),
    Use("taps", 3.0, 0.50, 12, (0.10, 0.25, 0.10, 0.05, 0.25, 0.10, 0.13, 0.02), 0.55, 0.90, 0.07),
    Use("mop", 0.30, 0.50, 3, (0.10, 0.50, 0.00, 0.05, 0.25, 0.05, 0.05, 0.00), 4.0, 0.40, 0.10),
    Use("foot basin", 0.35, 0.80, 1, (0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.30, 0.70), 5.0, 0.25, 0.08),
)
SHOWER = Use("shower", 0.60, 0.35, 1, (0.10, 0.05, 0.00, 0.00, 0.10, 0.05, 0.55, 0.15), 26.0, 0.45, 0.086)
LAUNDRY_PHASES = (0.10, 0.50, 0.05, 0.05, 0.20, 0.05, 0.05, 0.00)
MACHINE_FILLS_H = (0.0, 0.35, 0.6)


@dataclass(frozen=True, slots=True)
class Person:
    """What stays the same from day to day.  Hours are local hours of the day."""

    rise_h: float
    bed_h: float
    day_sd_h: float
    naps: bool
    outing: tuple[float, float]
    """Probability of a morning and of an afternoon outing."""
    weekday: Floats
    """(7,) factor on outings."""
    visit_weekday: int
    """Day of the week of a fixed all-day visit, -1: none."""
    visit_per_day: float
    trip_per_day: float
    guests_per_day: float
    day_spread: float
    rates: Floats
    volumes: Floats
    shower: float
    breakfast: float
    night_toilet: float
    machine_per_day: float
    hand_laundry_per_day: float
    rate: float
    volume: float


def person(seed: int, profile: Profile = "frugal") -> Person:
    """Return the person of this seed: China profile, distributions between people as in the module's sources."""
    rng = np.random.Generator(np.random.PCG64([abs(seed), 7]))
    rate, volume = RATE_AND_VOLUME[profile]
    machine = rng.random() < 0.8
    lively = float(np.exp(rng.normal(0, 0.22) - 0.024))  # one spread on all rates: some people just use more
    return Person(
        rise_h=float(np.clip(rng.normal(6.2, 0.8), 4.0, 9.0)),
        bed_h=float(np.clip(rng.normal(21.6, 0.8), 19.5, 24.0)),
        day_sd_h=float(0.35 * rng.lognormal(0, 0.35)),
        naps=bool(rng.random() < 0.65),
        outing=(float(rng.beta(1.6, 1.6)), float(rng.beta(1.2, 2.2))),
        weekday=np.exp(rng.normal(0, 0.5, 7)),
        visit_weekday=int(rng.integers(7)) if rng.random() < 0.25 else -1,
        visit_per_day=float(rng.gamma(1.0, 0.03)),
        trip_per_day=float(rng.gamma(0.8, 0.010 / 0.8)),
        guests_per_day=float(rng.gamma(1.0, 0.03)),
        day_spread=float(0.26 * np.exp(rng.normal(0, 0.35))),
        rates=np.array([u.per_day * np.exp(rng.normal(0, u.between) - u.between**2 / 2) for u in USES]),
        volumes=np.exp(rng.normal(0, 0.2, len(USES))),
        shower=float(np.exp(rng.normal(0, 0.35))),
        breakfast=float(rng.beta(5, 1)),
        night_toilet=float(rng.gamma(1.8, 1.5 / 1.8)),
        machine_per_day=float(0.30 * np.exp(rng.normal(0, 0.5))) if machine else 0.0,
        hand_laundry_per_day=0.18 if machine else 0.75,
        rate=rate * lively,
        volume=volume,
    )


def life(
    seed: int, start: datetime, days: int, zone: ZoneInfo, profile: Profile = "frugal", *, trips: bool = True
) -> Draws:
    """Return every draw that begins in the `days` x 24 h from `start`.

    Parameters
    ----------
    seed : int
        The person; the same seed gives the same draws at the same times, whatever window is asked for.
    start : datetime
        Aware.
    zone : ZoneInfo
        Where the person lives.
    trips : bool
        False: this person never stays away over night.

    Raises
    ------
    ValueError
        `start` is naive or `days` is below 1.
    """
    if start.tzinfo is None or days < 1:
        raise ValueError(f"want an aware start and at least one day, got {start!r}, {days}")
    first = start.astimezone(zone).date() - timedelta(days=1)  # the night before belongs to its own day
    who = person(seed, profile)
    dates = [first + timedelta(days=n) for n in range(days + 2)]
    midnight = np.array([datetime.combine(d, time(), zone).timestamp() for d in dates])
    day, hour, litres, flow = _draws(who, Chance(seed), np.array([d.toordinal() for d in dates]))
    begin = midnight[day] + hour * 3600.0
    keep = (begin >= start.timestamp()) & (begin < start.timestamp() + days * 86_400.0)
    if trips:
        for left, back in _trips(who, Chance(seed), first, len(dates), zone):
            keep &= (begin < left) | (begin >= back)
    order = np.argsort(begin[keep], kind="stable")
    begin, litres, flow = begin[keep][order], litres[keep][order], flow[keep][order]
    return Draws(begin, litres, litres / flow)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When somebody is up, and when out of the home: spans (N, 2) of seconds since 1970, in order of time."""

    awake: Floats
    out: Floats


def rhythm(seed: int, start: datetime, days: int, zone: ZoneInfo, profile: Profile = "frugal") -> Rhythm:
    """Return when the person of `life` is up and out in the `days` x 24 h from `start`; trips over night left out."""
    first = start.astimezone(zone).date() - timedelta(days=1)
    dates = [first + timedelta(days=n) for n in range(days + 2)]
    midnight = np.array([datetime.combine(d, time(), zone).timestamp() for d in dates])
    who, ordinal = person(seed, profile), np.array([d.toordinal() for d in dates])
    anchors = _anchors(who, Chance(seed), ordinal)
    spans = [
        np.stack([one.leaves, one.returns], axis=1)[one.goes] * 3600 + midnight[one.goes, None]
        for one in _outings(who, Chance(seed), ordinal, anchors)
    ]
    awake = anchors[:, [0, 8]] * 3600 + midnight[:, None]
    window = start.timestamp(), start.timestamp() + days * 86_400.0
    return Rhythm(_within(awake, *window), _within(np.concatenate(spans), *window))


def _within(spans: Floats, begin: float, end: float) -> Floats:
    kept = spans[(spans[:, 0] < end) & (spans[:, 1] > begin)]
    return kept[np.argsort(kept[:, 0], kind="stable")]


def trips(
    seed: int, start: datetime, days: int, zone: ZoneInfo, profile: Profile = "frugal"
) -> list[tuple[float, float]]:
    """Return (left, back) in seconds since 1970 of the nights away that touch the window: what a family may declare."""
    begin, end = start.timestamp(), start.timestamp() + days * 86_400.0
    found = _trips(person(seed, profile), Chance(seed), start.astimezone(zone).date(), days + 1, zone)
    return [(left, back) for left, back in found if left < end and back > begin]


def _trips(who: Person, chance: Chance, first: date, count: int, zone: ZoneInfo) -> Iterator[tuple[float, float]]:
    dates = [first + timedelta(days=n) for n in range(-LONGEST_TRIP_DAYS, count)]
    ordinal = np.array([d.toordinal() for d in dates])
    leaves = chance.uniform(ordinal, 1)[:, 0] < who.trip_per_day
    nights = 1 + np.floor(np.log(chance.uniform(ordinal, 2)[:, 0]) / np.log(0.75))  # geometric, mean 4
    for n in np.flatnonzero(leaves):
        back = dates[n] + timedelta(days=int(min(nights[n], LONGEST_TRIP_DAYS)))
        yield datetime.combine(dates[n], time(10), zone).timestamp(), datetime.combine(back, time(15), zone).timestamp()


Some = tuple[NDArray[np.intp], Floats, Floats, Floats]
"""Draws as (index of the day, local hour, litres, litres per second)."""


def _draws(who: Person, chance: Chance, ordinal: NDArray[np.int64]) -> Some:
    anchors = _anchors(who, chance, ordinal)
    factor = who.rate * _day_factor(who, chance, ordinal)
    parts = [_uses(who, chance, ordinal, anchors, factor), _meals(who, chance, ordinal, anchors, factor)]
    parts += [_shower(who, chance, ordinal, anchors), _laundry(who, chance, ordinal, anchors, factor)]
    waking: Some = _joined(parts)
    waking = _go_out(who, chance, ordinal, anchors, waking)
    return _joined([waking, _nights(who, chance, ordinal, anchors)])


def _joined(parts: list[Some]) -> Some:
    day, hour, litres, flow = (np.concatenate(column) for column in zip(*parts, strict=True))
    return day, hour, litres, flow


def _anchors(who: Person, chance: Chance, ordinal: NDArray[np.int64]) -> Floats:
    """Return (days, 9) local hours: edges of the eight phases of each day."""
    z = chance.normal(ordinal, 10, 2) * who.day_sd_h
    rise, bed = who.rise_h + z[:, 0], who.bed_h + 1.3 * z[:, 1]
    lunch, dinner = 0.35 * rise + 9.0, 0.35 * bed + 9.5
    edges = [rise, rise + 1, lunch, lunch + 1.2, lunch + 3.0, dinner, dinner + 1.2, bed - 1, bed]
    return np.maximum.accumulate(np.stack(edges, axis=1), axis=1)


def _day_factor(who: Person, chance: Chance, ordinal: NDArray[np.int64]) -> Floats:
    """Return (days,) factors on all rates: autocorrelated (0.35), mean 1, more on days with guests."""
    z = sum(0.35**lag * chance.normal(ordinal - lag, 20, 1)[:, 0] for lag in range(5)) * np.sqrt(1 - 0.35**2)
    guests = np.where(chance.uniform(ordinal, 3)[:, 0] < who.guests_per_day, 1.6, 1.0)
    factor: Floats = np.exp(who.day_spread * z - who.day_spread**2 / 2) * guests
    return factor


def _in_phase(
    anchors: Floats, day: NDArray[np.intp], weights: tuple[float, ...], u_phase: Floats, u_time: Floats
) -> Floats:
    phase = np.minimum(np.searchsorted(np.cumsum(weights) / sum(weights), u_phase), len(weights) - 1)
    left, right = anchors[day, phase], anchors[day, phase + 1]
    hours: Floats = left + u_time * (right - left)
    return hours


def _uses(who: Person, chance: Chance, ordinal: NDArray[np.int64], anchors: Floats, factor: Floats) -> Some:
    parts = []
    for n, use in enumerate(USES):
        slot = 100 + 100 * n
        count = chance.poisson(ordinal, slot, who.rates[n] * factor, use.most)
        day, nth = chance.expand(count)
        u = [chance.pick(ordinal[day], slot + 1 + 5 * nth + k) for k in range(4)]
        hour = _in_phase(anchors, day, use.phases, u[0], u[1])
        litres = use.litres * who.volume * who.volumes[n] * np.exp(use.spread * chance.bell(u[2], u[3]))
        rests = who.naps & (hour > anchors[day, 3] + 0.6) & (hour < anchors[day, 3] + 1.7)
        awake = ~(rests & (chance.pick(ordinal[day], slot + 5 + 5 * nth) < 0.8 * 0.96))
        parts.append((day[awake], hour[awake], litres[awake], np.full(int(awake.sum()), use.flow_l_s)))
        if use.name == "toilet":
            parts.append(_hands(chance, ordinal, day[awake], hour[awake], nth[awake]))
    return _joined(parts)


def _hands(
    chance: Chance, ordinal: NDArray[np.int64], day: NDArray[np.intp], hour: Floats, nth: NDArray[np.int64]
) -> Some:
    """Return washing of hands, two minutes after 60 % of visits to the toilet."""
    u = [chance.pick(ordinal[day], 1900 + 3 * nth + k) for k in range(3)]
    washes = u[0] < 0.6
    litres = 0.6 * np.exp(0.6 * chance.bell(u[1], u[2]))
    return day[washes], hour[washes] + 2 / 60, litres[washes], np.full(int(washes.sum()), 0.065)


def _meals(who: Person, chance: Chance, ordinal: NDArray[np.int64], anchors: Floats, factor: Floats) -> Some:
    parts = []
    for n, (anchor, weight) in enumerate(((0, 0.55), (2, 1.0), (5, 1.0))):
        slot = 2000 + 200 * n
        cooks = chance.uniform(ordinal, slot)[:, 0] < (who.breakfast if n == 0 else 0.9)
        count = np.where(cooks, 1 + chance.poisson(ordinal, slot + 1, 3.2 * weight * factor, 12), 0)
        day, nth = chance.expand(count)
        u = [chance.pick(ordinal[day], slot + 2 + 4 * nth + k) for k in range(3)]
        litres = 1.3 * who.volume * np.exp(0.85 * chance.bell(u[1], u[2]))
        parts.append((day, anchors[day, anchor] + 0.1 + 1.25 * u[0], litres, np.full(len(day), 0.08)))
    return _joined(parts)


def _shower(who: Person, chance: Chance, ordinal: NDArray[np.int64], anchors: Floats) -> Some:
    """Showers: 35 % of winter days, 85 % of summer days, times the person's liking."""
    often = np.clip((0.6 + 0.25 * np.cos(2 * np.pi * (ordinal % 365.25 - 205) / 365.25)) * who.shower, 0, 0.97)
    day = np.flatnonzero(chance.uniform(ordinal, 3000)[:, 0] < often)
    u = [chance.pick(ordinal[day], 3001 + k) for k in range(4)]
    hour = _in_phase(anchors, day, SHOWER.phases, u[0], u[1])
    litres = SHOWER.litres * who.volume * np.exp(SHOWER.spread * chance.bell(u[2], u[3]))
    return day, hour, litres, np.full(len(day), SHOWER.flow_l_s)


def _laundry(who: Person, chance: Chance, ordinal: NDArray[np.int64], anchors: Floats, factor: Floats) -> Some:
    """Return washing machine fills (three of 14 L) and washing by hand (a few of 3 L)."""
    loads, _ = chance.expand(chance.poisson(ordinal, 3100, who.machine_per_day * factor, 1))
    u = [chance.pick(ordinal[loads], 3101 + k) for k in range(2)]
    begin = _in_phase(anchors, loads, LAUNDRY_PHASES, u[0], u[1])
    fills = len(MACHINE_FILLS_H)
    hour = (begin[:, None] + np.array(MACHINE_FILLS_H)).ravel()
    machine = np.repeat(loads, fills), hour, np.full(len(hour), 14.0), np.full(len(hour), 0.13)
    by_hand = chance.poisson(ordinal, 3200, who.hand_laundry_per_day * factor, 1)
    count = np.where(by_hand > 0, 2 + chance.poisson(ordinal, 3201, np.full(len(ordinal), 1.5), 6), 0)
    day, nth = chance.expand(count)
    start = _in_phase(anchors, day, LAUNDRY_PHASES, chance.pick(ordinal[day], 3202), chance.pick(ordinal[day], 3203))
    u = [chance.pick(ordinal[day], 3210 + 3 * nth + k) for k in range(3)]
    litres = 3.2 * who.volume * np.exp(0.4 * chance.bell(u[1], u[2]))
    return _joined([machine, (day, start + 0.6 * u[0], litres, np.full(len(day), 0.1))])


def _nights(who: Person, chance: Chance, ordinal: NDArray[np.int64], anchors: Floats) -> Some:
    """Return visits to the toilet between going to bed and rising."""
    day, nth = chance.expand(chance.poisson(ordinal, 3300, np.full(len(ordinal), who.night_toilet), 5))
    u = [chance.pick(ordinal[day], 3301 + 4 * nth + k) for k in range(4)]
    hour = anchors[day, 8] + u[0] * (24.0 + who.rise_h - anchors[day, 8])
    flush = u[1] < 0.9
    litres = np.where(flush, 4.2 * who.volumes[0] * who.volume, 0.0) + np.where(u[2] < 0.4, 0.3 + 0.6 * u[3], 0.0)
    keep = litres > 0
    return day[keep], hour[keep], litres[keep], np.full(int(keep.sum()), 0.08)


class Outing(NamedTuple):
    """One kind of outing on each day, all (days,): does it happen, when it begins and ends (local hours), what it swallows."""

    goes: NDArray[np.bool_]
    leaves: Floats
    returns: Floats
    all_day: bool
    """True: water is used elsewhere; False: half of the draws is only put off until the return."""


def _outings(who: Person, chance: Chance, ordinal: NDArray[np.int64], anchors: Floats) -> list[Outing]:
    """Return the morning outings, the afternoon outings and the visits that take a day."""
    weekday = (ordinal + 6) % 7  # 0 is Monday
    found = []
    begins = (anchors[:, 0] + 2.4, np.full(len(ordinal), 15.0))
    for n, (begin, median) in enumerate(zip(begins, (1.3, 1.9), strict=True)):
        z = chance.normal(ordinal, 3400 + 10 * n, 2)
        leaves = begin + 0.7 * z[:, 0]
        goes = chance.uniform(ordinal, 3408 + 10 * n)[:, 0] < np.clip(who.outing[n] * who.weekday[weekday], 0, 0.97)
        found.append(Outing(goes, leaves, leaves + median * np.exp(0.45 * z[:, 1]), all_day=False))
    z = chance.normal(ordinal, 3500, 2)
    leaves, returns = 9.6 + 0.8 * z[:, 0], 9.6 + 0.8 * z[:, 0] + 7 * np.exp(0.3 * z[:, 1])
    u = chance.uniform(ordinal, 3508)[:, 0]
    visits = (u < who.visit_per_day) | ((weekday == who.visit_weekday) & (u < 0.65))
    return [*found, Outing(visits, leaves, returns, all_day=True)]


def _go_out(who: Person, chance: Chance, ordinal: NDArray[np.int64], anchors: Floats, draws: Some) -> Some:
    """Drop half of the draws of an outing and move the rest to just after the return; a day's visit swallows all."""
    day, hour, litres, flow = draws
    keep, at = np.ones(len(day), np.bool_), hour.copy()
    own = 90_000 + 2 * np.floor(hour * 1e6).astype(np.int64)  # a slot that depends on nothing but the draw itself
    coin, late = chance.pick(ordinal[day], own), chance.pick(ordinal[day], own + 1)
    for outing in _outings(who, chance, ordinal, anchors):
        away = outing.goes[day] & (at >= outing.leaves[day]) & (at < outing.returns[day])
        if outing.all_day:
            keep &= ~away
        else:
            keep &= ~(away & (coin < 0.5))
            at = np.where(away, outing.returns[day] + 0.5 * late, at)
    return day[keep], at[keep], litres[keep], flow[keep]
