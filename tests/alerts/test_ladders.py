"""Ladders as data: who is asked where and when, what is refused, and how a case climbs them."""

from dataclasses import replace

import pytest

from alerts import ladders
from alerts.cases import FindingCleared, FindingRaised, Timer, TimerDue, step
from alerts.errors import PolicyError
from alerts.ladders import Hours, Ladder
from alerts.policy import Load, Policy, Roster
from tests.alerts.test_cases import AMBER, MINUTE, PRESSED, RED, ROSTER, T0, fresh, run, said

DAY, NIGHT = {"hours": "08:00-20:00"}, {"hours": "20:00-08:00"}
STREET = replace(ROSTER, duty=("d1", "d2"), areas=("g1", "c1", "s1"), minute=9 * 60)
AT_NIGHT = replace(STREET, minute=23 * 60)


def loaded(*tables, **more):
    return Policy.load({"ladders": list(tables), **more})


def faults(*tables):
    with pytest.raises(PolicyError) as raised:
        loaded(*tables)
    return raised.value.faults


@pytest.mark.parametrize(
    ("text", "holds", "misses"),
    [("08:00-20:00", [480, 1199], [479, 1200]), ("20:00-08:00", [1200, 1439, 0, 479], [480, 1199]),
     ("00:00-24:00", [0, 1439], []), ("00:00-00:00", [0, 1439], [])],
)  # fmt: skip
def test_hours_hold_their_beginning_and_not_their_end_across_midnight_too(text, holds, misses):
    hours = Hours.read(text)
    assert [minute for minute in (*holds, *misses) if hours.holds(minute)] == holds


@pytest.mark.parametrize("text", ["8:00-20:00", "08:00", "08:00-25:00", "08:60-09:00", "08:00-24:30", ""])
def test_hours_that_are_none_are_refused_with_an_example(text):
    (fault,) = faults({"hours": text})
    assert "want hours such as 08:00-20:00" in fault


def test_a_hole_is_refused_and_names_the_hours_at_which_nobody_is_asked():
    (fault,) = faults({"areas": ["g1"], **DAY})
    assert "ladders of g1: nobody is asked at 20:00-08:00" in fault
    assert "cover = false" in fault
    assert "00:00-06:30, 22:00-23:00" in faults(
        {"hours": "06:30-22:00"}, {"hours": "23:00-24:00"}
    )[0]  # fmt: skip


def test_ladders_that_close_the_day_are_taken():
    policy = loaded(
        {"areas": ["g1"], **DAY}, {"areas": ["g1", "c1"], **NIGHT, "rungs": ["duty"]}, {"areas": ["c1"], **DAY}
    )
    assert policy.ladder(AT_NIGHT).rungs == ("duty",)
    assert policy.ladder(AT_NIGHT).rung_wait_s == (600.0,)


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        ({"rungs": ["owner", "owner"]}, "want each of owner, backup, lead, duty at most once"),
        ({"rungs": ["mayor"]}, "want each of"),
        ({"rungs": []}, "nobody stands on it"),
        ({"rungs": ["owner"], "rung_wait_s": [60, 60]}, "want 1 durations, one for each of owner; got 2"),
        ({"rung_wait_s": [60, 0, 60]}, "want durations in seconds above 0"),
        ({"family": "later"}, "want parallel or first"),
        ({"cover": "no"}, "want true or false"),
        ({"areas": "g1"}, "want a list of area ids"),
        ({"head_start_s": True}, "want a duration"),
        ({"hour": "08:00-20:00"}, "no such setting"),
    ],
)
def test_what_is_wrong_with_a_ladder_is_said_with_its_number_and_name(table, wanted):
    (fault,) = faults(table)
    assert fault.startswith(f"ladders[1].{next(iter(table)) if 'rung_wait_s' not in table else 'rung_wait_s'}:")
    assert wanted in fault


def test_something_that_is_no_table_is_refused():
    with pytest.raises(PolicyError, match="want tables"):
        Policy.load({"ladders": ["g1"]})


def test_the_nearest_area_decides_then_the_one_above_then_everywhere_then_the_usual():
    lists = (Ladder(rungs=("lead",)), Ladder(("s1",), rungs=("backup",)), Ladder(("g1",), rungs=("owner",)))
    assert ladders.nearest(lists, ("g1", "c1", "s1"), 0).rungs == ("owner",)
    assert ladders.nearest(lists, ("g2", "c1", "s1"), 0).rungs == ("backup",)
    assert ladders.nearest(lists, ("g9",), 0).rungs == ("lead",)
    assert ladders.nearest(lists[1:], ("g9",), 0) is None
    assert Policy().ladder(STREET).rungs == ("owner", "backup", "lead")


def test_hours_at_which_nobody_is_promised_are_said_as_one_night():
    policy = loaded({"areas": ["g1"], **DAY}, {"areas": ["g1"], **NIGHT, "cover": False})
    assert [str(part) for part in ladders.uncovered(policy.ladders, ("g1", "c1"))] == ["20:00-08:00"]
    assert ladders.uncovered(policy.ladders, ("g2", "c1")) == []


