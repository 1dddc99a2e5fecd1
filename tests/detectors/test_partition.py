"""What every detector promises: it equals its plain twin, and neither rows, restarts nor gaps change what is found."""

import copy
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bins import News
from detectors.cohort import shipped
from detectors.errors import NewsError, RuleError, SnapshotError
from detectors.findings import Finding
from detectors.partition import Partition, Settings
from detectors.quiet import QuietSettings
from detectors.rules import parse
from tests.detectors.homes import case, partition, played, senior, told
from tests.naive import Line, NaiveHome

RULES = ("12h-10l", "24h-10l", "no-draw-5h", "60l-1h", "continuous-3h")
EAGER = Settings(quiet=QuietSettings("survival", amber=1.2, red=1.9), rules=RULES)
EVERYTHING = Settings(
    quiet=EAGER.quiet, rules=(*RULES, "8h-zero", "day-2000l", "half-hours", "windows-05-09-17-21", "2h-continuous")
)
seeds = st.integers(0, 2**32 - 1)


def twin(home, row):
    table = shipped()
    kind = int(table.kind(home.period_s[row : row + 1], np.ones(1))[0])
    line = Line(*(list(getattr(table, name)[kind]) for name in ("rate", "tail_from", "scale", "excess")))
    return NaiveHome(line, EAGER.quiet.amber, EAGER.quiet.red, rules=tuple(parse(name) for name in RULES))


def play_twin(one, news, row):
    mine = np.flatnonzero(news.row == row)
    ends = np.maximum.accumulate(news.end[mine])
    timely = np.append(True, news.end[mine][1:] > ends[:-1])
    newest = {news.received[i]: n for n, i in enumerate(mine) if timely[n]}  # of each upload
    for n, i in enumerate(mine):
        one.step(
            news.start[i], news.end[i], news.litres[i], news.offset_s[i], news.received[i],
            judged=newest.get(news.received[i]) == n, moved=bool(news.moved[i]),
        )  # fmt: skip
    return one


@settings(max_examples=4, deadline=None)
@given(seeds)
@pytest.mark.slow
def test_the_arrays_find_what_the_plain_twin_finds(seed):
    home = case(seed, rows=6)
    rng = np.random.default_rng(seed)
    begin = home.news.end.min() + rng.integers(3, 9) * 86_400.0
    part, absence = partition(home, EAGER), (begin, begin + rng.integers(1, 80) * 3600.0)
    twins = [twin(home, row) for row in range(home.rows)]
    for row in (1, 4):
        part.away(row, *absence)
        twins[row].away(*absence)
    happened = played(part, home.news)
    for row, one in enumerate(twins):
        play_twin(one, home.news, row)
        ours = sorted(
            (what, kind, severity, round(onset, 3), at) for what, r, kind, severity, onset, at in happened if r == row
        )
        theirs = sorted((what, kind, severity, round(onset, 3), at) for what, kind, severity, onset, at in one.log)
        assert ours == theirs
        assert part.history_days()[row] == pytest.approx(one.days)
        assert part.last_use()[row] == one.since


@settings(max_examples=3, deadline=None)
@given(seeds, st.integers(1, 90))
@pytest.mark.slow
def test_a_restart_at_any_moment_changes_nothing(seed, cut_at):
    home = case(seed)
    cut = np.floor(home.news.received / 21_600.0)
    chunks = np.unique(cut)
    before = cut <= chunks[min(cut_at, len(chunks) - 1)]
    whole = partition(home, EVERYTHING)
    expected = played(whole, home.news)
    first = partition(home, EVERYTHING)
    happened = played(first, home.news.take(before))
    second = Partition.restore(EVERYTHING, first.snapshot())
    assert second.open() == first.open()
    happened += played(second, home.news.take(~before))
    assert happened == expected
    for name, array in whole.snapshot().items():
        np.testing.assert_array_equal(second.snapshot()[name], array, err_msg=name)


