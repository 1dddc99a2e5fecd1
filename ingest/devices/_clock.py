"""Moments as devices write them: with an offset or without, in seconds or milliseconds, or not at all.

How this works.  A moment is taken when it names an instant (RFC 3339, an offset without colon, Unix time) that a device may
mean; a local clock without a zone is passed on as `time_local`, and arrival stands in
unless the registry knows the zone (`at_home`, for every format at once); a place in a recorded file (``@0.033s``) is no time.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from ingest.device_memory import DeviceMemory
from ingest.measures import EPOCH, plausible, rfc3339
from ingest.readings import Reading, Value

_OFFSET_WITHOUT_COLON = re.compile(r"(?<=\d)([+-]\d\d)(\d\d)$", re.ASCII)
_LOCAL = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)((?:\.\d{1,9})?)", re.ASCII)
_NANOSECONDS = re.compile(r"(?<=\.\d{6})([5-9]?)\d{1,3}(?=\D|$)", re.ASCII)
_UNIX = re.compile(r"\d{9,13}(?:\.\d{1,9})?", re.ASCII)
_IN_FILE = re.compile(r"@\d+(?:\.\d+)?s?", re.ASCII)
_MOST_TEXT = 64
_ZONE_MISSING = "time_zone_missing"
_COUNTED = frozenset({"water_volume_total", "water_volume_delta", "pulse_count_total"})
"""A register has its place in the past; a call for help that seems to be hours old may come from a clock of another zone."""
PUNCTUAL = timedelta(minutes=10)
_FIRST_MS = 100_000_000_000
"""What is above counts milliseconds: as seconds it would lie in the year 5138."""


class Stamp(NamedTuple):
    """A device's own moment, None when arrival must stand in, and why."""

    time: datetime | None = None
    flags: tuple[str, ...] = ("time_missing",)
    extra: Mapping[str, Value] = {}


NONE = Stamp()


def stamp(said: object, received_at: datetime) -> Stamp:
    """Return the moment that `said` names, as far as a device may mean it in a message that came at `received_at`."""
    if isinstance(said, int | Decimal) and not isinstance(said, bool):
        said = str(said)
    if not isinstance(said, str) or not said.strip() or _IN_FILE.fullmatch(said[:_MOST_TEXT].strip()):
        return NONE
    text = said.strip()
    if len(text) > _MOST_TEXT:
        return Stamp(None, ("implausible_time",))
    if _UNIX.fullmatch(text):
        number = Decimal(text)
        seconds = number / 1000 if number >= _FIRST_MS else number
        return _judged(EPOCH + timedelta(microseconds=round(seconds * 1_000_000)), received_at)
    local = _LOCAL.fullmatch(text)
    try:
        time = rfc3339(f"{local[1]}T{local[2]}{local[3]}Z" if local else _OFFSET_WITHOUT_COLON.sub(r"\1:\2", text))
    except ValueError:
        return Stamp(None, ("implausible_time",))
    if local:
        seen = plausible(time, received_at)
        return Stamp(None, (_ZONE_MISSING,), {"time_local": text}) if seen else Stamp(None, ("implausible_time",))
    finer = _NANOSECONDS.search(text)
    return _judged(time + timedelta(microseconds=bool(finer and finer[1])), received_at)  # rounded, not cut


def _judged(time: datetime, received_at: datetime) -> Stamp:
    return Stamp(time, ()) if plausible(time, received_at) else Stamp(None, ("implausible_time",))


def at_home(readings: Iterable[Reading], memory: DeviceMemory, received_at: datetime) -> tuple[Reading, ...]:
    """Give readings with a local clock and no offset the moment that it shows in the zone which the registry knows."""
    said = tuple(readings)
    for one in said:
        if _ZONE_MISSING in one.flags:
            break
    else:
        return said  # the usual case
    return tuple(_at_home(one, memory, received_at) for one in said)


def _at_home(reading: Reading, memory: DeviceMemory, received_at: datetime) -> Reading:
    local = reading.extra.get("time_local")
    if reading.time is not None or not isinstance(local, str):
        return reading
    zone = memory.zone(reading.device, received_at)
    time = None if zone is None else in_zone(local, zone, received_at)
    if time is None or (reading.quantity not in _COUNTED and received_at - time > PUNCTUAL):
        return reading
    flags = tuple(flag for flag in reading.flags if flag != _ZONE_MISSING)
    return replace(reading, time=time, flags=flags, extra={k: v for k, v in reading.extra.items() if k != "time_local"})


def in_zone(local: str, zone: tzinfo, received_at: datetime) -> datetime | None:
    """Return the moment at which clocks in `zone` show `local`, None: no device may mean it.

    Where a clock is put back an hour comes twice, and where it is put on, one that was not is an hour behind: of the two
    moments that are possible then the one nearer to the arrival is meant.
    """
    try:
        shown = datetime.fromisoformat(local)
        times = [shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    except (ValueError, OverflowError):
        return None
    time = min(times, key=lambda one: abs(received_at - one))
    return time if plausible(time, received_at) else None
