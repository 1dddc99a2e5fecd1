"""The arithmetic of the detection benchmark: what counts as a false alarm, how long a delay is, and that nobody cheats."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import detection_curves as curves
from benchmarks.detection import PAGE
from benchmarks.detection_curves import (
    Scored,
    at,
    bootstrap,
    by_onset,
    load,
    moved,
    point,
    quantile,
    spread,
    whole_hours,
)
from benchmarks.detection_homes import Homes, Quiets, by_the_hour, copies, long_quiets, natural, resets
from benchmarks.detection_index import scorer, shipped_model
from benchmarks.detection_pictures import pictures
from benchmarks.detection_rules import LITTLE_L, anchored, gap, little, little_windows
from benchmarks.detection_run import Detector, scene, scored
from benchmarks.detection_service import QUANTILE, SURVIVAL, survival_scores
from benchmarks.detection_study import GAP, INDEX, Measured, Size, Study, detectors, looked_at, put_together
from benchmarks.detection_tables import tables
from benchmarks.realism import DOCS, filled
from detectors.bins import News
from detectors.partition import Partition, Settings
from detectors.quiet_index import level_at
from shuian.backtest_input import Record

MONDAY = 1_740_931_200.0  # 2025-03-02T16:00Z: midnight in Shanghai
MONTH_H = 30.4 * 24
nan, inf = np.nan, np.inf


def homes(litres, step_s=3600.0, history_days=0, away=None) -> Homes:
    litres = np.asarray(litres, np.float32)
    gone = np.zeros(litres.shape, bool) if away is None else np.asarray(away, bool)
    return Homes(
        tuple(f"home-{n}" for n in range(len(litres))), (1,) * len(litres), step_s, 1.0, np.full(len(litres), MONDAY),
        np.full(litres.shape, 8 * 3600.0, np.float32), litres, litres >= 1, gone, history_days,
    )  # fmt: skip


def lived(days=26, count=3, seed=0, step_s=3600.0) -> Homes:
    """Return homes with days and nights, a hole, and one trip."""
    rng = np.random.default_rng(seed)
    steps = round(days * 86_400 / step_s)
    hour = (np.arange(steps) * step_s / 3600) % 24
    often = np.where((hour >= 6) & (hour < 22), 0.5, 0.08) * (step_s / 3600) ** 0.7
    litres = np.where(rng.random((count, steps)) < often, rng.integers(1, 30, (count, steps)), 0).astype(np.float32)
    litres[0, 40:44] = nan
    away = np.zeros(litres.shape, bool)
    away[1, -60:-20], litres[1, -60:-20] = True, 0.0
    return homes(litres, step_s, 14, away)


def toy(high, low=-inf, months=1.0, curve=((0, 1, 2, 3),), waited=0, late_h=0.0, step_s=3600.0) -> Scored:
    high = np.asarray(high, np.float32)
    curve = np.asarray(curve, np.float32)
    count, n = len(high), len(curve)
    return Scored(
        "toy", step_s, np.array([months]), np.zeros(count, int), np.broadcast_to(np.float32(low), count), high,
        MONDAY + np.arange(count) * 86_400.0, np.tile(np.arange(60, dtype=np.float32), (count, 1)),
        np.zeros(n, int), np.full(n, waited), np.full(n, late_h), np.full(n, 12.0), curve,
    )  # fmt: skip


# --- false alarms, levels, delays -----------------------------------------------------------------------------------


def test_a_quiet_that_lasts_until_the_deadline_is_one_false_alarm():
    one = toy(high=[2, 3, 5, 5, 9], months=2.0)
    assert [one.false_alarms(level) for level in (1, 3, 5, 6, 10)] == [2.5, 2.0, 1.5, 0.5, 0.0]


def test_a_score_that_began_above_the_level_does_not_cross_it():
    one = toy(high=[5, 5, 5], low=[0, 4, 5])
    assert one.false_alarms(4.5) == 2
    assert one.false_alarms(4.0) == 1


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 40), min_size=3, max_size=60), st.floats(0.3, 20))
def test_a_level_gives_the_budget_and_not_a_false_alarm_more(high, target):
    one = toy(high=np.array(high) + np.linspace(0, 0.5, len(high)))
    level = one.level(target)
    assert one.false_alarms(level) == min(np.floor(target), len(high))


@pytest.mark.parametrize(
    ("deadline", "waited", "late_h", "hours"),
    [
        pytest.param(10, 0, 0.0, 10.0, id="the incident at the last use"),
        pytest.param(10, 4, 0.0, 6.0, id="the quiet had lasted four hours"),
        pytest.param(10, 4, 0.3, 5.7, id="the incident came a little later"),
        pytest.param(10, 12, 0.0, 0.0, id="the alarm stood already, a reading comes at once"),
        pytest.param(10, 12, 0.25, 0.75, id="the alarm stood already, the next reading finds the person"),
        pytest.param(10, 12, -0.25, 0.25, id="the incident just before a reading"),
        pytest.param(inf, 3, 0.0, inf, id="never"),
    ],
)
def test_a_delay_runs_from_the_incident_to_the_reading_that_shows_the_alarm(deadline, waited, late_h, hours):
    found = curves.hours_after(np.array([deadline], float), np.array([waited]), np.array([late_h]), 3600.0)
    assert found[0] == pytest.approx(hours)


def test_a_quarter_of_an_hour_counts_as_one():
    assert curves.hours_after(np.array([10.0]), np.array([2]), np.zeros(1), 900.0)[0] == 2.0


def test_what_is_never_told_counts_as_infinite():
    assert quantile(np.array([1, 2, inf]), 0.5) == 2
    assert quantile(np.array([1, 2, inf, inf]), 0.5) == inf
    assert quantile(np.array([1.0, 3.0]), 0.5) == 2
    assert np.isnan(quantile(np.empty(0), 0.5))
    one = point(toy(high=[1], curve=[(0, 1, 2), (0, 0, 0)]), 2)
    assert one.within(24) == 0.5


def test_the_clock_goes_over_midnight():
    hour = np.array([21.9, 22.0, 23.5, 0.0, 5.9, 6.0])
    assert curves.during(hour, (22, 6)).tolist() == [False, True, True, True, True, False]
    assert curves.during(hour, (0, 6)).tolist() == [False, False, False, True, True, False]


def test_utility_halves_every_six_hours_and_false_alarms_cost():
    one = curves.Point(0.0, 2.0, np.array([0.0, 6.0, inf]))
    assert one.utility(0.1) == pytest.approx(0.5 - 0.2)


def test_every_home_is_somebodys_and_the_worst_one_is_told():
    one = replace(toy(high=[5, 5, 5, 1]), months=np.array([1.0, 2.0, 0.0]), home=np.array([0, 0, 1, 1]))
    assert one.by_home(4)[:2].tolist() == [2.0, 0.5]
    shared = spread(one, 4)
    assert (shared.p50, shared.most) == (1.25, 2.0)


def test_a_worker_with_200_homes_is_told_what_a_day_brings():
    one = toy(high=[9, 9, 9, 9], months=1.0)  # begin at local midnight, reach 7 at seven o'clock, one a day
    mine = replace(one, months=np.full(200, 1 / 200), begin_s=one.begin_s + 8 * 3600.0)
    day = load(mine, 7)
    assert day.a_day == pytest.approx(4 * 200 / 30.4)
    assert day.p95_a_day == 1
    assert day.at_night == 0
    assert load(mine, 5).at_night == 1


def test_delays_are_told_by_the_hour_of_the_incident():
    one = toy(high=[1], curve=[(0, 1, 2, 3), (0, 0, 0, 3)])
    parts = by_onset(replace(one, onset_h=np.array([2.0, 13.0])), 2)
    assert (parts["23-06"], parts["12-18"]) == (2, 3)
    assert np.isnan(parts["06-12"])


def test_a_home_that_is_drawn_twice_counts_twice():
    one = replace(toy(high=[5, 1]), months=np.array([1.0, 1.0]), home=np.array([0, 1]))
    assert one.false_alarms(4, np.array([0, 0, 1])) == pytest.approx(2 / 3)


def test_the_same_detector_twice_differs_by_nothing():
    rng = np.random.default_rng(1)
    one = replace(
        toy(high=rng.random(40) * 5, curve=np.sort(rng.random((30, 8)), axis=1) * 5), months=np.full(4, 2.0),
        home=np.arange(40) % 4, copy_home=np.arange(30) % 4,
    )  # fmt: skip
    assert bootstrap(one, one, 1.0, lambda hours: quantile(hours, 0.5), 20, rng) == (0.0, 0.0)


def test_a_level_from_one_half_is_used_on_the_other():
    calm, restless = [1.0] * 10, [9.0] * 10
    one = replace(
        toy(high=calm + restless, curve=[(0, 5, 10)] * 2), months=np.full(2, 10.0), home=np.repeat([0, 1], 10),
        copy_home=np.array([0, 1]),
    )  # fmt: skip
    found = moved(one, 0.5, 3, np.random.default_rng(0))
    # The calm home's level lets all alarms of the restless one through; the restless one's level none of the calm one.
    assert found.false_alarms == pytest.approx(0.5)
    assert len(found.delays) == 6


def test_blocks_put_together_count_like_one():
    one, two = toy(high=[5, 1], months=1.0), toy(high=[7], months=3.0)
    whole = curves.joined([one, two])
    assert whole.false_alarms(4) == pytest.approx(2 / 4)
    assert whole.home.tolist() == [0, 0, 1]
    assert whole.copy_home.tolist() == [0, 1]


# --- homes ----------------------------------------------------------------------------------------------------------


def test_a_quiet_begins_after_use_after_what_is_not_known_and_after_an_absence():
    one = homes([[5, 0, 0, 0, nan, 0, 0, 0, 0, 3, 0, 0]], away=[[0] * 6 + [1] + [0] * 5])
    last, following = resets(one.reset())
    assert last[0].tolist() == [0, 0, 0, 0, 4, 4, 6, 6, 6, 9, 9, 9]
    assert following[0].tolist() == [4, 4, 4, 4, 6, 6, 9, 9, 9, 12, 12, 12]
    quiets, lasted = natural(one)
    assert list(zip(quiets.last.tolist(), lasted.tolist(), strict=True)) == [(0, 3)]  # shorter ones are never told


def test_only_what_is_known_and_not_declared_away_is_judged():
    one = homes([[1] * 48 + [nan] * 12 + [0] * 12], away=[[0] * 66 + [1] * 6], history_days=1)
    assert one.months()[0] == pytest.approx(30 / MONTH_H)


def test_an_incident_is_put_where_nobody_is_on_a_trip():
    one = homes([[5] + [0] * 15 + [5] + [0] * 5 + [5, nan, 0, 0, 5]])
    made = copies(one, 50, np.random.default_rng(0))
    assert made.place.tolist() == [16, 17, 18, 19, 20, 21, 22, 24, 25, 26]
    assert made.last.tolist() == [16] * 6 + [22, 23, 23, 26]
    assert (np.abs(made.late_h) <= 0.5).all()


def test_readings_become_hours_and_a_hole_with_water_is_not_known():
    minutes = np.array([0, 50, 110, 170, 230, 410, 470, 650, 710.0]) * 60
    litres = np.array([3.0, 0.0, 4.0, 0.0, 0.0, 2.0, 7.0, 1.0])
    zone = None
    record = Record(
        "x", zone, 1, 3600.0, 1.0, MONDAY + minutes[:-1], MONDAY + minutes[1:], litres, np.zeros(8, bool),
        MONDAY + minutes[1:], np.full(8, 3600.0), (),
    )  # fmt: skip
    one = by_the_hour([record])
    # A hole from 3:50 to 6:50 without water is known to be dry; one from 7:50 to 10:50 with water tells nothing.
    assert one.litres[0].tolist()[:7] == [3, 0, 4, 0, 0, 0, 0]
    assert np.isnan(one.litres[0, 7:11]).all()
    assert one.litres[0, 11] == 1
    assert one.used[0].tolist()[:3] == [True, False, True]


def test_a_trip_with_a_leak_is_a_trip():
    one = homes([[5] + [0] * 40 + [5] + [0] * 30 + [5]])
    assert long_quiets(one)[0].tolist() == [False] + [True] * 40 + [False] * 32


# --- rules ----------------------------------------------------------------------------------------------------------


def slow_windows(litres, away):
    """Return what `little_windows` says, by plain loops."""
    made = np.zeros(len(litres), int)
    for n in range(len(litres)):
        total, size = 0.0, 0
        for back in range(n, max(n - 60, -1), -1):
            total += litres[back]
            if np.isnan(litres[back]) or away[back] or not total < LITTLE_L:
                break
            size += 1
        made[n] = size
    return made


@pytest.mark.parametrize("seed", range(4))
def test_the_window_of_ten_litres_equals_plain_loops(seed):
    one = lived(days=16, seed=seed)
    found = little_windows(one)
    for row in range(len(one)):
        assert found[row].tolist() == slow_windows(one.litres[row], one.away[row]).tolist()


@pytest.mark.parametrize("limit", [8, 12, 24])
def test_the_rule_of_ten_litres_is_raised_when_its_window_grows_past_the_limit(limit):
    one = lived()
    found = little(one, scene(one, 5, np.random.default_rng(0)))
    want = 0
    for row in range(len(one)):
        windows = slow_windows(one.litres[row], one.away[row])
        counted = one.counted()[row]
        want += sum(
            bool(counted[n] and counted[n - 1] and windows[n] >= limit > windows[n - 1])
            for n in range(one.tested_from + 1, len(windows))
        )
    assert found.false_alarms(limit) * found.months.sum() == pytest.approx(want)


def test_a_copys_window_grows_with_the_clock():
    litres = np.zeros((1, 24 * 16))
    litres[:, ::3] = 4.0  # 12 L in nine hours
    one = homes(litres, history_days=14)
    seen = scene(one, 200, np.random.default_rng(0))
    found = point(little(one, seen), 12)
    windows = little_windows(one)[0, seen.copies.place]
    np.testing.assert_allclose(found.delays, 12 - windows - seen.copies.late_h, atol=1e-6)


def test_the_anchored_rule_looks_once_a_day():
    litres = np.zeros((1, 24 * 20))
    litres[0, 7::24] = 12.0  # every morning from 7 to 8
    litres[0, 16 * 24 + 7] = 0.0
    litres[0, 17 * 24 + 7] = 9.0
    one = homes(litres, history_days=14)
    seen = scene(one, 300, np.random.default_rng(3))
    found = anchored(one, seen)
    assert found.false_alarms.tolist() == [1.0]  # two days in a row are one episode
    for delay, place, late_h in zip(found.delays, seen.copies.place, seen.copies.late_h, strict=True):
        at_h = place + 1 + late_h
        look = next(
            h for h in range(18, 24 * 30, 24) if h >= at_h and litres[0, h - 12 : min(h, place + 1)].sum() < LITTLE_L
        )
        assert delay == pytest.approx(look - at_h)


def test_a_programme_sets_the_shortest_limit_in_whole_hours_that_stays_within_its_budget():
    found = toy(high=[4.5, 5.5, 6.5, 7.5, 8.5], months=1.0)
    assert whole_hours(found, 2.0).level == 7
    assert whole_hours(found, 1.9).level == 8
    assert whole_hours(found, 0.0).level == 9


def test_a_limit_between_two_hours_is_mixed_quiet_by_quiet():
    one = lived(days=60)
    seen = scene(one, 20, np.random.default_rng(0))
    found = scored(one, seen, gap(3600.0))
    whole = {hours: found.false_alarms(hours) for hours in range(4, 12)}
    hours = next(h for h in range(4, 12) if whole[h] > whole[h + 1] + 3 / found.months.sum())
    target = (whole[hours] + whole[hours + 1]) / 2
    assert at(found, target).false_alarms == pytest.approx(target, abs=1.01 / found.months.sum())
    early, mixed, late = (point(found, h).delays for h in (hours, found.level(target), hours + 1))
    assert ((mixed >= early) & (mixed <= late)).all()
    assert early.mean() < mixed.mean() < late.mean()


# --- detectors ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judges() -> list[Detector]:
    return [gap(3600.0), QUANTILE, SURVIVAL, Detector(INDEX, scorer(shipped_model()))]


@pytest.mark.slow
@pytest.mark.parametrize("name", [GAP, QUANTILE.name, SURVIVAL.name, INDEX])
def test_no_detector_looks_beyond_the_last_use(name, judges):
    judge = next(one for one in judges if one.name == name)
    one = lived()
    cut = one.tested_from + 24 * 4
    rng = np.random.default_rng(8)
    litres = one.litres.copy()
    litres[:, cut:] = rng.permuted(litres[:, cut:], axis=1)
    away = one.away & (np.arange(one.away.shape[1]) < cut)
    other = replace(one, litres=litres, used=litres >= 1, away=away)
    quiets = Quiets(*(a[: len(a)] for a in np.nonzero(one.reset()[:, :cut] & (np.arange(cut) >= one.tested_from))))
    np.testing.assert_array_equal(judge.scores(one, quiets), judge.scores(other, quiets))


@pytest.mark.parametrize("name", [SURVIVAL.name, INDEX])
def test_a_personal_score_is_that_of_the_service(name):
    one = lived(days=20)
    shown, benched = {
        SURVIVAL.name: (survivals, survival_scores),
        INDEX: (indices, scorer(shipped_model())),
    }[name]
    partition = Partition(Settings(), np.full(3, 3600.0), np.ones(3))
    rows = np.arange(3)
    partition.away(1, MONDAY + (20 * 24 - 60) * 3600.0, MONDAY + (20 * 24 - 20) * 3600.0)
    last, _ = resets(one.reset())
    where, there, service = [], [], []
    for n in range(one.litres.shape[1]):
        end = np.full(3, MONDAY + (n + 1) * 3600.0)
        litres = one.litres[:, n].astype(float)
        partition.step(News(rows, end - 3600.0, end, litres, np.full(3, 8 * 3600.0), end))
        if n >= one.tested_from:
            service.append(shown(partition))
            where += [(row, last[row, n]) for row in rows]
            there += (n - last[:, n]).tolist()
    scores = benched(one, Quiets(*np.array(where).T))
    service = np.concatenate(service)
    some = ~np.isnan(service) & (np.array(there) < scores.shape[1])
    assert some.sum() > 60
    found = scores[np.arange(len(scores)), np.minimum(there, scores.shape[1] - 1)]
    np.testing.assert_allclose(
        found[some], service[some], atol=0.02
    )  # the service also learns from what came before the first use


def survivals(partition: Partition) -> np.ndarray:
    """Return the survival score of each row's present quiet, whichever score the service uses."""
    clock, rows = partition._state.clock, np.arange(len(partition))
    origin = clock.origin(rows, clock.known_until)
    there = origin <= clock.known_until
    begin, end = np.where(there, origin, 0.0) + clock.offset_s, np.where(there, clock.known_until, 0.0) + clock.offset_s
    return np.where(there, partition._state.quiet.score(partition._cohort, rows, begin, end), np.nan)


