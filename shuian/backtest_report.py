"""The page of a back-test: a table and plots as inline SVG; no script, no request to anywhere."""

from collections.abc import Sequence
from html import escape

from shuian.backtest_summary import RATED_MONTHS, Summary

COLOURS = {"red": "#b3261e", "amber": "#b26a00", "blue": "#2b5f9e"}
STYLE = """
body { font: 16px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; color: #1c1b19; background: #fbfaf8; margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid #ddd8cf; }
th:first-child, td:first-child { text-align: left; } svg { width: 100%; height: auto; } .note { color: #6b665d; }
"""
Key = tuple[str, str]


def page(summary: Summary) -> str:
    """Return the report as one HTML page."""
    groups = summary.groups()
    head = "".join(
        f"<th>{escape(name)}<br>{summary.months(homes):.1f} household-months</th>" for name, homes in groups.items()
    )
    body = "".join(_row(summary, key, groups) for key in summary.counts)
    plots = "".join(_plot(summary, key) for key, count in summary.counts.items() if count.sum() > 0)
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in summary.notes)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Back-test</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>Back-test: what would have been raised</h1>"
        "<p>Recorded homes, ordinary life: every episode counts as a false alarm. "
        "Episodes a household-month; in brackets the median and the 90 % point over homes.</p>"
        f"<table><thead><tr><th>Kind</th>{head}</tr></thead><tbody>{body}</tbody></table>{notes}{plots}</body></html>\n"
    )


def _row(summary: Summary, key: Key, groups: dict[str, list[int]]) -> str:
    cells = []
    for homes in groups.values():
        rate, spread = summary.rate(key, homes), summary.by_home(key, homes)
        shown = "–" if rate is None else f"{rate:.2f}"
        cells.append(f"<td>{shown}</td>" if spread is None else f"<td>{shown} ({spread[0]:.2f} / {spread[1]:.2f})</td>")
    return f"<tr><td>{escape(' '.join(key))}</td>{''.join(cells)}</tr>"


def _plot(summary: Summary, key: Key) -> str:
    rated = [n for n, home in enumerate(summary.homes) if home.months >= RATED_MONTHS]
    rates = sorted((float(summary.counts[key][n]) / summary.homes[n].months, summary.homes[n].household) for n in rated)
    by_home = [(f"{name}: {rate:.2f} a month", rate) for rate, name in reversed(rates)]
    hours = [
        (f"{hour:02d}:00: {summary.local_hours[key].count(hour)}", float(summary.local_hours[key].count(hour)))
        for hour in range(24)
    ]
    name = escape(" ".join(key))
    return (
        f"<h2>{name}</h2><p>Each home, episodes a month, most first</p>{_bars(by_home, key, f'{name} by home')}"
        f"<p>Local hour at which they were raised, 0 to 23</p>{_bars(hours, key, f'{name} by hour')}"
    )


def _bars(values: Sequence[tuple[str, float]], key: Key, title: str) -> str:
    """Draw bars with their scale; each carries its value as a title."""
    if not values:
        return '<p class="note">No home was watched for long enough.</p>'
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
