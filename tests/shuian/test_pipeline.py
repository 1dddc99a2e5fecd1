"""The way from stored readings to findings: nothing lost, nothing twice, nobody woken for what is over."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.shuian.street import HOUR, T0, Street, bound

RED = [("h1", "rule:12h-zero", "red")]
DAY = 24 * HOUR


@pytest.fixture
def street(tmp_path: Path):
    made = Street(tmp_path)
    yield made
    made.store.close()


def lived(street: Street, hours: int = 3, **more) -> None:
    street.hours(hours, drawn=8.0, **more)


# --- killed, broken, restarted ---------------------------------------------------------------------------------------


def test_twelve_hours_without_a_drop_are_told_once_and_their_end_too(street):
    lived(street)
    street.hours(11)
    assert street.quiet_red() == []
    street.hours(6)
    assert street.quiet_red() == RED
    street.hours(1, drawn=5.0)
    assert street.inbox.holding() == []


def test_a_kill_at_any_hour_tells_the_same_once(tmp_path):
    whole = Street(tmp_path / "whole")
    torn = Street(tmp_path / "torn")
    for one in (whole, torn):
        for hour, drawn in enumerate([8.0] * 3 + [0.0] * 14 + [4.0] + [0.0] * 13):
            one.hours(1, drawn)
            if one is torn and hour % 4 == 0:
                one.pipeline.save()
            if one is torn:
                one.restart()
        one.store.close()
    assert set(torn.inbox.findings) == set(whole.inbox.findings)
    assert torn.inbox.ended == whole.inbox.ended


def test_a_red_finding_is_kept_while_the_alert_store_is_locked_even_through_a_kill(street):
    lived(street)
    street.pipeline.save()
    street.inbox.down = True
    for _ in range(13):
        street.now += HOUR
        street.say()
        with suppress(OSError):
            street.work()
    assert street.inbox.told == []
    street.start()
    street.inbox.down = False
    street.now += 2 * DAY
    street.work()
    street.now += timedelta(minutes=6)
    street.work()
    assert street.quiet_red() == RED


def test_one_finding_that_cannot_be_taken_does_not_hold_up_another_home(tmp_path):
    street = Street(tmp_path, [bound("h1", "m1"), bound("h2", "m2")])
    lived(street, devices=("m1", "m2"))
    street.inbox.refuses = {"h1"}
    for _ in range(14):
        street.now += HOUR
        street.say("m1")
        street.say("m2")
        for _ in range(3):
            with suppress(OSError):
                street.work()
    assert ("h2", "rule:12h-zero", "red") in street.inbox.told
    assert street.pipeline.caught_up()
    street.store.close()


def test_an_end_that_a_crash_has_separated_from_its_beginning_is_told(street):
    lived(street)
    street.pipeline.save()
    street.hours(13)
    assert street.quiet_red() == RED
    street.now += HOUR
    street.say(drawn=5.0)  # committed, not judged: killed here
    street.now += DAY
    street.restart()
    assert len(street.inbox.ended) == len(street.inbox.findings)


def test_a_step_that_fails_half_way_loses_nothing(street, monkeypatch):
    lived(street)
    street.pipeline.save()
    street.hours(11)
    street.now += HOUR
    street.say()
    real = type(street.pipeline.partition)._judge_drift

    def breaks(self, *arguments):
        real(self, *arguments)  # the claim is made, and then lost with what called it
        monkeypatch.setattr(type(street.pipeline.partition), "_judge_drift", real)
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(type(street.pipeline.partition), "_judge_drift", breaks)
    with pytest.raises(RuntimeError):
        street.work()
    street.now += HOUR
    street.say()
    street.work()
    assert street.quiet_red() == RED
    (one,) = (one.finding for one in street.inbox.open() if one.finding.kind == "rule:12h-zero")
    assert one.onset == (T0 + 3 * HOUR).timestamp()


def test_an_entry_that_never_can_be_judged_costs_itself_only(tmp_path, monkeypatch):
    street = Street(tmp_path, [bound("h1", "m1"), bound("h2", "m2")])
    lived(street, devices=("m1", "m2"))
    real = type(street.pipeline.partition).step

    def stumbles(self, news):
        if (news.litres == 77.0).any():
            raise RuntimeError("a fault of ours")
        return real(self, news)

    monkeypatch.setattr(type(street.pipeline.partition), "step", stumbles)
    street.now += HOUR
    street.say("m2", 77.0)
    street.say("m1")
    for _ in range(4):
        with suppress(RuntimeError):
            street.work()
    street.hours(12, devices=("m1", "m2"))
    assert ("h1", "rule:12h-zero", "red") in street.inbox.told
    assert len(street.pipeline.left_out) == 1
    street.store.close()


# --- snapshot and journal that do not fit ----------------------------------------------------------------------------


def test_a_damaged_snapshot_is_put_aside_and_the_stored_readings_stand_in(street):
    for _ in range(20):
        lived(street, 10)
        street.hours(6)
    days = float(street.pipeline.partition.history_days()[0])
    street.hours(7)
    street.pipeline.save()
    (street.folder / "detect.npz").write_bytes(b"PK\x03\x04 and then nothing good")
    street.restart()
    assert (street.folder / "detect.damaged.npz").exists()
    assert street.pipeline.partition.history_days()[0] == days > 7
    assert street.pipeline.partition.last_use()[0] == street.now.timestamp() - 13 * 3600
    assert len(street.quiet_red()) == 1


def test_after_a_lost_snapshot_what_is_open_still_ends(street):
    lived(street)
    street.hours(14)
    street.now += 5 * HOUR
    street.work()
    before = set(street.inbox.holding())
    assert ("h1", "meter_silent") in before
    street.pipeline.save()
    (street.folder / "detect.npz").unlink()
    street.restart()
    assert set(street.inbox.holding()) == before
    street.hours(1, drawn=6.0)
    street.hours(1, drawn=6.0)
    assert street.inbox.holding() == []


def test_a_restart_ends_nothing_that_still_holds(street):
    lived(street)
    street.hours(14)
    street.now += 5 * HOUR
    street.work()
    before = set(street.inbox.holding())
    assert {("h1", "meter_silent"), ("h1", "rule:12h-zero")} <= before
    street.pipeline.save()
    street.restart()
    assert set(street.inbox.holding()) == before
    assert street.inbox.ended == []
    assert street.inbox.told.count(("h1", "meter_silent", "blue")) == 1


def test_a_snapshot_older_than_the_journal_is_completed_from_the_stored_readings(street):
    lived(street)
    street.pipeline.save()
    old = (street.folder / "detect.npz").read_bytes()
    lived(street, 2)
    street.hours(11)
    street.pipeline.save()
    (street.folder / "detect.npz").write_bytes(old)
    street.restart()
    street.hours(1)
    assert street.quiet_red() == RED


def test_a_snapshot_newer_than_the_readings_does_not_make_us_deaf(tmp_path):
    street = Street(tmp_path / "one")
    lived(street, 40)
    street.pipeline.save()
    street.store.close()
    other = Street(tmp_path / "two")
    (tmp_path / "two" / "detect.npz").write_bytes((tmp_path / "one" / "detect.npz").read_bytes())
    other.now, other.litres = street.now, street.litres
    other.restart()
    lived(other, 1)
    other.hours(12)
    assert other.quiet_red() == RED
    other.store.close()


def test_a_state_from_the_future_is_not_believed(street):
    right = street.now
    lived(street)
    street.now = right + 300 * DAY  # somebody set the clock
    street.say(drawn=3.0)
    street.work()
    street.pipeline.save()
    street.now = right + 4 * HOUR
    street.restart()
    lived(street, 1)
    street.hours(12)
    assert street.quiet_red() == RED
    street.now += 4 * HOUR
    street.work()
    assert ("h1", "meter_silent", "blue") in street.inbox.told


def test_nothing_is_saved_before_what_was_missing_is_filled_in(street):
    lived(street)
    street.hours(5)
    street.pipeline.save()
    (street.folder / "detect.npz").unlink()
    street.start()
    street.pipeline.save()
    street.restart()
    street.hours(7)
    assert street.quiet_red() == RED


# --- late, old, many at once -----------------------------------------------------------------------------------------


def backlog(street: Street, hours: int, drawn_at=(), delay: timedelta = timedelta(0)) -> None:
    """One meter's registers of many hours arrive together, `delay` after the last."""
    begin = street.now
    street.now = begin + hours * HOUR + delay
    for hour in range(1, hours + 1):
        street.say(drawn=6.0 if hour in drawn_at else 0.0, at=begin + hour * HOUR)
    street.work()


