"""A meter's battery or radio dies from one message to the next: the abrupt end of what `battery` does slowly.

At the broker: its messages stop; nothing else does.
The service must: say that this meter is silent, raise nothing about the person, and say on every page that the home is
not watched.
"""

from collections.abc import Sequence

from simulators.reports import Report


def dead_meter(reports: Sequence[Report], device: str, at: float) -> list[Report]:
    """Return the reports that still arrive when `device` dies at `at` (seconds since 1970)."""
    return [one for one in reports if one.device != device or one.at <= at]
