"""The pooled hazard with its optimal-stopping index (`detectors.quiet_hazard`, `detectors.quiet_index`) in the benchmark.

Weights and priors for recorded homes always come from other homes: the homes are parted in four, and each part is judged by
what the other three taught.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection_homes import DAY_S, HOUR_S, LEAST_H, Floats, Homes, Places, Quiets, Singles, resets
from benchmarks.detection_run import columns as grid
from benchmarks.detection_service import absences
from benchmarks.hazard_fit import FOLDS, bent, folds
from benchmarks.quiet_walk import TAUGHT_AFTER_S, prior_of
from detectors.bins import News
from detectors.clock import Clock
from detectors.habit import TRIP_S
from detectors.quiet_columns import COLUMNS, HOURS, Prior, columns, shipped_priors
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
from detectors.quiet_index import level_at, levels, night_costs
from detectors.quiet_past import QuietPast, hour_of

See = Callable[[Places, Singles], None]


def walked(homes: Homes, quiets: Quiets, prior: Prior, see: See | None = None) -> QuietPast:
    """Lead the past of all homes through their intervals; show the columns of each quiet as it begins.

    Parameters
    ----------
    prior : Prior
        (H, ...) what is usual among other homes.
    see : callable
        Called with some quiets (places in `quiets`) and their columns (M, HOURS, 33).
    """
    rows, past, clock = np.arange(len(homes)), QuietPast.fresh(len(homes)), Clock.fresh(len(homes))
    clock.set_absences(absences(homes))
    order = np.argsort(quiets.last, kind="stable")
    edges = np.searchsorted(quiets.last[order], np.arange(homes.litres.shape[1] + 1))
    for n in range(homes.litres.shape[1]):
        end = homes.begin_s + (n + 1) * homes.step_s
        litres, offset = homes.litres[:, n].astype(np.float64), homes.offset_s[:, n].astype(np.float64)
        news, hole = clock.timely(News(rows, end - homes.step_s, end, litres, offset, end))
        past.step(clock.step(news, hole, homes.used[:, n]))
        begun = order[edges[n] : edges[n + 1]]
        if see is not None and len(begun):
            row = quiets.row[begun]
            see(begun, columns(past, row, hour_of((end + offset)[row]), homes.used[row, n], prior.take(row)))
    return past


@dataclass(frozen=True)
class History:
    """The natural quiets of some homes from the first day on: what teaches."""

    quiets: Quiets
    lasted: Places
    """(N,) intervals."""
    ended: NDArray[np.bool_]
    """(N,) by a use."""

    def hours(self, homes: Homes) -> NDArray[np.int64]:
        """Return (N,) full hours."""
        return self.lasted // homes.in_hour


def history(homes: Homes, least_h: float) -> History:
    """Return the natural quiets of at least so many hours that were no trips."""
    reset = homes.reset()
    _, following = resets(reset)
    row, last = np.nonzero(reset)
    after = following[row, last]
    lasted = after - last - 1
    some = (lasted >= least_h * homes.in_hour) & (lasted * homes.step_s <= TRIP_S) & (after < reset.shape[1])
    row, last, lasted, after = row[some], last[some], lasted[some].astype(np.intp), after[some]
    return History(Quiets(row, last), lasted, homes.used[row, after])


@dataclass(frozen=True)
class Taught:
    """Hours of quiets that may teach: columns, whether water came, and whose they are."""

    x: Singles
    y: Singles
    row: Places


def taught(homes: Homes, prior: Prior) -> Taught:
    """Return every hour of the quiets of hourly homes, from the third week on."""
    past = history(homes, 1.0)
    later = past.quiets.last * homes.step_s >= TAUGHT_AFTER_S
    quiets = Quiets(past.quiets.row[later], past.quiets.last[later])
    lasted, ended = past.hours(homes)[later], past.ended[later]
    x: list[Singles] = [np.empty((0, len(COLUMNS)), np.float32)]
    y: list[Singles] = [np.empty(0, np.float32)]
    row: list[Places] = [np.empty(0, np.intp)]

    def see(begun: Places, shown: Singles) -> None:
        g = np.arange(1, HOURS + 1)
        seen = (g >= 2) & (g <= (lasted[begun] + ended[begun])[:, None])
        which, hour = np.nonzero(seen)
        x.append(shown[which, hour])
        y.append((hour + 1 > lasted[begun][which]).astype(np.float32))
        row.append(quiets.row[begun][which])

    walked(homes, quiets, prior, see)
    return Taught(np.concatenate(x), np.concatenate(y), np.concatenate(row))


@dataclass(frozen=True)
class Model:
    """What homes are judged by: weights and priors, of which each home has one line."""

    weights: tuple[Sequence[Weights], ...]
    """Those of each population."""
    prior: Prior
    """(K, ...)"""
    line: Places
    """(H,)"""


def everywhere(weights: Sequence[Weights], prior: Prior, homes: int) -> Model:
    """Return one model for all homes; `prior` (1, ...)."""
    return Model((weights,), prior, np.zeros(homes, np.intp))


def shipped_model() -> Model:
    """Return what the package ships for registers of one litre."""
    priors = shipped_priors()
    line = int(priors.of(np.ones(1))[0])
    return everywhere(shipped()[line], priors.lines.take(np.array([line])), 1)


def lines(past: QuietPast, parts: list[Places]) -> Prior:
    """Return (K, ...) what is usual among each group of homes."""
    each = [prior_of(past, rows) for rows in parts]
    return Prior(*(np.stack([getattr(one, name) for one in each]) for name in Prior._fields))


def from_others(homes: Homes) -> tuple[Model, Model]:
    """Return models for hourly homes: for each home from the three other parts, and one from all of them for elsewhere."""
    count = len(homes)
    part = folds(count)
    nobody = Quiets(np.empty(0, np.intp), np.empty(0, np.intp))
    flat = Prior(np.full((count, 24), 0.4), np.full((count, HOURS), 0.1), np.full((count, 24), 8.0))
    past = walked(homes, nobody, flat)  # what homes were like in the end does not depend on a prior
    prior = lines(past, [*(np.flatnonzero(part != n) for n in range(FOLDS)), np.arange(count)])
    teaching = taught(homes, prior.take(part))
    seniors = shipped_model().weights[0][1:]
    weights = [
        (bent(teaching.x[pick], teaching.y[pick]), *seniors) for pick in (part[teaching.row] != n for n in range(FOLDS))
    ]
    overall = Prior(*(line[FOLDS:] for line in prior))
    return Model(tuple(weights), prior, part), everywhere((bent(teaching.x, teaching.y), *seniors), overall, 1)


Scorer = Callable[[Homes, Quiets], Singles]


def scorers(model: Model, *nights: float) -> list[Scorer]:
    """Return detectors that share one walk through the homes: each night is what a false alarm at night costs, in day alarms."""
    held: list[tuple[Homes, Quiets, Floats, Floats]] = []

    def scorer_of(night: float) -> Scorer:
        def scores(homes: Homes, quiets: Quiets) -> Singles:
            if not held or held[0][0] is not homes or held[0][1] is not quiets:
                held[:] = [(homes, quiets, *_judged(model, homes, quiets))]
            return _scores(homes, quiets, *held[0][2:], night)

        return scores

    return [scorer_of(night) for night in nights]


def scorer(model: Model, night: float = 1.0) -> Scorer:
    """Return one such detector."""
    return scorers(model, night)[0]


def _judged(model: Model, homes: Homes, quiets: Quiets) -> tuple[Floats, Floats]:
    """Return (Q, HOURS) log odds of quiets, and (Q, BANDS) the own offsets of their homes by then."""
    line = model.line if len(model.line) == len(homes) else np.zeros(len(homes), np.intp)
    before, width = history(homes, LEAST_H), homes.litres.shape[1]
    keys = [one.row * width + one.last for one in (quiets, before.quiets)]
    every, place = np.unique(np.concatenate(keys), return_inverse=True)
    both = Quiets(every // width, every % width)
    odds = np.empty((len(both), POPULATIONS, HOURS), np.float32)

    def see(begun: Places, shown: Singles) -> None:
        for n, weights in enumerate(model.weights):
            mine = line[both.row[begun]] == n
            if mine.any():
                odds[begun[mine]] = population_odds(weights, shown[mine])

    walked(homes, both, model.prior.take(line), see)
    now, earlier = place[: len(quiets)], place[len(quiets) :]
    told = likeness(odds[earlier].astype(np.float64), before.hours(homes), before.ended)
    like = np.clip(_so_far(homes, both, before, told), -MOST_LIKE, MOST_LIKE)
    one = mixed(odds, like)
    return one[now], _offsets(homes, quiets, before, one[earlier])


def _offsets(homes: Homes, quiets: Quiets, before: History, odds: Floats) -> Floats:
    """Return (Q, BANDS) what each home's earlier quiets say of the shared weights."""
    chance = chances(odds, np.zeros((len(odds), BANDS)))
    return offsets(_so_far(homes, quiets, before, residuals(chance, before.hours(homes), before.ended)))


