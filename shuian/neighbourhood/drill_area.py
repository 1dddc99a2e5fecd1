"""The demo's area for drills: for each script a grid with as many homes as it needs, and people who do not exist.

Nobody lives there and no device hangs there: at a tabletop findings are played in, and a technical drill brings homes of its
own.  Who works in a grid is who the script's people are: without an owner, nobody is on duty.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shuian.neighbourhood import ZONE
from simulators.drills import DRILLS, Drill

AREA, OPERATOR = "dr", "dr-ops"
SHIFT = ("owner", "backup", "lead")
NAMES = {"owner": "演练甲", "backup": "演练乙", "lead": "演练丙"}
Rows = list[tuple[object, ...]]


@dataclass(frozen=True)
class Place:
    """One home of the area."""

    id: str
    grid: str
    building: str
    gateway: str
    floor: int
    door: str
    channels: tuple[str, ...]
    """How its relatives are told."""
    phone: str


@dataclass(frozen=True)
class Grid:
    """The grid of one script."""

    id: str
    number: int
    drill: Drill

    @property
    def channels(self) -> tuple[str, ...]:
        """Providers that the script takes down come first: otherwise nobody would miss them."""
        return tuple(one.channel for one in self.drill.down)

    def places(self) -> Iterator[Place]:
        """Yield its homes, two doors a floor."""
        parts = [homes for homes in self.drill.homes.values() for _ in range(homes.number)]
        for n, homes in enumerate(parts):
            floor, door = n // 2 + 1, f"{n // 2 + 1}0{n % 2 + 1}"
            place, building = f"{self.id}-{door}", f"演练 {self.number}-{homes.building} 栋"
            yield Place(place, self.id, building, homes.gateway, floor, door, self.channels, self.phone(10 + n))

    def phone(self, who: int) -> str:
        """Return the number of somebody of this grid; nothing is ever sent to it but on this machine."""
        return f"1390000{self.number:02d}{who:02d}"


GRIDS = tuple(Grid(f"dr-{n:02d}", n, drill) for n, drill in enumerate(DRILLS.values(), 1))


def drill_people(first: str, last: str) -> dict[str, Rows]:
    """Return the rows of areas, workers and shifts."""
    workers: Rows = [(OPERATOR, "演练值班", "operator", AREA, "email", f"{OPERATOR}@demo.invalid")]
    shifts: Rows = []
    for grid in GRIDS:
        who = {role: f"{grid.id}-{role}" if role in grid.drill.people else "" for role in SHIFT}
        for n, role in enumerate(SHIFT):
            if who[role]:
                ways = _ways(grid.channels, grid.phone(n), f"{who[role]}@demo.invalid")
                name = f"{NAMES[role]}{grid.number}"
                workers.append((who[role], name, "lead" if role == "lead" else "worker", grid.id, *ways))
        if who["owner"]:
            shifts.append((grid.id, first, last, *who.values()))
    areas: Rows = [(AREA, "", "drill", "演练区"), *((g.id, AREA, "grid", f"演练第 {g.number} 网格") for g in GRIDS)]
    return {"areas": areas, "workers": workers, "shifts": shifts}


def drill_homes(since: str) -> dict[str, Rows]:
    """Return the rows of households, residents, consents and contacts."""
    places = [place for grid in GRIDS for place in grid.places()]
    return {
        "households": [(p.id, p.grid, p.building, "", p.floor, p.door, ZONE.key) for p in places],
        "residents": [(f"r-{p.id}", p.id, f"演练住户 {p.id}", "", "", "") for p in places],
        "consents": list(_consents(places, since)),
        "contacts": [
            (
                f"f-{p.id}", f"r-{p.id}", f"演练家属 {p.id}", 1,
                *_ways(p.channels, p.phone, f"family-{p.id}@demo.invalid"),
            )
            for p in places
        ],
    }  # fmt: skip


def _consents(places: Iterable[Place], since: str) -> Iterator[tuple[object, ...]]:
    for place in places:
        for purpose in ("monitor", "community", "relative"):
            yield f"r-{place.id}", purpose, "", "1", since, "resident", "demo", ""


def _ways(down: Sequence[str], phone: str, address: str) -> tuple[str, str]:
    """Return the cells channel and address: e-mail, and where a script takes text messages down, those first."""
    return ("sms;email", f"{phone};{address}") if "sms" in down else ("email", address)
