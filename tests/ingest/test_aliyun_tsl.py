"""Thing models of Alibaba Cloud and its kin: wrapped and bare values, packs, and identifiers that say too little."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.bindings import Binding, FixedBindings
from ingest.devices import Decoded, DeviceMemory, aliyun_tsl, decode
from ingest.measures import moment
from ingest.quality import Memory, Message, judge

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
MOMENTS = st.integers(1_010_000_000_000, 1_795_000_000_000).map(moment)
"""From 2002 to 2026, to the millisecond."""
NOW_MS = 1_795_240_800_000
TOPIC = "/sys/a1XXXXXXXXX/meter1/thing/event/property/post"


def post(params: object, topic: str = TOPIC, retain: bool = False, unit: str | None = None, **more: Any) -> Decoded:
    payload = json.dumps({"id": "7", "params": params, "method": "thing.event.property.post", **more}).encode()
    return decode(topic, payload, NOW, retain, DeviceMemory(unit=lambda device, time: unit))


def said(decoded: Decoded) -> list[tuple[str, Any]]:
    assert decoded.rejected is None
    return [(reading.quantity, reading.value) for reading in decoded.readings]


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (105.66, None),
        ({"value": 105.66}, None),
        ({"value": 105.66, "time": NOW_MS}, moment(NOW_MS)),
        ({"value": "105.66", "time": str(NOW_MS)}, moment(NOW_MS)),
        ({"value": 105.66, "time": NOW_MS // 1000}, moment(NOW_MS)),
    ],
)
def test_values_come_bare_or_wrapped_as_numbers_or_text(value: object, time: datetime | None) -> None:
    (reading,) = post({"WaterCFV": value}).readings
    assert (reading.value, reading.unit, reading.time) == (105_660, "L", time)
    assert reading.flags == (() if time else ("time_missing",))
    assert reading.extra == ({} if time else {"message_id": "7"})


@pytest.mark.parametrize("time", [1, 12345, "soon", -NOW_MS, 9_999_999_999_999, {"value": 1}, 1.5])
def test_a_time_that_cannot_be_gives_way_to_arrival(time: object) -> None:
    (reading,) = post({"WaterCFV": {"value": 1, "time": time}}).readings
    assert (reading.time, reading.flags) == (None, ("implausible_time",))


@pytest.mark.parametrize(
    "params",
    [
        {"WF": {"value": 23.6}},
        {"RGBColor": {"Red": 247, "value_of": 1}},
        {"PowerConsumption": 12},
        {"Power": 23.5},
        {"DayWaterCFV": {"1": 105.66, "2": 0}},
        {"Relay": 1},
        {},
        [],
    ],
)
def test_an_identifier_that_says_too_little_is_no_reading(params: object) -> None:
    (reading,) = post(params).readings
    assert (reading.quantity, reading.flags) == ("available", ("meaning_unknown", "time_missing"))


def test_water_without_a_unit_stays_a_number_until_the_registry_says_it() -> None:
    (reading,) = post({"TotalFlow": 12.5}).readings
    assert (reading.value, reading.unit, reading.extra["raw"]) == (None, "L", 12.5)
    assert "unit_unknown" in reading.flags
    assert said(post({"TotalFlow": 12.5}, unit="m3")) == [("water_volume_total", 12_500)]


def test_what_has_no_unit_is_not_stored_and_the_reason_names_the_registry() -> None:
    payload = b'{"params":{"TotalFlow":12.5,"Temp":20}}'
    binding = Binding("meter1", "aliyun_tsl", datetime(2026, 1, 1, tzinfo=UTC))
    message = Message(TOPIC, payload, NOW)
    judged = judge(message, decode(TOPIC, payload, NOW), FixedBindings([binding]), Memory())
    assert [(row.quantity, row.value) for row in judged.readings] == [("temperature", 20_000)]
    assert [one.reason for one in judged.rejects] == [
        "unit unknown: want a unit in the registry for water_volume_total, got none"
    ]


def test_a_flow_without_a_unit_is_no_matter_of_the_registry() -> None:
    payload = b'{"params":{"WaterCFV":12.5,"FlowRate":3}}'
    message = Message(TOPIC, payload, NOW)
    bound = FixedBindings([Binding("meter1", "aliyun_tsl", datetime(2026, 1, 1, tzinfo=UTC), unit="m3")])
    judged = judge(message, decode(TOPIC, payload, NOW), bound, Memory())
    assert [(row.quantity, row.value) for row in judged.readings] == [("water_volume_total", 12_500_000)]
    assert [one.reason for one in judged.rejects] == [
        "unit unknown: want a unit in [[keys]] or the device's messages for water_flow, got none"
    ]


def test_a_batch_of_one_property_keeps_each_time() -> None:
    values = [{"value": n, "time": NOW_MS - 3_600_000 * n} for n in (1, 0)]
    readings = post({"properties": {"WaterCFV": values}}, "/sys/p/meter1/thing/event/property/batch/post").readings
    assert [(one.value, one.time) for one in readings] == [(1000, moment(NOW_MS - 3_600_000)), (0, moment(NOW_MS))]
    assert {one.flags for one in readings} == {("batch",)}


def test_a_pack_names_its_sub_devices() -> None:
    params = {
        "properties": {"Power": {"value": "on", "time": NOW_MS}},
        "subDevices": [
            {"identity": {"productKey": "p2", "deviceName": "tap-7"}, "properties": {"WaterCFV": {"value": 2, "time": NOW_MS}}}
        ],
    }  # fmt: skip
    readings = post(params, "/sys/p/gw/thing/event/property/pack/post").readings
    assert [(one.device, one.quantity) for one in readings] == [("gw", "switch"), ("tap-7", "water_volume_total")]


def test_history_of_several_devices_is_read() -> None:
    params = [{"identity": {"deviceName": "tap-7"}, "properties": [{"Temp": {"value": 20, "time": NOW_MS}}]}]
    readings = post(params, "/sys/p/gw/thing/event/property/history/post").readings
    assert [(one.device, one.value, one.time) for one in readings] == [("tap-7", 20, moment(NOW_MS))]


@pytest.mark.parametrize(
    ("topic", "message", "wanted"),
    [
        ("/sys/p/d1/thing/event/measurepoint/post", {"params": {"measurepoints": {"Temp": {"value": 20}}, "time": NOW_MS}}, "d1"),
        ("sys/p/d1/thing/properties/up", {"params": {"Temp": {"value": 20, "time": NOW_MS}}}, "d1"),
        ("/p/d1/properties/report", {"timestamp": NOW_MS, "properties": {"Temp": 20}}, "d1"),
        ("/demo/sys/p/d1/thing/event/property/post", {"params": {"Temp": 20}, "time": NOW_MS}, "d1"),
        ("/sys/p/d1/thing/measurepoint/post", {"params": {"measurepoints": {"Temp": {"value": 20, "quality": 9}}, "time": NOW_MS}}, "d1"),
        ("sys/p/gw/thing/properties/gateway/up", {"params": {"subDevices": [{"identity": {"productId": "p", "deviceId": "d1"}, "properties": {"a:Temp": {"value": 20, "time": NOW_MS}}}]}}, "d1"),
        ("/p/d1/thing/event/property/post", {"productKey": "p", "items": {"Temp": {"value": 20, "time": NOW_MS}}}, "d1"),
        ("/p/gw/child/d1/properties/report", {"timestamp": NOW_MS, "properties": {"Temp": 20}}, "d1"),
        ("/report-property", {"deviceId": "d1", "timestamp": NOW_MS, "properties": {"Temp": 20}}, "d1"),
        ("aiot/props", [{"productId": "p", "deviceId": "d1", "properties": [{"key": "Temp", "value": 20, "time": NOW_MS}]}], "d1"),
        ("/p/d1/data", {"params": {"Temp": {"value": 20, "time": NOW_MS}}, "method": "thing.event.property.post"}, "d1"),
    ],
)  # fmt: skip
def test_platforms_of_the_same_shape_are_read(topic: str, message: object, wanted: str) -> None:
    decoded = decode(topic, json.dumps(message).encode(), NOW)
    assert decoded.format == "aliyun_tsl"
    assert [(one.device, one.value, one.time) for one in decoded.readings] == [(wanted, 20, moment(NOW_MS))]


def test_history_is_marked_whatever_its_shape() -> None:
    params = [{"identity": {"deviceName": "tap-7"}, "properties": [{"Temp": {"value": 20, "time": NOW_MS}}]}]
    assert post(params, "/sys/p/gw/thing/event/property/history/post").readings[0].flags == ("history",)


def test_a_meter_s_own_frame_needs_no_script() -> None:
    frame = bytes.fromhex("6810670517240000008116901F01000300002C000300002C0000000000000000FFC316")
    decoded = decode("/sys/p/meter1/thing/model/up_raw", frame, NOW)
    assert said(decoded) == [("water_volume_total", 3000), ("valve_open", True)]
    assert decoded.device == "meter1"


@pytest.mark.parametrize(
    ("topic", "message", "on"),
    [
        ("/as/mqtt/status/p/d1", {"status": "online", "utcTime": "2026-11-21T06:00:00.000Z"}, True),
        ("/as/mqtt/status/p/d1", {"status": "offline", "time": "2026-11-21 14:00:00.000"}, False),
        (
            "/as/mqtt/status/p/d1",
            {"traceId": "1", "content": {"status": "online", "utcTime": "2026-11-21T06:00:00.000Z"}},
            True,
        ),
        ("/p/d1/offline", {}, False),
        ("/p/gw/child/d1/connected", {"timestamp": NOW_MS}, True),
    ],
)
def test_platforms_say_when_a_device_comes_and_goes(topic: str, message: object, on: bool) -> None:
    (reading,) = decode(topic, json.dumps(message).encode(), NOW).readings
    assert (reading.device, reading.quantity, reading.value) == ("d1", "available", on)


def test_devices_of_a_list_that_say_nothing_known_live() -> None:
    def told(device: str, key: str) -> dict[str, object]:
        return {"productId": "p", "deviceId": device, "properties": [{"key": key, "value": 2, "time": NOW_MS}]}

    decoded = decode("aiot/props", json.dumps([told("d1", "Temp"), told("d2", "WF")]).encode(), NOW)
    assert [(one.device, one.quantity) for one in decoded.readings] == [("d1", "temperature"), ("d2", "available")]
    assert "want a list of devices" in (
        decode("aiot/props", json.dumps([told("a/b", "Temp")]).encode(), NOW).rejected or ""
    )


@pytest.mark.parametrize(
    "rest", ["service/property/set", "event/property/post_reply", "model/down_raw", "deviceinfo/update", "ntp"]
)
def test_what_platform_and_device_say_to_each_other_is_no_reading(rest: str) -> None:
    decoded = post({"Power": 1}, f"/sys/p/meter1/thing/{rest}")
    assert (decoded.readings, decoded.rejected) == ((), None)


def test_an_event_is_a_call_for_help_only_by_its_name() -> None:
    body = {"value": {"Power": "on"}, "time": NOW_MS}
    assert said(post(body, "/sys/p/button/thing/event/SosAlarm/post")) == [("sos", True)]
    assert said(post(body, "/sys/p/button/thing/event/error/post")) == [("available", True)]


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({"CurrentHumidity": 58, "CurrentTemperature": 23}, [("humidity", 58), ("temperature", 23)]),
        ({"LightSwitch": 0}, [("switch", False)]),
        ({"WaterSensorState": 1}, [("water_leak", True)]),
        ({"SOS": 1}, [("sos", True)]),
        ({"SOS": 0}, [("available", True)]),
        ({"BatteryPercentage": 12}, [("battery", 12)]),
        ({"Temp": 999, "Hum": "nan", "Battery": True}, [("available", True)]),
        ({"WaterCFV": -1}, [("available", True)]),
    ],
)
def test_identifiers_that_say_what_they_are_get_read(params: object, wanted: list[Any]) -> None:
    assert said(post(params)) == wanted


def test_a_door_says_that_its_polarity_is_in_doubt() -> None:
    assert post({"ContactState": 1}).readings[0].flags == ("polarity_unknown", "time_missing")


def test_a_retained_copy_is_marked() -> None:
    assert post({"SOS": 1}, retain=True).readings[0].flags == ("retained", "time_missing")


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (b'{"params":"none"}', "params: want an object, got 'none'"),
        (b'{"method":"x"}', "params: want an object, got nothing"),
        (b"[1]", "want a JSON object"),
        (
            b'{"params":{"properties":{"Temp":[' + b'{"value":1},' * 2001 + b'{"value":1}]}}}',
            "want at most 1500 values, got more",
        ),
    ],
)
def test_a_message_of_another_shape_is_refused_with_its_device(message: bytes, complaint: str) -> None:
    decoded = decode(TOPIC, message, NOW)
    assert complaint in (decoded.rejected or "")
    assert decoded.device == "meter1"


def test_a_push_without_a_device_is_refused() -> None:
    message = b'{"event_type":"device_property_report","body":{"data":{}}}'
    assert "want a device_id" in (decode("aiot/push", message, NOW).rejected or "")


@given(
    st.integers(0, 10**9),
    MOMENTS,
)
def test_every_register_in_litres_survives_encode_and_decode(litres: int, at: datetime) -> None:
    topic, payload = aliyun_tsl.encode("meter-1", at, litres + 0.75)
    (reading,) = decode(topic, payload, NOW).readings
    wanted = at.replace(microsecond=at.microsecond // 1000 * 1000)
    assert (reading.device, reading.value, reading.unit, reading.time) == ("meter-1", litres, "L", wanted)
    assert reading.flags == ()


def test_a_name_that_is_no_device_name_is_not_written() -> None:
    with pytest.raises(ValueError, match="want a device name"):
        aliyun_tsl.encode("a/b", NOW, 1)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["value", "time", "properties", "subDevices", "identity", "deviceName", "Temp", "Time", "SOS"]), inner
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=40)
@given(TREES)
def test_no_parameters_make_the_reader_fail(params: object) -> None:
    decoded = post(params)
    assert "our reader failed" not in (decoded.rejected or "")
    assert decoded.device
