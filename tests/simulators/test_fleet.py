from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.devices import DeviceMemory, decode, native
from simulators import encoding, fleet, radio, struck
from simulators.ahead import SourceError, ahead
from simulators.doings import NO_DRAWS
from simulators.faults import faults
from simulators.households import life
from simulators.meters import register
from simulators.pacing import Lateness
from simulators.plan import BEHIND_ONE, PERIODS, Plan
from simulators.reports import Report

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 3, 2, 4, 30, tzinfo=UTC)
DAY_S = 86_400.0
HOURLY = PERIODS["1h"]


def plan(homes=30, **more):
    return Plan(homes, START, **{"zone": SHANGHAI, "lasts_s": DAY_S, **more})


@cache
def said(of):
    return list(chain.from_iterable(fleet.messages(of)))


@cache
def readings(of):
    """Return {device: [(measured, litres)]} of the registers of a run, as the service reads them."""
    units = {of.meter(home): encoding.played(of.format(home)).unit or None for home in range(of.homes)}
    rules = encoding.played(of.format(0)).rules
    memory = DeviceMemory(unit=lambda device, _: units.get(device), zone=lambda *_: UTC, rules=rules)
    found = {}
    for one in said(of):
        for reading in decode(one.topic, one.payload, datetime.fromtimestamp(one.at + 1, UTC), memory=memory).readings:
            if reading.quantity in {"water_volume_total", "pulse_count_total"}:
                value = reading.value * (of.resolution_l if reading.quantity == "pulse_count_total" else 1)
                at = one.at if reading.time is None else reading.time.timestamp()
                found.setdefault(reading.device, []).append((at, value))
    return {device: sorted(set(rows)) for device, rows in found.items()}


# --- the same messages -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_same_plan_says_the_same_bytes_and_another_seed_others():
    of = plan(
        24, sensors=True, loss=0.1, cadence=PERIODS["1h"], formats=encoding.MIXED, faults=(("P1", 0.1), ("M8", 0.1))
    )
    assert said(of) == list(chain.from_iterable(fleet.messages(replace(of))))
    topics = {one.payload for one in said(of)} & {one.payload for one in said(replace(of, seed=2))}
    assert len(topics) < 0.01 * len(said(of))


def test_every_home_speaks_once_a_period_at_its_own_moment():
    of = plan(60)
    sent = said(of)
    assert [one.at for one in sent] == sorted(one.at for one in sent)
    assert Counter(one.topic for one in sent) == Counter({f"shuian/v1/fleet/{of.meter(n)}/up": 96 for n in range(60)})
    first = {one.topic: one.at - of.start_s for one in reversed(sent)}
    assert len(set(first.values())) == 60
    assert all(0 <= after < 900 for after in first.values())
    assert np.mean(list(first.values())) == pytest.approx(450, abs=150)


def test_a_run_ends_at_its_end():
    sent = said(plan(lasts_s=1.25 * 3600))
    assert len(sent) == 30 * 5
    assert max(one.at for one in sent) < START.timestamp() + 1.25 * 3600


@pytest.mark.parametrize(("period", "resolution_l"), [("15min", 1.0), ("1h", 0.1), ("daily", 10.0)])
def test_meters_show_the_water_of_the_people_who_live_there(period, resolution_l):
    of = plan(4, lasts_s=3 * DAY_S, cadence=PERIODS[period], resolution_l=resolution_l)
    for home in range(4):
        times, shown = np.array(readings(of)[of.meter(home)]).T
        draws = life(int(of.seeds[home]), START, 3, SHANGHAI, "average")
        wanted = register(draws, times, resolution_l, float(of.first_l[home]))
        assert np.abs(shown - wanted).max() <= resolution_l * 1.001  # a rounding error at the edge of a step
        assert np.mean(np.abs(shown - wanted) < 0.001) > 0.99
        assert shown[-1] > shown[0] + 30


def test_once_a_day_a_meter_uploads_its_hours_and_none_from_before_the_run():
    of = plan(12, lasts_s=3 * DAY_S, cadence=PERIODS["daily"])
    sent = [one for one in said(of) if "wm-000005" in one.topic]
    assert len(sent) == 3
    assert np.diff([one.at for one in sent]) == pytest.approx([DAY_S, DAY_S])
    times = np.array(readings(of)["wm-000005"])[:, 0]
    assert times[0] >= of.start_s
    assert np.diff(times) == pytest.approx(3600)
    assert times[-1] == pytest.approx(sent[-1].at, abs=0.001)
    assert len({round((of.start_s + phase) % DAY_S / 3600) for phase in of.phases}) > 5  # each at its own hour


