"""Which homes of the service's drill areas play the parts of a script.

Homes of one grid are taken together, because they share a shift; a script without an owner of the shift wants a grid where
nobody is on duty.  Of the grids that fit the smallest comes first, so that large ones are left to the scripts that need them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from shuian.errors import BadInput
from simulators.drills import Drill

KIND = "drill"
"""The kind of an area below which everything exists for drills only."""


class Registry(Protocol):
    """What is asked of the service."""

    def rows(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of all pages of a list."""
        ...


def casts(drill: Drill, api: Registry, now: datetime) -> list[dict[str, str]]:
    """Return the ways to fill the parts of a script, the best first: what it calls each home, and the home's id.

    Raises
    ------
    BadInput
        There are fewer homes than it needs.
    """
    areas = {row["id"]: row for row in api.rows("/areas")}
    played = _below(areas)
    homes = {area: sorted(row["id"] for row in api.rows(f"/households?area={area}")) for area in sorted(played)}
    every = sorted(home for some in homes.values() for home in some)
    want = drill.number_of_homes
    if len(every) < want:
        raise BadInput(
            f"want {want} homes of drill areas for this drill, the registry has {len(every)}",
            "import more below an area of the kind drill (docs/drills.md)",
        )
    staffed = _staffed(areas, played, api.rows("/shifts"), now)
    fitting = [area for area in homes if len(homes[area]) >= want]
    fitting.sort(key=lambda area: ((area in staffed) != ("owner" in drill.people), len(homes[area]), area))
    names = [name for name, _ in drill.named()]
    pools = [homes[area] for area in fitting] or [every]
    return [dict(zip(names, pool, strict=False)) for pool in pools]


def _below(areas: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the drill areas with everything below them."""
    played = {name for name, row in areas.items() if row["kind"] == KIND}
    while more := {name for name, row in areas.items() if row.get("parent") in played} - played:
        played |= more
    return played


def _staffed(
    areas: Mapping[str, Mapping[str, Any]], played: Collection[str], shifts: Iterable[Mapping[str, Any]], now: datetime
) -> set[str]:
    """Return those of `played` in which somebody is on shift, there or in an area above."""
    on_duty: defaultdict[str, bool] = defaultdict(bool)
    for row in shifts:
        on_duty[row["area"]] |= _at(row["start"]) <= now < _at(row["end"])

    def manned(area: str | None) -> bool:
        return area is not None and (on_duty[area] or manned(areas.get(area, {}).get("parent")))

    return {area for area in played if manned(area)}


def _at(said: str) -> datetime:
    return datetime.fromisoformat(said)
