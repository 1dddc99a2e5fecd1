"""The lives of homes that take after recorded ones, as chains of spells: water, quiet, water, quiet.

How this works.  Every home has a clock that points at the step where its next spell begins.  As long as a clock stands
inside the day that is asked for, its home draws a busy spell and the quiet after it, all homes at once.  Every number is a
hash of (home, step, what it is for): two lives of one home that began at different times become the same life as soon as
their clocks meet, which seldom takes more than a few days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulators.chance import Bits, Rows, field, keys, level, lognormal, numbers, part, unit
from simulators.households import Drawn, joined
from simulators.kinds import LEVELS, VOLUME_LEVELS, Kinds
from simulators.spells import ABSENCE_H
from simulators.wall_clock import local_s

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY_S = 86_400.0
BEFORE_DAYS = 7
"""So long a home has lived, unseen, when its first day begins."""
MOST_OF_SECOND = 0.1
"""A home takes after a second one in up to this share of its spells. [A]"""
MORE_OR_LESS = 0.08
"""Homes draw so much more or less at a time than those that they take after, standard deviation of the logarithm. [A]"""
FLOW_L_S = 0.1
"""A tap or a shower. [L/s]"""
MOST_FLOW_L_S = 0.5
SHORT_S = 120.0
"""A draw takes no longer than this, unless it would take more flow than a home has: a reading that cuts a draw in two
makes two busy intervals of one. [s]"""
_BUSY, _QUIET, _AWAY, _LITRES, _DAY, _PURPOSES = range(6)


class Homes(NamedTuple):
    """Who the simulated homes (H,) take after."""

    key: Bits
    first: Rows
    second: Rows
    share: Floats
    """How often a home takes after the second."""
    factor: Floats
    """On litres."""


def homes(kinds: Kinds, seeds: NDArray[np.uint64]) -> Homes:
    """Return who takes after whom: kinds come as often as their weight, and evenly within a cohort."""
    key, edge = keys(seeds), np.cumsum(kinds.weight)[:-1]
    return Homes(
        key,
        np.searchsorted(edge, _even(seeds), side="right"),
        np.searchsorted(edge, unit(numbers(key, 0)), side="right"),
        MOST_OF_SECOND * unit(numbers(key, 1)),
        lognormal(MORE_OR_LESS)[level(numbers(key, 2))],
    )


def _even(seeds: NDArray[np.uint64]) -> Floats:
    """Return a number in [0, 1) a seed; those of one cohort lie as evenly as can be.

    `home_seeds` hashes key + n times the golden ratio.  Taking the hash back leaves the multiples of the golden ratio,
    which fall evenly into any division of the unit (Weyl 1916): ten homes like ten recorded ones are one of each, nearly.
    """
    x = np.array(seeds, np.uint64)
    for shift, factor in ((31, 0x319642B2D24D8EC3), (27, 0x96DE1B173F119089), (30, 1)):
        x ^= (x >> np.uint64(shift)) ^ (x >> np.uint64(2 * shift))
        x *= np.uint64(factor)
    return (x >> np.uint64(12)).astype(np.float64) / 2.0**52


class LocalTimes(NamedTuple):
    """Local time at the begin of each of the steps (N + 1,) from `first` on."""

    first: int
    second: Floats
    hour: Rows
    weekend: Rows
    day: Ints


def _local_times(first: int, count: int, step_s: float, zone: ZoneInfo) -> LocalTimes:
    local = local_s(step_s * np.arange(first, first + count + 1, dtype=np.float64), zone)
    day = np.floor(local / DAY_S).astype(np.int64)
    second = local % DAY_S
    return LocalTimes(first, second, (second // 3600).astype(np.intp), ((day + 3) % 7 >= 5).astype(np.intp), day)


def walk(kinds: Kinds, seeds: NDArray[np.uint64], start: datetime, zone: ZoneInfo) -> Iterator[Drawn]:
    """Yield the draws of the homes with these seeds (H,), 24 h after 24 h from `start`, for ever.

    Raises
    ------
    ValueError
        `start` is naive.
    """
    if start.tzinfo is None:
        raise ValueError(f"want an aware start, got {start!r}")
    return _walk(kinds, homes(kinds, seeds), start.timestamp(), zone)


def _walk(kinds: Kinds, who: Homes, start: float, zone: ZoneInfo) -> Iterator[Drawn]:
    count = round(DAY_S / kinds.step_s)
    first = int(start // kinds.step_s) - BEFORE_DAYS * count
    clocks = Clocks(np.full(len(who.key), first, np.int64), np.zeros(len(who.key), np.int64))
    kept = Drawn(np.empty(0, np.int32), *(np.empty(0) for _ in range(3)))
    for day in range(-BEFORE_DAYS, 2**31):
        when = _local_times(first + (day + BEFORE_DAYS) * count, count, kinds.step_s, zone)
        home, step = clocks.run(kinds, who, when)
        if day >= -1:  # the last step of a day may reach into the next, if the start is not on a step
            drawn, begin = joined(kept, _draws(kinds, who, when, home, step)), start + day * DAY_S
            if day >= 0:
                yield _within(drawn, begin, begin + DAY_S)
            kept = _within(drawn, begin + DAY_S, np.inf)


def _within(drawn: Drawn, begin: float, end: float) -> Drawn:
    mine = (drawn.start_s >= begin) & (drawn.start_s < end)
    return Drawn(drawn.home[mine], drawn.start_s[mine], drawn.litres[mine], drawn.duration_s[mine])


@dataclass
class Clocks:
    """Where each home (H,) has come to."""

    at: Ints
    """Step at which its next spell begins, or goes on."""
    left: Ints
    """Steps that a busy spell still goes on; 0: a new one begins."""

    def run(self, kinds: Kinds, who: Homes, when: LocalTimes) -> tuple[Rows, Ints]:
        """Advance all clocks past the day; return the (home, step) of each step of the day in which water is drawn."""
        end = when.first + len(when.hour) - 1
        parts: list[tuple[Rows, Ints, Ints]] = []
        active = np.flatnonzero(self.at < end)
        while len(active):
            fresh = active[self.left[active] == 0]
            self.left[fresh] = _lengths(kinds.busy, _BUSY, kinds, who, when, fresh, self.at[fresh])
            taken = np.minimum(self.left[active], end - self.at[active])
            parts.append((active, self.at[active], taken))
            self.at[active] += taken
            self.left[active] -= taken
            done = active[self.left[active] == 0]
            self.at[done] += _quiets(kinds, who, when, done, self.at[done])
            active = active[self.at[active] < end]
        if not parts:
            return np.empty(0, np.intp), np.empty(0, np.int64)
        home, begin, taken = (np.concatenate(column) for column in zip(*parts, strict=True))
        row = np.repeat(np.arange(len(home)), taken)
        nth = np.arange(len(row)) - (np.cumsum(taken) - taken)[row]
        return home[row], begin[row] + nth


def _lengths(
    table: NDArray[np.int32], purpose: int, kinds: Kinds, who: Homes, when: LocalTimes, home: Rows, at: Ints
) -> NDArray[np.int32]:
    """Return the lengths of the spells that begin at the steps `at` of these homes."""
    bits = numbers(who.key[home], _PURPOSES * at + purpose)
    now = at - when.first
    kind = np.where(part(bits, 16, 12) < who.share[home], who.second[home], who.first[home])
    mood = field(numbers(who.key[home], _PURPOSES * when.day[now] + _DAY), 0, 7)
    mood = mood if purpose == _QUIET else LEVELS - 1 - mood  # a quiet day has long quiets and little water
    nth = np.where(part(bits, 28, 16) < kinds.mood, mood, field(bits, 0, 7))
    found: NDArray[np.int32] = table[kind, when.weekend[now], when.hour[now], nth]
    return found


def _quiets(kinds: Kinds, who: Homes, when: LocalTimes, home: Rows, at: Ints) -> Ints:
    """Return how long the quiets last that begin at the steps `at` of these homes; some are absences."""
    steps = _lengths(kinds.quiet, _QUIET, kinds, who, when, home, at).astype(np.int64)
    bits = numbers(who.key[home], _PURPOSES * at + _AWAY)
    now = at - when.first
    kind = np.where(part(bits, 40, 12) < who.share[home], who.second[home], who.first[home])
    gone = np.flatnonzero(part(bits, 0, 24) < kinds.absent[kind, when.weekend[now], when.hour[now]])
    if len(gone):
        chosen = kinds.absences[np.floor(part(bits[gone], 24, 16) * len(kinds.absences)).astype(np.intp)]
        rest = (chosen[:, 1] - when.second[now[gone]]) % DAY_S  # back at the hour at which the recorded one was back
        away = np.floor(chosen[:, 0] * kinds.longer[kind[gone]] + part(bits[gone], 52, 12)) * DAY_S + rest
        away = np.where(away > ABSENCE_H * 3600, away, away + DAY_S)
        steps[gone] = np.round(away / kinds.step_s)
    return steps


def _draws(kinds: Kinds, who: Homes, when: LocalTimes, home: Rows, step: Ints) -> Drawn:
    """Return the draws of these steps: one each, at its end."""
    bits = numbers(who.key[home], _PURPOSES * step + _LITRES)
    kind = np.where(part(bits, 44, 12) < who.share[home], who.second[home], who.first[home])
    nth = field(bits, 0, VOLUME_LEVELS.bit_length() - 1)
    wanted = kinds.litres[kind, when.hour[step - when.first], nth] * who.factor[home] / kinds.unit_l
    litres = np.maximum(np.floor(wanted + part(bits, 8, 20)), 1.0) * kinds.unit_l
    lasts = np.maximum(np.minimum(litres / FLOW_L_S, SHORT_S), litres / MOST_FLOW_L_S)
    lasts = np.clip(lasts, 1.0, 0.9 * kinds.step_s)
    margin = 1.0 + 0.01 * kinds.step_s * part(bits, 28, 16)
    return Drawn(home.astype(np.int32), (step + 1) * kinds.step_s - margin - lasts, litres, lasts)
