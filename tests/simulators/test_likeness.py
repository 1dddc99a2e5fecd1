"""Homes like recorded ones."""

from datetime import datetime, timedelta
from itertools import islice, product
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import recorded
from simulators.households import home_seeds, lives
from simulators.likeness import Likeness, fit
from simulators.meters import Register, read
from simulators.resemblance import compare
from simulators.spells import LikenessError, counts, seen, shares, step_of
from simulators.walks import homes as takes_after

MADRID, SHANGHAI, UTC = ZoneInfo("Europe/Madrid"), ZoneInfo("Asia/Shanghai"), ZoneInfo("UTC")
START = datetime(2025, 3, 3, tzinfo=SHANGHAI)
HOUR = 3600.0


def registers(count=6, days=90, step_s=HOUR, first_seed=1, **more):
    drawn = lives(home_seeds(first_seed, range(count)), START, days, SHANGHAI, **more)
    grid = START.timestamp() + np.arange(0, days * 86_400 + 1, step_s)
    return [read(f"secret-{n}", drawn.of(n), grid, 1.0, 0.5) for n in range(count)]


@pytest.fixture(scope="module")
def recordings():
    return registers()


@pytest.fixture(scope="module")
def likeness(recordings):
    return fit(recordings, SHANGHAI, ["pulses.csv"])


def hourly(litres, start=START):
    at = start.timestamp() + np.arange(len(litres) + 1) * HOUR
    return Register("h", at, np.append(0.0, np.cumsum(litres)))


def punched(register, share, longest, seed=0):
    """Lose stretches of readings."""
    rng = np.random.default_rng(seed)
    keep = np.ones(len(register.at_s), bool)
    for at in rng.integers(0, len(keep), round(share * len(keep) * 2 / longest)):
        keep[at : at + rng.integers(1, longest)] = False
    return Register(register.household, register.at_s[keep], register.litres[keep])


def first_days(likeness, seeds, days, start=START, zone=SHANGHAI):
    return list(islice(likeness.days(seeds, start, zone), days))


def same(some, more):
    return all(np.array_equal(a, b) for a, b in zip(some, more, strict=True))


# what a record says of quiets


def test_a_quiet_begins_when_water_stops_and_belongs_to_that_local_hour():
    one = seen(hourly([5, 0, 0, 0, 2, 3, 0, 1]), HOUR, SHANGHAI)
    assert one.quiet.hour.tolist() == [1, 6]
    assert one.quiet.steps.tolist() == [3, 1]
    assert one.quiet.complete.tolist() == [True, True]
    assert one.quiet.second.tolist() == [4 * HOUR, 7 * HOUR]
    assert one.busy.hour.tolist() == [4, 7]  # the first began before anybody looked
    assert one.busy.steps.tolist() == [2, 1]
    assert one.busy.complete.tolist() == [True, False]
    assert one.litres.tolist() == [5, 2, 3, 1]
    assert one.hour.tolist() == [0, 4, 5, 7]
    assert one.quiet.weekend.tolist() == [0, 0]


def test_the_local_hour_follows_the_clock_of_the_home():
    start = datetime(2025, 3, 29, 20, tzinfo=MADRID)  # the clock goes forward in that night
    one = seen(hourly([1] * 3 + [0] * 5 + [1] + [0] * 3 + [1], start), HOUR, MADRID)
    assert one.quiet.hour.tolist() == [23, 6]
    assert one.quiet.weekend.tolist() == [1, 1]


@pytest.mark.parametrize("litres_in_gap", [0, 4])
def test_a_gap_is_a_gap_even_if_nothing_was_drawn(litres_in_gap):
    litres = np.array([3, 0, 0, litres_in_gap, 0, 0, 2, 0, 1])
    whole = hourly(litres)
    keep = np.array([n not in {3, 4} for n in range(10)])  # three hours between two readings
    one = seen(Register("h", whole.at_s[keep], whole.litres[keep]), HOUR, SHANGHAI)
    assert one.quiet.steps.tolist() == [1, 1]
    assert one.quiet.complete.tolist() == [False, True]  # what began in or after the gap is left out
    assert one.days * 24 == pytest.approx(6)


