"""Every format in which a meter can be played: what is written is read again as it was."""

from datetime import UTC, datetime, timedelta

import pytest

from ingest.devices import FORMATS, Decoded, DeviceMemory, decode
from shuian import registry_import
from simulators import encoding

AT = datetime(2026, 3, 2, 4, 30, tzinfo=UTC)
HOURS = tuple((AT + timedelta(hours=n), litres) for n, litres in enumerate((82_184.0, 82_190.0, 82_190.0, 82_301.0)))


def read(fmt: str, *written: tuple[str, bytes], pulse_l: float = 1.0) -> list[Decoded]:
    """Read messages beside a registry that says of the meter what it must."""
    how = encoding.played(fmt)
    memory = DeviceMemory(
        unit=lambda *_: how.unit or None,
        worth=lambda *_: pulse_l if how.counts else None,
        zone=lambda *_: UTC,
        rules=how.rules,
    )
    return [decode(*one, HOURS[-1][0] + timedelta(seconds=5), memory=memory) for one in written]


def registers(some: list[Decoded], pulse_l: float = 1.0) -> list[tuple[str, datetime | None, float]]:
    """Return (device, moment, litres) of each register that was read."""
    found = []
    for reading in (reading for one in some for reading in one.readings):
        if reading.quantity in {"water_volume_total", "pulse_count_total"}:
            worth = pulse_l if reading.quantity == "pulse_count_total" else 1.0
            assert isinstance(reading.value, int | float)
            found.append((reading.device, reading.time, reading.value * worth))
    return found


def test_a_meter_of_every_format_can_be_played() -> None:
    assert set(encoding.METERS) == set(FORMATS)
    assert set(encoding.MIXED) == set(FORMATS) - {"plain"}, "whose topics only the configuration knows"


@pytest.mark.parametrize("fmt", encoding.METERS)
@pytest.mark.parametrize("home", [0, 7, 99_999])
def test_a_register_is_read_as_it_was_written(fmt: str, home: int) -> None:
    how, (at, litres), device = encoding.played(fmt), HOURS[-1], encoding.meter(fmt, home)
    some = read(fmt, *encoding.readings(fmt, device, [HOURS[-1]]))
    assert {one.format for one in some} == {fmt}
    assert [one.rejected for one in some] == [None] * len(some)
    step = how.step_l or 1.0
    assert registers(some) == [(device, at if how.timed else None, litres // step * step)]


@pytest.mark.parametrize("fmt", encoding.METERS)
def test_fractions_of_a_litre_are_carried_as_far_as_the_format_says(fmt: str) -> None:
    how = encoding.played(fmt)
    some = read(fmt, *encoding.readings(fmt, encoding.meter(fmt, 7), [(AT, 82_184.3)], 0.1), pulse_l=0.1)
    (_, _, litres), *_ = registers(some, 0.1)
    assert litres == pytest.approx(82_184.3 // how.step_l * how.step_l if how.step_l else 82_184.3, abs=0.0005)


@pytest.mark.parametrize("fmt", encoding.METERS)
def test_what_a_meter_held_back_is_read_with_its_moments(fmt: str) -> None:
    how, device = encoding.played(fmt), encoding.meter(fmt, 7)
    step = how.step_l or 1.0
    wanted = [(device, at, litres // step * step) for at, litres in HOURS]
    found = registers(read(fmt, *encoding.readings(fmt, device, HOURS)))
    if how.timed:
        assert sorted(set(found)) == wanted
    else:
        assert [(litres) for _, _, litres in found] == [wanted[-1][2]]


@pytest.mark.parametrize("fmt", encoding.METERS)
def test_the_registry_takes_the_name_under_which_a_meter_is_played(fmt: str) -> None:
    how = encoding.played(fmt)
    assert len({encoding.meter(fmt, home) for home in range(100)}) == 100
    assert fmt in registry_import.formats()
    assert how.unit in {"", "L", "m3"}


def test_a_format_that_is_none_is_named_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"^want one of .*wmbusmeters.*, got 'morse'$"):
        encoding.readings("morse", "x", [HOURS[0]])
