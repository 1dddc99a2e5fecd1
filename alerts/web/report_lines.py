"""The monthly report in words: sections of lines, one value for the whole and one for each grid.

The page, the workbook and the command line show the same lines, so that no number is told in two ways.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from alerts.outcomes import OUTCOMES
from alerts.report import FEW, LEVELS, REASONS, STEPS, UNHEARD_S, Report, Spread, Sums
from alerts.web.words import Words

ENDINGS = (*OUTCOMES, "EXPLAINED", "CANCELLED_CONSENT", "CLOSED", "OPEN")
WHAT = ("true", "false", "passed", "other", "unknown", "open")
STATES = ("applied", "consented", "fitted", "verified", "covered", "declined")


@dataclass(frozen=True, slots=True)
class Value:
    """One cell: `parts` in words, `numbers` under the names of their rows in a workbook (None: not known, or not told)."""

    parts: tuple[str, ...]
    numbers: tuple[tuple[str, float | None], ...]

    @property
    def known(self) -> bool:
        """Whether there is any number in it."""
        return any(number is not None for _, number in self.numbers)


@dataclass(frozen=True, slots=True)
class Line:
    """One row: the value of the whole first, then that of each grid."""

    key: str
    label: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that belong together."""

    key: str
    title: str
    note: str
    lines: tuple[Line, ...]


def heads(report: Report, words: Words) -> tuple[str, ...]:
    """Return the names of the columns: the whole, then each grid."""
    return words.t("page.month.total"), *(one.name or words.t("page.month.nowhere") for one in report.columns)


def sections(report: Report, words: Words) -> tuple[Section, ...]:
    """Return all sections."""
    made = _Lines(report, words)
    return tuple(
        Section(key, words.t(f"page.month.{key}"), words.t(f"page.month.{key}.note", few=FEW), tuple(lines))
        for key, lines in (
            ("homes", made.homes()),
            ("alarms", made.alarms()),
            ("times", made.times()),
            ("work", made.work()),
            ("outcomes", made.outcomes()),
            ("cases", made.cases()),
            ("devices", made.devices()),
            ("applied", made.applied()),
        )
    )


def facts(report: Report, words: Words, zone: ZoneInfo) -> tuple[str, ...]:
    """Return what must be known to read the numbers: of when they are, by the clocks of `zone`, and whether the month is over."""
    said = [words.t("page.month.made", at=f"{report.made_at.astimezone(zone):%Y-%m-%d %H:%M}")]
    if not report.over:
        said.append(words.t("page.month.so_far"))
    if report.total.count("hours.down") is None:
        said.append(words.t("page.month.down_unknown"))
    return tuple(said)


def plain(report: Report, found: Iterable[Section], words: Words, zone: ZoneInfo) -> str:
    """Return the report as text: the whole, and each grid below it where it has anything."""
    names = heads(report, words)
    said = [words.t("page.month.title", month=report.month), *facts(report, words, zone)]
    for section in found:
        said += ["", section.title]
        for line in section.lines:
            said.append(f"  {line.label}: {'; '.join(line.values[0].parts)}")
            grids = zip(names[1:], line.values[1:], strict=True)
            said += [
                f"    {name}: {'; '.join(value.parts)}" for name, value in grids if any(n for _, n in value.numbers)
            ]
    return "\n".join(said)


