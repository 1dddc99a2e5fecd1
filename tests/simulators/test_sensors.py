"""Sensors of a simulated home: they tell of the same day as its water."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.device_memory import DeviceMemory
from ingest.devices import decode, zigbee2mqtt
from simulators.doings import doings, inside
from simulators.households import life, rhythm, trips
from simulators.sensors import BLIND_S, BUTTON, OCCUPIED_S, OPEN_S, Duty, door, motion, pressed, wet

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2025, 3, 3, tzinfo=SHANGHAI)
DID = doings(4, START, 10, SHANGHAI, trips=False)
BEGIN, END = START.timestamp(), START.timestamp() + 10 * 86_400


DAY = 86_400.0


def true_at(said):
    """When the sensor said that somebody moves: what is only remembered at a check-in left out."""
    return [at for at, state in said if state.get("occupancy") is True and "illuminance" not in state]


def rising(said):
    """When it said so after having said that nobody does."""
    found, on = [], False
    for at, state in said:
        found += [at] if state["occupancy"] and not on else []
        on = state["occupancy"]
    return found


def test_whoever_draws_water_is_seen_to_move():
    draws = life(4, START, 10, SHANGHAI, trips=False)
    assert np.isin(draws.start_s, DID.moves).all()
    per_day = len(true_at(motion(DID.moves, BEGIN, END))) / 10
    assert 15 < per_day < 60


def test_nobody_moves_while_out_and_the_door_opens_at_both_ends():
    out = rhythm(4, START, 10, SHANGHAI).out
    assert len(out) >= 3
    assert inside(out.mean(axis=1), DID.out).all(), "whatever an outing is part of is one time out"
    assert np.array_equal(DID.doors, DID.out.ravel())
    assert not inside(DID.moves[DID.walking()], DID.out).any()
    said = door(DID.doors.tolist(), BEGIN, END)
    opened = [at for at, state in said if state["contact"] is False]
    assert set(DID.doors[(DID.doors >= BEGIN) & (DID.doors < END)]) == set(opened)


def test_who_is_away_over_night_leaves_by_the_door_and_does_not_move():
    seed, away = next((seed, found[0]) for seed in range(200) if (found := trips(seed, START, 10, SHANGHAI)))
    did = doings(seed, START, 10, SHANGHAI)
    left, back = max(away[0], BEGIN), min(away[1], END)
    assert inside(np.array([left + 1, (left + back) / 2, back - 1]), did.out).all()
    seen = did.moves[did.walking()]
    assert not ((seen > left) & (seen < back)).any()
    assert not ((did.draws.start_s >= left) & (did.draws.start_s < back)).any()


def test_a_motion_sensor_is_blind_for_a_minute_after_each_movement():
    said = motion(np.array([1000.0, 1030.0, 1059.0, 1060.0, 1119.0, 1200.0]), 900.0, 3000.0)
    assert true_at(said) == [1000.0, 1060.0, 1200.0]
    assert (np.diff(true_at(motion(DID.moves, BEGIN, END))) >= BLIND_S).all()


def test_occupancy_ends_ninety_seconds_after_the_last_movement_that_was_seen():
    said = motion(np.array([1000.0, 1060.0, 1140.0, 1150.0, 2000.0]), 900.0, 3000.0)
    assert [(at, state["occupancy"]) for at, state in said] == [
        (1000.0, True),
        (1060.0, True),
        (1140.0, True),
        (1140.0 + OCCUPIED_S, False),
        (2000.0, True),
        (2000.0 + OCCUPIED_S, False),
    ]


def test_a_check_in_repeats_what_the_gateway_remembers():
    said = dict(motion(np.array([3290.0]), 0.0, 6700.0))
    assert [at for at, state in said.items() if "illuminance" in state] == [0.0, 3300.0, 6600.0]
    assert said[3300.0]["occupancy"] is True
    assert said[6600.0]["occupancy"] is False
    assert dict(door([3295.0], 3000.0, 7000.0))[3300.0]["contact"] is False
    assert dict(wet([(3000.0, 5000.0)], 0.0, 7000.0))[3300.0]["water_leak"] is True


def test_a_door_is_open_until_the_last_of_those_who_walk_through_is():
    said = [(at, state["contact"]) for at, state in door([100.0, 105.0, 300.0], 50.0, 400.0)]
    assert said == [(100.0, False), (105.0 + OPEN_S, True), (300.0, False), (300.0 + OPEN_S, True)]


def test_a_leak_sensor_speaks_once_when_it_gets_wet_and_once_when_dry():
    said = wet([(1000.0, 9000.0)], 0.0, 20_000.0, Duty(phase_s=10.0))
    changes = [(at, state["water_leak"]) for at, state in said if (at - 10.0) % 3300.0]
    assert changes == [(1000.0, True), (9000.0, False)]
    cached = [state["water_leak"] for at, state in said if (at - 10.0) % 3300.0 == 0]
    assert cached == [False, True, True, False, False, False, False]
    assert [state["water_leak"] for _, state in wet([], 0.0, 7000.0)] == [False] * 3


def test_a_battery_falls_slowly_and_never_below_its_last_fifth():
    duty = Duty(battery_since_s=500.0)
    charge = [duty.battery(500.0 + days * DAY) for days in range(0, 731, 10)]
    assert charge[0] == 100
    assert min(charge) >= 21
    assert (np.diff(charge[:73]) <= 0).all()
    assert max(-np.diff(charge[:73])) <= 2
    assert duty.battery(500.0 + 730 * DAY) == 100, "replaced"
    assert all("battery" in state for _, state in motion(DID.moves, BEGIN, END))


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 1e5), st.floats(10, 1e5), st.floats(0, 1e6), st.floats(0, 1e6))
def test_check_ins_come_evenly_and_none_is_told_twice(phase_s, every_s, begin, length):
    duty = Duty(every_s=every_s, phase_s=phase_s)
    whole = duty.checks_in(begin, begin + length)
    middle = begin + length / 3
    assert duty.checks_in(begin, middle) + duty.checks_in(middle, begin + length) == whole
    assert abs(len(whole) - length / every_s) <= 1.001


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 10 * 86_400), max_size=6))
def test_a_day_told_in_pieces_is_the_same_day(cuts):
    edges = [BEGIN, *sorted(BEGIN + cut for cut in cuts), END]
    floods = [(BEGIN + 5e4, BEGIN + 9e4), (BEGIN + 2e5, BEGIN + 3e5)]
    for says in (
        lambda a, b: motion(DID.moves, a, b),
        lambda a, b: door(DID.doors.tolist(), a, b),
        lambda a, b: wet(floods, a, b),
        lambda a, b: pressed([BEGIN + 7e4], a, b),
    ):
        assert [one for a, b in pairwise(edges) for one in says(a, b)] == says(BEGIN, END)


def test_a_press_is_followed_by_an_empty_action_and_else_a_button_hardly_speaks():
    begin = 1000 * DAY + 60.0
    said = pressed([begin + 50.0], begin, begin + DAY)
    assert [state["action"] for _, state in said] == ["emergency", "", None, None]
    assert [at - begin for at, _ in said] == [50.0, 51.0, 0.5 * DAY - 60.0, DAY - 60.0]
    assert BUTTON.every_s <= DAY, "a gateway takes a battery device for lost after 25 hours"
    assert pressed([begin + 50.0], begin + 51.5, begin + 100.0) == []


def test_the_reader_takes_each_movement_for_news_and_no_repeat():
    memory = DeviceMemory()

    def is_news(at, state):
        when = datetime.fromtimestamp(round(at), SHANGHAI)
        topic, payload = zigbee2mqtt.encode_state("motion-1", when, **state)
        readings = decode(topic, payload, when + timedelta(seconds=1), memory=memory).readings
        return any(one.quantity == "occupancy" and one.value and "cached_state" not in one.flags for one in readings)

    said = motion(DID.moves, BEGIN, END)
    news = [at for at, state in said if is_news(at, state)]
    assert len(rising(said)) > 100
    assert news == rising(said)


def test_the_reader_takes_a_door_and_a_floor_for_news_when_they_change_only():
    memory = DeviceMemory()

    def news(at, state, quantity):
        when = datetime.fromtimestamp(round(at), SHANGHAI)
        topic, payload = zigbee2mqtt.encode_state(quantity, when, **state)
        readings = decode(topic, payload, when + timedelta(seconds=1), memory=memory).readings
        return [one.value for one in readings if one.quantity == quantity and "cached_state" not in one.flags]

    said = wet([(BEGIN + 10_000, BEGIN + 30_000)], BEGIN, END)
    assert [v for at, state in said for v in news(at, state, "water_leak")] == [False, True, False]
    said = door(DID.doors.tolist(), BEGIN, END)
    opened = [v for at, state in said for v in news(at, state, "contact_open")]
    assert opened.count(True) == len([at for at, state in said if state["contact"] is False])
