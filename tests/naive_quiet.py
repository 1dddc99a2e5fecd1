"""The index of quiets once more, one home and one interval at a time, in plain Python: what the arrays must equal.

Written from the description, not from the code: no numpy, no shared arithmetic.  Slow and easy to read.
"""

import math
from dataclasses import dataclass, field
from operator import mul

HOUR = 3600.0
G = 60


def clip(x, low, high):
    return min(max(x, low), high)


def logit(p):
    p = clip(p, 0.002, 0.98)
    return math.log(p / (1 - p))


NEAR = [[math.exp(-0.5 * (min(abs(h - k), 24 - abs(h - k)) / 0.75) ** 2) for k in range(24)] for h in range(24)]
"""How much the hour k counts for the hour h."""


def smooth(values):
    return [weighed(line, values) / sum(line) for line in NEAR]


@dataclass
class NaiveQuiet:
    rate: list
    ends: list
    litres_usual: list
    """What is usual among other homes."""

    until: float = math.nan
    """End of the last interval."""
    told: int = -1
    """Hour of the last interval."""
    hour: int = -1
    seen_s: float = 0.0
    hit: bool = False
    hours: dict = field(default_factory=dict)
    """hour -> whether water was used; an hour that is missing is not known."""
    litres: dict = field(default_factory=dict)
    counted: int = -1
    used: dict = field(default_factory=dict)
    known: dict = field(default_factory=dict)
    """(weekday, hour of day) -> count"""
    days: list = field(default_factory=list)
    """(used hours, litres) by hour of complete days."""
    quiets: list = field(default_factory=list)
    """(first hour of day, hours, ended by a use)"""

    # --- what is learnt ---

    def step(self, start, end, litres, offset, used, unknown, hole, away, origin):
        resets = used or unknown or hole or away
        gap_s = (self.until if hole else start) - origin
        self.until = end
        if resets and gap_s > 36 * HOUR:
            for hour in range(self.before(origin + offset) + 1, self.hour + 1):
                self.hours.pop(hour, None)
            self.seen_s = 0.0
        elif resets and gap_s >= 0 and math.floor(gap_s / HOUR + 0.25) >= 1:
            first = (self.before(origin + offset) + 1) % 24
            self.quiets.append((first, math.floor(gap_s / HOUR + 0.25), used and not hole))
        self.told = self.hour_of(start + offset, end + offset, hole)
        self.fill(start + offset, end + offset, litres, used, unknown or away)
        if resets:
            self.count_days(min(self.before(end + offset) // 24, self.hour // 24))

    @staticmethod
    def before(local):
        return math.floor((local - HOUR / 2) / HOUR)

    def hour_of(self, start, end, hole):
        """An hour that follows upon another is the next one, if its middle is within nine minutes of that."""
        middle = (start + end) / 2 / HOUR
        if not hole and abs(end - start - HOUR) <= 360 and -0.15 < middle - (self.told + 1) < 1.15:
            return self.told + 1
        return math.floor(middle)

    def fill(self, start, end, litres, used, lost):
        self.enter(math.floor(start / HOUR))
        if lost or (used and end - start > 1.5 * HOUR):
            self.enter(math.floor(end / HOUR))
            return
        middle, at = self.told, start
        while at < end:
            hour = math.floor(at / HOUR)
            self.enter(hour)
            edge = min(end, (hour + 1) * HOUR)
            self.seen_s += edge - at
            if used and hour == middle:
                self.hit = True
                self.litres[self.hour] = min(self.litres.get(self.hour, 0.0) + litres, 300.0)
            at = edge

    def enter(self, hour):
        if hour <= self.hour:
            return
        if self.hour < 0:
            self.counted = hour // 24 - 1
        elif self.seen_s >= 0.9 * HOUR:
            self.hours[self.hour] = self.hit
        self.hour, self.seen_s, self.hit = hour, 0.0, False

    def count_days(self, until):
        for day in range(self.counted + 1, until):
            hours = [self.hours.get(day * 24 + h) for h in range(24)]
            for h, state in enumerate(hours):
                place = (day + 3) % 7, h
                self.used[place] = self.used.get(place, 0) + (state is True)
                self.known[place] = self.known.get(place, 0) + (state is not None)
            litres = [self.litres.get(day * 24 + h, 0.0) for h in range(24)]
            if None not in hours and sum(litres) >= 5.0 and self.hour - day * 24 < 72:
                self.days.append((hours, litres))
            self.counted = day

    # --- what is asked ---

    def run(self, hour):
        """Hours without use that end with `hour`."""
        count = 0
        while self.hours.get(hour - count) is False:
            count += 1
        return count

    def shrunk(self, used, known, weight):
        used, known = smooth(used), smooth(known)
        level = (sum(used) + 48) / (sum(n * c for n, c in zip(known, self.rate, strict=True)) + 48)
        return [
            clip((x + weight * clip(level * c, 0.002, 0.985)) / (n + weight), 0.002, 0.985)
            for x, n, c in zip(used, known, self.rate, strict=True)
        ]

    def window(self, last, days, weight):
        first = last // 24 - days
        states = [[self.hours.get(d * 24 + h) for d in range(first, last // 24)] for h in range(24)]
        used = [sum(s is True for s in line) for line in states]
        return self.shrunk(used, [sum(s is not None for s in line) for line in states], weight)

    def of_type(self, weekdays, everyday, weight):
        used = smooth([sum(self.used.get((d, h), 0) for d in weekdays) for h in range(24)])
        known = smooth([sum(self.known.get((d, h), 0) for d in weekdays) for h in range(24)])
        return [(x + weight * r) / (n + weight) for x, n, r in zip(used, known, everyday, strict=True)]

    def columns(self, last, by_use):
        everyday = self.shrunk(
            [sum(self.used.get((d, h), 0) for d in range(7)) for h in range(24)],
            [sum(self.known.get((d, h), 0) for d in range(7)) for h in range(24)],
            8.0,
        )
        month, week = self.window(last, 28, 8.0), self.window(last, 7, 4.0)
        types = [self.of_type(range(5), everyday, 8.0), self.of_type((5, 6), everyday, 8.0)]
        weekly = [self.of_type((d,), everyday, 6.0) for d in range(7)]
        before, k, survival = self.before_it(last, by_use), 0.5, 0.0
        ends = self.own_ends((last + 1) % 24)
        lines, hazard = [], 0.0
        for g in range(1, G + 1):
            t, lg = last + g, min(math.log(g), 3.0)
            h, weekday = t % 24, (t // 24 + 3) % 7
            off = weekday >= 5
            if g > 1:
                k = ends[g - 2]
                survival += math.log(1 - k)
            q7, q28, q90, n90 = self.matched(last, g, k)
            knots = [min(g, x) for x in (3, 5, 8, 12, 18, 26)]
            lines.append([
                logit(month[h]), logit(everyday[h]), logit(week[h]), logit(types[off][h]), logit(weekly[weekday][h]),
                float(off), logit(q7), logit(q28), logit(q90), lg * logit(q90), math.log(1 + n90),
                logit(k), lg * logit(k), survival, *knots, math.log(g), hazard, math.log(1 + hazard), *before,
                *self.day(last, t, by_use),
            ])  # fmt: skip
            hazard -= math.log(1 - everyday[h])
        return lines

    def own_ends(self, first):
        near = [(n, used) for start, n, used in self.quiets if min(abs(start - first), 24 - abs(start - first)) <= 1]
        return [
            (sum(n == j and used for n, used in near) + 10 * self.ends[j - 1]) / (sum(n >= j for n, _ in near) + 10)
            for j in range(1, G + 1)
        ]

    def matched(self, last, g, k):
        came = []
        for m in range(1, 91):
            t = last + g - 24 * m
            if t < last and self.hours.get(t) is not None:
                reached = self.run(t - 1) >= g - 1 if g > 1 else self.hours.get(t - 1) is not None
                came += [(m, self.hours[t])] if reached else []
        s = {days: sum(used for m, used in came if m <= days) for days in (7, 28, 90)}
        n = {days: sum(m <= days for m, _ in came) for days in (7, 28, 90)}
        q90 = (s[90] + 4 * k) / (n[90] + 4)
        q28 = (s[28] + 4 * q90) / (n[28] + 4)
        return (s[7] + 3 * q28) / (n[7] + 3), q28, q90, n[90]

    def before_it(self, last, by_use):
        def drawn(hours):
            return math.log(1 + sum(self.litres.get(last - h, 0.0) for h in range(-1, hours)))

        shares = []
        for k in (3, 6, 12, 24):
            states = [self.hours.get(last - h) for h in range(1, k)]
            used, known = sum(s is True for s in states) + by_use, sum(s is not None for s in states) + by_use
            shares.append((used + 0.5) / (known + 1))
        return [drawn(3), drawn(24), drawn(1), math.log(1 + self.litres.get(last - 1, 0.0)), *shares]

    def day(self, last, t, by_use):
        def usual(values, prior):
            return (sum(sum(day[: t % 24 + 1]) for day in values) + 2 * sum(prior[: t % 24 + 1])) / (len(values) + 2)

        usual_l = usual([litres for _, litres in self.days], self.litres_usual)
        usual_h = usual([hours for hours, _ in self.days], self.rate)
        midnight = last // 24 * 24
        litres = sum(self.litres.get(h, 0.0) for h in range(midnight, min(midnight + 24, last + 2)))
        used = sum(self.hours.get(h) is True for h in range(midnight, last)) + by_use
        if t // 24 != last // 24:
            litres, used = 0.0, 0
        return [math.log((litres + 10) / (usual_l + 10)), used - usual_h]


class Weights:
    """A population's weights, as lists."""

    def __init__(self, weights):
        self.intercept, self.slopes = weights.intercept, weights.slopes.tolist()
        bends = weights.bends
        self.mean, self.spread = bends.mean.tolist(), bends.spread.tolist()
        self.bends = list(zip(bends.outer.tolist(), bends.bias.tolist(), bends.inner.T.tolist(), strict=True))


def weighed(weights, values):
    assert len(weights) == len(values)
    return sum(map(mul, weights, values))


def odds(line, weights):
    """Return the log odds of one line of columns."""
    alike = [clip((x - m) / s, -6.0, 6.0) for x, m, s in zip(line, weights.mean, weights.spread, strict=True)]
    bent = sum(out * math.tanh(bias + weighed(inner, alike)) for out, bias, inner in weights.bends)
    return weights.intercept + weighed(weights.slopes, line) + bent


def likeness(pair, lasted, ended):
    """Return how much likelier what came of a quiet is by the first line of log odds than by the second."""
    total = 0.0
    for g in range(4, lasted + 1 + ended):
        for sign, line in zip((1, -1), pair, strict=True):
            p = 1 / (1 + math.exp(-line[g - 1]))
            total += sign * math.log(p if ended and g == lasted + 1 else 1 - p)
    return total


def cost(stage, delay):
    """Return what so many hours of delay cost."""

    def raw(hours):
        return stage.each * hours + sum(w / (1 + math.exp(-(hours - at) / stage.width_h)) for at, w in stage.around)

    return 20 * (raw(delay) - raw(0)) / (raw(20) - raw(0))


def levels(survival, stages, night=None):
    """Return the level of a quiet at the end of each hour, given the chances that it lasts so long."""
    found = [-math.inf] * (len(survival) - 1)
    for stage in stages:
        above = index(survival, stage, night or [1.0] * len(survival))
        found = [own if own < stage.level else max(stage.level, one) for own, one in zip(found, above, strict=True)]
    return found


def index(survival, stage, price):
    hours, best, found = len(survival), -math.inf, []
    prices = [cost(stage, k) for k in range(hours + 1)]
    told = [sum(survival[x] * prices[d - x + 1] for x in range(d + 1)) for d in range(hours)]
    for g in range(hours - 1):
        lowest = math.inf
        for d in range(g + 1, hours):
            spared = price[g] * survival[g] - price[d] * survival[d]
            if spared > 0:
                lowest = min(lowest, (told[d] - told[g]) / spared)
        level = math.log10(lowest) + 0.03 * max(g + 1 - 12, 0) if lowest < 1e90 else 0.0
        best = max(best, level)
        found.append(best)
    return found
