"""Messages of every format, made worse: what the fuzzer, its tests and the traps of the readers are made from.

Every format brings good messages along (`Format.samples`).  `leaves` finds the values in them, `put` replaces one, `mutated` does
some damage at random: to the structure (a value, a name, a branch taken from another message), to binary frames inside
it (base64, hex), to the bytes, or to the topic.  A format that is added is fuzzed without a change here.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from datetime import datetime
from functools import cache
from random import Random
from typing import Any, NamedTuple

from ingest.devices import FORMATS, Sample
from ingest.rules import NO_RULES, ReaderRules

Path = tuple[str | int, ...]
Json = Any
"""What `json.loads` returns."""

BARE = "\x00bare:"
"""Marks a text that is written without its quotes: ``NaN`` is no JSON, and some devices send it."""
NASTY: tuple[Json, ...] = (
    None, True, False, 0, 1, -1, 0.5, -0.0, 127, -100, -127, 255, 65535, 80000, 11184810, -32.768, -2147483.648,
    2147483647, 4294967296, 99999.999, 1e15, 1e39, -1e39, 10**30, 10**45, BARE + "NaN", BARE + "Infinity",
    BARE + "-Infinity", BARE + "1e400", BARE + "1e-400", BARE + "00012", "", " ", "0", "12.5", "012", "-1", "nan", "NaN",
    "inf", "unavailable", "unknown", "N", "null", "true", "ON", "off", "١٢", "1_000", "0x10", "1,5", "\x00", "\ud800", "💧",
    "x" * 5000, "1970-01-01T00:00:00Z", "1111-11-11T11:11:11Z", "2000-00-00T00:00:00Z", "9999-12-31T23:59:60-23:59",
    "2026-11-21T06:00:00+0800", "2026-11-21T06:00:00.123456789Z", "20261121T060000Z", 1795240800, 1795240800000, -1e18,
    [], {}, [[]], [None], {"value": None}, {"value": 1, "time": "x"}, [1, "2", None],
)  # fmt: skip
_BASE64 = re.compile(r"[A-Za-z0-9+/]{4,}={0,2}", re.ASCII)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){4,}", re.ASCII)


class Known(NamedTuple):
    """A message that some format reads."""

    format: str
    source: str
    topic: str
    payload: bytes
    retain: bool
    received_at: datetime
    rules: ReaderRules = NO_RULES
    """What an installation says of such messages."""


def known(format_name: str | None = None, *, readable: bool = False) -> list[Known]:
    """Return the samples of one format, or of all; with `readable` only those out of which something comes unrefused."""
    forms = FORMATS.values() if format_name is None else (FORMATS[format_name],)
    return [
        Known(form.name, one.source, one.topic, one.payload, one.retain, one.received_at, one.rules)
        for form in forms
        for one in form.samples
        if not readable or _is_readable(one)
    ]


def _is_readable(sample: Sample) -> bool:
    return bool(sample.readings) and sample.rejected is None


def parsed(payload: bytes) -> Json | None:
    """Return the JSON object or list in `payload`, None: it is something else."""
    try:
        value = json.loads(payload)
    except ValueError:
        return None
    return value if isinstance(value, dict | list) else None


def written(value: Json) -> bytes:
    """Return `value` as JSON; what is marked with `BARE` stands there without quotes."""
    text = json.dumps(value, separators=(",", ":"))
    return re.sub(r'"\\u0000bare:([^"]*)"', r"\1", text).encode()


def leaves(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Yield (path, value) of everything that is neither object nor list."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, name))
    else:
        yield path, value


def branches(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Yield (path, value) of every object and list, the outermost first."""
    if isinstance(value, dict | list):
        yield path, value
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from branches(inner, (*path, name))


def put(value: Json, path: Path, new: Json) -> Json:
    """Return a copy of `value` with `new` at `path`."""
    if not path:
        return new
    copy = deepcopy(value)
    inside = copy
    for name in path[:-1]:
        inside = inside[name]
    inside[path[-1]] = new
    return copy


def mutated(rng: Random, message: Known, others: Sequence[Known]) -> tuple[str, bytes]:
    """Return topic and payload of `message` after one to four kinds of damage, some of it taken from `others`."""
    topic, payload = message.topic, message.payload
    for _ in range(rng.randint(1, 4)):
        way = rng.random()
        value = parsed(payload) if way < 0.75 else None
        if value is not None:
            payload = written(_structure(rng, value, others))
        elif way < 0.95:
            payload = _bytes(rng, payload, others)
        else:
            topic = _topic(rng, topic, others)
    return topic, payload


def _structure(rng: Random, value: Json, others: Sequence[Known]) -> Json:
    way, every, groups = rng.randrange(6), list(leaves(value)), list(branches(value))
    if way <= 2 and every:
        path, old = rng.choice(every)
        return put(value, path, _frame(rng, old) if way == 2 else rng.choice(NASTY))
    path, inside = rng.choice(groups)
    if way == 3 and inside:
        return put(value, path, _without(rng, inside))
    if way == 4:
        other = parsed(rng.choice(others).payload)
        return put(value, path, rng.choice(list(branches(other)))[1]) if other is not None else value
    if isinstance(inside, list):
        return put(value, path, inside * rng.choice((2, 50, 400)))
    return put(value, path, {**inside, rng.choice(_names()): rng.choice(NASTY)})


def _without(rng: Random, inside: Json) -> Json:
    if isinstance(inside, list):
        return [one for one in inside if rng.random() < 0.5]
    gone = rng.choice(list(inside))
    return {name: one for name, one in inside.items() if name != gone}


@cache
def _names() -> list[str]:
    """Return every name that stands in an object of a sample."""
    groups = (group for one in known() for _, group in branches(parsed(one.payload)) if isinstance(group, dict))
    return sorted({name for group in groups for name in group} | {"x"})


def _frame(rng: Random, old: Json) -> Json:
    """Damage the bytes behind a text of base64 or hex; another text is cut or doubled."""
    if not isinstance(old, str) or not old:
        return rng.choice(NASTY)
    if _HEX.fullmatch(old):
        return _bytes(rng, bytes.fromhex(old), ()).hex()
    if _BASE64.fullmatch(old):
        try:
            return base64.b64encode(_bytes(rng, base64.b64decode(old + "=="), ())).decode()
        except binascii.Error:
            pass
    at = rng.randrange(len(old))
    return rng.choice((old[:at], old + old, old[:at] + "\x00" + old[at:], old.upper(), old.replace(":", "")))


def _bytes(rng: Random, payload: bytes, others: Sequence[Known]) -> bytes:
    at, length = (rng.randrange(len(payload) + 1) for _ in range(2))
    way = rng.randrange(6 if others else 5)
    if way == 0:
        return payload[:at]
    if way == 1:
        return payload[:at] + bytes([rng.randrange(256)]) + payload[at + 1 :]
    if way == 2:
        return payload[:at] + bytes(rng.randrange(256) for _ in range(rng.randrange(9))) + payload[at:]
    if way == 3:
        return payload[:at] + payload[at + length :]
    if way == 4:
        return (payload * 3)[: rng.choice((len(payload) * 2, len(payload) * 3))]
    return payload[:at] + rng.choice(others).payload[length:]


def _topic(rng: Random, topic: str, others: Sequence[Known]) -> str:
    levels = topic.split("/")
    at = rng.randrange(len(levels))
    levels[at] = rng.choice(("", "+", "x" * 300, "\x00", "💧", "..", rng.choice(rng.choice(others).topic.split("/"))))
    return "/".join(levels)