def indices(partition: Partition) -> np.ndarray:
    """Return the level of each row's present quiet by its curve; NaN: it is too short to have one."""
    clock, spells, rows = partition._state.clock, partition._state.spells, np.arange(len(partition))
    origin = clock.origin(rows, clock.known_until)
    kept = origin == spells.begin
    hours = np.where(kept, clock.known_until - origin, 0.0) / 3600.0
    return np.where(kept, level_at(spells.curve.astype(float), hours), np.nan)


@pytest.mark.slow
def test_the_page_has_a_place_for_every_table_and_the_pictures_are_pictures(judges):
    one = lived(days=30)
    measured = looked_at(one, scene(one, 10, np.random.default_rng(0)), judges)
    both = put_together([measured, measured])
    assert both.scored[INDEX].months.sum() == pytest.approx(2 * measured.scored[INDEX].months.sum())
    public = Measured({GAP: measured.scored[GAP]}, measured.anchored, measured.occupants)
    study = Study(Size(again=3, splits=2), both, both, both, measured, public, ("a library",))
    page = filled((DOCS / PAGE).read_text("utf-8"), tables(study, "no water"))
    assert "a library" in page
    assert "no water" in page
    for svg in pictures(study).values():
        assert ElementTree.fromstring(svg).tag.endswith("svg")


def test_every_detector_is_called_by_its_own_name():
    names = [one.name for one in detectors(3600.0, shipped_model())]
    assert len(set(names)) == len(names)
