"""Dragino: flow and pulse counters, leak and door sensors, thermometers.

Source: dragino/dragino-end-node-decoder (``SW3L``, ``SW3L-LB``, ``CPL01``, ``CPL03-LB``) and
TheThingsNetwork/lorawan-devices ``vendor/dragino`` (``lwl01``, ``lwl02``, ``lds02``, ``lwl03a``, ``wl03a-lb``, ``ds03a-lb``,
``lht65``).  Everything is big-endian.

How this works.  The frames of 11 bytes on port 2 look alike: flags (1), six bytes by model, the device's clock (4, Unix
seconds; the codecs print it in the server's local zone, so the bytes are taken).  Which model sent them must stand in the
name of profile or device, or show in the keys of the operator's codec; else they are left alone, because a soil probe's
frame is as long.  Port 3 carries logged frames of the same kind, each with its own time; port 5 the battery, known by its
model number; port 10 the older door and leak sensors, known by their shape.

The counters' litres per pulse depend on the flow sensor, and the codecs disagree about it (450, 390 or 360, 64 or 60, 12):
pulses come out, and the registry says what one is worth.  A counter that is set to count from report to report (MOD 1)
gives no register.  The alarm of a flow counter says that water has not stopped for too long.
"""

import struct
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace

from ingest.devices._lorawan import Found, Uplink, alive
from ingest.measures import EPOCH, plain, plausible

_BYTES = 11
_MOST_LOGGED = 24
_STATUS_BYTES, _STATUS_MODELS = 7, frozenset([0x0B, 0x0E, 0x11, 0x14, 0x1B, 0x1D, 0x1F, 0x20, 0x26, 0x35, 0x36])
_MILLIVOLTS = range(1_800, 4_300)
_BANDS = range(1, 15)
_ASTRAY = timedelta(days=1)
"""A clock further off the network's than this was never set."""

Body = Callable[[bytes], Iterator[Found]]


def read(uplink: Uplink) -> list[Found] | None:
    """Return what a Dragino device says, None when the frame is none of theirs or nobody says of which model."""
    data = uplink.data
    if uplink.port == 10 and len(data) == 10:
        return _door_or_leak(data)
    if uplink.port == 5 and len(data) == _STATUS_BYTES:
        return _status(data)
    body = _model(uplink)
    if body is None or uplink.port not in (2, 3, 4):
        return None
    if uplink.port == 4:
        return [alive()]
    if not data or len(data) % _BYTES or len(data) > _BYTES * (_MOST_LOGGED if uplink.port == 3 else 1):
        return None
    if uplink.port == 2:
        return _now(uplink, data, body)
    frames = [data[at : at + _BYTES] for at in range(0, len(data), _BYTES)]
    return [one for frame in frames for one in _logged(uplink, frame, body)] or [alive()]


def _model(uplink: Uplink) -> Body | None:
    keys = {key.lower() for key in uplink.fields}
    told = [uplink.fields.get(key) for key in ("Node_type", "SENSOR_MODEL")]
    named = " ".join([uplink.named, *(one.lower() for one in told if isinstance(one, str))])
    for names, shown, body in _MODELS:
        if any(name in named for name in names) or keys & shown:
            return body
    return None


def _now(uplink: Uplink, data: bytes, body: Body) -> list[Found]:
    found = list(body(data)) or [alive()]
    if body is _climate or (body is _pulses and data[0] & 0x08):
        return found  # no clock in these
    time = EPOCH + timedelta(seconds=int.from_bytes(data[7:], "big"))
    if abs(time - uplink.network_time) > _ASTRAY:
        return [replace(one, flags=(*one.flags, "implausible_time")) for one in found]
    return [replace(one, time=time) for one in found]


def _logged(uplink: Uplink, frame: bytes, body: Body) -> Iterator[Found]:
    if body is _flow:  # in the log the mode stands before the count
        frame = bytes([frame[0], *frame[3:7], frame[1], 0, *frame[7:]])
    time = EPOCH + timedelta(seconds=int.from_bytes(frame[7:], "big"))
    if body is not _climate and plausible(time, uplink.received_at):
        for one in body(frame):
            flags = tuple(flag for flag in one.flags if not flag.startswith("meter_alarm"))
            yield replace(one, flags=("history", *flags), time=time)


