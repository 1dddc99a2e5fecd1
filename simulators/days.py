"""The days of many people: when each rises, eats, rests, goes out and stays away; before any water is drawn.

A *row* is one day of one person.  Hours are local hours of that day; above 24 they belong to the night after it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.calendars import Calendar
from simulators.chance import Bits, Floats, Rows, bell, level, lognormal, numbers, unit
from simulators.people import People
from simulators.profiles import Profile

LONGEST_TRIP_DAYS = 30
LEFT_H, BACK_H = 10.0, 15.0
"""A trip begins and ends at these hours. [A]"""
BED = 8
"""Column of `anchors`: going to bed; the next is the next day's rising."""
LAGS = 5
"""So many days back the mood of a day is remembered; 0.35 to the fifth is nothing."""
MORNING, AFTERNOON, VISIT = 0, 1, 2
_ANCHORS, _MOOD, _GUESTS, _HOLIDAY, _TRIP, _NIGHTS, _NAP, _OUT = 0, 4, 8, 9, 10, 11, 12, 16
_FESTIVAL = 1_000_000
"""Slots of a row's chance (`_FESTIVAL`: of the person's); uses of water begin at 64."""


@dataclass(frozen=True)
class Days:
    """All arrays have one row for each day of each person: those of the first person first, by day."""

    who: People
    person: Rows
    ordinal: NDArray[np.int64]
    """Proleptic Gregorian ordinal of the day."""
    key: Bits
    anchors: Floats
    """(R, 10) edges of the nine phases of the day; the last is the night."""
    factor: Floats
    """On all rates of the day."""
    rest: Floats
    """(R, 2) begin and end of the noon rest; both infinite without one."""
    leaves: Floats
    """(R, 3) when an outing of the morning, of the afternoon, and a visit of a day begins; infinite: none."""
    returns: Floats
    away: Floats
    """(R, 2) nights away: nothing happens at home from the first to the second; both infinite: none."""

    def __len__(self) -> int:
        return len(self.key)


def days_of(who: People, ordinal: NDArray[np.int64], p: Profile, feasts: Calendar, *, trips: bool = True) -> Days:
    """Return the days `ordinal` (D,), consecutive, of these people."""
    homes, count = len(who), len(ordinal)
    person = np.repeat(np.arange(homes), count)
    flat, key = np.tile(ordinal, homes), _keys(who, ordinal).ravel()
    anchors = _anchors(who, person, key, p)
    leaves, returns = _outings(who, person, key, flat, anchors, p)
    return Days(
        who=who,
        person=person,
        ordinal=flat,
        key=key,
        anchors=anchors,
        factor=_factor(who, ordinal, p, feasts).ravel(),
        rest=_rests(who, person, key, anchors, p),
        leaves=leaves,
        returns=returns,
        away=_away(who, ordinal, p, feasts) if trips else np.full((len(key), 2), np.inf),
    )


def journeys(who: People, ordinal: NDArray[np.int64], p: Profile, feasts: Calendar) -> Floats:
    """Return (H, D) nights away that begin on each of these days, 0: none; they may overlap."""
    key = _keys(who, ordinal)
    nights = np.where(unit(numbers(key, _TRIP)) < who.trip_per_day[:, None], _geometric(key, p.trip_nights), 0.0)
    _, since = feasts.since_festival(ordinal)
    to_children = (since == -1) & (_at_festival(who, ordinal, feasts) < p.festival_away)
    return np.where(to_children, np.maximum(nights, 1 + _geometric(key, p.festival_nights)), nights)


def _keys(who: People, ordinal: NDArray[np.int64]) -> Bits:
    return numbers(who.key[:, None], ordinal)


def _geometric(key: Bits, mean: float) -> Floats:
    nights: Floats = 1 + np.floor(np.log(unit(numbers(key, _NIGHTS))) / np.log(1 - 1 / mean))
    return np.minimum(nights, LONGEST_TRIP_DAYS - 2.0)


def _at_festival(who: People, ordinal: NDArray[np.int64], feasts: Calendar) -> Floats:
    """Return (H, D) in (0, 1): what each person does at the festival nearest to each day."""
    nearest, _ = feasts.since_festival(ordinal)
    return unit(numbers(who.key[:, None], _FESTIVAL + nearest))


def _anchors(who: People, person: Rows, key: Bits, p: Profile) -> Floats:
    bits = numbers(key, _ANCHORS)
    sd = who.day_sd_h[person]
    rise = who.rise_h[person] + sd * bell()[level(bits, 0)]
    bed = who.bed_h[person] + p.bed_day * sd * bell()[level(bits, 12)]
    lunch, dinner = p.lunch[0] * rise + p.lunch[1], p.dinner[0] * bed + p.dinner[1]
    ends = lunch + p.meal_h
    edges = np.empty((len(key), 10))
    columns = (rise, rise + 1, lunch, ends, ends + 1.8, dinner, dinner + p.meal_h, bed - 1, bed)
    for n, column in enumerate(columns):
        edges[:, n] = column if n == 0 else np.maximum(column, edges[:, n - 1])
    edges[:, 9] = np.maximum(24.0 + who.rise_h[person], edges[:, BED])
    return edges


