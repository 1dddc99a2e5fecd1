"""wmbusmeters: wireless M-Bus (OMS) water meters, decoded to JSON by the program of that name.

Source: wmbusmeters/wmbusmeters, ``README.md``, ``drivers/src/*.xmq`` and ``src/driver_*.cc`` (August 2026), and the
add-on wmbusmeters/wmbusmeters-ha-addon, which publishes on the meter's *name* and retained.  The device is therefore
the field ``id``; the name is free text and never stored, nor are the constant fields of the user (address, city).

How this works: all drivers of water meters give the register as ``total_m3``.  Other volumes (``target_m3``,
``*_at_date_m3``, ``*_history_*``) are readings of an earlier day, and ``max_flow_m3h`` is the greatest flow of an
earlier period: none of them is read.  ``timestamp`` is the receiver's clock in UTC; ``meter_datetime`` and
``device_date_time`` are the meter's clock without a zone and are only passed on as `meter_time_local`.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from msgspec.structs import replace

from ingest.devices import DeviceMemory, Format, Played, Sample, Unreadable
from ingest.devices._wmbus_alarms import alarm_flags
from ingest.measures import convert, plain, plausible, rfc3339, zulu
from ingest.readings import WATER_VOLUME_TOTAL, Reading, Value
from ingest.strict_json import parse_object, show

_WATER = frozenset({"water", "cold water", "warm water", "hot water"})
_FAULTY_HEADERS = ("radio converter", "bus/system component")
"""Media that some radio modules send in place of the meter's own (driver emerlin868)."""
_OF_HEAT = re.compile(r"energy|_(?:kwh|mwh|mj|gj|hca|kw)$", re.ASCII)
"""Keys of heat meters and cost allocators, whose radio modules do the same (driver qheatv2)."""

_NO_VOLUME_M3 = frozenset(map(Decimal, ("80000", "-0.001", "-32.768", "-2147483.648")))
"""What drivers print for "not available" [m³]: an empty store, and signed integers with only the top bit set."""
_NO_FLOW_M3H = frozenset(map(Decimal, ("-32.768", "-2147483.648")))
_MOST_M3 = Decimal(10_000_000)
_MOST_M3H = Decimal(1_000)
_ROLLOVER_M3 = Decimal(100_000)
"""Usual register size, eight digits of litres: a new meter turned back by 1 L shows 99999.999 (driver hydrodigit)."""

_TEMPERATURE = re.compile(r"(?:(min|max)_)?(flow|external)_temperature(?:_last_(day|month|year))?(?:_c)?", re.ASCII)
_PLACES = {"flow": "water", "external": "ambient"}
_NO_TEMPERATURE_C = frozenset(map(Decimal, ("127", "-100", "-32.768")))
_COLDEST_C, _HOTTEST_C = -60, 120
_FIRST_ADDRESS = 70_000_000
"""Radio addresses of simulated meters: eight digits."""

_ID = re.compile(r"[0-9A-Za-z._:-]{1,64}", re.ASCII)
_LOCAL_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)", re.ASCII)
_TELEGRAM = re.compile(rb"\s*[|b]?[0-9A-Fa-f]{2}[46]4[0-9A-Fa-f|_]{16,}\s*", re.ASCII)
"""A raw telegram as hex: length, then the C field (44 or 64), then manufacturer and address (EN 13757-4)."""


def matches(topic: str) -> bool:
    """Tell whether `topic` is of the shape in wmbusmeters' README or of its Home Assistant add-on."""
    return topic.startswith("wmbusmeters/")


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Tell whether `payload` looks like wmbusmeters' JSON, or like the raw telegram of a gateway, on any topic."""
    if _TELEGRAM.fullmatch(payload):
        return True
    named = b'"meter"' in payload or b'"driver"' in payload
    return payload.lstrip()[:1] == b"{" and named and all(name in payload for name in (b'"media"', b'"id"'))


def decode(
    topic: str,  # noqa: ARG001  every format has the same signature
    payload: bytes,
    received_at: datetime,
    retain: bool,
    memory: DeviceMemory,  # noqa: ARG001
) -> list[Reading]:
    """Read one message: the register, and what else a meter says now.

    Raises
    ------
    Unreadable
        Not wmbusmeters' JSON (a raw or encrypted telegram, an alarm text), or no id, or a value of the wrong kind.
    """
    if _TELEGRAM.fullmatch(payload):
        raise Unreadable("payload: want wmbusmeters' JSON, got a raw telegram in hex: let wmbusmeters decode it first")
    fields = parse_object(payload)
    device = fields.get("id")
    if not isinstance(device, str) or not _ID.fullmatch(device):
        raise Unreadable(f"id: want a text of 1 to 64 letters and digits, got {show(device)}")
    if not _is_household_water(fields, device):
        return []
    time, flags = _time(fields, received_at, retain)
    complaints: list[str] = []
    readings = _values(fields, device, time, flags, complaints)
    if "time_zone_missing" in flags:
        local = {"time_local": str(fields["timestamp"]).replace(" ", "T")}
        readings = [replace(one, extra={**one.extra, **local}) for one in readings]
    if complaints:
        raise Unreadable("; ".join(complaints), device=device, readings=readings)
    return readings


