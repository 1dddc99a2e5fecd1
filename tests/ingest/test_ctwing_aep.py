"""CTWing's pushes: what the envelope says, what is in it, and what of it must never come out."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.devices import Decoded, DeviceMemory, ctwing_aep, decode
from ingest.key_map import NO_KEYS, KeyMap, KeyRule
from ingest.measures import moment
from ingest.rules import ReaderRules

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
AT = 1_650_554_828_842
FRAME = "6810670517240000008116901F01000300002C000300002C0000000000000000FFC316"


def push(payload: object, kind: str = "dataReport", topic: str = "ctwing/push", **more: Any) -> Decoded:
    known = more.pop("keys", NO_KEYS)
    message = {
        "messageType": kind,
        "deviceId": "d1",
        "timestamp": AT,
        "productId": "15",
        "IMEI": "862592050000000",
        **more,
    }
    if payload is not None:
        message["payload"] = payload
    return decode(topic, json.dumps(message).encode(), NOW, memory=DeviceMemory(rules=ReaderRules(keys=known)))


def app(data: bytes) -> dict[str, str]:
    return {"APPdata": b64encode(data).decode()}


def said(decoded: Decoded) -> list[tuple[Any, ...]]:
    assert decoded.rejected is None
    return [(one.quantity, one.value, one.flags) for one in decoded.readings]


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        pytest.param({"serviceData": {"Battery_Level": 100}}, [("battery", 100, ())], id="a codec with a service"),
        pytest.param({"battery_value": 90, "battery_voltage": 3.625}, [("battery", 90, ()), ("battery_voltage", 3.625, ())], id="bare"),
        pytest.param({"serviceData": {"MeterData": {"temperature": 22}}}, [("temperature", 22, ())], id="nested"),
        pytest.param([{"serviceData": {"TData": 30}}], [("temperature", 30, ())], id="a list"),
        pytest.param('{"battery_value":90}', [("battery", 90, ())], id="a text"),
        pytest.param(app(b'{"totalFlow_m3": 1.5}'), [("water_volume_total", 1500, ())], id="JSON in base64"),
        pytest.param(app(b'{"b":[{"id":"2222","v":"1"}],"c":27}'), [("available", True, ("meaning_unknown",))], id="JSON of a maker's own"),
        pytest.param(app(b"{broken"), [("available", True, ("raw_payload",))], id="JSON that is none"),
        pytest.param(app(bytes.fromhex(FRAME)), [("water_volume_total", 3000, ()), ("valve_open", True, ())], id="a frame"),
        pytest.param(app(FRAME.encode()), [("water_volume_total", 3000, ()), ("valve_open", True, ())], id="a frame as text"),
        pytest.param({"APPdata": FRAME}, [("water_volume_total", 3000, ()), ("valve_open", True, ())], id="a frame without base64"),
        pytest.param({"Data": FRAME}, [("water_volume_total", 3000, ()), ("valve_open", True, ())], id="a frame in a field"),
        pytest.param(app(b"\x01\x01VV1.0\x00\x00"), [("available", True, ("raw_payload",))], id="bytes of a maker's own"),
        pytest.param({"APPdata": "***"}, [("available", True, ("raw_payload",))], id="no base64"),
        pytest.param({"SignalPower": -792, "CellId": 66966098}, [("available", True, ("meaning_unknown",))], id="signals"),
        pytest.param({}, [("available", True, ("meaning_unknown",))], id="nothing"),
    ],
)  # fmt: skip
def test_a_report_is_read_however_it_is_packed(payload: object, wanted: object) -> None:
    decoded = push(payload)
    assert said(decoded) == wanted
    assert {(one.device, one.time) for one in decoded.readings} == {("d1", moment(AT))}


@pytest.mark.parametrize(
    ("stamp", "flags"), [(None, ("time_missing",)), (0, ("implausible_time",)), ("", ("time_missing",))]
)
def test_without_the_platform_s_time_arrival_stands_in(stamp: object, flags: tuple[str, ...]) -> None:
    (reading,) = push({"battery_value": 90}, timestamp=stamp).readings
    assert (reading.time, reading.flags) == (None, flags)


def test_the_platform_says_when_a_device_comes_and_goes() -> None:
    for event, on in ((1, True), (0, False)):
        assert said(push(None, "deviceOnlineOfflineReport", eventType=event)) == [("available", on, ())]


def test_a_word_that_is_neither_coming_nor_going_says_nothing() -> None:
    for event in (True, None, 2, "online", []):
        assert said(push(None, "deviceOnlineOfflineReport", eventType=event)) == []


def test_a_number_may_name_the_device() -> None:
    assert push({"battery_value": 90}, deviceId=1501708501).readings[0].device == "1501708501"


def test_a_topic_that_only_holds_the_word_is_not_the_platform_s() -> None:
    assert decode("zigbee2mqtt/aep/door", b'{"contact":true}', NOW).format == "zigbee2mqtt"


def test_an_event_says_what_its_content_says() -> None:
    assert said(push(None, "eventReport", eventType=2, eventContent={"battery_value": 9})) == [
        ("battery", 9, ("battery_low",))
    ]
    assert said(push(None, "eventReport", serviceId="sos", eventContent={})) == [("sos", True, ())]
    assert said(push(None, "eventReport", serviceId=1001, eventContent={"x": 1})) == [
        ("available", True, ("meaning_unknown",))
    ]


@pytest.mark.parametrize("kind", ["commandResponse", "dataReportTupUnion"])
def test_what_is_told_twice_or_to_the_platform_only_is_no_reading(kind: str) -> None:
    decoded = push({"battery_value": 90}, kind)
    assert (decoded.format, decoded.readings, decoded.rejected) == ("ctwing_aep", (), None)


def test_the_topic_inside_the_body_says_nothing() -> None:
    assert push({"battery_value": 90}, topic="any/bridge").format == "ctwing_aep"
    inside = json.dumps({"topic": "v1/up/ad", "deviceId": "d1"}).encode()
    assert decode("any/bridge", inside, NOW).format is None


@pytest.mark.parametrize("filler", ["", "undefined", None])
def test_without_a_device_a_digest_of_the_imei_stands_in(filler: object) -> None:
    device = push({"battery_value": 90}, deviceId=filler).readings[0].device
    assert device.startswith("imei-")
    assert "862592050000000" not in device
    assert "want 1 to 128" in (push({}, deviceId=filler, IMEI="undefined").rejected or "")


def test_nothing_personal_comes_out() -> None:
    personal = {
        "IMEI": "862592050000000",
        "IMSI": "460110000000000",
        "ICCID": "89860000000000000001",
        "Cell_ID": "38848339",
    }
    where = {"longitude": 113.91, "latitude": 22.56, "cell_id": 165115986}
    for payload in (
        {**personal, **where},
        {"serviceData": {**personal, **where, "battery_value": 90}},
        app(json.dumps(personal).encode()),
    ):
        shown = repr(push(payload, **personal))
        assert not any(str(value) in shown for value in (*personal.values(), *where.values()))


def test_the_configuration_says_what_a_product_means() -> None:
    fields = {"serviceData.MeterData.amount": "water_volume_total m3", "valveStatus": "valve_open"}
    told = KeyMap([KeyRule(("15",), fields)])
    payload = {"serviceData": {"MeterData": {"amount": 1.5, "valveStatus": 1}}}
    assert said(push(payload, keys=told)) == [("water_volume_total", 1500, ()), ("valve_open", True, ())]


@pytest.mark.parametrize("payload", [None, 7, "text", [], [1]])
def test_a_report_without_a_payload_is_refused_with_its_device(payload: object) -> None:
    decoded = push(payload)
    assert "payload: want an object" in (decoded.rejected or "")
    assert decoded.device == "d1"


@given(st.integers(0, 10**9 - 1))
def test_every_register_survives_encode_and_decode(litres: int) -> None:
    topic, payload = ctwing_aep.encode("meter-7", NOW.replace(second=0), litres + 0.5)
    total = decode(topic, payload, NOW).readings[0]
    assert (total.device, total.value, total.time) == ("meter-7", litres // 10 * 10, NOW.replace(second=0))


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.just(FRAME)
NAMES = st.sampled_from(["APPdata", "serviceData", "MeterData", "battery_value", "TData", "time", "sos"])
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner), max_leaves=10)
KINDS = st.sampled_from(["dataReport", "eventReport", "deviceOnlineOfflineReport"])


@settings(max_examples=60, deadline=None)
@given(KINDS, TREES, TREES)
def test_no_message_makes_the_reader_fail(kind: str, payload: object, other: object) -> None:
    decoded = push(payload, kind, eventContent=other, eventType=other, timestamp=other)
    assert "our reader failed" not in (decoded.rejected or "")


@settings(max_examples=60)
@given(st.binary(max_size=60))
def test_no_bytes_of_a_maker_make_the_reader_fail(data: bytes) -> None:
    decoded = push(app(data))
    assert decoded.rejected is None
    assert decoded.readings or data
