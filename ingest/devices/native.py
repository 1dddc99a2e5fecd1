"""Our own format, version 1: for gateways that are made for Shuian, and for the simulators.

Topic ``{prefix}/v1/{site}/{device}/{up|status}``; the prefix may have several levels, site and device are pseudonyms.
``up`` (QoS 1, never retained) carries measurements, a day batch of them if need be; ``status`` (retained, set by last
will) carries ``online`` or ``offline``.  Names and units follow SenML (RFC 8428); times are RFC 3339 with an offset.

How this works: the format is strict, since its senders can be mended.  A message that breaks the rules as a whole is
refused; one bad measurement in a batch is named and the others are kept.  Unknown names of fields are ignored and never
stored; unknown *quantities* are kept, flagged `meaning_unknown`, and judged by nobody.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from msgspec.structs import replace

from ingest.devices import DeviceMemory, Format, Played, Sample, Unreadable
from ingest.devices._native_measurement import measurement
from ingest.measures import MOST_AHEAD, PLAUSIBLE_FROM, milliseconds, plain, rfc3339, zulu
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import MOST_BYTES, parse, parse_object, show

MOST_MEASUREMENTS = 1_500
"""Measurements in one message: a day of minutes has 1,440, a fortnight of quarter-hours 1,344. [-]"""
MOST_ALARMS = 50

_FLEET = ("shuian", "fleet")
"""Prefix and site of simulated devices."""
_ABOVE = "{}/v1/{}".format(*_FLEET)
_TOPIC = re.compile(r"(?:[^+#\0]+/)?v1/([^/+#\0]+)/([^/+#\0]+)/(up|status)")
_PSEUDONYM = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,63}", re.ASCII)
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_ALARMS = frozenset(
    [
        "leak",
        "burst",
        "dry",
        "blocked",
        "underflow",
        "backflow",
        "continuous_flow",
        "battery_low",
        "temporary_error",
        "not_measuring",
    ]
)


_Time = tuple[datetime | None, tuple[str, ...]]
"""A device's own time, None when arrival must stand in, and the flags that say why."""
_MISSING: _Time = (None, ("time_missing",))
_IMPLAUSIBLE: _Time = (None, ("implausible_time",))


def matches(topic: str) -> bool:
    """Tell whether `topic` is one of ours."""
    return _TOPIC.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Return False: on a foreign topic nobody knows whose message it is."""
    return False


def decode(
    topic: str,
    payload: bytes,
    received_at: datetime,
    retain: bool,
    memory: DeviceMemory,  # noqa: ARG001  every format has the same signature
) -> list[Reading]:
    """Read one message of ours.

    Raises
    ------
    Unreadable
        With the device and the good measurements, whenever anything breaks the rules of the format.
    """
    found = _TOPIC.fullmatch(topic)
    device = found[2] if found else ""
    if found is None or not _PSEUDONYM.fullmatch(device):
        raise Unreadable(f"topic: want a device of 1 to 64 letters, digits and . _ : -, got {show(device)}")
    try:
        if found[3] == "status":
            return _status(device, payload, received_at, retain)
        return _up(device, parse_object(payload), received_at, retain)
    except Unreadable as error:
        raise Unreadable(str(error), device=device, readings=error.readings) from None


def _up(device: str, fields: Mapping[str, object], received_at: datetime, retain: bool) -> list[Reading]:
    _head(device, fields)
    message_id = fields.get("id")
    items = fields.get("measurements", [])
    if not isinstance(items, list):
        raise Unreadable(f"measurements: want a list, got {show(items)}")
    if len(items) > MOST_MEASUREMENTS:
        raise Unreadable(f"measurements: want at most {MOST_MEASUREMENTS}, got {len(items)}: send them in parts")
    complaints: list[str] = []
    common = _time(fields.get("time"), received_at)
    if common[0] and fields.get("time_quality") == "unsynchronized":
        common = _IMPLAUSIBLE
    readings = _measured(device, items, common, received_at, retain, complaints)
    readings += _battery(device, fields, common, retain, complaints)
    if not readings and not complaints:
        flags = _stamp(common[1], ("no_reading",), retain)
        readings = [Reading(device, "available", True, "bool", common[0], flags)]
    readings = _with_alarms(readings, fields, complaints)
    if isinstance(message_id, str):
        readings = [one if one.time is not None else _with_id(one, message_id) for one in readings]
    if complaints:
        raise Unreadable("; ".join(complaints[:20]), readings=readings)
    return readings


def _measured(
    device: str, items: list[object], common: _Time, received_at: datetime, retain: bool, complaints: list[str]
) -> list[Reading]:
    """Return the readings of `items`; `common` is the message's time, for those that have none."""
    latest, readings = received_at + MOST_AHEAD, list[Reading]()
    for place, item in enumerate(items):
        try:
            quantity, value, unit, flags, extra = measurement(item)
            own = item.get("time")  # type: ignore[attr-defined]  # `measurement` has refused what is no object
            time, time_flags = common if own is None else _own_time(own, latest)
        except Unreadable as error:
            complaints.append(f"measurements[{place}]: {error}")
            continue
        if retain or time_flags:
            flags = _stamp(time_flags, flags, retain)
        readings.append(Reading(device, quantity, value, unit, time, flags, extra))
    return readings


