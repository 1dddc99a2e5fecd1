"""Quiet by hazard and index: it equals its plain twin, and nothing that comes later changes what a quiet is judged by."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import quiet_index
from detectors.bins import News
from detectors.partition import Partition, Settings
from detectors.quiet import QuietSettings
from detectors.quiet_columns import COLUMNS, HOURS, columns, shipped_priors
from detectors.quiet_hazard import (
    BANDS,
    MOST_LIKE,
    POPULATIONS,
    chances,
    likeness,
    mixed,
    offsets,
    population_odds,
    residuals,
    shipped,
    survival,
)
from detectors.quiet_past import NONE, UNKNOWN, USED, QuietPast, hour_of
from tests import naive_quiet
from tests.detectors.homes import START, case, partition, played, told
from tests.naive_quiet import NaiveQuiet, Weights, levels, odds

INDEX = Settings(quiet=QuietSettings("index", amber=1.9, red=2.6))
HOUR, DAY = 3600.0, 86_400.0
NAN = float("nan")
PLAIN = [0.0] * 6 + [5.0, 12.0, 0.0, 3.0, 0.0, 8.0, 4.0, 0.0, 0.0, 6.0, 0.0, 9.0, 7.0, 0.0, 4.0, 2.0] + [0.0] * 2
"""Litres in each hour of a plain day."""
seeds = st.integers(0, 2**32 - 1)
curves = st.lists(st.floats(0.001, 0.9), min_size=59, max_size=59)


class Watched(Partition):
    """A partition that shows what each interval did to the clocks."""

    def _judge_water(self, m, judged, changes):
        self.moments.append(m)
        super()._judge_water(m, judged, changes)


def watched(home):
    part = Watched(INDEX, home.period_s, np.ones(home.rows))
    part.moments = []
    return part


def hourly(litres, at=START, minute=0.0, offset_s=0.0):
    """Return news of one home that reports at this minute of every hour."""
    count = len(litres)
    end = at + minute * 60 + HOUR * np.arange(1, count + 1)
    return News(
        np.zeros(count, np.intp), end - HOUR, end, np.array(litres, float), np.full(count, offset_s), end
    )  # fmt: skip


@cache
def lived(days, minute, settings):
    """Return what the detectors know of one home after plain days."""
    part = Partition(settings, np.array([HOUR]), np.ones(1))
    part.step(hourly((PLAIN * days)[:-2], minute=minute))
    return part.snapshot()


def home(days, minute=0.0, settings=INDEX):
    """Return a partition of one home after plain days, and when they end: at ten in the evening."""
    known = {name: array.copy() for name, array in lived(days, minute, settings).items()}
    return Partition.restore(settings, known), START + days * DAY - 2 * HOUR + minute * 60


# --- the twin ---


@pytest.mark.slow
@settings(max_examples=3, deadline=None)
@given(seed=seeds)
def test_columns_odds_and_levels_are_those_of_the_plain_twin(seed):
    made = case(seed, rows=2, days=16)
    part, prior = watched(made), shipped_priors().lines
    twins = [NaiveQuiet(*(line[0].tolist() for line in prior)) for _ in range(made.rows)]
    populations, done = [Weights(population) for population in shipped()[0]], set()
    for chunk in np.unique(made.news.received):
        part.moments.clear()
        part.step(made.part(made.news.received == chunk))
        for m in part.moments:
            for n, row in enumerate(m.rows.tolist()):
                twins[row].step(
                    *(float(a[n]) for a in (m.start, m.end, m.person_l, m.offset_s)),
                    *(bool(a[n]) for a in (m.used, m.unknown, m.hole, m.away)),
                    float(m.origin[n]),
                )
        state = part._state
        for row, twin in enumerate(twins):
            begin, since = state.spells.begin[row], state.clock.since[row]
            if begin == since and (row, begin) not in done:
                done.add((row, begin))
                lines = twin.columns(int(hour_of(np.array([begin + 7200.0]))[0]), bool(state.clock.by_use[row]))
                expected = [[odds(line, weights) for line in lines[:30]] for weights in populations]
                np.testing.assert_allclose(state.spells.odds[row, :, :30], expected, rtol=1e-3, atol=2e-3)
    assert len(done) >= 8


@given(curves, st.booleans())
@settings(max_examples=20, deadline=None)
def test_the_index_is_the_cheapest_way_to_wait(chance, at_night):
    lasting = np.cumprod(np.append(1.0, 1.0 - np.array(chance)))
    night = quiet_index.night_costs(np.array([20.0]), HOURS, 2.0) if at_night else None
    got = quiet_index.levels(lasting[None], night)[0]
    expected = levels(lasting.tolist(), quiet_index.STAGES, None if night is None else night[0].tolist())
    np.testing.assert_allclose(got[:-1], expected, rtol=1e-9, atol=1e-9)
    assert (np.diff(got) >= 0).all()


@given(curves, st.floats(0.5, 6.0))
@settings(max_examples=30, deadline=None)
def test_a_deadline_is_when_the_level_is_reached(chance, level):
    lasting = np.cumprod(np.append(1.0, 1.0 - np.array(chance)))
    curve = quiet_index.levels(lasting[None])
    hours = quiet_index.hours_to(curve, np.array([level]))
    assert quiet_index.level_at(curve, hours + 1e-9)[0] >= level - 1e-6
    assert quiet_index.level_at(curve, np.maximum(hours - 1e-6, 0.0))[0] <= level + 1e-6
    later = quiet_index.hours_to(curve, np.array([level + 0.5]))
    assert later >= hours


def test_an_alarm_at_night_that_costs_more_comes_later_or_is_spared():
    chance = np.full((1, HOURS), 0.25)
    chance[:, 0] = 0.0
    lasting = survival(chance)
    plain = quiet_index.levels(lasting)
    dear = quiet_index.levels(lasting, quiet_index.night_costs(np.array([17.0]), HOURS, 4.0))
    level = np.array([2.0])
    due = 17 + quiet_index.hours_to(plain, level)[0]
    assert 22 <= due <= 31, "this quiet would be told at night"
    assert quiet_index.hours_to(dear, level)[0] > quiet_index.hours_to(plain, level)[0]


def test_no_part_of_the_day_price_is_paid_before_the_night_is_over():
    chance = np.full((1, HOURS), 0.02)
    chance[:, 0] = 0.0
    dear = quiet_index.levels(survival(chance), quiet_index.night_costs(np.array([22.5]), HOURS, 2.0))
    early, late = (quiet_index.level_at(dear, np.array([h]), stepped=True)[0] for h in (8.4, 9.4))
    assert early == dear[0, 7], "half past six counts as night until half past seven was looked at"
    assert late == dear[0, 8]
    due = quiet_index.hours_to(dear, np.array([(dear[0, 7] + dear[0, 8]) / 2]), stepped=True)[0]
    assert due == 9.0


# --- nothing comes from the future ---


@pytest.mark.parametrize("minute", [0.0, 23.0, 47.0])
def test_what_a_quiet_is_judged_by_is_the_same_at_any_hour_of_it(minute):
    part, at = home(30, minute)
    found = []
    for hour in range(30):
        due = part.deadline("amber")[0], part.deadline("red")[0]
        state = part._state
        state.spells.begin[:] = np.nan  # as if nobody had looked yet
        found.append(due)
        part.step(hourly([0.0], at - minute * 60 + hour * HOUR, minute))
    np.testing.assert_allclose(found, [found[0]] * len(found), rtol=0, atol=1.0)


@settings(max_examples=3, deadline=None)
@given(seed=seeds, cut=st.floats(0.2, 0.9))
@pytest.mark.slow
def test_homes_are_independent_and_a_restart_changes_nothing(seed, cut):
    made = case(seed, rows=2, days=10)
    whole = played(partition(made, INDEX), made.news)
    for row in range(made.rows):
        mine = made.part(made.news.row == row)
        alone = News(
            np.zeros(len(mine), np.intp), mine.start, mine.end, mine.litres, mine.offset_s, mine.received, mine.moved
        )
        expected = [(what, 0, *rest) for what, of, *rest in whole if of == row]
        assert sorted(played(partition(made, INDEX, np.array([row])), alone)) == sorted(expected)
    first = made.news.received < np.quantile(made.news.received, cut) // (6 * HOUR) * (6 * HOUR)
    part = partition(made, INDEX)
    before = played(part, made.part(first)) if first.any() else []
    again = Partition.restore(INDEX, part.snapshot())
    assert before + played(again, made.part(~first)) == whole


def test_one_upload_of_many_hours_is_judged_as_hour_by_hour():
    day = [0.0] * 24
    live, at = home(25)
    for hour in range(24):
        live.step(hourly(day[:1], at + hour * HOUR))
    batch, _ = home(25)
    batch.step(hourly(day, at))
    np.testing.assert_array_equal(live._state.spells.curve, batch._state.spells.curve)
    np.testing.assert_array_equal(live._state.past.ring, batch._state.past.ring)
    assert live.deadline("red")[0] == batch.deadline("red")[0]


# --- unknown is not zero ---


def test_an_hour_that_is_not_known_is_neither_used_nor_quiet():
    past = home(3)[0]._state.past
    part, at = home(3)
    part.step(hourly([0.0, NAN, 0.0, 0.0, 5.0], at))
    hours = int(at // HOUR) + np.arange(4)
    one = np.zeros(1, int)
    assert part._state.past.said(one, hours[None]).tolist() == [[NONE, UNKNOWN, NONE, NONE]]
    assert (past.said(one, int(START // HOUR) + np.arange(69)[None]) != UNKNOWN).all()
    assert past.known[0].sum() <= 72


def test_a_trip_that_nobody_declared_and_a_declared_one_teach_nothing():
    undeclared, at = home(20)
    declared, _ = home(20)
    declared.away(0, at + HOUR, at + 60 * HOUR)
    for part in (undeclared, declared):
        before = part.snapshot()
        part.step(hourly([0.0] * 60 + [5.0], at))
        after = part.snapshot()
        hours = int(at // HOUR) + np.arange(2, 59)
        assert (part._state.past.said(np.zeros(1, int), hours[None]) == UNKNOWN).all()
        np.testing.assert_array_equal(after["past.ended"], before["past.ended"])
        assert after["past.known"].sum() - before["past.known"].sum() <= 24


def test_unknown_hours_never_bring_a_deadline_nearer():
    part, at = home(25)
    part.step(hourly([0.0] * 4, at))
    due = part.deadline("amber")[0]
    part.step(hourly([NAN], at + 4 * HOUR))
    assert part.deadline("amber")[0] > due
    assert part.last_use()[0] == at + 5 * HOUR


# --- what meters say ---


@pytest.mark.parametrize("minute", [0.0, 1.0, 29.0, 31.0, 59.0])
def test_a_meter_that_reports_hourly_gives_one_hour_a_report_whatever_the_minute(minute):
    part, at = home(10, minute)
    past = part._state.past
    newest = int(past.hour[0])
    said = past.said(np.zeros(1, int), np.arange(newest - 9 * 24, newest)[None])
    assert (said == USED).sum() == pytest.approx(9 * 10, abs=1)  # ten hours in use a day
    assert (said != UNKNOWN).all()
    assert part.last_use()[0] == at


def test_a_day_has_twenty_three_or_twenty_five_hours_and_the_others_are_whole():
    part = Partition(INDEX, np.array([HOUR]), np.ones(1))
    for day, offset_s in enumerate((0.0, HOUR, 0.0, 0.0)):
        part.step(hourly(PLAIN, START + day * DAY, offset_s=offset_s))
    known = part._state.past.known[0].sum()
    assert 24 * 3 - 2 <= known <= 24 * 3
    assert part._state.past.hour[0] == (START + 4 * DAY) // HOUR - 1


def test_coarse_registers_have_a_line_of_their_own():
    kinds = shipped_priors().of(np.array([0.1, 1.0, 2.0, 10.0, 100.0]))
    assert kinds.tolist() == [0, 0, 0, 1, 1]
    assert len(shipped()) == 2
    assert shipped_priors().lines.rate[1].sum() < shipped_priors().lines.rate[0].sum()


# --- the population that a home takes after ---


@given(seeds, st.integers(3, 58), st.booleans())
@settings(max_examples=20, deadline=None)
def test_what_came_tells_the_population_as_the_plain_twin_says(seed, lasted, ended):
    pair = np.random.default_rng(seed).normal(-1.0, 1.5, (1, POPULATIONS, HOURS))
    told = likeness(pair, np.array([lasted]), np.array([ended]))
    np.testing.assert_allclose(told, naive_quiet.likeness(pair[0].tolist(), lasted, ended), rtol=1e-9, atol=1e-9)
    swapped = likeness(pair[:, ::-1], np.array([lasted]), np.array([ended]))
    np.testing.assert_allclose(swapped, -told)


def test_a_home_without_a_past_is_judged_by_the_mean_and_a_known_one_by_its_population():
    pair = np.stack([np.full(HOURS, -3.0), np.full(HOURS, 1.0)])[None]
    assert mixed(pair, np.zeros(1))[0, 0] == pytest.approx(-1.0)
    assert mixed(pair, np.array([MOST_LIKE]))[0, 0] == pytest.approx(-3.0, abs=0.02)
    assert mixed(pair, np.array([-MOST_LIKE]))[0, 0] == pytest.approx(1.0, abs=0.02)


def test_a_population_is_learnt_from_quiets_that_ended_and_not_from_what_is_unknown():
    part, at = home(12)
    before = float(part._state.spells.like[0])
    assert before != 0.0
    part.step(hourly([0.0] * 8 + [5.0], at))
    after = float(part._state.spells.like[0])
    assert after != before
    assert abs(after) <= MOST_LIKE
    again, _ = home(12)
    again.step(hourly([0.0] * 2 + [5.0], at))
    assert again._state.spells.like[0] == before, "too short to tell anything"


# --- what delay costs ---


def test_all_stages_agree_on_twenty_hours_and_more_delay_never_costs_less():
    for stage in quiet_index.STAGES:
        costs = stage.costs(HOURS)
        assert costs[0] == 0.0
        assert costs[20] == pytest.approx(20.0)
        assert (np.diff(costs) > 0).all()
    assert np.diff([stage.level for stage in quiet_index.STAGES]).min() > 0


# --- the home's own offset ---


def test_a_home_that_returns_as_expected_has_no_offset_and_one_that_never_does_waits_longer():
    chance = np.full((1, HOURS), 0.3)
    assert residuals(chance, np.array([2]), np.array([False])).sum() == 0.0, "too short to count"
    late = sum(residuals(chance, np.array([20]), np.array([True])) for _ in range(30))
    own = offsets(late)
    assert own.shape == (1, BANDS)
    assert (own[0, :3] < -0.4).all()
    flat = np.zeros((1, HOURS))
    assert (survival(chances(flat, own))[0, 10:] > survival(chances(flat, np.zeros((1, BANDS))))[0, 10:]).all()


def test_an_offset_is_learnt_from_quiets_of_three_hours_that_ended():
    part, at = home(12)
    before = part._state.spells.sums.copy()
    assert before.any()
    part.step(hourly([0.0] * 8 + [5.0], at))
    assert (part._state.spells.sums != before).any()


# --- the home's own level ---


def test_a_home_that_is_asked_for_nothing_is_asked_later_and_one_that_never_is_sooner():
    part, at = home(30)
    calm = float(part._state.spells.own[0])
    part.step(hourly([0.0] * 24 + [5.0], at))
    found = part._state.spells
    assert found.own[0] == pytest.approx(calm + 0.03 - 0.03 * 1.0 / 30.4, abs=2e-3)
    for _ in range(60):
        at = float(part.last_use()[0])
        part.step(hourly([0.0] * 24 + [5.0], at))
    assert 0.5 < found.own[0] <= 1.2
    red = part.deadline("red")[0]
    assert part.deadline("amber")[0] <= red
    quiet, _ = home(40, settings=Settings())
    assert -0.15 < quiet._state.spells.own[0] < -0.02


def test_what_is_not_known_to_have_been_for_nothing_moves_no_level_up():
    part, at = home(30)
    before = float(part._state.spells.own[0])
    part.step(hourly([0.0] * 24 + [NAN, NAN], at))
    assert part._state.spells.own[0] <= before


# --- the whole ---


def test_amber_comes_before_red_and_both_within_a_day_whenever_the_quiet_begins():
    part, at = home(40, settings=Settings())
    waits = []
    for hour in range(24):
        amber, red = part.deadline("amber")[0], part.deadline("red")[0]
        assert 3 * HOUR <= amber - part.last_use()[0] < red - part.last_use()[0] < 24 * HOUR
        waits.append(amber - part.last_use()[0])
        part.step(hourly([PLAIN[(22 + hour) % 24]], at + hour * HOUR))
    assert max(waits) > min(waits) + 2 * HOUR, "a night is waited for, an afternoon is not"


def test_columns_are_finite_for_a_home_of_which_nothing_is_known():
    prior = shipped_priors().lines.take(np.zeros(2, np.intp))
    past, rows = QuietPast.fresh(2), np.arange(2)
    made = columns(past, rows, np.array([480_000, 480_011]), np.array([True, False]), prior)
    assert made.shape == (2, HOURS, len(COLUMNS))
    assert np.isfinite(made).all()
    lasting = survival(chances(mixed(population_odds(shipped()[0], made), np.zeros(2)), np.zeros((2, BANDS))))
    assert ((lasting > 0) & (lasting <= 1)).all()


def test_the_survival_score_can_still_be_chosen():
    part, at = home(20, settings=Settings(quiet=QuietSettings("survival")))
    found = told(part.step(hourly([0.0] * 20, at)))
    assert {one[3] for one in found if one[0] == "raised" and one[2] == "quiet"} == {"amber", "red"}
    assert np.isnan(part._state.spells.begin[0])
