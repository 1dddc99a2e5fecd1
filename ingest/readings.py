"""The words of this room: what one device said at one moment.

A `Reading` is what a reader in `ingest.devices` understands of a message; a `StoredReading` is what `ingest.quality`
let through and `ingest.store` keeps.  Values are kept as whole thousandths of their unit (millilitres for litres), so
that adding up a register never drifts.

They are msgspec's structs, since every message makes some: a tenth of what a frozen dataclass takes to make, and of no
concern to the garbage collector.  `msgspec.structs.replace` returns a changed copy.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

WATER_VOLUME_TOTAL = "water_volume_total"
"""Cumulative register of a water meter. [L]"""

Value = bool | int | float | str


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One value of one quantity, as understood from a message.

    `value` is None when a number came whose unit nobody knows (flag `unit_unknown`; the number is in ``extra["raw"]``).
    `time` is the device's own time (aware UTC) or None when the arrival time must stand in.  `extra` carries what only
    some quantities have: ``channel``, ``interval`` (ISO 8601), ``meter_time_local``, ``time_local``, ``raw``.
    """

    device: str
    quantity: str
    value: Value | None
    unit: str
    time: datetime | None
    flags: tuple[str, ...] = ()
    extra: Mapping[str, Value] = msgspec.field(default_factory=dict)


class StoredReading(msgspec.Struct, frozen=True, gc=False):
    """One row of the store.

    `measured_ms` and `received_ms` are milliseconds since 1970-01-01 UTC; `value` is in thousandths of the quantity's
    unit (booleans: 0 or 1000).  Key: (device, quantity, measured_ms).
    """

    device: str
    quantity: str
    measured_ms: int
    value: int
    received_ms: int
    flags: tuple[str, ...] = ()


class Reject(msgspec.Struct, frozen=True, gc=False):
    """A message, or one reading of it, that may not be stored, and why.

    `payload` is kept for inspection (cut to 4 KiB) unless the household gave no consent: then it stays empty and only
    `size` and `digest` (SHA-256, first 16 hex digits) are kept.
    """

    topic: str
    reason: str
    received_ms: int
    payload: bytes
    size: int
    digest: str
