"""Local time of many moments at once."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.end_uses import local
from simulators.wall_clock import local_s

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", ["Asia/Shanghai", "Europe/Amsterdam", "Australia/Lord_Howe", "Asia/Kathmandu"])
@given(seconds=st.lists(st.integers(1_600_000_000, 1_800_000_000), max_size=20))
def test_local_time_is_what_the_clock_on_the_wall_shows(name, seconds):
    zone = ZoneInfo(name)
    at = np.array(seconds, np.float64)
    shown = [EPOCH + timedelta(seconds=s) for s in local_s(at, zone).tolist()]
    assert [one.replace(tzinfo=None) for one in shown] == [
        datetime.fromtimestamp(s, zone).replace(tzinfo=None) for s in seconds
    ]
    day, hour = local(at, zone)
    assert day.tolist() == [(one - EPOCH).days for one in shown]
    assert hour.tolist() == [(one.hour * 3600 + one.minute * 60 + one.second) / 3600 for one in shown]


def test_a_night_in_which_the_clock_changes_has_both_times():
    change = datetime(2025, 3, 30, 1, tzinfo=UTC).timestamp()  # 02:00 becomes 03:00
    _, hour = local(np.array([change - 1800, change, change + 1800]), ZoneInfo("Europe/Amsterdam"))
    assert hour.tolist() == [1.5, 3.0, 3.5]
