"""What the meters of a script's homes say, from the beginning of their history to the hard end of the drill.

What somebody does, what flows, what the meter shows and what arrives are worked out one after the other, as in
`simulators.struck`; here each fault strikes at the moment that a script gives it, and lasts as long as the script says.  The
same arguments give the same reports.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from simulators import encoding
from simulators.chance import Floats
from simulators.doings import Doings
from simulators.faults import faults
from simulators.faults.meter.replaced import replaced
from simulators.faults.person.fall import fall
from simulators.faults.person.unannounced import hospital
from simulators.faults.plumbing.cut import cut
from simulators.faults.plumbing.tap import tap
from simulators.faults.transport.dead_gateway import gateway_down
from simulators.households import Draws
from simulators.meters import Register, read
from simulators.reports import Report

FORMAT = "native"
LITRE = 1.0
LIVE_S = 15.0
"""Meters are read this often once the drill runs, whatever period the registry says. [s]"""
SWAP = "M3"
"""The fault that is a meter replaced by another: here with a work order, so it speaks under its own name from then on."""
TAP_L_S = 0.1
"""A tap that is left open. [L/s]"""
HOSPITAL_DAYS = 5.0
DAY_S, HOUR_S = 86_400.0, 3600.0


@dataclass(frozen=True, slots=True)
class Meter:
    """A home's meter: its name, that of the meter which takes its place if one does, its gateway, how often it reports."""

    name: str
    next_name: str
    gateway: str
    period_s: int
    first_l: float
    """What it has counted at the beginning of the history. [L]"""


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that strikes some homes, by what the script calls them, at its time; seconds since 1970."""

    fault: str
    homes: tuple[str, ...]
    at: float
    until: float
    """When it is over, if somebody decides that: a tap is closed, water comes back."""
    chance: int = 0
    """What its parameters are drawn by, if it has any."""


def _unheard(reports: Sequence[Report], one: Struck) -> list[Report]:
    for gateway in sorted({report.gateway for report in reports}):
        reports = gateway_down(reports, gateway, one.at, one.until)
    return list(reports)


Staged = Callable[[Any, Struck], Any]
STAGED: Mapping[str, Staged] = {
    "P1": lambda did, one: fall(did, one.at),
    "P3": lambda draws, one: tap(draws, one.at, TAP_L_S, one.until - one.at),
    "P10": lambda did, one: hospital(did, one.at, HOSPITAL_DAYS),
    "W4": lambda homes, one: [cut(draws, one.at, one.until) for draws in homes],
    "M3": lambda register, one: replaced(register, one.at, 0.0),
    "M7": _unheard,
}
"""Faults in the form that a script means: of known strength, and no longer than it says.  Others strike as chance has it."""


def befallen(one: Struck, subject: Any, **told: object) -> Any:
    """Return the subject of a fault as it is afterwards: Doings, Draws, Register or Reports, or a list of one a home."""
    if one.fault in STAGED:
        return STAGED[one.fault](subject, one)
    fault = faults()[one.fault]
    rng = np.random.default_rng([one.chance, fault.number])
    return fault.strike(subject, one.at, rng, **{wish: told[wish] for wish in fault.wants if wish in told})


def of_layer(struck: Iterable[Struck], layer: str) -> list[Struck]:
    """Return those of a layer, in their order."""
    return [one for one in struck if faults()[one.fault].layer == layer]


# --- the four layers ---------------------------------------------------------------------------------------------------


def lived(home: str, did: Doings, struck: Iterable[Struck], zone: ZoneInfo) -> Doings:
    """Return what the person of a home does whom the faults of people among `struck` befall."""
    usual = did
    for one in of_layer(struck, "person"):
        if home in one.homes:
            did = befallen(one, did, zone=zone, usual=usual)
    return did


def flows(draws: Mapping[str, Draws], struck: Iterable[Struck]) -> dict[str, Draws]:
    """Return the water that flows in each home, given the faults of plumbing."""
    found = dict(draws)
    for one in of_layer(struck, "plumbing"):
        if faults()[one.fault].group:
            found |= zip(one.homes, befallen(one, [found[home] for home in one.homes]), strict=True)
        else:
            found |= {home: befallen(one, found[home]) for home in one.homes}
    return found


def shown(home: str, meter: Meter, draws: Draws, times: Floats, struck: Iterable[Struck]) -> list[Report]:
    """Return what a home's meter reports at `times` (seconds since 1970, rising), given the faults of meters."""
    swapped_at = np.inf
    register: Register = read(home, draws, times, LITRE, meter.first_l)
    for one in of_layer(struck, "meter"):
        if home in one.homes:
            register = befallen(one, register)
            swapped_at = one.at if one.fault == SWAP else swapped_at
    return [
        Report(at, meter.name if at <= swapped_at else meter.next_name, meter.gateway, litres)
        for at, litres in zip(register.at_s.tolist(), np.round(register.litres, 3).tolist(), strict=True)
    ]


