"""What an installer asks: whether a device is heard, what is missing and how that is set, and whose tap it hears."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

from alerts.web.ports import Drawn, Fitted, Heard, Lack, Said
from ingest.bindings import Binding
from ingest.lately import Lately, Understood
from ingest.quality import FIRST_COUNTER
from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from ingest.store import SqliteStore
from shuian.history import HEARD_BY
from shuian.pipeline import Pipeline
from shuian.rows import Bound

COARSE_L = 10.0
"""Steps of a register from which small uses stay unseen. [L]"""
UNLIKE = 2.0
"""So many times longer or shorter than the registry says is another period."""
LATE_PERIODS = 3.0
HALF_HOUR, NEAR, MOST_STEPS = timedelta(minutes=30), timedelta(minutes=3), 28
"""Zones differ by whole half hours, 14 hours at most; messages that are not kept back arrive within minutes."""
LOOK_BACK_S = 3 * 86_400
"""How far back the report before a tap is looked for. [s]"""
SHOWN = (WATER_VOLUME_TOTAL, "water_flow", *(name for name in HEARD_BY if name != WATER_VOLUME_TOTAL))


def lacks(heard: Sequence[Understood], binding: Binding | None, last_ms: int | None, now: datetime) -> list[Lack]:
    """Return what a device wants, what stops it first.

    Parameters
    ----------
    heard : sequence of Understood
        Its last messages, the newest first.
    binding : Binding or None
        What the registry says of it now; None: nothing.
    last_ms : int or None
        When it was last heard by the store (ms since 1970).
    now : datetime
        Aware.
    """
    if binding is None:
        return [Lack("unknown", True, {"format": heard[0].format or "?"} if heard else {})]
    if not binding.consented:
        return [Lack("no_consent", True)]
    found = [*_of_format(heard, binding), *_of_water(heard, binding), *_of_time(heard, binding)]
    if not heard and last_ms is None:
        found.append(Lack("never_heard", True))
    elif not heard and now.timestamp() - last_ms / 1000 > LATE_PERIODS * binding.period_s:  # type: ignore[operator]
        found.append(Lack("not_heard", True))
    if heard and heard[0].refused and not heard[0].stored and not any(one.stops for one in found):
        found.append(Lack("refused", True, {"reason": heard[0].refused[0]}))
    if binding.resolution_l is not None and binding.resolution_l >= COARSE_L:
        found.append(Lack("coarse", False, {"litres": f"{binding.resolution_l:g}"}))
    return sorted(found, key=lambda one: not one.stops)


def _of_format(heard: Sequence[Understood], binding: Binding) -> list[Lack]:
    if heard and heard[0].format not in (None, binding.format):
        return [Lack("format", True, {"want": binding.format, "got": str(heard[0].format)})]
    if heard and all(one.retain for one in heard):
        return [Lack("retained", True)]
    return []


def _of_water(heard: Sequence[Understood], binding: Binding) -> list[Lack]:
    """Return what a register wants to become litres."""
    said = [reading for one in heard for reading in one.readings]
    counting = [reading for reading in said if reading.quantity.startswith(("water_volume", "pulse_count"))]
    flags = {flag for reading in counting for flag in reading.flags}  # of a flow the registry says no unit
    counts = any(reading.extra.get("channel") in (None, FIRST_COUNTER) for reading in counting)
    if counting and binding.resolution_l is None:
        return [Lack("no_resolution", True)]
    found = []
    if "unit_unknown" in flags and binding.unit is None:
        found.append(Lack("unit", True))
    if "pulse_factor_unknown" in flags and binding.litres_per_pulse is None:
        found.append(Lack("litres_per_pulse", True))
    if "counter_rollover_possible" in flags and binding.modulus_l is None:
        found.append(Lack("modulus", False))
    if said and not counts and binding.resolution_l is not None:
        found.append(Lack("no_register", True))
    return found


def _of_time(heard: Sequence[Understood], binding: Binding) -> list[Lack]:
    flags = {flag for one in heard for reading in one.readings for flag in reading.flags}
    found = []
    if "time_zone_missing" in flags or _of_another_zone(heard):
        found.append(Lack("zone", False))
    elif "implausible_time" in flags:
        found.append(Lack("clock", False))
    elif "time_missing" in flags:
        found.append(Lack("time", False))
    moments = [one.received_at.timestamp() for one in heard if not one.retain]
    gaps = [later - earlier for later, earlier in pairwise(moments)]
    if len(gaps) >= 2:
        seen = median(gaps)
        if not binding.period_s / UNLIKE <= seen <= binding.period_s * UNLIKE:
            slots = {"want": f"{binding.period_s / 60:g}", "got": f"{seen / 60:.3g}"}
            found.append(Lack("period", False, slots))
    return found


def _of_another_zone(heard: Sequence[Understood]) -> bool:
    """Tell whether all that was heard live is off by the same whole half hours, as between two zones."""
    late = [
        one.received_at - reading.time
        for one in heard
        for reading in one.readings
        if not one.retain and reading.time is not None and not {"batch", "history"}.intersection(reading.flags)
    ]
    steps = {round(one / HALF_HOUR) for one in late}
    near = all(abs(one - round(one / HALF_HOUR) * HALF_HOUR) <= NEAR for one in late)
    return len(heard) > 1 and near and len(steps) == 1 and 0 not in steps and abs(next(iter(steps))) <= MOST_STEPS


def drawn(readings: Sequence[StoredReading], since: datetime) -> Drawn | None:
    """Return what the last report up to `since` and the newest one after it have between them; None: no such report."""
    at = since.timestamp() * 1000
    before = [row for row in readings if row.measured_ms <= at]
    after = [row for row in readings if row.measured_ms > at]
    if not before or not after:
        return None
    first, last = before[-1], after[-1]
    return Drawn((last.value - first.value) / 1000, _moment(first.measured_ms), _moment(last.measured_ms))


class Commissioning:
    """`alerts.web.ports.Fitting` over the last messages, the store and the registry."""

    def __init__(self, lately: Lately, store: SqliteStore, pipeline: Pipeline) -> None:
        self._lately, self._store, self._pipeline = lately, store, pipeline

    def device(self, device: str, now: datetime) -> Fitted:
        """Return what is known of a device, heard or not, registered or not."""
        heard, bound = self._lately.of(device), self._bound(device, now)
        binding = None if bound is None else bound.binding
        ours = binding is not None and binding.consented
        rows = [row for name in SHOWN if ours and (row := self._store.last(device, name)) is not None]
        last_ms = max((row.received_ms for row in rows), default=None)
        newest = heard[0].received_at if heard else None if last_ms is None else _moment(last_ms)
        due = None
        if newest is not None and binding is not None:
            due = datetime.fromtimestamp(newest.timestamp() + binding.period_s, UTC)
        return Fitted(
            device=device,
            household=None if bound is None else bound.household,
            format=None if binding is None else binding.format,
            heard=tuple(_heard(one, shown=ours) for one in heard),
            kept=tuple(_kept(row) for row in rows),
            lacks=tuple(lacks(heard, binding, last_ms, now)),
            next_at=due,
        )

    def drawn(self, device: str, since: datetime) -> Drawn | None:
        """Return what the meter told of water since a moment; None: it has not reported since."""
        at = since.timestamp()
        rows = self._store.history(
            device, WATER_VOLUME_TOTAL, int((at - LOOK_BACK_S) * 1000), int((at + 86_400) * 1000)
        )
        return drawn(rows, since)

    def others(self, device: str, since: datetime) -> list[str]:
        """Return the other meters of its building that told of water since."""
        everybody = self._pipeline.bound()
        building = next((one.place.building for one in everybody if one.binding.device == device), "")
        near = {
            one.binding.device
            for one in everybody
            if one.place.building == building and one.binding.resolution_l is not None and one.binding.consented
        }
        found = []
        for other in sorted(near - {device}) if building else ():
            told = self.drawn(other, since)
            if told is not None and told.litres > 0:
                found.append(other)
        return found

    def strangers(self) -> list[tuple[str, Heard]]:
        """Return devices heard of late that nobody registered, with their last message."""
        return [(device, _heard(said, shown=False)) for device, said in self._lately.strangers()]

    def _bound(self, device: str, now: datetime) -> Bound | None:
        for one in self._pipeline.bound():
            b = one.binding
            if b.device == device and b.valid_from <= now and (b.valid_to is None or now < b.valid_to):
                return one
        return None


def _heard(one: Understood, *, shown: bool) -> Heard:
    said = tuple(
        Said(r.quantity, r.value if shown else None, r.unit, r.time, r.flags) for r in one.readings
    )  # fmt: skip
    return Heard(one.received_at, one.format, one.topic, said, one.stored, one.refused, one.retain)


def _kept(row: StoredReading) -> Said:
    unit = {"water_volume_total": "L", "water_flow": "L/h", "battery": "%", "temperature": "Cel"}.get(row.quantity, "")
    return Said(row.quantity, row.value / 1000, unit, _moment(row.measured_ms), row.flags)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
