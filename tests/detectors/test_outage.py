"""Water cuts and dead gateways: what many homes at once say, and what each of them alone does not."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.bins import News
from detectors.errors import SnapshotError
from detectors.groups import Members
from detectors.outage import Group, Outages
from detectors.partition import Partition, Settings
from detectors.water_cut import tail
from tests.detectors.street import ALL, BUILDING, HOMES, OFFSET_S, RISERS, SLOT_S, Street

GATEWAY = Group("gw-1", "gateway", ALL[:10])


def kinds(findings):
    return [(one.group, one.kind) for one in findings]


def test_a_cut_by_day_is_told_once_for_the_building_within_two_hours():
    s = Street().dry(ALL, 10, 16).until(12)
    assert kinds(s.raised) == [("house", "water_outage")]
    [one] = s.outages.open()
    assert 9.75 <= s.hour(one.onset) <= 10
    assert 10.5 < s.hour(one.raised_at) < 12
    assert one.rows == tuple(range(HOMES))
    assert one.reason == "water_outage"
    e = one.evidence
    assert e["since_at"] == one.onset
    assert e["heard_at"] == one.raised_at - 5
    assert 16 <= e["silent_homes"] <= e["of_homes"] <= HOMES
    assert e["chance_log10"] < -6


def test_a_cut_in_the_evening_is_told_before_midnight():
    s = Street().dry(ALL, 21, 30).until(24)
    assert kinds(s.raised) == [("house", "water_outage")]


@pytest.mark.slow
def test_two_quiet_nights_and_ordinary_days_are_no_cut():
    assert Street().until(60).raised == []


def test_it_ends_when_the_homes_draw_again_and_says_when():
    s = Street().dry(ALL, 10, 14).until(16)
    assert kinds(s.cleared) == [("house", "water_outage")]
    assert 14 < s.hour(s.cleared[0].cleared_at) <= 15.5
    assert s.cleared[0].onset == s.raised[0].onset
    assert s.outages.open() == []
    assert len(s.until(24).raised) == 1


def test_it_does_not_end_while_only_a_few_draw_from_a_tank():
    s = Street().dry(ALL[2:], 10, 20).until(19.5)
    assert kinds(s.raised) == [("house", "water_outage")]
    assert s.cleared == []
    assert s.raised[0].evidence["of_homes"] - s.raised[0].evidence["silent_homes"] <= 2


def test_who_fell_before_the_cut_is_no_witness_and_keeps_a_case_of_their_own():
    s = Street().dry(3, 0).dry(ALL, 14, 20).until(18)
    [cut] = [one for one in s.raised if one.group == "house"]
    assert 3 not in cut.silent
    [red] = [one for one in s.personal if (one.row, one.kind, one.severity) == (3, "quiet", "red")]
    assert red.onset < cut.onset - 1800


@pytest.mark.slow
def test_a_riser_alone_is_told_as_a_riser():
    s = Street().dry(RISERS[1].rows, 7, 20).until(20)
    assert kinds(s.raised) == [("riser 1", "water_outage")]


@pytest.mark.slow
def test_a_riser_gives_way_to_its_building_in_the_same_look():
    s = Street().dry(RISERS[1].rows, 7, 30).dry(ALL, 15, 30).until(22)
    assert kinds(s.raised) == [("riser 1", "water_outage"), ("house", "water_outage")]
    assert kinds(s.cleared) == [("riser 1", "water_outage")]
    assert s.cleared[0].cleared_at == s.raised[1].raised_at
    assert kinds(s.outages.open()) == [("house", "water_outage")]


@pytest.mark.slow
def test_the_order_of_the_rows_does_not_matter():
    shuffled = np.random.default_rng(3).permutation(HOMES)
    plain, other = (Street(order=order).dry(ALL, 10, 14).until(17) for order in (ALL, shuffled))
    assert [(one.onset, one.raised_at, one.evidence) for one in plain.raised] == [
        (one.onset, one.raised_at, one.evidence) for one in other.raised
    ]
    assert set(other.raised[0].silent) == {int(shuffled[row]) for row in plain.raised[0].silent}
    assert [one.cleared_at for one in plain.cleared] == [one.cleared_at for one in other.cleared]


def test_homes_declared_away_and_homes_that_are_not_watched_are_no_witnesses():
    s = Street((BUILDING,)).dry(ALL, 10, 20)
    for row in range(8):
        s.partition.away(row, s.midnight - 3600, s.midnight + 9 * 86_400)
    s.active[8:16] = False
    assert s.until(20).raised == []  # four are left


def test_a_home_that_was_never_heard_is_not_silent():
    s = Street().dry(ALL, 10, 20)
    s.outages.set_groups([Group("house", "building", np.arange(HOMES + 30))])
    s.partition.grow(np.full(30, SLOT_S), np.ones(30))
    s.active = np.ones(HOMES + 30, bool)
    s.until(14)
    assert s.raised[0].evidence["of_homes"] <= HOMES
    assert max(s.raised[0].silent) < HOMES


def test_meters_that_report_once_a_day_never_take_part():
    s = Street((BUILDING,)).dry(ALL, 10, 20)
    s.partition.set_meters(np.full(HOMES, 86_400.0), np.ones(HOMES))
    assert s.until(20).raised == []


def test_old_data_say_nothing_about_now():
    s = Street((BUILDING,)).dry(ALL, 10, 20)
    s.outages, watching = Outages(), s.outages
    s.until(14)
    late = s.midnight + 16 * 3600
    assert kinds(watching.look(s.partition, s.active, late, late).raised) == []
    assert kinds(watching.look(s.partition, s.active, s.midnight + 14 * 3600 + 10).raised) == []  # no news since
    watching.set_groups([])
    watching.set_groups([BUILDING])
    assert kinds(watching.look(s.partition, s.active, s.midnight + 14 * 3600 + 10).raised) == [
        ("house", "water_outage")
    ]


def test_a_restart_in_the_middle_keeps_the_event_and_a_group_that_is_gone_ends_it():
    s = Street().dry(ALL, 10, 20).until(13)
    before = s.outages.open()
    s.outages = Outages.restore(s.outages.snapshot())
    s.outages.set_groups([BUILDING, *RISERS])
    assert s.outages.open() == before
    s.until(15)
    assert s.outages.open() == before
    s.outages.set_groups(RISERS)
    s.until(15.25)
    assert ("house", "water_outage") in kinds(s.cleared)


def test_arrays_of_something_else_are_refused():
    with pytest.raises(SnapshotError, match="open"):
        Outages.restore({})


# --- gateways ---


def test_a_gateway_that_dies_is_told_after_three_periods_and_ends_when_its_meters_are_heard():
    s = Street((BUILDING, GATEWAY)).unheard(GATEWAY.rows, 9, 13).until(14)
    assert kinds(s.raised) == kinds(s.cleared) == [("gw-1", "radio_outage")]
    [one] = s.raised
    assert one.onset == s.midnight + 9 * 3600 + 5
    assert 9.5 <= s.hour(one.raised_at) <= 10.25
    assert one.rows == tuple(range(10))
    assert one.evidence == {"silent_meters": 10, "of_meters": 10, "since_at": one.onset, "period_s": SLOT_S}
    assert 13 < s.hour(s.cleared[0].cleared_at) <= 13.5


def test_homes_without_a_known_gateway_are_looked_at_by_building():
    s = Street((BUILDING, GATEWAY)).unheard(ALL[10:], 9, 13).until(14)
    assert kinds(s.raised) == [("house", "radio_outage")]
    assert s.raised[0].rows == tuple(range(10, 20))


def test_single_meters_that_die_one_after_the_other_are_no_gateway():
    s = Street((GATEWAY,))
    for n in range(10):
        s.unheard(n, 3 + 1.5 * n)
    assert s.until(24).raised == []


def test_a_meter_that_was_dead_before_is_not_counted_and_one_that_is_not_due_yet_is_named():
    s = Street((GATEWAY,)).unheard(0, 0).unheard(GATEWAY.rows, 9)
    period = np.full(HOMES, SLOT_S)
    period[1] = 3600.0
    s.partition.set_meters(period, np.ones(HOMES))
    s.until(11)
    [one] = s.raised
    assert (one.evidence["silent_meters"], one.evidence["of_meters"]) == (8, 9)
    assert one.rows == tuple(range(1, 10))


def test_time_in_which_the_service_did_not_listen_is_no_outage():
    s = Street((BUILDING, GATEWAY)).unheard(ALL, 9, 17).until(9)
    s.slot = 17 * 4
    s.listening_since = s.midnight + 17 * 3600
    s.look(s.listening_since)
    assert s.until(20).raised == []


# --- waiting for neighbours ---


def test_a_quiet_waits_for_neighbours_who_send_old_data_but_never_long():
    s = Street((BUILDING,)).until(10)
    rows = np.arange(3)
    begin = np.full(3, s.midnight + 10 * 3600)
    now = s.midnight + 15 * 3600
    assert not s.outages.catching_up(s.partition, now).any()
    s.partition.step(News(rows, begin, begin + 900, np.zeros(3), np.full(3, OFFSET_S), np.full(3, now)))
    assert s.outages.catching_up(s.partition, now + 1).all()
    assert not s.outages.catching_up(s.partition, now + 70).any()  # nothing came for a minute
    for k in range(1, 9):
        s.partition.step(
            News(rows, begin + 900, begin + 1800 + k, np.zeros(3), np.full(3, OFFSET_S), np.full(3, now + 40 * k))
        )
        assert s.outages.catching_up(s.partition, now + 40 * k).any() == (k <= 3)


def test_groups_are_the_same_only_with_the_same_names_kinds_and_rows():
    members = Members([BUILDING, *RISERS])
    assert members.same([BUILDING, *RISERS])
    assert not members.same([BUILDING, *RISERS[1:]])
    assert not members.same([*RISERS, BUILDING])
    assert not members.same([Group("house", "building", ALL[::-1]), *RISERS])
    assert not members.same([Group("house", "gateway", ALL), *RISERS])
    assert members.parents() == {1: 0, 2: 0, 3: 0, 4: 0}
    assert Members([BUILDING, Group("elsewhere", "riser", np.array([3, 99]))]).parents() == {}


# --- the mathematics ---


@given(st.lists(st.floats(0, 1), max_size=7), st.integers(0, 8))
def test_the_tail_is_the_sum_over_all_ways_to_be_silent(chances, least):
    total = 0.0
    for ways in itertools.product((0, 1), repeat=len(chances)):
        if sum(ways) >= least:
            total += np.prod([p if silent else 1 - p for p, silent in zip(chances, ways, strict=True)])
    assert tail(np.array(chances), least) == pytest.approx(total, abs=1e-12)


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_the_tail_falls_with_the_number_and_does_not_know_an_order(chances, random):
    shuffled = random.sample(chances, len(chances))
    tails = [tail(np.array(chances), least) for least in range(len(chances) + 1)]
    assert tails == sorted(tails, reverse=True)
    assert tails == pytest.approx([tail(np.array(shuffled), least) for least in range(len(chances) + 1)])


def test_the_chance_of_no_use_falls_with_time_and_is_one_for_none():
    part = Street().until(9).partition
    since = part.known_until() - 6 * 3600
    chances = [part.unused(ALL, since, since + hours * 3600) for hours in (0, 1, 3, 6)]
    np.testing.assert_array_equal(chances[0], 1.0)
    assert (np.diff(chances, axis=0) < 0).all()
    assert (part.unused(ALL, since, since - 60) == 1.0).all()


def test_no_homes_are_no_trouble():
    part = Partition(Settings(), np.empty(0), np.empty(0))
    outages = Outages()
    outages.set_groups([Group("empty", "building", np.empty(0, np.intp))])
    assert outages.look(part, np.empty(0, bool), 1e9) == ([], [], [])
    assert outages.catching_up(part, 1e9).shape == (0,)
