"""Detectors over a block of homes: what each of them scores, made ready for `detection_curves`.

A detector of quiet is one function, ``(homes, quiets) -> (Q, P) scores``: the score of each quiet after 0, 1, ... intervals
without use.  It may look at everything up to the interval `last` of a quiet, which begins at its end, and at nothing beyond.
To compare one more detector, write that function and add a line to `detection_study.detectors`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmarks.detection_curves import Scored
from benchmarks.detection_homes import (
    DAY_S,
    HORIZON_H,
    HOUR_S,
    LEAST_H,
    Copies,
    Floats,
    Homes,
    Places,
    Quiets,
    Singles,
    copies,
    natural,
)

Scores = Callable[[Homes, Quiets], Singles]
KEPT_A_MONTH = 25.0
"""The highest rises of the score that are kept, a household-month: more than anybody would bear as alarms."""


@dataclass(frozen=True)
class Detector:
    """One detector of quiet."""

    name: str
    scores: Scores
    grain: float = 0.0
    """How far scores of different quiets are apart if they are not equal; 0: they are hardly ever equal."""


class Scene(NamedTuple):
    """Where detectors are looked at: all of them at the same quiets and copies."""

    quiets: Quiets
    """Natural quiets first, then those that only copies have."""
    lasted: Places
    """(N,) lengths of the natural quiets in intervals."""
    copies: Copies
    quiet_of: Places
    """(C,) which of the quiets each copy has."""
    part: Floats
    """(Q,) a number from 0 to 1, drawn once for each quiet, by which ties are broken."""


def columns(homes: Homes) -> int:
    """Return P: intervals in the horizon, and the beginning."""
    return HORIZON_H * homes.in_hour + 1


def scene(homes: Homes, each: int, rng: np.random.Generator) -> Scene:
    """Return the quiets and copies of a block of homes."""
    quiets, lasted = natural(homes)
    made = copies(homes, each, rng)
    width = homes.litres.shape[1]
    ours, theirs = quiets.row * width + quiets.last, made.row * width + made.last
    more = np.setdiff1d(theirs, ours)
    keys = np.concatenate([ours, more])
    order = np.argsort(keys)
    quiet_of = order[np.searchsorted(keys, theirs, sorter=order)]
    everything = Quiets(keys // width, keys % width)
    return Scene(everything, lasted, made, quiet_of, rng.random(len(keys)))


def scored(homes: Homes, seen: Scene, detector: Detector) -> Scored:
    """Return what a detector of quiet makes of a block of homes."""
    scores = detector.scores(homes, seen.quiets) + (seen.part * detector.grain)[:, None].astype(np.float32)
    scores = np.maximum.accumulate(scores, axis=1)
    scores[:, : round(LEAST_H * homes.in_hour)] = -np.inf
    count, last = len(seen.lasted), scores.shape[1] - 1
    high = scores[np.arange(count), np.minimum(seen.lasted, last)]
    quiets = Quiets(seen.quiets.row[:count], seen.quiets.last[:count])
    low = np.full(count, -np.inf, np.float32)
    return ready(detector.name, homes, seen, quiets, low, high, scores[:count], scores[seen.quiet_of])


def ready(
    name: str, homes: Homes, seen: Scene, begins: Quiets, low: Singles, high: Singles, path: Singles, curve: Singles
) -> Scored:
    """Return scores as `Scored`, of the rises only the highest.

    Parameters
    ----------
    begins : Quiets
        (R,) where each rise begins: at the end of interval `last`.
    low, high : (R,) float
        From where to where the score rose.
    path : (R, P) float
        The score after 0, 1, ... intervals of the rise.
    curve : (C, P) float
        The score after 0, 1, ... intervals of the quiet of each copy.
    """
    months = homes.months()
    kept = np.argsort(-high, kind="stable")[: round(KEPT_A_MONTH * months.sum())]
    row, last = begins.row[kept], begins.last[kept]
    place, waited = seen.copies.place, seen.copies.place - seen.copies.last
    onset_s = homes.end_s(seen.copies.row, place) + seen.copies.late_h * HOUR_S
    return Scored(
        name=name,
        step_s=homes.step_s,
        months=months,
        home=row,
        low=low[kept],
        high=high[kept],
        begin_s=homes.end_s(row, last),
        path=path[kept],
        copy_home=seen.copies.row,
        waited=waited,
        late_h=seen.copies.late_h,
        onset_h=onset_s % DAY_S / HOUR_S,
        curve=curve,
    )
