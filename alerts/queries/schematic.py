"""Buildings as tables of floors and doors: the address is the position.  Pure: it arranges homes, it reads nothing."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from alerts.queries.models import Home
from alerts.queries.states import STATES, HomeState

MOST_CELLS = 600
"""Above this many homes a cell each is no picture any more: one tile a building."""
_PARTS = re.compile(r"(\d+)")


class Column(NamedTuple):
    """A column of a building: the riser, and which door on each floor."""

    riser: str
    door: str


@dataclass(frozen=True, slots=True)
class Floor:
    """One row of a building; None where no home is registered."""

    name: str
    cells: tuple[HomeState | None, ...]


@dataclass(frozen=True, slots=True)
class Building:
    """One building: its floors, the highest first, and how many homes stand how."""

    name: str
    area: str
    columns: tuple[Column, ...]
    floors: tuple[Floor, ...]
    counts: tuple[tuple[str, int], ...]
    """(state, number of homes), in the order of `STATES`, without zeros."""

    @property
    def homes(self) -> int:
        """How many homes are registered in it."""
        return sum(number for _, number in self.counts)

    @property
    def risers(self) -> tuple[tuple[str, int], ...]:
        """(riser, number of columns) for a head over the columns; empty when no home names one."""
        spans = Counter(column.riser for column in self.columns)  # keeps the order of the columns
        return tuple(spans.items()) if set(spans) != {""} else ()


def in_order(text: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key in which "2" stands before "10" and "B1" before "B2"."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in _PARTS.split(text) if part)


def buildings(homes: Iterable[HomeState], with_cells: bool = True) -> tuple[Building, ...]:
    """Arrange homes by building, in the order of their names.

    Without cells, for more homes than a picture can show, only their counts, and what asks most of people first.
    """
    by_name: dict[tuple[str, str], list[HomeState]] = defaultdict(list)
    for one in homes:
        by_name[one.home.building, one.home.area].append(one)
    found = [
        _building(name, area, members, with_cells)
        for (name, area), members in sorted(by_name.items(), key=lambda item: (in_order(item[0][0]), item[0][1]))
    ]
    return tuple(found if with_cells else sorted(found, key=_by_need))


def _by_need(building: Building) -> tuple[int, int]:
    worst, number = building.counts[0]
    return STATES.index(worst), -number


def _building(name: str, area: str, members: Sequence[HomeState], with_cells: bool) -> Building:
    counts = Counter(one.state for one in members)
    shown = tuple((state, counts[state]) for state in STATES if counts[state])
    if not with_cells:
        return Building(name, area, (), (), shown)
    places = _places(members)
    columns = sorted({column for _, column in places.values()}, key=lambda c: (in_order(c.riser), in_order(c.door)))
    by_place = {place: one for one in members for place in [places[one.home.id]]}
    names = sorted({floor for floor, _ in places.values()}, key=in_order, reverse=True)
    floors = tuple(Floor(floor, tuple(by_place.get((floor, column)) for column in columns)) for floor in names)
    return Building(name, area, tuple(columns), floors, shown)


def _places(members: Sequence[HomeState]) -> dict[str, tuple[str, Column]]:
    """Return floor and column of each home by its id.

    Doors are usually numbered floor by floor (301, 401, …), so the column is what follows the floor's number.  Where
    they are not, or two homes would share a place, the doors of a floor stand in their order.
    """
    by_door = {one.home.id: (one.home.floor or "", Column(one.home.riser or "", _door(one.home))) for one in members}
    widest = max(Counter((floor, column.riser) for floor, column in by_door.values()).values())
    widths = Counter(column.riser for column in {column for _, column in by_door.values()})
    if len(set(by_door.values())) == len(members) and max(widths.values()) <= 2 * widest:
        return by_door
    by_turn: dict[str, tuple[str, Column]] = {}
    turns: Counter[tuple[str, str]] = Counter()
    for one in sorted(members, key=lambda one: (in_order(one.home.door), one.home.id)):
        floor, riser = one.home.floor or "", one.home.riser or ""
        turns[floor, riser] += 1
        by_turn[one.home.id] = (floor, Column(riser, str(turns[floor, riser])))
    return by_turn


def _door(home: Home) -> str:
    floor = home.floor or ""
    return home.door[len(floor) :] if floor and home.door.startswith(floor) and home.door != floor else home.door
