"""Tasmota: home-built pulse counters on old meters, and what else such a board has on its pins.

Source: tasmota/docs ``docs/{MQTT,DeepSleep,Commands}.md`` (August 2026); arendst/Tasmota ``xsns_01_counter.ino`` and its
change log; hhaim/hass (a counter after a restart); ioBroker/ioBroker.sonoff issue #4 (firmware of 2017).

Topics ``tele/{device}/{SENSOR|STATE|LWT}``, ``stat/{device}/STATUS8`` and ``stat/{device}/POWER`` in the usual order; the order is a setting, so
``tele`` may also stand behind the device or behind a house.

How this works.  ``COUNTER.C1`` counts pulses: the registry's ``litres_per_pulse`` makes litres of them.  It is kept at
midnight and at a clean restart only; after a power cut it goes back, at worst to 0, which is marked here, and any other
fall is seen beside the reading before (`ingest.register`).  A counter with decimals is a duration (CounterType 1) and is
left out.  A counter that is reset at each report (SetOption79) cannot be told from a total: leave that option off.
``Time`` is the board's local clock; with an offset (SetOption52) or ``Epoch`` the moment is known, else arrival stands in.
A board in deep sleep publishes retained and is offline between its reports: `available` of it says little.  Names and
addresses of the Wi-Fi network are never stored.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable, _tasmota_nested
from ingest.measures import EPOCH, plain, plausible, rfc3339, zulu
from ingest.readings import Reading, Value
from ingest.strict_json import parse_object, show

_KINDS = frozenset(
    [
        "SENSOR",
        "STATE",
        "LWT",
        "RESULT",
        "STATUS8",
        "STATUS10",
        "STATUS11",
        "INFO1",
        "INFO2",
        "INFO3",
        "UPTIME",
        "WAKEUP",
    ]
) | set(_tasmota_nested.RECEIVED)
_MOST_NAME = 128
_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?", re.ASCII)
"""Releases from 2025 on write milliseconds."""
_UPTIME = re.compile(r"0T00:0[0-4]:\d\d", re.ASCII)
_OFFSET_WITHOUT_COLON = re.compile(r"([+-]\d\d)(\d\d)$", re.ASCII)
_COUNTER = re.compile(r"C[1-9]\d?", re.ASCII)
_OLD_COUNTER = re.compile(r"Counter([1-9]\d?)", re.ASCII)
_SWITCH = re.compile(r"Switch[1-9]\d?", re.ASCII)
_REPORT = re.compile(rb'\s*\{\s*"Time"\s*:\s*"\d{4}-')
_RELAY = re.compile(r"POWER([1-9]\d?)?", re.ASCII)
_SIZE = 2**32
"""Counters are unsigned 32-bit numbers: after the last one comes 0."""
_PREFIXES = frozenset({"tele", "stat", "cmnd"})
_MOST_SENSORS = 50


def matches(topic: str) -> bool:
    """Tell whether `topic` is one of Tasmota's, in whatever order its parts are."""
    return _place(topic) is not None


def _place(topic: str) -> tuple[str, str, str] | None:
    """Return prefix, device and kind: ``tele/water/SENSOR``, ``water/tele/SENSOR`` or ``house/tele/water/SENSOR``."""
    *levels, kind = topic.split("/")
    small = [level.lower() for level in levels]  # how a prefix is written is a setting
    for prefix in ("tele", "stat"):
        if (kind in _KINDS or (prefix == "stat" and _RELAY.fullmatch(kind))) and prefix in small:
            at = small.index(prefix)
            device = "/".join(levels[at + 1 :] or levels[:at])
            return (prefix, device, kind) if device else None
    return None


def sniff(topic: str, payload: bytes) -> bool:
    """Tell whether this is a report or a last will of a board whose full topic was written without its prefix."""
    *levels, kind = topic.split("/")
    if not any(levels) or not _PREFIXES.isdisjoint(level.lower() for level in levels):
        return False
    if kind == "LWT":
        return payload in (b"Online", b"Offline")
    return kind in ("SENSOR", "STATE") and _REPORT.match(payload) is not None


