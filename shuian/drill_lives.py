"""Who lives in the homes of a technical drill: people whose days raise nothing by themselves, and what detectors learn of them.

Candidates are drawn anew for each run, so that no two runs have a history in common.  Detectors hear the history of all of
them here, as those of the service will; who would be told of without anything going wrong is taken last, so that what a
drill shows comes from its script.
"""

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from detectors.bins import Bools, News
from detectors.partition import Partition, Settings
from shuian.drill_cast import LITRE, Cast
from shuian.neighbourhood.rehearsal import BEFORE_S, Rehearsal, joined
from simulators.doings import Doings, doings
from simulators.households import home_seeds

DAY_S = 86_400.0
CANDIDATES, LEAST_EACH = 8, 2
"""So many are drawn in all at least, and for each home."""
BESIDES_S = 1800.0
"""So long after the hard end nothing is to be told either. [s]"""


class Lives(NamedTuple):
    """Who lives in the homes of a cast, and detectors that know their history."""

    did: dict[str, Doings]
    """By the home's id: what somebody does as long as nothing goes wrong."""
    at: Rehearsal
    since_s: float
    """When the history begins; seconds since 1970."""


def choose(cast: Cast, now_s: float, settings: Settings | None = None) -> Lives:
    """Return who lives in the homes of a cast, for a drill that is to begin at `now_s` (seconds since 1970).

    Parameters
    ----------
    settings : Settings, optional
        What the service's detectors run with; None: the defaults.
    """
    used, zone, until_s = settings or Settings(), ZoneInfo(cast.zone), now_s - BEFORE_S
    since_s, end_s = now_s - cast.drill.history_days * DAY_S, now_s + cast.drill.ends_s + BESIDES_S
    each = max(LEAST_EACH, ceil(CANDIDATES / len(cast.homes)))
    several = [Candidate(f"{home.id}?{n}", home.period_s) for n in range(each) for home in cast.homes]
    people = _people(cast.tag, len(several), since_s, end_s, zone)
    learnt = _learnt(used, several, people, (since_s, until_s), zone)
    calm = _calm(Rehearsal(used, learnt, [one.id for one in several], until_s, now_s, zone), several, people, end_s)
    names, did = [one.id for one in several], {}
    for place, home in enumerate(cast.homes):
        mine = range(place, len(several), len(cast.homes))
        chosen = min(mine, key=lambda n: not calm[n])
        names[chosen], did[home.id] = home.id, people[chosen]
    return Lives(did, Rehearsal(used, learnt, names, until_s, now_s, zone), since_s)


class Candidate(NamedTuple):
    """A home that somebody may live in."""

    id: str
    period_s: int
    seed: int = 0
    sensors: tuple[str, ...] = ()


def _people(tag: str, number: int, since_s: float, end_s: float, zone: ZoneInfo) -> list[Doings]:
    begin, days = datetime.fromtimestamp(since_s, UTC), int((end_s - since_s) / DAY_S) + 2
    seeds = home_seeds(zlib.crc32(tag.encode()), range(number)).tolist()
    return [doings(seed, begin, days, zone, "average", trips=False) for seed in seeds]


def _learnt(
    settings: Settings, several: Sequence[Candidate], people: Sequence[Doings], span: tuple[float, float], zone: ZoneInfo
) -> dict[str, NDArray[Any]]:  # fmt: skip
    """Return what detectors know that heard the history of all, from its beginning to its end, a day at a time."""
    periods = np.array([float(one.period_s) for one in several])
    partition = Partition(settings, periods, np.full(len(several), LITRE))
    begin, end = span
    for until in np.append(np.arange(begin + DAY_S, end, DAY_S), end).tolist():
        at = Rehearsal(settings, partition.snapshot(), [one.id for one in several], begin, until, zone)
        partition.step(joined([_news(at, n, one, people[n], until) for n, one in enumerate(several)]))
        begin = until
    return partition.snapshot()


def _calm(at: Rehearsal, several: Sequence[Candidate], people: Sequence[Doings], end_s: float) -> Bools:
    """Return (H,) whether nothing is told of somebody who only lives, from the end of the history to the end of the drill."""
    partition = at.fresh(several)
    raised = partition.step(joined([_news(at, n, one, people[n], end_s) for n, one in enumerate(several)])).raised
    calm = np.ones(len(several), np.bool_)
    calm[[one.row for one in raised]] = False
    return calm


def _news(at: Rehearsal, row: int, home: Candidate, did: Doings, until: float) -> News:
    return at.news(row, did.draws, at.times(home, until), home.period_s, at.zone)
