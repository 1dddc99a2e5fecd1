"""Pictures of the realism page as SVG: lines over the hours of a day, and strips that show how far numbers spread.

Drawn 440 units wide so that words stay readable on a phone.  Each source of homes has a colour and a dash or shape of its
own; nothing is told by colour alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from benchmarks.realism_distances import Sample

Floats = NDArray[np.float64]
WIDE, SHOWN_WIDE = 440.0, 600.0
"""Units of the drawing, and pixels it takes where there is room."""
LEFT, RIGHT = 38.0, 14.0
PANEL, LINE, ROW = 120.0, 18.0, 22.0
NAMES_WIDE, NUMBER_WIDE = 118.0, 46.0
STYLE = (
    "text{font:13px system-ui,'Noto Sans','Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif;fill:#333}"
    ".head{font-weight:600}.small{font-size:12px;fill:#555}.end{text-anchor:end}.mid{text-anchor:middle}"
    ".grid{stroke:#ddd;stroke-width:1}.line{fill:none;stroke-width:2.2;stroke-linejoin:round}"
)


@dataclass(frozen=True)
class Source:
    """One source of homes: how it is called and drawn."""

    name: str
    colour: str
    dash: str = ""


@dataclass(frozen=True)
class Lines:
    """A panel over the 24 hours of a day: one line (24,) a source, NaN where nothing is known."""

    title: str
    values: Sequence[Floats]
    top: float
    step: float
    percent: bool = False


@dataclass(frozen=True)
class Strips:
    """A panel with one strip a source: from 10 % to 90 % of the numbers, thick the middle half, a dot the median."""

    title: str
    samples: Sequence[Sample]
    ticks: Sequence[float]
    log: bool = False


def over_the_day(title: str, sources: Sequence[Source], panels: Sequence[Lines]) -> str:
    """Return a picture with one panel below the other, all over the hours of a day."""
    named = list(legend(sources))
    top = 12.0 + LINE * len(sources)
    parts: list[str] = []
    for panel in panels:
        parts += _lines(panel, sources, top + 26)
        top += PANEL + 58
    return picture(title, top + 2, [*named, *parts])


def strips(title: str, panels: Sequence[tuple[Strips, Sequence[Source]]]) -> str:
    """Return a picture with one block of strips below the other."""
    parts: list[str] = []
    top = 6.0
    for panel, sources in panels:
        parts += _strips(panel, sources, top)
        top += 54 + ROW * len(sources)
    return picture(title, top, parts)


def picture(title: str, height: float, parts: Sequence[str]) -> str:
    """Return a whole SVG of so many units in height."""
    tall = SHOWN_WIDE * height / WIDE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE:.0f} {height:.0f}" width="{SHOWN_WIDE:.0f}" '
        f'height="{tall:.0f}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>'
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def legend(sources: Sequence[Source]) -> Iterator[str]:
    """Yield one line a source: how it is drawn, and its name."""
    for n, source in enumerate(sources):
        y = 14.0 + LINE * n
        yield f'<path class="line" stroke="{source.colour}" {dash(source)}d="M{LEFT:.0f} {y}h34"/>'
        yield f'<text x="{LEFT + 42:.0f}" y="{y + 4.5}">{escape(source.name)}</text>'


def dash(source: Source) -> str:
    """Return the dashes of a source as an attribute."""
    return f'stroke-dasharray="{source.dash}" ' if source.dash else ""


def _lines(panel: Lines, sources: Sequence[Source], top: float) -> Iterator[str]:
    yield f'<text class="head" x="{LEFT:.0f}" y="{top - 8:.0f}">{escape(panel.title)}</text>'
    across, bottom = (WIDE - LEFT - RIGHT) / 24, top + PANEL
    for level in np.arange(0, panel.top + 1e-9, panel.step):
        y = bottom - PANEL * level / panel.top
        said = f"{level:.0%}" if panel.percent else f"{level:g}"
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDE - RIGHT}"/>'
        yield f'<text class="small end" x="{LEFT - 5}" y="{y + 4:.1f}">{said}</text>'
    for hour in range(0, 25, 6):
        x = LEFT + hour * across
        said = f"{hour} h" if hour == 24 else str(hour)
        yield f'<text class="small mid" x="{x:.1f}" y="{bottom + 15:.0f}">{said}</text>'
    # The first source is drawn last, so that what everything is held against lies on top.
    for source, values in reversed(list(zip(sources, panel.values, strict=True))):
        high = bottom - PANEL * np.minimum(values, panel.top) / panel.top
        yield f'<path class="line" stroke="{source.colour}" {dash(source)}d="{_path(high, across)}"/>'


def _path(high: Floats, across: float) -> str:
    """Return a line through the middles of the hours, broken where nothing is known; an hour alone is a short dash."""
    steps, pen = [], "M"
    for hour, y in enumerate(high):
        if np.isnan(y):
            pen = "M"
            continue
        alone = pen == "M" and (hour == len(high) - 1 or np.isnan(high[hour + 1]))
        steps.append(f"{pen}{LEFT + (hour + 0.5) * across:.1f} {y:.1f}" + ("h-3h6" if alone else ""))
        pen = "L"
    return "".join(steps)


def _strips(panel: Strips, sources: Sequence[Source], top: float) -> Iterator[str]:
    yield f'<text class="head" x="6" y="{top + 14:.0f}">{escape(panel.title)}</text>'
    bottom = top + 24 + ROW * len(sources)
    for tick in panel.ticks:
        x = _along(tick, panel)
        yield f'<path class="grid" d="M{x:.1f} {top + 22:.0f}V{bottom:.0f}"/>'
        yield f'<text class="small mid" x="{x:.1f}" y="{bottom + 14:.0f}">{tick:g}</text>'
    for n, (source, numbers) in enumerate(zip(sources, panel.samples, strict=True)):
        y = top + 24 + ROW * (n + 0.5)
        yield f'<text class="small" x="6" y="{y + 4:.1f}">{escape(source.name)}</text>'
        if not len(numbers.values):
            continue
        p10, p25, p50, p75, p90 = (_along(numbers.quantile(q), panel) for q in (0.1, 0.25, 0.5, 0.75, 0.9))
        yield f'<path stroke="{source.colour}" stroke-width="2" {dash(source)}d="M{p10:.1f} {y}H{p90:.1f}"/>'
        yield f'<path stroke="{source.colour}" stroke-width="9" d="M{p25:.1f} {y}H{p75:.1f}"/>'
        yield f'<circle cx="{p50:.1f}" cy="{y}" r="5" fill="#fff" stroke="{source.colour}" stroke-width="2.5"/>'
        yield f'<text class="small end" x="{WIDE - 6:.0f}" y="{y + 4:.1f}">{short(numbers.quantile(0.5))}</text>'


def _along(value: float, panel: Strips) -> float:
    """Return where a number lies; beyond the ends it is put at the end."""
    ends = np.array([panel.ticks[0], panel.ticks[-1]], np.float64)
    at = value
    if panel.log:
        ends, at = np.log(ends), float(np.log(max(value, panel.ticks[0])))
    share = float(np.clip((at - ends[0]) / (ends[1] - ends[0]), 0.0, 1.0))
    return NAMES_WIDE + share * (WIDE - NAMES_WIDE - NUMBER_WIDE)


def short(value: float) -> str:
    """Return a number with as many digits as mean anything."""
    if np.isnan(value):
        return "–"
    if abs(value) >= 100 or value == round(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}"
