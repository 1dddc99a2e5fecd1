"""Public holidays, by the sun and by the moon: when many people are away, or have guests, at once."""

from dataclasses import dataclass
from datetime import date
from functools import cache

import holidays
import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.int64]


@dataclass(frozen=True)
class Calendar:
    """Days of a feast as proleptic Gregorian ordinals, rising: the first day of each festival, and other holidays."""

    festivals: tuple[int, ...]
    others: tuple[int, ...]

    def since_festival(self, day: Days) -> tuple[Days, Days]:
        """Return for each day which festival is nearest, and how many days ago it began (negative: still to come)."""
        feasts = np.array(self.festivals, np.int64)
        nearest = feasts[np.argmin(np.abs(day[:, None] - feasts), axis=1)]
        return nearest, day - nearest

    def is_other(self, day: Days) -> NDArray[np.bool_]:
        """Return which days are holidays outside the festivals."""
        return np.isin(day, np.array(self.others, np.int64))


@cache
def _year(country: str, festival: str, year: int) -> Calendar:
    named = holidays.country_holidays(country, years=year, observed=False, language="en_US")
    feasts = sorted(day for day, name in named.items() if festival in name)[:1]
    others = [day for day, name in named.items() if not _belongs(day, feasts)]
    return Calendar(tuple(d.toordinal() for d in feasts), tuple(d.toordinal() for d in sorted(others)))


def _belongs(day: date, feasts: list[date]) -> bool:
    return any(0 <= (day - feast).days < 8 for feast in feasts)


@cache
def calendar(country: str, festival: str, first: int, last: int) -> Calendar:
    """Return the holidays of the years from `first` to `last`, and a year on each side.

    Raises
    ------
    ValueError
        No festival of that name in those years.
    """
    years = [_year(country, festival, year) for year in range(first - 1, last + 2)]
    feasts = tuple(day for year in years for day in year.festivals)
    if not feasts:
        raise ValueError(f"want a festival of {country}, got {festival!r}")
    return Calendar(feasts, tuple(day for year in years for day in year.others))