@settings(max_examples=3, deadline=None)
@given(seeds)
@pytest.mark.slow
def test_rows_do_not_know_each_other_and_the_size_of_a_step_does_not_matter(seed):
    home = case(seed)
    together = sorted(played(partition(home, EVERYTHING), home.news))
    alone = []
    for row in range(home.rows):
        mine = home.news.take(home.news.row == row)
        news = News(
            np.zeros(len(mine), np.intp), mine.start, mine.end, mine.litres, mine.offset_s, mine.received, mine.moved
        )
        found = played(partition(home, EVERYTHING, np.array([row])), news, step_s=1e9)
        alone += [(what, row, *rest) for what, _, *rest in found]
    assert sorted(alone) == together


def test_inputs_stay_as_they_were():
    home = case(5)
    before = copy.deepcopy(home.news)
    part = partition(home, EVERYTHING)
    part.step(home.news)
    kept = part.snapshot()
    saved = {name: array.copy() for name, array in kept.items()}
    part.tick(home.news.received.max() + 1e6, 0.0)
    part.step(News(*(np.array([x]) for x in (0, home.news.end.max(), home.news.end.max() + 900, 3.0, 0.0, 4e9))))
    for name in News.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(home.news, name), getattr(before, name))
    for name, array in saved.items():
        np.testing.assert_array_equal(kept[name], array)


def hours(litres, first=0.0, row=0, offset_s=0.0):
    """Return news of one row: an hour an entry."""
    n = len(litres)
    start = first + 3600.0 * np.arange(n)
    return News(np.full(n, row), start, start + 3600, np.array(litres, float), np.full(n, offset_s), start + 3605)


@cache
def learnt(settings, days):
    """Return what the detectors know of one home that uses water in every waking hour."""
    day = [0.0] * 6 + [5.0] * 16 + [0.0] * 2
    part = Partition(settings, np.array([3600.0]), np.ones(1))
    part.step(hours((day * days)[:-2]))
    return part.snapshot()


def lived(settings=EAGER, days=20):
    """Return a partition of such a home, and the moment after its last use (22:00)."""
    known = {name: array.copy() for name, array in learnt(settings, days).items()}
    return Partition.restore(settings, known), days * 86_400.0 - 7200.0


def quiet(changes):
    return [(f.severity, f.onset) for f in changes.raised if f.kind == "quiet"]


def test_a_quiet_is_raised_by_the_reading_that_shows_its_deadline_passed():
    part, at = lived()
    amber, red = float(part.deadline("amber")[0]), float(part.deadline("red")[0])
    assert at + 3 * 3600 < amber < red < at + 24 * 3600
    for hour in range(24):
        found = quiet(part.step(hours([0.0], at + hour * 3600)))
        end = at + (hour + 1) * 3600
        assert [s for s, _ in found] == [s for s, due in (("amber", amber), ("red", red)) if end - 3600 < due <= end]
        assert all(onset == at for _, onset in found)


def test_time_alone_raises_no_quiet():
    part, at = lived()
    assert quiet(part.tick(at + 40 * 3600, 0.0)) == []


def test_a_night_is_no_quiet_for_somebody_who_sleeps():
    part, at = lived(Settings())
    assert quiet(part.step(hours([0.0] * 8, at))) == []


