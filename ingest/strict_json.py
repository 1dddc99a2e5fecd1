"""JSON as we accept it from outside: small, flat, exact, without surprises.

RFC 8259 leaves duplicate names, huge numbers and deep nesting to the reader, and Python's reader adds ``NaN`` and
``Infinity``.  A payload that uses any of these is refused with a reason, because two programs would read it in two
ways.  Numbers become `int` or `Decimal`, so that 82.184 m³ is 82184 L and not 82184.00000000001 L.

How this works: msgspec reads ten times faster than Python's own reader, but keeps the last of two equal names without a
word.  So it reads first, and what it read is proved: a text of JSON has two quotation marks for each name and each string,
besides those behind a backslash, so that a name lost shows in the count.  Whatever is not proved in this way, or is wrong,
is read once more by Python's reader, which says exactly what is wrong.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any, NoReturn

import msgspec

from ingest.errors import Unreadable

MOST_BYTES = 256 * 1024
"""Largest payload that is read at all: a meter's day of minutes is 130 KB in our own format, the widest. [byte]"""
MOST_LEVELS = 8
"""Deepest nesting; the formats we know need 4."""
MOST_VALUES = 20_000
"""Values in one payload: no format reads more than 1,500 readings of one, which have some ten each. [-]"""
MOST_OBJECTS = 5_000
"""Objects in one payload: three for each of those readings. [-]"""
MOST_NAMES = 500
"""Names in one object; readers look at each of them. [-]"""
_FEW_BYTES = 2 * MOST_NAMES
"""A payload this short cannot hold too many of anything. [byte]"""
MOST_DIGITS = 40
"""Longest number; a register has at most 12 digits."""

_LARGEST = 10**MOST_DIGITS

Number = int | Decimal


