"""What the pages show of a home's water: quarters of an hour of the last days, and what is known now."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from alerts.web.ports import Budget, Day, Meter, Served, Water
from detectors.bins import between
from ingest.bindings import Binding
from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from ingest.store import SqliteStore
from shuian import served
from shuian.intervals import known_of
from shuian.pipeline import Pipeline
from shuian.rows import Bound
from shuian.signs import QUANTITIES

QUARTER_S = 900
WHILE_S = 600
Kept = TypeVar("Kept")
DAY_MS = 86_400_000
HEARD_BY = (WATER_VOLUME_TOTAL, "battery", *sorted(QUANTITIES))
"""What a device says of itself when it says anything."""
FIRST_USE_FROM_S = 4 * 3600
"""The day of a person begins at four in the morning: a visit to the bathroom at two is not getting up. [s]"""


def quarters(readings: Sequence[StoredReading], binding: Binding, start_s: float, count: int) -> list[float | None]:
    """Spread registers over `count` quarters of an hour from `start_s`.

    Parameters
    ----------
    readings : registers of one meter, in order of measured time
    binding : how to read that meter
    start_s : start of the first quarter, seconds since 1970
    count : number of quarters

    Returns
    -------
    list of float or None
        Litres; None where any second of the quarter is not known.
    """
    litres, known = np.zeros(count), np.zeros(count)
    if len(readings) > 1:
        at = np.array([r.measured_ms for r in readings]) / 1000
        said = [known_of(new, old.value, old.measured_ms, binding) for old, new in pairwise(readings)]
        litres_of, doubted = np.array([one[0] for one in said]), np.array([one[1] for one in said])
        drawn = between(at[:-1], at[1:], litres_of, np.full(len(at) - 1, float(binding.period_s)), doubted)
        for begin, end, volume in zip(at[:-1], at[1:], drawn, strict=True):
            if math.isnan(volume) or end <= begin:
                continue
            first, last = int((begin - start_s) // QUARTER_S), int(-((start_s - end) // QUARTER_S))
            for q in range(max(first, 0), min(last, count)):
                left = start_s + q * QUARTER_S
                inside = min(end, left + QUARTER_S) - max(begin, left)
                if inside > 0:
                    known[q] += inside
                    litres[q] += volume * inside / (end - begin)
    return [float(v) if k >= QUARTER_S - 1 else None for v, k in zip(litres, known, strict=True)]


def first_use(day: Day) -> float | None:
    """Return the start of the day's first quarter with water after 04:00, None if none or if not known."""
    for q in range(FIRST_USE_FROM_S // QUARTER_S, len(day.litres)):
        litres = day.litres[q]
        if litres is None:
            return None
        if litres > 0:
            return float(q * QUARTER_S)
    return None


class History:
    """`alerts.web.ports.Readings` over the store and the detectors' present state."""

    def __init__(self, store: SqliteStore, pipeline: Pipeline) -> None:
        self._store, self._pipeline = store, pipeline
        self._meters: tuple[datetime, list[Meter]] | None = None
        self._turn, self._found = 0, dict[str, Any]()

    def days(self, household: str, now: datetime, count: int = 7) -> list[Day]:
        """Return the last `count` local days, today last; quarters after `now` are None."""
        present = self._pipeline.present(household)
        zone = present["zone"] if present else UTC
        today = now.astimezone(zone).date()
        dates = [today - timedelta(days=back) for back in range(count - 1, -1, -1)]
        bindings: list[Binding] = present["bindings"] if present else []
        return [self._day(one, zone, bindings) for one in dates]

    def _day(self, one: date, zone: object, bindings: Sequence[Binding]) -> Day:
        # A day of a clock change has 92 or 100 quarters; the chart keeps 96 and lets the odd hour go.
        start = datetime.combine(one, time(), zone).timestamp()  # type: ignore[arg-type]
        margin_ms = 26 * 3_600_000  # a register of the day before is needed to know the first quarter
        total: list[float | None] = [None] * 96
        for binding in bindings:
            if binding.resolution_l is None:
                continue
            # Before and after its time here the meter told of somebody else's water.
            first = max(int(start * 1000) - margin_ms, int(binding.valid_from.timestamp() * 1000))
            end = int((start + 86_400) * 1000) + margin_ms
            if binding.valid_to is not None:
                end = min(end, int(binding.valid_to.timestamp() * 1000))
            readings = self._store.history(binding.device, WATER_VOLUME_TOTAL, first, end) if first < end else []
            for q, value in enumerate(quarters(readings, binding, start, 96)):
                if value is not None:
                    total[q] = value + (total[q] or 0.0)
        return Day(one, tuple(total))

    def water(self, household: str, now: datetime) -> Water:
        """Return what is known of the home's water now."""
        present = self._pipeline.present(household)
        if present is None:
            return Water(None, None, None, None, ())
        band = present["usual_first_use"]
        return Water(
            last_use_at=_moment(present["last_use"]),
            heard_at=_moment(present["heard"]),
            known_until=_moment(present["known_until"]),
            usual_first_use_s=None if any(math.isnan(x) for x in band) else band,
            running_since_at=_moment(present["running_since"]),
            first_uses=tuple((day.date, first_use(day)) for day in self.days(household, now)),
        )

    def served(self, household: str, now: datetime) -> Served | None:
        """Return how well a home can be watched, worked out anew every ten minutes; None: it is not watched."""
        return self._now_and_then(household, now, lambda: self._pipeline.ask(served.served, household, now.timestamp()))

    def irregular(self) -> tuple[str, ...]:
        """Return the homes that can only be asked."""
        return self._pipeline.ask(served.irregular)

    def budget(self, now: datetime) -> Budget | None:
        """Return whether the budget of false alarms is kept, worked out anew every ten minutes."""
        return self._now_and_then("", now, lambda: self._pipeline.ask(served.budget, now.timestamp()))

    def _now_and_then(self, about: str, now: datetime, work: Callable[[], Kept]) -> Kept:
        """Return what was worked out about something a while ago, or what `work` finds now."""
        turn = int(now.timestamp() // WHILE_S)
        if turn != self._turn:
            self._turn, self._found = turn, {}
        if about not in self._found:
            self._found[about] = work()
        found: Kept = self._found[about]
        return found

    def meters(self, now: datetime) -> list[Meter]:
        """Return every device that is fitted now, with how well it is heard; counted anew once a minute."""
        minute = now.replace(second=0, microsecond=0)
        if self._meters is None or self._meters[0] != minute:
            self._meters = minute, self._count_meters(now)
        return self._meters[1]

    def _count_meters(self, now: datetime) -> list[Meter]:
        fitted = [
            one
            for one in self._pipeline.bound()
            if one.binding.consented
            and not one.place.drill
            and one.binding.valid_from <= now
            and (one.binding.valid_to is None or now < one.binding.valid_to)
        ]
        registers = [one.binding.device for one in fitted if one.binding.resolution_l is not None]
        end = int(now.timestamp() * 1000)
        day, week = (
            self._store.received(registers, WATER_VOLUME_TOTAL, end - days * DAY_MS, end + 1) for days in (1, 7)
        )
        return [self._meter(one, now, day, week) for one in fitted]

    def _meter(self, one: Bound, now: datetime, day: Mapping[str, int], week: Mapping[str, int]) -> Meter:
        b = one.binding
        newest = [last for quantity in HEARD_BY if (last := self._store.last(b.device, quantity)) is not None]
        heard = max((self._pipeline.heard_ms(last) for last in newest), default=None)
        battery = next((last.value / 1000 for last in newest if last.quantity == "battery"), None)

        def share(counts: Mapping[str, int], days: int) -> float | None:
            fitted_s = min((now - b.valid_from).total_seconds(), days * DAY_MS / 1000)
            expected = fitted_s / b.period_s
            return (
                min(1.0, counts.get(b.device, 0) / expected) if b.resolution_l is not None and expected >= 1 else None
            )

        return Meter(
            household=one.household,
            device=b.device,
            format=b.format,
            gateway=one.place.gateway or None,
            period_s=b.period_s,
            resolution_l=b.resolution_l,
            heard_at=None if heard is None else datetime.fromtimestamp(heard / 1000, UTC),
            battery_percent=battery,
            share_24h=share(day, 1),
            share_7d=share(week, 7),
        )


def _moment(seconds: float) -> datetime | None:
    return None if math.isnan(seconds) else datetime.fromtimestamp(seconds, UTC)
