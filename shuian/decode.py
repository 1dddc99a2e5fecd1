"""The command `decode`: JSON lines with messages in, one JSON line of what we understand out.

For installers: "what does Shuian understand of my message?"  No registry is read and nothing is stored; of a configuration
only the ``[[keys]]`` are read, and only if it is named.  A line is
``{"topic", "payload", "retain", "qos"}``: the payload as text (binary frames as bare hex) or as a JSON value; other keys
are ignored.  Out comes ``{"format", "readings", "rejected"}`` for every line, in order, whatever the line holds.  What a
line says of a device is remembered for the lines behind it.
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TextIO

from ingest.devices import Decoded, DeviceMemory, decode
from ingest.measures import zulu
from ingest.readings import Reading
from ingest.rules import NO_RULES, ReaderRules


def _now() -> datetime:
    return datetime.now(UTC)


def run(lines: Iterable[str], out: TextIO, clock: Callable[[], datetime] = _now, rules: ReaderRules = NO_RULES) -> None:
    """Decode every message of `lines` to `out`; empty lines are passed over.

    Parameters
    ----------
    lines : iterable of str
        One JSON object each.
    out : text stream
        Flushed after every line, so that it can be watched.
    clock : callable
        Aware time of now: the time of arrival.
    rules : ReaderRules
        What a configuration says of topics that no format knows by itself.
    """
    memory = DeviceMemory(rules=rules)
    for line in lines:
        if line.strip():
            out.write(json.dumps(_answer(line, clock(), memory)) + "\n")
            out.flush()


def _answer(line: str, now: datetime, memory: DeviceMemory) -> dict[str, object]:
    try:
        message = json.loads(line.removeprefix("\ufeff"))  # some editors begin a file with a byte order mark
    except (ValueError, RecursionError) as error:
        return _refused(f'line: want a JSON object such as {{"topic": "...", "payload": "..."}}, got no JSON ({error})')
    if not isinstance(message, dict):
        return _refused(f"line: want a JSON object, got {type(message).__name__}")
    topic, payload, retain = message.get("topic"), message.get("payload"), message.get("retain", False)
    if not isinstance(topic, str):
        return _refused(f"topic: want a text, got {type(topic).__name__}")
    if "payload" not in message:
        return _refused("payload: want a text or a JSON value, got nothing")
    if retain not in (None, True, False):  # 1 and 0 are these, as mosquitto_sub writes them
        return _refused(f"retain: want true or false, got {type(retain).__name__}")
    text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    decoded = decode(topic, text.encode("utf-8", "surrogatepass"), now, bool(retain), memory)
    return _written(decoded)


def _written(decoded: Decoded) -> dict[str, object]:
    return {
        "format": decoded.format,
        "readings": [_reading(reading) for reading in decoded.readings],
        "rejected": decoded.rejected,
    }


def _reading(reading: Reading) -> dict[str, object]:
    return {
        "device": reading.device,
        "quantity": reading.quantity,
        "value": reading.value,
        "unit": reading.unit,
        "time": None if reading.time is None else zulu(reading.time),
        "flags": list(reading.flags),
        **reading.extra,
    }


def _refused(reason: str) -> dict[str, object]:
    return {"format": None, "readings": [], "rejected": reason}
