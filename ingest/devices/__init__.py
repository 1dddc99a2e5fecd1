"""What devices say: one module a format, found by itself, with its source and its own proof.

To add a format, add a module with a `FORMAT` to this folder; nothing else changes.  Modules are imported when this
package is, so that one that fails stops the program at its start and not at its first message.  Names that begin with
an underscore are helpers and no formats.
"""

import importlib
import logging
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

from ingest.device_memory import DeviceMemory
from ingest.devices._clock import at_home
from ingest.devices._played import AS_ENCODED, Played, Registers, Said
from ingest.errors import IngestError, Unreadable
from ingest.readings import Reading
from ingest.rules import NO_RULES, ReaderRules
from ingest.strict_json import MOST_BYTES

__all__ = [
    "FORMATS",
    "Decoded",
    "DeviceMemory",
    "Format",
    "Played",
    "Registers",
    "Said",
    "Sample",
    "Unreadable",
    "decode",
]

log = logging.getLogger(__name__)

TOPICS_REMEMBERED = 100_000
"""Topics whose format is not looked up again, the longest unheard go first: some 20 MB."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A message and what a correct reader makes of it: the proof of a format, replayed by one test.

    `readings` are all that must come out; `rejected` is a part of the reason that must be given, None: no complaint.
    """

    source: str
    topic: str
    payload: bytes
    readings: tuple[Reading, ...] = ()
    rejected: str | None = None
    retain: bool = False
    received_at: datetime = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
    rules: ReaderRules = NO_RULES


@dataclass(frozen=True, slots=True)
class Format:
    """One way of writing readings into messages.

    `matches` looks at the topic only; `sniff` may look into the payload and is asked when no topic matches.  `decode`
    gets topic, payload, arrival time, the retain flag and what devices said before, and returns readings, none when the
    message is none of our business; it raises `Unreadable` with whatever could be read.  `encode` writes such messages,
    for simulators.  `most_bytes` is the longest payload that is read at all.  `sensors`: its devices are mostly sensors, so
    that one of which the registry says no resolution has no water register.  Formats whose topics are of a shape that others
    may have too have a `rank` above 0: by topic and by payload they are asked in its order, after all the others.

    For the broker's access lists: `writes` and `reads` are topic filters of a device that has a credential of its own,
    with ``{device}`` where its name stands; none: such devices speak through a gateway, whose filters are `gateway`.
    `played` is how simulators play a water meter of it; None: no meter of it is played.
    """

    name: str
    matches: Callable[[str], bool]
    sniff: Callable[[str, bytes], bool]
    decode: Callable[[str, bytes, datetime, bool, DeviceMemory], list[Reading]]
    encode: Callable[..., tuple[str, bytes]]
    samples: tuple[Sample, ...]
    sensors: bool = False
    most_bytes: int = MOST_BYTES
    rank: int = 0
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    gateway: tuple[str, ...] = ()
    played: Played | None = AS_ENCODED


class Decoded(NamedTuple):
    """What we understood of a message.

    `format` is None when nobody knows the message; `rejected` says what could not be read (both may be filled: the
    good part of a batch, and the complaint about the rest); `device` is whose message it is, if that much is legible.
    """

    format: str | None
    readings: tuple[Reading, ...]
    rejected: str | None
    device: str | None = None


def _discover() -> dict[str, Format]:
    formats = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            found: Format = importlib.import_module(f"{__name__}.{module.name}").FORMAT
            formats[found.name] = found
    return dict(sorted(formats.items(), key=lambda item: (item[1].rank, item[0])))


FORMATS: Mapping[str, Format] = MappingProxyType(_discover())
"""Every format by name, in the order in which they are asked whether a topic is theirs."""


_RANKS = tuple(tuple(equals) for _, equals in groupby(FORMATS.values(), key=lambda one: one.rank))


def decode(
    topic: str, payload: bytes, received_at: datetime, retain: bool = False, memory: DeviceMemory | None = None
) -> Decoded:
    """Read one message.  Never raises, whatever the bytes.

    Parameters
    ----------
    topic, payload
        As on the wire.
    received_at : datetime
        When it came here (aware): device times are judged against it.
    retain : bool
        The broker marked it as a retained copy: state, not an event.
    memory : DeviceMemory, optional
        What devices said before this message, and is told what they say now; None: nothing is known.

    Raises
    ------
    IngestError
        What `memory` asks could not answer now: the message is to be read again later.
    """
    memory = DeviceMemory() if memory is None else memory
    reader = _reader(topic, payload, memory.rules)
    if reader is None:
        known = ", ".join(FORMATS)
        return Decoded(None, (), f"unknown format: want one of {known} by topic or shape, got none of them")
    if len(payload) > reader.most_bytes:
        return Decoded(reader.name, (), f"payload: want at most {reader.most_bytes} bytes, got {len(payload)}")
    try:
        readings = at_home(reader.decode(topic, payload, received_at, retain, memory), memory, received_at)
    except Unreadable as error:
        readings = at_home(error.readings, memory, received_at)
        return Decoded(reader.name, readings, str(error), error.device or _owner(readings))
    except IngestError:
        raise
    except Exception as error:  # a fault of ours in one reader must not stop all the others
        log.exception("a reader failed", extra={"format": reader.name})
        return Decoded(reader.name, (), f"our reader failed: {type(error).__name__}")
    return Decoded(reader.name, readings, None, _owner(readings))


@lru_cache(TOPICS_REMEMBERED)
def _by_topic(topic: str) -> tuple[Format | None, ...]:
    """Return the format of each rank that claims `topic`: a device says the same one for years."""
    return tuple(next((one for one in equals if one.matches(topic)), None) for equals in _RANKS)


def _reader(topic: str, payload: bytes, rules: ReaderRules) -> Format | None:
    """Return the format of a message: the configuration's word first, then the topic, then the payload."""
    named = rules.format_of(topic)
    if named is not None:
        return FORMATS.get(named)
    if (first := _by_topic(topic)[0]) is not None:
        return first  # the usual case
    for claims, equals in zip(_by_topic(topic), _RANKS, strict=True):
        if claims is not None:
            return claims
        for candidate in equals:
            if _knows(candidate, topic, payload):
                return candidate
    return None


def _knows(candidate: Format, topic: str, payload: bytes) -> bool:
    try:
        return candidate.sniff(topic, payload)
    except Exception:  # as in `decode`: whose message it is, others may still know
        log.exception("a reader failed", extra={"format": candidate.name})
        return False


def _owner(readings: tuple[Reading, ...]) -> str | None:
    return readings[0].device if readings else None
