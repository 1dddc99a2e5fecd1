"""Every use of water of many days: how often, when, how much at a time.

Two kinds of chance.  Visits to the toilet are a renewal process: after one the next is not due at once.  Other uses are
Poisson by day.  Both run in *own time*, in which a day's share of each phase is its weight: a share f in (0, 1) of the day
becomes an hour by `_hours`.  A visit to the bathroom brings further draws within minutes, and a meal is a cluster.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from simulators.chance import Bits, Counts, Floats, Rows, counts, expand, lognormal, numbers, part, unit
from simulators.days import BED, VISIT, Days
from simulators.people import VOLUMES, Flags, happens, spread
from simulators.profiles import Profile
from simulators.renewals import renewals

Phases = tuple[float, ...]
"""Share of a use in each phase of the day."""

STEPS = 1024
"""Steps of the table that finds the phase of a share of the day."""
_TOILET, _HANDS, _FACE, _KETTLE, _TAPS, _MOP, _SHOWER, _BATH, _FOOT, _MACHINE, _BY_HAND, _NIGHT = (
    64 * n for n in range(1, 13)
)
_MEALS = tuple(1024 + 64 * n for n in range(3))
_HOLE = 4096
"""Slots of a row's chance; draws that an outing puts off take theirs from `_HOLE` on."""


class Some(NamedTuple):
    """Draws of one kind (N,): row of the day, local hour, litres; and how fast they run."""

    row: Rows
    hour: Floats
    litres: Floats
    flow_l_s: float


class Used(NamedTuple):
    """Draws of all kinds (N,): row of the day, local hour, litres, seconds; and whether they happen at all."""

    row: Rows
    hour: Floats
    litres: Floats
    duration_s: Floats
    done: Flags


def uses(days: Days, p: Profile) -> Used:
    """Return all draws of these days, in no order; those that an outing, a rest or a trip prevents are not `done`."""
    often = _how_often(days, p)
    waking = [*_toilet(days, p), *_uses(days, p, often), *_meals(days, p, often), *_washing(days, p)]
    some = [*waking, *_laundry(days, p, often[_BY_HAND + 1]), _nights(days, p, often[_NIGHT])]
    row, hour, litres = (np.concatenate([one[n] for one in some]) for n in range(3))
    duration = np.concatenate([one.litres * (1.0 / one.flow_l_s) for one in some])
    awake = slice(len(row) - len(some[-1].row))
    indoors = _not_out(days, row[awake], hour[awake], p)  # first: it puts draws off, into a trip perhaps
    done = _at_home(days, row, hour)
    done[awake] &= indoors
    return Used(row, hour, litres, duration, done)


def _how_often(days: Days, p: Profile) -> dict[int, Counts]:
    """Return (R,) Poisson numbers of the uses by their slots: all at once, as each call costs more than its numbers."""
    who, rate = days.who, days.who.rate[days.person] * days.factor
    wanted = [
        (_FACE, who.face[days.person] * rate, 12),
        (_KETTLE, who.kettle[days.person] * rate, 12),
        (_TAPS, who.taps[days.person] * rate, 16),
        (_MOP, who.mop[days.person] * rate, 4),
        *((slot, more * rate, 16) for slot, more in zip(_MEALS, p.meal_draws, strict=True)),
        (_BY_HAND + 1, np.full(len(days), p.hand_laundry_fills), 8),
        (_NIGHT, who.night[days.person], p.night_most),
    ]
    slots, means, most = (list(column) for column in zip(*wanted, strict=True))
    u = unit(numbers(days.key, np.array(slots)[:, None]))
    found = counts(np.concatenate(means), u.ravel(), max(most)).reshape(len(slots), -1)
    return dict(zip(slots, np.minimum(found, np.array(most)[:, None]), strict=True))


def _toilet(days: Days, p: Profile) -> list[Some]:
    """Return flushes, washing of hands after them, and what else is drawn in the same visit."""
    mean = days.who.toilet[days.person] * days.who.rate[days.person] * days.factor
    row, nth, moment = renewals(days.key, mean, p.toilet_order, _TOILET)
    bits = numbers(days.key[row], _TOILET + 8 + nth)
    hour = _hours(days, row, moment / mean[row], p.toilet_weights)
    person = days.person[row]
    full = ~days.who.dual_flush[person] | happens(p.full_flush, bits, 0, 12)
    litres = np.where(full, p.cistern_l[0], p.cistern_l[1]) * _own(days, "toilet")[row]
    flush = Some(row, hour, litres, p.cistern_l_s)
    washes = happens(days.who.hands[person], bits, 12, 12)
    besides = happens(p.besides, bits, 24, 12)
    late = hour + part(bits, 36, 12) * p.besides_within_h
    more = numbers(days.key[row], _HANDS + nth)
    return [
        flush,
        _basin(row[washes], hour[washes] + (1 + part(bits, 48, 12)[washes]) / 60, more[washes], p.hands_l, p),
        _basin(row[besides], late[besides] + 2 / 60, more[besides] >> np.uint64(12), p.hands_l, p),
    ]


