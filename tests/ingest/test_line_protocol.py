"""Lines as two real parsers read them: InfluxDB 1.6.7 and VictoriaMetrics."""

import re

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest.line_protocol import line, lines, name_of, safe, safe_measurement, thousandths
from ingest.readings import StoredReading
from tests.brokers import until

AT = 1_763_705_100_000
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.text('\\, ="#%\n\x00a', max_size=8)
FLAGS = st.lists(st.text("abc:_\\\"', =", min_size=1, max_size=6), max_size=3).map(tuple)
VALUES = st.integers(-(10**15), 10**15)


@pytest.mark.parametrize(
    ("reading", "written"),
    [
        pytest.param(
            StoredReading("wm-7", "water_volume_total", AT, 82_184_500, AT + 4_200),
            f"water_volume_total,device=wm-7 value=82184.5,delay_s=4.2 {AT}",
            id="a plain one",
        ),
        pytest.param(
            StoredReading("a b,c=d", "x y", AT, -5, AT - 1000, ("time_missing", 'say"so"')),
            rf'x\ y,device=a\ b\,c\=d value=-0.005,delay_s=-1,flags="time_missing say\"so\"" {AT}',
            id="what separates is escaped",
        ),
        pytest.param(
            StoredReading("a\\", "#1", AT, 0, AT, ("100%\n",)),
            f'%231,device=a%5C value=0,delay_s=0,flags="100%25%0A" {AT}',
            id="what no line can say",
        ),
        pytest.param(StoredReading("", "", AT, 1000, AT), f"%,device=% value=1,delay_s=0 {AT}", id="no name"),
    ],
)
def test_a_reading_is_one_line(reading, written):
    assert line(reading) == written


@given(VALUES)
def test_thousandths_are_written_exactly(value):
    text = thousandths(value)
    assert re.fullmatch(r"-?\d+(\.\d{0,2}[1-9])?", text)
    assert float(text) == value / 1000


@given(NAMES, NAMES)
def test_names_come_back_and_no_two_are_written_alike(one, other):
    assert name_of(safe(one)) == one
    assert name_of(safe_measurement(one)) == one
    assert (safe(one) == safe(other)) == (one == other)


def parts(text, separator, quotes=False):
    """Split at a separator that has no backslash before it and, in fields, stands in no quotes: letter by letter."""
    found, quoted, n = [""], False, 0
    while n < len(text):
        if text[n] == "\\" and n + 1 < len(text):
            found[-1] += text[n : n + 2]
            n += 2
            continue
        quoted ^= quotes and text[n] == '"'
        if text[n] == separator and not quoted:
            found.append("")
        else:
            found[-1] += text[n]
        n += 1
    return found


@given(NAMES, NAMES, VALUES, FLAGS)
def test_a_line_says_the_same_by_the_rules(device, quantity, value, flags):
    written = line(StoredReading(device, quantity, AT, value, AT, flags))
    assert not set(written) & {chr(code) for code in (*range(32), 127)}
    head, rest = written.split(" value=")
    measurement, tag = parts(head, ",")
    key, named = parts(tag, "=")
    plain = re.compile(r"\\([,= ])")
    assert name_of(plain.sub(r"\1", measurement)) == quantity
    assert (key, name_of(plain.sub(r"\1", named))) == ("device", device)
    fields, at = parts(f"value={rest}", " ", quotes=True)
    assert int(at) == AT
    said = dict(one.split("=", 1) for one in parts(fields, ",", quotes=True))
    assert float(said["value"]) == value / 1000
    assert said["delay_s"] == "0"
    assert name_of(said.get("flags", '"%"')[1:-1].replace('\\"', '"')) == " ".join(flags)


@st.composite
def batches(draw):
    """Readings with every kind of name, each key once."""
    rows = draw(st.lists(st.tuples(NAMES, NAMES, VALUES, FLAGS), min_size=80, max_size=80, unique_by=lambda r: r[:2]))
    return [StoredReading(d, q, AT + n, v, AT + n + 1, f) for n, (d, q, v, f) in enumerate(rows)]


def drawn(number):
    """Return `number` different batches, the same ones in every run."""
    found = []

    @settings(
        max_examples=number, derandomize=True, database=None, phases=[Phase.generate], deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(batches())
    def collect(rows):
        found.append(rows)

    collect()
    return found


@pytest.mark.slow
def test_two_real_parsers_read_back_what_was_written(influx, victoria):
    written = drawn(4)
    for n, rows in enumerate(written):
        influx.query(f'CREATE DATABASE "b{n}"', "")
        for server in (influx, victoria):
            asked = {"db": f"b{n}", "precision": "ms"}
            answer = httpx.post(server.url + "/write", params=asked, content=lines(rows), trust_env=False)
            assert answer.status_code == 204, answer.text
    for n, rows in enumerate(written):
        found = influx.points(f"b{n}", "autogen")
        keys = {(safe(r.device), safe_measurement(r.quantity), r.measured_ms): r for r in rows}
        assert {key: value["value"] for key, value in found.items()} == {k: r.value / 1000 for k, r in keys.items()}
        assert {k: v["flags"] for k, v in found.items() if "flags" in v} == {
            k: safe(" ".join(r.flags)) for k, r in keys.items() if r.flags
        }
        until(lambda n=n, keys=keys: len(victoria.points(f"b{n}")) == len(keys), 15, "all points found")
        got = victoria.points(f"b{n}")
        assert set(got) == set(keys)
        for key, reading in keys.items():
            assert got[key] == pytest.approx(reading.value / 1000, rel=1e-15)
