"""The tables of the science page."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.detection_curves import (
    COSTS,
    ONSETS_H,
    TARGETS,
    WITHIN_H,
    Point,
    Scored,
    at,
    bootstrap,
    by_onset,
    load,
    moved,
    point,
    quantile,
    spread,
    whole_hours,
)
from benchmarks.detection_homes import Floats
from benchmarks.detection_service import SURVIVAL
from benchmarks.detection_study import GAP, INDEX, NIGHTLY, Measured, Study
from benchmarks.realism_markdown import table

FEW = {1, 2}
GROUPS: Mapping[str, set[int] | None] = {"all": None, "1–2 residents": FEW, "1 resident": {1}}
MAIN = (0.3, 1.0, 3.0)
WHOLE = f"{GAP}, whole hours within the budget"
MOST_TIMES = 3.0
"""No home should have more false alarms than this many times the mean."""
Simulated = Mapping[str, Measured | None]


def tables(study: Study, water: str) -> dict[str, str]:
    """Return the blocks of the page by name; `water` is that of `detection_water`."""
    blocks = {"homes": homes(study), "seniors": curves(study.seniors.scored), "water": water}
    sets: Simulated = {"simulated, hourly": study.seniors, "simulated, 15 min": study.quarters}
    blocks["quarters"] = "" if study.quarters is None else curves(study.quarters.scored)
    blocks["ratios"] = ratios(sets)
    blocks["rules"] = in_service(study)
    blocks["within"], blocks["onset"] = within(study), onset(study)
    blocks["load"], blocks["utility"] = loads(study), utilities(study)
    if study.recorded is not None:
        for name, residents in (("recorded", None), ("recorded-few", FEW), ("recorded-one", {1})):
            blocks[name] = curves(study.recorded.of(residents))
        blocks["bootstrap"], blocks["transfer"] = bootstraps(study), transfers(study)
        blocks["spread"], blocks["public"] = spreads(study), publicly(study)
    return blocks


def pair(one: Point) -> str:
    """Return a delay as median / 90 % point."""
    return f"{hours(one.median)} / {hours(one.p90)}"


def hours(value: float) -> str:
    """Return hours with one digit; a dash if nothing was told within the horizon."""
    return f"{value:.1f}" if np.isfinite(value) else "–"


def homes(study: Study) -> str:
    """Return what was looked at."""
    rows = []
    sets: Simulated = {
        "simulated seniors, hourly": study.seniors,
        "simulated seniors, 15 min": study.quarters,
        "simulated Dutch seniors, hourly": study.dutch,
        "recorded homes, hourly": study.recorded,
    }
    for name, one in sets.items():
        if one is not None:
            any_of = one.scored[GAP]
            rows.append([name, f"{len(one.occupants):,}", f"{any_of.months.sum():,.0f}", f"{len(any_of.copy_home):,}"])
    if study.recorded is not None:
        for name, residents in list(GROUPS.items())[1:]:
            few = study.recorded.of(residents)[GAP]
            count = len(study.recorded.group(residents))
            rows.append([f"… of these {name}", str(count), f"{few.months.sum():.0f}", f"{len(few.copy_home):,}"])
    return table(["homes", "number", "household-months judged", "incidents put in"], rows)


def curves(scored: Mapping[str, Scored]) -> str:
    """Return each detector's delay at each budget."""
    rows = [[name, *(pair(at(one, target)) for target in TARGETS)] for name, one in scored.items()]
    if GAP in scored:
        fixed = [f"{pair(one)} (N = {one.level:g})" for one in (whole_hours(scored[GAP], t) for t in TARGETS)]
        rows.insert(list(scored).index(GAP) + 1, [WHOLE, *fixed])
    return table(["detector", *(f"{target:g} a month" for target in TARGETS)], rows)


def ratios(sets: Simulated) -> str:
    """Return the detectors' median delays over those of the tuned fixed gap, and whether their 90 % points are later."""
    rows = [
        [name, detector, GAP if rule is at else WHOLE, *(_ratio(one.scored, detector, target, rule) for target in MAIN)]
        for name, one in sets.items()
        if one is not None
        for detector in (SURVIVAL.name, INDEX)
        for rule in (at, whole_hours)
    ]
    return table(["homes", "detector", "over", *(f"{target:g} a month" for target in MAIN)], rows)


def _ratio(scored: Mapping[str, Scored], detector: str, target: float, rule: Callable[[Scored, float], Point]) -> str:
    best, own = rule(scored[GAP], target), at(scored[detector], target)
    return f"**{own.median / best.median:.2f}** ({own.p90 - best.p90:+.1f} h at 90 %)"


def in_service(study: Study) -> str:
    """Return the rules in public service at their own limits, the detectors beside them."""
    sets: dict[str, tuple[Measured, set[int] | None]] = {"simulated, hourly": (study.seniors, None)}
    if study.recorded is not None:
        sets |= {f"recorded, {name}": (study.recorded, residents) for name, residents in GROUPS.items()}
    rows = [
        [rule, *(_told(one.in_service(residents)[rule]) for one, residents in sets.values())]
        for rule in study.seniors.in_service()
    ]
    rows.append(
        ["06–18 < 10 L", *(_told(one.anchored) if residents is None else "" for one, residents in sets.values())]
    )
    for target in (1.0, 0.3):
        points = [at(one.of(residents)[INDEX], target) for one, residents in sets.values()]
        rows += [[f"{INDEX} at {target:g}", *map(_told, points)]]
    return table(["rule", *sets], rows)


def _told(one: Point) -> str:
    return f"{one.false_alarms:.2f} · {pair(one)}"


