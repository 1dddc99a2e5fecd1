"""Which device may be stored, and how to read it.  No identity: a binding never names a household or a person."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Binding:
    """What the wire does not say about a device, valid from `valid_from` until `valid_to` (None: open)."""

    device: str
    format: str
    valid_from: datetime
    valid_to: datetime | None = None
    unit: str | None = None
    """Unit of the register if the format does not carry one: L, m3, gal_us, ft3."""
    litres_per_pulse: float | None = None
    resolution_l: float | None = 1.0
    """Smallest step of the register [L]; None: a sensor, which has none."""
    modulus_l: float | None = None
    """Register size: the value after which it starts again at 0. [L]"""
    zone: str | None = None
    """IANA zone of the device's clock where it sends local time without an offset: its home's unless it has its own."""
    period_s: int = 3600
    """How often the device reports. [s]"""
    consented: bool = True
    """False: known, but nobody agreed to its readings being kept."""


class Bindings(Protocol):
    """What ingest asks of whoever knows the registry."""

    def at(self, device: str, time: datetime) -> Binding | None:
        """Return the binding of `device` at `time`, None when the device is unknown at that time."""
        ...


class FixedBindings:
    """Bindings from a list: what the pipeline fills from the registry, and what tests use."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        self._by_device: dict[str, list[Binding]] = {}
        for binding in bindings:
            self._by_device.setdefault(binding.device, []).append(binding)

    def at(self, device: str, time: datetime) -> Binding | None:
        """Return the binding of `device` at `time`, None when the device is unknown at that time."""
        for binding in self._by_device.get(device, ()):
            if binding.valid_from <= time and (binding.valid_to is None or time < binding.valid_to):
                return binding
        return None