def show(value: object) -> str:
    """Return a short, printable, one-line picture of `value` for a reason: long texts are cut, others only named."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case str():
            return ascii(value[:40]) + ("…" if len(value) > 40 else "")
        case Mapping():
            return f"an object of {len(value)}"
        case list():
            return f"a list of {len(value)}"
        case _:
            return type(value).__name__


def parse(payload: bytes, *, nul: bool = False) -> object:
    """Return the one JSON value in `payload`; numbers are `int` or `Decimal`.

    Parameters
    ----------
    payload : bytes
    nul : bool
        Let texts hold an escaped NUL character: for formats of which no text is kept.

    Raises
    ------
    Unreadable
        Not UTF-8, not JSON, too long, too many values, too deep, a name twice in one object, NaN, Infinity, a NUL character, half a
        character, or a number nobody would send.
    """
    if len(payload) > MOST_BYTES:
        raise Unreadable(f"payload: want at most {MOST_BYTES} bytes, got {len(payload)}")
    if len(payload) > _FEW_BYTES:
        _refuse_many(payload)
    plain = b"\\" not in payload
    if plain or _HALVES.search(payload) is None:
        try:
            quick = _QUICK.decode(payload)
            if 2 * _texts(quick, MOST_LEVELS) == payload.count(b'"') - (0 if plain else _escaped(payload)):
                return quick
        except (msgspec.MsgspecError, ValueError, RecursionError, Unreadable, _Unproved):
            pass  # wrong or odd: the careful reader says what it is
    return _careful(payload, nul)


def _careful(payload: bytes, nul: bool) -> object:
    if b"\0" in payload or (b"\\u0000" in payload and not nul):
        raise Unreadable("payload: want JSON text, got a NUL character")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"payload: want UTF-8 text, got other bytes at position {error.start}") from None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Unreadable(f"payload: want JSON, got {error.msg.lower()} at position {error.pos}") from None
    except RecursionError:
        raise Unreadable(f"payload: want at most {MOST_LEVELS} levels, got far more") from None
    except ValueError:  # Python's own limit
        raise Unreadable(f"payload: want numbers of at most {MOST_DIGITS} digits, got far more") from None
    _refuse_depth(value)
    if b"\\ud" in payload or b"\\uD" in payload:
        _refuse_halves(value)
    return value


def parse_object(payload: bytes, *, nul: bool = False) -> dict[str, object]:
    """Return the JSON object in `payload`; `nul` as in `parse`.

    Raises
    ------
    Unreadable
        As `parse`, or the value is not an object.
    """
    value = parse(payload, nul=nul)
    if not isinstance(value, dict):
        raise Unreadable(f"payload: want a JSON object, got {show(value)}")
    return value


def _refuse_many(payload: bytes) -> None:
    objects = payload.count(b"{")
    if objects > MOST_OBJECTS:
        raise Unreadable(f"payload: want at most {MOST_OBJECTS} objects, got {objects}")
    if payload.count(b'":') > MOST_NAMES * max(objects, 1):  # then one of them has too many, whatever comes
        raise Unreadable(f"payload: want at most {MOST_NAMES} names in an object, got more")
    values = objects + payload.count(b",")
    if values > MOST_VALUES:
        raise Unreadable(f"payload: want at most {MOST_VALUES} values, got about {values}")


def _escaped(payload: bytes) -> int:
    """Return how many quotation marks of a valid JSON text stand inside its strings; backslashes come in pairs or before one."""
    return payload.replace(b"\\\\", b"").count(b'\\"')


class _Unproved(Exception):
    """What was read quickly may not be what was written."""


def _texts(value: Any, levels: int) -> int:
    """Return how many strings, names included, `value` holds; only containers, `levels` deep, of numbers not too long."""
    kind = type(value)
    if kind is dict:
        if len(value) > MOST_NAMES:
            raise _Unproved
        found, children = len(value), value.values()
    elif kind is list and len(value) > _MANY:
        return _texts_of_many(value, levels)
    elif kind is list:
        found, children = 0, value
    else:
        raise _Unproved
    for child in children:
        kind = type(child)
        if kind is str:
            found += 1
        elif kind is dict or kind is list:
            if levels == 1:
                raise _Unproved
            found += _texts(child, levels - 1)
        elif kind is int and not -_MOST_INTEGER < child < _MOST_INTEGER:
            raise _Unproved
    return found


def _texts_of_many(values: list[Any], levels: int) -> int:
    """Return what `_texts` returns, for a long list: a level at a time, as quickly as C goes through lists."""
    kinds = list(map(type, values))
    found = kinds.count(str)
    if kinds.count(int):
        whole = [value for value in values if type(value) is int]
        if max(whole) >= _MOST_INTEGER or min(whole) <= -_MOST_INTEGER:
            raise _Unproved
    dicts = [value for value in values if type(value) is dict] if kinds.count(dict) else []
    lists = [value for value in values if type(value) is list] if kinds.count(list) else []
    if levels == 1 and (dicts or lists):
        raise _Unproved
    if dicts:
        sizes = list(map(len, dicts))
        if max(sizes) > MOST_NAMES:
            raise _Unproved
        found += sum(sizes) + _texts_of_many(list(chain.from_iterable(map(dict.values, dicts))), levels - 1)
    return found + (_texts_of_many(list(chain.from_iterable(lists)), levels - 1) if lists else 0)


def _refuse_depth(value: object) -> None:
    """Refuse what is nested too deeply, and whole numbers that are too long: the C parser makes them by itself."""
    level: list[object] = [[value]]
    for _ in range(MOST_LEVELS + 1):
        below: list[object] = []
        for node in level:
            for child in node.values() if isinstance(node, dict) else node:  # type: ignore[attr-defined]
                kind = type(child)
                if kind is dict or kind is list:
                    below.append(child)
                elif kind is int and not -_LARGEST < child < _LARGEST:
                    raise Unreadable(
                        f"payload: want numbers of at most {MOST_DIGITS} digits, got {len(str(abs(child)))}"
                    )
        if not below:
            return
        level = below
    raise Unreadable(f"payload: want at most {MOST_LEVELS} levels, got more")


def _refuse_halves(value: object) -> None:
    """Refuse a text with half a character (a lone surrogate): it cannot be written anywhere."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise Unreadable("payload: want whole characters, got half of one (a lone surrogate)") from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) > MOST_NAMES:
        raise Unreadable(f"payload: want at most {MOST_NAMES} names in an object, got {len(pairs)}")
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Unreadable(f"payload: want each name once, got {show(twice)} twice")
    return found


def _no_constant(word: str) -> NoReturn:
    raise Unreadable(f"payload: want finite numbers, got {word}")


def _decimal(digits: str) -> Decimal:
    if len(digits) > MOST_DIGITS:
        raise Unreadable(f"payload: want numbers of at most {MOST_DIGITS} digits, got {len(digits)}")
    try:
        value = Decimal(digits)
    except InvalidOperation:
        raise Unreadable(f"payload: want numbers that can be written out, got {show(digits)}") from None
    if abs(value.adjusted()) > MOST_DIGITS:
        raise Unreadable(f"payload: want numbers that can be written out, got {show(digits)}")
    return value


_HALVES = re.compile(rb"\\u(?:0000|[dD][89abcdefABCDEF])")
"""A NUL character or half of one: what only the careful reader looks at."""
_MANY = 16
_MOST_INTEGER = 10 ** (MOST_DIGITS - 1)
_QUICK = msgspec.json.Decoder(float_hook=_decimal)
_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=_decimal, parse_constant=_no_constant)
