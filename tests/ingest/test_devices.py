"""Every format against its own samples, against recorded messages, and against noise."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.devices import FORMATS, Decoded, DeviceMemory, Format, Sample, decode
from ingest.measures import zulu
from ingest.readings import Reading

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
FOLDER = Path(__file__).parent / "golden"
GOLDEN = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}
RECORDED = [pytest.param(name, item, id=item["source"][-50:]) for name, items in GOLDEN.items() for item in items]
SAMPLES = [(form, sample) for form in FORMATS.values() for sample in form.samples]
MAY_COME_BESIDES = {"wmbusmeters": {"temperature"}}


def written(reading: Reading) -> tuple[object, ...]:
    time = None if reading.time is None else zulu(reading.time)
    channel = reading.extra.get("channel")
    local = reading.extra.get("time_local")
    return reading.device, reading.quantity, reading.value, reading.unit, time, frozenset(reading.flags), channel, local


def wanted(item: dict[str, object]) -> tuple[object, ...]:
    head = tuple(item[name] for name in ("device", "quantity", "value", "unit", "time"))
    return (*head, frozenset(item["flags"]), item.get("channel"), item.get("time_local"))  # type: ignore[call-overload]


@pytest.mark.parametrize(("form", "sample"), [pytest.param(*pair, id=pair[1].source[:60]) for pair in SAMPLES])
def test_every_sample_is_read_as_its_module_says(form: Format, sample: Sample) -> None:
    decoded = decode(sample.topic, sample.payload, sample.received_at, sample.retain, DeviceMemory(rules=sample.rules))
    assert decoded.format == form.name
    assert decoded.readings == sample.readings
    assert (decoded.rejected is None) == (sample.rejected is None)
    assert (sample.rejected or "") in (decoded.rejected or "")


@pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
def test_every_format_has_a_sample_that_is_read_and_one_that_is_broken(form: Format) -> None:
    assert any(sample.readings and sample.rejected is None for sample in form.samples)
    assert any(sample.rejected for sample in form.samples)


def on_the_wire(item: dict[str, object]) -> bytes:
    payload = item["payload"]
    return (payload if isinstance(payload, str) else json.dumps(payload)).encode()


@pytest.mark.parametrize(("name", "item"), RECORDED)
def test_recorded_messages_come_out_as_they_should(name: str, item: dict[str, object]) -> None:
    decoded = decode(str(item["topic"]), on_the_wire(item), NOW, bool(item.get("retain", False)))
    got = {written(reading) for reading in decoded.readings}
    expected = {wanted(reading) for reading in item["expected"]}  # type: ignore[attr-defined]
    assert (decoded.rejected is None) == ("rejected" not in item)
    assert str(item.get("rejected", "")) in (decoded.rejected or "")
    assert expected <= got
    assert decoded.format == name
    assert {extra[1] for extra in got - expected} <= MAY_COME_BESIDES.get(name, set())
    assert bool(expected) or not got


@pytest.mark.parametrize("name", GOLDEN)
def test_recorded_messages_in_a_row_come_out_the_same(name: str) -> None:
    memory = DeviceMemory()
    for item in GOLDEN[name]:
        decoded = decode(item["topic"], on_the_wire(item), NOW, bool(item.get("retain", False)), memory)
        expected = {wanted(reading) for reading in item["expected"]}
        assert expected <= {written(reading) for reading in decoded.readings}


@pytest.mark.parametrize(("name", "item"), [one for one in RECORDED if one.values[0] == "wmbusmeters"])
def test_nothing_of_the_user_s_own_fields_comes_out(name: str, item: dict[str, object]) -> None:
    decoded = decode(str(item["topic"]), on_the_wire(item), NOW)
    assert not any(word in repr(decoded) for word in ("Gemeinde", "Hoechst", "MainWater", "MyTapWater"))


def check(decoded: Decoded) -> None:
    assert decoded.rejected is None or (decoded.rejected and decoded.rejected.isprintable())
    for reading in decoded.readings:
        assert reading.device.isprintable()
        assert reading.time is None or reading.time.tzinfo is UTC
        json.dumps(reading.value, allow_nan=False)


TOPIC_SHAPES = [
    "t/v1/s/d/up",
    "t/v1/s/d/status",
    "wmbusmeters/x",
    "gateway/telegram",
    "zigbee2mqtt/x",
    "zigbee2mqtt/x/action",
    "zigbee2mqtt/x/availability",
    "zigbee2mqtt/bridge/devices",
    "z2m/x",
    "application/a/device/0101010101010101/event/up",
    "application/a/device/0101010101010101/event/status",
    "bridge/lorawan",
    "v3/a@t/devices/eui-0101010101010101/up",
    "v3/a/devices/d/join",
    "senml/x",
    "shellyplus1-aabbccddeeff/events/rpc",
    "neowatervalve-aabbccddeeff/status/number:200",
    "home/status/input:0",
    "home/online",
    "shellies/shellyflood-AABBCC/sensor/flood",
    "shellies/shellyflood-AABBCC/sensor/temperature",
    "shellies/shellybutton1-AABBCC/input_event/0",
    "fiware/notify",
    "tele/x/SENSOR",
    "tele/x/STATE",
    "tele/x/LWT",
    "stat/x/STATUS8",
    "/sys/p/d/thing/event/property/post",
    "/sys/p/d/thing/event/sos/post",
    "/p/d/data",
    "w/main/json",
    "b/sensor/water_total/state",
    "everblu/cyble/1/liters",
    "homeassistant/sensor/a/config",
    "homeassistant/binary_sensor/a/state",
    "libmbus2mqtt/device/1/state",
    "rtl_433/pi/events",
    "rtlamr/1/state",
    "/p/d/properties/report",
    "/p/g/child/c/properties/report",
    "/as/mqtt/status/p/d",
    "$sys/p/d/thing/property/post",
    "$sys/p/d/thing/event/post",
    "$sys/p/d/thing/history/post",
    "$sys/p/d/dp/post/json",
    "$oc/devices/p_d/sys/properties/report",
    "$oc/devices/p_d/sys/gateway/sub_devices/properties/report",
    "$oc/devices/p_d/sys/events/up",
    "tylink/d/thing/property/report",
    "tylink/d/thing/data/batch_report",
    "tylink/d/thing/event/trigger",
    "ctwing/push",
    "cjt188/d/up",
    "yomtey/prod/s/867713070000000",
    "/iotinfo/867713070000000",
]
TOPICS = st.sampled_from(TOPIC_SHAPES) | st.text()


@given(TOPICS, st.binary(max_size=200), st.booleans())
def test_no_bytes_raise(topic: str, payload: bytes, retain: bool) -> None:
    check(decode(topic, payload, NOW, retain))


NAMES = st.sampled_from(
    [
        "id",
        "media",
        "meter",
        "total_m3",
        "status",
        "timestamp",
        "measurements",
        "quantity",
        "value",
        "unit",
        "time",
        "interval",
        "alarms",
        "battery_percent",
        "schema",
        "device",
        "battery_pct",
        "flow_m3h",
        "flow_temperature_c",
        "channel",
        "time_quality",
        "occupancy",
        "contact",
        "water_leak",
        "vibration",
        "action",
        "sos",
        "state",
        "voltage",
        "illuminance",
        "water_consumed",
        "last_seen",
        "linkquality",
        "battery_low",
        "tamper",
        "deviceInfo",
        "devEui",
        "fPort",
        "data",
        "object",
        "batteryLevel",
        "history",
        "timestamp",
        "water",
        "totalVolume",
        "Time",
        "Epoch",
        "COUNTER",
        "C1",
        "Counter1",
        "ZbReceived",
        "Device",
        "LinkQuality",
        "Temperature",
        "TempUnit",
        "StatusSNS",
        "params",
        "method",
        "properties",
        "identity",
        "deviceName",
        "subDevices",
        "WaterCFV",
        "Power",
        "event_type",
        "body",
        "device_id",
        "name",
        "state_topic",
        "unit_of_measurement",
        "value_template",
        "components",
        "records",
        "volume_forward",
        "liters",
        "error",
        "reading",
        "model",
        "consumption",
        "Type",
        "Message",
        "end_device_ids",
        "dev_eui",
        "uplink_message",
        "normalized_payload",
        "decoded_payload",
        "frm_payload",
        "f_port",
        "received_at",
        "metering",
        "total",
        "action",
        "count",
        "src",
        "ts",
        "flood:0",
        "alarm",
        "events",
        "event",
        "n",
        "bn",
        "bt",
        "u",
        "v",
        "vb",
        "s",
        "type",
        "waterConsumption",
        "unitCode",
        "observedAt",
        "deviceId",
        "services",
        "service_id",
        "event_time",
        "devices",
        "paras",
        "device_statuses",
        "dp",
        "v",
        "t",
        "msgId",
        "events",
        "eventTime",
        "d_begin_water_total",
        "d_begin_time",
        "valve_state",
        "messageType",
        "payload",
        "APPdata",
        "serviceData",
        "eventType",
        "eventContent",
        "IMEI",
        "productId",
        "DEVTYPE",
        "SN",
        "METERSUM",
        "VALSTATE",
        "BATT",
        "INFO",
        "d",
        "o",
        "cm",
        "im",
        "pk",
        "ev",
        "notify_data",
        "header",
        "resource",
    ]
)
WORDS = st.sampled_from(
    [
        "water",
        "heat",
        "12",
        "nan",
        "L",
        "m3",
        "open",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:60-23:59",
        "0000-00-00T00:00:00Z",
        "water_volume_total",
        "water_volume_delta",
        "contact",
        "temperature",
        "online",
        "PT1H",
        "d",
        "emergency",
        "true",
        "ON",
        "1793253600000",
        "0101010101010101",
        "thing.event.property.post",
        "device_property_report",
        "DqA1XTApNQAAMLY0XecpAAC4ALkAuAC4ALgAuQC4ALgAuAC4ALgAuAC5ALkAuQA=",
        "AXVcA2c0AQRoZSDOnnRGYxABXQIAAAEAAA==",
        "2018-12-21T09:16:59",
        "2023-04-05 17:23:05",
        "NotifyStatus",
        "NotifyEvent",
        "single_push",
        "m3/s",
        "WaterConsumptionObserved",
        "MTQ",
        "20151212T121212Z",
        "dataReport",
        "eventReport",
        "deviceOnlineOfflineReport",
        "M0",
        "M1",
        "M3",
        "device.property",
        "aBBnBRckAAAAgRaQHwEAAwAALAADAAAsAAAAAAAAAAD/wxY=",
        "6810076040020000008109901F010001000000FF5B16",
    ]
)
NUMBERS = st.sampled_from([0, 1, 85, 100, -1, 127, 80000, -2147483.648, 99999.999, 1e308, 10**39])
LEAVES = st.none() | st.booleans() | NUMBERS | st.floats() | st.integers() | WORDS | st.text(max_size=5)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6))


@settings(deadline=None)
@given(TOPICS, st.dictionaries(NAMES, VALUES, max_size=9), st.booleans())
def test_no_json_raises(topic: str, message: object, retain: bool) -> None:
    decoded = decode(topic, json.dumps(message).encode(), NOW, retain)
    check(decoded)
    assert "our reader failed" not in (decoded.rejected or "")


@given(TOPICS, st.lists(st.dictionaries(NAMES, LEAVES, max_size=6), max_size=4))
def test_no_list_of_records_raises(topic: str, records: list[object]) -> None:
    decoded = decode(topic, json.dumps(records).encode(), NOW)
    check(decoded)
    assert "our reader failed" not in (decoded.rejected or "")


JUNK = [
    None,
    True,
    -1,
    127,
    10**39,
    "",
    "nan",
    "open",
    "ü",
    [],
    {},
    [1],
    {"a": 1},
    "2026-02-30T00:00:00Z",
    "AAAA",
    2**32,
]


def spoilt(value: Any, chance: random.Random) -> Any:
    """Return a copy in which one part, somewhere, is another."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        return {**value, key: spoilt(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        place = chance.randrange(len(value))
        return [*value[:place], spoilt(value[place], chance), *value[place + 1 :]]
    return chance.choice(JUNK)


