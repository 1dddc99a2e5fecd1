"""Public anomaly detectors and survival analysis as somebody would try them first, on the same quiets and copies.

None of them is a dependency: those that are installed take part (``pip install pyod river adtk lifelines``).  All see the same
few numbers: for how long no water was drawn, the hour of the day, whether it is a weekend, how much was drawn in the day
before.  Settings are the libraries' own unless said.  They learn from the history only, or as they go (river); where a
score of theirs falls while a quiet lasts, the highest so far counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from benchmarks.detection_homes import DAY_S, HOUR_S, Floats, Homes, Places, Quiets, Singles, resets
from benchmarks.detection_run import Detector, columns

LONGEST_H = 36
"""Longer quiets score as this one, and a little more."""
BEYOND_PER_H = 1e-6
TREES_SEED = 7


@dataclass(frozen=True)
class Seen:
    """Hours as features: (N, 5) hours without use, sine and cosine of the hour, weekend, ln litres of the day before."""

    row: Places
    features: Floats


def _features(waited_h: Floats, local_s: Floats, litres: Floats) -> Floats:
    angle = 2 * np.pi * (local_s % DAY_S) / DAY_S
    weekend = (np.floor(local_s / DAY_S) + 3) % 7 >= 5
    return np.stack([waited_h, np.sin(angle), np.cos(angle), weekend, np.log1p(litres)], axis=-1)


def day_before(homes: Homes) -> Floats:
    """Return (H, N) litres of the 24 h up to the end of each interval; what is not known counts as none."""
    total = np.cumsum(np.nan_to_num(homes.litres.astype(np.float64)), axis=1)
    width = 24 * homes.in_hour
    total[:, width:] -= total[:, :-width].copy()
    return total


def history(homes: Homes) -> Seen:
    """Return the known intervals of the history."""
    last, _ = resets(homes.reset())
    known = ~np.isnan(homes.litres) & ~homes.away & (last >= 0)
    known[:, homes.tested_from :] = False
    row, at = np.nonzero(known)
    waited_h = (at - last[row, at]) / homes.in_hour
    return Seen(row, _features(waited_h, homes.end_s(row, at), day_before(homes)[row, at]))


def ahead(homes: Homes, quiets: Quiets) -> Floats:
    """Return (Q, G, 5) the features of hours 0, 1, ... of quiets, up to `LONGEST_H`."""
    waited_h = np.arange(LONGEST_H + 1, dtype=np.float64)
    local_s = homes.end_s(quiets.row, quiets.last)[:, None] + waited_h * HOUR_S
    litres = day_before(homes)[quiets.row, quiets.last]
    return _features(np.broadcast_to(waited_h, local_s.shape), local_s, np.broadcast_to(litres[:, None], local_s.shape))


def spread_out(by_hour: Floats, homes: Homes) -> Singles:
    """Return (Q, P) scores for each interval, given (Q, G) for each hour: even in between, a little more beyond."""
    at = np.arange(columns(homes)) / homes.in_hour
    below = np.minimum(at.astype(np.intp), LONGEST_H)
    above = np.minimum(below + 1, LONGEST_H)
    highest = np.maximum.accumulate(by_hour, axis=1)
    inside = at - np.floor(at)
    made = highest[:, below] * (1 - inside) + highest[:, above] * inside + BEYOND_PER_H * at
    return made.astype(np.float32)


def outliers(make: Callable[[], object]) -> Callable[[Homes, Quiets], Singles]:
    """Return a detector that fits one of PyOD's models to the history of each home."""

    def scores(homes: Homes, quiets: Quiets) -> Singles:
        seen, future = history(homes), ahead(homes, quiets)
        made = np.zeros(future.shape[:2])
        for row in range(len(homes)):
            mine = quiets.row == row
            if not mine.any():
                continue
            model: object = make()
            model.fit(seen.features[seen.row == row])  # type: ignore[attr-defined]
            flat = model.decision_function(future[mine].reshape(-1, future.shape[2]))  # type: ignore[attr-defined]
            made[mine] = np.asarray(flat).reshape(mine.sum(), -1)
        return spread_out(made, homes)

    return scores


def half_space_trees(homes: Homes, quiets: Quiets) -> Singles:
    """Return scores of river's half-space trees, which learn every hour as it comes; quiets are looked at, not learnt."""
    anomaly = import_module("river.anomaly")
    names, limits = "wscel", {"w": (0.0, LONGEST_H), "s": (-1.0, 1.0), "c": (-1.0, 1.0), "e": (0.0, 1.0), "l": (0.0, 8.0)}  # fmt: skip
    last, _ = resets(homes.reset())
    litres, future = day_before(homes), ahead(homes, quiets)
    made = np.zeros(future.shape[:2])
    for row in range(len(homes)):
        trees = anomaly.HalfSpaceTrees(limits=limits, seed=TREES_SEED)
        asked = np.flatnonzero(quiets.row == row)
        asked = asked[np.argsort(quiets.last[asked], kind="stable")]
        at = np.flatnonzero((last[row] >= 0) & ~np.isnan(homes.litres[row]) & ~homes.away[row])
        rows = np.full(len(at), row)
        shown = _features((at - last[row, at]) / homes.in_hour, homes.end_s(rows, at), litres[row, at])
        told = 0
        for q in asked.tolist():
            until = int(np.searchsorted(at, quiets.last[q], side="right"))
            for line in shown[told:until].tolist():
                trees.learn_one(dict(zip(names, line, strict=True)))
            told = until
            made[q, 3:] = [trees.score_one(dict(zip(names, line, strict=True))) for line in future[q, 3:].tolist()]
    return spread_out(made, homes)