def test_readings_that_come_more_often_are_thinned_and_a_register_that_falls_is_not_known():
    whole = hourly([0, 6, 0, 0, 1, 2])
    fine = np.arange(whole.at_s[0], whole.at_s[-1] + 1, 60)
    often = Register("h", fine, whole.litres[np.searchsorted(whole.at_s, fine, side="right") - 1])
    one = seen(often, HOUR, SHANGHAI)
    assert one.quiet.steps.tolist() == [2]
    fallen = Register("h", whole.at_s, np.array([5.0, 5, 9, 9, 4, 5, 7]))
    assert seen(fallen, HOUR, SHANGHAI).quiet.complete.tolist() == [False]


@pytest.mark.parametrize(("every_s", "step_s"), [(3598, 3600), (901, 900), (60, 60), (4, 60), (7000, 7200)])
def test_the_step_is_the_usual_interval(every_s, step_s):
    assert step_of([Register("h", np.arange(50.0) * every_s, np.zeros(50))]) == step_s


def test_shares_are_those_of_kaplan_and_meier():
    ended, lost = np.zeros((1, 6)), np.zeros((1, 6))
    ended[0, [1, 3]], lost[0, [2, 4]] = [2, 1], [1, 1]
    found = shares(ended, lost)[0]
    # 2 of 5 end after 1; one is lost after 2; 1 of the 2 that were seen longer ends after 3; the last is lost after 4
    assert found.tolist() == pytest.approx([0, 0.4, 0, 0.3, 0.3, 0])
    assert shares(np.zeros((1, 4)), np.zeros((1, 4))).tolist() == [[0, 0, 0, 0]]


def test_gaps_do_not_make_quiets_shorter(recordings):
    def mean(some, censored):
        ended, lost = (
            sum(parts) for parts in zip(*(counts(seen(r, HOUR, SHANGHAI).quiet, 36) for r in some), strict=True)
        )
        share = shares(ended.sum(axis=0), lost.sum(axis=0) * censored)
        return (share * np.arange(38)).sum(axis=1) @ (ended + lost).sum(axis=(0, 2)) / (ended + lost).sum()

    gappy = [punched(one, 0.1, 12, seed) for seed, one in enumerate(recordings)]
    truth = mean(recordings, True)
    error = abs(mean(gappy, True) - truth)
    assert error < 0.02 * truth
    assert truth - mean(gappy, False) > 2 * error  # what leaving them out would do


# what is wrong with a record


@pytest.mark.parametrize(
    ("homes", "said"),
    [
        pytest.param([hourly([])], "at least one home with two readings", id="one reading"),
        pytest.param([], "at least one home with two readings", id="no home"),
        pytest.param([hourly([1, 0] * 12 * 5)], "want 14 observed days of at least one home, got 5.0", id="days"),
        pytest.param([hourly([0] * 24 * 20)], "nothing but zeros", id="zeros"),
        pytest.param([hourly([2] * 24 * 2)], r"nothing but draws.*coverage", id="no zeros"),
        pytest.param(
            [Register("h", np.arange(60) * 86_400.0, np.arange(60.0))],
            "every two hours, got one every 24 h",
            id="daily",
        ),
    ],
)
def test_a_record_that_says_too_little_is_refused_with_what_is_missing(homes, said):
    with pytest.raises(LikenessError, match=said):
        fit(homes, SHANGHAI)


# homes like them


@pytest.mark.slow
@pytest.mark.parametrize("step_s", [HOUR, 900.0])
def test_quiets_are_as_long_as_the_recorded_ones(step_s):
    homes = registers(6, 90, step_s)
    found = compare(homes, fit(homes, SHANGHAI), SHANGHAI, homes=200)
    assert found.enough.sum() > 18
    assert found.off.sum() <= 6  # whole intervals: a median between one and two is either
    assert found.beyond.sum() <= 2
    assert found.apart[found.enough].max() < 0.06
    assert found.litres[1] == pytest.approx(found.litres[0], rel=0.08)
    assert found.in_use[1] == pytest.approx(found.in_use[0], rel=0.06)


