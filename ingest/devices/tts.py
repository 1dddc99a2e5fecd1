"""The Things Stack v3 (The Things Network and its hosted and own installations): LoRaWAN devices, as `chirpstack`.

Source: TheThingsIndustries/lorawan-stack-docs ``doc/content/integrations/{data-formats,mqtt}`` (April 2026);
thingsboard/data-converters ``VENDORS/*/ThingsStack*`` (messages as they came).

Topic ``v3/{application}@{tenant}/devices/{device id}/{up|join|down/…|location/solved|service/data}``; an installation of
one's own has no tenant.  QoS 0 only: what is sent while nobody listens is lost.  The device is the DevEUI in small letters,
or the device id where a device has no EUI.  Values that are 0, false or empty are left out of a message.

How this works.  ``uplink_message.received_at`` is the network's clock and the time of what an uplink says; without it the
application server's, and last a gateway's, which may be wrong.  ``normalized_payload`` is read first, then the bytes, then
the fields of the operator's decoder (`_lorawan_uplink`); a decoder that failed leaves only the bytes.  The battery that the
network asks for comes along in later uplinks, with its own time.  ``join`` is a restart; downlinks, positions and services
are the server's own affairs.  An uplink that somebody made in the console (``simulated``) is refused: a test is no leak.
An event copied from the console stands in a wrapper (``as.up.data.forward``) and is taken out of it.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable, _axioma_w1, _lorawan_uplink, _tts_normalized
from ingest.devices._lorawan import Found, Uplink, alive, battery
from ingest.measures import plain, plausible, rfc3339, zulu
from ingest.readings import WATER_VOLUME_TOTAL, Reading, Value
from ingest.strict_json import parse_object, show

_TOPIC = re.compile(r"(?:.*/)?v3/[^/]+/devices/([^/]+)/([a-z_/]+)", re.DOTALL)
_EUI = re.compile(r"[0-9A-Fa-f]{16}", re.ASCII)
_DEVICE_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", re.ASCII)
_CORRELATION = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_UPLINKS = ("uplink_message", "uplink_normalized")
_MOST_GATEWAYS = 50
_APPLICATION = "shuian"
"""The application under which simulated devices report."""


def matches(topic: str) -> bool:
    """Tell whether `topic` is a device's topic of The Things Stack."""
    return _TOPIC.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Tell whether `payload` is a message of The Things Stack v3 that a bridge carries on another topic."""
    kinds = (b'"uplink_message"', b'"uplink_normalized"', b'"join_accept"')
    return payload.lstrip()[:1] == b"{" and b'"end_device_ids"' in payload and any(kind in payload for kind in kinds)


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read one message of a device.

    Raises
    ------
    Unreadable
        With the device and what could be read: not JSON, no device, a simulated uplink, or a value of the wrong kind.
    """
    found = _TOPIC.fullmatch(topic)
    named = found[1] if found else None
    if found and not found[2].startswith(("up", "join")):
        return []
    try:
        fields = _unwrapped(parse_object(payload, nul=True))
    except Unreadable as error:
        owner = named.lower().removeprefix("eui-") if named else ""
        raise Unreadable(str(error), device=owner if _EUI.fullmatch(owner) else named) from None
    device, identity = _device(fields, named)
    if fields.get("simulated") is True:
        raise Unreadable("simulated: want what a device sent, got an uplink that was made by hand", device=device)
    key = next((one for one in (*_UPLINKS, "join_accept") if one in fields), "")
    if not key:
        return []
    message = fields[key]
    if not isinstance(message, dict):
        raise Unreadable(f"{key}: want an object, got {show(message)}", device=device)
    time, flags = _time(fields, message, received_at)
    if key == "join_accept":
        return [_reading(alive("device_restart"), device, time, flags, fields, retain=retain)]
    uplink = _uplink(message, identity, time, received_at, memory, device)
    values = _lorawan_uplink.read(uplink, _tts_normalized.read(message.get("normalized_payload"), uplink))
    if not any(one.quantity == "battery" for one in values):
        values += _charge(message.get("last_battery_percentage"), received_at)
    readings = [_reading(one, device, time, flags, fields, retain=retain) for one in values]
    if uplink.complaints:
        raise Unreadable("; ".join(uplink.complaints[:20]), device=device, readings=readings)
    return readings


def _unwrapped(fields: dict[str, object]) -> Mapping[str, object]:
    """Return the message in an event of the console, or the message itself."""
    inner = fields.get("data")
    return inner if "end_device_ids" not in fields and isinstance(inner, dict) else fields


