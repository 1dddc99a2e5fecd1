"""What a maker's own names mean: product -> identifier -> quantity and unit, from the configuration.

Products are free to call their properties anything, and two products may mean two things by one name.  Readers know the
names that say what they are; the rest is told here, once for a product, by whoever has the product's model before them.
Where a message names no product, the name of the format stands in for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ingest.measures import FACTORS

QUANTITIES: Mapping[str, str] = {
    "water_volume_total": "L",
    "water_flow": "L/h",
    "pulse_count_total": "count",
    "temperature": "Cel",
    "humidity": "%RH",
    "battery": "%",
    "battery_voltage": "V",
    "switch": "bool",
    "valve_open": "bool",
    "water_leak": "bool",
    "smoke": "bool",
    "motion": "bool",
    "occupancy": "bool",
    "presence": "bool",
    "contact_open": "bool",
    "sos": "event",
}
"""Quantity -> our unit: what an identifier may mean."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one identifier means; `unit` is the unit on the wire, None: the device's register by the registry.

    Raises
    ------
    ValueError
        No such quantity, or a unit that does not measure it.
    """

    quantity: str
    unit: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no reader could use."""
        if self.quantity not in QUANTITIES:
            raise ValueError(f"want a quantity out of {', '.join(QUANTITIES)}, got {self.quantity!r}")
        ours = QUANTITIES[self.quantity]
        fit = [unit for unit, (becomes, _) in FACTORS.items() if becomes == ours]
        if self.unit is not None and self.unit not in fit:
            wanted = ", ".join(fit) or "no unit"
            raise ValueError(f"want {wanted} for {self.quantity}, got {self.unit!r}")


Identifiers = Mapping[str, Mapping[str, Meaning]]
"""Product or format -> identifier -> meaning."""
