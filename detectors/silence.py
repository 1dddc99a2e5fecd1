"""A silent meter: nothing was heard for longer than its report plan allows.  Not a quiet home: nobody knows."""

from dataclasses import dataclass

import numpy as np

from detectors.bins import Floats
from detectors.findings import Finding

BATCH_FROM_S = 8 * 3600.0


@dataclass(frozen=True, slots=True)
class SilenceSettings:
    """How long a meter may be silent."""

    least_s: float = 2 * 3600.0
    periods: float = 3.0
    batch_grace_s: float = 2 * 3600.0
    """A meter that reports less than every 8 h has one period and this: 26 h for one upload a day."""


def limit(settings: SilenceSettings, period_s: Floats) -> Floats:
    """Return (H,) seconds of silence that a meter with this report period may keep."""
    often = np.maximum(settings.least_s, settings.periods * period_s)
    return np.where(period_s > BATCH_FROM_S, period_s + settings.batch_grace_s, often)


def overdue_at(heard: Floats, limit_s: Floats, listening_since: float | Floats) -> Floats:
    """Return (H,) when each meter counts as silent: time during which we did not listen is not held against it.

    `heard` NaN: never heard, so it counts from `listening_since` (one time, or one a row).
    """
    due: Floats = np.fmax(heard, listening_since) + limit_s
    return due


def finding(row: int, heard: float, listening_since: float, at: float, limit_s: float, period_s: float) -> Finding:
    """Return the claim that a meter is silent, made at `at`; `heard` NaN: it never spoke."""
    never = bool(np.isnan(heard))
    onset = listening_since if never else heard
    evidence = {
        "heard_at": None if never else heard,
        "silent_s": round(at - onset),
        "limit_s": limit_s,
        "period_s": period_s,
    }
    reason = "meter_never_heard" if never else "meter_silent"
    return Finding(row, "meter_silent", "blue", onset, at, reason, evidence)
