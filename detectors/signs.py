"""Signs other than water: movement in the home, its door, a press for help, water on the floor.

What counts.  *Movement* is a sign of life as good as water: a quiet counts from the later of the two.  A *door* that
opened after both says that the person may have gone out.  A *press* for help is an episode of its own, whatever else is
known; only people end it.  *Wet* holds until the sensor that said so says dry.  Each sign is kept with the time at which
it happened; one that comes late, behind a newer one, changes nothing.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bins import Bools, Floats, Rows
from detectors.errors import NewsError
from detectors.findings import Finding

KINDS = ("motion", "door", "sos", "wet", "dry")
SAME_PRESS_S = 60.0
"""Pressing again within this is the same call for help. [s]"""
WATCHED_S = 3 * 86_400.0
"""A motion sensor that saw nothing for longer than this may be dead: its silence is no evidence. [s]"""
SENSORS = 4
"""Leak sensors told apart in a home; the last place is shared by all beyond."""
NOBODY = -1


@dataclass(frozen=True, slots=True)
class SignNews:
    """Signs of many rows; all arrays are (N,), in any order.

    `kind` is one of `KINDS`; `at` is when it happened, `received` our own clock; `percent` is the battery's charge (NaN:
    not known).  `sensor` (optional, from 0 up) tells the leak sensors of a home apart: dry under the sink does not end
    wet under the bath.
    """

    row: Rows
    kind: NDArray[np.str_]
    at: Floats
    received: Floats
    percent: Floats
    sensor: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.row)

    def checked(self, rows: int) -> "SignNews":
        """Return the same news with plain types, in order of time.

        Raises
        ------
        NewsError
            Lengths differ, a row does not exist, a kind is unknown, a time is not finite.
        """
        row, kind = np.asarray(self.row, np.intp), np.asarray(self.kind, np.str_)
        at, received, percent = (np.asarray(a, np.float64) for a in (self.at, self.received, self.percent))
        sensor = np.zeros(len(row), np.int64) if self.sensor is None else np.asarray(self.sensor, np.int64)
        if any(a.shape != row.shape for a in (kind, at, received, percent, sensor)):
            raise NewsError("want one value a row in every array of SignNews; the lengths differ")
        if len(row) and (row.min() < 0 or row.max() >= rows):
            raise NewsError(f"want rows from 0 to {rows - 1}, got {row.min()} to {row.max()}: grow the partition first")
        if unknown := set(kind.tolist()) - set(KINDS):
            raise NewsError(f"want kinds of sign from {', '.join(KINDS)}, got {sorted(unknown)}")
        if not (np.isfinite(at) & np.isfinite(received)).all() or (sensor < 0).any():
            raise NewsError("want finite times, and sensors counted from 0")
        order = np.lexsort(
            (received, sensor, kind, row, at)
        )  # of one moment dry comes before wet: the order sent is chance
        return SignNews(row[order], kind[order], at[order], received[order], percent[order], sensor[order])


class Heard(NamedTuple):
    """What some signs came to."""

    moved: Rows
    received: Floats
    """Rows in which somebody moved, and when we heard it; a row may stand there more than once."""
    raised: list[Finding]
    dried: list[tuple[int, float]]
    """(row, when we heard it) of homes in which no sensor is wet any more."""


@dataclass
class Signs:
    """State of all rows; times in seconds since 1970, NaN: never."""

    motion_at: Floats
    door_at: Floats
    pressed_at: Floats
    """(H,) last movement, door, and press that counted."""
    sensor: NDArray[np.int64]
    told_at: Floats
    wet_at: Floats
    """(H, SENSORS) leak sensors of the home (`NOBODY`: free place), when each told last, and since when it is wet."""

    @classmethod
    def fresh(cls, rows: int) -> "Signs":
        """Return rows that gave no sign."""
        one, each = np.full((3, rows), np.nan), np.full((2, rows, SENSORS), np.nan)
        return cls(one[0], one[1], one[2], np.full((rows, SENSORS), NOBODY, np.int64), each[0], each[1])

    def forget(self, rows: Rows) -> None:
        """Make rows as if they had never given a sign."""
        none = Signs.fresh(len(rows))
        for name, array in vars(self).items():
            array[rows] = vars(none)[name]

    def hear(self, news: SignNews) -> Heard:
        """Take in signs (`SignNews.checked`); return what they came to."""
        moved, opened = news.kind == "motion", news.kind == "door"
        np.fmax.at(self.motion_at, news.row[moved], news.at[moved])
        np.fmax.at(self.door_at, news.row[opened], news.at[opened])
        heard = Heard(news.row[moved], news.received[moved], [], [])
        for n in np.flatnonzero(~(moved | opened)).tolist():  # presses and floods are rare
            row, at, received = int(news.row[n]), float(news.at[n]), float(news.received[n])
            if news.kind[n] == "sos":
                if self._press(row, at):
                    heard.raised.append(_press(row, float(np.rint(at)), received, float(news.percent[n])))
            elif self._tell(row, int(news.sensor[n]) if news.sensor is not None else 0, at, wet=news.kind[n] == "wet"):
                if news.kind[n] == "wet":
                    heard.raised.append(_wet(row, at, received))
                elif np.isnan(self.wet_at[row]).all():
                    heard.dried.append((row, received))
        return heard

    def _press(self, row: int, at: float) -> bool:
        """Note a press; return whether it is a new call for help."""
        if np.rint(at) - self.pressed_at[row] <= SAME_PRESS_S:
            return False
        self.pressed_at[row] = np.rint(at)
        return True

    def _tell(self, row: int, sensor: int, at: float, *, wet: bool) -> bool:
        """Note what a leak sensor says; return whether that is news."""
        free = np.flatnonzero((self.sensor[row] == sensor) | (self.sensor[row] == NOBODY))
        place = int(free[0]) if len(free) else SENSORS - 1
        self.sensor[row, place] = sensor
        if self.told_at[row, place] > at:
            return False
        self.told_at[row, place] = at
        if wet == bool(np.isfinite(self.wet_at[row, place])):
            return False
        self.wet_at[row, place] = at if wet else np.nan
        return True

    def watched(self, rows: Rows, until: Floats) -> Bools:
        """Return (M,) whether a motion sensor was heard lately enough to say that nobody moved until `until`."""
        seen: Bools = until - self.motion_at[rows] <= WATCHED_S
        return seen


def _press(row: int, at: float, received: float, percent: float) -> Finding:
    evidence = {
        "pressed_at": at,
        "battery_percent": None if np.isnan(percent) else round(percent),
        "heard_at": received,
        "known_until_at": at,
    }
    return Finding(row, "sos", "red", at, received, "sos", evidence)


def _wet(row: int, at: float, received: float) -> Finding:
    evidence = {"wet_at": at, "heard_at": received, "known_until_at": at}
    return Finding(row, "leak_sensor", "amber", at, received, "leak_sensor", evidence)
