"""Water that is used while the home is declared away: somebody came back early, or somebody else is there.

How this works.  What is drawn within a declared absence, beyond a leak, is added up.  It is told once `LEAST_L` are
together, as a question: a drip or a litre left over from the last use is not worth a call, one flush is.  The first hours
and the last do not count, because people leave later and come back earlier than they said.  It is over with the absence.
"""

from dataclasses import dataclass

import numpy as np

from detectors.bins import HOUR_S, Bools, Floats, Rows
from detectors.clock import END, START, Clock, Moment
from detectors.episodes import Episodes
from detectors.findings import Changes, Evidence, Finding

LEAST_L = 5.0
"""About one flush. [L]"""
SLACK_S = 2 * HOUR_S
"""How much later people leave, and how much earlier they come back, than was declared. [s]"""
KIND = "away_use"


@dataclass
class AwayUse:
    """State of all rows, each array (H,)."""

    absence_at: Floats
    """Start of the absence whose water is added up; NaN: none."""
    since: Floats
    """Start of the first interval with water in it; NaN: none yet."""
    litres: Floats

    @classmethod
    def fresh(cls, rows: int) -> "AwayUse":
        """Return rows that were never away."""
        nan = np.full((2, rows), np.nan)
        return cls(nan[0], nan[1], np.zeros(rows))

    def step(self, m: Moment, clock: Clock) -> Rows:
        """Take in one interval of each of some rows; return the places of those of which it is to be told."""
        n = np.flatnonzero(m.away & m.used)
        if not len(n):
            return n
        spans = clock.absences[m.rows[n]]
        begin, end = spans[:, :, START] + SLACK_S, spans[:, :, END] - SLACK_S
        inside = (begin <= m.start[n, None]) & (m.end[n, None] <= end)  # False for NaN
        which = inside.argmax(axis=1)
        n, which = n[inside.any(axis=1)], which[inside.any(axis=1)]
        rows = m.rows[n]
        absence_at = clock.absences[rows, which, START]
        new = absence_at != self.absence_at[rows]  # True for NaN
        self.absence_at[rows] = absence_at
        self.since[rows] = np.where(new, m.start[n], self.since[rows])
        self.litres[rows] = np.where(new, 0.0, self.litres[rows]) + m.litres[n]
        return n[self.litres[rows] >= LEAST_L]

    def holds(self, row: int, at: float, clock: Clock) -> bool:
        """Return whether the absence of a row that was told of is still declared, and not over at `at`."""
        spans = clock.absences[row]
        mine = spans[spans[:, START] == self.absence_at[row]]
        return bool(len(mine) and at < mine[0, END])

    def evidence(self, row: int, clock: Clock) -> Evidence:
        """Return what is told of a row."""
        spans = clock.absences[row]
        mine = spans[spans[:, START] == self.absence_at[row]][0]
        return {
            "away_since_at": float(mine[START]),
            "away_until_at": float(mine[END]),
            "used_since_at": float(self.since[row]),
            "volume_l": round(float(self.litres[row])),
            "heard_at": float(clock.heard[row]),
            "known_until_at": float(clock.known_until[row]),
        }


def judge(away: AwayUse, clock: Clock, episodes: Episodes, m: Moment, judged: Bools, changes: Changes) -> None:
    """Take in one interval of each of some rows; begin and end the episodes of water in homes that are away."""
    for n in away.step(m, clock).tolist():
        row = int(m.rows[n])
        if judged[n] and (row, KIND, "amber") not in episodes:
            at, onset = float(clock.heard[row]), float(away.since[row])
            episodes.start(Finding(row, KIND, "amber", onset, at, KIND, away.evidence(row, clock)), changes)
    for n in episodes.places(KIND, m.rows):
        row = int(m.rows[n])
        if not away.holds(row, float(m.end[n]), clock):
            episodes.end((row, KIND, "amber"), float(clock.heard[row]), changes)
