"""Quiet by the hazard and the index beside the survival score and a fixed rule: ``python -m benchmarks.quiet_index``.

The same homes, copies and counting as `benchmarks.quiet`.  Weights and priors that judge a home were fitted on the other
three quarters of the homes; "transferred" levels come from one half of the homes and are measured on the other, many times.
"Matched": the one level of a group that gives exactly that many false alarms.

Ask, then go: at the ask level a call goes out; somebody who is well answers four times in five, somebody who is not never;
unanswered for half an hour, or at the go level, a visit starts.  A visit to a home that uses water later was for nothing.
With a second channel somebody else (a neighbour, a relative) is called after that half hour; of those who are well every
second is accounted for by them, and a visit starts half an hour later still.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import hazard
from benchmarks.hazard_fit import FOLDS, bent, folds
from benchmarks.quiet import HISTORY_S, seniors
from benchmarks.quiet import recorded as recorded_homes
from benchmarks.quiet_walk import Walk, prior_of, priors, walk
from detectors.bins import HOUR_S, Bools, Floats, Rows
from detectors.habit import TRIP_S
from detectors.quiet import MODEL_LEVELS, QuietSettings
from detectors.quiet_columns import HOURS, Prior, shipped_priors
from detectors.quiet_hazard import (
    BANDS,
    MOST_LIKE,
    POPULATIONS,
    Weights,
    chances,
    likeness,
    mixed,
    offsets,
    population_odds,
    residuals,
    shipped,
    survival,
)
from detectors.quiet_index import NIGHT_H, hours_to, level_at, levels, night_costs
from detectors.quiet_past import SLACK_H
from detectors.quiet_spells import MONTH_S, MOST_OWN, Pace

LEAST_H = 3.0
TARGETS = (3.0, 1.0, 0.3)
SPLITS, RESAMPLES = 12, 400
ANSWERED, WAIT_H = 0.8, 0.5
SECOND = 0.5
"""Share of the unanswered who are well of whom a second channel knows: an assumption."""
Groups = Mapping[str, Sequence[int]]
SLACK = 2e-3
"""More than the thousandth of an hour by which readings may be late: a rule in whole hours is one hour or the next."""


class Curves(NamedTuple):
    """A detector's levels of the natural quiets (Q, G) and of the copies (C, G) at the end of hours 1...G."""

    long: Floats
    copies: Floats


@dataclass(frozen=True)
class Judged:
    """A detector on a walk."""

    walk: Walk
    curves: Curves
    peak: Floats
    """(Q,) the level that each natural quiet reached; -inf: too short, or history."""

    def reached(self, level: float, homes: Sequence[int]) -> Floats:
        """Return (homes,) false alarms of each home, a month."""
        found = np.bincount(self.walk.long.row[self.peak >= level], minlength=len(self.walk.months))
        rate: Floats = found[list(homes)] / self.walk.months[list(homes)]
        return rate

    def rate(self, level: float, homes: Sequence[int]) -> float:
        """Return false alarms a household-month."""
        months = self.walk.months[list(homes)]
        return float((self.reached(level, homes) * months).sum() / months.sum())

    def level(self, target: float, homes: Sequence[int]) -> float:
        """Return the level that gives so many."""
        own = np.sort(self.peak[np.isin(self.walk.long.row, homes)])[::-1]
        nth = round(target * self.walk.months[list(homes)].sum())
        return float(own[min(nth, len(own) - 1)]) + SLACK

    def due(self, level: float, homes: Sequence[int]) -> tuple[Floats, Floats, Bools]:
        """Return (C',) hours of quiet at which the copies of homes reach a level, at least three, and at the copy."""
        mine = np.isin(self.walk.copies.row, homes)
        due = hours_to(self.curves.copies[mine], np.full(int(mine.sum()), level))
        return np.maximum(due, LEAST_H), self.walk.copies.hours[mine], mine

    def delay(self, level: float, homes: Sequence[int]) -> Floats:
        """Return (C',) hours from the incident to the hourly reading that shows it."""
        due, before, mine = self.due(level, homes)
        readings = np.ceil(np.maximum(due - before, 0.0) - 1e-3)
        return np.maximum(readings - self.walk.jitter_h[mine], 0.0)


def judged(seen: Walk, curves: Curves) -> Judged:
    """Return a detector's curves with what the natural quiets reached."""
    tested = (seen.long.begin >= seen.start[seen.long.row] + HISTORY_S) & (seen.long.hours >= LEAST_H - 1e-3)
    return Judged(seen, curves, np.where(tested, level_at(curves.long, seen.long.hours + 1e-6), -np.inf))


