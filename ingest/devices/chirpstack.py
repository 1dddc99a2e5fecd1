"""ChirpStack v4, and v3: the LoRaWAN server of many housing companies and towns, and what the devices behind it send.

Source: chirpstack/chirpstack-docs ``src/chirpstack/integrations/{mqtt,events}.md`` (July 2026).

Topic ``application/{application}/device/{devEui}/event/{up|status|join|…}``, with a prefix if one was configured; JSON
(an operator may choose Protobuf, which is refused with advice).  The device is the EUI in small letters.  ``time`` is the
gateway's or server's clock, with up to nine decimals; a clock in the payload is another one.  The names of tenant, device
and gateway and the place of the gateway are never stored.

How this works: ``up`` carries the device's bytes (``data``) and, only if the operator installed a codec, what that made of
them (``object``).  The bytes win where a maker's module knows them; else the object is read by its keys
(`_lorawan_uplink`).  ``status`` brings the battery, ``join`` a restart; ``log``, ``ack`` and the others are the server's own affairs: a
log of a wrong signature may be about a stranger's message.
"""

import base64
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate

from ingest.device_memory import DeviceMemory
from ingest.devices import Format, Played, Sample, Unreadable, _axioma_w1, _chirpstack_v3, _lorawan_uplink
from ingest.devices._lorawan import Found, Uplink, alive, battery
from ingest.measures import plain, plausible, rfc3339, zulu
from ingest.readings import WATER_VOLUME_TOTAL, Reading
from ingest.strict_json import parse_object, show

_TOPIC = re.compile(r"(?:.*/)?application/[^/]+/device/([0-9A-Fa-f]{16})/(?:(event|command)/)?([a-z]+)", re.DOTALL)
_EUI = re.compile(r"[0-9A-Fa-f]{16}", re.ASCII)
_DEDUPLICATION = re.compile(r"[\x21-\x7e]{1,64}", re.ASCII)
_APPLICATION = "00000000-0000-4000-8000-000000000000"
"""The application under which simulated devices report."""


def matches(topic: str) -> bool:
    """Tell whether `topic` is a device's topic of ChirpStack."""
    return _TOPIC.fullmatch(topic) is not None


def sniff(topic: str, payload: bytes) -> bool:  # noqa: ARG001  every format has the same signature
    """Tell whether `payload` is an event of ChirpStack v4 that a bridge carries on another topic."""
    v4 = b'"deviceInfo"' in payload and b'"devEui"' in payload
    v3 = b'"devEUI"' in payload and b'"applicationID"' in payload
    return payload.lstrip()[:1] == b"{" and (v4 or v3)


def decode(topic: str, payload: bytes, received_at: datetime, retain: bool, memory: DeviceMemory) -> list[Reading]:
    """Read one event of a device.

    Raises
    ------
    Unreadable
        With the device and what could be read: not JSON, no EUI, or a value of the wrong kind.
    """
    found = _TOPIC.fullmatch(topic)
    owner = found[1].lower() if found else None
    event = found and (found[3] if found[2] else _chirpstack_v3.KINDS.get(found[3], ""))
    if found and (found[2] == "command" or event not in ("up", "status", "join")):
        return []
    try:
        fields = parse_object(payload, nul=True)
        fields = _chirpstack_v3.as_v4(fields) if _chirpstack_v3.is_v3(fields) else fields
        device = _device(fields, owner)
    except Unreadable as error:
        advice = "" if payload.lstrip()[:1] == b"{" else ": ChirpStack must send JSON, not Protobuf (json=true)"
        raise Unreadable(f"{error}{advice}", device=owner) from None
    event = event or _event(fields)
    time, flags = _time(fields, received_at)
    complaints: list[str] = []
    values = []
    if event == "up":
        values = _lorawan_uplink.read(_uplink(fields, device, time, received_at, memory, complaints))
    elif event:
        values = _status(fields) if event == "status" else [alive("device_restart")]
    readings = [_reading(one, device, time, flags, fields, retain=retain) for one in values]
    if complaints:
        raise Unreadable("; ".join(complaints[:20]), device=device, readings=readings)
    return readings


def _device(fields: Mapping[str, object], owner: str | None) -> str:
    """Return the EUI in the message, or that of the topic."""
    info = fields.get("deviceInfo")
    eui = info.get("devEui", owner) if isinstance(info, dict) else owner
    if not isinstance(eui, str) or not _EUI.fullmatch(eui):
        raise Unreadable(f"devEui: want 16 hex digits, got {show(eui)}")
    return eui.lower()


def _event(fields: Mapping[str, object]) -> str:
    """Return which event this is, where no topic says it."""
    if "data" in fields or "object" in fields or "rxInfo" in fields:
        return "up"
    if "margin" in fields or "batteryLevel" in fields:
        return "status"
    return "" if "level" in fields or "devAddr" not in fields or "queueItemId" in fields else "join"


