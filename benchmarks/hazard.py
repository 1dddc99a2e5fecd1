"""Fit the hazard of quiets that `detectors` ships: ``python -m benchmarks.hazard``.

Homes: the recorded hourly homes of ``benchmarks/data`` that are lived in (DAIAD trial A, CC BY-SA 4.0; nobody there is known
to be old).  Every hour of every quiet teaches: its columns were known at the last use, whether water came in it is known
after it.  No labels are needed, so an operator may fit again on homes of their own.

The same registers read in steps of ten litres give the line for coarse meters.  ``--simulated`` fits simulated seniors
instead and prints the weights beside those shipped.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quiet import DATA, lived_in, masked, seniors
from benchmarks.quiet_walk import Walk, prior_of, priors, walk
from detectors.bins import Floats, Rows
from detectors.quiet_columns import COLUMNS, Prior, Singles
from detectors.quiet_hazard import FARTHEST, Bends, Weights, log_odds, shipped
from shuian.backtest_input import Record, load

RIDGE, NEWTON = 20.0, 8
BENDS, EPOCHS, BATCH, RATE, DECAY = 48, 12, 512, 3e-3, 3e-5
"""Chosen by the log loss in homes left out, where it hardly matters: any of 16 to 96 bends is as good."""
FOLDS = 4
STEPS_L = (1.0, 10.0)


def homes() -> list[Record]:
    """Return the recorded homes that are lived in, their nights away taken for declared."""
    records, _ = load(DATA / "pulses_daiad_dev.csv.gz", DATA / "households_dev.csv", None, None)
    return [masked(record) for record in records if lived_in(record)]


def coarse(record: Record, step_l: float) -> Record:
    """Return the record as a register of this step would have told it; what is not known loses what was left over."""
    known = ~np.isnan(record.litres)
    total = np.cumsum(np.where(known, record.litres, 0.0))
    shown = np.diff(np.floor(total / step_l) * step_l, prepend=0.0)
    return masked(replace(record, litres=np.where(known, shown, np.nan), resolution_l=step_l, absences=()))


def fit(x: Singles, y: NDArray[np.float32]) -> Weights:
    """Return the logistic weights of columns (N, 33) and outcomes (N,): ridge on standardised columns, Newton's steps."""
    mean, spread = x.mean(axis=0, dtype=np.float64), np.maximum(x.std(axis=0, dtype=np.float64), 1e-9)
    z = np.concatenate([np.ones((len(x), 1)), (x - mean) / spread], axis=1)
    ridge = np.diag(np.append(1e-6, np.full(x.shape[1], RIDGE)))
    beta = np.zeros(z.shape[1])
    for _ in range(NEWTON):
        p = 1.0 / (1.0 + np.exp(-z @ beta))
        beta += np.linalg.solve((z * (p * (1 - p))[:, None]).T @ z + ridge, z.T @ (y - p) - ridge @ beta)
    slopes = beta[1:] / spread
    return Weights(float(beta[0] - slopes @ mean), slopes)


