"""What North American radio meters say, whoever hears them: Neptune R900 and Itron ERT.

Source: merbanan/rtl_433 ``src/devices/{neptune_r900,ert_scm,scmplus,ert_idm}.c``; bemasher/rtlamr wiki "Protocol" and
"Compatible-Meters", issues #251 and #285.

How this works.  An R900 counts tenths of a US gallon on most home registers, but hundredths of a cubic foot or thousandths of
a cubic metre on others, and does not say so: assumed and marked unless the registry gives a ``unit`` (of the dial), or
``litres_per_pulse`` (of one count).  ERT counts have no unit at all.  Leak and backflow codes are of the last 35 days and of
the last day; codes that do not exist, and 0xAAAAAA for the count, are what an old or an unread register sends.
"""

from collections.abc import Mapping
from decimal import Decimal

from ingest.devices._clock import Stamp
from ingest.devices._plain import Message
from ingest.devices._units import Unit, convert, unit
from ingest.measures import plain
from ingest.readings import WATER_VOLUME_TOTAL, Reading, Value

WATER_TYPES = frozenset({3, 11, 13})
"""Low four bits of an ERT endpoint's type that mean water; 4, 5, 7, 8 are electricity and 0, 1, 2, 9, 12 gas."""
UNREADABLE = 0xAAAAAA
"""What an R900 sends when it could not read its register."""
R900_SIZE = 2**24
"""Counts of an R900's register as rtlamr reads it."""
_R900_COUNTS = {"gal_us": "0.1", "ft3": "0.01", "m3": "0.001", "L": "1"}
"""Unit of the dial -> what one count of it is."""
_LEAK_DAYS = range(1, 7)
_LEAK_NOW = (1, 2)
_BACKFLOW = (1, 2)


def is_water(endpoint_type: object) -> bool:
    """Tell whether an ERT endpoint of this type (a number, or hex text such as 0xAB) counts water."""
    if isinstance(endpoint_type, str):
        try:
            endpoint_type = int(endpoint_type, 16 if endpoint_type.lower().startswith("0x") else 10)
        except ValueError:
            return False
    return isinstance(endpoint_type, int) and not isinstance(endpoint_type, bool) and endpoint_type & 15 in WATER_TYPES


def r900_alarms(leak: object, leak_now: object, backflow: object) -> tuple[str, ...]:
    """Return the flags of an R900's codes; those of no meaning are left out."""
    return (
        *(("meter_alarm:leak",) if leak_now in _LEAK_NOW else ()),
        *(("meter_alarm_past:leak",) if leak in _LEAK_DAYS else ()),
        *(("meter_alarm:backflow",) if backflow in _BACKFLOW else ()),
    )


def r900(device: str, count: Decimal, message: Message, stamp: Stamp, flags: tuple[str, ...]) -> Reading | None:
    """Return the register of an R900, None when it could not be read."""
    if count == UNREADABLE:
        return None
    rollover = ("counter_rollover_possible",) if R900_SIZE * 99 // 100 <= count < R900_SIZE else ()
    known = _counted(device, message)
    if known is None:
        said = message.memory.unit(device, message.received_at)
        dial = unit(said) if said in _R900_COUNTS else None
        factor = Decimal(_R900_COUNTS[said]) if said in _R900_COUNTS else Decimal("0.1")
        base = dial or unit("gal_us")
        assert base is not None  # both are known units
        known = Unit("L", base.factor * factor)
        flags = flags if dial else ("unit_assumed_gal_tenth", *flags)
    return register(device, count, known, message, stamp, (*flags, *rollover))


def counts(device: str, count: Decimal, message: Message, stamp: Stamp, flags: tuple[str, ...] = ()) -> Reading:
    """Return a register that counts in a unit which only the registry can say."""
    said = message.memory.unit(device, message.received_at)
    return register(device, count, _counted(device, message) or (unit(said) if said else None), message, stamp, flags)


def register(
    device: str,
    count: Decimal,
    known: Unit | None,
    message: Message,
    stamp: Stamp,
    flags: tuple[str, ...],
) -> Reading:
    """Return a register; without a unit its number is kept and no litres are made."""
    raw: Mapping[str, Value] = {**stamp.extra, "raw": plain(count)}
    litres = convert(count, known) if known else None
    unknown = () if known else ("unit_unknown",)
    all_flags = (*unknown, *flags, *message.kept, *stamp.flags)
    return Reading(device, WATER_VOLUME_TOTAL, litres, "L", stamp.time, all_flags, raw)


def _counted(device: str, message: Message) -> Unit | None:
    """Return what one count is worth by the registry."""
    litres = message.memory.litres_per_count(device, message.received_at)
    return None if litres is None else Unit("L", Decimal(str(litres)))
