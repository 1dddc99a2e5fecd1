"""What the service finds of each fault, and what it does not cry about: all of the catalogue through all of the service."""

from collections import Counter

import pytest

from simulators.faults import Fault, faults
from simulators.faults.transport import a_meter
from simulators.faults.transport.garbled import garbled
from simulators.faults.transport.subscriber_down import subscriber_down
from tests.shuian.faulted import AT_S, HOUR_S, Case, FaultedStreet

pytestmark = pytest.mark.slow

PEOPLE = (1, 3)
"""Two regular people: alone they raise nothing for a week."""
STREET = tuple(range(100, 120))
THROUGH = ("M7", "M8", "M9", "M10", "M11", "M12", "M13", "M14", "M16", "M17")
"""Faults of the transport through which a fall must be found: the dangerous pairs."""
ALL = faults()
ALONE = {seed: Case(f"nothing befalls {seed}", (seed,)) for seed in PEOPLE}
STREET_DAYS = 4
"""What befalls many homes at once shows sooner: a gateway is down for three days at most."""
TOGETHER = Case("nothing befalls anybody", STREET, days=STREET_DAYS)


def _often(reports, at, rng):
    return garbled(reports, a_meter(reports, rng), at, 0.3, rng)


GARBLED = [Case(f"M14 often befalls {seed}", (seed,), (Fault("M14", "transport", _often),)) for seed in PEOPLE]
"""Homes of which every third message is spoiled."""


def cases(code):
    """Return the homes that this fault befalls, each with those that live the same life without it.

    What these seeds draw is long enough to be seen: hourly meters do not tell of a cut or a gateway that is back within two
    hours, nor within a week of a battery that takes a month.
    """
    fault = ALL[code]
    if fault.group:
        return [(Case(code, STREET, (fault,), STREET_DAYS), TOGETHER)]
    return [(Case(f"{code} befalls {seed}", (seed,), (fault,)), ALONE[seed]) for seed in PEOPLE]


def pairs(code):
    """Return homes in which somebody falls while the transport is faulty, and a fall alone."""
    return [Case(f"P1 and {code} befall {seed}", (seed,), (ALL["P1"], ALL[code])) for seed in PEOPLE]


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    struck = [case for code in ALL for case, _ in cases(code)] + [case for code in THROUGH for case in pairs(code)]
    lived = FaultedStreet(tmp_path_factory.mktemp("faults"), [*ALONE.values(), TOGETHER, *GARBLED, *struck])
    lived.live()
    yield lived
    lived.street.store.close()


def kinds(street, case, without):
    return {kind for _, kind, _, _ in street.raised(case) - street.raised(without)}


@pytest.mark.parametrize("code", ALL)
def test_a_fault_is_found_as_what_it_is_and_not_as_what_it_is_not(street, code):
    for case, without in cases(code):
        raised = kinds(street, case, without)
        # A drift takes weeks: tests/detectors/test_drift.py.
        assert set(ALL[code].finds) - {"drift"} <= raised, case.name
        assert not raised & set(ALL[code].never), case.name


@pytest.mark.parametrize("code", THROUGH)
def test_a_fall_is_found_through_a_faulty_transport(street, code):
    for case in pairs(code):
        quiets = {onset for _, kind, severity, onset in street.raised(case) if (kind, severity) == ("quiet", "red")}
        assert quiets, case.name


def test_the_people_it_befalls_raise_nothing_by_themselves(street):
    assert [street.raised(case) for case in ALONE.values()] == [set(), set()]


def test_what_is_refused_came_from_garbled_messages_only_and_raises_nothing_but_silence(street):
    refused = Counter(device for device in street.refused if "often" in device)
    assert len(refused) == len(GARBLED)
    assert min(refused.values()) > 20, "three in ten of a week's, less those that say a number too large"
    assert all("M14" in device for device in street.refused)
    assert {kind for case in GARBLED for _, kind, _, _ in street.raised(case)} <= {"meter_silent"}


def test_silence_while_nobody_listened_is_held_against_no_meter_and_hides_no_fall(tmp_path):
    back_s = AT_S + 10 * HOUR_S

    def down(reports, at, rng):
        return subscriber_down(reports, at, back_s)

    nobody = Fault("M17", "transport", down, group=True)
    well, fallen = Case("listened to again", PEOPLE, (nobody,)), Case("fallen meanwhile", PEOPLE, (ALL["P1"], nobody))
    lived = FaultedStreet(tmp_path, [well, fallen])
    lived.live(deaf=(AT_S, back_s))
    assert lived.raised(well) == set()
    told = {home: kind for home, kind, severity, _ in lived.raised(fallen) if severity == "red"}
    assert told == {0: "quiet", 1: "quiet"}
    lived.street.store.close()
