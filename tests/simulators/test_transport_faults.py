"""Each fault of the transport and of clocks: which reports arrive, when, and what they say."""

from datetime import UTC, datetime
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.devices import decode
from ingest.measures import EPOCH
from simulators.faults.transport import a_meter, measured_at
from simulators.faults.transport.battery import NIGHT_FACTOR, fading
from simulators.faults.transport.dead_gateway import gateway_down
from simulators.faults.transport.duplicates import AFTER_S, duplicated
from simulators.faults.transport.garbled import WRONG, cut_off, garbled, misread, overwritten, written
from simulators.faults.transport.heartbeat import heartbeats
from simulators.faults.transport.late_batch import late
from simulators.faults.transport.lossy_radio import lossy
from simulators.faults.transport.out_of_order import jumbled
from simulators.faults.transport.same_serial import same_serial
from simulators.faults.transport.spoofed import AFTER_S as FORGED_AFTER_S
from simulators.faults.transport.spoofed import ELSEWHERE, forged_still, forged_use
from simulators.faults.transport.stale_retained import reconnected
from simulators.faults.transport.subscriber_down import subscriber_down
from simulators.faults.transport.wrong_clock import skewed, unset
from simulators.faults.transport.zone_error import zone_shifted
from simulators.reports import Report

HOUR, DAY = 3600.0, 86_400.0
BEGIN = datetime(2026, 11, 2, tzinfo=UTC).timestamp()
AT, END = BEGIN + 10 * DAY, BEGIN + 100 * DAY
SHANGHAI = ZoneInfo("Asia/Shanghai")
MOTION = [Report(BEGIN + n * HOUR + 7, "motion", "gateway-0", {"occupancy": True}) for n in range(100 * 24)]
REPORTS = sorted(
    [
        Report(BEGIN + n * HOUR + meter, f"meter-{meter}", f"gateway-{meter % 2}", 1000.0 * meter + 5 * n)
        for n in range(100 * 24)
        for meter in range(3)
    ]
    + MOTION,
    key=lambda one: one.at,
)


def rng(seed=1):
    return np.random.default_rng(seed)


def of(reports, device="meter-1"):
    return [one for one in reports if one.device == device]


def others(reports, device="meter-1"):
    return [one for one in reports if one.device != device]


def truth(reports):
    """What was measured and when, whatever happened to it on the way."""
    return sorted((measured_at(one), one.said) for one in reports)


# --- lost --------------------------------------------------------------------------------------------------------------


def test_a_battery_loses_more_and_more_and_those_of_the_night_first():
    flat = AT + 60 * DAY
    left = fading(REPORTS, "meter-1", AT, flat, rng())
    assert others(left) == others(REPORTS)
    assert [one for one in of(left) if one.at <= AT] == [one for one in of(REPORTS) if one.at <= AT]
    assert max(one.at for one in of(left)) < flat

    def kept(first_day, last_day, hours):
        def inside(one):
            local = datetime.fromtimestamp(one.at, SHANGHAI)
            return first_day * DAY <= one.at - AT < last_day * DAY and local.hour in hours

        return sum(map(inside, of(left))) / sum(map(inside, of(REPORTS)))

    day, night = range(7, 23), [23, *range(7)]
    assert kept(0, 20, day) == pytest.approx(1 - 1 / 6, abs=0.06)
    assert kept(0, 20, night) == pytest.approx(1 - NIGHT_FACTOR / 6, abs=0.08)
    assert kept(20, 40, day) == pytest.approx(0.5, abs=0.08)
    assert kept(40, 60, day) == pytest.approx(1 / 6, abs=0.06)
    assert kept(30, 60, night) == 0


def test_after_a_brown_out_a_meter_says_the_register_before_once_more():
    left = of(fading(REPORTS, "meter-1", AT, AT + 80 * DAY, rng(), repeats=0.5))
    true = {one.at: one.said for one in of(REPORTS)}
    before = {one.at: last.said for last, one in pairwise(left)}
    wrong = [one for one in left if one.said != true[one.at]]
    assert wrong
    assert all(one.said == before[one.at] for one in wrong)
    old = [one for one in left if one.at > AT + 40 * DAY]
    share = sum(one.said != true[one.at] for one in old) / len(old)
    assert 0.2 < share < 0.45, "at most half of it at the end, a quarter in the middle"
    never = fading(REPORTS, "meter-1", AT, AT + 80 * DAY, rng(), repeats=0.0)
    assert all(one.said == true[one.at] for one in of(never))


