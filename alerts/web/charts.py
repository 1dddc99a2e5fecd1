"""Charts drawn as SVG by hand: no library draws a week of one home so that "no use this morning" is seen at once.

`days` is one row of 0-24 h for each day, today last: a week, or four weeks in lower rows.  A row shows quarters of an
hour: a bar where water was drawn, nothing where it is known that none was, a hatched block where nothing is known.  A
green band marks when this person usually first uses water, a dashed frame a declared absence, a red line now.  Colours
come from classes only (the pages forbid inline style).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from alerts.web.ports import Day, Water

QUARTERS = 96
QUARTER_S = 900
LEFT, TOP, WIDTH = 46.0, 18.0, 296.0
TALL_L = 40.0
"""A quarter of an hour with this much fills the row (a shower); more is cut. [L]"""
PARTS_H = (0, 5, 9, 12, 18, 24)
"""Local hours between which the table of numbers adds up."""


Span = tuple[datetime, datetime]
"""From when until when."""


@dataclass(frozen=True, slots=True)
class Rows:
    """How high a row is, and how far it is from one row to the next."""

    high: float
    step: float


WEEK, MONTH = Rows(24.0, 30.0), Rows(13.0, 16.0)


@dataclass(frozen=True, slots=True)
class Labels:
    """Words of the chart: `day` names a row."""

    title: str
    now: str
    day: Callable[[Day], str]


def days(
    rows: Sequence[Day], water: Water, now: datetime, zone: ZoneInfo, labels: Labels, shape: Rows = WEEK,
    away: Sequence[Span] = (),
) -> Markup:  # fmt: skip
    """Draw the last days of a home.

    Parameters
    ----------
    rows : sequence of Day
        One local day each, the oldest first; the last may be today.
    water : Water
        For the band of the usual first use.
    now : datetime
        Quarters of today after it are left blank: they are not unknown, they have not been.
    zone : ZoneInfo
        The home's.
    labels : Labels
        Words in the reader's language.
    shape : Rows
        `WEEK` for seven days on a phone, `MONTH` for four weeks.
    away : sequence of Span
        Declared absences.

    Returns
    -------
    Markup
        One ``<svg>`` of role ``img``, 358 units wide (a phone's width less its margins).
    """
    local = now.astimezone(zone)
    height = TOP + shape.step * len(rows) + 4
    parts = [
        f'<svg class="days" viewBox="0 0 358 {height:.0f}" role="img" aria-label="{escape(labels.title)}">',
        (
            '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            '<rect class="gap" width="6" height="6"/><rect class="gap-line" width="2" height="6"/></pattern></defs>'
        ),
        *_hours(height),
    ]
    for n, day in enumerate(rows):
        top = TOP + shape.step * n
        is_today = day.date == local.date()
        past = _seconds(local) / QUARTER_S if is_today else float(QUARTERS)
        name = f'<text class="{"today-name" if is_today else "day-name"}" x="{LEFT - 7}" y="{_base(top, shape)}">'
        parts.append(f"{name}{escape(labels.day(day))}</text>")
        parts += _row(day, top, past, water, "today" if is_today else "use", shape)
        parts += [_frame(start, end, top, shape) for start, end in _away(day, zone, away)]
        if is_today:
            parts.append(_now_mark(past, top, labels.now, shape))
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704  (every word in it was escaped above)


def _x(quarters: float) -> float:
    return LEFT + WIDTH * quarters / QUARTERS


def _base(top: float, shape: Rows) -> float:
    """Return the line on which words of a row stand."""
    return top + shape.high / 2 + 5


def _seconds(local: datetime) -> float:
    return local.hour * 3600.0 + local.minute * 60 + local.second


def _hours(height: float) -> Iterator[str]:
    for hour in (0, 6, 12, 18, 24):
        x = _x(hour * 4)
        yield f'<path class="grid" d="M{x:.1f} {TOP - 2:.0f}V{height - 6:.0f}"/>'
        yield f'<text class="hour" x="{x:.1f}" y="12">{hour}</text>'


def _row(day: Day, top: float, past: float, water: Water, use: str, shape: Rows) -> Iterator[str]:
    high = f"{shape.high:.0f}"
    yield f'<rect class="track" x="{LEFT}" y="{top}" width="{_x(past) - LEFT:.1f}" height="{high}"/>'
    if water.usual_first_use_s is not None:
        start, end = (second / QUARTER_S for second in water.usual_first_use_s)
        yield f'<rect class="band" x="{_x(start):.1f}" y="{top}" width="{_x(end) - _x(start):.1f}" height="{high}"/>'
    for start, end in _unknown(day, past):
        yield (
            f'<rect class="unknown" x="{_x(start):.1f}" y="{top}" width="{_x(end) - _x(start):.1f}" '
            f'height="{high}" fill="url(#hatch)"/>'
        )
    if bars := "".join(_bar(quarter, litres, top, shape) for quarter, litres in enumerate(day.litres) if litres):
        yield f'<path class="{use}" d="{bars}"/>'


def _bar(quarter: int, litres: float, top: float, shape: Rows) -> str:
    # The square root keeps a washed hand visible beside a shower.
    high = max(4.0, (shape.high - 2) * min(1.0, litres / TALL_L) ** 0.5)
    return f"M{_x(quarter):.1f} {top + shape.high:.0f}h{WIDTH / QUARTERS:.2f}v-{high:.1f}h-{WIDTH / QUARTERS:.2f}z"


def _unknown(day: Day, past: float) -> Iterator[tuple[float, float]]:
    """Yield (start, end) in quarters of stretches that are over but not known."""
    over = [(n, day.litres[n]) for n in range(QUARTERS) if n < past]
    for is_unknown, run in groupby(over, key=lambda quarter: quarter[1] is None):
        stretch = [n for n, _ in run]
        if is_unknown:
            yield stretch[0], min(past, stretch[-1] + 1.0)


def _away(day: Day, zone: ZoneInfo, away: Sequence[Span]) -> Iterator[tuple[float, float]]:
    """Yield (start, end) in quarters of what of this day lies in a declared absence."""
    midnight = datetime.combine(day.date, time(), zone)
    for start, end in away:
        first, last = ((moment.astimezone(zone) - midnight).total_seconds() / QUARTER_S for moment in (start, end))
        if first < QUARTERS and last > 0:
            yield max(0.0, first), min(float(QUARTERS), last)


def _frame(start: float, end: float, top: float, shape: Rows) -> str:
    return (
        f'<rect class="away" x="{_x(start):.1f}" y="{top}" width="{_x(end) - _x(start):.1f}" '
        f'height="{shape.high:.0f}"/>'
    )


def _now_mark(past: float, top: float, word: str, shape: Rows) -> str:
    x = _x(past)
    side = "end" if past > QUARTERS * 0.8 else "start"
    label_x = x - 5 if side == "end" else x + 5
    return (
        f'<path class="now" d="M{x:.1f} {top - 3}V{top + shape.high + 3}"/>'
        f'<text class="now-word {side}" x="{label_x:.1f}" y="{_base(top, shape)}">{escape(word)}</text>'
    )


@dataclass(frozen=True, slots=True)
class Sum:
    """Litres within a part of a day: `known` counts quarters that are known, of `over` that are over."""

    litres: float
    known: int
    over: int


def numbers(rows: Sequence[Day], now: datetime, zone: ZoneInfo) -> list[tuple[Day, list[Sum]]]:
    """Return the same days as sums between the hours of `PARTS_H`: the chart for those who cannot see it."""
    local = now.astimezone(zone)
    table = []
    for day in rows:
        past = int(_seconds(local) // QUARTER_S) if day.date == local.date() else QUARTERS
        sums = []
        for start, end in pairwise(PARTS_H):
            over = day.litres[start * 4 : min(end * 4, past)]
            known = [litres for litres in over if litres is not None]
            sums.append(Sum(sum(known), len(known), len(over)))
        table.append((day, sums))
    return table
