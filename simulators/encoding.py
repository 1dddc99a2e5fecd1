"""How the devices of a fleet are called, and how they write what they say, in each format that the service reads.

A meter that holds readings back (one upload a day) sends them in one message where its format has a place for several, and
otherwise one message each, one after the other.  Sensors speak through Zigbee2MQTT whatever the meters do.
"""

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from ingest.devices import FORMATS, Played, Registers, Said, zigbee2mqtt
from simulators.reports import Report

METERS = tuple(name for name, one in FORMATS.items() if one.played is not None)
"""Formats in which a water meter can be played: each says so itself."""
MIXED = tuple(name for name, one in FORMATS.items() if one.played is not None and one.played.unasked)
"""Those that are read without a word of the configuration, in the order in which the homes of a mixed fleet take them."""
SENSORS = ("motion", "door", "sos", "leak")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Message(NamedTuple):
    """What is handed to the broker, and when [s since 1970]."""

    at: float
    topic: str
    payload: bytes
    retain: bool = False


def played(fmt: str) -> Played:
    """Return how a water meter of a format is played.

    Raises
    ------
    ValueError
        None is.
    """
    found = FORMATS[fmt].played if fmt in FORMATS else None
    if found is None:
        raise ValueError(f"want one of {', '.join(METERS)}, got {fmt!r}")
    return found


def meter(fmt: str, home: int) -> str:
    """Return the name of a home's meter."""
    return played(fmt).named(home)


def sensor(kind: str, home: int) -> str:
    """Return the name of a home's sensor."""
    return f"{kind}-{home:06d}"


def readings(fmt: str, device: str, said: Registers, resolution_l: float = 1.0) -> list[Said]:
    """Write what a meter says at once: one reading or several.

    Parameters
    ----------
    fmt : str
        One of `METERS`.
    said : sequence of (datetime, float)
        At least one; the last is the newest, and all that is said where messages hold no moment.
    resolution_l : float
        Litres of one pulse, for formats that count pulses.

    Raises
    ------
    ValueError
        There is no such format.
    """
    how = played(fmt)
    said = said if how.timed else said[-1:]
    if how.write is not None:
        return how.write(device, said, resolution_l)
    return [FORMATS[fmt].encode(device, at, litres) for at, litres in said]


def state(device: str, at: datetime, said: Mapping[str, object]) -> Said:
    """Write what a sensor says."""
    return zigbee2mqtt.encode_state(device, at, **said)


def report(one: Report, fmt: str, resolution_l: float = 1.0) -> list[Said]:
    """Write one report of a device: a meter's register in `fmt`, a sensor's state, or a sign of life of either."""
    at = measured(one)
    if isinstance(one.said, Mapping):
        return [state(one.device, at, one.said)]
    if one.said is None:
        return heartbeat(fmt, one.device, at)
    written = readings(fmt, one.device, _held(one), resolution_l)
    charge = played(fmt).charge
    if one.charge is not None and charge is not None:
        written = [charge(one.device, at, one.charge), *written]
    return [(topic, _renumbered(fmt, payload, one.attempt)) for topic, payload in written] if one.attempt else written


def _renumbered(fmt: str, payload: bytes, attempt: int) -> bytes:
    """Return a register's message under the id of another attempt, if its format has ids: of the same kind as the first."""
    key = played(fmt).message_id
    if not key:
        return payload
    fields = json.loads(payload)
    said = fields[key]
    if said.isdecimal():
        fields[key] = f"{said}{attempt}"
    elif _UUID.fullmatch(said):
        fields[key] = str(uuid.uuid5(uuid.UUID(said), str(attempt)))
    else:
        fields[key] = f"{said}-{attempt}"
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
        if len(some) > 1 and one.charge is None:
            parts = readings(fmt, one.device, [each for report in some for each in _held(report)], resolution_l)
        else:
            parts = report(one, fmt, resolution_l)
        if one.retained:
            parts = parts[-1:]  # a broker keeps the newest of a topic
        if one.payload is not None and parts:
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


def heartbeat(fmt: str, device: str, at: datetime) -> list[Said]:
    """Write that a device lives, and nothing of its register; a sensor says so through Zigbee2MQTT."""
    alive = played(fmt or "zigbee2mqtt").alive
    return [] if alive is None else [alive(device, at)]