def _time(fields: Mapping[str, object], received_at: datetime) -> tuple[datetime | None, tuple[str, ...]]:
    if fields.get("time") in (None, ""):
        return None, ("time_missing",)
    try:
        time = rfc3339(fields["time"])
    except ValueError:
        return None, ("implausible_time",)
    return (time, ()) if plausible(time, received_at) else (None, ("implausible_time",))


def _uplink(
    fields: Mapping[str, object],
    device: str,
    time: datetime | None,
    received_at: datetime,
    memory: DeviceMemory,
    complaints: list[str],
) -> Uplink:
    port, text, decoded = fields.get("fPort", 0), fields.get("data") or "", fields.get("object")
    port, data = _lorawan_uplink.frame(port, text, ("fPort", "data"), complaints)
    info = fields.get("deviceInfo")
    told = [info.get(key) for key in ("deviceProfileName", "deviceName")] if isinstance(info, dict) else []
    names = [name for name in told if isinstance(name, str)]
    return Uplink(
        port,
        data,
        decoded if isinstance(decoded, dict) else {},
        " ".join(names).lower(),
        time,
        received_at,
        memory.unit(device, received_at),
        complaints,
        memory.keys.of(device, *names),
    )


def _status(fields: Mapping[str, object]) -> list[Found]:
    """Read the battery; a device on mains, or one that cannot measure, has none (older servers send 0 or -1 then)."""
    level = fields.get("batteryLevel")
    absent = fields.get("externalPowerSource") is True or fields.get("batteryLevelUnavailable") is True
    if absent or not isinstance(level, int | Decimal) or isinstance(level, bool):
        return [alive()]
    return (battery(plain(Decimal(level))) if 0 <= Decimal(level) <= 100 else []) or [alive()]


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
    kept, extra = ("retained",) if retain else (), one.extra
    ident = fields.get("deduplicationId")
    if time is None and isinstance(ident, str) and _DEDUPLICATION.fullmatch(ident):
        extra = {**extra, "message_id": ident}
    return Reading(device, one.quantity, one.value, one.unit, time, (*kept, *one.flags, *flags), extra)


def encode(
    device: str,
    at: datetime,
    litres: float,
    *,
    batch: Sequence[tuple[datetime, float]] = (),
    decoded: bool = False,
    status: int = 0,
) -> tuple[str, bytes]:
    """Write the uplink of an Axioma W1 `device` whose register showed `litres` at `at`.

    Parameters
    ----------
    device : str
        DevEUI, 16 hex digits.
    at : datetime
        The meter's clock and the network's (aware); the meter sends whole seconds.
    litres : float
        Register [L]; the meter counts whole litres and shows those that are full.
    batch : sequence of (datetime, float), optional
        Registers of the hours before [L], at most 16, oldest first, one storage period apart (see `_axioma_w1.frame`).
    decoded : bool, optional
        Also write what an installed codec would add (``object``).
    status : int, optional
        The meter's status byte: 0x20 leak, 0xA0 burst, 0x04 battery low.

    Returns
    -------
    topic, payload
        As ChirpStack v4 publishes them.

    Raises
    ------
    ValueError
        No EUI, or what the meter's frame cannot carry.
    """
    if not _EUI.fullmatch(device):
        raise ValueError(f"want a DevEUI of 16 hex digits, got {device!r}")
    data = _axioma_w1.frame(at, litres, batch, status)
    event: dict[str, object] = {
        "deduplicationId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{device} {at}")),
        "time": zulu(at),
        "deviceInfo": {"applicationId": _APPLICATION, "deviceProfileName": "Axioma W1", "devEui": device.lower()},
        "fPort": _axioma_w1.PORT,
        "data": base64.b64encode(data).decode(),
    }
    if decoded:
        event["object"] = {
            "CurrentTimestamp": int(at.timestamp()),
            "StatusCode": status,
            "CurrentVolume": int(litres) / 1000,
        }
    topic = f"application/{_APPLICATION}/device/{device.lower()}/event/up"
    return topic, json.dumps(event, separators=(",", ":")).encode()


def _write(device: str, said: Sequence[tuple[datetime, float]], _: float) -> list[tuple[str, bytes]]:
    return _axioma_w1.written(said, lambda at, litres, batch: encode(device, at, litres, batch=batch))


def _alive(device: str, at: datetime) -> tuple[str, bytes]:
    event = {"time": zulu(at), "deviceInfo": {"devEui": device.lower()}, "margin": 10, "batteryLevel": 91.0}
    topic = f"application/{_APPLICATION}/device/{device.lower()}/event/status"
    return topic, json.dumps(event, separators=(",", ":")).encode()


def _charge(device: str, at: datetime, percent: float) -> tuple[str, bytes]:
    topic, payload = _alive(device, at)
    return topic, payload.replace(b'"batteryLevel":91.0', f'"batteryLevel":{percent:.1f}'.encode())


