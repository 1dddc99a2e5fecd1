"""What a home's hours teach: holes are not quiet, a meter near the half hour tells every hour, a quiet keeps its clock."""

import numpy as np
import pytest

from detectors.bins import News
from detectors.partition import Partition, Settings
from detectors.quiet_past import LENGTHS, UNKNOWN, USED, hour_of
from tests.detectors.homes import START
from tests.detectors.test_quiet_index import DAY, HOUR, INDEX, PLAIN, home, hourly

LIFE = PLAIN * 20


def heard(part, begin, end, litres, offset_s=0.0):
    count = len(end)
    part.step(News(np.zeros(count, np.intp), begin, end, litres, np.full(count, offset_s), end))


def quiets(part):
    """Return {(hours, ended by a use): how many} of all quiets that were counted."""
    past = part._state.past
    found = {}
    for said, counts in ((True, past.ended), (False, past.broken)):
        for place in range(LENGTHS):
            if many := int(counts[0, :, place].sum()):
                found[place + 1, said] = many
    return found


def test_a_hole_after_a_quiet_is_no_part_of_it_and_a_use_after_a_hole_ended_nothing_we_know():
    part, at = home(20)
    before = quiets(part)
    sums, own = part._state.spells.sums.copy(), part._state.spells.own.copy()
    part.step(hourly([0.0] * 6, at=at))
    back = at + 6 * HOUR + 20 * HOUR
    part.step(hourly([8.0], at=back))
    after = quiets(part)
    assert {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)} == {
        (6, False): 1
    }
    longer = part._state.spells.sums - sums
    assert not longer[0, 2:].any(), "nothing is learnt of hours that are not known"
    assert part._state.spells.own[0] <= own[0], "nobody was asked"


def test_a_long_hole_strikes_out_no_hour_that_was_known_before_it():
    part, at = home(20)
    part.step(hourly([0.0] * 4, at=at))
    part.step(hourly([8.0], at=at + 4 * HOUR + 40 * HOUR))
    part.step(hourly([0.0], at=at + 45 * HOUR))
    hours = hour_of(np.array([at + HOUR]))[0] + np.arange(4)
    assert (part._state.past.said(np.array([0]), hours[None]) != UNKNOWN).all()


def told(part, first, hours):
    """Return which of some hours the ring says were used; nothing of them is unknown."""
    said = part._state.past.said(np.array([0]), (first + np.arange(hours))[None])[0]
    assert (said != UNKNOWN).all()
    return (said == USED).tolist()


def shifts(used):
    """Return by how many hours a record of plain days may be shifted."""
    plain = [litres > 0 for litres in PLAIN]
    return [by for by in range(24) if used == [plain[(hour + by) % 24] for hour in range(len(used))]]


@pytest.mark.parametrize("minute", [0, 1, 29, 30, 31, 59])
def test_a_meter_that_reports_a_little_before_or_after_its_minute_tells_every_hour(minute):
    rng = np.random.default_rng(minute)
    part = Partition(INDEX, np.array([HOUR]), np.ones(1))
    edges = START + minute * 60 + HOUR * np.arange(24 * 12 + 1) + rng.uniform(-30, 30, 24 * 12 + 1).round()
    heard(part, edges[:-1], edges[1:], np.array(PLAIN * 12))
    assert len(shifts(told(part, int(edges[0] // HOUR) + 2, 24 * 11))) == 1


def test_a_meter_that_drifts_over_the_half_hour_tells_one_hour_twice_or_not_at_all_and_no_more():
    part = Partition(INDEX, np.array([HOUR]), np.ones(1))
    edges = START + 1200 + (HOUR + 3) * np.arange(24 * 20 + 1)
    heard(part, edges[:-1], edges[1:], np.array(PLAIN * 20))
    used = told(part, int(edges[0] // HOUR) + 2, 24 * 19)
    turns = [n for n in range(24, len(used) - 24) if len(shifts(used[n - 24 : n])) != 1]
    assert len(turns) <= 24, "the days before and after the one hour are plain days"
    assert shifts(used[:48]) != shifts(used[-48:])


@pytest.mark.parametrize("change_s", [3600.0, -3600.0])
def test_a_deadline_stays_when_the_clocks_change_during_the_quiet(change_s):
    part, at = home(30)
    part.step(hourly([0.0] * 5, at=at))
    due = part.deadline("amber")[0]
    part.step(hourly([0.0], at=at + 5 * HOUR, offset_s=change_s))
    assert part.deadline("amber")[0] == pytest.approx(due)


def test_another_period_of_the_meter_changes_no_quiet_that_has_begun():
    part, at = home(30)
    part.step(hourly([0.0] * 5, at=at))
    due = part.deadline("amber")[0]
    part.set_meters(np.array([900.0]), np.ones(1))
    assert part.deadline("amber")[0] == pytest.approx(due)


def test_the_days_of_a_plain_home_are_those_that_it_lived():
    part, _ = home(20, settings=Settings())
    last = int((START + 20 * DAY) // HOUR) - 24
    said = part._state.past.said(np.array([0]), (last - 24 * 5 + np.arange(24 * 5))[None])[0]
    assert [hour == USED for hour in said.tolist()] == [litres > 0 for litres in LIFE[: 24 * 5]]
