"""Homes that have something in common, a pipe or a gateway, and what is claimed of all of them at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from detectors.bins import Bools, Floats, Rows
from detectors.findings import Evidence

GroupKind = Literal["building", "riser", "gateway"]
AreaKind = Literal["water_outage", "radio_outage"]


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of homes behind one pipe (building, riser) or one gateway."""

    name: str
    kind: GroupKind
    rows: Rows


@dataclass(frozen=True, slots=True)
class AreaFinding:
    """One claim about a group since `onset`; times are seconds since 1970-01-01 UTC.

    (group, kind, onset) names an episode and never changes while it is open.  `rows` are the homes it is about: all in a
    building without water, the unheard ones of a dead gateway.  `silent` are those whose silence it was raised on.
    """

    group: str
    kind: AreaKind
    onset: float
    raised_at: float
    rows: tuple[int, ...]
    reason: str
    evidence: Evidence
    cleared_at: float | None = None
    silent: tuple[int, ...] = ()


class Members:
    """Groups laid out flat, so that all of them are counted by one call.

    Attributes
    ----------
    groups : list of Group
        Those that are not empty.
    row : (M,) intp
        Their rows, one group after another.
    group : (M,) intp
        Place of each row's group.
    """

    def __init__(self, groups: Sequence[Group] = ()) -> None:
        self.groups = [group for group in groups if len(group.rows)]
        sizes = np.array([len(group.rows) for group in self.groups], np.intp)
        self.row: Rows = np.concatenate([np.empty(0, np.intp), *(group.rows for group in self.groups)]).astype(np.intp)
        self.group: Rows = np.repeat(np.arange(len(sizes)), sizes)
        self.of_name = {group.name: place for place, group in enumerate(self.groups)}

    def __len__(self) -> int:
        return len(self.groups)

    def same(self, groups: Sequence[Group]) -> bool:
        """Return whether these are the same groups of the same rows."""
        given = [group for group in groups if len(group.rows)]
        names = [(group.name, group.kind, len(group.rows)) for group in given]
        if names != [(group.name, group.kind, len(group.rows)) for group in self.groups]:
            return False
        return bool(np.array_equal(np.concatenate([np.empty(0, np.intp), *(group.rows for group in given)]), self.row))

    def count(self, members: Bools | Floats) -> Floats:
        """Return (G,) sums over the groups of a value for each member, (M,)."""
        return np.bincount(self.group, members, len(self)).astype(np.float64)

    def parents(self) -> dict[int, int]:
        """Return riser -> building, as places, where all homes of the riser lie in the building."""
        buildings = [(place, set(one.rows.tolist())) for place, one in enumerate(self.groups) if one.kind == "building"]
        of_row = {row: place for place, rows in buildings for row in rows}
        rows_of = dict(buildings)
        found = {}
        for place, one in enumerate(self.groups):
            above = of_row.get(int(one.rows[0])) if one.kind == "riser" else None
            if above is not None and rows_of[above].issuperset(one.rows.tolist()):
                found[place] = above
        return found
