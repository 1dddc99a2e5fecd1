"""The distances of the realism page, on numbers small enough to check by hand."""

import re
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.realism import DOCS, PAGES, MarkerError, filled, write
from benchmarks.realism_charts import Lines, Source, Strips, over_the_day, short, strips
from benchmarks.realism_distances import (
    apart,
    best_shift,
    clocks_apart,
    factor,
    kolmogorov_smirnov,
    moved,
    sample,
    wasserstein,
)
from benchmarks.realism_draws import draws_of, fano
from benchmarks.realism_homes import COHORTS, FOUR_SECONDS, MINUTE, Watched, cohort_homes, halves, hourly, runs, through
from benchmarks.realism_hours import Hours, by_start, clock, hours
from benchmarks.realism_study import Size, study
from shuian.backtest_input import Record
from simulators.households import Draws

HOUR_S, DAY_S = 3600.0, 86_400.0
MONDAY = datetime(2025, 3, 3, tzinfo=UTC).timestamp()
numbers = st.lists(st.integers(0, 20).map(float), min_size=1, max_size=12)


def of(*values):
    return np.array(values, float)


def record(litres, begin=MONDAY):
    end = begin + HOUR_S * (1 + np.arange(len(litres)))
    none, zero = np.zeros(len(litres), bool), np.zeros(len(litres))
    return Record("h", ZoneInfo("UTC"), 1, HOUR_S, 1.0, end - HOUR_S, end, np.array(litres, float), none, end, zero, ())


def watched(start, litres=1.0, spans=((0.0, 3 * DAY_S),)):
    start = np.array(start, float)
    return Watched(
        "h", ZoneInfo("UTC"), Draws(start, np.full(len(start), litres), np.full(len(start), 30.0)), of(*spans)
    )


# --- distances ------------------------------------------------------------------------------------------------------


def test_the_same_numbers_are_no_distance_apart_and_strangers_are_one_apart():
    some = sample([of(1, 2, 2, 5)])
    assert kolmogorov_smirnov(some, some) == 0.0
    assert kolmogorov_smirnov(some, sample([of(6, 7)])) == 1.0
    assert kolmogorov_smirnov(sample([of(1, 2)]), sample([of(2, 3)])) == pytest.approx(0.5)


def test_moving_all_numbers_by_three_is_a_distance_of_three():
    assert wasserstein(sample([of(1, 2, 7)]), sample([of(4, 5, 10)])) == pytest.approx(3.0)
    assert factor(sample([of(1, 2, 7)]), sample([of(2, 4, 14)])) == pytest.approx(2.0)


def test_a_home_counts_the_same_however_long_its_record():
    once = sample([of(1), of(9)])
    often = sample([of(*[1] * 99), of(9)])
    assert kolmogorov_smirnov(once, often) == pytest.approx(0.0)
    assert often.quantile(0.9) == 9.0


def test_unknown_numbers_count_for_nothing():
    assert sample([of(np.nan, 2, np.nan), of(np.nan)]).values.tolist() == [2.0]
    assert np.isnan(sample([]).quantile(0.5))
    assert np.isnan(kolmogorov_smirnov(sample([]), sample([of(1)])))


@given(numbers, numbers)
def test_distances_do_not_depend_on_the_order_of_the_two(some, others):
    a, b = sample([of(*some)]), sample([of(*others)])
    assert kolmogorov_smirnov(a, b) == pytest.approx(kolmogorov_smirnov(b, a))
    assert wasserstein(a, b) == pytest.approx(wasserstein(b, a))
    assert wasserstein(a, b) >= abs(np.mean(some) - np.mean(others)) - 1e-9


@given(st.lists(numbers, min_size=2, max_size=5))
def test_how_far_homes_are_apart_is_each_home_against_the_others_together(homes):
    homes = [of(*home) for home in homes]
    each = [kolmogorov_smirnov(sample([home]), sample([*homes[:n], *homes[n + 1 :]])) for n, home in enumerate(homes)]
    assert apart(homes, 1.0) == pytest.approx(max(each))


def test_a_clock_that_is_late_is_found_out():
    early = of(*[0] * 6, 1, 3, 1, *[0] * 15)
    late = np.roll(early, 4)
    assert moved(early, early) == 0.0
    assert moved(late, early) == pytest.approx(1.0)
    assert best_shift(late, early) == (4, pytest.approx(0.0))
    assert clocks_apart([early, early, late]) == pytest.approx(0.5)


# --- hours ----------------------------------------------------------------------------------------------------------