@pytest.mark.slow
def test_quiets_are_those_of_the_packaged_home():
    homes = [recorded.weusedto()]
    rome = ZoneInfo("Europe/Rome")
    found = compare(homes, fit(homes, rome), rome, homes=150)
    assert found.enough.sum() > 10
    assert found.beyond.sum() <= 2
    assert found.apart[found.enough].max() < 0.06
    assert found.litres[1] == pytest.approx(found.litres[0], rel=0.1)


def test_gaps_in_the_record_do_not_make_the_simulated_homes_busier(recordings, likeness):
    gappy = fit([punched(one, 0.05, 12, seed) for seed, one in enumerate(recordings)], SHANGHAI)
    whole, patched = (compare(recordings, one, SHANGHAI, homes=60, days=30).in_use[1] for one in (likeness, gappy))
    assert patched == pytest.approx(whole, rel=0.04)


def test_the_phase_of_a_meter_does_not_change_how_long_quiets_are(likeness):
    seeds, at = home_seeds(1, range(20)), START.timestamp()
    parts = first_days(likeness, seeds, 30)
    drawn = type(parts[0])(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def lengths(phase_s):
        grid = at + phase_s + np.arange(0, 29 * 86_400, HOUR)
        homes = [seen(read("h", drawn.of(n), grid, 1.0, 0.5), HOUR, SHANGHAI).quiet for n in range(20)]
        return np.concatenate([one.steps for one in homes]), np.concatenate([one.hour for one in homes])

    steps, hours = lengths(0)
    for phase_s in (700, 1900, 3000):
        late_steps, late_hours = lengths(phase_s)
        assert len(late_steps) == pytest.approx(len(steps), rel=0.01)
        assert late_steps.mean() == pytest.approx(steps.mean(), rel=0.01)
        assert np.bincount(late_hours, minlength=24) == pytest.approx(np.bincount(hours, minlength=24), abs=10)


def test_the_same_seeds_and_start_give_the_same_bytes_and_a_home_does_not_depend_on_others(likeness):
    seeds = home_seeds(9, range(30))
    once, again = first_days(likeness, seeds, 5), first_days(likeness, seeds, 5)
    assert all(same(a, b) for a, b in zip(once, again, strict=True))
    for day, alone in zip(once, first_days(likeness, seeds[7:8], 5), strict=True):
        assert same([*alone.of(0).__getstate__()], [*day.of(7).__getstate__()])
    other = first_days(likeness, home_seeds(10, range(30)), 5)
    assert not same(once[0], other[0])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 3 * 86_400), st.integers(0, 1000))
