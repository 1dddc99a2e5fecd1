"""What a device is about to say: the unit that a fault of the transport may lose, delay, repeat or spoil."""

from collections.abc import Mapping
from typing import NamedTuple


class Report(NamedTuple):
    """One report: when it is handed to the broker, whose it is, through which gateway it comes, and what it says."""

    at: float
    """Seconds since 1970."""
    device: str
    gateway: str
    said: float | Mapping[str, object] | None
    """The register of a meter [L], or the state of a sensor; None: a heartbeat without a reading."""
    measured: float | None = None
    """When the device measured, by its own clock [s since 1970]; None: at `at`."""
    retained: bool = False
    payload: bytes | None = None
    """Bytes that are sent instead of the encoded message: garbled on the way."""
    copy: int = 0
    """0: the message itself; n: its n-th repetition, under the same message id."""
    attempt: int = 0
    """0: the message itself; n: sent once more under a message id of its own, by a gateway that numbers its attempts."""
    charge: float | None = None
    """How full the battery is by the device's own word [%]; None: it says nothing of it."""
    earlier: tuple[tuple[float, float], ...] = ()
    """What the meter held back until this message: (how long before [s], register [L]) of each reading, oldest first."""