def test_what_is_said_while_a_gateway_is_down_is_lost_for_good():
    left = gateway_down(REPORTS, "gateway-0", AT, AT + 3 * HOUR)
    arrived = {(one.device, one.at) for one in left}
    gone = [one for one in REPORTS if (one.device, one.at) not in arrived]
    assert {one.gateway for one in gone} == {"gateway-0"}
    assert {one.device for one in gone} == {"meter-0", "meter-2", "motion"}
    assert all(AT < one.at < AT + 3 * HOUR for one in gone)
    assert len(gone) == 3 * 3 - 1, "meter 0 spoke in the very second"


@pytest.mark.parametrize(("share", "burst"), [(0.02, 1.0), (0.05, 4.0), (0.2, 8.0)])
def test_a_weak_radio_loses_its_share_in_bursts_of_their_length(share, burst):
    many = [Report(float(at), "m", "g", 1.0) for at in range(100_000)]
    left = lossy(many, "m", 0.0, share, burst, rng())
    heard = np.zeros(len(many), bool)
    heard[[int(one.at) for one in left]] = True
    runs = [len(list(some)) for here, some in groupby(heard.tolist()) if not here]
    assert 1 - heard.mean() == pytest.approx(share, rel=0.1)
    assert np.mean(runs) == pytest.approx(burst, rel=0.1)
    if burst > 1:
        assert np.mean(np.array(runs) > burst) == pytest.approx((1 - 1 / burst) ** burst, abs=0.05), "geometric"


def test_a_weak_radio_is_one_meters_and_begins_with_it():
    left = lossy(REPORTS, "meter-1", AT, 0.2, 4.0, rng())
    assert others(left) == others(REPORTS)
    assert [one for one in left if one.at < AT] == [one for one in REPORTS if one.at < AT]
    assert len(of(left)) < len(of(REPORTS))
    assert set(of(left)) <= set(of(REPORTS)), "what arrives is as it was"


# --- late, twice, in disorder ------------------------------------------------------------------------------------------


def test_a_late_batch_holds_all_that_was_measured_in_order():
    until = AT + 3 * DAY
    came = late(REPORTS, "meter-1", AT, until)
    assert truth(of(came)) == truth(of(REPORTS))
    assert others(came) == others(REPORTS)
    (batch,) = ([one for one in of(came) if one.at == when] for when in [until])
    assert len(batch) == 72
    assert [measured_at(one) for one in batch] == [one.at for one in of(REPORTS) if AT <= one.at < until]
    assert not [one for one in of(came) if AT <= one.at < until]
    assert [one.at for one in came] == sorted(one.at for one in came)


@pytest.mark.parametrize("same_id", [True, False])
def test_a_repeated_message_says_the_same_of_the_same_moment(same_id):
    came = duplicated(REPORTS, "meter-1", AT, 0.05, rng(), same_id=same_id)
    first = {one.at: one for one in of(REPORTS)}
    again = [one for one in of(came) if one.at not in first]
    assert [one for one in came if one not in again] == REPORTS
    assert len(again) == pytest.approx(0.05 * 90 * 24, rel=0.25)
    for one in again:
        true = first[measured_at(one)]
        assert one.said == true.said
        assert AFTER_S[0] <= one.at - true.at <= AFTER_S[1]
        assert one.copy == int(same_id)


def test_messages_that_overtake_each_other_are_all_there():
    came = jumbled(REPORTS, "meter-1", AT, 0.3, 4 * HOUR, rng())
    assert truth(of(came)) == truth(of(REPORTS))
    assert others(came) == others(REPORTS)
    delay = np.array([one.at - measured_at(one) for one in of(came) if one.at >= AT])
    assert (delay > 0).mean() == pytest.approx(0.3, abs=0.04)
    assert 3.5 * HOUR < delay.max() < 4 * HOUR
    said = [one.said for one in of(came)]
    assert any(later < earlier for earlier, later in pairwise(said)), "the register falls and rises"


def test_a_backlog_comes_in_a_burst_in_order_on_return():
    until = AT + 5 * HOUR
    came = subscriber_down(REPORTS, AT, until, rate_per_s=10)
    assert truth(of(came)) == truth(of(REPORTS))
    burst = [one for one in came if until <= one.at < until + 5 and measured_at(one) < until]
    assert [measured_at(one) for one in burst] == [one.at for one in REPORTS if AT <= one.at < until]
    assert len(burst) == 20
    np.testing.assert_allclose(np.diff([one.at for one in burst]), 0.1, atol=1e-5)
    assert not [one for one in came if AT <= one.at < until]
    assert [one for one in came if one.at < AT] == [one for one in REPORTS if one.at < AT]