def bent(x: Singles, y: NDArray[np.float32], seed: int = 0) -> Weights:
    """Return `fit` with bends: one hidden layer that starts from the straight model, Adam, falling steps, some decay."""
    rng, straight = np.random.default_rng(seed), fit(x, y)
    mean, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    z, base = np.clip((x - mean) / spread, -FARTHEST, FARTHEST), log_odds(straight, x).astype(np.float32)
    width = 1 / np.sqrt(x.shape[1])
    zeros = [np.zeros(n, np.float32) for n in (BENDS, BENDS, 1)]
    part: list[Singles] = [rng.normal(0, width, (x.shape[1], BENDS)).astype(np.float32), *zeros]
    first, second = [np.zeros_like(a) for a in part], [np.zeros_like(a) for a in part]
    steps = EPOCHS * (len(z) // BATCH)
    for n, some in enumerate(_batches(len(z), rng)):
        slopes = _slopes(part, z[some], base[some], y[some])
        for k, slope in enumerate(slopes):
            first[k] = 0.9 * first[k] + 0.1 * slope
            second[k] = 0.999 * second[k] + 0.001 * slope**2
            pace = (RATE * (1 - n / steps) + 1e-5) / (1 - 0.9 ** (n + 1))
            part[k] = part[k] - pace * first[k] / (np.sqrt(second[k] / (1 - 0.999 ** (n + 1))) + 1e-8)
    inner, bias, outer, more = (a.astype(np.float64) for a in part)
    bends = Bends(mean.astype(np.float64), spread.astype(np.float64), inner, bias, outer)
    return Weights(straight.intercept + float(more[0]), straight.slopes, bends)


def _batches(count: int, rng: np.random.Generator) -> Iterator[Rows]:
    for _ in range(EPOCHS):
        order = rng.permutation(count)
        for at in range(0, count - BATCH + 1, BATCH):
            yield order[at : at + BATCH]


def _slopes(part: list[Singles], z: Singles, base: Singles, y: Singles) -> list[Singles]:
    """Return by how much the mean log loss of a batch, and the decay, rise with each weight."""
    inner, bias, outer, more = part
    bend = np.tanh(z @ inner + bias)
    miss = (1 / (1 + np.exp(-(base + bend @ outer + more))) - y) / len(y)
    back = np.outer(miss, outer) * (1 - bend**2)
    return [z.T @ back + DECAY * inner, back.sum(axis=0), bend.T @ miss + DECAY * outer, miss.sum(keepdims=True)]


def folds(count: int, seed: int = 3) -> Rows:
    """Return (H,) which of `FOLDS` parts each home belongs to."""
    part = np.empty(count, np.intp)
    part[np.random.default_rng(seed).permutation(count)] = np.arange(count) % FOLDS
    return part


def lines(prior: Sequence[Prior], of: Rows) -> Prior:
    """Return the prior of each home, given those of the folds."""
    return Prior(*(np.stack([getattr(prior[n], name) for n in of.tolist()]) for name in Prior._fields))


def whole(records: Sequence[Record]) -> tuple[Prior, Weights, Walk]:
    """Return the prior of all homes, weights fitted on all of them, and the quiets they came from.

    While weights are fitted each home's prior is that of the other folds' homes, as it will be where they are used.
    """
    past, part = priors(records), folds(len(records))
    others = [prior_of(past, np.flatnonzero(part != n)) for n in range(FOLDS)]
    walked = walk(records, lines(others, part), copies=0)
    return prior_of(past, np.arange(len(records))), bent(walked.x, walked.y), walked


def tables(records: Sequence[Record]) -> dict[str, Floats]:
    """Return the arrays that are shipped: one line for each register step."""
    arrays: dict[str, list[Floats]] = {}
    for step_l in STEPS_L:
        prior, fitted, walked = whole([coarse(r, step_l) if step_l > 1 else r for r in records])
        line = {"weights": np.append(fitted.intercept, fitted.slopes), **prior._asdict()}
        line |= {} if fitted.bends is None else fitted.bends._asdict()
        for name, array in line.items():
            arrays.setdefault(name, []).append(array.astype(np.float32))
        print(f"{step_l:g} L: {len(walked.y):,} hours of quiets, water came in {walked.y.mean():.0%}")
    return {"resolution_l": np.array(STEPS_L)} | {name: np.stack(each) for name, each in arrays.items()}


def main() -> None:
    """Fit, and write what was fitted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("detectors/data/hazard.npz"))
    parser.add_argument("--simulated", action="store_true", help="fit simulated seniors and print the weights")
    asked = parser.parse_args()
    if asked.simulated:
        _, fitted, _ = whole(seniors(60, 220))
        for name, ours, theirs in zip(COLUMNS, shipped()[0].slopes, fitted.slopes, strict=True):
            print(f"{name:<14}{ours:>9.4f}{theirs:>9.4f}")
        return
    arrays = tables(homes())
    with asked.out.open("wb") as f:
        np.savez_compressed(f, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
