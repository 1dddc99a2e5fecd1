"""A gateway dies, and with it everything that speaks through it.

At the broker: all its devices fall silent together, for ten minutes or three days.
The service must: tell it once, as one trouble of one gateway, and raise nothing about the people behind it.
"""

from collections.abc import Sequence

import numpy as np

from simulators.faults import Fault
from simulators.reports import Report

DOWN_S = (600.0, 3 * 86_400.0)
"""How long a gateway, or a cell of a mobile network, is down. [s]"""


def gateway_down(reports: Sequence[Report], gateway: str, at: float, until: float) -> list[Report]:
    """Return the reports that still arrive when `gateway` is down from `at` until `until` (seconds since 1970).

    What is said meanwhile is lost: the next register holds all that was drawn, nobody knows when.

    Raises
    ------
    ValueError
        `until` is not after `at`.
    """
    if not until > at:
        raise ValueError(f"want a gateway that is back after {at}, got {until}")
    return [one for one in reports if one.gateway != gateway or one.at <= at or one.at >= until]


def dead_gateway(reports: Sequence[Report], gateway: str, at: float) -> list[Report]:
    """Return the reports that still arrive when `gateway` dies at `at` (seconds since 1970)."""
    return gateway_down(reports, gateway, at, np.inf)


def strike(reports: Sequence[Report], at: float, rng: np.random.Generator) -> list[Report]:
    """Take down one of the gateways of these homes."""
    gateways = sorted({one.gateway for one in reports if one.gateway})
    if not gateways:
        return list(reports)
    gateway = gateways[int(rng.integers(len(gateways)))]
    return gateway_down(reports, gateway, at, at + rng.uniform(*DOWN_S))


FAULT = Fault("M7", "transport", strike, finds=("radio_outage",), never=("quiet", "surge", "leak"), group=True)
