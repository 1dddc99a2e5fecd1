"""What is wrong with what a reader made of a message, whatever was in it: the rules that hold for every format."""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import isfinite

from ingest.devices import Decoded
from ingest.flags import FLAGS
from ingest.measures import MOST_AHEAD, PLAUSIBLE_FROM
from ingest.readings import Reading

UNITS = frozenset({"L", "L/h", "count", "bool", "event", "%", "V", "Cel", "%RH", "", "text"})
OF_TIME = frozenset({"time_missing", "time_zone_missing", "implausible_time"})
MOST_NAME, MOST_REASON = 256, 20_000


def flaws(decoded: Decoded, received_at: datetime) -> list[str]:
    """Return what is wrong with what came out of a message that came at `received_at`; empty: nothing."""
    reason = decoded.rejected
    found = [f"a reader failed: {reason}"] if "our reader failed" in (reason or "") else []
    if reason is not None and not (reason and reason.isprintable() and len(reason) <= MOST_REASON):
        found.append(f"a reason that nobody can print: {reason[:200]!r}")
    for one in decoded.readings:
        found += [f"{one.quantity}: {flaw}" for flaw in _flaws(one, received_at)]
    return found


def _flaws(one: Reading, received_at: datetime) -> Iterator[str]:
    if not (one.device and one.device.isprintable() and len(one.device) <= MOST_NAME):
        yield f"a device without a name: {one.device[:80]!r}"
    if isinstance(one.value, float) and not isfinite(one.value):
        yield f"a number that is none: {one.value}"
    if one.value is None and "unit_unknown" not in one.flags:
        yield "no value, and no flag unit_unknown that says why"
    if one.unit not in UNITS:
        yield f"unit {one.unit!r}: want one of {sorted(UNITS)}"
    if unknown := set(one.flags) - FLAGS - {"duplicate_of_json"}:
        yield f"flags that nobody knows (`ingest.flags`): {sorted(unknown)}"
    if one.quantity == "water_volume_delta" and not ("interval" in one.extra or "delta_time_uncertain" in one.flags):
        yield "a volume of an interval, and no interval"
    if one.quantity == "water_volume_total" and one.unit == "" and "unit_unknown" not in one.flags:
        yield "a register without a unit, and no flag unit_unknown"
    yield from _of_time(one, received_at)


def _of_time(one: Reading, received_at: datetime) -> Iterator[str]:
    if one.time is None:
        if not OF_TIME.intersection(one.flags):
            yield f"no time and none of {sorted(OF_TIME)}: {one.flags}"
    elif one.time.tzinfo is not UTC or not PLAUSIBLE_FROM <= one.time <= received_at + MOST_AHEAD:
        yield f"a time that cannot be: {one.time}"
