"""Clocks without an offset, read in the zone of the device's home."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from zoneinfo import ZoneInfo

import pytest

from ingest.bindings import Binding, FixedBindings
from ingest.committer import Committer
from ingest.devices import DeviceMemory, cjt188, decode
from ingest.inbox import Inbox, Received
from ingest.quality import Message
from ingest.readings import Reading
from ingest.store import SqliteStore
from tests.brokers import until

ZONES = {"urumqi": "Asia/Shanghai", "kassel": "Europe/Berlin"}
SUMMER = datetime(2026, 7, 25, 6, 0, 3, tzinfo=UTC)


def read(device: str, local: str, received_at: datetime, *, more: str = "") -> list[Reading]:
    """Read the report of a board in one of the two homes."""
    zones: Callable[[str, datetime], ZoneInfo | None] = lambda name, _: (  # noqa: E731
        ZoneInfo(ZONES[name]) if name in ZONES else None
    )
    payload = f'{{"Time":"{local}","COUNTER":{{"C1":82184}}{more}}}'.encode()
    return list(decode(f"tele/{device}/SENSOR", payload, received_at, memory=DeviceMemory(zone=zones)).readings)


@pytest.mark.parametrize(
    ("device", "local"),
    [("urumqi", "2026-07-25T14:00:00"), ("kassel", "2026-07-25T08:00:00")],
)
def test_the_same_moment_is_read_from_the_clocks_of_two_zones(device: str, local: str) -> None:
    (one,) = read(device, local, SUMMER)
    assert one.time == datetime(2026, 7, 25, 6, tzinfo=UTC)
    assert "time_zone_missing" not in one.flags
    assert "time_local" not in one.extra


def test_a_device_of_no_home_keeps_its_local_time_and_the_flag() -> None:
    (one,) = read("stranger", "2026-07-25T14:00:00", SUMMER)
    assert (one.time, one.extra["time_local"]) == (None, "2026-07-25T14:00:00")
    assert "time_zone_missing" in one.flags


@pytest.mark.parametrize(
    ("local", "received", "moment"),
    [
        ("2026-01-25T08:00:00", "2026-01-25T07:00:04", "2026-01-25T07:00:00"),  # winter
        ("2026-03-29T01:59:50", "2026-03-29T00:59:55", "2026-03-29T00:59:50"),  # the last of winter
        ("2026-03-29T03:00:10", "2026-03-29T01:00:15", "2026-03-29T01:00:10"),  # the first of summer
        ("2026-03-29T02:10:00", "2026-03-29T01:10:05", "2026-03-29T01:10:00"),  # a clock that was not put on yet
        ("2026-10-25T02:30:00", "2026-10-25T00:30:05", "2026-10-25T00:30:00"),  # the hour that comes twice, first
        ("2026-10-25T02:30:00", "2026-10-25T01:30:05", "2026-10-25T01:30:00"),  # and again
        ("2026-10-25T03:00:00", "2026-10-25T02:00:05", "2026-10-25T02:00:00"),
    ],
)
def test_summer_time_is_minded_where_clocks_are_put_on_and_back(local: str, received: str, moment: str) -> None:
    (one,) = read("kassel", local, datetime.fromisoformat(received).replace(tzinfo=UTC))
    assert one.time == datetime.fromisoformat(moment).replace(tzinfo=UTC)


def test_a_register_that_comes_late_keeps_its_place_in_the_past() -> None:
    (one,) = read("kassel", "2026-07-25T01:23:00", SUMMER)
    assert one.time == datetime(2026, 7, 24, 23, 23, tzinfo=UTC)


@pytest.mark.parametrize(("local", "believed"), [("2026-07-25T13:59:00", True), ("2026-07-25T06:00:00", False)])
def test_a_call_whose_local_clock_seems_hours_old_is_taken_at_its_arrival(local: str, believed: bool) -> None:
    zone = ZoneInfo(ZONES["urumqi"])
    memory = DeviceMemory(zone=lambda *_: zone)
    payload = f'{{"Time":"{local}","ZbReceived":{{"0x1A2B":{{"Device":"0x1A2B","SOS":1}}}}}}'.encode()
    found = decode("tele/bridge/SENSOR", payload, SUMMER, memory=memory).readings
    (call,) = [one for one in found if one.quantity == "sos"]
    assert (call.time is not None) == believed
    assert ("time_zone_missing" in call.flags) != believed


def test_the_bcd_clock_of_a_wired_meter_is_one_of_its_home() -> None:
    address, shown = f"{7:014d}", datetime(2026, 7, 25, 14, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
    memory = DeviceMemory(zone=lambda *_: ZoneInfo("Asia/Shanghai"))
    found = decode(*cjt188.encode(address, shown, 82_180.0), SUMMER, memory=memory).readings
    assert [one.time for one in found] == [SUMMER.replace(second=0)] * 2


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (
            "wmbusmeters/7",
            b'{"media":"water","meter":"iperl","id":"7","total_m3":1.5,"timestamp":"2026-07-25 14:00:00"}',
        ),
        ("zigbee2mqtt/door", b'{"contact":false,"last_seen":"2026-07-25T14:00:00"}'),
        (
            "rtl_433/pi/events",
            b'{"time":"2026-07-25 14:00:00","model":"Badger-ORION","id":7,"volume_gal":12,"mic":"CRC"}',
        ),
        (
            "/sys/p/m/thing/event/property/post",
            b'{"method":"thing.event.property.post","params":{"WaterCFV":{"value":1.5,"time":"2026-07-25 14:00:00"}}}',
        ),
        ("wasser/main/json", b'{"value":"1.5","error":"no error","rate":"","timestamp":"2026-07-25T14:00:00"}'),
    ],
)
def test_every_format_with_a_local_clock_is_read_so(topic: str, payload: bytes) -> None:
    memory = DeviceMemory(zone=lambda *_: ZoneInfo("Asia/Shanghai"))
    found = decode(topic, payload, SUMMER, memory=memory)
    assert found.rejected is None
    assert {one.time for one in found.readings} == {datetime(2026, 7, 25, 6, tzinfo=UTC)}


def test_two_homes_of_two_zones_are_stored_at_their_own_moments(tmp_path: Path) -> None:
    began = datetime(2020, 1, 1, tzinfo=UTC)
    bindings = FixedBindings(
        [Binding(name, "tasmota", began, litres_per_pulse=1.0, zone=zone) for name, zone in ZONES.items()]
    )
    store, inbox, stopping = SqliteStore(tmp_path), Inbox(100), Event()
    committer = Committer(
        "test", inbox, store, bindings,
        on_commit=lambda: None, acknowledge=lambda items: None, stopping=stopping, retry_s=(0.02, 0.05),
    )  # fmt: skip
    thread = Thread(target=committer.run)
    thread.start()
    try:
        for local, device in (("14", "urumqi"), ("08", "kassel")):
            payload = f'{{"Time":"2026-07-25T{local}:00:00","COUNTER":{{"C1":82184}}}}'.encode()
            message = Message(f"tele/{device}/SENSOR", payload, SUMMER + timedelta(seconds=1))
            inbox.put([Received(message, 0, 0, 1)])
        until(lambda: all(store.last(one, "water_volume_total") for one in ZONES), what="storing")
        for device in ZONES:
            row = store.last(device, "water_volume_total")
            assert row is not None
            assert row.measured_ms == int(datetime(2026, 7, 25, 6, tzinfo=UTC).timestamp() * 1000)
            assert row.flags == ()
    finally:
        stopping.set()
        thread.join(5)
        store.close()
