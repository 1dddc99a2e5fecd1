"""What a fleet of virtual homes is: how many, who lives there, how their meters speak, and what goes wrong where and when.

Twenty homes are behind one riser and one gateway; what befalls many homes at once befalls those.  Everything follows from
the plan and its seed.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulators import chance, encoding, radio
from simulators.faults import LAYERS, Fault, faults
from simulators.households import Drawn, LivedDays, home_seeds, seniors

MOST_HOMES = 100_000
BEHIND_ONE = 20
"""Homes behind one riser and one gateway: ten floors of two doors.  A building has two risers, so that a cut of the water
(W4) takes half of it: one riser is drained for a repair."""
DAY_S = 86_400.0
MOST_DAYS_FAULTS = 28
"""Homes with faults are drawn as a whole: a run without an end is drawn so far, and ends then. [d]"""
STRIKES_WITHIN = (0.1, 0.7)
"""Faults begin in this part of the run, so that there is a before and an after. [A]"""
FIRST_DAY_S = DAY_S
"""In a run without an end they begin within this time. [s]"""
REGISTER_L = (5_000.0, 900_000.0)
"""What the registers show when the run begins: meters of a few months and of ten years. [L] [A]"""
_CHOICE, _WHEN, _REGISTER = 1 << 41, (1 << 41) + (1 << 33), (1 << 41) + (1 << 34)
"""What the hashes are for; the codes of faults come on top."""
Seeds = NDArray[np.uint64]
Floats = NDArray[np.float64]


class Cadence(NamedTuple):
    """How a meter reports."""

    step_s: float
    """From reading to reading. [s]"""
    values: int = 1
    """Readings in one upload."""

    @property
    def period_s(self) -> float:
        """From upload to upload [s]."""
        return self.step_s * self.values


PERIODS = {"15min": Cadence(900.0), "1h": Cadence(3600.0), "daily": Cadence(3600.0, 24)}


class Likeness(Protocol):
    """Homes that behave like recorded ones (`simulators.likeness`)."""

    def days(self, seeds: Seeds, start: datetime, zone: ZoneInfo) -> Iterator[Drawn]:
        """Return the draws of each 24 h from `start`, for ever."""
        ...


class Strike(NamedTuple):
    """One fault that begins."""

    code: str
    homes: tuple[int, ...]
    """One home, or all behind one riser and gateway."""
    at: float
    """Seconds since 1970."""


@dataclass(frozen=True)
class Plan:
    """A fleet; raises ValueError for what cannot be."""

    homes: int
    start: datetime
    """Aware."""
    zone: ZoneInfo
    seed: int = 1
    lasts_s: float | None = None
    """Simulated seconds; None: for ever."""
    formats: tuple[str, ...] = ("native",)
    """Homes take them in turn."""
    profile: str = "average"
    like: Likeness | None = None
    """Instead of the profile."""
    cadence: Cadence = PERIODS["15min"]
    resolution_l: float = 1.0
    loss: float = 0.0
    """Share of uploads that are lost, in bursts."""
    faults: tuple[tuple[str, float | None], ...] = ()
    """Code and share of the homes; None: one home, or one riser."""
    sensors: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.homes <= MOST_HOMES:
            raise ValueError(f"want 1 to {MOST_HOMES} homes, got {self.homes}")
        if self.start.tzinfo is None:
            raise ValueError(f"want an aware start, got {self.start!r}")
        if self.lasts_s is not None and not 0 < self.lasts_s < np.inf:
            raise ValueError(f"want a run above 0 s, got {self.lasts_s}")
        if not self.resolution_l > 0:
            raise ValueError(f"want a resolution above 0 L, got {self.resolution_l}")
        if not 0 <= self.loss < 1:
            raise ValueError(f"want a share of losses from 0 to below 1, got {self.loss}")
        for fmt in self.formats:
            if fmt not in encoding.METERS:
                raise ValueError(f"want formats out of {', '.join(encoding.METERS)}, got {fmt!r}")
        for code, share in self.faults:
            if code not in faults():
                raise ValueError(f"want faults out of {', '.join(faults())}, got {code!r}")
            if share is not None and not 0 < share <= 1:
                raise ValueError(f"want a share of homes above 0, at most 1, for {code}, got {share}")
            if faults()[code].group and self.homes < 2:
                raise ValueError(f"want two homes at least for {code}, which befalls many at once, got {self.homes}")
            if sum(code == other for other, _ in self.faults) > 1:
                raise ValueError(f"want each fault once, with a share for all of it, got {code} twice")

    @property
    def start_s(self) -> float:
        """When it begins [s since 1970]."""
        return self.start.timestamp()

    @property
    def end_s(self) -> float:
        """When it ends [s since 1970]; infinite: never."""
        if self.lasts_s is not None:
            return self.start_s + self.lasts_s
        return self.start_s + MOST_DAYS_FAULTS * DAY_S if self.faults else np.inf

    @cached_property
    def seeds(self) -> Seeds:
        """(homes,) the person of each home."""
        return home_seeds(self.seed, range(self.homes))

    @cached_property
    def phases(self) -> Floats:
        """(homes,) how long after the start each home uploads first [s]."""
        return radio.phases(self.seeds, self.cadence.period_s)

    @cached_property
    def first_l(self) -> Floats:
        """(homes,) what has run through each meter at the start [L]."""
        low, high = REGISTER_L
        share = chance.unit(chance.numbers(chance.keys(self.seeds), _REGISTER))
        return low + share * (high - low)

    @property
    def lived(self) -> LivedDays:
        """Whose days they are."""
        return seniors(self.profile) if self.like is None else self.like.days

    def format(self, home: int) -> str:
        """Return the format that a home's meter speaks."""
        return self.formats[home % len(self.formats)]

    def meter(self, home: int) -> str:
        """Return the name of a home's meter."""
        return encoding.meter(self.format(home), home)

    def behind(self, gateway: int) -> tuple[int, ...]:
        """Return the homes behind one riser and gateway."""
        return tuple(range(gateway * BEHIND_ONE, min((gateway + 1) * BEHIND_ONE, self.homes)))

    @cached_property
    def strikes(self) -> tuple[Strike, ...]:
        """What goes wrong, in the order in which layers are applied."""
        found = [one for code, share in self.faults for one in self._strikes(faults()[code], share)]
        place = {code: n for n, code in enumerate(sorted(faults(), key=_layer))}
        return tuple(sorted(found, key=lambda one: (place[one.code], one.homes)))

    def _strikes(self, fault: Fault, share: float | None) -> Iterator[Strike]:
        """Choose homes, or gateways, and moments: by a hash, so that other faults do not change them."""
        code = zlib.crc32(fault.code.encode())
        several = self.seeds[: -1 if self.homes % BEHIND_ONE == 1 else None]  # no fault of many in a riser of one home
        key = chance.keys(several[::BEHIND_ONE] if fault.group else self.seeds)
        count = 1 if share is None else max(1, round(share * len(key)))
        chosen = np.sort(np.argsort(chance.numbers(key, _CHOICE + code), kind="stable")[:count])
        if self.lasts_s is None:
            low, length = 0.0, FIRST_DAY_S
        else:
            low, length = STRIKES_WITHIN[0] * self.lasts_s, (STRIKES_WITHIN[1] - STRIKES_WITHIN[0]) * self.lasts_s
        after = low + length * chance.unit(chance.numbers(key[chosen], _WHEN + code))
        for one, moment in zip(chosen.tolist(), after.tolist(), strict=True):
            yield Strike(fault.code, self.behind(one) if fault.group else (one,), self.start_s + moment)

    @cached_property
    def units(self) -> tuple[tuple[int, ...], ...]:
        """Homes with faults, each with those whose faults they share: what has to be worked out together."""
        shared = {home: one.homes for one in self.strikes if len(one.homes) > 1 for home in one.homes}
        found = {shared.get(home, (home,)) for one in self.strikes for home in one.homes}
        return tuple(sorted(found))


def gateway(home: int) -> str:
    """Return the gateway through which a home's devices speak."""
    return f"gw-{home // BEHIND_ONE:05d}"


def _layer(code: str) -> tuple[int, int]:
    return LAYERS.index(faults()[code].layer), faults()[code].number