@pytest.mark.parametrize("broken", [
    pytest.param([np.nan], id="one unknown hour"),
    pytest.param([np.nan, 0.0, np.nan], id="two unknown hours"),
])  # fmt: skip
def test_an_unknown_hour_restarts_the_clock(broken):
    part, at = lived()
    due = float(part.deadline("red")[0])
    known = int((due - at) // 3600)
    assert "red" not in dict(quiet(part.step(hours([0.0] * known, at))))
    part.step(hours(broken, at + known * 3600))
    assert float(part.last_use()[0]) == at + (known + len(broken)) * 3600
    assert "red" not in dict(quiet(part.step(hours([0.0] * 2, at + (known + len(broken)) * 3600))))


def test_missing_readings_never_raise_and_never_clear():
    part, at = lived()
    raised = part.step(hours([0.0] * 20, at))
    assert {severity for severity, _ in quiet(raised)} == {"amber", "red"}
    unknown = part.step(hours([np.nan] * 5, at + 20 * 3600))
    assert unknown.cleared == []
    assert unknown.raised == []
    used = part.step(hours([2.0], at + 25 * 3600))
    assert {f.severity for f in used.cleared if f.kind == "quiet"} == {"amber", "red"}
    assert all(f.cleared_at == at + 26 * 3600 + 5 for f in used.cleared)


def test_a_hole_in_which_the_meter_moved_ends_a_quiet():
    part, at = lived()
    part.step(hours([0.0] * 20, at))
    n = hours([np.nan], at + 20 * 3600)
    moved = News(n.row, n.start, n.end, n.litres, n.offset_s, n.received, np.array([True]))
    assert {f.severity for f in part.step(moved).cleared if f.kind == "quiet"} == {"amber", "red"}


def test_a_quiet_that_ended_within_one_upload_wakes_nobody():
    part, at = lived()
    n = hours([0.0] * 20 + [3.0], at)
    upload = News(n.row, n.start, n.end, n.litres, n.offset_s, np.full(21, at + 21 * 3600))
    assert quiet(part.step(upload)) == []
    part, at = lived()
    n = hours([3.0] + [0.0] * 20, at)
    upload = News(n.row, n.start, n.end, n.litres, n.offset_s, np.full(21, at + 22 * 3600))
    found = [f for f in part.step(upload).raised if f.kind == "quiet"]
    assert {(f.severity, f.onset, f.raised_at) for f in found} == {
        ("amber", at + 3600, at + 22 * 3600), ("red", at + 3600, at + 22 * 3600)
    }  # fmt: skip


def test_within_a_declared_absence_nothing_is_raised_and_the_clock_starts_at_its_end():
    part, at = lived()
    part.away(0, at + 3600, at + 90 * 3600)
    assert quiet(part.step(hours([0.0] * 90, at))) == []
    assert np.isnan(part.deadline("amber")[0]) or part.deadline("amber")[0] > at + 90 * 3600
    found = part.step(hours([0.0] * 20, at + 90 * 3600))
    assert set(quiet(found)) == {("amber", at + 90 * 3600), ("red", at + 90 * 3600)}
    assert {f.reason for f in found.raised if f.kind == "quiet"} == {"quiet_after_absence"}


def test_declaring_an_absence_later_ends_the_quiet_and_withdrawing_it_brings_it_back():
    part, at = lived()
    part.step(hours([0.0] * 20, at))
    now = at + 20 * 3600 + 60
    part.away(0, at + 3600, at + 90 * 3600)
    part.away(0, at + 3600, at + 90 * 3600)
    assert {f.kind for f in part.tick(now, now).cleared} == {"quiet"}
    assert quiet(part.step(hours([0.0], at + 20 * 3600))) == []
    part.away(0, at + 3600, at)
    assert {s for s, _ in quiet(part.step(hours([0.0], at + 21 * 3600)))} == {"amber", "red"}


def test_trips_absences_and_empty_days_are_not_learnt():
    part, at = lived(days=10)
    before = part.snapshot()
    part.step(hours([0.0] * 24 * 4, at))  # four days without a drop, nobody declared them
    part.step(hours([5.0] * 3, at + 96 * 3600))
    after = part.snapshot()
    for name in ("habit.hits", "habit.known", "habit.days", "quiet.done", "quiet.count"):
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)


def test_a_silent_meter_is_told_once_and_clears_when_it_is_heard():
    part, at = lived()
    heard = at + 5
    assert part.tick(heard + 3 * 3600 - 1, 0.0).raised == []
    told_once = part.tick(heard + 3 * 3600, 0.0).raised
    assert [(f.kind, f.severity, f.onset) for f in told_once] == [("meter_silent", "blue", heard)]
    assert part.tick(heard + 9 * 3600, 0.0).raised == []
    cleared = [f for f in part.step(hours([0.0], at)).cleared if f.kind == "meter_silent"]
    assert [f.cleared_at for f in cleared] == [at + 3605]


@pytest.mark.parametrize(("period_s", "limit_h"), [(900.0, 2), (3600.0, 3), (8 * 3600.0, 24), (86_400.0, 26)])
def test_how_long_a_meter_may_be_silent_follows_its_report_plan(period_s, limit_h):
    part = Partition(Settings(), np.array([period_s]), np.ones(1))
    n = hours([1.0])
    part.step(News(n.row, n.start, n.end, n.litres, n.offset_s, np.array([3600.0])))
    assert part.tick(3600 + limit_h * 3600 - 1, 0.0).raised == []
    assert len(part.tick(3600 + limit_h * 3600, 0.0).raised) == 1


