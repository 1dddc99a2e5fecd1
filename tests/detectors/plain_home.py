"""One home with plain days, into which a test lets water run: what its meter shows, and what is found."""

import copy
from functools import cache

import numpy as np

from detectors.bins import News
from detectors.partition import Partition, Settings
from detectors.quiet import QuietSettings

MIDNIGHT = 1_750_032_000.0
HOUR, DAY = 3600.0, 86_400.0
NAN = float("nan")
MUTE = Settings(quiet=QuietSettings(amber=1e9, red=1e9))
WEEKDAY = {6: 8, 7: 14, 9: 3, 11: 9, 12: 6, 15: 4, 17: 8, 18: 12, 20: 5, 21: 9}
"""Litres in the first quarter of these hours: a plain day of 78 litres."""


class Home:
    """One home whose register is read at a period; water is added by its flow."""

    def __init__(self, days=20, period_s=900.0, step_l=1.0, day=WEEKDAY):
        self.period_s, self.step_l, self.day = period_s, step_l, day
        self.part = Partition(MUTE, np.array([period_s]), np.array([step_l]))
        self.at, self.true_l, self.shown_l, self.flows = MIDNIGHT, 0.0, 0.0, []
        self.raised, self.cleared = [], []
        if days:
            self.live(days * 24)

    def flow(self, l_h, begin_h=0.0, hours=1e6):
        """Let water run from `begin_h` from now on; return when that is."""
        begin = self.at + begin_h * HOUR
        self.flows.append((l_h, begin, begin + hours * HOUR))
        return begin

    def drawn(self, start, end):
        quarters = np.arange(start // 900 * 900, end, 900.0)
        usual = sum(
            self.day.get(int(q % DAY // HOUR), 0) * (min(q + 900, end) - max(q, start)) / 900
            for q in quarters if q % HOUR == 0
        )  # fmt: skip
        return usual + sum(l_h * max(min(end, b) - max(start, a), 0.0) / HOUR for l_h, a, b in self.flows)

    def live(self, hours, quiet=False, unknown=False, period_s=None, together=False):
        """Let hours pass; `quiet`: nobody draws water; `together`: all of it arrives at the end."""
        day, self.day = self.day, {} if quiet else self.day
        period, until = period_s or self.period_s, self.at + hours * HOUR
        columns = []
        while self.at < until - 1:
            end = self.at + period
            self.true_l += self.drawn(self.at, end)
            shown = np.floor(self.true_l / self.step_l + 1e-9) * self.step_l
            columns.append((self.at, end, NAN if unknown else shown - self.shown_l))
            self.at, self.shown_l = end, shown
        start, end, litres = np.array(columns).T
        received = np.full(len(end), until) if together else end
        zero = np.zeros(len(end))
        found = self.part.step(News(zero.astype(int), start, end, litres, zero, received))
        self.raised += found.raised
        self.cleared += found.cleared
        self.day = day
        return found

    def told(self, kind):
        return [(f.severity, f.reason) for f in self.raised if f.kind == kind]

    def first(self, kind, severity=None):
        return next(f for f in self.raised if f.kind == kind and severity in {None, f.severity})


ASKED_DAYS = (0, 1, 2, 3, 5, 10, 20, 23, 30)
"""How long the histories are that tests ask for: each goes on where the one before it ends."""


@cache
def history(days, period_s, step_l, day):
    before = max((n for n in ASKED_DAYS if n < days), default=None)
    if before is None:
        return Home(days, period_s, step_l, dict(day))
    home = copied(history(before, period_s, step_l, day), MUTE)
    home.live((days - before) * 24)
    return home


def copied(home, settings):
    """Return a home that goes on by itself from where this one is."""
    other = copy.copy(home)
    other.part = Partition.restore(settings, home.part.snapshot())
    other.flows, other.raised, other.cleared = [], list(home.raised), list(home.cleared)
    return other


def lived(days=20, period_s=900.0, step_l=1.0, settings=MUTE, day=WEEKDAY):
    """Return a home after plain days; each day of a history is lived once, and copied."""
    return copied(history(days, period_s, step_l, tuple(day.items())), settings)
