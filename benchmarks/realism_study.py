"""Measures recorded and simulated homes alike, for the realism page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks import realism_homes as homes
from benchmarks.realism_draws import DrawsOfHome, draws_of
from benchmarks.realism_homes import COHORTS, FOUR_SECONDS, MINUTE, Lived, Meter, Watched
from benchmarks.realism_hours import Hours, hours
from simulators.households import home_seeds, rhythm

Floats = NDArray[np.float64]
DAY_S = 86_400.0
ONE_VISIT_S = 300.0
"""Draws of a night that are no further apart belong to one visit: the flush and the hands. [A]"""


@dataclass(frozen=True)
class Size:
    """How much is simulated."""

    homes: int = 50
    days: int = 365
    draw_homes: int = 25
    profile_homes: int = 150
    profile_days: int = 60


@dataclass(frozen=True)
class Records:
    """One record of single draws and the same meter in simulated homes."""

    recorded: DrawsOfHome
    halves: tuple[DrawsOfHome, DrawsOfHome]
    simulated: Mapping[str, Sequence[DrawsOfHome]]
    """Cohort -> homes."""


@dataclass(frozen=True)
class People:
    """What the people of one profile do, by their draws."""

    per_day_l: Floats
    """(P,) mean litres of a day on which somebody is there."""
    draws: Floats
    """(P,) mean draws of such a day."""
    spread: Floats
    """(P,) coefficient of variation of its litres."""
    visits: Floats
    """(P,) median over nights of the visits to tap or toilet between going to bed and rising."""


@dataclass(frozen=True)
class Study:
    """Everything the page shows."""

    alone: Sequence[Hours]
    """Recorded homes that state one resident."""
    recorded: Sequence[Hours]
    simulated: Mapping[str, Sequence[Hours]]
    draws: Mapping[str, Records]
    profiles: Mapping[str, People]

    @property
    def groups(self) -> dict[str, Sequence[Hours]]:
        """Homes by the hour, by source: recorded ones with one resident, all of these, and each country's simulated ones."""
        return {"alone": self.alone, "recorded": self.recorded, **self.simulated}


def study(size: Size, say: Callable[[str], None]) -> Study:
    """Measure everything; `say` is told what is being done."""
    say("recorded homes by the hour (DAIAD)")
    records = homes.recorded_hours()
    measured = [hours(record) for record in records]
    alone = [home for home, record in zip(measured, records, strict=True) if record.occupants == 1]
    simulated, profiles = {}, {}
    for name, cohort in COHORTS.items():
        say(f"simulated seniors by the hour ({name}): {size.homes} homes, {size.days} days")
        lived = homes.cohort_homes(cohort, size.homes, size.days)
        simulated[name] = [hours(homes.simulated_hours(home)) for home in lived]
        seeds = home_seeds(homes.SEED, range(size.profile_homes))
        for profile in dict.fromkeys(cohort.profiles):
            say(f"profile {profile}: {size.profile_homes} people, {size.profile_days} days")
            profiles[profile] = people_of(homes.homes_of(profile, cohort.zone, seeds, size.profile_days))
    draws = {
        "weusedto": _draws(say, homes.weusedto(), None, 60, size),
        "ampds2": _draws(say, homes.ampds2(), MINUTE, 30, size),
        "ciws": _draws(say, homes.ciws(), FOUR_SECONDS, 8, size),
    }
    return Study(alone, measured, simulated, draws, profiles)


def _draws(say: Callable[[str], None], recorded: Watched, meter: Meter | None, days: int, size: Size) -> Records:
    say(f"draws of {recorded.household}, and of {size.draw_homes} simulated homes a country for {days} days")
    simulated = {}
    for name, cohort in COHORTS.items():
        lived = homes.cohort_homes(cohort, size.draw_homes, days)
        seen = [homes.each_use(home) if meter is None else homes.through(home, meter) for home in lived]
        simulated[name] = [draws_of(home) for home in seen]
    first, second = (draws_of(half) for half in homes.halves(recorded))
    return Records(draws_of(recorded), (first, second), simulated)


def people_of(lived: Sequence[Lived]) -> People:
    """Measure people by their draws."""
    measured = [one for one in (draws_of(homes.each_use(home)) for home in lived) if one.days > 1]
    return People(
        np.array([float(one.day_l.mean()) for one in measured]),
        np.array([float(one.per_day.mean()) for one in measured]),
        np.array([float(one.day_l.std(ddof=1) / one.day_l.mean()) for one in measured]),
        np.array([_visits(home) for home in lived]),
    )


def _visits(home: Lived) -> float:
    """Return the median visits of a night, from going to bed to rising, of nights at home."""
    start = home.draws.start_s
    awake = rhythm(home.seed, homes.start_in(home.zone), home.days, home.zone, home.profile).awake
    bed, rise = awake[:-1, 1], awake[1:, 0]
    begin = start[np.append(True, np.diff(start) > ONE_VISIT_S)]
    visits = np.searchsorted(begin, rise) - np.searchsorted(begin, bed)
    around = np.searchsorted(start, rise + DAY_S / 2) - np.searchsorted(start, bed - DAY_S / 2)
    at_home = around > visits  # on a trip nothing is drawn at all
    return float(np.median(visits[at_home])) if at_home.any() else float("nan")
