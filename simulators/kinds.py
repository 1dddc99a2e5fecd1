"""From spells to tables that chance looks up: what one home does, leaning on what all do where little is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.spells import ABSENCE_H, HOURS, Seen, Spells, counts, shares

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVELS = 128
"""Quantiles of a table of lengths."""
VOLUME_LEVELS = 32
ENOUGH = 30
"""An hour in which fewer spells of all homes begin takes in the hours beside it."""
LEAN_ON_ALL = 4.0
"""An hour of a home weighs as its own spells against so many of all homes. [A]"""
LEAN_ON_HOME = 10.0
"""Weekdays, and weekends, weigh as their own spells against so many of the home's whole week. [A]"""
LEAN_VOLUMES = 8.0
"""The same of the litres of an interval. [A]"""
LEAN_AWAY = 1.0
"""The same of the length of absences."""
MOST_MOOD = 0.4
UNITS_L = (100.0, 10.0, 1.0, 0.5, 0.1, 0.01)


@dataclass(frozen=True, eq=False)
class Kinds:
    """What n recorded homes do, as tables for the homes that shall be like them."""

    step_s: float
    """The record's own interval; nothing is known of what happened inside one. [s]"""
    unit_l: float
    """Step of the recorded registers. [L]"""
    weight: Floats
    """(n,) share of the record that each kind of home has; their sum is 1."""
    quiet: NDArray[np.int32]
    """(n, 2, 24, LEVELS) lengths of quiets in steps, by weekend and hour of their begin, at evenly spaced quantiles."""
    busy: NDArray[np.int32]
    """The same of spells in which water is drawn."""
    absent: Floats
    """(n, 2, 24) chance that a quiet is an absence."""
    litres: Floats
    """(n, 24, VOLUME_LEVELS) litres of a busy interval: the means of equally many, smallest first."""
    mood: float
    """Share of spells that follow the day, short ones on some days and long ones on others."""
    absences: Ints
    """(A, 2) whole days that an absence lasted, and local second of the day at which it ended."""
    longer: Floats
    """(n,) so many times longer are the absences of each kind of home."""

    def __len__(self) -> int:
        return len(self.weight)


def kinds(homes: Sequence[Seen], step_s: float, litres: Floats) -> Kinds:
    """Return the kinds of home that were seen at steps of `step_s`; `litres` are the volumes of all their intervals."""
    most = longest(step_s)
    days = np.array([one.days for one in homes])
    flows = [one.busy._replace(steps=np.minimum(one.busy.steps, most)) for one in homes]  # a leak begins again
    quiet, busy = lengths([one.quiet for one in homes], most), lengths(flows, most)
    away = absences(homes, most, step_s)
    return Kinds(
        step_s=step_s,
        unit_l=unit(litres),
        weight=np.round(days / days.sum(), 9),
        quiet=np.stack([one.steps for one in quiet]),
        busy=np.stack([one.steps for one in busy]),
        absent=np.stack([one.beyond for one in quiet]) * bool(len(away)),
        litres=volumes(homes),
        mood=mood(homes),
        absences=away,
        longer=longer(homes, away),
    )


class Lengths(NamedTuple):
    """Of one home: (2, 24, LEVELS) steps, and (2, 24) chance to last longer than the table goes."""

    steps: NDArray[np.int32]
    beyond: Floats


def longest(step_s: float) -> int:
    """Return the most steps of a spell that is no absence."""
    return round(ABSENCE_H * 3600 / step_s)


def lengths(spells: Sequence[Spells], most: int) -> list[Lengths]:
    """Return for each home how long its spells last, by weekend and hour of their begin."""
    each = [counts(one, most) for one in spells]
    pool = _pool(np.sum([ended for ended, _ in each], axis=0), np.sum([lost for _, lost in each], axis=0))
    return [_lengths(*one, pool) for one in each]


