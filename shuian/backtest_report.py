"""What a back-test raised, as a part of its page: a table and plots as inline SVG."""

from collections.abc import Callable, Sequence
from html import escape

from shuian.backtest_summary import RATED_MONTHS, Summary

COLOURS = {"red": "#c02626", "amber": "#e8930c", "blue": "#5646a8"}
GROUPS = {"1 resident": "group.one", "lived-in": "group.lived_in", "all": "group.all"}
Words = Callable[..., str]
Key = tuple[str, str]


def section(summary: Summary, t: Words) -> str:
    """Return the part as HTML; `t` gives a sentence of the report by its key, escaped."""
    groups = summary.groups()
    head = "".join(
        f'<th scope="col">{t(GROUPS[name])}<small>{t("group.months", n=f"{summary.months(homes):.1f}")}</small></th>'
        for name, homes in groups.items()
    )
    body = "".join(_row(summary, key, groups) for key in summary.counts)
    plots = "".join(_plot(summary, key, t) for key, count in summary.counts.items() if count.sum() > 0)
    notes = "".join(f'<p class="quiet">{escape(note)}</p>' for note in summary.notes)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="found"><table><thead><tr><th scope="col">{t("finding")}'
        f"</th>{head}</tr></thead><tbody>{body}</tbody></table></div>{notes}{plots}"
    )


def _row(summary: Summary, key: Key, groups: dict[str, list[int]]) -> str:
    cells = []
    for homes in groups.values():
        rate, spread = summary.rate(key, homes), summary.by_home(key, homes)
        shown = "–" if rate is None else f"{rate:.2f}"
        cells.append(f"<td>{shown}</td>" if spread is None else f"<td>{shown} ({spread[0]:.2f} / {spread[1]:.2f})</td>")
    return f'<tr><th scope="row">{escape(" ".join(key))}</th>{"".join(cells)}</tr>'


def _plot(summary: Summary, key: Key, t: Words) -> str:
    rated = [n for n, home in enumerate(summary.homes) if home.months >= RATED_MONTHS]
    rates = sorted((float(summary.counts[key][n]) / summary.homes[n].months, summary.homes[n].household) for n in rated)
    by_home = [(f"{name}: {rate:.2f}", rate) for rate, name in reversed(rates)]
    hours = [
        (f"{hour:02d}:00: {summary.local_hours[key].count(hour)}", float(summary.local_hours[key].count(hour)))
        for hour in range(24)
    ]
    name = escape(" ".join(key))
    return (
        f"<h3>{name}</h3><p class='quiet'>{t('each_home')}</p>{_bars(by_home, key, name, t)}"
        f"<p class='quiet'>{t('by_hour')}</p>{_bars(hours, key, name, t)}"
    )


def _bars(values: Sequence[tuple[str, float]], key: Key, title: str, t: Words) -> str:
    """Draw bars with their scale; each carries its value as a title."""
    if not values:
        return f"<p>{t('no_home')}</p>"
    width, height, left = 900.0, 130.0, 44.0
    most = max(value for _, value in values) or 1.0
    step = (width - left) / len(values)
    bars = "".join(
        f'<rect x="{left + n * step:.1f}" y="{height - value / most * (height - 16):.1f}" width="{max(step - 2, 1):.1f}" '
        f'height="{value / most * (height - 16):.1f}" fill="{COLOURS[key[1]]}"><title>{escape(label)}</title></rect>'
        for n, (label, value) in enumerate(values)
    )
    return (
        f'<svg viewBox="0 0 {width:.0f} {height + 4:.0f}" role="img" aria-label="{title}">'
        f'<text x="{left - 6:.0f}" y="22" font-size="13" text-anchor="end" fill="#6b665d">{most:.3g}</text>'
        f'<text x="{left - 6:.0f}" y="{height:.0f}" font-size="13" text-anchor="end" fill="#6b665d">0</text>'
        f'<line x1="{left:.0f}" y1="{height:.0f}" x2="{width:.0f}" y2="{height:.0f}" stroke="#b9b3a8"/>{bars}</svg>'
    )