def _flow(data: bytes) -> Iterator[Found]:
    """Read a SW3L: flags (1), pulses (4), mode (1), nothing (1)."""
    alarm = ("meter_alarm:continuous_flow",) if data[0] & 0x02 else ()
    if data[5] & 0x3F == 1:
        yield alive(*alarm)
    else:
        yield _count(int.from_bytes(data[1:5], "big"), alarm)


def _pulses(data: bytes) -> Iterator[Found]:
    """Read a CPL01 or CPL03: flags (1), pulses (3), and either the last duration and a clock or two further counters."""
    if data[0] & 0x08:
        yield _count(int.from_bytes(data[1:4], "big"), channel="PA8")
        yield _count(int.from_bytes(data[4:7], "big"), channel="PA4")
        yield _count(int.from_bytes(data[7:10], "big"), channel="PB15")
    else:
        yield _count(int.from_bytes(data[1:4], "big"))


def _count(pulses: int, flags: tuple[str, ...] = (), channel: str = "") -> Found:
    extra = {"channel": channel} if channel else {}
    return Found("pulse_count_total", pulses, "count", ("pulse_factor_unknown", *flags), extra)


def _leak(data: bytes) -> Iterator[Found]:
    yield Found("water_leak", bool(data[0] & 0x01), "bool")


def _door(data: bytes) -> Iterator[Found]:
    yield Found("contact_open", bool(data[0] & 0x01), "bool")


def _climate(data: bytes) -> Iterator[Found]:
    """Read a LHT65: battery (2, its two top bits are a grade), temperature (2), humidity (2), what is plugged in (5)."""
    millivolts, celsius, humidity = struct.unpack_from(">HhH", data)
    if data[6] & 0x80 or data[6] & 0x0F in (0x09, 0x0F):
        return  # a log, or a thermometer's own layout
    if -6_000 <= celsius <= 15_000:
        yield Found("temperature", plain(Decimal(celsius) / 100), "Cel")
    if humidity & 0xFFF <= 1_000:
        yield Found("humidity", plain(Decimal(humidity & 0xFFF) / 10), "%RH")
    if millivolts & 0x3FFF in _MILLIVOLTS:
        yield _volts(millivolts & 0x3FFF)


def _door_or_leak(data: bytes) -> list[Found] | None:
    """Read a LDS01, LDS02, LWL01 or LWL02: states and battery (2), mode (1), counts and minutes (6), alarm (1)."""
    millivolts, mode = int.from_bytes(data[:2], "big") & 0x3FFF, data[2]
    if millivolts not in _MILLIVOLTS or mode not in (1, 2, 3) or data[9] > 1:
        return None
    found = [Found("contact_open", bool(data[0] & 0x80), "bool")] if mode != 2 else []
    found += [Found("water_leak", bool(data[0] & 0x40), "bool")] if mode != 1 else []
    return [*found, _volts(millivolts)]


def _status(data: bytes) -> list[Found] | None:
    """Read model (1), firmware (2), band (1), sub-band (1), battery (2)."""
    millivolts = int.from_bytes(data[5:7], "big")
    if data[0] not in _STATUS_MODELS or data[3] not in _BANDS or millivolts not in _MILLIVOLTS:
        return None
    return [_volts(millivolts)]


def _volts(millivolts: int) -> Found:
    return Found("battery_voltage", plain(Decimal(millivolts) / 1000), "V")


_MODELS: tuple[tuple[tuple[str, ...], frozenset[str], Body], ...] = (
    (("sw3l",), frozenset({"water_flow_value"}), _flow),
    (("cpl01", "cpl03"), frozenset({"disconnect_duration", "pulsecounter", "pa8_pulsecounter"}), _pulses),
    (("lwl03", "wl03a", "lwl04"), frozenset({"last_water_leak_duration", "lsat_water_leak_duration"}), _leak),
    (("ds03a", "lds03"), frozenset({"last_door_open_duration", "last_door1_open_duration"}), _door),
    (("lht65",), frozenset({"tempc_sht", "hum_sht"}), _climate),
)
"""Models in a name, or keys that only their codecs write -> how the 11 bytes of port 2 are read."""
