"""A register that does not simply grow."""

import pytest

from ingest.readings import StoredReading
from ingest.register import doubts

HOUR_MS = 3_600_000


def at(litres: float, hours: float = 0) -> StoredReading:
    return StoredReading("wm", "water_volume_total", round(hours * HOUR_MS), round(litres * 1000), 0)


@pytest.mark.parametrize(
    ("before", "after", "modulus", "flag"),
    [
        pytest.param(1000, 1000, None, None, id="nothing used"),
        pytest.param(1000, 1200, None, None, id="a bath"),
        pytest.param(1000, 9000, None, "implausible_value", id="8 m³ in an hour"),
        pytest.param(1000, 990, None, "out_of_order_possible backflow_possible", id="ten litres backwards"),
        pytest.param(100_000, 95_000, None, "out_of_order_possible", id="less than a tenth lower"),
        pytest.param(100_000, 80_000, None, "counter_reset_possible", id="a fifth lower"),
        pytest.param(100_000, 0, None, "counter_reset_possible", id="a new meter"),
        pytest.param(30, 0, None, "counter_reset_possible", id="a restarted counter"),
        pytest.param(99_999_990, 5, None, "counter_rollover_possible", id="the usual register wraps"),
        pytest.param(9_999_990, 5, None, "counter_rollover_possible", id="the small register wraps"),
        pytest.param(65_500, 40, 65_536, "counter_rollover_possible", id="a 16-bit counter wraps"),
        pytest.param(60_000, 40, 65_536, "counter_reset_possible", id="too far from the end to wrap"),
        pytest.param(
            9_990_000,
            5,
            None,
            "counter_rollover_possible implausible_value",
            id="ten m³ in an hour is no wrap of a home's",
        ),
        pytest.param(99_999_990, 5, 65_536, "counter_reset_possible", id="the registry knows the size"),
    ],
)
def test_a_register_beside_the_one_before(before: float, after: float, modulus: float | None, flag: str | None) -> None:
    assert doubts(at(after, 1), at(before), modulus, 1.0) == tuple((flag or "").split())


def test_the_first_register_raises_no_doubt() -> None:
    assert doubts(at(99_999_999), None, None, 1.0) == ()


def test_a_step_of_a_coarse_register_says_nothing_about_flow() -> None:
    assert doubts(at(1100, 0.002), at(1000), None, 100.0) == ()
    assert doubts(at(1100, 0.002), at(1000), None, 1.0) == ("implausible_value",)


def test_late_readings_are_only_odd_above_a_later_one() -> None:
    assert doubts(at(900, -2), at(1000), None, 1.0) == ("late",)
    assert doubts(at(1001, -2), at(1000), None, 1.0) == (
        "late",
        "out_of_order_possible",
    )