def arriving(
    said: Sequence[Report], meters: Mapping[str, Meter], struck: Iterable[Struck], zone: ZoneInfo
) -> list[Report]:
    """Return the reports that arrive, in order of time, given the faults of transport."""
    kept = list(said)
    for one in of_layer(struck, "transport"):
        mine = {name for home in one.homes for name in (meters[home].name, meters[home].next_name)}
        others = [report for report in kept if report.device not in mine]
        hit = [report for report in kept if report.device in mine]
        kept = [*others, *befallen(one, hit, zone=zone, encode=_encoded)]
    return sorted(kept, key=lambda one: one.at)


def _encoded(one: Report) -> bytes:
    return encoding.report(one, FORMAT, LITRE)[-1][1]


def reports(
    meters: Mapping[str, Meter], did: Mapping[str, Doings], struck: Sequence[Struck], span: tuple[float, float, float],
    zone: ZoneInfo,
) -> list[Report]:  # fmt: skip
    """Return all that the meters of a script's homes say, by arrival.

    Parameters
    ----------
    meters, did : by home, as the script calls it
        Their meters, and what their people would do without any fault.
    struck : sequence of Struck
    span : (float, float, float)
        Beginning of the history, of the drill, and its hard end; seconds since 1970.
    zone : ZoneInfo
        In which the homes tell the time.
    """
    water = flows({home: lived(home, one, struck, zone).draws for home, one in did.items()}, struck)
    said = [
        report
        for home, meter in meters.items()
        for report in shown(home, meter, water[home], reading_times(meter.period_s, *span), struck)
    ]
    return arriving(sorted(said, key=lambda one: one.at), meters, struck, zone)


def reading_times(period_s: float, since: float, live_s: float, until: float) -> Floats:
    """Return when a meter is read: every period on the full one, and from `live_s` on every `LIVE_S`."""
    first, last = np.floor(since / period_s) + 1, np.floor(live_s / period_s)
    grid: Floats = np.arange(first, last + 1) * period_s
    return np.union1d(grid, np.arange(live_s, until, LIVE_S))


# --- as messages -------------------------------------------------------------------------------------------------------


def messages(some: Sequence[Report]) -> list[encoding.Message]:
    """Write reports that are sent together: of each meter one message, besides those that a fault has spoilt.

    `at` of a message is when its newest report was due.
    """
    batches: dict[str, list[Report]] = {}
    alone: list[Report] = []
    for one in some:
        (batches.setdefault(one.device, []) if _plain(one) else alone).append(one)
    written = list(encoding.messages(alone, {one.device: FORMAT for one in alone}, LITRE))
    for device, batch in batches.items():
        held: list[tuple[datetime, float]] = [(encoding.measured(one), float(one.said)) for one in batch]  # type: ignore[arg-type]
        written += [encoding.Message(batch[-1].at, *said) for said in encoding.readings(FORMAT, device, held, LITRE)]
    return written


def _plain(one: Report) -> bool:
    return isinstance(one.said, float) and one == Report(one.at, one.device, one.gateway, one.said)


def slices(since: float, live_s: float, until: float, last_s: float = HOUR_S) -> list[float]:
    """Return where the stretches of a history end that are sent together: days, then hours, the last `last_s` whole.

    `since`, `live_s`: as in `reading_times`; up to `until` it is sent by days.  Neighbours arrive together, so that what they
    have in common is seen; the end is one stretch, so that what fell due in it is told at its worst.
    """
    days = np.arange(since + DAY_S, until, DAY_S).tolist()
    hours = np.arange(live_s - last_s, until, -HOUR_S).tolist()[::-1]
    return [*days, until, *hours, live_s]
