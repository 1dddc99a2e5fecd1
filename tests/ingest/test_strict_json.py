"""What JSON we refuse, and what the reason says."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import Unreadable
from ingest.strict_json import _careful, parse, parse_object


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b'{"a":1,"a":2}', "each name once, got 'a' twice", id="duplicate name"),
        pytest.param(b'{"a":NaN}', "finite numbers, got NaN", id="NaN"),
        pytest.param(b'{"a":-Infinity}', "finite numbers, got -Infinity", id="Infinity"),
        pytest.param(b"[" * 9 + b"]" * 9, "at most 8 levels", id="deep"),
        pytest.param(b"[" * 100_000, "at most 8 levels", id="far too deep"),
        pytest.param(b'{"a":"\x00"}', "NUL", id="NUL byte"),
        pytest.param(b'{"a":"\\u0000"}', "NUL", id="NUL escape"),
        pytest.param(b'{"a":"\xff"}', "UTF-8", id="not UTF-8"),
        pytest.param(b"9" * 5000, "at most 40 digits", id="endless integer"),
        pytest.param(b"1e99999999999999999999", "written out", id="endless exponent"),
        pytest.param(b"1e300", "written out", id="absurd exponent"),
        pytest.param(b"9" * 41, "at most 40 digits, got 41", id="an integer too long"),
        pytest.param(b"[" + b"1," * 50_000 + b"1]", "at most 20000 values, got about 50000", id="too many values"),
        pytest.param(b"[" + b"{}," * 5_000 + b"{}]", "at most 5000 objects, got 5001", id="too many objects"),
        pytest.param(
            b"{" + b",".join(b'"%d":1' % n for n in range(501)) + b"}",
            "at most 500 names in an object, got more",
            id="names",
        ),
        pytest.param(
            b"[{},{" + b",".join(b'"%d":1' % n for n in range(501)) + b"}]",
            "at most 500 names in an object, got 501",
            id="names of one of two objects",
        ),
        pytest.param(b'{"a":["\\ud800"]}', "half of one", id="a lone surrogate"),
        pytest.param(b'{"\\uDC00":1}', "half of one", id="a lone surrogate in a name"),
        pytest.param(b"", "want JSON", id="empty"),
        pytest.param(b" " * 262_145, "at most 262144 bytes, got 262145", id="too long"),
    ],
)
def test_json_that_two_programs_would_read_in_two_ways_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        parse(payload)


def test_numbers_keep_every_digit() -> None:
    assert parse(b"[82.184, 99999.999, 12, 1e3]") == [Decimal("82.184"), Decimal("99999.999"), 12, Decimal("1e3")]


def test_what_the_longest_batch_of_readings_holds_is_read() -> None:
    reading = '{"quantity":"a","value":%d.5,"unit":"l","time":"b","channel":"c","interval":"d","e":{"f":1},"g":{"h":2}}'
    batch = "[" + ",".join(reading % n for n in range(1500)) + "]"
    assert len(parse(batch.encode())) == 1500  # type: ignore[arg-type]


def test_quotation_marks_and_backslashes_inside_of_texts_are_read() -> None:
    assert parse(b'{"a\\"b":"\\\\","c":"\\\\\\"","\\u6c34":1}') == {'a"b': "\\", "c": '\\"', "水": 1}


@pytest.mark.parametrize("payload", [b'{"a":1,"\\u0061":2}', b'{"a\\"":1,"a\\u0022":"\\""}', b'{"a":"\\\\","a":"\\""}'])
def test_a_name_that_is_written_in_two_ways_is_one_name(payload: bytes) -> None:
    with pytest.raises(Unreadable, match="want each name once"):
        parse(payload)


def test_a_character_in_two_halves_is_whole() -> None:
    assert parse(b'["\\ud83d\\udca7"]') == ["\N{DROPLET}"]


def test_eight_levels_are_read() -> None:
    assert parse(b"[" * 8 + b"]" * 8) == [[[[[[[[]]]]]]]]


def test_a_list_is_no_object() -> None:
    with pytest.raises(Unreadable, match="JSON object, got a list of 2"):
        parse_object(b"[1,2]")


class Pairs(list[tuple[str, object]]):
    """An object whose names may come twice."""


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**45), 10**45)
    | st.floats()
    | st.text('ab"\\:,{}[] \n\x00é', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(st.tuples(st.sampled_from("abc"), inner), max_size=4).map(Pairs)
    ),
    max_leaves=12,
)


def written(value: object) -> str:
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{json.dumps(name)}: {written(one)}" for name, one in value) + "}"
    if isinstance(value, list):
        return "[" + " ,".join(map(written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


@given(_VALUES, st.none() | st.integers(0, 60))
def test_what_is_read_quickly_is_what_the_careful_reader_reads(value: object, cut: int | None) -> None:
    payload = written(value).encode()[:cut]
    results = []
    for read in (parse, lambda payload: _careful(payload, nul=False)):
        try:
            results.append(repr(read(payload)))
        except Unreadable as error:
            results.append(str(error))
    assert results[0] == results[1]
