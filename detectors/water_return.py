"""After a water cut: whose taps stay shut though the neighbours' run again.

How this works.  The return of water is evidence by itself: who wanted water meanwhile comes for it.  How many do, and how
soon, depends on the hour, on the length of the cut and on the house, so the neighbours are asked.  When a cut is told, the
present quiet of each home is looked at once more by its own model (`detectors.quiet_spells`): how likely water was in each
hour of the cut, and is in each hour after it.  For a person who is well the chance to have drawn nothing yet is taken as

    P = exp(-(made up * noticed * H of the hours of the cut + H of the hours since the return))

with H the sum of the quiet's hazard, `noticed` the share who have found out (1 - exp(-t / `noticed_s`)), and one number
`made up` for all homes behind the pipe, such that as many are expected to be silent as are.  If nobody makes up for the cut it
is near 0 and no silence says much yet; at night it is too, and H is small.  A home of which P is small is asked, or
somebody goes; the hours of the cut weigh as much as the neighbours show.

Water that comes back pushes air before it, and air turns a wheel: 1 to 20 L in some gusts within ten minutes, though nobody
drew anything; so does a cistern that was flushed empty.  So the first water of each home after a cut, if it is little and
its interval short enough to tell (`blown`), shows that the pipe is full and nothing of a person: its litres are not known,
it ends no quiet and makes no surge.  Of an hourly meter nobody knows the minute, and there it counts as drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from detectors import quiet_judge, quiet_reasons
from detectors.bins import HOUR_S, LEAST_USE_L, Bools, Floats, News, Rows
from detectors.cohort import Cohort
from detectors.episodes import Episodes, in_order
from detectors.findings import Changes, Finding, Severity
from detectors.groups import AreaFinding
from detectors.present import Present
from detectors.quiet import QuietSettings, new_homes
from detectors.quiet_columns import HOURS
from detectors.states import State

MOST_MADE_UP = 1.5
"""More than the hours of the cut themselves nobody makes up for."""
HALVINGS = 25
MOST_AIR_L = 20.0
"""What air, or a cistern that fills, may count; who draws more is there. [L]"""
AIR_S = 600.0
"""Air comes within so much of the return. [s]"""
SHORT_S = 1200.0
"""In an interval longer than this somebody may well have drawn besides. [s]"""


@dataclass(frozen=True, slots=True)
class ReturnSettings:
    """When a home that does not draw again is told."""

    amber: float = 0.25
    """Ask: of well people not more than this share would not have drawn yet."""
    red: float = 0.15
    """Somebody must go.  Both are chosen on homes of the simulator other than those they are reported on."""
    amber_after_s: float = 1800.0
    red_after_s: float = 2700.0
    """So long after the return a home's water has to be known. [s]"""
    noticed_s: float = 1800.0
    """In how long all but 37 % have noticed the return. [s]"""
    first_share: float = 0.1
    """Water is back when this share of the homes has drawn: a tank or a pail does not bring it back."""
    watched_s: float = 3 * HOUR_S
    """After that a quiet is again like any other. [s]"""


class Missed(NamedTuple):
    """A home that has not drawn since the water of its building is back."""

    row: int
    severity: Severity
    chance: float
    """That a well person would not have drawn yet."""
    back_at: float
    homes_back: int
    of_homes: int


