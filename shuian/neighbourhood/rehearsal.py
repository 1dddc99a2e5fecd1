"""What would the detectors say, had a story begun at this minute?  The story's homes, rehearsed before they live.

The service has heard the history up to two days before the present.  What its detectors learnt is copied here; from there
every question walks the last hours anew, many variants of a home side by side.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from detectors.bins import News, between
from detectors.findings import Finding, Severity
from detectors.partition import Partition, Settings
from detectors.signs import SignNews
from shuian.neighbourhood import ZONE
from shuian.neighbourhood.incidents import stamp
from shuian.neighbourhood.lives import phase, reading_times
from shuian.neighbourhood.sheets import LITRE
from simulators import meters
from simulators.doings import Doings
from simulators.households import Draws

Floats = NDArray[np.float64]
BEFORE_S = 48 * 3600.0
"""The last stretch of a history, which every question walks anew. [s]"""


class Home(Protocol):
    """What a question about a home needs to know of it."""

    @property
    def id(self) -> str:
        """Return the household."""
        ...

    @property
    def period_s(self) -> int:
        """Return how often its meter reports [s]."""
        ...

    @property
    def seed(self) -> int:
        """Return what shifts its reports within the period (`lives.phase`)."""
        ...

    @property
    def sensors(self) -> tuple[str, ...]:
        """Return the kinds of its sensors."""
        ...


class Rehearsal:
    """Detectors that know the history of some homes.

    Parameters
    ----------
    settings : Settings
        What the service runs with.
    learnt : arrays by name
        `Partition.snapshot` after the history.
    homes : sequence of str
        Household of each row of it.
    until_s : float
        The end of that history.
    now_s : float
        The present, `BEFORE_S` later or so: here the stories are to be told.
    zone : ZoneInfo
        Of the homes.
    """

    def __init__(
        self,
        settings: Settings,
        learnt: Mapping[str, NDArray[Any]],
        homes: Sequence[str],
        until_s: float,
        now_s: float,
        zone: ZoneInfo = ZONE,
    ) -> None:
        self.zone = zone
        self.settings, self.until_s, self.now_s = settings, until_s, now_s
        self._row = {home: row for row, home in enumerate(homes)}
        partition = Partition.restore(settings, learnt)
        partition.drop(range(len(partition)))  # what was raised in the past is no story
        partition.heard_when_known(np.inf)  # what came just now was measured then
        self._learnt = partition.snapshot()

    def fresh(self, homes: Sequence[Home]) -> Partition:
        """Return detectors that know the history of `homes`; one may stand there more than once."""
        rows = np.array([self._row[home.id] for home in homes], np.intp)
        every = len(self._row)
        return Partition.restore(
            self.settings,
            {name: array[rows] if array.shape[:1] == (every,) else array for name, array in self._learnt.items()},
        )

    def times(self, home: Home, until: float, besides: Sequence[float] = ()) -> Floats:
        """Return when a home's meter is read from the end of the history until `until`, and `besides`."""
        first = float(reading_times(self.until_s - home.period_s, self.until_s, home.period_s, phase(home))[-1])
        later = [at for at in besides if first < at <= until]
        return np.union1d([first], np.union1d(reading_times(first, until, home.period_s, phase(home)), later))

    @staticmethod
    def news(row: int, draws: Draws, at: Floats, period_s: float, zone: ZoneInfo = ZONE) -> News:
        """Return what a meter read at `at` says of `draws`, in a home of this zone."""
        volume = np.diff(meters.register(draws, at, LITRE))
        count = len(volume)
        litres = between(at[:-1], at[1:], volume, np.full(count, float(period_s)))
        offset = stamp(at[0]).astimezone(zone).utcoffset()
        offsets = np.full(count, offset.total_seconds() if offset else 0.0)
        return News(np.full(count, row, np.intp), at[:-1], at[1:], litres, offsets, at[1:])


def joined(parts: Sequence[News]) -> News:
    """Return the news of many rows as one."""
    columns = ("row", "start", "end", "litres", "offset_s", "received")
    return News(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))


def last_signs(row: int, home: Home, did: Doings, until: float) -> list[tuple[int, str, float]]:
    """Return (row, kind, when) of the last movement and the last opening of the door that the home's sensors saw."""
    found = []
    for kind, times in (("motion", did.moves), ("door", did.doors)):
        seen = times[times <= until] if kind in home.sensors else times[:0]
        found += [(row, kind, float(seen[-1]))] if len(seen) else []
    return found


def sign_news(signs: Sequence[tuple[int, str, float]]) -> SignNews:
    """Return signs as the detectors take them."""
    row, kind, at = (np.array(column) for column in zip(*signs, strict=True))
    return SignNews(row.astype(np.intp), kind, at, at, np.full(len(at), np.nan))


def first_of(findings: Sequence[Finding], kind: str, severity: Severity, after: Floats) -> Floats:
    """Return (H,) when a finding of this kind and severity was first raised on each row later than `after`; inf: never."""
    found = np.full(len(after), np.inf)
    for one in findings:
        if (one.kind, one.severity) == (kind, severity) and one.raised_at > after[one.row]:
            found[one.row] = min(found[one.row], one.raised_at)
    return found