def test_a_quiet_that_ended_inside_an_old_backlog_wakes_nobody(street):
    lived(street)
    backlog(street, 30, drawn_at=(28,), delay=5 * HOUR)
    street.now += timedelta(minutes=10)
    street.work()
    assert street.quiet_red() == []


def test_a_quiet_still_open_at_the_end_of_an_old_backlog_is_told_when_no_more_comes(street):
    lived(street)
    backlog(street, 30, delay=DAY)
    assert street.quiet_red() == []
    street.now += timedelta(minutes=6)
    street.work()
    assert street.quiet_red() == RED


def test_a_meter_that_uploads_once_a_day_is_judged_at_arrival_though_its_news_are_a_day_old(tmp_path):
    street = Street(tmp_path, [bound(period_s=86_400)])
    street.say(drawn=3.0)
    street.work()
    backlog(street, 24, drawn_at=range(1, 8), delay=DAY)
    assert street.quiet_red() == RED
    street.store.close()


def test_a_meter_whose_clock_is_behind_alarms_all_the_same(tmp_path):
    street = Street(tmp_path, [bound(period_s=900)])
    behind = timedelta(minutes=50)

    def lives(quarters, drawn):
        for _ in range(quarters):
            street.now += timedelta(minutes=5)
            street.work()
            street.now += timedelta(minutes=10)
            street.say(drawn=drawn, at=street.now - behind)
            street.work()

    lives(8, 2.0)
    lives(52, 0.0)
    assert street.quiet_red() == RED
    street.store.close()