def _is_household_water(fields: Mapping[str, object], device: str) -> bool:
    media = fields.get("media")
    if not isinstance(media, str):
        raise Unreadable(f"media: want a text such as water, got {show(media)}", device=device)
    if media.lower().startswith(_FAULTY_HEADERS):
        return not any(_OF_HEAT.search(key) for key in fields)
    return media.lower() in _WATER


def _time(fields: Mapping[str, object], received_at: datetime, retain: bool) -> tuple[datetime | None, tuple[str, ...]]:
    """Return the receiver's time; None with flags when it has none to trust."""
    retained = ("retained",) if retain else ()
    stamp = fields.get("timestamp")
    if stamp in (None, ""):
        return None, ("time_missing", *retained)
    try:
        time = rfc3339(stamp)
    except ValueError:
        if isinstance(stamp, str) and _LOCAL_TIME.fullmatch(stamp):
            return None, ("time_zone_missing", *retained)
        return None, ("implausible_time", *retained)  # "2000-00-00 00:00": the register is good all the same
    if not plausible(time, received_at):
        return None, ("implausible_time", *retained)
    return time, ()  # a retained copy with a time of its own is the same reading once more


def _values(
    fields: Mapping[str, object], device: str, time: datetime | None, flags: tuple[str, ...], complaints: list[str]
) -> list[Reading]:
    total_m3 = _number(fields, "total_m3", complaints)
    if total_m3 is not None and total_m3 in _NO_VOLUME_M3:
        total_m3 = None
    if total_m3 is not None and not 0 <= total_m3 <= _MOST_M3:
        complaints.append(f"total_m3: want 0 to {_MOST_M3}, got {show(total_m3)}")
        total_m3 = None
    alarms = alarm_flags(fields)
    if total_m3 is None:
        readings = [Reading(device, "available", True, "bool", time, (*flags, "no_reading", *alarms))]
    else:
        rollover = ("counter_rollover_possible",) if _ROLLOVER_M3 * 99 / 100 <= total_m3 < _ROLLOVER_M3 else ()
        litres, extra = convert(total_m3, "m3"), _meter_time(fields)
        readings = [Reading(device, WATER_VOLUME_TOTAL, litres, "L", time, (*flags, *rollover, *alarms), extra)]
    return readings + [
        Reading(device, quantity, value, unit, time, flags + more, extra)
        for quantity, value, unit, more, extra in _side_values(fields)
    ]


def _side_values(fields: Mapping[str, object]) -> list[tuple[str, Value, str, tuple[str, ...], Mapping[str, Value]]]:
    """Return flow, temperatures and battery; what is not available or of another kind is left out silently."""
    found: list[tuple[str, Value, str, tuple[str, ...], Mapping[str, Value]]] = []
    for key in ("volume_flow_m3h", "flow_m3h"):
        flow = _number(fields, key)
        if flow is not None and flow not in _NO_FLOW_M3H and abs(flow) <= _MOST_M3H:
            found.append(("water_flow", convert(flow, "m3/h"), "L/h", (), {}))
            break
    channels: dict[str, Value] = {}
    for key in fields:
        name = _TEMPERATURE.fullmatch(key) if "temperature" in key else None
        celsius = _number(fields, key) if name else None
        if name and celsius is not None and celsius not in _NO_TEMPERATURE_C and _COLDEST_C <= celsius <= _HOTTEST_C:
            extreme, place, period = name.groups()
            channels.setdefault("_".join(filter(None, (_PLACES[place], extreme, period))), plain(celsius))
    found += [("temperature", value, "Cel", (), {"channel": channel}) for channel, value in channels.items()]
    battery = _number(fields, "battery_pct")
    if battery is not None and 0 <= battery <= 100:
        low = ("battery_low",) if battery < 20 else ()
        found.append(("battery", plain(battery), "%", low, {}))
    return found


def _number(fields: Mapping[str, object], key: str, complaints: list[str] | None = None) -> Decimal | None:
    """Return the number under `key`; null and an absent key mean "not available", anything else is complained of."""
    value = fields.get(key)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    if value is not None and complaints is not None:
        complaints.append(f"{key}: want a number, got {show(value)}")
    return None


