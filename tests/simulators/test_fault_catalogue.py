"""The catalogue of faults: each is there once, says what it shows and what must follow, and can be played again."""

import pickle
import pkgutil
from datetime import datetime, timedelta
from importlib import import_module
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from simulators import faults as room
from simulators.doings import Doings, doings
from simulators.faults import LAYERS, Fault, faults
from simulators.households import Draws
from simulators.meters import Register, read, register
from simulators.reports import Report

CODES = [f"{letter}{n}" for letter, count in (("P", 17), ("W", 9), ("M", 20)) for n in range(1, count + 1)]
KINDS = {
    "battery",
    "quiet",
    "surge",
    "leak",
    "drift",
    "meter_silent",
    "water_outage",
    "radio_outage",
    "sos",
    "leak_sensor",
    "meter_steps",
    "meter_quarantined",
}
ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 2, 20, tzinfo=ZONE)
DAYS, HOMES = 50, 5
AT = (START + timedelta(days=20, hours=9, minutes=24)).timestamp()
HOURS = START.timestamp() + np.arange(24 * DAYS) * 3600.0
LAYER_OF = {"P": {"person", "plumbing"}, "W": {"plumbing"}, "M": {"meter", "transport"}}
each = pytest.mark.parametrize("fault", faults().values(), ids=lambda fault: fault.code)


def modules():
    """Every file of the catalogue, with its layer."""
    for layer in LAYERS:
        package = import_module(f"{room.__name__}.{layer}")
        for file in pkgutil.iter_modules(package.__path__):
            yield layer, import_module(f"{package.__name__}.{file.name}")


def test_every_fault_is_there_once_in_order():
    codes = [module.FAULT.code for _, module in modules() if hasattr(module, "FAULT")]
    assert sorted(codes) == sorted(CODES)
    assert list(faults()) == CODES


def test_a_fault_stands_in_the_folder_of_its_layer():
    for layer, module in modules():
        if hasattr(module, "FAULT"):
            assert module.FAULT.layer == layer, module.__name__
            assert layer in LAYER_OF[module.FAULT.code[0]]
            assert module.FAULT.strike is module.strike


@each
def test_a_fault_says_what_it_shows_and_what_must_follow(fault):
    assert fault.happens.endswith((".", "?"))
    assert "\n" not in fault.happens
    assert len(fault.shows.split()) > 5
    assert len(fault.must.split()) > 5


@each
def test_what_a_fault_raises_are_kinds_of_finding_and_not_also_forbidden(fault):
    assert set(fault.finds) | set(fault.never) <= KINDS
    assert not set(fault.finds) & set(fault.never)


# --- playing it --------------------------------------------------------------------------------------------------------

DID = [doings(seed, START, DAYS, ZONE, trips=False) for seed in range(1, HOMES + 1)]
READ = [read(f"home-{n}", did.draws, HOURS, start_l=1000.37 * (n + 1)) for n, did in enumerate(DID)]
SAID = [
    Report(float(at), one.household, "gateway", float(litres))
    for at, litres_of_all in zip(HOURS, zip(*(one.litres for one in READ), strict=True), strict=True)
    for one, litres in zip(READ, litres_of_all, strict=True)
]
SUBJECTS = {
    "person": DID,
    "plumbing": [did.draws for did in DID],
    "meter": READ,
    "transport": list(SAID),
}


def subject(fault: Fault):
    """What the fault acts on: something of one home, or of all of them."""
    whole = SUBJECTS[fault.layer]
    if fault.group:
        return whole
    return [one for one in SAID if one.device == "home-0"] if fault.layer == "transport" else whole[0]


def struck(fault: Fault, seed: int):
    return fault.strike(subject(fault), AT, np.random.default_rng(seed))


def plain(thing):
    """Return anything as plain values that can be compared."""
    match thing:
        case Doings():
            return plain(thing.draws), thing.moves.tolist(), thing.doors.tolist()
        case Draws():
            return thing.start_s.tolist(), thing.litres.tolist(), thing.duration_s.tolist()
        case Register():
            return thing.household, thing.at_s.tolist(), thing.litres.tolist()
        case Report():
            return repr(thing)
        case _:
            return [plain(one) for one in thing]


def past(thing):
    """Return what could be known of it before the fault."""
    match thing:
        case Doings():
            return past(thing.draws), thing.moves[thing.moves < AT].tolist(), thing.doors[thing.doors < AT].tolist()
        case Draws():
            before = np.append(HOURS[HOURS < AT], AT)
            return np.round(np.diff(register(thing, before, 0.001)), 2).tolist()
        case Register():
            return thing.at_s[thing.at_s < AT].tolist(), np.diff(thing.litres[thing.at_s < AT]).round(3).tolist()
        case [Report(), *_]:
            return [repr(one) for one in thing if one.at < AT]
        case _:
            return [past(one) for one in thing]


@each
def test_the_same_chance_strikes_in_the_same_way(fault):
    for seed in range(4):
        assert plain(struck(fault, seed)) == plain(struck(fault, seed))


@each
def test_a_strike_changes_nothing_that_was_before_it(fault):
    untouched = past(subject(fault))
    for seed in range(4):
        assert past(struck(fault, seed)) == untouched


@each
def test_a_strike_changes_something_and_leaves_its_subject_alone(fault):
    given = pickle.dumps(subject(fault))
    changed = [plain(struck(fault, seed)) != plain(subject(fault)) for seed in range(6)]
    assert any(changed)
    assert pickle.dumps(subject(fault)) == given


@each
def test_a_strike_is_of_its_layer(fault):
    after = struck(fault, 1)
    assert type(after) is (list if fault.group or fault.layer == "transport" else type(subject(fault)))
    if fault.layer == "transport":
        arrivals = [one.at for one in after]
        assert arrivals == sorted(arrivals)
    elif fault.group:
        assert len(after) == HOMES
