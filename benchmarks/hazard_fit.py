"""Weights of the chance that water comes: a straight line of the columns, then bends, and homes parted for fair measuring."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from detectors.bins import Rows
from detectors.quiet_columns import Singles
from detectors.quiet_hazard import FARTHEST, Bends, Weights, log_odds

RIDGE, NEWTON = 20.0, 8
BENDS, EPOCHS, BATCH, RATE, DECAY = 48, 12, 512, 3e-3, 3e-5
"""Chosen by the log loss in homes left out, where it hardly matters: any of 16 to 96 bends is as good."""
FOLDS = 4


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