def test_at_hours_without_cover_a_red_case_goes_to_the_desk_at_once_and_goes_on_calling():
    policy = loaded({**DAY}, {**NIGHT, "cover": False})
    case, effects = run(RED, roster=replace(AT_NIGHT, duty=()), policy=policy)
    assert case.state == "UNATTENDED"
    assert said(effects) == ["ops operator_unattended", "f1 family_unattended", "f2 family_unattended"]
    assert case.timers == {Timer.REPEAT: T0 + 5 * MINUTE}


def test_duty_telephones_are_a_rung_and_take_turns_when_nobody_accepts():
    policy = loaded({"rungs": ["duty"]})
    case, effects = run(RED, roster=STREET, policy=policy)
    assert said(effects)[0] == "d1 offer"
    called, now = [], T0 + 10 * MINUTE
    case, _ = step(case, TimerDue(Timer.NEXT_RUNG), now, policy, STREET)
    for _ in range(4):
        now += 5 * MINUTE
        case, effects = step(case, TimerDue(Timer.REPEAT), now, policy, STREET)
        called.append(said(effects)[0])
    assert called == ["d2 offer", "d1 offer", "d2 offer", "d1 offer"]


def test_where_the_family_has_a_head_start_a_red_case_calls_them_first_and_a_press_does_not_wait():
    policy = loaded({"family": "first", "head_start_s": 300})
    case, effects = run(RED, roster=STREET, policy=policy)
    assert (case.state, said(effects)) == ("SUSPECTED", ["f1 family_ask", "f2 family_ask"])
    case, effects = step(case, TimerDue(Timer.ASK), T0 + 5 * MINUTE, policy, STREET)
    assert (case.state, said(effects)[0]) == ("AWAITING", "wang offer")
    assert run(PRESSED, roster=STREET, policy=policy)[0].state == "AWAITING"
    assert run(RED, roster=replace(STREET, family=()), policy=policy)[0].state == "AWAITING"


def test_water_again_does_not_end_a_red_case_that_only_the_family_was_asked_about():
    case, _ = run(RED, 1, FindingCleared("quiet", 0), roster=STREET, policy=loaded({"family": "first"}))
    assert case.state == "SUSPECTED"


# --- who has too much on hand ---------------------------------------------------------------------------------------


def busy(**loads):
    return replace(STREET, loads={who: Load(*load) for who, load in loads.items()})


@pytest.mark.parametrize(
    ("raised", "roster", "asked"),
    [
        (RED, busy(wang=(2, 0, 0)), ["li offer", "zhao overload"]),
        (RED, busy(wang=(1, 9, 99)), ["wang offer"]),
        (RED, busy(wang=(2, 0, 0), li=(2, 0, 0)), ["zhao offer"]),
        (RED, busy(wang=(2, 0, 0), li=(2, 0, 0), zhao=(9, 0, 0)), ["wang offer", "zhao overload"]),
        (AMBER, replace(busy(wang=(0, 5, 0)), family=()), ["li offer", "zhao overload"]),
        (AMBER, replace(busy(wang=(0, 0, 6)), family=()), ["li offer", "zhao overload"]),
    ],
)
def test_who_has_too_much_is_passed_over_the_lead_hears_of_it_and_nothing_is_refused(raised, roster, asked):
    case, effects = run(raised, roster=roster)
    assert case.state == "AWAITING"
    assert [word for word in said(effects) if "family" not in word] == asked


# --- again, so soon -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("severity", ["red", "amber"])
def test_a_case_soon_after_the_last_goes_to_the_ladder_the_last_owner_and_the_lead_together(severity):
    again = FindingRaised("quiet", severity, T0, last_owner="chen")
    case, effects = run(again)
    assert case.state == "AWAITING"
    assert said(effects)[0] == "wang offer"
    assert said(effects)[-2:] == ["chen offer", "zhao offer"]
    assert [(o.worker, o.state) for o in case.offers] == [("wang", "offered"), ("chen", "offered"), ("zhao", "offered")]


def test_the_last_owner_who_is_on_shift_is_asked_once():
    _, effects = run(FindingRaised("quiet", "red", T0, last_owner="wang"))
    assert said(effects).count("wang offer") == 1


# --- the settings of a case -----------------------------------------------------------------------------------------


def test_a_policy_is_named_by_what_it_says_and_comes_back_from_its_table():
    policy = loaded({"areas": ["g1"], **DAY}, {"areas": ["g1"], **NIGHT, "cover": False}, most_red=3, language="en")
    assert Policy.load(policy.table()) == policy
    assert Policy.load(policy.table()).id == policy.id != Policy().id


def test_clocks_of_a_ladder_are_those_of_the_hour():
    policy = loaded({**DAY, "rung_wait_s": [60, 120, 180]}, {**NIGHT, "rung_wait_s": [600, 600, 600]})
    by_day, _ = step(fresh(), RED, T0, policy, STREET)
    by_night, _ = step(fresh(), RED, T0, policy, AT_NIGHT)
    assert by_day.timers == {Timer.NEXT_RUNG: T0 + MINUTE}
    assert by_night.timers == {Timer.NEXT_RUNG: T0 + 10 * MINUTE}


def test_a_roster_knows_who_stands_on_a_rung():
    assert [STREET.on(rung) for rung in ladders.RUNG_NAMES] == ["wang", "li", "zhao", "d1"]
    assert Roster().on("duty") is None
