"""Axioma Qalcosonic W1: an ultrasonic water meter whose uplinks bring the litres of the hours before along.

Source: the vendor's example frame in aws-samples/aws-iot-core-lorawan ``…/python/axioma_w1.py`` and in tago-io/decoders
``…/axioma/water-meter-qalcosonic-w1``; TheThingsNetwork/lorawan-devices ``vendor/axioma`` (frame of 51 bytes).

How this works.  Everything is little-endian; volumes are whole litres.  Port 100 carries one of three frames::

    9 or 11 bytes   time (4), status (1), total (4)                            (two bytes more, which nobody explains)
    17 + 2n bytes   time (4), status (1), total (4), log time (4), log total (4), n <= 15 volumes of 2 bytes
    51 bytes        version 1 (1), time (4), status (1), base total (4), 23 volumes of 14 bits, multiplier (6 bits)

The volumes follow the log total one storage period after the other: an hour, unless the meter was set otherwise, which
shows in the age of the log.  In the frame of 51 bytes the hour of each volume is not said: they come out as one sum.
Port 103 carries an alarm: time (4), status (1).

Whether the meter's clock is UTC or local is chosen at installation.  An uplink is heard within seconds, so a clock that
is off by whole or half hours is a local one and is put right; one that is off by days is wrong, and its ages are still
right: the network's time stands in for its now.
"""

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from ingest.devices._lorawan import Found, Uplink
from ingest.devices._played import Registers, Said
from ingest.measures import EPOCH, PLAUSIBLE_FROM
from ingest.readings import WATER_VOLUME_TOTAL

PORT, ALARM_PORT = 100, 103
MOST_DELTAS = 15
_TOGETHER = MOST_DELTAS + 2
"""Registers of one uplink: the present one, the log's first, and what follows it."""
_FIRST_EUI = 0x70B3D57ED0000000
_ENHANCED_BYTES, _ENHANCED_DELTAS = 51, 23
_NO_TOTAL = 0xFFFFFFFF
_PADDING = 0x2F
_SPACINGS_S = (3600, 900, 1200, 1800, 7200, 10_800, 14_400, 21_600, 28_800, 43_200, 86_400)
"""Storage periods, the usual one first. [s]"""
_PUNCTUAL = timedelta(minutes=10)
_STEP, _DRIFT = timedelta(minutes=30), timedelta(minutes=3)
_OFFSETS = timedelta(hours=-12), timedelta(hours=14)
_ASTRAY = timedelta(days=1)
"""A clock further off than this is wrong."""
_WRONG = ("implausible_time",)
_BUILT = datetime(2015, 1, 1, tzinfo=UTC)
"""A clock that shows less was never set, or is none."""
_MOST_OF_A_HOME = 99_999_999
"""Register of a home's meter, eight digits. [L]"""

_BITS = ((0x04, "meter_alarm:battery_low"), (0x08, "meter_alarm:not_measuring"), (0x10, "meter_alarm:temporary_error"))
_GROUPS = {
    0x00: (),
    0x20: ("meter_alarm:leak",),
    0x60: ("meter_alarm:backflow",),
    0xA0: ("meter_alarm:burst",),
    0xC0: ("tamper",),
}
"""The upper three bits are one word; those not listed (0x80: low temperature) are a trouble we have no word for."""

Shift = tuple[timedelta, tuple[str, ...]]
"""What to add to the meter's times, and the flags that say why."""


def read(uplink: Uplink) -> list[Found] | None:
    """Return what a W1 says, None when the frame is none of a W1."""
    size = len(uplink.data)
    if uplink.port == ALARM_PORT and size == 5:
        return _alarm(uplink)
    if uplink.port != PORT:
        return None
    if size == _ENHANCED_BYTES and uplink.data[0] == 1:
        return _enhanced(uplink)
    if size in (9, 11):
        return _short(uplink)
    if size == 48 and uplink.data[-1] == _PADDING:
        size -= 1
    return _logged(uplink, size) if 17 <= size <= 47 and size % 2 else None