def _sets(study: Study) -> dict[str, dict[str, Scored]]:
    sets = {"simulated, hourly": study.seniors.scored}
    if study.recorded is not None:
        sets |= {f"recorded, {name}": study.recorded.of(residents) for name, residents in list(GROUPS.items())[:2]}
    return sets


def within(study: Study) -> str:
    """Return the share of incidents told in time at one false alarm a month."""
    rows = [
        [name, detector, *(f"{at(one, 1.0).within(limit):.0%}" for limit in WITHIN_H)]
        for name, scored in _sets(study).items()
        for detector, one in scored.items()
    ]
    return table(["homes", "detector", *(f"≤ {limit:g} h" for limit in WITHIN_H)], rows)


def onset(study: Study) -> str:
    """Return median delays by the hour of the incident at one false alarm a month."""
    rows = []
    for name, scored in _sets(study).items():
        for detector, one in scored.items():
            parts = by_onset(one, one.level(1.0))
            rows.append([name, detector, *(hours(parts[span]) for span in ONSETS_H)])
    return table(["homes", "detector", *ONSETS_H], rows)


def bootstraps(study: Study) -> str:
    """Return how much earlier the index is than others, with intervals over homes."""
    if study.recorded is None or not study.size.again:
        return ""
    rows, scored = [], study.recorded.scored
    for other in (GAP, SURVIVAL.name):
        for name, residents in list(GROUPS.items())[:2]:
            group = study.recorded.group(residents)
            one, two = scored[INDEX].of(group), scored[other].of(group)
            rows.append([other, name, *(_later(one, two, target, study.size.again) for target in MAIN)])
    return table(["index less …", "homes", *(f"{target:g} a month: median; 90 %" for target in MAIN)], rows)


def _later(one: Scored, two: Scored, target: float, times: int) -> str:
    """Return the difference of medians and of 90 % points with its interval."""
    cells = []
    whole = [scored.delays(scored.level(target)) for scored in (one, two)]
    for share in (0.5, 0.9):

        def measure(delays: Floats, share: float = share) -> float:
            return quantile(delays, share)

        low, high = bootstrap(one, two, target, measure, times, np.random.default_rng(7))
        cells.append(f"{measure(whole[0]) - measure(whole[1]):+.1f} [{low:+.1f}, {high:+.1f}]")
    return "; ".join(cells)


def transfers(study: Study) -> str:
    """Return what levels give elsewhere: false alarms obtained for those intended, and delays."""
    if study.recorded is None:
        return ""
    rows, rng = [], np.random.default_rng(9)
    for detector in (GAP, SURVIVAL.name, INDEX):
        for name, residents in list(GROUPS.items())[:2]:
            one = study.recorded.of(residents)[detector]
            cells = [moved(one, target, study.size.splits, rng) for target in MAIN]
            rows.append([detector, f"half of the recorded homes ({name}) → the other half", *(_told(c) for c in cells)])
        for place, scored in _elsewhere(study).items():
            levels = [study.seniors.scored[detector].level(target) for target in MAIN]
            rows.append(
                [detector, f"simulated → {place}", *(_told(point(scored[detector], level)) for level in levels)]
            )
    return table(["detector", "level from → used on", *(f"{target:g} intended" for target in MAIN)], rows)


def _elsewhere(study: Study) -> dict[str, dict[str, Scored]]:
    made: dict[str, dict[str, Scored]] = {}
    if study.dutch is not None:
        made["simulated Dutch"] = study.dutch.scored
    if study.recorded is not None:
        made |= {f"recorded, {name}": study.recorded.of(residents) for name, residents in list(GROUPS.items())[:2]}
    return made


def spreads(study: Study) -> str:
    """Return how one false alarm a month is shared out over homes."""
    rows = []
    for name, scored in _sets(study).items():
        for detector, one in scored.items():
            level = one.level(1.0)
            shared, rate = spread(one, level), one.by_home(level)[one.months > 0]
            beyond = int((rate > MOST_TIMES * one.false_alarms(level)).sum())
            rows.append([name, detector, f"{shared.p50:.2f}", f"{shared.p90:.2f}", f"{shared.most:.2f}", str(beyond)])
    return table(["homes", "detector", "median home", "90 % point", "worst home", "above 3 × mean"], rows)


def loads(study: Study) -> str:
    """Return what false alarms mean for a worker with 200 homes."""
    sets = {"simulated, hourly": study.seniors.scored}
    if study.recorded is not None:
        sets["recorded, all"] = study.recorded.scored
    rows = []
    for name, scored in sets.items():
        for detector, one in scored.items():
            each = load(one, one.level(1.0))
            p95 = f"{each.p95_a_day:.0f}" if np.isfinite(each.p95_a_day) else "–"
            rows.append([name, detector, f"{each.a_day:.1f}", p95, f"{each.at_night:.0%}"])
    return table(["homes", "detector", "a day, 200 homes", "95 % of days", "raised 22–06"], rows)


def utilities(study: Study) -> str:
    """Return the one number for regression tests."""
    rows = [
        [name, detector, *(f"{at(one, 1.0).utility(cost):.3f}" for cost in COSTS)]
        for name, scored in _sets(study).items()
        for detector, one in scored.items()
        if detector != NIGHTLY
    ]
    return table(["homes", "detector", *(f"cost {cost:g}" for cost in COSTS)], rows)


def publicly(study: Study) -> str:
    """Return public detectors on the recorded homes, ours beside them."""
    parts: list[str] = []
    if study.public is not None and study.recorded is not None:
        ours = {name: study.recorded.scored[name] for name in (INDEX, SURVIVAL.name)}
        parts.append(curves({**ours, **study.public.scored}))
    if study.missing:
        parts.append(_missing(study.missing))
    return "\n\n".join(parts)


def _missing(names: Sequence[str]) -> str:
    return f"Not installed where these figures were made: {', '.join(names)}."
