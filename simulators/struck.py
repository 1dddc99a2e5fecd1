"""Homes in which something goes wrong: their whole run, through the four layers of faults.

What somebody does, what flows, what the meter shows and what arrives are worked out one after the other for a home, or for
all homes that share a fault, from the run's beginning to its end.  Until its fault begins a home says what it would say
without one.
"""

from collections.abc import Sequence
from math import ceil, isnan
from typing import Any

import numpy as np

from simulators import doings, encoding, radio, senses
from simulators.doings import Doings
from simulators.faults import faults
from simulators.households import Draws, joined
from simulators.meters import read
from simulators.plan import DAY_S, Plan, Strike, gateway
from simulators.reports import Report


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
    lived = {home: lives(plan, home, mine) for home in homes}
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
    return np.random.default_rng([plan.seed, faults()[strike.code].number, strike.homes[0]])


def lives(plan: Plan, home: int, strikes: Sequence[Strike]) -> Doings:
    """Return what somebody does whom the faults of the person among `strikes` befall, one after the other."""
    did = usual = _lived(plan, home)
    for one in _of(strikes, "person"):
        if home in one.homes:
            did = _befallen(plan, one, did, zone=plan.zone, usual=usual)
    return did


def declared(plan: Plan) -> list[tuple[int, float, float]]:
    """Return (home, left, back) of the journeys that are declared: those of fault P9."""
    found = []
    for nth, one in enumerate(plan.strikes):
        if one.code == "P9":
            (home,) = one.homes
            before, out = (lives(plan, home, plan.strikes[:end]).out for end in (nth, nth + 1))
            left, back = out[~np.isin(out[:, 0], before[:, 0])][0].tolist()
            found.append((home, left, back))
    return found


def _befallen(plan: Plan, strike: Strike, subject: Any, **told: object) -> Any:
    """Return the subject of a fault as it is afterwards; of what could be told the fault is told what it wants."""
    fault = faults()[strike.code]
    return fault.strike(subject, strike.at, rng(plan, strike), **{wish: told[wish] for wish in fault.wants})


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
        if faults()[one.code].group:
            flows |= zip(one.homes, _befallen(plan, one, [flows[home] for home in one.homes]), strict=True)
        else:
            flows[one.homes[0]] = _befallen(plan, one, flows[one.homes[0]])
    return flows


def _water(plan: Plan, home: int, draws: Draws, strikes: Sequence[Strike]) -> list[Report]:
    """Return the register of one home, one report an upload, less what its radio loses."""
    cadence, device = plan.cadence, plan.meter(home)
    uploads = np.arange(plan.start_s + plan.phases[home], plan.end_s, cadence.period_s)
    before_s = cadence.step_s * np.arange(cadence.values - 1, -1, -1)
    measured = uploads[:, None] - before_s
    known = measured >= plan.start_s
    shown = read(device, draws, measured[known], plan.resolution_l, float(plan.first_l[home]))
    for one in strikes:
        if home in one.homes:
            shown = _befallen(plan, one, shown)
    litres = np.full(measured.shape, np.nan)
    litres[known] = np.round(shown.litres, 3)
    heard = ~radio.lost(plan.seeds[[home]], 0, len(uploads), plan.loss, cadence.period_s)[0]
    ago = before_s[:-1].tolist()
    return [
        Report(
            at,
            device,
            gateway(home),
            last,
            earlier=tuple(one for one in zip(ago, held, strict=True) if not isnan(one[1])),
        )
        for at, (*held, last) in zip(uploads[heard].tolist(), litres[heard].tolist(), strict=True)
    ]


def _arriving(plan: Plan, said: list[Report], strikes: Sequence[Strike]) -> list[Report]:
    """Let the faults of the transport befall their own homes' reports, and no others."""
    formats = {plan.meter(home): plan.format(home) for one in strikes for home in one.homes}

    def encode(one: Report) -> bytes:
        written = encoding.report(one, formats.get(one.device, "native"), plan.resolution_l)
        return written[-1][1] if written else b""

    for one in strikes:
        mine = {device for home in one.homes for device in senses.devices(plan, home)}
        others = [report for report in said if report.device not in mine]
        struck = [report for report in said if report.device in mine]
        said = [*others, *_befallen(plan, one, struck, zone=plan.zone, encode=encode)]
    return said
