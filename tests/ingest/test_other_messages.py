"""Messages that no sample holds, of the shapes that makers' and platforms' documents show: units, nulls, text, times."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.devices import decode

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
SAID = "2026-11-21T05:59:58Z"
EUI = "0102030405060708"


def lora(**fields: Any) -> tuple[str, dict[str, Any]]:
    """Return an uplink of a device whose bytes nobody knows, and what its codec made of them."""
    head = {"time": SAID, "deviceInfo": {"devEui": EUI, "deviceProfileName": "generic"}, "fPort": 2, "data": "AQID"}
    return f"application/x/device/{EUI}/event/up", head | {"object": fields}


def huawei(**service: Any) -> tuple[str, dict[str, Any]]:
    return "$oc/devices/p_m1/sys/properties/report", {"services": [{"service_id": "Meter", **service}]}


def wireless(**fields: Any) -> tuple[str, dict[str, Any]]:
    return "wmbusmeters/x", {"media": "water", "meter": "x", "name": "x", "id": "12345678", "timestamp": SAID, **fields}


CASES: list[tuple[tuple[str, Any], list[tuple[str, Any]]]] = [
    # LoRaWAN codecs
    (
        lora(temperatureSensor={"3": 27.2}, humiditySensor={"5": 54.5}, presenceSensor={"6": 1}),
        [("temperature", 27.2), ("humidity", 54.5), ("presence", True)],
    ),
    (
        lora(volume={"value": 82.184, "unit": "m³"}, battery={"value": 88, "unit": "%"}),
        [("water_volume_total", 82184), ("battery", 88)],
    ),
    (lora(volume={"value": "12.5", "unit": "bushel"}, temperature={"value": 70.7, "unit": "°F"}), [("temperature", 21.5)]),
    (lora(battery={"value": 3612, "unit": "mV"}), [("battery_voltage", 3.612)]),
    (lora(temperature={"value": 21.5}, humidity={"value": None}), [("temperature", 21.5)]),
    (lora(temperature=None, humidity="", battery=255), [("available", True)]),
    (lora(data={"battery": 77, "temperature": "21.3 °C"}, port=2), [("battery", 77), ("temperature", 21.3)]),
    (lora(BatV=3.3, WATER_LEAK_STATUS=1, WATER_LEAK_TIMES=2), [("battery_voltage", 3.3), ("water_leak", True)]),
    (lora(volume_m3="82,184"), [("available", True)]),  # a comma may be of thousands
    # wireless M-Bus
    (wireless(total_m3=3.843, meter_timestamp="2026-11-20"), [("water_volume_total", 3843)]),
    (wireless(total_m3=15.13, due_date_m3=12.1, due_date="2025-12-31", status="OK"), [("water_volume_total", 15130)]),
    (wireless(total_m3=6.408, flow_temperature_c=127, external_temperature_c="null"), [("water_volume_total", 6408)]),
    (wireless(total_m3=22.456, total_backwards_m3=0.001, status="POWER_LOW"), [("water_volume_total", 22456)]),
    (wireless(media="heat/cooling load", total_volume_m3=3.4), []),
    # Zigbee
    (
        ("zigbee2mqtt/door", {"contact": True, "battery": 94.5, "tamper": None, "voltage": "2900"}),
        [("contact_open", False), ("battery", 94.5), ("battery_voltage", 2.9)],
    ),
    (("zigbee2mqtt/smoke", {"smoke": False, "smoke_density": 0.01, "battery": "100"}), [("smoke", False), ("battery", 100)]),
    (("zigbee2mqtt/leak", {"battery": None, "water_leak": False, "last_seen": 1795240798123}), [("water_leak", False)]),
    (("zigbee2mqtt/radar", {"presence": True, "target_distance": 1.25, "motion_state": "small"}), [("presence", True)]),
    # plain values and hubs
    (
        ("wasser/main/json", {"value": 123.4, "raw": "123.4", "error": "", "rate": 0.0, "timestamp": SAID}),
        [("water_volume_total", 123400), ("water_flow", 0)],
    ),
    (("wasser/main/json", {"value": "NaN", "raw": "", "error": "no error", "rate": "", "timestamp": ""}), []),
    (("esp/sensor/watermeter_total_liters/state", "82184.0"), [("water_volume_total", 82184)]),
    (("esp/sensor/total_water_consumption/state", "nan"), []),
    (("everblu/cyble/json", {"liters": 721390, "battery": 100, "timestamp": 1795240798}), [("water_volume_total", 721390)]),
    (("hass/binary_sensor/front_door_contact/state", "on"), [("contact_open", True)]),
    (("homeassistant/sensor/watermeter_value/state", "unavailable"), []),
    (
        (
            "libmbus2mqtt/device/7/state",
            {"records": {"0": {"function": "Instantaneous value", "storage_number": 0, "unit": "Volume (1e-1  m^3)", "value": 12345}}},
        ),
        [("water_volume_total", 1234500)],
    ),
    # Tasmota
    (
        ("tele/w/SENSOR", {"Time": SAID, "Switch1": "ON", "SI7021": {"Temperature": None, "Humidity": 48.2}}),
        [("switch", True), ("humidity", 48.2)],
    ),
    (("tele/w/SENSOR", {"Time": SAID, "COUNTER": {"C1": 1.5}}), [("available", True)]),
    # radio
    (
        (
            "rtl_433/pi/events",
            {"time": SAID, "model": "Govee-Water", "id": 7, "event": "Water Leak", "detect_wet": 1, "mic": "PARITY"},
        ),
        [("water_leak", True)],
    ),
    (
        ("rtl_433/pi/events", {"time": "1795240798", "model": "Badger-ORION", "id": 7, "volume_gal": "12.5", "mic": "CRC"}),
        [("water_volume_total", 47.318)],
    ),
    (
        ("rtl_433/pi/events", {"time": SAID, "model": "Neptune-R900", "id": 7, "consumption": "1000", "leak": 15, "leaknow": 3}),
        [("water_volume_total", 378.541)],
    ),
    # Shelly
    (
        (
            "shellies/shellymotionsensor-60A423/status",
            {"motion": True, "timestamp": 1795240790, "vibration": False, "bat": 87, "tmp": {"value": 69.8, "units": "F"}},
        ),
        [("motion", True), ("vibration", False), ("temperature", 21), ("battery", 87)],
    ),
    (("shelly1-aabbcc112233/status/switch:0", {"id": 0, "output": False, "apower": None}), [("switch", False)]),
    # thing models
    (("/p/d/properties/report", {"properties": {"waterTotal_L": 82184}, "messageId": "1"}), [("water_volume_total", 82184)]),
    (huawei(properties={"totalVolume_m3": "82.184"}, eventTime="20261121T055958Z"), [("water_volume_total", 82184)]),
    (
        ("tylink/x/thing/property/report", {"time": 1795240798, "data": {"water_flow": {"value": "82.184"}, "x": {"value": None}}}),
        [("water_volume_total", 82184)],
    ),
    (
        ("$sys/p/d/dp/post/json", {"id": 1, "dp": {"WaterCFV": [{"v": "82.184", "t": 1795240798}]}}),
        [("water_volume_total", 82184)],
    ),
    (
        ("yomtey/prod/s/867713071234567", {"DEVTYPE": "M1", "SN": "867713071234567", "METERSUM": "12340", "BATT": "3640"}),
        [("water_volume_total", 12340), ("battery_voltage", 3.64)],
    ),
    # SenML and FIWARE
    (
        ("senml/x", [{"bn": "m1:", "bt": 1795240798.5, "n": "batt", "u": "mV", "v": 3612}, {"n": "temp", "u": "K", "v": 294.4}]),
        [("battery_voltage", 3.612), ("temperature", 21.25)],
    ),
    (
        ("fiware/x", {"data": [{"id": "W1", "type": "WaterConsumptionObserved", "waterConsumption": {
            "type": "Number", "value": 191.051, "metadata": {"unitCode": {"type": "Text", "value": "MTQ"}}}}]}),
        [("water_volume_total", 191051)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("message", "wanted"), CASES, ids=[f"{n}: {case[0][0][:30]}" for n, case in enumerate(CASES)])
def test_a_message_that_no_sample_holds_is_understood(message: tuple[str, Any], wanted: list[tuple[str, Any]]) -> None:
    topic, said = message
    payload = said.encode() if isinstance(said, str) else json.dumps(said).encode()
    decoded = decode(topic, payload, NOW)
    assert decoded.rejected is None
    assert [(one.quantity, one.value) for one in decoded.readings] == wanted


def test_the_older_spelling_of_a_moment_is_one() -> None:
    topic, said = huawei(properties={"totalVolume_m3": 82.184}, eventTime="20261121T055958Z")
    (one,) = decode(topic, json.dumps(said).encode(), NOW).readings
    assert one.time == datetime(2026, 11, 21, 5, 59, 58, tzinfo=UTC)
