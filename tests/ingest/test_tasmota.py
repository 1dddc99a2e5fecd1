"""Tasmota: pulses that fall back, clocks without a zone, and devices behind a bridge."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.bindings import Binding, FixedBindings
from ingest.devices import Decoded, decode, tasmota
from ingest.measures import moment
from ingest.quality import Memory, Message, judge
from ingest.readings import StoredReading

NOW = datetime(2026, 11, 21, 6, 0, 5, tzinfo=UTC)
MOMENTS = st.integers(1_010_000_000_000, 1_795_000_000_000).map(moment)
"""From 2002 to 2026, to the millisecond."""
TIME = "2026-11-21T06:00:00+00:00"


def read(message: object, topic: str = "tele/water/SENSOR", retain: bool = False) -> Decoded:
    payload = message.encode() if isinstance(message, str) else json.dumps(message).encode()
    return decode(topic, payload, NOW, retain)


def said(message: object, topic: str = "tele/water/SENSOR") -> list[tuple[str, Any]]:
    decoded = read(message, topic)
    assert decoded.rejected is None
    return [(reading.quantity, reading.value) for reading in decoded.readings]


@pytest.mark.parametrize(
    ("topic", "device"),
    [
        ("tele/water/SENSOR", "water"),
        ("water/tele/SENSOR", "water"),
        ("house 3/tele/water/SENSOR", "water"),
        ("tele/house/water/SENSOR", "house/water"),
        ("TELE/water/SENSOR", "water"),
        ("house/water/SENSOR", "house/water"),
    ],
)
def test_the_order_of_the_topic_is_a_setting(topic: str, device: str) -> None:
    decoded = read({"Time": TIME, "COUNTER": {"C1": 3}}, topic)
    assert (decoded.format, decoded.device) == ("tasmota", device)


def test_a_board_whose_full_topic_has_no_prefix_is_known_by_its_words() -> None:
    assert [one.value for one in read("Offline", "house/water/LWT").readings] == [False]
    assert read("offline", "house/water/LWT").format is None
    assert read({"COUNTER": {"C1": 3}}, "house/water/SENSOR").format is None


@pytest.mark.parametrize(
    "topic", ["tele/SENSOR", "TELE/SENSOR", "SENSOR", "tele/water/OTHER", "water/STATUS8", "cmnd/water/Counter1"]
)
def test_other_topics_are_none_of_tasmota_s(topic: str) -> None:
    assert read({"Time": TIME, "COUNTER": {"C1": 3}}, topic).format is None


@pytest.mark.parametrize(
    ("fields", "time", "flags"),
    [
        ({"Time": "2026-11-21T07:00:00+01:00"}, datetime(2026, 11, 21, 6, tzinfo=UTC), ()),
        ({"Time": "2026-11-21T07:00:00+0100"}, datetime(2026, 11, 21, 6, tzinfo=UTC), ()),
        ({"Time": "2026-11-21T14:00:00", "Epoch": 1795240800}, datetime(2026, 11, 21, 6, tzinfo=UTC), ()),
        ({"Time": "2026-11-21T14:00:00"}, None, ("time_zone_missing",)),
        ({"Time": "1970-01-01T00:00:07"}, None, ("implausible_time",)),
        ({"Time": "2026-13-01T00:00:07"}, None, ("implausible_time",)),
        ({}, None, ("time_missing",)),
    ],
)
def test_a_moment_is_known_only_with_an_offset(fields: Any, time: datetime | None, flags: tuple[str, ...]) -> None:
    (reading,) = read({**fields, "COUNTER": {"C1": 7}}).readings
    assert (reading.time, reading.flags) == (time, (*flags, "pulse_factor_unknown"))
    assert ("time_local" in reading.extra) == ("time_zone_missing" in flags)


@pytest.mark.parametrize("count", ["7", 7.25, True, None, -1, 2**32, [7]])
def test_a_counter_that_is_no_count_is_left_out(count: object) -> None:
    assert said({"Time": TIME, "COUNTER": {"C1": count}}) == [("available", True)]


def test_several_counters_keep_their_names() -> None:
    decoded = read({"Time": TIME, "COUNTER": {"C1": 7, "C2": 9}})
    assert [(one.value, one.extra["channel"]) for one in decoded.readings] == [(7, "C1"), (9, "C2")]


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"DHT22": {"Temperature": 68, "Humidity": 40}, "TempUnit": "F"}, [("temperature", 20), ("humidity", 40)]),
        ({"DS18B20": {"Temperature": -127}}, [("available", True)]),
        ({"AM2301": {"Temperature": None, "Humidity": None}}, [("available", True)]),
    ],
)
def test_a_climate_sensor_is_read_in_its_unit(fields: Any, wanted: list[Any]) -> None:
    assert said({"Time": TIME, **fields}) == wanted


def test_two_sensors_of_a_kind_are_told_apart() -> None:
    fields = {"DS18B20-1": {"Temperature": 20}, "DS18B20-2": {"Temperature": 30}}
    readings = read({"Time": TIME, **fields}).readings
    assert {one.extra["channel"]: one.value for one in readings} == {"DS18B20-1": 20, "DS18B20-2": 30}


def test_an_answer_on_request_is_read_like_a_report() -> None:
    assert said({"StatusSNS": {"Time": TIME, "COUNTER": {"C1": 4}}}, "stat/water/STATUS8") == [("pulse_count_total", 4)]
    assert said({"StatusSTS": {"Time": TIME, "Uptime": "3T00:00:00"}}, "stat/water/STATUS11") == [("available", True)]
    assert read({"StatusSNS": 4}, "stat/water/STATUS8").rejected == "StatusSNS: want an object, got 4"


def test_answers_to_commands_and_the_board_s_own_affairs_say_nothing() -> None:
    assert said({"POWER": "ON"}, "stat/plug/RESULT") == []
    assert said({"Info1": {"Module": "x"}}, "tele/plug/INFO1") == []
    assert said("", "tele/plug/LWT") == []


@pytest.mark.parametrize(("uptime", "young"), [("0T00:00:23", True), ("0T00:05:00", False), ("3T00:00:23", False)])
def test_a_short_uptime_is_a_restart(uptime: str, young: bool) -> None:
    (reading,) = read({"Time": TIME, "Uptime": uptime, "Wifi": {"SSId": "fbi-4"}}, "tele/water/STATE").readings
    assert ("device_restart" in reading.flags) is young


def test_relays_of_a_heartbeat_are_switches() -> None:
    state = {"Time": TIME, "Uptime": "3T00:00:00", "POWER1": "ON", "POWER2": "OFF"}
    assert said(state, "tele/plug/STATE") == [("available", True), ("switch", True), ("switch", False)]


def test_the_network_s_name_is_never_passed_on() -> None:
    state = {"Time": TIME, "Uptime": "3T00:00:00", "Wifi": {"SSId": "Family Jansen", "BSSId": "F8:D1:11:00:00:00"}}
    assert "Jansen" not in repr(read(state, "tele/water/STATE"))


def test_a_word_that_is_neither_online_nor_offline_is_refused() -> None:
    decoded = read("maybe", "tele/water/LWT")
    assert (decoded.rejected, decoded.device) == ("LWT: want Online or Offline, got 'maybe'", "water")


@pytest.mark.parametrize(
    ("inner", "quantity", "value"),
    [
        ({"Occupancy": 1}, "occupancy", True),
        ({"Water": 1}, "water_leak", True),
        ({"Temperature": 19.04}, "temperature", 19.04),
        ({"BatteryVoltage": 2.7}, "battery_voltage", 2.7),
        ({"Panic": 1}, "sos", True),
        ({"Click": "single"}, "button", "single"),
        ({"ModelId": "lumi.sensor"}, "available", True),
    ],
)
@pytest.mark.parametrize(
    ("topic", "wrap"),
    [
        ("tele/bridge/SENSOR", lambda inner: {"ZbReceived": {"Hall": inner}}),
        ("tele/bridge/RESULT", lambda inner: {"ZbReceived": {"Hall": inner}}),
        ("tele/bridge/5ADF/ZbReceived", lambda inner: {"Hall": inner}),
        ("tele/bridge/SENSOR", lambda inner: {"Hall": inner}),
    ],
    ids=["wrapped", "before release 9", "topic", "bare"],
)
def test_a_device_behind_a_bridge_is_named_by_its_address(
    topic: str, wrap: Any, inner: dict[str, Any], quantity: str, value: object
) -> None:
    (reading,) = read(
        wrap({"Device": "0x5ADF", "Name": "Hall", **inner, "Endpoint": 1, "LinkQuality": 69}), topic
    ).readings
    assert (reading.device, reading.quantity, reading.value) == ("0x5ADF", quantity, value)


def test_a_door_behind_a_bridge_says_that_its_polarity_is_in_doubt() -> None:
    (reading,) = read({"ZbReceived": {"0x5ADF": {"Device": "0x5ADF", "Contact": 1}}}).readings
    assert (reading.quantity, "polarity_unknown" in reading.flags) == ("contact_open", True)


def stored(memory: Memory, message: dict[str, Any], at: datetime) -> list[StoredReading]:
    payload = json.dumps(message).encode()
    binding = Binding("water", "tasmota", datetime(2026, 1, 1, tzinfo=UTC), litres_per_pulse=0.25)
    one = Message("tele/water/SENSOR", payload, at)
    return list(judge(one, decode(one.topic, payload, at), FixedBindings([binding]), memory).readings)


def test_pulses_of_the_first_counter_become_the_home_s_register() -> None:
    memory = Memory()
    rows = stored(memory, {"Time": TIME, "COUNTER": {"C1": 41, "C2": 3}}, NOW)
    assert [(row.quantity, row.value) for row in rows] == [
        ("water_volume_total", 10_250),
        ("water_volume_total:C2", 750),
    ]


def test_a_counter_that_fell_to_nothing_is_a_reset_and_no_use() -> None:
    memory = Memory()
    stored(memory, {"Time": TIME, "COUNTER": {"C1": 41_000}}, NOW)
    later = NOW + timedelta(minutes=5)
    (row,) = stored(memory, {"Time": "2026-11-21T06:05:00+00:00", "COUNTER": {"C1": 0}}, later)
    assert "counter_reset_possible" in row.flags


@given(
    st.integers(0, 10**9),
    st.sampled_from([1.0, 0.5, 0.25, 10.0, 0.1]),
    MOMENTS,
)
def test_every_pulse_survives_encode_and_decode(pulses: int, per_pulse: float, at: datetime) -> None:
    topic, payload = tasmota.encode("water", at, round(pulses * per_pulse, 3), litres_per_pulse=per_pulse)
    (reading,) = decode(topic, payload, NOW).readings
    assert (reading.device, reading.value, reading.time) == ("water", pulses, at.replace(microsecond=0))


@pytest.mark.parametrize(("litres", "per_pulse"), [(-1, 1), (1, 0), (float("nan"), 1)])
def test_what_no_counter_can_show_is_not_written(litres: float, per_pulse: float) -> None:
    with pytest.raises(ValueError, match="want a register"):
        tasmota.encode("water", NOW, litres, litres_per_pulse=per_pulse)


@given(st.integers(0, 60), st.binary(max_size=6), st.sampled_from(["SENSOR", "STATE", "LWT", "RESULT", "ZbReceived"]))
def test_no_report_that_was_cut_off_makes_the_reader_fail(cut: int, tail: bytes, kind: str) -> None:
    whole = b'{"Time":"2018-12-21T09:16:59","COUNTER":{"C1":12},"Uptime":"0T00:00:23"}'
    decoded = decode(f"tele/water/{kind}", whole[:cut] + tail, NOW)
    assert "our reader failed" not in (decoded.rejected or "")
    assert decoded.device == "water" or not (decoded.rejected or decoded.readings)


def test_a_local_clock_with_milliseconds_is_a_clock() -> None:
    message = {"StatusSNS": {"Time": "2026-01-17T10:37:04.492", "COUNTER": {"C1": 5}}}
    reading = read(message, "stat/water/STATUS10").readings[0]
    assert reading.flags == ("time_zone_missing", "pulse_factor_unknown")
    assert reading.extra["time_local"] == "2026-01-17T10:37:04.492"


@pytest.mark.parametrize(
    ("topic", "payload", "value", "channel"),
    [("stat/pump/POWER", b"ON", True, None), ("pump/stat/POWER2", b"off", False, "POWER2")],
)
def test_a_relays_bare_word_is_a_switch(topic: str, payload: bytes, value: bool, channel: str | None) -> None:
    (one,) = decode(topic, payload, datetime(2026, 11, 21, 6, tzinfo=UTC)).readings
    assert (one.device, one.quantity, one.value, one.extra.get("channel")) == ("pump", "switch", value, channel)


def test_a_relays_word_of_somebodys_own_is_refused_and_a_command_is_none_of_our_business() -> None:
    now = datetime(2026, 11, 21, 6, tzinfo=UTC)
    assert "POWER: want ON or OFF, got 'AN'" in str(decode("stat/pump/POWER", b"AN", now).rejected)
    assert decode("cmnd/pump/POWER", b"ON", now).readings == ()
