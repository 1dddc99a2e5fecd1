"""Sensors of a simulated home: they tell of the same day as its water."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.device_memory import DeviceMemory
from ingest.devices import decode, zigbee2mqtt
from simulators.doings import doings
from simulators.households import life, rhythm
from simulators.sensors import OCCUPIED_S, door, motion, pressed

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2025, 3, 3, tzinfo=SHANGHAI)
DID = doings(4, START, 10, SHANGHAI, trips=False)
BEGIN, END = START.timestamp(), START.timestamp() + 10 * 86_400


def true_at(said):
    """When the sensor first said that somebody is there: the hourly repeats left out."""
    return [at for at, state in said if state.get("occupancy") is True and "illuminance" not in state]


def test_whoever_draws_water_is_seen_to_move():
    draws = life(4, START, 10, SHANGHAI, trips=False)
    assert np.isin(draws.start_s, DID.moves).all()
    per_day = len(true_at(motion(DID.moves, BEGIN, END))) / 10
    assert 15 < per_day < 60


def test_nobody_moves_while_out_and_the_door_opens_at_both_ends():
    out = rhythm(4, START, 10, SHANGHAI).out
    assert len(out) > 3
    draws = life(4, START, 10, SHANGHAI, trips=False)
    walks = np.setdiff1d(DID.moves, np.concatenate([draws.start_s, draws.start_s + draws.duration_s]))
    assert not ((walks[:, None] > out[:, 0]) & (walks[:, None] < out[:, 1])).any()
    assert np.isin(out, DID.doors).all()
    said = door(DID.doors.tolist(), BEGIN, END)
    assert sum(state["contact"] is False for _, state in said) == sum(state["contact"] is True for _, state in said)


def test_occupancy_ends_ninety_seconds_after_the_last_movement():
    said = motion(np.array([1000.0, 1060.0, 1140.0, 2000.0]), 900.0, 3000.0)
    assert [(at, state["occupancy"]) for at, state in said] == [
        (1000.0, True),
        (1140.0 + OCCUPIED_S, False),
        (2000.0, True),
        (2000.0 + OCCUPIED_S, False),
    ]


def test_hourly_reports_repeat_the_cached_occupancy():
    said = dict(motion(np.array([3590.0]), 0.0, 7300.0))
    assert said[3600.0]["occupancy"] is True
    assert "illuminance" in said[3600.0]
    assert said[7200.0]["occupancy"] is False


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 10 * 86_400), max_size=6))
def test_a_day_told_in_pieces_is_the_same_day(cuts):
    edges = [BEGIN, *sorted(BEGIN + cut for cut in cuts), END]
    pieces = [one for a, b in pairwise(edges) for one in motion(DID.moves, a, b)]
    assert pieces == motion(DID.moves, BEGIN, END)


def test_a_press_is_followed_by_an_empty_action():
    assert [state["action"] for _, state in pressed([50.0], 0.0, 100.0)] == ["emergency", ""]
    assert pressed([50.0], 51.5, 100.0) == []


def test_the_reader_takes_each_movement_for_news_and_no_repeat():
    memory = DeviceMemory()

    def is_news(at, state):
        when = datetime.fromtimestamp(round(at), SHANGHAI)
        topic, payload = zigbee2mqtt.encode_state("motion-1", when, **state)
        readings = decode(topic, payload, when + timedelta(seconds=1), memory=memory).readings
        return any(one.quantity == "occupancy" and one.value and "cached_state" not in one.flags for one in readings)

    said = motion(DID.moves, BEGIN, END)
    news = [at for at, state in said if is_news(at, state)]
    assert len(true_at(said)) > 100
    assert news == true_at(said)
