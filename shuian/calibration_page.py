"""The page of a replay: choose a budget of false alarms, see the delay it buys, take the settings.  One file, no network."""

import json
import math
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from alerts.texts import Texts
from detectors.bins import MONTH_DAYS
from shuian import backtest_report
from shuian.backtest_summary import Summary
from shuian.calibration import RULE, Measured
from shuian.calibration_points import (
    BUDGETS,
    FEW_ALARMS,
    GRID,
    Group,
    Point,
    groups,
    outstanding,
    points,
    unsure,
)

HTML_LANG = {"zh_CN": "zh-CN", "en": "en"}
HOMES_A_WORKER = 200
ASK, GO = 1.0, 0.3
"""Budgets that the page begins with: those that the shipped levels are meant for."""
LEFT, TOP, WIDTH, HEIGHT = 40.0, 10.0, 350.0, 210.0
"""The curve's room on its paper of 400 by 260."""
TICKS = (0.1, 0.3, 1.0, 3.0, 10.0)
SHOWN = 12
"""Homes of a list that are seen at once."""


class Page:
    """The page of one replay in one language."""

    def __init__(self, summary: Summary, measured: Measured, texts: Texts, lang: str) -> None:
        self.summary, self.measured, self.texts, self.lang = summary, measured, texts, lang
        self.points = points(measured)
        self.groups = groups(measured, self.points)
        self.months = float(measured.months.sum())
        self.tested = int((measured.months > 0).sum())
        self.rule_rate = float(measured.rule_false.sum()) / self.months if self.months else math.nan
        self.rule_h = _quantiles(sorted(measured.rule_h.tolist()))
        late = [p.late_h for p in self.points if not (p.few or math.isnan(p.late_h))]
        self.most_h = min(max([*late, self.rule_h[1] if self.rule_h else 0.0, 12.0]) * 1.3, 60.0)

    def t(self, key: str, **slots: Any) -> str:
        """Return a sentence, safe to stand in HTML."""
        return escape(self.texts(self.lang, f"report.{key}", **slots))

    def html(self) -> str:
        """Return the whole page."""
        css, js = ((files("shuian") / "assets" / f"calibration.{kind}").read_text("utf-8") for kind in ("css", "js"))
        body = self._head()
        body += self._choice() + self._curve() + self._budgets() + self._kinds() if self.months else ""
        body += self._rule() + self._homes() if self.months else ""
        body += self._found()
        script = f'<script type="application/json" id="data">{self._data()}</script><script>{js}</script>'
        return (
            f'<!doctype html><html lang="{HTML_LANG[self.lang]}"><head><meta charset="utf-8"><title>{self.t("title")}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{css}</style></head><body>'
            f"<main>{body}</main>{script if self.months else ''}</body></html>\n"
        )

    # --- parts ---------------------------------------------------------------------------------------------------------

    def _head(self) -> str:
        said = [f"<h1>{self.t('title')}</h1>", f"<p>{self.t('what')}</p>"]
        if not self.months:
            return "".join(said) + f'<p class="warn">{self.t("too_short")}</p>'
        trips = int(self.measured.trip.sum())
        facts = self.t(
            "facts", homes=self.tested, months=f"{self.months:.1f}", copies=f"{len(self.measured.copy_home):,}"
        )
        said.append(f'<p class="big">{facts}</p>')
        if self.months < FEW_ALARMS / GO:
            said.append(f'<p class="warn">{self.t("few", months=f"{self.months:.1f}")}</p>')
        if left_out := len(self.measured.names) - self.tested:
            said.append(f"<p>{self.t('left_out', n=left_out)}</p>")
        if trips:
            said.append(f"<p>{self.t('trips', n=trips, rate=f'{trips / self.months:.2f}')}</p>")
        return "".join(said)

    def _choice(self) -> str:
        def slider(name: str, budget: float) -> str:
            at = GRID.index(budget)
            return (
                f'<label for="{name}">{self.t(name)}</label><input type="range" id="{name}" min="0" max="{len(GRID) - 1}" '
                f'value="{at}"><p id="{name}-says" role="status">{self._says(self.points[at])}</p>'
            )

        homes = (
            f'<label for="homes">{self.t("homes")}</label><input type="number" id="homes" min="1" value="{HOMES_A_WORKER}">'
            f'<label for="visits">{self.t("visits")}</label><input type="number" id="visits" min="0" step="0.1">'
            f'<p class="quiet">{self.t("visits_note")}</p>'
        )
        return (
            f'<section class="box" aria-labelledby="choose"><h2 id="choose">{self.t("choose")}</h2><div class="pair"><div>'
            f"{slider('ask', ASK)}{slider('go', GO)}</div><div>{homes}</div></div><h3>{self.t('settings')}</h3>"
            f'<pre id="settings" tabindex="0">{self._settings()}</pre><p id="order"></p>'
            f'<p class="quiet">{self.t("settings_note")}</p></section>'
        )

    def _says(self, one: Point) -> str:
        day = f"{one.a_month * HOMES_A_WORKER / MONTH_DAYS:.1f}"
        said = self.t(
            "says", a=f"{one.a_month:g}", median=_hours(one.median_h, self), late=_hours(one.late_h, self), day=day
        )
        return said + (f" {self.t('few_here')}" if one.few else "")

    def _settings(self) -> str:
        amber, red = (self.points[GRID.index(budget)].level for budget in (ASK, GO))
        return (
            f"[detect.quiet]\namber = {amber:.2f}\nred = {max(red, amber):.2f}\nbudget = {ASK:g}\nred_budget = {GO:g}"
        )

    def _curve(self) -> str:
        lines = "".join(
            self._line(name, colour, few=few)
            for name, colour in (("median_h", "#1f7ea3"), ("late_h", "#e8930c"))
            for few in (True, False)
        )
        grid = "".join(self._tick_y(h) for h in range(0, int(self.most_h) + 1, 6)) + "".join(map(self._tick_x, TICKS))
        dots = "".join(
            f'<circle id="{name}-{line}" r="5" fill="{fill}" stroke="{colour}" stroke-width="2" cx="0" cy="0"/>'
            for name, fill in (("ask", "#fff"), ("go", "#14202b"))
            for line, colour in (("median", "#1f7ea3"), ("late", "#e8930c"))
        )
        rule = ""
        if self.rule_h and not math.isnan(self.rule_rate):
            x, y = self._at(self.rule_rate, self.rule_h[0]).split(",")
            rule = f'<rect x="{float(x) - 5:.1f}" y="{float(y) - 5:.1f}" width="10" height="10" fill="#c02626"/>'
        return (
            f'<section class="box" aria-labelledby="curve"><h2 id="curve">{self.t("curve")}</h2><p class="quiet">'
            f'<span class="key"></span>{self.t("median")} &nbsp; <span class="key late"></span>{self.t("late")} &nbsp; '
            f'<span class="key rule"></span>{self.t("rule_dot", rule=RULE)}</p>'
            f'<svg class="curve" viewBox="0 0 400 262" role="img" aria-label="{self.t("curve_about")}">{grid}{lines}{rule}{dots}'
            f'<text x="{LEFT + WIDTH / 2:.0f}" y="256" text-anchor="middle">{self.t("axis")}</text></svg>'
            f'<p class="quiet">{self.t("curve_note")}</p></section>'
        )

    def _line(self, name: str, colour: str, *, few: bool) -> str:
        """Return one line; where data are too few it is dashed."""
        known = [(p, getattr(p, name)) for p in self.points if not math.isnan(getattr(p, name))]
        last = sum(p.few for p, _ in known)  # budgets rise: those of too few alarms come first
        some = known[: last + 1] if few else known[last:]
        dash = ' stroke-dasharray="3 4"' if few else ""
        at = " ".join(self._at(p.a_month, h) for p, h in some)
        return f'<polyline points="{at}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'

    def _at(self, rate: float, hours: float) -> str:
        share = math.log(min(max(rate, GRID[0]), GRID[-1]) / GRID[0]) / math.log(GRID[-1] / GRID[0])
        return f"{LEFT + share * WIDTH:.1f},{TOP + (1 - min(hours, self.most_h) / self.most_h) * HEIGHT:.1f}"

    def _tick_x(self, rate: float) -> str:
        x = self._at(rate, 0.0).split(",")[0]
        line = f'<line x1="{x}" x2="{x}" y1="{TOP}" y2="{TOP + HEIGHT}" stroke="#d3dbe2"/>'
        return line + f'<text x="{x}" y="{TOP + HEIGHT + 16}" text-anchor="middle">{rate:g}</text>'

    def _tick_y(self, hours: int) -> str:
        y = self._at(1.0, hours).split(",")[1]
        line = f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y}" y2="{y}" stroke="#d3dbe2"/>'
        return line + f'<text x="{LEFT - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{hours}</text>'

    def _budgets(self) -> str:
        rows = "".join(self._budget(self.points[GRID.index(budget)]) for budget in BUDGETS)
        names = ("budget", "level", "obtained", "median", "late", "day")
        head = "".join(f'<th scope="col">{self.t(name if name != "day" else "a_day")}</th>' for name in names)
        return (
            f'<section class="box" aria-labelledby="budgets"><h2 id="budgets">{self.t("budgets")}</h2><div class="scroll" '
            f'tabindex="0" role="region" aria-labelledby="budgets"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>'
            f'</table></div><p class="quiet">{self.t("budgets_note", homes=HOMES_A_WORKER)}</p></section>'
        )

    def _budget(self, one: Point) -> str:
        if one.few:
            return (
                f'<tr class="few"><th scope="row">{one.a_month:g}</th><td>–</td>'
                f'<td colspan="4">{self.t("too_few", n=f"{one.a_month * self.months:.1f}")}</td></tr>'
            )
        found = unsure(self.measured, one.level)
        spans = (found.obtained, found.median_h, found.late_h) if found else (None, None, None)
        cells = zip((f"{one.obtained:.2f}", _hours(one.median_h, self), _hours(one.late_h, self)), spans, ("{:.2f}", "{:.1f}", "{:.1f}"), strict=True)  # fmt: skip
        shown = "".join(f"<td>{value}{_span(span, form)}</td>" for value, span, form in cells)
        day = one.a_month * HOMES_A_WORKER / MONTH_DAYS
        return f'<tr><th scope="row">{one.a_month:g}</th><td>{one.level:.2f}</td>{shown}<td>{day:.1f}</td></tr>'

    def _kinds(self) -> str:
        names = ("kind", "homes_n", "months_n", "obtained", "both")
        head = "".join(f'<th scope="col">{self.t(name)}</th>' for name in names)
        at = GRID.index(ASK)
        rows = "".join(
            f'<tr{" class=few" if one.points[at].few else ""}><th scope="row">{self._kind(one)}</th><td>{one.homes}</td>'
            f'<td>{one.months:.1f}</td><td id="g{n}-rate">{_rate(one.points[at].obtained, self)}</td><td id="g{n}-delay">'
            f"{_hours(one.points[at].median_h, self)} / {_hours(one.points[at].late_h, self)}</td></tr>"
            for n, one in enumerate(self.groups)
        )
        return (
            f'<section class="box" aria-labelledby="kinds"><h2 id="kinds">{self.t("kinds")}</h2><div class="scroll" tabindex="0" '
            f'role="region" aria-labelledby="kinds"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
            f'<p class="quiet">{self.t("kinds_note")}</p></section>'
        )

    def _kind(self, one: Group) -> str:
        period = escape(self.texts.duration(self.lang, one.period_s))
        few = f"<small>{self.t('few_here')}</small>" if one.points[GRID.index(ASK)].few else ""
        return f"{period} · {one.resolution_l:g} L{few}"

    def _rule(self) -> str:
        if not self.rule_h or math.isnan(self.rule_rate):
            return ""
        same = next(
            (p for p in self.points if p.a_month >= min(max(self.rule_rate, GRID[0]), GRID[-1])), self.points[-1]
        )
        says = self.t(
            "rule_says", rule=RULE, rate=f"{self.rule_rate:.2f}", median=f"{self.rule_h[0]:.1f}", late=f"{self.rule_h[1]:.1f}",
            day=f"{self.rule_rate * HOMES_A_WORKER / MONTH_DAYS:.1f}", homes=HOMES_A_WORKER,
            same=_hours(same.median_h, self), a=f"{same.a_month:.2g}",
        )  # fmt: skip
        return f'<section class="box" aria-labelledby="rule"><h2 id="rule">{self.t("rule")}</h2><p>{says}</p></section>'

    def _homes(self) -> str:
        head = f'<section class="box" aria-labelledby="homes-h"><h2 id="homes-h">{self.t("spread")}</h2>'
        if not self.measured.long().any():
            return f"{head}<p>{self.t('spread_short')}</p></section>"
        level = self.points[GRID.index(ASK)].level
        above, marked = outstanding(self.measured, level), self.measured.irregular(level)
        rates, empty = self.measured.rates(level), self.measured.empty_p
        often = [self.t("home_rate", home=name, rate=f"{rate:.1f}") for name, rate in above]
        names = [
            self.t(
                "home_irregular",
                home=self.measured.names[n],
                rate=_rate(float(rates[n]), self),
                empty=f"{empty[n] * 100:.0f}",
            )
            for n in marked
        ]
        return (
            f"{head}<h3>{self.t('above')}</h3>"
            f"{self._list(often)}<h3>{self.t('irregular')}</h3>{self._list(names)}<p class='quiet'>{self.t('irregular_note')}</p>"
            "</section>"
        )

    def _list(self, lines: Sequence[str]) -> str:
        if not lines:
            return f"<p>{self.t('none')}</p>"
        first, rest = ("".join(f"<li>{line}</li>" for line in some) for some in (lines[:SHOWN], lines[SHOWN:]))
        more = (
            f"<details><summary>{self.t('more', n=len(lines) - SHOWN)}</summary><ul>{rest}</ul></details>"
            if rest
            else ""
        )
        return f"<ul>{first}</ul>{more}"

    def _found(self) -> str:
        return (
            f'<section class="box" aria-labelledby="found"><h2 id="found">{self.t("found")}</h2><p>{self.t("found_about")}</p>'
            f"{backtest_report.section(self.summary, self.t)}</section>"
        )

    def _data(self) -> str:
        """Return what the script needs; ``<`` is written so that nothing in it can end the script."""

        def known(value: float) -> float | None:
            return None if math.isnan(value) else round(value, 3)

        data = {
            "points": [[p.a_month, p.level, known(p.median_h), known(p.late_h), p.few] for p in self.points],
            "groups": [[[known(p.obtained), known(p.median_h), known(p.late_h)] for p in one.points] for one in self.groups],
            "axis": {"from": GRID[0], "to": GRID[-1], "left": LEFT, "top": TOP, "width": WIDTH, "height": HEIGHT, "most": self.most_h},
            "says": self.texts.by_language[self.lang]["report.says"],
            "few": self.texts(self.lang, "report.few_here"),
            "order": self.texts(self.lang, "report.order"),
            "unknown": self.texts(self.lang, "unit.unknown"),
        }  # fmt: skip
        return json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _quantiles(values: Sequence[float]) -> tuple[float, float] | None:
    if not values:
        return None
    return values[len(values) // 2], values[min(int(len(values) * 0.9), len(values) - 1)]


def _hours(hours: float, page: Page) -> str:
    return page.texts(page.lang, "unit.unknown") if math.isnan(hours) else f"{hours:.1f}"


def _rate(rate: float, page: Page) -> str:
    return page.texts(page.lang, "unit.unknown") if math.isnan(rate) else f"{rate:.2f}"


def _span(span: tuple[float, float] | None, form: str) -> str:
    return "" if span is None else f"<small>{form.format(span[0])}–{form.format(span[1])}</small>"