def _pool(ended: Floats, lost: Floats) -> Floats:
    """Return (24, K) shares of all homes by hour; hours with few spells take in those beside them."""
    ended, lost = ended.sum(axis=0), lost.sum(axis=0)
    wide_ended, wide_lost = ended.copy(), lost.copy()
    for reach in range(1, HOURS // 2 + 1):
        few = wide_ended.sum(axis=1) < ENOUGH
        for beside in (-reach, reach):
            wide_ended[few] += np.roll(ended, beside, axis=0)[few]
            wide_lost[few] += np.roll(lost, beside, axis=0)[few]
    return shares(wide_ended, wide_lost)


def _lengths(ended: Floats, lost: Floats, pool: Floats) -> Lengths:
    own = ended.copy()
    for weekend, hour, steps in np.argwhere(lost > 0):
        later = pool[hour, steps:]
        whole = later.sum()
        # one that was lost from sight went on as those of all homes that lasted so long
        own[weekend, hour, steps:] += lost[weekend, hour, steps] * (later / whole if whole else _first(len(later)))
    week = own.sum(axis=0)
    home = (week + LEAN_ON_ALL * pool) / (week.sum(axis=1, keepdims=True) + LEAN_ON_ALL)
    share = (own + LEAN_ON_HOME * home) / (own.sum(axis=2, keepdims=True) + LEAN_ON_HOME)
    return Lengths(_table(share[..., :-1]), np.round(share[..., -1], 9))


def _first(count: int) -> Floats:
    first: Floats = np.eye(1, count)[0]
    return first


def _table(share: Floats) -> NDArray[np.int32]:
    """Return lengths at evenly spaced quantiles; nothing at all counts as the shortest."""
    total = np.cumsum(share, axis=-1)
    points = (np.arange(LEVELS) + 0.5) / LEVELS
    flat = [np.searchsorted(row, points * row[-1], side="left") for row in total.reshape(-1, total.shape[-1])]
    table: NDArray[np.int32] = np.maximum(np.array(flat, np.int32), 1).reshape(*total.shape[:-1], LEVELS)
    return table


def volumes(homes: Sequence[Seen]) -> Floats:
    """Return (n, 24, VOLUME_LEVELS) litres of a busy interval: the means of equally many, smallest first."""
    litres, hour = np.concatenate([one.litres for one in homes]), np.concatenate([one.hour for one in homes])
    every = _means(litres, np.ones(len(litres)))
    pool = [_joined(litres[hour == h], every, LEAN_VOLUMES) for h in range(HOURS)]
    found = [[_joined(one.litres[one.hour == h], pool[h], LEAN_VOLUMES) for h in range(HOURS)] for one in homes]
    return np.round(np.array(found), 6)


def _joined(own: Floats, others: Floats, weight: float) -> Floats:
    both = np.concatenate([own, others])
    return _means(both, np.concatenate([np.ones(len(own)), np.full(len(others), weight / len(others))]))


def _means(values: Floats, weight: Floats) -> Floats:
    """Return the mean of each of VOLUME_LEVELS equal shares of the values: their mean is that of all."""
    order = np.argsort(values, kind="stable")
    values, weight = values[order], weight[order]
    total, sums = (np.append(0.0, np.cumsum(one)) for one in (weight, weight * values))
    edges = np.linspace(0.0, total[-1], VOLUME_LEVELS + 1)
    means: Floats = np.diff(np.interp(edges, total, sums)) * VOLUME_LEVELS / total[-1]
    return means


def unit(litres: Floats) -> float:
    """Return the step of the registers: the largest that divides nearly all volumes, else 1 mL [L]."""
    for step in UNITS_L:
        off = np.abs(litres / step - np.round(litres / step))
        if np.mean(off < 1e-3) > 0.999:
            return step
    return 0.001


def mood(homes: Sequence[Seen]) -> float:
    """Return how alike the quiets of one day of one home are: the correlation of their ranks within home and hour."""
    squares = pairs = own = 0.0
    spells = 0
    for one in homes:
        rank, day = _ranks(one.quiet)
        _, where = np.unique(day, return_inverse=True)
        count = np.bincount(where)
        total = np.bincount(where, rank)
        own += float((rank**2).sum())
        spells += len(rank)
        squares += float((total**2).sum())
        pairs += float((count * (count - 1)).sum())
    if not pairs or not own:
        return 0.0
    return round(float(np.clip((squares - own) / pairs / (own / spells), 0.0, MOST_MOOD)), 4)


def _ranks(quiet: Spells) -> tuple[Floats, Ints]:
    """Return ranks from -1/2 to 1/2 of complete spells among those of their hour, and their days."""
    ranks, days = [np.empty(0)], [np.empty(0, np.int64)]
    for hour in range(HOURS):
        mine = np.flatnonzero((quiet.hour == hour) & quiet.complete)
        if len(mine) >= 8:
            steps = np.sort(quiet.steps[mine])
            low, high = (np.searchsorted(steps, quiet.steps[mine], side=side) for side in ("left", "right"))
            ranks.append((low + high) / 2 / len(mine) - 0.5)  # an hour with fewer says nothing about ranks
            days.append(quiet.day[mine])
    return np.concatenate(ranks), np.concatenate(days)


def absences(homes: Sequence[Seen], most: int, step_s: float) -> Ints:
    """Return (A, 2) whole days that each absence lasted, as far as it was seen, and local second of the day of its end."""
    found = [np.empty((0, 2), np.int64)]
    for one in homes:
        long = one.quiet.steps > most
        days = np.floor(one.quiet.steps[long] * step_s / 86_400)
        found.append(np.stack([days, np.round(one.quiet.second[long])], axis=1).astype(np.int64))
    return np.concatenate(found)


def longer(homes: Sequence[Seen], away: Ints) -> Floats:
    """Return (n,) by how much each home's absences are longer than those of the list, as far as they were seen.

    What was seen of all absences, also of those whose begin or end nobody saw, by how many were seen to end, is the mean
    of a length that does not age (the maximum likelihood of an exponential one): gaps do not make it shorter.
    """
    if not len(away):
        return np.ones(len(homes))
    days, ends = np.array([one.away[0] for one in homes]), np.array([one.away[1] for one in homes])
    every = days.sum() / max(ends.sum(), 1)
    listed = away[:, 0].mean() + 0.5  # whole days are half a day short
    found: Floats = np.round((days + LEAN_AWAY * every) / (ends + LEAN_AWAY) / listed, 6)
    return found
