"""Homes in which something goes wrong: their whole run, through the four layers of faults.

What somebody does, what flows, what the meter shows and what arrives are worked out one after the other for a home, or for
all homes that share a fault, from the run's beginning to its end.  Until its fault begins a home says what it would say
without one.
"""

import inspect
from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from simulators import doings, encoding, radio, senses
from simulators.doings import Doings
from simulators.faults import Fault, faults
from simulators.households import Draws
from simulators.meters import Register, read
from simulators.plain import joined
from simulators.plan import DAY_S, Plan, Strike, gateway
from simulators.reports import Report

Floats = NDArray[np.float64]


def reports(plan: Plan, homes: Sequence[int]) -> list[Report]:
    """Return all that the devices of these homes say in a run that ends, by arrival.

    Raises
    ------
    ValueError
        The run has no end.
    """
    if not np.isfinite(plan.end_s):
        raise ValueError("want a run with an end, got one for ever")
    mine = [one for one in plan.strikes if set(one.homes) <= set(homes)]
    lived = {home: _lived(plan, home) for home in homes}
    for one in _of(mine, "person"):
        for home in one.homes:
            lived[home] = faults()[one.code].strike(lived[home], one.at, rng(plan, one))
    flows = _flows(plan, {home: lived[home].draws for home in homes}, _of(mine, "plumbing"))
    said = [one for home in homes for one in _water(plan, home, flows[home], _of(mine, "meter"))]
    if plan.sensors:
        for home in homes:
            wet = senses.wet([one for one in mine if home in one.homes], flows[home])
            said += senses.reports(plan, home, lived[home], plan.start_s, plan.end_s, wet)
    said.sort(key=lambda one: one.at)
    return sorted(_arriving(plan, said, _of(mine, "transport")), key=lambda one: one.at)


def rng(plan: Plan, strike: Strike) -> np.random.Generator:
    """Return the chance by which a fault draws its parameters."""
    code = "PWM".index(strike.code[0]) * 1000 + int(strike.code[1:])
    return np.random.default_rng([plan.seed, code, strike.homes[0]])


def declared(plan: Plan) -> list[tuple[int, float, float]]:
    """Return (home, left, back) of the journeys that are declared: those of fault P9."""
    found = []
    for one in plan.strikes:
        if one.code == "P9":
            out = faults()[one.code].strike(_lived(plan, one.homes[0]), one.at, rng(plan, one)).out
            left, back = out[out[:, 0] >= one.at][0].tolist()
            found.append((one.homes[0], left, back))
    return found


def _of(strikes: Sequence[Strike], layer: str) -> list[Strike]:
    return [one for one in strikes if faults()[one.code].layer == layer]


def _days(plan: Plan) -> int:
    return ceil((plan.end_s - plan.start_s) / DAY_S)


def _lived(plan: Plan, home: int) -> Doings:
    """Return what somebody does; of homes like recorded ones nothing is known but the water."""
    if plan.like is None:
        return doings.doings(int(plan.seeds[home]), plan.start, _days(plan), plan.zone, plan.profile)
    days = plan.lived(plan.seeds[[home]], plan.start, plan.zone)
    drawn = next(days)
    for _ in range(_days(plan) - 1):
        drawn = joined(drawn, next(days))
    draws = drawn.of(0)
    return Doings(draws, np.sort(doings.steps(draws)), doings.NOTHING)


def _flows(plan: Plan, flows: dict[int, Draws], strikes: Sequence[Strike]) -> dict[int, Draws]:
    for one in strikes:
        fault, chance = faults()[one.code], rng(plan, one)
        if fault.group:
            flows |= zip(one.homes, fault.strike([flows[home] for home in one.homes], one.at, chance), strict=True)
        else:
            flows[one.homes[0]] = fault.strike(flows[one.homes[0]], one.at, chance)
    return flows


def _water(plan: Plan, home: int, draws: Draws, strikes: Sequence[Strike]) -> list[Report]:
    """Return the register of one home, upload by upload, less what its radio loses."""
    cadence, device = plan.cadence, plan.meter(home)
    uploads = np.arange(plan.start_s + plan.phases[home], plan.end_s, cadence.period_s)
    measured = uploads[:, None] - cadence.step_s * np.arange(cadence.values - 1, -1, -1)
    gone = radio.lost(plan.seeds[[home]], 0, len(uploads), plan.loss, cadence.period_s)[0]
    known = measured >= plan.start_s
    shown = read(device, draws, measured[known], plan.resolution_l, float(plan.first_l[home]))
    for one in strikes:
        if home in one.homes:
            shown = faults()[one.code].strike(shown, one.at, rng(plan, one))
    arrives = np.broadcast_to(uploads[:, None], measured.shape)[known]
    heard = np.broadcast_to(~gone[:, None], measured.shape)[known]
    return _said(shown, arrives[heard], heard, device, gateway(home))


def _said(shown: Register, arrives: Floats, heard: NDArray[np.bool_], device: str, through: str) -> list[Report]:
    return [
        Report(at, device, through, round(litres, 3), None if measured == at else measured)
        for at, measured, litres in zip(
            arrives.tolist(), shown.at_s[heard].tolist(), shown.litres[heard].tolist(), strict=True
        )
    ]


def _arriving(plan: Plan, said: list[Report], strikes: Sequence[Strike]) -> list[Report]:
    """Let the faults of the transport befall their own homes' reports, and no others."""
    formats = {plan.meter(home): plan.format(home) for one in strikes for home in one.homes}

    def encode(one: Report) -> bytes:
        return encoding.report(one, formats.get(one.device, "native"), plan.resolution_l)[0][1]

    for one in strikes:
        mine = {device for home in one.homes for device in senses.devices(plan, home)}
        others = [report for report in said if report.device not in mine]
        struck = [report for report in said if report.device in mine]
        fault, chance = faults()[one.code], rng(plan, one)
        more = {"encode": encode} if _writes(fault) else {}
        said = [*others, *fault.strike(struck, one.at, chance, **more)]
    return said


def _writes(fault: Fault) -> bool:
    """Tell whether a fault spoils bytes, and wants to know how they are written."""
    return "encode" in inspect.signature(fault.strike).parameters