@dataclass
class Return:
    """The homes behind one pipe from the notice of a cut until some hours after it; arrays (N,) and (N, HOURS + 1)."""

    event: AreaFinding
    """`cleared_at`: since when water is back, once that is seen."""
    row: Rows
    origin: Floats
    """Since when each was quiet when the cut was told."""
    hazard: NDArray[np.float32]
    """Sum of the hazard of that quiet after so many full hours."""
    first: Floats
    """End of the first interval since the cut in which each drew; NaN: none yet."""
    known: Floats
    """Until when each was known at the last look."""
    wet: Floats
    """End of the first interval since the cut in which the register of each moved, be it by air; NaN: none yet."""

    @classmethod
    def begun(cls, partition: Present, event: AreaFinding) -> Self:
        """Return the homes of a cut that was just told: those quiet since before it."""
        row = np.array(event.rows, np.intp)
        origin = partition.quiet_since(row)
        there = origin <= event.onset
        row, origin = row[there], origin[there]
        summed = -np.log(np.maximum(partition.lasting(row, origin), 1e-12))
        hazard = np.concatenate([np.zeros((len(row), 1)), summed], axis=1).astype(np.float32)
        first, known, wet = np.full((3, len(row)), np.nan)
        return cls(event, row, origin, hazard, first, known, wet)

    def blown(self, news: News) -> Bools:
        """Return (N,) which intervals hold the first water since the cut, so little and so soon that it may be air."""
        place = np.full(max(int(news.row.max(initial=0)), int(self.row.max(initial=0))) + 1, -1)
        place[self.row[np.isnan(self.wet)]] = 1
        until = np.inf if self.event.cleared_at is None else self.event.cleared_at + AIR_S
        runs = (place[news.row] > 0) & (news.end > self.event.onset) & (news.litres >= LEAST_USE_L)
        when = np.where(runs, news.end, np.inf)
        earliest = np.full(len(place), np.inf)
        np.minimum.at(earliest, news.row, when)
        little = (news.litres <= MOST_AIR_L) & (news.end - news.start <= SHORT_S)
        blown: Bools = runs & (when == earliest[news.row]) & little & (news.start < until)
        return blown

    def hear(self, partition: Present, known: Floats) -> bool:
        """Note which homes have drawn; return whether anything is new, given (H,) until when the homes are known."""
        mine = known[self.row]
        if np.array_equal(mine, self.known, equal_nan=True):
            return False
        self.known = mine
        drew, ran = partition.last_draw(self.row), partition.silent_since(self.row)
        self.wet = np.where(np.isnan(self.wet) & (ran > self.event.onset), ran, self.wet)
        self.first = np.where(np.isnan(self.first) & (drew > self.event.onset), drew, self.first)
        return True

    def over(self, back_within_s: float, s: ReturnSettings) -> bool:
        """Note that the cut is over, and since when; False: no register has moved, nothing can be said."""
        drawn = self.wet[np.isfinite(self.wet)]
        if not len(drawn):
            return False
        drawn = np.sort(drawn[drawn >= drawn.max() - back_within_s])
        nth = min(max(2, int(np.ceil(s.first_share * len(self.row)))), len(drawn))
        self.event = replace(self.event, cleared_at=float(drawn[nth - 1]))
        return True

    def missed(self, partition: Present, s: ReturnSettings) -> list[Missed]:
        """Return the homes to be told, given that the cut is over.

        Whose register stands still is held against all neighbours whose registers moved; whose register moved by what may
        be air, only against those who drew more than that.
        """
        back = self.event.cleared_at
        assert back is not None
        since, heard = partition.quiet_since(self.row), self.known > back
        still = heard & np.isnan(self.wet) & (since == self.origin)
        blown = heard & np.isnan(self.first) & (since == self.wet) & (self.wet >= back - HOUR_S)
        moved, drawn = (heard & (seen >= back - HOUR_S) for seen in (self.wet, self.first))
        told = self._told(back, still, still, moved, s)
        return told + (self._told(back, blown, still | blown, drawn, s) if blown.any() else [])

    def _told(self, back: float, asked: Bools, silent: Bools, drawn: Bools, s: ReturnSettings) -> list[Missed]:
        """Return which of the homes that are `asked` for are to be told, `silent` ones beside those that have `drawn`."""
        chance, after = self._chance(back, silent, silent | drawn, s), self.known - back
        told = asked & (after <= s.watched_s)
        red = told & (chance <= s.red) & (after >= s.red_after_s)
        amber = told & (chance <= s.amber) & (after >= s.amber_after_s)
        counts = int(drawn.sum()), int((silent | drawn).sum())
        return [
            Missed(int(self.row[n]), "red" if red[n] else "amber", float(chance[n]), back, *counts)
            for n in np.flatnonzero(red | amber).tolist()
        ]

    def _chance(self, back: float, silent: Bools, counted: Bools, s: ReturnSettings) -> Floats:
        """Return (N,) the chance of each home, if a well person lives there, to be silent still."""
        since = self._summed(np.maximum(self.known, back)) - self._summed(np.full(len(self.row), back))
        cut = self._summed(np.full(len(self.row), back)) - self._summed(np.full(len(self.row), self.event.onset))
        cut *= 1.0 - np.exp(-np.maximum(self.known - back, 0.0) / s.noticed_s)

        def chance(made_up: float) -> Floats:
            found: Floats = np.exp(-(made_up * cut + since))
            return found

        low, high = 0.0, MOST_MADE_UP
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            fewer = chance(middle)[counted].sum() > silent.sum()
            low, high = (middle, high) if fewer else (low, middle)
        return chance((low + high) / 2)

    def _summed(self, until: Floats) -> Floats:
        """Return (N,) the hazard of each quiet up to a moment."""
        hours = np.clip((until - self.origin) / HOUR_S, 0.0, HOURS - 1e-6)
        full, n = np.floor(hours).astype(np.intp), np.arange(len(hours))
        before, after = self.hazard[n, full], self.hazard[n, full + 1]
        summed: Floats = before + (hours - full) * (after - before).astype(np.float64)
        return summed