def _device(fields: Mapping[str, object], named: str | None) -> tuple[str, str]:
    """Return the device, and its id for people, in which the model or SOS may stand."""
    ids = fields.get("end_device_ids")
    ids = ids if isinstance(ids, dict) else {}
    ident, eui = ids.get("device_id", named), ids.get("dev_eui")
    identity = ident if isinstance(ident, str) and _DEVICE_ID.fullmatch(ident) else ""
    if isinstance(eui, str) and _EUI.fullmatch(eui):
        return eui.lower(), identity
    if eui is None and identity:
        told = identity.lower().removeprefix("eui-")
        return told if _EUI.fullmatch(told) else identity, identity
    raise Unreadable(f"end_device_ids: want a dev_eui of 16 hex digits or a device_id, got {show(eui or ident)}")


def _time(
    fields: Mapping[str, object], message: Mapping[str, object], received_at: datetime
) -> tuple[datetime | None, tuple[str, ...]]:
    told = False
    for text in _times(fields, message):
        try:
            time = rfc3339(text)
        except ValueError:
            told = True
            continue
        if plausible(time, received_at):
            return time, ()
        told = True
    return None, ("implausible_time",) if told else ("time_missing",)


def _times(fields: Mapping[str, object], message: Mapping[str, object]) -> Iterator[object]:
    """Yield what the message says of its time, the best first: network, application server, gateways."""
    settings, gateways = message.get("settings"), message.get("rx_metadata")
    said = [message.get("received_at"), fields.get("received_at")]
    said += [settings.get("time")] if isinstance(settings, dict) else []
    for gateway in gateways[:_MOST_GATEWAYS] if isinstance(gateways, list) else []:
        said += [gateway.get("time"), gateway.get("received_at")] if isinstance(gateway, dict) else []
    return (one for one in said if one not in (None, ""))


def _uplink(
    message: Mapping[str, object],
    identity: str,
    time: datetime | None,
    received_at: datetime,
    memory: DeviceMemory,
    device: str,
) -> Uplink:
    complaints: list[str] = []
    port, text = message.get("f_port", 0), message.get("frm_payload") or ""
    port, data = _lorawan_uplink.frame(port, text, ("f_port", "frm_payload"), complaints)
    versions = message.get("version_ids")
    model = [versions.get(name) for name in ("brand_id", "model_id")] if isinstance(versions, dict) else []
    names = [name for name in (*model, identity) if isinstance(name, str)]
    decoded = message.get("decoded_payload")
    return Uplink(
        port,
        data,
        decoded if isinstance(decoded, dict) else {},
        " ".join(names).lower(),
        time,
        received_at,
        memory.unit(device, received_at),
        complaints,
        memory.keys.of(device, " ".join(names[:2]), *names),
    )


def _charge(said: object, received_at: datetime) -> list[Found]:
    """Read the answer to the network's own question for the battery: it is as old as it says."""
    percent = said.get("value") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(percent, int | Decimal) or isinstance(percent, bool):
        return []
    try:
        time = rfc3339(said.get("received_at"))
    except ValueError:
        return []
    found = battery(plain(Decimal(percent))) if plausible(time, received_at) and 0 <= percent <= 100 else []
    return [Found(one.quantity, one.value, one.unit, one.flags, one.extra, time) for one in found]


def _reading(
    one: Found,
    device: str,
    time: datetime | None,
    flags: tuple[str, ...],
    fields: Mapping[str, object],
    *,
    retain: bool,
) -> Reading:
    """Return `one` as this device's: by its own clock if it has one, else the network's."""
    if one.time is not None:
        time, flags = one.time, ()
    kept = ("retained",) if retain else ()
    extra: Mapping[str, Value] = one.extra
    idents = fields.get("correlation_ids")
    ident = idents[0] if time is None and isinstance(idents, list) and idents else None
    if isinstance(ident, str) and _CORRELATION.fullmatch(ident):
        extra = {**extra, "message_id": ident}
    return Reading(device, one.quantity, one.value, one.unit, time, (*kept, *one.flags, *flags), extra)


def encode(
    device: str,
    at: datetime,
    litres: float,
    *,
    batch: Sequence[tuple[datetime, float]] = (),
    normalized: bool = False,
    leak: bool = False,
) -> tuple[str, bytes]:
    """Write the uplink of an Axioma W1 `device` whose register showed `litres` at `at`.

    Parameters
    ----------
    device : str
        DevEUI, 16 hex digits.
    at : datetime
        The meter's clock and the network's (aware); the meter sends whole seconds.
    litres : float
        Register [L]; the meter shows whole litres.
    batch : sequence of (datetime, float), optional
        Registers of the hours before [L], as `_axioma_w1.frame` takes them.
    normalized : bool, optional
        Write the network's vocabulary and no bytes.
    leak : bool, optional
        What the meter says of a leak.

    Returns
    -------
    topic, payload
        As The Things Stack publishes them.

    Raises
    ------
    ValueError
        No EUI, or what the meter's frame cannot carry.
    """
    if not _EUI.fullmatch(device):
        raise ValueError(f"want a DevEUI of 16 hex digits, got {device!r}")
    frame = _axioma_w1.frame(at, litres, batch, 0x20 if leak else 0)
    if normalized:
        total = {"metering": {"water": {"total": int(litres)}}, "water": {"leak": leak}}
        return _message(device, at, {"f_port": 1, "normalized_payload": [total]})
    return _message(device, at, {"f_port": _axioma_w1.PORT, "frm_payload": base64.b64encode(frame).decode()})