# --- what gets lost --------------------------------------------------------------------------------------------------


def test_losses_have_the_share_and_the_length_that_are_asked():
    lost = radio.lost(np.arange(400, dtype=np.uint64), 0, 2000, 0.1, 900.0)
    assert lost.mean() == pytest.approx(0.1, abs=0.01)
    begins = (lost[:, 1:] & ~lost[:, :-1]).sum()
    assert lost.sum() * 900 / begins == pytest.approx(radio.BURST_S, rel=0.1)


def test_any_window_of_the_losses_is_the_same():
    seeds = np.arange(50, dtype=np.uint64)
    whole = radio.lost(seeds, 0, 300, 0.2, 900.0)
    first = radio.lost(seeds, 0, 96, 0.2, 900.0)
    rest = radio.lost(seeds, 96, 204, 0.2, 900.0, first[:, -1])
    assert np.array_equal(np.concatenate([first, rest], axis=1), whole)
    assert np.array_equal(radio.lost(seeds[7:8], 0, 300, 0.2, 900.0), whole[7:8])


@pytest.mark.parametrize("share", [0.02, 0.6])
def test_losses_of_one_upload_a_day_have_their_share_too(share):
    assert radio.lost(np.arange(500, dtype=np.uint64), 0, 300, share, DAY_S).mean() == pytest.approx(share, rel=0.1)


def test_what_is_lost_is_only_not_heard():
    whole, lossy = readings(plan(40, cadence=HOURLY)), readings(plan(40, cadence=HOURLY, loss=0.3))
    heard = {(device, *row) for device, rows in lossy.items() for row in rows}
    every = {(device, *row) for device, rows in whole.items() for row in rows}
    assert heard < every
    assert len(heard) / len(every) == pytest.approx(0.7, abs=0.1)