@dataclass(frozen=True)
class _Lines:
    """Makes the lines of a report."""

    report: Report
    words: Words

    @property
    def _all(self) -> tuple[Sums, ...]:
        return self.report.total, *(one.sums for one in self.report.columns)

    def _line(self, key: str, label: str, values: Iterable[Value]) -> Line:
        return Line(key, label, tuple(values))

    def _count(self, key: str, label: str | None = None) -> Line:
        label = self.words.t(f"page.month.{key}") if label is None else label
        return self._line(key, label, (self._number(sums.count(key)) for sums in self._all))

    def _number(self, number: float | None, digits: int = 0) -> Value:
        text = self.words.t("unit.unknown") if number is None else f"{number:,.{digits}f}"
        return Value((text,), (("", number),))

    def homes(self) -> Sequence[Line]:
        """Return homes, household-months, and hours by how they were watched."""
        t = self.words.t
        months = self._line("months", t("page.month.months"), (self._number(sums.months, 1) for sums in self._all))
        hours = [
            self._line(f"hours.{why}", t(f"page.month.hours.{why}"), (self._hours(sums, why) for sums in self._all))
            for why in ("watched", *REASONS)
        ]
        return [self._count("homes", t("page.month.homes.registered")), self._count("homes.covered"), months, *hours]

    def _hours(self, sums: Sums, why: str) -> Value:
        hours = sums.count(f"hours.{why}")
        total = sum(sums.count(f"hours.{one}") or 0.0 for one in ("watched", *REASONS))
        if hours is None or not total:
            return Value((self.words.t("unit.unknown"),), (("h", None), ("p", None)))
        share = hours / total
        parts = (f"{share * 100:.1f} %", self.words.t("page.month.h", n=f"{hours:,.0f}"))
        return Value(parts, (("h", round(hours, 2)), ("p", round(share, 4))))

    def alarms(self) -> Sequence[Line]:
        """Return false alarms for each household and month beside the budget, and what alarms turned out to be."""
        budget = self.report.intended
        rates = [
            self._rate("nothing.all", None if budget is None else budget.a_month),
            self._rate("nothing.red", None if budget is None else budget.red_a_month),
            *(self._rate(f"false.{level}") for level in LEVELS),
        ]
        t = self.words.t
        counts = [
            self._count(f"alarm.{what}.{level}", self._of_level(t(f"page.month.alarm.{what}"), level))
            for level in LEVELS
            for what in WHAT
        ]
        return [*rates, *counts]

    def _rate(self, key: str, intended: float | None = None) -> Line:
        return self._line(key, self.words.t(f"page.month.{key}"), (self._a_month(s, key, intended) for s in self._all))

    def _a_month(self, sums: Sums, key: str, intended: float | None) -> Value:
        t, rate, n = self.words.t, sums.a_month(key), sums.count(key)
        if rate is not None:
            said = t("page.month.rate", n=f"{rate:.2f}")
        else:
            said = t("page.month.few" if sums.months else "unit.unknown")
        beside = () if intended is None else (t("page.month.intended", n=f"{intended:g}"),)
        numbers = [("rate", None if rate is None else round(rate, 4)), ("n", n)]
        return Value((said, f"n={n:.0f}", *beside), (*numbers, *((("intended", intended),) if beside else ())))

    def times(self) -> Sequence[Line]:
        """Return how long it took to come so far, for each level, and how long it was quiet before anybody was told."""
        t = self.words.t
        keys = [
            (f"{step}.{level}", self._of_level(t(f"page.month.{step}"), level)) for level in LEVELS for step in STEPS
        ]
        keys += [(f"delay.{level}", self._of_level(t("page.month.delay"), level)) for level in LEVELS]
        keys.append(("delay.true", t("page.month.delay.true")))
        return [self._line(key, label, (self._took(s.spread(key), key) for s in self._all)) for key, label in keys]

    def _took(self, spread: Spread, key: str) -> Value:
        t = self.words.t
        delay = key.startswith("delay.")
        numbers: tuple[tuple[str, float | None], ...] = (
            ("median", spread.median_s),
            ("p90", spread.p90_s),
            ("n", spread.n),
        )
        if not delay:
            numbers += (("within", spread.within), ("of", spread.of), ("missing", spread.missing))
        if not spread.n and not spread.missing:
            return Value((t("page.month.none"),), numbers)
        parts = [f"n={spread.n}"]
        if spread.median_s is not None and spread.p90_s is not None:
            slots = {"median": self._duration(spread.median_s), "p90": self._duration(spread.p90_s)}
            parts = [t("page.month.spread", **slots), *parts]
        elif spread.n:
            parts = [t("page.month.few"), *parts]
        if spread.of:
            parts.append(t("page.month.within", n=spread.within, of=spread.of))
        if spread.missing:
            parts.append(t("page.month.missing", n=spread.missing))
        return Value(tuple(parts), numbers)

    def _duration(self, seconds: float) -> str:
        return self.words.t("page.month.seconds") if seconds < 60 else self.words.duration(seconds)

    def work(self) -> Sequence[Line]:
        """Return visits, who was asked further, what nobody took, and call-backs."""
        t = self.words.t
        each = self._line("visits.each", t("page.month.visits.each"), (self._each(sums) for sums in self._all))
        unheard = self._count("unheard", t("page.month.unheard", t=self.words.duration(UNHEARD_S)))
        calls = [self._count(f"calls.{one}") for one in ("owed", "made", "in_time", "without", "wrong")]
        return [
            self._count("visits"), self._count("workers"), each, self._count("called_out"), self._count("escalated"),
            self._count("in_vain"), unheard, self._count("emergency"), *calls,
        ]  # fmt: skip

    def _each(self, sums: Sums) -> Value:
        visits, workers = sums.count("visits") or 0, sums.count("workers") or 0
        if not workers:
            return Value((self.words.t("page.month.none"),), (("", None),))
        return self._number(round(visits / workers, 2), 1)

    def outcomes(self) -> Sequence[Line]:
        """Return cases about people by how they ended, those without an outcome too."""
        found = [self._count(f"outcome.{code}", self._ending(code)) for code in ENDINGS]
        other = {key for key in self.report.total.counts if key.startswith("outcome.")} - {line.key for line in found}
        return [*found, *(self._count(key, key.partition(".")[2]) for key in sorted(other))]

    def _ending(self, code: str) -> str:
        key = f"page.month.ending.{code}"
        return self.words.t(key) if self.words.texts.has(key) else self.words.code("outcome", code)

    def cases(self) -> Sequence[Line]:
        """Return cases by what the first finding was about, and by severity."""
        keys = [key for key in self.report.total.counts if key.startswith("cases.")]
        order = {"red": 0, "amber": 1, "blue": 2}
        named = [(key, key.split(".", 1)[1].rpartition(".")) for key in keys]
        ranked = sorted(named, key=lambda one: (order.get(one[1][2], 3), one[1][0]))
        return [self._count(key, self._of_level(self._kind(kind), level)) for key, (kind, _, level) in ranked]

    def _kind(self, kind: str) -> str:
        if kind.startswith("rule:"):
            return self.words.t("page.month.rule", name=kind.removeprefix("rule:"))
        return self.words.code("month.kind", kind) if kind else self.words.t("unit.unknown")

    def _of_level(self, what: str, level: str) -> str:
        return self.words.t("page.month.of_level", what=what, level=self.words.code("level", level))

    def devices(self) -> Sequence[Line]:
        """Return meters, their silences, and batteries."""
        return [
            self._count(key)
            for key in ("meters", "silences", "silent", "batteries.low", "batteries.known", "batteries.unknown")
        ]

    def applied(self) -> Sequence[Line]:
        """Return applications of the month by where they stand now."""
        states = [self._count(f"applied.{one}", self.words.t(f"page.c.applications.state.{one}")) for one in STATES]
        return [self._count("applied", self.words.t("page.month.applied.all")), *states]
