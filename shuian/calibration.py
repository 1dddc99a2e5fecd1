"""What a budget of false alarms would buy on a programme's own history: the service's detector, replayed with what-if copies.

How this works.  The detectors run once more over the records, with one level for all homes.  Every quiet that is over is kept
with the level it had reached: how many reach a level is what that level costs.  At random moments a copy of a home is taken,
in which nothing is drawn from then on but reports go on: when its level would be reached is what the level gives.  So one
replay prices every budget.  The first part of each record is history only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.alarms import MOST_A_MONTH, MOST_EMPTY
from detectors.bins import DAY_S, HOUR_S, LEAST_USE_L, News
from detectors.habit import TRIP_S
from detectors.partition import Partition, Settings
from detectors.quiet_index import hours_to
from detectors.quiet_judge import stepped
from detectors.quiet_spells import Ended
from shuian.backtest_input import Record
from shuian.backtest_summary import MONTH_S

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_HISTORY_S, LEAST_HISTORY_S = 112 * DAY_S, 14 * DAY_S
"""History comes first: half of a record, but no more and no less than this."""
LEAST_TESTED_S = 7 * DAY_S
"""A record with less than this beyond its history is left out."""
LEAST_MONTHS = 0.9
"""Of a home tested for less nothing is said by itself: it would be chance."""
COPIES, MOST_COPIES, LEAST_COPIES = 20_000, 200, 8
"""Copies of all homes together, and of one home at the most and at the least."""
LONGEST_S = 14 * HOUR_S
"""No copy is taken from a longer quiet: nobody may be at home."""
LEAST_H = 3.0
RULE, RULE_S, RULE_L = "12h-10l", 12 * HOUR_S, 10.0
"""The rule in service with which everything is compared."""
COLUMNS = ("start", "end", "litres", "offset_s", "received")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """What a replay gave: of H homes, Q quiets that lasted three hours or more, C copies."""

    names: tuple[str, ...]
    kinds: tuple[tuple[float, float], ...]
    """(H) report period [s] and step of the register [L]."""
    months: Floats
    """(H,) known household-months after the history; 0: the record is too short."""
    peak: Floats
    peak_home: Ints
    """(Q,) level reached, and by which home; declared absences are not among them."""
    trip: NDArray[np.bool_]
    """(Q,) longer than 36 h: an absence that nobody declared."""
    curve: Floats
    """(C, G) levels of the copies at the end of each hour of their quiet."""
    before_h: Floats
    """(C,) how long they had been quiet at the last report."""
    copy_home: Ints
    jitter: Floats
    """(C,) the incident lies this much after the last report, in report periods."""
    rule_h: Floats
    """(C,) hours from the incident to the rule."""
    rule_false: Floats
    """(H,) how often the rule was broken for nothing."""
    empty_p: Floats
    """(H,) share of days on which hardly anything was drawn."""
    stepped: bool = False
    """Levels jump at full hours (`detectors.quiet_judge.stepped`)."""

    def of(self, homes: Sequence[int]) -> "Measured":
        """Return the same of some homes; the others keep their places, with nothing in them."""
        there = np.zeros(len(self.names), np.bool_)
        there[list(homes)] = True
        quiets, copies = there[self.peak_home], there[self.copy_home]
        return replace(
            self,
            months=np.where(there, self.months, 0.0),
            peak=self.peak[quiets], peak_home=self.peak_home[quiets], trip=self.trip[quiets],
            curve=self.curve[copies], before_h=self.before_h[copies], copy_home=self.copy_home[copies],
            jitter=self.jitter[copies], rule_h=self.rule_h[copies], rule_false=np.where(there, self.rule_false, 0.0),
        )  # fmt: skip

    def level(self, a_month: float) -> float:
        """Return the level that gives so many false alarms a household-month."""
        reached = np.sort(self.peak)[::-1]
        nth = int(a_month * self.months.sum() + 1e-9)
        return float(np.ceil((reached[nth] + 1e-9) * 1e4) / 1e4) if nth < len(reached) else LEAST_LEVEL

    def rates(self, level: float) -> Floats:
        """Return (H,) false alarms a month of each home; NaN: nothing is known of it."""
        count = np.bincount(self.peak_home[self.peak >= level], minlength=len(self.names))
        known = self.months > 0
        return np.where(known, count / np.where(known, self.months, 1.0), np.nan)

    def false(self, level: float) -> int:
        """Return how many false alarms a level gives."""
        return int((self.peak >= level).sum())

    def delay(self, level: float) -> Floats:
        """Return (C,) hours from the incident to the report that shows it."""
        period_h = np.array([period for period, _ in self.kinds])[self.copy_home] / HOUR_S
        due = np.maximum(hours_to(self.curve, np.full(len(self.curve), level), self.stepped), LEAST_H)
        reports = np.ceil(np.maximum(due - self.before_h, 0.0) / period_h - 1e-3)
        return np.maximum(reports - self.jitter, 0.0) * period_h

    def long(self) -> NDArray[np.bool_]:
        """Return (H,) which homes were tested for long enough to say something about each by itself."""
        long: NDArray[np.bool_] = self.months >= LEAST_MONTHS
        return long

    def irregular(self, level: float) -> list[int]:
        """Return the homes that could only be asked at a level, as `detectors.alarms` decides."""
        marked = (self.rates(level) > MOST_A_MONTH) | (self.empty_p > MOST_EMPTY)
        return np.flatnonzero(marked & self.long()).tolist()


LEAST_LEVEL = 1.0
"""Lower than any level that anybody would choose."""


class _Tape(Partition):
    """Detectors that keep the quiets that are over."""

    def __init__(self, settings: Settings, period_s: Floats, resolution_l: Floats) -> None:
        super().__init__(settings, period_s, resolution_l)
        self.ended: list[Ended] = []

    def quiets_over(self, ended: Ended) -> None:
        """Keep them."""
        self.ended.append(ended)


def measure(records: Sequence[Record], settings: Settings, progress: Progress = lambda _: None) -> Measured:
    """Replay records with the detectors of a service.

    Parameters
    ----------
    records : sequence of Record
    settings : Settings
        Those of the service; one level is taken for all homes, and the rule in service runs beside it.
    progress : callable
        Called with a sentence now and then.
    """
    quiet = replace(settings.quiet, model="index", own_step=0.0)
    tape = _Tape(
        replace(settings, quiet=quiet, rules=(RULE,)),
        np.array([r.period_s for r in records], float),
        np.array([r.resolution_l for r in records], float),
    )
    tape.set_absences((row, *span) for row, r in enumerate(records) for span in r.absences)
    starts = np.array([_start(r) for r in records])
    rng, many = np.random.default_rng(7), int(np.clip(COPIES // max(len(records), 1), LEAST_COPIES, MOST_COPIES))
    stops = [_moments(r, start, many, rng) for r, start in zip(records, starts, strict=True)]
    copies = _run(tape, records, stops, starts, progress)
    rows, begin, end, level = (np.concatenate([np.empty(0), *(getattr(one, name) for one in tape.ended)]) for name in ("rows", "begin", "end", "level"))  # fmt: skip
    home = rows.astype(np.int64)
    tested = begin >= starts[home]
    months = np.array([_months(r, start) for r, start in zip(records, starts, strict=True)])
    return Measured(
        tuple(r.household for r in records),
        tuple((r.period_s, r.resolution_l) for r in records),
        months,
        level[tested],
        home[tested],
        (end - begin > TRIP_S)[tested],
        copies.curve,
        copies.before_h,
        copies.home,
        rng.uniform(-0.5, 0.5, len(copies.home)),
        copies.rule_h,
        copies.rule_false,
        tape.empty_share(),
        stepped(quiet),
    )


@dataclass
class _Copies:
    home: Ints
    before_h: Floats
    curve: Floats
    rule_h: Floats
    rule_false: Floats


def _run(tape: _Tape, records: Sequence[Record], stops: Sequence[Ints], starts: Floats, progress: Progress) -> _Copies:
    """Feed all intervals, the n-th of every home together, and take copies at the stops."""
    row = np.repeat(np.arange(len(records)), [len(r.end) for r in records])
    nth = np.concatenate([np.empty(0, np.intp), *(np.arange(len(r.end)) for r in records)])
    order = np.argsort(nth, kind="stable")
    start, end, litres, offset_s, received = (_joined(records, name) for name in COLUMNS)
    moved = np.concatenate([np.empty(0, np.bool_), *(r.moved for r in records)])
    news = News(row, start, end, litres, offset_s, received, moved).take(order)
    edges = np.searchsorted(nth[order], np.arange(int(nth.max(initial=-1)) + 2))
    at = np.concatenate([np.empty(0, np.int64), *stops])
    of = np.repeat(np.arange(len(records)), [len(one) for one in stops])
    by_time = np.argsort(at, kind="stable")
    at, of = at[by_time], of[by_time]
    kept: list[tuple[NDArray[np.intp], Floats, Floats, Floats]] = []
    false, done = np.zeros(len(records)), 0
    for k in range(len(edges) - 1):
        changes = tape.step(news.take(np.arange(edges[k], edges[k + 1])))
        for one in changes.raised:
            if one.kind == f"rule:{RULE}" and one.raised_at >= starts[one.row]:
                false[one.row] += 1
        if k % 500 == 499:
            progress(f"calibration: {100 * k // (len(edges) - 1)} % of {len(edges) - 1:,} reports")
        last = int(np.searchsorted(at, k, side="right"))
        if last > done:
            rows, done = of[done:last].astype(np.intp), last
            begin, curve = tape.curves(rows)
            kept.append((rows, tape.known_until()[rows] - begin, curve, np.array([_by_rule(records[n], k) for n in rows.tolist()])))  # fmt: skip
    home, before, curve, rule = (np.concatenate(part) for part in zip(*kept, strict=True)) if kept else (np.empty(0, np.intp), np.empty(0), np.empty((0, 60)), np.empty(0))  # fmt: skip
    fine = ~np.isnan(before)
    return _Copies(home[fine].astype(np.int64), before[fine] / HOUR_S, curve[fine], rule[fine], false)


def _joined(records: Sequence[Record], name: str) -> Floats:
    return np.concatenate([np.empty(0), *(getattr(r, name) for r in records)])


def _start(record: Record) -> float:
    """Return from when on a record is tested; infinite: it is too short."""
    if not len(record.end):
        return float("inf")
    first, length = float(record.end[0]), float(record.end[-1] - record.end[0])
    history = float(np.clip(length / 2, LEAST_HISTORY_S, MOST_HISTORY_S))
    return first + history if length >= history + LEAST_TESTED_S else float("inf")


def _months(record: Record, start: float) -> float:
    known = ~np.isnan(record.litres) & (record.end > start) & ~_away(record)
    return float((record.end - record.start)[known].sum()) / MONTH_S


def _away(record: Record) -> NDArray[np.bool_]:
    away = np.zeros(len(record.end), np.bool_)
    for begin, end in record.absences:
        away |= (record.start < end) & (record.end > begin)
    return away


def _moments(record: Record, start: float, count: int, rng: np.random.Generator) -> Ints:
    """Return after which intervals copies are taken: known ones, outside absences, of quiets that are not long."""
    quiet = record.litres < LEAST_USE_L  # False for NaN
    since = np.maximum.accumulate(np.where(quiet, -np.inf, record.end)) if len(quiet) else record.end
    fine = (record.end >= start) & ~np.isnan(record.litres) & ~_away(record) & (record.end - since <= LONGEST_S)
    some = np.flatnonzero(fine)
    picked: Ints = np.sort(rng.choice(some, min(count, len(some)), replace=False)).astype(np.int64)
    return picked


def _by_rule(record: Record, k: int) -> float:
    """Return hours from the end of interval k until less than 10 L lie in 12 h, if nothing is drawn any more."""
    first = int(np.searchsorted(record.end, record.end[k] - RULE_S))
    drawn = np.cumsum(np.nan_to_num(record.litres[first : k + 1])[::-1])
    enough = np.flatnonzero(drawn >= RULE_L)
    at = record.end[k - int(enough[0])] if len(enough) else record.end[k] - RULE_S
    return float(max(at + RULE_S - record.end[k], 0.0)) / HOUR_S
