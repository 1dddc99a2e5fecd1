"""Holes in the shifts ahead: when a ladder counts on somebody of a shift and nobody is on one.  Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from alerts.ladders import Ladder, nearest

STEP_MIN = 10
"""How finely the days ahead are looked at."""
OF_SHIFTS = {"owner", "backup"}
"""The rungs that a shift fills; leads and telephones stand there without one."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Nobody is on shift for an area in [start, end)."""

    area: str
    start: datetime
    end: datetime


def gaps(
    area: str, shifts: Iterable[tuple[datetime, datetime]], ladders: Sequence[Ladder], areas_up: Sequence[str],
    zone: tzinfo, since: datetime, until: datetime,
) -> list[Gap]:  # fmt: skip
    """Return the holes of an area between two moments.

    Parameters
    ----------
    area : str
        Whose homes are meant.
    shifts : iterable of (start, end)
        Of the area and those above it.
    ladders : sequence of Ladder
        Of the installation; hours at which none counts on a shift are no hole.
    areas_up : sequence of str
        The area and those above it, the nearest first.
    zone : tzinfo
        In which its homes tell the time.
    since, until : datetime
        Looked at in steps of `STEP_MIN` minutes.
    """
    starts, ends = _merged(shifts)
    found: list[Gap] = []
    for moment in _steps(since, until):
        local = moment.astimezone(zone)
        wanted = _wants(nearest(ladders, areas_up, local.hour * 60 + local.minute))
        if not wanted or _covered(starts, ends, moment):
            continue
        after = moment + timedelta(minutes=STEP_MIN)
        if found and found[-1].end == moment:
            found[-1] = Gap(area, found[-1].start, after)
        else:
            found.append(Gap(area, moment, after))
    return found


def _merged(shifts: Iterable[tuple[datetime, datetime]]) -> tuple[list[datetime], list[datetime]]:
    """Return beginnings and ends of the times at which anybody is on shift, in order and apart from each other."""
    starts: list[datetime] = []
    ends: list[datetime] = []
    for start, end in sorted(shifts):
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return starts, ends


def _covered(starts: list[datetime], ends: list[datetime], moment: datetime) -> bool:
    before = bisect_right(starts, moment)
    return before > 0 and moment < ends[before - 1]


def _wants(ladder: Ladder | None) -> bool:
    return ladder is None or (ladder.cover and bool(OF_SHIFTS & set(ladder.rungs)))


def _steps(since: datetime, until: datetime) -> Iterator[datetime]:
    at = floored(since)
    while at < until:
        yield at
        at += timedelta(minutes=STEP_MIN)


def floored(moment: datetime) -> datetime:
    """Return the beginning of the step in which a moment lies."""
    step_s = STEP_MIN * 60
    return datetime.fromtimestamp(moment.timestamp() // step_s * step_s, UTC)
