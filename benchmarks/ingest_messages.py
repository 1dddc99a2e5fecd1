"""Messages of a fleet of meters: the `n`-th message says who reports what and when, so that nothing need be noted down."""

from datetime import UTC, datetime, timedelta

from ingest.bindings import Binding, FixedBindings
from ingest.devices import chirpstack, native, wmbusmeters

START = datetime(2026, 10, 20, tzinfo=UTC)
STEP = timedelta(minutes=15)
TOPICS = ("t/#", "wmbusmeters/#", "application/#")


def device(format_name: str, number: int) -> str:
    """Return the id of meter `number` as its format writes it."""
    return {"native": f"wm-{number:06d}", "wmbusmeters": f"{number:08d}", "chirpstack": f"{number:016x}"}[format_name]


def message(
    format_name: str, devices: int, n: int, start: datetime = START, step: timedelta = STEP
) -> tuple[str, bytes]:
    """Return topic and payload of message `n`: all meters in turn, then all again a `step` later."""
    name, turn = device(format_name, n % devices), n // devices
    at, litres = start + turn * step, 1000.0 + 3 * turn
    if format_name == "native":
        return native.encode("t", "north", name, f"m-{n}", [(at, litres + n % 4 / 4)])
    if format_name == "wmbusmeters":
        return wmbusmeters.encode(name, at, litres)
    return chirpstack.encode(name, at, litres)


def bindings(format_name: str, devices: int) -> FixedBindings:
    """Return a registry that knows all meters."""
    return FixedBindings(
        Binding(device(format_name, number), format_name, datetime(2020, 1, 1, tzinfo=UTC)) for number in range(devices)
    )
