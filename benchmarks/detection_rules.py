"""Fixed rules about too little water, as scores: hours without use, and the longest time with less than ten litres.

Tuned to a budget they are the best that a rule without a person in it can do; at the limits that programmes in public service
have chosen they are those programmes (`detectors.rules` has places and sources).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection_curves import Point, Scored
from benchmarks.detection_homes import DAY_S, HOUR_S, Bools, Floats, Homes, Quiets, Singles, resets
from benchmarks.detection_run import Detector, Scene, columns, ready

LITTLE_L = 10.0
LONGEST_WINDOW_H = 60
ANCHOR_H = (6, 18)
SERVICE = {"12 h < 10 L": ("little", 12.0), "24 h < 10 L": ("little", 24.0), "8 h zero": ("gap", 8.0), "12 h zero": ("gap", 12.0)}  # fmt: skip
"""Rule in public service -> the score that it is a limit of, and the limit in hours."""


def gap_hours(homes: Homes, quiets: Quiets) -> Singles:
    """Return the hours without use: a fixed gap, whatever home and hour."""
    hours = np.arange(columns(homes), dtype=np.float32) / np.float32(homes.in_hour)
    return np.broadcast_to(hours, (len(quiets), len(hours))).copy()


def gap(step_s: float) -> Detector:
    """Return the rule "no use for N hours" for meters that report so often; N is the score."""
    return Detector("fixed gap", gap_hours, grain=step_s / HOUR_S)


def little_windows(homes: Homes) -> NDArray[np.int32]:
    """Return (H, N) how many intervals up to and with each one together held less than ten litres, all of them known."""
    count = homes.litres.shape[1]
    limit = LONGEST_WINDOW_H * homes.in_hour
    barred = np.isnan(homes.litres) | homes.away
    last_barred, _ = resets(barred)
    windows = np.zeros(homes.litres.shape, np.int32)
    places, litres = np.arange(1, count + 1), drawn_l(homes)
    for row in range(len(homes)):
        total = np.append(0.0, np.cumsum(litres[row]))
        first = np.searchsorted(total, total[1:] - LITTLE_L + 1e-6, side="right")
        windows[row] = places - np.maximum(np.minimum(first, places), last_barred[row] + 1)
    return np.minimum(windows, limit)


def drawn_l(homes: Homes) -> Floats:
    """Return (H, N) litres of the intervals in which a person drew water; a leak alone is none, and unknown counts as none."""
    litres: Floats = np.where(homes.used, np.nan_to_num(homes.litres.astype(np.float64)), 0.0)
    return litres


def little(homes: Homes, seen: Scene) -> Scored:
    """Return the rule "less than 10 L in N hours"; N is the score.

    Its score does not begin anew with a use: a window may hold one of nine litres.  So its rises are the stretches over
    which the window grows with the clock, and those that begin above a limit do not cross it again.
    """
    windows = little_windows(homes)
    counted = homes.counted()
    falls = np.ones(windows.shape, np.bool_)
    falls[:, 1:] = windows[:, 1:] != windows[:, :-1] + 1
    falls[:, homes.tested_from] = True
    row, at = np.nonzero(falls & counted)
    _, following = resets(falls | ~counted)
    grown = following[row, at] - at - 1
    per_hour, steps = np.float32(homes.in_hour), np.arange(columns(homes), dtype=np.float32)
    mixed = np.random.default_rng(len(row)).random(len(row)).astype(np.float32)  # as `Detector.grain`, rise by rise
    low = (windows[row, at].astype(np.float32) + mixed) / per_hour
    curve = (windows[seen.copies.row, seen.copies.place] + seen.part[seen.quiet_of]).astype(np.float32) / per_hour
    # A copy's window grows with the clock from `place` on, where it is known; its quiet began some intervals before.
    waited = (seen.copies.place - seen.copies.last).astype(np.float32)
    curves = curve[:, None] + (steps - waited[:, None]) / per_hour
    high = low + grown.astype(np.float32) / per_hour
    keep = high >= 6.0
    path = low[keep, None] + steps / per_hour
    begins = Quiets(row[keep], at[keep])
    return ready("less than 10 L", homes, seen, begins, low[keep], high[keep], path, curves)


@dataclass(frozen=True)
class Anchored:
    """The rule "less than 10 L between 6 and 18 o'clock", looked at once a day."""

    false_alarms: Floats
    """(H,) looks at which it holds, after one at which it did not."""
    months: Floats
    delays: Floats
    """(C,) hours from the incident to the first look at which it holds."""

    def point(self) -> Point:
        """Return the rule as a point."""
        return Point(float("nan"), float(self.false_alarms.sum() / self.months.sum()), self.delays)


def anchored(homes: Homes, seen: Scene) -> Anchored:
    """Return what the anchored rule makes of a block of homes."""
    width = (ANCHOR_H[1] - ANCHOR_H[0]) * homes.in_hour
    known = ~np.isnan(homes.litres) & ~homes.away
    litres, seconds = _added_up(np.where(known, drawn_l(homes), 0.0)), _added_up(known)
    of_day = homes.end_s(*np.indices(homes.litres.shape)) % DAY_S / HOUR_S
    looks = (of_day == ANCHOR_H[1]) & homes.counted()
    false = np.zeros(len(homes))
    for home in range(len(homes)):
        at = np.flatnonzero(looks[home]) + 1
        drawn, told = (sums[home, at] - sums[home, at - width] for sums in (litres, seconds))
        false[home] = falls_anew((drawn < LITTLE_L - 1e-6) & (told == width)).sum()
    row, place, late_h = seen.copies.row, seen.copies.place, seen.copies.late_h
    first_h = (ANCHOR_H[1] - of_day[row, place]) % 24
    first_h += np.where(first_h < late_h, 24.0, 0.0)
    since = np.clip(place + 1 + np.rint(first_h * homes.in_hour).astype(np.intp) - width, 0, place + 1)
    drawn, told = (sums[row, place + 1] - sums[row, since] for sums in (litres, seconds))
    waits = (drawn >= LITTLE_L - 1e-6) | (told < place + 1 - since)
    return Anchored(false, homes.months(), first_h + np.where(waits, 24.0, 0.0) - late_h)


def _added_up(values: NDArray[Any]) -> Floats:
    """Return (H, N + 1) sums up to each interval."""
    return np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1, dtype=np.float64)], axis=1)


def falls_anew(holds: Bools) -> Bools:
    """Return (N,) which of some looks at a rule find that it holds when it did not before."""
    anew: Bools = holds & ~np.append(np.zeros(1, np.bool_), holds[:-1])
    return anew