def _head(device: str, fields: Mapping[str, object]) -> None:
    """Check what says whose message this is, and of which version."""
    schema, claimed, message_id = fields.get("schema"), fields.get("device"), fields.get("id")
    if schema not in (None, "shuian/v1") and not (isinstance(schema, str) and re.fullmatch(r"(.*/)?v1", schema)):
        raise Unreadable(f"schema: want a text that ends in /v1, got {show(schema)}")
    if claimed is not None and claimed != device:
        raise Unreadable(f"device: want the device of the topic, got {show(claimed)}")
    if message_id is not None and not (isinstance(message_id, str) and _MESSAGE_ID.fullmatch(message_id)):
        raise Unreadable(f"id: want a text of 1 to 128 printable ASCII characters, got {show(message_id)}")


def _time(text: object, received_at: datetime) -> _Time:
    return _MISSING if text is None else _own_time(text, received_at + MOST_AHEAD)


def _own_time(text: object, latest: datetime) -> _Time:
    """Return the time that `text` names, if it lies between the first plausible one and `latest`."""
    try:
        time = rfc3339(text)
    except ValueError as error:
        raise Unreadable(f"time: {error}") from None
    return (time, ()) if PLAUSIBLE_FROM <= time <= latest else _IMPLAUSIBLE


def _stamp(time_flags: tuple[str, ...], flags: tuple[str, ...], retain: bool) -> tuple[str, ...]:
    return (*(("retained",) if retain else ()), *time_flags, *flags)


def _battery(
    device: str,
    fields: Mapping[str, object],
    common: tuple[datetime | None, tuple[str, ...]],
    retain: bool,
    complaints: list[str],
) -> list[Reading]:
    percent = fields.get("battery_percent")
    if percent is None:
        return []
    if isinstance(percent, bool) or not isinstance(percent, int | Decimal) or not 0 <= percent <= 100:
        complaints.append(f"battery_percent: want a number from 0 to 100, got {show(percent)}")
        return []
    low = ("battery_low",) if percent < 20 else ()
    return [Reading(device, "battery", plain(Decimal(percent)), "%", common[0], _stamp(common[1], low, retain))]


def _with_alarms(readings: list[Reading], fields: Mapping[str, object], complaints: list[str]) -> list[Reading]:
    """Return `readings` with the present alarms on the newest register, or on the first reading if there is none."""
    alarms = fields.get("alarms", [])
    if alarms == []:
        return readings
    if not isinstance(alarms, list) or len(alarms) > MOST_ALARMS or not all(isinstance(word, str) for word in alarms):
        complaints.append(f"alarms: want a list of at most {MOST_ALARMS} words, got {show(alarms)}")
        return readings
    words = (
        "tamper" if word == "tamper" else f"meter_alarm:{word if word in _ALARMS else 'unknown'}" for word in alarms
    )
    flags = tuple(dict.fromkeys(words))
    if not readings or not flags:
        return readings
    totals = [place for place, reading in enumerate(readings) if reading.quantity == WATER_VOLUME_TOTAL]
    far_past = datetime.min.replace(tzinfo=UTC)
    bearer = max(totals, key=lambda place: readings[place].time or far_past, default=0)
    marked = replace(readings[bearer], flags=readings[bearer].flags + flags)
    return [*readings[:bearer], marked, *readings[bearer + 1 :]]


