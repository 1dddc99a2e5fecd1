"""What the detection benchmark measures: which homes, which detectors, in blocks that several processes share."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks import detection_public as public
from benchmarks import detection_rules as rules
from benchmarks.detection_curves import Point, Scored, joined, point
from benchmarks.detection_homes import HOUR_S, Homes, Places, recorded_homes, senior_homes
from benchmarks.detection_index import Model, from_others, scorer, scorers
from benchmarks.detection_run import Detector, Scene, scene, scored
from benchmarks.detection_service import QUANTILE, SURVIVAL
from simulators.cohorts import SENIORS_1, Cohort, Kind
from simulators.memory import keep_freed
from simulators.profiles import profile_of

QUARTER_S = 900.0
AT_A_TIME = 400
"""Simulated homes that one process takes at a time: enough to keep numpy busy, few enough for both to end together."""
SEED = 5
GAP, LITTLE, USUAL, INDEX = "fixed gap", "less than 10 L", QUANTILE.name, "index"
NIGHTLY = "index, night alarms cost double"
ORDER = (GAP, LITTLE, USUAL, SURVIVAL.name, INDEX)
DUTCH = ("nl-frugal", "nl-average", "nl-generous")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    seniors: int = 800
    """The first of the cohort."""
    quarters: int = 200
    """Of them behind a meter that reports every quarter of an hour."""
    dutch: int = 200
    copies: int = 10
    """Of each simulated home."""
    recorded_copies: int = 100
    public_copies: int = 40
    again: int = 200
    """Times that homes are drawn again for an interval."""
    splits: int = 30
    processes: int = 2

    @property
    def quick(self) -> bool:
        """Whether recorded homes are left out."""
        return self.recorded_copies == 0


QUICK = Size(seniors=60, quarters=0, dutch=0, recorded_copies=0, again=0, splits=0)


@dataclass(frozen=True)
class Measured:
    """What all detectors made of a set of homes."""

    scored: dict[str, Scored]
    anchored: Point
    occupants: tuple[int | None, ...]

    def group(self, residents: set[int] | None) -> Places:
        """Return the homes with so many residents; None: all."""
        return np.array([n for n, count in enumerate(self.occupants) if residents is None or count in residents])

    def of(self, residents: set[int] | None) -> dict[str, Scored]:
        """Return the detectors on the homes with so many residents."""
        homes = self.group(residents)
        return {name: one.of(homes) for name, one in self.scored.items()}

    def in_service(self, residents: set[int] | None = None) -> dict[str, Point]:
        """Return the rules in public service, at their own limits."""
        scored = self.of(residents)
        limits = {"gap": scored[GAP], "little": scored[LITTLE]}
        return {name: point(limits[kind], limit) for name, (kind, limit) in rules.SERVICE.items()}


@dataclass(frozen=True)
class Study:
    """Everything that was measured."""

    size: Size
    seniors: Measured
    quarters: Measured | None = None
    dutch: Measured | None = None
    recorded: Measured | None = None
    public: Measured | None = None
    missing: Sequence[str] = field(default_factory=tuple)
    """Public detectors that are not installed here."""


@dataclass(frozen=True)
class _Block:
    """Some simulated homes for a process."""

    cohort: Cohort
    homes: range
    step_s: float
    copies: int
    model: Model


def dutch_cohort() -> Cohort:
    """Return people who live by another clock and use other cisterns: the same seed, days and shares."""
    zone = ZoneInfo("Europe/Amsterdam")
    kinds = tuple(Kind(profile_of(name), trips=True, declared=True) for name in DUTCH)
    return replace(SENIORS_1, name="dutch", zone=zone, start=datetime(2025, 3, 3, tzinfo=zone), kinds=kinds)


def detectors(step_s: float, index: Model) -> list[Detector]:
    """Return the detectors of quiet that are compared."""
    return [rules.gap(step_s), QUANTILE, SURVIVAL, Detector(INDEX, scorer(index))]


def looked_at(homes: Homes, seen: Scene, judges: Iterable[Detector]) -> Measured:
    """Return what detectors and fixed rules make of a block of homes."""
    made = {one.name: scored(homes, seen, one) for one in judges}
    made[LITTLE] = rules.little(homes, seen)
    ordered = {name: made[name] for name in (*ORDER, *made) if name in made}
    return Measured(ordered, rules.anchored(homes, seen).point(), homes.occupants)


def _simulated(block: _Block) -> Measured:
    keep_freed()
    homes = senior_homes(block.cohort, block.homes, QUARTER_S)
    if block.step_s == HOUR_S:
        homes = homes.hourly()
    seen = scene(homes, block.copies, np.random.default_rng([SEED, block.homes.start]))
    return looked_at(homes, seen, detectors(block.step_s, block.model))


def _recorded(homes: Homes, each: int, judges: Sequence[Detector]) -> Measured:
    return looked_at(homes, scene(homes, each, np.random.default_rng(SEED)), judges)


def _publicly(homes: Homes, each: int) -> Measured:
    have, _ = public.installed()
    return _recorded(homes, each, [rules.gap(homes.step_s), *have])


def put_together(parts: Sequence[Measured]) -> Measured:
    """Return blocks of homes as one."""
    months = np.array([part.scored[GAP].months.sum() for part in parts])
    false = sum(part.anchored.false_alarms * count for part, count in zip(parts, months, strict=True)) / months.sum()
    delays = np.concatenate([part.anchored.delays for part in parts])
    made = {name: joined([part.scored[name] for part in parts]) for name in parts[0].scored}
    return Measured(made, Point(float("nan"), float(false), delays), tuple(n for p in parts for n in p.occupants))


def study(size: Size, shipped: Model, progress: Progress) -> Study:
    """Measure everything.

    Parameters
    ----------
    size : Size
    shipped : Model
        What simulated homes are judged by; recorded homes are judged by what other recorded homes taught.
    progress : callable
        Called with a sentence now and then.
    """
    with ProcessPoolExecutor(size.processes) as pool:
        jobs: dict[Future[Measured], str] = {}
        missing: list[str] = []
        if not size.quick:
            progress("recorded homes: reading")
            homes = recorded_homes()
            have, missing = public.installed()
            if have:
                jobs[pool.submit(_publicly, homes, size.public_copies)] = "public"
            jobs[pool.submit(_with_own_weights, homes, size.recorded_copies)] = "recorded"
        for name, cohort, count, step_s in (
            ("quarters", SENIORS_1, size.quarters, QUARTER_S),
            ("dutch", dutch_cohort(), size.dutch, HOUR_S),
            ("seniors", SENIORS_1, size.seniors, HOUR_S),
        ):
            for first in range(0, count, AT_A_TIME):
                some = range(first, min(first + AT_A_TIME, count))
                jobs[pool.submit(_simulated, _Block(cohort, some, step_s, size.copies, shipped))] = name
        parts = _gathered(jobs, progress)
    sets = {name: put_together(some) for name, some in parts.items()}
    return Study(size=size, missing=tuple(missing), **sets)


def _with_own_weights(homes: Homes, each: int) -> Measured:
    model, _ = from_others(homes)
    by_day, dear_nights = scorers(model, 1.0, 2.0)
    judges = [*detectors(homes.step_s, model)[:-1], Detector(INDEX, by_day), Detector(NIGHTLY, dear_nights)]
    return _recorded(homes, each, judges)


def _gathered(jobs: dict[Future[Measured], str], progress: Progress) -> dict[str, list[Measured]]:
    done: dict[Future[Measured], Measured] = {}
    for job in as_completed(jobs):
        done[job] = job.result()
        progress(f"{len(done)} of {len(jobs)} parts done: {jobs[job]}")
    parts: dict[str, list[Measured]] = {}
    for job, name in jobs.items():  # in the order of the homes, whichever was ready first
        parts.setdefault(name, []).append(done[job])
    return parts
