"""The rules in public service, as arrays."""

import numpy as np
import pytest

from detectors.bins import News
from detectors.errors import RuleError
from detectors.partition import Partition, Settings
from detectors.quiet import QuietSettings
from detectors.rules import FAMILIES, PRESETS, parse

MUTE = QuietSettings(amber=1e9, red=1e9)
NAN = float("nan")
MIDNIGHT = 1_750_032_000.0


def play(rule, litres, period_s=3600.0, start=MIDNIGHT, absences=(), offset_s=0.0):
    """Return [(raised or cleared, intervals after the start, onset in intervals)] of one rule over one home."""
    part = Partition(Settings(quiet=MUTE, rules=(rule,)), np.array([period_s]), np.ones(1))
    for absence in absences:
        part.away(0, *absence)
    begin = start + period_s * np.arange(len(litres))
    happened = []
    for n, volume in enumerate(litres):
        one = News(*(np.array([x]) for x in (0, begin[n], begin[n] + period_s, volume, offset_s, begin[n] + period_s)))
        changes = part.step(one)
        for what, found in (("cleared", changes.cleared), ("raised", changes.raised)):
            own = [f for f in found if f.kind.startswith("rule:")]
            happened += [(what, n + 1, round((f.onset - start) / period_s, 6)) for f in own]
    return happened


@pytest.mark.parametrize("said", ["12h-10l", "12h<10L", "12h_10l", "12H 10L", " rule:12h-10l ", "12h < 10 l"])
def test_a_rule_is_known_however_it_is_written(said):
    assert parse(said) is PRESETS["12h-10l"]


@pytest.mark.parametrize("said", ["", "12h", "no-draw-0h", "no-draw-999h", "72h-10l", "12h-0l", "0l-1h", "rm -rf"])
def test_an_unknown_rule_is_refused_with_a_list(said):
    with pytest.raises(RuleError) as refused:
        parse(said)
    if "want one of" in str(refused.value):
        assert all(name in str(refused.value) for name in (*PRESETS, *FAMILIES))


def test_every_preset_names_its_place_and_source():
    assert all(rule.place and rule.source for rule in PRESETS.values())
    assert {rule.severity for rule in PRESETS.values() if rule.kind in {"no_use", "little", "windows"}} == {"red"}
    assert parse("continuous-3h").severity == "amber"


@pytest.mark.parametrize(("rule", "litres", "happened"), [
    pytest.param("no-draw-3h", [5, 0, 0, 0, 0, 2], [("raised", 4, 1), ("cleared", 6, 1)], id="raised once, cleared by use"),
    pytest.param("no-draw-3h", [5, 0, 0, NAN, 0, 0, 0], [("raised", 7, 4)], id="an unknown hour starts it again"),
    pytest.param("no-draw-3h", [5, 0, 0, 0, NAN, 3], [("raised", 4, 1), ("cleared", 6, 1)], id="unknown does not clear"),
    pytest.param("8h-zero", [1] + [0] * 8, [("raised", 9, 1)], id="eight hours"),
    pytest.param("3h-10l", [9, 0, 0, 0], [("raised", 3, 0), ], id="nine litres are less than ten"),
    pytest.param("3h-10l", [10, 0, 0, 0], [("raised", 4, 1)], id="ten litres are not"),
    pytest.param("3h-10l", [4, 4, 4, 1, 6], [("raised", 4, 1), ("cleared", 5, 1)], id="and clears at ten"),
    pytest.param("3h-10l", [1, NAN, 1, 1, 1], [("raised", 5, 2)], id="never with an unknown hour in the window"),
    pytest.param("3h-10l", [1, 1], [], id="not before three hours are known"),
    pytest.param("250l-1h", [10, 251, 300, 10], [("raised", 2, 1), ("cleared", 4, 1)], id="more than 250 L in an hour"),
    pytest.param("250l-1h", [10, 250, NAN, 0], [], id="250 L are not more"),
    pytest.param("250l-1h", [251, NAN, 0], [("raised", 1, 0), ("cleared", 3, 0)], id="unknown does not clear much either"),
])  # fmt: skip
def test_a_rule_over_hours(rule, litres, happened):
    assert play(rule, litres) == happened