def _factor(who: People, ordinal: NDArray[np.int64], p: Profile, feasts: Calendar) -> Floats:
    """Return (H, D) factors of mean about 1, each day like the one before to some degree; more with guests."""
    before = np.concatenate([ordinal[0] - np.arange(LAGS - 1, 0, -1), ordinal])
    z = bell()[level(numbers(_keys(who, before), _MOOD))]
    mood = np.zeros((len(who), len(ordinal)))
    for lag in range(LAGS):
        mood += p.day_memory**lag * z[:, LAGS - 1 - lag : z.shape[1] - lag]
    mood *= np.sqrt(1 - p.day_memory**2)
    sd = who.day_spread[:, None]
    key, (_, since) = _keys(who, ordinal), feasts.since_festival(ordinal)
    chance = np.where(feasts.is_other(ordinal), p.holiday_guests, 0.0)
    guests = unit(numbers(key, _GUESTS)) < np.maximum(who.guests_per_day[:, None], chance)
    at = _at_festival(who, ordinal, feasts)
    hosts = (at >= p.festival_away) & (at < p.festival_away + p.festival_guests)
    guests |= hosts & (since >= 0) & (since < p.festival_days)
    return np.exp(sd * mood - sd**2 / 2) * np.where(guests, p.guests, 1.0)


def _rests(who: People, person: Rows, key: Bits, anchors: Floats, p: Profile) -> Floats:
    rests = who.naps[person] & (unit(numbers(key, _NAP)) < p.nap_days)
    return np.where(rests[:, None], anchors[:, 3, None] + np.array(p.nap_h), np.inf)


def _outings(
    who: People, person: Rows, key: Bits, ordinal: NDArray[np.int64], anchors: Floats, p: Profile
) -> tuple[Floats, Floats]:
    """Return (R, 3) when outings begin and end."""
    weekday = ((ordinal + 6) % 7).astype(np.intp)  # 0 is Monday
    leaves, returns = np.full((len(key), 3), np.inf), np.full((len(key), 3), np.inf)
    begins = (anchors[:, 0] + p.morning_out_h, np.full(len(key), p.afternoon_out_h))
    for n, (begin, median) in enumerate(zip(begins, p.out_for_h, strict=True)):
        bits = numbers(key, _OUT + 2 * n)
        chance = np.minimum(who.outing[person, n] * who.weekday[person, weekday], 0.97)
        goes = unit(numbers(key, _OUT + 2 * n + 1)) < chance
        left = begin + p.out_day_h * bell()[level(bits, 0)]
        back = left + median * lognormal(p.out_for_spread)[level(bits, 12)]
        leaves[:, n], returns[:, n] = np.where(goes, left, np.inf), np.where(goes, back, np.inf)
    bits, u = numbers(key, _OUT + 4), unit(numbers(key, _OUT + 5))
    goes = (u < who.visit_per_day[person]) | ((weekday == who.visit_weekday[person]) & (u < p.weekly_visit))
    left = p.visit_h[0] + p.visit_h[1] * bell()[level(bits, 0)]
    back = left + p.visit_for_h[0] * lognormal(p.visit_for_h[1])[level(bits, 12)]
    leaves[:, VISIT], returns[:, VISIT] = np.where(goes, left, np.inf), np.where(goes, back, np.inf)
    return leaves, returns


def _away(who: People, ordinal: NDArray[np.int64], p: Profile, feasts: Calendar) -> Floats:
    """Return (R, 2): who comes back at 15 h and leaves at 10 h the same day has never come back."""
    before = np.concatenate([ordinal[0] - np.arange(LONGEST_TRIP_DAYS, 0, -1), ordinal])
    nights = journeys(who, before, p, feasts)
    hours = 24.0 * (before - before[0])
    until = np.where(nights > 0, hours + 24.0 * nights + BACK_H, -np.inf)
    latest = np.maximum.accumulate(until, axis=1)
    earlier = np.concatenate([np.full((len(who), 1), -np.inf), latest[:, :-1]], axis=1)
    away_at_start = earlier > hours
    begin = np.where(away_at_start, -np.inf, np.where(nights > 0, LEFT_H, np.inf))
    end = np.where(np.isfinite(begin) | away_at_start, latest - hours, np.inf)
    window = np.stack([begin, end], axis=2)[:, LONGEST_TRIP_DAYS:]
    return np.ascontiguousarray(window).reshape(-1, 2)
