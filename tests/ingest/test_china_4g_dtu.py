"""Chinese 4G units: what each type of message means, and what of it must never come out."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.devices import Decoded, DeviceMemory, china_4g_dtu, decode
from ingest.key_map import KeyMap, KeyRule
from ingest.rules import ReaderRules

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
IMEI = "867713070000000"
UNIT, MUJIYUN = f"yomtey/prod/s/{IMEI}", f"/iotinfo/{IMEI}"
FRAME = "6810670517240000008116901F01000300002C000300002C0000000000000000FFC316"


def read(topic: str, message: object, retain: bool = False, **known: Any) -> Decoded:
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    return decode(topic, payload, NOW, retain, DeviceMemory(**known))


def said(decoded: Decoded) -> list[tuple[Any, ...]]:
    assert decoded.rejected is None
    assert all(one.time is None and one.flags[-1] == "time_missing" for one in decoded.readings)
    return [(one.quantity, one.value, one.flags[:-1]) for one in decoded.readings]


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"DEVTYPE": "M1", "METERSUM": 3000}, [("water_volume_total", 3000, ("unit_assumed_l",))]),
        ({"DEVTYPE": "M1", "METERSUM": "0003000"}, [("water_volume_total", 3000, ("unit_assumed_l",))]),
        ({"DEVTYPE": "M1", "METERSUM": ""}, [("available", True, ("no_reading",))]),
        ({"DEVTYPE": "M1", "METERSUM": "nan"}, [("available", True, ("no_reading",))]),
        ({"DEVTYPE": "M1", "METERSUM": -10}, [("available", True, ("no_reading",))]),
        ({"DEVTYPE": "M0", "METERSUM": 10}, [("water_volume_total", 10, ("unit_assumed_l",))]),
        ({"DEVTYPE": "M0", "VALSTATE": 11, "BATT": 3650}, [("valve_open", True, ()), ("battery_voltage", 3.65, ())]),
        ({"DEVTYPE": "M0", "VALSTATE": 22}, [("valve_open", False, ())]),
        ({"DEVTYPE": "M0", "VALSTATE": 33}, [("valve_open", False, ())]),
        ({"DEVTYPE": "M0", "VALSTATE": 44}, [("available", True, ("sensor_fault",))]),
        ({"DEVTYPE": "M0", "VALSTATE": 5, "BATT": 0}, [("available", True, ("no_reading",))]),
        ({"DEVTYPE": "M2", "INFO": 3}, [("available", True, ("read_error",))]),
        ({"DEVTYPE": "M2", "INFO": 4}, [("available", False, ())]),
        ({"DEVTYPE": "M2", "INFO": "4"}, [("available", False, ())]),
        ({"DEVTYPE": "M2", "INFO": 9}, [("available", True, ("meaning_unknown",))]),
        (
            {"DEVTYPE": "M3", "FUNCCODE": "A3", "METERSUM": 30, "UPDATA": 30},
            [("water_volume_total", 30, ("unit_assumed_l",))],
        ),
        ({"DEVTYPE": "M3", "FUNCCODE": "C5", "UPDATA": 22}, [("valve_open", False, ())]),
        ({"DEVTYPE": "M3", "FUNCCODE": "C4", "UPDATA": "60"}, [("available", True, ("no_reading",))]),
    ],
)
def test_the_type_decides_what_a_message_means(fields: dict[str, object], wanted: object) -> None:
    assert said(read(UNIT, {"SN": IMEI, **fields})) == wanted


@pytest.mark.parametrize(("unit", "litres"), [("L", 3_000), ("m3", 3_000_000)])
def test_a_unit_of_the_registry_ends_the_guess(unit: str, litres: int) -> None:
    message = {"DEVTYPE": "M1", "SN": IMEI, "METERSUM": 3000}
    assert said(read(UNIT, message, unit=lambda device, time: unit)) == [("water_volume_total", litres, ())]


@pytest.mark.parametrize(
    "topic", [UNIT, f"yomtey/test/s/{IMEI}", f"pushinfo/{IMEI}", f"kh01/s/{IMEI}", f"hengtong/meter/s/{IMEI}", "a/b"]
)
def test_every_customer_s_topic_is_read(topic: str) -> None:
    decoded = read(topic, {"DEVTYPE": "M1", "SN": IMEI, "METERSUM": 10})
    assert decoded.format == "china_4g_dtu"
    assert decoded.readings[0].device == IMEI


def test_without_a_serial_number_the_topic_names_the_unit() -> None:
    assert read(UNIT, {"DEVTYPE": "M1", "METERSUM": 10}).readings[0].device == IMEI
    assert "SN: want" in (read("a/b", {"DEVTYPE": "M1", "METERSUM": 10}).rejected or "")


def test_nothing_personal_comes_out() -> None:
    personal = {"ICCID": "89860000000000000001", "LAT": 30.1234, "LNG": 120.4321, "METERNO": "00000024170567"}
    shown = repr(read(UNIT, {"DEVTYPE": "M0", "SN": IMEI, "BATT": 3650, **personal}))
    first = repr(read(MUJIYUN, {"d": json.dumps({"imei": IMEI, "lat": "30.1234", "iccid": personal["ICCID"]}), "o": 0}))
    assert not any(str(value) in shown + first for value in personal.values())


@pytest.mark.parametrize(
    ("message", "device", "wanted"),
    [
        ({"d": '{"111111111112":{"testKey":""}}', "o": 5}, "111111111112", [("available", True, ("no_reading",))]),
        (
            {"d": {"111111111112": {"totalVolume_m3": "1.5"}}, "o": 5},
            "111111111112",
            [("water_volume_total", 1500, ())],
        ),
        (
            {"d": '{"111111111112":{"testKey":"7"}}', "o": 5},
            "111111111112",
            [("available", True, ("meaning_unknown",))],
        ),
        ({"d": "{}", "o": 5}, IMEI, [("available", True, ("no_reading",))]),
        (
            {"d": '{"imei":"861551050000000","device":["111111111111"]}', "o": 0},
            IMEI,
            [("available", True, ("no_reading",))],
        ),
        ({"d": "32323232", "o": 2}, IMEI, [("available", True, ("raw_payload",))]),
        ({"d": FRAME, "o": 2}, "00000024170567", [("water_volume_total", 3000, ()), ("valve_open", True, ())]),
        (
            {"d": json.dumps({"7": {"raw": FRAME}}), "o": 5},
            "7",
            [("water_volume_total", 3000, ()), ("valve_open", True, ())],
        ),
        ({"d": '["82521236","9651325"]', "o": 3}, IMEI, [("available", True, ("no_reading",))]),
    ],
)
def test_mujiyun_writes_json_as_a_text_inside_json(message: object, device: str, wanted: object) -> None:
    decoded = read(MUJIYUN, message)
    assert said(decoded) == wanted
    assert {one.device for one in decoded.readings} == {device}


def test_a_meter_s_own_frame_is_read_on_these_topics_too() -> None:
    for payload in (FRAME.encode(), bytes.fromhex(FRAME)):
        decoded = read(f"pushinfo/{IMEI}", payload)
        assert (decoded.format, decoded.readings[0].device) == ("china_4g_dtu", "00000024170567")


HW230 = {"cm": 1, "ec": 1, "pk": 3, "im": IMEI, "id": "12345678", "ev": 3.6, "ss": 20, "tf": 12.5}


def test_a_collector_says_what_its_page_explains_and_the_configuration_adds() -> None:
    decoded = read("hw230/up", HW230)
    assert said(decoded) == [("battery_voltage", 3.6, ())]
    assert decoded.readings[0].device == "12345678"
    told = KeyMap([KeyRule(("china_4g_dtu",), {"tf": "water_volume_total m3"})])
    assert said(read("hw230/up", HW230, rules=ReaderRules(keys=told))) == [
        ("battery_voltage", 3.6, ()),
        ("water_volume_total", 12_500, ()),
    ]
    assert said(read("hw230/up", {**HW230, "cm": 2})) == [("battery_voltage", 3.6, ("history",))]
    assert said(read("hw230/up", {**HW230, "ev": 0, "tf": ""}))[0][0] == "available"
    assert said(read("hw230/up", {"cm": 1, "pk": 1, "im": IMEI, "id": ""})) == [("available", True, ("no_reading",))]


def test_a_frame_of_its_maker_s_own_shows_whose_it_is_and_no_more() -> None:
    text = b"HDWB:L9103M0140B4233C00U5F01T48031823011224PB5F85201000000B4233C00023201962"
    decoded = read("meters/up", text)
    assert said(decoded) == [("available", True, ("raw_payload",))]
    assert decoded.readings[0].device == "000060009140"
    assert "want HDWB:" in (read("meters/up", b"HDWB:L91").rejected or "")


@pytest.mark.parametrize(
    ("topic", "message", "complaint"),
    [
        (UNIT, b"{DEVTYPE:1}", "want JSON"),
        (UNIT, b"online", "want JSON"),
        (UNIT, {"SN": IMEI}, "DEVTYPE: want M0"),
        (MUJIYUN, {"d": "no json", "o": 5}, "d: payload: want JSON"),
        (MUJIYUN, {"d": 7, "o": 5}, "d: want an object of meters"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_unit(topic: str, message: object, complaint: str) -> None:
    decoded = read(topic, message)
    assert complaint in (decoded.rejected or "")
    assert decoded.device == IMEI


def test_a_retained_copy_is_marked() -> None:
    assert "retained" in read(UNIT, {"DEVTYPE": "M2", "SN": IMEI, "INFO": 4}, retain=True).readings[0].flags


@given(st.integers(0, 10**9))
def test_every_register_survives_encode_and_decode(litres: int) -> None:
    topic, payload = china_4g_dtu.encode(IMEI, NOW, litres + 0.5)
    (reading,) = decode(topic, payload, NOW).readings
    assert (reading.device, reading.value) == (IMEI, litres // 10 * 10)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["M0", "M3", "C5", FRAME])
)
NAMES = [
    "DEVTYPE",
    "SN",
    "METERSUM",
    "VALSTATE",
    "UPDATA",
    "FUNCCODE",
    "BATT",
    "INFO",
    "d",
    "o",
    "cm",
    "im",
    "pk",
    "id",
    "ev",
]
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner), max_leaves=5
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([UNIT, MUJIYUN, "a/b"]), st.dictionaries(st.sampled_from(NAMES), TREES))
def test_no_message_makes_the_reader_fail(topic: str, message: dict[str, object]) -> None:
    for kind in ({}, {"DEVTYPE": "M0"}, {"o": 5}, {"o": 5, "d": json.dumps(message.get("d"))}):
        assert "our reader failed" not in (read(topic, {**message, **kind}).rejected or "")