def survival_score(seen: Walk) -> Judged:
    """Return the survival score of `detectors.quiet`."""
    return judged(seen, Curves(seen.long.survival[:, 1:], seen.copies.survival[:, 1:]))


def fixed_gap(seen: Walk) -> Judged:
    """Return the plain rule "no draw for so many hours"."""
    hours = np.arange(1.0, HOURS + 1)
    return judged(seen, Curves(*(np.repeat(hours[None], len(q.row), axis=0) for q in (seen.long, seen.copies))))


def own_offsets(seen: Walk, odds: Floats) -> tuple[Floats, Floats]:
    """Return (Q, BANDS) and (C, BANDS) offsets that each home's earlier quiets give, by (Q, HOURS) log odds."""
    expected = chances(odds, np.zeros((len(odds), BANDS)))
    long, copied = so_far(seen, residuals(expected, full_hours(seen), seen.long.ended))
    return offsets(long), offsets(copied)


def full_hours(seen: Walk) -> NDArray[np.int64]:
    """Return (Q,) how many full hours natural quiets lasted."""
    return np.floor(seen.long.hours + SLACK_H).astype(np.int64)


def so_far(seen: Walk, added: Floats) -> tuple[Floats, Floats]:
    """Return (Q, ...) and (C, ...) sums of what each home's earlier natural quiets (Q, ...) added."""
    long = np.zeros(added.shape)
    copied = np.zeros((len(seen.copies.row), *added.shape[1:]))
    for home in range(len(seen.months)):
        own, its = np.flatnonzero(seen.long.row == home), np.flatnonzero(seen.copies.row == home)
        sums = np.concatenate([np.zeros((1, *added.shape[1:])), np.cumsum(added[own], axis=0)])
        long[own] = sums[:-1]
        copied[its] = sums[np.searchsorted(seen.long.begin[own], seen.copies.begin[its])]
    return long, copied


def index(seen: Walk, weights: Sequence[Sequence[Weights]], of: Rows, night: float = 1.0) -> Judged:
    """Return the index; home h is judged by the populations ``weights[of[h]]``, an alarm at night costs `night` day alarms."""
    odds = population_mix(seen, weights, of)
    curves = []
    for made, own, quiets in zip(odds, own_offsets(seen, odds[0]), (seen.long, seen.copies), strict=True):
        costs = night_costs(quiets.hour + np.ones(1), HOURS, night) if night != 1.0 else None
        curves.append(levels(survival(chances(made, own)), costs))
    return judged(seen, Curves(*curves))


def population_mix(seen: Walk, weights: Sequence[Sequence[Weights]], of: Rows) -> tuple[Floats, Floats]:
    """Return (Q, HOURS) and (C, HOURS) log odds, mixed by what each home's earlier quiets say of its population."""
    odds = [np.empty((len(q.row), POPULATIONS, HOURS)) for q in (seen.long, seen.copies)]
    for made, quiets in zip(odds, (seen.long, seen.copies), strict=True):
        for n, one in enumerate(weights):
            mine = of[quiets.row] == n
            made[mine] = population_odds(one, quiets.columns[mine])
    likes = so_far(seen, likeness(odds[0], full_hours(seen), seen.long.ended))
    long, copied = (mixed(made, np.clip(like, -MOST_LIKE, MOST_LIKE)) for made, like in zip(odds, likes, strict=True))
    return long, copied