def test_time_in_which_we_did_not_listen_is_not_held_against_a_meter():
    part, at = lived()
    assert part.tick(at + 50 * 3600, at + 49 * 3600).raised == []
    assert len(part.tick(at + 53 * 3600, at + 49 * 3600).raised) == 1


def test_a_meter_that_never_spoke_is_told_too():
    part = Partition(Settings(), np.array([3600.0]), np.ones(1))
    assert [f.reason for f in part.tick(1e9 + 3 * 3600, 1e9).raised] == ["meter_never_heard"]


def test_the_evidence_says_how_long_what_is_usual_and_how_fresh():
    part, at = lived()
    found = next(f for f in part.step(hours([0.0] * 20, at)).raised if f.severity == "red" and f.kind == "quiet")
    e = found.evidence
    assert e["last_use_at"] == at
    assert at + e["quiet_s"] == e["known_until_at"] == found.raised_at - 5
    assert e["heard_at"] == found.raised_at
    assert e["usual_return_at"] == at + e["usual_s"]
    assert 8 * 3600 < e["usual_s"] < 13 * 3600  # rises at six: usually within the first hours of the day
    assert e["history_days"] in {18, 19}
    assert found.reason == "quiet"


def test_a_new_home_needs_a_more_unusual_quiet():
    old, at = lived(Settings(), days=20)
    new = Partition(Settings(), np.array([3600.0]), np.ones(1))
    fresh = lived(Settings(), days=2)
    assert fresh[0].deadline("red")[0] - fresh[1] > old.deadline("red")[0] - at
    assert np.isnan(new.deadline("red")[0])


def test_the_usual_first_use_of_a_day_is_learnt_after_four_in_the_morning():
    part, _ = lived()
    first = part.usual_first_use()[0]
    assert first.tolist() == pytest.approx([6.5 * 3600, 6.5 * 3600])
    assert np.isnan(Partition(Settings(), np.array([900.0]), np.ones(1)).usual_first_use()).all()


def test_rows_can_be_added_while_others_are_in_the_middle_of_a_quiet():
    part, at = lived()
    part.step(hours([0.0] * 20, at))
    before = part.open()
    part.away(0, at - 86_400 * 9, at - 86_400 * 8)
    part.grow(np.array([900.0, 3600.0]), np.ones(2))
    assert part.open() == before
    assert len(part) == 3
    assert np.isnan(part.known_until()[1:]).all()
    part.step(hours([3.0], at, row=2))
    assert part.last_use()[2] == at + 3600


@pytest.mark.slow
def test_a_senior_who_falls_is_found_within_the_day_for_every_meter():
    start = datetime(2025, 4, 1, tzinfo=UTC)
    period_s, resolution_l = np.array([900.0, 3600.0, 3600.0]), np.array([1.0, 1.0, 10.0])
    told_by = [senior(77, start, 32, UTC, *meter) for meter in zip(period_s, resolution_l, strict=True)]
    row = np.repeat(np.arange(3), [len(end) for _, end, _ in told_by])
    begin, end, litres = (np.concatenate(columns) for columns in zip(*told_by, strict=True))
    litres[begin >= start.timestamp() + 30 * 86_400 + 10 * 3600] = 0.0
    part = Partition(Settings(), period_s, resolution_l)
    changes = part.step(News(row, begin, end, litres, np.zeros(len(end)), end))
    red = [f for f in changes.raised if f.kind == "quiet" and f.severity == "red" and f.cleared_at is None]
    last = [f for f in red if f in part.open()]
    assert sorted(f.row for f in last) == [0, 1, 2]
    assert all(f.raised_at - f.onset < 26 * 3600 for f in last)


def test_snapshots_of_another_version_are_refused():
    part, _ = lived()
    arrays = part.snapshot()
    with pytest.raises(SnapshotError, match="version"):
        Partition.restore(EAGER, arrays | {"version": np.array([99])})
    with pytest.raises(SnapshotError, match="lacks"):
        Partition.restore(EAGER, {name: a for name, a in arrays.items() if name != "habit.hits"})