def decode(
    topic: str,
    payload: bytes,
    received_at: datetime,
    retain: bool,
    memory: DeviceMemory,  # noqa: ARG001  every format has the same signature
) -> list[Reading]:
    """Read one message of a board.

    Raises
    ------
    Unreadable
        With the device: not JSON, or a word that is neither Online nor Offline.
    """
    bare, _, last = topic.rpartition("/")
    prefix, device, kind = _place(topic) or ("tele", bare, last)
    if not 1 <= len(device) <= _MOST_NAME or not device.isprintable():
        raise Unreadable(f"topic: want a device of 1 to {_MOST_NAME} printable characters, got {show(device)}")
    kept = ("retained",) if retain else ()
    if not payload or kind in ("INFO1", "INFO2", "UPTIME", "WAKEUP"):
        return []  # a cleared topic, and the board's own affairs
    if kind == "LWT":
        return [_reachable(device, payload, kept)]
    if _RELAY.fullmatch(kind):
        return [_relay(device, kind, payload, kept)]
    try:
        fields = parse_object(payload)
        fields = _unwrapped(fields, kind)
    except Unreadable as error:
        raise Unreadable(str(error), device=device) from None
    time, flags, extra = _time(fields, received_at)
    blank = Reading(device, "available", True, "bool", time, (*kept, *flags), extra)
    nested = _tasmota_nested.read({kind: fields} if kind in _tasmota_nested.RECEIVED else fields, blank)
    if nested or (prefix == "stat" and kind not in ("STATUS8", "STATUS10", "STATUS11")) or kind == "RESULT":
        return nested  # answers to commands say again what the reports say
    if kind in ("STATE", "STATUS11", "INFO3"):
        return _state(fields, blank, kind)
    return [_with(blank, *one) for one in _values(fields)] or [_with(blank, "available", True, "bool", ("no_reading",))]


def _unwrapped(fields: dict[str, object], kind: str) -> dict[str, object]:
    key = {"STATUS8": "StatusSNS", "STATUS10": "StatusSNS", "STATUS11": "StatusSTS", "INFO3": "Info3"}.get(kind)
    inner = fields.get(key, fields) if key else fields
    if not isinstance(inner, dict):
        raise Unreadable(f"{key}: want an object, got {show(inner)}")
    return inner


def _reachable(device: str, payload: bytes, kept: tuple[str, ...]) -> Reading:
    word = payload.decode("utf-8", "replace").strip()
    if word.lower() not in ("online", "offline"):
        raise Unreadable(f"LWT: want Online or Offline, got {show(word)}", device=device)
    return Reading(device, "available", word.lower() == "online", "bool", None, (*kept, "time_missing"))


def _relay(device: str, relay: str, payload: bytes, kept: tuple[str, ...]) -> Reading:
    """Read a relay's bare word, which is said at once when it is switched; its words are a setting (StateText)."""
    word = payload.decode("utf-8", "replace").strip()
    if word.upper() not in ("ON", "OFF"):
        raise Unreadable(f"{relay}: want ON or OFF, got {show(word)}", device=device)
    extra = {"channel": relay} if relay != "POWER" else {}
    return Reading(device, "switch", word.upper() == "ON", "bool", None, (*kept, "time_missing"), extra)


def _time(
    fields: Mapping[str, object], received_at: datetime
) -> tuple[datetime | None, tuple[str, ...], Mapping[str, Value]]:
    """Return the moment, flags, and the board's local clock where that is all it says."""
    epoch, text = fields.get("Epoch"), fields.get("Time")
    if isinstance(epoch, int) and not isinstance(epoch, bool) and 0 < epoch < _SIZE:
        time = EPOCH + timedelta(seconds=epoch)
        return (time, (), {}) if plausible(time, received_at) else (None, ("implausible_time",), {})
    if not isinstance(text, str) or not text:
        return None, ("time_missing",), {}
    try:
        time = rfc3339(_OFFSET_WITHOUT_COLON.sub(r"\1:\2", text))
    except ValueError:
        return _local(text, received_at)
    return (time, (), {}) if plausible(time, received_at) else (None, ("implausible_time",), {})