def test_a_declared_absence_keeps_no_use_rules_quiet_and_restarts_them():
    away = (MIDNIGHT + 3600.0, MIDNIGHT + 20 * 3600.0)
    assert play("no-draw-3h", [5] + [0] * 25, absences=[away]) == [("raised", 23, 20)]
    assert play("3h-10l", [50] + [0] * 25, absences=[away]) == [("raised", 23, 20)]


def test_a_day_of_more_than_two_cubic_metres_is_told_once_and_ends_at_midnight():
    assert play("day-2000l", [700] * 3 + [100] * 30) == [("raised", 3, 0), ("cleared", 25, 0)]
    assert play("day-2000l", [80] * 24 + [90] * 24) == [
        ("raised", 47, 24),
    ]  # 2,070 L by 23:00 of the second day
    assert play("day-2000l", [2100] + [0] * 20, offset_s=8 * 3600.0) == [("raised", 1, -8), ("cleared", 17, -8)]


@pytest.mark.parametrize(("litres", "happened"), [
    pytest.param([0] + [4] * 8 + [0], [("raised", 9, 1), ("cleared", 10, 1)], id="two hours of quarters"),
    pytest.param([0] + [4] * 7 + [0] + [4] * 7, [], id="a pause of a quarter ends it"),
    pytest.param([0] + [4] * 7 + [NAN] + [4] * 8, [("raised", 17, 9)], id="what is not known does not count"),
])  # fmt: skip
def test_two_hours_without_a_stop(litres, happened):
    assert play("2h-continuous", litres, period_s=900.0) == happened


def test_an_hourly_meter_cannot_tell_two_hours_of_flow_from_two_hours_with_use():
    assert play("2h-continuous", [5] * 30) == []
    assert play("continuous-4h", [5] * 30) == [("raised", 4, 0)]


def test_every_half_hour_of_a_day_in_use():
    quarters = [3, 0] * 48
    assert play("half-hours", quarters, period_s=900.0) == [("raised", 95, -1)]
    assert play("half-hours", [*quarters[:90], 0, 0, *quarters], period_s=900.0) == [("raised", 187, 91)]
    assert play("half-hours", [5] * 30) == []  # an hourly meter cannot know
    cleared = play("half-hours", [*quarters, 3, 0, 0, 0, 0, 0], period_s=900.0)
    assert [what for what, *_ in cleared] == ["raised", "cleared"]


@pytest.mark.parametrize(("used_at", "raised"), [
    pytest.param([2, 12, 22], [21], id="neither morning nor evening"),
    pytest.param([7], [], id="the morning was in use"),
    pytest.param([18], [], id="the evening was in use"),
    pytest.param([], [21], id="nothing all day"),
])  # fmt: skip
def test_the_morning_and_evening_windows(used_at, raised):
    litres = [5.0 if hour in used_at else 0.0 for hour in range(24)]
    assert [n for what, n, _ in play("windows-05-09-17-21", litres) if what == "raised"] == raised


def test_the_windows_say_nothing_when_an_hour_of_them_is_not_known():
    assert play("windows-05-09-17-21", [0.0] * 6 + [NAN] + [0.0] * 17) == []


def test_the_windows_are_judged_when_a_hole_without_use_spans_them():
    part = Partition(Settings(quiet=MUTE, rules=("windows-05-09-17-21",)), np.array([3600.0]), np.ones(1))
    ends = MIDNIGHT + 3600.0 * np.array([1, 2, 40])
    starts = MIDNIGHT + 3600.0 * np.array([0, 1, 2])
    found = part.step(News(np.zeros(3, int), starts, ends, np.array([5.0, 5, 0]), np.zeros(3), ends)).raised
    assert [(f.onset, f.raised_at) for f in found] == [(MIDNIGHT + 5 * 3600, MIDNIGHT + 40 * 3600)]
