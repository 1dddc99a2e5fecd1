"""Scripts of drills: one file a drill, found by itself, pure data.

To add a drill, add a module with a `DRILL` to this folder; nothing else changes.  Its first line says what happens, and its
file's name is the drill's.  Modules are imported when this package is, so that one that cannot be played stops the program at
its start.  Names that begin with an underscore are helpers and no drills.

A script knows no service: it says which homes and people it needs, what goes wrong with them (`simulators.faults`, by its
code), what people who do not exist do when they are told something, what must be seen to happen and by when, and when it is
over.  `shuian.drill` plays it; `docs/drills.md` says how.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from inspect import cleandoc
from types import MappingProxyType
from typing import Any, Literal, get_args

from simulators.faults import faults

__all__ = ["DRILLS", "DUE", "KINDS", "WATCHED_S", "Does", "Down", "Drill", "Expect", "Homes", "Plays", "Strikes"]

Role = Literal["owner", "backup", "lead", "operator", "family"]
"""The parts that people play; a shift has the first three."""
ROLES: tuple[Role, ...] = get_args(Role)
Deed = Literal[
    "see", "accept", "decline", "set off", "arrive", "no answer", "outcome", "declare away", "confirm away", "back"
]  # fmt: skip
DEEDS: tuple[Deed, ...] = get_args(Deed)
Step = Literal[
    "case", "told", "seen", "accepted", "on_site", "outcome", "unattended", "area", "area_over", "meter_case", "folded"
]  # fmt: skip
STEPS: tuple[Step, ...] = get_args(Step)
Kind = Literal["tabletop", "technical", "live"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""How a script can be played: findings played in and nobody who exists; simulated meters; findings and real workers."""
GROUPS = ("water_outage", "radio_outage")
"""Findings about many homes at once."""
ALONE = ("quiet", "surge", "leak")
"""Findings about one home that a script's faults are played in as, if it does not say itself."""
BEGAN_S = 12 * 3600.0
"""A finding that falls due at the beginning began so long before. [s]"""
DUE = "due"
"""Instead of a time: so placed that what the detectors find falls due when the drill begins."""
PLATFORM_S = 300.0
"""By then whatever is due has been found and told, whoever answers. [C] [s]"""
WATCHED_S = 900.0
"""How long is looked at what must never happen: until it would have been found and told (`PLATFORM_S`), and then one rung
of the usual ladder (ten minutes) longer, so that a wrong case would have climbed where it is seen. [C] [s]"""


@dataclass(frozen=True, slots=True)
class Homes:
    """The homes of one part: how many, and what they share."""

    number: int = 1
    building: str = "1"
    """All of a part stand in it; empty: each has its own."""
    gateway: str = ""
    """All of a part hear through this one; empty: each has its own."""
    period_s: int = 3600
    """How often its meter reports before the drill; then it is read every quarter of a minute. [s]"""


@dataclass(frozen=True, slots=True)
class Strikes:
    """A fault strikes the homes of a part; times in seconds from the beginning of the drill, below 0 before it.

    `begins` may be `DUE`, or a time of the home's own clock such as ``02:00``: the last one before the beginning.
    """

    fault: str
    part: str
    begins: float | str
    ends_s: float | None = None
    """None: it lasts until the end."""


@dataclass(frozen=True, slots=True)
class Plays:
    """A finding that is played in where no meters are simulated; seconds from the beginning of the drill.

    One of `GROUPS` is about all homes of its parts together, any other about each of them.
    """

    kind: str
    parts: tuple[str, ...]
    severity: Literal["red", "amber", "blue"] = "red"
    began_s: float = -BEGAN_S
    at_s: float = 0.0
    """When it is found."""
    until_s: float | None = None
    """When it holds no longer; None: it holds until the end."""


@dataclass(frozen=True, slots=True)
class Does:
    """Somebody who does not exist does something, `after_s` after being told of a home of a part with a notice.

    `told` is the name of the notice's text, ``start``: from the beginning.  Nothing said: they do nothing.
    """

    who: Role
    what: Deed
    after_s: float
    told: str = "offer"
    part: str = ""
    """Only about homes of this part; empty: about all."""
    code: str = ""
    """Of an outcome (`alerts.outcomes`), or why an offer is declined."""


@dataclass(frozen=True, slots=True)
class Down:
    """A provider of messages does not work for a while; seconds from the beginning."""

    channel: str
    begins_s: float = 0.0
    ends_s: float | None = None