def test_a_snapshot_goes_through_a_file_without_pickle(tmp_path):
    part, at = lived()
    part.step(hours([0.0] * 20, at))
    np.savez(tmp_path / "s.npz", **part.snapshot())
    with np.load(tmp_path / "s.npz", allow_pickle=False) as saved:
        again = Partition.restore(EAGER, dict(saved))
    assert again.open() == part.open()
    assert told(again.step(hours([1.0], at + 20 * 3600))) == told(part.step(hours([1.0], at + 20 * 3600)))


def test_rules_may_change_between_a_snapshot_and_its_return():
    part, at = lived(Settings(rules=("12h-10l",)))
    part.step(hours([0.0] * 20, at))
    other = Partition.restore(Settings(rules=("no-draw-12h",)), part.snapshot())
    assert {f.kind for f in other.open()} <= {"quiet", "rule:no-draw-12h"}
    raised = other.step(hours([0.0], at + 20 * 3600)).raised
    assert "rule:no-draw-12h" in {f.kind for f in raised}


@pytest.mark.parametrize("wrong", [
    pytest.param({"row": np.array([3])}, id="a row that does not exist"),
    pytest.param({"end": np.array([-1.0])}, id="backwards"),
    pytest.param({"litres": np.array([-1.0])}, id="negative litres"),
    pytest.param({"litres": np.array([np.inf])}, id="infinite litres"),
    pytest.param({"received": np.array([np.nan])}, id="no arrival"),
    pytest.param({"litres": np.array([1.0, 2.0])}, id="lengths differ"),
])  # fmt: skip
def test_broken_news_is_refused(wrong):
    part = Partition(Settings(), np.array([3600.0]), np.ones(1))
    fields = {
        "row": np.array([0]),
        "start": np.zeros(1),
        "end": np.ones(1),
        "litres": np.zeros(1),
        "offset_s": np.zeros(1),
        "received": np.ones(1),
    }
    with pytest.raises(NewsError):
        part.step(News(**(fields | wrong)))


def test_an_unknown_rule_is_refused_at_the_start():
    with pytest.raises(RuleError, match="12h-10l"):
        Partition(Settings(rules=("gut feeling",)), np.empty(0), np.empty(0))


def test_absences_taken_anew_withdraw_those_that_are_gone_and_reach_rows_that_came_later():
    part, at = lived()
    part.set_absences([(0, at + 3600, at + 90 * 3600), (0, at + 3600, at + 40 * 3600)])
    assert quiet(part.step(hours([0.0] * 20, at))) == []
    part.grow(np.array([3600.0]), np.array([1.0]))
    part.set_absences([(1, at, at + 3600)])
    assert {s for s, _ in quiet(part.step(hours([0.0], at + 20 * 3600)))} == {"amber", "red"}


def test_a_meter_that_reports_less_often_is_given_its_time():
    part, _at = lived()
    heard = part.heard()[0]
    part.set_meters(np.array([86_400.0]), np.array([10.0]))
    assert part.tick(heard + 25 * 3600, 0.0).raised == []
    assert len(part.tick(heard + 27 * 3600, 0.0).raised) == 1
    same = part.snapshot()
    part.set_meters(np.array([86_400.0]), np.array([10.0]))
    assert np.array_equal(part.snapshot()["quiet.done"], same["quiet.done"])


def test_rows_that_are_not_watched_any_more_hold_nothing_and_may_begin_again():
    part, at = lived()
    part.step(hours([0.0] * 20, at))
    assert "quiet" in {f.kind for f in part.drop({0})}
    assert part.open() == []
    assert {s for s, _ in quiet(part.step(hours([0.0], at + 20 * 3600)))} == {"amber", "red"}


def test_a_finding_that_others_hold_open_ends_like_one_of_our_own():
    part, at = lived()
    silent = Finding(0, "meter_silent", "blue", at, at + 9 * 3600, "meter_silent", {})
    assert part.adopt(silent)
    assert not part.adopt(silent)
    assert part.tick(at + 99 * 3600, 0.0).raised == []
    assert [f.kind for f in part.step(hours([1.0], at)).cleared] == ["meter_silent"]


def test_each_row_may_be_listened_to_since_a_time_of_its_own():
    part = Partition(Settings(), np.array([3600.0, 3600.0]), np.ones(2))
    found = part.tick(1e9, np.array([1e9 - 4 * 3600, 1e9 - 60])).raised
    assert [(f.row, f.onset) for f in found] == [(0, 1e9 - 4 * 3600)]
