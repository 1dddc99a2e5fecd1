"""Plain values: one mapper behind cameras, home-built sensors, a whole home and rules of one's own."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.bindings import Binding, FixedBindings
from ingest.devices import FORMATS, Decoded, DeviceMemory, decode
from ingest.devices._clock import stamp
from ingest.devices._units import convert, unit
from ingest.quality import Memory, Message, judge
from ingest.readings import StoredReading
from ingest.rules import PlainRule, ReaderRules

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)


def read(topic: str, payload: Any, memory: DeviceMemory | None = None, retain: bool = False) -> Decoded:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return decode(topic, text.encode(), NOW, retain, memory)


def said(topic: str, payload: Any, memory: DeviceMemory | None = None) -> list[tuple[str, Any]]:
    decoded = read(topic, payload, memory)
    assert decoded.rejected is None
    return [(reading.quantity, reading.value) for reading in decoded.readings]


def announced(topic: str, *, prefix: str = "homeassistant", **fields: Any) -> DeviceMemory:
    """Return a memory after a discovery message about `topic`."""
    memory = DeviceMemory()
    assert read(f"{prefix}/sensor/node/object/config", {"state_topic": topic, **fields}, memory).rejected is None
    return memory


# --- units ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "number", "ours", "value"),
    [
        ("m³", "1.5", "L", 1500),
        ("L", "1.5", "L", 1.5),
        ("liters", "2", "L", 2),
        ("gal", "1", "L", 3.785),
        ("ft³", "1", "L", 28.317),
        ("CCF", "1", "L", 2831.685),
        ("MCF", "1", "L", 28316.847),
        ("L/min", "2.5", "L/h", 150),
        ("m³/h", "0.1", "L/h", 100),
        ("m³/min", "0.001", "L/h", 60),
        ("gal/min", "1", "L/h", 227.125),
        ("L/s", "0.1", "L/h", 360),
        ("gpm", "1", "L/h", 227.125),
        ("L/d", "24", "L/h", 1),
        ("Volume (m m^3)", "364920", "L", 364920),
        ("Volume (10 m^3)", "2", "L", 20000),
        ("Volume (1e-5 m^3)", "100", "L", 1),
        ("m m^3", "7", "L", 7),
        ("Volume flow (m m^3/h)", "12", "L/h", 12),
        ("°F", "68", "Cel", 20),
        ("K", "293.15", "Cel", 20),
        ("mV", "3000", "V", 3),
    ],
)
def test_units_are_read_as_people_and_programs_write_them(word: str, number: str, ours: str, value: float) -> None:
    known = unit(word)
    assert known is not None
    assert (known.ours, convert(Decimal(number), known)) == (ours, value)


@pytest.mark.parametrize("word", ["", "kWh", "m³/fortnight", "bushel", "L/m²"])
def test_what_is_no_unit_of_ours_is_none(word: str) -> None:
    assert unit(word) is None


# --- times ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "time", "flags"),
    [
        ("2022-03-09T13:48:38+0100", datetime(2022, 3, 9, 12, 48, 38, tzinfo=UTC), ()),
        ("2022-01-16T20:48:29.30570082-05:00", datetime(2022, 1, 17, 1, 48, 29, 305701, tzinfo=UTC), ()),
        ("2025-05-05T21:25:10.999999700Z", datetime(2025, 5, 5, 21, 25, 11, tzinfo=UTC), ()),
        ("1694112539", datetime(2023, 9, 7, 18, 48, 59, tzinfo=UTC), ()),
        ("1694112539974", datetime(2023, 9, 7, 18, 48, 59, 974000, tzinfo=UTC), ()),
        (1694112539, datetime(2023, 9, 7, 18, 48, 59, tzinfo=UTC), ()),
        ("2023-09-07 14:48:59", None, ("time_zone_missing",)),
        ("@0.033967s", None, ("time_missing",)),
        ("", None, ("time_missing",)),
        (None, None, ("time_missing",)),
        ("1970-01-01T00:00:07", None, ("implausible_time",)),
        ("1970-01-01T00:00:07Z", None, ("implausible_time",)),
        ("2031-01-01T00:00:00Z", None, ("implausible_time",)),
        ("yesterday", None, ("implausible_time",)),
        ("9" * 5000, None, ("implausible_time",)),
    ],
)
def test_a_moment_is_taken_only_where_an_instant_is_named(text: Any, time: Any, flags: Any) -> None:
    when = stamp(text, NOW)
    assert (when.time, when.flags) == (time, flags)
    assert ("time_local" in when.extra) == (flags == ("time_zone_missing",))


# --- what discovery messages teach ---------------------------------------------------------------------------------


def test_a_unit_is_learnt_from_the_short_keys_of_a_board() -> None:
    memory = DeviceMemory()
    message = {"~": "wasserzaehler", "state_topic": "~/main/value", "unit_of_meas": "L", "device_class": "water"}
    assert said("homeassistant/sensor/wasserzaehler/value/config", message, memory) == []
    assert said("wasserzaehler/main/value", "679241.5", memory) == [("water_volume_total", 679241.5)]
    assert said("wasserzaehler/main/rate", "2.5", memory) == [("water_flow", 150)]
    assert read("wasserzaehler/main/value", "1", memory).readings[0].flags == ("time_missing",)


def test_a_unit_is_learnt_from_a_message_of_a_whole_device() -> None:
    memory = DeviceMemory()
    component = {"p": "sensor", "val_tpl": "{{ value_json.reading|float }}", "unit_of_meas": "gal", "dev_cla": "water"}
    message = {"state_topic": "rtlamr/12345678/state", "cmps": {"12345678_reading": component}}
    assert said("homeassistant/device/12345678/config", message, memory) == []
    state = {"reading": "001234.567", "lastseen": "2025-01-15T10:30:00-05:00"}
    assert said("rtlamr/12345678/state", state, memory) == [("water_volume_total", 4673.344)]


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ value_json.volume_forward | float / 1000 }}", 364920),
        ("{{value_json['volume_forward']|float(0)|round(3)}}", 364_920_000),
        ("{{ value_json.volume_forward | float * 0.01 }}", 3_649_200),
        ("{{ value_json.volume_forward + 7 }}", None),
        ("{% set x = 1 %}{{ x }}", None),
        ("{{ value_json.volume_forward / 0 }}", None),
        ("{{ value_json.other }}", None),
        ("{{ " + "value_json." * 200 + "x }}", None),
    ],
)
def test_a_template_is_believed_only_where_it_is_a_path_and_a_constant(template: str, value: float | None) -> None:
    topic = "libmbus2mqtt/device/1/state"
    memory = announced(topic, unit_of_measurement="m³", device_class="water", value_template=template)
    assert said(topic, {"volume_forward": "364920"}, memory) == [("water_volume_total", value)]


def test_the_registry_s_unit_is_stronger_than_a_discovery_message() -> None:
    topic = "water-meter/sensor/water_total/state"
    memory = DeviceMemory(unit=lambda device, time: "gal_us" if device == "water-meter/water_total" else None)
    read("homeassistant/sensor/w/config", {"stat_t": topic, "unit_of_meas": "L", "dev_cla": "water"}, memory)
    assert said(topic, "100", memory) == [("water_volume_total", 378.541)]


@pytest.mark.parametrize("payload", ["{", "[]", "\0", '{"a":1,"a":2}'])
def test_a_broken_discovery_message_is_refused(payload: str) -> None:
    assert read("homeassistant/sensor/a/config", payload).rejected


def test_discovery_cannot_fill_the_memory() -> None:
    memory = DeviceMemory(most=10)
    for n in range(50):
        read(f"homeassistant/sensor/{n}/config", {"state_topic": f"a/{n}", "unit_of_measurement": "L"}, memory)
    read("homeassistant/sensor/x/config", {"state_topic": "a" * 100_000, "unit_of_measurement": "L" * 100_000}, memory)
    assert len(memory) == 10


# --- the camera ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        ("no error", "ok"),
        ("Neg. Rate - Read:  - Raw: 66.NNN - Pre: 79.937 ", "negative_rate"),
        ("Rate negative - Returned old value - read value: 00123", "negative_rate"),
        ("Rate too high - Read: 6447.27 - Pre: 6447.20", "rate_too_high"),
        ("Out of memory!", "out_of_memory"),
    ],
)
def test_what_went_wrong_at_the_camera_is_one_word(payload: str, word: str) -> None:
    (reading,) = read("w/main/error", payload).readings
    assert (reading.value, "read_error" in reading.flags) == (word, word != "ok")
    (reading, *rest) = read("w/main/json", {"value": "1", "error": payload, "rate": "1", "timestamp": ""}).readings
    assert (reading.quantity == "read_status", len(rest)) == (word != "ok", int(word == "ok"))


@pytest.mark.parametrize("value", ["", "66.NNN", "NaN", "nan"])
def test_an_unread_dial_is_no_reading(value: str) -> None:
    assert said("w/main/value", value) == []
    assert said("w/main/json", {"value": value, "error": "no error", "rate": "", "timestamp": ""}) == []


@pytest.mark.parametrize("leaf", ["changeabsolut", "raw", "timestamp", "rate_per_time_unit"])
def test_what_says_it_again_is_not_read(leaf: str) -> None:
    assert said(f"w/main/{leaf}", "0.0070") == []


def test_old_firmware_sends_numbers_and_a_clock_without_a_zone() -> None:
    fields = '{"value":6447.20,"raw":"6447.20","error":"no error","rate":0.003,"timestamp":"2022-01-12T10:49:42"}'
    total, flow = read("water/main/json", fields).readings
    assert (total.value, flow.value, total.time, total.extra) == (
        6447200,
        180,
        None,
        {"time_local": "2022-01-12T10:49:42"},
    )
    assert "time_zone_missing" in total.flags


def test_a_meter_of_gas_is_not_ours() -> None:
    assert said("gas/main/value", "6447.20") == []
    memory = announced("x/main/value", unit_of_measurement="m³", device_class="gas")
    assert said("x/main/value", "6447.20", memory) == []
    assert said("everblu/cyble/liters", "345", announced("everblu/cyble/liters", device_class="gas")) == []


# --- a radio board on a Cyble head ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leaf", "payload", "readings"),
    [
        ("liters", "721390", [("water_volume_total", 721390)]),
        ("liters", "345.670", []),
        ("history", [583606, 713744, 0], [("month_end_history", 713744)]),
        ("history", [], []),
        ("json", {"liters": 467404, "timestamp": "2024-10-30T10:00:05Z"}, [("water_volume_total", 467404)]),
        ("json", {"ts": 1689626877, "esp_battery": {"percent": 90}}, []),
        ("battery", "171", []),
        ("counter", "165", []),
        ("time_start", "06:00", []),
        ("fdr_history", "{}", []),
    ],
)
def test_a_cyble_head_s_register_and_month_ends(leaf: str, payload: Any, readings: list[Any]) -> None:
    assert said(f"everblu/cyble/1234567/{leaf}", payload) == readings


@pytest.mark.parametrize("payload", ["{}", '"x"', '["many"]', "[1"])
def test_month_ends_that_are_none_are_refused(payload: str) -> None:
    assert read("everblu/cyble/1234567/history", payload).device == "1234567"
    assert read("everblu/cyble/1234567/history", payload).rejected


# --- home-built sensors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "payload", "reading"),
    [
        ("water_meter_total", "1.5", ("water_volume_total", 1500)),
        ("wasserzaehler", "1.5", ("water_volume_total", 1500)),
        ("wasserverbrauch_gesamt", "1.5", ("water_volume_total", 1500)),
        ("waterverbruik_totaal", "1.5", ("water_volume_total", 1500)),
        ("compteur_eau_litres", "1500", ("water_volume_total", 1500)),
        ("water_total_gallons", "100", ("water_volume_total", 378.541)),
        ("water_flow", "2.5", ("water_flow", None)),
        ("living_room_temperature", "21.4", ("temperature", 21.4)),
        ("living_room_humidity", "45", ("humidity", 45)),
        ("door_battery", "12", ("battery", 12)),
        ("water_pulse_total", "120", ("pulse_count_total", 120)),
    ],
)
def test_the_name_of_a_sensor_says_what_it_measures(identifier: str, payload: str, reading: Any) -> None:
    assert said(f"board/sensor/{identifier}/state", payload) == [reading]


@pytest.mark.parametrize(
    "identifier",
    [
        "water_usage_today",
        "daily_water",
        "water_last_month",
        "water_pressure",
        "water_heater_power",
        "water_price",
        "bureau_total",
        "energy_total",
        "gas_meter_total",
        "uptime",
        "wifi_signal",
        "esp_temperature",
    ],
)
def test_what_is_no_register_is_not_taken_for_one(identifier: str) -> None:
    assert said(f"board/sensor/{identifier}/state", "12.5") == []


@pytest.mark.parametrize(
    ("identifier", "quantity"),
    [
        ("hall_motion", "motion"),
        ("front_door", "contact_open"),
        ("kitchen_leak", "water_leak"),
        ("mmwave_presence", "presence"),
        ("smoke", "smoke"),
    ],
)
def test_the_name_of_a_switch_says_what_it_feels(identifier: str, quantity: str) -> None:
    assert said(f"board/binary_sensor/{identifier}/state", "ON") == [(quantity, True)]
    assert said(f"board/binary_sensor/{identifier}_battery/state", "ON") == []


def test_a_class_is_stronger_than_a_name() -> None:
    topic = "board/sensor/kitchen/state"
    memory = announced(topic, unit_of_measurement="L/min", device_class="volume_flow_rate")
    assert said(topic, "2", memory) == [("water_flow", 120)]
    assert said("b/sensor/water_total/state", "2", announced("b/sensor/water_total/state", device_class="gas")) == []


@pytest.mark.parametrize("payload", ["nan", "", "None", "inf", "unavailable"])
def test_a_value_that_is_none_is_no_reading(payload: str) -> None:
    assert said("board/sensor/water_total/state", payload) == []


@pytest.mark.parametrize("payload", ["twelve", "-1", "1,5", "1e40", "0x10", "1\0", "9" * 300])
def test_a_value_that_no_register_shows_is_refused_with_its_device(payload: str) -> None:
    decoded = read("board/sensor/water_total/state", payload)
    assert (decoded.readings, decoded.device, bool(decoded.rejected)) == ((), "board/water_total", True)


# --- a whole home --------------------------------------------------------------------------------------------------


def test_unit_and_class_come_on_topics_of_their_own() -> None:
    memory, entity = DeviceMemory(), "homeassistant/sensor/keller"
    assert said(f"{entity}/state", "1234.5", memory) == []
    for key, value in (("unit_of_measurement", "m³"), ("device_class", "water"), ("state_class", "total_increasing")):
        assert said(f"{entity}/{key}", json.dumps(value), memory) == []
    assert said(f"{entity}/state", "1234.5", memory) == [("water_volume_total", 1234500)]
    assert said(f"{entity}/state", "unavailable", memory) == []


def test_old_releases_sent_states_in_quotes() -> None:
    assert said("homeassistant/light/bed/state", '"on"') == [("switch", True)]


def test_a_water_that_is_counted_from_midnight_is_no_register() -> None:
    memory, entity = DeviceMemory(), "homeassistant/sensor/water"
    for key, value in (("unit_of_measurement", "L"), ("device_class", "water"), ("state_class", "measurement")):
        said(f"{entity}/{key}", json.dumps(value), memory)
    assert said(f"{entity}/state", "120", memory) == []


@pytest.mark.parametrize(
    ("device_class", "state", "reading"),
    [
        ("door", "on", ("contact_open", True)),
        ("moisture", "off", ("water_leak", False)),
        ("occupancy", "on", ("occupancy", True)),
    ],
)
def test_a_class_says_what_on_means(device_class: str, state: str, reading: Any) -> None:
    memory = DeviceMemory()
    said("homeassistant/binary_sensor/x/device_class", json.dumps(device_class), memory)
    assert said("homeassistant/binary_sensor/x/state", state, memory) == [reading]
    assert said("homeassistant/binary_sensor/unnamed/state", state, memory) == []


def test_a_state_that_is_only_published_again_is_no_news() -> None:
    memory, topic = DeviceMemory(), "homeassistant/binary_sensor/hall_motion/state"
    flags = [read(topic, state, memory).readings[0].flags for state in ("on", "on", "off", "on")]
    assert ["cached_state" in one for one in flags] == [False, True, False, False]


def test_a_call_for_help_that_was_taken_back_can_be_made_again() -> None:
    memory, topic = DeviceMemory(), "homeassistant/binary_sensor/sos_button/state"
    assert [said(topic, state, memory) for state in ("on", "off", "on")] == [[("sos", True)], [], [("sos", True)]]
    assert "cached_state" not in read(topic, "off", memory).readings
    flags = [one.flags for state in ("on",) for one in read(topic, state, memory).readings]
    assert flags == [("time_missing",)]


@pytest.mark.parametrize("topic", ["person/anna/state", "device_tracker/phone/state", "sun/sun/state", "light/x/icon"])
def test_where_somebody_is_and_what_is_no_state_is_not_read(topic: str) -> None:
    decoded = read(f"homeassistant/{topic}", "home")
    assert (decoded.format, decoded.readings, decoded.rejected) == ("ha_statestream", (), None)


# --- whose topic it is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "payload", "format_name"),
    [
        ("homeassistant/sensor/water/state", "1", "ha_statestream"),
        ("hass/sensor/water/state", "1", "ha_statestream"),
        ("city/home-assistant/7/sensor/water/state", "1", "ha_statestream"),
        ("ha/sensor/water/state", "1", "ha_statestream"),
        ("house/sensor/water/last_changed", '"x"', "ha_statestream"),
        ("house/input_boolean/away/state", "on", "ha_statestream"),
        ("homeassistant/status", "online", "ha_statestream"),
        ("house/binary_sensor/front_door/state", "on", "ha_statestream"),
        ("house/light/hall/state", "off", "ha_statestream"),
        ("house/binary_sensor/front_door/state", "unavailable", "ha_statestream"),
        ("house/binary_sensor/front_door/state", "ON", "esphome"),
        ("house/light/hall/state", '{"state":"OFF"}', "esphome"),
        ("house/sensor/water/state", "1", "esphome"),
        ("street/7/water-meter/sensor/water/state", "1", "esphome"),
        ("water-meter/status", "online", "esphome"),
        ("watermeter/status", "Take Image", "ai_on_the_edge"),
        ("rtlamr/status", "online", "rtlamr"),
        ("everblu/cyble/status", "online", "everblu"),
        ("everblu/cyble/timestamp", "2025-10-30T10:00:00Z", "everblu"),
        ("/everblu/cyble/liters", "7", "everblu"),
        ("bridge/shellies/shellyflood-7/sensor/flood", "true", "shelly"),
        ("/rtlamr/7/state", "{}", "rtlamr"),
        ("zigbee2mqtt/kitchen/value", "1", "zigbee2mqtt"),
        ("Zigbee2MQTT/hall/availability", "online", "zigbee2mqtt"),
        ("/zigbee2mqtt/hall", '{"occupancy":true}', "zigbee2mqtt"),
        ("bridge/$oc/devices/7_a/sys/properties/report", "{}", "huawei_iotda"),
        ("bridge/$sys/p/a/thing/property/post", "{}", "onenet"),
        ("bridge/tylink/a/thing/property/report", "{}", "tuyalink"),
        ("watermeter/main/value", "1", "ai_on_the_edge"),
        ("libmbus2mqtt/device/7/state", "{}", "libmbus2mqtt"),
        ("anything/status", "fine", None),
    ],
)
def test_a_topic_belongs_to_one_format(topic: str, payload: str, format_name: str | None) -> None:
    assert read(topic, payload).format == format_name


def test_the_configuration_settles_whose_topic_it_is() -> None:
    rules = ReaderRules(formats=(("house/+/+/state", "ha_statestream"), ("house/#", "esphome")))
    memory = DeviceMemory(rules=rules)
    assert read("house/sensor/water_total/state", "1", memory).format == "ha_statestream"
    assert read("house/7/sensor/water_total/state", "1", memory).format == "esphome"
    assert read("home/sensor/water_total/state", "1", memory.draft()).format == "esphome"


# --- rules of one's own --------------------------------------------------------------------------------------------


RULES = ReaderRules(
    plain=(
        PlainRule("cellar/{device}/water", "water_volume_total", unit="gal"),
        PlainRule("cellar/{device}/json", "water_volume_delta", pointer="/used/0", unit="L", interval="PT1H"),
        PlainRule("cellar/{device}/json", "contact_open", pointer="/door", time="/at"),
        PlainRule("door/bell", "sos", device="bell-1"),
    )
)


@pytest.mark.parametrize(
    ("topic", "payload", "readings"),
    [
        ("cellar/m-1/water", "0100", [("m-1", "water_volume_total", 378.541)]),
        ("cellar/m-1/water", "", []),
        ("cellar/m-1/json", {"used": [14], "door": "open"}, [("m-1", "water_volume_delta", 14), ("m-1", "contact_open", True)]),
        ("cellar/m-1/json", {"used": []}, []),
        ("door/bell", "1", [("bell-1", "sos", True)]),
        ("door/bell", "0", []),
    ],
)  # fmt: skip
def test_a_rule_makes_a_reading_of_a_value(topic: str, payload: Any, readings: list[Any]) -> None:
    decoded = read(topic, payload, DeviceMemory(rules=RULES))
    assert (decoded.format, decoded.rejected) == ("plain", None)
    assert [(one.device, one.quantity, one.value) for one in decoded.readings] == readings


def test_a_rule_that_finds_another_kind_of_value_says_so_and_keeps_the_rest() -> None:
    decoded = read("cellar/m-1/json", {"used": ["much"], "door": "open"}, DeviceMemory(rules=RULES))
    assert [one.quantity for one in decoded.readings] == ["contact_open"]
    assert (decoded.rejected, decoded.device) == ("/used/0: want a number, got 'much'", "m-1")


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"topic": "a/b", "quantity": "water_flow"}, "device"),
        ({"topic": "a/{device}", "quantity": "water_flow", "device": "x"}, "device"),
        ({"topic": "a/{device}/#/b", "quantity": "water_flow"}, "filter"),
        ({"topic": "", "quantity": "water_flow"}, "filter"),
        ({"topic": "a/{device}", "quantity": "power"}, "one of"),
        ({"topic": "a/{device}", "quantity": "water_flow", "pointer": "x"}, "pointer"),
        ({"topic": "a/{device}", "quantity": "water_volume_delta"}, "interval"),
        ({"topic": "a/{device}", "quantity": "water_flow", "interval": "PT1H"}, "interval"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused(fields: dict[str, str], wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted):
        PlainRule(**fields)


# --- all of them ---------------------------------------------------------------------------------------------------


class Empty:
    """A past in which nothing was heard."""

    def last(self, device: str, quantity: str) -> StoredReading | None:
        return None

    def arrival(self, device: str, quantity: str, ident: str) -> int | None:
        return None


DEVICES = {
    "ai_on_the_edge": "watermeter/main",
    "esphome": "water-meter/water_total",
    "everblu": "1234567",
    "ha_statestream": "sensor.water_total",
    "libmbus2mqtt": "22003200",
    "rtl_433": "Simulated-Water:12",
    "rtlamr": "12345678",
}


@given(st.sampled_from(sorted(DEVICES)), st.integers(0, 99_999_999))
def test_every_register_survives_encode_and_decode(name: str, litres: int) -> None:
    device = DEVICES[name]
    said_unit = "L" if name in ("rtlamr", "ha_statestream", "everblu") else None
    topic, payload = FORMATS[name].encode(device, NOW, float(litres))
    decoded = decode(topic, payload, NOW, memory=DeviceMemory(unit=lambda *_: said_unit))
    assert (decoded.format, decoded.rejected) == (name, None)
    assert (decoded.readings[0].device, decoded.readings[0].value) == (device, litres)


def test_a_register_without_a_unit_is_not_stored_until_the_registry_says_it() -> None:
    topic, payload = "rtlamr/7/state", b'{"reading": "001234.567", "lastseen": "2026-11-21T06:00:00Z"}'

    def stored(said_unit: str | None) -> tuple[list[int], list[str]]:
        binding = Binding("7", "rtlamr", datetime(2026, 1, 1, tzinfo=UTC), unit=said_unit)
        decoded = decode(topic, payload, NOW, memory=DeviceMemory(unit=lambda *_: said_unit))
        judged = judge(Message(topic, payload, NOW), decoded, FixedBindings([binding]), Memory(Empty()))
        return [row.value for row in judged.readings], [one.reason for one in judged.rejects]

    assert stored("m3") == ([1_234_567_000], [])
    assert stored(None) == ([], ["unit unknown: want a unit in the registry for water_volume_total, got none"])


TOPICS = [
    "w/main/value", "w/main/json", "w/main/error", "w/connection", "b/sensor/water/state", "b/binary_sensor/door/state",
    "b/status", "everblu/cyble/liters", "everblu/cyble/json", "everblu/cyble/1/liters_attributes", "homeassistant/sensor/a/b/config",
    "homeassistant/sensor/water/state", "homeassistant/sensor/water/unit_of_measurement", "libmbus2mqtt/device/1/state",
    "libmbus2mqtt/bridge/state", "rtl_433/pi/events", "rtl_433/pi/availability", "rtlamr/1/state", "rtlamr/raw", "rtlamr/status",
]  # fmt: skip


@given(st.sampled_from(TOPICS), st.binary(max_size=40) | st.text(max_size=20).map(str.encode), st.booleans())
def test_no_bytes_make_a_reader_fail(topic: str, payload: bytes, retain: bool) -> None:
    assert "our reader failed" not in (decode(topic, payload, NOW, retain).rejected or "")


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("unit_of_text", [b'"model":"x"', b'{"Time":', b"N1", b"{{ value", b'"Type":"Message":', b"1"])
def test_a_long_payload_is_read_in_no_time(topic: str, unit_of_text: bytes) -> None:
    for payload in (unit_of_text * 20_000, b'{"value":"' + unit_of_text.replace(b'"', b"") * 20_000 + b'"}'):
        assert "our reader failed" not in (decode(topic, payload[:250_000], NOW).rejected or "")
        decode("somewhere/else", payload[:250_000], NOW)


@pytest.mark.parametrize(
    "level", ["sensor/", "a/sensor/", "homeassistant/", "rtl_433/", "everblu/cyble/1", "sys/", "v1/", "1", "ha/"]
)
@pytest.mark.parametrize("end", ["x", "state", "raw", "config"])
def test_a_long_topic_is_looked_at_in_no_time(level: str, end: str) -> None:
    topic = (level * 60_000)[:60_000] + end
    begun = perf_counter()
    for form in FORMATS.values():
        form.matches(topic)
        form.sniff(topic, b"online")
    assert perf_counter() - begun < 5.0  # a second try at each level would take minutes
