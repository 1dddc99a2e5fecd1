"""OneNET, Huawei IoTDA and TuyaLink: what each does with the shape they share, and what the configuration adds."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.devices import Decoded, DeviceMemory, Format, decode
from ingest.devices.aliyun_tsl import FORMAT as ALIYUN
from ingest.devices.huawei_iotda import FORMAT as HUAWEI
from ingest.devices.onenet import FORMAT as ONENET
from ingest.devices.tuyalink import FORMAT as TUYA
from ingest.key_map import KeyMap, KeyRule
from ingest.measures import moment
from ingest.rules import ReaderRules

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
NOW_MS = 1_795_240_800_000
MOMENTS = st.integers(1_010_000_000_000, 1_795_000_000_000).map(moment)
POST = "$sys/p1/meter1/thing/property/post"
REPORT = "$oc/devices/p1_meter1/sys/properties/report"
TYLINK = "tylink/meter1/thing/property/report"
FRAME = "6810670517240000008116901F01000300002C000300002C0000000000000000FFC316"


def read(topic: str, message: object, retain: bool = False, **known: Any) -> Decoded:
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    return decode(topic, payload, NOW, retain, DeviceMemory(**known))


def said(decoded: Decoded) -> list[tuple[Any, ...]]:
    assert decoded.rejected is None
    return [(one.device, one.quantity, one.value, one.time, one.flags) for one in decoded.readings]


def services(**properties: object) -> dict[str, object]:
    return {"services": [{"service_id": "Meter", "properties": properties, "event_time": "20261121T060000Z"}]}


SHAPES = [
    (POST, lambda name, value: {"id": "1", "params": {name: {"value": value, "time": NOW_MS}}}),
    (REPORT, lambda name, value: services(**{name: value})),
    (TYLINK, lambda name, value: {"msgId": "1", "time": NOW_MS, "data": {name: {"value": value}}}),
]


@pytest.mark.parametrize(("topic", "shape"), SHAPES, ids=["onenet", "huawei_iotda", "tuyalink"])
@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("WaterCFV", "105.66", [("water_volume_total", 105_660)]),
        ("total_volume_m3", "0082.184", [("water_volume_total", 82_184)]),
        ("CurrentTemperature", 23, [("temperature", 23)]),
        ("battery_level", 12, [("battery", 12)]),
        ("Power", "off", [("switch", False)]),
        ("valve_state", "closed", [("valve_open", False)]),
        ("valve_state", 1, [("available", True)]),
        ("valve_state", "opening", [("available", True)]),
        ("watersensor_state", "alarm", [("water_leak", True)]),
        ("temperature", 127, [("available", True)]),
        ("temperature", "nan", [("available", True)]),
        ("temperature", "1_0", [("available", True)]),
        ("temperature", "", [("available", True)]),
        ("temperature", None, [("available", True)]),
        ("WF", 23.6, [("available", True)]),
        ("rs485", FRAME, [("water_volume_total", 3000), ("valve_open", True)]),
    ],
)
def test_identifiers_mean_the_same_on_every_platform(
    topic: str, shape: Any, name: str, value: object, wanted: object
) -> None:
    readings = read(topic, shape(name, value)).readings
    assert [(one.quantity, one.value) for one in readings] == wanted
    assert {one.time for one in readings} == {moment(NOW_MS)}


@pytest.mark.parametrize("form", [ALIYUN, ONENET, HUAWEI, TUYA], ids=lambda form: form.name)
@given(litres=st.integers(0, 10**9), at=MOMENTS)
def test_every_register_in_litres_survives_encode_and_decode(form: Format, litres: int, at: datetime) -> None:
    topic, payload = form.encode("meter-1", at, litres + 0.75)
    (reading,) = decode(topic, payload, NOW).readings
    wanted = at.replace(microsecond=at.microsecond // 1000 * 1000)
    assert (reading.device, reading.value, reading.unit, reading.time) == ("meter-1", litres, "L", wanted)
    with pytest.raises(ValueError, match="want a device"):
        form.encode("a/b", at, 1)


def test_a_register_without_a_unit_needs_the_registry() -> None:
    message = {"params": {"totalFlow": 12.5}}
    assert read(POST, message).readings[0].value is None
    assert read(POST, message, unit=lambda device, time: "m3").readings[0].value == 12_500


TOLD = KeyMap(
    [
        KeyRule(("p1",), {"WF": "water_volume_total m3", "gate": "valve_open"}),
        KeyRule(("tuyalink",), {"WF": "water_volume_total L"}),
        KeyRule(("p3",), {"Meter.WF": "water_volume_total L", "colour": "temperature Cel"}),
    ]
)


@pytest.mark.parametrize(
    ("topic", "shape", "litres"),
    [(*SHAPES[0], 2000), (*SHAPES[1], 2000), (*SHAPES[2], 2), (REPORT.replace("p1", "p3"), SHAPES[1][1], 2)],
    ids=["onenet", "huawei", "tuya", "huawei with the service"],
)
def test_the_configuration_says_what_a_product_means(topic: str, shape: Any, litres: int) -> None:
    (reading,) = read(topic, shape("WF", 2), rules=ReaderRules(keys=TOLD)).readings
    assert (reading.quantity, reading.value, reading.flags) == ("water_volume_total", litres, ())


def test_what_is_told_of_a_product_holds_for_no_other() -> None:
    message = {"params": {"WF": 2, "gate": 1}}
    assert [one[1:3] for one in said(read("$sys/p2/d/thing/property/post", message, rules=ReaderRules(keys=TOLD)))] == [
        ("available", True)
    ]
    told = said(read("/sys/p1/d/thing/event/property/post", message, rules=ReaderRules(keys=TOLD)))
    assert [one[1:3] for one in told] == [("water_volume_total", 2000), ("valve_open", True)]


def test_a_value_that_is_not_what_was_told_is_a_complaint_and_costs_no_other() -> None:
    decoded = read(
        "$sys/p3/d/thing/property/post", {"params": {"colour": "red", "Temp": 20}}, rules=ReaderRules(keys=TOLD)
    )
    assert decoded.rejected == "'colour': want a number below 10^12, got 'red'"
    assert [(one.quantity, one.value) for one in decoded.readings] == [("temperature", 20)]


# OneNET


def test_history_of_onenet_keeps_each_time_and_is_marked() -> None:
    power = [{"value": "on", "time": NOW_MS - 1000}, {"value": "off", "time": NOW_MS}]
    params = [{"identity": {"productID": "", "deviceName": ""}, "properties": {"Power": power}}]
    assert said(read("$sys/p/gw/thing/history/post", {"id": "1", "params": params})) == [
        ("gw", "switch", True, moment(NOW_MS - 1000), ("history",)),
        ("gw", "switch", False, moment(NOW_MS), ("history",)),
    ]


def test_a_pack_of_onenet_names_its_sub_devices_and_their_calls_for_help() -> None:
    params = [
        {"properties": {"Temp": {"value": 20}}},
        {
            "identity": {"productID": "p2", "deviceName": "tap-7"},
            "properties": {"colour": {"value": 1, "time": NOW_MS}},
        },
        {
            "identity": {"productID": "p3", "deviceName": "button"},
            "events": {"SosAlarm": {"value": {}, "time": NOW_MS}},
        },
    ]
    assert [one[:3] for one in said(read("$sys/p/gw/thing/pack/post", {"params": params}))] == [
        ("gw", "temperature", 20),
        ("button", "sos", True),
        ("tap-7", "available", True),
    ]


def test_events_of_onenet_are_signs_of_life_or_calls_for_help() -> None:
    event = {"value": {"Power": "on"}, "time": NOW_MS}
    topic = "$sys/p/d/thing/event/post"
    assert said(read(topic, {"params": {"overflow": event, "burst": event}})) == [
        ("d", "available", True, moment(NOW_MS), ("meaning_unknown",))
    ]
    assert said(read(topic, {"params": {"sos": event}})) == [("d", "sos", True, moment(NOW_MS), ())]


def test_data_points_of_onenet_are_read() -> None:
    points = {"temperature": [{"v": 30, "t": NOW_MS // 1000 - 60}, {"v": 31, "t": NOW_MS // 1000}]}
    decoded = read("$sys/p/d/dp/post/json", {"id": 123, "dp": points})
    assert [one[2:] for one in said(decoded)] == [
        (30, moment(NOW_MS - 60_000), ("batch",)),
        (31, moment(NOW_MS), ("batch",)),
    ]


# Huawei


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("20261121T060000Z", moment(NOW_MS)),
        ("20261121T060000.250Z", moment(NOW_MS + 250)),
        ("2026-11-21T06:00:00.000Z", moment(NOW_MS)),
        ("2026-11-21T14:00:00+08:00", moment(NOW_MS)),
        (NOW_MS, moment(NOW_MS)),
    ],
)
def test_event_time_comes_compact_or_extended(written: object, time: datetime) -> None:
    message = {"services": [{"service_id": "Battery", "properties": {"level": 80}, "event_time": written}]}
    assert said(read(REPORT, message)) == [("p1_meter1", "battery", 80, time, ())]


@pytest.mark.parametrize(
    ("written", "flag"),
    [
        (None, "time_missing"),
        ("", "time_missing"),
        ("NULL", "time_missing"),
        ("2026-11-21 14:00:00", "time_zone_missing"),
        ("19700101T000000Z", "implausible_time"),
        ("20261321T060000Z", "implausible_time"),
        ("soon", "implausible_time"),
        ({}, "implausible_time"),
    ],
)
def test_a_time_that_is_none_is_flagged(written: object, flag: str) -> None:
    message = {"services": [{"service_id": "Battery", "properties": {"level": 80}, "event_time": written}]}
    assert said(read(REPORT, message)) == [("p1_meter1", "battery", 80, None, (flag,))]


def test_a_property_means_something_only_in_its_service() -> None:
    message = {"services": [{"service_id": "Pressure", "properties": {"value": 57, "level": 3}}]}
    assert [one[1] for one in said(read(REPORT, message))] == ["available"]


def test_sub_devices_of_a_huawei_gateway_speak_for_themselves() -> None:
    one = {"device_id": "s1", "services": [{"service_id": "Temperature", "properties": {"value": 20}}]}
    two = {"device_id": "s2", "services": [{"service_id": "analog", "properties": {"PhV": "1"}}]}
    topic = "$oc/devices/gw/sys/gateway/sub_devices/properties/report"
    assert [row[:3] for row in said(read(topic, {"devices": [one, two]}))] == [
        ("s1", "temperature", 20),
        ("s2", "available", True),
    ]


def test_a_report_of_huawei_is_no_longer_than_its_platform_takes() -> None:
    many = [{"service_id": "Temperature", "properties": {"value": n}} for n in range(1200)]
    decoded = read("$oc/devices/p1_m/sys/properties/report", {"services": many})
    assert decoded.device == "p1_m"
    assert "payload: want at most 65536 bytes" in (decoded.rejected or "")


def test_sub_devices_come_and_go() -> None:
    statuses = [{"device_id": "s1", "status": "ONLINE"}, {"device_id": "s2", "status": "OFFLINE"}, {"device_id": "s3"}]
    message = {"services": [{"service_id": "$sub_device_manager", "paras": {"device_statuses": statuses}}]}
    assert [row[:3] for row in said(read("$oc/devices/gw/sys/events/up", message))] == [
        ("s1", "available", True),
        ("s2", "available", False),
    ]


def test_what_huawei_forwards_is_read_on_any_topic() -> None:
    told = {"header": {"device_id": "p1_m"}, "body": services(WaterCFV=1)}
    message = {"resource": "device.property", "event": "report", "event_time": "20261121T060000Z", "notify_data": told}
    assert said(read("bridge/huawei", message)) == [("p1_m", "water_volume_total", 1000, moment(NOW_MS), ())]


# Tuya


def test_seconds_and_milliseconds_of_tuya_are_told_apart() -> None:
    for time in (NOW_MS, NOW_MS // 1000, str(NOW_MS)):
        assert said(read(TYLINK, {"time": time, "data": {"water_flow": {"value": 1.5}}})) == [
            ("meter1", "water_volume_total", 1500, moment(NOW_MS), ())
        ]


def test_registers_of_an_earlier_time_need_this_time() -> None:
    data = {
        "d_begin_water_total": {"value": 1},
        "d_begin_time": {"value": str(NOW_MS // 1000 - 60)},
        "m_end_water_total": {"value": 2},
    }
    assert said(read(TYLINK, {"time": NOW_MS, "data": data}))[-1] == (
        "meter1",
        "water_volume_total",
        1000,
        moment(NOW_MS - 60_000),
        ("history",),
    )


def test_amounts_of_a_running_day_are_no_register() -> None:
    data = {"daily_water_total": {"value": 0.2}, "monthly_water_total": {"value": 4}}
    assert [one[1] for one in said(read(TYLINK, {"time": NOW_MS, "data": data}))] == ["available"]


def test_a_batch_of_tuya_holds_gateway_and_sub_devices() -> None:
    data = {
        "properties": {"Temp": {"value": 20}},
        "subDevices": [{"deviceId": "s1", "properties": {"water_flow": {"value": 1}}}],
    }
    assert [one[:3] for one in said(read("tylink/gw/thing/data/batch_report", {"time": NOW_MS, "data": data}))] == [
        ("gw", "temperature", 20),
        ("s1", "water_volume_total", 1000),
    ]


def test_an_event_of_tuya_has_its_own_time() -> None:
    for code, quantity in (("sos", "sos"), ("testEvent", "available")):
        message = {"time": NOW_MS, "data": {"eventCode": code, "eventTime": NOW_MS - 8, "outputParams": {}}}
        (row,) = said(read("tylink/d/thing/event/trigger", message))
        assert (row[1], row[3]) == (quantity, moment(NOW_MS - 8))


# all of them


@pytest.mark.parametrize(
    "topic",
    [
        "$sys/p/d/thing/property/post/reply",
        "$sys/p/d/thing/property/set",
        "$sys/p/d/thing/service/x/invoke",
        "$sys/p/d/dp/post/json/accepted",
        "$oc/devices/d/sys/commands/request_id=1",
        "$oc/devices/d/sys/messages/up",
        "$oc/devices/d/sys/shadow/get/request_id=1",
        "tylink/d/thing/property/set",
        "tylink/d/thing/property/report_response",
        "tylink/d/thing/model/get",
    ],
)
def test_what_platform_and_device_say_to_each_other_is_no_reading(topic: str) -> None:
    decoded = read(topic, {"params": {"Temp": 20}, "data": {"Temp": 20}})
    assert (decoded.readings, decoded.rejected) == ((), None)
    assert decoded.format is not None


@pytest.mark.parametrize("topic", [POST, REPORT, TYLINK])
@pytest.mark.parametrize(
    "payload",
    [
        b"{params:{Temp:1}}",
        b"[]",
        b'{"params":1,"services":2,"data":3}',
        b"{}",
        b'{"params":{"a":1},"params":{}}',
        b"\x00",
    ],
)
def test_a_message_of_another_shape_is_refused_with_its_device(topic: str, payload: bytes) -> None:
    decoded = read(topic, payload)
    assert "want " in (decoded.rejected or "")
    assert (decoded.device or "").endswith("meter1")


@pytest.mark.parametrize(("topic", "shape"), SHAPES)
def test_a_retained_copy_is_marked(topic: str, shape: Any) -> None:
    assert read(topic, shape("SOS", 1), retain=True).readings[0].flags == ("retained",)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(FRAME)
NAMES = [
    "value",
    "time",
    "properties",
    "subDevices",
    "identity",
    "deviceName",
    "deviceId",
    "events",
    "Temp",
    "Time",
    "sos",
]
NAMES += [
    "device_id",
    "services",
    "service_id",
    "event_time",
    "paras",
    "device_statuses",
    "status",
    "v",
    "t",
    "eventTime",
]
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner), max_leaves=12
)
TOPICS = [POST, REPORT, TYLINK, "$sys/p/d/thing/pack/post", "$sys/p/d/thing/event/post", "$sys/p/d/dp/post/json"]
TOPICS += ["$oc/devices/d/sys/gateway/sub_devices/properties/report", "$oc/devices/d/sys/events/up"]
TOPICS += ["tylink/d/thing/data/batch_report", "tylink/d/thing/event/trigger", "tylink/d/thing/data/history_report"]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(TOPICS), TREES)
def test_no_parameters_make_a_reader_fail(topic: str, tree: object) -> None:
    decoded = read(topic, dict.fromkeys(("params", "services", "data", "devices", "dp"), tree))
    assert "our reader failed" not in (decoded.rejected or "")
