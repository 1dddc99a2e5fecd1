"""How one older person who lives alone uses water: every number a named setting with its grade and source.

Grades: **M** measured, **P** published, **A** an assumption that makes published totals come out.  No open series of people
over 65 exists: the assumptions are honest guesses, to be replaced when there is one.  Spreads are standard deviations;
of a factor, those of its logarithm.  Clock times are local hours.
"""

import sys
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple

from simulators.calendars import Calendar

SIMDEUM = "Blokker, Vreeburg & van Dijk 2010 (SIMDEUM)"
WEUSEDTO = "WEUSEDTO, one flat in Naples"


class Setting(NamedTuple):
    """One number of a profile, for the documentation."""

    name: str
    value: Any
    grade: Literal["M", "P", "A"]
    about: str


def _set(value: Any, grade: str, about: str) -> Any:
    return field(default=value, metadata={"grade": grade, "about": about})


@dataclass(frozen=True)
class Profile:
    """The settings of a kind of person; the defaults are the frugal senior in China."""

    zone: str = _set("Asia/Shanghai", "A", "where people live, unless a call says otherwise")
    country: str = _set("CN", "A", "whose public holidays hold")
    feasts: Calendar | None = _set(None, "A", "the holidays themselves, instead of those of the country")  # noqa: RUF009
    festival: str = _set("Chinese New Year (Spring Festival)", "A", "the great family feast")
    rate: float = _set(1.0, "A", "factor on how often water is used")
    volume: float = _set(1.0, "A", "factor on how much at a time")
    lively_between: float = _set(0.25, "A", "some people just use more: spread between people on all rates")
    volume_between: float = _set(0.20, "A", "spread between people on the volume of each use")

    rise_h: float = _set(6.2, "A", "mean hour of rising; SIMDEUM has 08:00 +- 1 h for the Netherlands")
    rise_between_h: float = _set(0.8, "A", "spread between people, also of going to bed")
    rise_day_h: float = _set(0.35, "A", "spread from day to day")
    rise_day_between: float = _set(0.35, "A", "spread between people of that spread, a factor")
    bed_h: float = _set(21.6, "A", "mean hour of going to bed")
    bed_day: float = _set(1.3, "A", "bed time varies so much more from day to day than rising")
    lunch: tuple[float, float] = _set((0.35, 9.0), "A", "lunch begins at 0.35 x hour of rising + 9 h")
    dinner: tuple[float, float] = _set((0.35, 9.5), "A", "dinner begins at 0.35 x bed time + 9.5 h")
    meal_h: float = _set(1.2, "A", "how long lunch and dinner take, with the washing up")
    nappers: float = _set(0.65, "A", "share of people who rest at noon")
    nap_days: float = _set(0.80, "A", "share of days on which they do")
    nap_h: tuple[float, float] = _set((0.6, 1.7), "A", "the rest begins and ends so long after lunch")
    nap_draws: float = _set(0.04, "A", "share of draws that still happen in it")

    morning_out: tuple[float, float] = _set((1.6, 1.6), "A", "personal chance of going out of a morning: Beta")
    afternoon_out: tuple[float, float] = _set((1.2, 2.2), "A", "the same of an afternoon")
    morning_out_h: float = _set(2.4, "A", "leaves so long after rising")
    afternoon_out_h: float = _set(15.0, "A", "leaves at this hour")
    out_day_h: float = _set(0.7, "A", "spread of leaving from day to day")
    out_for_h: tuple[float, float] = _set((1.3, 1.9), "A", "median stay of a morning and of an afternoon")
    out_for_spread: float = _set(0.45, "A", "spread of the stay")
    weekday_between: float = _set(0.5, "A", "personal factor on outings of each weekday")
    put_off_h: float = _set(0.5, "A", "half of what an outing prevents is done so soon after it")
    visit_per_day: float = _set(0.03, "A", "visits that take the day, exponential between people")
    visit_h: tuple[float, float] = _set((9.6, 0.8), "A", "hour of leaving for it, and its spread")
    visit_for_h: tuple[float, float] = _set((7.0, 0.3), "A", "median stay and its spread")
    weekly_visitors: float = _set(0.25, "A", "share of people with one fixed weekday for it")
    weekly_visit: float = _set(0.65, "A", "share of those weekdays on which they go")
    trip_per_day: float = _set(0.010, "A", "starts of nights away, mean of a Gamma between people")
    trip_shape: float = _set(0.8, "A", "its shape")
    trip_nights: float = _set(4.0, "A", "mean number of nights, geometric")
    guests_per_day: float = _set(0.03, "A", "days with visitors, exponential between people")
    guests: float = _set(1.6, "A", "factor on all rates on such a day")
    festival_away: float = _set(0.30, "A", "share of festivals spent with the children, a night before it on")
    festival_nights: float = _set(5.0, "A", "mean number of nights there, geometric")
    festival_guests: float = _set(0.40, "A", "share of festivals with guests at home")
    festival_days: int = _set(5, "A", "for so many days")
    holiday_guests: float = _set(0.20, "A", "share of other public holidays with guests")

    day_between: float = _set(0.30, "A", "typical spread of all rates from day to day; real days vary by 0.5 to 0.8")
    day_between_people: float = _set(0.35, "A", "spread between people of that spread")
    day_memory: float = _set(0.35, "A", "correlation of one day with the next")

    toilet_per_day: float = _set(5.0, "A", "visits while up; " + SIMDEUM + " has 7.1 with the night")
    toilet_between: float = _set(0.30, "A", "spread between people")
    toilet_order: int = _set(2, "A", "visits are a renewal process with Erlang gaps of this order, 1: pure chance")
    toilet_weights: tuple[float, ...] = _set(
        (0.16, 0.18, 0.08, 0.08, 0.18, 0.08, 0.16, 0.08),
        "A",
        "share by phase: wake hour, morning, lunch, noon rest, afternoon, dinner, evening, bed",
    )
    cistern_l: tuple[float, float] = _set((6.0, 3.0), "A", "full and half flush [L]")
    dual_flush: float = _set(0.75, "A", "share of people who use both buttons")
    full_flush: float = _set(0.35, "A", "share of full flushes of those")
    cistern_l_s: float = _set(0.08, "A", "refill; 0.042 in " + SIMDEUM)
    hands: tuple[float, float] = _set((3.6, 2.4), "A", "share of visits after which hands are washed: Beta")
    hands_l: tuple[float, float] = _set((0.6, 0.6), "A", "median and spread [L]; " + WEUSEDTO + ": 0.42 L")
    besides: float = _set(0.30, "A", "share of visits with one more draw at the basin within minutes (a cloth, a cup)")
    besides_within_h: float = _set(0.1, "A", "how soon")
    basin_l_s: float = _set(0.065, "A", "flow of the basin's tap; " + WEUSEDTO + ": 0.026")
    night_per_night: float = _set(1.5, "P", "visits at night; nocturia: KLoSHA 2012, NHANES")
    night_shape: float = _set(1.8, "A", "Gamma shape between people")
    night_most: int = _set(5, "A", "never more in a night")
    night_flush: float = _set(0.9, "A", "share of them with a flush")
    night_hands: float = _set(0.4, "A", "share of them with hands washed")

    face_per_day: float = _set(2.6, "A", "face and teeth; 4.1 in " + SIMDEUM)
    face_between: float = _set(0.30, "A", "spread between people")
    face_weights: tuple[float, ...] = _set((0.45, 0.03, 0.02, 0.02, 0.03, 0.02, 0.03, 0.40), "A", "share by phase")
    face_l: tuple[float, float] = _set((1.1, 0.65), "A", "median and spread [L]")
    foot_basin: tuple[float, float] = _set(
        (0.21, 0.39), "A", "personal share of evenings with a foot bath: Beta, U-shaped"
    )
    foot_basin_l: tuple[float, float] = _set((5.0, 0.25), "A", "median and spread [L]")
    foot_basin_weights: tuple[float, ...] = _set((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.3, 0.7), "A", "share by phase")
    shower_winter_summer: tuple[float, float] = _set(
        (0.35, 0.85), "A", "share of days with a shower, a cosine of the year"
    )
    shower_between: float = _set(0.35, "A", "spread between people")
    shower_weights: tuple[float, ...] = _set((0.10, 0.05, 0.0, 0.0, 0.10, 0.05, 0.55, 0.15), "A", "share by phase")
    shower_l: tuple[float, float] = _set((26.0, 0.45), "A", "median and spread [L]: 5 min of 0.086 L/s")
    shower_l_s: float = _set(0.086, "A", "0.115 L/s, turned off a quarter of the time; " + WEUSEDTO + ": 0.074")
    after_shower: float = _set(0.5, "A", "share of showers with a draw at the basin within minutes")
    bath_per_day: float = _set(0.0, "A", "baths of those who own a tub; 0.0286 in " + SIMDEUM)
    bath_owners: float = _set(0.0, "A", "share of homes with a tub that is used")
    bath_l: float = _set(120.0, "P", SIMDEUM)

    meals: tuple[float, float, float] = _set((1.0, 0.9, 0.9), "A", "chance of cooking breakfast, lunch, dinner at home")
    breakfast: tuple[float, float] = _set((5.0, 1.0), "A", "personal factor on breakfast: Beta")
    meal_draws: tuple[float, float, float] = _set((1.76, 3.2, 3.2), "A", "draws besides the first, Poisson mean")
    meal_within_h: float = _set(1.0, "A", "all within so long")
    meal_l: tuple[float, float] = _set((1.3, 0.85), "A", "median and spread [L]; " + WEUSEDTO + ": kitchen 0.39 L")
    kitchen_l_s: float = _set(0.08, "A", "flow of the kitchen's tap; " + WEUSEDTO + ": 0.031")
    kettle_per_day: float = _set(2.0, "A", "kettle and tea")
    kettle_between: float = _set(0.30, "A", "spread between people")
    kettle_weights: tuple[float, ...] = _set((0.25, 0.20, 0.10, 0.10, 0.15, 0.10, 0.10, 0.0), "A", "share by phase")
    kettle_l: tuple[float, float] = _set((1.1, 0.35), "A", "median and spread [L]")
    taps_per_day: float = _set(1.3, "A", "other use of taps, besides what follows a visit to the bathroom")
    taps_between: float = _set(0.50, "A", "spread between people")
    taps_weights: tuple[float, ...] = _set((0.10, 0.25, 0.10, 0.05, 0.25, 0.10, 0.13, 0.02), "A", "share by phase")
    taps_l: tuple[float, float] = _set((0.55, 0.90), "A", "median and spread [L]")
    mop_per_day: float = _set(0.30, "A", "mopping, plants")
    mop_between: float = _set(0.50, "A", "spread between people")
    mop_weights: tuple[float, ...] = _set((0.10, 0.50, 0.0, 0.05, 0.25, 0.05, 0.05, 0.0), "A", "share by phase")
    mop_l: tuple[float, float] = _set((4.0, 0.40), "A", "median and spread [L]")
    machine_owners: float = _set(0.80, "A", "share with a washing machine; 0.92 in " + SIMDEUM)
    machine_per_day: float = _set(0.30, "A", "loads; 0.32 in " + SIMDEUM)
    machine_between: float = _set(0.50, "A", "spread between people")
    machine_fills: tuple[float, ...] = _set((0.0, 0.35, 0.6), "A", "hours after the start at which it fills")
    machine_fill_l: float = _set(14.0, "A", "a fill; " + WEUSEDTO + ": 2 to 9 L")
    machine_l_s: float = _set(0.13, "A", "flow; " + WEUSEDTO + ": 0.148")
    washday_between: float = _set(0.6, "A", "personal factor on laundry of each weekday")
    laundry_weights: tuple[float, ...] = _set((0.10, 0.50, 0.05, 0.05, 0.20, 0.05, 0.05, 0.0), "A", "share by phase")
    hand_laundry: tuple[float, float] = _set((0.18, 0.75), "A", "washes by hand a day, with and without a machine")
    hand_laundry_fills: float = _set(1.5, "A", "fills besides the first two, Poisson mean")
    hand_laundry_l: tuple[float, float] = _set((3.2, 0.40), "A", "median and spread of a fill [L]")

    def settings(self) -> list[Setting]:
        """Return all settings with their grades, in the order of a day."""
        return [Setting(f.name, getattr(self, f.name), f.metadata["grade"], f.metadata["about"]) for f in fields(self)]


