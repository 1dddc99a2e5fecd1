"""The latest quiets of each row that reached the amber level, and what they turned out to be.

How this works.  A quiet whose level reached amber is written down when it ends (or when somebody says what it was, if that
is earlier) and goes on counting as nothing said until an outcome comes.  Each has its place under its beginning, so that an
outcome told twice, or again after a restart, changes nothing, and one that is taken back leaves no trace.  From these few
numbers follow what moves the levels of the home, how often it would be asked for nothing at the level it has now, and
whether it can be served well at all: a home that would be asked more than three times a month, or is empty on more than one
day in ten, is *irregular*; it is only asked, and looked at again every month.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors.bins import DAY_S, MONTH_DAYS, Bools, Floats, Rows
from detectors.daybook import Daybook

Outcome = Literal["well", "incident", "away", "fault"]
"""well: at home and all is well, a false alarm; incident: somebody needed help, or was not as usual; away: nobody was
there; fault: the meter or the mains."""
Seconds = NDArray[np.uint32]
Bytes = NDArray[np.uint8]

KEPT = 24
"""Alarms kept of a row: three months of a home that is asked twice a week."""
SAID: tuple[Outcome | None, ...] = (None, "well", "incident", "away", "fault")
"""What each code of `Alarms.said` stands for."""
WELL = SAID.index("well")
NO_LIFE = np.array([False, False, True, True, True])
"""Hours that are not this person's usual life: they never teach."""
AMBER, RED, USED, TRIP, ALIVE = 1, 2, 4, 8, 16
"""Flags: it was told as amber, as red; it ended by a use; it was too long to be anything but an absence; somebody was up."""
LOOK_DAYS, EVERY_DAYS, LEAST_DAYS = 90.0, 30, 28.0
"""What a look at a home goes back over, how often it is taken, and the least it needs. [days]"""
MOST_A_MONTH, MOST_EMPTY = 3.0, 0.10
"""More false alarms a month, or a greater share of empty days, and the home is irregular."""
BACK_A_MONTH, BACK_EMPTY = 2.0, 0.07
"""Not more than these, and it is so no longer."""