@dataclass(frozen=True, slots=True)
class Expect:
    """What must be seen to happen, for each home of a part; `within_s` after the beginning, or after another step.

    `never`: it must not happen before the end.
    """

    step: Step
    within_s: float
    part: str = ""
    who: Role | None = None
    after: Step | Literal["start"] = "start"
    never: bool = False

    def data(self) -> dict[str, Any]:
        """Return it as the service takes it."""
        said = {"step": self.step, "part": self.part, "who": self.who or "", "within_s": self.within_s}
        return said | {"after": self.after, "never": self.never}


@dataclass(frozen=True)
class Drill:
    """A script.

    Raises
    ------
    ValueError
        It names a part, a fault, a role or a deed that there is not, or expects something after its own end.
    """

    homes: Mapping[str, Homes]
    people: tuple[Role, ...]
    must: tuple[Expect, ...]
    ends_s: float
    """Its hard end after the beginning: by then everything is over. [s]"""
    strikes: tuple[Strikes, ...] = ()
    does: tuple[Does, ...] = ()
    down: tuple[Down, ...] = ()
    plays: tuple[Plays, ...] = ()
    """What is played in where no meters are simulated; empty: what its faults would be found as."""
    kinds: tuple[Kind, ...] = KINDS
    """How it can be played."""
    watched_s: float = 0.0
    """A player ends it no sooner, even if everything that has to happen has: for what must never happen. [s]"""
    history_days: int = 28
    """How long the homes have lived before, as day batches: what is usual for them is learnt from it."""
    module: str = field(default="", compare=False, repr=False)
    """Where it stands: filled in when it is found."""

    def __post_init__(self) -> None:
        """Check that it can be played."""
        if wrong := "; ".join(self._wrong()):
            raise ValueError(wrong)

    def _wrong(self) -> list[str]:
        wrong = [f"want a part of {', '.join(self.homes)}; got {part!r}" for part in self._parts() - {"", *self.homes}]
        wrong += [f"want kinds of {', '.join(KINDS)}; got {one!r}" for one in set(self.kinds) - set(KINDS)]
        wrong += [f"{one.kind} over before it is found" for one in self.plays if (one.until_s or 1e9) <= one.at_s]
        codes = {one.fault for one in self.strikes} - set(faults())
        wrong += [f"there is no fault {code}" for code in sorted(codes)]
        roles = {one.who for one in self.does} | {one.who for one in self.must if one.who} | set(self.people)
        wrong += [f"want a role of {', '.join(ROLES)}; got {role!r}" for role in roles - set(ROLES)]
        wrong += [f"nobody plays the {one.who}" for one in self.does if one.who not in self.people]
        wrong += [f"want a deed of {', '.join(DEEDS)}; got {one.what!r}" for one in self.does if one.what not in DEEDS]
        wrong += [f"{e.step} within {e.within_s} s: the drill ends before" for e in self.must if self._late(e)]
        if self.must and all(one.never for one in self.must) and not self.watched_s:
            wrong.append("nothing has to happen: say how long it is watched")
        if self.watched_s > self.ends_s:
            wrong.append(f"watched for {self.watched_s} s: the drill ends before")
        return wrong if self.must else [*wrong, "want something that must happen"]

    def _parts(self) -> set[str]:
        played = {part for one in self.plays for part in one.parts}
        return played | {one.part for some in (self.strikes, self.does, self.must) for one in some}

    def _late(self, one: Expect) -> bool:
        return not one.never and one.after == "start" and one.within_s > self.ends_s

    @property
    def number_of_homes(self) -> int:
        """How many homes it needs."""
        return sum(part.number for part in self.homes.values())

    def named(self) -> list[tuple[str, str]]:
        """Return its homes in order: the name of each within the drill, and its part."""
        return [
            (f"{part}-{n + 1}" if homes.number > 1 else part, part)
            for part, homes in self.homes.items()
            for n in range(homes.number)
        ]

    def played(self) -> tuple[Plays, ...]:
        """Return what is played in where no meters are simulated."""
        if self.plays:
            return self.plays
        found = [(one, kind) for one in self.strikes for kind in faults()[one.fault].finds if kind in ALONE]
        return tuple(
            Plays(kind, (one.part,), began_s=one.begins if isinstance(one.begins, float) else -BEGAN_S)
            for one, kind in found
        )

    @cached_property
    def happens(self) -> str:
        """What happens, in a sentence."""
        return cleandoc(importlib.import_module(self.module).__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def _discover() -> dict[str, Drill]:
    found = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda one: one.name):
        if not module.name.startswith("_"):
            name = f"{__name__}.{module.name}"
            drill: Drill = importlib.import_module(name).DRILL
            object.__setattr__(drill, "module", name)
            found[module.name] = drill
    return found


DRILLS: Mapping[str, Drill] = MappingProxyType(_discover())
"""Every drill by the name of its file."""
