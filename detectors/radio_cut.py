"""A dead gateway: meters that fell silent together.  Their silence says nothing about the meters, nor about the homes."""

from dataclasses import dataclass

import numpy as np

from detectors.bins import Bools, Floats, Rows
from detectors.groups import Members
from detectors.partition import Partition

APART_S = 60.0
"""Reports of one moment arrive within this. [s]"""


@dataclass(frozen=True, slots=True)
class RadioSettings:
    """When meters that are not heard are a gateway that is not heard."""

    meters: int = 5
    share: float = 0.8
    """At least so many meters, and this share of those that spoke until then, are silent together."""
    periods: float = 3.0
    least_s: float = 1800.0
    """Silent: not heard for so many report periods, and at least this long."""
    back_share: float = 0.5
    """Over when this share is heard again."""


@dataclass(frozen=True, slots=True)
class RadioCut:
    """A group that is not heard."""

    group: int
    onset: float
    """When the last of them was heard."""
    rows: Rows
    """Meters not heard since, also those that are not due yet."""
    silent: Rows
    of_meters: int
    period_s: float


def cuts(
    partition: Partition, members: Members, active: Bools, now: float, listening_since: float, s: RadioSettings
) -> list[RadioCut]:
    """Return the groups whose meters fell silent together.

    Time before `listening_since`, in which we did not listen, is not held against them.
    """
    heard, limit = partition.heard(), np.maximum(s.periods * partition.period_s(), s.least_s)
    silent = active & (now - np.fmax(heard, listening_since) >= limit) & np.isfinite(heard)
    counted = members.count(silent[members.row])
    found = []
    for place in np.flatnonzero(counted >= s.share * s.meters).tolist():
        rows = members.groups[place].rows
        cut = _together(place, rows[active[rows]], heard, limit, silent, partition.period_s(), s)
        if cut is not None:
            found.append(cut)
    return found


def _together(
    place: int, rows: Rows, heard: Floats, limit: Floats, silent: Bools, period: Floats, s: RadioSettings
) -> RadioCut | None:
    onset = float(heard[rows[silent[rows]]].max())
    spoke = rows[np.isfinite(heard[rows]) & (onset - heard[rows] < limit[rows])]  # others were silent before already
    at_once = heard[spoke] >= onset - period[spoke] - APART_S
    together = spoke[silent[spoke] & at_once]
    if len(spoke) < s.meters or len(together) < s.share * len(spoke):
        return None
    quiet = spoke[heard[spoke] <= onset]
    return RadioCut(place, onset, quiet, together, len(spoke), float(np.median(period[together])))


def over(partition: Partition, onset: float, rows: Rows, active: Bools, s: RadioSettings) -> bool:
    """Return whether a group is heard again, or none of its meters is watched any more."""
    here = rows[active[rows]]
    return bool((partition.heard()[here] > onset).sum() >= s.back_share * len(here))
