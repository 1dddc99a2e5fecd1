"""The state of a partition as one thing: joined with new rows, packed into named arrays, and unpacked."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.alarms import Alarms
from detectors.away_use import AwayUse
from detectors.bins import Rows
from detectors.clock import Clock
from detectors.daybook import Daybook
from detectors.drift import Drift
from detectors.errors import SnapshotError
from detectors.findings import Finding
from detectors.habit import Habit
from detectors.meter_steps import Steps
from detectors.quiet import Quiet
from detectors.quiet_past import QuietPast
from detectors.quiet_spells import Spells
from detectors.rulebook import Rulebook
from detectors.signs import Signs
from detectors.water import Water

VERSION = 6
Arrays = dict[str, NDArray[Any]]


class State(NamedTuple):
    """Every array of every detector; the first axis is always the row."""

    clock: Clock
    habit: Habit
    quiet: Quiet
    rulebook: Rulebook
    signs: Signs
    water: Water
    daybook: Daybook
    drift: Drift
    past: QuietPast
    spells: Spells
    alarms: Alarms
    steps: Steps
    away_use: AwayUse


def _each(state: State) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, {array name: array}) of every part; the dictionaries are views, writing to them writes the state."""
    yield "clock", vars(state.clock)
    yield "habit", vars(state.habit)
    yield "quiet", vars(state.quiet)
    yield "signs", vars(state.signs)
    yield "flow", vars(state.water.flow)
    yield "running", vars(state.water.running)
    yield "leak", vars(state.water.leak)
    yield "peaks", vars(state.water.peaks)
    yield "surge", vars(state.water.surge)
    yield "daybook", vars(state.daybook)
    yield "drift", vars(state.drift)
    yield "past", vars(state.past)
    yield "spells", vars(state.spells)
    yield "alarms", vars(state.alarms)
    yield "steps", vars(state.steps)
    yield "away_use", vars(state.away_use)
    yield "trail", vars(state.rulebook.trail)
    for name, own in state.rulebook.own.items():
        yield f"rule:{name}", own


def joined(state: State, new: State) -> State:
    """Return `state` with the rows of `new` after its own; `state` itself is used up."""
    for (_, old), (_, more) in zip(_each(state), _each(new), strict=True):
        for name, array in old.items():
            old[name] = np.concatenate([array, more[name]])
    return state


def learn_anew(state: State, rows: Rows, fresh: State) -> None:
    """Forget what is usual for `rows`, because their meters changed: it is as in `fresh`, which has as many rows."""
    known = {"habit", "quiet", "past", "spells", "daybook", "drift"}
    for (name, own), (_, new) in zip(_each(state), _each(fresh), strict=True):
        if name in known:
            for array in own:
                own[array][rows] = new[array]


def packed(state: State) -> Arrays:
    """Return copies of all arrays under dotted names."""
    arrays: Arrays = {"version": np.array([VERSION])}
    for part, own in _each(state):
        arrays |= {f"{part}.{name}": array.copy() for name, array in own.items()}
    return arrays


def check(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Refuse what is no snapshot of this version.

    Raises
    ------
    SnapshotError
        With the version found.
    """
    version = arrays.get("version")
    if version is None or int(version[0]) != VERSION:
        found = "none" if version is None else int(version[0])
        raise SnapshotError(f"want a snapshot of version {VERSION}, got {found}: replay the readings instead")


def unpacked(fresh: State, arrays: Mapping[str, NDArray[Any]]) -> State:
    """Return `fresh` filled from a snapshot; rules that the snapshot does not know stay fresh.

    Raises
    ------
    SnapshotError
        An array of a part is missing.
    """
    for part, own in _each(fresh):
        known = {name for name in own if f"{part}.{name}" in arrays}
        if not known and part.startswith("rule:"):
            continue
        if part == "trail" and ("trail.head" in arrays) and len(arrays["trail.head"]) != len(own["head"]):
            continue  # sums were not kept then, or are not wanted now
        if missing := set(own) - known:
            raise SnapshotError(f"the snapshot lacks {sorted(missing)} of {part}: replay the readings instead")
        for name in own:
            own[name] = arrays[f"{part}.{name}"].copy()
    return fresh


def packed_findings(findings: Iterable[Finding]) -> Arrays:
    """Return findings as an array of text."""
    lines = [json.dumps({f.name: getattr(one, f.name) for f in dataclasses.fields(Finding)}) for one in findings]
    return {"findings": np.array(lines, np.str_)}


def unpacked_findings(arrays: Mapping[str, NDArray[Any]]) -> list[Finding]:
    """Return the findings of a snapshot."""
    return [Finding(**json.loads(str(line))) for line in arrays["findings"]]
