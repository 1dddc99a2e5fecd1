"""The detectors once more, one home and one interval at a time, in plain Python: what the arrays must equal.

Written from the description, not from the code: no numpy, no shared arithmetic.  Slow and easy to read.
"""

import math
from dataclasses import dataclass, field

from tests.naive_water import NaiveWater

HOUR, DAY = 3600.0, 86_400.0
GROUPS = (0, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23)


@dataclass
class Line:
    """The cohort's line for one class of meter."""

    rate: list[float]
    tail_from: list[float]
    scale: list[float]
    excess: list[float]


@dataclass
class NaiveHome:
    cohort: Line
    amber: float
    red: float
    new_extra: float = 0.5
    new_days: float = 7.0
    least_s: float = 3 * HOUR
    rules: tuple = ()

    water: NaiveWater = field(default_factory=NaiveWater)
    known_until: float = math.nan
    since: float = math.nan
    ran: float = math.nan
    """The same of any water, a leak's too."""
    by_use: bool = False
    heard: float = math.nan
    absences: dict = field(default_factory=dict)
    intervals: list = field(default_factory=list)
    """(start, end, litres) without late parts; litres NaN: not known."""
    hits: list = field(default_factory=lambda: [0.0] * 24)
    known: list = field(default_factory=lambda: [0.0] * 24)
    days: float = 0.0
    held: list = field(default_factory=list)
    today: dict = field(default_factory=lambda: {"hits": [0.0] * 24, "known": [0.0] * 24, "litres": 0.0})
    hour: int = -1
    seen_s: float = 0.0
    hit: float = 0.0
    quiets: dict = field(default_factory=dict)
    """group -> [count, beyond, excess]"""
    uses: list = field(default_factory=list)
    open: dict = field(default_factory=dict)
    flow_since: dict = field(default_factory=dict)
    tens: list = field(default_factory=list)
    """(flow, did the register stand still before it?) of whole tens one after the other"""
    still: bool = False
    drawn: float = math.nan
    """Flow of the newest volume."""
    while_away: dict = field(default_factory=dict)
    """start of an absence -> [since, litres]"""
    log: list = field(default_factory=list)
    """("raised" or "cleared", kind, severity, onset, at)"""

    def __post_init__(self):
        self.refit()

    # --- absences ---

    def away(self, start, end):
        self.absences[start] = end

    def back_at(self, until):
        return max((end for start, end in self.absences.items() if start < until), default=-math.inf)

    def touches(self, start, end):
        return any(a < end and b > start for a, b in self.absences.items())

    # --- one interval ---

    def step(self, start, end, litres, offset, received, judged, moved=False):
        self.heard = received if math.isnan(self.heard) else max(self.heard, received)
        if not math.isnan(self.known_until) and end <= self.known_until:
            return
        hole = math.isnan(self.known_until) or start > self.known_until + 1.0
        start = start if hole else self.known_until
        if litres >= 1000 and litres % 1000 == 0:
            # Litres where cubic metres were agreed: somebody drew water, nobody knows how much.
            if ("meter_steps", "blue") not in self.open:
                self.raised("meter_steps", "blue", end)
            litres, moved = math.nan, True
        unknown, drew = math.isnan(litres), litres >= 0.05
        if drew:
            flow = litres / max(end - start, 1.0)
            if self.still or not abs(flow - self.drawn) <= 0.1 * (1 + 1e-9) * self.drawn:
                self.tens = [*self.tens, (flow, self.still)] if litres % 10 == 0 else []
            self.drawn = flow
            if not self.tens and ("meter_steps", "blue") in self.open:
                self.clear("meter_steps", "blue", self.heard)
        self.still = self.still if unknown else not drew
        used = self.water.hear(start, end, litres, hole)
        moved = used or (unknown and moved)
        before = max(self.since, self.back_at(start)) if not math.isnan(self.since) else math.nan
        clean = self.by_use and before == self.since and not hole
        away = self.touches(start, end)
        if used and clean and not away:
            self.count_quiet(before, start, offset)
        if used:
            self.settle(start - before)
        self.fill(start, end, litres, offset, used, unknown, away, hole)
        if used or unknown:
            self.since, self.by_use = end, used
        elif hole:
            self.since, self.by_use = start, False
        self.ran = end if drew or unknown else start if hole else self.ran
        gone = end - start if unknown or away else 0.0
        gone += (math.inf if math.isnan(self.known_until) else start - self.known_until) if hole else 0.0
        self.known_until = end
        self.intervals.append((start, end, litres, hole))
        self.judge_water(start, end, litres, offset, away, hole, gone, judged)
        self.judge_quiet(moved, end, offset, judged)
        self.judge_away(start, end, litres, used, judged)
        for rule in self.rules:
            self.judge_rule(rule, start, end, drew, unknown, moved or drew, away, hole, judged)

    # --- water ---

    def judge_water(self, start, end, litres, offset, away, hole, gone, judged):
        water = self.water
        running, stopped, ended, sums = water.step(start, end, litres, offset, away, hole, gone)
        if ended is not None:
            self.since = max(self.since, ended)
        if stopped and any(kind == "surge" for kind, _ in self.open):
            for key in [key for key in self.open if key[0] == "surge"]:
                self.clear(*key, self.heard)
            water.told = water.total
        for severity in ("blue", "amber"):
            if ("leak", severity) in self.open and water.leak_stopped(severity):
                self.clear("leak", severity, self.heard)
                water.over_at = end
        found = [("surge", water.surge(start, end, litres, sums), water.began())] if running else []
        found += [("leak", *water.leak)] if water.leak else []
        for kind, severity, onset in found:
            worse = any(
                (kind, one) in self.open for one in {"blue": ("amber", "red"), "amber": ("red",)}.get(severity, ())
            )
            if judged and severity and not worse and (kind, severity) not in self.open:
                self.raised(kind, severity, end if onset is None else onset)

    # --- habit ---

    def count_quiet(self, begin, end, offset):
        if HOUR <= end - begin <= 36 * HOUR:
            group = self.group(begin + offset)
            over = self.length(begin + offset, end + offset) - self.cohort.tail_from[group]
            count = self.quiets.setdefault(group, [0.0, 0.0, 0.0])
            fade = min(1.0, 365.0 / (count[0] + 1))
            self.quiets[group] = [
                (count[0] + 1) * fade,
                (count[1] + (over > 0)) * fade,
                (count[2] + max(over, 0.0)) * fade,
            ]

    def settle(self, quiet_s):
        if quiet_s > 36 * HOUR:
            self.held, self.today = [], {"hits": [0.0] * 24, "known": [0.0] * 24, "litres": 0.0}
            self.seen_s = self.hit = 0.0
            return
        if self.held:
            fade = min(1.0, 365.0 / (self.days + len(self.held)))
            self.days = (self.days + len(self.held)) * fade
            for h in range(24):
                self.hits[h] = (self.hits[h] + sum(day["hits"][h] for day in self.held)) * fade
                self.known[h] = (self.known[h] + sum(day["known"][h] for day in self.held)) * fade
            self.held = []
            self.refit()

    def fill(self, start, end, litres, offset, used, unknown, away, hole):
        long = end - start > (1.5 if used else 36.0) * HOUR
        taught = not (unknown or away or long) and end > start
        if hole or not taught:
            self.enter(math.floor((start + offset) / HOUR))
            self.seen_s = 0.0
        if not taught:
            self.enter(math.floor((end + offset) / HOUR))
            self.seen_s = 0.0
            return
        at, stop = start + offset, end + offset
        while at < stop:
            hour = math.floor(at / HOUR)
            self.enter(hour)
            edge = min(stop, (hour + 1) * HOUR)
            share = (edge - at) / (end - start)
            self.seen_s += edge - at
            self.hit += share if used else 0.0
            self.today["litres"] += litres * share
            at = edge

    def enter(self, hour):
        if hour == self.hour:
            return
        if self.hour >= 0 and self.seen_s >= 0.9 * HOUR:
            self.today["known"][self.hour % 24] += 1
            self.today["hits"][self.hour % 24] += min(self.hit, 1.0)
        if self.hour >= 0 and self.hour // 24 != hour // 24:
            if self.today["litres"] >= 5.0:
                self.held.append(self.today)
            self.today = {"hits": [0.0] * 24, "known": [0.0] * 24, "litres": 0.0}
        self.hour, self.seen_s, self.hit = hour, 0.0, 0.0

    def refit(self):
        def smooth(values):
            made = []
            for h in range(24):
                weights = [math.exp(-0.5 * (min(abs(h - k), 24 - abs(h - k)) / 0.75) ** 2) for k in range(24)]
                made.append(sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights))
            return made

        hits, known, rate = smooth(self.hits), smooth(self.known), self.cohort.rate
        total = sum(rate)
        level = (sum(hits) + 20 * total) / (sum(n * q for n, q in zip(known, rate, strict=True)) + 20 * total)
        share = [(c + 8 * level * q) / (n + 8) for c, n, q in zip(hits, known, rate, strict=True)]
        self.uses = [-math.log(1 - min(max(p, 0.001), 0.98)) for p in share]

    # --- quiet ---

    def group(self, local):
        hour = local % DAY // HOUR
        return max(g for g, first in enumerate(GROUPS) if first <= hour)

    def length(self, begin, end):
        total, at = 0.0, begin
        while at < end:
            hour = math.floor(at / HOUR)
            edge = min(end, (hour + 1) * HOUR)
            total += self.uses[hour % 24] * (edge - at) / HOUR
            at = edge
        return total

    def score(self, begin, end):
        group = self.group(begin)
        count, beyond, excess = self.quiets.get(group, (0.0, 0.0, 0.0))
        u, mean = self.cohort.tail_from[group], self.cohort.excess[group]
        zeta = (beyond + 20) / (count + 100)
        scale = self.cohort.scale[group] * (excess + 80 * mean) / (beyond + 80) / mean
        length = self.length(begin, end)
        survival = zeta * (1 + 0.3 * (length - u) / scale) ** (-1 / 0.3) if length > u else zeta ** (length / u)
        return -math.log10(survival) + 0.1 * max(0.0, (end - begin) / HOUR - 10)

    def judge_away(self, start, end, litres, used, judged):
        for begin, back in self.absences.items():
            if used and begin + 2 * HOUR <= start and end <= back - 2 * HOUR:
                drawn = self.while_away.setdefault(begin, [start, 0.0])
                drawn[1] += litres
                if drawn[1] >= 5.0 and judged and ("away_use", "amber") not in self.open:
                    self.raised("away_use", "amber", drawn[0])
                    self.while_away["told"] = back
        if ("away_use", "amber") in self.open and end >= self.while_away["told"]:
            self.clear("away_use", "amber", self.heard)

    def judge_quiet(self, moved, end, offset, judged):
        back = self.back_at(end)
        for severity in ("amber", "red"):
            onset = self.open.get(("quiet", severity))
            if onset is not None and (moved or (back > self.since and back > onset)):
                self.clear("quiet", severity, self.heard)
        origin = max(self.since, back)
        owned = self.water.strong is not None and self.water.strong["s"] >= 2 * HOUR
        if not judged or owned or end - origin < self.least_s:
            return
        score = self.score(origin + offset, end + offset)
        extra = self.new_extra if self.days < self.new_days else 0.0
        mixed = any(abs(flow - self.tens[0][0]) > 0.1 * (1 + 1e-9) * self.tens[0][0] for flow, _ in self.tens)
        rested = any(still for _, still in self.tens[1:])
        extra += self.new_extra if len(self.tens) >= 3 and not (len(self.tens) >= 6 and mixed and rested) else 0.0
        for severity, level in (("amber", self.amber), ("red", self.red)):
            if score >= level + extra and ("quiet", severity) not in self.open:
                self.raised("quiet", severity, origin)

    # --- rules ---

    def window(self, end, seconds):
        litres = known = 0.0
        for a, b, v, _ in reversed(self.intervals):
            if b <= end - seconds:
                break
            inside = min(b, end) - max(a, end - seconds)
            if inside > 0 and not math.isnan(v):
                known += inside
                litres += v * inside / (b - a)
        return litres, seconds - known

    def judge_rule(self, rule, start, end, used, unknown, moved, away, hole, judged):
        kind, severity = f"rule:{rule.name}", rule.severity
        begin = end - rule.hours * HOUR
        if rule.kind == "no_use":
            onset = max(self.ran, self.back_at(end))
            holds, broken = end - onset >= rule.hours * HOUR, moved or away
        elif rule.kind == "little":
            litres, unknown_s = self.window(end, rule.hours * HOUR)
            onset = begin
            broken = litres >= rule.litres - 1e-6
            holds = unknown_s <= 1.0 and not broken and not self.touches(begin, end)
            broken = broken or away
        elif rule.kind == "much":
            litres, unknown_s = self.window(end, rule.hours * HOUR)
            onset, holds = begin, litres > rule.litres + 1e-6
            broken = not holds and unknown_s <= 1.0
        elif rule.kind == "continuous":
            if used and end - start <= 1.05 * rule.hours * HOUR / 4:
                if hole or rule.name not in self.flow_since:
                    self.flow_since[rule.name] = start
            else:
                self.flow_since.pop(rule.name, None)
            onset = self.flow_since.get(rule.name, math.nan)
            holds, broken = end - onset >= rule.hours * HOUR, not used and not unknown
        else:
            raise ValueError(rule.kind)
        if broken and (kind, severity) in self.open:
            self.clear(kind, severity, self.heard)
        if holds and judged and (kind, severity) not in self.open:
            self.raised(kind, severity, onset)

    # --- episodes ---

    def raised(self, kind, severity, onset):
        self.open[kind, severity] = onset
        self.log.append(("raised", kind, severity, onset, self.heard))

    def clear(self, kind, severity, at):
        self.log.append(("cleared", kind, severity, self.open.pop((kind, severity)), at))