def test_a_meter_whose_clock_is_ahead_is_judged_by_the_time_of_arrival(street):
    for hour in range(16):
        street.now += HOUR
        street.say(drawn=8.0 if hour < 3 else 0.0, flags=("implausible_time",))
        street.work()
    assert street.quiet_red() == RED


def test_a_message_that_names_its_newest_measurement_first_loses_none(street):
    lived(street)
    rows = []
    begin = street.now
    street.now += 13 * HOUR
    for hour in range(1, 14):
        street.litres["m1"] += 7.0 if hour == 1 else 0.0
        rows.append(street.reading("m1", begin + hour * HOUR, street.now))
    street.store.commit(rows[::-1], [])
    street.work()
    assert street.quiet_red() == RED
    assert street.pipeline.partition.last_use()[0] == (begin + HOUR).timestamp()


def test_amber_and_red_of_one_batch_are_passed_on_red_first(tmp_path):
    street = Street(tmp_path, rules=())
    for _ in range(3):
        lived(street, 14)
        street.hours(10)
    street.inbox.told.clear()
    lived(street, 1)
    backlog(street, 60)
    severities = [severity for _, kind, severity in street.inbox.told if kind == "quiet"]
    assert severities[:2] == ["red", "amber"]
    street.store.close()


# --- silence ---------------------------------------------------------------------------------------------------------


def silent(street):
    return [one for one in street.inbox.told if one[1] == "meter_silent"]


def test_our_own_long_downtime_makes_no_meter_silent(street):
    lived(street)
    street.pipeline.save()
    street.now += 9 * DAY
    street.restart()
    street.now += 2 * HOUR
    street.work()
    assert silent(street) == []
    street.now += 2 * HOUR
    street.work()
    assert len(silent(street)) == 1


def test_a_broker_that_is_away_makes_no_meter_silent(street):
    lived(street)
    street.listening = False
    for _ in range(24):
        street.now += HOUR
        street.work()
    street.listening = True
    street.now += 2 * HOUR
    street.work()
    assert silent(street) == []
    street.now += 2 * HOUR
    street.work()
    assert len(silent(street)) == 1


def test_a_connection_that_drops_for_a_moment_hides_no_silent_meter(street):
    lived(street)
    for _ in range(5):
        street.listening = False
        street.work()
        street.now += timedelta(seconds=40)
        street.work()
        street.listening = True
        street.now += HOUR
        street.work()
    assert len(silent(street)) == 1