def _with_id(reading: Reading, message_id: str) -> Reading:
    """Return `reading` with the message's id, which is what tells two messages without a device time apart."""
    return replace(reading, extra={**reading.extra, "message_id": message_id})


def _status(device: str, payload: bytes, received_at: datetime, retain: bool) -> list[Reading]:
    """Read ``online`` or ``offline``: a bare word, a JSON text, or an object with ``status`` and perhaps ``time``."""
    word: object = payload.decode("ascii", "replace").strip()
    time: datetime | None = None
    flags: tuple[str, ...] = ("time_missing",)
    if word not in ("online", "offline"):
        word = parse(payload)
        if isinstance(word, dict):
            time, flags = _time(word.get("time"), received_at)
            word = word.get("status")
    if word not in ("online", "offline"):
        raise Unreadable(f"status: want online or offline, got {show(word)}")
    return [Reading(device, "available", word == "online", "bool", time, _stamp(flags, (), retain))]


def encode(
    prefix: str,
    site: str,
    device: str,
    message_id: str,
    readings: Sequence[tuple[datetime, float]],
    *,
    battery_percent: float | None = None,
    alarms: Sequence[str] = (),
) -> tuple[str, bytes]:
    """Write one ``up`` message with registers of one device, a day batch for instance.

    Parameters
    ----------
    prefix, site, device : str
        Parts of the topic.
    message_id : str
        Makes redelivery harmless where a reading has no time.
    readings : sequence of (datetime, float)
        Time (aware) and register [L], rounded to millilitres.  Each becomes one measurement with its own time; the
        message carries the last one's.
    battery_percent : float, optional
        [%]
    alarms : sequence of str, optional
        Words of the format, such as ``leak``.

    Returns
    -------
    topic, payload

    Raises
    ------
    ValueError
        No readings, more than `MOST_MEASUREMENTS`, or more than fit into a payload that is read.
    """
    if not 1 <= len(readings) <= MOST_MEASUREMENTS:
        raise ValueError(f"want 1 to {MOST_MEASUREMENTS} readings, got {len(readings)}")
    message: dict[str, object] = {
        "schema": "shuian/v1",
        "device": device,
        "id": message_id,
        "time": zulu(readings[-1][0]),
        "measurements": [
            {"quantity": WATER_VOLUME_TOTAL, "value": plain(Decimal(str(litres))), "unit": "L", "time": zulu(time)}
            for time, litres in readings
        ],
    }
    if battery_percent is not None:
        message["battery_percent"] = plain(Decimal(str(battery_percent)))
    if alarms:
        message["alarms"] = list(alarms)
    payload = json.dumps(message, separators=(",", ":")).encode()
    if len(payload) > MOST_BYTES:
        raise ValueError(f"want at most {MOST_BYTES} bytes, got {len(payload)}: send fewer readings at once")
    return f"{prefix}/v1/{site}/{device}/up", payload


def _write(device: str, said: Sequence[tuple[datetime, float]], _: float) -> list[tuple[str, bytes]]:
    if len(said) > 1:
        return [encode(*_FLEET, device, f"{device}-{milliseconds(said[-1][0])}", said)]
    return [_short(device, *said[0])]