def _local(text: str, received_at: datetime) -> tuple[datetime | None, tuple[str, ...], Mapping[str, Value]]:
    """Judge a clock without a zone: before the first contact with a time server it says 1970."""
    try:
        set_right = _LOCAL_TIME.fullmatch(text) is not None and plausible(rfc3339(f"{text}Z"), received_at)
    except ValueError:
        set_right = False
    return (None, ("time_zone_missing",), {"time_local": text}) if set_right else (None, ("implausible_time",), {})


def _state(fields: Mapping[str, object], blank: Reading, kind: str) -> list[Reading]:
    """Read a heartbeat and the relays; a board that is up for less than five minutes has just started."""
    young = kind == "INFO3" or _UPTIME.fullmatch(str(fields.get("Uptime"))) is not None
    found = [_with(blank, "available", True, "bool", ("device_restart",) if young else ())]
    for key, value in fields.items():
        relay = _RELAY.fullmatch(key)
        if relay and value in ("ON", "OFF"):
            found.append(_with(blank, "switch", value == "ON", "bool", (), {"channel": key} if relay[1] else {}))
    return found


Value4 = tuple[str, Value, str, tuple[str, ...], Mapping[str, Value]]


def _with(
    blank: Reading,
    quantity: str,
    value: Value,
    unit: str,
    flags: tuple[str, ...] = (),
    extra: Mapping[str, Value] | None = None,
) -> Reading:
    return Reading(
        blank.device, quantity, value, unit, blank.time, (*blank.flags, *flags), {**blank.extra, **(extra or {})}
    )


def _values(fields: Mapping[str, object]) -> Iterator[Value4]:
    yield from _counters(fields)
    for key, value in fields.items():
        if _SWITCH.fullmatch(key) and value in ("ON", "OFF"):
            yield (
                "switch",
                value == "ON",
                "bool",
                ("meaning_unknown",),
                {"channel": key},
            )  # what it is wired to is not said
    yield from _climate(fields)


def _counters(fields: Mapping[str, object]) -> Iterator[Value4]:
    counters = fields.get("COUNTER")
    named = dict(counters) if isinstance(counters, dict) else {}
    for key, value in fields.items():  # firmware before 5.13 (2018)
        old = _OLD_COUNTER.fullmatch(key)
        named |= {f"C{old[1]}": value} if old else {}
    for name, value in named.items():
        if _COUNTER.fullmatch(name) and isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _SIZE:
            reset = () if value else ("counter_reset_possible",)
            yield "pulse_count_total", value, "count", ("pulse_factor_unknown", *reset), {"channel": name}


