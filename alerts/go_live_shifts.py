"""The first hole in the shifts of many grids: as `alerts.gaps`, which looks at every step of the days ahead, and faster.

Only where nobody is on shift is it asked whether anybody has to be; grids with the same ladders and hours are asked once.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.gaps import STEP_MIN, floored, gaps
from alerts.ladders import Ladder

STEP = timedelta(minutes=STEP_MIN)
PIECE = timedelta(days=1)
"""So much of a hole is looked at together: the first one is what is asked for."""


class Holes:
    """Finds the first hole of one area after the other.

    Parameters
    ----------
    ladders : sequence of Ladder
        Of the installation.
    """

    def __init__(self, ladders: Sequence[Ladder]) -> None:
        self._ladders = ladders
        self._named = {area for ladder in ladders for area in ladder.areas}
        self._asked: dict[tuple[tuple[str, ...], str, datetime, datetime], datetime | None] = {}

    def first(
        self, shifts: Iterable[tuple[datetime, datetime]], up: Sequence[str], zone: ZoneInfo, since: datetime,
        until: datetime,
    ) -> datetime | None:  # fmt: skip
        """Return when the first hole begins, in steps of ten minutes; None: there is none.

        Parameters
        ----------
        shifts : iterable of (start, end)
            Of the area and those above it.
        up : sequence of str
            The area and those above it, the nearest first.
        zone : ZoneInfo
            In which its homes tell the time.
        since, until : datetime
            Between which it is looked.
        """
        mine = tuple(area for area in up if area in self._named)
        for start, end in _uncovered(shifts, floored(since), until):
            found = self._in(mine, zone, start, end)
            if found is not None:
                return found
        return None

    def _in(self, up: tuple[str, ...], zone: ZoneInfo, start: datetime, end: datetime) -> datetime | None:
        while start < end:
            stop = min(start + PIECE, end)
            key = (up, zone.key, start, stop)
            if key not in self._asked:
                found = gaps("", (), self._ladders, up, zone, start, stop)
                self._asked[key] = found[0].start if found else None
            if (first := self._asked[key]) is not None:
                return first
            start = stop
        return None


def _uncovered(
    shifts: Iterable[tuple[datetime, datetime]], since: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts at whose steps nobody is on shift."""
    at = since
    for start, end in sorted(shifts):
        if start > at:
            yield at, min(start, until)
        if end > at:
            at = _step_from(end)
    if at < until:
        yield at, until


def _step_from(moment: datetime) -> datetime:
    """Return the first step that is not before a moment."""
    step = floored(moment)
    return step if step == moment else step + STEP
