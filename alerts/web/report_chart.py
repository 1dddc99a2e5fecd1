"""Two small charts of the last months, drawn as SVG by hand: bars, a line for what is intended, and `?` where nothing is known."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

LEFT, TOP, HIGH, STEP, WIDE = 14.0, 18.0, 70.0, 54.0, 30.0
FULL = 358.0
"""A phone's width less its margins."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One month; `value` None: not known, which is never drawn as nothing."""

    name: str
    value: float | None
    said: str


def bars(title: str, months: Sequence[Bar], line: float | None = None, unknown: str = "?") -> Markup:
    """Draw one bar for each month.

    Parameters
    ----------
    title : str
        For those who cannot see it.
    months : sequence of Bar
        The oldest first; six fit.
    line : float, optional
        What is intended, as a dashed line; None: nothing is.
    unknown : str
        Stands in place of a bar that is not known.

    Returns
    -------
    Markup
        One ``<svg>`` of role ``img``.
    """
    most = max([line or 0.0, *(bar.value or 0.0 for bar in months)]) or 1.0
    foot = TOP + HIGH
    parts = [
        f'<svg class="trail" viewBox="0 0 {FULL:.0f} {foot + 20:.0f}" role="img" aria-label="{escape(title)}">',
        f'<path class="foot-line" d="M0 {foot}H{FULL}"/>',
    ]
    for n, bar in enumerate(months):
        x = LEFT + n * STEP
        middle = x + WIDE / 2
        high = 0.0 if bar.value is None else HIGH * bar.value / most
        if bar.value is not None:
            parts.append(f'<rect class="bar-of" x="{x}" y="{foot - high:.1f}" width="{WIDE}" height="{high:.1f}"/>')
        said = unknown if bar.value is None else bar.said
        look = "unknown" if bar.value is None else "said"
        parts.append(f'<text class="{look}" x="{middle}" y="{foot - high - 5:.1f}">{escape(said)}</text>')
        parts.append(f'<text class="name" x="{middle}" y="{foot + 15}">{escape(bar.name)}</text>')
    if line is not None:
        y = foot - HIGH * line / most
        parts.append(f'<path class="intended" d="M0 {y:.1f}H{FULL}"/>')
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704  (every word in it was escaped above)