FRUGAL = Profile()
"""A frugal senior in China: 60 to 90 L a day."""
NL_AVERAGE = replace(
    FRUGAL,
    rate=1.1,
    volume=1.2,
    zone="Europe/Amsterdam",
    country="NL",
    festival="Christmas Day",
    rise_h=8.0,
    bed_h=24.0,
    rise_between_h=1.0,
    nappers=0.25,
    morning_out_h=2.0,
    toilet_per_day=5.6,
    cistern_l=(7.5, 4.0),
    cistern_l_s=0.042,
    shower_winter_summer=(0.62, 0.76),
    shower_l=(40.0, 0.45),
    shower_l_s=0.123,
    bath_per_day=0.0286,
    bath_owners=0.28,
    foot_basin=(0.02, 2.0),
    meal_l=(1.05, 0.85),
    machine_owners=0.92,
    machine_per_day=0.32,
    machine_fills=(0.0, 0.3, 0.5, 0.7),
    machine_fill_l=12.5,
)
"""A senior in the Netherlands: about 140 L a day, as CBS found for people over 65; hours, shower, bath and machine as in SIMDEUM."""
PROFILES: dict[str, Profile] = {
    "frugal": FRUGAL,
    "average": replace(FRUGAL, rate=1.08, volume=1.18),
    "generous": replace(FRUGAL, rate=1.2, volume=1.55),
    "nl-frugal": replace(NL_AVERAGE, rate=1.0, volume=0.95),
    "nl-average": NL_AVERAGE,
    "nl-generous": replace(NL_AVERAGE, rate=1.2, volume=1.55),
}
"""In China 60-90, 90-130 and 130-200 L a day, in the Netherlands about 110, 140 and 185; the factors are assumptions."""


