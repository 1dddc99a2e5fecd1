"""The homes and people that a run of a drill brings with it: rows for the service's registry, and their end.

Every run has a cast of its own: an area of its own below one of the kind ``drill``, homes, residents who agreed to everything,
relatives, a shift, meters, all under ids that nobody had before.  So two runs share no home, no person and no history, may
go on side by side, and a drill can be repeated at once.  Whoever is on shift and every meter stands there until the hard end
only: of a player that is killed nothing is left that lasts, and its area says until when it is needed (`over_by`).

Pure: `shuian.drill_stage` carries these rows to the service and takes them out again.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from simulators.drills import Drill, Homes, Role

FORMAT = "native"
LITRE = 1.0
MODULUS_L = 99_999_999
PURPOSES = ("monitor", "community", "relative")
AFTER_S = 600.0
"""Shift and meters stand for so long after the hard end: the last messages are about people who are still there. [s]"""
BEFORE = timedelta(hours=1)
"""The shift has begun so long before."""
WHO = "{who}"
"""In an address: the id of whom it belongs to."""
NEEDED = re.compile(r" \(until (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\)$")
"""How the name of a cast's area ends while it is needed."""
STAFF: Mapping[Role, str] = {"owner": "worker", "backup": "worker", "lead": "lead", "operator": "operator"}
"""Role of a script -> role in the registry; `family` are contacts."""
SAID: Mapping[Role, str] = {
    "owner": "演练网格员", "backup": "演练后备", "lead": "演练组长", "operator": "演练值班", "family": "演练家属",
}  # fmt: skip


class Reach(NamedTuple):
    """How the people of a cast are reached: two cells as in the registry's sheets.

    `{who}` in the address stands for the id of whoever it belongs to, so that a gateway can tell them apart.
    """

    channel: str
    address: str

    def of(self, who: str) -> dict[str, str]:
        """Return the two cells of somebody."""
        return {"channel": self.channel, "address": self.address.replace(WHO, who)}


class Row(NamedTuple):
    """A row of the registry, to be put under this id."""

    sheet: str
    id: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CastHome:
    """A home of a cast."""

    part: str
    name: str
    """What the script calls it: the part, or ``dry-3``."""
    id: str
    homes: Homes
    number: int
    """Its place among the homes of the cast, from 0 up."""

    @property
    def meter(self) -> str:
        """Return the name of its meter."""
        return f"{self.id}-m"

    @property
    def next_meter(self) -> str:
        """Return the name of the meter that takes its place, if one does."""
        return f"{self.id}-m2"

    @property
    def seed(self) -> int:
        """Return what shifts its reports within the period: nothing, they come on the full one."""
        return 0

    @property
    def sensors(self) -> tuple[str, ...]:
        """Return the kinds of its sensors: it has a meter alone."""
        return ()

    @property
    def period_s(self) -> int:
        """Return how often its meter reports [s]."""
        return self.homes.period_s

    @property
    def resident(self) -> str:
        """Return the id of who lives there."""
        return f"{self.id}-r"

    @property
    def contact(self) -> str:
        """Return the id of the relative."""
        return f"{self.id}-f"


