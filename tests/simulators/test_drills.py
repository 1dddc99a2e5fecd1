"""Scripts of drills can be played: they name what there is, and end."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from simulators.drills import DRILLS, DUE, Does, Drill, Expect, Homes, Strikes
from simulators.drills._story import Told, begins, deeds

START = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
NIGHT = DRILLS["fall_at_night"]


def test_there_are_a_dozen_and_each_says_what_happens_in_a_sentence():
    assert sorted(DRILLS) == [
        "cut_with_a_fall", "day_trip", "empty_shift", "fall_at_night", "family_far_away", "forty_at_once", "gateway_down",
        "hospital_undeclared", "meter_swap", "phone_company_down", "tap_left_open", "worker_does_not_answer",
    ]  # fmt: skip
    for drill in DRILLS.values():
        assert re.fullmatch(r"[A-Z].{20,130}\.", drill.happens)


@pytest.mark.parametrize("name", DRILLS)
def test_what_is_expected_is_data_and_within_the_hard_end(name):
    drill = DRILLS[name]
    assert 0 < drill.ends_s <= 4 * 3600, "the service lets none last longer"
    assert 1 <= drill.number_of_homes <= 200
    assert len(dict(drill.named())) == drill.number_of_homes
    for one in drill.must:
        assert set(one.data()) == {"step", "part", "who", "within_s", "after", "never"}
    assert not any(one.who == "owner" for one in drill.does) or "owner" in drill.people


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"strikes": (Strikes("P1", "cellar", DUE),)}, "want a part of fallen; got 'cellar'"),
        ({"strikes": (Strikes("P99", "fallen", DUE),)}, "there is no fault P99"),
        ({"does": (Does("mayor", "accept", 1.0),)}, "want a role of .*; got 'mayor'"),
        ({"people": ("lead",)}, "nobody plays the owner"),
        ({"does": (Does("owner", "sing", 1.0),)}, "want a deed of .*; got 'sing'"),
        ({"must": (Expect("case", 1e6, "fallen"),)}, "case within 1000000.0 s: the drill ends before"),
        ({"must": ()}, "want something that must happen"),
    ],
)
def test_a_script_that_cannot_be_played_says_why(wrong, said):
    with pytest.raises(ValueError, match=said):
        replace(NIGHT, **wrong)


def test_people_do_what_they_are_told_of_once_and_not_before_their_time():
    told = [Told("n-1", "owner", "fallen", "offer", 10.0), Told("n-2", "family", "fallen", "family_called_out", 10.0)]
    assert deeds(NIGHT, told, [], 69.0) == []
    first = deeds(NIGHT, told, [], 70.0)
    assert [(one.who, one.what, one.at_s, one.because) for one in first] == [("owner", "accept", 70.0, "n-1")]
    later = deeds(NIGHT, told, first, 10_000.0)
    assert [one.what for one in later] == ["set off", "arrive", "outcome"]
    assert later[-1].code == "HELPED"
    assert deeds(NIGHT, told, [*first, *later], 10_000.0) == []


def test_nobody_does_anything_about_homes_of_another_part():
    told = [Told("n-1", "owner", "dry", "offer", 0.0), Told("n-2", "owner", "fallen", "offer", 0.0)]
    assert {one.part for one in deeds(DRILLS["cut_with_a_fall"], told, [], 1e4)} == {"fallen"}


def test_what_is_done_from_the_beginning_needs_no_notice():
    drill = Drill(
        {"a": Homes()},
        ("family",),
        (Expect("case", 1.0, "a"),),
        60.0,
        does=(Does("family", "back", 5.0, "start", "a"),),
    )
    assert [(one.what, one.part, one.at_s) for one in deeds(drill, [], [], 5.0)] == [("back", "a", 5.0)]


@pytest.mark.parametrize(
    ("at", "when"),
    [
        (-60.0, START.timestamp() - 60),
        ("02:00", datetime(2026, 11, 22, 2, 0, tzinfo=SHANGHAI).timestamp()),
        ("15:00", datetime(2026, 11, 21, 15, 0, tzinfo=SHANGHAI).timestamp()),
        (DUE, 123.0),
    ],
)
def test_a_fault_strikes_when_the_script_says(at, when):
    assert begins(Strikes("P1", "fallen", at), START, SHANGHAI, due_s=123.0) == when