class UnknownProfile(ValueError):
    """No profile has this name; says which there are."""


def profile_of(name: str | Profile) -> Profile:
    """Return the profile of this name; a profile is its own.

    Raises
    ------
    UnknownProfile
        There is none.
    """
    if isinstance(name, Profile):
        return name
    if name not in PROFILES:
        raise UnknownProfile(f"want one of {', '.join(PROFILES)}, got {name!r}")
    return PROFILES[name]


HEAD = """# Simulated people: every number

Written by `python -m simulators.profiles`. Who is played, by which numbers, and how sure anybody is of them: **M** measured,
**P** published, **A** assumed. Most are assumed, because nobody has published the water of older people who live alone; what
comes out is held beside recorded homes in [realism.md](realism.md). 每个数字的来历：M 实测，P 已发表，A 假设；与实录住户的对比见
[realism.zh-CN.md](realism.zh-CN.md)。

Each number is a setting of `simulators.profiles.Profile`; `dataclasses.replace` changes one. Spreads are standard deviations,
of a factor those of its logarithm; clock times are local hours. *frugal* is the column China; *average* and *generous* use
more, by the factors `rate` and `volume`.

How a life is made: a person is drawn from a home's seed; days bring moods that last, outings, weekly visits, trips, guests,
public and lunar holidays (by the package `holidays`); each day its uses. Visits to the toilet follow each other as a renewal
process, and bring draws at the basin within minutes; meals are clusters. Every number is a hash of (home, day, what it is
for): any window of a life is the same life, alone or among 100,000.

`seniors-1` (`simulators/data/seniors-1.json`) is a frozen cohort of 2,000 homes x 196 days with settings of its own and a
hash of its bytes (the first hundred homes are checked in the tests, all of them by `python -m benchmarks.simulator`):
detectors are compared on it, so nobody may retune it. What is to be different gets a
new name.

"""


def page() -> str:
    """Return all settings of China and the Netherlands in Markdown."""
    lines = ["| setting | China | Netherlands | | what it is |", "|---|---|---|---|---|"]
    for here, there in zip(FRUGAL.settings(), NL_AVERAGE.settings(), strict=True):
        other = _told(there.value) if there.value != here.value else ""
        lines.append(f"| `{here.name}` | {_told(here.value)} | {other} | {here.grade} | {here.about} |")
    factors = [f"`{name}` {one.rate:g} x {one.volume:g}" for name, one in PROFILES.items()]
    return f"{HEAD}Factors `rate` x `volume`: {', '.join(factors)}.\n\n" + "\n".join(lines) + "\n"


def _told(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(_told(one) for one in value)
    return "–" if value is None else f"{value:g}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    sys.stdout.write(page())