# --- clocks ------------------------------------------------------------------------------------------------------------


def test_a_wrong_clock_changes_the_stamp_and_nothing_else():
    came = skewed(REPORTS, "meter-1", AT, offset_s=-1800.0, drift_ppm=20.0)
    assert [one._replace(measured=None) for one in came] == REPORTS
    off = {one.at: measured_at(one) - one.at for one in of(came)}
    assert {off[at] for at in off if at < AT} == {0.0}
    last = max(off)
    assert off[last] == pytest.approx(-1800 + 20e-6 * (last - AT), abs=1e-3)
    assert 20e-6 * (last - AT) > 150, "a quartz gains two seconds a day"


def test_a_clock_that_was_never_set_counts_from_1970():
    came = of(unset(REPORTS, "meter-1", AT))
    after = [one for one in came if one.at >= AT]
    assert [measured_at(one) for one in after] == [pytest.approx(one.at - AT) for one in after]
    assert measured_at(after[0]) < DAY


@pytest.mark.parametrize("hours", [-1.0, 1.0, 8.0])
def test_a_clock_of_another_zone_is_off_by_whole_hours(hours):
    after = [one for one in of(zone_shifted(REPORTS, "meter-1", AT, hours)) if one.at >= AT]
    assert {measured_at(one) - one.at for one in after} == {hours * HOUR}


# --- spoiled -----------------------------------------------------------------------------------------------------------


def test_garbled_messages_are_refused_or_doubted_and_never_use():
    came = garbled(REPORTS, "meter-1", AT, 1.0, rng())
    assert others(came) == others(REPORTS)
    spoiled = [one for one in of(came) if one.payload is not None]
    assert [one.at for one in spoiled] == [one.at for one in of(REPORTS) if one.at >= AT]
    topic = "shuian/v1/simulated/meter-1/up"
    huge = 0
    for one in spoiled:
        found = decode(topic, one.payload, datetime.fromtimestamp(one.at + 1, UTC))
        values = [reading.value for reading in found.readings if reading.quantity == "water_volume_total"]
        assert found.rejected is not None or (values[0] < 0 or values[0] == 10**9)
        huge += values == [10**9]
    assert huge > 0


def test_garbled_messages_are_as_many_as_asked():
    came = garbled(REPORTS, "meter-1", AT, 0.05, rng())
    assert sum(one.payload is not None for one in came) == pytest.approx(0.05 * 90 * 24, rel=0.25)
    assert garbled(REPORTS, "meter-1", AT, 0.0, rng()) == REPORTS


@given(st.binary(min_size=1), st.integers(0, 2**32))
@settings(max_examples=50)
def test_what_is_cut_off_is_shorter_and_what_is_overwritten_is_no_text(payload, seed):
    short = cut_off(payload, rng(seed))
    assert payload.startswith(short)
    assert len(short) < len(payload)
    spoiled = overwritten(payload, rng(seed))
    assert len(spoiled) == len(payload)
    with pytest.raises(UnicodeDecodeError):
        spoiled.decode()


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        (b'{"total": 82.184, "battery": 91}', b'{"total": -1, "battery": 91}'),
        (b'{"a":82184.0,"b":1}', b'{"a":-1,"b":1}'),
        (b"[5, 82184]", b"[5, -1]"),
    ],
)
def test_the_number_that_is_misread_is_the_register(payload, wanted):
    assert misread(payload, 82184.0, b"-1", rng()) == wanted
    assert misread(payload, 82184.0, WRONG[0], rng()) == wanted.replace(b"-1", b"NaN")


def test_a_frame_without_numbers_is_overwritten():
    assert misread(b"\x01\x02\x03", 5.0, b"NaN", rng()) != b"\x01\x02\x03"
    assert len(misread(b"\x01\x02\x03", 5.0, b"NaN", rng())) == 3


def test_a_report_is_written_as_its_reader_reads_it():
    (reading,) = decode("shuian/v1/simulated/meter-1/up", written(of(REPORTS)[0]), EPOCH.replace(year=2027)).readings
    assert (reading.device, reading.value, reading.time.timestamp()) == ("meter-1", 1000, of(REPORTS)[0].at)
    state = decode("zigbee2mqtt/motion", written(MOTION[0]), EPOCH.replace(year=2027)).readings
    assert [one.quantity for one in state if one.value is True] == ["occupancy"]


# --- other voices ------------------------------------------------------------------------------------------------------


