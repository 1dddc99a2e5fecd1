"""SenML: base values, times and what a unit makes of a number."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.devices import Decoded, DeviceMemory, decode, senml
from ingest.key_map import KeyMap, KeyRule
from ingest.measures import moment
from ingest.readings import WATER_VOLUME_TOTAL
from ingest.rules import ReaderRules

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
SIX = 1795240800


def read(records: object, topic: str = "senml/gw", **memory: Any) -> Decoded:
    payload = records if isinstance(records, bytes) else json.dumps(records).encode()
    return decode(topic, payload, NOW, False, DeviceMemory(**memory))


def said(decoded: Decoded) -> list[tuple[str, Any]]:
    assert decoded.rejected is None
    return [(one.quantity, one.value) for one in decoded.readings]


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ({"u": "m3", "v": 82.184}, (WATER_VOLUME_TOTAL, 82184)),
        ({"u": "l", "v": 82184}, (WATER_VOLUME_TOTAL, 82184)),
        ({"u": "m3/s", "v": 0.0001}, ("water_flow", 360)),
        ({"u": "l/s", "v": 0.1}, ("water_flow", 360)),
        ({"u": "m3/s", "s": 82.184}, (WATER_VOLUME_TOTAL, 82184)),
        ({"u": "K", "v": 293.15}, ("temperature", 20)),
        ({"u": "%RH", "v": 40}, ("humidity", 40)),
        ({"u": "%EL", "v": 90}, ("battery", 90)),
        ({"u": "V", "v": 3.6, "n": "battery"}, ("battery_voltage", 3.6)),
        ({"u": "V", "v": 230, "n": "mains"}, ("available", True)),
        ({"u": "Cel", "v": 127}, ("available", True)),
        ({"u": "m3", "s": 5}, ("available", True)),
        ({"n": ":leak", "vb": True}, ("water_leak", True)),
        ({"n": "open", "vb": False}, ("contact_open", False)),
        ({"n": "sos", "vb": True}, ("sos", True)),
        ({"n": "motion", "u": "/", "v": 1}, ("motion", True)),
        ({"n": "label", "vs": "Machine Room"}, ("available", True)),
        ({"u": "lat", "v": 60.07965}, ("available", True)),
    ],
)
def test_a_unit_says_which_quantity_it_is(record: dict[str, Any], wanted: tuple[str, Any]) -> None:
    assert said(read([{"bn": "urn:dev:mac:0024befffe804ff1", **record}])) == [wanted]


def test_base_values_hold_until_the_next_and_tell_devices_apart() -> None:
    decoded = read(
        [
            {"bn": "a", "bt": SIX, "bu": "m3", "bv": 80, "v": 2},
            {"v": 3, "t": -3600},
            {"bn": "b", "bu": "Cel", "bv": 0, "v": 21},
        ]
    )
    assert [(one.device, one.value, one.flags) for one in decoded.readings] == [
        ("a", 82000, ("batch",)),
        ("a", 83000, ("batch", "history")),
        ("b", 21, ()),
    ]
    assert decoded.readings[1].time == datetime(2026, 11, 21, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "wanted", "flags"),
    [
        ({}, None, ("time_missing",)),
        ({"t": 0}, None, ("time_missing",)),
        ({"t": -60}, NOW - timedelta(minutes=1), ()),
        ({"bt": SIX, "t": 1.5}, datetime(2026, 11, 21, 6, 0, 1, 500_000, tzinfo=UTC), ()),
        ({"t": 1e300}, None, None),
        ({"t": 4e9}, None, ("implausible_time",)),
    ],
)
def test_small_times_are_relative_to_now(time: dict[str, Any], wanted: datetime | None, flags: Any) -> None:
    decoded = read([{"n": "m", "u": "m3", "v": 1, **time}])
    if flags is None:
        assert decoded.rejected
    else:
        assert [(one.time, one.flags) for one in decoded.readings] == [(wanted, flags)]


def test_labels_and_places_never_come_out() -> None:
    decoded = read([{"bn": "m1:", "n": "label", "vs": "Mrs Smith"}, {"n": "lat", "u": "lat", "v": 60.07965}])
    assert "Smith" not in repr(decoded)
    assert "60.07965" not in repr(decoded)


@pytest.mark.parametrize(
    ("records", "complaint"),
    [
        ({"n": "x"}, "payload: want a list"),
        ([7], "records[0]: want an object, got 7"),
        ([{"n": "x", "u": "m3", "v": "1"}], "records[0]: v: want a number, got '1'"),
        ([{"n": "", "v": 1}], "records[0]: name: want letters"),
        ([{"n": "x y", "v": 1}], "records[0]: name: want letters"),
        ([{"n": 7, "v": 1}], "records[0]: name: want texts"),
        ([{"bver": 11, "n": "x", "v": 1}], "records[0]: bver: want a version up to 10"),
        ([{"n": "x", "v": 1, "max_": 2}], "records[0]: want fields of RFC 8428"),
        (b'[{"n":"x","u":"m3","v":NaN}]', "want finite numbers"),
    ],
)
def test_what_breaks_the_format_is_refused(records: object, complaint: str) -> None:
    assert complaint in (read(records).rejected or "")


def test_names_that_nobody_knows_mean_what_the_configuration_says() -> None:
    keys = KeyMap([KeyRule(("urn:dev:1",), {"ctr": "water_volume_total L", "f": "water_flow L/min"})])
    records = [{"bn": "urn:dev:1", "n": "ctr", "v": 12}, {"n": "f", "vs": "2"}]
    assert said(read(records, rules=ReaderRules(keys=keys))) == [(WATER_VOLUME_TOTAL, 12), ("water_flow", 120)]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 10**8), min_size=1, max_size=5), st.integers(1_010_000_000, 1_795_000_000))
def test_what_the_simulators_write_is_read_again(litres: list[int], start: int) -> None:
    said = [(moment(1000 * (start + 900 * place)), float(one)) for place, one in enumerate(litres)]
    topic, payload = senml.encode("urn:dev:mac:0024befffe804ff1", said)
    decoded = decode(topic, payload, said[-1][0])
    assert [(one.time, one.value) for one in decoded.readings] == said


def test_a_day_of_minutes_is_read() -> None:
    day = [(NOW - timedelta(minutes=n), float(n)) for n in reversed(range(1440))]
    assert len(decode(*senml.encode("urn:dev:1", day), NOW).readings) == 1440


def test_more_records_than_a_meter_has_in_a_day_are_refused_whole() -> None:
    decoded = read([{"n": "urn:dev:1", "u": "l", "v": n} for n in range(1501)])
    assert decoded.readings == ()
    assert decoded.rejected == "payload: want a list of at most 1500 records, got 1501: send them in parts"


def test_names_are_joined_with_the_base_that_holds_then() -> None:
    records = [
        {"bn": "a-", "n": "1", "u": "l", "v": 1},
        {"n": "1", "u": "m3", "v": 1},
        {"bn": "b-"},
        {"n": "1", "u": "l", "v": 2},
    ]
    assert [(one.device, one.value) for one in read(records).readings] == [("a-", 1), ("a-", 1000), ("b-", 2)]