def _short(device: str, at: datetime, litres: float) -> tuple[str, bytes]:
    """Write what `encode` writes of one reading, in a third of the time: most messages of a fleet are these."""
    whole = round(litres, 3)
    value = int(whole) if whole == int(whole) else whole
    time = at.isoformat(timespec="milliseconds" if at.microsecond else "seconds").replace("+00:00", "Z")
    payload = (
        f'{{"schema":"shuian/v1","device":"{device}","id":"{device}-{milliseconds(at)}","time":"{time}","measurements":'
        f'[{{"quantity":"water_volume_total","value":{value},"unit":"L","time":"{time}"}}]}}'
    )
    return f"{_ABOVE}/{device}/up", payload.encode()


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    fields = {"schema": "shuian/v1", "device": device, "time": zulu(at), "measurements": [], "battery_percent": 91}
    return f"{_ABOVE}/{device}/up", json.dumps(fields, separators=(",", ":")).encode()


def _charge(device: str, at: datetime, percent: float) -> tuple[str, bytes]:
    fields = {"schema": "shuian/v1", "device": device, "time": zulu(at), "battery_percent": round(percent, 1)}
    return f"{_ABOVE}/{device}/up", json.dumps(fields, separators=(",", ":")).encode()


_AT_SIX = datetime(2026, 11, 21, 6, tzinfo=UTC)
_TOTAL = Reading("wm-7640", WATER_VOLUME_TOTAL, 82184, "L", _AT_SIX, ("meter_alarm:leak",))
_UP = b"""{"schema":"shuian/v1","device":"wm-7640","id":"7f6f3f0e","time":"2026-11-21T06:00:00Z",
"measurements":[{"quantity":"water_volume_total","value":82.184,"unit":"m3"},
{"quantity":"water_volume_delta","value":14,"unit":"L","time":"2026-11-21T05:00:00Z","interval":"PT1H"},
{"quantity":"water_flow","value":0,"unit":"L/h"},{"quantity":"contact","value":"open"},
{"quantity":"motion","value":true,"time":"2026-11-21T05:58:12Z"}],
"alarms":["leak"],"battery_percent":91,"time_quality":"synchronized"}"""

FORMAT = Format(
    name="native",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    writes=("shuian/v1/+/{device}/up", "shuian/v1/+/{device}/status"),
    played=Played(message_id="id", alive=_alive, charge=_charge, write=_write),
    samples=(
        Sample(
            source="this format's own specification: every kind of measurement once",
            topic="home/v1/north/wm-7640/up",
            payload=_UP,
            readings=(
                _TOTAL,
                Reading(
                    "wm-7640",
                    "water_volume_delta",
                    14,
                    "L",
                    datetime(2026, 11, 21, 5, tzinfo=UTC),
                    (),
                    {"interval": "PT1H"},
                ),
                Reading("wm-7640", "water_flow", 0, "L/h", _AT_SIX),
                Reading("wm-7640", "contact_open", True, "bool", _AT_SIX),
                Reading("wm-7640", "motion", True, "bool", datetime(2026, 11, 21, 5, 58, 12, tzinfo=UTC)),
                Reading("wm-7640", "battery", 91, "%", _AT_SIX),
            ),
        ),
        Sample(
            source="this format's own specification: a last will, found at subscribing",
            topic="city/district/v1/north/wm-7640/status",
            payload=b'{"status":"offline"}',
            readings=(Reading("wm-7640", "available", False, "bool", None, ("retained", "time_missing")),),
            retain=True,
        ),
        Sample(
            source="broken: numbers as text in one of two measurements",
            topic="home/v1/north/wm-7640/up",
            payload=b'{"time":"2026-11-21T06:00:00Z","alarms":["leak"],"measurements":['
            b'{"quantity":"water_flow","value":"0","unit":"L/h"},'
            b'{"quantity":"water_volume_total","value":82184,"unit":"L"}]}',
            readings=(_TOTAL,),
            rejected="measurements[0]: value: want a finite number, got '0'",
        ),
        Sample(
            source="broken: a number that JSON does not have",
            topic="home/v1/north/wm-7640/up",
            payload=b'{"measurements":[{"quantity":"water_volume_total","value":NaN,"unit":"L"}]}',
            rejected="want finite numbers, got NaN",
        ),
    ),
)
