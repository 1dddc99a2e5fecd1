"""The pictures of the science page: what a budget of false alarms buys, and how long it takes at which hour of the day."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from benchmarks.detection_curves import Point, Scored, at, quantile
from benchmarks.detection_homes import Floats
from benchmarks.detection_service import QUANTILE, SURVIVAL
from benchmarks.detection_study import GAP, INDEX, LITTLE, Study
from benchmarks.realism_charts import (
    LEFT,
    LINE,
    PANEL,
    RIGHT,
    WIDE,
    Lines,
    Source,
    dash,
    legend,
    over_the_day,
    picture,
)

DRAWN = {
    INDEX: Source(INDEX, "#c4511d"),
    SURVIVAL.name: Source(SURVIVAL.name, "#2471a3", "9 3"),
    QUANTILE.name: Source(QUANTILE.name, "#5b8c2a", "5 3"),
    GAP: Source(GAP, "#141414", "2 4"),
    LITTLE: Source(LITTLE, "#8a8a8a", "1 3"),
}
BUDGETS = tuple(float(budget) for budget in np.geomspace(0.1, 10.0, 17))
TICKS = (0.1, 0.3, 1.0, 3.0, 10.0)
TOP_H, STEP_H = 24.0, 6.0


def pictures(study: Study) -> dict[str, str]:
    """Return SVG by name."""
    made = {
        "seniors": budgets("Simulated seniors: delay for each budget of false alarms", study.seniors.scored),
        "onset": onsets(study.seniors.scored),
    }
    if study.recorded is not None:
        title = "Recorded homes, 1–2 residents: delay for each budget of false alarms"
        made["recorded"] = budgets(title, study.recorded.of({1, 2}))
    return made


def budgets(title: str, scored: Mapping[str, Scored]) -> str:
    """Return a picture of median and 90 % point over false alarms a household-month."""
    sources = [source for name, source in DRAWN.items() if name in scored]
    points = {source.name: [at(scored[source.name], budget) for budget in BUDGETS] for source in sources}
    parts = list(legend(sources))
    top = 12.0 + LINE * len(sources)
    measures: dict[str, Callable[[Point], float]] = {
        "Median delay (h)": lambda point: point.median,
        "Nine in ten are found within (h)": lambda point: point.p90,
    }
    for name, measure in measures.items():
        lines = [np.array([measure(point) for point in points[source.name]]) for source in sources]
        parts += _panel(name, sources, lines, top + 26)
        top += PANEL + 58
    said = f'<text class="small mid" x="{WIDE / 2:.0f}" y="{top + 8:.0f}">false alarms a household-month</text>'
    return picture(title, top + 16, [*parts, said])


def _panel(title: str, sources: Sequence[Source], lines: Sequence[Floats], top: float) -> Iterator[str]:
    yield f'<text class="head" x="{LEFT:.0f}" y="{top - 8:.0f}">{title}</text>'
    bottom = top + PANEL
    for level in np.arange(0, TOP_H + 1e-9, STEP_H):
        y = bottom - PANEL * level / TOP_H
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDE - RIGHT}"/>'
        yield f'<text class="small end" x="{LEFT - 5}" y="{y + 4:.1f}">{level:g}</text>'
    for tick in TICKS:
        yield f'<text class="small mid" x="{_across(tick):.1f}" y="{bottom + 15:.0f}">{tick:g}</text>'
    for source, values in reversed(list(zip(sources, lines, strict=True))):
        steps = [
            f"{_across(budget):.1f} {bottom - PANEL * value / TOP_H:.1f}"
            for budget, value in zip(BUDGETS, values.tolist(), strict=True)
            if value <= TOP_H
        ]
        yield f'<path class="line" stroke="{source.colour}" {dash(source)}d="M{"L".join(steps)}"/>'


def _across(budget: float) -> float:
    """Return where a budget lies; each tenfold takes as much room."""
    share = float(np.log(budget / BUDGETS[0]) / np.log(BUDGETS[-1] / BUDGETS[0]))
    return LEFT + 6 + share * (WIDE - LEFT - RIGHT - 12)


def onsets(scored: Mapping[str, Scored]) -> str:
    """Return a picture of the median delay by the hour of the incident at one false alarm a month."""
    sources = [source for name, source in DRAWN.items() if name in scored and name != LITTLE]
    lines = []
    for source in sources:
        one = scored[source.name]
        delays, hour = one.delays(one.level(1.0)), np.floor(one.onset_h)
        lines.append(np.array([quantile(delays[hour == h], 0.5) for h in range(24)]))
    title = "Median delay (h) by the hour of the incident"
    return over_the_day(title, sources, [Lines(title, lines, 15.0, 3.0)])