def test_days_and_quiets_of_two_days_written_down_by_hand():
    day = [0] * 6 + [2, 0, 0, 5] + [0] * 8 + [10, 3] + [0] * 4
    found = hours(record(day * 2))
    assert found.litres.tolist() == [20.0, 20.0]
    assert found.used.tolist() == [4.0, 4.0]
    assert sorted(found.in_hour.tolist()) == [2, 2, 3, 3, 5, 5, 10, 10]
    assert list(zip(found.quiet_from.tolist(), found.quiet_h.tolist(), strict=True)) == [
        (7, 2.0), (10, 8.0), (20, 10.0), (7, 2.0), (10, 8.0),
    ]  # fmt: skip
    assert found.night_h.tolist() == [7.0]  # from 23 h to the use at 6 h; the night before the record is not known
    assert found.longest_h.tolist() == [8.0, 10.0]
    assert np.flatnonzero(found.clock).tolist() == [6, 9, 18, 19]


def test_a_night_in_which_nothing_is_drawn_at_all_is_eleven_hours_of_quiet():
    found = hours(record([9, *[0] * 40, 9]))
    assert found.night_h.tolist() == [11.0]
    assert found.quiet_h.tolist() == []  # beyond 36 h it is a journey


def test_a_gap_is_no_quiet_and_its_day_does_not_count():
    day = [0] * 6 + [2, 0, 0, 5] + [0] * 8 + [10, 3] + [0] * 4
    second = day.copy()
    second[11:14] = [np.nan] * 3
    found = hours(record(day + second + day))
    assert len(found.litres) == 2
    assert 8.0 in found.quiet_h.tolist()
    assert (found.quiet_from == 10).sum() == 2  # the quiet from 10 h of the second day touches the gap


def test_intervals_that_are_no_hour_and_absences_are_not_known():
    three = record([1.0, 0.0, 1.0])
    long = Record(*(getattr(three, name) for name in ("household", "zone", "occupants", "period_s", "resolution_l")),
                  three.start, three.end + of(0, 0, 2 * HOUR_S), *(getattr(three, name) for name in (
                      "litres", "moved", "received", "offset_s")), ((MONDAY, MONDAY + 1),))  # fmt: skip
    assert np.isnan(hourly(long).litres).tolist() == [True, False, True]


