"""What simulated older people teach about quiets: other people than those of the frozen cohort, by the same settings."""

from dataclasses import replace

import numpy as np

from benchmarks.detection_homes import HOUR_S, Homes, long_quiets, senior_homes, used_by_people
from benchmarks.detection_index import Taught, taught
from detectors.quiet_columns import Prior
from simulators.cohorts import SENIORS_1

SEED = 20_251_122
"""Not that of the cohort: nobody who is judged there teaches."""
AT_A_TIME = 125


def taught_by_seniors(count: int, step_l: float, prior: Prior) -> Taught:
    """Return every hour of the quiets of some people behind hourly registers of this step; `prior` is one line."""
    parts = []
    for first in range(0, count, AT_A_TIME):
        homes = _homes(range(first, min(first + AT_A_TIME, count)), step_l)
        every = Prior(*(np.repeat(line[None], len(homes), axis=0) for line in prior))
        parts.append(taught(homes, every))
    return Taught(*(np.concatenate([getattr(part, name) for part in parts]) for name in Taught.__dataclass_fields__))


def _homes(some: range, step_l: float) -> Homes:
    homes = senior_homes(replace(SENIORS_1, name="teachers", seed=SEED), some, HOUR_S)
    if step_l <= homes.resolution_l:
        return homes
    shown = np.floor(np.cumsum(homes.litres, axis=1, dtype=np.float64) / step_l) * step_l
    litres = np.diff(shown, axis=1, prepend=0.0).astype(np.float32)
    coarse = replace(homes, litres=litres, resolution_l=step_l)
    coarse = replace(coarse, used=used_by_people(coarse))
    return replace(coarse, away=coarse.away | long_quiets(coarse))