def packed(returns: Sequence[Return]) -> dict[str, NDArray[Any]]:
    """Return returns as named arrays; what they are about is packed with the findings of `detectors.outage`."""
    count = np.array([len(one.row) for one in returns], np.intp)
    names = ("row", "origin", "hazard", "first", "known", "wet")
    empty = {"row": np.empty(0, np.intp), "hazard": np.empty((0, HOURS + 1), np.float32)}
    arrays = {
        f"return.{name}": np.concatenate([empty.get(name, np.empty(0)), *(getattr(one, name) for one in returns)])
        for name in names
    }
    return arrays | {"return.count": count}


def unpacked(arrays: Mapping[str, NDArray[Any]], events: Sequence[AreaFinding]) -> list[Return]:
    """Return the returns of these events from `packed` arrays."""
    last = np.cumsum(arrays["return.count"])
    parts = [slice(int(end - n), int(end)) for end, n in zip(last, arrays["return.count"], strict=True)]
    names = ("row", "origin", "hazard", "first", "known", "wet")
    arrays = {"return.wet": arrays["return.first"], **arrays}  # of a state that knew of no air
    return [
        Return(event, *(arrays[f"return.{name}"][part].copy() for name in names))
        for event, part in zip(events, parts, strict=True)
    ]


def tell(
    settings: QuietSettings, cohort: Cohort, state: State, episodes: Episodes, missed: Sequence[Missed], now: float
) -> Changes:
    """Raise the quiets of homes that are missed, once for each return of water.

    One that was raised before is raised once more: from now on the cut explains it no longer.  Who is new to us, can only be
    asked, or may have gone out is asked.
    """
    changes = Changes([], [])
    for one in missed:
        at = np.array([one.row])
        origin, until = quiet_reasons.origin(state, at), state.clock.known_until[at]
        score = float(quiet_judge.score(settings, cohort, state, at, origin, until)[0])
        said = quiet_reasons.evidence(settings, cohort, state, one.row, float(origin[0]), float(until[0]), score)
        sure = not (state.alarms.irregular[at] | new_homes(settings, state.habit, at) | state.steps.doubted(at)).any()
        sure &= not quiet_reasons.maybe_out(state, at, origin)[0]
        severities: tuple[Severity, ...] = ("amber", "red") if sure and one.severity == "red" else ("amber",)
        for severity in severities:
            key = (one.row, "quiet", severity)
            onset = episodes[key].onset if key in episodes else float(origin[0])
            if key not in episodes or episodes[key].evidence.get("water_back_at") != one.back_at:
                found = Finding(one.row, "quiet", severity, onset, now, "quiet_after_cut", {**said, **_neighbours(one)})
                episodes.start(found, changes)
    return in_order(changes)


def _neighbours(one: Missed) -> dict[str, float]:
    return {
        "water_back_at": one.back_at,
        "homes_back": one.homes_back,
        "of_homes": one.of_homes,
        "chance": round(one.chance, 3),
    }
