"""What speaks for and against water in each of the next hours of a quiet: 33 columns, all known at the last use.

Let L be the hour of the last use (or of the end of what was not known), g = 1, 2, ... the hours of the quiet, t = L + g.
Own rates of use at the hour of t (last 7 and 28 days, all days, its type of day, its weekday), each drawn towards the
cohort; how such quiets that began at this hour ended (Kaplan-Meier by start hour); on which of the last 90 days the same
hour was reached after as long a quiet, and on how many of these water came then; what was drawn just before the quiet; and
how the litres and the hours in use of the day compare with what is usual by now.

Weights for them are shared by all homes (`detectors.quiet_hazard`): a home's own habits enter through the columns alone.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bins import Bools, Floats, Rows
from detectors.quiet import SMOOTH
from detectors.quiet_past import (
    DAYS_USED,
    LENGTHS,
    LITRES_KEPT,
    NONE,
    RING,
    UNKNOWN,
    USED,
    Bytes,
    Hours,
    QuietPast,
    weekdays,
)

Singles = NDArray[np.float32]
HOURS = 60
"""Hours of a quiet that are looked at: no level that anybody would choose lies beyond."""
COLUMNS = (
    "logit r28", "logit rall", "logit r7", "logit rtype", "logit rdow", "off",
    "logit q7", "logit q28", "logit q90", "lg logit q90", "ln(1+n90)",
    "logit k", "lg logit k", "ln KM",
    "min(g,3)", "min(g,5)", "min(g,8)", "min(g,12)", "min(g,18)", "min(g,26)", "ln g",
    "hazard", "ln(1+hazard)",
    "v3", "v24", "v0", "v1", "n3", "n6", "n12", "n24", "lit", "nact",
)  # fmt: skip
LEVEL_HOURS = 48.0
"""Weight of the cohort's level against the home's own, in hours known."""
LEAST_RATE, MOST_RATE = 0.002, 0.985
LEAST_SHARE, MOST_SHARE = 0.002, 0.98
"""Shares are taken as no smaller or greater than this before their logarithm."""
ENDS_PRIOR = 10.0
"""Weight of the cohort's quiets against the home's own at each length."""
DAY_PRIOR = 2.0
"""Weight of the cohort's usual day. [days]"""
DAY_L = 10.0
"""A day that has drawn nothing yet counts as this. [L]"""
KNOTS = (3, 5, 8, 12, 18, 26)
RECENT_H = (3, 6, 12, 24)
BLOCK = 128
"""Quiets worked out at a time, so that what they need stays in the cache."""


class Prior(NamedTuple):
    """What is usual among many homes, one line a row."""

    rate: Floats
    """(M, 24) share of hours in use."""
    ends: Floats
    """(M, HOURS) share of the quiets of n hours or more that last n hours, n from 1."""
    litres: Floats
    """(M, 24) litres by hour of a usual day."""

    def take(self, rows: Rows) -> "Prior":
        """Return the lines of some rows."""
        return Prior(self.rate[rows], self.ends[rows], self.litres[rows])


@dataclass(frozen=True)
class Priors:
    """One line for each of K classes of register."""

    resolution_l: Floats
    """(K,) what stands for the class."""
    lines: Prior

    def of(self, resolution_l: Floats) -> Rows:
        """Return (M,) the class nearest to each register."""
        far = np.abs(np.log(np.clip(resolution_l, 0.1, 100)[:, None] / self.resolution_l))
        nearest: Rows = far.argmin(axis=1)
        return nearest


@cache
def shipped_arrays() -> dict[str, NDArray[np.float64]]:
    """Return the tables in the package: weights and priors, made by ``python -m benchmarks.hazard``."""
    raw = (files("detectors") / "data" / "hazard.npz").read_bytes()
    with np.load(BytesIO(raw), allow_pickle=False) as saved:
        return {name: saved[name] for name in saved.files}


def shipped_priors() -> Priors:
    """Return the priors in the package."""
    a = shipped_arrays()
    return Priors(a["resolution_l"], Prior(a["rate"], a["ends"], a["litres"]))


