"""The fixed rules of programmes in public service: run as they stand, beside the personal model.

A rule has a name that people write in contracts and settings, a place that runs it, and a source.  Names are read
generously (``12h<10L`` is ``12h-10l``).  What a rule says of a row is worked out by `detectors.rulebook`.

Severity.  *No use* is red: the programmes send somebody.  Litres in an hour or a day are red: water is running out
somewhere now.  *Continuous* use is amber: most often a tap, a bath or a leak, so ask first; if it is a flood, the litres
say so soon.  *Every half hour in use* is amber for the same reason.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from detectors.errors import RuleError
from detectors.findings import Severity

Kind = Literal["no_use", "little", "much", "much_day", "continuous", "half_hours", "windows"]

SEVERITY: Mapping[Kind, Severity] = {
    "no_use": "red", "little": "red", "windows": "red",
    "much": "red", "much_day": "red",
    "continuous": "amber", "half_hours": "amber",
}  # fmt: skip
MOST_WINDOW_H = 48
"""Litres are summed over at most two days."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it says, and who says so.

    - ``no_use``: not a drop for `hours`.
    - ``little``: less than `litres` in the last `hours`.
    - ``much``: more than `litres` in the last `hours`; ``much_day``: since local midnight.
    - ``continuous``: every interval of the last `hours` in use; needs a meter that tells four times in that time, because
      one long interval with use is not a flow.
    - ``half_hours``: each of the last 48 half hours in use; needs a meter that tells at least every half hour.
    - ``windows``: today's 05-09 and 17-21 (local) are both over, fully known, and both without use.

    Rules about too little never speak of a window that holds unknown time or a declared absence; rules about too much
    count what is known.
    """

    name: str
    kind: Kind
    hours: float = 0.0
    litres: float = 0.0
    place: str = ""
    source: str = ""

    @property
    def severity(self) -> Severity:
        """The plan of action that programmes attach to this kind of rule."""
        return SEVERITY[self.kind]


PRESETS: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("12h-10l", "little", 12, 10, "Shanghai Changning; Shenzhen Longgang; Lanzhou Xigu",
             "CGTN 2020-12-10; Shenzhen Evening News (m.dutenews.com) 2021; China Development 2021-07-19"),
        Rule("24h-10l", "little", 24, 10, "Taicang; Shanghai Jing'an; Anji", "Taicang Water 2023; Shanghai Chengtou Water"),
        Rule("12h-zero", "no_use", 12, 0, "Zhuhai", "Zhuhai News (hizh.cn) 2025-12-03"),
        Rule("8h-zero", "no_use", 8, 0, "Sakaki, Nagano", "Nagano Prefecture Enterprise Bureau, KIZUKI trial 2017-2019"),
        Rule("2h-continuous", "continuous", 2, 0, "Sakaki, Nagano",
             "Nagano Prefecture Enterprise Bureau, KIZUKI trial 2017-2019"),
        Rule("day-2000l", "much_day", 24, 2000, "Shanghai Jing'an; Anji", "Shanghai Chengtou Water; Guoyuan Water"),
        Rule("half-hours", "half_hours", 24, 0, "Shenzhen Longgang", "Shenzhen Evening News (m.dutenews.com) 2021"),
        Rule("windows-05-09-17-21", "windows", 0, 0, "K-water, 18 local governments of Korea",
             "greenpostkorea.co.kr 112710; Segye Ilbo 2020-01-02"),
    )
}  # fmt: skip
FAMILIES = ("no-draw-Nh", "Nh-Ml", "Nl-1h", "day-Nl", "continuous-Nh")
"""Rules with numbers of one's own: no use for N hours; less than M litres in N hours; more than N litres in an hour or in
a day; N hours without a stop."""


def plain(name: str) -> str:
    """Return the name in small letters with single hyphens: ``12h<10L``, ``12h_10l`` and ``12H 10L`` are ``12h-10l``."""
    joined = re.sub(r"(\d)\s+(h|l)\b", r"\1\2", name.strip().lower().removeprefix("rule:"))
    return re.sub(r"[^a-z0-9.]+", "-", joined).strip("-")


def parse(name: str) -> Rule:
    """Return the rule of this name.

    Raises
    ------
    RuleError
        There is none; the message lists all.
    """
    asked = plain(name)
    if asked in PRESETS:
        return PRESETS[asked]
    rule = _of_family(asked)
    if rule is None:
        listed = ", ".join([*PRESETS, *FAMILIES])
        raise RuleError(f"no rule {name!r}; want one of {listed}")
    limit = MOST_WINDOW_H if rule.kind == "little" else 24 * 14
    if not 0 < rule.hours <= limit:
        raise RuleError(f"rule {name!r}: want more than 0 and at most {limit} hours, got {rule.hours:g}")
    if rule.kind in {"little", "much", "much_day"} and rule.litres <= 0:
        raise RuleError(f"rule {name!r}: want more than 0 litres, got {rule.litres:g}")
    return rule


def _of_family(asked: str) -> Rule | None:
    number = r"(\d+(?:\.\d+)?)"
    if found := re.fullmatch(rf"no-draw-{number}h|{number}h-zero", asked):
        return Rule(asked, "no_use", float(found[1] or found[2]))
    if found := re.fullmatch(rf"{number}h-{number}l", asked):
        return Rule(asked, "little", float(found[1]), float(found[2]))
    if found := re.fullmatch(rf"{number}l-1h", asked):
        return Rule(asked, "much", 1.0, float(found[1]))
    if found := re.fullmatch(rf"day-{number}l", asked):
        return Rule(asked, "much_day", 24.0, float(found[1]))
    if found := re.fullmatch(rf"continuous-{number}h|{number}h-continuous", asked):
        return Rule(asked, "continuous", float(found[1] or found[2]))
    return None