def test_forged_use_begins_at_the_last_register_and_grows():
    came = forged_use(REPORTS, "meter-1", AT, litres=6.0, every_s=2 * HOUR)
    forged = [one for one in came if one.gateway == ELSEWHERE]
    assert [one for one in came if one.gateway != ELSEWHERE] == REPORTS
    assert {one.device for one in forged} == {"meter-1"}
    last = [one.said for one in of(REPORTS) if one.at < AT][-1]
    assert [one.said for one in forged[:3]] == [last + 6, last + 12, last + 18]
    assert np.diff([one.at for one in forged]) == pytest.approx(2 * HOUR)


def test_a_forged_still_register_follows_each_true_one():
    came = forged_still(REPORTS, ["meter-0", "meter-1"], AT)
    forged = [one for one in came if one.gateway == ELSEWHERE]
    assert [one for one in came if one.gateway != ELSEWHERE] == REPORTS
    assert len(forged) == 2 * 90 * 24
    assert {one.device: one.said for one in forged} == {"meter-0": 5 * 239.0, "meter-1": 1000 + 5 * 239.0}
    true = {one.at for one in REPORTS}
    assert all(one.at - FORGED_AFTER_S in true for one in forged)


def test_retained_messages_are_old_ones_of_every_device_once():
    came = reconnected(REPORTS, AT + 5, DAY)
    old = [one for one in came if one.retained]
    assert [one for one in came if not one.retained] == REPORTS
    assert sorted(one.device for one in old) == ["meter-0", "meter-1", "meter-2", "motion"]
    assert {one.at for one in old} == {AT + 5}
    for one in old:
        newest = [true for true in of(REPORTS, one.device) if true.at <= AT + 5 - DAY][-1]
        assert (one.said, measured_at(one)) == (newest.said, newest.at)
    assert reconnected(REPORTS, BEGIN + 60, DAY) == REPORTS, "nothing is as old as that"


def test_a_heartbeat_says_no_register():
    came = heartbeats(REPORTS, "meter-1", AT, AT + DAY)
    assert others(came) == others(REPORTS)
    silent = [one for one in of(came) if one.said is None]
    assert [one.at for one in silent] == [one.at for one in of(REPORTS) if AT <= one.at < AT + DAY]
    assert [one.at for one in came] == [one.at for one in REPORTS]


def test_two_meters_of_one_name_zig_zag():
    came = same_serial(REPORTS, "meter-1", "meter-2", AT)
    assert not [one for one in of(came, "meter-2") if one.at >= AT]
    said = [one.said for one in of(came) if one.at >= AT]
    assert len(said) == 2 * 90 * 24
    assert all((later > earlier) == (n % 2 == 0) for n, (earlier, later) in enumerate(pairwise(said)))


# --- nonsense ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask",
    [
        lambda: fading(REPORTS, "meter-1", AT, AT, rng()),
        lambda: fading(REPORTS, "meter-1", AT, END, rng(), repeats=1.5),
        lambda: gateway_down(REPORTS, "gateway-0", AT, AT),
        lambda: lossy(REPORTS, "meter-1", AT, 0.0, 4.0, rng()),
        lambda: lossy(REPORTS, "meter-1", AT, 0.2, 0.5, rng()),
        lambda: lossy(REPORTS, "meter-1", AT, 0.9, 2.0, rng()),
        lambda: late(REPORTS, "meter-1", AT, AT - 1),
        lambda: duplicated(REPORTS, "meter-1", AT, -0.1, rng(), same_id=True),
        lambda: jumbled(REPORTS, "meter-1", AT, 0.1, 0.0, rng()),
        lambda: subscriber_down(REPORTS, AT, AT + 1, rate_per_s=0),
        lambda: skewed(REPORTS, "meter-1", AT, offset_s=np.nan),
        lambda: zone_shifted(REPORTS, "meter-1", AT, 15.0),
        lambda: garbled(REPORTS, "meter-1", AT, 2.0, rng()),
        lambda: forged_use(REPORTS, "meter-1", AT, litres=0.0),
        lambda: forged_still(REPORTS, ["meter-1"], AT, after_s=-1.0),
        lambda: reconnected(REPORTS, AT, 0.0),
        lambda: heartbeats(REPORTS, "meter-1", AT, AT),
        lambda: same_serial(REPORTS, "meter-1", "meter-1", AT),
    ],
)
def test_nonsense_is_refused(ask):
    with pytest.raises(ValueError, match=r"want .*, got .*"):
        ask()


def test_a_meter_is_whatever_reports_a_register():
    assert {a_meter(REPORTS[:50], rng(seed)) for seed in range(30)} == {"meter-0", "meter-1", "meter-2"}
    assert a_meter(MOTION[:5], rng()) == ""
