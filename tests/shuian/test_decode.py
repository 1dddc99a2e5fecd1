"""The command `decode`: one line out for every line in, whatever the line."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.devices import FORMATS
from ingest.key_map import KeyMap, KeyRule
from ingest.rules import ReaderRules
from shuian.decode import run

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
METER = {
    "media": "cold water",
    "meter": "multical21",
    "name": "MainWater",
    "id": "76400000",
    "status": "LEAK",
    "total_m3": 82.184,
    "flow_temperature_c": 4,
    "timestamp": "2023-01-21T14:29:47.5Z",
}


def answers(*lines: str) -> list[dict[str, Any]]:
    out = io.StringIO()
    run(lines, out, lambda: NOW)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_the_lines_of_mosquitto_sub_are_read_as_they_come() -> None:
    line = {"tst": "2026-11-22T13:00:00.5Z", "topic": "tele/water/LWT", "qos": 1, "retain": 1, "payloadlen": 6}
    (answer,) = answers(json.dumps(line | {"payload": "Online"}))
    assert answer["readings"][0]["flags"] == ["retained", "time_missing"]


@pytest.mark.parametrize("payload", [METER, json.dumps(METER)], ids=["as an object", "as text"])
def test_a_message_is_told_in_the_words_of_the_project(payload: object) -> None:
    (answer,) = answers(json.dumps({"topic": "wmbusmeters/MainWater", "payload": payload, "retain": True, "qos": 0}))
    time = "2023-01-21T14:29:47.500Z"
    assert answer == {
        "format": "wmbusmeters",
        "readings": [
            {
                "device": "76400000",
                "quantity": "water_volume_total",
                "value": 82184,
                "unit": "L",
                "time": time,
                "flags": ["meter_alarm:leak"],
            },
            {
                "device": "76400000",
                "quantity": "temperature",
                "value": 4,
                "unit": "Cel",
                "time": time,
                "flags": [],
                "channel": "water",
            },
        ],
        "rejected": None,
    }


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line: want a JSON object"),
        ("[1]", "line: want a JSON object, got list"),
        ("[" * 100_000, "line: want a JSON object"),
        ('{"payload":""}', "topic: want a text"),
        ('{"topic":"a"}', "payload: want a text or a JSON value, got nothing"),
        ('{"topic":"a","payload":"","retain":"yes"}', "retain: want true or false"),
        ('{"topic":"wmbusmeters/x","payload":null}', "want a JSON object, got nothing"),
        ('{"topic":"wmbusmeters/x","payload":"\\ud800"}', "want UTF-8"),
        ('{"topic":"a/b","payload":"68657"}', "unknown format"),
    ],
)
def test_a_bad_line_is_answered_and_the_next_one_is_read(line: str, complaint: str) -> None:
    bad, good = answers(line, json.dumps({"topic": "wmbusmeters/x", "payload": METER}))
    assert bad["readings"] == []
    assert complaint in bad["rejected"]
    assert good["rejected"] is None


def test_half_a_batch_is_readings_and_a_complaint() -> None:
    payload = {"measurements": [{"quantity": "water_flow", "value": 1, "unit": "L/h"}, {"quantity": "motion"}]}
    (answer,) = answers(json.dumps({"topic": "t/v1/s/wm-1/up", "payload": payload}))
    assert [reading["flags"] for reading in answer["readings"]] == [["time_missing"]]
    assert answer["rejected"] == "measurements[1]: value: want true or false for motion, got nothing"


def test_empty_lines_are_passed_over() -> None:
    assert answers("\n", "  \n") == []


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\n\r"), min_size=1).filter(str.strip), max_size=5))
def test_any_lines_are_answered_in_number(lines: list[str]) -> None:
    assert len(answers(*lines)) == len(lines)


def test_fields_of_a_codec_mean_what_the_configuration_says() -> None:
    message = {"deviceInfo": {"deviceProfileName": "Acme 9", "devEui": "0101010101010101"}, "object": {"ctr": 12}}
    line = json.dumps({"topic": "application/a/device/0101010101010101/event/up", "payload": message})
    out = io.StringIO()
    keys = KeyMap([KeyRule(("acme*",), {"ctr": "water_volume_total m3"})])
    run([line], out, lambda: NOW, ReaderRules(keys=keys))
    (reading,) = json.loads(out.getvalue())["readings"]
    assert (reading["quantity"], reading["value"], reading["unit"]) == ("water_volume_total", 12000, "L")


def test_a_file_that_begins_with_a_byte_order_mark_loses_no_message() -> None:
    first, second = answers(
        *["\ufeff" * first + json.dumps({"topic": "tele/water/LWT", "payload": "Online"}) for first in (1, 0)]
    )
    assert first == second
    assert first["format"] == "tasmota"


def test_all_formats_in_one_stream_are_answered_in_order_whatever_lies_between() -> None:
    garbage = [
        "no JSON",
        "[]",
        '{"topic": 1, "payload": "x"}',
        '{"topic": "a"}',
        "[" * 3000,
        '{"topic": "a/b", "payload": null}',
    ]
    samples = [(form.name, one) for form in FORMATS.values() for one in form.samples if not one.rules.plain]
    lines, wanted = [], []
    for turn, (name, one) in enumerate(sorted(samples, key=lambda pair: pair[1].source)):  # mixed, and always the same
        payload = one.payload.decode() if one.payload.isascii() or b"{" in one.payload else one.payload.hex()
        lines += [json.dumps({"topic": one.topic, "payload": payload, "retain": one.retain, "note": "extra"})]
        lines += [garbage[turn % len(garbage)]]
        wanted += [name, None]
    answered = answers(*lines)
    assert [one["format"] for one in answered] == wanted
    assert all(one["rejected"] for one in answered[1::2])
