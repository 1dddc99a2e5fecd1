"""What the meters of a script's homes say: a history, then readings at life's speed, with what befalls them."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from simulators.doings import Doings
from simulators.drills._homes import (
    LIVE_S,
    Meter,
    Struck,
    befallen,
    flows,
    lived,
    messages,
    reading_times,
    reports,
    slices,
)
from simulators.faults import faults
from simulators.households import Draws

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC).timestamp()
SHANGHAI = ZoneInfo("Asia/Shanghai")
HOUR, DAY = 3600.0, 86_400.0
END = NOW + HOUR
SPAN = (NOW - 3 * DAY, NOW, END)


def living():
    """Return somebody who draws five litres at every half hour."""
    at = np.arange(NOW - 4 * DAY, END + HOUR, HOUR) + 1800.0
    return Doings(Draws(at, np.full(len(at), 5.0), np.full(len(at), 60.0)), at, np.empty(0))


def homes(*names, gateway="gw"):
    return {name: Meter(f"{name}-m", f"{name}-m2", gateway, 900, 1000.0) for name in names}


def said(*struck, names=("a", "b")):
    meters = homes(*names)
    return reports(meters, {name: living() for name in names}, struck, SPAN, SHANGHAI)


def of(name, some):
    return np.array([(one.at, one.said) for one in some if one.device == name])


def test_a_meter_is_read_every_period_and_often_once_the_drill_runs():
    times = reading_times(900, NOW - HOUR, NOW, NOW + 60)
    assert times.tolist() == [NOW - 2700, NOW - 1800, NOW - 900, NOW, *(NOW + LIVE_S * n for n in (1, 2, 3))]


def test_without_any_fault_a_register_counts_what_is_drawn():
    at, litres = of("a-m", said()).T
    assert litres[0] == 1000.0 + 5.0 * 24, "what was drawn before the history counts too"
    assert litres[-1] - litres[0] == 5.0 * (72 + 1)
    assert (np.diff(at) > 0).all()
    assert at[-1] < END


def test_the_faults_of_a_script_strike_their_homes_alone():
    calm, struck = said(), said(Struck("P1", ("a",), NOW - 5 * HOUR, END))
    assert (of("b-m", calm) == of("b-m", struck)).all()
    at, litres = of("a-m", struck).T
    assert np.ptp(litres[at > NOW - 5 * HOUR]) == 0


@pytest.mark.parametrize(("begin", "end"), [(NOW - 2 * HOUR, NOW + 600.0)])
def test_an_open_tap_and_a_water_cut_last_as_long_as_the_script_says(begin, end):
    tap = flows({"a": living().draws}, [Struck("P3", ("a",), begin, end)])["a"]
    assert tap.litres.sum() - living().draws.litres.sum() == pytest.approx(0.1 * (end - begin))
    cut = flows({"a": living().draws, "b": living().draws}, [Struck("W4", ("a", "b"), begin, end)])
    for draws in cut.values():
        assert not ((draws.start_s > begin) & (draws.start_s < end)).any()
        assert (draws.start_s >= end).any()


def test_a_dead_gateway_silences_all_behind_it_for_as_long_as_the_script_says():
    quiet = said(Struck("M7", ("a", "b"), NOW + 60, NOW + 1800))
    assert not [one for one in quiet if NOW + 60 < one.at < NOW + 1800]
    assert [one for one in quiet if one.at >= NOW + 1800]


def test_a_meter_that_is_changed_speaks_under_the_new_ones_name_and_count():
    changed = said(Struck("M3", ("a",), NOW + 60, END))
    old, new = of("a-m", changed), of("a-m2", changed)
    assert old[-1, 0] == NOW + 60
    assert new[0, 0] == NOW + 60 + LIVE_S
    assert new[0, 1] == 0.0
    assert new[-1, 1] == 5.0, "one use since then"


def test_other_faults_strike_as_chance_has_it_and_alike_each_time():
    some = living()
    for code in ("P11", "P5", "P17"):
        one = Struck(code, ("a",), NOW - DAY, END, chance=3)
        first, again = (lived("a", some, [one], SHANGHAI).draws for _ in range(2))
        assert (first.start_s == again.start_s).all()
        assert len(first) != len(some.draws) or (first.start_s != some.draws.start_s).any(), faults()[code].name
    assert befallen(Struck("P1", ("a",), NOW, END), some).draws.start_s.max() < NOW


def test_a_history_goes_out_in_days_then_hours_the_last_one_whole():
    ends = slices(*(NOW - 5 * DAY, NOW, NOW - 2 * DAY))
    assert ends[:3] == [NOW - 4 * DAY, NOW - 3 * DAY, NOW - 2 * DAY]
    assert ends[-2:] == [NOW - HOUR, NOW]
    assert (np.diff(ends) >= 0).all()
    assert (np.diff(ends[3:]) == HOUR).all()


def test_what_is_sent_together_is_one_message_a_meter_with_all_its_readings():
    day = [one for one in said() if one.at <= NOW - 2 * DAY]
    written = messages(day)
    assert len(written) == 2
    for message in written:
        assert len(json.loads(message.payload)["measurements"]) == 96
        assert message.at == NOW - 2 * DAY


def test_a_spoilt_message_is_sent_as_it_is():
    garbled = said(Struck("M14", ("a",), NOW - 12 * HOUR, END, chance=1))
    spoilt = [one for one in garbled if one.payload is not None]
    assert spoilt
    assert {one.payload for one in spoilt} <= {message.payload for message in messages(garbled)}