def columns(past: QuietPast, rows: Rows, last: Hours, by_use: Bools, prior: Prior) -> Singles:
    """Return (M, HOURS, 33) the columns of hours g = 1, 2, ... of a quiet of each row; those of g = 1 mean nothing.

    Parameters
    ----------
    past : QuietPast
    rows : (M,) int
    last : (M,) int
        The hour L after which the quiet began (`quiet_past.hour_of` its beginning).
    by_use : (M,) bool
        It began after a use, not after what is not known.
    prior : Prior
        (M, ...) what is usual among other homes.
    """
    made = np.empty((len(COLUMNS), len(rows), HOURS), np.float32)
    for first in range(0, len(rows), BLOCK):
        some = slice(first, first + BLOCK)
        part = Prior(*(line[some] for line in prior))
        _block(past, rows[some], last[some], by_use[some], part, made[:, some])
    return np.moveaxis(made, 0, 2)


def _block(past: QuietPast, rows: Rows, last: Hours, by_use: Bools, prior: Prior, made: Singles) -> None:
    """Write the columns of some quiets into `made` (33, M, HOURS): one after the other, which is how they are worked out."""
    g = np.arange(1, HOURS + 1)
    lg = np.minimum(np.log(g), 3.0)
    hour, day = (last[:, None] + g) % 24, (last[:, None] + g) // 24
    days = _unrolled(past, rows, last)
    everyday = _rates(past, rows, hour, day, days, prior, made[0:6])
    ends, survival = _ends(past, rows, last, prior)
    k = _logit(ends)
    made[10] = _matched(days, last % 24, ends, made[6:9])
    made[9] = lg * made[8]
    made[11], made[12], made[13] = k, lg * k, survival
    for n, knot in enumerate(KNOTS):
        made[14 + n] = np.minimum(g, knot)
    made[20] = np.log(g)
    passed = np.cumsum(-np.log1p(-np.take_along_axis(everyday, hour, axis=1)), axis=1)
    made[21, :, 0], made[21, :, 1:] = 0.0, passed[:, :-1]
    made[22, :, 0], made[22, :, 1:] = 0.0, np.log1p(passed[:, :-1])
    made[23:31] = _before(past, rows, last, by_use, days).T[:, :, None]
    made[31], made[32] = _day(past, rows, last, by_use, hour, day, days, prior)


def _unrolled(past: QuietPast, rows: Rows, last: Hours) -> Bytes:
    """Return (M, 91, 24) what is known of the 90 days before that of L and of its own; from hour L on: not known."""
    day = last[:, None] // 24 + np.arange(-DAYS_USED, 1)
    told = past.told(rows, day)
    today = told[:, -1]
    today[np.arange(24) >= (last % 24)[:, None]] = UNKNOWN
    open_hour = past.hour[rows]
    for n in np.flatnonzero((last > open_hour) | (open_hour - last >= RING - DAYS_USED * 24)).tolist():
        hours = day[n][:, None] * 24 + np.arange(24)  # the ring does not reach so far: rare
        told[n][(hours >= open_hour[n]) | (hours <= open_hour[n] - RING)] = UNKNOWN
    return told


def _rates(past: QuietPast, rows: Rows, hour: Hours, day: Hours, days: Bytes, prior: Prior, made: Singles) -> Floats:
    """Write the own rates and the type of day into `made` (6, M, HOURS); return (M, 24) the rate of all days."""
    cohort = prior.rate
    used, known = (a[rows].astype(np.float64) for a in (past.used, past.known))
    smooth = used @ SMOOTH, known @ SMOOTH
    everyday = _shrunk(smooth[0].sum(axis=1), smooth[1].sum(axis=1), cohort, 8.0)
    n = np.arange(len(rows))[:, None]
    for column, some, weight in ((0, days[:, -29:-1], 8.0), (2, days[:, -8:-1], 4.0)):
        own = _count(some == USED) @ SMOOTH, _count(some != UNKNOWN) @ SMOOTH
        made[column] = _logit(_shrunk(*own, cohort, weight))[n, hour]
    made[1] = _logit(everyday)[n, hour]
    weekday = weekdays(day)
    off = (weekday >= 5).astype(np.intp)
    types = [np.stack([a[:, :5].sum(axis=1), a[:, 5:].sum(axis=1)], axis=1) for a in smooth]
    of_type = (types[0] + 8.0 * everyday[:, None]) / (types[1] + 8.0)
    of_weekday = (smooth[0] + 6.0 * everyday[:, None]) / (smooth[1] + 6.0)
    made[3] = _logit(of_type)[n, off, hour]
    made[4] = _logit(of_weekday)[n, weekday, hour]
    made[5] = off
    return everyday