def test_a_home_that_is_added_today_is_not_silent_since_yesterday(street):
    street.hours(30, drawn=4.0)
    street.town.homes.append(bound("h2", "m2"))
    street.town.moved()
    street.hours(2, drawn=4.0)
    assert silent(street) == []
    street.hours(2, drawn=4.0)
    assert silent(street) == [("h2", "meter_silent", "blue")]


def test_a_meter_that_will_be_hung_next_week_is_not_silent_today(street):
    street.town.homes.append(bound("h2", "m2", valid_from=T0 + 7 * DAY))
    street.town.moved()
    street.hours(24, drawn=4.0)
    assert silent(street) == []


def test_a_meter_set_to_report_daily_is_given_a_day(street):
    lived(street)
    street.town.homes = [bound(period_s=86_400)]
    street.town.moved()
    street.now += 20 * HOUR
    street.work()
    assert silent(street) == []
    street.now += 8 * HOUR
    street.work()
    assert len(silent(street)) == 1


# --- the registry moves ----------------------------------------------------------------------------------------------


def test_a_declared_absence_explains_and_a_withdrawn_one_does_not(street):
    lived(street)
    street.town.away = [("h1", T0 + 3 * HOUR, T0 + 20 * DAY)]
    street.town.moved()
    street.hours(14)
    assert street.quiet_red() == []
    street.pipeline.save()
    street.town.away = []
    street.town.moved()
    street.restart()
    street.hours(1)
    assert street.quiet_red() == RED


def test_two_absences_that_begin_together_hold_until_the_later_end(street):
    lived(street)
    begin = T0 + 3 * HOUR
    street.town.away = [("h1", begin, begin + 3 * DAY), ("h1", begin, begin + DAY)]
    street.town.moved()
    street.hours(60)
    assert street.quiet_red() == []


def test_consent_withdrawn_and_given_again_starts_afresh(street):
    lived(street)
    street.hours(10)
    street.town.homes = [bound(consented=False)]
    street.town.moved()
    street.work()
    street.now += 30 * DAY
    street.town.homes = [bound()]
    street.town.moved()
    street.hours(2)
    assert street.inbox.told == []
    assert street.pipeline.partition.last_use()[0] == (street.now - HOUR).timestamp()
    street.hours(12)
    assert street.quiet_red() == RED


def test_what_was_committed_before_consent_was_withdrawn_is_not_judged_after(street):
    lived(street)
    street.now += HOUR
    street.say()
    street.town.homes = [bound(consented=False)]
    street.town.moved()
    street.work()
    assert street.pipeline.partition.known_until()[0] == (street.now - HOUR).timestamp()


def test_consent_that_begins_or_ends_by_the_clock_needs_no_import(street):
    lived(street)
    street.town.homes = [bound(consented=False)]  # the registry's version does not move: a withdrawal dated in advance
    street.hours(14)
    assert street.quiet_red() == []


def test_a_silent_meter_of_a_home_that_left_is_no_longer_shown_as_silent(street):
    lived(street)
    street.now += 4 * HOUR
    street.work()
    assert street.inbox.holding() == [("h1", "meter_silent")]
    street.town.homes = []
    street.town.moved()
    street.work()
    assert street.inbox.holding() == []


def test_a_home_whose_meter_talked_before_it_was_added_is_judged_from_then_on(street):
    street.hours(5, drawn=3.0, devices=("m1", "m2"))
    street.town.homes.append(bound("h2", "m2"))
    street.town.moved()
    street.hours(3, drawn=3.0, devices=("m1", "m2"))
    street.hours(12, devices=("m2",))
    assert ("h2", "rule:12h-zero", "red") in street.inbox.told


def test_a_new_meter_goes_on_where_the_old_one_ended(street):
    lived(street)
    street.hours(2)
    swap = street.now + timedelta(minutes=30)
    street.town.homes = [bound(valid_to=swap), bound(device="m9", valid_from=swap)]
    street.town.moved()
    street.litres["m9"] = 0.0
    lived(street, 1, devices=("m9",))
    street.hours(13, devices=("m9",))
    assert street.quiet_red() == RED