def _climate(fields: Mapping[str, object]) -> Iterator[Value4]:
    """Read temperature and humidity of each sensor; with several of them the sensor's name tells them apart."""
    sensors = {name: one for name, one in list(fields.items())[:_MOST_SENSORS] if isinstance(one, dict)}
    fahrenheit = fields.get("TempUnit") == "F"
    for key, quantity, unit, least, most in (
        ("Temperature", "temperature", "Cel", -60, 150),
        ("Humidity", "humidity", "%RH", 0, 100),
    ):
        measured = {name: one[key] for name, one in sensors.items() if _is_number(one.get(key))}
        for name, value in measured.items():
            number = Decimal(value)
            number = (number - 32) * 5 / 9 if fahrenheit and quantity == "temperature" else number
            extra = {"channel": name[:32]} if len(measured) > 1 else {}
            if least <= number <= most:  # -127 and 998: nothing on the pin
                yield quantity, plain(number), unit, (), extra


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def encode(device: str, at: datetime, litres: float, *, litres_per_pulse: float = 1.0) -> tuple[str, bytes]:
    """Write the report of a pulse counter `device` on a meter that showed `litres` at `at`.

    Parameters
    ----------
    device : str
        The board's topic.
    at : datetime
        Its clock (aware); whole seconds are sent, with an offset (SetOption52).
    litres : float
        Register [L]; full pulses are counted, modulo 2^32.
    litres_per_pulse : float, optional
        What the registry must say of the device.

    Returns
    -------
    topic, payload
        As Tasmota publishes them in its usual order.

    Raises
    ------
    ValueError
        A negative register, or a pulse of nothing.
    """
    if not litres >= 0 or not litres_per_pulse > 0:
        raise ValueError(f"want a register from 0 L and pulses above 0 L, got {litres} and {litres_per_pulse}")
    pulses = int(Decimal(str(litres)) / Decimal(str(litres_per_pulse))) % _SIZE
    local = zulu(at.astimezone(UTC).replace(microsecond=0)).replace("Z", "+00:00")
    return f"tele/{device}/SENSOR", json.dumps(
        {"Time": local, "COUNTER": {"C1": pulses}}, separators=(",", ":")
    ).encode()


def _write(device: str, said: Sequence[tuple[datetime, float]], pulse_l: float) -> list[tuple[str, bytes]]:
    return [encode(device, at, max(litres, 0.0), litres_per_pulse=pulse_l) for at, litres in said]


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    fields = {"Time": f"{at:%Y-%m-%dT%H:%M:%S}Z", "Wifi": {"RSSI": 60}}
    return f"tele/{device}/STATE", json.dumps(fields, separators=(",", ":")).encode()


FORMAT = Format(
    name="tasmota",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    writes=("tele/{device}/+", "stat/{device}/+"),
    reads=("cmnd/{device}/+",),
    played=Played(counts=True, alive=_alive, write=_write),
    samples=(
        Sample(
            source="hhaim/hass: comment of a custom component, 23 s after a restart",
            topic="tele/water_out/SENSOR",
            payload=b'{"Time":"2018-12-21T09:16:59","COUNTER":{"C1":0}}',
            readings=(
                Reading(
                    "water_out",
                    "pulse_count_total",
                    0,
                    "count",
                    None,
                    ("time_zone_missing", "pulse_factor_unknown", "counter_reset_possible"),
                    {"time_local": "2018-12-21T09:16:59", "channel": "C1"},
                ),
            ),
        ),
        Sample(
            source="tasmota/docs: docs/DeepSleep.md, with the moment told",
            topic="tele/tasmota/SENSOR",
            payload=b'{"Time":"2019-09-04T13:08:48","Epoch":1567595328,"ANALOG":{"A0":8}}',
            readings=(
                Reading(
                    "tasmota", "available", True, "bool", datetime(2019, 9, 4, 11, 8, 48, tzinfo=UTC), ("no_reading",)
                ),
            ),
        ),
        Sample(
            source="tasmota/docs: docs/MQTT.md, the last will, found at subscribing",
            topic="tele/tasmota_XXXXXX/LWT",
            payload=b"Offline",
            readings=(Reading("tasmota_XXXXXX", "available", False, "bool", None, ("retained", "time_missing")),),
            retain=True,
        ),
        Sample(
            source="tasmota/docs: docs/MQTT.md, the second relay was switched",
            topic="stat/tasmota_switch/POWER2",
            payload=b"OFF",
            readings=(
                Reading("tasmota_switch", "switch", False, "bool", None, ("time_missing",), {"channel": "POWER2"}),
            ),
        ),
        Sample(
            source="broken: a report that was cut off",
            topic="tele/water_out/SENSOR",
            payload=b'{"Time":"2018-12-21T09:16:59","COUNTER":{"C1":',
            rejected="payload: want JSON",
        ),
    ),
)