_NAMES = b'"deviceInfo":{"tenantName":"ChirpStack","deviceName":"Test device","devEui":"0101010101010101"}'
_TOPIC_UP = "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/0101010101010101/event/up"
_HEARD = datetime(2022, 7, 18, 9, 34, 15, 775023, tzinfo=UTC)
_VENDOR_TIME = datetime(2019, 7, 22, 11, 37, 50, tzinfo=UTC)
_VENDOR_LITRES = accumulate((10727, 184, 185, 184, 184, 184, 185, 184, 184, 184, 184, 184, 184, 185, 185, 185))

FORMAT = Format(
    name="chirpstack",
    matches=matches,
    sniff=sniff,
    decode=decode,
    encode=encode,
    gateway=("application/#",),
    played=Played(
        named=_axioma_w1.eui,
        only_so=True,
        step_l=1.0,
        message_id="deduplicationId",
        alive=_alive,
        charge=_charge,
        write=_write,
    ),
    samples=(
        Sample(
            source="chirpstack/chirpstack-docs: src/chirpstack/integrations/events.md, bytes that nobody knows",
            topic=_TOPIC_UP,
            payload=b'{"deduplicationId":"3ac7e3c4-4401-4b8d-9386-a5c902f9202d",'
            b'"time":"2022-07-18T09:34:15.775023242+00:00",' + _NAMES + b',"fPort":1,"data":"qg=="}',
            readings=(Reading("0101010101010101", "available", True, "bool", _HEARD, ("no_reading", "raw_payload")),),
        ),
        Sample(
            source="aws-samples/aws-iot-core-lorawan and tago-io/decoders: the vendor's frame of the Axioma W1, in the "
            "envelope of chirpstack-docs",
            topic=_TOPIC_UP,
            payload=b'{"time":"2019-07-22T11:37:55+00:00",' + _NAMES + b',"fPort":100,'
            b'"data":"DqA1XTApNQAAMLY0XecpAAC4ALkAuAC4ALgAuQC4ALgAuAC4ALgAuAC5ALkAuQA="}',
            readings=(
                Reading(
                    "0101010101010101",
                    WATER_VOLUME_TOTAL,
                    13609,
                    "L",
                    _VENDOR_TIME,
                    ("batch", "meter_alarm:leak", "meter_alarm:temporary_error"),
                ),
                *(
                    Reading(
                        "0101010101010101",
                        WATER_VOLUME_TOTAL,
                        litres,
                        "L",
                        datetime(2019, 7, 21, 19, tzinfo=UTC) + timedelta(hours=hour),
                        ("batch", "history"),
                    )
                    for hour, litres in enumerate(_VENDOR_LITRES)
                ),
            ),
        ),
        Sample(
            source="chirpstack/chirpstack-docs: src/chirpstack/integrations/events.md, the battery",
            topic=_TOPIC_UP.replace("/up", "/status"),
            payload=b'{"time":"2022-07-18T09:34:15.775023242+00:00",' + _NAMES + b',"margin":10,"batteryLevel":88.3}',
            readings=(Reading("0101010101010101", "battery", 88.3, "%", _HEARD),),
        ),
        Sample(
            source="brocaar/chirpstack-docs, release 3: content/application-server/integrations/events.md, with a W1's frame",
            topic="application/123/device/0202020202020202/rx",
            payload=b'{"applicationID":"123","applicationName":"water","deviceName":"garden-sensor","devEUI":"AgICAgICAgI=",'
            b'"rxInfo":[{"gatewayID":"AwMDAwMDAwM=","time":"2019-07-22T11:37:55.048445Z","rssi":-48}],"fCnt":10,"fPort":100,'
            b'"data":"DqA1XQApNQAAAAA=","objectJSON":"{\\"CurrentVolume\\":13.609}","tags":{"key":"value"}}',
            readings=(Reading("0202020202020202", WATER_VOLUME_TOTAL, 13609, "L", _VENDOR_TIME),),
        ),
        Sample(
            source="broken: bytes that are no base64",
            topic=_TOPIC_UP,
            payload=b'{"time":"2022-07-18T09:34:15.775023242+00:00",' + _NAMES + b',"fPort":100,"data":"DqA1XTA"}',
            readings=(Reading("0101010101010101", "available", True, "bool", _HEARD, ("no_reading",)),),
            rejected="data: want base64, got 'DqA1XTA'",
        ),
        Sample(
            source="broken: an operator who chose Protobuf",
            topic=_TOPIC_UP,
            payload=b"\n\x243ac7e3c4-4401-4b8d-9386-a5c902f9202d\x12\x0c\x08\xa7\xc2\xd4\x96",
            rejected="ChirpStack must send JSON, not Protobuf",
        ),
    ),
)