def _basin(row: Rows, hour: Floats, bits: Bits, litres: tuple[float, float], p: Profile) -> Some:
    median, sd = litres
    return Some(row, hour, median * spread(lognormal(sd), bits), p.basin_l_s)


def _uses(days: Days, p: Profile, often: dict[int, Counts]) -> list[Some]:
    """Return what is done now and then: face and teeth, kettle, taps, mopping."""
    kinds = (
        (_FACE, "face", p.face_weights, p.face_l, p.basin_l_s),
        (_KETTLE, "kettle", p.kettle_weights, p.kettle_l, p.kitchen_l_s),
        (_TAPS, "taps", p.taps_weights, p.taps_l, p.kitchen_l_s),
        (_MOP, "mop", p.mop_weights, p.mop_l, p.kitchen_l_s),
    )
    found = []
    for slot, name, weights, litres, flow in kinds:
        row, nth = expand(often[slot])
        found.append(_drawn(days, row, numbers(days.key[row], slot + 1 + nth), name, weights, litres, flow))
    return found


def _drawn(
    days: Days, row: Rows, bits: Bits, name: str, weights: Phases, litres: tuple[float, float], flow: float
) -> Some:
    """Return one draw for each row and its bits: bits 0 to 23 say when, 24 to 35 how much."""
    median, sd = litres
    own = median * _own(days, name)[row]
    hour = _hours(days, row, part(bits, 0, 24), weights)
    return Some(row, hour, own * spread(lognormal(sd), bits, 24), flow)


def _meals(days: Days, p: Profile, often: dict[int, Counts]) -> list[Some]:
    found = []
    for slot, anchor, cooks in zip(_MEALS, (0, 2, 5), p.meals, strict=True):
        chance = cooks * (days.who.breakfast[days.person] if anchor == 0 else 1.0)
        row, nth = expand(np.where(unit(numbers(days.key, slot + 1)) < chance, 1 + often[slot], 0))
        bits = numbers(days.key[row], slot + 2 + nth)
        hour = days.anchors[row, anchor] + 0.1 + p.meal_within_h * part(bits, 0, 24)
        own = p.meal_l[0] * _own(days, "meal")[row]
        litres = own * spread(lognormal(p.meal_l[1]), bits, 24)
        found.append(Some(row, hour, litres, p.kitchen_l_s))
    return found


def _washing(days: Days, p: Profile) -> list[Some]:
    """Return showers, what follows them at the basin, baths, and foot baths."""
    winter, summer = p.shower_winter_summer
    year = np.cos(2 * np.pi * ((days.ordinal % 365.25) - 205) / 365.25)  # 1 in late July
    often = ((summer + winter) / 2 + (summer - winter) / 2 * year) * days.who.shower[days.person]
    bits = numbers(days.key, _SHOWER)
    row = np.flatnonzero(happens(np.minimum(often, 0.97), bits, 36, 24))
    shower = _drawn(days, row, bits[row], "shower", p.shower_weights, p.shower_l, p.shower_l_s)
    after = numbers(days.key[row], _SHOWER + 1)
    rinses = happens(p.after_shower, after, 24, 12)
    dry = shower.hour + shower.litres / p.shower_l_s / 3600
    hour = dry + 2 / 60 + part(after, 36, 12) * p.besides_within_h
    bits = numbers(days.key, _BATH)
    tub = np.flatnonzero(happens(days.who.bath[days.person], bits, 36, 24))
    bath = _drawn(days, tub, bits[tub], "shower", p.shower_weights, (p.bath_l, 0.1), 0.2)
    bits = numbers(days.key, _FOOT)
    feet = np.flatnonzero(happens(days.who.foot_basin[days.person], bits, 36, 24))
    return [
        shower,
        _basin(row[rinses], hour[rinses], after[rinses], p.face_l, p),
        bath,
        _drawn(days, feet, bits[feet], "foot_basin", p.foot_basin_weights, p.foot_basin_l, p.kitchen_l_s),
    ]


def _laundry(days: Days, p: Profile, fills_by_hand: Counts) -> list[Some]:
    """Return the fills of a washing machine, and washing by hand: a few fills within half an hour."""
    weekday = ((days.ordinal + 6) % 7).astype(np.intp)
    rate = days.who.rate[days.person] * days.factor * days.who.washday[days.person, weekday]
    chance = unit(numbers(days.key, _MACHINE))
    loads = np.flatnonzero(chance > np.exp(-days.who.machine[days.person] * rate))
    start = _hours(days, loads, part(numbers(days.key[loads], _MACHINE + 1), 0, 24), p.laundry_weights)
    fills = np.array(p.machine_fills)
    hour = (start[:, None] + fills).ravel()
    machine = Some(np.repeat(loads, len(fills)), hour, np.full(len(hour), p.machine_fill_l), p.machine_l_s)
    bits = numbers(days.key, _BY_HAND)
    washes = unit(bits) > np.exp(-days.who.hand_laundry[days.person] * rate)
    row, nth = expand(np.where(washes, 2 + fills_by_hand, 0))
    start = _hours(days, row, part(numbers(days.key[row], _BY_HAND + 2), 0, 24), p.laundry_weights)
    bits = numbers(days.key[row], _BY_HAND + 3 + nth)
    own = p.hand_laundry_l[0] * _own(days, "hand_laundry")[row]
    litres = own * spread(lognormal(p.hand_laundry_l[1]), bits, 24)
    return [machine, Some(row, start + 0.6 * part(bits, 0, 24), litres, 0.1)]


