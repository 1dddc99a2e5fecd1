"""Faults in a fleet: what they are told, and that they act on messages as devices send them."""

import inspect
import json
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ingest.devices import decode
from simulators import encoding, struck
from simulators.end_uses import local
from simulators.faults import faults
from simulators.faults.person.day_trip import LEAVES_H
from simulators.plan import PERIODS
from simulators.reports import Report
from tests.simulators.test_fleet import DAY_S, HOURLY, SHANGHAI, START, plan, readings, said

# --- what faults are told ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "Asia/Shanghai"])
def test_a_day_out_begins_in_the_morning_of_the_place_where_people_live(zone):
    of = plan(8, lasts_s=3 * DAY_S, zone=ZoneInfo(zone), profile="nl-average", faults=(("P11", 1.0),))
    for one in of.strikes:
        (home,) = one.homes
        before, out = (struck.lives(of, home, strikes).out for strikes in ((), of.strikes))
        left = out[~np.isin(out[:, 0], before[:, 0]), 0][0]
        hour = (datetime.fromtimestamp(left, ZoneInfo(zone)) - timedelta(hours=LEAVES_H[0])).hour
        assert hour < LEAVES_H[1] - LEAVES_H[0] + 3, "three hours for who is out when wanting to leave"


def test_a_strike_is_told_what_it_wants_and_nothing_else():
    for one in faults().values():
        further = list(inspect.signature(one.strike).parameters.values())[3:]
        assert tuple(p.name for p in further) == one.wants, one.code
        assert all(p.default is not p.empty for p in further), one.code


def test_only_the_carer_draws_at_the_home_of_somebody_who_fell():
    of = plan(3, lasts_s=14 * DAY_S, cadence=HOURLY, faults=(("P1", 1.0), ("P13", 1.0)))
    for home in range(3):
        last = max(one.at for one in of.strikes if one.homes == (home,)) + 900
        cared = [one for one in of.strikes if one.code == "P13"]
        draws = [struck.lives(of, home, some).draws for some in (cared, of.strikes)]
        carer = [one.where(one.start_s > last) for one in draws]
        assert len(carer[1]) > 0
        assert set(carer[1].start_s) < set(carer[0].start_s), "the same visits, and nobody else"
        days, _ = local(carer[1].start_s, SHANGHAI)
        assert days.max() >= (of.end_s - 4 * DAY_S) // DAY_S, "to the end of the run"
        times, shown = np.array([row for row in readings(of)[of.meter(home)] if row[0] > last]).T
        assert shown[-1] - shown[0] == pytest.approx(carer[1].litres[carer[1].start_s < times[-1]].sum(), abs=2)


@pytest.mark.parametrize("code", ["P12", "P14"])
def test_others_in_the_home_of_somebody_who_fell_go_on_as_before(code):
    of = plan(6, lasts_s=20 * DAY_S, faults=(("P1", 1.0), (code, 1.0)))
    alone = [one for one in of.strikes if one.code == code]
    more = []
    for home in range(6):
        last = max(one.at for one in of.strikes if one.homes == (home,)) + 900
        did = [struck.lives(of, home, some).draws.start_s for some in ((), alone, of.strikes)]
        usual, together, fell = (times[(times > last) & (times < last + DAY_S)] for times in did)
        assert set(fell) <= set(together)
        more.append((len(fell), len(together) - len(usual)))
    theirs, usually = np.array(more).sum(axis=0)
    assert theirs == pytest.approx(usually, rel=0.1)
    assert theirs > 6 * 8


@pytest.mark.slow
def test_who_has_moved_out_keeps_no_festival():
    of = plan(30, lasts_s=4 * DAY_S, cadence=HOURLY, faults=(("P15", 1.0), ("P16", 1.0), ("P17", 1.0)), sensors=True)
    assert len(said(of)) > 30 * 90


@pytest.mark.slow
def test_a_journey_is_declared_as_it_is_after_what_came_before_it():
    of = plan(30, cadence=HOURLY, lasts_s=5 * DAY_S, faults=(("P4", 1.0), ("P9", 1.0), ("P10", 1.0)))
    declared = struck.declared(of)
    assert [home for home, _, _ in declared] == list(range(30))
    for home, left, back in declared:
        until = [one for one in of.strikes if one.homes == (home,) and one.code in {"P4", "P9"}]
        assert [left, back] in struck.lives(of, home, until).out.tolist()


# --- an upload is one message ------------------------------------------------------------------------------------------


