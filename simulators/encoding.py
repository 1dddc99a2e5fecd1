"""How the devices of a fleet are called, and how they write what they say, in each format that the service reads.

A meter that holds readings back (one upload a day) sends them in one message where its format has a place for several, and
otherwise one message each, one after the other.  Sensors speak through Zigbee2MQTT whatever the meters do.
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from ingest.devices import FORMATS, aliyun_tsl, chirpstack, native, tasmota, zigbee2mqtt
from simulators.reports import Report

METERS = ("native", "wmbusmeters", "chirpstack", "zigbee2mqtt", "tasmota", "aliyun_tsl")
"""Formats of water meters, in the order in which the homes of a mixed fleet take them."""
SENSORS = ("motion", "door", "sos", "leak")
UNIT_UNSAID: Mapping[str, str] = {"zigbee2mqtt": "L", "aliyun_tsl": "m3"}
"""Formats whose messages do not name the unit of the register: the registry must."""
COUNTS_PULSES = ("tasmota",)
"""Formats that count pulses: the registry must say what one is worth."""
WHOLE_LITRES = ("wmbusmeters", "chirpstack", "aliyun_tsl")
"""Formats that send no fractions of a litre, however fine the register is."""
MOST_FRAME_L = 2.0**32 - 2
"""The highest register that the frame of an Axioma W1 can carry; one more means that there is none."""
MESSAGE_IDS: Mapping[str, str] = {"native": "id", "chirpstack": "deduplicationId", "aliyun_tsl": "id"}
"""Formats whose messages carry an id, and its key."""
PREFIX, SITE = "shuian", "fleet"
LOGGED = 16
"""Registers besides the newest that an uplink of an Axioma W1 holds."""
FIRST_RADIO = 70_000_000
"""Radio addresses of the fleet's wireless M-Bus meters: eight digits."""
FIRST_EUI = 0x70B3D57ED0000000
"""Addresses of the fleet's LoRaWAN meters: below a prefix of The Things Industries, nobody's devices."""
Said = tuple[str, bytes]
"""(topic, payload)"""
Readings = Sequence[tuple[datetime, float]]
"""(when the device measured, register [L]), in order of time."""


class Message(NamedTuple):
    """What is handed to the broker, and when [s since 1970]."""

    at: float
    topic: str
    payload: bytes
    retain: bool = False


def meter(fmt: str, home: int) -> str:
    """Return the name of a home's meter."""
    names = {"wmbusmeters": f"{FIRST_RADIO + home:08d}", "chirpstack": f"{FIRST_EUI + home:016x}"}
    return names.get(fmt, f"wm-{home:06d}")


def sensor(kind: str, home: int) -> str:
    """Return the name of a home's sensor."""
    return f"{kind}-{home:06d}"


def readings(fmt: str, device: str, said: Readings, resolution_l: float = 1.0) -> list[Said]:
    """Write what a meter says at once: one reading or several.

    Parameters
    ----------
    fmt : str
        One of `METERS`.
    said : sequence of (datetime, float)
        At least one; the last is the newest.
    resolution_l : float
        Litres of one pulse, for formats that count pulses.

    Raises
    ------
    ValueError
        There is no such format.
    """
    match fmt:
        case "native" if len(said) == 1:
            return [_native(device, *said[0])]
        case "native":
            return [native.encode(PREFIX, SITE, device, f"{device}-{_ms(said[-1][0])}", said)]
        case "chirpstack":
            return _uplinks(device, [(at, min(max(litres, 0.0), MOST_FRAME_L)) for at, litres in said])
        case "tasmota":
            return [tasmota.encode(device, at, max(litres, 0.0), litres_per_pulse=resolution_l) for at, litres in said]
        case "wmbusmeters" | "zigbee2mqtt" | "aliyun_tsl":
            return [FORMATS[fmt].encode(device, at, litres) for at, litres in said]
        case _:
            raise ValueError(f"want one of {', '.join(METERS)}, got {fmt!r}")


def _native(device: str, at: datetime, litres: float) -> Said:
    """Write what `native.encode` writes of one reading, in a third of the time: most messages of a fleet are these."""
    whole = round(litres, 3)
    value = int(whole) if whole == int(whole) else whole
    time = at.isoformat(timespec="milliseconds" if at.microsecond else "seconds").replace("+00:00", "Z")
    payload = (
        f'{{"schema":"shuian/v1","device":"{device}","id":"{device}-{_ms(at)}","time":"{time}","measurements":'
        f'[{{"quantity":"water_volume_total","value":{value},"unit":"L","time":"{time}"}}]}}'
    )
    return f"{PREFIX}/v1/{SITE}/{device}/up", payload.encode()


def _uplinks(device: str, said: Readings) -> list[Said]:
    """Write uplinks of an Axioma W1; readings that its frame cannot hold together go one by one."""
    last = range(len(said) % (LOGGED + 1) or LOGGED + 1, len(said) + 1, LOGGED + 1)
    uplinks = []
    for end in last:
        *before, (at, litres) = said[max(0, end - LOGGED - 1) : end]
        try:
            uplinks.append(chirpstack.encode(device, at, litres, batch=before))
        except ValueError:  # a register that fell, or a clock that was set
            uplinks += [chirpstack.encode(device, *one) for one in (*before, (at, litres))]
    return uplinks


