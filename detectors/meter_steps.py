"""What the steps of a register say about the meter: that it counts more coarsely than agreed, or in another unit.

How this works.  Of the volumes that a register of litres shows, one in ten is whole tens by chance.  `MANY` one after the
other, not all at the same rate and with a rest between them (a constant flow has neither), are no chance: the device
shows only tens now, or counts ten times as much.  From then on the home is learnt anew behind such a register, and it is
told once, as a trouble of the device.  From `SOME` on a quiet has to be more unusual: it may be the register that rests.

A volume at the rate of the interval right before says nothing new: a leak of sixty litres an hour shows whole
tens all night, and somebody who then draws ten has not changed the register.

A volume of whole thousands is no person's: new firmware that states litres where cubic metres were agreed makes each
litre a thousand.  Such a volume is not believed (somebody drew water, nobody knows how much), and told at once.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bins import HOUR_S, LEAST_USE_L, Bools, Floats, News, Rows
from detectors.episodes import Episodes
from detectors.findings import Changes, Finding

SOME, MANY = 3, 6
TENS, THOUSANDS = 10.0, 1000.0
LEAST_STEP_L = 0.5
"""Tens of a finer register are no loss: a hand-wash shows in them."""
MOST_COUNTED = 1000
ALIKE = 0.1
"""Flows are the same if they differ by no more than this share: intervals are not all equally long."""
KIND = "meter_steps"


class Heard(NamedTuple):
    """What some intervals say of their meters."""

    news: News
    """The same intervals, without what is not believed."""
    raised: list[Finding]
    coarse: Rows
    """Rows whose register shows only tens from now on."""
    usual: Rows
    """Rows whose register shows its agreed step again."""


@dataclass
class Steps:
    """State of all rows, each array (H,)."""

    tens: NDArray[np.int16]
    """Volumes of whole tens one after the other, up to the newest; those that go on at the rate before them left out."""
    first_l_h: Floats
    """The flow of the first of them. [L/h]"""
    mixed: Bools
    """They are not all alike."""
    rested: Bools
    """The register stood still between two of them: no leak makes them whole."""
    still: Bools
    """It stood still in the newest interval."""
    last_l_h: Floats
    """The flow of the newest volume, of whatever size. [L/h]"""
    step_l: Floats
    """The agreed step that they were held against. [L]"""

    @classmethod
    def fresh(cls, resolution_l: Floats) -> "Steps":
        """Return registers of these steps that have said nothing yet."""
        rows = len(resolution_l)
        zero, no = np.zeros((2, rows)), np.zeros((3, rows), np.bool_)
        return cls(np.zeros(rows, np.int16), zero[0], no[0], no[1], no[2], zero[1], resolution_l.copy())

    def coarse(self, rows: Rows) -> Bools:
        """Return (M,) whether each register shows only tens of its agreed step."""
        coarse: Bools = (self.tens[rows] >= MANY) & self.mixed[rows] & self.rested[rows]
        return coarse

    def doubted(self, rows: Rows) -> Bools:
        """Return (M,) whether each register may have begun to show only tens."""
        doubted: Bools = (self.tens[rows] >= SOME) & ~self.coarse(rows)
        return doubted

    def hear(self, news: News, resolution_l: Floats) -> Heard:
        """Take in at most one interval of each of some rows; `resolution_l` (H,) is what is agreed of all registers."""
        n = np.flatnonzero((news.litres >= LEAST_USE_L) & (resolution_l[news.row] >= LEAST_STEP_L))  # False for NaN
        if not len(n):
            self._rest(news)
            return Heard(news, [], n, n)
        rows, litres, step = news.row[n], news.litres[n], resolution_l[news.row[n]]
        other = self.step_l[rows] != step
        self.tens[rows[other]], self.step_l[rows] = 0, step
        before = self.coarse(rows)
        absurd = _whole(litres, THOUSANDS * step)
        flow = litres / np.maximum(news.end[n] - news.start[n], 1.0) * HOUR_S
        goes_on = _alike(flow, self.last_l_h[rows]) & ~self.still[rows]
        said = ~(absurd | goes_on)
        self._count(rows[said], litres[said], step[said], flow[said])
        self.last_l_h[rows] = flow
        self._rest(news)
        new, over = self.coarse(rows) & ~before, before & ~self.coarse(rows)
        at, heard = news.end[n], news.received[n]
        told = [_finding("meter_steps", rows[k], at[k], heard[k], step[k], None) for k in np.flatnonzero(new).tolist()]
        told += [
            _finding("meter_unit", rows[k], at[k], heard[k], step[k], litres[k])
            for k in np.flatnonzero(absurd).tolist()
        ]
        return Heard(_without(news, n[absurd]), told, rows[new], rows[over])

    def _rest(self, news: News) -> None:
        self.still[news.row[~np.isnan(news.litres)]] = False
        self.still[news.row[news.litres < LEAST_USE_L]] = True  # False for NaN

    def _count(self, rows: Rows, litres: Floats, step_l: Floats, flow_l_h: Floats) -> None:
        whole = _whole(litres, TENS * step_l)
        begun = self.tens[rows] == 0
        self.first_l_h[rows] = np.where(begun, flow_l_h, self.first_l_h[rows])
        self.mixed[rows] = whole & ~begun & (self.mixed[rows] | ~_alike(flow_l_h, self.first_l_h[rows]))
        self.rested[rows] = whole & ~begun & (self.rested[rows] | self.still[rows])
        self.tens[rows] = np.where(whole, np.minimum(self.tens[rows] + 1, MOST_COUNTED), 0)

    def usual(self, rows: Rows) -> Bools:
        """Return (M,) whether the newest volume of each register is one of its agreed step."""
        usual: Bools = self.tens[rows] == 0
        return usual


def tell(steps: Steps, episodes: Episodes, news: News, heard: Heard, changes: Changes) -> None:
    """Begin and end the episodes of meters: over with the first volume that is no whole tens."""
    for finding in heard.raised:
        if (finding.row, finding.kind, finding.severity) not in episodes:
            episodes.start(finding, changes)
    for n in episodes.places(KIND, news.row):
        if heard.news.litres[n] >= LEAST_USE_L and steps.usual(news.row[n : n + 1])[0]:
            episodes.end((int(news.row[n]), KIND, "blue"), float(news.received[n]), changes)


def _whole(litres: Floats, step_l: Floats) -> Bools:
    """Return which volumes are one or several whole steps."""
    steps = np.rint(litres / step_l)
    return (steps >= 1) & (np.abs(litres - steps * step_l) < LEAST_USE_L / 2)


def _alike(flow_l_h: Floats, other_l_h: Floats) -> Bools:
    """Return which flows are the same as others; nine litres after ten are, however the last digit is rounded."""
    alike: Bools = np.abs(flow_l_h - other_l_h) <= ALIKE * (1 + 1e-9) * other_l_h
    return alike


def _without(news: News, places: Rows) -> News:
    """Return the intervals with the volumes at `places` not known; water was drawn there all the same."""
    if not len(places):
        return news
    litres = news.litres.copy()
    moved = np.zeros(len(news), np.bool_) if news.moved is None else news.moved.copy()
    litres[places], moved[places] = np.nan, True
    return replace(news, litres=litres, moved=moved)


def _finding(reason: str, row: int, at: float, heard: float, step_l: float, volume_l: float | None) -> Finding:
    evidence = {
        "agreed_l": float(step_l),
        "shown_l": float(step_l) * TENS,
        "volume_l": None if volume_l is None else float(volume_l),
        "heard_at": float(heard),
        "known_until_at": float(at),
    }
    return Finding(int(row), KIND, "blue", float(at), float(heard), reason, evidence)