def _moment(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def _shift(uplink: Uplink, meter: datetime) -> Shift:
    ahead = meter - uplink.network_time
    if abs(ahead) <= _PUNCTUAL:
        return timedelta(0), ()
    offset = round(ahead / _STEP) * _STEP
    if abs(ahead - offset) <= _DRIFT and _OFFSETS[0] <= offset <= _OFFSETS[1]:
        return -offset, ("time_zone_missing",)
    return (timedelta(0), ()) if abs(ahead) <= _ASTRAY else (-ahead, _WRONG)


def _troubles(status: int) -> tuple[str, ...]:
    group = _GROUPS.get(status & 0xE0, ("meter_alarm:unknown",))
    return (*group, *(flag for bit, flag in _BITS if status & bit))


def _alarm(uplink: Uplink) -> list[Found] | None:
    seconds, status = struct.unpack("<IB", uplink.data)
    shift, flags = _shift(uplink, _moment(seconds))
    if flags == _WRONG and not _may_be(uplink, seconds):
        return None  # five bytes are no proof of a W1; a clock is
    return [Found("available", True, "bool", ("no_reading", *_troubles(status), *flags), time=_moment(seconds) + shift)]


def _may_be(uplink: Uplink, seconds: int) -> bool:
    """Tell whether a W1 whose clock is wrong may show these seconds, or they are another device's bytes."""
    return _BUILT <= _moment(seconds) <= uplink.received_at + _ASTRAY


def _short(uplink: Uplink) -> list[Found] | None:
    seconds, status, total = struct.unpack_from("<IBI", uplink.data)
    shift, flags = _shift(uplink, _moment(seconds))
    if flags == _WRONG and (not _may_be(uplink, seconds) or total > _MOST_OF_A_HOME):
        return None  # as above: litres are not made of any eleven bytes
    return [_present(total, (*_troubles(status), *flags), _moment(seconds) + shift)]


def _present(total: int, flags: tuple[str, ...], time: datetime) -> Found:
    if total == _NO_TOTAL:
        return Found("available", True, "bool", ("no_reading", *flags), time=time)
    return Found(WATER_VOLUME_TOTAL, total, "L", flags, time=time)


def _logged(uplink: Uplink, size: int) -> list[Found]:
    seconds, status, total, log_s, log_total = struct.unpack_from("<IBIII", uplink.data)
    deltas = struct.unpack_from(f"<{(size - 17) // 2}H", uplink.data, 17)
    shift, flags = _shift(uplink, _moment(seconds))
    present = _present(total, ("batch", *_troubles(status), *flags), _moment(seconds) + shift)
    if not PLAUSIBLE_FROM <= _moment(log_s) <= _moment(seconds) or total == _NO_TOTAL:
        return [present]  # a new meter has no log
    if log_total + sum(deltas) > total:
        uplink.complaints.append(f"history: want at most the {total} L of the present, got {log_total} L and more")
        return [present]
    spacing_s = spacing(seconds - log_s, len(deltas))
    found, litres = [present], log_total
    for place, delta in enumerate((0, *deltas) if spacing_s else (0,)):
        litres += delta
        time = _moment(log_s + place * (spacing_s or 0)) + shift
        found.append(Found(WATER_VOLUME_TOTAL, litres, "L", ("batch", "history", *flags), time=time))
    return found


def spacing(age_s: float, deltas: int) -> int | None:
    """Return the storage period of a log of `deltas` volumes that began `age_s` before now [s]; None: none fits."""
    fits = (step for step in _SPACINGS_S if deltas * step <= age_s < (deltas + 2) * step)
    return next(fits, None) if deltas else None


def _enhanced(uplink: Uplink) -> list[Found]:
    seconds, status, base = struct.unpack_from("<IBI", uplink.data, 1)
    packed = int.from_bytes(uplink.data[10:], "little")
    used = sum(packed >> 14 * place & 0x3FFF for place in range(_ENHANCED_DELTAS))
    shift, flags = _shift(uplink, _moment(seconds))
    time = _moment(seconds) + shift
    if packed >> 14 * _ENHANCED_DELTAS:
        uplink.complaints.append("multiplier: want 0, got another: what it does to the volumes is not known")
        return [Found("available", True, "bool", ("no_reading", *_troubles(status), *flags), time=time)]
    past = ("batch", "history", "delta_time_uncertain", *flags)
    return [
        _present(base + used, ("batch", *_troubles(status), *flags), time),
        Found("water_volume_delta", used, "L", past, {"interval": f"PT{_ENHANCED_DELTAS}H"}, time),
    ]


def frame(at: datetime, litres: float, batch: Sequence[tuple[datetime, float]] = (), status: int = 0) -> bytes:
    """Write the frame of port 100.

    Parameters
    ----------
    at : datetime
        The meter's clock (aware); whole seconds are sent.
    litres : float
        Register [L]; whole litres are sent, rounded down as the register shows them.
    batch : sequence of (datetime, float), optional
        Registers of the hours before [L], at most 16, oldest first and evenly spaced; empty: the frame of 11 bytes.
    status : int, optional
        Status byte: 0x20 leak, 0xA0 burst, 0x04 battery low.

    Raises
    ------
    ValueError
        A register outside 32 bits, or a batch that the frame cannot carry.
    """
    now_s, total = _seconds(at), int(litres)
    if not 0 <= total < _NO_TOTAL:
        raise ValueError(f"want a register from 0 to {_NO_TOTAL - 1} L, got {litres}")
    head = struct.pack("<IBI", now_s, status, total)
    if not batch:
        return head + bytes(2)
    times, totals = [_seconds(time) for time, _ in batch], [int(one) for _, one in batch]
    deltas = [later - earlier for earlier, later in pairwise(totals)]
    if (
        len(deltas) > MOST_DELTAS
        or totals[0] < 0
        or totals[-1] > total
        or any(not 0 <= one <= 0xFFFF for one in deltas)
    ):
        raise ValueError(f"want 1 to {MOST_DELTAS + 1} registers that rise to {total} L, got {totals}")
    step = spacing(now_s - times[0], len(deltas)) or 0
    if times != [times[0] + place * step for place in range(len(times))]:
        raise ValueError(f"want registers an hour apart that end less than two hours before now, got {times}")
    return head + struct.pack(f"<II{len(deltas)}H", times[0], totals[0], *deltas)


def eui(home: int) -> str:
    """Return the address of a simulated meter: below a prefix of The Things Industries, nobody's device."""
    return f"{_FIRST_EUI + home:016x}"


def written(said: Registers, encode: Callable[[datetime, float, Registers], Said]) -> list[Said]:
    """Write registers in as few uplinks as frames allow; what a frame cannot hold together goes one by one.

    Parameters
    ----------
    said : sequence of (datetime, float)
        In order of time; registers [L] are cut to what a frame can carry.
    encode : callable
        (time, register, registers of the hours before) -> an uplink.
    """
    fitting = [(at, min(max(litres, 0.0), _NO_TOTAL - 1.0)) for at, litres in said]
    uplinks = []
    for end in range(len(fitting) % _TOGETHER or _TOGETHER, len(fitting) + 1, _TOGETHER):
        *before, (at, litres) = fitting[max(0, end - _TOGETHER) : end]
        try:
            uplinks.append(encode(at, litres, before))
        except ValueError:  # a register that fell, or a clock that was set
            uplinks += [encode(*one, ()) for one in (*before, (at, litres))]
    return uplinks


def _seconds(time: datetime) -> int:
    seconds = (time - EPOCH) // timedelta(seconds=1)
    if not 0 <= seconds <= 0xFFFFFFFF:
        raise ValueError(f"want a time from 1970 to 2106, got {time}")
    return seconds
