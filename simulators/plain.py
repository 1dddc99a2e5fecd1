"""Homes in which nothing goes wrong: the registers of thousands of meters at once, one day after the other.

How this works.  A day of a meter is `DAY_S` long and ends with its last upload of the day, so each home's day begins and
ends a little apart from its neighbour's.  Draws that run past that end are kept for the next day.  Homes are worked out in
chunks, so that the draws of one chunk are all that is held besides the registers, and uploads come in order of time because
homes are kept in order of phase.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators import radio
from simulators.households import Drawn, joined
from simulators.meters import registers, volumes
from simulators.plan import DAY_S, Plan

Floats = NDArray[np.float64]
Steps = NDArray[np.int32]
"""Registers in steps of their resolution: a third of the room; -1: not known."""
CHUNK = 4_000
"""Homes that are worked out together: about 120,000 draws a day."""


class Upload(NamedTuple):
    """What one meter sends at once."""

    at: float
    home: int
    values: Sequence[float]
    """Registers [L], the newest last; NaN: not measured yet when the run began."""


class Plain:
    """The meters of some homes, day after day."""

    def __init__(self, plan: Plan, homes: Sequence[int]) -> None:
        order = np.array(homes, np.intp)[np.argsort(plan.phases[homes], kind="stable")]
        self._plan, self._homes = plan, order
        self._chunks = [_Chunk(plan, order[first : first + CHUNK]) for first in range(0, len(order), CHUNK)]
        self._day = 0

    def day(self) -> "PlainDay":
        """Return the next day."""
        begin = self._plan.start_s + self._day * DAY_S
        parts = [chunk.day() for chunk in self._chunks]
        self._day += 1
        if not parts:
            return PlainDay.none(self._plan)
        steps, lost = (np.concatenate(column) for column in zip(*parts, strict=True))
        return PlainDay(self._plan, self._homes, begin, steps, lost)


class PlainDay:
    """One day of many meters."""

    def __init__(
        self, plan: Plan, homes: NDArray[np.intp], begin: float, steps: Steps, lost: NDArray[np.bool_]
    ) -> None:
        self._plan, self._homes, self._begin = plan, homes, begin
        self._steps, self._lost = steps, lost

    @classmethod
    def none(cls, plan: Plan) -> "PlainDay":
        """Return the day of no homes."""
        return cls(plan, np.empty(0, np.intp), 0.0, np.empty((0, 0), np.int32), np.empty((0, 0), np.bool_))

    def uploads(self) -> Iterator[Upload]:
        """Yield what is sent, in order of time."""
        values, phases = self._plan.cadence.values, self._plan.phases[self._homes]
        for n in range(self._lost.shape[1]):
            at = self._begin + n * self._plan.cadence.period_s + phases
            sent = np.flatnonzero(~self._lost[:, n])
            steps = self._steps[sent, n * values : (n + 1) * values]
            rows = np.where(steps < 0, np.nan, np.round(steps * self._plan.resolution_l, 3))
            for moment, home, row in zip(at[sent].tolist(), self._homes[sent].tolist(), rows.tolist(), strict=True):
                yield Upload(moment, home, row)


class _Chunk:
    def __init__(self, plan: Plan, homes: NDArray[np.intp]) -> None:
        self._plan, self._seeds, self._phases = plan, plan.seeds[homes], plan.phases[homes]
        self._days = plan.lived(self._seeds, plan.start, plan.zone)
        self._total = plan.first_l[homes]
        self._late = Drawn(np.empty(0, np.int32), np.empty(0), np.empty(0), np.empty(0))
        self._lost: NDArray[np.bool_] | None = None
        self._begin = plan.start_s + self._phases - plan.cadence.period_s
        self._uploads = 0

    def day(self) -> tuple[Steps, NDArray[np.bool_]]:
        """Return (homes, readings) registers and (homes, uploads) which uploads are lost."""
        plan, homes = self._plan, len(self._seeds)
        cadence, uploads = plan.cadence, round(DAY_S / plan.cadence.period_s)
        drawn = joined(self._late, next(self._days))
        litres = volumes(drawn, homes, self._begin, cadence.step_s, uploads * cadence.values)
        steps = np.rint(registers(litres, plan.resolution_l, self._total) / plan.resolution_l).astype(np.int32)
        if self._uploads == 0:  # what a meter showed before the run began is not known
            measured = self._begin[:, None] + cadence.step_s * np.arange(1, litres.shape[1] + 1)
            steps[measured < plan.start_s] = -1
        before = None if self._lost is None else self._lost[:, -1]
        self._lost = radio.lost(self._seeds, self._uploads, uploads, plan.loss, cadence.period_s, before)
        self._total, self._begin = self._total + litres.sum(axis=1), self._begin + DAY_S
        self._late, self._uploads = after(drawn, self._begin), self._uploads + uploads
        return steps, self._lost


def after(drawn: Drawn, edge: Floats) -> Drawn:
    """Return what is drawn from `edge` (homes,) on, with the rest of what runs just then."""
    stop, at = drawn.start_s + drawn.duration_s, edge[drawn.home]
    late = np.flatnonzero((stop > at) | (drawn.start_s >= at))
    begin = np.maximum(drawn.start_s, at)[late]
    left, whole = stop[late] - begin, drawn.duration_s[late]
    share = np.divide(left, whole, out=np.ones_like(left), where=whole > 0)
    return Drawn(drawn.home[late], begin, drawn.litres[late] * share, left)
