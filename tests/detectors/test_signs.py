"""Signs other than water: what counts as life, as help wanted, as water on the floor, and what comes too late."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.errors import NewsError
from detectors.partition import Partition, Settings
from detectors.quiet import QuietSettings
from detectors.signs import SignNews
from tests.detectors.test_partition import hours, lived, told

HOUR = 3600.0
EAGER = Settings(quiet=QuietSettings(amber=2.0, red=2.8))


@cache
def state():
    part, at = lived(EAGER)
    return part.snapshot(), at


def home():
    """Return a partition of one home with twenty days of history, and the moment after its last use."""
    arrays, at = state()
    return Partition.restore(EAGER, arrays), at


def signs(*events, row=0):
    """Return signs from (kind, at) or (kind, at, {more}); heard five seconds later."""
    full = [(*event, {})[:3] for event in events]
    at = np.array([at for _, at, _ in full], float)
    return SignNews(
        np.array([more.get("row", row) for *_, more in full], np.intp),
        np.array([kind for kind, *_ in full], np.str_),
        at,
        at + np.array([more.get("later", 5.0) for *_, more in full]),
        np.array([more.get("percent", np.nan) for *_, more in full]),
        np.array([more.get("sensor", 0) for *_, more in full]),
    )


def raised(part, news, kind=None):
    return [f for f in part.hear_signs(news).raised if kind in {None, f.kind}]


def silent(part, at, count, first=0):
    """Play hours without water; return the quiets raised as {severity: finding}."""
    found = {}
    for n in range(first, first + count):
        found |= {f.severity: f for f in part.step(hours([0.0], at + n * HOUR)).raised if f.kind == "quiet"}
    return found


# --- movement ---


def test_a_quiet_counts_from_the_later_of_water_and_movement():
    part, at = home()
    due = float(part.deadline("amber")[0])
    part.hear_signs(signs(("motion", at + 10 * HOUR)))
    assert part.deadline("amber")[0] > due
    found = silent(part, at, 24)
    assert found["amber"].onset == found["red"].onset == at + 10 * HOUR
    assert found["amber"].evidence["last_use_at"] == at
    assert found["amber"].evidence["since_at"] == at + 10 * HOUR


def test_movement_ends_an_open_quiet_and_the_silence_after_it_is_another_one():
    part, at = home()
    assert set(silent(part, at, 20)) == {"amber", "red"}
    cleared = part.hear_signs(signs(("motion", at + 20 * HOUR))).cleared
    assert {(f.severity, f.cleared_at) for f in cleared} == {
        ("amber", at + 20 * HOUR + 5),
        ("red", at + 20 * HOUR + 5),
    }
    assert part.score()[0] == 0.0
    assert {f.onset for f in silent(part, at, 20, first=20).values()} == {at + 20 * HOUR}


def test_movement_before_the_last_water_changes_nothing_and_late_movement_ends_no_later_quiet():
    part, at = home()
    due = part.deadline("red")
    part.hear_signs(signs(("motion", at - HOUR)))
    np.testing.assert_array_equal(part.deadline("red"), due)
    open_before = silent(part, at, 20)
    assert part.hear_signs(signs(("motion", at - 2 * HOUR, {"later": 23 * HOUR}))) == ([], [])
    assert len(open_before) == 2
    assert [f.onset for f in part.open() if f.kind == "quiet"] == [at, at]


def test_with_a_motion_sensor_the_reason_says_that_nobody_moved():
    part, at = home()
    part.hear_signs(signs(("motion", at - HOUR)))
    red = silent(part, at, 20)["red"]
    assert red.reason == "quiet_no_motion"
    assert red.evidence["motion_at"] == at - HOUR
    assert red.onset == at


def test_a_motion_sensor_that_saw_nothing_for_days_says_nothing():
    part, at = home()
    part.hear_signs(signs(("motion", at - 4 * 24 * HOUR)))
    assert silent(part, at, 20)["red"].reason == "quiet"


def test_homes_without_sensors_are_judged_as_before():
    part, at = home()
    two = Partition(EAGER, np.full(2, HOUR), np.ones(2))
    other, _ = home()
    arrays, alone = two.snapshot(), other.snapshot()
    arrays |= {n: np.concatenate([a, a]) for n, a in alone.items() if a.ndim and len(a) == 1 and n != "version"}
    two = Partition.restore(EAGER, arrays)
    two.hear_signs(signs(("motion", at + HOUR), ("door", at + 2 * HOUR), ("sos", at), ("wet", at), row=1))
    expected = [told(part.step(hours([0.0], at + n * HOUR))) for n in range(24)]
    assert [told(two.step(hours([0.0], at + n * HOUR))) for n in range(24)] == expected
    assert any(expected)
    assert two.score()[0] == part.score()[0]


def test_a_home_that_never_told_its_water_has_no_quiet_however_much_is_moving():
    part = Partition(EAGER, np.full(1, HOUR), np.ones(1))
    part.hear_signs(signs(("motion", 1e9)))
    assert np.isnan(part.score()[0])
    assert np.isnan(part.deadline("red")[0])


# --- the door ---


def test_who_may_have_gone_out_is_asked_as_usual_but_nobody_is_sent_so_soon():
    part, at = home()
    plain, _ = home()
    part.hear_signs(signs(("door", at + 60)))
    assert part.deadline("amber")[0] == plain.deadline("amber")[0]
    assert part.deadline("red")[0] > plain.deadline("red")[0]
    found = silent(part, at, 60)
    assert found["amber"].reason == found["red"].reason == "quiet_maybe_out"
    assert found["amber"].evidence["door_at"] == at + 60
    assert found["red"].evidence["score"] >= EAGER.quiet.red + 1.0
    assert found["amber"].raised_at == silent(plain, at, 60)["amber"].raised_at


@pytest.mark.parametrize("inside", [
    pytest.param([("door", -60.0)], id="the door before the last water"),
    pytest.param([("door", 60.0), ("motion", 90.0)], id="movement after the door"),
])  # fmt: skip
def test_whoever_was_seen_inside_after_the_door_is_not_out(inside):
    part, at = home()
    part.hear_signs(signs(*((kind, at + after) for kind, after in inside)))
    found = silent(part, at, 20)
    assert found["red"].reason in {"quiet", "quiet_no_motion"}
    assert found["red"].evidence["score"] < EAGER.quiet.red + 1.0


def test_the_door_after_a_declared_absence_is_a_return():
    part, at = home()
    part.away(0, at + HOUR, at + 10 * HOUR)
    part.hear_signs(signs(("door", at + 10 * HOUR + 60)))
    assert {f.reason for f in silent(part, at, 30).values()} == {"quiet_after_absence"}


# --- calls for help ---


def test_a_press_is_told_at_once_with_the_battery_and_stays():
    part, at = home()
    [one] = raised(part, signs(("sos", at + 0.4, {"percent": 41.6})))
    assert (one.kind, one.severity, one.reason, one.onset) == ("sos", "red", "sos", at)
    assert one.raised_at == at + 5.4
    assert one.evidence == {
        "pressed_at": at, "battery_percent": 42, "heard_at": at + 5.4, "known_until_at": at
    }  # fmt: skip
    part.hear_signs(signs(("motion", at + 60), ("dry", at + 61)))
    part.step(hours([5.0, 5.0], at))
    assert [f.kind for f in part.open()] == ["sos"]


def test_pressing_again_within_a_minute_is_the_same_call_and_later_a_new_one():
    part, at = home()
    pressed = [("sos", at + s) for s in (0, 3, 59, 61, 100, 122, 4000)]
    assert [f.onset - at for f in raised(part, signs(*pressed))] == [0, 61, 122, 4000]
    assert raised(part, signs(("sos", at + 2000, {"later": 9000}), ("sos", at + 4000))) == []
    assert raised(part, signs(("sos", at + 4030.0))) == []


def test_an_unknown_battery_is_not_an_empty_one():
    part, at = home()
    assert raised(part, signs(("sos", at)))[0].evidence["battery_percent"] is None


def test_calls_for_help_that_others_hold_open_are_theirs_to_end():
    part, at = home()
    [first, second] = raised(part, signs(("sos", at), ("sos", at + 500)))
    assert part.adopt(first)
    assert part.open() == [second]


# --- water on the floor ---


def test_wet_is_told_once_and_ends_when_it_is_dry():
    part, at = home()
    [one] = raised(part, signs(("wet", at), ("wet", at + 30)))
    assert (one.kind, one.severity, one.reason, one.onset) == ("leak_sensor", "amber", "leak_sensor", at)
    assert one.evidence == {"wet_at": at, "heard_at": at + 5, "known_until_at": at}
    assert part.hear_signs(signs(("dry", at - 60, {"later": 99}))) == ([], [])
    assert [(f.kind, f.cleared_at) for f in part.hear_signs(signs(("dry", at + 90))).cleared] == [
        ("leak_sensor", at + 95)
    ]
    assert [f.onset for f in raised(part, signs(("wet", at + 200)))] == [at + 200]


def test_dry_under_the_sink_does_not_end_wet_under_the_bath():
    part, at = home()
    bath, sink = {"sensor": 7_000_000_001}, {"sensor": 3}
    assert len(raised(part, signs(("wet", at, bath), ("dry", at + 10, sink), ("wet", at + 20, sink)))) == 1
    assert part.hear_signs(signs(("dry", at + 30, sink))).cleared == []
    assert len(part.hear_signs(signs(("dry", at + 40, bath))).cleared) == 1


def test_a_row_that_is_not_watched_any_more_forgets_its_signs():
    part, at = home()
    part.hear_signs(signs(("wet", at), ("sos", at), ("door", at + 60)))
    assert {f.kind for f in part.drop({0})} == {"leak_sensor", "sos"}
    assert part.open() == []
    assert [f.onset for f in raised(part, signs(("wet", at + 10)))] == [at + 10]
    assert {f.reason for f in silent(part, at, 20).values()} == {"quiet"}


# --- promises ---


events = st.lists(
    st.tuples(
        st.sampled_from(("motion", "door", "sos", "wet", "dry")),
        st.integers(-3, 20).map(lambda h: h * 1800.0),
        st.fixed_dictionaries({"later": st.sampled_from((5.0, 9000.0)), "sensor": st.integers(0, 5)}),
    ),
    max_size=25,
)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(events, st.integers(0, 17))
def test_a_restart_between_signs_changes_nothing(happened, cut):
    before, at = home()
    whole = Partition.restore(EAGER, before.snapshot())
    heard = [(kind, at + after, more) for kind, after, more in happened]

    def play(part, cut=None):
        told_so = []
        for n in range(18):
            if n == cut:
                part = Partition.restore(EAGER, part.snapshot())
            now = [one for one in heard if at + n * HOUR <= one[1] + one[2]["later"] < at + (n + 1) * HOUR]
            if now:
                told_so += told(part.hear_signs(signs(*now)))
            told_so += told(part.step(hours([0.0], at + n * HOUR)))
        return told_so, part.open()

    assert play(before, cut) == play(whole)


@given(events, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_inside_a_message_does_not_matter(happened, random):
    heard = [(kind, 1e9 + after, more | {"later": 5.0}) for kind, after, more in happened]
    # Two sayings of one sensor at the same moment contradict each other: whichever comes first is believed.
    heard = list({(kind in {"wet", "dry"}, at, more["sensor"]): (kind, at, more) for kind, at, more in heard}.values())
    parts = [Partition(EAGER, np.full(1, HOUR), np.ones(1)) for _ in range(2)]
    first, second = heard, random.sample(heard, len(heard))
    found = [sorted(told(part.hear_signs(signs(*some)))) for part, some in zip(parts, (first, second), strict=True)]
    assert found[0] == found[1]


@pytest.mark.parametrize("wrong", [
    {"row": np.array([1])}, {"row": np.array([-1])}, {"kind": np.array(["smoke"])}, {"at": np.array([np.nan])},
    {"received": np.array([np.inf])}, {"at": np.array([1.0, 2.0])}, {"sensor": np.array([-2])},
])  # fmt: skip
def test_signs_that_make_no_sense_are_refused(wrong):
    good = {"row": np.array([0]), "kind": np.array(["motion"]), "percent": np.array([np.nan])}
    good |= {"at": np.array([1.0]), "received": np.array([2.0])}
    part, _ = home()
    with pytest.raises(NewsError):
        part.hear_signs(SignNews(**good | wrong))


def test_no_signs_are_no_trouble():
    part, _ = home()
    assert part.hear_signs(signs()) == ([], [])