@dataclass(frozen=True)
class Cast:
    """Homes and people of one run.

    Parameters
    ----------
    name : str
        Of the script.
    drill : Drill
        The script.
    tag : str
        What makes all its ids new: letters, digits and hyphens, at most 24.
    parent : str
        An area of the kind ``drill``, or one below it.
    zone : str
        In which its homes tell the time.
    reach : Reach
        How its people are reached.
    start, until : datetime
        Aware: from when to when its people and meters are there; the history of its meters begins before `start`.
    """

    name: str
    drill: Drill
    tag: str
    parent: str
    zone: str
    reach: Reach
    start: datetime
    until: datetime

    @property
    def homes(self) -> tuple[CastHome, ...]:
        """Return its homes in the order of the script."""
        named = enumerate(self.drill.named())
        return tuple(
            CastHome(part, name, f"{self.tag}-{n + 1:02d}", self.drill.homes[part], n) for n, (name, part) in named
        )

    @property
    def by_name(self) -> dict[str, str]:
        """Return the id of each home by what the script calls it: what ``POST /drills`` takes."""
        return {home.name: home.id for home in self.homes}

    def person(self, role: Role) -> str:
        """Return the id of whoever plays a role; `family` are many (`CastHome.contact`)."""
        return f"{self.tag}-{role}"

    def gateway(self, home: CastHome) -> str:
        """Return the gateway through which a home is heard."""
        return f"{self.tag}-{home.homes.gateway}" if home.homes.gateway else f"{home.id}-gw"

    # --- coming ------------------------------------------------------------------------------------------------------

    def rows(self) -> Iterator[Row]:
        """Yield its rows in an order in which each finds what it refers to."""
        yield self._area(f"演练 {self.name} {self.tag} (until {self._over_by:%Y-%m-%dT%H:%M:%SZ})")
        for role in self.drill.people:
            if role in STAFF:
                yield Row("workers", self.person(role), self._worker(role))
        if "owner" in self.drill.people:
            yield Row("shifts", f"{self.tag}-shift", self._shift())
        for home in self.homes:
            yield from self._home(home)

    def _area(self, name: str) -> Row:
        return Row("areas", self.tag, {"parent": self.parent, "kind": "grid", "name": name})

    @property
    def _over_by(self) -> datetime:
        return (self.until + timedelta(seconds=AFTER_S)).astimezone(UTC)

    def _worker(self, role: Role) -> dict[str, Any]:
        who = self.person(role)
        return {"name": SAID[role], "role": STAFF[role], "area": self.tag, **self.reach.of(who)}

    def _shift(self) -> dict[str, Any]:
        staff: tuple[Role, ...] = ("owner", "backup", "lead")
        there: dict[str, Any] = {role: self.person(role) for role in staff if role in self.drill.people}
        start = (self.start - BEFORE).isoformat()
        return {"area": self.tag, "start": start, "end": self._over_by.isoformat(), **there}

    def _home(self, home: CastHome) -> Iterator[Row]:
        door, number = f"{home.number // 2 + 1}0{home.number % 2 + 1}", home.number + 1
        building = f"演练{home.homes.building or number}号楼"
        there = {"area": self.tag, "building": building, "door": door, "tz": self.zone}
        yield Row("households", home.id, there)
        yield Row("residents", home.resident, {"household": home.id, "name": f"演练住户{number}"})
        given = {"resident": home.resident, "version": "1", "given_by": "resident", "evidence": "drill"}
        for purpose in PURPOSES:
            agreed = {"purpose": purpose, "given_at": (self.start - BEFORE).isoformat()}
            yield Row("consents", f"{home.id}-{purpose}", given | agreed)
        if "family" in self.drill.people:
            who = {"resident": home.resident, "name": f"{SAID['family']}{number}", "order": 1}
            yield Row("contacts", home.contact, {**who, **self.reach.of(home.contact)})
        first = self.start - timedelta(days=self.drill.history_days + 2)
        yield self.fitted(home, home.meter, first)

    def fitted(self, home: CastHome, meter: str, since: datetime, until: datetime | None = None) -> Row:
        """Return the row of a meter of a home; also the work order that ends it, or that begins the next one."""
        body = {
            "id": meter, "format": FORMAT, "household": home.id, "from": since.isoformat(),
            "to": (until or self._over_by).isoformat(), "resolution_l": LITRE, "modulus": MODULUS_L,
            "period": home.period_s, "zone": "UTC", "gateway": self.gateway(home),
        }  # fmt: skip
        return Row("devices", meter, body)

    def swapped(self, home: CastHome, at: datetime) -> tuple[Row, Row]:
        """Return the work order of a meter that is replaced at `at`: the end of the old one, then the new one."""
        first = self.start - timedelta(days=self.drill.history_days + 2)
        return self.fitted(home, home.meter, first, at), self.fitted(home, home.next_meter, at)


# --- going -------------------------------------------------------------------------------------------------------------


def over_by(name: str) -> datetime | None:
    """Return until when the area of this name is needed by its cast; None: it is no cast's, or that has been taken out."""
    found = NEEDED.search(name)
    return datetime.fromisoformat(found[1]) if found else None


def without_end(name: str) -> str:
    """Return what the area of a cast is called once it has been taken out."""
    return NEEDED.sub("", name)


def agreed(home: str) -> list[str]:
    """Return the ids of the consents of a home of a cast."""
    return [f"{home}-{purpose}" for purpose in PURPOSES]
