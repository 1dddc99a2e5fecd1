from datetime import date

import pytest
from msgspec.structs import replace

from alerts.web.ports import Day
from ingest.readings import WATER_VOLUME_TOTAL, StoredReading
from shuian.history import History, first_use, quarters
from tests.shuian.street import HOUR, Street, bound


def registers(*pairs):
    return [
        StoredReading("m", WATER_VOLUME_TOTAL, round(at * 1000), round(litres * 1000), round(at * 1000))
        for at, litres in pairs
    ]


def meter(period_s):
    return bound(period_s=period_s).binding


def test_a_quarter_is_known_only_if_every_second_of_it_is():
    shown = quarters(registers((0, 10), (900, 12), (1800, 12), (2100, 13)), meter(900), 0, 4)
    assert shown[:2] == [pytest.approx(2), pytest.approx(0)]
    assert shown[2:] == [None, None]


def test_a_hole_with_use_is_unknown_and_a_hole_without_is_zero():
    used = quarters(registers((0, 10), (3600, 12)), meter(900), 0, 4)
    unused = quarters(registers((0, 10), (3600, 10)), meter(900), 0, 4)
    assert used == [None] * 4
    assert unused == [0.0] * 4


def test_an_hourly_meter_spreads_its_hour():
    assert quarters(registers((0, 0), (3600, 8)), meter(3600), 0, 4) == [pytest.approx(2)] * 4


def test_a_register_that_fell_says_nothing():
    assert quarters(registers((0, 500), (900, 2)), meter(900), 0, 1) == [None]


def test_a_register_that_wrapped_shows_what_was_drawn():
    around = registers((0, 9_999_990), (900, 5))
    around[1] = replace(around[1], flags=("counter_rollover_possible",))
    assert quarters(around, meter(900), 0, 1) == [pytest.approx(15)]


def test_no_readings_is_not_known():
    assert quarters([], meter(900), 0, 3) == [None] * 3


def test_the_first_use_of_a_day_is_after_four_and_never_guessed():
    litres = [0.0] * 96
    litres[8] = 6.0  # 02:00: a visit to the bathroom
    litres[26] = 1.0
    assert first_use(Day(date(2026, 11, 1), tuple(litres))) == 26 * 900
    holed = [None if q == 20 else v for q, v in enumerate(litres)]
    assert first_use(Day(date(2026, 11, 1), tuple(holed))) is None


def test_the_charts_of_a_home_never_show_what_its_meter_told_in_another_one(tmp_path):
    street = Street(tmp_path)
    street.hours(5, drawn=9.0)
    move = street.now + HOUR / 2
    street.town.homes = [bound("h1", "m1", tz="UTC", valid_to=move), bound("h2", "m1", tz="UTC", valid_from=move)]
    street.town.moved()
    street.hours(3, drawn=5.0)
    history = History(street.store, street.pipeline)
    (new,), (old,) = (history.days(home, street.now, 1) for home in ("h2", "h1"))
    assert set(new.litres[:24]) == {None}
    assert sum(litres or 0.0 for litres in new.litres) == pytest.approx(10.0)
    assert sum(litres or 0.0 for litres in old.litres) == pytest.approx(36.0)
    street.store.close()
