"""What the detectors see of a doubted register, and what the operator is told of its meter (docs/quality.md has the table)."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import REGISTRY

from shuian.clock_check import ClockCheck
from tests.shuian.street import HOUR, T0, Street, bound

RED = [("h1", "rule:12h-zero", "red")]
UNIT, TWO, SKEW = "unit_change:x1000", "two_registers_possible", "clock_skew"


@pytest.fixture
def street(tmp_path):
    one = Street(tmp_path)
    one.hours(5, 8.0)
    yield one
    one.store.close()


def say(street, drawn=0.0, flags=(), **more):
    street.now += HOUR
    street.say(drawn=drawn, flags=flags, **more)
    street.work()


def looked(street):
    """Let a minute pass, after which the pipeline looks around again."""
    street.now += timedelta(minutes=1)
    street.work()


def told(street, kind):
    return [one.finding.reason for one in street.inbox.findings.values() if one.finding.kind == kind]


def holds(street, kind):
    return ("h1", kind) in street.inbox.holding()


def test_m5_in_another_unit_no_litres_count_but_a_register_that_stands_still_does(street):
    say(street, 9e6, (UNIT, "implausible_value"))
    day_l = street.pipeline.partition._state.habit.day_l[0]
    say(street, 3000.0, (UNIT,))
    for _ in range(12):
        say(street, 0.0, (UNIT,))
    assert street.quiet_red() == RED
    assert holds(street, "rule:12h-zero")
    say(street, 3000.0, (UNIT,))
    assert not holds(street, "rule:12h-zero")
    assert street.pipeline.partition._state.habit.day_l[0] <= day_l
    assert not told(street, "surge")


def test_m5_the_operator_is_told_once_until_the_meter_is_right_again(street):
    for _ in range(3):
        say(street, 0.0, (UNIT,))
    assert told(street, "meter_quarantined") == ["meter_unit_changed"]
    assert holds(street, "meter_quarantined")
    street.pipeline.save()
    street.restart()
    say(street, 8.0)
    assert told(street, "meter_quarantined") == ["meter_unit_changed"]
    assert not holds(street, "meter_quarantined")


def test_m20_of_two_registers_under_one_number_nothing_is_believed(street):
    for hour in range(14):
        say(street, 0.0 if hour % 2 else 900.0, (TWO,))
    assert street.quiet_red() == []
    assert not told(street, "surge")
    assert told(street, "meter_quarantined") == ["meter_two_registers"]


def test_m12_a_clock_that_is_behind_is_told_and_the_home_stays_watched(street):
    for _ in range(12):
        say(street, 0.0, (SKEW,))
    assert told(street, "meter_clock") == ["meter_clock_behind"]
    assert street.quiet_red() == RED
    say(street, 8.0)
    assert not holds(street, "meter_clock")


@pytest.mark.parametrize("flag", ["late", "history", "retained"])
def test_what_is_told_afterwards_says_nothing_of_the_meter_now(street, flag):
    say(street, 0.0, (UNIT, flag))
    assert told(street, "meter_quarantined") == []


def test_m4_what_was_drawn_while_the_register_wrapped_counts(tmp_path):
    street = Street(tmp_path)
    street.litres["m1"] = 9_999_990.0
    street.hours(2, 3.0)
    before = street.pipeline.partition._state.habit.day_l[0]
    say(street, 6.0 - 1e7, ("counter_rollover_possible",))
    street.hours(1, 3.0)
    assert street.pipeline.partition._state.habit.day_l[0] == before + 3.0 + 6.0
    street.store.close()


@pytest.mark.parametrize("device", ["m1", "m2"], ids=["under its old name", "under a new name"])
def test_m3_whoever_changes_a_meter_was_there_a_quiet_ends_at_the_swap(street, device):
    street.hours(12)
    assert holds(street, "rule:12h-zero")
    swap = street.now + timedelta(minutes=30)
    street.town.homes = [bound(valid_to=swap), bound(device=device, valid_from=swap)]
    street.town.moved()
    street.litres[device] = 250.0
    street.now += HOUR
    street.say(device)
    street.work()
    assert not holds(street, "rule:12h-zero")
    street.hours(11, devices=(device,))
    assert len(street.quiet_red()) == 1
    street.hours(1, devices=(device,))
    assert len(street.quiet_red()) == 2


def test_m3_without_a_work_order_nobody_was_there(street):
    street.hours(12)
    say(street, -900.0, ("counter_reset_possible",))
    assert holds(street, "rule:12h-zero")


def test_m16_a_retained_copy_is_no_sign_of_life_of_the_meter(street):
    heard = street.pipeline.partition.heard()[0]
    measured = street.now + timedelta(minutes=5)
    street.now += 5 * HOUR
    street.say(at=measured, flags=("retained",))
    street.work()
    assert street.pipeline.partition.heard()[0] == measured.timestamp() == heard + 300
    assert told(street, "meter_silent") == ["meter_silent"]


def test_m1_a_register_that_stands_still_while_messages_come_is_counted(street):
    def still():
        looked(street)
        return REGISTRY.get_sample_value("shuian_registers_still")

    street.hours(22)
    assert still() == 0
    street.hours(2)
    assert still() == 1
    street.hours(1, 8.0)
    assert still() == 0


def test_findings_and_doubted_meters_are_counted_by_kind(street):
    def value(name, **labels):
        return REGISTRY.get_sample_value(name, labels) or 0

    before = value("shuian_findings_total", kind="meter_quarantined", reason="meter_unit_changed")
    say(street, 0.0, (UNIT,))
    looked(street)
    assert value("shuian_findings_total", kind="meter_quarantined", reason="meter_unit_changed") == before + 1
    assert value("shuian_meters_doubted", kind="meter_quarantined") == 1


def test_a_first_register_of_a_first_meter_is_no_swap(tmp_path):
    street = Street(tmp_path, [bound(valid_from=T0)])
    street.hours(13)
    assert street.quiet_red() == RED
    street.store.close()


# --- M13: once a month ---------------------------------------------------------------------------------------------------


def day_by_day(street, days, late_h=0.0):
    """Let days pass in which water is used at the same local hours, told by a clock that is `late_h` ahead."""
    litres = {6: 8.0, 7: 20.0, 8: 5.0, 12: 12.0, 13: 3.0, 18: 15.0, 19: 10.0, 21: 30.0}
    rows = []
    for _ in range(days * 24):
        street.now += HOUR
        local = (street.now.hour + 7) % 24  # the hour that ends now, in Shanghai
        street.litres["m1"] = street.litres.get("m1", 1000.0) + litres.get(local, 0.0)
        rows.append(street.reading("m1", street.now + late_h * HOUR, street.now))
    street.store.commit(rows, [])


@pytest.mark.parametrize(("late_h", "reasons"), [(0.0, []), (-1.0, ["meter_zone"]), (8.0, ["meter_zone"])])
def test_m13_once_a_month_a_meter_that_keeps_another_zone_is_told(tmp_path, late_h, reasons):
    street = Street(tmp_path, rules=())
    check = ClockCheck(street.store, lambda: street.pipeline.rows, lambda: street.now)
    day_by_day(street, 56)
    day_by_day(street, 28, late_h)
    street.pipeline.refresh()
    found = []
    for _ in range(28):
        street.now += timedelta(days=1)
        found += check.look()
        assert check.look() == []
    assert [one.reason for one in found if one.reason] == reasons
    assert len(found) == 1
    street.pipeline.doubt(found)
    assert [one.reason for one in street.pipeline.partition.open()] == reasons
    street.pipeline.doubt([one._replace(reason="") for one in found])
    assert street.pipeline.partition.open() == []
    street.store.close()


def test_m13_who_follows_summer_time_keeps_the_hours(tmp_path):
    street = Street(tmp_path, [bound(tz="Europe/Berlin", valid_from=T0 - timedelta(days=300))], rules=())
    street.now = T0.replace(month=8, day=30)
    rows, zone = [], ZoneInfo("Europe/Berlin")
    for _ in range(84 * 24):  # the clocks go back in between
        street.now += HOUR
        hour = (street.now.astimezone(zone) - HOUR / 2).hour
        street.litres["m1"] = street.litres.get("m1", 1000.0) + {6: 8.0, 7: 20.0, 12: 12.0, 18: 15.0, 21: 3.0}.get(
            hour, 0.0
        )
        rows.append(street.reading("m1", street.now, street.now))
    street.store.commit(rows, [])
    street.pipeline.refresh()
    check = ClockCheck(street.store, lambda: street.pipeline.rows, lambda: street.now)
    assert [one.reason for one in check.doubts(["m1"], street.now.timestamp())] == [""]
    street.store.close()
