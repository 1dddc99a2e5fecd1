"""Homes whose meters say what no plan expects: registers with holes, other steps, wrong clocks and units."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from detectors.bins import News, between
from detectors.partition import Partition, Settings
from simulators.households import life
from simulators.meters import register

ZONE = ZoneInfo("Asia/Shanghai")
BEGIN = datetime(2025, 9, 1, tzinfo=ZONE)
HOUR, DAY = 3600.0, 86_400.0
DAYS, TURN = 24, 16
"""Days lived, and the day on which what goes wrong begins."""
OFFSET_S = 8 * HOUR
AT = BEGIN.timestamp() + HOUR * np.arange(DAYS * 24 + 1)
AFTER = BEGIN.timestamp() + TURN * DAY + 10 * HOUR <= AT
SEED = 4004
"""A regular person: alone they raise nothing in these weeks."""
STEP_L = {"ten_litres": 10.0}


def lived(seed: int = SEED) -> np.ndarray:
    """Return the register of a senior who never sleeps elsewhere, each hour, in litres."""
    return register(life(seed, BEGIN, DAYS, ZONE, trips=False), AT, 1.0)


def plain(litres, at=AT, offset_s=OFFSET_S, received=None):
    """Return intervals of a register; its time, and what our own clock said."""
    return at, litres, np.full(len(at), offset_s), at + 5 if received is None else received


def three_days():
    return tuple(a[: 3 * 24] for a in plain(lived()))


def hole_of_weeks():
    keep = (AT[5 * 24] > AT) | (AT[19 * 24] < AT)
    return tuple(a[keep] for a in plain(lived()))


def ten_litres():
    return plain(np.floor(lived() / 10) * 10)


def daily_uploads():
    return plain(lived(), received=np.ceil((AT - AT[0]) / DAY) * DAY + AT[0] + 6 * HOUR)


def same_each_hour():
    return plain(7.0 * np.arange(len(AT)))


def never_draws():
    return plain(np.full(len(AT), 1234.0))


def leaks_from_day_one():
    return plain(lived() + np.floor((AT - AT[0]) / HOUR * 5))


def clock_forward():
    return plain(lived(), at=AT + 5 * HOUR * AFTER)


def clock_back():
    return plain(lived(), at=AT - 3 * HOUR * AFTER, received=AT + 5)


def summer_time():
    return AT, lived(), OFFSET_S + HOUR * AFTER, AT + 5


def two_residents():
    return plain(lived() + lived(SEED + 1))


def runs_backwards():
    litres = lived()
    return plain(np.where(AFTER, 2 * litres[~AFTER][-1] - litres, litres))


def ten_litre_steps_without_notice():
    return plain(np.where(AFTER, np.floor(lived() / 10) * 10, lived()))


def thousand_times_as_much():
    return plain(np.where(AFTER, 1000.0, 1.0) * lived())


def reverse_flow():
    back = 20.0 * (np.cumsum(AFTER) // 24)
    return plain(lived() - back)


HOMES: dict[str, Callable] = {
    made.__name__: made
    for made in (
        three_days, hole_of_weeks, ten_litres, daily_uploads, same_each_hour, never_draws, leaks_from_day_one,
        clock_forward, clock_back, summer_time, two_residents, runs_backwards, ten_litre_steps_without_notice,
        thousand_times_as_much, reverse_flow,
    )
}  # fmt: skip


def partition() -> Partition:
    """Return detectors of all these homes that have heard nothing yet."""
    period = np.array([HOUR for _ in HOMES])
    return Partition(Settings(), period, np.array([STEP_L.get(name, 1.0) for name in HOMES]))


def news(row: int, made: Callable) -> News:
    """Return the intervals of a home as its register tells them."""
    at, litres, offset, received = made()
    start, end = at[:-1], at[1:]
    known = between(start, np.maximum(end, start), np.diff(litres), HOUR)
    ahead = end > start  # a clock that was put back: the pipeline judges the register against the newest only
    moved = np.isnan(known) & (np.diff(litres) > 0)
    rows = np.full(int(ahead.sum()), row)
    return News(rows, start[ahead], end[ahead], known[ahead], offset[1:][ahead], received[1:][ahead], moved[ahead])


def everything():
    """Return (home, finding) of all that is raised, in order."""
    part, found = partition(), []
    names = list(HOMES)
    parts = [news(row, made) for row, made in enumerate(HOMES.values())]
    columns = ("row", "start", "end", "litres", "offset_s", "received", "moved")
    told = News(*(np.concatenate([getattr(one, name) for one in parts]) for name in columns))
    for week in np.unique(told.received // (7 * DAY)):
        changes = part.step(told.take(told.received // (7 * DAY) == week))
        found += [(names[f.row], f) for f in changes.raised]
    return part, found