def seasonal(homes: Homes, quiets: Quiets) -> Singles:
    """Return how far the hours without use are over what is usual at that hour, in ADTK's interquartile ranges."""
    pandas, transformer = import_module("pandas"), import_module("adtk.transformer")
    future = ahead(homes, quiets)
    last, _ = resets(homes.reset())
    made = np.zeros(future.shape[:2])
    hour = np.rint(np.arctan2(future[:, :, 1], future[:, :, 2]) / (2 * np.pi) * 24).astype(np.intp) % 24
    for row in range(len(homes)):
        mine = quiets.row == row
        waited = _every_hour(homes, row, last[row])
        index = pandas.date_range("2025-01-01", periods=len(waited), freq="h")
        model = transformer.ClassicSeasonalDecomposition(freq=24, trend=False)
        rest = np.asarray(model.fit_transform(pandas.Series(waited, index=index)).dropna())
        q25, q75 = np.quantile(rest, [0.25, 0.75])
        usual = np.asarray(model.seasonal_)[:24]
        made[mine] = (future[mine, :, 0] - usual[hour[mine]] - q75) / max(q75 - q25, 0.1)
    return spread_out(made, homes)


def _every_hour(homes: Homes, row: int, last: Places) -> Floats:
    """Return (N,) hours without use at each hour of the whole days of a home's history; unknown ones lie between their neighbours."""
    at = np.arange(homes.tested_from)
    clock = np.rint(homes.end_s(np.full(len(at), row), at) % DAY_S / HOUR_S).astype(np.intp) % 24
    first = int(np.argmax(clock == 0))
    at = at[first : first + (len(at) - first) // (24 * homes.in_hour) * 24 * homes.in_hour]
    known = ~np.isnan(homes.litres[row, at]) & ~homes.away[row, at] & (last[at] >= 0)
    waited = (at - last[at]) / homes.in_hour
    hours: Floats = np.interp(at, at[known], waited[known])
    return hours


def proportional_hazards(homes: Homes, quiets: Quiets) -> Singles:
    """Return -log10 of the survival that lifelines' Cox model, fitted to the history of all homes, gives a quiet."""
    pandas, lifelines = import_module("pandas"), import_module("lifelines")
    reset = homes.reset()
    _, following = resets(reset)
    row, last = np.nonzero(reset)
    lasted_h = (following[row, last] - last - 1) / homes.in_hour
    some = (lasted_h >= 1) & (following[row, last] < homes.tested_from)
    usual = np.array([np.log(lasted_h[some & (row == n)].mean()) for n in range(len(homes))])
    litres = day_before(homes)

    def table(at: Places, n: Places) -> object:
        local = homes.end_s(n, at)
        begun = np.floor(local % DAY_S / HOUR_S / 3).astype(int)
        cells = {f"begun{part}": (begun == part).astype(float) for part in range(1, 8)}
        cells |= {"weekend": ((np.floor(local / DAY_S) + 3) % 7 >= 5).astype(float)}
        return pandas.DataFrame(cells | {"litres": np.log1p(litres[n, at]), "usual": usual[n]})

    known = table(last[some], row[some]).assign(hours=lasted_h[some])  # type: ignore[attr-defined]
    model = lifelines.CoxPHFitter(penalizer=0.01).fit(known, "hours")
    risk = np.asarray(model.predict_partial_hazard(table(quiets.last, quiets.row)))
    hazard = model.baseline_cumulative_hazard_
    passed = np.interp(np.arange(LONGEST_H + 1), np.asarray(hazard.index), np.asarray(hazard).ravel())
    return spread_out(risk[:, None] * passed / np.log(10), homes)


def _pyod(name: str) -> Callable[[], object]:
    def make() -> object:
        module = import_module(f"pyod.models.{name.lower()}")
        return getattr(module, name)(**({"random_state": TREES_SEED} if name == "IForest" else {}))

    return make


KNOWN = {
    "isolation forest (PyOD)": ("pyod", outliers(_pyod("IForest"))),
    "ECOD (PyOD)": ("pyod", outliers(_pyod("ECOD"))),
    "half-space trees (river)": ("river", half_space_trees),
    "seasonal residual (ADTK)": ("adtk", seasonal),
    "Cox model (lifelines)": ("lifelines", proportional_hazards),
}
"""Name -> the package that it needs, and its scores."""


def installed() -> tuple[list[Detector], list[str]]:
    """Return the public detectors that can be run here, and the names of those that cannot."""
    have = [name for name, (package, _) in KNOWN.items() if find_spec(package) is not None]
    return [Detector(name, KNOWN[name][1]) for name in have], [name for name in KNOWN if name not in have]
