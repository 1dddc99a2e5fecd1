"""What a back-test cost: false alarms a household-month, by kind and by group of homes.

Recorded homes carry no labels: every day is taken for ordinary life, so each episode counts as a false alarm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.bins import DAY_S, MONTH_DAYS
from detectors.findings import Finding
from detectors.rules import parse
from shuian.backtest_input import Floats, Record

MONTH_S = MONTH_DAYS * DAY_S
EMPTY_DAY_L = 5.0
KNOWN_DAY_S = 20 * 3600.0
LIVED_IN_EMPTY, LIVED_IN_DAYS = 0.10, 30
"""A lived-in home: at least so many known days, fewer than one in ten of them empty."""
PERSONAL = (
    ("quiet", "amber"), ("quiet", "red"), ("surge", "amber"), ("surge", "red"), ("leak", "blue"), ("leak", "amber"),
    ("drift", "blue"), ("meter_silent", "blue"),
)  # fmt: skip
"""Kinds and severities that are shown even if nothing was found."""
RATED_MONTHS = 0.5
"""A home with less is left out of the percentiles over homes: its rate would be chance."""


@dataclass(frozen=True)
class Home:
    """One home's figures."""

    household: str
    occupants: int | None
    months: float
    """Household-months of known time outside declared absences."""
    lived_in: bool


@dataclass(frozen=True)
class Summary:
    """The figures of a run; `counts[kind, severity]` is (homes,)."""

    homes: tuple[Home, ...]
    counts: dict[tuple[str, str], Floats]
    local_hours: dict[tuple[str, str], tuple[int, ...]]
    """(kind, severity) -> the local hour at which each episode was raised."""
    rules: tuple[str, ...]
    notes: tuple[str, ...]

    def groups(self) -> dict[str, list[int]]:
        """Return the groups of homes: 1 resident, lived-in, all."""
        everyone = range(len(self.homes))
        return {
            "1 resident": [n for n in everyone if self.homes[n].occupants == 1],
            "lived-in": [n for n in everyone if self.homes[n].lived_in],
            "all": list(everyone),
        }

    def months(self, homes: Sequence[int]) -> float:
        """Return the household-months of some homes."""
        return sum(self.homes[n].months for n in homes)

    def rate(self, key: tuple[str, str], homes: Sequence[int]) -> float | None:
        """Return episodes a household-month over some homes together; None: nothing was watched."""
        months = self.months(homes)
        return float(self.counts[key][list(homes)].sum()) / months if months > 0 else None

    def by_home(self, key: tuple[str, str], homes: Sequence[int]) -> tuple[float, float] | None:
        """Return the median and 90 % point over homes of episodes a month; None: no home was watched long enough."""
        rates = [
            self.counts[key][n] / self.homes[n].months for n in homes if self.homes[n].months >= RATED_MONTHS
        ]  # fmt: skip
        if not rates:
            return None
        p50, p90 = np.quantile(rates, [0.5, 0.9])
        return float(p50), float(p90)

    def table(self) -> str:
        """Return the figures as a table for a terminal."""
        groups = self.groups()
        watched = ", ".join(
            f"{name}: {self.months(homes):.1f} household-months in {len(homes)} homes" for name, homes in groups.items()
        )
        head = f"{'kind':<26}{'severity':<9}{'episodes':>9}" + "".join(f"{name + '  (p50/p90)':>26}" for name in groups)
        rows = [
            f"{kind:<26}{severity:<9}{int(self.counts[kind, severity].sum()):>9}"
            + "".join(f"{self._cell((kind, severity), homes):>26}" for homes in groups.values())
            for kind, severity in self.counts
        ]
        meaning = "Episodes a household-month, then the median and 90 % point over homes. Ordinary life: all count as false alarms."
        return "\n".join([watched, "", head, *rows, "", meaning, *(f"note: {note}" for note in self.notes)])

    def _cell(self, key: tuple[str, str], homes: Sequence[int]) -> str:
        rate, spread = self.rate(key, homes), self.by_home(key, homes)
        shown = "-" if rate is None else f"{rate:.2f}"
        return f"{shown}  (-/-)" if spread is None else f"{shown}  ({spread[0]:.2f}/{spread[1]:.2f})"


def summarise(
    records: Sequence[Record], found: Sequence[Finding], rules: Sequence[str], notes: Sequence[str]
) -> Summary:
    """Count what was found."""
    keys = [*PERSONAL]
    keys += [(f"rule:{rule.name}", str(rule.severity)) for rule in {r.name: r for r in map(parse, rules)}.values()]
    counts = {key: np.zeros(len(records)) for key in keys}
    hours: dict[tuple[str, str], list[int]] = {key: [] for key in keys}
    for f in found:
        key = f.kind, str(f.severity)
        counts.setdefault(key, np.zeros(len(records)))[f.row] += 1
        record = records[f.row]
        near = min(int(np.searchsorted(record.end, f.raised_at)), len(record.end) - 1)
        hours.setdefault(key, []).append(int((f.raised_at + record.offset_s[near]) % 86_400 // 3600))
    homes = tuple(_home(record) for record in records)
    return Summary(homes, counts, {key: tuple(h) for key, h in hours.items()}, tuple(rules), tuple(notes))


def _home(record: Record) -> Home:
    known = ~np.isnan(record.litres)
    for start, end in record.absences:
        known &= ~((record.start < end) & (record.end > start))
    length = (record.end - record.start)[known]
    day = np.floor((record.end + record.offset_s)[known] / 86_400.0 - 1e-9).astype(np.int64)
    if not len(day):
        return Home(record.household, record.occupants, 0.0, lived_in=False)
    known_s = np.bincount(day - day.min(), length)
    litres = np.bincount(day - day.min(), record.litres[known])
    whole = known_s >= KNOWN_DAY_S
    empty = float((litres[whole] < EMPTY_DAY_L).mean()) if whole.any() else 1.0
    lived_in = int(whole.sum()) >= LIVED_IN_DAYS and empty < LIVED_IN_EMPTY
    return Home(record.household, record.occupants, float(length.sum()) / MONTH_S, lived_in)
