"""Slow change: nights and litres, told once, since when, and forgotten when it was an illness."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bins import News, rounds
from detectors.clock import Clock
from detectors.daybook import KEPT, UNKNOWN_H, UNKNOWN_L, Daybook
from detectors.drift import CHANGES, HELD_DAYS, NONE, Drift, DriftSettings
from detectors.partition import Partition, Settings
from detectors.quiet import QuietSettings
from detectors.surge import SurgeSettings
from simulators.doings import doings
from simulators.faults import faults
from simulators.faults.person.decline import decline
from simulators.faults.person.nocturia import nocturia
from simulators.faults.person.second_resident import second_resident
from simulators.meters import register
from tests.detectors.plain_home import DAY, HOUR, MIDNIGHT, NAN
from tests.naive_drift import NaiveDrift

BEGIN = round(MIDNIGHT / DAY)
LEVELS = DriftSettings()
EAGER = DriftSettings(1.6, 1.8, 1.6)
LEVELS_BY_REASON = dict(zip([change.reason for change in CHANGES], EAGER.levels.tolist(), strict=True))
MUTE = Settings(
    quiet=QuietSettings(amber=1e9, red=1e9), surge=SurgeSettings(amber=1e9, red=1e9, hour_l=1e9, three_hours_l=1e9, day_l=1e9)
)  # fmt: skip


def lived(nights, litres, levels=LEVELS):
    """Play whole days of one home, None: not known; return (what happened, the state, the book)."""
    book, drift, row, happened = Daybook.fresh(1), Drift.fresh(1), np.array([0]), []
    for n, (night, volume) in enumerate(zip(nights, litres, strict=True)):
        day, before = np.array([BEGIN + n]), int(drift.told[0])
        h, v = UNKNOWN_H if night is None else night, UNKNOWN_L if volume is None else volume
        book.write(row, day, np.array([h]), np.array([v]))
        drift.step(levels, book, row, day, np.zeros(1))
        if drift.told[0] != before:
            told = int(drift.told[0])
            happened.append((n, "over" if told == NONE else CHANGES[told].reason))
    return happened, drift, book


def plain(days, seed=1, night=1.0, litres=90.0, wave=0.2):
    rng = np.random.default_rng(seed)
    nights = np.minimum(rng.poisson(night, days), 5).tolist()
    return nights, np.rint(litres * rng.lognormal(0, wave, days)).astype(int).tolist()


def told(happened):
    return [(day, what) for day, what in happened if what != "over"]


def joined(*parts):
    return [[x for part in parts for x in part[k]] for k in (0, 1)]


# --- what is told ------------------------------------------------------------------------------------------------------


def test_a_year_of_plain_days_tells_nothing():
    assert [lived(*plain(365, seed))[0] for seed in range(4)] == [[]] * 4


@pytest.mark.parametrize(
    ("night", "litres", "reason", "within"),
    [
        pytest.param(2.6, 90, "drift_night_up", 18, id="up at night"),
        pytest.param(1.0, 165, "drift_litres_up", 10, id="somebody moved in"),
        pytest.param(1.0, 50, "drift_litres_down", 25, id="less is done"),
    ],
)
def test_a_step_is_told_within_weeks_and_since_when(night, litres, reason, within):
    happened, drift, _ = lived(*joined(plain(100), plain(40, 2, night, litres)))
    day, what = told(happened)[0]
    assert what == reason
    assert 100 <= day < 100 + within
    assert abs(drift.began[0] - BEGIN - 100) <= 4
    (claim,) = drift.claims(np.array([0]))
    assert (claim.kind, claim.severity, claim.reason) == ("drift", "blue", reason)
    assert claim.onset == drift.began[0] * DAY
    assert claim.evidence["since_day"] == claim.onset + 43200
    assert claim.evidence["before_l"] == pytest.approx(91, abs=6)
    assert claim.evidence["now_l"] == pytest.approx(litres, rel=0.15)
    assert claim.evidence["before_times"] == pytest.approx(1.0, abs=0.3)
    assert claim.evidence["days"] == day - (drift.began[0] - BEGIN) + 1


def test_what_is_told_is_told_once_and_is_usual_after_six_weeks():
    happened, drift, _ = lived(*joined(plain(100), plain(160, 2, 1.0, 165)))
    (day, what), (over, end) = happened
    assert (what, end) == ("drift_litres_up", "over")
    assert over - day == HELD_DAYS
    assert drift.told[0] == NONE


def test_an_illness_is_over_when_two_weeks_are_like_before_and_teaches_nothing():
    ill = joined(plain(100), plain(14, 2, 1.0, 190), plain(90, 3))
    happened, drift, book = lived(*ill)
    (day, what), (over, end) = happened
    assert (what, end) == ("drift_litres_up", "over")
    assert day < 114
    assert over <= 114 + 14
    assert drift.learnt_from[0] == 0
    values, known = book.last(np.array([0]), np.array([BEGIN + len(ill[0]) - 1]), 90, 8)
    assert not known[0, :, 1].any(), values


def test_the_season_is_followed_without_a_word():
    """Showers that become half as many again within a quarter of a year, as from winter to summer."""
    for seed in range(6):
        nights, litres = plain(300, seed)
        turned = np.clip((np.arange(300) - 150) / 91, 0, 1) * 20
        assert told(lived(nights, (np.array(litres) + turned).astype(int).tolist())[0]) == []


# --- what is not known -------------------------------------------------------------------------------------------------


def test_nothing_is_said_before_four_weeks_are_known():
    nights, litres = joined(plain(22), plain(20, 2, 3.0, 250))
    assert lived(nights, litres)[0] == []
    seldom = [x if n % 3 == 0 else None for n, x in enumerate(joined(plain(60), plain(30, 2, 1.0, 250))[1])]
    assert lived([None] * 90, seldom)[0] == []


@pytest.mark.parametrize("change", ["more", "less"])
def test_days_that_are_not_known_are_no_evidence(change):
    nights, litres = plain(100)
    gone = [None] * 60
    assert lived(nights + gone, litres + gone)[0] == []
    _, sparse, _ = lived(*joined((nights, litres), ([None] * 60, [None] * 60)))
    _, whole, _ = lived(nights, litres)
    np.testing.assert_array_equal(sparse.score, whole.score)
    stepped = [165 if change == "more" else 40] * 20
    broken = [None if n % 2 else x for n, x in enumerate(stepped + stepped)]
    first, later = lived(nights + [1] * 20, litres + stepped)[0], lived(nights + [1] * 40, litres + broken)[0]
    assert first[0][1] == later[0][1]
    assert 2 * (first[0][0] - 100) - 2 <= later[0][0] - 100 <= 2 * (first[0][0] - 100) + 2


def test_after_a_long_hole_everything_begins_anew():
    risen = joined(plain(100), ([1, 1], [165, 165]))
    assert lived(*risen)[1].score[0].max() > 2
    nights, litres = (one + [None] * 90 for one in risen)
    assert lived(nights, litres)[1].score[0].max() == 0


def test_a_person_who_is_never_up_and_begins_to_be_is_told():
    happened, _, _ = lived(*joined(([0] * 100, plain(100)[1]), ([1] * 20, plain(20, 2)[1])))
    assert told(happened)[0][1] == "drift_night_up"


# --- from intervals to days --------------------------------------------------------------------------------------------


def news(start, end, litres, received=None, offset_s=0.0, row=0):
    start, end, litres = (np.asarray(a, float) for a in (start, end, litres))
    n = len(start)
    return News(np.full(n, row), start, end, litres, np.full(n, offset_s), end if received is None else received)


def book_of(part, day, column):
    found = (part._state.daybook.night_h, part._state.daybook.litres)[column][0, (BEGIN + day) % KEPT]
    return None if found in (UNKNOWN_H, UNKNOWN_L) else int(found)


def hourly(days, period_s=HOUR, uses=((1, 3), (3, 6), (8, 30), (18, 40)), offset_s=0.0):
    start = MIDNIGHT - offset_s + np.arange(round(days * DAY / period_s)) * period_s
    litres = np.zeros(len(start))
    for hour, volume in uses:
        litres[np.isclose((start + offset_s) % DAY, hour * HOUR)] = volume
    return start, start + period_s, litres


@pytest.mark.parametrize("period_s", [900.0, HOUR])
@pytest.mark.parametrize("offset_s", [0.0, 8 * HOUR, -5 * HOUR])
def test_a_day_is_the_same_for_meters_that_tell_often_and_seldom_and_in_any_zone(period_s, offset_s):
    part = Partition(MUTE, np.array([period_s]), np.ones(1))
    part.step(news(*hourly(3.1, period_s, offset_s=offset_s), offset_s=offset_s))
    assert [book_of(part, day, 0) for day in range(3)] == [2, 2, 2]
    assert [book_of(part, day, 1) for day in range(3)] == [79, 79, 79]


@pytest.mark.parametrize(
    ("hour", "hours", "night", "litres"),
    [
        pytest.param(2, 1, None, 79, id="an hour of the night"),
        pytest.param(2, 2, None, None, id="more of it"),
        pytest.param(12, 1, 2, 79, id="an hour of the day"),
        pytest.param(12, 2, 2, None, id="two hours of the day"),
        pytest.param(-1, 2, None, 79, id="over midnight"),
    ],
)
@pytest.mark.parametrize("how", ["unknown", "hole", "away"])
def test_a_night_and_a_day_are_known_or_not_each_for_itself(hour, hours, night, litres, how):
    start, end, drawn = hourly(3.1)
    begin = MIDNIGHT + DAY + hour * HOUR
    inside = (start >= begin) & (start < begin + hours * HOUR)
    part = Partition(MUTE, np.array([HOUR]), np.ones(1))
    if how == "away":
        part.away(0, begin, begin + hours * HOUR)
    keep = ~inside if how == "hole" else np.ones(len(start), bool)
    part.step(news(start[keep], end[keep], np.where(inside & (how == "unknown"), NAN, drawn)[keep]))
    assert (book_of(part, 1, 0), book_of(part, 1, 1)) == (night, litres)
    assert (book_of(part, 2, 0), book_of(part, 2, 1)) == (2, 79)


def test_a_day_begun_unseen_an_empty_day_and_days_between_are_not_known():
    start, end, drawn = hourly(9.1)
    keep = (start >= MIDNIGHT + 6 * HOUR) & ~((start >= MIDNIGHT + 4 * DAY) & (start < MIDNIGHT + 7 * DAY))
    drawn[(start >= MIDNIGHT + 2 * DAY) & (start < MIDNIGHT + 3 * DAY)] = 0
    part = Partition(MUTE, np.array([HOUR]), np.ones(1))
    part.step(news(start[keep], end[keep], drawn[keep]))
    assert [book_of(part, day, 1) for day in range(9)] == [None, 79, None, 79, None, None, None, 79, 79]


def test_a_meter_that_tells_once_a_day_has_litres_but_no_nights():
    start = MIDNIGHT + DAY * np.arange(6)
    part = Partition(MUTE, np.array([DAY]), np.ones(1))
    part.step(news(start, start + DAY, np.full(6, 80)))
    assert [book_of(part, day, 0) for day in range(5)] == [None] * 5
    assert [book_of(part, day, 1) for day in range(5)] == [80] * 5


def test_days_with_an_incident_do_not_count():
    start, end, drawn = hourly(6.1)
    part = Partition(Settings(quiet=MUTE.quiet), np.array([HOUR]), np.ones(1))
    found = part.step(news(start, end, drawn + 4 * (start >= MIDNIGHT + 2.5 * DAY)))
    assert {f.kind for f in found.raised} == {"leak"}
    assert (book_of(part, 1, 1), book_of(part, 2, 1), book_of(part, 5, 1)) == (79, 79 + 48, None)
    assert book_of(part, 5, 0) is not None
    fallen = Partition(Settings(), np.array([HOUR]), np.ones(1))
    found = fallen.step(news(start, end, np.where((start - MIDNIGHT) // (10 * HOUR) == 2, 0, drawn)))
    assert "red" not in {f.severity for f in found.raised}
    found = fallen.step(news(start + 6.125 * DAY, end + 6.125 * DAY, np.where(start < MIDNIGHT + 3 * DAY, 0, drawn)))
    assert "red" in {f.severity for f in found.raised}
    assert book_of(fallen, 9, 0) is None


# --- findings ----------------------------------------------------------------------------------------------------------

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 3, 2, tzinfo=ZONE)


def senior(seed, days, change=None, at=70.0):
    """Return the hourly intervals of a simulated person whom something befalls."""
    did = doings(seed, START, days, ZONE, "average", trips=False)
    if change is not None:
        did = change(did, START.timestamp() + at * DAY, np.random.default_rng(seed))
    grid = START.timestamp() + HOUR * np.arange(24 * days + 1)
    return grid[:-1], grid[1:], np.diff(register(did.draws, grid, 1.0))


def homes(*columns, received=None):
    rows = np.concatenate([np.full(len(one[0]), n) for n, one in enumerate(columns)])
    start, end, litres = (np.concatenate(part) for part in zip(*columns, strict=True))
    came = end if received is None else received(end)
    order = np.lexsort((end, came))
    return News(rows, start, end, litres, np.full(len(end), 8 * HOUR), came).take(order)


class Watched:
    """Homes of which only the days are looked at: what a partition does besides its other detectors."""

    def __init__(self, homes, levels):
        self.clock, self.book, self.drift = Clock.fresh(homes), Daybook.fresh(homes), Drift.fresh(homes)
        self.levels, self.log, self.held = levels, [], np.full(homes, NONE)

    def play(self, news):
        """Return (day, row, reason or "over", day since when) of all that is told."""
        news = news.checked(len(self.held))
        for part, _ in rounds(news, np.zeros(len(news), bool)):
            timely, hole = self.clock.timely(part)
            moment = self.clock.step(timely, hole, timely.litres >= 0.05)
            rows, day = self.book.step(moment)
            self.drift.step(self.levels, self.book, rows, day, self.clock.offset_s)
            for row, last in zip(rows.tolist(), day.tolist(), strict=True):
                now = int(self.drift.told[row])
                if now != self.held[row]:
                    reason = "over" if now == NONE else CHANGES[now].reason
                    self.log.append((last, row, reason, int(self.drift.began[row])))
                    self.held[row] = now
        return self.log


CHANGED = (
    lambda d, at, rng: nocturia(d, at, rng, days=10, times=3.0),
    second_resident,
    lambda d, at, rng: decline(d, at, rng, days=40, left=0.5),
)


@pytest.mark.slow
def test_three_people_change_and_each_is_told_as_what_it_is():
    at = round(START.timestamp() / DAY + 1 / 3) + 70
    log = Watched(3, LEVELS).play(homes(*(senior(51 + n, 130, change) for n, change in enumerate(CHANGED))))
    told = {row: (day - at, reason) for day, row, reason, _ in reversed(log) if day >= at and reason != "over"}
    assert [told[row][1] for row in range(3)] == ["drift_night_up", "drift_litres_up", "drift_litres_down"]
    assert all(told[row][0] < most for row, most in enumerate((35, 8, 40)))


@pytest.mark.slow
def test_the_faults_that_are_said_to_be_found_are_found_in_nearly_every_home_within_five_weeks():
    said = [fault for fault in faults().values() if "drift" in fault.finds]
    assert [fault.code for fault in said] == ["P7", "P14"]
    homes_each = 8
    street = [senior(70 + n, 106, fault.strike) for fault in said for n in range(homes_each)]
    log = Watched(len(street), LEVELS).play(homes(*street))
    at = round(START.timestamp() / DAY + 1 / 3) + 70
    told = {row for day, row, reason, _ in log if reason != "over" and at <= day < at + 35}
    assert len([row for row in told if row < homes_each]) >= homes_each - 1
    assert len([row for row in told if row >= homes_each]) >= homes_each - 1


KNOWN_DAYS = 90


def grown_up(rows=2):
    """Return a partition whose homes have lived plain days until `MIDNIGHT`."""
    part = Partition(MUTE, np.full(rows, HOUR), np.ones(rows))
    nights, litres = plain(KNOWN_DAYS)
    for n in range(KNOWN_DAYS):
        day = np.full(rows, BEGIN - KNOWN_DAYS + n)
        part._state.daybook.write(np.arange(rows), day, nights[n], litres[n])
    part._state.daybook.day[:] = BEGIN - 1
    return part


MORE = ((1, 3), (3, 6), (8, 60), (18, 80))
"""Uses of a day with 149 litres."""


def drifts(found):
    raised = [("raised", f.row, f.reason, f.onset, f.raised_at) for f in found.raised if f.kind == "drift"]
    return raised + [("cleared", f.row, f.reason, f.onset, f.cleared_at) for f in found.cleared if f.kind == "drift"]


def test_what_a_finding_says_is_true_and_the_reading_that_ends_the_day_tells_it():
    part = grown_up(1)
    found = part.step(news(*hourly(12, uses=MORE)))
    (finding,) = (f for f in found.raised if f.kind == "drift")
    assert (finding.severity, finding.reason) == ("blue", "drift_litres_up")
    assert finding.onset == MIDNIGHT
    assert finding.raised_at == MIDNIGHT + finding.evidence["days"] * DAY + HOUR
    assert finding.evidence["now_l"] == 149
    assert finding.evidence["before_l"] == pytest.approx(np.mean(plain(KNOWN_DAYS)[1]), abs=4)
    assert (finding.evidence["since_day"] - 43200, finding.evidence["heard_at"]) == (finding.onset, finding.raised_at)
    assert part.open() == [finding]
    part._state.drift.told_on[0] -= HELD_DAYS  # as if it had been told for so long
    start, end, litres = hourly(1.1, uses=MORE)
    (over,) = drifts(part.step(news(start + 12 * DAY, end + 12 * DAY, litres)))
    assert over == ("cleared", 0, "drift_litres_up", finding.onset, MIDNIGHT + 12 * DAY + HOUR)
    assert part.open() == []


def test_an_upload_a_day_tells_it_once_with_the_upload():
    part = grown_up(1)
    start, end, litres = hourly(12, uses=MORE)
    came = np.ceil((end - MIDNIGHT - 7 * HOUR) / DAY) * DAY + MIDNIGHT + 7 * HOUR
    (told,) = drifts(part.step(news(start, end, litres, came)))
    assert told[:3] == ("raised", 0, "drift_litres_up")
    assert told[4] in came


@pytest.mark.slow
def test_steps_of_any_size_and_a_restart_change_nothing():
    start, end, litres = hourly(9, uses=MORE)
    both = homes((start, end, litres), (start, end, np.where(start < MIDNIGHT + 2 * DAY, np.rint(litres / 2), litres)))
    runs = []
    for step_s, cut in ((1000 * DAY, np.inf), (DAY, np.inf), (DAY, MIDNIGHT + 4.5 * DAY)):
        part, happened = grown_up(), []
        chunk = np.floor(both.received / step_s)
        for one in np.unique(chunk):
            if one * step_s > cut:
                part, cut = Partition.restore(MUTE, part.snapshot()), np.inf
            happened += drifts(part.step(both.take(chunk == one)))
        runs.append((sorted(happened), part.snapshot()))
    assert [what for what, *_ in runs[0][0]].count("raised") == 2
    assert runs[0][0] == runs[1][0] == runs[2][0]
    for name, array in runs[1][1].items():
        np.testing.assert_array_equal(runs[2][1][name], array, err_msg=name)


# --- the plain twin ----------------------------------------------------------------------------------------------------


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32 - 1))
@pytest.mark.slow
def test_the_arrays_find_what_the_plain_twin_finds(seed):
    """Homes with holes, unknown stretches, long intervals, absences and changes."""
    rng = np.random.default_rng(seed)
    columns = [random_home(rng) for _ in range(3)]
    left = START.timestamp() + rng.uniform(20, 100, len(columns)) * DAY
    back = left + rng.uniform(0.5, 12, len(columns)) * DAY
    watched = Watched(len(columns), EAGER)
    for row in range(len(columns)):
        watched.clock.away(row, left[row], back[row])
    log = watched.play(homes(*columns))
    for row, column in enumerate(columns):
        one = NaiveDrift(LEVELS_BY_REASON)
        for a, b, litres in zip(*column, strict=True):
            away = a < back[row] and b > left[row]
            one.step(a + 8 * HOUR, b + 8 * HOUR, litres, litres >= 0.05, away)
        assert [(day, what, since) for day, r, what, since in log if r == row] == one.log


def random_home(rng, days=160):
    """Hourly intervals whose days change, with what goes wrong in a record; water never runs for hours."""
    hours = np.arange(24 * days)
    day, hour = hours // 24, (hours + 8) % 24
    level = np.where(day < rng.integers(50, 120), 1.0, rng.choice([0.4, 1.0, 2.5], size=1))
    often = np.where(hour < 5, 0.15 * level, 0.35) * (hours % 2)  # a use in two hours at most: no leak, no run
    litres = np.where(rng.random(len(hours)) < often, np.rint(rng.uniform(3, 25, len(hours)) * level), 0.0)
    litres[rng.random(len(hours)) < 0.001] = NAN
    gone = np.zeros(len(hours), bool)
    for _ in range(4):
        at = rng.integers(0, len(hours) - 200)
        gone[at : at + int(rng.integers(1, 120))] = True
    start = START.timestamp() + HOUR * hours
    end = start + HOUR
    for at in rng.integers(0, len(hours) - 4, 20).tolist():  # a report that was lost: a longer interval
        if not gone[at : at + 3].any():
            end[at], litres[at], gone[at + 1 : at + 3] = end[at + 2], litres[at : at + 3].sum(), True
    return start[~gone], end[~gone], litres[~gone]