def state(device: str, at: datetime, said: Mapping[str, object]) -> Said:
    """Write what a sensor says."""
    return zigbee2mqtt.encode_state(device, at, **said)


def report(one: Report, fmt: str, resolution_l: float = 1.0) -> list[Said]:
    """Write one report of a device: a meter's register in `fmt`, a sensor's state, or a sign of life of either."""
    at = measured(one)
    if isinstance(one.said, Mapping):
        return [state(one.device, at, one.said)]
    if one.said is None:
        return [heartbeat(fmt, one.device, at)]
    written = readings(fmt, one.device, _held(one), resolution_l)
    return [(topic, _renumbered(fmt, payload, one.attempt)) for topic, payload in written] if one.attempt else written


def _renumbered(fmt: str, payload: bytes, attempt: int) -> bytes:
    """Return a register's message under the id of another attempt, if its format has ids."""
    if fmt not in MESSAGE_IDS:
        return payload
    fields, key = json.loads(payload), MESSAGE_IDS[fmt]
    if fmt == "chirpstack":
        fields[key] = str(uuid.uuid5(uuid.UUID(fields[key]), str(attempt)))
    else:
        fields[key] = f"{fields[key]}{attempt}" if fmt == "aliyun_tsl" else f"{fields[key]}-{attempt}"  # a number there
    return json.dumps(fields, separators=(",", ":")).encode()


def messages(reports: Iterable[Report], formats: Mapping[str, str], resolution_l: float = 1.0) -> Iterator[Message]:
    """Write reports, in order of time, as their devices and gateways send them; what is sent at once goes together.

    Parameters
    ----------
    reports : iterable of Report
        By arrival.
    formats : mapping
        What each meter speaks; sensors need not be in it.
    resolution_l : float
        Litres of one pulse, for formats that count pulses.
    """
    for _, together in groupby(reports, key=_sent):
        some = list(together)
        one, fmt = some[0], formats.get(some[0].device, "")
        if len(some) > 1:
            parts = readings(fmt, one.device, [each for report in some for each in _held(report)], resolution_l)
        else:
            parts = report(one, fmt, resolution_l)
        if one.retained:
            parts = parts[-1:]  # a broker keeps the newest of a topic
        if one.payload is not None:
            parts[-1] = parts[-1][0], one.payload
        for topic, payload in parts:
            yield Message(one.at, topic, payload, one.retained)


def _sent(one: Report) -> tuple[object, ...]:
    """Return what reports of one message have in common: nobody else has it."""
    alone = not isinstance(one.said, int | float) or one.payload is not None or one.retained
    return one.at, one.device, id(one) if alone or one.copy or one.attempt else 0


def _held(one: Report) -> list[tuple[datetime, float]]:
    """Return all readings of a meter's report, oldest first; a clock that was never set has not been before 1970."""
    newest = measured(one).timestamp()
    before = [(moment(newest - ago), litres) for ago, litres in one.earlier if newest >= ago]
    return [*before, (moment(newest), float(one.said))]  # type: ignore[arg-type]  # of a register


def measured(one: Report) -> datetime:
    """Return when a device measured what it reports, by its own clock, which counts from 1970."""
    return moment(max(one.at if one.measured is None else one.measured, 0.0))


def moment(seconds: float) -> datetime:
    """Return the aware time of `seconds` since 1970, to the millisecond."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)


def heartbeat(fmt: str, device: str, at: datetime) -> Said:
    """Write that a device lives, and nothing of its register."""
    time, fields = f"{at:%Y-%m-%dT%H:%M:%S}Z", dict[str, object]()
    match fmt:
        case "native":
            topic = f"{PREFIX}/v1/{SITE}/{device}/up"
            fields = {"schema": "shuian/v1", "device": device, "time": time, "measurements": [], "battery_percent": 91}
        case "wmbusmeters":
            topic = f"wmbusmeters/{device}"
            fields = {"media": "cold water", "meter": "iperl", "name": device, "id": device, "total_m3": None}
            fields["timestamp"] = time
        case "chirpstack":
            topic = chirpstack.encode(device, at, 0.0)[0].removesuffix("up") + "status"
            fields = {"time": time, "deviceInfo": {"devEui": device}, "margin": 10, "batteryLevel": 91.0}
        case "tasmota":
            topic, fields = f"tele/{device}/STATE", {"Time": time, "Wifi": {"RSSI": 60}}
        case "aliyun_tsl":
            topic = aliyun_tsl.encode(device, at, 0.0)[0]
            fields = {"id": f"{_ms(at)}", "version": "1.0", "params": {}, "method": "thing.event.property.post"}
        case _:
            topic, fields = f"zigbee2mqtt/{device}", {"battery": 91, "last_seen": time, "linkquality": 120}
    return topic, json.dumps(fields, separators=(",", ":")).encode()


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
