"""Twenty simulated seniors in one building, whose water, meters and gateway can be cut."""

from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from detectors.bins import News
from detectors.outage import Group, Outages
from detectors.partition import Partition, Settings
from tests.detectors.homes import senior

ZONE = ZoneInfo("Asia/Shanghai")
OFFSET_S = 8 * 3600.0
BEGIN = datetime(2025, 9, 1, tzinfo=ZONE)
LEARNT_DAYS, DAYS = 14, 17
HOMES = 20
SLOT_S = 900.0
ALL = np.arange(HOMES)
BUILDING = Group("house", "building", ALL)
RISERS = [Group(f"riser {n}", "riser", ALL[n::4]) for n in range(4)]


@cache
def water() -> np.ndarray:
    """Return (HOMES, slots) litres of a register with litre steps, 15 minutes a slot."""
    return np.stack([senior(4000 + n, BEGIN, DAYS, ZONE, SLOT_S)[2] for n in range(HOMES)])


@cache
def learnt() -> dict[str, np.ndarray]:
    """Return the state of the detectors after two weeks, told hour by hour."""
    part = Partition(Settings(), np.full(HOMES, SLOT_S), np.ones(HOMES))
    begin = BEGIN.timestamp() + 3600.0 * np.repeat(np.arange(LEARNT_DAYS * 24), HOMES)
    hourly = water()[:, : LEARNT_DAYS * 96].reshape(HOMES, -1, 4).sum(axis=2)
    rows = np.tile(ALL, LEARNT_DAYS * 24)
    end = begin + 3600.0
    part.step(News(rows, begin, end, hourly.T.ravel(), np.full(len(rows), OFFSET_S), end + 5))
    return part.snapshot()


class Street:
    """Plays the days after what was learnt; hours count from the midnight that follows it."""

    def __init__(self, groups=(BUILDING, *RISERS), order=ALL):
        self.midnight = (BEGIN + timedelta(days=LEARNT_DAYS)).timestamp()
        self.litres = water()[:, LEARNT_DAYS * 96 :].copy()
        self.heard = np.ones(self.litres.shape, bool)
        self.order = order  # home -> its row
        self.partition = Partition.restore(Settings(), reordered(learnt(), order))
        self.outages = Outages()
        self.outages.set_groups([Group(g.name, g.kind, order[g.rows]) for g in groups])
        self.active = np.ones(HOMES, bool)
        self.listening_since = -np.inf
        self.slot = 0
        self.raised, self.cleared, self.personal, self.missed = [], [], [], []

    def dry(self, homes, from_h, to_h=np.inf):
        """Draw nothing in some homes: somebody lies on the floor, or the water is cut."""
        self.litres[self._cells(homes, from_h, to_h)] = 0.0
        return self

    def draws(self, homes, at_h, litres=5.0):
        """Draw something in some homes in the quarter of an hour that begins then."""
        self.litres[np.atleast_1d(homes), round(at_h * 4)] += litres
        return self

    def unheard(self, homes, from_h, to_h=np.inf):
        self.heard[self._cells(homes, from_h, to_h)] = False
        return self

    def _cells(self, homes, from_h, to_h):
        last = self.litres.shape[1]
        return np.ix_(np.atleast_1d(homes), np.arange(round(from_h * 4), round(min(to_h * 4, last))))

    def until(self, hour):
        while self.slot < round(hour * 4):
            n = self.slot
            homes = np.flatnonzero(self.heard[:, n])
            start = np.full(len(homes), self.midnight + n * SLOT_S)
            end, litres = start + SLOT_S, self.litres[homes, n]
            offset = np.full(len(homes), OFFSET_S)
            self.personal += self.partition.step(
                self.outages.without_air(News(self.order[homes], start, end, litres, offset, end + 5))
            ).raised
            self.look(self.midnight + (n + 1) * SLOT_S + 10)
            self.slot += 1
        return self

    def look(self, now):
        changes = self.outages.look(self.partition, self.active, now, self.listening_since)
        self.raised += changes.raised
        self.cleared += changes.cleared
        self.missed += self.partition.miss(changes.missed, now).raised
        return changes

    def hour(self, at):
        return (at - self.midnight) / 3600


def reordered(arrays, order):
    """Return a snapshot whose row `order[n]` is what row n was."""
    rows = np.argsort(order)
    return {
        name: array[rows] if array.ndim and len(array) == HOMES and name != "findings" else array
        for name, array in arrays.items()
    }
