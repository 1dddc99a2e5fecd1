"""The pictures of the realism page, in either language."""

from collections.abc import Sequence

import numpy as np

from benchmarks.realism_charts import Lines, Source, Strips, over_the_day, strips
from benchmarks.realism_distances import Sample, sample
from benchmarks.realism_hours import by_start, clock
from benchmarks.realism_study import Study
from benchmarks.realism_words import DRAWS, HOURS, SHORT, SOURCES, TITLES

DRAWN = {
    "alone": ("#141414", ""),
    "recorded": ("#8a8a8a", "2 4"),
    "cn": ("#c4511d", "9 3"),
    "nl": ("#2471a3", "4 3"),
    "weusedto": ("#141414", ""),
    "ampds2": ("#141414", ""),
    "ciws": ("#141414", ""),
}
"""Colour (told apart by colour-blind readers) and dash of each source."""
DAY_TICKS = {
    "litres": (0, 100, 200, 300, 400, 500),
    "used": (0, 4, 8, 12, 16, 20, 24),
    "in_hour": (1, 3, 10, 30, 100),
    "night_h": (0, 2, 4, 6, 8, 10),
    "longest_h": (0, 3, 6, 9, 12, 15),
}
DRAW_TICKS = {
    "per_day": (0, 20, 40, 60, 80, 100),
    "litres": (0.03, 0.1, 0.3, 1, 3, 10, 30),
    "seconds": (1, 3, 10, 30, 100, 300, 1000),
    "flow_l_min": (0.1, 0.3, 1, 3, 10),
    "gap_min": (0.1, 1, 10, 100, 1000),
}
LOGARITHMIC = {"in_hour"}


def pictures(study: Study, language: str) -> dict[str, str]:
    """Return SVG by name."""
    return {
        "clock": _clock(study, language),
        "quiet": _quiet(study, language),
        "days": _days(study, language),
        "draws": _draws(study, language),
        "gaps": _gaps(study, language),
    }


def _sources(names: Sequence[str], language: str, *, short: bool = False) -> list[Source]:
    words = SHORT if short else SOURCES
    return [Source(words[name].in_(language), *DRAWN[name]) for name in names]


def _clock(study: Study, language: str) -> str:
    groups = study.groups
    title = TITLES["clock"].in_(language)
    panel = Lines(title, [clock(homes) for homes in groups.values()], 1.0, 0.25, percent=True)
    return over_the_day(title, _sources(list(groups), language), [panel])


def _quiet(study: Study, language: str) -> str:
    groups = study.groups
    panels = [
        Lines(TITLES[name].in_(language), [by_start(homes, share) for homes in groups.values()], top, 3.0 if top < 20 else 6.0)
        for name, share, top in (("median", 0.5, 9.0), ("nine", 0.9, 15.0), ("ninety-nine", 0.99, 24.0))
    ]  # fmt: skip
    return over_the_day(TITLES["quiet"].in_(language), _sources(list(groups), language), panels)


def _days(study: Study, language: str) -> str:
    groups = study.groups
    sources = _sources(list(groups), language, short=True)
    panels = []
    for key, ticks in DAY_TICKS.items():
        numbers = [sample([np.asarray(getattr(home, key)) for home in homes]) for homes in groups.values()]
        panels.append((Strips(HOURS[key].in_(language), numbers, ticks, log=key in LOGARITHMIC), sources))
    return strips(TITLES["days"].in_(language), panels)


def _draw_samples(study: Study, record: str, key: str) -> list[Sample]:
    records = study.draws[record]
    homes = [[records.recorded], *records.simulated.values()]
    return [sample([getattr(home, key) for home in some]) for some in homes]


def _draws(study: Study, language: str) -> str:
    sources = _sources(["weusedto", "cn", "nl"], language, short=True)
    panels = [
        (Strips(DRAWS[key].in_(language), _draw_samples(study, "weusedto", key), ticks, log=key != "per_day"), sources)
        for key, ticks in DRAW_TICKS.items()
    ]
    return strips(TITLES["draws"].in_(language), panels)


def _gaps(study: Study, language: str) -> str:
    panels = []
    for record in study.draws:
        sources = _sources([record, "cn", "nl"], language, short=True)
        name = SOURCES[record].in_(language)
        panels.append((Strips(name, _draw_samples(study, record, "gap_min"), DRAW_TICKS["gap_min"], log=True), sources))
    return strips(TITLES["gaps"].in_(language), panels)
