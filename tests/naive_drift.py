"""Slow change once more, one home and one interval at a time, in plain Python: what the arrays must equal."""

import math
from dataclasses import dataclass, field

HOUR, DAY = 3600.0, 86_400.0
CHANGES = {
    "drift_night_up": ("night", 2.0, 1.0, 0.8, 5.0, 1.0),
    "drift_litres_up": ("litres", 2.0, 10.0, 10.5, 2.0, 0.3),
    "drift_litres_down": ("litres", 0.6, 10.0, 10.5, 2.0, 0.3),
}
"""Reason -> column, ratio, unit, cohort's mean, its weight in days, least dispersion."""


@dataclass
class NaiveDrift:
    levels: dict
    known_until: float = -math.inf
    lost: list = field(default_factory=list)
    """(local begin, local end, the whole day or only its night) of what is not known or not this home's life."""
    uses: set = field(default_factory=set)
    """(day, hour) in which water was drawn."""
    litres: dict = field(default_factory=dict)
    day: int | None = None
    days: dict = field(default_factory=dict)
    """day -> {"night": hours or None, "litres": litres or None}"""
    score: dict = field(default_factory=lambda: dict.fromkeys(CHANGES, 0.0))
    rising: dict = field(default_factory=dict)
    learnt_from: int = 0
    told: dict | None = None
    log: list = field(default_factory=list)
    """(day, reason or "over", day since when)"""

    def step(self, start, end, litres, used, away=False):
        """Take in one interval by local time; `litres` NaN: not known."""
        if start > self.known_until + 1:
            self.lost.append((self.known_until, start, True))
        if math.isnan(litres) or away:
            self.lost.append((start, end, True))
        elif used and end - start > 1.5 * HOUR:
            self.lost.append((start, end, False))
        self.known_until = end
        middle = (start + end) / 2
        day = math.floor(middle / DAY)
        if self.day is not None and day != self.day:
            self.close(self.day)
        self.day = day
        self.litres[day] = self.litres.get(day, 0.0) + (0.0 if math.isnan(litres) else litres)
        if used:
            self.uses.add((day, math.floor(middle % DAY / HOUR)))

    def gone(self, day, until, only_night):
        """Seconds of the first `until` seconds of a day that are lost."""
        return sum(
            max(min(end, day * DAY + until) - max(begin, day * DAY), 0.0)
            for begin, end, whole in self.lost
            if whole or only_night
        )

    def close(self, day):
        enough = self.litres[day] >= 5
        night = sum((day, hour) in self.uses for hour in range(5))
        self.days[day] = {
            "night": night if enough and self.gone(day, 5 * HOUR, True) <= 900 else None,
            "litres": round(self.litres[day]) if enough and self.gone(day, DAY, False) <= HOUR else None,
        }
        if self.told is None:
            self.add(day)
        else:
            self.end(day)

    def known(self, column, days):
        values = (self.days.get(day, {}).get(column) for day in days)
        return [value for value in values if value is not None]

    def add(self, day):
        usual = range(max(day - 98, self.learnt_from), day - 14)
        for reason, (column, ratio, unit, prior, prior_days, least) in CHANGES.items():
            own, today = self.known(column, usual), self.days[day][column]
            if len(own) < 28:
                self.score[reason] = 0.0
            if today is None or len(own) < 28:
                continue
            n, mean = len(own), sum(own) / len(own)
            spread = sum((x - mean) ** 2 for x in own) / (n - 1) / unit**2
            m = (n * mean / unit + prior_days * prior) / (n + prior_days)
            weight = (today / unit * math.log(ratio) - m * (ratio - 1)) / max(spread / m, least)
            weight = min(max(weight, -1.5), 1.5)
            if self.score[reason] <= 0 < weight:
                self.rising[reason] = day
            self.score[reason] = max(self.score[reason] + weight, 0.0)
        reason = max(CHANGES, key=lambda one: self.score[one] / self.levels[one])
        if self.score[reason] < self.levels[reason]:
            return
        column, since = CHANGES[reason][0], max(self.rising[reason], day - 98)
        before, lately = self.known(column, usual), self.known(column, range(since, day + 1))
        middle = sum(before) / len(before) * 2 / 3 + sum(lately) / len(lately) / 3
        self.told = {"column": column, "on": day, "since": since, "middle": middle, "up": reason.endswith("up")}
        self.score, self.learnt_from = dict.fromkeys(CHANGES, 0.0), since
        self.log.append((day, reason, since))

    def end(self, day):
        told = self.told
        after = [d for d in range(max(told["on"] + 1, day - 42), day + 1) if self.known(told["column"], [d])][-14:]
        if len(after) == 14:
            lately = sum(self.days[d][told["column"]] for d in after) / 14
            if lately < told["middle"] if told["up"] else lately > told["middle"]:
                for d in range(max(told["since"], day - 98), day + 1):
                    self.days.pop(d, None)
                self.learnt_from, self.told = 0, None
        if day - told["on"] >= 43:
            self.told = None
        if self.told is None:
            self.log.append((day, "over", told["since"]))