def test_each_part_holds_what_begins_in_its_24_hours_and_nothing_is_lost_between(likeness, late_s, seed):
    start = START + timedelta(seconds=late_s)
    seeds = home_seeds(seed, range(8))
    days = first_days(likeness, seeds, 4, start)
    for n, day in enumerate(days):
        begin = start.timestamp() + n * 86_400
        assert ((day.start_s >= begin) & (day.start_s < begin + 86_400)).all()
        assert (day.litres > 0).all()
        assert (day.duration_s >= 1).all()
    hours = [np.unique(day.start_s // HOUR * 100 + day.home).size for day in days]
    assert hours == [len(day.home) for day in days]  # one draw an interval


def test_lives_that_began_at_different_times_become_the_same_life(likeness):
    seeds, late = home_seeds(3, range(50)), START + timedelta(days=20)
    one = first_days(likeness, seeds, 30)[29]
    other = first_days(likeness, seeds, 10, late)[9]
    common = set(zip(one.home.tolist(), one.start_s.tolist(), strict=True)) & set(
        zip(other.home.tolist(), other.start_s.tolist(), strict=True)
    )
    assert len(common) > 0.95 * len(one.home)


def test_homes_take_after_all_recorded_ones_evenly(likeness):
    for seed, count in product(range(20), (6, 12, 60, 600)):
        taken = np.bincount(takes_after(likeness.kinds, home_seeds(seed, range(count))).first, minlength=6)
        assert np.count_nonzero(taken) >= (4 if count == 6 else 6)
        assert np.abs(taken - count / 6).max() <= (1 if count < 60 else 2)  # tossed for, it would be 15 of 600


def test_homes_differ_from_those_that_they_take_after(likeness):
    one_kind = fit(registers(1), SHANGHAI)
    days = first_days(one_kind, home_seeds(5, range(40)), 20)
    litres = np.bincount(np.concatenate([d.home for d in days]), np.concatenate([d.litres for d in days]))
    assert 0.05 < litres.std() / litres.mean() < 0.5
    assert len({tuple(day.of(n).start_s.tolist()) for day in days[:1] for n in range(40)}) == 40


@pytest.mark.slow
def test_absences_come_as_often_as_recorded_and_can_be_switched_off():
    homes = registers(12, 120)
    for n, one in enumerate(homes[:4]):  # four of the homes are left for six days
        away = (one.at_s > one.at_s[240 * (n + 1)]) & (one.at_s <= one.at_s[240 * (n + 1) + 144])
        litres = np.diff(one.litres, prepend=0) * ~away
        homes[n] = Register(one.household, one.at_s, np.cumsum(litres))
    like = fit(homes, SHANGHAI)

    def long(some):
        quiets = [seen(one, HOUR, SHANGHAI).quiet.steps for one in some]
        return sum(int((steps > 36).sum()) for steps in quiets), max(int(steps.max()) for steps in quiets)

    def lived(like):
        days = first_days(like, home_seeds(6, range(60)), 60)
        drawn = type(days[0])(*(np.concatenate(column) for column in zip(*days, strict=True)))
        grid = START.timestamp() + np.arange(0, 60 * 86_400 + 1, HOUR)
        return [read("h", drawn.of(n), grid, 1.0, 0.5) for n in range(60)]

    before, _ = long(homes)
    after, longest = long(lived(like))
    assert before * 60 * 60 / (12 * 120) == pytest.approx(after, rel=0.5)
    assert longest > 100
    assert long(lived(like.without_absences())) == (0, pytest.approx(30, abs=7))


def test_a_home_that_leaks_goes_on_leaking():
    litres = np.ones(24 * 30)
    litres[::100] = 0  # four days without a stop
    leaks = fit([hourly(litres)], SHANGHAI)
    drawn = first_days(leaks, home_seeds(1, range(5)), 20)
    assert sum(len(day.home) for day in drawn) > 0.95 * 5 * 20 * 24


def test_litres_are_whole_steps_of_the_recorded_register(likeness):
    assert likeness.kinds.unit_l == 1.0
    litres = np.concatenate([day.litres for day in first_days(likeness, home_seeds(1, range(20)), 3)])
    assert np.array_equal(litres, np.round(litres))
    tens = fit([Register(one.household, one.at_s, np.floor(one.litres / 10) * 10) for one in registers(2)], SHANGHAI)
    assert tens.kinds.unit_l == 10.0


def test_a_start_without_a_zone_is_refused(likeness):
    with pytest.raises(ValueError, match="want an aware start"):
        next(likeness.days(home_seeds(1, range(1)), datetime(2025, 3, 3), SHANGHAI))  # noqa: DTZ001


# what is kept


def test_a_saved_likeness_gives_the_same_homes_and_names_nobody(likeness, tmp_path):
    file = tmp_path / "like.json"
    likeness.save(file)
    text = file.read_text("utf-8")
    assert "secret" not in text
    assert "pulses.csv" in text
    again = Likeness.load(file)
    assert (again.sources, again.home_days, again.zone) == (("pulses.csv",), likeness.home_days, "Asia/Shanghai")
    seeds = home_seeds(2, range(10))
    assert all(same(a, b) for a, b in zip(first_days(likeness, seeds, 3), first_days(again, seeds, 3), strict=True))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("household_id,ts\n", "want a saved likeness", id="a table"),
        pytest.param('{"version": 1}', "want a saved likeness", id="another document"),
        pytest.param('{"likeness": 99}', "version 1, got 99: fit it again", id="a later version"),
        pytest.param('{"likeness": 1, "weight": [1]}', "want a saved likeness", id="half of one"),
        pytest.param("[]", "want a saved likeness", id="a list"),
    ],
)
def test_a_file_that_is_no_likeness_is_refused_by_name(text, said, tmp_path):
    file = tmp_path / "like.json"
    file.write_text(text)
    with pytest.raises(LikenessError, match=rf"like\.json: .*{said}"):
        Likeness.load(file)
    with pytest.raises(LikenessError, match=r"none\.json"):
        Likeness.load(tmp_path / "none.json")
