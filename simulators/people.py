"""People who never lived, but could have: what stays the same from day to day, drawn once from each home's seed."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simulators.chance import Bits, Floats, bell, beta, field, gamma, level, numbers, unit
from simulators.profiles import Profile

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class People:
    """Arrays (H,) or (H, n), one row a person; hours are local hours of the day."""

    key: Bits
    """What all chance of this person's days comes from."""
    rise_h: Floats
    bed_h: Floats
    day_sd_h: Floats
    naps: Flags
    outing: Floats
    """(H, 2) chance of a morning and of an afternoon outing."""
    weekday: Floats
    """(H, 7) factor on outings, Monday first."""
    washday: Floats
    """(H, 7) factor on laundry."""
    visit_weekday: NDArray[np.intp]
    """Day of the week of a fixed visit, -1: none."""
    visit_per_day: Floats
    trip_per_day: Floats
    guests_per_day: Floats
    day_spread: Floats
    rate: Floats
    """Factor on all rates."""
    volumes: Floats
    """(H, 9) factor on the volume of each use, in the order of `VOLUMES`."""
    toilet: Floats
    face: Floats
    kettle: Floats
    taps: Floats
    mop: Floats
    dual_flush: Flags
    hands: Floats
    night: Floats
    shower: Floats
    bath: Floats
    foot_basin: Floats
    breakfast: Floats
    machine: Floats
    hand_laundry: Floats

    def __len__(self) -> int:
        return len(self.key)

    def rows(self, index: NDArray[np.intp] | slice) -> "People":
        """Return some of the people."""
        return People(*(getattr(self, one.name)[index] for one in fields(self)))


VOLUMES = ("toilet", "face", "kettle", "taps", "mop", "shower", "meal", "hand_laundry", "foot_basin")


def people(key: Bits, p: Profile) -> People:
    """Return the people of these keys (H,).  All numbers are rounded, so that they are the same on every machine."""

    def u(slot: int) -> Floats:
        return unit(numbers(key, slot))

    def normal(slot: int, count: int) -> Floats:
        return bell()[level(numbers(key[:, None], slot + np.arange(count)))]

    def table(values: Floats, slot: int) -> Floats:
        return values[level(numbers(key, slot))]

    def about(mean: float, between: float, slot: int) -> Floats:
        """Return rates of this mean over people."""
        return mean * np.exp(between * normal(slot, 1)[:, 0] - between**2 / 2)

    hours = normal(0, 3)
    machine = u(20) < p.machine_owners
    found = People(
        key=key,
        rise_h=np.clip(p.rise_h + p.rise_between_h * hours[:, 0], p.rise_h - 2.2, p.rise_h + 2.8),
        bed_h=np.clip(p.bed_h + p.rise_between_h * hours[:, 1], p.bed_h - 2.1, p.bed_h + 2.4),
        day_sd_h=p.rise_day_h * np.exp(p.rise_day_between * hours[:, 2]),
        naps=u(3) < p.nappers,
        outing=np.stack([table(beta(*p.morning_out), 4), table(beta(*p.afternoon_out), 5)], axis=1),
        weekday=np.exp(p.weekday_between * normal(30, 7)),
        washday=np.exp(p.washday_between * normal(40, 7)),
        visit_weekday=np.where(u(6) < p.weekly_visitors, (u(7) * 7).astype(np.intp), -1),
        visit_per_day=p.visit_per_day * table(gamma(1.0), 8),
        trip_per_day=p.trip_per_day * table(gamma(p.trip_shape), 9),
        guests_per_day=p.guests_per_day * table(gamma(1.0), 10),
        day_spread=p.day_between * np.exp(p.day_between_people * normal(11, 1)[:, 0]),
        rate=about(p.rate, p.lively_between, 12),
        volumes=p.volume * np.exp(p.volume_between * normal(50, len(VOLUMES))),
        toilet=about(p.toilet_per_day, p.toilet_between, 13),
        face=about(p.face_per_day, p.face_between, 14),
        kettle=about(p.kettle_per_day, p.kettle_between, 15),
        taps=about(p.taps_per_day, p.taps_between, 16),
        mop=about(p.mop_per_day, p.mop_between, 17),
        dual_flush=u(18) < p.dual_flush,
        hands=table(beta(*p.hands), 19),
        night=p.night_per_night * table(gamma(p.night_shape), 21),
        shower=np.exp(p.shower_between * normal(22, 1)[:, 0]),
        bath=np.where(u(23) < p.bath_owners, p.bath_per_day / max(p.bath_owners, 1e-9), 0.0),
        foot_basin=table(beta(*p.foot_basin), 24),
        breakfast=table(beta(*p.breakfast), 25),
        machine=np.where(machine, about(p.machine_per_day, p.machine_between, 26), 0.0),
        hand_laundry=np.where(machine, *p.hand_laundry),
    )
    return _fixed(found)


def spread(values: Floats, bits: Bits, low: int = 0) -> Floats:
    """Return what a table holds at 12 of the bits."""
    return values[level(bits, low)]


def happens(chance: Floats | float, bits: Bits, low: int, width: int = 16) -> Flags:
    """Return where something of this chance happens, by `width` of the bits."""
    least = np.ceil(np.asarray(chance) * 2.0**width - 0.5).astype(
        np.int64
    )  # as many of the 2**width values stand for it
    flags: Flags = field(bits, low, width) < least
    return flags


def _fixed(found: People) -> People:
    values = {one.name: getattr(found, one.name) for one in fields(found)}
    return People(**{name: np.round(a, 9) if a.dtype == np.float64 else a for name, a in values.items()})
