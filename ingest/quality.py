"""Judging: what of a message may be stored, under which time, with which doubts.  Pure: no I/O, no clock.

How this works, for every reading of a message:

1. Is it ours?  An unknown device goes to quarantine; without consent only size and digest of the message are kept; a
   message in another format than the registry says is refused.
2. When was it?  The device's own time, late or not, unless it is absent or impossible (`ingest.clocks`); then the time
   of arrival.  A broker may deliver such a message twice, so its arrival is remembered under (device, quantity, message id or digest)
   and a second copy inside the redelivery window takes the time of the first: the key of the store absorbs it.
3. How much?  Litres; raw counts and unit-less registers become litres only with the registry's factor.  Text is not
   stored, and what is negative or absurd is refused.
4. Is it believable?  A register that falls, jumps or wraps is kept with a flag: a doubt, not a loss (`ingest.register`);
   so is one in another unit, or of two meters under one name (`ingest.quarantine`).  What a message tells of several
   moments is judged in their order, and only beside registers of the same binding: a work order is no fault.
5. Is it news?  What a gateway said twice, or repeats of a state within the hour, is not stored again.  Two calls for help
   in one second are two: a second has room for a thousand keys.

A retained copy tells of a state, not of an event: without a plausible time of its own it is no sign of life and is
dropped; with one it is the same reading once more, and carries the flag `retained`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from math import isfinite
from typing import NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from ingest.bindings import Binding, Bindings
from ingest.clocks import CLOCK_SKEW, LEAST_BEHIND_MS, behind, trusted_time
from ingest.devices import Decoded
from ingest.errors import BindingsUnavailable
from ingest.measures import FACTORS, milliseconds, thousandths
from ingest.quarantine import RECENT, UNIT_CHANGE, quarantine
from ingest.readings import WATER_VOLUME_TOTAL, Reading, Reject, StoredReading, Value
from ingest.register import BOUNCE_MS, bounced, doubts

MOST_PAYLOAD = 4096
"""Bytes of a refused message that are kept for inspection."""

_LIMITS: dict[str, tuple[float, float]] = {
    "L": (0, 1e10),
    "count": (0, 1e12),
    "L/h": (-1e6, 1e6),
    "Cel": (-60, 150),
    "%RH": (0, 100),
    "%": (0, 100),
    "V": (0, 1000),
}
"""Unit -> what a device in or near a home can say at all."""
_MOST_UNKNOWN = 1e12
_ONE = Decimal(1)
_OF_TIME = frozenset({"time_missing", "implausible_time", "time_zone_missing"})
FIRST_COUNTER = "C1"
"""Channel of the counter that a board with one meter counts with (Tasmota); further ones keep quantities of their own."""
SAME_CALL_MS = 120_000
"""How long a call for help without a time can be a second delivery; later it is a new one: a missed one is worse. [ms]"""
REPEATED_FOR_MS = 3_600_000
"""How long a state that is only repeated is not stored again; a radar says every few seconds that somebody is there. [ms]"""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message as it came: `redelivered` says that the broker may have delivered it before."""

    topic: str
    payload: bytes
    received_at: datetime
    retain: bool = False
    redelivered: bool = False


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """When a reading without a device time came first, under what tells it from others (id or digest)."""

    device: str
    quantity: str
    ident: str
    measured_ms: int


