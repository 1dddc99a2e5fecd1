"""Frozen cohorts: simulated homes that detectors are compared on, today and in years.

A cohort is a file of its own: its seed, its days and *all* settings of its people, so that later and better settings do
not move it; and the hash of the bytes it gives.  Nobody may retune one: what is to be different gets a new name.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from simulators.calendars import Calendar
from simulators.households import Drawn, home_seeds, joined, lives, trips
from simulators.profiles import Profile

AT_A_TIME = FIRST = 100
"""Homes that are worked out at a time, and that a quick look takes."""


@dataclass(frozen=True)
class Kind:
    """What some homes of a cohort have in common."""

    profile: Profile
    trips: bool
    """Whether anybody stays away over night."""
    declared: bool
    """Whether that is declared."""


@dataclass(frozen=True)
class Cohort:
    """Homes 0 to `homes` - 1; home n is of kind n mod the number of kinds."""

    name: str
    seed: int
    homes: int
    start: datetime
    """Aware, local midnight."""
    days: int
    train_days: int
    """The first of the days are for learning; what is found counts from then on."""
    zone: ZoneInfo
    kinds: tuple[Kind, ...]
    frozen: str
    """Hash of the bytes of all draws."""
    frozen_first: str
    """The same of the first `FIRST` homes: a look that takes a second."""

    def drawn(self, homes: range) -> Drawn:
        """Return the draws of some homes; `home` counts from 0 in the range."""
        seeds, numbers, parts = home_seeds(self.seed, homes), np.array(homes), []
        for n, kind in enumerate(self.kinds):
            mine = np.flatnonzero(numbers % len(self.kinds) == n)
            if len(mine):
                some = lives(seeds[mine], self.start, self.days, self.zone, kind.profile, trips=kind.trips)
                parts.append(some._replace(home=mine[some.home].astype(np.int32)))
        return joined(*parts)

    def blocks(self) -> Iterator[tuple[range, Drawn]]:
        """Return all homes, some at a time."""
        for first in range(0, self.homes, AT_A_TIME):
            some = range(first, min(first + AT_A_TIME, self.homes))
            yield some, self.drawn(some)

    def kind(self, home: int) -> Kind:
        """Return what a home is like."""
        return self.kinds[home % len(self.kinds)]

    def absences(self, home: int) -> list[tuple[float, float]]:
        """Return (left, back) in seconds since 1970 of a home's nights away, declared or not."""
        kind, seed = self.kind(home), int(home_seeds(self.seed, range(home, home + 1))[0])
        return trips(seed, self.start, self.days, self.zone, kind.profile) if kind.trips else []

    def digest(self, homes: int | None = None) -> str:
        """Return the SHA-256 of the draws of the first `homes`, or of all: milliseconds, millilitres, milliseconds."""
        summed = hashlib.sha256()
        for some, drawn in self.blocks():
            if homes is not None and some.start >= homes:
                break
            order = np.lexsort((drawn.litres, drawn.start_s, drawn.home))
            for values in (drawn.home, drawn.start_s * 1e3, drawn.litres * 1e3, drawn.duration_s * 1e3):
                summed.update(np.rint(values[order]).astype("<i8").tobytes())
        return summed.hexdigest()


def read(name: str) -> Cohort:
    """Return a packaged cohort."""
    told = json.loads((files("simulators") / "data" / f"{name}.json").read_text("utf-8"))
    zone = ZoneInfo(told["zone"])
    kinds = [Kind(_profile(told["settings"] | own["settings"]), own["trips"], own["declared"]) for own in told["kinds"]]
    return Cohort(
        name=name,
        seed=told["seed"],
        homes=told["homes"],
        start=datetime.fromisoformat(told["start"]).replace(tzinfo=zone),
        days=told["days"],
        train_days=told["train_days"],
        zone=zone,
        kinds=tuple(kinds),
        frozen=told["sha256"],
        frozen_first=told["sha256_first"],
    )


def written(cohort: Cohort) -> str:
    """Return what the file of a cohort holds: how a new one begins.  Its `frozen` is worked out anew."""
    common = _settings(cohort.kinds[0].profile)
    kinds = [
        {"trips": kind.trips, "declared": kind.declared, "settings": _beside(common, _settings(kind.profile))}
        for kind in cohort.kinds
    ]
    told = {
        "seed": cohort.seed,
        "homes": cohort.homes,
        "start": cohort.start.replace(tzinfo=None).isoformat(),
        "days": cohort.days,
        "train_days": cohort.train_days,
        "zone": cohort.zone.key,
        "sha256": cohort.digest(),
        "sha256_first": cohort.digest(FIRST),
        "kinds": kinds,
        "settings": common,
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def _settings(profile: Profile) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(profile)))  # type: ignore[no-any-return]


def _beside(common: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in own.items() if common[name] != value}


def _profile(settings: dict[str, Any]) -> Profile:
    feasts = settings["feasts"]
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
    values["feasts"] = Calendar(tuple(feasts["festivals"]), tuple(feasts["others"])) if feasts else None
    return replace(Profile(), **values)


SENIORS_1: Cohort
"""2,000 frugal, average and generous Chinese seniors (40, 40, 20 %), 112 days to learn and 84 to judge; a quarter never
stays away over night, half declares it, a quarter does not."""


@cache
def __getattr__(name: str) -> Cohort:
    """Read a cohort when it is first asked for."""
    if name != "SENIORS_1":
        raise AttributeError(f"no cohort {name!r}")
    return read("seniors-1")