@dataclass
class Alarms:
    """State of all rows; the arrays (H, KEPT) are lists without order, `begin` 0: a free place."""

    begin: Seconds
    """Beginning of the quiet, whole seconds since 1970."""
    end: Seconds
    """Its end; 0: not over."""
    peak: NDArray[np.float32]
    """The level it had reached."""
    flags: Bytes
    said: Bytes
    """What it turned out to be (`SAID`)."""
    strikes: Bools
    """(H,) one of them was no usual life."""
    irregular: Bools
    """(H,) the home is only asked."""
    looked: NDArray[np.int32]
    """(H,) local day on which that was last looked at; 0: never."""

    @classmethod
    def fresh(cls, rows: int) -> "Alarms":
        """Return rows without alarms."""
        return cls(
            np.zeros((rows, KEPT), np.uint32),
            np.zeros((rows, KEPT), np.uint32),
            np.zeros((rows, KEPT), np.float32),
            np.zeros((rows, KEPT), np.uint8),
            np.zeros((rows, KEPT), np.uint8),
            np.zeros(rows, np.bool_),
            np.zeros(rows, np.bool_),
            np.zeros(rows, np.int32),
        )

    # --- one alarm -----------------------------------------------------------------------------------------------------

    def place(self, rows: Rows, begin: Floats) -> tuple[Rows, Bools]:
        """Return (M,) the place of the quiets that began then, and whether they are there; else the place they may take."""
        listed = self.begin[rows] == seconds(begin)[:, None]
        there = listed.any(axis=1)
        return np.where(there, listed.argmax(axis=1), self.begin[rows].argmin(axis=1)), there

    def enter(self, rows: Rows, begin: Floats) -> Rows:
        """Return (M,) the places of quiets, taken from the oldest if they are new."""
        place, there = self.place(rows, begin)
        new, at = rows[~there], place[~there]
        for array in (self.end, self.peak, self.flags, self.said):
            array[new, at] = 0
        self.begin[new, at] = seconds(begin[~there])
        return place

    def struck(self, rows: Rows, origin: Floats) -> Bools:
        """Return (M,) whether the quiets that began then are known to be no usual life."""
        found = np.zeros(len(rows), np.bool_)
        some = np.flatnonzero(self.strikes[rows])
        if len(some):
            place, there = self.place(rows[some], origin[some])
            found[some] = there & NO_LIFE[self.said[rows[some], place]]
        return found

    def moves(self, rows: Rows, place: Rows, by_use: float, by_word: float, red: float) -> tuple[Floats, Floats]:
        """Return (M,) what these alarms add to the amber and to the red level of their rows.

        `by_use`: one that nobody said anything about, and after which somebody was up; `by_word`, `red`: one at which all was well.
        """
        flags, well = self.flags[rows, place], self.said[rows, place] == WELL
        passed = (self.said[rows, place] == 0) & (flags & (ALIVE | TRIP) == ALIVE)
        told = (flags & AMBER) != 0
        return told * (by_use * passed + by_word * well), red * (well & ((flags & RED) != 0))

    # --- many alarms ---------------------------------------------------------------------------------------------------

    def false(self, rows: Rows, since: Floats) -> Bools:
        """Return (M, KEPT) which alarms that ended after `since` (M,) were for nothing, as far as anybody knows."""
        ended = (self.flags[rows] & ALIVE) != 0
        nothing = (self.said[rows] == WELL) | ((self.said[rows] == 0) & ended)
        found: Bools = (
            nothing & (self.begin[rows] > 0) & (np.maximum(self.end[rows], self.begin[rows]) > since[:, None])
        )
        return found

    def a_month(self, rows: Rows, amber: Floats, now: Floats, days: Floats) -> Floats:
        """Return (M,) how often each home would be asked for nothing in a month; NaN: not known yet.

        Its past quiets are held against the amber level `amber` (M,) that it has now; `days` (M,) is what is known of it.
        """
        span = np.minimum(days, LOOK_DAYS)
        full = (self.begin[rows] > 0).all(axis=1)
        span = np.where(full, np.minimum(span, (now - self.begin[rows].min(axis=1)) / DAY_S), span)
        asked = self.false(rows, now - span * DAY_S) & (self.peak[rows] >= amber[:, None].astype(np.float32))
        rate = asked.sum(axis=1) / np.maximum(span, 1.0) * MONTH_DAYS
        return np.where(days >= LEAST_DAYS, rate, np.nan)

    def look(self, rows: Rows, day: NDArray[np.int64], amber: Floats, now: Floats, book: Daybook) -> None:
        """Decide anew, once in `EVERY_DAYS`, which of `rows`, whose `day` (M,) is over, are irregular."""
        due = np.flatnonzero((day - self.looked[rows] >= EVERY_DAYS) & (book.whole[rows] >= LEAST_DAYS))
        if not len(due):
            return
        rows, day = rows[due], day[due]
        rate = self.a_month(rows, amber[due], now[due], book.whole[rows].astype(np.float64))
        empty = book.empty_share(rows)
        so_far = self.irregular[rows]
        self.irregular[rows] = np.where(
            so_far,
            (rate > BACK_A_MONTH) | (empty > BACK_EMPTY),
            (rate > MOST_A_MONTH) | (empty > MOST_EMPTY),
        )
        self.looked[rows] = day

    def count(self, row: int, said: Outcome, since: float) -> int:
        """Return how many alarms of a row since then turned out to be this."""
        return int(((self.said[row] == SAID.index(said)) & (self.begin[row] > since)).sum())


def seconds(at: Floats) -> Seconds:
    """Return whole seconds; what is not known is 0, which no quiet begins at."""
    return np.rint(np.nan_to_num(at)).astype(np.uint32)
