"""Fit the hazard of quiets that `detectors` ships: ``python -m benchmarks.hazard``.

Every hour of every quiet teaches: its columns were known at the last use, whether water came in it is known after it.  No
labels are needed, so an operator may fit again on homes of their own.

Two populations of homes teach, and are kept apart.  *Recorded*: the hourly homes of ``benchmarks/data`` that are lived in (DAIAD
trial A, CC BY-SA 4.0; nobody there is known to be old).  *Simulated*: older people of the settings of
`simulators.cohorts.SENIORS_1`, but none of the people in it.  Fitted on both together, the weights were worse for each; a home
finds out in service which population it takes after (`detectors.quiet_hazard`).

The same registers read in steps of ten litres give the line for coarse meters.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.hazard_fit import FOLDS, bent, folds
from benchmarks.hazard_simulated import taught_by_seniors
from benchmarks.quiet import masked, recorded
from benchmarks.quiet_walk import Walk, prior_of, priors, walk
from detectors.bins import Floats, Rows
from detectors.quiet_columns import Prior
from detectors.quiet_hazard import Weights
from shuian.backtest_input import Record

STEPS_L = (1.0, 10.0)
TEACHERS = {1.0: 250, 10.0: 100}
"""Simulated homes that teach, for each register step."""


def coarse(record: Record, step_l: float) -> Record:
    """Return the record as a register of this step would have told it; what is not known loses what was left over."""
    known = ~np.isnan(record.litres)
    total = np.cumsum(np.where(known, record.litres, 0.0))
    shown = np.diff(np.floor(total / step_l) * step_l, prepend=0.0)
    return masked(replace(record, litres=np.where(known, shown, np.nan), resolution_l=step_l, absences=()))


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
    """Return the arrays that are shipped: one line for each register step, in weights two populations to a line."""
    arrays: dict[str, list[Floats]] = {}
    for step_l in STEPS_L:
        prior, recorded, walked = whole([coarse(r, step_l) if step_l > 1 else r for r in records])
        print(f"{step_l:g} L: {len(walked.y):,} hours of recorded quiets, water came in {walked.y.mean():.0%}")
        seniors = taught_by_seniors(TEACHERS[step_l], step_l, prior)
        print(f"{step_l:g} L: {len(seniors.y):,} hours of simulated quiets, water came in {seniors.y.mean():.0%}")
        line = prior._asdict() | _side_by_side(recorded, bent(seniors.x, seniors.y))
        for name, array in line.items():
            arrays.setdefault(name, []).append(array.astype(np.float32))
    return {"resolution_l": np.array(STEPS_L)} | {name: np.stack(each) for name, each in arrays.items()}


def _side_by_side(*populations: Weights) -> dict[str, Floats]:
    """Return the weights of populations as arrays, one line a population."""
    made = {"weights": np.stack([np.append(one.intercept, one.slopes) for one in populations])}
    bends = [one.bends for one in populations if one.bends is not None]
    return made | {name: np.stack([getattr(one, name) for one in bends]) for name in type(bends[0])._fields}


def main() -> None:
    """Fit, and write what was fitted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("detectors/data/hazard.npz"))
    asked = parser.parse_args()
    arrays = tables(recorded())
    with asked.out.open("wb") as f:
        np.savez_compressed(f, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
