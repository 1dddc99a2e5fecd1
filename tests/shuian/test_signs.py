"""Sensors beside the meter: a press is told at once, a movement is a sign of life, a repeated state is nothing."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.shuian.street import HOUR, Street, bound

SENSORS = [bound(), *(bound("h1", name, resolution_l=None) for name in ("sos-1", "pir-1", "door-1", "wet-1"))]


@pytest.fixture
def street(tmp_path: Path):
    made = Street(tmp_path, SENSORS, rules=())
    yield made
    made.store.close()


def lived(street: Street, days: int) -> None:
    """Let the home live: water in every hour of the day, none at night."""
    for _ in range(days):
        rows = []
        for hour in range(24):
            street.now += HOUR
            street.litres["m1"] = street.litres.get("m1", 1000.0) + (6.0 if 6 <= (hour + 8) % 24 < 22 else 0.0)
            rows.append(street.reading("m1", street.now, street.now))
        street.store.commit(rows, [])
        street.work()


def told(street: Street, kind: str) -> list[tuple[str, str, str]]:
    return [one for one in street.inbox.told if one[1] == kind]


def test_an_sos_is_told_at_once_even_while_the_meter_is_silent(street):
    street.hours(3, drawn=8.0)
    street.now += timedelta(days=2)
    street.sense("sos-1", "sos")
    street.work()
    assert told(street, "sos") == [("h1", "sos", "red")]


def test_one_press_is_told_once_through_a_kill(street):
    street.sense("sos-1", "sos")
    street.work()
    street.restart()
    assert len(told(street, "sos")) == 1


def test_a_press_is_told_though_nobody_has_a_water_meter(tmp_path):
    alone = Street(tmp_path / "alone", [bound("h1", "sos-1", resolution_l=None)], rules=())
    alone.sense("sos-1", "sos")
    alone.now += timedelta(days=2)
    alone.work()
    assert alone.inbox.holding() == [("h1", "sos")], "and no meter is missed"
    alone.store.close()


@pytest.mark.parametrize("flag", ["cached_state", "retained", "history"])
def test_a_repeated_state_is_no_event(street, flag):
    street.sense("sos-1", "sos", flags=(flag,))
    street.sense("wet-1", "water_leak", flags=(flag,))
    street.work()
    assert street.inbox.told == []


def test_a_press_tells_the_charge_that_came_with_it(street):
    at = street.now
    street.sense("sos-1", "sos", at=at)
    street.sense("sos-1", "battery", 7, at=at)
    street.work()
    (sos,) = (one.finding for one in street.inbox.open())
    assert sos.evidence["battery_percent"] == 7


def test_water_on_the_floor_ends_when_it_is_dry(street):
    street.sense("wet-1", "water_leak")
    street.work()
    assert street.inbox.holding() == [("h1", "leak_sensor")]
    street.now += HOUR
    street.sense("wet-1", "water_leak", False)
    street.work()
    assert street.inbox.holding() == []


def test_who_moves_is_not_quiet(tmp_path):
    still, moving = (Street(tmp_path / name, SENSORS, rules=()) for name in ("still", "moving"))
    for one in (still, moving):
        lived(one, 20)
        for _ in range(40):
            one.hours(1)
            if one is moving:
                one.sense("pir-1", "occupancy")
                one.work()
    assert told(still, "quiet"), "40 h without a drop"
    assert told(moving, "quiet") == []
    for one in (still, moving):
        one.store.close()


def test_an_open_door_that_comes_with_the_water_of_the_hours_after_it_counts_first(street):
    lived(street, 20)
    street.sense("pir-1", "occupancy")
    street.work()
    opened = street.now + 0.5 * HOUR
    street.sense("door-1", "contact_open", at=opened)
    for _ in range(14):  # nobody judges meanwhile: all of it is one step
        street.now += HOUR
        street.say("m1")
    street.work()
    reasons = {one.finding.reason for one in street.inbox.findings.values() if one.finding.kind == "quiet"}
    assert reasons == {"quiet_maybe_out"}


def test_a_sensor_is_no_meter_that_could_fall_silent(street):
    lived(street, 3)
    assert street.inbox.told == []