def _so_far(homes: Homes, quiets: Quiets, before: History, added: Floats) -> Floats:
    """Return (Q, ...) the sums of what (N, ...) earlier quiets added that were over when each quiet began."""
    width = homes.litres.shape[1]
    key = before.quiets.row * width + before.quiets.last + before.lasted + 1  # the interval that ends it
    order = np.argsort(key)
    sums = np.concatenate([np.zeros((1, *added.shape[1:])), np.cumsum(added[order], axis=0)])
    until = np.searchsorted(key[order], quiets.row * width + quiets.last, side="right")
    since = np.searchsorted(key[order], quiets.row * width, side="left")
    found: Floats = sums[until] - sums[since]
    return found


def _scores(homes: Homes, quiets: Quiets, odds: Floats, own: Floats, night: float) -> Singles:
    hour = np.floor(homes.end_s(quiets.row, quiets.last) % DAY_S / HOUR_S).astype(np.int64)
    made = np.full((len(quiets), grid(homes)), -np.inf, np.float32)
    for first in range(0, len(quiets), 4096):
        some = slice(first, first + 4096)
        stays = survival(chances(odds[some], own[some]))
        costs = None if night == 1.0 else night_costs(hour[some].astype(np.float64), HOURS, night)
        curve = levels(stays, costs)
        for n in range(1, made.shape[1]):
            made[some, n] = level_at(curve, np.full(len(curve), n / homes.in_hour))
    return made
