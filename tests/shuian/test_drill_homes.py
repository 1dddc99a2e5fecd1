"""Homes of drills are watched like any other, and nothing of them is told, counted or compared with life."""

import numpy as np

from shuian import metrics
from shuian.areas import zones
from shuian.rows import Place, Rows
from tests.shuian.street import T0, bound

HERE = Place("g1", "1", "A", "gw")
PLAYED = Place("dg", "1", "A", "gw", drill=True)


def rows():
    """Return two homes that are lived in and two of drills, all behind one gateway."""
    found = Rows()
    found.refresh([bound(f"h{n}", f"m{n}", place=HERE if n < 2 else PLAYED) for n in range(4)], T0)
    return found


def test_homes_of_drills_share_no_group_with_homes_in_which_somebody_lives():
    groups, named = zones(rows())
    assert {tuple(group.rows.tolist()) for group in groups} == {(0, 1), (2, 3)}
    assert sorted(zone.name for zone in named.values() if zone.kind == "gateway") == ["gw", "gw"]
    assert {zone.area for zone in named.values()} == {"g1", "dg"}


def test_rows_know_in_which_homes_somebody_lives():
    assert rows().lived_in().tolist() == [True, True, False, False]


def test_a_sensor_alone_makes_a_home_of_drills_one_too():
    found = Rows()
    found.refresh([bound(place=PLAYED, resolution_l=None)], T0)
    assert found.lived_in().tolist() == [False]


class Found:
    """Two findings, one of them in a home of drills."""

    class One:
        kind, reason = "drilled", "test"

        def __init__(self, row):
            self.row = row

    raised = (One(0), One(3))


def test_findings_of_drills_are_not_counted():
    metrics.count(Found(), rows().lived_in())
    assert metrics.FINDINGS.labels("drilled", "test")._value.get() == 1
    metrics.count(Found(), np.zeros(4, bool))
    assert metrics.FINDINGS.labels("drilled", "test")._value.get() == 1