def transferred(one: Judged, target: float, homes: Sequence[int], group: Sequence[int]) -> tuple[float, Floats, float]:
    """Return (false alarms, delays, obtained over intended) in `group` with levels from the other half of `homes`."""
    rng = np.random.default_rng(11)
    false = months = 0.0
    delays = []
    for _ in range(SPLITS):
        order = rng.permutation(list(homes))
        half = order[: len(order) // 2].tolist(), order[len(order) // 2 :].tolist()
        for known, new in (half, half[::-1]):
            level, those = one.level(target, known), [home for home in new if home in set(group)]
            if those:
                false += float((one.reached(level, those) * one.walk.months[those]).sum())
                months += float(one.walk.months[those].sum())
                delays.append(one.delay(level, those))
    return false / months, np.concatenate(delays), false / months / target


def asked(one: Judged, asks: float, go: float, homes: Sequence[int], second: float = 0.0) -> tuple[float, Floats]:
    """Return (false visits a month, hours to the start of a visit) when one asks so often and goes at `go` at the latest.

    `go` is how far the go level lies above the ask level; `second` is what a second channel knows of (0: there is none).
    """
    wait_h = WAIT_H * (2 if second else 1)
    level = one.level(asks, homes)
    quiets = one.walk.long
    mine = np.isin(quiets.row, homes) & np.isfinite(one.peak) & (one.peak >= level)
    ask = np.maximum(hours_to(one.curves.long[mine], np.full(int(mine.sum()), level)), LEAST_H)
    told = np.ceil(ask - 1e-3)
    still = quiets.hours[mine] >= told + wait_h
    unknown = (1.0 - ANSWERED) * (1.0 - second)
    visits = unknown * still.sum()
    answered = one.peak[mine] >= level + go
    visits += (1.0 - unknown) * answered.sum()
    delay = np.minimum(one.delay(level, homes) + wait_h, one.delay(level + go, homes))
    return float(visits / one.walk.months[list(homes)].sum()), delay


def with_own_level(one: Judged, level: float, homes: Sequence[int], pace: Pace) -> tuple[Floats, Floats]:
    """Return (homes,) false alarms a month and (C',) delays when each home's level moves by its own false alarms."""
    long, copied, seen = one.walk.long, one.walk.copies, one.walk
    reached = np.where(np.isfinite(one.peak), one.peak, level_at(one.curves.long, long.hours + 1e-6))
    false, delays = [], []
    for home in homes:
        own, its = np.flatnonzero(long.row == home), np.flatnonzero(copied.row == home)
        lies, told, at, count = np.zeros(len(own) + 1), np.nan, 0.0, 0
        for n, q in enumerate(own.tolist()):
            lies[n] = at
            alarm = bool(reached[q] >= level + at)
            count += alarm and bool(np.isfinite(one.peak[q]))
            over = float(long.begin[q] + long.hours[q] * HOUR_S)
            spent_s = float(np.nan_to_num(np.clip(over - told, 0.0, TRIP_S)))
            moved = at + pace.step * ((alarm and bool(long.ended[q])) - pace.a_month * spent_s / MONTH_S)
            at, told = float(np.clip(moved, -MOST_OWN, MOST_OWN)), over
        lies[-1] = at
        levels_then = level + lies[np.searchsorted(long.begin[own], copied.begin[its])]
        due = np.maximum(hours_to(one.curves.copies[its], levels_then), LEAST_H)
        readings = np.ceil(np.maximum(due - copied.hours[its], 0.0) - 1e-3)
        delays.append(np.maximum(readings - seen.jitter_h[its], 0.0))
        false.append(count / seen.months[home])
    return np.array(false), np.concatenate(delays)


def bootstrap(one: Judged, other: Judged, target: float, homes: Sequence[int]) -> tuple[Floats, Floats]:
    """Return the (2.5, 50, 97.5 %) points of the difference in median and in p90 over homes drawn again."""
    rng, median, late = np.random.default_rng(12), [], []
    delays = [
        {home: d.delay(d.level(target, homes), [home]) for home in homes} for d in (one, other)
    ]  # fmt: skip
    for _ in range(RESAMPLES):
        drawn = rng.choice(list(homes), len(homes)).tolist()
        ours, theirs = (np.concatenate([each[home] for home in drawn]) for each in delays)
        median.append(np.median(ours) - np.median(theirs))
        late.append(np.quantile(ours, 0.9) - np.quantile(theirs, 0.9))
    return np.quantile(median, [0.025, 0.5, 0.975]), np.quantile(late, [0.025, 0.5, 0.975])


def at_night(one: Judged, level: float, homes: Sequence[int]) -> float:
    """Return the share of false alarms raised at night."""
    quiets = one.walk.long
    mine = np.isin(quiets.row, homes) & (one.peak >= level)
    due = np.maximum(hours_to(one.curves.long[mine], np.full(int(mine.sum()), level)), LEAST_H)
    hour = (quiets.hour[mine] + 1 + np.ceil(due)) % 24
    return float(((hour >= NIGHT_H[0]) | (hour < NIGHT_H[1])).mean())


def report(title: str, detectors: Mapping[str, Judged], groups: Groups, everybody: Sequence[int]) -> None:
    """Print what each detector costs and gives."""
    for group, homes in groups.items():
        months = next(iter(detectors.values())).walk.months[list(homes)].sum()
        print(f"\n{title}, {group}: {len(homes)} homes, {months:.0f} household-months")
        print(f"{'':<20}" + "".join(f"{f'{target:g} a month':>34}" for target in TARGETS))
        print(f"{'':<20}" + f"{'matched   transferred (FA)  max':>34}" * len(TARGETS))
        for name, one in detectors.items():
            print(f"{name:<20}" + "".join(f"{_cell(one, target, homes, everybody):>34}" for target in TARGETS))


def _cell(one: Judged, target: float, homes: Sequence[int], everybody: Sequence[int]) -> str:
    level = one.level(target, homes)
    own, (false, moved, _) = one.delay(level, homes), transferred(one, target, everybody, homes)
    return f"{_two(own)} {_two(moved)} ({false:.2f}) {one.reached(level, homes).max():4.1f}"


def _two(delay: Floats) -> str:
    return f"{np.median(delay):5.1f}/{np.quantile(delay, 0.9):4.1f}"


def recorded(copies: int) -> tuple[Walk, dict[str, Judged], Groups]:
    """Return the recorded homes with every detector, each home judged by what the others taught."""
    homes = recorded_homes()
    past, part = priors(homes), folds(len(homes))
    others = [prior_of(past, np.flatnonzero(part != n)) for n in range(FOLDS)]
    seen = walk(homes, hazard.lines(others, part), copies)
    taught = [part[seen.x_row] != n for n in range(FOLDS)]
    seniors = shipped()[0][1:]
    curved = [bent(seen.x[pick], seen.y[pick]) for pick in taught]
    populations = [(one, *seniors) for one in curved]
    groups = {
        "lived-in": list(range(len(homes))),
        "1-2 residents": [n for n, home in enumerate(homes) if home.occupants in {1, 2}],
        "1 resident": [n for n, home in enumerate(homes) if home.occupants == 1],
    }
    found = {
        "no draw for n hours": fixed_gap(seen),
        "survival": survival_score(seen),
        "recorded only": index(seen, [(one, one) for one in curved], part),
        "index": index(seen, populations, part),
        "index, night x 2": index(seen, populations, part, night=2.0),
    }
    return seen, found, groups


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=200, help="what-if copies of each home")
    parser.add_argument("--seniors", type=int, default=60, help="simulated homes, judged by what is shipped")
    parser.add_argument("--save", type=Path, help="keep the curves of the recorded homes")
    asked_for = parser.parse_args()
    _, found, groups = recorded(asked_for.copies)
    report("recorded", found, groups, groups["lived-in"])
    for group, homes in groups.items():
        _in_service(group, found["index"], homes)
        for other in ("survival", "no draw for n hours"):
            for target in TARGETS[1:]:
                median, late = bootstrap(found["index"], found[other], target, homes)
                print(f"{group}, {target:g} a month: index minus {other}: median {_three(median)}, p90 {_three(late)}")
        for name in ("index", "index, night x 2", "survival"):
            one = found[name]
            print(
                f"{group}: {name}: {at_night(one, one.level(1.0, homes), homes):.0%} of alarms at 1 a month are at night"
            )
            _asking(one, homes)
    if asked_for.save:
        np.savez_compressed(asked_for.save, **found["index"].curves._asdict())
    if asked_for.seniors:
        old = seniors(asked_for.seniors, 220)
        line = shipped_priors().lines.take(np.zeros(len(old), np.intp))
        seen = walk(old, Prior(*line), asked_for.copies // 4, teach=False)
        of = np.zeros(len(old), np.intp)
        everybody = list(range(len(old)))
        detectors = {
            "no draw for n hours": fixed_gap(seen),
            "survival": survival_score(seen),
            "index": index(seen, shipped()[:1], of),
        }
        report("simulated seniors", detectors, {"all": everybody}, everybody)
        _in_service("simulated seniors", detectors["index"], everybody)


def _asking(one: Judged, homes: Sequence[int]) -> None:
    """Print what asking first gives."""
    for second in (0.0, SECOND):
        for asks in (1.0, 1.5, 2.0, 3.0):
            visits, delay = asked(one, asks, 3.0, homes, second)
            how = "ask, ask others, then go" if second else "ask, then go"
            print(f"  {asks:g} a month: {how}: {visits:.2f} false visits, {_two(delay)} h to the start of a visit")


def _three(points: Floats) -> str:
    return f"{points[1]:+.1f} [{points[0]:+.1f}, {points[2]:+.1f}]"


def _in_service(group: str, one: Judged, homes: Sequence[int]) -> None:
    """Print what the levels of the service give: amber moves by each home's own false alarms, red does not."""
    settings, (amber, red) = QuietSettings(), MODEL_LEVELS["index"]
    for name, level, step in (("amber", amber, settings.own_step), ("red", red, 0.0)):
        false, delay = with_own_level(one, level, homes, Pace(step, settings.budget))
        months = one.walk.months[list(homes)]
        rate = float((false * months).sum() / months.sum())
        print(
            f"{group}: {name} at {level:g}: {rate:.2f} false alarms a month, {_two(delay)} h; of a home "
            f"{false.min():.1f} to {false.max():.1f}"
        )


if __name__ == "__main__":
    main()