def test_a_meter_that_moves_house_brings_no_water_along(tmp_path):
    street = Street(tmp_path, [bound("h1", "m1"), bound("h2", "m2")])
    lived(street, devices=("m1", "m2"))
    move = street.now + timedelta(minutes=30)
    street.town.homes = [bound("h1", "m1", valid_to=move), bound("h2", "m2", valid_to=move)]
    street.town.homes.append(bound("h2", "m1", valid_from=move))
    street.town.moved()
    street.now += HOUR
    street.say("m1", 400.0)
    street.work()
    row = street.pipeline.rows.of("h2")
    assert street.pipeline.partition._state.habit.day_l[row] == 16.0
    street.store.close()


def test_another_zone_moves_the_day_of_a_home(street):
    lived(street)
    street.town.homes = [bound(tz="Europe/Berlin")]
    street.town.moved()
    lived(street, 2)
    assert street.pipeline.present("h1")["zone"] == ZoneInfo("Europe/Berlin")
    assert street.pipeline.partition._state.clock.offset_s[0] == 3600


# --- registers and clocks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["counter_reset_possible", "counter_rollover_possible"])
def test_a_register_that_starts_again_says_nothing_of_use_and_goes_on(street, flag):
    lived(street)
    street.hours(2)
    street.litres["m1"] = 0.0
    street.now += HOUR
    street.say(flags=(flag,))
    street.work()
    street.hours(12)
    assert street.quiet_red() == RED
    (one,) = (one.finding for one in street.inbox.open() if one.finding.kind == "rule:12h-zero")
    assert one.onset == (T0 + 6 * HOUR).timestamp()


def test_the_last_hour_of_a_month_and_an_hour_told_twice_are_ordinary_hours(tmp_path):
    street = Street(tmp_path, [bound(tz="Europe/Berlin")])
    street.now = datetime(
        2026, 10, 24, 20, tzinfo=T0.tzinfo
    )  # the clocks go back on the 25th, the month ends a week on
    lived(street, 2)
    street.hours(13)
    lived(street, 1)
    assert [one.finding.onset for one in street.inbox.findings.values() if one.finding.kind == "rule:12h-zero"] == [
        datetime(2026, 10, 24, 22, tzinfo=T0.tzinfo).timestamp()
    ]
    street.now = datetime(2026, 10, 31, 18, tzinfo=T0.tzinfo)
    lived(street, 1)
    street.hours(13)
    assert len(street.quiet_red()) == 2
    street.store.close()


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_an_hour_that_our_clock_jumps_neither_wakes_nor_blinds(street, jump):
    lived(street, 6)
    offset = jump
    for drawn in [8.0] * 3 + [0.0] * 16:
        street.now += HOUR
        here = street.now
        street.now = here + offset  # what we believe; the meter's own clock is right
        late = here > street.now + timedelta(minutes=10)
        street.say(drawn=drawn, at=street.now if late else here)
        street.work()
        street.now = here
    assert silent(street) == []
    assert street.quiet_red() == RED


def test_our_clock_in_1970_raises_nothing_and_what_comes_after_is_judged(street):
    lived(street)
    right = street.now
    street.now = datetime(1970, 1, 1, 0, 5, tzinfo=T0.tzinfo)
    street.work()
    street.now = right
    street.hours(12)
    assert street.quiet_red() == RED
    assert silent(street) == []


def test_a_snapshot_that_cannot_be_written_leaves_the_old_one_and_the_journal(street, monkeypatch):
    lived(street)
    street.pipeline.save()
    before = (street.folder / "detect.npz").read_bytes()
    street.hours(2)
    newest = street.store.newest_seq()

    def full(*arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        street.pipeline.save()
    assert (street.folder / "detect.npz").read_bytes() == before
    assert [path.name for path in street.folder.glob("*.new.npz")] == []
    assert street.store.after(newest - 2, 10)


def test_changed_settings_take_a_snapshot_over(street):
    lived(street)
    street.hours(5)
    street.pipeline.save()
    street.settings = replace(street.settings, rules=("12h-zero", "250l-1h"))
    street.restart()
    street.hours(7)
    assert street.quiet_red() == RED
