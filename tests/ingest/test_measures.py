"""Units and times."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.measures import convert, milliseconds, moment, rfc3339, thousandths, zulu


@pytest.mark.parametrize(
    ("number", "unit", "value"),
    [
        (Decimal("82.184"), "m3", 82184),
        (Decimal("0.0005"), "m3", 0.5),
        (Decimal(1), "gal_us", 3.785),
        (Decimal(1000), "gal_us", 3785.412),
        (Decimal(1), "ft3", 28.317),
        (Decimal("-0.002"), "m3/h", -2),
        (7, "count", 7),
        (Decimal("21.50"), "Cel", 21.5),
    ],
)
def test_units_convert_exactly(number: int | Decimal, unit: str, value: float) -> None:
    got = convert(number, unit)
    assert got == value
    assert type(got) is type(value)


@given(st.integers(0, 10**11))
def test_every_millilitre_of_a_register_survives_the_wire(ml: int) -> None:
    assert thousandths(convert(Decimal(ml) / 10**6, "m3")) == ml


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-21T06:00:00Z", datetime(2026, 11, 21, 6, tzinfo=UTC)),
        ("2026-11-21T14:00:00+08:00", datetime(2026, 11, 21, 6, tzinfo=UTC)),
        ("2026-11-20T23:30:00.123456789-06:30", datetime(2026, 11, 21, 6, 0, 0, 123456, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_with_a_zone_are_read(text: str, time: datetime) -> None:
    assert rfc3339(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T06:00:00",
        "2026-11-21T06:00:00+0800",
        "2026-02-30T06:00:00Z",
        "2000-00-00T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "2026-11-21T06:00:00+99:00",
        "２０２６-11-21T06:00:00Z",
        1763704800,
        None,
    ],
)
def test_times_without_a_zone_or_that_do_not_exist_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match="want"):
        rfc3339(text)


@given(st.integers(0, 4_102_444_800_000))
def test_a_millisecond_survives_writing_and_reading(ms: int) -> None:
    assert milliseconds(rfc3339(zulu(moment(ms)))) == ms