# --- formats ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("period", ["1h", "daily"])
def test_every_format_says_the_same_registers(period):
    wanted = readings(plan(12, cadence=PERIODS[period], lasts_s=2 * DAY_S))
    for fmt in encoding.METERS:
        of, how = plan(12, cadence=PERIODS[period], lasts_s=2 * DAY_S, formats=(fmt,)), encoding.played(fmt)
        found = readings(of)
        hours = 24 if period == "daily" and not how.timed else 1
        for home in range(12):
            rows = wanted[f"wm-{home:06d}"]
            rows = rows[
                (len(rows) - 1) % hours :: hours
            ]  # without a time of its own only the newest of an upload is sent
            step = how.step_l or 1.0
            assert [litres for _, litres in found[of.meter(home)]] == [litres // step * step for _, litres in rows], fmt
            moments = [
                (at // 1, of_wire // 1) for (at, _), (of_wire, _) in zip(rows, found[of.meter(home)], strict=True)
            ]
            assert all(at == of_wire for at, of_wire in moments), fmt


def test_homes_of_a_mixed_fleet_take_formats_in_turn():
    homes = 2 * len(encoding.MIXED)
    of = plan(homes, formats=encoding.MIXED)
    assert [of.format(home) for home in range(homes)] == [*encoding.MIXED, *encoding.MIXED]
    formats = {decode(one.topic, one.payload, START).format for one in said(of)}
    assert formats == set(encoding.MIXED)


@given(
    st.integers(0, 99_999),
    st.integers(1_000_000_000_000, 2_000_000_000_000),
    st.integers(-50_000, 10**12).map(lambda ml: ml / 1000),
)
def test_the_quick_way_of_writing_our_own_format_writes_the_same_bytes(home, ms, litres):
    device, at = encoding.meter("native", home), encoding.moment(ms / 1000)
    quick = encoding.readings("native", device, [(at, litres)])
    assert quick == [native.encode("shuian", "fleet", device, f"{device}-{ms}", [(at, litres)])]


@pytest.mark.parametrize("fmt", encoding.METERS)
def test_a_heartbeat_says_that_the_device_lives_and_nothing_of_its_register(fmt):
    device = encoding.meter(fmt, 7)
    said = encoding.report(Report(START.timestamp(), device, "gw", None), fmt)
    memory = DeviceMemory(rules=encoding.played(fmt).rules)
    understood = [decode(*one, START + timedelta(seconds=5), memory=memory) for one in said]
    assert [one.format for one in understood] == [fmt]
    assert not [r for one in understood for r in one.readings if r.quantity.endswith("_total")]


@pytest.mark.parametrize("fmt", encoding.METERS)
def test_a_register_that_falls_within_an_upload_is_still_written(fmt):
    hours = [(START + timedelta(hours=n), float(litres)) for n, litres in enumerate((900, 902, 3, 3, 5))]
    assert encoding.readings(fmt, encoding.meter(fmt, 7), hours)


# --- faults ----------------------------------------------------------------------------------------------------------


def test_a_share_of_the_homes_gets_a_fault_within_the_run():
    of = plan(1000, faults=(("P1", 0.02), ("M8", 0.1), ("W1", None)))
    assert Counter(one.code for one in of.strikes) == {"P1": 20, "M8": 100, "W1": 1}
    assert all(of.start_s <= one.at < of.end_s for one in of.strikes)
    assert len({one.homes for one in of.strikes if one.code == "P1"}) == 20
    alone = plan(1000, faults=(("P1", 0.02),))
    assert alone.strikes == tuple(one for one in of.strikes if one.code == "P1")


def test_what_befalls_many_homes_befalls_those_behind_one_gateway():
    of = plan(200, faults=(("M7", 0.2),))
    assert len(of.strikes) == 2
    for one in of.strikes:
        assert one.homes == tuple(range(one.homes[0], one.homes[0] + BEHIND_ONE))
        assert one.homes[0] % BEHIND_ONE == 0


def test_homes_without_a_fault_say_the_same_with_and_without_faults_elsewhere():
    calm, struck_homes = plan(40, cadence=HOURLY), plan(40, cadence=HOURLY, faults=(("P1", 0.1), ("M1", 0.1)))
    faulty = {struck_homes.meter(home) for unit in struck_homes.units for home in unit}
    assert 0 < len(faulty) <= 8
    ours = {device: rows for device, rows in readings(calm).items() if device not in faulty}
    assert ours == {device: rows for device, rows in readings(struck_homes).items() if device not in faulty}


def test_a_home_with_a_fault_says_before_it_what_it_would_have_said():
    calm = readings(plan(40, lasts_s=2 * DAY_S, cadence=HOURLY))
    of = plan(40, lasts_s=2 * DAY_S, cadence=HOURLY, faults=(("P1", 0.1),))
    for one in of.strikes:
        rows = readings(of)[of.meter(one.homes[0])]
        before = [[row for row in some if row[0] < one.at - 1800] for some in (calm[of.meter(one.homes[0])], rows)]
        litres = [np.array(some)[:, 1] for some in before]
        assert np.abs(litres[0] - litres[1]).max() <= 1  # a rounding error at the edge of a litre
        assert len({litres for at, litres in rows if at > one.at + 12 * 3600}) <= 1  # nobody draws water any more


def test_layers_meet_a_fall_in_a_home_that_leaks_shows_the_leak_alone():
    of = plan(1, lasts_s=4 * DAY_S, faults=(("P1", None), ("W1", None)), seed=3)
    last = max(one.at for one in of.strikes) + 900
    times, shown = np.array([row for row in readings(of)["wm-000000"] if row[0] > last]).T
    leaks = next(one for one in of.strikes if one.code == "W1")
    alone = register(faults()["W1"].strike(NO_DRAWS, leaks.at, struck.rng(of, leaks)), times, 0.001)
    assert alone[-1] - alone[0] > 20
    assert np.abs(shown - shown[0] - (alone - alone[0])).max() <= 1.001


def test_a_dead_gateway_takes_all_its_homes_and_no_others():
    of = plan(60, cadence=PERIODS["15min"], lasts_s=6 * 3600.0, faults=(("M7", None),))
    (one,) = of.strikes
    heard = {device for device, rows in readings(of).items() if any(one.at < at < one.at + 590 for at, _ in rows)}
    behind = {of.meter(home) for home in one.homes}
    assert len(behind) == 20
    assert not heard & behind
    assert len(heard) > 20


@pytest.mark.slow
@pytest.mark.parametrize(("period", "resolution_l"), [("1h", 1.0), ("daily", 10.0)])
def test_every_fault_of_the_catalogue_can_befall_a_fleet_in_any_format(period, resolution_l):
    each = tuple((code, None) for code in faults())
    more = {"cadence": PERIODS[period], "resolution_l": resolution_l}
    of = plan(60, lasts_s=8 * DAY_S, formats=encoding.MIXED, faults=each, **more)
    sent = said(of)
    assert {one.code for one in of.strikes} == set(faults())
    assert [one.at for one in sent] == sorted(one.at for one in sent)
    unread = sum(
        decode(one.topic, one.payload, datetime.fromtimestamp(one.at, UTC)).rejected is not None
        for one in sent
        if one.payload
    )
    assert unread < 0.01 * len(sent)


def test_a_retained_message_is_handed_over_as_one_and_taken_back():
    of = plan(40, lasts_s=3 * DAY_S, cadence=HOURLY, faults=(("M16", None),))
    marked = [one for one in said(of) if one.retain]
    kept, empty = ([one for one in marked if bool(one.payload) is full] for full in (True, False))
    assert {one.payload for one in kept} <= {one.payload for one in said(of) if not one.retain}
    assert [(one.topic, one.at + fleet.KEPT_S) for one in kept] == [(one.topic, one.at) for one in empty]
    (one,) = of.strikes
    assert {m.topic for m in kept} == {f"shuian/v1/fleet/{of.meter(home)}/up" for home in one.homes}


def test_a_run_that_ends_sooner_takes_retained_messages_back_as_well():
    of = plan(20, seed=519, lasts_s=2 * 3600.0, faults=(("M16", None),))  # late, and something is as old by then
    full, empty = ([m.topic for m in said(of) if m.retain and bool(m.payload) is kept] for kept in (True, False))
    assert full == empty != []
    assert of.strikes[0].at + fleet.KEPT_S > of.end_s


def test_somebody_who_has_fallen_is_not_seen_to_move():
    of = plan(4, cadence=HOURLY, lasts_s=2 * DAY_S, faults=(("P1", None),), sensors=True)
    (one,) = of.strikes
    topic = f"zigbee2mqtt/motion-{one.homes[0]:06d}"
    moved = [m.at for m in said(of) if m.topic == topic and b'{"occupancy":true' in m.payload]
    assert max(moved) < one.at + 1800
    assert len(moved) > 10


def test_a_burst_wets_the_floor():
    of = plan(4, cadence=HOURLY, lasts_s=2 * DAY_S, faults=(("W3", None),), sensors=True)
    (one,) = of.strikes
    wet = [m for m in said(of) if b'"water_leak":true' in m.payload]
    assert {m.topic for m in wet} == {f"zigbee2mqtt/leak-{one.homes[0]:06d}"}
    assert min(m.at for m in wet) > one.at


def test_a_declared_journey_is_known_by_its_days():
    of = plan(20, cadence=HOURLY, lasts_s=5 * DAY_S, faults=(("P9", 0.1),))
    for home, left, back in struck.declared(of):
        inside = [litres for at, litres in readings(of)[of.meter(home)] if left < at < back]
        assert back > left >= of.start_s
        assert len(set(inside)) == 1


def test_a_run_without_an_end_has_faults_on_its_first_day_and_ends_then():
    of = plan(50, lasts_s=None, faults=(("P1", 0.1),))
    assert all(0 <= one.at - of.start_s < DAY_S for one in of.strikes)
    assert of.end_s == of.start_s + 28 * DAY_S
    assert plan(50, lasts_s=None).end_s == np.inf


# --- wrong plans -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "wants"),
    [
        ({"homes": 0}, "want 1 to 100000 homes, got 0"),
        ({"homes": 100_001}, "want 1 to 100000 homes"),
        ({"lasts_s": 0.0}, "want a run above 0 s"),
        ({"loss": 1.0}, "want a share of losses"),
        ({"loss": float("nan")}, "want a share of losses"),
        ({"resolution_l": 0.0}, "want a resolution above 0 L"),
        ({"formats": ("morse",)}, "got 'morse'"),
        ({"faults": (("P99", None),)}, "got 'P99'"),
        ({"faults": (("P1", 0.0),)}, "want a share of homes above 0"),
        ({"homes": 1, "faults": (("W8", None),)}, "want two homes at least for W8"),
        ({"faults": (("P1", 0.1), ("M8", None), ("P1", None))}, "want each fault once, .* got P1 twice"),
    ],
)
def test_a_plan_that_cannot_be_says_what_it_wants(wrong, wants):
    with pytest.raises(ValueError, match=wants):
        plan(**wrong)


# --- pacing ----------------------------------------------------------------------------------------------------------


def test_lateness_is_told_to_a_tenth():
    late = Lateness()
    for ms in range(1, 1001):
        late.note(ms / 1000)
    assert late.quantile(0.5) == pytest.approx(0.5, rel=0.1)
    assert late.quantile(0.99) == pytest.approx(0.99, rel=0.1)
    assert late.most_s == 1.0
    assert np.isnan(Lateness().quantile(0.5))


@pytest.mark.slow
def test_a_source_in_its_own_process_gives_the_same_messages():
    of = plan(20, sensors=True)
    with ahead(fleet.messages, of) as chunks:
        assert list(chain.from_iterable(chunks)) == said(of)


def _fails(_):
    yield [1]
    raise RuntimeError("the well is dry")


@pytest.mark.slow
def test_a_source_that_fails_says_how():
    with ahead(_fails, None) as chunks, pytest.raises(SourceError, match="the well is dry"):
        list(chunks)