@pytest.mark.parametrize("name", GOLDEN)
def test_no_recorded_message_with_a_spoilt_part_makes_a_reader_fail(name: str) -> None:
    chance = random.Random(name)
    for item in [one for one in GOLDEN[name] if not isinstance(one["payload"], str)] * 15:
        payload = json.dumps(spoilt(spoilt(item["payload"], chance), chance)).encode()
        decoded = decode(item["topic"], payload, NOW)
        check(decoded)
        assert "our reader failed" not in (decoded.rejected or ""), payload


SERIES = st.tuples(st.sampled_from(TOPIC_SHAPES), st.dictionaries(NAMES, LEAVES, max_size=3), st.booleans())


@settings(max_examples=40, deadline=None)
@given(st.lists(SERIES, max_size=5))
def test_no_series_of_messages_raises_or_grows_without_bound(series: list[tuple[str, object, bool]]) -> None:
    memory = DeviceMemory(most=10)
    for topic, message, retain in series:
        decoded = decode(topic, json.dumps(message).encode(), NOW, retain, memory)
        check(decoded)
        assert "our reader failed" not in (decoded.rejected or "")
        assert len(memory) <= 10


def test_an_unknown_message_is_refused_with_a_reason() -> None:
    assert decode("a/b", b"\x00\xff", NOW) == Decoded(
        None, (), f"unknown format: want one of {', '.join(FORMATS)} by topic or shape, got none of them"
    )


def test_a_payload_that_is_too_long_is_refused_unread() -> None:
    decoded = decode("t/v1/s/d/up", b" " * 300_000, NOW)
    assert decoded.rejected == "payload: want at most 262144 bytes, got 300000"