def _count(days: Bools) -> Floats:
    """Return (M, 24) on how many of the days (M, D, 24), at most 255, each hour is so."""
    count: Floats = np.add.reduce(days.view(np.uint8), axis=1, dtype=np.uint8).astype(np.float64)
    return count


def _shrunk(used: Floats, known: Floats, cohort: Floats, weight: float) -> Floats:
    """Return (M, 24) own rates drawn towards the cohort's shape at the home's own level."""
    total = used.sum(axis=1) + LEVEL_HOURS
    level = total / ((known * cohort).sum(axis=1) + LEVEL_HOURS)
    expected = np.clip(level[:, None] * cohort, LEAST_RATE, MOST_RATE)
    rate: Floats = np.clip((used + weight * expected) / (known + weight), LEAST_RATE, MOST_RATE)
    return rate


def _ends(past: QuietPast, rows: Rows, last: Hours, prior: Prior) -> tuple[Floats, Floats]:
    """Return (M, HOURS) the chance that a quiet of g - 1 hours begun at this hour ends then, and ln of lasting so long."""
    first = (last[:, None] + 1 + np.arange(-1, 2)) % 24
    ended, broken = (a[rows[:, None], first].sum(axis=1, dtype=np.int64) for a in (past.ended, past.broken))
    reached = np.cumsum((ended + broken)[:, ::-1], axis=1)[:, ::-1]
    more = HOURS - LENGTHS
    ended, reached = (np.pad(a, ((0, 0), (0, more))) for a in (ended, reached))
    ends = (ended + ENDS_PRIOR * prior.ends) / (reached + ENDS_PRIOR)
    lasted = np.cumsum(np.log1p(-ends), axis=1)
    chance, survival = np.full(ends.shape, 0.5), np.zeros(ends.shape)
    chance[:, 1:], survival[:, 1:] = ends[:, :-1], lasted[:, :-1]
    return chance, survival


def _matched(days: Bytes, of_day: Hours, ends: Floats, made: Singles) -> Singles:
    """Write logits of the shares of like hours in which water came into `made` (3, M, HOURS); return how many there were.

    Like hour g: the same clock hour on one of the last 7, 28, 90 days, after g - 1 hours of quiet or more.  `of_day` (M,)
    is the hour of the day of L.
    """
    (s7, n7), (s28, n28), (s90, n90) = _like(days, of_day)
    q90 = (s90 + 4.0 * ends) / (n90 + 4.0)
    q28 = (s28 + 4.0 * q90) / (n28 + 4.0)
    q7 = (s7 + 3.0 * q28) / (n7 + 3.0)
    made[0], made[1], made[2] = _logit(q7), _logit(q28), _logit(q90)
    return np.log1p(n90)


def _like(days: Bytes, of_day: Hours) -> list[tuple[Singles, Singles]]:
    """Return ((M, HOURS) like hours in which water came, (M, HOURS) all that are known) of the last 7, 28 and 90 days.

    What follows hour L of an earlier day is so many hours of quiet, and then a use, or what is not known: it is like
    hour g up to and with the hour that ends it, unless that is not known.
    """
    rows, hours, n = len(days), days.reshape(len(days), -1), np.arange(len(days))[:, None]
    like = of_day[:, None] + np.arange(DAYS_USED) * 24
    quiet = _quiet_after(days, of_day)
    came = hours[n, np.minimum(like + 1 + quiet, hours.shape[1] - 1)] == USED
    known = hours[n, like] != UNKNOWN  # of the first hour it is asked whether that before it is known
    found, since, more, some = [], DAYS_USED, np.zeros((rows, HOURS), np.int64), np.zeros((rows, HOURS), np.int64)
    for until in (7, 28, DAYS_USED):
        of = slice(DAYS_USED - until, since)
        since = DAYS_USED - until
        at = n * (HOURS + 1) + quiet[:, of]
        reached = np.bincount(at.ravel(), minlength=rows * (HOURS + 1)).reshape(rows, HOURS + 1)
        used = np.bincount(at[came[:, of]], minlength=rows * (HOURS + 1)).reshape(rows, HOURS + 1)[:, :HOURS]
        lasted = np.cumsum(reached[:, :0:-1], axis=1)[:, ::-1]
        first = known[:, of] & (quiet[:, of] == 0) & came[:, of], known[:, of] & ((quiet[:, of] > 0) | came[:, of])
        used, seen = used.copy(), lasted + used
        used[:, 0], seen[:, 0] = first[0].sum(axis=1), first[1].sum(axis=1)
        some, more = some + used, more + seen
        found.append((some.astype(np.float32), more.astype(np.float32)))
    return found


