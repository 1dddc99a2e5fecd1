"""When the faults of a script strike the homes of a technical drill.

A fault with a time of its own strikes then.  For one that is to fall due (`simulators.drills.DUE`) the detectors are asked,
as for the stories of the demo (`shuian.neighbourhood.placing`): its beginning is moved until what they find has just fallen
due when the drill begins.  It is told as soon as the last stretch of the history has been heard, with its worst level, and
with nothing said of it before.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import groupby

import numpy as np

from detectors.findings import Severity
from shuian.drill_cast import Cast, CastHome
from shuian.drill_lives import Lives
from shuian.errors import BadInput
from shuian.neighbourhood.placing import (
    BEFORE_CUT_S,
    FlowStory,
    QuietStory,
    cut_begins,
    flow_begins,
    quiets_begin,
)
from simulators.doings import Doings
from simulators.drills import DUE, Strikes
from simulators.drills._homes import Struck, befallen
from simulators.drills._story import begins
from simulators.faults import faults
from simulators.households import Draws

CLOSE_S = 300.0
"""A water cut that begins so near to the latest moment at which it is told is what is wanted. [s]"""
SURELY_S = 900.0
"""And it begins so much sooner, so that it is told for certain. [s]"""
FLOW_BEFORE_S = 450.0
"""Running water is told at a reading: the one nearest to this long before. [s]"""
CUTS = ("W4",)
"""Faults that are found by the silence of many homes at once."""
FLOWS: Mapping[str, tuple[Severity, tuple[float, float]]] = {
    "surge": ("red", (0.0, 8.0)),
    "leak": ("blue", (23.0, 30.0)),
}
"""Level at which running water is told, and how long before it begins to run. [h]"""


def place(cast: Cast, lives: Lives) -> list[Struck]:
    """Return when each fault of a script strikes which homes, given a drill that begins when the rehearsal says.

    Raises
    ------
    BadInput
        A fault is to fall due of which nobody can say when.
    """
    now_s = lives.at.now_s
    start, until = datetime.fromtimestamp(now_s, UTC), now_s + cast.drill.ends_s
    placed: list[Struck] = []
    for strikes, homes in _together(cast):
        ends = until if strikes.ends_s is None else now_s + strikes.ends_s
        if strikes.begins != DUE:
            times = [begins(strikes, start, lives.at.zone)] * len(homes)
        elif faults()[strikes.fault].group:
            times = [_due_together(lives, strikes.fault, _else_calm(cast, strikes.fault, homes), ends)]
        elif "quiet" in faults()[strikes.fault].finds and faults()[strikes.fault].layer == "person":
            times = _due_quiet(lives, strikes.fault, homes, placed, ends)
        else:
            times = [_due(lives, strikes.fault, home, ends) for home in homes]
        names = tuple(home.name for home in homes)
        if faults()[strikes.fault].group:
            placed.append(Struck(strikes.fault, names, times[0], ends))
        else:
            placed += [Struck(strikes.fault, (name,), at, ends) for name, at in zip(names, times, strict=True)]
    return placed


def _together(cast: Cast) -> list[tuple[Strikes, list[CastHome]]]:
    """Return the strikes with their homes; what befalls many at once first, in one for all parts that it befalls alike."""

    def alike(one: Strikes) -> tuple[str, str, str]:
        alone = "" if faults()[one.fault].group else one.part
        return one.fault, alone, f"{one.begins} {one.ends_s}"

    ordered = sorted(cast.drill.strikes, key=lambda one: (not faults()[one.fault].group, alike(one)))
    found = []
    for _, some in groupby(ordered, alike):
        several = list(some)
        parts = {one.part for one in several}
        found.append((several[0], [home for home in cast.homes if home.part in parts]))
    return found


def _else_calm(cast: Cast, code: str, homes: Sequence[CastHome]) -> list[CastHome]:
    """Return those homes that nothing else befalls: the silence of the others says nothing of the water."""
    struck = {one.part for one in cast.drill.strikes if one.fault != code}
    return [home for home in homes if home.part not in struck]


def _changed(did: Doings, begin: float, code: str, home: CastHome, until: float) -> Doings:
    changed: Doings = befallen(Struck(code, (home.name,), begin, until), did, usual=did)
    return changed


def _flowing(did: Doings, begin: float, code: str, home: CastHome, until: float) -> Draws:
    one = Struck(code, (home.name,), begin, until)
    struck: Draws = (
        befallen(one, did.draws) if faults()[code].layer == "plumbing" else befallen(one, did, usual=did).draws
    )
    return struck


def _due_quiet(
    lives: Lives, code: str, homes: Sequence[CastHome], placed: Sequence[Struck], until: float
) -> list[float]:  # fmt: skip
    """Return when what befalls a person has to begin in each home for their quiet to have fallen due."""

    def before_cut(home: CastHome) -> float:
        cut_s = min((one.at for one in placed if one.fault in CUTS and home.name in one.homes), default=np.inf)
        return cut_s - BEFORE_CUT_S

    stories = [QuietStory(home, "red", partial(_changed, code=code, home=home, until=until), ()) for home in homes]
    return quiets_begin(lives.at, stories, [lives.did[home.id] for home in homes], list(map(before_cut, homes)))


def _due(lives: Lives, code: str, home: CastHome, until: float) -> float:
    """Return when the water of one home has to begin to run for that to have just fallen due."""
    at, did = lives.at, lives.did[home.id]
    for kind, (severity, between_h) in FLOWS.items():
        if kind in faults()[code].finds:
            flow = FlowStory(home, kind, severity, partial(_flowing, code=code, home=home, until=until), between_h)
            return flow_begins(at, flow, did, at.now_s - FLOW_BEFORE_S)
    raise BadInput(f"nobody can say when fault {code} falls due", "give it a time in the script instead of DUE")


def _due_together(
    lives: Lives, code: str, homes: Sequence[CastHome], until: float
) -> float:  # fmt: skip
    """Return when the water of these homes has to be cut for that to be told when the drill begins."""
    if code not in CUTS:
        raise BadInput(f"nobody can say when fault {code} falls due", "give it a time in the script instead of DUE")

    def dry(home: CastHome, begin: float) -> Draws:
        cut: list[Draws] = befallen(Struck(code, (home.name,), begin, until), [lives.did[home.id].draws])
        return cut[0]

    latest = cut_begins(lives.at, homes, {home.id: partial(dry, home) for home in homes}, lives.at.now_s, CLOSE_S)
    return latest - SURELY_S