class Judged(msgspec.Struct, frozen=True, gc=False):
    """What one message leaves: rows, refusals, arrivals to remember, and retained or repeated states not stored."""

    readings: tuple[StoredReading, ...] = ()
    rejects: tuple[Reject, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    states: int = 0


class Seen(Protocol):
    """What judging asks of the past."""

    def last(self, device: str, quantity: str) -> StoredReading | None:
        """Return the reading with the newest measured time, None when there is none."""
        ...

    def recent(self, device: str, quantity: str, before_ms: int, most: int) -> list[StoredReading]:
        """Return up to `most` readings measured before `before_ms`, newest first."""
        ...

    def arrival(self, device: str, quantity: str, ident: str) -> int | None:
        """Return the arrival of that reading in milliseconds, None when it is new."""
        ...


class Nothing:
    """A past in which nothing happened."""

    def last(self, device: str, quantity: str) -> StoredReading | None:  # noqa: ARG002  as `Seen` says
        """Return None."""
        return None

    def recent(self, device: str, quantity: str, before_ms: int, most: int) -> list[StoredReading]:  # noqa: ARG002
        """Return no readings."""
        return []

    def arrival(self, device: str, quantity: str, ident: str) -> int | None:  # noqa: ARG002
        """Return None."""
        return None


class Memory:
    """The past including what was judged in this batch and is not committed yet."""

    def __init__(self, past: Seen | None = None) -> None:
        self._past = Nothing() if past is None else past
        self._last: dict[tuple[str, str], StoredReading | None] = {}
        self._rows: dict[tuple[str, str], list[StoredReading]] = {}
        self._arrivals: dict[tuple[str, str, str], int] = {}

    def last(self, device: str, quantity: str) -> StoredReading | None:
        """Return the reading with the newest measured time, None when there is none."""
        key = device, quantity
        if key not in self._last:  # the past stays what it is while one batch is judged
            self._last[key] = self._past.last(device, quantity)
        return self._last[key]

    def recent(self, device: str, quantity: str, before_ms: int, most: int) -> list[StoredReading]:
        """Return up to `most` readings measured before `before_ms`, newest first."""
        known = {one.measured_ms: one for one in self._rows.get((device, quantity), ()) if one.measured_ms < before_ms}
        known |= {one.measured_ms: one for one in self._past.recent(device, quantity, before_ms, most)}
        return [known[at] for at in sorted(known, reverse=True)[:most]]

    def arrival(self, device: str, quantity: str, ident: str) -> int | None:
        """Return the arrival of that reading in milliseconds, None when it is new."""
        found = self._arrivals.get((device, quantity, ident))
        return found if found is not None else self._past.arrival(device, quantity, ident)

    def note(self, row: StoredReading, arrival: Arrival | None) -> None:
        """Remember one row of this batch."""
        key = row.device, row.quantity
        if (last := self.last(*key)) is None or row.measured_ms > last.measured_ms:
            self._last[key] = row
        self._rows.setdefault(key, []).append(row)
        if arrival is not None:
            self._arrivals[arrival.device, arrival.quantity, arrival.ident] = arrival.measured_ms


def judge(message: Message, decoded: Decoded, bindings: Bindings, memory: Memory) -> Judged:
    """Judge one message.

    Parameters
    ----------
    message, decoded
        What came, and what `ingest.devices.decode` made of it.
    bindings : Bindings
        Who may be stored, and how to read them.
    memory : Memory
        What is known so far; rows of this message are noted in it.

    Raises
    ------
    BindingsUnavailable
        The registry could not be asked: nothing may be decided now.
    """
    rows: list[StoredReading] = []
    arrivals: list[Arrival] = []
    states = 0
    reasons: dict[str, bool] = {}  # reason -> may the payload be kept?
    told = decoded.readings
    alone = len(told) == 1 or len({reading.time for reading in told}) == 1  # not a batch, which says when by itself
    came = _Came(message, milliseconds(message.received_at), memory, reasons, alone)
    if decoded.rejected is not None:
        reasons[f"unreadable: {decoded.rejected}"] = True
        if decoded.device is not None:
            _may_store(decoded.device, message.received_at, decoded.format, bindings, reasons)
    for reading in _in_order(told, message.received_at):
        time = trusted_time(reading, message.received_at)
        if (time is None and message.retain) or "duplicate_of_json" in reading.flags:
            states += 1
            continue
        binding = _may_store(reading.device, time or message.received_at, decoded.format, bindings, reasons)
        if binding is None:
            continue
        row, arrival = _row(reading, time, binding, came)
        if row is not None and _repeats(row, memory):
            states += 1
        elif row is not None:
            rows.append(row)
            memory.note(row, arrival)
            arrivals += [arrival] if arrival is not None else []
    keep = all(reasons.values())
    rejects = tuple(reject(message, reason, keep_payload=keep) for reason in reasons) if reasons else ()
    return Judged(tuple(rows), rejects, tuple(arrivals), states)


def reject(message: Message, reason: str, *, keep_payload: bool) -> Reject:
    """Return the entry for a message, or a part of it, that may not be stored."""
    kept = message.payload[:MOST_PAYLOAD] if keep_payload else b""
    received = milliseconds(message.received_at)
    return Reject(message.topic, reason, received, kept, len(message.payload), digest(message.payload))


def digest(payload: bytes) -> str:
    """Return the first 16 hex digits of the SHA-256 of `payload`."""
    return hashlib.sha256(payload).hexdigest()[:16]


def reason_class(reason: str) -> str:
    """Return the class of a reason, for counting: what stands before its first colon."""
    return reason.partition(":")[0].replace(" ", "_")


def _may_store(
    device: str, time: datetime, format_name: str | None, bindings: Bindings, reasons: dict[str, bool]
) -> Binding | None:
    """Return the binding if `device` may be stored at `time`; else None, and the reason is noted."""
    try:
        binding = bindings.at(device, time)
    except Exception as error:
        raise BindingsUnavailable(f"the registry could not be asked: {type(error).__name__}") from error
    if binding is None:
        reasons["unknown device: want a device of the registry, bound at the time of the reading"] = True
    elif not binding.consented:
        reasons.clear()  # another reason could quote the message
        reasons["no consent: only size and digest are kept"] = False
    elif binding.format != format_name:
        reasons[f"other format: want {binding.format} for this device, got {format_name}"] = True
    else:
        return binding
    return None


def _in_order(readings: Sequence[Reading], received_at: datetime) -> Sequence[Reading]:
    """Return readings by time, those without one last: a register can only be judged beside the one before it."""
    return readings if len(readings) == 1 else sorted(readings, key=lambda reading: reading.time or received_at)


class _Came(NamedTuple):
    """What the readings of one message have in common: `reasons` and `memory` are added to."""

    message: Message
    received_ms: int
    memory: Memory
    reasons: dict[str, bool]
    alone: bool


def _row(
    reading: Reading, time: datetime | None, binding: Binding, came: _Came
) -> tuple[StoredReading | None, Arrival | None]:
    measured = _in_litres(reading, binding, came.reasons)
    if measured is None:
        return None, None
    message, received_ms, memory, _, alone = came
    quantity = _stored_quantity(measured) if measured.extra else measured.quantity
    last = _last_of_binding(reading.device, quantity, binding, memory)
    flags, time_ms = measured.flags, None if time is None else milliseconds(time)
    if time_ms is None:
        clock = "time_missing" if reading.time is None else "implausible_time"
        flags += (clock,) if not _explained(flags) else ()
    elif alone and quantity == WATER_VOLUME_TOTAL and received_ms - time_ms >= LEAST_BEHIND_MS:
        newest = partial(memory.recent, reading.device, quantity, received_ms, RECENT)
        if behind(time_ms, received_ms, last, newest, binding.period_s):
            time_ms, flags = None, (*flags, CLOCK_SKEW)
    measured_ms, arrival = _moment(measured, quantity, time_ms, came)
    value = thousandths(measured.value)  # type: ignore[arg-type]  # _in_litres has seen to it
    flags += ("retained",) if message.retain and "retained" not in flags else ()
    row = StoredReading(reading.device, quantity, measured_ms, value, received_ms, flags)
    if quantity == WATER_VOLUME_TOTAL:
        more = _register_flags(row, last, binding, memory)
        row = replace(row, flags=tuple(dict.fromkeys(flags + more))) if more else row
    return row, arrival


def _last_of_binding(device: str, quantity: str, binding: Binding, memory: Memory) -> StoredReading | None:
    """Return the newest reading under this binding: what another meter showed before it says nothing of this one."""
    last = memory.last(device, quantity)
    return last if last is not None and last.measured_ms >= milliseconds(binding.valid_from) else None


def _register_flags(
    row: StoredReading, last: StoredReading | None, binding: Binding, memory: Memory
) -> tuple[str, ...]:
    """Return the doubts of a register: beside the one before it, and beside the few before that."""
    assert binding.resolution_l is not None  # _in_litres has seen to it
    found = doubts(row, last, binding.modulus_l, binding.resolution_l)
    if last is None or not (found or last.flags or row.measured_ms - last.measured_ms <= BOUNCE_MS):
        return found  # the usual case

    def past() -> list[StoredReading]:
        since_ms = milliseconds(binding.valid_from)
        recent = memory.recent(row.device, row.quantity, row.measured_ms, RECENT)
        return [one for one in recent if one.measured_ms >= since_ms]

    held = quarantine(row, last, past, bool(found), binding.resolution_l)
    if any(flag.startswith(UNIT_CHANGE) for flag in held) and held[0] in last.flags:
        found = tuple(flag for flag in found if flag != "implausible_value")  # a litre is a thousand here
    if 0 < row.measured_ms - last.measured_ms <= BOUNCE_MS and bounced(row, past()):
        found += ("pulse_bounce_possible",)
    return found + held


def _moment(reading: Reading, quantity: str, time_ms: int | None, came: _Came) -> tuple[int, Arrival | None]:
    """Return under which moment a reading is stored, and what makes a second delivery of it known."""
    message, received_ms, memory, _, _ = came
    event = reading.unit == "event" and not message.retain
    if time_ms is not None and not event:
        return time_ms, None
    ident = str(reading.extra.get("message_id") or digest(message.payload))
    first = memory.arrival(reading.device, quantity, ident) if message.redelivered else None
    another = event and time_ms is None and first is not None and received_ms - first > SAME_CALL_MS
    if first is not None and not another:
        return first, Arrival(reading.device, quantity, ident, first)
    measured_ms = received_ms if time_ms is None else time_ms
    last = memory.last(reading.device, quantity) if event else None
    if last is not None and measured_ms <= last.measured_ms < measured_ms + 1_000:
        measured_ms = last.measured_ms + 1
    return measured_ms, Arrival(reading.device, quantity, ident, measured_ms)


def _repeats(row: StoredReading, memory: Memory) -> bool:
    """Whether `row` only says again what was stored within the hour before it."""
    if "cached_state" not in row.flags:
        return False
    last = memory.last(row.device, row.quantity)
    return last is not None and last.value == row.value and 0 <= row.measured_ms - last.measured_ms < REPEATED_FOR_MS


def _explained(flags: Iterable[str]) -> bool:
    return not _OF_TIME.isdisjoint(flags)


def _stored_quantity(reading: Reading) -> str:
    """Return the name under which a reading is stored: a channel or an interval makes it a quantity of its own."""
    part = reading.extra.get("channel") or reading.extra.get("interval")
    return f"{reading.quantity}:{part}" if part else reading.quantity


def _in_litres(reading: Reading, binding: Binding, reasons: dict[str, bool]) -> Reading | None:
    """Return the reading in our unit, None (with a reason) when it cannot or may not be stored."""
    value, quantity = reading.value, reading.quantity
    if isinstance(value, bool):
        return reading
    if isinstance(value, str):
        return None  # words are for `decode`; the store keeps numbers
    if value is None:
        where = "the registry" if reading.quantity.startswith("water_volume") else "[[keys]] or the device's messages"
        reasons[f"unit unknown: want a unit in {where} for {quantity}, got none"] = True
        return None
    known = _unit(reading, binding)
    if known is None:
        reasons[f"unit unknown: want a unit in the registry for {quantity}, got none"] = True
        return None
    unit, factor = known
    if unit != reading.unit:
        value = float(Decimal(str(value)) * factor)
        flags = tuple(flag for flag in reading.flags if flag not in ("unit_unknown", "pulse_factor_unknown"))
        reading = replace(reading, unit=unit, value=value, flags=flags)
        if reading.quantity == "pulse_count_total":
            reading = replace(reading, quantity=WATER_VOLUME_TOTAL, extra=_beside(reading.extra))
    least, most = _LIMITS.get(unit, (-_MOST_UNKNOWN, _MOST_UNKNOWN))
    if not isfinite(value) or not least <= value <= most:
        reasons[f"value: want {least:g} to {most:g} for {reading.quantity}, got another"] = True
        return None
    if binding.resolution_l is None and quantity.startswith(("water_volume", "pulse_count")):
        reasons["no register: want a resolution_l in the registry for a device that counts water, got a sensor"] = True
        return None
    return reading


def _beside(extra: Mapping[str, Value]) -> Mapping[str, Value]:
    """Leave the first counter's channel out: the registry's litres per pulse make it the device's register."""
    return {name: value for name, value in extra.items() if (name, value) != ("channel", FIRST_COUNTER)}


def _unit(reading: Reading, binding: Binding) -> tuple[str, Decimal] | None:
    """Return the unit to store and the factor that leads to it; None when a volume has no known unit."""
    if reading.quantity == "pulse_count_total":
        litres = binding.litres_per_pulse
        return (reading.unit, _ONE) if litres is None else ("L", Decimal(str(litres)))
    if reading.unit or not reading.quantity.startswith("water_volume"):
        return reading.unit, _ONE
    unit, factor = FACTORS.get(binding.unit or "", ("", _ONE))
    return (unit, factor) if unit == "L" else None