def _quiet_after(days: Bytes, of_day: Hours) -> Hours:
    """Return (M, 90) how many hours of quiet, at most HOURS, follow hour `of_day` (M,) of each of the days before that of L.

    A bit an hour: ones at the low end of 64 are hours of quiet from there on.
    """
    packed = np.zeros((len(days), DAYS_USED + 4, 4), np.uint8)
    packed[:, : DAYS_USED + 1, :3] = np.packbits(days == NONE, axis=2, bitorder="little")
    day = packed.view("<u4")[:, :, 0].astype(np.uint64)
    skip = (of_day[:, None] + 1).astype(np.uint64)
    bits = day[:, :DAYS_USED] >> skip
    for later in range(1, 4):
        bits |= day[:, later : later + DAYS_USED] << (np.uint64(24 * later) - skip)
    return np.minimum(np.bitwise_count(bits & ~(bits + np.uint64(1))), HOURS).astype(np.int64)


def _before(past: QuietPast, rows: Rows, last: Hours, by_use: Bools, days: Bytes) -> Floats:
    """Return (M, 8) what was drawn in the last hours: v3, v24, v0, v1, n3, n6, n12, n24."""
    back = np.arange(1, -24, -1)  # a finer meter may have told the last use in the hour after L
    hours = last[:, None] + back
    kept = past.hour[rows][:, None] - hours < LITRES_KEPT
    litres = np.where(kept, past.litres[rows[:, None], hours % LITRES_KEPT], 0.0)
    litres = np.where(hours > past.hour[rows][:, None], 0.0, litres)
    v0 = litres[:, 0] + litres[:, 1]
    volumes = [np.log1p(a) for a in (litres[:, :4].sum(axis=1), litres.sum(axis=1), v0, litres[:, 2])]
    at = DAYS_USED * 24 + (last % 24)[:, None] + np.arange(-23, 0)
    recent = np.take_along_axis(days.reshape(len(rows), -1), at, axis=1)
    shares = []
    for k in RECENT_H:
        part = recent[:, 24 - k :]
        used, known = (part == USED).sum(axis=1) + by_use, (part != UNKNOWN).sum(axis=1) + by_use
        shares.append((used + 0.5) / (known + 1.0))
    return np.stack([*volumes, *shares], axis=1)


def _day(
    past: QuietPast, rows: Rows, last: Hours, by_use: Bools, hour: Hours, day: Hours, days: Bytes, prior: Prior
) -> tuple[Floats, Floats]:
    """Return (M, HOURS) litres and (M, HOURS) hours in use of t's day so far beside what is usual by then."""
    since = np.arange(24)
    hours = (last // 24 * 24)[:, None] + since
    till = hours <= last[:, None] + 1
    kept = till & (past.hour[rows][:, None] - hours < LITRES_KEPT) & (hours <= past.hour[rows][:, None])
    litres = np.where(kept, past.litres[rows[:, None], hours % LITRES_KEPT], 0.0).sum(axis=1)
    used = (days[:, -1] == USED).sum(axis=1) + by_use
    weight = (past.days[rows] + DAY_PRIOR)[:, None]
    usual_l = np.cumsum((past.day_litres[rows] + DAY_PRIOR * prior.litres) / weight, axis=1)
    usual_h = np.cumsum((past.day_uses[rows] + DAY_PRIOR * prior.rate) / weight, axis=1)
    today, n = day == (last // 24)[:, None], np.arange(len(rows))[:, None]
    lit = np.log((today * litres[:, None] + DAY_L) / (usual_l[n, hour] + DAY_L))
    nact = today * used[:, None] - usual_h[n, hour]
    return lit, nact


def _logit(share: Floats) -> Floats:
    clipped = np.clip(share, LEAST_SHARE, MOST_SHARE)
    made: Floats = np.log(clipped / (1.0 - clipped))
    return made
