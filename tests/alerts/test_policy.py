"""The policy's numbers: from a configuration section, with every fault at once."""

import pytest

from alerts.errors import PolicyError
from alerts.policy import Policy, Roster


def test_what_a_section_does_not_name_keeps_its_default():
    assert Policy.load({}) == Policy()
    assert Policy.load({"undo_s": 5}).undo_s == 5.0


def test_every_fault_is_named_at_once():
    with pytest.raises(PolicyError) as raised:
        Policy.load(
            {"undo": 5, "ask_first_s": 0, "rung_wait_s": [60, 60], "amber_rung_wait_s": [60, -1, 60],
             "progress_s": "soon", "hand_back_s": float("inf"), "set_off_s": True, "language": "de",
             "no_use_kinds": [""]}
        )  # fmt: skip
    named = [fault.partition(":")[0] for fault in raised.value.faults]
    assert named == [
        "undo", "ask_first_s", "rung_wait_s", "amber_rung_wait_s", "progress_s", "hand_back_s", "set_off_s", "language",
        "no_use_kinds",
    ]  # fmt: skip


def test_the_demo_asks_the_backup_after_one_minute():
    assert Policy.load(Policy.demo_table()).ladder(Roster()).rung_wait_s[0] == 60.0


@pytest.mark.parametrize(
    ("kind", "explained"),
    [
        ("quiet", True), ("rule:12h-10l", True), ("rule:24h-10l", True), ("rule:12h-zero", True), ("rule:8h-zero", True),
        ("rule:no-draw-14h", True), ("rule:windows-05-09-17-21", True), ("rule:2h-continuous", False),
        ("rule:day-2000l", False), ("rule:half-hours", False), ("rule:250l-1h", False), ("rule:continuous-3h", False),
        ("meter_silent", False),
    ],
)  # fmt: skip
def test_an_absence_explains_missing_use_and_nothing_else(kind, explained):
    assert Policy().explained_by_absence(kind) is explained
