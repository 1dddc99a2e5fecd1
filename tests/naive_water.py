"""Running water once more, one home and one interval at a time, in plain Python: what the arrays must equal."""

import math
from bisect import bisect_right
from dataclasses import dataclass, field

HOUR, DAY, QUARTER = 3600.0, 86_400.0, 900.0
WINDOWS = (0.5 * HOUR, HOUR, 3 * HOUR, DAY)
USUAL, SCALE, EXCESS = (42.0, 50.0, 66.0, 180.0), (0.30, 0.25, 0.21, 0.15), (0.36, 0.31, 0.30, 0.22)
LIMITS, LEAST = (math.inf, 250.0, 400.0, 1000.0), (60.0, 80.0, 120.0, 240.0)


@dataclass
class NaiveWater:
    step_l: float = 1.0
    intervals: list = field(default_factory=list)
    """(start, end, litres or NaN, litres and placed seconds before it) of the last two days and a bit."""
    first: float = math.nan
    total: float = 0.0
    dry_since: float = math.nan
    slack_at: float = math.nan
    slack_known: float = 0.0
    known: float = 0.0
    still: tuple = (math.nan, math.nan)
    over_at: float = -math.inf
    floor: float = 0.0
    swing: float = math.inf
    """How much more than its least the leak may be. [L/h]"""
    run: dict | None = None
    strong: dict | None = None
    seen_until: float = 0.0
    day: int = -1
    today: list = field(default_factory=lambda: [0.0] * 5)
    today_l: float = 0.0
    today_gone: float = 0.0
    days: list = field(default_factory=list)
    usual: list = field(default_factory=lambda: list(USUAL))
    scale: list = field(default_factory=lambda: list(SCALE))
    often: list = field(default_factory=lambda: [0.2] * 4)
    longest: float = 0.0
    told: float = 0.0

    # --- sums ---

    def upto(self, time):
        """Litres, and seconds that can be placed, up to a time, each interval even in itself."""
        if not self.intervals:
            return 0.0, 0.0
        n = max(bisect_right(self.intervals, time, key=lambda one: one[0]) - 1, 0)
        a, b, v, litres, placed = self.intervals[n]
        share = min(max((time - a) / (b - a), 0.0), 1.0)
        return litres + self.poured(v) * share, placed + self.placed(a, b, v) * share

    @staticmethod
    def poured(litres):
        return 0.0 if math.isnan(litres) else litres

    @staticmethod
    def placed(start, end, litres):
        """Seconds of an interval of which is known when its water ran."""
        return 0.0 if math.isnan(litres) or (end - start > 1.5 * HOUR and litres > 0) else end - start

    def held(self, seconds):
        """Litres and placed seconds of the last `seconds`: between two quarters of an hour everything is even."""
        now = self.intervals[-1][1]
        quarter = math.floor((now - seconds) / QUARTER)
        inside = (now - seconds) / QUARTER - quarter
        old, new, all_ = self.upto(quarter * QUARTER), self.upto((quarter + 1) * QUARTER), self.upto(now)
        return tuple(all_[n] - old[n] - inside * (new[n] - old[n]) for n in (0, 1))

    # --- one interval ---

    def hear(self, start, end, litres, hole):
        """Take it in; return whether a person used water."""
        ran = self.dry_since
        if hole or not litres < 0.05:
            if math.isnan(self.slack_at):
                self.slack_at, self.first = start, start
            else:
                until = self.intervals[-1][1]
                if until - ran >= 840:
                    self.still = (ran, until)
                if until - ran >= 3 * HOUR:
                    self.slack_at, self.slack_known, self.floor = until, self.known, 0.0
        self.intervals = [i for i in self.intervals if i[1] > end - 2 * DAY - 2 * HOUR]
        if end > start:
            self.intervals.append((start, end, litres, *self.upto(start)))
        self.total += self.poured(litres)
        self.known += self.placed(start, end, litres)
        if not litres >= 0.05:
            return False
        floor, swing = self.floor, self.swing
        if self.steady() > 1.25 * floor:
            floor, swing = self.steady(), math.inf
        volume = self.held(QUARTER)[0] if end - start < QUARTER else litres
        return volume > self.shows(floor, swing, max(end - start, QUARTER))

    def shows(self, floor, swing, seconds):
        """A leak shows a quarter more than its least at most, or less if it is known to be steady."""
        if not floor:
            return 0.0
        least = floor + self.step_l / 3
        return self.step_l * math.ceil(round(min(1.25 * least, least + swing) * seconds / HOUR / self.step_l, 6))

    def steady(self):
        if self.run is None or self.run["s"] < 2 * HOUR or self.run["looks"] < 6 or math.isinf(self.run["least"]):
            return 0.0
        least = 20.0 if self.run["s"] / self.run["looks"] > 0.5 * HOUR else 4.0
        return self.run["least"] if self.run["least"] >= least else 0.0

    def step(self, start, end, litres, offset, away, hole, gone):
        """Move runs, peaks and the floor on; return (running, stopped, ended a strong run at)."""
        unknown, drew, length = math.isnan(litres), litres >= 0.05, end - start
        self.dry_since = end if drew or unknown else start if hole else self.dry_since
        before = self.strong is not None and self.strong["s"] >= 2 * HOUR
        until = self.seen_until
        running, stopped = self.step_runs(start, end, litres)
        ended = before and not (self.strong is not None and self.strong["s"] >= 2 * HOUR)
        sums = [self.held(w)[0] if length <= 1.05 * w else 0.0 for w in WINDOWS] if drew else None
        self.learn(start, end, litres, offset, sums, gone)
        self.move_floor(end)
        return running, stopped, (max(until, self.seen_until) if ended else None), sums

    def step_runs(self, start, end, litres):
        length, unknown = end - start, math.isnan(litres)
        if not litres > 0 and self.run is None and self.strong is None:
            return False, not unknown
        least_s = math.ceil(1.5 * self.step_l / 20 * HOUR / QUARTER) * QUARTER
        look, volume, seen = (least_s if length * 1.05 < least_s else length), litres, not unknown
        if seen and length < look:
            volume, placed = self.held(look)
            seen = placed >= look - 2
        fine, came = length <= 1.5 * HOUR, litres >= 0.05
        floor = 0.0 if self.steady() > 1.25 * self.floor else self.floor
        more = fine and volume > max(self.shows(floor, self.swing, look), 0.05)
        alone, leaks = self.by_leak(floor, look)
        much = volume - leaks * look / HOUR + self.step_l > 20 * look / HOUR and volume > alone
        if came and start - self.seen_until > HOUR:
            self.run = self.strong = None
        flow = volume / look * HOUR
        if more and (came or self.run):
            self.run = self.run or {"since": start, "s": 0.0, "least": math.inf}
            self.run["s"] += length
            self.run["looks"] = self.run["s"] / look
            self.seen_until = end
            if seen and end - look > self.run["since"] + 1:
                self.run["least"] = min(self.run["least"], flow)
        if fine and much and (came or self.strong):
            if self.strong is None:
                since = max(end - look, self.run["since"]) if self.run else end - look
                self.strong = {"since": since, "s": end - since, "begun": self.total - volume, "least": math.inf}
            else:
                self.strong["s"] += length
                if end - look > self.strong["since"] + 1:
                    self.strong["least"] = min(self.strong["least"], flow)
            self.seen_until = end
        known = not unknown and (seen or not fine)
        self.run = None if known and not more else self.run
        self.strong = None if known and not (fine and much) else self.strong
        return came and (more or not fine), known and not more and not much

    def by_leak(self, floor, look):
        """Litres of a look that a leak explains, and its flow; nothing where a flush could hide in it."""
        alone = self.shows(floor, self.swing, look) if floor <= 150 else 0.0
        return (alone, floor) if alone and alone - floor * look / HOUR <= 8.1 else (0.0, 0.0)

    # --- what is usual ---

    def learn(self, start, end, litres, offset, sums, gone):
        day = math.floor(((start + end) / 2 + offset) / DAY)
        self.today_gone += gone
        if day != self.day:
            self.end_day()
            self.day, self.today_gone = day, gone
        if sums is not None:
            self.today_l += litres
            run = min(self.strong["s"] if self.strong else 0.0, 6 * HOUR)
            self.today = [max(a, b) for a, b in zip(self.today, [*sums, run], strict=True)]

    def end_day(self):
        if self.today_gone <= 4 * HOUR and self.today_l >= 5.0:
            self.days.append([round(x) for x in (*self.today[:4], self.today[4] / 60)])
            if len(self.days) % 7 == 0:
                self.fit()
        self.today, self.today_l = [0.0] * 5, 0.0

    def fit(self):
        kept = self.days[-42:]
        n = len(kept)
        self.longest = max(day[4] for day in kept) * 60.0
        for w in range(4):
            most = sorted(day[w] for day in kept)
            own = most[math.ceil(0.8 * n) - 1]
            self.usual[w] = math.inf if own == 0 else max((n * own + 10 * USUAL[w]) / (n + 10), 1.0)
            excess = [min(x / self.usual[w] - 1, 5.0) for x in most if x > self.usual[w]]
            mean = (sum(excess) + 20 * EXCESS[w]) / (len(excess) + 20)
            self.scale[w] = SCALE[w] * mean / EXCESS[w]
            self.often[w] = (len(excess) + 4) / (n + 20)

    # --- surge ---

    def surge(self, start, end, litres, sums):
        """Return the severity that holds while water runs, or None."""
        length = end - start
        counted = [min(s, self.total - self.told) for s in sums]
        burst = min(self.held(QUARTER)[0] if length < QUARTER else litres, self.total - self.told)
        known = len(self.days) >= 14
        score, red = 0.0, burst > 0.4 * max(length, QUARTER) + 1e-6
        for w, volume in enumerate(counted):
            limit = LIMITS[w]
            if known and not math.isinf(self.usual[w]):
                tail = max(10 ** (0.3 * (1.8 + math.log10(self.often[w]))), 1.0) - 1.0
                limit = min(max(self.usual[w] * (1 + self.scale[w] / 0.3 * tail), limit), 2 * limit)
            by_leak = self.floor * WINDOWS[w] if self.floor <= 150 else 0.0
            red = red or volume > limit + by_leak / HOUR + 1e-6
            least, ran = (self.run["least"], self.run["s"]) if self.run else (0.0, 0.0)
            volume -= max(by_leak, least * min(ran, WINDOWS[w]) if least < 20 else 0.0) / HOUR
            beyond = volume / self.usual[w] - 1
            if known and volume >= LEAST[w] and beyond > 0:
                score = max(score, math.log10(1 + 0.3 * beyond / self.scale[w]) / 0.3 - math.log10(self.often[w]))
        ran = self.strong["s"] if self.strong else 0.0
        if self.strong and length > 0.5 * HOUR:
            mean = (self.total - self.strong["begun"]) / ran * HOUR
            _, leaks = self.by_leak(self.floor, length)
            ran = ran if self.strong["least"] - leaks >= 0.6 * (mean - leaks) and ran >= 6 * length else 0.0
        if red or score >= 2.7 or ran >= max(6 * HOUR, 1.5 * self.longest):
            return "red"
        return "amber" if score >= 2.5 or ran >= max(2.5 * HOUR, 1.5 * self.longest) else None

    def began(self):
        return (self.strong or self.run or {"since": None})["since"]

    # --- leak ---

    def move_floor(self, end):
        """Bring the floor up to date; keep the leak, if there is one, in `leak`."""
        self.leak = None
        still = end - self.dry_since
        if still >= 3 * HOUR:
            self.floor = 0.0
        last = math.floor(end / QUARTER)
        edges = [(last - 96 + n) * QUARTER for n in range(97)]
        sums = [self.upto(edge) for edge in edges]
        full = (end - self.slack_at >= DAY - 1 or self.floor > 0) and self.known - self.slack_known >= DAY - 1
        if full and still < 3 * HOUR:
            self.full_day(end, still, edges, sums)
        if self.leak is None and self.run and self.run["s"] >= 18 * HOUR:
            hours = [(sums[n][0] - sums[n - 4][0], sums[n][1] - sums[n - 4][1]) for n in range(28, 97)]
            if all(known >= HOUR - 2 for _, known in hours) and min(hours)[0] + self.step_l > 18:
                rate, onset = self.flowing(end, still, edges, sums)
                self.leak = None if rate is None else ("amber", onset)

    def full_day(self, end, still, edges, sums):
        """Bring the floor up to date after a day without a stop, and see whether it is told."""
        windows = [
            (n + 12, sums[n + 12][0] - sums[n][0]) for n in range(85) if sums[n + 12][1] - sums[n][1] >= 3 * HOUR - 2
        ]
        least = min(v for _, v in windows) / 3 if len(windows) >= 8 else math.nan
        near = sum(v <= 3.75 * least + self.step_l for _, v in windows)
        if not math.isnan(least):
            self.floor = min(least, 1.5 * self.step_l / max(still, 1.0) * HOUR) if near >= 12 else 0.0
            if near >= 12:
                self.swing = self.swings(sums)
        rate, onset = self.flowing(end, still, edges, sums)
        if rate is None or math.isnan(least):
            return
        blind = DAY - self.held(DAY)[1]
        if near >= 12 and end - onset >= DAY + blind - 1 and rate >= 1:
            self.leak = ("amber" if 3 * least + self.step_l > 60 else "blue", onset)

    def swings(self, sums):
        """The least third of the day's hours are alike in a steady leak, but for the register's step."""
        hours = sorted(b[0] - a[0] for a, b in zip(sums, sums[4:], strict=False) if b[1] - a[1] >= HOUR - 2)
        if len(hours) < 48:
            return math.inf
        spread = hours[len(hours) // 3] - hours[0]
        return max(spread, 5 * (spread - self.step_l))

    def flowing(self, end, still, edges, sums):
        """Return (least rate of the newer half day, since when it flows); None: not known, or none."""
        windows = [
            (n + 12, sums[n + 12][0] - sums[n][0]) for n in range(85) if sums[n + 12][1] - sums[n][1] >= 3 * HOUR - 2
        ]
        recent = [v for n, v in windows if n - 12 >= 48]
        rate = min(recent) / 3 if len(recent) >= 8 else 0.0
        if rate <= 0:
            return None, None
        onset = max(self.slack_at, self.over_at)
        low = [(n, v) for n, v in windows if v < 1.5 * rate - self.step_l]
        if low:
            onset = max(onset, edges[low[-1][0]] - low[-1][1] / rate * HOUR)
        most, dry = 1.5 * self.step_l / rate * HOUR, 0
        for n in range(96):
            litres, placed = (sums[n + 1][k] - sums[n][k] for k in (0, 1))
            dry = dry + 1 if litres < 0.05 and placed >= QUARTER - 2 else 0
            if dry * QUARTER > most:
                onset = max(onset, edges[n + 1])
        if self.still[1] - self.still[0] > most:
            onset = max(onset, self.still[1])
        if still > max(most, 840):
            onset = max(onset, end)
        return rate, onset

    def leak_stopped(self, severity):
        litres, placed = self.held(3 * HOUR)
        return placed >= 3 * HOUR - 2 and litres < 2.25 * (20 if severity == "amber" else 1)
