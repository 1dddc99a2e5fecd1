"""Water that is used while the home is declared away."""

import numpy as np
import pytest

from detectors.partition import Partition
from tests.detectors.plain_home import DAY, HOUR, MUTE, lived


def away(home, begin_h=1.0, days=3):
    begin = home.at + begin_h * HOUR
    home.part.away(0, begin, begin + days * DAY)
    return begin


def test_use_while_away_is_asked_about_once_and_over_with_the_absence():
    home = lived(5)
    begin = away(home)
    home.live(24)
    found = [f for f in home.raised if f.kind == "away_use"]
    assert [(f.severity, f.reason) for f in found] == [("amber", "away_use")]
    evidence = found[0].evidence
    assert (evidence["away_since_at"], evidence["away_until_at"]) == (begin, begin + 3 * DAY)
    assert evidence["volume_l"] >= 5
    assert found[0].onset >= begin + 2 * HOUR
    assert home.cleared == []
    home.live(52)
    assert [(f.kind, f.severity) for f in home.cleared] == [("away_use", "amber")]
    assert len([f for f in home.raised if f.kind == "away_use"]) == 1


@pytest.mark.parametrize("litres_h", [0.05, 0.0])
def test_an_empty_home_and_a_drip_are_not_told(litres_h):
    home = lived(5)
    away(home)
    home.flow(litres_h)
    home.live(70, quiet=True)
    assert [f for f in home.raised if f.kind == "away_use"] == []


def test_who_leaves_late_or_comes_back_early_is_not_asked():
    home = lived(5)
    away(home, begin_h=5.5, days=0.5)  # from half past five until half past seventeen
    home.live(7.25)
    home.live(8.5, quiet=True)
    home.live(8)
    assert [f for f in home.raised if f.kind == "away_use"] == []


def test_an_absence_that_is_withdrawn_ends_what_was_told():
    home = lived(5)
    begin = away(home)
    home.live(24)
    home.part.away(0, begin, begin)
    home.live(1)
    assert [f.kind for f in home.cleared] == ["away_use"]


def test_a_restart_keeps_what_was_told():
    home = lived(5)
    away(home)
    home.live(24)
    home.part = Partition.restore(MUTE, home.part.snapshot())
    home.live(20)
    assert len([f for f in home.raised if f.kind == "away_use"]) == 1
    assert np.isfinite(home.part.last_use()[0])