def _write(device: str, said: Sequence[tuple[datetime, float]], _: float) -> list[tuple[str, bytes]]:
    return _axioma_w1.written(said, lambda at, litres, batch: encode(device, at, litres, batch=batch))


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    return _message(device, at, {"f_cnt": 1})


def _last_battery(device: str, at: datetime, percent: float) -> tuple[str, bytes]:
    """Write an uplink that brings the answer to the network's question for the battery along."""
    return _message(device, at, {"last_battery_percentage": {"value": round(percent, 1), "received_at": zulu(at)}})


def _message(device: str, at: datetime, said: Mapping[str, object]) -> tuple[str, bytes]:
    """Write an uplink around what it says."""
    ident, uplink = f"eui-{device.lower()}", {"received_at": zulu(at), **said}
    ids = {"device_id": ident, "application_ids": {"application_id": _APPLICATION}, "dev_eui": device.upper()}
    message = {"end_device_ids": ids, "received_at": zulu(at), "uplink_message": uplink}
    return f"v3/{_APPLICATION}@ttn/devices/{ident}/up", json.dumps(message, separators=(",", ":")).encode()


_IDS = (
    b'{"end_device_ids":{"device_id":"dev1","application_ids":{"application_id":"app1"},"dev_eui":"0004A30B001C0530"},'
)
_TOPIC_UP = "v3/app1@tenant1/devices/dev1/up"
_HEARD = datetime(2020, 2, 12, 15, 15, 45, 789585, tzinfo=UTC)
_NETWORK = b'"received_at":"2020-02-12T15:15:45.789585559Z"'

FORMAT = Format(
    name="tts",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    gateway=("v3/#",),
    played=Played(named=_axioma_w1.eui, only_so=True, step_l=1.0, alive=_alive, charge=_last_battery, write=_write),
    samples=(
        Sample(
            source="TheThingsIndustries/lorawan-stack-docs: doc/content/integrations/data-formats",
            topic=_TOPIC_UP,
            payload=_IDS + b'"received_at":"2020-02-12T15:15:46.014773143Z","uplink_message":{"f_cnt":1,'
            b'"frm_payload":"gkHe","decoded_payload":{"temperature":1.0,"luminosity":0.64},'
            b'"settings":{"time":"2020-02-12T15:15:45.787Z"},' + _NETWORK + b"}}",
            readings=(Reading("0004a30b001c0530", "temperature", 1, "Cel", _HEARD),),
        ),
        Sample(
            source="TheThingsNetwork/lorawan-devices: lib/payload.json, a meter in the network's vocabulary",
            topic="v3/app1/devices/dev1/up",
            payload=_IDS + b'"uplink_message":{"f_port":1,"normalized_payload":[{"metering":{"water":{"total":5342}},'
            b'"water":{"leak":true},"battery":3.64}],' + _NETWORK + b"}}",
            readings=(
                Reading("0004a30b001c0530", WATER_VOLUME_TOTAL, 5342, "L", _HEARD),
                Reading("0004a30b001c0530", "water_leak", True, "bool", _HEARD),
                Reading("0004a30b001c0530", "battery_voltage", 3.64, "V", _HEARD),
            ),
        ),
        Sample(
            source="TheThingsIndustries/lorawan-stack-docs: doc/content/integrations/data-formats, a join",
            topic=_TOPIC_UP.replace("/up", "/join"),
            payload=_IDS + b'"join_accept":{' + _NETWORK + b"}}",
            readings=(
                Reading("0004a30b001c0530", "available", True, "bool", _HEARD, ("no_reading", "device_restart")),
            ),
        ),
        Sample(
            source="broken: bytes that are no base64",
            topic=_TOPIC_UP,
            payload=_IDS + b'"uplink_message":{"f_port":100,"frm_payload":"DqA1XTA",' + _NETWORK + b"}}",
            readings=(Reading("0004a30b001c0530", "available", True, "bool", _HEARD, ("no_reading",)),),
            rejected="frm_payload: want base64, got 'DqA1XTA'",
        ),
        Sample(
            source="broken: an uplink that was made in the console",
            topic=_TOPIC_UP,
            payload=_IDS + b'"simulated":true,"uplink_message":{"decoded_payload":{"water_leak":true}}}',
            rejected="simulated: want what a device sent",
        ),
    ),
)
