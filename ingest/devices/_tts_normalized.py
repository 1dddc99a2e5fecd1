"""The Things Stack's own vocabulary: what it makes of devices that its device repository knows.

Source: TheThingsNetwork/lorawan-devices ``lib/payload.json`` and its pull requests #800 (leak, motion, contact, battery) and
#828 (metering, water temperature); TheThingsIndustries/lorawan-stack-docs
``doc/content/integrations/payload-formatters/javascript/uplink``.

A list of measurements, each an object of objects, each perhaps with its own ``time``: ``metering.water.total`` [L],
``water.leak``, ``water.temperature.current`` [°C], ``action.motion.{detected,count}``, ``action.contactState``
(open, closed), ``battery`` [V], ``air.{temperature,relativeHumidity}``.  Soil, wind, rain and positions are none of our
business.  A count of motions is what was counted since the report before; where ``detected`` stands beside it, that is
the state and the count is a counter.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace

from ingest.devices._lorawan import Found, Uplink
from ingest.measures import plain, plausible, rfc3339
from ingest.readings import WATER_VOLUME_TOTAL
from ingest.strict_json import show

_MOST_MEASUREMENTS = 250
"""Measurements of one uplink: it has 242 bytes at most (LoRaWAN Regional Parameters). [-]"""
_PAST = timedelta(minutes=10)
"""A measurement that is older than this when the network hears it was kept back: history, not news."""
_MOST_COUNT = 10**6


def read(payload: object, uplink: Uplink) -> list[Found]:
    """Return what a normalized payload says: a list of measurements, or one of them.

    Parameters
    ----------
    payload
        ``normalized_payload``; nothing, if the device is not in the repository.
    uplink : Uplink
        Its `complaints` get what could not be read.
    """
    items = payload if isinstance(payload, list) else [] if payload is None else [payload]
    found: list[Found] = []
    if len(items) > _MOST_MEASUREMENTS:
        uplink.complaints.append(
            f"normalized_payload: want at most {_MOST_MEASUREMENTS} measurements, got {len(items)}"
        )
    for item in items[:_MOST_MEASUREMENTS]:
        if isinstance(item, dict):
            found += _timed(item, uplink)
        else:
            uplink.complaints.append(f"normalized_payload: want objects, got {show(item)}")
    return found


def _timed(item: Mapping[str, object], uplink: Uplink) -> Iterator[Found]:
    if item.get("time") is None:
        yield from _values(item, uplink)
        return
    try:
        time = rfc3339(item["time"])
    except ValueError as error:
        uplink.complaints.append(f"normalized_payload: time: {error}")
        return
    if not plausible(time, uplink.received_at):
        for one in _values(item, uplink):
            yield replace(one, flags=(*one.flags, "implausible_time"))
        return
    past = ("history",) if uplink.network_time - time > _PAST else ()
    for one in _values(item, uplink):
        yield replace(one, flags=(*past, *one.flags), time=time)


def _values(item: Mapping[str, object], uplink: Uplink) -> Iterator[Found]:
    total = _number(_at(item, "metering", "water", "total"))
    if total is not None and 0 <= total < 10**10:
        yield Found(WATER_VOLUME_TOTAL, plain(total), "L")
    leak = _at(item, "water", "leak")
    if isinstance(leak, bool):
        yield Found("water_leak", leak, "bool")
    elif leak not in (None, ""):  # some public normalizers write "" where there is none
        uplink.complaints.append(f"normalized_payload: water.leak: want true or false, got {show(leak)}")
    yield from _motion(_at(item, "action", "motion"))
    contact = _at(item, "action", "contactState")
    if contact in ("open", "closed"):
        yield Found("contact_open", contact == "open", "bool")
    elif contact is not None:
        uplink.complaints.append(f"normalized_payload: contactState: want open or closed, got {show(contact)}")
    outside = {"channel": "outdoor"} if _at(item, "air", "location") == "outdoor" else {}
    yield from _within("temperature", "Cel", _at(item, "air", "temperature"), -60, 100, outside)
    yield from _within("humidity", "%RH", _at(item, "air", "relativeHumidity"), 0, 100, outside)
    water = {"channel": "water"}
    yield from _within("temperature", "Cel", _at(item, "water", "temperature", "current"), -60, 100, water)
    volts = _number(item.get("battery"))
    if volts is not None:  # some normalizers forget the factor of a thousand
        volts = volts / 1000 if volts >= 1000 else volts
        yield from _within("battery_voltage", "V", volts, Decimal("0.5"), 20, {})


def _motion(motion: object) -> Iterator[Found]:
    if not isinstance(motion, dict):
        return
    detected, count = motion.get("detected"), _number(motion.get("count"))
    counted = int(count) if count is not None and 0 <= count < _MOST_COUNT and count == int(count) else None
    if isinstance(detected, bool):
        yield Found("motion", detected, "bool", (), {} if counted is None else {"count": counted})
    elif counted is not None:
        yield Found("motion", counted > 0, "bool", ("interval_count",), {"count": counted})


def _within(
    quantity: str, unit: str, value: object, least: Decimal | int, most: int, extra: Mapping[str, str]
) -> Iterator[Found]:
    amount = _number(value)
    if amount is not None and least <= amount <= most:
        yield Found(quantity, plain(amount), unit, (), extra)


def _number(value: object) -> Decimal | None:
    return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None


def _at(fields: object, *path: str) -> object:
    for name in path:
        fields = fields.get(name) if isinstance(fields, dict) else None
    return fields
