"""A gateway dies, and with it everything that speaks through it.

At the broker: all its devices fall silent together.
The service must: tell it once, as one trouble of one gateway, and raise nothing about the people behind it.
"""

from collections.abc import Sequence

from simulators.reports import Report


def dead_gateway(reports: Sequence[Report], gateway: str, at: float) -> list[Report]:
    """Return the reports that still arrive when `gateway` dies at `at` (seconds since 1970)."""
    return [one for one in reports if one.gateway != gateway or one.at <= at]