def _nights(days: Days, p: Profile, visits: Counts) -> Some:
    """Return visits to the toilet between going to bed and rising."""
    row, nth = expand(visits)
    bits = numbers(days.key[row], _NIGHT + 1 + nth)
    bed = days.anchors[row, BED]
    hour = bed + part(bits, 0, 24) * (days.anchors[row, BED + 1] - bed)
    person = days.person[row]
    full = ~days.who.dual_flush[person] | happens(p.full_flush, bits, 24, 8)
    flush = np.where(full, p.cistern_l[0], p.cistern_l[1]) * _own(days, "toilet")[row]
    litres = np.where(happens(p.night_flush, bits, 32, 10), flush, 0.0)
    litres += np.where(happens(p.night_hands, bits, 42, 10), p.hands_l[0] * (0.5 + part(bits, 52, 12)), 0.0)
    drawn = litres > 0
    return Some(row[drawn], hour[drawn], litres[drawn], p.cistern_l_s)


def _hours(days: Days, row: Rows, share: Floats, weights: Phases) -> Floats:
    """Return the hour at which the share of a day's use, by phase weights, is reached."""
    phase, begin, wide = _phases(weights)
    at = phase[(share * STEPS).astype(np.intp)]
    inside = np.clip((share - begin[at]) / wide[at], 0.0, 1.0)
    flat, edge = days.anchors.ravel(), row * days.anchors.shape[1] + at
    left = flat[edge]
    hours: Floats = left + inside * (flat[edge + 1] - left)
    return hours


@cache
def _phases(weights: Phases) -> tuple[Rows, Floats, Floats]:
    """Return the phase of each step of the day's share, and where each phase begins and how wide it is in it."""
    wide = np.array(weights) / sum(weights)
    begin = np.concatenate([[0.0], np.cumsum(wide)[:-1]])
    middle = (np.arange(STEPS) + 0.5) / STEPS
    phase = np.searchsorted(begin, middle, side="right") - 1
    return phase, begin, np.maximum(wide, 1e-12)


def _own(days: Days, name: str) -> Floats:
    """Return (R,) the person's factor on the volume of a use."""
    return days.who.volumes[:, VOLUMES.index(name)][days.person]


def _not_out(days: Days, row: Rows, hour: Floats, p: Profile) -> Flags:
    """Say which draws are done, and put some off: `hour` is changed.

    A rest and a visit swallow what falls into them; half of what an outing prevents is done just after the return.
    """
    done = np.ones(len(row), np.bool_)
    first = np.minimum(days.rest[:, 0], days.leaves.min(axis=1))
    ends = np.where(np.isfinite(days.returns), days.returns, -np.inf).max(axis=1)
    last = np.maximum(ends, np.where(np.isfinite(days.rest[:, 1]), days.rest[:, 1], -np.inf))
    some = np.flatnonzero((hour >= first[row]) & (hour < last[row] + p.put_off_h))  # the others are at home and up
    at, when = row[some], hour[some]
    rests = _inside(days.rest[:, 0], days.rest[:, 1], at, when)
    done[some[rests]] = _coins(days, at[rests], when[rests]) < p.nap_draws
    for n in range(VISIT):
        gone = _inside(days.leaves[:, n], days.returns[:, n], at, when)
        coin = _coins(days, at[gone], when[gone])
        done[some[gone]] &= coin < 0.5
        when[gone] = days.returns[:, n][at[gone]] + 2 * coin * p.put_off_h
    done[some[_inside(days.leaves[:, VISIT], days.returns[:, VISIT], at, when)]] = False
    hour[some] = when
    return done


def _at_home(days: Days, row: Rows, hour: Floats) -> Flags:
    """Say which draws do not fall into nights away."""
    begin, end = days.away[:, 0], days.away[:, 1]
    touched = np.isfinite(end)
    if not touched.any():
        return np.ones(len(row), np.bool_)
    some = np.flatnonzero(touched[row])
    home = np.ones(len(row), np.bool_)
    home[some] = (hour[some] < begin[row[some]]) | (hour[some] >= end[row[some]])
    return home


def _inside(begin: Floats, end: Floats, row: Rows, hour: Floats) -> Rows:
    return np.flatnonzero((hour >= begin[row]) & (hour < end[row]))


def _coins(days: Days, row: Rows, hour: Floats) -> Floats:
    """Return a number in (0, 1) that depends on nothing but the draw itself."""
    return unit(numbers(days.key[row], _HOLE + (hour * 2**20).astype(np.int64)))
