"""Zigbee2MQTT: motion, doors, leaks, calls for help, valves and water meters behind a Zigbee gateway.

Source: Koenkk/zigbee2mqtt.io ``docs/guide/usage/mqtt_topics_and_messages.md``; Koenkk/zigbee2mqtt
``lib/extension/availability.ts`` (July 2026); the issues named at the samples.

How this works.  ``zigbee2mqtt/<name>`` carries a device's state as JSON (`_zigbee_state`), with ``output: attribute`` each
key on a topic of its own; ``…/availability`` and ``bridge/state`` (retained) say who can be reached; ``bridge/devices``
(retained) says in which units (`_zigbee_devices`).  The device is its friendly name, which may hold blanks, slashes and any
letters.  There is no time unless the gateway is told to add ``last_seen``.  That a gateway is offline says nothing of a
device, and less of a person.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable
from ingest.devices._zigbee_devices import MOST_BYTES, learn
from ingest.devices._zigbee_state import KEYS, State, read
from ingest.measures import EPOCH, plain, plausible, rfc3339, zulu
from ingest.readings import Reading
from ingest.strict_json import parse, parse_object, show

_TOPIC = re.compile(r"(?:[^/]*/)*?zigbee2mqtt[^/]*/(.+)", re.DOTALL | re.IGNORECASE)
"""The base topic is a setting: ``zigbee2mqtt``, its capitals, a number behind it for a second gateway, a house in front of it."""
_MOST_NAME = 128
_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?", re.ASCII)
_EPOCH_MS = re.compile(r"\d{13}", re.ASCII)

Time = tuple[datetime | None, tuple[str, ...]]


def matches(topic: str) -> bool:
    """Tell whether `topic` lies below a base topic of Zigbee2MQTT's usual name."""
    return _TOPIC.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:
    """Tell whether `payload` is a device's state below a base topic of another name, such as ``z2m/door``."""
    return "/" in topic and payload.lstrip()[:1] == b"{" and b'"linkquality"' in payload


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read one message: a state, a key of one, who can be reached; or learn from the gateway's list of devices.

    Raises
    ------
    Unreadable
        With the device and what could be read, when a key has a value of the wrong kind, or it is no message of these.
    """
    found = _TOPIC.fullmatch(topic)
    rest = found[1] if found else topic.partition("/")[2]
    name, _, last = rest.rpartition("/")
    if rest == "bridge/devices":
        learn(payload, memory)
        return []
    if rest == "bridge/state" or (name and last == "availability"):
        return _reachable(_device(name), payload, retain)
    if not payload or rest.startswith("bridge/") or last in ("set", "get") or "/set/" in rest or "/get/" in rest:
        return []  # a cleared topic, the gateway's own affairs, and commands to devices
    if payload.lstrip()[:1] == b"{":
        fields = _fields(rest, payload)
        return _state(State(_device(rest), fields, received_at, memory, retain, whole=True))
    if name:
        fields = {last: _text(payload)} if last in KEYS else {}
        return _state(State(_device(name), fields, received_at, memory, retain, whole=False))
    raise Unreadable(f"payload: want a JSON object, got {show(_text(payload))}", device=_device(rest))


def _device(name: str) -> str:
    if not 1 <= len(name) <= _MOST_NAME or not name.isprintable():
        raise Unreadable(f"topic: want a name of 1 to {_MOST_NAME} printable characters, got {show(name)}")
    return name


def _fields(device: str, payload: bytes) -> dict[str, object]:
    try:
        return parse_object(payload, nul=True)  # issue #21432: a device's own dates end in NUL
    except Unreadable as error:
        raise Unreadable(str(error), device=_device(device)) from None


def _text(payload: bytes) -> str:
    return payload.decode("utf-8", "replace").strip()


def _state(state: State) -> list[Reading]:
    found, complaints = read(state)
    time, flags = _time(state.fields.get("last_seen"), state.received_at)
    local = {"time_local": str(state.fields["last_seen"]).replace(" ", "T")} if "time_zone_missing" in flags else {}
    flags = (*(("retained",) if state.retain else ()), *flags)
    readings = [Reading(state.device, f.quantity, f.value, f.unit, time, (*f.flags, *flags), local) for f in found]
    if complaints:
        raise Unreadable("; ".join(complaints), device=state.device, readings=readings)
    return readings


def _time(seen: object, received_at: datetime) -> Time:
    """Return ``last_seen``: off by default, ISO 8601 in UTC or local with offset, or milliseconds, by setting."""
    if seen is None or seen == "":
        return None, ("time_missing",)
    if isinstance(seen, int | Decimal) and not isinstance(seen, bool):
        seen = str(seen)
    if not isinstance(seen, str):
        return None, ("implausible_time",)
    try:
        time = EPOCH + timedelta(milliseconds=int(seen)) if _EPOCH_MS.fullmatch(seen) else rfc3339(seen)
    except ValueError:
        return None, ("time_zone_missing" if _LOCAL_TIME.fullmatch(seen) else "implausible_time",)
    return (time, ()) if plausible(time, received_at) else (None, ("implausible_time",))


def _reachable(device: str, payload: bytes, retain: bool) -> list[Reading]:
    """Read online or offline: an object, or before release 2 the bare word.  Always state: it tells of the past 25 h."""
    word: object = _text(payload)
    if not word:
        return []
    if word not in ("online", "offline"):
        word = parse(payload)
        word = word.get("state") if isinstance(word, dict) else word
    if word not in ("online", "offline"):
        raise Unreadable(f"state: want online or offline, got {show(word)}", device=device)
    flags = ("retained", "time_missing") if retain else ("time_missing",)
    return [Reading(device, "available", word == "online", "bool", None, flags)]


def encode(device: str, at: datetime, litres: float) -> tuple[str, bytes]:
    """Write the message of a water meter `device` whose register showed `litres` at `at`.

    The number on the wire is in litres, without saying so, as such gateways do: the registry's ``unit`` must be ``L``.

    Parameters
    ----------
    device : str
        Friendly name.
    at : datetime
        ``last_seen`` (aware), to the millisecond.
    litres : float
        Register [L], rounded to millilitres.

    Returns
    -------
    topic, payload
    """
    return encode_state(device, at, water_consumed=plain(Decimal(str(litres))))


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    return encode_state(device, at, battery=91)


def _charge(device: str, at: datetime, percent: float) -> tuple[str, bytes]:
    return encode_state(device, at, battery=round(percent, 1))


def encode_state(device: str, at: datetime, **state: Any) -> tuple[str, bytes]:
    """Write the message of any `device`: keys and values as the gateway sends them, such as ``contact=False``.

    Returns
    -------
    topic, payload
        ``last_seen`` is `at` (aware), to the millisecond.
    """
    whole = at.replace(microsecond=at.microsecond // 1000 * 1000)
    fields: Mapping[str, Any] = {**state, "last_seen": zulu(whole), "linkquality": 120}
    return f"zigbee2mqtt/{device}", json.dumps(fields, separators=(",", ":")).encode()


FORMAT = Format(
    name="zigbee2mqtt",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    sensors=True,
    most_bytes=MOST_BYTES,
    gateway=("zigbee2mqtt/#",),
    played=Played(unit="L", alive=_alive, charge=_charge),
    samples=(
        Sample(
            source="Koenkk/zigbee2mqtt.io: docs/guide/usage/mqtt_topics_and_messages.md, motion and nothing else",
            topic="zigbee2mqtt/RTCGQ01LM",
            payload=b'{"occupancy": true}',
            readings=(Reading("RTCGQ01LM", "occupancy", True, "bool", None, ("time_missing",)),),
        ),
        Sample(
            source="Koenkk/zigbee2mqtt issue #270: light that brings the motion of before along",
            topic="zigbee2mqtt/0x00158d0002000000",
            payload=b'{"illuminance": 122, "occupancy": true}',
            readings=(
                Reading("0x00158d0002000000", "occupancy", True, "bool", None, ("cached_state", "time_missing")),
            ),
        ),
        Sample(
            source="Koenkk/zigbee2mqtt issue #31727: a call for help, last_seen with a local offset",
            topic="zigbee2mqtt/0xa4c1389960000000",
            payload=b'{"action":"emergency","battery":100,"last_seen":"2026-04-17T23:33:22+08:00","linkquality":18}',
            readings=(
                Reading("0xa4c1389960000000", "sos", True, "event", datetime(2026, 4, 17, 15, 33, 22, tzinfo=UTC)),
                Reading("0xa4c1389960000000", "battery", 100, "%", datetime(2026, 4, 17, 15, 33, 22, tzinfo=UTC)),
            ),
        ),
        Sample(
            source="Koenkk/zigbee2mqtt issue #21773: the gateway, found at subscribing",
            topic="zigbee2mqtt/bridge/state",
            payload=b'{"state":"online"}',
            readings=(Reading("bridge", "available", True, "bool", None, ("retained", "time_missing")),),
            retain=True,
        ),
        Sample(
            source="broken: a door that is neither open nor closed",
            topic="zigbee2mqtt/hall/door",
            payload=b'{"battery":90,"contact":"ajar"}',
            readings=(Reading("hall/door", "battery", 90, "%", None, ("time_missing",)),),
            rejected="contact: want true or false, got 'ajar'",
        ),
    ),
)
