"""Shelly: flood sensors, switches, inputs and water valves, of the second generation and later, and plain first ones.

Source: Shelly's API documentation of the second generation (MQTT, notifications, components; see `_shelly_components`) and
of the first (`_shelly_gen1`).

Topics ``{prefix}/events/rpc`` (notifications), ``{prefix}/status/{component}`` (if enabled), ``{prefix}/online`` (last will);
the first generation writes below ``shellies/{device}``.  The prefix is the device's own id unless somebody changed it; then
the id stands in ``src`` of its notifications and is remembered for its other topics.

How this works.  A notification brings the components that changed, and of them the keys that changed; ``ts`` is Unix time
(UTC) of a clock that may not be set yet.  A component on a topic of its own says when it changed only if it is a virtual
one.  Pushes of a button come as events; "sos" in the device's name makes them calls for help.  What changed without being
any of our business says that the device lives.  Answers to commands say again what the notifications say and are left out.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ingest import key_map
from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable, _shelly_components, _shelly_gen1
from ingest.devices._lorawan import Found, alive
from ingest.measures import EPOCH, plausible
from ingest.readings import Reading
from ingest.strict_json import parse_object, show

_RPC = re.compile(r"(.+)/events/rpc", re.DOTALL)
_STATUS = re.compile(
    r"(.+)/status/([a-z0-9_]+:\d{1,4}|sys|wifi|eth|cloud|mqtt|ble|ws|matter|zigbee|devicepower)", re.DOTALL
)
_ONLINE = re.compile(r"((?:.+/)?[A-Za-z0-9]+-[0-9A-Fa-f]{6,12})/online", re.DOTALL)
_OWN = re.compile(r"(?:.+/)?([A-Za-z0-9]+-[0-9A-Fa-f]{6,12})", re.DOTALL)
_GEN1 = re.compile(r"(?:.*/)?shellies/([^/]+)/(.+)", re.DOTALL)
_ALL = re.compile(r"(?:.*/)?shellies/(announce|command)")
_PUSH = re.compile(r"(single|double|triple|long)_push", re.ASCII)
_MOST_NAME = 64
_MOST_PARTS = 100


def matches(topic: str) -> bool:
    """Tell whether `topic` is one of Shelly's."""
    return _place(topic)[0] != ""


def _place(topic: str) -> tuple[str, str, str]:
    """Return kind, prefix or device, and the rest of the topic; kind is empty for foreign topics."""
    for kind, pattern in (("rpc", _RPC), ("status", _STATUS), ("gen1", _GEN1), ("online", _ONLINE), ("all", _ALL)):
        found = pattern.fullmatch(topic)
        if found:
            return kind, found[1], found[2] if pattern.groups > 1 else ""
    return "", "", ""