def _meter_time(fields: Mapping[str, object]) -> dict[str, Value]:
    for key in ("meter_datetime", "device_datetime", "device_date_time"):
        found = _LOCAL_TIME.fullmatch(str(fields.get(key)))
        if found:
            return {"meter_time_local": f"{found[1]}T{found[2]}"}
    return {}


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:
    """Write the message of a cold-water meter `device` whose register showed `litres` at `at`.

    Parameters
    ----------
    device : str
        Radio address, digits. [-]
    at : datetime
        Time of reception (aware); wmbusmeters writes whole seconds.
    litres : float
        Register [L]; such meters send whole litres, so it is rounded.

    Returns
    -------
    topic, payload
        As wmbusmeters' README publishes them.
    """
    cubic_metres = plain(Decimal(str(litres)) / 1000)
    payload = (
        f'{{"_":"telegram","media":"cold water","meter":"iperl","name":"{device}","id":"{device}",'
        f'"total_m3":{cubic_metres},"timestamp":"{zulu(at.astimezone(UTC).replace(microsecond=0))}"}}'
    )
    return f"wmbusmeters/{device}", payload.encode()


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    fields: dict[str, object] = {"media": "cold water", "meter": "iperl", "name": device, "id": device}
    fields |= {"total_m3": None, "timestamp": zulu(at.astimezone(UTC).replace(microsecond=0))}
    return f"wmbusmeters/{device}", json.dumps(fields, separators=(",", ":")).encode()


def _charge(device: str, at: datetime, percent: float) -> tuple[str, bytes]:
    topic, payload = _alive(device, at)
    return topic, json.dumps({**json.loads(payload), "battery_pct": round(percent, 1)}, separators=(",", ":")).encode()


_README = b"""{"media":"cold water","meter":"multical21","name":"MyTapWater","id":"12345678","total_m3":6.388,
 "target_m3":6.377,"max_flow_m3h":0.000,"flow_temperature":8,"external_temperature":23,"current_status":"DRY",
 "time_dry":"22-31 days","timestamp":"2018-02-08T09:07:22Z"}"""
_README_TIME = datetime(2018, 2, 8, 9, 7, 22, tzinfo=UTC)

FORMAT = Format(
    name="wmbusmeters",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    gateway=("wmbusmeters/#",),
    played=Played(named=lambda home: f"{_FIRST_ADDRESS + home:08d}", step_l=1.0, alive=_alive, charge=_charge),
    samples=(
        Sample(
            source="wmbusmeters/wmbusmeters: README.md, keys of older releases",
            topic="wmbusmeters/MyTapWater",
            payload=_README,
            readings=(
                Reading("12345678", WATER_VOLUME_TOTAL, 6388, "L", _README_TIME, ("meter_alarm:dry",)),
                Reading("12345678", "temperature", 8, "Cel", _README_TIME, (), {"channel": "water"}),
                Reading("12345678", "temperature", 23, "Cel", _README_TIME, (), {"channel": "ambient"}),
            ),
        ),
        Sample(
            source="wmbusmeters/wmbusmeters: tests/test_analyze.sh, a telegram that could not be decrypted",
            topic="gateway/7",
            payload=b'{"media":"cold water","meter":"multical21","name":"","id":"76348799","status":null,'
            b'"total_m3":null,"target_m3":null,"timestamp":"1111-11-11T11:11:11Z"}',
            readings=(Reading("76348799", "available", True, "bool", None, ("implausible_time", "no_reading")),),
        ),
        Sample(
            source="wmbusmeters/wmbusmeters: drivers/src/izarv2.xmq, a leak that is over",
            topic="wmbusmeters/IzarWater6",
            payload=b'{"_":"telegram","media":"water","meter":"izarv2","name":"IzarWater6","id":"48500375",'
            b'"total_m3":521.602,"target_m3":519.147,"status":"PREV_LEAKAGE","timestamp":"2021-11-20T07:00:00Z"}',
            readings=(
                Reading(
                    "48500375",
                    WATER_VOLUME_TOTAL,
                    521602,
                    "L",
                    datetime(2021, 11, 20, 7, tzinfo=UTC),
                    ("meter_alarm_past:leak",),
                ),
            ),
        ),
        Sample(
            source="broken: a gateway that passes the telegram on in hex (the telegram is of drivers/src/izarv2.xmq)",
            topic="wmbus/raw",
            payload=b"1944304C72242421D401A2013D4013DD8B46A4999C1293E582CC",
            rejected="raw telegram",
        ),
        Sample(
            source="broken: the register as text",
            topic="wmbusmeters/x",
            payload=b'{"media":"water","meter":"iperl","id":"33225544","total_m3":"12.5",'
            b'"timestamp":"2024-03-03T18:37:00Z"}',
            readings=(
                Reading(
                    "33225544", "available", True, "bool", datetime(2024, 3, 3, 18, 37, tzinfo=UTC), ("no_reading",)
                ),
            ),
            rejected="total_m3: want a number, got '12.5'",
        ),
    ),
)
