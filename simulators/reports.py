"""What a device is about to say: the unit that transport may lose."""

from collections.abc import Mapping
from typing import NamedTuple


class Report(NamedTuple):
    """One report: when (seconds since 1970), whose, through which gateway, and what."""

    at: float
    device: str
    gateway: str
    said: float | Mapping[str, object]
    """The register of a meter [L], or the state of a sensor."""