def sniff(topic: str, payload: bytes) -> bool:
    """Tell whether `payload` is a notification that a bridge carries on another topic, or the will of a renamed device."""
    if topic.endswith("/online"):
        return payload.strip() in (b"true", b"false")
    return payload.lstrip()[:1] == b"{" and b'"Notify' in payload and b'"params"' in payload and b'"src"' in payload


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read one message.

    Raises
    ------
    Unreadable
        With the device: not JSON, or a word that was not wanted.
    """
    kind, prefix, rest = _place(topic)
    if not kind and topic.endswith("/online"):
        kind, prefix = "online", topic.removesuffix("/online")
    if kind == "all":
        return []  # names and addresses of all devices, and commands to them
    device = _known(topic.removesuffix("/online") if kind == "gen1" and rest == "online" else prefix, memory)
    device = device.removeprefix("shellies/")
    try:
        if kind == "online" or (kind == "gen1" and rest == "online"):
            return [_stamped(_reachable(payload), _checked(device), None, ("time_missing",), retain=retain)]
        if kind == "status":
            return _component(rest, payload, _checked(device), received_at, retain, memory)
        if kind == "gen1":
            found = _first(rest, payload, _checked(device), memory)
            return [_stamped(one, device, None, ("time_missing",), retain=retain) for one in found]
        return _notification(payload, prefix, device, received_at, retain, memory)
    except Unreadable as error:
        raise Unreadable(str(error), device=error.device or device or None, readings=error.readings) from None


def _known(prefix: str, memory: DeviceMemory) -> str:
    """Return the device behind a prefix: what it called itself, an id in the prefix, or the prefix."""
    told = memory.fact(prefix, "shelly:src") if prefix else None
    own = _OWN.fullmatch(prefix)
    return told if isinstance(told, str) else own[1] if own else prefix


def _checked(device: object) -> str:
    if not isinstance(device, str) or not 1 <= len(device) <= _MOST_NAME or not device.isprintable():
        raise Unreadable(f"device: want a name of 1 to {_MOST_NAME} printable characters, got {show(device)}")
    return device


def _reachable(payload: bytes) -> Found:
    word = payload.decode("utf-8", "replace").strip().lower()
    if word not in ("true", "false"):
        raise Unreadable(f"online: want true or false, got {show(word)}")
    return Found("available", word == "true", "bool")


def _first(part: str, payload: bytes, device: str, memory: DeviceMemory) -> list[Found]:
    if not payload.strip() or part == "announce" or part.endswith("/command"):
        return []
    return _shelly_gen1.read(part, payload, device.lower(), memory.keys.of(device))


def _component(
    name: str, payload: bytes, device: str, received_at: datetime, retain: bool, memory: DeviceMemory
) -> list[Reading]:
    if not payload.strip():
        return []  # a cleared topic
    component = parse_object(payload)
    time, flags = _time(component.get("last_update_ts"), received_at)
    values, complaints = _values({name: component}, device, memory)
    readings = [_stamped(one, device, time, flags, retain=retain) for one in values]
    if complaints:
        raise Unreadable("; ".join(complaints), readings=readings)
    return readings


def _notification(
    payload: bytes, prefix: str, known: str, received_at: datetime, retain: bool, memory: DeviceMemory
) -> list[Reading]:
    fields = parse_object(payload)
    method, params = fields.get("method"), fields.get("params")
    if method not in ("NotifyStatus", "NotifyFullStatus", "NotifyEvent"):
        return []
    device = _checked(fields.get("src", known))
    if prefix and prefix != device and "src" in fields:
        memory.note(prefix, "shelly:src", device)
    if not isinstance(params, dict):
        raise Unreadable(f"params: want an object, got {show(params)}", device=device)
    time, flags = _time(params.get("ts"), received_at)
    if method == "NotifyEvent":
        events = params.get("events")
        found = _events(events if isinstance(events, list) else [], device, received_at)
        return [_stamped(one, device, time, flags, retain=retain) for one in found]
    values, complaints = _values(params, device, memory)
    readings = [_stamped(one, device, time, flags, retain=retain) for one in values]
    if complaints:
        raise Unreadable("; ".join(complaints[:20]), device=device, readings=readings)
    return readings


def _values(components: Mapping[str, object], device: str, memory: DeviceMemory) -> tuple[list[Found], tuple[str, ...]]:
    """Return what the components say, by the configuration first; a sign of life if nothing."""
    meanings = memory.keys.of(device)
    values = {name: one["value"] for name, one in components.items() if isinstance(one, dict) and "value" in one}
    direct = {name: one for name, one in meanings.items() if name in values}
    mapped, rest = (
        key_map.read(direct, values),
        key_map.read({name: one for name, one in meanings.items() if name not in values}, components),
    )
    found = [Found(*one) for one in (*mapped.values, *rest.values)]
    for name, component in list(components.items())[:_MOST_PARTS]:
        if isinstance(component, dict) and name not in direct:
            found += _shelly_components.read(name, component, device)
    heard = [one for one in found if one != alive()]  # what only says that the device lives adds nothing to a value
    return heard or [alive()], (*mapped.complaints, *rest.complaints)


def _events(events: Iterable[object], device: str, received_at: datetime) -> list[Found]:
    found = []
    for event in list(events)[:_MOST_PARTS]:
        word = event.get("event") if isinstance(event, dict) else None
        if not isinstance(event, dict) or not isinstance(word, str) or not _PUSH.fullmatch(word):
            continue
        component = event.get("component")
        named = isinstance(component, str) and 1 <= len(component) <= 32 and component.isprintable()
        extra = {"channel": str(component)} if named else {}
        call = "sos" in device.lower()
        time, _ = _time(event.get("ts"), received_at)
        found.append(
            Found("sos", True, "event", time=time) if call else Found("button", word, "event", (), extra, time)
        )
    return found or [alive()]


def _time(seconds: object, received_at: datetime) -> tuple[datetime | None, tuple[str, ...]]:
    if seconds is None:
        return None, ("time_missing",)
    if isinstance(seconds, bool) or not isinstance(seconds, int | Decimal) or not 0 < seconds < 2**32:
        return None, ("implausible_time",)
    time = EPOCH + timedelta(microseconds=int(Decimal(seconds) * 1_000_000))
    return (time, ()) if plausible(time, received_at) else (None, ("implausible_time",))


def _stamped(one: Found, device: str, time: datetime | None, flags: tuple[str, ...], *, retain: bool) -> Reading:
    if one.time is not None:
        time, flags = one.time, ()
    kept = ("retained",) if retain else ()
    return Reading(device, one.quantity, one.value, one.unit, time, (*kept, *one.flags, *flags), one.extra)


def encode(
    device: str,
    at: datetime,
    *,
    leak: bool | None = None,
    flow_l_h: float | None = None,
    litres: float | None = None,
) -> tuple[str, bytes]:
    """Write the notification of a flood sensor, or of a water valve that sees `flow_l_h` and has counted `litres`.

    Parameters
    ----------
    device : str
        Its id, such as ``shellyfloodg4-aabbccddeeff``; a valve is a ``neowatervalve-…``.
    at : datetime
        Its clock (aware).
    leak : bool, optional
        What a flood sensor says.
    flow_l_h : float, optional
        What a valve says. [L/h]
    litres : float, optional
        Register of a valve [L]; sent in m³ with six decimals.

    Returns
    -------
    topic, payload
        As Shelly publishes them with its own id as prefix.

    Raises
    ------
    ValueError
        Neither a leak nor a flow nor a register.
    """
    components: dict[str, object] = {}
    if leak is not None:
        components["flood:0"] = {"id": 0, "alarm": leak}
    if flow_l_h is not None:
        components["number:200"] = {"value": float(Decimal(str(flow_l_h)) / 60_000)}
    if litres is not None:
        components["object:200"] = {"value": {"counter": {"total": round(litres / 1000, 6)}}}
    if not components:
        raise ValueError("want a leak, a flow or a register, got none")
    return _notify(device, at, components)


def _write(device: str, said: Sequence[tuple[datetime, float]], _: float) -> list[tuple[str, bytes]]:
    return [encode(device, at, litres=max(litres, 0.0)) for at, litres in said]


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    return _notify(device, at, {"sys": {"cfg_rev": 7}})


def _notify(device: str, at: datetime, components: Mapping[str, object]) -> tuple[str, bytes]:
    """Write a notification of components, to the hundredth of a second."""
    params = {"ts": round(at.timestamp(), 2), **components}
    message = {"src": device, "dst": f"{device}/events", "method": "NotifyStatus", "params": params}
    return f"{device}/events/rpc", json.dumps(message, separators=(",", ":")).encode()


FORMAT = Format(
    name="shelly",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    sensors=True,
    writes=("{device}/events/rpc", "{device}/status/+", "{device}/online", "shellies/{device}/#"),
    played=Played(named=lambda home: f"neowatervalve-{home:012x}", only_so=True, alive=_alive, write=_write),
    samples=(
        Sample(
            source="home-assistant/core tests/components/shelly in the frame of Shelly's documentation: a flood",
            topic="shellyfloodg4-000000000000/events/rpc",
            payload=b'{"src":"shellyfloodg4-000000000000","dst":"shellyfloodg4-000000000000/events",'
            b'"method":"NotifyStatus","params":{"ts":1785000000.5,"flood:0":{"id":0,"alarm":true}}}',
            readings=(
                Reading(
                    "shellyfloodg4-000000000000",
                    "water_leak",
                    True,
                    "bool",
                    datetime(2026, 7, 25, 17, 20, 0, 500_000, tzinfo=UTC),
                ),
            ),
        ),
        Sample(
            source="Shelly's API reference of the first generation: a dry flood sensor, found at subscribing",
            topic="shellies/shellyflood-AABBCC/sensor/flood",
            payload=b"false",
            readings=(Reading("shellyflood-AABBCC", "water_leak", False, "bool", None, ("retained", "time_missing")),),
            retain=True,
        ),
        Sample(
            source="broken: a notification that was cut off",
            topic="shellyplus1pm-000000000000/events/rpc",
            payload=b'{"src":"shellyplus1pm-000000000000","method":"NotifyStatus","params":{"ts":16565',
            rejected="payload: want JSON",
        ),
    ),
)