def uploads(of, device):
    """Return (arrival, readings) of each message of a meter that speaks our own format, repetitions left out."""
    mine = {}
    for one in said(of):
        if f"/{device}/" in one.topic:
            mine.setdefault(one.payload, (one.at, len(json.loads(one.payload)["measurements"])))
    return list(mine.values())


def test_a_weak_radio_loses_whole_uploads():
    of = plan(30, lasts_s=12 * DAY_S, cadence=PERIODS["daily"], faults=(("M8", 1.0),))
    counts = [[count for _, count in uploads(of, of.meter(home))] for home in range(30)]
    assert {count for some in counts for count in some[1:]} == {24}
    assert {len(some) for some in counts} > {12}, "some are lost"
    assert sum(map(len, counts)) > 0.7 * 30 * 12


@pytest.mark.slow
def test_a_spoiled_upload_is_one_message_as_before():
    of = plan(40, lasts_s=40 * DAY_S, cadence=PERIODS["daily"], formats=("native", "tasmota"), faults=(("M14", 1.0),))
    calm = said(replace(of, faults=()))
    assert Counter((one.at, one.topic) for one in said(of)) == Counter((one.at, one.topic) for one in calm)
    spoiled = Counter(one.at for one in set(said(of)) - set(calm))
    assert set(spoiled.values()) == {1}, "and of an upload in many messages one"


@pytest.mark.slow
def test_after_a_break_whole_uploads_are_delivered_one_after_the_other():
    of = plan(40, lasts_s=6 * DAY_S, cadence=PERIODS["daily"], faults=(("M17", 1.0),))
    calm = replace(of, faults=())
    late = 0
    for home in range(40):
        came, went = uploads(of, of.meter(home)), uploads(calm, of.meter(home))
        assert [count for _, count in came] == [count for _, count in went]
        late += sum(at != due for (at, _), (due, _) in zip(came, went, strict=True))
    assert late > 0
    arrivals = [one.at for one in said(of)]
    assert len(arrivals) == len(said(calm))
    assert len(set(arrivals)) == len(arrivals), "no two of a burst at once"


# --- message ids -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", [fmt for fmt in encoding.METERS if encoding.played(fmt).message_id])
@pytest.mark.parametrize("said_l", [82_184.0, None])
def test_a_second_attempt_has_its_own_id_and_a_repetition_the_same(fmt, said_l):
    key = encoding.played(fmt).message_id
    device, at = encoding.meter(fmt, 7), START.timestamp()
    first = Report(at, device, "gw", said_l)
    again = Report(at + 60, device, "gw", said_l, measured=at, copy=1)
    attempt = again._replace(copy=0, attempt=1)
    (one,), (same,), (other,) = (encoding.report(report, fmt) for report in (first, again, attempt))
    assert same == one
    if said_l is None:
        assert other == one, "a heartbeat is no measurement"
        return
    assert json.loads(other[1])[key] != json.loads(one[1])[key]
    first_read, then_read = (decode(*each, START + timedelta(minutes=2)).readings for each in (one, other))
    assert [(r.value, r.time) for r in first_read] == [(r.value, r.time) for r in then_read]


@pytest.mark.slow
def test_half_of_the_repeated_messages_of_a_fleet_come_under_another_id():
    of = plan(60, lasts_s=10 * DAY_S, cadence=HOURLY, faults=(("M10", 1.0),))
    ids, same, other = {}, 0, 0
    for one in said(of):
        message = json.loads(one.payload)
        what = message["device"], message["time"]
        same += message["id"] == ids.get(what)
        other += what in ids and message["id"] != ids[what]
        ids.setdefault(what, message["id"])
    assert min(same, other) > 0.25 * (same + other) > 20


# --- what a frame can carry --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["M3", "M4", "M12", "W7"])
@pytest.mark.parametrize("fmt", ["chirpstack", "tasmota"])
def test_what_a_frame_cannot_carry_does_not_end_a_run(fmt, code):
    more = {"cadence": PERIODS["daily"], "resolution_l": 10.0, "formats": (fmt,)}
    of = plan(10, lasts_s=2 * DAY_S, faults=((code, 1.0), ("M10", 1.0)), **more)
    heard = " ".join(one.topic for one in said(of) if one.at > of.start_s + DAY_S)
    assert all(encoding.meter(fmt, home) in heard for home in range(10))


@pytest.mark.parametrize("fmt", encoding.METERS)
@pytest.mark.parametrize("litres", [-3.0, 2.0**32 - 1, 4.3e10])
def test_a_counter_stops_at_the_ends_of_its_frame(fmt, litres):
    assert encoding.readings(fmt, encoding.meter(fmt, 7), [(START, litres)])