def test_weekends_show_in_the_variance_that_weekdays_explain():
    litres = np.tile(of(50, 50, 50, 50, 50, 120, 120), 8) + np.random.default_rng(3).normal(0, 5, 56)
    day = np.arange(56) + int(MONDAY // DAY_S)
    nothing = np.empty(0)
    home = Hours("h", day, litres, litres, nothing, np.zeros(24), np.empty(0, int), nothing, nothing, nothing)
    assert home.weekday > 0.9
    assert home.weekend == pytest.approx(2.4, abs=0.1)
    shuffled = Hours("h", day, np.random.default_rng(4).permutation(litres), *[nothing] * 2, np.zeros(24),
                     np.empty(0, int), *[nothing] * 3)  # fmt: skip
    assert shuffled.weekday < 0.2


def test_quantiles_of_few_quiets_are_not_told():
    quiet = Hours(
        "h", np.empty(0, int), *[np.empty(0)] * 3, np.ones(24), np.full(40, 7), np.arange(40.0), *[np.empty(0)] * 2
    )
    assert by_start([quiet], 0.5)[7] == 19.0
    assert by_start([quiet], 0.9)[7] == 35.0
    assert np.isnan(by_start([quiet], 0.99)[7])
    assert np.isnan(by_start([quiet], 0.5)[8])
    assert clock([quiet]).tolist() == [1.0] * 24


# --- draws ----------------------------------------------------------------------------------------------------------


def test_steps_with_water_close_together_are_one_draw():
    found = runs(of(60, 120, 180, 360), of(0.5, 1.0, 0.5, 2.0), MINUTE)
    assert found.start_s.tolist() == [0.0, 300.0]
    assert found.litres.tolist() == [2.0, 2.0]
    assert found.duration_s.tolist() == [180.0, 60.0]
    thin = runs(of(4, 16, 32), of(0.158, 0.158, 0.158), FOUR_SECONDS)  # 8 s, then 12 s without a pulse
    assert thin.duration_s.tolist() == [32.0]
    assert thin.litres[0] == pytest.approx(3 * FOUR_SECONDS.resolution_l)
    assert len(runs(np.empty(0), np.empty(0), MINUTE)) == 0


def test_time_that_was_not_watched_lies_between_no_two_draws():
    split = watched([100, 160, DAY_S + 50], spans=((0.0, DAY_S), (DAY_S + 10, 2 * DAY_S)))
    assert draws_of(split).gap_min.tolist() == [1.0]
    assert draws_of(watched([100, 160, 760])).gap_min.tolist() == [1.0, 10.0]


def test_only_days_that_were_watched_and_lived_in_count():
    home = watched([100, 200, DAY_S + 100, 2 * DAY_S + 50], litres=6.0, spans=((0.0, DAY_S), (DAY_S, 2 * DAY_S - 9000)))
    found = draws_of(home)
    assert found.days == 1
    assert found.per_day.tolist() == [2.0]
    assert found.day_l.tolist() == [12.0]
    assert draws_of(watched([100], litres=1.0)).days == 0


def test_draws_that_come_together_have_a_higher_fano_factor():
    rng = np.random.default_rng(1)
    days, count = 200, 4000
    row, second = rng.integers(0, days, count), rng.uniform(0, DAY_S, count)
    alone = fano(row, second, days, HOUR_S)
    together = fano(np.repeat(row, 3), np.repeat(second, 3), days, HOUR_S)
    assert alone == pytest.approx(1.0, abs=0.1)
    assert together == pytest.approx(3.0, abs=0.3)
    assert fano(np.arange(days), np.full(days, 7 * HOUR_S), days, HOUR_S) == 0.0  # the same every day


def test_a_record_is_halved_by_time():
    first, second = halves(watched([100, DAY_S, 2 * DAY_S]))
    assert (len(first.draws), len(second.draws)) == (2, 1)
    assert first.spans.tolist() == [[0.0, 1.5 * DAY_S]]
    assert second.spans.tolist() == [[1.5 * DAY_S, 3 * DAY_S]]


def test_a_simulated_home_behind_a_meter_keeps_its_litres():
    home = cohort_homes(COHORTS["cn"], 1, 3)[0]
    seen = through(home, MINUTE)
    inside = home.draws.start_s + home.draws.duration_s < seen.spans[0, 1]
    assert seen.draws.litres.sum() == pytest.approx(home.draws.litres[inside].sum(), abs=1.0)
    assert len(seen.draws) <= len(home.draws)


# --- pictures and pages ---------------------------------------------------------------------------------------------


def test_a_line_is_broken_where_nothing_is_known_and_words_are_escaped():
    values = np.full(24, 0.5)
    values[6:9] = np.nan
    svg = over_the_day("<a> & b", [Source("x", "#111")], [Lines("t", [values], 1.0, 0.5)])
    ElementTree.fromstring(svg)
    line = re.search(r'class="line" stroke="#111" d="(M[^"]*L[^"]*)"', svg)[1]
    assert line.count("M") == 2
    assert "&lt;a&gt; &amp; b" in svg


def test_a_strip_shows_the_median_in_a_number_and_leaves_out_what_is_not_known():
    panel = Strips("t", [sample([of(1, 10, 100)]), sample([])], (1, 10, 100), log=True)
    svg = strips("s", [(panel, [Source("a", "#111"), Source("b", "#222")])])
    ElementTree.fromstring(svg)
    assert svg.count("<circle") == 1
    assert ">10</text>" in svg


def test_numbers_are_short():
    assert [short(x) for x in (np.nan, 123.4, 12.34, 1.234, 0.01234, 8.0)] == ["–", "123", "12.3", "1.2", "0.012", "8"]


def test_figures_go_between_their_markers_and_nowhere_else():
    page = "a\n<!-- figures:x -->\nold\n<!-- end -->\nb"
    once = filled(page, {"x": "new \\1"})
    assert once == "a\n<!-- figures:x -->\nnew \\1\n<!-- end -->\nb"
    assert filled(once, {"x": "new \\1"}) == once
    with pytest.raises(MarkerError, match="want markers for"):
        filled(page, {"y": "new"})


@pytest.mark.parametrize("name", PAGES.values())
def test_a_page_shows_figures_and_pictures_that_exist(name):
    page = (DOCS / name).read_text("utf-8")
    assert not re.search(r"<!-- figures:[\w-]+ -->\s*<!-- end -->", page)
    pictures = re.findall(r"\]\((pictures/[^)]+)\)", page)
    assert len(pictures) == 5
    for picture in pictures:
        ElementTree.fromstring((DOCS / picture).read_text("utf-8"))


def test_both_pages_tell_the_same_figures():
    blocks = [re.findall(r"<!-- figures:(?!homes|short)[\w-]+ -->(.*?)<!-- end -->", (DOCS / name).read_text("utf-8"),
                         re.DOTALL) for name in PAGES.values()]  # fmt: skip
    told = [[re.findall(r"\*\*[^|]+", block) for block in language] for language in blocks]
    assert told[0] == told[1]
    assert sum(len(block) for block in told[0]) > 50


@pytest.mark.slow
def test_a_small_study_of_all_records_makes_both_pages_and_every_picture(tmp_path):
    said = []
    small = study(Size(homes=5, days=60, draw_homes=2, profile_homes=3, profile_days=40), said.append)
    written = write(small, tmp_path)
    assert len(said) >= 6
    assert len(written) == 12
    assert {path.suffix for path in written} == {".svg", ".md"}
    assert all(path.stat().st_size > 1000 for path in written)
    assert Path(DOCS / PAGES["en"]).read_text("utf-8").split("##")[0] == (tmp_path / PAGES["en"]).read_text("utf-8").split("##")[0]  # fmt: skip
    assert len(small.alone) == 4
    assert sum(len(home.day) for home in small.recorded) > 5000
